//! `softmax(x + mask)` becomes a softmax that leaves elements out: attention that hides keys adds a
//! number so negative that the exponential is zero, and no fixed-point format should have to hold it.
//!
//! What else the mask adds is still added. Only where nothing else reads the sum and the user gave it
//! no type.

use super::{Options, Pass};
use crate::graph::{Node, NodeId};
use crate::layers::{Constant, Layer, Softmax};
use crate::nn::{Graph, Tensor};
use crate::units::Binary;

/// Turns large negative constants in front of a softmax into elements that take no part.
pub(super) const PASS: Pass = Pass {
    name: "hide_masked",
    about: "leave elements out of a softmax instead of adding large negative numbers",
    run,
};

/// From here down an addend hides: `exp(-10000)` is zero in floats of any size.
const HIDDEN: f64 = -1e4;

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        if let Some(Mask { sum, data, constant, addend }) = mask(graph, options, id) {
            let shown = addend.mapv(|it| if it <= HIDDEN { 0.0 } else { it });
            let Layer::Softmax(softmax) = &graph.node(id).op else { continue };
            let hidden = addend.iter().map(|it| *it <= HIDDEN);
            let softmax = Softmax::masked(softmax.group, hidden);
            graph.node_mut(id).op = softmax.into();
            if shown.iter().all(|it| *it == 0.0) {
                graph.replace_uses(sum, data);
                graph.remove(sum);
            } else {
                let origin = graph.node(constant).origin.clone();
                let name = format!("{}_mask", graph.node(sum).name);
                let (ty, op) = (graph.node(sum).ty.clone(), Constant { value: shown }.into());
                let rest = graph.add(Node { name, op, ty, origin }, &[]);
                let mut node = graph.node(sum).clone();
                node.name.push_str("_shown");
                let sum_of_rest = graph.add(node, &[data, rest]);
                graph.replace_uses(sum, sum_of_rest);
                graph.remove(sum);
            }
            changed = true;
        }
    }
    changed
}

/// A sum with a mask, in front of a softmax.
struct Mask {
    sum: NodeId,
    data: NodeId,
    constant: NodeId,
    /// What is added to each element.
    addend: Tensor,
}

fn mask(graph: &Graph, options: &Options, id: NodeId) -> Option<Mask> {
    let Layer::Softmax(Softmax { hidden: None, .. }) = &graph.node(id).op else { return None };
    let sum = graph.operands(id)[0];
    let node = graph.node(sum);
    let Layer::Merge(merge) = &node.op else { return None };
    let private = graph.users(sum) == [id] && !graph.outputs.contains(&sum);
    if merge.op != Binary::Add || !private || options.pinned.contains(&node.name) {
        return None;
    }
    let [a, b] = graph.operands(sum)[..] else { return None };
    let value = |id: NodeId| match &graph.node(id).op {
        Layer::Constant(it) => Some(&it.value),
        _ => None,
    };
    let (data, constant) = if value(a).is_some() { (b, a) } else { (a, b) };
    let same = graph.node(data).ty == node.ty;
    let addend = value(constant)?.broadcast(node.ty.0.as_slice())?.to_owned();
    let hides = same && addend.iter().any(|it| *it <= HIDDEN);
    hides.then_some(Mask { sum, data, constant, addend })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Origin;
    use crate::layers::{Input, Merge};
    use crate::nn::{Shape, evaluate};

    /// `softmax(x + mask)` on `[2, 3]`.
    fn graph(mask: &[f64]) -> Graph {
        let mut graph = Graph::default();
        let mut add = |name: &str, op: Layer, shape: &[usize], operands: &[NodeId]| {
            let (ty, origin) = (Shape(shape.to_vec()), Origin::new("m", name));
            graph.add(Node { name: name.into(), op, ty, origin }, operands)
        };
        let x = add("x", Input { shape: Shape(vec![2, 3]), lanes: None }.into(), &[2, 3], &[]);
        let value = Tensor::from_shape_vec(vec![mask.len() / 3, 3], mask.to_vec()).unwrap();
        let shape = value.shape().to_vec();
        let mask = add("mask", Constant { value }.into(), &shape, &[]);
        let sum = add("sum", Merge { op: Binary::Add }.into(), &[2, 3], &[x, mask]);
        let softmax = add("y", Softmax::new(3).into(), &[2, 3], &[sum]);
        graph.inputs.push(x);
        graph.outputs.push(softmax);
        graph
    }

    #[test]
    fn large_negative_addends_hide_and_the_rest_is_added() {
        let x = [Tensor::from_shape_fn(vec![2, 3], |at| (at[0] + 2 * at[1]) as f64 / 2.0)];
        for (mask, sums) in [
            (&[0.0, -1e9, -1e9, 0.0, 0.0, -1e9][..], 0),
            (&[0.5, -1e9, 0.25], 1),
            (&[0.5, -3.0, 0.25], 1),
            (&[-1e9, -1e9, -1e9, 0.0, -1e5, 0.0], 0),
        ] {
            let (before, mut after) = (graph(mask), graph(mask));
            while run(&mut after, &Options::default()) {}
            let merges = after.topo().into_iter().map(|it| &after.node(it).op);
            assert_eq!(merges.filter(|it| matches!(it, Layer::Merge(_))).count(), sums, "{mask:?}");
            let y = |graph| evaluate(graph, &x, |_, _| {}).remove(0);
            let (before, after) = (y(&before), y(&after));
            let equal = before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(equal, "{mask:?}: {before} {after}");
        }
    }
}
