//! Passes over the scalar program between lowering and the pipeline: what it computes stays the same
//! to the bit, what it takes becomes less.
//!
//! Each pass rebuilds the program through the constructors of [`Datapath`], which fold, share and
//! bound again whatever it has changed, and leaves out what is dead. All of them are linear in the
//! number of operations, and none recurs.

mod constants;
mod demand;
mod ranges;
mod rewrite;
mod sums;
mod tables;
#[cfg(test)]
mod tests;

pub use tables::{TableForms, split_tables};

use super::datapath::Datapath;

/// A pass.
type Pass = fn(&Datapath) -> Datapath;

/// All passes by name, in the order in which they run.
const PASSES: [(&str, Pass); 5] = [
    ("ranges", ranges::run),
    ("constants", constants::run),
    ("ranges", ranges::run),
    ("demand", demand::run),
    ("ranges", ranges::run),
];

/// Runs all passes.
pub fn optimize(datapath: &Datapath) -> Datapath {
    let [(_, first), rest @ ..] = PASSES;
    rest.iter().fold(first(datapath), |datapath, (_, pass)| pass(&datapath))
}
