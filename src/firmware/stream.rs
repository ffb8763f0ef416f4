//! A design that streams, or that is folded behind ports of whole tensors: its graph as a dataflow, every
//! kernel of it pipelined.
//!
//! The direct path folds matrices into arrays of multipliers, processes of their own; in C++ the
//! strategies fold them inside of kernels, so that its dataflow is that of a reuse factor of 1.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::strategy::{self, given};
use super::{Hls, HlsStreamed, Pipeline, Rtl, Streamed};
use crate::config::Io;
use crate::design::{Design, Plan};
use crate::device::{Device, Resources};
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::estimate::hls as estimate;
use crate::fixed::{Format, Graph};
use crate::hls::{self, HlsOptions};
use crate::precision::Role;
use crate::project;
use crate::rtl::dsp::{self, Blocks, DspPlan};
use crate::rtl::passes::Tables;
use crate::rtl::stream::{self as emit, Built, Hard};
use crate::stream::loaded::{self, WORD};
use crate::stream::plan::Timing;
use crate::stream::{self, Dataflow, Kind, Loops, Ports, ProcessId, plan};
use crate::units::Unit;

/// What a design that streams or is folded cannot be.
#[derive(Debug, thiserror::Error)]
enum Unsupported {
    #[error(
        "a latency in cycles is a target for io: parallel with a ReuseFactor of 1; streams, and layers that \
         share multipliers, take as long as their tokens"
    )]
    Latency,
    #[error(
        "an output that depends on no input cannot be streamed, nor stand beside folded layers"
    )]
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
    let divided = divide(design, device, &|it| given(design, it), &mut Known::default())?;
    let plan = divided.plan();
    Ok(divided.finish(plan, design, device))
}

/// The graph of a design with the loops unrolled that shall be.
fn unrolled(design: &Design) -> Cow<'_, Graph> {
    let layers = &design.plan.layers;
    stream::unrolled(&design.graph, &|it| layers.get(it).is_some_and(|it| it.unrolled))
}

/// The processes of a design whose layers are folded so, and the layers besides that cannot be.
pub(super) fn cut(design: &Design, reuse: &dyn Fn(&str) -> usize) -> (Dataflow, BTreeSet<Origin>) {
    let reuse = |layer: &str| strategy::reuse(design, layer, reuse(layer));
    let (mut flow, unfolded) = stream::cut(&unrolled(design), Loops::Around, ports(design), reuse);
    flow.computed.retain(|it, _| design.graph.contains(*it));
    (flow, unfolded)
}

/// What the ports of a design carry.
fn ports(design: &Design) -> Ports {
    match design.plan.io {
        Io::Stream => Ports::Pixels,
        Io::Parallel => Ports::Tensors,
    }
}

/// Which layers of a design of whole tensors should share multipliers and cannot, if none can: it is one
/// pipeline.
pub(super) fn unfoldable(design: &Design) -> Option<BTreeSet<Origin>> {
    if !strategy::asks(design, &design.graph) {
        return Some(BTreeSet::new());
    }
    let (flow, unfolded) = cut(design, &|it| given(design, it));
    let is_array = |it: &stream::Process| matches!(it.kind, Kind::Array(_));
    let folds = flow.processes.iter().any(is_array) || !flow.products.is_empty();
    (!folds).then_some(unfolded)
}

/// Kernels that were pipelined before, by graph and the blocks that they could have: the steps of an unrolled
/// loop are alike.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<(String, Blocks, Tables), Pipeline>);

impl Known {
    fn pipeline(&mut self, kernel: &Design, device: &Device, rom: Tables) -> Result<Pipeline> {
        let graph = serde_json::to_string(&kernel.graph).anywhere()?;
        let blocks = kernel.plan.dsp.blocks;
        let key = (project::sha256(graph.as_bytes()), blocks, rom);
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let made = super::pipeline(kernel, device, rom)?;
        self.0.insert(key, made.clone());
        Ok(made)
    }
}

/// The block RAM that tables of kernels may have.
struct Rom {
    /// 18 kbit each.
    left: u64,
    /// Lookup tables that a block must save.
    worth: u64,
}

/// Of the device's block RAM the part that tables may take: weights, lines and FIFOs need some.
const TABLE_SHARE: u64 = 4;

impl Rom {
    fn new(design: &Design, device: &Device) -> Rom {
        // What is read goes straight to a register.
        let delays = device.delay();
        let read = delays.register_overhead() + delays.bram_ns + delays.net_ns;
        let keeps = read <= design.plan.clock_ns;
        let left = if keeps { device.total.bram_kbit / 18 / TABLE_SHARE } else { 0 };
        Rom { left, worth: device.luts_of_block() }
    }

    fn tables(&self) -> Tables {
        if self.left > 0 { Tables::Blocks(self.worth) } else { Tables::Logic }
    }

    fn take(&mut self, resources: &[Resources]) {
        let taken: u64 = resources.iter().map(|it| it.bram_kbit.div_ceil(18)).sum();
        self.left = self.left.saturating_sub(taken);
    }
}

/// A dataflow whose kernels are pipelined.
#[derive(Debug)]
pub(super) struct Divided {
    pub(super) flow: Dataflow,
    unfolded: BTreeSet<Origin>,
    hard: Hard,
    processes: Vec<ProcessId>,
    pipelines: Vec<Pipeline>,
}

/// Divides and pipelines a design whose layers are folded so.
pub(super) fn divide(
    design: &Design,
    device: &Device,
    reuse: &dyn Fn(&str) -> usize,
    known: &mut Known,
) -> Result<Divided> {
    if design.plan.latency.is_some() {
        return Err(Unsupported::Latency).anywhere();
    }
    let (flow, unfolded) = cut(design, reuse);
    let mut problems = Problems::default();
    let (mut processes, mut pipelines) = (Vec::new(), Vec::new());
    // Arrays take what they can use of the DSP blocks that were asked for; kernels get what is left.
    let hard = Hard::new(&flow, device, &design.plan.dsp, 0, false);
    let mut left = design.plan.dsp.blocks.without(hard.dsps);
    loadable(design, &flow, &mut problems);
    let looped = stream::looped(&flow);
    let mut rom = Rom::new(design, device);
    for (at, process) in flow.processes.iter().enumerate() {
        let Kind::Kernel(graph) = &process.kind else { continue };
        if process.inputs.is_empty() {
            problems.note(Err::<(), _>(Unsupported::Constant).anywhere());
            continue;
        }
        let kernel = kernel(design, graph, &process.name, left);
        // A step of a loop waits for the one before.
        let tables = if looped.contains(&ProcessId(at)) { Tables::Logic } else { rom.tables() };
        let pipeline = known.pipeline(&kernel, device, tables);
        if let Some(pipeline) = problems.note(pipeline) {
            let resources = super::resources(&pipeline, device);
            rom.take(&resources);
            left = left.without(resources.iter().map(|it| it.dsp).sum());
            processes.push(ProcessId(at));
            pipelines.push(pipeline);
        }
    }
    let mut divided =
        problems.into_result(Divided { flow, unfolded, hard, processes, pipelines })?;
    // What synthesis may take for products in kernels is not there for arrays.
    let inferred = divided.pipelines.iter().map(|it| dsp::inferred(&it.datapath, device)).sum();
    let hard = |flow, scarce| Hard::new(flow, device, &design.plan.dsp, inferred, scarce);
    divided.hard = hard(&divided.flow, false);
    let luts = divided.resources(&plan::Plan::default(), device).lut;
    if design.plan.dsp.limit(device).is_some_and(|it| luts > it) {
        divided.hard = hard(&divided.flow, true);
    }
    Ok(divided)
}

impl Divided {
    /// Cycles of a kernel.
    pub(super) fn latency(&self, id: ProcessId) -> u32 {
        let own = self.processes.iter().position(|it| *it == id);
        own.map_or(0, |it| self.pipelines[it].schedule.latency)
    }

    /// When its tokens move.
    pub(super) fn plan(&self) -> plan::Plan {
        plan::lean(&self.flow, |it| self.latency(it))
    }

    /// What each process takes besides the datapath of its pipeline.
    fn parts(&self, plan: &plan::Plan, device: &Device) -> Vec<Resources> {
        let part =
            |id| emit::cost::process(&self.flow, plan, id, self.latency(id), &self.hard, device);
        (0..self.flow.processes.len()).map(ProcessId).map(part).collect()
    }

    /// What all of it takes.
    pub(super) fn resources(&self, plan: &plan::Plan, device: &Device) -> Resources {
        let pipelines = self.pipelines.iter().flat_map(|it| {
            let ff = it.schedule.register_bits;
            let registers = Resources { ff, ..Resources::default() };
            super::resources(it, device).into_iter().chain([registers])
        });
        pipelines.chain(self.parts(plan, device)).sum()
    }

    /// Which layers take the most lookup tables.
    pub(super) fn largest(&self, plan: &plan::Plan, device: &Device) -> String {
        let mut layers: BTreeMap<&str, u64> = BTreeMap::new();
        for (process, own) in self.flow.processes.iter().zip(self.parts(plan, device)) {
            *layers.entry(&process.layer).or_default() += own.lut;
        }
        for pipeline in &self.pipelines {
            let scopes = pipeline.datapath.scopes.iter();
            for (scope, own) in scopes.zip(super::resources(pipeline, device)) {
                *layers.entry(&scope.name).or_default() += own.lut;
            }
        }
        let mut layers: Vec<_> = layers.into_iter().collect();
        layers.sort_by_key(|it| (std::cmp::Reverse(it.1), it.0));
        let layers = layers.iter().take(3).map(|(layer, luts)| format!("{layer} ({luts} LUT)"));
        layers.collect::<Vec<_>>().join(", ")
    }

    /// Writes it; `plan` is its own.
    pub(super) fn finish(self, plan: plan::Plan, design: &Design, device: &Device) -> Rtl {
        let parts = self.parts(&plan, device);
        let Divided { flow, unfolded, hard, processes, pipelines } = self;
        let options = super::options(design, device, &pipelines);
        let names = emit::names(&flow);
        let build = |(id, it): (&ProcessId, &Pipeline)| {
            Built::new((*id, &names[id.0]), &it.datapath, &it.schedule, &options)
        };
        let built: Vec<Built> = processes.iter().zip(&pipelines).map(build).collect();
        let project = emit::project(&flow, &plan, &built, &hard, &options);
        let streamed = Streamed { flow, plan, parts, kernels: processes };
        Rtl { pipelines, stream: Some(streamed), unfolded, project }
    }
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

/// Everything of a dataflow that is computed depends on an input.
pub(super) fn depends(flow: &Dataflow) -> Result<()> {
    let mut kernels = flow.processes.iter().filter(|it| matches!(it.kind, Kind::Kernel(_)));
    match kernels.any(|it| it.inputs.is_empty()) {
        true => Err(Unsupported::Constant).anywhere(),
        false => Ok(()),
    }
}

/// Cycles in which a task takes a token and gives one, besides those of its kernels.
const ENDS: u64 = 2;

/// Divides and writes a design as C++.
pub(super) fn hls(design: &Design, device: &Device, options: &HlsOptions) -> Result<Hls> {
    let flow = tasks(design);
    depends(&flow)?;
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

/// The processes of a design in C++, where matrices are folded inside of kernels.
pub fn tasks(design: &Design) -> Dataflow {
    let mut flow = stream::cut(&unrolled(design), Loops::Inside, Ports::Pixels, |_| 1.into()).0;
    flow.computed.retain(|it, _| design.graph.contains(*it));
    flow
}

/// A kernel as a design of its own.
fn kernel(design: &Design, graph: &Graph, name: &str, blocks: Blocks) -> Design {
    let dsp = DspPlan { blocks, ..design.plan.dsp };
    let plan = Plan { name: name.to_owned(), dsp, ..design.plan.clone() };
    Design { graph: graph.clone(), plan, scales: Vec::new() }
}
