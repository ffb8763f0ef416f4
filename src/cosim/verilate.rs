//! From SystemVerilog to an executable simulation: Verilator, then the C++ compiler, both cached.
//!
//! Neither `make` nor Perl is needed. The C++ that Verilator writes is put together in a few large
//! translation units, since each pays 1.3 s for headers, and linked with Verilator's runtime,
//! which is compiled once for each compiler.
//!
//! Measured with Verilator 5.48 and g++ 12.2 on two cores, on a pipelined four-layer dense network
//! of 12 922 adders of up to 30 bits and 5432 registers (1.1 MB of SystemVerilog, a module for
//! each layer, 6.3 MB of C++); CPU seconds are steadier than wall time on a shared machine:
//!
//! | compiler flags | units | Verilator | g++ CPU | g++ wall | cycles/s |
//! |---|---|---|---|---|---|
//! | `-O0` | 9 | 4.6 s | 13.7 s | 7.8 s | 4.4 k |
//! | `-Og` | 9 | 5.0 s | 22.6 s | 12.5 s | 66 k |
//! | `-Og -fno-tree-fre -fno-tree-dse` | 9 | 4.8 s | 17.9 s | 10.1 s | 65 k |
//! | **the same** | **4** | **4.8 s** | **13.4 s** | **7.1 s** | **64 k** |
//! | the same | 2 | 4.9 s | 12.8 s | 7.7 s | 47 k |
//! | `-O1` | 9 | 4.8 s | 35 s | 19 s | 66 k |
//! | `-O1`, `--output-split 8000` | 25 | 4.7 s | - | 41 s | 66 k |
//! | `-O1`, Verilator `-O0` | 30 | 3.9 s | - | 67 s | 39 k |
//!
//! So `-Og` without its two slow passes compiles as fast as `-O0` and simulates as fast as `-O1`:
//! that is [`Effort::Quick`]. For a small design (1382 adders) one unit takes 2.3 s against 2.2 s
//! at `-O0`, 4.2 s at `-O1` and 8 s at `-O2`, at 340, 55, 400 and 500 k cycles/s; so
//! [`Effort::Fast`] (`-O2`) pays from some ten million cycles on. Verilator's own switches
//! (`-fno-gate`, `-fno-dfg`) made nothing better; random initial values cost nothing measurable.

use std::fs;
use std::path::{Path, PathBuf};

use super::pins;
use super::{Dut, Result};
use crate::tools::{self, Cxx, Key, ToolError, Tools, Verilator};

/// The harness; it reads as it stands.
const HARNESS: &str = include_str!("../../sim/harness.cpp");
const VECTORS: &str = include_str!("../../sim/vectors.h");
const LOAD: &str = include_str!("../../sim/load.h");

/// Bytes of generated C++ in one translation unit.
const UNIT: u64 = 1_500_000;

/// What a model is compiled for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// To be ready soon: right for up to millions of cycles.
    #[default]
    Quick,
    /// To run fast: three times the compile time, twice the speed at most.
    Fast,
}

/// How to build a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// It can write waves. Such a model is for short runs: the network measured above takes 53 s of
    /// CPU to compile, and each cycle 3 ms and 60 kB.
    pub wave: bool,
    /// Compile time against speed; a model with waves is always quick.
    pub effort: Effort,
}

/// A design ready to run.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) executable: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) dut: Dut,
    pub(super) wave: bool,
}

/// Builds the simulation of a design, or takes it from the cache.
pub fn verilate(tools: &Tools, dut: &Dut, options: Options) -> Result<Model> {
    verilate_with(tools, tools.verilator()?, dut, options)
}

/// Like [`verilate`], with a Verilator that may not have been checked.
pub(super) fn verilate_with(
    tools: &Tools,
    verilator: &Verilator,
    dut: &Dut,
    options: Options,
) -> Result<Model> {
    dut.check()?;
    let pins = pins::header(dut, options.wave);
    let texts =
        [("pins.h", &pins[..]), ("vectors.h", VECTORS), ("load.h", LOAD), ("harness.cpp", HARNESS)];
    let executable = simulation(tools, verilator, dut, &texts, options)?;
    let folder = dut.sources.first().and_then(|source| source.parent());
    let folder = folder.filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(Model { executable, folder: folder.to_owned(), dut: dut.clone(), wave: options.wave })
}

/// Builds a design with C++ around it, given as file names and contents, or takes it from the cache.
pub(crate) fn simulation(
    tools: &Tools,
    verilator: &Verilator,
    dut: &Dut,
    texts: &[(&str, &str)],
    options: Options,
) -> Result<PathBuf> {
    let cxx = tools.cxx()?;
    let arguments = arguments(dut, options);
    let flags = flags(cxx, options);
    let mut key = Key::new("model")
        .parts([verilator.id(), cxx.id()])
        .parts(texts.iter().map(|it| it.1))
        .parts(&arguments)
        .parts(&flags);
    for source in &dut.sources {
        key = key.file(source)?;
    }
    let executable = tools.cache().get_or_build(&key.hex(), |out| {
        verilate_into(out, verilator, dut, &arguments)?;
        for (name, text) in texts {
            let path = out.join(name);
            fs::write(&path, text).map_err(ToolError::io(&path))?;
        }
        let units = units(out)?;
        let includes = [out.to_owned(), verilator.include(), verilator.include().join("vltstd")];
        let mut objects = tools::objects(cxx, &units, &includes, &flags, out)?;
        for name in runtime_names(options) {
            objects.push(runtime(tools, cxx, verilator, name)?);
        }
        tools::link(cxx, &objects, &libraries(options), &out.join("simulation"))
    })?;
    Ok(executable)
}

/// What Verilator is told, apart from where things are.
fn arguments(dut: &Dut, options: Options) -> Vec<String> {
    // Random initial and unknown values: a design that reads what was never written gives wrong
    // results instead of lucky ones. Lint is another step's matter (`-Wno-lint`).
    let fixed = "--cc --no-timing --assert -Wno-fatal -Wno-lint -Wno-style \
                 --x-assign unique --x-initial unique --prefix Vdut";
    let mut arguments: Vec<String> = fixed.split_whitespace().map(str::to_owned).collect();
    arguments.extend(["--top-module".to_owned(), dut.top.clone()]);
    if options.wave {
        arguments.push("--trace-fst".to_owned());
    }
    arguments
}

fn flags(cxx: &Cxx, options: Options) -> Vec<String> {
    let effort: &[&str] = match options {
        // The trace functions name every signal of the design, which optimizers take minutes over.
        Options { wave: true, .. } => &["-O0"],
        Options { effort: Effort::Quick, .. } => cxx.quick(),
        Options { effort: Effort::Fast, .. } => &["-O2"],
    };
    let [trace, fst] = [u8::from(options.wave); 2];
    let macros = [
        "-DVERILATOR=1".to_owned(),
        "-DVM_COVERAGE=0".to_owned(),
        "-DVM_SC=0".to_owned(),
        "-DVM_TIMING=0".to_owned(),
        format!("-DVM_TRACE={trace}"),
        format!("-DVM_TRACE_FST={fst}"),
        "-DVM_TRACE_VCD=0".to_owned(),
        "-w".to_owned(),
    ];
    effort.iter().map(|flag| (*flag).to_owned()).chain(macros).collect()
}

/// Has Verilator write the C++ of a design.
fn verilate_into(
    out: &Path,
    verilator: &Verilator,
    dut: &Dut,
    arguments: &[String],
) -> tools::Result<()> {
    let mut command = verilator.command();
    command.args(arguments).arg("--Mdir").arg(out);
    for source in &dut.sources {
        let source = source.canonicalize().map_err(ToolError::io(source))?;
        match source.extension().and_then(|it| it.to_str()) {
            Some("sv" | "v" | "vlt") => command.arg(source),
            // Headers are found by name; data files are read by the running design.
            Some("svh" | "vh") => {
                command.arg(format!("-I{}", source.parent().unwrap_or(&source).display()))
            }
            _ => &mut command,
        };
    }
    tools::run(&mut command).map(drop)
}

/// Gathers the C++ in `out` into few units of similar size, and returns them.
fn units(out: &Path) -> tools::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(out).map_err(ToolError::io(out))? {
        let entry = entry.map_err(ToolError::io(out))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".cpp") {
            files.push((entry.metadata().map_err(ToolError::io(out))?.len(), name));
        }
    }
    files.sort();
    let total: u64 = files.iter().map(|(size, _)| size).sum();
    let jobs = tools::jobs() as u64;
    // One unit if it is small, else a multiple of what can be compiled at a time.
    let count = match total / UNIT {
        0 => 1,
        more => more.next_multiple_of(jobs).min(files.len() as u64),
    };
    let mut units = vec![(0, String::new()); count as usize];
    for (size, name) in files.into_iter().rev() {
        let least = units.iter_mut().min_by_key(|unit| unit.0);
        let (bytes, text) = least.expect("there is at least one unit");
        *bytes += size;
        *text += &format!("#include \"{name}\"\n");
    }
    units.sort_by_key(|unit| std::cmp::Reverse(unit.0));
    let write = |(idx, (_, text)): (usize, &(u64, String))| {
        let path = out.join(format!("unit{idx}.cc"));
        fs::write(&path, text).map_err(ToolError::io(&path))?;
        Ok(path)
    };
    units.iter().enumerate().map(write).collect()
}

fn runtime_names(options: Options) -> &'static [&'static str] {
    match options.wave {
        true => &["verilated.cpp", "verilated_threads.cpp", "verilated_fst_c.cpp"],
        false => &["verilated.cpp", "verilated_threads.cpp"],
    }
}

fn libraries(options: Options) -> Vec<String> {
    let libraries: &[&str] =
        if options.wave { &["-llz4", "-lz", "-lpthread"] } else { &["-lpthread"] };
    libraries.iter().map(|library| (*library).to_owned()).collect()
}

/// An object of Verilator's runtime, compiled once for each compiler and kept.
fn runtime(tools: &Tools, cxx: &Cxx, verilator: &Verilator, name: &str) -> tools::Result<PathBuf> {
    let include = verilator.include();
    // It does not depend on the design, only on whether there are waves: every object of
    // an executable must agree on that.
    let options = Options { wave: name.contains("fst"), ..Options::default() };
    let flags: Vec<String> = flags(cxx, options).into_iter().chain(["-O1".to_owned()]).collect();
    let key = Key::new("runtime").parts([verilator.id(), cxx.id(), name]).parts(&flags);
    tools.cache().get_or_build(&key.hex(), |out| {
        let includes = [include.clone(), include.join("vltstd")];
        let objects = tools::objects(cxx, &[include.join(name)], &includes, &flags, out)?;
        Ok(objects.into_iter().next().expect("one source makes one object"))
    })
}

impl Model {
    /// The design it simulates.
    pub fn dut(&self) -> &Dut {
        &self.dut
    }

    /// The executable in the cache; its arguments are described in `sim/harness.cpp`.
    pub fn executable(&self) -> &Path {
        &self.executable
    }
}

/// The C++ that a written project needs to build the same simulation by itself: file names and
/// contents, for the folder that Verilator writes to with `--prefix Vdut`.
pub fn harness(dut: &Dut, wave: bool) -> Result<[(&'static str, String); 4]> {
    dut.check()?;
    Ok([
        ("harness.cpp", HARNESS.to_owned()),
        ("vectors.h", VECTORS.to_owned()),
        ("load.h", LOAD.to_owned()),
        ("pins.h", pins::header(dut, wave)),
    ])
}
