//! What becomes of nested models, shared layers, functions and several outputs.

use std::collections::BTreeMap;

use super::*;
use crate::source::{Attr, Dialect, RawInput};

#[test]
fn sequential_network_in_full() {
    let model = model("k3_mlp.keras").unwrap();
    assert_eq!(model.inputs, [RawInput { name: "input_layer".to_owned(), shape: vec![16] }]);
    assert_eq!(model.outputs, ["softmax"]);
    let expected = [
        "dense = Dense(input_layer)",
        "dense_relu = Activation(dense)",
        "batch_normalization = BatchNormalization(dense_relu)",
        "dropout = Dropout(batch_normalization)",
        "dense_1 = Dense(dropout)",
        "activation = Activation(dense_1)",
        "leaky_re_lu = LeakyReLU(activation)",
        "dense_2 = Dense(leaky_re_lu)",
        "softmax = Softmax(dense_2)",
    ];
    assert_eq!(outline(&model), expected);
    let dense = node(&model, "dense");
    assert_eq!((dense.dialect, dense.version), (Dialect::Keras3, 3));
    let unread: Vec<_> = dense.attrs.unread().iter().map(|it| it.0).collect();
    assert_eq!(unread, ["units", "use_bias"]);
    assert_eq!(dense.weights["kernel"].shape(), [16, 32]);
    let norm: Vec<_> = node(&model, "batch_normalization").weights.keys().collect();
    assert_eq!(norm, ["beta", "gamma", "moving_mean", "moving_variance"]);
    assert!(node(&model, "dropout").attrs.unread().is_empty());
}

#[test]
fn nested_models_are_inlined_and_shared_layers_repeated() {
    for file in ["k3_nested.keras", "k2_nested.keras"] {
        let model = model(file).unwrap();
        let inputs: Vec<_> = model.inputs.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(inputs, ["b", "a"], "the order of the model, not of the layers");
        assert_eq!(model.outputs, ["dense", "re_lu"]);
        let expected = [
            "shared = Dense(a)",
            "shared_tanh = Activation(shared)",
            "shared_1 = Dense(b)",
            "shared_1_tanh = Activation(shared_1)",
            "left/dense = Dense(shared_tanh)",
            "left/dense_relu = Activation(left/dense)",
            "left_bn = BatchNormalization(left/dense_relu)",
            "left_out = Dense(left_bn)",
            "left/dense_1 = Dense(shared_1_tanh)",
            "left/dense_1_relu = Activation(left/dense_1)",
            "left_bn_1 = BatchNormalization(left/dense_1_relu)",
            "left_out_1 = Dense(left_bn_1)",
            "sum = Add(left_bn, left_bn_1)",
            "right/dense = Dense(left_bn)",
            "right/dense_relu = Activation(right/dense)",
            "right_bn = BatchNormalization(right/dense_relu)",
            "right_out = Dense(right_bn)",
            "tail/dense = Dense(sum)",
            "re_lu = ReLU(tail/dense)",
            "cat = Concatenate(left_out, left_out_1, right_out, re_lu)",
            "dense = Dense(cat)",
        ];
        assert_eq!(outline(&model), expected, "{file}");
        let weights = |name| &node(&model, name).weights;
        assert_eq!(weights("left/dense"), weights("left/dense_1"));
        assert_ne!(weights("left_out"), weights("right_out"));
        let shapes = ["left/dense", "right/dense", "tail/dense", "dense"]
            .map(|it| weights(it)["kernel"].shape());
        assert_eq!(shapes, [[6, 6], [6, 5], [6, 3], [9, 2]]);
    }
}

#[test]
fn functions_keep_their_constants() {
    let three = model("k3_ops.keras").unwrap();
    let expected = [
        "multiply = ops.multiply(x)",
        "dense = Dense(multiply)",
        "subtract = ops.subtract(dense)",
        "get_item = ops.get_item(subtract)",
        "relu = ops.relu(get_item)",
        "concatenate = ops.concatenate(relu, x)",
        "dense_1 = Dense(concatenate)",
    ];
    assert_eq!(outline(&three), expected);
    let tensor =
        |name: &str| Attr::Map(BTreeMap::from([("tensor".to_owned(), Attr::Str(name.to_owned()))]));
    let args = Attr::List(vec![Attr::Float(1.0), tensor("dense")]);
    assert_eq!(node(&three, "subtract").attrs.unread(), [("call:args", &args)]);
    assert_eq!(node(&three, "concatenate").attrs.unread(), [("axis", &Attr::Int(-1))]);
    assert!(node(&three, "relu").attrs.unread().is_empty());

    let two = model("k2_ops.keras").unwrap();
    let expected = [
        "tf.math.multiply = math.multiply(x)",
        "dense = Dense(tf.math.multiply)",
        "tf.math.subtract = math.subtract(dense)",
        "tf.__operators__.getitem = __operators__.getitem(tf.math.subtract)",
        "tf.nn.relu = nn.relu(tf.__operators__.getitem)",
        "tf.concat = concat(tf.nn.relu, x)",
        "dense_1 = Dense(tf.concat)",
    ];
    assert_eq!(outline(&two), expected);
    let unread = |name: &str| {
        let unread = node(&two, name).attrs.unread();
        unread.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect::<Vec<_>>()
    };
    let attr = |key: &str, value| (key.to_owned(), value);
    assert_eq!(unread("tf.math.multiply"), [attr("call:y", Attr::Float(2.0))]);
    let args = attr("call:args", Attr::List(vec![Attr::Float(1.0)]));
    assert_eq!(unread("tf.math.subtract"), [args, attr("call:y", tensor("dense"))]);
    assert_eq!(unread("tf.concat"), [attr("call:axis", Attr::Int(-1))]);
    assert_eq!(unread("tf.nn.relu"), []);
}

#[test]
fn layers_of_several_objects() {
    for file in ["k3_zoo.h5", "k2_zoo.keras"] {
        let model = model(file).unwrap();
        let inputs: Vec<_> = node(&model, "mha").inputs.iter().flatten().collect();
        assert_eq!(inputs, ["td_relu", "x", "td_relu"], "query, value, key");
        assert_eq!(node(&model, "lstm").outputs, ["lstm:0", "lstm:1", "lstm:2"]);
        let inputs: Vec<_> = node(&model, "cat").inputs.iter().flatten().collect();
        assert_eq!(inputs, ["flat", "lstm:1", "lstm:2"]);
        let roles =
            |name| node(&model, name).weights.keys().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(roles("td"), ["bias", "kernel"]);
        assert_eq!(roles("bn"), ["beta", "moving_mean", "moving_variance"]);
        assert_eq!(roles("lstm"), ["bias", "kernel", "recurrent_kernel"]);
        assert_eq!(roles("prelu"), ["alpha"]);
        assert_eq!(roles("bi").len(), 6);
        assert_eq!(roles("bi")[..2], ["backward/bias", "backward/kernel"]);
        assert_eq!(roles("mha").len(), 8);
        assert_eq!(roles("mha")[..2], ["attention_output/bias", "attention_output/kernel"]);
    }
}

/// A model of layers without weights; `k3_mlp`'s serve as the file of weights.
fn bare(json: &str) -> Result<RawModel> {
    load("m.json", json.as_bytes(), Some(("w.h5", &bytes("k3_mlp.weights.h5"))))
}

#[test]
fn sequential_without_input_layer() {
    let layer = r#""class_name": "Flatten", "config": {"name": "flat""#;
    for json in [
        format!(
            r#"{{"class_name": "Sequential", "config": [{{{layer}, "batch_input_shape": [null, 2, 3]}}}}]}}"#
        ),
        format!(
            r#"{{"class_name": "Sequential", "config": {{"build_input_shape": [null, 2, 3],
                "layers": [{{{layer}}}}}]}}}}"#
        ),
        format!(
            r#"{{"class_name": "Sequential", "config": {{"layers": [{{"build_config":
                {{"input_shape": [7, 2, 3]}}, {layer}}}}}]}}}}"#
        ),
    ] {
        let model = bare(&json).unwrap_or_else(|it| panic!("{it}\n{json}"));
        assert_eq!(model.inputs, [RawInput { name: "flat_input".to_owned(), shape: vec![2, 3] }]);
        assert_eq!(outline(&model), ["flat = Flatten(flat_input)"]);
        assert_eq!(model.unused.len(), 9, "weights of another model are told");
    }
}

#[test]
fn calls_may_precede_their_inputs_in_the_file() {
    let layer = |name: &str, from: &str| {
        format!(
            r#"{{"class_name": "keras>ReLU", "name": "{name}", "config": {{"max_value": Infinity}},
                "inbound_nodes": [[["{from}", 0, 0, {{}}]]]}}"#
        )
    };
    let json = format!(
        r#"{{"class_name": "Functional", "keras_version": "2.14.0", "config": {{"layers": [{}, {},
            {{"class_name": "InputLayer", "config": {{"name": "x", "dtype": "uint8",
              "batch_input_shape": [[null, 4]]}}, "inbound_nodes": []}}],
            "input_layers": ["x", 0, 0], "output_layers": {{"p": ["b", 0, 0], "o": ["x", 0, 0]}}}}}}"#,
        layer("b", "a"),
        layer("a", "x"),
    );
    let model = bare(&json).unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(outline(&model), ["a = ReLU(x)", "b = ReLU(a)"]);
    assert_eq!(model.outputs, ["x", "b"]);
    let limit = Attr::Float(f64::INFINITY);
    assert_eq!(node(&model, "a").attrs.unread(), [("max_value", &limit)]);
}
