//! Einsums in hardware are exact, whatever the axes, and both paths agree.

use super::einsum::Einsum;
use crate::fixed::Format;
use crate::layers::testing::{Bench, Noise};
use crate::precision::Role;
use crate::source::Tensor;

const FIRST: Format = Format::signed(8, 3);
const SECOND: Format = Format::unsigned(7, 2);

fn tensor(shape: &[usize]) -> Tensor {
    // Sixteenths, which every type for weights holds.
    let values =
        (0..shape.iter().product::<usize>()).map(|it| (it * 7 % 31) as f64 / 16.0 - 0.9375);
    Tensor::from_shape_vec(shape, values.collect()).unwrap()
}

/// The error of an einsum whose result has room for every bit.
fn error(mut bench: Bench, format: Format) -> f64 {
    bench.given.insert(Role::Result, format);
    let count =
        bench.shape.elements() + bench.others.iter().map(|it| it.1.elements()).sum::<usize>();
    let mut samples = Noise::new(3).samples(30, count, 3.9, FIRST);
    let first = bench.shape.elements();
    // The second tensor is not negative.
    samples.iter_mut().for_each(|it| it[first..].iter_mut().for_each(|it| *it = it.abs()));
    bench.checked_error(&samples)
}

#[test]
fn products_of_two_tensors_are_exact() {
    for (a, b, out, first, second) in [
        ("ab", "bc", "ac", vec![2, 3], vec![3, 4]),
        ("thk", "shk", "hts", vec![3, 2, 4], vec![2, 2, 4]),
        ("abd", "ce", "eb", vec![2, 3, 2], vec![3, 2]),
        ("a", "a", "", vec![4], vec![4]),
        ("ab", "cb", "cab", vec![2, 3], vec![4, 3]),
        ("ab", "ab", "ba", vec![2, 3], vec![2, 3]),
    ] {
        let layer = Einsum::of(a.as_bytes(), b.as_bytes(), out.as_bytes());
        let bench = Bench::new(layer, FIRST, &first).and(SECOND, &second);
        assert_eq!(error(bench, Format::signed(32, 16)), 0.0, "{a},{b}->{out}");
    }
}

#[test]
fn default_results_are_half_a_unit_away_at_most() {
    let bench = Bench::new(Einsum::matrices(2), FIRST, &[2, 5]).and(SECOND, &[5, 2]);
    let format = bench.formats().format(Role::Result);
    assert!(error(bench, format) <= format.value(1) / 2.0);
}

#[test]
fn constants_of_every_batch_and_biases_of_every_row_are_exact() {
    for (a, b, out, first, second, bias) in [
        ("ab", "abc", "ac", vec![3, 4], vec![3, 4, 2], None),
        ("abc", "bcd", "abd", vec![2, 3, 4], vec![3, 4, 2], Some(vec![3, 2])),
        ("ab", "cb", "ca", vec![2, 3], vec![4, 3], Some(vec![4, 1])),
        ("abc", "bd", "adc", vec![2, 3, 2], vec![3, 2], Some(vec![2, 2, 2])),
    ] {
        let mut layer = Einsum::of(a.as_bytes(), b.as_bytes(), out.as_bytes());
        layer.kernel = Some(tensor(&second));
        layer.bias = bias.map(|it| tensor(&it));
        let bench = Bench::new(layer, FIRST, &first);
        assert_eq!(error(bench, Format::signed(32, 16)), 0.0, "{a},{b}->{out}");
    }
}
