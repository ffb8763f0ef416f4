//! In which order the elements of a tensor go through its port.
//!
//! A stream is a token a pixel, with all channels. The images of ONNX and PyTorch have their channels first;
//! what reads them first turns them around, so that every layer has a pixel's channels side by side. In a
//! stream that is done outside, where it costs nothing: such a tensor travels pixel by pixel.

use crate::fixed::{Graph, Type};
use crate::graph::NodeId;
use crate::units::Unit;

/// The elements of an input as they come through its port, if that is another order than the tensor's: nothing
/// reads it but a wiring that moves its first axis behind all others.
pub fn pixels(graph: &Graph, input: NodeId) -> Option<Vec<u32>> {
    let ty = &graph.node(input).ty;
    let [reader] = graph.users(input)[..] else { return None };
    let Unit::Reorder(reorder) = &graph.node(reader).op else { return None };
    let channels = *ty.shape.0.first()?;
    let places = ty.elements() / channels.max(1);
    let turned = |at: usize| (at % channels) * places + at / channels;
    let turns = graph.inputs.contains(&input)
        && channels > 1
        && places > 1
        && ty.common().is_some()
        && graph.operands(reader).len() == 1
        && !graph.outputs.contains(&input)
        && reorder.map.len() == ty.elements()
        && reorder.map.iter().enumerate().all(|(at, it)| it.1 as usize == turned(at));
    turns.then(|| reorder.map.iter().map(|it| it.1).collect())
}

/// The tensor of such an input as its port has it.
pub(super) fn turned(graph: &Graph, input: NodeId) -> Option<&Type> {
    pixels(graph, input)?;
    graph.users(input).first().map(|reader| &graph.node(*reader).ty)
}

/// Rows of all inputs, tensor after tensor, in the order of their ports.
pub fn ordered(graph: &Graph, rows: &[Vec<i128>]) -> Vec<Vec<i128>> {
    let orders: Vec<(usize, Option<Vec<u32>>)> =
        graph.inputs.iter().map(|it| (graph.node(*it).ty.elements(), pixels(graph, *it))).collect();
    let row = |row: &Vec<i128>| {
        let mut rest = &row[..];
        let mut made = Vec::with_capacity(row.len());
        for (count, order) in &orders {
            let (own, others) = rest.split_at(*count);
            match order {
                Some(order) => made.extend(order.iter().map(|it| own[*it as usize])),
                None => made.extend(own),
            }
            rest = others;
        }
        made
    };
    rows.iter().map(row).collect()
}
