//! What goes through the ports of a design, and in which order.
//!
//! A stream is a token a pixel, with all channels; each tensor has a port with a handshake of its own. Where
//! ports carry whole tensors, all inputs enter together and all outputs leave together: one source, of
//! whose tokens pixels are made, and one sink.
//!
//! The images of ONNX and PyTorch have their channels first; what reads them first turns them around, so that
//! every layer has a pixel's channels side by side. In a stream that is done outside, where it costs nothing:
//! such a tensor travels pixel by pixel. A whole tensor is turned around by the wires behind its port.

use std::sync::Arc;

use super::cut::{At, Cutter, Place, by_pixel};
use super::{Kind, StreamId};
use crate::fixed::{Graph, Type};
use crate::graph::NodeId;
use crate::units::Unit;

/// What goes through the ports of a divided graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// A tensor pixel by pixel, each through a handshake of its own.
    Pixels,
    /// Whole tensors in the model's order: all inputs at once, all outputs at once.
    Tensors,
    /// They are no ports: the graph is a step of a loop.
    Inside,
}

/// The whole tensors at the ports of a dataflow, in the model's order.
#[derive(Clone, Debug)]
pub struct Tensors {
    /// What the source takes.
    pub inputs: Vec<Tensor>,
    /// What the sink gives.
    pub outputs: Vec<Tensor>,
}

/// A tensor at a port.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Of an input the elements as its source gives them, if that is another order than the tensor's.
    pub order: Option<Arc<[u32]>>,
}

impl Cutter<'_> {
    /// One source of all inputs.
    pub(super) fn enter(&mut self) {
        let graph = self.graph;
        let Some(first) = graph.inputs.first().map(|it| graph.node(*it)) else { return };
        let source = self.flow.add(&first.name, &first.origin.node, Kind::Source(0), Vec::new());
        for id in &graph.inputs {
            let node = graph.node(*id);
            let ty = turned(graph, *id).unwrap_or(&node.ty).clone();
            self.flow.output(source, &node.name, 1, ty);
        }
        let tensor = |order: Option<Vec<u32>>, id: &NodeId| {
            let name = graph.node(*id).name.clone();
            Tensor { name, order: order.map(Arc::from) }
        };
        let inputs = graph.inputs.iter().map(|it| tensor(pixels(graph, *it), it)).collect();
        let outputs = graph.outputs.iter().map(|it| tensor(None, it)).collect();
        self.flow.tensors = Some(Tensors { inputs, outputs });
    }

    /// An input of that source: a token a pixel, or the whole of it for whom that is one token.
    pub(super) fn entered(&mut self, id: NodeId) -> Place {
        let position = self.graph.inputs.iter().position(|it| *it == id);
        // The source was the first process, and its streams are the first ones.
        let whole = StreamId(position.expect("inputs are ports"));
        let (tokens, _) = by_pixel(&self.flow.stream(whole).ty);
        let stream = self.repacked(whole, tokens);
        if stream != whole {
            let made = self.flow.stream(stream).from;
            self.flow.processes[made.0].layer = self.node(id).origin.node.to_string();
            self.made.insert((stream, 1, false), whole);
        }
        Place { tokens, at: At::Stream(stream) }
    }

    /// An output: a sink for each, or one for all.
    pub(super) fn leave(&mut self, position: usize, stream: StreamId) {
        let node = self.graph.node(self.graph.outputs[position]);
        let (name, layer) = (&node.name, &node.origin.node);
        if self.ports != Ports::Tensors {
            self.flow.add(name, layer, Kind::Sink(position), vec![stream]);
            return;
        }
        let whole = self.repacked(stream, 1);
        let sink = self.flow.processes.iter_mut().find(|it| matches!(it.kind, Kind::Sink(_)));
        match sink {
            Some(sink) => sink.inputs.push(whole),
            None => {
                self.flow.add(name, layer, Kind::Sink(0), vec![whole]);
            }
        }
    }
}

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
