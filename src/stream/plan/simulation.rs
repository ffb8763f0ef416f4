//! All processes at full rate, cycle by cycle.
//!
//! Only processes to which something can happen are looked at: those where something moved or changed in
//! the cycle before, there or at an end of one of their streams, those whose pipelines are due, and those
//! at which another word is offered, or has room, than a cycle ago.

use std::collections::{BTreeMap, BTreeSet};

use super::models::Model;
use super::{Rooms, Timing};
use crate::stream::{Dataflow, Kind, Process, ProcessId};

/// Samples that are run at least: behind the first half the rate is steady.
const SAMPLES: usize = 10;

/// As many are run of short samples, until so many cycles have passed.
const MOST_SAMPLES: usize = 60;
const CYCLES: u64 = 20_000;

/// What a run at full rate gave, in cycles.
pub(super) struct Timed {
    /// Words that each FIFO held at most.
    pub(super) filled: BTreeMap<(ProcessId, usize), usize>,
    /// Tokens that each kernel held at most.
    pub(super) inside: Rooms,
    /// Readers that held up others of the same stream.
    pub(super) waits: Vec<(ProcessId, usize)>,
    /// The first beat of each sample went in.
    starts: Vec<u64>,
    /// The first beat of each sample came out.
    firsts: Vec<u64>,
    /// The last beat of each sample came out.
    ends: Vec<u64>,
}

impl Timed {
    fn interval(&self) -> u64 {
        let last = self.ends.len() - 1;
        // The mean of the second half, as it may go up and down.
        let steady = last / 2;
        (self.ends[last] - self.ends[last - steady]).div_ceil(steady as u64)
    }

    /// What counts: interval, then latency.
    pub(super) fn figures(&self) -> (u64, u64) {
        let (_, latency, interval) = self.shown();
        (interval, latency)
    }

    /// Cycles to the first and to the last output, and between samples.
    pub(super) fn shown(&self) -> (u64, u64, u64) {
        // Where a fork leads to a port, that may get the word before the source is rid of it.
        let since = |it: u64| it.saturating_sub(self.starts[0]);
        (since(self.firsts[0]), since(self.ends[0]), self.interval())
    }
}

/// A reader's end of a stream.
#[derive(Clone, Debug, Default)]
struct End {
    /// Words of its FIFO and how many are in it.
    fifo: Option<(usize, usize)>,
    most: usize,
    /// It has the present word, and others do not.
    done: bool,
    offered: bool,
    /// The reader takes a word.
    ready: bool,
    /// It has no room for a word that all others have.
    waits: bool,
}

impl End {
    fn room(&self) -> bool {
        self.fifo.map_or(self.ready, |(depth, count)| count < depth)
    }
}

/// Processes, by index.
#[derive(Clone, Debug)]
struct Set(Vec<u64>);

impl Set {
    fn none(count: usize) -> Set {
        Set(vec![0; count.div_ceil(64)])
    }

    fn all(count: usize) -> Set {
        let mut all = Set::none(count);
        (0..count).for_each(|it| all.insert(it));
        all
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    /// The first from an index on.
    fn first(&self, from: usize) -> Option<usize> {
        let mut above = u64::MAX << (from % 64);
        for (word, bits) in self.0.iter().enumerate().skip(from / 64) {
            let rest = bits & std::mem::replace(&mut above, u64::MAX);
            if rest != 0 {
                return Some(64 * word + rest.trailing_zeros() as usize);
            }
        }
        None
    }

    /// The last in front of an index.
    fn last(&self, until: usize) -> Option<usize> {
        let mut below = !(u64::MAX << (until % 64));
        for word in (0..=until / 64).rev() {
            let bits = self.0.get(word).copied().unwrap_or(0);
            let rest = bits & std::mem::replace(&mut below, u64::MAX);
            if rest != 0 {
                return Some(64 * word + 63 - rest.leading_zeros() as usize);
            }
        }
        None
    }
}

pub(super) struct Simulation<'f> {
    flow: &'f Dataflow,
    models: Vec<Model>,
    /// By process and input.
    ends: Vec<Vec<End>>,
    /// By process and input: whether a word is there, and whether it is taken.
    there: Vec<Vec<bool>>,
    took: Vec<Vec<bool>>,
    /// By process: whether it offers a word, and whether all readers have room for it.
    valid: Vec<bool>,
    ready: Vec<bool>,
    /// By process: who reads any of its outputs.
    readers: Vec<Vec<(usize, usize)>>,
    /// By process and input: who makes the stream.
    from: Vec<Vec<usize>>,
    /// By process: whether it is looked at in this cycle, whether it is in the next one, and from which
    /// cycle on at the latest.
    woke: Set,
    next: Set,
    due: Vec<u64>,
    /// The first of all these cycles.
    soonest: u64,
    /// Readers that held up others.
    waited: BTreeSet<(ProcessId, usize)>,
    /// By process: tokens that a source gives at most. Without an end, what hangs on no other part of the
    /// design would hide that the rest has come to a halt.
    most: Vec<usize>,
}

impl<'f> Simulation<'f> {
    pub(super) fn new(
        flow: &'f Dataflow,
        timing: impl Fn(ProcessId) -> Timing,
        rooms: &Rooms,
        fifos: &BTreeMap<(ProcessId, usize), usize>,
    ) -> Simulation<'f> {
        let end = |process, port| End {
            fifo: fifos.get(&(ProcessId(process), port)).map(|depth| (*depth, 0)),
            ..End::default()
        };
        let ends = flow.processes.iter().enumerate();
        let ends = ends.map(|(at, it)| (0..it.inputs.len()).map(|port| end(at, port)).collect());
        let none: Vec<Vec<bool>> =
            flow.processes.iter().map(|it| vec![false; it.inputs.len()]).collect();
        let low = vec![false; flow.processes.len()];
        let readers = flow.processes.iter().map(|it| {
            let readers = it.outputs.iter().flat_map(|id| flow.readers(*id));
            readers.map(|(process, port)| (process.0, port)).collect()
        });
        let models = (0..flow.processes.len()).map(ProcessId);
        let model = |it| Model::new(flow, it, timing(it), rooms.get(&it).copied());
        let models = models.map(model).collect();
        let from = |it: &Process| it.inputs.iter().map(|id| flow.stream(*id).from.0).collect();
        let most = flow.processes.iter().map(|it| match it.kind {
            Kind::Source(_) => 2 * MOST_SAMPLES * flow.stream(it.outputs[0]).tokens,
            _ => usize::MAX,
        });
        Simulation {
            flow,
            models,
            ends: ends.collect(),
            there: none.clone(),
            took: none,
            valid: low.clone(),
            ready: low.clone(),
            from: flow.processes.iter().map(from).collect(),
            next: Set::all(low.len()),
            due: vec![u64::MAX; low.len()],
            soonest: u64::MAX,
            woke: Set::none(low.len()),
            waited: BTreeSet::new(),
            readers: readers.collect(),
            most: most.collect(),
        }
    }

    /// All samples; or, if nothing moves any more, the readers that hold up others.
    pub(super) fn run(mut self) -> Result<Timed, Vec<(ProcessId, usize)>> {
        let tokens = |port: fn(&Kind) -> bool| -> Vec<(usize, usize)> {
            let ports = self.flow.processes.iter().enumerate().filter(|it| port(&it.1.kind));
            let of = |(at, it): (usize, &Process)| {
                let id = it.inputs.first().or(it.outputs.first());
                (at, id.map_or(1, |id| self.flow.stream(*id).tokens))
            };
            ports.map(of).collect()
        };
        let sources = tokens(|it| matches!(it, Kind::Source(_)));
        let sinks = tokens(|it| matches!(it, Kind::Sink(_)));
        let mut moved = vec![0; self.flow.processes.len()];
        let (mut starts, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
        let mut cycle = 0;
        // Inside of a process things move for so long without anybody seeing it.
        let patience = self.models.iter().map(Model::patience).sum::<usize>() + 8;
        let mut still = 0;
        loop {
            let (seen, inside) = self.cycle(cycle, &mut moved);
            still = if seen { 0 } else { still + 1 };
            // A sample begins with its first beat anywhere, and ends with its last one anywhere.
            if sources.iter().any(|(at, beats)| moved[*at] > starts.len() * beats) {
                starts.push(cycle);
            }
            if sinks.iter().any(|(at, beats)| moved[*at] > firsts.len() * beats) {
                firsts.push(cycle);
            }
            if sinks.iter().all(|(at, beats)| moved[*at] >= (lasts.len() + 1) * beats) {
                lasts.push(cycle);
            }
            let enough = lasts.len() >= SAMPLES && cycle >= CYCLES;
            if enough || lasts.len() == MOST_SAMPLES {
                break;
            }
            // Where nothing moves all is as it was until the next word comes out of a pipeline.
            let next = || (self.soonest < u64::MAX).then_some(self.soonest);
            cycle = match if seen || inside { Some(cycle + 1) } else { next() } {
                Some(next) if still <= patience => next,
                _ => {
                    let halted: Vec<_> = self.waiting().collect();
                    assert!(!halted.is_empty(), "only forks can bring a dataflow to a halt");
                    return Err(halted);
                }
            };
        }
        let filled = self.ends.iter().enumerate().flat_map(|(at, ends)| {
            ends.iter().enumerate().map(move |(port, it)| ((ProcessId(at), port), it.most))
        });
        let waits = self.waited.iter().copied().collect();
        let inside = self.models.iter().enumerate();
        let inside = inside.filter_map(|(at, it)| Some((ProcessId(at), it.inside()?))).collect();
        Ok(Timed { filled: filled.collect(), inside, waits, starts, firsts, ends: lasts })
    }

    /// The readers that hold up others.
    fn waiting(&self) -> impl Iterator<Item = (ProcessId, usize)> {
        let of = |(at, ends): (usize, &Vec<End>)| {
            let waits = ends.iter().enumerate().filter(|it| it.1.waits);
            waits.map(|(port, _)| (ProcessId(at), port)).collect::<Vec<_>>()
        };
        self.ends.iter().enumerate().flat_map(of)
    }

    /// A clock cycle; counts the tokens that sources gave and sinks took. Whether a token moved, and whether
    /// anything did inside of a process.
    fn cycle(&mut self, now: u64, moved: &mut [usize]) -> (bool, bool) {
        std::mem::swap(&mut self.woke, &mut self.next);
        self.next.clear();
        if self.soonest <= now {
            let due = |it: &(usize, &u64)| *it.1 <= now;
            self.due.iter().enumerate().filter(due).for_each(|(at, _)| self.woke.insert(at));
            let rest = self.due.iter().copied().filter(|it| *it > now);
            self.soonest = rest.min().unwrap_or(u64::MAX);
        }
        self.offer(now, moved);
        self.take(now);
        let inside = self.edge(now, moved);
        (self.hand_over(), inside)
    }

    /// What processes offer, from the first to the last.
    fn offer(&mut self, now: u64, moved: &[usize]) {
        let mut from = 0;
        while let Some(at) = self.woke.first(from) {
            from = at + 1;
            let model = &self.models[at];
            let offers = moved[at] < self.most[at] && model.valid(now, &self.there[at]);
            for (reader, port) in &self.readers[at] {
                let end = &mut self.ends[*reader][*port];
                let offered = offers && !end.done;
                let stored = end.fifo.is_some_and(|(_, count)| count > 0);
                let there = &mut self.there[*reader][*port];
                if (end.offered, *there) != (offered, offered || stored) {
                    self.woke.insert(*reader);
                }
                (end.offered, *there) = (offered, offered || stored);
            }
            self.valid[at] = offers;
        }
    }

    /// Whether the readers of processes have room, from the last to the first.
    fn take(&mut self, now: u64) {
        let mut until = self.models.len();
        while let Some(at) = self.woke.last(until) {
            until = at;
            let room = |(reader, port): &(usize, usize)| {
                let end = &self.ends[*reader][*port];
                end.done || end.room()
            };
            self.ready[at] = self.readers[at].iter().all(room);
            let (there, model) = (&self.there[at], &self.models[at]);
            for (port, end) in self.ends[at].iter_mut().enumerate() {
                let ready = model.ready(now, port, there, self.ready[at]);
                if std::mem::replace(&mut end.ready, ready) != ready {
                    // Only what goes around a loop comes from behind, and that always has room.
                    self.woke.insert(self.from[at][port]);
                }
            }
        }
    }

    /// The clock edge inside of processes; whether anything changed there that is not seen outside.
    fn edge(&mut self, now: u64, moved: &mut [usize]) -> bool {
        let mut inside = false;
        let mut from = 0;
        while let Some(at) = self.woke.first(from) {
            from = at + 1;
            let (valid, ready, there) = (self.valid[at], self.ready[at], &self.there[at]);
            for (port, end) in self.ends[at].iter().enumerate() {
                self.took[at][port] = there[port] && end.ready;
            }
            let took = self.took[at].iter().any(|it| *it);
            let changed = self.models[at].step(now, there, &self.took[at], ready);
            match self.flow.processes[at].kind {
                Kind::Source(_) => moved[at] += usize::from(valid && ready),
                Kind::Sink(_) => moved[at] += usize::from(there.iter().all(|it| *it)),
                _ => {}
            }
            inside |= changed;
            if changed || took || valid && ready {
                self.next.insert(at);
            }
            self.due[at] = self.models[at].next(now).unwrap_or(u64::MAX);
            self.soonest = self.soonest.min(self.due[at]);
        }
        inside
    }

    /// The clock edge between processes: FIFOs, and who has a word that others still wait for. Whether a
    /// token moved.
    fn hand_over(&mut self) -> bool {
        let mut any = false;
        // A reader takes words out of the FIFO in front of it.
        let mut both = self.woke.clone();
        let mut from = 0;
        while let Some(at) = self.woke.first(from) {
            from = at + 1;
            self.from[at].iter().for_each(|it| both.insert(*it));
        }
        from = 0;
        while let Some(at) = both.first(from) {
            from = at + 1;
            let (valid, ready) = (self.valid[at], self.ready[at]);
            let several = self.readers[at].len() > 1;
            for (reader, port) in &self.readers[at] {
                let end = &mut self.ends[*reader][*port];
                let before = (end.done, end.fifo);
                let took = end.offered && end.room();
                any |= took || self.there[*reader][*port] && end.ready;
                end.waits = several && end.offered && !took;
                if end.waits {
                    self.waited.insert((ProcessId(*reader), *port));
                }
                if valid {
                    end.done = !ready && (end.done || took);
                }
                if let Some((depth, count)) = &mut end.fifo {
                    let pop = *count > 0 && end.ready;
                    let push = end.offered && *count < *depth && !(*count == 0 && end.ready);
                    *count = *count + usize::from(push) - usize::from(pop);
                    end.most = end.most.max(*count);
                }
                if before != (end.done, end.fifo) {
                    self.next.insert(at);
                    self.next.insert(*reader);
                }
            }
        }
        any
    }
}
