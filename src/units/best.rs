//! The best few of each group, best first: their values, or their places in the group.
//!
//! The best alone comes out of a tree that carries value and place; of several, each element counts
//! how many are better, and every rank picks the element that has it.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, HlsValue, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Datapath, Logic, Product, Relation, Term, ValueId, Wiring};

/// Which elements come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranking {
    /// The smallest, not the largest.
    pub least: bool,
    /// Of equal elements the last, not the first.
    pub last: bool,
}

impl Ranking {
    /// Whether `b`, which stands behind `a`, comes before it.
    fn overtakes<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match (self.least, self.last) {
            (false, false) => b > a,
            (false, true) => b >= a,
            (true, false) => b < a,
            (true, true) => b <= a,
        }
    }

    /// The same in hardware.
    fn compare(self, dp: &mut Datapath, a: ValueId, b: ValueId) -> ValueId {
        let (low, high) = if self.least { (b, a) } else { (a, b) };
        if !self.last {
            return dp.compare(Relation::Less, low, high);
        }
        let less = dp.compare(Relation::Less, high, low);
        dp.not(less)
    }
}

/// The best elements of each row of the last axis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Best {
    /// Which come first.
    pub ranking: Ranking,
    /// Elements of a group: the extent of the last axis.
    pub group: usize,
    /// How many of them are given.
    pub count: usize,
    /// Their places are given, not their values.
    pub place: bool,
    /// Output.
    pub result: Format,
}

impl Best {
    fn cast(&self, frac: i32) -> Cast {
        Cast { from_frac: if self.place { 0 } else { frac }, to: self.result }
    }
}

impl UnitSpec for Best {
    fn name(&self) -> &'static str {
        "best"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        let mut shape = inputs[0].shape.0.clone();
        shape.pop();
        shape.push(self.count);
        Type::uniform(Shape(shape), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let input = inputs[0].union();
        let places = usize::BITS - self.group.leading_zeros();
        let from = if self.place { places } else { input.width };
        self.cast(input.frac()).working_bits(from).max(input.width + 1).max(places + 1)
    }
}

impl Emulate for Best {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let lanes = run.lanes;
        let frac = run.types[0].union().frac();
        let cast = self.cast(frac);
        for group in 0..run.types[0].elements() / self.group {
            let first = group * self.group;
            for lane in 0..lanes {
                let value = |place: &usize| {
                    let element = first + place;
                    let shift = (frac - run.types[0].format(element).frac()) as u32;
                    run.inputs[0][element * lanes + lane].shl(shift)
                };
                let mut left: Vec<usize> = (0..self.group).collect();
                for rank in 0..self.count {
                    let better = |a: usize, b: usize| {
                        self.ranking.overtakes(&value(&left[a]), &value(&left[b]))
                    };
                    let best = (1..left.len()).fold(0, |a, b| if better(a, b) { b } else { a });
                    let place = left.remove(best);
                    let made = if self.place { T::narrow(place as i128) } else { value(&place) };
                    run.output[(group * self.count + rank) * lanes + lane] = cast.apply(made);
                }
            }
        }
    }
}

impl Datapathed for Best {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let frac = cx.types[0].union().frac();
        let mut made = Vec::with_capacity(cx.ty.elements());
        for group in 0..cx.types[0].elements() / self.group {
            let element = |place: usize, cx: &mut Wiring<'_>| {
                let (x, from) = cx.input(0, group * self.group + place);
                (cx.datapath.shl(x, (frac - from) as u32), cx.datapath.constant(place as i128))
            };
            let elements: Vec<_> = (0..self.group).map(|it| element(it, cx)).collect();
            let best = match self.count {
                1 => vec![self.first(cx.datapath, &elements)],
                _ => self.ranked(cx.datapath, &elements),
            };
            made.extend(
                best.into_iter()
                    .map(|it| cx.datapath.cast(it, self.cast(frac).from_frac, self.result)),
            );
        }
        made
    }
}

/// A value, and the place where it comes from.
type Candidate = (ValueId, ValueId);

impl Best {
    fn given(&self, it: Candidate) -> ValueId {
        if self.place { it.1 } else { it.0 }
    }

    /// A balanced tree; the left side of every node stands in front of the right one.
    fn first(&self, dp: &mut Datapath, elements: &[Candidate]) -> ValueId {
        let mut row = elements.to_vec();
        while row.len() > 1 {
            let pair = |pair: &[Candidate]| match *pair {
                [a, b] => {
                    let second = self.ranking.compare(dp, a.0, b.0);
                    let better =
                        if self.ranking.least { dp.min(a.0, b.0) } else { dp.max(a.0, b.0) };
                    (better, dp.mux(second, b.1, a.1))
                }
                _ => pair[0],
            };
            row = row.chunks(2).map(pair).collect();
        }
        self.given(row[0])
    }

    /// Every element's rank is the number of those that come before it.
    fn ranked(&self, dp: &mut Datapath, elements: &[Candidate]) -> Vec<ValueId> {
        let mut before = vec![Vec::new(); elements.len()];
        for (b, right) in elements.iter().enumerate() {
            for (a, left) in elements[..b].iter().enumerate() {
                let overtakes = self.ranking.compare(dp, left.0, right.0);
                before[b].push(dp.not(overtakes));
                before[a].push(overtakes);
            }
        }
        let term = |it: &ValueId| Term::plain(*it);
        let ranks: Vec<_> = before.iter().map(|it| dp.sum(it.iter().map(term))).collect();
        let pick = |rank: usize| {
            let wanted = dp.constant(rank as i128);
            let row = ranks.iter().zip(elements);
            let row =
                row.map(|(rank, it)| (dp.compare(Relation::Equal, *rank, wanted), self.given(*it)));
            let mut row: Vec<_> = row.collect();
            while row.len() > 1 {
                let pair = |pair: &[Candidate]| match *pair {
                    [a, b] => (dp.logic(Logic::Or, a.0, b.0), dp.mux(a.0, a.1, b.1)),
                    _ => pair[0],
                };
                row = row.chunks(2).map(pair).collect();
            }
            row[0].1
        };
        (0..self.count).map(pick).collect()
    }
}

impl Tokenized for Best {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.grouped(self, self.group)
    }
}

impl Hls for Best {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        HlsCall::new("nn_best.h", "best_of")
            .count("group", self.group as u64)
            .count("count", self.count as u64)
            .count("n_groups", ports.n() / self.count as u64)
            .member("least", HlsValue::Bool(self.ranking.least))
            .member("last", HlsValue::Bool(self.ranking.last))
            .member("place", HlsValue::Bool(self.place))
            .into()
    }
}

impl Estimated for Best {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let elements = types[0].elements() as u64 * self.count as u64;
        let bits = types[0].max_width();
        Some(HlsKernel::Elementwise { elements, bits, operation: Operation::Max })
    }
}
