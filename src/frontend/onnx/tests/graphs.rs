//! Links, order, names and what becomes of inputs, outputs and attributes.

use expect_test::expect;
use prost::Message;

use super::*;
use crate::source::{Attr, RawInput};

#[test]
fn nodes_are_sorted_and_named() {
    let nodes = vec![
        node("Relu", &["b"], &["c"]),
        node("Tanh", &["x"], &["a"]).named("t"),
        node("Relu", &["a"], &["b"]).named("t"),
        node("Relu", &["c"], &["d"]).named("relu_0"),
        node("Relu", &["d"], &["y"]),
    ];
    expect![[r#"
        t: Tanh@13(x) -> a {}
        t_1: Relu@13(a) -> b {}
        relu_1: Relu@13(b) -> c {}
        relu_0: Relu@13(c) -> d {}
        relu_2: Relu@13(d) -> y {}
    "#]]
    .assert_eq(&dump(&load(&bytes(nodes, vec![], &["y"]))));
}

#[test]
fn domains_have_names_and_versions() {
    let nodes = vec![
        node("ai.onnx::Relu", &["x"], &["a"]),
        node("my.domain::Quant", &["a", "", "s"], &["b"]),
        node("forgotten::Op", &["b"], &["y"]),
    ];
    let mut model = model(nodes, vec![floats("s", &[], &[0.5])], &["y"]);
    model.opset_import.push(Opset { domain: "my.domain".to_owned(), version: 4 });
    expect![[r#"
        relu_0: Relu@13(x) -> a {}
        quant_0: my.domain::Quant@4(a, -, s) -> b {}
        op_0: forgotten::Op@1(b) -> y {}
    "#]]
    .assert_eq(&dump(&load(&model.encode_to_vec())));
}

#[test]
fn attributes_of_every_kind() {
    let list = Attribute { floats: vec![0.1, 2.0], kind: 6, ..Default::default() };
    let text = Attribute { s: Some(b"SAME".to_vec()), kind: 3, ..Default::default() };
    let texts = Attribute { strings: vec![b"a".to_vec()], kind: 8, ..Default::default() };
    let old = Attribute { f: Some(0.1), kind: 0, ..Default::default() };
    let zero = Attribute { kind: 2, ..Default::default() };
    let op = node("Op", &["x"], &["y"])
        .attr("floats", list)
        .attr("text", text)
        .attr("texts", texts)
        .attr("old", old)
        .attr("zero", zero)
        .ints("ints", &[1, -1])
        .tensor("tensor", floats("", &[2], &[0.1, 2.0]));
    let model = load(&bytes(vec![op], vec![], &["y"]));
    let attrs = &model.nodes[0].attrs;
    let tenth = f64::from(0.1f32);
    assert_eq!(attrs.unread().len(), 7, "loading must not mark attributes as read");
    assert_eq!(attrs.get("floats"), Some(&Attr::List(vec![Attr::Float(tenth), Attr::Float(2.0)])));
    assert_eq!(attrs.str("text", "").unwrap(), "SAME");
    assert_eq!(attrs.get("texts"), Some(&Attr::List(vec![Attr::Str("a".to_owned())])));
    assert_eq!(attrs.float("old", 0.0).unwrap(), tenth);
    assert_eq!(attrs.int("zero", 7).unwrap(), 0);
    assert_eq!(attrs.ints("ints").unwrap(), Some(vec![1, -1]));
    let tensor = ndarray::arr1(&[tenth, 2.0]).into_dyn();
    assert_eq!(attrs.get("tensor"), Some(&Attr::Tensor(Box::new(tensor))));
}

#[test]
fn initializers_are_no_inputs_and_the_batch_is_no_axis() {
    let weight = floats("w", &[3], &[1.0, 2.0, 3.0]);
    let nodes = vec![node("Add", &["x", "w"], &["a"]), node("Sum", &["a", "z", "n"], &["y"])];
    let mut model = model(nodes, vec![weight], &["y"]);
    let graph = model.graph.as_mut().unwrap();
    graph.input.extend([value("w", &[3]), value("z", &[4, 2, 3]), value("n", &[0, 2, 3])]);
    graph.input[3].kind.as_mut().unwrap().tensor.as_mut().unwrap().shape.as_mut().unwrap().dim[0] =
        Dim { value: None, param: None };
    let model = load(&model.encode_to_vec());
    let input = |name: &str| RawInput { name: name.to_owned(), shape: vec![2, 3] };
    assert_eq!(model.inputs, [input("x"), input("z"), input("n")]);
    assert_eq!(elements(&model, "w"), [1.0, 2.0, 3.0]);
    assert_eq!((model.file.as_str(), model.format), ("m.onnx", "ONNX"));
}

#[test]
fn only_what_matters_stays() {
    let nodes = vec![
        node("Dropout", &["x", "ratio"], &["a", "mask"]),
        node("LSTM", &["a", "w", "w"], &["", "last", "cell"]),
        node("Conv", &["a", "dead"], &["nowhere"]),
        node("Identity", &["given"], &["b"]),
    ];
    let initializers = ["ratio", "w", "dead", "lonely", "given"];
    let initializers = initializers.iter().map(|it| floats(it, &[], &[0.5])).collect();
    let model = load(&bytes(nodes, initializers, &["last", "b", "x", "given"]));
    expect![[r#"
        dropout_0: Dropout@13(x, ratio) -> a {}
        lstm_0: LSTM@13(a, w, w) -> , last {}
    "#]]
    .assert_eq(&dump(&model));
    assert_eq!(model.outputs, ["last", "b", "x", "given"]);
    assert_eq!(model.constants.keys().collect::<Vec<_>>(), ["b", "given", "ratio", "w"]);
    assert_eq!(model.unused, ["dead", "lonely"]);
}

#[test]
fn quantizers_say_what_they_round_to() {
    let zero = |data_type| Tensor {
        name: "z".to_owned(),
        data_type,
        raw_data: vec![0],
        ..Default::default()
    };
    let quantize = || node("QuantizeLinear", &["x", "s", "z"], &["y"]);
    let dtype = |node: Node, zero: Tensor| {
        let model = load(&bytes(vec![node], vec![floats("s", &[], &[0.5]), zero], &["y"]));
        model.nodes[0].attrs.int("output_dtype", 0).unwrap()
    };
    assert_eq!(dtype(quantize(), zero(3)), 3);
    assert_eq!(dtype(quantize(), zero(2)), 2);
    assert_eq!(dtype(quantize().int("output_dtype", 5), zero(3)), 5);
    assert_eq!(dtype(quantize().int("output_dtype", 0), zero(3)), 3);
    assert_eq!(dtype(node("QuantizeLinear", &["x", "s"], &["y"]), zero(3)), 2);
}
