//! `x -> identity -> y` becomes `x -> y`: Dropout and linear activations at inference.

use super::{Options, Pass};
use crate::layers::Layer;
use crate::nn::Graph;

/// Takes out layers that pass their input on, unless the user gave them a type to cast to.
pub(super) const PASS: Pass =
    Pass { name: "remove_identity", about: "take out layers that do nothing at inference", run };

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.topo() {
        let node = graph.node(id);
        if matches!(node.op, Layer::Identity(_)) && !options.pinned.contains(&node.name) {
            let input = graph.operands(id)[0];
            graph.replace_uses(id, input);
            graph.remove(id);
            changed = true;
        }
    }
    changed
}
