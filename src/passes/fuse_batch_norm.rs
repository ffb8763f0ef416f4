//! `dense -> batch_norm` becomes `dense` with `W' = W * scale`, `b' = b * scale + bias`; so do
//! convolutions.
//!
//! Also `dense -> add constant`, which is how ONNX writes a bias. Only where nothing else reads the
//! layer in front and the user gave neither layer a result type.
//!
//! hls4ml multiplies a depthwise kernel `[taps, channels, 1]` by the scales as if its last axis were
//! the channels, and its hardware reads the front of what comes out: tap `k` of channel `c` becomes the
//! `k`-th value of the kernel, whatever its channel, times the scale of `c`. `Compat: hls4ml` does so.

use ndarray::Axis;

use super::{Options, Pass};
use crate::graph::NodeId;
use crate::layers::{BatchNorm, Layer};
use crate::nn::{Graph, Tensor};

/// Folds scales and offsets into the dense layer or convolution in front of them.
pub(super) const PASS: Pass = Pass {
    name: "fuse_batch_norm",
    about: "fold batch normalizations and constant offsets into the layer in front",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        if let Some((before, fused)) = fused(graph, options, id) {
            graph.node_mut(before).op = fused;
            graph.replace_uses(id, before);
            graph.remove(id);
            changed = true;
        }
    }
    changed
}

/// The layer in front of a batch normalization, and what it becomes.
fn fused(graph: &Graph, options: &Options, id: NodeId) -> Option<(NodeId, Layer)> {
    let Layer::BatchNorm(norm) = &graph.node(id).op else { return None };
    let before = graph.operands(id)[0];
    let mut layer = graph.node(before).op.clone();
    let (weights, bias, quantized) = match &mut layer {
        Layer::Dense(it) => (&mut it.weights, &mut it.bias, it.quantized),
        Layer::Conv(it) => (&mut it.kernel, &mut it.bias, it.quantized),
        _ => return None,
    };
    let private = graph.users(before) == [id] && !graph.outputs.contains(&before);
    let free = [before, id].iter().all(|it| !options.pinned.contains(&graph.node(*it).name));
    // Scaled, quantized weights would have more bits than the normalization saves.
    if !private || !free || quantized {
        return None;
    }
    fold(weights, bias, norm);
    if let (true, Layer::Conv(it), Layer::Conv(plain)) =
        (options.compat, &mut layer, &graph.node(before).op)
        && it.is_depthwise()
        && it.groups == it.bias.as_ref().map_or(0, |bias| bias.len())
    {
        fold_from_the_front(&mut it.kernel, &plain.kernel, &norm.scale);
    }
    Some((before, layer))
}

/// Scales output channels, which are on the last axis of all weights.
fn fold(weights: &mut Tensor, bias: &mut Option<Tensor>, norm: &BatchNorm) {
    let n_out = weights.len_of(Axis(weights.ndim() - 1));
    let along = |it: &Tensor| it.broadcast(n_out).expect("infer checked the channels").to_owned();
    let (scale, offset) = (along(&norm.scale), along(&norm.bias));
    *weights *= &scale;
    *bias = Some(match bias {
        Some(bias) => (&*bias * &scale + &offset).into_dyn(),
        None => offset.into_dyn(),
    });
}

/// What hls4ml makes of a depthwise kernel, whose channels are on the last axis here.
fn fold_from_the_front(fused: &mut Tensor, plain: &Tensor, scale: &Tensor) {
    let n_out = fused.len_of(Axis(fused.ndim() - 1));
    let scale = scale.broadcast(n_out).expect("infer checked the channels").to_owned();
    let taps = fused.len() / n_out.max(1);
    let front: Vec<f64> = plain.iter().take(taps).copied().collect();
    for (at, value) in fused.iter_mut().enumerate() {
        *value = front[at / n_out] * scale[at % n_out];
    }
}
