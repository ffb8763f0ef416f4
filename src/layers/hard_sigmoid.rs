//! Hard sigmoid: `y = clip(slope * x + shift, 0, 1)`.
//!
//! Keras `hard_sigmoid` (version 2: slope 0.2; version 3: 1/6), ONNX `HardSigmoid`. An `affine` and
//! a `clamp` unit, exact in between.

use super::pointwise::{Pointwise, each, quantized};
use super::relu::check;
use super::{Import, Imported, LayerError, Lower, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::{Affine, Clamp};

/// `y = clip(slope * x + shift, 0, 1)`.
#[derive(Clone, Debug)]
pub struct HardSigmoid {
    /// Factor.
    pub slope: f64,
    /// Offset.
    pub shift: f64,
}

impl HardSigmoid {
    pub(super) const SPELLINGS: &[Spelling] = &[Spelling::onnx("HardSigmoid", import)];
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    let slope = cx.attrs().float("alpha", 0.2)?;
    let shift = cx.attrs().float("beta", 0.5)?;
    check(cx, "alpha", slope)?;
    check(cx, "beta", shift)?;
    Ok(Imported::unary(HardSigmoid { slope, shift }))
}

/// Types of the two constants; hls4ml has fixed ones, unsigned and truncating.
pub(super) fn resolve_line(slope: f64, shift: f64, role: Role, cx: &Resolve<'_>) -> Typed {
    match role {
        Role::Slope if cx.compat => Typed::new(Format::unsigned(16, 0), "hls4ml: slopes"),
        Role::Shift if cx.compat => Typed::new(Format::unsigned(2, 0), "hls4ml: shifts"),
        Role::Slope => activation::constant(slope, cx),
        _ => activation::constant(shift, cx),
    }
}

/// Adds the line `(slope * x + shift) * 2^double - double`, exact.
pub(super) fn lower_line(
    cx: &mut Lower<'_>,
    input: NodeId,
    (slope, shift): (f64, f64),
    double: bool,
) -> NodeId {
    let (scale, offset) = (cx.format(Role::Slope), cx.format(Role::Shift));
    // Doubling moves the binary point; then 1 is subtracted on a grid that holds it.
    let doubled = |it: Format| Format { int_bits: it.int_bits + i32::from(double), ..it };
    let (scales, biases) = (scale.quantize(slope), offset.quantize(shift));
    let (scale, offset) = (doubled(scale), doubled(offset));
    let (bias, biases) = match double {
        true => {
            let bias = offset.difference(Format::unsigned(1, 1));
            let one = activation::aligned(1, bias.frac());
            (bias, activation::aligned(biases, bias.frac() - offset.frac()) - one)
        }
        false => (offset, biases),
    };
    let product = cx.builder.ty(input).union().product(scale);
    let result = product.sum(bias);
    let (scales, biases) = ([scales].into(), [biases].into());
    cx.builder.add("line", Affine { scales, scale, biases, bias, result }, &[input])
}

impl Pointwise for HardSigmoid {
    fn kind(&self) -> &'static str {
        "HardActivation"
    }
    fn at(&self, x: f64) -> f64 {
        (self.slope * x + self.shift).clamp(0.0, 1.0)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Slope, Role::Shift, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Result => activation::result(Span::hull(&self.spans(cx)), None, cx),
            _ => resolve_line(self.slope, self.shift, role, cx),
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let slope = quantized(self.slope, cx.format(Role::Slope));
        let shift = Span::point(quantized(self.shift, cx.format(Role::Shift)));
        each(cx, |x| x.scale(slope).add(shift).rising(|it| it.clamp(0.0, 1.0)))
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let line = lower_line(cx, input, (self.slope, self.shift), false);
        let (limit, result) = (Format::unsigned(1, 1), cx.format(Role::Result));
        cx.builder.add("", Clamp { lo: 0, hi: 1, limit, result }, &[line])
    }
}
