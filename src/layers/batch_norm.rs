//! Batch normalization at inference, and any scale and offset by constants:
//! `y = x * scale + bias` along the last axis.
//!
//! Keras `BatchNormalization`, ONNX `BatchNormalization`, `Mul`, `Add`, `Sub` and `Div` by a constant.
//! The four statistics are folded into two constants here. One `affine` unit; the
//! `fuse_batch_norm` pass folds it into a dense layer in front.

use ndarray::{Array1, Zip};

use super::import::finite;
use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::source::Tensor;
use crate::units::Affine;

/// A scale and an offset per channel; lists of one serve every channel.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Factors, one per channel.
    pub scale: Tensor,
    /// Offsets, one per channel.
    pub bias: Tensor,
    /// hls4ml's class: `BatchNormalization`, or `ApplyAlpha` for other constants.
    pub kind: &'static str,
    /// Factors and offsets are on a grid of the model's own and must be kept as they are.
    pub quantized: bool,
}

impl BatchNorm {
    pub(super) const SPELLINGS: &[Spelling] =
        &[Spelling::keras("BatchNormalization", import_keras)];

    /// Folds the statistics: `scale = gamma / sqrt(variance + epsilon)`, `bias = beta - mean * scale`.
    /// In single precision, operation by operation, as all frameworks do.
    pub(in crate::layers) fn fold(stats: [Tensor; 4], epsilon: f64) -> BatchNorm {
        let [gamma, beta, mean, variance] = stats;
        let single = |it: &f64| *it as f32;
        let factor = |(gamma, variance): (&f64, &f64)| {
            single(gamma) * (1.0 / (single(variance) + epsilon as f32).sqrt())
        };
        let scales: Vec<f32> = gamma.iter().zip(&variance).map(factor).collect();
        let offsets = beta.iter().zip(&mean).zip(&scales);
        let offset = |((beta, mean), scale): ((&f64, &f64), &f32)| {
            f64::from(single(beta) - single(mean) * scale)
        };
        let bias = Array1::from_iter(offsets.map(offset)).into_dyn();
        let scale = Array1::from_iter(scales.iter().map(|it| f64::from(*it))).into_dyn();
        BatchNorm { scale, bias, kind: "BatchNormalization", quantized: false }
    }

    pub(in crate::layers) fn checked(self) -> Result<BatchNorm, LayerError> {
        finite("scale", &self.scale)?;
        finite("offset", &self.bias)?;
        Ok(self)
    }
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = cx.shape(0)?.0.len() as i64;
    if let Some(axis) = cx.attrs().ints("axis")?
        && axis != [-1]
        && axis != [rank]
    {
        return Err(cx.value_error("axis", format!("{axis:?}"), "the last axis"));
    }
    let shape = [cx.shape(0)?.last()];
    let constant = |v| Array1::from_elem(shape[0], v).into_dyn();
    let gamma = match cx.attrs().bool("scale", true)? {
        true => cx.weight_of("gamma", &shape)?,
        false => constant(1.0),
    };
    let beta = match cx.attrs().bool("center", true)? {
        true => cx.weight_of("beta", &shape)?,
        false => constant(0.0),
    };
    let mean = cx.weight_of("moving_mean", &shape)?;
    let variance = cx.weight_of("moving_variance", &shape)?;
    let epsilon = cx.attrs().float("epsilon", 1e-3)?;
    for name in ["renorm", "fused", "virtual_batch_size", "synchronized"] {
        // Training-time variants with the same inference.
        cx.attrs().ignore(&[name]);
    }
    cx.attrs().ignore(&["momentum", "renorm_clipping", "renorm_momentum", "adjustment"]);
    Ok(Imported::unary(BatchNorm::fold([gamma, beta, mean, variance], epsilon).checked()?))
}

impl LayerSpec for BatchNorm {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let count = self.scale.len();
        if !inputs[0].0.is_empty() && (count == 1 || count == inputs[0].last()) {
            return Ok(inputs[0].clone());
        }
        let expected = format!("{count} on the last axis");
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let mut out = inputs[0].clone();
        let (scale, bias) = (self.scale.broadcast(out.shape()), self.bias.broadcast(out.shape()));
        let (scale, bias) = (scale.expect("infer checked the axis"), bias.expect("as the scale"));
        Zip::from(&mut out).and(&scale).and(&bias).for_each(|x, s, b| *x = *x * s + b);
        out
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        vec![(Role::Scale, &self.scale), (Role::Bias, &self.bias)]
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for BatchNorm {
    fn roles(&self) -> &'static [Role] {
        &[Role::Scale, Role::Bias, Role::Result]
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Scale if self.quantized && auto::is_short(&self.scale) => {
                auto::grid(Some(&self.scale))
            }
            Role::Bias if self.quantized && auto::is_short(&self.bias) => {
                auto::grid(Some(&self.bias))
            }
            Role::Scale => auto::weight(&self.scale, cx),
            Role::Bias => auto::weight(&self.bias, cx),
            _ if cx.compat && !cx.exact => self.hls4ml_result(cx),
            _ if cx.feeds_activation || cx.exact => {
                let frac = (cx.inputs[0].format.frac() + cx.format(Role::Scale).frac())
                    .max(cx.format(Role::Bias).frac());
                auto::exact(Span::hull(&self.spans(cx)), frac)
            }
            _ => cx.result(Span::hull(&self.spans(cx))),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let scale = dequantized(&self.scale, cx.format(Role::Scale), cx.compat);
        let bias = dequantized(&self.bias, cx.format(Role::Bias), cx.compat);
        let channel = |element: usize| element % scale.len();
        let affine = |(element, x): (usize, &Span)| {
            x.scale(scale[channel(element)]).add(Span::point(bias[channel(element)]))
        };
        cx.inputs[0].spans.iter().enumerate().map(affine).collect()
    }

    fn is_activation(&self) -> bool {
        false
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let affine = Affine {
            scales: cx.quantize(&self.scale, Role::Scale),
            scale: cx.format(Role::Scale),
            biases: cx.quantize(&self.bias, Role::Bias),
            bias: cx.format(Role::Bias),
            result: cx.format(Role::Result),
        };
        cx.builder.add("", affine, inputs)
    }
}

impl BatchNorm {
    /// hls4ml sizes the result like a sum of one product and a bias.
    fn hls4ml_result(&self, cx: &Resolve<'_>) -> Typed {
        let bias = cx.format(Role::Bias);
        let product = cx.inputs[0].format.product(cx.format(Role::Scale));
        let signed = product.signed || bias.signed;
        let int = product.int_bits + i32::from(signed && !product.signed);
        let int_bits = int.max(bias.int_bits + i32::from(signed && !bias.signed)) + 1;
        let width = (int_bits + product.frac().max(bias.frac())) as u32;
        let format = crate::fixed::Format { signed, width, int_bits, ..product };
        Typed::new(format, "hls4ml: product and a bias")
    }
}
