//! What the arrays of a dataflow multiply with: DSP blocks or lookup tables.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::cost;
use crate::device::Device;
use crate::rtl::dsp::{Blocks, DspPlan};
use crate::stream::{Dataflow, Kind, ProcessId};

/// The arrays whose products go into DSP blocks, and how many of these they take.
///
/// A number of blocks, or those of the device, go to the arrays that save the most lookup tables with
/// each; if nothing was asked for, and lookup tables are not scarce, only where that is more than half of
/// what the device has for every block.
pub fn in_blocks(
    flow: &Dataflow,
    device: &Device,
    plan: &DspPlan,
    scarce: bool,
) -> (BTreeSet<ProcessId>, u64) {
    let (most, worth) = match plan.blocks {
        Blocks::None => (0, 0),
        Blocks::Count(count) => (u64::from(count), 0),
        Blocks::Auto if scarce => (device.total.dsp, 0),
        Blocks::Auto => (device.total.dsp, device.total.lut / device.total.dsp.max(1) / 2),
    };
    let array = |(at, process): (usize, &crate::stream::Process)| match &process.kind {
        Kind::Array(it) => {
            let (blocks, luts) = cost::products(it, device);
            (blocks > 0 && luts > worth * blocks).then_some((ProcessId(at), blocks, luts))
        }
        _ => None,
    };
    let mut arrays: Vec<_> = flow.processes.iter().enumerate().filter_map(array).collect();
    arrays.sort_by_key(|(id, blocks, luts)| (Reverse(luts / blocks), *id));
    let mut used = 0;
    let mut chosen = BTreeSet::new();
    for (id, blocks, _) in arrays {
        if used + blocks <= most {
            used += blocks;
            chosen.insert(id);
        }
    }
    (chosen, used)
}
