//! Kernels: a function with a loop over tokens, around the lines of the kernel's graph.

use serde::Serialize;

use super::Writer;
use crate::fixed::Graph;
use crate::hls::view::{ArrayView, CallView, StepView, has_resource};
use crate::stream::ProcessId;

/// The function of a kernel.
#[derive(Debug, Serialize)]
pub(super) struct KernelView {
    note: String,
    name: String,
    inputs: Vec<PortView>,
    outputs: Vec<PortView>,
    /// Tokens of a sample.
    tokens: usize,
    /// Cycles between tokens.
    interval: u64,
    /// The lines are tasks; else the loop is a pipeline.
    dataflow: bool,
    steps: Vec<StepView>,
}

/// A stream of a kernel.
#[derive(Debug, Serialize)]
pub(super) struct PortView {
    /// C++ type of a token.
    pub(super) token: String,
    /// The array that holds its elements.
    pub(super) array: ArrayView,
}

impl<'a> Writer<'a> {
    /// The task of a kernel.
    pub(super) fn kernel(&mut self, id: ProcessId, graph: &'a Graph) {
        let process = &self.flow.processes[id.0];
        let types = process.inputs.iter().map(|it| self.channel(*it).element.clone());
        let given = graph.inputs.iter().copied().zip(types).collect();
        let dataflow = has_resource(graph, self.builder.options);
        self.builder.rolled = dataflow;
        let tasks = dataflow && self.builder.options.tool.has_tasks();
        let body = self.builder.body(graph, &given, tasks);
        let mut args: Vec<String> = (0..process.inputs.len()).map(|it| self.end(id, it)).collect();
        for (array, stream) in body.outputs.iter().zip(&process.outputs) {
            args.push(self.offer(*stream, &array.ty));
        }
        let port = |(array, stream): (ArrayView, &crate::stream::StreamId)| PortView {
            token: self.channel(*stream).token.clone(),
            array,
        };
        let inputs = body.inputs.into_iter().zip(&process.inputs).map(port).collect();
        let outputs = body.outputs.into_iter().zip(&process.outputs).map(port).collect();
        let any = process.outputs.first().or(process.inputs.first());
        let tokens = any.map_or(1, |it| self.flow.stream(*it).tokens);
        let name = self.builder.names.claim(&format!("{} kernel", process.name));
        let note = format!("{}: {tokens} tokens", process.name);
        let interval = body.interval;
        self.view.kernels.push(KernelView {
            note: crate::hls::names::comment(&note),
            name: name.clone(),
            inputs,
            outputs,
            tokens,
            interval,
            dataflow,
            steps: body.steps,
        });
        let call = CallView { function: name, template_args: Vec::new(), args };
        self.task(&note, call, tokens as u64 * interval);
    }
}
