//! Sums, products and the like, of two activations or of one and a constant.

use ndarray::{Array1, IxDyn};

use super::{constant, on_axis};
use crate::layers::import::{expect_shape, finite};
use crate::layers::{
    BatchNorm, Clip, Function, Import, Imported, LayerError, Merge, Operand, Relu, Reshape,
    Spelling, Table, Take,
};
use crate::nn::Shape;
use crate::source::Tensor;
use crate::units::Binary;

/// Elements of a constant that meets every element of an activation with a value of its own.
const MAX_SPREAD: usize = 1 << 22;

pub(super) const AFFINE: &[Spelling] = &[
    Spelling::torch("batch_norm", import_batch_norm),
    Spelling::torch("div", import_div),
    Spelling::torch("neg", |cx| each(cx, 0, &Tensor::from_elem(IxDyn(&[]), -1.0), |c| (c, 0.0))),
];

pub(super) const MERGE: &[Spelling] = &[
    Spelling::torch("add", |cx| merge(cx, Binary::Add, |_, c| (1.0, c))),
    Spelling::torch("sub", |cx| {
        merge(cx, Binary::Sub, |data, c| if data == 0 { (1.0, -c) } else { (-1.0, c) })
    }),
    Spelling::torch("mul", |cx| merge(cx, Binary::Mul, |_, c| (c, 0.0))),
    Spelling::torch("square", |_| Ok(Imported::of(Merge { op: Binary::Mul }, [0, 0]))),
    Spelling::torch("abs", import_abs),
    Spelling::torch("hardswish", import_hardswish),
    Spelling::torch("glu", import_glu),
    Spelling::torch("maximum", |cx| extreme(cx, Binary::Max)),
    Spelling::torch("minimum", |cx| extreme(cx, Binary::Min)),
];

/// Statistics and parameters per channel, the first axis; all but the statistics may be omitted.
pub(super) fn import_batch_norm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let channels = cx.shape(0)?.0.first().copied().unwrap_or(1);
    let epsilon = cx.attrs().float("eps", 1e-5)?;
    let part = |index: usize, role: &'static str, default: Option<f64>| {
        let given = cx.constant(index)?.map(|it| finite(role, it)).transpose()?;
        match (given, default) {
            (Some(value), _) => {
                expect_shape(role, value, &[channels])?;
                Ok(value.clone())
            }
            (None, Some(value)) => Ok(Array1::from_elem(channels, value).into_dyn()),
            (None, None) => Err(LayerError::Missing { role }),
        }
    };
    let gamma = part(1, "weight", Some(1.0))?;
    let beta = part(2, "bias", Some(0.0))?;
    let stats = [gamma, beta, part(3, "running_mean", None)?, part(4, "running_var", None)?];
    on_axis(cx, 0, 0, BatchNorm::fold(stats, epsilon).checked()?)
}

/// Which operand is data and which a constant; `None` if both are data.
fn sides<'c>(cx: &'c Import<'_>) -> Result<Option<(usize, &'c Tensor)>, LayerError> {
    match (cx.shape(0), cx.shape(1)) {
        (Ok(_), Ok(_)) => Ok(None),
        (Ok(_), Err(_)) => Ok(Some((0, constant(cx, 1, "constant")?))),
        (Err(_), _) => Ok(Some((1, constant(cx, 0, "constant")?))),
    }
}

fn merge(
    cx: &Import<'_>,
    op: Binary,
    affine: impl Fn(usize, f64) -> (f64, f64),
) -> Result<Imported, LayerError> {
    match sides(cx)? {
        Some((data, value)) => each(cx, data, value, |c| affine(data, c)),
        None => Ok(Imported::of(Merge { op }, [0, 1])),
    }
}

/// Division by a constant; a constant divided by data is refused, and so is data by data.
fn import_div(cx: &Import<'_>) -> Result<Imported, LayerError> {
    match sides(cx)? {
        Some((0, value)) => each(cx, 0, value, |c| (1.0 / c, 0.0)),
        _ => Err(LayerError::Unsupported { op: "division by an activation".into() }),
    }
}

/// The larger of `x` and `-x`.
fn import_abs(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let mut made = Imported::default();
    let negative = BatchNorm::scalar(-1.0, 0.0, cx.shape(0)?.last());
    let negative = made.add("negative", negative, &[Operand::Input(0)]);
    let output = made.add("", Merge { op: Binary::Max }, &[Operand::Input(0), negative]);
    Ok(made.with_outputs([output]))
}

/// `x` times its hard sigmoid.
fn import_hardswish(_: &Import<'_>) -> Result<Imported, LayerError> {
    let mut made = Imported::default();
    let gate = made.add("gate", super::activation::HARD, &[Operand::Input(0)]);
    let output = made.add("", Merge { op: Binary::Mul }, &[Operand::Input(0), gate]);
    Ok(made.with_outputs([output]))
}

/// The first half of an axis times the sigmoid of the second.
fn import_glu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let dim = super::axis(cx, "dim")?;
    let extent = cx.shape(0)?.0[dim];
    if extent % 2 != 0 {
        return Err(cx.value_error("dim", dim, "an axis of even extent"));
    }
    let half = |range: std::ops::Range<usize>| Take::along("Slice", dim, range.collect());
    let mut made = Imported::default();
    let value = made.add("value", half(0..extent / 2), &[Operand::Input(0)]);
    let gate = made.add("gate", half(extent / 2..extent), &[Operand::Input(0)]);
    let gate = made.add("sigmoid", Table { function: Function::Sigmoid }, &[gate]);
    let output = made.add("", Merge { op: Binary::Mul }, &[value, gate]);
    Ok(made.with_outputs([output]))
}

/// A constant limit for all elements is a clip.
fn extreme(cx: &Import<'_>, op: Binary) -> Result<Imported, LayerError> {
    let Some((data, limit)) = sides(cx)? else {
        return Ok(Imported::of(Merge { op }, [0, 1]));
    };
    let limit = match (limit.len(), limit.first()) {
        (1, Some(limit)) => *limit,
        _ => {
            let found = limit.shape().to_vec();
            return Err(LayerError::WeightShape { role: "limit", found, expected: vec![1] });
        }
    };
    match op {
        Binary::Max if limit == 0.0 => Ok(Imported::of(Relu { max: None }, [data])),
        Binary::Max => Ok(Imported::of(Clip { min: limit, max: f64::INFINITY }, [data])),
        _ => Ok(Imported::of(Clip { min: f64::NEG_INFINITY, max: limit }, [data])),
    }
}

/// Scale and offset of every element, by the constant that meets it.
pub(in crate::layers) fn each(
    cx: &Import<'_>,
    data: usize,
    value: &Tensor,
    affine: impl Fn(f64) -> (f64, f64),
) -> Result<Imported, LayerError> {
    let shape = cx.shape(data)?.clone();
    let layer = |values: Vec<f64>| {
        let (scale, bias): (Vec<f64>, Vec<f64>) = values.into_iter().map(&affine).unzip();
        let (scale, bias) = (Array1::from(scale).into_dyn(), Array1::from(bias).into_dyn());
        BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false }.checked()
    };
    let misfit = || LayerError::WeightShape {
        role: "constant",
        found: value.shape().to_vec(),
        expected: shape.0.clone(),
    };
    let spread = value.broadcast(IxDyn(&shape.0)).ok_or_else(misfit)?;
    let values: Vec<f64> = value.iter().copied().collect();
    // Axes are aligned at the end.
    let ahead = shape.0.len() - value.ndim();
    let mut wide = (0..value.ndim()).filter(|it| value.shape()[*it] > 1);
    match (wide.next(), wide.next()) {
        (None, _) => Ok(Imported::of(layer(values)?, [data])),
        (Some(axis), None) => on_axis(cx, data, ahead + axis, layer(values)?),
        (Some(_), Some(_)) if spread.len() > MAX_SPREAD => Err(misfit()),
        (Some(_), Some(_)) => {
            // A constant for every element: all of them are channels for a while.
            let mut made = Imported::default();
            let flat = Reshape { shape: Shape(vec![spread.len()]) };
            let flat = made.add("flat", flat, &[Operand::Input(data)]);
            let result = made.add("", layer(spread.iter().copied().collect())?, &[flat]);
            let output = made.add("shape", Reshape { shape }, &[result]);
            Ok(made.with_outputs([output]))
        }
    }
}
