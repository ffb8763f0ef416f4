//! Reduces groups of consecutive elements: sums (with a cast at every step), maxima, minima.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Overflow, Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, Term, ValueId, Wiring};

/// How a group is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reduction {
    /// Balanced tree: a group splits at the largest power of two below its size; every node,
    /// leaves included, is cast to the accumulator.
    SumTree,
    /// `a = A(a + A(x))` in element order, from zero.
    SumInOrder,
    /// The largest element; no cast before the result's.
    Max,
    /// The smallest element; no cast before the result's.
    Min,
}

/// A reduction over the last axis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reduce {
    /// How.
    pub reduction: Reduction,
    /// Elements of a group: the extent of the last axis.
    pub group: usize,
    /// Accumulator of a sum.
    pub accum: Format,
    /// Output.
    pub result: Format,
}

/// Where a balanced tree of `n` leaves splits: the largest power of two below `n`.
pub(super) fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

impl Reduce {
    /// Whether a sum of so many elements of a type is the same in any order: nothing is rounded, and it
    /// wraps or cannot overflow.
    pub fn commutes(&self, token: &Type) -> bool {
        let formats = (0..token.elements()).map(|it| token.format(it));
        let fits = |it: Format| {
            let shift = (self.accum.frac() - it.frac()).min(100) as u32;
            let largest = it.min().unsigned_abs().max(it.max().unsigned_abs());
            let reach = largest.saturating_mul(self.group as u128).saturating_mul(1 << shift);
            (self.accum.signed || !it.signed) && reach <= self.accum.max().unsigned_abs()
        };
        formats.into_iter().all(|it| {
            let wraps = self.accum.overflow == Overflow::Wrap;
            it.frac() <= self.accum.frac() && (wraps || fits(it))
        })
    }

    fn group_format(&self, input: &Type, group: usize) -> Format {
        let first = group * self.group;
        (first..first + self.group)
            .map(|it| input.format(it))
            .reduce(Format::union)
            .unwrap_or(self.accum)
    }
}

impl UnitSpec for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        let mut shape = inputs[0].shape.0.clone();
        shape.pop();
        shape.push(1);
        Type::uniform(Shape(shape), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let input = inputs[0].union();
        let from = match self.reduction {
            Reduction::Max | Reduction::Min => input,
            _ => self.accum,
        };
        let leaf = Cast { from_frac: input.frac(), to: self.accum }.working_bits(input.width);
        let result = Cast { from_frac: from.frac(), to: self.result }.working_bits(from.width);
        match self.reduction {
            Reduction::Max | Reduction::Min => result.max(input.width + 1),
            _ => leaf.max(result).max(self.accum.width + 2),
        }
    }
}

impl Emulate for Reduce {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        for group in 0..run.ty.elements() {
            let first = group * self.group;
            let (value, frac) = match self.reduction {
                Reduction::Max | Reduction::Min => {
                    let format = self.group_format(run.types[0], group);
                    (self.extreme(run, first, format), format.frac())
                }
                Reduction::SumTree => (self.tree(run, first, self.group), self.accum.frac()),
                Reduction::SumInOrder => (self.in_order(run, first), self.accum.frac()),
            };
            let cast = Cast { from_frac: frac, to: self.result };
            let y = &mut run.output[group * run.lanes..][..run.lanes];
            for (y, v) in y.iter_mut().zip(value) {
                *y = cast.apply(v);
            }
        }
    }
}

impl Reduce {
    fn extreme<T: Word>(&self, run: &Run<'_, T>, first: usize, format: Format) -> Vec<T> {
        let aligned = |element: usize| {
            let shift = (format.frac() - run.types[0].format(element).frac()) as u32;
            run.input(0, element).iter().map(move |x| x.shl(shift))
        };
        let mut best: Vec<T> = aligned(first).collect();
        for element in first + 1..first + self.group {
            best.iter_mut().zip(aligned(element)).for_each(|(best, x)| {
                *best = match self.reduction {
                    Reduction::Min => (*best).min(x),
                    _ => (*best).max(x),
                };
            });
        }
        best
    }

    fn leaf<T: Word>(&self, run: &Run<'_, T>, element: usize) -> Vec<T> {
        let cast = Cast { from_frac: run.types[0].format(element).frac(), to: self.accum };
        run.input(0, element).iter().map(|x| cast.apply(*x)).collect()
    }

    fn tree<T: Word>(&self, run: &Run<'_, T>, first: usize, count: usize) -> Vec<T> {
        if count == 1 {
            return self.leaf(run, first);
        }
        let left = split(count);
        let mut sum = self.tree(run, first, left);
        self.accumulate(&mut sum, &self.tree(run, first + left, count - left));
        sum
    }

    fn in_order<T: Word>(&self, run: &Run<'_, T>, first: usize) -> Vec<T> {
        let mut sum = vec![T::ZERO; run.lanes];
        for element in first..first + self.group {
            self.accumulate(&mut sum, &self.leaf(run, element));
        }
        sum
    }

    fn accumulate<T: Word>(&self, sum: &mut [T], terms: &[T]) {
        let cast = Cast { from_frac: self.accum.frac(), to: self.accum };
        sum.iter_mut().zip(terms).for_each(|(a, b)| *a = cast.apply(a.add(*b)));
    }
}

impl Datapathed for Reduce {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        (0..cx.ty.elements()).map(|group| self.wire(cx, group)).collect()
    }
}

impl Reduce {
    fn wire(&self, cx: &mut Wiring<'_>, group: usize) -> ValueId {
        let first = group * self.group;
        let (value, frac) = match self.reduction {
            Reduction::Max | Reduction::Min => {
                let frac = self.group_format(cx.types[0], group).frac();
                (self.wire_extreme(cx, first, self.group, frac), frac)
            }
            Reduction::SumTree => (self.wire_tree(cx, first, self.group), self.accum.frac()),
            Reduction::SumInOrder => {
                let zero = cx.datapath.constant(0);
                let sum = (first..first + self.group).fold(zero, |sum, element| {
                    let leaf = self.wire_tree(cx, element, 1);
                    self.wire_step(cx, sum, leaf)
                });
                (sum, self.accum.frac())
            }
        };
        cx.datapath.cast(value, frac, self.result)
    }

    fn wire_step(&self, cx: &mut Wiring<'_>, a: ValueId, b: ValueId) -> ValueId {
        let sum = cx.datapath.add(Term::plain(a), Term::plain(b));
        cx.datapath.cast(sum, self.accum.frac(), self.accum)
    }

    fn wire_tree(&self, cx: &mut Wiring<'_>, first: usize, count: usize) -> ValueId {
        if count == 1 {
            let (x, frac) = cx.input(0, first);
            return cx.datapath.cast(x, frac, self.accum);
        }
        let left = split(count);
        let a = self.wire_tree(cx, first, left);
        let b = self.wire_tree(cx, first + left, count - left);
        self.wire_step(cx, a, b)
    }

    fn wire_extreme(&self, cx: &mut Wiring<'_>, first: usize, count: usize, frac: i32) -> ValueId {
        if count == 1 {
            let (x, from) = cx.input(0, first);
            return cx.datapath.shl(x, (frac - from) as u32);
        }
        let left = split(count);
        let a = self.wire_extreme(cx, first, left, frac);
        let b = self.wire_extreme(cx, first + left, count - left, frac);
        match self.reduction {
            Reduction::Min => cx.datapath.min(a, b),
            _ => cx.datapath.max(a, b),
        }
    }
}

impl Tokenized for Reduce {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.grouped(self, self.group)
    }
}

impl Hls for Reduce {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let function = match self.reduction {
            Reduction::SumTree => "sum_tree",
            Reduction::SumInOrder => "sum_in_order",
            Reduction::Max => "maximum_of",
            Reduction::Min => "minimum_of",
        };
        let call = HlsCall::new("nn_reduce.h", function)
            .count("group", self.group as u64)
            .count("n_groups", ports.n());
        match self.reduction {
            Reduction::Max | Reduction::Min => call.into(),
            _ => call.ty("accum", self.accum).into(),
        }
    }
}

impl Estimated for Reduce {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let operation = match self.reduction {
            Reduction::Max | Reduction::Min => Operation::Max,
            _ => Operation::Add,
        };
        let elements = types[0].elements() as u64;
        Some(HlsKernel::Elementwise { elements, bits: types[0].max_width(), operation })
    }
}
