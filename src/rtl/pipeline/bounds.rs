//! The earliest and the latest stage of every node.
//!
//! Taking the earliest (stage, arrival time) of every node in turn is optimal for fixed delays: both
//! only grow with those of the operands. The latest stages are the same seen from the outputs.

use super::graph::Graph;

/// A clock as the graph sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Femtoseconds for logic between two registers.
    pub(super) budget: u64,
}

impl Clock {
    /// How long a node takes; what is too slow for a stage just fills one, and so does a module with
    /// registers.
    pub(super) fn delay(self, graph: &Graph, node: u32) -> u64 {
        match graph.ranks[node as usize] {
            0 => graph.delay[node as usize].min(self.budget),
            _ => self.budget,
        }
    }
}

/// The earliest stage of every node.
pub(super) fn earliest(graph: &Graph, clock: Clock) -> Vec<u32> {
    let mut stage = vec![0u32; graph.len()];
    let mut arrival = vec![0u64; graph.len()];
    for node in 0..graph.len() as u32 {
        let operands = graph.operands.of(node).iter();
        let ready = operands.map(|it| (stage[*it as usize], arrival[*it as usize])).max();
        let (at, time) = ready.unwrap_or((0, 0));
        let delay = clock.delay(graph, node);
        let (at, time) = match time + delay <= clock.budget {
            true => (at, time + delay),
            false => (at + 1, delay),
        };
        stage[node as usize] = at + graph.hold(node);
        arrival[node as usize] = time;
    }
    stage
}

/// Number of stages of an assignment; at least 1.
pub(super) fn count(stage: &[u32]) -> u32 {
    stage.iter().copied().max().unwrap_or(0) + 1
}

/// What the readers of a node ask for: the first stage that reads it, and by when it must be ready
/// if it is computed in that stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// The stage.
    pub(super) needed: u32,
    /// The time; `None` if nothing can be computed in that stage.
    pub(super) due: Option<u64>,
}

impl Demand {
    /// One for every node, from the outputs alone.
    pub(super) fn all(graph: &Graph, stages: u32) -> Vec<Demand> {
        // Outputs are read after the last stage, in which nothing can be computed.
        vec![Demand { needed: stages, due: None }; graph.len()]
    }

    /// The latest stage for a node that takes `delay`.
    pub(super) fn latest(self, delay: u64) -> u32 {
        match self.due.is_some_and(|due| delay <= due) {
            true => self.needed,
            false => self.needed.saturating_sub(1),
        }
    }

    /// Hands the demand on to the operands of `node`, which is placed in stage `at`.
    pub(super) fn pass(demands: &mut [Demand], graph: &Graph, clock: Clock, node: u32, at: u32) {
        let Demand { needed, due } = demands[node as usize];
        let ready = if at == needed { due.unwrap_or(0) } else { clock.budget };
        let start = ready.saturating_sub(clock.delay(graph, node));
        let at = at.saturating_sub(graph.hold(node));
        for operand in graph.operands.of(node) {
            let demand = &mut demands[*operand as usize];
            if at < demand.needed {
                *demand = Demand { needed: at, due: Some(start) };
            } else if at == demand.needed {
                demand.due = demand.due.map(|due| due.min(start));
            }
        }
    }
}

/// The latest stage of every node in a pipeline of so many stages.
pub(super) fn latest(graph: &Graph, clock: Clock, stages: u32) -> Vec<u32> {
    let mut demands = Demand::all(graph, stages);
    let mut stage = vec![0u32; graph.len()];
    for node in (0..graph.len() as u32).rev().filter(|it| !graph.input[*it as usize]) {
        let at = demands[node as usize].latest(clock.delay(graph, node));
        stage[node as usize] = at;
        Demand::pass(&mut demands, graph, clock, node, at);
    }
    stage
}
