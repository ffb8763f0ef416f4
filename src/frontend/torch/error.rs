//! What can be wrong with a PyTorch file, by the step that finds it.

use crate::frontend::number::ReadError;

pub use super::sniff::Kind;

/// Faults of the file and of its graph.
#[derive(Debug, thiserror::Error)]
pub enum TorchError {
    /// Not the archive.
    #[error("not a PyTorch archive")]
    Unknown,
    /// A file of PyTorch's that cannot be read without Python.
    #[error("{}", what(.kind))]
    Other {
        /// What it is.
        kind: Kind,
    },
    /// The ZIP archive is damaged.
    #[error("the archive is damaged")]
    Archive(#[source] zip::result::ZipError),
    /// A member cannot be unpacked.
    #[error("{member} cannot be unpacked")]
    Member {
        /// Its name.
        member: String,
        /// Why.
        source: std::io::Error,
    },
    /// A member is missing.
    #[error("the archive has no {member}")]
    NoMember {
        /// Its name.
        member: String,
    },
    /// A member larger than the file justifies.
    #[error("{member} has more than {limit} bytes")]
    TooLarge {
        /// Its name.
        member: String,
        /// What is accepted.
        limit: u64,
    },
    /// Another layout than ours.
    #[error("{member} is {found:?}, only {expected:?} is supported")]
    Header {
        /// The member that says so.
        member: &'static str,
        /// What is supported.
        expected: &'static str,
        /// What it says.
        found: String,
    },
    /// JSON that is none, or of another shape.
    #[error("{member} cannot be read")]
    Json {
        /// The member.
        member: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A part of the JSON that is of another shape.
    #[error("{what} cannot be read")]
    Part {
        /// The part.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A schema of the future, or of the past.
    #[error("schema version {major}.{minor} (torch {torch}) is not supported, only 8.x is")]
    Schema {
        /// Major version.
        major: i64,
        /// Minor version.
        minor: i64,
        /// The release that wrote it.
        torch: String,
    },
    /// No graph.
    #[error("the archive holds no model")]
    NoModel,
    /// Which one?
    #[error("the archive holds several models: {}", .models.join(", "))]
    SeveralModels {
        /// Their names.
        models: Vec<String>,
    },
    /// A union with another number of keys than one, or a kind that is not supported.
    #[error("{what} of kind {kind} is not supported")]
    Union {
        /// What it describes.
        what: &'static str,
        /// Its keys.
        kind: String,
    },
    /// Control flow.
    #[error("control flow ({target}) is not supported")]
    ControlFlow {
        /// The operator.
        target: String,
    },
    /// The model writes to its buffers or inputs.
    #[error("the model changes {name} ({kind}), as models do in training")]
    Mutation {
        /// What is changed.
        name: String,
        /// Kind of output specification.
        kind: String,
    },
    /// Two sources of one tensor.
    #[error("tensor {tensor} is defined more than once")]
    Redefined {
        /// The tensor.
        tensor: String,
    },
    /// A tensor without source.
    #[error("tensor {tensor} is read before anything makes it")]
    NoSource {
        /// The tensor.
        tensor: String,
    },
    /// A tensor without description.
    #[error("type and shape of {tensor} are not in the file")]
    NoMeta {
        /// The tensor.
        tensor: String,
    },
    /// A result whose first axis is not the batch.
    #[error("the first axis of output {tensor} is not the batch")]
    Turned {
        /// The tensor.
        tensor: String,
    },
    /// No user input or no user output.
    #[error("the model has no {what}")]
    Empty {
        /// `inputs` or `outputs`.
        what: &'static str,
    },
    /// A model input.
    #[error("model input")]
    Input(#[from] InputError),
    /// A stored tensor.
    #[error("stored tensor {name}")]
    Weight {
        /// Parameter or buffer.
        name: String,
        /// What is wrong.
        source: WeightError,
    },
    /// A call of an operator.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What such a file is, and why that does not help.
fn what(kind: &Kind) -> &'static str {
    match kind {
        Kind::Program => "a PyTorch program",
        Kind::OldProgram => {
            "written by torch.export.save before torch 2.9: its weights are a pickle, which only \
             Python can read"
        }
        Kind::Script => "a TorchScript archive: a program of its own, not a graph of layers",
        Kind::Pickle => "a pickle (torch.save), which only Python can read",
        Kind::Compiled => "an archive of compiled code (AOTInductor) without the model's graph",
        Kind::ExecuTorch => "an ExecuTorch program, not a graph of layers",
        Kind::Safetensors => "a file of weights (safetensors) without the model's graph",
    }
}

impl TorchError {
    /// What the user can do about it, where there is something to do.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            TorchError::Other { kind } => remedy(*kind),
            TorchError::Schema { .. } => remedy(Kind::OldProgram),
            TorchError::SeveralModels { .. } => {
                "save one model per file: torch.export.save(program, \"model.pt2\")"
            }
            TorchError::Mutation { .. } => {
                "call model.eval() before exporting: torch.export.save(torch.export.export(\
                 model.eval(), (torch.zeros(1, 16),)), \"model.pt2\")"
            }
            TorchError::Input(InputError::Dynamic { .. }) => {
                "make only the batch dynamic: torch.export.export(model.eval(), \
                 (torch.zeros(2, 16),), dynamic_shapes=({0: torch.export.Dim(\"batch\")},))"
            }
            TorchError::Input(InputError::Scalar | InputError::NoBatch { .. }) => {
                "export with the batch as first axis: torch.export.export(model.eval(), \
                 (torch.zeros(1, 16),))"
            }
            TorchError::Call(CallError::Half { .. }) | TorchError::Input(InputError::Half) => {
                "export in single precision: torch.export.export(model.float().eval(), ...)"
            }
            _ => return None,
        })
    }
}

/// The lines of Python that make a readable file of another one.
fn remedy(kind: Kind) -> &'static str {
    match kind {
        Kind::OldProgram => {
            "convert it with torch 2.9 or later: python -c 'import torch; \
             torch.export.save(torch.export.load(\"old.pt2\"), \"model.pt2\")'"
        }
        Kind::Pickle => {
            "export the model with torch 2.9 or later, the zeros having the shape of an input:\n    \
             model = torch.load(\"model.pt\", weights_only=False)  # of a state_dict: \
             model.load_state_dict(torch.load(\"model.pt\"))\n    \
             torch.export.save(torch.export.export(model.eval(), (torch.zeros(1, 16),)), \
             \"model.pt2\")"
        }
        _ => {
            "export the original module with torch 2.9 or later, the zeros having the shape of an \
             input:\n    torch.export.save(torch.export.export(model.eval(), \
             (torch.zeros(1, 16),)), \"model.pt2\")"
        }
    }
}

/// Faults of an extent with symbols.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SymbolError {
    /// A symbol other than the batch.
    #[error("the size depends on {symbol}, and only the batch may be dynamic")]
    Dynamic {
        /// The symbol.
        symbol: String,
    },
    /// An expression that is no multiple of the batch.
    #[error("the size {text} is neither a number nor a multiple of the batch")]
    Form {
        /// The expression.
        text: String,
    },
    /// A negative size, or one beyond any memory.
    #[error("the shape {shape:?} is not possible")]
    Size {
        /// The shape.
        shape: Vec<i64>,
    },
}

/// Faults of a model input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    /// No first axis to be the batch.
    #[error("it is a scalar; the first axis must be the batch")]
    Scalar,
    /// One fixed axis only: it cannot be the batch.
    #[error("its shape {shape:?} has no axis besides the batch")]
    NoBatch {
        /// The shape.
        shape: Vec<i64>,
    },
    /// Extents that are not numbers.
    #[error("only the batch (axis 0) may be dynamic, but so is {}", .axes.join(", "))]
    Dynamic {
        /// The axes, with their symbols.
        axes: Vec<String>,
    },
    /// Inputs of different batches.
    #[error("its batch is {found}, that of the inputs before it {expected}")]
    Batches {
        /// The first input's.
        expected: String,
        /// This input's.
        found: String,
    },
    /// Half precision.
    #[error("it is in half precision")]
    Half,
    /// A shape that cannot be.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
}

/// Faults of a stored tensor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WeightError {
    /// In the graph, but not stored.
    #[error("it is not in the archive")]
    Missing,
    /// Pickled: a tensor subclass or a custom object.
    #[error("it is pickled, as tensor subclasses and custom objects are")]
    Pickled,
    /// A path instead of a name.
    #[error("its place {path:?} is no plain file name")]
    Path {
        /// What is given.
        path: String,
    },
    /// The member of the archive.
    #[error("{0}")]
    Member(String),
    /// An element type that is not supported.
    #[error("element type number {code} is not supported")]
    Type {
        /// PyTorch's number for it.
        code: i64,
    },
    /// Sparse and other layouts.
    #[error("memory layout number {code} is not supported, only strided is")]
    Layout {
        /// PyTorch's number for it.
        code: i64,
    },
    /// Sizes, strides or offset that cannot be.
    #[error("sizes {sizes:?}, strides {strides:?} and offset {offset} are not possible")]
    Extents {
        /// Sizes.
        sizes: Vec<i64>,
        /// Strides.
        strides: Vec<i64>,
        /// Offset.
        offset: i64,
    },
    /// Elements outside of the storage.
    #[error("it needs {needed} bytes of its storage, which has {found}")]
    Storage {
        /// Bytes up to its last element.
        needed: u64,
        /// Bytes there are.
        found: u64,
    },
    /// More elements than the file justifies.
    #[error("its shape {sizes:?} is too large for the file")]
    TooLarge {
        /// Sizes.
        sizes: Vec<i64>,
    },
    /// Graph and table of weights disagree.
    #[error("the graph gives it the shape {graph:?}, the table of weights {table:?}")]
    Disagree {
        /// Sizes in the graph.
        graph: Vec<i64>,
        /// Sizes in the table.
        table: Vec<i64>,
    },
    /// Elements that cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Faults of a call of an operator.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// An argument that its schema does not know.
    #[error("{op} has no argument {name}")]
    Unknown {
        /// The operator.
        op: String,
        /// The argument.
        name: String,
    },
    /// An argument without default that is not given.
    #[error("argument {name} of {op} is missing")]
    Missing {
        /// The operator.
        op: String,
        /// The argument.
        name: String,
    },
    /// An argument with a value that cannot be honoured.
    #[error("{op} with {name} = {found} is not supported (supported: {supported})")]
    Value {
        /// The operator.
        op: String,
        /// The argument.
        name: String,
        /// Its value.
        found: String,
        /// What would be fine.
        supported: &'static str,
    },
    /// What computes across samples.
    #[error("{op} works across the samples of a batch")]
    Mixes {
        /// The operator.
        op: String,
    },
    /// The file's shape of a result is not what the operator gives.
    #[error("the result of {op} cannot have the shape {shape} that the file gives it")]
    Shape {
        /// The operator.
        op: String,
        /// Shape in the file.
        shape: String,
    },
    /// In-place changes that other tensors see.
    #[error("{op} changes {tensor} in place while {other}, which shares its memory, is read later")]
    InPlace {
        /// The operator.
        op: String,
        /// The tensor.
        tensor: String,
        /// The other tensor.
        other: String,
    },
    /// Half precision.
    #[error("{op} computes in {dtype}, only single and double precision are supported")]
    Half {
        /// The operator.
        op: String,
        /// The element type.
        dtype: &'static str,
    },
    /// A constant that would be larger than the file justifies.
    #[error("the constant that {op} makes has the shape {shape:?}, which is too large")]
    TooLarge {
        /// The operator.
        op: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// A size.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
}
