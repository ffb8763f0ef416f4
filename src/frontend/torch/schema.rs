//! `models/model.json` and the tables of weights: what of them is read, as serde structs.
//!
//! The schema is PyTorch's `ExportedProgram`, major version 8. Unknown keys of objects are later
//! additions that older readers may skip, by the rules of that schema; an unknown kind of argument,
//! input or output is an error, because nothing can be known of what it does. For that reason unions
//! (objects of one key) stay JSON here and are read in their place by [`super::program`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// An object of one key, which says of what kind its value is.
pub(super) type Union = Map<String, Value>;

/// The root of `model.json`.
#[derive(Deserialize)]
pub(super) struct Program {
    pub(super) graph_module: GraphModule,
}

/// The first thing to look at: whether the rest can be read.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) schema_version: Version,
    #[serde(default)]
    pub(super) torch_version: String,
}

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) major: i64,
    pub(super) minor: i64,
}

#[derive(Deserialize)]
pub(super) struct GraphModule {
    pub(super) graph: Graph,
    pub(super) signature: Signature,
}

#[derive(Deserialize)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) tensor_values: BTreeMap<String, TensorMeta>,
    #[serde(default)]
    pub(super) sym_int_values: BTreeMap<String, SymInt>,
}

#[derive(Deserialize)]
pub(super) struct Signature {
    pub(super) input_specs: Vec<Union>,
    pub(super) output_specs: Vec<Union>,
}

#[derive(Deserialize)]
pub(super) struct Node {
    pub(super) target: String,
    pub(super) inputs: Vec<NamedArgument>,
    pub(super) outputs: Vec<Union>,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// What is kept of a node's origin in the source.
#[derive(Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) nn_module_stack: String,
}

#[derive(Deserialize)]
pub(super) struct NamedArgument {
    pub(super) name: String,
    pub(super) arg: Union,
}

/// Element type and place in memory of a tensor.
#[derive(Clone, Deserialize)]
pub(super) struct TensorMeta {
    pub(super) dtype: i64,
    pub(super) sizes: Vec<SymInt>,
    pub(super) strides: Vec<SymInt>,
    pub(super) storage_offset: SymInt,
    pub(super) layout: i64,
}

/// A number, or an expression of symbols.
#[derive(Clone, Deserialize)]
pub(super) enum SymInt {
    #[serde(rename = "as_int")]
    Int(i64),
    #[serde(rename = "as_expr")]
    Expr(SymExpr),
}

#[derive(Clone, Deserialize)]
pub(super) struct SymExpr {
    pub(super) expr_str: String,
}

/// `{"name": ...}`, with which tensors are referred to.
#[derive(Deserialize)]
pub(super) struct Name {
    pub(super) name: String,
}

/// Parameters and buffers of the signature.
#[derive(Deserialize)]
pub(super) struct Stored {
    pub(super) arg: Name,
    #[serde(alias = "parameter_name", alias = "buffer_name", alias = "tensor_constant_name")]
    pub(super) stored_name: String,
}

/// Inputs and outputs of the user.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) arg: Union,
}

/// `model_weights_config.json` and `model_constants_config.json`.
#[derive(Default, Deserialize)]
pub(super) struct Payloads {
    pub(super) config: BTreeMap<String, Payload>,
}

/// One stored tensor.
#[derive(Deserialize)]
pub(super) struct Payload {
    pub(super) path_name: String,
    #[serde(default)]
    pub(super) use_pickle: bool,
    #[serde(default)]
    pub(super) tensor_meta: Option<TensorMeta>,
}
