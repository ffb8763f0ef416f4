//! The programs nn2rtl calls: Verilator, a C++ compiler, Python, and the open type headers.
//!
//! They are looked for in `$NN2RTL_TOOLS`, else in a folder `.tools` beside an ancestor of the
//! executable or of the current directory (where `scripts/setup.sh` puts them), else on `PATH`.
//! What a tool makes is kept in a [`Cache`], keyed by everything that went into it.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

mod cache;
mod compile;
mod process;
mod verilator;

pub use cache::{Cache, Key, Scratch};
pub use compile::{Build, Cxx};
pub(crate) use compile::{jobs, link, objects};
pub(crate) use process::{run, run_logged};
pub use verilator::Verilator;

/// Why a tool cannot be used, or what it said.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// Not installed.
    #[error("{tool} not found; install it with `{install}`")]
    Missing {
        /// The tool.
        tool: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// There is no folder to keep things in.
    #[error("no cache folder; name one in NN2RTL_CACHE")]
    NoCache,
    /// The C++ compiler cannot be used.
    #[error("no C++ compiler; install g++ with `scripts/setup.sh`, or name one in CXX")]
    NoCompiler(#[source] cc::Error),
    /// The simulator starts, but computes something else than SystemVerilog says.
    #[error("{} fails its self-check; install a newer one with `scripts/setup.sh`", at.display())]
    WrongResults {
        /// The simulator.
        at: PathBuf,
    },
    /// A program ended with an error.
    #[error("{tool} failed ({status})\n{}", stderr.join("\n"))]
    Failed {
        /// The program's name.
        tool: String,
        /// How it ended.
        status: ExitStatus,
        /// What it complained of.
        stderr: Vec<String>,
    },
    /// A file or a process could not be reached.
    #[error("{}", path.display())]
    Io {
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ToolError {
    /// Adds the path to an error of the system.
    pub(crate) fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> ToolError {
        move |source| ToolError::Io { path: path.as_ref().to_owned(), source }
    }
}

/// What the functions here return.
pub type Result<T> = std::result::Result<T, ToolError>;

/// The tools of this machine; each is looked for when it is first asked for.
#[derive(Debug)]
pub struct Tools {
    root: Option<PathBuf>,
    cache: Cache,
    cxx: OnceLock<Cxx>,
    verilator: OnceLock<Verilator>,
}

impl Tools {
    /// Finds the tools folder and the cache; a tool that is missing is an error only when asked for.
    pub fn find() -> Result<Tools> {
        Ok(Tools::at(tools_folder(), Cache::open()?))
    }

    /// Tools of a given folder, or of `PATH` alone.
    pub fn at(root: Option<PathBuf>, cache: Cache) -> Tools {
        Tools { root, cache, cxx: OnceLock::new(), verilator: OnceLock::new() }
    }

    /// Where compiled things are kept.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The C++ compiler: `$CXX`, or the system's.
    pub fn cxx(&self) -> Result<&Cxx> {
        match self.cxx.get() {
            Some(cxx) => Ok(cxx),
            None => {
                let cxx = Cxx::find(&self.cache)?;
                Ok(self.cxx.get_or_init(|| cxx))
            }
        }
    }

    /// The simulator, after it has passed the self-check.
    pub fn verilator(&self) -> Result<&Verilator> {
        match self.verilator.get() {
            Some(verilator) => Ok(verilator),
            None => {
                let verilator = Verilator::find(self.root.as_deref())?;
                crate::cosim::selfcheck::check(self, &verilator)?;
                Ok(self.verilator.get_or_init(|| verilator))
            }
        }
    }

    /// The folder of the open `ap_int`, `ap_fixed` headers.
    pub fn ap_types(&self) -> Result<PathBuf> {
        self.include("ap_types", "ap_int.h", "the ap_types headers")
    }

    /// The folder of the open `ac_int`, `ac_fixed` headers.
    pub fn ac_types(&self) -> Result<PathBuf> {
        self.include("ac_types", "ac_int.h", "the ac_types headers")
    }

    /// The Python that has Yosys and slang if they were installed, else any on `PATH`.
    pub fn python(&self) -> Result<PathBuf> {
        let ours = self.root.as_ref().map(|root| root.join("venv/bin/python"));
        ours.filter(|python| python.is_file())
            .or_else(|| on_path("python3"))
            .ok_or(ToolError::Missing { tool: "python3", install: "scripts/setup.sh --all" })
    }

    /// Python with Yosys (pyosys) in it.
    pub fn yosys(&self) -> Result<Command> {
        self.package("pyosys", "Yosys", "scripts/setup.sh --place")
    }

    /// Python with XLS (xls-python) in it.
    pub fn xls(&self) -> Result<Command> {
        self.package("xls", "XLS", "scripts/setup.sh --xls")
    }

    fn package(&self, module: &str, tool: &'static str, install: &'static str) -> Result<Command> {
        let python = self.python()?;
        match run(Command::new(&python).args(["-c", &format!("import {module}")])) {
            Ok(_) => Ok(Command::new(python)),
            Err(_) => Err(ToolError::Missing { tool, install }),
        }
    }

    /// nextpnr for a family: the package of the tools folder, or one on `PATH`.
    pub fn nextpnr(&self, family: &str) -> Result<Command> {
        let install = match family {
            "himbaechel-gowin" => "scripts/setup.sh --gowin",
            "nexus" => "scripts/setup.sh --nexus",
            _ => "scripts/setup.sh --place",
        };
        self.program(&format!("nextpnr-{family}"), "nextpnr", install)
    }

    /// The tool that packs bitstreams for ECP5; it comes with nextpnr.
    pub fn ecppack(&self) -> Result<Command> {
        self.program("ecppack", "ecppack", "scripts/setup.sh --place")
    }

    /// A program of YoWASP's packages, or one on `PATH`.
    fn program(&self, name: &str, tool: &'static str, install: &'static str) -> Result<Command> {
        let ours = self.root.as_ref().map(|root| root.join(format!("venv/bin/yowasp-{name}")));
        let found = ours.filter(|it| it.is_file()).or_else(|| on_path(name));
        found.map(Command::new).ok_or(ToolError::Missing { tool, install })
    }

    fn include(&self, part: &str, file: &str, tool: &'static str) -> Result<PathBuf> {
        let folder = self.root.as_ref().map(|root| root.join("include").join(part));
        folder
            .filter(|folder| folder.join(file).is_file())
            .ok_or(ToolError::Missing { tool, install: "scripts/setup.sh" })
    }
}

/// The folder that `scripts/setup.sh` fills, if there is one.
fn tools_folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os("NN2RTL_TOOLS").filter(|named| !named.is_empty()) {
        return Some(PathBuf::from(named));
    }
    let starts = [env::current_exe(), env::current_dir()];
    starts.iter().flatten().flat_map(|start| start.ancestors()).find_map(|ancestor| {
        let tools = ancestor.join(".tools");
        tools.is_dir().then_some(tools)
    })
}

/// The executable of that name that a shell would start.
pub(crate) fn on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name.as_ref())).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_tools_say_how_to_install_them() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::at(scratch.path().join("cache")).unwrap();
        let tools = Tools::at(Some(scratch.path().to_owned()), cache);
        let error = tools.ap_types().unwrap_err().to_string();
        assert_eq!(error, "the ap_types headers not found; install it with `scripts/setup.sh`");
    }

    #[test]
    fn headers_are_found_where_setup_puts_them() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("include/ap_types");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ap_int.h"), "").unwrap();
        let cache = Cache::at(scratch.path().join("cache")).unwrap();
        let tools = Tools::at(Some(scratch.path().to_owned()), cache);
        assert_eq!(tools.ap_types().unwrap(), folder);
        assert!(tools.ac_types().is_err());
    }
}
