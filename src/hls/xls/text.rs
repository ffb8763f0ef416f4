//! Formats, types and constants as DSLX spells them.

use crate::fixed::Format;

/// The type of a mantissa: `s8`, `u5`.
pub(super) fn element(format: Format) -> String {
    bits(format.signed, format.width)
}

/// The type of so many bits; names end at 64.
pub(super) fn bits(signed: bool, width: u32) -> String {
    let sign = if signed { 's' } else { 'u' };
    if width <= 64 { format!("{sign}{width}") } else { format!("{sign}N[{width}]") }
}

/// The type of a tensor.
pub(super) fn array(format: Format, n: usize) -> String {
    format!("{}[{n}]", element(format))
}

/// The five parameters that are a format, as `nn_types.x` has them.
pub(super) fn parameters(format: Format) -> String {
    let (rounding, overflow) = (format.rounding.name(), format.overflow.name());
    format!(
        "{}, u32:{}, {}, nn_types::{rounding}, nn_types::{overflow}",
        format.signed,
        format.width,
        point(format)
    )
}

/// Bits behind the point.
pub(super) fn point(format: Format) -> String {
    format!("s32:{}", format.frac())
}
