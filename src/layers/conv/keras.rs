//! How Keras spells convolutions.

use super::{Conv, ConvTranspose};
use crate::layers::window::Window;
use crate::layers::{Import, Imported, LayerError, Operand, Spelling};
use crate::source::Tensor;

/// Spellings of [`Conv`].
pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("Conv1D", |cx| import(cx, 1)),
    Spelling::keras("Conv2D", |cx| import(cx, 2)),
    Spelling::keras("Conv3D", |cx| import(cx, 3)),
    Spelling::keras("DepthwiseConv1D", |cx| import_depthwise(cx, 1)),
    Spelling::keras("DepthwiseConv2D", |cx| import_depthwise(cx, 2)),
    Spelling::keras("SeparableConv1D", |cx| import_separable(cx, 1)),
    Spelling::keras("SeparableConv2D", |cx| import_separable(cx, 2)),
];

/// Spellings of [`ConvTranspose`].
pub(super) const TRANSPOSED: &[Spelling] = &[
    Spelling::keras("Conv1DTranspose", |cx| import_transposed(cx, 1)),
    Spelling::keras("Conv2DTranspose", |cx| import_transposed(cx, 2)),
    Spelling::keras("Conv3DTranspose", |cx| import_transposed(cx, 3)),
];

fn window(cx: &Import<'_>, spatial: usize) -> Result<Window, LayerError> {
    cx.channels_last()?;
    let window = Window {
        stride: cx.spatial("strides", spatial, 1)?,
        dilation: cx.spatial("dilation_rate", spatial, 1)?,
        ..Window::of(&cx.spatial("kernel_size", spatial, 1)?)
    };
    cx.keras_padding(window, &cx.extents(spatial)?)
}

fn filters(cx: &Import<'_>) -> Result<usize, LayerError> {
    let filters = cx.attrs().int("filters", 0)?;
    usize::try_from(filters).map_err(|_| cx.value_error("filters", filters, "1 and more"))
}

fn bias(cx: &Import<'_>, outputs: usize) -> Result<Option<Tensor>, LayerError> {
    let there = cx.attrs().bool("use_bias", true)?;
    there.then(|| cx.weight_of("bias", &[outputs])).transpose()
}

fn groups(cx: &Import<'_>, channels: usize) -> Result<usize, LayerError> {
    let groups = cx.attrs().int("groups", 1)?;
    let divides = |it: &usize| *it > 0 && channels.is_multiple_of(*it);
    let wrong = || cx.value_error("groups", groups, "a divisor of the number of channels");
    usize::try_from(groups).ok().filter(divides).ok_or_else(wrong)
}

fn import(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    let (window, filters, channels) = (window(cx, spatial)?, filters(cx)?, cx.shape(0)?.last());
    let groups = groups(cx, channels)?;
    let shape = [window.size.as_slice(), &[channels / groups, filters]].concat();
    let kernel = cx.weight_of("kernel", &shape)?;
    if let Some(rank) = cx.attrs().get("lora_rank") {
        return Err(cx.value_error("lora_rank", format!("{rank:?}"), "none"));
    }
    cx.attrs().ignore(&["lora_alpha"]);
    let bias = bias(cx, filters)?;
    let quantized = cx.attrs().bool("quantized", false)?;
    Ok(Imported::unary(Conv { kernel: kernel.into(), bias, groups, window, quantized }))
}

/// Output channel `c * multiplier + m` reads channel `c` with kernel `[.., c, m]`.
fn depthwise_kernel(
    cx: &Import<'_>,
    role: &'static str,
    window: &Window,
) -> Result<Tensor, LayerError> {
    let channels = cx.shape(0)?.last();
    let multiplier = cx.attrs().int("depth_multiplier", 1)?;
    let multiplier = usize::try_from(multiplier).unwrap_or(0);
    let kernel = cx.weight_of(role, &[window.size.as_slice(), &[channels, multiplier]].concat())?;
    let shape = [window.size.as_slice(), &[1, channels * multiplier]].concat();
    let kernel = kernel.as_standard_layout().into_owned();
    Ok(kernel.into_shape_with_order(shape).expect("as many elements"))
}

fn import_depthwise(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    let window = window(cx, spatial)?;
    // Keras 2 names the variable apart.
    let role = if cx.node.weights.contains_key("kernel") { "kernel" } else { "depthwise_kernel" };
    let kernel = depthwise_kernel(cx, role, &window)?;
    let bias = bias(cx, kernel.shape()[spatial + 1])?;
    // Attributes of the convolution that it is in Keras' class tree.
    cx.attrs().ignore(&["filters", "groups"]);
    Ok(Imported::unary(Conv {
        kernel: kernel.into(),
        bias,
        groups: cx.shape(0)?.last(),
        window,
        quantized: cx.attrs().bool("quantized", false)?,
    }))
}

fn import_separable(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    let (window, filters, channels) = (window(cx, spatial)?, filters(cx)?, cx.shape(0)?.last());
    let kernel = depthwise_kernel(cx, "depthwise_kernel", &window)?;
    let wide = kernel.shape()[spatial + 1];
    let shape = [vec![1; spatial].as_slice(), &[wide, filters]].concat();
    let pointwise = cx.weight_of("pointwise_kernel", &shape)?;
    let bias = bias(cx, filters)?;
    cx.attrs().ignore(&["groups"]);
    let mut made = Imported::default();
    let depthwise =
        Conv { kernel: kernel.into(), bias: None, groups: channels, window, quantized: false };
    let depthwise = made.add("depthwise", depthwise, &[Operand::Input(0)]);
    let window = Window::of(&vec![1; spatial]);
    let pointwise = Conv { kernel: pointwise.into(), bias, groups: 1, window, quantized: false };
    let output = made.add("", pointwise, &[depthwise]);
    Ok(made.with_outputs([output]))
}

fn import_transposed(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    cx.channels_last()?;
    let (filters, channels) = (filters(cx)?, cx.shape(0)?.last());
    let stride = cx.spatial("strides", spatial, 1)?;
    let dilation = cx.spatial("dilation_rate", spatial, 1)?;
    let size = cx.spatial("kernel_size", spatial, 1)?;
    if cx.attrs().int("groups", 1)? != 1 {
        return Err(cx.value_error("groups", cx.attrs().int("groups", 1)?, "1"));
    }
    let extra = match cx.attrs().get("output_padding") {
        None => vec![None; spatial],
        Some(_) => {
            let given = cx.attrs().ints("output_padding")?.unwrap_or_default();
            let all = if given.len() == 1 { vec![given[0]; spatial] } else { given };
            if all.len() != spatial || all.iter().any(|it| !(0..1 << 20).contains(it)) {
                let found = format!("{all:?}");
                return Err(cx.value_error("output_padding", found, "a number for each axis"));
            }
            all.into_iter().map(Some).collect()
        }
    };
    let same = match cx.attrs().str("padding", "valid")?.to_ascii_lowercase().as_str() {
        "valid" => false,
        "same" => true,
        other => return Err(cx.value_error("padding", other, "valid, same")),
    };
    let crop = (0..spatial).map(|axis| {
        let reach = (size[axis] - 1) * dilation[axis] + 1;
        crop(reach as i64, stride[axis] as i64, same, extra[axis])
    });
    let crop = crop.collect();
    // Keras files outputs before inputs.
    let kernel = cx.weight_of("kernel", &[size.as_slice(), &[filters, channels]].concat())?;
    let mut kernel = kernel;
    kernel.swap_axes(spatial, spatial + 1);
    let bias = bias(cx, filters)?;
    Ok(Imported::unary(ConvTranspose {
        kernel: kernel.into(),
        bias,
        groups: 1,
        stride,
        dilation,
        crop,
        quantized: false,
    }))
}

/// What Keras cuts off the full result of a kernel that covers `reach` elements.
fn crop(reach: i64, stride: i64, same: bool, extra: Option<i64>) -> (i64, i64) {
    if !same {
        return (0, -extra.unwrap_or((stride - reach).max(0)));
    }
    let total = match extra {
        None => stride + reach - 2,
        Some(extra) => reach + reach % 2 - 2 + extra,
    };
    let left = (total / 2 + total % 2).min(reach - 1);
    (reach - 1 - left, reach - 1 - (total - left))
}
