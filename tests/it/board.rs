//! Boards: bitstreams, and the same RTL simulated from the serial line on.

use serde_json::Value;

use crate::cosim::{K3, Project};
use crate::support::{json, own, run, stderr, text};
use crate::synth::tools;

/// Bytes with which a bitstream of ecppack begins: a comment, then the preamble further on.
fn is_bitstream(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|it| it == [0xff, 0xff, 0xbd, 0xb3])
}

fn on_board(model: &str, options: &[&str]) -> (Project, Value) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("project");
    let args = [&["bitstream", model, "-o", text(&dir)], options].concat();
    let made = json(0, &args);
    (Project { scratch, dir }, made)
}

/// The shipped example, from the model's file to a bitstream; the board answers as the emulator does.
#[test]
fn the_example_becomes_a_bitstream() {
    let Some(_) = tools() else { return };
    let file = |name: &str| text(&own("examples/digits").join(name)).to_owned();
    let (config, samples) = (file("config.yml"), file("x_test.npy"));
    let options = ["-c", &config, "--calibrate", &samples, "--reuse", "64", "--board", "ulx3s-85f"];
    let (project, made) = on_board(&file("digits.keras"), &options);
    assert!(is_bitstream(&std::fs::read(project.dir.join("board/digits.bit")).unwrap()));
    assert!(made["synthesis"]["fmax_mhz"].as_f64().unwrap() >= 25.0, "{made}");
    let told = project.cosim(&["--engines", "board,rtl", "--samples", "4"]);
    assert_eq!(told["cosim"]["engines"].as_array().unwrap().len(), 2, "{told}");
}

/// A stream: several beats a sample, one pixel each; a faster line.
#[test]
fn streams_are_on_boards() {
    let Some(_) = crate::cosim::tools() else { return };
    let model = own("tests/models/hgq2_conv.keras");
    let options = ["--io", "stream", "--board", "ulx3s-85f", "--baud", "1000000", "--sources-only"];
    let (project, made) = on_board(text(&model), &options);
    assert!(made["link"]["beats"][0].as_u64().unwrap() > 1, "{made}");
    project.cosim(&["--engines", "board", "--samples", "3"]);
}

/// What cannot be on a board is said, all at once.
#[test]
fn limits_of_boards_are_told() {
    let Some(_) = tools() else { return };
    let model = own(K3);
    let project = Project::build(&model, &["--flow", "rtl", "--target", "lfe5u-25"]);
    let dir = text(&project.dir);
    let said = stderr(&run(2, &["bitstream", dir, "--board", "none"]));
    assert!(said.contains("ulx3s-85f"), "{said}");
    let said = stderr(&run(2, &["cosim", dir, "--engines", "board"]));
    assert!(said.contains("on no board yet"), "{said}");
    let said = stderr(&run(2, &["bitstream", dir, "--board", "ulx3s-85f", "--baud", "9000000"]));
    assert!(said.contains("--target lfe5u-85") && said.contains("--baud 9000000"), "{said}");
    let several = own("tests/models/graph.onnx");
    let out = project.scratch.path().join("several");
    let args = ["bitstream", text(&several), "-o", text(&out), "--io", "stream"];
    let said = stderr(&run(2, &[&args[..], &["--board", "ulx3s-85f"]].concat()));
    assert!(said.contains("with a stream of their own"), "{said}");
}
