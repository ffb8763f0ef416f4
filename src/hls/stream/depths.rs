//! Depths of FIFOs, and when every token moves by the estimate of the kernels.
//!
//! # Why nothing comes to a halt
//!
//! A process takes and gives tokens in an order that depends neither on their values nor on time, and
//! waits where it cannot. Whether such a network comes to a halt depends on how many tokens there is
//! room for alone, not on how fast anything is, and more room never hurts. [`plan`](plan::plan) runs the
//! processes of the direct path, with kernels of no latency, until none halts. Nowhere is there less
//! room here: its kernels keep two tokens, here a FIFO of [`DEPTH`] is in front of every task; its
//! windows and repacks keep no more of a sample than the tasks do, and a loop keeps no token but its state. So the depths that it finds behind
//! forks are enough for tasks that give what they can.
//!
//! A pipeline of the vendor's may give less: tokens stay inside of it until others come. A fork whose
//! one branch keeps tokens so, and whose other branch is full because it waits for them, would be the
//! end. So the FIFO of each reader behind a fork has room besides for all that the other branches can
//! keep until they meet with this one: a token for every initiation interval of each pipeline's
//! latency, as many as the fork gives for it where tokens grow. Latencies are twice those estimated of
//! the kernels (published builds are met within 1.4), and [`SLACK`] tokens are for what else a task
//! does. A FIFO for the whole sample is always enough: the loops of all tasks end with it, and a loop
//! that ends gives everything. The tests run such pipelines; the scripts ask for pipelines that
//! keep nothing, where the tool has them.
//!
//! The same run with estimated kernels gives the depths with which no branch slows down another, the
//! latency and the interval. The greater depth is taken.

use std::collections::{BTreeMap, BTreeSet};

use super::channels::DEPTH;
use crate::stream::plan::{self, Plan, Timing};
use crate::stream::{Dataflow, Kind, ProcessId, StreamId};

/// Tokens inside of a task besides those in its kernels.
const SLACK: usize = 4;

/// Words in front of an input of a process, where there are more than two.
pub type Depths = BTreeMap<(ProcessId, usize), usize>;

/// The timing of a dataflow in C++.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// By the estimate of its kernels; its FIFOs are those that speed asks for.
    pub plan: Plan,
    /// FIFOs as they are built.
    pub depths: Depths,
}

/// Plans a dataflow from what is estimated of each kernel.
pub fn schedule(flow: &Dataflow, timing: impl Fn(ProcessId) -> Timing) -> Schedule {
    let counted = plan::plan(flow, |_| 0);
    let plan = plan::paced(flow, &timing);
    let inside = |it: ProcessId| {
        if let Kind::Permute(order) = &flow.processes[it.0].kind
            && !order.is_selection()
        {
            // All of a sample comes in before anything goes out.
            return order.tokens;
        }
        let Timing { latency, interval } = timing(it);
        2 * (latency as usize).div_ceil(interval.max(1) as usize) + SLACK
    };
    let mut depths = Depths::new();
    for process in &flow.processes {
        let read = |it: &StreamId| {
            let id = *it;
            flow.readers(id).into_iter().map(move |reader| (id, reader))
        };
        let readers: Vec<_> = process.outputs.iter().flat_map(read).collect();
        if readers.len() < 2 {
            continue;
        }
        for (stream, reader) in &readers {
            let tokens = flow.stream(*stream).tokens;
            let found = |it: &Plan| it.fifos.get(reader).copied().unwrap_or(0);
            let words = found(&counted).max(found(&plan)).max(DEPTH);
            let others = readers.iter().filter(|it| it.1 != *reader).map(|it| it.1.0);
            let kept = |it: ProcessId| {
                let taken = flow.processes[it.0].inputs.first();
                let taken = taken.map_or(tokens, |it| flow.stream(*it).tokens);
                inside(it) * tokens.div_ceil(taken.max(1))
            };
            let margin: usize = beside(flow, reader.0, others).into_iter().map(kept).sum();
            depths.insert(*reader, words.max(tokens.min(words + margin)));
        }
    }
    Schedule { plan, depths }
}

/// The processes of other branches of a fork, up to where they meet with one's own.
fn beside(
    flow: &Dataflow,
    own: ProcessId,
    others: impl Iterator<Item = ProcessId>,
) -> BTreeSet<ProcessId> {
    let own = behind(flow, [own].into());
    // Processes come after those they read.
    let mut meeting = own.clone();
    for (at, process) in flow.processes.iter().enumerate().rev() {
        if meeting.contains(&ProcessId(at)) {
            meeting.extend(process.inputs.iter().map(|it| flow.stream(*it).from));
        }
    }
    let mut beside = behind(flow, others.collect());
    beside.retain(|it| meeting.contains(it) && !own.contains(it));
    beside
}

/// Processes and all that what they make comes to.
fn behind(flow: &Dataflow, mut behind: BTreeSet<ProcessId>) -> BTreeSet<ProcessId> {
    for (at, process) in flow.processes.iter().enumerate() {
        if process.inputs.iter().any(|it| behind.contains(&flow.stream(*it).from)) {
            behind.insert(ProcessId(at));
        }
    }
    behind
}
