//! How long operations take.

use super::super::datapath::{Datapath, Op, Term, ValueId};

/// A device's delays, as the scheduler asks for them.
pub trait Delays {
    /// Nanoseconds from the last operand to the result, the net to the next operation included;
    /// nobody asks for wiring.
    fn delay(&self, datapath: &Datapath, id: ValueId) -> f64;

    /// What a register takes of every clock: clock to output, set-up, uncertainty.
    fn register(&self) -> f64;
}

/// Figures like those of a mid-speed UltraScale+ part.
#[derive(Clone, Copy, Debug, Default)]
pub struct UltraScalePlus;

/// A look-up table of six inputs and the net behind it.
const LUT_NS: f64 = 0.5;

impl UltraScalePlus {
    fn adder(self, bits: u32) -> f64 {
        1.09 + 0.025 * f64::from(bits)
    }

    /// Six inputs become one, level by level.
    fn tree(self, inputs: u32) -> f64 {
        let mut levels = 1;
        let mut reach = 6;
        while reach < inputs {
            levels += 1;
            reach *= 6;
        }
        LUT_NS * f64::from(levels)
    }
}

impl Delays for UltraScalePlus {
    fn delay(&self, datapath: &Datapath, id: ValueId) -> f64 {
        let width = |it: ValueId| datapath.width(it);
        match datapath.op(id) {
            Op::Input(..) | Op::Const(_) | Op::Slice { .. } => 0.0,
            Op::Add(a, b) => self.adder(carry_bits(datapath, id, a, b)),
            Op::Mul(a, b) => 2.0 + 0.05 * f64::from(width(a) + width(b)),
            Op::Compare(_, a, b) => self.adder(width(a).max(width(b))),
            Op::Any { width, .. } => self.tree(width),
            Op::Mux(..) | Op::Logic(..) => LUT_NS,
            Op::Table(_, index) => LUT_NS + 0.35 * f64::from(width(index).saturating_sub(6)),
        }
    }

    fn register(&self) -> f64 {
        0.25
    }
}

/// Bits that the carry chain of an addition runs over: low bits that only one operand has pass by.
fn carry_bits(datapath: &Datapath, id: ValueId, a: Term, b: Term) -> u32 {
    let free = match (a.negate, b.negate) {
        (false, false) => a.shift.max(b.shift),
        // The low bits of what is subtracted must be negated; those of the other pass.
        (false, true) => b.shift,
        (true, _) => 0,
    };
    datapath.width(id).saturating_sub(free).max(1)
}
