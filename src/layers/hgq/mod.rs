//! HGQ2's dense layers: quantized weights go in, a plain [`Dense`] comes out.
//!
//! The frontend has cut the quantizers of inputs and outputs off; what is left here are the weights
//! and their quantizers. Everything is done in float32 and in HGQ2's order, because the last bit of a
//! folded weight decides how it is rounded.
//!
//! * `QDense`, `QEinsumDense`: `kq(kernel)`, `bq(bias)`.
//! * `QEinsumDenseBatchnorm`: a normalization of the outputs is folded in first; `bias` is its offset.
//! * `QBatchNormDense`: one of the inputs is; the mean is not scaled, as HGQ2 has it.

mod conf;
mod einsum;
mod fold;
mod quantize;

use super::import::expect_shape;
use super::{Dense, Import, Imported, LayerError, Spelling};
use crate::fixed::Format;
use crate::source::Tensor;
use conf::{Conf, Names};
use quantize::Rule;

/// HGQ2's classes.
pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("QDense", import_dense),
    Spelling::keras("QEinsumDense", import_einsum),
    Spelling::keras("QEinsumDenseBatchnorm", import_einsum_batchnorm),
    Spelling::keras("QBatchNormDense", import_batchnorm_dense),
];

const KERNEL: Names = Names { conf: "kq_conf", k: "kq/k", i: "kq/i", f: "kq/f", b: "kq/b" };
const BIAS: Names = Names { conf: "bq_conf", k: "bq/k", i: "bq/i", f: "bq/f", b: "bq/b" };
const DATA: Names = Names { conf: "config", k: "k", i: "i", f: "f", b: "b" };

/// The format of every element behind a quantizer of data; `None` where nothing but zero is left.
pub(super) fn lanes(cx: &Import<'_>) -> Result<Vec<Option<Format>>, LayerError> {
    let rule = rule(cx, &DATA, &cx.shape(0)?.0, 1)?;
    rule.formats().ok_or_else(|| {
        let found = "WRAP of a weight, which never overflows";
        cx.value_error("config", found, "a quantizer of data")
    })
}

/// The quantizer of a tensor of this shape; `batch` leading axes of its variables do not count.
fn rule(cx: &Import<'_>, names: &Names, shape: &[usize], batch: usize) -> Result<Rule, LayerError> {
    let conf = Conf::of(cx, names)?;
    let bits = conf::bits(cx, names, &conf, shape, batch)?;
    Ok(Rule { conf, bits })
}

fn quantized(cx: &Import<'_>, names: &Names, values: &Tensor) -> Result<Tensor, LayerError> {
    let rule = rule(cx, names, values.shape(), 0)?;
    let quantized = rule.apply(values);
    super::import::finite(names.conf, &quantized)?;
    Ok(quantized)
}

/// Quantizes both and makes the layer.
fn dense(
    cx: &Import<'_>,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    transposed: bool,
) -> Result<Imported, LayerError> {
    let kernel = quantized(cx, &KERNEL, kernel)?;
    let bias = bias.map(|it| quantized(cx, &BIAS, it)).transpose()?;
    if bias.is_none() {
        cx.attrs().ignore(&["bq_conf"]);
    }
    let weights = if transposed { kernel.t().to_owned() } else { kernel };
    Ok(Imported::unary(Dense { weights, bias, quantized: true }))
}

/// What QKeras' layers of the same names have.
fn refuse_qkeras(cx: &Import<'_>) -> Result<(), LayerError> {
    match cx.attrs().get("kq_conf") {
        Some(_) => Ok(()),
        None => Err(LayerError::Unsupported { op: format!("{} of QKeras", cx.node.op) }),
    }
}

fn units(cx: &Import<'_>) -> Result<usize, LayerError> {
    let units = cx.attrs().int("units", 0)?;
    usize::try_from(units).map_err(|_| cx.value_error("units", units, "at least 1"))
}

fn import_dense(cx: &Import<'_>) -> Result<Imported, LayerError> {
    refuse_qkeras(cx)?;
    let n_out = units(cx)?;
    let kernel = cx.weight_of("kernel", &[cx.shape(0)?.last(), n_out])?;
    let bias = match cx.attrs().bool("use_bias", true)? {
        true => Some(cx.weight_of("bias", &[n_out])?),
        false => None,
    };
    dense(cx, &kernel, bias.as_ref(), false)
}

/// The kernel of an einsum that is a dense layer.
fn einsum_kernel(cx: &Import<'_>) -> Result<(einsum::Matrix, Tensor), LayerError> {
    refuse_qkeras(cx)?;
    let matrix = einsum::matrix(cx)?;
    cx.attrs().ignore(&["output_shape"]);
    let kernel = cx.weight("kernel")?.ok_or(LayerError::Missing { role: "kernel" })?;
    let found = kernel.shape();
    let n_in = cx.shape(0)?.last();
    let shape = match (matrix.transposed, found) {
        (false, [_, n_out]) => [n_in, *n_out],
        (true, [n_out, _]) => [*n_out, n_in],
        _ => [n_in, 0],
    };
    expect_shape("kernel", kernel, &shape)?;
    Ok((matrix, kernel.clone()))
}

fn import_einsum(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (matrix, kernel) = einsum_kernel(cx)?;
    let n_out = kernel.shape()[usize::from(!matrix.transposed)];
    let bias = matrix.bias.then(|| cx.weight_of("bias", &[n_out])).transpose()?;
    dense(cx, &kernel, bias.as_ref(), matrix.transposed)
}

fn import_einsum_batchnorm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (matrix, kernel) = einsum_kernel(cx)?;
    // HGQ2 adds Keras' own constant to the variance here, whatever the layer's epsilon is.
    let epsilon = 1e-7;
    cx.attrs().ignore(&["epsilon"]);
    let axis = usize::from(!matrix.transposed);
    let n_out = kernel.shape()[axis];
    let bias = matrix.bias.then(|| cx.weight_of("bias", &[n_out])).transpose()?;
    let (kernel, bias) =
        fold::outputs(&kernel, bias.as_ref(), &fold::Statistics::of(cx, n_out, epsilon)?, axis);
    dense(cx, &kernel, Some(&bias), matrix.transposed)
}

fn import_batchnorm_dense(cx: &Import<'_>) -> Result<Imported, LayerError> {
    refuse_qkeras(cx)?;
    let (n_in, n_out) = (cx.shape(0)?.last(), units(cx)?);
    let kernel = cx.weight_of("kernel", &[n_in, n_out])?;
    let bias = match cx.attrs().bool("use_bias", true)? {
        true => Some(cx.weight_of("bias", &[n_out])?),
        false => None,
    };
    let epsilon = cx.attrs().float("epsilon", 1e-3)?;
    let statistics = fold::Statistics::of(cx, n_in, epsilon)?;
    let (kernel, bias) = fold::inputs(&kernel, bias.as_ref(), &statistics);
    dense(cx, &kernel, Some(&bias), false)
}
