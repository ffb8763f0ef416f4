//! Integer codes of constants that a quantizer with any scale has made.
//!
//! Such constants are whole numbers times a scale, rounded to single precision. The scale is found
//! again from the constants alone, and only one that gives every constant back in every bit counts;
//! so it does not matter who has quantized them, and nothing is ever changed.

use crate::nn::Tensor;

/// Largest code that is looked for.
const MAX_CODE: f64 = 4096.0;
/// Largest code that the smallest constant may have.
const MAX_LEAST: u32 = 128;

/// Codes and scales: the constants are `codes * scales`, in single precision.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Codes {
    /// Whole numbers.
    pub codes: Tensor,
    /// One for all, or one for each element of the last axis.
    pub scales: Tensor,
}

/// The codes of weights whose last axis are the output channels; the coarsest there are.
pub(super) fn codes(weights: &Tensor) -> Option<Codes> {
    let channels = *weights.shape().last()?;
    let all: Vec<f64> = weights.iter().copied().collect();
    let scales = match scale(&all) {
        Some(scale) => vec![scale],
        None => {
            let channel = |at: usize| all.iter().skip(at).step_by(channels).copied();
            let scales = (0..channels).map(|it| scale(&channel(it).collect::<Vec<f64>>()));
            scales.collect::<Option<Vec<f64>>>()?
        }
    };
    let scales = ndarray::Array1::from(scales).into_dyn();
    let codes = (weights / &scales).mapv(f64::round);
    Some(Codes { codes, scales })
}

fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// The largest scale of which all constants are multiples; 1 if all are zero.
fn scale(constants: &[f64]) -> Option<f64> {
    let sizes = constants.iter().map(|it| it.abs()).filter(|it| *it > 0.0);
    let Some(least) = sizes.clone().reduce(f64::min) else { return Some(1.0) };
    let most = sizes.fold(0.0, f64::max);
    let is_scale = |scale: &f64| {
        let multiple = |it: &f64| single((it / scale).round() * scale) == *it;
        most / scale <= MAX_CODE && *scale > 0.0 && constants.iter().all(multiple)
    };
    // Rounding has moved the constants, and so the scale, by a step or two of single precision.
    let near = |code: u32| {
        let scale = (least / f64::from(code)) as f32;
        [0, 1, -1, 2, -2]
            .map(move |it| f64::from(f32::from_bits(scale.to_bits().wrapping_add_signed(it))))
    };
    (1..=MAX_LEAST).flat_map(near).find(is_scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn codes_are_found_again() {
        let scales = [0.012585338f32, 1.0 / 3.0, 7.544_217e-6, 0.25];
        let code = |(i, j): (usize, usize)| ((i * 89 + j * 31) % 255) as f32 - 127.0;
        let weights =
            Array2::from_shape_fn((40, 4), |at| f64::from(code(at) * scales[at.1])).into_dyn();
        let found = codes(&weights).unwrap();
        let wanted = Array2::from_shape_fn((40, 4), |at| f64::from(code(at))).into_dyn();
        assert_eq!(found.codes, wanted);
        let back = &found.codes * &found.scales;
        assert_eq!(back.mapv(single), weights);
        assert_eq!(found.scales.len(), 4);
    }

    #[test]
    fn one_scale_serves_all_where_it_can() {
        let weights = ndarray::arr2(&[[0.3f32, -0.1], [0.0, 0.2]]).mapv(f64::from).into_dyn();
        let found = codes(&weights).unwrap();
        assert_eq!(
            (found.scales.len(), found.codes.iter().copied().collect()),
            (1, vec![3.0, -1.0, 0.0, 2.0])
        );
    }

    #[test]
    fn floats_have_no_codes() {
        let weights =
            Array2::from_shape_fn((30, 2), |(i, j)| single(((i * 2 + j) as f64).sin())).into_dyn();
        assert_eq!(codes(&weights), None);
        let zeros = codes(&Tensor::zeros(vec![2, 2])).unwrap();
        assert_eq!(zeros.codes, Tensor::zeros(vec![2, 2]));
    }
}
