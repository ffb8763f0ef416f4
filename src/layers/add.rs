//! Sum of two tensors of one shape: Keras `Add`, HGQ2 `QAdd`, ONNX `Add` of data. One `eltwise` unit.

use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;
use crate::units::{Binary, Eltwise, Read};

/// `y = a + b`.
#[derive(Clone, Debug)]
pub struct Add;

impl Add {
    // ONNX `Add` is imported by batch_norm.rs, which knows addition of a constant.
    pub(super) const SPELLINGS: &[Spelling] =
        &[Spelling::keras("Add", import), Spelling::keras("QAdd", import)];
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    if cx.node.inputs.len() != 2 {
        return Err(cx.value_error("number of inputs", cx.node.inputs.len(), "2"));
    }
    Ok(Imported::of(Add, [0, 1]))
}

impl LayerSpec for Add {
    fn kind(&self) -> &'static str {
        "Merge"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        if inputs[0] == inputs[1] {
            return Ok(inputs[0].clone());
        }
        let found = inputs.iter().map(|it| (*it).clone()).collect();
        Err(LayerError::Shapes { found, expected: "two equal shapes".into() })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        inputs[0] + inputs[1]
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Add {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        let exact = cx.inputs[0].format.sum(cx.inputs[1].format);
        if cx.compat || cx.feeds_activation || cx.exact {
            return Typed::new(exact, "exact sum");
        }
        cx.result(Span::hull(&self.spans(cx)))
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let pairs = cx.inputs[0].spans.iter().zip(cx.inputs[1].spans);
        pairs.map(|(a, b)| a.add(*b)).collect()
    }
    fn is_activation(&self) -> bool {
        false
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let shape = cx.builder.ty(inputs[0]).shape.clone();
        let result = cx.format(Role::Result);
        cx.builder.add(
            "",
            Eltwise { op: Binary::Add, read: [Read::Same; 2], shape, result },
            inputs,
        )
    }
}
