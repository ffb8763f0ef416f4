//! Layers that pass their input on at inference: Dropout, Identity, linear activations.
//!
//! The `remove_identity` pass takes them out, unless the user gave one a precision: then it casts,
//! as hls4ml's linear activation does.

use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;

/// `y = x`.
#[derive(Clone, Debug)]
pub struct Identity;

impl Identity {
    pub(super) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("Dropout", import),
        Spelling::keras("SpatialDropout1D", import),
        Spelling::keras("SpatialDropout2D", import),
        Spelling::keras("SpatialDropout3D", import),
        Spelling::keras("AlphaDropout", import),
        Spelling::keras("GaussianDropout", import),
        Spelling::keras("GaussianNoise", import),
        Spelling::keras("ActivityRegularization", import),
        Spelling::keras("Identity", import),
        Spelling::onnx("Identity", import),
        Spelling::onnx("Dropout", import_onnx_dropout),
    ];
}

/// Only training reads the attributes of these layers.
fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["rate", "noise_shape", "seed", "stddev", "l1", "l2", "data_format"]);
    Ok(Imported::unary(Identity))
}

fn import_onnx_dropout(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["ratio", "seed", "is_test", "consumed_inputs"]);
    if let Some(training) = cx.constant(2)?
        && training.iter().any(|it| *it != 0.0)
    {
        return Err(cx.value_error("training_mode", "true", "false"));
    }
    Ok(Imported::unary(Identity))
}

impl LayerSpec for Identity {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        inputs[0].clone()
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Identity {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        // hls4ml drops these layers before it infers types; one that it keeps is an activation.
        if cx.compat && !cx.exact {
            return Typed::new(cx.default, "hls4ml: model default");
        }
        Typed::new(cx.inputs[0].format, "as its input")
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        cx.inputs[0].spans.to_vec()
    }
    fn is_activation(&self) -> bool {
        true
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        cx.builder.cast("", inputs[0], cx.formats.format(Role::Result))
    }
}
