//! A dataflow as SystemVerilog: a module for each kernel, the parameterised modules of `rtl-templates/`
//! for everything else, and a top that connects them.

mod array;
mod body;
mod cores;
pub mod cost;
mod engines;
mod foreign;
mod grouped;
mod hard;
mod loaded;
mod names;
mod permute;
mod rom;

pub use self::foreign::{Joined, around, modules};
pub use self::hard::Hard;
pub use self::names::names;

use self::body::Body;
use self::grouped::Grouped;
use super::emit::{self, Interface, Kernel, Load, PortShape, RtlOptions, RtlProject, templates};
use crate::stream::loaded::{REGISTERS, Window, address_bits as load_bits, windows};
use crate::stream::plan::Plan;
use crate::stream::{Dataflow, Kind, ProcessId, StreamId, index_bits as address_bits};

/// A kernel of a dataflow, scheduled and written.
#[derive(Clone, Debug)]
pub struct Built {
    process: ProcessId,
    kernel: Kernel,
}

impl Built {
    /// Writes the modules of a process, which is called so. `options` are those of the whole design.
    pub fn new(
        (process, name): (ProcessId, &str),
        program: &super::datapath::Datapath,
        schedule: &super::pipeline::Schedule,
        options: &RtlOptions,
    ) -> Built {
        let name = array::name(&options.name, name);
        let options = RtlOptions { name, ..options.clone() };
        Built { process, kernel: emit::kernel(program, schedule, &options) }
    }

    /// The process.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Cycles from a token in to a token out.
    pub fn latency(&self) -> u32 {
        self.kernel.interface.latency
    }
}

/// Writes the project of a dataflow whose kernels are all built.
pub fn project(
    flow: &Dataflow,
    plan: &Plan,
    kernels: &[Built],
    hard: &Hard,
    options: &RtlOptions,
) -> RtlProject {
    let windows = windows(flow);
    let interface = Interface { load: load(&windows), ..interface(flow, plan, &options.name) };
    let origin = kernels.first().map(|it| it.kernel.origin.clone()).unwrap_or_default();
    let grouped = Grouped::new(flow, plan);
    // Around other cores stands a module of the library.
    let with_top =
        |it: ProcessId| !grouped.engines.contains_key(&it) && !grouped.inside.contains(&it);
    let body = Body::new(&grouped, plan, Some(kernels), &interface);
    let mut sources = templates::library(templates::PIPELINE);
    sources.extend(templates::library(templates::STREAM));
    if !windows.is_empty() {
        sources.extend(templates::library(templates::LOADED));
    }
    for built in kernels {
        let top = with_top(built.process).then_some(&built.kernel.top);
        for file in built.kernel.files.iter().chain(top) {
            // A module of the user's may stand in several kernels.
            if !sources.iter().any(|it| it.0 == file.0) {
                sources.push(file.clone());
            }
        }
    }
    let names = names(flow);
    for ((at, process), name) in flow.processes.iter().enumerate().zip(&names) {
        let module = array::name(&interface.top, name);
        let id = ProcessId(at);
        let window = windows.iter().find(|it| it.process == id);
        let styles = array::Styles::new(hard, id);
        match (&process.kind, window, &interface.load) {
            (Kind::Array(it), Some(window), Some(load)) => {
                let sizes = (flow.stream(process.inputs[0]).tokens, load.address_bits);
                sources.push(loaded::module(it, window, sizes, styles, &module));
            }
            (Kind::Array(it), ..) => {
                sources.push(array::module(it, styles, &module));
            }
            (Kind::Rom(values), ..) => {
                sources.push(rom::module(values, &flow.stream(process.outputs[0]).ty, &module));
            }
            (Kind::Permute(it), ..) => {
                let bits = flow.stream(process.inputs[0]).bits();
                sources.push(permute::module(it, bits, &module));
            }
            _ => {}
        }
    }
    sources.push(templates::stream(&interface, &origin, &body));
    sources.push(templates::axis(&interface, &origin));
    // Kernels may have several layers inside.
    let inside = kernels.iter().flat_map(|built| {
        let name = &names[built.process.0];
        let core = core(name, with_top(built.process));
        let layers = built.kernel.layers.iter();
        layers.map(move |(it, layer)| (format!("{core}.{it}"), layer.clone()))
    });
    let cores = kernels.iter().filter(|it| !with_top(it.process)).map(|built| {
        let at = built.process.0;
        (core(&names[at], false), flow.processes[at].layer.clone())
    });
    let processes = names.iter().zip(&flow.processes);
    let processes = processes.map(|(name, it)| (format!("i_{name}"), it.layer.clone()));
    let instances = inside.chain(cores).chain(processes).collect();
    emit::finished(sources, interface, instances, options)
}

/// The instance of a kernel's core, in a top of its own or beside what stands around it.
fn core(name: &str, with_top: bool) -> String {
    if with_top { format!("i_{name}.i_core") } else { format!("i_{name}_core") }
}

/// The port through which weights are loaded, if any can be.
fn load(windows: &[Window]) -> Option<Load> {
    let (address_bits, registers, arrays) = (load_bits(windows), REGISTERS, windows.len());
    (arrays > 0).then_some(Load { address_bits, registers, arrays })
}

/// Streams at the ports, in the model's order.
fn ports(flow: &Dataflow, input: bool) -> Vec<StreamId> {
    let own = |process: &crate::stream::Process| -> Vec<(usize, StreamId)> {
        let (first, streams) = match process.kind {
            Kind::Source(first) if input => (first, &process.outputs),
            Kind::Sink(first) if !input => (first, &process.inputs),
            _ => return Vec::new(),
        };
        (first..).zip(streams.iter().copied()).collect()
    };
    let mut ports: Vec<(usize, StreamId)> = flow.processes.iter().flat_map(own).collect();
    ports.sort_by_key(|it| it.0);
    ports.into_iter().map(|it| it.1).collect()
}

/// Samples that are inside at once at full rate, and one more at each end.
fn inside(plan: &Plan) -> u64 {
    plan.latency.div_ceil(plan.interval.max(1)) + 2
}

fn interface(flow: &Dataflow, plan: &Plan, name: &str) -> Interface {
    let mut shapes = Vec::new();
    let mut beats = [Vec::new(), Vec::new()];
    let mut widest = [0; 2];
    for input in [true, false] {
        let side = usize::from(!input);
        let streams: Vec<_> = ports(flow, input).into_iter().map(|it| flow.stream(it)).collect();
        let tensors = flow.tensors.as_ref().map(|it| if input { &it.inputs } else { &it.outputs });
        let named: Vec<&str> = match tensors {
            Some(tensors) => tensors.iter().map(|it| it.name.as_str()).collect(),
            None => streams.iter().map(|it| it.name.as_str()).collect(),
        };
        let pins: &[&str] =
            if tensors.is_some() { &emit::PINS } else { &["valid", "ready", "last"] };
        let names = emit::unique(&named, pins);
        // All tensors of a side are in one word of the wrapper.
        let mut axis_bits = 0;
        for ((stream, name), tensor) in streams.into_iter().zip(named).zip(names) {
            beats[side].push(stream.tokens as u32);
            if tensors.is_none() {
                axis_bits = 0;
            }
            let port = if input { format!("in_{tensor}_i") } else { format!("out_{tensor}_o") };
            let slot = |it: usize| (stream.ty.format(it).width, stream.ty.format(it).signed);
            let slots: Vec<(u32, bool)> = (0..stream.ty.elements()).map(slot).collect();
            shapes.push(PortShape::new(port, name, input, &slots, &mut axis_bits));
            widest[side] = axis_bits.max(widest[side]);
        }
    }
    Interface {
        top: name.to_owned(),
        core: String::new(),
        axis: format!("{name}_axis"),
        ports: shapes,
        latency: plan.latency as u32,
        axis_in_bits: widest[0],
        axis_out_bits: widest[1],
        beats: flow.tensors.is_none().then_some(beats),
        inside: flow.tensors.as_ref().map(|_| inside(plan)),
        load: None,
    }
}
