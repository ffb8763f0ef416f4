//! Ternary sign: `y = 1` above a half, -1 at minus a half and below, 0 between.
//!
//! The `ternary_tanh` of ternary networks. Two `select` units on constants.
//!
//! hls4ml doubles the input in the input's own type first, which may wrap (0.75 in `fixed<8,1>`
//! becomes -0.5); `Compat: hls4ml` does the same, by default the input is compared as it is.

use super::binary_tanh::fill;
use super::pointwise::{Pointwise, each};
use super::{Lower, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::{Affine, Compare, Select};

/// `y = x > 1/2 ? 1 : x > -1/2 ? 0 : -1`.
#[derive(Clone, Debug)]
pub struct TernaryTanh;

impl TernaryTanh {
    // Reached by the name of an activation only.
    pub(super) const SPELLINGS: &[Spelling] = &[];
}

/// `2 * x` in the type of `x`, with its modes.
fn double(cx: &mut Lower<'_>, input: NodeId) -> NodeId {
    let result = cx.builder.ty(input).union();
    let affine = Affine {
        scales: [1].into(),
        scale: Format::unsigned(1, 2),
        biases: [0].into(),
        bias: Format::unsigned(1, 1),
        result,
    };
    cx.builder.add("double", affine, &[input])
}

impl Pointwise for TernaryTanh {
    fn kind(&self) -> &'static str {
        "TernaryTanh"
    }
    fn at(&self, x: f64) -> f64 {
        if x > 0.5 {
            1.0
        } else if x > -0.5 {
            0.0
        } else {
            -1.0
        }
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        activation::result(Span::new(-1.0, 1.0), Some(0), cx)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        match cx.compat {
            true => each(cx, |_| Span::new(-1.0, 1.0)),
            false => each(cx, |it| it.rising(|x| self.at(x))),
        }
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        // The same comparisons, of 2x with 1 or of x with a half.
        let int_bits = if cx.compat { 2 } else { 1 };
        let value = if cx.compat { double(cx, input) } else { input };
        let select = |threshold, result| Select {
            compare: Compare::Greater,
            threshold,
            threshold_format: Format::signed(2, int_bits),
            result,
        };
        let [below, between, above] = [("below", -1), ("between", 0), ("above", 1)]
            .map(|(part, value)| fill(cx, part, input, value));
        let low = select(-1, Format::signed(2, 2));
        let low = cx.builder.add("low", low, &[value, between, below]);
        let result = cx.format(Role::Result);
        cx.builder.add("", select(1, result), &[value, above, low])
    }
}
