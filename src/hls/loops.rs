//! Loops: a function for a step of the body, and one that calls it for every row.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scope::Body;
use super::view::{ArrayView, Builder, CallView, StepView, value_format};
use crate::graph::NodeId;
use crate::units::hls::HlsLoop;

/// The two functions of a loop.
#[derive(Debug, Serialize)]
pub(super) struct LoopView {
    note: String,
    /// Name of the function with the loop.
    name: String,
    /// Name of the function for a step.
    step: String,
    /// Rows.
    count: usize,
    backwards: bool,
    every: bool,
    /// A loop in a task; else it is unrolled.
    rolled: bool,
    /// Whole sequences, and what a step reads of them.
    sequences: Vec<SequenceView>,
    states: Vec<StateView>,
    /// The row that a step makes, and all of them.
    row: ArrayView,
    result: ArrayView,
    /// Parameters of the step.
    inputs: Vec<ArrayView>,
    outputs: Vec<ArrayView>,
    /// What a step does.
    body: Vec<StepView>,
}

/// A sequence.
#[derive(Debug, Serialize)]
struct SequenceView {
    name: String,
    ty: String,
    n: usize,
    /// The row of a step.
    row: ArrayView,
}

/// A part of the state.
#[derive(Debug, Serialize)]
struct StateView {
    /// The state before a step.
    name: String,
    ty: String,
    n: usize,
    /// The state behind it.
    next: String,
    /// What it is at first.
    first: String,
    first_ty: String,
}

impl Builder<'_> {
    /// The functions of a loop; returns the call.
    pub(super) fn repeat(
        &mut self,
        id: NodeId,
        note: &str,
        about: HlsLoop,
        operands: &[(String, String)],
        result: &ArrayView,
    ) -> CallView {
        let graph = self.graph;
        let (body, _) = graph.node(id).op.body().expect("a loop has a body");
        let sequences = operands[..about.sequences].iter().map(|it| it.1.clone());
        let types = self.given(body, sequences.collect(), &result.name);
        // Tasks of a dataflow region are calls of the function around it only.
        let Body { inputs, outputs, steps, interval } = self.body(body, &types, false);
        let interval = if self.view.dataflow { interval * about.steps as u64 } else { interval };
        self.view.interval = self.view.interval.max(interval);
        let parameter =
            |this: &mut Self, at: usize| this.names.part(&result.name, &format!("in{at}"));
        let mut sequences = Vec::new();
        let mut states = Vec::new();
        for (at, input) in inputs.iter().enumerate() {
            let (name, ty, n) = (parameter(self, at), operands[at].1.clone(), input.n);
            match at.checked_sub(about.sequences) {
                None => sequences.push(SequenceView {
                    name,
                    ty,
                    n: n * about.steps,
                    row: input.clone(),
                }),
                Some(state) => states.push(StateView {
                    name: input.name.clone(),
                    ty: input.ty.clone(),
                    n,
                    next: outputs[state].name.clone(),
                    first: name,
                    first_ty: ty,
                }),
            }
        }
        let row = outputs.last().expect("a body has a result").clone();
        let [name, step] = ["loop", "step"].map(|it| self.names.part(&result.name, it));
        let out = self.names.part(&result.name, "rows");
        self.view.loops.push(LoopView {
            note: note.to_owned(),
            name: name.clone(),
            step,
            count: about.steps,
            backwards: about.backwards,
            every: about.every,
            rolled: self.rolled,
            sequences,
            states,
            row,
            result: ArrayView { name: out, ..result.clone() },
            inputs,
            outputs,
            body: steps,
        });
        let mut args: Vec<String> = operands.iter().map(|it| it.0.clone()).collect();
        args.push(result.name.clone());
        CallView { function: name, template_args: Vec::new(), args }
    }

    /// Types of the body's inputs and of what it leaves behind: sequences have them already.
    pub(super) fn given(
        &mut self,
        body: &crate::fixed::Graph,
        sequences: Vec<String>,
        name: &str,
    ) -> BTreeMap<NodeId, String> {
        let (own, states) = body.inputs.split_at(sequences.len());
        let mut types: BTreeMap<NodeId, String> = own.iter().copied().zip(sequences).collect();
        for (input, output) in states.iter().zip(&body.outputs) {
            let next = body.node(*output);
            let ty = self.define(name, "state_t", value_format(&next.op, &next.ty));
            types.insert(*output, ty.clone());
            types.insert(*input, ty);
        }
        types
    }
}
