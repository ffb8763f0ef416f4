//! `dense -> batch_norm` becomes `dense` with `W' = W * scale`, `b' = b * scale + bias`.
//!
//! Also `dense -> add constant`, which is how ONNX writes a bias. Only where nothing else reads the
//! dense layer and the user gave neither layer a result type.

use ndarray::Axis;

use super::{Options, Pass};
use crate::graph::NodeId;
use crate::layers::{BatchNorm, Dense, Layer};
use crate::nn::Graph;

/// Folds scales and offsets into the dense layer in front of them.
pub(super) const PASS: Pass = Pass {
    name: "fuse_batch_norm",
    about: "fold batch normalizations and constant offsets into the dense layer in front",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        if let Some((dense, fused)) = fused(graph, options, id) {
            graph.node_mut(dense).op = fused.into();
            graph.replace_uses(id, dense);
            graph.remove(id);
            changed = true;
        }
    }
    changed
}

/// The dense layer in front of a batch normalization, and what it becomes.
fn fused(graph: &Graph, options: &Options, id: NodeId) -> Option<(NodeId, Dense)> {
    let Layer::BatchNorm(norm) = &graph.node(id).op else { return None };
    let before = graph.operands(id)[0];
    let Layer::Dense(dense) = &graph.node(before).op else { return None };
    let private = graph.users(before) == [id] && !graph.outputs.contains(&before);
    let free = [before, id].iter().all(|it| !options.pinned.contains(&graph.node(*it).name));
    // Scaled, quantized weights would have more bits than the normalization saves.
    (private && free && !dense.quantized).then(|| (before, fold(dense, norm)))
}

fn fold(dense: &Dense, norm: &BatchNorm) -> Dense {
    let n_out = dense.weights.len_of(Axis(1));
    let along = |it: &ndarray::ArrayD<f64>| {
        it.broadcast(n_out).expect("infer checked the channels").to_owned()
    };
    let (scale, offset) = (along(&norm.scale), along(&norm.bias));
    let weights = &dense.weights * &scale;
    let bias = match &dense.bias {
        Some(bias) => (bias * &scale + &offset).into_dyn(),
        None => offset.into_dyn(),
    };
    Dense { weights, bias: Some(bias), quantized: false }
}
