//! When every token moves: FIFO depths, latency and initiation interval, cycle for cycle.
//!
//! The processes are run on valid and ready alone, as their modules in `rtl-templates/` behave, at full
//! rate: inputs always offered, outputs always taken. The figures are those that a simulation of the
//! hardware measures.
//!
//! Where several read a stream, the paths may meet again, and the longer one needs a number of tokens
//! before it gives its first: the shorter one's reader must have a FIFO for them. The processes are run
//! without any FIFO first; where they come to a halt, the readers that hold the others up get room
//! without end, until nothing halts; then also those of which the design becomes faster. What such a
//! FIFO held at most is enough; its depth is the smallest with which interval and latency stay as
//! they are. As a halt depends on how many tokens go where, not when, no stall outside can bring one about.

mod models;
mod pipelines;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::models::Model;
use super::{Dataflow, Kind, Process, ProcessId, StreamId};

/// What was found out about a dataflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Words in front of an input of a process, where there are any.
    pub fifos: BTreeMap<(ProcessId, usize), usize>,
    /// Tokens that may be inside of a kernel at once, where that is less than its pipeline and its ends
    /// hold.
    pub rooms: Rooms,
    /// Cycles from the first input beat of a sample to its first output beat.
    pub first: u64,
    /// Cycles from the first input beat of a sample to its last output beat.
    pub latency: u64,
    /// Cycles between samples at full rate, the mean rounded up.
    pub interval: u64,
}

/// Samples that are run at least: behind the first half the rate is steady.
const SAMPLES: usize = 10;

/// As many are run of short samples, until so many cycles have passed.
const MOST_SAMPLES: usize = 60;
const CYCLES: u64 = 20_000;

/// What a kernel holds besides a token for every cycle of its latency, so that it never waits for its
/// own credits: one that is seen to be taken a cycle later, and another one as margin.
const ENDS: usize = 2;

/// Tokens that a kernel of so many cycles can use room for.
pub fn whole_room(latency: u32) -> usize {
    latency as usize + ENDS
}

/// FIFOs by who reads them.
type Fifos = BTreeMap<(ProcessId, usize), usize>;

/// Tokens that kernels may hold.
type Rooms = BTreeMap<ProcessId, usize>;

/// What is known of a kernel, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From a token in to a token out.
    pub latency: u32,
    /// From one token in to the next.
    pub interval: u32,
}

/// Plans a dataflow, from the latency of each kernel, which takes a token a cycle.
pub fn plan(flow: &Dataflow, latency: impl Fn(ProcessId) -> u32) -> Plan {
    paced(flow, |it| Timing { latency: latency(it), interval: 1 })
}

/// Plans a dataflow as [`plan`] does, and gives kernels room for only so many tokens as they hold at full
/// rate: behind an array of few multipliers there is one now and then. Nothing gets slower, and nothing
/// halts.
pub fn lean(flow: &Dataflow, latency: impl Fn(ProcessId) -> u32) -> Plan {
    let timing = |it| Timing { latency: latency(it), interval: 1 };
    let plan = paced(flow, timing);
    let run = |rooms: &Rooms| Simulation::new(flow, timing, rooms, &plan.fifos).run();
    let Ok(full) = run(&Rooms::new()) else { return plan };
    // With one more than it holds a kernel refuses no token that it takes with all room there is.
    for more in 0..2 {
        let room = |(id, most): (&ProcessId, &usize)| {
            let room = most.max(&1) + more;
            (room < whole_room(latency(*id))).then_some((*id, room))
        };
        let kernel = |id: &ProcessId| matches!(flow.processes[id.0].kind, Kind::Kernel(_));
        let inside = full.inside.iter().filter(|it| kernel(it.0));
        let rooms: Rooms = inside.filter_map(room).collect();
        if run(&rooms).is_ok_and(|it| it.shown() == full.shown()) {
            return Plan { rooms, ..plan };
        }
    }
    plan
}

/// Plans a dataflow whose kernels take tokens at a pace of their own.
pub fn paced(flow: &Dataflow, timing: impl Fn(ProcessId) -> Timing) -> Plan {
    let run = |open: &Fifos| Simulation::new(flow, &timing, &Rooms::new(), open).run();
    let held = held(flow);
    let mut open: Fifos = held.iter().map(|it| (*it, 1)).collect();
    let mut timed = loop {
        match run(&open) {
            Ok(timed) => break timed,
            Err(halted) => open.extend(halted.into_iter().map(|it| (it, usize::MAX))),
        }
    };
    // The same with room for every reader of a fork: nothing is faster.
    let all = (0..flow.streams.len()).map(StreamId).map(|it| flow.readers(it));
    let forks = all.filter(|it| it.len() > 1).flatten().chain(held.iter().copied());
    if let Ok(fastest) = run(&forks.map(|it| (it, usize::MAX)).collect()) {
        let endless = |open: &Fifos| -> BTreeSet<(ProcessId, usize)> {
            open.iter().filter(|it| *it.1 == usize::MAX).map(|it| *it.0).collect()
        };
        let mut tried = endless(&open);
        while timed.figures() > fastest.figures() {
            let waits = timed.waits.iter().find(|it| !tried.contains(it)).copied();
            let Some(waits) = waits else { break };
            tried.insert(waits);
            let mut more = open.clone();
            more.insert(waits, usize::MAX);
            match run(&more) {
                Ok(faster) if faster.figures() < timed.figures() => {
                    (open, timed) = (more, faster);
                    tried = endless(&open);
                }
                _ => {}
            }
        }
    }
    let least = |it: &(ProcessId, usize)| usize::from(held.contains(it));
    let depth = |it| timed.filled.get(it).copied().unwrap_or(0).max(least(it));
    // A FIFO that is never filled is not built.
    let fifos = open.keys().map(|it| (*it, depth(it))).filter(|it| it.1 > 0).collect();
    let timed = run(&fifos).unwrap_or(timed);
    let (fifos, timed) = tightened(run, least, fifos, timed);
    let (first, latency, interval) = timed.shown();
    Plan { first, latency, interval, fifos, rooms: Rooms::new() }
}

/// Who reads whole tensors of the ports and may take long for one: a word of room for each, so that a sample
/// enters at once where nothing is inside, and its latency is all that it waits for.
fn held(flow: &Dataflow) -> BTreeSet<(ProcessId, usize)> {
    if flow.tensors.is_none() {
        return BTreeSet::new();
    }
    let is_source = |it: &ProcessId| matches!(flow.processes[it.0].kind, Kind::Source(_));
    let from = |it: &StreamId| flow.stream(*it).from;
    let slow = |reader: &(ProcessId, usize)| {
        let process = &flow.processes[reader.0.0];
        let at_once = matches!(process.kind, Kind::Kernel(_) | Kind::Array(_));
        !at_once || !process.inputs.iter().all(|it| is_source(&from(it)))
    };
    let streams = (0..flow.streams.len()).map(StreamId).filter(|it| is_source(&from(it)));
    streams.flat_map(|it| flow.readers(it)).filter(slow).collect()
}

/// FIFOs without the words that nothing is faster for, and the run with them.
fn tightened(
    run: impl Fn(&Fifos) -> Result<Timed, Vec<(ProcessId, usize)>>,
    least: impl Fn(&(ProcessId, usize)) -> usize,
    mut fifos: Fifos,
    mut timed: Timed,
) -> (Fifos, Timed) {
    let wanted = timed.figures();
    for (reader, depth) in fifos.clone() {
        // All depths from `enough` on are as good, all below `few` are not.
        let (mut few, mut enough) = (least(&reader), depth);
        // Mostly all words are needed.
        let mut tried = depth - 1;
        while few < enough {
            let less = with_depth(&fifos, reader, tried);
            match run(&less) {
                Ok(as_fast) if as_fast.figures() <= wanted => {
                    (enough, timed) = (tried, as_fast);
                }
                _ => few = tried + 1,
            }
            tried = few + (enough - few) / 2;
        }
        fifos = with_depth(&fifos, reader, enough);
    }
    (fifos, timed)
}

/// FIFOs with another depth of one; without any word it is none.
fn with_depth(fifos: &Fifos, reader: (ProcessId, usize), depth: usize) -> Fifos {
    let mut other = fifos.clone();
    match depth {
        0 => other.remove(&reader),
        _ => other.insert(reader, depth),
    };
    other
}

/// What a run at full rate gave, in cycles.
struct Timed {
    /// Words that each FIFO held at most.
    filled: BTreeMap<(ProcessId, usize), usize>,
    /// Tokens that each kernel held at most.
    inside: Rooms,
    /// Readers that held up others of the same stream.
    waits: Vec<(ProcessId, usize)>,
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
    fn figures(&self) -> (u64, u64) {
        let (_, latency, interval) = self.shown();
        (interval, latency)
    }

    /// Cycles to the first and to the last output, and between samples.
    fn shown(&self) -> (u64, u64, u64) {
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

struct Simulation<'f> {
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
    /// By process: tokens that a source gives at most. Without an end, what hangs on no other part of the
    /// design would hide that the rest has come to a halt.
    most: Vec<usize>,
}

impl<'f> Simulation<'f> {
    fn new(
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
            ready: low,
            readers: readers.collect(),
            most: most.collect(),
        }
    }

    /// All samples; or, if nothing moves any more, the readers that hold up others.
    fn run(mut self) -> Result<Timed, Vec<(ProcessId, usize)>> {
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
        let mut waits = BTreeSet::new();
        let mut cycle = 0;
        // Inside of a process things move for so long without anybody seeing it.
        let patience = self.models.iter().map(Model::patience).sum::<usize>() + 8;
        let mut still = 0;
        loop {
            let (seen, inside) = self.cycle(cycle, &mut moved);
            still = if seen { 0 } else { still + 1 };
            if seen {
                waits.extend(self.waiting());
            }
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
            let next = || self.models.iter().filter_map(|it| it.next(cycle)).min();
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
        let waits = waits.into_iter().collect();
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
        self.offer(now, moved);
        self.take(now);
        self.edge(now, moved)
    }

    /// What every process offers, from the first to the last.
    fn offer(&mut self, now: u64, moved: &[usize]) {
        for (at, model) in self.models.iter().enumerate() {
            let offers = moved[at] < self.most[at] && model.valid(now, &self.there[at]);
            for (reader, port) in &self.readers[at] {
                let end = &mut self.ends[*reader][*port];
                end.offered = offers && !end.done;
                let stored = end.fifo.is_some_and(|(_, count)| count > 0);
                self.there[*reader][*port] = end.offered || stored;
            }
            self.valid[at] = offers;
        }
    }

    /// Whether the readers of every process have room, from the last to the first.
    fn take(&mut self, now: u64) {
        for at in (0..self.models.len()).rev() {
            let room = |(reader, port): &(usize, usize)| {
                let end = &self.ends[*reader][*port];
                end.done || end.room()
            };
            self.ready[at] = self.readers[at].iter().all(room);
            let (there, model) = (&self.there[at], &self.models[at]);
            for (port, end) in self.ends[at].iter_mut().enumerate() {
                end.ready = model.ready(now, port, there, self.ready[at]);
            }
        }
    }

    /// The clock edge.
    fn edge(&mut self, now: u64, moved: &mut [usize]) -> (bool, bool) {
        let (mut any, mut inside) = (false, false);
        for (at, moved) in moved.iter_mut().enumerate() {
            let (valid, ready, there) = (self.valid[at], self.ready[at], &self.there[at]);
            for (port, end) in self.ends[at].iter().enumerate() {
                self.took[at][port] = there[port] && end.ready;
            }
            inside |= self.models[at].step(now, there, &self.took[at], ready);
            match self.flow.processes[at].kind {
                Kind::Source(_) => *moved += usize::from(valid && ready),
                Kind::Sink(_) => *moved += usize::from(there.iter().all(|it| *it)),
                _ => {}
            }
            let several = self.readers[at].len() > 1;
            for (reader, port) in &self.readers[at] {
                let end = &mut self.ends[*reader][*port];
                let took = end.offered && end.room();
                any |= took || self.there[*reader][*port] && end.ready;
                end.waits = several && end.offered && !took;
                if valid {
                    end.done = !ready && (end.done || took);
                }
                if let Some((depth, count)) = &mut end.fifo {
                    let pop = *count > 0 && end.ready;
                    let push = end.offered && *count < *depth && !(*count == 0 && end.ready);
                    *count = *count + usize::from(push) - usize::from(pop);
                    end.most = end.most.max(*count);
                }
            }
        }
        (any, inside)
    }
}
