//! How operands get into kernels: streams that kernels export and read, in longer and shorter tokens.

use super::cut::{At, Cutter, Place, gcd, part};
use super::kernels::KernelId;
use super::window::Pick;
use super::{Kind, StreamId};
use crate::fixed::{Format, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Constant, Reorder, Requantize, Unit};

impl Cutter<'_> {
    /// An operand inside a kernel: its part of the same place, or the whole of it.
    pub(super) fn local(
        &mut self,
        kernel: KernelId,
        of: &Node<Unit, Type>,
        operand: NodeId,
        whole: bool,
        shape: &Shape,
    ) -> NodeId {
        let place = self.at(operand).clone();
        let tokens = self.kernels[kernel.0].tokens;
        let is_direct = !whole && place.tokens == tokens;
        let local = match &place.at {
            At::Constant(id) => {
                let Unit::Constant(constant) = &self.node(*id).op else {
                    unreachable!("only constants are placed as such")
                };
                let node = self.node(*id);
                if whole || constant.alike(tokens) {
                    return self.kernels[kernel.0].constant(
                        node,
                        constant,
                        shape.elements(),
                        shape.clone(),
                    );
                }
                let stream = self.rom(*id, constant, tokens);
                self.read(kernel, of, stream)
            }
            At::Kernel(own, local) if *own == kernel && is_direct => *local,
            At::Window { stream, pixel, picks, constant } if is_direct => {
                self.picked(kernel, of, *stream, *pixel, picks, *constant)
            }
            _ => {
                let mut stream = self.stream(operand, &place);
                if whole {
                    stream = self.repacked(stream, 1);
                    stream = self.repeated(stream, tokens);
                } else {
                    stream = self.repacked(stream, tokens);
                }
                self.read(kernel, of, stream)
            }
        };
        self.kernels[kernel.0].shaped(of, local, shape)
    }

    /// A constant in so many parts, the parts that repeat but once.
    fn rom(&mut self, id: NodeId, constant: &Constant, tokens: usize) -> StreamId {
        let node = self.node(id);
        let words = (1..=tokens).filter(|it| tokens.is_multiple_of(*it));
        let repeats = words.map(|it| tokens / it).filter(|it| constant.alike(*it));
        let words = tokens / repeats.max().unwrap_or(1);
        let size = constant.values.len() / tokens;
        let values = constant.values[..words * size].into();
        let name = self.unique(&format!("{}_rom", node.origin.node));
        let process = self.flow.add(&name, &node.origin.node, Kind::Rom(values), Vec::new());
        let ty = Type::uniform(part(&node.ty.shape, tokens), constant.format);
        self.flow.output(process, &name, tokens, ty)
    }

    /// The tokens of a stream inside a kernel.
    pub(super) fn read(
        &mut self,
        kernel: KernelId,
        of: &Node<Unit, Type>,
        stream: StreamId,
    ) -> NodeId {
        let own = &mut self.kernels[kernel.0];
        let from = self.flow.stream(stream);
        let (local, new) = own.input(of, stream, &from.name, &from.ty);
        if new {
            self.flow.processes[own.process.0].inputs.push(stream);
        }
        local
    }

    /// Elements of a window's tokens inside a kernel.
    fn picked(
        &mut self,
        kernel: KernelId,
        of: &Node<Unit, Type>,
        stream: StreamId,
        pixel: usize,
        picks: &[Pick],
        constant: Option<NodeId>,
    ) -> NodeId {
        let mut operands = vec![self.read(kernel, of, stream)];
        let map = picks.iter().map(|it| match it {
            Pick::Pixel { tap, element } => (0, (tap * pixel + element) as u32),
            Pick::Constant { element } => (1, *element as u32),
        });
        let map: Vec<(u32, u32)> = map.collect();
        if let Some(id) = constant.filter(|_| map.iter().any(|it| it.0 == 1)) {
            let node = self.node(id);
            let Unit::Constant(constant) = &node.op else {
                unreachable!("only constants stand beside a window")
            };
            let count = constant.values.len();
            let shape = node.ty.shape.clone();
            operands.push(self.kernels[kernel.0].constant(node, constant, count, shape));
        }
        let shape = Shape(vec![map.len()]);
        let name = format!("{}_window", of.name);
        self.kernels[kernel.0].add(of, name, Reorder { map: map.into(), shape }.into(), &operands)
    }

    /// The stream of a node's tokens.
    pub(super) fn stream(&mut self, id: NodeId, place: &Place) -> StreamId {
        let node = self.node(id);
        match &place.at {
            At::Stream(stream) => *stream,
            At::Kernel(kernel, local) => {
                let own = &mut self.kernels[kernel.0];
                if let Some(stream) = own.exports.get(local) {
                    return *stream;
                }
                let ty = own.graph.node(*local).ty.clone();
                own.graph.outputs.push(*local);
                let stream = self.flow.output(own.process, &node.name, place.tokens, ty);
                own.exports.insert(*local, stream);
                stream
            }
            At::Window { .. } | At::Constant(_) | At::Group(_) | At::Order { .. } => {
                // A kernel that does nothing but take the elements.
                let shape = part(&node.ty.shape, place.tokens);
                let kernel = self.new_kernel(node, place.tokens);
                let local = self.local(kernel, node, id, false, &shape);
                let place = Place { tokens: place.tokens, at: At::Kernel(kernel, local) };
                let stream = self.stream(id, &place);
                self.places[id.index()] = Some(place);
                stream
            }
        }
    }

    /// The stream of a node whose elements have one format: the smallest that holds all of them.
    pub(super) fn even(&mut self, id: NodeId) -> StreamId {
        let (node, place) = (self.node(id), self.at(id).clone());
        let stream = self.stream(id, &place);
        if node.ty.common().is_some() {
            return stream;
        }
        if let Some(made) = self.evened.get(&id) {
            return *made;
        }
        let kernel = self.new_kernel(node, self.flow.stream(stream).tokens);
        let read = self.read(kernel, node, stream);
        let unit = Requantize::uniform(node.ty.union()).into();
        let wide = self.kernels[kernel.0].add(node, format!("{}_even", node.name), unit, &[read]);
        let place = Place { tokens: self.flow.stream(stream).tokens, at: At::Kernel(kernel, wide) };
        let made = self.stream(id, &place);
        self.evened.insert(id, made);
        made
    }

    /// The same elements in so many tokens.
    pub(super) fn repacked(&mut self, stream: StreamId, tokens: usize) -> StreamId {
        let from = self.flow.stream(stream).clone();
        let shared = gcd(from.tokens, tokens);
        if from.tokens == tokens {
            return stream;
        }
        if from.tokens != shared && tokens != shared {
            let long = self.repacked(stream, shared);
            return self.repacked(long, tokens);
        }
        if let Some(made) = self.made.get(&(stream, tokens, false)) {
            return *made;
        }
        let count = from.ty.elements() * from.tokens / tokens;
        let format = |it: usize| from.ty.format(it % from.ty.elements());
        let formats: Vec<Format> = (0..count).map(format).collect();
        let ty = Type::each(Shape(vec![count]), formats);
        let name = self.unique(&format!("{}_repack", from.name));
        let layer = self.flow.processes[from.from.0].layer.clone();
        let process = self.flow.add(&name, &layer, Kind::Repack, vec![stream]);
        let made = self.flow.output(process, &from.name, tokens, ty);
        self.made.insert((stream, tokens, false), made);
        made
    }

    /// Every token so many times.
    pub(super) fn repeated(&mut self, stream: StreamId, times: usize) -> StreamId {
        if times == 1 {
            return stream;
        }
        if let Some(made) = self.made.get(&(stream, times, true)) {
            return *made;
        }
        let from = self.flow.stream(stream).clone();
        let name = self.unique(&format!("{}_repeat", from.name));
        let layer = self.flow.processes[from.from.0].layer.clone();
        let process = self.flow.add(&name, &layer, Kind::Repeat(times), vec![stream]);
        let made = self.flow.output(process, &from.name, from.tokens * times, from.ty);
        self.made.insert((stream, times, true), made);
        made
    }
}
