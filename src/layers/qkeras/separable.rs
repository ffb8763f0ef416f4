//! `QSeparableConv1D`, `QSeparableConv2D`: two convolutions, each with its quantizer; the bias is the second's.

use super::rule::Rule;
use super::scale::Quantized;
use super::{TRAINING, by_rule, finish, plain};
use crate::layers::import::finite;
use crate::layers::{Import, Imported, LayerError, Operand};

const KERNELS: [(&str, &str); 2] =
    [("depthwise_kernel", "depthwise_quantizer"), ("pointwise_kernel", "pointwise_quantizer")];

pub(super) fn import(cx: &Import<'_>, class: &'static str) -> Result<Imported, LayerError> {
    let version = cx.node.version;
    cx.attrs().ignore(&TRAINING);
    let mut found = Vec::new();
    for (role, quantizer) in KERNELS {
        let rule = Rule::of(cx, quantizer, true)?;
        let kernel = cx.weight(role)?.ok_or(LayerError::Missing { role })?.clone();
        let Quantized { codes, scale } = by_rule(rule.as_ref(), kernel, version);
        finite(role, &codes)?;
        found.push((codes, scale, rule.is_some()));
    }
    let bias_rule = Rule::of(cx, "bias_quantizer", false)?;
    let bias = match cx.attrs().bool("use_bias", true)? {
        true => Some(cx.weight("bias")?.ok_or(LayerError::Missing { role: "bias" })?.clone()),
        false => None,
    };
    let bias = bias.map(|it| by_rule(bias_rule.as_ref(), it, version).values());
    bias.as_ref().map(|it| finite("bias", it)).transpose()?;
    let codes = [0, 1].map(|at| (KERNELS[at].0, found[at].0.clone()));
    let both = plain(cx, class, codes)?;
    let mut made = Imported::default();
    let mut from = Operand::Input(0);
    let biases = [None, bias];
    for ((part, (_, scale, quantized)), bias) in both.parts.into_iter().zip(found).zip(biases) {
        let output = made.add(part.name, part.layer, &[from]);
        made.outputs = vec![output];
        finish(&mut made, bias, scale, quantized)?;
        from = made.outputs[0];
    }
    Ok(made)
}
