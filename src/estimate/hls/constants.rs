//! What the weights of a matrix cost as constants.

use serde::{Deserialize, Serialize};

/// Facts about constant weights that decide between shifts, adders and DSP blocks.
///
/// Digits are those of the canonical signed form, the fewest powers of two that sum to a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constants {
    /// Weights that are not zero.
    pub nonzero: u64,
    /// Most weights that are not zero into one output.
    pub fan_in: u64,
    /// Digits of all weights.
    pub digits: u64,
    /// Weights of three digits or more.
    pub wide: u64,
    /// Digits of those.
    pub wide_digits: u64,
}

/// Digits from which on a product is not worth its adders.
const WIDE: u64 = 3;

impl Constants {
    /// Facts about integer weights (any common scale), with the outputs varying fastest.
    pub fn of(weights: &[i64], outputs: usize) -> Constants {
        let mut it = Constants::default();
        let mut fan_in = vec![0u64; outputs.max(1)];
        for (idx, weight) in weights.iter().enumerate().filter(|it| *it.1 != 0) {
            let digits = u64::from(digits(*weight));
            it.nonzero += 1;
            it.digits += digits;
            if digits >= WIDE {
                it.wide += 1;
                it.wide_digits += digits;
            }
            fan_in[idx % outputs.max(1)] += 1;
        }
        it.fan_in = fan_in.into_iter().max().unwrap_or(0);
        it
    }

    /// The same, where no product goes to a DSP block.
    pub fn in_logic(self) -> Constants {
        Constants { wide: 0, wide_digits: 0, ..self }
    }
}

/// Nonzero digits of the canonical signed form: bits in which `3 |w|` and `|w|` differ.
fn digits(weight: i64) -> u32 {
    let weight = u128::from(weight.unsigned_abs());
    ((3 * weight) ^ weight).count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_digits() {
        let known = [(0, 0), (1, 1), (3, 2), (7, 2), (-8, 1), (11, 3), (23, 3), (43, 4), (255, 2)];
        for (weight, count) in known {
            assert_eq!(digits(weight), count, "{weight}");
        }
        assert_eq!(digits(i64::MIN), 1);
    }

    #[test]
    fn facts_of_a_matrix() {
        let weights = [0, 1, 11, 3, 0, 43];
        let it = Constants::of(&weights, 2);
        assert_eq!((it.nonzero, it.fan_in), (4, 3));
        assert_eq!((it.digits, it.wide, it.wide_digits), (1 + 3 + 2 + 4, 2, 3 + 4));
        assert_eq!(Constants::of(&[], 0), Constants::default());
    }
}
