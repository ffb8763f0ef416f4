//! Products with constant matrices whose multipliers are shared: which become an [`Array`].
//!
//! A convolution of groups of channels has a matrix for each; they are set aside until the wiring that
//! puts their outputs side by side is there, and become one array. What else reads them gets them one by
//! one, unfolded.

use super::cut::{At, Cutter, Loops, Place, alike};
use super::window::Pick;
use super::{Array, Kind, StreamId};
use crate::fixed::Type;
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::units::{Mac, Reorder, Requantize, Unit};

/// How many products of a layer share a multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// With a constant matrix; with one it is an adder graph, with more an array.
    pub matrix: usize,
    /// Of two tensors.
    pub product: usize,
}

impl From<usize> for Reuse {
    fn from(all: usize) -> Reuse {
        Reuse { matrix: all, product: all }
    }
}

impl Cutter<'_> {
    /// Whether a layer's matrix has multipliers of its own.
    pub(super) fn is_array(&self, mac: &Mac, layer: &str) -> bool {
        let is_loaded = self.loops == Loops::Around && !mac.loaded.is_nothing();
        is_loaded || (self.reuse)(layer).matrix > 1
    }

    /// A matrix as an array, or set aside as one of several groups.
    pub(super) fn folded(&mut self, id: NodeId, mac: &Mac) -> Option<Place> {
        let node = self.node(id);
        let operand = self.graph.operands(id)[0];
        let place = self.at(operand).clone();
        let tokens = node.ty.elements() / mac.n_out;
        if self.node(operand).ty.elements() != tokens * mac.n_in {
            return None;
        }
        alike(&node.ty, tokens)?;
        let (stream, reads) = match &place.at {
            At::Constant(_) | At::Group(_) | At::Order { .. } => return None,
            At::Window { stream, .. } if place.tokens == tokens => {
                let reads = elements(&place)?;
                if reads.len() < self.flow.stream(*stream).ty.elements() {
                    return Some(Place { tokens, at: At::Group(id) });
                }
                (*stream, reads)
            }
            _ => {
                let stream = self.even(operand);
                (self.repacked(stream, tokens), (0..mac.n_in).collect())
            }
        };
        self.array(id, vec![mac.clone()], vec![reads], stream, tokens)
    }

    /// A matrix that multiplies everything at once.
    pub(super) fn unfolded(&mut self, id: NodeId) -> Place {
        self.unfolded.insert(self.node(id).origin.clone());
        let (node, operands) = (self.node(id), self.graph.operands(id));
        self.divided(id, &node.op, &operands, 1).unwrap_or_else(|| self.whole(id))
    }

    /// Ends the wait of a group that has not become part of an array, or of an order of elements.
    pub(super) fn parted(&mut self, id: NodeId) {
        let place = match self.at(id).at {
            At::Group(_) => self.unfolded(id),
            At::Order { source, ref map } => {
                let map = map.clone();
                self.permuted(id, source, &map).unwrap_or_else(|| self.wired(id, source, &map))
            }
            _ => return,
        };
        self.places[id.index()] = Some(place);
    }

    /// The outputs of all groups of channels side by side.
    pub(super) fn joined(&mut self, id: NodeId, reorder: &Reorder) -> Option<Place> {
        let operands = self.graph.operands(id);
        let tokens = self.at(*operands.first()?).tokens;
        let (mut macs, mut reads, mut source) = (Vec::new(), Vec::new(), None);
        for operand in &operands {
            let place = self.at(*operand);
            let At::Group(own) = place.at else { return None };
            let Unit::Mac(mac) = &self.node(own).op else { return None };
            let window = self.at(self.graph.operands(own)[0]);
            let At::Window { stream, .. } = window.at else { return None };
            // The window of a layer has all its weights, and no others.
            let apart = !mac.loaded.is_nothing() && self.node(own).origin != self.node(id).origin;
            if apart || place.tokens != tokens || *source.get_or_insert(stream) != stream {
                return None;
            }
            macs.push(mac.clone());
            reads.push(elements(window)?);
        }
        let (columns, outputs) = (macs[0].n_out, macs[0].n_out * macs.len());
        let beside = reorder.map.iter().enumerate().all(|(at, (operand, element))| {
            let (token, output) = (at / outputs, at % outputs);
            *operand as usize == output / columns
                && *element as usize == token * columns + output % columns
        });
        if !beside || reorder.map.len() != tokens * outputs {
            return None;
        }
        self.array(id, macs, reads, source?, tokens)
    }

    fn array(
        &mut self,
        id: NodeId,
        macs: Vec<Mac>,
        reads: Vec<Vec<usize>>,
        stream: StreamId,
        tokens: usize,
    ) -> Option<Place> {
        let node = self.node(id);
        let reuse = (self.reuse)(&node.origin.node).matrix;
        let array = Array::new(macs, reads, &self.flow.stream(stream).ty)?.folded(reuse);
        let (accum, result) = (array.accum(), array.result());
        let ty = Type::uniform(Shape(vec![array.outputs()]), accum);
        let name = self.unique(&format!("{}_array", node.origin.node));
        let process = self.flow.add(&name, &node.origin.node, Kind::Array(array), vec![stream]);
        let sums = self.flow.output(process, &node.name, tokens, ty);
        if accum == result {
            return Some(Place { tokens, at: At::Stream(sums) });
        }
        let kernel = self.new_kernel(node, tokens);
        let sums = self.read(kernel, node, sums);
        let cast = Requantize::uniform(result).into();
        let cast = self.kernels[kernel.0].add(node, node.name.clone(), cast, &[sums]);
        Some(Place { tokens, at: At::Kernel(kernel, cast) })
    }
}

/// The elements of a window's token that were picked, if no constants were.
fn elements(place: &Place) -> Option<Vec<usize>> {
    let At::Window { pixel, picks, .. } = &place.at else { return None };
    let element = |it: &Pick| match it {
        Pick::Pixel { tap, element } => Some(tap * pixel + element),
        Pick::Constant { .. } => None,
    };
    picks.iter().map(element).collect()
}
