//! Wirings: what each of them is to streams of tokens.
//!
//! In this order: nothing, if every element stays where it is; wires within every token; a window; another
//! order, which waits until it is known who reads it, so that orders of orders are one and those that undo
//! each other none. What has several operands that move, and is nothing of this, is wires in one kernel.

use std::sync::Arc;

use super::cut::{At, Cutter, Place};
use super::window::{self, Window};
use super::{Kind, Ports, StreamId, ports};
use crate::fixed::Type;
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Reorder, Token, Unit};

impl Cutter<'_> {
    /// A wiring.
    pub(super) fn reordered(&mut self, id: NodeId, reorder: &Reorder) -> Place {
        let operands = self.graph.operands(id);
        if let [operand] = operands[..] {
            if self.ports != Ports::Inside && ports::pixels(self.graph, operand).is_some() {
                // The port has the elements in this order.
                return self.at(operand).clone();
            }
            if let Some(place) = self.composed(id, reorder, operand) {
                return place;
            }
        }
        operands.iter().for_each(|it| self.parted(*it));
        self.known(id, reorder, &operands)
            .or_else(|| self.order(reorder, &operands))
            .unwrap_or_else(|| self.whole(id))
    }

    /// What costs no buffer of its own beyond lines.
    fn known(&mut self, id: NodeId, reorder: &Reorder, operands: &[NodeId]) -> Option<Place> {
        let unit: Unit = reorder.clone().into();
        // Tokens as they come; fewer and longer ones only if a window does not do it.
        let finest = operands.iter().map(|it| self.at(*it).tokens).max().unwrap_or(1);
        self.renamed(reorder, operands)
            .or_else(|| self.divided(id, &unit, operands, finest))
            .or_else(|| self.pooled(id, reorder, operands))
            .or_else(|| self.window(id, reorder, operands))
            .or_else(|| self.divided(id, &unit, operands, 1))
    }

    /// A wiring of an order that has not been made yet: both in one, unless some elements of it are read
    /// several times.
    fn composed(&mut self, id: NodeId, reorder: &Reorder, operand: NodeId) -> Option<Place> {
        let At::Order { source, map } = self.at(operand).at.clone() else { return None };
        let both = reorder.map.iter().map(|it| (0, map[it.1 as usize])).collect();
        let both = Reorder { map: both, shape: reorder.shape.clone() };
        let grows = both.map.len() > self.node(source).ty.elements();
        self.known(id, &both, &[source])
            .or_else(|| if grows { None } else { self.order(&both, &[source]) })
    }

    /// A wiring of one operand, to be made when it is known who reads it.
    fn order(&self, reorder: &Reorder, operands: &[NodeId]) -> Option<Place> {
        let [source] = operands[..] else { return None };
        if matches!(self.at(source).at, At::Constant(_)) {
            return None;
        }
        let map: Arc<[u32]> = reorder.map.iter().map(|it| it.1).collect();
        Some(Place { tokens: 1, at: At::Order { source, map } })
    }

    /// An order as wires in one kernel.
    pub(super) fn wired(&mut self, id: NodeId, source: NodeId, map: &[u32]) -> Place {
        let node = self.node(id);
        let map = map.iter().map(|it| (0, *it)).collect();
        let unit: Unit = Reorder { map, shape: node.ty.shape.clone() }.into();
        let token = Token { unit, whole: vec![false] };
        self.compute(node, &[source], 1, &token).expect("one token has the types of the tensor")
    }

    /// A wiring that leaves every element where it is.
    fn renamed(&self, reorder: &Reorder, operands: &[NodeId]) -> Option<Place> {
        self.keeps(reorder, operands).then(|| self.at(operands[0]).clone())
    }

    /// Whether a wiring leaves every element where it is.
    pub(super) fn keeps(&self, reorder: &Reorder, operands: &[NodeId]) -> bool {
        let [operand] = operands[..] else { return false };
        let same = self.node(operand).ty.elements() == reorder.map.len();
        same && reorder.map.iter().enumerate().all(|(at, it)| it.1 as usize == at)
    }

    /// A wiring that is a window over its first operand.
    fn window(&mut self, id: NodeId, reorder: &Reorder, operands: &[NodeId]) -> Option<Place> {
        let node = self.node(id);
        let (source, constant) = match operands[..] {
            [source] => (source, None),
            [source, constant] if matches!(self.at(constant).at, At::Constant(_)) => {
                (source, Some(constant))
            }
            _ => return None,
        };
        let place = self.at(source).clone();
        if matches!(place.at, At::Constant(_)) {
            return None;
        }
        let elements = self.node(source).ty.elements() / place.tokens;
        // The most places first: the smallest tokens.
        let found = (1..node.ty.shape.0.len()).rev().find_map(|axes| {
            let extents = &node.ty.shape.0[..axes];
            window::find(reorder, extents, place.tokens, elements)
        })?;
        let stream = self.stream(source, &place);
        let mut window = found.window;
        if let Some(at) = found.padding {
            let constant = self.node(constant?);
            let Unit::Constant(values) = &constant.op else { return None };
            window.padding = values.values[at];
            let ty = &self.flow.stream(stream).ty;
            let same = (0..ty.elements()).all(|it| ty.format(it) == values.format);
            if window.padding != 0 && !same {
                return None;
            }
        }
        let tokens = window.places();
        let known = self.windows.iter().find(|it| it.0 == stream && it.1 == window);
        let made = match known {
            Some((_, _, made)) => *made,
            None => self.new_window(node, stream, window),
        };
        let at = At::Window { stream: made, pixel: elements, picks: found.picks, constant };
        Some(Place { tokens, at })
    }

    fn new_window(
        &mut self,
        node: &Node<Unit, Type>,
        stream: StreamId,
        window: Window,
    ) -> StreamId {
        let ty = self.flow.stream(stream).ty.clone();
        let count = ty.elements() * window.taps.len();
        let formats = (0..count).map(|it| ty.format(it % ty.elements())).collect();
        let ty = Type::each(Shape(vec![count]), formats);
        let name = self.unique(&format!("{}_window", node.origin.node));
        let tokens = window.places();
        let process =
            self.flow.add(&name, &node.origin.node, Kind::Window(window.clone()), vec![stream]);
        let made = self.flow.output(process, &name, tokens, ty);
        self.windows.push((stream, window, made));
        made
    }
}
