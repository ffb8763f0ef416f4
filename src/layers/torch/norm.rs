//! Normalizations over axes of one sample.

use super::{constant, with_last};
use crate::layers::import::{Operand, expect_shape};
use crate::layers::{
    BatchNorm, Import, Imported, LayerError, LayerNorm, Reshape, Spelling, Statistic,
};
use crate::nn::Shape;
use crate::source::Tensor;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::torch("layer_norm", import_layer),
    Spelling::torch("rms_norm", import_rms),
    Spelling::torch("group_norm", import_group),
    Spelling::torch("instance_norm", import_instance),
];

/// What `rms_norm` adds if nothing is given: the step between floats at 1.
const SINGLE_EPSILON: f64 = f32::EPSILON as f64;

/// The last axes, and a parameter of their shape.
fn trailing(cx: &Import<'_>) -> Result<(Vec<usize>, Vec<usize>), LayerError> {
    let shape = super::sizes(cx, "normalized_shape")?;
    let own = &cx.shape(0)?.0;
    match own.ends_with(&shape) && !shape.is_empty() {
        true => Ok(((own.len() - shape.len()..own.len()).collect(), shape)),
        false => Err(cx.value_error("normalized_shape", format!("{shape:?}"), "the last axes")),
    }
}

fn parameter(
    cx: &Import<'_>,
    index: usize,
    role: &'static str,
    shape: &[usize],
) -> Result<Option<Tensor>, LayerError> {
    if cx.constant(index)?.is_none() {
        return Ok(None);
    }
    let value = constant(cx, index, role)?;
    expect_shape(role, value, shape)?;
    Ok(Some(value.clone()))
}

fn import_layer(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (axes, shape) = trailing(cx)?;
    let epsilon = cx.attrs().float("eps", 1e-5)?;
    let scale = parameter(cx, 1, "weight", &shape)?;
    let bias = parameter(cx, 2, "bias", &shape)?;
    let statistic = Statistic::Deviation;
    Ok(Imported::unary(LayerNorm { axes, statistic, epsilon, scale, bias }))
}

fn import_rms(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (axes, shape) = trailing(cx)?;
    let epsilon = cx.attrs().float("eps", SINGLE_EPSILON)?;
    let scale = parameter(cx, 1, "weight", &shape)?;
    let statistic = Statistic::MeanSquare;
    Ok(Imported::unary(LayerNorm { axes, statistic, epsilon, scale, bias: None }))
}

fn import_group(cx: &Import<'_>) -> Result<Imported, LayerError> {
    own_groups(cx, cx.attrs().int("num_groups", 1)?)
}

/// Each channel is a group, unless running statistics are to be used.
fn import_instance(cx: &Import<'_>) -> Result<Imported, LayerError> {
    match cx.attrs().bool("use_input_stats", true)? {
        true => own_groups(cx, cx.shape(0)?.0.first().map_or(1, |it| *it as i64)),
        false => super::arith::import_batch_norm(cx),
    }
}

/// Groups with parameters per channel.
fn own_groups(cx: &Import<'_>, count: i64) -> Result<Imported, LayerError> {
    let channels = cx.shape(0)?.0.first().copied().unwrap_or(0);
    let epsilon = cx.attrs().float("eps", 1e-5)?;
    let scale = parameter(cx, 1, "weight", &[channels])?;
    let bias = parameter(cx, 2, "bias", &[channels])?;
    groups(cx, count, epsilon, [scale, bias])
}

/// Groups of neighbouring channels, the first axis, over all other axes too; factors and offsets
/// are per channel.
pub(in crate::layers) fn groups(
    cx: &Import<'_>,
    count: i64,
    epsilon: f64,
    [scale, bias]: [Option<Tensor>; 2],
) -> Result<Imported, LayerError> {
    let shape = cx.shape(0)?.clone();
    let channels = shape.0.first().copied().unwrap_or(0);
    let wrong = || cx.value_error("num_groups", count, "a divisor of the number of channels");
    let groups = usize::try_from(count).ok().filter(|it| *it > 0 && channels.is_multiple_of(*it));
    let groups = groups.filter(|_| shape.elements() > 0).ok_or_else(wrong)?;
    let grouped = Shape(vec![groups, shape.elements() / groups]);
    let (axes, statistic) = (vec![1], Statistic::Deviation);
    let norm = LayerNorm { axes, statistic, epsilon, scale: None, bias: None };
    let mut made = Imported::default();
    let inner = made.add("groups", Reshape { shape: grouped }, &[Operand::Input(0)]);
    let normal = made.add("normalized", norm, &[inner]);
    if scale.is_none() && bias.is_none() {
        let output = made.add("", Reshape { shape }, &[normal]);
        return Ok(made.with_outputs([output]));
    }
    let rank = shape.0.len();
    let outer = made.add("ungrouped", Reshape { shape }, &[normal]);
    let scale = scale.unwrap_or_else(|| Tensor::ones(vec![channels]));
    let bias = bias.unwrap_or_else(|| Tensor::zeros(vec![channels]));
    let affine = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false };
    let output = with_last(&mut made, outer, rank, 0, affine);
    Ok(made.with_outputs([output]))
}
