//! The HLS path by XLS: the DSLX of a design, and what XLS makes of it behind the top module of the direct RTL.

use std::collections::BTreeMap;

use tera::{Context, Tera};

use super::strategy::{given, unshared};
use super::{Hls, hls_options, stream};
use crate::config::Io;
use crate::design::Design;
use crate::error::{Origin, Problem, Result};
use crate::fixed::Graph;
use crate::hls::{HlsProject, Tool, xls};
use crate::rtl::emit::{self, Interface};
use crate::rtl::stream::{self as joints, Joined};
use crate::stream::plan::{self, Plan, Timing};
use crate::stream::{Dataflow, Kind, Process, ProcessId, StreamId};

const CORE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/xls-templates/core.sv.tera"));
const PROCESS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/xls-templates/process.sv.tera"));

/// Words in front of every proc, so that no ready goes through two of them (but from one that divides words, [`is_split`]).
const WORDS: usize = 2;

/// Words in front of a proc that takes so many tokens while a sample takes so many turns. With two it has one a cycle, with
/// one every other cycle; whole tensors would be large twice.
fn words(tokens: usize, turns: u64) -> usize {
    if 2 * tokens as u64 <= turns { 1 } else { WORDS }
}

/// A design as procs.
#[derive(Debug)]
pub struct Procs {
    /// The processes.
    pub flow: Dataflow,
    /// Their DSLX.
    pub network: xls::Network,
}

/// A design as DSLX: a function, or the procs of a dataflow. Ports are called as those of the direct RTL.
pub(super) fn hls(design: &Design) -> Result<Hls> {
    if let Some(Procs { flow, network }) = procs(design)? {
        let interval = turns(&flow);
        return Ok(Hls { project: HlsProject { interval, ..network.project }, stream: None });
    }
    let options = hls_options(design, Tool::Xls);
    let interface = Interface::of(&design.graph, &options.name, 0);
    let inputs = interface.ports.iter().filter(|it| it.input);
    let ports: Vec<String> = inputs.map(|it| it.stem().to_owned()).collect();
    let mut project = xls::project(&design.graph, &options, &ports)?;
    let unfolded = stream::unfoldable(design).unwrap_or_default();
    project.warnings.extend(unfolded.iter().map(|at| unfolded_layer(design, at)));
    project.warnings.extend(unshared_layers(design));
    Ok(Hls { project, stream: None })
}

/// Reuse factors without effect because nothing shall be shared.
fn unshared_layers(design: &Design) -> impl Iterator<Item = Problem> {
    let problem = |(at, reuse): (Origin, u32)| Problem::at(&at, xls::Unshared { reuse });
    unshared(design).into_iter().map(problem)
}

fn unfolded_layer(design: &Design, at: &Origin) -> Problem {
    Problem::at(at, xls::NoReuse { reuse: given(design, &at.node) as u64 })
}

/// The procs of a design that streams or whose layers share multipliers; others are one function.
///
/// # Errors
/// What cannot be written in DSLX.
pub fn procs(design: &Design) -> Result<Option<Procs>> {
    if design.plan.io == Io::Parallel && stream::unfoldable(design).is_some() {
        return Ok(None);
    }
    let (flow, unfolded) = stream::cut(design, &|it| given(design, it));
    stream::depends(&flow)?;
    let options = hls_options(design, Tool::Xls);
    let mut network = xls::streamed(&design.graph, &flow, &options)?;
    let warnings = unfolded.iter().map(|at| unfolded_layer(design, at));
    network.project.warnings.extend(warnings.chain(unshared_layers(design)));
    Ok(Some(Procs { flow, network }))
}

/// FIFOs in front of procs.
///
/// Whether anything halts depends on how many tokens there is room for alone. Processes of the direct path, with kernels
/// of no latency, do not halt with the FIFOs found for them, and there is no less room here: in front of a proc for
/// [`words`] tokens besides, for all that may be inside of an array. With kernels as long as XLS made them the same run says
/// which branches wait for others.
fn plan(flow: &Dataflow, timing: impl Fn(ProcessId) -> Timing) -> Plan {
    let counted = plan::plan(flow, |_| 0);
    let mut plan = plan::paced(flow, timing);
    let turns = turns(flow);
    // What a source gives to one reader alone meets nothing that waits for it.
    let enters = |it: &StreamId| {
        let from = &flow.processes[flow.stream(*it).from.0];
        let readers = from.outputs.iter().map(|it| flow.readers(*it).len());
        matches!(from.kind, Kind::Source(_)) && readers.sum::<usize>() == 1
    };
    for (at, process) in flow.processes.iter().enumerate() {
        for (port, stream) in process.inputs.iter().enumerate() {
            let reader = (ProcessId(at), port);
            let found = |it: &Plan| it.fifos.get(&reader).copied().unwrap_or(0);
            let found = found(&counted).max(found(&plan));
            let room = match &process.kind {
                Kind::Sink(_) => 0,
                _ if enters(stream) => 0,
                Kind::Array(it) if !it.keeps() => it.credits(),
                // A word in parts waits in the register behind the proc that made it; its parts have room.
                Kind::Repack if is_split(flow, at) => 0,
                // What the loop before has left is there as well.
                Kind::State(it) => WORDS * it.packs,
                _ => words(flow.stream(*stream).tokens, turns),
            };
            if found + room > 0 {
                plan.fifos.insert(reader, found + room);
            }
        }
    }
    plan
}

/// Whether a process divides a word that no one else reads and that an array or a kernel has made: its ready goes through
/// to that proc, and no further.
fn is_split(flow: &Dataflow, at: usize) -> bool {
    let input = flow.processes[at].inputs[0];
    let tokens = |it: StreamId| flow.stream(it).tokens;
    let from = &flow.processes[flow.stream(input).from.0];
    let makes =
        matches!(from.kind, Kind::Array(_) | Kind::Kernel(_)) && flow.readers(input).len() == 1;
    makes && flow.processes[at].outputs.iter().all(|it| tokens(*it) > tokens(input))
}

/// Turns of the busiest proc for a sample: samples cannot follow each other in fewer cycles.
pub fn turns(flow: &Dataflow) -> u64 {
    let own = |process: &Process| {
        let streams = process.inputs.iter().chain(&process.outputs);
        let tokens = streams.map(|it| flow.stream(*it).tokens).max().unwrap_or(1);
        match &process.kind {
            Kind::Array(it) => flow.stream(process.inputs[0]).tokens * it.steps(),
            // It takes no tokens of the next sample while its last places are due.
            Kind::Window(it) => tokens.max(it.tokens + it.flush()),
            Kind::State(it) => tokens / it.steps * (it.steps + 1),
            _ => tokens,
        }
    };
    flow.processes.iter().map(own).max().unwrap_or(1) as u64
}

/// Connects what XLS made of every proc: its SystemVerilog, by the name of its file, and what the script said.
pub fn joined(
    design: &Design,
    procs: &Procs,
    made: &BTreeMap<String, (String, xls::Compilation)>,
) -> Joined {
    let (flow, top) = (&procs.flow, &design.plan.name);
    let timing = |it: ProcessId| {
        let own = procs.network.procs.get(&it).and_then(|it| made.get(&it.file));
        let (latency, interval) = own.map_or((0, 1), |it| (it.1.ranks, it.1.interval));
        Timing { latency, interval }
    };
    let plan = plan(flow, timing);
    let mut files: Vec<(String, String)> = made
        .iter()
        .map(|(file, (text, _))| (format!("rtl/{}.sv", module(top, file)), text.clone()))
        .collect();
    let modules = joints::modules(flow, top);
    for (id, proc) in &procs.network.procs {
        let process = &flow.processes[id.0];
        let outputs = process.outputs.iter().map(|it| flow.stream(*it).bits());
        let msb = |bits: u32| bits.saturating_sub(1);
        let mut context = Context::new();
        context.insert(
            "process",
            &serde_json::json!({
                "file": proc.file,
                "module": modules[id.0],
                "xls": module(top, &proc.file),
                "channels": proc.channels.iter().map(|it| msb(*it)).collect::<Vec<_>>(),
                "msb": msb(outputs.sum()),
            }),
        );
        files.push((format!("rtl/{}.sv", modules[id.0]), print(PROCESS, &context)));
    }
    joints::around(flow, &plan, top, files)
}

/// The module that XLS makes of a file; `{}` stands for the file's name in the script's argument.
pub fn module(top: &str, file: &str) -> String {
    format!("{top}_{file}_xls")
}

/// SystemVerilog around what XLS made of a design, so many ranks of registers from input to output: a core with
/// the ports of ours, and our top module with valid and ready. Paths are below `rtl/`.
pub fn around(
    graph: &Graph,
    name: &str,
    pipeline: String,
    ranks: u32,
) -> (Vec<(String, String)>, Interface) {
    let interface = Interface::of(graph, name, ranks);
    let side = |input: bool| {
        let ports = interface.ports.iter().filter(|it| it.input == input);
        ports.map(|it| (it.stem(), &*it.name, it.bits - 1)).collect::<Vec<_>>()
    };
    let mut context = Context::new();
    context.insert("interface", &interface);
    context.insert("inputs", &side(true));
    context.insert("outputs", &side(false));
    let files = vec![
        (format!("rtl/{}_xls.sv", interface.top), pipeline),
        (format!("rtl/{}.sv", interface.core), print(CORE, &context)),
    ];
    (emit::around(&interface, files), interface)
}

fn print(template: &str, context: &Context) -> String {
    Tera::one_off(template, context, false)
        .expect("the template is part of the program and prints every field it names")
}
