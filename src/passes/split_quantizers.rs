//! `quantizer` of any scale becomes whole numbers and a scale behind them.
//!
//! A quantizer whose scale is a power of two and whose range is that of a format becomes a cast, if it is
//! not one already. `QuantizeLinear`, limits to its codes and `DequantizeLinear` are one quantizer.

use super::{Options, Pass, edit, sink_permutes::one};
use crate::graph::NodeId;
use crate::layers::fake_quant::{FakeQuant, Law, Nearest};
use crate::layers::{BatchNorm, Clip, Layer, Quantizer, Relu};
use crate::nn::Tensor;
use crate::nn::{Graph, Shape};

/// Takes quantizers apart.
pub(super) const PASS: Pass =
    Pass { name: "split_quantizers", about: "take quantizers apart: whole numbers, a scale", run };

/// Layers, each behind the one before.
type Row = Vec<(&'static str, Layer)>;

/// Largest size of a whole number that every float holds.
const MOST: f64 = (1u32 << 24) as f64;

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        if options.pinned.contains(&graph.node(id).name) {
            continue;
        }
        let found = whole(graph, id).and_then(|(quantizer, operand)| {
            Some((split(&quantizer, &graph.node(id).ty)?, operand))
        });
        if let Some((row, operand)) = found.or_else(|| half(graph, id)) {
            edit::replace(graph, id, &[operand], row);
            changed = true;
        }
    }
    changed
}

/// A quantizer that ends in a node, and what it reads.
fn whole(graph: &Graph, id: NodeId) -> Option<(FakeQuant, NodeId)> {
    let Layer::FakeQuant(last) = &graph.node(id).op else { return None };
    if matches!(last.law, Law::Integer { .. }) {
        return Some((last.clone(), graph.operands(id)[0]));
    }
    let Law::Values = last.law else { return None };
    let (mut min, mut max) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut at = graph.operands(id)[0];
    loop {
        match &graph.node(at).op {
            // The limits behind count where limits cross.
            Layer::Clip(Clip { min: lo, max: hi }) => {
                (min, max) = (lo.clamp(min, max), hi.clamp(min, max))
            }
            Layer::Relu(Relu { max: hi }) => {
                (min, max) = (0f64.clamp(min, max), hi.unwrap_or(f64::INFINITY).clamp(min, max));
            }
            Layer::FakeQuant(first) => {
                return joined(first, last, (min, max)).map(|it| (it, graph.operands(at)[0]));
            }
            _ => return None,
        }
        at = graph.operands(at)[0];
    }
}

/// Half of a quantizer that stands alone, with a power of two as its scale.
fn half(graph: &Graph, id: NodeId) -> Option<(Row, NodeId)> {
    let Layer::FakeQuant(layer) = &graph.node(id).op else { return None };
    let scale = one(&layer.scale).filter(|it| Quantizer::exponent(*it).is_some())?;
    if one(&layer.zero) != Some(0.0) {
        return None;
    }
    let factor = |it: f64| Layer::from(alpha(ndarray::arr1(&[it]).into_dyn()));
    let row = match layer.law {
        Law::Values => vec![("", factor(scale))],
        Law::Codes { low, high } => {
            let is_limit =
                |it: &Layer| matches!(it, Layer::Clip(_) | Layer::Relu(_) | Layer::FakeQuant(_));
            if graph.users(id).iter().any(|it| is_limit(&graph.node(*it).op)) {
                return None;
            }
            let format = Quantizer::format((low, high), 1.0, Nearest::HalfEven)?;
            let lanes = vec![Some(format); graph.node(id).ty.elements()];
            vec![("scaled", factor(1.0 / scale)), ("", Quantizer { lanes }.into())]
        }
        _ => return None,
    };
    Some((row, graph.operands(id)[0]))
}

/// Both halves as one quantizer whose zero is zero.
fn joined(first: &FakeQuant, last: &FakeQuant, (min, max): (f64, f64)) -> Option<FakeQuant> {
    let Law::Codes { low, high } = first.law else { return None };
    let zero = one(&first.zero)?;
    if first.scale != last.scale || one(&last.zero) != Some(zero) {
        return None;
    }
    let law = Law::Integer {
        low: low.clamp(min, max) - zero,
        high: high.clamp(min, max) - zero,
        nearest: Nearest::HalfEven,
    };
    Some(FakeQuant { law, scale: first.scale.clone(), zero: ndarray::arr0(0.0).into_dyn() })
}

/// What a quantizer becomes.
fn split(layer: &FakeQuant, shape: &Shape) -> Option<Row> {
    let Law::Integer { low, high, nearest } = layer.law else { return None };
    let zero = one(&layer.zero).filter(|it| it.fract() == 0.0)?;
    if [low - zero, high - zero].iter().any(|it| it.abs() > MOST) {
        return None;
    }
    if let (Some(scale), 0.0) = (one(&layer.scale), zero)
        && let Some(format) = Quantizer::format((low, high), scale, nearest)
    {
        let lanes = vec![Some(format); shape.elements()];
        return Some(vec![("", Quantizer { lanes }.into())]);
    }
    let scale = per_channel(&layer.scale, shape)?;
    let codes = FakeQuant { law: Law::Whole { low, high, nearest }, ..layer.clone() };
    Some(vec![("", codes.into()), ("scale", alpha(scale).into())])
}

/// Scales as one number, or as a list for the last axis.
fn per_channel(scale: &Tensor, shape: &Shape) -> Option<Tensor> {
    if let Some(one) = one(scale) {
        return Some(ndarray::arr1(&[one]).into_dyn());
    }
    let flat: Vec<f64> = scale.iter().copied().collect();
    let along = scale.shape().last() == Some(&flat.len()) && flat.len() == shape.last();
    along.then(|| ndarray::Array1::from(flat).into_dyn())
}

/// A layer that multiplies; exact where the factors are powers of two.
pub(super) fn alpha(scale: Tensor) -> BatchNorm {
    let quantized = scale.iter().all(|it| it.log2().fract() == 0.0);
    let bias = scale.mapv(|_| 0.0);
    BatchNorm { scale, bias, kind: "ApplyAlpha", quantized }
}
