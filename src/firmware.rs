//! From a design to both projects: the HLS C++ and the SystemVerilog.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::config;
use crate::design::{Design, LatencyTarget};
use crate::device::{Device, Tool};
use crate::error::{Located, Result};
use crate::fixed::Type;
use crate::hls::{self, Folding, HlsOptions, HlsProject};
use crate::rtl::cmvm::Budget;
use crate::rtl::cost;
use crate::rtl::datapath::{self, Datapath};
use crate::rtl::emit::{self, Family, RtlOptions, RtlProject};
use crate::rtl::passes::{self, TableForms};
use crate::rtl::pipeline::{self, Schedule, ScheduleError};

/// The direct path of a design.
#[derive(Debug)]
pub struct Rtl {
    /// The scalar program.
    pub datapath: Datapath,
    /// Its pipeline.
    pub schedule: Schedule,
    /// Its files.
    pub project: RtlProject,
}

/// A design unrolled and pipelined.
struct Attempt {
    datapath: Datapath,
    schedule: Schedule,
    luts: u64,
}

impl Attempt {
    /// Fewest cycles first, then the shortest clock (if it is free), then what it takes.
    fn price(&self) -> (u32, u64, u64) {
        let clock_fs = (self.schedule.clock_ns * 1e6).round() as u64;
        (self.schedule.latency, clock_fs, self.luts + self.schedule.register_bits)
    }
}

type Attempted = std::result::Result<Attempt, ScheduleError>;

/// With tables as they are, and with those split that take less so: the first is faster.
fn attempts(
    design: &Design,
    device: &Device,
    budget: Budget,
    tables: &TableForms,
) -> Vec<Attempted> {
    let whole = passes::optimize(&datapath::lower(&design.graph, budget).datapath);
    let split = passes::split_tables(&whole, tables);
    let programs: Vec<Datapath> = std::iter::once(whole).chain(split).collect();
    programs.into_par_iter().map(|it| attempt(design, device, it)).collect()
}

fn attempt(design: &Design, device: &Device, datapath: Datapath) -> Attempted {
    let plan = &design.plan;
    let luts = cost::luts_by_scope(&datapath, device.lut_inputs()).iter().map(|it| it.lut).sum();
    let delays = device.delay().at_size(luts);
    let schedule = match plan.latency {
        None => pipeline::schedule(&datapath, &delays, plan.clock_ns),
        Some(LatencyTarget { cycles, at_clock }) => {
            pipeline::schedule_in(&datapath, &delays, cycles, at_clock.then_some(plan.clock_ns))
        }
    };
    Ok(Attempt { schedule: schedule?, datapath, luts })
}

/// The best of several attempts, or how near they came.
fn best(attempts: Vec<Attempted>) -> Result<Attempt> {
    let (made, missed): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|it| it.is_ok());
    if let Some(best) = made.into_iter().flatten().min_by_key(Attempt::price) {
        return Ok(best);
    }
    let nearer = |a: ScheduleError, b: ScheduleError| match (a, b) {
        (ScheduleError::Missed(a), ScheduleError::Missed(b)) => a.nearest(b).into(),
        (a, _) => a,
    };
    let missed = missed.into_iter().filter_map(std::result::Result::err).reduce(nearer);
    Err(missed.expect("there is a budget for every effort")).anywhere()
}

/// Unrolls, pipelines and writes a design as SystemVerilog: of several adder graphs for its matrices
/// those that take the fewest cycles, then the least logic.
///
/// # Errors
/// Values too wide for the direct path, a clock that registers alone exceed, or a latency that the
/// clock does not allow.
pub fn rtl(design: &Design, device: &Device) -> Result<Rtl> {
    datapath::check(&design.graph)?;
    let plan = &design.plan;
    let tables = TableForms::new(device.lut_inputs());
    let attempts = |budget: &Budget| attempts(design, device, *budget, &tables);
    let budgets = Budget::choices(plan.effort, device.lut_inputs());
    let attempts = budgets.par_iter().flat_map_iter(attempts).collect();
    let Attempt { datapath, schedule, .. } = best(attempts)?;
    let family = match device.tool() {
        Tool::Vivado => Family::Vivado,
        Tool::Quartus => Family::Quartus,
        _ => Family::Other,
    };
    let options = RtlOptions {
        name: plan.name.clone(),
        part: plan.part.clone(),
        clock_ns: schedule.clock_ns,
        family,
    };
    let project = emit::project(&datapath, &schedule, &options);
    Ok(Rtl { datapath, schedule, project })
}

/// A strategy that the HLS path does not have yet.
#[derive(Debug, thiserror::Error)]
#[error("strategy {found} is not supported yet (supported: Latency, Resource)")]
struct NoStrategy {
    found: config::Strategy,
}

/// How the HLS path folds each layer of a design.
///
/// # Errors
/// Strategies that are not there yet.
pub fn foldings(design: &Design) -> Result<BTreeMap<String, Folding>> {
    let folding = |(name, layer): (&String, &crate::design::LayerPlan)| {
        let strategy = match layer.strategy {
            config::Strategy::Latency => hls::Strategy::Latency,
            config::Strategy::Resource => hls::Strategy::Resource,
            found => return Err(NoStrategy { found }).anywhere(),
        };
        let reuse = u64::from(layer.reuse_factor);
        Ok((name.clone(), Folding { strategy, reuse }))
    };
    design.plan.layers.iter().map(folding).collect()
}

/// Writes a design as HLS C++.
///
/// # Errors
/// Tensors whose elements have no common type, strategies that are not there yet.
pub fn hls(design: &Design, tool: hls::Tool) -> Result<HlsProject> {
    let plan = &design.plan;
    let options = HlsOptions {
        part: plan.part.clone(),
        clock_ns: plan.clock_ns,
        clock_uncertainty: plan.clock_uncertainty.map_or(tool.clock_uncertainty(), |it| 100.0 * it),
        layers: foldings(design)?,
        description: format!("{} for {}", plan.name, plan.part),
        ..HlsOptions::new(tool, plan.name.clone())
    };
    hls::project(&design.graph, &options)
}

/// What the direct path is estimated to take, layer by layer of the scalar program.
pub fn rtl_luts(rtl: &Rtl, device: &Device) -> Vec<crate::device::Resources> {
    cost::luts_by_scope(&rtl.datapath, device.lut_inputs())
}

/// The kernels of the HLS path by layer, for its estimate.
///
/// # Errors
/// See [`foldings`].
pub fn kernels(design: &Design) -> Result<Vec<(String, crate::estimate::hls::HlsKernel)>> {
    let foldings = foldings(design)?;
    let graph = &design.graph;
    let kernel = |id: crate::graph::NodeId| {
        let node = graph.node(id);
        let operands = graph.operands(id);
        let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        let folding = foldings.get(&*node.origin.node).copied().unwrap_or_default();
        let kernel = node.op.kernel(&types, folding)?;
        Some((node.origin.node.to_string(), kernel))
    };
    Ok(graph.topo().into_iter().filter_map(kernel).collect())
}
