//! `io: stream`: the RTL in Verilator gives the emulator's bits at full rate and with stalls at every
//! port, in the cycles that were planned.

use serde_json::json;

use crate::cosim::{K3, Project, config, tools};
use crate::support::{json, own, run, shared, stderr, text};

/// A project of streams.
fn build(model: &std::path::Path, options: &[&str]) -> Project {
    Project::build(model, &[&["--io", "stream", "--flow", "rtl"], options].concat())
}

/// Undisturbed the figures are the plan's; disturbed the bits are the same.
fn check(project: &Project, samples: &str) {
    let told = project.cosim(&["--engines", "rtl", "--samples", samples]);
    let rtl = &project.json("nn2rtl.json")["rtl"];
    let timing = &told["timing"];
    assert_eq!(timing["first"], rtl["first"], "{told}");
    assert_eq!(timing["latency"]["min"], rtl["latency"], "{told}");
    // Behind the first samples, which fill FIFOs, every one takes as long.
    let cycles = |count: &str| {
        let told = project.cosim(&["--engines", "rtl", "--samples", count]);
        told["timing"]["cycles"].as_u64().unwrap()
    };
    let (taken, planned) = (cycles("60") - cycles("40"), rtl["interval"].as_u64().unwrap());
    assert!((20 * (planned - 1) + 1..=20 * planned).contains(&taken), "{taken}, {planned} each");
    project.cosim(&["--engines", "rtl", "--samples", samples, "--stall", "0.4", "--seed", "5"]);
}

/// Convolutions with all paddings, pools, branches, several inputs and outputs, attention.
#[test]
fn layers_stream() {
    let Some(_) = tools() else { return };
    for model in [
        "hgq2_conv.keras",
        "hgq2_learned.keras",
        "graph.onnx",
        "layers_pool.keras",
        "hls4ml_conv.keras",
    ] {
        let project = build(&own("tests/models").join(model), &["--precision", "fixed<8,3>"]);
        check(&project, "12");
    }
}

/// Multipliers used once, several times, and one for everything.
#[test]
fn folded_layers_stream() {
    let Some(_) = tools() else { return };
    let p02 = shared("models/p02_jsc_mlp_keras2/KERAS_check_best_model.h5");
    let model = p02.unwrap_or_else(|| own(K3));
    let mut intervals = Vec::new();
    for reuse in ["1", "2", "4", "100000"] {
        let project = build(&model, &["--reuse", reuse]);
        check(&project, "12");
        intervals.push(project.json("nn2rtl.json")["rtl"]["interval"].as_u64().unwrap());
    }
    // All at once a sample takes a cycle; with one multiplier as many as its widest layer has weights.
    assert_eq!(intervals[..3], [1, 2, 4], "{}", model.display());
    assert!(intervals[3] >= 128, "{intervals:?}");
}

#[test]
fn convolutions_of_others_stream() {
    let Some(_) = tools() else { return };
    let Some(folder) = shared("models") else { return };
    let p01 = folder.join("p01_mnist_cnn_keras3/keras_model.keras");
    check(&build(&p01, &["--reuse", "9"]), "4");
}

/// The wrapper that goes into block designs, where `last` must be where samples end.
#[test]
fn axi_streams() {
    let Some(_) = tools() else { return };
    let project = build(&own("tests/models/hgq2_conv.keras"), &["--precision", "fixed<8,3>"]);
    for stall in ["0", "0.3"] {
        let options = ["--engines", "rtl", "--samples", "20", "--axi", "--stall", stall];
        project.cosim(&options);
    }
}

/// Verilator finds nothing to complain of in windows, forks, FIFOs and arrays.
#[test]
fn streams_lint_clean() {
    let Some(tools) = tools() else { return };
    let verilator = tools.verilator().unwrap();
    for (model, reuse) in
        [("hls4ml_conv.keras", "1"), ("hls4ml_conv.keras", "3"), ("graph.onnx", "2")]
    {
        let project = build(&own("tests/models").join(model), &["--reuse", reuse]);
        let top = project.json("nn2rtl.json")["rtl"]["axis"].as_str().unwrap().to_owned();
        let mut command = verilator.command();
        command.current_dir(&project.dir).args(["--lint-only", "-Wall", "--no-timing"]);
        command.args(["sim/waivers.vlt", "-f", "rtl/filelist.f", "--top-module", &top]);
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success() && !said.contains("%Warning"), "{model}:\n{said}");
    }
}

/// What streams cannot do is said, and nothing is written.
#[test]
fn limits_of_streams_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("out");
    let model = own(K3);
    let base = ["build", text(&model), "-o", text(&dir), "--io", "stream"];
    let told = |options: &[&str]| stderr(&run(2, &[&base, options].concat()));
    assert!(told(&[]).contains("--flow rtl"), "{}", told(&[]));
    let latency = ["--flow", "rtl", "--latency", "9"];
    assert!(told(&latency).contains("io: parallel"), "{}", told(&latency));
    assert!(!dir.exists());
    // Rounding accumulators depend on the order of their sums.
    let all = json!({ "Model": { "ReuseFactor": 4, "Precision": { "default": "fixed<8,3>" } } });
    let file = config(folder.path(), &all);
    let options = ["--flow", "rtl", "--config", text(&file)];
    let warned = json(0, &[&base[..], &options].concat());
    let warnings = warned["warnings"].to_string();
    assert!(warnings.contains("depend on their order"), "{warned}");
}
