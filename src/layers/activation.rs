//! Activations by name: Keras' `Activation` layer, which is all of the others in turn.
//!
//! A layer's own `activation` arrives as such a node, split off by the frontend.

use super::table::Function;
use super::{
    BinaryTanh, Elu, HardSigmoid, HardTanh, Identity, Import, Imported, Layer, LayerError,
    LeakyRelu, Relu, Scalar, ScalarFunction, Selu, Softmax, Spelling, Table, TernaryTanh, qkeras,
};
use crate::source::{Attr, Dialect};

/// How activations are spelled as layers of their own.
pub(super) const SPELLINGS: &[Spelling] =
    &[Spelling::keras("Activation", import), Spelling::keras("QActivation", import)];

/// Everything [`by_name`] knows.
const SUPPORTED: &str = "linear, relu, relu6, leaky_relu, elu, selu, sigmoid, hard_sigmoid, tanh, \
     hard_tanh, softmax, softplus, softsign, exponential, gelu, silu, swish, mish, binary_tanh, \
     ternary_tanh, celu, log_sigmoid, squareplus, hard_silu, hard_swish, hard_shrink, soft_shrink, \
     tanh_shrink, sparse_plus, sparse_sigmoid, and the quantizers of QKeras";

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let name = match cx.attrs().get("activation") {
        None => "linear",
        Some(quantizer) if qkeras::is_quantizer(quantizer) => {
            return qkeras::activation(cx, "activation");
        }
        Some(Attr::Str(name)) => name,
        // Any other object is a class with a configuration: the user's own code.
        Some(Attr::Map(object)) => {
            let class = match object.get("class_name") {
                Some(Attr::Str(class)) => class.clone(),
                _ => "an object without class_name".into(),
            };
            return Err(cx.value_error("activation", class, SUPPORTED));
        }
        Some(other) => return Err(cx.value_error("activation", format!("{other:?}"), SUPPORTED)),
    };
    let layer = by_name(name, cx.node.dialect, cx.shape(0)?.last());
    Ok(Imported::unary(layer.ok_or_else(|| cx.value_error("activation", name, SUPPORTED))?))
}

/// The activation that Keras calls by a name, with its default parameters, for tensors whose last
/// axis has extent `last`.
pub(super) fn by_name(name: &str, dialect: Dialect, last: usize) -> Option<Layer> {
    let table = |function| Some(Table { function }.into());
    match name {
        "linear" => Some(Identity.into()),
        "relu" => Some(Relu { max: None }.into()),
        "relu6" => Some(Relu { max: Some(6.0) }.into()),
        "leaky_relu" => Some(LeakyRelu { alpha: 0.2, max: None }.into()),
        "elu" => Some(Elu { alpha: 1.0 }.into()),
        "selu" => Some(Selu.into()),
        "sigmoid" => table(Function::Sigmoid),
        "tanh" => table(Function::Tanh),
        "softplus" => table(Function::Softplus),
        "softsign" => table(Function::Softsign),
        "exponential" => table(Function::Exponential),
        "gelu" => table(Function::Gelu),
        "silu" | "swish" => table(Function::Silu),
        "mish" => table(Function::Mish),
        // Keras 2: clip(0.2 x + 0.5); Keras 3: relu6(x + 3) / 6.
        "hard_sigmoid" => {
            let slope = if dialect == Dialect::Keras2 { 0.2 } else { 1.0 / 6.0 };
            Some(HardSigmoid { slope, shift: 0.5 }.into())
        }
        "hard_tanh" => Some(HardTanh { slope: 0.5, shift: 0.5 }.into()),
        "softmax" => Some(Softmax::new(last).into()),
        "binary_tanh" => Some(BinaryTanh.into()),
        "ternary_tanh" => Some(TernaryTanh.into()),
        name => Some(Scalar { function: ScalarFunction::activation(name)? }.into()),
    }
}

/// The name of a function of Keras given as a string or as an object.
pub(super) fn function_name(given: &Attr) -> Option<&str> {
    match given {
        Attr::Str(name) => Some(name),
        Attr::Map(object) => match (object.get("class_name"), object.get("config")) {
            (Some(Attr::Str(class)), Some(Attr::Str(name))) if class == "function" => Some(name),
            _ => None,
        },
        _ => None,
    }
}
