//! The HLS path by XLS: its pipelines in Verilator, equal to the emulator and beside the direct RTL.

use serde_json::json;

use crate::cosim::{Project, config, tools};
use crate::support::{json, npy, own, run, shared, stderr, text};

/// Networks that have every kind of layer between them, in both paths where that is quick; with stalls.
#[test]
fn networks_are_compiled() {
    let Some(_) = tools() else { return };
    for (model, options) in [
        ("k3_mlp.keras", &["--precision", "fixed<12,5>"][..]),
        ("hgq2_mlp.keras", &[]),
        ("onnx_recurrent.onnx", &["--flow", "hls"]),
        ("hls4ml_merge.keras", &["--flow", "hls", "--precision", "fixed<8,3>"]),
    ] {
        let model = own("tests/models").join(model);
        let project = Project::build(&model, &[&["--hls", "xls"], options].concat());
        let engines = if options.contains(&"hls") { "hls" } else { "rtl,hls" };
        let told = project.cosim(&["--engines", engines, "--samples", "30"]);
        let latency = told["hls_timing"]["alone"].as_u64().unwrap();
        let made = project.json("hls/xls/made.json");
        assert_eq!(made["rtl"]["latency"], latency, "{told}");
        assert_eq!(told["hls_timing"]["interval"]["max"], 1, "{told}");
        project.cosim(&["--engines", "hls", "--samples", "30", "--stall", "0.4", "--seed", "3"]);
    }
}

/// Procs with streams between them, at full rate and with stalls: windows, folded matrices behind ports of whole
/// tensors and in packs, loops that go around, other orders of tokens.
#[test]
fn dataflows_are_procs() {
    let Some(_) = tools() else { return };
    for (model, options) in [
        ("hls4ml_conv.keras", &["--io", "stream", "--precision", "fixed<8,3>"][..]),
        ("k3_mlp.keras", &["--reuse", "4"]),
        // Weights of 176 and 192 turns, by one index.
        ("k3_mlp.keras", &["--reuse", "200"]),
        ("t_cells.pt2", &["--io", "stream", "--precision", "fixed<8,3>", "--reuse", "2"]),
        ("hls4ml_wires.keras", &["--io", "stream", "--precision", "fixed<8,3>"]),
    ] {
        let model = own("tests/models").join(model);
        let project =
            Project::build(&model, &[&["--flow", "hls", "--hls", "xls"], options].concat());
        let told = project.cosim(&["--engines", "hls", "--samples", "20"]);
        let least = project.json("nn2rtl.json")["hls"]["interval"].as_u64().unwrap();
        let timing = &told["hls_timing"];
        let number = |key: &str| timing[key].as_u64().unwrap();
        let (cycles, samples) = (number("cycles"), number("samples"));
        assert!(cycles >= least * (samples - 1), "{told}");
        if options.ends_with(&["--reuse", "4"]) {
            assert!(cycles <= least * samples + number("alone"), "{told}");
            // What is split waits in the register behind the proc that made it, the parts in a FIFO.
            let top = project.json("hls/xls/made.json")["rtl"]["top"].as_str().unwrap().to_owned();
            let top = project.dir.join(format!("hls/xls/rtl/{top}.sv"));
            let top = std::fs::read_to_string(top).unwrap();
            let has = |it: &str| top.contains(&format!("i_{it}_in0_fifo ("));
            assert!(has("dense_1_array") && !has("dense_1_array_packs"), "{top}");
        }
        project.cosim(&["--engines", "hls", "--samples", "20", "--stall", "0.4", "--seed", "3"]);
    }
}

/// Quantized jets, whole: XLS and our RTL side by side, with where each number is from.
#[test]
fn comparisons_have_measured_hls() {
    let Some(_) = tools() else { return };
    let Some(model) = shared("models/p07_jsc_hgq2_einsum/model.keras") else { return };
    let project = Project::build(&model, &["--hls", "xls", "--target", "xc7a100t"]);
    project.cosim(&["--engines", "rtl,hls", "--samples", "60"]);
    let dir = text(&project.dir).to_owned();
    for path in ["rtl", "hls"] {
        json(0, &["synth", &dir, "--path", path, "--no-dsp"]);
    }
    json(0, &["synth", &dir, "--path", "hls", "--tool", "timing", "--no-dsp"]);
    let total = json(0, &["compare", &dir])["total"].clone();
    for path in ["rtl", "hls"] {
        assert_eq!(total[path]["latency_cycles"]["source"], "simulated", "{total}");
        assert_eq!(total[path]["lut"]["source"], "synthesized", "{total}");
    }
    assert_eq!(total["hls"]["fmax_mhz"]["source"], "estimated", "{total}");
    // Sums of few signed digits take less than products that a compiler finds in plain multiplications.
    let lut = |path: &str| total[path]["lut"]["value"].as_f64().unwrap();
    assert!(lut("rtl") < lut("hls"), "{total}");
}

/// A shorter clock by XLS's delays makes more stages.
#[test]
fn the_clock_is_kept() {
    let Some(_) = tools() else { return };
    let model = own("tests/models/hgq2_mlp.keras");
    let scratch = tempfile::tempdir().unwrap();
    let ranks = |uncertainty: &str| {
        let file = config(scratch.path(), &json!({ "ClockUncertainty": uncertainty }));
        let options = ["--flow", "hls", "--hls", "xls", "--config", text(&file)];
        let project = Project::build(&model, &options);
        project.cosim(&["--engines", "hls", "--samples", "4"]);
        project.json("hls/xls/made.json")["xls"]["modules"][0]["ranks"].as_u64().unwrap()
    };
    assert!(ranks("40%") > ranks("0%"));
}

/// What the path cannot do is said.
#[test]
fn limits_of_xls_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("p");
    let (model, out) = (own("tests/models/k3_mlp.keras"), text(&out).to_owned());
    let args = ["build", text(&model), "-o", &out, "--hls", "xls"];
    let lossy = ["--reuse", "4", "--flow", "hls", "--precision", "fixed<8,3>"];
    let said = stderr(&run(0, &[&args[..], &lossy].concat()));
    assert!(said.contains("ReuseFactor 4 has no effect on this layer's DSLX"), "{said}");
    let adds = ["--reuse", "4", "--flow", "hls", "--strategy", "da", "--force"];
    let said = stderr(&run(0, &[&args[..], &adds].concat()));
    assert_eq!(said.matches("distributed_arithmetic shares nothing").count(), 3, "{said}");
    let [kernels, layers] =
        ["kernels.keras", "kernels.yml"].map(|it| own("examples/own_layer").join(it));
    let args = ["build", text(&kernels), "--layers", text(&layers), "-o", &out, "--io", "stream"];
    let said = stderr(&run(2, &[&args[..], &["--hls", "xls"]].concat()));
    assert!(said.contains("smooth: XLS takes no C++: own::smooth"), "{said}");
    // C++ is nothing for Yosys.
    let cpp = text(&scratch.path().join("c")).to_owned();
    run(0, &["build", text(&model), "-o", &cpp, "--flow", "hls"]);
    let said = stderr(&run(2, &["synth", &cpp, "--path", "hls"]));
    assert!(said.contains("--hls xls"), "{said}");
    let predicted = scratch.path().join("y.npy");
    let input = scratch.path().join("x.npy");
    npy(&input, &[1, 16], &[0.0; 16]);
    let args = ["predict", &out, "--engine", "hls", "--input", text(&input)];
    let trace = ["--output", text(&predicted), "--trace", text(scratch.path())];
    run(2, &[&args[..], &trace[..]].concat());
}
