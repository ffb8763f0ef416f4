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

    /// Whether there are registers inside.
    pub fn is_clocked(&self) -> bool {
        self.signals.iter().any(|(_, source)| *source == Source::Registered)
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

    /// Whether a signal leaves a register of the module it belongs to.
    pub fn is_registered(&self, signal: Signal) -> bool {
        signal.stage > self.schedule.lifetimes.from(signal.value)
            || matches!(self.datapath.op(signal.value), Op::Input(..))
    }
}

#[cfg(test)]
mod tests;
