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
//!
//! A module of the user's with registers inside is computed in the stage that its last rank ends: that
//! rank is the value's first, and nothing reads the value before. If it has more ranks, the operands
//! are read as many stages before ([`Schedule::read_at`]).
//!
//! The number of stages is the smallest there is. Among the assignments of so many stages one with
//! the fewest register bits is taken; that too is proved ([`Schedule::exact`]) up to a fixed amount
//! of work, the same on every machine: it is enough for adder graphs of 100 000 operations in 15
//! stages or of a million in 5. What is found by then is never worse than the greedy guess that the
//! search starts from.

mod bounds;
mod closure;
mod delays;
mod descent;
mod graph;
mod lifetimes;
mod mobility;
mod part;
mod target;

pub use delays::Delays;
pub use lifetimes::Lifetimes;
pub use part::Part;
pub use target::{Missed, fastest, schedule_in};
use thiserror::Error;

use self::bounds::Clock;
use self::graph::{FS, Graph, NONE};
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
    /// The longest path of logic in each stage, registers not counted.
    pub stage_ns: Vec<f64>,
    /// How long each value is kept in registers.
    pub lifetimes: Lifetimes,
    /// Bits of all registers, input and output registers included.
    pub register_bits: u64,
    /// Whether it is proved that no schedule of so many stages has fewer.
    pub exact: bool,
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
    /// A register behind the inputs and one in front of the outputs are always there.
    #[error("a latency of {found} cycles is too short: the least is 2, from register to register")]
    Latency {
        /// What was asked for.
        found: u32,
    },
    /// Modules with registers inside take more cycles than are asked for.
    #[error(
        "a latency of {found} cycles is too short: with the registers inside of modules it takes \
         {needed}, whatever the clock"
    )]
    Modules {
        /// What was asked for.
        found: u32,
        /// The least.
        needed: u32,
    },
    /// No schedule has this latency at this clock.
    #[error(transparent)]
    Missed(#[from] Missed),
}

/// Finds the schedule of the fewest stages and, among those, of the fewest register bits.
///
/// # Errors
/// A clock that registers alone exceed.
pub fn schedule(
    datapath: &Datapath,
    delays: &dyn Delays,
    clock_ns: f64,
) -> Result<Schedule, ScheduleError> {
    let program = Program::new(datapath, delays);
    let timing = program.timing(clock_ns)?;
    Ok(program.schedule(&timing, clock_ns, 1))
}

/// A program and what follows from it whatever the clock is.
struct Program<'a> {
    datapath: &'a Datapath,
    live: Vec<bool>,
    /// Nanoseconds by value.
    delay: Vec<f64>,
    register_ns: f64,
    parts: Vec<Part>,
    graph: Graph,
}

impl<'a> Program<'a> {
    fn new(datapath: &'a Datapath, delays: &dyn Delays) -> Program<'a> {
        let live = datapath.live();
        let parts = part::parts(datapath);
        let delay = |id: ValueId| match datapath.op(id).is_wiring() || !live[id.index()] {
            true => 0.0,
            false => delays.delay(datapath, id).max(0.0),
        };
        let delay: Vec<f64> = datapath.values().map(delay).collect();
        let graph = Graph::new(datapath, &live, &parts, |id| delay[id.index()]);
        Program { datapath, live, delay, register_ns: delays.register(), parts, graph }
    }

    fn timing(&self, clock_ns: f64) -> Result<Timing<'_>, ScheduleError> {
        let register_ns = self.register_ns;
        if !clock_ns.is_finite() || clock_ns <= register_ns {
            return Err(ScheduleError::Clock { clock_ns, register_ns });
        }
        let (datapath, live, delay) = (self.datapath, &self.live, &self.delay);
        Ok(Timing { datapath, live, delay, budget: clock_ns - register_ns })
    }

    /// The fewest register bits in the fewest stages, or in `at_least` as many.
    fn schedule(&self, timing: &Timing<'_>, clock_ns: f64, at_least: u32) -> Schedule {
        let (graph, clock) = (&self.graph, timing.clock());
        let early = bounds::earliest(graph, clock);
        let stages = bounds::count(&early).max(at_least);
        let guess = mobility::settle(graph, clock, stages, early);
        let found = descent::descend(graph, clock, stages, guess);
        let at = |node: &u32| if *node == NONE { 0 } else { found.stage[*node as usize] };
        let stage = graph.node.iter().map(at).collect();
        Schedule::of(timing, &self.parts, clock_ns, (stage, stages, found.exact))
    }
}

/// A program under a clock, in nanoseconds.
struct Timing<'a> {
    datapath: &'a Datapath,
    live: &'a [bool],
    delay: &'a [f64],
    /// Time for logic between two registers.
    budget: f64,
}

impl Timing<'_> {
    /// The clock in whole femtoseconds, rounded down but for the noise of decimal fractions.
    fn clock(&self) -> Clock {
        Clock { budget: (self.budget * FS + 1e-3).floor() as u64 }
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
    fn of(
        timing: &Timing<'_>,
        parts: &[Part],
        clock_ns: f64,
        (stage, stages, exact): (Vec<u32>, u32, bool),
    ) -> Schedule {
        let arrival_ns = arrivals(timing, &stage);
        let lifetimes =
            Lifetimes::new(timing.datapath, timing.live, parts.to_vec(), &stage, stages);
        let mut stage_ns = vec![0f64; stages as usize];
        for id in timing.signals() {
            let longest = &mut stage_ns[stage[id.index()] as usize];
            *longest = longest.max(arrival_ns[id.index()]);
        }
        Schedule {
            clock_ns,
            stages,
            latency: stages + 1,
            worst_slack_ns: timing.budget - stage_ns.iter().copied().fold(0.0, f64::max),
            stage_ns,
            register_bits: lifetimes.register_bits(),
            exact,
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

    /// The stage in which the operands of a value are read: the same, unless it comes out of a module
    /// with several ranks of registers.
    pub fn read_at(&self, datapath: &Datapath, id: ValueId) -> u32 {
        self.stage(id) - datapath.hold(id)
    }
}

/// The longest path within its stage to every value.
fn arrivals(timing: &Timing<'_>, stage: &[u32]) -> Vec<f64> {
    let mut arrival = vec![0.0; stage.len()];
    for id in timing.signals() {
        let at = stage[id.index()] - timing.datapath.hold(id);
        let same = timing.operands(id).filter(|it| stage[it.index()] == at);
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
