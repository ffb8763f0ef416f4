//! Whether the outputs are the model's own, to the last bit.
//!
//! Where quantizers of the model decide every format, what we compute is what the model means: exact
//! sums between casts. The framework computes them in float32, which agrees as long as no sum needs
//! more than 24 bits, and no entry of a table lies where rounding turns. All of it is looked at here, so
//! that nobody has to trust it.

use std::fmt;

use super::{Formats, Role};
use crate::config::Weights;
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

/// What is certain about the outputs, and where it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The first layers on the way to the outputs that round to formats which are not the model's.
    pub rounded: Vec<String>,
    /// Layers in front of them whose sums float32 could round.
    pub long: Vec<String>,
    /// Layers in front of them whose float32 arithmetic has been reproduced for every value.
    pub single: Vec<String>,
    /// Inputs that are on a grid which the model does not say, with its format.
    pub ports: Vec<String>,
}

impl Proof {
    /// Whether the outputs equal what the framework computes in float32, whatever the order of its
    /// sums.
    pub fn is_complete(&self) -> bool {
        self.rounded.is_empty() && self.long.is_empty()
    }
}

/// Judges a model; `None` if it has no quantizers, so that nothing was ever exact, or weights that can
/// become any others.
pub fn proof(graph: &nn::Graph, formats: &Formats) -> Option<Proof> {
    let order = graph.topo();
    if order.iter().any(|id| formats.of(*id).settings.weights == Weights::Runtime) {
        return None;
    }
    order.iter().find(|id| graph.node(**id).op.is_quantizer())?;
    let exact = |id: &NodeId| formats.of(*id).exact;
    let name = |id: &NodeId| graph.node(*id).name.clone();
    let named = |judge: &dyn Fn(&NodeId) -> bool| -> Vec<String> {
        order.iter().filter(|id| judge(id)).map(name).collect()
    };
    let is_port = |id: &NodeId| graph.inputs.contains(id);
    let on_own = |id: &NodeId| graph.node(*id).op.exactness() != Exactness::Given;
    let told = |id: &NodeId| format!("{} ({})", name(id), formats.of(*id).format(Role::Result));
    Some(Proof {
        rounded: named(&|id| !exact(id) && graph.operands(*id).iter().all(exact)),
        long: named(&|id| {
            // A framework multiplies by the scale first and rounds what it sums.
            let scaled = formats.scaled.contains(&name(id));
            exact(id) && (scaled || is_long(graph, formats, *id))
        }),
        single: named(&|id| exact(id) && is_single(graph, formats, *id)),
        ports: order.iter().filter(|id| is_port(id) && on_own(id) && exact(id)).map(told).collect(),
    })
}

/// Whether a layer steps where float32 arithmetic does.
fn is_single(graph: &nn::Graph, formats: &Formats, id: NodeId) -> bool {
    let (Layer::Stairs(stairs), [from]) = (&graph.node(id).op, &graph.operands(id)[..]) else {
        return false;
    };
    let from = formats.of(*from);
    stairs.is_single(&from.spans, from.format(Role::Result).frac())
}

/// Whether float32 may give something else in a layer: a sum that needs more bits than it has, or a
/// table whose entries lie where rounding turns. Every partial sum is a multiple of the accumulator's
/// unit and at most the sum of all magnitudes.
fn is_long(graph: &nn::Graph, formats: &Formats, id: NodeId) -> bool {
    let node = graph.node(id);
    if let Layer::GridTable(table) = &node.op {
        return table.uncertain;
    }
    // What the user has written in C++ is nothing that a framework computes.
    if matches!(&node.op, Layer::External(_)) {
        return true;
    }
    // Frameworks multiply weights by their scales first.
    if matches!(&node.op, Layer::Stairs(it) if it.has_weights()) {
        return true;
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
            Dense { weights: weights.into(), bias, ..*it }.into()
        }
        Layer::Conv(it) => {
            let (kernel, bias) = (abs(&it.kernel), it.bias.as_ref().map(abs));
            Conv { kernel: kernel.into(), bias, ..it.clone() }.into()
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

impl Proof {
    /// What makes the claim true beside the quantizers.
    fn conditions(&self) -> String {
        let mut text = String::new();
        if !self.single.is_empty() {
            text += "; the float32 arithmetic of ";
            text += &self.single.join(", ");
            text += " is reproduced for every value that can reach it";
        }
        if !self.ports.is_empty() {
            text += "; inputs are taken to be values of ";
            text += &self.ports.join(", ");
        }
        text
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions = self.conditions();
        let long = self.long.join(", ");
        if !self.rounded.is_empty() {
            let rounded = self.rounded.join(", ");
            write!(
                f,
                "outputs are rounded to formats that the model's quantizers do not give, in "
            )?;
            return match self.long.is_empty() {
                true => write!(
                    f,
                    "{rounded}; everything in front is proved equal to the framework's{conditions}"
                ),
                false => write!(
                    f,
                    "{rounded}; everything in front is exactly what the model's quantizers mean, \
                     the framework's float32 could round otherwise in {long}{conditions}"
                ),
            };
        }
        match self.long.is_empty() {
            true => write!(
                f,
                "outputs are proved equal to the framework's: the model's quantizers decide every \
                 format, and no sum between them exceeds the 24 bits of a float32{conditions}"
            ),
            false => write!(
                f,
                "outputs are exactly what the model's quantizers mean; the framework's float32 could \
                 round otherwise in {long}{conditions}"
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
        net.layer("fc", Dense { weights: weights.into(), bias: None, quantized });
        net.identity("last");
        let mut graph = net.finish();
        passes::run(&mut graph, &passes::Options::default());
        let (config, _) = Config::read("c.yml", config).unwrap();
        let formats = assign(&graph, &config, None).unwrap();
        proof(&graph, &formats)
    }

    #[test]
    fn short_sums_are_proved() {
        assert_eq!(judged(&[0.75, -3.0], true, "Model: {}"), Some(Proof::default()));
    }

    #[test]
    fn long_sums_are_named() {
        // 2^11 units of the input times 2^16 of the weight.
        let weights = [1.0 + 1.0 / 65536.0, 0.5];
        let long = Proof { long: vec!["fc".into()], ..Proof::default() };
        assert!(!long.is_complete());
        assert_eq!(judged(&weights, true, "Model: {}"), Some(long));
    }

    #[test]
    fn doubtful_tables_are_named() {
        for uncertain in [false, true] {
            let mut net = Net::new("x", &[1]);
            let format = Format::signed(4, 2);
            net.layer("iq", Quantizer { lanes: vec![Some(format)] });
            let tables = vec![Grid::over(Some(format), |x| x.abs() as f32)];
            net.layer("lut", GridTable { tables, of: vec![0], uncertain });
            let graph = net.finish();
            let formats = assign(&graph, &Config::default(), None).unwrap();
            let wanted = Proof {
                long: uncertain.then(|| "lut".into()).into_iter().collect(),
                ..Proof::default()
            };
            let ports = vec!["x (fixed<16,6>)".into()];
            assert_eq!(proof(&graph, &formats), Some(Proof { ports, ..wanted.clone() }));
            let mut graph = graph;
            passes::run(&mut graph, &passes::Options::default());
            let formats = assign(&graph, &Config::default(), None).unwrap();
            assert_eq!(proof(&graph, &formats), Some(wanted));
        }
    }

    #[test]
    fn float_weights_and_the_users_types_end_it() {
        let rounded = Some(Proof { rounded: vec!["fc".into()], ..Proof::default() });
        assert_eq!(judged(&[0.75, -3.0], false, "Model: {}"), rounded);
        let narrow = "LayerName: {fc: {Precision: {accum: 'fixed<6,4>'}}}";
        assert_eq!(judged(&[0.75, -3.0], true, narrow), rounded);
        let wide = "LayerName: {fc: {Precision: {accum: 'fixed<40,20>'}}}";
        assert_eq!(judged(&[0.75, -3.0], true, wide), Some(Proof::default()));
    }

    #[test]
    fn a_float_normalization_is_reproduced_and_a_softmax_named() {
        let mut net = Net::new("x", &[2]);
        let weights = ndarray::Array2::from_elem((2, 2), 0.75).into_dyn();
        let bias = Some(ndarray::arr1(&[0.1f32, -0.3].map(f64::from)).into_dyn());
        net.layer("fc", Dense { weights: weights.into(), bias, quantized: true });
        net.batch_norm("bn", &[0.7, -0.9], &[0.2, 0.1]);
        let lanes = vec![Some(Format::signed(5, 2).rounded()); 2];
        net.layer("quant", Quantizer { lanes });
        net.layer("softmax", crate::layers::Softmax { group: 2, hidden: None });
        let mut graph = net.finish();
        let options = passes::Options::default();
        assert_eq!(passes::run(&mut graph, &options), ["bn"]);
        let formats = assign(&graph, &Config::default(), None).unwrap();
        let found = proof(&graph, &formats).unwrap();
        let expected = Proof {
            rounded: vec!["softmax".into()],
            single: vec!["quant".into()],
            ports: vec!["x (fixed<16,6>)".into()],
            ..Proof::default()
        };
        assert_eq!(found, expected);
        let told = found.to_string();
        assert!(told.contains("in softmax; everything in front is proved equal"), "{told}");
        assert!(told.contains("float32 arithmetic of quant is reproduced"), "{told}");
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
