//! From layers to units: no float from here on.

use crate::error::Result;
use crate::fixed::{self, Builder};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::nn;
use crate::precision::Formats;

/// Lets every layer build itself from units, in order, and verifies the result.
///
/// # Errors
/// Units whose intermediate values need more than [`fixed::MAX_WIDTH`] bits.
pub fn lower(graph: &nn::Graph, formats: &Formats) -> Result<fixed::Graph> {
    let mut builder = Builder::new();
    let mut made: Vec<Option<NodeId>> = vec![None; graph.bound()];
    for id in graph.topo() {
        let node = graph.node(id);
        builder.enter(node.origin.clone());
        let operands: Vec<NodeId> = graph
            .operands(id)
            .iter()
            .map(|it| made[it.index()].expect("operands are lowered first"))
            .collect();
        let mut cx =
            Lower { builder: &mut builder, formats: formats.of(id), compat: formats.compat };
        made[id.index()] = Some(node.op.spec().lower(&mut cx, &operands));
    }
    let find = |id: &NodeId| made[id.index()].expect("every node was lowered");
    builder.graph.inputs = graph.inputs.iter().map(find).collect();
    builder.graph.outputs = graph.outputs.iter().map(find).collect();
    fixed::verify(&builder.graph)?;
    Ok(builder.graph)
}
