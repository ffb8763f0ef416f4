//! Rectifiers: `y_i = x_i > t ? R(x_i) : R(a_f * x_i)`, the product exact.
//!
//! A slope of zero is ReLU (and thresholded ReLU with `t`), one slope leaky ReLU, one per element
//! PReLU; `f` is the element's position modulo the number of slopes.

use serde::{Deserialize, Serialize};

use super::hls::{self, Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Mantissas, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Product, Relation, ValueId, Wiring};

/// A rectifier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rectify {
    /// Mantissa of the threshold `t`.
    pub threshold: i128,
    /// Format of the threshold.
    pub threshold_format: Format,
    /// Slopes below the threshold; empty for zero.
    pub slopes: Mantissas,
    /// Format of the slopes.
    pub slope: Format,
    /// Output.
    pub result: Format,
}

impl Rectify {
    /// `max(x, 0)`.
    pub fn relu(result: Format) -> Rectify {
        Rectify {
            threshold: 0,
            threshold_format: Format::unsigned(1, 1),
            slopes: [].into(),
            slope: Format::unsigned(1, 1),
            result,
        }
    }

    /// Shifts that bring an input and the threshold to one grid.
    pub fn shifts(&self, input: Format) -> (u32, u32) {
        if self.threshold == 0 {
            return (0, 0);
        }
        let frac = input.frac().max(self.threshold_format.frac());
        ((frac - input.frac()) as u32, (frac - self.threshold_format.frac()) as u32)
    }

    /// The slope of an element, if it is not zero.
    pub fn slope_of(&self, element: usize) -> Option<i128> {
        let count = self.slopes.len();
        if count == 0 { None } else { Some(self.slopes[element % count]).filter(|it| *it != 0) }
    }
}

impl UnitSpec for Rectify {
    fn name(&self) -> &'static str {
        "rectify"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let bits = |element| {
            let input: Format = inputs[0].format(element);
            let (x, t) = self.shifts(input);
            let compare = (input.width + x).max(self.threshold_format.width + t) + 1;
            let pass = Cast { from_frac: input.frac(), to: self.result }.working_bits(input.width);
            let product = input.product(self.slope);
            let slope = Cast { from_frac: product.frac(), to: self.result };
            let slope = if self.slopes.is_empty() { 0 } else { slope.working_bits(product.width) };
            compare.max(pass).max(slope)
        };
        (0..inputs[0].elements()).map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Rectify {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        for element in 0..run.ty.elements() {
            let input = run.types[0].format(element);
            let (grow, shift) = self.shifts(input);
            let threshold = T::narrow(self.threshold).shl(shift);
            let pass = Cast { from_frac: input.frac(), to: self.result };
            match self.slope_of(element).map(T::narrow) {
                None => {
                    let x = &run.inputs[0][element * run.lanes..][..run.lanes];
                    let out = &mut run.output[element * run.lanes..][..run.lanes];
                    match self.threshold {
                        0 => out.iter_mut().zip(x).for_each(|(y, x)| *y = (*x).max(T::ZERO)),
                        _ => out.iter_mut().zip(x).for_each(|(y, x)| {
                            *y = if x.shl(grow) > threshold { *x } else { T::ZERO };
                        }),
                    }
                    pass.all(out);
                }
                Some(slope) => {
                    let from_frac = input.frac() + self.slope.frac();
                    let below = Cast { from_frac, to: self.result };
                    run.map(element, |x| {
                        if x.shl(grow) > threshold {
                            pass.apply(x)
                        } else {
                            below.apply(x.mul(slope))
                        }
                    });
                }
            }
        }
    }
}

impl Datapathed for Rectify {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let rectify = |element: usize| {
            let (x, frac) = cx.input(0, element);
            let (grow, shift) = self.shifts(cx.types[0].format(element));
            let dp = &mut *cx.datapath;
            let (x, result) = match self.threshold == 0 && self.slope_of(element).is_none() {
                // What rounds to zero may as well be negative: the half is added first, where it
                // meets a bias.
                true => dp.add_half(x, frac, self.result),
                false => (x, self.result),
            };
            let threshold = dp.constant(self.threshold << shift);
            let grown = dp.shl(x, grow);
            // x > t is what the slope does not apply to; below and at t it does.
            let above = dp.compare(Relation::Less, threshold, grown);
            let pass = match self.threshold {
                // At zero both branches agree, so the sign alone decides.
                0 => {
                    let from = dp.interval(x);
                    let negative = dp.is_negative(x);
                    let above = dp.not(negative);
                    let positive = dp.narrow_where_positive(x, from);
                    (above, positive)
                }
                _ => (above, x),
            };
            let kept = dp.cast(pass.1, frac, result);
            let below = match self.slope_of(element) {
                None => dp.constant(0),
                Some(slope) => {
                    let product = dp.mul_const(x, slope);
                    dp.cast(product, frac + self.slope.frac(), self.result)
                }
            };
            dp.mux(pass.0, kept, below)
        };
        (0..elements).map(rectify).collect()
    }
}

impl Tokenized for Rectify {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.alike(self, self.slopes.len().max(1))
    }
}

impl Hls for Rectify {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let function = match (self.slopes.is_empty(), self.threshold) {
            (true, 0) => "relu",
            (true, _) => "thresholded_relu",
            (false, _) => "leaky_relu",
        };
        let call = HlsCall::new("nn_rectify.h", function).count("n", ports.n());
        if function == "relu" {
            return call.into();
        }
        let format = hls::threshold(self.threshold, self.threshold_format, ports.inputs[0]);
        let call = call.scalar("threshold", format, self.threshold);
        if self.slopes.is_empty() {
            return call.into();
        }
        call.count("n_slopes", self.slopes.len() as u64)
            .array("slopes", "slope", self.slope, &self.slopes)
            .into()
    }
}

impl Estimated for Rectify {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let operation = match self.slopes.is_empty() {
            true => Operation::Relu,
            false => Operation::Multiply,
        };
        let elements = types[0].elements() as u64;
        Some(HlsKernel::Elementwise { elements, bits: types[0].max_width(), operation })
    }
}
