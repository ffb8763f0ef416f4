//! Kernels whose elements are not all treated alike, divided further: their inputs come in parts.
//!
//! A softmax has a table for each of its elements, and one sum of all. Where there is time, its elements come
//! one after the other: one table serves all of them, the sum becomes a loop. So every kernel is divided
//! again as the graph was, with shorter tokens at its inputs, and taken so if less is computed side by side.

use super::cut::{Cutter, Loops, divide, gcd};
use super::narrow::{SHARE, interval, looped};
use super::{Dataflow, Kind, Ports, ProcessId};
use crate::fixed::Graph;
use crate::units::Unit;

/// How many times fewer elements must be computed side by side.
const LESS: usize = 2;

impl Cutter<'_> {
    /// Divides kernels that wait for arrays.
    pub(super) fn recut(&mut self) {
        let (interval, looped) = (interval(&self.flow), looped(&self.flow));
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
    let shared = inputs.map(|it| it.elements()).fold(0, gcd);
    let parts = (2..=most.min(shared)).rev().find(|it| shared.is_multiple_of(*it))?;
    let (inner, _) = divide(graph, Loops::Around, &|_| 1, Ports::Inside, parts);
    let kernels = inner.processes.iter().filter_map(|it| match &it.kind {
        Kind::Kernel(graph) => Some(lanes(graph)),
        _ => None,
    });
    (kernels.sum::<usize>() * LESS <= lanes(graph)).then_some(inner)
}

/// Elements that a kernel computes side by side.
fn lanes(graph: &Graph) -> usize {
    let computed = |it: &crate::graph::NodeId| {
        let op = &graph.node(*it).op;
        !matches!(op, Unit::Input(_) | Unit::Constant(_) | Unit::Reorder(_))
    };
    graph.topo().into_iter().filter(computed).map(|it| graph.node(it).ty.elements()).sum()
}
