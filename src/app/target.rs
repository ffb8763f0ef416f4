//! The direct path of a model, and what a target means for the rest of the project: a latency for the
//! clock, an interval or a device for the reuse factors.

use serde_json::{Value, json};

use crate::compile::Compiled;
use crate::config::Config;
use crate::error::{Located, Problems, Result};
use crate::firmware::{self, Choice, Goal, Rtl, Unmet};
use crate::rtl::pipeline::{self, ScheduleError};

/// A target that cannot be met: what it would take.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum Missed {
    /// Of latency.
    Latency(pipeline::Missed),
    /// Of a rate or a device.
    Folding(Unmet),
}

impl Missed {
    /// The numbers.
    pub(super) fn json(&self) -> Value {
        match self {
            Missed::Latency(missed) => json!({
                "latency": missed.latency,
                "clock_ns": missed.clock_ns,
                "needed_clock_ns": missed.needed_clock_ns,
                "needed_latency": missed.needed_latency,
            }),
            Missed::Folding(Unmet::Interval { wanted, least, reached, .. }) => {
                json!({ "target_ii": wanted, "least": least, "reached": reached })
            }
            Missed::Folding(Unmet::Device { choice, device, total, .. }) => {
                json!({ "device": device, "total": total, "folded": choice })
            }
        }
    }
}

/// Two targets for one thing.
#[derive(Debug, thiserror::Error)]
#[error("target_ii and fit both choose the reuse factors: one of them is enough")]
struct Both;

/// A design as SystemVerilog with the reuse factors that were chosen for it, or the target that it misses.
/// Where the latency decides on the clock, the whole project gets that clock; chosen reuse factors are
/// those of the whole project too.
pub(super) fn rtl(
    compiled: &mut Compiled,
    config: &Config,
) -> Result<std::result::Result<(Rtl, Option<Choice>), Missed>> {
    let made = match goal(config)? {
        None => firmware::rtl(&compiled.design, compiled.device).map(|it| Ok((it, None))),
        Some(goal) => firmware::fold(&compiled.design, compiled.device, goal)
            .map(|it| it.map(|(choice, rtl)| (rtl, Some(choice)))),
    };
    let (rtl, choice) = match made {
        Ok(Ok(made)) => made,
        Ok(Err(unmet)) => return Ok(Err(Missed::Folding(unmet))),
        Err(problems) => return missed(&problems).map(Err).ok_or(problems),
    };
    let plan = &mut compiled.design.plan;
    plan.clock_ns = rtl.clock_ns();
    plan.clock_uncertainty =
        config.clock_uncertainty.map(|it| it.nanoseconds(plan.clock_ns) / plan.clock_ns);
    for fold in choice.iter().flat_map(|it| &it.layers) {
        if let Some(layer) = plan.layers.get_mut(&fold.layer) {
            layer.reuse_factor = fold.reuse as u32;
        }
    }
    Ok(Ok((rtl, choice)))
}

fn goal(config: &Config) -> Result<Option<Goal>> {
    match (config.target_ii, config.fit) {
        (None, false) => Ok(None),
        (Some(_), true) => Err(Both).anywhere(),
        (Some(cycles), false) => Ok(Some(Goal::Interval(u64::from(cycles)))),
        (None, true) => Ok(Some(Goal::Fit)),
    }
}

/// The missed target, if that is what is wrong.
fn missed(problems: &Problems) -> Option<Missed> {
    let found = problems.0.iter().find_map(|it| it.what.downcast_ref::<ScheduleError>());
    match found {
        Some(ScheduleError::Missed(missed)) => Some(Missed::Latency(*missed)),
        _ => None,
    }
}
