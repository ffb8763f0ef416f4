//! What a value can be.

use crate::fixed::bits_of;

/// All integers a value can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    /// Smallest.
    pub lo: i128,
    /// Largest.
    pub hi: i128,
}

impl Interval {
    /// Everything that there is.
    pub const ALL: Interval = Interval { lo: i128::MIN, hi: i128::MAX };

    /// Both ends.
    #[inline]
    pub fn new(lo: i128, hi: i128) -> Interval {
        debug_assert!(lo <= hi);
        Interval { lo, hi }
    }

    /// Whether two's complement is needed.
    pub fn signed(self) -> bool {
        self.lo < 0
    }

    /// Bits that its values need; 0 for zero alone.
    #[inline]
    pub fn bits(self) -> u32 {
        bits_of(self.lo, self.hi)
    }

    /// Bits of the signal; at least 1.
    pub fn width(self) -> u32 {
        bits_of(self.lo, self.hi).max(1)
    }

    /// The one value, if there is only one.
    pub fn constant(self) -> Option<i128> {
        (self.lo == self.hi).then_some(self.lo)
    }

    /// The smallest interval that holds both.
    pub fn union(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What is in both; the caller knows that something is.
    pub fn intersect(self, other: Interval) -> Interval {
        Interval::new(self.lo.max(other.lo), self.hi.min(other.hi))
    }

    /// What products of both can be.
    pub fn times(self, other: Interval) -> Interval {
        let (a, b) = (self, other);
        let ends = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi];
        let lo = ends.into_iter().fold(ends[0], i128::min);
        let hi = ends.into_iter().fold(ends[0], i128::max);
        Interval { lo, hi }
    }

    /// Whether every value of `other` is one of `self`.
    pub fn contains(self, other: Interval) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }
}
