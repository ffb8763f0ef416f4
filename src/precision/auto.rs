//! `auto` for the types that several layers share: weights, biases, accumulators, sums.
//!
//! Two policies. The overflow-free one is the default: constants keep the user's width with the
//! smallest integer part that holds them, sums are exact. `Compat: hls4ml` infers what hls4ml does
//! (`infer_precision_types`), which sizes sums by their formats alone and constants by the default.

use super::{Resolve, Role, Span, Typed};
use crate::fixed::Format;
use crate::source::Tensor;

/// Weights (and any constant that must not be missing).
pub fn weight(values: &Tensor, cx: &Resolve<'_>) -> Typed {
    if cx.compat { Typed::new(cx.default, "model default") } else { constant(values, cx) }
}

/// Biases; a missing one is hls4ml's one-bit zero.
pub fn bias(values: Option<&Tensor>, cx: &Resolve<'_>) -> Typed {
    match values {
        None => Typed::new(Format::unsigned(1, 1), "no bias"),
        Some(values) => weight(values, cx),
    }
}

/// Weights or biases that others replace while the hardware runs: at least as many bits as the present
/// ones need, and always a sign.
pub fn loaded(values: Option<&Tensor>, quantized: bool, cx: &Resolve<'_>) -> Typed {
    let Some(values) = values else { return bias(None, cx) };
    if values.iter().all(|it| *it == 0.0) {
        return Typed::new(cx.default, "loaded: model default, as all are 0 now");
    }
    let typed = match quantized && is_short(values) {
        true => grid(Some(values)),
        false => weight(values, cx),
    };
    if typed.format.signed {
        return Typed { reason: format!("loaded: now {}", typed.reason), ..typed };
    }
    let Format { width, int_bits, .. } = typed.format;
    let format = Format { signed: true, int_bits: int_bits + 1, ..typed.format };
    // A grid must not lose its last bit to the sign.
    let format = if quantized { Format { width: width + 1, ..format } } else { format };
    Typed::new(format, format!("loaded: now {}, with a sign", typed.reason))
}

/// The format of the given width that holds a constant tensor, rounding to nearest.
pub fn constant(values: &Tensor, cx: &Resolve<'_>) -> Typed {
    let span = Span::around(values.iter().copied());
    // A rounded value may reach the next power of two; the span of the rounded ones decides.
    let first = span.format(cx.width);
    let rounded = values.iter().map(|it| first.rounded().with_room().quantized(*it));
    let span = Span::around(rounded);
    Typed::new(
        span.format(cx.width).rounded(),
        format!("constants in [{:.4}, {:.4}]", span.lo, span.hi),
    )
}

/// Whether sums can keep a constant as it is: it has no bits far behind the binary point.
pub fn is_short(values: &Tensor) -> bool {
    values.iter().all(|it| (it * 2f64.powi(40)).fract() == 0.0)
}

/// The smallest format that holds every value of a constant as it is; a missing one is a one-bit zero.
///
/// Values must be on a grid of not too many bits, or the format is too wide to exist.
pub fn grid(values: Option<&Tensor>) -> Typed {
    let Some(values) = values else { return Typed::new(Format::unsigned(1, 1), "no bias") };
    let frac = values.iter().filter(|it| **it != 0.0).map(|it| grid_of(*it)).max();
    let Some(frac) = frac else { return Typed::new(Format::unsigned(1, 1), "all zero") };
    let span = Span::around(values.iter().copied());
    let typed = exact(span, frac);
    Typed::new(typed.format, format!("the model's own: exactly [{:.4}, {:.4}]", span.lo, span.hi))
}

/// Fractional bits that hold a number other than zero; negative for multiples of two.
fn grid_of(value: f64) -> i32 {
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1075;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    -(exponent + mantissa.trailing_zeros() as i32)
}

/// Accumulator of `terms` products with `frac` fractional bits and the layer's bias.
pub fn accum(cx: &Resolve<'_>, terms: usize, frac: i32, sums: &[Span]) -> Typed {
    let bias = cx.format(Role::Bias);
    let frac = frac.max(bias.frac());
    if cx.compat && !cx.exact {
        let (input, weight) = (cx.inputs[0].format, cx.format(Role::Weight));
        let product = input.product(weight);
        let log2 = terms.next_power_of_two().trailing_zeros() as i32;
        // What is unsigned takes one more bit where the other is signed.
        let sum = product.int_bits + log2 + i32::from(bias.signed && !product.signed);
        let offset = bias.int_bits + i32::from(product.signed && !bias.signed);
        let int_bits = sum.max(offset) + 1;
        let signed = product.signed || bias.signed;
        let width = (int_bits + frac) as u32;
        let format = Format { signed, width, int_bits, ..product };
        return Typed::new(format, format!("hls4ml: sum of {terms} products and a bias"));
    }
    exact(Span::hull(sums), frac)
}

/// The smallest format with `frac` fractional bits for a range of sums.
pub fn exact(span: Span, frac: i32) -> Typed {
    let int_bits = span.int_bits().max(1 - frac);
    let signed = span.lo < 0.0;
    let format = Format { signed, ..Format::signed((int_bits + frac).max(1) as u32, int_bits) };
    Typed::new(format, format!("exact: sums in [{:.4}, {:.4}]", span.lo, span.hi))
}

/// Result of a layer that sums: as wide as the sum where an activation follows.
pub fn sum_result(cx: &Resolve<'_>, sums: &[Span]) -> Typed {
    if cx.compat || cx.feeds_activation || cx.exact {
        return Typed::new(cx.format(Role::Accum), "as the accumulator");
    }
    cx.result(Span::hull(sums))
}

impl Format {
    /// One more integer bit, so that rounding a value up cannot saturate.
    fn with_room(self) -> Format {
        Format { width: self.width + 1, int_bits: self.int_bits + 1, ..self }
    }

    fn quantized(self, value: f64) -> f64 {
        self.value(self.quantize(value))
    }
}
