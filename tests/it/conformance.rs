//! What is supported, shown: models whose operators are simulated in both paths, and whose outputs by
//! the emulator are the framework's. The table of the README counts the operators in them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nn2rtl::source::Dialect;
use nn2rtl::{frontend, layers};
use rayon::prelude::*;

use crate::cosim::{Project, tools};
use crate::golden::differences;
use crate::support::own;

/// A model of `tests/models` with its framework's inputs and outputs.
struct Case {
    file: &'static str,
    /// Name of the outputs' file without its ending, if it is not the model's.
    golden: Option<&'static str>,
    /// Formats in which it is simulated, unless the model says them.
    precision: Option<&'static str>,
    /// Largest error of the emulator at 16 bits, relative to an output's largest value; 0: equal.
    error: f64,
}

/// A float model, simulated in narrow types.
const fn float(file: &'static str, error: f64) -> Case {
    Case { file, golden: None, precision: Some("fixed<8,4>"), error }
}

/// A model whose quantizers say all types.
const fn quantized(file: &'static str, error: f64) -> Case {
    Case { file, golden: None, precision: None, error }
}

const KERAS: &[Case] = &[
    float("layers_wires.keras", 0.01),
    float("layers_conv.keras", 0.01),
    float("layers_pool.keras", 0.01),
    float("layers_shape.keras", 0.01),
    float("layers_functions.keras", 0.015),
    float("layers_nested.keras", 0.01),
    float("layers_norm.keras", 0.01),
    float("layers_block.keras", 0.01),
    float("layers_attention.keras", 0.01),
    // The cells of an LSTM of rectifiers may grow so fast that their type has few bits for small ones.
    float("layers_rnn.keras", 0.07),
    float("layers_volume.keras", 0.01),
    float("layers_rest.keras", 0.01),
    float("k3_ops.keras", 0.01),
    Case { golden: Some("k3_ops"), ..float("k2_ops.keras", 0.01) },
    float("k2_functions.h5", 0.01),
    float("k2_shapes.h5", 0.0),
    float("k2_aliases.h5", 0.01),
    float("k2_binary.h5", 0.0),
    float("k2_garnet.h5", 0.01),
];

const QUANTIZED: &[Case] = &[
    quantized("hgq2_mlp.keras", 0.0),
    quantized("hgq2_conv.keras", 0.0),
    quantized("hgq2_ops.keras", 0.0),
    quantized("hgq2_tables.keras", 0.0),
    quantized("hgq2_attention.keras", 0.0),
    quantized("hgq2_recurrent.keras", 0.0),
    quantized("hgq2_learned.keras", 0.0),
    quantized("hgq2_rest.keras", 0.0),
    quantized("hgq1_proxy.h5", 0.0),
    quantized("qk2_rest.h5", 0.0),
    quantized("qk2_both.h5", 0.0),
    quantized("qk3_rest.keras", 0.0),
    // These end in a softmax, which is a table; `qkeras.rs` compares all before it for equality.
    quantized("qk2_mlp.h5", 0.002),
    quantized("qk2_cnn.h5", 0.025),
    quantized("qk3_mlp.keras", 0.002),
];

const ONNX: &[Case] = &[
    float("onnx_elements.onnx", 0.01),
    float("onnx_arrangements.onnx", 0.01),
    float("onnx_upsample.onnx", 0.01),
    float("onnx_sums.onnx", 0.01),
    float("onnx_norms.onnx", 0.01),
    float("onnx_later.onnx", 0.01),
    float("onnx_recurrent.onnx", 0.01),
    quantized("onnx_channels_last.onnx", 0.0),
    quantized("onnx_qdq.onnx", 1e-6),
    quantized("onnx_trunc.onnx", 0.0),
    Case { golden: Some("b_mlp"), ..quantized("b_mlp_qonnx.onnx", 1e-6) },
];

const TORCH: &[Case] = &[
    float("t_zoo.pt2", 0.01),
    float("t_image.pt2", 0.01),
    float("t_single.pt2", 0.01),
    float("t_steps.pt2", 0.02),
    float("t_strides.pt2", 0.01),
    float("t_rest.pt2", 0.01),
    float("t_more.pt2", 0.01),
    Case { golden: Some("t_more"), ..float("t_more_core.pt2", 0.01) },
    float("t_cells.pt2", 0.01),
];

/// Models that `layers.rs` simulates and compares with the framework, output by output.
const ELSEWHERE: [&str; 8] = [
    "layers_ranks.keras",
    "layers_resize.keras",
    "qk2_steps.h5",
    "qk2_pools.h5",
    "qk2_cheap.h5",
    "ranks.onnx",
    "graph.onnx",
    "t_ranks.pt2",
];

impl Case {
    fn path(&self) -> PathBuf {
        own("tests/models").join(self.file)
    }

    fn golden(&self) -> PathBuf {
        let (stem, _) = self.file.rsplit_once('.').unwrap();
        own("tests/models").join(format!("{}.npz", self.golden.unwrap_or(stem)))
    }

    /// The emulator's largest error, relative to the largest value of the output, and which.
    fn error(&self) -> (f64, String) {
        let all = differences(&self.path(), &self.golden(), self.precision.is_some());
        let relative = all.into_iter().map(|it| (it.worst / it.scale.max(1e-6), it.output));
        relative.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
    }

    /// Simulates both paths on random samples: no bit may differ from the emulator's.
    fn simulate(&self) {
        let precision = self.precision.map(|it| ["--precision", it]);
        let options = precision.as_ref().map_or(&[][..], |it| &it[..]);
        Project::build(&self.path(), options).check(&["--samples", "30"]);
    }
}

/// All of them: the emulator gives the framework's outputs.
#[test]
fn the_emulator_is_near_the_framework_or_equal() {
    let cases: Vec<&Case> = [KERAS, QUANTIZED, ONNX, TORCH].into_iter().flatten().collect();
    let wrong = |it: &&Case| {
        let (error, output) = it.error();
        (error > it.error).then(|| format!("{}: {output} is off by {error:.5}", it.file))
    };
    let wrong: Vec<String> = cases.par_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn simulate(cases: &[Case]) {
    if tools().is_some() {
        cases.iter().for_each(Case::simulate);
    }
}

#[test]
fn keras_layers_are_equal_in_both_paths() {
    simulate(KERAS);
}

#[test]
fn quantized_layers_are_equal_in_both_paths() {
    simulate(QUANTIZED);
}

#[test]
fn onnx_operators_are_equal_in_both_paths() {
    simulate(ONNX);
}

#[test]
fn torch_operators_are_equal_in_both_paths() {
    simulate(TORCH);
}

/// The operators of all models above.
fn simulated() -> BTreeSet<(Dialect, String)> {
    let cases = [KERAS, QUANTIZED, ONNX, TORCH].into_iter().flatten().map(|it| it.file);
    let operators = |file: &str| {
        let raw = frontend::load(&own("tests/models").join(file), None);
        let nodes = raw.unwrap_or_else(|it| panic!("{it}")).nodes;
        nodes.into_iter().map(|it| (it.dialect, it.op)).collect::<Vec<_>>()
    };
    cases.chain(ELSEWHERE).flat_map(operators).collect()
}

/// For each layer and framework, how many of the operators' names are in models that the tests
/// above simulate, and the names of the rest.
pub(crate) fn table() -> String {
    let simulated = simulated();
    let mut rows: BTreeMap<usize, (&str, [Vec<&str>; 3])> = BTreeMap::new();
    for (name, spellings) in layers::SPELLINGS {
        let place = layers::SPELLINGS.iter().position(|it| it.0 == name).unwrap();
        let row = rows.entry(place).or_insert((name, Default::default()));
        for spelling in spellings.iter() {
            let column = match spelling.dialects[0] {
                Dialect::Keras2 | Dialect::Keras3 => 0,
                Dialect::Onnx => 1,
                Dialect::Torch => 2,
                Dialect::Symbolic => continue,
            };
            row.1[column].push(spelling.op);
        }
    }
    let is_simulated = |column: usize, op: &str| {
        let dialects: &[Dialect] = match column {
            0 => &[Dialect::Keras2, Dialect::Keras3],
            1 => &[Dialect::Onnx],
            _ => &[Dialect::Torch],
        };
        dialects.iter().any(|it| simulated.contains(&(*it, op.to_owned())))
    };
    let mut table = "| Layer | Keras | ONNX | PyTorch |\n| --- | ---: | ---: | ---: |\n".to_owned();
    let mut rest: [Vec<&str>; 3] = Default::default();
    let mut total = [[0; 2]; 3];
    for (name, columns) in rows.values().filter(|it| it.1.iter().any(|it| !it.is_empty())) {
        let mut cells = Vec::new();
        for (at, ops) in columns.iter().enumerate() {
            let (shown, left): (Vec<&str>, Vec<&str>) =
                ops.iter().partition(|it| is_simulated(at, it));
            total[at][0] += shown.len();
            total[at][1] += ops.len();
            rest[at].extend(left);
            cells.push(match ops.len() {
                0 => String::new(),
                all => format!("{} of {all}", shown.len()),
            });
        }
        table.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    let total = total.map(|[shown, all]| format!("{shown} of {all}"));
    table.push_str(&format!("| all | {} |\n", total.join(" | ")));
    let frameworks = ["Keras", "ONNX", "PyTorch"];
    for (framework, ops) in frameworks.iter().zip(rest).filter(|it| !it.1.is_empty()) {
        let ops: Vec<String> = ops.iter().map(|it| format!("`{it}`")).collect();
        table.push_str(&format!("\nOf {framework} not simulated: {}.\n", ops.join(", ")));
    }
    table
}
