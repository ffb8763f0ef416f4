//! Compiling C++ into executables, through the compiler that the `cc` crate finds.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Cache, Key, Result, ToolError, Tools, run};

/// A C++ compiler with the flags that it always needs (`$CXX` and `$CXXFLAGS` are honored).
#[derive(Clone, Debug)]
pub struct Cxx {
    tool: cc::Tool,
    id: String,
}

impl Cxx {
    /// Finds the compiler for this machine.
    pub(super) fn find(cache: &Cache) -> Result<Cxx> {
        let scratch = cache.scratch()?;
        let target = this_machine();
        let tool = cc::Build::new()
            .cpp(true)
            .target(&target)
            .host(&target)
            .out_dir(scratch.path())
            .opt_level(0)
            .debug(false)
            .std("c++20")
            .cargo_metadata(false)
            .cargo_warnings(false)
            .try_get_compiler()
            .map_err(ToolError::NoCompiler)?;
        let version = run(tool.to_command().arg("--version"))?.stdout;
        let args = tool.args().iter().map(|arg| arg.as_encoded_bytes());
        let path = tool.path().as_os_str().as_encoded_bytes();
        let id = Key::new("cxx").part(path).part(version).parts(args).hex();
        Ok(Cxx { tool, id })
    }

    /// The program.
    pub fn path(&self) -> &Path {
        self.tool.path()
    }

    /// The flags that go before all others.
    pub fn flags(&self) -> &[OsString] {
        self.tool.args()
    }

    /// A call of the compiler with its flags.
    pub fn command(&self) -> Command {
        self.tool.to_command()
    }

    /// Stands for the program, its version and its flags in a [`Key`].
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The flags that compile large generated code about as fast as without optimization; measured
    /// in `cosim::verilate`. Later flags overrule them.
    pub fn quick(&self) -> &'static [&'static str] {
        match self.tool.is_like_gnu() {
            true => &["-Og", "-fno-tree-fre", "-fno-tree-dse"],
            false => &["-O1"],
        }
    }
}

/// The name that `cc` knows this machine by.
fn this_machine() -> String {
    let arch = std::env::consts::ARCH;
    match std::env::consts::OS {
        "macos" => format!("{arch}-apple-darwin"),
        _ => format!("{arch}-unknown-linux-gnu"),
    }
}

/// C++ sources that make one executable.
///
/// Its entry in the cache depends on the contents of the sources and of *all* files below the
/// include folders, and on nothing else: a header from elsewhere that changes is not noticed,
/// so every folder that holds headers of the project must be listed.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// Translation units; they are compiled in parallel.
    pub sources: Vec<PathBuf>,
    /// Folders of headers.
    pub includes: Vec<PathBuf>,
    /// Compiler flags, such as `-O1` ([`Cxx::quick`] suits large unrolled code).
    pub flags: Vec<String>,
    /// Linker flags, such as `-lz`.
    pub libs: Vec<String>,
}

impl Build {
    /// The executable, from the cache or freshly compiled. It stays there: copy it if it is to last.
    pub fn executable(&self, tools: &Tools) -> Result<PathBuf> {
        let cxx = tools.cxx()?;
        let mut key = Key::new("executable").part(cxx.id()).parts(&self.flags).parts(&self.libs);
        for source in &self.sources {
            key = key.file(source)?;
        }
        for include in &self.includes {
            key = key.folder(include)?;
        }
        tools.cache().get_or_build(&key.hex(), |out| {
            let objects = objects(cxx, &self.sources, &self.includes, &self.flags, out)?;
            link(cxx, &objects, &self.libs, &out.join("executable"))
        })
    }
}

/// Compiles each source into an object in `out`, on all cores. The sources may come from different
/// folders and have the same name.
pub(crate) fn objects(
    cxx: &Cxx,
    sources: &[PathBuf],
    includes: &[PathBuf],
    flags: &[String],
    out: &Path,
) -> Result<Vec<PathBuf>> {
    let object = |idx: usize| out.join(format!("{idx}.o"));
    let compile = |idx: usize| {
        let mut command = cxx.command();
        command.args(flags);
        for include in includes {
            command.arg("-I").arg(include);
        }
        run(command.arg("-c").arg(&sources[idx]).arg("-o").arg(object(idx)))
    };
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        loop {
            let idx = next.fetch_add(1, Ordering::Relaxed);
            if idx >= sources.len() {
                return Ok(());
            }
            // After a failure the others need not start.
            compile(idx).inspect_err(|_| next.store(sources.len(), Ordering::Relaxed))?;
        }
    };
    let threads = jobs().min(sources.len());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a compiling thread only returns errors"))
    })?;
    Ok((0..sources.len()).map(object).collect())
}

/// Links objects into an executable, and returns it.
pub(crate) fn link(
    cxx: &Cxx,
    objects: &[PathBuf],
    libs: &[String],
    executable: &Path,
) -> Result<PathBuf> {
    run(cxx.command().args(objects).arg("-o").arg(executable).args(libs))?;
    Ok(executable.to_owned())
}

/// How many compilers may run at a time.
pub(crate) fn jobs() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
    /// Tools without a folder of their own and with a fresh cache; `None` without a compiler.
    fn tools(at: &Path) -> Option<Tools> {
        let tools = Tools::at(None, Cache::at(at.join("cache")).unwrap());
        match tools.cxx() {
            Ok(_) => Some(tools),
            Err(error) => {
                eprintln!("SKIPPED: {error}");
                None
            }
        }
    }

    #[test]
    fn a_header_that_changes_makes_a_new_executable() {
        let dir = tempfile::tempdir().unwrap();
        let Some(tools) = tools(dir.path()) else { return };
        let include = dir.path().join("include");
        fs::create_dir(&include).unwrap();
        let [main, other] = ["main.cpp", "other.cpp"].map(|name| dir.path().join(name));
        fs::write(&main, "int other();\nint main() { return other(); }\n").unwrap();
        fs::write(&other, "#include \"code.h\"\nint other() { return CODE; }\n").unwrap();
        let build =
            Build { sources: vec![main, other], includes: vec![include], ..Build::default() };

        let mut made = Vec::new();
        for code in [7, 8, 7] {
            fs::write(build.includes[0].join("code.h"), format!("#define CODE {code}\n")).unwrap();
            let executable = build.executable(&tools).unwrap();
            let status = Command::new(&executable).status().unwrap();
            assert_eq!(status.code(), Some(code));
            made.push(executable);
        }
        assert_eq!(made[0], made[2]);
        assert_ne!(made[0], made[1]);
    }

    #[test]
    fn an_error_of_the_compiler_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let Some(tools) = tools(dir.path()) else { return };
        let source = dir.path().join("bad.cpp");
        fs::write(&source, "int main() { return undeclared_name; }\n").unwrap();
        let build = Build { sources: vec![source], ..Build::default() };
        let error = build.executable(&tools).unwrap_err().to_string();
        assert!(error.contains("undeclared_name"), "{error}");
    }
}
