//! Kernels on parts of their tokens: fewer elements side by side where there is time for it.
//!
//! A dataflow is no faster than its slowest array. A kernel that treats all elements of its tokens alike,
//! as activations do, may take them some at a time then: the same kernel, on shorter tokens. So may a loop of
//! one such kernel, whose parts go around one behind the other, and a reduction. A kernel whose elements differ, or that is
//! part of a larger loop, stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::cut::{alike, gcd, part};
use super::{Dataflow, Kind, ProcessId, State, StreamId, packs};
use crate::fixed::{Graph, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Constant, Cut, Input, Unit};

/// Of the cycles that there are for a token, a kernel takes no more than one in so many: its first
/// results come late by as much.
pub(super) const SHARE: usize = 8;

/// Divides the tokens of kernels that wait for arrays.
pub(super) fn narrow(flow: &mut Dataflow, interval: usize) {
    let looped = looped(flow);
    for at in (0..flow.processes.len()).map(ProcessId) {
        if !looped.contains(&at) {
            reduced(flow, at, interval);
        }
        let Some((graph, nodes, ratio)) = narrowed(flow, at, interval) else { continue };
        let around = if looped.contains(&at) {
            let Some(around) = around(flow, at) else { continue };
            Some(around)
        } else {
            None
        };
        flow.processes[at.0].kind = Kind::Kernel(graph);
        for (process, node) in flow.computed.values_mut().filter(|it| it.0 == at) {
            (*process, *node) = (at, nodes[node]);
        }
        let own = |it: StreamId| around.as_ref().is_some_and(|own| own.streams.contains(&it));
        let inputs = flow.processes[at.0].inputs.clone();
        let part = |it| if own(it) { it } else { packs::repack(flow, at, it, ratio) };
        flow.processes[at.0].inputs = inputs.into_iter().map(part).collect();
        packs::collect(flow, at, ratio, own);
        if let Some(around) = &around {
            around.divide(flow, ratio);
        }
    }
}

/// Cycles that the slowest array or product takes for a sample; none if nothing is folded.
pub(super) fn interval(flow: &Dataflow) -> usize {
    let cycles = |it: &super::Process| match &it.kind {
        Kind::Array(array) => flow.stream(it.outputs[0]).tokens / array.turns() * array.cycles(),
        _ => 0,
    };
    let products = flow.products.iter().map(|it| it.rows * it.cycles());
    flow.processes.iter().map(cycles).chain(products).max().unwrap_or(0)
}

/// Has a reduction take its tokens in parts.
fn reduced(flow: &mut Dataflow, at: ProcessId, interval: usize) {
    let Kind::Reduce(reducer) = &flow.processes[at.0].kind else { return };
    let mut reducer = reducer.clone();
    let input = flow.processes[at.0].inputs[0];
    let (tokens, elements) = (flow.stream(input).tokens, flow.stream(input).ty.elements());
    let most = (interval / tokens / SHARE).min(elements);
    let Some(ratio) = (2..=most).rev().find(|it| elements.is_multiple_of(*it)) else { return };
    reducer.packs *= ratio;
    flow.processes[at.0].kind = Kind::Reduce(reducer);
    flow.processes[at.0].inputs = vec![packs::repack(flow, at, input, ratio)];
    packs::collect(flow, at, ratio, |_| false);
}

/// What goes around a kernel alone: a state of equal elements that it reads and leaves itself.
struct Around {
    state: ProcessId,
    /// What the state gives and what is left for it.
    streams: [StreamId; 2],
}

impl Around {
    /// Divides the words of the state; who else reads what is left gets it whole.
    fn divide(&self, flow: &mut Dataflow, ratio: usize) {
        let [_, left] = self.streams;
        let others = flow.readers(left).into_iter().filter(|it| it.0 != self.state);
        let others: Vec<_> = others.collect();
        if !others.is_empty() {
            let whole = packs::whole(flow, left);
            for (process, port) in others {
                flow.processes[process.0].inputs[port] = whole;
            }
        }
        self.streams.iter().for_each(|it| packs::shorten(flow, *it, ratio));
        let own = &mut flow.processes[self.state.0];
        if let Kind::State(State { first: Some(first), packs, .. }) = &mut own.kind {
            *first = first[..first.len() / ratio].into();
            *packs *= ratio;
        }
    }
}

/// The loop of a kernel that is all of it.
fn around(flow: &Dataflow, kernel: ProcessId) -> Option<Around> {
    let own = &flow.processes[kernel.0];
    let is_state =
        |it: &&StreamId| matches!(flow.processes[flow.stream(**it).from.0].kind, Kind::State(_));
    let mut given = own.inputs.iter().filter(is_state);
    let (given, None) = (*given.next()?, given.next()) else { return None };
    let state = flow.stream(given).from;
    let process = &flow.processes[state.0];
    let Kind::State(State { first: Some(first), .. }) = &process.kind else { return None };
    let left = *process.inputs.last()?;
    let alone = flow.stream(left).from == kernel
        && flow.readers(given).len() == 1
        && first.iter().all(|it| *it == first[0]);
    alone.then_some(Around { state, streams: [given, left] })
}

/// A kernel on parts of its tokens, and how many there are.
fn narrowed(
    flow: &Dataflow,
    at: ProcessId,
    interval: usize,
) -> Option<(Graph, BTreeMap<NodeId, NodeId>, usize)> {
    let process = &flow.processes[at.0];
    let Kind::Kernel(graph) = &process.kind else { return None };
    let ports = || process.inputs.iter().chain(&process.outputs).map(|it| flow.stream(*it));
    let tokens = ports().next()?.tokens;
    if process.inputs.is_empty() || ports().any(|it| it.ty.common().is_none()) {
        return None;
    }
    let most = interval / tokens / SHARE;
    let shared = ports().map(|it| it.ty.elements()).fold(0, gcd);
    let ratios = (2..=most.min(shared)).rev().filter(|it| shared.is_multiple_of(*it));
    ratios.into_iter().find_map(|it| part_of(graph, it).map(|(graph, nodes)| (graph, nodes, it)))
}

/// A graph on one of so many parts of its tokens, if it is the same for all, with its nodes there.
fn part_of(graph: &Graph, parts: usize) -> Option<(Graph, BTreeMap<NodeId, NodeId>)> {
    let mut own = Graph::default();
    let mut nodes = BTreeMap::new();
    for id in graph.topo() {
        let node = graph.node(id);
        if matches!(node.op, Unit::Constant(_)) {
            continue;
        }
        let ty = alike(&node.ty, parts).filter(|_| node.ty.elements().is_multiple_of(parts))?;
        let (op, operands) = match &node.op {
            Unit::Input(_) => (Input { ty: ty.clone() }.into(), Vec::new()),
            unit => {
                let operands = graph.operands(id);
                let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
                let shape = |it: &&Type| match it.elements().is_multiple_of(parts) {
                    true => part(&it.shape, parts),
                    false => it.shape.clone(),
                };
                let shapes: Vec<Shape> = types.iter().map(shape).collect();
                let cut = Cut { tokens: parts, shape: &ty.shape, types: &types, parts: &shapes };
                let token = unit.token(&cut)?;
                let operand = |(it, whole): (&NodeId, &bool)| match nodes.get(it) {
                    Some(known) => (!whole).then_some(*known),
                    None => constant(&mut own, graph.node(*it), if *whole { 1 } else { parts }),
                };
                let operands: Option<Vec<NodeId>> =
                    operands.iter().zip(&token.whole).map(operand).collect();
                (token.unit, operands?)
            }
        };
        let types: Vec<&Type> = operands.iter().map(|it| &own.node(*it).ty).collect();
        let made = op.spec().output(&types);
        if made.elements() != ty.elements()
            || (0..ty.elements()).any(|it| made.format(it) != ty.format(it))
        {
            return None;
        }
        let (name, origin) = (node.name.clone(), node.origin.clone());
        nodes.insert(id, own.add(Node { name, op, ty: made, origin }, &operands));
    }
    let ports = |of: &[NodeId]| of.iter().map(|it| nodes.get(it).copied()).collect();
    let (inputs, outputs): (Option<Vec<_>>, Option<Vec<_>>) =
        (ports(&graph.inputs), ports(&graph.outputs));
    (own.inputs, own.outputs) = (inputs?, outputs?);
    Some((own, nodes))
}

/// The part of a constant that all of its equal parts are.
fn constant(graph: &mut Graph, node: &Node<Unit, Type>, parts: usize) -> Option<NodeId> {
    let Unit::Constant(it) = &node.op else { return None };
    let size = it.values.len() / parts;
    let ty = alike(&node.ty, parts).filter(|_| it.alike(parts))?;
    let shape = ty.shape.clone();
    let op = Constant { shape, values: it.values[..size].into(), format: it.format }.into();
    let (name, origin) = (node.name.clone(), node.origin.clone());
    Some(graph.add(Node { name, op, ty, origin }, &[]))
}

/// The processes through which the states of loops go around.
pub fn looped(flow: &Dataflow) -> BTreeSet<ProcessId> {
    let mut all = BTreeSet::new();
    for (at, process) in flow.processes.iter().enumerate() {
        let (Kind::State(_), Some(left)) = (&process.kind, process.inputs.last()) else { continue };
        // What comes in front of what is left, as far as the state is in front of that.
        let mut behind = BTreeMap::new();
        follows(flow, flow.stream(*left).from, ProcessId(at), &mut behind);
        all.extend(behind.into_iter().filter(|it| it.1).map(|it| it.0));
    }
    all
}

/// Whether a process reads, be it by others, what a state gives.
fn follows(
    flow: &Dataflow,
    process: ProcessId,
    state: ProcessId,
    known: &mut BTreeMap<ProcessId, bool>,
) -> bool {
    if process == state {
        return true;
    }
    if let Some(known) = known.get(&process) {
        return *known;
    }
    known.insert(process, false);
    let mut any = false;
    for stream in flow.processes[process.0].ahead() {
        any |= follows(flow, flow.stream(*stream).from, state, known);
    }
    known.insert(process, any);
    any
}

/// Tokens that become others and then others again become these at once, and the last of several are
/// chosen before parts of them are put side by side.
pub(super) fn shortened(flow: &mut Dataflow) {
    let from = |flow: &Dataflow, it: StreamId| {
        let process = &flow.processes[flow.stream(it).from.0];
        matches!(process.kind, Kind::Repack).then(|| process.inputs[0])
    };
    loop {
        let mut changed = false;
        for at in 0..flow.processes.len() {
            for port in 0..flow.processes[at].inputs.len() {
                let stream = flow.processes[at].inputs[port];
                let Some(source) = from(flow, stream) else { continue };
                let tokens = |it: StreamId| flow.stream(it).tokens;
                let parts = tokens(source) / tokens(stream);
                if let Kind::Last { of, keep } = flow.processes[at].kind
                    && parts > 1
                {
                    flow.processes[at].kind = Kind::Last { of: of * parts, keep: keep * parts };
                    flow.processes[at].inputs[port] = source;
                    packs::collect(flow, ProcessId(at), parts, |_| false);
                    changed = true;
                    continue;
                }
                let is_repack = matches!(flow.processes[at].kind, Kind::Repack);
                // What the process makes of it, if that is only other tokens again.
                let to =
                    if is_repack { tokens(flow.processes[at].outputs[0]) } else { tokens(stream) };
                let (few, many) = (tokens(source).min(to), tokens(source).max(to));
                if is_repack && many.is_multiple_of(few) || few == many {
                    flow.processes[at].inputs[port] = source;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
}
