//! Descriptions that are wrong, and nodes that do not fit them.

use std::collections::BTreeMap;

use super::*;
use crate::layers::import_with;
use crate::source::{Attrs, RawInput, RawModel};

fn problems(text: &str) -> String {
    OwnLayers::read("own.yml", text).unwrap_err().to_string()
}

#[test]
fn every_fault_of_a_description_is_told() {
    let text = "
layers:
  - class: One
    function: x * sigmoid(alpha x)
    weight: [a]
  - class: Two
    operands: [x, y]
    attributes: {alpha: ~, beta: [1], mode: fast}
    weights: [x, 2b]
    lowering: fast
    function: x + gamma + mode
  - function: x
  - class: ReLU
    function: max(x, 0)
  - class: softplus
    framework: keras
    function: x
  - class: Three
    function: 2 * x
  - class: Package>Three
    framework: onnx
    function: 3 * x
    description: 4
";
    let expected = "\
own.yml:One: there is no key weight, is weights meant?
own.yml:One: function: expected a closing parenthesis at character 19, found \"x\"
own.yml:Two: lowering is \"fast\", expected auto, table or units
own.yml:Two: beta is a list, expected a number, text, or nothing if there is no default
own.yml:Two: x is declared twice
own.yml:Two: \"2b\" is no name: letters, digits and underscores, a letter first
own.yml:Two: gamma is in the function, but is no operand, weight or attribute with a number
own.yml:Two: mode is in the function, but is no operand, weight or attribute with a number
own.yml:Two: operand y is not in the function
own.yml:Two: weight 2b is not in the function
own.yml:Two: attribute without default alpha is not in the function
own.yml:layer 3: class is missing
own.yml:ReLU: nn2rtl has ReLU itself, and a layer of its own cannot be changed
own.yml:softplus: nn2rtl has softplus itself, and a layer of its own cannot be changed
own.yml:Package>Three: description is 4, expected text";
    assert_eq!(problems(text), expected);
    assert!(problems("layers: [").starts_with("own.yml: not valid YAML"));
    assert_eq!(problems("layers: []"), "own.yml: layers is missing");
    assert_eq!(problems("layers: 3"), "own.yml: layers is 3, expected a list");
    assert_eq!(problems("[]"), "own.yml: the file is a list, expected a map");
    let twice = "layers: [{class: A, function: x}, {class: A, framework: onnx, function: x}]";
    assert_eq!(problems(twice), "own.yml:A: A is described already, in own.yml");
    let apart = "layers: [{class: A, framework: keras, function: x},
                          {class: A, framework: onnx, function: x}]";
    OwnLayers::read("own.yml", apart).unwrap();
}

#[test]
fn every_fault_of_a_kernel_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(scratch.path().join(name), text).unwrap();
    write("f.h", "namespace own {}");
    write("f.sv", "// module other\nmodule f #(parameter int N = 1) (input x);\nendmodule\n");
    let file = scratch.path().join("own.yml");
    let file = file.to_str().unwrap();
    let read = |text: &str| OwnLayers::read(file, text);
    let told = |text: &str| {
        let found = read(text).unwrap_err().to_string();
        let lines = found.lines().map(|it| it.strip_prefix(file).unwrap_or(it).to_owned());
        lines.collect::<Vec<_>>().join("\n")
    };
    let expected = "\
:A: there is no key delay_n, is delay_ns meant?
:A: sv is missing
:A: delay_ns is missing
:A: cpp is \"f.txt\", expected a file .h or .hpp with a name of letters, digits, _, - and .
:A: function is \"f\", expected own::name, or own::name<operand, result> for a template
:A: module is \"nn_f\", expected a name that does not begin with nn_
:A: latency is -1, expected a whole number of cycles from 0 to 64
:A: operand has 17 bits, or a point far from them; a kernel has up to 16
:A: result is \"auto\", expected a fixed-point type";
    let faulty = "layers: [{class: A, function: x, kernel: {cpp: f.txt, function: f, module: nn_f,
        latency: -1, delay_n: 1, operand: 'fixed<17,3>', result: auto}}]";
    assert_eq!(told(faulty), expected);
    let kernel = |rest: &str, more: &str| {
        format!(
            "layers: [{{class: A, function: x, kernel: {{cpp: f.h, function: own::f, delay_ns: 1.5,
             operand: 'fixed<8,3>', result: 'fixed<8,1>', {rest}}}, {more}}}]"
        )
    };
    let found = told(&kernel("sv: f.sv, module: other", "lowering: table"));
    let expected = "\
:A: f.sv has no module other
:A: a kernel is how the layer is built, so that lowering says nothing";
    assert_eq!(found, expected);
    let found = told(&kernel("sv: g.sv, module: g", ""));
    assert!(found.starts_with(":A: g.sv cannot be read: "), "{found}");
    let found = told(&kernel("sv: f.sv, module: f", "attributes: {x: 1}, operands: [y]"));
    assert!(found.starts_with(":A: a kernel is a function of one operand"), "{found}");
    let good = kernel("sv: f.sv, module: f, latency: 3", "");
    let mut own = read(&good).unwrap();
    let (at, made) = own.kernels_mut().next().unwrap();
    assert_eq!((&*at.node, made.kernel.delay_ps, made.kernel.latency), ("A", 1500, 3));
    assert!(made.table.is_none() && !made.kernel.typed);
    // Another file of the same name; names of files and modules are the project's.
    std::fs::create_dir(scratch.path().join("b")).unwrap();
    write("b/f.sv", "module f (); endmodule");
    let other = kernel("sv: b/f.sv, module: f", "").replace("class: A", "class: B");
    let found = own.extend(read(&other).unwrap()).unwrap_err().to_string();
    assert!(found.ends_with(":B: file name f.sv is also that of A, and another one"), "{found}");
    write("g.sv", "module f (); endmodule");
    let other = other.replace("b/f.sv", "g.sv");
    let found = own.extend(read(&other).unwrap()).unwrap_err().to_string();
    assert!(found.ends_with(":B: module name f is also that of A, and another one"), "{found}");
}

/// Imports one node with attributes and weights; its result for `x = [1, -2]`, or what is wrong.
fn import_one(
    text: &str,
    attrs: &[(&str, Attr)],
    weights: &[(&str, Vec<f64>)],
) -> std::result::Result<Vec<f64>, String> {
    let own = OwnLayers::read("own.yml", text).unwrap_or_else(|it| panic!("{it}"));
    let tensor = |it: &Vec<f64>| Tensor::from_shape_vec(vec![it.len()], it.clone()).unwrap();
    let node = RawNode {
        name: "n".into(),
        dialect: Dialect::Keras3,
        op: "Mine".into(),
        version: 3,
        inputs: vec![Some("x".into())],
        outputs: vec!["n".into()],
        attrs: Attrs::new(attrs.iter().map(|it| (it.0.to_owned(), it.1.clone())).collect()),
        weights: weights.iter().map(|it| (it.0.to_owned(), tensor(&it.1))).collect(),
    };
    let model = RawModel {
        file: "m".into(),
        format: "test",
        inputs: vec![RawInput { name: "x".into(), shape: vec![2] }],
        outputs: vec!["n".into()],
        nodes: vec![node],
        constants: BTreeMap::new(),
        unused: Vec::new(),
    };
    let graph = import_with(model, &own).map_err(|it| it.to_string())?;
    let y = crate::nn::evaluate(&graph, &[tensor(&vec![1.0, -2.0])], |_, _| {});
    Ok(y[0].iter().copied().collect())
}

const MINE: &str = "layers: [{class: Mine, attributes: {a: 3, needed: ~, mode: fast, fixed: 7},
    ignored: [rate], weights: [w], function: a * x + needed * w}]";

#[test]
fn attributes_and_weights_have_their_values() {
    let needed = ("needed", Attr::Int(2));
    let weights = [("w", vec![0.5, 1.0])];
    let made = import_one(MINE, std::slice::from_ref(&needed), &weights);
    assert_eq!(made.unwrap(), [4.0, -4.0]);
    let all = [
        needed.clone(),
        ("a", Attr::Float(0.5)),
        ("mode", Attr::Str("fast".into())),
        ("fixed", Attr::Int(7)),
        ("rate", Attr::Float(0.1)),
        ("trainable", Attr::Bool(true)),
        ("w_initializer", Attr::Map(BTreeMap::new())),
    ];
    // A file that only numbers the weights.
    let made = import_one(MINE, &all, &[("0", vec![0.5, 1.0])]);
    assert_eq!(made.unwrap(), [1.5, 1.0]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let needed = || ("needed", Attr::Int(2));
    let weights = || vec![("w", vec![0.5, 1.0])];
    type Case = (Vec<(&'static str, Attr)>, Vec<(&'static str, Vec<f64>)>, &'static str);
    let cases: Vec<Case> = vec![
        (
            vec![],
            weights(),
            "Mine has no attribute needed, and its description has no default for it",
        ),
        (
            vec![needed(), ("seed", Attr::Int(1)), ("dropout", Attr::Float(0.5))],
            weights(),
            "Mine has attributes that its description does not declare: dropout = Float(0.5), seed = Int(1)",
        ),
        (
            vec![needed(), ("mode", Attr::Str("slow".into()))],
            weights(),
            "Mine with mode = Str(\"slow\") does not fit its description, which has \"fast\" only",
        ),
        (
            vec![needed(), ("fixed", Attr::Int(8))],
            weights(),
            "Mine with fixed = Int(8) does not fit its description, which has 7 only",
        ),
        (
            vec![needed(), ("a", Attr::Str("3".into()))],
            weights(),
            "Mine with a = Str(\"3\") does not fit its description, which has a number",
        ),
        (vec![needed()], vec![], "Mine has no weight w (stored: none)"),
        (
            vec![needed()],
            vec![("w", vec![0.5, 1.0]), ("v", vec![1.0])],
            "Mine has 2 weights, its description 1",
        ),
        (
            vec![needed()],
            vec![("w", vec![0.5, f64::NAN])],
            "w holds values that are NaN or infinite",
        ),
        (
            vec![needed()],
            vec![("w", vec![0.5, 1.0, 2.0])],
            "input shape [2] and [3] does not fit: expected ",
        ),
    ];
    for (attrs, weights, told) in cases {
        let found = import_one(MINE, &attrs, &weights).unwrap_err();
        assert!(found.starts_with(&format!("m:n: {told}")), "{found}");
    }
}
