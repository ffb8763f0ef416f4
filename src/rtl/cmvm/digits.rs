//! Signed digits of weights.

use super::pool::Term;
use crate::rtl::datapath::csd;

/// Number of nonzero digits of the canonical form: where `x` and `3 x` differ. Weights have at most
/// 60 bits.
#[inline]
pub(super) fn count(x: i64) -> i64 {
    i64::from((x ^ (3 * x)).count_ones())
}

/// The digits of a column, as terms of the given values.
pub(super) fn terms(column: &[i128], values: &[u32]) -> Vec<Term> {
    let digits = |(weight, value): (&i128, &u32)| {
        let value = *value;
        let term = move |(shift, negate)| Term { value, shift: shift as u16, negate };
        csd(*weight).into_iter().map(term).collect::<Vec<_>>()
    };
    column.iter().zip(values).flat_map(digits).collect()
}
