//! What the host's program traces, in its order, and which node every value is of.

use std::collections::BTreeMap;

use super::host::{HostError, Layout, unpack};
use crate::fixed::{Graph, Type};
use crate::graph::NodeId;
use crate::stream::{Dataflow, Kind, ProcessId};
use crate::units::{Run, Unit};

/// Values that are computed together: once a sample, or for each token of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// How often a sample.
    pub(super) tokens: usize,
    /// In order.
    pub(super) values: Vec<Layout>,
}

/// The program's trace.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    graph: Graph,
    parts: Vec<Part>,
    /// Part and value of each node that is there.
    places: BTreeMap<NodeId, (usize, usize)>,
}

impl Trace {
    /// Of a graph whose data goes in and out in parallel: all its nodes.
    pub(super) fn parallel(graph: &Graph) -> Trace {
        let order = graph.topo();
        let places = order.iter().enumerate().map(|(at, id)| (*id, (0, at))).collect();
        Trace { graph: graph.clone(), parts: vec![Part::of(graph, &order, 1)], places }
    }

    /// Of a dataflow: the nodes of all kernels, and what loops make.
    pub(super) fn streamed(graph: &Graph, flow: &Dataflow) -> Trace {
        let (mut parts, mut known) = (Vec::new(), BTreeMap::new());
        for (at, process) in flow.processes.iter().enumerate() {
            let any = process.outputs.first().or(process.inputs.first());
            let tokens = any.map_or(1, |it| flow.stream(*it).tokens);
            let (own, shown) = match &process.kind {
                Kind::Kernel(own) => (own, own.topo()),
                Kind::Loop(it) => (&*it.body, vec![it.row()]),
                _ => continue,
            };
            let order = shown.iter().enumerate();
            known.extend(order.map(|(value, id)| ((ProcessId(at), *id), (parts.len(), value))));
            parts.push(Part::of(own, &shown, tokens));
        }
        let place = |(id, of): (&NodeId, &(ProcessId, NodeId))| Some((*id, *known.get(of)?));
        let places = flow.computed.iter().filter_map(place).collect();
        Trace { graph: graph.clone(), parts, places }
    }

    /// Mantissas of every node, sample after sample: those in the file, inputs as they were given, and
    /// wirings and constants, which change no value.
    pub(super) fn read(
        &self,
        bytes: &[u8],
        inputs: &[Vec<i128>],
        samples: usize,
    ) -> Result<BTreeMap<NodeId, Vec<i128>>, HostError> {
        let parts = unpack(bytes, &self.parts, samples)?;
        let mut all: BTreeMap<NodeId, Vec<i128>> = BTreeMap::new();
        for id in self.graph.topo() {
            let values = match self.places.get(&id) {
                // A node that only renames another's elements is at its place.
                Some((part, value)) => parts[*part][*value].clone(),
                None => match self.graph.inputs.iter().position(|it| *it == id) {
                    Some(at) => inputs[at].clone(),
                    None => match self.moved(id, &all, samples) {
                        Some(values) => values,
                        None => continue,
                    },
                },
            };
            all.insert(id, values);
        }
        Ok(all)
    }

    /// The value of a wiring whose operands are known, or of a constant.
    fn moved(
        &self,
        id: NodeId,
        known: &BTreeMap<NodeId, Vec<i128>>,
        samples: usize,
    ) -> Option<Vec<i128>> {
        let node = self.graph.node(id);
        if !matches!(node.op, Unit::Reorder(_) | Unit::Constant(_)) {
            return None;
        }
        let operands = self.graph.operands(id);
        let operand = |it: &NodeId| Some((&self.graph.node(*it).ty, known.get(it)?));
        let operands: Vec<(&Type, &Vec<i128>)> =
            operands.iter().map(operand).collect::<Option<_>>()?;
        let types: Vec<&Type> = operands.iter().map(|it| it.0).collect();
        let mut all = Vec::new();
        for sample in 0..samples {
            let row = |(ty, values): &(&Type, &'_ Vec<i128>)| -> Vec<i128> {
                values[sample * ty.elements()..][..ty.elements()].to_vec()
            };
            let rows: Vec<Vec<i128>> = operands.iter().map(row).collect();
            let inputs: Vec<&[i128]> = rows.iter().map(Vec::as_slice).collect();
            let mut output = vec![0; node.ty.elements()];
            node.op.emulate(&mut Run {
                lanes: 1,
                inputs: &inputs,
                types: &types,
                output: &mut output,
                ty: &node.ty,
            });
            all.extend(output);
        }
        Some(all)
    }
}

impl Part {
    /// Nodes of a graph.
    fn of(graph: &Graph, nodes: &[NodeId], tokens: usize) -> Part {
        let values = nodes.iter().map(|it| Layout::of(&graph.node(*it).ty)).collect();
        Part { tokens, values }
    }
}
