//! Functions of each element, and softmax.

use crate::layers::relu::check;
use crate::layers::softmax::log::log_softmax;
use crate::layers::{
    Function, Identity, Import, Imported, LayerError, Operand, Reshape, Scalar, ScalarFunction,
    Softmax, Spelling, Table, softmax,
};
use crate::nn::Shape;

pub(super) const TABLE: &[Spelling] = &[Spelling::onnx("Swish", import_swish)];

pub(super) const SCALAR: &[Spelling] = &[
    Spelling::onnx("Sqrt", |cx| scalar(cx, ScalarFunction::Sqrt)),
    Spelling::onnx("Reciprocal", |cx| scalar(cx, ScalarFunction::Reciprocal)),
    Spelling::onnx("Log", |cx| scalar(cx, ScalarFunction::Log)),
    Spelling::onnx("Sin", |cx| scalar(cx, ScalarFunction::Sin)),
    Spelling::onnx("Cos", |cx| scalar(cx, ScalarFunction::Cos)),
    Spelling::onnx("Sign", |cx| scalar(cx, ScalarFunction::Sign)),
    Spelling::onnx("Erf", |cx| scalar(cx, ScalarFunction::Erf)),
    Spelling::onnx("Floor", |cx| scalar(cx, ScalarFunction::Floor)),
    Spelling::onnx("Ceil", |cx| scalar(cx, ScalarFunction::Ceil)),
    Spelling::onnx("Round", |cx| scalar(cx, ScalarFunction::Round)),
    Spelling::onnx("HardSwish", |cx| scalar(cx, ScalarFunction::HardSilu)),
    Spelling::onnx("Celu", import_celu),
    Spelling::onnx("Shrink", import_shrink),
];

pub(super) const SOFTMAX: &[Spelling] =
    &[Spelling::onnx("Softmax", import_softmax), Spelling::onnx("LogSoftmax", import_log_softmax)];

pub(super) const IDENTITY: &[Spelling] = &[Spelling::onnx("Cast", import_cast)];

fn scalar(cx: &Import<'_>, function: ScalarFunction) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    Ok(Imported::unary(Scalar { function }))
}

fn import_swish(cx: &Import<'_>) -> Result<Imported, LayerError> {
    match cx.attrs().float("alpha", 1.0)? {
        1.0 => Ok(Imported::unary(Table { function: Function::Silu })),
        alpha => Err(cx.value_error("alpha", alpha, "1")),
    }
}

fn import_celu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let alpha = cx.attrs().float("alpha", 1.0)?;
    check(cx, "alpha", alpha)?;
    match alpha != 0.0 {
        true => scalar(cx, ScalarFunction::Celu(alpha)),
        false => Err(cx.value_error("alpha", alpha, "anything but 0")),
    }
}

/// Elements within the limit are zero, the others come nearer by `bias`.
fn import_shrink(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let limit = cx.attrs().float("lambd", 0.5)?;
    let bias = cx.attrs().float("bias", 0.0)?;
    check(cx, "lambd", limit)?;
    match bias {
        _ if limit < 0.0 => Err(cx.value_error("lambd", limit, "0 and more")),
        0.0 => scalar(cx, ScalarFunction::HardShrink(limit)),
        _ if bias == limit => scalar(cx, ScalarFunction::SoftShrink(limit)),
        _ => Err(cx.value_error("bias", bias, "0, or lambd")),
    }
}

/// What counts as one tensor of rows: before opset 13 all axes from `axis` (1) on are one, and the
/// operand is flattened; since then `axis` (-1) is one axis.
fn rows(cx: &Import<'_>) -> Result<(Shape, usize), LayerError> {
    let shape = cx.shape(0)?;
    let old = cx.node.version < 13;
    let axis = cx.attrs().int("axis", if old { 1 } else { -1 })?;
    let at = super::sample_axes(cx, &[axis], "axis")?[0];
    match old && at + 1 < shape.0.len() {
        true => {
            let extents = [&shape.0[..at], &shape.0[at..]].map(|it| it.iter().product());
            Ok((Shape(extents.to_vec()), 1))
        }
        false => Ok((shape.clone(), at)),
    }
}

fn import_softmax(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let shape = cx.shape(0)?;
    let (flat, at) = rows(cx)?;
    if flat == *shape {
        return Ok(softmax::along(at, shape, 0));
    }
    let group = flat.0[at];
    let mut made = Imported::default();
    let flat = made.add("flat", Reshape { shape: flat }, &[Operand::Input(0)]);
    let result = made.add("softmax", Softmax::new(group), &[flat]);
    let output = made.add("", Reshape { shape: shape.clone() }, &[result]);
    Ok(made.with_outputs([output]))
}

fn import_log_softmax(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (flat, at) = rows(cx)?;
    let mut made = Imported::default();
    let x = match flat == *cx.shape(0)? {
        true => {
            let output = log_softmax(&mut made, "", Operand::Input(0), at);
            return Ok(made.with_outputs([output]));
        }
        false => made.add("rows", Reshape { shape: flat }, &[Operand::Input(0)]),
    };
    let result = log_softmax(&mut made, "result", x, at);
    let output = made.add("", Reshape { shape: cx.shape(0)?.clone() }, &[result]);
    Ok(made.with_outputs([output]))
}

/// Between float32 and float64, which our floats hold exactly.
fn import_cast(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["saturate", "round_mode"]);
    match cx.attrs().int("to", 0)? {
        1 | 11 => Ok(Imported::unary(Identity)),
        other => Err(cx.value_error("to", other, "1 (float32) or 11 (float64)")),
    }
}
