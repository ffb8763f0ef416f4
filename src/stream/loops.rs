//! Loops: graphs that are repeated token by token, with a state between the steps.
//!
//! The body is divided like any other graph, once for all steps, so that its matrices fold and its
//! windows are windows; its inputs are tokens of the sequences and of the states. Where streams cannot go
//! around ([`Loops::Inside`]) a loop with a state is one process instead, a [`Loop`].

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cut::{At, Cutter, Loops, Place, divide};
use super::{Dataflow, Kind, Ports, ProcessId, State, StreamId};
use crate::fixed::{Graph, Type};
use crate::graph::{Node, NodeId};
use crate::units::{Binary, Scan, Unit};

/// A graph that is repeated, with what a step leaves for the next one.
#[derive(Clone, Debug)]
pub struct Loop {
    /// A step: of a token of every sequence and the state it makes the next state, part by part, and a
    /// token of the result.
    pub body: Arc<Graph>,
    /// Loops of a sample.
    pub count: usize,
    /// Steps of a loop.
    pub steps: usize,
    /// Every step has a result, not only the last.
    pub every: bool,
    /// What each part of the state is at first, if that is known.
    pub firsts: Vec<Option<Arc<[i128]>>>,
}

impl Loop {
    /// Sequences: what every step reads a token of.
    pub fn sequences(&self) -> usize {
        self.body.inputs.len() - self.firsts.len()
    }

    /// Whether a step gives a token.
    pub fn gives(&self, step: usize) -> bool {
        self.every || step + 1 == self.steps
    }

    /// The node of the body that is the result.
    pub fn row(&self) -> NodeId {
        *self.body.outputs.last().expect("a body has a result")
    }

    /// Whether the state only collects: a step adds to it or compares with it, and does nothing more.
    pub fn collects(&self) -> bool {
        let states = &self.body.inputs[self.sequences()..];
        let mut follow: BTreeSet<NodeId> = states.iter().copied().collect();
        self.body.topo().into_iter().all(|id| {
            let operands = self.body.operands(id);
            let reads = operands.iter().filter(|it| follow.contains(it)).count();
            if reads == 0 {
                return true;
            }
            let only = operands.iter().all(|it| states.contains(it) || !follow.contains(it));
            follow.insert(id);
            let simple = match &self.body.node(id).op {
                Unit::Eltwise(it) => it.op != Binary::Mul,
                _ => false,
            };
            reads == 1 && only && simple
        })
    }

    /// No step depends on another.
    fn is_map(&self) -> bool {
        self.firsts.is_empty() && (self.every || self.steps == 1)
    }
}

/// What became of a loop.
pub(super) struct Looped {
    pub(super) stream: StreamId,
    /// Where its result is computed, if that is one place.
    row: Option<(ProcessId, NodeId)>,
}

impl Cutter<'_> {
    /// A recurrence.
    pub(super) fn scanned(&mut self, id: NodeId, scan: &Scan) -> Option<Place> {
        let node = self.node(id);
        let operands = self.graph.operands(id);
        let (sequences, firsts) = operands.split_at(scan.sequences);
        let comes = |it: &NodeId| {
            !matches!(self.at(*it).at, At::Constant(_)) && self.has_parts(*it, scan.steps)
        };
        if sequences.is_empty() || !sequences.iter().all(comes) {
            return None;
        }
        let mut streams = Vec::with_capacity(sequences.len());
        for operand in sequences {
            let place = self.at(*operand).clone();
            let stream = self.stream(*operand, &place);
            streams.push(if scan.backwards { self.reversed(stream, scan.steps) } else { stream });
        }
        let mut known = Vec::with_capacity(firsts.len());
        for operand in firsts {
            let place = self.at(*operand).clone();
            known.push(match place.at {
                At::Constant(own) => {
                    let Unit::Constant(constant) = &self.node(own).op else { return None };
                    Some(Arc::from(&constant.values[..]))
                }
                _ => {
                    let stream = self.stream(*operand, &place);
                    streams.push(self.repacked(stream, 1));
                    None
                }
            });
        }
        let Scan { steps, every, .. } = *scan;
        let own = Loop { body: scan.body.clone(), count: 1, steps, every, firsts: known };
        let Looped { stream, row } = self.looped(node, own, &streams);
        self.flow.computed.extend(row.map(|it| (id, it)));
        Some(Place { tokens: self.flow.stream(stream).tokens, at: At::Stream(stream) })
    }

    /// Puts a loop in, whose inputs are the sequences and the first values that are not known.
    pub(super) fn looped(
        &mut self,
        node: &Node<Unit, Type>,
        own: Loop,
        streams: &[StreamId],
    ) -> Looped {
        let inside = self.loops == Loops::Inside;
        if inside && !own.is_map() {
            return self.inside(node, own, streams);
        }
        let (inner, unfolded) = divide(&own.body, self.loops, self.reuse, Ports::Inside, 1);
        let row = inner.computed.get(&own.row()).copied();
        if inside && (row.is_none() || !repeats(&inner)) {
            return self.inside(node, own, streams);
        }
        self.unfolded.extend(unfolded);
        self.around(node, &own, &inner, streams)
    }

    /// A loop as one process.
    fn inside(&mut self, node: &Node<Unit, Type>, own: Loop, streams: &[StreamId]) -> Looped {
        let (sequences, row) = (own.sequences(), own.row());
        let tokens = own.count * own.steps;
        let mut inputs = streams.to_vec();
        inputs[..sequences].iter_mut().for_each(|it| *it = self.repacked(*it, tokens));
        let given = if own.every { tokens } else { own.count };
        let ty = own.body.node(row).ty.clone();
        let name = self.unique(&format!("{}_loop", node.origin.node));
        let process = self.flow.add(&name, &node.origin.node, Kind::Loop(own), inputs);
        let stream = self.flow.output(process, &node.name, given, ty);
        Looped { stream, row: Some((process, row)) }
    }

    /// A loop as the processes of its body, with states that go around.
    fn around(
        &mut self,
        node: &Node<Unit, Type>,
        own: &Loop,
        inner: &Dataflow,
        streams: &[StreamId],
    ) -> Looped {
        let Loop { body, count, steps, .. } = own;
        let (count, steps) = (*count, *steps);
        let mut streams = streams.iter().copied();
        let mut inputs: Vec<StreamId> = streams.by_ref().take(own.sequences()).collect();
        let mut states = Vec::with_capacity(own.firsts.len());
        for first in &own.firsts {
            let ty = body.node(body.inputs[inputs.len()]).ty.clone();
            let reads = if first.is_none() { streams.next() } else { None };
            let name = self.unique(&format!("{}_state", node.origin.node));
            let state = State { steps, first: first.clone(), packs: 1 };
            let process = self.flow.add(
                &name,
                &node.origin.node,
                Kind::State(state),
                reads.into_iter().collect(),
            );
            inputs.push(self.flow.output(process, &name, count * steps, ty));
            states.push(process);
        }
        let (results, row) = self.spliced(inner, count * steps, &inputs, Some(own.row()));
        for (process, left) in states.into_iter().zip(&results) {
            let left = self.repacked(*left, count * steps);
            self.flow.processes[process.0].inputs.push(left);
        }
        let stream = *results.last().expect("a body has a result");
        if own.every || steps == 1 {
            return Looped { stream, row };
        }
        let from = self.flow.stream(stream).clone();
        let (of, keep) = (from.tokens / count, from.tokens / count / steps);
        let name = self.unique(&format!("{}_last", node.origin.node));
        let process =
            self.flow.add(&name, &node.origin.node, Kind::Last { of, keep }, vec![stream]);
        let stream = self.flow.output(process, &from.name, count * keep, from.ty);
        Looped { stream, row: None }
    }

    /// Puts the processes of a body in, which is run so many times; returns the streams of its outputs, and
    /// where a node of it, if any was asked for, is computed now.
    pub(super) fn spliced(
        &mut self,
        inner: &Dataflow,
        times: usize,
        inputs: &[StreamId],
        node: Option<NodeId>,
    ) -> (Vec<StreamId>, Option<(ProcessId, NodeId)>) {
        let mut streams: Vec<Option<StreamId>> = vec![None; inner.streams.len()];
        let mut results: Vec<(usize, StreamId)> = Vec::new();
        let products = inner.products.iter().cloned();
        self.flow.products.extend(products.map(|it| it.times(times)));
        let (mut added, mut computed) = (Vec::new(), None);
        for (at, process) in inner.processes.iter().enumerate() {
            match process.kind {
                Kind::Source(at) => {
                    let own = process.outputs[0];
                    let tokens = times * inner.stream(own).tokens;
                    streams[own.0] = Some(self.repacked(inputs[at], tokens));
                }
                Kind::Sink(at) => results.push((at, process.inputs[0])),
                _ => {
                    let name = self.unique(&process.name);
                    let id = self.flow.add(&name, &process.layer, process.kind.clone(), Vec::new());
                    if let Some((from, local)) = node.and_then(|it| inner.computed.get(&it))
                        && from.0 == at
                    {
                        computed = Some((id, *local));
                    }
                    for own in &process.outputs {
                        let from = inner.stream(*own);
                        let tokens = times * from.tokens;
                        let made = self.flow.output(id, &from.name, tokens, from.ty.clone());
                        streams[own.0] = Some(made);
                    }
                    added.push((id, process));
                }
            }
        }
        let outer = |it: &StreamId| streams[it.0].expect("every stream has a process");
        for (id, process) in added {
            self.flow.processes[id.0].inputs = process.inputs.iter().map(outer).collect();
        }
        results.sort_by_key(|it| it.0);
        (results.iter().map(|(_, it)| outer(it)).collect(), computed)
    }
}

/// Whether all processes of a body, run as tasks of so many tokens, do the same for every run of it: none
/// counts the tokens of one.
fn repeats(inner: &Dataflow) -> bool {
    inner.processes.iter().all(|it| {
        let counts = matches!(it.kind, Kind::Window(_) | Kind::Permute(_) | Kind::Loop(_));
        !counts && (!it.inputs.is_empty() || matches!(it.kind, Kind::Source(_)))
    })
}
