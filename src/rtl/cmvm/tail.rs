//! Adds up what is left of a column: the tree with the fewest full adders for every depth.
//!
//! [`Intervals`] finds the best tree over terms in a given order that joins neighbours. Low parts under
//! high parts is what leaves low bits free, so terms are sorted by shift; of two orders of terms with
//! equal shifts the better is kept.

use super::intervals::Intervals;
use super::pool::{Pool, Term};
use super::span::Whole;
use super::tree::Tree;

/// More terms than this are joined in pairs of equal depth first, which wastes no depth.
pub(super) const MOST_TERMS: usize = 100;

/// Register bits of an output for every level of additions: some twenty bits after some seven levels.
const LEVEL_BITS: u64 = 5;

/// The best trees of one column.
pub(super) struct Tail {
    terms: Vec<Term>,
    best: Intervals,
}

/// What a graph of so many outputs costs, in full adders: levels of additions fill pipeline stages, and
/// each stage takes registers.
pub(super) fn price(bits: u32, depth: u32, outputs: usize) -> u64 {
    u64::from(bits) + LEVEL_BITS * u64::from(depth) * outputs as u64
}

/// Least depth to which a column's terms can be added.
pub(super) fn least_depth<W: Whole>(pool: &Pool<W>, terms: &[Term]) -> u32 {
    let kraft: u128 = terms.iter().map(|it| 1u128 << pool.depth(it.value).min(100)).sum();
    match kraft {
        0 | 1 => 0,
        _ => 128 - (kraft - 1).leading_zeros(),
    }
}

impl Tail {
    /// Finds all trees up to a depth; joins terms right away where there are very many.
    pub(super) fn new<W: Whole>(pool: &mut Pool<W>, mut terms: Vec<Term>, limit: u32) -> Tail {
        pair_up(pool, &mut terms);
        let mut keyed: Vec<(u32, Term)> =
            terms.into_iter().map(|it| (pool.span(it.value).bits(), it)).collect();
        keyed.sort_unstable_by_key(|(bits, it)| (it.shift, *bits, it.value));
        let solved = |keyed: &[(u32, Term)]| {
            let terms: Vec<Term> = keyed.iter().map(|it| it.1).collect();
            let best = Intervals::new(pool, &terms, limit);
            Tail { terms, best }
        };
        let by_shift = solved(&keyed);
        keyed.sort_unstable_by_key(|(bits, it)| (it.shift, u32::MAX - *bits, it.value));
        if keyed.len() < 3 || keyed.iter().map(|it| it.1).eq(by_shift.terms.iter().copied()) {
            return by_shift;
        }
        let widest_first = solved(&keyed);
        let worth = |it: &Tail| it.price(it.best_depth());
        if worth(&widest_first) < worth(&by_shift) { widest_first } else { by_shift }
    }

    /// The depth at which one more level no longer saves enough.
    pub(super) fn best_depth(&self) -> u32 {
        let limit = self.best.limit;
        (self.best.base..=limit).min_by_key(|it| self.price(*it)).unwrap_or(limit)
    }

    fn price(&self, depth: u32) -> u64 {
        self.cost(depth).map_or(u64::MAX, |bits| price(bits, depth, 1))
    }

    /// Carry chains of the best tree of at most a depth; `None` if there is no tree.
    pub(super) fn cost(&self, depth: u32) -> Option<u32> {
        match self.terms.len() {
            0 => Some(0),
            n => self.best.cost(0, n - 1, depth),
        }
    }

    /// Full adders and depth of the tree that [`Tail::tree`] gives.
    pub(super) fn outcome<W: Whole>(&self, pool: &Pool<W>, depth: u32) -> (u32, u32) {
        let last = self.terms.len().saturating_sub(1);
        match self.cost(depth) {
            Some(bits) if last > 0 => (bits, self.best.shallowest(0, last, depth)),
            Some(bits) => (bits, self.terms.first().map_or(0, |it| pool.depth(it.value))),
            None => self.tree(pool, depth).cost(),
        }
    }

    /// The terms that [`Tail::tree`] joins.
    pub(super) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The best tree of at most a depth, or, if there is none, one as shallow as can be.
    pub(super) fn tree<W: Whole>(&self, pool: &Pool<W>, depth: u32) -> Tree<W> {
        let n = self.terms.len();
        let mut tree = Tree::new(pool, &self.terms);
        if n < 2 {
            return tree;
        }
        if self.cost(depth).is_none() {
            tree.join_shallowest();
            return tree;
        }
        // Post-order over an explicit stack: what is open, then what is done.
        let mut open = vec![(0, n - 1, self.best.shallowest(0, n - 1, depth), false)];
        let mut done: Vec<u32> = Vec::new();
        while let Some((first, last, level, ready)) = open.pop() {
            if first == last {
                done.push(first as u32);
            } else if ready {
                let (high, low) = (done.pop(), done.pop());
                let (low, high) = low.zip(high).expect("both parts were built");
                done.push(tree.join(low, high));
            } else {
                let split = self.best.split(first, last, level - 1);
                open.push((first, last, level, true));
                for (first, last) in [(split + 1, last), (first, split)] {
                    let level = self.best.shallowest(first, last, level - 1);
                    open.push((first, last, level, false));
                }
            }
        }
        tree
    }
}

/// Joins neighbours of the least depth until there are few enough.
fn pair_up<W: Whole>(pool: &mut Pool<W>, terms: &mut Vec<Term>) {
    while terms.len() > MOST_TERMS {
        terms.sort_by_key(|it| {
            (pool.depth(it.value), it.shift, pool.span(it.value).bits(), it.value)
        });
        let depth = pool.depth(terms[0].value);
        let equal = terms.iter().take_while(|it| pool.depth(it.value) == depth).count();
        if equal < 2 {
            let joined = pool.add(terms[0], terms[1]);
            terms.splice(..2, [joined]);
            continue;
        }
        let pairs = (equal / 2).min(terms.len() - MOST_TERMS);
        let joined: Vec<Term> =
            terms[..2 * pairs].chunks(2).map(|pair| pool.add(pair[0], pair[1])).collect();
        terms.splice(..2 * pairs, joined);
    }
}
