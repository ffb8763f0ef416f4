//! The HLS path for an HLS compiler that runs anywhere: Google XLS takes DSLX and gives pipelined Verilog.
//!
//! A graph becomes one DSLX function of arrays, as an HLS user would write it: a call of a kernel of
//! `xls-templates/common` for each unit, with products and sums in loops that XLS unrolls. Units say which
//! kernel that is in the same words as for C++ ([`HlsUnit`](crate::units::hls::HlsUnit)). XLS schedules it;
//! its pipeline is put behind the top module of the direct RTL, so that both are simulated and synthesised
//! alike. What it computes is [`Emulate`](crate::units::Emulate) bit for bit.
//!
//! A graph that streams, or whose layers share multipliers, becomes the dataflow of the direct RTL, each process of which
//! is a proc with a state: XLS makes a module of each, and the top module of the direct RTL connects them.

mod array;
mod calls;
mod flow;
mod process;
mod text;
mod view;

use std::collections::BTreeSet;
use std::path::PathBuf;

use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};
use tera::{Context, Tera};

pub use self::flow::{Network, Proc, streamed};
use self::view::{Builder, View};
use super::{HlsOptions, HlsProject};
use crate::error::{Problem, Problems, Result};
use crate::fixed::Graph;
use crate::units::Unit;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/xls-templates");

/// The script that runs XLS, as it is in the project.
pub const COMPILE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/xls-templates/compile.py"));

/// A function of the user's, which is in C++ and SystemVerilog.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("XLS takes no C++: {function} cannot be called from DSLX")]
pub struct NoFunction {
    /// The function.
    pub function: String,
}

/// A layer that is to share multipliers and cannot.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "ReuseFactor {reuse} has no effect on this layer's DSLX, which XLS unrolls: its sums depend on their order (a \
     rounding or saturating accumulator, inputs of different formats) or are of groups of channels"
)]
pub struct NoReuse {
    /// The factor asked for.
    pub reuse: u64,
}

/// A layer that is to share multipliers, by a strategy that shares none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "ReuseFactor {reuse} has no effect on this layer's DSLX: distributed_arithmetic shares nothing, and XLS unrolls it"
)]
pub struct Unshared {
    /// The factor asked for.
    pub reuse: u32,
}

/// Writes a graph as DSLX; `ports` are the names of its inputs. It must have passed [`crate::fixed::verify`].
///
/// # Errors
/// As [`super::project`], and functions of the user's.
pub fn project(graph: &Graph, options: &HlsOptions, ports: &[String]) -> Result<HlsProject> {
    super::view::check(graph, options, &graph.topo())?;
    check(graph)?;
    let mut builder = Builder::new(&options.name, &options.description);
    builder.network(graph, ports);
    let view = builder.view;
    let mut files = vec![(PathBuf::from(format!("{}.x", view.top)), printed(&view))];
    files.extend(library(&view.modules, &view.top));
    files.sort();
    let warnings = Vec::new();
    Ok(HlsProject { files, warnings, top: view.top, interval: 1, host: String::new() })
}

/// The text of a file.
fn printed(view: &View) -> String {
    let context = Context::from_serialize(view).expect("a struct of plain fields serializes");
    Tera::one_off(source("network.x.tera"), &context, false)
        .expect("the template is part of the program and prints every field it names")
}

/// What every project has besides: kernels, the script, and how to run it.
fn library(modules: &BTreeSet<String>, name: &str) -> Vec<(PathBuf, String)> {
    let mut files = vec![
        ("compile.py".into(), COMPILE.to_owned()),
        ("README.md".into(), source("README.md").replace("NAME", name)),
    ];
    let kernel =
        |it: &String| (format!("{it}.x").into(), source(&format!("common/{it}.x")).to_owned());
    files.extend(modules.iter().map(kernel));
    files
}

/// Names of all kernels' files.
fn kernels() -> impl Iterator<Item = String> {
    let files = TEMPLATES.get_dir("common").into_iter().flat_map(|it| it.files());
    files.filter_map(|it| Some(it.path().file_stem()?.to_str()?.to_owned()))
}

/// Functions of the user's, which cannot be written.
fn check(graph: &Graph) -> Result<()> {
    let mut problems = Problems::default();
    for id in graph.topo() {
        let node = graph.node(id);
        if let Some((body, _)) = node.op.body() {
            problems.note(check(body));
        }
        if let Unit::External(it) = &node.op {
            let function = it.kernel.function.clone();
            problems.push(Problem::at(&node.origin, NoFunction { function }));
        }
    }
    problems.into_result(())
}

fn source(path: &str) -> &'static str {
    TEMPLATES
        .get_file(path)
        .and_then(|it| it.contents_utf8())
        .expect("every file named in the program is embedded")
}

/// A scheduler of XLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// A system of difference constraints: the fewest registers.
    Sdc,
    /// Every operation as soon as it can be; for designs that are too large for the other.
    Asap,
}

/// What the script says of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compiled {
    /// The version of XLS.
    pub version: String,
    /// The period that XLS was asked for, by its own delays, ps.
    pub period_ps: u64,
    /// Where its delays are from.
    pub delays: String,
    /// The modules.
    pub modules: Vec<Compilation>,
}

/// A module that XLS made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compilation {
    /// The DSLX file, without its ending.
    pub file: String,
    /// Ranks of registers from input to output.
    pub ranks: u32,
    /// Cycles from one token to the next, if nothing stalls.
    pub interval: u32,
    /// How it assigned operations to stages: with the fewest registers, or each as soon as it can be.
    pub schedule: Schedule,
}
