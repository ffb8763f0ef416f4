//! A dataflow as C++: a task for each process, an `hls::stream` for each of its readers.
//!
//! The top function is a dataflow region. A kernel's task is a loop over tokens around what `io:
//! parallel` prints for the kernel's graph: pipelined, or where a matrix is a loop of its own (the
//! strategies that fold) a dataflow region again. A loop's task is the same with an array for the state,
//! as streams must not go around in a dataflow region. Everything else is a template of
//! `hls-templates/common`. A stream that several read is written to each of them by a task.
//!
//! Each kind of process is a function in a file of its own; it makes one [`TaskView`] and
//! [offers](Writer::offer) what it makes.

mod channels;
mod depths;
mod kernel;
mod loops;
mod moves;
mod ports;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::channels::{Channel, ChannelView};
pub use self::depths::{Depths, Schedule, schedule};
use self::kernel::KernelView;
use self::loops::RecurrenceView;
use super::HlsOptions;
use super::view::{Builder, CallView, View, check};
use crate::error::{Problem, Problems, Result};
use crate::fixed::Graph;
use crate::stream::{Dataflow, Kind, ProcessId};

/// How a tensor goes through a stream.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TokenView {
    /// C++ type of a token.
    ty: String,
    /// Its elements.
    size: usize,
    /// Tokens of a sample.
    count: usize,
}

/// What is printed in place of steps.
#[derive(Debug, Default, Serialize)]
pub(super) struct StreamView {
    channels: Vec<ChannelView>,
    /// Functions of kernels.
    kernels: Vec<KernelView>,
    /// Functions of loops.
    loops: Vec<RecurrenceView>,
    tasks: Vec<TaskView>,
}

/// A task of the top function.
#[derive(Debug, Serialize)]
struct TaskView {
    note: String,
    call: CallView,
}

/// Writes a dataflow, process by process.
struct Writer<'a> {
    builder: Builder<'a>,
    /// What was divided.
    graph: &'a Graph,
    flow: &'a Dataflow,
    depths: &'a Depths,
    view: StreamView,
    /// Types of the streams that are made so far.
    channels: Vec<Option<Channel>>,
    /// The variable that every reader reads.
    ends: BTreeMap<(ProcessId, usize), String>,
    /// The ports of the model's outputs, by position.
    sinks: Vec<String>,
    /// Tasks that follow the present one.
    following: Vec<TaskView>,
}

impl View {
    /// Arranges a dataflow that [`cut`](crate::stream::cut()) has made of a graph.
    pub(super) fn stream(
        graph: &Graph,
        flow: &Dataflow,
        depths: &Depths,
        options: &HlsOptions,
    ) -> Result<(View, Vec<Problem>)> {
        let mut problems = Problems::default();
        problems.note(check(graph, options, &graph.inputs));
        for process in &flow.processes {
            let graph = match &process.kind {
                Kind::Kernel(graph) => graph,
                Kind::Loop(it) => &*it.body,
                _ => continue,
            };
            problems.note(check(graph, options, &graph.topo()));
        }
        problems.into_result(())?;
        let mut builder = Builder::new(graph, options);
        let headers = ["nn_array.h", "nn_stream.h", "nn_tokens.h"];
        builder.view.headers.extend(headers);
        builder.view.dataflow = true;
        let mut writer = Writer {
            builder,
            graph,
            flow,
            depths,
            view: StreamView::default(),
            channels: vec![None; flow.streams.len()],
            ends: BTreeMap::new(),
            sinks: Vec::new(),
            following: Vec::new(),
        };
        writer.ports();
        (0..flow.processes.len()).for_each(|it| writer.process(ProcessId(it)));
        let Writer { mut builder, view, .. } = writer;
        builder.view.stream = Some(view);
        Ok((builder.view, distinct(builder.warnings)))
    }
}

/// Kernels may hold several matrices of a layer, of which the same can be said.
fn distinct(warnings: Vec<Problem>) -> Vec<Problem> {
    let mut told = BTreeSet::new();
    warnings.into_iter().filter(|it| told.insert(it.to_string())).collect()
}

impl<'a> Writer<'a> {
    fn process(&mut self, id: ProcessId) {
        let flow: &'a Dataflow = self.flow;
        match &flow.processes[id.0].kind {
            Kind::Source(at) => self.source(id, *at),
            Kind::Sink(at) => self.sink(id, *at),
            Kind::Kernel(graph) => self.kernel(id, graph),
            Kind::Window(window) => self.window(id, window),
            Kind::Repack => self.repack(id),
            Kind::Repeat(times) => self.repeat(id, *times),
            Kind::Permute(order) => self.permute(id, order),
            Kind::Array(_) => unreachable!("matrices are folded inside of kernels"),
            Kind::Rom(_) => {
                unreachable!("kernels take parts of tokens only where they wait for arrays")
            }
            Kind::Loop(it) => self.recurrence(id, it),
            Kind::State(_) | Kind::Reduce(_) | Kind::Last { .. } => {
                unreachable!("loops are inside of tasks: streams cannot go around in a region")
            }
        }
        self.view.tasks.append(&mut self.following);
    }

    /// Adds the task of a process, which takes so many cycles for a sample at least.
    fn task(&mut self, note: &str, call: CallView, cycles: u64) {
        let interval = &mut self.builder.view.interval;
        *interval = cycles.max(*interval);
        self.view.tasks.push(TaskView { note: super::names::comment(note), call });
    }

    /// A process that has one input and makes one stream of the same elements: both variables.
    fn passed(&mut self, id: ProcessId) -> (String, String) {
        let process = &self.flow.processes[id.0];
        let element = self.channel(process.inputs[0]).element.clone();
        (self.end(id, 0), self.offer(process.outputs[0], &element))
    }
}
