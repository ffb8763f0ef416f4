//! One input, one constant: all chains of additions of the least length.
//!
//! Every odd multiple of an input is the odd part of a sum or difference of two shifted earlier ones
//! ("A-operation"; Dempster and Macleod 1994, Gustafsson, Dempster and Wanhammar 2002). Chains are
//! searched depth first with a growing bound, so the first length that reaches the constant is the
//! least; of all chains of that length the one with the shortest carry chains is kept. Up to two,
//! three or four additions are searched, by effort; four are enough for every constant of twelve bits.

use super::pool::{Pool, Term};
use super::span::Span;
use super::{AdderGraph, Effort, Problem, graph};
use crate::rtl::datapath::csd;

/// One step: the odd part of `chain[low] (negate ? - : +)(chain[high] << shift)`.
#[derive(Clone, Copy, Debug)]
struct Step {
    low: usize,
    high: usize,
    shift: u16,
    negate: bool,
}

struct Search {
    target: i64,
    /// Multiples are not larger than this.
    bound: i64,
    chain: Vec<i64>,
    steps: Vec<Step>,
    found: Vec<Vec<Step>>,
}

/// More chains than this are not compared.
const MOST_CHAINS: usize = 200;

/// The best chain for a constant; `None` if none is shorter than its signed digits allow, or if it
/// needs more additions than are searched.
pub(super) fn chain(problem: &Problem<'_>) -> Option<AdderGraph> {
    let weight = i64::try_from(*problem.matrix.first()?).ok()?;
    if weight == 0 || weight.unsigned_abs() > 1 << 40 {
        return None;
    }
    let digits = csd(i128::from(weight)).len();
    let most = match problem.effort {
        Effort::Fast => 2,
        Effort::Normal => 3,
        Effort::Max => 4,
    };
    let target = weight.abs() >> weight.trailing_zeros();
    let found = (1..digits.min(most + 1)).find_map(|length| {
        let bound = 2i64 << (64 - target.leading_zeros());
        let (chain, steps, found) = (vec![1], Vec::new(), Vec::new());
        let mut search = Search { target, bound, chain, steps, found };
        search.extend(length);
        (!search.found.is_empty()).then_some(search.found)
    })?;
    let graphs = found.iter().map(|steps| build(problem, steps, weight));
    graphs.min_by_key(|it| it.carry_bits(problem))
}

impl Search {
    /// All chains with so many more steps. The depth is at most four.
    fn extend(&mut self, left: usize) {
        let candidates: Vec<(i64, Step)> = self.candidates(left == 1);
        for (multiple, step) in candidates {
            if self.found.len() >= MOST_CHAINS {
                return;
            }
            self.steps.push(step);
            if left == 1 {
                self.found.push(self.steps.clone());
            } else {
                self.chain.push(multiple);
                self.extend(left - 1);
                self.chain.pop();
            }
            self.steps.pop();
        }
    }

    /// The next multiples, or only the steps that give the target.
    fn candidates(&self, last: bool) -> Vec<(i64, Step)> {
        let mut all = Vec::new();
        for low in 0..self.chain.len() {
            for high in 0..self.chain.len() {
                for negate in [false, true] {
                    let mut shift = u16::from(high <= low);
                    loop {
                        let part = self.chain[high] << shift;
                        if part > 2 * self.bound {
                            break;
                        }
                        let sum = self.chain[low] + if negate { -part } else { part };
                        let multiple = sum.abs().checked_shr(sum.trailing_zeros()).unwrap_or(0);
                        let wanted = match last {
                            true => multiple == self.target,
                            false => {
                                multiple != 0
                                    && multiple < self.bound
                                    && !self.chain.contains(&multiple)
                            }
                        };
                        if wanted {
                            all.push((multiple, Step { low, high, shift, negate }));
                        }
                        shift += 1;
                    }
                }
            }
        }
        // A multiple that is made in two ways continues in the same ways.
        if !last {
            all.sort_by_key(|it| it.0);
            all.dedup_by_key(|it| it.0);
        }
        all
    }
}

/// What a chain has made: a multiple of the input, the term that holds it times `2^zeros`.
#[derive(Clone, Copy)]
struct Made {
    multiple: i64,
    term: Term,
    zeros: u16,
}

fn build(problem: &Problem<'_>, steps: &[Step], weight: i64) -> AdderGraph {
    let mut pool = Pool::<i128>::default();
    let input = pool.give(Span::of(problem.inputs[0].interval), problem.inputs[0].depth);
    let term = Term { value: input, shift: 0, negate: false };
    let mut chain = vec![Made { multiple: 1, term, zeros: 0 }];
    for step in steps {
        let (low, high) = (chain[step.low], chain[step.high]);
        let part = high.multiple << step.shift;
        let sum = low.multiple + if step.negate { -part } else { part };
        let zeros = sum.trailing_zeros() as u16;
        // Nothing is shifted right: where an operand has zeros too many, the other gets them too.
        let base = low.zeros.max(high.zeros);
        let x = Term { shift: base - low.zeros, ..low.term };
        let y = Term {
            value: high.term.value,
            shift: base - high.zeros + step.shift,
            negate: high.term.negate != step.negate,
        };
        let made = pool.add(x, y);
        chain.push(Made {
            multiple: sum.abs() >> zeros,
            term: Term { value: made.value, shift: 0, negate: made.negate != (sum < 0) },
            zeros: base + zeros - made.shift,
        });
    }
    let last = chain[chain.len() - 1];
    let mut graph = graph::finish(&pool, &[input], &[], &[Some(last.term)]);
    for output in graph.outputs.iter_mut().flatten() {
        output.shift += weight.trailing_zeros() as i32 - i32::from(last.zeros);
        output.negate ^= weight < 0;
    }
    graph
}
