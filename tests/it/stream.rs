//! `io: stream`: the RTL in Verilator gives the emulator's bits at full rate and with stalls at every
//! port, in the cycles that were planned; so do the HLS C++ and its trace, however it is folded.

use nn2rtl::cosim::{Dut, Options, Stimulus, packed};
use serde_json::json;

use crate::cosim::{K3, Project, config, tools};
use crate::support::{files, json, own, run, shared, stderr, text};

/// A project of streams.
fn build(model: &std::path::Path, options: &[&str]) -> Project {
    Project::build(model, &[&["--io", "stream"], options].concat())
}

/// Undisturbed the figures are the plan's; disturbed the bits are the same.
pub(crate) fn check(project: &Project, samples: &str) {
    let manifest = project.json("nn2rtl.json");
    let (rtl, engines) = (&manifest["rtl"], if manifest["hls"].is_null() { 1 } else { 2 });
    let told = project.cosim(&["--samples", samples, "--engines", ["rtl", "rtl,hls"][engines - 1]]);
    assert_eq!(told["cosim"]["engines"].as_array().unwrap().len(), engines, "{told}");
    let timing = &told["timing"];
    assert_eq!(timing["first"], rtl["first"], "{told}");
    assert_eq!(timing["alone"], rtl["latency"], "{told}");
    // Behind the first samples, which fill FIFOs, every one takes as long, or every two, three or five do.
    let cycles = |count: &str| {
        let told = project.cosim(&["--engines", "rtl", "--samples", count]);
        told["timing"]["cycles"].as_u64().unwrap()
    };
    let (taken, planned) = (cycles("70") - cycles("40"), rtl["interval"].as_u64().unwrap());
    assert!((30 * (planned - 1) + 1..=30 * planned).contains(&taken), "{taken}, {planned} each");
    let disturbed = ["--engines", "rtl", "--stall", "0.4", "--seed", "5"];
    project.cosim(&[&disturbed[..], &["--samples", samples]].concat());
    // A reset anywhere, and everything is as if it were the first one.
    let resets = 2.0 / (rtl["latency"].as_f64().unwrap() + 20.0 * planned as f64);
    let resets = resets.to_string();
    let told = project.cosim(&[&disturbed[..], &["--samples", "60", "--resets", &resets]].concat());
    assert!(told["timing"]["resets"].as_u64().unwrap() > 0, "{told}");
}

/// Convolutions with all paddings, pools, branches, several inputs and outputs, attention; outputs that are
/// inputs, of which a word may be there before the source is rid of it.
#[test]
fn layers_stream() {
    let Some(_) = tools() else { return };
    for model in [
        "hgq2_conv.keras",
        "hgq2_learned.keras",
        "graph.onnx",
        "layers_pool.keras",
        "hls4ml_conv.keras",
        "onnx_arrangements.onnx",
    ] {
        let project = build(&own("tests/models").join(model), &["--precision", "fixed<8,3>"]);
        check(&project, "12");
    }
}

/// Recurrences in both directions, reductions over all pixels, other orders of tokens.
#[test]
fn loops_and_orders_stream() {
    let Some(_) = tools() else { return };
    for (model, reuse) in
        [("layers_rnn.keras", "3"), ("hls4ml_pool.keras", "1"), ("hls4ml_wires.keras", "1")]
    {
        let options = ["--precision", "fixed<8,3>", "--flow", "rtl", "--reuse", reuse];
        check(&build(&own("tests/models").join(model), &options), "12");
    }
    for model in ["k3_rnn.keras", "t_rnn.pt2"] {
        let Some(model) = shared(&format!("samples/{model}")) else { return };
        check(&build(&model, &["--flow", "rtl", "--reuse", "4"]), "6");
    }
}

/// Softmaxes over one axis and several, stable and not; layer normalizations, attention and tables of a transformer
/// block, folded: on modules for reductions and for what they are made for, and tables in block RAM where lookup tables
/// have four inputs.
#[test]
fn normalizations_stream() {
    let Some(_) = tools() else { return };
    for (model, reuse, precision) in [
        ("hgq2_tables.keras", "4", None),
        ("layers_block.keras", "4", Some("fixed<5,2>")),
        ("layers_block.keras", "16", None),
    ] {
        let precision = precision.map_or(vec![], |it| vec!["--precision", it]);
        let device = ["--target", "lfe5u-85", "--clock", "10"];
        let options = [&["--flow", "rtl", "--reuse", reuse], &device[..], &precision].concat();
        let project = build(&own("tests/models").join(model), &options);
        check(&project, "8");
        let sources = files(&project.dir.join("rtl"));
        let of = |module: &str| {
            let instance = format!("  {module} #(");
            sources.values().any(|it| String::from_utf8_lossy(it).contains(&instance))
        };
        if model == "hgq2_tables.keras" {
            assert!(of("nn_table"), "{model}");
        } else {
            assert!(of("nn_reduce") && of("nn_eltwise"), "{model}");
            // The mean of the layer normalization, and its mean square, where there is time for it.
            let kinds: &[u32] = if reuse == "16" { &[0, 0] } else { &[] };
            assert_eq!(normalizations(&project), kinds, "{model}");
        }
    }
    let options = ["--flow", "rtl", "--reuse", "64"];
    let project = build(&own(K3), &options);
    check(&project, "12");
    // The largest element first, then the sum of what is left.
    assert_eq!(normalizations(&project), [1, 0]);
}

/// What the normalizing engines of a project reduce by, as their module numbers it.
fn normalizations(project: &Project) -> Vec<u32> {
    let top = project.json("nn2rtl.json")["rtl"]["top"].as_str().unwrap().to_owned();
    let source = std::fs::read_to_string(project.dir.join(format!("rtl/{top}.sv"))).unwrap();
    let kind = |engine: &str| {
        let kind = engine.split_once(".Kind (").and_then(|it| it.1.split_once(')'));
        kind.unwrap().0.parse().unwrap()
    };
    source.split("  nn_normalize #(").skip(1).map(kind).collect()
}

/// Tasks that keep a state: cells of all kinds, both directions, every row and the last one.
#[test]
fn recurrent_layers_stream_in_cpp() {
    let Some(_) = tools() else { return };
    let model = own("tests/models/onnx_recurrent.onnx");
    let project = build(&model, &["--precision", "fixed<8,3>", "--flow", "hls"]);
    project.cosim(&["--engines", "hls", "--samples", "20"]);
    let folder = project.dir.join("hls/vitis/firmware");
    let source = std::fs::read_to_string(folder.join("onnx_recurrent.cpp")).unwrap();
    assert!(source.contains("#pragma HLS PIPELINE\n"), "{source}");
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
        let hls = project.json("nn2rtl.json")["hls"]["interval"].clone();
        assert_eq!(hls.to_string(), reuse);
        intervals.push(project.json("nn2rtl.json")["rtl"]["interval"].as_u64().unwrap());
    }
    // Attention: products of two tensors, by columns and by parts of their sums.
    let sizes = ["4", "64"].map(|reuse| {
        let model = own("tests/models/layers_attention.keras");
        let project = build(&model, &["--flow", "rtl", "--reuse", reuse]);
        check(&project, "6");
        let processes = project.json("nn2rtl.json")["rtl"]["processes"].clone();
        processes.as_array().unwrap().iter().filter_map(|it| it["lut"].as_u64()).sum::<u64>()
    });
    assert!(3 * sizes[1] < 2 * sizes[0], "{sizes:?}");
    // All at once a sample takes a cycle; with one multiplier as many as its widest layer has weights.
    assert_eq!(intervals[..3], [1, 2, 4], "{}", model.display());
    assert!(intervals[3] >= 128, "{intervals:?}");
    // All of its factors are in `benches/streams.py --reuse`: Verilator takes minutes for the lower ones.
    let Some(p05) = shared("models/p05_ad03_qkeras_ae/model_ToyCar.h5") else { return };
    let project = build(&p05, &["--reuse", "100000"]);
    let told = project.cosim(&["--engines", "rtl,hls", "--samples", "4"]);
    assert_eq!(told["timing"]["alone"], project.json("nn2rtl.json")["rtl"]["latency"]);
    project.cosim(&["--engines", "rtl", "--samples", "4", "--stall", "0.4", "--seed", "5"]);
}

/// The same of convolutions, whose tokens come again and again.
#[test]
fn folded_convolutions_stream() {
    let Some(_) = tools() else { return };
    let mut intervals = Vec::new();
    for reuse in ["1", "2", "4", "100000"] {
        let project = build(&own("tests/models/qk2_cnn.h5"), &["--reuse", reuse]);
        check(&project, "6");
        intervals.push(project.json("nn2rtl.json")["rtl"]["interval"].as_u64().unwrap());
    }
    // Pixels times products that share a multiplier, or all that a window has.
    assert!(intervals.is_sorted(), "{intervals:?}");
    assert_eq!(intervals[2..], [400, 10800], "{intervals:?}");
}

/// Where blocks are few, two products come from one.
#[test]
fn products_share_blocks() {
    let Some(_) = tools() else { return };
    let options = ["--flow", "rtl", "--reuse", "4", "--target", "xc7a100t"];
    let model = own("tests/models/qk2_cnn.h5");
    for (dsp, shares) in [("92", true), ("100", false)] {
        let project = build(&model, &[&options[..], &["--dsp", dsp]].concat());
        check(&project, "6");
        let sources = files(&project.dir.join("rtl"));
        let all = sources.iter().map(|it| String::from_utf8_lossy(it.1)).collect::<String>();
        assert_eq!(all.contains(".Pairs       (1'b1)"), shares, "{dsp} blocks");
    }
}

/// The strategies of the C++, factors of a token's positions; the trace has every layer's tensor, put
/// together from tokens.
#[test]
fn folded_convolutions_stream_in_cpp() {
    let Some(_) = tools() else { return };
    let (model, input) = (own("tests/models/qk2_cnn.h5"), own("tests/models/qk2_cnn.npz"));
    for (strategy, reuse) in
        [("resource", "4"), ("resource_unrolled", "3"), ("distributed_arithmetic", "1")]
    {
        let options = ["--flow", "hls", "--strategy", strategy, "--reuse", reuse];
        let project = build(&model, &options);
        project.cosim(&["--engines", "hls", "--samples", "20"]);
        let traced = |engine: &str| {
            let folder = project.scratch.path().join(engine);
            let options = ["--engine", engine, "--input", text(&input), "--trace", text(&folder)];
            run(0, &[&["predict", text(&project.dir)], &options[..]].concat());
            files(&folder)
        };
        let (emulator, hls) = (traced("emulator"), traced("hls"));
        assert!(emulator.len() > 8 && emulator == hls, "{strategy}");
    }
}

#[test]
fn convolutions_of_others_stream() {
    let Some(_) = tools() else { return };
    let Some(folder) = shared("models") else { return };
    let p01 = folder.join("p01_mnist_cnn_keras3/keras_model.keras");
    check(&build(&p01, &["--reuse", "9"]), "4");
    let p06 = folder.join("p06_rn06_qkeras_conv/model_best.h5");
    check(&build(&p06, &["--reuse", "64", "--flow", "rtl"]), "4");
}

/// The wrapper that goes into block designs, where `last` must be where samples end.
#[test]
fn axi_streams() {
    let Some(_) = tools() else { return };
    let options = ["--precision", "fixed<8,3>", "--flow", "rtl"];
    let project = build(&own("tests/models/hgq2_conv.keras"), &options);
    for stall in ["0", "0.3"] {
        let options = ["--engines", "rtl", "--samples", "20", "--axi", "--stall", stall];
        project.cosim(&options);
    }
}

/// With one word less in its FIFO a design halts, or its frames take longer: the depths of the plan are
/// those that the hardware needs.
#[test]
fn a_word_less_halts_or_slows() {
    let Some(_) = tools() else { return };
    for (model, halts) in [("t_rest.pt2", true), ("graph.onnx", false)] {
        let options = ["--precision", "fixed<8,3>", "--flow", "rtl"];
        let project = build(&own("tests/models").join(model), &options);
        let cycles = |count: &str| {
            let told = project.cosim(&["--engines", "rtl", "--samples", count]);
            told["timing"]["cycles"].as_u64().unwrap()
        };
        let taken = || cycles("60") - cycles("40");
        let planned = taken();
        let name = model.split('.').next().unwrap();
        let top = project.dir.join(format!("rtl/{name}.sv"));
        let text = std::fs::read_to_string(&top).unwrap();
        // Kernels have a depth too.
        let fifo = text.find("nn_fifo #(").unwrap();
        let start = fifo + text[fifo..].find(".Depth (").unwrap();
        let (before, rest) = (&text[..start], &text[start + ".Depth (".len()..]);
        let (depth, behind) = rest.split_once(')').unwrap();
        let less = depth.parse::<usize>().unwrap() - 1;
        assert!(less > 0, "{model} has a FIFO of one word");
        std::fs::write(&top, format!("{before}.Depth ({less}){behind}")).unwrap();
        if halts {
            let folder = project.dir.display().to_string();
            let told = stderr(&run(2, &["cosim", &folder, "--engines", "rtl", "--samples", "9"]));
            assert!(told.contains("hang"), "{told}");
        } else {
            assert!(taken() > planned, "{model}: {planned} cycles with {depth} words and {less}");
        }
    }
}

/// A byte that TKEEP leaves out, or TLAST where no sample ends, raises `frame_error`; the bits are the same.
#[test]
fn wrong_frames_are_told() {
    let Some(tools) = tools() else { return };
    let options = ["--precision", "fixed<8,3>", "--flow", "rtl"];
    let project = build(&own("tests/models/hgq2_conv.keras"), &options);
    let rtl = &project.json("nn2rtl.json")["rtl"];
    let number = |value: &serde_json::Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let side = |input: bool| {
        let ports = rtl["ports"].as_array().unwrap();
        let port = ports.iter().find(|it| it["input"] == input).unwrap();
        let slots = port["slots"].as_array().unwrap();
        let ends = slots.iter().map(|it| number(&it["axis_offset"]) + number(&it["axis_width"]));
        let beats = number(&rtl["beats"][usize::from(!input)][0]);
        (ends.max().unwrap(), beats)
    };
    let ((from, beats), (to, gives)) = (side(true), side(false));
    let top = FRAMES
        .replace("TOP", rtl["axis"].as_str().unwrap())
        .replace("FROM", &from.to_string())
        .replace("KEEP", &(from / 8).to_string())
        .replace("TO", &to.to_string());
    let file = project.dir.join("rtl/frames.sv");
    std::fs::write(&file, top).unwrap();
    let sources = rtl["sources"].as_array().unwrap().iter();
    let sources = sources.map(|it| project.dir.join(it.as_str().unwrap())).chain([file]).collect();
    // The words, the error; what comes in has TKEEP and TLAST with it.
    let dut = Dut::new("frames", sources)
        .input("in_word_i", packed(from / 8, 8, false))
        .input("in_keep_i", packed(1, from / 8, false))
        .input("in_last_i", packed(1, 1, false))
        .output("out_word_o", packed(to / 8, 8, false))
        .output("out_error_o", packed(1, 1, false));
    let dut = Dut { in_beats: beats, out_beats: gives, ..dut };
    let model = nn2rtl::cosim::verilate(&tools, &dut, Options::default()).unwrap();
    let samples = 12;
    let words = beats as usize * samples;
    let mut inputs = dut.random_inputs(samples, 3);
    inputs[1] = vec![(1 << (from / 8)) - 1; words];
    inputs[2] = (1..=words).map(|it| i128::from(it.is_multiple_of(beats as usize))).collect();
    let run = |inputs: &[Vec<i128>]| {
        let stimulus = Stimulus { stall: 0.2, ..Stimulus::default() };
        model.run(&tools, inputs, &stimulus).unwrap().outputs
    };
    let want = run(&inputs);
    assert!(want[1].iter().all(|it| *it == 0), "no error without a cause");
    // In the middle of sample 4: a hole, an early end; and an end that is missing.
    let middle = 4 * beats as usize + 1;
    for (pin, at, value) in [(1, middle, 1), (1, middle, 0), (2, middle, 1), (2, middle - 2, 0)] {
        let mut wrong = inputs.clone();
        wrong[pin][at] = value;
        let got = run(&wrong);
        assert!(got[0] == want[0], "the words are the same");
        let errors = &got[1];
        assert!(errors.is_sorted() && errors[0] == 0, "{errors:?}");
        assert!(errors[5 * gives as usize..].iter().all(|it| *it == 1), "{errors:?}");
    }
}

/// The wrapper with pins that the harness of tests drives.
const FRAMES: &str = "
module frames (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  logic            in_valid_i,
  output logic            in_ready_o,
  input  logic [FROM-1:0] in_word_i,
  input  logic [KEEP-1:0] in_keep_i,
  input  logic            in_last_i,
  output logic            out_valid_o,
  input  logic            out_ready_i,
  output logic [TO-1:0]   out_word_o,
  output logic            out_error_o
);
  logic error, error_q;
  // What is offered must hold.
  assign out_error_o = error_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) error_q <= 1'b0;
    else if (!out_valid_o || out_ready_i) error_q <= error;
  end
  TOP i_top (
    .aclk          (clk_i),
    .aresetn       (rst_ni),
    .s_axis_tvalid (in_valid_i),
    .s_axis_tready (in_ready_o),
    .s_axis_tdata  (in_word_i),
    .s_axis_tkeep  (in_keep_i),
    .s_axis_tlast  (in_last_i),
    .m_axis_tvalid (out_valid_o),
    .m_axis_tready (out_ready_i),
    .m_axis_tdata  (out_word_o),
    .m_axis_tkeep  (),
    .m_axis_tlast  (),
    .frame_error   (error)
  );
endmodule
";

/// Verilator finds nothing to complain of in windows, forks, FIFOs, arrays and normalizations, nor where inputs enter
/// together.
#[test]
fn streams_lint_clean() {
    let Some(tools) = tools() else { return };
    let verilator = tools.verilator().unwrap();
    for (model, reuse, io) in [
        ("hls4ml_conv.keras", "3", "stream"),
        ("graph.onnx", "2", "stream"),
        ("layers_block.keras", "16", "stream"),
        ("layers_rnn.keras", "2", "stream"),
        ("t_more.pt2", "4", "parallel"),
        ("qk3_rest.keras", "4", "parallel"),
    ] {
        let options = ["--reuse", reuse, "--flow", "rtl", "--io", io];
        let project = Project::build(&own("tests/models").join(model), &options);
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
    for flow in ["both", "rtl"] {
        let latency = ["--flow", flow, "--latency", "9"];
        assert!(told(&latency).contains("io: parallel"), "{}", told(&latency));
    }
    // Constants are outputs of this one.
    let wires = own("tests/models/layers_wires.keras");
    for flow in ["both", "hls"] {
        let build = ["build", text(&wires), "-o", text(&dir), "--io", "stream", "--flow", flow];
        let told = stderr(&run(2, &build));
        assert!(told.contains("depends on no input cannot be streamed"), "{told}");
    }
    assert!(!dir.exists());
    // Additions are not shared, be it by tokens.
    let options = ["--flow", "hls", "--strategy", "distributed_arithmetic", "--reuse", "4"];
    let warned = json(0, &[&base[..], &options].concat())["warnings"].to_string();
    assert!(warned.contains("has no effect on additions"), "{warned}");
    // Rounding accumulators depend on the order of their sums.
    let all = json!({ "Model": { "ReuseFactor": 4, "Precision": { "default": "fixed<8,3>" } } });
    let file = config(folder.path(), &all);
    let options = ["--flow", "rtl", "--config", text(&file)];
    let warned = json(0, &[&base[..], &options].concat());
    let warnings = warned["warnings"].to_string();
    assert!(warnings.contains("depend on their order"), "{warned}");
}

/// Reuse factors chosen for a rate and for a device keep what they promise; what cannot be is said.
#[test]
fn reuse_factors_are_chosen() {
    let Some(_) = tools() else { return };
    let model = own(K3);
    let project = build(&model, &["--flow", "rtl", "--target-ii", "16"]);
    let rtl = project.json("nn2rtl.json")["rtl"].clone();
    assert!((2..=16).contains(&rtl["interval"].as_u64().unwrap()), "{rtl}");
    let told = project.cosim(&["--engines", "rtl", "--samples", "12"]);
    assert_eq!(told["timing"]["alone"], rtl["latency"], "{told}");
    let project = build(&model, &["--flow", "rtl", "--fit", "--target", "xc7a100t"]);
    let total = project.json("nn2rtl.json")["comparison"]["total"]["rtl"].clone();
    assert!(total["lut"]["value"].as_f64().is_some_and(|it| it <= 0.7 * 63400.0), "{total}");
    project.cosim(&["--engines", "rtl", "--samples", "12"]);
    let dir = project.scratch.path().join("small");
    let options = ["--io", "stream", "--flow", "rtl", "--fit", "--target", "ice40hx8k"];
    run(1, &[&["build", text(&model), "-o", text(&dir)], &options[..]].concat());
    assert!(!dir.exists());
}

/// A network of depthwise convolutions, at 16 bits, folded until it fits: windows in packs, kernels and
/// loops on parts of their tokens, a softmax element by element.
#[test]
fn small_devices_hold_whole_networks() {
    let Some(_) = tools() else { return };
    let Some(model) = shared("models/p04_kws_dscnn_h5/kws_model.h5") else { return };
    let project = build(&model, &["--flow", "rtl", "--fit", "--target", "xc7a100t"]);
    let manifest = project.json("nn2rtl.json");
    let (rtl, total) = (&manifest["rtl"], &manifest["comparison"]["total"]["rtl"]);
    for (kind, most) in [("lut", 0.7 * 63_400.0), ("dsp", 240.0)] {
        assert!(total[kind]["value"].as_f64().is_some_and(|it| it <= most), "{total}");
    }
    let timing = project.cosim(&["--engines", "rtl", "--samples", "3"])["timing"].clone();
    assert_eq!(timing["first"], rtl["first"], "{timing}");
    assert_eq!(timing["alone"], rtl["latency"], "{timing}");
    let stalls = ["--stall", "0.4", "--seed", "5", "--samples", "3"];
    project.cosim(&[&["--engines", "rtl"], &stalls[..]].concat());
}
