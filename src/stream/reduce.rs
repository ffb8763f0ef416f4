//! Reductions over tokens: a process of its own, where the order of what is reduced does not matter and nothing is
//! rounded; else, and where streams cannot go around, a loop whose state is what has been reduced so far.

use std::sync::Arc;

use super::cut::{At, Cutter, Loops, Place, alike};
use super::permute::Permutation;
use super::{Kind, Loop, Reducer, StreamId};
use crate::error::Origin;
use crate::fixed::{Graph, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Binary, Eltwise, Input, Read, Reduce, Reduction, Reorder, Requantize, Unit};

/// A reduction as loops over tokens.
struct Steps {
    /// The tokens, loop after loop.
    order: Vec<usize>,
    /// A token.
    token: Type,
}

impl Cutter<'_> {
    /// A reduction over tokens, as they come if their order is that of the loops.
    pub(super) fn reduced(&mut self, id: NodeId, reduce: &Reduce) -> Option<Place> {
        let node = self.node(id);
        let operand = self.graph.operands(id)[0];
        let (source, map) = match &self.at(operand).at {
            At::Order { source, map } => (*source, Some(map.clone())),
            _ => (operand, None),
        };
        let Some(Steps { order, token }) = self.steps(id, reduce, source, map.as_deref()) else {
            return self.across(id, reduce, operand);
        };
        let place = self.at(source).clone();
        let mut stream = match self.reducer(reduce, &token) {
            Some(_) => self.even(source),
            None => self.stream(source, &place),
        };
        if !order.iter().copied().eq(0..place.tokens) {
            let order = Permutation::new(place.tokens, order);
            stream = self.ordered(&node.origin.node, stream, order);
        }
        self.combined(id, reduce, stream)
    }

    /// A reduction of whole tokens and of the elements in them: of each token first, then of what that leaves.
    fn across(&mut self, id: NodeId, reduce: &Reduce, operand: NodeId) -> Option<Place> {
        let place = self.at(operand).clone();
        let (node, ty) = (self.node(id), &self.node(operand).ty);
        let size = ty.elements() / place.tokens;
        let plain = matches!(place.at, At::Stream(_) | At::Kernel(..));
        if !plain || size < 2 || reduce.group <= size || !reduce.group.is_multiple_of(size) {
            return None;
        }
        let Reducer { to, .. } = self.reducer(reduce, &alike(ty, place.tokens)?)?;
        let group = reduce.group / size;
        let unit = Reduce { group: size, accum: to, result: to, ..reduce.clone() };
        let kernel = self.kernel(node, &[operand], place.tokens, &[false]);
        let read = self.local(kernel, node, operand, false, &Shape(vec![size]));
        let own = &mut self.kernels[kernel.0];
        let local = own.add(node, format!("{}_part", node.name), unit.into(), &[read]);
        let part = Place { tokens: place.tokens, at: At::Kernel(kernel, local) };
        let stream = self.stream(id, &part);
        self.combined(id, &Reduce { group, ..reduce.clone() }, stream)
    }

    /// What every so many tokens of a stream, as a reduction has elements, are reduced to.
    pub(super) fn combined(
        &mut self,
        id: NodeId,
        reduce: &Reduce,
        stream: StreamId,
    ) -> Option<Place> {
        let node = self.node(id);
        let from = self.flow.stream(stream).clone();
        let count = from.tokens / reduce.group;
        let made = match self.reducer(reduce, &from.ty) {
            Some(reducer) => {
                let ty = Type::uniform(Shape(vec![from.ty.elements()]), reducer.to);
                let name = self.unique(&format!("{}_reduce", node.origin.node));
                let kind = Kind::Reduce(reducer);
                let process = self.flow.add(&name, &node.origin.node, kind, vec![stream]);
                self.flow.output(process, &node.name, count, ty)
            }
            None => {
                let (body, first) = step(reduce, &from.ty, &node.origin)?;
                let (body, firsts) = (Arc::new(body), vec![Some(first)]);
                let own = Loop { body, count, steps: reduce.group, every: false, firsts };
                self.looped(node, own, &[stream]).stream
            }
        };
        if self.flow.stream(made).ty.common() == Some(reduce.result) {
            return Some(Place { tokens: count, at: At::Stream(made) });
        }
        let kernel = self.new_kernel(node, count);
        let read = self.read(kernel, node, made);
        let cast = Requantize::uniform(reduce.result).into();
        let cast = self.kernels[kernel.0].add(node, node.name.clone(), cast, &[read]);
        Some(Place { tokens: count, at: At::Kernel(kernel, cast) })
    }

    /// The process of a reduction of tokens, if it can be one.
    fn reducer(&self, reduce: &Reduce, token: &Type) -> Option<Reducer> {
        if self.loops == Loops::Inside {
            return None;
        }
        let from = token.union();
        let (op, to) = match reduce.reduction {
            Reduction::Max => (Binary::Max, from),
            Reduction::Min => (Binary::Min, from),
            Reduction::SumInOrder | Reduction::SumTree => {
                (Binary::Add, Some(reduce.accum).filter(|_| reduce.commutes(token))?)
            }
        };
        Some(Reducer { op, steps: reduce.group, packs: 1, from, to })
    }

    /// A wiring of one place of which only reductions over tokens read: they take it as it comes.
    pub(super) fn pooled(
        &self,
        id: NodeId,
        reorder: &Reorder,
        operands: &[NodeId],
    ) -> Option<Place> {
        let [source] = operands[..] else { return None };
        let map: Arc<[u32]> = reorder.map.iter().map(|it| it.1).collect();
        let mut nodes = vec![id];
        while let Some(node) = nodes.pop() {
            if self.graph.outputs.contains(&node) {
                return None;
            }
            for reader in self.graph.users(node) {
                match &self.node(reader).op {
                    Unit::Reorder(it) if self.keeps(it, &[node]) => nodes.push(reader),
                    Unit::Reduce(it) => {
                        let steps = self.steps(reader, it, source, Some(&map))?;
                        if steps.order.len() > it.group {
                            return None;
                        }
                    }
                    _ => return None,
                }
            }
        }
        Some(Place { tokens: 1, at: At::Order { source, map } })
    }

    /// The loops of a reduction over tokens of `source`, whose elements it reads as `map` says; they take no
    /// longer than the tokens take to come.
    fn steps(
        &self,
        id: NodeId,
        reduce: &Reduce,
        source: NodeId,
        map: Option<&[u32]>,
    ) -> Option<Steps> {
        let node = self.node(id);
        let place = self.at(source);
        if matches!(place.at, At::Constant(_) | At::Group(_) | At::Order { .. })
            || place.tokens == 1
        {
            return None;
        }
        let (outputs, steps) = (node.ty.elements(), reduce.group);
        let size = self.node(source).ty.elements() / place.tokens;
        let count = outputs / size;
        if !outputs.is_multiple_of(size) || count * steps > place.tokens {
            return None;
        }
        // Which element is read of which token, if that is the same for a whole token.
        let read = |output: usize, step: usize| {
            let at = output * steps + step;
            let at = map.map_or(at, |it| it[at] as usize);
            (at % size == output % size).then_some(at / size)
        };
        let mut order = Vec::with_capacity(count * steps);
        for (count, step) in (0..count).flat_map(|it| (0..steps).map(move |step| (it, step))) {
            let token = read(count * size, step)?;
            if !(1..size).all(|it| read(count * size + it, step) == Some(token)) {
                return None;
            }
            order.push(token);
        }
        let token = alike(&self.node(source).ty, place.tokens)?;
        let largest = matches!(reduce.reduction, Reduction::Max | Reduction::Min);
        if largest || reduce.commutes(&token) {
            order.chunks_mut(steps.max(1)).for_each(<[usize]>::sort_unstable);
        }
        keeps_order(reduce, &token).then_some(Steps { order, token })
    }
}

/// Whether a reduction may take tokens one after the other: a tree that rounds or saturates may not.
fn keeps_order(reduce: &Reduce, token: &Type) -> bool {
    reduce.reduction != Reduction::SumTree || reduce.commutes(token)
}

/// A step of a reduction on a token, and what it begins with; `None` if the order of the sum matters.
fn step(reduce: &Reduce, token: &Type, origin: &Origin) -> Option<(Graph, Arc<[i128]>)> {
    let union = token.union();
    let (op, state, first) = match reduce.reduction {
        Reduction::Max => (Binary::Max, union, union.min()),
        Reduction::Min => (Binary::Min, union, union.max()),
        _ if !keeps_order(reduce, token) => return None,
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
