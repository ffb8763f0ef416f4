//! Floats to mantissas and back, many at once.
//!
//! The same values as [`Format::quantize`] and [`Format::value`], which decide whenever the short way
//! in doubles might lose a bit.

use crate::fixed::{Format, Overflow, Rounding, Word};

/// Adding this to an integer of up to 51 bits leaves the integer in the low bits of the double.
const MAGIC: f64 = 6_755_399_441_055_744.0;

/// Largest scaled value that the addition of [`MAGIC`] takes.
const LARGEST: f64 = 2_251_799_813_685_248.0;

/// Mantissas of floats; `scratch` is as long as they are.
///
/// In two passes, rounding and range, because each combination of the two in each word would be a
/// loop of its own.
#[inline(always)]
pub(crate) fn quantize<T: Word>(
    format: Format,
    values: &[f64],
    scratch: &mut [f64],
    mantissas: &mut [T],
) {
    let short = format.width <= 50 && format.frac().abs() <= 400;
    if short && round(format, values, scratch) {
        into_range(format, scratch, mantissas);
        return;
    }
    for (mantissa, value) in mantissas.iter_mut().zip(values) {
        *mantissa = T::narrow(format.quantize(*value));
    }
}

/// Scales and rounds; false if some value was not fit for that.
#[inline(always)]
fn round(format: Format, values: &[f64], rounded: &mut [f64]) -> bool {
    match format.rounding {
        Rounding::Trn => each(format, values, rounded, f64::floor),
        Rounding::TrnZero => each(format, values, rounded, f64::trunc),
        Rounding::RndConv => each(format, values, rounded, f64::round_ties_even),
        Rounding::Rnd => up(format, values, rounded, |_, rest| rest >= 0.5),
        Rounding::RndMinInf => up(format, values, rounded, |_, rest| rest > 0.5),
        Rounding::RndZero => {
            up(format, values, rounded, |x, rest| rest > 0.5 || (rest == 0.5 && x < 0.0))
        }
        Rounding::RndInf => {
            up(format, values, rounded, |x, rest| rest > 0.5 || (rest == 0.5 && x > 0.0))
        }
    }
}

/// Rounds down, and up again where the value and what was lost say so.
#[inline(always)]
fn up(format: Format, values: &[f64], rounded: &mut [f64], up: impl Fn(f64, f64) -> bool) -> bool {
    each(format, values, rounded, |x| {
        let floor = x.floor();
        floor + if up(x, x - floor) { 1.0 } else { 0.0 }
    })
}

#[inline(always)]
fn each(format: Format, values: &[f64], rounded: &mut [f64], round: impl Fn(f64) -> f64) -> bool {
    let scale = power(format.frac());
    let largest = if format.overflow == Overflow::Wrap { LARGEST } else { f64::INFINITY };
    let mut unfit = 0u64;
    for (rounded, x) in rounded.iter_mut().zip(values) {
        let scaled = x * scale;
        // NaN, too large, or gone to zero by scaling.
        let fit = (scaled.abs() <= largest) & ((scaled != 0.0) | (*x == 0.0));
        unfit |= u64::from(!fit);
        *rounded = round(scaled);
    }
    unfit == 0
}

/// Brings integral doubles into the range of a format.
#[inline(always)]
fn into_range<T: Word>(format: Format, values: &[f64], mantissas: &mut [T]) {
    let (lo, hi) = (format.saturation_min() as f64, format.max() as f64);
    let left = 64 - format.width;
    let mask = format.max() as i64;
    match format.overflow {
        Overflow::Wrap if format.signed => {
            convert(values, mantissas, |x| integer(x) << left >> left);
        }
        Overflow::Wrap => convert(values, mantissas, |x| integer(x) & mask),
        Overflow::Sat | Overflow::SatSym => convert(values, mantissas, |x| {
            let x = if x < lo { lo } else { x };
            integer(if x > hi { hi } else { x })
        }),
        Overflow::SatZero => {
            convert(values, mantissas, |x| integer(if x < lo || x > hi { 0.0 } else { x }));
        }
    }
}

#[inline(always)]
fn convert<T: Word>(values: &[f64], mantissas: &mut [T], mantissa: impl Fn(f64) -> i64) {
    for (m, x) in mantissas.iter_mut().zip(values) {
        *m = T::narrow(i128::from(mantissa(*x)));
    }
}

/// An integral double of at most 51 bits as an integer.
#[inline(always)]
fn integer(value: f64) -> i64 {
    ((value + MAGIC).to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64)
}

/// `2^exponent`, for exponents of normal doubles.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// Values of mantissas.
#[inline(always)]
pub(crate) fn values<T: Word>(format: Format, mantissas: &[T], values: &mut [f64]) {
    let frac = format.frac();
    if T::BITS <= 64 && frac.abs() < 900 {
        let scale = power(-frac);
        for (value, mantissa) in values.iter_mut().zip(mantissas) {
            *value = mantissa.widen() as i64 as f64 * scale;
        }
        return;
    }
    for (value, mantissa) in values.iter_mut().zip(mantissas) {
        *value = format.value(mantissa.widen());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::agreement::format;

    fn agree<T: Word>(format: Format, floats: &[f64]) {
        let mut mantissas = vec![T::ZERO; floats.len()];
        let mut scratch = vec![0.0; floats.len()];
        quantize(format, floats, &mut scratch, &mut mantissas);
        for (x, m) in floats.iter().zip(&mantissas) {
            assert_eq!(m.widen(), format.quantize(*x), "{x:e} as {format}");
        }
        let mut back = vec![0.0; floats.len()];
        values(format, &mantissas, &mut back);
        for (m, value) in mantissas.iter().zip(&back) {
            assert_eq!(value.to_bits(), format.value(m.widen()).to_bits());
        }
    }

    proptest! {
        #[test]
        fn equal_to_one_at_a_time(
            format in format(49),
            eighths in prop::collection::vec(-5000i64..5000, 8),
            any in prop::collection::vec(any::<f64>(), 3),
            places in -8i32..60,
        ) {
            // Halves of the last place, one unit in the last place beside them, and anything.
            let unit = power(-(format.frac() + 1).clamp(-300, 300));
            let mut floats: Vec<f64> = eighths.iter().map(|it| *it as f64 * unit).collect();
            let near = |x: &f64| [f64::from_bits(x.to_bits() ^ 1), x * power(places)];
            floats.extend(floats.clone().iter().flat_map(near));
            agree::<i64>(format, &floats);
            if format.width < 32 {
                agree::<i32>(format, &floats);
            }
            if format.width < 16 {
                agree::<i16>(format, &floats);
            }
            floats.extend(any);
            floats.extend([f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -5e-324, 0.0, -0.0]);
            agree::<i64>(format, &floats);
            agree::<i128>(format, &floats);
        }
    }
}
