//! Builds the integer graph: what layers see while they lower themselves.

use super::{Format, Graph, Mantissas, Type};
use crate::error::Origin;
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Constant, Requantize, Unit};

/// Adds units on behalf of one layer after another.
///
/// Names are `layer` for the layer's last unit and `layer_part` for the ones inside it, so that every
/// dump, trace and module name leads back to the model.
#[derive(Debug)]
pub struct Builder {
    /// The graph so far.
    pub graph: Graph,
    origin: Origin,
    /// The part of the layer that is being built; empty at its top.
    path: String,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Builder {
        Builder { graph: Graph::default(), origin: Origin::new("", ""), path: String::new() }
    }

    /// All units added from now on belong to this layer.
    pub fn enter(&mut self, layer: Origin) {
        self.origin = layer;
    }

    /// A builder for a graph inside a unit of the current layer.
    pub fn body(&self) -> Builder {
        Builder { graph: Graph::default(), origin: self.origin.clone(), path: self.path.clone() }
    }

    /// Sets which part of the layer units are in from now on; returns which it was.
    pub fn within(&mut self, part: impl Into<String>) -> String {
        std::mem::replace(&mut self.path, part.into())
    }

    /// Adds a unit inside the current layer, named `layer_part`.
    pub fn add(&mut self, part: &str, unit: impl Into<Unit>, operands: &[NodeId]) -> NodeId {
        let op = unit.into();
        let types: Vec<&Type> = operands.iter().map(|id| &self.graph.node(*id).ty).collect();
        let ty = op.spec().output(&types);
        let names = [&*self.origin.node, &self.path, part];
        let name = names.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("_");
        self.graph.add(Node { name, op, ty, origin: self.origin.clone() }, operands)
    }

    /// Adds a tensor of constants.
    pub fn constant(
        &mut self,
        part: &str,
        shape: Shape,
        values: Mantissas,
        format: Format,
    ) -> NodeId {
        self.add(part, Constant { shape, values, format }, &[])
    }

    /// Casts a value; returns it unchanged if every value survives.
    pub fn cast(&mut self, part: &str, value: NodeId, to: Format) -> NodeId {
        let ty = self.ty(value);
        let free = (0..ty.elements()).all(|it| ty.format(it) == to);
        if free { value } else { self.add(part, Requantize::uniform(to), &[value]) }
    }

    /// The type of a value.
    pub fn ty(&self, value: NodeId) -> &Type {
        &self.graph.node(value).ty
    }
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}
