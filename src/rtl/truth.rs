//! What a constant table takes as logic, from its contents.
//!
//! Every bit of the entries is a function of the index. It is cut at the inputs of a lookup table:
//! below are leaves, above multiplexers by the upper index bits. Equal parts, also those of different
//! bits, are there once; constants and single index bits take nothing. Entries beyond what the index
//! can be are whatever their neighbour is.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::table_luts;
use crate::fixed::bits_of;

use super::datapath::Interval;

/// Longest table that is looked into; longer ones are taken for random.
const MOST_ENTRIES: usize = 4096;

/// Lookup tables of a table that is read at `index`.
pub(super) fn luts(contents: &[i128], index: Interval, lut_inputs: u32) -> u64 {
    let last = contents.len().saturating_sub(1);
    let place = |at: i128| usize::try_from(at.max(0)).unwrap_or(last).min(last);
    let (first, last) = (place(index.lo), place(index.hi));
    let Some(used) = contents.get(first..=last).filter(|it| !it.is_empty()) else { return 0 };
    let lo = used.iter().copied().fold(used[0], i128::min);
    let hi = used.iter().copied().fold(used[0], i128::max);
    let (address_bits, width) = (bits_of(0, last as i128), bits_of(lo, hi));
    let random = table_luts(address_bits, width, lut_inputs);
    if used.len() > MOST_ENTRIES || address_bits == 0 {
        return random;
    }
    let bit = |at: usize, bit: u32| (contents[at.clamp(first, last)] >> bit) & 1 == 1;
    let mut parts = Parts::new(address_bits.min(lut_inputs));
    for place in 0..width {
        parts.add(1 << address_bits, |at| bit(at, place));
    }
    parts.luts(address_bits, lut_inputs).min(random)
}

/// The different parts of all bits.
struct Parts {
    leaf_bits: u32,
    /// Leaves by their truth table; those that take a lookup table.
    leaves: BTreeSet<u64>,
    /// Multiplexers by the parts that they choose from, level by level.
    joins: Vec<BTreeMap<(u128, u128), u128>>,
    /// The next multiplexer's number, past all leaves.
    next: u128,
}

impl Parts {
    fn new(leaf_bits: u32) -> Parts {
        Parts { leaf_bits, leaves: BTreeSet::new(), joins: Vec::new(), next: 1 << 64 }
    }

    /// Adds a function of `count` rows.
    fn add(&mut self, count: usize, row: impl Fn(usize) -> bool) {
        let size = 1usize << self.leaf_bits;
        let leaf = |from: usize| (0..size).map(|at| u64::from(row(from + at)) << at).sum::<u64>();
        let leaves: Vec<u64> = (0..count).step_by(size).map(leaf).collect();
        let mut level: Vec<u128> = leaves.iter().map(|it| u128::from(*it)).collect();
        let logic: Vec<u64> = leaves.into_iter().filter(|it| !self.is_wire(*it)).collect();
        self.leaves.extend(logic);
        let mut height = 0;
        while level.len() > 1 {
            if self.joins.len() == height {
                self.joins.push(BTreeMap::new());
            }
            let (joins, next) = (&mut self.joins[height], &mut self.next);
            let join = |pair: &[u128]| match *pair {
                [a, b] if a != b => *joins.entry((a, b)).or_insert_with(|| {
                    *next += 1;
                    *next
                }),
                [a, ..] => a,
                [] => 0,
            };
            level = level.chunks(2).map(join).collect();
            height += 1;
        }
    }

    /// A constant or one bit of the index.
    fn is_wire(&self, leaf: u64) -> bool {
        let rows = 1u32 << self.leaf_bits;
        let all = if rows == 64 { u64::MAX } else { (1 << rows) - 1 };
        let column = |bit: u32| (0..rows).filter(|row| row >> bit & 1 == 1).map(|it| 1 << it).sum();
        let columns = (0..self.leaf_bits).map(column);
        leaf == 0 || leaf == all || columns.into_iter().any(|it: u64| leaf == it)
    }

    fn luts(&self, address_bits: u32, lut_inputs: u32) -> u64 {
        let leaves = self.leaves.len() as u64;
        if address_bits < lut_inputs && lut_inputs >= 6 {
            // Two functions of few inputs share a lookup table.
            return leaves.div_ceil(2);
        }
        // Dedicated multiplexers join the first levels, and a large lookup table three pairs.
        let (free, ways) = if lut_inputs >= 6 { (2, 4) } else { (3, 2) };
        let joins: usize = self.joins.iter().skip(free).map(BTreeMap::len).sum();
        leaves + (joins as u64).div_ceil(ways - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtl::testing::Random;

    fn all(contents: &[i128], lut_inputs: u32) -> u64 {
        luts(contents, Interval::new(0, contents.len() as i128 - 1), lut_inputs)
    }

    #[test]
    fn wires_and_constants_are_free() {
        for lut_inputs in [4, 6] {
            assert_eq!(all(&[7; 256], lut_inputs), 0);
            assert_eq!(all(&(0..16).collect::<Vec<_>>(), lut_inputs), 0);
        }
        // One used bit of a table whose rest is never read.
        let step: Vec<i128> = (0..64).map(|it| i128::from(it >= 32)).collect();
        assert_eq!(all(&step, 6), 0);
    }

    #[test]
    fn random_contents_cost_what_the_formula_says() {
        let mut random = Random(3);
        let contents: Vec<i128> = (0..256).map(|_| random.within(0, 255)).collect();
        assert_eq!(all(&contents, 6), table_luts(8, 8, 6));
        // In halves: only what the index can be counts.
        let half = luts(&contents, Interval::new(0, 127), 6);
        assert_eq!(half, table_luts(7, 8, 6));
    }

    #[test]
    fn smooth_functions_cost_less() {
        let square: Vec<i128> = (0i128..1024).map(|it| (it * it) >> 12).collect();
        let (exact, random) = (all(&square, 6), table_luts(10, 8, 6));
        assert!(exact < random * 3 / 4, "{exact} of {random}");
        // Equal columns are there once.
        let twice: Vec<i128> = square.iter().map(|it| it * 257).collect();
        assert_eq!(all(&twice, 6), exact);
    }
}
