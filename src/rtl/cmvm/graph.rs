//! From the pool of values to a program: what is needed, in order, references replaced.

use super::pool::{Pool, Term};
use super::span::Whole;
use super::{Add, AdderGraph, Output};

/// A value of the pool in terms of the program.
type Known = Option<Output>;

/// The program that computes the outputs; `given[j]` stands for output `j` wherever it is read.
pub(super) fn finish<W: Whole>(
    pool: &Pool<W>,
    inputs: &[u32],
    given: &[u32],
    outputs: &[Option<Term>],
) -> AdderGraph {
    let mut graph = AdderGraph { n_in: inputs.len(), ..AdderGraph::default() };
    let mut known: Vec<Known> = vec![None; pool.len()];
    for (idx, value) in inputs.iter().enumerate() {
        known[*value as usize] = Some(Output { value: idx, shift: 0, negate: false });
    }
    // The output that a given value stands for.
    let stands_for = |value: u32| {
        given.first().and_then(|first| {
            let at = value.checked_sub(*first)? as usize;
            outputs.get(at).copied().flatten()
        })
    };
    for output in outputs.iter().flatten() {
        let mut open = vec![output.value];
        while let Some(&value) = open.last() {
            if known[value as usize].is_some() {
                open.pop();
                continue;
            }
            let operands = match pool.sum(value) {
                Some(sum) => [Some(sum.low), Some(sum.high)],
                None => [stands_for(value).map(|it| it.value), None],
            };
            let before = open.len();
            let unknown = operands.into_iter().flatten().filter(|it| known[*it as usize].is_none());
            open.extend(unknown);
            if open.len() > before {
                continue;
            }
            known[value as usize] = match pool.sum(value) {
                Some(sum) => {
                    let low = Term { value: sum.low, shift: 0, negate: false };
                    let high = Term { value: sum.high, shift: sum.shift, negate: sum.negate };
                    let (low, high) = (shifted(&known, low), shifted(&known, high));
                    low.zip(high).map(|(low, high)| add(&mut graph, low, high))
                }
                None => stands_for(value).and_then(|it| shifted(&known, it)),
            };
            open.pop();
        }
    }
    graph.outputs = outputs.iter().map(|it| it.and_then(|it| shifted(&known, it))).collect();
    graph
}

fn shifted(known: &[Known], term: Term) -> Known {
    known[term.value as usize].map(|it| Output {
        shift: it.shift + i32::from(term.shift),
        negate: it.negate != term.negate,
        ..it
    })
}

/// Adds two values; the lower one is never subtracted.
fn add(graph: &mut AdderGraph, x: Output, y: Output) -> Output {
    let (low, high) = if x.shift <= y.shift { (x, y) } else { (y, x) };
    graph.adds.push(Add {
        a: low.value,
        shift_a: 0,
        negate_a: false,
        b: high.value,
        shift_b: (high.shift - low.shift) as u32,
        negate_b: high.negate != low.negate,
    });
    let value = graph.n_in + graph.adds.len() - 1;
    Output { value, shift: low.shift, negate: low.negate }
}
