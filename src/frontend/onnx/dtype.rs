//! Element types of ONNX tensors: which numbers each of them can hold.
//!
//! Values live in `f64`, which holds all of these types exactly but 64-bit integers beyond 2^53;
//! the type stays beside a constant, so that folding rounds where the framework would.

use super::error::TensorError;

/// An element type that can become a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataType {
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

/// Types by their `TensorProto.DataType` number.
const TYPES: [(i32, DataType); 15] = [
    (1, DataType::F32),
    (2, DataType::Uint(8)),
    (3, DataType::Int(8)),
    (4, DataType::Uint(16)),
    (5, DataType::Int(16)),
    (6, DataType::Int(32)),
    (7, DataType::Int(64)),
    (9, DataType::Bool),
    (10, DataType::F16),
    (11, DataType::F64),
    (12, DataType::Uint(32)),
    (13, DataType::Uint(64)),
    (16, DataType::Bf16),
    (21, DataType::Uint(4)),
    (22, DataType::Int(4)),
];

impl DataType {
    /// The type of `TensorProto.DataType` number `id`.
    pub(super) fn from_id(id: i32) -> Result<DataType, TensorError> {
        match id {
            8 => Err(TensorError::Strings),
            14 | 15 => Err(TensorError::Complex),
            _ => TYPES
                .iter()
                .find_map(|(known, it)| (*known == id).then_some(*it))
                .ok_or(TensorError::Type { id }),
        }
    }

    /// Its `TensorProto.DataType` number.
    pub(super) fn id(self) -> i32 {
        let undefined = 0;
        TYPES.iter().find_map(|(id, it)| (*it == self).then_some(*id)).unwrap_or(undefined)
    }

    /// Bits an element takes in `raw_data`.
    pub(super) fn bits(self) -> usize {
        match self {
            DataType::F64 => 64,
            DataType::F32 => 32,
            DataType::F16 | DataType::Bf16 => 16,
            DataType::Bool => 8,
            DataType::Int(bits) | DataType::Uint(bits) => bits as usize,
        }
    }

    /// Whether it is an integer (a truth value is none).
    pub(super) fn is_int(self) -> bool {
        matches!(self, DataType::Int(_) | DataType::Uint(_))
    }

    /// The value of this type nearest to `v`, ties to even; `None` if an integer is out of range.
    pub(super) fn round(self, v: f64) -> Option<f64> {
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
    pub(super) fn cast(self, v: f64) -> Option<f64> {
        self.round(if self.is_int() { v.trunc() } else { v })
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
pub(super) fn from_f16(bits: u16) -> f64 {
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
pub(super) fn from_bf16(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip() {
        for id in (1..=22).filter(|id| ![8, 14, 15, 17, 18, 19, 20].contains(id)) {
            assert_eq!(DataType::from_id(id).unwrap().id(), id);
        }
    }

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
