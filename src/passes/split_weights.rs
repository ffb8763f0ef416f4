//! `dense` or `convolution` with weights that a quantizer of any scale has made becomes the same with
//! whole numbers, and a scale and the bias behind it.

use super::split_quantizers::alpha;
use super::{Options, Pass, edit, lattice};
use crate::layers::{BatchNorm, Layer};
use crate::nn::{Graph, Tensor};
use crate::precision::auto;

/// Takes the scales of weights out.
pub(super) const PASS: Pass = Pass {
    name: "split_weights",
    about: "take the scales of quantized weights out: whole numbers, a scale",
    run,
};

/// Weights with fewer bits are as good as whole numbers.
const NARROW: u32 = 20;

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        let node = graph.node(id);
        if !options.splits(&node.name) {
            continue;
        }
        if let Some((layer, norm)) = split(&node.op) {
            let operands = graph.operands(id);
            edit::replace(graph, id, &operands, vec![("", layer), ("scale", norm.into())]);
            changed = true;
        }
    }
    changed
}

fn split(layer: &Layer) -> Option<(Layer, BatchNorm)> {
    let mut layer = layer.clone();
    let (weights, bias) = parts(&mut layer)?;
    let is_wide = |it: &Tensor| auto::grid(Some(it)).format.width > NARROW;
    let scales = match is_wide(weights) {
        true => {
            let found = lattice::codes(weights)?;
            *weights = found.codes;
            found.scales
        }
        // A bias that no quantizer has made would make the sum as wide as itself.
        false if bias.as_ref().is_some_and(is_wide) => ndarray::arr1(&[1.0]).into_dyn(),
        false => return None,
    };
    let norm = behind(scales, bias.take());
    Some((layer, norm))
}

/// Weights and bias of a layer whose weights are on a grid.
pub(super) fn parts(layer: &mut Layer) -> Option<(&mut Tensor, &mut Option<Tensor>)> {
    match layer {
        Layer::Dense(it) if it.quantized => Some((&mut it.weights, &mut it.bias)),
        Layer::Conv(it) if it.quantized => Some((&mut it.kernel, &mut it.bias)),
        _ => None,
    }
}

/// A scale, and a bias if there is one.
pub(super) fn behind(scale: Tensor, bias: Option<Tensor>) -> BatchNorm {
    let Some(bias) = bias else { return alpha(scale) };
    let count = scale.len().max(bias.len());
    let along =
        |it: &Tensor| it.broadcast(count).expect("one, or one a channel").to_owned().into_dyn();
    BatchNorm { scale: along(&scale), bias: along(&bias), kind: "ApplyAlpha", quantized: false }
}
