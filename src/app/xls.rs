//! The pipeline that XLS makes of a project's DSLX: made when it is first needed, then kept in the project.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::build::ports;
use super::manifest::{Manifest, RtlInfo};
use crate::design::Design;
use crate::error::{Located, Result};
use crate::firmware::around;
use crate::hls::xls::{COMPILE, Compiled};
use crate::project;
use crate::tools::{self, Key, ToolError, Tools};

/// Where a project has its DSLX; what XLS makes goes there too.
pub(super) const FOLDER: &str = "hls/xls";

/// What was made, and of what.
const MADE: &str = "hls/xls/made.json";

/// The pipeline as SystemVerilog; paths are below [`FOLDER`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    /// A hash of all that it was made of.
    key: String,
    /// What XLS said.
    pub(super) xls: Compiled,
    /// The design.
    pub(super) rtl: RtlInfo,
}

/// What XLS makes of the project.
pub(super) fn made(dir: &Path, manifest: &Manifest, design: &Design) -> Result<Made> {
    let top = manifest.hls.as_ref().map(|it| it.top.as_str()).unwrap_or_default();
    let folder = dir.join(FOLDER);
    // XLS's delays are those of an ASIC process; the uncertainty of the clock says how far off they are.
    let share = 1.0 - design.plan.clock_uncertainty.unwrap_or(0.0);
    let period_ps = (1000.0 * share * manifest.comparison.clock_ns).round().max(1.0) as u64;
    let key = key(&folder, manifest, period_ps).anywhere()?;
    if dir.join(MADE).is_file() {
        let made: Made = project::read_json(dir, MADE)?;
        if made.key == key {
            return Ok(made);
        }
    }
    let tools = Tools::find().anywhere()?;
    let scratch = tools.cache().scratch().anywhere()?;
    let out = scratch.path().join("core.sv");
    let interface = around(&design.graph, &design.plan.name, String::new(), 0).1;
    let mut command = tools.xls().anywhere()?;
    command.arg("-c").arg(COMPILE).arg(folder.join(format!("{top}.x"))).arg(top);
    command.args(["--module", &format!("{}_xls", interface.top)]);
    command.args(["--period", &period_ps.to_string()]).arg("--out").arg(&out);
    let said = tools::run(&mut command).anywhere()?;
    let compiled: Compiled = serde_json::from_slice(&said.stdout).anywhere()?;
    let core = std::fs::read_to_string(&out).map_err(ToolError::io(&out)).anywhere()?;
    let (files, interface) = around(&design.graph, &design.plan.name, core, compiled.ranks);
    let rtl = RtlInfo {
        top: interface.top.clone(),
        latency: interface.latency,
        interval: 1,
        ports: ports(&interface),
        sources: files.iter().map(|it| it.0.clone()).collect(),
        ..RtlInfo::default()
    };
    let made = Made { key, xls: compiled, rtl };
    let file =
        |(path, text): (String, String)| (PathBuf::from(FOLDER).join(path), text.into_bytes());
    let mut files: Vec<(PathBuf, Vec<u8>)> = files.into_iter().map(file).collect();
    files.push((PathBuf::from(MADE), serde_json::to_vec_pretty(&made).anywhere()?));
    project::update(dir, &files)?;
    Ok(made)
}

fn key(folder: &Path, manifest: &Manifest, period_ps: u64) -> tools::Result<String> {
    let sources = manifest.files.iter().filter(|it| it.starts_with(FOLDER) && it.ends_with(".x"));
    let mut key = Key::new("xls").part(COMPILE).part(period_ps.to_le_bytes());
    for file in sources {
        key = key.file(&folder.join(file.trim_start_matches(FOLDER).trim_start_matches('/')))?;
    }
    Ok(key.hex())
}
