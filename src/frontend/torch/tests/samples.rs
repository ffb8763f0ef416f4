//! Real programs become the nodes that they should.

use super::*;
use crate::source::{Attr, RawInput};

fn loaded(bytes: &[u8]) -> RawModel {
    load("m.pt2", bytes).unwrap_or_else(|it| panic!("{it}"))
}

fn attr(model: &RawModel, node: &str, name: &str) -> Option<Attr> {
    let node = model.nodes.iter().find(|it| it.name == node);
    node.unwrap_or_else(|| panic!("no {node:?}")).attrs.get(name).cloned()
}

fn ints(values: &[i64]) -> Option<Attr> {
    Some(Attr::List(values.iter().map(|it| Attr::Int(*it)).collect()))
}

#[test]
fn nodes_are_called_like_their_modules() {
    let model = loaded(&own("t_mlp.pt2"));
    assert_eq!(
        outline(&model),
        [
            "fc1 = linear(x, p_fc1_weight, p_fc1_bias)",
            "bn = batch_norm(linear, p_bn_weight, p_bn_bias, b_bn_running_mean, b_bn_running_var)",
            "relu = relu(batch_norm)",
            "fc2 = linear(relu, p_fc2_weight, -)",
            "tanh = tanh(linear_1)",
            "drop = dropout(tanh)",
            "out = linear(dropout, p_out_weight, p_out_bias)",
            "softmax = softmax(linear_2)",
        ]
    );
    assert_eq!(model.inputs, [RawInput { name: "x".to_owned(), shape: vec![16] }]);
    assert_eq!((model.outputs, model.unused.len()), (vec!["softmax".to_owned()], 0));
    assert_eq!(model.constants["p_fc1_weight"].shape(), [32, 16]);
    assert_eq!(model.constants.len(), 9, "the number of batches is no constant of the model");
}

/// Attention moves the batch and folds the heads into it; a sample never has it.
#[test]
fn the_batch_is_followed_through_attention() {
    let Some(bytes) = sample("t_attn.pt2") else { return };
    let model = loaded(&bytes);
    assert_eq!(model.inputs[0].shape, [8, 16]);
    // [8, B, 16] -> [8, 2 B, 8] -> [2 B, 8, 8] -> [B, 2, 8, 8]
    assert_eq!(attr(&model, "transpose", "dims"), ints(&[0, 1]));
    assert_eq!(attr(&model, "view", "shape"), ints(&[8, 2, 8]));
    assert_eq!(attr(&model, "transpose_2", "dims"), ints(&[1, 0, 2]));
    assert_eq!(attr(&model, "view_3", "shape"), ints(&[2, 8, 8]));
    assert_eq!(attr(&model, "permute", "dims"), ints(&[1, 0, 2]));
    assert_eq!(attr(&model, "reshape", "shape"), ints(&[8, 16]));
    assert_eq!(attr(&model, "mean", "dim"), ints(&[0]));
}

#[test]
fn states_of_zeros_are_omitted() {
    let Some(bytes) = sample("t_rnn.pt2") else { return };
    let model = loaded(&bytes);
    let lines = outline(&model);
    assert!(lines[0].starts_with("l = lstm(x, -, -, p_l_weight_ih_l0, "), "{lines:?}");
    assert!(lines[1].starts_with("g = gru(getitem, -, p_g_weight_ih_l0, "), "{lines:?}");
    assert_eq!(lines.len(), 4);
    assert_eq!(attr(&model, "select", "index"), Some(Attr::Int(9)));
    assert!(model.unused.is_empty());
}

#[test]
fn weights_lie_anyhow_and_are_converted() {
    let model = loaded(&own("t_strides.pt2"));
    assert!(model.unused.is_empty(), "a tied weight is used: {:?}", model.unused);
    assert_eq!(model.constants["p_turned"].shape(), [8, 4]);
    assert!(model.constants["b_one"].iter().all(|it| *it == 0.25));
    // Transposed and converted ones are constants under the names of their results.
    assert_eq!(model.constants["t"].shape(), [8, 4]);
    assert_eq!(model.constants["to_4"].as_slice().unwrap()[0], -4.0);
    let mask: Vec<f64> = model.constants["to_3"].iter().copied().collect();
    assert_eq!(mask, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    assert!(model.nodes.iter().all(|it| it.op != "to"));
}

#[test]
fn functions_in_parts_are_put_together() {
    let model = loaded(&own("t_zoo.pt2"));
    let ops: Vec<&str> = model.nodes.iter().map(|it| it.op.as_str()).collect();
    assert!(ops.contains(&"softsign") && !ops.contains(&"abs"), "{ops:?}");
    let names: Vec<&str> = model.nodes.iter().map(|it| it.name.as_str()).collect();
    assert!(names.contains(&"blocks_0_fc") && names.contains(&"single"), "{names:?}");
}

/// What the compiler makes of activations is refused by name, all of it.
#[test]
fn unknown_operators_keep_their_names() {
    let model = loaded(&own("t_zoo_core.pt2"));
    let unknown = model.nodes.iter().filter(|it| it.op.starts_with("aten."));
    let ops: std::collections::BTreeSet<&str> = unknown.map(|it| it.op.as_str()).collect();
    assert!(ops.contains("aten.where.self") && ops.contains("aten.gt.Scalar"), "{ops:?}");
    assert!(model.nodes.iter().any(|it| it.op == "addmm"));
    assert!(!model.nodes.iter().any(|it| it.op == "permute"), "weights are transposed at once");
}

#[test]
fn packed_archives_are_read_too() {
    let bytes = pack(&unpack(&own("t_mlp.pt2")), CompressionMethod::Deflated);
    assert_eq!(outline(&loaded(&bytes)), outline(&loaded(&own("t_mlp.pt2"))));
}

/// Operators of the user's own keep where the batch is, if they can work element by element.
#[test]
fn operators_of_others_are_taken_element_by_element() {
    let renamed = |from: &str, to: &str| {
        let bytes = edited("t_mlp.pt2", |program| {
            let text = program.to_string();
            let other =
                text.replacen(&format!("aten.{from}.default"), &format!("my.{to}.default"), 1);
            assert_ne!(text, other);
            *program = serde_json::from_str(&other).unwrap();
        });
        loaded(&bytes)
    };
    let refused = |model: &RawModel, op: &str| {
        let node = model.nodes.iter().find(|it| it.op == op).unwrap();
        node.attrs.all().any(|it| it.0 == "result")
    };
    let model = renamed("tanh", "act");
    assert_eq!(outline(&model).len(), outline(&loaded(&own("t_mlp.pt2"))).len());
    assert!(!refused(&model, "my.act"), "{:?}", outline(&model));
    assert!(refused(&renamed("linear", "mix"), "my.mix"));
}
