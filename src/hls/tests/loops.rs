//! Loops in C++: recurrences whose state is a constant or comes in a stream, with every row or the last one,
//! forwards and backwards, pipelined and folded, and reductions over tokens.

use std::sync::Arc;

use super::Random;
use super::streams::dense;
use crate::error::Origin;
use crate::fixed::{Builder, Format, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::stream::{Dataflow, Kind};
use crate::units::*;

/// What a cell keeps.
const STATE: Format = Format::signed(10, 4);

/// A recurrence over rows, whose state is cast to [`STATE`] after a matrix in a layer of that name.
fn recurrence(
    builder: &mut Builder,
    (name, every, backwards): (&str, bool, bool),
    rows: NodeId,
    first: NodeId,
) -> NodeId {
    builder.enter(Origin::new("net.keras", name));
    let [ty, state] = [rows, first].map(|it| builder.graph.node(it).ty.clone());
    let (steps, n) = (ty.shape.0[0], ty.shape.last());
    let mut body = builder.body();
    let mut port = |part: &str, ty: Type| {
        let id = body.add(part, Input { ty }, &[]);
        body.graph.inputs.push(id);
        id
    };
    let x = port("x", Type::uniform(Shape(vec![n]), ty.union()));
    let so_far = port("so_far", state.clone());
    let kept = state.elements();
    let left = dense(&mut body, &mut Random(9), name, so_far, [kept, n]);
    let read = [Read::Same, Read::Same];
    let add = Eltwise { op: Binary::Add, read, shape: Shape(vec![n]), result: STATE };
    let row = body.add("row", add, &[left, x]);
    let next = (0..kept).map(|it| (0, (it % n) as u32)).collect();
    let next = Reorder { map: next, shape: Shape(vec![kept]) };
    let next = body.add("next", next, &[row]);
    body.graph.outputs = vec![next, row];
    let scan = Scan { body: Arc::new(body.graph), steps, sequences: 1, backwards, every };
    builder.enter(Origin::new("net.keras", name));
    builder.add("", scan, &[rows, first])
}

/// The maximum or sum of every channel of an image, over some of its pixels.
fn over_pixels(
    builder: &mut Builder,
    (name, reduction): (&str, Reduction),
    image: NodeId,
    pixels: &[usize],
) -> NodeId {
    builder.enter(Origin::new("net.keras", name));
    let channels = builder.graph.node(image).ty.shape.last();
    let element =
        |channel: usize| pixels.iter().map(move |it| (0, (it * channels + channel) as u32));
    let map = (0..channels).flat_map(element).collect();
    let (shape, group) = (Shape(vec![channels, pixels.len()]), pixels.len());
    let turned = builder.add("turned", Reorder { map, shape }, &[image]);
    let (accum, result) = (Format::signed(20, 13), Format::signed(12, 9).rounded());
    builder.add("", Reduce { reduction, group, accum, result }, &[turned])
}

/// Loops over an image, and over rows with a state; the results.
pub(super) fn added(
    builder: &mut Builder,
    image: NodeId,
    [rows, first]: [NodeId; 2],
) -> Vec<NodeId> {
    builder.enter(Origin::new("net.keras", "known"));
    let known = builder.constant("first", Shape(vec![3]), [-77, 5, 300].to_vec().into(), STATE);
    let given = builder.cast("given", first, STATE);
    let all: Vec<usize> = (0..20).collect();
    let turned: Vec<usize> = all.iter().rev().copied().collect();
    vec![
        recurrence(builder, ("every", true, false), rows, known),
        recurrence(builder, ("last", false, true), rows, given),
        // A matrix in blocks.
        recurrence(builder, ("blocks", true, true), rows, given),
        over_pixels(builder, ("most", Reduction::Max), image, &all),
        over_pixels(builder, ("least", Reduction::Min), image, &all),
        over_pixels(builder, ("total", Reduction::SumTree), image, &all),
        // Some pixels, and the last one first.
        over_pixels(builder, ("part", Reduction::SumTree), image, &[2, 3, 7, 8]),
        over_pixels(builder, ("chain", Reduction::SumInOrder), image, &turned),
    ]
}

/// Reductions ask for a step a cycle, recurrences for what the compiler can do.
pub(super) fn are_printed(flow: &Dataflow, source: &str) {
    let all = flow.processes.iter().filter_map(|it| match &it.kind {
        Kind::Loop(own) => Some((it.name.as_str(), own)),
        _ => None,
    });
    let all: Vec<(&str, &crate::stream::Loop)> = all.collect();
    assert_eq!(all.len(), 8, "{:?}", all.iter().map(|it| it.0).collect::<Vec<_>>());
    for (name, own) in all {
        let reductions = ["most_loop", "least_loop", "total_loop", "part_loop", "chain_loop"];
        let reduces = reductions.contains(&name);
        assert_eq!(own.collects(), reduces, "{name}");
        let at = source.find(&format!("static void {name}(")).unwrap_or_else(|| panic!("{source}"));
        let function = &source[at..][..source[at..].find("\n}\n").unwrap()];
        let pragma = match (name, reduces) {
            (_, true) => "#pragma HLS PIPELINE II=1\n",
            ("blocks_loop", _) => "",
            _ => "#pragma HLS PIPELINE\n",
        };
        assert!(function.contains(pragma), "{function}");
        let is_pipeline = function.contains("#pragma HLS PIPELINE");
        assert_eq!(is_pipeline, !pragma.is_empty(), "{function}");
    }
}
