//! `scale -> layer` becomes `layer -> scale` wherever that is the same, so that between quantizers
//! there are whole numbers only and every scale stands in front of the quantizer that ends it.
//!
//! Scales are positive. A mean of whole numbers becomes their sum. Where the scales of two operands
//! differ, sums are taken with the scales as they are: single precision has few bits enough.

use super::split_quantizers::alpha;
use super::split_weights::{behind, parts};
use super::{Options, Pass, edit};
use crate::graph::NodeId;
use crate::layers::{
    BatchNorm, Divisor, Layer, LeakyRelu, Merge, Pool, Pooling, Reduce, Reduction, Relu,
};
use crate::nn::{Graph, Tensor};
use crate::units::Binary;

/// Moves scales toward the outputs.
pub(super) const PASS: Pass =
    Pass { name: "push_scales", about: "move scales of whole numbers toward the outputs", run };

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        let operands = graph.operands(id);
        let scales: Vec<Option<Tensor>> =
            operands.iter().map(|it| scale(graph, *it).cloned()).collect();
        let is_free = options.splits(&graph.node(id).name) && !graph.node(id).ty.0.is_empty();
        if !is_free || scales.iter().all(Option::is_none) {
            continue;
        }
        let all: Option<Vec<Tensor>> = scales.iter().cloned().collect();
        if let Some(row) = all.and_then(|it| swapped(graph, id, &it)) {
            let operands: Vec<NodeId> = operands.iter().map(|it| graph.operands(*it)[0]).collect();
            edit::replace(graph, id, &operands, row);
            changed = true;
        } else if matches!(graph.node(id).op, Layer::Merge(_) | Layer::Concatenate(_)) {
            changed |= keep(graph, id, scales);
        }
    }
    changed
}

/// The scale that a node is, if it is one that is to be moved.
fn scale(graph: &Graph, id: NodeId) -> Option<&Tensor> {
    match &graph.node(id).op {
        Layer::BatchNorm(it) if is_scale(it) => Some(&it.scale),
        _ => None,
    }
}

/// Whether a layer does nothing but multiply by scales that are on no short grid.
pub(super) fn is_scale(norm: &BatchNorm) -> bool {
    norm.kind == "ApplyAlpha"
        && !norm.quantized
        && norm.scale.iter().all(|it| *it > 0.0)
        && norm.bias.iter().all(|it| *it == 0.0)
}

/// Scales that stay in front of a layer are multiplied as they are, if they have few bits.
fn keep(graph: &mut Graph, id: NodeId, scales: Vec<Option<Tensor>>) -> bool {
    let is_single = |it: &Tensor| it.iter().all(|it| f64::from(*it as f32) == *it);
    let mut operands = graph.operands(id);
    let mut changed = false;
    for (operand, scale) in operands.iter_mut().zip(scales) {
        if let Some(scale) = scale.filter(is_single) {
            let norm = BatchNorm { quantized: true, ..alpha(scale) };
            *operand = edit::copy(graph, *operand, norm);
            changed = true;
        }
    }
    if changed {
        let op = graph.node(id).op.clone();
        edit::replace(graph, id, &operands, vec![("", op)]);
    }
    changed
}

/// The layer on operands without their scales, and what comes behind it.
fn swapped(graph: &Graph, id: NodeId, scales: &[Tensor]) -> Option<Vec<(&'static str, Layer)>> {
    let node = graph.node(id);
    let scale = &scales[0];
    let uniform = scale.len() == 1 && scales.iter().all(|it| it == scale);
    let mut layer = node.op.clone();
    if let Some((_, bias)) = parts(&mut layer) {
        let scale = if uniform { scale.clone() } else { by_outputs(&node.op, scale)? };
        let norm = behind(scale, bias.take());
        return Some(vec![("", layer), ("scale", norm.into())]);
    }
    let (layer, scale) = match &node.op {
        Layer::BatchNorm(it) => return composed(it, scale),
        Layer::Relu(Relu { max: None }) | Layer::LeakyRelu(LeakyRelu { max: None, .. }) => {
            (layer, scale.clone())
        }
        Layer::Pool(Pool { pooling: Pooling::Max, .. }) | Layer::Identity(_) => {
            (layer, scale.clone())
        }
        Layer::Pool(it) => (sum(it)?, scale / count(it)?),
        Layer::Merge(Merge { op: Binary::Mul }) if scales.iter().all(|it| it.len() == 1) => {
            (layer, scale * &scales[1])
        }
        op if uniform && is_linear(op) => (layer, scale.clone()),
        Layer::Reduce(it) if uniform && it.reduction == Reduction::Mean => {
            let before = graph.node(graph.operands(id)[0]).ty.elements();
            let count = before as f64 / node.ty.elements() as f64;
            (Reduce { reduction: Reduction::Sum, ..it.clone() }.into(), scale / count)
        }
        _ => return None,
    };
    Some(vec![("", layer), ("scale", alpha(scale).into())])
}

/// Layers that a common scale of all operands passes.
fn is_linear(op: &Layer) -> bool {
    match op {
        Layer::Reshape(_) | Layer::Permute(_) | Layer::Concatenate(_) => true,
        Layer::Take(_) | Layer::Pad(_) => true,
        Layer::Reduce(it) => !matches!(it.reduction, Reduction::Mean | Reduction::Product),
        Layer::Merge(it) => it.op != Binary::Mul,
        _ => false,
    }
}

/// Scales of input channels as scales of output channels, where each reads one.
fn by_outputs(layer: &Layer, scale: &Tensor) -> Option<Tensor> {
    let Layer::Conv(conv) = layer else { return None };
    let outputs = *conv.kernel.shape().last()?;
    let each = outputs / scale.len();
    let repeated = scale.iter().flat_map(|it| std::iter::repeat_n(*it, each));
    conv.is_depthwise().then(|| ndarray::Array1::from_iter(repeated).into_dyn())
}

/// A scale and another one, with an offset.
fn composed(norm: &BatchNorm, scale: &Tensor) -> Option<Vec<(&'static str, Layer)>> {
    if norm.kind != "ApplyAlpha" || norm.quantized {
        return None;
    }
    let count = scale.len().max(norm.scale.len());
    let along = |it: &Tensor| it.broadcast(count).map(|it| it.to_owned().into_dyn());
    let (scale, bias) = (along(scale)? * along(&norm.scale)?, along(&norm.bias)?);
    Some(vec![("", BatchNorm { scale, bias, ..norm.clone() }.into())])
}

/// A pool that adds.
fn sum(pool: &Pool) -> Option<Layer> {
    let pooling = Pooling::Average(Divisor::Fixed(1.0));
    Some(Pool { pooling, window: pool.window.clone() }.into())
}

/// What an average divides by, if that is the same everywhere.
fn count(pool: &Pool) -> Option<f64> {
    let whole = pool.window.pad.iter().all(|it| *it == (0, 0));
    match &pool.pooling {
        Pooling::Average(Divisor::Fixed(count)) => Some(*count),
        Pooling::Average(_) if whole => Some(pool.window.size.iter().product::<usize>() as f64),
        _ => None,
    }
}
