//! Keras models: `.keras` archives, whole-model `.h5`, and JSON with a weights file.
//!
//! The containers differ, the configuration inside is nearly the same: [`load`] takes the container
//! apart, `model` reads the configuration, `graph` makes nodes of it, and `weights` finds what is
//! stored for each. Everything happens in memory and within bounds; any input gives a model or
//! errors, never a panic.
//!
//! What importers of layers can rely on:
//! * `op` is the class without a package (`QDense`; `qkeras.QDense` where HGQ2 has the name too); functions on tensors are `ops.<name>` (Keras 3)
//!   or the name of the TensorFlow function, with arguments in attributes `call:args`, `call:<name>`.
//! * A final `activation` is a node `Activation` of its own, except after recurrent layers; so are
//!   HGQ2's quantizers of inputs and outputs (see `hgq`). Attributes without an effect on inference
//!   are marked as read.
//! * Weights have the same roles in every container (see `roles`).

mod archive;
mod attributes;
mod call;
mod error;
mod graph;
mod h5;
mod hgq;
mod inputs;
mod json;
mod model;
mod names;
mod roles;
mod table;
mod weights;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use self::error::{Brief, KerasError};
use self::graph::Graph;
use self::h5::H5;
use self::model::problem;
use self::weights::Weights;
use crate::error::{Located, Origin, Result};
use crate::source::{InputShapes, RawModel};

/// A model file taken apart.
struct Parts {
    version: i64,
    formats: [&'static str; 2],
    config: Value,
    weights: Option<Weights>,
}

/// Whether the bytes look like a Keras model: `.keras`, HDF5, or Keras JSON.
pub fn is_keras(bytes: &[u8]) -> bool {
    archive::is_keras(bytes) || h5::is_hdf5(bytes) || is_json(bytes)
}

/// Reads a Keras model; `weights` is the separate weights file (name and content) of a JSON model.
pub fn load(file: &str, bytes: &[u8], weights: Option<(&str, &[u8])>) -> Result<RawModel> {
    let weights = weights.map(|it| (it.0, it.1.to_vec()));
    load_owned(file, bytes.to_vec(), weights, &InputShapes::default())
}

/// [`load`] without a copy of the file, with shapes for the inputs instead of those in it.
pub(super) fn load_owned(
    file: &str,
    bytes: Vec<u8>,
    weights: Option<(&str, Vec<u8>)>,
    shapes: &InputShapes,
) -> Result<RawModel> {
    let Parts { version, formats, config, weights } = open(file, bytes, weights)?;
    let mut model = model::read(file, version, config)?;
    let mut graph = Graph::new(file, version, weights.as_ref(), shapes, &model);
    let outputs = graph.outermost(&mut model);
    let Graph { inputs, nodes, problems, .. } = graph;
    problems.into_result(RawModel {
        file: file.to_owned(),
        format: formats[usize::from(version >= 3)],
        inputs,
        outputs,
        nodes,
        constants: Default::default(),
        unused: weights.map(|it| it.unused()).unwrap_or_default(),
    })
}

/// Tells the containers apart.
fn open(file: &str, bytes: Vec<u8>, weights: Option<(&str, Vec<u8>)>) -> Result<Parts> {
    let at = |what| problem(file, "", what);
    let parts = if archive::is_zip(&bytes) {
        open_archive(bytes)
    } else if h5::is_hdf5(&bytes) {
        open_hdf5(bytes)
    } else if is_json(&bytes) {
        return open_json(file, &bytes, weights);
    } else {
        Err(KerasError::UnknownContainer)
    };
    match (parts, weights) {
        (Ok(_), Some((weights, _))) => {
            Err(at(KerasError::TwoWeights { weights: weights.to_owned() }).into())
        }
        (parts, _) => parts.map_err(|what| at(what).into()),
    }
}

fn open_archive(bytes: Vec<u8>) -> std::result::Result<Parts, KerasError> {
    let members = archive::unpack(&bytes)?;
    drop(bytes);
    // The file is listed before there is a tree of JSON: each takes as much as the archive.
    let h5 = H5::open(members.weights);
    let config = json::parse(&members.config)?;
    drop(members.config);
    let metadata = members.metadata.map(|it| json::parse(&it)).transpose()?;
    let given = metadata.as_ref().and_then(|it| it.get("keras_version")).and_then(Value::as_str);
    let version = version(given, &config)?;
    let weights = Weights::new(h5?, true)?;
    let formats = ["Keras 2 archive (.keras)", "Keras 3 archive (.keras)"];
    Ok(Parts { version, formats, config, weights: Some(weights) })
}

fn open_hdf5(bytes: Vec<u8>) -> std::result::Result<Parts, KerasError> {
    let h5 = H5::open(bytes)?;
    let text = h5.text("", "model_config").ok_or(KerasError::WeightsOnly)?;
    let config = json::parse(text.as_bytes())?;
    let version = version(h5.text("", "keras_version"), &config)?;
    let weights = Weights::new(h5, true)?;
    let formats = ["Keras 2 HDF5 (.h5)", "Keras 3 HDF5 (.h5)"];
    Ok(Parts { version, formats, config, weights: Some(weights) })
}

fn open_json(file: &str, bytes: &[u8], weights: Option<(&str, Vec<u8>)>) -> Result<Parts> {
    let at = Origin::new(file, "");
    let config = json::parse(bytes).locate(&at)?;
    let given = config.get("keras_version").and_then(Value::as_str);
    let version = version(given, &config).locate(&at)?;
    let Some((weights_file, bytes)) = weights else {
        return Err(problem(file, "", KerasError::NoWeights).into());
    };
    let open = || match h5::is_hdf5(&bytes) {
        true => Weights::new(H5::open(bytes)?, false),
        false => Err(KerasError::NotWeights),
    };
    let weights = open().map_err(|what| problem(weights_file, "", what))?;
    let formats = ["Keras 2 JSON and weights (.h5)", "Keras 3 JSON and weights (.weights.h5)"];
    Ok(Parts { version, formats, config, weights: Some(weights) })
}

/// A JSON object that says it is a Keras model.
fn is_json(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|it| !it.is_ascii_whitespace()).unwrap_or(bytes.len());
    let text = &bytes[start..];
    let has = |key: &[u8]| text.windows(key.len()).any(|it| it == key);
    text.starts_with(b"{") && has(b"\"class_name\"") && has(b"\"config\"")
}

/// The major version; Keras 3 does not say it in JSON, but names the module of every class.
fn version(given: Option<&str>, config: &Value) -> std::result::Result<i64, KerasError> {
    match given.map(|it| it.split('.').next().unwrap_or_default()) {
        Some("2") => Ok(2),
        Some("3") => Ok(3),
        Some(_) => Err(KerasError::Version { found: given.unwrap_or_default().to_owned() }),
        None if config.get("module").is_some() => Ok(3),
        None => Ok(2),
    }
}
