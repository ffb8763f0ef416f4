//! HGQ2's layers taken apart: the quantizers of the inputs and of the output become nodes of their own.
//!
//! `iq` works on what the layer reads, `oq` on what its activation gives; both are nodes `Quantizer`
//! with the configuration in `config` and the variables `k`, `i` and `f` (or `b`) as weights, which is
//! what HGQ2's own layer of that name looks like. Quantizers of weights stay with their layer.

use std::collections::BTreeMap;

use crate::source::{Attr, Tensor};

/// Layers whose input quantizers stand before everything else that they do.
const LAYERS: [&str; 30] = [
    "QDense",
    "QConv1D",
    "QConv2D",
    "QConv3D",
    "QEinsumDense",
    "QEinsumDenseBatchnorm",
    "QBatchNormDense",
    "QBatchNormalization",
    "QAdd",
    "QSubtract",
    "QMultiply",
    "QMaximum",
    "QMinimum",
    "QAveragePow2",
    "QDot",
    "QEinsum",
    "QSum",
    "QMeanPow2",
    "QMaxPooling1D",
    "QMaxPooling2D",
    "QMaxPooling3D",
    "QAveragePooling1D",
    "QAveragePooling2D",
    "QAveragePooling3D",
    "QGlobalMaxPooling1D",
    "QGlobalMaxPooling2D",
    "QGlobalMaxPooling3D",
    "QGlobalAveragePooling1D",
    "QGlobalAveragePooling2D",
    "QGlobalAveragePooling3D",
];

/// Layers that keep their quantizers, of which QKeras has the names too.
const WHOLE: [&str; 2] = ["QGRU", "QSimpleRNN"];

/// The quantizer of HGQ 1, which is in nothing but proxy models.
pub(super) const PROXY: &str = "FixedPointQuantizer";

/// Whether a layer of a proxy model has weights that must be kept as they are.
pub(super) fn has_grid(op: &str) -> bool {
    let classes = ["Dense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"];
    classes.contains(&op)
}

/// A quantizer on its own.
pub(super) struct Stage {
    /// Its configuration, under `config`.
    pub(super) attrs: BTreeMap<String, Attr>,
    /// Its variables.
    pub(super) weights: BTreeMap<String, Tensor>,
}

/// The quantizers around a layer.
#[derive(Default)]
pub(super) struct Stages {
    /// One for each input, or none.
    pub(super) inputs: Vec<Stage>,
    /// That of the output.
    pub(super) output: Option<Stage>,
}

/// Takes the outer quantizers out of a layer with `inputs` inputs.
pub(super) fn take(
    op: &str,
    attrs: &mut BTreeMap<String, Attr>,
    weights: &mut BTreeMap<String, Tensor>,
    inputs: usize,
) -> Stages {
    if !LAYERS.contains(&op) || !is_hgq(attrs) {
        return Stages::default();
    }
    let (enable_iq, iq) = (attrs.remove("enable_iq"), attrs.remove("iq_conf"));
    let (enable_oq, oq) = (attrs.remove("enable_oq"), attrs.remove("oq_conf"));
    // Layers of several inputs have a list.
    let iqs = attrs.remove("iq_confs");
    let on = |flag: Option<Attr>| flag == Some(Attr::Bool(true));
    let mut stage = |conf: Option<Attr>, prefix: &str| Stage {
        attrs: BTreeMap::from([("config".to_owned(), conf.unwrap_or(Attr::Null))]),
        weights: below(weights, prefix),
    };
    let count = if on(enable_iq) { inputs } else { 0 };
    let mut confs: Vec<Attr> = match (iqs, iq) {
        (Some(Attr::List(confs)), _) => confs,
        (_, iq) => iq.into_iter().cycle().take(count).collect(),
    };
    confs.reverse();
    let prefix = |at: usize| if inputs == 1 { "iq/".to_owned() } else { format!("iq/{at}/") };
    Stages {
        inputs: (0..count).map(|at| stage(confs.pop(), &prefix(at))).collect(),
        output: on(enable_oq).then(|| stage(oq, "oq/")),
    }
}

/// What a class is called as an operation: QKeras has classes of the same names.
pub(super) fn name(op: &str, attrs: &BTreeMap<String, Attr>) -> String {
    match (LAYERS.contains(&op) || WHOLE.contains(&op)) && !is_hgq(attrs) {
        true => format!("qkeras.{op}"),
        false => op.to_owned(),
    }
}

/// Whether HGQ2 0.2 itself does not read a part of a layer's file: before, the softmax of an attention
/// had a quantizer for its input; whether a simple cell quantizes its state is not saved, so that a
/// cell that is loaded does not. What nobody reads is warned of. Parts are paths or roles.
pub(super) fn is_unread(op: &str, part: &str) -> bool {
    let part = part.trim_start_matches('_').trim_start_matches("cell/");
    match op {
        "QMultiHeadAttention" | "QLinformerAttention" => part.starts_with("softmax/iq/"),
        "QSimpleRNN" => part.starts_with("sq/"),
        _ => false,
    }
}

/// The role of a weight that is filed by the names of layers inside of a layer of HGQ2, which are
/// numbered through the whole model: their order counts. `seen` are the layers met so far.
pub(super) fn by_name(op: &str, role: String, seen: &mut Vec<String>) -> String {
    let mut parts: Vec<&str> = role.split('/').collect();
    let mut number = |name: &str| {
        let known = seen.iter().position(|it| it == name);
        known.unwrap_or_else(|| {
            seen.push(name.to_owned());
            seen.len() - 1
        })
    };
    let at;
    match op {
        "QMultiHeadAttention" | "QLinformerAttention" if parts[0].starts_with("q_softmax") => {
            parts[0] = "softmax";
        }
        "QLinformerAttention" if parts[0].starts_with("q_einsum_dense") => {
            parts[0] = if number(parts[0]) == 0 { "lin_k_proj" } else { "lin_v_proj" };
        }
        "QDenseT" | "QEinsumDenseT" | "QConvT1D" | "QConvT2D" => match (parts[0], parts.len()) {
            (first, 3) if first.starts_with("sequential") => {
                at = number(parts[1]).to_string();
                (parts[0], parts[1]) = ("module", &at);
            }
            (first, _) if first.starts_with("quantizer") => parts[0] = "toq",
            (first, _) if first.starts_with("batch_normalization") => parts[0] = "bn_module",
            _ => {}
        },
        _ => {}
    }
    parts.join("/")
}

/// Whether a configuration is one of HGQ2.
fn is_hgq(attrs: &BTreeMap<String, Attr>) -> bool {
    attrs.contains_key("enable_iq")
}

/// Takes out the weights below a prefix.
fn below(weights: &mut BTreeMap<String, Tensor>, prefix: &str) -> BTreeMap<String, Tensor> {
    let here = |it: &String| it.strip_prefix(prefix).map(str::to_owned);
    let keys: Vec<_> = weights.keys().filter_map(|it| Some((it.clone(), here(it)?))).collect();
    keys.into_iter().filter_map(|(key, name)| Some((name, weights.remove(&key)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(stage: &Stage) -> Vec<&str> {
        stage.weights.keys().map(String::as_str).collect()
    }

    fn weights(names: &[&str]) -> BTreeMap<String, Tensor> {
        names.iter().map(|it| ((*it).to_owned(), Tensor::zeros(vec![1]))).collect()
    }

    fn attrs(oq: bool) -> BTreeMap<String, Attr> {
        let (iq_conf, oq_conf) = (Attr::Str("in".into()), Attr::Str("out".into()));
        BTreeMap::from([
            ("enable_iq".to_owned(), Attr::Bool(true)),
            ("iq_conf".to_owned(), iq_conf),
            ("enable_oq".to_owned(), Attr::Bool(oq)),
            ("oq_conf".to_owned(), if oq { oq_conf } else { Attr::Null }),
            ("units".to_owned(), Attr::Int(3)),
        ])
    }

    #[test]
    fn outer_quantizers_leave_the_layer() {
        let mut attrs = attrs(true);
        let mut weights = weights(&["kernel", "kq/b", "iq/k", "iq/f", "oq/k"]);
        let stages = take("QDense", &mut attrs, &mut weights, 1);
        assert_eq!(attrs.keys().collect::<Vec<_>>(), ["units"]);
        assert_eq!(weights.keys().collect::<Vec<_>>(), ["kernel", "kq/b"]);
        assert_eq!(names(&stages.inputs[0]), ["f", "k"]);
        let output = stages.output.unwrap();
        assert_eq!(names(&output), ["k"]);
        assert_eq!(output.attrs["config"], Attr::Str("out".into()));
    }

    #[test]
    fn every_input_has_its_own() {
        let (mut attrs, mut weights) = (attrs(false), weights(&["iq/0/k", "iq/1/f"]));
        let confs = ["a", "b"].map(|it| Attr::Str(it.into()));
        attrs.insert("iq_confs".to_owned(), Attr::List(confs.to_vec()));
        let stages = take("QAdd", &mut attrs, &mut weights, 2);
        assert_eq!(stages.inputs.iter().map(names).collect::<Vec<_>>(), [["k"], ["f"]]);
        let found: Vec<_> = stages.inputs.iter().map(|it| it.attrs["config"].clone()).collect();
        assert_eq!(found, confs);
        assert!(stages.output.is_none() && weights.is_empty());
    }

    #[test]
    fn what_hgq_leaves_is_left() {
        assert!(is_unread("QMultiHeadAttention", "_softmax/iq/quantizer"));
        assert!(!is_unread("QMultiHeadAttention", "_softmax/oq/quantizer"));
        assert!(is_unread("QSimpleRNN", "cell/sq/quantizer"));
        assert!(
            is_unread("QSimpleRNN", "sq/k") && is_unread("QLinformerAttention", "softmax/iq/k")
        );
        assert!(!is_unread("QGRU", "cell/sq/quantizer"));
    }

    #[test]
    fn numbered_layers_inside_are_told_by_their_order() {
        let mut seen = Vec::new();
        let mut role = |op: &str, role: &str| by_name(op, role.to_owned(), &mut seen);
        let linear = "QLinformerAttention";
        assert_eq!(role(linear, "q_softmax_3/inv_table/oq/k"), "softmax/inv_table/oq/k");
        assert_eq!(role(linear, "q_einsum_dense_9/kernel"), "lin_k_proj/kernel");
        assert_eq!(role(linear, "q_einsum_dense_10/iq/k"), "lin_v_proj/iq/k");
        assert_eq!(role(linear, "q_einsum_dense_9/iq/k"), "lin_k_proj/iq/k");
        assert_eq!(role(linear, "query/kernel"), "query/kernel");
        let mut seen = Vec::new();
        let mut role = |role: &str| by_name("QConvT2D", role.to_owned(), &mut seen);
        assert_eq!(role("sequential_3/einsum_dense_7/kernel"), "module/0/kernel");
        assert_eq!(role("sequential_3/einsum_dense_8/kernel"), "module/1/kernel");
        assert_eq!(role("sequential_3/einsum_dense_7/bias"), "module/0/bias");
        assert_eq!(role("quantizer_3/k"), "toq/k");
        assert_eq!(role("batch_normalization_2/gamma"), "bn_module/gamma");
        assert_eq!(role("iq/k"), "iq/k");
    }

    #[test]
    fn qkeras_and_unknown_layers_are_left_alone() {
        let (mut attrs, mut weights) = (attrs(true), weights(&["iq/k"]));
        assert!(take("QSoftmax", &mut attrs, &mut weights, 1).inputs.is_empty());
        let mut qkeras = BTreeMap::from([("kernel_quantizer".to_owned(), Attr::Null)]);
        assert!(take("QDense", &mut qkeras, &mut weights, 1).inputs.is_empty());
        assert_eq!(name("QDense", &qkeras), "qkeras.QDense");
        assert_eq!(name("QDense", &attrs), "QDense");
        assert_eq!(name("Dense", &qkeras), "Dense");
        assert_eq!(name("QGRU", &qkeras), "qkeras.QGRU");
        assert_eq!(name("QGRU", &attrs), "QGRU");
        assert_eq!((attrs.len(), weights.len()), (5, 1));
    }
}
