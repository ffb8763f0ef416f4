//! `nn2rtl.json`: what a project is, how it was made, and what is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::device::Resources;
use crate::fixed::Format;
use crate::hls::Tool;
use crate::report::compare::{Comparison, FormatRow};
use crate::stream::loaded::{self, Window};

/// Layout of the manifest; raised when it changes.
pub(super) const VERSION: u32 = 1;

/// The manifest of a project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of this file.
    pub version: u32,
    /// The nn2rtl that made the project.
    pub nn2rtl: String,
    /// The model.
    pub model: ModelInfo,
    /// The configuration, command line included.
    pub config: Config,
    /// Every type of every layer with its reason.
    pub formats: Vec<FormatRow>,
    /// The SystemVerilog, if it was made.
    pub rtl: Option<RtlInfo>,
    /// The HLS project, if it was made.
    pub hls: Option<HlsInfo>,
    /// The layers, and what is estimated of both paths.
    pub comparison: Comparison,
    /// SHA-256 of `design.json`, in hexadecimal digits.
    pub design_sha256: String,
    /// Every file of the project but this one.
    pub files: Vec<String>,
}

/// The model of a project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The file, as it was named.
    pub file: String,
    /// Its format.
    pub format: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// The SystemVerilog of a project.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RtlInfo {
    /// Top module: valid and ready on both sides.
    pub top: String,
    /// AXI4-Stream wrapper.
    pub axis: String,
    /// Cycles from input to output.
    pub latency: u32,
    /// Cycles from one sample to the next.
    pub interval: u64,
    /// Cycles from the first input beat of a sample to its first output beat, if it streams or is folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Beats of a sample at each input and each output, if it streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beats: Option<[Vec<u32>; 2]>,
    /// Combinational stages.
    pub stages: u32,
    /// What the longest path leaves of the clock by the delay model, ns.
    pub slack_ns: f64,
    /// The longest path of logic in each stage by the delay model, ns.
    #[serde(default)]
    pub stage_ns: Vec<f64>,
    /// Register bits.
    pub register_bits: u64,
    /// It is proved that no assignment of operations to so many stages has fewer.
    #[serde(default)]
    pub register_bits_least: bool,
    /// What each process of a stream is estimated to take; the module `i_NAME` of the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessInfo>,
    /// Layers by the path of their instance below the top, what is inside of another one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<(String, String)>,
    /// Sources in the order of compilation.
    pub sources: Vec<String>,
    /// Data ports of the top module.
    pub ports: Vec<PortInfo>,
    /// The weights that can be loaded, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlInfo>,
}

/// The AXI4-Lite port of the wrapper: registers, then a window for the weights of each layer. The top's own port
/// has the same addresses, of words of four bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ControlInfo {
    /// Bits of the address of a byte.
    pub address_bits: u32,
    /// The registers.
    pub registers: Vec<RegisterInfo>,
    /// The layers.
    pub layers: Vec<LoadedInfo>,
}

/// A register.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegisterInfo {
    /// Its name.
    pub name: String,
    /// Where it is, in bytes.
    pub offset: u32,
}

/// A layer whose weights can be loaded. The weight from term `i` of a sum to output `j` is the word at
/// `base + i * row_bytes + j * 4`, its mantissa with its sign extended; the biases are row `rows`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadedInfo {
    /// Its name.
    pub layer: String,
    /// Where its window begins, in bytes.
    pub base: u32,
    /// From one row to the next.
    pub row_bytes: u32,
    /// Terms of a sum.
    pub rows: usize,
    /// Outputs.
    pub outputs: usize,
    /// Format of a weight.
    pub weight: Format,
    /// Format of a bias, if the layer has any.
    pub bias: Option<Format>,
}

impl LoadedInfo {
    /// The address of a word for the top's own port.
    pub(super) fn word(&self, row: u32, output: u32) -> u32 {
        (self.base + row * self.row_bytes) / 4 + output
    }
}

impl ControlInfo {
    /// What `nn_axil` has in front, and the windows of a dataflow; `None` without any.
    pub(super) fn new(windows: &[Window]) -> Option<ControlInfo> {
        let names = ["ID", "STATUS", "COMMIT", "FRAME"];
        let register = |(at, name): (usize, &str)| RegisterInfo {
            name: name.to_owned(),
            offset: 4 * at as u32,
        };
        let layer = |it: &Window| LoadedInfo {
            layer: it.layer.clone(),
            base: 4 * it.word(0, 0) as u32,
            row_bytes: 4 * (it.word(1, 0) - it.word(0, 0)) as u32,
            rows: it.rows,
            outputs: it.outputs,
            weight: it.weight,
            bias: it.bias,
        };
        (!windows.is_empty()).then(|| ControlInfo {
            address_bits: loaded::address_bits(windows) + 2,
            registers: names.into_iter().enumerate().map(register).collect(),
            layers: windows.iter().map(layer).collect(),
        })
    }
}

/// A process of a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Its name.
    pub name: String,
    /// What it takes by estimate.
    #[serde(flatten)]
    pub resources: Resources,
}

/// A data port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortInfo {
    /// Its name.
    pub name: String,
    /// The tensor.
    pub tensor: String,
    /// An input.
    pub input: bool,
    /// A stream of pixels with all channels, of a tensor that has its channels first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pixels: bool,
    /// Its elements.
    pub slots: Vec<SlotInfo>,
}

/// An element of a port.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SlotInfo {
    /// Lowest bit in the port.
    pub offset: u32,
    /// Bits.
    pub width: u32,
    /// Two's complement.
    pub signed: bool,
    /// Lowest bit in the AXI4-Stream word.
    pub axis_offset: u32,
    /// Bits there: whole bytes.
    pub axis_width: u32,
}

/// The HLS project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HlsInfo {
    /// The tool it is for.
    pub tool: Tool,
    /// Top function.
    pub top: String,
    /// Cycles between samples that the pragmas ask for.
    pub interval: u64,
    /// Further settings, by name.
    pub settings: BTreeMap<String, String>,
}
