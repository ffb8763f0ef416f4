//! Delay lines with taps: `nn_window.h`.

use super::Writer;
use crate::hls::view::{CallView, ConfigView};
use crate::stream::{ProcessId, Span, Window};

impl Writer<'_> {
    /// The task of a window.
    pub(super) fn window(&mut self, id: ProcessId, window: &Window) {
        let process = &self.flow.processes[id.0];
        let (input, output) = self.passed(id);
        let from = self.flow.stream(process.inputs[0]);
        let [types, made] =
            [process.inputs[0], process.outputs[0]].map(|it| self.channel(it).clone());
        let builder = &mut self.builder;
        builder.view.headers.insert("nn_window.h");
        let note = format!(
            "{}: {} taps, {} places of {} tokens",
            process.name,
            window.taps.len(),
            window.places(),
            window.tokens
        );
        let note = crate::hls::names::comment(&note);
        let config = builder.names.claim(&format!("{} config", process.name));
        let line = format!(
            "nn::line<{config}, 0, {}, {}, {}>",
            types.element,
            from.ty.elements(),
            lengths(window).join(", ")
        );
        let mut args = vec![input, output];
        let mut numbers = |part: &str, values: Vec<usize>| {
            let name = builder.names.part(&config, part);
            let values: Vec<u32> = values.into_iter().map(|it| it as u32).collect();
            builder.indices(&name, &note, &values);
            args.push(name);
        };
        numbers("extents", window.extents.clone());
        numbers("steps", window.steps().into_iter().map(|it| it.max(0) as usize).collect());
        numbers("low", ends(window, |it| it.first));
        numbers("high", ends(window, |it| it.last));
        let pad = builder.names.part(&config, "pad");
        builder.scalar(&pad, &types.element, &note, window.padding, from.ty.union().frac());
        args.push(pad);
        let count = |it: usize| it.to_string();
        let moves = moves(window);
        builder.view.configs.push(ConfigView {
            name: config.clone(),
            note: note.clone(),
            types: vec![("line_t".to_owned(), line)],
            members: vec![
                ("unsigned", "tokens", count(window.tokens)),
                ("unsigned", "moves", count(moves)),
                ("unsigned", "first", count(window.first)),
                ("unsigned", "axes", count(window.extents.len())),
                ("unsigned", "taps", count(window.taps.len())),
            ],
            casts: None,
            kernel: None,
            adders: None,
        });
        let template_args = vec![types.token, made.token, config];
        let call = CallView { function: "nn::window".to_owned(), template_args, args };
        self.task(&note, call, moves as u64);
    }
}

/// Tokens between the taps.
fn lengths(window: &Window) -> Vec<String> {
    let mut before = -1;
    let mut length = |distance: usize| {
        let length = distance as i64 - before;
        before = distance as i64;
        length.to_string()
    };
    window.taps.iter().map(|it| length(it.distance)).collect()
}

/// One end of every tap's span along every axis.
fn ends(window: &Window, end: fn(&Span) -> usize) -> Vec<usize> {
    window.taps.iter().flat_map(|it| it.inside.iter().map(end)).collect()
}

/// Iterations for a sample: a token, or an empty move behind the last one, and places that read the
/// same newest token again.
fn moves(window: &Window) -> usize {
    let mut before = 1;
    let mut again = 0;
    for (extent, step) in window.extents.iter().zip(window.steps()) {
        if step == 0 {
            again += before * (extent - 1);
        }
        before *= extent;
    }
    window.tokens + window.flush() + again
}
