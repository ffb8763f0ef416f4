//! Every layer's values as the SystemVerilog computes them.
//!
//! The passes of the direct path keep no layer whole: values between layers are requantized where
//! they are made, or never exist. So a trace is of a probe: the same design, with the value of every
//! node as a further output, through the same passes and the same simulator.

use std::path::Path;

use super::build::rtl_info;
use super::engines::{self, Rows, RtlRun};
use super::manifest::Manifest;
use crate::config::Io;
use crate::cosim::Stimulus;
use crate::design::Design;
use crate::device;
use crate::error::{Located, Result};
use crate::firmware;
use crate::graph::NodeId;
use crate::project::Project;
use crate::tools::Tools;

/// The mantissas of every node, all samples one after another, in the order of computation.
///
/// # Errors
/// Missing tools, and whatever [`firmware::rtl`] cannot build.
pub(super) fn rtl(
    manifest: &Manifest,
    design: &Design,
    rows: &Rows,
) -> Result<Vec<(NodeId, Vec<i128>)>> {
    let mut probe = design.clone();
    probe.graph.outputs = probe.graph.topo();
    probe.plan.clock_ns = manifest.comparison.clock_ns;
    // Values are kept to the end, in however many cycles.
    probe.plan.latency = None;
    probe.plan.io = Io::Parallel;
    probe.plan.layers.values_mut().for_each(|it| it.reuse_factor = 1);
    let device = device::find(&probe.plan.part).anywhere()?;
    let rtl = firmware::rtl(&probe, device)?;
    let scratch = Tools::find().anywhere()?.cache().scratch().anywhere()?;
    let dir = scratch.path().join("probe");
    write(&dir, rtl.project.files.iter().cloned())?;
    let drive = RtlRun { stimulus: Stimulus::default(), axi: false };
    let (values, _) = engines::rtl(&dir, &rtl_info(&rtl, device), &probe, rows, &drive)?;
    let tensors = engines::by_tensor(&probe.graph, &probe.graph.outputs, &values);
    Ok(probe.graph.outputs.iter().copied().zip(tensors).collect())
}

fn write(dir: &Path, files: impl Iterator<Item = (std::path::PathBuf, String)>) -> Result<()> {
    let mut project = Project::default();
    project.extend("", files);
    project.write(dir, false)
}
