//! The direct path of a model, and what a target of latency means for the rest of the project.

use crate::compile::Compiled;
use crate::config::Config;
use crate::error::{Problems, Result};
use crate::firmware::{self, Rtl};
use crate::rtl::pipeline::{Missed, ScheduleError};

/// A design as SystemVerilog, or the target that it misses. Where the latency decides on the clock,
/// the whole project gets that clock.
pub(super) fn rtl(
    compiled: &mut Compiled,
    config: &Config,
) -> Result<std::result::Result<Rtl, Missed>> {
    let rtl = match firmware::rtl(&compiled.design, compiled.device) {
        Ok(rtl) => rtl,
        Err(problems) => return missed(&problems).map(Err).ok_or(problems),
    };
    let plan = &mut compiled.design.plan;
    plan.clock_ns = rtl.clock_ns();
    plan.clock_uncertainty =
        config.clock_uncertainty.map(|it| it.nanoseconds(plan.clock_ns) / plan.clock_ns);
    Ok(Ok(rtl))
}

/// The missed target, if that is what is wrong.
fn missed(problems: &Problems) -> Option<Missed> {
    let found = problems.0.iter().find_map(|it| it.what.downcast_ref::<ScheduleError>());
    match found {
        Some(ScheduleError::Missed(missed)) => Some(*missed),
        _ => None,
    }
}
