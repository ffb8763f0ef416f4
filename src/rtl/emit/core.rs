//! The core: input registers, the layers connected, and which outputs are valid when.

use std::fmt::Write;

use super::interface::Vector;
use super::lower::{Writer, select};
use super::text::{self, range};
use crate::rtl::datapath::{Op, Port};
use crate::rtl::netlist::{Module, Netlist, Signal, Source};

/// The text of the core.
pub(super) fn core(writer: &Writer<'_>, name: &str) -> String {
    let netlist = writer.netlist;
    let mut out = format!(
        "// Core of {}: all layers, a new sample in every cycle.\n//\n\
         // What enters with `in_valid_i` leaves {} cycles later with `out_valid_o`, whether or not anybody\n\
         // is there to take it: the pipeline never stops.\n\n",
        netlist.names.design, netlist.schedule.latency
    );
    let _ = writeln!(out, "module {name} (");
    ports(netlist, &mut out);
    valid(netlist, &mut out);
    inputs(writer, &mut out);
    for (module, layer) in netlist.layers.iter().zip(&netlist.names.layers) {
        let _ = writeln!(out, "\n  // From {layer}.\n");
        for signal in &module.outputs {
            let bits = netlist.bits(*signal);
            let _ = writeln!(out, "  logic{} {};", range(bits), netlist.name(*signal));
        }
    }
    for (module, layer) in netlist.layers.iter().zip(&netlist.names.layers) {
        instance(netlist, &mut out, module, layer);
    }
    outputs(writer, &mut out);
    out.push_str("\nendmodule\n");
    out
}

fn ports(netlist: &Netlist<'_>, out: &mut String) {
    let datapath = netlist.datapath;
    out.push_str("  input  logic clk_i,\n  input  logic rst_ni,\n\n  input  logic in_valid_i,\n");
    for (port, name) in datapath.inputs.iter().zip(&netlist.names.inputs) {
        let vector = Vector::new(port);
        let _ = writeln!(out, "  // {}", vector.about());
        let _ = writeln!(out, "  input  logic [{}:0] in_{name}_i,", vector.bits - 1);
    }
    out.push_str("\n  output logic out_valid_o");
    for (port, name) in datapath.outputs.iter().zip(&netlist.names.outputs) {
        let vector = Vector::new(port);
        let _ = write!(out, ",\n  // {}", vector.about());
        let _ = write!(out, "\n  output logic [{}:0] out_{name}_o", vector.bits - 1);
    }
    out.push_str("\n);\n");
}

fn valid(netlist: &Netlist<'_>, out: &mut String) {
    let _ = write!(
        out,
        "
  // One bit for each rank of registers. Only these are reset.
  localparam int unsigned Latency = {};
  logic [Latency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
    end else begin
      valid_q <= {{valid_q[Latency-2:0], in_valid_i}};
    end
  end

  assign out_valid_o = valid_q[Latency-1];
",
        netlist.schedule.latency
    );
}

/// The first rank of registers, and those of inputs that are needed in later stages.
fn inputs(writer: &Writer<'_>, out: &mut String) {
    let netlist = writer.netlist;
    let datapath = netlist.datapath;
    let mut registers = Vec::new();
    let mut unused = Vec::new();
    let live = datapath.live();
    let vectors: Vec<Vector<'_>> = datapath.inputs.iter().map(Vector::new).collect();
    for (port, name) in datapath.inputs.iter().zip(&netlist.names.inputs) {
        unused.extend(unread(netlist, port, name, &live));
    }
    out.push_str("\n  // The inputs, registered.\n\n");
    for (signal, source) in &writer.module.signals {
        let to = netlist.name(*signal);
        let bits = netlist.bits(*signal);
        let from = match (source, datapath.op(signal.value)) {
            (Source::Registered, _) => writer.before(*signal),
            (_, Op::Input(port, element)) => {
                let (port, element) = (port as usize, element as usize);
                let offset = vectors[port].offsets[element];
                let port = format!("in_{}_i", netlist.names.inputs[port]);
                select(&port, offset + bits.low, bits.high - bits.low)
            }
            _ => continue,
        };
        let _ = writeln!(out, "  logic{} {to};", range(bits));
        if *source == Source::Registered && netlist.is_inside(*signal) {
            text::statement(out, 2, &format!("assign {to} = {from};"));
            continue;
        }
        registers.push(format!("{to} <= {from};"));
    }
    if !registers.is_empty() {
        out.push_str("\n  always_ff @(posedge clk_i) begin\n");
        registers.iter().for_each(|it| text::statement(out, 4, it));
        out.push_str("  end\n");
    }
    if !unused.is_empty() {
        out.push_str("\n  // Bits that no output depends on.\n  logic unused_inputs;\n");
        text::statement(out, 2, &format!("assign unused_inputs = ^{{{}}};", unused.join(", ")));
    }
}

/// Bits of an input vector that no register takes.
fn unread(netlist: &Netlist<'_>, port: &Port, name: &str, live: &[bool]) -> Vec<String> {
    let mut unread = Vec::new();
    let mut offset = 0;
    for (id, (width, _)) in port.elements.iter().zip(&port.slots) {
        let bits = netlist.bits(Signal { stage: 0, value: *id });
        let (low, high) = if live[id.index()] { (bits.low, bits.high) } else { (0, 0) };
        for (from, to) in [(0, low), (high, *width)] {
            if from < to {
                unread.push(select(&format!("in_{name}_i"), offset + from, to - from));
            }
        }
        offset += width;
    }
    unread
}

fn instance(netlist: &Netlist<'_>, out: &mut String, module: &Module, layer: &str) {
    let scope = module.scope.and_then(|it| netlist.datapath.scopes.get(it.index()));
    out.push('\n');
    if let Some(scope) = scope {
        let _ = write!(out, "  {}", text::source(&scope.origin));
    }
    let _ = writeln!(out, "  {}_{layer} i_{layer} (", netlist.names.design);
    let mut lines = Vec::new();
    if module.is_clocked(netlist.datapath) {
        lines.push("    .clk_i".to_owned());
    }
    let connect = |signal: &Signal, suffix: &str| {
        let name = netlist.name(*signal);
        format!("    .{name}{suffix} ({name})")
    };
    lines.extend(module.inputs.iter().map(|it| connect(it, "_i")));
    lines.extend(module.outputs.iter().map(|it| connect(it, "_o")));
    out.push_str(&lines.join(",\n"));
    out.push_str("\n  );\n");
}

fn outputs(writer: &Writer<'_>, out: &mut String) {
    let netlist = writer.netlist;
    for (port, name) in netlist.datapath.outputs.iter().zip(&netlist.names.outputs) {
        out.push('\n');
        let vector = Vector::new(port);
        for (element, id) in port.elements.iter().enumerate() {
            let (offset, (width, _)) = (vector.offsets[element], port.slots[element]);
            let value = writer.extended(*id, netlist.schedule.stages, width);
            let to = select(&format!("out_{name}_o"), offset, width);
            text::statement(out, 2, &format!("assign {to} = {value};"));
        }
    }
}
