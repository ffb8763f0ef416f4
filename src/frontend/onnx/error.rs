//! What can be wrong with an ONNX file, by the step that finds it.

use std::fmt;

use crate::frontend::number::ReadError;
use crate::source::{ShapeError, WrongAttr};

/// Faults of the file and of its graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are not the protobuf message.
    #[error("not a readable ONNX model")]
    Decode(#[from] prost::DecodeError),
    /// Refused before decoding.
    #[error("the file has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// What is accepted.
        limit: usize,
    },
    /// A model without graph.
    #[error("the model has no graph")]
    NoGraph,
    /// A graph without outputs.
    #[error("the graph has no outputs")]
    NoOutputs,
    /// Nodes of the standard domain, but no version for it.
    #[error("no opset version is given for the standard domain")]
    NoOpset,
    /// A version that cannot be.
    #[error("opset version {version} of domain `{domain}` does not exist")]
    Opset {
        /// The domain.
        domain: String,
        /// Its version.
        version: i64,
    },
    /// Local functions.
    #[error("the model defines the function `{domain}::{name}`; functions are not supported")]
    Function {
        /// Domain of the function.
        domain: String,
        /// Name of the function.
        name: String,
    },
    /// Arithmetic on integer activations.
    #[error("{op} of integers is not supported; Cast or DequantizeLinear makes them floats")]
    Integers {
        /// The operator.
        op: String,
    },
    /// A sparse weight.
    #[error("a sparse initializer; only dense ones are supported")]
    Sparse,
    /// If, Loop, Scan and the like.
    #[error("control flow ({op}) is not supported")]
    ControlFlow {
        /// The operator.
        op: String,
    },
    /// A node without operator.
    #[error("a node without operator type")]
    NoOp,
    /// Two sources of one tensor.
    #[error("tensor `{tensor}` is defined more than once")]
    Redefined {
        /// The tensor.
        tensor: String,
    },
    /// A tensor without source.
    #[error("tensor `{tensor}` is read, but nothing makes it")]
    Unknown {
        /// The tensor.
        tensor: String,
    },
    /// Nodes that wait for each other.
    #[error("the graph has a cycle: {}", Path(.nodes))]
    Cycle {
        /// The nodes on it, in order of flow.
        nodes: Vec<String>,
    },
    /// Weights in another file.
    #[error("{count} tensors (`{first}`, ...) are stored outside the model, in the file `{file}`")]
    External {
        /// The file, as the model names it.
        file: String,
        /// How many tensors are there.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// An input is wrong.
    #[error("model input")]
    Input(#[from] InputError),
    /// A constant is wrong.
    #[error("constant tensor")]
    Tensor(#[from] TensorError),
    /// An attribute is wrong.
    #[error("attribute `{name}`")]
    Attr {
        /// The attribute.
        name: String,
        /// What is wrong.
        source: AttrError,
    },
    /// A constant expression is wrong.
    #[error("constant folding")]
    Fold(#[from] FoldError),
}

/// Faults of a model input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    /// A sequence, map, optional, or no type at all.
    #[error("its type is not a tensor")]
    NotTensor,
    /// No shape.
    #[error("its shape is not given")]
    NoShape,
    /// No first axis to be the batch.
    #[error("it is a scalar; the first axis must be the batch")]
    Scalar,
    /// Extents that are not numbers.
    #[error("only the batch may be dynamic, but so is {}", Names(.axes))]
    Dynamic {
        /// The axes: symbol, or place.
        axes: Vec<String>,
    },
    /// More elements than can be.
    #[error("its shape {shape:?} is too large")]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
    },
    /// An element type without numbers.
    #[error(transparent)]
    Type(#[from] TensorError),
    /// A shape of the user's that the input cannot have.
    #[error(transparent)]
    Given(#[from] ShapeError),
}

impl InputError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            InputError::Dynamic { .. } | InputError::NoShape => {
                Some("give the shape of a sample: --input-shape 3,16,16, or InputShape of Model")
            }
            InputError::Given(error) => error.help(),
            _ => None,
        }
    }
}

/// Faults of a `TensorProto`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TensorError {
    /// Strings.
    #[error("it holds strings, not numbers")]
    Strings,
    /// Complex numbers.
    #[error("it holds complex numbers")]
    Complex,
    /// Small floats and types to come.
    #[error("element type number {id} is not supported")]
    Type {
        /// `TensorProto.DataType`.
        id: i32,
    },
    /// A negative extent.
    #[error("its shape {dims:?} has a negative extent")]
    Negative {
        /// The shape.
        dims: Vec<i64>,
    },
    /// More axes than any layer has.
    #[error("it has {rank} axes, more than {limit}")]
    Rank {
        /// Axes found.
        rank: usize,
        /// What is accepted.
        limit: usize,
    },
    /// Extents whose product is no size.
    #[error("its shape {dims:?} is too large")]
    TooLarge {
        /// The shape.
        dims: Vec<i64>,
    },
    /// Raw data that cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Typed data of the wrong length.
    #[error("its shape needs {expected} stored values, but there are {found}")]
    Count {
        /// Values needed.
        expected: usize,
        /// Values stored.
        found: usize,
    },
    /// Both raw and typed data.
    #[error("it stores its data twice, raw and typed")]
    Twice,
    /// A value outside its type.
    #[error("the value {value} does not fit its element type")]
    Range {
        /// The value.
        value: i64,
    },
    /// A range that is not in the file beside the model.
    #[error("its data are outside of `{file}`, the file beside the model that should have them")]
    Beside {
        /// The file.
        file: String,
    },
    /// Data in another file.
    #[error("it is stored outside the model, in the file `{file}`")]
    External {
        /// The file, as the model names it.
        file: String,
    },
}

/// Faults of an attribute.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AttrError {
    /// Graphs, types, sparse tensors.
    #[error("a {kind} is not supported")]
    Kind {
        /// What it is.
        kind: &'static str,
    },
    /// A type number from the future.
    #[error("attribute type number {kind} is not known")]
    Unknown {
        /// `AttributeProto.AttributeType`.
        kind: i32,
    },
    /// A reference outside of a function.
    #[error("it refers to `{name}` of an enclosing function")]
    Reference {
        /// The function's attribute.
        name: String,
    },
    /// Given twice.
    #[error("it is given more than once")]
    Twice,
    /// Text that is none.
    #[error("its text is not UTF-8")]
    Text,
    /// A tensor that cannot be read.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

/// Why a constant expression has no value, or a tensor no shape.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FoldError {
    /// The shape is needed but not known.
    #[error("the shape of `{tensor}` is not known; it got lost at {lost}")]
    UnknownShape {
        /// The tensor.
        tensor: String,
        /// The first node whose output shape could not be inferred.
        lost: String,
    },
    /// The value is needed but is no constant.
    #[error("operand {operand} is not a constant")]
    NotConstant {
        /// Index of the operand.
        operand: usize,
    },
    /// An operand or attribute is missing.
    #[error("{what} is missing")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// An operator without shape rule.
    #[error("no rule for its shape")]
    NoRule,
    /// An axis out of range.
    #[error("axis {axis} does not exist in a tensor of {rank} axes")]
    Axis {
        /// The axis.
        axis: i64,
        /// Axes there are.
        rank: usize,
    },
    /// An index out of range.
    #[error("index {index} is outside an axis of {extent}")]
    Index {
        /// The index.
        index: i64,
        /// Extent of the axis.
        extent: usize,
    },
    /// Shapes that do not fit each other.
    #[error("shapes {left:?} and {right:?} do not fit")]
    Mismatch {
        /// One shape.
        left: Vec<usize>,
        /// The other.
        right: Vec<usize>,
    },
    /// A target shape that cannot be reached.
    #[error("shape {from:?} cannot become {target:?}")]
    Reshape {
        /// Shape of the operand.
        from: Vec<usize>,
        /// Shape asked for.
        target: Vec<i64>,
    },
    /// An attribute or operand with a value it cannot have.
    #[error("{what} is {value}")]
    Value {
        /// What.
        what: &'static str,
        /// Its value.
        value: i64,
    },
    /// Two element types where one is needed.
    #[error("its operands have different element types")]
    Types,
    /// The batch is not the first axis where it must be.
    #[error(
        "the batch is axis {axis} here, and only some operators can have it elsewhere than first"
    )]
    Batch {
        /// Where it is.
        axis: usize,
    },
    /// A quantizer of constants that is not supported; boxed, because it is large and rare.
    #[error(transparent)]
    Quantizer(#[from] Box<crate::layers::LayerError>),
    /// A result outside the element type.
    #[error("the result {value} does not fit the element type")]
    Range {
        /// The result.
        value: f64,
    },
    /// More constants than the file justifies.
    #[error("its result of shape {shape:?} is too large for a constant")]
    TooLarge {
        /// Shape of the result.
        shape: Vec<usize>,
    },
    /// An attribute of the wrong kind.
    #[error(transparent)]
    Attr(Box<WrongAttr>),
    /// Attributes that nobody knows.
    #[error("unknown attributes {}", Names(.names))]
    UnknownAttr {
        /// Their names.
        names: Vec<String>,
    },
    /// A type that no constant can have.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

impl From<WrongAttr> for FoldError {
    fn from(wrong: WrongAttr) -> FoldError {
        FoldError::Attr(Box::new(wrong))
    }
}

/// Names in backticks, separated by commas.
struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, name) in self.0.iter().enumerate() {
            let comma = if idx == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        Ok(())
    }
}

/// Names joined by arrows, back to the first.
struct Path<'a>(&'a [String]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in self.0 {
            write!(f, "{name} -> ")?;
        }
        f.write_str(self.0.first().map_or("", String::as_str))
    }
}
