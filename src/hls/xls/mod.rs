//! The HLS path for an HLS compiler that runs anywhere: Google XLS takes DSLX and gives pipelined Verilog.
//!
//! A graph becomes one DSLX function of arrays, as an HLS user would write it: a call of a kernel of
//! `xls-templates/common` for each unit, with products and sums in loops that XLS unrolls. Units say which
//! kernel that is in the same words as for C++ ([`HlsUnit`](crate::units::hls::HlsUnit)). XLS schedules it;
//! its pipeline is put behind the top module of the direct RTL, so that both are simulated and synthesised
//! alike. What it computes is [`Emulate`](crate::units::Emulate) bit for bit.

mod calls;
mod text;
mod view;

use std::path::PathBuf;

use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};
use tera::{Context, Tera};

use self::view::Builder;
use super::{HlsOptions, HlsProject, Strategy};
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

/// A network of streams.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the XLS path takes and gives whole tensors: use --io parallel, or --flow rtl")]
pub struct NoStream;

/// A layer that is to share multipliers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the XLS path unrolls everything; ReuseFactor {reuse} has no effect on it")]
pub struct NoReuse {
    /// The factor asked for.
    pub reuse: u64,
}

/// Writes a graph as DSLX; `ports` are the names of its inputs. It must have passed [`crate::fixed::verify`].
///
/// # Errors
/// As [`super::project`], and functions of the user's.
pub fn project(graph: &Graph, options: &HlsOptions, ports: &[String]) -> Result<HlsProject> {
    super::view::check(graph, options, &graph.topo())?;
    let warnings = check(graph, options)?;
    let mut builder = Builder::new(&options.name, &options.description);
    builder.network(graph, ports);
    let view = builder.view;
    let context = Context::from_serialize(&view).expect("a struct of plain fields serializes");
    let network = Tera::one_off(source("network.x.tera"), &context, false)
        .expect("the template is part of the program and prints every field it names");
    let mut files: Vec<(PathBuf, String)> = vec![
        (format!("{}.x", view.top).into(), network),
        ("compile.py".into(), COMPILE.to_owned()),
        ("README.md".into(), source("README.md").replace("NAME", &view.top)),
    ];
    let kernel =
        |it: &String| (format!("{it}.x").into(), source(&format!("common/{it}.x")).to_owned());
    files.extend(view.modules.iter().map(kernel));
    files.sort();
    Ok(HlsProject { files, warnings, top: view.top, interval: 1, host: String::new() })
}

/// What cannot be written, and what has no effect.
fn check(graph: &Graph, options: &HlsOptions) -> Result<Vec<Problem>> {
    let (mut problems, mut warnings) = (Problems::default(), Vec::new());
    for id in graph.topo() {
        let node = graph.node(id);
        if let Some((body, _)) = node.op.body() {
            warnings.extend(problems.note(check(body, options)).unwrap_or_default());
        }
        match &node.op {
            Unit::External(it) => {
                let function = it.kernel.function.clone();
                problems.push(Problem::at(&node.origin, NoFunction { function }));
            }
            Unit::Mac(_) => {
                let folding = options.folding(&node.origin.node);
                if folding.reuse > 1 && folding.strategy != Strategy::Distributed {
                    warnings.push(Problem::at(&node.origin, NoReuse { reuse: folding.reuse }));
                }
            }
            _ => {}
        }
    }
    problems.into_result(warnings)
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
    /// Ranks of registers from input to output.
    pub ranks: u32,
    /// The period that XLS was asked for, by its own delays, ps.
    pub period_ps: u64,
    /// Where its delays are from.
    pub delays: String,
    /// How it assigned operations to stages: with the fewest registers, or each as soon as it can be.
    pub schedule: Schedule,
}
