//! Attention, normalizations, embeddings and functions of elements as whole models: close to the
//! framework's floats without any configuration, equal bit for bit in both paths, and equal to
//! hls4ml's C simulation where hls4ml has the layer.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::path::Path;

use crate::cosim::{Project, tools};
use crate::golden::{Model, check_hls4ml, inputs};
use crate::support::{Npz, own, read_npy, run, shared, text};

/// The largest error of each output of a model, of the emulator without any configuration.
fn errors(model: &Path, samples: &Path) -> Vec<f64> {
    let scratch = tempfile::tempdir().unwrap();
    let theirs = Npz::open(samples);
    let outputs = theirs.names().filter(|it| it.starts_with('y')).count();
    let output = scratch.path().join(if outputs > 1 { "y.npz" } else { "y.npy" });
    let mut arguments = vec!["predict", text(model), "--engine", "emulator"];
    let inputs = inputs(samples, scratch.path());
    inputs.iter().for_each(|it| arguments.extend(["--input", text(it)]));
    run(0, &[&arguments[..], &["--output", text(&output)]].concat());
    let error = |at: usize| {
        let name = format!("y{at}");
        let found = match outputs {
            1 => read_npy(&output).1,
            _ => Npz::open(&output).floats(&name).1,
        };
        let wanted = theirs.floats(&name).1;
        assert_eq!(found.len(), wanted.len(), "{name} of {}", model.display());
        found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    (0..outputs).map(error).collect()
}

/// Every output must be within its limit.
fn check(name: &str, found: &[f64], limits: &[f64]) {
    assert_eq!(found.len(), limits.len(), "{name}");
    let wrong = found.iter().zip(limits).any(|(it, limit)| *it > *limit);
    assert!(!wrong, "{name}: {found:.4?} against {limits:?}");
}

fn model(name: &str) -> [std::path::PathBuf; 2] {
    ["keras", "npz"].map(|it| own(&format!("tests/models/{name}.{it}")))
}

#[test]
fn a_block_of_attention_is_close_and_equal_in_both_paths() {
    let [file, samples] = model("layers_block");
    let limits = [0.005, 0.06, 0.001, 0.03, 0.01, 0.003];
    check("layers_block", &errors(&file, &samples), &limits);
    if tools().is_some() {
        Project::build(&file, &[]).check(&["--samples", "30"]);
    }
}

#[test]
fn normalizations_are_close() {
    let [file, samples] = model("layers_norm");
    let found = errors(&file, &samples);
    let limits = [0.005, 0.005, 0.005, 0.06, 0.005, 0.003, 0.003, 0.005, 0.006, 0.003, 0.003];
    check("layers_norm", &found[..11], &limits);
}

#[test]
fn a_transformer_of_torch_is_close() {
    let (Some(file), Some(samples)) = (shared("samples/t_attn.pt2"), shared("samples/t_attn.npz"))
    else {
        return;
    };
    check("t_attn", &errors(&file, &samples), &[0.015]);
}

/// One layer each, with hls4ml's own types and with finer ones.
#[test]
fn single_layers_equal_hls4ml() {
    for (model, golden) in [
        ("norm", "norm"),
        ("norm", "norm_fine"),
        ("dot", "dot"),
        ("einsum_dense", "einsum_dense"),
        ("embedding", "embedding"),
    ] {
        let model = Model::new(own(&format!("tests/models/hls4ml_{model}.keras")));
        check_hls4ml(&model, &own(&format!("tests/golden/{golden}.npz")), &[]);
    }
}
