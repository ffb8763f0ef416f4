//! Constant matrix times vector, with as few full adders as we can find.
//!
//! Weights are written in canonical signed digits. `difference` refers columns to similar columns,
//! `share` computes pairs of terms that occur more than once only once, `tail` adds up what is left
//! of each column by the tree with the shortest carry chains, which `tree` improves once more, and `search` tries several such plans
//! and keeps the best. All of them count full adders (the bits of carry chains), not adders: where
//! operands overlap little, little is added. `pack` puts inputs of few bits into lookup tables first.
//!
//! A limit of depth is given as additions beyond the least depth of each output, which is that of a
//! balanced tree over its digits.

mod constant;
mod difference;
mod digits;
mod graph;
mod intervals;
mod pack;
mod patterns;
mod pool;
mod search;
mod share;
mod span;
mod tail;
mod tree;

use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::datapath::Interval;
use span::Span;

/// How long to search.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// One attempt, which all others contain.
    Fast,
    /// A few attempts; seconds for the largest layers.
    #[default]
    Normal,
    /// Hundreds of attempts.
    Max,
}

/// What a search may spend: time, and levels of additions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How long to search.
    pub effort: Effort,
    /// Additions beyond the least depth of each output; `None`: any number.
    pub limit: Option<u32>,
    /// Inputs of the lookup tables into which narrow inputs may be packed; 0: only additions.
    pub lut_inputs: u32,
}

impl Budget {
    /// Found soon, and shallow: for software and tests.
    pub const QUICK: Budget = Budget { effort: Effort::Fast, limit: Some(1), lut_inputs: 0 };

    /// The budgets with which a design is tried on a fabric: deeper graphs are smaller, shallower ones
    /// faster.
    pub fn choices(effort: Effort, lut_inputs: u32) -> Vec<Budget> {
        let limits: &[Option<u32>] = match effort {
            Effort::Fast => &[Some(1)],
            Effort::Normal => &[Some(2), Some(0)],
            Effort::Max => &[None, Some(2), Some(1), Some(0)],
        };
        limits.iter().map(|limit| Budget { effort, limit: *limit, lut_inputs }).collect()
    }
}

/// What is known of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// What it can be.
    pub interval: Interval,
    /// Additions that it comes later than the earliest input.
    pub depth: u32,
}

/// A matrix to multiply by.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    /// `n_in` rows of `n_out`.
    pub matrix: &'a [i128],
    /// Inputs.
    pub n_in: usize,
    /// Outputs.
    pub n_out: usize,
    /// One for each row.
    pub inputs: &'a [Source],
    /// Additions beyond the least depth of each output; `None`: any number.
    pub limit: Option<u32>,
    /// How long to search.
    pub effort: Effort,
    /// Inputs of the lookup tables into which narrow inputs may be packed; 0: only additions.
    pub lut_inputs: u32,
}

impl Problem<'_> {
    fn column(&self, j: usize) -> Vec<i128> {
        (0..self.n_in).map(|i| self.matrix[i * self.n_out + j]).collect()
    }

    /// What an output can be.
    fn output(&self, j: usize) -> Interval {
        let ends = self.inputs.iter().enumerate().map(|(i, it)| {
            let weight = self.matrix[i * self.n_out + j];
            let (x, y) = (it.interval.lo * weight, it.interval.hi * weight);
            (x.min(y), x.max(y))
        });
        let (lo, hi) = ends.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        Interval::new(lo, hi)
    }
}

/// One addition: `(na ? - : +)(v[a] << sa) (nb ? - : +)(v[b] << sb)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Add {
    /// First operand: an input, a table or an addition, numbered in this order.
    pub a: usize,
    /// Shift of the first operand.
    pub shift_a: u32,
    /// The first operand is subtracted.
    pub negate_a: bool,
    /// Second operand.
    pub b: usize,
    /// Shift of the second operand.
    pub shift_b: u32,
    /// The second operand is subtracted.
    pub negate_b: bool,
}

/// An output: `(negate ? - : +)(v[value] << shift)`, an exact division where the shift is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// An input, a table or an addition, numbered in this order.
    pub value: usize,
    /// Shift left.
    pub shift: i32,
    /// The negative.
    pub negate: bool,
}

/// A weighted sum of a few narrow inputs, as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The inputs.
    pub inputs: Vec<usize>,
    /// Bits of each input in the index; those of the first are the lowest.
    pub widths: Vec<u32>,
    /// The sum for every index.
    pub contents: Arc<[i128]>,
}

/// A program that multiplies a vector by a constant matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AdderGraph {
    /// Number of inputs.
    pub n_in: usize,
    /// Tables of inputs.
    pub tables: Vec<Table>,
    /// Additions, operands before users.
    pub adds: Vec<Add>,
    /// Outputs; `None` for a column of zeros.
    pub outputs: Vec<Option<Output>>,
}

/// Finds an adder graph for `y = x M`.
pub fn solve(problem: &Problem<'_>) -> AdderGraph {
    debug_assert_eq!(problem.matrix.len(), problem.n_in * problem.n_out);
    debug_assert_eq!(problem.inputs.len(), problem.n_in);
    let plain = search::search(problem);
    match (problem.lut_inputs, problem.effort) {
        (0, _) | (_, Effort::Fast) => plain,
        _ => pack::best(problem, plain),
    }
}

impl AdderGraph {
    /// Multiplies in software: the check on [`solve`].
    pub fn apply(&self, x: &[i128]) -> Vec<i128> {
        let mut values = x.to_vec();
        values.extend(self.tables.iter().map(|it| it.contents[it.index(x)]));
        let signed =
            |v: i128, shift: u32, negate: bool| if negate { -(v << shift) } else { v << shift };
        for add in &self.adds {
            let a = signed(values[add.a], add.shift_a, add.negate_a);
            values.push(a + signed(values[add.b], add.shift_b, add.negate_b));
        }
        let output = |it: &Option<Output>| {
            it.map_or(0, |it| {
                let value = values[it.value] >> (-it.shift).max(0);
                signed(value, it.shift.max(0) as u32, it.negate)
            })
        };
        self.outputs.iter().map(output).collect()
    }

    /// Number of tables and additions on the longest path.
    pub fn depth(&self) -> u32 {
        let mut depths = vec![0; self.n_in];
        depths.resize(self.n_in + self.tables.len(), 1);
        for add in &self.adds {
            depths.push(depths[add.a].max(depths[add.b]) + 1);
        }
        let output = |it: &Output| depths[it.value];
        self.outputs.iter().flatten().map(output).max().unwrap_or(0)
    }

    /// Full adders: the bits of all carry chains.
    pub fn carry_bits(&self, problem: &Problem<'_>) -> u64 {
        let inputs = problem.inputs.iter().map(|it| it.interval);
        let tables = self.tables.iter().map(Table::interval);
        let mut spans: Vec<Span<i128>> = inputs.chain(tables).map(Span::of).collect();
        let mut bits = 0;
        for add in &self.adds {
            let (low, high) = (spans[add.a], spans[add.b].negated_if(add.negate_b));
            bits += u64::from(low.chain(high, add.shift_b, add.negate_b));
            spans.push(low.plus(high, add.shift_b));
        }
        bits
    }
}

impl AdderGraph {
    /// Lookup tables of the packed inputs.
    fn table_luts(&self, lut_inputs: u32) -> u64 {
        self.tables.iter().map(|it| it.luts(lut_inputs)).sum()
    }
}

#[cfg(test)]
mod tests;
