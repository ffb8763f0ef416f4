//! Normalizations over axes of one sample.

use super::{needed, per_sample, sample_axes};
use crate::layers::import::{Operand, expect_shape, finite};
use crate::layers::torch::norm::groups;
use crate::layers::{
    Identity, Import, Imported, LayerError, LayerNorm, Merge, Reduce, Reduction, Scalar,
    ScalarFunction, Spelling, Statistic,
};
use crate::source::Tensor;
use crate::units::Binary;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::onnx("LayerNormalization", |cx| trailing(cx, Statistic::Deviation)),
    Spelling::onnx("RMSNormalization", |cx| trailing(cx, Statistic::MeanSquare)),
    Spelling::onnx("InstanceNormalization", import_instance),
    Spelling::onnx("GroupNormalization", import_group),
    Spelling::onnx("LpNormalization", import_length),
    Spelling::onnx("MeanVarianceNormalization", import_mean_variance),
];

/// From an axis to the last.
fn trailing(cx: &Import<'_>, statistic: Statistic) -> Result<Imported, LayerError> {
    let rank = cx.shape(0)?.0.len();
    let first = sample_axes(cx, &[cx.attrs().int("axis", -1)?], "axis")?[0];
    let epsilon = cx.attrs().float("epsilon", 1e-5)?;
    match cx.attrs().int("stash_type", 1)? {
        1 | 11 => {}
        other => return Err(cx.value_error("stash_type", other, "1 (float32)")),
    }
    let parameter = |index: usize, role: &'static str| -> Result<Option<Tensor>, LayerError> {
        let Some(value) = cx.constant(index)? else { return Ok(None) };
        let value = finite(role, value)?;
        let misfit = || LayerError::WeightShape {
            role,
            found: value.shape().to_vec(),
            expected: vec![1; rank + 1],
        };
        Ok(Some(per_sample(value, rank).ok_or_else(misfit)?))
    };
    let axes = (first..rank).collect();
    let (scale, bias) = (parameter(1, "scale")?, parameter(2, "bias")?);
    Ok(Imported::unary(LayerNorm { axes, statistic, epsilon, scale, bias }))
}

fn parameter(
    cx: &Import<'_>,
    index: usize,
    role: &'static str,
    extent: usize,
) -> Result<Tensor, LayerError> {
    let value = needed(cx, index, role)?;
    expect_shape(role, value, &[extent])?;
    Ok(value.clone())
}

fn import_instance(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    let channels = cx.shape(0)?.0.first().copied().unwrap_or(0);
    let epsilon = cx.attrs().float("epsilon", 1e-5)?;
    let parameters = [parameter(cx, 1, "scale", channels)?, parameter(cx, 2, "B", channels)?];
    groups(cx, channels as i64, epsilon, parameters.map(Some))
}

/// Factors and offsets are per group before opset 21, then per channel.
fn import_group(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let channels = cx.shape(0)?.0.first().copied().unwrap_or(0);
    let count = cx.attrs().int("num_groups", 0)?;
    let divides = |it: &usize| *it > 0 && channels.is_multiple_of(*it);
    let wrong = || cx.value_error("num_groups", count, "a divisor of the number of channels");
    let groups_of = usize::try_from(count).ok().filter(divides).ok_or_else(wrong)?;
    let epsilon = cx.attrs().float("epsilon", 1e-5)?;
    cx.attrs().ignore(&["stash_type"]);
    let each = |index: usize, role: &'static str| -> Result<Option<Tensor>, LayerError> {
        if cx.node.version >= 21 {
            return parameter(cx, index, role, channels).map(Some);
        }
        let value = parameter(cx, index, role, groups_of)?;
        let times = channels / groups_of;
        Ok(Some(Tensor::from_shape_fn(vec![channels], |at| value[[at[0] / times]])))
    };
    let parameters = [each(1, "scale")?, each(2, "bias")?];
    groups(cx, count, epsilon, parameters)
}

/// Divided by the sum of magnitudes, or by the root of the sum of squares.
fn import_length(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axes = sample_axes(cx, &[cx.attrs().int("axis", -1)?], "axis")?;
    let mut made = Imported::default();
    let x = Operand::Input(0);
    let reduce = Reduce { reduction: Reduction::Sum, axes, keep: true };
    let length = match cx.attrs().int("p", 2)? {
        1 => {
            let size = made.add("size", crate::layers::LeakyRelu { alpha: -1.0, max: None }, &[x]);
            made.add("length", reduce, &[size])
        }
        2 => {
            let square = super::arith::square(&mut made, x);
            let sum = made.add("sum", reduce, &[square]);
            made.add("length", Scalar { function: ScalarFunction::Sqrt }, &[sum])
        }
        other => return Err(cx.value_error("p", other, "1, 2")),
    };
    let inverse = made.add("inverse", Scalar { function: ScalarFunction::Reciprocal }, &[length]);
    let output = made.add("", Merge { op: Binary::Mul }, &[x, inverse]);
    Ok(made.with_outputs([output]))
}

fn import_mean_variance(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let given = cx.attrs().ints("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    let mut axes = sample_axes(cx, &given, "axes")?;
    axes.sort_unstable();
    let (statistic, epsilon) = (Statistic::Deviation, 1e-9);
    let norm = LayerNorm { axes, statistic, epsilon, scale: None, bias: None };
    match given.is_empty() {
        true => Ok(Imported::unary(Identity)),
        false => Ok(Imported::unary(norm)),
    }
}
