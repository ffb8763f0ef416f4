//! Element types of stored tensors: which numbers each of them can hold, and how they lie in bytes.
//!
//! Values live in `f64`, which holds all of these types exactly but 64-bit integers beyond 2^53;
//! the type stays beside a constant, so that folding rounds where the framework would.

use std::rc::Rc;

use ndarray::{ArrayD, IxDyn};

use crate::source::{Packed, Tensor};

/// A constant with its element type.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::frontend) struct Value {
    /// Element type.
    pub(in crate::frontend) dtype: DataType,
    /// Elements.
    pub(in crate::frontend) data: Packed,
}

impl Value {
    /// A constant of as many elements as `shape` says; `None` otherwise.
    pub(in crate::frontend) fn new(
        dtype: DataType,
        shape: &[usize],
        data: Vec<f64>,
    ) -> Option<Value> {
        let data = ArrayD::from_shape_vec(IxDyn(shape), data).ok()?;
        Some(Value::of(dtype, data))
    }

    /// A constant.
    pub(in crate::frontend) fn of(dtype: DataType, data: Tensor) -> Value {
        Value { dtype, data: Packed::from(data) }
    }

    /// The elements, which are copied if somebody else holds the constant.
    pub(in crate::frontend) fn take(value: Rc<Value>) -> Packed {
        Rc::try_unwrap(value).map_or_else(|it| it.data.clone(), |it| it.data)
    }

    /// The elements as integers; limits of 64 bits for what lies beyond them.
    pub(in crate::frontend) fn ints(&self) -> Vec<i64> {
        self.data.iter().map(|v| *v as i64).collect()
    }
}

/// An element type that can become a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::frontend) enum DataType {
    /// IEEE double.
    F64,
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// The upper half of a single.
    Bf16,
    /// 0 or 1.
    Bool,
    /// Two's complement integer.
    Int(u32),
    /// Unsigned integer.
    Uint(u32),
}

impl DataType {
    /// Bits an element takes when stored.
    pub(in crate::frontend) fn bits(self) -> usize {
        match self {
            DataType::F64 => 64,
            DataType::F32 => 32,
            DataType::F16 | DataType::Bf16 => 16,
            DataType::Bool => 8,
            DataType::Int(bits) | DataType::Uint(bits) => bits as usize,
        }
    }

    /// Whether it is an integer (a truth value is none).
    pub(in crate::frontend) fn is_int(self) -> bool {
        matches!(self, DataType::Int(_) | DataType::Uint(_))
    }

    /// The value of this type nearest to `v`, ties to even; `None` if an integer is out of range.
    pub(in crate::frontend) fn round(self, v: f64) -> Option<f64> {
        match self {
            DataType::F64 => Some(v),
            DataType::F32 => Some(f64::from(v as f32)),
            DataType::F16 => Some(round_float(v, 10, -14, 65504.0)),
            DataType::Bf16 => Some(round_float(v, 7, -126, 2f64.powi(128) - 2f64.powi(120))),
            DataType::Bool => Some(f64::from(v != 0.0)),
            DataType::Int(bits) => {
                let half = 2f64.powi(bits as i32 - 1);
                in_range(v, -half, half - 1.0)
            }
            DataType::Uint(bits) => in_range(v, 0.0, 2f64.powi(bits as i32) - 1.0),
        }
    }

    /// What `Cast` makes of `v`: floats lose their fraction on the way to an integer.
    pub(in crate::frontend) fn cast(self, v: f64) -> Option<f64> {
        self.round(if self.is_int() { v.trunc() } else { v })
    }

    /// Reads elements stored one behind the other as little-endian bytes.
    pub(in crate::frontend) fn read(
        self,
        bytes: &[u8],
        elements: usize,
    ) -> Result<Vec<f64>, ReadError> {
        let expected = match self.bits() {
            4 => Some(elements.div_ceil(2)),
            bits => elements.checked_mul(bits / 8),
        };
        if expected != Some(bytes.len()) {
            let expected = expected.unwrap_or(usize::MAX);
            return Err(ReadError::Bytes { expected, found: bytes.len() });
        }
        Ok(match self {
            DataType::F64 => words(bytes, f64::from_le_bytes),
            DataType::F32 => words(bytes, |it| f64::from(f32::from_le_bytes(it))),
            DataType::F16 => words(bytes, |it| from_f16(u16::from_le_bytes(it))),
            DataType::Bf16 => words(bytes, |it| from_bf16(u16::from_le_bytes(it))),
            DataType::Bool => bytes.iter().map(|it| f64::from(u8::from(*it != 0))).collect(),
            DataType::Int(4) | DataType::Uint(4) => {
                nibbles(bytes.iter().copied(), elements, self == DataType::Int(4))
            }
            DataType::Int(8) => words(bytes, |it| f64::from(i8::from_le_bytes(it))),
            DataType::Int(16) => words(bytes, |it| f64::from(i16::from_le_bytes(it))),
            DataType::Int(32) => words(bytes, |it| f64::from(i32::from_le_bytes(it))),
            DataType::Int(_) => {
                words(bytes, i64::from_le_bytes).into_iter().map(exact).collect::<Result<_, _>>()?
            }
            DataType::Uint(8) => words(bytes, |it| f64::from(u8::from_le_bytes(it))),
            DataType::Uint(16) => words(bytes, |it| f64::from(u16::from_le_bytes(it))),
            DataType::Uint(32) => words(bytes, |it| f64::from(u32::from_le_bytes(it))),
            DataType::Uint(_) => {
                words(bytes, u64::from_le_bytes).into_iter().map(exact).collect::<Result<_, _>>()?
            }
        })
    }
}

/// Why stored elements cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// Data of the wrong length.
    #[error("its shape needs {expected} bytes, but {found} are stored")]
    Bytes {
        /// Bytes of that many elements.
        expected: usize,
        /// Bytes stored.
        found: usize,
    },
    /// An integer a double cannot hold.
    #[error("the integer {value} is beyond 2^53 and not exact as a float")]
    Inexact {
        /// The value.
        value: i128,
    },
}

/// Reads words of `N` bytes.
fn words<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks::<N>();
    words.iter().map(|it| read(*it)).collect()
}

/// Four-bit integers, the first of each pair in the low half.
pub(in crate::frontend) fn nibbles(
    bytes: impl Iterator<Item = u8>,
    elements: usize,
    signed: bool,
) -> Vec<f64> {
    let value = |nibble: u8| match signed && nibble > 7 {
        true => f64::from(nibble) - 16.0,
        false => f64::from(nibble),
    };
    bytes.flat_map(|it| [value(it & 15), value(it >> 4)]).take(elements).collect()
}

/// An integer as a double. Those beyond 2^62 only ever mean "to the end" and may lose bits.
pub(in crate::frontend) fn exact(value: impl Into<i128>) -> Result<f64, ReadError> {
    let value = value.into();
    let float = value as f64;
    match float as i128 == value || value.unsigned_abs() >= 1 << 62 {
        true => Ok(float),
        false => Err(ReadError::Inexact { value }),
    }
}

/// `v` if it is an integer within the limits. For 64 bits the upper limit is 2^63 or 2^64, the
/// stand-in for the largest integer.
fn in_range(v: f64, low: f64, high: f64) -> Option<f64> {
    (v >= low && v <= high && v.fract() == 0.0).then_some(v)
}

/// Rounds to a binary float with `fraction` stored bits and least normal exponent `least`.
fn round_float(v: f64, fraction: i32, least: i32, max: f64) -> f64 {
    if v == 0.0 || !v.is_finite() {
        return v;
    }
    let exponent = exponent(v).max(least);
    let ulp = 2f64.powi(exponent - fraction);
    let rounded = (v / ulp).round_ties_even() * ulp;
    if rounded.abs() > max { f64::INFINITY.copysign(v) } else { rounded }
}

/// Exponent of a normal double; anything below all the smaller types for a subnormal one.
fn exponent(v: f64) -> i32 {
    ((v.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// The value of a half's bits.
pub(in crate::frontend) fn from_f16(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The value of a bfloat16's bits.
pub(in crate::frontend) fn from_bf16(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_rounds_to_itself_and_its_middle_to_even() {
        for bits in 0..0x7c00u16 {
            let v = from_f16(bits);
            assert_eq!(DataType::F16.round(v), Some(v), "{bits:#x}");
            if bits + 1 < 0x7c00 {
                let next = from_f16(bits + 1);
                let even = if bits & 1 == 0 { v } else { next };
                assert_eq!(DataType::F16.round((v + next) / 2.0), Some(even), "{bits:#x}");
            }
        }
        assert_eq!(from_f16(0x3c00), 1.0);
        assert_eq!(from_f16(0xc000), -2.0);
        assert_eq!(from_f16(0x0001), 2f64.powi(-24));
        assert_eq!(from_f16(0xfc00), f64::NEG_INFINITY);
        assert!(from_f16(0x7c01).is_nan());
        assert_eq!(DataType::F16.round(65520.0), Some(f64::INFINITY));
        assert_eq!(DataType::F16.round(65519.9), Some(65504.0));
    }

    #[test]
    fn bfloat_rounds_like_its_single() {
        for bits in [0u16, 1, 0x80, 0x3f80, 0x3f81, 0x7f7f, 0xbf80, 0x0081] {
            let v = from_bf16(bits);
            assert_eq!(DataType::Bf16.round(v), Some(v), "{bits:#x}");
        }
        assert_eq!(DataType::Bf16.round(1.0 + 2f64.powi(-8)), Some(1.0));
        assert_eq!(DataType::Bf16.round(1.0 + 3.0 * 2f64.powi(-8)), Some(1.0 + 2f64.powi(-6)));
        assert_eq!(DataType::Bf16.round(3.4e38), Some(f64::INFINITY));
    }

    #[test]
    fn integers_have_limits() {
        assert_eq!(DataType::Int(8).round(-128.0), Some(-128.0));
        assert_eq!(DataType::Int(8).round(128.0), None);
        assert_eq!(DataType::Uint(4).round(15.0), Some(15.0));
        assert_eq!(DataType::Uint(4).round(-1.0), None);
        assert_eq!(DataType::Int(64).cast(-1.9), Some(-1.0));
        assert_eq!(DataType::Int(32).cast(f64::NAN), None);
        assert_eq!(DataType::Bool.cast(0.3), Some(1.0));
    }
}
