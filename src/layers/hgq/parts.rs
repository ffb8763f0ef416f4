//! The layers of one HGQ2 layer, one after another.

use super::{Names, rule};
use crate::layers::merge::broadcast;
use crate::layers::{
    BatchNorm, Import, Imported, Layer, LayerError, Operand, Permute, Quantizer, Reshape,
};
use crate::nn::Shape;

/// What has been made so far.
pub(super) struct Builder<'a, 'c> {
    pub(super) cx: &'a Import<'c>,
    made: Imported,
}

impl<'a, 'c> Builder<'a, 'c> {
    /// Nothing yet.
    pub(super) fn new(cx: &'a Import<'c>) -> Builder<'a, 'c> {
        Builder { cx, made: Imported::default() }
    }

    /// An input of the layer.
    pub(super) fn input(&self, at: usize) -> Operand {
        Operand::Input(at)
    }

    /// Adds a layer.
    pub(super) fn add(
        &mut self,
        name: &'static str,
        layer: impl Into<Layer>,
        operands: &[Operand],
    ) -> Operand {
        self.made.add(name, layer, operands)
    }

    /// The layer ends here: the last part has its name.
    pub(super) fn finish(mut self, output: Operand) -> Imported {
        if let Operand::Part(at) = output {
            self.made.parts[at].name = "";
        }
        self.made.with_outputs([output])
    }

    /// Adds a quantizer of data.
    pub(super) fn quantizer(
        &mut self,
        name: &'static str,
        names: &Names,
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand, LayerError> {
        let Some(rule) = rule(self.cx, names, shape)? else { return Ok(operand) };
        let lanes = rule.lanes(self.cx, names)?;
        let last = shape.last().copied().unwrap_or(1);
        let scaler = rule.conf.scaler;
        let mut value = operand;
        if scaler != 1.0 {
            value = self.add("scaled", exactly(1.0 / scaler, 0.0, last), &[value]);
        }
        value = self.add(name, Quantizer { lanes }, &[value]);
        let [factor, offset] = rule.conf.affine.unwrap_or([1.0, 0.0]);
        if (factor * scaler, offset) != (1.0, 0.0) {
            value = self.add(name, exactly(factor * scaler, offset, last), &[value]);
        }
        Ok(value)
    }

    /// Multiplies by a constant.
    pub(super) fn scale(&mut self, by: f64, operand: Operand, shape: &[usize]) -> Operand {
        if by == 1.0 {
            return operand;
        }
        let last = shape.last().copied().unwrap_or(1);
        self.add("scaled", exactly(by, 0.0, last), &[operand])
    }

    /// The same elements under another shape.
    pub(super) fn reshape(&mut self, operand: Operand, from: &[usize], to: &[usize]) -> Operand {
        if from == to {
            return operand;
        }
        self.add("shaped", Reshape { shape: Shape(to.to_vec()) }, &[operand])
    }

    /// The axes in another order.
    pub(super) fn permute(&mut self, operand: Operand, order: Vec<usize>) -> Operand {
        let permute = Permute { order };
        if permute.is_identity() {
            return operand;
        }
        self.add("turned", permute, &[operand])
    }
}

/// A factor and an offset for all elements, exactly if the factor is a power of two.
fn exactly(factor: f64, offset: f64, last: usize) -> BatchNorm {
    let quantized = factor.log2().fract() == 0.0;
    BatchNorm { quantized, ..BatchNorm::scalar(factor, offset, last) }
}

/// The shape that both broadcast to.
pub(super) fn common(cx: &Import<'_>, a: &Shape, b: &Shape) -> Result<Shape, LayerError> {
    broadcast(a, b).ok_or_else(|| LayerError::Shapes {
        found: vec![a.clone(), b.clone()],
        expected: format!("shapes that {} can join", cx.node.op),
    })
}
