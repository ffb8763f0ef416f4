//! Models quantized in training with QKeras or QONNX: every engine gives the framework's own numbers.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cosim::{Project, tools};
use crate::support::{Array, Npz, files, json, npy, own, read_npy, run, shared, text, values};

/// A model with the framework's outputs, and the names of the inputs' layer and of a softmax that
/// is rounded.
struct Case {
    model: PathBuf,
    golden: PathBuf,
    input: &'static str,
    softmax: Option<&'static str>,
}

/// The small networks of this repository.
fn samples() -> [Case; 2] {
    let file = |it: &str| own("tests/models").join(it);
    let case = |model: &str, golden: &str, input| Case {
        model: file(model),
        golden: file(golden),
        input,
        softmax: Some("softmax"),
    };
    [
        case("qk2_mlp.h5", "qk2_mlp.npz", "input_1"),
        case("qk3_mlp.keras", "qk3_mlp.npz", "input_layer"),
    ]
}

/// An autoencoder that others have trained and published.
fn autoencoder() -> Option<Case> {
    let folder = shared("models/p05_ad03_qkeras_ae")?;
    let (model, golden) = (folder.join("model_ToyCar.h5"), folder.join("golden_0.npz"));
    Some(Case { model, golden, input: "input_1", softmax: None })
}

/// A small convolutional network.
fn images() -> Option<Case> {
    let folder = shared("samples")?;
    let (model, golden) = (folder.join("qk2_cnn.h5"), folder.join("qk2_cnn.npz"));
    Some(Case { model, golden, input: "input_2", softmax: None })
}

/// One-bit weights and two-bit activations, from Brevitas.
fn digits() -> Option<Case> {
    let folder = shared("models/p13_mnist_qonnx_tfc_w1a2")?;
    let (model, golden) = (folder.join("TFC_1W2A.onnx"), folder.join("golden_0.npz"));
    Some(Case { model, golden, input: "0", softmax: None })
}

/// The output under an empty name, and the trace of every layer.
fn traced(model: &Path, input: &Path, options: &[&str]) -> BTreeMap<String, Array> {
    let scratch = tempfile::tempdir().unwrap();
    let (output, trace) = (scratch.path().join("y.npy"), scratch.path().join("trace"));
    let arguments = ["predict", text(model), "--input", text(input), "--output", text(&output)];
    run(0, &[&arguments[..], &["--trace", text(&trace)], options].concat());
    let stem = |it: &Path| it.file_stem().unwrap().to_str().unwrap().to_owned();
    let layers = files(&trace).into_keys().map(|it| (stem(&it), read_npy(&trace.join(&it))));
    layers.chain([(String::new(), read_npy(&output))]).collect()
}

/// A configuration file that gives the input a type.
fn typed(folder: &Path, input: &str, format: &str) -> PathBuf {
    let path = folder.join("config.yml");
    std::fs::write(&path, format!("LayerName: {{'{input}': {{Precision: '{format}'}}}}")).unwrap();
    path
}

/// Samples within four of zero that are multiples of a unit.
fn on_grid(path: &Path, shape: &[usize], unit: f64) {
    let values = values(7, shape.iter().product());
    let values: Vec<f64> = values.iter().map(|it| (it * 4.0 / unit).round() * unit).collect();
    npy(path, shape, &values);
}

fn best(row: &[f64]) -> usize {
    (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
}

/// Every layer of both engines is equal, but for a softmax: there the largest element is, or one of
/// the largest where a table's entries are too coarse to tell.
fn same(case: &Case, emulator: &BTreeMap<String, Array>, float: &BTreeMap<String, Array>) {
    let at = case.model.display();
    // A layer may be several units, and one that is only wires may be none.
    let both = emulator.iter().filter(|it| float.contains_key(it.0));
    assert!(both.clone().count() * 4 > float.len() * 3, "{at}");
    for (layer, (shape, ours)) in both {
        let theirs = &float[layer].1;
        if case.softmax.is_some_and(|it| layer.is_empty() || layer == it) {
            let rows = ours.chunks(shape[1]).zip(theirs.chunks(shape[1]));
            rows.for_each(|(a, b)| assert_eq!(a[best(b)], a[best(a)], "{at}: {a:?} or {b:?}"));
            continue;
        }
        let apart = ours.iter().zip(theirs).filter(|(a, b)| a != b).count();
        assert_eq!((apart, ours.len()), (0, theirs.len()), "{at}: {layer}");
    }
}

/// Where inputs are on the grid, hardware and model are the same function: not one value differs.
#[test]
fn every_layer_is_exact() {
    let scratch = tempfile::tempdir().unwrap();
    let input = scratch.path().join("x.npy");
    for case in samples().into_iter().chain(autoencoder()).chain(images()) {
        let mut shape = Npz::open(&case.golden).floats("x0").0;
        shape[0] = 500;
        // Longer inputs of the autoencoder would have sums that float32 rounds.
        let is_long = case.model.ends_with("model_ToyCar.h5");
        let (format, unit) = if is_long { ("fixed<8,4>", 16.0) } else { ("fixed<16,6>", 1024.0) };
        on_grid(&input, &shape, 1.0 / unit);
        let config = typed(scratch.path(), case.input, format);
        let [emulator, float] = ["emulator", "float"]
            .map(|it| traced(&case.model, &input, &["--engine", it, "--config", text(&config)]));
        same(&case, &emulator, &float);
    }
}

/// With inputs fine enough, the framework's own samples give the framework's own outputs.
#[test]
fn outputs_equal_the_framework() {
    let scratch = tempfile::tempdir().unwrap();
    for case in samples().into_iter().chain(autoencoder()).chain(images()) {
        let config = typed(scratch.path(), case.input, "fixed<36,6>");
        let npz = Npz::open(&case.golden);
        for options in [&["--engine", "float"][..], &["--config", text(&config)]] {
            let found = traced(&case.model, &case.golden, options);
            let (at, (_, theirs)) = (case.model.display(), npz.floats("y0"));
            let limit = if case.softmax.is_some() { 2e-3 } else { 0.0 };
            for (ours, theirs) in found[""].1.iter().zip(&theirs) {
                assert!((ours - theirs).abs() <= limit, "{at}: {ours} for {theirs}, {options:?}");
            }
            // What the quantizers inside left, as the framework had it.
            for (layer, (_, ours)) in &found {
                let names = [layer.clone(), layer.replace("_quantized_relu", "")];
                let framework = names
                    .iter()
                    .map(|it| format!("act:{it}"))
                    .find(|it| npz.names().any(|n| n == it));
                let is_quantizer = ["relu1", "fc2_quantized_relu", "tanh3", "sig", "qb", "rpo2"]
                    .contains(&&**layer)
                    || layer.starts_with("q_activation");
                if let (Some(name), true) = (framework, is_quantizer) {
                    assert_eq!(*ours, npz.floats(&name).1, "{at}: {layer}, {options:?}");
                }
            }
        }
    }
}

/// What is said of each model.
#[test]
fn what_is_proved_is_said() {
    let said = |case: &Case, options: &[&str]| {
        let inspected = json(0, &[&["inspect", text(&case.model)], options].concat());
        inspected["proof"].as_str().unwrap().to_owned()
    };
    let scratch = tempfile::tempdir().unwrap();
    for case in samples() {
        let told = said(&case, &[]);
        assert!(told.contains("do not give, in softmax; everything in front is exactly"), "{told}");
        assert!(told.contains("float32 could round otherwise in"), "{told}");
        assert!(told.contains(&format!("{} (fixed<16,6>)", case.input)), "{told}");
    }
    if let Some(case) = autoencoder() {
        let told = said(&case, &[]);
        assert!(told.starts_with("outputs are exactly what the model's quantizers mean"), "{told}");
        let config = typed(scratch.path(), case.input, "fixed<8,4>");
        let told = said(&case, &["--config", text(&config)]);
        assert!(told.starts_with("outputs are proved equal to the framework's"), "{told}");
        assert!(
            told.contains("arithmetic of q_activation, q_activation_1, q_activation_2"),
            "{told}"
        );
    }
}

/// Two-bit activations behind float normalizations: the framework's scores, and its answers.
#[test]
fn digits_are_told_apart_as_by_the_framework() {
    let (Some(case), Some(data)) = (digits(), shared("models/_data")) else { return };
    let scratch = tempfile::tempdir().unwrap();
    let config = typed(scratch.path(), case.input, "ufixed<20,1>");
    let options = ["--config", text(&config)];
    let found = traced(&case.model, &case.golden, &options);
    let theirs = Npz::open(&case.golden).floats("y0");
    let rows = found[""].1.chunks(10).zip(theirs.1.chunks(10));
    rows.for_each(|(a, b)| assert_eq!(best(a), best(b)));
    // The last two constants are applied outside of the hardware, in floats as the framework does.
    let largest = theirs.1.iter().fold(0f64, |max, it| max.max(it.abs()));
    for (ours, theirs) in found[""].1.iter().zip(&theirs.1) {
        assert!((ours - theirs).abs() <= 1e-6 * largest, "{ours}, expected {theirs}");
    }
    let float = traced(&case.model, &case.golden, &["--engine", "float"]);
    for layer in ["quant_13", "quant_23", "quant_33", "quant_43", "matmul_48"] {
        assert_eq!(found[layer], float[layer], "{layer}");
    }
    // Bytes behind a header of 128.
    let bytes = |name: &str| std::fs::read(data.join(name)).unwrap().split_off(128);
    let (images, labels) = (bytes("mnist_x.npy"), bytes("mnist_y.npy"));
    let images: Vec<f64> = images.iter().map(|it| f64::from(*it) / 255.0).collect();
    let input = scratch.path().join("x.npy");
    npy(&input, &[labels.len(), 1, 28, 28], &images);
    let right = |options: &[&str]| {
        let scores = traced(&case.model, &input, options).remove("").unwrap().1;
        let rows = scores.chunks(10).zip(&labels);
        rows.filter(|(row, label)| best(row) == usize::from(**label)).count()
    };
    let [emulator, float] = [&options[..], &["--engine", "float"]].map(right);
    assert_eq!((emulator, float), (938, 938), "of {}", labels.len());
}

#[test]
fn projects_simulate() {
    let Some(_) = tools() else { return };
    for case in samples().into_iter().chain(autoencoder()).chain(digits()) {
        let project = Project::build(&case.model, &[]);
        project.check(&["--input", text(&case.golden), "--samples", "32"]);
    }
}
