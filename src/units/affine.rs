//! Scales and shifts by constants: `y_i = R(x_i * s_f + b_f)`, exact before the one cast.
//!
//! `f` is the element's position modulo the number of constants, so one list serves a channel axis,
//! a whole tensor or a scalar. Batch normalization and the linear parts of activations are this.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Mantissas, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Product, Term, ValueId, Wiring};

/// Constant factors and offsets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Affine {
    /// Factors.
    pub scales: Mantissas,
    /// Format of the factors.
    pub scale: Format,
    /// Offsets, as many as factors.
    pub biases: Mantissas,
    /// Format of the offsets.
    pub bias: Format,
    /// Output.
    pub result: Format,
}

impl Affine {
    /// Fractional bits of the exact sum.
    pub fn sum_frac(&self, input: Format) -> i32 {
        (input.frac() + self.scale.frac()).max(self.bias.frac())
    }

    /// Shifts that align product and offset.
    pub fn shifts(&self, input: Format) -> (u32, u32) {
        let sum = self.sum_frac(input);
        ((sum - input.frac() - self.scale.frac()) as u32, (sum - self.bias.frac()) as u32)
    }
}

impl UnitSpec for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let bits = |element| {
            let input: Format = inputs[0].format(element);
            let (product, offset) = self.shifts(input);
            let sum =
                (input.width + self.scale.width + product).max(self.bias.width + offset + 1) + 1;
            Cast { from_frac: self.sum_frac(input), to: self.result }.working_bits(sum)
        };
        (0..inputs[0].elements()).map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Affine {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        for element in 0..run.ty.elements() {
            let input = run.types[0].format(element);
            let (product, offset) = self.shifts(input);
            let scale = T::narrow(self.scales[element % self.scales.len()]);
            let bias = T::narrow(self.biases[element % self.biases.len()]).shl(offset);
            let cast = Cast { from_frac: self.sum_frac(input), to: self.result };
            run.map(element, |x| cast.apply(x.mul(scale).shl(product).add(bias)));
        }
    }
}

impl Datapathed for Affine {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let affine = |element: usize| {
            let (x, _) = cx.input(0, element);
            let input = cx.types[0].format(element);
            let (product, offset) = self.shifts(input);
            let scale = self.scales[element % self.scales.len()];
            let bias = self.biases[element % self.biases.len()];
            let scaled = cx.datapath.mul_const(x, scale);
            let bias = cx.datapath.constant(bias << offset);
            let sum =
                cx.datapath.add(Term { shift: product, ..Term::plain(scaled) }, Term::plain(bias));
            cx.datapath.cast(sum, self.sum_frac(input), self.result)
        };
        (0..elements).map(affine).collect()
    }
}

impl Tokenized for Affine {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        let fits = cut.elements().is_multiple_of(self.scales.len().max(1));
        if fits { cut.alike(self, self.biases.len()) } else { None }
    }
}

impl Hls for Affine {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        HlsCall::new("nn_affine.h", "affine")
            .count("n", ports.n())
            .count("n_constants", self.scales.len() as u64)
            .array("scales", "scale", self.scale, &self.scales)
            .array("biases", "bias", self.bias, &self.biases)
            .into()
    }
}

impl Estimated for Affine {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let elements = types[0].elements() as u64;
        let bits = types[0].max_width();
        Some(HlsKernel::Elementwise { elements, bits, operation: Operation::Multiply })
    }
}
