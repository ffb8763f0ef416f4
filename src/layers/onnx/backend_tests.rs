//! The operator tests that the `onnx` package ships, on the float engine.
//!
//! `NN2RTL_ONNX_TESTS` names their folder (`onnx/backend/test/data` of an installed package). Most of
//! them have no batch: a case counts if its first axis can be one, with all other operands constant
//! or all of them data. It must then be right, or be refused at import.

#![allow(clippy::print_stderr, reason = "a test that skips must say so")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::frontend::onnx;
use crate::layers::import;
use crate::nn;
use crate::source::Tensor;

/// What became of a case.
#[derive(Debug, PartialEq)]
enum Outcome {
    Right,
    Wrong(String),
    /// At import, with the message.
    Refused(String),
    /// Its tensors are no floats, or have no batch in front.
    Foreign(&'static str),
}

fn files(folder: &Path, prefix: &str) -> Vec<Vec<u8>> {
    (0..).map_while(|it| std::fs::read(folder.join(format!("{prefix}_{it}.pb"))).ok()).collect()
}

const FLOATS: [i32; 2] = [1, 11];

/// The case with `data` operands that are data; the others are constants.
fn run(model: &[u8], inputs: &[Vec<u8>], wanted: &[Tensor], data: usize) -> Outcome {
    let Some(bytes) = onnx::with_constants(model, data, inputs) else {
        return Outcome::Foreign("no model");
    };
    let mut tensors = Vec::new();
    for bytes in &inputs[..data] {
        match onnx::read_tensor(bytes) {
            Some((dtype, it)) if FLOATS.contains(&dtype) => tensors.push(it),
            _ => return Outcome::Foreign("no float"),
        }
    }
    let batches: Vec<_> = tensors.iter().chain(wanted).map(|it| it.shape().first()).collect();
    let Some(batch) = batches.first().copied().flatten().copied() else {
        return Outcome::Foreign("no batch");
    };
    let raw = match onnx::load("case", &bytes) {
        Ok(raw) => raw,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    if raw.inputs.len() != data {
        return Outcome::Foreign("other inputs");
    }
    let graph = match import(&raw) {
        Ok(graph) => graph,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    if batches.iter().any(|it| *it != Some(&batch)) {
        return Outcome::Foreign("no batch");
    }
    let row = |it: &Tensor, sample| it.index_axis(ndarray::Axis(0), sample).to_owned();
    for sample in 0..batch {
        let inputs: Vec<Tensor> = tensors.iter().map(|it| row(it, sample)).collect();
        let outputs = nn::evaluate(&graph, &inputs, |_, _| {});
        for (ours, theirs) in outputs.iter().zip(wanted.iter().map(|it| row(it, sample))) {
            if ours.shape() != theirs.shape() {
                let text = format!("shape {:?}, not {:?}", ours.shape(), theirs.shape());
                return Outcome::Wrong(text);
            }
            let far = |(a, b): (&f64, &f64)| {
                let same = a == b || (a.is_nan() && b.is_nan());
                !same && ((a - b).is_nan() || (a - b).abs() > 1e-5 + 1e-4 * b.abs())
            };
            if let Some((a, b)) = ours.iter().zip(&theirs).find(|it| far(*it)) {
                return Outcome::Wrong(format!("{a}, not {b}"));
            }
        }
    }
    Outcome::Right
}

fn case(folder: &Path) -> Outcome {
    let Ok(model) = std::fs::read(folder.join("model.onnx")) else {
        return Outcome::Foreign("no model");
    };
    let set = folder.join("test_data_set_0");
    let (inputs, outputs) = (files(&set, "input"), files(&set, "output"));
    let mut wanted = Vec::new();
    for bytes in &outputs {
        match onnx::read_tensor(bytes) {
            Some((dtype, it)) if FLOATS.contains(&dtype) => wanted.push(it),
            _ => return Outcome::Foreign("no float"),
        }
    }
    if inputs.is_empty() || wanted.is_empty() {
        return Outcome::Foreign("no data");
    }
    // The first operand alone is data, or all are.
    let first = run(&model, &inputs, &wanted, 1);
    match first {
        Outcome::Right | Outcome::Wrong(_) => first,
        _ if inputs.len() == 1 => first,
        _ => match (run(&model, &inputs, &wanted, inputs.len()), first) {
            (Outcome::Foreign(_), first) => first,
            (second, _) => second,
        },
    }
}

#[test]
fn operator_tests_of_onnx() {
    let Some(root) = std::env::var_os("NN2RTL_ONNX_TESTS").map(PathBuf::from) else {
        eprintln!("SKIPPED: NN2RTL_ONNX_TESTS does not name the operator tests of ONNX");
        return;
    };
    let mut faults = Vec::new();
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let (mut right, mut foreign) = (0, 0);
    for kind in ["node", "simple", "pytorch-operator", "pytorch-converted"] {
        let Ok(entries) = std::fs::read_dir(root.join(kind)) else { continue };
        let mut folders: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
        folders.sort();
        for folder in folders {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match case(&folder) {
                Outcome::Right => right += 1,
                Outcome::Wrong(text) => faults.push(format!("{name}: {text}")),
                Outcome::Foreign(_) => foreign += 1,
                Outcome::Refused(text) => {
                    *refused.entry(format!("{name}: {text}")).or_default() += 1;
                }
            }
        }
    }
    if std::env::var_os("NN2RTL_ONNX_LIST").is_some() {
        refused.keys().for_each(|it| eprintln!("refused {it}"));
    }
    let count = refused.len();
    eprintln!("{right} right, {count} refused, {foreign} of integers or without a batch");
    assert!(faults.is_empty(), "{} wrong\n{}", faults.len(), faults.join("\n"));
    assert!(right > 0, "no case was run: is the folder right?");
}
