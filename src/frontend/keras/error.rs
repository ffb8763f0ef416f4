//! What can be wrong with a Keras file, one variant per message.

use std::fmt;

use crate::source::ShapeError;

/// A fault of a Keras model file; the place (file and layer) is added by the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KerasError {
    /// The bytes are no Keras container at all.
    #[error("not a Keras model: neither a .keras archive, nor HDF5, nor Keras JSON")]
    UnknownContainer,
    /// The ZIP archive is damaged.
    #[error("damaged .keras archive")]
    Archive(#[source] zip::result::ZipError),
    /// A member of the archive cannot be read.
    #[error("cannot read {member} of the archive")]
    Member {
        /// The member.
        member: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The archive lacks a member every `.keras` file has.
    #[error("the archive has no {member}")]
    NoMember {
        /// The member.
        member: &'static str,
    },
    /// Something is larger than we are willing to hold in memory.
    #[error("{what} is too large: more than {limit} {unit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// Unit of the limit.
        unit: &'static str,
    },
    /// Weights in several files.
    #[error("sharded weights (model.weights.json) are not supported")]
    Sharded,
    /// The HDF5 file is damaged or uses a feature we cannot read.
    #[error("cannot read the HDF5 file")]
    Hdf5(#[source] hdf5_reader::error::Error),
    /// One dataset of the HDF5 file is damaged.
    #[error("cannot read weight {path}")]
    Dataset {
        /// Path in the file.
        path: String,
        /// Why.
        source: hdf5_reader::error::Error,
    },
    /// A weight is not a number type we know.
    #[error("weight {path} has type {found}, supported are float32, float64, integers and bool")]
    DataType {
        /// Path in the file.
        path: String,
        /// Its type.
        found: String,
    },
    /// The model's JSON is damaged.
    #[error("cannot read the model's JSON")]
    Json(#[source] serde_json::Error),
    /// The model's JSON is no UTF-8.
    #[error("the model's JSON is not UTF-8")]
    Utf8(#[source] std::str::Utf8Error),
    /// HDF5 with weights, but without an architecture.
    #[error("the file holds weights but no architecture")]
    WeightsOnly,
    /// An architecture without weights.
    #[error("the file holds an architecture but no weights")]
    NoWeights,
    /// A weights file next to a model that has its own.
    #[error("the model has its own weights; {weights} is not needed")]
    TwoWeights {
        /// The superfluous file.
        weights: String,
    },
    /// The weights file is none.
    #[error("not a Keras weights file: HDF5 without layer_names, model_weights or layers")]
    NotWeights,
    /// Keras 1 or a future one.
    #[error("Keras version {found:?} is not supported, supported are 2 and 3")]
    Version {
        /// The version in the file.
        found: String,
    },
    /// The model is a Python class.
    #[error("model class {class} is not supported, supported are Sequential and Functional")]
    ModelClass {
        /// Its class.
        class: String,
    },
    /// A configuration entry is missing or of the wrong kind.
    #[error("{key} should be {expected}, found {found}")]
    Config {
        /// The entry.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: Brief,
    },
    /// Nested models deeper than we are willing to follow.
    #[error("models are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Two layers of one model with the same name.
    #[error("two layers of the model have this name")]
    SameName,
    /// A call of a layer reads an unknown layer.
    #[error("input comes from {name:?}, which is no layer of the model")]
    NoLayer {
        /// The name that was given.
        name: String,
    },
    /// A call of a layer reads an output that does not exist.
    #[error("input comes from output {tensor} of call {node} of {name:?}, which does not exist")]
    NoTensor {
        /// The layer that was named.
        name: String,
        /// Index of its call.
        node: usize,
        /// Index of its output.
        tensor: usize,
    },
    /// The layers read each other in a circle.
    #[error("the layer depends on its own output")]
    Cycle,
    /// A layer without a call.
    #[error("the layer is never called")]
    NotCalled,
    /// An input layer that is no input of the model.
    #[error("the input layer is not among the inputs of its model")]
    LooseInput,
    /// An input layer that is an input of the model twice.
    #[error("the input layer is listed twice among the inputs of its model")]
    RepeatedInput,
    /// The model has no output.
    #[error("the model has no {what}")]
    Empty {
        /// `inputs`, `outputs` or `layers`.
        what: &'static str,
    },
    /// A nested model called with the wrong number of inputs.
    #[error("the nested model is called with {found} inputs, it has {expected}")]
    InputCount {
        /// Its inputs.
        expected: usize,
        /// What it is given.
        found: usize,
    },
    /// Shape of an input not given.
    #[error("the shape of the input is not in the file")]
    NoShape,
    /// Shape of an input not fixed.
    #[error("input shape {shape} has a dimension that is not a positive number")]
    DynamicShape {
        /// The shape in the file, batch axis included.
        shape: Brief,
    },
    /// A shape of the user's that the input cannot have.
    #[error(transparent)]
    GivenShape(#[from] ShapeError),
    /// Numbers other than float32.
    #[error("dtype {found} is not supported, only float32 is")]
    Dtype {
        /// The dtype or policy in the file.
        found: Brief,
    },
    /// A layer's weights are not in the file.
    #[error("weights missing: {roles}")]
    MissingWeights {
        /// Their roles, separated by commas.
        roles: String,
    },
    /// The weights that belong here carry another layer's name.
    #[error("the weights at {path} are those of layer {found:?}")]
    ForeignWeights {
        /// Path in the weights file.
        path: String,
        /// The name stored with them.
        found: String,
    },
}

impl KerasError {
    /// What the user can do about it, where there is something to do.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            KerasError::UnknownContainer => {
                "save the model with model.save(\"model.keras\") or model.save(\"model.h5\")"
            }
            KerasError::WeightsOnly => {
                "save the whole model with model.save(), or give the JSON of model.to_json() and \
                 this file as its weights"
            }
            KerasError::NoWeights => "give the file of model.save_weights() as the weights",
            KerasError::Sharded => "save the model without sharding: model.save(\"model.keras\")",
            KerasError::ModelClass { .. } => "rebuild the model with the functional API",
            KerasError::DynamicShape { .. } | KerasError::NoShape => {
                "give the shape of a sample: --input-shape 16,16,3, or InputShape of Model"
            }
            KerasError::GivenShape(error) => return error.help(),
            KerasError::Dtype { .. } => {
                "save the model with the float32 policy; its precision here is set in the \
                 configuration of the firmware"
            }
            _ => return None,
        })
    }
}

/// A JSON value cut to a length fit for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief(String);

impl Brief {
    /// The start of a JSON value; `nothing` if there is none.
    pub fn new(value: Option<&serde_json::Value>) -> Brief {
        const LONGEST: usize = 60;
        let Some(value) = value else { return Brief("nothing".to_owned()) };
        let text = value.to_string();
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => Brief(format!("{}...", &text[..end])),
            None => Brief(text),
        }
    }
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
