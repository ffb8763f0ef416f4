//! Adds up what is left of a column: the tree with the fewest full adders for every depth.
//!
//! Terms are sorted by shift. A sum of neighbours is one interval of terms, its carry chain begins
//! where its higher part begins, so the best tree over an interval follows from the best trees over
//! its two halves (dynamic programming, as for the optimal order of a chain of matrix products;
//! Godbole 1973), for every depth by itself. That neighbours are best joined with neighbours is not
//! proved, but low parts under high parts is what leaves low bits free; of two orders of terms with
//! equal shifts the better is kept.

use super::pool::{Pool, Term};
use super::tree::Tree;
use crate::fixed::bits_of;

/// No tree: large, yet sums of two do not overflow.
const NEVER: i32 = i32::MAX / 4;

/// More terms than this are joined in pairs of equal depth first, which wastes no depth.
const MOST_TERMS: usize = 100;

/// Register bits of an output for every level of additions: some twenty bits after some seven levels.
const LEVEL_BITS: u64 = 5;

/// The best trees of one column.
pub(super) struct Tail {
    terms: Vec<Term>,
    /// Least cost by depth; at `d`, of all trees of depth `d` or less.
    costs: Vec<i32>,
    /// `split[(depth * n + first) * n + last]`: the last term of the lower part.
    splits: Vec<u8>,
}

/// What a graph of so many outputs costs, in full adders: levels of additions fill pipeline stages, and
/// each stage takes registers.
pub(super) fn price(bits: u32, depth: u32, outputs: usize) -> u64 {
    u64::from(bits) + LEVEL_BITS * u64::from(depth) * outputs as u64
}

/// Least depth to which a column's terms can be added.
pub(super) fn least_depth(pool: &Pool, terms: &[Term]) -> u32 {
    let kraft: u128 = terms.iter().map(|it| 1u128 << pool.depth(it.value).min(100)).sum();
    match kraft {
        0 | 1 => 0,
        _ => 128 - (kraft - 1).leading_zeros(),
    }
}

impl Tail {
    /// Finds all trees up to a depth; joins terms right away where there are very many.
    pub(super) fn new(pool: &mut Pool, mut terms: Vec<Term>, limit: u32) -> Tail {
        pair_up(pool, &mut terms);
        let mut keyed: Vec<(u32, Term)> =
            terms.into_iter().map(|it| (pool.interval(it.value).bits(), it)).collect();
        keyed.sort_unstable_by_key(|(bits, it)| (it.shift, *bits, it.value));
        let solved = |keyed: &[(u32, Term)]| {
            let terms = keyed.iter().map(|it| it.1).collect();
            let mut tail = Tail { terms, costs: Vec::new(), splits: Vec::new() };
            tail.solve(pool, limit);
            tail
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
        let limit = self.costs.len() as u32 - 1;
        (0..=limit).min_by_key(|it| self.price(*it)).unwrap_or(limit)
    }

    fn price(&self, depth: u32) -> u64 {
        self.cost(depth).map_or(u64::MAX, |bits| price(bits, depth, 1))
    }

    /// Carry chains of the best tree of at most a depth; `None` if there is no tree.
    pub(super) fn cost(&self, depth: u32) -> Option<u32> {
        let cost = *self.costs.get((depth as usize).min(self.costs.len().wrapping_sub(1)))?;
        (cost < NEVER / 2).then_some(cost.max(0) as u32)
    }

    /// The terms that [`Tail::tree`] joins.
    pub(super) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The best tree of at most a depth, or, if there is none, one as shallow as can be.
    pub(super) fn tree(&self, pool: &Pool, depth: u32) -> Tree {
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
        let top = (depth as usize).min(self.costs.len() - 1);
        let mut open = vec![(0, n - 1, top, false)];
        let mut done: Vec<u32> = Vec::new();
        while let Some((first, last, level, ready)) = open.pop() {
            if first == last {
                done.push(first as u32);
            } else if ready {
                let (high, low) = (done.pop(), done.pop());
                let (low, high) = low.zip(high).expect("both parts were built");
                done.push(tree.join(low, high));
            } else {
                let split = usize::from(self.splits[(level * n + first) * n + last]);
                open.push((first, last, level, true));
                open.push((split + 1, last, level - 1, false));
                open.push((first, split, level - 1, false));
            }
        }
        tree
    }

    fn solve(&mut self, pool: &Pool, limit: u32) {
        let n = self.terms.len();
        if n < 2 {
            let depth = self.terms.first().map_or(0, |it| pool.depth(it.value));
            self.costs = (0..=limit).map(|it| if it < depth { NEVER } else { 0 }).collect();
            return;
        }
        let shape = Shape::new(pool, &self.terms);
        let deepest = shape.depths.iter().copied().max().unwrap_or(0);
        // Costs of intervals, once by their first term (less the shift of what comes next) and once
        // by their last, so that the inner loop runs over neighbours in memory.
        let (mut below, mut level) = (shape.empty(), shape.empty());
        self.splits.reserve((limit as usize + 1) * n * n);
        for depth in 0..=limit {
            let from = self.splits.len();
            self.splits.resize(from + n * n, 0);
            shape.leaves(&mut level, depth);
            let changed =
                depth == 0 || shape.level(&below, &mut level, depth, &mut self.splits[from..]);
            // What no interval gains by one more level, it does not gain by more.
            if depth > deepest && !changed {
                break;
            }
            self.costs.push(level.by_last[(n - 1) * n]);
            std::mem::swap(&mut below, &mut level);
        }
    }
}

/// Least costs of all intervals at one depth.
struct Level {
    /// `[first * n + last]`, less the shift of term `last + 1`; never where the join would be free.
    by_first: Vec<i32>,
    /// `[first * n + last]` where a join above costs nothing.
    free: Vec<i32>,
    /// `[last * n + first]`.
    by_last: Vec<i32>,
}

/// What does not depend on the depth.
struct Shape {
    n: usize,
    shifts: Vec<i32>,
    depths: Vec<u32>,
    /// Highest bit of the sum of an interval, `[first * n + last]`.
    tops: Vec<i32>,
    /// Whether what is above an interval can be joined without an adder, and whether any can.
    apart: Vec<bool>,
    any_apart: bool,
}

impl Shape {
    fn new(pool: &Pool, terms: &[Term]) -> Shape {
        let n = terms.len();
        let mut tops = vec![0; n * n];
        let mut apart = vec![false; n * n];
        for first in 0..n {
            let (base, negate) = (terms[first].shift, terms[first].negate);
            let (mut lo, mut hi) = (0i128, 0i128);
            for last in first..n {
                // As if the lowest term were positive: that is how it will be built.
                let term = Term { negate: terms[last].negate != negate, ..terms[last] };
                let interval = pool.signed(term);
                lo += interval.lo << (term.shift - base);
                hi += interval.hi << (term.shift - base);
                let width = bits_of(lo, hi);
                tops[first * n + last] = (width + u32::from(base)) as i32;
                if let Some(next) = terms.get(last + 1) {
                    let below = width <= u32::from(next.shift - base);
                    apart[first * n + last] = lo >= 0 && below && next.negate == negate;
                }
            }
        }
        let any_apart = apart.iter().any(|it| *it);
        let shifts = terms.iter().map(|it| i32::from(it.shift)).collect();
        let depths = terms.iter().map(|it| pool.depth(it.value)).collect();
        Shape { n, shifts, depths, tops, apart, any_apart }
    }

    fn empty(&self) -> Level {
        let never = || vec![NEVER; self.n * self.n];
        let free = if self.any_apart { never() } else { Vec::new() };
        Level { by_first: never(), free, by_last: never() }
    }

    /// Single terms, where they are not too deep.
    fn leaves(&self, level: &mut Level, depth: u32) {
        for at in (0..self.n).filter(|at| self.depths[*at] <= depth) {
            self.set(level, at, at, 0);
        }
    }

    #[inline]
    fn set(&self, level: &mut Level, first: usize, last: usize, cost: i32) {
        let n = self.n;
        level.by_last[last * n + first] = cost;
        if self.apart[first * n + last] {
            level.free[first * n + last] = cost;
        } else if last + 1 < n {
            level.by_first[first * n + last] = cost - self.shifts[last + 1];
        }
    }

    /// The best trees one level higher; `it` holds the leaves of the level, or what was best at a
    /// lower one. Whether any is better than below.
    fn level(&self, below: &Level, it: &mut Level, depth: u32, splits: &mut [u8]) -> bool {
        let n = self.n;
        // More terms than that do not fit under so few levels.
        let most = 1usize.checked_shl(depth).unwrap_or(n).min(n);
        let mut changed = false;
        for first in 0..n {
            for last in first + 1..n.min(first + most) {
                // The lower part ends at `first ..= last - 1`; the higher begins one later.
                let high = &below.by_last[last * n + first + 1..=last * n + last];
                let range = first * n + first..first * n + last;
                let (joined, mut split) = least_sum(&below.by_first[range.clone()], high);
                let mut cost = joined + self.tops[first * n + last];
                if self.any_apart {
                    let (free, at) = least_sum(&below.free[range], high);
                    if free <= cost {
                        (cost, split) = (free, at);
                    }
                }
                if cost < NEVER / 2 {
                    changed |= cost != below.by_last[last * n + first];
                    self.set(it, first, last, cost);
                    splits[first * n + last] = (first + split) as u8;
                }
            }
        }
        changed
    }
}

/// The least `a[k] + b[k]`, and the first such `k`.
#[inline]
fn least_sum(a: &[i32], b: &[i32]) -> (i32, usize) {
    // Few: one pass without the start and end of vector code.
    if a.len() < 12 {
        let (mut least, mut at) = (i32::MAX, 0);
        for (idx, (a, b)) in a.iter().zip(b).enumerate() {
            if a + b < least {
                (least, at) = (a + b, idx);
            }
        }
        return (least, at);
    }
    let least = a.iter().zip(b).fold(i32::MAX, |least, (a, b)| least.min(a + b));
    let at = a.iter().zip(b).position(|(a, b)| a + b == least);
    (least, at.unwrap_or(0))
}

/// Joins neighbours of the least depth until there are few enough.
fn pair_up(pool: &mut Pool, terms: &mut Vec<Term>) {
    while terms.len() > MOST_TERMS {
        terms.sort_by_key(|it| {
            (pool.depth(it.value), it.shift, pool.interval(it.value).bits(), it.value)
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
