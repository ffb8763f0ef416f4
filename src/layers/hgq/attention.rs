//! `QMultiHeadAttention`, `QLinformerAttention`: projections, two products of data, a softmax between.
//!
//! Projections have quantizers for what they read and what they give. The length of keys is in the
//! exponent of the softmax. Steps are one axis. A quantizer in front of the softmax, which versions
//! before 0.2 had, is not read, as 0.2 does not read it.

use super::conf::{Names, names};
use super::parts::Builder;
use super::product::{self, Equation};
use super::quantized;
use super::softmax::{ATTENTION, Softmax};
use crate::layers::{Einsum, Import, Imported, LayerError, Operand};
use crate::nn::Shape;

/// A projection: where its weights and quantizers are.
struct Projection {
    /// Names of the parts: its quantizer, itself, the quantizer behind.
    parts: [&'static str; 3],
    kernel: &'static str,
    bias: &'static str,
    iq: Names,
    kq: Names,
    bq: Names,
    oq: Names,
}

macro_rules! projection {
    ($name:literal) => {
        Projection {
            parts: [concat!($name, "_iq"), $name, concat!($name, "_oq")],
            kernel: concat!($name, "/kernel"),
            bias: concat!($name, "/bias"),
            iq: names!("qkvo_iq_conf", concat!($name, "/iq")),
            kq: names!("qkvo_kq_conf", concat!($name, "/kq")),
            bq: names!("qkvo_bq_conf", concat!($name, "/bq")),
            oq: names!("qkvo_oq_conf", concat!($name, "/oq")),
        }
    };
}

const QUERY: Projection = projection!("query");
const KEY: Projection = projection!("key");
const VALUE: Projection = projection!("value");
const OUTPUT: Projection = projection!("attention_output");
const LINEAR_KEY: Projection = projection!("lin_k_proj");
const LINEAR_VALUE: Projection = projection!("lin_v_proj");

/// A value and its shape.
type Value = (Operand, Vec<usize>);

impl Projection {
    /// Adds it, with the quantizers that are there; `iq` is that of another one that is shared.
    fn add(
        &self,
        parts: &mut Builder<'_, '_>,
        text: &str,
        (operand, shape): &Value,
        iq: &Names,
    ) -> Result<Value, LayerError> {
        let cx = parts.cx;
        let role = self.kernel;
        let kernel = cx.weight(role)?.ok_or(LayerError::Missing { role })?;
        let mut value = *operand;
        if is_there(cx, iq) {
            value = parts.quantizer(self.parts[0], iq, value, shape)?;
        }
        let shape = Shape(shape.clone());
        let equation = Equation::read(cx, "equation", text, &shape, kernel.shape())?;
        let kernel = quantized(cx, &self.kq, kernel)?;
        let bias = cx.weight(self.bias)?.map(|it| quantized(cx, &self.bq, it)).transpose()?;
        let mut value =
            product::add(parts, self.parts[1], &equation, value, (&kernel, bias.as_ref()))?;
        let shape = equation.output();
        if is_there(cx, &self.oq) {
            value = parts.quantizer(self.parts[2], &self.oq, value, &shape)?;
        }
        Ok((value, shape))
    }
}

/// Whether a quantizer has variables.
fn is_there(cx: &Import<'_>, names: &Names) -> bool {
    cx.node.weights.contains_key(names.i)
}

/// `QMultiHeadAttention`.
pub(super) fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let mut parts = Builder::new(cx);
    let output = attend(&mut parts, sources(cx)?)?;
    Ok(parts.finish(output))
}

/// `QLinformerAttention`: keys and values are projected along their steps first.
pub(super) fn import_linformer(cx: &Import<'_>) -> Result<Imported, LayerError> {
    match cx.attrs().str("lin_kv_proj_mode", "dense")? {
        "dense" => {}
        other => return Err(cx.value_error("lin_kv_proj_mode", other, "dense")),
    }
    cx.attrs().ignore(&["lin_kv_proj_dim"]);
    let shared = cx.attrs().bool("share_kv_proj", false)?;
    let mut parts = Builder::new(cx);
    let [query, key, value] = sources(cx)?;
    let along = "bsc,st->btc";
    let key = LINEAR_KEY.add(&mut parts, along, &key, &LINEAR_KEY.iq)?;
    let value = match shared {
        true => LINEAR_KEY.add(&mut parts, along, &value, &LINEAR_KEY.iq)?,
        false => LINEAR_VALUE.add(&mut parts, along, &value, &LINEAR_VALUE.iq)?,
    };
    let output = attend(&mut parts, [query, key, value])?;
    Ok(parts.finish(output))
}

/// Query, key, value. The call names the value before the key; what is not given is the other.
fn sources(cx: &Import<'_>) -> Result<[Value; 3], LayerError> {
    let last = cx.node.inputs.len().saturating_sub(1);
    let source = |at: usize| match &cx.shape(at)?.0 {
        shape if shape.len() == 2 => Ok((Operand::Input(at), shape.clone())),
        shape => Err(LayerError::Shapes {
            found: vec![Shape(shape.clone())],
            expected: "[steps, features]".to_owned(),
        }),
    };
    Ok([source(0)?, source(last.min(2))?, source(last.min(1))?])
}

/// Refuses what is not computed, and reads what follows from the weights.
fn check(cx: &Import<'_>) -> Result<(), LayerError> {
    for flag in ["enable_oq", "use_gate", "call:use_causal_mask", "call:return_attention_scores"] {
        if cx.attrs().bool(flag, false)? {
            return Err(cx.value_error(flag, true, "false"));
        }
    }
    if let Some(axes) = cx.attrs().ints("attention_axes")?
        && axes != [1]
    {
        return Err(cx.value_error("attention_axes", format!("{axes:?}"), "[1]"));
    }
    cx.attrs().ignore(&["num_heads", "value_dim", "output_shape", "use_bias", "flash_attention"]);
    cx.attrs().ignore(&["enable_iq", "oq_conf", "softmax_allow_heterogeneous_table"]);
    // Of a layer without biases, or without quantizers of some kind.
    cx.attrs().ignore(&["qkvo_bq_conf", "qkvo_iq_conf", "softmax_iq_conf"]);
    Ok(())
}

fn attend(
    parts: &mut Builder<'_, '_>,
    [query, key, value]: [Value; 3],
) -> Result<Operand, LayerError> {
    let cx = parts.cx;
    check(cx)?;
    let length = cx.attrs().float("key_dim", 0.0)?;
    // Shared quantizers are filed with one of the layers that share them.
    let own = [&QUERY.iq, &KEY.iq, &VALUE.iq];
    let one = own.into_iter().find(|it| is_there(cx, it)).unwrap_or(&VALUE.iq);
    let several = [&VALUE.iq, &KEY.iq].into_iter().find(|it| is_there(cx, it));
    let iq = match cx.attrs().str("fuse", "none")? {
        "none" => own,
        "kv" => {
            let both = several.unwrap_or(&VALUE.iq);
            [&QUERY.iq, both, both]
        }
        "qkv" => [one; 3],
        other => return Err(cx.value_error("fuse", other, "none, kv, qkv")),
    };
    let head = "bsc,cnh->bsnh";
    let (query, t) = QUERY.add(parts, head, &query, iq[0])?;
    let (key, s) = KEY.add(parts, head, &key, iq[1])?;
    let (value, _) = VALUE.add(parts, head, &value, iq[2])?;
    let scores = parts.add("scores", Einsum::of(b"snh", b"tnh", b"nts"), &[key, query]);
    let softmax = Softmax {
        places: &ATTENTION,
        axes: vec![2],
        stable: cx.attrs().bool("stable_softmax", true)?,
        scaler: 1.0 / length.sqrt(),
        quantized: ATTENTION.ends().map(|it| is_there(cx, it)),
    };
    let shape = [t[1], t[0], s[0]];
    let attention = softmax.add(parts, scores, &shape)?;
    let mixed = parts.add("mixed", Einsum::of(b"nts", b"snv", b"tnv"), &[attention, value]);
    let kernel = cx.weight(OUTPUT.kernel)?.ok_or(LayerError::Missing { role: OUTPUT.kernel })?;
    let mixed = (mixed, vec![t[0], t[1], kernel.shape().get(1).copied().unwrap_or(0)]);
    let text = match kernel.ndim() {
        3 => "btnv,nvo->bto",
        _ => "btnv,nvop->btop",
    };
    Ok(OUTPUT.add(parts, text, &mixed, &OUTPUT.iq)?.0)
}
