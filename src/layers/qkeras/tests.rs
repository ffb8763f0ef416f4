//! Imports of QKeras' layers: numbers by the formulas and by the framework, what is refused and why.

use std::path::Path;

use proptest::prelude::*;

use super::super::file_tests::{array, check, shared};
use super::super::{Layer, import};
use super::rule::{Alpha, Function, Rule};
use crate::frontend;
use crate::source::{Attr, Dialect, RawInput, RawModel, RawNode, Tensor};

/// A model of one layer `QActivation` of these many inputs.
fn model(activation: Attr, inputs: usize) -> RawModel {
    let attrs = std::collections::BTreeMap::from([("activation".to_owned(), activation)]);
    let node = RawNode {
        name: "layer".into(),
        dialect: Dialect::Keras2,
        op: "QActivation".into(),
        version: 2,
        inputs: vec![Some("x".into())],
        outputs: vec!["layer".into()],
        attrs: crate::source::Attrs::new(attrs),
        weights: Default::default(),
    };
    RawModel {
        file: "m.h5".into(),
        format: "test",
        inputs: vec![RawInput { name: "x".into(), shape: vec![inputs] }],
        outputs: vec!["layer".into()],
        nodes: vec![node],
        constants: Default::default(),
        unused: Vec::new(),
    }
}

fn refused(call: &str) -> String {
    import(model(Attr::Str(call.into()), 1)).unwrap_err().to_string()
}

/// What the layers of a quantizer make of values.
fn quantized(call: &str, x: &[f64]) -> Vec<f64> {
    let graph = import(model(Attr::Str(call.into()), x.len())).unwrap_or_else(|it| panic!("{it}"));
    let x = ndarray::Array1::from(x.to_vec()).into_dyn();
    crate::nn::evaluate(&graph, &[x], |_, _| {})[0].iter().copied().collect()
}

#[test]
fn quantizers_of_data_follow_their_formulas() {
    let x = [-9.0, -1.0, -0.3, -0.0625, 0.0, 0.0625, 0.3, 0.7, 2.9, 40.0];
    for (call, wanted) in [
        // Steps of 1/8 from -1 to 7/8; 0.0625 is a tie and goes to the even step.
        ("quantized_bits(4)", [-1.0, -1.0, -0.25, 0.0, 0.0, 0.0, 0.25, 0.75, 0.875, 0.875]),
        ("quantized_bits(4,0,1)", [-0.875, -0.875, -0.25, 0.0, 0.0, 0.0, 0.25, 0.75, 0.875, 0.875]),
        ("quantized_bits(3,1,keep_negative=0)", [0., 0., 0., 0., 0., 0., 0.25, 0.75, 1.75, 1.75]),
        (
            "quantized_bits(4,2,alpha=0.25)",
            [-1.0, -0.25, -0.125, 0., 0., 0., 0.125, 0.125, 0.75, 0.875],
        ),
        ("quantized_bits(1)", [-1., -1., -1., -1., 1., 1., 1., 1., 1., 1.]),
        ("quantized_relu(3,1)", [0., 0., 0., 0., 0., 0., 0.25, 0.75, 1.75, 1.75]),
        ("quantized_relu(4,1,0,0.5)", [-1.0, -0.5, -0.25, 0., 0., 0., 0.25, 0.75, 1.75, 1.75]),
        ("quantized_tanh(3)", [-1.0, -1.0, -0.25, 0., 0., 0., 0.25, 0.75, 0.75, 0.75]),
        (
            "quantized_tanh(3, symmetric=True)",
            [-0.75, -0.75, -0.25, 0., 0., 0., 0.25, 0.75, 0.75, 0.75],
        ),
        ("quantized_sigmoid(2)", [0., 0., 0.25, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75]),
        ("quantized_sigmoid(2, 1)", [0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75]),
        ("ternary()", [-1., -1., 0., 0., 0., 0., 0., 1., 1., 1.]),
        ("ternary(2.0, 0.25)", [-2., -2., -2., 0., 0., 0., 2., 2., 2., 2.]),
        ("stochastic_ternary(threshold=0.25)", [-1., -1., -1., 0., 0., 0., 1., 1., 1., 1.]),
        ("binary", [-1., -1., -1., -1., 1., 1., 1., 1., 1., 1.]),
        ("binary(1, 0.5)", [0., 0., 0., 0., 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        // One bit of exponent, for a sign of the number and one of the exponent: 1/4 to 2.
        ("quantized_po2(3)", [-2., -1., -0.25, -0.25, 0.25, 0.25, 0.25, 0.5, 2., 2.]),
        ("quantized_po2(3,1)", [-1., -1., -0.25, -0.0625, 0.0625, 0.0625, 0.25, 0.5, 1., 1.]),
        (
            "quantized_relu_po2(3,4)",
            [0.0625, 0.0625, 0.0625, 0.0625, 0.0625, 0.0625, 0.25, 0.5, 4., 4.],
        ),
        ("quantized_linear(4,0,0)", [-1.0, -1.0, -0.25, 0.0, 0.0, 0.0, 0.25, 0.75, 0.875, 0.875]),
        (
            "quantized_linear(3,1,alpha=0.5)",
            [-0.75, -0.75, -0.25, 0., 0., 0., 0.25, 0.75, 0.75, 0.75],
        ),
    ] {
        assert_eq!(quantized(call, &x), wanted, "{call}");
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    for (call, expected) in [
        ("bernoulli(1)", "bernoulli"),
        ("quantized_ulaw(6)", "quantized_ulaw"),
        ("quantized_relu(6,2,1)", "use_sigmoid"),
        ("quantized_relu(6,2,is_quantized_clip=False)", "is_quantized_clip"),
        ("quantized_relu(6,2,0,0.3)", "negative_slope"),
        ("quantized_bits(6,alpha='auto')", "for data"),
        ("quantized_bits(0)", "bits"),
        ("quantized_bits(6,qnoise_factor=0.5)", "qnoise_factor"),
        ("quantized_bits(6,colour=1)", "colour"),
        ("quantized_bits(6", "quantized_bits(6"),
        ("quantized_po2(4,log2_rounding='up')", "log2_rounding"),
    ] {
        let said = refused(call);
        assert!(said.contains(expected), "{call}: {said}");
    }
}

/// Layers and quantizers in the float engine against the rule itself, on float32.
#[test]
fn layers_are_their_rules() {
    let calls = [
        "quantized_bits(5,1,0,alpha=0.3)",
        "quantized_relu(6,2,0,0.125)",
        "quantized_sigmoid(4,1)",
        "quantized_po2(4,8)",
        "quantized_relu_po2(5)",
        "quantized_linear(5,0,alpha=0.7)",
        "ternary(0.7)",
    ];
    for call in calls {
        let raw = model(Attr::Str(call.into()), 1);
        let cx = super::Import {
            node: &raw.nodes[0],
            shapes: vec![Some(crate::nn::Shape(vec![1]))],
            constants: Vec::new(),
        };
        let rule = Rule::of(&cx, "activation", false).unwrap().unwrap();
        let Alpha::Number(alpha) = rule.alpha else { panic!("{call}") };
        let x: Vec<f64> = (-300..300).map(|it| f64::from(it as f32 * 0.037)).collect();
        let wanted = x.iter().map(|it| f64::from(rule.function.at(*it as f32) * alpha));
        for ((x, found), wanted) in x.iter().zip(quantized(call, &x)).zip(wanted) {
            assert!(
                (found - wanted).abs() <= 1e-6 * wanted.abs(),
                "{call} of {x}: {found}, {wanted}"
            );
        }
    }
}

fn own(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

#[test]
fn samples_are_those_of_the_framework() {
    check(&own("qk2_mlp.h5"), None, &own("qk2_mlp.npz"));
    check(&own("qk2_mlp.json"), Some(&own("qk2_mlp_weights.h5")), &own("qk2_mlp.npz"));
    check(&own("qk3_mlp.keras"), None, &own("qk3_mlp.npz"));
    check(&own("qk2_cnn.h5"), None, &own("qk2_cnn.npz"));
}

#[test]
fn published_models_are_those_of_the_framework() {
    for model in ["p05_ad03_qkeras_ae/model_ToyCar.h5", "p06_rn06_qkeras_conv/model_best.h5"] {
        let Some(model) = shared(&format!("models/{model}")) else { continue };
        check(&model, None, &model.with_file_name("golden_0.npz"));
    }
}

/// Constants of every layer: what the framework's own quantizers gave for the same originals.
#[test]
fn constants_are_those_of_the_framework() {
    for (file, golden) in [
        ("qk2_mlp.h5", "qk2_mlp.npz"),
        ("qk3_mlp.keras", "qk3_mlp.npz"),
        ("qk2_cnn.h5", "qk2_cnn.npz"),
    ] {
        let raw = frontend::load(&own(file), None).unwrap_or_else(|it| panic!("{it}"));
        let mut npz = npyz::npz::NpzArchive::open(own(golden)).unwrap();
        let mut seen = 0;
        for node in &raw.nodes {
            let cx = super::Import { node, shapes: Vec::new(), constants: Vec::new() };
            let quantizers = [
                ("kernel", "kernel_quantizer", 0),
                ("depthwise_kernel", "depthwise_quantizer", 0),
                ("bias", "bias_quantizer", 1),
            ];
            for (weight, quantizer, at) in quantizers {
                let Some((shape, wanted)) = array(&mut npz, &format!("q:{}:{at}", node.name))
                else {
                    continue;
                };
                let Some(values) = node.weights.get(weight) else { continue };
                let Some(rule) = Rule::of(&cx, quantizer, weight != "bias").unwrap() else {
                    continue;
                };
                let found = rule.apply(values, node.version).values();
                assert_eq!(found.shape(), shape);
                let exact = rule.alpha != (Alpha::Auto { po2: false });
                for (found, wanted) in found.iter().zip(&wanted) {
                    // Frameworks return x + (q - x), which may be one unit of float32 off.
                    let near = (found - wanted).abs()
                        <= if exact { 6e-8 } else { 1e-7 } * (1.0 + wanted.abs());
                    assert!(near, "{file}: {} {weight}: {found}, {wanted}", node.name);
                }
                seen += 1;
            }
        }
        assert!(seen >= 5, "{file}: {seen} constants");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn steps_are_the_function(thresholds in proptest::collection::vec(-1e3f32..1e3, 1..9), x in -2e3f32..2e3) {
        let f = |x: f32| thresholds.iter().filter(|it| **it <= x).count() as f32;
        let steps = super::super::Steps::of(f);
        let found = Layer::from(steps).spec().eval(&[&Tensor::from_elem(vec![1], f64::from(x))]);
        prop_assert_eq!(found[[0]], f64::from(f(x)));
    }
}

#[test]
fn functions_are_of_float32() {
    // 0.3 in float32 is more than its decimal; the threshold is compared in float32.
    let ternary = Function::Ternary { threshold: 0.3, unrolls: 5 };
    assert_eq!([0.3f32, 0.299_999_98].map(|it| ternary.at(it)), [1.0, 0.0]);
}

#[test]
fn recurrent_layers_and_pools_are_those_of_qkeras() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    for name in ["qk2_steps", "qk2_pools"] {
        let file = |ending| folder.join(format!("{name}.{ending}"));
        check(&file("h5"), None, &file("npz"));
    }
}
