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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Origin;
    use crate::graph::Node;
    use crate::layers::{Embedding, Input, Relu};
    use crate::nn::Shape;
    use crate::source::Tensor;

    /// The port in front of tables of so many rows, and perhaps of something else.
    fn port(tables: &[usize], other: bool) -> Option<Vec<Format>> {
        let mut graph = Graph::default();
        let mut add = |name: String, op: Layer, operands: &[NodeId]| {
            let (ty, origin) = (Shape(vec![2]), Origin::new("m", name.as_str()));
            graph.add(Node { name, op, ty, origin }, operands)
        };
        let x = add("x".into(), Input { shape: Shape(vec![2]), lanes: None }.into(), &[]);
        for rows in tables {
            let table = Tensor::zeros(vec![*rows, 3]);
            add(format!("table_{rows}"), Embedding { table }.into(), &[x]);
        }
        if other {
            add("other".into(), Relu { max: None }.into(), &[x]);
        }
        graph.inputs.push(x);
        run(&mut graph, &Options::default());
        match &graph.node(x).op {
            Layer::Input(input) => input.lanes.clone(),
            _ => None,
        }
    }

    #[test]
    fn indices_have_the_bits_of_the_largest_table() {
        let index = |bits| {
            let format = Format::unsigned(bits, bits as i32);
            Some(vec![format.with(Rounding::Trn, Overflow::Sat); 2])
        };
        assert_eq!(port(&[10], false), index(4));
        assert_eq!(port(&[16, 3], false), index(4));
        assert_eq!(port(&[17], false), index(5));
        assert_eq!(port(&[1], false), index(1));
        assert_eq!(port(&[10], true), None);
        assert_eq!(port(&[], false), None);
    }
}
