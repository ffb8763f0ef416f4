//! What the operations of a scalar program take of a fabric, layer by layer.
//!
//! White box: an addition costs the bits of its carry chain (the free low bits of a shifted operand
//! pass through), a table what its address and data bits take in lookup tables, and so on. Synthesis
//! shares some of it between operations, which this does not know.

use std::collections::BTreeMap;

use super::datapath::{Datapath, Interval, Op, Term, ValueId};
use crate::device::{Resources, adder_luts, compare_luts, multiplier_luts, mux_luts};
use crate::fixed::bits_of;
use crate::rtl::truth;

/// Lookup tables of every layer's live operations, by scope.
pub fn luts_by_scope(datapath: &Datapath, lut_inputs: u32) -> Vec<Resources> {
    let mut costs = vec![Resources::default(); datapath.scopes.len().max(1)];
    let live = datapath.live();
    // A table is looked into once, however often it is read.
    let mut tables = BTreeMap::new();
    for id in datapath.values().filter(|id| live[id.index()]) {
        let count = || luts(datapath, id, lut_inputs);
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
pub fn luts(datapath: &Datapath, id: ValueId, lut_inputs: u32) -> u64 {
    let width = |it: ValueId| datapath.width(it);
    match datapath.op(id) {
        Op::Input(..) | Op::Const(_) | Op::Slice { .. } => 0,
        Op::Add(a, b) => adder_luts(carry_bits(datapath, a, b, datapath.interval(id))),
        Op::Mul(a, b) => multiplier_luts(width(a), width(b), lut_inputs),
        Op::Any { width, .. } => u64::from((width - 1).div_ceil(lut_inputs - 1)),
        // A constant alternative folds into the lookup table of each bit.
        Op::Mux(_, a, b) if [a, b].iter().any(|it| datapath.interval(*it).constant().is_some()) => {
            mux_luts(2, width(id), lut_inputs).div_ceil(2)
        }
        Op::Mux(..) => mux_luts(2, width(id), lut_inputs),
        Op::Compare(_, a, b) => compare_luts(width(a).max(width(b)), lut_inputs),
        Op::Logic(..) => 1,
        Op::Table(table, index) => {
            truth::luts(&datapath.tables[table.index()], datapath.interval(index), lut_inputs)
        }
    }
}

/// Length of the carry chain of a sum: from its highest bit down to the lowest at which both operands
/// are present. Below it the lower operand passes through, unless it is the subtracted one. The low
/// zeros of a constant are not there at all.
pub fn carry_bits(datapath: &Datapath, a: Term, b: Term, sum: Interval) -> u32 {
    let constant_zero = |it: Term| datapath.interval(it.value).constant() == Some(0);
    let lowest = |it: Term| {
        let zeros = datapath.interval(it.value).constant().filter(|it| *it != 0);
        it.shift + zeros.map_or(0, i128::trailing_zeros)
    };
    let (low, high) = if lowest(a) <= lowest(b) { (a, b) } else { (b, a) };
    if low.negate || constant_zero(high) {
        return sum.width().saturating_sub(lowest(low));
    }
    let lower = datapath.term_interval(low);
    let apart = lower.lo >= 0 && lower.width() <= lowest(high) && !high.negate;
    if apart { 0 } else { sum.width().saturating_sub(lowest(high)) }
}

/// Length of the carry chain of `low + (high << shift)`, where `high` has its sign already; `negate`
/// says that it is subtracted. Nothing is added where the two lie apart.
#[inline]
pub fn chain_bits(low: Interval, high: Interval, shift: u32, negate: bool) -> u32 {
    if low.lo >= 0 && low.bits() <= shift && !negate {
        return 0;
    }
    let (lo, hi) = (low.lo + (high.lo << shift), low.hi + (high.hi << shift));
    bits_of(lo, hi).saturating_sub(shift)
}
