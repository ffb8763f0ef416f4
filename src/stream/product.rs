//! Products of two tensors on few multipliers, as attention has them.
//!
//! A row of the first operand meets the columns of the second one group after the other: the row is repeated,
//! the columns are kept and given anew for every row. So a kernel of one row and a few columns does all of it.
//! Where there is more time than columns, and one cast at the end is enough, sums are made of parts as well.

use super::StreamId;
use super::cut::{At, Cutter, Loops, Place};
use super::permute::Permutation;
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::units::{Matmul, Reduce, Reduction};

/// Rows that meet columns on few multipliers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The layer.
    pub layer: String,
    /// Rows of a sample.
    pub rows: usize,
    columns: usize,
    sum: usize,
    /// A sum may be made of parts.
    exact: bool,
    groups: usize,
    parts: usize,
}

impl Product {
    /// The same, so many times.
    pub(super) fn times(self, times: usize) -> Product {
        Product { rows: times * self.rows, ..self }
    }

    fn new(layer: &str, matmul: &Matmul, exact: bool) -> Product {
        let Matmul { batch, rows, columns, sum, .. } = *matmul;
        Product {
            layer: layer.to_owned(),
            rows: batch * rows,
            columns,
            sum,
            exact,
            groups: 1,
            parts: 1,
        }
    }

    /// The same with multipliers that are used as often as that goes, but no more than so often for a row.
    pub fn folded(self, reuse: usize) -> Product {
        let largest = |of: usize, most: usize| {
            (1..=most.min(of)).rev().find(|it| of.is_multiple_of(*it)).unwrap_or(1)
        };
        let groups = largest(self.columns, reuse);
        let all = self.exact && groups == self.columns;
        let parts = if all { largest(self.sum, reuse / groups) } else { 1 };
        Product { groups, parts, ..self }
    }

    /// Products of a row.
    pub fn products(&self) -> usize {
        self.columns * self.sum
    }

    /// Cycles of a row.
    pub fn cycles(&self) -> usize {
        self.groups * self.parts
    }

    /// Parts of a sum.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// Multipliers.
    pub fn multipliers(&self) -> usize {
        self.products() / self.cycles()
    }
}

impl Cutter<'_> {
    /// Whether a layer's products of two tensors share multipliers.
    pub(super) fn is_shared(&self, layer: &str) -> bool {
        self.loops == Loops::Around && (self.reuse)(layer).product > 1
    }

    /// A product on few multipliers.
    pub(super) fn multiplied(&mut self, id: NodeId, matmul: &Matmul) -> Option<Place> {
        let node = self.node(id);
        let [x, y] = self.graph.operands(id)[..] else { return None };
        let types = [&self.node(x).ty, &self.node(y).ty];
        let layer = &node.origin.node;
        let product = Product::new(layer, matmul, matmul.is_exact(&types))
            .folded((self.reuse)(layer).product);
        let Product { groups, parts, .. } = product;
        let (batch, rows, cycles) = (matmul.batch, matmul.rows, product.cycles());
        let moves = |it: NodeId| !matches!(self.at(it).at, At::Constant(_));
        let (x_tokens, y_tokens) = (batch * rows * parts, batch * cycles);
        if cycles == 1 || !moves(x) || !moves(y) {
            return None;
        }
        let part = |row: usize, at: usize| row * parts + at % parts;
        let across = (0..batch * rows).flat_map(|row| (0..cycles).map(move |at| part(row, at)));
        let x = self.again(x, layer, x_tokens, across.collect());
        let every =
            (0..batch * rows).flat_map(|row| (0..cycles).map(move |at| row / rows * cycles + at));
        let y = self.again(y, layer, y_tokens, every.collect());
        self.flow.products.push(product);
        let (columns, whole) = (matmul.columns / groups, parts == 1);
        let own = Matmul {
            batch: 1,
            rows: 1,
            columns,
            sum: matmul.sum / parts,
            result: if whole { matmul.result } else { matmul.accum },
            shape: Shape(vec![columns]),
            ..matmul.clone()
        };
        let kernel = self.new_kernel(node, batch * rows * cycles);
        let operands = [x, y].map(|it| self.read(kernel, node, it));
        let made = self.kernels[kernel.0].add(node, node.name.clone(), own.into(), &operands);
        let place = Place { tokens: batch * rows * cycles, at: At::Kernel(kernel, made) };
        if whole {
            return Some(place);
        }
        let partial = self.stream(id, &place);
        let (accum, result) = (matmul.accum, matmul.result);
        let sum = Reduce { reduction: Reduction::SumInOrder, group: parts, accum, result };
        self.combined(id, &sum, partial)
    }

    /// An operand's tokens in an order that gives some of them several times.
    fn again(&mut self, id: NodeId, layer: &str, tokens: usize, order: Vec<usize>) -> StreamId {
        let stream = self.even(id);
        let stream = self.repacked(stream, tokens);
        let times = order.len() / tokens;
        match () {
            () if order.iter().enumerate().all(|(at, it)| at / times == *it) => {
                self.repeated(stream, times)
            }
            () => self.ordered(layer, stream, Permutation::new(tokens, order)),
        }
    }
}
