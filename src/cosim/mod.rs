//! Simulating generated SystemVerilog with Verilator: build once, then run vectors through it.
//!
//! [`verilate`](verilate::verilate) makes a [`Model`], an executable of the design and
//! `sim/harness.cpp`; [`Model::run`] feeds it with mantissas and returns those that came out, with
//! the measured timing. The simulation is a process of its own: one that crashes is an error value.
//!
//! What holds: the same sources, vectors and [`Stimulus`] give the same outputs and figures; a
//! design that breaks the handshake is a [`Fault`], never a wrong number.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::tools::ToolError;

pub mod board;
pub mod prng;
pub mod run;
pub(crate) mod selfcheck;
pub mod vectors;
pub mod verilate;

mod pins;

pub use run::{Fault, FaultKind, Report, Run, Span, Stimulus, Update};
pub use verilate::{Effort, Model, Options, verilate};

/// One element of a port: a two's complement or plain binary number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its lowest bit in the port.
    pub offset: u32,
    /// Bits, 1 to 128; to 127 if unsigned, so that every mantissa is an `i128`.
    pub width: u32,
    /// Two's complement.
    pub signed: bool,
}

/// One data port of the top module, a flat vector of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the SystemVerilog; for AXI4-Stream a name for messages only.
    pub name: String,
    /// Its elements, in the order of the tensor. For AXI4-Stream the offsets are those in `tdata`,
    /// which all ports share.
    pub slots: Vec<Slot>,
}

/// How the top module talks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// `clk_i, rst_ni, in_valid_i, in_ready_o, out_valid_o, out_ready_i`, each data port by its
    /// name, and `in_last_i, out_last_o` if there are any.
    #[default]
    ValidReady,
    /// `aclk, aresetn, s_axis_*, m_axis_*`.
    AxiStream,
}

/// A design to simulate: what its top module is, and what its pins mean.
///
/// One handshake carries a beat of all inputs (or outputs) together, unless they are streams of their
/// own. A sample is one beat, unless the design streams. Reset is synchronous and active low.
#[derive(Clone, Debug, PartialEq)]
pub struct Dut {
    /// The top module.
    pub top: String,
    /// SystemVerilog sources in the order of compilation. Headers (`.svh`) may be among them; the
    /// files a design reads at run time must be, and are found from the first source's folder.
    pub sources: Vec<PathBuf>,
    /// Data ports at the input.
    pub inputs: Vec<Port>,
    /// Data ports at the output.
    pub outputs: Vec<Port>,
    /// Beats a sample has at the input.
    pub in_beats: u32,
    /// Beats a sample has at the output.
    pub out_beats: u32,
    /// Beats of every input and every output, if each has a handshake of its own (`valid_in_x_i` of port
    /// `in_x_i`; `in_valid_i` if it is the only one of its side).
    pub streams: Option<[Vec<u32>; 2]>,
    /// There are signals that mark the last beat of a sample.
    pub has_last: bool,
    /// An AXI4-Stream has `tkeep`: all bytes of every beat are there.
    pub has_keep: bool,
    /// Bits of the address of a word that can be loaded, through `load_*`, or `s_axil_*` with AXI4-Stream.
    pub load: Option<u32>,
    /// The names of the pins.
    pub protocol: Protocol,
}

impl Dut {
    /// A design with one beat a sample and no `last`.
    pub fn new(top: impl Into<String>, sources: Vec<PathBuf>) -> Dut {
        Dut {
            top: top.into(),
            sources,
            inputs: Vec::new(),
            outputs: Vec::new(),
            in_beats: 1,
            out_beats: 1,
            streams: None,
            has_last: false,
            has_keep: false,
            load: None,
            protocol: Protocol::ValidReady,
        }
    }

    /// Adds an input.
    pub fn input(mut self, name: impl Into<String>, slots: Vec<Slot>) -> Dut {
        self.inputs.push(Port { name: name.into(), slots });
        self
    }

    /// Adds an output.
    pub fn output(mut self, name: impl Into<String>, slots: Vec<Slot>) -> Dut {
        self.outputs.push(Port { name: name.into(), slots });
        self
    }

    /// Looks for what no simulation can be built from.
    pub(crate) fn check(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        for port in self.inputs.iter().chain(&self.outputs) {
            if port.slots.is_empty() {
                return Err(CosimError::NoSlots { port: port.name.clone() });
            }
            for &Slot { width, signed, .. } in &port.slots {
                if width == 0 || width > 127 + u32::from(signed) {
                    return Err(CosimError::SlotWidth { port: port.name.clone(), width });
                }
            }
            // Verilator spells other names differently in C++.
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let spelled = port.name.starts_with(|c: char| c.is_ascii_alphabetic())
                && port.name.chars().all(plain)
                && !port.name.contains("__");
            let distinct = names.insert(&port.name);
            if self.protocol == Protocol::ValidReady && !(spelled && distinct) {
                return Err(CosimError::PortName { port: port.name.clone() });
            }
        }
        match self.inputs.is_empty() || self.outputs.is_empty() {
            true => Err(CosimError::NoPorts),
            false => Ok(()),
        }
    }
}

/// `count` equal elements, one right after the other.
pub fn packed(count: u32, width: u32, signed: bool) -> Vec<Slot> {
    (0..count).map(|idx| Slot { offset: idx * width, width, signed }).collect()
}

/// Why a simulation gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CosimError {
    /// A tool is missing or failed; the simulation itself counts as a tool.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The design broke the handshake.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Verilator or the harness cannot have such a port.
    #[error("port name `{port}`: letters, digits and single underscores, used once")]
    PortName {
        /// The port.
        port: String,
    },
    /// A port without elements.
    #[error("port `{port}` has no elements")]
    NoSlots {
        /// The port.
        port: String,
    },
    /// An element that no mantissa of ours can have.
    #[error("port `{port}`: {width} bits in an element (1 to 128, or 127 unsigned)")]
    SlotWidth {
        /// The port.
        port: String,
        /// Its element's bits.
        width: u32,
    },
    /// Nothing goes in, or nothing comes out.
    #[error("a design needs an input and an output")]
    NoPorts,
    /// The number of input tensors or their size is wrong.
    #[error("port `{port}`: {found} values, expected {expected}")]
    Count {
        /// The port.
        port: String,
        /// Values given.
        found: usize,
        /// Values needed.
        expected: usize,
    },
    /// The number of input ports is wrong.
    #[error("values for {found} ports, expected {expected}")]
    Ports {
        /// Ports given.
        found: usize,
        /// Ports needed.
        expected: usize,
    },
    /// A mantissa is too wide for its element.
    #[error("port `{port}`, value {index}: {value} needs more than {width} bits")]
    Wide {
        /// The port.
        port: String,
        /// Position in the values of the port.
        index: usize,
        /// The mantissa.
        value: i128,
        /// Bits there are.
        width: u32,
    },
    /// Probabilities are at least 0 and less than 1.
    #[error("{what} probability {value}, expected 0 <= p < 1")]
    Probability {
        /// Which.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// The model was built without waves.
    #[error("the model was built without waves")]
    NoWave,
    /// The simulation wrote something that is no report.
    #[error("unreadable report of the simulation")]
    Report(#[source] serde_json::Error),
}

/// What the functions here return.
pub type Result<T> = std::result::Result<T, CosimError>;
