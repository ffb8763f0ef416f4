//! Ranges of real values, for precision inference.

use serde::{Deserialize, Serialize};

use crate::fixed::{Format, Overflow, Rounding};

/// All values from `lo` to `hi`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Smallest.
    pub lo: f64,
    /// Largest.
    pub hi: f64,
}

impl Span {
    /// Both ends.
    pub const fn new(lo: f64, hi: f64) -> Span {
        Span { lo, hi }
    }

    /// One value.
    pub const fn point(v: f64) -> Span {
        Span { lo: v, hi: v }
    }

    /// All values of a format.
    pub fn of(format: Format) -> Span {
        Span { lo: format.min_value(), hi: format.max_value() }
    }

    /// The smallest range holding all of `values`; zero if there are none.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Span {
        values.into_iter().map(Span::point).reduce(Span::union).unwrap_or(Span::point(0.0))
    }

    /// The smallest range holding all of `spans`; zero if there are none.
    pub fn hull<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Span {
        spans.into_iter().copied().reduce(Span::union).unwrap_or(Span::point(0.0))
    }

    /// The smallest range holding both.
    pub fn union(self, other: Span) -> Span {
        Span { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What both hold; `other` if they are disjoint.
    pub fn intersect(self, other: Span) -> Span {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        if lo <= hi { Span { lo, hi } } else { other }
    }

    /// All sums.
    #[allow(clippy::should_implement_trait, reason = "spans are not numbers: no operators")]
    pub fn add(self, other: Span) -> Span {
        Span { lo: self.lo + other.lo, hi: self.hi + other.hi }
    }

    /// All differences.
    pub fn minus(self, other: Span) -> Span {
        Span { lo: self.lo - other.hi, hi: self.hi - other.lo }
    }

    /// All products with a constant.
    pub fn scale(self, by: f64) -> Span {
        let (a, b) = (self.lo * by, self.hi * by);
        Span { lo: a.min(b), hi: a.max(b) }
    }

    /// All products.
    pub fn times(self, other: Span) -> Span {
        self.scale(other.lo).union(self.scale(other.hi))
    }

    /// The values of a function that only rises.
    pub fn rising(self, f: impl Fn(f64) -> f64) -> Span {
        Span { lo: f(self.lo), hi: f(self.hi) }
    }

    /// Bits before the binary point that hold both ends, sign included; at least `-64`, and more
    /// than any format may have if an end is infinite.
    ///
    /// A value within 1e-12 below a power of two counts as that power, so that the rounding of the
    /// floats here can never make a format too small.
    pub fn int_bits(self) -> i32 {
        let whole = |bits: f64| bits.clamp(-64.0, 4096.0) as i32;
        let bits =
            |v: f64| if v <= 0.0 { -64 } else { whole((v * (1.0 + 1e-12)).log2().floor() + 1.0) };
        // The negative end may be exactly minus a power of two.
        let low = |v: f64| {
            if v >= 0.0 { -64 } else { whole(((-v) * (1.0 - 1e-12)).log2().ceil()) }
        };
        let magnitude = bits(self.hi).max(low(self.lo)).max(-64);
        magnitude + i32::from(self.lo < 0.0)
    }

    /// The `width`-bit format with the fewest integer bits that hold both ends (truncating,
    /// wrapping); unsigned if no value is negative.
    pub fn format(self, width: u32) -> Format {
        let format = Format { signed: self.lo < 0.0, ..Format::signed(width, self.int_bits()) };
        if self.lo == 0.0 && self.hi == 0.0 { Format::unsigned(1, 1) } else { format }
    }

    /// What is left of the range after a cast to `format`, conservatively.
    pub fn cast(self, format: Format) -> Span {
        let all = Span::of(format);
        let lsb = 2f64.powi(-format.frac());
        let rounded = match format.rounding {
            Rounding::Trn => Span { lo: self.lo - lsb, hi: self.hi },
            // Toward zero moves an end inward only if it is on the far side of zero.
            Rounding::TrnZero => Span {
                lo: if self.lo > 0.0 { self.lo - lsb } else { self.lo },
                hi: if self.hi < 0.0 { self.hi + lsb } else { self.hi },
            },
            _ => Span { lo: self.lo - lsb / 2.0, hi: self.hi + lsb / 2.0 },
        };
        // An end that lies on the grid is not moved by rounding.
        let on_grid = |v: f64| v / lsb == (v / lsb).round();
        let rounded = Span {
            lo: if on_grid(self.lo) { self.lo } else { rounded.lo },
            hi: if on_grid(self.hi) { self.hi } else { rounded.hi },
        };
        match format.overflow {
            Overflow::Sat | Overflow::SatSym => {
                Span { lo: rounded.lo.clamp(all.lo, all.hi), hi: rounded.hi.clamp(all.lo, all.hi) }
            }
            _ if all.lo <= rounded.lo && rounded.hi <= all.hi => rounded,
            _ => all,
        }
    }
}
