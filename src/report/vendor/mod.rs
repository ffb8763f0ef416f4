//! Reports of vendor tools, one file per format, all read into one [`Reported`].
//!
//! The formats are text made for people and change between versions, so reading is tolerant: tables
//! are found by their headings, tags by their names, and what is absent is `None`. Only a file that
//! holds nothing of what it is named for is an error.

pub mod catapult;
mod find;
mod instances;
pub mod oneapi;
mod quartus;
pub mod quartus_fit;
pub mod quartus_sta;
mod tags;
mod text;
pub mod vitis_cosim;
pub mod vitis_csynth;
mod vivado;
pub mod vivado_hierarchy;
pub mod vivado_power;
pub mod vivado_timing;
pub mod vivado_util;

use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

use crate::device::Resources;
pub use find::find_reports;

/// Who wrote a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// Vitis HLS, or Vivado HLS before it.
    VitisHls,
    /// Vivado.
    Vivado,
    /// Quartus Prime, or Quartus II before it.
    Quartus,
    /// Catapult.
    Catapult,
    /// The FPGA compiler of oneAPI, with the Quartus that it runs.
    OneApi,
}

impl Tool {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Tool::VitisHls => "Vitis HLS",
            Tool::Vivado => "Vivado",
            Tool::Quartus => "Quartus",
            Tool::Catapult => "Catapult",
            Tool::OneApi => "oneAPI",
        }
    }

    /// Whether it compiles C++, so that its figures are of the HLS path wherever they lie.
    pub fn is_hls(self) -> bool {
        matches!(self, Tool::VitisHls | Tool::Catapult | Tool::OneApi)
    }
}

/// How far the design had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Scheduled by an HLS compiler, which estimates the rest.
    Scheduled,
    /// Simulated by an HLS compiler against its C test bench.
    Simulated,
    /// Through logic synthesis.
    Synthesized,
    /// Placed.
    Placed,
    /// Placed and routed.
    Routed,
}

impl Step {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Step::Scheduled => "scheduled",
            Step::Simulated => "simulated",
            Step::Synthesized => "synthesized",
            Step::Placed => "placed",
            Step::Routed => "routed",
        }
    }
}

/// Estimated consumption, mW.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Power {
    /// Everything on the chip.
    pub total_mw: f64,
    /// What switching takes.
    pub dynamic_mw: Option<f64>,
    /// What the device takes at rest.
    pub static_mw: Option<f64>,
    /// How sure the tool is of it; without a simulation's activity that is `Low`.
    pub confidence: Option<String>,
}

/// What one report says; every figure that it does not give is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reported {
    /// Who wrote it.
    pub tool: Tool,
    /// How far the design had come.
    pub step: Step,
    /// The file, if it was read from one.
    pub path: Option<PathBuf>,
    /// Tool version as the report spells it.
    pub version: Option<String>,
    /// Device as the report spells it.
    pub part: Option<String>,
    /// Top function or module.
    pub top: Option<String>,
    /// Clock cycles from input to output, least and most.
    pub latency_cycles: Option<(u64, u64)>,
    /// Clock cycles between inputs, least and most.
    pub interval: Option<(u64, u64)>,
    /// Clock period asked for, ns.
    pub clock_target_ns: Option<f64>,
    /// Clock period the tool thinks it reached, ns.
    pub clock_estimated_ns: Option<f64>,
    /// Highest clock between registers, MHz.
    pub fmax_mhz: Option<f64>,
    /// What the design takes.
    pub resources: Option<Resources>,
    /// What the device has.
    pub available: Option<Resources>,
    /// What instances take by themselves, without those inside of them, by path below the top.
    pub instances: Vec<(String, Resources)>,
    /// Adaptive logic modules, in which Altera's tools count logic.
    pub alms: Option<u64>,
    /// Catapult's measure of area, in no unit.
    pub area_score: Option<f64>,
    /// What it consumes.
    pub power: Option<Power>,
    /// Worst setup slack, ns; negative where timing is missed.
    pub wns_ns: Option<f64>,
    /// Sum of negative setup slacks, ns.
    pub tns_ns: Option<f64>,
    /// Worst hold slack, ns.
    pub whs_ns: Option<f64>,
    /// Sum of negative hold slacks, ns.
    pub ths_ns: Option<f64>,
    /// Worst pulse width slack, ns.
    pub wpws_ns: Option<f64>,
    /// Sum of negative pulse width slacks, ns.
    pub tpws_ns: Option<f64>,
    /// Whether a simulation agreed with its C test bench.
    pub passed: Option<bool>,
}

impl Reported {
    /// A report that says nothing yet.
    pub fn new(tool: Tool, step: Step) -> Reported {
        Reported {
            tool,
            step,
            path: None,
            version: None,
            part: None,
            top: None,
            latency_cycles: None,
            interval: None,
            clock_target_ns: None,
            clock_estimated_ns: None,
            fmax_mhz: None,
            resources: None,
            available: None,
            instances: Vec::new(),
            alms: None,
            area_score: None,
            power: None,
            wns_ns: None,
            tns_ns: None,
            whs_ns: None,
            ths_ns: None,
            wpws_ns: None,
            tpws_ns: None,
            passed: None,
        }
    }

    /// The tool, with its version if that is known.
    pub fn tool(&self) -> String {
        let name = self.tool.name();
        match self.version.as_deref() {
            None => name.to_owned(),
            Some(version) if version.starts_with(name) => version.to_owned(),
            Some(version) => format!("{name} {version}"),
        }
    }

    /// The clock period the design can run at, ns: what slack leaves and the highest clock between
    /// registers both allow, else as the tool estimates it.
    pub fn clock_reached_ns(&self) -> Option<f64> {
        let by_slack = self.clock_target_ns.zip(self.wns_ns).map(|(target, slack)| target - slack);
        let by_fmax = self.fmax_mhz.map(|it| 1000.0 / it);
        let reached = by_slack.into_iter().chain(by_fmax).reduce(f64::max);
        reached.or(self.clock_estimated_ns)
    }
}

/// Why a report cannot be used.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The file cannot be read.
    #[error("{}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is far larger than any report.
    #[error("{} has {size} bytes, no report of this kind has more than {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, bytes.
        size: u64,
        /// The largest size that is read, bytes.
        limit: u64,
    },
    /// A part without which the report says nothing is missing.
    #[error("no {missing} in this {report} report")]
    Missing {
        /// The kind of report expected.
        report: &'static str,
        /// What it lacks.
        missing: &'static str,
    },
    /// The tool gave up, so what the report counts is no result.
    #[error("the {report} did not succeed: {status}")]
    Failed {
        /// The step of the tool.
        report: &'static str,
        /// How it ended, in the tool's words.
        status: String,
    },
    /// A file that should be JSON is not.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A report is unusable, and this is the file.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ReportError>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_named_once() {
        let mut report = Reported::new(Tool::Vivado, Step::Routed);
        assert_eq!(report.tool(), "Vivado");
        report.version = Some("Vivado v.2023.2 (lin64)".to_owned());
        assert_eq!(report.tool(), "Vivado v.2023.2 (lin64)");
        report.version = Some("2023.2".to_owned());
        assert_eq!(report.tool(), "Vivado 2023.2");
    }

    #[test]
    fn reached_clock_prefers_slack_to_the_estimate() {
        let mut report = Reported::new(Tool::VitisHls, Step::Scheduled);
        assert_eq!(report.clock_reached_ns(), None);
        report.clock_estimated_ns = Some(3.5);
        assert_eq!(report.clock_reached_ns(), Some(3.5));
        report.clock_target_ns = Some(5.0);
        assert_eq!(report.clock_reached_ns(), Some(3.5));
        report.wns_ns = Some(-0.25);
        assert_eq!(report.clock_reached_ns(), Some(5.25));
        report.fmax_mhz = Some(125.0);
        assert_eq!(report.clock_reached_ns(), Some(8.0), "the worse of both");
        report.fmax_mhz = Some(500.0);
        assert_eq!(report.clock_reached_ns(), Some(5.25));
    }
}
