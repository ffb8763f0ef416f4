//! Models quantized in training with HGQ2: every engine gives the framework's own numbers.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use crate::cosim::{Project, tools};
use crate::support::{Npz, json, own, read_npy, run, shared, text};

/// Folder, file, and the accuracy on the first half of the data that the model's notes give.
const JETS: [(&str, &str, f64); 3] = [
    ("models/p07_jsc_hgq2_einsum", "model.keras", 0.760),
    ("models/p08_jsc_hgq2_cernbox", "model.keras", 0.758),
    ("models/p09_jsc_hgq_h5_bndense", "model.h5", 0.780),
];

/// A small model of this repository, and what HGQ2 gives for it.
fn sample() -> (PathBuf, PathBuf) {
    let file = |it: &str| own("tests/models").join(it);
    (file("hgq2_mlp.keras"), file("hgq2_mlp.npz"))
}

/// Every model with its golden file.
fn models() -> Vec<(PathBuf, PathBuf)> {
    let jets = JETS.iter().filter_map(|(folder, file, _)| {
        let folder = shared(folder)?;
        Some((folder.join(file), folder.join("golden_0.npz")))
    });
    std::iter::once(sample()).chain(jets).collect()
}

/// Models with tables and attention, with their golden files.
fn more_models() -> Vec<(PathBuf, PathBuf)> {
    let samples = ["samples/hgq2_cnn.keras", "samples/hgq2_mha.keras"];
    let samples = samples.iter().filter_map(|it| shared(it));
    let samples = samples.map(|it| (it.clone(), it.with_extension("npz")));
    let jets = shared("models/p10_jet_hgq2_mha8");
    let jets = jets.map(|it| (it.join("mha8part.keras"), it.join("golden_0.npz")));
    samples.chain(jets).collect()
}

/// Outputs of an engine for the inputs of a file.
fn predicted(model: &Path, input: &Path, options: &[&str]) -> (Vec<usize>, Vec<f64>) {
    predicted_of(model, input, 1, options)
}

/// The same for a model with several inputs.
fn predicted_of(
    model: &Path,
    input: &Path,
    inputs: usize,
    options: &[&str],
) -> (Vec<usize>, Vec<f64>) {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("y.npy");
    let mut arguments = vec!["predict", text(model), "--output", text(&output)];
    for _ in 0..inputs {
        arguments.extend(["--input", text(input)]);
    }
    run(0, &[&arguments[..], options].concat());
    read_npy(&output)
}

/// Models of all layers, with formats at random; how many inputs they have, and whether they are there
/// with weights by name as well.
const LAYERS: [(&str, usize, bool); 6] = [
    ("conv", 1, false),
    ("ops", 2, false),
    ("tables", 1, true),
    ("attention", 2, false),
    ("recurrent", 1, false),
    ("learned", 2, false),
];

#[test]
fn all_layers_equal_the_framework_exactly() {
    for (name, inputs, by_name) in LAYERS {
        let file = |ending: &str| own("tests/models").join(format!("hgq2_{name}.{ending}"));
        let golden = file("npz");
        let wanted = Npz::open(&golden).floats("y0");
        for ending in ["keras", "h5"].iter().take(1 + usize::from(by_name)) {
            for engine in ["emulator", "float"] {
                let found = predicted_of(&file(ending), &golden, inputs, &["--engine", engine]);
                assert_eq!(found, wanted, "{name}.{ending} by the {engine}");
            }
        }
    }
}

/// What `build` says of the outputs.
fn notes(project: &Project) -> Vec<String> {
    let report = project.json("report.json");
    let notes = report["notes"].as_array().unwrap().iter();
    notes.filter_map(|it| it.as_str()).map(str::to_owned).collect()
}

/// A convolutional network with tables and a softmax, and attention: both paths on all samples.
#[test]
fn tables_and_attention_simulate() {
    let Some(_) = tools() else { return };
    for (name, proved) in [("hgq2_cnn", true), ("hgq2_mha", true)] {
        let Some(model) = shared(&format!("samples/{name}.keras")) else { continue };
        let project = Project::build(&model, &[]);
        let golden = model.with_extension("npz");
        project.check(&["--input", text(&golden), "--samples", "4"]);
        let notes = notes(&project);
        let is_proved =
            notes.iter().any(|it| it.starts_with("outputs are proved equal to the framework's"));
        assert_eq!(is_proved, proved, "{name}: {notes:?}");
    }
}

#[test]
fn both_engines_equal_the_framework_exactly() {
    for (model, golden) in models().into_iter().chain(more_models()) {
        let wanted = Npz::open(&golden).floats("y0");
        for engine in ["emulator", "float"] {
            let found = predicted(&model, &golden, &["--engine", engine]);
            assert_eq!(found, wanted, "{} by the {engine}", model.display());
        }
    }
}

#[test]
fn jets_are_told_apart_as_well_as_promised() {
    for (folder, file, promised) in JETS {
        let (Some(folder), Some(data)) = (shared(folder), shared("models/_data")) else { continue };
        let (shape, scores) = predicted(&folder.join(file), &data.join("jsc_x.npy"), &[]);
        let labels = std::fs::read(data.join("jsc_y_gqtwz.npy")).unwrap();
        let labels = &labels[labels.len() - shape[0]..];
        // The models answer in the order g, q, w, z, t; labels count g, q, t, w, z.
        let label = [0, 1, 3, 4, 2];
        let best = |row: &[f64]| (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b]));
        let is_right = |(row, wanted): &(&[f64], &u8)| {
            best(row).and_then(|it| label.get(it)).is_some_and(|it| *it == **wanted)
        };
        let right = scores.chunks(shape[1]).zip(labels).filter(is_right).count();
        let accuracy = right as f64 / shape[0] as f64;
        assert!((accuracy - promised).abs() < 1e-9, "{}: {accuracy}", folder.display());
    }
}

#[test]
fn the_project_is_proved_exact_and_simulates_on_real_data() {
    let Some(_) = tools() else { return };
    for (model, golden) in models() {
        let data = shared("models/_data/jsc_x.npy").filter(|_| golden.ends_with("golden_0.npz"));
        let input = data.unwrap_or(golden);
        let project = Project::build(&model, &[]);
        project.check(&["--input", text(&input), "--samples", "200"]);
        let notes = notes(&project);
        // Of p08 and p09 a sum can need more than the 24 bits of a float32 in the worst case.
        let long = ["p08", "p09"].iter().any(|it| text(&model).contains(it));
        let expected = match long {
            true => "outputs are exactly what the model's quantizers mean",
            false => "outputs are proved equal to the framework's",
        };
        let told = notes.iter().any(|it| it.starts_with(expected));
        assert!(told, "{}: {notes:?}", model.display());
    }
}

/// hls4ml's C simulation under its own configuration, with and without its quirks on.
#[test]
fn outputs_equal_hls4ml() {
    let jets = ["models/p07_jsc_hgq2_einsum", "models/p08_jsc_hgq2_cernbox"];
    let golden = "hls4ml_vitis_parallel_name.npz";
    let jets = jets.iter().filter_map(|it| shared(it));
    let jets = jets.map(|it| (it.join("model.keras"), it.join(golden)));
    let sample = shared("samples/hgq2_mlp.hls4ml.npz").map(|it| (sample().0, it));
    for (model, golden) in sample.into_iter().chain(jets) {
        let npz = Npz::open(&golden);
        let meta: serde_json::Value = serde_json::from_str(&npz.text("meta")).unwrap();
        let mut config = meta["config"].clone();
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("config.yml");
        for compat in [false, true] {
            if compat {
                config["Compat"] = "hls4ml".into();
            }
            std::fs::write(&file, config.to_string()).unwrap();
            let found = predicted(&model, &golden, &["--config", text(&file)]);
            assert_eq!(found, npz.floats("hls0"), "{}, compat {compat}", model.display());
        }
    }
}

#[test]
fn the_configuration_read_back_decides_the_same() {
    let (model, golden) = sample();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("config.json");
    let resolved = json(0, &["config", text(&model)]);
    std::fs::write(&file, resolved["config"].to_string()).unwrap();
    let again = json(0, &["config", text(&model), "--config", text(&file)]);
    assert_eq!(again["config"], resolved["config"]);
    assert_eq!(again["warnings"].as_array().map(Vec::len), Some(0), "{again}");
    let found = predicted(&model, &golden, &["--config", text(&file)]);
    assert_eq!(found, Npz::open(&golden).floats("y0"));
}

#[test]
fn a_type_for_the_models_quantizer_is_warned_of() {
    let (model, golden) = sample();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("config.yml");
    std::fs::write(&file, "LayerName: {q_dense_1_iq: {Precision: 'fixed<3,1>'}}").unwrap();
    let said = run(0, &["config", text(&model), "--config", text(&file)]);
    let said = crate::support::stderr(&said);
    assert!(said.contains("the model itself says what its quantizer casts to"), "{said}");
    let found = predicted(&model, &golden, &["--config", text(&file)]);
    assert_eq!(found, Npz::open(&golden).floats("y0"));
}
