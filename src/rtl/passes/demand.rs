//! Bits that nobody reads are not computed.
//!
//! Backward, every value learns which of its bits are read: a slice asks for some, sums hand the upper
//! end of that on (carries only go up) and a choice both ends. Low bits of the operand that reaches
//! further down pass through a sum unchanged, so they are not needed below what is read and below the
//! other operand. Forward, the program is made again of values that are cut at both ends: a new value
//! is the old one divided by a power of two, modulo another. What it can be is known if only the
//! division has changed it; of other sums it is found again from their [forms](super::ranges).

use super::ranges::Forms;
use super::rewrite::{Rewrite, readers};
use crate::rtl::datapath::{Datapath, Interval, Op, Term, ValueId};

/// Bits of a value that are read: from `low`, and up to `high` or all.
#[derive(Clone, Copy)]
struct Bits {
    low: u32,
    high: u32,
}

impl Bits {
    const ALL: Bits = Bits { low: 0, high: u32::MAX };
    const NONE: Bits = Bits { low: u32::MAX, high: 0 };

    fn all(self) -> bool {
        self.low == 0 && self.high == u32::MAX
    }

    fn with(self, other: Bits) -> Bits {
        Bits { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

/// Rebuilds a program without the bits that nobody reads.
pub(super) fn run(old: &Datapath) -> Datapath {
    let readers = readers(old);
    let read = demands(old, &readers);
    let made = vec![Made::default(); old.len()];
    let mut cut = Cut { made, forms: Forms::default() };
    Rewrite::run(old, &readers, |rewrite, id| {
        let bits = read[id.index()];
        let operands = || old.op(id).operands();
        let whole =
            |it: ValueId| cut.made[it.index()].dropped == 0 && read[it.index()].high == u32::MAX;
        let untouched = bits.all() && operands().all(whole);
        let made = match untouched {
            true => rewrite.again(id),
            false => cut.made(rewrite, id, bits),
        };
        if !bits.all() {
            rewrite.differs(id);
        }
        if cut.made[id.index()].differs {
            cut.forms.expect(made, readers[id.index()]);
        }
        if operands().any(|it| cut.made[it.index()].differs) {
            cut.forms.release(rewrite, id);
        }
        made
    })
}

/// What is read of each value.
fn demands(datapath: &Datapath, readers: &[u32]) -> Vec<Bits> {
    let mut read = vec![Bits::NONE; datapath.len()];
    for id in datapath.outputs.iter().flat_map(|it| &it.elements) {
        read[id.index()] = Bits::ALL;
    }
    for id in datapath.values().rev() {
        let bits = &mut read[id.index()];
        // One bit more than its readers want is the carry of a sum that is narrow enough.
        if datapath.width(id) <= bits.high.saturating_add(1) || readers[id.index()] == 0 {
            bits.high = u32::MAX;
        }
        if bits.low >= datapath.width(id) {
            bits.low = 0;
        }
        match datapath.op(id) {
            Op::Input(..) | Op::Const(_) => *bits = Bits::ALL,
            Op::Add(..) | Op::Mux(..) | Op::Slice { .. } => {}
            _ => bits.low = 0,
        }
        if readers[id.index()] > 0 {
            let bits = *bits;
            hand_on(datapath, id, bits, |operand, bits| {
                let known = &mut read[operand.index()];
                *known = known.with(bits);
            });
        }
    }
    read
}

/// What a value asks of its operands.
fn hand_on(datapath: &Datapath, id: ValueId, bits: Bits, mut ask: impl FnMut(ValueId, Bits)) {
    match datapath.op(id) {
        Op::Slice { value, low, width, .. } => {
            ask(value, Bits { low: low + bits.low, high: low + width.min(bits.high) });
        }
        Op::Any { value, width } => ask(value, Bits { low: 0, high: width }),
        Op::Mux(condition, a, b) => {
            ask(condition, Bits::ALL);
            ask(a, bits);
            ask(b, bits);
        }
        Op::Add(a, b) => {
            let passed = passed(bits, a, b);
            for term in [a, b] {
                let high = match bits.high {
                    u32::MAX => u32::MAX,
                    high => high.saturating_sub(term.shift).max(1),
                };
                let low = passed.saturating_sub(term.shift);
                ask(term.value, Bits { low: if term.negate { 0 } else { low }, high });
            }
        }
        op => op.operands().for_each(|it| ask(it, Bits::ALL)),
    }
}

/// Low bits of a sum that are not read and into which only one positive term reaches.
fn passed(bits: Bits, a: Term, b: Term) -> u32 {
    let (low, high) = if a.shift <= b.shift { (a, b) } else { (b, a) };
    if low.negate { 0 } else { bits.low.min(high.shift) }
}

/// What has become of a value.
#[derive(Clone, Copy, Default)]
struct Made {
    /// Low bits that the new value lacks.
    dropped: u32,
    /// Some of the upper bits differ: it is not just the old value divided.
    differs: bool,
}

/// Reads values that have lost bits.
struct Cut {
    made: Vec<Made>,
    /// Of the sums that differ in upper bits. What all others can be is known; they are atoms.
    forms: Forms,
}

impl Cut {
    /// A value of which only some bits are read.
    fn made(&mut self, rewrite: &mut Rewrite<'_>, id: ValueId, bits: Bits) -> ValueId {
        let (made, dropped, differs) = match rewrite.old.op(id) {
            Op::Add(a, b) => return self.sum(rewrite, id, bits, (a, b)),
            Op::Mux(condition, a, b) => {
                let condition = rewrite.get(condition);
                let (a, lost_a) = self.value(rewrite, a, bits);
                let (b, lost_b) = self.value(rewrite, b, bits);
                (rewrite.new.mux(condition, a, b), bits.low, lost_a | lost_b)
            }
            Op::Slice { value, low, width, signed } => {
                let from = low + bits.low - self.made[value.index()].dropped;
                let source = rewrite.get(value);
                let taken = width.min(bits.high) - bits.low;
                (rewrite.new.slice(source, from, taken, signed), bits.low, bits.high < width)
            }
            _ => (rewrite.again(id), 0, false),
        };
        self.set(rewrite, id, made, Made { dropped, differs })
    }

    /// Notes what has become of a value; what it can be is known if its upper bits are the same.
    fn set(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        id: ValueId,
        value: ValueId,
        made: Made,
    ) -> ValueId {
        self.made[id.index()] = made;
        if made.differs {
            return value;
        }
        let Interval { lo, hi } = rewrite.old.interval(id);
        rewrite.new.tighten(value, Interval::new(lo >> made.dropped, hi >> made.dropped));
        rewrite.new.folded(value)
    }

    /// Some bits of a value: from `bits.low`, and no more than up to `bits.high`. Also whether that
    /// differs from the old value in upper bits.
    fn value(&self, rewrite: &mut Rewrite<'_>, id: ValueId, bits: Bits) -> (ValueId, bool) {
        let made = self.made[id.index()];
        let low = bits.low - made.dropped;
        let value = rewrite.get(id);
        if bits.high == u32::MAX || rewrite.new.width(value) <= bits.high - bits.low + low {
            return (rewrite.new.shr(value, low), made.differs);
        }
        (rewrite.new.slice(value, low, bits.high - bits.low, false), true)
    }

    /// A sum without the low bits that pass through it and without the high bits of its operands.
    fn sum(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        id: ValueId,
        bits: Bits,
        (a, b): (Term, Term),
    ) -> ValueId {
        let low = passed(bits, a, b);
        let mut differs = false;
        let [a, b] = [a, b].map(|it| {
            let made = self.made[it.value.index()];
            // Where the new value's lowest bit stands in the old sum.
            let stands = it.shift + made.dropped;
            let value = rewrite.get(it.value);
            let (below, shift) = (low.saturating_sub(stands), stands.max(low) - low);
            let room = match bits.high {
                u32::MAX => u32::MAX,
                high => high.saturating_sub(stands.max(low)).max(1),
            };
            let wide = rewrite.new.width(value).saturating_sub(below) > room;
            differs |= made.differs | wide;
            let value = match wide {
                true => rewrite.new.slice(value, below, room, false),
                false => rewrite.new.shr(value, below),
            };
            Term { value, shift, ..it }
        });
        let sum = match differs {
            true => self.forms.sum(rewrite, (a, b, true), Interval::ALL),
            false => rewrite.new.add(a, b),
        };
        self.set(rewrite, id, sum, Made { dropped: low, differs })
    }
}
