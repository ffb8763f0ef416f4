//! `QConv1D`, `QConv2D`, `QConv3D`: convolutions of Keras with quantized kernels.

use super::{BIAS, KERNEL, quantized};
use crate::layers::{Conv, Import, Imported, Layer, LayerError};

/// Reads the layer as Keras' own of this name, then quantizes what it holds.
pub(super) fn import(cx: &Import<'_>, plain: &str) -> Result<Imported, LayerError> {
    let spelling = Conv::SPELLINGS.iter().find(|it| it.op == plain);
    let mut made = (spelling.expect("Keras has it").import)(cx)?;
    for part in &mut made.parts {
        if let Layer::Conv(conv) = &mut part.layer {
            conv.kernel = quantized(cx, &KERNEL, &conv.kernel)?.into();
            conv.bias = conv.bias.as_ref().map(|it| quantized(cx, &BIAS, it)).transpose()?;
            conv.quantized = true;
            if conv.bias.is_none() {
                cx.attrs().ignore(&["bq_conf"]);
            }
        }
    }
    Ok(made)
}
