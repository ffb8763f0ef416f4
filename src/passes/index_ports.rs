//! `input -> embedding`: the port carries whole numbers, as many bits as the table has rows.
//!
//! A number behind the table is the last one that the bits hold. Only where nothing but embeddings
//! reads the input and the user gave it no type of its own.

use super::{Options, Pass};
use crate::fixed::{Format, Overflow, Rounding, bits_of};
use crate::graph::NodeId;
use crate::layers::Layer;
use crate::nn::Graph;

/// Gives inputs that are numbers of rows the bits for that.
pub(super) const PASS: Pass = Pass {
    name: "index_ports",
    about: "give an input that only embeddings read the bits of an index",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.inputs.clone() {
        let free = !options.pinned.contains(&graph.node(id).name) && !graph.outputs.contains(&id);
        let rows = rows(graph, id).filter(|_| free);
        if let (Some(rows), Layer::Input(input)) = (rows, &mut graph.node_mut(id).op)
            && input.lanes.is_none()
        {
            let bits = bits_of(0, rows as i128 - 1).max(1);
            let index = Format::unsigned(bits, bits as i32).with(Rounding::Trn, Overflow::Sat);
            input.lanes = Some(vec![index; input.shape.elements()]);
            changed = true;
        }
    }
    changed
}

/// Rows of the largest table, if only embeddings read the values, perhaps in another shape.
fn rows(graph: &Graph, id: NodeId) -> Option<usize> {
    let users = graph.users(id);
    let of = |user: &NodeId| match &graph.node(*user).op {
        Layer::Embedding(it) => Some(it.table.shape()[0]),
        Layer::Reshape(_) | Layer::Identity(_) if !graph.outputs.contains(user) => {
            rows(graph, *user)
        }
        _ => None,
    };
    let all: Option<Vec<usize>> = users.iter().map(of).collect();
    all?.into_iter().max()
}
