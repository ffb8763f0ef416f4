//! Whole networks and projects: end to end, folded, shared values, names, scripts.

use std::path::Path;
use std::process::{Command, Output};

use super::super::{Folding, HlsOptions, HlsProject, Strategy, Tool, project, test_data};
use super::{
    Compiler, Random, agree, build, builder, compiler, compiler_for, emulate, input, stimuli, vitis,
};
use crate::error::Origin;
use crate::fixed::{Builder, Format, Graph, Mantissas, Overflow, Rounding, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::units::*;

fn mantissas(random: &mut Random, n: usize, bits: u32) -> Mantissas {
    (0..n).map(|_| random.range(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) as i128).collect()
}

fn dense(
    builder: &mut Builder,
    random: &mut Random,
    name: &str,
    from: NodeId,
    n_out: usize,
) -> NodeId {
    builder.enter(Origin::new("net.keras", name));
    let n_in = builder.ty(from).shape.last();
    let mac = Mac {
        n_in,
        n_out,
        weights: mantissas(random, n_in * n_out, 8),
        weight: Format::signed(8, 2),
        biases: mantissas(random, n_out, 8),
        bias: Format::signed(8, 2),
        // Narrow, so that it saturates now and then: the order of sums is seen.
        accum: Format::signed(14, 5).with(Rounding::RndConv, Overflow::Sat),
        result: Format::signed(12, 5).rounded(),
        loaded: Loaded::Nothing,
    };
    builder.add("", mac, &[from])
}

/// `exp(x - max) / sum exp(x - max)` with tables made of integers alone.
fn softmax(builder: &mut Builder, name: &str, x: NodeId) -> NodeId {
    builder.enter(Origin::new("net.keras", name));
    let n = builder.ty(x).shape.last();
    let shape = builder.ty(x).shape.clone();
    let format = Format::signed(12, 5);
    let accum = format;
    let max = Reduce { reduction: Reduction::Max, group: n, accum, result: format };
    let max = builder.add("max", max, &[x]);
    let norm = Format::unsigned(11, 4).with(Rounding::Trn, Overflow::Sat);
    let read = [Read::Cycle(1), Read::Same];
    let sub = Eltwise { op: Binary::Sub, read, shape: shape.clone(), result: norm };
    let difference = builder.add("difference", sub, &[max, x]);
    let entry = Format::unsigned(17, 1);
    let exp = Lut {
        index: Index::TopBits,
        table: (0..1024).map(|it| 65536 / (1 + it * it / 64)).collect(),
        entry,
        result: entry,
    };
    let exp = builder.add("exp", exp, &[difference]);
    let accum = Format::unsigned(18, 8).rounded();
    let sum = Reduce { reduction: Reduction::SumTree, group: n, accum, result: accum };
    let sum = builder.add("sum", sum, &[exp]);
    let inverse = Lut {
        index: Index::TopBits,
        table: (0..1024).map(|it| 65536 / (it + 1)).collect(),
        entry,
        result: entry,
    };
    let inverse = builder.add("inverse", inverse, &[sum]);
    let read = [Read::Same, Read::Cycle(1)];
    let mul = Eltwise { op: Binary::Mul, read, shape, result: Format::unsigned(16, 0).rounded() };
    builder.add("", mul, &[exp, inverse])
}

/// Two dense layers and a softmax.
pub(super) fn mlp(sizes: [usize; 3]) -> Graph {
    let (mut builder, mut random) = (builder(), Random(7));
    let ty = Type::uniform(Shape(vec![sizes[0]]), Format::signed(10, 3).rounded());
    let x = input(&mut builder, "x", ty);
    let hidden = dense(&mut builder, &mut random, "fc1", x, sizes[1]);
    builder.enter(Origin::new("net.keras", "relu1"));
    let relu = builder.add("", Rectify::relu(Format::unsigned(9, 4).rounded()), &[hidden]);
    let logits = dense(&mut builder, &mut random, "fc2", relu, sizes[2]);
    let output = softmax(&mut builder, "softmax", logits);
    builder.graph.outputs = vec![output];
    builder.graph
}

fn folded(strategy: Strategy, reuse: u64) -> HlsOptions {
    HlsOptions { folding: Folding { strategy, reuse, parallel: None }, ..vitis("mlp") }
}

#[test]
fn a_network_runs_the_same_however_it_is_folded() {
    let Some(compiler) = compiler("a_network_runs_the_same_however_it_is_folded") else { return };
    let graph = mlp([8, 12, 5]);
    let strategies = [(Strategy::Latency, 1), (Strategy::Resource, 24), (Strategy::Unrolled, 7)];
    for (strategy, reuse) in strategies {
        agree(&compiler, &graph, &folded(strategy, reuse), 1);
    }
}

#[test]
fn a_matrix_means_the_same_however_it_is_folded() {
    foldings("a_matrix_means_the_same_however_it_is_folded", Tool::Vitis);
}

#[test]
fn a_matrix_means_the_same_in_ac_types() {
    foldings("a_matrix_means_the_same_in_ac_types", Tool::Catapult);
}

/// Six rows, each folding a layer of its own; accumulators saturate where they may.
fn foldings(test: &str, tool: Tool) {
    let Some(compiler) = compiler_for(tool, test) else { return };
    let (mut builder, mut random) = (builder(), Random(11));
    let ty = Type::uniform(Shape(vec![6, 8]), Format::signed(10, 3));
    let x = input(&mut builder, "x", ty);
    let mut options = HlsOptions::new(tool, "rows");
    let mut layer = |strategy, reuse, parallel| {
        let name = format!("fc{}", builder.graph.outputs.len());
        builder.enter(Origin::new("net.keras", &name));
        let accum = match strategy {
            Strategy::Distributed => Format::signed(22, 9),
            _ => Format::signed(14, 5).with(Rounding::RndConv, Overflow::Sat),
        };
        let mut weights: Vec<i128> = mantissas(&mut random, 8 * 5, 7).iter().copied().collect();
        weights.iter_mut().step_by(3).for_each(|it| *it = 0);
        let biases = mantissas(&mut random, 5, 8);
        let (weight, bias) = (Format::signed(8, 2), Format::signed(8, 2));
        let result = Format::signed(12, 5).rounded();
        let mac = Mac {
            n_in: 8,
            n_out: 5,
            weights: weights.into(),
            weight,
            biases,
            bias,
            accum,
            result,
            loaded: Loaded::Nothing,
        };
        let y = builder.add("", mac, &[x]);
        builder.graph.outputs.push(y);
        options.layers.insert(name, Folding { strategy, reuse, parallel });
    };
    use Strategy::{Distributed, Latency, Resource, Unrolled};
    for parallel in [None, Some(1), Some(2), Some(4), Some(6)] {
        layer(Latency, 1, parallel);
        layer(Latency, 3, parallel);
        layer(Resource, 4, parallel);
        layer(Resource, 8, parallel);
        layer(Resource, 40, parallel);
        layer(Unrolled, 1, parallel);
        layer(Unrolled, 7, parallel);
        layer(Unrolled, 1000, parallel);
        layer(Distributed, 1, parallel);
    }
    agree(&compiler, &builder.graph, &options, 1);
}

#[test]
fn values_with_many_readers_reach_all_of_them() {
    let Some(compiler) = compiler("values_with_many_readers_reach_all_of_them") else { return };
    let (mut builder, mut random) = (builder(), Random(11));
    let ty = Type::uniform(Shape(vec![2, 6]), Format::signed(10, 3));
    let x = input(&mut builder, "x", ty.clone());
    let unread = input(&mut builder, "unread", ty);
    let hidden = dense(&mut builder, &mut random, "fc", x, 6);
    builder.enter(Origin::new("net", "rest"));
    let values = mantissas(&mut random, 12, 60);
    let format = Format::signed(60, 5).with(Rounding::Trn, Overflow::SatSym);
    let constant = builder.constant("offset", Shape(vec![2, 6]), values, format);
    let add = Eltwise {
        op: Binary::Add,
        read: [Read::Same, Read::Same],
        shape: Shape(vec![2, 6]),
        result: Format::signed(61, 6),
    };
    let twice = builder.add("twice", add.clone(), &[hidden, hidden]);
    let moved = builder.add("moved", add, &[hidden, constant]);
    // Only an output, an output twice and read, an input, a constant, an unread input.
    builder.graph.outputs = vec![twice, hidden, hidden, x, constant, unread, moved];
    for options in [folded(Strategy::Latency, 2), folded(Strategy::Resource, 3)] {
        agree(&compiler, &builder.graph, &options, 2);
    }
}

#[test]
fn any_name_becomes_an_identifier() {
    let Some(compiler) = compiler("any_name_becomes_an_identifier") else { return };
    let names = [
        "a/b",
        "a_b",
        "A_B",
        "class",
        "size",
        "time",
        "int8",
        "3",
        "features_",
        "row",
        "é\n\\",
        "main",
        "units_t",
        "relu",
        "EOF",
        "div",
        "exp",
        "x_config",
        "x",
        "nn",
        "a_b_t",
        "std",
    ];
    let mut builder = builder();
    let format = Format::signed(8, 3);
    let x = input(&mut builder, "int main() {\\", Type::uniform(Shape(vec![3]), format));
    let mut last = x;
    for name in names {
        builder.enter(Origin::new("net", name));
        last = builder.add("", Rectify::relu(format.rounded()), &[last]);
        builder.graph.outputs.push(last);
    }
    assert_ne!(last, x);
    let options = HlsOptions { description: "a\n*/ b \\".to_owned(), ..vitis("units") };
    agree(&compiler, &builder.graph, &options, 3);
}

#[test]
fn foldings_that_do_not_fit_are_changed_and_said_so() {
    let warnings = |reuse, strategy, parallel| {
        let mut options = folded(strategy, 1);
        options.layers.insert("fc2".to_owned(), Folding { strategy, reuse, parallel });
        let project = project(&mlp([8, 12, 5]), &options).unwrap();
        let said: Vec<String> = project.warnings.iter().map(|it| it.to_string()).collect();
        (said.join("\n"), project.interval)
    };
    let changed = |it: &str| format!("net.keras:fc2: {it}");
    let uneven = "reuse factor 5 does not split a 12 x 5 matrix evenly (those that do: 1, 2, 3, 4, 6, 12, \
                  60); using 4";
    assert_eq!(warnings(5, Strategy::Resource, None), (changed(uneven), 4));
    assert_eq!(warnings(12, Strategy::Resource, None), (String::new(), 12));
    let (few, interval) = warnings(100, Strategy::Unrolled, None);
    assert!(
        few.contains("reuse factor 100 is more than the 60 products of a row; using 60"),
        "{few}"
    );
    assert_eq!(interval, 60);
    let rows = "parallelization factor 3 does not divide the 1 positions; using 1";
    assert_eq!(warnings(2, Strategy::Latency, Some(3)), (changed(rows), 2));
}

/// One dense layer with an accumulator of its own.
fn single(accum: Format) -> Graph {
    let mut builder = builder();
    let x = input(&mut builder, "x", Type::uniform(Shape(vec![2]), Format::signed(8, 3)));
    builder.enter(Origin::new("net.keras", "fc"));
    let format = Format::signed(6, 2);
    let (weights, biases) = ([3, -5, 7, 0].to_vec().into(), [9, -9].to_vec().into());
    let (weight, bias, result) = (format, format, Format::signed(8, 4));
    let mac = Mac {
        n_in: 2,
        n_out: 2,
        weights,
        weight,
        biases,
        bias,
        accum,
        result,
        loaded: Loaded::Nothing,
    };
    let y = builder.add("", mac, &[x]);
    builder.graph.outputs.push(y);
    builder.graph
}

#[test]
fn additions_need_sums_that_lose_nothing() {
    let Some(compiler) = compiler("additions_need_sums_that_lose_nothing") else { return };
    let distributed = folded(Strategy::Distributed, 1);
    for accum in [Format::signed(20, 10), Format::signed(12, 2)] {
        agree(&compiler, &single(accum), &distributed, 1);
    }
    let error = project(&single(Format::signed(8, 4)), &distributed).unwrap_err();
    let expected = "net.keras:fc: strategy distributed_arithmetic needs an accumulator that neither \
                    rounds nor saturates products; fixed<8,4> does (`accum: auto` fits)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn elements_too_far_apart_are_refused() {
    let mut builder = builder();
    let formats = vec![Format::signed(8, 100), Format::signed(8, -100)];
    let x = input(&mut builder, "x", Type::each(Shape(vec![2]), formats));
    builder.graph.outputs.push(x);
    let error = project(&builder.graph, &vitis("wide")).unwrap_err();
    let expected = "test:x: the elements of x need a common type of 208 bits; \
                    at most 128 are supported";
    assert_eq!(error.to_string(), expected);
}

pub(super) fn write(project: &HlsProject, dir: &Path) {
    for (file, text) in &project.files {
        std::fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
        std::fs::write(dir.join(file), text).unwrap();
    }
}

pub(super) fn text(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).chars().take(3000).collect()
}

#[test]
fn headers_compile_alone_without_a_warning() {
    let Some(compiler) = compiler("headers_compile_alone_without_a_warning") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hls-templates/common");
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("alone.cpp");
    let check = |compiler: &Compiler, types: &str, text_of_source: &str, standard: &str| {
        std::fs::write(&source, text_of_source).unwrap();
        let mut command = Command::new(&compiler.path);
        command.args(&compiler.flags).args([standard, "-Wshadow", "-Werror", "-fsyntax-only"]);
        command.arg("-I").arg(folder.with_file_name(types));
        let output = command.arg("-isystem").arg(&compiler.headers).arg(&source).output().unwrap();
        assert!(output.status.success(), "{text_of_source}: {}", text(&output));
    };
    let (mut headers, mut all) = (0, String::new());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let include = format!("#include \"{}\"\n", entry.unwrap().path().display());
        check(&compiler, "ap", &include, "-std=c++14");
        all.push_str(&include);
        headers += 1;
    }
    // Vivado HLS knows C++11 only.
    check(&compiler, "ap", &all, "-std=c++11");
    let Some(compiler) = compiler_for(Tool::Catapult, "headers_compile_alone") else { return };
    check(&compiler, "ac", &all, "-std=c++14");
    assert_eq!(headers, 21);
}

/// Samples for [`mlp`] of 8 inputs and 5 outputs, and what becomes of them.
pub(super) fn samples(graph: &Graph) -> [Vec<Vec<f64>>; 2] {
    let inputs = stimuli(&mut Random(5), &graph.node(graph.inputs[0]).ty, 20);
    let outputs = &emulate(graph, std::slice::from_ref(&inputs), 20)[&graph.outputs[0]];
    let rows = |values: &[i128], format: Format, n: usize| -> Vec<Vec<f64>> {
        values.chunks(n).map(|row| row.iter().map(|it| format.value(*it)).collect()).collect()
    };
    [rows(&inputs, Format::signed(10, 3), 8), rows(outputs, Format::unsigned(16, 0), 5)]
}

#[test]
fn the_test_bench_compares_with_predictions() {
    let Some(compiler) = compiler("the_test_bench_compares_with_predictions") else { return };
    let graph = mlp([8, 12, 5]);
    let project = project(&graph, &folded(Strategy::Resource, 4)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    write(&project, dir.path());
    let [inputs, mut outputs] = samples(&graph);
    let bench = dir.path().join("bench");
    let mut command = Command::new(&compiler.path);
    command.args(&compiler.flags).arg("-isystem").arg(&compiler.headers).current_dir(&dir);
    let sources = ["mlp_test.cpp", "firmware/mlp.cpp", "-o", "bench"];
    let output = command.args(sources).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output));
    for (change, code, says) in [(0.0, 0, "20 samples, 0 differ"), (1.0, 1, "20 samples, 1 differ")]
    {
        outputs[3][2] += change;
        for (file, text) in test_data(&inputs, &outputs) {
            std::fs::create_dir_all(dir.path().join("tb_data")).unwrap();
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        let output = Command::new(&bench).current_dir(&dir).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        assert!(text(&output).contains(says), "{}", text(&output));
    }
    let log = std::fs::read_to_string(dir.path().join("tb_data/csim_results.log")).unwrap();
    assert_eq!(log.lines().count(), 20);
}

/// The vendor's commands, as far as a script goes: they say that they were called.
const STUBS: &str = "foreach it {open_project set_top add_files open_solution config_compile \
    set_part config_schedule create_clock set_clock_uncertainty csim_design csynth_design \
    cosim_design export_design} { proc $it args \"puts \\\"$it \\$args\\\"\" }\n\
    set argv [list [lindex $argv 0]]\nsource build_prj.tcl\n";

/// Whether there is a shell for scripts, or a loud skip.
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
pub(super) fn tclsh(test: &str) -> bool {
    let found = Command::new("tclsh").arg("/dev/null").output().is_ok();
    if !found {
        eprintln!("SKIPPED {test}: no tclsh");
    }
    found
}

/// Writes a small project, and runs its script with stubs for the vendor's commands: what a line of switches gives.
pub(super) fn scripted(options: &HlsOptions, stubs: &str) -> impl Fn(&str) -> Output {
    let project = project(&mlp([2, 2, 2]), options).unwrap();
    let dir = tempfile::tempdir().unwrap();
    write(&project, dir.path());
    std::fs::write(dir.path().join("stubs.tcl"), stubs).unwrap();
    move |switches| {
        let mut command = Command::new("tclsh");
        command.args(["stubs.tcl", switches]).current_dir(&dir).output().unwrap()
    }
}

#[test]
fn scripts_run_the_steps_that_are_switched_on() {
    if !tclsh("scripts_run_the_steps_that_are_switched_on") {
        return;
    }
    for tool in [Tool::Vitis, Tool::Vivado] {
        let options =
            HlsOptions { part: "xcu[exit 3]$x".to_owned(), ..HlsOptions::new(tool, "net") };
        let run = scripted(&options, STUBS);
        let output = run("csim=0 export=1 reset=1");
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("set_part {xcu[exit 3]$x}"), "{said}");
        assert!(said.contains("open_project -reset net_prj"), "{said}");
        assert!(said.contains("csynth_design") && !said.contains("csim_design"), "{said}");
        assert!(said.contains("export_design") && !said.contains("cosim_design"), "{said}");
        let output = run("wrong=1");
        assert!(!output.status.success() && text(&output).contains("unknown switch wrong"));
        let output = run("validation=1");
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    }
}

#[test]
fn the_stream_stand_in_is_a_queue() {
    let Some(compiler) = compiler("the_stream_stand_in_is_a_queue") else { return };
    let dir = tempfile::tempdir().unwrap();
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("hls-templates/common/nn_stream.h");
    let source = format!(
        "#include \"{}\"\nint main(int n, char **) {{\n  hls::stream<int> s(\"s\");\n  s.write(1);\n  s << 2;\n  \
         if (n == 2) return 0;\n  int a = s.read(), b = 0;\n  s >> b;\n  return a == 1 && b == 2 && \
         s.empty() && !s.read_nb(a) ? s.read() : 2;\n}}\n",
        header.display()
    );
    std::fs::write(dir.path().join("s.cpp"), source).unwrap();
    let mut command = Command::new(&compiler.path);
    let output = command.args(["s.cpp", "-o", "s"]).current_dir(&dir).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    for (arguments, said) in [(0, "s: read while empty\n"), (1, "s: tokens are left\n")] {
        let mut command = Command::new(dir.path().join("s"));
        let output = command.args(vec!["early"; arguments]).output().unwrap();
        assert_eq!((output.status.code(), &output.stderr[..]), (None, said.as_bytes()));
    }
}

#[test]
fn wrong_inputs_and_missing_compilers_are_errors() {
    let Some(compiler) = compiler("wrong_inputs_and_missing_compilers_are_errors") else { return };
    let graph = mlp([2, 2, 2]);
    let dir = tempfile::tempdir().unwrap();
    let csim = build(&compiler, &graph, &vitis("net"), dir.path());
    let error = csim.run(&[vec![0; 3]], 2, false, dir.path()).unwrap_err();
    assert_eq!(error.to_string(), "input 0 has 3 values, not 4");
    let missing = super::Compiler { path: "no-such-compiler".into(), ..compiler };
    let project = project(&graph, &vitis("net")).unwrap();
    let error = missing.compile(&project, &graph, dir.path()).unwrap_err();
    assert_eq!(error.to_string(), "no-such-compiler");
}

#[test]
fn the_same_graph_gives_the_same_files() {
    let files = || project(&mlp([8, 12, 5]), &folded(Strategy::Latency, 1)).unwrap().files;
    assert_eq!(files(), files());
    let text = |name: &str| {
        let files = files();
        let (_, text) = files.iter().find(|it| it.0 == Path::new(name)).unwrap();
        text.clone()
    };
    let line = "typedef ap_fixed<12, 5, AP_RND, AP_SAT> fc1_t;";
    assert!(text("firmware/defines.h").contains(line));
    let call = "nn::mac_latency<x_t, fc1_t, fc1_config>(\n      x, fc1, fc1_weights, fc1_biases);";
    assert!(text("firmware/mlp.cpp").contains(call));
}
