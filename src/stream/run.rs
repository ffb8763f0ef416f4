//! What a dataflow computes, token by token and without time: the check that [`cut`](super::cut()) has
//! kept the graph's meaning.

use super::window::Window;
use super::{Dataflow, Kind, Process, StreamId};
use crate::emulate::Emulator;

/// The outputs of samples, as [`Emulator::run`] gives them for the whole graph.
pub fn run(flow: &Dataflow, samples: &[Vec<i128>]) -> Vec<Vec<i128>> {
    samples.iter().map(|it| sample(flow, it)).collect()
}

fn sample(flow: &Dataflow, sample: &[i128]) -> Vec<i128> {
    // All elements of each stream, token after token.
    let mut streams: Vec<Vec<i128>> = vec![Vec::new(); flow.streams.len()];
    let mut first = 0;
    let mut outputs: Vec<(usize, Vec<i128>)> = Vec::new();
    let sources = |it: &&Process| matches!(it.kind, Kind::Source(_));
    let mut inputs: Vec<&Process> = flow.processes.iter().filter(sources).collect();
    inputs.sort_by_key(|it| match it.kind {
        Kind::Source(at) => at,
        _ => usize::MAX,
    });
    for process in inputs {
        let id = process.outputs[0];
        let count = flow.stream(id).tokens * flow.stream(id).ty.elements();
        streams[id.0] = sample[first..first + count].to_vec();
        first += count;
    }
    for process in &flow.processes {
        let elements = |id: StreamId| flow.stream(id).ty.elements();
        match &process.kind {
            Kind::Source(_) => {}
            Kind::Sink(at) => outputs.push((*at, streams[process.inputs[0].0].clone())),
            Kind::Repack => streams[process.outputs[0].0] = streams[process.inputs[0].0].clone(),
            Kind::Repeat(times) => {
                let tokens = streams[process.inputs[0].0].chunks(elements(process.inputs[0]));
                streams[process.outputs[0].0] = tokens.flat_map(|it| it.repeat(*times)).collect();
            }
            Kind::Array(array) => {
                let tokens = streams[process.inputs[0].0].chunks(elements(process.inputs[0]));
                streams[process.outputs[0].0] = tokens.flat_map(|it| array.sums(it)).collect();
            }
            Kind::Window(window) => {
                let made = windows(window, &streams[process.inputs[0].0]);
                streams[process.outputs[0].0] = made;
            }
            Kind::Kernel(graph) => {
                let tokens = process.outputs.first().map_or(0, |it| flow.stream(*it).tokens);
                let token = |at: usize| {
                    let part = |it: &StreamId| {
                        streams[it.0][at * elements(*it)..][..elements(*it)].iter().copied()
                    };
                    process.inputs.iter().flat_map(part).collect()
                };
                let rows: Vec<Vec<i128>> = (0..tokens).map(token).collect();
                for row in Emulator::new(graph).run(&rows) {
                    let mut row = &row[..];
                    for id in &process.outputs {
                        let (own, rest) = row.split_at(elements(*id));
                        streams[id.0].extend(own);
                        row = rest;
                    }
                }
            }
        }
    }
    outputs.sort_by_key(|it| it.0);
    outputs.into_iter().flat_map(|it| it.1).collect()
}

/// The windows over all tokens of a sample.
fn windows(window: &Window, tokens: &[i128]) -> Vec<i128> {
    let size = tokens.len() / window.tokens;
    let mut made = Vec::with_capacity(window.places() * window.taps.len() * size);
    for place in 0..window.places() {
        let index = window.index(place);
        let along = index.iter().zip(&window.strides).map(|(at, stride)| at * stride);
        let newest = window.first + along.sum::<usize>();
        for tap in &window.taps {
            let inside = tap.inside.iter().zip(&index);
            match inside.clone().all(|(span, at)| (span.first..=span.last).contains(at)) {
                true => made.extend(&tokens[(newest - tap.distance) * size..][..size]),
                false => made.extend(std::iter::repeat_n(window.padding, size)),
            }
        }
    }
    made
}
