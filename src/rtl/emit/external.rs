//! Modules that compute a value: the files of the user's, and an instance for every value.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::File;
use super::lower::{Writer, select};
use super::tables::block_path;
use super::templates::TABLE;
use super::text::{self, range};
use crate::rtl::datapath::{Datapath, ExternalId, Module, ValueId};
use crate::rtl::netlist::Signal;

/// The files with the modules that there are instances of.
pub(super) fn files(datapath: &Datapath) -> Vec<File> {
    let used = datapath.live_externals().into_iter().map(|(_, it)| match &it.module {
        Module::Own(kernel) => (format!("rtl/own/{}", kernel.sv.name), &*kernel.sv.text),
        Module::Block { .. } => (TABLE.0.to_owned(), TABLE.1),
    });
    let files: BTreeSet<_> = used.collect();
    files.into_iter().map(|(path, text)| (path, text.to_owned())).collect()
}

/// The instance that computes a value. Bits of its result that are always the same are not taken.
pub(super) fn instance(
    writer: &Writer<'_>,
    out: &mut String,
    id: ValueId,
    (external, operand): (ExternalId, ValueId),
) {
    let (netlist, datapath) = (writer.netlist, writer.netlist.datapath);
    let own = &datapath.externals[external.index()];
    let signal = Signal { stage: netlist.schedule.stage(id), value: id };
    let (name, bits) = (netlist.name(signal), netlist.bits(signal));
    let _ = writeln!(out, "  logic{} {name};", range(bits));
    // Names of values end in numbers.
    let (all, width) = (own.result_bits(), datapath.width(id));
    let result = if width == all { name.clone() } else { format!("{name}_all") };
    if width < all {
        let _ = writeln!(out, "  logic [{}:0] {result};", all - 1);
    }
    let x = writer.entering(id, operand, own.operand_bits());
    match &own.module {
        Module::Own(kernel) => {
            let clock = if kernel.latency > 0 { "    .clk (clk_i),\n" } else { "" };
            let _ = writeln!(out, "  {} {name}_module (\n{clock}    .x ({x}),", kernel.module);
            let _ = writeln!(out, "    .y ({result})\n  );");
        }
        Module::Block { index, entry } => {
            let words = block_path(writer.tables, external);
            let _ = writeln!(
                out,
                "  nn_table #(
    .Width ({entry}),
    .Depth ({}),
    .Words ({words})
  ) {name}_module (
    .clk_i,
    .index_i ({x}),
    .entry_o ({result})
  );",
                1_u64 << index
            );
        }
    }
    if width < all {
        let (taken, rest) = (select(&result, 0, width), select(&result, width, all - width));
        text::statement(out, 2, &format!("assign {name} = {taken};"));
        let _ = writeln!(out, "  logic {name}_unused;");
        text::statement(out, 2, &format!("assign {name}_unused = ^{rest};"));
    }
}
