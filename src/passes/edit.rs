//! Edits that several passes make.

use crate::graph::{Node, NodeId};
use crate::layers::Layer;
use crate::nn::Graph;

/// Puts layers, each reading the one before, in the place of a node; the first reads `operands`.
///
/// A layer is called as the node was, with what is given behind it.
pub(super) fn replace(
    graph: &mut Graph,
    id: NodeId,
    operands: &[NodeId],
    row: Vec<(&'static str, Layer)>,
) {
    let (name, origin) = (graph.node(id).name.clone(), graph.node(id).origin.clone());
    let mut operands = operands.to_vec();
    for (suffix, op) in row {
        let types: Vec<_> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        let ty = op.spec().infer(&types).expect("a pass keeps shapes right");
        let name = match suffix {
            "" => name.clone(),
            _ => unused(graph, &format!("{name}_{suffix}")),
        };
        operands = vec![graph.add(Node { name, op, ty, origin: origin.clone() }, &operands)];
    }
    graph.replace_uses(id, operands[0]);
    graph.remove(id);
}

/// Adds a layer that reads what a node reads.
pub(super) fn copy(graph: &mut Graph, id: NodeId, op: impl Into<Layer>) -> NodeId {
    let node = graph.node(id);
    let name = unused(graph, &node.name);
    let copy = Node { name, op: op.into(), ..node.clone() };
    let operands = graph.operands(id);
    graph.add(copy, &operands)
}

/// A name that no node has.
fn unused(graph: &Graph, wanted: &str) -> String {
    let taken = |name: &String| graph.topo().iter().any(|it| graph.node(*it).name == *name);
    let numbered = (2..).map(|it| format!("{wanted}_{it}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|it| !taken(it)).expect("there are more numbers than nodes")
}
