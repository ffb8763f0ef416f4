//! Which reuse factors fold a matrix evenly, and how many rows of a tensor can be in work at once.

use std::fmt;

/// A reuse factor that a strategy cannot use, and what is used in its place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("reuse factor {asked} {why}; using {used}")]
pub struct ReuseChanged {
    /// What was asked for.
    pub asked: u64,
    /// What is used.
    pub used: u64,
    /// Why.
    pub why: Unfit,
}

/// Why a reuse factor cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The blocks of a cycle would not be equal.
    Uneven {
        /// Rows of the matrix.
        n_in: u64,
        /// Columns of the matrix.
        n_out: u64,
    },
    /// There are only so many products.
    Few(u64),
    /// There are no multipliers.
    Additions,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Unfit::Uneven { n_in, n_out } => {
                let legal: Vec<String> = legal(n_in, n_out).iter().map(u64::to_string).collect();
                let legal = legal.join(", ");
                write!(
                    f,
                    "does not split a {n_in} x {n_out} matrix evenly (those that do: {legal})"
                )
            }
            Unfit::Few(products) => write!(f, "is more than the {products} products of a row"),
            Unfit::Additions => f.write_str("has no effect on additions, which are not shared"),
        }
    }
}

/// A number of rows that does not divide all of them, and what is used in its place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("parallelization factor {asked} does not divide the {positions} positions; using {used}")]
pub struct ParallelChanged {
    /// Rows that are multiplied by the matrix.
    pub positions: u64,
    /// What was asked for.
    pub asked: u64,
    /// What is used.
    pub used: u64,
}

/// Whether `reuse` is legal, as hls4ml decides it: the blocks are equal, and a block is whole rows
/// or a part of one row.
pub fn is_legal(n_in: u64, n_out: u64, reuse: u64) -> bool {
    if reuse == 0 {
        return false;
    }
    let multipliers = (n_in * n_out).div_ceil(n_in.min(reuse));
    (multipliers.is_multiple_of(n_out) || reuse >= n_in)
        && (reuse.is_multiple_of(n_in) || reuse < n_in)
        && (n_in * n_out).is_multiple_of(reuse)
}

/// All legal reuse factors, ascending.
pub(super) fn legal(n_in: u64, n_out: u64) -> Vec<u64> {
    let mut all: Vec<u64> = divisors(n_in).chain(divisors(n_out).map(|it| n_in * it)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The legal reuse factor nearest to `asked`; of two, the smaller.
pub fn nearest(n_in: u64, n_out: u64, asked: u64) -> u64 {
    nearest_of(legal(n_in, n_out).into_iter(), asked)
}

/// The divisor of `n` nearest to `asked`; of two, the smaller.
pub(super) fn nearest_divisor(n: u64, asked: u64) -> u64 {
    nearest_of(divisors(n), asked)
}

fn nearest_of(all: impl Iterator<Item = u64>, asked: u64) -> u64 {
    all.min_by_key(|it| (it.abs_diff(asked), *it)).unwrap_or(1)
}

fn divisors(n: u64) -> impl Iterator<Item = u64> {
    let small = (1..).take_while(move |it| it * it <= n).filter(move |it| n.is_multiple_of(*it));
    small.flat_map(move |it| [it, n / it])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_the_nearest_legal_one() {
        for (n_in, n_out) in [(16, 32), (6, 9), (1, 7), (7, 1), (12, 5)] {
            let all = (1..=n_in * n_out).filter(|it| is_legal(n_in, n_out, *it));
            let all: Vec<u64> = all.collect();
            assert_eq!(all, legal(n_in, n_out));
            for asked in 0..=n_in * n_out + 3 {
                let expected = all.iter().min_by_key(|it| (it.abs_diff(asked), **it));
                assert_eq!(Some(&nearest(n_in, n_out, asked)), expected, "{n_in} {n_out} {asked}");
            }
        }
    }

    #[test]
    fn blocks_are_whole_rows_or_parts_of_one() {
        assert_eq!(legal(6, 6), [1, 2, 3, 6, 12, 18, 36]);
    }

    #[test]
    fn rows_are_split_evenly() {
        let found = [1, 5, 7, 9, 100].map(|asked| nearest_divisor(12, asked));
        assert_eq!(found, [1, 4, 6, 6, 12]);
        assert_eq!(nearest_divisor(0, 3), 1);
    }
}
