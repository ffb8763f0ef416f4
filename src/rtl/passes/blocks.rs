//! Tables in block RAM, where they take more lookup tables than blocks are worth: a pipeline is longer by two cycles for
//! it, so this is for kernels of streams, which have the time.

use std::collections::BTreeSet;

use super::{clean, replace};
use crate::device::{Device, Resources};
use crate::rtl::datapath::{Datapath, Interval, Module, Op, TableId, ValueId, block_bits};
use crate::rtl::truth;

/// When a table goes into a block RAM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tables {
    /// Never.
    #[default]
    Logic,
    /// Where that saves more than so many lookup tables for every 18 kbit.
    Blocks(u64),
}

/// Widest index: what a table has that is in a block RAM is as long as its index says.
const MOST_BITS: u32 = 14;

/// The program with its large tables in block RAMs; nothing if there are none.
pub fn in_blocks(datapath: &Datapath, device: &Device, tables: Tables) -> Option<Datapath> {
    let Tables::Blocks(worth) = tables else { return None };
    let pays = |(table, index): (TableId, Interval)| {
        let contents = &datapath.tables[table.index()];
        if contents.len() > 1 << MOST_BITS {
            return false;
        }
        let (bits, entry) = block_bits(contents);
        let blocks = device.blocks(1 << bits, entry).bram_kbit.div_ceil(18);
        let luts = truth::luts(contents, index, device.lut_inputs());
        blocks > 0 && luts > worth.saturating_mul(blocks)
    };
    let read = |id: ValueId| match datapath.op(id) {
        Op::Table(table, index) => Some((table, datapath.interval(index))),
        _ => None,
    };
    let live = datapath.live();
    let reads = datapath.values().filter(|it| live[it.index()]).filter_map(read);
    // A table is looked into once, however often it is read.
    let reads: BTreeSet<_> = reads.collect();
    let large: BTreeSet<_> = reads.into_iter().filter(|it| pays(*it)).collect();
    if large.is_empty() {
        return None;
    }
    Some(clean(&replace(datapath, |new, get, id| {
        let Op::Table(table, index) = datapath.op(id) else { return None };
        let is_large = large.contains(&(table, datapath.interval(index)));
        is_large.then(|| new.block(&datapath.tables[table.index()], get(index)))
    })))
}

/// What the block RAMs of a program take, by scope.
pub fn taken<'a>(
    datapath: &'a Datapath,
    device: &'a Device,
) -> impl Iterator<Item = (usize, Resources)> + 'a {
    let live = if datapath.externals.is_empty() { Vec::new() } else { datapath.live() };
    let values = datapath.values().filter(move |it| live.get(it.index()).is_some_and(|it| *it));
    values.filter_map(move |id| match &datapath.external_of(id)?.module {
        Module::Block { index, entry } => {
            Some((datapath.scope_of(id).index(), device.blocks(1 << index, *entry)))
        }
        Module::Own(_) => None,
    })
}
