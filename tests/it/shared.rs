//! All of the public models and samples: every file is one that a test reads, every model gives the
//! outputs that its framework gave, and the labelled inputs are classified as well as there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nn2rtl::source::Tensor;
use nn2rtl::{frontend, layers, nn, passes};
use rayon::prelude::*;

use crate::models::{self, ModelFile};
use crate::support::{Array, Npz, files, shared};

/// Models whose outputs are not compared yet, each with the reason. One that is right fails.
const NOT_YET: [(&str, &str); 2] = [
    (
        "models/p12_resnet8_qdq_onnx/resnet.onnx",
        "one sum of sample 12 is 73.499987 exactly and 73.50001 in ONNX Runtime's float32",
    ),
    (
        "models/p14_espcn_qonnx_conv/quant_model.onnx",
        "6 of 196,608 outputs are one step off: float32 sums near ties in the last convolution",
    ),
];

/// Files that are no models: what other tests read, and texts.
fn is_known(name: &str) -> bool {
    name.ends_with("README.md")
        || name.ends_with("LICENSE.txt")
        || name.ends_with(".pb")
        || name.contains("hls4ml") && name.ends_with(".npz")
        || name.starts_with("models/_data/") && name.ends_with(".npy")
}

/// A model, ready to run.
fn graph(file: &ModelFile) -> Result<nn::Graph, String> {
    let raw = frontend::load(&file.model, file.weights.as_deref()).map_err(|it| it.to_string())?;
    let mut graph = layers::import(raw).map_err(|it| it.to_string())?;
    passes::run(&mut graph, &passes::Options::default());
    Ok(graph)
}

/// Outputs of every sample; the inputs' values come sample by sample, without the batch.
fn run(graph: &nn::Graph, inputs: &[Vec<Tensor>]) -> Vec<Vec<Tensor>> {
    let count = inputs[0].len();
    let sample = |at: usize| {
        let inputs: Vec<Tensor> = inputs.iter().map(|it| it[at].clone()).collect();
        nn::evaluate(graph, &inputs, |_, _| {})
    };
    (0..count).into_par_iter().map(sample).collect()
}

/// A batch as samples of a shape with as many elements.
fn samples((shape, values): &Array, own: &[usize]) -> Vec<Tensor> {
    let count = values.len() / shape[0];
    // Of a model that is there in two formats the inputs are those of the one with channels last.
    let turned = match shape[1..] {
        [h, w, c] => shape[1..] != *own && [c, h, w] == *own,
        _ => false,
    };
    let sample = |it: &[f64]| match turned {
        true => {
            let last = Tensor::from_shape_vec(&shape[1..], it.to_vec()).expect("as many elements");
            last.permuted_axes(vec![2, 0, 1]).as_standard_layout().into_owned()
        }
        false => Tensor::from_shape_vec(own, it.to_vec()).expect("as many elements"),
    };
    assert_eq!(count, own.iter().product::<usize>(), "{shape:?} for an input of {own:?}");
    values.chunks(count).map(sample).collect()
}

/// Compares all outputs with the framework's: HGQ2's bit for bit, others relative to the largest.
fn compare(file: &ModelFile, golden: &Path) -> Result<(), String> {
    let graph = graph(file)?;
    let golden = Npz::open(golden);
    let array = |kind: &str, at: usize| {
        let name = format!("{kind}{at}");
        golden.names().any(|it| it == name).then(|| golden.floats(&name))
    };
    let mut inputs = Vec::new();
    for (at, id) in graph.inputs.iter().enumerate() {
        let own = &graph.node(*id).ty.0;
        inputs.push(samples(&array("x", at).ok_or("too few golden inputs")?, own));
    }
    let exact = file.name().contains("hgq");
    let outputs = run(&graph, &inputs);
    for at in 0..graph.outputs.len() {
        let (_, wanted) = array("y", at).ok_or("too few golden outputs")?;
        let ours: Vec<f64> = outputs.iter().flat_map(|it| it[at].iter().copied()).collect();
        if ours.len() != wanted.len() {
            return Err(format!("output {at}: {} values, not {}", ours.len(), wanted.len()));
        }
        let scale = wanted.iter().fold(1e-3_f64, |max, it| max.max(it.abs()));
        let limit = if exact { 0.0 } else { 1e-5 * scale };
        let worst = ours.iter().zip(&wanted).map(|(a, b)| (a - b).abs());
        let worst = worst.fold(0.0, |max: f64, it| if it <= max { max } else { it });
        if worst > limit || worst.is_nan() {
            return Err(format!("output {at} is off by {worst}, {limit} is allowed"));
        }
    }
    match array("y", graph.outputs.len()) {
        None => Ok(()),
        Some(_) => Err("too few outputs".to_owned()),
    }
}

/// The golden file of a model: a sample's is named in the table of the README, a published model's
/// is numbered in the order of its row there.
fn golden(file: &ModelFile, root: &Path, text: &str) -> PathBuf {
    let name = file.model.file_name().unwrap().to_string_lossy().into_owned();
    let folder = file.model.parent().unwrap();
    if folder.ends_with("samples") {
        let row = text.lines().find(|it| it.starts_with(&format!("| {name} |")));
        let row = row.unwrap_or_else(|| panic!("the README has no row of {name}"));
        return folder.join(row.split('|').nth(3).unwrap().trim());
    }
    let case = folder.file_name().unwrap().to_string_lossy().into_owned();
    let row = text.lines().find(|it| it.starts_with(&format!("| {case} |")));
    let row = row.unwrap_or_else(|| panic!("the README of {} has no {case}", root.display()));
    let source = row.split('|').nth(2).unwrap();
    let number = source.split(';').position(|it| it.ends_with(&*name) || it.contains(&name));
    let numbered = folder.join(format!("golden_{}.npz", number.unwrap_or(0)));
    if numbered.exists() { numbered } else { folder.join("golden_0.npz") }
}

#[test]
fn every_file_is_covered_and_every_model_is_its_framework_s() {
    let mut faults = Vec::new();
    for folder in ["samples", "models"] {
        let Some(root) = shared(folder) else { continue };
        let text = std::fs::read_to_string(root.join("README.md")).unwrap();
        let mut covered = BTreeSet::new();
        let relative = |it: &Path| {
            let it = it.strip_prefix(&root).unwrap();
            format!("{folder}/{}", it.to_string_lossy())
        };
        for file in models::below(&root) {
            let name = relative(&file.model);
            let golden = golden(&file, &root, &text);
            covered.extend([name.clone(), relative(&golden)]);
            covered.extend(file.weights.as_deref().map(relative));
            let result = compare(&file, &golden);
            let excepted = NOT_YET.iter().find(|it| it.0 == name);
            match (result, excepted) {
                (Ok(()), None) | (Err(_), Some(_)) => {}
                (Ok(()), Some(_)) => faults.push(format!("{name}: right: no exception is needed")),
                (Err(fault), None) => faults.push(format!("{name}: {fault}")),
            }
        }
        for path in files(&root).keys() {
            let name = format!("{folder}/{}", path.to_string_lossy());
            if !covered.contains(&name) && !is_known(&name) {
                faults.push(format!("{name}: no test reads it"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The input and output that were published with a model: the values end the file.
#[test]
fn the_published_answer_of_p11_is_ours() {
    let Some(folder) = shared("models/p11_mnist_onnx_cntk") else { return };
    let values = |name: &str, count: usize| -> Vec<f64> {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let tail = &bytes[bytes.len() - 4 * count..];
        let value = |it: &[u8]| f64::from(f32::from_le_bytes([it[0], it[1], it[2], it[3]]));
        tail.chunks_exact(4).map(value).collect()
    };
    let file = ModelFile { model: folder.join("model.onnx"), weights: None };
    let graph = graph(&file).unwrap_or_else(|it| panic!("{it}"));
    let input = Tensor::from_shape_vec(vec![1, 28, 28], values("input_0.pb", 784)).unwrap();
    let ours = &nn::evaluate(&graph, &[input], |_, _| {})[0];
    let theirs = values("output_0.pb", 10);
    for (a, b) in ours.iter().zip(&theirs) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1000.0), "{a}, not {b}");
    }
}

/// Integers of an `.npy` file as numbers.
fn integers(path: &Path) -> Array {
    let bytes = std::fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    let shape = file.shape().iter().map(|it| *it as usize).collect();
    let values = match file.try_data::<u8>() {
        Ok(data) => data.map(|it| f64::from(it.unwrap())).collect(),
        Err(file) => file.into_vec::<i8>().unwrap().into_iter().map(f64::from).collect(),
    };
    (shape, values)
}

/// Inputs of one kind as the models take them, and the label of each.
pub(crate) struct Labelled {
    pub(crate) inputs: Array,
    pub(crate) labels: Vec<usize>,
}

impl Labelled {
    pub(crate) fn of(data: &Path, kind: &str) -> Labelled {
        let numbers = |name: &str| integers(&data.join(name));
        let (inputs, labels) = match kind {
            "MNIST" => (numbers("mnist_x.npy"), numbers("mnist_y.npy")),
            "KWS" => (spectra(numbers("kws_x_int8.npy")), numbers("kws_y.npy")),
            "CIFAR" => (numbers("cifar500_x.npy"), numbers("cifar500_resnet8_pred.npy")),
            _ => {
                let inputs = crate::support::read_npy(&data.join("jsc_x.npy"));
                (inputs, numbers("jsc_y_gqtwz.npy"))
            }
        };
        Labelled { inputs, labels: labels.1.iter().map(|it| *it as usize).collect() }
    }
}

/// Steps of a quantizer, 10 coefficients of 49 frames, as 49 frames of 10 coefficients.
fn spectra((shape, values): Array) -> Array {
    let turned = values.chunks(490).flat_map(|it| {
        (0..490).map(move |at| f64::from(0.336_742_46_f32) * it[at % 10 * 49 + at / 10])
    });
    (shape, turned.collect())
}

/// The share of the labels that a model finds, in percent, to one digit; `order` gives the label of
/// each output.
fn accuracy(model: &Path, data: &Labelled, divisor: f64, order: &[usize]) -> f64 {
    let file = ModelFile { model: model.to_owned(), weights: None };
    let graph = graph(&file).unwrap_or_else(|it| panic!("{it}"));
    let (shape, values) = &data.inputs;
    let scaled = (shape.clone(), values.iter().map(|it| it / divisor).collect());
    let inputs = samples(&scaled, &graph.node(graph.inputs[0]).ty.0);
    let outputs = run(&graph, &[inputs]);
    let right = outputs.iter().zip(&data.labels).filter(|(outputs, label)| {
        let values: Vec<f64> = outputs[0].iter().copied().take(order.len()).collect();
        let first = |best, at| if values[at] > values[best] { at } else { best };
        order[(0..values.len()).fold(0, first)] == **label
    });
    (1000.0 * right.count() as f64 / outputs.len() as f64).round() / 10.0
}

/// The figure of the README for the first half of the data.
fn published(text: &str, case: &str) -> f64 {
    let row = text.lines().find(|it| it.starts_with(&format!("| {case}"))).unwrap();
    let figure = row.split("halves ").nth(1).and_then(|it| it.split(' ').next());
    figure.unwrap().parse().unwrap()
}

#[test]
fn labelled_data_is_classified_as_well_as_published() {
    const PLAIN: [usize; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    /// HGQ's jet models answer in the order g, q, w, z, t.
    const JETS: [usize; 5] = [0, 1, 3, 4, 2];
    let Some(root) = shared("models") else { return };
    let text = std::fs::read_to_string(root.join("README.md")).unwrap();
    let [mnist, jsc, kws, cifar] =
        ["MNIST", "JSC", "KWS", "CIFAR"].map(|it| Labelled::of(&root.join("_data"), it));
    let mut faults = Vec::new();
    for (case, file, data, divisor, order) in [
        ("p01_mnist_cnn_keras3", "tiny_mnist_model.h5", &mnist, 255.0, &PLAIN[..10]),
        ("p01_mnist_cnn_keras3", "keras_model.keras", &mnist, 255.0, &PLAIN[..10]),
        ("p02_jsc_mlp_keras2", "KERAS_check_best_model.h5", &jsc, 1.0, &PLAIN[..5]),
        ("p02_jsc_mlp_keras2", "keras_model.keras", &jsc, 1.0, &PLAIN[..5]),
        ("p04_kws_dscnn_h5", "kws_model.h5", &kws, 1.0, &PLAIN[..]),
        ("p06_rn06_qkeras_conv", "model_best.h5", &cifar, 255.0, &PLAIN[..10]),
        ("p07_jsc_hgq2_einsum", "model.keras", &jsc, 1.0, &JETS[..]),
        ("p08_jsc_hgq2_cernbox", "model.keras", &jsc, 1.0, &JETS[..]),
        ("p09_jsc_hgq_h5_bndense", "model.h5", &jsc, 1.0, &JETS[..]),
        ("p11_mnist_onnx_cntk", "model.onnx", &mnist, 1.0, &PLAIN[..10]),
        ("p12_resnet8_qdq_onnx", "resnet.onnx", &cifar, 1.0, &PLAIN[..10]),
        ("p13_mnist_qonnx_tfc_w1a2", "TFC_1W2A.onnx", &mnist, 255.0, &PLAIN[..10]),
    ] {
        let (found, wanted) =
            (accuracy(&root.join(case).join(file), data, divisor, order), published(&text, case));
        if found != wanted {
            faults.push(format!("{case}/{file}: {found} %, published are {wanted} %"));
        }
    }
    // The teacher's own classes.
    for file in ["pretrainedResnet.h5", "pretrainedResnet.onnx"] {
        let model = root.join("p03_resnet8_cifar_h5_onnx").join(file);
        let found = accuracy(&model, &cifar, 1.0, &PLAIN[..10]);
        if found != 100.0 {
            faults.push(format!("p03/{file}: agrees with itself on {found} %"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
