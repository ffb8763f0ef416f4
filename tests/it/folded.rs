//! `io: parallel` with reuse factors above 1: whole tensors at the ports, layers folded behind them. The RTL
//! in Verilator gives the emulator's bits, at full rate and with stalls, in the cycles that were planned.

use std::path::Path;

use serde_json::{Value, json};

use crate::cosim::{K3, Project, config, tools};
use crate::stream::check;
use crate::support::{json, npy, own, run, stderr, text, values};

fn rtl(project: &Project) -> Value {
    project.json("nn2rtl.json")["rtl"].clone()
}

/// What the RTL of a project gives for a file of samples.
fn predicted(project: &Project, input: &Path) -> Vec<u8> {
    let output = project.scratch.path().join("y.npy");
    let options = ["--engine", "rtl", "--input", text(input), "--output", text(&output)];
    run(0, &[&["predict", text(&project.dir)], &options[..]].concat());
    std::fs::read(output).unwrap()
}

/// From outside it is the pipeline of a reuse factor of 1, and gives the same; the C++ is folded as ever.
#[test]
fn folded_layers_keep_their_ports() {
    let Some(_) = tools() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let input = scratch.path().join("x.npy");
    npy(&input, &[9, 16], &values(3, 9 * 16));
    let model = own(K3);
    let plain = Project::build(&model, &["--flow", "rtl"]);
    assert!(rtl(&plain)["first"].is_null(), "{}", rtl(&plain));
    let want = predicted(&plain, &input);
    for (reuse, interval) in [("2", 2), ("100000", 512)] {
        let project = Project::build(&model, &["--reuse", reuse]);
        check(&project, "12");
        project.cosim(&["--engines", "rtl", "--samples", "20", "--axi", "--stall", "0.3"]);
        let own = rtl(&project);
        assert_eq!(own["ports"], rtl(&plain)["ports"]);
        assert!(own["beats"].is_null() && own["interval"] == interval, "{own}");
        let told = project.json("report.json")["total"]["rtl"].clone();
        assert_eq!(told["ii"]["value"], f64::from(interval), "{told}");
        assert!(predicted(&project, &input) == want, "reuse {reuse}");
    }
}

/// Convolutions behind windows, branches that meet, several inputs that enter together and several outputs
/// that leave together; an image whose channels come first.
#[test]
fn folded_convolutions_take_whole_images() {
    let Some(_) = tools() else { return };
    for (model, reuse) in [("hls4ml_conv.keras", "3"), ("graph.onnx", "2"), ("t_more.pt2", "4")] {
        let project =
            Project::build(&own("tests/models").join(model), &["--flow", "rtl", "--reuse", reuse]);
        check(&project, "12");
        project.cosim(&["--engines", "rtl", "--samples", "20", "--axi", "--stall", "0.3"]);
    }
}

/// Recurrent layers become loops over time whose matrices share multipliers.
#[test]
fn folded_recurrent_layers_loop() {
    let Some(_) = tools() else { return };
    for model in ["t_cells.pt2", "onnx_recurrent.onnx"] {
        let project = Project::build(&own("tests/models").join(model), &["--reuse", "4"]);
        check(&project, "6");
        let processes = rtl(&project)["processes"].to_string();
        assert!(processes.contains("_state") && processes.contains("_array"), "{processes}");
    }
}

/// Reuse factors are chosen for a rate; where none is needed or none does it the design stays a pipeline.
#[test]
fn rates_and_devices_choose() {
    let Some(_) = tools() else { return };
    let model = own(K3);
    let project = Project::build(&model, &["--flow", "rtl", "--target-ii", "16"]);
    assert!((2..=16).contains(&rtl(&project)["interval"].as_u64().unwrap()));
    let told = project.cosim(&["--engines", "rtl", "--samples", "12"]);
    assert_eq!(told["timing"]["first"], rtl(&project)["latency"], "{told}");
    let device = ["--flow", "rtl", "--fit", "--target", "xc7a100t", "--lut-percent", "40"];
    let fits = Project::build(&model, &device);
    assert!(rtl(&fits)["interval"].as_u64().unwrap() > 1, "{}", rtl(&fits));
    let total = fits.json("nn2rtl.json")["comparison"]["total"]["rtl"].clone();
    assert!(total["lut"]["value"].as_f64().is_some_and(|it| it <= 0.4 * 63400.0), "{total}");
    let pipeline = |options: &[&str]| {
        let project = Project::build(&model, &[&["--flow", "rtl"], options].concat());
        let own = rtl(&project);
        assert!(own["interval"] == 1 && own["first"].is_null(), "{options:?}: {own}");
        own["latency"].as_u64().unwrap()
    };
    let plain = pipeline(&[]);
    assert_eq!([pipeline(&["--target-ii", "1"]), pipeline(&["--fit"])], [plain; 2]);
}

/// What cannot be folded is told; the design is a pipeline if nothing can.
#[test]
fn limits_of_folding_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("out");
    let model = own(K3);
    let base = ["build", text(&model), "-o", text(&dir), "--flow", "rtl"];
    let all = json!({ "Model": { "ReuseFactor": 4, "Precision": { "default": "fixed<8,3>" } } });
    let file = config(scratch.path(), &all);
    let told = json(0, &[&base[..], &["--config", text(&file)]].concat());
    assert!(told["warnings"].to_string().contains("depend on their order"), "{told}");
    assert_eq!(told["rtl"]["interval"], 1, "{told}");
    let wires = own("tests/models/layers_wires.keras");
    let options = ["build", text(&wires), "-o", text(&dir), "--force", "--reuse", "2"];
    let told = stderr(&run(2, &options));
    assert!(told.contains("depends on no input cannot"), "{told}");
}
