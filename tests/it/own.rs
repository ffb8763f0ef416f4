//! Layers of the user's own: the example's models give the framework's outputs, both paths agree bit
//! for bit, and what is wrong with a description or its use is said.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::path::PathBuf;

use crate::cosim::{Project, tools};
use crate::support::{Npz, npy, own, read_npy, run, stderr, text, values};

fn example(file: &str) -> PathBuf {
    own("examples/own_layer").join(file)
}

/// The outputs of a model of the example for its samples, and the framework's.
fn outputs(model: &str, engine: &str) -> [Vec<f64>; 2] {
    let scratch = tempfile::tempdir().unwrap();
    let found = scratch.path().join("y.npy");
    let (file, layers, x) =
        (example(&format!("gated.{model}")), example("layers.yml"), example("x.npy"));
    run(
        0,
        &[
            "predict",
            text(&file),
            "--layers",
            text(&layers),
            "--engine",
            engine,
            "--input",
            text(&x),
            "--output",
            text(&found),
        ],
    );
    [read_npy(&found).1, read_npy(&example(&format!("{model}.npy"))).1]
}

fn error(model: &str, engine: &str) -> f64 {
    let [found, wanted] = outputs(model, engine);
    assert_eq!(found.len(), wanted.len());
    found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn own_layers_mean_what_they_mean_in_the_framework() {
    for model in ["keras", "onnx", "pt2"] {
        // The frameworks compute in single precision.
        let floats = error(model, "float");
        assert!(floats < 2e-6, "{model}: {floats}");
        let fixed = error(model, "emulator");
        assert!(fixed < 0.02, "{model} in fixed point: {fixed}");
    }
}

#[test]
fn own_layers_are_equal_in_both_paths() {
    if tools().is_none() {
        return;
    }
    let (layers, x) = (example("layers.yml"), example("x.npy"));
    for model in ["keras", "onnx", "pt2"] {
        let file = example(&format!("gated.{model}"));
        let project = Project::build(&file, &["--layers", text(&layers)]);
        project.check(&["--input", text(&x)]);
    }
}

#[test]
fn without_a_description_they_are_refused_by_name() {
    let told = stderr(&run(2, &["inspect", text(&example("gated.keras"))]));
    for name in ["ScaledSwish is not supported", "Gate is not supported", "bump"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(told.contains("--layers takes descriptions of others"), "{told}");
    let told = stderr(&run(2, &["inspect", text(&example("gated.onnx"))]));
    assert!(told.contains("swish: my.domain::ScaledSwish is not supported"), "{told}");
    let told = stderr(&run(2, &["inspect", text(&example("gated.pt2"))]));
    assert!(told.contains("scaled_swish: my.scaled_swish is not supported"), "{told}");
    assert!(told.contains("gate: my.gate is not supported"), "{told}");
}

#[test]
fn faults_name_the_file_and_the_layer() {
    let scratch = tempfile::tempdir().unwrap();
    let layers = scratch.path().join("own.yml");
    let check = |description: &str, told: &[&str]| {
        std::fs::write(&layers, description).unwrap();
        let found =
            stderr(&run(2, &["build", text(&example("gated.keras")), "--layers", text(&layers)]));
        for told in told {
            assert!(found.contains(told), "no {told:?} in\n{found}");
        }
    };
    check(
        "layers:\n- {class: Gate, function: x0 + y}\n- {class: Dense, function: x}\n- {class: bump, function: exp(}\n",
        &[
            "own.yml:Gate: y is in the function, but is no operand, weight or attribute with a number",
            "own.yml:Dense: nn2rtl has Dense itself, and a layer of its own cannot be changed",
            "own.yml:bump: function: expected a number, a name or a parenthesis at character 5, found the end",
        ],
    );
    check(
        "layers:\n- {class: ScaledSwish, function: x}\n- {class: Gate, function: x0 + x1}\n- {class: bump, function: x}\n",
        &[
            "gated.keras:swish: ScaledSwish has attributes that its description does not declare: alpha = Float(1.5)",
        ],
    );
    let swish = "layers:\n- {class: ScaledSwish, attributes: {alpha: ~}, weights: [y], function: y * x ^ alpha}\n";
    check(
        &format!(
            "{swish}- {{class: Gate, operands: [x], function: x}}\n- {{class: bump, function: x}}\n"
        ),
        &["gated.keras:gate: Gate has 2 operands, its description 1"],
    );
    let again =
        ["--layers", text(&example("layers.yml")), "--layers", text(&example("layers.yml"))]
            .map(str::to_owned);
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let told = stderr(&run(2, &[&["inspect", text(&example("gated.keras"))], &again[..]].concat()));
    assert!(told.contains("layers.yml:Gate: Gate is described already"), "{told}");
}

#[test]
fn a_file_of_expressions_is_a_model() {
    let scratch = tempfile::tempdir().unwrap();
    let (model, x, y) = (
        own("tests/models/expressions.yml"),
        scratch.path().join("x.npy"),
        scratch.path().join("y.npy"),
    );
    let samples = values(3, 200);
    npy(&x, &[50, 4], &samples);
    let wanted: Vec<f64> = samples
        .chunks(4)
        .flat_map(|x| {
            [
                2.5 * x[0].sin() + 0.5 * x[1] * x[1],
                (-x[2] * x[2]).exp() * x[0].max(0.0) - 1.0,
                x[3] / (1.5 + x[1].cos()) + std::f64::consts::PI,
                x[0] - x[3],
            ]
        })
        .collect();
    for (engine, limit) in [("float", 1e-12), ("emulator", 0.06)] {
        run(
            0,
            &[
                "predict",
                text(&model),
                "--engine",
                engine,
                "--input",
                text(&x),
                "--output",
                text(&y),
            ],
        );
        let (shape, found) = read_npy(&y);
        assert_eq!(shape, [50, 4]);
        let worst = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < limit, "{engine}: {worst}");
    }
    if tools().is_some() {
        Project::build(&model, &[]).check(&["--input", text(&x)]);
    }
    let bad = scratch.path().join("bad.yml");
    let check = |file: &str, told: &[&str]| {
        std::fs::write(&bad, file).unwrap();
        let found = stderr(&run(2, &["build", text(&bad)]));
        told.iter().for_each(|it| assert!(found.contains(it), "no {it:?} in\n{found}"));
    };
    check(
        "inputs: 2\nexpressions: [x0 + x2, x0 +, 'expp(x1)', '1']\n",
        &[
            "bad.yml:y0: function: nothing is called x2",
            "bad.yml:y1: function: expected a number, a name or a parenthesis at character 5, found the end",
            "bad.yml:y2: function: there is no function \"expp\", is exp meant?",
            "bad.yml:y3: the function has no data in it",
        ],
    );
    check(
        "inputs: 0\nexpressions: 3\noutputs: 1\n",
        &[
            "inputs is 0, expected a number from 1 to 4096",
            "expressions is 3, expected a list",
            "there is no key outputs",
        ],
    );
    check("expressions: [x0]\n", &["inputs is missing"]);
}

/// hls4ml's outputs bit for bit in its types; what it has not is in both paths what the emulator computes.
#[test]
fn tables_over_ranges_are_those_of_hls4ml() {
    let scratch = tempfile::tempdir().unwrap();
    let (model, golden) = (own("tests/models/expressions_lut.yml"), own("tests/golden/luts.npz"));
    let (config, output) = (scratch.path().join("config.yml"), scratch.path().join("y.npy"));
    let types = |it: &str| format!("  {it}: {{Precision: {{table: '{LUT}', result: '{LUT}'}}}}\n");
    let layers: String = ["y0", "y1", "y2"].map(types).concat();
    let model_type = format!("Model: {{Precision: {{default: '{LUT}'}}}}\nLayerName:\n{layers}");
    std::fs::write(&config, model_type).unwrap();
    let predict = |options: &[&str]| {
        let io = ["predict", text(&model), "--input", text(&golden), "--output", text(&output)];
        run(0, &[&io[..], options].concat());
        read_npy(&output).1
    };
    let (found, theirs) =
        (predict(&["--config", text(&config)]), Npz::open(&golden).floats("hls0"));
    assert_eq!(theirs.0, [400, 3]);
    let rows = found.chunks(5).map(|it| &it[..3]).zip(theirs.1.chunks(3));
    let apart = rows.filter(|(ours, theirs)| ours != theirs).count();
    assert_eq!(apart, 0, "of 400 samples");
    let float = predict(&["--engine", "float"]);
    let x = Npz::open(&golden).floats("x0").1;
    for (x, y) in x.chunks(3).zip(float.chunks(5)) {
        let at = ((x[0] + 0.5) * (100.0 / 3.0)).floor().clamp(0.0, 99.0);
        // The logarithm of zero is as the next entry.
        let log = (at.max(1.0) * 0.03).ln();
        assert!((y[3] - (2.5 + x[1]) * log).abs() < 1e-9, "{x:?}: {y:?}");
        let exp = ((-x[2] * 8.0).floor().clamp(-64.0, -1.0) / 8.0).exp();
        let atan = ((exp * 256.0).floor() / 256.0).atan();
        assert!((y[4] - (atan - x[1])).abs() < 1e-9, "{x:?}: {y:?}");
    }
    if tools().is_some() {
        Project::build(&model, &[]).check(&["--input", text(&golden), "--samples", "100"]);
    }
    let bad = scratch.path().join("bad.yml");
    let told = |file: &str| {
        std::fs::write(&bad, file).unwrap();
        stderr(&run(2, &["build", text(&bad)]))
    };
    let entries = "{a: {range_end: 0, range_start: 1, table_size: 1, of: sin}, b: 3, c: {math_func: exp, range_start: 0, range_end: 1e-9}}";
    let found = told(&format!("inputs: 1\nexpressions: [x0]\nlut_functions: {entries}\n"));
    for it in [
        "there is no key lut_functions: a: of (supported: math_func, range_start, range_end, table_size)",
        "lut_functions: a: table_size is 1, expected a number from 2 to 65536",
        "lut_functions: a: range_end is 0, expected a number above range_start",
        "lut_functions: c: range_end is 0.000000001, expected a number above range_start",
        "lut_functions: a: math_func is missing",
        "lut_functions: b is 3, expected a map",
    ] {
        assert!(found.contains(it), "no {it:?} in\n{found}");
    }
    let entries = "{a: {math_func: pow, range_start: 0, range_end: 1}, b: {math_func: exp, range_start: 0, range_end: 1}}";
    let found = told(&format!("inputs: 1\nexpressions: [a(x0)]\nlut_functions: {entries}\n"));
    assert!(found.contains("bad.yml:y: there is no math_func pow (supported: neg, "), "{found}");
    let entries = "{b: {math_func: exp, range_start: 0, range_end: 1}}";
    let found = told(&format!("inputs: 1\nexpressions: ['b(x0, x0)']\nlut_functions: {entries}\n"));
    assert!(found.contains("b has 2 operands, expected 1"), "{found}");
}

/// The type of hls4ml's tables.
const LUT: &str = "fixed<18,6>";
