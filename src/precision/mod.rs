//! Which fixed-point format every number of every layer has, and why.
//!
//! [`assign`] walks the float graph once, in order, and fills [`Formats`]: a side table, so that the
//! graph itself never learns about precision. What a layer's types are and how `auto` resolves is
//! the layer's own business ([`crate::layers::Hardware::resolve`]); what the user asked for is
//! looked up here first.

pub mod activation;
mod assign;
#[cfg(test)]
mod assign_tests;
pub mod auto;
mod calibrate;
mod check;
mod coarse;
mod explain;
#[cfg(test)]
mod explain_tests;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod golden_tests;
mod parse;
mod proof;
mod quantize;
mod span;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::Weights;
use crate::fixed::Format;
use crate::graph::NodeId;
pub use assign::assign;
pub use calibrate::{Calibration, CalibrationError, calibrate};
pub use check::check;
pub use coarse::coarse;
pub use explain::{Granularity, Row, Table, resolved, rows};
pub use parse::{Precision, PrecisionError, parse_precision};
pub use proof::{Proof, proof};
pub use quantize::{dequantized, quantize};
pub use span::Span;

/// The named types a layer can have; the names are hls4ml's (`result_t`, `accum_t` ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Weights.
    Weight,
    /// Biases (and offsets of a batch normalization).
    Bias,
    /// Weights of what a recurrent layer remembers.
    RecurrentWeight,
    /// Biases added to their products.
    RecurrentBias,
    /// Factors of a batch normalization.
    Scale,
    /// Slope or threshold of a parametrised activation.
    Param,
    /// Slope of a hard activation.
    Slope,
    /// Offset of a hard activation.
    Shift,
    /// What a recurrent layer remembers beside its output: the cells of an LSTM.
    State,
    /// Running sums.
    Accum,
    /// Contents of an activation's table.
    Table,
    /// Softmax: differences to the maximum, before the exponential's table.
    InpNorm,
    /// Softmax: contents of the exponential's table.
    ExpTable,
    /// Softmax: the sum of exponentials, before the reciprocal's table.
    InvInp,
    /// Softmax: contents of the reciprocal's table.
    InvTable,
    /// The layer's output.
    Result,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 16] = [
        Role::Weight,
        Role::Bias,
        Role::RecurrentWeight,
        Role::RecurrentBias,
        Role::Scale,
        Role::Param,
        Role::Slope,
        Role::Shift,
        Role::State,
        Role::Accum,
        Role::Table,
        Role::InpNorm,
        Role::ExpTable,
        Role::InvInp,
        Role::InvTable,
        Role::Result,
    ];

    /// hls4ml's name without the `_t`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Weight => "weight",
            Role::Bias => "bias",
            Role::RecurrentWeight => "recurrent_weight",
            Role::RecurrentBias => "recurrent_bias",
            Role::State => "state",
            Role::Scale => "scale",
            Role::Param => "param",
            Role::Slope => "slope",
            Role::Shift => "shift",
            Role::Accum => "accum",
            Role::Table => "table",
            Role::InpNorm => "inp_norm",
            Role::ExpTable => "exp_table",
            Role::InvInp => "inv_inp",
            Role::InvTable => "inv_table",
            Role::Result => "result",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A format and the reason for it, for `nn2rtl config` and the reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Typed {
    /// The format.
    pub format: Format,
    /// One phrase: `user: LayerName`, `largest weight is 1.73`, `sum of 64 products`.
    pub reason: String,
}

impl Typed {
    /// A format with its reason.
    pub fn new(format: Format, reason: impl Into<String>) -> Typed {
        Typed { format, reason: reason.into() }
    }
}

/// How the numbers that are not formats are set: table sizes, softmax implementation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Entries of an activation's table (also of both softmax tables unless set apart).
    pub table_size: u32,
    /// Entries of the exponential's table, if the user said so.
    pub exp_table_size: Option<u32>,
    /// Entries of the reciprocal's table, if the user said so.
    pub inv_table_size: Option<u32>,
    /// Which softmax.
    pub softmax: SoftmaxKind,
    /// Leave the softmax out.
    pub skip: bool,
    /// Bits of a value where nothing else decides.
    pub width: u32,
    /// Where weights come from: nothing may be inferred from the values of those that are loaded.
    pub weights: Weights,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            table_size: 1024,
            exp_table_size: None,
            inv_table_size: None,
            softmax: SoftmaxKind::Stable,
            skip: false,
            width: crate::config::DEFAULT_WIDTH,
            weights: Weights::Constant,
        }
    }
}

/// hls4ml's four ways to compute a softmax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoftmaxKind {
    /// Differences to the maximum first.
    #[default]
    Stable,
    /// Exponentials of the inputs as they are.
    Latency,
    /// One over the sum of exponentials of all differences.
    Legacy,
    /// One-hot of the first maximum.
    Argmax,
}

/// Everything decided about the numbers of one layer.
#[derive(Clone, Debug, Default)]
pub struct LayerFormats {
    /// The types of the layer's roles.
    pub types: BTreeMap<Role, Typed>,
    /// The other numbers.
    pub settings: Settings,
    /// What each output element can be, given the formats.
    pub spans: Vec<Span>,
    /// The model's own quantizers have put the output on a grid, and the result keeps every bit.
    pub on_grid: bool,
    /// On the way from the inputs nothing else rounded either: the output is the model's own.
    pub exact: bool,
}

impl LayerFormats {
    /// The format of a role that the layer declared.
    pub fn format(&self, role: Role) -> Format {
        self.types.get(&role).expect("assign fills every role a layer declares").format
    }
}

/// Formats of a whole graph, by node.
#[derive(Clone, Debug, Default)]
pub struct Formats {
    /// By node index; `None` for removed nodes.
    pub layers: Vec<Option<LayerFormats>>,
    /// Whether hls4ml's quirks are reproduced (`Compat: hls4ml`).
    pub compat: bool,
    /// Layers whose outputs are multiplied by a scale outside of the hardware.
    pub scaled: Vec<String>,
}

impl Formats {
    /// What was decided for a node.
    pub fn of(&self, id: NodeId) -> &LayerFormats {
        self.layers[id.index()].as_ref().expect("assign visits every node")
    }
}

/// What a layer may look at when it resolves `auto`.
#[derive(Debug)]
pub struct Resolve<'a> {
    /// Result format and value ranges of each operand.
    pub inputs: Vec<Produced<'a>>,
    /// Types decided so far: user-given ones, and roles earlier in [`Hardware::roles`] order.
    ///
    /// [`Hardware::roles`]: crate::layers::Hardware::roles
    pub types: BTreeMap<Role, Typed>,
    /// The other numbers.
    pub settings: Settings,
    /// hls4ml's inference instead of the overflow-free one.
    pub compat: bool,
    /// The model's default precision: the user's, else hls4ml's `fixed<16,6>`.
    pub default: Format,
    /// Bits of a weight or an activation where nothing else decides.
    pub width: u32,
    /// Every reader is an activation, so that the result may stay as wide as the sum.
    pub feeds_activation: bool,
    /// The model has quantizers of its own.
    pub quantized: bool,
    /// Measured range of the layer's output (`--calibrate`), margin included.
    pub calibrated: Option<Span>,
    /// The model's quantizers have put every operand on a grid, and the layer can keep every bit.
    pub exact: bool,
}

/// One operand, as its producer left it.
#[derive(Clone, Copy, Debug)]
pub struct Produced<'a> {
    /// Its shape.
    pub shape: &'a crate::nn::Shape,
    /// Its result format.
    pub format: Format,
    /// What each element can be.
    pub spans: &'a [Span],
}

impl Resolve<'_> {
    /// A type decided before.
    pub fn format(&self, role: Role) -> Format {
        self.types.get(&role).expect("roles are resolved in the order a layer lists them").format
    }

    /// The smallest `width`-bit rounding, saturating format for a range of values.
    pub fn covering(&self, span: Span, what: &str) -> Typed {
        let format = span.format(self.width);
        Typed::new(format.rounded(), format!("{what} in [{:.4}, {:.4}]", span.lo, span.hi))
    }

    /// The default result of an activation: measured range if there is one, else `range`.
    pub fn result(&self, range: Span) -> Typed {
        match self.calibrated {
            Some(measured) => self.covering(measured.intersect(range), "calibrated"),
            None => self.covering(range, "values"),
        }
    }
}
