//! Sign: `y = 1` from zero on, -1 below.
//!
//! The `binary_tanh` of binary networks. A `select` unit on two constants.

use super::pointwise::{Pointwise, each};
use super::{Lower, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::{Compare, Select};

/// `y = x >= 0 ? 1 : -1`; a one-bit unsigned result has 0 for -1.
#[derive(Clone, Debug)]
pub struct BinaryTanh;

impl BinaryTanh {
    // Reached by the name of an activation only.
    pub(super) const SPELLINGS: &[Spelling] = &[];
}

/// Adds a tensor that holds one small integer everywhere.
pub(super) fn fill(cx: &mut Lower<'_>, part: &str, like: NodeId, value: i128) -> NodeId {
    let shape = cx.builder.ty(like).shape.clone();
    let values = vec![value; shape.elements()].into();
    cx.builder.constant(part, shape, values, Format::signed(2, 2))
}

impl Pointwise for BinaryTanh {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        if x >= 0.0 { 1.0 } else { -1.0 }
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        activation::result(Span::new(-1.0, 1.0), Some(0), cx)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        each(cx, |it| it.rising(|x| self.at(x)))
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let result = cx.format(Role::Result);
        let bit = !result.signed && result.width == 1 && result.int_bits == 1;
        let above = fill(cx, "above", input, 1);
        let below = fill(cx, "below", input, if bit { 0 } else { -1 });
        let select = Select {
            compare: Compare::GreaterEqual,
            threshold: 0,
            threshold_format: Format::unsigned(1, 1),
            result,
        };
        cx.builder.add("", select, &[input, above, below])
    }
}
