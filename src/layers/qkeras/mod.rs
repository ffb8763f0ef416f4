//! QKeras' layers, of versions 0.9 (Keras 2) and v3 (Keras 3): plain layers with quantized constants.
//!
//! Files hold the float originals; the quantizers in the configuration decide, and what they do at
//! inference is done here, in float32. Scales that are no powers of two become a factor behind the
//! layer, so that its weights are integers times a power of two. Quantizers of data are in [`data`].
//!
//! * `QDense`, `QConv1D`, `QConv2D`, `QDepthwiseConv2D`: kernel and bias, each by its quantizer.
//! * `QConv2DTranspose`, whose scale is a power of two; `QSeparableConv1D`, `QSeparableConv2D`: two kernels.
//! * `QDenseBatchnorm`, `QConv2DBatchnorm`, `QDepthwiseConv2DBatchnorm`: the normalization is folded in
//!   first.
//! * `QBatchNormalization`: its four numbers a channel, or the factor made of two of them.
//! * `QAveragePooling2D`, `QGlobalAveragePooling2D`; `QSimpleRNN`, `QLSTM`, `QGRU`; `QBidirectional` of these.

mod call;
mod data;
mod norm;
mod pool;
mod recurrent;
mod rule;
mod scale;
mod separable;

use ndarray::Array1;

use super::import::{expect_shape, finite};
use super::recurrent::bidirectional;
use super::{BatchNorm, Import, Imported, Layer, LayerError, Operand, Spelling};
use crate::source::{RawNode, Tensor};
pub(super) use call::is_quantizer;
pub(super) use data::activation;
use rule::Rule;
use scale::Quantized;

/// QKeras' classes; those that HGQ2 has too are told apart by the frontend.
pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("qkeras.QDense", |cx| import(cx, &DENSE)),
    Spelling::keras("qkeras.QConv1D", |cx| import(cx, &CONV_1D)),
    Spelling::keras("qkeras.QConv2D", |cx| import(cx, &CONV_2D)),
    Spelling::keras("QDepthwiseConv2D", |cx| import(cx, &DEPTHWISE)),
    Spelling::keras("QConv2DTranspose", import_transposed),
    Spelling::keras("QSeparableConv1D", |cx| separable::import(cx, "SeparableConv1D")),
    Spelling::keras("QSeparableConv2D", |cx| separable::import(cx, "SeparableConv2D")),
    Spelling::keras("QDenseBatchnorm", |cx| import(cx, &Class { folds: true, ..DENSE })),
    Spelling::keras("QConv2DBatchnorm", |cx| import(cx, &Class { folds: true, ..CONV_2D })),
    Spelling::keras("QDepthwiseConv2DBatchnorm", |cx| {
        import(cx, &Class { folds: true, ..DEPTHWISE })
    }),
    Spelling::keras("qkeras.QBatchNormalization", norm::import),
    Spelling::keras("qkeras.QAveragePooling2D", |cx| pool::import(cx, "AveragePooling2D")),
    Spelling::keras("qkeras.QGlobalAveragePooling2D", |cx| {
        pool::import(cx, "GlobalAveragePooling2D")
    }),
    Spelling::keras("qkeras.QSimpleRNN", recurrent::import_simple),
    Spelling::keras("QLSTM", recurrent::import_lstm),
    Spelling::keras("qkeras.QGRU", recurrent::import_gru),
    Spelling::keras("QBidirectional", bidirectional::import),
];

/// What a quantized layer is apart from its quantizers.
struct Class {
    /// The layer of Keras.
    plain: &'static str,
    /// The attribute with the quantizer of the kernel.
    quantizer: &'static str,
    kernel: &'static str,
    /// Whether a normalization of the outputs is part of it.
    folds: bool,
}

const DENSE: Class =
    Class { plain: "Dense", quantizer: "kernel_quantizer", kernel: "kernel", folds: false };
const CONV_1D: Class = Class { plain: "Conv1D", ..DENSE };
const CONV_2D: Class = Class { plain: "Conv2D", ..DENSE };
const CONV_2D_TRANSPOSE: Class = Class { plain: "Conv2DTranspose", ..DENSE };
const DEPTHWISE: Class = Class {
    plain: "DepthwiseConv2D",
    quantizer: "depthwise_quantizer",
    kernel: "depthwise_kernel",
    folds: false,
};

/// Entries that are for training.
const TRAINING: [&str; 6] = [
    "kernel_range",
    "depthwise_range",
    "pointwise_range",
    "bias_range",
    "quantization_config",
    "folding_mode",
];

fn import(cx: &Import<'_>, class: &Class) -> Result<Imported, LayerError> {
    let version = cx.node.version;
    cx.attrs().ignore(&TRAINING);
    let kernel_rule = Rule::of(cx, class.quantizer, true)?;
    let bias_rule = Rule::of(cx, "bias_quantizer", false)?;
    let kernel = cx.weight(class.kernel)?.ok_or(LayerError::Missing { role: class.kernel })?;
    let bias = match cx.attrs().bool("use_bias", true)? {
        true => Some(cx.weight("bias")?.ok_or(LayerError::Missing { role: "bias" })?.clone()),
        false => None,
    };
    let (kernel, bias) = match class.folds {
        true => norm::fold(cx, kernel, bias.as_ref())?,
        false => (kernel.clone(), bias),
    };
    let is_kernel_quantized = kernel_rule.is_some();
    let Quantized { codes, scale } = by_rule(kernel_rule.as_ref(), kernel, version);
    finite(class.kernel, &codes)?;
    let bias = bias.map(|it| by_rule(bias_rule.as_ref(), it, version).values());
    bias.as_ref().map(|it| finite("bias", it)).transpose()?;
    let mut made = plain(cx, class.plain, [(class.kernel, codes)])?;
    finish(&mut made, bias, scale, is_kernel_quantized)?;
    Ok(made)
}

fn by_rule(rule: Option<&Rule>, values: Tensor, version: i64) -> Quantized {
    match rule {
        Some(rule) => rule.apply(&values, version),
        None => Quantized { codes: values, scale: None },
    }
}

/// A transposed convolution: the scales that its quantizer finds are those of inputs, which cannot follow.
fn import_transposed(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let made = import(cx, &CONV_2D_TRANSPOSE)?;
    match made.parts.len() {
        1 => Ok(made),
        _ => {
            let told = "a quantizer with a scale that is no power of two";
            Err(cx.value_error("kernel_quantizer", told, "one with powers of two"))
        }
    }
}

/// Imports the layer as Keras' own, with other kernels.
fn plain<const N: usize>(
    cx: &Import<'_>,
    class: &'static str,
    kernels: [(&str, Tensor); N],
) -> Result<Imported, LayerError> {
    let mut node: RawNode = cx.node.clone();
    let kernels = kernels.into_iter().map(|(role, it)| (role.to_owned(), it));
    node.weights.extend(kernels);
    renamed(cx, class, node)
}

/// Imports a node as a layer of Keras.
pub(super) fn renamed(
    cx: &Import<'_>,
    plain: &'static str,
    mut node: RawNode,
) -> Result<Imported, LayerError> {
    node.op = plain.to_owned();
    let unsupported = || LayerError::Unsupported { op: cx.op() };
    let spelling = super::import::find(&node).ok_or_else(unsupported)?;
    // Errors are about the layer in the file.
    node.op = cx.op();
    let inner = Import { node: &node, shapes: cx.shapes.clone(), constants: cx.constants.clone() };
    let made = inner.run(spelling)?;
    // What it has not read has been read here.
    let unread: Vec<&str> = cx.attrs().unread().into_iter().map(|it| it.0).collect();
    cx.attrs().ignore(&unread);
    Ok(made)
}

/// Gives the layer its bias and says that its weights are to stay; a scale follows it.
fn finish(
    made: &mut Imported,
    bias: Option<Tensor>,
    scale: Option<Vec<f32>>,
    is_quantized: bool,
) -> Result<(), LayerError> {
    let Some(part) = made.parts.last_mut() else { return Ok(()) };
    let (own, count) = match &mut part.layer {
        Layer::Dense(dense) => {
            dense.quantized = is_quantized;
            (&mut dense.bias, dense.weights.shape().last().copied())
        }
        Layer::Conv(conv) => {
            conv.quantized = is_quantized;
            (&mut conv.bias, conv.kernel.shape().last().copied())
        }
        Layer::ConvTranspose(conv) => {
            conv.quantized = is_quantized;
            (&mut conv.bias, conv.kernel.shape().last().copied())
        }
        _ => return Ok(()),
    };
    let count = count.unwrap_or(0);
    if let Some(bias) = &bias {
        expect_shape("bias", bias, &[count])?;
    }
    let Some(scale) = scale else {
        *own = bias;
        return Ok(());
    };
    *own = None;
    let scale = (0..count).map(|at| f64::from(scale[at % scale.len()]));
    let scale = Array1::from_iter(scale).into_dyn();
    let bias = bias.unwrap_or_else(|| Tensor::zeros(vec![count]));
    let layer = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: true };
    let from = Operand::Part(made.parts.len() - 1);
    let output = made.add("alpha", layer, &[from]);
    made.outputs = vec![output];
    Ok(())
}

#[cfg(test)]
mod tests;
