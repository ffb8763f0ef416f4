//! Leaky rectifier: `y = x` above zero, `alpha * x` below, with an optional ceiling.
//!
//! Keras `LeakyReLU`, `ReLU` with `negative_slope`, `leaky_relu`; ONNX `LeakyRelu`. One `rectify`.

use super::pointwise::{Pointwise, each, quantized};
use super::relu::{capped, check, lower_capped};
use super::{Import, Imported, LayerError, Lower, Spelling};
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::Rectify;

/// `y = x > 0 ? min(x, max) : alpha * x`.
#[derive(Clone, Debug)]
pub struct LeakyRelu {
    /// Slope below zero.
    pub alpha: f64,
    /// The ceiling, not negative.
    pub max: Option<f64>,
}

impl LeakyRelu {
    pub(super) const SPELLINGS: &[Spelling] =
        &[Spelling::keras("LeakyReLU", import_keras), Spelling::onnx("LeakyRelu", import_onnx)];

    fn value(&self, alpha: f64, x: f64) -> f64 {
        capped(if x > 0.0 { x } else { alpha * x }, self.max)
    }
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    // Keras 2 says alpha, Keras 3 negative_slope.
    let alpha = cx.attrs().float("alpha", 0.3)?;
    let alpha = cx.attrs().float("negative_slope", alpha)?;
    check(cx, "alpha", alpha)?;
    Ok(Imported::unary(LeakyRelu { alpha, max: None }))
}

fn import_onnx(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    let alpha = cx.attrs().float("alpha", 0.01)?;
    check(cx, "alpha", alpha)?;
    Ok(Imported::unary(LeakyRelu { alpha, max: None }))
}

impl Pointwise for LeakyRelu {
    fn kind(&self) -> &'static str {
        "ParametrizedActivation"
    }
    fn at(&self, x: f64) -> f64 {
        self.value(self.alpha, x)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Param, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Param => activation::constant(self.alpha, cx),
            _ => {
                let frac = cx.inputs[0].format.frac() + cx.format(Role::Param).frac().max(0);
                let frac = self.max.map_or(frac, |it| frac.max(activation::limit(it).0.frac()));
                activation::result(Span::hull(&self.spans(cx)), Some(frac), cx)
            }
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let alpha = quantized(self.alpha, cx.format(Role::Param));
        each(cx, |x| {
            let ends = [x.lo, x.hi, 0f64.clamp(x.lo, x.hi)];
            Span::around(ends.map(|it| self.value(alpha, it)))
        })
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let slope = cx.format(Role::Param);
        let slopes = [slope.quantize(self.alpha)].into();
        let from = cx.builder.ty(input).union();
        let exact = from.union(from.product(slope));
        let rectify = Rectify { slopes, slope, ..Rectify::relu(cx.format(Role::Result)) };
        lower_capped(cx, input, rectify, exact, self.max)
    }
}
