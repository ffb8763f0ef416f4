//! A constant matrix as additions of shifted values, for compilers that shall not find them themselves.

use crate::fixed::Format;
use crate::rtl::cmvm::{Effort, Output, Problem, Source, solve};
use crate::rtl::datapath::Interval;

/// Additions beyond the least depth of each output: a little deeper is much smaller.
const LIMIT: Option<u32> = Some(2);

/// `(negate ? - : +)(value << shift)`; to the right, and exact, where the shift is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// An input, or a sum behind them.
    pub value: usize,
    /// Shift to the left.
    pub shift: i32,
    /// Subtracted.
    pub negate: bool,
}

/// A sum of two terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// What is added.
    pub terms: [Term; 2],
    /// Bits of two's complement that hold it.
    pub bits: u32,
}

/// `y = x M` by additions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adders {
    /// Number of inputs.
    pub n_in: usize,
    /// Operands come before users.
    pub sums: Vec<Sum>,
    /// `None`: always zero.
    pub outputs: Vec<Option<Term>>,
    /// Bits of two's complement that hold every output.
    pub bits: u32,
}

impl Adders {
    /// Finds additions for `n_in` rows of a matrix of mantissas; inputs are mantissas of a format.
    pub fn of(matrix: &[i128], n_in: usize, input: Format) -> Adders {
        let n_out = matrix.len() / n_in.max(1);
        let interval = Interval::new(input.min(), input.max());
        let inputs = vec![Source { interval, depth: 0 }; n_in];
        let (limit, effort) = (LIMIT, Effort::Normal);
        let graph =
            solve(&Problem { matrix, n_in, n_out, inputs: &inputs, limit, effort, lut_inputs: 0 });
        let mut intervals = vec![(input.min(), input.max()); n_in];
        let mut sums = Vec::with_capacity(graph.adds.len());
        for add in &graph.adds {
            let terms = [(add.a, add.shift_a, add.negate_a), (add.b, add.shift_b, add.negate_b)]
                .map(|(value, shift, negate)| Term { value, shift: shift as i32, negate });
            let [a, b] = terms.map(|it| it.range(&intervals));
            let range = (a.0 + b.0, a.1 + b.1);
            intervals.push(range);
            sums.push(Sum { terms, bits: bits(range) });
        }
        let term = |it: Output| Term { value: it.value, shift: it.shift, negate: it.negate };
        let outputs: Vec<Option<Term>> = graph.outputs.iter().map(|it| it.map(term)).collect();
        let widest = outputs.iter().flatten().map(|it| bits(it.range(&intervals))).max();
        Adders { n_in, sums, outputs, bits: widest.unwrap_or(1) }
    }
}

impl Term {
    /// What it can be.
    fn range(self, values: &[(i128, i128)]) -> (i128, i128) {
        let (low, high) = values[self.value];
        let (left, right) = (self.shift.max(0), (-self.shift).max(0));
        let (low, high) = (low << left >> right, high << left >> right);
        if self.negate { (-high, -low) } else { (low, high) }
    }
}

/// Bits of two's complement for a range.
fn bits((low, high): (i128, i128)) -> u32 {
    let of = |it: i128| 129 - (if it < 0 { !it } else { it }).leading_zeros();
    of(low).max(of(high))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Adders, Term};
    use crate::fixed::Format;

    proptest! {
        #[test]
        fn additions_are_the_product_and_fit_their_bits(
            weights in prop::collection::vec(-64..64_i128, 12),
            x in prop::collection::vec(-128..128_i128, 4),
        ) {
            let adders = Adders::of(&weights, 4, Format::signed(8, 3));
            let mut values = x.clone();
            let at = |it: &Term, values: &[i128]| {
                let value = values[it.value] << it.shift.max(0) >> (-it.shift).max(0);
                if it.negate { -value } else { value }
            };
            let fits = |it: i128, bits: u32| it >> (bits - 1) == 0 || it >> (bits - 1) == -1;
            for sum in &adders.sums {
                let value = sum.terms.iter().map(|it| at(it, &values)).sum::<i128>();
                prop_assert!(fits(value, sum.bits));
                values.push(value);
            }
            for (j, output) in adders.outputs.iter().enumerate() {
                let expected: i128 = (0..4).map(|i| x[i] * weights[3 * i + j]).sum();
                let found = output.as_ref().map_or(0, |it| at(it, &values));
                prop_assert!(found == expected && fits(found, adders.bits));
            }
        }
    }
}
