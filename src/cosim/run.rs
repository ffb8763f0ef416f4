//! Running a model: vectors in, mantissas and measured timing out.
//!
//! **Latency** is the number of clock cycles between the edge that accepts an input and the edge
//! that hands over its output: a wire has 0, one register 1. **Interval** (II) is the number
//! of cycles between the edges that accept the first beats of two consecutive samples, taken
//! only where neither the harness held back an input nor stalled the output in between. Both are the
//! design's own figures when there are no bubbles and no stalls ([`Stimulus::default`]).

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::{CosimError, Model, Result};
use crate::tools::{self, ToolError, Tools};

/// How the harness treats the design.
#[derive(Clone, Debug, PartialEq)]
pub struct Stimulus {
    /// Start of the random numbers: the same seed, the same run.
    pub seed: u64,
    /// Probability that an idle input stays idle for another cycle, below 1.
    pub bubble: f64,
    /// Probability that the output is not taken in a cycle, below 1.
    pub stall: f64,
    /// Probability that a reset begins in a cycle in which a sample is under way, below 1. Samples that have
    /// not come out whole are given again, and there is no reset before one has come out since the last.
    pub reset: f64,
    /// Cycles without any handshake after which the design counts as hung.
    pub watchdog: u64,
    /// Words to be loaded while samples are under way; there can be no resets then.
    pub updates: Vec<Update>,
    /// Where to write waves (FST); one unit of time is half a clock cycle.
    pub wave: Option<PathBuf>,
}

impl Default for Stimulus {
    /// Inputs at full rate, outputs always taken.
    fn default() -> Stimulus {
        let never = 0.0;
        Stimulus {
            seed: 1,
            bubble: never,
            stall: never,
            reset: never,
            watchdog: 100_000,
            updates: Vec::new(),
            wave: None,
        }
    }
}

/// Words that are loaded and committed together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// The sample after whose first beat they are committed.
    pub at: u32,
    /// Addresses and data.
    pub words: Vec<(u32, u32)>,
}

/// Updates as the harness reads them.
fn updates(updates: &[Update]) -> Vec<u8> {
    let mut words = vec![updates.len() as u32];
    for update in updates {
        words.extend([update.at, update.words.len() as u32]);
        words.extend(update.words.iter().flat_map(|(address, data)| [*address, *data]));
    }
    words.iter().flat_map(|it| it.to_le_bytes()).collect()
}

/// Smallest, mean and largest of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Smallest.
    pub min: u64,
    /// Mean.
    pub mean: f64,
    /// Largest.
    pub max: u64,
}

/// What a simulation measured, in clock cycles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Samples that went through.
    pub samples: u64,
    /// Cycles from the end of the reset to the last output.
    pub cycles: u64,
    /// Resets in the middle of samples.
    pub resets: u64,
    /// From which sample on each of the updates held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<u64>,
    /// Latency of the very first output beat, from the first input beat.
    pub first: u64,
    /// Latency of the first sample, which meets an empty design: what a plan of the latency says. A later
    /// one waits for those in front of it, or finds what it needs done for them already.
    pub alone: u64,
    /// Of each sample: from its first input beat to its last output beat.
    pub latency: Span,
    /// Of each sample: from its last input beat to its last output beat. It is the latency if a
    /// sample has one beat.
    pub tail: Span,
    /// Between consecutive samples; absent if there was no undisturbed pair.
    pub interval: Option<Span>,
}

/// What a design does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No handshake for as long as the watchdog waits, with inputs still to come.
    Hang,
    /// All inputs were accepted, but outputs are missing.
    Missing,
    /// Data or `last` changed while valid waited for ready.
    Unstable,
    /// Valid fell before ready came.
    Retracted,
    /// More outputs than there should be.
    Extra,
    /// An output before any input of its sample was offered.
    Early,
    /// `last` is not where the sample ends.
    Last,
    /// Bytes of a beat are left out.
    Keep,
    /// A register of the port through which weights are loaded is not what it should be.
    Register,
    /// A word or a commit was refused although nothing was pending.
    Refused,
    /// A word was accepted although a commit was pending.
    Accepted,
    /// A commit holds from a sample on that it should not.
    Commit,
}

/// The first fault of a design, and where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The sample whose output was due.
    pub sample: u64,
    /// The beat of it.
    pub beat: u64,
    /// The clock cycle after the reset.
    pub cycle: u64,
    /// Input beats accepted until then.
    pub accepted: u64,
    /// Output beats delivered until then.
    pub delivered: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FaultKind::Hang => "hang",
            FaultKind::Missing => "all inputs accepted, but outputs missing",
            FaultKind::Unstable => "output changed while it waited",
            FaultKind::Retracted => "output withdrawn before it was taken",
            FaultKind::Extra => "more outputs than expected",
            FaultKind::Early => "output before its input",
            FaultKind::Last => "wrong last",
            FaultKind::Keep => "tkeep leaves bytes out",
            FaultKind::Register => "a wrong register of the port for weights",
            FaultKind::Refused => "a word or a commit refused although nothing was pending",
            FaultKind::Accepted => "a word accepted although a commit was pending",
            FaultKind::Commit => "a commit that holds from the wrong sample on",
        };
        let Fault { sample, beat, cycle, accepted, delivered, .. } = self;
        write!(
            f,
            "{what} at sample {sample}, beat {beat} (cycle {cycle}, {accepted} input beats \
             accepted, {delivered} output beats delivered)"
        )
    }
}

/// A finished simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// For each output port its mantissas, beat after beat.
    pub outputs: Vec<Vec<i128>>,
    /// The figures.
    pub report: Report,
}

/// The last line that the harness prints.
#[derive(Deserialize)]
struct Line {
    fault: Option<Fault>,
}

impl Model {
    /// Feeds the mantissas (for each input port, beat after beat) and returns what comes out.
    pub fn run(&self, tools: &Tools, inputs: &[Vec<i128>], stimulus: &Stimulus) -> Result<Run> {
        let bubble = threshold("bubble", stimulus.bubble)?;
        let stall = threshold("stall", stimulus.stall)?;
        let reset = threshold("reset", stimulus.reset)?;
        if stimulus.wave.is_some() && !self.wave {
            return Err(CosimError::NoWave);
        }
        let (vectors, samples) = self.dut.encode(inputs)?;
        let scratch = tools.cache().scratch()?;
        let [source, sink] = ["in.bin", "out.bin"].map(|name| scratch.path().join(name));
        fs::write(&source, vectors).map_err(ToolError::io(&source))?;

        let mut command = Command::new(&self.executable);
        // Memory contents that the design reads are named from the folder of its sources.
        command.current_dir(&self.folder).arg(&source).arg(&sink);
        let Stimulus { seed, watchdog, .. } = stimulus;
        let numbers = [
            ("seed", *seed),
            ("bubble", bubble),
            ("stall", stall),
            ("reset", reset),
            ("watchdog", *watchdog),
        ];
        for (name, value) in numbers {
            command.arg(format!("{name}={value}"));
        }
        if !stimulus.updates.is_empty() {
            let load = scratch.path().join("load.bin");
            fs::write(&load, updates(&stimulus.updates)).map_err(ToolError::io(&load))?;
            command.arg(format!("load={}", load.display()));
        }
        if let Some(wave) = &stimulus.wave {
            let wave = std::path::absolute(wave).map_err(ToolError::io(wave))?;
            let mut argument = std::ffi::OsString::from("wave=");
            argument.push(wave);
            command.arg(argument);
        }
        let stdout = tools::run(&mut command)?.stdout;
        let stdout = String::from_utf8_lossy(&stdout);
        let line = stdout.trim_end().lines().next_back().unwrap_or_default();
        let Line { fault } = serde_json::from_str(line).map_err(CosimError::Report)?;
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        let report = serde_json::from_str(line).map_err(CosimError::Report)?;
        let bytes = fs::read(&sink).map_err(ToolError::io(&sink))?;
        Ok(Run { outputs: self.dut.decode(&bytes, samples), report })
    }
}

/// A probability as the harness takes it, in units of 2^-32.
fn threshold(what: &'static str, value: f64) -> Result<u64> {
    match (0.0..1.0).contains(&value) {
        true => Ok((value * 2.0_f64.powi(32)) as u64),
        false => Err(CosimError::Probability { what, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_below_one() {
        assert_eq!(threshold("bubble", 0.0).unwrap(), 0);
        assert_eq!(threshold("bubble", 0.5).unwrap(), 1 << 31);
        for value in [1.0, -0.1, f64::NAN] {
            assert!(threshold("bubble", value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_fault_tells_where_it_is() {
        let text = r#"{"fault":{"kind":"hang","sample":7,"beat":0,"cycle":90,"accepted":8,"delivered":7}}"#;
        let line: Line = serde_json::from_str(text).unwrap();
        assert_eq!(
            line.fault.unwrap().to_string(),
            "hang at sample 7, beat 0 (cycle 90, 8 input beats accepted, 7 output beats delivered)"
        );
    }
}
