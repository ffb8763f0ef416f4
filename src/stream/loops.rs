//! Loops: graphs that are repeated token by token, with a state between the steps.
//!
//! The body is divided like any other graph, once for all steps, so that its matrices fold and its
//! windows are windows; its inputs are tokens of the sequences and of the states. A reduction over tokens
//! is a loop too, whose state is what has been reduced so far.

use std::sync::Arc;

use super::cut::{At, Cutter, Loops, Place, alike, divide};
use super::{Dataflow, Kind, State, StreamId};
use crate::error::Origin;
use crate::fixed::{Format, Graph, Overflow, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Binary, Eltwise, Input, Read, Reduce, Reduction, Requantize, Scan, Unit};

/// What a state is at first.
enum First {
    Known(Arc<[i128]>),
    Stream(StreamId),
}

/// A graph and how often it is repeated.
struct Loop<'b> {
    body: &'b Graph,
    /// Loops of a sample.
    count: usize,
    /// Steps of a loop.
    steps: usize,
    /// Every step has a result, not only the last.
    every: bool,
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
        let mut states = Vec::with_capacity(firsts.len());
        for operand in firsts {
            let place = self.at(*operand).clone();
            states.push(match place.at {
                At::Constant(own) => {
                    let Unit::Constant(constant) = &self.node(own).op else { return None };
                    First::Known(Arc::from(&constant.values[..]))
                }
                _ => {
                    let stream = self.stream(*operand, &place);
                    First::Stream(self.repacked(stream, 1))
                }
            });
        }
        let own = Loop { body: &scan.body, count: 1, steps: scan.steps, every: scan.every };
        let stream = self.looped(node, &own, &streams, states);
        Some(Place { tokens: self.flow.stream(stream).tokens, at: At::Stream(stream) })
    }

    /// A reduction over consecutive tokens, as their elements come.
    pub(super) fn reduced(&mut self, id: NodeId, reduce: &Reduce) -> Option<Place> {
        let node = self.node(id);
        let operand = self.graph.operands(id)[0];
        let (source, order) = match &self.at(operand).at {
            At::Order { source, map } => (*source, Some(map.clone())),
            _ => (operand, None),
        };
        let place = self.at(source).clone();
        if matches!(place.at, At::Constant(_) | At::Group(_) | At::Order { .. })
            || place.tokens == 1
        {
            return None;
        }
        let (outputs, steps) = (node.ty.elements(), reduce.group);
        let size = self.node(source).ty.elements() / place.tokens;
        let reads = |at: usize| order.as_ref().map_or(at, |it| it[at] as usize);
        let in_order = |output: usize| {
            let (count, element) = (output / size, output % size);
            (0..steps).all(|it| reads(output * steps + it) == (count * steps + it) * size + element)
        };
        let count = outputs / size;
        if !outputs.is_multiple_of(size)
            || place.tokens != count * steps
            || !(0..outputs).all(in_order)
        {
            return None;
        }
        let token = alike(&self.node(source).ty, place.tokens)?;
        let (body, first) = step(reduce, &token, &node.origin)?;
        let stream = self.stream(source, &place);
        let own = Loop { body: &body, count, steps, every: false };
        let made = self.looped(node, &own, &[stream], vec![First::Known(first)]);
        let kernel = self.new_kernel(node, count);
        let read = self.read(kernel, node, made);
        let cast = Requantize::uniform(reduce.result).into();
        let cast = self.kernels[kernel.0].add(node, node.name.clone(), cast, &[read]);
        Some(Place { tokens: count, at: At::Kernel(kernel, cast) })
    }

    /// Puts a loop in; returns the stream of its results.
    fn looped(
        &mut self,
        node: &Node<Unit, Type>,
        own: &Loop<'_>,
        sequences: &[StreamId],
        firsts: Vec<First>,
    ) -> StreamId {
        let Loop { body, count, steps, every } = *own;
        let (inner, unfolded) = divide(body, Loops::Around, self.reuse, false);
        self.unfolded.extend(unfolded);
        let mut inputs = sequences.to_vec();
        let mut states = Vec::with_capacity(firsts.len());
        for first in firsts {
            let ty = body.node(body.inputs[inputs.len()]).ty.clone();
            let (first, reads) = match first {
                First::Known(first) => (Some(first), Vec::new()),
                First::Stream(stream) => (None, vec![stream]),
            };
            let name = self.unique(&format!("{}_state", node.origin.node));
            let process = self.flow.add(&name, Kind::State(State { steps, first }), reads);
            inputs.push(self.flow.output(process, &name, count * steps, ty));
            states.push(process);
        }
        let results = self.spliced(inner, count * steps, &inputs);
        for (process, left) in states.into_iter().zip(&results) {
            let left = self.repacked(*left, count * steps);
            self.flow.processes[process.0].inputs.push(left);
        }
        let row = *results.last().expect("a body has a result");
        if every || steps == 1 {
            return row;
        }
        let from = self.flow.stream(row).clone();
        let (of, keep) = (from.tokens / count, from.tokens / count / steps);
        let name = self.unique(&format!("{}_last", node.origin.node));
        let process = self.flow.add(&name, Kind::Last { of, keep }, vec![row]);
        self.flow.output(process, &from.name, count * keep, from.ty)
    }

    /// Puts the processes of a body in, which is run so many times; returns the streams of its outputs.
    fn spliced(&mut self, inner: Dataflow, times: usize, inputs: &[StreamId]) -> Vec<StreamId> {
        let mut streams: Vec<Option<StreamId>> = vec![None; inner.streams.len()];
        let mut results: Vec<(usize, StreamId)> = Vec::new();
        let mut added = Vec::new();
        for process in &inner.processes {
            match process.kind {
                Kind::Source(at) => {
                    let own = process.outputs[0];
                    let tokens = times * inner.stream(own).tokens;
                    streams[own.0] = Some(self.repacked(inputs[at], tokens));
                }
                Kind::Sink(at) => results.push((at, process.inputs[0])),
                _ => {
                    let name = self.unique(&process.name);
                    let id = self.flow.add(&name, process.kind.clone(), Vec::new());
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
        results.iter().map(|(_, it)| outer(it)).collect()
    }
}

/// A step of a reduction on a token, and what it begins with; `None` if the order of the sum matters.
fn step(reduce: &Reduce, token: &Type, origin: &Origin) -> Option<(Graph, Arc<[i128]>)> {
    let union = token.union();
    let (op, state, first) = match reduce.reduction {
        Reduction::Max => (Binary::Max, union, union.min()),
        Reduction::Min => (Binary::Min, union, union.max()),
        Reduction::SumTree if !reduce.commutes(token) => return None,
        Reduction::SumInOrder | Reduction::SumTree => (Binary::Add, reduce.accum, 0),
    };
    // One token, whatever its shape was.
    let elements = token.elements();
    let shape = Shape(vec![elements]);
    let token = &Type { shape: shape.clone(), ..token.clone() };
    let mut graph = Graph::default();
    let mut add = |name: &str, op: Unit, operands: &[NodeId]| {
        let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        let ty = op.spec().output(&types);
        graph.add(Node { name: name.to_owned(), op, ty, origin: origin.clone() }, operands)
    };
    let x = add("x", Input { ty: token.clone() }.into(), &[]);
    let so_far = add("so_far", Input { ty: Type::uniform(shape.clone(), state) }.into(), &[]);
    // Each element is cast before it is added.
    let leaf = match op {
        Binary::Add => add("leaf", Requantize::uniform(state).into(), &[x]),
        _ => x,
    };
    let read = [Read::Same, Read::Same];
    let next = add("next", Eltwise { op, read, shape, result: state }.into(), &[so_far, leaf]);
    graph.inputs = vec![x, so_far];
    graph.outputs = vec![next, next];
    Some((graph, vec![first; elements].into()))
}

impl Reduce {
    /// Whether a sum of so many elements of a type is the same in any order: nothing is rounded, and it
    /// wraps or cannot overflow.
    fn commutes(&self, token: &Type) -> bool {
        let formats = (0..token.elements()).map(|it| token.format(it));
        let fits = |it: Format| {
            let shift = (self.accum.frac() - it.frac()).min(100) as u32;
            let largest = it.min().unsigned_abs().max(it.max().unsigned_abs());
            let reach = largest.saturating_mul(self.group as u128).saturating_mul(1 << shift);
            (self.accum.signed || !it.signed) && reach <= self.accum.max().unsigned_abs()
        };
        formats.into_iter().all(|it| {
            let wraps = self.accum.overflow == Overflow::Wrap;
            it.frac() <= self.accum.frac() && (wraps || fits(it))
        })
    }
}
