//! Formats and mantissas as C++ text.

use super::Library;
use crate::fixed::{Format, Overflow, Rounding};

/// Columns of a generated line.
const COLUMNS: usize = 96;

/// `ap_fixed<16, 6, AP_RND, AP_SAT>`, `ac_fixed<16, 6, true, AC_RND, AC_SAT>`.
pub(super) fn type_text(library: Library, format: Format) -> String {
    let Format { signed, width, int_bits, rounding, overflow } = format;
    let [name, prefix, sign] = match (library, signed) {
        (Library::Ap, true) => ["ap_fixed", "AP", ""],
        (Library::Ap, false) => ["ap_ufixed", "AP", ""],
        (Library::Ac, true) => ["ac_fixed", "AC", ", true"],
        (Library::Ac, false) => ["ac_fixed", "AC", ", false"],
    };
    let modes = match (rounding, overflow) {
        (Rounding::Trn, Overflow::Wrap) => String::new(),
        (rounding, overflow) => {
            format!(", {prefix}_{}, {prefix}_{}", rounding.name(), overflow.name())
        }
    };
    format!("{name}<{width}, {int_bits}{sign}{modes}>")
}

/// The mantissa's value in decimal, if a double holds it exactly.
pub(super) fn decimal(mantissa: i128, frac: i32) -> Option<String> {
    if mantissa == 0 {
        return Some("0.0".to_owned());
    }
    let magnitude = mantissa.unsigned_abs();
    let top = 127 - magnitude.leading_zeros() as i32 - frac;
    let significant = 128 - magnitude.leading_zeros() - magnitude.trailing_zeros();
    let exact = significant <= 53 && (-1022..1024).contains(&top);
    exact.then(|| format!("{:?}", crate::fixed::to_f64(mantissa, frac)))
}

/// The mantissa as the bits of a value of type `ty`.
pub(super) fn from_bits(mantissa: i128, ty: &str) -> String {
    let bits = mantissa as u128;
    format!("nn::from_bits<{ty}>(0x{:x}ULL, 0x{:x}ULL)", (bits >> 64) as u64, bits as u64)
}

/// An expression of type `ty` with the mantissa's value.
pub(super) fn expression(mantissa: i128, frac: i32, ty: &str) -> String {
    decimal(mantissa, frac).unwrap_or_else(|| from_bits(mantissa, ty))
}

/// Items of an initializer list in lines of readable length, each item followed by a comma.
pub(super) fn rows(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for item in items {
        match rows.last_mut() {
            Some(row) if row.len() + item.len() + 2 <= COLUMNS => {
                row.push(' ');
                row.push_str(&item);
            }
            _ => rows.push(item),
        }
        rows.last_mut().expect("a row was pushed").push(',');
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        let cases = [
            (0, 7, Some("0.0")),
            (-3, 1, Some("-1.5")),
            (5, -3, Some("40.0")),
            (1, 30, Some("9.313225746154785e-10")),
            ((1 << 60) + 1, 10, None),
            (1, 1030, None),
        ];
        for (mantissa, frac, expected) in cases {
            assert_eq!(decimal(mantissa, frac).as_deref(), expected, "{mantissa} {frac}");
        }
    }

    #[test]
    fn types_read_as_the_vendor_spells_them() {
        let format = Format::signed(16, 6);
        let texts = |format| [Library::Ap, Library::Ac].map(|it| type_text(it, format));
        assert_eq!(texts(format), ["ap_fixed<16, 6>", "ac_fixed<16, 6, true>"]);
        let rounded = ["ap_fixed<16, 6, AP_RND, AP_SAT>", "ac_fixed<16, 6, true, AC_RND, AC_SAT>"];
        assert_eq!(texts(format.rounded()), rounded);
        let unsigned = ["ap_ufixed<3, -2>", "ac_fixed<3, -2, false>"];
        assert_eq!(texts(Format::unsigned(3, -2)), unsigned);
    }
}
