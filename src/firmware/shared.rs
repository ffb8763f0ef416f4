//! What of a layer shares multipliers, and how often.

use crate::stream::{Array, Dataflow, Kind, Product};

/// Products that can share multipliers.
#[derive(Clone, Debug)]
pub(super) enum Shared {
    /// With a constant matrix.
    Array(Array),
    /// Of two tensors.
    Product(Product),
}

/// Everything of a dataflow that can be folded: its layer, how many tokens it takes of a sample, and what it
/// is.
pub(super) fn all(flow: &Dataflow) -> Vec<(String, usize, Shared)> {
    let arrays = flow.processes.iter().filter_map(|it| match &it.kind {
        Kind::Array(array) => {
            let tokens = flow.stream(it.outputs[0]).tokens / array.turns();
            Some((it.layer.clone(), tokens, Shared::Array(array.clone())))
        }
        _ => None,
    });
    let product = |it: &Product| (it.layer.clone(), it.rows, Shared::Product(it.clone()));
    arrays.chain(flow.products.iter().map(product)).collect()
}

impl Shared {
    /// Products of a token.
    pub(super) fn products(&self) -> usize {
        match self {
            Shared::Array(it) => it.products(),
            Shared::Product(it) => it.products(),
        }
    }

    /// The largest reuse factor with which a token takes no more than so many cycles.
    pub(super) fn reuse_in(&self, cycles: usize) -> usize {
        match self {
            Shared::Array(it) => it.reuse_in(cycles),
            Shared::Product(it) => it.clone().folded(cycles.max(1)).cycles(),
        }
    }

    /// Multipliers with a reuse factor.
    pub(super) fn multipliers(&self, reuse: usize) -> usize {
        match self {
            Shared::Array(it) => it.clone().folded(reuse).multipliers(),
            Shared::Product(it) => it.clone().folded(reuse).multipliers(),
        }
    }
}
