//! The best closure of a graph whose nodes are worth something: a minimum cut.
//!
//! A closure holds with every node all that the node asks for. What it is worth is the sum of its
//! nodes, and the best one is one side of a minimum cut between what is gained and what is paid
//! (Picard 1976). The flow is found by push and relabel (Goldberg, Tarjan 1988), first in, first out,
//! with heights from time to time set to the true distances. Flow stays valid when a node comes to
//! ask for more, so the same network is used again.

use std::collections::VecDeque;

/// No way to a node that pays.
const FAR: u32 = u32::MAX;

/// End of a list of arcs.
const END: u32 = u32::MAX;

/// Larger than all values of a program together.
const UNBOUNDED: i64 = i64::MAX / 4;

/// Half of an arc; the other half is its neighbour.
#[derive(Clone, Copy, Debug)]
struct Arc {
    to: u32,
    next: u32,
    room: i64,
}

/// How much may still be done, counted in looks at arcs and nodes, so that the same program always
/// gets as far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    left: u64,
}

impl Work {
    pub(super) fn new(left: u64) -> Work {
        Work { left }
    }

    /// Takes some; false if there was not so much left.
    pub(super) fn take(&mut self, amount: u64) -> bool {
        let enough = self.left >= amount;
        self.left = self.left.saturating_sub(amount);
        enough
    }
}

/// A graph of nodes with values, and the flow in it.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// What a node gains that no other has used up.
    gain: Vec<i64>,
    /// What a node costs that no other has paid.
    cost: Vec<i64>,
    first: Vec<u32>,
    arcs: Vec<Arc>,
    height: Vec<u32>,
    /// How many nodes have each height.
    level: Vec<u32>,
    /// No node has this height: those above it are cut off.
    gap: u32,
    current: Vec<u32>,
    active: VecDeque<u32>,
}

impl Closure {
    /// Starts anew with nodes that are worth nothing, keeping the memory.
    pub(super) fn clear(&mut self, nodes: usize) {
        self.arcs.clear();
        for (list, value) in [(&mut self.gain, 0), (&mut self.cost, 0)] {
            list.clear();
            list.resize(nodes, value);
        }
        self.first.clear();
        self.first.resize(nodes, END);
    }

    /// Adds a node.
    pub(super) fn node(&mut self) -> u32 {
        self.gain.push(0);
        self.cost.push(0);
        self.first.push(END);
        self.first.len() as u32 - 1
    }

    /// Makes a node worth more, or less; only before the first [`Closure::solve`].
    pub(super) fn add(&mut self, node: u32, worth: i64) {
        self.gain[node as usize] += worth;
    }

    /// With `node` comes `other`.
    pub(super) fn ask(&mut self, node: u32, other: u32) {
        for (from, to, room) in [(node, other, UNBOUNDED), (other, node, 0)] {
            let next = self.first[from as usize];
            self.first[from as usize] = self.arcs.len() as u32;
            self.arcs.push(Arc { to, next, room });
        }
    }

    /// Uses up what can be paid; the worth of the best closure, or `None` if the work ran out.
    pub(super) fn solve(&mut self, work: &mut Work) -> Option<i64> {
        for (gain, cost) in self.gain.iter_mut().zip(&mut self.cost) {
            if *gain < 0 {
                *cost -= *gain;
                *gain = 0;
            }
        }
        let all = (self.first.len() + self.arcs.len()) as u64;
        let mut until_measured = 0;
        self.active.clear();
        loop {
            if until_measured == 0 {
                if !work.take(all) {
                    return None;
                }
                self.measure();
                until_measured = all.max(1000);
            }
            let Some(node) = self.active.pop_front() else { break };
            let looks = self.discharge(node);
            if !work.take(looks) {
                return None;
            }
            until_measured = until_measured.saturating_sub(looks);
        }
        Some(self.gain.iter().sum())
    }

    /// Sets all heights to the distance to the nearest node that pays.
    fn measure(&mut self) {
        let nodes = self.first.len();
        self.height.clear();
        self.height.resize(nodes, FAR);
        self.current.clear();
        self.current.extend_from_slice(&self.first);
        self.level.clear();
        self.level.resize(nodes + 2, 0);
        self.gap = FAR;
        let mut queue = std::mem::take(&mut self.active);
        queue.clear();
        for node in 0..nodes {
            if self.cost[node] > 0 {
                self.height[node] = 1;
                queue.push_back(node as u32);
            }
        }
        while let Some(node) = queue.pop_front() {
            let height = self.height[node as usize] + 1;
            self.level[height as usize - 1] += 1;
            let mut at = self.first[node as usize];
            while at != END {
                let Arc { to, next, .. } = self.arcs[at as usize];
                if self.height[to as usize] == FAR && self.arcs[at as usize ^ 1].room > 0 {
                    self.height[to as usize] = height;
                    queue.push_back(to);
                }
                at = next;
            }
        }
        let gains = (0..nodes).filter(|it| self.gain[*it] > 0 && self.height[*it] != FAR);
        queue.extend(gains.map(|it| it as u32));
        self.active = queue;
    }

    /// Moves the gain of a node toward what pays, until none is left or there is no way. Returns how
    /// many arcs it looked at.
    fn discharge(&mut self, node: u32) -> u64 {
        let this = node as usize;
        let mut looks = 1;
        while self.gain[this] > 0 && self.height[this] < self.gap {
            let at = self.current[this];
            if at == END {
                looks += self.lift(node);
                continue;
            }
            looks += 1;
            let Arc { to, next, room } = self.arcs[at as usize];
            let other = to as usize;
            if room == 0 || self.height[this] != self.height[other].saturating_add(1) {
                self.current[this] = next;
                continue;
            }
            let amount = self.gain[this].min(room);
            self.arcs[at as usize].room -= amount;
            self.arcs[at as usize ^ 1].room += amount;
            self.gain[this] -= amount;
            if self.gain[other] == 0 && amount > self.cost[other] {
                self.active.push_back(to);
            }
            let paid = amount.min(self.cost[other]);
            self.cost[other] -= paid;
            self.gain[other] += amount - paid;
        }
        looks
    }

    /// Lifts a node just above its lowest neighbour.
    fn lift(&mut self, node: u32) -> u64 {
        let mut lowest = FAR;
        let mut looks = 0;
        let mut at = self.first[node as usize];
        while at != END {
            let Arc { to, next, room } = self.arcs[at as usize];
            if room > 0 {
                lowest = lowest.min(self.height[to as usize]);
            }
            looks += 1;
            at = next;
        }
        let level = &mut self.level[self.height[node as usize] as usize];
        *level -= 1;
        if *level == 0 {
            // Every way down leads through all heights.
            self.gap = self.gap.min(self.height[node as usize]);
        }
        let height = lowest.saturating_add(1);
        let lost = height >= self.gap || height as usize >= self.level.len();
        self.height[node as usize] = if lost { FAR } else { height };
        if !lost {
            self.level[height as usize] += 1;
        }
        self.current[node as usize] = self.first[node as usize];
        looks
    }

    /// The smallest of the best closures, after [`Closure::solve`]: what gains that nobody used up
    /// reach.
    pub(super) fn best(&self) -> Vec<u32> {
        let mut inside = vec![false; self.first.len()];
        let gains = (0..self.first.len()).filter(|it| self.gain[*it] > 0);
        let mut found: Vec<u32> = gains.map(|it| it as u32).collect();
        found.iter().for_each(|it| inside[*it as usize] = true);
        let mut done = 0;
        while let Some(node) = found.get(done) {
            let mut at = self.first[*node as usize];
            done += 1;
            while at != END {
                let Arc { to, next, room } = self.arcs[at as usize];
                if room > 0 && !inside[to as usize] {
                    inside[to as usize] = true;
                    found.push(to);
                }
                at = next;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtl::testing::Random;

    /// Against all subsets; arcs are added between solutions, as the scheduler does.
    #[test]
    fn closures_are_the_best() {
        for seed in 0..300 {
            let mut random = Random(seed);
            let nodes = 1 + random.below(9);
            let worth: Vec<i64> = (0..nodes).map(|_| random.below(21) as i64 - 10).collect();
            let mut asks: Vec<(u32, u32)> = Vec::new();
            let mut closure = Closure::default();
            closure.clear(nodes);
            worth.iter().enumerate().for_each(|(node, it)| closure.add(node as u32, *it));
            for _ in 0..4 {
                for _ in 0..random.below(6) {
                    let ask = (random.below(nodes) as u32, random.below(nodes) as u32);
                    if ask.0 != ask.1 {
                        closure.ask(ask.0, ask.1);
                        asks.push(ask);
                    }
                }
                let found = closure.solve(&mut Work::new(1_000_000)).unwrap();
                let value = |set: u32| -> Option<i64> {
                    let has = |it: u32| set >> it & 1 == 1;
                    let closed = asks.iter().all(|(a, b)| !has(*a) || has(*b));
                    let all = (0..nodes).filter(|it| has(*it as u32));
                    closed.then(|| all.map(|it| worth[it]).sum())
                };
                let best = (0..1u32 << nodes).filter_map(value).max();
                assert_eq!(Some(found), best, "seed {seed}: {worth:?} {asks:?}");
                let set = closure.best().into_iter().fold(0, |set, it| set | 1 << it);
                assert_eq!(value(set), best, "seed {seed}");
            }
        }
        let mut closure = Closure::default();
        closure.clear(2);
        closure.add(0, 1);
        assert_eq!(closure.solve(&mut Work::new(1)), None);
    }
}
