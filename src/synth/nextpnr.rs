//! nextpnr: the clock that a placed and routed design reaches.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::yosys::{Netlist, run};
use super::{Result, Sources, SynthError, Synthesis, fits, longest, report, unknown};
use crate::device::{Device, Resources, Tool};
use crate::tools::{self, Tools};

/// Families with place and route out of context.
const KNOWN: &str = "ECP5";

/// What nextpnr reports; times are in ns, clocks in MHz.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    fmax: BTreeMap<String, Clock>,
    utilization: BTreeMap<String, Used>,
}

impl Report {
    /// The clock that is reached, MHz: of several the slowest.
    pub(super) fn slowest(&self) -> Option<f64> {
        self.fmax.values().map(|it| it.achieved).reduce(f64::min)
    }

    /// What is taken of an ECP5.
    pub(super) fn resources(&self) -> Resources {
        let used = |bel: &str| self.utilization.get(bel).map_or(0, |it| it.used);
        Resources {
            lut: used("TRELLIS_COMB"),
            ff: used("TRELLIS_FF"),
            dsp: used("MULT18X18D"),
            bram_kbit: 18 * used("DP16KD"),
            uram: 0,
        }
    }
}

/// What nextpnr calls the size of a device, if it knows it.
pub(super) fn size(device: &Device) -> Option<String> {
    let size = device.name.rsplit('-').next()?;
    (device.tool() == Tool::Trellis).then(|| format!("--{size}k"))
}

#[derive(Debug, Deserialize)]
struct Clock {
    achieved: f64,
}

#[derive(Debug, Deserialize)]
struct Used {
    used: u64,
}

/// Synthesises a project flat, places and routes it with a seed; working files go to a folder.
///
/// # Errors
/// A family that it does not know, a design that does not fit, tools that are missing or fail.
pub fn nextpnr(
    sources: &Sources<'_>,
    device: &Device,
    tools: &Tools,
    work: &Path,
    seed: u32,
) -> Result<Synthesis> {
    let size = size(device).ok_or_else(|| unknown("nextpnr", device, KNOWN))?;
    let (netlist, found) = (work.join("netlist.json"), work.join("nextpnr.json"));
    let synthesised = run(sources, device, tools, work, Netlist::Flat(&netlist))?;
    fits(&synthesised.total, device)?;
    let mut command = tools.nextpnr("ecp5")?;
    // The package has the most pins that the size comes in; out of context none is used.
    let package = if size == "--25k" { "CABGA381" } else { "CABGA756" };
    command.args([&size, "--package", package, "--speed", "8", "--out-of-context"]);
    command.args(["--freq", &format!("{:.3}", 1000.0 / sources.clock_ns), "--timing-allow-fail"]);
    command.args(["--seed", &seed.to_string(), "-q"]).arg("--json").arg(&netlist);
    tools::run(command.arg("--report").arg(&found))?;
    let read: Report = report(&found)?;
    let fmax_mhz = read.slowest().ok_or_else(|| SynthError::Report {
        file: found.clone(),
        what: "no clock in it".to_owned(),
    })?;
    let total = read.resources();
    let tool = format!("nextpnr-ecp5 {size} --speed 8 --seed {seed}, out of context");
    let timing = Some(longest(sources, device, &netlist, synthesised.total.lut)?);
    let fmax_mhz = Some(fmax_mhz);
    Ok(Synthesis { tool, total, layers: Vec::new(), fmax_mhz, timing, ..synthesised })
}
