//! The best trees over all intervals of a sequence of terms, for all depths at once.
//!
//! A sum of neighbours is one interval of terms, its carry chain begins where its higher part begins,
//! so the best tree over an interval follows from the best trees over its two halves (dynamic
//! programming, as for the optimal order of a chain of matrix products; Godbole 1973). That neighbours
//! are best joined with neighbours is not proved. Every cost is a vector over depths: a tree one level
//! deeper is the next lane.

use super::pool::{Pool, Term};
use super::span::{Span, Whole};
use super::tail::MOST_TERMS;

/// No tree: more than any tree of [`MOST_TERMS`] terms with the widest chains costs. Sums saturate.
const NEVER: i16 = 19_000;

/// Costs are below this.
const LIMIT: i16 = 128 * MOST_TERMS as i16;

/// Depths in a vector.
const LANES: usize = 8;

/// More vectors than this are not kept for an interval: of terms that differ by more levels than they
/// hold, the shallow ones are taken for deeper than they are.
const MOST_VECTORS: usize = 4;

type Lanes = [i16; LANES];

/// Costs of the best trees of all intervals of terms.
pub(super) struct Intervals {
    n: usize,
    /// Depths that are told apart: the first lane, and the deepest.
    pub base: u32,
    pub limit: u32,
    /// Vectors of an interval.
    vectors: usize,
    /// `[first * n + last]`.
    costs: Vec<Lanes>,
    /// Highest bit of the sum of an interval, `[first * n + last]`.
    tops: Vec<i16>,
    shifts: Vec<i16>,
    /// Whether what is above an interval can be joined without an adder; empty if nothing can.
    apart: Vec<bool>,
}

impl Intervals {
    /// Finds all trees up to a depth.
    pub(super) fn new<W: Whole>(pool: &Pool<W>, terms: &[Term], limit: u32) -> Intervals {
        let n = terms.len();
        let shallowest = terms.iter().map(|it| pool.depth(it.value)).min().unwrap_or(0);
        let most = (MOST_VECTORS * LANES) as u32;
        let base = shallowest.max((limit + 1).saturating_sub(most)).min(limit);
        let vectors = match ((limit - base) as usize + 1).div_ceil(LANES) {
            1 => 1,
            2 => 2,
            _ => MOST_VECTORS,
        };
        let shifts = terms.iter().map(|it| it.shift as i16).collect();
        let (tops, apart) = tops(pool, terms);
        let costs = vec![[NEVER; LANES]; n * n * vectors];
        let mut it = Intervals { n, base, limit, vectors, costs, tops, shifts, apart };
        let depths: Vec<u32> = terms.iter().map(|it| pool.depth(it.value)).collect();
        match vectors {
            1 => it.solve::<1>(&depths),
            2 => it.solve::<2>(&depths),
            _ => it.solve::<MOST_VECTORS>(&depths),
        }
        it
    }

    /// Carry chains of the best tree of at most a depth; `None` if there is no tree.
    pub(super) fn cost(&self, first: usize, last: usize, depth: u32) -> Option<u32> {
        let cost = self.at(first, last, depth);
        (cost < LIMIT).then_some(cost.max(0) as u32)
    }

    /// The least depth at which an interval costs no more than at a given one.
    pub(super) fn shallowest(&self, first: usize, last: usize, depth: u32) -> u32 {
        let cost = self.at(first, last, depth);
        let found = (self.base..depth).find(|it| self.at(first, last, *it) == cost);
        found.unwrap_or(depth).min(self.limit)
    }

    fn at(&self, first: usize, last: usize, depth: u32) -> i16 {
        let Some(lane) = depth.min(self.limit).checked_sub(self.base) else { return NEVER };
        let lane = lane as usize;
        self.costs[(first * self.n + last) * self.vectors + lane / LANES][lane % LANES]
    }

    /// The last term of the lower part of an interval's best tree whose parts are no deeper than
    /// `below`.
    pub(super) fn split(&self, first: usize, last: usize, below: u32) -> usize {
        let cost = |split: usize| {
            let parts =
                self.at(first, split, below).saturating_add(self.at(split + 1, last, below));
            match self.is_apart(first, split) {
                // Nothing is better than a join for nothing.
                true => (parts, false),
                false => (parts.saturating_add(self.chain(first, split, last)), true),
            }
        };
        (first..last).min_by_key(|split| cost(*split)).unwrap_or(first)
    }

    fn is_apart(&self, first: usize, last: usize) -> bool {
        self.apart.get(first * self.n + last).copied().unwrap_or(false)
    }

    /// Carry chain of a join.
    fn chain(&self, first: usize, split: usize, last: usize) -> i16 {
        self.tops[first * self.n + last] - self.shifts[split + 1]
    }

    /// Fills in all costs, `V` vectors for each interval.
    fn solve<const V: usize>(&mut self, depths: &[u32]) {
        let n = self.n;
        let (costs, _) = self.costs.as_chunks_mut::<V>();
        // Of higher parts less the shift of their first term, `[last * n + first]`: both parts of an
        // interval are then read one after the other.
        let mut higher = vec![[[NEVER; LANES]; V]; n * n];
        for last in 0..n {
            let from = depths[last].saturating_sub(self.base) as usize;
            let lanes = costs[last * n + last].as_flattened_mut();
            lanes.iter_mut().skip(from).for_each(|it| *it = 0);
            higher[last * n + last] = less(&costs[last * n + last], self.shifts[last]);
            for first in (0..last).rev() {
                let lower = &costs[first * n + first..first * n + last];
                let higher_parts = &higher[last * n + first + 1..=last * n + last];
                let top = self.tops[first * n + last];
                let sum = match self.apart.is_empty() {
                    true => chained(lower, higher_parts, top),
                    false => {
                        let apart = &self.apart[first * n + first..first * n + last];
                        joined(lower, higher_parts, top, apart, &self.shifts[first + 1..=last])
                    }
                };
                let cost = &mut costs[first * n + last];
                // One level deeper.
                let lanes = cost.as_flattened_mut();
                lanes[1..].copy_from_slice(&sum.as_flattened()[..V * LANES - 1]);
                higher[last * n + first] = less(cost, self.shifts[first]);
            }
        }
    }
}

/// A vector less a number.
fn less<const V: usize>(cost: &[Lanes; V], by: i16) -> [Lanes; V] {
    cost.map(|lanes| lanes.map(|it| it - by))
}

/// The least sum of two parts and a carry chain up to `top`, for every depth of the parts.
#[inline]
fn chained<const V: usize>(lower: &[[Lanes; V]], higher: &[[Lanes; V]], top: i16) -> [Lanes; V] {
    let mut least = [[NEVER; LANES]; V];
    for (low, high) in lower.iter().zip(higher) {
        for v in 0..V {
            for lane in 0..LANES {
                let sum = low[v][lane].saturating_add(high[v][lane]);
                least[v][lane] = least[v][lane].min(sum);
            }
        }
    }
    least.map(|lanes| lanes.map(|it| it.saturating_add(top).min(NEVER)))
}

/// The same where some lower parts take no chain at all.
fn joined<const V: usize>(
    lower: &[[Lanes; V]],
    higher: &[[Lanes; V]],
    top: i16,
    apart: &[bool],
    shifts: &[i16],
) -> [Lanes; V] {
    let mut least = [[NEVER; LANES]; V];
    for (((low, high), apart), shift) in lower.iter().zip(higher).zip(apart).zip(shifts) {
        let chain = if *apart { *shift } else { top };
        for v in 0..V {
            for lane in 0..LANES {
                let sum = low[v][lane].saturating_add(high[v][lane]).saturating_add(chain);
                least[v][lane] = least[v][lane].min(sum);
            }
        }
    }
    least
}

/// Highest bit of the sum of every interval, and which ones lie apart from what is above.
fn tops<W: Whole>(pool: &Pool<W>, terms: &[Term]) -> (Vec<i16>, Vec<bool>) {
    let n = terms.len();
    let (mut tops, mut apart) = (vec![0; n * n], Vec::new());
    for first in 0..n {
        let (base, negate) = (terms[first].shift, terms[first].negate);
        let mut sum = Span::<W>::default();
        for last in first..n {
            // As if the lowest term were positive: that is how it will be built.
            let term = Term { negate: terms[last].negate != negate, ..terms[last] };
            sum = sum.plus(pool.signed(term), u32::from(term.shift - base));
            let width = sum.bits();
            tops[first * n + last] = (width + u32::from(base)) as i16;
            if let Some(next) = terms.get(last + 1).filter(|_| !sum.is_signed()) {
                let below = width <= u32::from(next.shift - base);
                if below && next.negate == negate {
                    apart.resize(n * n, false);
                    apart[first * n + last] = true;
                }
            }
        }
    }
    (tops, apart)
}
