//! How a table is a sum of smaller ones, exactly.
//!
//! A smooth function changes little within a block of neighbours, and in nearby blocks in nearly the
//! same way (Das Sarma and Matula 1995; de Dinechin and Tisserand 2005):
//!
//! ```text
//! table[x] = coarse[block of x] + slope[group of blocks, place in the block] + rest[x]
//! ```
//!
//! What the first two miss is in the third, which has few bits, or none; without the second it is what
//! the block begins with and the difference to that. The lowest bits of `coarse` move to the rest where
//! they have room there, and what is a table again is looked at in the same way.

use std::sync::Arc;

use crate::device::{adder_luts, table_luts};
use crate::fixed::bits_of;
use crate::rtl::datapath::Interval;
use crate::rtl::truth;

/// A table, or what to add up in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// Read as it is.
    Table(Arc<[i128]>),
    /// The sum of other tables; the last one is the widest.
    Sum(Vec<Part>),
}

/// A summand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// The bits of the index from this one on are read ...
    pub(super) top: u32,
    /// ... and below them so many of the lowest.
    pub(super) low: u32,
    /// Zeros below its lowest bit.
    pub(super) shift: u32,
    /// What is read there.
    pub(super) form: Form,
}

/// Longest index of a table that is looked into, bits.
const MOST_ADDRESS_BITS: u32 = 12;

/// Sums that are looked at more closely, of all that the widths of the parts tell apart.
const CLOSER: usize = 6;

/// Entries `first` to `last` of a table.
#[derive(Clone, Copy)]
struct Used<'a> {
    contents: &'a [i128],
    first: usize,
    last: usize,
    lut_inputs: u32,
}

/// The form of a table that takes the fewest lookup tables. A sum has to save a fifth: of those that
/// seem to save less Yosys makes as much as of the table, or more.
pub(super) fn form(contents: &Arc<[i128]>, index: Interval, lut_inputs: u32) -> Form {
    let end = contents.len().saturating_sub(1);
    let place = |at: i128| usize::try_from(at.max(0)).unwrap_or(end).min(end);
    let (first, last) = (place(index.lo), place(index.hi));
    let used = Used { contents, first, last, lut_inputs };
    match best(contents, used) {
        (luts, form) if 5 * luts <= 4 * used.luts() => form,
        _ => Form::Table(contents.clone()),
    }
}

/// A form and what it takes; sums that save a tenth may be part of a sum that saves more.
fn best(contents: &Arc<[i128]>, used: Used<'_>) -> (u64, Form) {
    let whole = used.luts();
    let plain = (whole, Form::Table(contents.clone()));
    let bits = used.address_bits();
    // Nothing below two levels of lookup tables is worth an adder.
    if bits <= used.lut_inputs || bits > MOST_ADDRESS_BITS {
        return plain;
    }
    let mut splits = used.splits();
    splits.sort_by_key(|it| it.0);
    splits.truncate(CLOSER);
    let candidates = splits.iter().map(|it| used.parts(it.1).cost(used));
    let Some(found) = candidates.min_by_key(|it| it.0).filter(|it| 10 * it.0 <= 9 * whole) else {
        return plain;
    };
    let (mut luts, mut parts) = found;
    for (price, part, index) in &mut parts {
        if let Form::Table(contents) = &part.form {
            let (first, last) = *index;
            let used = Used { contents, first, last, lut_inputs: used.lut_inputs };
            let (less, form) = best(contents, used);
            luts = luts - *price + less;
            part.form = form;
        }
    }
    (luts, Form::Sum(parts.into_iter().map(|it| it.1).collect()))
}

/// Where a table is cut: bits of a place in a block, and bits of a group of blocks if there is a slope.
#[derive(Clone, Copy, Debug)]
struct Split {
    low: u32,
    group: Option<u32>,
}

/// The numbers of a sum.
struct Parts {
    split: Split,
    coarse: Vec<i128>,
    /// Bits of the coarse part that have moved to the rest.
    moved: u32,
    slope: Option<Vec<i128>>,
    rest: Vec<i128>,
}

/// A part, what it takes, and its first and last index.
type Priced = (u64, Part, (usize, usize));

impl Used<'_> {
    fn address_bits(self) -> u32 {
        bits_of(0, self.last as i128)
    }

    /// Bits of the entries.
    fn width(self) -> u32 {
        let used = &self.contents[self.first..=self.last];
        let lo = used.iter().copied().fold(used[0], i128::min);
        let hi = used.iter().copied().fold(used[0], i128::max);
        bits_of(lo, hi)
    }

    fn luts(self) -> u64 {
        let index = Interval::new(self.first as i128, self.last as i128);
        truth::luts(self.contents, index, self.lut_inputs)
    }

    /// All splits with an estimate from the widths of their parts.
    fn splits(self) -> Vec<(u64, Split)> {
        let (address_bits, width) = (self.address_bits(), self.width());
        let mut splits = Vec::new();
        for low in 1..address_bits {
            let groups = (1..address_bits - low).map(Some);
            for group in std::iter::once(None).chain(groups) {
                let split = Split { low, group };
                let parts = self.parts(split);
                // A wide rest is noise, of which synthesis makes more than of the table.
                if 2 * bits(&parts.rest) <= width {
                    splits.push((parts.estimate(self), split));
                }
            }
        }
        splits
    }

    /// The first and the last index in a block.
    fn block(self, block: usize, low: u32) -> std::ops::RangeInclusive<usize> {
        (block << low).max(self.first)..=(((block + 1) << low) - 1).min(self.last)
    }

    /// The numbers of a split.
    fn parts(self, split: Split) -> Parts {
        let slope = split.group.map(|group| self.slope(split.low, group));
        let mask = (1usize << split.low) - 1;
        let sloped = |at: usize| match &slope {
            None => self.contents[at],
            Some((slope, top)) => self.contents[at] - slope[(at >> top) << split.low | at & mask],
        };
        let mut coarse = vec![0; (self.last >> split.low) + 1];
        let mut rest = vec![0; self.last + 1];
        for (block, coarse) in coarse.iter_mut().enumerate().skip(self.first >> split.low) {
            let range = self.block(block, split.low);
            let least = range.clone().map(sloped).min().unwrap_or(0);
            *coarse = least;
            range.for_each(|at| rest[at] = sloped(at) - least);
        }
        // What is never read is like its neighbour.
        let (block, first) = (self.first >> split.low, self.first);
        let (before, least) = (coarse[block], rest[first]);
        coarse[..block].fill(before);
        rest[..first].fill(least);
        let slope = slope.map(|it| it.0);
        let mut parts = Parts { split, coarse, moved: 0, slope, rest };
        parts.move_low_bits(self);
        parts
    }

    /// How entries differ from the first of their block: the middle of what blocks of a group need. Also
    /// the bit of the index at which the number of the group begins.
    fn slope(self, low: u32, group: u32) -> (Vec<i128>, u32) {
        let top = self.address_bits() - group;
        let groups = (self.last >> top) + 1;
        let mut range: Vec<Option<(i128, i128)>> = vec![None; groups << low];
        for block in self.first >> low..=self.last >> low {
            let within = self.block(block, low);
            let start = self.contents[*within.start()];
            for at in within {
                let place = (at >> top) << low | at & ((1 << low) - 1);
                let by = self.contents[at] - start;
                let known = range[place].get_or_insert((by, by));
                *known = (known.0.min(by), known.1.max(by));
            }
        }
        let middle = |it: &Option<(i128, i128)>| it.map(|(lo, hi)| (lo + hi).div_euclid(2));
        let least = range.iter().filter_map(middle).min().unwrap_or(0);
        let slope = range.iter().map(|it| middle(it).unwrap_or(least) - least).collect();
        (slope, top)
    }
}

/// Bits of numbers from zero on.
fn bits(values: &[i128]) -> u32 {
    bits_of(0, values.iter().copied().fold(0, i128::max))
}

impl Parts {
    /// Moves low bits of the coarse part to the rest, as many as fit into the bits that it has.
    fn move_low_bits(&mut self, used: Used<'_>) {
        let room = 1i128 << bits(&self.rest);
        let fits = |by: u32, it: &Parts| {
            let moved = |at: usize| it.coarse[at >> it.split.low] & ((1 << by) - 1);
            (used.first..=used.last).all(|at| it.rest[at] + moved(at) < room)
        };
        let by = (1..=bits(&self.rest)).take_while(|by| fits(*by, self)).last().unwrap_or(0);
        for at in 0..=used.last {
            self.rest[at] += self.coarse[at >> self.split.low] & ((1 << by) - 1);
        }
        self.coarse.iter_mut().for_each(|it| *it >>= by);
        self.moved = by;
    }

    /// Lookup tables of the additions: what is narrow first, and then the coarse part.
    fn adders(&self, width: u32) -> u64 {
        let (rest, slope) = (bits(&self.rest), self.slope.as_deref().map_or(0, bits));
        let inner = if rest > 0 && slope > 0 { rest.max(slope) + 1 } else { 0 };
        adder_luts(inner, 1) + adder_luts(width.saturating_sub(self.moved), 1)
    }

    fn estimate(&self, used: Used<'_>) -> u64 {
        let lo = self.coarse.iter().copied().fold(self.coarse[0], i128::min);
        let hi = self.coarse.iter().copied().fold(self.coarse[0], i128::max);
        let table = |address, width| table_luts(address, width, used.lut_inputs);
        let slope = self
            .slope
            .as_deref()
            .zip(self.split.group)
            .map_or(0, |(slope, group)| table(group + self.split.low, bits(slope)));
        table(used.address_bits() - self.split.low, bits_of(lo, hi))
            + slope
            + table(used.address_bits(), bits(&self.rest))
            + self.adders(used.width())
    }

    /// What the sum takes, and its parts in the order in which they are added.
    fn cost(self, used: Used<'_>) -> (u64, Vec<Priced>) {
        let adders = self.adders(used.width());
        let Parts { split, coarse, moved, slope, rest } = self;
        let mut parts: Vec<Priced> = Vec::new();
        let mut add = |contents: Vec<i128>, (top, low, shift), (first, last)| {
            if contents.iter().any(|it| *it != 0) {
                let contents: Arc<[i128]> = contents.into();
                let read = Used { contents: &contents, first, last, lut_inputs: used.lut_inputs };
                let luts = read.luts();
                let part = Part { top, low, shift, form: Form::Table(contents) };
                parts.push((luts, part, (first, last)));
            }
        };
        add(rest, (0, 0, 0), (used.first, used.last));
        if let (Some(slope), Some(group)) = (slope, split.group) {
            let last = slope.len() - 1;
            add(slope, (used.address_bits() - group, split.low, 0), (0, last));
        }
        let blocks = (used.first >> split.low, used.last >> split.low);
        add(coarse, (split.low, 0, moved), blocks);
        (adders + parts.iter().map(|it| it.0).sum::<u64>(), parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtl::testing::{Random, kinds};

    /// What a form gives.
    fn value(form: &Form, index: usize) -> i128 {
        let part = |it: &Part| {
            let index = (index >> it.top) << it.low | index & ((1 << it.low) - 1);
            value(&it.form, index) << it.shift
        };
        match form {
            Form::Table(contents) => contents[index],
            Form::Sum(parts) => parts.iter().map(part).sum(),
        }
    }

    #[test]
    fn sums_are_the_tables() {
        let mut random = Random(11);
        let mut split = 0;
        for (bits, width) in [(5, 6), (7, 4), (8, 8), (9, 12), (10, 8), (10, 18), (11, 10)] {
            for (name, contents) in kinds(bits, width) {
                let last = contents.len() as i128 - 1;
                let (a, b) = (random.within(0, last), random.within(0, last));
                for index in [Interval::new(0, last), Interval::new(a.min(b), a.max(b))] {
                    for lut_inputs in [4, 6] {
                        let form = form(&contents, index, lut_inputs);
                        split += u32::from(matches!(form, Form::Sum(_)));
                        for at in index.lo as usize..=index.hi as usize {
                            let want = contents[at];
                            assert_eq!(
                                value(&form, at),
                                want,
                                "{name} {bits}x{width} {index:?}[{at}], k = {lut_inputs}"
                            );
                        }
                    }
                }
            }
        }
        assert!(split > 15, "{split}");
    }

    #[test]
    fn smooth_tables_are_split_and_random_ones_are_not() {
        for lut_inputs in [4, 6] {
            for (name, contents) in kinds(10, 8) {
                let index = Interval::new(0, 1023);
                let form = form(&contents, index, lut_inputs);
                let smooth = name == "sigmoid";
                let split = matches!(form, Form::Sum(_));
                if smooth || ["random", "sparse", "constant", "wires"].contains(&name) {
                    assert_eq!(split, smooth, "{name}, k = {lut_inputs}");
                }
            }
        }
    }
}
