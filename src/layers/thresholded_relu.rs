//! Thresholded rectifier: `y = x` above theta, 0 elsewhere, with an optional ceiling.
//!
//! Keras `ThresholdedReLU`, `ReLU` with `threshold`; ONNX `ThresholdedRelu`. One `rectify` unit.

use super::pointwise::{Pointwise, each, quantized};
use super::relu::{capped, check, lower_capped};
use super::{Import, Imported, LayerError, Lower, Spelling};
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::Rectify;

/// `y = x > theta ? min(x, max) : 0`.
#[derive(Clone, Debug)]
pub struct ThresholdedRelu {
    /// The threshold.
    pub theta: f64,
    /// The ceiling, not negative.
    pub max: Option<f64>,
}

impl ThresholdedRelu {
    pub(super) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("ThresholdedReLU", import_keras),
        Spelling::onnx("ThresholdedRelu", import_onnx),
    ];
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let theta = cx.attrs().float("theta", 1.0)?;
    check(cx, "theta", theta)?;
    Ok(Imported::unary(ThresholdedRelu { theta, max: None }))
}

fn import_onnx(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let theta = cx.attrs().float("alpha", 1.0)?;
    check(cx, "alpha", theta)?;
    Ok(Imported::unary(ThresholdedRelu { theta, max: None }))
}

impl Pointwise for ThresholdedRelu {
    fn kind(&self) -> &'static str {
        "ParametrizedActivation"
    }
    fn at(&self, x: f64) -> f64 {
        capped(if x > self.theta { x } else { 0.0 }, self.max)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Param, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Param if cx.compat => Typed::new(cx.inputs[0].format, "hls4ml: as the input"),
            Role::Param => activation::constant(self.theta, cx),
            _ => {
                let frac = cx.inputs[0].format.frac();
                let frac = self.max.map_or(frac, |it| frac.max(activation::limit(it).0.frac()));
                activation::result(Span::hull(&self.spans(cx)), Some(frac), cx)
            }
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let theta = quantized(self.theta, cx.format(Role::Param));
        each(cx, |x| {
            let passed = Span::new(x.lo.max(theta), x.hi);
            let span = match (x.hi > theta, x.lo > theta) {
                (true, true) => x,
                (true, false) => passed.union(Span::point(0.0)),
                (false, _) => Span::point(0.0),
            };
            span.rising(|it| capped(it, self.max))
        })
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let threshold_format = cx.format(Role::Param);
        let threshold = threshold_format.quantize(self.theta);
        let exact = cx.builder.ty(input).union();
        let relu = Rectify::relu(cx.format(Role::Result));
        let rectify = Rectify { threshold, threshold_format, ..relu };
        lower_capped(cx, input, rectify, exact, self.max)
    }
}
