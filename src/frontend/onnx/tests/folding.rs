//! What becomes constant, and with which value.

use expect_test::expect;
use prost::Message;

use super::*;

/// Folds nodes that make `y` of constants `c` (`[2, 3]`, 1 to 6) and others; `y` is all that is left.
fn fold(nodes: Vec<Node>, mut initializers: Vec<Tensor>) -> (Vec<usize>, Vec<f64>) {
    initializers.push(floats("c", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let model = load(&bytes(nodes, initializers, &["y"]));
    assert_eq!(dump(&model), "");
    (model.constants["y"].shape().to_vec(), elements(&model, "y"))
}

/// A node, its constants, and the shape and elements it makes.
type Case<'a> = (Node, Vec<Tensor>, &'a [usize], &'a [f64]);

#[test]
fn layout_operators() {
    let ints = |name, values: &[i64]| longs(name, &[values.len() as i64], values);
    let cases: Vec<Case> = vec![
        (node("Identity", &["c"], &["y"]), vec![], &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        (node("Transpose", &["c"], &["y"]), vec![], &[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
        (
            node("Flatten", &["c"], &["y"]).int("axis", 0),
            vec![],
            &[1, 6],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        (
            node("Reshape", &["c", "to"], &["y"]),
            vec![ints("to", &[-1, 2])],
            &[3, 2],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        (
            node("Unsqueeze", &["c", "axes"], &["y"]),
            vec![ints("axes", &[-1, 0])],
            &[1, 2, 3, 1],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        (
            node("Gather", &["c", "at"], &["y"]).int("axis", 1),
            vec![longs("at", &[2, 1], &[-1, 0])],
            &[2, 2, 1],
            &[3.0, 1.0, 6.0, 4.0],
        ),
        (
            node("Gather", &["c", "at"], &["y"]),
            vec![longs("at", &[], &[1])],
            &[3],
            &[4.0, 5.0, 6.0],
        ),
        (
            node("Slice", &["c", "s", "e", "a", "st"], &["y"]),
            vec![
                ints("s", &[-1, 0]),
                ints("e", &[i64::MIN, 1]),
                ints("a", &[1, 0]),
                ints("st", &[-2, 1]),
            ],
            &[1, 2],
            &[3.0, 1.0],
        ),
        (
            node("Slice", &["c", "s", "e"], &["y"]),
            vec![ints("s", &[1]), ints("e", &[i64::MAX])],
            &[1, 3],
            &[4.0, 5.0, 6.0],
        ),
        (
            node("Concat", &["c", "c"], &["y"]).int("axis", -2),
            vec![],
            &[4, 3],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        (
            node("Expand", &["s", "to"], &["y"]),
            vec![floats("s", &[2, 1], &[1.0, 2.0]), ints("to", &[2, 1, 3])],
            &[2, 2, 3],
            &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0],
        ),
        (
            node("Squeeze", &["s"], &["y"]),
            vec![floats("s", &[1, 2, 1], &[1.0, 2.0])],
            &[2],
            &[1.0, 2.0],
        ),
        (node("Shape", &["c"], &["y"]), vec![], &[2], &[2.0, 3.0]),
        (node("Shape", &["c"], &["y"]).int("start", -1), vec![], &[1], &[3.0]),
        (node("Size", &["c"], &["y"]), vec![], &[], &[6.0]),
        (
            node("ConstantOfShape", &["s"], &["y"]).tensor("value", longs("", &[1], &[7])),
            vec![ints("s", &[2, 1])],
            &[2, 1],
            &[7.0, 7.0],
        ),
        (node("ConstantOfShape", &["s"], &["y"]), vec![ints("s", &[0])], &[0], &[]),
    ];
    for (node, initializers, shape, values) in cases {
        let text = format!("{node:?}");
        let (got_shape, got) = fold(vec![node], initializers);
        assert_eq!((&got_shape[..], &got[..]), (shape, values), "{text}");
    }
}

#[test]
fn arithmetic_rounds_to_the_element_type() {
    let cases: Vec<(&str, Tensor, Vec<f64>)> = vec![
        ("Add", floats("b", &[], &[0.1]), vec![f64::from(1.0 + 0.1f32), f64::from(2.0 + 0.1f32)]),
        ("Sub", floats("b", &[1], &[0.1]), vec![f64::from(1.0 - 0.1f32), f64::from(2.0 - 0.1f32)]),
        ("Mul", floats("b", &[2], &[0.1, 0.7]), vec![f64::from(0.1f32), f64::from(2.0 * 0.7f32)]),
        ("Div", floats("b", &[], &[3.0]), vec![f64::from(1f32 / 3.0), f64::from(2f32 / 3.0)]),
        ("Pow", floats("b", &[], &[0.5]), vec![1.0, f64::from(2f32.sqrt())]),
        ("Pow", longs("b", &[], &[3]), vec![1.0, 8.0]),
        ("Equal", floats("b", &[], &[2.0]), vec![0.0, 1.0]),
    ];
    for (op, right, expected) in cases {
        let left = floats("a", &[2], &[1.0, 2.0]);
        let (_, got) = fold(vec![node(op, &["a", "b"], &["y"])], vec![left, right]);
        assert_eq!(got, expected, "{op}");
    }
    for (op, expected) in
        [("Neg", -2.5), ("Sqrt", f64::from(2.5f32.sqrt())), ("Reciprocal", f64::from(0.4f32))]
    {
        let (_, got) = fold(vec![node(op, &["a"], &["y"])], vec![floats("a", &[], &[2.5])]);
        assert_eq!(got, [expected], "{op}");
    }
    let quotient = vec![node("Div", &["a", "b"], &["y"])];
    let integers = vec![longs("a", &[2], &[-7, 7]), longs("b", &[], &[2])];
    assert_eq!(fold(quotient, integers).1, [-3.0, 3.0], "integers truncate");
    let cast = |to, value| {
        fold(vec![node("Cast", &["a"], &["y"]).int("to", to)], vec![floats("a", &[], &[value])]).1
            [0]
    };
    assert_eq!((cast(7, -2.9), cast(9, 0.5), cast(10, 0.1)), (-2.0, 1.0, 0.0999755859375));
}

#[test]
fn choice_between_constants() {
    let condition =
        vec![node("Equal", &["a", "b"], &["e"]), node("Where", &["e", "b", "a"], &["y"])];
    let tensors = vec![longs("a", &[3], &[-1, 4, -1]), longs("b", &[3], &[-1, 9, 7])];
    assert_eq!(fold(condition, tensors).1, [-1.0, 4.0, -1.0]);
}

#[test]
fn constants_of_every_kind() {
    let attr = |kind, it: Attribute| Attribute { kind, ..it };
    let none = Attribute::default;
    let cases: Vec<(&str, Attribute, &[usize], &[f64])> = vec![
        ("value_float", attr(1, Attribute { f: Some(0.5), ..none() }), &[], &[0.5]),
        ("value_int", attr(2, Attribute { i: Some(-3), ..none() }), &[], &[-3.0]),
        (
            "value_floats",
            attr(6, Attribute { floats: vec![0.5, 1.0], ..none() }),
            &[2],
            &[0.5, 1.0],
        ),
        ("value_ints", attr(7, Attribute { ints: vec![4], ..none() }), &[1], &[4.0]),
        (
            "value",
            attr(4, Attribute { t: Some(Box::new(longs("", &[1, 1], &[9]))), ..none() }),
            &[1, 1],
            &[9.0],
        ),
    ];
    for (name, value, shape, values) in cases {
        let (got_shape, got) = fold(vec![node("Constant", &[], &["y"]).attr(name, value)], vec![]);
        assert_eq!((&got_shape[..], &got[..]), (shape, values), "{name}");
    }
}

/// `x.view(x.size(0), -1)` behind layers, as old PyTorch writes it.
#[test]
fn a_flattening_preamble_becomes_a_constant() {
    let nodes = vec![
        node("Relu", &["x"], &["r"]),
        node("MatMul", &["r", "w"], &["m"]),
        node("Transpose", &["m"], &["t"]).ints("perm", &[0, 2, 1]),
        node("Shape", &["t"], &["s"]),
        node("Gather", &["s", "zero"], &["b"]).int("axis", 0),
        node("Unsqueeze", &["b", "axes"], &["u"]),
        node("Concat", &["u", "rest"], &["to"]).int("axis", 0),
        node("Reshape", &["m", "to"], &["y"]),
    ];
    let initializers = vec![
        floats("w", &[3, 4], &[0.0; 12]),
        longs("zero", &[], &[0]),
        longs("axes", &[1], &[0]),
        longs("rest", &[1], &[-1]),
    ];
    let model = load(&bytes(nodes, initializers, &["y"]));
    expect![[r#"
        relu_0: Relu@13(x) -> r {}
        matmul_0: MatMul@13(r, w) -> m {}
        reshape_0: Reshape@13(m, to) -> y {}
    "#]]
    .assert_eq(&dump(&model));
    assert_eq!(elements(&model, "to"), [1.0, -1.0]);
    assert_eq!(model.constants.keys().collect::<Vec<_>>(), ["to", "w"]);
    assert!(model.unused.is_empty(), "what folding used is used: {:?}", model.unused);
}

/// Shapes survive every kind of layer: each case reports the shape of its output.
#[test]
fn shapes_of_layers() {
    let weights = || {
        vec![
            floats("w", &[8, 2, 3], &[0.0; 48]),
            floats("wt", &[2, 5, 2], &[0.0; 20]),
            floats("g", &[3, 7], &[0.0; 21]),
            floats("k", &[1, 12, 3], &[0.0; 36]),
            floats("r", &[1, 12, 3], &[0.0; 36]),
            longs("pads", &[6], &[0, 1, 0, 0, 0, 2]),
            longs("parts", &[2], &[1, 2]),
        ]
    };
    let cases: Vec<(Node, &[f64])> = vec![
        (
            node("Conv", &["x", "w"], &["o"]).ints("pads", &[1, 1]).ints("strides", &[2]),
            &[1.0, 8.0, 2.0],
        ),
        (node("ConvTranspose", &["x", "wt"], &["o"]).ints("strides", &[2]), &[1.0, 5.0, 6.0]),
        (
            node("MaxPool", &["x"], &["o"]).ints("kernel_shape", &[2]).int("ceil_mode", 1),
            &[1.0, 2.0, 2.0],
        ),
        (node("GlobalAveragePool", &["x"], &["o"]), &[1.0, 2.0, 1.0]),
        (node("MatMul", &["x", "g"], &["o"]), &[1.0, 2.0, 7.0]),
        (node("ReduceMean", &["x"], &["o"]).ints("axes", &[-1]).int("keepdims", 0), &[1.0, 2.0]),
        (node("ArgMax", &["x"], &["o"]).int("axis", 1), &[1.0, 1.0, 3.0]),
        (node("Pad", &["x", "pads"], &["o"]), &[1.0, 3.0, 5.0]),
        (node("Split", &["x", "parts"], &["o", "p"]).int("axis", 2), &[1.0, 2.0, 1.0]),
        (node("GRU", &["x", "k", "r"], &["", "o"]), &[1.0, 2.0, 3.0]),
        (node("LSTM", &["x", "k", "r"], &["o"]), &[1.0, 1.0, 2.0, 3.0]),
        (node("Softmax", &["x"], &["o"]), &[1.0, 2.0, 3.0]),
        (node("onnx.brevitas::Quant", &["x"], &["o"]), &[1.0, 2.0, 3.0]),
        (node("Add", &["x", "wt"], &["o"]), &[]),
    ];
    for (layer, shape) in cases {
        let text = format!("{layer:?}");
        let nodes = vec![layer, node("Shape", &["o"], &["y"])];
        match super::super::load("m.onnx", &bytes(nodes, weights(), &["y"])) {
            Ok(model) => assert_eq!(elements(&model, "y"), shape, "{text}"),
            Err(problems) => assert!(shape.is_empty(), "{text}: {problems}"),
        }
    }
}

/// A quantizer changes weights where they are, but not if somebody else reads them.
#[test]
fn quantizers_that_share_a_constant() {
    let quantizer = |scale: &str, to: &str| {
        node("qonnx.custom_op.general::Quant", &["c", scale, "zero", "bits"], &[to])
    };
    let nodes =
        vec![quantizer("two", "a"), quantizer("four", "b"), node("Add", &["a", "b"], &["y"])];
    let one = |name: &str, value| floats(name, &[], &[value]);
    let constants = vec![one("two", 2.0), one("four", 4.0), one("zero", 0.0), one("bits", 8.0)];
    // 0, 2, 4, 4, 4, 6 and 0, 0, 4, 4, 4, 8.
    assert_eq!(fold(nodes, constants).1, [0.0, 2.0, 8.0, 8.0, 8.0, 14.0]);
}

/// A file exported with batch 4 repeats the 4 in its targets; a weight's 4 is no batch.
#[test]
fn a_fixed_batch_in_targets() {
    let nodes = vec![
        node("Reshape", &["x", "to"], &["a"]),
        node("Shape", &["a"], &["s"]),
        node("Reshape", &["w", "to"], &["b"]),
        node("Add", &["a", "b"], &["c"]),
    ];
    let weights = vec![longs("to", &[2], &[4, -1]), floats("w", &[24], &[0.0; 24])];
    let mut model = model(nodes, weights, &["s", "b", "c"]);
    model.graph.as_mut().unwrap().input = vec![value("x", &[4, 2, 3])];
    let model = load(&model.encode_to_vec());
    assert_eq!(elements(&model, "s"), [1.0, 6.0]);
    assert_eq!(model.constants["b"].shape(), [4, 6]);
}
