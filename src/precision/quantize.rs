//! From float constants to mantissas.

use crate::fixed::Format;
use crate::source::Tensor;

/// The mantissas of a constant in a format, rounded and overflowed by its modes.
///
/// With `compat` each value goes through decimal text first, as hls4ml writes its weights: as many
/// digits behind the point as the format has fractional bits, and the text is what is cast.
pub fn quantize(values: &Tensor, format: Format, compat: bool) -> Vec<i128> {
    values
        .iter()
        .map(|it| format.quantize(if compat { as_text(*it, format) } else { *it }))
        .collect()
}

/// The values that [`quantize`] leaves, as floats.
pub fn dequantized(values: &Tensor, format: Format, compat: bool) -> Vec<f64> {
    quantize(values, format, compat).into_iter().map(|it| format.value(it)).collect()
}

/// The value that hls4ml's weight files hold: decimal, rounded half to even on the exact binary value.
fn as_text(value: f64, format: Format) -> f64 {
    let digits = format.frac().max(0) as usize;
    format!("{value:.digits$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_rounds_before_the_cast_truncates() {
        // 0.99999 becomes 1.00 with two digits; two fractional bits alone would give 0.75.
        let format = Format::signed(8, 6);
        let value = ndarray::arr1(&[0.99999]).into_dyn();
        assert_eq!(quantize(&value, format, true), [4]);
        assert_eq!(quantize(&value, format, false), [3]);
    }
}
