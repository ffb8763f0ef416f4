//! `BinaryDense`, `TernaryDense`, `BinaryConv2D`, `TernaryConv2D`: Keras classes of others (BinaryNet), which
//! hls4ml knows by name. Files hold the float originals of the kernel; what it is at inference is done here:
//!
//! * binary: 1, or -1 for what is negative;
//! * ternary: 1 above 0.5, -1 from -0.5 down, else 0.
//!
//! The bias stays as it is, as these classes have it; hls4ml quantizes it like the kernel.

use super::qkeras::renamed;
use super::{Import, Imported, Layer, LayerError, Spelling};
use crate::source::Attr;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("BinaryDense", |cx| import(cx, "Dense", binary)),
    Spelling::keras("TernaryDense", |cx| import(cx, "Dense", ternary)),
    Spelling::keras("BinaryConv2D", |cx| import(cx, "Conv2D", binary)),
    Spelling::keras("TernaryConv2D", |cx| import(cx, "Conv2D", ternary)),
];

fn binary(x: f64) -> f64 {
    if x < 0.0 { -1.0 } else { 1.0 }
}

fn ternary(x: f64) -> f64 {
    match x {
        _ if x > 0.5 => 1.0,
        _ if x <= -0.5 => -1.0,
        _ => 0.0,
    }
}

fn import(
    cx: &Import<'_>,
    plain: &'static str,
    law: fn(f64) -> f64,
) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["kernel_lr_multiplier", "bias_lr_multiplier"]);
    let scale = cx.attrs().get("H");
    if !matches!(scale, None | Some(Attr::Int(1))) && scale != Some(&Attr::Float(1.0)) {
        return Err(cx.value_error("H", format!("{scale:?}"), "1"));
    }
    let mut node = cx.node.clone();
    let kernel = node.weights.get_mut("kernel").ok_or(LayerError::Missing { role: "kernel" })?;
    super::import::finite("kernel", kernel)?;
    kernel.mapv_inplace(law);
    let mut made = renamed(cx, plain, node)?;
    for part in &mut made.parts {
        match &mut part.layer {
            Layer::Dense(dense) => dense.quantized = true,
            Layer::Conv(conv) => conv.quantized = true,
            _ => {}
        }
    }
    Ok(made)
}
