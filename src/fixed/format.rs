//! Fixed-point formats and `requantize`: the one definition of the arithmetic.
//!
//! A format is what `ap_fixed<W, I, Q, O>` is: a mantissa of `W` bits, two's complement if signed,
//! worth `2^-(W-I)` a unit. A cast rounds first and looks at overflow afterwards, as the vendor's
//! headers do; every other part of nn2rtl (emulator, HLS, RTL) is checked against this file.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::word::Word;

/// Largest mantissa, in bits, that any value may have.
pub const MAX_WIDTH: u32 = 128;

/// Largest distance of the binary point from the mantissa, in bits.
pub const MAX_SHIFT: i32 = 1024;

/// What happens to the bits below the least significant one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Rounding {
    /// Toward minus infinity: the bits are dropped.
    #[default]
    Trn,
    /// Toward zero.
    TrnZero,
    /// To nearest, halves toward plus infinity.
    Rnd,
    /// To nearest, halves toward zero.
    RndZero,
    /// To nearest, halves away from zero.
    RndInf,
    /// To nearest, halves toward minus infinity.
    RndMinInf,
    /// To nearest, halves to the even mantissa.
    RndConv,
}

impl Rounding {
    /// Every mode.
    pub const ALL: [Rounding; 7] = [
        Rounding::Trn,
        Rounding::TrnZero,
        Rounding::Rnd,
        Rounding::RndZero,
        Rounding::RndInf,
        Rounding::RndMinInf,
        Rounding::RndConv,
    ];

    /// The name in `ap_fixed`, without the `AP_` prefix.
    pub fn name(self) -> &'static str {
        match self {
            Rounding::Trn => "TRN",
            Rounding::TrnZero => "TRN_ZERO",
            Rounding::Rnd => "RND",
            Rounding::RndZero => "RND_ZERO",
            Rounding::RndInf => "RND_INF",
            Rounding::RndMinInf => "RND_MIN_INF",
            Rounding::RndConv => "RND_CONV",
        }
    }
}

/// What happens to a value outside the range.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Overflow {
    /// The high bits are dropped.
    #[default]
    Wrap,
    /// The nearest end of the range.
    Sat,
    /// Zero.
    SatZero,
    /// The nearest end of the range, which for signed formats is symmetric about zero.
    SatSym,
}

impl Overflow {
    /// Every mode.
    pub const ALL: [Overflow; 4] =
        [Overflow::Wrap, Overflow::Sat, Overflow::SatZero, Overflow::SatSym];

    /// The name in `ap_fixed`, without the `AP_` prefix.
    pub fn name(self) -> &'static str {
        match self {
            Overflow::Wrap => "WRAP",
            Overflow::Sat => "SAT",
            Overflow::SatZero => "SAT_ZERO",
            Overflow::SatSym => "SAT_SYM",
        }
    }
}

/// A fixed-point type: `width` bits of mantissa, of which `int_bits` stand before the binary point
/// (the sign bit included; it may be negative or exceed the width).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Format {
    /// Whether the mantissa is two's complement.
    pub signed: bool,
    /// Bits of the mantissa, 1 to [`MAX_WIDTH`].
    pub width: u32,
    /// Bits before the binary point.
    pub int_bits: i32,
    /// How a cast to this format rounds.
    pub rounding: Rounding,
    /// How a cast to this format overflows.
    pub overflow: Overflow,
}

impl Format {
    /// A signed format that truncates and wraps, `ap_fixed<width, int_bits>`.
    pub const fn signed(width: u32, int_bits: i32) -> Format {
        Format { signed: true, width, int_bits, rounding: Rounding::Trn, overflow: Overflow::Wrap }
    }

    /// An unsigned format that truncates and wraps, `ap_ufixed<width, int_bits>`.
    pub const fn unsigned(width: u32, int_bits: i32) -> Format {
        Format { signed: false, ..Format::signed(width, int_bits) }
    }

    /// The same values, cast to with other modes.
    pub const fn with(self, rounding: Rounding, overflow: Overflow) -> Format {
        Format { rounding, overflow, ..self }
    }

    /// The same values, rounded to nearest (halves up) and saturating.
    pub const fn rounded(self) -> Format {
        self.with(Rounding::Rnd, Overflow::Sat)
    }

    /// Bits behind the binary point; a mantissa unit is worth `2^-frac`.
    pub const fn frac(self) -> i32 {
        self.width as i32 - self.int_bits
    }

    /// Smallest mantissa that the bits can hold (SAT_SYM does not narrow what a value may be).
    pub const fn min(self) -> i128 {
        if self.signed { i128::MIN >> (128 - self.width) } else { 0 }
    }

    /// Largest mantissa that the bits can hold.
    pub const fn max(self) -> i128 {
        if self.signed { i128::MAX >> (128 - self.width) } else { i128::MAX >> (127 - self.width) }
    }

    /// Where a cast saturates below. Symmetric formats leave out the smallest mantissa, except that
    /// one signed bit has nothing but 0 and -1, and `ap_fixed` takes -1.
    pub const fn saturation_min(self) -> i128 {
        match self.overflow {
            Overflow::SatSym if self.signed && self.width > 1 => -self.max(),
            _ => self.min(),
        }
    }

    /// Smallest value as a float (rounded outward only beyond 53 bits).
    pub fn min_value(self) -> f64 {
        to_f64(self.min(), self.frac())
    }

    /// Largest value as a float.
    pub fn max_value(self) -> f64 {
        to_f64(self.max(), self.frac())
    }

    /// Whether the format can exist: 1 to 128 bits (127 if unsigned: mantissas are `i128`), binary
    /// point within [`MAX_SHIFT`].
    pub fn is_legal(self) -> bool {
        let limit = if self.signed { MAX_WIDTH } else { MAX_WIDTH - 1 };
        (1..=limit).contains(&self.width)
            && self.int_bits.abs() <= MAX_SHIFT
            && self.frac().abs() <= MAX_SHIFT
    }

    /// Whether every value of `other` is a value of `self`, so that a cast from `other` is free.
    pub fn contains(self, other: Format) -> bool {
        let int_bits = other.int_bits + i32::from(self.signed && !other.signed);
        (self.signed || !other.signed) && int_bits <= self.int_bits && other.frac() <= self.frac()
    }

    /// The smallest format that holds every value of both (modes of `self`).
    pub fn union(self, other: Format) -> Format {
        let signed = self.signed || other.signed;
        let int = |it: Format| it.int_bits + i32::from(signed && !it.signed);
        let int_bits = int(self).max(int(other));
        let frac = self.frac().max(other.frac());
        Format { signed, width: (int_bits + frac).max(1) as u32, int_bits, ..self }
    }

    /// The exact type of a product, as `ap_fixed` defines it.
    pub fn product(self, other: Format) -> Format {
        let signed = self.signed || other.signed;
        Format {
            signed,
            width: self.width + other.width,
            int_bits: self.int_bits + other.int_bits,
            rounding: Rounding::Trn,
            overflow: Overflow::Wrap,
        }
    }

    /// The exact type of a sum, as `ap_fixed` defines it.
    pub fn sum(self, other: Format) -> Format {
        let union = self.union(other).with(Rounding::Trn, Overflow::Wrap);
        Format { width: union.width + 1, int_bits: union.int_bits + 1, ..union }
    }

    /// The exact type of a difference, which is always signed.
    pub fn difference(self, other: Format) -> Format {
        Format { signed: true, ..self.sum(other) }
    }

    /// The smallest format with `frac` fractional bits for mantissas in `[lo, hi]`.
    pub fn holding(lo: i128, hi: i128, frac: i32) -> Format {
        let signed = lo < 0;
        let width = bits_of(lo, hi).max(1);
        Format {
            signed,
            width,
            int_bits: width as i32 - frac,
            rounding: Rounding::Trn,
            overflow: Overflow::Wrap,
        }
    }

    /// The mantissa of a float, rounded and overflowed by this format's modes.
    ///
    /// Infinities saturate under the SAT modes and give 0 otherwise; NaN gives 0 (importers refuse
    /// NaN weights, and inputs are checked).
    #[inline]
    pub fn quantize(self, value: f64) -> i128 {
        if let Some(mantissa) = self.quantize_short(value) {
            return i128::from(mantissa);
        }
        if !value.is_finite() {
            let end = if value > 0.0 { self.max() } else { self.saturation_min() };
            let saturates = matches!(self.overflow, Overflow::Sat | Overflow::SatSym);
            return if value.is_nan() || !saturates { 0 } else { end };
        }
        let (mantissa, exponent) = decompose(value);
        Cast { from_frac: -exponent, to: self }.apply_wide(mantissa)
    }

    /// [`Format::quantize`] where everything fits 64-bit words: the scaled value is exact.
    #[inline]
    fn quantize_short(self, value: f64) -> Option<i64> {
        let frac = self.frac();
        if self.width > 50 || frac.abs() > 400 {
            return None;
        }
        let scaled = value * f64::from_bits(((1023 + frac) as u64) << 52);
        // A nonzero value this small may have lost bits to the scaling.
        let small = 1e-100..2f64.powi(51);
        if value != 0.0 && !small.contains(&scaled.abs()) {
            return None;
        }
        let truncated = scaled as i64;
        let floor = truncated - i64::from(truncated as f64 > scaled);
        let rest = scaled - floor as f64;
        let up = match self.rounding {
            Rounding::Trn => false,
            Rounding::TrnZero => scaled < 0.0 && rest > 0.0,
            Rounding::Rnd => rest >= 0.5,
            Rounding::RndZero => rest > 0.5 || (rest == 0.5 && scaled < 0.0),
            Rounding::RndInf => rest > 0.5 || (rest == 0.5 && scaled > 0.0),
            Rounding::RndMinInf => rest > 0.5,
            Rounding::RndConv => rest > 0.5 || (rest == 0.5 && floor & 1 == 1),
        };
        Some(overflow(floor + i64::from(up), self))
    }

    /// The value of a mantissa, exact up to 53 significant bits.
    pub fn value(self, mantissa: i128) -> f64 {
        to_f64(mantissa, self.frac())
    }
}

/// Bits that two's complement (or plain binary if `lo >= 0`) needs for all of `[lo, hi]`; 0 for 0.
#[inline]
pub fn bits_of(lo: i128, hi: i128) -> u32 {
    let magnitude = |v: i128| 128 - (if v < 0 { !v } else { v }).leading_zeros();
    if lo < 0 { magnitude(lo).max(magnitude(hi)) + 1 } else { magnitude(hi) }
}

/// `mantissa * 2^-frac`.
pub fn to_f64(mantissa: i128, frac: i32) -> f64 {
    if let Ok(short) = i64::try_from(mantissa)
        && frac.abs() < 900
    {
        return short as f64 * f64::from_bits(((1023 - frac) as u64) << 52);
    }
    // Two steps, so that an extreme exponent does not overflow to zero or infinity on its own.
    let half = frac / 2;
    mantissa as f64 * 2f64.powi(-half) * 2f64.powi(-(frac - half))
}

/// `value = mantissa * 2^exponent` with an odd or zero mantissa.
fn decompose(value: f64) -> (i128, i32) {
    let bits = value.to_bits();
    let field = ((bits >> 52) & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)) as i128;
    let (magnitude, exponent) =
        if field == 0 { (fraction, -1074) } else { (fraction | (1 << 52), field - 1075) };
    if magnitude == 0 {
        return (0, 0);
    }
    let zeros = magnitude.trailing_zeros();
    let odd = magnitude >> zeros;
    (if value < 0.0 { -odd } else { odd }, exponent + zeros as i32)
}

/// A cast of mantissas with `from_frac` fractional bits to a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Fractional bits of what is cast.
    pub from_frac: i32,
    /// The format cast to; its modes apply.
    pub to: Format,
}

impl Cast {
    /// Bits that a word must have to cast any mantissa of `from_width` bits without loss on the way.
    pub fn working_bits(self, from_width: u32) -> u32 {
        let grow = (self.to.frac() - self.from_frac).max(0) as u32;
        // One more for the carry of rounding up, and room for the ends of the target range.
        (from_width + grow + 1).max(self.to.width + 1)
    }

    /// Casts a mantissa. The word must have [`Cast::working_bits`].
    #[inline(always)]
    pub fn apply<T: Word>(self, mantissa: T) -> T {
        overflow(round(mantissa, self.from_frac - self.to.frac(), self.to.rounding), self.to)
    }

    /// Casts many mantissas in place. The modes are looked at once, so that the loops vectorize.
    #[inline(always)]
    pub fn all<T: Word>(self, values: &mut [T]) {
        let shift = self.from_frac - self.to.frac();
        if shift != 0 {
            each_mode(self.to.rounding, |mode| {
                values.iter_mut().for_each(|v| *v = round(*v, shift, mode))
            });
        }
        let to = self.to;
        match to.overflow {
            Overflow::Wrap => values.iter_mut().for_each(|v| *v = v.wrap(to.width, to.signed)),
            Overflow::Sat | Overflow::SatSym if !(to.signed && to.width >= T::BITS) => {
                let (lo, hi) = (T::narrow(to.saturation_min()), T::narrow_max(to.max()));
                values.iter_mut().for_each(|v| *v = (*v).max(lo).min(hi));
            }
            _ => values.iter_mut().for_each(|v| *v = overflow(*v, to)),
        }
    }

    /// Casts a mantissa of any size: what is shifted out above 128 bits is accounted for.
    pub fn apply_wide(self, mantissa: i128) -> i128 {
        let left = self.to.frac() - self.from_frac;
        if mantissa == 0 || left <= 0 || left < mantissa.unsigned_abs().leading_zeros() as i32 - 1 {
            return self.apply(mantissa);
        }
        // The exact result does not fit 128 bits, so it is outside the format (or only wraps).
        let low = if left >= 128 { 0 } else { mantissa.wrapping_shl(left as u32) };
        let end = if mantissa < 0 { i128::MIN } else { i128::MAX };
        overflow(if self.to.overflow == Overflow::Wrap { low } else { end }, self.to)
    }
}

/// Calls with the mode as a constant in each arm.
#[inline(always)]
fn each_mode(mode: Rounding, mut f: impl FnMut(Rounding)) {
    match mode {
        Rounding::Trn => f(Rounding::Trn),
        Rounding::Rnd => f(Rounding::Rnd),
        Rounding::RndConv => f(Rounding::RndConv),
        other => f(other),
    }
}

/// Drops `shift` low bits (adds zeros if negative), rounded.
#[inline(always)]
fn round<T: Word>(v: T, shift: i32, mode: Rounding) -> T {
    if shift <= 0 {
        return v.shl((-shift) as u32);
    }
    let shift = shift as u32;
    let floor = v.shr(shift);
    let half = v.shr(shift - 1).and_one();
    let below = v.low_bits_nonzero(shift - 1);
    let up = match mode {
        Rounding::Trn => T::ZERO,
        Rounding::TrnZero => v.is_negative_bit().and(half.or(below)),
        Rounding::Rnd => half,
        Rounding::RndZero => half.and(below.or(v.is_negative_bit())),
        Rounding::RndInf => half.and(below.or(v.is_negative_bit().not_bit())),
        Rounding::RndMinInf => half.and(below),
        Rounding::RndConv => half.and(below.or(floor.and_one())),
    };
    floor.add(up)
}

/// Brings a mantissa into the range of a format.
#[inline(always)]
fn overflow<T: Word>(v: T, to: Format) -> T {
    match to.overflow {
        Overflow::Wrap => v.wrap(to.width, to.signed),
        Overflow::Sat => {
            if to.signed && to.width >= T::BITS {
                return v;
            }
            v.max(T::narrow(to.min())).min(T::narrow_max(to.max()))
        }
        Overflow::SatSym => v.max(T::narrow(to.saturation_min())).min(T::narrow_max(to.max())),
        Overflow::SatZero => {
            if to.signed && to.width >= T::BITS {
                return v;
            }
            let fits = v >= T::narrow(to.min()) && v <= T::narrow_max(to.max());
            if fits { v } else { T::ZERO }
        }
    }
}

impl fmt::Display for Format {
    /// hls4ml's spelling: `fixed<16,6>`, `ufixed<8,0,RND,SAT>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.signed { "" } else { "u" };
        write!(f, "{prefix}fixed<{},{}", self.width, self.int_bits)?;
        if self.rounding != Rounding::Trn || self.overflow != Overflow::Wrap {
            write!(f, ",{},{}", self.rounding.name(), self.overflow.name())?;
        }
        f.write_str(">")
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
