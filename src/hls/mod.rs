//! The HLS path: an integer graph as a project for the vendor's HLS compiler, and as a program that
//! g++ makes of the same sources.
//!
//! A graph is one function of arrays ([`project()`]), or divided into processes a dataflow region of tasks
//! with streams between them ([`streamed`]). Units say which kernel of `hls-templates/common` they are;
//! `view` gives everything a name and arranges the calls; the templates of `hls-templates/project`, and of
//! a compiler's own folder, print. The kernels name types by `nn_fixed.h`, of which each [`Library`] has its
//! own, and speak to the compiler in words of Vitis HLS, which `dialect` translates. What the C++ computes
//! is [`Emulate`](crate::units::Emulate) bit for bit, which the tests of [`host`] show.

mod calls;
mod dialect;
mod emit;
mod fold;
pub mod host;
mod loops;
mod names;
mod numbers;
mod options;
mod reuse;
mod scope;
mod stream;
pub mod tabulate;
#[cfg(test)]
pub(crate) mod tests;
mod trace;
mod view;
pub mod xls;

use std::path::PathBuf;

pub use calls::WideConstant;
pub use fold::LossyAccumulator;
pub use options::{Folding, HlsOptions, Library, Strategy, Tool};
pub use reuse::{ParallelChanged, ReuseChanged, Unfit, is_legal, nearest};
pub use stream::{Depths, Schedule, schedule};

use crate::error::{Problem, Result};
use crate::fixed::{Graph, MAX_WIDTH};
use crate::stream::Dataflow;

/// A project in memory.
#[derive(Debug)]
pub struct HlsProject {
    /// Files, relative to the project's directory, sorted.
    pub files: Vec<(PathBuf, String)>,
    /// What was not done as asked.
    pub warnings: Vec<Problem>,
    /// Name of the top function.
    pub top: String,
    /// Cycles between two samples that the pragmas ask for. They ask recurrences in streams for nothing: those
    /// count with a cycle a step until there is an estimate. Procs of XLS may take longer.
    pub interval: u64,
    /// Source of the program that runs mantissas through the top function; see [`host`]. Empty if it is
    /// simulated as Verilog.
    pub host: String,
}

/// Elements of a tensor have formats so different that no type of [`MAX_WIDTH`] bits holds them all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the elements of {name} need a common type of {bits} bits; at most {MAX_WIDTH} are supported"
)]
pub struct NoCommonType {
    /// Name of the unit.
    pub name: String,
    /// Bits of the common type.
    pub bits: u32,
}

/// Makes the project. The graph must have passed [`crate::fixed::verify`].
///
/// # Errors
/// [`NoCommonType`] for every tensor whose elements' formats lie too far apart for one C++ type;
/// [`LossyAccumulator`] for matrices that are no plain sums but shall become additions; [`WideConstant`]
/// for oneAPI.
pub fn project(graph: &Graph, options: &HlsOptions) -> Result<HlsProject> {
    Ok(printed(view::View::new(graph, options)?, options.tool))
}

/// Makes the project of a graph as a dataflow: what [`cut`](crate::stream::cut()) makes of it if nothing
/// is folded, with FIFOs of the depths of [`schedule`].
///
/// # Errors
/// As [`project`].
pub fn streamed(
    graph: &Graph,
    flow: &Dataflow,
    depths: &Depths,
    options: &HlsOptions,
) -> Result<HlsProject> {
    Ok(printed(view::View::stream(graph, flow, depths, options)?, options.tool))
}

fn printed((view, warnings): (view::View, Vec<Problem>), tool: Tool) -> HlsProject {
    HlsProject {
        files: emit::files(&view, tool),
        warnings,
        top: view.top.clone(),
        interval: view.interval,
        host: emit::host(&view, tool),
    }
}

/// The data files that the project's test bench reads: rows of numbers, a sample each.
///
/// `inputs` and `outputs` hold one row a sample, all ports of the model one after another.
pub fn test_data(inputs: &[Vec<f64>], outputs: &[Vec<f64>]) -> Vec<(PathBuf, String)> {
    let text = |rows: &[Vec<f64>]| {
        let line = |row: &Vec<f64>| {
            let numbers: Vec<String> = row.iter().map(|it| format!("{it:?}")).collect();
            numbers.join(" ") + "\n"
        };
        rows.iter().map(line).collect::<String>()
    };
    vec![
        ("tb_data/tb_input_features.dat".into(), text(inputs)),
        ("tb_data/tb_output_predictions.dat".into(), text(outputs)),
    ]
}
