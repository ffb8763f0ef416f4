//! Whether the outputs are the model's own, to the last bit.
//!
//! Where quantizers of the model decide every format, what we compute is what the model means: exact
//! sums between casts. The framework computes them in float32, which agrees as long as no sum needs
//! more than 24 bits, and no entry of a table lies where rounding turns. All of it is looked at here, so
//! that nobody has to trust it.

use std::fmt;

use super::{Formats, Role};
use crate::graph::NodeId;
use crate::layers::{
    BatchNorm, Conv, Dense, Divisor, Einsum, Exactness, Layer, Merge, Pool, Pooling, Reduce,
    Reduction,
};
use crate::nn;
use crate::source::Tensor;
use crate::units::Binary;

/// Whole numbers up to here are exact in float32.
const SINGLE: f64 = (1u32 << 24) as f64;

/// What is certain about the outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// They equal what the framework computes in float32, whatever the order of its sums.
    Framework,
    /// They are the model's exact values; in these layers float32 could round otherwise.
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

/// Whether float32 may give something else in a layer: a sum that needs more bits than it has, or a
/// table whose entries lie where rounding turns. Every partial sum is a multiple of the accumulator's
/// unit and at most the sum of all magnitudes.
fn is_long(graph: &nn::Graph, formats: &Formats, id: NodeId) -> bool {
    let node = graph.node(id);
    if let Layer::GridTable(table) = &node.op {
        return table.uncertain;
    }
    let kept = node.op.exactness() == Exactness::Kept;
    let Some(layer) = magnitudes(&node.op).filter(|_| kept) else { return false };
    let reach = |from: &NodeId| {
        let spans = formats.of(*from).spans.iter();
        let reach = spans.map(|it| it.lo.abs().max(it.hi.abs())).collect();
        Tensor::from_shape_vec(graph.node(*from).ty.0.clone(), reach).expect("a span an element")
    };
    let inputs: Vec<Tensor> = graph.operands(id).iter().map(reach).collect();
    let sums = layer.spec().eval(&inputs.iter().collect::<Vec<_>>());
    let of = formats.of(id);
    let role = if of.types.contains_key(&Role::Accum) { Role::Accum } else { Role::Result };
    let unit = 2f64.powi(-of.format(role).frac());
    sums.iter().any(|it| it / unit > SINGLE)
}

/// The layer that sums up all magnitudes, if the layer sums or multiplies.
fn magnitudes(op: &Layer) -> Option<Layer> {
    let abs = |it: &Tensor| it.mapv(f64::abs);
    Some(match op {
        Layer::Dense(it) => {
            let (weights, bias) = (abs(&it.weights), it.bias.as_ref().map(abs));
            Dense { weights, bias, ..*it }.into()
        }
        Layer::Conv(it) => {
            let (kernel, bias) = (abs(&it.kernel), it.bias.as_ref().map(abs));
            Conv { kernel, bias, ..it.clone() }.into()
        }
        Layer::BatchNorm(it) => {
            BatchNorm { scale: abs(&it.scale), bias: abs(&it.bias), ..it.clone() }.into()
        }
        Layer::Merge(Merge { op: Binary::Add | Binary::Sub }) => Merge { op: Binary::Add }.into(),
        Layer::Merge(Merge { op: Binary::Mul }) => op.clone(),
        Layer::Einsum(Einsum { kernel: None, .. })
        | Layer::Reduce(Reduce { reduction: Reduction::Sum, .. }) => op.clone(),
        Layer::Pool(Pool { pooling: Pooling::Average(_), window }) => {
            let (pooling, window) = (Pooling::Average(Divisor::Fixed(1.0)), window.clone());
            Pool { pooling, window }.into()
        }
        _ => return None,
    })
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
                "outputs are exactly what the model's quantizers mean; the framework's float32 could \
                 round otherwise in {}",
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
    use crate::layers::{Grid, GridTable, Quantizer};
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
    fn doubtful_tables_are_named() {
        for uncertain in [false, true] {
            let mut net = Net::new("x", &[1]);
            let format = Format::signed(4, 2);
            net.layer("iq", Quantizer { lanes: vec![Some(format)] });
            let tables = vec![Grid::over(Some(format), f64::abs)];
            net.layer("lut", GridTable { tables, of: vec![0], uncertain });
            let graph = net.finish();
            let formats = assign(&graph, &Config::default(), None).unwrap();
            let wanted =
                if uncertain { Proof::Exact(vec!["lut".into()]) } else { Proof::Framework };
            assert_eq!(proof(&graph, &formats), Some(Proof::Rounded(vec!["lut".into()])));
            let mut graph = graph;
            passes::run(&mut graph, &passes::Options::default());
            let formats = assign(&graph, &Config::default(), None).unwrap();
            assert_eq!(proof(&graph, &formats), Some(wanted));
        }
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
