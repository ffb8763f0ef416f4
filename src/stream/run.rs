//! What a dataflow computes, token by token and without time: the check that [`cut`](super::cut()) has
//! kept the graph's meaning.
//!
//! A process takes tokens from queues and puts tokens into queues as long as it finds what it needs (a
//! Kahn process network): what comes out does not depend on who is asked first.

use std::collections::VecDeque;

use super::window::Window;
use super::{Dataflow, Kind, Loop, Permutation, Process, State, StreamId};
use crate::emulate::Emulator;

/// The outputs of samples, as [`Emulator::run`] gives them for the whole graph. Inputs come in the order of
/// their ports.
pub fn run(flow: &Dataflow, samples: &[Vec<i128>]) -> Vec<Vec<i128>> {
    let actors = || flow.processes.iter().map(|it| Actor::new(flow, it)).collect::<Vec<_>>();
    samples.iter().map(|it| sample(flow, actors(), it)).collect()
}

type Token = Vec<i128>;

/// A process with what has come to it.
struct Actor<'f> {
    process: &'f Process,
    queues: Vec<VecDeque<Token>>,
    emulator: Option<Emulator<'f>>,
    /// Tokens that a state or the last of several have seen, steps that a loop has done.
    seen: usize,
    given: usize,
    /// What a loop keeps.
    kept: Vec<Token>,
}

fn sample(flow: &Dataflow, mut actors: Vec<Actor<'_>>, sample: &[i128]) -> Vec<i128> {
    let give = |actors: &mut [Actor<'_>], id: StreamId, tokens: Vec<Token>| {
        for (reader, port) in flow.readers(id) {
            actors[reader.0].queues[port].extend(tokens.iter().cloned());
        }
    };
    let mut inputs: Vec<(usize, StreamId)> = Vec::new();
    let mut outputs: Vec<(usize, (usize, usize))> = Vec::new();
    for (at, process) in flow.processes.iter().enumerate() {
        match process.kind {
            Kind::Source(first) => inputs.extend((first..).zip(process.outputs.iter().copied())),
            Kind::Sink(first) => {
                outputs.extend((0..process.inputs.len()).map(|it| (first + it, (at, it))));
            }
            _ => {}
        }
    }
    inputs.sort_unstable();
    outputs.sort_unstable();
    let mut rest = sample;
    for (at, id) in inputs {
        let stream = flow.stream(id);
        let (own, others) = rest.split_at(stream.tokens * stream.ty.elements());
        let order = flow.tensors.as_ref().and_then(|it| it.inputs[at].order.as_ref());
        let own: Token = match order {
            Some(order) => order.iter().map(|it| own[*it as usize]).collect(),
            None => own.to_vec(),
        };
        give(&mut actors, id, own.chunks(stream.ty.elements()).map(<[i128]>::to_vec).collect());
        rest = others;
    }
    loop {
        let mut moved = false;
        for at in 0..actors.len() {
            for (id, tokens) in actors[at].fire() {
                moved |= !tokens.is_empty();
                give(&mut actors, id, tokens);
            }
        }
        if !moved {
            break;
        }
    }
    let found = outputs.iter().flat_map(|(_, (at, port))| actors[*at].queues[*port].iter());
    found.flatten().copied().collect()
}

impl<'f> Actor<'f> {
    fn new(flow: &Dataflow, process: &'f Process) -> Actor<'f> {
        let emulator = match &process.kind {
            Kind::Kernel(graph) => Some(Emulator::new(graph)),
            Kind::Loop(it) => Some(Emulator::new(&it.body)),
            _ => None,
        };
        let queues = vec![VecDeque::new(); process.inputs.len()];
        let mut actor = Actor { process, queues, emulator, seen: 0, given: 0, kept: Vec::new() };
        if let Kind::Repack = process.kind {
            // So many tokens in for so many out.
            let tokens = |it: StreamId| flow.stream(it).tokens;
            let (from, to) = (tokens(process.inputs[0]), tokens(process.outputs[0]));
            (actor.seen, actor.given) = if from > to { (from / to, 1) } else { (1, to / from) };
        }
        if let Kind::Rom(_) = process.kind {
            // Elements of a token, and how many are still to come.
            let own = flow.stream(process.outputs[0]);
            (actor.seen, actor.given) = (own.ty.elements(), own.tokens);
        }
        actor
    }

    /// Takes what is there; returns what is made of it.
    fn fire(&mut self) -> Vec<(StreamId, Vec<Token>)> {
        let Some(output) = self.process.outputs.first().copied() else { return Vec::new() };
        match &self.process.kind {
            Kind::Source(_) | Kind::Sink(_) => Vec::new(),
            Kind::Rom(values) => vec![(output, self.rom(values))],
            Kind::Kernel(_) => self.kernel(),
            Kind::Array(array) => {
                let tokens = self.samples(array.packs());
                vec![(output, tokens.iter().flat_map(|it| array.sums(it)).collect())]
            }
            Kind::Repeat(times) => {
                let tokens = self.queues[0].drain(..);
                let made = tokens.flat_map(|it| std::iter::repeat_n(it, *times)).collect();
                vec![(output, made)]
            }
            Kind::Window(window) => {
                let samples = self.samples(window.tokens);
                vec![(output, samples.iter().flat_map(|it| windows(window, it)).collect())]
            }
            Kind::Permute(Permutation { tokens, order, .. }) => {
                let samples = self.samples(*tokens);
                let read = |it: &Vec<Token>| order.iter().map(|at| it[*at].clone()).collect();
                vec![(output, samples.iter().flat_map::<Vec<Token>, _>(read).collect())]
            }
            Kind::Repack => vec![(output, self.repack())],
            Kind::Loop(it) => vec![(output, self.steps(it))],
            Kind::State(state) => vec![(output, self.state(state))],
            Kind::Reduce(it) => {
                let samples = self.samples(it.steps * it.packs);
                vec![(output, samples.iter().flat_map(|words| it.run(words)).collect())]
            }
            Kind::Last { of, keep } => {
                let samples = self.samples(*of);
                vec![(
                    output,
                    samples.into_iter().flat_map(|it| it[of - keep..].to_vec()).collect(),
                )]
            }
        }
    }

    /// All that a sample needs of a constant.
    fn rom(&mut self, values: &[i128]) -> Vec<Token> {
        let count = std::mem::take(&mut self.given);
        let words = values.chunks(self.seen.max(1)).map(<[i128]>::to_vec);
        words.collect::<Vec<_>>().into_iter().cycle().take(count).collect()
    }

    /// Tokens of the first input, so many at a time.
    fn samples(&mut self, tokens: usize) -> Vec<Vec<Token>> {
        let count = self.queues[0].len() / tokens;
        (0..count).map(|_| self.queues[0].drain(..tokens).collect()).collect()
    }

    fn kernel(&mut self) -> Vec<(StreamId, Vec<Token>)> {
        let Kind::Kernel(graph) = &self.process.kind else { return Vec::new() };
        let Some(emulator) = &self.emulator else { return Vec::new() };
        let count = match self.queues.is_empty() {
            // A constant is the same whenever it is read.
            true => usize::from(std::mem::replace(&mut self.seen, 1) == 0),
            false => self.queues.iter().map(VecDeque::len).min().unwrap_or(0),
        };
        let mut row = |_| self.queues.iter_mut().flat_map(|it| it.pop_front()).flatten().collect();
        let rows: Vec<Token> = (0..count).map(&mut row).collect();
        let made = emulator.run(&rows);
        let mut first = 0;
        let part = |(id, node): (&StreamId, &crate::graph::NodeId)| {
            let size = graph.node(*node).ty.elements();
            let own = made.iter().map(|it| it[first..first + size].to_vec()).collect();
            first += size;
            (*id, own)
        };
        self.process.outputs.iter().zip(&graph.outputs).map(part).collect()
    }

    fn repack(&mut self) -> Vec<Token> {
        let (many, to) = (self.seen, self.given);
        let words = self.samples(many).into_iter().map(|it| it.concat());
        words
            .flat_map(|it| it.chunks(it.len() / to).map(<[i128]>::to_vec).collect::<Vec<_>>())
            .collect()
    }

    /// As many steps of a loop as there are tokens for.
    fn steps(&mut self, own: &Loop) -> Vec<Token> {
        let (sequences, mut made) = (own.sequences(), Vec::new());
        let Some(emulator) = &self.emulator else { return made };
        loop {
            let step = self.seen % own.steps;
            let reads = if step == 0 { self.queues.len() } else { sequences };
            if self.queues[..reads].iter().any(VecDeque::is_empty) {
                return made;
            }
            let tokens = self.queues[..reads].iter_mut().filter_map(VecDeque::pop_front);
            let mut tokens: Vec<Token> = tokens.collect();
            let mut firsts = tokens.split_off(sequences).into_iter();
            if step == 0 {
                let first = |it: &Option<std::sync::Arc<[i128]>>| match it {
                    Some(known) => known.to_vec(),
                    None => firsts.next().expect("a token for every first value"),
                };
                self.kept = own.firsts.iter().map(first).collect();
            }
            tokens.append(&mut self.kept);
            let mut left = emulator.run(&[tokens.concat()]).remove(0);
            for output in &own.body.outputs[..own.firsts.len()] {
                let rest = left.split_off(own.body.node(*output).ty.elements());
                self.kept.push(std::mem::replace(&mut left, rest));
            }
            if own.gives(step) {
                made.push(left);
            }
            self.seen += 1;
        }
    }

    fn state(&mut self, state: &State) -> Vec<Token> {
        let mut made = Vec::new();
        loop {
            let begins = self.given % (state.steps * state.packs) < state.packs;
            let token = match &state.first {
                // What the last step leaves is dropped.
                _ if self.seen + state.packs <= self.given => {
                    let left = self.queues.last_mut().and_then(VecDeque::pop_front);
                    self.seen += usize::from(left.is_some());
                    if begins && left.is_some() {
                        continue;
                    }
                    left
                }
                Some(first) => Some(first.to_vec()),
                None => self.queues[0].pop_front(),
            };
            let Some(token) = token else { return made };
            made.push(token);
            self.given += 1;
        }
    }
}

/// The windows over all tokens of a sample.
fn windows(window: &Window, tokens: &[Token]) -> Vec<Token> {
    let size = tokens[0].len();
    let place = |place: usize| {
        let index = window.index(place);
        let along = index.iter().zip(&window.strides).map(|(at, stride)| at * stride);
        let newest = window.first + along.sum::<usize>();
        let tap = |tap: &super::Tap| {
            let mut inside = tap.inside.iter().zip(&index);
            match inside.all(|(span, at)| (span.first..=span.last).contains(at)) {
                true => tokens[newest - tap.distance].clone(),
                false => vec![window.padding; size],
            }
        };
        window.taps.iter().flat_map(tap).collect()
    };
    (0..window.places()).map(place).collect()
}
