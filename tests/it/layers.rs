//! Attention, normalizations, embeddings and functions of elements as whole models: close to the
//! framework's floats without any configuration, equal bit for bit in both paths, and equal to
//! hls4ml's C simulation where hls4ml has the layer.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::path::Path;

use crate::cosim::{Project, tools};
use crate::golden::{Model, check_hls4ml, configuration, differences, meta};
use crate::support::{Npz, json, own, shared, text};

/// The largest error of each output of a model, of the emulator without any configuration.
fn errors(model: &Path, samples: &Path) -> Vec<f64> {
    differences(model, samples, false).into_iter().map(|it| it.worst).collect()
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

/// Places are whole numbers, and interpolation by powers of two is exact where the inputs are.
#[test]
fn ranks_and_interpolations_are_exact_and_equal_in_both_paths() {
    let [ranks, samples] = model("layers_ranks");
    check("layers_ranks", &errors(&ranks, &samples), &[0.0, 0.0, 0.0, 0.001, 0.0, 0.0, 0.003]);
    let [resize, samples] = model("layers_resize");
    check("layers_resize", &errors(&resize, &samples), &[0.0, 0.0, 0.02]);
    let onnx = ["onnx", "npz"].map(|it| own(&format!("tests/models/ranks.{it}")));
    check("ranks.onnx", &errors(&onnx[0], &onnx[1]), &[0.0; 6]);
    let torch = ["pt2", "npz"].map(|it| own(&format!("tests/models/t_ranks.{it}")));
    let mut limits = [0.0; 10];
    // Corners that stay where they are ask for weights of no short binary fraction.
    limits[7] = 0.002;
    check("t_ranks", &errors(&torch[0], &torch[1]), &limits);
    if tools().is_some() {
        for file in [ranks, resize, onnx[0].clone(), torch[0].clone()] {
            Project::build(&file, &[]).check(&["--samples", "100"]);
        }
    }
}

/// All states are quantized, so both paths give what the framework computes; but for a gate without
/// a quantizer.
#[test]
fn quantized_steps_and_pools_are_exact_and_equal_in_both_paths() {
    let file = |it: &str| own(&format!("tests/models/{it}"));
    let [steps, pools] = ["qk2_steps.h5", "qk2_pools.h5"].map(file);
    let mut limits = [0.0; 8];
    limits[5] = 0.01;
    check("qk2_steps", &errors(&steps, &file("qk2_steps.npz")), &limits);
    check("qk2_pools", &errors(&pools, &file("qk2_pools.npz")), &[0.0; 3]);
    if tools().is_some() {
        for file in [steps, pools] {
            Project::build(&file, &[]).check(&["--samples", "100"]);
        }
    }
}

/// A product of two signs is a bit, a weight that is a power of two a shift: what is left are the sums,
/// of bits (less than two lookup tables for each) and of six bits.
#[test]
fn signs_and_powers_of_two_cost_no_products() {
    let [file, samples] = ["h5", "npz"].map(|it| own(&format!("tests/models/qk2_cheap.{it}")));
    check("qk2_cheap", &errors(&file, &samples), &[0.0; 3]);
    let project = Project::build(&file, &["--target", "xcvu9p"]);
    let report = project.json("report.json");
    let layer = |name: &str| {
        let layers = report["layers"].as_array().unwrap();
        let found = layers.iter().find(|it| it["name"] == name).unwrap();
        ["lut", "dsp"].map(|it| found["figures"]["rtl"][it]["value"].as_f64().unwrap())
    };
    // Sums of the same bits are shared between the layers.
    let ([ones, thirds], shifts) = (["signs", "thirds"].map(layer), layer("shifts"));
    let weights = 32.0 * 16.0;
    assert!(ones[0] + thirds[0] < 2.0 * 2.0 * weights, "{ones:?} {thirds:?}");
    assert!(shifts[0] < 8.0 * weights, "{shifts:?}");
    assert_eq!([ones[1], thirds[1], shifts[1]], [0.0; 3]);
    if tools().is_some() {
        project.check(&["--samples", "100"]);
    }
}

/// Edges gather the nodes at their ends, an einsum sums them up at their receivers.
#[test]
fn a_graph_network_is_close_and_equal_in_both_paths() {
    let [file, samples] = ["onnx", "npz"].map(|it| own(&format!("tests/models/graph.{it}")));
    check("graph", &errors(&file, &samples), &[0.005; 2]);
    if tools().is_some() {
        Project::build(&file, &[]).check(&["--samples", "100"]);
    }
}

#[test]
fn normalizations_are_close() {
    let [file, samples] = model("layers_norm");
    let found = errors(&file, &samples);
    let limits = [0.005, 0.005, 0.005, 0.06, 0.005, 0.003, 0.003, 0.005, 0.006, 0.003, 0.003];
    check("layers_norm", &found[..11], &limits);
}

/// Differences from a maximum are never positive, but their format holds as many numbers that are: a table of
/// their exponentials must not be made for those.
#[test]
fn logarithms_of_a_softmax_are_close_without_calibration() {
    let [file, samples] = model("layers_rest");
    let found = errors(&file, &samples);
    check("layers_rest", &found[9..11], &[0.006, 0.004]);
}

#[test]
fn a_transformer_of_torch_is_close_and_equal_in_both_paths() {
    let (Some(file), Some(samples)) = (shared("samples/t_attn.pt2"), shared("samples/t_attn.npz"))
    else {
        return;
    };
    check("t_attn", &errors(&file, &samples), &[0.015]);
    if tools().is_some() {
        Project::build(&file, &[]).check(&["--samples", "20"]);
    }
}

/// Eight heads of a jet tagger.
#[test]
fn a_jet_tagger_of_attention_is_equal_in_both_paths() {
    let Some(file) = shared("models/p10_jet_hgq2_mha8/mha8part.keras") else { return };
    if tools().is_some() {
        Project::build(&file, &[]).check(&["--samples", "20"]);
    }
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

/// A type in one spelling: signedness, bits, integer bits, rounding, overflow.
fn spelled(precision: &str) -> Vec<String> {
    let (name, arguments) = precision.trim_end_matches('>').split_once('<').unwrap();
    let mut parts: Vec<String> = arguments.split(',').map(str::to_owned).collect();
    if name.ends_with("int") {
        parts.insert(1, parts[0].clone());
    }
    parts.truncate(4);
    let modes = ["TRN", "WRAP"].map(str::to_owned);
    parts.extend(modes.into_iter().skip(parts.len() - 2));
    parts.push(name.starts_with('u').to_string());
    parts
}

/// The types that are inferred under the configuration of a golden file are those of hls4ml; how many
/// were compared.
fn check_types(model: &Model, golden: &Path) -> usize {
    let meta = meta(&Npz::open(golden));
    let scratch = tempfile::tempdir().unwrap();
    let file = configuration(&meta, scratch.path());
    let found = json(0, &["config", text(&model.file), "--config", text(&file)]);
    let (mut compared, mut wrong) = (0, Vec::new());
    for layer in meta["layers"].as_array().unwrap() {
        let name = layer["name"].as_str().unwrap();
        let Some(ours) = found["config"]["LayerName"][name]["Precision"].as_object() else {
            continue;
        };
        for (role, ours) in ours {
            let Some(theirs) = layer["types"][format!("{role}_t")].as_str() else { continue };
            compared += 1;
            if spelled(ours.as_str().unwrap()) != spelled(theirs) {
                wrong.push(format!("{name}.{role}: {ours}, hls4ml {theirs}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", golden.display(), wrong.join("\n"));
    compared
}

/// Every layer of four models in four configurations, what is inferred and what is given: all values of
/// all layers. `scripts/golden_layers.py` makes them.
#[test]
fn a_grid_of_layers_equals_hls4ml() {
    let (mut cases, mut types) = (0, 0);
    for group in ["conv", "pool", "merge", "wires"] {
        let model = Model::new(own(&format!("tests/models/hls4ml_{group}.keras")));
        for config in ["auto", "narrow", "odd", "resource"] {
            let golden = own(&format!("tests/golden/layers/{group}_{config}.npz"));
            check_hls4ml(&model, &golden, &[]);
            types += check_types(&model, &golden);
            cases += Npz::open(&golden).names().filter(|it| it.starts_with("trace/")).count();
        }
    }
    assert_eq!((cases, types), (200, 468), "layers and types");
}
