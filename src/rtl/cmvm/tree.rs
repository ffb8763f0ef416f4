//! A tree of additions over the terms of one column, and its improvement by exchanges.
//!
//! The best tree over sorted terms joins neighbours only. Exchanging two small parts of about the same
//! shift often saves another bit: first downhill, then over the plain that is left, in turns, for a
//! fixed number of rounds. The depth never grows beyond the limit.

use super::pool::{Pool, Term};
use super::span::{Span, Whole};

/// Parts of more terms than this stay where they are: exchanging them hardly ever helps.
const LARGEST_PART: u32 = 4;

/// Parts whose shifts differ by more are not exchanged.
const MOST_APART: i32 = 2;

/// Bits that the sums above two exchanged parts are thought to regain at the most.
const MOST_REGAINED: i32 = 1;

const NONE: u32 = u32::MAX;

/// A term or a sum, as [`Pool::add`] would build it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node<W> {
    operands: Option<[u32; 2]>,
    parent: u32,
    shift: i32,
    negate: bool,
    span: Span<W>,
    /// Carry chain.
    cost: i32,
    depth: u32,
    terms: u32,
}

impl<W: Whole> Node<W> {
    /// The sum of two nodes.
    fn join(x: &Node<W>, y: &Node<W>) -> Node<W> {
        let (low, high) = if x.shift <= y.shift { (x, y) } else { (y, x) };
        let (shift, negate) = (high.shift - low.shift, high.negate != low.negate);
        let (upper, shift) = (high.span.negated_if(negate), shift as u32);
        Node {
            operands: None,
            parent: NONE,
            span: low.span.plus(upper, shift),
            cost: low.span.chain(upper, shift, negate) as i32,
            depth: x.depth.max(y.depth) + 1,
            terms: x.terms + y.terms,
            ..*low
        }
    }
}

/// The last node is the root until parts are exchanged; it stays where it is.
#[derive(Clone, Debug)]
pub(super) struct Tree<W> {
    nodes: Vec<Node<W>>,
    /// What the last exchange has changed, as it was.
    before: Vec<(u32, Node<W>)>,
}

impl<W: Whole> Tree<W> {
    /// Terms, not joined yet: nodes `0 .. n`.
    pub(super) fn new(pool: &Pool<W>, terms: &[Term]) -> Tree<W> {
        let leaf = |term: &Term| Node {
            operands: None,
            parent: NONE,
            shift: i32::from(term.shift),
            negate: term.negate,
            span: pool.span(term.value),
            cost: 0,
            depth: pool.depth(term.value),
            terms: 1,
        };
        Tree { nodes: terms.iter().map(leaf).collect(), before: Vec::new() }
    }

    /// Joins two nodes that have no parent.
    pub(super) fn join(&mut self, x: u32, y: u32) -> u32 {
        let joined = Node::join(&self.nodes[x as usize], &self.nodes[y as usize]);
        let at = self.nodes.len() as u32;
        self.nodes.push(Node { operands: Some([x, y]), ..joined });
        self.nodes[x as usize].parent = at;
        self.nodes[y as usize].parent = at;
        at
    }

    /// Joins all nodes to a tree of the least depth: the two shallowest first (Huffman 1952).
    pub(super) fn join_shallowest(&mut self) {
        let mut open: Vec<u32> = (0..self.nodes.len() as u32).collect();
        while open.len() > 1 {
            open.sort_by_key(|at| {
                let node = &self.nodes[*at as usize];
                (std::cmp::Reverse(node.depth), node.shift, *at)
            });
            if let Some((x, y)) = open.pop().zip(open.pop()) {
                open.push(self.join(x, y));
            }
        }
    }

    /// Exchanges parts for some rounds; no deeper than `limit`, or than it is.
    pub(super) fn improve(&mut self, limit: u32, rounds: u32) {
        let Some(root) = self.nodes.last() else { return };
        let limit = limit.max(root.depth);
        for round in 0..rounds {
            // Downhill in even rounds, over the plain in odd ones.
            let most = if round % 2 == 0 { -1 } else { 0 };
            for x in 0..self.nodes.len() as u32 {
                if self.nodes[x as usize].terms > LARGEST_PART {
                    continue;
                }
                for y in x + 1..self.nodes.len() as u32 {
                    if self.is_worth_a_try(x, y)
                        && self.growth_at_once(x, y) <= most + MOST_REGAINED
                    {
                        let change = self.exchange(x, y);
                        if change > most || self.nodes[self.nodes.len() - 1].depth > limit {
                            self.take_back();
                        }
                    }
                }
            }
        }
    }

    /// Full adders, and additions on the longest path.
    pub(super) fn cost(&self) -> (u32, u32) {
        let bits = self.nodes.iter().map(|it| it.cost as u32).sum();
        (bits, self.nodes.last().map_or(0, |it| it.depth))
    }

    fn is_worth_a_try(&self, x: u32, y: u32) -> bool {
        let (a, b) = (&self.nodes[x as usize], &self.nodes[y as usize]);
        a.terms <= LARGEST_PART
            && b.terms <= LARGEST_PART
            && (a.shift - b.shift).abs() <= MOST_APART
            && (a.shift, a.negate, a.span) != (b.shift, b.negate, b.span)
            && a.parent != b.parent
            && a.parent != NONE
            && b.parent != NONE
            && !self.is_above(x, y)
            && !self.is_above(y, x)
    }

    /// By how much the two sums grow whose parts would be exchanged; what is above them is not looked at.
    fn growth_at_once(&self, x: u32, y: u32) -> i32 {
        let growth = |part: u32, instead: u32| {
            let above = &self.nodes[self.nodes[instead as usize].parent as usize];
            let other = above.operands.into_iter().flatten().find(|it| *it != instead);
            other.map_or(0, |it| {
                Node::join(&self.nodes[it as usize], &self.nodes[part as usize]).cost - above.cost
            })
        };
        growth(y, x) + growth(x, y)
    }

    fn is_above(&self, x: u32, mut y: u32) -> bool {
        // Small parts have few levels.
        while y != NONE && self.nodes[y as usize].terms <= LARGEST_PART {
            if x == y {
                return true;
            }
            y = self.nodes[y as usize].parent;
        }
        false
    }

    /// Exchanges two parts; by how much the cost grows.
    fn exchange(&mut self, x: u32, y: u32) -> i32 {
        let (above_x, above_y) = (self.nodes[x as usize].parent, self.nodes[y as usize].parent);
        self.before.clear();
        self.before.extend([x, y, above_x, above_y].map(|it| (it, self.nodes[it as usize])));
        self.put(y, above_x, x);
        self.put(x, above_y, y);
        self.renew(above_x) + self.renew(above_y)
    }

    fn take_back(&mut self) {
        for (at, node) in self.before.drain(..).rev() {
            self.nodes[at as usize] = node;
        }
    }

    fn put(&mut self, part: u32, parent: u32, instead: u32) {
        if let Some(operands) = &mut self.nodes[parent as usize].operands {
            operands.iter_mut().filter(|it| **it == instead).for_each(|it| *it = part);
        }
        self.nodes[part as usize].parent = parent;
    }

    /// Computes the sums from a node upwards anew; by how much the cost grows.
    fn renew(&mut self, mut at: u32) -> i32 {
        let mut growth = 0;
        while at != NONE {
            let old = self.nodes[at as usize];
            let Some([x, y]) = old.operands else { break };
            let joined = Node::join(&self.nodes[x as usize], &self.nodes[y as usize]);
            let new = Node { operands: old.operands, parent: old.parent, ..joined };
            if new == old {
                break;
            }
            growth += new.cost - old.cost;
            self.before.push((at, old));
            self.nodes[at as usize] = new;
            at = old.parent;
        }
        growth
    }

    /// Builds the sums of the terms that the tree was made of; `None` for none.
    pub(super) fn build(&self, pool: &mut Pool<W>, terms: &[Term]) -> Option<Term> {
        // Post-order over an explicit stack: what is open, then what is done.
        let mut open = vec![(self.nodes.len().checked_sub(1)? as u32, false)];
        let mut done: Vec<Term> = Vec::new();
        while let Some((at, ready)) = open.pop() {
            match self.nodes[at as usize].operands {
                None => done.push(terms[at as usize]),
                Some(_) if ready => {
                    let (y, x) = (done.pop(), done.pop());
                    let (x, y) = x.zip(y).expect("both operands were built");
                    done.push(pool.add(x, y));
                }
                Some([x, y]) => open.extend([(at, true), (y, false), (x, false)]),
            }
        }
        done.pop()
    }
}
