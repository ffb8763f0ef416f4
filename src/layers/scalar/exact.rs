//! Scalar functions made of lines: rounding, clamps, choices.

use super::ScalarFunction;
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::precision::{Role, Span, activation};
use crate::units::{Affine, Binary, Clamp, Compare, Eltwise, Read, Requantize, Select};

/// Whether the function is one of these.
pub(super) fn is_exact(function: ScalarFunction) -> bool {
    use ScalarFunction::*;
    matches!(
        function,
        Floor
            | Ceil
            | Round
            | Sign
            | Ramp { .. }
            | HardShrink(_)
            | SoftShrink(_)
            | HardSilu
            | SparseSigmoid
    )
}

/// Fractional bits of the exact value, if it has no more than its input.
pub(super) fn frac(function: ScalarFunction, input: Format) -> Option<i32> {
    use ScalarFunction::*;
    match function {
        Floor | Ceil | Round | Sign => Some(0),
        HardShrink(_) => Some(input.frac()),
        _ => None,
    }
}

/// What the units give for inputs in a span.
pub(super) fn span(function: ScalarFunction, x: Span, input: Format) -> Span {
    use ScalarFunction::*;
    let zero = Span::point(0.0);
    match function {
        Floor | Ceil | Round => {
            let to = whole(input);
            x.rising(|it| function.at(it).clamp(to.min_value(), to.max_value()))
        }
        Ramp { slope, threshold, max } => {
            let Constants { slope: (slope, by), at, bend, .. } =
                Constants::of_ramp(slope, threshold);
            let above = Span::new(x.lo.max(bend), x.hi.max(bend)).rising(|it| it.min(limit(max)));
            let below = x.rising(|it| it.min(bend)).scale(by.value(slope)).add(Span::point(at));
            above.union(below)
        }
        HardShrink(_) => x.union(zero),
        SoftShrink(by) => {
            let by = limit(by);
            x.rising(|it| it - it.clamp(-by, by))
        }
        HardSilu => x.times(Span::new(0.0, 1.0)),
        _ => x.rising(|it| function.at(it)),
    }
}

/// A constant as units have it.
fn limit(value: f64) -> f64 {
    if value.abs() > activation::UNLIMITED {
        return value;
    }
    let (format, mantissa) = activation::limit(value);
    format.value(mantissa)
}

/// A ramp below a threshold, its constants as mantissas with their formats.
struct Constants {
    slope: (i128, Format),
    offset: (i128, Format),
    /// The value of the offset.
    at: f64,
    /// Where it begins to rise.
    bend: f64,
}

impl Constants {
    fn of_ramp(slope: f64, threshold: f64) -> Constants {
        let (format, mantissa) = activation::limit(slope);
        let bend = limit(threshold);
        let (offset, by) = activation::limit(-format.value(mantissa) * bend);
        let (slope, at) = ((mantissa, format), offset.value(by));
        Constants { slope, offset: (by, offset), at, bend }
    }
}

/// Whole numbers, the next above the largest input included.
fn whole(input: Format) -> Format {
    let int_bits = input.int_bits.max(0) + 1;
    let format = Format { signed: input.signed, ..Format::signed(int_bits as u32, int_bits) };
    format.with(Rounding::Trn, Overflow::Wrap)
}

/// `scale * x + bias`, constants as mantissas with their formats.
pub(in crate::layers) fn affine(
    (scale, scale_format): (i128, Format),
    (bias, bias_format): (i128, Format),
    result: Format,
) -> Affine {
    let (scales, biases) = ([scale].into(), [bias].into());
    Affine { scales, scale: scale_format, biases, bias: bias_format, result }
}

/// `x` or something else, by a comparison with a constant.
fn choose(
    cx: &mut Lower<'_>,
    (part, result): (&str, Format),
    (compare, threshold): (Compare, f64),
    operands: [NodeId; 3],
) -> NodeId {
    let (threshold_format, threshold) = activation::limit(threshold);
    cx.builder.add(part, Select { compare, threshold, threshold_format, result }, &operands)
}

/// Builds the function.
pub(super) fn lower(function: ScalarFunction, cx: &mut Lower<'_>, x: NodeId) -> NodeId {
    use ScalarFunction::*;
    let result = cx.format(Role::Result);
    let from = cx.builder.ty(x).union();
    let shape = cx.builder.ty(x).shape.clone();
    let minus = |result| affine((-1, Format::signed(1, 1)), (0, from), result);
    match function {
        Floor | Round => {
            let rounding = if function == Floor { Rounding::Trn } else { Rounding::RndConv };
            let to = whole(from).with(rounding, Overflow::Wrap);
            let rounded = cx.builder.add("whole", Requantize::uniform(to), &[x]);
            cx.builder.cast("", rounded, result)
        }
        Ceil => {
            let to = whole(from);
            let negative =
                Format { signed: true, width: to.width + 1, int_bits: to.int_bits + 1, ..to };
            let down = cx.builder.add("down", minus(negative), &[x]);
            cx.builder.add("", minus(result), &[down])
        }
        Sign => {
            // In units of the last bit an input is a whole number.
            let integer = Format { int_bits: from.width as i32, ..from };
            let last = Format::unsigned(1, 1 + from.frac());
            let scaled = affine((1, last), (0, integer), integer);
            let scaled = cx.builder.add("units", scaled, &[x]);
            let clamp = Clamp { lo: -1, hi: 1, limit: Format::signed(2, 2), result };
            cx.builder.add("", clamp, &[scaled])
        }
        Ramp { slope, threshold, max } => {
            let Constants { slope, offset, bend, .. } = Constants::of_ramp(slope, threshold);
            let above = match max > activation::UNLIMITED {
                true => x,
                false => {
                    let (limit, hi) = activation::limit(max);
                    // Below the bend the other branch is taken; nothing else is cut off there.
                    let floor = limit.union(from).union(Format::signed(1, 1));
                    let hi = hi << (floor.frac() - limit.frac());
                    let clamp = Clamp { lo: floor.min(), hi, limit: floor, result };
                    cx.builder.add("above", clamp, &[x])
                }
            };
            let below = cx.builder.add("below", affine(slope, offset, result), &[x]);
            choose(cx, ("", result), (Compare::GreaterEqual, bend), [x, above, below])
        }
        HardShrink(by) => {
            let values = vec![0; shape.elements()].into();
            let zero = cx.builder.constant("zero", shape, values, from);
            let at = (Compare::GreaterEqual, -by);
            let below = choose(cx, ("below", from), at, [x, zero, x]);
            choose(cx, ("", result), (Compare::Greater, by), [x, x, below])
        }
        SoftShrink(by) => {
            let (limit, hi) = activation::limit(by);
            let limit = Format {
                signed: true,
                width: limit.width + 1,
                int_bits: limit.int_bits + 1,
                ..limit
            };
            let to = limit.union(from).with(Rounding::Trn, Overflow::Wrap);
            let clamp = Clamp { lo: -hi, hi, limit, result: to };
            let small = cx.builder.add("small", clamp, &[x]);
            let rest = Eltwise { op: Binary::Sub, read: [Read::Same; 2], shape, result };
            cx.builder.add("", rest, &[x, small])
        }
        _ => {
            // A line from 0 to 1.
            let by = if function == HardSilu { 1.0 / 6.0 } else { 0.5 };
            let (scale, mantissa) = activation::limit(by);
            let half = (1, Format::unsigned(1, 0));
            let exact = from.product(scale).sum(Format::unsigned(1, 0));
            let line = cx.builder.add("line", affine((mantissa, scale), half, exact), &[x]);
            let to = if function == HardSilu { Format::unsigned(17, 1).rounded() } else { result };
            let clamp = Clamp { lo: 0, hi: 1, limit: Format::unsigned(1, 1), result: to };
            let part = if function == HardSilu { "share" } else { "" };
            let share = cx.builder.add(part, clamp, &[line]);
            if function != HardSilu {
                return share;
            }
            let product = Eltwise { op: Binary::Mul, read: [Read::Same; 2], shape, result };
            cx.builder.add("", product, &[x, share])
        }
    }
}
