//! Sums, products and the like, of activations and constants.

use ndarray::IxDyn;

use super::{needed, operand, per_sample, rank};
use crate::layers::import::{Operand, expect_shape};
use crate::layers::torch::arith::each;
use crate::layers::torch::on_axis;
use crate::layers::{
    BatchNorm, Clip, Identity, Import, Imported, LayerError, LeakyRelu, Merge, Relu, Scalar,
    ScalarFunction, Spelling,
};
use crate::source::Tensor;
use crate::units::Binary;

pub(super) const AFFINE: &[Spelling] = &[
    Spelling::onnx("BatchNormalization", |cx| import_batch_norm(cx, 0)),
    Spelling::onnx("qonnx.custom_op.channels_last::BatchNormalization", |cx| {
        import_batch_norm(cx, cx.shape(0)?.0.len().saturating_sub(1))
    }),
    Spelling::onnx("Neg", |cx| {
        Ok(Imported::unary(BatchNorm::scalar(-1.0, 0.0, cx.shape(0)?.last())))
    }),
];

pub(super) const MERGE: &[Spelling] = &[
    Spelling::onnx("Add", |cx| merge(cx, Binary::Add, |_, c| (1.0, c))),
    Spelling::onnx("Sub", |cx| {
        merge(cx, Binary::Sub, |data, c| if data == 0 { (1.0, -c) } else { (-1.0, c) })
    }),
    Spelling::onnx("Mul", |cx| merge(cx, Binary::Mul, |_, c| (c, 0.0))),
    Spelling::onnx("Div", import_div),
    Spelling::onnx("Pow", import_pow),
    Spelling::onnx("Sum", |cx| all(cx, Binary::Add)),
    Spelling::onnx("Mean", import_mean),
    Spelling::onnx("Max", |cx| extreme(cx, Binary::Max)),
    Spelling::onnx("Min", |cx| extreme(cx, Binary::Min)),
    Spelling::onnx("Abs", |_| Ok(Imported::unary(LeakyRelu { alpha: -1.0, max: None }))),
];

/// Statistics and parameters per channel.
fn import_batch_norm(cx: &Import<'_>, axis: usize) -> Result<Imported, LayerError> {
    let channels = cx.shape(0)?.0.get(axis).copied().unwrap_or(1);
    if cx.attrs().int("training_mode", 0)? != 0 {
        return Err(cx.value_error("training_mode", 1, "0"));
    }
    if cx.attrs().int("spatial", 1)? != 1 && cx.shape(0)?.0.len() != 1 {
        return Err(cx.value_error("spatial", 0, "1"));
    }
    cx.attrs().ignore(&["momentum", "is_test", "consumed_inputs"]);
    let part = |index: usize, role: &'static str| {
        let value = needed(cx, index, role)?;
        expect_shape(role, value, &[channels])?;
        Ok::<Tensor, LayerError>(value.clone())
    };
    let stats = [part(1, "scale")?, part(2, "B")?, part(3, "mean")?, part(4, "var")?];
    let epsilon = cx.attrs().float("epsilon", 1e-5)?;
    on_axis(cx, 0, axis, BatchNorm::fold(stats, epsilon).checked()?)
}

/// Before opset 7 an axis said where the second operand begins; it becomes axes of 1 behind it.
fn aligned(cx: &Import<'_>, value: &Tensor) -> Result<Tensor, LayerError> {
    let limited = cx.attrs().int("broadcast", 0)? != 0;
    let wrong = |axis: i64| cx.value_error("axis", axis, "where the constant fits");
    match cx.attrs().get("axis") {
        None => Ok(value.clone()),
        Some(_) => {
            let axis = cx.attrs().int("axis", 0)?;
            let rank = rank(cx)? as i64 + 1;
            let from = if axis < 0 { axis + rank } else { axis };
            let behind = usize::try_from(rank - from - value.ndim() as i64).ok();
            let behind = behind.filter(|_| limited && from >= 0).ok_or_else(|| wrong(axis))?;
            let shape = [value.shape(), &vec![1; behind][..]].concat();
            Ok(value.to_shape(shape).map_err(|_| wrong(axis))?.to_owned())
        }
    }
}

/// Which operand is data and which a constant of samples; `None` if both are data.
fn sides(cx: &Import<'_>) -> Result<Option<(usize, Tensor)>, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    let data = match (cx.shape(0), cx.shape(1)) {
        (Ok(_), Ok(_)) => {
            cx.attrs().ignore(&["broadcast"]);
            return Ok(None);
        }
        (Ok(_), Err(_)) => 0,
        (Err(_), _) => 1,
    };
    let value = aligned(cx, needed(cx, 1 - data, "constant")?)?;
    let rank = cx.shape(data)?.0.len();
    let found = value.shape().to_vec();
    let expected = cx.shape(data)?.0.clone();
    let misfit = || LayerError::WeightShape { role: "constant", found, expected };
    Ok(Some((data, per_sample(&value, rank).ok_or_else(misfit)?)))
}

fn merge(
    cx: &Import<'_>,
    op: Binary,
    affine: impl Fn(usize, f64) -> (f64, f64),
) -> Result<Imported, LayerError> {
    match sides(cx)? {
        Some((data, value)) if value.broadcast(IxDyn(&cx.shape(data)?.0)).is_some() => {
            each(cx, data, &value, |c| affine(data, c))
        }
        // Two tensors, or a constant that makes the data larger.
        _ => all(cx, op),
    }
}

/// All operands, one after another.
fn all(cx: &Import<'_>, op: Binary) -> Result<Imported, LayerError> {
    let rank = rank(cx)?;
    cx.attrs().ignore(&["consumed_inputs"]);
    let mut made = Imported::default();
    let mut operands = Vec::new();
    for index in 0..cx.node.inputs.len() {
        operands.push(operand(cx, index, rank, &mut made)?);
    }
    match operands[..] {
        [] => Err(cx.value_error("number of inputs", 0, "1 and more")),
        [_] => Ok(Imported::unary(Identity)),
        _ => {
            let output = Merge::all(op, &operands, &mut made);
            Ok(made.with_outputs([output]))
        }
    }
}

/// By a constant a factor; by data a product with the reciprocal.
fn import_div(cx: &Import<'_>) -> Result<Imported, LayerError> {
    if let Some((0, value)) = sides(cx)?
        && value.broadcast(IxDyn(&cx.shape(0)?.0)).is_some()
    {
        return each(cx, 0, &value, |c| (1.0 / c, 0.0));
    }
    let rank = rank(cx)?;
    let mut made = Imported::default();
    let above = operand(cx, 0, rank, &mut made)?;
    let below = operand(cx, 1, rank, &mut made)?;
    let function = ScalarFunction::Reciprocal;
    let inverse = made.add("reciprocal", Scalar { function }, &[below]);
    let output = made.add("", Merge { op: Binary::Mul }, &[above, inverse]);
    Ok(made.with_outputs([output]))
}

fn import_pow(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["broadcast", "axis"]);
    let exponent = needed(cx, 1, "exponent")?;
    let function = match (exponent.len(), exponent.first()) {
        (1, Some(2.0)) => return Ok(Imported::of(Merge { op: Binary::Mul }, [0, 0])),
        (1, Some(0.5)) => ScalarFunction::Sqrt,
        (1, Some(-1.0)) => ScalarFunction::Reciprocal,
        (1, Some(other)) => ScalarFunction::Power(*other),
        _ => {
            let found = exponent.shape().to_vec();
            return Err(LayerError::WeightShape { role: "exponent", found, expected: vec![] });
        }
    };
    Ok(Imported::unary(Scalar { function }))
}

fn import_mean(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let count = cx.node.inputs.len();
    let rank = rank(cx)?;
    let mut made = Imported::default();
    let mut sum = operand(cx, 0, rank, &mut made)?;
    for index in 1..count {
        let next = operand(cx, index, rank, &mut made)?;
        sum = made.add("sum", Merge { op: Binary::Add }, &[sum, next]);
    }
    // One factor serves every extent of the last axis.
    let factor = ndarray::arr1(&[1.0 / count as f64]).into_dyn();
    let bias = ndarray::arr1(&[0.0]).into_dyn();
    let layer = BatchNorm { scale: factor, bias, kind: "ApplyAlpha", quantized: false };
    let output = made.add("", layer, &[sum]);
    Ok(made.with_outputs([output]))
}

/// A constant limit for all elements is a clip.
fn extreme(cx: &Import<'_>, op: Binary) -> Result<Imported, LayerError> {
    if cx.node.inputs.len() != 2 {
        return all(cx, op);
    }
    let Some((data, limit)) = sides(cx)? else { return all(cx, op) };
    let limit = match (limit.len(), limit.first()) {
        (1, Some(limit)) => *limit,
        _ => return all(cx, op),
    };
    let layer = match op {
        Binary::Max if limit == 0.0 => return Ok(Imported::of(Relu { max: None }, [data])),
        Binary::Max => Clip { min: limit, max: f64::INFINITY },
        _ => Clip { min: f64::NEG_INFINITY, max: limit },
    };
    Ok(Imported::of(layer, [data]))
}

/// Squares, for reductions.
pub(super) fn square(made: &mut Imported, x: Operand) -> Operand {
    made.add("squared", Merge { op: Binary::Mul }, &[x, x])
}
