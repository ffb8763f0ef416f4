//! Limits to constants: ONNX `Clip`, `y = min(max(x, min), max)`. One `clamp` unit.

use super::pointwise::{Pointwise, each};
use super::{Import, Imported, LayerError, Lower, Relu, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::Clamp;

/// `y = min(max(x, min), max)`.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Lower limit; minus infinity for none.
    pub min: f64,
    /// Upper limit, not below the lower one; infinity for none.
    pub max: f64,
}

impl Clip {
    pub(super) const SPELLINGS: &[Spelling] = &[Spelling::onnx("Clip", import)];
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    let side = |index: usize, name: &'static str, open: f64| {
        let value = match cx.constant(index)? {
            None => cx.attrs().float(name, open)?,
            Some(limit) if limit.len() == 1 => limit.iter().copied().next().unwrap_or(open),
            Some(limit) => {
                let found = limit.shape().to_vec();
                return Err(LayerError::WeightShape { role: name, found, expected: Vec::new() });
            }
        };
        // Opset 6 spells "no limit" as the largest float.
        Ok(if value.abs() >= activation::UNLIMITED { open } else { value })
    };
    let (min, max) = (side(1, "min", f64::NEG_INFINITY)?, side(2, "max", f64::INFINITY)?);
    if min.is_nan() || max.is_nan() || min > max {
        return Err(cx.value_error("min", min, "a number not above max"));
    }
    match min == 0.0 {
        true => Ok(Imported::unary(Relu { max: max.is_finite().then_some(max) })),
        false => Ok(Imported::unary(Clip { min, max })),
    }
}

impl Clip {
    /// The limits as mantissas of one format; a side without limit gets the end of the input's.
    fn limits(&self, input: Format) -> (i128, i128, Format) {
        let bounds = [self.min, self.max];
        let formats = bounds.map(|value| match value.is_finite() {
            true => activation::limit(value),
            false => (input, 0),
        });
        let limit = formats[0].0.union(formats[1].0);
        let (lowest, highest) = activation::ends(limit);
        let mantissa = |side: usize, end: i128| match bounds[side].is_finite() {
            true => activation::aligned(formats[side].1, limit.frac() - formats[side].0.frac()),
            false => end,
        };
        let (lo, hi) = (mantissa(0, lowest), mantissa(1, highest));
        (lo, hi.max(lo), limit)
    }
}

impl Pointwise for Clip {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        x.max(self.min).min(self.max)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        let (_, _, limit) = self.limits(cx.inputs[0].format);
        let frac = cx.inputs[0].format.frac().max(limit.frac());
        activation::result(Span::hull(&self.spans(cx)), Some(frac), cx)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let (lo, hi, limit) = self.limits(cx.inputs[0].format);
        let (lo, hi) = (limit.value(lo), limit.value(hi));
        each(cx, |it| it.rising(|x| x.max(lo).min(hi)))
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let result = cx.format(Role::Result);
        let (lo, hi, limit) = self.limits(cx.builder.ty(input).union());
        cx.builder.add("", Clamp { lo, hi, limit, result }, &[input])
    }
}
