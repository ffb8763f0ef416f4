//! Adds up what is left of a column, the shallowest operands first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Add, AdderGraph, Digit, Output};

/// Number of additions above every value, inputs included.
pub(super) fn depths(graph: &AdderGraph) -> Vec<u32> {
    let mut depths = vec![0; graph.n_in];
    for add in &graph.adds {
        depths.push(depths[add.a].max(depths[add.b]) + 1);
    }
    depths
}

/// Joins digits pairwise; the result is the column's output.
pub(super) fn join(
    graph: &mut AdderGraph,
    depths: &mut Vec<u32>,
    column: Vec<Digit>,
) -> Option<Output> {
    // Low bits first among equals in depth: operands that overlap little make short carry chains.
    let mut open: BinaryHeap<Reverse<(u32, u16, u32, bool)>> = column
        .into_iter()
        .map(|it| Reverse((depths[it.value as usize], it.shift, it.value, it.negate)))
        .collect();
    while open.len() > 1 {
        let (Some(Reverse(x)), Some(Reverse(y))) = (open.pop(), open.pop()) else { break };
        // The sum is negated as a whole rather than starting with a subtraction.
        let (negate, x, y) = match (x.3, y.3) {
            (true, true) => (true, (x.2, x.1, false), (y.2, y.1, false)),
            (true, false) => (false, (y.2, y.1, false), (x.2, x.1, true)),
            (_, second) => (false, (x.2, x.1, false), (y.2, y.1, second)),
        };
        let low = x.1.min(y.1);
        graph.adds.push(Add {
            a: x.0 as usize,
            shift_a: u32::from(x.1 - low),
            negate_a: x.2,
            b: y.0 as usize,
            shift_b: u32::from(y.1 - low),
            negate_b: y.2,
        });
        let depth = depths[x.0 as usize].max(depths[y.0 as usize]) + 1;
        let value = depths.len() as u32;
        depths.push(depth);
        open.push(Reverse((depth, low, value, negate)));
    }
    open.pop().map(|Reverse((_, shift, value, negate))| Output {
        value: value as usize,
        shift: u32::from(shift),
        negate,
    })
}
