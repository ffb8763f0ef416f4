//! A design that streams: its graph as a dataflow, every kernel of it pipelined.
//!
//! The direct path folds matrices into arrays of multipliers, processes of their own; in C++ the
//! strategies fold them inside of kernels, so that its dataflow is that of a reuse factor of 1.

use std::collections::BTreeMap;

use super::{Hls, HlsStreamed, Pipeline, Rtl, Streamed};
use crate::design::{Design, Plan};
use crate::device::Device;
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::estimate::hls as estimate;
use crate::fixed::{Format, Graph};
use crate::hls::{self, HlsOptions};
use crate::precision::Role;
use crate::rtl::stream::{self as emit, Built};
use crate::stream::loaded::{self, WORD};
use crate::stream::plan::Timing;
use crate::stream::{self, Dataflow, Kind, Loops, ProcessId, plan};
use crate::units::Unit;

/// What a design that streams cannot be.
#[derive(Debug, thiserror::Error)]
enum Unsupported {
    #[error(
        "a latency in cycles is a target for io: parallel; streams take as long as their tokens"
    )]
    Latency,
    #[error("an output that depends on no input cannot be streamed")]
    Constant,
    #[error(
        "Weights: runtime needs sums that do not depend on their order: inputs of one format and an \
         accumulator that neither rounds nor saturates whatever the weights are"
    )]
    Inexact,
    #[error("Weights: runtime: a word of {WORD} bits holds no {role} of {format}")]
    Wide { role: Role, format: Format },
    #[error("Weights: runtime: what the layer reads does not depend on the inputs alone")]
    Early,
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
    loadable(design, &flow, &mut problems);
    let mut kernels: Vec<(ProcessId, Pipeline)> = Vec::new();
    for (at, process) in flow.processes.iter().enumerate() {
        let Kind::Kernel(graph) = &process.kind else { continue };
        if process.inputs.is_empty() {
            problems.note(Err::<(), _>(Unsupported::Constant).anywhere());
            continue;
        }
        let kernel = kernel(design, graph, &process.name);
        if let Some(pipeline) = problems.note(super::pipeline(&kernel, device)) {
            kernels.push((ProcessId(at), pipeline));
        }
    }
    problems.into_result(())?;
    let latency = |id: ProcessId| {
        let own = kernels.iter().find(|it| it.0 == id);
        own.map_or(0, |it| it.1.schedule.latency)
    };
    let plan = plan::plan(&flow, latency);
    let (processes, pipelines): (Vec<ProcessId>, Vec<Pipeline>) = kernels.into_iter().unzip();
    let options = super::options(design, device, &pipelines);
    let built = processes
        .iter()
        .zip(&pipelines)
        .map(|(id, it)| Built::new(&flow, *id, &it.datapath, &it.schedule, &options));
    let built: Vec<Built> = built.collect();
    let project = emit::project(&flow, &plan, &built, &options);
    Ok(Rtl { pipelines, stream: Some(Streamed { flow, plan, unfolded }), project })
}

/// Notes every layer whose weights should be loaded and cannot be.
fn loadable(design: &Design, flow: &Dataflow, problems: &mut Problems) {
    let windows = loaded::windows(flow);
    let mut layers: BTreeMap<&Origin, usize> = BTreeMap::new();
    for id in design.graph.topo() {
        let node = design.graph.node(id);
        if let Unit::Mac(mac) = &node.op
            && !mac.loaded.is_nothing()
        {
            *layers.entry(&node.origin).or_default() += mac.n_out;
        }
    }
    for (at, outputs) in layers {
        let mut note = |what: Unsupported| problems.push(Problem::at(at, what));
        let own = |it: &&loaded::Window| *it.layer == *at.node && it.outputs == outputs;
        let Some(window) = windows.iter().find(own) else {
            let help = format!("leave LayerName.{}.Precision.accum to auto", at.node);
            problems.push(Problem::at(at, Unsupported::Inexact).help(help));
            continue;
        };
        let biases = window.bias.map(|it| (Role::Bias, it));
        for (role, format) in std::iter::once((Role::Weight, window.weight)).chain(biases) {
            if format.width > loaded::WORD {
                note(Unsupported::Wide { role, format });
            }
        }
        if !loaded::waits(flow, window.process) {
            note(Unsupported::Early);
        }
    }
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
fn kernel(design: &Design, graph: &Graph, name: &str) -> Design {
    let plan = Plan { name: name.to_owned(), ..design.plan.clone() };
    Design { graph: graph.clone(), plan, scales: Vec::new() }
}
