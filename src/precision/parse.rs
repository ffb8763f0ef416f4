//! Precision strings: every spelling of a fixed-point type that hls4ml and the vendors use.
//!
//! `fixed<16,6>`, `ap_ufixed<8, 0, AP_RND, AP_SAT, 0>`, `int<8>`, `ac_fixed<9,3,true,AC_RND>`, `auto`.
//! Names and modes may be in any case. What [`Format`] prints is read back to the same format.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fixed::{Format, MAX_SHIFT, MAX_WIDTH, Overflow, Rounding};

/// What a user writes where a type is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Left to inference.
    Auto,
    /// This format.
    Fixed(Format),
}

impl Precision {
    /// The format, unless it is left to inference.
    pub fn format(self) -> Option<Format> {
        match self {
            Precision::Auto => None,
            Precision::Fixed(format) => Some(format),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Precision::Auto => f.write_str("auto"),
            Precision::Fixed(format) => format.fmt(f),
        }
    }
}

impl Serialize for Precision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Precision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a string is no precision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrecisionError {
    /// Floating point.
    #[error("{text:?} is a floating-point type (supported: {SUPPORTED})")]
    Float {
        /// The string.
        text: String,
    },
    /// No type at all.
    #[error("{text:?} is not a type (supported: {SUPPORTED})")]
    Unknown {
        /// The string.
        text: String,
    },
    /// The brackets do not match: in YAML often a missing pair of quotes.
    #[error("{text:?} has no closing > (quote the type: in {{...}} YAML ends a word at a comma)")]
    Unclosed {
        /// The string.
        text: String,
    },
    /// Too few or too many arguments.
    #[error("{text:?} has {found} arguments, expected {expected}")]
    Arguments {
        /// The string.
        text: String,
        /// How many it has.
        found: usize,
        /// What they should be.
        expected: &'static str,
    },
    /// An argument that should be a number (or true, false) is something else.
    #[error("{found:?} in {text:?} is not {expected}")]
    Argument {
        /// The string.
        text: String,
        /// The argument.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Saturation bits, which no flow of ours implements.
    #[error("{text:?} asks for {bits} saturation bits (supported: 0)")]
    SaturationBits {
        /// The string.
        text: String,
        /// How many.
        bits: i64,
    },
    /// The format cannot exist.
    #[error(
        "{text:?} cannot be represented: 1 to {MAX_WIDTH} bits (one less if unsigned), \
         binary point at most {MAX_SHIFT} bits away"
    )]
    Illegal {
        /// The string.
        text: String,
    },
}

const SUPPORTED: &str = "auto, fixed<W,I[,Q,O]>, ufixed<W,I[,Q,O]>, int<W>, uint<W>, \
     ac_fixed<W,I,S[,Q,O]>, ac_int<W,S>";

impl FromStr for Precision {
    type Err = PrecisionError;
    fn from_str(text: &str) -> Result<Precision, PrecisionError> {
        parse_precision(text)
    }
}

/// Reads a precision string.
///
/// # Errors
/// The string is no fixed-point type, or one that cannot be represented.
pub fn parse_precision(text: &str) -> Result<Precision, PrecisionError> {
    let lower = text.trim().to_ascii_lowercase();
    if lower == "auto" {
        return Ok(Precision::Auto);
    }
    let owned = || text.to_owned();
    let (name, arguments) = lower.split_once('<').map_or((lower.as_str(), None), |(name, rest)| {
        (name.trim_end(), Some(rest.strip_suffix('>')))
    });
    if is_float(name) {
        return Err(PrecisionError::Float { text: owned() });
    }
    let (name, ac) = match (name.strip_prefix("ap_"), name.strip_prefix("ac_")) {
        (Some(name), _) => (name, false),
        (_, Some(name)) => (name, true),
        _ => (name, false),
    };
    let (signed, fixed) = match name {
        "fixed" => (true, true),
        "ufixed" if !ac => (false, true),
        "int" => (true, false),
        "uint" if !ac => (false, false),
        _ => return Err(PrecisionError::Unknown { text: owned() }),
    };
    let arguments = match arguments {
        Some(Some(arguments)) => arguments.split(',').map(str::trim).collect(),
        Some(None) => return Err(PrecisionError::Unclosed { text: owned() }),
        None => Vec::new(),
    };
    Arguments { text, given: &arguments, ac }.format(signed, fixed).map(Precision::Fixed)
}

/// Types with an exponent: the standard ones and the vendors'.
fn is_float(name: &str) -> bool {
    matches!(name, "float" | "double" | "half" | "bfloat16")
        || ["ap_float", "ac_float", "ac_std_float", "std_float"].contains(&name)
}

/// What stands between the angle brackets.
struct Arguments<'a> {
    text: &'a str,
    given: &'a [&'a str],
    /// Whether signedness is an argument of its own.
    ac: bool,
}

impl Arguments<'_> {
    fn format(&self, signed: bool, fixed: bool) -> Result<Format, PrecisionError> {
        // W, I of a fixed type, S of an ac type, then Q, O, N of a fixed type.
        let required = if fixed { 2 } else { 1 };
        let sizes = required + usize::from(self.ac);
        let modes = if fixed { 3 } else { 0 };
        if self.given.len() < required || self.given.len() > sizes + modes {
            let text = self.text.to_owned();
            let expected = self.expected(fixed);
            return Err(PrecisionError::Arguments { text, found: self.given.len(), expected });
        }
        let width = self.int(0, "a number of bits")?;
        let int_bits = if fixed { self.int(1, "a number of integer bits")? } else { width };
        let signed = if self.ac { self.signed(required)? } else { signed };
        let rounding = match self.given.get(sizes) {
            Some(mode) => self.mode(mode, &Rounding::ALL, Rounding::name, ROUNDING)?,
            // A cast to ap_int goes toward zero, as C++ converts to integers.
            None if !fixed && !self.ac => Rounding::TrnZero,
            None => Rounding::Trn,
        };
        let overflow = match self.given.get(sizes + 1) {
            Some(mode) => self.mode(mode, &Overflow::ALL, Overflow::name, OVERFLOW)?,
            None => Overflow::Wrap,
        };
        if self.given.len() > sizes + 2 {
            let bits = self.int(sizes + 2, "a number of saturation bits")?;
            if bits != 0 {
                return Err(PrecisionError::SaturationBits { text: self.text.to_owned(), bits });
            }
        }
        let illegal = || PrecisionError::Illegal { text: self.text.to_owned() };
        let format = Format {
            signed,
            width: u32::try_from(width).map_err(|_| illegal())?,
            int_bits: i32::try_from(int_bits).map_err(|_| illegal())?,
            rounding,
            overflow,
        };
        // Bounds first, so that no sum below can overflow.
        let bounded = format.width <= MAX_WIDTH && format.int_bits.unsigned_abs() <= 1 << 20;
        if bounded && format.is_legal() { Ok(format) } else { Err(illegal()) }
    }

    fn expected(&self, fixed: bool) -> &'static str {
        match (fixed, self.ac) {
            (true, false) => "W,I[,Q[,O[,N]]]",
            (true, true) => "W,I[,S[,Q[,O]]]",
            (false, false) => "W",
            (false, true) => "W[,S]",
        }
    }

    fn wrong(&self, found: &str, expected: &'static str) -> PrecisionError {
        PrecisionError::Argument { text: self.text.to_owned(), found: found.to_owned(), expected }
    }

    fn int(&self, at: usize, expected: &'static str) -> Result<i64, PrecisionError> {
        self.given[at].parse().map_err(|_| self.wrong(self.given[at], expected))
    }

    /// The sign argument of ac types; signed if left out, as hls4ml has it.
    fn signed(&self, at: usize) -> Result<bool, PrecisionError> {
        match self.given.get(at).copied() {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(self.wrong(other, "true or false")),
        }
    }

    fn mode<M: Copy>(
        &self,
        found: &str,
        all: &[M],
        name: fn(M) -> &'static str,
        expected: &'static str,
    ) -> Result<M, PrecisionError> {
        let plain = found.strip_prefix("ap_").or(found.strip_prefix("ac_")).unwrap_or(found);
        let mut modes = all.iter().copied();
        modes
            .find(|mode| name(*mode).eq_ignore_ascii_case(plain))
            .ok_or_else(|| self.wrong(found, expected))
    }
}

const ROUNDING: &str =
    "a rounding mode (TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF, RND_CONV)";
const OVERFLOW: &str = "an overflow mode (WRAP, SAT, SAT_ZERO, SAT_SYM)";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        match parse_precision(text) {
            Ok(precision) => precision.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn spellings() {
        for (text, expected) in [
            ("auto", "auto"),
            (" AUTO ", "auto"),
            ("fixed<16,6>", "fixed<16,6>"),
            ("ap_fixed< 16 , 6 >", "fixed<16,6>"),
            ("AP_FIXED<16,6>", "fixed<16,6>"),
            ("fixed<16,6,TRN,WRAP,0>", "fixed<16,6>"),
            ("ap_ufixed<8,-3,AP_RND_CONV,AP_SAT_SYM>", "ufixed<8,-3,RND_CONV,SAT_SYM>"),
            ("fixed<18,8,RND,SAT,0>", "fixed<18,8,RND,SAT>"),
            ("fixed<18,8,rnd_min_inf>", "fixed<18,8,RND_MIN_INF,WRAP>"),
            ("int<5>", "fixed<5,5,TRN_ZERO,WRAP>"),
            ("uint<1>", "ufixed<1,1,TRN_ZERO,WRAP>"),
            ("ap_int<8>", "fixed<8,8,TRN_ZERO,WRAP>"),
            ("ac_fixed<9,3,true,AC_RND,AC_SAT_SYM>", "fixed<9,3,RND,SAT_SYM>"),
            ("ac_fixed<9,3,false>", "ufixed<9,3>"),
            ("ac_fixed<9,3>", "fixed<9,3>"),
            ("ac_int<4,0>", "ufixed<4,4>"),
            ("fixed<128,1024>", "fixed<128,1024>"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn faults_name_what_is_wrong() {
        for (text, part) in [
            ("float", "floating-point"),
            ("half", "floating-point"),
            ("bfloat16", "floating-point"),
            ("ap_float<16,5>", "floating-point"),
            ("ac_std_float<32,8>", "floating-point"),
            ("", "is not a type"),
            ("fixd<16,6>", "is not a type"),
            ("ac_ufixed<8,2>", "is not a type"),
            ("fixed<16,6", "no closing >"),
            ("fixed", "0 arguments, expected W,I"),
            ("fixed<16>", "1 arguments, expected W,I"),
            ("fixed<>", "1 arguments"),
            ("int<8,8>", "2 arguments, expected W"),
            ("fixed<16,6,TRN,WRAP,0,0>", "6 arguments"),
            ("fixed<a,6>", "\"a\""),
            ("fixed<16,6,ROUND>", "a rounding mode"),
            ("fixed<16,6,RND,CLIP>", "an overflow mode"),
            ("fixed<16,6,RND,SAT,2>", "2 saturation bits"),
            ("ac_int<4,maybe>", "true or false"),
            ("fixed<0,0>", "cannot be represented"),
            ("fixed<129,6>", "cannot be represented"),
            ("ufixed<128,6>", "cannot be represented"),
            ("fixed<-4,6>", "cannot be represented"),
            ("fixed<16,2000>", "cannot be represented"),
            ("fixed<16,-2147483648>", "cannot be represented"),
        ] {
            let text = parsed(text);
            assert!(text.starts_with("error: ") && text.contains(part), "{part}: {text}");
        }
    }

    fn formats() -> impl Strategy<Value = Format> {
        (any::<bool>(), 1..=128u32, -900..=1024i32, 0..7usize, 0..4usize)
            .prop_map(|(signed, width, int_bits, q, o)| {
                Format { signed, ..Format::signed(width, int_bits) }
                    .with(Rounding::ALL[q], Overflow::ALL[o])
            })
            .prop_filter("legal", |it| it.is_legal())
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(format in formats()) {
            prop_assert_eq!(parse_precision(&format.to_string()), Ok(Precision::Fixed(format)));
        }

        #[test]
        fn ac_spelling_reads_the_same(format in formats()) {
            let Format { width, int_bits, signed, rounding, overflow } = format;
            let text = format!(
                "ac_fixed<{width}, {int_bits}, {signed}, AC_{}, AC_{}>",
                rounding.name(),
                overflow.name(),
            );
            prop_assert_eq!(parse_precision(&text), Ok(Precision::Fixed(format)));
        }

        #[test]
        fn nothing_panics(text in "(ap_|ac_)?u?(fixed|int)?<?[-0-9a-zA-Z_, ]{0,30}>?") {
            let _ = parse_precision(&text);
        }
    }
}
