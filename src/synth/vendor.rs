//! Vendors' tools: a project's own script in the tool that is on `PATH`, with its log kept.
//!
//! The scripts are complete (a user can run them by hand, as their first lines say) and leave their
//! reports where [`find_reports`](crate::report::vendor::find_reports) looks. None of the tools was
//! ever run by us.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use super::{Result, SynthError};
use crate::hls;
use crate::tools::{self, ToolError};

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
    /// The project below `hls/catapult`.
    Catapult,
    /// The project below `hls/quartus`.
    IntelHls,
    /// The project below `hls/oneapi`.
    OneApi,
}

/// How a flow is run.
struct Runner {
    /// What must be on `PATH` besides the program itself.
    compiler: &'static str,
    program: &'static str,
    /// What goes before the script.
    before: &'static [&'static str],
}

impl Runner {
    const fn new(program: &'static str, before: &'static [&'static str]) -> Runner {
        Runner { compiler: program, program, before }
    }
}

impl Flow {
    /// The flow of a project in C++.
    pub fn hls(tool: hls::Tool) -> Option<Flow> {
        match tool {
            hls::Tool::Vitis => Some(Flow::VitisHls),
            hls::Tool::Vivado => Some(Flow::VivadoHls),
            hls::Tool::Catapult => Some(Flow::Catapult),
            hls::Tool::Quartus => Some(Flow::IntelHls),
            hls::Tool::Oneapi => Some(Flow::OneApi),
            hls::Tool::Xls => None,
        }
    }

    /// The folder of the project that it runs in, and the script there.
    pub fn script(self) -> (&'static str, &'static str) {
        match self {
            Flow::Vivado => ("", "scripts/vivado.tcl"),
            Flow::Quartus => ("", "scripts/quartus.tcl"),
            Flow::VitisHls => ("hls/vitis", "build_all.tcl"),
            Flow::VivadoHls => ("hls/vivado", "build_all.tcl"),
            Flow::Catapult => ("hls/catapult", "build_all.tcl"),
            Flow::IntelHls => ("hls/quartus", "Makefile"),
            Flow::OneApi => ("hls/oneapi", "build.cmake"),
        }
    }

    /// The script, if the project does not have it: every step of an HLS project.
    pub fn made(self) -> Option<&'static str> {
        match self {
            Flow::VitisHls | Flow::VivadoHls => {
                Some(include_str!("../../synth-templates/vitis.tcl"))
            }
            Flow::Catapult => Some(include_str!("../../synth-templates/catapult.tcl")),
            Flow::Vivado | Flow::Quartus | Flow::IntelHls | Flow::OneApi => None,
        }
    }

    /// Name of its log.
    pub fn log(self) -> &'static str {
        match self {
            Flow::Vivado => "vivado.log",
            Flow::Quartus => "quartus.log",
            Flow::VitisHls => "vitis.log",
            Flow::VivadoHls => "vivado_hls.log",
            Flow::Catapult => "catapult.log",
            Flow::IntelHls => "intel_hls.log",
            Flow::OneApi => "oneapi.log",
        }
    }

    /// What can run it, the newest first.
    fn runners(self) -> &'static [Runner] {
        const VIVADO: &[Runner] =
            &[Runner::new("vivado", &["-mode", "batch", "-nolog", "-nojournal", "-source"])];
        const VITIS: &[Runner] = &[
            Runner::new("vitis-run", &["--mode", "hls", "--tcl"]),
            Runner::new("vitis_hls", &["-f"]),
        ];
        match self {
            Flow::Vivado => VIVADO,
            Flow::Quartus => const { &[Runner::new("quartus_sh", &["-t"])] },
            Flow::VitisHls => VITIS,
            Flow::VivadoHls => const { &[Runner::new("vivado_hls", &["-f"])] },
            Flow::Catapult => const { &[Runner::new("catapult", &["-shell", "-f"])] },
            Flow::IntelHls => {
                const { &[Runner { compiler: "i++", program: "make", before: &["-f"] }] }
            }
            Flow::OneApi => {
                const { &[Runner { compiler: "icpx", program: "cmake", before: &["-P"] }] }
            }
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
            Flow::Catapult => {
                "add bin of the installation, or run build_prj.tcl of the HLS project where it is and put \
                 net_prj into the project"
            }
            Flow::IntelHls => {
                "source init_hls.sh of the installation, or run make in the HLS project where it is and put \
                 net.prj into the project"
            }
            Flow::OneApi => {
                "source setvars.sh of the installation, and have cmake; or run build.cmake of the HLS project \
                 where it is and put build/ into the project"
            }
        }
    }
}

/// The command that runs a flow, in the folder of the project that it needs.
///
/// # Errors
/// No executable of its is on `PATH`.
pub fn command(flow: Flow, dir: &Path) -> Result<Command> {
    let found = |it: &Runner| {
        tools::on_path(it.compiler)?;
        Some((tools::on_path(it.program)?, it.before))
    };
    let names = |it: &Runner| match tools::on_path(it.compiler) {
        None => it.compiler,
        Some(_) => it.program,
    };
    let missing = SynthError::NotOnPath {
        names: flow.runners().iter().map(names).collect(),
        help: flow.help(),
    };
    let (program, before) = flow.runners().iter().find_map(found).ok_or(missing)?;
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
