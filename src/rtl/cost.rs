//! What the operations of a scalar program take of a fabric, layer by layer.
//!
//! White box: an addition costs the bits of its carry chain (the free low bits of a shifted operand
//! pass through), a table what its address and data bits take in lookup tables, and so on. Synthesis
//! shares some of it between operations, which this does not know.

use std::collections::BTreeMap;

use super::datapath::{Datapath, Interval, Op, Term, ValueId};
use crate::device::{DelayModel, Resources, adder_luts, compare_luts, multiplier_luts, mux_luts};
use crate::rtl::truth;

/// Lookup tables of every layer's live operations, by scope.
pub fn luts_by_scope(datapath: &Datapath, fabric: &DelayModel) -> Vec<Resources> {
    let mut costs = vec![Resources::default(); datapath.scopes.len().max(1)];
    let live = datapath.live();
    // A table is looked into once, however often it is read.
    let mut tables = BTreeMap::new();
    for id in datapath.values().filter(|id| live[id.index()]) {
        let count = || luts(datapath, id, fabric);
        let luts = match datapath.op(id) {
            Op::Table(table, index) => {
                *tables.entry((table, datapath.interval(index))).or_insert_with(count)
            }
            _ => count(),
        };
        costs[datapath.scope_of(id).index()] += Resources::luts(luts);
    }
    costs
}

/// Lookup tables of one operation.
pub fn luts(datapath: &Datapath, id: ValueId, fabric: &DelayModel) -> u64 {
    let lut_inputs = fabric.lut_inputs;
    let width = |it: ValueId| datapath.width(it);
    match datapath.op(id) {
        Op::Input(..) | Op::Const(_) | Op::Slice { .. } | Op::Dsp(..) => 0,
        // Nobody but synthesis knows; reports say so.
        Op::External(..) => 0,
        Op::Add(..) | Op::Add3(..) => Chain::of(datapath, id).luts(fabric.carry_cell_bits),
        Op::Mul(a, b) => multiplier_luts(width(a), width(b), lut_inputs),
        Op::Any { width, .. } => u64::from((width - 1).div_ceil(lut_inputs - 1)),
        // Two bits with a constant alternative share a table that has two outputs.
        Op::Mux(..) if lut_inputs >= 6 && chooses_constant(datapath, id) => {
            mux_luts(2, width(id), lut_inputs).div_ceil(2)
        }
        // A choice of a constant behind another one, as saturation has it, is in the same table.
        Op::Mux(_, a, b)
            if chooses_constant(datapath, id)
                && [a, b].iter().any(|it| chooses_constant(datapath, *it)) =>
        {
            0
        }
        Op::Mux(..) => mux_luts(2, width(id), lut_inputs),
        Op::Compare(_, a, b) if is_constant(datapath, a) || is_constant(datapath, b) => {
            u64::from((width(a).max(width(b)) - 1).div_ceil(lut_inputs - 1)).max(1)
        }
        Op::Compare(_, a, b) => compare_luts(width(a).max(width(b)), lut_inputs),
        Op::Logic(..) => 1,
        Op::Table(table, index) => {
            truth::luts(&datapath.tables[table.index()], datapath.interval(index), lut_inputs)
        }
    }
}

fn is_constant(datapath: &Datapath, id: ValueId) -> bool {
    datapath.interval(id).constant().is_some()
}

/// Whether a value is a choice between a constant and something else.
fn chooses_constant(datapath: &Datapath, id: ValueId) -> bool {
    matches!(datapath.op(id), Op::Mux(_, a, b) if is_constant(datapath, a) || is_constant(datapath, b))
}

/// The carry chain of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its length: from the highest bit of the sum down to the lowest at which two terms are present
    /// or a subtracted one is. Below it the lowest term passes through.
    pub bits: u32,
    /// Somewhere three terms meet.
    pub ternary: bool,
}

impl Chain {
    /// The chain of a value that is a sum.
    pub fn of(datapath: &Datapath, id: ValueId) -> Chain {
        Chain::new(datapath, datapath.op(id).terms(), datapath.interval(id))
    }

    /// The chain of a sum of up to three terms. The low zeros of a constant are not there at all.
    pub fn new(datapath: &Datapath, terms: impl IntoIterator<Item = Term>, sum: Interval) -> Chain {
        let mut first = u32::MAX;
        // Terms before: where they begin and behind which bit they end.
        let mut seen: [Option<(u32, u32)>; 3] = [None; 3];
        let (mut ternary, mut count) = (true, 0);
        for term in terms {
            let interval = datapath.term_interval(term);
            if interval.constant() == Some(0) {
                continue;
            }
            let constant = datapath.interval(term.value).constant();
            let low = term.shift + constant.map_or(0, i128::trailing_zeros);
            let end = if interval.signed() { u32::MAX } else { interval.bits() };
            if term.negate {
                first = first.min(low);
            }
            for (lower, upper) in seen.into_iter().flatten() {
                match low.max(lower) {
                    meet if meet < end.min(upper) => first = first.min(meet),
                    _ => ternary = false,
                }
            }
            seen[count] = Some((low, end));
            count += 1;
        }
        // Intervals of bits that meet in pairs all meet.
        Chain { bits: sum.width().saturating_sub(first), ternary: ternary && count == 3 }
    }

    /// Lookup tables, where a carry cell has so many bits.
    pub fn luts(self, cell: u32) -> u64 {
        adder_luts(self.bits, cell)
    }
}
