//! Constant matrices of a whole graph and their adder graphs.
//!
//! A matrix is solved once wherever it is used, for as many positions as there are. Matrices that read
//! the same elements of the same tensor are solved as one, so that layers share subexpressions. All of
//! them are known before the program is built and are solved in parallel.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Datapath, Interval, Term, ValueId};
use crate::fixed::{Graph, Type};
use crate::graph::NodeId;
use crate::rtl::cmvm::{self, AdderGraph, Budget, Effort, Problem, Source};

/// More outputs than this are not solved as one: the search is quadratic in what it compares.
const MOST_SHARED: usize = 256;

/// Elements of a tensor times a constant matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Which elements of the operand.
    pub elements: Range<usize>,
    /// As many rows as elements.
    pub matrix: Vec<i128>,
}

/// What a matrix is known by: what its inputs can be, and its weights.
type Key = (Vec<Source>, Vec<i128>);

/// An adder graph, and which of its outputs are those of a product.
#[derive(Clone, Debug)]
pub(crate) struct Solution {
    pub(super) graph: Arc<AdderGraph>,
    pub(super) columns: Range<usize>,
}

/// Solutions of all products of a graph.
#[derive(Debug)]
pub struct Products {
    solutions: BTreeMap<Key, Solution>,
    budget: Budget,
}

impl Products {
    /// Solves every matrix of the graph.
    pub(super) fn new(graph: &Graph, budget: Budget) -> Products {
        let mut groups: Vec<(Vec<Source>, Vec<Key>)> = groups_of(graph);
        // Equal groups (positions of one layer) are one.
        groups.sort();
        groups.dedup();
        let solve = |(sources, keys): &(Vec<Source>, Vec<Key>)| {
            let joined = Arc::new(solve(&join(keys, sources.len()), sources, budget));
            let mut from = 0;
            let mut solutions = Vec::new();
            for key in keys {
                let upto = from + key.1.len() / sources.len().max(1);
                solutions
                    .push((key.clone(), Solution { graph: joined.clone(), columns: from..upto }));
                from = upto;
            }
            solutions
        };
        let solved: Vec<_> = groups.par_iter().map(solve).collect();
        Products { solutions: solved.into_iter().flatten().collect(), budget }
    }

    /// The solution of a product of elements of a tensor.
    pub(super) fn solution(&mut self, x: &Type, product: Product) -> Solution {
        let budget = self.budget;
        let solution =
            self.solutions.entry(key(x, product)).or_insert_with_key(|(inputs, matrix)| {
                let graph = Arc::new(solve(matrix, inputs, budget));
                Solution { columns: 0..graph.outputs.len(), graph }
            });
        solution.clone()
    }
}

fn key(x: &Type, product: Product) -> Key {
    let source = |element: usize| {
        let format = x.format(element);
        Source { interval: Interval::new(format.min(), format.max()), depth: 0 }
    };
    (product.elements.map(source).collect(), product.matrix)
}

/// Matrices that are solved together: those of one range of elements of one tensor.
fn groups_of(graph: &Graph) -> Vec<(Vec<Source>, Vec<Key>)> {
    let mut by_operand: BTreeMap<(NodeId, usize, usize), Vec<Key>> = BTreeMap::new();
    for id in graph.topo() {
        let operands = graph.operands(id);
        let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        for product in graph.node(id).op.matrices(&types) {
            let at = (operands[0], product.elements.start, product.elements.end);
            let key = key(types[0], product);
            let keys = by_operand.entry(at).or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    let bodies = graph.topo().into_iter().filter_map(|id| graph.node(id).op.body());
    let mut groups: Vec<_> = bodies.flat_map(|(body, _)| groups_of(body)).collect();
    for keys in by_operand.into_values() {
        let inputs = keys[0].0.len().max(1);
        let mut open: Vec<Key> = Vec::new();
        let mut columns = 0;
        for key in keys {
            let more = key.1.len() / inputs;
            if columns + more > MOST_SHARED && !open.is_empty() {
                groups.push((open[0].0.clone(), std::mem::take(&mut open)));
                columns = 0;
            }
            columns += more;
            open.push(key);
        }
        groups.push((open[0].0.clone(), open));
    }
    groups
}

/// Matrices of equally many rows side by side.
fn join(keys: &[Key], rows: usize) -> Vec<i128> {
    if let [(_, matrix)] = keys {
        return matrix.clone();
    }
    let row = |i: usize| {
        keys.iter().flat_map(move |(_, matrix)| {
            let columns = matrix.len() / rows;
            matrix[i * columns..(i + 1) * columns].iter().copied()
        })
    };
    (0..rows).flat_map(row).collect()
}

fn solve(matrix: &[i128], inputs: &[Source], budget: Budget) -> AdderGraph {
    let (n_in, n_out) = (inputs.len(), matrix.len() / inputs.len().max(1));
    let Budget { effort, limit, lut_inputs } = budget;
    cmvm::solve(&Problem { matrix, n_in, n_out, inputs, limit, effort, lut_inputs })
}

impl Datapath {
    /// Builds an adder graph over values; the outputs.
    pub fn apply(&mut self, graph: &AdderGraph, x: &[ValueId]) -> Vec<ValueId> {
        let mut values = x.to_vec();
        for table in &graph.tables {
            let mut offset = 0;
            let mut bits = Vec::new();
            for (input, width) in table.inputs.iter().zip(&table.widths) {
                let value = self.slice(x[*input], 0, *width, false);
                bits.push(Term { value, shift: offset, negate: false });
                offset += width;
            }
            let index = self.sum(bits);
            values.push(self.lookup(table.contents.clone(), index));
        }
        for add in &graph.adds {
            let a = Term { value: values[add.a], shift: add.shift_a, negate: add.negate_a };
            let b = Term { value: values[add.b], shift: add.shift_b, negate: add.negate_b };
            values.push(self.add(a, b));
        }
        let outputs = graph.outputs.iter().map(|it| match it {
            None => self.constant(0),
            Some(it) => {
                let value = self.shr(values[it.value], (-it.shift).max(0) as u32);
                let shift = it.shift.max(0) as u32;
                self.term(Term { value, shift, negate: it.negate })
            }
        });
        outputs.collect()
    }

    /// `a * by`, from shifts and additions.
    pub fn mul_const(&mut self, a: ValueId, by: i128) -> ValueId {
        let inputs = [Source { interval: self.interval(a), depth: 0 }];
        let graph = solve(&[by], &inputs, Budget { effort: Effort::Normal, ..Budget::QUICK });
        self.apply(&graph, &[a])[0]
    }
}
