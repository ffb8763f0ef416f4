//! The processes as their modules behave, without data: what is valid, what is ready, what comes next.

use std::collections::VecDeque;

use super::Timing;
use crate::stream::{Dataflow, Kind, ProcessId, Window};

/// A process between two clock edges.
#[derive(Clone, Debug)]
pub(super) enum Model {
    Source,
    Sink,
    Kernel(Kernel),
    Window(Line),
    /// `nn_collect`.
    Collect {
        ratio: usize,
        count: usize,
    },
    /// `nn_spread`.
    Spread {
        ratio: usize,
        count: usize,
    },
}

/// A pipeline with credits and a FIFO behind it: `top.sv.tera`, and `nn_mac_array`, which is busy with a
/// token for several cycles.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    /// Cycles a token.
    steps: usize,
    /// Of them left for the present one.
    left: usize,
    /// What was taken in the last cycles, the oldest first.
    pipe: VecDeque<bool>,
    stored: usize,
    flying: usize,
    credits: usize,
    ready: bool,
}

/// `nn_window`.
#[derive(Clone, Debug)]
pub(super) struct Line {
    window: Window,
    steps: Vec<isize>,
    place: usize,
    head: usize,
    need: usize,
    done: bool,
    ahead: bool,
    /// Words in the FIFO in front.
    level: usize,
}

/// What the line does in a cycle.
struct Move {
    fire: bool,
    last: bool,
    again: bool,
    ends: bool,
    flushing: bool,
    borrow: bool,
    may_shift: bool,
}

impl Model {
    pub(super) fn new(flow: &Dataflow, id: ProcessId, timing: Timing) -> Model {
        let process = &flow.processes[id.0];
        match &process.kind {
            Kind::Source(_) => Model::Source,
            Kind::Sink(_) => Model::Sink,
            Kind::Kernel(_) => {
                let Timing { latency, interval } = timing;
                let steps = interval.max(1) as usize;
                Model::Kernel(Kernel::new(latency as usize, latency as usize + 2, steps))
            }
            Kind::Array(it) => Model::Kernel(Kernel::new(it.latency(), it.credits(), it.steps())),
            Kind::Window(window) => Model::Window(Line {
                window: window.clone(),
                steps: window.steps(),
                place: 0,
                head: 0,
                need: window.first + 1,
                done: false,
                ahead: false,
                level: 0,
            }),
            Kind::Repeat(times) => Model::Spread { ratio: *times, count: 0 },
            Kind::Repack => {
                let tokens = |it: crate::stream::StreamId| flow.stream(it).tokens;
                let (from, to) = (tokens(process.inputs[0]), tokens(process.outputs[0]));
                match from > to {
                    true => Model::Collect { ratio: from / to, count: 0 },
                    false => Model::Spread { ratio: to / from, count: 0 },
                }
            }
        }
    }

    /// Cycles for which something may move inside alone.
    pub(super) fn patience(&self) -> usize {
        match self {
            Model::Kernel(it) => it.pipe.len() + it.credits,
            Model::Window(it) => it.total(),
            _ => 0,
        }
    }

    /// Whether a token is offered, if all inputs are or are not.
    pub(super) fn valid(&self, inputs: bool) -> bool {
        match self {
            Model::Source => true,
            Model::Sink => false,
            Model::Kernel(it) => it.stored > 0 || it.arrives(inputs),
            Model::Window(it) => !it.done && it.head == it.need,
            Model::Collect { ratio, count } => *count == ratio - 1 && inputs,
            Model::Spread { .. } => inputs,
        }
    }

    /// Whether the inputs' tokens are taken, if they are there.
    pub(super) fn ready(&self, inputs: bool, out_ready: bool) -> bool {
        match self {
            Model::Source => true,
            Model::Sink => true,
            Model::Kernel(it) => inputs && it.takes(),
            Model::Window(it) if it.window.overlaps() => it.level < it.window.flush(),
            Model::Window(it) => it.token_ready(out_ready),
            Model::Collect { ratio, count } => *count != ratio - 1 || out_ready,
            Model::Spread { ratio, count } => *count == ratio - 1 && out_ready,
        }
    }

    /// The clock edge.
    pub(super) fn step(&mut self, inputs: bool, takes: bool, out_ready: bool) {
        match self {
            Model::Source | Model::Sink => {}
            Model::Kernel(it) => it.step(inputs && takes, out_ready),
            Model::Window(it) => it.step(inputs, out_ready),
            Model::Collect { ratio, count } => {
                if inputs && takes {
                    *count = if *count == *ratio - 1 { 0 } else { *count + 1 };
                }
            }
            Model::Spread { ratio, count } => {
                if inputs && out_ready {
                    *count = if *count == *ratio - 1 { 0 } else { *count + 1 };
                }
            }
        }
    }
}

impl Kernel {
    fn new(latency: usize, credits: usize, steps: usize) -> Kernel {
        let pipe = vec![false; latency].into();
        Kernel { steps, left: 0, pipe, stored: 0, flying: 0, credits, ready: false }
    }

    fn takes(&self) -> bool {
        self.ready && self.left <= 1
    }

    /// Whether the pipeline gives a token; without registers the one that comes in.
    fn arrives(&self, inputs: bool) -> bool {
        self.pipe.front().copied().unwrap_or(inputs && self.takes())
    }

    fn step(&mut self, take: bool, out_ready: bool) {
        let arrives = self.arrives(take);
        let gives = out_ready && (self.stored > 0 || arrives);
        self.stored = self.stored + usize::from(arrives) - usize::from(gives);
        self.flying = self.flying + usize::from(take) - usize::from(gives);
        if self.pipe.pop_front().is_some() {
            self.pipe.push_back(take);
        }
        self.ready = self.flying < self.credits;
        self.left = if take { self.steps } else { self.left.saturating_sub(1) };
    }
}

impl Line {
    fn total(&self) -> usize {
        self.window.tokens + self.window.flush()
    }

    /// By how much the newest token moves to the next place.
    fn advance(&self) -> usize {
        let index = self.window.index(self.place);
        let extents = &self.window.extents;
        let axis = (0..extents.len()).rev().find(|it| index[*it] + 1 < extents[*it]);
        axis.map_or(0, |it| self.steps[it] as usize)
    }

    fn moves(&self, out_ready: bool) -> Move {
        let complete = !self.done && self.head == self.need;
        let fire = complete && out_ready;
        let last = self.place + 1 == self.window.places();
        let again = fire && !last && self.advance() == 0;
        let ends = (self.done || fire && last) && self.head == self.total();
        let flushing = self.head >= self.window.tokens && !ends;
        let full = self.window.overlaps() && self.level == self.window.flush();
        let borrow = if self.head == self.window.tokens { full } else { self.ahead };
        let may_shift = (!complete || fire) && !again;
        Move { fire, last, again, ends, flushing, borrow, may_shift }
    }

    fn token_ready(&self, out_ready: bool) -> bool {
        let it = self.moves(out_ready);
        it.may_shift && (!it.flushing || it.borrow)
    }

    fn step(&mut self, inputs: bool, out_ready: bool) {
        let it = self.moves(out_ready);
        let token_ready = self.token_ready(out_ready);
        let token_valid = inputs || self.level > 0;
        let shift = it.may_shift && (token_valid || it.flushing && !it.borrow);
        if self.window.overlaps() {
            let pop = self.level > 0 && token_ready;
            let room = self.level < self.window.flush();
            let push = inputs && room && !(self.level == 0 && token_ready);
            self.level = self.level + usize::from(push) - usize::from(pop);
        }
        let step = self.advance();
        self.head = match it.ends {
            true if self.ahead => self.window.flush() + usize::from(shift),
            true => usize::from(shift),
            false => self.head + usize::from(shift),
        };
        if it.ends {
            self.ahead = false;
        } else if it.flushing && shift {
            self.ahead = it.borrow;
        }
        self.done = !it.ends && (self.done || it.fire && it.last);
        if it.fire {
            self.need = if it.last { self.window.first + 1 } else { self.need + step };
            self.place = if it.last { 0 } else { self.place + 1 };
        }
        debug_assert!(!it.again || !shift, "the line holds while its newest token is read again");
    }
}
