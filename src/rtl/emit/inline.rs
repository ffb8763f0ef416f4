//! Which values are written inside the expression that reads them instead of having a name.
//!
//! Choices of choices that are read once, in the same stage and layer; single bits in the same way;
//! and slices, which are as short as a name, where nobody needs their sign. A statement stays
//! readable. Sums of sums all have names: Yosys would join them into carry-save trees.

use super::lower::joined;
use crate::rtl::datapath::{Datapath, Op, ValueId};
use crate::rtl::netlist::Netlist;

/// Estimated characters of an expression: a line and a half.
const MAX_TEXT: u32 = 140;

/// The one operation that reads a value, if it is one.
#[derive(Clone, Copy, PartialEq)]
enum Reader {
    Nobody,
    One(ValueId),
    Several,
}

/// For every value whether it is written where it is read.
pub(super) fn inline(netlist: &Netlist<'_>) -> Vec<bool> {
    let datapath = netlist.datapath;
    let readers = readers(datapath);
    let mut text = vec![0u32; datapath.len()];
    let mut inline = vec![false; datapath.len()];
    for id in datapath.values() {
        if let Op::Slice { .. } = datapath.op(id) {
            inline[id.index()] = netlist.names.element(id).is_none()
                && (is_alias(datapath, id) || is_text(netlist, id, readers[id.index()]));
        }
        let mut total: u32 = 8;
        for operand in datapath.op(id).operands() {
            total += leaf(netlist, operand);
        }
        for operand in datapath.op(id).operands() {
            let longer = total - leaf(netlist, operand).min(total) + text[operand.index()];
            let once = readers[operand.index()] == Reader::One(id);
            if once && longer <= MAX_TEXT && may_nest(netlist, operand, id) {
                inline[operand.index()] = true;
                total = longer;
            }
        }
        text[id.index()] = total;
    }
    inline
}

/// Sums that are read by one other sum only, in the same stage: without a hint, synthesis may join
/// both.
pub(super) fn chained(netlist: &Netlist<'_>) -> Vec<bool> {
    let datapath = netlist.datapath;
    let is_sum = |id: ValueId| match datapath.op(id) {
        Op::Add(a, b) => joined(datapath, a, b).is_none(),
        op => op.is_sum(),
    };
    let readers = readers(datapath);
    let chained = |id: ValueId| match readers[id.index()] {
        Reader::One(reader) => {
            is_sum(id)
                && is_sum(reader)
                && netlist.schedule.stage(id) == netlist.schedule.stage(reader)
        }
        _ => false,
    };
    datapath.values().map(chained).collect()
}

fn leaf(netlist: &Netlist<'_>, id: ValueId) -> u32 {
    match netlist.datapath.op(id) {
        Op::Const(_) => 10,
        _ => name_length(netlist, id) + 10,
    }
}

fn name_length(netlist: &Netlist<'_>, id: ValueId) -> u32 {
    match netlist.names.element(id) {
        Some((tensor, _)) => tensor.len() as u32 + 3,
        None => 6,
    }
}

/// Who reads each value.
fn readers(datapath: &Datapath) -> Vec<Reader> {
    let live = datapath.live();
    let mut readers = vec![Reader::Nobody; datapath.len()];
    let mut read = |id: ValueId, by: Reader| {
        let reader = &mut readers[id.index()];
        *reader = if *reader == Reader::Nobody { by } else { Reader::Several };
    };
    for id in datapath.values().filter(|id| live[id.index()]) {
        datapath.op(id).operands().for_each(|it| read(it, Reader::One(id)));
    }
    for id in datapath.outputs.iter().flat_map(|port| &port.elements) {
        read(*id, Reader::Several);
    }
    readers
}

/// Whether a value can stand inside the expression of its only reader.
fn may_nest(netlist: &Netlist<'_>, value: ValueId, reader: ValueId) -> bool {
    let datapath = netlist.datapath;
    let together = netlist.schedule.stage(value) == netlist.schedule.stage(reader)
        && datapath.scope_of(value) == datapath.scope_of(reader)
        && netlist.names.element(value).is_none();
    together
        && match (datapath.op(value), datapath.op(reader)) {
            (Op::Mux(..), Op::Mux(_, _, last)) => last == value,
            (Op::Logic(..) | Op::Compare(..) | Op::Any { .. }, Op::Logic(..) | Op::Mux(..)) => true,
            // Not logic: Verilator takes the width of `12'(a & b)` for that of its operands.
            (Op::Compare(..) | Op::Any { .. }, reader) if reader.is_sum() => true,
            _ => false,
        }
}

/// Whether a slice has all bits and the sign of its source: only its interval is another one.
fn is_alias(datapath: &Datapath, id: ValueId) -> bool {
    let Op::Slice { value, low: 0, .. } = datapath.op(id) else { return false };
    datapath.width(id) == datapath.width(value)
        && datapath.interval(id).signed() == datapath.interval(value).signed()
}

/// Whether a slice is written as `x[7:3]`: it must be inside its source, and unsigned or only chosen
/// from at its own width, because a part of a signal has no sign.
fn is_text(netlist: &Netlist<'_>, id: ValueId, reader: Reader) -> bool {
    let datapath = netlist.datapath;
    if !matches!(datapath.op(id), Op::Slice { .. }) {
        return false;
    }
    let chosen = match reader {
        Reader::One(reader) => {
            matches!(datapath.op(reader), Op::Mux(..))
                && datapath.width(reader) == datapath.width(id)
                && netlist.schedule.stage(reader) == netlist.schedule.stage(id)
                && datapath.scope_of(reader) == datapath.scope_of(id)
        }
        _ => false,
    };
    let inside = netlist.schedule.lifetimes.part(id).bits() == datapath.width(id);
    inside && (!datapath.interval(id).signed() || chosen)
}
