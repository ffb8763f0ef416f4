//! Layers in layers: what `Bidirectional` wraps, and Keras `TimeDistributed`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Axis;

use super::{
    Hardware, Import, Imported, Layer, LayerError, LayerSpec, Lower, Operand, Part, Spelling, inner,
};
use crate::fixed::{Format, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Produced, Resolve, Role, Span, Typed};
use crate::source::{Attr, Attrs, RawNode, Tensor};
use crate::units::{self, Scan};

/// A wrapped layer as a node of its own.
#[derive(Debug)]
pub(super) struct Wrapped {
    /// The node; its inputs are not set.
    pub(super) node: RawNode,
    /// Its attributes, to make others of them.
    pub(super) attrs: BTreeMap<String, Attr>,
}

impl Import<'_> {
    /// The layer that an attribute describes, with the weights whose role has the prefix.
    pub(super) fn wrapped(&self, attr: &'static str, prefix: &str) -> Result<Wrapped, LayerError> {
        let wrong = || LayerError::Missing { role: "the wrapped layer" };
        let Some(Attr::Map(layer)) = self.attrs().get(attr) else { return Err(wrong()) };
        let (Some(Attr::Str(class)), Some(Attr::Map(config))) =
            (layer.get("class_name"), layer.get("config"))
        else {
            return Err(wrong());
        };
        let weights = self.node.weights.iter();
        let weights = weights
            .filter_map(|(role, it)| Some((role.strip_prefix(prefix)?.to_owned(), it.clone())));
        let class = class.rsplit('>').next().unwrap_or(class);
        let node = RawNode {
            name: self.node.name.clone(),
            op: class.to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            attrs: Attrs::new(config.clone()),
            weights: weights.collect(),
            ..*self.node
        };
        let node = if config.contains_key("enable_iq") { node } else { of_qkeras(node) };
        Ok(Wrapped { node, attrs: config.clone() })
    }
}

/// A layer that is none of HGQ2, under the name that one of QKeras has where HGQ2 has its class too.
fn of_qkeras(node: RawNode) -> RawNode {
    let named = RawNode { op: format!("qkeras.{}", node.op), ..node.clone() };
    if super::import::find(&named).is_some() { named } else { node }
}

impl Wrapped {
    /// Imports the layer on operands of the wrapper.
    pub(super) fn import(
        &self,
        outer: &Import<'_>,
        operands: &[usize],
    ) -> Result<Imported, LayerError> {
        let shapes = operands.iter().map(|it| outer.shapes.get(*it).cloned().flatten()).collect();
        let mut made = self.import_on(shapes)?;
        let inputs = made.parts.iter_mut().flat_map(|it| &mut it.operands);
        for operand in inputs.chain(&mut made.outputs) {
            if let Operand::Input(at) = operand {
                *at = operands.get(*at).copied().unwrap_or(usize::MAX);
            }
        }
        Ok(made)
    }

    /// Imports the layer on operands of given shapes.
    fn import_on(&self, shapes: Vec<Option<Shape>>) -> Result<Imported, LayerError> {
        let spelling = super::import::find(&self.node);
        let spelling =
            spelling.ok_or_else(|| LayerError::Unsupported { op: self.node.op.clone() })?;
        let inputs = vec![Some(String::new()); shapes.len()];
        let node = RawNode { inputs, ..self.node.clone() };
        let constants = vec![None; shapes.len()];
        Import { node: &node, shapes, constants }.run(spelling)
    }
}

impl Imported {
    /// Adds the layers of another node; returns its outputs. `name` is for the layer that would
    /// have had the node's name.
    pub(super) fn include(&mut self, name: &'static str, other: Imported) -> Vec<Operand> {
        let first = self.parts.len();
        let moved = |operand: Operand| match operand {
            Operand::Part(at) => Operand::Part(at + first),
            input => input,
        };
        for part in other.parts {
            let operands = part.operands.into_iter().map(moved).collect();
            let name = if part.name.is_empty() { name } else { part.name };
            self.parts.push(Part { name, operands, ..part });
        }
        other.outputs.into_iter().map(moved).collect()
    }
}

/// A layer at every position of the first axis; all operands have that axis.
#[derive(Clone, Debug)]
pub struct TimeDistributed {
    /// The layer.
    pub layer: Box<Layer>,
}

impl TimeDistributed {
    pub(super) const SPELLINGS: &[Spelling] = &[Spelling::keras("TimeDistributed", import)];

    /// A layer at every position; layers that do the same anyway stay as they are.
    pub fn over(layer: Layer) -> Layer {
        match layer {
            Layer::Dense(_) | Layer::BatchNorm(_) | Layer::Identity(_) => layer,
            layer => TimeDistributed { layer: Box::new(layer) }.into(),
        }
    }
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let wrapped = cx.wrapped("layer", "")?;
    let (_, shape) = first_axis(cx.shape(0)?)?;
    let mut made = wrapped.import_on(vec![Some(shape)])?;
    for part in &mut made.parts {
        let layer = std::mem::replace(&mut part.layer, super::Identity.into());
        part.layer = TimeDistributed::over(layer);
    }
    Ok(made)
}

fn first_axis(shape: &Shape) -> Result<(usize, Shape), LayerError> {
    match shape.0.split_first() {
        Some((steps, rest)) if *steps > 0 => Ok((*steps, Shape(rest.to_vec()))),
        _ => {
            let expected = "an axis of steps".to_owned();
            Err(LayerError::Shapes { found: vec![shape.clone()], expected })
        }
    }
}

impl LayerSpec for TimeDistributed {
    fn kind(&self) -> &'static str {
        "TimeDistributed"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let all: Vec<_> = inputs.iter().map(|it| first_axis(it)).collect::<Result<_, _>>()?;
        let inner = self.layer.spec().infer(&all.iter().map(|it| &it.1).collect::<Vec<_>>())?;
        if all.windows(2).any(|it| it[0].0 != it[1].0) {
            let found = inputs.iter().map(|it| (*it).clone()).collect();
            return Err(LayerError::Shapes { found, expected: "as many steps in each".into() });
        }
        let steps = all.first().map_or(1, |it| it.0);
        Ok(Shape([&[steps], inner.0.as_slice()].concat()))
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let step = |at: usize| {
            let slices: Vec<Tensor> =
                inputs.iter().map(|it| it.index_axis(Axis(0), at).to_owned()).collect();
            self.layer.spec().eval(&slices.iter().collect::<Vec<_>>())
        };
        let steps: Vec<Tensor> = (0..inputs[0].len_of(Axis(0))).map(step).collect();
        let views: Vec<_> = steps.iter().map(|it| it.view()).collect();
        ndarray::stack(Axis(0), &views).expect("every step has the same shape")
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        self.layer.spec().weights()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        self.layer.hardware().is_some().then_some(self)
    }
}

impl TimeDistributed {
    /// What the layer inside sees: steps are alike, so elements are what they are at any step.
    fn at_any_step<T>(&self, cx: &Resolve<'_>, f: impl FnOnce(&Resolve<'_>) -> T) -> T {
        let operands: Vec<(Shape, Vec<Span>)> = cx.inputs.iter().map(|it| one_step(it)).collect();
        let inputs = operands.iter().zip(&cx.inputs);
        let inputs = inputs.map(|((shape, spans), it)| Produced { shape, spans, ..*it }).collect();
        let (types, settings) = (cx.types.clone(), cx.settings.clone());
        f(&Resolve { inputs, types, settings, ..*cx })
    }
}

/// Shape of a row and what its elements can be in any of them.
fn one_step(operand: &Produced<'_>) -> (Shape, Vec<Span>) {
    let shape = Shape(operand.shape.0[1..].to_vec());
    let n = shape.elements();
    let of = |at: usize| Span::hull(operand.spans.iter().skip(at).step_by(n));
    let spans = (0..n).map(of).collect();
    (shape, spans)
}

impl Hardware for TimeDistributed {
    fn roles(&self) -> &'static [Role] {
        inner::inside(&self.layer).roles()
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        self.at_any_step(cx, |cx| inner::inside(&self.layer).resolve(role, cx))
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let row = self.at_any_step(cx, |cx| inner::inside(&self.layer).spans(cx));
        row.repeat(cx.inputs[0].shape.0[0])
    }
    fn is_activation(&self) -> bool {
        inner::inside(&self.layer).is_activation()
    }

    /// A loop whose body is the layer.
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let steps = cx.builder.ty(inputs[0]).shape.0[0];
        let mut body = cx.builder.body();
        let mut operands = Vec::new();
        for (at, input) in inputs.iter().enumerate() {
            let row = row_type(cx.builder.ty(*input));
            operands.push(align(cx, *input, &row));
            let port = body.add(&format!("x{at}"), units::Input { ty: row }, &[]);
            body.graph.inputs.push(port);
        }
        let ports = body.graph.inputs.clone();
        let mut inside = Lower {
            builder: &mut body,
            formats: cx.formats,
            operands: cx.operands.clone(),
            compat: cx.compat,
        };
        let made = inner::inside(&self.layer).lower(&mut inside, &ports);
        body.graph.outputs = vec![made];
        let sequences = operands.len();
        let scan =
            Scan { body: Arc::new(body.graph), steps, sequences, backwards: false, every: true };
        cx.builder.add("", scan, &operands)
    }
}

/// The type of any row: for each of its elements the least format of all steps.
fn row_type(ty: &Type) -> Type {
    let shape = Shape(ty.shape.0[1..].to_vec());
    let n = shape.elements();
    let union = |at: usize| {
        let steps = (at..ty.elements()).step_by(n).map(|it| ty.format(it));
        steps.reduce(|a, b| if a == b { a } else { a.union(b) }).unwrap_or(Format::unsigned(1, 1))
    };
    Type::each(shape, (0..n).map(union).collect())
}

/// An operand whose rows all have one type.
fn align(cx: &mut Lower<'_>, operand: NodeId, row: &Type) -> NodeId {
    let (n, ty) = (row.elements(), cx.builder.ty(operand));
    let formats: Vec<Format> = (0..ty.elements()).map(|it| row.format(it % n)).collect();
    if (0..ty.elements()).all(|it| ty.format(it) == formats[it]) {
        return operand;
    }
    let to = Type::each(ty.shape.clone(), formats).formats;
    cx.builder.add("aligned", units::Requantize { to }, &[operand])
}
