//! A quick first guess: moves operations to later stages where that saves register bits.
//!
//! One sweep from the outputs back looks at every operation once: how late it may be follows from
//! its readers, which have moved already; the cost is piecewise linear and convex in the stage, so it
//! suffices to try the places where its slope changes. Bits that many operations read are worth
//! keeping only if most of those move: one kind of sweep asks each for its share of the cost, another
//! for all of it, and a sweep that does not pay is taken back. This is greedy; [`super::descent`]
//! makes it exact.

use super::bounds::{Clock, Demand};
use super::graph::Graph;

/// More sweeps than this rarely find anything.
const MAX_SWEEPS: usize = 4;

/// Improves an assignment of stages that meets the clock.
pub(super) fn settle(graph: &Graph, clock: Clock, stages: u32, mut stage: Vec<u32>) -> Vec<u32> {
    let mut best = graph.register_bits(&stage, stages);
    for shared in [true, false] {
        for _ in 0..MAX_SWEEPS {
            let moved = Sweep::new(graph, clock, stages, shared, &stage).run();
            let cost = graph.register_bits(&moved, stages);
            if cost >= best {
                break;
            }
            (stage, best) = (moved, cost);
        }
    }
    stage
}

struct Sweep<'a> {
    graph: &'a Graph,
    clock: Clock,
    /// Among how many readers the cost of keeping a segment is shared: all of them or one.
    shared: bool,
    stage: Vec<u32>,
    /// The last stage that reads each segment, so far.
    last: Vec<u32>,
    demands: Vec<Demand>,
    /// Where the cost of the node at hand changes its slope, and by how much.
    turns: Vec<(u32, f64)>,
}

impl<'a> Sweep<'a> {
    fn new(graph: &'a Graph, clock: Clock, stages: u32, shared: bool, stage: &[u32]) -> Self {
        let segments = 0..graph.segments.len() as u32;
        Sweep {
            graph,
            clock,
            shared,
            stage: stage.to_vec(),
            last: segments.map(|it| graph.last(it, stage, stages)).collect(),
            demands: Demand::all(graph, stages),
            turns: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<u32> {
        let movable = (0..self.graph.len() as u32).rev();
        for node in movable.filter(|it| !self.graph.input[*it as usize]) {
            let now = self.stage[node as usize];
            let delay = self.clock.delay(self.graph, node);
            let latest = self.demands[node as usize].latest(delay);
            let at = if latest > now { self.cheapest(node, now, latest) } else { now };
            self.stage[node as usize] = at;
            for segment in self.graph.reads.of(node) {
                let last = &mut self.last[*segment as usize];
                *last = at.saturating_sub(self.graph.hold(node)).max(*last);
            }
            Demand::pass(&mut self.demands, self.graph, self.clock, node, at);
        }
        self.stage
    }

    fn cheapest(&mut self, node: u32, now: u32, latest: u32) -> u32 {
        let graph = self.graph;
        self.turns.clear();
        for segment in graph.reads.of(node) {
            let readers = if self.shared { graph.readers.of(*segment).len() } else { 1 };
            let bits = f64::from(graph.segments[*segment as usize].bits) / readers as f64;
            self.turns.push((self.last[*segment as usize] + graph.hold(node), bits));
        }
        let own = f64::from(graph.bits[node as usize]);
        let turns = &self.turns;
        let cost = |to: u32| {
            let longer = turns.iter().map(|it| it.1 * f64::from(to.saturating_sub(it.0)));
            longer.sum::<f64>() - own * f64::from(to - now)
        };
        let stops = turns.iter().map(|it| it.0).filter(|it| (now..latest).contains(it));
        // Among equals the later one: it gives the operands more room to follow.
        let stops = stops.chain([now, latest]);
        let better = |a: &u32, b: &u32| cost(*a).total_cmp(&cost(*b)).then(b.cmp(a));
        stops.min_by(better).unwrap_or(now)
    }
}
