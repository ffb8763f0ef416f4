//! Vendors' tools: a project's own script in the tool that is on `PATH`, with its log kept.
//!
//! The scripts are complete (a user can run them by hand, as their first lines say) and leave their
//! reports where [`find_reports`](crate::report::vendor::find_reports) looks. None of the tools was
//! ever run by us.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use super::{Result, SynthError};
use crate::tools::{self, ToolError};

/// Runs every step of an HLS project.
pub const VITIS_SCRIPT: &str = include_str!("../../synth-templates/vitis.tcl");

/// A tool and what it is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// `scripts/vivado.tcl`.
    Vivado,
    /// `scripts/quartus.tcl`.
    Quartus,
    /// The project below `hls/vitis`.
    VitisHls,
    /// The project below `hls/vivado`.
    VivadoHls,
}

impl Flow {
    /// The folder of the project that it runs in, and the script there.
    pub fn script(self) -> (&'static str, &'static str) {
        match self {
            Flow::Vivado => ("", "scripts/vivado.tcl"),
            Flow::Quartus => ("", "scripts/quartus.tcl"),
            Flow::VitisHls => ("hls/vitis", "build_all.tcl"),
            Flow::VivadoHls => ("hls/vivado", "build_all.tcl"),
        }
    }

    /// Name of its log.
    pub fn log(self) -> &'static str {
        match self {
            Flow::Vivado => "vivado.log",
            Flow::Quartus => "quartus.log",
            Flow::VitisHls => "vitis.log",
            Flow::VivadoHls => "vivado_hls.log",
        }
    }

    /// Executables that can run it, the newest first, each with what goes before the script.
    fn commands(self) -> &'static [(&'static str, &'static [&'static str])] {
        match self {
            Flow::Vivado => &[("vivado", &["-mode", "batch", "-nolog", "-nojournal", "-source"])],
            Flow::Quartus => &[("quartus_sh", &["-t"])],
            Flow::VitisHls => &[("vitis-run", &["--mode", "hls", "--tcl"]), ("vitis_hls", &["-f"])],
            Flow::VivadoHls => &[("vivado_hls", &["-f"])],
        }
    }

    fn help(self) -> &'static str {
        match self {
            Flow::Vivado => {
                "source settings64.sh of the Vivado installation, or run scripts/vivado.tcl where it is \
                 and put reports/ into the project"
            }
            Flow::Quartus => {
                "add quartus/bin of the installation, or run scripts/quartus.tcl where it is and put \
                 reports/ into the project"
            }
            Flow::VitisHls | Flow::VivadoHls => {
                "source settings64.sh of the installation, or run build_prj.tcl of the HLS project where \
                 it is and put its solution into the project"
            }
        }
    }
}

/// The command that runs a flow, in the folder of the project that it needs.
///
/// # Errors
/// No executable of its is on `PATH`.
pub fn command(flow: Flow, dir: &Path) -> Result<Command> {
    let found = |it: &(&'static str, &'static [&'static str])| {
        tools::on_path(it.0).map(|program| (program, it.1))
    };
    let missing = SynthError::NotOnPath {
        names: flow.commands().iter().map(|it| it.0).collect(),
        help: flow.help(),
    };
    let (program, before) = flow.commands().iter().find_map(found).ok_or(missing)?;
    let (folder, script) = flow.script();
    // It starts in another folder, from where a relative entry of PATH would not be found. Links are
    // left as they are: launchers go by the name that they are called by.
    let program = std::path::absolute(&program).map_err(ToolError::io(&program))?;
    let mut command = Command::new(program);
    command.args(before).arg(script).current_dir(dir.join(folder));
    Ok(command)
}

/// Runs it to its end, all that it says into the log.
///
/// # Errors
/// It cannot be started, or fails.
pub fn run(mut command: Command, log: &File, at: &Path) -> Result<()> {
    Ok(tools::run_logged(&mut command, log, at)?)
}
