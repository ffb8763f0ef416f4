//! Whole projects simulated: the SystemVerilog in Verilator and the HLS C++ under g++ must give the
//! emulator's bits. Needs the tools of `scripts/setup.sh`; without them every test here says that it
//! is skipped, or fails if `NN2RTL_REQUIRE_TOOLS` is 1.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use nn2rtl::tools::Tools;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{files, json, own, run, shared, text};

pub(crate) const K3: &str = "tests/models/k3_mlp.keras";
const DIGITS: &str = "examples/digits/digits.keras";

/// What is missing here, or `None` after a loud note. Missing tools fail where they are required.
pub(crate) fn available<T, E: std::fmt::Display>(found: Result<T, E>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            let required = std::env::var("NN2RTL_REQUIRE_TOOLS").is_ok_and(|it| it == "1");
            assert!(!required, "NN2RTL_REQUIRE_TOOLS is set, but: {error}");
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

/// The tools that cosimulation needs.
pub(crate) fn tools() -> Option<Tools> {
    let tools = Tools::find();
    let complete = tools.and_then(|tools| {
        tools.verilator()?;
        tools.cxx()?;
        tools.ap_types()?;
        Ok(tools)
    });
    available(complete)
}

/// A project in a folder that goes with it.
pub(crate) struct Project {
    pub(crate) scratch: TempDir,
    pub(crate) dir: PathBuf,
}

impl Project {
    /// Builds a model (with the arguments that go with it).
    pub(crate) fn build(model: &Path, options: &[&str]) -> Project {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("project");
        run(0, &[&["build", text(model), "-o", text(&dir)], options].concat());
        Project { scratch, dir }
    }

    /// A JSON file of the project.
    pub(crate) fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.join(file)).unwrap()).unwrap()
    }

    /// Cosimulates; nothing may differ.
    pub(crate) fn cosim(&self, options: &[&str]) -> Value {
        let json = json(0, &[&["cosim", text(&self.dir)], options].concat());
        assert_eq!(json["cosim"]["mismatches"], 0, "{json}");
        json
    }

    /// Cosimulates both engines without disturbance: the timing must be what was planned.
    pub(crate) fn check(&self, options: &[&str]) -> Value {
        let json = self.cosim(options);
        assert_eq!(json["cosim"]["engines"].as_array().unwrap().len(), 2, "{json}");
        let manifest = self.json("nn2rtl.json");
        let planned = manifest["rtl"]["latency"].as_f64().unwrap();
        let span = |key: &str| {
            let span = &json["timing"][key];
            [span["min"].as_f64().unwrap(), span["max"].as_f64().unwrap()]
        };
        assert_eq!(span("latency"), [planned, planned], "{json}");
        assert_eq!(span("interval"), [1.0, 1.0], "{json}");
        assert_eq!(manifest["rtl"]["interval"], 1);
        json
    }
}

/// Writes a configuration file.
pub(crate) fn config(folder: &Path, config: &Value) -> PathBuf {
    let path = folder.join("config.json");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// Builds the same network from several containers under one name; `rtl/` and `hls/` must be equal
/// but for the name of the file. Returns the first project.
fn containers(stem: &str, weights: &str) -> Project {
    let scratch = tempfile::tempdir().unwrap();
    let named = config(scratch.path(), &json!({ "ProjectName": "net" }));
    let weights = own("tests/models").join(weights);
    let mut projects = Vec::new();
    for ending in ["keras", "h5", "json"] {
        let file = own("tests/models").join(format!("{stem}.{ending}"));
        let mut options = vec!["--config", text(&named)];
        if ending == "json" {
            options.extend(["--weights", text(&weights)]);
        }
        let project = Project::build(&file, &options);
        let mut sources: BTreeMap<PathBuf, String> = BTreeMap::new();
        for (path, bytes) in files(&project.dir) {
            if path.starts_with("rtl") || path.starts_with("hls") {
                let source = String::from_utf8(bytes).unwrap();
                // Comments name the file, and are broken where its name ends.
                let code = source.lines().filter(|it| !it.trim_start().starts_with("//"));
                let code = code.collect::<Vec<_>>().join("\n");
                sources.insert(path, code.replace(text(&file), "MODEL"));
            }
        }
        assert!(sources.len() > 20, "only {} sources", sources.len());
        projects.push((project, sources));
    }
    let (first, rest) = projects.split_first().unwrap();
    for (project, sources) in rest {
        for (path, source) in &first.1 {
            let other = sources.get(path);
            assert!(other == Some(source), "{}: {} differs", project.dir.display(), path.display());
        }
        assert_eq!(first.1.len(), sources.len());
    }
    projects.swap_remove(0).0
}

#[test]
fn keras3_mlp() {
    let Some(_) = tools() else { return };
    containers("k3_mlp", "k3_mlp.weights.h5").check(&["--samples", "200"]);
}

#[test]
fn keras2_mlp() {
    let Some(_) = tools() else { return };
    containers("k2_mlp", "k2_mlp_weights.h5").check(&["--samples", "200"]);
}

#[test]
fn onnx_mlp_of_both_exporters() {
    let Some(_) = tools() else { return };
    for exporter in ["legacy", "dynamo"] {
        let model = own(&format!("tests/models/t_mlp_{exporter}.onnx"));
        Project::build(&model, &[]).check(&["--samples", "200"]);
    }
}

#[test]
fn pytorch_mlp() {
    let Some(_) = tools() else { return };
    for model in ["t_mlp.pt2", "t_strides.pt2"] {
        let model = own(&format!("tests/models/{model}"));
        Project::build(&model, &[]).check(&["--samples", "200"]);
    }
}

#[test]
fn digits_with_their_test_set() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own(DIGITS), &[]);
    let input = own("examples/digits/x_test.npy");
    let json = project.check(&["--samples", "200", "--input", text(&input)]);
    // 200 random samples, 5 corners, and the user's own.
    assert!(json["cosim"]["samples"].as_u64().unwrap() > 205 + 100, "{json}");
}

/// Small convolutional networks, whole.
#[test]
fn convolutional_networks() {
    let Some(_) = tools() else { return };
    for model in ["k3_conv1d.keras", "k2_cnn.h5"] {
        let Some(model) = shared(&format!("samples/{model}")) else { return };
        Project::build(&model, &["--precision", "fixed<8,4>"]).check(&["--samples", "50"]);
    }
}

/// Small recurrent networks, whole.
#[test]
fn recurrent_networks() {
    let Some(_) = tools() else { return };
    for model in ["k3_rnn.h5", "t_rnn.pt2"] {
        let Some(model) = shared(&format!("samples/{model}")) else { return };
        Project::build(&model, &["--precision", "fixed<8,3>"]).check(&["--samples", "50"]);
    }
}

/// Quantizers whose scales are no powers of two: integers in hardware, scales outside.
#[test]
fn quantizers_of_any_scale() {
    let Some(_) = tools() else { return };
    let samples = own("tests/models/b_mlp.npz");
    let project = Project::build(&own("tests/models/b_mlp_qonnx.onnx"), &[]);
    project.check(&["--samples", "50", "--input", text(&samples)]);
    for name in ["b_mlp_qcdq", "b_cnn_qonnx"] {
        let Some(model) = shared(&format!("samples/{name}.onnx")) else { return };
        let golden = model.with_file_name(format!("{}.npz", &name[..5]));
        let project = Project::build(&model, &[]);
        project.check(&["--samples", "50", "--input", text(&golden)]);
    }
}

/// Sums of three terms and work in DSP blocks, as devices of two makers have them.
#[test]
fn ternary_adders_and_dsp_blocks() {
    let Some(_) = tools() else { return };
    for (model, target, blocks) in [(DIGITS, "xcvu9p", 300), (K3, "arria10", 20)] {
        let count = blocks.to_string();
        let project = Project::build(&own(model), &["--target", target, "--dsp", &count]);
        project.check(&["--samples", "300"]);
        let total = &project.json("nn2rtl.json")["comparison"]["total"]["rtl"]["dsp"]["value"];
        let used = total.as_f64().unwrap();
        assert!(used <= f64::from(blocks), "{used} of {blocks} on {target}");
        assert!(used > 0.0 || target == "arria10", "no block is used on {target}");
    }
}

#[test]
fn jsc_mlp() {
    let Some(_) = tools() else { return };
    let Some(model) = shared("models/p02_jsc_mlp_keras2/keras_model.keras") else { return };
    Project::build(&model, &[]).check(&["--samples", "300"]);
}

#[test]
fn stalls_and_bubbles_change_no_bit() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own(K3), &[]);
    for options in [&["--stall", "0.3"][..], &["--axi"], &["--axi", "--stall", "0.3"]] {
        let all = [&["--samples", "200", "--engines", "rtl", "--seed", "7"], options].concat();
        let json = project.cosim(&all);
        assert_eq!(json["timing"]["samples"], 205, "{json}");
        if options.contains(&"--stall") {
            let cycles = json["timing"]["cycles"].as_u64().unwrap();
            assert!(cycles > 205 * 13 / 10, "{cycles} cycles are too few for stalls of 0.3");
        }
    }
}

#[test]
fn waves_are_written() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own(K3), &["--precision", "fixed<8,3>"]);
    let wave = project.scratch.path().join("out.fst");
    project.cosim(&["--samples", "20", "--engines", "rtl", "--wave", text(&wave)]);
    assert!(std::fs::metadata(&wave).unwrap().len() > 1000, "the waves are empty");
}

/// Accumulators that saturate after every product, as hls4ml's do: order matters, nothing commutes.
#[test]
fn narrow_saturating_accumulators() {
    let Some(_) = tools() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let narrow = json!({ "Precision": { "accum": "fixed<12,6,RND,SAT>" } });
    let layers = ["dense", "dense_1", "dense_2"].map(|it| (it.to_owned(), narrow.clone()));
    let all = json!({
        "Model": { "Precision": { "default": "fixed<16,6>" }, "ReuseFactor": 1 },
        "LayerName": Value::Object(layers.into_iter().collect()),
        "Compat": "hls4ml",
    });
    let file = config(scratch.path(), &all);
    let project = Project::build(&own(K3), &["--config", text(&file)]);
    project.check(&["--samples", "200"]);
    let is_narrow = |it: &&Value| {
        it["role"] == "accum" && it["format"].as_str().unwrap().contains("12,6,RND,SAT")
    };
    let manifest = project.json("nn2rtl.json");
    assert_eq!(manifest["formats"].as_array().unwrap().iter().filter(is_narrow).count(), 3);
}

#[test]
fn several_precisions() {
    let Some(_) = tools() else { return };
    for precision in ["fixed<8,3>", "fixed<10,4,RND,SAT>", "fixed<13,5,RND_CONV,SAT_SYM>"] {
        let project = Project::build(&own(K3), &["--precision", precision]);
        project.check(&["--samples", "200"]);
    }
}

/// Changes a digit of a file: the first one behind all markers, each behind the one before it.
fn corrupt(path: &Path, markers: &[&str]) {
    let mut source = std::fs::read_to_string(path).unwrap();
    let behind = |from: usize, marker: &&str| {
        let at = source[from..].find(marker);
        from + at.unwrap_or_else(|| panic!("no {marker:?} in {}", path.display())) + marker.len()
    };
    let at = markers.iter().fold(0, behind);
    let digit = source[at..].find(|it: char| it.is_ascii_digit()).unwrap() + at;
    let other = if &source[digit..=digit] == "1" { "2" } else { "1" };
    source.replace_range(digit..=digit, other);
    std::fs::write(path, source).unwrap();
}

/// A cosimulation that must find differences; returns what it says of the first one.
fn caught(project: &Project, engine: &str) -> String {
    let options = ["cosim", text(&project.dir), "--samples", "50", "--engines", engine];
    let json = json(1, &options);
    assert!(json["cosim"]["mismatches"].as_u64().unwrap() > 0, "{json}");
    let said = json["cosim"]["first_difference"].as_str().unwrap().to_owned();
    assert!(said.contains("emulator ") && said.matches(" = ").count() == 2, "{said}");
    said
}

#[test]
fn a_changed_constant_of_the_rtl_is_caught() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own(K3), &[]);
    // A bias: `assign dense_2_0 = s12 + 33'd165281792;`
    corrupt(&project.dir.join("rtl/k3_mlp_dense_2.sv"), &["assign dense_2_0 = ", "'d"]);
    let said = caught(&project, "rtl");
    // The output is the softmax of the wrong layer.
    assert!(said.contains("softmax[") && said.contains("RTL"), "{said}");
    let shown = run(1, &["cosim", text(&project.dir), "--samples", "50", "--engines", "rtl"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(&said), "not shown to people");
}

#[test]
fn a_changed_weight_of_the_hls_is_caught_in_its_layer() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own(K3), &[]);
    let weights = project.dir.join("hls/vitis/firmware/weights/dense_1_weights.h");
    corrupt(&weights, &["] = {\n#endif\n", "0."]);
    let said = caught(&project, "hls");
    assert!(said.contains("dense_1[") && said.contains("HLS"), "{said}");
    // Values and format are that layer's, not the softmax's, which is unsigned.
    assert!(said.contains("(fixed<"), "{said}");
}

#[test]
fn compare_after_cosim_says_what_was_simulated() {
    let Some(_) = tools() else { return };
    let project = Project::build(&own(K3), &[]);
    project.cosim(&["--samples", "200"]);
    let json = json(0, &["compare", text(&project.dir)]);
    assert_eq!(json["cosim"]["mismatches"], 0, "{json}");
    assert!(json.to_string().contains("simulated"), "{json}");
    let latency = &project.json("nn2rtl.json")["rtl"]["latency"];
    let page = std::fs::read_to_string(project.dir.join("report.html")).unwrap();
    assert!(page.contains("<html") && page.contains("dense_1"), "the page is not whole");
    assert!(page.contains(&latency.to_string()));
    assert!(project.dir.join("network.svg").is_file());
}

/// Verilator finds nothing to complain of, not even with all its warnings.
#[test]
fn lint_is_clean() {
    let Some(tools) = tools() else { return };
    let verilator = tools.verilator().unwrap();
    for (model, name) in [(K3, "k3_mlp"), (DIGITS, "digits")] {
        let project = Project::build(&own(model), &[]);
        let mut command = verilator.command();
        command.current_dir(&project.dir).args(["--lint-only", "-Wall", "--no-timing"]);
        command.args(["sim/waivers.vlt", "-f", "rtl/filelist.f"]);
        command.args(["--top-module", &format!("{name}_axis")]);
        let done = command.output().unwrap();
        let said = [done.stdout, done.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        let said = said.concat();
        assert!(done.status.success() && !said.contains("%Warning"), "{name}:\n{said}");
    }
}

/// Reads a project by slang and by Yosys's slang front end. One thread: with several, pyslang 12.1 now
/// and then reports an assignment as a second driver of itself.
const READERS: &str = r#"
import sys
from pyosys import libyosys as ys
from pyslang import driver
top = sys.argv[1]
files = [l.strip() for l in open("rtl/filelist.f") if l.strip().endswith(".sv")]
it = driver.Driver()
it.addStandardArgs()
assert it.parseCommandLine("slang -j 1 -I rtl --top %s %s" % (top, " ".join(files)))
assert it.processOptions() and it.parseAllSources()
assert it.runFullCompilation(False), "slang has complaints"
design = ys.Design()
ys.run_pass("read_slang -D SYNTHESIS -I rtl " + " ".join(files) + " --top " + top, design)
ys.run_pass("hierarchy -check -top " + top, design)
ys.run_pass("check -assert", design)
print("readers: fine")
"#;

#[test]
fn slang_and_yosys_read_it() {
    let found = Tools::find().and_then(|it| it.python());
    let Some(python) = available(found) else { return };
    let there = Command::new(&python).args(["-c", "import pyslang, pyosys"]).output().unwrap();
    let there = match there.status.success() {
        true => Ok(()),
        false => Err("no pyslang and pyosys; install them with `scripts/setup.sh --all`"),
    };
    let Some(()) = available(there) else { return };
    for (model, name) in [(K3, "k3_mlp"), (DIGITS, "digits")] {
        let project = Project::build(&own(model), &[]);
        let mut command = Command::new(&python);
        command.current_dir(&project.dir).args(["-c", READERS, &format!("{name}_axis")]);
        let done = command.output().unwrap();
        let said = [done.stdout, done.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        assert!(done.status.success(), "{name}:\n{}", said.concat());
        assert!(said[0].contains("readers: fine"), "{name}:\n{}", said.concat());
    }
}
