//! What a layer sees when it turns itself into units: the builder, its types, its settings.

use crate::fixed::{Builder, Format, Mantissas};
use crate::graph::NodeId;
use crate::precision::{LayerFormats, Role, quantize};
use crate::source::Tensor;
use crate::units::Requantize;

/// Lowering context of one layer.
#[derive(Debug)]
pub struct Lower<'a> {
    /// Where units go.
    pub builder: &'a mut Builder,
    /// What was decided about the layer's numbers.
    pub formats: &'a LayerFormats,
    /// What was decided about the operands.
    pub operands: Vec<&'a LayerFormats>,
    /// Whether hls4ml's quirks are reproduced.
    pub compat: bool,
}

impl Lower<'_> {
    /// The format of one of the layer's types.
    pub fn format(&self, role: Role) -> Format {
        self.formats.format(role)
    }

    /// The mantissas of a weight in the format of its role.
    pub fn quantize(&self, weight: &Tensor, role: Role) -> Mantissas {
        quantize(weight, self.format(role), self.compat).into()
    }

    /// A tensor with one format for all elements: their bits address a table, or are compared.
    pub(super) fn aligned(&mut self, input: NodeId) -> NodeId {
        let ty = self.builder.ty(input);
        match ty.common() {
            Some(_) => input,
            None => {
                let uniform = Requantize::uniform(ty.union());
                self.builder.add("aligned", uniform, &[input])
            }
        }
    }
}
