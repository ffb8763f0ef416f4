//! A function that is constant between thresholds: `y = values[number of thresholds <= x]`.
//!
//! Every channel has its own, all with the same number of thresholds; an element belongs to the
//! channel of its position modulo the number of channels. Comparisons are by value, and values are
//! what the output holds: nothing is rounded.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Format, Mantissas, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Datapath, Product, Relation, ValueId, Wiring};

/// Thresholds and the values between them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Threshold {
    /// Thresholds of a channel.
    pub count: usize,
    /// Never falling within a channel; `count` for each.
    pub thresholds: Mantissas,
    /// Format of the thresholds.
    pub threshold: Format,
    /// `count + 1` for each channel.
    pub values: Mantissas,
    /// Output, and format of the values.
    pub result: Format,
}

impl Threshold {
    /// Shifts that bring an input and the thresholds to one grid.
    fn shifts(&self, input: Format) -> (u32, u32) {
        let frac = input.frac().max(self.threshold.frac());
        ((frac - input.frac()) as u32, (frac - self.threshold.frac()) as u32)
    }

    /// Thresholds and values of an element.
    fn channel(&self, element: usize) -> (&[i128], &[i128]) {
        let (count, values) = (self.count, self.count + 1);
        let channel = element % (self.values.len() / values);
        (&self.thresholds[channel * count..][..count], &self.values[channel * values..][..values])
    }
}

impl UnitSpec for Threshold {
    fn name(&self) -> &'static str {
        "threshold"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let bits = |element| {
            let input: Format = inputs[0].format(element);
            let (x, t) = self.shifts(input);
            (input.width + x).max(self.threshold.width + t) + 1
        };
        let widest = (0..inputs[0].elements()).map(bits).max().unwrap_or(1);
        widest.max(self.result.width + 1)
    }
}

impl Emulate for Threshold {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        for element in 0..run.ty.elements() {
            let (grow, shift) = self.shifts(run.types[0].format(element));
            let (thresholds, values) = self.channel(element);
            let first = T::narrow(values[0]);
            run.map(element, |_| first);
            for (threshold, value) in thresholds.iter().zip(&values[1..]) {
                let (threshold, value) = (T::narrow(*threshold).shl(shift), T::narrow(*value));
                let at = element * run.lanes;
                let y = &mut run.output[at..at + run.lanes];
                for (y, x) in y.iter_mut().zip(&run.inputs[0][at..at + run.lanes]) {
                    *y = if x.shl(grow) >= threshold { value } else { *y };
                }
            }
        }
    }
}

impl Datapathed for Threshold {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let choose = |element: usize| {
            let (x, _) = cx.input(0, element);
            let (grow, shift) = self.shifts(cx.types[0].format(element));
            let x = cx.datapath.shl(x, grow);
            let (thresholds, values) = self.channel(element);
            between(cx.datapath, x, shift, thresholds, values)
        };
        (0..elements).map(choose).collect()
    }
}

/// Halves the values that are left by a comparison with the threshold in the middle.
fn between(
    dp: &mut Datapath,
    x: ValueId,
    shift: u32,
    thresholds: &[i128],
    values: &[i128],
) -> ValueId {
    if values.iter().all(|it| *it == values[0]) {
        return dp.constant(values[0]);
    }
    let middle = thresholds.len() / 2;
    let threshold = dp.constant(thresholds[middle] << shift);
    let below = dp.compare(Relation::Less, x, threshold);
    let low = between(dp, x, shift, &thresholds[..middle], &values[..=middle]);
    let high = between(dp, x, shift, &thresholds[middle + 1..], &values[middle + 1..]);
    dp.mux(below, low, high)
}

impl Tokenized for Threshold {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.alike(self, self.values.len() / (self.count + 1))
    }
}

impl Hls for Threshold {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        HlsCall::new("nn_threshold.h", "threshold")
            .count("n", ports.n())
            .count("n_channels", (self.values.len() / (self.count + 1)) as u64)
            .count("n_thresholds", self.count as u64)
            .array("thresholds", "threshold", self.threshold, &self.thresholds)
            .array("values", "value", self.result, &self.values)
            .into()
    }
}

impl Estimated for Threshold {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        // One comparison for each threshold.
        let elements = (types[0].elements() * self.count.max(1)) as u64;
        let bits = types[0].max_width();
        Some(HlsKernel::Elementwise { elements, bits, operation: Operation::Max })
    }
}
