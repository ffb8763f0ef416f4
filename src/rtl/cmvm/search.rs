//! Several strategies for one problem; the best graph is kept.
//!
//! Which strategies are tried depends on the effort and on the size of the problem, never on the
//! time they take, so a result can be had again. The plain one (no differences, patterns by the full
//! adders that they save) is always among them: no result is worse than that.

use std::sync::Arc;

use rayon::prelude::*;

use super::difference::{self, Differences};
use super::pool::{Pool, Term};
use super::share::{Score, Sharing};
use super::span::{Span, Whole};
use super::tail::{Tail, least_depth, price};
use super::{AdderGraph, Effort, Problem, constant, digits, graph};

/// Additions beyond the least depth that are of any use where nobody limits them.
const USEFUL_DEPTH: u32 = 4;

/// Looser limits are this one: sums of `2^depth` are held in 64 bits, and nothing useful is deeper.
const DEEPEST: u32 = 56;

/// Up to so many pairs of digits a problem is solved by one thread.
const MOST_WORK_ALONE: usize = 10_000;

/// Which trees of the best plan are improved by exchanges, and for how long.
#[derive(Clone, Copy)]
struct Exchanges {
    /// Terms of the smallest trees; smaller ones gain a bit or two and are many.
    fewest: usize,
    rounds: u32,
}

impl Exchanges {
    const NONE: Exchanges = Exchanges { fewest: usize::MAX, rounds: 0 };

    fn of(effort: Effort) -> Exchanges {
        match effort {
            Effort::Fast => Exchanges::NONE,
            Effort::Normal => Exchanges { fewest: 40, rounds: 8 },
            Effort::Max => Exchanges { fewest: 4, rounds: 30 },
        }
    }
}

/// One way to solve a problem.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Digits that a reference to another column must save; `None`: no references.
    margin: Option<i64>,
    score: Score,
    seed: u64,
}

/// A plan carried out, but for the order in which the last terms are added up.
struct Draft<W> {
    pool: Pool<W>,
    inputs: Vec<u32>,
    /// Stand for outputs that others refer to.
    given: Vec<u32>,
    /// Those outputs.
    outputs: Vec<Option<Term>>,
    /// All other outputs.
    open: Vec<Open>,
}

/// An output that no other refers to.
struct Open {
    column: usize,
    tail: Tail,
    depth: u32,
}

/// The columns of a plan, before anything is shared: the same for all plans with equal references.
#[derive(Clone)]
struct Start<W> {
    sharing: Sharing<W>,
    parts: Differences,
    inputs: Vec<u32>,
    given: Vec<u32>,
    limited: bool,
}

impl<W: Whole> Draft<W> {
    /// Full adders and levels, as [`price`] weighs them. Every value of the pool is needed.
    fn price(&self) -> u64 {
        let (mut bits, mut deepest) = (self.pool.bits(), 0);
        for open in &self.open {
            let (more, depth) = open.tail.outcome(&self.pool, open.depth);
            bits += more;
            deepest = deepest.max(depth);
        }
        let done = self.outputs.iter().flatten().map(|it| self.pool.depth(it.value));
        price(bits, done.fold(deepest, u32::max), self.outputs.len())
    }

    /// Builds everything; the trees of open columns are improved first.
    fn finish(mut self, exchanges: Exchanges) -> AdderGraph {
        let improved = |it: &Open| it.tail.terms().len() >= exchanges.fewest;
        let tree = |it: &Open| {
            let mut tree = it.tail.tree(&self.pool, it.depth);
            if improved(it) {
                tree.improve(it.depth, exchanges.rounds);
            }
            tree
        };
        let trees: Vec<_> = match self.open.iter().any(improved) {
            false => self.open.iter().map(tree).collect(),
            true => self.open.par_iter().map(tree).collect(),
        };
        for (open, tree) in self.open.iter().zip(trees) {
            self.outputs[open.column] = tree.build(&mut self.pool, open.tail.terms());
        }
        graph::finish(&self.pool, &self.inputs, &self.given, &self.outputs)
    }
}

/// Tries what the effort allows.
pub(super) fn search(problem: &Problem<'_>) -> AdderGraph {
    let columns: Vec<Vec<i128>> = (0..problem.n_out).map(|j| problem.column(j)).collect();
    // Of digits and references alike, no sum is more than the absolute values of all digits, which are
    // less than twice the weights, with all shifts that references are tried with.
    let largest = problem
        .inputs
        .iter()
        .map(|it| it.interval.lo.unsigned_abs().max(it.interval.hi.unsigned_abs()));
    let largest = largest.max().unwrap_or(0).saturating_mul(2 << difference::SHIFTS);
    let sum =
        |it: &Vec<i128>| it.iter().fold(0, |sum: u128, it| sum.saturating_add(it.unsigned_abs()));
    let most = columns.iter().map(sum).fold(0, u128::saturating_add).saturating_mul(largest);
    match most < 1 << 60 {
        true => search_in::<i64>(problem, &columns),
        false => search_in::<i128>(problem, &columns),
    }
}

/// The same in words that hold every sum.
pub(super) fn search_in<W: Whole>(problem: &Problem<'_>, columns: &[Vec<i128>]) -> AdderGraph {
    let depths: Vec<u32> = problem.inputs.iter().map(|it| it.depth).collect();
    let mut pool = Pool::<W>::default();
    let inputs = give_inputs(&mut pool, problem);
    let limits = problem.limit.map(|extra| {
        let limit = |column: &Vec<i128>| {
            let least = least_depth(&pool, &digits::terms(column, &inputs));
            least.saturating_add(extra).min(DEEPEST.max(least))
        };
        columns.iter().map(limit).collect::<Vec<u32>>()
    });
    let work: usize = columns.iter().map(|it| digit_count(it).pow(2)).sum();
    let plans = plans(problem, work);
    // Threads cost more than a small problem does.
    let alone = work < MOST_WORK_ALONE;
    let start = |margin: &Option<i64>| {
        let parts = match margin {
            None => difference::plain(columns, limits.as_deref()),
            Some(margin) => difference::differences(columns, *margin, &depths, limits.as_deref()),
        };
        Start::<W>::new(problem, parts, limits.is_some())
    };
    let mut margins: Vec<Option<i64>> = plans.iter().map(|it| it.margin).collect();
    margins.dedup();
    margins.sort_unstable();
    margins.dedup();
    let starts: Vec<Start<W>> = match alone {
        true => margins.iter().map(start).collect(),
        false => margins.par_iter().map(start).collect(),
    };
    let starts: Vec<Arc<Start<W>>> = starts.into_iter().map(Arc::new).collect();
    let with_start = |plan: Plan| {
        let at = margins.binary_search(&plan.margin).unwrap_or(0);
        (plan, Arc::clone(&starts[at]))
    };
    let plans: Vec<(Plan, Arc<Start<W>>)> = plans.into_iter().map(with_start).collect();
    // The last plan to begin somewhere needs no copy of it.
    drop(starts);
    let draft = |(plan, start): (Plan, Arc<Start<W>>)| {
        let draft = Arc::unwrap_or_clone(start).draft(&plan);
        (draft.price(), draft)
    };
    let drafts: Vec<(u64, Draft<W>)> = match alone {
        true => plans.into_iter().map(draft).collect(),
        false => plans.into_par_iter().map(draft).collect(),
    };
    let best = drafts.into_iter().min_by_key(|it| it.0);
    let (_, best) = best.expect("there is always the plain plan");
    let best = best.finish(Exchanges::of(problem.effort));
    if problem.n_in * problem.n_out == 1 {
        let most = limits.map_or(u32::MAX, |it| it[0].saturating_sub(depths[0]));
        let chain = constant::chain(problem).filter(|it| it.depth() <= most);
        let cost = |it: &AdderGraph| price(it.carry_bits(problem) as u32, it.depth(), 1);
        if let Some(chain) = chain.filter(|it| cost(it) < cost(&best)) {
            return chain;
        }
    }
    best
}

fn digit_count(column: &[i128]) -> usize {
    column.iter().map(|it| crate::rtl::datapath::csd(*it).len()).sum()
}

/// The plans for a problem in which `work` pairs of digits are looked at.
fn plans(problem: &Problem<'_>, work: usize) -> Vec<Plan> {
    let bits = Plan { margin: None, score: Score::Bits, seed: 0 };
    let count = Plan { score: Score::Count, ..bits };
    let entries = problem.matrix.len();
    let zeros = problem.matrix.iter().filter(|it| **it == 0).count();
    // Comparing all columns is cubic.
    let compared = problem.n_out.saturating_pow(2).saturating_mul(problem.n_in);
    let (margins, seeds): (&[i64], _) = match problem.effort {
        Effort::Fast => return vec![bits],
        // Dense and small: counts never win there, and differences, which save 3 %, take as long again.
        Effort::Normal if problem.n_out <= 8 && compared <= 512 && zeros < entries / 8 => {
            return vec![bits];
        }
        // Where no level is to be lost, no output can wait for another, and columns that are mostly
        // zeros have their digits in different places. In all others counts hardly ever win.
        Effort::Normal
            if compared < 100_000 && problem.limit != Some(0) && zeros <= entries / 2 =>
        {
            let margin = if problem.n_out < 12 { 5 } else { 8 };
            return vec![bits, Plan { margin: Some(margin), ..bits }];
        }
        Effort::Normal if compared < 100_000 => (&[], 0),
        Effort::Normal => (&[], (20_000_000 / work.max(1)).min(1)),
        Effort::Max => (&[5, 8, 12, 16], (200_000_000 / work.max(1)).min(200)),
    };
    let mut plans = vec![bits, count];
    plans.extend(margins.iter().map(|it| Plan { margin: Some(*it), ..bits }));
    for seed in 1..=seeds as u64 {
        plans.push(Plan { seed, ..bits });
        if problem.effort == Effort::Max {
            plans.extend(margins.iter().map(|it| Plan { margin: Some(*it), seed, ..bits }));
        }
    }
    plans
}

/// One input value each, as given.
fn give_inputs<W: Whole>(pool: &mut Pool<W>, problem: &Problem<'_>) -> Vec<u32> {
    problem.inputs.iter().map(|it| pool.give(Span::of(it.interval), it.depth)).collect()
}

impl<W: Whole> Start<W> {
    fn new(problem: &Problem<'_>, parts: Differences, limited: bool) -> Start<W> {
        let mut pool = Pool::default();
        let inputs = give_inputs(&mut pool, problem);
        // Outputs that others refer to: what they can be is known before how they are made.
        let give =
            |j| pool.give(Span::of(problem.output(j)), if limited { parts.budgets[j] } else { 0 });
        let given: Vec<u32> = (0..problem.n_out).map(give).collect();
        let column = |j: usize| {
            let mut terms = digits::terms(&parts.columns[j], &inputs);
            terms.extend(parts.references[j].iter().map(|it| Term {
                value: given[it.column],
                shift: it.shift,
                negate: it.negate,
            }));
            terms
        };
        let columns: Vec<Vec<Term>> = (0..problem.n_out).map(column).collect();
        let room = limited.then(|| {
            let room = |(terms, budget): (&Vec<Term>, &u32)| {
                let kraft: u64 = terms.iter().map(|it| 1 << pool.depth(it.value)).sum();
                (1u64 << budget).saturating_sub(kraft)
            };
            columns.iter().zip(&parts.budgets).map(room).collect()
        });
        let sharing = Sharing::new(pool, columns, room);
        Start { sharing, parts, inputs, given, limited }
    }

    /// Carries out a plan.
    fn draft(self, plan: &Plan) -> Draft<W> {
        let Start { sharing, parts, inputs, given, limited } = self;
        let (mut pool, columns) = sharing.run(plan.score, plan.seed);
        let (outputs, open) = tails(&mut pool, columns, &parts, &given, limited);
        Draft { pool, inputs, given, outputs, open }
    }
}

/// Adds up the columns that others wait for, as well as each can be done alone; the others shall be
/// done as well as they can within the depth of the whole.
fn tails<W: Whole>(
    pool: &mut Pool<W>,
    mut columns: Vec<Vec<Term>>,
    parts: &Differences,
    given: &[u32],
    limited: bool,
) -> (Vec<Option<Term>>, Vec<Open>) {
    let mut outputs = vec![None; columns.len()];
    let mut referred = vec![false; columns.len()];
    parts.references.iter().flatten().for_each(|it| referred[it.column] = true);
    let mut open = Vec::new();
    let mut deepest = 0;
    for &column in &parts.order {
        let terms = std::mem::take(&mut columns[column]);
        let least = least_depth(pool, &terms);
        let useful = least + USEFUL_DEPTH;
        let limit = if limited { useful.min(parts.budgets[column]).max(least) } else { useful };
        let tail = Tail::new(pool, terms, limit);
        let best = tail.best_depth();
        if referred[column] {
            outputs[column] = tail.tree(pool, best).build(pool, tail.terms());
            let depth = outputs[column].map_or(0, |it: Term| pool.depth(it.value));
            pool.set_depth(given[column], depth);
        } else {
            deepest = deepest.max(best);
            open.push(Open { column, tail, depth: limit });
        }
    }
    open.iter_mut().for_each(|it| it.depth = it.depth.min(deepest));
    (outputs, open)
}
