//! Activations under our own inference: accuracy, ranges, any input format.

use super::testing::{Bench, Noise, check_datapath, run};
use super::*;
use crate::fixed::Format;
use crate::precision::SoftmaxKind;

/// One of every activation.
fn every() -> Vec<Layer> {
    use Function::*;
    let tables = [Sigmoid, Tanh, Softplus, Softsign, Exponential, Gelu, GeluTanh, Silu, Mish];
    let mut layers: Vec<Layer> =
        tables.into_iter().map(|function| Table { function }.into()).collect();
    layers.extend::<[Layer; 20]>([
        Identity.into(),
        Relu { max: None }.into(),
        Relu { max: Some(6.0) }.into(),
        Relu { max: Some(0.3) }.into(),
        LeakyRelu { alpha: 0.3, max: None }.into(),
        LeakyRelu { alpha: -0.5, max: Some(2.7) }.into(),
        ThresholdedRelu { theta: 1.0, max: None }.into(),
        ThresholdedRelu { theta: -0.3, max: Some(1.5) }.into(),
        PRelu { alpha: ndarray::arr1(&[0.1, -0.25, 1.5]).into_dyn() }.into(),
        Clip { min: -1.3, max: 0.7 }.into(),
        Clip { min: f64::NEG_INFINITY, max: 0.5 }.into(),
        Clip { min: -2.0, max: f64::INFINITY }.into(),
        Elu { alpha: 1.0 }.into(),
        Elu { alpha: -0.3 }.into(),
        Selu.into(),
        HardSigmoid { slope: 1.0 / 6.0, shift: 0.5 }.into(),
        HardTanh { slope: 0.5, shift: 0.5 }.into(),
        BinaryTanh.into(),
        TernaryTanh.into(),
        Softmax::new(3).into(),
    ]);
    layers
}

#[test]
fn tables_are_as_accurate_as_their_file_says() {
    use Function::*;
    let input = Format::signed(16, 6);
    let table = |function: Function| -> Layer { Table { function }.into() };
    for (layer, bound) in [
        (table(Sigmoid), 0.0020),
        (table(Tanh), 0.0040),
        (table(Softplus), 0.0023),
        (table(Softsign), 0.029),
        (table(Gelu), 0.0014),
        (table(GeluTanh), 0.0014),
        (table(Silu), 0.0030),
        (table(Mish), 0.0048),
        (Elu { alpha: 1.0 }.into(), 0.0044),
        (Selu.into(), 0.0075),
    ] {
        let bench = Bench::new(layer, input, &[64]);
        for scale in [0.1, 1.0, 4.0, 10.0, 32.0] {
            let samples = Noise::new(7).samples(100, 64, scale, input);
            let error = bench.error(&samples);
            assert!(error < bound, "{:?} to {scale}: {error}", bench.layer);
        }
    }
}

#[test]
fn a_narrow_input_gets_the_exact_function() {
    let input = Format::signed(10, 4);
    let all: Vec<Vec<f64>> = (input.min()..=input.max()).map(|it| vec![input.value(it)]).collect();
    for function in [Function::Sigmoid, Function::Tanh, Function::Gelu, Function::Mish] {
        let bench = Bench::new(Table { function }, input, &[1]);
        let lsb = bench.formats().format(Role::Result).value(1);
        // Half a unit for the rounding; values close to 1 saturate one unit below it.
        let error = bench.error(&all);
        assert!(error <= lsb, "{function:?}: {error} of {lsb}");
    }
}

#[test]
fn piecewise_linear_layers_are_exact_where_the_width_suffices() {
    let input = Format::signed(9, 4);
    let all: Vec<Vec<f64>> = (input.min()..=input.max()).map(|it| vec![input.value(it)]).collect();
    for layer in [
        Layer::from(Relu { max: None }),
        Relu { max: Some(6.0) }.into(),
        LeakyRelu { alpha: 0.125, max: Some(2.5) }.into(),
        ThresholdedRelu { theta: 0.7, max: None }.into(),
        ThresholdedRelu { theta: -1.5, max: Some(1.25) }.into(),
        Clip { min: -0.75, max: 3.0 }.into(),
        HardTanh { slope: 0.5, shift: 0.5 }.into(),
        BinaryTanh.into(),
        TernaryTanh.into(),
    ] {
        let bench = Bench::new(layer, input, &[1]);
        assert_eq!(bench.error(&all), 0.0, "{:?}", bench.layer);
    }
}

#[test]
fn doubling_wraps_in_hls4mls_ternary_tanh_only() {
    let mut bench = Bench::new(TernaryTanh, Format::signed(8, 1), &[1]);
    assert_eq!(bench.floats(&[vec![0.75]]), [[1.0]]);
    bench.compat = true;
    assert_eq!(bench.floats(&[vec![0.75]]), [[0.0]]);
}

#[test]
fn a_one_bit_sign_is_zero_or_one() {
    let mut bench = Bench::new(BinaryTanh, Format::signed(8, 1), &[2]);
    bench.given.insert(Role::Result, Format::unsigned(1, 1));
    assert_eq!(bench.floats(&[vec![-0.25, 0.0]]), [[0.0, 1.0]]);
}

#[test]
fn one_slope_serves_every_channel_or_element() {
    let input = Format::signed(8, 4);
    let alpha = ndarray::arr2(&[[0.5, 0.25], [2.0, -1.0]]).into_dyn();
    let sample = vec![vec![-1.0, -1.0, -1.0, 1.0]];
    let all = Bench::new(PRelu { alpha }, input, &[2, 2]);
    assert_eq!(all.floats(&sample), [[-0.5, -0.25, -2.0, 1.0]]);
    let alpha = ndarray::arr1(&[0.5, 0.25]).into_dyn();
    let channels = Bench::new(PRelu { alpha }, input, &[2, 2]);
    assert_eq!(channels.floats(&sample), [[-0.5, -0.25, -0.5, 1.0]]);
}

/// Both inferences, every layer, formats from one bit to beyond a machine word: types are legal,
/// widths verified, outputs in their spans, and the scalar program agrees.
#[test]
fn every_layer_takes_every_input_format() {
    let formats = [
        Format::signed(1, 1),
        Format::unsigned(1, 1),
        Format::signed(2, 1),
        Format::signed(8, -3),
        Format::unsigned(7, -1),
        Format::signed(8, 12),
        Format::unsigned(12, 4),
        Format::signed(16, 6),
        Format::signed(37, 17),
        Format::unsigned(40, 9),
        Format::signed(20, 40),
        Format::signed(12, -20),
    ];
    let mut noise = Noise::new(9);
    for (layer, input) in every().iter().flat_map(|it| formats.map(|input| (it, input))) {
        for kind in [SoftmaxKind::Stable, SoftmaxKind::Latency, SoftmaxKind::Legacy] {
            let softmax = matches!(layer, Layer::Softmax(_));
            if kind != SoftmaxKind::Stable && !softmax {
                continue;
            }
            let mut bench = Bench::new(layer.clone(), input, &[3]);
            bench.settings.softmax = kind;
            let mut samples = noise.samples(6, 3, input.max_value(), input);
            samples.push([input.min_value(), 0.0, input.max_value()].to_vec());
            bench.error(&samples);
            for compat in [false, true] {
                bench.compat = compat;
                let graph = bench.graph(&bench.formats());
                let mantissas = |it: &Vec<f64>| it.iter().map(|it| input.quantize(*it)).collect();
                let samples: Vec<Vec<i128>> = samples.iter().map(mantissas).collect();
                let found = run(&graph, &samples);
                // Long tables make long scalar programs; one sample each is enough here.
                check_datapath(&graph, &samples[6], &found[6]);
            }
        }
    }
}
