//! Chooses by a comparison with a constant: `y = R(x > t ? a : b)` (or `>=`).
//!
//! Operands: `x`, `a`, `b`, of one shape.

use serde::{Deserialize, Serialize};

use super::hls::{self, Hls, HlsCall, HlsUnit, HlsValue, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Product, Relation, ValueId, Wiring};

/// The comparison that chooses the first alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compare {
    /// `x > t`.
    Greater,
    /// `x >= t`.
    GreaterEqual,
}

/// A choice of two.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Select {
    /// How `x` is compared.
    pub compare: Compare,
    /// Mantissa of the threshold.
    pub threshold: i128,
    /// Format of the threshold.
    pub threshold_format: Format,
    /// Output.
    pub result: Format,
}

impl Select {
    /// Shifts that bring an input and the threshold to one grid.
    pub fn shifts(&self, input: Format) -> (u32, u32) {
        if self.threshold == 0 {
            return (0, 0);
        }
        let frac = input.frac().max(self.threshold_format.frac());
        ((frac - input.frac()) as u32, (frac - self.threshold_format.frac()) as u32)
    }
}

impl UnitSpec for Select {
    fn name(&self) -> &'static str {
        "select"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let bits = |element| {
            let (x, t) = self.shifts(inputs[0].format(element));
            let compare =
                (inputs[0].format(element).width + x).max(self.threshold_format.width + t);
            let cast = |it: &Type| {
                let from: Format = it.format(element);
                Cast { from_frac: from.frac(), to: self.result }.working_bits(from.width)
            };
            (compare + 1).max(cast(inputs[1])).max(cast(inputs[2]))
        };
        (0..inputs[0].elements()).map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Select {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let lanes = run.lanes;
        for element in 0..run.ty.elements() {
            let (grow, shift) = self.shifts(run.types[0].format(element));
            let threshold = T::narrow(self.threshold).shl(shift);
            let cast = |it: &Type| Cast { from_frac: it.format(element).frac(), to: self.result };
            let (then, other) = (cast(run.types[1]), cast(run.types[2]));
            let at = element * lanes..(element + 1) * lanes;
            let (a, b) = (&run.inputs[1][at.clone()], &run.inputs[2][at.clone()]);
            let x = &run.inputs[0][at.clone()];
            for (s, y) in run.output[at].iter_mut().enumerate() {
                let x = x[s].shl(grow);
                let chosen = match self.compare {
                    Compare::Greater => x > threshold,
                    Compare::GreaterEqual => x >= threshold,
                };
                *y = if chosen { then.apply(a[s]) } else { other.apply(b[s]) };
            }
        }
    }
}

impl Datapathed for Select {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let select = |element: usize| {
            let (x, _) = cx.input(0, element);
            let ((a, frac_a), (b, frac_b)) = (cx.input(1, element), cx.input(2, element));
            let (grow, shift) = self.shifts(cx.types[0].format(element));
            let dp = &mut *cx.datapath;
            let threshold = dp.constant(self.threshold << shift);
            let x = dp.shl(x, grow);
            let chosen = match self.compare {
                Compare::Greater => dp.compare(Relation::Less, threshold, x),
                Compare::GreaterEqual => {
                    let less = dp.compare(Relation::Less, x, threshold);
                    dp.not(less)
                }
            };
            let a = dp.cast(a, frac_a, self.result);
            let b = dp.cast(b, frac_b, self.result);
            dp.mux(chosen, a, b)
        };
        (0..elements).map(select).collect()
    }
}

impl Tokenized for Select {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.alike(self, 1)
    }
}

impl Hls for Select {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let or_equal = HlsValue::Bool(self.compare == Compare::GreaterEqual);
        let format = hls::threshold(self.threshold, self.threshold_format, ports.inputs[0]);
        HlsCall::new("nn_select.h", "select")
            .count("n", ports.n())
            .member("or_equal", or_equal)
            .scalar("threshold", format, self.threshold)
            .into()
    }
}

impl Estimated for Select {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let elements = types[0].elements() as u64;
        let bits = types[0].max_width();
        Some(HlsKernel::Elementwise { elements, bits, operation: Operation::Max })
    }
}
