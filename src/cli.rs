//! The command line: what can be asked for. No behaviour lives here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::hls;
use crate::rtl::cmvm::Effort;
use crate::synth::Router;

/// Neural networks to FPGA firmware: HLS C++ and SystemVerilog from one bit-exact model.
#[derive(Debug, Parser)]
#[command(name = "nn2rtl", version, max_term_width = 100)]
pub struct Cli {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Treat warnings as errors.
    #[arg(long, global = true)]
    pub deny_warnings: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a firmware project from a model, by both paths.
    Build(Build),
    /// Compute bit-accurate outputs.
    Predict(Predict),
    /// Simulate the hardware and compare every bit with the emulator.
    Cosim(Cosim),
    /// Run open tools or a vendor's on a project, and show what they find.
    Synth(Synth),
    /// Make a bitstream for a board, from a model or a project.
    Bitstream(Bitstream),
    /// Put the HLS path beside the RTL path, or several projects side by side.
    Compare(Compare),
    /// Estimate resources and latency without any tool.
    Estimate(Estimate),
    /// Print the full configuration of a model, resolved, with reasons.
    Config(ConfigArgs),
    /// Show layers, shapes, quantizers and formats, and what is unsupported and why.
    Inspect(Inspect),
    /// List devices.
    Targets(Targets),
    /// Find an adder graph for one constant matrix.
    Cmvm(Cmvm),
}

/// A model and how it is to be made.
#[derive(Args, Clone, Debug)]
pub struct ModelArgs {
    /// Model file: .onnx, .keras, .h5, .pt2, .json with --weights, or a file of expressions.
    pub model: PathBuf,
    /// Options.
    #[command(flatten)]
    pub options: ModelOptions,
}

/// The options of every command that takes a model.
#[derive(Args, Clone, Debug, Default)]
pub struct ModelOptions {
    /// Weights of a JSON model.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Configuration: hls4ml's keys in YAML or JSON, or a whole hls4ml_config.yml.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Description of layers that are your own, in YAML or JSON (repeat for several files).
    #[arg(long, value_name = "FILE")]
    pub layers: Vec<PathBuf>,
    /// Device or full part string [default: xcvu13p; of HLS tools xcku115 for Catapult, arria10 for
    /// Quartus, agilex7 for oneAPI].
    #[arg(long, value_name = "PART")]
    pub target: Option<String>,
    /// Interfaces of the design: parallel or stream.
    #[arg(long, value_name = "IO")]
    pub io: Option<String>,
    /// Clock period in ns [default: the device's].
    #[arg(long, value_name = "NS")]
    pub clock: Option<f64>,
    /// Cycles from input to output of the RTL path, exactly: at the clock that is given, or else at
    /// the shortest that allows it.
    #[arg(long, value_name = "N")]
    pub latency: Option<u32>,
    /// Cycles between samples of the RTL path at most: reuse factors are chosen for it.
    #[arg(long, value_name = "N", conflicts_with = "fit")]
    pub target_ii: Option<u32>,
    /// Choose the reuse factors that make the RTL path fit the target and as fast as that allows.
    #[arg(long)]
    pub fit: bool,
    /// DSP blocks of the RTL path: none, so many, or as many as it takes to get below --lut-percent
    /// (auto) [default: auto].
    #[arg(long, value_name = "auto|none|N")]
    pub dsp: Option<String>,
    /// Share of the device's lookup tables above which --dsp auto moves products and sums into DSP
    /// blocks [default: 70].
    #[arg(long, value_name = "PERCENT")]
    pub lut_percent: Option<f64>,
    /// Products that share a multiplier, in both paths.
    #[arg(long, value_name = "N")]
    pub reuse: Option<u32>,
    /// How products are built: latency, resource, resource_unrolled or distributed_arithmetic (adder graphs,
    /// in the RTL path at every reuse factor).
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// How long to search for small adder graphs [default: normal].
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub effort: Option<Effort>,
    /// Default precision, such as 'fixed<16,6>'.
    #[arg(long, value_name = "TYPE")]
    pub precision: Option<String>,
    /// Shape of the samples of an input, without the batch, in the framework's order of axes, instead of
    /// the one in the file (repeat for several inputs).
    #[arg(long, value_name = "[NAME=]3,16,16")]
    pub input_shape: Vec<String>,
    /// Samples from which ranges are measured (repeat for several inputs).
    #[arg(long, value_name = "X.npy")]
    pub calibrate: Vec<PathBuf>,
}

/// Arguments of `build`.
#[derive(Args, Debug)]
pub struct Build {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Folder of the project [default: the model's name].
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Which paths to make.
    #[arg(long, value_enum, default_value_t = Flow::Both)]
    pub flow: Flow,
    /// HLS tool to write for.
    #[arg(long, value_enum)]
    pub hls: Option<hls::Tool>,
    /// Replace a folder that is not an nn2rtl project.
    #[arg(long)]
    pub force: bool,
}

/// The paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flow {
    /// HLS C++ and SystemVerilog.
    Both,
    /// SystemVerilog only.
    Rtl,
    /// HLS C++ only.
    Hls,
}

/// Arguments of `predict`.
#[derive(Args, Debug)]
pub struct Predict {
    /// The model, or the folder of a project.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Samples: .npy, .npz, .csv or .dat (repeat for several inputs, in model order).
    #[arg(long, value_name = "X.npy", required = true)]
    pub input: Vec<PathBuf>,
    /// Where outputs go, as float64: .npy, or .npz for several outputs.
    #[arg(long, value_name = "Y.npy")]
    pub output: Option<PathBuf>,
    /// What computes them.
    #[arg(long, value_enum, default_value_t = Engine::Emulator)]
    pub engine: Engine,
    /// Labels (one integer for each sample): print the accuracy of the first output's arg-max.
    #[arg(long, value_name = "Y.npy")]
    pub labels: Option<PathBuf>,
    /// Write the output of every layer to this folder.
    #[arg(long, value_name = "DIR")]
    pub trace: Option<PathBuf>,
}

/// What computes predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The integers of the hardware, by tensors or as the scalar program, whichever is done first.
    Emulator,
    /// The scalar program of the direct RTL, as vectorized software.
    Datapath,
    /// The SystemVerilog in Verilator (needs a project).
    Rtl,
    /// The HLS C++ compiled with g++ (needs a project).
    Hls,
    /// The framework's float arithmetic (needs a model file).
    Float,
}

/// Arguments of `cosim`.
#[derive(Args, Debug)]
pub struct Cosim {
    /// The project.
    pub dir: PathBuf,
    /// Samples to use beside the random and extreme ones (repeat for several inputs).
    #[arg(long, value_name = "X.npy")]
    pub input: Vec<PathBuf>,
    /// Number of random samples.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub samples: usize,
    /// Engines to compare with the emulator.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Simulated::Rtl, Simulated::Hls])]
    pub engines: Vec<Simulated>,
    /// Chance of a stall on every cycle of the output, and of a bubble at the input.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub stall: f64,
    /// Chance of a reset in every cycle in which a sample is under way; what is lost is given again.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub resets: f64,
    /// Drive the AXI4-Stream wrapper instead of the plain top module.
    #[arg(long)]
    pub axi: bool,
    /// Load these weights while samples are under way (arrays LAYER.weight, LAYER.bias; repeat for several).
    #[arg(long, value_name = "W.npz")]
    pub update: Vec<PathBuf>,
    /// The sample after whose beginning the weights of --update are committed (repeat alike).
    #[arg(long, value_name = "SAMPLE")]
    pub at: Vec<u32>,
    /// Seed of random samples and stalls.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write waves to this FST file.
    #[arg(long, value_name = "FILE")]
    pub wave: Option<PathBuf>,
}

/// Engines that cosimulation compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Simulated {
    /// SystemVerilog in Verilator.
    Rtl,
    /// HLS C++ compiled with g++.
    Hls,
    /// The RTL on its board in Verilator, from the serial line on.
    Board,
}

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub struct Compare {
    /// The project, or several: a column for each path of each, differences from the first.
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Write the page to this file [default: report.html in the project; of several projects
    /// compare.html here].
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Arguments of `estimate`.
#[derive(Args, Debug)]
pub struct Estimate {
    /// The model, or the folder of a project.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Say what to change (precision, reuse, strategy, interfaces, DSP blocks, device), each estimated in full:
    /// if a path does not fit (auto), always, or never.
    #[arg(
        long, value_enum, value_name = "WHEN", default_value = "auto",
        default_missing_value = "always", num_args = 0..=1, require_equals = true
    )]
    pub advise: Advise,
    /// Begin no change after so many seconds.
    #[arg(long, value_name = "S", default_value_t = 120)]
    pub advise_seconds: u64,
}

/// When to say what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Advise {
    /// If a path does not fit.
    Auto,
    /// In any case.
    Always,
    /// Never.
    Never,
}

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub struct Inspect {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Draw the network into this file.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// Arguments of `synth`.
#[derive(Args, Debug)]
pub struct Synth {
    /// The project.
    pub dir: PathBuf,
    /// What runs.
    #[arg(long, value_enum, default_value_t = SynthTool::Yosys)]
    pub tool: SynthTool,
    /// Which path: the direct RTL, or what XLS makes of a project of `--hls xls` (open tools).
    #[arg(long, value_enum, default_value_t = SynthPath::Rtl)]
    pub path: SynthPath,
    /// Another device than the project's (open tools).
    #[arg(long, value_name = "PART")]
    pub target: Option<String>,
    /// Everything in logic, nothing in DSP blocks (open tools).
    #[arg(long)]
    pub no_dsp: bool,
    /// Seed of the placement (nextpnr) [default: 1].
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// Another router than the family's own (nextpnr).
    #[arg(long, value_enum)]
    pub router: Option<Router>,
}

impl Synth {
    /// The options for place and route that are given.
    pub fn placing(&self) -> impl Iterator<Item = &'static str> {
        let options = [("--seed", self.seed.is_some()), ("--router", self.router.is_some())];
        options.into_iter().filter(|it| it.1).map(|it| it.0)
    }
}

/// Arguments of `bitstream`.
#[derive(Args, Debug)]
pub struct Bitstream {
    /// The model, or the folder of a project.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The board: ulx3s-85f, ulx3s-45f, ulx3s-25f, or a JSON file like constraints/boards.json.
    #[arg(long, value_name = "NAME")]
    pub board: String,
    /// Folder of the project that a model becomes [default: the model's name].
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Bits a second on the serial line.
    #[arg(long, value_name = "N", default_value_t = 115_200)]
    pub baud: u32,
    /// Seed of the placement.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u32,
    /// Only write the board's files, which `cosim --engines board` simulates; run no tool.
    #[arg(long)]
    pub sources_only: bool,
    /// Replace a folder that is not an nn2rtl project.
    #[arg(long)]
    pub force: bool,
}

/// Paths that are SystemVerilog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SynthPath {
    /// The direct one.
    Rtl,
    /// HLS, by XLS.
    Hls,
}

/// Tools of `synth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SynthTool {
    /// Logic synthesis: what the design takes, by layer.
    Yosys,
    /// Placed and routed (ECP5, Gowin, Nexus): what it takes and the clock that it reaches.
    Nextpnr,
    /// Yosys' netlist, flat, and its longest path by the family's table of delays: an estimate of the clock.
    Timing,
    /// The RTL by Vivado (`vivado` on PATH): synthesis and implementation out of context.
    Vivado,
    /// The RTL by Quartus (`quartus_sh` on PATH): the whole compilation, without pins.
    Quartus,
    /// The C++ by its HLS compiler (`vitis-run`, `vitis_hls` or `vivado_hls` on PATH): C simulation,
    /// synthesis, cosimulation, export.
    Vitis,
    /// The C++ by Catapult (`catapult` on PATH): C simulation, synthesis; with `vsim` on PATH
    /// cosimulation, with `vivado` logic synthesis.
    Catapult,
    /// The C++ by Intel's HLS compiler that it is for (`icpx` and `cmake`, or `i++` and `make` on PATH):
    /// the IP and its reports.
    Oneapi,
}

/// Arguments of `config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// How finely the configuration is written out.
    #[arg(long, value_enum, default_value_t = Granularity::Name)]
    pub granularity: Granularity,
}

/// Levels of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Granularity {
    /// One entry for the whole model.
    Model,
    /// One for each kind of layer.
    Type,
    /// One for each layer.
    Name,
}

/// Arguments of `targets`.
#[derive(Args, Debug)]
pub struct Targets {
    /// Only devices whose name holds this text.
    pub filter: Option<String>,
}

/// Arguments of `cmvm`.
#[derive(Args, Debug)]
pub struct Cmvm {
    /// An integer matrix, inputs by outputs.
    pub matrix: PathBuf,
    /// Format of the inputs.
    #[arg(long, value_name = "TYPE", default_value = "fixed<8,8>")]
    pub input: String,
    /// Levels of additions allowed beyond the least of each output, that of a balanced tree over its
    /// signed digits [default: any number].
    #[arg(long, value_name = "K")]
    pub delay_limit: Option<u32>,
    /// How long to search.
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "normal")]
    pub effort: Effort,
    /// Solve it so often and report the shortest time; the first time, a process has to load itself.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
}
