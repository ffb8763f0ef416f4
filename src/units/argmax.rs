//! One-hot maximum: 1 at the first largest element of each group, 0 elsewhere.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{Emulate, Run, UnitSpec};
use crate::fixed::{Cast, Format, Type, Word};

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

impl Hls for Argmax {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        HlsCall::new("nn_argmax.h", "argmax")
            .count("group", self.group as u64)
            .count("n_groups", ports.n() / self.group as u64)
            .into()
    }
}
