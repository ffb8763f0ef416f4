//! Narrow inputs packed into lookup tables.
//!
//! A weighted sum of inputs that together have no more bits than a lookup table has inputs is one
//! lookup table for each of its bits, whatever the weights are. Where that takes less than the digits
//! it replaces would take in adders, the table's output is an input like any other of the problem that
//! is left, which is then solved as ever. Several ways to pack are tried beside no packing at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::tail::price;
use super::{AdderGraph, Problem, Source, Table, digits, search};
use crate::rtl::datapath::Interval;
use crate::rtl::truth;

/// Wider inputs are left to adders.
const MOST_BITS: u32 = 3;

/// Weights larger than this are left to adders.
const LARGEST: u128 = 1 << 40;

/// How to pack.
#[derive(Clone, Copy, Debug)]
struct Packing {
    /// Bits of a table's index.
    bits: u32,
    /// A table may cost this many times what its digits are thought to cost in adders: they share
    /// less, but what they leave is easier to share.
    times: u64,
}

/// What the digits of a problem cost in adders, on average.
#[derive(Clone, Copy)]
struct Rate {
    full_adders: u64,
    digits: u64,
}

/// The best of the graph without tables and those with.
pub(super) fn best(problem: &Problem<'_>, plain: AdderGraph) -> AdderGraph {
    let narrow = (0..problem.n_in).filter(|i| is_narrow(problem.inputs[*i])).count();
    let largest = problem.matrix.iter().map(|it| it.unsigned_abs()).max().unwrap_or(0);
    if narrow == 0 || largest > LARGEST {
        return plain;
    }
    let digits = problem.matrix.iter().map(|it| digits::count(*it as i64) as u64).sum();
    let rate = Rate { full_adders: plain.carry_bits(problem), digits };
    let packings = packings(problem.lut_inputs);
    let packed = packings.par_iter().filter_map(|packing| pack(problem, *packing, rate));
    let packed: Vec<AdderGraph> = packed.collect();
    let cost = |graph: &AdderGraph| {
        let luts = graph.carry_bits(problem) + graph.table_luts(problem.lut_inputs);
        price(luts as u32, graph.depth(), problem.n_out)
    };
    let all = std::iter::once(plain).chain(packed);
    all.min_by_key(cost).expect("there is always the one without tables")
}

fn packings(lut_inputs: u32) -> Vec<Packing> {
    // Two tables of one input less share a large lookup table.
    let sizes = if lut_inputs >= 6 { vec![lut_inputs - 1, lut_inputs] } else { vec![lut_inputs] };
    sizes.into_iter().flat_map(|bits| [1, 2].map(|times| Packing { bits, times })).collect()
}

fn is_narrow(source: Source) -> bool {
    (1..=MOST_BITS).contains(&source.interval.bits())
}

/// Solves what is left beside tables; `None` where no table is worth its place.
fn pack(problem: &Problem<'_>, packing: Packing, rate: Rate) -> Option<AdderGraph> {
    let n_out = problem.n_out;
    let mut matrix = problem.matrix.to_vec();
    let mut tables = Tables::default();
    for j in 0..n_out {
        for weights in groups(problem, j, packing.bits) {
            if tables.take(problem, j, &weights, packing, rate) {
                weights.iter().for_each(|(i, _)| matrix[i * n_out + j] = 0);
            }
        }
    }
    if tables.made.is_empty() {
        return None;
    }
    let mut inputs = problem.inputs.to_vec();
    for (table, rows) in tables.made.iter().zip(&tables.rows) {
        let depth = table.inputs.iter().map(|i| problem.inputs[*i].depth).max().unwrap_or(0);
        inputs.push(Source { interval: table.interval(), depth: depth + 1 });
        let from = matrix.len();
        matrix.resize(from + n_out, 0);
        rows.iter().for_each(|(j, weight)| matrix[from + j] = *weight);
    }
    let rest = Problem { matrix: &matrix, n_in: inputs.len(), inputs: &inputs, ..problem.clone() };
    let AdderGraph { adds, outputs, .. } = search::search(&rest);
    Some(AdderGraph { n_in: problem.n_in, tables: tables.made, adds, outputs })
}

/// Inputs and weights of an output that share tables: the wide ones first, each where it fits (first
/// fit decreasing).
fn groups(problem: &Problem<'_>, j: usize, bits: u32) -> Vec<Vec<(usize, i128)>> {
    let weight = |i: usize| problem.matrix[i * problem.n_out + j];
    let width = |i: usize| problem.inputs[i].interval.width();
    let mut inputs: Vec<usize> =
        (0..problem.n_in).filter(|i| is_narrow(problem.inputs[*i]) && weight(*i) != 0).collect();
    inputs.sort_by_key(|i| (MOST_BITS.saturating_sub(width(*i)), *i));
    let mut groups: Vec<(u32, Vec<(usize, i128)>)> = Vec::new();
    for i in inputs {
        match groups.iter_mut().find(|it| it.0 + width(i) <= bits) {
            Some((used, group)) => {
                *used += width(i);
                group.push((i, weight(i)));
            }
            None => groups.push((width(i), vec![(i, weight(i))])),
        }
    }
    groups.into_iter().map(|it| it.1).collect()
}

/// Tables as they are found, each once whatever its sign and shift.
#[derive(Default)]
struct Tables {
    made: Vec<Table>,
    /// Where each is used: the output, and by what it is multiplied there.
    rows: Vec<Vec<(usize, i128)>>,
    known: BTreeMap<Vec<(usize, i128)>, usize>,
}

impl Tables {
    /// Uses a table for some weights of an output, if it is worth it.
    fn take(
        &mut self,
        problem: &Problem<'_>,
        j: usize,
        weights: &[(usize, i128)],
        packing: Packing,
        rate: Rate,
    ) -> bool {
        let digits: i64 = weights.iter().map(|it| digits::count(it.1 as i64)).sum();
        if digits < 2 {
            return false;
        }
        let shift = weights.iter().map(|it| it.1.trailing_zeros()).min().unwrap_or(0);
        let sign = if weights[0].1 < 0 { -1 } else { 1 };
        let plain: Vec<(usize, i128)> =
            weights.iter().map(|(i, it)| (*i, sign * (it >> shift))).collect();
        let at = match self.known.get(&plain) {
            Some(at) => *at,
            None => {
                let table = Table::new(problem, &plain);
                // Its bits, and adding them to the rest.
                let cost = table.luts(problem.lut_inputs) + u64::from(table.interval().bits());
                if cost * rate.digits > packing.times * rate.full_adders * digits as u64 {
                    return false;
                }
                self.known.insert(plain, self.made.len());
                self.made.push(table);
                self.rows.push(Vec::new());
                self.made.len() - 1
            }
        };
        self.rows[at].push((j, sign << shift));
        true
    }
}

impl Table {
    /// The weighted sum of some inputs.
    fn new(problem: &Problem<'_>, weights: &[(usize, i128)]) -> Table {
        let width = |i: usize| problem.inputs[i].interval.width();
        let bits: u32 = weights.iter().map(|it| width(it.0)).sum();
        let entry = |code: usize| {
            let (mut code, mut sum) = (code, 0);
            for (i, weight) in weights {
                let Interval { lo, hi } = problem.inputs[*i].interval;
                let bits = (code & ((1 << width(*i)) - 1)) as i128;
                code >>= width(*i);
                let negative = lo < 0 && bits >> (width(*i) - 1) == 1;
                let value = if negative { bits - (1 << width(*i)) } else { bits };
                // What never comes shall not widen the table.
                sum += weight * value.clamp(lo, hi);
            }
            sum
        };
        let contents: Arc<[i128]> = (0..1usize << bits).map(entry).collect();
        let widths = weights.iter().map(|it| width(it.0)).collect();
        Table { inputs: weights.iter().map(|it| it.0).collect(), widths, contents }
    }

    /// What it can be.
    pub(super) fn interval(&self) -> Interval {
        let ends = self.contents.iter().fold((0, 0), |it, x| (it.0.min(*x), it.1.max(*x)));
        Interval::new(ends.0, ends.1)
    }

    /// Lookup tables of all its bits.
    pub(super) fn luts(&self, lut_inputs: u32) -> u64 {
        let last = self.contents.len() as i128 - 1;
        truth::luts(&self.contents, Interval::new(0, last), lut_inputs)
    }

    /// The index for given inputs: the low bits of each, the first ones lowest.
    pub(super) fn index(&self, x: &[i128]) -> usize {
        let (mut index, mut offset) = (0, 0);
        for (i, width) in self.inputs.iter().zip(&self.widths) {
            index |= (x[*i] as usize & ((1 << width) - 1)) << offset;
            offset += width;
        }
        index
    }
}
