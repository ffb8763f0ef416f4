//! Values of an adder graph while it grows: what they can be, how deep they are, what makes them.

use super::span::{Span, Whole};

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
pub(super) struct Pool<W> {
    values: Vec<Value<W>>,
    /// Full adders of all sums.
    bits: u32,
}

#[derive(Clone, Copy, Debug)]
struct Value<W> {
    span: Span<W>,
    depth: u32,
    sum: Option<Sum>,
}

impl<W: Whole> Pool<W> {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// A value from outside.
    pub(super) fn give(&mut self, span: Span<W>, depth: u32) -> u32 {
        self.values.push(Value { span, depth, sum: None });
        self.len() as u32 - 1
    }

    #[inline]
    pub(super) fn span(&self, value: u32) -> Span<W> {
        self.values[value as usize].span
    }

    /// Additions above a value.
    #[inline]
    pub(super) fn depth(&self, value: u32) -> u32 {
        self.values[value as usize].depth
    }

    /// Says how deep a given value is, now that it is known, and so how deep all sums are.
    pub(super) fn set_depth(&mut self, value: u32, depth: u32) {
        self.values[value as usize].depth = depth;
        for at in value as usize + 1..self.len() {
            if let Some(sum) = self.values[at].sum {
                self.values[at].depth = self.depth(sum.low).max(self.depth(sum.high)) + 1;
            }
        }
    }

    /// What computes a value; `None` if it is given.
    pub(super) fn sum(&self, value: u32) -> Option<Sum> {
        self.values[value as usize].sum
    }

    /// Full adders of all sums.
    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    /// What a term can be, without its shift.
    #[inline]
    pub(super) fn signed(&self, term: Term) -> Span<W> {
        self.span(term.value).negated_if(term.negate)
    }

    /// The sum of two terms, built without doubt.
    pub(super) fn add(&mut self, x: Term, y: Term) -> Term {
        let (sum, span, bits) = self.plan(x, y);
        let depth = self.depth(sum.low).max(self.depth(sum.high)) + 1;
        self.bits += bits;
        self.values.push(Value { span, depth, sum: Some(sum) });
        let low = if x.shift <= y.shift { x } else { y };
        Term { value: self.len() as u32 - 1, shift: low.shift, negate: low.negate }
    }

    /// Carry chain of the sum of two terms, and the bits it saves against keeping both: those in which
    /// the two overlap, and a carry.
    #[inline]
    pub(super) fn worth(&self, x: Term, y: Term) -> (u32, i32) {
        let (_, span, bits) = self.plan(x, y);
        let width = |value: u32| self.span(value).bits() as i32;
        (bits, width(x.value) + width(y.value) + 1 - span.bits() as i32)
    }

    /// The sum of two terms, what it can be, and its carry chain.
    #[inline]
    fn plan(&self, x: Term, y: Term) -> (Sum, Span<W>, u32) {
        let (low, high) = if x.shift <= y.shift { (x, y) } else { (y, x) };
        let (shift, negate) = (high.shift - low.shift, high.negate != low.negate);
        let (a, b) = (self.span(low.value), self.span(high.value).negated_if(negate));
        let sum = Sum { low: low.value, high: high.value, shift, negate };
        (sum, a.plus(b, u32::from(shift)), a.chain(b, u32::from(shift), negate))
    }
}
