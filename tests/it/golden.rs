//! Real models against what others computed from them: hls4ml's C simulation, bit by bit, and the
//! frameworks' floats. No external tool is needed here.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Npz, files, json, npy, own, read_npy, run, shared, stderr, text};

const P02: &str = "models/p02_jsc_mlp_keras2";

/// A model file, and the weights beside a JSON model.
pub(crate) struct Model {
    pub(crate) file: PathBuf,
    weights: Option<PathBuf>,
}

impl Model {
    pub(crate) fn new(file: PathBuf) -> Model {
        Model { file, weights: None }
    }

    /// The model and the arguments that go with it.
    fn arguments(&self) -> Vec<&str> {
        let mut arguments = vec![text(&self.file)];
        if let Some(weights) = &self.weights {
            arguments.extend(["--weights", text(weights)]);
        }
        arguments
    }
}

/// The first difference between what we computed and what hls4ml did, in words.
///
/// hls4ml hands values over as f32, so ours are rounded likewise; its outputs fit anyhow.
fn difference(ours: &[f64], theirs: &[f64]) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} values, hls4ml has {}", ours.len(), theirs.len()));
    }
    let count = ours.iter().zip(theirs).filter(|(a, b)| (**a as f32) != (**b as f32)).count();
    let at = ours.iter().zip(theirs).position(|(a, b)| (*a as f32) != (*b as f32))?;
    Some(format!("{count} differ, the first at {at}: {} instead of {}", ours[at], theirs[at]))
}

/// The inputs of a file of samples, in the model's order, each in a file of its own.
pub(crate) fn inputs(samples: &Path, folder: &Path) -> Vec<PathBuf> {
    let npz = Npz::open(samples);
    let count = (0..).take_while(|it| npz.names().any(|name| name == format!("x{it}"))).count();
    let write = |at: usize| {
        let (shape, values) = npz.floats(&format!("x{at}"));
        let path = folder.join(format!("x{at}.npy"));
        npy(&path, &shape, &values);
        path
    };
    (0..count).map(write).collect()
}

/// What a golden file says of itself.
pub(crate) fn meta(golden: &Npz) -> Value {
    serde_json::from_str(&golden.text("meta")).unwrap()
}

/// Writes the configuration of a golden file, with hls4ml's arithmetic.
pub(crate) fn configuration(meta: &Value, folder: &Path) -> PathBuf {
    let mut config = meta["config"].clone();
    config["Compat"] = "hls4ml".into();
    let file = folder.join("config.yml");
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

/// Runs a model under the configuration of a golden file; all outputs and traces must be equal.
///
/// `without` names the layers that our graph does not have after its passes.
pub(crate) fn check_hls4ml(model: &Model, golden: &Path, without: &[&str]) {
    let at = format!("{} under {}", model.file.display(), golden.display());
    let npz = Npz::open(golden);
    let scratch = tempfile::tempdir().unwrap();
    let config_file = configuration(&meta(&npz), scratch.path());
    // Files without outputs have traces of all layers.
    let output = if npz.has("hls0") { "y.npy" } else { "y.npz" };
    let (output, trace) = (scratch.path().join(output), scratch.path().join("t"));
    let mut arguments = vec!["predict"];
    arguments.extend(model.arguments());
    arguments.extend(["--config", text(&config_file)]);
    let inputs = inputs(golden, scratch.path());
    inputs.iter().for_each(|it| arguments.extend(["--input", text(it)]));
    arguments.extend(["--output", text(&output), "--trace", text(&trace)]);
    run(0, &arguments);
    let mut wrong = Vec::new();
    if npz.has("hls0") {
        // hls4ml gives some outputs flat.
        let (ours, theirs) = (read_npy(&output).1, npz.floats("hls0").1);
        wrong.extend(difference(&ours, &theirs).map(|it| format!("output: {it}")));
    }
    let mut missing = Vec::new();
    for layer in npz.names().filter_map(|it| it.strip_prefix("trace/")) {
        let file = trace.join(format!("{layer}.npy"));
        if !file.exists() {
            missing.push(layer);
            continue;
        }
        let (ours, theirs) = (read_npy(&file).1, npz.floats(&format!("trace/{layer}")).1);
        wrong.extend(difference(&ours, &theirs).map(|it| format!("{layer}: {it}")));
    }
    assert!(wrong.is_empty(), "{at}:\n{}", wrong.join("\n"));
    assert_eq!(missing, without, "{at}: layers without a trace of ours");
}

/// As [`check_hls4ml`], and no layer of both may have another type than hls4ml resolved.
///
/// Not for quantized models: their weights keep the grid they were trained on. Tables are compared by
/// what comes out of them.
pub(crate) fn check_types(model: &Model, golden: &Path) {
    check_hls4ml(model, golden, &[]);
    let meta = meta(&Npz::open(golden));
    let scratch = tempfile::tempdir().unwrap();
    let config = configuration(&meta, scratch.path());
    let mut arguments = vec!["--json", "config"];
    arguments.extend(model.arguments());
    arguments.extend(["--config", text(&config)]);
    let printed: Value = serde_json::from_slice(&run(0, &arguments).stdout).unwrap();
    let ours = &printed["config"];
    let mut wrong = Vec::new();
    for layer in meta["layers"].as_array().into_iter().flatten() {
        let name = layer["name"].as_str().unwrap();
        for kind in ["weight", "bias", "accum", "result"] {
            let theirs = layer["types"][format!("{kind}_t")].as_str();
            let ours = ours["LayerName"][name]["Precision"][kind].as_str();
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && ours != theirs.replace(",TRN,WRAP,0>", ">").replace(",0>", ">")
            {
                wrong.push(format!("{name}: {kind} is {ours}, hls4ml has {theirs}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", golden.display(), wrong.join("\n"));
}

fn k3_mlp() -> Vec<Model> {
    let file = |it: &str| own("tests/models").join(it);
    vec![
        Model::new(file("k3_mlp.keras")),
        Model::new(file("k3_mlp.h5")),
        Model { file: file("k3_mlp.json"), weights: Some(file("k3_mlp.weights.h5")) },
    ]
}

#[test]
fn jsc_mlp_equals_hls4ml() {
    let Some(folder) = shared(P02) else { return };
    for golden in ["parallel_model", "parallel_name", "stream_name"] {
        let golden = folder.join(format!("hls4ml_vitis_{golden}.npz"));
        for file in ["KERAS_check_best_model.h5", "keras_model.keras"] {
            check_types(&Model::new(folder.join(file)), &golden);
        }
    }
}

/// Convolutions and pooling under hls4ml's streams, which compute what its tensors do.
#[test]
fn convolutions_equal_hls4ml() {
    for (case, files) in [
        ("p01_mnist_cnn_keras3", &["tiny_mnist_model.h5", "keras_model.keras"][..]),
        ("p04_kws_dscnn_h5", &["kws_model.h5"]),
    ] {
        let Some(folder) = shared(&format!("models/{case}")) else { return };
        let golden = folder.join("hls4ml_vitis_stream_name.npz");
        for file in files {
            check_types(&Model::new(folder.join(file)), &golden);
        }
    }
}

/// A model of QKeras: hls4ml rounds its normalizations.
#[test]
fn autoencoder_equals_hls4ml() {
    let Some(folder) = shared("models/p05_ad03_qkeras_ae") else { return };
    let golden = folder.join("hls4ml_vitis_parallel_name.npz");
    check_hls4ml(&Model::new(folder.join("model_ToyCar.h5")), &golden, &[]);
}

#[test]
fn small_mlp_equals_hls4ml() {
    let Some(golden) = shared("samples/k3_mlp.hls4ml_parallel.npz") else { return };
    for model in k3_mlp() {
        check_types(&model, &golden);
    }
}

/// The float engine must give what the framework gave, within float32's own error.
fn check_float(model: &Model, golden: &Path) {
    let at = model.file.display();
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("y.npy");
    let mut arguments = vec!["predict"];
    arguments.extend(model.arguments());
    arguments.extend(["--engine", "float", "--input", text(golden), "--output", text(&output)]);
    run(0, &arguments);
    let (shape, ours) = read_npy(&output);
    let (golden_shape, theirs) = Npz::open(golden).floats("y0");
    assert_eq!(shape, golden_shape, "{at}");
    for (idx, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!((a - b).abs() <= 1e-5 * b.abs(), "{at}: value {idx} is {a} instead of {b}");
    }
}

#[test]
fn floats_equal_the_frameworks() {
    let Some(samples) = shared("samples") else { return };
    let folders = [own("tests/models"), samples.clone()];
    for folder in &folders {
        let file = |it: &str| folder.join(it);
        let model = |it: &str| Model::new(file(it));
        let json = |it: &str, weights: &str| Model { file: file(it), weights: Some(file(weights)) };
        let golden = |it: &str| samples.join(it);
        for ending in ["keras", "h5"] {
            check_float(&model(&format!("k3_mlp.{ending}")), &golden("k3_mlp.npz"));
            check_float(&model(&format!("k2_mlp.{ending}")), &golden("k2_mlp.npz"));
        }
        check_float(&json("k3_mlp.json", "k3_mlp.weights.h5"), &golden("k3_mlp.npz"));
        check_float(&json("k2_mlp.json", "k2_mlp_weights.h5"), &golden("k2_mlp.npz"));
        check_float(&model("t_mlp.pt2"), &golden("t_mlp.npz"));
        for exporter in ["legacy", "dynamo"] {
            check_float(&model(&format!("t_mlp_{exporter}.onnx")), &golden("t_mlp.npz"));
        }
    }
}

#[test]
fn floats_of_the_jsc_mlp_equal_keras() {
    let Some(folder) = shared(P02) else { return };
    for file in ["KERAS_check_best_model.h5", "keras_model.keras"] {
        check_float(&Model::new(folder.join(file)), &folder.join("golden_0.npz"));
    }
}

#[test]
fn default_formats_keep_the_accuracy_of_the_jsc_mlp() {
    let Some(folder) = shared(P02) else { return };
    let data = shared("models/_data").expect("it lies beside the model");
    let (x, y) = (data.join("jsc_x.npy"), data.join("jsc_y_gqtwz.npy"));
    let model = folder.join("keras_model.keras");
    let accuracy = |engine: &str| {
        let arguments = ["predict", text(&model), "--engine", engine, "--input", text(&x)];
        let json = json(0, &[&arguments[..], &["--labels", text(&y)]].concat());
        json["accuracy"].as_f64().unwrap()
    };
    let (fixed, float) = (accuracy("emulator"), accuracy("float"));
    eprintln!("accuracy: {:.2} % fixed, {:.2} % float", 100.0 * fixed, 100.0 * float);
    assert!(float > 0.7, "the float model itself is at {float}");
    assert!((fixed - float).abs() <= 0.005 + 1e-12, "{fixed} is too far from {float}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for model in ["tests/models/k3_mlp.keras", "tests/models/t_mlp_legacy.onnx"] {
        let (model, scratch) = (own(model), tempfile::tempdir().unwrap());
        let (first, second) = (scratch.path().join("a"), scratch.path().join("elsewhere/b"));
        for dir in [&first, &second] {
            std::fs::create_dir_all(dir.parent().unwrap()).unwrap();
            run(0, &["build", text(&model), "-o", text(dir)]);
        }
        let (first, second) = (files(&first), files(&second));
        assert!(first.len() > 20, "only {} files", first.len());
        assert!(first.keys().eq(second.keys()), "the files differ");
        for (path, bytes) in &first {
            assert!(*bytes == second[path], "{} differs", path.display());
        }
    }
}

/// Every model file of a folder, weights and data left out.
fn models(folder: &Path) -> Vec<Model> {
    let is_weights = |it: &str| it.ends_with("_weights.h5") || it.ends_with(".weights.h5");
    let mut found = Vec::new();
    for path in files(folder).into_keys() {
        let name = text(&path).to_owned();
        let is_model =
            [".keras", ".h5", ".onnx", ".json", ".pt2"].iter().any(|it| name.ends_with(it));
        if !is_model || is_weights(&name) {
            continue;
        }
        let stem = name.trim_end_matches(".json");
        let beside = ["_weights.h5", ".weights.h5"].map(|it| folder.join(format!("{stem}{it}")));
        let weights = beside.into_iter().find(|it| name.ends_with(".json") && it.exists());
        found.push(Model { file: folder.join(path), weights });
    }
    found
}

/// A model with layers that have no hardware can be looked at and run in floats, but not built.
#[test]
fn layers_without_hardware_are_told_and_not_built() {
    let (model, scratch) = (own("tests/models/trunc_qonnx.onnx"), tempfile::tempdir().unwrap());
    let inspected = json(0, &["inspect", text(&model)]);
    assert_eq!(inspected["supported"], false);
    let layers = inspected["layers"].as_array().unwrap();
    let unsupported = |it: &&Value| it.get("unsupported").is_some();
    let count = layers.iter().filter(unsupported).count();
    assert_eq!((count, layers.len()), (2, 5));
    let config = json(0, &["config", text(&model)]);
    assert!(config["config"]["LayerName"].get("cut").is_some(), "{config}");
    let project = scratch.path().join("p");
    let said = stderr(&run(2, &["build", text(&model), "-o", text(&project)]));
    let errors = said.lines().filter(|it| it.starts_with("error: ")).count();
    assert_eq!(errors, count, "{said}");
    assert!(said.contains("Quant cut cannot be built"), "{said}");
    assert!(!project.exists());
}

/// How far an output of the emulator is from the framework's.
pub(crate) struct Difference {
    pub(crate) output: String,
    /// The largest difference.
    pub(crate) worst: f64,
    /// The largest value.
    pub(crate) scale: f64,
}

/// Predicts by the emulator what a golden file has, with samples to calibrate by, and compares.
pub(crate) fn differences(model: &Path, golden: &Path, calibrated: bool) -> Vec<Difference> {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("y.npz");
    let theirs = Npz::open(golden);
    let count = |kind: char| theirs.names().filter(|it| it.starts_with(kind)).count();
    let mut arguments = vec!["predict", text(model), "--engine", "emulator"];
    arguments.extend(["--output", text(&output)]);
    arguments.extend(["--input", text(golden)].repeat(count('x')));
    if calibrated {
        arguments.extend(["--calibrate", text(golden)].repeat(count('x')));
    }
    run(0, &arguments);
    let ours = Npz::open(&output);
    let compare = |at: usize| {
        let output = format!("y{at}");
        let ((shape, a), (expected, b)) = (ours.floats(&output), theirs.floats(&output));
        assert_eq!(shape, expected, "{output} of {}", model.display());
        let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let scale = b.iter().fold(0.0_f64, |max, it| max.max(it.abs()));
        Difference { output, worst, scale }
    };
    (0..count('y')).map(compare).collect()
}

/// Wires, merges, constants, convolutions and pooling as hardware: near what Keras computes.
#[test]
fn built_layers_keep_the_frameworks_values() {
    let file = |name: &str| own(&format!("tests/models/layers_{name}"));
    for (name, bound) in [("wires", 0.02), ("conv", 0.01), ("pool", 0.004)] {
        let (model, golden) = (file(&format!("{name}.keras")), file(&format!("{name}.npz")));
        for (at, Difference { worst, .. }) in
            differences(&model, &golden, false).into_iter().enumerate()
        {
            // 16 bits for a product of numbers within 32 and within 128 are steps of an eighth.
            let bound = if name == "wires" && at == 1 { 0.08 } else { bound };
            assert!(worst < bound, "{name}, y{at}: {worst}");
        }
    }
}

/// Recurrent layers and small networks of them at 16 bits. Activations' tables have 1024 entries, so
/// one step is off by 0.004 at most, and all that follow by what becomes of that.
#[test]
fn recurrent_layers_keep_the_frameworks_values() {
    let own = |it: &str| Some(own(&format!("tests/models/{it}")));
    let sample = |it: &str| shared(&format!("samples/{it}"));
    for (model, golden, bound) in [
        (own("layers_rnn.keras"), own("layers_rnn.npz"), 0.014),
        (sample("k3_rnn.h5"), sample("k3_rnn.npz"), 0.01),
        (sample("k3_rnn.keras"), sample("k3_rnn.npz"), 0.01),
        (sample("t_rnn.pt2"), sample("t_rnn.npz"), 0.01),
    ] {
        let (Some(model), Some(golden)) = (model, golden) else { return };
        let all = differences(&model, &golden, false).into_iter().map(|it| it.worst);
        let worst: Vec<(usize, f64)> = all.enumerate().filter(|(_, it)| *it >= bound).collect();
        // An LSTM with a rectifier may grow so fast that 32 bits hold no finer steps.
        let allowed = |(at, it): &(usize, f64)| bound > 0.01 && *at == 18 && *it < 0.04;
        assert!(worst.iter().all(allowed), "{}: {worst:?}", model.display());
    }
}

/// Small convolutional networks of Keras 2 and 3 at 16 bits.
#[test]
fn convolutional_samples_keep_the_frameworks_values() {
    for (model, golden) in
        [("k3_conv1d.keras", "k3_conv1d"), ("k3_cnn.keras", "k3_cnn"), ("k2_cnn.h5", "k2_cnn")]
    {
        let path = |it: &str| shared(&format!("samples/{it}"));
        let (Some(model), Some(golden)) = (path(model), path(&format!("{golden}.npz"))) else {
            return;
        };
        for Difference { worst, .. } in differences(&model, &golden, false) {
            assert!(worst < 0.01, "{}: {worst}", model.display());
        }
    }
}

/// Nothing of the public models and samples is unsupported.
#[test]
fn every_public_model_can_be_inspected() {
    for folder in [shared("samples"), shared("models")].into_iter().flatten() {
        for model in models(&folder) {
            run(0, &[&["inspect"], &model.arguments()[..]].concat());
        }
    }
}
