//! The commands: each takes its arguments and returns what is to be printed. Nothing here prints.

mod advice;
mod bitstream;
mod build;
mod cmvm;
mod compare;
mod comparison;
mod cosim;
mod engines;
mod estimate;
mod folding;
mod manifest;
mod model;
mod predict;
mod probe;
mod show;
mod synth;
mod target;
mod update;
mod vendor;
mod xls;

use serde_json::Value;

use crate::cli::{Cli, Command};
use crate::config::Warning;
use crate::error::{Problems, Result};

use self::target::Missed;

pub use manifest::Manifest;

/// What a command found, for `main` to print.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For people.
    pub text: String,
    /// For programs (`--json`).
    pub json: Value,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Something differs or a target was missed: exit code 1.
    pub failed: bool,
}

impl Outcome {
    /// A target that cannot be met: what it would take.
    fn missed(missed: &Missed, warnings: Vec<Warning>) -> Outcome {
        let text = format!("target missed: {missed}\n");
        let json = serde_json::json!({ "missed": missed.json() });
        Outcome { text, json, warnings, failed: true }
    }
}

/// Runs a command.
///
/// # Errors
/// Everything that is wrong with what the user gave, and tools that are missing.
pub fn run(cli: &Cli) -> Result<Outcome> {
    let outcome = match &cli.command {
        Command::Build(args) => build::run(args, cli.deny_warnings),
        Command::Predict(args) => predict::run(args, cli.deny_warnings),
        Command::Cosim(args) => cosim::run(args),
        Command::Synth(args) => synth::run(args),
        Command::Bitstream(args) => bitstream::run(args, cli.deny_warnings),
        Command::Compare(args) => compare::run(args),
        Command::Estimate(args) => estimate::run(args),
        Command::Config(args) => show::config(args),
        Command::Inspect(args) => show::inspect(args),
        Command::Targets(args) => show::targets(args),
        Command::Cmvm(args) => cmvm::run(args),
    }?;
    match cli.deny_warnings && !outcome.warnings.is_empty() {
        true => Err(Problems(outcome.warnings.into_iter().map(Into::into).collect())),
        false => Ok(outcome),
    }
}
