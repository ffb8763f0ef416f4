//! Values of an adder graph while it grows: what they can be, how deep they are, what makes them.

use crate::rtl::cost::chain_bits;
use crate::rtl::datapath::Interval;

/// A signed power of two times a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Term {
    pub value: u32,
    pub shift: u16,
    pub negate: bool,
}

/// A sum as it is built: `low + (negate ? - : +)(high << shift)`. Whatever is subtracted from is not
/// shifted, because then the low bits pass through without an adder; a sum that should begin with a
/// subtraction is built with the opposite sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub low: u32,
    pub high: u32,
    pub shift: u16,
    pub negate: bool,
}

/// All values: given ones (inputs, and outputs that other outputs refer to) and sums of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    intervals: Vec<Interval>,
    depths: Vec<u32>,
    sums: Vec<Option<Sum>>,
}

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.intervals.len()
    }

    /// A value from outside.
    pub(super) fn give(&mut self, interval: Interval, depth: u32) -> u32 {
        self.intervals.push(interval);
        self.depths.push(depth);
        self.sums.push(None);
        self.len() as u32 - 1
    }

    #[inline]
    pub(super) fn interval(&self, value: u32) -> Interval {
        self.intervals[value as usize]
    }

    /// Additions above a value.
    #[inline]
    pub(super) fn depth(&self, value: u32) -> u32 {
        self.depths[value as usize]
    }

    pub(super) fn set_depth(&mut self, value: u32, depth: u32) {
        self.depths[value as usize] = depth;
    }

    /// What computes a value; `None` if it is given.
    pub(super) fn sum(&self, value: u32) -> Option<Sum> {
        self.sums[value as usize]
    }

    /// What a term can be, without its shift.
    #[inline]
    pub(super) fn signed(&self, term: Term) -> Interval {
        negated_if(self.interval(term.value), term.negate)
    }

    /// The sum of two terms, built without doubt.
    pub(super) fn add(&mut self, x: Term, y: Term) -> Term {
        let (sum, interval) = self.plan(x, y);
        let depth = self.depth(sum.low).max(self.depth(sum.high)) + 1;
        let value = self.give(interval, depth);
        self.sums[value as usize] = Some(sum);
        let low = if x.shift <= y.shift { x } else { y };
        Term { value, shift: low.shift, negate: low.negate }
    }

    /// Carry chain of the sum of two terms, and the bits it saves against keeping both: those in which
    /// the two overlap, and a carry.
    #[inline]
    pub(super) fn worth(&self, x: Term, y: Term) -> (u32, i32) {
        let (sum, interval) = self.plan(x, y);
        let width = |value: u32| self.interval(value).bits() as i32;
        let overlap = width(x.value) + width(y.value) + 1 - interval.bits() as i32;
        let high = negated_if(self.interval(sum.high), sum.negate);
        (chain_bits(self.interval(sum.low), high, u32::from(sum.shift), sum.negate), overlap)
    }

    #[inline]
    fn plan(&self, x: Term, y: Term) -> (Sum, Interval) {
        let (low, high) = if x.shift <= y.shift { (x, y) } else { (y, x) };
        let (shift, negate) = (high.shift - low.shift, high.negate != low.negate);
        let (a, b) = (self.interval(low.value), negated_if(self.interval(high.value), negate));
        let interval = Interval::new(a.lo + (b.lo << shift), a.hi + (b.hi << shift));
        (Sum { low: low.value, high: high.value, shift, negate }, interval)
    }
}

#[inline]
pub(super) fn negated_if(it: Interval, negate: bool) -> Interval {
    if negate { Interval::new(-it.hi, -it.lo) } else { it }
}
