//! From a design to both projects: the HLS C++ and the SystemVerilog.

mod fold;
mod shared;
mod strategy;
mod stream;
mod xls;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

pub use self::fold::{Choice, Goal, LayerFold, Unmet, fold, told};
pub use self::strategy::{Ineffective, ineffective};
pub use self::stream::tasks;
pub use self::xls::{Procs, around, joined, module, procs, turns};

use crate::config::{self, Io};
use crate::design::{Design, LatencyTarget};
use crate::device::{Device, Resources, Tool};
use crate::error::{Located, Origin, Result};
use crate::estimate::hls::{HlsClock, HlsKernel};
use crate::fixed::{self, Type};
use crate::hls::{self, Folding, HlsOptions, HlsProject};
use crate::rtl::cmvm::Budget;
use crate::rtl::cost;
use crate::rtl::datapath::{self, Datapath};
use crate::rtl::dsp::{self, Blocks, Fullness, Moved, Offload};
use crate::rtl::emit::{self, Family, RtlOptions, RtlProject};
use crate::rtl::passes::{self, TableForms, Tables};
use crate::rtl::pipeline::{self, Schedule, ScheduleError};
use crate::stream::plan::Plan;
use crate::stream::{Dataflow, ProcessId};

/// The direct path of a design.
#[derive(Debug)]
pub struct Rtl {
    /// The whole network as one pipeline; of a dataflow the pipelines of its kernels.
    pub pipelines: Vec<Pipeline>,
    /// How the pipelines are connected, if the design streams or is folded.
    pub stream: Option<Streamed>,
    /// Layers whose sums cannot be folded, although they should.
    pub unfolded: BTreeSet<Origin>,
    /// Its files.
    pub project: RtlProject,
}

/// The HLS path of a design.
#[derive(Debug)]
pub struct Hls {
    /// Its files.
    pub project: HlsProject,
    /// How its tasks are connected, if the design streams.
    pub stream: Option<HlsStreamed>,
}

/// A dataflow in C++ and when its tokens move, by the estimate of its kernels.
#[derive(Debug)]
pub struct HlsStreamed {
    /// The processes.
    pub flow: Dataflow,
    /// Their timing.
    pub schedule: hls::Schedule,
}

/// A scalar program in stages.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The scalar program.
    pub datapath: Datapath,
    /// Its pipeline.
    pub schedule: Schedule,
    /// What was moved into DSP blocks, by layer.
    pub moved: Vec<Moved>,
    /// Lookup tables before that.
    pub luts_before: u64,
}

/// A dataflow and when its tokens move.
#[derive(Debug)]
pub struct Streamed {
    /// The processes.
    pub flow: Dataflow,
    /// Their timing.
    pub plan: Plan,
    /// What each process takes besides the datapath of its pipeline.
    pub parts: Vec<Resources>,
    /// The process of each pipeline.
    pub kernels: Vec<ProcessId>,
}

impl Rtl {
    /// Cycles from the first beat of a sample to the last one of its result.
    pub fn latency(&self) -> u64 {
        u64::from(self.project.interface.latency)
    }

    /// Cycles from one sample to the next.
    pub fn interval(&self) -> u64 {
        self.stream.as_ref().map_or(1, |it| it.plan.interval)
    }

    /// The period of the clock, ns.
    pub fn clock_ns(&self) -> f64 {
        self.pipelines.iter().map(|it| it.schedule.clock_ns).fold(0.0, f64::max)
    }

    /// What the longest path leaves of the clock, ns.
    pub fn slack_ns(&self) -> f64 {
        let slack = self.pipelines.iter().map(|it| it.schedule.worst_slack_ns);
        slack.fold(f64::INFINITY, f64::min)
    }

    /// Bits of registers in the pipelines.
    pub fn register_bits(&self) -> u64 {
        self.pipelines.iter().map(|it| it.schedule.register_bits).sum()
    }
}

impl Streamed {
    /// What each process takes, with the datapath of its pipeline; by its name in the RTL.
    pub fn processes(&self, rtl: &Rtl, device: &Device) -> Vec<(String, Resources)> {
        let mut all = self.parts.clone();
        for (id, pipeline) in self.kernels.iter().zip(&rtl.pipelines) {
            let ff = pipeline.schedule.register_bits;
            let own: Resources = resources(pipeline, device).into_iter().sum();
            all[id.0] += own + Resources { ff, ..Resources::default() };
        }
        crate::rtl::stream::names(&self.flow).into_iter().zip(all).collect()
    }
}

/// A design unrolled and pipelined.
struct Attempt {
    datapath: Datapath,
    schedule: Schedule,
    luts: u64,
    fullness: Option<Fullness>,
    moved: Vec<Moved>,
    luts_before: u64,
}

impl Attempt {
    /// What fits first, then the fewest cycles, then the shortest clock (if it is free), then what it
    /// takes.
    fn price(&self) -> (Option<Fullness>, u32, u64, u64) {
        let clock_fs = (self.schedule.clock_ns * 1e6).round() as u64;
        let takes = self.luts + self.schedule.register_bits;
        (self.fullness, self.schedule.latency, clock_fs, takes)
    }
}

type Attempted = std::result::Result<Attempt, ScheduleError>;

/// Every program that a budget gives.
fn attempts(
    design: &Design,
    device: &Device,
    budget: Budget,
    tables: &TableForms,
    rom: Tables,
) -> Vec<Attempted> {
    let datapath = passes::optimize(&datapath::lower(&design.graph, budget).datapath);
    let programs = passes::for_device(datapath, device.delay(), clock(design), tables);
    let stored = |it: Datapath| passes::in_blocks(&it, device, rom).unwrap_or(it);
    programs.into_par_iter().map(|it| attempt(design, device, stored(it))).collect()
}

/// The clock that a pipeline must keep, if it is not free.
fn clock(design: &Design) -> Option<f64> {
    let plan = &design.plan;
    plan.latency.is_none_or(|it| it.at_clock).then_some(plan.clock_ns)
}

fn attempt(design: &Design, device: &Device, datapath: Datapath) -> Attempted {
    let plan = &design.plan;
    let luts_before = dsp::luts(&datapath, device);
    let (datapath, moved) = match dsp::offload(&datapath, device, &plan.dsp, clock(design)) {
        Some(Offload { datapath, moved }) => (datapath, moved),
        None => (datapath, Vec::new()),
    };
    let luts = dsp::luts(&datapath, device);
    let fullness = plan.dsp.fullness(device, luts);
    let delays = device.delay().at_size(luts);
    let schedule = match plan.latency {
        None => pipeline::schedule(&datapath, &delays, plan.clock_ns),
        Some(LatencyTarget { cycles, at_clock }) => {
            pipeline::schedule_in(&datapath, &delays, cycles, at_clock.then_some(plan.clock_ns))
        }
    };
    Ok(Attempt { schedule: schedule?, datapath, luts, fullness, moved, luts_before })
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

/// Writes a design as SystemVerilog: a pipeline of the whole network, or one for each kernel of a
/// stream or of a network that is folded. Of several adder graphs for their matrices those are taken that need the fewest cycles, then
/// the least logic.
///
/// # Errors
/// Values too wide for the direct path, a clock that registers alone exceed, or a latency that the
/// clock does not allow; what streams cannot do.
pub fn rtl(design: &Design, device: &Device) -> Result<Rtl> {
    if design.plan.io == Io::Stream {
        return stream::rtl(design, device);
    }
    match stream::unfoldable(design) {
        Some(unfolded) => Ok(Rtl { unfolded, ..unrolled(design, device)? }),
        None => stream::rtl(design, device),
    }
}

/// A design as one pipeline.
fn unrolled(design: &Design, device: &Device) -> Result<Rtl> {
    let pipeline = pipeline(design, device, Tables::Logic)?;
    let options = options(design, device, std::slice::from_ref(&pipeline));
    let project = emit::project(&pipeline.datapath, &pipeline.schedule, &options);
    Ok(Rtl { pipelines: vec![pipeline], stream: None, unfolded: BTreeSet::new(), project })
}

/// Unrolls and pipelines a design.
fn pipeline(design: &Design, device: &Device, rom: Tables) -> Result<Pipeline> {
    datapath::check(&design.graph)?;
    let plan = &design.plan;
    let tables = TableForms::new(device.lut_inputs());
    let attempts = |budget: &Budget| attempts(design, device, *budget, &tables, rom);
    let budgets = Budget::choices(plan.effort, device.lut_inputs());
    let attempts = budgets.par_iter().flat_map_iter(attempts).collect();
    let Attempt { datapath, schedule, moved, luts_before, .. } = best(attempts)?;
    Ok(Pipeline { datapath, schedule, moved, luts_before })
}

fn options(design: &Design, device: &Device, pipelines: &[Pipeline]) -> RtlOptions {
    let plan = &design.plan;
    let family = match device.tool() {
        Tool::Vivado => Family::Vivado,
        Tool::Quartus => Family::Quartus,
        _ => Family::Other,
    };
    let clock_ns = pipelines.iter().map(|it| it.schedule.clock_ns).fold(0.0, f64::max);
    RtlOptions {
        name: plan.name.clone(),
        part: plan.part.clone(),
        clock_ns,
        family,
        fixed_blocks: plan.dsp.blocks != Blocks::Auto
            || pipelines.iter().any(|it| !it.moved.is_empty()),
    }
}

/// How the HLS path folds each layer of a design.
pub fn foldings(design: &Design) -> BTreeMap<String, Folding> {
    let folding = |(name, layer): (&String, &crate::design::LayerPlan)| {
        let strategy = match layer.strategy {
            config::Strategy::Latency => hls::Strategy::Latency,
            config::Strategy::Resource => hls::Strategy::Resource,
            config::Strategy::Unrolled => hls::Strategy::Unrolled,
            config::Strategy::DistributedArithmetic => hls::Strategy::Distributed,
        };
        let reuse = u64::from(layer.reuse_factor);
        let parallel = layer.parallelization_factor.map(u64::from);
        (name.clone(), Folding { strategy, reuse, parallel })
    };
    design.plan.layers.iter().map(folding).collect()
}

/// Writes a design as HLS C++: one function of arrays, or tasks with streams between them; or as DSLX.
///
/// # Errors
/// Tensors whose elements have no common type, matrices that are no plain sums but shall become
/// additions; what streams cannot do.
pub fn hls(design: &Design, device: &Device, tool: hls::Tool) -> Result<Hls> {
    if tool == hls::Tool::Xls {
        return xls::hls(design);
    }
    let others = matches!(tool, hls::Tool::Catapult | hls::Tool::Quartus | hls::Tool::Oneapi);
    if others && tool.backend() != Some(device.tool()) {
        return Err(WrongDevice { tool, device: device.name.clone() }).anywhere();
    }
    let options = hls_options(design, tool);
    if design.plan.io == Io::Stream {
        if matches!(tool, hls::Tool::Quartus | hls::Tool::Oneapi) {
            return Err(NoStream { tool }).anywhere();
        }
        return stream::hls(design, device, &options);
    }
    Ok(Hls { project: hls::project(&design.graph, &options)?, stream: None })
}

fn hls_options(design: &Design, tool: hls::Tool) -> HlsOptions {
    let plan = &design.plan;
    HlsOptions {
        part: plan.part.clone(),
        clock_ns: plan.clock_ns,
        clock_uncertainty: plan.clock_uncertainty.map_or(tool.clock_uncertainty(), |it| 100.0 * it),
        layers: foldings(design),
        description: format!("{} for {}", plan.name, plan.part),
        ..HlsOptions::new(tool, plan.name.clone())
    }
}

/// A compiler for another maker's devices.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{device} is no device for {} (supported: those of {})",
    .tool.title(),
    if *.tool == hls::Tool::Catapult { "AMD" } else { "Altera" }
)]
pub struct WrongDevice {
    tool: hls::Tool,
    device: String,
}

/// Streams for a compiler that has none yet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "C++ for {} takes and gives whole tensors: use --io parallel, --hls vitis or --flow rtl",
    .tool.title()
)]
pub struct NoStream {
    tool: hls::Tool,
}

/// The clock as the HLS compiler sees it.
pub fn hls_clock(design: &Design) -> HlsClock {
    let period_ns = design.plan.clock_ns;
    let uncertainty = design.plan.clock_uncertainty.unwrap_or(HlsClock::vitis(1.0).uncertainty);
    HlsClock { period_ns, uncertainty }
}

/// Lookup tables, DSP blocks and block RAM that the direct path is estimated to take, layer by layer of the
/// scalar program.
pub fn resources(pipeline: &Pipeline, device: &Device) -> Vec<Resources> {
    let luts = cost::luts_by_scope(&pipeline.datapath, device.delay());
    let blocks = dsp::blocks_by_scope(&pipeline.datapath, device);
    let made = luts.into_iter().zip(blocks).map(|(it, dsp)| Resources { dsp, ..it });
    let mut made: Vec<Resources> = made.collect();
    for (scope, taken) in passes::blocks_taken(&pipeline.datapath, device) {
        made[scope] += taken;
    }
    made
}

/// The kernels of the HLS path by layer, for its estimate; `graph` is the design's or a part of it.
pub fn kernels(design: &Design, graph: &fixed::Graph) -> Vec<(String, HlsKernel)> {
    let foldings = foldings(design);
    let mut kernels = Vec::new();
    add_kernels(graph, &foldings, &mut kernels);
    kernels
}

/// A loop's kernels count once for every step: the estimate is of the unrolled loop.
fn add_kernels(
    graph: &fixed::Graph,
    foldings: &BTreeMap<String, Folding>,
    made: &mut Vec<(String, HlsKernel)>,
) {
    for id in graph.topo() {
        let node = graph.node(id);
        let operands = graph.operands(id);
        let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        let folding = foldings.get(&*node.origin.node).copied().unwrap_or_default();
        if let Some(kernel) = node.op.kernel(&types, folding) {
            made.push((node.origin.node.to_string(), kernel));
        }
        if let Some((body, steps)) = node.op.body() {
            (0..steps).for_each(|_| add_kernels(body, foldings, made));
        }
    }
}
