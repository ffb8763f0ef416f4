//! From a scheduled program to modules: one for each layer, and a core that connects them.
//!
//! A [`Signal`] is a value as it is in one pipeline stage. Every signal a module needs is computed
//! there, taken from a wider one, registered from the stage before, or imported from the module of
//! its layer. Registers of a value stand in its own layer up to the last stage in which another
//! module begins to read it; if only one module reads it for longer, the rest stands there. No value
//! is registered twice.
//!
//! Inputs of the model belong to the core, which also holds the first rank of registers.

mod names;
mod partition;

pub use names::{Names, sanitize};
pub(in crate::rtl) use names::{PINS, design_name, unique};

use super::datapath::{Datapath, Op, ScopeId, ValueId};
use super::pipeline::Schedule;

/// A value as it is in one pipeline stage; ordered by stage first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signal {
    /// The stage.
    pub stage: u32,
    /// The value.
    pub value: ValueId,
}

/// Bits of a value, by their numbers in the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// The lowest.
    pub low: u32,
    /// Behind the highest.
    pub high: u32,
    /// The highest is a sign.
    pub signed: bool,
    /// None is missing.
    pub whole: bool,
}

/// How a module comes by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// By the value's operation, in the stage in which it is scheduled.
    Computed,
    /// A slice, from its source in the same stage.
    Sliced,
    /// A register behind the same value in the stage before.
    Registered,
}

/// A module.
#[derive(Clone, Debug)]
pub struct Module {
    /// The layer; `None` for the core.
    pub scope: Option<ScopeId>,
    /// Signals of other modules that are read here, ascending.
    pub inputs: Vec<Signal>,
    /// Signals of this module that others read, ascending.
    pub outputs: Vec<Signal>,
    /// What there is inside, ascending.
    pub signals: Vec<(Signal, Source)>,
}

impl Module {
    /// Whether nothing is left of the layer: a reshape, constants, dead code.
    pub fn is_empty(&self) -> bool {
        self.signals.is_empty()
    }

    /// Whether there are registers inside, be it in a module of the user's.
    pub fn is_clocked(&self, datapath: &Datapath) -> bool {
        self.signals.iter().any(|(signal, source)| match source {
            Source::Registered => true,
            Source::Computed => datapath.latency(signal.value) > 0,
            Source::Sliced => false,
        })
    }
}

/// A design as modules.
#[derive(Clone, Debug)]
pub struct Netlist<'a> {
    /// The program.
    pub datapath: &'a Datapath,
    /// Its stages.
    pub schedule: &'a Schedule,
    /// Names of everything.
    pub names: Names,
    /// The layers of which something is left, in order.
    pub layers: Vec<Module>,
    /// Input registers, and what no layer has.
    pub core: Module,
}

impl<'a> Netlist<'a> {
    /// Divides a scheduled program among modules named after `name` and the layers.
    pub fn new(datapath: &'a Datapath, schedule: &'a Schedule, name: &str) -> Netlist<'a> {
        let mut modules = partition::partition(datapath, schedule);
        let core = modules.pop().expect("the core is always there");
        let layers: Vec<Module> = modules.into_iter().filter(|it| !it.is_empty()).collect();
        let names = Names::new(datapath, &layers, name);
        Netlist { datapath, schedule, names, layers, core }
    }

    /// Name of a signal: that of the value, in later stages followed by the stage.
    pub fn name(&self, signal: Signal) -> String {
        let value = self.names.value(signal.value);
        match signal.stage == self.schedule.stage(signal.value) {
            true => value,
            false => format!("{value}_q{}", signal.stage),
        }
    }

    /// The bits of a value that a signal has: all, or some in registers of which only some are read.
    pub fn bits(&self, signal: Signal) -> Bits {
        let (low, high) = self.schedule.lifetimes.range(signal.value, signal.stage);
        let whole = high - low == self.schedule.lifetimes.part(signal.value).bits();
        let interval = self.datapath.interval(signal.value);
        match whole {
            true => Bits { low: 0, high: interval.width(), signed: interval.signed(), whole },
            false => Bits { low, high, signed: false, whole },
        }
    }

    /// Whether the registers of a signal are the last ones inside a module of the user's: the signal
    /// is what comes out of it.
    pub fn is_inside(&self, register: Signal) -> bool {
        let root = self.schedule.lifetimes.part(register.value).root;
        self.datapath.latency(root) > 0 && register.stage == self.schedule.stage(root) + 1
    }

    /// Whether a signal comes from registers, be it as a part of one.
    pub fn is_registered(&self, signal: Signal) -> bool {
        let root = self.schedule.lifetimes.part(signal.value).root;
        signal.stage > self.schedule.stage(root)
            || self.datapath.latency(root) > 0
            || matches!(self.datapath.op(root), Op::Input(..))
    }
}

#[cfg(test)]
mod tests;
