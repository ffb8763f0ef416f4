//! A design that streams: its graph as a dataflow, every kernel of it pipelined.
//!
//! The direct path folds matrices into arrays of multipliers, processes of their own; in C++ the
//! strategies fold them inside of kernels, so that its dataflow is that of a reuse factor of 1.

use super::{Hls, HlsStreamed, Pipeline, Rtl, Streamed};
use crate::design::{Design, Plan};
use crate::device::Device;
use crate::error::{Located, Problems, Result};
use crate::estimate::hls as estimate;
use crate::fixed::Graph;
use crate::hls::{self, HlsOptions};
use crate::rtl::dsp::{Blocks, DspPlan};
use crate::rtl::stream::{self as emit, Built};
use crate::stream::plan::Timing;
use crate::stream::{self, Dataflow, Kind, Loops, ProcessId, plan};

/// What a design that streams cannot be.
#[derive(Debug, thiserror::Error)]
enum Unsupported {
    #[error(
        "a latency in cycles is a target for io: parallel; streams take as long as their tokens"
    )]
    Latency,
    #[error("an output that depends on no input cannot be streamed")]
    Constant,
}

/// Divides, pipelines and writes a design.
pub(super) fn rtl(design: &Design, device: &Device) -> Result<Rtl> {
    if design.plan.latency.is_some() {
        return Err(Unsupported::Latency).anywhere();
    }
    let layers = &design.plan.layers;
    let reuse = |layer: &str| layers.get(layer).map_or(1, |it| it.reuse_factor as usize);
    let (flow, unfolded) = stream::cut(&design.graph, Loops::Around, reuse);
    let mut problems = Problems::default();
    let mut kernels: Vec<(ProcessId, Pipeline)> = Vec::new();
    // Arrays take what they can use of the DSP blocks that were asked for; kernels get what is left.
    let (dsp, used) = emit::in_blocks(&flow, device, &design.plan.dsp);
    let mut left = design.plan.dsp.blocks.without(used);
    for (at, process) in flow.processes.iter().enumerate() {
        let Kind::Kernel(graph) = &process.kind else { continue };
        if process.inputs.is_empty() {
            problems.note(Err::<(), _>(Unsupported::Constant).anywhere());
            continue;
        }
        let kernel = kernel(design, graph, &process.name, left);
        if let Some(pipeline) = problems.note(super::pipeline(&kernel, device)) {
            let resources = super::resources(&pipeline, device);
            left = left.without(resources.iter().map(|it| it.dsp).sum());
            kernels.push((ProcessId(at), pipeline));
        }
    }
    problems.into_result(())?;
    let latency = |id: ProcessId| {
        let own = kernels.iter().find(|it| it.0 == id);
        own.map_or(0, |it| it.1.schedule.latency)
    };
    let plan = plan::lean(&flow, latency);
    let (processes, pipelines): (Vec<ProcessId>, Vec<Pipeline>) = kernels.into_iter().unzip();
    let options = super::options(design, device, &pipelines);
    let built = processes
        .iter()
        .zip(&pipelines)
        .map(|(id, it)| Built::new(&flow, *id, &it.datapath, &it.schedule, &options));
    let built: Vec<Built> = built.collect();
    let project = emit::project(&flow, &plan, &built, &dsp, device, &options);
    let part = |id| {
        let own = built.iter().find(|it| it.process() == id);
        let latency = own.map_or(0, Built::latency);
        emit::cost::process(&flow, &plan, id, latency, &dsp, device)
    };
    let parts = (0..flow.processes.len()).map(ProcessId).map(part).collect();
    let streamed = Streamed { flow, plan, unfolded, parts, kernels: processes };
    Ok(Rtl { pipelines, stream: Some(streamed), project })
}

/// Cycles in which a task takes a token and gives one, besides those of its kernels.
const ENDS: u64 = 2;

/// Divides and writes a design as C++.
pub(super) fn hls(design: &Design, device: &Device, options: &HlsOptions) -> Result<Hls> {
    let flow = tasks(&design.graph);
    for process in &flow.processes {
        if matches!(process.kind, Kind::Kernel(_)) && process.inputs.is_empty() {
            return Err(Unsupported::Constant).anywhere();
        }
    }
    let clock = super::hls_clock(design);
    let timing = |process: &stream::Process| {
        let (graph, waits) = match &process.kind {
            Kind::Kernel(graph) => (graph, false),
            Kind::Loop(it) => (&*it.body, !it.collects()),
            _ => return Timing { latency: 0, interval: 1 },
        };
        let kernels: Vec<_> = super::kernels(design, graph).into_iter().map(|it| it.1).collect();
        let it = estimate::network(&kernels, device, clock);
        let cycles = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
        // A step of a recurrence waits for what the one before leaves.
        let interval = if waits { it.latency_cycles.max(it.interval) } else { it.interval };
        Timing { latency: cycles(it.latency_cycles + ENDS), interval: cycles(interval) }
    };
    let timings: Vec<Timing> = flow.processes.iter().map(timing).collect();
    let schedule = hls::schedule(&flow, |it| timings[it.0]);
    let mut project = hls::streamed(&design.graph, &flow, &schedule.depths, options)?;
    // Pragmas ask recurrences for no interval.
    let cycles = |(process, timing): (&stream::Process, &Timing)| match &process.kind {
        Kind::Loop(it) => (it.count * it.steps) as u64 * u64::from(timing.interval),
        _ => 0,
    };
    let loops = flow.processes.iter().zip(&timings).map(cycles);
    project.interval = loops.fold(project.interval, u64::max);
    Ok(Hls { project, stream: Some(HlsStreamed { flow, schedule }) })
}

/// The processes of a graph in C++, where matrices are folded inside of kernels.
pub fn tasks(graph: &Graph) -> Dataflow {
    stream::cut(graph, Loops::Inside, |_| 1).0
}

/// A kernel as a design of its own.
fn kernel(design: &Design, graph: &Graph, name: &str, blocks: Blocks) -> Design {
    let dsp = DspPlan { blocks, ..design.plan.dsp };
    let plan = Plan { name: name.to_owned(), dsp, ..design.plan.clone() };
    Design { graph: graph.clone(), plan, scales: Vec::new() }
}
