//! Kernels whose elements are not all treated alike, divided further: their inputs come in parts.
//!
//! A softmax has a table for each of its elements, and one sum of all. Where there is time, its elements come
//! one after the other: one table serves all of them, the sum becomes a loop. So every kernel is divided
//! again as the graph was, with shorter tokens at its inputs, and taken so if less is computed side by side. Constants
//! that differ come in parts as well, from a ROM; a scale and shift by such is a product and a sum then.

use std::collections::BTreeMap;

use super::cut::{Cutter, Loops, divide, gcd};
use super::narrow::{SHARE, looped};
use super::{Dataflow, Kind, Ports, ProcessId};
use crate::fixed::{Format, Graph, Type};
use crate::graph::{Node, NodeId};
use crate::units::{Affine, Binary, Constant, Eltwise, Read, Unit};

/// What may be left, as a fraction: less than two thirds.
const LESS: [usize; 2] = [2, 3];

impl Cutter<'_> {
    /// Divides kernels that wait for arrays.
    pub(super) fn recut(&mut self, interval: usize) {
        let looped = looped(&self.flow);
        for at in (0..self.flow.processes.len()).map(ProcessId) {
            let process = &self.flow.processes[at.0];
            let Kind::Kernel(graph) = &process.kind else { continue };
            let Some(first) = process.inputs.first().filter(|_| !looped.contains(&at)) else {
                continue;
            };
            let tokens = self.flow.stream(*first).tokens;
            if let Some(inner) = finer(graph, interval / tokens / SHARE) {
                self.replace(at, &inner, tokens);
            }
        }
    }

    /// Puts processes in for a kernel of so many tokens.
    fn replace(&mut self, at: ProcessId, inner: &Dataflow, tokens: usize) {
        let process = &self.flow.processes[at.0];
        let (inputs, outputs) = (process.inputs.clone(), process.outputs.clone());
        let (results, _) = self.spliced(inner, tokens, &inputs, None);
        for (old, new) in outputs.into_iter().zip(results) {
            let new = self.repacked(new, tokens);
            let inputs = self.flow.processes.iter_mut().flat_map(|it| &mut it.inputs);
            inputs.filter(|it| **it == old).for_each(|it| *it = new);
        }
    }
}

/// A kernel with inputs in no more than so many parts, if that leaves much less of it.
fn finer(graph: &Graph, most: usize) -> Option<Dataflow> {
    let inputs = graph.inputs.iter().map(|it| &graph.node(*it).ty);
    if inputs.clone().any(|it| it.common().is_none()) {
        return None;
    }
    // One element for all others comes as it is.
    let shared = inputs.map(|it| it.elements()).filter(|it| *it > 1).fold(0, gcd);
    let parts = (2..=most.min(shared)).rev().find(|it| shared.is_multiple_of(*it))?;
    let choices = [None, spelled(graph)];
    choices.iter().find_map(|own| {
        let own = own.as_ref().unwrap_or(graph);
        let (inner, _) = divide(own, Loops::Around, &|_| 1.into(), Ports::Inside, parts);
        let kernels = inner.processes.iter().filter_map(|it| match &it.kind {
            Kind::Kernel(graph) => Some(work(graph)),
            _ => None,
        });
        let [least, most] = LESS;
        (kernels.sum::<usize>() * most <= work(graph) * least).then_some(inner)
    })
}

/// Additions, about, that a kernel does side by side; what is none counts as one.
fn work(graph: &Graph) -> usize {
    let of = |id: crate::graph::NodeId| {
        let node = graph.node(id);
        let elements = node.ty.elements();
        match &node.op {
            Unit::Input(_) | Unit::Constant(_) | Unit::Reorder(_) => 0,
            Unit::Affine(it) => {
                let factor = |at: usize| it.scales[at % it.scales.len()];
                (0..elements).map(|at| 1 + additions(factor(at))).sum()
            }
            Unit::Eltwise(it) if it.op == Binary::Mul => {
                let bits = |it: &NodeId| graph.node(*it).ty.max_width() as usize;
                elements * graph.operands(id).iter().map(bits).min().unwrap_or(1)
            }
            _ => elements,
        }
    };
    graph.topo().into_iter().map(of).sum()
}

/// Additions of a product with a constant: its digits that are not 0, but for one, in canonical signed form.
fn additions(factor: i128) -> usize {
    let factor = factor.unsigned_abs();
    let digits = (factor ^ (3 * factor)).count_ones() as usize;
    digits.saturating_sub(1)
}

/// Scales and shifts by constants that differ, as products with them and sums; `None` without any.
fn spelled(graph: &Graph) -> Option<Graph> {
    let mut own = Graph::default();
    let mut nodes = BTreeMap::new();
    let mut any = false;
    for id in graph.topo() {
        let node = graph.node(id);
        let operands: Vec<NodeId> = graph.operands(id).iter().map(|it| nodes[it]).collect();
        let made = match &node.op {
            Unit::Affine(it) if it.scales.len() > 1 => {
                any = true;
                let input = graph.node(graph.operands(id)[0]).ty.common()?;
                affine(&mut own, node, it, operands[0], input)
            }
            _ => own.add(node.clone(), &operands),
        };
        nodes.insert(id, made);
    }
    let ports = |of: &[NodeId]| of.iter().map(|it| nodes[it]).collect();
    (own.inputs, own.outputs) = (ports(&graph.inputs), ports(&graph.outputs));
    any.then_some(own)
}

/// A scale and shift as a product and a sum, with the only cast at the end.
fn affine(
    graph: &mut Graph,
    of: &Node<Unit, Type>,
    affine: &Affine,
    x: NodeId,
    input: Format,
) -> NodeId {
    let shape = &of.ty.shape;
    let mut with = |name: &str, op: Binary, x, (values, format): (&[i128], _), result| {
        let values = (0..shape.elements()).map(|it| values[it % values.len()]).collect();
        let constant = Constant { shape: shape.clone(), values, format };
        let constant = add(graph, of, &format!("{name}_by"), constant.into(), &[]);
        let reads = [Read::Same, Read::Same];
        let op = Eltwise { op, read: reads, shape: shape.clone(), result };
        add(graph, of, name, op.into(), &[x, constant])
    };
    let product = input.product(affine.scale);
    let name = &of.name;
    let scaled =
        with(&format!("{name}_scaled"), Binary::Mul, x, (&affine.scales, affine.scale), product);
    with(name, Binary::Add, scaled, (&affine.biases, affine.bias), affine.result)
}

/// Adds a unit in place of another one.
fn add(
    graph: &mut Graph,
    of: &Node<Unit, Type>,
    name: &str,
    op: Unit,
    operands: &[NodeId],
) -> NodeId {
    let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
    let ty = op.spec().output(&types);
    graph.add(Node { name: name.to_owned(), op, ty, origin: of.origin.clone() }, operands)
}
