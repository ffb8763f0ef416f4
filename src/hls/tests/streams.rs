//! Dataflows in C++: every kind of process, folded kernels, what is printed.

use std::path::Path;
use std::process::Command;

use super::super::host::Csim;
use super::super::{Folding, HlsOptions, HlsProject, Schedule, Strategy, Tool, schedule, streamed};
use super::{Random, builder, compiler, compiler_for, input, same, silent, vitis};
use crate::error::Origin;
use crate::fixed::{Builder, Format, Graph, Mantissas, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::stream::plan::Timing;
use crate::stream::{Dataflow, Kind, Loops, Ports, cut};
use crate::units::*;

fn mantissas(random: &mut Random, n: usize) -> Mantissas {
    (0..n).map(|_| random.range(-100, 100) as i128).collect()
}

pub(super) fn dense(
    builder: &mut Builder,
    random: &mut Random,
    name: &str,
    from: NodeId,
    sizes: [usize; 2],
) -> NodeId {
    builder.enter(Origin::new("net.keras", name));
    let [n_in, n_out] = sizes;
    let mac = Mac {
        n_in,
        n_out,
        weights: mantissas(random, n_in * n_out),
        weight: Format::signed(8, 2),
        biases: mantissas(random, n_out),
        bias: Format::signed(8, 2),
        accum: Format::signed(26, 12),
        result: Format::signed(12, 5).rounded(),
        loaded: Loaded::Nothing,
    };
    builder.add("", mac, &[from])
}

/// The pixels around every place of an image of `size`, 3 x 3 with a border of an element of operand 1.
fn around(size: [usize; 3], step: usize) -> Reorder {
    let [rows, columns, channels] = size;
    let (high, wide) = (rows.div_ceil(step), columns.div_ceil(step));
    let mut map = Vec::new();
    for place in 0..high * wide {
        for tap in 0..9 {
            let row = (place / wide * step + tap / 3).checked_sub(1).filter(|it| *it < rows);
            let column = (place % wide * step + tap % 3).checked_sub(1).filter(|it| *it < columns);
            let pixel = row.zip(column).map(|(row, column)| row * columns + column);
            let element = |it: usize| pixel.map_or((1, 0), |at| (0, (at * channels + it) as u32));
            map.extend((0..channels).map(element));
        }
    }
    Reorder { map: map.into(), shape: Shape(vec![high, wide, 9 * channels]) }
}

/// A graph with every kind of process, an input that nobody reads and one that is an output.
fn everything() -> Graph {
    let (mut builder, mut random) = (builder(), Random(5));
    let format = Format::signed(8, 3);
    let ty = |shape: &[usize]| Type::uniform(Shape(shape.to_vec()), format);
    let image = input(&mut builder, "image", ty(&[5, 4, 2]));
    let _ = input(&mut builder, "unread", ty(&[2, 3]));
    let through = input(&mut builder, "through", ty(&[3]));
    let offsets = input(&mut builder, "offsets", ty(&[2]));
    let vector = input(&mut builder, "vector", ty(&[6]));
    let pairs = input(&mut builder, "pairs", ty(&[3, 2]));
    // The whole of a vector for every pixel.
    builder.enter(Origin::new("net.keras", "moved"));
    let read = [Read::Same, Read::Cycle(2)];
    let add = Eltwise { op: Binary::Add, read, shape: Shape(vec![5, 4, 2]), result: format };
    let moved = builder.add("", add, &[image, offsets]);
    // Windows with a border that is no zero; folded sums.
    let mut convolved = Vec::new();
    for (name, step) in [("conv", 1), ("wide", 2)] {
        builder.enter(Origin::new("net.keras", name));
        let border = builder.constant("border", Shape(vec![1]), [-3].to_vec().into(), format);
        let windows = builder.add("windows", around([5, 4, 2], step), &[moved, border]);
        convolved.push(dense(&mut builder, &mut random, name, windows, [18, 2]));
    }
    // Both paths meet again, one of them shorter.
    builder.enter(Origin::new("net.keras", "sum"));
    let (read, shape) = ([Read::Same, Read::Same], Shape(vec![5, 4, 2]));
    let add = Eltwise { op: Binary::Sub, read, shape, result: Format::signed(10, 5).rounded() };
    let sum = builder.add("", add, &[convolved[0], moved]);
    let flat = builder.add("flat", Reorder::reshape(Shape(vec![40])), &[sum]);
    let all = dense(&mut builder, &mut random, "all", flat, [40, 3]);
    // Tokens of a vector.
    let spread = dense(&mut builder, &mut random, "spread", vector, [6, 6]);
    builder.enter(Origin::new("net.keras", "both"));
    let shape = Shape(vec![3, 2]);
    let spread_rows = builder.add("rows", Reorder::reshape(shape.clone()), &[spread]);
    let add = Eltwise { op: Binary::Max, read, shape, result: format };
    let both = builder.add("", add, &[pairs, spread_rows]);
    let place = |it: u32| (0, it / 8 * 2 + it % 2);
    let again = Reorder { map: (0..24).map(place).collect(), shape: Shape(vec![3, 4, 2]) };
    let again = builder.add("again", again, &[both]);
    let rows = dense(&mut builder, &mut random, "rows", again, [2, 3]);
    builder.graph.outputs = vec![sum, through, all, convolved[1], rows, spread];
    let loops = super::loops::added(&mut builder, convolved[0], [pairs, through]);
    builder.graph.outputs.extend(loops);
    builder.graph
}

fn project(graph: &Graph, options: &HlsOptions) -> (Dataflow, Schedule, HlsProject) {
    crate::fixed::verify(graph).unwrap_or_else(|it| panic!("{it}"));
    let flow = cut(graph, Loops::Inside, Ports::Pixels, |_| 1.into()).0;
    let schedule = schedule(&flow, |_| Timing { latency: 3, interval: 1 });
    let project = streamed(graph, &flow, &schedule.depths, options);
    (flow, schedule, project.unwrap_or_else(|it| panic!("{it}")))
}

fn file<'p>(project: &'p HlsProject, name: &str) -> &'p str {
    let (_, text) = project.files.iter().find(|it| it.0 == Path::new(name)).unwrap();
    text
}

fn folded(tool: Tool) -> HlsOptions {
    let mut options = HlsOptions::new(tool, "net");
    for (layer, strategy, reuse) in [
        ("conv", Strategy::Resource, 6),
        ("wide", Strategy::Unrolled, 5),
        ("all", Strategy::Latency, 2),
        ("spread", Strategy::Distributed, 1),
        ("blocks", Strategy::Resource, 3),
    ] {
        options.layers.insert(layer.to_owned(), Folding { strategy, reuse, parallel: None });
    }
    options
}

/// Traced values are put together from tokens, folded or not.
#[test]
fn every_process_computes_what_units_mean() {
    let Some(compiler) = compiler("every_process_computes_what_units_mean") else { return };
    let graph = everything();
    let (flow, _, project) = project(&graph, &folded(Tool::Vitis));
    let source = file(&project, "firmware/net.cpp");
    let moves = ["clone", "discard", "collect", "spread", "repeat", "window", "permute"];
    for function in moves.into_iter().chain(["select_tokens", "mac_resource"]) {
        assert!(source.contains(&format!("nn::{function}<")), "no {function} in\n{source}");
    }
    assert_eq!(project.warnings.len(), 0, "{:?}", project.warnings);
    // 20 pixels, each in 6 blocks.
    assert_eq!(project.interval, 120);
    super::loops::are_printed(&flow, source);
    let dir = tempfile::tempdir().unwrap();
    let (executable, said) = compiler.program(&project, dir.path()).unwrap();
    let csim = silent(Csim::streamed(executable, said, &graph, &flow));
    let found = same(&csim, &graph, 1, dir.path());
    assert_eq!(found.trace.len(), graph.topo().len(), "every node has a trace");
}

/// The same through channels, where every process is a block of its own.
#[test]
fn channels_carry_what_streams_do() {
    let Some(compiler) = compiler_for(Tool::Catapult, "channels_carry_what_streams_do") else {
        return;
    };
    let graph = everything();
    let (flow, schedule, project) = project(&graph, &folded(Tool::Catapult));
    let source = file(&project, "firmware/net.cpp");
    let kernels =
        flow.processes.iter().filter(|it| matches!(it.kind, Kind::Kernel(_) | Kind::Loop(_)));
    assert_eq!(source.matches("#pragma hls_design block\nstatic void").count(), kernels.count());
    for header in ["nn_tokens.h", "nn_window.h"] {
        let text = file(&project, &format!("firmware/nn/{header}"));
        assert!(text.contains("#pragma hls_design block\ntemplate <"), "{text}");
    }
    let script = file(&project, "build_prj.tcl");
    let depths = schedule.depths.values().filter(|it| **it > 2);
    for depth in depths {
        assert!(script.contains(&format!(":cns -FIFO_DEPTH {depth}\n")), "{script}");
    }
    let all = project.files.iter().map(|it| it.1.as_str()).chain([project.host.as_str()]);
    for text in all {
        assert!(!text.contains("hls::stream") && !text.contains("#pragma HLS"), "{text}");
    }
    let dir = tempfile::tempdir().unwrap();
    let (executable, said) = compiler.program(&project, dir.path()).unwrap();
    let csim = silent(Csim::streamed(executable, said, &graph, &flow));
    same(&csim, &graph, 1, dir.path());
}

/// Readers behind forks wait for the other branches; what is read by one has room for two.
#[test]
fn forks_have_room_for_the_other_branch() {
    let graph = everything();
    let (flow, schedule, project) = project(&graph, &folded(Tool::Vitis));
    let source = file(&project, "firmware/net.cpp");
    let deep = schedule.depths.values().filter(|it| **it > 2);
    for depth in deep {
        assert!(source.contains(&format!(" depth={depth}\n")), "{source}");
    }
    let kernel = |name: &str| flow.processes.iter().position(|it| it.name == name).unwrap();
    // The sum waits for the second row of windows: 5 pixels are read before the first window.
    let shortcut = |(reader, _): &(crate::stream::ProcessId, usize)| reader.0 == kernel("sum");
    let depths: Vec<usize> =
        schedule.depths.iter().filter(|it| shortcut(it.0)).map(|it| *it.1).collect();
    assert_eq!(depths.len(), 1, "{:?}", schedule.depths);
    assert!((5..=20).contains(&depths[0]), "{depths:?}");
    for (reader, depth) in &schedule.depths {
        let id = flow.processes[reader.0.0].inputs[reader.1];
        let maker = flow.stream(id).from;
        let outputs = &flow.processes[maker.0].outputs;
        assert!(outputs.iter().map(|it| flow.readers(*it).len()).sum::<usize>() > 1);
        assert!(*depth >= 2);
    }
    let windows = flow.processes.iter().filter(|it| matches!(it.kind, Kind::Window(_))).count();
    assert_eq!(windows, 2);
}

/// The vendor's test bench feeds and drains streams.
#[test]
fn the_test_bench_of_streams_runs() {
    let Some(compiler) = compiler("the_test_bench_of_streams_runs") else { return };
    let (mut builder, mut random) = (builder(), Random(3));
    let ty = Type::uniform(Shape(vec![4, 2]), Format::signed(8, 3));
    let x = input(&mut builder, "x", ty);
    let y = dense(&mut builder, &mut random, "fc", x, [2, 3]);
    builder.graph.outputs = vec![y];
    let (.., project) = project(&builder.graph, &vitis("net"));
    let dir = tempfile::tempdir().unwrap();
    super::projects::write(&project, dir.path());
    std::fs::create_dir_all(dir.path().join("tb_data")).unwrap();
    let mut command = Command::new(&compiler.path);
    command.args(&compiler.flags).arg("-isystem").arg(&compiler.headers).current_dir(&dir);
    let sources = ["-Werror", "net_test.cpp", "firmware/net.cpp", "-o", "bench"];
    let output = command.args(sources).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(dir.path().join("bench")).current_dir(&dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("5 samples, 0 differ"), "{said}");
}
