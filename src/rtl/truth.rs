//! What a constant table takes as logic, and which index bits it depends on, from its contents.
//!
//! Every bit of the entries is a function of the index. It is cut at the inputs of a lookup table:
//! below are leaves, above multiplexers by the upper index bits. Equal parts, also those of different
//! bits, are there once; constants and single index bits take nothing. Entries beyond what the index
//! can be are whatever their neighbour is.
//!
//! That count is what somebody who sees the structure needs. Synthesis does not find all of it: of
//! tables deeper than a lookup table Yosys makes twice as much for smooth functions and a quarter
//! more than the formula for random ones, and that is what [`luts`] says (ECP5 and UltraScale+, 8 to
//! 12 index bits, 6 to 16 bits of an entry; `benches/tables_logic.py`).

use std::collections::{BTreeMap, BTreeSet};

use crate::device::table_luts;
use crate::fixed::bits_of;

use super::datapath::Interval;

/// Longest table that is looked into; longer ones are taken for random.
const MOST_ENTRIES: usize = 4096;

/// The entries that an index can read, as far as the table goes.
#[derive(Clone, Copy)]
struct Read<'a> {
    contents: &'a [i128],
    first: usize,
    last: usize,
}

impl<'a> Read<'a> {
    fn new(contents: &'a [i128], index: Interval) -> Option<Read<'a>> {
        let end = contents.len().checked_sub(1)?;
        let place = |at: i128| usize::try_from(at.max(0)).unwrap_or(end).min(end);
        let (first, last) = (place(index.lo), place(index.hi));
        (first <= last).then_some(Read { contents, first, last })
    }

    fn address_bits(self) -> u32 {
        bits_of(0, self.last as i128)
    }

    /// Bits of an entry.
    fn width(self) -> u32 {
        let used = &self.contents[self.first..=self.last];
        let lo = used.iter().copied().fold(used[0], i128::min);
        let hi = used.iter().copied().fold(used[0], i128::max);
        bits_of(lo, hi)
    }

    fn entry(self, at: usize) -> i128 {
        self.contents[at.clamp(self.first, self.last)]
    }
}

/// Lookup tables of a table that is read at `index`, as synthesis makes them.
pub(super) fn luts(contents: &[i128], index: Interval, lut_inputs: u32) -> u64 {
    let Some(read) = Read::new(contents, index) else { return 0 };
    let (address_bits, width) = (read.address_bits(), read.width());
    let random = table_luts(address_bits, width, lut_inputs);
    let deep = address_bits > lut_inputs;
    let random = if deep { random.saturating_mul(5) / 4 } else { random };
    if read.last - read.first >= MOST_ENTRIES || address_bits == 0 {
        return random;
    }
    let mut parts = Parts::new(address_bits.min(lut_inputs));
    for place in 0..width {
        parts.add(1 << address_bits, |at| (read.entry(at) >> place) & 1 == 1);
    }
    let shared = parts.luts(address_bits, lut_inputs);
    random.min(if deep { 2 * shared } else { shared })
}

/// Most index bits on which a bit of the entries depends; 0 if all of them are wires or constants.
pub(super) fn depth(contents: &[i128], index: Interval) -> u32 {
    let Some(read) = Read::new(contents, index) else { return 0 };
    let (address_bits, width) = (read.address_bits(), read.width());
    if read.last - read.first >= MOST_ENTRIES {
        return address_bits;
    }
    // For every index bit the bits of the entries that change with it.
    let changes: Vec<i128> = (0..address_bits)
        .map(|bit| {
            let low = (0..1usize << address_bits).filter(|at| at >> bit & 1 == 0);
            low.fold(0, |all, at| all | (read.entry(at) ^ read.entry(at | 1 << bit)))
        })
        .collect();
    let inverted = read.entry(0);
    let depends = |place: u32| {
        let count = changes.iter().filter(|it| **it >> place & 1 == 1).count() as u32;
        // One index bit as it is takes no time.
        if count == 1 && inverted >> place & 1 == 0 { 0 } else { count }
    };
    (0..width).map(depends).max().unwrap_or(0)
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
    fn random_contents_cost_a_quarter_more_than_the_formula_says() {
        let mut random = Random(3);
        let contents: Vec<i128> = (0..256).map(|_| random.within(0, 255)).collect();
        assert_eq!(all(&contents, 6), table_luts(8, 8, 6) * 5 / 4);
        // In halves: only what the index can be counts.
        let half = luts(&contents, Interval::new(0, 127), 6);
        assert_eq!(half, table_luts(7, 8, 6) * 5 / 4);
    }

    #[test]
    fn depth_counts_what_matters() {
        let all = |contents: &[i128]| depth(contents, Interval::new(0, contents.len() as i128 - 1));
        assert_eq!(all(&[7; 256]), 0);
        assert_eq!(all(&(0..256).collect::<Vec<_>>()), 0, "wires");
        assert_eq!(all(&(0..256).map(|it| 255 - it).collect::<Vec<_>>()), 1, "inverters");
        assert_eq!(all(&(0..256).map(|it| (it >> 3) & (it >> 1) & 3).collect::<Vec<_>>()), 2);
        let mut random = Random(5);
        let contents: Vec<i128> = (0..256).map(|_| random.within(-128, 127)).collect();
        assert_eq!(all(&contents), 8);
        assert_eq!(depth(&contents, Interval::new(0, 63)), 6, "the upper bits are always zero");
        assert_eq!(depth(&contents, Interval::new(9, 9)), 0);
    }

    #[test]
    fn smooth_functions_cost_less() {
        let square: Vec<i128> = (0i128..1024).map(|it| (it * it) >> 12).collect();
        let mut random = Random(4);
        let random: Vec<i128> = (0..1024).map(|_| random.within(0, 255)).collect();
        let (exact, random) = (all(&square, 6), all(&random, 6));
        assert!(exact < random, "{exact} of {random}");
        // Equal columns are there once.
        let twice: Vec<i128> = square.iter().map(|it| it * 257).collect();
        assert_eq!(all(&twice, 6), exact);
    }
}
