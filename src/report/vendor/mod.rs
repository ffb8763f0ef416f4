//! Reports of vendor tools, one file per format, all read into one [`Reported`].
//!
//! The formats are text made for people and change between versions, so reading is tolerant: tables
//! are found by their headings, tags by their names, and what is absent is `None`. Only a file that
//! holds nothing of what it is named for is an error.

mod find;
mod tags;
mod text;
pub mod vitis_cosim;
pub mod vitis_csynth;
pub mod vivado_timing;
pub mod vivado_util;

use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

use crate::device::Resources;
pub use find::find_reports;

/// What one report says; every figure that it does not give is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reported {
    /// Which tool and step the figures come from: `HLS synthesis`, `HLS cosimulation` ...
    pub source: &'static str,
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
    /// What the design takes.
    pub resources: Option<Resources>,
    /// What the device has.
    pub available: Option<Resources>,
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
    /// The clock period the design can run at, ns: reached by slack, else as the tool estimates it.
    pub fn clock_reached_ns(&self) -> Option<f64> {
        match (self.clock_target_ns, self.wns_ns) {
            (Some(target), Some(slack)) => Some(target - slack),
            _ => self.clock_estimated_ns,
        }
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
    fn reached_clock_prefers_slack_to_the_estimate() {
        let mut report = Reported { clock_estimated_ns: Some(3.5), ..Reported::default() };
        assert_eq!(report.clock_reached_ns(), Some(3.5));
        report.clock_target_ns = Some(5.0);
        assert_eq!(report.clock_reached_ns(), Some(3.5));
        report.wns_ns = Some(-0.25);
        assert_eq!(report.clock_reached_ns(), Some(5.25));
    }
}
