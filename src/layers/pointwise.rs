//! Layers that map every element by one function of one number.
//!
//! [`Pointwise`] is the part of [`LayerSpec`] and [`Hardware`] in which such layers differ; shapes, float evaluation
//! and the rest follow from it.

use std::fmt::Debug;

use super::{Hardware, LayerError, LayerSpec, Lower};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;

/// A scalar activation; no method has a default, so none can be forgotten.
pub trait Pointwise: Debug {
    /// As [`LayerSpec::kind`].
    fn kind(&self) -> &'static str;

    /// Float meaning.
    fn at(&self, x: f64) -> f64;

    /// As [`Hardware::roles`].
    fn roles(&self) -> &'static [Role];

    /// As [`Hardware::resolve`].
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed;

    /// As [`Hardware::spans`].
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span>;

    /// As [`Hardware::lower`], of the only operand.
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId;
}

impl<T: Pointwise> LayerSpec for T {
    fn kind(&self) -> &'static str {
        Pointwise::kind(self)
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        inputs[0].mapv(|it| self.at(it))
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl<T: Pointwise> Hardware for T {
    fn roles(&self) -> &'static [Role] {
        Pointwise::roles(self)
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        Pointwise::resolve(self, role, cx)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        Pointwise::spans(self, cx)
    }
    fn is_activation(&self) -> bool {
        true
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        Pointwise::lower(self, cx, inputs[0])
    }
}

/// Maps the span of every input element.
pub(super) fn each(cx: &Resolve<'_>, f: impl Fn(Span) -> Span) -> Vec<Span> {
    cx.inputs[0].spans.iter().map(|it| f(*it)).collect()
}

/// The value that a constant has in a format.
pub(super) fn quantized(value: f64, format: Format) -> f64 {
    format.value(format.quantize(value))
}
