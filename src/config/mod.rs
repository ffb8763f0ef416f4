//! Everything a user may choose: precision, parallelism, clock, device, tools.
//!
//! The keys are hls4ml's (`Model`, `LayerType`, `LayerName`; `Precision`, `ReuseFactor` ...), so that a
//! user can bring the inner dictionary or a whole `hls4ml_config.yml`, in YAML or JSON. [`Config::read`]
//! knows every key: one that is not honoured is a [`Warning`], one that nobody knows a problem.
//! A value is looked up by layer name, then by class, then for the model.

mod entry;
mod keys;
mod lookup;
mod merge;
mod read;
mod tree;
mod unused;
mod value;
mod warning;

#[cfg(test)]
mod tests;

use crate::hls;
use crate::rtl::cmvm::Effort;
use crate::rtl::dsp::Blocks;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use keys::nearest;
pub use lookup::{Level, Lookup};
pub(crate) use lookup::{attribute_only, has_builtin};
pub use merge::Overrides;
pub(crate) use tree::{NotRead, Tree};
pub use warning::Warning;

use crate::fixed::Format;
use crate::layers::OwnLayers;
use crate::precision::{Precision, Role, SoftmaxKind};
use crate::source::InputShapes;

/// Everything a user may choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Which file it was read from, for messages; empty without one.
    pub file: String,
    /// Whether hls4ml's quirks are reproduced.
    pub compat: Compat,
    /// Bits of a weight or an activation whose format is inferred; 16 unless set.
    pub width: Option<u32>,
    /// No inferred accumulator or result is larger (`Model.Precision.maximum`).
    pub maximum: Option<Format>,
    /// What holds for every layer.
    pub model: LayerConfig,
    /// What holds for the layers of a class.
    pub layer_type: BTreeMap<String, LayerConfig>,
    /// What holds for one layer.
    pub layer_name: BTreeMap<String, LayerConfig>,
    /// The device or board, as the user named it.
    pub part: Option<String>,
    /// Clock period in nanoseconds.
    pub clock_ns: Option<f64>,
    /// How long adder graphs are searched for.
    pub effort: Option<Effort>,
    /// Cycles from input to output of the direct path, exactly. Without a clock period the shortest
    /// that allows it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_cycles: Option<u32>,
    /// Cycles between samples of the direct path at most: reuse factors are chosen for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_ii: Option<u32>,
    /// Reuse factors are chosen so that the direct path fits the device, and is as fast as that allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fit: bool,
    /// Use of DSP blocks by the direct path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsp: Option<Blocks>,
    /// Share of the device's lookup tables above which the direct path moves work into DSP blocks,
    /// percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lut_percent: Option<f64>,
    /// Part of the clock period to keep free.
    pub clock_uncertainty: Option<Uncertainty>,
    /// How data come and go.
    pub io: Io,
    /// Which HLS tool's project is written.
    pub hls: Option<hls::Tool>,
    /// Name of the project and its top module.
    pub project: Option<String>,
    /// Where the project goes.
    pub output: Option<String>,
    /// The model that a whole `hls4ml_config.yml` names; the one on the command line is used.
    pub source_model: Option<String>,
    /// Shapes of inputs, instead of those in the model's file.
    #[serde(default, skip_serializing_if = "InputShapes::is_empty")]
    pub input_shapes: InputShapes,
    /// Layers of the user's own, from the files of `--layers`.
    #[serde(default, skip_serializing_if = "OwnLayers::is_empty")]
    pub layers: OwnLayers,
}

/// Bits of a weight or an activation where nothing else decides.
pub const DEFAULT_WIDTH: u32 = 16;

impl Config {
    /// The model's default precision, if the user gave one.
    pub fn default_precision(&self) -> Option<Format> {
        self.model.precision.default.and_then(Precision::format)
    }

    /// The model's default precision, else hls4ml's: what inputs have unless measured.
    pub fn fallback(&self) -> Format {
        self.default_precision().unwrap_or(Format::signed(16, 6))
    }

    /// Whether hls4ml's quirks are reproduced.
    pub fn is_compat(&self) -> bool {
        self.compat == Compat::Hls4ml
    }
}

/// Values for one layer, for a class, or for the model; `None` where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerConfig {
    /// Formats.
    pub precision: PrecisionConfig,
    /// How often a multiplier is used for one sample.
    pub reuse_factor: Option<u32>,
    /// How products are built.
    pub strategy: Option<Strategy>,
    /// Entries of an activation's table.
    pub table_size: Option<u32>,
    /// Entries of a softmax's table of exponentials.
    pub exp_table_size: Option<u32>,
    /// Entries of a softmax's table of reciprocals.
    pub inv_table_size: Option<u32>,
    /// Which softmax.
    pub softmax: Option<SoftmaxKind>,
    /// Leave the softmax out.
    pub skip: Option<bool>,
    /// Positions of a convolution computed at once.
    pub parallelization_factor: Option<u32>,
    /// How a streaming convolution keeps its rows.
    pub conv_implementation: Option<ConvImplementation>,
    /// Record the layer's output in simulation.
    pub trace: Option<bool>,
    /// Whether one cell makes all steps of a recurrent layer, or each has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_static: Option<bool>,
    /// Where the weights come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
}

/// Formats by role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PrecisionConfig {
    /// For every role that is not listed: a plain string, or the key `default`.
    pub default: Option<Precision>,
    /// Listed under `Precision`.
    pub roles: BTreeMap<Role, Precision>,
    /// Given by keys of the layer that end in `_t`. hls4ml honours these for some roles and the others
    /// for the rest; we honour both, except in its compatible mode.
    pub attributes: BTreeMap<Role, Precision>,
}

/// Whose rules apply where hls4ml's are not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// Ours: no overflow unless asked for.
    #[default]
    None,
    /// hls4ml's, quirks included.
    Hls4ml,
}

/// How data come and go, and how layers are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Io {
    /// A whole sample at once.
    #[default]
    Parallel,
    /// One position after the other.
    Stream,
}

/// How products are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A multiplier for every product.
    #[default]
    Latency,
    /// Multipliers shared in time, weights in memories.
    Resource,
    /// Multipliers shared in time, weights in logic.
    Unrolled,
    /// Adders only.
    DistributedArithmetic,
}

impl fmt::Display for Strategy {
    /// hls4ml's spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::Latency => "Latency",
            Strategy::Resource => "Resource",
            Strategy::Unrolled => "Resource_Unrolled",
            Strategy::DistributedArithmetic => "distributed_arithmetic",
        })
    }
}

/// Where the weights of a layer come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// The model; they never change.
    #[default]
    Constant,
    /// The model at first, then whoever writes new ones while the hardware runs.
    Runtime,
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weights::Constant => "constant",
            Weights::Runtime => "runtime",
        })
    }
}

/// How a streaming convolution keeps its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConvImplementation {
    /// Shift registers of whole rows.
    #[default]
    LineBuffer,
    /// hls4ml's older one.
    Encoded,
}

/// Part of the clock period to keep free.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertainty {
    /// As a fraction of the period: `27%` is 0.27.
    Fraction(f64),
    /// In nanoseconds.
    Nanoseconds(f64),
}

impl Uncertainty {
    /// In nanoseconds, for a clock period in nanoseconds.
    pub fn nanoseconds(self, period: f64) -> f64 {
        match self {
            Uncertainty::Fraction(fraction) => fraction * period,
            Uncertainty::Nanoseconds(ns) => ns,
        }
    }
}
