//! The integer graph as a dataflow of processes: what streaming hardware is made of.
//!
//! A tensor travels as a **stream** of tokens: runs of as many consecutive elements, in row-major order.
//! An image is a token a pixel (all channels), a vector one token. Processes take tokens and give
//! tokens, each as soon as it can:
//!
//! - a **kernel** computes one token of each of its outputs from one of each of its inputs, the same
//!   way every time: an integer graph of its own;
//! - an **array** multiplies a token with a constant matrix on few multipliers, in as many cycles; the
//!   matrix may be one that can be [`loaded`];
//! - a **window** keeps the last lines of an image and gives, for every place, the pixels around it;
//! - a **permutation** keeps what it needs of a tensor and gives its tokens in another order;
//! - a **repack** makes longer tokens of several, or several of one; a **repeat** gives one many times;
//! - a **ROM** gives the parts of a constant in turn, to a kernel that takes its tokens in parts;
//! - a **reduction** makes one of many tokens: their sum, or the largest or smallest, element by element;
//! - a **state** gives what a loop begins with, then what each of its steps leaves for the next one; of
//!   the steps' results the **last** may be kept alone. Where streams cannot go around, a **loop** is one
//!   process that keeps its state inside.
//!
//! At the ports a stream is what it is inside, or the one token that the whole tensor is ([`Ports`]).
//!
//! [`cut`] divides a graph, in which loops may be [`unrolled`] before: it finds the units that treat all tokens alike
//! ([`Tokenized`](crate::units::Tokenized)), the wirings that are windows ([`Window`]) or other orders
//! ([`Permutation`]), the recurrences and the reductions over tokens, which become loops of processes, and takes
//! everything else as one token that is the whole tensor, so that every graph has a dataflow. Where arrays
//! leave time, tokens then come in parts: those of arrays in packs of channels, those of kernels and of their
//! loops in so many as there are cycles for.

mod array;
mod cut;
mod fold;
mod kernels;
pub mod loaded;
mod loops;
mod narrow;
mod order;
mod packs;
mod permute;
pub mod plan;
mod ports;
mod product;
mod recut;
mod reduce;
mod reducer;
mod reorder;
mod run;
#[cfg(test)]
mod tests;
mod unroll;
mod window;
mod wire;

pub use array::Array;
pub use cut::{Loops, cut};
pub use fold::Reuse;
pub use loops::Loop;
pub use narrow::looped;
pub use permute::Permutation;
pub use ports::{Ports, Tensor, Tensors, ordered, pixels};
pub use product::Product;
pub use reducer::Reducer;
pub use run::run;
pub use unroll::unrolled;
pub use window::{Span, Tap, Window};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fixed::{Graph, Type};
use crate::graph::NodeId;

/// Bits of numbers below `n`, at least one.
pub fn index_bits(n: usize) -> u32 {
    (usize::BITS - (n - 1).leading_zeros()).max(1)
}

/// A stream, as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub usize);

/// A process, as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub usize);

/// Tokens on their way.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Name of the tensor.
    pub name: String,
    /// Tokens of a sample.
    pub tokens: usize,
    /// A token.
    pub ty: Type,
    /// Who makes it.
    pub from: ProcessId,
}

impl Stream {
    /// Bits of a token.
    pub fn bits(&self) -> u32 {
        (0..self.ty.elements()).map(|it| self.ty.format(it).width).sum()
    }
}

/// What a process does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Inputs of the design from this one on, one for each output of the process: more than one if they
    /// enter together.
    Source(usize),
    /// Outputs of the design from this one on, one for each input of the process: more than one if they
    /// leave together.
    Sink(usize),
    /// One token of each input becomes one of each output.
    Kernel(Graph),
    /// The sums of products of a token with a constant matrix, on few multipliers; the token may come in
    /// several words.
    Array(Array),
    /// Elements of several tokens of the input become one of the output.
    Window(Window),
    /// So many tokens become one, the first in front; or one becomes so many.
    Repack,
    /// Every token is given so many times.
    Repeat(usize),
    /// A constant in parts of a token each, one behind the other, over and over.
    Rom(Arc<[i128]>),
    /// The tokens of the input in another order.
    Permute(Permutation),
    /// Steps that leave a state for each other. The inputs are the sequences, then the first values that
    /// are not known, a token of each for every loop.
    Loop(Loop),
    /// The state of a loop. The last input is what a step has left, and comes from behind; the one in
    /// front of it, if there is one, is the first value.
    State(State),
    /// Many tokens become one.
    Reduce(Reducer),
    /// Of every so many tokens the last ones.
    Last {
        /// So many.
        of: usize,
        /// How many of them are kept.
        keep: usize,
    },
}

/// What a loop keeps from step to step.
#[derive(Clone, Debug)]
pub struct State {
    /// Steps of a loop; what the last one leaves is dropped.
    pub steps: usize,
    /// What it is at first, if that is known.
    pub first: Option<Arc<[i128]>>,
    /// Words that it comes in.
    pub packs: usize,
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// A name, unique among processes: that of the last layer inside.
    pub name: String,
    /// The layer that it is there for.
    pub layer: String,
    /// What it does.
    pub kind: Kind,
    /// What it reads.
    pub inputs: Vec<StreamId>,
    /// What it makes.
    pub outputs: Vec<StreamId>,
}

impl Process {
    /// The streams that come from processes in front: all but what a loop's step has left.
    pub fn ahead(&self) -> &[StreamId] {
        match self.kind {
            Kind::State(_) => &self.inputs[..self.inputs.len().saturating_sub(1)],
            _ => &self.inputs,
        }
    }
}

/// A graph of processes. Every process comes after those it reads, but for the states of loops.
#[derive(Clone, Debug, Default)]
pub struct Dataflow {
    /// The processes.
    pub processes: Vec<Process>,
    /// The streams.
    pub streams: Vec<Stream>,
    /// What is at its ports if they carry whole tensors ([`Ports::Tensors`]).
    pub tensors: Option<Tensors>,
    /// Products of two tensors that share multipliers.
    pub products: Vec<Product>,
    /// For the nodes of the divided graph that are computed in a kernel, or are what a [`Loop`] makes: in
    /// which process, and as which of its nodes. Missing are ports, constants and wirings that no kernel
    /// does, and loops that go around.
    pub computed: BTreeMap<NodeId, (ProcessId, NodeId)>,
}

impl Dataflow {
    /// A stream.
    pub fn stream(&self, id: StreamId) -> &Stream {
        &self.streams[id.0]
    }

    /// Who reads a stream, and as which of its inputs, in order.
    pub fn readers(&self, id: StreamId) -> Vec<(ProcessId, usize)> {
        let of = |(at, process): (usize, &Process)| {
            let ports = process.inputs.iter().enumerate().filter(|it| *it.1 == id);
            ports.map(|(port, _)| (ProcessId(at), port)).collect::<Vec<_>>()
        };
        self.processes.iter().enumerate().flat_map(of).collect()
    }

    /// A name that no process has.
    fn unique(&self, name: &str) -> String {
        let taken = |it: &str| self.processes.iter().any(|known| known.name == it);
        let others = (2..).map(|it| format!("{name}_{it}"));
        std::iter::once(name.to_owned()).chain(others).find(|it| !taken(it)).unwrap_or_default()
    }

    pub(crate) fn add(
        &mut self,
        name: &str,
        layer: &str,
        kind: Kind,
        inputs: Vec<StreamId>,
    ) -> ProcessId {
        let (name, layer) = (name.to_owned(), layer.to_owned());
        self.processes.push(Process { name, layer, kind, inputs, outputs: Vec::new() });
        ProcessId(self.processes.len() - 1)
    }

    fn output(&mut self, from: ProcessId, name: &str, tokens: usize, ty: Type) -> StreamId {
        let id = StreamId(self.streams.len());
        self.streams.push(Stream { name: name.to_owned(), tokens, ty, from });
        self.processes[from.0].outputs.push(id);
        id
    }
}
