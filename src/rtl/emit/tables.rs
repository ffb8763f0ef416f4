//! The package of a design's tables: each a constant array, read without a clock, or what is in a block RAM.
//!
//! Measured with 64 readers of 1024 entries: a constant array verilates in 0.1 s, the same as a
//! `case` takes 2.9 s, and a module around the array doubles the C++.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::expr::bits;
use super::text;
use crate::fixed::bits_of;
use crate::rtl::datapath::{Datapath, ExternalId, Module, Op, TableId};
use crate::rtl::netlist::Netlist;

/// What a table's entries are.
pub(super) struct Entries<'a> {
    table: TableId,
    contents: &'a [i128],
    /// Bits of an entry.
    pub(super) width: u32,
    signed: bool,
}

impl Entries<'_> {
    pub(super) fn new(datapath: &Datapath, table: TableId) -> Entries<'_> {
        let contents = &datapath.tables[table.index()];
        let lo = contents.iter().copied().min().unwrap_or(0);
        let hi = contents.iter().copied().max().unwrap_or(0);
        Entries { table, contents, width: bits_of(lo, hi).max(1), signed: lo < 0 }
    }

    /// Bits of an index.
    pub(super) fn index_bits(&self) -> u32 {
        bits_of(0, self.contents.len() as i128 - 1).max(1)
    }

    /// How it is called from outside the package.
    pub(super) fn path(&self, package: &str) -> String {
        format!("{package}::Table{}", self.table.index())
    }
}

/// Entries on a line: as many as fit, a power of two.
fn per_line(digits: usize) -> usize {
    [32, 16, 8, 4, 2].into_iter().find(|n| n * (digits + 7) <= 96).unwrap_or(1)
}

/// The package, if anything reads a table.
pub(super) fn package(netlist: &Netlist<'_>, name: &str) -> Option<String> {
    let datapath = netlist.datapath;
    let live = datapath.live();
    let mut readers: BTreeMap<TableId, Vec<&str>> = BTreeMap::new();
    for id in datapath.values().filter(|id| live[id.index()]) {
        if let Op::Table(table, _) = datapath.op(id) {
            let layer = datapath.scopes.get(datapath.scope_of(id).index());
            let readers = readers.entry(table).or_default();
            readers.extend(layer.map(|it| it.name.as_str()).filter(|it| !readers.contains(it)));
        }
    }
    let blocks: Vec<(usize, &[i128], u32)> = datapath
        .live_externals()
        .into_iter()
        .filter_map(|(at, it)| match it.module {
            Module::Block { entry, .. } => Some((at, &*datapath.tables[it.table.index()], entry)),
            Module::Own(_) => None,
        })
        .collect();
    if readers.is_empty() && blocks.is_empty() {
        return None;
    }
    let how = match (readers.is_empty(), blocks.is_empty()) {
        (false, true) => "constant arrays, read without a clock",
        (false, false) => "constant arrays, read without a clock, and what is in block RAMs",
        (true, _) => "what is in block RAMs",
    };
    let mut out = format!("// Tables of {}: {how}.\n\n", netlist.names.design);
    let _ = writeln!(out, "package {name};");
    for (table, layers) in readers {
        let entries = Entries::new(datapath, table);
        let sign = if entries.signed { " signed" } else { "" };
        let layers = layers.into_iter().map(text::plain).collect::<Vec<_>>().join(", ");
        let (count, width) = (entries.contents.len(), entries.width);
        let _ = writeln!(out, "\n  // {count} entries of {width} bits, read by {layers}.");
        let _ = writeln!(
            out,
            "  localparam logic{sign} [{}:0] Table{} [{count}] = '{{",
            width - 1,
            table.index()
        );
        rows(&mut out, &entries);
        out.push_str("  };\n");
    }
    for (at, contents, width) in blocks {
        let (count, msb) = (contents.len(), width - 1);
        let _ = writeln!(
            out,
            "\n  // {count} entries of {width} bits, in a block RAM; the first in the low bits."
        );
        let _ = writeln!(out, "  localparam logic [{}:0][{msb}:0] Block{at} = {{", count - 1);
        lines(&mut out, contents.iter().rev().copied(), width, "");
        out.push_str("  };\n");
    }
    out.push_str("\nendpackage\n");
    Some(out)
}

/// What a block RAM has, from outside the package.
pub(super) fn block_path(package: &str, block: ExternalId) -> String {
    format!("{package}::Block{}", block.index())
}

fn rows(out: &mut String, entries: &Entries<'_>) {
    let sign = if entries.signed { "s" } else { "" };
    lines(out, entries.contents.iter().copied(), entries.width, sign);
}

fn lines(out: &mut String, entries: impl Iterator<Item = i128>, width: u32, sign: &str) {
    let digits = width.div_ceil(4) as usize;
    let entry = |it: i128| format!("{width}'{sign}h{:0digits$x}", bits(it, width));
    let entries: Vec<String> = entries.map(entry).collect();
    let lines = entries.chunks(per_line(digits));
    let last = lines.len();
    for (idx, line) in lines.enumerate() {
        let comma = if idx + 1 == last { "" } else { "," };
        let _ = writeln!(out, "    {}{comma}", line.join(", "));
    }
}
