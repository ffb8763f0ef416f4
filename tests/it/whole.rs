//! Networks of others, whole: how well the emulator classifies, and both paths where everything side by
//! side still fits a simulator.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::cosim::{Project, tools};
use crate::shared::Labelled;
use crate::support::{json, npy, run, shared, text};

/// A network and what it is fed with.
struct Case {
    file: &'static str,
    data: &'static str,
    /// What the data are divided by.
    divisor: f64,
    /// All its types are the model's own.
    quantized: bool,
}

const CASES: [Case; 8] = [
    case("p01_mnist_cnn_keras3/keras_model.keras", "MNIST", 255.0, false),
    case("p01_mnist_cnn_keras3/tiny_mnist_model.h5", "MNIST", 255.0, false),
    case("p03_resnet8_cifar_h5_onnx/pretrainedResnet.h5", "CIFAR", 1.0, false),
    case("p03_resnet8_cifar_h5_onnx/pretrainedResnet.onnx", "CIFAR", 1.0, false),
    case("p04_kws_dscnn_h5/kws_model.h5", "KWS", 1.0, false),
    case("p06_rn06_qkeras_conv/model_best.h5", "CIFAR", 255.0, true),
    case("p11_mnist_onnx_cntk/model.onnx", "MNIST", 1.0, false),
    case("p12_resnet8_qdq_onnx/resnet.onnx", "CIFAR", 1.0, true),
];

const fn case(file: &'static str, data: &'static str, divisor: f64, quantized: bool) -> Case {
    Case { file, data, divisor, quantized }
}

/// Inputs and labels of a case in files.
struct Files {
    scratch: tempfile::TempDir,
}

impl Files {
    fn of(case: &Case) -> Files {
        let Labelled { inputs: (shape, values), labels } =
            Labelled::of(&shared("models/_data").unwrap(), case.data);
        let files = Files { scratch: tempfile::tempdir().unwrap() };
        let scaled: Vec<f64> = values.iter().map(|it| it / case.divisor).collect();
        npy(&files.inputs(), &shape, &scaled);
        let labels: Vec<f64> = labels.iter().map(|it| *it as f64).collect();
        npy(&files.labels(), &[labels.len()], &labels);
        files
    }

    fn inputs(&self) -> PathBuf {
        self.scratch.path().join("x.npy")
    }

    fn labels(&self) -> PathBuf {
        self.scratch.path().join("labels.npy")
    }

    /// The share of labels that an engine finds, in percent.
    fn accuracy(&self, model: &str, options: &[&str]) -> f64 {
        let (inputs, labels) = (self.inputs(), self.labels());
        let own = ["predict", model, "--input", text(&inputs), "--labels", text(&labels)];
        100.0 * json(0, &[&own, options].concat())["accuracy"].as_f64().unwrap()
    }
}

/// Sixteen bits with ranges measured on samples lose less than half a percent, quantized models nothing.
#[test]
fn the_emulator_classifies_as_well_as_floats() {
    if shared("models").is_none() {
        return;
    }
    let wrong = |case: &Case| {
        let model = shared(&format!("models/{}", case.file)).unwrap();
        let (model, files) = (text(&model), Files::of(case));
        let floats = files.accuracy(model, &["--engine", "float"]);
        let inputs = files.inputs();
        let calibrated = ["--calibrate", text(&inputs)];
        let options = if case.quantized { &[][..] } else { &calibrated[..] };
        let found = files.accuracy(model, options);
        let limit = if case.quantized { 0.0 } else { 0.5 };
        let is_wrong = (found - floats).abs() > limit;
        is_wrong.then(|| format!("{model}: {found} %, {floats} % in floats"))
    };
    let wrong: Vec<String> = CASES.par_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Ranges that the weights allow grow with every layer; without samples that is said.
#[test]
fn types_without_fractions_are_warned_about() {
    let Some(model) = shared("models/p04_kws_dscnn_h5/kws_model.h5") else { return };
    let output = run(0, &["inspect", text(&model)]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("results in steps of 1 and more") && said.contains("--calibrate"),
        "{said}"
    );
}

/// Both paths of a network that a simulator runs in seconds with everything side by side.
#[test]
fn a_whole_network_is_equal_in_both_paths() {
    if tools().is_none() || shared("models").is_none() {
        return;
    }
    let (case, precision) = (&CASES[0], "fixed<8,4>");
    let files = Files::of(case);
    let model = shared(&format!("models/{}", case.file)).unwrap();
    let inputs = files.inputs();
    let options = ["--precision", precision, "--calibrate", text(&inputs)];
    Project::build(&model, &options).check(&["--samples", "10"]);
}
