//! Tasks that only move elements: templates of `nn_tokens.h`.

use super::Writer;
use crate::hls::view::CallView;
use crate::stream::{Permutation, ProcessId};

impl Writer<'_> {
    /// Longer tokens of several, or several of one.
    pub(super) fn repack(&mut self, id: ProcessId) {
        let process = &self.flow.processes[id.0];
        let (from, to) = (process.inputs[0], process.outputs[0]);
        let (many, few) = (self.flow.stream(from).tokens, self.flow.stream(to).tokens);
        let function = if many > few { "nn::collect" } else { "nn::spread" };
        let (input, output) = self.passed(id);
        let (tokens, types) = (many.max(few), [from, to].map(|it| self.channel(it).token.clone()));
        let call = CallView {
            function: function.to_owned(),
            template_args: types.into_iter().chain([tokens.to_string()]).collect(),
            args: vec![input, output],
        };
        self.task(&format!("{}: {many} tokens to {few}", process.name), call, tokens as u64);
    }

    /// Every token several times.
    pub(super) fn repeat(&mut self, id: ProcessId, times: usize) {
        let process = &self.flow.processes[id.0];
        let tokens = self.flow.stream(process.inputs[0]).tokens;
        let (input, output) = self.passed(id);
        let token = self.channel(process.inputs[0]).token.clone();
        let call = CallView {
            function: "nn::repeat".to_owned(),
            template_args: vec![token, tokens.to_string(), times.to_string()],
            args: vec![input, output],
        };
        self.task(&format!("{}: {times} times", process.name), call, (tokens * times) as u64);
    }

    /// The tokens in another order.
    pub(super) fn permute(&mut self, id: ProcessId, order: &Permutation) {
        let name = self.flow.processes[id.0].name.clone();
        let (input, output) = self.passed(id);
        let token = self.channel(self.flow.processes[id.0].inputs[0]).token.clone();
        let (function, what, cycles) = match order.is_selection() {
            true => ("nn::select_tokens", "some", order.tokens),
            false => ("nn::permute", "in another order", order.tokens + order.order.len()),
        };
        let note = format!("{name}: of {} tokens, {what}", order.tokens);
        let list = self.builder.names.claim(&format!("{name} list"));
        let indices: Vec<u32> = order.order.iter().map(|it| *it as u32).collect();
        self.builder.indices(&list, &super::super::names::comment(&note), &indices);
        let reads = order.order.len();
        let call = CallView {
            function: function.to_owned(),
            template_args: vec![token, order.tokens.to_string(), reads.to_string()],
            args: vec![input, output, list],
        };
        self.task(&note, call, cycles as u64);
    }
}
