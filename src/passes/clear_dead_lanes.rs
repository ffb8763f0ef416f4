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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Origin;
    use crate::fixed::Format;
    use crate::graph::Node;
    use crate::layers::{Input, Relu};
    use crate::nn::Shape;

    fn dense(rows: usize, columns: usize) -> Layer {
        let weights = ndarray::ArrayD::from_elem(vec![rows, columns], 2.0);
        let bias = Some(ndarray::ArrayD::from_elem(vec![columns], 1.0));
        Dense { weights: weights.into(), bias, quantized: true }.into()
    }

    /// `x -> before -> relu -> quantizer -> after`; the second of three elements has no bits.
    fn chain() -> (Graph, [NodeId; 3]) {
        let mut graph = Graph::default();
        let add = |graph: &mut Graph, op: Layer, extent: usize, from: &[NodeId]| {
            let name = format!("n{}", graph.len());
            let origin = Origin::new("test", &name);
            graph.add(Node { name, op, ty: Shape(vec![extent]), origin }, from)
        };
        let input = Input { shape: Shape(vec![2]), lanes: None };
        let x = add(&mut graph, input.into(), 2, &[]);
        let before = add(&mut graph, dense(2, 3), 3, &[x]);
        let relu = add(&mut graph, Relu { max: None }.into(), 3, &[before]);
        let bits = Some(Format::signed(4, 2));
        let quantizer = Quantizer { lanes: vec![bits, None, bits] };
        let quantizer = add(&mut graph, quantizer.into(), 3, &[relu]);
        let after = add(&mut graph, dense(3, 2), 2, &[quantizer]);
        graph.inputs.push(x);
        graph.outputs.push(after);
        (graph, [before, relu, after])
    }

    fn of(graph: &Graph, id: NodeId) -> (Vec<f64>, Vec<f64>) {
        let Layer::Dense(dense) = &graph.node(id).op else { panic!() };
        let bias = dense.bias.as_ref().unwrap();
        (dense.weights.iter().copied().collect(), bias.iter().copied().collect())
    }

    #[test]
    fn rows_behind_and_columns_before_are_cleared() {
        let (mut graph, [before, _, after]) = chain();
        assert!(run(&mut graph, &Options::default()));
        assert_eq!(of(&graph, before), (vec![2.0, 0.0, 2.0, 2.0, 0.0, 2.0], vec![1.0, 0.0, 1.0]));
        assert_eq!(of(&graph, after), (vec![2.0, 2.0, 0.0, 0.0, 2.0, 2.0], vec![1.0, 1.0]));
        assert!(!run(&mut graph, &Options::default()), "it comes to an end");
    }

    #[test]
    fn what_something_else_sees_stays() {
        let (mut graph, [before, relu, _]) = chain();
        graph.outputs.push(relu);
        assert!(run(&mut graph, &Options::default()));
        assert_eq!(of(&graph, before).0, [2.0; 6]);
    }
}
