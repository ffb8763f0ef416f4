//! The processes as their modules behave, without data: what is valid, what is ready, what comes next.

use super::Timing;
use super::pipelines::{Keeper, Kernel, Steps};
use crate::stream::{Dataflow, Kind, Permutation, ProcessId, Window};

/// A process between two clock edges.
#[derive(Clone, Debug)]
pub(super) enum Model {
    Source,
    /// `nn_rom`.
    Rom,
    Sink,
    Kernel(Kernel),
    /// `nn_mac_array` that keeps one token's sums.
    Keeper(Keeper),
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
    /// `nn_permute`.
    Permute(Buffer),
    /// The task of a loop in C++; `nn_mac_array` with a FIFO.
    Loop(Steps),
    /// `nn_state`.
    State(State),
    /// `nn_reduce`.
    Reduce(Reduction),
    /// `nn_last`.
    Last {
        of: usize,
        keep: usize,
        count: usize,
    },
}

/// `nn_permute`.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    order: Permutation,
    oldest: Vec<usize>,
    /// The entry of the order that is due; there is none right after reset.
    at: Option<usize>,
    /// Tokens of the present sample that have come.
    head: isize,
    /// A token that was read waits to be taken.
    full: bool,
}

/// `nn_reduce`.
#[derive(Clone, Debug)]
pub(super) struct Reduction {
    /// Words that are reduced, and those of them that are left.
    words: usize,
    packs: usize,
    count: usize,
    /// A result waits to be taken.
    full: bool,
}

/// `nn_state`.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Words of a loop, and how many of them begin it.
    words: usize,
    packs: usize,
    /// The first value is known.
    known: bool,
    given: usize,
    left: usize,
    stored: usize,
}

/// `nn_window`.
#[derive(Clone, Debug)]
pub(super) struct Line {
    window: Window,
    steps: Vec<isize>,
    /// Of the window.
    flush: usize,
    overlaps: bool,
    /// The place that is due, along every axis.
    place: Vec<usize>,
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
    /// The model of a process; of a kernel also how many tokens may be inside, if not all that its pipeline
    /// and its ends can hold.
    pub(super) fn new(
        flow: &Dataflow,
        id: ProcessId,
        timing: Timing,
        room: Option<usize>,
    ) -> Model {
        let process = &flow.processes[id.0];
        match &process.kind {
            Kind::Source(_) => Model::Source,
            Kind::Sink(_) => Model::Sink,
            Kind::Rom(_) => Model::Rom,
            Kind::Kernel(_) => Model::Kernel(Kernel::of(timing, room)),
            Kind::Array(it) if it.keeps() => Model::Keeper(Keeper::new(it)),
            Kind::Array(it) => Model::Loop(Steps {
                pipeline: Kernel::new(it.latency(), it.credits(), it.steps()),
                sequences: 1,
                gives: (1..=it.parts()).map(|part| part == it.parts()).collect(),
                at: 0,
            }),
            Kind::Window(window) => Model::Window(Line {
                window: window.clone(),
                steps: window.steps(),
                flush: window.flush(),
                overlaps: window.overlaps(),
                place: vec![0; window.extents.len()],
                head: 0,
                need: window.first + 1,
                done: false,
                ahead: false,
                level: 0,
            }),
            Kind::Repeat(times) => Model::Spread { ratio: *times, count: 0 },
            Kind::Permute(order) => Model::Permute(Buffer {
                order: order.clone(),
                oldest: order.oldest(),
                at: None,
                head: 0,
                full: false,
            }),
            Kind::Loop(it) => Model::Loop(Steps {
                pipeline: Kernel::of(timing, None),
                sequences: it.sequences(),
                gives: (0..it.steps).map(|step| it.gives(step)).collect(),
                at: 0,
            }),
            Kind::State(state) => Model::State(State {
                words: state.steps * state.packs,
                packs: state.packs,
                known: state.first.is_some(),
                given: 0,
                left: 0,
                stored: 0,
            }),
            Kind::Reduce(it) => Model::Reduce(Reduction {
                words: it.steps * it.packs,
                packs: it.packs,
                count: 0,
                full: false,
            }),
            Kind::Last { of, keep } => Model::Last { of: *of, keep: *keep, count: 0 },
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
            Model::Kernel(_) | Model::Keeper(_) | Model::Loop(_) => 8,
            Model::Window(it) => it.total(),
            Model::Permute(it) => it.order.order.len() + 2,
            Model::State(_) | Model::Reduce(_) => 2,
            _ => 0,
        }
    }

    /// When something happens next that does not follow from what moves outside.
    pub(super) fn next(&self, now: u64) -> Option<u64> {
        match self {
            Model::Kernel(it) | Model::Loop(Steps { pipeline: it, .. }) => it.next(now),
            Model::Keeper(it) => it.next(now),
            _ => None,
        }
    }

    /// The most tokens that were inside of a kernel.
    pub(super) fn inside(&self) -> Option<usize> {
        match self {
            Model::Kernel(it) if it.steps == 1 => Some(it.most),
            _ => None,
        }
    }

    /// Whether a token is offered, with what is at the inputs.
    pub(super) fn valid(&self, now: u64, there: &[bool]) -> bool {
        let inputs = there.iter().all(|it| *it);
        match self {
            Model::Source | Model::Rom => true,
            Model::Sink => false,
            Model::Kernel(it) => it.stored > 0 || it.arrives(now, inputs),
            Model::Loop(it) => {
                let arrives = it.pipeline.arrives(now, it.there(there) && it.gives[it.at]);
                it.pipeline.stored > 0 || arrives
            }
            Model::Keeper(it) => it.full,
            Model::Window(it) => !it.done && it.head == it.need,
            Model::Collect { ratio, count } => *count == ratio - 1 && inputs,
            Model::Spread { .. } => inputs,
            Model::Permute(it) => it.full,
            Model::State(it) => it.offers(there),
            Model::Reduce(it) => it.full,
            Model::Last { of, keep, count } => inputs && count + keep >= *of,
        }
    }

    /// Whether the token at an input is taken, if it is there.
    pub(super) fn ready(&self, now: u64, port: usize, there: &[bool], out_ready: bool) -> bool {
        let inputs = there.iter().all(|it| *it);
        match self {
            Model::Source | Model::Rom => true,
            // All that leave together, or none.
            Model::Sink => inputs,
            Model::Kernel(it) => inputs && it.takes(now),
            Model::Loop(it) => it.reads(port) && it.there(there) && it.pipeline.takes(now),
            Model::Keeper(it) => it.takes(now),
            Model::Window(it) if it.overlaps => it.level < it.flush,
            Model::Window(it) => it.token_ready(out_ready),
            Model::Collect { ratio, count } => *count != ratio - 1 || out_ready,
            Model::Spread { ratio, count } => *count == ratio - 1 && out_ready,
            Model::Permute(it) => it.has_room(),
            // There is always room for what a step leaves.
            Model::State(it) => port + 1 == there.len() || it.begins() && out_ready,
            Model::Reduce(it) => !it.full || out_ready,
            Model::Last { of, keep, count } => count + keep < *of || out_ready,
        }
    }

    /// The clock edge; `took` says which inputs' tokens are taken. Whether anything changed that cannot be
    /// seen from outside.
    pub(super) fn step(
        &mut self,
        now: u64,
        there: &[bool],
        took: &[bool],
        out_ready: bool,
    ) -> bool {
        let inputs = there.iter().all(|it| *it);
        let takes = took.iter().all(|it| *it);
        let next = |count: usize, ratio: usize| if count == ratio - 1 { 0 } else { count + 1 };
        match self {
            Model::Source | Model::Rom | Model::Sink => {}
            Model::Kernel(it) => return it.step(now, takes, takes, out_ready),
            Model::Keeper(it) => return it.step(now, takes, out_ready),
            Model::Loop(it) => return it.step(now, took[0], out_ready),
            Model::Window(it) => return it.step(inputs, out_ready),
            Model::Collect { ratio, count } if takes => *count = next(*count, *ratio),
            Model::Last { of, count, .. } if takes => *count = next(*count, *of),
            Model::Spread { ratio, count } if inputs && out_ready => *count = next(*count, *ratio),
            Model::Collect { .. } | Model::Last { .. } | Model::Spread { .. } => {}
            Model::Permute(it) => return it.step(takes, out_ready),
            Model::Reduce(it) => return it.step(takes, out_ready),
            Model::State(it) => {
                let gives = out_ready && it.offers(there);
                it.step(took.last().copied().unwrap_or(false), gives);
            }
        }
        false
    }
}

impl Buffer {
    fn has_room(&self) -> bool {
        let room = |at: usize| self.head < (self.oldest[at] + self.order.capacity) as isize;
        self.at.is_some_and(room)
    }

    fn step(&mut self, push: bool, out_ready: bool) -> bool {
        let before = (self.at, self.full);
        let read = |at: &usize| self.head > self.order.order[*at] as isize;
        let fires = self.at.filter(read).filter(|_| !self.full || out_ready);
        let ends = fires.is_some_and(|it| it + 1 == self.order.order.len());
        self.head += isize::from(push) - if ends { self.order.tokens as isize } else { 0 };
        self.full = fires.is_some() || self.full && !out_ready;
        self.at = match (self.at, fires) {
            (_, Some(_)) if ends => Some(0),
            (_, Some(at)) => Some(at + 1),
            (None, None) => Some(0),
            (at, None) => at,
        };
        before != (self.at, self.full)
    }
}

impl Reduction {
    fn step(&mut self, takes: bool, out_ready: bool) -> bool {
        let before = self.full;
        let ends = self.count + self.packs >= self.words;
        self.full = if takes { ends } else { self.full && !out_ready };
        if takes {
            self.count = (self.count + 1) % self.words;
        }
        self.full != before
    }
}

impl State {
    /// Whether a loop begins.
    fn begins(&self) -> bool {
        self.given < self.packs
    }

    fn offers(&self, there: &[bool]) -> bool {
        if self.begins() { self.known || there[0] } else { self.stored > 0 }
    }

    fn step(&mut self, comes: bool, gives: bool) {
        let keeps = comes && self.left + self.packs < self.words;
        let pops = gives && !self.begins();
        self.stored = self.stored + usize::from(keeps) - usize::from(pops);
        if comes {
            self.left = (self.left + 1) % self.words;
        }
        if gives {
            self.given = (self.given + 1) % self.words;
        }
    }
}

impl Line {
    fn total(&self) -> usize {
        self.window.tokens + self.flush
    }

    /// The axis along which the next place lies; there is none behind the last place.
    fn axis(&self) -> Option<usize> {
        let extents = &self.window.extents;
        (0..extents.len()).rev().find(|it| self.place[*it] + 1 < extents[*it])
    }

    /// By how much the newest token moves to the next place.
    fn advance(&self) -> usize {
        self.axis().map_or(0, |it| self.steps[it] as usize)
    }

    fn turn(&mut self) {
        let axis = self.axis();
        let faster = axis.map_or(0, |it| it + 1);
        self.place[faster..].fill(0);
        if let Some(axis) = axis {
            self.place[axis] += 1;
        }
    }

    fn moves(&self, out_ready: bool) -> Move {
        let complete = !self.done && self.head == self.need;
        let fire = complete && out_ready;
        let last = self.axis().is_none();
        let again = match last {
            true => self.ahead && self.flush == self.window.first + 1,
            false => self.advance() == 0,
        };
        let again = fire && again;
        let ends = (self.done || fire && last) && self.head == self.total();
        let flushing = self.head >= self.window.tokens && !ends;
        let full = self.overlaps && self.level == self.flush;
        let borrow = if self.head == self.window.tokens { full } else { self.ahead };
        let may_shift = (!complete || fire) && !again;
        Move { fire, last, again, ends, flushing, borrow, may_shift }
    }

    fn token_ready(&self, out_ready: bool) -> bool {
        let it = self.moves(out_ready);
        it.may_shift && (!it.flushing || it.borrow)
    }

    fn step(&mut self, inputs: bool, out_ready: bool) -> bool {
        let it = self.moves(out_ready);
        let token_ready = self.token_ready(out_ready);
        let token_valid = inputs || self.level > 0;
        let shift = it.may_shift && (token_valid || it.flushing && !it.borrow);
        if self.overlaps {
            let pop = self.level > 0 && token_ready;
            let room = self.level < self.flush;
            let push = inputs && room && !(self.level == 0 && token_ready);
            self.level = self.level + usize::from(push) - usize::from(pop);
        }
        let step = self.advance();
        self.head = match it.ends {
            true if self.ahead => self.flush + usize::from(shift),
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
            self.turn();
        }
        debug_assert!(!it.again || !shift, "the line holds while its newest token is read again");
        shift || it.ends || it.fire
    }
}
