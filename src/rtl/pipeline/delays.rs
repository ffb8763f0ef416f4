//! How long operations take.

use crate::device::DelayModel;
use crate::rtl::cost::Chain;
use crate::rtl::datapath::{Datapath, External, Op, ValueId};
use crate::rtl::{dsp, truth};

/// A device's delays, as the scheduler asks for them.
pub trait Delays {
    /// Nanoseconds from the last operand to the result, one net included; nobody asks for wiring.
    fn delay(&self, datapath: &Datapath, id: ValueId) -> f64;

    /// What registers take of every clock: clock to output, set-up, uncertainty.
    fn register(&self) -> f64;
}

impl Chain {
    /// How long it takes.
    pub fn delay(self, model: &DelayModel) -> f64 {
        if self.ternary { model.ternary_adder(self.bits) } else { model.adder(self.bits) }
    }
}

impl External {
    /// The longest path inside.
    pub fn delay_ns(&self) -> f64 {
        f64::from(self.delay_ps()) / 1000.0
    }
}

impl Delays for DelayModel {
    fn delay(&self, datapath: &Datapath, id: ValueId) -> f64 {
        let width = |it: ValueId| datapath.width(it);
        match datapath.op(id) {
            Op::Input(..) | Op::Const(_) | Op::Slice { .. } => 0.0,
            Op::Add(..) | Op::Add3(..) => Chain::of(datapath, id).delay(self),
            // Synthesis may take a DSP block or logic: the slower of the two holds for both.
            Op::Mul(a, b) => {
                let (a, b) = (width(a), width(b));
                self.logic_multiplier(a, b).max(self.multiplier(a, b))
            }
            // Every result of a block passes its adder, whether that adds anything or not.
            Op::Dsp(a, b, _) => {
                self.multiplier(dsp::signed_width(datapath, a), dsp::signed_width(datapath, b))
            }
            Op::Compare(_, a, b) => self.compare(width(a).max(width(b))),
            Op::Any { width, .. } => self.lut(width),
            Op::Mux(..) => self.mux(2),
            Op::Logic(..) => self.lut(2),
            Op::Table(table, index) => {
                let contents = &datapath.tables[table.index()];
                self.table(truth::depth(contents, datapath.interval(index)), width(id))
            }
            Op::External(external, _) => datapath.externals[external.index()].delay_ns(),
        }
    }

    fn register(&self) -> f64 {
        self.register_overhead()
    }
}
