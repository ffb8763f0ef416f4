//! The operator tests that the `onnx` package ships, on the float engine.
//!
//! `scripts/setup.sh` puts them into `.tools/onnx`; `NN2RTL_ONNX_TESTS` names another folder. A case
//! whose operators are all claimed must be right, or be refused with a reason that
//! `tests/golden/onnx-tests.txt` lists: nothing is refused anew, and nothing is right by silence.
//!
//! Networks have a batch in front, most of these cases have none: a case is run if its first axis
//! can be one, with all operands but the first constant, or all of them data.

#![allow(clippy::print_stderr, reason = "a test that skips must say so")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use rayon::prelude::*;

use crate::frontend::onnx;
use crate::layers::{SPELLINGS, import};
use crate::nn;
use crate::source::{Dialect, Tensor};

const FOLDERS: [&str; 4] = ["node", "simple", "pytorch-operator", "pytorch-converted"];

/// The expected values of these files are rounded to four digits.
const ROUNDED: [&str; 1] = ["test_averagepool_2d_ceil_last_window_starts_on_pad"];

/// What became of a case.
#[derive(Debug, PartialEq)]
enum Outcome {
    Right,
    Wrong(String),
    /// At import, with the message.
    Refused(String),
    /// It cannot be asked of a network: it has no numbers, or no batch in front.
    Apart(&'static str),
}

fn files(folder: &Path, prefix: &str) -> Vec<Vec<u8>> {
    (0..).map_while(|it| std::fs::read(folder.join(format!("{prefix}_{it}.pb"))).ok()).collect()
}

/// Half precision has eleven bits or eight of them, single precision twenty-four.
fn tolerance(name: &str, dtype: i32) -> f64 {
    match dtype {
        10 => 2e-3,
        16 => 1e-2,
        _ if ROUNDED.contains(&name) => 1e-3,
        _ => 1e-4,
    }
}

/// A case in memory.
struct Case {
    name: String,
    model: Vec<u8>,
    inputs: Vec<Vec<u8>>,
    wanted: Vec<(i32, Tensor)>,
}

impl Case {
    fn read(folder: &Path) -> Result<Case, Outcome> {
        let model = std::fs::read(folder.join("model.onnx"));
        let model = model.map_err(|_| Outcome::Apart("no model"))?;
        let set = folder.join("test_data_set_0");
        let (inputs, outputs) = (files(&set, "input"), files(&set, "output"));
        let wanted: Option<Vec<_>> = outputs.iter().map(|it| onnx::read_tensor(it)).collect();
        let wanted = wanted.ok_or(Outcome::Apart("no numbers"))?;
        if inputs.is_empty() || wanted.is_empty() {
            return Err(Outcome::Apart("no data"));
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Case { name, model, inputs, wanted })
    }

    /// The case with `data` operands that are data; the others are constants.
    fn run(&self, data: usize) -> Outcome {
        let Some(bytes) = onnx::with_constants(&self.model, data, &self.inputs) else {
            return Outcome::Apart("no model");
        };
        let tensors = self.inputs[..data].iter().map(|it| Some(onnx::read_tensor(it)?.1));
        let Some(tensors) = tensors.collect::<Option<Vec<Tensor>>>() else {
            return Outcome::Apart("no numbers");
        };
        let graph = onnx::load("case", &bytes).and_then(|raw| {
            let inputs = raw.inputs.len();
            Ok((inputs, import(raw)?))
        });
        let graph = match graph {
            Ok((inputs, graph)) if inputs == data => graph,
            Ok(_) => return Outcome::Apart("no data"),
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let wanted = self.wanted.iter().map(|it| &it.1);
        let batches: BTreeSet<_> =
            tensors.iter().chain(wanted).map(|it| it.shape().first()).collect();
        let batch = match batches.into_iter().collect::<Vec<_>>()[..] {
            [Some(batch)] => *batch,
            _ => return Outcome::Apart("no batch"),
        };
        let row = |it: &Tensor, sample| it.index_axis(ndarray::Axis(0), sample).to_owned();
        for sample in 0..batch {
            let inputs: Vec<Tensor> = tensors.iter().map(|it| row(it, sample)).collect();
            let outputs = nn::evaluate(&graph, &inputs, |_, _| {});
            if outputs.len() != self.wanted.len() {
                return Outcome::Wrong(format!("{} outputs", outputs.len()));
            }
            for (ours, (dtype, theirs)) in outputs.iter().zip(&self.wanted) {
                let tolerance = tolerance(&self.name, *dtype);
                if let Some(text) = difference(ours, &row(theirs, sample), tolerance) {
                    return Outcome::Wrong(text);
                }
            }
        }
        Outcome::Right
    }

    /// The first operand alone is data, or all are.
    fn outcome(&self) -> Outcome {
        let first = self.run(1);
        if matches!(first, Outcome::Right | Outcome::Wrong(_)) || self.inputs.len() == 1 {
            return first;
        }
        match (self.run(self.inputs.len()), first) {
            (second @ (Outcome::Right | Outcome::Wrong(_)), _) => second,
            (second, Outcome::Apart(_)) => second,
            (_, first) => first,
        }
    }
}

fn difference(ours: &Tensor, theirs: &Tensor, tolerance: f64) -> Option<String> {
    if ours.shape() != theirs.shape() {
        return Some(format!("shape {:?}, not {:?}", ours.shape(), theirs.shape()));
    }
    let far = |(a, b): &(&f64, &f64)| {
        let same = a == b || (a.is_nan() && b.is_nan());
        !same && ((*a - *b).is_nan() || (*a - *b).abs() > 0.1 * tolerance + tolerance * b.abs())
    };
    let (a, b) = ours.iter().zip(theirs).find(far)?;
    Some(format!("{a}, not {b}"))
}

/// Operators of the case that the table of layers does not have.
fn unclaimed(model: &[u8]) -> Vec<String> {
    let claimed: BTreeSet<&str> = SPELLINGS
        .iter()
        .flat_map(|it| it.1)
        .filter(|it| it.dialects.contains(&Dialect::Onnx))
        .map(|it| it.op)
        .collect();
    let ops = onnx::operators(model).into_iter().filter(|it| it != "Constant");
    ops.filter(|it| !claimed.contains(&**it)).collect()
}

/// What is refused, in one line: the problem of each node without its name.
fn brief(text: &str) -> String {
    let problems = text.lines().filter(|it| !it.starts_with(' '));
    let problems = problems.map(|it| it.splitn(3, ": ").nth(2).unwrap_or(it));
    let different: BTreeSet<&str> = problems.collect();
    different.into_iter().collect::<Vec<_>>().join("; ")
}

fn suite() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/onnx");
    let root = std::env::var_os("NN2RTL_ONNX_TESTS").map_or(own, PathBuf::from);
    if root.join(FOLDERS[0]).is_dir() {
        return Some(root);
    }
    let required = std::env::var("NN2RTL_REQUIRE_TOOLS").is_ok_and(|it| it == "1");
    assert!(!required, "NN2RTL_REQUIRE_TOOLS is set, but {} has no tests", root.display());
    eprintln!("SKIPPED: the operator tests of ONNX are not here; scripts/setup.sh fetches them");
    None
}

/// All cases of a folder, in order.
fn outcomes(folder: &Path) -> Vec<(String, Outcome, Vec<String>)> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|it| panic!("{}: {it}", folder.display()));
    let mut folders: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
    folders.sort();
    let outcome = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match Case::read(folder) {
            Ok(case) => (name, case.outcome(), unclaimed(&case.model)),
            Err(apart) => (name, apart, Vec::new()),
        }
    };
    folders.par_iter().map(outcome).collect()
}

#[test]
fn operator_tests_of_onnx() {
    let Some(root) = suite() else { return };
    let mut table =
        "| folder | right | operator refused | its use refused | no batch or numbers |\n\
                     |---|---:|---:|---:|---:|\n"
            .to_owned();
    let (mut refused, mut faults) = (BTreeMap::<String, Vec<String>>::new(), Vec::new());
    let list = std::env::var_os("NN2RTL_ONNX_LIST").is_some();
    for kind in FOLDERS {
        let mut counts = [0; 4];
        for (name, outcome, unclaimed) in outcomes(&root.join(kind)) {
            let name = format!("{kind}/{name}");
            let at = match outcome {
                Outcome::Right => 0,
                // By the name of the operator.
                Outcome::Refused(text) if unclaimed.iter().any(|it| text.contains(&**it)) => 1,
                Outcome::Refused(text) => {
                    refused.entry(brief(&text)).or_default().push(name);
                    2
                }
                Outcome::Apart(why) => {
                    if list && unclaimed.is_empty() {
                        eprintln!("apart {name}: {why}");
                    }
                    3
                }
                Outcome::Wrong(text) => {
                    faults.push(format!("{name}: {text}"));
                    continue;
                }
            };
            counts[at] += 1;
        }
        let [right, operator, its_use, apart] = counts;
        writeln!(table, "| {kind} | {right} | {operator} | {its_use} | {apart} |").unwrap();
    }
    eprintln!("{table}");
    assert!(faults.is_empty(), "{} wrong\n{}", faults.len(), faults.join("\n"));
    let line = |(why, names): (&String, &Vec<String>)| format!("{why}: {}\n", names.join(" "));
    let refused: String = refused.iter().map(line).collect();
    expect_file!["../../../tests/golden/onnx-tests.txt"].assert_eq(&format!("{table}\n{refused}"));
}
