//! What one operation of a file becomes: mostly one layer, sometimes several.

use crate::layers::Layer;

/// Where a layer of an [`Imported`] reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// An operand of the raw node, by position; it must be data.
    Input(usize),
    /// The result of an earlier layer of the same [`Imported`].
    Part(usize),
}

/// One of the layers that a raw node becomes.
#[derive(Debug)]
pub struct Part {
    /// What follows the raw node's name in the layer's; empty for the layer that has the name.
    pub name: &'static str,
    /// The layer.
    pub layer: Layer,
    /// What it reads.
    pub operands: Vec<Operand>,
}

/// The layers that a raw node becomes, and which results are the node's outputs.
#[derive(Debug, Default)]
pub struct Imported {
    /// The layers, each behind those it reads.
    pub parts: Vec<Part>,
    /// The outputs of the raw node, in its order; a node may have more that nobody can read.
    pub outputs: Vec<Operand>,
}

impl Imported {
    /// A layer of the first operand.
    pub fn unary(layer: impl Into<Layer>) -> Imported {
        Imported::of(layer, [0])
    }

    /// A layer of operands of the raw node, by position.
    pub fn of(layer: impl Into<Layer>, operands: impl IntoIterator<Item = usize>) -> Imported {
        let operands: Vec<Operand> = operands.into_iter().map(Operand::Input).collect();
        let mut made = Imported::default();
        let output = made.add("", layer, &operands);
        made.with_outputs([output])
    }

    /// Adds a layer; what it is called is explained at [`Part::name`].
    pub fn add(
        &mut self,
        name: &'static str,
        layer: impl Into<Layer>,
        operands: &[Operand],
    ) -> Operand {
        self.parts.push(Part { name, layer: layer.into(), operands: operands.to_vec() });
        Operand::Part(self.parts.len() - 1)
    }

    /// Says what the outputs of the node are.
    pub fn with_outputs(mut self, outputs: impl IntoIterator<Item = Operand>) -> Imported {
        self.outputs = outputs.into_iter().collect();
        self
    }
}
