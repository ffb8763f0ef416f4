//! Which kind of kernel the products of a layer become in the direct path.
//!
//! A matrix of constants whose multipliers nobody shares is an adder graph, whatever the strategy: no multiplier for
//! a constant is smaller. With a reuse factor it is an array of multipliers with its weights in memories or logic,
//! unless the strategy is distributed arithmetic, which has no multipliers to share. Products of two tensors have no
//! constants: their reuse factor counts whatever the strategy. Weights that are loaded are an array always.

use crate::config::Strategy;
use crate::design::Design;
use crate::error::Origin;
use crate::fixed::Graph;
use crate::stream::Reuse;
use crate::units::{Mac, Unit};

/// What of a layer's strategy and reuse factor the direct path does not do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ineffective {
    /// Nothing is shared in an adder graph.
    #[error(
        "ReuseFactor {reuse} has no effect on the RTL path: distributed_arithmetic keeps the layer an adder graph"
    )]
    Reuse {
        /// The factor.
        reuse: u32,
    },
    /// No multiplier is shared.
    #[error(
        "Strategy {strategy} has no effect on the RTL path: with a ReuseFactor of 1 the layer is an adder graph"
    )]
    Strategy {
        /// The strategy.
        strategy: Strategy,
    },
    /// An adder graph is made of its weights.
    #[error(
        "Strategy distributed_arithmetic has no effect on the RTL path: weights that are loaded need multipliers"
    )]
    Loaded,
}

/// The reuse factor that the user gave a layer.
pub(super) fn given(design: &Design, layer: &str) -> usize {
    design.plan.layers.get(layer).map_or(1, |it| it.reuse_factor as usize)
}

/// How often the multipliers of a layer are used, if it has the reuse factor.
pub(super) fn reuse(design: &Design, layer: &str, factor: usize) -> Reuse {
    let matrix = if adds(design, layer) { 1 } else { factor };
    Reuse { matrix, product: factor }
}

fn adds(design: &Design, layer: &str) -> bool {
    let layer = design.plan.layers.get(layer);
    layer.is_some_and(|it| it.strategy == Strategy::DistributedArithmetic)
}

/// Whether products of a graph, or of a step of its loops, shall share multipliers.
pub(super) fn asks(design: &Design, graph: &Graph) -> bool {
    graph.topo().into_iter().any(|id| {
        let node = graph.node(id);
        let layer = &node.origin.node;
        let own = reuse(design, layer, given(design, layer));
        match &node.op {
            Unit::Mac(_) => own.matrix > 1,
            Unit::Matmul(_) => own.product > 1,
            it => it.body().is_some_and(|(body, _)| asks(design, body)),
        }
    })
}

/// Reuse factors that distributed arithmetic leaves without effect, by layer.
pub(super) fn unshared(design: &Design) -> Vec<(Origin, u32)> {
    let reuse = |it: (Origin, Ineffective)| match it.1 {
        Ineffective::Reuse { reuse } => Some((it.0, reuse)),
        _ => None,
    };
    ineffective(design, true).into_iter().filter_map(reuse).collect()
}

/// What is not done of what was asked for, by layer; reuse factors that nobody gave may have been `chosen`.
pub fn ineffective(design: &Design, chosen: bool) -> Vec<(Origin, Ineffective)> {
    let mut all = Vec::new();
    collect(design, &design.graph, chosen, &mut all);
    all
}

fn collect(design: &Design, graph: &Graph, chosen: bool, all: &mut Vec<(Origin, Ineffective)>) {
    for id in graph.topo() {
        let node = graph.node(id);
        if let Some((body, _)) = node.op.body() {
            collect(design, body, chosen, all);
        }
        let Unit::Mac(mac) = &node.op else { continue };
        let own = one(design, &node.origin.node, mac, chosen).map(|it| (node.origin.clone(), it));
        all.extend(own.filter(|it| !all.contains(it)));
    }
}

fn one(design: &Design, layer: &str, mac: &Mac, chosen: bool) -> Option<Ineffective> {
    let plan = design.plan.layers.get(layer)?;
    let (strategy, reuse) = (plan.strategy, plan.reuse_factor);
    let loaded = !mac.loaded.is_nothing();
    match strategy {
        Strategy::DistributedArithmetic if loaded => Some(Ineffective::Loaded),
        Strategy::DistributedArithmetic if reuse > 1 => Some(Ineffective::Reuse { reuse }),
        Strategy::Resource | Strategy::Unrolled if reuse == 1 && !chosen && !loaded => {
            Some(Ineffective::Strategy { strategy })
        }
        _ => None,
    }
}
