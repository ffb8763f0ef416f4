//! The arithmetic against its definitions.

use proptest::prelude::*;

use super::*;

/// Rounding in plain rational arithmetic, straight from the definitions.
fn reference(numerator: i128, shift: u32, mode: Rounding) -> i128 {
    let unit = 1i128 << shift;
    let floor = numerator.div_euclid(unit);
    let twice = 2 * numerator.rem_euclid(unit);
    let tie = |up: bool| floor + i128::from(twice > unit || (twice == unit && up));
    match mode {
        Rounding::Trn => floor,
        Rounding::TrnZero => floor + i128::from(numerator < 0 && twice != 0),
        Rounding::Rnd => tie(true),
        Rounding::RndZero => tie(numerator < 0),
        Rounding::RndInf => tie(numerator > 0),
        Rounding::RndMinInf => tie(false),
        Rounding::RndConv => tie(floor & 1 == 1),
    }
}

fn format() -> impl Strategy<Value = Format> {
    (any::<bool>(), 1u32..40, -20i32..30, 0usize..7, 0usize..4).prop_map(
        |(signed, width, int_bits, rounding, overflow)| Format {
            signed,
            width,
            int_bits,
            rounding: Rounding::ALL[rounding],
            overflow: Overflow::ALL[overflow],
        },
    )
}

proptest! {
    #[test]
    fn rounding_matches_the_definitions(v in -5000i64..5000, shift in 1u32..9, mode in 0usize..7) {
        let mode = Rounding::ALL[mode];
        let want = reference(i128::from(v), shift, mode);
        prop_assert_eq!(round(v as i32, shift as i32, mode).widen(), want);
        prop_assert_eq!(round(v, shift as i32, mode).widen(), want);
        prop_assert_eq!(round(i128::from(v), shift as i32, mode), want);
    }

    #[test]
    fn floats_quantize_alike_in_both_ways(format in format(), v in -3e6f64..3e6, scale in -30i32..6) {
        // Values on a coarse grid meet ties; the wide path is the definition.
        let value = (v.round() / 4.0) * 2f64.powi(scale);
        let (mantissa, exponent) = decompose(value);
        let wide = Cast { from_frac: -exponent, to: format }.apply_wide(mantissa);
        prop_assert_eq!(format.quantize(value), wide);
    }

    #[test]
    fn casts_stay_in_range(format in format(), v in any::<i64>(), from in -10i32..40) {
        let got = Cast { from_frac: from, to: format }.apply_wide(i128::from(v));
        prop_assert!(format.min() <= got && got <= format.max());
    }
}

#[test]
fn overflow_modes_at_the_ends() {
    let cast = |overflow, v: i128| {
        let to = Format::signed(4, 4).with(Rounding::Trn, overflow);
        Cast { from_frac: 0, to }.apply(v)
    };
    assert_eq!([8, -9, 7, -8].map(|v| cast(Overflow::Wrap, v)), [-8, 7, 7, -8]);
    assert_eq!([8, -9, 7, -8].map(|v| cast(Overflow::Sat, v)), [7, -8, 7, -8]);
    assert_eq!([8, -9, 7, -8].map(|v| cast(Overflow::SatZero, v)), [0, 0, 7, -8]);
    assert_eq!([8, -9, 7, -8].map(|v| cast(Overflow::SatSym, v)), [7, -7, 7, -7]);
}

#[test]
fn infinities_and_huge_values() {
    let sat = Format::signed(8, 4).rounded();
    assert_eq!(
        [f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300].map(|v| sat.quantize(v)),
        [127, -128, 127, -128]
    );
    assert_eq!(Format::signed(8, 4).quantize(f64::INFINITY), 0);
    assert_eq!(Format::signed(128, 128).quantize(2f64.powi(126)), 1 << 126);
}
