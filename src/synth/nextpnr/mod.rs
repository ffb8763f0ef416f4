//! nextpnr: the clock that a placed and routed design reaches.
//!
//! On ECP5 it places the design alone, out of context; on Gowin and Nexus, where it wants a pin for every
//! port, in a [`harness`](super::harness). What it cannot do there is told in `docs/nextpnr.md`.

pub(super) mod ecp5;
pub(super) mod gowin;
mod harnessed;
pub(super) mod nexus;

use std::collections::BTreeMap;
use std::path::Path;

use clap::ValueEnum;
use serde::Deserialize;

use super::yosys::{Netlist, run};
use super::{Result, Sources, SynthError, Synthesis, fits, longest, unknown};
use crate::device::{Device, Tool};
use crate::tools::Tools;

/// Families with place and route.
pub(super) const KNOWN: &str = "ECP5, GW2A, Nexus";

/// What nextpnr reports; times are in ns, clocks in MHz.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    fmax: BTreeMap<String, Clock>,
    utilization: BTreeMap<String, Used>,
    /// The longest path of every pair of clocks.
    #[serde(default)]
    critical_paths: Vec<Critical>,
}

impl Report {
    /// The clock that is reached, MHz: of several the slowest.
    ///
    /// # Errors
    /// The report, read from `file`, has no clock.
    pub(super) fn slowest(&self, file: &Path) -> Result<f64> {
        let what = || SynthError::Report { file: file.into(), what: "no clock in it".to_owned() };
        self.fmax.values().map(|it| it.achieved).reduce(f64::min).ok_or_else(what)
    }

    /// How many of a kind of cells are taken.
    fn used(&self, bel: &str) -> u64 {
        self.utilization.get(bel).map_or(0, |it| it.used)
    }

    /// Whether no longest path enters the instance of that name.
    fn is_outside(&self, instance: &str) -> bool {
        let inside = |it: &Pin| it.cell.split('.').next() == Some(instance);
        let mut hops = self.critical_paths.iter().flat_map(|it| &it.path);
        !self.critical_paths.is_empty() && !hops.any(|it| inside(&it.from) || inside(&it.to))
    }
}

#[derive(Debug, Deserialize)]
struct Clock {
    achieved: f64,
}

#[derive(Debug, Deserialize)]
struct Used {
    used: u64,
}

#[derive(Debug, Deserialize)]
struct Critical {
    path: Vec<Hop>,
}

#[derive(Debug, Deserialize)]
struct Hop {
    from: Pin,
    to: Pin,
}

#[derive(Debug, Deserialize)]
struct Pin {
    cell: String,
}

/// A router of nextpnr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Router {
    /// Wire by wire, the critical ones first; what is in the way is taken up again.
    #[value(name = "router1")]
    One,
    /// All wires at once, over and over until none is used twice (after CRoute, Vercruyce, Vansteenkiste and
    /// Stroobandt, 2019): dense designs sooner, for slower clocks.
    #[value(name = "router2")]
    Two,
}

impl Router {
    fn name(self) -> &'static str {
        match self {
            Self::One => "router1",
            Self::Two => "router2",
        }
    }
}

/// How a design is placed and routed.
#[derive(Clone, Copy, Debug)]
pub struct Routing {
    /// Of the placement.
    pub seed: u32,
    /// In place of the family's own.
    pub router: Option<Router>,
}

/// Synthesises a project flat, places and routes it; working files go to a folder.
///
/// # Errors
/// A family that it does not know, a design that does not fit, tools that are missing or fail.
pub fn nextpnr(
    sources: &Sources<'_>,
    device: &Device,
    tools: &Tools,
    work: &Path,
    how: Routing,
) -> Result<Synthesis> {
    let place = match device.tool() {
        Tool::Trellis => ecp5::place,
        Tool::Gowin => gowin::place,
        Tool::Oxide => nexus::place,
        Tool::Vivado | Tool::Quartus | Tool::IceStorm => {
            return Err(unknown("nextpnr", device, KNOWN));
        }
    };
    let netlist = work.join("netlist.json");
    let synthesised = run(sources, device, tools, work, Netlist::Flat(&netlist))?;
    fits(&synthesised.total, device)?;
    let timing = longest(sources, device, &netlist, synthesised.total.lut)?;
    let job = Job { sources, device, tools, work, how, netlist: &netlist };
    place(&job, Synthesis { layers: Vec::new(), timing: Some(timing), ..synthesised })
}

/// A flat netlist to be placed.
struct Job<'a> {
    sources: &'a Sources<'a>,
    device: &'a Device,
    tools: &'a Tools,
    work: &'a Path,
    how: Routing,
    netlist: &'a Path,
}

impl Job<'_> {
    /// The options that all families have; `own` is the router of the family, if it is not nextpnr's choice.
    fn options(
        &self,
        netlist: &Path,
        found: &Path,
        own: Option<Router>,
    ) -> Vec<std::ffi::OsString> {
        let clock = format!("{:.3}", 1000.0 / self.sources.clock_ns);
        let mut options = vec!["--freq".into(), clock.into(), "--timing-allow-fail".into()];
        options.extend(["--seed".into(), self.how.seed.to_string().into(), "-q".into()]);
        options.extend(["--json".into(), netlist.into(), "--report".into(), found.into()]);
        if let Some(router) = self.how.router.or(own) {
            options.extend(["--router".into(), router.name().into()]);
        }
        options
    }

    /// Seed and router, if one was asked for, for people.
    fn told(&self) -> String {
        let router = self.how.router.map_or(String::new(), |it| format!(", {}", it.name()));
        format!("--seed {}{router}", self.how.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut from a report of nextpnr-himbaechel-gowin 0.11.1.
    const REPORT: &str = r#"{
      "critical_paths": [{"from": "posedge clk", "to": "posedge clk", "path": [
        {"delay": 0.231, "from": {"cell": "in_q_DFF_Q", "loc": [12, 1], "port": "Q"},
         "to": {"cell": "in_q_DFF_Q", "loc": [12, 1], "port": "Q"}, "type": "clk-to-q"},
        {"delay": 0.4, "from": {"cell": "in_q_DFF_Q", "loc": [12, 1], "port": "Q"},
         "to": {"cell": "i_core.a_DFF_Q", "loc": [12, 2], "port": "D"}, "type": "routing"}]}],
      "fmax": {"clk_i_IBUF_I_O": {"achieved": 87.9, "constraint": 100}},
      "utilization": {"ALU": {"available": 15552, "used": 2696}, "DFF": {"available": 15552, "used": 660}}}"#;

    #[test]
    fn reports_are_read() {
        let report: Report = serde_json::from_str(REPORT).unwrap();
        assert_eq!(report.slowest(Path::new("r.json")).unwrap(), 87.9);
        assert_eq!((report.used("ALU"), report.used("DFF"), report.used("LUT4")), (2696, 660, 0));
        assert!(!report.is_outside("i_core") && report.is_outside("i_cor"));
        let none = r#"{"fmax": {}, "utilization": {}}"#;
        let none: Report = serde_json::from_str(none).unwrap();
        let said = none.slowest(Path::new("r.json")).unwrap_err().to_string();
        assert_eq!(said, "r.json: no clock in it");
        assert!(!none.is_outside("i_core"));
    }
}
