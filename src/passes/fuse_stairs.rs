//! `float normalization -> ... -> quantizer` becomes one layer that is exact: `Stairs`.
//!
//! A normalization, a bias or a scale that no quantizer has put on a grid would be rounded in hardware.
//! Together with the quantizer behind it, it is a function with few steps, each of which can be placed
//! where the framework has it. Only where nothing else sees what is between and the user gave it no
//! type; with hls4ml's quirks on, nothing is fused, because hls4ml rounds the constants.
//!
//! A long bias of a layer with quantized weights is taken along.

use super::{Options, Pass};
use crate::graph::{Node, NodeId};
use crate::layers::{BatchNorm, Layer, Stairs};
use crate::nn::Graph;
use crate::nn::Tensor;

/// Fuses them.
pub(super) const PASS: Pass = Pass {
    name: "fuse_stairs",
    about: "make float constants in front of a quantizer and the quantizer one exact layer",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    if options.compat {
        return false;
    }
    let mut changed = false;
    for id in graph.topo() {
        // What has become part of a chain is gone.
        changed |= graph.contains(id) && fuse(graph, options, id);
    }
    changed
}

/// Whether the user said how the numbers of a layer are held.
fn is_typed(graph: &Graph, options: &Options, id: NodeId) -> bool {
    let name = &graph.node(id).name;
    options.pinned.contains(name) || options.typed.contains(name)
}

/// A layer whose weights are on a grid, without the long bias that it has, and the bias as a layer.
fn without_bias(layer: &Layer) -> Option<(Layer, BatchNorm)> {
    let mut layer = layer.clone();
    let own = match &mut layer {
        Layer::Dense(it) if it.quantized => &mut it.bias,
        Layer::Conv(it) if it.quantized => &mut it.bias,
        _ => return None,
    };
    let bias = own.take()?;
    let scale = Tensor::from_elem(bias.raw_dim(), 1.0);
    let norm = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false };
    norm.is_long().then_some((layer, norm))
}

/// What is in front of a quantizer and can be fused with it.
#[derive(Default)]
struct Chain {
    /// Layers that go away.
    inside: Vec<NodeId>,
    stages: Vec<Layer>,
    /// The layer in front of them, if it loses its bias to them.
    front: Option<Layer>,
}

fn chain(graph: &Graph, options: &Options, id: NodeId) -> Option<Chain> {
    if !Stairs::can_end(&graph.node(id).op) {
        return None;
    }
    let mut now = Chain { stages: vec![graph.node(id).op.clone()], ..Chain::default() };
    // A quantizer to whole numbers has no hardware of its own.
    let alone = matches!(&now.stages[0], Layer::FakeQuant(_));
    let mut found = alone.then(|| Chain { stages: now.stages.clone(), ..Chain::default() });
    while let [from] = graph.operands(*now.inside.last().unwrap_or(&id))[..] {
        let private = graph.users(from).len() == 1 && !graph.outputs.contains(&from);
        if !private {
            break;
        }
        let is_free = !is_typed(graph, options, from);
        let (layer, front) = match without_bias(&graph.node(from).op) {
            Some((front, bias))
                if !options.typed.contains(&graph.node(from).name)
                    && !options.loaded.contains(&graph.node(from).name) =>
            {
                (Layer::from(bias), Some(front))
            }
            _ if !is_free => break,
            _ => (graph.node(from).op.clone(), None),
        };
        // What is exact as it is stays as it is.
        let is_inexact = matches!(&layer, Layer::BatchNorm(it) if !it.quantized || it.is_long());
        now.stages.insert(0, layer);
        if Stairs::of(now.stages.clone()).is_none() {
            break;
        }
        let is_last = front.is_some();
        match front {
            None => now.inside.push(from),
            front => now.front = front,
        }
        if is_inexact {
            let Chain { inside, stages, front } = &now;
            let (inside, stages) = (inside.clone(), stages.clone());
            found = Some(Chain { inside, stages, front: front.clone() });
        }
        if is_last {
            break;
        }
    }
    found
}

/// Fuses what ends in a quantizer.
fn fuse(graph: &mut Graph, options: &Options, id: NodeId) -> bool {
    let Some(Chain { inside, stages, front }) = chain(graph, options, id) else { return false };
    let Some(stairs) = Stairs::of(stages) else { return false };
    let operands = graph.operands(*inside.last().unwrap_or(&id));
    if let (Some(layer), [from]) = (front, &operands[..]) {
        graph.node_mut(*from).op = layer;
    }
    let node = Node { op: Layer::from(stairs), ..graph.node(id).clone() };
    let made = graph.add(node, &operands);
    graph.replace_uses(id, made);
    graph.remove(id);
    inside.iter().for_each(|it| graph.remove(*it));
    true
}
