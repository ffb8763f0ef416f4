//! In which stages every value is a signal, and from where on it has registers of its own.
//!
//! Wires cost nothing, so a slice is taken from its source in every stage that the source reaches.
//! The source is kept for its slices as long as it has no more bits than they have together; from
//! then on each slice has registers of its own.

use super::super::datapath::{Datapath, Op, ValueId};

/// Lifetimes of all values. Constants and dead values have none: their ends are equal.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    from: Vec<u32>,
    until: Vec<u32>,
    input_bits: u64,
}

impl Lifetimes {
    pub(super) fn new(datapath: &Datapath, live: &[bool], stage: &[u32], stages: u32) -> Lifetimes {
        let mut it = Lifetimes { from: stage.to_vec(), until: stage.to_vec(), input_bits: 0 };
        let is_const = |id: ValueId| matches!(datapath.op(id), Op::Const(_));
        for id in datapath.outputs.iter().flat_map(|port| &port.elements) {
            if !is_const(*id) {
                it.until[id.index()] = stages;
            }
        }
        // Slices of each value as a linked list: the first, and the next one of the same value.
        let mut first: Vec<Option<ValueId>> = vec![None; datapath.len()];
        let mut next: Vec<Option<ValueId>> = vec![None; datapath.len()];
        let mut slices = Vec::new();
        for id in datapath.values().rev().filter(|id| live[id.index()] && !is_const(*id)) {
            slices.clear();
            let mut at = first[id.index()];
            while let Some(slice) = at {
                slices.push((it.until[slice.index()], slice));
                at = next[slice.index()];
            }
            it.keep_for_slices(datapath, id, &slices);
            match datapath.op(id) {
                Op::Slice { value, .. } => {
                    next[id.index()] = first[value.index()].replace(id);
                }
                Op::Input(..) => it.input_bits += u64::from(datapath.width(id)),
                op => {
                    for operand in op.operands().filter(|it| !is_const(*it)) {
                        let until = &mut it.until[operand.index()];
                        *until = stage[id.index()].max(*until);
                    }
                }
            }
        }
        it
    }

    /// Decides how long `id` is kept for its slices, each with the last stage that reads it.
    fn keep_for_slices(&mut self, datapath: &Datapath, id: ValueId, slices: &[(u32, ValueId)]) {
        let width = u64::from(datapath.width(id));
        let mut until = self.until[id.index()];
        loop {
            let open = slices.iter().filter(|(last, _)| *last > until);
            let bits: u64 = open.map(|(_, slice)| u64::from(datapath.width(*slice))).sum();
            if bits < width {
                break;
            }
            // Nothing changes before the next slice ends.
            let ends = slices.iter().map(|(last, _)| *last).filter(|last| *last > until);
            until = ends.min().unwrap_or(until + 1);
        }
        self.until[id.index()] = until;
        for (last, slice) in slices {
            self.from[slice.index()] = until.min(*last);
        }
    }

    /// The stage from which on a value has registers: where it is computed, or, for a slice, the
    /// last one in which it is taken from its source.
    pub fn from(&self, id: ValueId) -> u32 {
        self.from[id.index()]
    }

    /// The last stage in which the value is read; `stages` if it is an output.
    pub fn until(&self, id: ValueId) -> u32 {
        self.until[id.index()]
    }

    /// Bits of all registers.
    pub fn register_bits(&self, datapath: &Datapath) -> u64 {
        let bits = |id: ValueId| {
            u64::from(datapath.width(id))
                * u64::from(self.until[id.index()] - self.from[id.index()])
        };
        self.input_bits + datapath.values().map(bits).sum::<u64>()
    }
}
