//! Scalar functions are close to their floats, and both paths agree.

use super::{Scalar, ScalarFunction};
use crate::fixed::Format;
use crate::layers::testing::Bench;

const WIDE: Format = Format::signed(16, 6);
const NARROW: Format = Format::signed(8, 4);

/// Largest error over inputs of a range, relative to values above 1 if asked.
fn error(function: ScalarFunction, input: Format, range: [f64; 2], relative: bool) -> f64 {
    let bench = Bench::new(Scalar { function }, input, &[4]);
    let inside = |it: &f64| range[0] <= *it && *it <= range[1];
    let step = if input.width > 10 { 37 } else { 1 };
    let all = (input.min()..=input.max()).step_by(step).map(|it| input.value(it));
    let all: Vec<f64> = all.filter(inside).collect();
    let samples: Vec<Vec<f64>> =
        all.chunks(4).map(|it| it.iter().copied().cycle().take(4).collect()).collect();
    if samples.is_empty() {
        return 0.0;
    }
    if !relative {
        return bench.checked_error(&samples);
    }
    // Spans, and that the scalar program agrees.
    bench.checked_error(&samples[..1]);
    let floats = bench.floats(&samples);
    let pairs = samples.iter().flatten().zip(floats.iter().flatten());
    pairs
        .map(|(x, y)| (y - function.at(*x)).abs() / function.at(*x).abs().max(0.01))
        .fold(0.0, f64::max)
}

#[test]
fn lines_are_exact_but_for_constants() {
    use ScalarFunction::*;
    for (function, limit) in [
        (Floor, 0.0),
        (Ceil, 0.0),
        (Round, 0.0),
        (Sign, 0.0),
        (HardShrink(0.5), 0.0),
        (SoftShrink(0.5), 0.001),
        (HardSilu, 0.002),
        (SparseSigmoid, 0.0001),
        (Ramp { slope: 0.25, threshold: 1.0, max: 6.0 }, 0.001),
        (Ramp { slope: -0.1, threshold: -0.5, max: f64::INFINITY }, 0.001),
    ] {
        for input in [WIDE, NARROW, Format::unsigned(9, 3)] {
            let found = error(function, input, [-100.0, 100.0], false);
            assert!(found <= limit, "{function:?} of {input}: {found}");
        }
    }
}

#[test]
fn tables_are_close() {
    use ScalarFunction::*;
    for (function, limit) in [
        (Sin, 0.004),
        (Cos, 0.004),
        (Erf, 0.005),
        (Celu(1.5), 0.02),
        (LogSigmoid, 0.006),
        (Squareplus(4.0), 0.03),
        (SparsePlus, 0.006),
        (TanhShrink, 0.008),
    ] {
        for input in [WIDE, NARROW] {
            let found = error(function, input, [-100.0, 100.0], false);
            assert!(found <= limit, "{function:?} of {input}: {found}");
        }
    }
    let found = error(Log, WIDE, [WIDE.value(1), 100.0], false);
    assert!(found <= 0.003, "logarithm: {found}");
}

#[test]
fn powers_are_as_close_for_small_as_for_large_inputs() {
    use ScalarFunction::*;
    let least = WIDE.value(1);
    for (function, from, limit) in [
        (Reciprocal, -100.0, 0.004),
        (Rsqrt, least, 0.002),
        (Sqrt, least, 0.004),
        (Power(-2.0), -100.0, 0.02),
        (Power(-1.5), least, 0.02),
    ] {
        let found = error(function, WIDE, [from, -least], true);
        let found = found.max(error(function, WIDE, [least, 100.0], true));
        assert!(found <= limit, "{function:?}: {found}");
    }
}

#[test]
fn what_has_no_value_has_that_of_the_smallest_input() {
    for function in [ScalarFunction::Rsqrt, ScalarFunction::Log, ScalarFunction::Reciprocal] {
        let bench = Bench::new(Scalar { function }, NARROW, &[2]);
        let found = bench.floats(&[vec![0.0, NARROW.value(1)]]).remove(0);
        assert_eq!(found[0], found[1], "{function:?}");
    }
}
