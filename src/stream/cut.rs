//! Divides an integer graph into a [`Dataflow`].
//!
//! Nodes are taken in order. A unit that treats all tokens alike goes into the kernel that makes one of
//! its operands, if what else it reads does not depend on that kernel, else into a new one. A wiring
//! that only renames elements leaves the stream as it is; one that is a window becomes one, shared with
//! others that read the same pixels; one that moves whole tokens becomes a permutation. Loops, and
//! reductions over tokens, are divided on their own and put in. What is left takes whole tensors as one token.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kernels::{Kernel, KernelId};
use super::narrow::{interval, narrow, shortened};
use super::order::sorted;
use super::permute::{WIDE, bits};
use super::ports::{Ports, turned};
use super::window::{Pick, Window};
use super::{Dataflow, Kind, ProcessId, Reuse, StreamId, packs};
use crate::error::Origin;
use crate::fixed::{Graph, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Cut, Token, Unit};

/// Where the elements of a node are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Tokens they come in.
    pub(super) tokens: usize,
    pub(super) at: At,
}

#[derive(Clone, Debug)]
pub(super) enum At {
    Stream(StreamId),
    Kernel(KernelId, NodeId),
    /// Elements of a window's tokens, and of a constant.
    Window {
        stream: StreamId,
        pixel: usize,
        picks: Vec<Pick>,
        constant: Option<NodeId>,
    },
    /// A constant of the whole graph.
    Constant(NodeId),
    /// Products of one group of channels, which may become part of an array with the others.
    Group(NodeId),
    /// Elements of another node in another order, which a reduction may take as they come, and the next
    /// order before it is made.
    Order {
        source: NodeId,
        map: Arc<[u32]>,
    },
}

/// What becomes of units that go from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loops {
    /// The steps take the tokens as they come, what they leave goes around. Matrices that can be loaded are
    /// arrays; elsewhere they are the constants that they are at first.
    Around,
    /// A process of its own takes all steps, with the state inside: where streams cannot go around.
    Inside,
}

/// Divides a graph; `reuse` says how many products of a layer share a multiplier.
///
/// Returns the layers besides whose sums of products cannot be folded, although they should.
pub fn cut(
    graph: &Graph,
    loops: Loops,
    ports: Ports,
    reuse: impl Fn(&str) -> Reuse,
) -> (Dataflow, BTreeSet<Origin>) {
    divide(graph, loops, &reuse, ports, 1)
}

/// As [`cut`]; the inputs of an inner graph may come in several parts.
pub(super) fn divide(
    graph: &Graph,
    loops: Loops,
    reuse: &dyn Fn(&str) -> Reuse,
    ports: Ports,
    parts: usize,
) -> (Dataflow, BTreeSet<Origin>) {
    let mut cutter = Cutter {
        graph,
        loops,
        ports,
        parts,
        evened: BTreeMap::new(),
        reuse,
        unfolded: BTreeSet::new(),
        flow: Dataflow::default(),
        places: vec![None; graph.bound()],
        kernels: Vec::new(),
        windows: Vec::new(),
        made: BTreeMap::new(),
    };
    if ports == Ports::Tensors {
        cutter.enter();
    }
    for id in graph.topo() {
        let place = cutter.place(id);
        cutter.places[id.index()] = Some(place);
    }
    for (position, id) in graph.outputs.iter().enumerate() {
        cutter.parted(*id);
        let place = cutter.at(*id).clone();
        let stream = cutter.stream(*id, &place);
        cutter.leave(position, stream);
    }
    let unfolded = std::mem::take(&mut cutter.unfolded);
    (cutter.finish(), unfolded)
}

pub(super) struct Cutter<'g> {
    pub(super) graph: &'g Graph,
    pub(super) loops: Loops,
    pub(super) ports: Ports,
    /// Tokens of an inner graph's inputs, if they are not pixels.
    parts: usize,
    /// Streams of one format, by node.
    pub(super) evened: BTreeMap<NodeId, StreamId>,
    /// By layer.
    pub(super) reuse: &'g dyn Fn(&str) -> Reuse,
    pub(super) unfolded: BTreeSet<Origin>,
    pub(super) flow: Dataflow,
    /// By node.
    pub(super) places: Vec<Option<Place>>,
    pub(super) kernels: Vec<Kernel>,
    /// All windows, with the streams that they read and make.
    pub(super) windows: Vec<(StreamId, Window, StreamId)>,
    /// Repacked and repeated streams: by what they are made of, and how many tokens they have.
    pub(super) made: BTreeMap<(StreamId, usize, bool), StreamId>,
}

/// Shape of one of several equal parts of a tensor.
pub(super) fn part(shape: &Shape, tokens: usize) -> Shape {
    let mut before = 1;
    for (axis, extent) in shape.0.iter().enumerate() {
        if before == tokens {
            return Shape(shape.0[axis..].to_vec());
        }
        before *= extent;
    }
    Shape(vec![shape.elements() / tokens])
}

/// Type of the parts of a tensor, if they are all alike.
pub(super) fn alike(ty: &Type, tokens: usize) -> Option<Type> {
    let shape = part(&ty.shape, tokens);
    let count = shape.elements();
    let same = |it: usize| ty.format(it) == ty.format(it % count);
    let all_same = ty.common().is_some() || (0..ty.elements()).all(same);
    all_same.then(|| Type::each(shape, (0..count).map(|it| ty.format(it)).collect()))
}

/// The tokens of an input, pixels if they are alike, and the type of one.
pub(super) fn by_pixel(ty: &Type) -> (usize, Type) {
    let pixels = (ty.elements() / ty.shape.last().max(1)).max(1);
    alike(ty, pixels).map_or_else(|| (1, ty.clone()), |own| (pixels, own))
}

impl<'g> Cutter<'g> {
    pub(super) fn node(&self, id: NodeId) -> &'g Node<Unit, Type> {
        self.graph.node(id)
    }

    pub(super) fn at(&self, id: NodeId) -> &Place {
        self.places[id.index()].as_ref().expect("operands come first")
    }

    fn place(&mut self, id: NodeId) -> Place {
        let node = self.node(id);
        if let Unit::Reorder(reorder) = &node.op {
            return self.joined(id, reorder).unwrap_or_else(|| self.reordered(id, reorder));
        }
        if let Unit::Reduce(reduce) = &node.op
            && let Some(place) = self.reduced(id, reduce)
        {
            return place;
        }
        for operand in self.graph.operands(id) {
            self.parted(operand);
        }
        match &node.op {
            Unit::Input(_) => self.source(id),
            Unit::Constant(_) => Place { tokens: 1, at: At::Constant(id) },
            Unit::Scan(scan) => self.scanned(id, scan).unwrap_or_else(|| self.whole(id)),
            Unit::Mac(mac) if self.is_array(mac, &node.origin.node) => {
                self.folded(id, mac).unwrap_or_else(|| self.unfolded(id))
            }
            Unit::Matmul(matmul) if self.is_shared(&node.origin.node) => {
                self.multiplied(id, matmul).unwrap_or_else(|| self.unfolded(id))
            }
            unit => {
                let operands = self.graph.operands(id);
                self.divided(id, unit, &operands, 1).unwrap_or_else(|| self.whole(id))
            }
        }
    }

    /// An input: a token a pixel.
    fn source(&mut self, id: NodeId) -> Place {
        let node = self.node(id);
        if self.ports == Ports::Tensors {
            return self.entered(id);
        }
        let own = if self.ports == Ports::Pixels { turned(self.graph, id) } else { None };
        let own = own.unwrap_or(&node.ty);
        let position = self.graph.inputs.iter().position(|it| *it == id).expect("inputs are ports");
        let divides = self.parts > 1 && own.elements().is_multiple_of(self.parts);
        let parts = if divides { alike(own, self.parts) } else { None };
        let (tokens, ty) = parts.map_or_else(|| by_pixel(own), |it| (self.parts, it));
        let process =
            self.flow.add(&node.name, &node.origin.node, Kind::Source(position), Vec::new());
        let stream = self.flow.output(process, &node.name, tokens, ty);
        Place { tokens, at: At::Stream(stream) }
    }

    /// A unit that treats tokens alike, in a kernel; of no fewer than so many tokens.
    pub(super) fn divided(
        &mut self,
        id: NodeId,
        unit: &Unit,
        operands: &[NodeId],
        least: usize,
    ) -> Option<Place> {
        let node = self.node(id);
        let is_moving = |it: &&NodeId| !matches!(self.at(**it).at, At::Constant(_));
        let moving = operands.iter().filter(is_moving);
        let mut choices: Vec<usize> = moving.map(|it| self.at(*it).tokens).collect();
        choices.sort_unstable_by_key(|it| std::cmp::Reverse(*it));
        let mut before = 1;
        let mut prefixes: Vec<usize> = Vec::new();
        for extent in &node.ty.shape.0 {
            prefixes.push(before);
            before *= extent;
        }
        choices.extend(prefixes.into_iter().rev());
        let is_wiring = matches!(unit, Unit::Reorder(_));
        // A wiring of several tokens may still be a window.
        if is_wiring && choices.first() != Some(&1) {
            choices.retain(|it| *it > 1);
        }
        choices.retain(|it| *it >= least);
        let mut tried = Vec::new();
        for tokens in choices {
            // Wires are free, but not as many as a whole image has.
            let wide = || bits(&node.ty) > WIDE * tokens as u64;
            let skip = tried.contains(&tokens) || is_wiring && tokens > 1 && wide();
            if !skip
                && let Some(token) = self.token(node, unit, operands, tokens)
                && let Some(place) = self.compute(node, operands, tokens, &token)
            {
                return Some(place);
            }
            tried.push(tokens);
        }
        None
    }

    /// The unit on one of so many tokens, if its operands can be had so.
    fn token(
        &self,
        node: &Node<Unit, Type>,
        unit: &Unit,
        operands: &[NodeId],
        tokens: usize,
    ) -> Option<Token> {
        let counts = operands.iter().map(|it| self.node(*it).ty.elements());
        let divides = |count: usize| count > 0 && count.is_multiple_of(tokens);
        if !divides(node.ty.elements()) {
            return None;
        }
        let types: Vec<&Type> = operands.iter().map(|it| &self.node(*it).ty).collect();
        if tokens == 1 {
            return Some(Token { unit: unit.clone(), whole: vec![false; types.len()] });
        }
        let parts = types.iter().zip(counts).map(|(ty, count)| match divides(count) {
            true => part(&ty.shape, tokens),
            false => ty.shape.clone(),
        });
        let parts: Vec<Shape> = parts.collect();
        let shape = part(&node.ty.shape, tokens);
        let token = unit.token(&Cut { tokens, shape: &shape, types: &types, parts: &parts })?;
        let fits = operands.iter().zip(&token.whole).all(|(it, whole)| {
            *whole || divides(self.node(*it).ty.elements()) && self.has_parts(*it, tokens)
        });
        fits.then_some(token)
    }

    /// Whether an operand comes, or can be made to come, in so many equal tokens.
    pub(super) fn has_parts(&self, id: NodeId, tokens: usize) -> bool {
        let place = self.at(id);
        match &place.at {
            At::Constant(id) => {
                let Unit::Constant(constant) = &self.node(*id).op else { return false };
                // Where kernels take their tokens in parts, so do their constants come.
                self.parts > 1 || constant.alike(tokens)
            }
            _ if place.tokens == tokens => true,
            _ => {
                let shared = gcd(place.tokens, tokens);
                // Longer tokens of alike ones are alike; shorter ones may not be.
                tokens == shared || alike(&self.node(id).ty, tokens).is_some()
            }
        }
    }

    /// Adds a unit on tokens to a kernel; `None` if that gives other types than the graph has.
    pub(super) fn compute(
        &mut self,
        node: &Node<Unit, Type>,
        operands: &[NodeId],
        tokens: usize,
        token: &Token,
    ) -> Option<Place> {
        if tokens > 1 && !matches!(token.unit, Unit::Reorder(_)) {
            alike(&node.ty, tokens)?;
        }
        let kernel = self.kernel(node, operands, tokens, &token.whole);
        let types: Vec<&Type> = operands.iter().map(|it| &self.node(*it).ty).collect();
        let mut locals = Vec::with_capacity(operands.len());
        for ((operand, whole), ty) in operands.iter().zip(&token.whole).zip(types) {
            let shape = if *whole { ty.shape.clone() } else { part(&ty.shape, tokens) };
            locals.push(self.local(kernel, node, *operand, *whole, &shape));
        }
        let local =
            self.kernels[kernel.0].add(node, node.name.clone(), token.unit.clone(), &locals);
        self.rename(kernel, &node.origin.node);
        Some(Place { tokens, at: At::Kernel(kernel, local) })
    }

    /// The kernel that makes an operand and may go on, or a new one.
    pub(super) fn kernel(
        &mut self,
        node: &Node<Unit, Type>,
        operands: &[NodeId],
        tokens: usize,
        whole: &[bool],
    ) -> KernelId {
        let shared = operands.iter().zip(whole).find_map(|(it, is_whole)| match self.at(*it).at {
            At::Kernel(kernel, _) if !is_whole && self.kernels[kernel.0].tokens == tokens => {
                let own = self.kernels[kernel.0].process;
                let from = |it: &NodeId| self.from(*it);
                let others = operands.iter().filter_map(from).filter(|it| *it != own);
                let free = others.into_iter().all(|it| !self.depends(it, own));
                // A kernel cannot read, in other tokens, what it makes itself.
                let again = operands.iter().zip(whole).any(|(it, whole)| {
                    let place = self.at(*it);
                    self.from(*it) == Some(own) && (*whole || place.tokens != tokens)
                });
                (free && !again).then_some(kernel)
            }
            _ => None,
        });
        shared.unwrap_or_else(|| self.new_kernel(node, tokens))
    }

    pub(super) fn new_kernel(&mut self, node: &Node<Unit, Type>, tokens: usize) -> KernelId {
        let name = self.unique(&node.origin.node);
        let process =
            self.flow.add(&name, &node.origin.node, Kind::Kernel(Graph::default()), Vec::new());
        self.kernels.push(Kernel::new(process, tokens));
        KernelId(self.kernels.len() - 1)
    }

    /// The process that makes a node.
    fn from(&self, id: NodeId) -> Option<ProcessId> {
        match &self.at(id).at {
            At::Stream(stream) | At::Window { stream, .. } => Some(self.flow.stream(*stream).from),
            At::Kernel(kernel, _) => Some(self.kernels[kernel.0].process),
            At::Constant(_) | At::Group(_) | At::Order { .. } => None,
        }
    }

    /// Whether a process reads, be it by others, what another one makes.
    fn depends(&self, process: ProcessId, on: ProcessId) -> bool {
        let mut seen = vec![false; self.flow.processes.len()];
        let mut waiting = vec![process];
        // Paths that meet again are followed once.
        while let Some(next) = waiting.pop() {
            if next == on {
                return true;
            }
            if !std::mem::replace(&mut seen[next.0], true) {
                let ahead = self.flow.processes[next.0].ahead().iter();
                waiting.extend(ahead.map(|it| self.flow.stream(*it).from));
            }
        }
        false
    }

    /// A unit on whole tensors.
    pub(super) fn whole(&mut self, id: NodeId) -> Place {
        let node = self.node(id);
        let operands = self.graph.operands(id);
        let token = Token { unit: node.op.clone(), whole: vec![false; operands.len()] };
        self.compute(node, &operands, 1, &token).expect("one token has the types of the tensor")
    }

    /// A name that no process has.
    pub(super) fn unique(&self, name: &str) -> String {
        self.flow.unique(name)
    }

    /// A kernel is called after the last layer in it.
    fn rename(&mut self, kernel: KernelId, layer: &str) {
        let own = self.kernels[kernel.0].process;
        let name = &self.flow.processes[own.0].name;
        let is_it = name.strip_prefix(layer).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('_').is_some_and(|it| it.parse::<u32>().is_ok())
        });
        if !is_it {
            self.flow.processes[own.0].name = self.unique(layer);
        }
    }

    /// Puts the kernels in, divides tokens where there is time for their parts, and puts processes in order.
    fn finish(mut self) -> Dataflow {
        for kernel in &mut self.kernels {
            let graph = std::mem::take(&mut kernel.graph);
            self.flow.processes[kernel.process.0].kind = Kind::Kernel(graph);
        }
        for id in self.graph.topo() {
            if let Some(Place { at: At::Kernel(kernel, local), .. }) = &self.places[id.index()] {
                self.flow.computed.insert(id, (self.kernels[kernel.0].process, *local));
            }
        }
        if self.ports != Ports::Inside {
            packs::divide(&mut self.flow, self.reuse);
            let interval = interval(&self.flow);
            narrow(&mut self.flow, interval);
            self.recut(interval);
            shortened(&mut self.flow);
        }
        sorted(self.flow)
    }
}

pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
