//! Product with a constant matrix: `a_j = A(b_j); a_j = A(a_j + A(x_i * w_ij))` for ascending `i`;
//! `y_j = R(a_j)`, on the last axis, for every position of the leading axes.
//!
//! Every product is cast to the accumulator's format `A` before it is added, as hls4ml's dense
//! kernels do; only with a saturating `A` does the order of the sum matter.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsMatrix, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{Constants, Dense, HlsKernel, Strategy};
use crate::fixed::{Cast, Format, Mantissas, Overflow, Rounding, Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, Term, ValueId, Wiring};

/// What of a matrix can be loaded while the hardware runs: nothing may be inferred from its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loaded {
    /// Nothing: it is constant.
    #[default]
    Nothing,
    /// The weights; the layer has no biases.
    Weights,
    /// Weights and biases.
    All,
}

impl Loaded {
    /// Whether the matrix is constant.
    pub fn is_nothing(&self) -> bool {
        *self == Loaded::Nothing
    }
}

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
    /// What of it can be loaded.
    #[serde(default, skip_serializing_if = "Loaded::is_nothing")]
    pub loaded: Loaded,
}

/// The largest magnitude of a format.
fn largest(format: Format) -> u128 {
    format.min().unsigned_abs().max(format.max() as u128)
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
            && (self.bias.frac() <= self.accum.frac() || !self.has_biases());
        on_grid && (self.accum.overflow == Overflow::Wrap || self.never_overflows(input))
    }

    /// Whether any bias is, or can become, other than zero.
    fn has_biases(&self) -> bool {
        self.loaded == Loaded::All || self.biases.iter().any(|it| *it != 0)
    }

    /// The largest magnitude that a weight has or can be given.
    fn weight_reach(&self, i: usize, j: usize) -> u128 {
        match self.loaded {
            Loaded::Nothing => self.at(i, j).unsigned_abs(),
            Loaded::Weights | Loaded::All => largest(self.weight),
        }
    }

    /// The same for a bias.
    fn bias_reach(&self, j: usize) -> u128 {
        match self.loaded {
            Loaded::Nothing | Loaded::Weights => self.biases[j].unsigned_abs(),
            Loaded::All => largest(self.bias),
        }
    }

    /// Whether no partial sum can leave the accumulator, for inputs of the given type. Products must
    /// be on its grid.
    fn never_overflows(&self, input: &Type) -> bool {
        let shift = |frac: i32| (self.accum.frac() - frac).clamp(0, 127) as u32;
        (0..input.elements() / self.n_in.max(1)).all(|position| {
            (0..self.n_out).all(|j| {
                let mut reach =
                    self.bias_reach(j).saturating_mul(1 << shift(self.bias.frac()).min(100));
                for i in 0..self.n_in {
                    let format = input.format(position * self.n_in + i);
                    let by = shift(format.frac() + self.weight.frac()).min(100);
                    let product = largest(format).saturating_mul(self.weight_reach(i, j));
                    reach = reach.saturating_add(product.saturating_mul(1 << by));
                }
                let signed_fits = self.accum.signed || self.all_positive(input, j);
                signed_fits && reach <= self.accum.max() as u128
            })
        })
    }

    fn all_positive(&self, input: &Type, j: usize) -> bool {
        let own = match self.loaded {
            Loaded::Nothing => self.biases[j] >= 0 && (0..self.n_in).all(|i| self.at(i, j) >= 0),
            Loaded::Weights => !self.weight.signed,
            Loaded::All => !self.weight.signed && !self.bias.signed,
        };
        !input.union().signed && own
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
        // A product by a signed weight has its sign in its width, and truncation carries nothing.
        let cut = self.accum.rounding == Rounding::Trn && self.wraps() && self.weight.signed;
        let cast = match cut {
            true => product + (self.accum.frac() - frac).max(0) as u32,
            false => cast.working_bits(product),
        };
        let bias = Cast { from_frac: self.bias.frac(), to: self.accum };
        let biased = match self.has_biases() {
            false => 0,
            true => bias.working_bits(self.bias.width),
        };
        // A wrapping sum may run over in the word as long as the word is not narrower than the
        // accumulator; one bit more holds any single sum before it is saturated.
        let result = Cast { from_frac: self.accum.frac(), to: self.result };
        cast.max(biased).max(self.accum.width + 1).max(result.working_bits(self.accum.width))
    }
}

impl Emulate for Mac {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let modular = self.is_exact(run.types[0]) || self.wraps();
        for position in 0..run.types[0].elements() / self.n_in.max(1) {
            match modular {
                true => self.modular(run, position),
                false => self.stepwise(run, position),
            }
        }
    }
}

impl Mac {
    /// Whether sums are taken modulo the accumulator's size, so that one cast at the end suffices.
    fn wraps(&self) -> bool {
        self.accum.overflow == Overflow::Wrap
    }

    /// The sum modulo the word. Products are rounded to the accumulator's grid where they are finer.
    #[inline(always)]
    fn modular<T: Word>(&self, run: &mut Run<'_, T>, position: usize) {
        let grid = self.accum.with(Rounding::Trn, Overflow::Wrap);
        let grid = Cast { from_frac: self.accum.frac(), to: grid };
        let result = Cast { from_frac: self.accum.frac(), to: self.result };
        let bias = Cast { from_frac: self.bias.frac(), to: self.accum };
        let lanes = run.lanes;
        let rows = &run.inputs[0][position * self.n_in * lanes..][..self.n_in * lanes];
        // By how much each input's products are finer than the accumulator.
        let frac = |i: usize| run.types[0].format(position * self.n_in + i).frac();
        let finer = |i: usize| frac(i) + self.weight.frac() - self.accum.frac();
        let finer: Vec<i32> = (0..self.n_in).map(finer).collect();
        let shift = finer.iter().map(|it| (-it).max(0)).max().unwrap_or(0) as u32;
        let narrow = run.types[0].max_width() < 32 && self.weight.width + shift < 32;
        let short = T::BITS > 32 && narrow;
        for j in 0..self.n_out {
            let sum = &mut run.output[(position * self.n_out + j) * lanes..][..lanes];
            sum.fill(match self.biases[j] {
                0 => T::ZERO,
                b => bias.apply(T::narrow(b)),
            });
            for (i, (x, finer)) in rows.chunks_exact(lanes).zip(&finer).enumerate() {
                // Wrapping arithmetic: a shift up to the grid can be applied to the weight.
                let weight = T::narrow(self.at(i, j)).shl((-finer).max(0) as u32);
                self.add_products(sum, x, weight, *finer, short);
            }
            grid.all(sum);
            result.all(sum);
        }
    }

    /// Adds the products of one input: the choices here do not depend on the sample.
    #[inline(always)]
    fn add_products<T: Word>(&self, sum: &mut [T], x: &[T], weight: T, finer: i32, short: bool) {
        match self.accum.rounding {
            _ if finer <= 0 && short => accumulate(sum, x, |x| x.mul_short(weight)),
            _ if finer <= 0 => accumulate(sum, x, |x| x.mul(weight)),
            // Below the word's size, or no product could be on a grid so much finer.
            Rounding::Trn if finer < T::BITS as i32 => {
                accumulate(sum, x, |x| x.mul(weight).shr_within(finer as u32));
            }
            _ => {
                let cast = Cast { from_frac: self.accum.frac() + finer, to: self.accum };
                accumulate(sum, x, |x| cast.apply(x.mul(weight)));
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

/// Adds a function of every sample: slices, whose length the compiler does not know, vectorize best.
#[inline(always)]
fn accumulate<T: Word>(sum: &mut [T], x: &[T], product: impl Fn(T) -> T) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum = sum.add(product(*x));
    }
}

impl Datapathed for Mac {
    fn matrices(&self, types: &[&Type]) -> Vec<Product> {
        let exact = self.is_exact(types[0]);
        self.positions(types[0])
            .flat_map(|rows| match exact {
                true => vec![self.whole(types[0], rows)],
                false => rows.enumerate().map(|(i, element)| self.row(i, element)).collect(),
            })
            .collect()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let exact = self.is_exact(cx.types[0]);
        self.positions(cx.types[0])
            .flat_map(|rows| match exact {
                true => self.wire_exact(cx, rows),
                false => self.wire_stepwise(cx, rows),
            })
            .collect()
    }
}

impl Mac {
    /// Elements of the operand by position.
    fn positions(&self, x: &Type) -> impl Iterator<Item = Range<usize>> + use<> {
        let n_in = self.n_in;
        (0..x.elements() / n_in.max(1)).map(move |at| at * n_in..(at + 1) * n_in)
    }

    /// The whole matrix at one position, on the accumulator's grid.
    fn whole(&self, x: &Type, rows: Range<usize>) -> Product {
        let mut matrix = Vec::with_capacity(self.weights.len());
        for (i, element) in rows.clone().enumerate() {
            let frac = x.format(element).frac() + self.weight.frac();
            let shift = self.accum.frac() - frac;
            matrix.extend((0..self.n_out).map(|j| match self.at(i, j) {
                0 => 0,
                weight => weight << shift,
            }));
        }
        Product { elements: rows, matrix }
    }

    /// What one element is multiplied by.
    fn row(&self, i: usize, element: usize) -> Product {
        let matrix = (0..self.n_out).map(|j| self.at(i, j)).collect();
        Product { elements: element..element + 1, matrix }
    }

    /// One adder graph for the whole matrix, the bias, then the casts.
    fn wire_exact(&self, cx: &mut Wiring<'_>, rows: Range<usize>) -> Vec<ValueId> {
        let sums = cx.multiply(self.whole(cx.types[0], rows));
        let bias = Cast { from_frac: self.bias.frac(), to: self.accum };
        let finish = |(j, sum): (usize, ValueId)| {
            let bias = if self.biases[j] == 0 { 0 } else { bias.apply_wide(self.biases[j]) };
            let bias = cx.datapath.constant(bias);
            let sum = cx.datapath.add(Term::plain(sum), Term::plain(bias));
            let accum = self.accum.with(Rounding::Trn, Overflow::Wrap);
            let sum = cx.datapath.cast(sum, self.accum.frac(), accum);
            cx.datapath.cast(sum, self.accum.frac(), self.result)
        };
        sums.into_iter().enumerate().map(finish).collect()
    }

    /// Every product cast, then added; in order only where the accumulator saturates.
    fn wire_stepwise(&self, cx: &mut Wiring<'_>, rows: Range<usize>) -> Vec<ValueId> {
        let wraps = self.accum.overflow == Overflow::Wrap;
        // Wrapping commutes with addition, so a product need only be rounded.
        let frac = self.accum.frac();
        let to = if wraps {
            Format { signed: true, width: 126, int_bits: 126 - frac, ..self.accum }
        } else {
            self.accum
        };
        let mut products = vec![Vec::new(); self.n_out];
        for (i, element) in rows.enumerate() {
            let (_, from) = cx.input(0, element);
            for (j, product) in cx.multiply(self.row(i, element)).into_iter().enumerate() {
                products[j].push(cx.datapath.cast(product, from + self.weight.frac(), to));
            }
        }
        let bias = Cast { from_frac: self.bias.frac(), to: self.accum };
        let finish = |(j, products): (usize, Vec<ValueId>)| {
            let bias = cx.datapath.constant(bias.apply_wide(self.biases[j]));
            let sum = if wraps {
                let terms = std::iter::once(bias).chain(products).map(Term::plain);
                let sum = cx.datapath.sum(terms);
                cx.datapath.cast(sum, frac, self.accum)
            } else {
                products.into_iter().fold(bias, |sum, product| {
                    let sum = cx.datapath.add(Term::plain(sum), Term::plain(product));
                    cx.datapath.cast(sum, frac, self.accum)
                })
            };
            cx.datapath.cast(sum, frac, self.result)
        };
        products.into_iter().enumerate().map(finish).collect()
    }
}

impl Tokenized for Mac {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.grouped(self, self.n_in)
    }
}

impl Hls for Mac {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let (n_in, n_out) = (self.n_in as u64, self.n_out as u64);
        let positions = ports.n() / n_out.max(1);
        let (input, weight) = (ports.inputs[0].union(), self.weight);
        let matrix = HlsMatrix { n_in, n_out, positions, input, weight };
        let call = HlsCall::new("nn_mac.h", "mac")
            .ty("accum", self.accum)
            .array("weights", "weight", self.weight, &self.weights)
            .array("biases", "bias", self.bias, &self.biases);
        HlsCall { matrix: Some(matrix), ..call }.into()
    }
}

impl Estimated for Mac {
    fn kernel(&self, types: &[&Type], folding: Folding) -> Option<HlsKernel> {
        let weights: Vec<i64> = self.weights.iter().map(|it| *it as i64).collect();
        let weights = Constants::of(&weights, self.n_out);
        let products = self.weights.iter().filter(|it| **it != 0).count() as u64;
        let positions = (types[0].elements() / self.n_in.max(1)) as u64;
        Some(HlsKernel::Dense(Dense {
            inputs: self.n_in as u64,
            outputs: self.n_out as u64,
            data_bits: types[0].max_width(),
            weight_bits: self.weight.width,
            accum_bits: self.accum.width,
            weights: match folding.strategy {
                crate::hls::Strategy::Distributed => weights.in_logic(),
                _ => weights,
            },
            strategy: match folding.strategy {
                crate::hls::Strategy::Resource => Strategy::Resource,
                _ => Strategy::Latency,
            },
            reuse: folding.reuse(self.n_in as u64, self.n_out as u64, products),
            positions,
            copies: folding.parallel(positions),
        }))
    }
}
