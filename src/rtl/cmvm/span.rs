//! What values can be, in machine words where they fit.

use std::fmt::Debug;
use std::ops::{Add, Neg, Shl};

use crate::rtl::datapath::Interval;

/// A whole number: 64 bits are enough for most problems, and faster; 128 are enough for all.
pub(super) trait Whole:
    Copy
    + Debug
    + Default
    + Ord
    + Send
    + Sync
    + Add<Output = Self>
    + Neg<Output = Self>
    + Shl<u32, Output = Self>
{
    /// A number that is known to fit.
    fn of(value: i128) -> Self;
    /// Bits of a number without its sign; those of `-1` are none.
    fn bits(self) -> u32;
}

impl Whole for i64 {
    #[inline]
    fn of(value: i128) -> i64 {
        value as i64
    }

    #[inline]
    fn bits(self) -> u32 {
        64 - (self ^ (self >> 63)).leading_zeros()
    }
}

impl Whole for i128 {
    #[inline]
    fn of(value: i128) -> i128 {
        value
    }

    #[inline]
    fn bits(self) -> u32 {
        128 - (self ^ (self >> 127)).leading_zeros()
    }
}

/// All integers from `lo` to `hi`, as [`Interval`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span<W> {
    pub lo: W,
    pub hi: W,
}

impl<W: Whole> Span<W> {
    pub(super) fn of(it: Interval) -> Span<W> {
        Span { lo: W::of(it.lo), hi: W::of(it.hi) }
    }

    /// Bits that its values need; 0 for zero alone.
    #[inline]
    pub(super) fn bits(self) -> u32 {
        match self.is_signed() {
            true => self.lo.bits().max(self.hi.bits()) + 1,
            false => self.hi.bits(),
        }
    }

    #[inline]
    pub(super) fn is_signed(self) -> bool {
        self.lo < W::default()
    }

    #[inline]
    pub(super) fn negated_if(self, negate: bool) -> Span<W> {
        if negate { Span { lo: -self.hi, hi: -self.lo } } else { self }
    }

    /// What `self + (high << shift)` can be.
    #[inline]
    pub(super) fn plus(self, high: Span<W>, shift: u32) -> Span<W> {
        Span { lo: self.lo + (high.lo << shift), hi: self.hi + (high.hi << shift) }
    }

    /// Length of the carry chain of `self + (high << shift)`, where `high` has its sign already;
    /// `negate` says that it is subtracted. Nothing is added where the two lie apart.
    #[inline]
    pub(super) fn chain(self, high: Span<W>, shift: u32, negate: bool) -> u32 {
        if !self.is_signed() && self.bits() <= shift && !negate {
            return 0;
        }
        self.plus(high, shift).bits().saturating_sub(shift)
    }
}
