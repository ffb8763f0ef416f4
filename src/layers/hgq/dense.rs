//! Dense layers and normalizations of HGQ2.
//!
//! * `QDense`, `QEinsumDense`: `kq(kernel)`, `bq(bias)`.
//! * `QEinsumDenseBatchnorm`: a normalization of the outputs is folded in first; `bias` is its offset.
//! * `QBatchNormDense`: one of the inputs is; the mean is not scaled, as HGQ2 has it.
//! * `QBatchNormalization`: `kq(scale)`, `bq(offset)` of a [`BatchNorm`].

use super::parts::Builder;
use super::product::{self, Equation};
use super::{BIAS, KERNEL, fold, quantized};
use crate::layers::{BatchNorm, Dense, Import, Imported, LayerError};
use crate::source::Tensor;

/// Quantizes both and makes the layer.
fn dense(cx: &Import<'_>, kernel: &Tensor, bias: Option<&Tensor>) -> Result<Imported, LayerError> {
    let kernel = quantized(cx, &KERNEL, kernel)?;
    let bias = bias.map(|it| quantized(cx, &BIAS, it)).transpose()?;
    if bias.is_none() {
        cx.attrs().ignore(&["bq_conf"]);
    }
    Ok(Imported::unary(Dense { weights: kernel.into(), bias, quantized: true }))
}

fn units(cx: &Import<'_>) -> Result<usize, LayerError> {
    let units = cx.attrs().int("units", 0)?;
    usize::try_from(units).map_err(|_| cx.value_error("units", units, "at least 1"))
}

/// `QDense`.
pub(super) fn import_dense(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let n_out = units(cx)?;
    let kernel = cx.weight_of("kernel", &[cx.shape(0)?.last(), n_out])?;
    let bias = match cx.attrs().bool("use_bias", true)? {
        true => Some(cx.weight_of("bias", &[n_out])?),
        false => None,
    };
    dense(cx, &kernel, bias.as_ref())
}

/// The equation, the kernel, and the bias if there is one.
fn einsum(cx: &Import<'_>) -> Result<(Equation, Tensor, Option<Tensor>), LayerError> {
    let text = cx.attrs().str("equation", "")?.to_owned();
    let kernel = cx.weight("kernel")?.ok_or(LayerError::Missing { role: "kernel" })?.clone();
    let equation = Equation::read(cx, "equation", &text, cx.shape(0)?, kernel.shape())?;
    // The shape follows from the kernel's.
    cx.attrs().ignore(&["output_shape"]);
    let bias = match cx.attrs().get("bias_axes") {
        None => None,
        Some(_) => Some(cx.weight("bias")?.ok_or(LayerError::Missing { role: "bias" })?.clone()),
    };
    Ok((equation, kernel, bias))
}

/// `QEinsumDense`.
pub(super) fn import_einsum(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (equation, kernel, bias) = einsum(cx)?;
    let kernel = quantized(cx, &KERNEL, &kernel)?;
    let bias = bias.map(|it| quantized(cx, &BIAS, &it)).transpose()?;
    if bias.is_none() {
        cx.attrs().ignore(&["bq_conf"]);
    }
    let mut parts = Builder::new(cx);
    let input = parts.input(0);
    let output = product::add(&mut parts, "product", &equation, input, (&kernel, bias.as_ref()))?;
    Ok(parts.finish(output))
}

/// `QEinsumDenseBatchnorm`.
pub(super) fn import_einsum_batchnorm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (equation, kernel, bias) = einsum(cx)?;
    // HGQ2 adds Keras' own constant to the variance here, whatever the layer's epsilon is.
    let epsilon = 1e-7;
    cx.attrs().ignore(&["epsilon"]);
    let wrong = || {
        let text = cx.attrs().str("equation", "").unwrap_or_default();
        cx.value_error("equation", text, "one axis of outputs: bc,cd->bd")
    };
    let axis = equation.only_column().ok_or_else(wrong)?;
    let n_out = kernel.shape()[axis];
    if bias.as_ref().is_some_and(|it| it.shape() != [n_out]) {
        let axes = cx.attrs().str("bias_axes", "")?;
        return Err(cx.value_error("bias_axes", axes, "the axis of outputs, or none"));
    }
    if cx.attrs().get("normalize_axes").is_some() {
        let axes = cx.attrs().str("normalize_axes", "")?;
        let letter = u8::try_from(axes.chars().next().unwrap_or(' ')).unwrap_or(0);
        if axes.len() != 1 || !equation.is_kernel_axis(letter, axis) {
            return Err(cx.value_error("normalize_axes", axes, "the axis of outputs"));
        }
    }
    let statistics = fold::Statistics::of(cx, "bn_gamma", n_out, epsilon)?;
    let (kernel, bias) = fold::outputs(&kernel, bias.as_ref(), &statistics, axis);
    let (kernel, bias) = (quantized(cx, &KERNEL, &kernel)?, quantized(cx, &BIAS, &bias)?);
    let mut parts = Builder::new(cx);
    let input = parts.input(0);
    let output = product::add(&mut parts, "product", &equation, input, (&kernel, Some(&bias)))?;
    Ok(parts.finish(output))
}

/// `QBatchNormDense`.
pub(super) fn import_batchnorm_dense(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (n_in, n_out) = (cx.shape(0)?.last(), units(cx)?);
    let kernel = cx.weight_of("kernel", &[n_in, n_out])?;
    let bias = match cx.attrs().bool("use_bias", true)? {
        true => Some(cx.weight_of("bias", &[n_out])?),
        false => None,
    };
    let epsilon = cx.attrs().float("epsilon", 1e-3)?;
    let statistics = fold::Statistics::of(cx, "bn_gamma", n_in, epsilon)?;
    let (kernel, bias) = fold::inputs(&kernel, bias.as_ref(), &statistics);
    dense(cx, &kernel, Some(&bias))
}

/// `QBatchNormalization`.
pub(super) fn import_batch_norm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = cx.shape(0)?.0.len() as i64;
    let axis = cx.attrs().ints("axis")?.unwrap_or_else(|| vec![-1]);
    if axis != [-1] && axis != [rank] {
        return Err(cx.value_error("axis", format!("{axis:?}"), "the last axis"));
    }
    // Without an offset of its own HGQ2 adds one, which nobody can have meant.
    if !cx.attrs().bool("center", true)? {
        return Err(cx.value_error("center", false, "true"));
    }
    let count = cx.shape(0)?.last();
    let epsilon = cx.attrs().float("epsilon", 1e-3)?;
    let statistics = fold::Statistics::of(cx, "gamma", count, epsilon)?;
    let (scale, bias) = fold::affine(&statistics, &cx.weight_of("beta", &[count])?);
    let (scale, bias) = (quantized(cx, &KERNEL, &scale)?, quantized(cx, &BIAS, &bias)?);
    let kind = "BatchNormalization";
    Ok(Imported::unary(BatchNorm { scale, bias, kind, quantized: true }))
}
