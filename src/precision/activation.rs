//! `auto` for the types of activations: constants of one value, tables, results.
//!
//! Like [`super::auto`], two policies: overflow-free and accurate by default, hls4ml's under
//! `Compat: hls4ml`.

use ndarray::arr0;

use super::{Resolve, Span, Typed, auto};
use crate::fixed::{Format, Overflow, Rounding};

/// Widest format that a constant gets to be exact, if nothing else limits it.
const LIMIT_BITS: u32 = 24;

/// A constant of one value: exact if the user's width suffices, else rounded to it.
///
/// `Compat: hls4ml` truncates to eight bits instead, as `infer_precision_types` does.
pub fn constant(value: f64, cx: &Resolve<'_>) -> Typed {
    if cx.compat {
        return Typed::new(hls4ml_constant(value), format!("hls4ml: {value} in at most 8 bits"));
    }
    match exact(value, cx.width) {
        Some(format) => Typed::new(format, format!("exactly {value}")),
        None => auto::constant(&arr0(value).into_dyn(), cx),
    }
}

/// Values from here on are no limit to any fixed-point number; importers leave them out.
pub const UNLIMITED: f64 = (1i64 << 40) as f64;

/// The format of a limit that no type of the layer describes, and its mantissa.
pub fn limit(value: f64) -> (Format, i128) {
    // Nothing resolves what is this close to zero.
    let value = if value.abs() < 1.0 / UNLIMITED { 0.0 } else { value };
    let format = exact(value, LIMIT_BITS).unwrap_or_else(|| {
        // One integer bit to spare, so that rounding up cannot saturate.
        let tight = Span::point(value).format(LIMIT_BITS);
        Format { int_bits: tight.int_bits + 1, ..tight }.rounded()
    });
    (format, format.quantize(value))
}

/// A mantissa with `by` more fractional bits; what cannot exist is refused when widths are verified.
pub fn aligned(mantissa: i128, by: i32) -> i128 {
    if (0..127).contains(&by) { mantissa.saturating_mul(1 << by) } else { 0 }
}

/// Smallest and largest mantissa of a format that may be too wide to exist.
pub fn ends(format: Format) -> (i128, i128) {
    if format.is_legal() { (format.min(), format.max()) } else { (i128::MIN, i128::MAX) }
}

/// Contents of a table.
pub fn table(values: Span, cx: &Resolve<'_>) -> Typed {
    if cx.compat {
        return Typed::new(Format::signed(18, 8), "hls4ml: tables");
    }
    // Two bits more than the result, so that the table's rounding hardly shows in it.
    let format = values.format((cx.width + 2).max(18)).rounded();
    Typed::new(format, format!("entries in [{:.4}, {:.4}]", values.lo, values.hi))
}

/// Result of an activation with values in `range`; `frac` are the fractional bits of the exact
/// value, if there is a limit to them.
///
/// A range and grid that fit the user's width are kept exactly.
pub fn result(range: Span, frac: Option<i32>, cx: &Resolve<'_>) -> Typed {
    if let Some(frac) = frac.filter(|_| cx.exact) {
        return auto::exact(range, frac);
    }
    if cx.compat {
        return Typed::new(cx.default, "model default");
    }
    if let Some(frac) = frac {
        let exact = auto::exact(range, frac);
        if exact.format.width <= cx.width {
            return exact;
        }
    }
    cx.result(range)
}

/// The smallest format whose values include `value`, if it has at most `width` bits.
fn exact(value: f64, width: u32) -> Option<Format> {
    let frac = (-64..=64).find(|it| (value * 2f64.powi(*it)).fract() == 0.0)?;
    let mantissa = value * 2f64.powi(frac);
    if mantissa.abs() >= 2f64.powi(100) {
        return None;
    }
    let format = Format::holding(mantissa as i128, mantissa as i128, frac);
    (format.width <= width).then_some(format)
}

/// hls4ml's type for a parameter: the bits that the value needs, eight at most (nine if negative),
/// truncated.
pub fn hls4ml_constant(value: f64) -> Format {
    if value == 0.0 {
        return Format::unsigned(1, 1);
    }
    let frac = (-31..32).find(|it| (value * 2f64.powi(*it)).fract() == 0.0).unwrap_or(32);
    let signed = value < 0.0;
    let int_bits = (value + 2f64.powi(-frac)).max(-value).log2().ceil() as i32;
    let sign = i32::from(signed);
    let width = (sign + int_bits + frac).clamp(1, sign + 8) as u32;
    let (rounding, overflow) = (Rounding::Trn, Overflow::Wrap);
    Format { signed, width, int_bits: sign + int_bits, rounding, overflow }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hls4ml_parameters_have_the_bits_they_need_and_eight_at_most() {
        assert_eq!(hls4ml_constant(0.0), Format::unsigned(1, 1));
        assert_eq!(hls4ml_constant(1.0), Format::unsigned(1, 1));
        assert_eq!(hls4ml_constant(0.1), Format::unsigned(8, -3));
        assert_eq!(hls4ml_constant(0.3), Format::unsigned(8, -1));
        assert_eq!(hls4ml_constant(-0.5), Format::signed(1, 0));
        assert_eq!(hls4ml_constant(-0.1), Format::signed(9, -2));
        assert_eq!(hls4ml_constant(6.0), Format::unsigned(2, 3));
    }

    #[test]
    fn exact_constants_are_exact_and_minimal() {
        for (value, format) in [
            (0.75, Format::unsigned(2, 0)),
            (-1.0, Format::signed(1, 1)),
            (6.0, Format::unsigned(2, 3)),
            (-0.375, Format::signed(3, 0)),
        ] {
            assert_eq!(exact(value, 16), Some(format), "{value}");
            assert_eq!(format.value(format.quantize(value)), value);
        }
        assert_eq!(exact(0.1, 16), None);
        assert_eq!(exact(1e40, 16), None);
    }

    #[test]
    fn a_limit_is_close_even_if_it_rounds_up_to_a_power_of_two() {
        for value in [6.0, 0.1, 0.999_999_999, -3.3, 1e-9, 12345.678] {
            let (format, mantissa) = limit(value);
            let error = (format.value(mantissa) - value).abs();
            assert!(error <= value.abs() * 1e-6, "{value} became {}", format.value(mantissa));
        }
    }
}
