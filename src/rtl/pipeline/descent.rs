//! Fewest register bits: steepest descent by minimum cuts.
//!
//! Stages obey difference constraints: a node does not read before its operands are there, and no two nodes stand in
//! one stage between which there is a path longer than the clock. The bits in registers are a sum of
//! segments, each its bits times the stages from its node to its last reader. Such a function is
//! L-natural-convex (Murota 2003): if no set of nodes gains by moving up one stage together, and none
//! by moving down, the assignment is the best there is. The best set is a closure of
//! the nodes that can move, where a node asks for those that its constraints push along.
//!
//! There are more pairs of nodes too far apart than one wants to write down. So they are found when
//! a move breaks them: then the cut is taken again with these pairs, until the best move breaks none.
//! A best assignment under some of the constraints that obeys the rest is best under all.

use super::bounds::{self, Clock};
use super::closure::{Closure, Work};
use super::graph::{Graph, NONE};

/// Looks at arcs and nodes: about a second and a half. Adder graphs of 100 000 operations in 15
/// stages take most of it, those of 5 stages a few percent.
const WORK: u64 = 60_000_000;

/// Programs of more nodes get less, because every look at all of them costs more.
const LARGE: u64 = 200_000;

/// What a graph may cost.
fn work(graph: &Graph) -> Work {
    let nodes = (graph.len() as u64).max(LARGE);
    Work::new(WORK * LARGE / nodes)
}

/// Which way nodes move.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Up,
    Down,
}

/// Where the descent ended.
#[derive(Debug)]
pub(super) struct Found {
    /// The assignment.
    pub(super) stage: Vec<u32>,
    /// Whether no other has fewer register bits.
    pub(super) exact: bool,
}

/// The assignment of fewest register bits with so many stages, from one that meets the clock.
pub(super) fn descend(graph: &Graph, clock: Clock, stages: u32, stage: Vec<u32>) -> Found {
    let mut descent = Descent {
        graph,
        clock,
        stages,
        earliest: bounds::earliest(graph, clock),
        latest: bounds::latest(graph, clock, stages),
        stage,
        apart: Vec::new(),
        closure: Closure::default(),
        place: Vec::new(),
        arrival: vec![0; graph.len()],
        from: vec![NONE; graph.len()],
        work: work(graph),
    };
    let mut still = 0;
    let mut way = Way::Up;
    // Up as far as it goes, then down: there nothing can open up a way that was closed, but to see
    // that costs no more than one cut.
    while still < 2 {
        match descent.step(way) {
            None => return Found { stage: descent.stage, exact: false },
            Some(true) => still = 0,
            Some(false) => {
                still += 1;
                way = if way == Way::Up { Way::Down } else { Way::Up };
            }
        }
    }
    Found { stage: descent.stage, exact: true }
}

struct Descent<'a> {
    graph: &'a Graph,
    clock: Clock,
    stages: u32,
    earliest: Vec<u32>,
    latest: Vec<u32>,
    stage: Vec<u32>,
    /// Pairs of nodes, the second at least a stage after the first.
    apart: Vec<(u32, u32)>,
    closure: Closure,
    /// Where each node is in the closure, if it can move.
    place: Vec<u32>,
    /// The longest path within its stage to each node, and the operand that it comes through.
    arrival: Vec<u64>,
    from: Vec<u32>,
    work: Work,
}

impl Descent<'_> {
    /// Moves the best set one stage; false if there is none, `None` if the work ran out.
    fn step(&mut self, way: Way) -> Option<bool> {
        let movable = self.build(way);
        if !self.work.take(4 * self.graph.len() as u64) {
            return None;
        }
        loop {
            if self.closure.solve(&mut self.work)? == 0 {
                return Some(false);
            }
            let places = self.closure.best();
            let nodes: Vec<u32> =
                places.iter().filter_map(|it| movable.get(*it as usize)).copied().collect();
            self.shift(way, &nodes);
            let known = self.apart.len();
            if !self.work.take(2 * self.graph.len() as u64) {
                self.shift(back(way), &nodes);
                return None;
            }
            self.find_too_long();
            if self.apart.len() == known {
                return Some(true);
            }
            self.shift(back(way), &nodes);
            for at in known..self.apart.len() {
                self.ask(way, self.apart[at]);
            }
        }
    }

    fn shift(&mut self, way: Way, nodes: &[u32]) {
        for node in nodes {
            let stage = &mut self.stage[*node as usize];
            match way {
                Way::Up => *stage += 1,
                Way::Down => *stage -= 1,
            }
        }
    }

    /// The first node pushes the second if both can only move together.
    fn ask(&mut self, way: Way, (before, after): (u32, u32)) {
        let (first, second) = if way == Way::Up { (before, after) } else { (after, before) };
        let (first, second) = (self.place[first as usize], self.place[second as usize]);
        // What cannot move at all pushes nothing, and nothing pushes against its bound.
        debug_assert!(first == NONE || second != NONE);
        if first != NONE && second != NONE {
            self.closure.ask(first, second);
        }
    }

    /// Builds the closure of the nodes that can move, and returns those.
    fn build(&mut self, way: Way) -> Vec<u32> {
        let (graph, stages) = (self.graph, self.stages);
        let bound = if way == Way::Up { &self.latest } else { &self.earliest };
        let mut movable = Vec::new();
        self.place.clear();
        self.place.resize(graph.len(), NONE);
        for (node, bound) in bound.iter().enumerate() {
            if self.stage[node] != *bound && !graph.input[node] {
                self.place[node] = movable.len() as u32;
                movable.push(node as u32);
            }
        }
        self.closure.clear(movable.len());
        for (segment, it) in graph.segments.iter().enumerate() {
            let last = graph.last(segment as u32, &self.stage, stages);
            self.worth(way, segment as u32, last, i64::from(it.bits));
        }
        for node in &movable {
            for operand in graph.operands.of(*node) {
                if self.stage[*operand as usize] == graph.read_at(*node, &self.stage) {
                    self.ask(way, (*operand, *node));
                }
            }
        }
        for at in 0..self.apart.len() {
            let (before, after) = self.apart[at];
            if self.stage[before as usize] + 1 == graph.read_at(after, &self.stage) {
                self.ask(way, (before, after));
            }
        }
        movable
    }

    /// What moving does to one segment: its node moves away from or toward its last readers.
    fn worth(&mut self, way: Way, segment: u32, last: u32, bits: i64) {
        let graph = self.graph;
        let it = graph.segments[segment as usize];
        let sign = if way == Way::Up { bits } else { -bits };
        if self.place[it.of as usize] != NONE {
            self.closure.add(self.place[it.of as usize], sign);
        }
        if it.output {
            return;
        }
        let (mut only, mut count, mut fixed) = (NONE, 0, false);
        let at_last = |it: &&u32| graph.read_at(**it, &self.stage) == last;
        for reader in graph.readers.of(segment).iter().filter(at_last) {
            match self.place[*reader as usize] {
                NONE => fixed = true,
                place => (only, count) = (place, count + 1),
            }
        }
        // It ends later if any of them moves up, and earlier only if all move down.
        if count == 0 || way == Way::Down && fixed {
            return;
        }
        if count == 1 {
            self.closure.add(only, -sign);
            return;
        }
        let end = self.closure.node();
        self.closure.add(end, -sign);
        for reader in graph.readers.of(segment) {
            let place = self.place[*reader as usize];
            if graph.read_at(*reader, &self.stage) != last || place == NONE {
                continue;
            }
            match way {
                Way::Up => self.closure.ask(place, end),
                Way::Down => self.closure.ask(end, place),
            }
        }
    }

    /// Notes pairs of nodes in one stage that the clock keeps apart: for every node that ends a path
    /// too long, the nearest one from which the path is.
    fn find_too_long(&mut self) {
        let graph = self.graph;
        for node in 0..graph.len() as u32 {
            let stage = graph.read_at(node, &self.stage);
            let delay = self.clock.delay(graph, node);
            let (mut ready, mut from) = (0, NONE);
            for operand in graph.operands.of(node) {
                let arrival = self.arrival[*operand as usize];
                if self.stage[*operand as usize] != stage {
                    continue;
                }
                if arrival + delay > self.clock.budget {
                    let start = self.start(*operand, delay);
                    self.apart.push((start, node));
                } else if arrival >= ready {
                    (ready, from) = (arrival, *operand);
                }
            }
            // What is too late is as good as in the next stage; those behind it are judged anew.
            self.arrival[node as usize] = ready + delay;
            self.from[node as usize] = from;
        }
    }

    /// The last node on the longest path to `end` from which it is too long, if `delay` follows.
    fn start(&self, end: u32, delay: u64) -> u32 {
        let (mut node, mut length) = (end, delay);
        loop {
            length += self.clock.delay(self.graph, node);
            let from = self.from[node as usize];
            if length > self.clock.budget || from == NONE {
                return node;
            }
            node = from;
        }
    }
}

fn back(way: Way) -> Way {
    if way == Way::Up { Way::Down } else { Way::Up }
}
