//! A number of cycles as the target, alone or beside a clock.

use thiserror::Error;

use super::bounds::{self, Clock};
use super::graph::FS;
use super::{Delays, Program, Schedule, ScheduleError};
use crate::rtl::datapath::Datapath;

/// Femtoseconds in a picosecond, to which clocks are rounded up.
const PS: u64 = 1000;

/// A latency that a clock does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error(
    "{latency} cycles of {clock_ns} ns are too short by the delay model: {latency} cycles need a \
     clock of {needed_clock_ns:.3} ns, and at {clock_ns} ns it takes {needed_latency} cycles"
)]
pub struct Missed {
    /// The cycles that were asked for.
    pub latency: u32,
    /// The clock that was asked for.
    pub clock_ns: f64,
    /// The shortest clock for so many cycles.
    pub needed_clock_ns: f64,
    /// The fewest cycles at this clock.
    pub needed_latency: u32,
}

impl Missed {
    /// What is needed if either of two programs will do.
    pub fn nearest(self, other: Missed) -> Missed {
        Missed {
            needed_clock_ns: self.needed_clock_ns.min(other.needed_clock_ns),
            needed_latency: self.needed_latency.min(other.needed_latency),
            ..self
        }
    }
}

/// Finds the schedule of exactly `latency` cycles with the fewest register bits, at the given clock
/// or else at the shortest that allows it.
///
/// # Errors
/// Fewer than two cycles, or than modules have registers; a clock at which so few cycles are not enough, or that registers alone
/// exceed.
pub fn schedule_in(
    datapath: &Datapath,
    delays: &dyn Delays,
    latency: u32,
    clock_ns: Option<f64>,
) -> Result<Schedule, ScheduleError> {
    let stages = stages(latency)?;
    let program = Program::new(datapath, delays);
    let needed = endless(&program) + 1;
    if needed > latency {
        return Err(ScheduleError::Modules { found: latency, needed });
    }
    let clock_ns = match clock_ns {
        None => shortest(&program, stages),
        Some(clock_ns) => {
            let clock = program.timing(clock_ns)?.clock();
            let fewest = bounds::count(&bounds::earliest(&program.graph, clock));
            if fewest > stages {
                let needed_clock_ns = shortest(&program, stages);
                let needed_latency = fewest + 1;
                return Err(Missed { latency, clock_ns, needed_clock_ns, needed_latency }.into());
            }
            clock_ns
        }
    };
    Ok(program.schedule(&program.timing(clock_ns)?, clock_ns, stages))
}

/// The shortest clock, in ns, at which a program takes `latency` cycles: whole picoseconds.
///
/// # Errors
/// Fewer than two cycles, or than modules have registers.
pub fn fastest(
    datapath: &Datapath,
    delays: &dyn Delays,
    latency: u32,
) -> Result<f64, ScheduleError> {
    let (program, stages) = (Program::new(datapath, delays), stages(latency)?);
    match endless(&program) + 1 {
        needed if needed > latency => Err(ScheduleError::Modules { found: latency, needed }),
        _ => Ok(shortest(&program, stages)),
    }
}

/// The fewest stages under a clock without end: more than one only for registers inside of modules.
fn endless(program: &Program<'_>) -> u32 {
    let clock = Clock { budget: u64::MAX / 4 };
    bounds::count(&bounds::earliest(&program.graph, clock))
}

fn stages(latency: u32) -> Result<u32, ScheduleError> {
    match latency {
        0 | 1 => Err(ScheduleError::Latency { found: latency }),
        _ => Ok(latency - 1),
    }
}

/// The shortest clock for so many stages. The fewest stages only grow when the clock gets shorter,
/// so the place where they change is found by halving; no operation may be longer than a clock. An
/// [`endless`] one is enough.
fn shortest(program: &Program<'_>, stages: u32) -> f64 {
    let graph = &program.graph;
    let enough = |budget| bounds::count(&bounds::earliest(graph, Clock { budget })) <= stages;
    let mut low = graph.delay.iter().copied().max().unwrap_or(0).max(1);
    if !enough(low) {
        let mut high = low.saturating_mul(2);
        while !enough(high) {
            (low, high) = (high, high.saturating_mul(2));
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            (low, high) = if enough(middle) { (low, middle) } else { (middle, high) };
        }
        low = high;
    }
    let register = super::graph::femtoseconds(program.register_ns);
    let clock_ps = (low + register).div_ceil(PS);
    clock_ps as f64 * PS as f64 / FS
}
