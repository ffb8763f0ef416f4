//! Reductions over tokens: loops whose state is what has been reduced so far.

use std::sync::Arc;

use super::Loop;
use super::cut::{At, Cutter, Place, alike};
use super::permute::Permutation;
use crate::error::Origin;
use crate::fixed::{Graph, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Binary, Eltwise, Input, Read, Reduce, Reduction, Reorder, Requantize, Unit};

/// A reduction as loops over tokens.
struct Steps {
    /// The tokens, loop after loop.
    order: Vec<usize>,
    /// Loops of a sample.
    count: usize,
    /// A step.
    body: Graph,
    /// What it begins with.
    first: Arc<[i128]>,
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
        let steps = self.steps(id, reduce, source, map.as_deref())?;
        let Steps { order, count, body, first } = steps;
        let place = self.at(source).clone();
        let mut stream = self.stream(source, &place);
        if !order.iter().copied().eq(0..place.tokens) {
            let order = Permutation::new(place.tokens, order);
            stream = self.ordered(&node.origin.node, stream, order);
        }
        let (body, firsts) = (Arc::new(body), vec![Some(first)]);
        let own = Loop { body, count, steps: reduce.group, every: false, firsts };
        let made = self.looped(node, own, &[stream]).stream;
        let kernel = self.new_kernel(node, count);
        let read = self.read(kernel, node, made);
        let cast = Requantize::uniform(reduce.result).into();
        let cast = self.kernels[kernel.0].add(node, node.name.clone(), cast, &[read]);
        Some(Place { tokens: count, at: At::Kernel(kernel, cast) })
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
                        if steps.count > 1 {
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
        let (body, first) = step(reduce, &token, &node.origin)?;
        Some(Steps { order, count, body, first })
    }
}

/// A step of a reduction on a token, and what it begins with; `None` if the order of the sum matters.
pub(super) fn step(reduce: &Reduce, token: &Type, origin: &Origin) -> Option<(Graph, Arc<[i128]>)> {
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
