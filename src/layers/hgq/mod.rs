//! HGQ2's layers: trained weights and quantizers go in, plain layers with quantized constants come out.
//!
//! Everything is done in float32 and in HGQ2's order, because the last bit of a weight decides how it
//! is rounded. The frontend has cut the quantizers of inputs and outputs off most layers; what is left
//! here are quantizers of weights, and those that lie between the steps of a layer.
//!
//! * `dense`: dense layers and normalizations; `product`: kernels of any equation; `convolution`.
//! * `merge`: sums, products and extremes of data; `pool`: the means that are exact.
//! * `table`: functions of one number; `softmax`; `attention`, which is made of all of these.
//! * `learned`: layers whose every weight is a table; `recurrent`, unrolled; `proxy`: HGQ 1.

mod attention;
mod conf;
mod convolution;
mod dense;
mod fold;
mod learned;
mod merge;
mod parts;
mod pool;
mod product;
mod proxy;
mod quantize;
mod recurrent;
mod softmax;
mod table;
#[cfg(test)]
mod tests;

use super::{Import, Imported, LayerError, Spelling};
use crate::source::Tensor;
use conf::{Conf, Names, names};
use parts::Builder;
use quantize::Rule;

/// HGQ2's classes.
pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("QDense", dense::import_dense),
    Spelling::keras("QEinsumDense", dense::import_einsum),
    Spelling::keras("QEinsumDenseBatchnorm", dense::import_einsum_batchnorm),
    Spelling::keras("QBatchNormDense", dense::import_batchnorm_dense),
    Spelling::keras("QBatchNormalization", dense::import_batch_norm),
    Spelling::keras("QConv1D", |cx| convolution::import(cx, "Conv1D")),
    Spelling::keras("QConv2D", |cx| convolution::import(cx, "Conv2D")),
    Spelling::keras("QConv3D", |cx| convolution::import(cx, "Conv3D")),
    Spelling::keras("QAveragePow2", merge::import_average),
    Spelling::keras("QDot", merge::import_dot),
    Spelling::keras("QEinsum", merge::import_einsum),
    Spelling::keras("QSum", merge::import_sum),
    Spelling::keras("QMeanPow2", merge::import_mean),
    Spelling::keras("QGlobalAveragePooling1D", |cx| pool::import_global(cx, 1)),
    Spelling::keras("QGlobalAveragePooling2D", |cx| pool::import_global(cx, 2)),
    Spelling::keras("QGlobalAveragePooling3D", |cx| pool::import_global(cx, 3)),
    Spelling::keras("QUnaryFunctionLUT", table::import),
    Spelling::keras("QAffinedUnaryFunctionLUT", table::import_affine),
    Spelling::keras("QSoftmax", softmax::import),
    Spelling::keras("QMultiHeadAttention", attention::import),
    Spelling::keras("QLinformerAttention", attention::import_linformer),
    Spelling::keras("QGRU", recurrent::import_gru),
    Spelling::keras("QSimpleRNN", recurrent::import_simple),
    Spelling::keras("QDenseT", learned::import_dense),
    Spelling::keras("QEinsumDenseT", learned::import_einsum),
    Spelling::keras("QConvT1D", |cx| learned::import_conv(cx, 1)),
    Spelling::keras("QConvT2D", |cx| learned::import_conv(cx, 2)),
    Spelling::keras("FixedPointQuantizer", proxy::import_quantizer),
    Spelling::keras("UnaryLUT", proxy::import_table),
];

const KERNEL: Names = names!("kq_conf", "kq");
const BIAS: Names = names!("bq_conf", "bq");
const DATA: Names = Names { conf: "config", k: "k", i: "i", f: "f", b: "b" };

/// A quantizer on its own.
pub(super) fn import_quantizer(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let mut parts = Builder::new(cx);
    let (input, shape) = (parts.input(0), cx.shape(0)?.0.clone());
    let output = parts.quantizer("", &DATA, input, &shape)?;
    Ok(parts.finish(output))
}

/// The quantizer of a tensor of this shape; `None` if it lets everything pass.
fn rule(cx: &Import<'_>, names: &Names, shape: &[usize]) -> Result<Option<Rule>, LayerError> {
    let Some(conf) = Conf::of(cx, names)? else { return Ok(None) };
    let bits = conf::bits(cx, names, &conf, shape)?;
    Ok(Some(Rule { conf, bits }))
}

/// Constants behind their quantizer.
fn quantized(cx: &Import<'_>, names: &Names, values: &Tensor) -> Result<Tensor, LayerError> {
    let Some(rule) = rule(cx, names, values.shape())? else { return Ok(values.clone()) };
    let quantized = rule.apply(values);
    super::import::finite(names.conf, &quantized)?;
    Ok(quantized)
}
