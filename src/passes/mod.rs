//! Rewrites of the float graph, in the order in which they run.
//!
//! A pass cannot fail: whatever a user can get wrong was found at import. File name, pass name and
//! test name are the same.

mod cancel_permutes;
mod clear_dead_lanes;
mod edit;
mod fuse_batch_norm;
mod fuse_stairs;
mod hide_masked;
mod index_ports;
mod lattice;
mod push_scales;
mod quantize_ports;
mod remove_dead;
mod remove_identity;
mod sink_permutes;
mod split_quantizers;
mod split_weights;

use std::collections::BTreeSet;

use crate::nn::Graph;

/// A rewrite; `run` says whether it changed anything.
#[derive(Debug)]
pub struct Pass {
    /// Name, as in the file name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Does it.
    pub run: fn(&mut Graph, &Options) -> bool,
}

/// What passes must respect.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Layers to which the user gave a result type of their own: they stay.
    pub pinned: BTreeSet<String>,
    /// Layers whose constants the user gave a type, by their names or their class.
    pub typed: BTreeSet<String>,
    /// Layers whose weights can be loaded: whatever is true of the present ones may not be later.
    pub loaded: BTreeSet<String>,
    /// hls4ml's quirks are reproduced.
    pub compat: bool,
}

impl Options {
    /// Whether scales may be taken out of a layer's weights, and its bias moved.
    fn splits(&self, name: &String) -> bool {
        !self.pinned.contains(name) && !self.loaded.contains(name)
    }
}

/// The pipeline. It is begun again whenever something has changed, until nothing does; what nobody
/// reads any more goes first, as passes ask who reads a layer.
pub const NN: &[&Pass] = &[
    &remove_dead::PASS,
    &remove_identity::PASS,
    &sink_permutes::PASS,
    &cancel_permutes::PASS,
    &split_quantizers::PASS,
    &split_weights::PASS,
    &push_scales::PASS,
    &fuse_batch_norm::PASS,
    &fuse_stairs::PASS,
    &hide_masked::PASS,
    &quantize_ports::PASS,
    &index_ports::PASS,
    &clear_dead_lanes::PASS,
];

/// Runs the pipeline; returns the names of layers that are gone, in order of their going.
pub fn run(graph: &mut Graph, options: &Options) -> Vec<String> {
    let names =
        |graph: &Graph| graph.topo().into_iter().map(|id| graph.node(id).name.clone()).collect();
    let before: Vec<String> = names(graph);
    while NN.iter().any(|pass| (pass.run)(graph, options)) {}
    let after: BTreeSet<String> = names(graph).into_iter().collect();
    before.into_iter().filter(|it| !after.contains(it)).collect()
}
