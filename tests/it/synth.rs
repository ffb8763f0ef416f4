//! `synth`: what Yosys and nextpnr find of a project, by layer, and in comparisons.

use nn2rtl::tools::Tools;
use serde_json::Value;

use crate::cosim::{K3, Project, available, config};
use crate::support::{json, nn2rtl, own, run, stderr, text};

pub(crate) fn tools() -> Option<Tools> {
    let tools = Tools::find();
    available(tools.and_then(|tools| {
        tools.yosys()?;
        tools.nextpnr("ecp5")?;
        Ok(tools)
    }))
}

fn count(found: &Value, what: &str) -> u64 {
    found[what].as_u64().unwrap()
}

/// A pipeline: every layer is counted, all of them are the total but for the handshake, and placed it meets a
/// clock that the delay model promised.
#[test]
fn pipelines_are_synthesised_and_placed() {
    let Some(_) = tools() else { return };
    let options = ["--flow", "rtl", "--target", "lfe5u-25", "--clock", "20"];
    let project =
        Project::build(&own(K3), &[&options[..], &["--precision", "fixed<4,2>"]].concat());
    let found = json(0, &["synth", text(&project.dir)])["synthesis"].clone();
    assert_eq!(found, project.json("synth/yosys.json"));
    let layers = found["layers"].as_array().unwrap();
    let lut: u64 = layers.iter().map(|it| count(&it[1], "lut")).sum();
    let (total, cells) = (&found["total"], &found["cells"]);
    assert!(layers.len() >= 3 && lut <= count(total, "lut"), "{found}");
    assert!(10 * lut > 8 * count(total, "lut"), "{found}");
    assert_eq!(count(total, "ff"), count(cells, "TRELLIS_FF"));
    let placed = json(0, &["synth", text(&project.dir), "--tool", "nextpnr"])["synthesis"].clone();
    assert!(placed["fmax_mhz"].as_f64().unwrap() >= 50.0, "{placed}");
    let compared = json(0, &["compare", text(&project.dir)]);
    let rtl = &compared["total"]["rtl"];
    assert_eq!(rtl["fmax_mhz"]["source"], "placed", "{rtl}");
    assert_eq!(rtl["lut"]["value"].as_f64(), placed["total"]["lut"].as_f64(), "{rtl}");
    let of_layer = |it: &Value| it["figures"]["rtl"]["lut"]["source"] == "synthesized";
    assert!(compared["layers"].as_array().unwrap().iter().any(of_layer), "{compared}");
}

/// Another router than the family's own is the one that runs, and is told.
#[test]
fn the_router_is_the_one_asked_for() {
    let Some(_) = tools() else { return };
    let options =
        ["--flow", "rtl", "--target", "lfe5u-25", "--clock", "20", "--precision", "fixed<4,2>"];
    let project = Project::build(&own("tests/models/k3_ops.keras"), &options);
    let placed = |more: &[&str]| {
        let args = [&["synth", text(&project.dir), "--tool", "nextpnr"], more].concat();
        json(0, &args)["synthesis"].clone()
    };
    let own = placed(&[]);
    assert!(own["tool"].as_str().unwrap().ends_with("--seed 1, out of context"), "{own}");
    let other = placed(&["--router", "router2"]);
    let tool = other["tool"].as_str().unwrap();
    assert!(tool.ends_with("--seed 1, router2, out of context"), "{other}");
    assert!(other["fmax_mhz"].as_f64().unwrap() >= 50.0, "{other}");
    assert_eq!(own["total"], other["total"]);
    // What it says is what has run: the same placement, other wires.
    assert_ne!(own["fmax_mhz"], other["fmax_mhz"]);
}

/// Places a small model in a harness, of which the figures know nothing.
fn placed_in_a_harness(program: &str, model: &str, target: &str, part: &str) {
    let tools = Tools::find();
    let tools = tools.and_then(|it| it.nextpnr(program).and_then(|_| it.yosys()));
    if available(tools).is_none() {
        return;
    }
    let options = ["--flow", "rtl", "--target", target, "--clock", "20"];
    let model = own("tests/models").join(model);
    let project = Project::build(&model, &[&options[..], &["--precision", "fixed<4,2>"]].concat());
    let placed = json(0, &["synth", text(&project.dir), "--tool", "nextpnr"])["synthesis"].clone();
    assert_eq!(placed, project.json("synth/nextpnr.json"));
    let tool = placed["tool"].as_str().unwrap();
    assert!(tool.contains(part) && tool.ends_with("in a harness of pins"), "{tool}");
    assert!(placed["fmax_mhz"].as_f64().unwrap() >= 50.0, "{placed}");
    assert!(count(&placed, "carry") > 0, "{placed}");
    let alone = json(0, &["synth", text(&project.dir), "--tool", "timing"])["synthesis"].clone();
    assert_eq!(placed["total"]["ff"], alone["total"]["ff"]);
    let compared = json(0, &["compare", text(&project.dir)]);
    assert_eq!(compared["total"]["rtl"]["fmax_mhz"]["source"], "placed", "{compared}");
}

#[test]
fn designs_for_gowin_are_placed_in_a_harness() {
    let part = "GW2A-LV18PG256C8/I7";
    placed_in_a_harness("himbaechel-gowin", "k3_ops.keras", "gw2a-18", part);
}

#[test]
fn designs_for_nexus_are_placed_in_a_harness() {
    placed_in_a_harness("nexus", "k3_ops.keras", "lifcl-40", "LIFCL-40-9BG400C");
}

/// A stream: processes are synthesised one by one; arrays have as many DSP blocks as was estimated.
#[test]
fn streams_are_synthesised_by_process() {
    let Some(_) = tools() else { return };
    let options = [
        "--flow", "rtl", "--io", "stream", "--reuse", "64", "--dsp", "100", "--target", "xc7a100t",
    ];
    let scratch = tempfile::tempdir().unwrap();
    // Its tables take Yosys longest.
    let skip = serde_json::json!({ "LayerName": { "softmax": { "skip": true } } });
    let own_config = config(scratch.path(), &skip);
    let project = Project::build(&own(K3), &[&options[..], &["-c", text(&own_config)]].concat());
    let found = json(0, &["synth", text(&project.dir)])["synthesis"].clone();
    let rtl = project.json("nn2rtl.json")["rtl"].clone();
    let arrays = rtl["processes"].as_array().unwrap().iter();
    let arrays = arrays.filter(|it| it["name"].as_str().unwrap().ends_with("_array"));
    let dsp: u64 = arrays.map(|it| count(it, "dsp")).sum();
    let products = found["cells"]["DSP48E1"].as_u64().unwrap_or(0);
    // Kernels may have some besides, which are left to synthesis.
    assert!(dsp > 0 && products >= dsp, "{products} of {dsp}: {found}");
    assert!(found["layers"].as_array().unwrap().len() >= 2, "{found}");
}

#[test]
fn what_no_tool_can_do_is_told() {
    let project = Project::build(&own(K3), &["--flow", "rtl"]);
    let told = |code, options: &[&str]| {
        stderr(&run(code, &[&["synth", text(&project.dir)], options].concat()))
    };
    let other = told(2, &["--tool", "nextpnr"]);
    assert!(
        other.contains("nextpnr does not know xcvu13p") && other.contains("ECP5, GW2A, Nexus"),
        "{other}"
    );
    let family = told(2, &["--target", "agfb014"]);
    assert!(family.contains("Yosys does not know agfb014"), "{family}");
    let unplaced = told(2, &["--seed", "2", "--router", "router2"]);
    for it in ["--seed is for --tool nextpnr", "--router is for --tool nextpnr"] {
        assert!(unplaced.contains(it), "{unplaced}");
    }
    let unknown = told(2, &["--target", "xcvu99"]);
    assert!(unknown.contains("xcvu99"), "{unknown}");
    // Nothing is left behind.
    assert!(!project.dir.join("synth").exists());
    let alone = nn2rtl()
        .args(["synth", text(&project.dir)])
        .env("NN2RTL_TOOLS", project.scratch.path())
        .env("PATH", "")
        .output()
        .unwrap();
    let told = stderr(&alone);
    assert!(alone.status.code() == Some(2) && told.contains("scripts/setup.sh"), "{told}");
    let hls = Project::build(&own(K3), &["--flow", "hls"]);
    let none = stderr(&run(2, &["synth", text(&hls.dir)]));
    assert!(none.contains("no SystemVerilog"), "{none}");
}
