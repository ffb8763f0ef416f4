//! What a user may choose about the HLS project.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::reuse::{nearest, nearest_divisor};
use crate::device;

/// The HLS compiler the project is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// AMD Vitis HLS.
    #[default]
    Vitis,
    /// Vivado HLS, its predecessor.
    Vivado,
    /// Siemens Catapult, for AMD's devices.
    Catapult,
    /// The Intel HLS compiler (i++), which came with Quartus.
    Quartus,
    /// The FPGA compiler of Intel oneAPI.
    Oneapi,
    /// Google XLS: DSLX, compiled on this machine.
    Xls,
}

/// A library of fixed-point types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// AMD's `ap_fixed`.
    Ap,
    /// Algorithmic C, `ac_fixed`.
    Ac,
}

impl Library {
    /// The folder of its header in `hls-templates`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Library::Ap => "ap",
            Library::Ac => "ac",
        }
    }
}

impl Tool {
    /// Its name in scripts.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Vitis => "vitis",
            Tool::Vivado => "vivado",
            Tool::Catapult => "catapult",
            Tool::Quartus => "quartus",
            Tool::Oneapi => "oneapi",
            Tool::Xls => "xls",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Tool::Vitis => "Vitis HLS",
            Tool::Vivado => "Vivado HLS",
            Tool::Catapult => "Catapult",
            Tool::Quartus => "the Intel HLS compiler",
            Tool::Oneapi => "oneAPI",
            Tool::Xls => "XLS",
        }
    }

    /// The tool behind it, which must know the device.
    pub fn backend(self) -> Option<device::Tool> {
        match self {
            Tool::Vitis | Tool::Vivado | Tool::Catapult => Some(device::Tool::Vivado),
            Tool::Quartus | Tool::Oneapi => Some(device::Tool::Quartus),
            Tool::Xls => None,
        }
    }

    /// The types of its C++.
    pub fn library(self) -> Library {
        match self {
            Tool::Vitis | Tool::Vivado | Tool::Xls => Library::Ap,
            Tool::Catapult | Tool::Quartus | Tool::Oneapi => Library::Ac,
        }
    }

    /// Whether its scripts are Tcl.
    pub(super) fn is_tcl(self) -> bool {
        matches!(self, Tool::Vitis | Tool::Vivado | Tool::Catapult)
    }

    /// Whether it makes tasks of the calls in a function, with buffers for their arrays.
    pub(super) fn has_tasks(self) -> bool {
        matches!(self, Tool::Vitis | Tool::Vivado)
    }

    /// hls4ml's default for [`HlsOptions::clock_uncertainty`].
    pub fn clock_uncertainty(self) -> f64 {
        match self {
            Tool::Vitis => 27.0,
            Tool::Vivado => 12.5,
            Tool::Catapult | Tool::Quartus | Tool::Oneapi | Tool::Xls => 0.0,
        }
    }
}

/// How products with constant matrices are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Everything unrolled.
    #[default]
    Latency,
    /// A loop over blocks of the matrix, weights in memories.
    Resource,
    /// A loop over blocks of the weights that are not zero.
    Unrolled,
    /// Additions of shifted inputs, without weights or multipliers.
    Distributed,
}

/// How one layer is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folding {
    /// Layout of products.
    pub strategy: Strategy,
    /// Products that share a multiplier.
    pub reuse: u64,
    /// Rows of a tensor that are multiplied at once, if it was said.
    pub parallel: Option<u64>,
}

impl Folding {
    /// The reuse factor of a matrix with so many products that are not zero, as near to what was asked
    /// for as the strategy allows.
    pub fn reuse(&self, n_in: u64, n_out: u64, products: u64) -> u64 {
        match self.strategy {
            Strategy::Latency => self.reuse.max(1),
            Strategy::Resource => nearest(n_in, n_out, self.reuse),
            Strategy::Unrolled => self.reuse.clamp(1, products.max(1)),
            Strategy::Distributed => 1,
        }
    }

    /// Rows at once of so many: the divisor nearest to what was asked for; else all, or where
    /// products are spread over cycles one.
    pub fn parallel(&self, positions: u64) -> u64 {
        let looped = matches!(self.strategy, Strategy::Resource | Strategy::Unrolled);
        let all = if looped { 1 } else { positions };
        self.parallel.map_or(all, |asked| nearest_divisor(positions, asked))
    }
}

impl Default for Folding {
    fn default() -> Folding {
        Folding { strategy: Strategy::Latency, reuse: 1, parallel: None }
    }
}

/// Everything about the project that is not in the graph.
#[derive(Clone, Debug)]
pub struct HlsOptions {
    /// For which compiler.
    pub tool: Tool,
    /// Project, file and function name.
    pub name: String,
    /// The device, as the vendor names it.
    pub part: String,
    /// Clock period in nanoseconds.
    pub clock_ns: f64,
    /// Part of the period kept as a margin, in percent.
    pub clock_uncertainty: f64,
    /// Folding of layers that `layers` does not name.
    pub folding: Folding,
    /// Folding by name of the model's layer.
    pub layers: BTreeMap<String, Folding>,
    /// What the model is, in a line, for comments.
    pub description: String,
}

impl HlsOptions {
    /// hls4ml's defaults.
    pub fn new(tool: Tool, name: impl Into<String>) -> HlsOptions {
        HlsOptions {
            tool,
            name: name.into(),
            part: "xcvu13p-flga2577-2-e".to_owned(),
            clock_ns: 5.0,
            clock_uncertainty: tool.clock_uncertainty(),
            folding: Folding::default(),
            layers: BTreeMap::new(),
            description: String::new(),
        }
    }

    /// Folding of a layer.
    pub fn folding(&self, layer: &str) -> Folding {
        self.layers.get(layer).copied().unwrap_or(self.folding)
    }
}
