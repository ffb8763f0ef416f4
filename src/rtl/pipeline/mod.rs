//! Cuts a scalar program into pipeline stages.
//!
//! What holds: a value is computed in one stage; operands are computed in the same stage or an
//! earlier one; no path from register to register takes longer than the clock allows, unless a
//! single operation does ([`Schedule::violations`]). Inputs are registered on entry and outputs
//! leave from registers, so with stages `0 .. S` there are `S + 1` ranks of registers:
//!
//! ```text
//! in -> [rank 0] -> stage 0 -> [rank 1] -> stage 1 ... stage S-1 -> [rank S] -> out
//! ```
//!
//! The latency is the number of ranks, `S + 1`: what is at the inputs in cycle `t` is the cause of
//! what is at the outputs in cycle `t + latency`. A new sample enters in every cycle.

mod asap;
mod delays;
mod lifetimes;
mod mobility;

pub use delays::Delays;
pub use lifetimes::Lifetimes;
use thiserror::Error;

use super::datapath::{Datapath, Op, ValueId};
use crate::error::Origin;

/// Paths may exceed the budget by this much: sums of decimal fractions are not exact.
const TOLERANCE_NS: f64 = 1e-9;

/// A program in stages.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Period of the clock.
    pub clock_ns: f64,
    /// Number of combinational stages; at least 1.
    pub stages: u32,
    /// Cycles from the inputs to the outputs: `stages + 1`.
    pub latency: u32,
    /// The stage in which each value is computed, by index; meaningless where nothing is live.
    pub stage: Vec<u32>,
    /// When each value is ready, in nanoseconds from the start of its stage.
    pub arrival_ns: Vec<f64>,
    /// What the longest path leaves of the clock; negative if there are violations.
    pub worst_slack_ns: f64,
    /// How long each value is kept in registers.
    pub lifetimes: Lifetimes,
    /// Bits of all registers, input and output registers included.
    pub register_bits: u64,
    /// Operations that take longer than a clock, the worst of each kind and layer.
    pub violations: Vec<Violation>,
}

/// An operation that does not fit into a clock period however the program is cut.
#[derive(Clone, Debug, PartialEq, Error)]
#[error(
    "{op} of {bits} bits takes {delay_ns:.2} ns: {count} of this kind need a clock of \
     {needed_ns:.2} ns, not {clock_ns:.2} ns"
)]
pub struct Violation {
    /// The worst operation of its kind in the layer.
    pub value: ValueId,
    /// The layer.
    pub origin: Origin,
    /// What it is.
    pub op: &'static str,
    /// Width of its result.
    pub bits: u32,
    /// How long it takes.
    pub delay_ns: f64,
    /// The clock that was asked for.
    pub clock_ns: f64,
    /// The smallest clock that holds it.
    pub needed_ns: f64,
    /// How many operations of this kind and layer do not fit.
    pub count: usize,
}

/// Why a program cannot be cut at all.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum ScheduleError {
    /// Nothing fits between two registers.
    #[error(
        "a clock of {clock_ns} ns leaves no time for logic: registers alone take {register_ns} ns"
    )]
    Clock {
        /// What was asked for.
        clock_ns: f64,
        /// Clock to output, set-up and uncertainty.
        register_ns: f64,
    },
}

/// Finds a schedule of the fewest stages and, among those, one with few register bits.
pub fn schedule(
    datapath: &Datapath,
    delays: &dyn Delays,
    clock_ns: f64,
) -> Result<Schedule, ScheduleError> {
    let register_ns = delays.register();
    if !clock_ns.is_finite() || clock_ns <= register_ns {
        return Err(ScheduleError::Clock { clock_ns, register_ns });
    }
    let timing = Timing::new(datapath, delays, clock_ns - register_ns);
    let stage = mobility::settle(&timing, asap::stages(&timing));
    Ok(Schedule::of(&timing, clock_ns, stage))
}

/// What scheduling looks at again and again.
struct Timing<'a> {
    datapath: &'a Datapath,
    live: Vec<bool>,
    delay: Vec<f64>,
    /// Time for logic between two registers.
    budget: f64,
}

impl Timing<'_> {
    fn new<'a>(datapath: &'a Datapath, delays: &dyn Delays, budget: f64) -> Timing<'a> {
        let live = datapath.live();
        let delay = |id: ValueId| match datapath.op(id).is_wiring() || !live[id.index()] {
            true => 0.0,
            false => delays.delay(datapath, id).max(0.0),
        };
        let delay = datapath.values().map(delay).collect();
        Timing { datapath, live, delay, budget }
    }

    /// Live values that are signals: everything but constants.
    fn signals(&self) -> impl DoubleEndedIterator<Item = ValueId> + '_ {
        self.datapath.values().filter(|id| self.live[id.index()] && !self.is_const(*id))
    }

    fn is_const(&self, id: ValueId) -> bool {
        matches!(self.datapath.op(id), Op::Const(_))
    }

    /// Operands that are signals.
    fn operands(&self, id: ValueId) -> impl Iterator<Item = ValueId> + '_ {
        self.datapath.op(id).operands().filter(|it| !self.is_const(*it))
    }

    fn fits(&self, path: f64) -> bool {
        path <= self.budget + TOLERANCE_NS
    }
}

impl Schedule {
    /// Completes an assignment of stages: arrival times, lifetimes, violations.
    fn of(timing: &Timing<'_>, clock_ns: f64, stage: Vec<u32>) -> Schedule {
        let arrival_ns = arrivals(timing, &stage);
        let stages = timing.signals().map(|id| stage[id.index()] + 1).max().unwrap_or(1);
        let lifetimes = Lifetimes::new(timing.datapath, &timing.live, &stage, stages);
        let longest = timing.signals().map(|id| arrival_ns[id.index()]).fold(0.0, f64::max);
        Schedule {
            clock_ns,
            stages,
            latency: stages + 1,
            worst_slack_ns: timing.budget - longest,
            register_bits: lifetimes.register_bits(timing.datapath),
            violations: violations(timing, clock_ns),
            stage,
            arrival_ns,
            lifetimes,
        }
    }

    /// The stage in which a value is computed.
    pub fn stage(&self, id: ValueId) -> u32 {
        self.stage[id.index()]
    }
}

/// The longest path within its stage to every value.
fn arrivals(timing: &Timing<'_>, stage: &[u32]) -> Vec<f64> {
    let mut arrival = vec![0.0; stage.len()];
    for id in timing.signals() {
        let same = timing.operands(id).filter(|it| stage[it.index()] == stage[id.index()]);
        let ready = same.map(|it| arrival[it.index()]).fold(0.0, f64::max);
        arrival[id.index()] = ready + timing.delay[id.index()];
    }
    arrival
}

fn violations(timing: &Timing<'_>, clock_ns: f64) -> Vec<Violation> {
    let datapath = timing.datapath;
    let mut found: Vec<Violation> = Vec::new();
    for id in timing.signals().filter(|id| !timing.fits(timing.delay[id.index()])) {
        let origin = match datapath.scopes.get(datapath.scope_of(id).index()) {
            Some(scope) => scope.origin.clone(),
            None => Origin::new("", ""),
        };
        let delay_ns = timing.delay[id.index()];
        let new = Violation {
            value: id,
            origin,
            op: datapath.op(id).name(),
            bits: datapath.width(id),
            delay_ns,
            clock_ns,
            needed_ns: delay_ns + clock_ns - timing.budget,
            count: 1,
        };
        match found.iter_mut().find(|it| it.op == new.op && it.origin == new.origin) {
            None => found.push(new),
            Some(old) => {
                let count = old.count + 1;
                if new.delay_ns > old.delay_ns {
                    *old = new;
                }
                old.count = count;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
