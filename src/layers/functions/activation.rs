//! Activations as functions on tensors.

use super::arguments::Arguments;
use crate::layers::table::Function;
use crate::layers::{
    Clip, Elu, Import, Imported, LayerError, LeakyRelu, Operand, Scalar, ScalarFunction, Spelling,
    Table, activation, softmax,
};

macro_rules! named {
    ($($name:literal: $($op:literal),+;)+) => {
        /// Spellings of activations.
        pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
            $($(Spelling::keras($op, |cx| by_name(cx, $name)),)+)+
            Spelling::keras("ops.leaky_relu", leaky_relu),
            Spelling::keras("nn.leaky_relu", leaky_relu),
            Spelling::keras("ops.elu", elu),
            Spelling::keras("ops.celu", celu),
            Spelling::keras("ops.gelu", gelu),
            Spelling::keras("nn.gelu", gelu),
            Spelling::keras("ops.softmax", import_softmax),
            Spelling::keras("nn.softmax", import_softmax),
            Spelling::keras("ops.log_softmax", import_log_softmax),
            Spelling::keras("nn.log_softmax", import_log_softmax),
            Spelling::keras("ops.clip", clip),
            Spelling::keras("clip_by_value", clip),
        ];
    };
}

named! {
    "relu": "ops.relu", "nn.relu";
    "relu6": "ops.relu6", "nn.relu6";
    "sigmoid": "ops.sigmoid", "math.sigmoid", "nn.sigmoid", "sigmoid";
    "tanh": "ops.tanh", "math.tanh", "nn.tanh";
    "softplus": "ops.softplus", "math.softplus", "nn.softplus";
    "softsign": "ops.softsign", "nn.softsign";
    "exponential": "ops.exp", "math.exp";
    "silu": "ops.silu", "nn.silu", "nn.swish";
    "selu": "ops.selu", "nn.selu";
    "hard_sigmoid": "ops.hard_sigmoid";
    "hard_tanh": "ops.hard_tanh";
    "hard_silu": "ops.hard_silu";
    "log_sigmoid": "ops.log_sigmoid";
    "sparse_plus": "ops.sparse_plus";
    "sparse_sigmoid": "ops.sparse_sigmoid";
    "tanh_shrink": "ops.tanh_shrink";
}

fn by_name(cx: &Import<'_>, name: &'static str) -> Result<Imported, LayerError> {
    let x = Arguments::of(cx).data(0, &["x", "features"])?;
    let layer = activation::by_name(name, cx.node.dialect, cx.shape(x)?.last());
    let layer = layer.ok_or_else(|| LayerError::Unsupported { op: cx.op() })?;
    Ok(Imported::of(layer, [x]))
}

fn leaky_relu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "features"])?;
    let alpha = arguments.number(1, "negative_slope", &["negative_slope", "alpha"], 0.2)?;
    Ok(Imported::of(LeakyRelu { alpha, max: None }, [x]))
}

fn elu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x"])?;
    let alpha = arguments.number(1, "alpha", &["alpha"], 1.0)?;
    Ok(Imported::of(Elu { alpha }, [x]))
}

fn celu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x"])?;
    let function = ScalarFunction::Celu(arguments.number(1, "alpha", &["alpha"], 1.0)?);
    Ok(Imported::of(Scalar { function }, [x]))
}

fn gelu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "features"])?;
    // `keras.ops` approximates unless told otherwise, TensorFlow does not.
    let approximate = arguments.flag(1, "approximate", cx.node.op == "ops.gelu")?;
    let function = if approximate { Function::GeluTanh } else { Function::Gelu };
    Ok(Imported::of(Table { function }, [x]))
}

/// The operand and axis of a softmax.
fn softmax_axis(cx: &Import<'_>) -> Result<(usize, usize), LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "logits"])?;
    let axis = arguments.ints(1, "axis", &["axis"])?.unwrap_or_else(|| vec![-1]);
    let shape = cx.shape(x)?;
    let found = match axis[..] {
        [axis] => crate::layers::axes::sample_axis(axis, shape.0.len()),
        _ => None,
    };
    let wrong = || cx.value_error("axis", format!("{axis:?}"), "one axis behind the batch axis");
    Ok((x, found.ok_or_else(wrong)?))
}

fn import_softmax(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (x, axis) = softmax_axis(cx)?;
    Ok(softmax::along(axis, cx.shape(x)?, x))
}

fn import_log_softmax(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (x, axis) = softmax_axis(cx)?;
    let mut made = Imported::default();
    let output = softmax::log::log_softmax(&mut made, "", Operand::Input(x), axis);
    Ok(made.with_outputs([output]))
}

fn clip(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "t"])?;
    let min = arguments.number(1, "min", &["x_min", "clip_value_min"], f64::NEG_INFINITY)?;
    let max = arguments.number(2, "max", &["x_max", "clip_value_max"], f64::INFINITY)?;
    if min.is_nan() || max.is_nan() || min > max {
        return Err(cx.value_error("min", min, "a number not above max"));
    }
    Ok(Imported::of(Clip { min, max }, [x]))
}
