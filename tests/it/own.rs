//! Layers of the user's own: the example's models give the framework's outputs, both paths agree bit
//! for bit, and what is wrong with a description or its use is said.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::path::PathBuf;

use crate::cosim::{Project, tools};
use crate::support::{npy, own, read_npy, run, stderr, text, values};

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
    for model in ["keras", "onnx"] {
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
    for model in ["keras", "onnx"] {
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
