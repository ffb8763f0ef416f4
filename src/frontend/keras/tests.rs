//! Tests on real files: those in `tests/models`, and where present those in `../shared`.

mod errors;
mod files;
mod networks;

use std::path::{Path, PathBuf};

use super::load;
use crate::error::Result;
use crate::source::{RawModel, RawNode};

/// A file of `tests/models`.
fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name);
    std::fs::read(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

/// A file below `../shared`; `None` if that is not here.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    path.exists().then_some(path)
}

/// Loads a model of `tests/models`, for JSON with its weights.
fn model(name: &str) -> Result<RawModel> {
    let weights = match name {
        "k3_mlp.json" => "k3_mlp.weights.h5",
        "k2_mlp.json" => "k2_mlp_weights.h5",
        _ => return load(name, &bytes(name), None),
    };
    load(name, &bytes(name), Some((weights, &bytes(weights))))
}

fn node<'a>(model: &'a RawModel, name: &str) -> &'a RawNode {
    model.nodes.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no node {name}"))
}

/// `name = Op(inputs)` of every node.
fn outline(model: &RawModel) -> Vec<String> {
    let inputs = |it: &RawNode| {
        let names: Vec<_> = it.inputs.iter().flatten().map(String::as_str).collect();
        names.join(", ")
    };
    model.nodes.iter().map(|it| format!("{} = {}({})", it.name, it.op, inputs(it))).collect()
}

/// All that matters of a model but the file it came from.
fn assert_same(a: &RawModel, b: &RawModel) {
    assert_eq!(a.inputs, b.inputs);
    assert_eq!(a.outputs, b.outputs);
    assert_eq!(outline(a), outline(b));
    for (left, right) in a.nodes.iter().zip(&b.nodes) {
        let what = format!("{} and {}, {}", a.file, b.file, left.name);
        assert_eq!(left.dialect, right.dialect, "{what}");
        assert_eq!(left.version, right.version, "{what}");
        assert_eq!(left.outputs, right.outputs, "{what}");
        assert_eq!(left.attrs.unread(), right.attrs.unread(), "{what}");
        assert_eq!(left.weights, right.weights, "{what}");
    }
}
