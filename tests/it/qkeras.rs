//! Models quantized in training with QKeras: every engine gives the framework's own numbers.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use crate::cosim::{Project, tools};
use crate::support::{Npz, own, read_npy, run, shared, text};

/// The small models of this repository, each with the framework's outputs.
fn samples() -> [(PathBuf, PathBuf); 2] {
    let file = |it: &str| own("tests/models").join(it);
    [(file("qk2_mlp.h5"), file("qk2_mlp.npz")), (file("qk3_mlp.keras"), file("qk3_mlp.npz"))]
}

/// An autoencoder that others have trained and published.
fn autoencoder() -> Option<(PathBuf, PathBuf)> {
    let folder = shared("models/p05_ad03_qkeras_ae")?;
    Some((folder.join("model_ToyCar.h5"), folder.join("golden_0.npz")))
}

fn predicted(model: &Path, input: &Path, options: &[&str]) -> Vec<f64> {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("y.npy");
    let arguments = ["predict", text(model), "--input", text(input), "--output", text(&output)];
    run(0, &[&arguments[..], options].concat());
    read_npy(&output).1
}

/// Largest difference to the framework's outputs, and the largest of these.
fn difference(model: &Path, golden: &Path, engine: &str) -> (f64, f64) {
    let found = predicted(model, golden, &["--engine", engine]);
    let wanted = Npz::open(golden).floats("y0").1;
    assert_eq!(found.len(), wanted.len());
    let apart = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    (apart, wanted.iter().map(|it| it.abs()).fold(0.0, f64::max))
}

#[test]
fn engines_equal_the_framework() {
    for (model, golden) in samples().into_iter().chain(autoencoder()) {
        let (apart, size) = difference(&model, &golden, "float");
        assert!(apart <= 1e-5 * size, "{}: {apart} of {size}", model.display());
        let (apart, size) = difference(&model, &golden, "emulator");
        eprintln!("{}: emulator {apart} of {size}", model.display());
    }
}

#[test]
fn projects_simulate() {
    let Some(_) = tools() else { return };
    for (model, golden) in samples().into_iter().chain(autoencoder()) {
        let project = Project::build(&model, &[]);
        project.check(&["--input", text(&golden), "--samples", "32"]);
    }
}
