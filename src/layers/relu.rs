//! Rectified linear unit, with an optional ceiling: `y = min(max(x, 0), max)`.
//!
//! Keras `ReLU` (whose slope and threshold lead to the neighbours of this file), `relu`, `relu6`;
//! ONNX `Relu`, and `Clip` from 0. One `rectify` unit, or `clamp` if there is a ceiling.

use super::pointwise::{Pointwise, each};
use super::{
    Import, Imported, LayerError, LeakyRelu, Lower, Scalar, ScalarFunction, Spelling,
    ThresholdedRelu,
};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::{Clamp, Rectify};

/// `y = min(max(x, 0), max)`.
#[derive(Clone, Debug)]
pub struct Relu {
    /// The ceiling, not negative.
    pub max: Option<f64>,
}

impl Relu {
    pub(super) const SPELLINGS: &[Spelling] =
        &[Spelling::keras("ReLU", import_keras), Spelling::onnx("Relu", import_onnx)];
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let max = ceiling(cx)?;
    let slope = cx.attrs().float("negative_slope", 0.0)?;
    let threshold = cx.attrs().float("threshold", 0.0)?;
    check(cx, "negative_slope", slope)?;
    check(cx, "threshold", threshold)?;
    match (slope == 0.0, threshold == 0.0) {
        (true, true) => Ok(Imported::unary(Relu { max })),
        (false, true) => Ok(Imported::unary(LeakyRelu { alpha: slope, max })),
        (true, false) => Ok(Imported::unary(ThresholdedRelu { theta: threshold, max })),
        (false, false) => {
            let max = max.unwrap_or(f64::INFINITY);
            let function = ScalarFunction::Ramp { slope, threshold, max };
            Ok(Imported::unary(Scalar { function }))
        }
    }
}

/// `max_value`: absent, infinite, or a number that is not negative.
fn ceiling(cx: &Import<'_>) -> Result<Option<f64>, LayerError> {
    match cx.attrs().float("max_value", f64::INFINITY)? {
        max if max >= activation::UNLIMITED => Ok(None),
        max if max >= 0.0 => Ok(Some(max)),
        max => Err(cx.value_error("max_value", max, "a number that is not negative")),
    }
}

/// Refuses infinities and NaN where an activation needs a number.
pub(super) fn check(cx: &Import<'_>, name: &'static str, value: f64) -> Result<(), LayerError> {
    if value.is_finite() { Ok(()) } else { Err(cx.value_error(name, value, "a finite number")) }
}

fn import_onnx(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    Ok(Imported::unary(Relu { max: None }))
}

impl Pointwise for Relu {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        capped(x.max(0.0), self.max)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        let ceiling = self.max.map_or(i32::MIN, |it| activation::limit(it).0.frac());
        let frac = cx.inputs[0].format.frac().max(ceiling);
        activation::result(Span::hull(&self.spans(cx)), Some(frac), cx)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        each(cx, |it| it.rising(|x| self.at(x)))
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let result = cx.format(Role::Result);
        match self.max {
            None => cx.builder.add("", Rectify::relu(result), &[input]),
            Some(max) => {
                let (limit, hi) = activation::limit(max);
                cx.builder.add("", Clamp { lo: 0, hi, limit, result }, &[input])
            }
        }
    }
}

/// `min(x, max)`.
pub(super) fn capped(x: f64, max: Option<f64>) -> f64 {
    max.map_or(x, |max| x.min(max))
}

/// Adds `rectify`, and `clamp` behind it if there is a ceiling; `exact` holds every value between.
pub(super) fn lower_capped(
    cx: &mut Lower<'_>,
    input: NodeId,
    rectify: Rectify,
    exact: Format,
    max: Option<f64>,
) -> NodeId {
    let Some(max) = max else { return cx.builder.add("", rectify, &[input]) };
    let result = rectify.result;
    let open = cx.builder.add("open", Rectify { result: exact, ..rectify }, &[input]);
    let (ceiling, hi) = activation::limit(max);
    let limit = ceiling.union(exact);
    let hi = activation::aligned(hi, limit.frac() - ceiling.frac());
    let (lo, _) = activation::ends(limit);
    cx.builder.add("", Clamp { lo, hi, limit, result }, &[open])
}
