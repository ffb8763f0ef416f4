//! What XLS makes of a project's DSLX, as SystemVerilog: made when it is first needed, then kept in the project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::build::{ports, told};
use super::manifest::{Manifest, ProcessInfo, RtlInfo};
use crate::design::Design;
use crate::device::Resources;
use crate::error::{Located, Result};
use crate::firmware::{self, around};
use crate::hls::xls::{COMPILE, Compilation, Compiled};
use crate::project;
use crate::tools::{self, Key, ToolError, Tools};

/// Where a project has its DSLX; what XLS makes goes there too.
pub(super) const FOLDER: &str = "hls/xls";

/// What was made, and of what.
const MADE: &str = "hls/xls/made.json";

/// The design as SystemVerilog; paths are below [`FOLDER`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    /// A hash of all that it was made of.
    key: String,
    /// What XLS said.
    pub(super) xls: Compiled,
    /// The design. How long procs take for a sample is known when they have been simulated: of them the latency is 0
    /// here, and the interval the least that it can be.
    pub(super) rtl: RtlInfo,
}

/// What XLS is to make.
struct Job {
    /// DSLX files, without their ending.
    files: Vec<String>,
    /// What their modules are called.
    module: String,
    period_ps: u64,
}

/// What XLS makes of the project.
pub(super) fn made(dir: &Path, manifest: &Manifest, design: &Design) -> Result<Made> {
    // XLS's delays are those of an ASIC process; the uncertainty of the clock says how far off they are.
    let share = 1.0 - design.plan.clock_uncertainty.unwrap_or(0.0);
    let period_ps = (1000.0 * share * manifest.comparison.clock_ns).round().max(1.0) as u64;
    let key = key(&dir.join(FOLDER), manifest, period_ps).anywhere()?;
    if dir.join(MADE).is_file() {
        let made: Made = project::read_json(dir, MADE)?;
        if made.key == key {
            return Ok(made);
        }
    }
    let procs = firmware::procs(design)?;
    let name = &design.plan.name;
    let (files, module) = match &procs {
        Some(procs) => {
            let mut files: Vec<String> =
                procs.network.procs.values().map(|it| it.file.clone()).collect();
            files.sort();
            files.dedup();
            (files, firmware::module(name, "{}"))
        }
        None => {
            let top = manifest.hls.as_ref().map(|it| it.top.clone()).unwrap_or_default();
            let interface = around(&design.graph, name, String::new(), 0).1;
            (vec![top], format!("{}_xls", interface.top))
        }
    };
    let (xls, mut made) = compiled(dir, &Job { files, module, period_ps })?;
    let (files, rtl) = match procs {
        Some(procs) => network(design, &procs, &made),
        None => {
            let (text, compilation) = made.pop_first().expect("a function has a module").1;
            pipeline(design, text, compilation.ranks)
        }
    };
    let made = Made { key, xls, rtl };
    let file =
        |(path, text): (String, String)| (PathBuf::from(FOLDER).join(path), text.into_bytes());
    let mut files: Vec<(PathBuf, Vec<u8>)> = files.into_iter().map(file).collect();
    files.push((PathBuf::from(MADE), serde_json::to_vec_pretty(&made).anywhere()?));
    project::update(dir, &files)?;
    Ok(made)
}

type Modules = BTreeMap<String, (String, Compilation)>;

/// Runs XLS.
fn compiled(dir: &Path, job: &Job) -> Result<(Compiled, Modules)> {
    let tools = Tools::find().anywhere()?;
    let scratch = tools.cache().scratch().anywhere()?;
    let mut command = tools.xls().anywhere()?;
    command.arg("-c").arg(COMPILE);
    command.args(job.files.iter().map(|it| dir.join(FOLDER).join(format!("{it}.x"))));
    command.args(["--module", &job.module, "--period", &job.period_ps.to_string()]);
    command.arg("--out").arg(scratch.path());
    let said = tools::run(&mut command).anywhere()?;
    let compiled: Compiled = serde_json::from_slice(&said.stdout).anywhere()?;
    let mut modules = Modules::new();
    for module in &compiled.modules {
        let path = scratch.path().join(format!("{}.sv", module.file));
        let text = std::fs::read_to_string(&path).map_err(ToolError::io(&path)).anywhere()?;
        modules.insert(module.file.clone(), (text, module.clone()));
    }
    Ok((compiled, modules))
}

type Files = Vec<(String, String)>;

/// A design of one function.
fn pipeline(design: &Design, text: String, ranks: u32) -> (Files, RtlInfo) {
    let (files, interface) = around(&design.graph, &design.plan.name, text, ranks);
    let rtl = RtlInfo {
        top: interface.top.clone(),
        latency: interface.latency,
        interval: 1,
        ports: ports(&interface),
        sources: files.iter().map(|it| it.0.clone()).collect(),
        ..RtlInfo::default()
    };
    (files, rtl)
}

/// A design of procs.
fn network(design: &Design, procs: &firmware::Procs, made: &Modules) -> (Files, RtlInfo) {
    let joined = firmware::joined(design, procs, made);
    let process = |(path, _): &(String, String)| ProcessInfo {
        name: path.trim_start_matches("i_").to_owned(),
        resources: Resources::default(),
    };
    let rtl = RtlInfo {
        top: joined.interface.top.clone(),
        interval: firmware::turns(&procs.flow),
        beats: joined.interface.beats.clone(),
        processes: joined.instances.iter().map(process).collect(),
        ports: ports(&joined.interface),
        sources: joined.files.iter().map(|it| it.0.clone()).collect(),
        instances: joined.instances,
        ..RtlInfo::default()
    };
    (joined.files, told(rtl, design))
}

fn key(folder: &Path, manifest: &Manifest, period_ps: u64) -> tools::Result<String> {
    let sources = manifest.files.iter().filter(|it| it.starts_with(FOLDER) && it.ends_with(".x"));
    let mut key = Key::new("xls").part(COMPILE).part(period_ps.to_le_bytes());
    for file in sources {
        key = key.file(&folder.join(file.trim_start_matches(FOLDER).trim_start_matches('/')))?;
    }
    Ok(key.hex())
}
