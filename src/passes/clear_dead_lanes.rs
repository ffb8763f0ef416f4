//! Weights that meet an element without bits become zero: nothing depends on them.
//!
//! HGQ2 prunes by taking all bits away from an element. Behind such a quantizer a dense layer's row
//! is never used; before it (a rectifier may lie between), a column and its bias are not. Zeros cost
//! nothing on either path, and the weights that are left may need fewer bits.

use super::{Options, Pass};
use crate::graph::NodeId;
use crate::layers::{Dense, Layer, Quantizer};
use crate::nn::Graph;

/// Clears them.
pub(super) const PASS: Pass = Pass {
    name: "clear_dead_lanes",
    about: "clear the weights that meet an element without bits",
    run,
};

fn run(graph: &mut Graph, _: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        let Layer::Quantizer(Quantizer { lanes }) = &graph.node(id).op else { continue };
        let dead: Vec<bool> = lanes.iter().map(Option::is_none).collect();
        let behind: Vec<NodeId> = graph.users(id);
        let before = producer(graph, id);
        for dense in behind {
            changed |= edit(graph, dense, |dense| clear_rows(dense, &dead));
        }
        if let Some(dense) = before {
            changed |= edit(graph, dense, |dense| clear_columns(dense, &dead));
        }
    }
    changed
}

/// The dense layer whose result only this quantizer sees.
fn producer(graph: &Graph, quantizer: NodeId) -> Option<NodeId> {
    let mut at = quantizer;
    loop {
        let from = *graph.operands(at).first()?;
        if graph.users(from) != [at] || graph.outputs.contains(&from) {
            return None;
        }
        match graph.node(from).op {
            Layer::Dense(_) => return Some(from),
            Layer::Relu(_) => at = from,
            _ => return None,
        }
    }
}

fn edit(graph: &mut Graph, id: NodeId, clear: impl Fn(&mut Dense) -> bool) -> bool {
    match &mut graph.node_mut(id).op {
        Layer::Dense(dense) if dense.quantized => clear(dense),
        _ => false,
    }
}

/// Whether a position is dead in every row of a tensor of `count` columns.
fn all_dead(dead: &[bool], count: usize, at: usize) -> bool {
    dead.iter().skip(at).step_by(count).all(|it| *it)
}

fn clear_rows(dense: &mut Dense, dead: &[bool]) -> bool {
    let n_in = dense.weights.shape()[0];
    let mut changed = false;
    for (at, weight) in dense.weights.indexed_iter_mut() {
        if *weight != 0.0 && all_dead(dead, n_in, at[0]) {
            *weight = 0.0;
            changed = true;
        }
    }
    changed
}

fn clear_columns(dense: &mut Dense, dead: &[bool]) -> bool {
    let n_out = dense.weights.shape()[1];
    let mut changed = false;
    let weights = dense.weights.indexed_iter_mut().map(|(at, weight)| (at[1], weight));
    let bias = dense.bias.iter_mut().flat_map(|it| it.indexed_iter_mut());
    for (column, weight) in weights.chain(bias.map(|(at, weight)| (at[0], weight))) {
        if *weight != 0.0 && all_dead(dead, n_out, column) {
            *weight = 0.0;
            changed = true;
        }
    }
    changed
}
