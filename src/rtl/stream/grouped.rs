//! Processes that are one instance of a module around cores: `nn_eltwise`, `nn_normalize`.
//!
//! A kernel of several operands is a core in an `nn_eltwise`, together with the repetitions of what is broadcast. A
//! reduction, what is computed in front of it and behind it, and the kernel in which every word of the reduced
//! tokens meets the result are an `nn_normalize`: half of a softmax or of a layer normalization. Inside of these modules
//! are the joins, forks, FIFOs and credits that else stand between, so that the plan holds to the cycle.

use std::collections::{BTreeMap, BTreeSet};

use crate::stream::plan::Plan;
use crate::stream::{Dataflow, Kind, ProcessId, Reducer, StreamId};

/// A module around cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// The kernel's operands, and how many times a word of each is used.
    Eltwise(Vec<usize>),
    /// Words of a vector, and what all of them come to.
    Normalize(Normalize),
}

/// What an `nn_normalize` is made of, besides the kernel of its result. Its first input is the word, the others are
/// what is left of the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Normalize {
    /// The reduction, and the stream that it is of: the word, or what comes with it from the same process.
    pub(super) reduce: ProcessId,
    pub(super) term: StreamId,
    /// The parts of a word of it that are reduced one after the other.
    pub(super) parts: usize,
    /// The kernel in front of it, and the one behind.
    pub(super) before: Option<ProcessId>,
    pub(super) after: Option<ProcessId>,
    /// Which inputs of the kernel are the statistic and the word.
    pub(super) statistic: usize,
    pub(super) word: usize,
    /// Words that wait.
    pub(super) held: usize,
    /// How many times a word of each other operand is used.
    pub(super) times: Vec<usize>,
    /// All processes inside.
    inner: Vec<ProcessId>,
}

/// A dataflow as instances.
#[derive(Debug)]
pub(super) struct Grouped {
    /// The processes, by the same numbers: engines have the inputs that their module has.
    pub(super) flow: Dataflow,
    /// Words in front of inputs.
    pub(super) fifos: BTreeMap<(ProcessId, usize), usize>,
    /// Kernels that are engines.
    pub(super) engines: BTreeMap<ProcessId, Engine>,
    /// Processes inside of engines.
    pub(super) inside: BTreeSet<ProcessId>,
    /// Streams that are read beside those that they come with.
    beside: BTreeSet<StreamId>,
}

impl Grouped {
    /// An instance for each process.
    pub(super) fn apart(flow: &Dataflow, plan: &Plan) -> Grouped {
        Grouped {
            flow: flow.clone(),
            fifos: plan.fifos.clone(),
            engines: BTreeMap::new(),
            inside: BTreeSet::new(),
            beside: BTreeSet::new(),
        }
    }

    /// As few instances as there can be.
    pub(super) fn new(flow: &Dataflow, plan: &Plan) -> Grouped {
        let mut made = Grouped::apart(flow, plan);
        let processes = || (0..flow.processes.len()).map(ProcessId);
        for id in processes() {
            if let Kind::Reduce(own) = &flow.processes[id.0].kind
                && let Some((kernel, found)) = made.normalize(id, own)
            {
                made.enclose(kernel, found);
            }
        }
        for id in processes() {
            let inputs = made.flow.processes[id.0].inputs.len();
            if made.is_kernel(id) && inputs > 1 {
                let times = (0..inputs).map(|port| made.broadcast(id, port)).collect();
                made.engines.insert(id, Engine::Eltwise(times));
            }
        }
        made
    }

    /// Whether anybody reads a stream.
    pub(super) fn is_read(&self, stream: StreamId) -> bool {
        self.beside.contains(&stream) || !self.flow.readers(stream).is_empty()
    }

    /// A kernel that is in no engine yet.
    fn is_kernel(&self, id: ProcessId) -> bool {
        matches!(self.flow.processes[id.0].kind, Kind::Kernel(_))
            && !self.engines.contains_key(&id)
            && !self.inside.contains(&id)
    }

    /// A kernel of one operand and one result.
    fn is_function(&self, id: ProcessId) -> bool {
        let process = &self.flow.processes[id.0];
        self.is_kernel(id) && process.inputs.len() == 1 && process.outputs.len() == 1
    }

    /// The only reader of a stream, if it reads it without a FIFO.
    fn only(&self, stream: StreamId) -> Option<(ProcessId, usize)> {
        let [reader] = self.flow.readers(stream)[..] else { return None };
        (!self.fifos.contains_key(&reader)).then_some(reader)
    }

    /// The process that makes a stream, if nothing lies in front of it and behind it, and only one reads it.
    fn maker(&self, stream: StreamId) -> Option<ProcessId> {
        let from = self.flow.stream(stream).from;
        (self.only(stream).is_some() && !self.fifos.contains_key(&(from, 0))).then_some(from)
    }

    /// Into how many parts a process cuts words.
    fn parts(&self, id: ProcessId) -> Option<usize> {
        let process = &self.flow.processes[id.0];
        let tokens = |it: &[StreamId]| it.first().map_or(1, |it| self.flow.stream(*it).tokens);
        let (from, to) = (tokens(&process.inputs), tokens(&process.outputs));
        (matches!(process.kind, Kind::Repack) && to > from).then_some(to / from)
    }

    /// The kernel of the result that a reduction is for, and what lies between.
    fn normalize(&self, reduce: ProcessId, own: &Reducer) -> Option<(ProcessId, Normalize)> {
        if own.packs != 1 || self.fifos.contains_key(&(reduce, 0)) {
            return None;
        }
        let process = |id: ProcessId| &self.flow.processes[id.0];
        let (mut repeat, _) = self.only(process(reduce).outputs[0])?;
        let after = self.is_function(repeat).then_some(repeat);
        if let Some(after) = after {
            (repeat, _) = self.only(process(after).outputs[0])?;
        }
        let Kind::Repeat(times) = process(repeat).kind else { return None };
        let (kernel, statistic) = self.only(process(repeat).outputs[0])?;
        if !self.is_kernel(kernel) {
            return None;
        }
        let mut term = process(reduce).inputs[0];
        let (mut before, mut cut, mut parts) = (None, None, 1);
        let function = |it: &ProcessId| self.is_function(*it);
        if self.meets(term, kernel).is_none()
            && let Some(from) = self.maker(term).filter(function)
        {
            (before, term) = (Some(from), process(from).inputs[0]);
        }
        if self.meets(term, kernel).is_none()
            && let Some(from) = self.maker(term)
        {
            (cut, parts) = (Some(from), self.parts(from)?);
            term = process(from).inputs[0];
        }
        let word = self.meets(term, kernel)?;
        let held = self.fifos.get(&(kernel, word)).copied().unwrap_or(0);
        let inner =
            [Some(reduce), after, Some(repeat), before, cut].into_iter().flatten().collect();
        let times_of_others = Vec::new();
        let found = Normalize {
            reduce,
            term,
            parts,
            before,
            after,
            statistic,
            word,
            held,
            times: times_of_others,
            inner,
        };
        (times * parts == own.steps).then_some((kernel, found))
    }

    /// The input at which a kernel reads a stream, or what a kernel in front of it makes in the same words.
    fn meets(&self, stream: StreamId, kernel: ProcessId) -> Option<usize> {
        let inputs = &self.flow.processes[kernel.0].inputs;
        let from = self.flow.stream(stream).from;
        let comes_with = |it: &StreamId| {
            self.flow.stream(*it).from == from
                && matches!(self.flow.processes[from.0].kind, Kind::Kernel(_))
        };
        let same = inputs.iter().position(|it| *it == stream);
        same.or_else(|| inputs.iter().position(comes_with))
    }

    /// Puts everything of a normalization into one instance.
    fn enclose(&mut self, kernel: ProcessId, mut found: Normalize) {
        let inputs = self.flow.processes[kernel.0].inputs.clone();
        let others = (0..inputs.len()).filter(|it| ![found.statistic, found.word].contains(it));
        let ports: Vec<usize> = std::iter::once(found.word).chain(others).collect();
        let fifos: Vec<_> =
            (0..inputs.len()).map(|port| self.fifos.remove(&(kernel, port))).collect();
        self.flow.processes[kernel.0].inputs = ports.iter().map(|it| inputs[*it]).collect();
        for (to, from) in ports.iter().enumerate().skip(1) {
            if let Some(depth) = fifos[*from] {
                self.fifos.insert((kernel, to), depth);
            }
        }
        found.inner.iter().for_each(|it| self.hide(*it));
        self.beside.insert(found.term);
        found.times = (1..ports.len()).map(|port| self.broadcast(kernel, port)).collect();
        self.engines.insert(kernel, Engine::Normalize(found));
    }

    /// A process is inside of another one's instance.
    fn hide(&mut self, id: ProcessId) {
        self.flow.processes[id.0].inputs.clear();
        self.inside.insert(id);
    }

    /// Takes in the repetition in front of an input, if nobody else reads it: how many times a word is used.
    fn broadcast(&mut self, id: ProcessId, port: usize) -> usize {
        let stream = self.flow.processes[id.0].inputs[port];
        let from = self.flow.stream(stream).from;
        let Kind::Repeat(times) = self.flow.processes[from.0].kind else { return 1 };
        if times < 2 || self.only(stream).is_none() {
            return 1;
        }
        self.flow.processes[id.0].inputs[port] = self.flow.processes[from.0].inputs[0];
        if let Some(depth) = self.fifos.remove(&(from, 0)) {
            self.fifos.insert((id, port), depth);
        }
        self.hide(from);
        times
    }
}
