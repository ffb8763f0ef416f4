//! Batch normalizations folded into a kernel, in float32 and HGQ2's order of operations.

use super::super::{Import, LayerError};
use crate::source::Tensor;

/// The statistics of a normalization and what it is scaled with.
pub(super) struct Statistics {
    scale: Vec<f32>,
    mean: Vec<f32>,
}

impl Statistics {
    /// Reads those of a layer; `scale = gamma / sqrt(variance + epsilon)`.
    pub(super) fn of(
        cx: &Import<'_>,
        count: usize,
        epsilon: f64,
    ) -> Result<Statistics, LayerError> {
        cx.attrs().ignore(&["momentum"]);
        let gamma = match cx.attrs().bool("scale", true)? {
            true => singles(&cx.weight_of("bn_gamma", &[count])?),
            false => vec![1.0; count],
        };
        let mean = singles(&cx.weight_of("moving_mean", &[count])?);
        let variance = singles(&cx.weight_of("moving_variance", &[count])?);
        let epsilon = epsilon as f32;
        let scale = gamma.iter().zip(variance).map(|(gamma, it)| gamma / (it + epsilon).sqrt());
        Ok(Statistics { scale: scale.collect(), mean })
    }
}

/// The values as float32, which they are in the file.
fn singles(tensor: &Tensor) -> Vec<f32> {
    tensor.iter().map(|it| *it as f32).collect()
}

/// A normalization of the outputs, which are the kernel's axis `axis`; `bias` is its offset.
pub(super) fn outputs(
    kernel: &Tensor,
    bias: Option<&Tensor>,
    statistics: &Statistics,
    axis: usize,
) -> (Tensor, Tensor) {
    let Statistics { scale, mean } = statistics;
    let mut folded = kernel.clone();
    for (at, weight) in folded.indexed_iter_mut() {
        *weight = f64::from(*weight as f32 * scale[at[axis]]);
    }
    let offset = |at: usize| bias.map_or(0.0, |it| it[at] as f32);
    let bias = (0..scale.len()).map(|at| f64::from(offset(at) - mean[at] * scale[at]));
    (folded, ndarray::Array1::from_iter(bias).into_dyn())
}

/// A normalization of the inputs. The mean meets the kernel as it was, without the scale: so HGQ2 does.
pub(super) fn inputs(
    kernel: &Tensor,
    bias: Option<&Tensor>,
    statistics: &Statistics,
) -> (Tensor, Tensor) {
    let Statistics { scale, mean } = statistics;
    let n_out = kernel.shape()[1];
    let mut folded = kernel.clone();
    // The order of HGQ2's sum is its library's own; the exact sum, rounded once, is nearest to any.
    let mut sums = vec![0.0; n_out];
    for (at, weight) in folded.indexed_iter_mut() {
        sums[at[1]] += f64::from(mean[at[0]]) * *weight;
        *weight = f64::from(*weight as f32 * scale[at[0]]);
    }
    let offset = |at: usize| bias.map_or(0.0, |it| it[at] as f32);
    let bias = (0..n_out).map(|at| f64::from(offset(at) - sums[at] as f32));
    (folded, ndarray::Array1::from_iter(bias).into_dyn())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, arr2};

    #[test]
    fn outputs_and_inputs_are_scaled_along_their_axes() {
        let kernel = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn();
        let bias = arr1(&[1.0, 1.0, 1.0]).into_dyn();
        let statistics = Statistics { scale: vec![2.0, 0.5, 1.0], mean: vec![1.0, 4.0, 0.0] };
        let (folded, offset) = outputs(&kernel, Some(&bias), &statistics, 1);
        assert_eq!(folded, arr2(&[[2.0, 1.0, 3.0], [8.0, 2.5, 6.0]]).into_dyn());
        assert_eq!(offset, arr1(&[-1.0, -1.0, 1.0]).into_dyn());
        let turned = kernel.t().to_owned();
        assert_eq!(outputs(&turned, Some(&bias), &statistics, 0).0, folded.t());
        let statistics = Statistics { scale: vec![2.0, 0.5], mean: vec![1.0, -1.0] };
        let (folded, offset) = inputs(&kernel, None, &statistics);
        assert_eq!(folded, arr2(&[[2.0, 4.0, 6.0], [2.0, 2.5, 3.0]]).into_dyn());
        // -(1 * kernel[0] - 1 * kernel[1])
        assert_eq!(offset, arr1(&[3.0, 3.0, 3.0]).into_dyn());
    }

    #[test]
    fn arithmetic_is_single() {
        let kernel = arr2(&[[f64::from(0.1f32)]]).into_dyn();
        let statistics = Statistics { scale: vec![0.7], mean: vec![0.3] };
        let (folded, offset) = outputs(&kernel, None, &statistics, 1);
        assert_eq!(folded[[0, 0]], f64::from(0.1f32 * 0.7f32));
        assert_eq!(offset[[0]], f64::from(-(0.3f32 * 0.7f32)));
    }
}
