//! Two tensors element by element, with broadcasting: Keras `Add`, `Subtract`, `Multiply`,
//! `Average`, `Maximum`, `Minimum`; HGQ2's `QAdd` and the like; ONNX `Add` of data. One `eltwise` unit.
//!
//! Merges of more operands are several of these. Axes of extent 1 are repeated, shorter shapes are
//! repeated along axes in front.

use ndarray::{Array1, ArrayD, ArrayViewD, IxDyn, Zip};

use super::shape::Rewire;
use super::{
    BatchNorm, Hardware, Import, Imported, LayerError, LayerSpec, Lower, Operand, Spelling, shape,
};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;
use crate::units::{Binary, Eltwise, Read};

/// `y = a op b`.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The operation.
    pub op: Binary,
}

impl Merge {
    // ONNX `Add` is imported by batch_norm.rs, which knows addition of a constant.
    pub(super) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("Add", |cx| import(cx, Binary::Add)),
        Spelling::keras("QAdd", |cx| import(cx, Binary::Add)),
        Spelling::keras("Subtract", import_subtract),
        Spelling::keras("Multiply", |cx| import(cx, Binary::Mul)),
        Spelling::keras("Maximum", |cx| import(cx, Binary::Max)),
        Spelling::keras("Minimum", |cx| import(cx, Binary::Min)),
        Spelling::keras("QSubtract", import_subtract),
        Spelling::keras("QMultiply", |cx| import(cx, Binary::Mul)),
        Spelling::keras("QMaximum", |cx| import(cx, Binary::Max)),
        Spelling::keras("QMinimum", |cx| import(cx, Binary::Min)),
        Spelling::keras("Average", import_average),
    ];

    /// All operands of a node, merged one after another into `made`.
    pub fn all(op: Binary, operands: &[Operand], made: &mut Imported) -> Operand {
        let (first, rest) = operands.split_first().expect("a merge has operands");
        let last = rest.len();
        rest.iter().zip(1..).fold(*first, |sum, (next, at)| {
            made.add(if at == last { "" } else { "partial" }, Merge { op }, &[sum, *next])
        })
    }
}

/// The operands of a merge: two or more.
fn operands(cx: &Import<'_>, least: usize) -> Result<Vec<Operand>, LayerError> {
    let count = cx.node.inputs.len();
    if count < least {
        return Err(cx.value_error("number of inputs", count, "2 and more"));
    }
    Ok((0..count).map(Operand::Input).collect())
}

fn import(cx: &Import<'_>, op: Binary) -> Result<Imported, LayerError> {
    let mut made = Imported::default();
    let output = Merge::all(op, &operands(cx, 2)?, &mut made);
    Ok(made.with_outputs([output]))
}

fn import_subtract(cx: &Import<'_>) -> Result<Imported, LayerError> {
    match cx.node.inputs.len() {
        2 => import(cx, Binary::Sub),
        count => Err(cx.value_error("number of inputs", count, "2")),
    }
}

/// The sum of all, multiplied by a constant.
fn import_average(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let operands = operands(cx, 2)?;
    let mut made = Imported::default();
    let mut sum = operands[0];
    for next in &operands[1..] {
        sum = made.add("sum", Merge { op: Binary::Add }, &[sum, *next]);
    }
    let mut last = 1;
    for index in 0..operands.len() {
        last = last.max(cx.shape(index)?.last());
    }
    let factor = 1.0 / operands.len() as f64;
    let output = made.add("", BatchNorm::scalar(factor, 0.0, last), &[sum]);
    Ok(made.with_outputs([output]))
}

/// The shape that both broadcast to.
pub(super) fn broadcast(a: &Shape, b: &Shape) -> Option<Shape> {
    let rank = a.0.len().max(b.0.len());
    let extent = |shape: &Shape, axis: usize| {
        (axis + shape.0.len()).checked_sub(rank).map_or(1, |it| shape.0[it])
    };
    let both = |axis| match (extent(a, axis), extent(b, axis)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    };
    (0..rank).map(both).collect::<Option<_>>().map(Shape)
}

/// One operand with the shape of the result.
#[derive(Debug)]
struct Expand(Shape);

impl Rewire for Expand {
    fn kind(&self) -> &'static str {
        "Broadcast"
    }
    fn infer(&self, _: &[&Shape]) -> Result<Shape, LayerError> {
        Ok(self.0.clone())
    }
    fn rewire<T: Copy>(&self, inputs: &[ArrayViewD<'_, T>], _: T) -> ArrayD<T> {
        inputs[0].broadcast(IxDyn(&self.0.0)).expect("infer compared the shapes").to_owned()
    }
}

impl LayerSpec for Merge {
    fn kind(&self) -> &'static str {
        "Merge"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        broadcast(inputs[0], inputs[1]).ok_or_else(|| LayerError::Shapes {
            found: inputs.iter().map(|it| (*it).clone()).collect(),
            expected: "two equal shapes, or extents of 1".into(),
        })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let (a, b) = (inputs[0], inputs[1]);
        let larger = |f: fn(f64, f64) -> f64| {
            let zeros = || Shape(Vec::new());
            let shape = broadcast(&Shape(a.shape().to_vec()), &Shape(b.shape().to_vec()));
            let mut out = Tensor::zeros(shape.unwrap_or_else(zeros).0);
            let pairs = Zip::from(&mut out).and_broadcast(a).and_broadcast(b);
            pairs.for_each(|y, a, b| *y = f(*a, *b));
            out
        };
        match self.op {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Max => larger(f64::max),
            Binary::Min => larger(f64::min),
        }
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Merge {
    fn unit(&self, shape: Shape, result: crate::fixed::Format) -> Eltwise {
        Eltwise { op: self.op, read: [Read::Same; 2], shape, result }
    }
}

impl Hardware for Merge {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        let (a, b) = (cx.inputs[0].format, cx.inputs[1].format);
        let (exact, _) = self.unit(Shape(Vec::new()), cx.default).exact(a, b);
        if cx.compat || cx.feeds_activation || cx.exact {
            let name = match self.op {
                Binary::Add => "exact sum",
                Binary::Sub => "exact difference",
                Binary::Mul => "exact product",
                Binary::Max | Binary::Min => "holds both inputs",
            };
            return Typed::new(exact, name);
        }
        cx.result(Span::hull(&self.spans(cx)))
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let shape = self.infer(&[cx.inputs[0].shape, cx.inputs[1].shape]);
        let shape = Expand(shape.expect("the shapes were inferred before"));
        let expanded = |k: usize| {
            let produced = &cx.inputs[k];
            let view = ArrayViewD::from_shape(produced.shape.0.as_slice(), produced.spans);
            let all = shape.rewire(&[view.expect("a span an element")], Span::point(0.0));
            all.iter().copied().collect::<Vec<Span>>()
        };
        let pairs = expanded(0).into_iter().zip(expanded(1));
        let larger = |a: Span, b: Span| Span { lo: a.lo.max(b.lo), hi: a.hi.max(b.hi) };
        pairs
            .map(|(a, b)| match self.op {
                Binary::Add => a.add(b),
                Binary::Sub => a.minus(b),
                Binary::Mul => a.times(b),
                Binary::Max => larger(a, b),
                Binary::Min => Span { lo: a.lo.min(b.lo), hi: a.hi.min(b.hi) },
            })
            .collect()
    }
    fn is_activation(&self) -> bool {
        false
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let shapes = [0, 1].map(|it| cx.builder.ty(inputs[it]).shape.clone());
        let shape = self.infer(&[&shapes[0], &shapes[1]]);
        let shape = shape.expect("the shapes were inferred before");
        let read = |k: usize, cx: &mut Lower<'_>| match shapes[k] == shape {
            true => inputs[k],
            false => shape::repeat(&Expand(shape.clone()), cx, ["left", "right"][k], inputs[k]),
        };
        let operands = [read(0, cx), read(1, cx)];
        let unit = self.unit(shape.clone(), cx.format(Role::Result));
        cx.builder.add("", unit, &operands)
    }
}

impl BatchNorm {
    /// `y = scale x + bias`, the same for all elements, on a last axis of extent `last`.
    pub fn scalar(scale: f64, bias: f64, last: usize) -> BatchNorm {
        let vector = |it| Array1::from_elem(last, it).into_dyn();
        let (scale, bias) = (vector(scale), vector(bias));
        BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false }
    }
}
