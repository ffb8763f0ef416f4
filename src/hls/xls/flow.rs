//! A dataflow as DSLX: a file for each process, one for those that are alike.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::names::{Names, comment};
use super::super::{HlsOptions, HlsProject};
use super::{check, kernels, library, printed, process};
use crate::error::{Origin, Problem, Problems, Result};
use crate::fixed::Graph;
use crate::stream::{Dataflow, Kind, Process, ProcessId};

/// A process as XLS sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proc {
    /// Its file without the ending, which others may have too.
    pub file: String,
    /// Bits of each channel that it reads.
    pub channels: Vec<u32>,
}

/// A dataflow in DSLX.
#[derive(Debug)]
pub struct Network {
    /// The files.
    pub project: HlsProject,
    /// The procs of all processes; ports are none.
    pub procs: BTreeMap<ProcessId, Proc>,
}

/// Writes a divided graph. It must have passed [`crate::fixed::verify`].
///
/// # Errors
/// As [`super::project`].
pub fn streamed(graph: &Graph, flow: &Dataflow, options: &HlsOptions) -> Result<Network> {
    let mut problems = Problems::default();
    problems.note(check(graph));
    for process in &flow.processes {
        if let Kind::Kernel(own) = &process.kind {
            problems.note(super::super::view::check(own, options, &own.topo()));
        }
    }
    problems.note(small(graph, flow));
    problems.into_result(())?;
    let mut names = names(flow);
    let mut modules = BTreeSet::from(["nn_types".to_owned()]);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut procs = BTreeMap::new();
    for (at, process) in flow.processes.iter().enumerate() {
        if matches!(process.kind, Kind::Source(_) | Kind::Sink(_)) {
            continue;
        }
        let mut view = process::view(flow, ProcessId(at));
        let text = printed(&view);
        let file = known.entry(text).or_insert_with(|| {
            let file = names.claim(&process.name);
            view.description = comment(&about(process));
            files.insert(file.clone(), printed(&view));
            file
        });
        let own = view.process.as_ref().expect("it is a process");
        let channels = own.channels.iter().map(|it| it.bits).collect();
        procs.insert(ProcessId(at), Proc { file: file.clone(), channels });
        modules.extend(view.modules);
    }
    let own = files.into_iter().map(|(name, text)| (PathBuf::from(format!("{name}.x")), text));
    let mut files: Vec<(PathBuf, String)> = own.chain(library(&modules, &options.name)).collect();
    files.sort();
    let top = options.name.clone();
    let project = HlsProject { files, warnings: Vec::new(), top, interval: 1, host: String::new() };
    Ok(Network { project, procs })
}

/// Names that files may have: those of kernels are taken, and modules of XLS are called as their files with `_xls`
/// behind.
fn names(flow: &Dataflow) -> Names {
    let mut names = Names::dslx();
    kernels().for_each(|it| drop(names.claim(&it)));
    let others = flow.processes.iter().filter_map(|it| it.name.strip_suffix("_xls"));
    others.for_each(|it| drop(names.claim(it)));
    names
}

/// A proc that would keep too much.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a proc of XLS would keep {bits} bits of this layer's tokens in registers; at most {MOST_KEPT} are supported (use \
     --flow rtl)"
)]
struct TooMuch {
    bits: u64,
}

/// Bits that a proc keeps at most: XLS has registers and no memories.
const MOST_KEPT: u64 = 1 << 19;

/// Notes every layer that turns around or goes over more tokens than registers can hold.
fn small(graph: &Graph, flow: &Dataflow) -> Result<()> {
    let mut problems = Problems::default();
    let file = graph.topo().first().map(|it| graph.node(*it).origin.file.clone());
    for process in &flow.processes {
        let tokens = match &process.kind {
            Kind::Window(it) => it.taps.iter().map(|it| it.distance + 1).max().unwrap_or(0),
            Kind::Permute(it) => it.capacity,
            _ => continue,
        };
        let bits = tokens as u64 * u64::from(flow.stream(process.inputs[0]).bits());
        if bits > MOST_KEPT {
            let at = Origin::new(file.as_deref().unwrap_or_default(), &process.layer);
            problems.push(Problem::at(&at, TooMuch { bits }));
        }
    }
    problems.into_result(())
}

/// What a file is, in a line.
fn about(process: &Process) -> String {
    let what = match &process.kind {
        Kind::Array(it) => {
            format!("{} multipliers, {} turns a token", it.multipliers(), it.cycles())
        }
        Kind::Window(it) => format!("windows of {} pixels", it.taps.len()),
        Kind::Permute(_) => "another order of tokens".to_owned(),
        Kind::Repack => "longer or shorter tokens".to_owned(),
        Kind::Repeat(times) => format!("every token {times} times"),
        Kind::Rom(_) => "constants in turn".to_owned(),
        Kind::State(it) => format!("what a loop of {} steps keeps", it.steps),
        Kind::Reduce(it) => format!("{} tokens become one", it.steps),
        Kind::Last { of, keep } => format!("the last {keep} of {of} tokens"),
        _ => "what is computed of a token of each input".to_owned(),
    };
    format!("{}: {what}.", process.name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixed::{Format, Type};
    use crate::nn::Shape;
    use crate::stream::{Permutation, Stream, StreamId};

    /// A flow with so many words turned around.
    fn turned(tokens: usize) -> Dataflow {
        let order = Permutation { tokens, order: (0..tokens).rev().collect(), capacity: tokens };
        let stream = |from| Stream {
            name: "x".to_owned(),
            tokens,
            ty: Type::uniform(Shape(vec![4]), Format::signed(16, 6)),
            from: ProcessId(from),
        };
        let process = |kind, inputs: &[usize], outputs: &[usize]| Process {
            name: "turned".to_owned(),
            layer: "turned".to_owned(),
            kind,
            inputs: inputs.iter().map(|it| StreamId(*it)).collect(),
            outputs: outputs.iter().map(|it| StreamId(*it)).collect(),
        };
        let words: Arc<[i128]> = vec![0; 4].into();
        let processes =
            vec![process(Kind::Rom(words), &[], &[0]), process(Kind::Permute(order), &[0], &[1])];
        Dataflow { processes, streams: vec![stream(0), stream(1)], ..Dataflow::default() }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        assert!(small(&Graph::default(), &turned(100)).is_ok());
        let told = small(&Graph::default(), &turned(10_000)).unwrap_err().to_string();
        assert!(told.contains("turned: a proc of XLS would keep 640000 bits"), "{told}");
    }
}
