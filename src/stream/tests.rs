//! Dataflows of whole models: what they compute, and what they are made of.

use std::path::Path;

use super::*;
use crate::compile;
use crate::config::Config;
use crate::cosim::prng::Prng;
use crate::emulate::Emulator;
use crate::fixed::{self, Word};

/// The graph of a model of `tests/models`.
pub(super) fn graph(file: &str) -> Option<fixed::Graph> {
    let path = format!("{}/tests/models/{file}", env!("CARGO_MANIFEST_DIR"));
    let loaded = compile::load(Path::new(&path), None, &Default::default()).unwrap();
    let compiled = compile::compile(loaded, &Config::default(), &[], Vec::new());
    Some(compiled.ok()?.design.graph)
}

fn samples(graph: &fixed::Graph, count: usize) -> Vec<Vec<i128>> {
    let mut random = Prng::new(7);
    let formats: Vec<fixed::Format> = graph
        .inputs
        .iter()
        .flat_map(|it| {
            let ty = &graph.node(*it).ty;
            (0..ty.elements()).map(|at| ty.format(at)).collect::<Vec<_>>()
        })
        .collect();
    let mut row = || {
        let value =
            |it: &fixed::Format| Word::wrap(random.next_u128() as i128, it.width, it.signed);
        formats.iter().map(value).collect()
    };
    (0..count).map(|_| row()).collect()
}

fn count(flow: &Dataflow, wanted: impl Fn(&Kind) -> bool) -> usize {
    flow.processes.iter().filter(|it| wanted(&it.kind)).count()
}

/// The models of `tests/models`.
pub(super) fn models() -> Vec<String> {
    let folder = format!("{}/tests/models", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|it| [".keras", ".onnx", ".pt2"].iter().any(|end| it.ends_with(end)))
        .collect();
    files.sort();
    files
}

/// Whether all processes but ports have readers.
fn is_read(flow: &Dataflow) -> bool {
    let mut processes = flow.processes.iter();
    processes.all(|it| {
        let reads = |id: &StreamId| !flow.readers(*id).is_empty();
        matches!(it.kind, Kind::Source(_) | Kind::Sink(_)) || it.outputs.iter().any(reads)
    })
}

fn turns(flow: &Dataflow) -> bool {
    flow.tensors.as_ref().is_some_and(|it| it.inputs.iter().any(|it| it.order.is_some()))
}

/// Every token of every dataflow is what the graph's emulator gives.
#[test]
fn dataflows_compute_what_graphs_do() {
    let files = models();
    let (mut compared, mut windows, mut arrays) = (0, 0, 0);
    let (mut reductions, mut states, mut orders, mut inside, mut turned) = (0, 0, 0, 0, 0);
    let (mut parts, mut groups, mut rings) = (0, 0, 0);
    let (mut roms, mut products, mut sums) = (0, 0, 0);
    for file in &files {
        let Some(graph) = graph(file) else { continue };
        let samples = samples(&graph, 3);
        let want = Emulator::new(&graph).run(&samples);
        let around = [1, 3, 100, 10_000].map(|reuse| (Loops::Around, reuse));
        for (loops, reuse) in around.into_iter().chain([(Loops::Inside, 1)]) {
            let (flow, _) = cut(&graph, loops, Ports::Pixels, |_| reuse.into());
            assert_eq!(
                run(&flow, &ordered(&graph, &samples)),
                want,
                "{file}, {loops:?}, reuse {reuse}"
            );
            reductions += count(&flow, |it| matches!(it, Kind::Reduce(_)));
            states += count(&flow, |it| matches!(it, Kind::State(_)));
            inside += count(&flow, |it| matches!(it, Kind::Loop(_)));
            orders += count(&flow, |it| matches!(it, Kind::Permute(_)));
            windows += count(&flow, |it| matches!(it, Kind::Window(_)));
            arrays += count(&flow, |it| matches!(it, Kind::Array(_)));
            roms += count(&flow, |it| matches!(it, Kind::Rom(_)));
            products += flow.products.len();
            sums += flow.products.iter().filter(|it| it.parts() > 1).count();
            parts += count(&flow, |it| matches!(it, Kind::Array(it) if it.parts() > 1));
            groups += count(&flow, |it| matches!(it, Kind::Array(it) if it.turns() > 1));
            rings += count(&flow, |it| matches!(it, Kind::Reduce(it) if it.packs > 1));
        }
        let (whole, _) = cut(&graph, Loops::Around, Ports::Tensors, |_| 3.into());
        assert_eq!(run(&whole, &samples), want, "{file}, whole tensors");
        assert!(is_read(&whole), "{file}");
        turned += usize::from(turns(&whole));
        compared += 1;
    }
    assert!(compared >= 40 && turned >= 1, "{compared} models were compared, {turned} turned");
    assert!(windows >= 200 && arrays >= 100, "{windows} windows, {arrays} arrays");
    assert!(
        reductions >= 100 && states >= 100 && orders >= 30,
        "{reductions} reductions, {states} states, {orders} orders"
    );
    assert!(roms > 0 && products > 0 && sums > 0, "{roms} {products} {sums}");
    assert!(inside >= 30, "{inside} loops");
    // Tokens in packs: of plain matrices, of groups of channels, of loops.
    assert!(parts >= 400 && groups >= 10 && rings >= 10, "{parts} {groups} {rings}");
}

/// Unrolled recurrences are what the loops are, whatever the cell, the direction and the first state.
#[test]
fn unrolled_loops_compute_what_graphs_do() {
    let mut steps = 0;
    for file in ["layers_rnn.keras", "onnx_recurrent.onnx", "t_cells.pt2"] {
        let graph = graph(file).unwrap();
        let samples = samples(&graph, 3);
        let want = Emulator::new(&graph).run(&samples);
        let unrolled = unrolled(&graph, &|_| true);
        let ids = graph.inputs.iter().chain(&graph.outputs);
        assert!(ids.into_iter().all(|it| unrolled.node(*it).ty == graph.node(*it).ty), "{file}");
        assert_eq!(Emulator::new(&unrolled).run(&samples), want, "{file}");
        let around = [(Loops::Around, 1), (Loops::Around, 3)];
        for (loops, reuse) in around.into_iter().chain([(Loops::Inside, 1)]) {
            let (flow, _) = cut(&unrolled, loops, Ports::Pixels, |_| reuse.into());
            let made = run(&flow, &ordered(&graph, &samples));
            assert_eq!(made, want, "{file}, {loops:?}, reuse {reuse}");
            assert_eq!(count(&flow, |it| matches!(it, Kind::State(_) | Kind::Loop(_))), 0);
        }
        steps += unrolled.len() - graph.len();
    }
    assert!(steps > 100, "{steps}");
}

/// Inputs that nobody reads and parts of their own go on where others halt; outputs that are inputs may
/// have their word before the source is rid of it.
#[test]
fn every_dataflow_has_a_plan() {
    for file in ["qk3_rest.keras", "onnx_sums.onnx", "layers_norm.keras", "layers_shape.keras"] {
        let graph = graph(file).unwrap();
        // One of them has whole tensors too.
        let ports = [Ports::Pixels, Ports::Tensors];
        for ports in &ports[..1 + usize::from(file == "onnx_sums.onnx")] {
            let (flow, _) = cut(&graph, Loops::Around, *ports, |_| 1.into());
            let plan = plan::plan(&flow, |_| 3);
            assert!(plan.interval >= 1 && plan.latency >= plan.first, "{file}: {plan:?}");
        }
    }
}

/// Whether sums can run over is asked of all weights that there can be.
#[test]
fn loaded_weights_must_not_saturate() {
    use crate::fixed::{Format, Overflow, Rounding};
    use crate::nn::Shape;
    use crate::units::{Loaded, Mac};
    let token = Type::uniform(Shape(vec![2]), Format::signed(4, 4));
    let array = |bits: i32, loaded| {
        let accum = Format::signed(bits as u32, bits).with(Rounding::Trn, Overflow::Sat);
        let (weight, bias) = (Format::signed(8, 8), Format::signed(8, 8));
        let (weights, biases) = ([1, -1].to_vec().into(), [3].to_vec().into());
        let mac =
            Mac { n_in: 2, n_out: 1, weights, weight, biases, bias, accum, result: accum, loaded };
        Array::new(vec![mac], vec![vec![0, 1]], &token)
    };
    assert!(array(6, Loaded::Nothing).is_some());
    // Two products of 8 and 128, a bias of 128.
    for (bits, loaded, fits) in [
        (11, Loaded::Weights, false),
        (12, Loaded::Weights, false),
        (13, Loaded::Weights, true),
        (12, Loaded::All, false),
        (13, Loaded::All, true),
    ] {
        let array = array(bits, loaded);
        assert_eq!(array.is_some(), fits, "{bits} bits, {loaded:?}");
        assert!(array.is_none_or(|it| it.weight_width() == 8));
    }
}
