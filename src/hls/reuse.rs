//! Which reuse factors fold a matrix evenly.

/// A reuse factor that the resource strategy cannot use, and what is used in its place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("reuse factor {asked} does not split a {n_in} x {n_out} matrix evenly; using {used}")]
pub struct ReuseChanged {
    /// Rows of the matrix.
    pub n_in: u64,
    /// Columns of the matrix.
    pub n_out: u64,
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

/// The legal reuse factor nearest to `asked`; of two, the smaller.
pub fn nearest(n_in: u64, n_out: u64, asked: u64) -> u64 {
    divisors(n_in)
        .chain(divisors(n_out).map(|parts| n_in * parts))
        .min_by_key(|it| (it.abs_diff(asked), *it))
        .unwrap_or(1)
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
            let legal: Vec<u64> =
                (1..=n_in * n_out).filter(|it| is_legal(n_in, n_out, *it)).collect();
            for asked in 0..=n_in * n_out + 3 {
                let expected = legal.iter().min_by_key(|it| (it.abs_diff(asked), **it));
                assert_eq!(Some(&nearest(n_in, n_out, asked)), expected, "{n_in} {n_out} {asked}");
            }
        }
    }

    #[test]
    fn blocks_are_whole_rows_or_parts_of_one() {
        let legal: Vec<u64> = (1..=36).filter(|it| is_legal(6, 6, *it)).collect();
        assert_eq!(legal, [1, 2, 3, 6, 12, 18, 36]);
    }
}
