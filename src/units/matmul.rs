//! Product of two tensors: `a = A(a + x_is * y_js)` for ascending `s` from zero, `z_ij = R(a)`, for
//! every matrix of a stack.
//!
//! The first operand is `[batch, rows, sum]`, the second `[batch, columns, sum]`, the output
//! `[batch, rows, columns]`. Products are exact; only sums are cast to the accumulator's format `A`,
//! as hls4ml's `Einsum` does, unless [`Matmul::products`] asks for its `Dot`.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{Constants, Dense, HlsKernel, Strategy};
use crate::fixed::{Cast, Format, Overflow, Rounding, Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, Term, ValueId, Wiring};

/// A stack of products of matrices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Matmul {
    /// Matrices of the stack.
    pub batch: usize,
    /// Rows of the result.
    pub rows: usize,
    /// Columns of the result.
    pub columns: usize,
    /// Products of a sum.
    pub sum: usize,
    /// Every product is cast to the accumulator before it is added.
    pub products: bool,
    /// Accumulator `A`.
    pub accum: Format,
    /// Output `R`.
    pub result: Format,
    /// Shape of the output, as many elements as `[batch, rows, columns]`.
    pub shape: Shape,
}

impl Matmul {
    /// The elements that product `s` of an output multiplies.
    fn at(&self, output: usize, s: usize) -> [usize; 2] {
        let (row, column) = (output / self.columns, output % self.columns);
        let batch = row / self.rows;
        [row * self.sum + s, (batch * self.columns + column) * self.sum + s]
    }

    /// The formats of all pairs that are multiplied, one of each output after the other; those of
    /// one sum if no element has a format of its own.
    fn sums(&self, types: &[&Type]) -> impl Iterator<Item = Vec<[Format; 2]>> {
        let alike = types[0].common().is_some() && types[1].common().is_some();
        let outputs = self.batch * self.rows * self.columns;
        let format = |at: [usize; 2]| [types[0].format(at[0]), types[1].format(at[1])];
        let sum = move |output| (0..self.sum).map(|s| format(self.at(output, s))).collect();
        (0..if alike { outputs.min(1) } else { outputs }).map(sum)
    }

    /// Whether no cast of a sum changes it, so that one cast at the end is enough.
    pub fn is_exact(&self, types: &[&Type]) -> bool {
        self.sums(types).all(|sum| {
            let frac = self.accum.frac();
            let on_grid = sum.iter().all(|[a, b]| a.frac() + b.frac() <= frac);
            on_grid && (self.accum.overflow == Overflow::Wrap || self.holds(&sum))
        })
    }

    /// Whether the accumulator holds every partial sum; products are on its grid.
    fn holds(&self, sum: &[[Format; 2]]) -> bool {
        let largest = |it: Format| it.min().unsigned_abs().max(it.max() as u128);
        let reach = sum.iter().fold(0u128, |reach, [a, b]| {
            let shift = (self.accum.frac() - a.frac() - b.frac()).min(100) as u32;
            let product = largest(*a).saturating_mul(largest(*b));
            reach.saturating_add(product.saturating_mul(1 << shift))
        });
        let signed = sum.iter().flatten().any(|it| it.signed);
        (self.accum.signed || !signed) && reach <= self.accum.max() as u128
    }

    /// Whether the order of a sum does not matter: it is taken modulo the accumulator's size, and
    /// rounding a product is rounding the sum.
    fn commutes(&self, types: &[&Type]) -> bool {
        let wraps = self.accum.overflow == Overflow::Wrap;
        let rounds_alike = self.products || self.accum.rounding == Rounding::Trn;
        (wraps && rounds_alike) || self.is_exact(types)
    }

    /// The accumulator once nothing is left to round, and all sums are modulo its size.
    fn modular(&self) -> Cast {
        let to = self.accum.with(Rounding::Trn, Overflow::Wrap);
        Cast { from_frac: self.accum.frac(), to }
    }
}

impl UnitSpec for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn output(&self, _: &[&Type]) -> Type {
        Type::uniform(self.shape.clone(), self.result)
    }

    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let (accum, more) = (self.accum, usize::BITS - self.sum.leading_zeros());
        let bits = |[a, b]: [Format; 2]| {
            let product = a.product(b);
            let frac = product.frac().max(accum.frac());
            let up = |from: i32| (frac - from) as u32;
            let term = product.width + up(product.frac()) + 1;
            let step = term.max(accum.width + up(accum.frac()) + 1) + 1;
            // The tree of the direct path holds the sum of all products.
            Cast { from_frac: frac, to: accum }.working_bits(step).max(term + more)
        };
        let widest = self.sums(inputs).flatten().map(bits).max().unwrap_or(1);
        let result = Cast { from_frac: accum.frac(), to: self.result }.working_bits(accum.width);
        widest.max(result)
    }
}

impl Emulate for Matmul {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let exact = self.is_exact(run.types);
        let lanes = run.lanes;
        let result = Cast { from_frac: self.accum.frac(), to: self.result };
        for output in 0..run.ty.elements() {
            let sum = &mut run.output[output * lanes..][..lanes];
            sum.fill(T::ZERO);
            for s in 0..self.sum {
                let at = self.at(output, s);
                let frac = run.types[0].format(at[0]).frac() + run.types[1].format(at[1]).frac();
                let a = &run.inputs[0][at[0] * lanes..][..lanes];
                let b = &run.inputs[1][at[1] * lanes..][..lanes];
                match exact {
                    true => self.add(sum, a, b, (self.accum.frac() - frac) as u32),
                    false => self.step(sum, a, b, frac),
                }
            }
            if exact {
                self.modular().all(sum);
            }
            result.all(sum);
        }
    }
}

impl Matmul {
    /// Adds products that are on the accumulator's grid once shifted.
    #[inline(always)]
    fn add<T: Word>(&self, sum: &mut [T], a: &[T], b: &[T], shift: u32) {
        for (sum, (a, b)) in sum.iter_mut().zip(a.iter().zip(b)) {
            *sum = sum.add(a.mul(*b).shl(shift));
        }
    }

    /// Adds products with every cast in its place.
    #[inline(always)]
    fn step<T: Word>(&self, sum: &mut [T], a: &[T], b: &[T], frac: i32) {
        let product = Cast { from_frac: frac, to: self.accum };
        let from_frac = if self.products { self.accum.frac() } else { frac.max(self.accum.frac()) };
        let total = Cast { from_frac, to: self.accum };
        let shift = (from_frac - self.accum.frac()) as u32;
        let align = (from_frac - frac).max(0) as u32;
        for (sum, (a, b)) in sum.iter_mut().zip(a.iter().zip(b)) {
            let term = a.mul(*b);
            let term = if self.products { product.apply(term) } else { term.shl(align) };
            *sum = total.apply(sum.shl(shift).add(term));
        }
    }
}

impl Datapathed for Matmul {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let (commutes, outputs) = (self.commutes(&cx.types), cx.ty.elements());
        let wire = |output| {
            let sum = match commutes {
                true => self.wire_tree(cx, output),
                false => self.wire_in_order(cx, output),
            };
            cx.datapath.cast(sum, self.accum.frac(), self.result)
        };
        (0..outputs).map(wire).collect()
    }
}

impl Matmul {
    /// A product and its fractional bits.
    fn wire_product(&self, cx: &mut Wiring<'_>, output: usize, s: usize) -> (ValueId, i32) {
        let [a, b] = self.at(output, s);
        let ((a, fa), (b, fb)) = (cx.input(0, a), cx.input(1, b));
        (cx.datapath.mul(a, b), fa + fb)
    }

    /// Products on the accumulator's grid, one tree, one cast.
    fn wire_tree(&self, cx: &mut Wiring<'_>, output: usize) -> ValueId {
        let frac = self.accum.frac();
        let grid = Format { signed: true, width: 126, int_bits: 126 - frac, ..self.accum };
        let term = |s| {
            let (product, from) = self.wire_product(cx, output, s);
            match from <= frac {
                true => Term { shift: (frac - from) as u32, ..Term::plain(product) },
                false => Term::plain(cx.datapath.cast(product, from, grid)),
            }
        };
        let terms: Vec<Term> = (0..self.sum).map(term).collect();
        let sum = cx.datapath.sum(terms);
        cx.datapath.cast(sum, frac, self.modular().to)
    }

    fn wire_in_order(&self, cx: &mut Wiring<'_>, output: usize) -> ValueId {
        let frac = self.accum.frac();
        let zero = cx.datapath.constant(0);
        (0..self.sum).fold(zero, |sum, s| {
            let (mut product, mut from) = self.wire_product(cx, output, s);
            if self.products {
                (product, from) = (cx.datapath.cast(product, from, self.accum), frac);
            }
            let both = from.max(frac);
            let term = |value, from| Term { shift: (both - from) as u32, ..Term::plain(value) };
            let total = cx.datapath.add(term(sum, frac), term(product, from));
            cx.datapath.cast(total, both, self.accum)
        })
    }
}

impl Tokenized for Matmul {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        let Matmul { batch, rows, .. } = *self;
        let shape = cut.shape.clone();
        let (unit, whole) = match cut.tokens {
            tokens if batch.is_multiple_of(tokens) => {
                (Matmul { batch: batch / tokens, shape, ..self.clone() }, false)
            }
            // Rows of one matrix: each meets all of the other.
            tokens if batch == 1 && rows.is_multiple_of(tokens) => {
                (Matmul { rows: rows / tokens, shape, ..self.clone() }, true)
            }
            _ => return None,
        };
        Some(Token { unit: unit.into(), whole: vec![false, whole] })
    }
}

impl Hls for Matmul {
    fn hls(&self, _: &Ports<'_>) -> HlsUnit {
        let function = if self.products { "matmul_products" } else { "matmul" };
        HlsCall::new("nn_matmul.h", function)
            .count("n_batch", self.batch as u64)
            .count("n_rows", self.rows as u64)
            .count("n_columns", self.columns as u64)
            .count("n_sum", self.sum as u64)
            .ty("accum", self.accum)
            .into()
    }
}

impl Estimated for Matmul {
    /// A dense layer whose weights nothing is known of: a multiplier for each product.
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let (bits, products) = (types[1].max_width(), (self.sum * self.columns) as u64);
        let digits = products.saturating_mul(u64::from(bits));
        Some(HlsKernel::Dense(Dense {
            inputs: self.sum as u64,
            outputs: self.columns as u64,
            data_bits: types[0].max_width(),
            weight_bits: bits,
            accum_bits: self.accum.width,
            weights: Constants {
                nonzero: products,
                fan_in: self.sum as u64,
                digits,
                wide: products,
                wide_digits: digits,
            },
            strategy: Strategy::Latency,
            reuse: 1,
            positions: (self.batch * self.rows) as u64,
            copies: (self.batch * self.rows) as u64,
        }))
    }
}
