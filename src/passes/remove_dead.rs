//! Layers from which no output can be reached go away; inputs stay, they are ports.

use super::{Options, Pass};
use crate::nn::Graph;

/// Removes what no output depends on.
pub(super) const PASS: Pass =
    Pass { name: "remove_dead", about: "remove layers that no output depends on", run };

fn run(graph: &mut Graph, _: &Options) -> bool {
    let dead = graph.dead();
    dead.iter().for_each(|id| graph.remove(*id));
    !dead.is_empty()
}
