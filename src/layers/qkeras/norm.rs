//! Batch normalizations of QKeras, folded into a kernel or on their own, in float32.

use ndarray::Array1;

use super::super::import::expect_shape;
use super::super::{BatchNorm, Import, Imported, LayerError};
use super::rule::Rule;
use crate::precision::auto::is_short;
use crate::source::Tensor;

/// The numbers of a normalization, one a channel.
struct Statistics {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    epsilon: f32,
}

impl Statistics {
    fn of(cx: &Import<'_>, count: usize) -> Result<Statistics, LayerError> {
        cx.attrs().ignore(&["momentum", "ema_freeze_delay", "folding_mode"]);
        let constant = |it: f64| Tensor::from_elem(vec![count], it);
        let gamma = match cx.attrs().bool("scale", true)? {
            true => cx.weight_of("gamma", &[count])?,
            false => constant(1.0),
        };
        let beta = match cx.attrs().bool("center", true)? {
            true => cx.weight_of("beta", &[count])?,
            false => constant(0.0),
        };
        Ok(Statistics {
            gamma: singles(&gamma),
            beta: singles(&beta),
            mean: singles(&cx.weight_of("moving_mean", &[count])?),
            variance: singles(&cx.weight_of("moving_variance", &[count])?),
            epsilon: cx.attrs().float("epsilon", 1e-3)? as f32,
        })
    }

    /// `gamma / sqrt(variance + epsilon)`.
    fn factors(&self) -> Vec<f32> {
        let factor =
            |(gamma, variance): (&f32, &f32)| gamma * (1.0 / (variance + self.epsilon).sqrt());
        self.gamma.iter().zip(&self.variance).map(factor).collect()
    }
}

fn singles(tensor: &Tensor) -> Vec<f32> {
    tensor.iter().map(|it| *it as f32).collect()
}

fn vector(values: impl Iterator<Item = f32>) -> Tensor {
    Array1::from_iter(values.map(f64::from)).into_dyn()
}

/// The kernel and the bias of a layer with its normalization folded in, before any quantizer.
pub(super) fn fold(
    cx: &Import<'_>,
    kernel: &Tensor,
    bias: Option<&Tensor>,
) -> Result<(Tensor, Option<Tensor>), LayerError> {
    let role = "moving_mean";
    let count = cx.weight(role)?.ok_or(LayerError::Missing { role })?.len();
    if count == 0 || !kernel.len().is_multiple_of(count) {
        let (found, expected) = (vec![count], kernel.shape().to_vec());
        return Err(LayerError::WeightShape { role, found, expected });
    }
    bias.map(|it| expect_shape("bias", it, &[count])).transpose()?;
    let axis = cx.attrs().ints("axis")?.unwrap_or_else(|| vec![-1]);
    let last = cx.shape(0)?.0.len() as i64;
    if axis != [-1] && axis != [last] {
        return Err(cx.value_error("axis", format!("{axis:?}"), "the last axis"));
    }
    let statistics = Statistics::of(cx, count)?;
    let factors = statistics.factors();
    let mut folded = kernel.as_standard_layout().into_owned();
    for (at, weight) in folded.iter_mut().enumerate() {
        *weight = f64::from(*weight as f32 * factors[at % count]);
    }
    let offset = |at: usize| {
        let own = bias.map_or(0.0, |it| it[at] as f32);
        factors[at] * (own - statistics.mean[at]) + statistics.beta[at]
    };
    Ok((folded, Some(vector((0..count).map(offset)))))
}

/// `QBatchNormalization`.
pub(super) fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = cx.shape(0)?.0.len() as i64;
    let axis = cx.attrs().ints("axis")?.unwrap_or_else(|| vec![-1]);
    if axis != [-1] && axis != [rank] {
        return Err(cx.value_error("axis", format!("{axis:?}"), "the last axis"));
    }
    cx.attrs().ignore(&["gamma_range", "beta_range"]);
    let mut statistics = Statistics::of(cx, cx.shape(0)?.last())?;
    let quantize = |name: &'static str, values: &mut Vec<f32>| {
        let Some(rule) = Rule::of(cx, name, false)? else { return Ok(false) };
        let all = vector(values.iter().copied());
        *values = singles(&rule.apply(&all, cx.node.version).values());
        Ok::<_, LayerError>(true)
    };
    let mut all = quantize("gamma_quantizer", &mut statistics.gamma)?;
    all &= quantize("beta_quantizer", &mut statistics.beta)?;
    all &= quantize("mean_quantizer", &mut statistics.mean)?;
    all &= quantize("variance_quantizer", &mut statistics.variance)?;
    let mut factors = statistics.factors();
    all |= quantize("inverse_quantizer", &mut factors)?;
    let offset = |at: usize| statistics.beta[at] - statistics.mean[at] * factors[at];
    let bias = vector((0..factors.len()).map(offset));
    let scale = vector(factors.iter().copied());
    let (kind, quantized) = ("BatchNormalization", all && is_short(&scale) && is_short(&bias));
    Ok(Imported::unary(BatchNorm { scale, bias, kind, quantized }.checked()?))
}
