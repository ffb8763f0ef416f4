//! A bitstream: the design on a board synthesised, placed at the board's pins, routed, and packed.

use std::path::Path;

use super::nextpnr::Report;
use super::nextpnr::ecp5::{resources, size};
use super::yosys::{Netlist, run};
use super::{Result, Sources, Synthesis, fits, longest, report, unknown};
use crate::board::Board;
use crate::device::Device;
use crate::tools::{self, ToolError, Tools};

/// Makes a bitstream in a file; working files go to a folder. The pins are in `lpf`.
///
/// # Errors
/// A family that nextpnr does not know, a design that does not fit, tools that are missing or fail.
pub fn bitstream(
    sources: &Sources<'_>,
    (board, device): (&Board, &Device),
    lpf: &Path,
    tools: &Tools,
    work: &Path,
    (seed, out): (u32, &Path),
) -> Result<Synthesis> {
    let size = size(device).ok_or_else(|| unknown("nextpnr", device, "ECP5"))?;
    let netlist = work.join("netlist.json");
    let [found, placed] = ["nextpnr.json", "placed.config"].map(|it| work.join(it));
    let synthesised = run(sources, device, tools, work, Netlist::Flat(&netlist))?;
    fits(&synthesised.total, device)?;
    // The packaged nextpnr sees no file below /tmp of the machine.
    let pins = work.join("board.lpf");
    std::fs::copy(lpf, &pins).map_err(ToolError::io(lpf))?;
    let mut command = tools.nextpnr("ecp5")?;
    command.args([&size, "--package", &board.package, "--speed", &board.speed.to_string()]);
    command.args(["--freq", &format!("{:.3}", board.clock_mhz), "--timing-allow-fail"]);
    command.args(["--seed", &seed.to_string(), "-q"]).arg("--json").arg(&netlist);
    command.arg("--lpf").arg(&pins).arg("--textcfg").arg(&placed).arg("--report").arg(&found);
    tools::run(&mut command)?;
    tools::run(tools.ecppack()?.arg("--compress").arg(&placed).arg(out))?;
    let read: Report = report(&found)?;
    let fmax_mhz = Some(read.slowest(&found)?);
    let tool = format!("nextpnr-ecp5 {size} --speed {} --seed {seed}", board.speed);
    let timing = Some(longest(sources, device, &netlist, synthesised.total.lut)?);
    Ok(Synthesis { tool, total: resources(&read), fmax_mhz, timing, ..synthesised })
}
