//! Passes over the scalar program between lowering and the pipeline: what it computes stays the same
//! to the bit, what it takes becomes less.
//!
//! Each pass rebuilds the program through the constructors of [`Datapath`], which fold, share and
//! bound again whatever it has changed, and leaves out what is dead. All of them are linear in the
//! number of operations, and none recurs.

mod blocks;
mod constants;
mod demand;
mod products;
mod ranges;
mod rewrite;
mod sums;
mod tables;
mod ternary;
#[cfg(test)]
mod tests;

pub use blocks::{Tables, in_blocks, taken as blocks_taken};
pub use tables::{TableForms, split_tables};

use super::datapath::{Datapath, ValueId};
use crate::device::DelayModel;

/// A pass.
type Pass = fn(&Datapath) -> Datapath;

/// All passes by name, in the order in which they run.
const PASSES: [(&str, Pass); 3] =
    [("ranges", ranges::run), ("constants", constants::run), ("demand", demand::run)];

/// Runs all passes.
pub fn optimize(datapath: &Datapath) -> Datapath {
    let [(_, first), rest @ ..] = PASSES;
    rest.iter().fold(first(datapath), |datapath, (_, pass)| pass(&datapath))
}

/// An optimized program, its products no slower than the clock, and what else it can be on a device: with
/// tables as sums of smaller ones,
/// with sums of three terms where that saves logic, and where it also costs no time. What is best shows
/// only in the pipeline.
pub fn for_device(
    datapath: Datapath,
    model: &DelayModel,
    clock_ns: Option<f64>,
    tables: &TableForms,
) -> Vec<Datapath> {
    let faster = clock_ns.and_then(|it| products::split(&datapath, model, it));
    let datapath = faster.unwrap_or(datapath);
    let split = split_tables(&datapath, tables);
    let mut programs: Vec<Datapath> = std::iter::once(datapath).chain(split).collect();
    for at in 0..programs.len() {
        if ternary::applies(&programs[at], model) {
            for fusion in [ternary::Fusion::Any, ternary::Fusion::OnTime] {
                programs.push(ternary::run(&programs[at], model, clock_ns, fusion));
            }
        }
    }
    programs
}

/// The program with other values in the place of some. `other` is given the program so far and what
/// became of the values before; what is not needed any more stays until [`clean`].
pub fn replace(
    datapath: &Datapath,
    other: impl Fn(&mut Datapath, &dyn Fn(ValueId) -> ValueId, ValueId) -> Option<ValueId>,
) -> Datapath {
    rewrite::Rewrite::run(datapath, &rewrite::readers(datapath), |rewrite, id| {
        let Some(made) = rewrite.with(|new, get| other(new, get, id)) else {
            return rewrite.again(id);
        };
        rewrite.new.tighten(made, datapath.interval(id));
        made
    })
}

/// The program without what no output needs.
pub fn clean(datapath: &Datapath) -> Datapath {
    rewrite::Rewrite::run(datapath, &rewrite::readers(datapath), |rewrite, id| rewrite.again(id))
}
