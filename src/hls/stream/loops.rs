//! Loops: a function with a loop over the tokens of a sample around the lines of a step, with the state in
//! an array.
//!
//! Where the state only collects (a sum, a maximum) a step follows the one before in the next cycle, and
//! the pragma asks for that. Any other recurrence has as many cycles between its steps as what it leaves
//! takes to be computed, which only the compiler knows: its pragma asks for a pipeline and for no interval,
//! as one that cannot be met is a warning at best. A step that is folded into loops is no pipeline, its
//! loops are.

use serde::Serialize;

use super::Writer;
use super::kernel::PortView;
use crate::hls::names::comment;
use crate::hls::scope::Body;
use crate::hls::view::{ArrayView, CallView, StepView, has_resource, value_format};
use crate::stream::{Loop, ProcessId};

/// The function of a loop.
#[derive(Debug, Serialize)]
pub(super) struct RecurrenceView {
    note: String,
    name: String,
    sequences: Vec<PortView>,
    states: Vec<KeptView>,
    row: PortView,
    /// Arrays that a step fills: those of the states, then the row.
    outputs: Vec<ArrayView>,
    /// Steps of a sample, and of a loop.
    tokens: usize,
    steps: usize,
    every: bool,
    /// A step is a pipeline.
    pipelined: bool,
    /// Cycles between steps, where the pragma says so.
    interval: Option<u64>,
    lines: Vec<StepView>,
}

/// A part of the state.
#[derive(Debug, Serialize)]
struct KeptView {
    array: ArrayView,
    /// The array that a step leaves.
    next: String,
    /// The stream of first values, or the constant that they are.
    first: Option<PortView>,
    constant: String,
}

impl<'a> Writer<'a> {
    /// The task of a loop.
    pub(super) fn recurrence(&mut self, id: ProcessId, own: &'a Loop) {
        let flow = self.flow;
        let process = &flow.processes[id.0];
        let (count, graph) = (own.sequences(), &*own.body);
        let rolled = has_resource(graph, self.builder.options);
        self.builder.rolled = rolled;
        let element = |it: &crate::stream::StreamId| self.channel(*it).element.clone();
        let types = process.inputs[..count].iter().map(element).collect();
        let name = self.builder.names.claim(&process.name);
        let given = self.builder.given(graph, types, &name);
        // What a step leaves goes back into it: lines are no tasks, folded or not.
        let Body { inputs, outputs, steps, interval } = self.builder.body(graph, &given, false);
        let mut args: Vec<String> = (0..process.inputs.len()).map(|it| self.end(id, it)).collect();
        let row = outputs[outputs.len() - 1].clone();
        args.push(self.offer(process.outputs[0], &row.ty));
        let token = |this: &Self, it: crate::stream::StreamId| this.channel(it).token.clone();
        let row = PortView { token: token(self, process.outputs[0]), array: row };
        let mut inputs = inputs.into_iter();
        let sequences = inputs.by_ref().take(count).zip(&process.inputs);
        let sequences = sequences.map(|(array, it)| PortView { token: token(self, *it), array });
        let sequences: Vec<PortView> = sequences.collect();
        let mut streams = process.inputs[count..].iter();
        let mut states = Vec::with_capacity(own.firsts.len());
        for (at, array) in inputs.enumerate() {
            let (mut first, mut constant) = (None, String::new());
            match &own.firsts[at] {
                Some(values) => constant = self.first(own, at, &array, values),
                None => {
                    let stream = *streams.next().expect("an input for every first value");
                    let name = self.builder.names.part(&array.name, "first");
                    let ty = self.channel(stream).element.clone();
                    let array = ArrayView { name, ty, ..array.clone() };
                    first = Some(PortView { token: token(self, stream), array });
                }
            }
            states.push(KeptView { next: outputs[at].name.clone(), array, first, constant });
        }
        let tokens = own.count * own.steps;
        let note = format!("{}: {} times {} steps", process.name, own.count, own.steps);
        let pragma = (interval > 1 || own.collects()).then_some(interval);
        self.view.loops.push(RecurrenceView {
            note: comment(&note),
            name: name.clone(),
            sequences,
            states,
            row,
            outputs,
            tokens,
            steps: own.steps,
            every: own.every,
            pipelined: !rolled,
            interval: pragma,
            lines: steps,
        });
        let call = CallView { function: name, template_args: Vec::new(), args };
        self.task(&note, call, tokens as u64 * interval);
    }

    /// The constant that a part of the state is at first.
    fn first(&mut self, own: &Loop, at: usize, array: &ArrayView, values: &[i128]) -> String {
        let ty = &own.body.node(own.body.inputs[own.sequences() + at]).ty;
        let next = own.body.node(own.body.outputs[at]);
        let format = value_format(&next.op, &next.ty);
        let shift = |it: usize| (format.frac() - ty.format(it).frac()) as u32;
        let values: Vec<i128> = (0..array.n).map(|it| values[it] << shift(it)).collect();
        let name = self.builder.names.part(&array.name, "first");
        let note = format!("{}: at first", array.name);
        self.builder.constant_value(&name, &array.ty, &comment(&note), format, &values);
        name
    }
}
