//! Constant matrix times vector, as few additions as we can find.
//!
//! Every weight is written in canonical signed digits; pairs of digits that occur more than once are
//! computed once (greedy two-term common subexpression elimination, after Hartley 1996); what is left
//! of each output is added up as a tree that joins the shallowest operands first.

mod cse;
mod tree;

use serde::Serialize;

/// One addition: `(na ? - : +)(v[a] << sa) (nb ? - : +)(v[b] << sb)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Add {
    /// First operand: an input (`< n_in`) or the result of addition `a - n_in`.
    pub a: usize,
    /// Shift of the first operand.
    pub shift_a: u32,
    /// The first operand is subtracted.
    pub negate_a: bool,
    /// Second operand.
    pub b: usize,
    /// Shift of the second operand.
    pub shift_b: u32,
    /// The second operand is subtracted.
    pub negate_b: bool,
}

/// An output: `(negate ? - : +)(v[value] << shift)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// An input or the result of an addition.
    pub value: usize,
    /// Shift left.
    pub shift: u32,
    /// The negative.
    pub negate: bool,
}

/// A program that multiplies a vector by a constant matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AdderGraph {
    /// Number of inputs.
    pub n_in: usize,
    /// Additions, operands before users.
    pub adds: Vec<Add>,
    /// Outputs; `None` for a column of zeros.
    pub outputs: Vec<Option<Output>>,
}

/// A signed power of two times a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Digit {
    value: u32,
    shift: u16,
    negate: bool,
}

/// Finds an adder graph for `y = x M`, `M` given as `n_in` rows of `n_out`.
pub fn solve(matrix: &[i128], n_in: usize, n_out: usize) -> AdderGraph {
    debug_assert_eq!(matrix.len(), n_in * n_out);
    let mut columns: Vec<Vec<Digit>> = Vec::with_capacity(n_out);
    for j in 0..n_out {
        let digits = (0..n_in).flat_map(|i| {
            crate::rtl::datapath::csd(matrix[i * n_out + j])
                .into_iter()
                .map(move |(shift, negate)| Digit { value: i as u32, shift: shift as u16, negate })
        });
        columns.push(digits.collect());
    }
    let mut graph = AdderGraph { n_in, adds: Vec::new(), outputs: Vec::new() };
    cse::share(&mut graph, &mut columns);
    let mut depths = tree::depths(&graph);
    for column in columns {
        let output = tree::join(&mut graph, &mut depths, column);
        graph.outputs.push(output);
    }
    graph
}

impl AdderGraph {
    /// Multiplies in software: the check on [`solve`].
    pub fn apply(&self, x: &[i128]) -> Vec<i128> {
        let mut values = x.to_vec();
        let signed =
            |v: i128, shift: u32, negate: bool| if negate { -(v << shift) } else { v << shift };
        for add in &self.adds {
            let a = signed(values[add.a], add.shift_a, add.negate_a);
            values.push(a + signed(values[add.b], add.shift_b, add.negate_b));
        }
        let output =
            |it: &Option<Output>| it.map_or(0, |it| signed(values[it.value], it.shift, it.negate));
        self.outputs.iter().map(output).collect()
    }

    /// Number of additions on the longest path.
    pub fn depth(&self) -> u32 {
        tree::depths(self).into_iter().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn multiplies_exactly(
            n_in in 1usize..7,
            n_out in 1usize..7,
            weights in prop::collection::vec(-70000i128..70000, 36),
            x in prop::collection::vec(-130i128..130, 6),
        ) {
            let matrix = &weights[..n_in * n_out];
            let graph = solve(matrix, n_in, n_out);
            let want: Vec<i128> = (0..n_out)
                .map(|j| (0..n_in).map(|i| x[i] * matrix[i * n_out + j]).sum())
                .collect();
            prop_assert_eq!(graph.apply(&x[..n_in]), want);
        }
    }

    #[test]
    fn shared_digits_are_added_once() {
        // 5x and 10x + y share x + 4x.
        let graph = solve(&[5, 10, 0, 1], 2, 2);
        assert_eq!(graph.adds.len(), 2);
        assert_eq!(solve(&[0, 0], 2, 1).outputs, [None]);
    }
}
