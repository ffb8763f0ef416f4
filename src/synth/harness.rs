//! A harness for place and route that wants every port at a pin: the design between shift registers.
//!
//! It is written from the ports of the design's netlist, and is wrapped around that netlist, not around its source:
//! nothing of the two is merged, moved or optimised away. All ports but clock and reset are at registers, so paths
//! from and to ports count; they do not where a design is placed out of context.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tera::{Context, Tera};

use crate::tools::{self, Tools};

/// Ports of a harness: the clock and the reset, which go to the design as they are, and both ends of the registers.
pub(super) const PINS: [&str; 4] = ["clk_i", "rst_ni", "si_i", "so_o"];

/// The design's instance.
pub(super) const CORE: &str = "i_core";

/// Puts a harness around a netlist.
const RUNNER: &str = include_str!("../../synth-templates/harness.py");

const TEMPLATE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rtl-templates/harness.sv.tera"));

/// Why a netlist has no harness.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHarness {
    /// No netlist.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Another one.
    #[error("no module {0} with inputs and outputs in it")]
    NoModule(String),
}

/// Name of the harness of a design.
fn module(top: &str) -> String {
    format!("{top}_harness")
}

/// How a family's harness becomes a netlist.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Yosys' command.
    pub(super) synth: &'static str,
    /// Types of cells and pins of theirs that get a register beside them, for nextpnr ends no path there.
    pub(super) probes: &'static [(&'static str, &'static str)],
    /// Types of cells and pins of theirs that are open where they would be zero.
    pub(super) open: &'static [(&'static str, &'static str)],
}

/// Puts the harness in one file around the netlist of `top` in another one, into a third.
pub(super) fn wrap(
    tools: &Tools,
    top: &str,
    family: &Family,
    [design, harness, netlist]: [&Path; 3],
) -> tools::Result<()> {
    let job = json!({
        "design": design,
        "top": top,
        "harness": harness,
        "module": module(top),
        "synth": family.synth,
        "probes": family.probes,
        "open": family.open,
        "netlist": netlist,
    });
    tools::run(tools.yosys()?.args(["-c", RUNNER, &job.to_string()])).map(drop)
}

/// The harness of the module `top` in the text of a netlist.
pub(super) fn source(netlist: &str, top: &str) -> Result<String, NoHarness> {
    let mut file: File = serde_json::from_str(netlist)?;
    let ports = file.modules.remove(top).map(|it| it.ports).unwrap_or_default();
    let direct = |name: &str| PINS[..2].contains(&name);
    let side = |wanted: Direction, register: &str| {
        let mut next = 0;
        let here = ports.iter().filter(|(name, it)| it.direction == wanted && !direct(name));
        let wired: Vec<Wired<'_>> = here
            .map(|(name, port)| {
                let low = next;
                next += port.bits.len();
                Wired { name, bits: slice(register, low, port.bits.len()) }
            })
            .collect();
        (wired, next)
    };
    let (inputs, in_bits) = side(Direction::Input, "in_q");
    let (outputs, out_bits) = side(Direction::Output, "out");
    if in_bits == 0 || out_bits == 0 {
        return Err(NoHarness::NoModule(top.to_owned()));
    }
    let mut context = Context::new();
    context.insert("module", &module(top));
    context.insert("top", top);
    context.insert("core", CORE);
    context.insert("in_bits", &in_bits);
    context.insert("out_bits", &out_bits);
    let shared: Vec<&str> =
        PINS[..2].iter().copied().filter(|it| ports.contains_key(*it)).collect();
    context.insert("shared", &shared);
    context.insert("wired", &inputs.into_iter().chain(outputs).collect::<Vec<_>>());
    Ok(Tera::one_off(TEMPLATE, &context, false)
        .expect("the template is part of the program and prints every field it names"))
}

/// Bits of a vector.
fn slice(vector: &str, low: usize, count: usize) -> String {
    match count {
        1 => format!("{vector}[{low}]"),
        _ => format!("{vector}[{}:{low}]", (low + count).saturating_sub(1)),
    }
}

/// A port and the bits that it is connected to.
#[derive(Serialize)]
struct Wired<'a> {
    name: &'a str,
    bits: String,
}

#[derive(Deserialize)]
struct File {
    modules: BTreeMap<String, Module>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    ports: BTreeMap<String, Port>,
}

#[derive(Deserialize)]
struct Port {
    direction: Direction,
    bits: Vec<IgnoredAny>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Input,
    Output,
}

#[cfg(test)]
mod tests;
