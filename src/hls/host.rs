//! Runs the project's own sources on this machine: g++ makes a program of them that reads and
//! writes mantissas.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::HlsProject;
use super::trace::{Part, Trace};
use crate::fixed::{Graph, Type};
use crate::graph::NodeId;
use crate::stream::{Dataflow, pixels};

/// Flags that make the program. Warnings are on, except for the vendors' pragmas and attributes, which g++
/// does not know, and for the default constructor of ap_fixed, which masks bits that it never set (that of
/// ac_fixed leaves them). `-O1`
/// costs a net of 4000 weights half a second more to compile than `-O0` (3 s) and runs it fifteen
/// times as fast (0.2 ms a sample); `-O2` gains nothing.
pub const FLAGS: &[&str] = &[
    "-std=c++14",
    "-O1",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wno-unknown-pragmas",
    "-Wno-attributes",
    "-Wno-uninitialized",
    "-Wno-maybe-uninitialized",
];

/// File name of the program's own source, in the project's directory.
pub const MAIN: &str = "csim_main.cpp";

/// A C++ compiler and where the vendor's open headers are.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The compiler, `g++` or another that takes its flags.
    pub path: PathBuf,
    /// Flags, usually [`FLAGS`].
    pub flags: Vec<String>,
    /// Folder with `ap_fixed.h` or `ac_fixed.h`, as the project needs.
    pub headers: PathBuf,
}

/// Why the sources did not run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file or program could not be used.
    #[error("{path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The compiler refused the sources.
    #[error("{compiler} refused the generated C++:\n{message}")]
    Compile {
        /// The compiler.
        compiler: PathBuf,
        /// What it said.
        message: String,
    },
    /// The program failed.
    #[error("the C simulation failed: {message}")]
    Failed {
        /// What it said.
        message: String,
    },
    /// An input does not have a value for every element of every sample.
    #[error("input {index} has {found} values, not {expected}")]
    Length {
        /// Position among the inputs.
        index: usize,
        /// Values given.
        found: usize,
        /// Values needed.
        expected: usize,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> HostError {
    let path = path.to_owned();
    |source| HostError::Io { path, source }
}

impl Compiler {
    /// `g++` with the usual flags.
    pub fn gcc(headers: impl Into<PathBuf>) -> Compiler {
        let flags = FLAGS.iter().map(|it| it.to_string()).collect();
        Compiler { path: "g++".into(), flags, headers: headers.into() }
    }

    /// All arguments to make `executable` of the project in `dir`.
    pub fn arguments(&self, dir: &Path, executable: &Path) -> Vec<OsString> {
        let flags = self.flags.iter().map(OsString::from);
        let include: [OsString; 2] = ["-isystem".into(), self.headers.clone().into()];
        let rest: [OsString; 3] = [dir.join(MAIN).into(), "-o".into(), executable.into()];
        flags.chain(include).chain(rest).collect()
    }

    /// Writes the project of a graph and its program to `dir`, and compiles them there.
    ///
    /// # Errors
    /// As [`Compiler::program`].
    pub fn compile(
        &self,
        project: &HlsProject,
        graph: &Graph,
        dir: &Path,
    ) -> Result<Csim, HostError> {
        let (executable, warnings) = self.program(project, dir)?;
        Ok(Csim::new(executable, warnings, graph))
    }

    /// Writes a project and its program to `dir`, and compiles them there: the program, and what the
    /// compiler had to say.
    ///
    /// # Errors
    /// [`HostError::Io`] if a file cannot be written or the compiler not be started,
    /// [`HostError::Compile`] if it fails.
    pub fn program(
        &self,
        project: &HlsProject,
        dir: &Path,
    ) -> Result<(PathBuf, String), HostError> {
        for (file, text) in sources(project) {
            let path = dir.join(file);
            let parent = path.parent().unwrap_or(dir);
            fs::create_dir_all(parent).map_err(at(parent))?;
            fs::write(&path, text).map_err(at(&path))?;
        }
        let executable = dir.join("csim");
        let arguments = self.arguments(dir, &executable);
        let run = Command::new(&self.path).args(arguments).output().map_err(at(&self.path))?;
        let message = String::from_utf8_lossy(&run.stderr).into_owned();
        if !run.status.success() {
            return Err(HostError::Compile { compiler: self.path.clone(), message });
        }
        Ok((executable, message))
    }
}

/// The files that the compiler needs: the project's and the program's own.
pub fn sources(project: &HlsProject) -> impl Iterator<Item = (&Path, &str)> {
    let files = project.files.iter().map(|(path, text)| (path.as_path(), text.as_str()));
    files.chain([(Path::new(MAIN), project.host.as_str())])
}

/// The compiled program.
#[derive(Clone, Debug)]
pub struct Csim {
    /// The program.
    pub executable: PathBuf,
    /// What the compiler had to say, though it succeeded.
    pub warnings: String,
    inputs: Vec<Layout>,
    /// In which order the elements of an input go through its port, if in another.
    orders: Vec<Option<Vec<u32>>>,
    outputs: Part,
    trace: Trace,
}

/// Where the mantissas of a tensor lie in those of its C++ type: as high as many bits, by element.
#[derive(Clone, Debug)]
pub(super) struct Layout(Vec<u32>);

impl Layout {
    pub(super) fn of(ty: &Type) -> Layout {
        let frac = ty.union().frac();
        Layout((0..ty.elements()).map(|it| (frac - ty.format(it).frac()) as u32).collect())
    }
}

/// Mantissas of the model's outputs, and of every value if they were traced: sample after sample.
#[derive(Clone, Debug, Default)]
pub struct Mantissas {
    /// By position among the model's outputs.
    pub outputs: Vec<Vec<i128>>,
    /// By node.
    pub trace: BTreeMap<NodeId, Vec<i128>>,
}

impl Csim {
    /// A program made of a graph's project.
    pub fn new(executable: PathBuf, warnings: String, graph: &Graph) -> Csim {
        Csim::tracing(executable, warnings, graph, Trace::parallel(graph))
    }

    /// A program made of the project of a graph that was divided into a dataflow.
    pub fn streamed(executable: PathBuf, warnings: String, graph: &Graph, flow: &Dataflow) -> Csim {
        let orders = graph.inputs.iter().map(|it| pixels(graph, *it)).collect();
        let csim = Csim::tracing(executable, warnings, graph, Trace::streamed(graph, flow));
        Csim { orders, ..csim }
    }

    fn tracing(executable: PathBuf, warnings: String, graph: &Graph, trace: Trace) -> Csim {
        let layout = |id: &NodeId| Layout::of(&graph.node(*id).ty);
        let outputs = Part { tokens: 1, values: graph.outputs.iter().map(layout).collect() };
        let inputs: Vec<Layout> = graph.inputs.iter().map(layout).collect();
        let orders = vec![None; inputs.len()];
        Csim { executable, warnings, inputs, orders, outputs, trace }
    }

    /// Runs samples. `inputs` holds, for every input of the model, sample after sample; files are
    /// written to `dir`.
    ///
    /// # Errors
    /// [`HostError::Length`] if an input has the wrong size, [`HostError::Io`] and
    /// [`HostError::Failed`] if the program could not do its work.
    pub fn run(
        &self,
        inputs: &[Vec<i128>],
        samples: usize,
        trace: bool,
        dir: &Path,
    ) -> Result<Mantissas, HostError> {
        let [input, output, traced] = ["csim.in", "csim.out", "csim.trace"].map(|it| dir.join(it));
        fs::write(&input, self.pack(inputs, samples)?).map_err(at(&input))?;
        let mut command = Command::new(&self.executable);
        command.arg(samples.to_string()).args([&input, &output]);
        if trace {
            command.arg(&traced);
        }
        let run = command.output().map_err(at(&self.executable))?;
        if !run.status.success() {
            let said = String::from_utf8_lossy(&run.stderr);
            let message = format!("{}{said}", run.status);
            return Err(HostError::Failed { message });
        }
        let read = |file: &Path| fs::read(file).map_err(at(file));
        let outputs = unpack(&read(&output)?, std::slice::from_ref(&self.outputs), samples)?;
        let trace = match trace {
            false => BTreeMap::new(),
            true => self.trace.read(&read(&traced)?, inputs, samples)?,
        };
        Ok(Mantissas { outputs: outputs.into_iter().flatten().collect(), trace })
    }

    /// The input file.
    fn pack(&self, inputs: &[Vec<i128>], samples: usize) -> Result<Vec<u8>, HostError> {
        for (index, Layout(shifts)) in self.inputs.iter().enumerate() {
            let found = inputs.get(index).map_or(0, Vec::len);
            let expected = shifts.len() * samples;
            if found != expected {
                return Err(HostError::Length { index, found, expected });
            }
        }
        let mut bytes = Vec::new();
        for sample in 0..samples {
            let layouts = self.inputs.iter().zip(&self.orders);
            for (values, (Layout(shifts), order)) in inputs.iter().zip(layouts) {
                let row = &values[sample * shifts.len()..][..shifts.len()];
                for at in 0..row.len() {
                    let element = order.as_ref().map_or(at, |it| it[at] as usize);
                    bytes.extend((row[element] << shifts[element]).to_le_bytes());
                }
            }
        }
        Ok(bytes)
    }
}

/// The tensors in a file of mantissas, by part.
pub(super) fn unpack(
    bytes: &[u8],
    parts: &[Part],
    samples: usize,
) -> Result<Vec<Vec<Vec<i128>>>, HostError> {
    let (words, rest) = bytes.as_chunks::<16>();
    let size = |it: &Part| it.tokens * it.values.iter().map(|it| it.0.len()).sum::<usize>();
    let row: usize = parts.iter().map(size).sum();
    if words.len() != row * samples || !rest.is_empty() {
        let message = format!("{} bytes of results instead of {}", bytes.len(), row * samples * 16);
        return Err(HostError::Failed { message });
    }
    let tensor = |part: &Part, it: &Layout| Vec::with_capacity(it.0.len() * part.tokens * samples);
    let tensors = parts.iter().map(|part| part.values.iter().map(|it| tensor(part, it)).collect());
    let mut tensors: Vec<Vec<Vec<i128>>> = tensors.collect();
    let mut words = words.iter();
    for _ in 0..samples {
        for (tensors, part) in tensors.iter_mut().zip(parts) {
            for _ in 0..part.tokens {
                for (tensor, Layout(shifts)) in tensors.iter_mut().zip(&part.values) {
                    let row = words.by_ref().take(shifts.len()).zip(shifts);
                    tensor.extend(row.map(|(word, shift)| i128::from_le_bytes(*word) >> shift));
                }
            }
        }
    }
    Ok(tensors)
}
