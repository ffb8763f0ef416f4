//! A project through tools: Yosys for what the direct path takes, nextpnr for the clock that it reaches, a
//! vendor's tool for either path.
//!
//! [`yosys()`] synthesises for the family of the project's device and counts cells by instance; [`nextpnr()`] places
//! and routes where nextpnr knows the family: ECP5 out of context, Gowin and Nexus in a harness of pins. Both run
//! pinned packages of `scripts/setup.sh --place`, `--gowin` and `--nexus`; the same project gives the same figures. [`vendor`] runs the scripts that a project
//! has for what is on `PATH`; what these tools find is in their reports.

mod bitstream;
mod cells;
mod harness;
mod nextpnr;
pub mod timing;
pub mod vendor;
mod yosys;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::bitstream::bitstream;
pub use self::cells::{Cells, resources};
pub use self::nextpnr::{Router, Routing, nextpnr};
pub use self::timing::{Hop, Timing};
use self::yosys::Netlist;
pub use self::yosys::yosys;
use crate::device::{Device, Resources};
use crate::tools::{ToolError, Tools};

/// A project's SystemVerilog, as tools read it.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The project's folder.
    pub dir: &'a Path,
    /// Files in the order of compilation, below the folder.
    pub files: &'a [String],
    /// The top module.
    pub top: &'a str,
    /// Layers by the path of their instance below the top, what is inside of another one first.
    pub instances: &'a [(String, String)],
    /// It is made of processes, each an instance of the top.
    pub stream: bool,
    /// Products may be in DSP blocks.
    pub dsp: bool,
    /// Period of the clock, ns.
    pub clock_ns: f64,
}

/// What a tool found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Synthesis {
    /// The tool and the command, for people.
    pub tool: String,
    /// Everything.
    pub total: Resources,
    /// By layer; what belongs to none is only in the total.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<(String, Resources)>,
    /// Bits of carry chains, in the family's own cells.
    #[serde(default)]
    pub carry: u64,
    /// Highest clock, MHz, if it was placed and routed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fmax_mhz: Option<f64>,
    /// The longest path by the fabric's table of delays, if there is a flat netlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
    /// Cells by type.
    #[serde(default, skip_serializing_if = "Cells::is_empty")]
    pub cells: Cells,
}

/// Why a tool cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// Not this family.
    #[error("{tool} does not know {device} ({family}); it knows {known}")]
    Family {
        /// The tool.
        tool: &'static str,
        /// The device.
        device: String,
        /// Its family.
        family: String,
        /// What it knows.
        known: &'static str,
    },
    /// A vendor's tool that is not there.
    #[error("no {} on PATH: {help}", names.join(", no "))]
    NotOnPath {
        /// The executables that would do.
        names: Vec<&'static str>,
        /// What to do about it.
        help: &'static str,
    },
    /// The design takes more than there is.
    #[error("the design takes {taken} of {there} {what} of {device}")]
    Full {
        /// What of.
        what: &'static str,
        /// What it takes.
        taken: u64,
        /// What there is.
        there: u64,
        /// The device.
        device: String,
    },
    /// A tool failed or is not there.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A report that does not hold what it should.
    #[error("{}: {what}", file.display())]
    Report {
        /// The report.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// The layer that an instance belongs to, by its path below the top; as in [`Sources::instances`].
pub fn layer_of<'a>(instances: &'a [(String, String)], path: &str) -> Option<&'a str> {
    instances.iter().find(|it| yosys::is_part(&it.0, path)).map(|it| it.1.as_str())
}

/// Synthesises a project flat and finds its longest path by the table of delays.
///
/// # Errors
/// As [`yosys()`].
pub fn timed(
    sources: &Sources<'_>,
    device: &Device,
    tools: &Tools,
    work: &Path,
) -> Result<Synthesis> {
    let netlist = work.join("netlist.json");
    let found = yosys::run(sources, device, tools, work, Netlist::Flat(&netlist))?;
    let timing = longest(sources, device, &netlist, found.total.lut)?;
    let fmax_mhz = Some(1000.0 / timing.period_ns);
    let tool = format!("static timing by the delays of {}, of {}", device.fabric.name, found.tool);
    Ok(Synthesis { tool, fmax_mhz, timing: Some(timing), layers: Vec::new(), ..found })
}

/// Whether a device has what a design takes: place and route would look for long before it says so.
fn fits(taken: &Resources, device: &Device) -> Result<()> {
    let there = &device.total;
    let kinds = [
        ("lookup tables", taken.lut, there.lut),
        ("registers", taken.ff, there.ff),
        ("DSP blocks", taken.dsp, there.dsp),
        ("kbit of block RAM", taken.bram_kbit, there.bram_kbit),
    ];
    match kinds.into_iter().find(|(_, taken, there)| taken > there) {
        None => Ok(()),
        Some((what, taken, there)) => {
            Err(SynthError::Full { what, taken, there, device: device.name.clone() })
        }
    }
}

/// The longest path of a flat netlist.
fn longest(sources: &Sources<'_>, device: &Device, file: &Path, luts: u64) -> Result<Timing> {
    let text = std::fs::read_to_string(file).map_err(ToolError::io(file))?;
    let wrong = |what: String| SynthError::Report { file: file.into(), what };
    let found = timing::analyze(&text, sources.top, device.delay(), luts);
    let found = found.map_err(|it| wrong(it.to_string()))?;
    found.ok_or_else(|| wrong(format!("no module {} in it", sources.top)))
}

/// What the functions here return.
pub type Result<T> = std::result::Result<T, SynthError>;

/// Reads a report.
fn report<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    let bytes = std::fs::read(file).map_err(ToolError::io(file))?;
    let wrong =
        |it: serde_json::Error| SynthError::Report { file: file.into(), what: it.to_string() };
    serde_json::from_slice(&bytes).map_err(wrong)
}

/// The error of a family that a tool does not know.
fn unknown(tool: &'static str, device: &Device, known: &'static str) -> SynthError {
    let (device, family) = (device.name.clone(), device.fabric.name.clone());
    SynthError::Family { tool, device, family, known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_before_it_is_placed() {
        let device = crate::device::find("lfe5u-25").unwrap();
        assert!(fits(&device.total, device).is_ok());
        let more = Resources { dsp: device.total.dsp + 1, ..device.total };
        let said = fits(&more, device).unwrap_err().to_string();
        assert_eq!(said, "the design takes 29 of 28 DSP blocks of lfe5u-25");
    }
}
