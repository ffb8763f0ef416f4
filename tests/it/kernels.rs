//! Layers of the user's own that are written in C++ and in SystemVerilog: the example agrees in both
//! paths, whatever the registers inside, and what does not agree or not even compile is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cosim::{Project, tools};
use crate::support::{json, own, read_npy, run, stderr, text};

const FILES: [&str; 5] = ["kernels.yml", "smooth.h", "smooth.sv", "fold.h", "fold.sv"];

fn example(file: &str) -> PathBuf {
    own("examples/own_layer").join(file)
}

/// A copy of the example's description, to be changed.
struct Copy(TempDir);

impl Copy {
    fn new() -> Copy {
        let scratch = tempfile::tempdir().unwrap();
        for file in FILES {
            std::fs::copy(example(file), scratch.path().join(file)).unwrap();
        }
        Copy(scratch)
    }

    fn at(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Other text in one of the files.
    fn with(self, file: &str, from: &str, to: &str) -> Copy {
        let text = std::fs::read_to_string(self.at(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        std::fs::write(self.at(file), text.replace(from, to)).unwrap();
        self
    }

    /// Builds the example's model; returns the project and what was said.
    fn build(&self, code: i32, options: &[&str]) -> (PathBuf, String) {
        let project = self.at("project");
        let (model, layers) = (example("kernels.keras"), self.at("kernels.yml"));
        let args = ["build", text(&model), "--layers", text(&layers), "-o", text(&project)];
        let output = run(code, &[&args, options].concat());
        (project, stderr(&output))
    }

    /// Builds, and cosimulates: whether all is equal, and what was said.
    fn cosim(&self, options: &[&str]) -> (bool, String) {
        let (project, _) = self.build(0, &[&["--flow", "rtl", "--force"], options].concat());
        let cosim = ["cosim", text(&project), "--engines", "rtl", "--samples", "300"];
        let output = crate::support::nn2rtl().args(cosim).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[test]
fn the_example_agrees_with_keras_and_in_both_paths() {
    if tools().is_none() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (model, layers, x) = (example("kernels.keras"), example("kernels.yml"), example("x.npy"));
    for (engine, limit) in [("float", 2e-6), ("emulator", 0.2)] {
        let found = scratch.path().join("y.npy");
        let (input, output) = (text(&x), text(&found));
        let files = ["--layers", text(&layers), "--input", input, "--output", output];
        run(0, &[&["predict", text(&model), "--engine", engine], &files[..]].concat());
        let [found, wanted] = [found, example("kernels.npy")].map(|it| read_npy(&it).1);
        let worst = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(found.len() == wanted.len() && worst < limit, "{engine}: {worst}");
    }
    let project = Project::build(&model, &["--layers", text(&layers)]);
    project.check(&["--input", text(&x)]);
    let notes = project.json("report.json")["notes"].to_string();
    for told in [
        "smooth: own::smooth is at most 6.958e-3 from its float meaning (at 0.6875)",
        "module smooth and own::smooth are not ours: what they take is not counted",
        "module fold and own::fold are not ours",
    ] {
        assert!(notes.contains(told), "no {told:?} in {notes}");
    }
    let sources = project.json("nn2rtl.json")["rtl"]["sources"].to_string();
    assert!(
        sources.contains("rtl/own/fold.sv\",\"rtl/own/smooth.sv\",\"rtl/kernels_"),
        "{sources}"
    );
}

#[test]
fn verilator_finds_nothing_to_complain_of() {
    let Some(tools) = tools() else { return };
    let copy = Copy::new();
    let (project, _) = copy.build(0, &[]);
    let mut command = tools.verilator().unwrap().command();
    command.current_dir(project).args(["--lint-only", "-Wall", "--no-timing"]);
    command.args(["sim/waivers.vlt", "-f", "rtl/filelist.f", "--top-module", "kernels_axis"]);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && !said.contains("%Warning"), "{said}");
}

/// The example's module with some ranks of registers behind it.
fn ranks(count: usize) -> String {
    let clock = if count > 0 { "  input  logic              clk,\n" } else { "" };
    let mut text = format!(
        "module smooth (\n{clock}  input  logic signed [7:0] x,\n  output logic        [7:0] y\n);\n\
         logic [8:0] size;\nlogic [6:0] rest;\nlogic [13:0] square;\nlogic [7:0] y0;\n\
         assign size = x[7] ? -{{x[7], x}} : {{x[7], x}};\n\
         assign rest = (size < 9'd64) ? 7'd64 - size[6:0] : 7'd0;\n\
         assign square = 14'(rest) * 14'(rest);\n\
         assign y0 = x[7] ? square[13:6] : 8'd128 - square[13:6];\n"
    );
    for rank in 1..=count {
        let before = rank - 1;
        text += &format!("logic [7:0] y{rank};\nalways_ff @(posedge clk) y{rank} <= y{before};\n");
    }
    text + &format!("assign y = y{count};\nendmodule\n")
}

#[test]
fn any_number_of_registers_inside_is_right_at_any_clock() {
    if tools().is_none() {
        return;
    }
    let mut latencies = Vec::new();
    for count in [0, 1, 4] {
        let copy = Copy::new().with("kernels.yml", "latency: 2", &format!("latency: {count}"));
        std::fs::write(copy.at("smooth.sv"), ranks(count)).unwrap();
        for clock in ["2", "40"] {
            let (equal, told) = copy.cosim(&["--clock", clock]);
            assert!(equal, "{count} ranks at {clock} ns: {told}");
        }
        let (project, _) = copy.build(0, &["--force", "--clock", "40"]);
        let manifest = std::fs::read(project.join("nn2rtl.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        latencies.push(manifest["rtl"]["latency"].as_u64().unwrap());
    }
    // With one rank each: inputs, what enters the module, and what leaves it.
    assert_eq!(latencies, [2, 4, 7], "all else fits into 40 ns");
}

#[test]
fn what_does_not_agree_is_caught() {
    if tools().is_none() {
        return;
    }
    let cases = [
        ("smooth.sv", "8'd128 - square", "8'd127 - square", "a wrong module"),
        ("fold.sv", "8'sd16", "8'sd15", "a wrong module without registers"),
        ("smooth.h", "square >> 6", "square >> 7", "a wrong function"),
        ("kernels.yml", "latency: 2", "latency: 1", "fewer registers declared than there are"),
        ("kernels.yml", "latency: 2", "latency: 3", "more registers declared than there are"),
    ];
    for (file, from, to, what) in cases {
        let (equal, told) = Copy::new().with(file, from, to).cosim(&[]);
        assert!(!equal && told.contains("RTL (Verilator)"), "{what} is not caught: {told}");
    }
    // A port that the module lacks is Verilator's to tell.
    let copy = Copy::new().with("kernels.yml", "latency: 2", "latency: 0");
    let (equal, _) = copy.cosim(&[]);
    assert!(!equal, "a clock is missing");
}

#[test]
fn what_cannot_be_tabulated_is_told_at_once_and_nothing_is_written() {
    if tools().is_none() {
        return;
    }
    let copy = Copy::new()
        .with("smooth.h", "y.range(7, 0) =", "y.range(7, 0) = undeclared +")
        .with("fold.h", "result_T fold(", "ap_fixed<16, 8> fold(")
        .with("fold.h", "return result_T(size - 1)", "return ap_fixed<16, 8>(size) * 2");
    let (project, told) = copy.build(2, &[]);
    assert!(!project.exists(), "something was written");
    for wanted in [
        "kernels.yml:Smooth: own::smooth of smooth.h: ",
        "smooth.h:25:",
        "undeclared",
        "kernels.yml:fold: own::fold(4) is 8, which fixed<8,4> does not hold",
    ] {
        assert!(told.contains(wanted), "no {wanted:?} in\n{told}");
    }
    let copy = Copy::new().with("kernels.yml", "own::smooth", "own::rough");
    let (_, told) = copy.build(2, &[]);
    assert!(told.contains("own::rough of smooth.h: "), "{told}");
    let copy = Copy::new().with("smooth.h", "#pragma HLS", "std::exit(0);\n#pragma HLS").with(
        "smooth.h",
        "#include \"ap_int.h\"",
        "#include \"ap_int.h\"\n#include <cstdlib>",
    );
    let (_, told) = copy.build(2, &[]);
    assert!(told.contains("own::smooth printed something of its own or ended"), "{told}");
}

#[test]
fn floats_need_no_compiler_and_projects_are_whole() {
    let copy = Copy::new().with("smooth.h", "namespace own", "not C++ at all");
    let layers = copy.at("kernels.yml");
    run(0, &["inspect", text(&example("kernels.keras")), "--layers", text(&layers)]);
    if tools().is_none() {
        return;
    }
    let config = copy.at("config.yml");
    std::fs::write(&config, "ProjectName: fold\n").unwrap();
    let copy = Copy::new();
    let (_, told) = copy.build(2, &["--config", text(&config)]);
    assert!(told.contains("module fold is called like a part of the project fold"), "{told}");
    // What was built needs the user's files no more.
    let (project, _) = copy.build(0, &["--flow", "rtl"]);
    FILES.iter().for_each(|it| std::fs::remove_file(copy.at(it)).unwrap());
    predicts(&project);
}

fn predicts(project: &Path) {
    let y = project.parent().unwrap().join("y.npy");
    let x = example("x.npy");
    let files = ["--input", text(&x), "--output", text(&y)];
    json(0, &[&["predict", text(project), "--engine", "emulator"], &files[..]].concat());
    assert!(!read_npy(&y).1.is_empty());
}
