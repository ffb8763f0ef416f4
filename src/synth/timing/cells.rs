//! What the cells of vendors' libraries are to timing: where paths begin and end, and what passes through.

use super::netlist::Cell;
use crate::device::DelayModel;

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A lookup table or a gate.
    Table,
    /// A multiplexer beside the tables: its data come over wires of their own.
    Mux,
    /// A piece of a carry chain.
    Carry,
    /// Paths begin and end here.
    Register,
    /// A register at the data; what is read follows the address: memory of lookup tables, shift registers.
    Memory,
    /// A block RAM.
    Block,
    /// A multiplier; with a register at its inputs, and at its output.
    Product { input: bool, output: bool },
    /// Neither time nor a path: constants, buffers of clocks.
    Nothing,
}

/// The role of a cell; a cell that no list knows counts as a table.
pub(super) fn role(cell: &Cell) -> Role {
    let kind = cell.kind.as_str();
    let starts = |names: &[&str]| names.iter().any(|it| kind.starts_with(it));
    if starts(&["FD", "TRELLIS_FF", "SB_DFF", "DFF", "LD", "MISTRAL_FF"]) {
        Role::Register
    } else if starts(&["CARRY", "CCU2", "SB_CARRY", "ALU", "MISTRAL_ALUT_ARITH"]) {
        Role::Carry
    } else if starts(&["MUXF", "PFUMX", "L6MUX", "MUX2_LUT"]) {
        Role::Mux
    } else if starts(&[
        "SRL",
        "RAM16",
        "RAM32",
        "RAM64",
        "RAM128",
        "RAM256",
        "TRELLIS_DPR",
        "DPR16",
        "MISTRAL_MLAB",
    ]) {
        Role::Memory
    } else if starts(&[
        "RAMB",
        "DP16",
        "PDP",
        "SB_RAM",
        "DPB",
        "DPX9",
        "SDP",
        "SP",
        "pROM",
        "ROMB",
        "MISTRAL_M10K",
    ]) {
        Role::Block
    } else if starts(&["DSP48"]) {
        let input = cell.has("AREG") && cell.has("BREG");
        Role::Product { input, output: cell.has("PREG") || cell.has("MREG") }
    } else if starts(&["MULT", "SB_MAC16", "MISTRAL_MUL"]) {
        Role::Product { input: false, output: false }
    } else if starts(&["GND", "VCC", "VLO", "VHI", "BUFG", "IBUF", "OBUF", "$scopeinfo"]) {
        Role::Nothing
    } else {
        Role::Table
    }
}

/// Whether a pin is a clock, from which no path comes.
pub(super) fn is_clock(port: &str) -> bool {
    matches!(
        port,
        "C" | "CLK"
            | "CLKARDCLK"
            | "CLKBWRCLK"
            | "WCLK"
            | "CLKA"
            | "CLKB"
            | "WCK"
            | "CK"
            | "CLKW"
            | "CLKR"
    )
}

/// The bit of a carry chain that a pin of a kind of cells belongs to, and whether it is the chain's own wire.
pub(super) fn place(kind: &str, port: &str, bit: usize) -> (usize, bool) {
    match port {
        // Gowin: one bit, whatever the number behind the letter.
        _ if kind == "ALU" => (0, matches!(port, "CIN" | "COUT")),
        // AMD: vectors of four or eight.
        "CO" => (bit, true),
        "CI" | "CIN" | "CYINIT" => (0, port != "CYINIT"),
        "COUT" => (1, true),
        // Lattice: two bits, by the last letter.
        _ if port.ends_with('1') => (1, false),
        _ if port.ends_with('0') => (0, false),
        _ => (bit, false),
    }
}

/// The bits that pass between a pin in and one out, where the chain connects them.
pub(super) fn chain_ns(
    delays: &DelayModel,
    kind: &str,
    from: (&str, usize),
    to: (&str, usize),
) -> Option<f64> {
    let ((first, wire), (last, out_wire)) = (place(kind, from.0, from.1), place(kind, to.0, to.1));
    let bits = (last + 1).checked_sub(first)?;
    let along = bits as f64 * delays.carry_bit_ns;
    // Into the chain and out of it are half of what a chain costs besides its bits.
    let into = if wire { 0.0 } else { delays.carry_ns / 2.0 };
    let out = if out_wire { 0.0 } else { delays.carry_ns / 2.0 };
    Some(along + into + out)
}
