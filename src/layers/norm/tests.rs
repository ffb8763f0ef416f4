//! Normalizations are close to their floats for groups of all sizes, and both paths agree.

use super::{LayerNorm, Statistic};
use crate::fixed::Format;
use crate::layers::testing::{Bench, Noise};
use crate::source::Tensor;

const INPUT: Format = Format::signed(16, 6);

fn bench(statistic: Statistic, epsilon: f64, shape: &[usize], axes: &[usize]) -> Bench {
    let (axes, scale, bias) = (axes.to_vec(), None, None);
    Bench::new(LayerNorm { axes, statistic, epsilon, scale, bias }, INPUT, shape)
}

/// Largest error over samples of several sizes.
fn errors(bench: &Bench) -> Vec<f64> {
    let mut noise = Noise::new(5);
    let mut samples = |scale| noise.samples(60, bench.shape.elements(), scale, INPUT);
    [0.05, 0.5, 4.0, 30.0].map(|scale| bench.checked_error(&samples(scale))).to_vec()
}

#[test]
fn every_statistic_is_close_for_groups_of_all_sizes() {
    for (statistic, limit) in
        [(Statistic::Deviation, 0.02), (Statistic::MeanSquare, 0.02), (Statistic::Length, 0.01)]
    {
        for (shape, axes) in [(&[2, 8][..], &[1][..]), (&[3, 5, 2], &[0, 2]), (&[6], &[0])] {
            let found = errors(&bench(statistic, 1e-3, shape, axes));
            let worst = found.iter().copied().fold(0.0, f64::max);
            assert!(worst < limit, "{statistic:?} {shape:?}: {found:?}");
        }
    }
    // The mean stays, so results are larger.
    let found = errors(&bench(Statistic::Spread, 1e-3, &[2, 8], &[1]));
    assert!(found.iter().all(|it| *it < 1.0), "{found:?}");
}

#[test]
fn factors_and_offsets_may_differ_between_groups() {
    let tensor = |shape: &[usize]| {
        let values = (0..shape.iter().product::<usize>()).map(|it| it as f64 / 4.0 - 0.6);
        Some(Tensor::from_shape_vec(shape, values.collect()).unwrap())
    };
    for (scale, bias) in [
        (tensor(&[1, 4]), tensor(&[3, 4])),
        (tensor(&[3, 4]), None),
        (None, tensor(&[1, 1])),
        (tensor(&[4]), tensor(&[4])),
    ] {
        let layer = LayerNorm {
            axes: vec![1],
            statistic: Statistic::Deviation,
            epsilon: 1e-5,
            scale: scale.clone(),
            bias: bias.clone(),
        };
        let bench = Bench::new(layer, INPUT, &[3, 4]);
        let samples = Noise::new(7).samples(80, 12, 3.0, INPUT);
        let error = bench.checked_error(&samples);
        assert!(error < 0.02, "{scale:?} {bias:?}: {error}");
    }
}

#[test]
fn a_constant_group_is_zero() {
    let bench = bench(Statistic::Deviation, 1e-3, &[5], &[0]);
    let found = bench.floats(&[vec![3.25; 5], vec![-32.0; 5], vec![0.0; 5]]);
    assert!(found.iter().flatten().all(|it| it.abs() < 0.02), "{found:?}");
}
