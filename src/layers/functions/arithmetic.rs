//! Arithmetic of two tensors, or of a tensor and a constant.

use ndarray::Array1;

use super::arguments::{Argument, Arguments, tensor};
use crate::layers::axes::per_sample;
use crate::layers::{
    BatchNorm, Identity, Import, Imported, LayerError, LeakyRelu, Merge, Operand, Scalar,
    ScalarFunction, Spelling,
};
use crate::source::{Attr, Tensor};
use crate::units::Binary;

/// Spellings of arithmetic.
pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("ops.add", |cx| binary(cx, Op::Plain(Binary::Add))),
    Spelling::keras("math.add", |cx| binary(cx, Op::Plain(Binary::Add))),
    Spelling::keras("__operators__.add", |cx| binary(cx, Op::Plain(Binary::Add))),
    Spelling::keras("ops.subtract", |cx| binary(cx, Op::Plain(Binary::Sub))),
    Spelling::keras("math.subtract", |cx| binary(cx, Op::Plain(Binary::Sub))),
    Spelling::keras("ops.multiply", |cx| binary(cx, Op::Plain(Binary::Mul))),
    Spelling::keras("math.multiply", |cx| binary(cx, Op::Plain(Binary::Mul))),
    Spelling::keras("ops.maximum", |cx| binary(cx, Op::Plain(Binary::Max))),
    Spelling::keras("math.maximum", |cx| binary(cx, Op::Plain(Binary::Max))),
    Spelling::keras("ops.minimum", |cx| binary(cx, Op::Plain(Binary::Min))),
    Spelling::keras("math.minimum", |cx| binary(cx, Op::Plain(Binary::Min))),
    Spelling::keras("ops.divide", |cx| binary(cx, Op::Divide)),
    Spelling::keras("ops.true_divide", |cx| binary(cx, Op::Divide)),
    Spelling::keras("math.divide", |cx| binary(cx, Op::Divide)),
    Spelling::keras("math.truediv", |cx| binary(cx, Op::Divide)),
    Spelling::keras("ops.power", power),
    Spelling::keras("math.pow", power),
    Spelling::keras("ops.square", square),
    Spelling::keras("math.square", square),
    Spelling::keras("ops.negative", negative),
    Spelling::keras("math.negative", negative),
    Spelling::keras("ops.absolute", absolute),
    Spelling::keras("ops.abs", absolute),
    Spelling::keras("math.abs", absolute),
    Spelling::keras("ops.cast", cast),
    Spelling::keras("cast", cast),
    Spelling::keras("ops.sqrt", |cx| scalar(cx, ScalarFunction::Sqrt)),
    Spelling::keras("math.sqrt", |cx| scalar(cx, ScalarFunction::Sqrt)),
    Spelling::keras("ops.rsqrt", |cx| scalar(cx, ScalarFunction::Rsqrt)),
    Spelling::keras("math.rsqrt", |cx| scalar(cx, ScalarFunction::Rsqrt)),
    Spelling::keras("ops.reciprocal", |cx| scalar(cx, ScalarFunction::Reciprocal)),
    Spelling::keras("math.reciprocal", |cx| scalar(cx, ScalarFunction::Reciprocal)),
    Spelling::keras("ops.log", |cx| scalar(cx, ScalarFunction::Log)),
    Spelling::keras("math.log", |cx| scalar(cx, ScalarFunction::Log)),
    Spelling::keras("ops.sin", |cx| scalar(cx, ScalarFunction::Sin)),
    Spelling::keras("math.sin", |cx| scalar(cx, ScalarFunction::Sin)),
    Spelling::keras("ops.cos", |cx| scalar(cx, ScalarFunction::Cos)),
    Spelling::keras("math.cos", |cx| scalar(cx, ScalarFunction::Cos)),
    Spelling::keras("ops.sign", |cx| scalar(cx, ScalarFunction::Sign)),
    Spelling::keras("math.sign", |cx| scalar(cx, ScalarFunction::Sign)),
];

/// An operation of two operands.
#[derive(Clone, Copy, PartialEq)]
enum Op {
    Plain(Binary),
    Divide,
}

impl Op {
    /// Factor and offset that stand for a constant behind (`x op c`) or in front (`c op x`).
    fn affine(self, c: f64, in_front: bool) -> Option<(f64, f64)> {
        match (self, in_front) {
            (Op::Plain(Binary::Add), _) => Some((1.0, c)),
            (Op::Plain(Binary::Sub), false) => Some((1.0, -c)),
            (Op::Plain(Binary::Sub), true) => Some((-1.0, c)),
            (Op::Plain(Binary::Mul), _) => Some((c, 0.0)),
            (Op::Divide, false) => Some((1.0 / c, 0.0)),
            _ => None,
        }
    }
}

fn binary(cx: &Import<'_>, op: Op) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let a = arguments.need(0, &["x1", "x"])?;
    let b = arguments.need(1, &["x2", "y"])?;
    let constant = |it: &Argument| match it {
        Argument::Value(value) => tensor(value),
        _ => None,
    };
    let affine = match (&a, &b) {
        (Argument::Data(x), b) => constant(b).and_then(|c| affine(cx, op, *x, c, false)),
        (a, Argument::Data(x)) => constant(a).and_then(|c| affine(cx, op, *x, c, true)),
        _ => None,
    };
    if let Some((layer, index)) = affine {
        return Ok(Imported::of(layer.checked()?, [index]));
    }
    let mut made = Imported::default();
    let rank = rank(cx, [&a, &b])?;
    let x = a.operand(cx, rank, &mut made)?;
    let mut y = b.operand(cx, rank, &mut made)?;
    let op = match op {
        Op::Plain(op) => op,
        Op::Divide => {
            let function = ScalarFunction::Reciprocal;
            y = made.add("reciprocal", Scalar { function }, &[y]);
            Binary::Mul
        }
    };
    let output = made.add("", Merge { op }, &[x, y]);
    Ok(made.with_outputs([output]))
}

/// The rank of the samples. Tensors of other ranks would have their batch axes side by side with
/// other axes.
fn rank(cx: &Import<'_>, operands: [&Argument; 2]) -> Result<usize, LayerError> {
    let mut ranks = Vec::new();
    for operand in operands {
        if let Argument::Data(index) = operand {
            ranks.push(cx.shape(*index)?.clone());
        }
    }
    match &ranks[..] {
        [one] => Ok(one.0.len()),
        [a, b] if a.0.len() == b.0.len() => Ok(a.0.len()),
        _ => Err(LayerError::Shapes { found: ranks, expected: "as many axes in each".into() }),
    }
}

/// A constant that is the same for all elements, or for all but the last axis.
fn affine(
    cx: &Import<'_>,
    op: Op,
    index: usize,
    constant: Tensor,
    in_front: bool,
) -> Option<(BatchNorm, usize)> {
    let shape = cx.shape(index).ok()?;
    let constant = per_sample(&constant, shape.0.len())?;
    let (last, others) = constant.shape().split_last().map_or((1, &[][..]), |it| (*it.0, it.1));
    if others.iter().any(|it| *it != 1) || (last != 1 && last != shape.last()) {
        return None;
    }
    let all: Vec<f64> = constant.iter().copied().cycle().take(shape.last()).collect();
    let (scale, bias): (Vec<f64>, Vec<f64>) = all
        .iter()
        .map(|it| op.affine(*it, in_front))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .unzip();
    let vector = |it: Vec<f64>| Array1::from(it).into_dyn();
    let (scale, bias) = (vector(scale), vector(bias));
    Some((BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false }, index))
}

fn power(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x1", "x"])?;
    let exponent = arguments.number(1, "exponent", &["x2", "y"], f64::NAN)?;
    let function = match exponent {
        2.0 => return Ok(Imported::of(Merge { op: Binary::Mul }, [x, x])),
        0.5 => ScalarFunction::Sqrt,
        -1.0 => ScalarFunction::Reciprocal,
        other => ScalarFunction::Power(other),
    };
    Ok(Imported::of(Scalar { function }, [x]))
}

fn square(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let x = Arguments::of(cx).data(0, &["x"])?;
    Ok(Imported::of(Merge { op: Binary::Mul }, [x, x]))
}

fn negative(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let x = Arguments::of(cx).data(0, &["x"])?;
    Ok(Imported::of(BatchNorm::scalar(-1.0, 0.0, cx.shape(x)?.last()), [x]))
}

fn absolute(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let x = Arguments::of(cx).data(0, &["x"])?;
    Ok(Imported::of(LeakyRelu { alpha: -1.0, max: None }, [x]))
}

/// Whole numbers become floats, and floats stay.
fn cast(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x"])?;
    match arguments.need(1, &["dtype"])? {
        Argument::Value(Attr::Str(to)) if ["float32", "float64"].contains(&&*to) => {
            Ok(Imported::of(Identity, [x]))
        }
        other => Err(cx.value_error("dtype", format!("{other:?}"), "float32, float64")),
    }
}

fn scalar(cx: &Import<'_>, function: ScalarFunction) -> Result<Imported, LayerError> {
    let x = Arguments::of(cx).data(0, &["x"])?;
    Ok(Imported::of(Scalar { function }, [x]))
}

/// All data of the first argument, a list or a single tensor, constants included.
pub(super) fn list(
    cx: &Import<'_>,
    arguments: &Arguments<'_, '_>,
    names: &[&'static str],
    made: &mut Imported,
) -> Result<Vec<Operand>, LayerError> {
    let rank = cx.shape(0)?.0.len();
    let items = match arguments.get(0, names) {
        Some(Argument::List(items)) => items,
        // A list of data only comes flat.
        _ => arguments
            .positional()
            .iter()
            .filter(|it| matches!(it, Argument::Data(_)))
            .cloned()
            .collect(),
    };
    items.iter().map(|it| it.operand(cx, rank, made)).collect()
}
