//! ECP5: placed alone, out of context.

use super::super::{Result, Synthesis, report, unknown};
use super::{Job, KNOWN, Report};
use crate::device::{Device, Resources, Tool};
use crate::tools;

/// Tables from which on the static placer is taken (electrostatics, as in ePlace by Lu et al., 2015). The default one packs
/// what shares its inputs, as the choice of a weight by the turn, more densely than there are wires: some designs were not
/// routed in half an hour, and large ones are slower. `docs/nextpnr.md` has figures.
const LARGE: u64 = 8_000;

/// What nextpnr calls the size of a device, if it is an ECP5.
pub(in crate::synth) fn size(device: &Device) -> Option<String> {
    let size = device.name.rsplit('-').next()?;
    (device.tool() == Tool::Trellis).then(|| format!("--{size}k"))
}

/// What is taken of it.
pub(in crate::synth) fn resources(report: &Report) -> Resources {
    Resources {
        lut: report.used("TRELLIS_COMB"),
        ff: report.used("TRELLIS_FF"),
        dsp: report.used("MULT18X18D"),
        bram_kbit: 18 * report.used("DP16KD"),
        uram: 0,
    }
}

pub(super) fn place(job: &Job<'_>, synthesised: Synthesis) -> Result<Synthesis> {
    let size = size(job.device).ok_or_else(|| unknown("nextpnr", job.device, KNOWN))?;
    let found = job.work.join("nextpnr.json");
    let mut command = job.tools.nextpnr("ecp5")?;
    // The package has the most pins that the size comes in; out of context none is used.
    let package = if size == "--25k" { "CABGA381" } else { "CABGA756" };
    command.args([&size, "--package", package, "--speed", "8", "--out-of-context"]);
    let large = synthesised.total.lut > LARGE;
    if large {
        command.args(["--placer", "static"]);
    }
    tools::run(command.args(job.options(job.netlist, &found, None)))?;
    let read: Report = report(&found)?;
    let fmax_mhz = Some(read.slowest(&found)?);
    let by = if large { ", static placer" } else { "" };
    let tool = format!("nextpnr-ecp5 {size} --speed 8 {}, out of context{by}", job.told());
    Ok(Synthesis { tool, total: resources(&read), fmax_mhz, ..synthesised })
}
