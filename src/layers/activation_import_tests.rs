//! How Keras and ONNX spell activations, and what is refused.

use std::collections::BTreeMap;

use super::{Import, LayerError, Operand, Part, SPELLINGS};
use crate::nn::Shape;
use crate::source::{Attr, Attrs, Dialect, Packed, RawNode, Tensor};

/// A raw node of one data input, under construction.
struct Raw {
    node: RawNode,
    shape: Vec<usize>,
    constants: Vec<Option<Packed>>,
}

fn raw(dialect: Dialect, op: &str, attrs: &[(&str, Attr)]) -> Raw {
    let values = attrs.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect();
    let node = RawNode {
        name: "layer".into(),
        dialect,
        op: op.into(),
        version: if dialect == Dialect::Onnx { 13 } else { 3 },
        inputs: vec![Some("x".into())],
        outputs: vec!["y".into()],
        attrs: Attrs::new(values),
        weights: BTreeMap::new(),
    };
    Raw { node, shape: vec![4], constants: Vec::new() }
}

fn keras(op: &str, attrs: &[(&str, Attr)]) -> Raw {
    raw(Dialect::Keras3, op, attrs)
}

fn onnx(op: &str, attrs: &[(&str, Attr)]) -> Raw {
    raw(Dialect::Onnx, op, attrs)
}

fn named(name: &str) -> Raw {
    keras("Activation", &[("activation", Attr::Str(name.into()))])
}

impl Raw {
    fn shape(mut self, shape: &[usize]) -> Raw {
        self.shape = shape.to_vec();
        self
    }

    fn version(mut self, version: i64) -> Raw {
        self.node.version = version;
        self
    }

    fn weight(mut self, role: &str, values: Tensor) -> Raw {
        self.node.weights.insert(role.into(), values);
        self
    }

    /// The next operand.
    fn constant(mut self, value: Option<Tensor>) -> Raw {
        self.node.inputs.push(value.as_ref().map(|_| "c".into()));
        self.constants.push(value.map(Packed::from));
        self
    }

    /// The layer as text, once every attribute was read and the shape fits.
    fn import(&self) -> Result<String, LayerError> {
        let data = std::iter::once(Some(Shape(self.shape.clone())));
        let shapes = data.chain(self.constants.iter().map(|_| None)).collect();
        let constants = self.constants.iter().map(Option::as_ref);
        let constants = std::iter::once(None).chain(constants).collect();
        let cx = Import { node: &self.node, shapes, constants };
        let spelling = SPELLINGS
            .iter()
            .flat_map(|it| it.1)
            .find(|it| it.op == self.node.op && it.dialects.contains(&self.node.dialect))
            .unwrap_or_else(|| panic!("nothing claims {}", self.node.op));
        let imported = (spelling.import)(&cx)?;
        assert_eq!(self.node.attrs.unread(), []);
        assert_eq!(imported.outputs, [Operand::Part(0)]);
        let [Part { layer, operands, .. }] = &imported.parts[..] else { panic!("{imported:?}") };
        assert_eq!(*operands, [Operand::Input(0)]);
        layer.spec().infer(&[&Shape(self.shape.clone())])?;
        Ok(format!("{layer:?}"))
    }

    fn is(&self, layer: &str) {
        let found = self.import().unwrap_or_else(|it| panic!("{:?}: {it}", self.node));
        // `Relu(Relu { .. })`: the variant's name says nothing that the struct's does not.
        let inner = found.split_once('(').unwrap().1.strip_suffix(')').unwrap();
        assert_eq!(inner, layer, "{:?}", self.node);
    }

    fn refused(&self, what: &str) {
        let error = self.import().expect_err("it must be refused").to_string();
        assert!(error.contains(what), "{error:?} does not say {what:?}");
    }
}

fn float(v: f64) -> Attr {
    Attr::Float(v)
}

fn scalar(v: f64) -> Option<Tensor> {
    Some(ndarray::arr0(v).into_dyn())
}

#[test]
fn keras_activations_by_name() {
    for (name, layer) in [
        ("linear", "Identity"),
        ("relu", "Relu { max: None }"),
        ("relu6", "Relu { max: Some(6.0) }"),
        ("leaky_relu", "LeakyRelu { alpha: 0.2, max: None }"),
        ("elu", "Elu { alpha: 1.0 }"),
        ("selu", "Selu"),
        ("sigmoid", "Table { function: Sigmoid }"),
        ("tanh", "Table { function: Tanh }"),
        ("softplus", "Table { function: Softplus }"),
        ("softsign", "Table { function: Softsign }"),
        ("exponential", "Table { function: Exponential }"),
        ("gelu", "Table { function: Gelu }"),
        ("silu", "Table { function: Silu }"),
        ("swish", "Table { function: Silu }"),
        ("mish", "Table { function: Mish }"),
        ("hard_sigmoid", "HardSigmoid { slope: 0.16666666666666666, shift: 0.5 }"),
        ("hard_tanh", "HardTanh { slope: 0.5, shift: 0.5 }"),
        ("softmax", "Softmax { group: 4, hidden: None }"),
        ("binary_tanh", "BinaryTanh"),
        ("ternary_tanh", "TernaryTanh"),
    ] {
        named(name).is(layer);
    }
    keras("Activation", &[]).is("Identity");
    let mut keras2 = named("hard_sigmoid");
    keras2.node.dialect = Dialect::Keras2;
    keras2.is("HardSigmoid { slope: 0.2, shift: 0.5 }");
}

#[test]
fn unknown_activations_are_named_and_the_known_ones_listed() {
    named("glu").refused("activation = glu");
    named("glu").refused("ternary_tanh");
    let class = [("class_name".into(), Attr::Str("quantized_relu".into()))];
    let object = Attr::Map(BTreeMap::from(class));
    keras("Activation", &[("activation", object)]).refused("quantized_relu");
    keras("Activation", &[("activation", Attr::Int(3))]).refused("Int(3)");
}

#[test]
fn keras_relu_has_three_parameters() {
    let relu = |max: Attr, slope: f64, threshold: f64| {
        let (slope, threshold) =
            (("negative_slope", float(slope)), ("threshold", float(threshold)));
        keras("ReLU", &[("max_value", max), slope, threshold])
    };
    relu(Attr::Null, 0.0, 0.0).is("Relu { max: None }");
    relu(float(f64::INFINITY), 0.0, 0.0).is("Relu { max: None }");
    relu(float(6.0), 0.0, 0.0).is("Relu { max: Some(6.0) }");
    relu(float(1.5), 0.1, 0.0).is("LeakyRelu { alpha: 0.1, max: Some(1.5) }");
    relu(Attr::Null, 0.0, 0.5).is("ThresholdedRelu { theta: 0.5, max: None }");
    let ramp = "Scalar { function: Ramp { slope: 0.1, threshold: 0.5, max: inf } }";
    relu(Attr::Null, 0.1, 0.5).is(ramp);
    relu(float(-1.0), 0.0, 0.0).refused("max_value = -1");
    relu(Attr::Null, f64::NAN, 0.0).refused("negative_slope = NaN");
}

#[test]
fn keras_parametrised_layers() {
    keras("LeakyReLU", &[]).is("LeakyRelu { alpha: 0.3, max: None }");
    keras("LeakyReLU", &[("alpha", float(0.1))]).is("LeakyRelu { alpha: 0.1, max: None }");
    let slope = [("negative_slope", float(0.1))];
    keras("LeakyReLU", &slope).is("LeakyRelu { alpha: 0.1, max: None }");
    keras("ThresholdedReLU", &[]).is("ThresholdedRelu { theta: 1.0, max: None }");
    let theta = [("theta", float(0.25))];
    keras("ThresholdedReLU", &theta).is("ThresholdedRelu { theta: 0.25, max: None }");
    keras("ELU", &[("alpha", float(0.5))]).is("Elu { alpha: 0.5 }");
}

#[test]
fn keras_prelu_shares_axes() {
    let shared = |axes: &[i64]| {
        let axes = axes.iter().map(|it| Attr::Int(*it)).collect();
        keras("PReLU", &[("shared_axes", Attr::List(axes))]).shape(&[2, 3])
    };
    let tensor = |rows: usize, columns: usize| {
        let values = (0..rows * columns).map(|it| it as f64).collect();
        Tensor::from_shape_vec(vec![rows, columns], values).unwrap()
    };
    let text = |raw: &Raw| raw.import().unwrap();
    let all = keras("PReLU", &[]).shape(&[2, 3]).weight("alpha", tensor(2, 3));
    assert!(text(&all).contains("shape=[2, 3]"), "{}", text(&all));
    // Shared along the first axis: one slope per channel, as a list.
    let channels = shared(&[1]).weight("alpha", tensor(1, 3));
    assert!(text(&channels).contains("[0.0, 1.0, 2.0], shape=[3]"), "{}", text(&channels));
    // Shared along the last axis only: expanded.
    let rows = shared(&[2]).weight("alpha", tensor(2, 1));
    assert!(text(&rows).contains("[1.0, 1.0, 1.0]], shape=[2, 3]"), "{}", text(&rows));
    shared(&[3]).weight("alpha", tensor(2, 3)).refused("shared_axes = 3");
    shared(&[1]).weight("alpha", tensor(2, 3)).refused("alpha has shape [2, 3], expected [1, 3]");
    shared(&[1]).refused("weight alpha is missing");
}

#[test]
fn keras_softmax_is_along_the_last_axis() {
    keras("Softmax", &[]).is("Softmax { group: 4, hidden: None }");
    let axis = |axis: Attr| keras("Softmax", &[("axis", axis)]).shape(&[2, 5]);
    axis(Attr::Int(-1)).is("Softmax { group: 5, hidden: None }");
    axis(Attr::List(vec![Attr::Int(2)])).is("Softmax { group: 5, hidden: None }");
    axis(Attr::Int(0)).refused("axis = [0]");
    keras("Softmax", &[]).constant(scalar(1.0)).refused("mask");
}

#[test]
fn onnx_operators_with_their_defaults() {
    for (op, layer) in [
        ("Relu", "Relu { max: None }"),
        ("LeakyRelu", "LeakyRelu { alpha: 0.01, max: None }"),
        ("ThresholdedRelu", "ThresholdedRelu { theta: 1.0, max: None }"),
        ("Elu", "Elu { alpha: 1.0 }"),
        ("Selu", "Selu"),
        ("HardSigmoid", "HardSigmoid { slope: 0.2, shift: 0.5 }"),
        ("Sigmoid", "Table { function: Sigmoid }"),
        ("Tanh", "Table { function: Tanh }"),
        ("Softplus", "Table { function: Softplus }"),
        ("Softsign", "Table { function: Softsign }"),
        ("Exp", "Table { function: Exponential }"),
        ("Mish", "Table { function: Mish }"),
        ("Gelu", "Table { function: Gelu }"),
        ("Softmax", "Softmax { group: 4, hidden: None }"),
    ] {
        onnx(op, &[]).is(layer);
    }
    let tanh = [("approximate", Attr::Str("tanh".into()))];
    onnx("Gelu", &tanh).is("Table { function: GeluTanh }");
    let f32s = [("alpha", float(1.673_263_192_176_818_8)), ("gamma", float(1.050_701))];
    onnx("Selu", &f32s).is("Selu");
    onnx("Selu", &[("gamma", float(2.0))]).refused("gamma = 2");
}

#[test]
fn onnx_clip_has_attributes_or_operands() {
    let limits = [("min", float(0.0)), ("max", float(6.0))];
    onnx("Clip", &limits).version(6).is("Relu { max: Some(6.0) }");
    let largest = f64::from(f32::MAX);
    let open = [("min", float(-largest)), ("max", float(0.5))];
    onnx("Clip", &open).version(6).is("Clip { min: -inf, max: 0.5 }");
    onnx("Clip", &[]).constant(scalar(-1.0)).constant(None).is("Clip { min: -1.0, max: inf }");
    onnx("Clip", &[]).constant(scalar(0.0)).is("Relu { max: None }");
    onnx("Clip", &[]).constant(scalar(2.0)).constant(scalar(1.0)).refused("min = 2");
    onnx("Clip", &[]).constant(scalar(f64::NAN)).refused("min = NaN");
}

#[test]
fn onnx_prelu_broadcasts() {
    let slope = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        let values = (0..count).map(|it| it as f64).collect();
        let slope = Tensor::from_shape_vec(shape, values).unwrap();
        onnx("PRelu", &[]).shape(&[2, 3]).constant(Some(slope))
    };
    for shape in [&[][..], &[1], &[3], &[1, 3], &[1, 1, 3], &[2, 1], &[1, 2, 3]] {
        slope(shape).import().unwrap();
    }
    slope(&[2]).refused("alpha has shape [2]");
    slope(&[3, 2]).refused("slope has shape [3, 2], expected [2, 3]");
    onnx("PRelu", &[]).constant(None).refused("must be a constant");
}

#[test]
fn onnx_softmax_flattened_before_opset_13() {
    let softmax = |version: i64, axis: Option<i64>| {
        let attrs: Vec<(&str, Attr)> = axis.iter().map(|it| ("axis", Attr::Int(*it))).collect();
        onnx("Softmax", &attrs).version(version)
    };
    softmax(11, None).is("Softmax { group: 4, hidden: None }");
    softmax(11, Some(2)).shape(&[2, 5]).is("Softmax { group: 5, hidden: None }");
    softmax(13, None).shape(&[2, 5]).is("Softmax { group: 5, hidden: None }");
    softmax(13, Some(0)).shape(&[2, 5]).refused("axis = [0]");
}
