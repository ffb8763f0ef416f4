//! The engines of `predict` that run on this machine alone give the same file, byte by byte.

use std::path::Path;

use crate::support::{npy, own, run, shared, stderr, text, values};

/// Few samples, so that the emulator runs tensors; their number fits no block.
const SAMPLES: usize = 333;

/// Predicts by tensors and by the scalar program.
fn check(model: &[&str], inputs: usize) {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    let x = path("x.npy");
    npy(&x, &[SAMPLES, inputs], &values(11, SAMPLES * inputs));
    let predict = |engine: &str| {
        let y = path(engine).with_extension("npy");
        let arguments = ["--input", text(&x), "--engine", engine, "--output", text(&y)];
        run(0, &[&["predict"], model, &arguments].concat());
        std::fs::read(&y).unwrap()
    };
    let (tensors, scalars) = (predict("emulator"), predict("datapath"));
    assert!(tensors == scalars, "{model:?}: the scalar program predicts something else");
}

#[test]
fn digits() {
    let folder = own("examples/digits");
    let file = |name: &str| folder.join(name);
    let (model, config) = (file("digits.keras"), file("config.yml"));
    check(&[text(&model), "-c", text(&config)], 64);
}

#[test]
fn small_network() {
    check(&[text(&own("tests/models/k3_mlp.keras"))], 16);
}

#[test]
fn shared_models() {
    for model in [
        "models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5",
        "models/p07_jsc_hgq2_einsum/model.keras",
    ] {
        let Some(model) = shared(model) else { return };
        check(&[text(&model)], 16);
    }
}

/// A trace has every layer's tensor, which the scalar program does not know.
#[test]
fn scalar_programs_have_no_trace() {
    let model = own("tests/models/k3_mlp.keras");
    let scratch = tempfile::tempdir().unwrap();
    let x = scratch.path().join("x.npy");
    npy(&x, &[1, 16], &values(1, 16));
    let trace = scratch.path().join("trace");
    let arguments =
        ["predict", text(&model), "--input", text(&x), "--engine", "datapath", "--trace"];
    let output = run(2, &[&arguments[..], &[text(&trace)]].concat());
    assert!(stderr(&output).contains("--trace is supported by"), "{}", stderr(&output));
    assert!(!Path::new(&trace).exists());
}
