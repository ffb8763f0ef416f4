//! Imports of HGQ2's layers: what is refused and why, what comes out.

use std::collections::BTreeMap;

use ndarray::{arr0, arr1, arr2};

use super::super::{Layer, import};
use crate::nn::Graph;
use crate::source::{Attr, Attrs, Dialect, RawInput, RawModel, RawNode, Tensor};

fn map(entries: &[(&str, Attr)]) -> Attr {
    Attr::Map(entries.iter().map(|(key, it)| ((*key).to_owned(), it.clone())).collect())
}

fn word(it: &str) -> Attr {
    Attr::Str(it.to_owned())
}

/// A configuration of a quantizer with these entries added.
fn conf(q_type: &str, overflow: &str, more: &[(&str, Attr)]) -> Attr {
    let base = [
        ("q_type", word(q_type)),
        ("place", word("datalane")),
        ("round_mode", word("RND")),
        ("overflow_mode", word(overflow)),
        ("i_decay_speed", Attr::Float(0.01)),
        ("is_weight", Attr::Bool(false)),
        ("trainable", Attr::Bool(true)),
    ];
    let config = map(&[&base[..], more].concat());
    map(&[("class_name", word("QuantizerConfig")), ("config", config)])
}

/// A node with its configuration and weights, two inputs wide.
fn node(op: &str, attrs: &[(&str, Attr)], weights: &[(&str, Tensor)]) -> RawNode {
    let own = |it: &str| it.to_owned();
    RawNode {
        name: own("layer"),
        dialect: Dialect::Keras3,
        op: own(op),
        version: 3,
        inputs: vec![Some(own("x"))],
        outputs: vec![own("layer")],
        attrs: Attrs::new(attrs.iter().map(|(key, it)| (own(key), it.clone())).collect()),
        weights: weights.iter().map(|(key, it)| (own(key), it.clone())).collect(),
    }
}

fn imported(node: RawNode) -> Result<Graph, String> {
    let model = RawModel {
        file: "m.keras".to_owned(),
        format: "Keras 3 archive (.keras)",
        inputs: vec![RawInput { name: "x".to_owned(), shape: vec![2] }],
        outputs: vec!["layer".to_owned()],
        nodes: vec![node],
        constants: BTreeMap::new(),
        unused: Vec::new(),
    };
    import(model).map_err(|it| it.to_string())
}

fn layer(node: RawNode) -> Layer {
    let graph = imported(node).unwrap();
    graph.node(graph.outputs[0]).op.clone()
}

fn scalar(value: f64) -> Tensor {
    arr0(value).into_dyn()
}

/// Variables of the quantizers of a kernel and a bias: signed, two integer bits, one fractional.
fn variables() -> Vec<(&'static str, Tensor)> {
    let all = ["kq/k", "kq/i", "kq/f", "bq/k", "bq/i", "bq/f"];
    all.into_iter().zip([1.0, 2.0, 1.0, 1.0, 2.0, 1.0].map(scalar)).collect()
}

fn confs() -> Vec<(&'static str, Attr)> {
    vec![("kq_conf", conf("kif", "SAT", &[])), ("bq_conf", conf("kif", "WRAP", &[]))]
}

fn kernel() -> Tensor {
    arr2(&[[0.3, -9.0, 1.25], [5.0, 0.1, -0.3]]).into_dyn()
}

#[test]
fn einsum_is_a_dense_layer_with_quantized_weights() {
    let bias = arr1(&[0.2, 5.0, -0.3]).into_dyn();
    let weights = [variables(), vec![("kernel", kernel()), ("bias", bias)]].concat();
    let attrs = [("equation", word("bc,cd->bd")), ("bias_axes", word("d"))];
    let attrs = [confs(), attrs.to_vec()].concat();
    let Layer::Dense(dense) = layer(node("QEinsumDense", &attrs, &weights)) else { panic!() };
    assert_eq!(*dense.weights, arr2(&[[0.5, -4.0, 1.5], [3.5, 0.0, -0.5]]).into_dyn());
    // 5 wraps to -3, and -0.3 rounds to the nearest half.
    assert_eq!(dense.bias, Some(arr1(&[0.0, -3.0, -0.5]).into_dyn()));
    assert!(dense.quantized);
}

#[test]
fn einsums_that_lose_an_axis_are_refused_by_their_equation() {
    let weights = [variables(), vec![("kernel", kernel())]].concat();
    let refused = |op: &str, equation: &str, axes: Attr| {
        let attrs = [("equation", word(equation)), ("bias_axes", axes)];
        let attrs = [confs(), attrs.to_vec()].concat();
        imported(node(op, &attrs, &weights)).unwrap_err()
    };
    let said = refused("QEinsumDense", "bnc,cd->bnd", Attr::Null);
    assert!(said.contains("equation = bnc,cd->bnd is not supported"), "{said}");
    let said = refused("QEinsumDense", "bc,dc->bd", Attr::Null);
    assert!(said.contains("kernel has shape [2, 3], expected [2]"), "{said}");
    let said = refused("QEinsumDense", "bc,cd->bd", word("d"));
    assert!(said.contains("weight bias is missing"), "{said}");
    let said = refused("QEinsumDenseBatchnorm", "bc,cd->bcd", Attr::Null);
    assert!(said.contains("one axis of outputs"), "{said}");
}

#[test]
fn quantizers_that_are_not_understood_are_refused() {
    let variables = [("k", scalar(1.0)), ("i", scalar(2.0)), ("f", scalar(3.0))];
    let said = |conf: Attr| imported(node("Quantizer", &[("config", conf)], &variables));
    assert!(said(conf("kif", "WRAP", &[])).is_ok());
    for (conf, expected) in [
        (conf("float", "WRAP", &[]), "q_type = float"),
        (conf("kif", "WRAP_SM", &[]), "overflow_mode = WRAP_SM"),
        (conf("kif", "SAT", &[("round_mode", word("UP"))]), "round_mode = UP"),
        (conf("kif", "SAT", &[("scaler", Attr::Float(-2.0))]), "scaler"),
        (conf("kif", "SAT", &[("affine", word("a"))]), "affine"),
        (conf("kif", "SAT", &[("noise", word("a"))]), "noise"),
        (conf("kif", "WRAP", &[("is_weight", Attr::Bool(true))]), "config"),
        (conf("kbi", "SAT", &[]), "weight b is missing"),
        (map(&[("class_name", word("HardTanhConfig"))]), "HardTanhConfig"),
        (map(&[("class_name", word("Own")), ("config", map(&[]))]), "Own"),
        (Attr::Null, "QuantizerConfig"),
    ] {
        let said = said(conf.clone()).unwrap_err();
        assert!(said.contains(expected), "{conf:?}: {said}");
    }
}

#[test]
fn elements_have_formats_of_their_own() {
    let row = |values: [f64; 2]| arr2(&[values]).into_dyn();
    let weights = [("k", row([1.0, 0.0])), ("b", row([4.4, 0.2])), ("i", row([1.5, -3.0]))];
    let attrs = [("config", conf("kbi", "SAT_SYM", &[]))];
    let Layer::Quantizer(made) = layer(node("Quantizer", &attrs, &weights)) else { panic!() };
    let first = made.lanes[0].unwrap();
    assert_eq!((first.signed, first.width, first.int_bits), (true, 5, 3));
    assert_eq!(made.lanes[1], None);
    let wide =
        [("k", row([1.0; 2])), ("b", row([4.0; 2])), ("i", arr1(&[1.0, 1.0, 1.0]).into_dyn())];
    let said = imported(node("Quantizer", &attrs, &wide)).unwrap_err();
    assert!(said.contains("i has shape [3], expected [2]"), "{said}");
    let far = [("k", row([1.0; 2])), ("b", row([90.0; 2])), ("i", row([1.0; 2]))];
    assert!(imported(node("Quantizer", &attrs, &far)).unwrap_err().contains("at most 60"));
}

#[test]
fn a_normalization_keeps_its_own_quantized_numbers() {
    let row = |values: [f64; 2]| arr1(&values).into_dyn();
    let statistics = [
        ("gamma", row([1.0, 2.0])),
        ("beta", row([0.25, 1.0])),
        ("moving_mean", row([1.0, 0.0])),
        ("moving_variance", row([0.25, 4.0])),
    ];
    let weights = [variables(), statistics.to_vec()].concat();
    let attrs = [confs(), vec![("epsilon", Attr::Float(0.0))]].concat();
    let made = layer(node("QBatchNormalization", &attrs, &weights));
    let Layer::BatchNorm(norm) = made else { panic!() };
    assert_eq!(norm.scale, row([2.0, 1.0]));
    // 0.25 - 1 * 2 = -1.75 lies between two halves and goes up.
    assert_eq!(norm.bias, row([-1.5, 1.0]));
    assert!(norm.quantized);
    let attrs = [confs(), vec![("center", Attr::Bool(false))]].concat();
    let said = imported(node("QBatchNormalization", &attrs, &weights)).unwrap_err();
    assert!(said.contains("center = false is not supported"), "{said}");
}

#[test]
fn scaled_and_affine_quantizers_are_exact() {
    let variables = [("k", scalar(1.0)), ("i", scalar(1.0)), ("f", scalar(1.0))];
    let affine = Attr::List(vec![Attr::Float(0.25), Attr::Float(0.5)]);
    let more = [("scaler", Attr::Float(2.0)), ("affine", affine)];
    let attrs = [("config", conf("kif", "SAT", &more))];
    let graph = imported(node("Quantizer", &attrs, &variables)).unwrap();
    let x = arr1(&[1.3, -9.0]).into_dyn();
    // 0.65 rounds to a half and is 1 again, of which a quarter and a half are added; -4 at most.
    let y = crate::nn::evaluate(&graph, &[x], |_, _| {});
    assert_eq!(y[0], arr1(&[0.75, -0.5]).into_dyn());
    let mut config = map(&[("q_type", word("kif")), ("round_mode", word("RND"))]);
    for (class, top) in [("HardTanhConfig", 1.0 - 0.5), ("HardSigmoidConfig", 0.875)] {
        let i = if class == "HardTanhConfig" { 0.0 } else { 1.0 };
        let variables = [("k", scalar(1.0)), ("i", scalar(i)), ("f", scalar(1.0))];
        config = map(&[("class_name", word(class)), ("config", inner(&config))]);
        let graph = imported(node("Quantizer", &[("config", config.clone())], &variables)).unwrap();
        let y = crate::nn::evaluate(&graph, &[arr1(&[9.0, 0.0]).into_dyn()], |_, _| {});
        assert_eq!(y[0][[0]], top, "{class}");
    }
    let dummy = [("config", conf("dummy", "WRAP", &[]))];
    assert_eq!(imported(node("Quantizer", &dummy, &[])).unwrap().len(), 1, "the input alone");
}

/// The entries of a configuration, with its class or without.
fn inner(conf: &Attr) -> Attr {
    match conf {
        Attr::Map(object) => object.get("config").unwrap_or(conf).clone(),
        _ => panic!("a map"),
    }
}

#[test]
fn proxies_cast_as_ap_fixed_does_and_look_up_in_their_table() {
    let modes = [("RND", word("TRN")), ("SAT", word("SAT"))];
    let row = |values: [f64; 2]| arr2(&[values]).into_dyn();
    let bits = |bits: [f64; 2]| {
        [("keep_negative", row([1.0, 0.0])), ("bits", row(bits)), ("integers", row([3.0, 1.0]))]
    };
    let x = arr1(&[-9.0, 0.8]).into_dyn();
    for (width, wanted) in [([5.0, 3.0], [-4.0, 0.75]), ([5.0, 0.0], [-4.0, 0.0])] {
        let graph = imported(node("FixedPointQuantizer", &modes, &bits(width))).unwrap();
        let y = crate::nn::evaluate(&graph, std::slice::from_ref(&x), |_, _| {});
        assert_eq!(y[0], arr1(&wanted).into_dyn());
    }
    let said = imported(node("FixedPointQuantizer", &modes[..1], &bits([5.0, 3.0])[..2]));
    assert!(said.unwrap_err().contains("weight integers is missing"));
    let kif = |it: [i64; 3]| Attr::List(it.map(Attr::Int).to_vec());
    let attrs = [("kif_in", kif([1, 1, 0])), ("kif_out", kif([1, 2, 2]))];
    let table = [("table", arr1(&[0.0, 0.25, -2.0, -0.5]).into_dyn())];
    let graph = imported(node("UnaryLUT", &attrs, &table)).unwrap();
    // 1.6 rounds to 2, which wraps to -2; -1 is the last entry.
    let y = crate::nn::evaluate(&graph, &[arr1(&[1.6, -1.2]).into_dyn()], |_, _| {});
    assert_eq!(y[0], arr1(&[-2.0, -0.5]).into_dyn());
    let fine = [("table", arr1(&[0.0, 0.1, -2.0, -0.5]).into_dyn())];
    assert!(imported(node("UnaryLUT", &attrs, &fine)).unwrap_err().contains("float32"));
    let wide = [("kif_in", kif([1, 30, 0])), ("kif_out", kif([1, 2, 2]))];
    assert!(imported(node("UnaryLUT", &wide, &table)).unwrap_err().contains("kif_in"));
}
