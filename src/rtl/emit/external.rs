//! Modules of the user's: their files, and an instance for every value.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::File;
use super::lower::{Writer, select};
use super::text::{self, range};
use crate::rtl::datapath::{Datapath, ExternalId, ValueId};
use crate::rtl::netlist::Signal;

/// The files with the modules that there are instances of.
pub(super) fn files(datapath: &Datapath) -> Vec<File> {
    let used = datapath.live_externals();
    let files: BTreeSet<_> = used.iter().map(|it| &it.kernel.sv).collect();
    files.into_iter().map(|it| (format!("rtl/own/{}", it.name), it.text.clone())).collect()
}

/// The instance that computes a value. Bits of its result that are always the same are not taken.
pub(super) fn instance(
    writer: &Writer<'_>,
    out: &mut String,
    id: ValueId,
    (external, operand): (ExternalId, ValueId),
) {
    let (netlist, datapath) = (writer.netlist, writer.netlist.datapath);
    let kernel = &datapath.externals[external.index()].kernel;
    let signal = Signal { stage: netlist.schedule.stage(id), value: id };
    let (name, bits) = (netlist.name(signal), netlist.bits(signal));
    let _ = writeln!(out, "  logic{} {name};", range(bits));
    // Names of values end in numbers.
    let (all, width) = (kernel.result.width, datapath.width(id));
    let result = if width == all { name.clone() } else { format!("{name}_all") };
    if width < all {
        let _ = writeln!(out, "  logic [{}:0] {result};", all - 1);
    }
    let clock = if kernel.latency > 0 { "    .clk (clk_i),\n" } else { "" };
    let x = writer.entering(id, operand, kernel.operand.width);
    let _ = writeln!(out, "  {} {name}_module (\n{clock}    .x ({x}),", kernel.module);
    let _ = writeln!(out, "    .y ({result})\n  );");
    if width < all {
        let (taken, rest) = (select(&result, 0, width), select(&result, width, all - width));
        text::statement(out, 2, &format!("assign {name} = {taken};"));
        let _ = writeln!(out, "  logic {name}_unused;");
        text::statement(out, 2, &format!("assign {name}_unused = ^{rest};"));
    }
}
