//! A small design in its harness: as it is written, simulated, and put around a netlist.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::*;
use crate::cosim::verilate::simulation;
use crate::cosim::{Dut, Options};
use crate::synth::nextpnr::{gowin, nexus};
use crate::tools::{Tools, run};

const DUT: &str = include_str!("dut.sv");

/// The ports of `dut.sv` as a netlist has them.
fn netlist() -> String {
    let port =
        |direction: &str, bits: usize| json!({"direction": direction, "bits": vec![2; bits]});
    let ports = json!({
        "clk_i": port("input", 1),
        "rst_ni": port("input", 1),
        "in_valid_i": port("input", 1),
        "in_ready_o": port("output", 1),
        "in_data_i": port("input", 7),
        "out_valid_o": port("output", 1),
        "out_ready_i": port("input", 1),
        "out_data_o": port("output", 9),
    });
    json!({"modules": {"dut": {"ports": ports}}}).to_string()
}

#[expect(clippy::print_stderr, reason = "a skipped test must not pass in silence")]
fn available<T>(found: crate::tools::Result<T>) -> Option<T> {
    let required = std::env::var("NN2RTL_REQUIRE_TOOLS").is_ok_and(|it| it == "1");
    found
        .inspect_err(|it| assert!(!required, "{it}"))
        .inspect_err(|it| eprintln!("SKIPPED: {it}"))
        .ok()
}

#[test]
fn every_port_has_its_bits() {
    let harness = source(&netlist(), "dut").unwrap();
    for port in [
        "  dut i_core (\n    .clk_i,\n    .rst_ni,\n",
        ".in_data_i (in_q[6:0])",
        ".in_valid_i (in_q[7])",
        ".out_ready_i (in_q[8])",
        ".in_ready_o (out[0])",
        ".out_data_o (out[9:1])",
        ".out_valid_o (out[10])\n  );",
    ] {
        assert!(harness.contains(port), "{port}: {}", harness);
    }
}

#[test]
fn a_netlist_without_ports_is_refused() {
    let said = |text: &str| source(text, "dut").unwrap_err().to_string();
    assert_eq!(said(r#"{"modules": {}}"#), "no module dut with inputs and outputs in it");
    let inputs = r#"{"modules": {"dut": {"ports": {"a": {"direction": "input", "bits": [2]}}}}}"#;
    assert_eq!(said(inputs), "no module dut with inputs and outputs in it");
    let both = inputs.replace(r#""input""#, r#""inout""#);
    assert!(said(&both).contains("unknown variant `inout`"), "{}", said(&both));
}

/// It passes the linter, and what comes out of the chains is what the design makes of what went in.
#[test]
fn a_harness_passes_every_bit() {
    let Some(tools) = available(Tools::find()) else { return };
    let Some(verilator) = available(tools.verilator()) else { return };
    let scratch = tools.cache().scratch().unwrap();
    let [design, harness] = ["dut.sv", "dut_harness.sv"].map(|it| scratch.path().join(it));
    std::fs::write(&design, DUT).unwrap();
    std::fs::write(&harness, source(&netlist(), "dut").unwrap()).unwrap();
    let mut lint = verilator.command();
    lint.args(["--lint-only", "--no-timing", "-Wall", "--top-module", "dut_harness"]);
    run(lint.args([&design, &harness])).unwrap();
    let dut = Dut::new("dut_harness", vec![design, harness]);
    let texts = [("main.cpp", include_str!("tests.cc"))];
    let made = simulation(&tools, verilator, &dut, &texts, Options::default()).unwrap();
    let said = run(&mut Command::new(made)).unwrap();
    assert!(said.stdout.starts_with(b"0 wrong"), "{said:?}");
}

/// Cells by the beginning of their type.
fn cells(file: &Path, module: &str) -> impl Fn(&str) -> usize + use<> {
    let text = std::fs::read_to_string(file).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let kinds = read["modules"][module]["cells"].as_object().unwrap().values();
    let kinds: Vec<String> = kinds.map(|it| it["type"].as_str().unwrap().to_owned()).collect();
    move |wanted| kinds.iter().filter(|it| it.starts_with(wanted)).count()
}

/// Synthesises the design and its harness; cells of the one and of both.
fn wrapped(
    tools: &Tools,
    mut map: Command,
    family: &Family,
    alone: &str,
) -> [impl Fn(&str) -> usize + use<>; 2] {
    let scratch = tools.cache().scratch().unwrap();
    let [dut, design, harness, netlist] =
        ["dut.sv", "netlist.json", "dut_harness.sv", "placed.json"]
            .map(|it| scratch.path().join(it));
    std::fs::write(&dut, DUT).unwrap();
    let commands = [
        format!("read_verilog -sv {}", dut.display()),
        format!("{} {alone} -top dut", family.synth),
        format!("json -o {} dut", design.display()),
    ];
    let script = "import sys; from pyosys import libyosys as y; d = y.Design()\n\
                  for it in sys.argv[1:]: y.run_pass(it, d)";
    run(map.args(["-c", script]).args(commands)).unwrap();
    let text = std::fs::read_to_string(&design).unwrap();
    std::fs::write(&harness, source(&text, "dut").unwrap()).unwrap();
    wrap(tools, "dut", family, [&design, &harness, &netlist]).unwrap();
    [cells(&design, "dut"), cells(&netlist, "dut_harness")]
}

/// Around a netlist no register is merged with another one, none goes, and the design's cells stay what they are.
#[test]
fn nothing_is_lost_around_a_netlist() {
    let Some(tools) = available(Tools::find()) else { return };
    let Some(map) = available(tools.yosys()) else { return };
    let [alone, both] = wrapped(&tools, map, &gowin::FAMILY, "-noiopads");
    // And one beside every bit that the memory gets.
    assert_eq!(both("DFF"), alone("DFF") + 9 + 2 * 11 + 9);
    assert_eq!((both("RAM16SDP4"), alone("RAM16SDP4")), (3, 3));
    // The chain of the outputs begins with nothing to add.
    assert_eq!(both("LUT"), alone("LUT") + 10);
    assert_eq!(both("ALU"), alone("ALU"));
    assert_eq!((both("IBUF"), both("OBUF")), (3, 1));
}

#[test]
fn nothing_is_lost_around_a_netlist_of_nexus() {
    let Some(tools) = available(Tools::find()) else { return };
    let Some(map) = available(tools.yosys()) else { return };
    let [alone, both] = wrapped(&tools, map, &nexus::FAMILY, "-noiopad");
    assert_eq!(both("FD1P3"), alone("FD1P3") + 9 + 2 * 11);
    assert_eq!(both("LUT4"), alone("LUT4") + 10);
    assert_eq!(both("CCU2"), alone("CCU2"));
    assert_eq!((both("IB"), both("OB")), (3, 1));
}
