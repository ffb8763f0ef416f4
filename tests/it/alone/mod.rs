//! Every module of streaming hardware alone: all in one simulation, each with stalls of its own at every port,
//! and word for word what a few lines here say.

mod cores;
mod engines;

use std::fmt::Write as _;
use std::path::PathBuf;

use nn2rtl::cosim::{self, Dut, Options, Stimulus, packed};

use crate::cosim::tools;
use crate::support::own;

/// A port with its own handshake.
#[derive(Clone, Copy, Debug)]
struct Channel {
    /// Elements of a word, and bits of each.
    count: u32,
    width: u32,
    /// Words of a sample.
    beats: u32,
}

impl Channel {
    fn new(count: u32, width: u32, beats: u32) -> Channel {
        Channel { count, width, beats }
    }

    fn bits(&self) -> u32 {
        self.count * self.width
    }
}

/// From the elements of an input to those of every output.
type Reference = Box<dyn Fn(&[i128]) -> Vec<i128>>;

/// A module with its parameters.
struct Engine {
    module: &'static str,
    parameters: Vec<(&'static str, String)>,
    input: Channel,
    output: Channel,
    /// Several outputs that are alike.
    readers: Option<u32>,
    reference: Reference,
}

impl Engine {
    /// A module with one stream in and one out that gives what it gets.
    fn new(module: &'static str, input: Channel, output: Channel) -> Engine {
        let parameters = vec![("Width", input.width.to_string())];
        let reference: Reference = Box::new(|words| words.to_vec());
        Engine { module, parameters, input, output, readers: None, reference }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Engine {
        self.parameters.push((name, value.to_string()));
        self
    }

    /// What comes out is this.
    fn gives(self, reference: impl Fn(&[i128]) -> Vec<i128> + 'static) -> Engine {
        Engine { reference: Box::new(reference), ..self }
    }

    /// Ports of the engine numbered `at`, without `_i` and `_o`.
    fn ports(&self, at: usize) -> (String, Vec<String>) {
        let outputs = (0..self.readers.unwrap_or(1)).map(|it| format!("out_e{at}r{it}"));
        (format!("in_e{at}"), outputs.collect())
    }

    fn instance(&self, at: usize) -> String {
        let (input, outputs) = self.ports(at);
        let parameters = self.parameters.iter().map(|(name, it)| format!("    .{name} ({it})"));
        let parameters = parameters.collect::<Vec<_>>().join(",\n");
        let mut text = format!("\n  {} #(\n{parameters}\n  ) i_e{at} (\n", self.module);
        text += "    .clk_i,\n    .rst_ni,\n";
        let all = |pin: &str, to: &str| {
            let pins = outputs.iter().rev().map(|it| format!("{pin}_{it}_{to}"));
            format!("{{{}}}", pins.collect::<Vec<_>>().join(", "))
        };
        let mut ports = vec![
            ("in_valid_i", format!("valid_{input}_i")),
            ("in_ready_o", format!("ready_{input}_o")),
            ("out_valid_o", all("valid", "o")),
            ("out_ready_i", all("ready", "i")),
        ];
        // A fork has no data: they go by.
        if self.readers.is_none() {
            ports.push(("in_data_i", format!("{input}_i")));
            ports.push(("out_data_o", format!("{}_o", outputs[0])));
        }
        if self.module == "nn_fifo" {
            ports.push(("level_o", String::new()));
        }
        let ports = ports.iter().map(|(name, it)| format!("    .{name} ({it})"));
        text += &ports.collect::<Vec<_>>().join(",\n");
        text += "\n  );\n";
        if self.readers.is_some() {
            for output in &outputs {
                let _ = writeln!(text, "  assign {output}_o = {input}_i;");
            }
        }
        text
    }
}

/// The top module of all.
fn top(engines: &[Engine]) -> String {
    let mut ports = vec!["  input logic clk_i".to_owned(), "  input logic rst_ni".to_owned()];
    for (at, engine) in engines.iter().enumerate() {
        let (input, outputs) = engine.ports(at);
        let mut port = |from: &str, to: &str, [i, o]: [&str; 2], bits: u32| {
            ports.push(format!("  {from} logic valid_{to}_{i}"));
            let back = if from == "input" { "output" } else { "input" };
            ports.push(format!("  {back} logic ready_{to}_{o}"));
            ports.push(format!("  {from} logic [{}:0] {to}_{i}", bits - 1));
        };
        port("input", &input, ["i", "o"], engine.input.bits());
        for output in outputs {
            port("output", &output, ["o", "i"], engine.output.bits());
        }
    }
    let instances = engines.iter().enumerate().map(|(at, it)| it.instance(at));
    let instances: String = instances.collect();
    format!("module alone (\n{}\n);\n{instances}\nendmodule\n", ports.join(",\n"))
}

/// The design, in a folder of its own.
fn dut(engines: &[Engine], folder: &std::path::Path) -> Dut {
    let mut sources: Vec<PathBuf> = Vec::new();
    let mut add = |name: &str, text: String| {
        sources.push(folder.join(name));
        std::fs::write(folder.join(name), text).unwrap();
    };
    let mut files: Vec<_> = std::fs::read_dir(own("rtl-templates"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "sv" || it == "svh"))
        .chain(
            ["alone", "alone_eltwise", "alone_join", "alone_table"]
                .map(|it| own(&format!("tests/rtl/{it}.sv"))),
        )
        .collect();
    files.sort_by_key(|it| it.file_name().map(ToOwned::to_owned));
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        add(&name, std::fs::read_to_string(&file).unwrap());
    }
    add("top.sv", top(engines));
    let mut dut = Dut::new("alone", sources);
    let mut beats = [Vec::new(), Vec::new()];
    for (at, engine) in engines.iter().enumerate() {
        let (input, outputs) = engine.ports(at);
        let slots = |it: &Channel| packed(it.count, it.width, false);
        dut = dut.input(format!("{input}_i"), slots(&engine.input));
        beats[0].push(engine.input.beats);
        for output in outputs {
            dut = dut.output(format!("{output}_o"), slots(&engine.output));
            beats[1].push(engine.output.beats);
        }
    }
    Dut { streams: Some(beats), ..dut }
}

const SAMPLES: usize = 60;

/// At full rate; with readers and sources that are slow, both or one of them, so that what stores is
/// empty most of the time, or full; with resets.
const STALLS: [(f64, f64, f64); 7] = [
    (0.0, 0.0, 0.0),
    (0.5, 0.0, 0.0),
    (0.0, 0.5, 0.0),
    (0.4, 0.4, 0.0),
    (0.1, 0.8, 0.0),
    (0.8, 0.1, 0.0),
    (0.3, 0.3, 0.002),
];

#[test]
fn modules_of_streams_alone() {
    let Some(tools) = tools() else { return };
    let engines: Vec<Engine> = engines::all().into_iter().chain(cores::all()).collect();
    let readme = std::fs::read_to_string(own("README.md")).unwrap();
    let modules = std::fs::read_dir(own("rtl-templates")).unwrap();
    let modules = modules.map(|it| it.unwrap().file_name().into_string().unwrap());
    for module in modules.filter_map(|it| it.strip_suffix(".sv").map(str::to_owned)) {
        // Some stand in a module that gives them streams.
        let inner = module.replacen("nn_", "alone_", 1);
        let there = engines.iter().any(|it| it.module == module || it.module == inner);
        // Weights that are loaded: without streams of their own, they run in `runtime`.
        let loads = ["nn_axil", "nn_bank", "nn_commit", "nn_place"].contains(&&*module);
        // At a serial line: they run in `board`, where the other end is not ours.
        let serial =
            ["nn_uart_rx", "nn_uart_tx", "nn_bytes_in", "nn_bytes_out"].contains(&&*module);
        assert!(there || loads || serial, "{module} is not run alone");
        assert!(readme.contains(&format!("`{module}`")), "{module} is not in the README");
    }
    let folder = tempfile::tempdir().unwrap();
    let dut = dut(&engines, folder.path());
    let model = cosim::verilate(&tools, &dut, Options::default()).unwrap();
    for (seed, (bubble, stall, reset)) in STALLS.into_iter().enumerate() {
        let inputs = dut.random_inputs(SAMPLES, seed as u64 + 1);
        let stimulus = Stimulus {
            seed: seed as u64 + 1,
            bubble,
            stall,
            reset,
            watchdog: 3000,
            ..Stimulus::default()
        };
        let told = model.run(&tools, &inputs, &stimulus).unwrap();
        let mut outputs = told.outputs.into_iter();
        for (engine, input) in engines.iter().zip(&inputs) {
            let want = (engine.reference)(input);
            for _ in 0..engine.readers.unwrap_or(1) {
                let got = outputs.next().unwrap();
                let (module, parameters) = (engine.module, &engine.parameters);
                let at = want.iter().zip(&got).position(|(a, b)| a != b);
                assert!(got == want, "{module} {parameters:?}, stalls {stall}: element {at:?}");
            }
        }
        assert!(reset == 0.0 || told.report.resets > 3, "{}", told.report.resets);
    }
}
