//! An input of the model.

use super::{Hardware, LayerError, LayerSpec, Lower, Spelling};
use crate::fixed::{Format, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;
use crate::units;

/// A port; its result type is the type of the samples.
#[derive(Clone, Debug)]
pub struct Input {
    /// Extent of one sample.
    pub shape: Shape,
    /// The format of each element, where the model says it: only a quantizer reads the input.
    pub lanes: Option<Vec<Format>>,
}

impl Input {
    pub(super) const SPELLINGS: &[Spelling] = &[];
}

impl LayerSpec for Input {
    fn kind(&self) -> &'static str {
        "Input"
    }
    fn infer(&self, _: &[&Shape]) -> Result<Shape, LayerError> {
        Ok(self.shape.clone())
    }
    fn eval(&self, _: &[&Tensor]) -> Tensor {
        Tensor::zeros(self.shape.0.as_slice())
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Input {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        if let Some(lanes) = &self.lanes {
            let all = lanes.iter().copied().reduce(Format::union);
            let all = all.unwrap_or(Format::unsigned(1, 1));
            return Typed::new(all, "the formats of the quantizer behind it");
        }
        match cx.calibrated {
            Some(span) => cx.covering(span, "calibrated"),
            None => Typed::new(cx.default, "model default"),
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        // A port can carry whatever its format holds, however small the calibration data were.
        match &self.lanes {
            Some(lanes) => lanes.iter().map(|it| Span::of(*it)).collect(),
            None => vec![Span::of(cx.format(Role::Result)); self.shape.elements()],
        }
    }
    fn is_activation(&self) -> bool {
        false
    }
    fn lower(&self, cx: &mut Lower<'_>, _: &[NodeId]) -> NodeId {
        let ty = match &self.lanes {
            Some(lanes) => Type::each(self.shape.clone(), lanes.clone()),
            None => Type::uniform(self.shape.clone(), cx.format(Role::Result)),
        };
        cx.builder.add("", units::Input { ty }, &[])
    }
}
