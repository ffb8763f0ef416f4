//! Convolutions: channels first, weights `[out, in, taps...]`, transposed ones `[in, out, taps...]`.

use crate::layers::torch::conv::{bias, kernel};
use crate::layers::torch::on_axis;
use crate::layers::window::Window;
use crate::layers::{Conv, ConvTranspose, Import, Imported, LayerError, Spelling};

pub(super) const CONV: &[Spelling] = &[
    Spelling::onnx("Conv", |cx| import(cx, 0)),
    Spelling::onnx("qonnx.custom_op.channels_last::Conv", |cx| {
        import(cx, cx.shape(0)?.0.len().saturating_sub(1))
    }),
];

pub(super) const TRANSPOSED: &[Spelling] = &[Spelling::onnx("ConvTranspose", import_transposed)];

/// Extents of the spatial axes, where the channels are at `channels`.
pub(super) fn extents(cx: &Import<'_>, channels: usize) -> Result<Vec<usize>, LayerError> {
    let mut extents = cx.shape(0)?.0.clone();
    if channels < extents.len() {
        extents.remove(channels);
    }
    Ok(extents)
}

/// How padding is asked for: all begins, then all ends, or by a name.
pub(super) enum Padding {
    Given(Vec<(usize, usize)>),
    SameUpper,
    SameLower,
}

/// Reads `pads` and `auto_pad`.
pub(super) fn padding(cx: &Import<'_>, spatial: usize) -> Result<Padding, LayerError> {
    let pads = cx.attrs().ints("pads")?;
    let given = pads.clone().unwrap_or_else(|| vec![0; 2 * spatial]);
    match cx.attrs().str("auto_pad", "NOTSET")? {
        "NOTSET" => {}
        "VALID" => return Ok(Padding::Given(vec![(0, 0); spatial])),
        "SAME_UPPER" => return Ok(Padding::SameUpper),
        "SAME_LOWER" => return Ok(Padding::SameLower),
        other => {
            let supported = "NOTSET, VALID, SAME_UPPER, SAME_LOWER";
            return Err(cx.value_error("auto_pad", other, supported));
        }
    }
    let wrong = || cx.value_error("pads", format!("{given:?}"), "two of at least 0 for each axis");
    let amount = |it: &i64| usize::try_from(*it).ok().filter(|it| *it < 1 << 20);
    let amounts: Vec<usize> = given.iter().map(amount).collect::<Option<_>>().ok_or_else(wrong)?;
    match amounts.len() == 2 * spatial {
        true => Ok(Padding::Given(
            (0..spatial).map(|it| (amounts[it], amounts[it + spatial])).collect(),
        )),
        false => Err(wrong()),
    }
}

/// The window with its padding.
pub(super) fn padded(
    cx: &Import<'_>,
    mut window: Window,
    extents: &[usize],
) -> Result<Window, LayerError> {
    match padding(cx, window.size.len())? {
        Padding::Given(pads) => window.pad = pads,
        // Every tap and place must fit before the extents are used.
        _ if extents.len() != window.size.len() => {}
        Padding::SameUpper => window = window.same(extents),
        Padding::SameLower => {
            window = window.same(extents);
            window.pad.iter_mut().for_each(|it| *it = (it.1, it.0));
        }
    }
    Ok(window)
}

fn groups(cx: &Import<'_>, channels: usize) -> Result<usize, LayerError> {
    let groups = cx.attrs().int("group", 1)?;
    let divides = |it: &usize| *it > 0 && channels.is_multiple_of(*it);
    let wrong = || cx.value_error("group", groups, "a divisor of the number of channels");
    usize::try_from(groups).ok().filter(divides).ok_or_else(wrong)
}

/// The size may be said again; it must be that of the weights.
fn check_size(cx: &Import<'_>, size: &[usize]) -> Result<(), LayerError> {
    match cx.attrs().ints("kernel_shape")? {
        Some(given) if !given.iter().map(|it| *it as usize).eq(size.iter().copied()) => {
            Err(cx.value_error("kernel_shape", format!("{given:?}"), "that of the weights"))
        }
        _ => Ok(()),
    }
}

fn import(cx: &Import<'_>, channels: usize) -> Result<Imported, LayerError> {
    let (kernel, spatial) = kernel(cx, [1, 0])?;
    let size = &kernel.shape()[..spatial];
    check_size(cx, size)?;
    let outputs = kernel.shape()[spatial + 1];
    let groups = groups(cx, cx.shape(0)?.0[channels])?;
    let window = Window {
        stride: cx.spatial("strides", spatial, 1)?,
        dilation: cx.spatial("dilations", spatial, 1)?,
        ..Window::of(size)
    };
    let window = padded(cx, window, &extents(cx, channels)?)?;
    let bias = bias(cx, outputs)?;
    on_axis(
        cx,
        0,
        channels,
        Conv { kernel, bias, groups, window, quantized: cx.attrs().bool("quantized", false)? },
    )
}

fn import_transposed(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (kernel, spatial) = kernel(cx, [0, 1])?;
    let size = &kernel.shape()[..spatial];
    check_size(cx, size)?;
    let groups = groups(cx, cx.shape(0)?.0[0])?;
    let outputs = kernel.shape()[spatial + 1].saturating_mul(groups);
    let stride = cx.spatial("strides", spatial, 1)?;
    let dilation = cx.spatial("dilations", spatial, 1)?;
    let extra = cx.attrs().ints("output_padding")?.unwrap_or_else(|| vec![0; spatial]);
    let sensible = |it: &i64| (0..1 << 20).contains(it);
    if extra.len() != spatial || !extra.iter().all(sensible) {
        let found = format!("{extra:?}");
        return Err(cx.value_error("output_padding", found, "at least 0 for each axis"));
    }
    let wanted = cx.attrs().ints("output_shape")?;
    if let Some(wanted) =
        wanted.as_ref().filter(|it| it.len() != spatial || !it.iter().all(sensible))
    {
        return Err(cx.value_error("output_shape", format!("{wanted:?}"), "the spatial extents"));
    }
    let extents = extents(cx, 0)?;
    let padding = padding(cx, spatial)?;
    let crop = |axis: usize| {
        let reach = (size[axis] as i64 - 1) * dilation[axis] as i64 + 1;
        let (stride, extent) = (stride[axis] as i64, extents[axis] as i64);
        let full = stride * (extent - 1) + reach;
        // Extents that are asked for decide the padding; its odd one is behind for SAME_UPPER only.
        let total = match (&wanted, &padding) {
            (Some(wanted), _) => full + extra[axis] - wanted[axis],
            (None, Padding::Given(pads)) => {
                return (pads[axis].0 as i64, pads[axis].1 as i64 - extra[axis]);
            }
            (None, _) => full + extra[axis] - extent * stride,
        };
        // More is asked for than there is: zeros behind.
        let total = total.max(0);
        let half = total / 2;
        let (before, behind) = match padding {
            Padding::SameUpper => (half, total - half),
            _ => (total - half, half),
        };
        let missing = match &wanted {
            Some(wanted) => (full - total) - wanted[axis],
            None => -extra[axis],
        };
        (before, behind + missing)
    };
    let crop = (0..spatial).map(crop).collect();
    let bias = bias(cx, outputs)?;
    on_axis(
        cx,
        0,
        0,
        ConvTranspose { bias, groups, stride, dilation, crop, kernel, quantized: false },
    )
}
