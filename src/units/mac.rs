//! Product with a constant matrix: `a_j = A(b_j); a_j = A(a_j + A(x_i * w_ij))` for ascending `i`;
//! `y_j = R(a_j)`, on the last axis, for every position of the leading axes.
//!
//! Every product is cast to the accumulator's format `A` before it is added, as hls4ml's dense
//! kernels do; only with a saturating `A` does the order of the sum matter.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsMatrix, HlsUnit, Ports};
use super::{Emulate, Run, UnitSpec};
use crate::fixed::{Cast, Format, Mantissas, Overflow, Rounding, Type, Word};
use crate::nn::Shape;

/// A constant matrix with biases.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mac {
    /// Rows of the matrix: extent of the input's last axis.
    pub n_in: usize,
    /// Columns of the matrix: extent of the output's last axis.
    pub n_out: usize,
    /// Weights, `n_in` rows of `n_out`.
    pub weights: Mantissas,
    /// Format of the weights.
    pub weight: Format,
    /// Biases, `n_out` of them.
    pub biases: Mantissas,
    /// Format of the biases.
    pub bias: Format,
    /// Accumulator `A`.
    pub accum: Format,
    /// Output `R`.
    pub result: Format,
}

impl Mac {
    /// The weight from input `i` to output `j`.
    pub fn at(&self, i: usize, j: usize) -> i128 {
        self.weights[i * self.n_out + j]
    }

    /// Whether a product of `input` is on the accumulator's grid, so that its cast rounds nothing.
    pub fn products_on_grid(&self, input: Format) -> bool {
        input.frac() + self.weight.frac() <= self.accum.frac()
    }

    /// Whether the sum does not depend on the order and products need no cast of their own: no
    /// rounding, and either wrapping or a range that provably holds every partial sum.
    pub fn is_exact(&self, input: &Type) -> bool {
        let on_grid = (0..input.elements()).all(|it| self.products_on_grid(input.format(it)))
            && (self.bias.frac() <= self.accum.frac() || self.biases.iter().all(|it| *it == 0));
        on_grid && (self.accum.overflow == Overflow::Wrap || self.never_overflows(input))
    }

    /// Whether no partial sum can leave the accumulator, for inputs of the given type. Products must
    /// be on its grid.
    fn never_overflows(&self, input: &Type) -> bool {
        let shift = |frac: i32| (self.accum.frac() - frac).clamp(0, 127) as u32;
        (0..input.elements() / self.n_in.max(1)).all(|position| {
            (0..self.n_out).all(|j| {
                let mut reach = self.biases[j]
                    .unsigned_abs()
                    .saturating_mul(1 << shift(self.bias.frac()).min(100));
                for i in 0..self.n_in {
                    let format = input.format(position * self.n_in + i);
                    let largest = format.min().unsigned_abs().max(format.max() as u128);
                    let by = shift(format.frac() + self.weight.frac()).min(100);
                    let product = largest.saturating_mul(self.at(i, j).unsigned_abs());
                    reach = reach.saturating_add(product.saturating_mul(1 << by));
                }
                let signed_fits = self.accum.signed || self.all_positive(input, j);
                signed_fits && reach <= self.accum.max() as u128
            })
        })
    }

    fn all_positive(&self, input: &Type, j: usize) -> bool {
        !input.union().signed && self.biases[j] >= 0 && (0..self.n_in).all(|i| self.at(i, j) >= 0)
    }
}

impl UnitSpec for Mac {
    fn name(&self) -> &'static str {
        "mac"
    }

    fn output(&self, inputs: &[&Type]) -> Type {
        let mut shape = inputs[0].shape.0.clone();
        shape.pop();
        shape.push(self.n_out);
        Type::uniform(Shape(shape), self.result)
    }

    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let format = inputs[0].union();
        let product = inputs[0].max_width() + self.weight.width;
        let frac = format.frac() + self.weight.frac();
        let cast = Cast { from_frac: frac, to: self.accum };
        let bias = Cast { from_frac: self.bias.frac(), to: self.accum };
        // A wrapping sum may run over in the word as long as the word is not narrower than the
        // accumulator; one bit more holds any single sum before it is saturated.
        let sum = self.accum.width + 1;
        let result = Cast { from_frac: self.accum.frac(), to: self.result };
        let biased = if self.biases.iter().all(|it| *it == 0) {
            0
        } else {
            bias.working_bits(self.bias.width)
        };
        cast.working_bits(product).max(biased).max(sum).max(result.working_bits(self.accum.width))
    }
}

impl Emulate for Mac {
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let exact = self.is_exact(run.types[0]);
        let short = run.types[0].max_width() <= 32 && self.weight.width <= 32;
        for position in 0..run.types[0].elements() / self.n_in.max(1) {
            match (exact, short) {
                (true, true) => self.exact(run, position, T::mul_short),
                (true, false) => self.exact(run, position, T::mul),
                (false, _) => self.stepwise(run, position),
            }
        }
    }
}

impl Mac {
    /// The sum without casts in between; it is brought into the accumulator once, at the end.
    #[inline(always)]
    fn exact<T: Word>(
        &self,
        run: &mut Run<'_, T>,
        position: usize,
        mul: impl Fn(T, T) -> T + Copy,
    ) {
        let lanes = run.lanes;
        let mut sum = vec![T::ZERO; lanes];
        let grid = Cast {
            from_frac: self.accum.frac(),
            to: self.accum.with(Rounding::Trn, Overflow::Wrap),
        };
        let result = Cast { from_frac: self.accum.frac(), to: self.result };
        let bias = Cast { from_frac: self.bias.frac(), to: self.accum };
        for j in 0..self.n_out {
            sum.fill(if self.biases[j] == 0 {
                T::ZERO
            } else {
                bias.apply(T::narrow(self.biases[j]))
            });
            for i in 0..self.n_in {
                let weight = self.at(i, j);
                if weight == 0 {
                    continue;
                }
                let element = position * self.n_in + i;
                let shift =
                    self.accum.frac() - run.types[0].format(element).frac() - self.weight.frac();
                let x = run.input(0, element);
                if shift == 0 {
                    let weight = T::narrow(weight);
                    for (a, x) in sum.iter_mut().zip(x) {
                        *a = a.add(mul(*x, weight));
                    }
                } else {
                    let weight = T::narrow(weight);
                    for (a, x) in sum.iter_mut().zip(x) {
                        *a = a.add(x.mul(weight).shl(shift as u32));
                    }
                }
            }
            let y = &mut run.output[(position * self.n_out + j) * lanes..][..lanes];
            for (y, a) in y.iter_mut().zip(&sum) {
                *y = result.apply(grid.apply(*a));
            }
        }
    }

    /// The sum with every cast in its place.
    #[inline(always)]
    fn stepwise<T: Word>(&self, run: &mut Run<'_, T>, position: usize) {
        let lanes = run.lanes;
        let mut sum = vec![T::ZERO; lanes];
        let grid = Cast { from_frac: self.accum.frac(), to: self.accum };
        let result = Cast { from_frac: self.accum.frac(), to: self.result };
        let bias = Cast { from_frac: self.bias.frac(), to: self.accum };
        for j in 0..self.n_out {
            sum.fill(bias.apply(T::narrow(self.biases[j])));
            for i in 0..self.n_in {
                let weight = T::narrow(self.at(i, j));
                let element = position * self.n_in + i;
                let from_frac = run.types[0].format(element).frac() + self.weight.frac();
                let product = Cast { from_frac, to: self.accum };
                for (a, x) in sum.iter_mut().zip(run.input(0, element)) {
                    *a = grid.apply(a.add(product.apply(x.mul(weight))));
                }
            }
            let y = &mut run.output[(position * self.n_out + j) * lanes..][..lanes];
            for (y, a) in y.iter_mut().zip(&sum) {
                *y = result.apply(*a);
            }
        }
    }
}

impl Hls for Mac {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let (n_in, n_out) = (self.n_in as u64, self.n_out as u64);
        let matrix = HlsMatrix { n_in, n_out, positions: ports.n() / n_out.max(1) };
        let call = HlsCall::new("nn_mac.h", "mac")
            .ty("accum", self.accum)
            .array("weights", "weight", self.weight, &self.weights)
            .array("biases", "bias", self.bias, &self.biases);
        HlsCall { matrix: Some(matrix), ..call }.into()
    }
}
