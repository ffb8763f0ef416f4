//! What the arrays of a dataflow have in hard blocks: products in DSP blocks, weights in block RAM.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::cost;
use crate::device::Device;
use crate::rtl::dsp::{Blocks, DspPlan};
use crate::stream::{Array, Dataflow, Kind, ProcessId};

/// Of the device's block RAM the part that weights may take where lookup tables are scarce: lines and FIFOs
/// need some.
const ROM_SHARE: u64 = 2;

/// Lookup tables that a block must save in any case.
const LEAST: u64 = 16;

/// The arrays that have something in hard blocks.
#[derive(Clone, Debug, Default)]
pub struct Hard {
    /// Their products are in DSP blocks.
    pub products: BTreeSet<ProcessId>,
    /// Two of these at a time are in one block.
    pub pairs: BTreeSet<ProcessId>,
    /// Their weights are in block RAM.
    pub weights: BTreeSet<ProcessId>,
    /// DSP blocks that they take.
    pub dsps: u64,
}

impl Hard {
    /// Chooses.
    ///
    /// A number of DSP blocks, or those of the device but for `others`, go to the arrays that save the most lookup tables
    /// with each; if nothing was asked for, and lookup tables are not scarce, only where that is more
    /// than half of what the device has for every block. Likewise block RAM goes to weights where a block
    /// stands for more lookup tables than the device has for each or, where they are scarce, to those that
    /// save the most.
    pub fn new(
        flow: &Dataflow,
        device: &Device,
        plan: &DspPlan,
        others: u64,
        scarce: bool,
    ) -> Hard {
        let free = device.total.dsp.saturating_sub(others);
        let (most, worth) = match plan.blocks {
            Blocks::None => (0, 0),
            Blocks::Count(count) => (u64::from(count), 0),
            Blocks::Auto if scarce => (free, 0),
            Blocks::Auto => (free, device.total.lut / device.total.dsp.max(1) / 2),
        };
        let mut found = taken(flow, most, worth, |_, it| cost::products(it, false, device));
        let mut pairs = BTreeSet::new();
        // Two products in a block cost additions outside of it: only where there are too few blocks.
        let can = |it: &Array| cost::pairs(it, device);
        let some = taken(flow, most, worth, |_, it| cost::products(it, can(it), device));
        if found.left && some.saved > found.saved {
            let is_pair = |it: &&ProcessId| match &flow.processes[it.0].kind {
                Kind::Array(array) => can(array),
                _ => false,
            };
            pairs = some.chosen.iter().filter(is_pair).copied().collect();
            found = some;
        }
        let (products, dsps) = (found.chosen, found.used);
        let rom = |id: ProcessId, it: &Array| match it.loaded().is_nothing() {
            true => cost::weights(it, pairs.contains(&id), device),
            false => (0, 0),
        };
        let blocks = device.total.bram_kbit / 18;
        let weights = match scarce {
            true => taken(flow, blocks / ROM_SHARE, LEAST, rom),
            false => taken(flow, u64::MAX, device.luts_of_block(), rom),
        };
        Hard { products, weights: weights.chosen, pairs, dsps }
    }
}

/// Arrays that get blocks.
struct Taken {
    chosen: BTreeSet<ProcessId>,
    used: u64,
    /// Lookup tables.
    saved: u64,
    /// There were too few for others.
    left: bool,
}

/// The arrays that save the most lookup tables for each of `most` blocks, more than `worth`; `cost` gives
/// blocks and lookup tables.
fn taken(
    flow: &Dataflow,
    most: u64,
    worth: u64,
    cost: impl Fn(ProcessId, &Array) -> (u64, u64),
) -> Taken {
    let array = |(at, process): (usize, &crate::stream::Process)| match &process.kind {
        Kind::Array(it) => {
            let (blocks, luts) = cost(ProcessId(at), it);
            let pays = blocks > 0 && luts > worth.saturating_mul(blocks);
            pays.then_some((ProcessId(at), blocks, luts))
        }
        _ => None,
    };
    let mut arrays: Vec<_> = flow.processes.iter().enumerate().filter_map(array).collect();
    arrays.sort_by_key(|(id, blocks, luts)| (Reverse(luts / blocks), *id));
    let mut taken = Taken { chosen: BTreeSet::new(), used: 0, saved: 0, left: false };
    for (id, blocks, luts) in arrays {
        if taken.used + blocks > most {
            taken.left = true;
            continue;
        }
        taken.used += blocks;
        taken.saved += luts;
        taken.chosen.insert(id);
    }
    taken
}
