//! The layers a model may contain, one per file.
//!
//! A layer knows how frameworks spell it and what it means in floats ([`LayerSpec`]); one that can be
//! built knows its types, how they are inferred, and the units it is made of ([`Hardware`]). It has
//! no emulator, HLS or RTL of its own.

mod activation;
mod axes;
mod batch_norm;
mod binary;
mod binary_tanh;
mod clip;
mod constant;
mod contraction;
mod conv;
mod dense;
mod elu;
mod embedding;
mod expression;
mod external;
pub mod fake_quant;
mod functions;
mod garnet;
mod gather;
mod grid_table;
mod hard_sigmoid;
mod hard_tanh;
mod hgq;
mod identity;
mod import;
mod inner;
mod input;
mod interpolate;
mod leaky_relu;
mod linear;
mod lookup;
mod lower;
mod merge;
mod norm;
mod onnx;
mod own;
mod pointwise;
mod pool;
mod prelu;
mod qkeras;
mod quantizer;
mod range_table;
mod recurrent;
mod relu;
mod reshape;
mod scalar;
mod shape;
mod softmax;
mod stairs;
mod steps;
mod symbolic;
mod table;
mod tabulated;
mod ternary_tanh;
mod thresholded_relu;
mod top_k;
mod torch;
mod window;
mod wrapper;

#[cfg(test)]
mod activation_import_tests;
#[cfg(test)]
mod activation_tests;
#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod quantized_tests;
#[cfg(test)]
mod testing;

use std::fmt::Debug;

pub use batch_norm::BatchNorm;
pub use binary_tanh::BinaryTanh;
pub use clip::Clip;
pub use constant::Constant;
pub use contraction::Einsum;
pub use conv::{Conv, ConvTranspose};
pub use dense::Dense;
pub use elu::{Elu, Selu};
pub use embedding::Embedding;
pub use expression::{BindError, Expression, Formula, Lowering, ParseError};
pub use external::External;
pub use fake_quant::FakeQuant;
pub use grid_table::{Grid, GridTable};
pub use hard_sigmoid::HardSigmoid;
pub use hard_tanh::HardTanh;
pub use identity::Identity;
pub use import::{
    Import, ImportFn, Imported, LayerError, Operand, Part, Spelling, import, import_with,
};
pub use input::Input;
pub use leaky_relu::LeakyRelu;
pub use lower::Lower;
pub use merge::Merge;
pub use norm::{LayerNorm, Statistic};
pub use own::{OwnError, OwnKernel, OwnLayers};
pub use pool::{Divisor, Pool, Pooling, Reduce, Reduction};
pub use prelu::PRelu;
pub use quantizer::Quantizer;
pub use range_table::RangeTable;
pub use recurrent::{Cell, Recurrent};
pub use relu::Relu;
pub use reshape::Reshape;
pub use scalar::{Scalar, ScalarFunction};
pub use shape::{Concatenate, Pad, Permute, Take};
pub use softmax::Softmax;
pub use stairs::Stairs;
pub use steps::Steps;
pub use table::{Function, Table};
pub use ternary_tanh::TernaryTanh;
pub use thresholded_relu::ThresholdedRelu;
pub use top_k::TopK;
pub use window::Window;
pub use wrapper::TimeDistributed;

use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto};
use crate::source::Tensor;

/// What every layer says about itself; no method has a default, so none can be forgotten.
pub trait LayerSpec: Debug {
    /// hls4ml's class name: key of `LayerType` in configurations, name in tables and dumps.
    fn kind(&self) -> &'static str;

    /// Output shape, or why the operands' shapes are wrong.
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError>;

    /// Float meaning, on one sample; shapes have been checked by [`LayerSpec::infer`].
    fn eval(&self, inputs: &[&Tensor]) -> Tensor;

    /// Constant tensors of the layer with the role of their type, for profiles and counts.
    fn weights(&self) -> Vec<(Role, &Tensor)>;

    /// How the layer is built; `None` if it has a float meaning only, and no hardware yet.
    fn hardware(&self) -> Option<&dyn Hardware>;
}

/// What a layer that becomes hardware says about its numbers and its units; no defaults either.
pub trait Hardware {
    /// The types of the layer, in the order in which they can be resolved.
    fn roles(&self) -> &'static [Role];

    /// The format of a type that the user left open (`auto`), given those resolved before it.
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed;

    /// What each output element can be before the cast to the result type, all other types known.
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span>;

    /// Whether the layer is a scalar or softmax activation: what feeds it may keep full precision.
    fn is_activation(&self) -> bool;

    /// Builds the layer from units.
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId;
}

macro_rules! layers {
    ($($layer:ident),+ $(,)?) => {
        /// A layer of the float graph.
        #[derive(Clone, Debug)]
        #[allow(missing_docs, reason = "each variant is the struct of the same name")]
        pub enum Layer { $($layer($layer)),+ }

        impl Layer {
            /// What the layer says about itself.
            pub fn spec(&self) -> &dyn LayerSpec {
                match self { $(Layer::$layer(it) => it),+ }
            }
        }

        $(impl From<$layer> for Layer {
            fn from(it: $layer) -> Layer { Layer::$layer(it) }
        })+

        /// Spellings that are found beside their layers, or beside what leads to several.
        const BESIDE: &[Row] = &[
            $((stringify!($layer), $layer::SPELLINGS)),+,
            ("Activation", activation::SPELLINGS),
            ("Binary weights", binary::SPELLINGS),
            ("Graphs", garnet::SPELLINGS),
            ("HGQ2", hgq::SPELLINGS),
            ("QKeras", qkeras::SPELLINGS),
            ("Arithmetic", functions::ARITHMETIC),
            ("Activation function", functions::ACTIVATIONS),
            ("Shape function", functions::SHAPES),
            ("Rescaling", functions::RESCALING),
            ("Expressions", symbolic::SPELLINGS),
        ];
    };
}

/// A name for the README, and spellings that lead to what it names.
type Row = (&'static str, &'static [Spelling]);

/// Spellings of one framework that have a folder of their own.
const APART: [&[Row]; 2] = [&onnx::ALL, &torch::ALL];

const ROWS: usize = BESIDE.len() + APART[0].len() + APART[1].len();

/// How every layer is spelled in every format, under the name of the layer; names may repeat.
pub const SPELLINGS: [(&str, &[Spelling]); ROWS] = {
    let mut rows: [Row; ROWS] = [("", &[]); ROWS];
    let all = [BESIDE, APART[0], APART[1]];
    let (mut at, mut list, mut inner) = (0, 0, 0);
    while at < ROWS {
        if inner == all[list].len() {
            (list, inner) = (list + 1, 0);
        } else {
            rows[at] = all[list][inner];
            (at, inner) = (at + 1, inner + 1);
        }
    }
    rows
};

// Adding a layer: write its file, then add its name here.
layers! {
    Input, Dense, BatchNorm, Identity, Reshape, Merge,
    Relu, LeakyRelu, ThresholdedRelu, PRelu, Clip, Elu, Selu, HardSigmoid, HardTanh, Table,
    BinaryTanh, TernaryTanh, Softmax, Quantizer, Steps, Stairs,
    Permute, Concatenate, Take, Pad,
    Conv, ConvTranspose, Pool, Reduce, TopK, LayerNorm,
    Einsum, Embedding, Recurrent, TimeDistributed, Constant, Scalar, FakeQuant, GridTable,
    Formula, RangeTable, External,
}

/// What a layer does to values that the model itself has put on a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// The model says the formats, and no configuration changes them: quantizers, and inputs that
    /// only a quantizer reads.
    Given,
    /// If its operands are exact, so is its result in a format wide enough.
    Kept,
    /// Its result is rounded to a format that we choose.
    Lost,
}

impl Layer {
    /// How the layer is built, if it can be.
    pub fn hardware(&self) -> Option<&dyn Hardware> {
        self.spec().hardware()
    }

    /// The types of the layer: a result, if it has no hardware.
    pub fn roles(&self) -> &'static [Role] {
        self.hardware().map_or(&[Role::Result], Hardware::roles)
    }

    /// Whether the layer is a quantizer of the model.
    pub fn is_quantizer(&self) -> bool {
        matches!(self, Layer::Quantizer(_) | Layer::Stairs(_))
    }

    /// What becomes of exact operands here.
    pub fn exactness(&self) -> Exactness {
        match self {
            Layer::TimeDistributed(it) => it.layer.exactness(),
            Layer::Quantizer(_)
            | Layer::GridTable(_)
            | Layer::External(_)
            | Layer::Stairs(_)
            | Layer::Input(Input { lanes: Some(_), .. }) => Exactness::Given,
            // A constant on no grid that sums could keep.
            Layer::Dense(Dense { bias: Some(it), .. })
            | Layer::Conv(Conv { bias: Some(it), .. })
            | Layer::ConvTranspose(ConvTranspose { bias: Some(it), .. })
                if !auto::is_short(it) =>
            {
                Exactness::Lost
            }
            Layer::BatchNorm(it) if !auto::is_short(&it.scale) || !auto::is_short(&it.bias) => {
                Exactness::Lost
            }
            Layer::Dense(Dense { quantized: true, .. })
            | Layer::Conv(Conv { quantized: true, .. })
            | Layer::ConvTranspose(ConvTranspose { quantized: true, .. })
            | Layer::Reduce(Reduce {
                reduction: Reduction::Max | Reduction::Min | Reduction::Sum,
                ..
            })
            | Layer::BatchNorm(BatchNorm { quantized: true, .. })
            | Layer::Einsum(Einsum { kernel: None, .. })
            | Layer::Relu(Relu { max: None })
            | Layer::Steps(_)
            | Layer::Identity(_)
            | Layer::Reshape(_)
            | Layer::Merge(_)
            | Layer::Permute(_)
            | Layer::Concatenate(_)
            | Layer::Take(_)
            | Layer::TopK(_)
            | Layer::Pad(_) => Exactness::Kept,
            Layer::Pool(pool) if pool.is_exact() => Exactness::Kept,
            Layer::LeakyRelu(LeakyRelu { alpha, max: None }) if is_short(*alpha) => Exactness::Kept,
            Layer::Clip(Clip { min, max }) if is_short(*min) && is_short(*max) => Exactness::Kept,
            _ => Exactness::Lost,
        }
    }
}

/// Whether a constant has few bits, so that every type for constants holds it.
fn is_short(value: f64) -> bool {
    value.abs() <= 64.0 && (value * 64.0).fract() == 0.0
}
