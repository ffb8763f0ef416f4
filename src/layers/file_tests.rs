//! Whole files: what the float engine makes of them is what the framework gave.

#![allow(clippy::print_stderr, reason = "a test that skips must say so")]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use npyz::npz::NpzArchive;

use super::import;
use crate::source::Tensor;
use crate::{frontend, nn};

/// An array of an `.npz`, in float64; `None` if it is not there.
pub(super) fn array(
    archive: &mut NpzArchive<BufReader<File>>,
    name: &str,
) -> Option<(Vec<usize>, Vec<f64>)> {
    let npy = archive.by_name(name).unwrap()?;
    let shape = npy.shape().iter().map(|it| *it as usize).collect();
    let values = match npy.dtype().descr().trim_matches('\'') {
        "<f8" => npy.into_vec::<f64>().unwrap(),
        "<i8" => npy.into_vec::<i64>().unwrap().into_iter().map(|it| it as f64).collect(),
        "<i4" => npy.into_vec::<i32>().unwrap().into_iter().map(f64::from).collect(),
        _ => npy.into_vec::<f32>().unwrap().into_iter().map(f64::from).collect(),
    };
    Some((shape, values))
}

/// A batch as samples.
fn samples((shape, values): (Vec<usize>, Vec<f64>)) -> Vec<Tensor> {
    let count = values.len() / shape[0];
    let sample = |it: &[f64]| Tensor::from_shape_vec(&shape[1..], it.to_vec()).unwrap();
    values.chunks(count).map(sample).collect()
}

/// Compares the float engine with `y0`, `y1` ... on `x0`, `x1` ..., relative to the largest output.
pub(super) fn check(model: &Path, weights: Option<&Path>, golden: &Path) {
    let raw = frontend::load(model, weights).unwrap_or_else(|it| panic!("{it}"));
    let file = raw.file.clone();
    let mut graph = import(raw).unwrap_or_else(|it| panic!("{it}"));
    crate::passes::run(&mut graph, &crate::passes::Options::default());
    let mut archive = NpzArchive::open(golden).unwrap();
    let mut arrays = |prefix: &str| {
        let all = (0..).map_while(|it| array(&mut archive, &format!("{prefix}{it}")));
        all.map(samples).collect::<Vec<_>>()
    };
    let (x, y) = (arrays("x"), arrays("y"));
    assert_eq!((x.len(), y.len()), (graph.inputs.len(), graph.outputs.len()), "{file}");
    let mut faults = Vec::new();
    for sample in 0..x[0].len() {
        let inputs: Vec<Tensor> = x.iter().map(|it| it[sample].clone()).collect();
        let outputs = nn::evaluate(&graph, &inputs, |_, _| {});
        for (at, (ours, theirs)) in outputs.iter().zip(&y).enumerate() {
            let name = &graph.node(graph.outputs[at]).name;
            // Some golden outputs are stored flat.
            let theirs = &theirs[sample];
            let flat = theirs.ndim() == 1 && theirs.len() == ours.len();
            let ours = if flat { &ours.flatten().to_owned().into_dyn() } else { ours };
            if let Some(fault) = difference(ours, theirs) {
                faults.push(format!("{name}, output {at}, sample {sample}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{file}\n{}", faults.join("\n"));
}

fn difference(ours: &Tensor, theirs: &Tensor) -> Option<String> {
    if ours.shape() != theirs.shape() {
        return Some(format!("shape {:?}, expected {:?}", ours.shape(), theirs.shape()));
    }
    let scale = theirs.iter().fold(1e-3_f64, |max, it| max.max(it.abs()));
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let right = worst <= 1e-5 * scale && ours.iter().all(|it| it.is_finite());
    (!right).then(|| format!("{worst} of {scale}"))
}

/// A file below `../shared`, if that is here.
pub(super) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(name);
    if !path.exists() {
        eprintln!("SKIPPED: ../shared/{name} is not here");
        return None;
    }
    Some(path)
}

/// Checks files of a folder below `../shared` against one golden file in it.
fn check_shared(folder: &str, golden: &str, models: &[&str]) {
    let Some(golden) = shared(&format!("{folder}/{golden}")) else { return };
    for model in models {
        let (model, weights) =
            model.split_once(' ').map_or((*model, None), |it| (it.0, Some(it.1)));
        let path = |name: &str| golden.with_file_name(name);
        check(&path(model), weights.map(path).as_deref(), &golden);
    }
}

/// Checks a model of `tests/models` that `make_layers.py` has made.
fn check_own(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let [model, golden] = ["keras", "npz"].map(|it| path.join(format!("layers_{name}.{it}")));
    check(&model, None, &golden);
}

#[test]
fn convolutions_are_those_of_keras() {
    check_own("conv");
}

#[test]
fn pooling_is_that_of_keras() {
    check_own("pool");
}

#[test]
fn places_of_the_largest_are_those_of_keras_and_onnx() {
    check_own("ranks");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    check(&path.join("ranks.onnx"), None, &path.join("ranks.npz"));
    check(&path.join("graph.onnx"), None, &path.join("graph.npz"));
}

#[test]
fn interpolation_is_that_of_keras() {
    check_own("resize");
}

#[test]
fn wiring_and_merges_are_those_of_keras() {
    check_own("shape");
}

#[test]
fn recurrent_layers_are_those_of_keras() {
    check_own("rnn");
}

#[test]
fn attention_and_einsums_are_those_of_keras() {
    check_own("attention");
}

#[test]
fn normalizations_and_activations_are_those_of_keras() {
    check_own("norm");
}

#[test]
fn functions_are_those_of_keras() {
    check_own("functions");
}

#[test]
fn what_is_built_is_what_keras_computes() {
    check_own("wires");
}

/// Nested models called several times, shared layers, functions, layers of several objects.
#[test]
fn models_in_models_are_those_of_keras() {
    check_own("nested");
    // Keras 2 and 3 drew the same weights.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    for file in ["k3_ops.keras", "k3_ops.h5", "k2_ops.keras", "k2_ops.h5"] {
        check(&path.join(file), None, &path.join("k3_ops.npz"));
    }
    for file in ["k3_zoo.keras", "k3_zoo.h5", "k2_zoo.keras", "k2_zoo.h5"] {
        let raw = frontend::load(&path.join(file), None).unwrap();
        // Its variances are negative numbers, all else is fine.
        let problems = import(raw).unwrap_err().to_string();
        let only = problems.lines().count() == 1 && problems.contains(":bn: scale holds");
        assert!(only, "{problems}");
    }
}

#[test]
fn samples_of_keras() {
    check_shared(
        "samples",
        "k2_mlp.npz",
        &["k2_mlp.h5", "k2_mlp.keras", "k2_mlp.json k2_mlp_weights.h5"],
    );
    check_shared(
        "samples",
        "k3_mlp.npz",
        &["k3_mlp.h5", "k3_mlp.keras", "k3_mlp.json k3_mlp.weights.h5"],
    );
    check_shared("samples", "k2_cnn.npz", &["k2_cnn.h5", "k2_cnn.json k2_cnn_weights.h5"]);
    check_shared("samples", "k3_cnn.npz", &["k3_cnn.keras", "k3_cnn.h5"]);
    check_shared("samples", "k3_conv1d.npz", &["k3_conv1d.keras"]);
}

#[test]
fn recurrent_samples_of_keras() {
    check_shared("samples", "k3_rnn.npz", &["k3_rnn.keras", "k3_rnn.h5"]);
}

#[test]
fn published_models_of_keras() {
    check_shared("models/p01_mnist_cnn_keras3", "golden_0.npz", &["tiny_mnist_model.h5"]);
    check_shared("models/p01_mnist_cnn_keras3", "golden_1.npz", &["keras_model.keras"]);
    check_shared(
        "models/p02_jsc_mlp_keras2",
        "golden_0.npz",
        &["KERAS_check_best_model.h5", "keras_model.keras"],
    );
    check_shared("models/p03_resnet8_cifar_h5_onnx", "golden_0.npz", &["pretrainedResnet.h5"]);
    check_shared("models/p04_kws_dscnn_h5", "golden_0.npz", &["kws_model.h5"]);
}

#[test]
fn samples_of_onnx() {
    check_shared("samples", "b_mlp.npz", &["b_mlp_qonnx.onnx", "b_mlp_qcdq.onnx"]);
    check_shared("samples", "b_cnn.npz", &["b_cnn_qonnx.onnx"]);
    check_shared("samples", "k2onnx_cnn.npz", &["k2onnx_cnn.onnx"]);
    check_shared("samples", "t_cnn.npz", &["t_cnn_dynamo.onnx", "t_cnn_legacy.onnx"]);
    check_shared("samples", "t_mlp.npz", &["t_mlp_dynamo.onnx", "t_mlp_legacy.onnx"]);
}

#[test]
fn published_models_of_onnx() {
    check_shared("models/p11_mnist_onnx_cntk", "golden_0.npz", &["model.onnx"]);
    check_shared("models/p13_mnist_qonnx_tfc_w1a2", "golden_0.npz", &["TFC_1W2A.onnx"]);
    // p03, p12 and p14 are in quantized_tests.rs.
}
