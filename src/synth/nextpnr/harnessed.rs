//! Placed in a [`harness`]: what families without an out-of-context mode have in common.
//!
//! What the design takes is counted in its own netlist, so the harness is no part of it; only carry chains count
//! as placed where they are longer there.

use std::ffi::OsString;
use std::fs;

use super::super::harness::{self, CORE, Family};
use super::super::{Cells, Result, SynthError, Synthesis, report};
use super::{Job, Report, Router};
use crate::tools::{self, ToolError};

/// How a family is placed.
pub(super) struct Flow<'a> {
    /// nextpnr's name for it.
    pub(super) program: &'static str,
    /// The part.
    pub(super) part: &'a str,
    /// How its harness is made.
    pub(super) family: Family,
    /// Constraints that place the harness's pins.
    pub(super) pins: String,
    /// Its router, if it is not nextpnr's choice.
    pub(super) router: Option<Router>,
    /// Options for the part and, as the last one, the file of the pins, whose path is added to it.
    pub(super) options: &'a [&'a str],
    /// Cells, by the beginnings of their names, through or from which nextpnr sees no path.
    pub(super) untimed: &'static [&'static str],
    /// A bit of a carry chain, if nextpnr adds some at the ends of chains.
    pub(super) chain: Option<&'static str>,
}

pub(super) fn place(job: &Job<'_>, synthesised: Synthesis, flow: Flow<'_>) -> Result<Synthesis> {
    let mut command = job.tools.nextpnr(flow.program)?;
    let top = job.sources.top;
    let [around, pins, netlist, found] =
        [&format!("{top}_harness.sv"), "pins", "placed.json", "nextpnr.json"]
            .map(|it| job.work.join(it));
    let text = fs::read_to_string(job.netlist).map_err(ToolError::io(job.netlist))?;
    let harness = harness::source(&text, top)
        .map_err(|it| SynthError::Report { file: job.netlist.into(), what: it.to_string() })?;
    fs::write(&around, harness).map_err(ToolError::io(&around))?;
    fs::write(&pins, flow.pins).map_err(ToolError::io(&pins))?;
    harness::wrap(job.tools, top, &flow.family, [job.netlist, &around, &netlist])?;
    let mut options: Vec<OsString> = flow.options.iter().map(OsString::from).collect();
    options.last_mut().expect("the file of the pins is one").push(&pins);
    tools::run(command.args(options).args(job.options(&netlist, &found, flow.router)))?;
    let read: Report = report(&found)?;
    let reached = read.slowest(&found)?;
    let mut total = synthesised.total;
    if let Some(chain) = flow.chain {
        let bits = synthesised.cells.get(chain).copied().unwrap_or(0);
        total.lut += read.used(chain).saturating_sub(bits);
    }
    let untimed = untimed(&synthesised.cells, flow.untimed);
    let remark = match untimed.as_str() {
        // Registers that only shift are nothing that the design could be blamed for.
        "" if read.is_outside(CORE) => " (whose own path is the longest)".to_owned(),
        "" => String::new(),
        cells => {
            format!(" (no clock: it has no delays of {cells}; the rest reaches {reached:.1} MHz)")
        }
    };
    let (program, part, how) = (flow.program, flow.part, job.told());
    let tool = format!("nextpnr-{program} {part} {how}, in a harness of pins{remark}");
    Ok(Synthesis { tool, total, fmax_mhz: untimed.is_empty().then_some(reached), ..synthesised })
}

/// The cells that begin with one of some names, for people.
fn untimed(cells: &Cells, names: &[&str]) -> String {
    let here = cells.iter().filter(|(cell, _)| names.iter().any(|it| cell.starts_with(it)));
    let counts: Vec<String> = here.map(|(cell, count)| format!("{count} {cell}")).collect();
    counts.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_delays_is_told() {
        let cells = |names: &[(&str, u64)]| {
            let cells = names.iter().map(|it| (it.0.to_owned(), it.1)).collect();
            untimed(&cells, &["MULT", "DP"])
        };
        let logic = [("DFFRE", 3), ("LUT4", 4), ("ALU", 5), ("SPX9", 1), ("RAM16SDP4", 2)];
        assert_eq!(cells(&logic), "");
        let some = [("DFF", 3), ("MULT18X18", 4), ("DPX9B", 1)];
        assert_eq!(cells(&some), "1 DPX9B and 4 MULT18X18");
    }
}
