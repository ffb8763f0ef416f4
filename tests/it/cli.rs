//! The commands as a user meets them: help, JSON, files in and out, and that they agree.

use std::path::Path;

use expect_test::expect;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{json, nn2rtl, npy, own, run, text, tree, values};

const COMMANDS: [&str; 11] = [
    "build",
    "predict",
    "cosim",
    "synth",
    "bitstream",
    "compare",
    "estimate",
    "config",
    "inspect",
    "targets",
    "cmvm",
];

/// A folder with a model (`m.keras`, 16 inputs), samples (`x.npy`) and a project (`p`).
struct Bench(TempDir);

impl Bench {
    fn new() -> Bench {
        let bench = Bench(tempfile::tempdir().unwrap());
        std::fs::copy(own("tests/models/k3_mlp.keras"), bench.path("m.keras")).unwrap();
        npy(Path::new(&bench.path("x.npy")), &[4, 16], &values(7, 64));
        bench
    }

    fn with_project() -> Bench {
        let bench = Bench::new();
        run(0, &["build", &bench.path("m.keras"), "-o", &bench.path("p")]);
        bench
    }

    fn path(&self, name: &str) -> String {
        text(&self.0.path().join(name)).to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

fn stdout(args: &[&str]) -> String {
    String::from_utf8(run(0, args).stdout).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("a JSON object").keys().map(String::as_str).collect()
}

#[test]
fn every_command_has_help() {
    let all = stdout(&["--help"]);
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command} ")), "{command} is not listed");
        let help = stdout(&[command, "--help"]);
        assert!(help.contains(&format!("Usage: nn2rtl {command}")), "{help}");
        assert!(help.contains("--json"), "{help}");
    }
    assert!(stdout(&["--version"]).starts_with("nn2rtl "));
    // The listing holds these commands, `help`, and no others.
    let listed = all.lines().skip_while(|it| *it != "Commands:").skip(1);
    let listed: Vec<&str> = listed.take_while(|it| !it.is_empty()).collect();
    assert_eq!(listed.len(), COMMANDS.len() + 1, "{all}");
}

#[test]
fn json_of_commands_that_look() {
    let bench = Bench::new();
    let (model, input) = (bench.path("m.keras"), bench.path("x.npy"));
    let inspect = json(0, &["inspect", &model]);
    expect!["file format sha256 supported layers formats undecided proof removed unused warnings"]
        .assert_eq(&keys(&inspect).join(" "));
    assert_eq!(inspect["sha256"].as_str().unwrap().len(), 64);
    expect!["config formats warnings"].assert_eq(&keys(&json(0, &["config", &model])).join(" "));
    expect!["model part clock_ns settings device total rtl_stage_ns layers notes fit warnings"]
        .assert_eq(&keys(&json(0, &["estimate", &model])).join(" "));
    let predict = json(0, &["predict", &model, "--input", &input]);
    expect![[r#"{"samples":4,"outputs":{"softmax":[4,5]},"accuracy":null,"warnings":[]}"#]]
        .assert_eq(&predict.to_string());
    let targets = json(0, &["targets", "xcvu"]);
    let devices = targets["devices"].as_array().unwrap();
    assert!(!devices.is_empty());
    for device in devices {
        assert!(device["name"].as_str().unwrap().contains("xcvu"), "{device}");
        let found = keys(device).join(" ");
        assert_eq!(found, "name part parts fabric total clock_ns basis source");
    }
}

#[test]
fn json_of_commands_on_projects() {
    let bench = Bench::new();
    let (model, project) = (bench.path("m.keras"), bench.path("p"));
    let build = json(0, &["build", &model, "-o", &project]);
    expect!["project rtl hls files proof folding kernels warnings"]
        .assert_eq(&keys(&build).join(" "));
    assert_eq!(build["rtl"]["interval"], 1);
    // Every file that is listed is there, and the other way round.
    let mut listed: Vec<&str> =
        build["files"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    listed.push("nn2rtl.json");
    listed.sort_unstable();
    let mut found: Vec<String> =
        tree(Path::new(&project)).iter().map(|it| it.0.to_str().unwrap().to_owned()).collect();
    found.sort_unstable();
    assert_eq!(listed, found);
    let compare = json(0, &["compare", &project]);
    assert!(keys(&compare).contains(&"warnings"));
    assert!(Path::new(&bench.path("p/report.html")).is_file());
    let page = bench.path("page.html");
    json(0, &["compare", &project, "--html", &page]);
    assert!(Path::new(&page).is_file());
}

/// Needs the C++ tools, as the tests of cosimulation do.
#[test]
fn json_of_cosim() {
    let bench = Bench::with_project();
    let project = bench.path("p");
    let args = ["--json", "cosim", &project, "--engines", "hls", "--samples", "3"];
    let output = nn2rtl().args(args).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(2) && printed.contains("not found; install it") {
        assert!(std::env::var_os("NN2RTL_REQUIRE_TOOLS").is_none(), "{printed}");
        eprintln!("SKIPPED: {printed}");
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let cosim: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(keys(&cosim), ["cosim", "timing", "warnings"]);
    assert_eq!(cosim["cosim"]["mismatches"], 0);
    assert_eq!(cosim["cosim"]["samples"], 3 + 5);
}

#[test]
fn inspect_lists_layers() {
    let text = stdout(&["inspect", &Bench::new().path("m.keras")]);
    for part in ["Keras 3 archive", "batch_normalization", "Dense", "Softmax", "parameters"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

/// All that is known of a model that can be read: also what quantizers it has, and what is left over.
#[test]
fn inspect_draws_and_tells_all() {
    let bench = Bench::new();
    let (model, picture) =
        (text(&own("tests/models/qk2_mlp.h5")).to_owned(), bench.path("net.svg"));
    let said = stdout(&["inspect", &model, "--svg", &picture]);
    for part in ["FixedPointQuantizer", "ufixed<6,2,RND_CONV,SAT>", "the model's own: exactly"] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
    let picture = String::from_utf8(bench.read("net.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("relu1"), "{picture}");
    let inspected = json(0, &["inspect", &model]);
    let types = inspected["formats"].as_array().unwrap();
    let of = |layer: &str, role: &str| {
        types.iter().find(|it| it["layer"] == layer && it["role"] == role).unwrap()["format"]
            .clone()
    };
    assert_eq!(of("fc1", "weight"), "fixed<6,1>");
    assert_eq!(of("qb", "result"), "fixed<7,3>");
    // The layers of one model with the weights of another.
    let layers = r#"{"class_name": "Sequential", "config": [{"class_name": "Flatten", "config":
        {"name": "flat", "batch_input_shape": [null, 2, 3]}}]}"#;
    std::fs::write(bench.path("flat.json"), layers).unwrap();
    let weights = text(&own("tests/models/k3_mlp.weights.h5")).to_owned();
    let arguments = ["inspect", &bench.path("flat.json"), "--weights", &weights];
    assert!(stdout(&arguments).contains("stored, but read by no layer: "));
    assert_eq!(json(0, &arguments)["unused"].as_array().unwrap().len(), 9);
}

/// The lines of a configuration, without the reasons for its types.
fn configuration(text: &str) -> String {
    text.lines().filter(|it| !it.starts_with('#')).map(|it| format!("{it}\n")).collect()
}

#[test]
fn config_round_trip() {
    for options in [&[][..], &["--precision", "fixed<12,5>"], &["--target", "xcku115"]] {
        let bench = Bench::new();
        let (model, file) = (bench.path("m.keras"), bench.path("c.yml"));
        let first = stdout(&[&["config", &model], options].concat());
        std::fs::write(&file, &first).unwrap();
        let second = stdout(&["config", &model, "-c", &file]);
        assert_eq!(configuration(&first), configuration(&second), "{options:?}");
        std::fs::write(&file, &second).unwrap();
        assert_eq!(second, stdout(&["config", &model, "-c", &file]), "{options:?}");
        run(0, &[&["build", &model, "-o", &bench.path("a")], options].concat());
        run(0, &["build", &model, "-o", &bench.path("b"), "-c", &file]);
        let same = bench.read("a/design.json") == bench.read("b/design.json");
        assert!(same, "{options:?}: another design");
    }
}

#[test]
fn config_granularities() {
    let model = Bench::new().0;
    std::fs::copy(own("tests/models/k3_mlp.keras"), model.path().join("m.keras")).unwrap();
    let path = model.path().join("m.keras");
    let of = |it: &str| json(0, &["config", text(&path), "--granularity", it])["config"].clone();
    assert!(of("model").to_string().contains("Model"));
    assert!(of("type").to_string().contains("LayerType"));
    assert!(of("name").to_string().contains("LayerName"));
}

/// A whole file of hls4ml, tag and all.
#[test]
fn configuration_of_hls4ml() {
    let bench = Bench::new();
    let file = bench.path("hls4ml_config.yml");
    let whole = std::fs::read_to_string(own("tests/golden/precision/hls4ml_config.yml")).unwrap();
    let ours =
        whole.replace("    bn:", "    batch_normalization:").replace("    fc2:", "    dense_1:");
    std::fs::write(&file, ours).unwrap();
    let output = run(0, &["build", &bench.path("m.keras"), "-c", &file, "-o", &bench.path("p")]);
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!warnings.contains("unknown"), "{warnings}");
    let design: Value = serde_json::from_slice(&bench.read("p/design.json")).unwrap();
    assert_eq!(design["plan"]["part"], "xcvu13p-flga2577-2-e");
    assert_eq!(design["plan"]["name"], "myproject");
}

#[test]
fn estimates_of_model_and_project_agree() {
    let bench = Bench::with_project();
    let of = |it: &str| json(0, &["estimate", &bench.path(it)]);
    assert_eq!(of("m.keras"), of("p"));
    let text = |it: &str| stdout(&["estimate", &bench.path(it)]);
    assert_eq!(text("m.keras"), text("p"));
}

#[test]
fn predictions_agree() {
    let bench = Bench::with_project();
    let csv: String = values(7, 64)
        .chunks(16)
        .map(|it| it.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    std::fs::write(bench.path("x.csv"), csv).unwrap();
    for (source, input, output) in
        [("m.keras", "x.npy", "a.npy"), ("p", "x.npy", "b.npy"), ("p", "x.csv", "c.npy")]
    {
        let (source, input) = (bench.path(source), bench.path(input));
        run(0, &["predict", &source, "--input", &input, "--output", &bench.path(output)]);
    }
    assert_eq!(bench.read("a.npy").len(), 128 + 4 * 5 * 8);
    assert_eq!(bench.read("a.npy"), bench.read("b.npy"));
    assert_eq!(bench.read("b.npy"), bench.read("c.npy"));
    run(
        0,
        &[
            "predict",
            &bench.path("p"),
            "--input",
            &bench.path("x.npy"),
            "--trace",
            &bench.path("t"),
        ],
    );
    assert!(Path::new(&bench.path("t/dense.npy")).is_file());
}

/// A number of cycles decides on the clock, or is checked against it.
#[test]
fn latency_as_a_target() {
    let bench = Bench::new();
    let (model, dir) = (bench.path("m.keras"), bench.path("p"));
    let base = ["build", &model, "-o", &dir, "--latency"];
    run(0, &[&base[..], &["6"]].concat());
    let manifest =
        |bench: &Bench| -> Value { serde_json::from_slice(&bench.read("p/nn2rtl.json")).unwrap() };
    let free = manifest(&bench);
    let clock = free["comparison"]["clock_ns"].as_f64().unwrap();
    assert_eq!(free["rtl"]["latency"], 6);
    assert_eq!(free["rtl"]["stage_ns"].as_array().unwrap().len(), 5);
    assert_eq!(free["rtl"]["register_bits_least"], true);
    // Nothing is left of the shortest clock but what rounding it to a picosecond takes.
    let slack = free["rtl"]["slack_ns"].as_f64().unwrap();
    assert!((-1e-9..0.001).contains(&slack), "{slack}");
    let longer = (clock + 1.0).to_string();
    run(0, &[&base[..], &["6", "--clock", &longer]].concat());
    assert_eq!(manifest(&bench)["rtl"]["latency"], 6);
    let shorter = (clock - 0.1).to_string();
    let args = [&base[..], &["6", "--clock", &shorter]].concat();
    let missed = &json(1, &args)["missed"];
    assert_eq!(missed["needed_clock_ns"].as_f64(), Some(clock));
    assert!(missed["needed_latency"].as_u64().unwrap() > 6, "{missed}");
    let output = run(1, &args);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("target missed: 6 cycles of "));
    run(1, &["estimate", &model, "--latency", "6", "--clock", &shorter]);
    run(2, &[&base[..], &["1"]].concat());
    run(2, &[&base[..], &["6", "--flow", "hls"]].concat());
}

/// DSP blocks: none, so many, or as it takes; what a device cannot do is an error.
#[test]
fn dsp_blocks_as_a_target() {
    let bench = Bench::new();
    let (model, dir) = (bench.path("m.keras"), bench.path("p"));
    let build = |code: i32, options: &[&str]| {
        let base = ["build", &model, "-o", &dir, "--target", "xcvu9p"];
        run(code, &[&base[..], options].concat());
    };
    // Lookup tables, blocks, and products with a hint.
    let made = || {
        let manifest: Value = serde_json::from_slice(&bench.read("p/nn2rtl.json")).unwrap();
        let total = &manifest["comparison"]["total"]["rtl"];
        let figure = |name: &str| total[name]["value"].as_f64().unwrap();
        let sources = std::fs::read_dir(bench.path("p/rtl")).unwrap();
        let sources = sources.map(|it| it.unwrap().path());
        let layers = sources.filter(|it| it.extension().is_some_and(|it| it == "sv"));
        let hints = layers.map(|it| std::fs::read_to_string(it).unwrap());
        let hints: usize = hints.map(|it| it.matches("`NN_DSP ").count()).sum();
        let notes = manifest["comparison"]["notes"].to_string();
        (figure("lut"), figure("dsp"), hints, notes.contains("moved into DSP blocks"))
    };
    build(0, &["--dsp", "none"]);
    let none = made();
    assert_eq!((none.1, none.2, none.3), (0.0, 0, false));
    build(0, &[]);
    assert_eq!(made(), none);
    build(0, &["--dsp", "20"]);
    let some = made();
    assert!(some.0 < none.0 && 0.0 < some.1 && some.1 <= 20.0 && some.3, "{some:?} {none:?}");
    assert_eq!(some.1, some.2 as f64);
    // Nine tenths of what it takes without.
    let percent = (90.0 * none.0 / 1_182_240.0).to_string();
    build(0, &["--lut-percent", &percent]);
    let auto = made();
    assert!(auto.0 <= 0.9 * none.0 && auto.1 > 0.0 && auto.3, "{auto:?} {none:?}");
    build(2, &["--dsp", "100000"]);
    build(2, &["--dsp", "some"]);
    build(2, &["--lut-percent", "0"]);
    build(2, &["--dsp", "none", "--flow", "hls"]);
    run(2, &["estimate", &model, "--target", "ice40hx8k", "--dsp", "1"]);
    run(2, &["estimate", &dir, "--dsp", "1"]);
}

#[test]
fn builds_repeat_and_replace() {
    let bench = Bench::new();
    let build = |args: &[&str]| {
        let output =
            nn2rtl().arg("build").arg("m.keras").args(args).current_dir(bench.0.path()).output();
        assert_eq!(output.unwrap().status.code(), Some(0), "{args:?}");
    };
    build(&[]);
    let first = tree(&bench.0.path().join("m"));
    std::fs::write(bench.path("m/rtl/stale.sv"), "module stale; endmodule\n").unwrap();
    build(&[]);
    assert!(tree(&bench.0.path().join("m")) == first, "same input, same bytes, nothing stale");
    build(&["--flow", "rtl"]);
    assert!(!bench.0.path().join("m/hls").exists());
    let left = std::fs::read_dir(bench.0.path()).unwrap().count();
    assert_eq!(left, 3, "nothing is left beside the project");
}

/// The bytes of an ONNX model: fields are (number, content), by hand, so that no writer is needed.
mod onnx {
    /// A field of bytes.
    pub(super) fn bytes(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
        let content = content.as_ref();
        let length = u16::try_from(content.len()).unwrap();
        assert!(length < 1 << 14);
        [&[number << 3 | 2, (length & 127) as u8 | 128, (length >> 7) as u8], content].concat()
    }

    /// A field with a small number.
    pub(super) fn int(number: u8, value: u8) -> Vec<u8> {
        vec![number << 3, value]
    }

    /// Name and shape `[1, 4]` of a float tensor.
    pub(super) fn tensor(name: &str) -> Vec<u8> {
        let dims = [bytes(1, int(1, 1)), bytes(1, int(1, 4))].concat();
        let ty = bytes(1, [int(1, 1), bytes(2, dims)].concat());
        [bytes(1, name), bytes(2, ty)].concat()
    }

    /// A node of one output, named after it.
    pub(super) fn node(op: &str, input: &str, output: &str) -> Vec<u8> {
        bytes(1, [bytes(1, input), bytes(2, output), bytes(3, output), bytes(4, op)].concat())
    }
}

/// Two inputs and two outputs: files in model order, outputs in an archive.
#[test]
fn several_inputs_and_outputs() {
    let bench = Bench::new();
    let graph = [
        onnx::node("Relu", "a", "r"),
        onnx::node("Identity", "b", "kept"),
        onnx::node("LeakyRelu", "kept", "s"),
        onnx::bytes(2, "two"),
        onnx::bytes(11, onnx::tensor("a")),
        onnx::bytes(11, onnx::tensor("b")),
        onnx::bytes(12, onnx::tensor("r")),
        onnx::bytes(12, onnx::tensor("s")),
    ];
    let opset = [onnx::bytes(1, ""), onnx::int(2, 13)].concat();
    let model = [onnx::int(1, 8), onnx::bytes(7, graph.concat()), onnx::bytes(8, opset)].concat();
    std::fs::write(bench.path("two.onnx"), model).unwrap();
    npy(Path::new(&bench.path("a.npy")), &[1, 4], &[1.0, -2.0, 3.5, -4.25]);
    npy(Path::new(&bench.path("b.npy")), &[1, 4], &[5.0, 6.0, 7.0, 8.0]);
    let (two, a, b) = (bench.path("two.onnx"), bench.path("a.npy"), bench.path("b.npy"));
    let predict = ["predict", &two, "--input", &a, "--input", &b, "--output"];
    let found = json(0, &[&predict[..], &[&bench.path("y.npz")]].concat());
    assert_eq!(found["outputs"].to_string(), r#"{"r":[1,4],"s":[1,4]}"#);
    let file = std::fs::File::open(bench.path("y.npz")).unwrap();
    let mut archive = npyz::npz::NpzArchive::new(file).unwrap();
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort_unstable();
    assert_eq!(names, ["y0", "y1"]);
    let mut of = |it| archive.by_name(it).unwrap().unwrap().into_vec::<f64>().unwrap();
    assert_eq!(of("y0"), [1.0, 0.0, 3.5, 0.0]);
    assert_eq!(of("y1"), [5.0, 6.0, 7.0, 8.0]);
    // An .npy holds one array only.
    let message = run(2, &[&predict[..], &[&bench.path("y.npy")]].concat()).stderr;
    let message = String::from_utf8_lossy(&message).into_owned();
    assert!(message.contains("2 outputs do not fit in one .npy"), "{message}");
    assert!(!Path::new(&bench.path("y.npy")).exists());
}

/// The contract of the benchmark: the graph computes exactly the matrix.
#[test]
fn cmvm_is_exact() {
    let bench = Bench::new();
    let (n_in, n_out) = (7, 5);
    let mut matrix: Vec<f64> = values(9, n_in * n_out).iter().map(|it| it * 64.0).collect();
    for row in matrix.chunks_mut(n_out) {
        // A column of zeros has no value at all; an even one ends in a shift.
        row[3] = 0.0;
        row[4] *= 4.0;
    }
    npy(Path::new(&bench.path("m.npy")), &[n_in, n_out], &matrix);
    let found = json(0, &["cmvm", &bench.path("m.npy"), "--input", "fixed<8,8>"]);
    assert_eq!(
        keys(&found),
        ["seconds", "inputs", "ops", "outputs", "adder_bits", "depth", "warnings"]
    );
    assert_eq!(found["inputs"], n_in);
    let numbers = |it: &Value| -> Vec<i64> {
        it.as_array().unwrap().iter().map(|it| it.as_i64().unwrap()).collect()
    };
    let scaled = |it: &[i64], shift: i64, negate: i64| -> Vec<i64> {
        assert!((0..2).contains(&negate));
        let sign = if negate == 1 { -1 } else { 1 };
        it.iter().map(|it| sign * (it << shift)).collect()
    };
    let unit = |one: usize| (0..n_in).map(|it| i64::from(it == one)).collect::<Vec<_>>();
    let mut known: Vec<Vec<i64>> = (0..n_in).map(unit).collect();
    for op in found["ops"].as_array().unwrap() {
        let [a, sa, na, b, sb, nb] = numbers(op)[..] else { panic!("{op} is no operation") };
        assert!(sa >= 0 && sb >= 0, "{op}: shifts of operands are to the left");
        let (a, b) = (scaled(&known[a as usize], sa, na), scaled(&known[b as usize], sb, nb));
        known.push(a.iter().zip(&b).map(|(a, b)| a + b).collect());
    }
    let outputs = found["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), n_out);
    for (column, output) in outputs.iter().enumerate() {
        let want: Vec<i64> = (0..n_in).map(|it| matrix[it * n_out + column] as i64).collect();
        let got = match output {
            Value::Null => vec![0; n_in],
            some => {
                let [value, shift, negate] = numbers(some)[..] else { panic!("{some}") };
                let value = &known[value as usize];
                match shift >= 0 {
                    true => scaled(value, shift, negate),
                    false => {
                        assert!(value.iter().all(|it| it % (1 << -shift) == 0), "{some}");
                        let value: Vec<i64> = value.iter().map(|it| it >> -shift).collect();
                        scaled(&value, 0, negate)
                    }
                }
            }
        };
        assert_eq!(got, want, "column {column}");
    }
    assert_eq!(outputs[3], Value::Null);
}
