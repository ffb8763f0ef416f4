//! The engines of `predict` give the same files, byte by byte: outputs and the values of all layers.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cosim::{K3, Project, tools};
use crate::support::{files, npy, own, run, shared, stderr, text, values};

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

#[test]
fn all_engines_predict_the_same_bytes() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own(K3), &[]);
    let input = shared("samples/k3_mlp.npz");
    // Without the shared folder: samples on a grid.
    let input = input.unwrap_or_else(|| {
        let path = project.scratch.path().join("x.csv");
        let line = |row: i32| {
            let value = |column: i32| f64::from((row * 16 + column) * 37 % 101 - 50) / 16.0;
            (0..16).map(|it| value(it).to_string()).collect::<Vec<_>>().join(",")
        };
        std::fs::write(&path, (0..20).map(line).collect::<Vec<_>>().join("\n")).unwrap();
        path
    });
    let predict = |engine: &str, trace: bool| {
        let output = project.scratch.path().join(format!("{engine}.npy"));
        let folder = project.scratch.path().join(format!("{engine}-trace"));
        let mut options = vec!["predict", text(&project.dir), "--engine", engine];
        options.extend(["--input", text(&input), "--output", text(&output)]);
        if trace {
            options.extend(["--trace", text(&folder)]);
        }
        run(0, &options);
        let traced = if trace { files(&folder) } else { BTreeMap::new() };
        (std::fs::read(&output).unwrap(), traced)
    };
    let (emulator, hls, rtl) =
        (predict("emulator", true), predict("hls", true), predict("rtl", true));
    assert!(emulator.0 == rtl.0, "RTL and emulator differ");
    assert!(emulator.0 == hls.0, "HLS and emulator differ");
    assert!(!hls.1.is_empty());
    for (layer, bytes) in &hls.1 {
        assert!(emulator.1.get(layer) == Some(bytes), "{} differs", layer.display());
    }
    assert!(emulator.1 == rtl.1, "layers differ in the RTL");
}

/// Every node of a convolutional network.
#[test]
fn the_rtl_shows_every_layer() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own("tests/models/qk2_cnn.h5"), &[]);
    let input = own("tests/models/qk2_cnn.npz");
    let traced = |engine: &str| {
        let folder = project.scratch.path().join(engine);
        let options = ["--engine", engine, "--input", text(&input), "--trace", text(&folder)];
        run(0, &[&["predict", text(&project.dir)], &options[..]].concat());
        files(&folder)
    };
    let (emulator, rtl) = (traced("emulator"), traced("rtl"));
    assert!(emulator.len() > 8 && emulator == rtl);
}
