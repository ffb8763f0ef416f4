//! When every token moves: FIFO depths, latency and initiation interval, cycle for cycle.
//!
//! The processes are run on valid and ready alone, as their modules in `rtl-templates/` behave, at full
//! rate: inputs always offered, outputs always taken. First with room without end where several
//! streams meet; what they fill there is the depth of their FIFOs. Then again with these: the
//! figures are those that a simulation of the hardware measures.
//!
//! No stall can deadlock a design with such FIFOs. Where paths from one fork meet again, the longer path
//! needs a number of tokens before it gives its first, and the FIFO of the shorter one must hold as many:
//! at full rate it has held them.

mod models;

use std::collections::BTreeMap;

use self::models::Model;
use super::{Dataflow, Kind, ProcessId};

/// What was found out about a dataflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Words in front of an input of a process, where there are any.
    pub fifos: BTreeMap<(ProcessId, usize), usize>,
    /// Cycles from the first input beat of a sample to its first output beat.
    pub first: u64,
    /// Cycles from the first input beat of a sample to its last output beat.
    pub latency: u64,
    /// Cycles between samples at full rate.
    pub interval: u64,
}

/// Samples that are run: behind the first ones the rate is steady.
const SAMPLES: usize = 6;

/// Plans a dataflow, from the latency of each kernel.
pub fn plan(flow: &Dataflow, latency: impl Fn(ProcessId) -> u32) -> Plan {
    let mut fifos = BTreeMap::new();
    for (at, process) in flow.processes.iter().enumerate() {
        let ports = 0..process.inputs.len();
        let meets = ports.filter(|_| process.inputs.len() > 1);
        fifos.extend(meets.map(|port| ((ProcessId(at), port), usize::MAX)));
    }
    let open = Simulation::new(flow, &latency, &fifos).run();
    for (at, depth) in &mut fifos {
        // A FIFO that is never filled is not built.
        *depth = open.filled.get(at).copied().unwrap_or(0);
    }
    fifos.retain(|_, depth| *depth > 0);
    let timed = Simulation::new(flow, &latency, &fifos).run();
    let Timed { starts, firsts, ends, .. } = timed;
    let steady = starts.len() - 1;
    Plan {
        fifos,
        first: firsts[0] - starts[0],
        latency: ends[0] - starts[0],
        interval: starts[steady] - starts[steady - 1],
    }
}

/// What a run at full rate gave, in cycles.
struct Timed {
    /// Words that each FIFO held at most.
    filled: BTreeMap<(ProcessId, usize), usize>,
    /// The first beat of each sample went in.
    starts: Vec<u64>,
    /// The first beat of each sample came out.
    firsts: Vec<u64>,
    /// The last beat of each sample came out.
    ends: Vec<u64>,
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
    valid: bool,
    /// The reader takes a word.
    ready: bool,
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
    /// By process: who reads any of its outputs.
    readers: Vec<Vec<(usize, usize)>>,
}

impl<'f> Simulation<'f> {
    fn new(
        flow: &'f Dataflow,
        latency: impl Fn(ProcessId) -> u32,
        fifos: &BTreeMap<(ProcessId, usize), usize>,
    ) -> Simulation<'f> {
        let end = |process, port| End {
            fifo: fifos.get(&(ProcessId(process), port)).map(|depth| (*depth, 0)),
            ..End::default()
        };
        let ends = flow.processes.iter().enumerate();
        let ends = ends.map(|(at, it)| (0..it.inputs.len()).map(|port| end(at, port)).collect());
        let readers = flow.processes.iter().map(|it| {
            let readers = it.outputs.iter().flat_map(|id| flow.readers(*id));
            readers.map(|(process, port)| (process.0, port)).collect()
        });
        let models = (0..flow.processes.len()).map(ProcessId);
        let models = models.map(|it| Model::new(flow, it, latency(it))).collect();
        Simulation { flow, models, ends: ends.collect(), readers: readers.collect() }
    }

    fn run(mut self) -> Timed {
        let tokens = |wanted: fn(&Kind) -> bool| {
            let found = self.flow.processes.iter().find(|it| wanted(&it.kind));
            found.map_or(1, |it| {
                let id = it.inputs.first().or(it.outputs.first());
                id.map_or(1, |id| self.flow.stream(*id).tokens)
            })
        };
        let beats_in = tokens(|it| matches!(it, Kind::Source(_)));
        let beats_out = tokens(|it| matches!(it, Kind::Sink(_)));
        let (mut taken, mut given) = (0, 0);
        let (mut starts, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
        for cycle in 0.. {
            let (into, out) = self.cycle();
            if into {
                if taken % beats_in == 0 {
                    starts.push(cycle);
                }
                taken += 1;
            }
            if out {
                if given % beats_out == 0 {
                    firsts.push(cycle);
                }
                given += 1;
                if given % beats_out == 0 {
                    lasts.push(cycle);
                }
            }
            if lasts.len() == SAMPLES {
                break;
            }
        }
        let filled = self.ends.iter().enumerate().flat_map(|(at, ends)| {
            ends.iter().enumerate().map(move |(port, it)| ((ProcessId(at), port), it.most))
        });
        Timed { filled: filled.collect(), starts, firsts, ends: lasts }
    }

    /// A clock cycle; whether the first source gave a token, and whether the first sink took one.
    fn cycle(&mut self) -> (bool, bool) {
        let count = self.flow.processes.len();
        let mut valid = vec![false; count];
        for at in 0..count {
            let all = self.ends[at].iter().all(|it| it.valid);
            valid[at] = self.models[at].valid(all);
            for (reader, port) in &self.readers[at] {
                let end = &mut self.ends[*reader][*port];
                end.offered = valid[at] && !end.done;
                end.valid = end.offered || end.fifo.is_some_and(|(_, count)| count > 0);
            }
        }
        let mut ready = vec![false; count];
        for at in (0..count).rev() {
            let ends = &self.ends;
            let room = |(reader, port): &(usize, usize)| {
                let end = &ends[*reader][*port];
                end.done || end.room()
            };
            ready[at] = self.readers[at].iter().all(room);
            let all = self.ends[at].iter().all(|it| it.valid);
            let takes = self.models[at].ready(all, ready[at]);
            self.ends[at].iter_mut().for_each(|it| it.ready = takes);
        }
        let (mut into, mut out) = (false, false);
        for at in 0..count {
            let all = self.ends[at].iter().all(|it| it.valid);
            let takes = self.ends[at].first().is_none_or(|it| it.ready);
            self.models[at].step(all, takes, ready[at]);
            match self.flow.processes[at].kind {
                Kind::Source(0) => into |= valid[at] && ready[at],
                Kind::Sink(0) => out |= all,
                _ => {}
            }
            for (reader, port) in &self.readers[at] {
                let end = &mut self.ends[*reader][*port];
                let took = end.offered && end.room();
                if valid[at] {
                    end.done = !ready[at] && (end.done || took);
                }
                if let Some((depth, count)) = &mut end.fifo {
                    let pop = *count > 0 && end.ready;
                    let push = end.offered && *count < *depth && !(*count == 0 && end.ready);
                    *count = *count + usize::from(push) - usize::from(pop);
                    end.most = end.most.max(*count);
                }
            }
        }
        (into, out)
    }
}
