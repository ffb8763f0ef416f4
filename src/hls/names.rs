//! Names from models made C++ identifiers: legal, unique, and clear of what headers define.
//!
//! Identifiers made here neither begin nor end with an underscore, so templates may use names that
//! do for things of their own.

use std::collections::BTreeSet;

/// Longest identifier made from a name; parts are appended to it.
const MAX_LENGTH: usize = 48;

/// Words that C++ or its library keep for themselves. A type is named `x_t`, so what the library
/// calls `size_t` forbids `size` here, too.
const RESERVED: &str = "\
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t \
    class compl const const_cast constexpr continue decltype default delete do double dynamic_cast \
    else enum explicit export extern false float for friend goto if inline int long mutable \
    namespace new noexcept not not_eq nullptr operator or or_eq private protected public register \
    reinterpret_cast return short signed sizeof static static_assert static_cast struct switch \
    template this thread_local throw true try typedef typeid typename union unsigned using virtual \
    void volatile wchar_t while xor xor_eq restrict typeof half \
    size_t ssize_t ptrdiff_t nullptr_t max_align_t time_t clock_t clockid_t timer_t div_t ldiv_t \
    lldiv_t imaxdiv_t wint_t wctrans_t wctype_t mbstate_t fpos_t fpos64_t off_t off64_t pid_t uid_t \
    gid_t id_t key_t mode_t dev_t ino_t ino64_t nlink_t blksize_t blkcnt_t loff_t quad_t u_quad_t \
    fsid_t daddr_t caddr_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t \
    u_int8_t u_int16_t u_int32_t u_int64_t register_t intptr_t uintptr_t intmax_t uintmax_t \
    int_least8_t int_least16_t int_least32_t int_least64_t uint_least8_t uint_least16_t \
    uint_least32_t uint_least64_t int_fast8_t int_fast16_t int_fast32_t int_fast64_t uint_fast8_t \
    uint_fast16_t uint_fast32_t uint_fast64_t sigset_t sig_atomic_t locale_t suseconds_t useconds_t \
    pthread_t float_t double_t fenv_t fexcept_t error_t va_list jmp_buf \
    main nn own std hls null eof bufsiz stdin stdout stderr errno assert inline_t linux unix i386 \
    infinity nan huge_val rand_max exit_success exit_failure bias ap_max ap_min ap_abs ap_weak \
    ap_int ap_uint ap_fixed ap_ufixed ap_trn ap_rnd ap_sat ap_wrap nn_trace nn_tracing file \
    nn_host nn_constant ac ac_int ac_fixed ac_trn ac_rnd ac_sat ac_wrap ac_max ac_min ac_abs ac_assert \
    component ihc sycl intel hls_register ccs_block ccs_main ccs_return slong ulong";

/// Words that DSLX keeps for itself, and functions that it has.
const DSLX: &str = "\
    all_ones_value any as assert assert_eq assert_lt attribute bits bit_slice_update bool case chan clz concat \
    config const const_assert cover ctz decode derive element_count else encode enum enumerate fail false fn for \
    fuzz_test gate if impl import in init join let map match next one_hot one_hot_sel or_reduce out priority_sel \
    proc pub quickcheck range recv rev self send signex slice smulp spawn state struct test test_proc token trace \
    trait true type umulp uN sN xN unroll_for update use widening_cast checked_cast xor_reduce and_reduce \
    zero zip array_rev array_size array_slice bit_count";

/// Hands out identifiers, each once; case does not tell two apart, because files are named after
/// them.
#[derive(Debug)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Only the reserved words are taken.
    pub(super) fn new() -> Names {
        Names { taken: RESERVED.split_whitespace().map(str::to_owned).collect() }
    }

    /// Names for DSLX: neither are its words taken.
    pub(super) fn dslx() -> Names {
        let Names { mut taken } = Names::new();
        taken.extend(DSLX.split_whitespace().map(str::to_lowercase));
        // Types: `u8`, `s1`.
        taken.extend((1..=128).flat_map(|bits| [format!("u{bits}"), format!("s{bits}")]));
        Names { taken }
    }

    /// An identifier like `name`, which may be any text.
    pub(super) fn claim(&mut self, name: &str) -> String {
        self.free(&identifier(name))
    }

    /// An identifier for a part of something that has one.
    pub(super) fn part(&mut self, of: &str, part: &str) -> String {
        self.free(&format!("{of}_{part}"))
    }

    fn free(&mut self, wish: &str) -> String {
        let numbered = (2..).map(|k: u32| format!("{wish}_{k}"));
        let name = std::iter::once(wish.to_owned())
            .chain(numbered)
            .find(|it| self.is_free(it))
            .expect("there are more numbers than names");
        self.taken.insert(name.to_lowercase());
        name
    }

    fn is_free(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        !self.taken.contains(&name)
            && !RESERVED.split_whitespace().any(|it| it == format!("{name}_t"))
    }
}

/// The text with everything that no identifier may hold replaced.
fn identifier(name: &str) -> String {
    let mut id = String::new();
    for it in name.chars() {
        match it {
            it if it.is_ascii_alphanumeric() => id.push(it),
            _ if !id.is_empty() && !id.ends_with('_') => id.push('_'),
            _ => {}
        }
        if id.len() == MAX_LENGTH {
            break;
        }
    }
    let id = id.trim_end_matches('_');
    match id.chars().next() {
        None => "value".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n{id}"),
        Some(_) => id.to_owned(),
    }
}

/// A text for the rest of a `//` line: printable, and without what could continue the line.
pub(super) fn comment(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() || it == '\\' || it == '?' { ' ' } else { it })
        .collect()
}

/// A text between the quotes of a Tcl string.
pub(super) fn tcl(text: &str) -> String {
    let mut quoted = String::new();
    for it in text.chars().filter(|it| !it.is_control()) {
        if "\\\"$[]{};".contains(it) {
            quoted.push('\\');
        }
        quoted.push(it);
    }
    quoted
}

/// A text as a word that means itself to a shell, to make and to CMake.
pub(super) fn word(text: &str) -> String {
    text.chars().filter(|it| it.is_ascii_alphanumeric() || "._-".contains(*it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_legal_and_unique() {
        let mut names = Names::new();
        let wishes =
            ["a/b", "a_b", "A_B", "3x3", "class", "size", "__init__", "", "größe", "a//b_"];
        let made = wishes.map(|it| names.claim(it));
        let expected = [
            "a_b", "a_b_2", "A_B_3", "n3x3", "class_2", "size_2", "init", "value", "gr_e", "a_b_4",
        ];
        assert_eq!(made, expected);
        assert_eq!(names.part("a_b", "2"), "a_b_2_2");
    }

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(comment("a\nb\\"), "a b ");
        assert_eq!(tcl("x[exit]\"$y"), "x\\[exit\\]\\\"\\$y");
        assert_eq!(word("10AX-1.5$(rm)\n;x"), "10AX-1.5rmx");
    }
}
