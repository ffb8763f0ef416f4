//! Tests of the whole frontend, and the builder of small models they share.

mod errors;
mod folding;
mod fuzz;
mod graphs;
mod samples;

use prost::Message;

use super::proto::{
    Attribute, Dim, Extents, Graph, Kind, Model, Node, Opset, Tensor, TensorKind, ValueInfo,
};
use crate::source::RawModel;

/// Loads bytes under the name `m.onnx`; panics with the problems.
fn load(bytes: &[u8]) -> RawModel {
    super::load("m.onnx", bytes).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Says that a test did not run.
#[expect(clippy::print_stderr)]
fn skip(what: &str) {
    eprintln!("SKIPPED: {what}");
}

/// A model of opset 13 with one input `x` of shape `[batch, 2, 3]`, to be changed by tests.
fn model(nodes: Vec<Node>, initializer: Vec<Tensor>, outputs: &[&str]) -> Model {
    let output = outputs.iter().map(|it| value(it, &[])).collect();
    let input = vec![value("x", &[-1, 2, 3])];
    Model {
        ir_version: 7,
        graph: Some(Graph { node: nodes, initializer, input, output, ..Default::default() }),
        opset_import: vec![Opset { domain: String::new(), version: 13 }],
        ..Default::default()
    }
}

/// The bytes of such a model.
fn bytes(nodes: Vec<Node>, initializer: Vec<Tensor>, outputs: &[&str]) -> Vec<u8> {
    model(nodes, initializer, outputs).encode_to_vec()
}

/// A tensor of floats; -1 is the symbol `batch`.
fn value(name: &str, dims: &[i64]) -> ValueInfo {
    let dim = |it: &i64| match it {
        -1 => Dim { value: None, param: Some("batch".to_owned()) },
        it => Dim { value: Some(*it), param: None },
    };
    let shape = Some(Extents { dim: dims.iter().map(dim).collect() });
    let tensor = Some(TensorKind { elem_type: 1, shape });
    ValueInfo { name: name.to_owned(), kind: Some(Kind { tensor }) }
}

/// A node; `""` omits an operand.
fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> Node {
    let (domain, op) = op.rsplit_once("::").unwrap_or(("", op));
    let names = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect();
    Node {
        op_type: op.to_owned(),
        domain: domain.to_owned(),
        input: names(inputs),
        output: names(outputs),
        ..Default::default()
    }
}

impl Node {
    fn named(self, name: &str) -> Node {
        Node { name: name.to_owned(), ..self }
    }

    fn attr(mut self, name: &str, attr: Attribute) -> Node {
        self.attribute.push(Attribute { name: name.to_owned(), ..attr });
        self
    }

    fn int(self, name: &str, value: i64) -> Node {
        self.attr(name, Attribute { i: Some(value), kind: 2, ..Default::default() })
    }

    fn ints(self, name: &str, values: &[i64]) -> Node {
        self.attr(name, Attribute { ints: values.to_vec(), kind: 7, ..Default::default() })
    }

    fn tensor(self, name: &str, value: Tensor) -> Node {
        self.attr(name, Attribute { t: Some(Box::new(value)), kind: 4, ..Default::default() })
    }
}

/// A constant of singles.
fn floats(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    let raw_data = values.iter().flat_map(|it| it.to_le_bytes()).collect();
    Tensor {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data,
        ..Default::default()
    }
}

/// A constant of 64-bit integers.
fn longs(name: &str, dims: &[i64], values: &[i64]) -> Tensor {
    let int64_data = values.to_vec();
    Tensor {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 7,
        int64_data,
        ..Default::default()
    }
}

/// The elements of a constant of the model.
fn elements(model: &RawModel, tensor: &str) -> Vec<f64> {
    let constant = model.constants.get(tensor);
    constant.unwrap_or_else(|| panic!("no constant {tensor}")).iter().copied().collect()
}

/// One node per line: `name: Op@version(operands) -> outputs {attributes}`.
fn dump(model: &RawModel) -> String {
    let mut text = String::new();
    for node in &model.nodes {
        let inputs: Vec<&str> = node.inputs.iter().map(|it| it.as_deref().unwrap_or("-")).collect();
        let attrs: Vec<String> =
            node.attrs.unread().iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        text += &format!(
            "{}: {}@{}({}) -> {} {{{}}}\n",
            node.name,
            node.op,
            node.version,
            inputs.join(", "),
            node.outputs.join(", "),
            attrs.join(", "),
        );
    }
    text
}
