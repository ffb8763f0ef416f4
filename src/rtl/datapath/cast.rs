//! Casts to a format as scalar operations: round, then overflow, only as far as the interval asks.

use super::{Datapath, Interval, Logic, Relation, Term, ValueId};
use crate::fixed::{Format, Overflow, Rounding};

impl Datapath {
    /// The mantissa in `to` of a mantissa with `from_frac` fractional bits.
    pub fn cast(&mut self, value: ValueId, from_frac: i32, to: Format) -> ValueId {
        let shift = from_frac - to.frac();
        let rounded = if shift <= 0 {
            self.scale_up(value, (-shift) as u32, to)
        } else {
            self.round(value, shift as u32, to.rounding)
        };
        self.overflow(rounded, to)
    }

    /// `value << by`; a wrapping target drops the high bits first, so that huge shifts stay small.
    fn scale_up(&mut self, value: ValueId, by: u32, to: Format) -> ValueId {
        if to.overflow == Overflow::Wrap && by >= to.width {
            return self.constant(0);
        }
        let keep = to.width.saturating_sub(by).max(1);
        let value = if to.overflow == Overflow::Wrap && self.width(value) > keep {
            self.slice(value, 0, keep, to.signed)
        } else {
            value
        };
        self.shl(value, by)
    }

    /// What is left of rounding up at the middle once half a unit is added: a value and a format
    /// that truncates, or what was given where nothing is to be added.
    pub fn add_half(&mut self, value: ValueId, from_frac: i32, to: Format) -> (ValueId, Format) {
        let shift = from_frac - to.frac();
        if to.rounding != Rounding::Rnd || shift <= 0 || shift as u32 > self.width(value) {
            return (value, to);
        }
        (self.plus_half(value, shift as u32), Format { rounding: Rounding::Trn, ..to })
    }

    fn plus_half(&mut self, value: ValueId, shift: u32) -> ValueId {
        let half = self.constant(1 << (shift - 1));
        self.add(Term::plain(value), Term::plain(half))
    }

    fn round(&mut self, value: ValueId, shift: u32, mode: Rounding) -> ValueId {
        let floor = self.shr_exact(value, shift);
        if mode == Rounding::Trn {
            return floor;
        }
        let exact = self.rounded_interval(value, shift, mode);
        if let Some(constant) = exact.constant() {
            return self.constant(constant);
        }
        if mode == Rounding::Rnd && shift <= self.width(value) {
            // Added in front, where the half may meet another constant.
            let sum = self.plus_half(value, shift);
            return self.shr_exact(sum, shift);
        }
        let half = self.bit(value, shift - 1);
        let up = match mode {
            Rounding::Trn => return floor,
            Rounding::TrnZero => {
                let lost = self.any_below(value, shift);
                let negative = self.is_negative(value);
                self.logic(Logic::And, lost, negative)
            }
            Rounding::Rnd => half,
            _ => {
                let below = self.any_below(value, shift - 1);
                let tie = match mode {
                    Rounding::RndZero => self.is_negative(value),
                    Rounding::RndInf => {
                        let negative = self.is_negative(value);
                        self.not(negative)
                    }
                    Rounding::RndConv => self.bit(floor, 0),
                    _ => self.constant(0),
                };
                let above = self.logic(Logic::Or, below, tie);
                self.logic(Logic::And, half, above)
            }
        };
        let sum = self.add(Term::plain(floor), Term::plain(up));
        self.narrow(sum, exact)
    }

    /// What rounding can give: the same rounding of both ends, because every mode is monotone.
    fn rounded_interval(&self, value: ValueId, shift: u32, rounding: Rounding) -> Interval {
        let Interval { lo, hi } = self.interval(value);
        // A target wide enough that only the rounding shows.
        let to = Format { rounding, ..Format::signed(128, 128) };
        let cast = crate::fixed::Cast { from_frac: shift as i32, to };
        Interval::new(cast.apply(lo), cast.apply(hi))
    }

    fn shr_exact(&mut self, value: ValueId, shift: u32) -> ValueId {
        self.shr(value, shift.min(126))
    }

    fn any_below(&mut self, value: ValueId, bits: u32) -> ValueId {
        let interval = self.interval(value);
        if bits >= interval.width() {
            // All bits and copies of the sign: set unless the value is zero.
            let zero = self.constant(0);
            let equal = self.compare(Relation::Equal, value, zero);
            return self.not(equal);
        }
        self.any(value, bits)
    }

    fn overflow(&mut self, value: ValueId, to: Format) -> ValueId {
        let interval = self.interval(value);
        let range = Interval::new(to.saturation_min(), to.max());
        if range.contains(interval) {
            return value;
        }
        match to.overflow {
            Overflow::Wrap => self.slice(value, 0, to.width, to.signed),
            Overflow::Sat | Overflow::SatSym => self.clamp(value, range),
            Overflow::SatZero => {
                let (lo, hi) = (self.constant(range.lo), self.constant(range.hi));
                let below = self.compare(Relation::Less, value, lo);
                let above = self.compare(Relation::Less, hi, value);
                let out = self.logic(Logic::Or, below, above);
                let zero = self.constant(0);
                let kept = self.slice(value, 0, to.width, to.signed);
                self.mux(out, zero, kept)
            }
        }
    }

    /// `min(max(value, range.lo), range.hi)`.
    pub fn clamp(&mut self, value: ValueId, range: Interval) -> ValueId {
        let (lo, hi) = (self.constant(range.lo), self.constant(range.hi));
        let from = self.interval(value);
        let below = self.compare(Relation::Less, value, lo);
        let above = self.compare(Relation::Less, hi, value);
        // Inside the range the value needs no more bits than the range does.
        let inside =
            Interval::new(from.lo.clamp(range.lo, range.hi), from.hi.clamp(range.lo, range.hi));
        // A slice, not `narrow`: outside the range it is garbage that nobody chooses.
        let kept = self.slice(value, 0, inside.width(), inside.signed());
        let capped = self.mux(above, hi, kept);
        let chosen = self.mux(below, lo, capped);
        self.narrow(chosen, inside)
    }
}
