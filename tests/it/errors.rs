//! Bad input of every kind: exit code 2, a message that names the place, nothing left behind.
//!
//! [`refused`] runs a command in a folder of its own and checks all of that; the text it returns is
//! compared with `expect!` where the wording matters most.

mod damage;

use std::path::Path;

use expect_test::{Expect, expect};
use nn2rtl::compile::{self, Source};
use nn2rtl::config::Config;
use nn2rtl::source::{Attr, Attrs, Dialect, RawInput, RawModel, RawNode, Tensor};
use tempfile::TempDir;

use crate::support::{nn2rtl, npy, npy_bytes, own, run, text, tree, values};

/// A folder with a good model (`m.keras`, 16 inputs) and good samples (`x.npy`).
fn bench() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(own("tests/models/k3_mlp.keras"), dir.path().join("m.keras")).unwrap();
    npy(&dir.path().join("x.npy"), &[3, 16], &values(1, 48));
    dir
}

/// A bench with a project of the model in `p`.
fn with_project() -> TempDir {
    let dir = bench();
    build(dir.path(), "p");
    dir
}

fn build(dir: &Path, name: &str) {
    run(0, &["build", text(&dir.join("m.keras")), "-o", text(&dir.join(name))]);
}

/// Runs a command line (split at spaces, `'fixed<1,2>'` needs none) that must be refused, as text
/// and as JSON, and must leave the folder as it was. Returns the message.
fn refused(dir: &TempDir, line: &str) -> String {
    let before = tree(dir.path());
    let args: Vec<&str> = line.split(' ').collect();
    let output = nn2rtl().args(&args).current_dir(dir.path()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{line}\n{message}");
    assert!(message.starts_with("error: "), "{line}\n{message}");
    assert!(!message.contains("panicked"), "{line}\n{message}");
    assert!(output.stdout.is_empty(), "{line} prints to stdout");
    let output = nn2rtl().arg("--json").args(&args).current_dir(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{line} --json");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let errors = json["errors"].as_array().unwrap_or_else(|| panic!("{line}: {json}"));
    let listed: String =
        errors.iter().map(|it| format!("error: {}\n", it.as_str().unwrap())).collect();
    assert_eq!(listed, message, "{line}: the same errors as JSON");
    assert!(tree(dir.path()) == before, "{line} has changed files");
    message
}

/// [`refused`], and the message is exactly this.
fn check(dir: &TempDir, line: &str, want: &Expect) {
    want.assert_eq(&refused(dir, line));
}

/// [`refused`], and the message holds all of these.
fn names(dir: &TempDir, line: &str, parts: &[&str]) {
    let message = refused(dir, line);
    for part in parts {
        assert!(message.contains(part), "{line}: no {part:?} in\n{message}");
    }
}

#[test]
fn not_a_model() {
    let dir = bench();
    std::fs::write(dir.path().join("empty.onnx"), "").unwrap();
    std::fs::write(dir.path().join("text.h5"), "It was a dark and stormy night.").unwrap();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    std::fs::copy(own("tests/models/k3_mlp.json"), dir.path().join("m.json")).unwrap();
    check(
        &dir,
        "inspect none.onnx",
        &expect![[r#"
        error: none.onnx: cannot read the file: No such file or directory (os error 2)
    "#]],
    );
    check(
        &dir,
        "build text.h5 -o p",
        &expect![[r#"
            error: text.h5: not a model file (supported: .onnx, .keras, .h5, .pt2, .json with --weights, and files of expressions)
        "#]],
    );
    names(&dir, "build empty.onnx -o p", &["empty.onnx", "supported: .onnx, .keras, .h5"]);
    names(&dir, "build folder -o p", &["folder", "directory"]);
    names(&dir, "estimate folder", &["folder", "no nn2rtl.json"]);
    names(&dir, "predict folder --input x.npy", &["folder", "no nn2rtl.json"]);
    names(&dir, "inspect m.json", &["m.json", "no weights"]);
    names(&dir, "inspect m.keras --weights x.npy", &["m.keras", "x.npy"]);
    names(&dir, "inspect m.json --weights x.npy", &["x.npy"]);
    names(&dir, "inspect m.json --weights none.h5", &["none.h5", "cannot read"]);
}

#[test]
fn truncated_files_are_refused_whole() {
    let dir = bench();
    for model in ["k3_mlp.keras", "k3_mlp.h5", "t_mlp_legacy.onnx"] {
        let bytes = std::fs::read(own("tests/models").join(model)).unwrap();
        let cut = format!("cut_{model}");
        std::fs::write(dir.path().join(&cut), &bytes[..bytes.len() * 2 / 3]).unwrap();
        names(&dir, &format!("build {cut} -o p"), &[&cut]);
    }
}

/// An ONNX model whose first large weight holds a NaN.
#[test]
fn nan_in_a_weight() {
    let dir = bench();
    let mut bytes = std::fs::read(own("tests/models/t_mlp_legacy.onnx")).unwrap();
    // The raw data of a tensor: the longest run of floats of ordinary size.
    let ordinary = |it: &[u8]| {
        let value = f32::from_le_bytes([it[0], it[1], it[2], it[3]]);
        (1e-6..8.0).contains(&value.abs())
    };
    let run = 24;
    let at = (0..bytes.len() - 4 * run)
        .find(|at| bytes[*at..at + 4 * run].chunks(4).all(ordinary))
        .expect("the model has weights");
    bytes[at + 8..at + 12].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(dir.path().join("nan.onnx"), &bytes).unwrap();
    names(&dir, "build nan.onnx -o p", &["nan.onnx:", "1 values that are NaN or infinite"]);
}

/// A model of one dense layer with the given kernel and bias.
fn dense(kernel: Tensor, bias: Tensor) -> RawModel {
    let attrs = [("units", Attr::Int(bias.len() as i64)), ("use_bias", Attr::Bool(true))];
    let attrs = attrs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let weights = [("kernel", kernel), ("bias", bias)];
    RawModel {
        file: "hand.keras".to_owned(),
        format: "by hand",
        inputs: vec![RawInput { name: "x".to_owned(), shape: vec![4] }],
        outputs: vec!["d".to_owned()],
        nodes: vec![RawNode {
            name: "d".to_owned(),
            dialect: Dialect::Keras3,
            op: "Dense".to_owned(),
            version: 3,
            inputs: vec![Some("x".to_owned())],
            outputs: vec!["d".to_owned()],
            attrs: Attrs::new(attrs),
            weights: weights.into_iter().map(|(role, it)| (role.to_owned(), it)).collect(),
        }],
        constants: Default::default(),
        unused: Vec::new(),
    }
}

fn compiled(raw: RawModel) -> Result<(), String> {
    let source = Source { file: raw.file.clone(), format: raw.format, sha256: String::new() };
    let done = compile::compile((raw, source), &Config::default(), &[], Vec::new());
    done.map(drop).map_err(|it| it.to_string())
}

#[test]
fn weights_that_do_not_fit() {
    let tensor = |shape: &[usize], value: f64| Tensor::from_elem(shape, value);
    compiled(dense(tensor(&[4, 2], 0.5), tensor(&[2], 0.0))).unwrap();
    let shape = compiled(dense(tensor(&[5, 2], 0.5), tensor(&[2], 0.0))).unwrap_err();
    let bias = compiled(dense(tensor(&[4, 2], 0.5), tensor(&[3], 0.0))).unwrap_err();
    let nan = compiled(dense(tensor(&[4, 2], f64::NAN), tensor(&[2], 0.0))).unwrap_err();
    let inf = compiled(dense(tensor(&[4, 2], 0.5), tensor(&[2], f64::INFINITY))).unwrap_err();
    let empty = compiled(dense(tensor(&[4, 0], 0.5), tensor(&[0], 0.0))).unwrap_err();
    expect![[r#"
        hand.keras:d: kernel has shape [5, 2], expected [4, 2]
        hand.keras:d: kernel has shape [4, 2], expected [4, 3]
        hand.keras:d: kernel holds 8 values that are NaN or infinite
        hand.keras:d: bias holds 2 values that are NaN or infinite
        hand.keras:d: input shape [4] does not fit: expected 4 on the last axis"#]]
    .assert_eq(&[shape, bias, nan, inf, empty].join("\n"));
}

#[test]
fn layers_without_hardware_are_named_all_at_once() {
    let (dir, model) = (bench(), own("tests/models/trunc_qonnx.onnx"));
    std::fs::copy(model, dir.path().join("b.onnx")).unwrap();
    check(
        &dir,
        "build b.onnx -o p",
        &expect![[r#"
            error: b.onnx:cut: Quant cut cannot be built: no unit computes it yet, only the float engine
            error: b.onnx:cut_again: Quant cut_again cannot be built: no unit computes it yet, only the float engine
              help: inspect, config and predict --engine float work with it
        "#]],
    );
    assert!(!dir.path().join("p").exists());
}

/// Found by mutated models.
#[test]
fn a_product_with_a_scalar_is_refused() {
    let (dir, model) = (bench(), own("tests/models/scalar_matmul.onnx"));
    std::fs::copy(model, dir.path().join("s.onnx")).unwrap();
    check(
        &dir,
        "inspect s.onnx",
        &expect![[r#"
        error: s.onnx:product: input shape [4] does not fit: expected a matrix
    "#]],
    );
}

#[test]
fn configurations() {
    let dir = bench();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file("key.yml", "Model:\n  Precison: fixed<16,6>\n  Zebra: 1\n");
    file("name.yml", "LayerName:\n  dens:\n    Precision: fixed<16,6>\n");
    file(
        "type.yml",
        "LayerName:\n  dense:\n    Precision: {weight: banana}\nModel:\n  Precision: fixed<0,0>\n",
    );
    file("yaml.yml", "Model: [\n");
    file("bytes.yml", "");
    std::fs::write(dir.path().join("bytes.yml"), b"\xff\xfe\x00").unwrap();
    check(
        &dir,
        "build m.keras -o p -c key.yml",
        &expect![[r#"
        error: key.yml:Model.Precison: unknown key
          help: did you mean Precision?
        error: key.yml:Model.Zebra: unknown key
    "#]],
    );
    check(
        &dir,
        "build m.keras -o p -c name.yml",
        &expect![[r#"
        error: name.yml:LayerName.dens: the model has no layer of this name
          help: did you mean dense?
    "#]],
    );
    check(
        &dir,
        "build m.keras -o p -c type.yml",
        &expect![[r#"
        error: type.yml:LayerName.dense.Precision.weight: "banana" is not a type (supported: auto, fixed<W,I[,Q,O]>, ufixed<W,I[,Q,O]>, int<W>, uint<W>, ac_fixed<W,I,S[,Q,O]>, ac_int<W,S>)
        error: type.yml:Model.Precision: "fixed<0,0>" cannot be represented: 1 to 128 bits (one less if unsigned), binary point at most 1024 bits away
    "#]],
    );
    names(&dir, "config m.keras -c yaml.yml", &["yaml.yml: not valid YAML", "line 1"]);
    names(&dir, "config m.keras -c bytes.yml", &["bytes.yml", "UTF-8"]);
    names(&dir, "config m.keras -c none.yml", &["none.yml: cannot read"]);
}

#[test]
fn options() {
    let dir = bench();
    check(
        &dir,
        "build m.keras -o p --target xcvu9q",
        &expect![[r#"
        error: unknown device `xcvu9q`, did you mean xcvu9p or xcu50 or xcvu13p? (families: agilex 7, arria 10, artix-7, cyclone v, ecp5, gw2a, ice40, kintex-7, nexus, stratix 10, ultrascale, ultrascale+)
    "#]],
    );
    names(&dir, "build m.keras -o p --target zebra", &["`zebra`", "families", "ultrascale+"]);
    let legal = ["cannot be represented", "1 to 128 bits"];
    names(&dir, "build m.keras -o p --precision fixed<0,0>", &legal);
    names(&dir, "build m.keras -o p --precision fixed<129,3>", &legal);
    names(&dir, "build m.keras -o p --precision fixed<8", &["fixed<8", "no closing >"]);
    names(&dir, "build m.keras -o p --precision garbage", &["garbage", "supported: auto, fixed"]);
    names(&dir, "build m.keras -o p --io stream --latency 9", &["io: parallel", "streams"]);
    names(&dir, "build m.keras -o p --reuse 2 --latency 9", &["ReuseFactor of 1", "multipliers"]);
    names(&dir, "build m.keras -o p --io serial", &["\"serial\"", "supported: parallel"]);
    names(&dir, "build m.keras -o p --strategy fast", &["\"fast\"", "supported: latency"]);
    let blocks = ["xcvu9p has 6840 DSP blocks", "6841 are asked for"];
    names(&dir, "build m.keras -o p --target xcvu9p --dsp 6841", &blocks);
    names(&dir, "build m.keras -o p --dsp few", &["\"few\"", "supported: auto, none"]);
    names(&dir, "build m.keras -o p --reuse 0", &["--reuse", "1 and more"]);
    for clock in ["0.01", "NaN", "inf", "-5", "1e9"] {
        let line = format!("build m.keras -o p --clock={clock}");
        names(&dir, &line, &["clock period", "supported: 0.1 to 1000 ns"]);
    }
    // Every layer is named, and what to do.
    let wide = ["m.keras:dense: ", "m.keras:dense_1: ", "at most 128", "help: narrow"];
    names(&dir, "build m.keras -o p --precision fixed<128,64>", &wide);
}

#[test]
fn warnings_can_be_denied() {
    let dir = bench();
    // A rounding accumulator: the sums depend on their order.
    let line = "build m.keras -o p --reuse 4 --precision fixed<8,3> --deny-warnings";
    names(&dir, line, &["m.keras:dense: ReuseFactor has no effect", "m.keras:dense_2: "]);
}

#[test]
fn samples() {
    let dir = with_project();
    let file = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    npy(&dir.path().join("wide.npy"), &[3, 17], &values(2, 51));
    npy(&dir.path().join("none.npy"), &[0, 16], &[]);
    npy(&dir.path().join("scalar.npy"), &[], &[1.0]);
    let mut bad = values(3, 32);
    (bad[5], bad[6]) = (f64::NAN, f64::INFINITY);
    npy(&dir.path().join("nan.npy"), &[2, 16], &bad);
    file("text.npy", &npy_bytes("<U1", &[1, 16], &[0; 64]));
    file("complex.npy", &npy_bytes("<c16", &[1, 16], &[0; 256]));
    file("object.npy", &npy_bytes("|O", &[1, 16], &[0; 128]));
    file("huge.npy", &npy_bytes("<f8", &[1 << 40, 16], &[0; 128]));
    file("short.npy", &npy_bytes("<f8", &[2, 16], &[0; 128]));
    file("cut.npy", &npy_bytes("<f8", &[2, 16], &[])[..40]);
    file("empty.npy", b"");
    file("empty.csv", b"");
    file("word.csv", b"1,2\n3,x\n");
    file("ragged.csv", b"1,2\n3\n");
    file("bad.npz", b"no archive");
    check(
        &dir,
        "predict p --input wide.npy",
        &expect![[r#"
        error: wide.npy: shape [3, 17] does not fit: input_layer takes [16] for each sample
    "#]],
    );
    check(
        &dir,
        "predict p --input nan.npy",
        &expect![[r#"
        error: nan.npy: 2 values are NaN or infinite
    "#]],
    );
    for (name, parts) in [
        ("text.npy", &["U1", "supported: floats and integers"][..]),
        ("complex.npy", &["c16", "supported: floats and integers"]),
        ("object.npy", &["O", "supported: floats and integers"]),
        ("none.npy", &["no samples"]),
        ("scalar.npy", &["does not fit", "[16]"]),
        ("huge.npy", &[]),
        ("short.npy", &[]),
        ("cut.npy", &[]),
        ("empty.npy", &[]),
        ("empty.csv", &[]),
        ("word.csv", &["line 2", "\"x\""]),
        ("ragged.csv", &["line 2", "1 values", "2"]),
        ("bad.npz", &[]),
        ("absent.npy", &["cannot read"]),
        ("p", &["supported: .npy"]),
    ] {
        for source in ["p", "m.keras"] {
            let line = format!("predict {source} --input {name} --output y.npy");
            names(&dir, &line, &[&[format!("{name}: ").as_str()], parts].concat());
        }
        names(&dir, &format!("cosim p --input {name}"), parts);
        names(&dir, &format!("build m.keras -o q --calibrate {name}"), parts);
    }
    check(
        &dir,
        "predict p --input x.npy --input x.npy",
        &expect![[r#"
        error: 2 input files given, the model has 1 inputs (input_layer)
    "#]],
    );
    names(&dir, "predict p --input x.npy --labels x.npy", &["x.npy", "48 labels for 3 samples"]);
    names(&dir, "predict p --input x.npy --output y.csv", &["y.csv", "supported: .npy, .npz"]);
    names(&dir, "predict p --input x.npy --output no/y.npy", &["no/y.npy", "cannot write"]);
    names(&dir, "predict p --input x.npy --trace x.npy", &["x.npy"]);
}

#[test]
fn engines_and_projects() {
    let dir = with_project();
    names(&dir, "predict m.keras --input x.npy --engine rtl", &["rtl", "nn2rtl build"]);
    names(&dir, "predict m.keras --input x.npy --engine hls", &["hls", "nn2rtl build"]);
    names(&dir, "predict p --input x.npy --engine float", &["float", "model file"]);
    names(&dir, "predict p --input x.npy --engine datapath --trace t", &["--trace", "emulator"]);
    names(&dir, "cosim p --stall 1.5", &["--stall 1.5"]);
    names(&dir, "cosim p --stall NaN --resets 1", &["--stall NaN", "--resets 1"]);
    for (option, value) in [("--precision", "fixed<8,4>"), ("--clock", "5"), ("--io", "parallel")] {
        let line = format!("predict p --input x.npy {option} {value}");
        names(&dir, &line, &["p: ", option, "made already"]);
        names(&dir, &format!("estimate p {option} {value}"), &[option, "made already"]);
    }
    std::fs::create_dir(dir.path().join("e")).unwrap();
    for command in ["cosim e", "compare e"] {
        names(&dir, command, &["e: ", "no nn2rtl.json"]);
    }
    run(
        0,
        &[
            "build",
            text(&dir.path().join("m.keras")),
            "--flow",
            "rtl",
            "-o",
            text(&dir.path().join("r")),
        ],
    );
    names(&dir, "predict r --input x.npy --engine hls", &["without the HLS path", "--flow"]);
}

#[test]
fn damaged_projects() {
    let dir = with_project();
    let p = dir.path().join("p");
    let design = std::fs::read(p.join("design.json")).unwrap();
    std::fs::write(p.join("design.json"), &design[..design.len() / 2]).unwrap();
    names(&dir, "predict p --input x.npy", &["p: design.json is damaged"]);
    names(&dir, "cosim p", &["p: design.json is damaged"]);
    std::fs::write(p.join("design.json"), [&design[..], b" "].concat()).unwrap();
    names(
        &dir,
        "predict p --input x.npy",
        &["p: design.json has been changed", "build the project"],
    );
    std::fs::remove_file(p.join("design.json")).unwrap();
    names(&dir, "predict p --input x.npy", &["p", "design.json"]);
    std::fs::write(p.join("nn2rtl.json"), "garbage").unwrap();
    for command in ["estimate p", "compare p", "cosim p"] {
        names(&dir, command, &["p: nn2rtl.json is damaged"]);
    }
}

#[test]
fn missing_tools_say_how_to_get_them() {
    let dir = with_project();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for (engine, parts) in [
        ("rtl", ["verilator not found", "scripts/setup.sh"]),
        ("hls", ["not found", "scripts/setup.sh"]),
    ] {
        let output = nn2rtl()
            .args(["cosim", "p", "--samples", "3", "--engines", engine])
            .current_dir(dir.path())
            .env("PATH", &empty)
            .env("NN2RTL_TOOLS", &empty)
            .env("NN2RTL_CACHE", dir.path().join("cache"))
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{engine}: {message}");
        assert!(parts.iter().all(|it| message.contains(it)), "{engine}: {message}");
    }
    assert!(!dir.path().join("p/cosim.json").exists(), "no result without a simulation");
}

#[test]
fn output_folders_that_are_not_ours() {
    let dir = bench();
    let thesis = dir.path().join("thesis");
    std::fs::create_dir(&thesis).unwrap();
    std::fs::write(thesis.join("thesis.tex"), "years of work").unwrap();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    check(
        &dir,
        "build m.keras -o thesis",
        &expect![[r#"
        error: thesis: the folder is not an nn2rtl project (it has no nn2rtl.json) and is not empty
          help: choose another folder, or give --force to replace it
    "#]],
    );
    names(&dir, "build m.keras -o .", &[".: ", "is not an nn2rtl project"]);
    names(&dir, "build m.keras -o file", &["file: there is a file of this name"]);
    names(&dir, "build m.keras -o file --force", &["file: there is a file of this name"]);
    names(&dir, "build m.keras -o file/p", &["file/p: "]);
    names(&dir, "build m.keras -o /proc/nn2rtl/p", &["/proc/nn2rtl/p: making the folder failed"]);
    run(0, &["build", text(&dir.path().join("m.keras")), "-o", text(&thesis), "--force"]);
    assert!(!thesis.join("thesis.tex").exists(), "--force replaces the folder");
    assert!(thesis.join("nn2rtl.json").exists());
}

#[test]
fn command_lines() {
    let dir = bench();
    for line in [
        "frobnicate",
        "build",
        "build m.keras --flow up",
        "build m.keras --clock five",
        "predict m.keras",
        "predict m.keras --input x.npy --engine gpu",
        "cosim p --engines rtl,gpu",
    ] {
        refused(&dir, line);
    }
}

#[test]
fn matrices() {
    let dir = bench();
    npy(&dir.path().join("half.npy"), &[1, 2], &[1.0, 0.5]);
    npy(&dir.path().join("cube.npy"), &[1, 1, 2], &[1.0, 2.0]);
    names(&dir, "cmvm half.npy", &["half.npy: 0.5 at [0, 1]"]);
    names(&dir, "cmvm cube.npy", &["cube.npy: shape [1, 1, 2]", "matrix"]);
    names(&dir, "cmvm none.npy", &["none.npy: cannot read"]);
    names(&dir, "cmvm half.npy --input zebra", &["zebra", "supported"]);
}
