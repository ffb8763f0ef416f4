//! Activations, and what does nothing at inference.

use super::{constant, on_axis};
use crate::layers::relu::check;
use crate::layers::softmax::log::log_softmax;
use crate::layers::{
    Clip, Elu, Function, HardSigmoid, Identity, Import, Imported, LayerError, LeakyRelu, Operand,
    PRelu, Relu, Selu, Softmax, Spelling, Table, ThresholdedRelu,
};

pub(super) const IDENTITY: &[Spelling] = &[
    Spelling::torch("dropout", identity),
    Spelling::torch("feature_dropout", identity),
    Spelling::torch("alpha_dropout", identity),
    Spelling::torch("feature_alpha_dropout", identity),
    Spelling::torch("alias", identity),
    Spelling::torch("clone", identity),
    Spelling::torch("detach", identity),
    Spelling::torch("contiguous", identity),
    Spelling::torch("to", identity),
    Spelling::torch("type_as", identity),
];

pub(super) const RELU: &[Spelling] = &[
    Spelling::torch("relu", |_| Ok(Imported::unary(Relu { max: None }))),
    Spelling::torch("relu6", |_| Ok(Imported::unary(Relu { max: Some(6.0) }))),
];

pub(super) const LEAKY_RELU: &[Spelling] = &[Spelling::torch("leaky_relu", import_leaky_relu)];
pub(super) const THRESHOLD: &[Spelling] = &[Spelling::torch("threshold", import_threshold)];
pub(super) const PRELU: &[Spelling] = &[Spelling::torch("prelu", import_prelu)];

pub(super) const CLIP: &[Spelling] = &[
    Spelling::torch("clamp", |cx| import_clip(cx, "min", "max", f64::INFINITY)),
    Spelling::torch("hardtanh", |cx| import_clip(cx, "min_val", "max_val", 1.0)),
];

pub(super) const ELU: &[Spelling] = &[Spelling::torch("elu", import_elu)];
pub(super) const SELU: &[Spelling] = &[Spelling::torch("selu", |_| Ok(Imported::unary(Selu)))];
pub(super) const HARD_SIGMOID: &[Spelling] =
    &[Spelling::torch("hardsigmoid", |_| Ok(Imported::unary(HARD)))];

pub(super) const TABLE: &[Spelling] = &[
    Spelling::torch("sigmoid", |_| table(Function::Sigmoid)),
    Spelling::torch("tanh", |_| table(Function::Tanh)),
    Spelling::torch("exp", |_| table(Function::Exponential)),
    Spelling::torch("softplus", import_softplus),
    Spelling::torch("softsign", |_| table(Function::Softsign)),
    Spelling::torch("gelu", import_gelu),
    Spelling::torch("silu", |_| table(Function::Silu)),
    Spelling::torch("mish", |_| table(Function::Mish)),
];

pub(super) const SOFTMAX: &[Spelling] = &[
    Spelling::torch("softmax", import_softmax),
    Spelling::torch("log_softmax", import_log_softmax),
];

/// `relu6(x + 3) / 6`.
pub(super) const HARD: HardSigmoid = HardSigmoid { slope: 1.0 / 6.0, shift: 0.5 };

fn identity(_: &Import<'_>) -> Result<Imported, LayerError> {
    Ok(Imported::unary(Identity))
}

fn table(function: Function) -> Result<Imported, LayerError> {
    Ok(Imported::unary(Table { function }))
}

fn import_leaky_relu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let alpha = cx.attrs().float("negative_slope", 0.01)?;
    check(cx, "negative_slope", alpha)?;
    Ok(Imported::unary(LeakyRelu { alpha, max: None }))
}

fn import_threshold(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let theta = cx.attrs().float("threshold", 0.0)?;
    let value = cx.attrs().float("value", 0.0)?;
    check(cx, "threshold", theta)?;
    match value == 0.0 && theta >= 0.0 {
        true => Ok(Imported::unary(ThresholdedRelu { theta, max: None })),
        false => Err(cx.value_error("value", value, "0, with a threshold of at least 0")),
    }
}

fn import_prelu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let slopes = constant(cx, 1, "weight")?;
    let shape = cx.shape(0)?.0.clone();
    let misfit = || LayerError::WeightShape {
        role: "weight",
        found: slopes.shape().to_vec(),
        expected: shape.clone(),
    };
    Ok(Imported::unary(PRelu::broadcast(slopes.clone(), &shape).ok_or_else(misfit)?))
}

/// Limits that are not given are infinite, but for `hardtanh`.
fn import_clip(
    cx: &Import<'_>,
    low: &'static str,
    high: &'static str,
    open: f64,
) -> Result<Imported, LayerError> {
    let min = cx.attrs().float(low, -open)?;
    let max = cx.attrs().float(high, open)?;
    if min.is_nan() || max.is_nan() || min > max || min == f64::INFINITY {
        return Err(cx.value_error(low, min, "a number not above the upper limit"));
    }
    match min == 0.0 {
        true => Ok(Imported::unary(Relu { max: max.is_finite().then_some(max) })),
        false => Ok(Imported::unary(Clip { min, max })),
    }
}

fn import_elu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let alpha = cx.attrs().float("alpha", 1.0)?;
    check(cx, "alpha", alpha)?;
    for name in ["scale", "input_scale"] {
        let factor = cx.attrs().float(name, 1.0)?;
        if factor != 1.0 {
            return Err(cx.value_error(name, factor, "1"));
        }
    }
    Ok(Imported::unary(Elu { alpha }))
}

/// Above the threshold PyTorch takes the input itself: from 20 on, no float can tell.
fn import_softplus(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let beta = cx.attrs().float("beta", 1.0)?;
    let threshold = cx.attrs().float("threshold", 20.0)?;
    match (beta == 1.0, threshold >= 20.0) {
        (true, true) => table(Function::Softplus),
        (false, _) => Err(cx.value_error("beta", beta, "1")),
        (_, false) => Err(cx.value_error("threshold", threshold, "20 and more")),
    }
}

fn import_gelu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    match cx.attrs().str("approximate", "none")? {
        "none" => table(Function::Gelu),
        "tanh" => table(Function::GeluTanh),
        other => Err(cx.value_error("approximate", other, "none or tanh")),
    }
}

fn import_softmax(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let dim = super::axis(cx, "dim")?;
    on_axis(cx, 0, dim, Softmax::new(cx.shape(0)?.0[dim]))
}

fn import_log_softmax(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let mut made = Imported::default();
    let output = log_softmax(&mut made, "", Operand::Input(0), super::axis(cx, "dim")?);
    Ok(made.with_outputs([output]))
}
