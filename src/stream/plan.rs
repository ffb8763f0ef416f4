//! When every token moves: FIFO depths, latency and initiation interval, cycle for cycle.
//!
//! The processes are run on valid and ready alone, as their modules in `rtl-templates/` behave, at full
//! rate: inputs always offered, outputs always taken. The figures are those that a simulation of the
//! hardware measures.
//!
//! Where several read a stream, the paths may meet again, and the longer one needs a number of tokens
//! before it gives its first: the shorter one's reader must have a FIFO for them. The processes are run
//! without any FIFO first; where they come to a halt, the readers that hold the others up get room
//! without end, until nothing halts; then also those of which, alone or together, the design becomes faster. What such a
//! FIFO held at most is enough; its depth is the smallest with which interval and latency stay as
//! they are. As a halt depends on how many tokens go where, not when, no stall outside can bring one about.

mod models;
mod pipelines;
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::simulation::{Simulation, Timed};
use super::{Dataflow, Kind, ProcessId, StreamId};

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

/// What a kernel holds besides a token for every cycle of its latency, so that it never waits for its
/// own credits: one that is seen to be taken a cycle later, and another one as margin.
const ENDS: usize = 2;

/// Tokens that a kernel of so many cycles can use room for.
pub fn whole_room(latency: u32) -> usize {
    latency as usize + ENDS
}

/// FIFOs that are tried alone, one after the other, of which nothing becomes faster.
const MOST_ALONE: usize = 32;

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
        let mut in_vain = 0;
        while timed.figures() > fastest.figures() && in_vain < MOST_ALONE {
            let waits = timed.waits.iter().find(|it| !tried.contains(it)).copied();
            let Some(waits) = waits else { break };
            tried.insert(waits);
            let mut more = open.clone();
            more.insert(waits, usize::MAX);
            match run(&more) {
                Ok(faster) if faster.figures() < timed.figures() => {
                    (open, timed) = (more, faster);
                    (tried, in_vain) = (endless(&open), 0);
                }
                _ => in_vain += 1,
            }
        }
        if timed.figures() > fastest.figures() {
            (open, timed) = together(run, open, timed);
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

/// Room for all that hold others up at once, where none of it alone makes anything faster: of several branches
/// the next one holds up as well. As long as others come to hold up, they get it too.
fn together(
    run: impl Fn(&Fifos) -> Result<Timed, Vec<(ProcessId, usize)>>,
    open: Fifos,
    timed: Timed,
) -> (Fifos, Timed) {
    let (mut best, mut more) = ((open.clone(), timed), open);
    let mut waits = best.1.waits.clone();
    loop {
        let before = more.clone();
        more.extend(waits.into_iter().map(|it| (it, usize::MAX)));
        let Ok(timed) = run(&more) else { return best };
        waits = timed.waits.clone();
        if timed.figures() < best.1.figures() {
            best = (more.clone(), timed);
        }
        if more == before {
            return best;
        }
    }
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
    loop {
        let before = fifos.clone();
        for (reader, depth) in &before {
            // All depths from `enough` on are as good, all below `few` are not.
            let (mut few, mut enough) = (least(reader), *depth);
            // Mostly all words are needed.
            let mut tried = depth - 1;
            while few < enough {
                match run(&with_depth(&fifos, *reader, tried)) {
                    Ok(as_fast) if as_fast.figures() <= wanted => {
                        (enough, timed) = (tried, as_fast);
                    }
                    _ => few = tried + 1,
                }
                tried = few + (enough - few) / 2;
            }
            fifos = with_depth(&fifos, *reader, enough);
        }
        // With fewer words in one, another may need fewer.
        if fifos == before {
            return (fifos, timed);
        }
    }
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
