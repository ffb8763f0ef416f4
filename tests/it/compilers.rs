//! Projects in C++ of `ac_fixed`, for Catapult, the Intel HLS compiler and oneAPI: every value of the C++ is
//! the emulator's. None of the compilers is here; what `synth` makes of them is tested with stand-ins.

use crate::cosim::{K3, Project};
use crate::support::{self, own, shared, stderr, text};
use crate::vendor::StandIn;

const TOOLS: [&str; 3] = ["catapult", "quartus", "oneapi"];

fn build(tool: &str, options: &[&str]) -> Project {
    Project::build(&own(K3), &[&["--hls", tool, "--flow", "hls"], options].concat())
}

#[test]
fn networks_are_the_same_for_every_compiler() {
    let foldings = [
        &["--strategy", "latency", "--reuse", "2"][..],
        &["--strategy", "resource", "--reuse", "8"],
        &["--strategy", "distributed_arithmetic"],
    ];
    let streams = ("catapult", &["--io", "stream", "--reuse", "4"][..]);
    for (tool, options) in TOOLS.into_iter().zip(foldings).chain([streams]) {
        let project = build(tool, options);
        let json = project.cosim(&["--samples", "300", "--engines", "hls"]);
        assert_eq!(json["cosim"]["engines"].as_array().unwrap().len(), 1, "{json}");
        let notes = project.json("report.json")["notes"].to_string();
        assert!(notes.contains("it has figures once its reports are here"), "{notes}");
        assert_eq!(project.json("nn2rtl.json")["hls"]["tool"], tool);
    }
}

/// Both paths of a model of hls4ml's tutorial, by the key `Backend` and the device that comes with it.
#[test]
fn jsc_mlp_for_catapult() {
    let Some(model) = shared("models/p02_jsc_mlp_keras2/keras_model.keras") else { return };
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("config.yml");
    std::fs::write(&config, "Backend: Catapult\n").unwrap();
    let project = Project::build(&model, &["-c", text(&config), "--flow", "hls"]);
    assert_eq!(project.json("nn2rtl.json")["comparison"]["part"], "xcku115-flvb2104-2-i");
    project.cosim(&["--samples", "200", "--engines", "hls"]);
}

/// The user's own C++ is of `ap_fixed`: its table takes its place.
#[test]
fn functions_of_the_users_are_tables() {
    let folder = own("examples/own_layer");
    let layers = folder.join("kernels.yml");
    let options = ["--layers", text(&layers), "--hls", "catapult", "--flow", "hls"];
    let project = Project::build(&folder.join("kernels.keras"), &options);
    assert!(!project.dir.join("hls/catapult/firmware/own").exists());
    project.cosim(&["--samples", "300", "--engines", "hls"]);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let refused = |options: &[&str]| {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("project");
        let model = own(K3);
        let arguments = [&["build", text(&model), "-o", text(&dir)], options].concat();
        let told = stderr(&support::run(2, &arguments));
        assert!(!dir.exists());
        told
    };
    let told = refused(&["--hls", "quartus", "--target", "xcvu9p", "--flow", "hls"]);
    assert!(told.contains("xcvu9p is no device for the Intel HLS compiler"), "{told}");
    let told = refused(&["--hls", "catapult", "--target", "agilex7", "--flow", "hls"]);
    assert!(told.contains("agfb014 is no device for Catapult (supported: those of AMD)"), "{told}");
    let told = refused(&["--hls", "oneapi", "--io", "stream", "--flow", "hls"]);
    assert!(told.contains("C++ for oneAPI takes and gives whole tensors"), "{told}");
}

const RTL: &str = "\
-- Version: 2023.2/1059873 Production Release
Solution Settings: k3_mlp.v1

Processes/Blocks in Design
  Process        Real Operation(s) count Latency Throughput Reset Length II Comments
  -------------- ----------------------- ------- ---------- ------------ -- --------
  Design Total:                     1970      25          3            1  0

Area Scores
                      Post-Scheduling     Post-DP & FSM   Post-Assignment
  Total Area Score:   560291.8          588659.5          586221.4
";
const SUMMARY: &str =
    r#"{"columns":["","ALUTs","FFs","RAMs","DSPs","MLABs"],"total":[6000,5,3,2,31],"name":"k"}"#;
const LOOPS: &str = r#"{"name":"net.B1","ii":"1","lt":"12.000000","af":"480.00"}"#;

#[test]
fn stand_ins_are_run_and_their_reports_read() {
    let project = build("catapult", &[]);
    let catapult = StandIn::new(
        "catapult",
        "-shell -f build_all.tcl",
        &[("k3_mlp_prj/k3_mlp.v1/rtl.rpt", RTL)],
    );
    let told = String::from_utf8(catapult.synth(0, &project, "catapult").stdout).unwrap();
    assert!(told.contains("scheduled: 25 cycles from input to output, 3 from"), "{told}");
    assert!(told.contains("area score 586221.4, in no unit"), "{told}");
    let compared = support::json(0, &["compare", text(&project.dir)]);
    let latency = &compared["total"]["hls"]["latency_cycles"];
    assert_eq!((latency["value"].as_f64(), &latency["source"]), (Some(25.0), &"reported".into()));
    let told = stderr(&catapult.synth(2, &project, "vitis"));
    assert!(told.contains("the project's C++ is for Catapult, not for Vitis HLS"), "{told}");

    let cases = [
        ("oneapi", "cmake", "-P build.cmake", "icpx", "build/k3_mlp.report.prj"),
        ("quartus", "make", "-f Makefile", "i++", "k3_mlp.prj"),
    ];
    for (hls, program, arguments, compiler, place) in cases {
        let project = build(hls, &[]);
        let file = |name: &str| format!("{place}/reports/lib/json/{name}.json");
        let (summary, loops) = (file("summary"), file("loop_attr"));
        let leaves = [(summary.as_str(), SUMMARY), (loops.as_str(), LOOPS)];
        let stand_in = StandIn::new(program, arguments, &leaves);
        let told = stderr(&stand_in.synth(2, &project, "oneapi"));
        assert!(told.contains(&format!("no {compiler} on PATH")), "{told}");
        let stand_in = stand_in.beside(compiler);
        let told = String::from_utf8(stand_in.synth(0, &project, "oneapi").stdout).unwrap();
        assert!(told.contains("6000") && told.contains("480.0 MHz"), "{told}");
        let compared = support::json(0, &["compare", text(&project.dir)]);
        assert_eq!(compared["total"]["hls"]["lut"]["value"].as_f64(), Some(6000.0), "{compared}");
    }
}
