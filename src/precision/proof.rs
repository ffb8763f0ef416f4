//! Whether the outputs are the model's own, to the last bit.
//!
//! Where quantizers of the model decide every format, what we compute is what the model means: exact
//! sums between casts. The framework computes them in float32, which agrees as long as no sum needs
//! more than 24 bits; both are looked at here, so that nobody has to trust it.

use std::fmt;

use super::{Formats, Role};
use crate::graph::NodeId;
use crate::layers::{Exactness, Layer, Merge};
use crate::nn;
use crate::units::Binary;

/// Whole numbers up to here are exact in float32.
const SINGLE: f64 = (1u32 << 24) as f64;

/// What is certain about the outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// They equal what the framework computes in float32, whatever the order of its sums.
    Framework,
    /// They are the model's exact values; in these layers float32 could round a sum.
    Exact(Vec<String>),
    /// These outputs are rounded to formats that are not the model's.
    Rounded(Vec<String>),
}

/// Judges a model; `None` if it has no quantizers, so that nothing was ever exact.
pub fn proof(graph: &nn::Graph, formats: &Formats) -> Option<Proof> {
    let order = graph.topo();
    let is_quantizer = |id: &NodeId| matches!(graph.node(*id).op, Layer::Quantizer(_));
    order.iter().find(|id| is_quantizer(id))?;
    let name = |id: &NodeId| graph.node(*id).name.clone();
    let rounded: Vec<String> =
        graph.outputs.iter().filter(|id| !formats.of(**id).exact).map(name).collect();
    if !rounded.is_empty() {
        return Some(Proof::Rounded(rounded));
    }
    let long: Vec<String> =
        order.iter().filter(|id| is_long(graph, formats, **id)).map(name).collect();
    Some(if long.is_empty() { Proof::Framework } else { Proof::Exact(long) })
}

/// Whether a sum of a layer may need more bits than a float32 has. Every partial sum is a multiple of
/// the accumulator's unit and at most the sum of all magnitudes.
fn is_long(graph: &nn::Graph, formats: &Formats, id: NodeId) -> bool {
    let node = graph.node(id);
    if node.op.exactness() != Exactness::Kept {
        return false;
    }
    let operands = graph.operands(id);
    let reach = |from: &NodeId| {
        let spans = formats.of(*from).spans.iter();
        spans.map(|it| it.lo.abs().max(it.hi.abs())).collect::<Vec<f64>>()
    };
    let inputs: Vec<Vec<f64>> = operands.iter().map(reach).collect();
    let sums: Vec<f64> = match &node.op {
        Layer::Dense(dense) => {
            let (n_in, n_out) = (dense.weights.shape()[0], dense.weights.shape()[1]);
            let rows = inputs[0].chunks(n_in);
            let sum = |row: &[f64], j: usize| {
                let bias = dense.bias.as_ref().map_or(0.0, |it| it[j].abs());
                bias + (0..n_in).map(|i| row[i] * dense.weights[[i, j]].abs()).sum::<f64>()
            };
            rows.flat_map(|row| (0..n_out).map(move |j| (row, j))).map(|(r, j)| sum(r, j)).collect()
        }
        Layer::BatchNorm(norm) => {
            let count = norm.scale.len();
            let one = |(at, x): (usize, &f64)| {
                x * norm.scale[at % count].abs() + norm.bias[at % count].abs()
            };
            inputs[0].iter().enumerate().map(one).collect()
        }
        Layer::Merge(Merge { op }) => {
            let largest = |it: &[f64]| it.iter().copied().fold(0.0, f64::max);
            let both = |a: f64, b: f64| match op {
                Binary::Add | Binary::Sub => a + b,
                Binary::Mul => a * b,
                Binary::Max | Binary::Min => 0.0,
            };
            match inputs[0].len() == inputs[1].len() {
                true => inputs[0].iter().zip(&inputs[1]).map(|(a, b)| both(*a, *b)).collect(),
                false => vec![both(largest(&inputs[0]), largest(&inputs[1]))],
            }
        }
        _ => return false,
    };
    let of = formats.of(id);
    let role = if of.types.contains_key(&Role::Accum) { Role::Accum } else { Role::Result };
    let unit = 2f64.powi(-of.format(role).frac());
    sums.into_iter().any(|it| it / unit > SINGLE)
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proof::Framework => f.write_str(
                "outputs are proved equal to the framework's: the model's quantizers decide every \
                 format, and no sum between them exceeds the 24 bits of a float32",
            ),
            Proof::Exact(layers) => write!(
                f,
                "outputs are exactly what the model's quantizers mean; the framework's float32 sums \
                 could round in {}",
                layers.join(", ")
            ),
            Proof::Rounded(outputs) => write!(
                f,
                "outputs are rounded to formats that the model's quantizers do not give: {}",
                outputs.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assign;
    use super::super::fixtures::Net;
    use super::*;
    use crate::config::Config;
    use crate::fixed::Format;
    use crate::layers::{Dense, Quantizer};
    use crate::passes;

    fn judged(weights: &[f64], quantized: bool, config: &str) -> Option<Proof> {
        let mut net = Net::new("x", &[2]);
        let lanes = vec![Some(Format::signed(12, 4)), Some(Format::signed(3, 1))];
        net.layer("iq", Quantizer { lanes });
        let weights = ndarray::Array2::from_shape_vec((2, 1), weights.to_vec()).unwrap().into_dyn();
        net.layer("fc", Dense { weights, bias: None, quantized });
        net.identity("last");
        let mut graph = net.finish();
        passes::run(&mut graph, &passes::Options::default());
        let (config, _) = Config::read("c.yml", config).unwrap();
        let formats = assign(&graph, &config, None).unwrap();
        proof(&graph, &formats)
    }

    #[test]
    fn short_sums_are_proved() {
        assert_eq!(judged(&[0.75, -3.0], true, "Model: {}"), Some(Proof::Framework));
    }

    #[test]
    fn long_sums_are_named() {
        // 2^11 units of the input times 2^16 of the weight.
        let weights = [1.0 + 1.0 / 65536.0, 0.5];
        assert_eq!(judged(&weights, true, "Model: {}"), Some(Proof::Exact(vec!["fc".into()])));
    }

    #[test]
    fn float_weights_and_the_users_types_end_it() {
        let rounded = Some(Proof::Rounded(vec!["fc".into()]));
        assert_eq!(judged(&[0.75, -3.0], false, "Model: {}"), rounded);
        let narrow = "LayerName: {fc: {Precision: {accum: 'fixed<6,4>'}}}";
        assert_eq!(judged(&[0.75, -3.0], true, narrow), rounded);
        let wide = "LayerName: {fc: {Precision: {accum: 'fixed<40,20>'}}}";
        assert_eq!(judged(&[0.75, -3.0], true, wide), Some(Proof::Framework));
    }

    #[test]
    fn a_model_without_quantizers_claims_nothing() {
        let mut net = Net::new("x", &[1]);
        net.dense("fc", &[&[1.0]], None);
        let graph = net.finish();
        let formats = assign(&graph, &Config::default(), None).unwrap();
        assert_eq!(proof(&graph, &formats), None);
    }
}
