//! Every Keras file at hand loads completely, and all containers of a network agree.

use std::path::Path;

use super::*;

/// File, its nodes, and its weights: tensors by role, counted over all nodes.
const FILES: [(&str, usize, usize); 32] = [
    ("models/p01_mnist_cnn_keras3/keras_model.keras", 6, 4),
    ("models/p01_mnist_cnn_keras3/tiny_mnist_model.h5", 6, 4),
    ("models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5", 8, 8),
    ("models/p02_jsc_mlp_keras2/keras_model.keras", 8, 8),
    ("models/p03_resnet8_cifar_h5_onnx/pretrainedResnet.h5", 30, 48),
    ("models/p04_kws_dscnn_h5/kws_model.h5", 33, 56),
    ("models/p05_ad03_qkeras_ae/model_ToyCar.h5", 10, 20),
    ("models/p06_rn06_qkeras_conv/model_best.h5", 9, 20),
    ("models/p07_jsc_hgq2_einsum/model.keras", 11, 61),
    ("models/p08_jsc_hgq2_cernbox/model.keras", 11, 57),
    ("models/p09_jsc_hgq_h5_bndense/model.h5", 11, 60),
    ("models/p10_jet_hgq2_mha8/mha8part.keras", 34, 200),
    ("samples/hgq2_cnn.keras", 19, 91),
    ("samples/hgq2_mha.keras", 7, 97),
    ("samples/hgq2_mlp.keras", 9, 43),
    ("samples/k2_cnn.h5", 11, 9),
    ("samples/k2_cnn.json", 11, 9),
    ("samples/k2_mlp.h5", 6, 8),
    ("samples/k2_mlp.json", 6, 8),
    ("samples/k2_mlp.keras", 6, 8),
    ("samples/k3_cnn.h5", 16, 15),
    ("samples/k3_cnn.keras", 16, 15),
    ("samples/k3_conv1d.keras", 8, 8),
    ("samples/k3_mlp.h5", 9, 9),
    ("samples/k3_mlp.json", 9, 9),
    ("samples/k3_mlp.keras", 9, 9),
    ("samples/k3_rnn.h5", 5, 17),
    ("samples/k3_rnn.keras", 5, 17),
    ("samples/qk2_cnn.h5", 8, 12),
    ("samples/qk2_mlp.h5", 15, 17),
    ("samples/qk2_mlp.json", 15, 17),
    ("samples/qk3_mlp.keras", 15, 17),
];

fn load_shared(path: &Path) -> Result<RawModel> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let read = |path: &Path| std::fs::read(path).unwrap();
    let Some(stem) = name.strip_suffix(".json") else { return load(name, &read(path), None) };
    let ending = if name.starts_with("k3") { ".weights.h5" } else { "_weights.h5" };
    let weights = path.with_file_name(format!("{stem}{ending}"));
    load(name, &read(path), Some(("weights", &read(&weights))))
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must not pass in silence")]
fn every_shared_file_loads_and_no_weight_is_left() {
    let mut found = Vec::new();
    for (file, nodes, weights) in FILES {
        let Some(path) = shared(file) else {
            eprintln!("SKIPPED: ../shared/{file} is not here");
            continue;
        };
        let model = load_shared(&path).unwrap_or_else(|it| panic!("{file}: {it}"));
        // HGQ2 0.2 has a quantizer in front of this softmax in its file, and does not apply it.
        let wanted =
            |it: &&String| !(file.contains("p10_") && it.contains("/_softmax/iq/quantizer/"));
        assert_eq!(model.unused.iter().find(wanted), None, "{file}");
        assert!(!model.inputs.is_empty() && !model.outputs.is_empty(), "{file}");
        well_formed(&model);
        let stored = model.nodes.iter().map(|it| it.weights.len()).sum::<usize>();
        found.push(((file, nodes, weights), (file, model.nodes.len(), stored)));
    }
    let (expected, found): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    assert_eq!(found, expected);
}

/// What every reader of a [`RawModel`] relies on.
fn well_formed(model: &RawModel) {
    let mut known: Vec<&str> = model.inputs.iter().map(|it| it.name.as_str()).collect();
    for node in &model.nodes {
        for input in node.inputs.iter().flatten() {
            assert!(known.contains(&input.as_str()), "{}: {input} too early", node.name);
        }
        for output in &node.outputs {
            assert!(!known.contains(&output.as_str()), "{output} twice");
            known.push(output);
        }
    }
    for output in &model.outputs {
        assert!(known.contains(&output.as_str()), "{output} is not made");
    }
}

#[test]
fn containers_of_a_network_agree() {
    for [first, others @ ..] in [
        ["k3_mlp.keras", "k3_mlp.h5", "k3_mlp.json"],
        ["k2_mlp.keras", "k2_mlp.h5", "k2_mlp.json"],
        ["k3_nested.keras", "k3_nested.h5", "k3_nested.h5"],
        ["k2_nested.keras", "k2_nested.h5", "k2_nested.h5"],
        ["k3_zoo.keras", "k3_zoo.h5", "k3_zoo.h5"],
        ["k2_zoo.keras", "k2_zoo.h5", "k2_zoo.h5"],
        ["k3_ops.keras", "k3_ops.h5", "k3_ops.h5"],
        ["k2_ops.keras", "k2_ops.h5", "k2_ops.h5"],
    ] {
        let first = model(first).unwrap();
        well_formed(&first);
        assert_eq!(first.unused, [""; 0]);
        for other in others {
            let other = model(other).unwrap_or_else(|it| panic!("{it}"));
            assert_eq!(other.unused, [""; 0]);
            assert_same(&first, &other);
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must not pass in silence")]
fn containers_of_a_shared_network_agree() {
    for (left, right) in [
        (
            "models/p02_jsc_mlp_keras2/keras_model.keras",
            "models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5",
        ),
        (
            "models/p01_mnist_cnn_keras3/keras_model.keras",
            "models/p01_mnist_cnn_keras3/tiny_mnist_model.h5",
        ),
        ("samples/k3_cnn.keras", "samples/k3_cnn.h5"),
        ("samples/k2_cnn.json", "samples/k2_cnn.h5"),
        ("samples/k3_rnn.keras", "samples/k3_rnn.h5"),
    ] {
        let (Some(left), Some(right)) = (shared(left), shared(right)) else {
            eprintln!("SKIPPED: ../shared/{left} is not here");
            continue;
        };
        assert_same(&load_shared(&left).unwrap(), &load_shared(&right).unwrap());
    }
}

#[test]
fn formats_are_told_apart() {
    for (file, format) in [
        ("k3_mlp.keras", "Keras 3 archive (.keras)"),
        ("k2_mlp.keras", "Keras 2 archive (.keras)"),
        ("k3_mlp.h5", "Keras 3 HDF5 (.h5)"),
        ("k2_mlp.h5", "Keras 2 HDF5 (.h5)"),
        ("k3_mlp.json", "Keras 3 JSON and weights (.weights.h5)"),
        ("k2_mlp.json", "Keras 2 JSON and weights (.h5)"),
    ] {
        assert_eq!(model(file).unwrap().format, format);
        assert!(crate::frontend::keras::is_keras(&bytes(file)), "{file}");
    }
    for other in [&b"PK\x03\x04"[..], b"", b"{\"a\": 1}", b"\x08\x07onnx"] {
        assert!(!crate::frontend::keras::is_keras(other));
    }
}
