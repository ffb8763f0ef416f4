//! Convolutions: channels first, weights `[out, in, taps...]`, transposed ones `[in, out, taps...]`.

use super::{on_axis, optional};
use crate::layers::import::expect_shape;
use crate::layers::window::Window;
use crate::layers::{Conv, ConvTranspose, Import, Imported, LayerError, Spelling};
use crate::source::{Attr, Packed, Tensor};

pub(super) const CONV: &[Spelling] = &[
    Spelling::torch("conv1d", import),
    Spelling::torch("conv2d", import),
    Spelling::torch("conv3d", import),
    Spelling::torch("convolution", import_any),
];

pub(super) const TRANSPOSED: &[Spelling] = &[
    Spelling::torch("conv_transpose1d", import_transposed),
    Spelling::torch("conv_transpose2d", import_transposed),
];

/// The general operator, which says whether it is transposed.
fn import_any(cx: &Import<'_>) -> Result<Imported, LayerError> {
    if cx.attrs().bool("transposed", false)? {
        return import_transposed(cx);
    }
    let extra = cx.attrs().ints("output_padding")?.unwrap_or_default();
    if extra.iter().any(|it| *it != 0) {
        return Err(cx.value_error("output_padding", format!("{extra:?}"), "0"));
    }
    import(cx)
}

/// The weights with the taps first, then the axes `order`, and the number of spatial axes.
pub(in crate::layers) fn kernel(
    cx: &Import<'_>,
    order: [usize; 2],
) -> Result<(Packed, usize), LayerError> {
    let role = "weight";
    let weight = cx.packed(1)?.ok_or(LayerError::Missing { role })?;
    if let count @ 1.. = weight.not_finite() {
        return Err(LayerError::NotFinite { role, count });
    }
    let spatial = cx.shape(0)?.0.len().saturating_sub(1);
    if spatial == 0 || weight.ndim() != spatial + 2 || weight.is_empty() {
        return Err(LayerError::Shapes {
            found: vec![cx.shape(0)?.clone()],
            expected: format!("channels and {} spatial axes", weight.ndim().saturating_sub(2)),
        });
    }
    let axes: Vec<usize> = (2..spatial + 2).chain(order).collect();
    Ok((weight.permuted(&axes), spatial))
}

/// Numbers of at least 0 for every spatial axis.
fn amounts(cx: &Import<'_>, name: &'static str, spatial: usize) -> Result<Vec<usize>, LayerError> {
    let given = super::sizes(cx, name)?;
    match given.len() == spatial && given.iter().all(|it| *it < 1 << 20) {
        true => Ok(given),
        false => Err(cx.value_error(name, format!("{given:?}"), "a number for each axis")),
    }
}

fn groups(cx: &Import<'_>, channels: usize) -> Result<usize, LayerError> {
    let groups = cx.attrs().int("groups", 1)?;
    let divides = |it: &usize| *it > 0 && channels.is_multiple_of(*it);
    let wrong = || cx.value_error("groups", groups, "a divisor of the number of channels");
    usize::try_from(groups).ok().filter(divides).ok_or_else(wrong)
}

pub(in crate::layers) fn bias(
    cx: &Import<'_>,
    outputs: usize,
) -> Result<Option<Tensor>, LayerError> {
    let bias = optional(cx, 2, "bias")?;
    if let Some(bias) = &bias {
        expect_shape("bias", bias, &[outputs])?;
    }
    Ok(bias)
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (kernel, spatial) = kernel(cx, [1, 0])?;
    let outputs = kernel.shape()[spatial + 1];
    let groups = groups(cx, cx.shape(0)?.0[0])?;
    let mut window = Window {
        stride: cx.spatial("stride", spatial, 1)?,
        dilation: cx.spatial("dilation", spatial, 1)?,
        ..Window::of(&kernel.shape()[..spatial])
    };
    window.pad = match cx.attrs().get("padding") {
        Some(Attr::Str(name)) if name == "valid" => window.pad,
        Some(Attr::Str(name)) if name == "same" => {
            // The odd one is behind; PyTorch allows it with a stride of 1 only.
            let total = |axis| window.reach(axis) - 1;
            (0..spatial).map(|it| (total(it) / 2, total(it).div_ceil(2))).collect()
        }
        Some(Attr::Str(name)) => return Err(cx.value_error("padding", name, "valid, same")),
        _ => amounts(cx, "padding", spatial)?.into_iter().map(|it| (it, it)).collect(),
    };
    let bias = bias(cx, outputs)?;
    on_axis(cx, 0, 0, Conv { kernel, bias, groups, window, quantized: false })
}

fn import_transposed(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (kernel, spatial) = kernel(cx, [0, 1])?;
    let groups = groups(cx, cx.shape(0)?.0[0])?;
    let outputs = kernel.shape()[spatial + 1].saturating_mul(groups);
    let padding = amounts(cx, "padding", spatial)?;
    let extra = amounts(cx, "output_padding", spatial)?;
    let cut = |(pad, extra): (usize, usize)| (pad as i64, pad as i64 - extra as i64);
    let layer = ConvTranspose {
        quantized: false,
        bias: bias(cx, outputs)?,
        groups,
        stride: cx.spatial("stride", spatial, 1)?,
        dilation: cx.spatial("dilation", spatial, 1)?,
        crop: padding.into_iter().zip(extra).map(cut).collect(),
        kernel,
    };
    on_axis(cx, 0, 0, layer)
}
