//! What must hold of an integer graph before anything is made from it.

use super::{Graph, MAX_WIDTH, Type};
use crate::error::{Problem, Problems, Result};

/// A value that would need more bits than a mantissa may have.
#[derive(Debug, thiserror::Error)]
#[error(
    "{unit} {name} needs {bits} bits for an intermediate value; at most {MAX_WIDTH} are supported"
)]
pub struct TooWide {
    /// Kind of unit.
    pub unit: &'static str,
    /// Its name.
    pub name: String,
    /// Bits needed.
    pub bits: u32,
}

/// Checks the widths of every unit; structural faults are bugs of ours and assert.
///
/// # Errors
/// [`TooWide`] for every unit whose intermediate values exceed [`MAX_WIDTH`] bits.
pub fn verify(graph: &Graph) -> Result<()> {
    let mut problems = Problems::default();
    for id in graph.topo() {
        let node = graph.node(id);
        let operands = graph.operands(id);
        let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        debug_assert_eq!(node.op.spec().output(&types), node.ty, "type of {}", node.name);
        let bits = node.op.spec().working_bits(&types, &node.ty);
        if bits > MAX_WIDTH {
            let unit = node.op.spec().name();
            let what = TooWide { unit, name: node.name.clone(), bits };
            let help = "narrow the layer's precision (result, weight or accum)";
            problems.push(Problem::at(&node.origin, what).help(help));
        }
    }
    problems.into_result(())
}
