//! A tensor that the model holds, as an operand of layers that read data.

use super::{Hardware, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::source::Tensor;

/// A constant.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its value.
    pub value: Tensor,
}

impl Constant {
    // Import functions of other layers make constants of their operands.
    pub(super) const SPELLINGS: &[Spelling] = &[];
}

impl LayerSpec for Constant {
    fn kind(&self) -> &'static str {
        "Constant"
    }
    fn infer(&self, _: &[&Shape]) -> Result<Shape, LayerError> {
        Ok(Shape(self.value.shape().to_vec()))
    }
    fn eval(&self, _: &[&Tensor]) -> Tensor {
        self.value.clone()
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        vec![(Role::Result, &self.value)]
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Constant {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        auto::weight(&self.value, cx)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let values = dequantized(&self.value, cx.format(Role::Result), cx.compat);
        values.iter().map(|it| Span::point(*it)).collect()
    }
    fn is_activation(&self) -> bool {
        false
    }
    fn lower(&self, cx: &mut Lower<'_>, _: &[NodeId]) -> NodeId {
        let (shape, result) = (Shape(self.value.shape().to_vec()), cx.format(Role::Result));
        let values = cx.quantize(&self.value, Role::Result);
        cx.builder.constant("", shape, values, result)
    }
}
