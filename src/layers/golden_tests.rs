//! Activations, casts and dense layers against hls4ml's C simulation, bit by bit.
//!
//! `scripts/golden_activations.py` made the files; each case is one layer with all its types.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use npyz::npz::NpzArchive;
use serde_json::Value;

use super::testing::{Bench, check_datapath, format, run};
use super::{
    BinaryTanh, Dense, Elu, Function, HardSigmoid, HardTanh, Identity, Layer, LeakyRelu, PRelu,
    Relu, Selu, Softmax, Table, TernaryTanh, ThresholdedRelu,
};
use crate::fixed::{Format, Overflow, Rounding};
use crate::precision::{Role, Settings, SoftmaxKind};
use crate::source::Tensor;

/// A file of cases.
pub(super) struct Golden {
    name: &'static str,
    archive: NpzArchive<BufReader<File>>,
    pub(super) meta: Value,
}

impl Golden {
    pub(super) fn open(name: &'static str) -> Golden {
        let path = format!("{}/tests/golden/{name}.npz", env!("CARGO_MANIFEST_DIR"));
        let mut archive = NpzArchive::open(path).unwrap();
        let meta: Vec<u8> = archive.by_name("meta").unwrap().unwrap().into_vec().unwrap();
        Golden { name, meta: serde_json::from_slice(&meta).unwrap(), archive }
    }

    pub(super) fn ints(&mut self, name: &str) -> (Vec<usize>, Vec<i128>) {
        let array = self.archive.by_name(name).unwrap().unwrap();
        let shape = array.shape().iter().map(|it| *it as usize).collect();
        let array = match array.try_data::<i16>() {
            Ok(data) => return (shape, data.map(|it| i128::from(it.unwrap())).collect()),
            Err(array) => array,
        };
        let array = match array.try_data::<i32>() {
            Ok(data) => return (shape, data.map(|it| i128::from(it.unwrap())).collect()),
            Err(array) => array,
        };
        let data = array.data::<i64>().unwrap();
        (shape, data.map(|it| i128::from(it.unwrap())).collect())
    }

    pub(super) fn floats(&mut self, name: &str) -> Option<Tensor> {
        let array = self.archive.by_name(name).unwrap()?;
        let shape: Vec<usize> = array.shape().iter().map(|it| *it as usize).collect();
        Some(Tensor::from_shape_vec(shape, array.into_vec().unwrap()).unwrap())
    }
}

pub(super) fn role(name: &str) -> Role {
    Role::ALL.into_iter().find(|it| it.name() == name).unwrap()
}

/// Cases that differ are listed, not only the first.
#[derive(Default)]
struct Report {
    cases: usize,
    values: usize,
    wrong: Vec<String>,
}

impl Report {
    fn finish(self, cases: usize) {
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert_eq!(self.cases, cases, "cases in the file");
        assert!(self.values > 100 * cases);
    }
}

fn settings(config: &Value) -> Settings {
    let entries = |key: &str| config[key].as_u64().map(|it| it as u32);
    let kind = match config["Implementation"].as_str() {
        Some("latency") => SoftmaxKind::Latency,
        Some("legacy") => SoftmaxKind::Legacy,
        Some("argmax") => SoftmaxKind::Argmax,
        _ => SoftmaxKind::Stable,
    };
    Settings {
        table_size: entries("TableSize").unwrap_or(1024),
        exp_table_size: entries("ExpTableSize"),
        inv_table_size: entries("InvTableSize"),
        softmax: kind,
        skip: false,
        ..Settings::default()
    }
}

/// The layer of a case.
fn layer(golden: &mut Golden, case: &Value, shape: &[usize]) -> Layer {
    let (name, attrs) = (case["name"].as_str().unwrap(), &case["attrs"]);
    let number = |key: &str, default: f64| attrs[key].as_f64().unwrap_or(default);
    let weights = golden.floats(&format!("w_{name}"));
    let param = number("activ_param", f64::NAN);
    let (slope, shift) = (number("slope", 0.2), number("shift", 0.5));
    let table = |function| Table { function }.into();
    match (case["cls"].as_str().unwrap(), attrs["activation"].as_str().unwrap()) {
        ("Dense", _) => {
            let bias = golden.floats(&format!("b_{name}"));
            Dense { weights: weights.unwrap().into(), bias, quantized: false }.into()
        }
        ("LeakyReLU", _) => LeakyRelu { alpha: param, max: None }.into(),
        ("ThresholdedReLU", _) => ThresholdedRelu { theta: param, max: None }.into(),
        ("ELU", _) => Elu { alpha: param }.into(),
        ("PReLU", _) => PRelu { alpha: weights.unwrap() }.into(),
        ("Softmax", _) => Softmax::new(*shape.last().unwrap()).into(),
        (_, "linear") => Identity.into(),
        (_, "relu") => Relu { max: None }.into(),
        (_, "relu6") => Relu { max: Some(6.0) }.into(),
        (_, "hard_sigmoid") => HardSigmoid { slope, shift }.into(),
        (_, "hard_tanh") => HardTanh { slope, shift }.into(),
        (_, "binary_tanh") => BinaryTanh.into(),
        (_, "ternary_tanh") => TernaryTanh.into(),
        (_, "selu") => Selu.into(),
        (_, "sigmoid") => table(Function::Sigmoid),
        (_, "tanh") => table(Function::Tanh),
        (_, "softplus") => table(Function::Softplus),
        (_, "softsign") => table(Function::Softsign),
        other => panic!("no layer for {other:?}"),
    }
}

/// Runs every case of a file.
fn check(name: &'static str) -> Report {
    let mut golden = Golden::open(name);
    let meta = golden.meta.clone();
    let mut report = Report::default();
    for case in meta["cases"].as_array().unwrap() {
        let input = case["input"].as_u64().unwrap() as usize;
        let from = format(meta["inputs"][input]["format"].as_str().unwrap());
        let (extents, samples) = golden.ints(&format!("x{input}"));
        let layer = layer(&mut golden, case, &extents[1..]);
        let mut bench = Bench::new(layer, from, &extents[1..]);
        bench.compat = true;
        bench.settings = settings(&case["config"]);
        let types: BTreeMap<Role, Format> = case["types"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, it)| (role(name), format(it.as_str().unwrap())))
            .collect();
        // First what hls4ml inferred, then what it computed.
        let given = case["given"].as_array().unwrap().iter().map(|it| role(it.as_str().unwrap()));
        bench.given = given.map(|it| (it, types[&it])).collect();
        let formats = bench.formats();
        for (role, typed) in &formats.types {
            let hls4ml = types.get(role).copied().unwrap_or(typed.format);
            if typed.format != hls4ml {
                report.wrong.push(format!("{case}: {role} is {}", typed.format));
            }
        }
        let graph = bench.graph(&formats);
        let (_, expected) = golden.ints(&format!("y_{}", case["name"].as_str().unwrap()));
        let elements = bench.shape.elements();
        let outputs = expected.len() / (samples.len() / elements);
        let samples: Vec<Vec<i128>> = samples.chunks(elements).map(<[i128]>::to_vec).collect();
        let found = run(&graph, &samples);
        for (sample, (found, expected)) in found.iter().zip(expected.chunks(outputs)).enumerate() {
            report.values += found.len();
            if found != expected {
                let x = &samples[sample];
                let text = format!("{case}: sample {sample} {x:?}: {found:?}, hls4ml {expected:?}");
                report.wrong.push(text);
                break;
            }
        }
        check_datapath(&graph, &samples[0], &found[0]);
        report.cases += 1;
    }
    assert!(golden.name == name);
    report
}

#[test]
fn casts_are_hls4mls_in_every_rounding_and_overflow() {
    check("casts").finish(101);
}

#[test]
fn dense_layers_are_hls4mls_with_a_cast_of_every_product() {
    check("dense").finish(36);
}

#[test]
fn rectifiers_are_hls4mls() {
    check("rectifiers").finish(235);
}

#[test]
fn tables_are_hls4mls() {
    check("tables").finish(80);
}

#[test]
fn softmax_is_hls4mls() {
    check("softmax").finish(48);
}

#[test]
fn the_casts_cover_every_pair_of_modes() {
    let golden = Golden::open("casts");
    let cases = golden.meta["cases"].as_array().unwrap();
    for signed in [false, true] {
        for rounding in Rounding::ALL {
            for overflow in Overflow::ALL {
                let same = |it: &Format| {
                    (it.signed, it.rounding, it.overflow) == (signed, rounding, overflow)
                };
                let found = cases
                    .iter()
                    .map(|it| format(it["types"]["result"].as_str().unwrap()))
                    .any(|it| same(&it));
                assert!(found, "{signed} {rounding:?} {overflow:?}");
            }
        }
    }
}
