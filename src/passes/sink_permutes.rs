//! `permute -> element by element` becomes `element by element -> permute`, so that permutations of
//! neighbouring layers meet and what is done to a sum stands right behind it.
//!
//! Only in models with quantizers, for layers that do the same to every element and for merges of two
//! tensors that were permuted alike.

use ndarray::ArrayView;

use super::push_scales::is_scale;
use super::{Options, Pass, edit};
use crate::graph::NodeId;
use crate::layers::{Layer, Permute, Quantizer};
use crate::nn::Graph;
use crate::nn::Tensor;

/// Moves permutations behind layers that work element by element.
pub(super) const PASS: Pass = Pass {
    name: "sink_permutes",
    about: "move permutations behind layers that work element by element",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    let quantizer = |id| matches!(graph.node(id).op, Layer::Quantizer(_) | Layer::FakeQuant(_));
    if !graph.topo().into_iter().any(quantizer) {
        return false;
    }
    let mut changed = false;
    for id in graph.topo() {
        if options.pinned.contains(&graph.node(id).name) {
            continue;
        }
        if let Some((op, operands, permute)) = swapped(graph, id) {
            edit::replace(graph, id, &operands, vec![("", op), ("permuted", permute.into())]);
            changed = true;
        }
    }
    changed
}

/// The layer in front of the permutation, what it reads there, and the permutation.
fn swapped(graph: &Graph, id: NodeId) -> Option<(Layer, Vec<NodeId>, Permute)> {
    let operands = graph.operands(id);
    let permute = |it: &NodeId| match &graph.node(*it).op {
        Layer::Permute(permute) => Some(permute),
        _ => None,
    };
    let first = permute(operands.first()?)?;
    if !operands.iter().all(|it| permute(it) == Some(first)) {
        return None;
    }
    let before: Vec<NodeId> = operands.iter().map(|it| graph.operands(*it)[0]).collect();
    let node = graph.node(id);
    let op = match &node.op {
        Layer::Relu(_) | Layer::LeakyRelu(_) | Layer::Clip(_) | Layer::Identity(_) => {
            node.op.clone()
        }
        // Scales go the other way.
        Layer::BatchNorm(it) if it.scale.len() == 1 && !is_scale(it) => node.op.clone(),
        Layer::FakeQuant(it) => {
            let one = |it: Tensor| one(&it).map(|it| ndarray::arr0(it).into_dyn()).ok_or(());
            Layer::from(it.clone().try_map(one).ok()?)
        }
        Layer::Quantizer(Quantizer { lanes }) => {
            let lanes = ArrayView::from_shape(node.ty.0.as_slice(), lanes).ok()?;
            let lanes = lanes.permuted_axes(first.inverse().order);
            Layer::from(Quantizer { lanes: lanes.iter().copied().collect() })
        }
        Layer::Merge(_) if graph.node(before[0]).ty == graph.node(before[1]).ty => node.op.clone(),
        _ => return None,
    };
    Some((op, before, first.clone()))
}

/// The number that all elements are.
pub(super) fn one(values: &Tensor) -> Option<f64> {
    let first = *values.first()?;
    values.iter().all(|it| *it == first).then_some(first)
}
