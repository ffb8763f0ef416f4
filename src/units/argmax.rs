//! One-hot maximum: 1 at the first largest element of each group, 0 elsewhere.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Product, Relation, ValueId, Wiring};

/// A one-hot maximum over the last axis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Argmax {
    /// Elements of a group: the extent of the last axis.
    pub group: usize,
    /// Output; 1 is cast to it.
    pub result: Format,
}

impl Argmax {
    /// The mantissa that stands for 1.
    pub fn one(&self) -> i128 {
        Cast { from_frac: 0, to: self.result }.apply_wide(1)
    }
}

impl UnitSpec for Argmax {
    fn name(&self) -> &'static str {
        "argmax"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], output: &Type) -> u32 {
        (inputs[0].union().width + 1).max(output.max_width() + 1)
    }
}

impl Emulate for Argmax {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let (lanes, one) = (run.lanes, T::narrow(self.one()));
        let frac = run.types[0].union().frac();
        run.output.fill(T::ZERO);
        for group in 0..run.ty.elements() / self.group {
            for lane in 0..lanes {
                let value = |k: usize| {
                    let element = group * self.group + k;
                    let shift = (frac - run.types[0].format(element).frac()) as u32;
                    run.inputs[0][element * lanes + lane].shl(shift)
                };
                let best = (1..self.group)
                    .fold(0, |best, k| if value(k) > value(best) { k } else { best });
                run.output[(group * self.group + best) * lanes + lane] = one;
            }
        }
    }
}

impl Datapathed for Argmax {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let frac = cx.types[0].union().frac();
        let mut made = Vec::with_capacity(cx.ty.elements());
        for group in 0..cx.ty.elements() / self.group {
            let values: Vec<ValueId> = (0..self.group)
                .map(|k| {
                    let (x, from) = cx.input(0, group * self.group + k);
                    cx.datapath.shl(x, (frac - from) as u32)
                })
                .collect();
            made.extend(self.one_hot(cx, &values));
        }
        made
    }
}

impl Argmax {
    /// Element `k` is the first maximum if it beats every earlier one and no later one beats it.
    fn one_hot(&self, cx: &mut Wiring<'_>, values: &[ValueId]) -> Vec<ValueId> {
        let dp = &mut *cx.datapath;
        let (one, zero) = (dp.constant(self.one()), dp.constant(0));
        let mut made = Vec::with_capacity(values.len());
        for (k, value) in values.iter().enumerate() {
            let mut beaten = Vec::with_capacity(values.len());
            for (other, rival) in values.iter().enumerate().filter(|(other, _)| *other != k) {
                beaten.push(match other < k {
                    true => dp.compare(Relation::Less, *rival, *value),
                    false => {
                        let less = dp.compare(Relation::Less, *value, *rival);
                        dp.not(less)
                    }
                });
            }
            let wins = dp.all(beaten);
            made.push(dp.mux(wins, one, zero));
        }
        made
    }
}

impl Tokenized for Argmax {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.grouped(self, self.group)
    }
}

impl Hls for Argmax {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        HlsCall::new("nn_argmax.h", "argmax")
            .count("group", self.group as u64)
            .count("n_groups", ports.n() / self.group as u64)
            .into()
    }
}

impl Estimated for Argmax {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let elements = types[0].elements() as u64;
        let bits = types[0].max_width();
        Some(HlsKernel::Elementwise { elements, bits, operation: Operation::Max })
    }
}
