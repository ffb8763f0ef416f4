//! One broken model per message.

use expect_test::{Expect, expect};
use prost::Message;

use super::*;
use crate::frontend::onnx::proto::{Entry, Function, SparseTensor};
use crate::source::InputShapes;

/// All problems, one per line.
fn problems(bytes: &[u8]) -> String {
    match super::super::load("m.onnx", bytes) {
        Ok(model) => panic!("it loads:\n{}", dump(&model)),
        Err(problems) => problems.to_string(),
    }
}

fn check(bytes: &[u8], expected: &Expect) {
    expected.assert_eq(&problems(bytes));
}

/// A model whose nodes make `y`.
fn check_nodes(nodes: Vec<Node>, expected: &Expect) {
    let weights = vec![
        floats("c", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        longs("one", &[], &[1]),
        longs("two", &[1], &[2]),
    ];
    check(&bytes(nodes, weights, &["y"]), expected);
}

/// A model that uses the tensor `w`.
fn check_tensor(tensor: Tensor, expected: &Expect) {
    let tensor = Tensor { name: "w".to_owned(), ..tensor };
    check(&bytes(vec![node("Add", &["x", "w"], &["y"])], vec![tensor], &["y"]), expected);
}

fn check_input(change: impl FnOnce(&mut ValueInfo), expected: &Expect) {
    let mut model = model(vec![node("Relu", &["x"], &["y"])], vec![], &["y"]);
    change(&mut model.graph.as_mut().unwrap().input[0]);
    check(&model.encode_to_vec(), expected);
}

fn check_attr(attr: Attribute, expected: &Expect) {
    check_nodes(vec![node("Op", &["x"], &["y"]).attr("a", attr)], expected);
}

#[test]
fn files() {
    check(
        b"\x3a\xff",
        &expect![
            "m.onnx: not a readable ONNX model: failed to decode Protobuf message: Model.graph: invalid varint"
        ],
    );
    let empty = Model { ir_version: 7, ..Default::default() };
    check(&empty.encode_to_vec(), &expect!["m.onnx: the model has no graph"]);
    check(&bytes(vec![], vec![], &[]), &expect!["m.onnx: the graph has no outputs"]);
    let limit = super::super::MAX_BYTES;
    assert!(super::super::check_size(limit).is_ok());
    let error = super::super::check_size(limit + 1).unwrap_err();
    expect!["the file has 1073741825 bytes, more than the limit of 1073741824"]
        .assert_eq(&error.to_string());
}

#[test]
fn opsets_and_functions() {
    let relu = || vec![node("Relu", &["x"], &["a"]), node("Relu", &["a"], &["y"])];
    let mut broken = model(relu(), vec![], &["y"]);
    broken.opset_import.clear();
    check(
        &broken.encode_to_vec(),
        &expect!["m.onnx: no opset version is given for the standard domain"],
    );
    broken.opset_import = vec![Opset { domain: "d".to_owned(), version: -1 }];
    broken.opset_import.push(Opset { domain: String::new(), version: 13 });
    check(
        &broken.encode_to_vec(),
        &expect!["m.onnx: opset version -1 of domain `d` does not exist"],
    );
    let mut broken = model(relu(), vec![], &["y"]);
    broken.functions = vec![Function { name: "f".to_owned(), domain: "pkg".to_owned() }];
    check(
        &broken.encode_to_vec(),
        &expect!["m.onnx: the model defines the function `pkg::f`; functions are not supported"],
    );
}

#[test]
fn everything_refused_is_said_at_once() {
    let graph = Attribute { g: Some(vec![]), kind: 5, ..Default::default() };
    let nodes = vec![
        node("If", &["x"], &["a"]).attr("then_branch", graph.clone()),
        node("Loop", &["a"], &["b"]).named("loop"),
        node("my::Own", &["b"], &["c"]).attr("body", graph),
        node("", &["c"], &["y"]).named("nameless"),
    ];
    let mut model = model(nodes, vec![], &["y"]);
    let values = Some(Tensor { name: "sparse".to_owned(), ..Default::default() });
    model.graph.as_mut().unwrap().sparse_initializer.push(SparseTensor { values });
    check(
        &model.encode_to_vec(),
        &expect![[r#"
        m.onnx:sparse: a sparse initializer; only dense ones are supported
        m.onnx:if_0: control flow (If) is not supported
        m.onnx:loop: control flow (Loop) is not supported
        m.onnx:own_0: control flow (my::Own) is not supported
        m.onnx:nameless: a node without operator type"#]],
    );
}

#[test]
fn links() {
    check_nodes(
        vec![node("Relu", &["nothing"], &["y"])],
        &expect!["m.onnx:relu_0: tensor `nothing` is read, but nothing makes it"],
    );
    check_nodes(
        vec![node("Relu", &["x"], &["z"])],
        &expect!["m.onnx: tensor `y` is read, but nothing makes it"],
    );
    check_nodes(
        vec![node("Relu", &["x"], &["y"]), node("Tanh", &["x"], &["y"])],
        &expect!["m.onnx:tanh_0: tensor `y` is defined more than once"],
    );
    let cycle = vec![
        node("Relu", &["x"], &["a"]),
        node("Add", &["a", "d"], &["b"]),
        node("Tanh", &["b"], &["t"]),
        node("Sigmoid", &["t"], &["d"]),
        node("Relu", &["d"], &["y"]),
    ];
    check_nodes(
        cycle,
        &expect!["m.onnx: the graph has a cycle: tanh_0 -> sigmoid_0 -> add_0 -> tanh_0"],
    );
}

#[test]
fn weights_elsewhere() {
    let entry = |key: &str, value: &str| Entry { key: key.to_owned(), value: value.to_owned() };
    let external = |name: &str| Tensor {
        name: name.to_owned(),
        data_type: 1,
        dims: vec![1 << 40],
        external_data: vec![entry("location", "m.onnx.data"), entry("offset", "0")],
        data_location: 1,
        ..Default::default()
    };
    let nodes = vec![node("Gemm", &["x", "w", "b"], &["y"])];
    check(
        &bytes(nodes, vec![external("w"), external("b")], &["y"]),
        &expect![[r#"
        m.onnx: 2 tensors (`w`, ...) are stored outside the model, in the file `m.onnx.data`
          help: export with the weights inside the model: torch.onnx.export(..., external_data=False)"#]],
    );
    let constant = node("Constant", &[], &["y"]).tensor("value", external(""));
    check_nodes(
        vec![constant],
        &expect![
            "m.onnx:constant_0: attribute `value`: it is stored outside the model, in the file `m.onnx.data`"
        ],
    );
}

#[test]
fn inputs() {
    check_input(|it| it.kind = None, &expect!["m.onnx:x: model input: its type is not a tensor"]);
    let tensor = |it: &mut ValueInfo, change: fn(&mut TensorKind)| {
        change(it.kind.as_mut().unwrap().tensor.as_mut().unwrap());
    };
    check_input(
        |it| tensor(it, |it| it.shape = None),
        &expect![[r#"
            m.onnx:x: model input: its shape is not given
              help: give the shape of a sample: --input-shape 3,16,16, or InputShape of Model"#]],
    );
    check_input(
        |it| tensor(it, |it| it.elem_type = 8),
        &expect!["m.onnx:x: model input: it holds strings, not numbers"],
    );
    check_input(
        |it| *it = value("x", &[]),
        &expect!["m.onnx:x: model input: it is a scalar; the first axis must be the batch"],
    );
    check_input(
        |it| *it = value("x", &[-1; 17]),
        &expect!["m.onnx:x: model input: it has 17 axes, more than 16"],
    );
    check_input(
        |it| *it = value("x", &[1, 1 << 30, 1 << 30]),
        &expect!["m.onnx:x: model input: its shape [1073741824, 1073741824] is too large"],
    );
    check_input(
        |it| *it = value("x", &[1, -1, 3, 0]),
        &expect![[r#"
            m.onnx:x: model input: only the batch may be dynamic, but so is `batch`, `axis 3`
              help: give the shape of a sample: --input-shape 3,16,16, or InputShape of Model"#]],
    );
}

#[test]
fn shapes_of_the_user() {
    let load = |dims: &[i64], shapes: InputShapes| {
        let mut model = model(vec![node("Relu", &["x"], &["y"])], vec![], &["y"]);
        model.graph.as_mut().unwrap().input[0] = value("x", dims);
        super::super::load_beside("m.onnx", model.encode_to_vec(), None, &shapes)
    };
    let only = |shape: &[usize]| InputShapes { only: Some(shape.to_vec()), ..Default::default() };
    for dims in [[-1, -1, 3, 0], [1, 2, 3, 4]] {
        let model = load(&dims, only(&[5, 6, 7])).unwrap();
        assert_eq!(model.inputs[0].shape, [5, 6, 7]);
    }
    let told = |shapes| load(&[1, -1, 3], shapes).unwrap_err().to_string();
    let expected = expect![
        "m.onnx:x: model input: the shape 5,6,7 that was given has 3 axes, the input has 2 without the batch"
    ];
    expected.assert_eq(&told(only(&[5, 6, 7])));
    let named = [("z".to_owned(), vec![5, 6])].into();
    let expected = expect![[r#"
        m.onnx: model input: the shape 5,6 is for the input z, which the model does not have (it has x)
        m.onnx:x: model input: only the batch may be dynamic, but so is `batch`
          help: give the shape of a sample: --input-shape 3,16,16, or InputShape of Model"#]];
    expected.assert_eq(&told(InputShapes { only: None, named }));
    let expected = expect!["m.onnx:x: model input: its shape [268435456, 268435456] is too large"];
    expected.assert_eq(&told(only(&[1 << 28; 2])));
}

#[test]
fn tensors() {
    let tensor = |data_type, dims: &[i64], raw: &[u8]| Tensor {
        data_type,
        dims: dims.to_vec(),
        raw_data: raw.to_vec(),
        ..Default::default()
    };
    check_tensor(
        tensor(8, &[1], &[]),
        &expect!["m.onnx:w: constant tensor: it holds strings, not numbers"],
    );
    check_tensor(
        tensor(14, &[1], &[0; 8]),
        &expect!["m.onnx:w: constant tensor: it holds complex numbers"],
    );
    check_tensor(
        tensor(17, &[1], &[0]),
        &expect!["m.onnx:w: constant tensor: element type number 17 is not supported"],
    );
    check_tensor(
        tensor(1, &[-1], &[]),
        &expect!["m.onnx:w: constant tensor: its shape [-1] has a negative extent"],
    );
    check_tensor(
        tensor(1, &[1; 17], &[0; 4]),
        &expect!["m.onnx:w: constant tensor: it has 17 axes, more than 16"],
    );
    check_tensor(
        tensor(1, &[1 << 40, 1 << 40], &[0; 4]),
        &expect![
            "m.onnx:w: constant tensor: its shape [1099511627776, 1099511627776] is too large"
        ],
    );
    check_tensor(
        tensor(1, &[1 << 40], &[0; 4]),
        &expect![
            "m.onnx:w: constant tensor: its shape needs 4398046511104 bytes, but 4 are stored"
        ],
    );
    check_tensor(
        tensor(1, &[1 << 40], &[]),
        &expect![
            "m.onnx:w: constant tensor: its shape needs 1099511627776 stored values, but there are 0"
        ],
    );
    let twice = Tensor { float_data: vec![0.0], ..tensor(1, &[1], &[0; 4]) };
    check_tensor(
        twice,
        &expect!["m.onnx:w: constant tensor: it stores its data twice, raw and typed"],
    );
    let byte = Tensor { int32_data: vec![200], ..tensor(3, &[1], &[]) };
    check_tensor(
        byte,
        &expect!["m.onnx:w: constant tensor: the value 200 does not fit its element type"],
    );
    let precise = Tensor { int64_data: vec![(1 << 53) + 1], ..tensor(7, &[1], &[]) };
    check_tensor(
        precise,
        &expect![
            "m.onnx:w: constant tensor: the integer 9007199254740993 is beyond 2^53 and not exact as a float"
        ],
    );
}

#[test]
fn attributes() {
    let none = Attribute::default;
    check_attr(
        Attribute { kind: 13, ..none() },
        &expect!["m.onnx:op_0: attribute `a`: a type is not supported"],
    );
    check_attr(
        Attribute { kind: 99, ..none() },
        &expect!["m.onnx:op_0: attribute `a`: attribute type number 99 is not known"],
    );
    check_attr(
        Attribute { ref_attr_name: "outer".to_owned(), ..none() },
        &expect!["m.onnx:op_0: attribute `a`: it refers to `outer` of an enclosing function"],
    );
    check_attr(
        Attribute { s: Some(vec![0xff]), kind: 3, ..none() },
        &expect!["m.onnx:op_0: attribute `a`: its text is not UTF-8"],
    );
    let strings = Tensor { data_type: 8, ..Default::default() };
    check_attr(
        Attribute { t: Some(Box::new(strings)), kind: 4, ..none() },
        &expect!["m.onnx:op_0: attribute `a`: it holds strings, not numbers"],
    );
    check_nodes(
        vec![node("Op", &["x"], &["y"]).int("a", 1).int("a", 2)],
        &expect!["m.onnx:op_0: attribute `a`: it is given more than once"],
    );
}

#[test]
fn shapes_needed_but_unknown() {
    let nodes = vec![
        node("NonZero", &["x"], &["a"]).named("lost"),
        node("Relu", &["a"], &["b"]),
        node("Shape", &["b"], &["y"]),
    ];
    check_nodes(
        nodes,
        &expect![
            "m.onnx:shape_0: constant folding: the shape of `b` is not known; it got lost at node `lost` (NonZero)"
        ],
    );
}

#[test]
fn constant_expressions() {
    let one = |node: Node, expected: &Expect| check_nodes(vec![node], expected);
    one(
        node("Gather", &["c", "two"], &["y"]),
        &expect!["m.onnx:gather_0: constant folding: index 2 is outside an axis of 2"],
    );
    one(
        node("Gather", &["c", "one"], &["y"]).int("axis", 2),
        &expect!["m.onnx:gather_0: constant folding: axis 2 does not exist in a tensor of 2 axes"],
    );
    one(
        node("Concat", &["c", "c"], &["y"]),
        &expect!["m.onnx:concat_0: constant folding: attribute axis is missing"],
    );
    one(
        node("Gather", &["c"], &["y"]),
        &expect!["m.onnx:gather_0: constant folding: an operand is missing"],
    );
    one(
        node("Constant", &[], &["y"]),
        &expect!["m.onnx:constant_0: constant folding: the value of the constant is missing"],
    );
    one(
        node("Add", &["c", "two"], &["y"]),
        &expect!["m.onnx:add_0: constant folding: its operands have different element types"],
    );
    one(
        node("Expand", &["c", "two"], &["y"]),
        &expect!["m.onnx:expand_0: constant folding: shapes [2, 3] and [2] do not fit"],
    );
    one(
        node("Reshape", &["c", "two"], &["y"]),
        &expect!["m.onnx:reshape_0: constant folding: shape [2, 3] cannot become [2]"],
    );
    one(
        node("Squeeze", &["c", "one"], &["y"]),
        &expect!["m.onnx:squeeze_0: constant folding: extent to squeeze is 3"],
    );
    one(
        node("Transpose", &["c"], &["y"]).int("perm", 0),
        &expect![
            "m.onnx:transpose_0: constant folding: perm is no permutation of the axes; its length is 1"
        ],
    );
    one(
        node("Transpose", &["c"], &["y"]).attr("perm", text("up")),
        &expect![[
            r#"m.onnx:transpose_0: constant folding: attribute perm is Str("up"), expected a list of integers"#
        ]],
    );
    one(
        node("Identity", &["c"], &["y"]).int("mode", 0).int("kind", 1),
        &expect!["m.onnx:identity_0: constant folding: unknown attributes `kind`, `mode`"],
    );
    one(
        node("Cast", &["c"], &["y"]).int("to", 8),
        &expect!["m.onnx:cast_0: constant folding: it holds strings, not numbers"],
    );
    one(
        node("Cast", &["c"], &["y"]).int("to", 0),
        &expect!["m.onnx:cast_0: constant folding: element type number 0 is not supported"],
    );
    let long = longs("long", &[5000], &[1; 5000]);
    let reshape = node("Reshape", &["long", "long"], &["y"]);
    check(
        &bytes(vec![reshape], vec![long], &["y"]),
        &expect!["m.onnx:reshape_0: constant folding: length of a parameter is 5000"],
    );
    let doubled: Vec<Node> = (0..60)
        .map(|it| {
            let from = if it == 0 { "c".to_owned() } else { format!("c{it}") };
            let to = if it == 59 { "y".to_owned() } else { format!("c{}", it + 1) };
            node("Concat", &[&from, &from], &[&to]).int("axis", 0)
        })
        .collect();
    check_nodes(
        doubled,
        &expect![
            "m.onnx:concat_16: constant folding: its result of shape [262144, 3] is too large for a constant"
        ],
    );
    let far = longs("far", &[1], &[1 << 35]);
    let huge = node("ConstantOfShape", &["far"], &["y"]);
    check(
        &bytes(vec![huge], vec![far], &["y"]),
        &expect![
            "m.onnx:constantofshape_0: constant folding: its result of shape [34359738368] is too large for a constant"
        ],
    );
    let half = vec![node("Cast", &["n"], &["y"]).int("to", 2)];
    check(
        &bytes(half, vec![floats("n", &[], &[-1.5])], &["y"]),
        &expect!["m.onnx:cast_0: constant folding: the result -1.5 does not fit the element type"],
    );
}

fn text(value: &str) -> Attribute {
    Attribute { s: Some(value.as_bytes().to_vec()), kind: 3, ..Default::default() }
}

/// Moved integers are integers still; what is cast or dequantized is not.
#[test]
fn integers_are_not_computed_with() {
    let load = |op: &str, from: &str| {
        let nodes = vec![
            node("Transpose", &["x"], &["t"]).ints("perm", &[0, 2, 1]),
            node("Cast", &["t"], &["f"]).int("to", 1),
            node(op, &[from, from], &["y"]),
        ];
        let mut model = model(nodes, vec![], &["y"]);
        let input = &mut model.graph.as_mut().unwrap().input[0];
        input.kind.as_mut().unwrap().tensor.as_mut().unwrap().elem_type = 3;
        super::super::load("m.onnx", &model.encode_to_vec()).map_err(|it| it.to_string())
    };
    let refusal = "m.onnx:div_0: Div of integers is not supported; Cast or DequantizeLinear makes \
                   them floats";
    assert_eq!(load("Div", "t").unwrap_err(), refusal);
    assert!(load("Max", "t").is_ok() && load("Div", "f").is_ok());
}
