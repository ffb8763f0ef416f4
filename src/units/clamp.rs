//! Limits to constants: `y = R(min(max(x, lo), hi))`, the comparison exact.

use serde::{Deserialize, Serialize};

use super::hls::{self, Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Interval, Product, ValueId, Wiring};

/// A pair of limits, `lo <= hi`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clamp {
    /// Mantissa of the lower limit.
    pub lo: i128,
    /// Mantissa of the upper limit.
    pub hi: i128,
    /// Format of the limits.
    pub limit: Format,
    /// Output.
    pub result: Format,
}

impl Clamp {
    /// Fractional bits of the grid that input and limits share.
    pub fn frac(&self, input: Format) -> i32 {
        input.frac().max(self.limit.frac())
    }
}

impl UnitSpec for Clamp {
    fn name(&self) -> &'static str {
        "clamp"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let bits = |element| {
            let input: Format = inputs[0].format(element);
            let frac = self.frac(input);
            let x = input.width + (frac - input.frac()) as u32;
            let limit = self.limit.width + (frac - self.limit.frac()) as u32;
            Cast { from_frac: frac, to: self.result }.working_bits(x.max(limit) + 1)
        };
        (0..inputs[0].elements()).map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Clamp {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        for element in 0..run.ty.elements() {
            let input = run.types[0].format(element);
            let frac = self.frac(input);
            let grow = (frac - input.frac()) as u32;
            let limit = |v: i128| T::narrow(v).shl((frac - self.limit.frac()) as u32);
            let (lo, hi) = (limit(self.lo), limit(self.hi));
            let cast = Cast { from_frac: frac, to: self.result };
            run.map(element, |x| cast.apply(x.shl(grow).max(lo).min(hi)));
        }
    }
}

impl Datapathed for Clamp {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let clamp = |element: usize| {
            let (x, frac_x) = cx.input(0, element);
            let frac = self.frac(cx.types[0].format(element));
            let limit = |v: i128| v << (frac - self.limit.frac());
            let x = cx.datapath.shl(x, (frac - frac_x) as u32);
            let range = Interval::new(limit(self.lo), limit(self.hi));
            let inside = cx.datapath.clamp(x, range);
            cx.datapath.cast(inside, frac, self.result)
        };
        (0..elements).map(clamp).collect()
    }
}

impl Tokenized for Clamp {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.alike(self, 1)
    }
}

impl Hls for Clamp {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let format = |limit| hls::threshold(limit, self.limit, ports.inputs[0]);
        HlsCall::new("nn_clamp.h", "clamp")
            .count("n", ports.n())
            .scalar("low", format(self.lo), self.lo)
            .scalar("high", format(self.hi), self.hi)
            .into()
    }
}

impl Estimated for Clamp {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let elements = types[0].elements() as u64;
        let bits = types[0].max_width();
        Some(HlsKernel::Elementwise { elements, bits, operation: Operation::Max })
    }
}
