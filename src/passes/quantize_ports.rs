//! `input -> quantizer`: the port carries what the quantizer leaves, so that no bit is wasted there.
//!
//! Only where nothing else reads the input and the user gave it no type of its own.

use super::{Options, Pass};
use crate::layers::Layer;
use crate::nn::Graph;

/// Gives inputs the formats of the quantizers behind them.
pub(super) const PASS: Pass = Pass {
    name: "quantize_ports",
    about: "give an input the formats of the quantizer that alone reads it",
    run,
};

fn run(graph: &mut Graph, options: &Options) -> bool {
    let mut changed = false;
    for id in graph.inputs.clone() {
        let node = graph.node(id);
        let [user] = graph.users(id)[..] else { continue };
        let free = !options.pinned.contains(&node.name) && !graph.outputs.contains(&id);
        let Layer::Quantizer(quantizer) = &graph.node(user).op else { continue };
        let lanes = quantizer.port();
        if let (true, Layer::Input(input)) = (free, &mut graph.node_mut(id).op)
            && input.lanes.is_none()
        {
            input.lanes = Some(lanes);
            changed = true;
        }
    }
    changed
}
