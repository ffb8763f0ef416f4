//! Hard tanh: twice a hard sigmoid less one, `y = clip(2 * (slope * x + shift) - 1, -1, 1)`.
//!
//! Keras `hard_tanh` (slope and shift a half: `clip(x, -1, 1)`), QKeras' tanh. An `affine` and a
//! `clamp` unit, exact in between.

use super::hard_sigmoid::{lower_line, resolve_line};
use super::pointwise::{Pointwise, each, quantized};
use super::{Lower, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::Clamp;

/// `y = 2 * clip(slope * x + shift, 0, 1) - 1`.
#[derive(Clone, Debug)]
pub struct HardTanh {
    /// Factor of the hard sigmoid.
    pub slope: f64,
    /// Offset of the hard sigmoid.
    pub shift: f64,
}

impl HardTanh {
    // Reached by the name of an activation only.
    pub(super) const SPELLINGS: &[Spelling] = &[];
}

impl Pointwise for HardTanh {
    fn kind(&self) -> &'static str {
        "HardActivation"
    }
    fn at(&self, x: f64) -> f64 {
        2.0 * (self.slope * x + self.shift).clamp(0.0, 1.0) - 1.0
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Slope, Role::Shift, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Result => {
                let shift = cx.format(Role::Shift).frac() - 1;
                let frac = cx.inputs[0].format.frac() + cx.format(Role::Slope).frac() - 1;
                let frac = frac.max(shift).max(0);
                activation::result(Span::hull(&self.spans(cx)), Some(frac), cx)
            }
            _ => resolve_line(self.slope, self.shift, role, cx),
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let slope = quantized(self.slope, cx.format(Role::Slope));
        let shift = Span::point(quantized(self.shift, cx.format(Role::Shift)));
        each(cx, |x| x.scale(slope).add(shift).rising(|it| 2.0 * it.clamp(0.0, 1.0) - 1.0))
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let line = lower_line(cx, input, (self.slope, self.shift), true);
        let (limit, result) = (Format::signed(2, 2), cx.format(Role::Result));
        cx.builder.add("", Clamp { lo: -1, hi: 1, limit, result }, &[line])
    }
}
