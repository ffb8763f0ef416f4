//! From layers to units: no float from here on.

use crate::error::{Problem, Problems, Result};
use crate::fixed::{self, Builder};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::nn;
use crate::precision::Formats;

/// A layer that only the float graph knows.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name} cannot be built: {NO_HARDWARE}")]
struct FloatOnly {
    kind: &'static str,
    name: String,
}

/// What is said of layers without hardware.
pub const NO_HARDWARE: &str = "no unit computes it yet, only the float engine";

/// Checks that every layer can be built.
///
/// # Errors
/// All layers that cannot.
pub fn check(graph: &nn::Graph) -> Result<()> {
    let mut problems = Problems::default();
    for id in graph.topo() {
        let node = graph.node(id);
        if node.op.hardware().is_none() {
            let (kind, name) = (node.op.spec().kind(), node.name.clone());
            problems.push(Problem::at(&node.origin, FloatOnly { kind, name }));
        }
    }
    if let Some(last) = problems.0.last_mut() {
        last.help = Some("inspect, config and predict --engine float work with it".to_owned());
    }
    problems.into_result(())
}

/// Lets every layer, all of them [checked](check), build itself from units, in order, and verifies the result.
///
/// # Errors
/// Units whose intermediate values need more than [`fixed::MAX_WIDTH`] bits.
pub fn lower(graph: &nn::Graph, formats: &Formats) -> Result<fixed::Graph> {
    let mut builder = Builder::new();
    let mut made: Vec<Option<NodeId>> = vec![None; graph.bound()];
    for id in graph.topo() {
        let node = graph.node(id);
        let hardware = node.op.hardware().expect("the graph was checked");
        builder.enter(node.origin.clone());
        let operands: Vec<NodeId> = graph
            .operands(id)
            .iter()
            .map(|it| made[it.index()].expect("operands are lowered first"))
            .collect();
        let mut cx = Lower {
            builder: &mut builder,
            formats: formats.of(id),
            operands: graph.operands(id).iter().map(|it| formats.of(*it)).collect(),
            compat: formats.compat,
        };
        made[id.index()] = Some(hardware.lower(&mut cx, &operands));
    }
    let find = |id: &NodeId| made[id.index()].expect("every node was lowered");
    builder.graph.inputs = graph.inputs.iter().map(find).collect();
    builder.graph.outputs = graph.outputs.iter().map(find).collect();
    fixed::verify(&builder.graph)?;
    Ok(builder.graph)
}
