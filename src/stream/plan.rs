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
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::models::Model;
use super::{Dataflow, Kind, Process, ProcessId, StreamId};

/// What was found out about a dataflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Words in front of an input of a process, where there are any.
    pub fifos: BTreeMap<(ProcessId, usize), usize>,
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

/// FIFOs by who reads them.
type Fifos = BTreeMap<(ProcessId, usize), usize>;

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

/// Plans a dataflow whose kernels take tokens at a pace of their own.
pub fn paced(flow: &Dataflow, timing: impl Fn(ProcessId) -> Timing) -> Plan {
    let run = |open: &Fifos| Simulation::new(flow, &timing, open).run();
    let mut open = Fifos::new();
    let mut timed = loop {
        match run(&open) {
            Ok(timed) => break timed,
            Err(halted) => open.extend(halted.into_iter().map(|it| (it, usize::MAX))),
        }
    };
    // The same with room for every reader of a fork: nothing is faster.
    let all = (0..flow.streams.len()).map(StreamId).map(|it| flow.readers(it));
    let forks = all.filter(|it| it.len() > 1).flatten().map(|it| (it, usize::MAX));
    if let Ok(fastest) = run(&forks.collect()) {
        let mut tried = open.clone();
        while timed.figures() > fastest.figures() {
            let waits = timed.waits.iter().find(|it| !tried.contains_key(it)).copied();
            let Some(waits) = waits else { break };
            tried.insert(waits, usize::MAX);
            let mut more = open.clone();
            more.insert(waits, usize::MAX);
            match run(&more) {
                Ok(faster) if faster.figures() < timed.figures() => {
                    (open, timed) = (more, faster);
                    tried = open.clone();
                }
                _ => {}
            }
        }
    }
    let depth = |it: &(ProcessId, usize)| timed.filled.get(it).copied().unwrap_or(0);
    // A FIFO that is never filled is not built.
    let fifos = open.keys().map(|it| (*it, depth(it))).filter(|it| it.1 > 0).collect();
    let timed = run(&fifos).unwrap_or(timed);
    let (fifos, timed) = tightened(run, fifos, timed);
    let Timed { starts, firsts, ends, .. } = &timed;
    let interval = timed.interval();
    // Where a fork leads to a port, that may get the word before the source is rid of it.
    let since = |it: u64| it.saturating_sub(starts[0]);
    Plan { first: since(firsts[0]), latency: since(ends[0]), interval, fifos }
}

/// FIFOs without the words that nothing is faster for, and the run with them.
fn tightened(
    run: impl Fn(&Fifos) -> Result<Timed, Vec<(ProcessId, usize)>>,
    mut fifos: Fifos,
    mut timed: Timed,
) -> (Fifos, Timed) {
    let wanted = timed.figures();
    for (reader, depth) in fifos.clone() {
        // All depths from `enough` on are as good, all below `few` are not.
        let (mut few, mut enough) = (0, depth);
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
        (self.interval(), self.ends[0].saturating_sub(self.starts[0]))
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
    /// It has no room for a word that all others have.
    waits: bool,
}

impl End {
    /// Whether it takes a word; `ready`: its reader does.
    fn room(&self, ready: bool) -> bool {
        self.fifo.map_or(ready, |(depth, count)| count < depth)
    }
}

struct Simulation<'f> {
    flow: &'f Dataflow,
    models: Vec<Model>,
    /// Inputs, process by process.
    ends: Vec<End>,
    /// Whose, and which.
    named: Vec<(ProcessId, usize)>,
    /// Whether a word is there, whether its reader takes one, and whether both is so.
    there: Vec<bool>,
    ready: Vec<bool>,
    took: Vec<bool>,
    /// By process: its inputs.
    inputs: Vec<std::ops::Range<usize>>,
    /// By process: the inputs that read any of its outputs.
    readers: Vec<Vec<usize>>,
    /// By process: tokens that a source gives at most. Without an end, what hangs on no other part of the
    /// design would hide that the rest has come to a halt.
    most: Vec<usize>,
}

impl<'f> Simulation<'f> {
    fn new(
        flow: &'f Dataflow,
        timing: impl Fn(ProcessId) -> Timing,
        fifos: &BTreeMap<(ProcessId, usize), usize>,
    ) -> Simulation<'f> {
        let mut named = Vec::new();
        let mut inputs = Vec::with_capacity(flow.processes.len());
        for (at, process) in flow.processes.iter().enumerate() {
            let first = named.len();
            named.extend((0..process.inputs.len()).map(|port| (ProcessId(at), port)));
            inputs.push(first..named.len());
        }
        let end = |it| End { fifo: fifos.get(it).map(|depth| (*depth, 0)), ..End::default() };
        let ends: Vec<End> = named.iter().map(end).collect();
        let mut of = vec![Vec::new(); flow.streams.len()];
        for (at, (process, port)) in named.iter().enumerate() {
            of[flow.processes[process.0].inputs[*port].0].push(at);
        }
        let readers = flow.processes.iter();
        let readers = readers.map(|it| it.outputs.iter().flat_map(|id| of[id.0].clone()).collect());
        let models = (0..flow.processes.len()).map(ProcessId);
        let models = models.map(|it| Model::new(flow, it, timing(it))).collect();
        let most = flow.processes.iter().map(|it| match it.kind {
            Kind::Source(_) => 2 * MOST_SAMPLES * flow.stream(it.outputs[0]).tokens,
            _ => usize::MAX,
        });
        let (most, readers) = (most.collect(), readers.collect());
        let [there, ready, took] = [(); 3].map(|()| vec![false; ends.len()]);
        Simulation { flow, models, ends, named, there, ready, took, inputs, readers, most }
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
        // Inside of a process things move for so long without anybody seeing it.
        let patience = self.models.iter().map(Model::patience).sum::<usize>() + 8;
        let mut still = 0;
        let mut waits = BTreeSet::new();
        for cycle in 0.. {
            still = if self.cycle(&mut moved) { 0 } else { still + 1 };
            if still == 0 {
                waits.extend(self.waiting());
            } else if still > patience {
                let halted: Vec<_> = self.waiting().collect();
                assert!(!halted.is_empty(), "only forks can bring a dataflow to a halt");
                return Err(halted);
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
        }
        let filled = self.named.iter().copied().zip(self.ends.iter().map(|it| it.most));
        let waits = waits.into_iter().collect();
        Ok(Timed { filled: filled.collect(), waits, starts, firsts, ends: lasts })
    }

    /// The readers that hold up others.
    fn waiting(&self) -> impl Iterator<Item = (ProcessId, usize)> {
        let waits = self.named.iter().zip(&self.ends).filter(|it| it.1.waits);
        waits.map(|it| *it.0)
    }

    /// A clock cycle; counts the tokens that sources gave and sinks took. Whether any token moved.
    fn cycle(&mut self, moved: &mut [usize]) -> bool {
        let valid = self.offer(moved);
        let ready = self.take();
        self.edge(&valid, &ready, moved)
    }

    /// What every process offers, from the first to the last.
    fn offer(&mut self, moved: &[usize]) -> Vec<bool> {
        let mut valid = Vec::with_capacity(self.models.len());
        for (at, model) in self.models.iter().enumerate() {
            let there = &self.there[self.inputs[at].clone()];
            let offers = moved[at] < self.most[at] && model.valid(there);
            for reader in &self.readers[at] {
                let end = &mut self.ends[*reader];
                end.offered = offers && !end.done;
                self.there[*reader] = end.offered || end.fifo.is_some_and(|(_, count)| count > 0);
            }
            valid.push(offers);
        }
        valid
    }

    /// Whether the readers of every process have room, from the last to the first.
    fn take(&mut self) -> Vec<bool> {
        let mut ready = vec![false; self.models.len()];
        for (at, all_ready) in ready.iter_mut().enumerate().rev() {
            let room = |it: &usize| self.ends[*it].done || self.ends[*it].room(self.ready[*it]);
            *all_ready = self.readers[at].iter().all(room);
            let inputs = self.inputs[at].clone();
            let there = &self.there[inputs.clone()];
            for (port, ready) in self.ready[inputs].iter_mut().enumerate() {
                *ready = self.models[at].ready(port, there, *all_ready);
            }
        }
        ready
    }

    /// The clock edge.
    fn edge(&mut self, valid: &[bool], ready: &[bool], moved: &mut [usize]) -> bool {
        let mut any = false;
        for (took, (there, ready)) in self.took.iter_mut().zip(self.there.iter().zip(&self.ready)) {
            *took = *there && *ready;
            any |= *took;
        }
        for (at, moved) in moved.iter_mut().enumerate() {
            let inputs = self.inputs[at].clone();
            let there = &self.there[inputs.clone()];
            self.models[at].step(there, &self.took[inputs], ready[at]);
            match self.flow.processes[at].kind {
                Kind::Source(_) => *moved += usize::from(valid[at] && ready[at]),
                Kind::Sink(_) => *moved += usize::from(there.iter().all(|it| *it)),
                _ => {}
            }
            let several = self.readers[at].len() > 1;
            for reader in &self.readers[at] {
                let takes = self.ready[*reader];
                let end = &mut self.ends[*reader];
                let took = end.offered && end.room(takes);
                any |= took;
                end.waits = several && end.offered && !took;
                if valid[at] {
                    end.done = !ready[at] && (end.done || took);
                }
                if let Some((depth, count)) = &mut end.fifo {
                    let pop = *count > 0 && takes;
                    let push = end.offered && *count < *depth && !(*count == 0 && takes);
                    *count = *count + usize::from(push) - usize::from(pop);
                    end.most = end.most.max(*count);
                }
            }
        }
        any
    }
}
