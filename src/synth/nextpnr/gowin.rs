//! Gowin: placed in a harness, for there is no out-of-context mode and every port wants a pin.
//!
//! What the design takes is counted in its own netlist, so the harness is no part of it; only carry chains count
//! as placed, where each has cells at its ends besides.

use std::fs;

use super::super::harness::{self, CORE, GOWIN, PINS};
use super::super::{Cells, Result, SynthError, Synthesis, report};
use super::{Job, Report};
use crate::tools::{self, ToolError};

/// Where the pins of the harness are on the die, the same in every package; the first is one for clocks.
const PLACES: [&str; PINS.len()] = ["IOT27A", "IOT2A", "IOT4A", "IOT6A"];

pub(super) fn place(job: &Job<'_>, synthesised: Synthesis) -> Result<Synthesis> {
    let mut command = job.tools.nextpnr("himbaechel-gowin")?;
    let top = job.sources.top;
    let [around, pins, netlist, found] =
        [&format!("{top}_harness.sv"), "pins.cst", "placed.json", "nextpnr.json"]
            .map(|it| job.work.join(it));
    let text = fs::read_to_string(job.netlist).map_err(ToolError::io(job.netlist))?;
    let harness = harness::source(&text, top)
        .map_err(|it| SynthError::Report { file: job.netlist.into(), what: it.to_string() })?;
    fs::write(&around, harness).map_err(ToolError::io(&around))?;
    fs::write(&pins, constraints()).map_err(ToolError::io(&pins))?;
    harness::wrap(job.tools, top, GOWIN, [job.netlist, &around, &netlist])?;
    let (part, die) = (&job.device.part, job.device.name.to_uppercase());
    command.args(["--device", part, "--vopt", &format!("family={die}"), "--vopt"]);
    command.arg(format!("cst={}", pins.display()));
    tools::run(command.args(job.options(&netlist, &found)))?;
    let read: Report = report(&found)?;
    let reached = read.slowest(&found)?;
    let mut total = synthesised.total;
    let chains = synthesised.cells.get("ALU").copied().unwrap_or(0);
    total.lut += read.used("ALU").saturating_sub(chains);
    let untimed = untimed(&synthesised.cells);
    let remark = match untimed.as_str() {
        // Registers that only shift are nothing that the design could be blamed for.
        "" if read.is_outside(CORE) => " (whose own path is the longest)".to_owned(),
        "" => String::new(),
        cells => {
            format!(" (no clock: it has no delays of {cells}; the rest reaches {reached:.1} MHz)")
        }
    };
    let tool =
        format!("nextpnr-himbaechel {part} --seed {}, in a harness of pins{remark}", job.seed);
    Ok(Synthesis { tool, total, fmax_mhz: untimed.is_empty().then_some(reached), ..synthesised })
}

/// Cells through which, or from which, nextpnr sees no path: there are no delays of multipliers in its database, and
/// those of the second port of block RAMs, which is the one that is read, are in the wrong place
/// (YosysHQ/nextpnr#1786).
fn untimed(cells: &Cells) -> String {
    let here = cells.iter().filter(|it| it.0.starts_with("MULT") || it.0.starts_with("DP"));
    let counts: Vec<String> = here.map(|(cell, count)| format!("{count} {cell}")).collect();
    counts.join(" and ")
}

/// The pins of the harness.
fn constraints() -> String {
    let pins = PINS.iter().zip(PLACES);
    pins.map(|(pin, place)| format!("IO_LOC \"{pin}\" {place};\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_delays_is_told() {
        let cells = |names: &[(&str, u64)]| {
            untimed(&names.iter().map(|it| (it.0.to_owned(), it.1)).collect::<Cells>())
        };
        let logic = [("DFFRE", 3), ("LUT4", 4), ("ALU", 5), ("SPX9", 1), ("RAM16SDP4", 2)];
        assert_eq!(cells(&logic), "");
        let some = [("DFF", 3), ("MULT18X18", 4), ("DPX9B", 1)];
        assert_eq!(cells(&some), "1 DPX9B and 4 MULT18X18");
    }

    #[test]
    fn every_pin_has_a_place() {
        let text = constraints();
        assert_eq!(text.lines().count(), PINS.len());
        assert!(text.starts_with("IO_LOC \"clk_i\" IOT27A;\n"), "{text}");
    }
}
