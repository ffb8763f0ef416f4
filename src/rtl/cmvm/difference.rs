//! Columns as differences of columns.
//!
//! A column that is close to another one, shifted and with either sign, is computed from that one's
//! output: `y_j = ±(y_p << s) + x (c_j ∓ (c_p << s))`, if the difference has fewer digits by a margin
//! (Gustafsson et al. 2004 span all columns by a tree of differences; here a column may refer to
//! several, or to none). References and digits then share subexpressions in one pool.

use super::digits::count;

/// Weights larger than this are not compared.
const LARGEST: u128 = 1 << 55;

/// A reference to another output: `(negate ? - : +)(y[column] << shift)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub column: usize,
    pub shift: u16,
    pub negate: bool,
}

/// What is left of a matrix, by columns, and what every column refers to.
#[derive(Clone)]
pub(super) struct Differences {
    pub columns: Vec<Vec<i128>>,
    pub references: Vec<Vec<Reference>>,
    /// Columns, referred ones first.
    pub order: Vec<usize>,
    /// Depth within which each output must be done; meaningless without a limit.
    pub budgets: Vec<u32>,
}

/// A candidate: digits saved, and how.
#[derive(Clone, Copy)]
struct Gain {
    digits: i64,
    shift: u16,
    negate: bool,
}

struct Search<'a> {
    original: Vec<Vec<i64>>,
    columns: Vec<Vec<i64>>,
    references: Vec<Vec<Reference>>,
    /// `needs[j][p]`: output `j` waits for output `p`.
    needs: Vec<Vec<bool>>,
    limits: Option<&'a [u32]>,
    depths: &'a [u32],
    budgets: Vec<u32>,
}

/// Shifts at which columns are compared.
pub(super) const SHIFTS: u16 = 3;

/// No differences at all.
pub(super) fn plain(columns: &[Vec<i128>], limits: Option<&[u32]>) -> Differences {
    Differences {
        columns: columns.to_vec(),
        references: vec![Vec::new(); columns.len()],
        order: (0..columns.len()).collect(),
        budgets: limits.map_or_else(|| vec![0; columns.len()], <[u32]>::to_vec),
    }
}

/// Refers columns to others as long as it saves more than `margin` digits; `depths` are those of the
/// inputs, `limits` those of the outputs.
pub(super) fn differences(
    columns: &[Vec<i128>],
    margin: i64,
    depths: &[u32],
    limits: Option<&[u32]>,
) -> Differences {
    let n = columns.len();
    if columns.iter().flatten().any(|it| it.unsigned_abs() > LARGEST) {
        return plain(columns, limits);
    }
    let narrow = |it: &Vec<i128>| it.iter().map(|it| *it as i64).collect();
    let original: Vec<Vec<i64>> = columns.iter().map(narrow).collect();
    let mut search = Search {
        columns: original.clone(),
        original,
        references: vec![Vec::new(); n],
        needs: vec![vec![false; n]; n],
        limits,
        depths,
        budgets: limits.map_or_else(|| vec![0; n], <[u32]>::to_vec),
    };
    let mut gains: Vec<Vec<Gain>> = (0..n).map(|j| search.gains(j)).collect();
    while let Some((j, p)) = search.best(&gains, margin) {
        search.refer(j, p, gains[j][p]);
        gains[j] = search.gains(j);
    }
    let order = search.order();
    let Search { columns, references, budgets, .. } = search;
    let wide = |it: Vec<i64>| it.into_iter().map(i128::from).collect();
    let columns = columns.into_iter().map(wide).collect();
    Differences { columns, references, order, budgets }
}

impl Search<'_> {
    /// What column `j` would gain from every other.
    fn gains(&self, j: usize) -> Vec<Gain> {
        let column = &self.columns[j];
        let own: i64 = column.iter().map(|it| count(*it)).sum();
        let gain = |other: &Vec<i64>| {
            let mut best = Gain { digits: i64::MIN, shift: 0, negate: false };
            for shift in 0..SHIFTS {
                for negate in [false, true] {
                    let rest = column.iter().zip(other);
                    let rest: i64 = rest.map(|(x, y)| count(rest_of(*x, *y, shift, negate))).sum();
                    if own - rest > best.digits {
                        best = Gain { digits: own - rest, shift, negate };
                    }
                }
            }
            best
        };
        self.original.iter().map(gain).collect()
    }

    fn best(&self, gains: &[Vec<Gain>], margin: i64) -> Option<(usize, usize)> {
        let mut best = None;
        let mut most = margin - 1;
        for (j, row) in gains.iter().enumerate() {
            for (p, gain) in row.iter().enumerate() {
                let cyclic = j == p || self.needs[p][j];
                if gain.digits > most && !cyclic && self.is_in_time(j, p, *gain) {
                    most = gain.digits;
                    best = Some((j, p));
                }
            }
        }
        best
    }

    /// Whether all outputs can still be done within their limits.
    fn is_in_time(&self, j: usize, p: usize, gain: Gain) -> bool {
        let Some(limits) = self.limits else { return true };
        let budgets = self.budgets_with(limits, Some((j, p)));
        (0..self.columns.len()).all(|at| {
            // Nothing changes for columns whose budget does not.
            if at != j && budgets[at] == self.budgets[at] {
                return true;
            }
            let mut kraft: u128 = 0;
            for (i, depth) in self.depths.iter().enumerate() {
                let x = self.columns[at][i];
                let x = match at == j {
                    true => rest_of(x, self.original[p][i], gain.shift, gain.negate),
                    false => x,
                };
                kraft += (count(x) as u128) << depth;
            }
            kraft += self.references[at].iter().map(|it| 1 << budgets[it.column]).sum::<u128>();
            kraft += if at == j { 1 << budgets[p] } else { 0 };
            kraft <= 1 << budgets[at]
        })
    }

    /// What is referred to must be done one addition earlier.
    fn budgets_with(&self, limits: &[u32], new: Option<(usize, usize)>) -> Vec<u32> {
        let mut budgets = limits.to_vec();
        let mut changed = true;
        while changed {
            changed = false;
            for j in 0..budgets.len() {
                let earlier = budgets[j].saturating_sub(1);
                let referred = self.references[j].iter().map(|it| it.column);
                for p in referred.chain(new.filter(|it| it.0 == j).map(|it| it.1)) {
                    if budgets[p] > earlier {
                        budgets[p] = earlier;
                        changed = true;
                    }
                }
            }
        }
        budgets
    }

    fn refer(&mut self, j: usize, p: usize, gain: Gain) {
        let Gain { shift, negate, .. } = gain;
        for (x, y) in self.columns[j].iter_mut().zip(&self.original[p]) {
            *x = rest_of(*x, *y, shift, negate);
        }
        self.references[j].push(Reference { column: p, shift, negate });
        let n = self.columns.len();
        let reached: Vec<bool> = (0..n).map(|it| it == p || self.needs[p][it]).collect();
        for at in 0..n {
            if at == j || self.needs[at][j] {
                self.needs[at].iter_mut().zip(&reached).for_each(|(needs, it)| *needs |= it);
            }
        }
        if let Some(limits) = self.limits {
            self.budgets = self.budgets_with(limits, None);
        }
    }

    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|at| self.needs[*at].iter().filter(|it| **it).count());
        order
    }
}

fn rest_of(x: i64, y: i64, shift: u16, negate: bool) -> i64 {
    if negate { x + (y << shift) } else { x - (y << shift) }
}
