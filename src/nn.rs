//! The float graph: layers as frameworks mean them, with shapes.
//!
//! After import: every node's shape is inferred and positive, operands are ordered, the graph is
//! acyclic, weights are finite, names are unique. Shapes leave out the batch axis.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::layers::Layer;
pub use crate::source::Tensor;

/// The float graph.
pub type Graph = crate::graph::Graph<Layer, Shape>;

/// Extent of one sample, channels last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// Extent of the last axis; 1 for a scalar.
    pub fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (idx, extent) in self.0.iter().enumerate() {
            let comma = if idx == 0 { "" } else { ", " };
            write!(f, "{comma}{extent}")?;
        }
        f.write_str("]")
    }
}

/// Runs the float graph on one sample: a tensor per input in model order, a tensor per output.
///
/// `trace` sees the output of every node, in topological order.
pub fn evaluate(
    graph: &Graph,
    inputs: &[Tensor],
    mut trace: impl FnMut(crate::graph::NodeId, &Tensor),
) -> Vec<Tensor> {
    let mut values: Vec<Option<Tensor>> = vec![None; graph.bound()];
    for (id, value) in graph.inputs.iter().zip(inputs) {
        values[id.index()] = Some(value.clone());
    }
    for id in graph.topo() {
        if values[id.index()].is_none() {
            let operands = graph.operands(id);
            let operands: Vec<&Tensor> =
                operands.iter().filter_map(|from| values[from.index()].as_ref()).collect();
            let value = graph.node(id).op.spec().eval(&operands);
            values[id.index()] = Some(value);
        }
        if let Some(value) = &values[id.index()] {
            trace(id, value);
        }
    }
    graph
        .outputs
        .iter()
        .map(|id| values[id.index()].clone().expect("every node was evaluated in order"))
        .collect()
}
