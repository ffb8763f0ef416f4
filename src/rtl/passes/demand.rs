//! Bits that nobody reads are not computed.
//!
//! Backward, every value learns which of its bits are read: a slice asks for some, sums hand the upper
//! end of that on (carries only go up) and a choice both ends. Low bits of the operand that reaches
//! further down pass through a sum unchanged, so they are not needed below what is read and below the
//! other operand. Forward, the program is made again of values that are cut at both ends: a new value
//! is the old one divided by a power of two, modulo another. What its sums can be is found again from
//! their [forms](super::ranges).

use super::ranges::Forms;
use super::rewrite::{Rewrite, readers};
use crate::rtl::datapath::{Datapath, Op, Term, ValueId};

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
        let op = old.op(id);
        let whole =
            |it: ValueId| cut.made[it.index()].dropped == 0 && read[it.index()].high == u32::MAX;
        let untouched = bits.all() && op.operands().all(whole);
        let made = match op {
            Op::Input(..) | Op::Const(_) => rewrite.again(id),
            _ if untouched => rewrite.again(id),
            _ => {
                let (made, dropped) = cut.made(rewrite, id, bits);
                cut.made[id.index()] = Made { dropped, has_form: op.is_sum() };
                cut.forms.expect(made, readers[id.index()]);
                if bits.all() {
                    rewrite.new.tighten(made, old.interval(id));
                } else {
                    rewrite.differs(id);
                }
                made
            }
        };
        if op.operands().any(|it| cut.made[it.index()].has_form) {
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

/// The sum itself.
fn plain(rewrite: &mut Rewrite<'_>, a: Term, b: Term) -> ValueId {
    rewrite.new.add(a, b)
}

/// What has become of a value.
#[derive(Clone, Copy, Default)]
struct Made {
    /// Low bits that the new value lacks.
    dropped: u32,
    /// It is a sum of which the form is kept.
    has_form: bool,
}

/// Reads values that have lost bits.
struct Cut {
    made: Vec<Made>,
    /// Of the sums that have lost bits, themselves or their operands; nothing new is to be learned of
    /// the others, and as atoms they do as well.
    forms: Forms,
}

impl Cut {
    /// A value of which only some bits are read, and the lowest bit that it has.
    fn made(&mut self, rewrite: &mut Rewrite<'_>, id: ValueId, bits: Bits) -> (ValueId, u32) {
        match rewrite.old.op(id) {
            Op::Add(a, b) => self.sum(rewrite, bits, a, b),
            Op::Mux(condition, a, b) => {
                let condition = rewrite.get(condition);
                let (a, b) = (self.value(rewrite, a, bits), self.value(rewrite, b, bits));
                (rewrite.new.mux(condition, a, b), bits.low)
            }
            Op::Slice { value, low, width, signed } => {
                let from = low + bits.low - self.made[value.index()].dropped;
                let source = rewrite.get(value);
                let width = width.min(bits.high) - bits.low;
                (rewrite.new.slice(source, from, width, signed), bits.low)
            }
            _ => (rewrite.again(id), 0),
        }
    }

    /// Some bits of a value: from `bits.low`, and no more than up to `bits.high`.
    fn value(&self, rewrite: &mut Rewrite<'_>, id: ValueId, bits: Bits) -> ValueId {
        let low = bits.low - self.made[id.index()].dropped;
        let value = rewrite.get(id);
        if bits.high == u32::MAX || rewrite.new.width(value) <= bits.high - bits.low + low {
            return rewrite.new.shr(value, low);
        }
        rewrite.new.slice(value, low, bits.high - bits.low, false)
    }

    /// A sum without the low bits that pass through it and without the high bits of its operands.
    fn sum(&mut self, rewrite: &mut Rewrite<'_>, bits: Bits, a: Term, b: Term) -> (ValueId, u32) {
        let low = passed(bits, a, b);
        let made = &self.made;
        let term = |rewrite: &mut Rewrite<'_>, it: Term| {
            // Where the new value's lowest bit stands in the old sum.
            let stands = it.shift + made[it.value.index()].dropped;
            let value = rewrite.get(it.value);
            let (below, shift) = (low.saturating_sub(stands), stands.max(low) - low);
            let room = match bits.high {
                u32::MAX => u32::MAX,
                high => high.saturating_sub(stands.max(low)).max(1),
            };
            let wide = rewrite.new.width(value).saturating_sub(below) > room;
            let value = match wide {
                true => rewrite.new.slice(value, below, room, false),
                false => rewrite.new.shr(value, below),
            };
            Term { value, shift, ..it }
        };
        let (a, b) = (term(rewrite, a), term(rewrite, b));
        (self.forms.sum(rewrite, (a, b, true), plain), low)
    }
}
