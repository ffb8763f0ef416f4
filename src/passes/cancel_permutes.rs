//! `x -> permute -> permute -> y` becomes one permutation, or none: images with channels first come as
//! layers with channels last between two permutations, and those of neighbours undo each other.

use super::{Options, Pass};
use crate::graph::Node;
use crate::layers::{Layer, Permute};
use crate::nn::Graph;

/// Joins permutations of permutations and takes out those that move nothing.
pub(super) const PASS: Pass =
    Pass { name: "cancel_permutes", about: "join permutations that follow each other", run };

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        let node = graph.node(id);
        let Layer::Permute(second) = &node.op else { continue };
        if options.pinned.contains(&node.name) {
            continue;
        }
        let input = graph.operands(id)[0];
        if second.is_identity() {
            graph.replace_uses(id, input);
            graph.remove(id);
            changed = true;
            continue;
        }
        let before = graph.node(input);
        let Layer::Permute(first) = &before.op else { continue };
        if options.pinned.contains(&before.name) {
            continue;
        }
        let order = second.order.iter().map(|it| first.order[*it]).collect();
        let joined = Node { op: Layer::from(Permute { order }), ..node.clone() };
        let source = graph.operands(input);
        let joined = graph.add(joined, &source);
        graph.replace_uses(id, joined);
        graph.remove(id);
        changed = true;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Origin;
    use crate::layers::{Identity, Input};
    use crate::nn::{Shape, evaluate};
    use crate::passes;
    use crate::source::Tensor;

    /// Permutations in a row behind an input.
    fn graph(orders: &[&[usize]]) -> Graph {
        let mut graph = Graph::default();
        let mut ty = Shape(vec![2, 3, 4]);
        let origin = Origin::new("m", "");
        let input = Layer::from(Input { shape: ty.clone(), lanes: None });
        let node = Node { name: "x".into(), op: input, ty: ty.clone(), origin: origin.clone() };
        let mut last = graph.add(node, &[]);
        graph.inputs.push(last);
        for (at, order) in orders.iter().enumerate() {
            ty = Shape(order.iter().map(|it| ty.0[*it]).collect());
            let op = Layer::from(Permute { order: order.to_vec() });
            let node = Node { name: format!("p{at}"), op, ty: ty.clone(), origin: origin.clone() };
            last = graph.add(node, &[last]);
        }
        // Outputs keep their layer, so the row ends with another one.
        let node = Node { name: "y".into(), op: Layer::from(Identity), ty, origin };
        last = graph.add(node, &[last]);
        graph.outputs.push(last);
        graph
    }

    fn check(orders: &[&[usize]], left: usize) {
        let before = graph(orders);
        let mut after = graph(orders);
        let pinned = ["y".to_owned()].into();
        passes::run(&mut after, &Options { pinned, ..Options::default() });
        let permutes = after.topo().into_iter().map(|it| &after.node(it).op);
        let permutes = permutes.filter(|it| matches!(it, Layer::Permute(_))).count();
        assert_eq!(permutes, left, "{orders:?}");
        let x = Tensor::from_shape_fn(vec![2, 3, 4], |at| (at[0] * 12 + at[1] * 4 + at[2]) as f64);
        let x = [x];
        assert_eq!(evaluate(&before, &x, |_, _| {}), evaluate(&after, &x, |_, _| {}));
    }

    #[test]
    fn neighbours_are_joined() {
        check(&[&[0, 1, 2]], 0);
        check(&[&[1, 2, 0], &[2, 0, 1]], 0);
        check(&[&[1, 2, 0], &[1, 2, 0]], 1);
        check(&[&[1, 2, 0], &[1, 0, 2], &[2, 1, 0], &[0, 2, 1]], 1);
        check(&[&[2, 1, 0]], 1);
    }
}
