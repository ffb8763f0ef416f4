//! Keras' preprocessing layers that multiply and add: `Rescaling`, `Normalization`.

use ndarray::Array1;

use super::arguments::tensor;
use crate::layers::{BatchNorm, Import, Imported, LayerError, Spelling};
use crate::source::{Attr, Tensor};

/// Spellings of preprocessing layers.
pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("Rescaling", import_rescaling),
    Spelling::keras("Normalization", import_normalization),
];

/// Keras' smallest standard deviation.
const EPSILON: f64 = 1e-7;

/// A constant as one number for each element of the last axis.
fn per_channel(cx: &Import<'_>, role: &'static str, value: &Tensor) -> Result<Tensor, LayerError> {
    let last = cx.shape(0)?.last();
    match value.len() == value.shape().last().copied().unwrap_or(1)
        && [1, last].contains(&value.len())
    {
        true => {
            let all = value.iter().copied().cycle().take(last);
            Ok(Array1::from_iter(all).into_dyn())
        }
        false => {
            let found = value.shape().to_vec();
            Err(LayerError::WeightShape { role, found, expected: vec![last] })
        }
    }
}

fn number(cx: &Import<'_>, name: &'static str, default: f64) -> Result<Tensor, LayerError> {
    let given = cx.attrs().get(name).cloned().unwrap_or(Attr::Float(default));
    let value = tensor(&given);
    let value = value.ok_or_else(|| cx.value_error(name, format!("{given:?}"), "numbers"))?;
    per_channel(cx, name, &value)
}

fn import_rescaling(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (scale, bias) = (number(cx, "scale", 1.0)?, number(cx, "offset", 0.0)?);
    cx.attrs().ignore(&["data_format"]);
    let layer = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false };
    Ok(Imported::unary(layer.checked()?))
}

fn import_normalization(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = cx.shape(0)?.0.len() as i64;
    match cx.attrs().ints("axis")?.unwrap_or_default()[..] {
        [] => {}
        [axis] if axis == -1 || axis == rank => {}
        ref other => {
            return Err(cx.value_error("axis", format!("{other:?}"), "the last axis, none"));
        }
    }
    let given = |name: &'static str| -> Result<Tensor, LayerError> {
        if cx.attrs().get(name).is_some() {
            return number(cx, name, 0.0);
        }
        let weight = cx.weight(name)?.ok_or(LayerError::Missing { role: name })?;
        per_channel(cx, name, weight)
    };
    let (mean, variance) = (given("mean")?, given("variance")?);
    cx.attrs().ignore(&["mean", "variance"]);
    let deviation = variance.mapv(|it| it.sqrt().max(EPSILON));
    let (scale, bias) = match cx.attrs().bool("invert", false)? {
        false => (deviation.mapv(|it| 1.0 / it), -&mean / &deviation),
        true => (deviation, mean),
    };
    let layer = BatchNorm { scale, bias, kind: "BatchNormalization", quantized: false };
    Ok(Imported::unary(layer.checked()?))
}
