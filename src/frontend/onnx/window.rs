//! Shapes behind convolutions and pooling.

use super::call::{Call, Shape};
use super::error::FoldError;

/// How a window moves along one axis.
struct Window {
    kernel: i64,
    stride: i64,
    dilation: i64,
    /// Padding before and after; `None` where `auto_pad` keeps the extent.
    pads: Option<(i64, i64)>,
}

impl Window {
    /// Extent of the dilated kernel.
    fn reach(&self) -> i128 {
        (i128::from(self.kernel) - 1) * i128::from(self.dilation) + 1
    }
}

/// `[batch, filters, ...]`.
pub(super) fn conv(call: &Call) -> Result<Shape, FoldError> {
    let (batch, _, image) = axes(call.shape(0)?)?;
    let (filters, _, kernel) = axes(call.shape(1)?)?;
    let windows = windows(call, kernel)?;
    spatial(&[batch, filters], image, &windows, |extent, it| slide(extent, it, false))
}

/// `[batch, group * filters, ...]`.
pub(super) fn conv_transpose(call: &Call) -> Result<Shape, FoldError> {
    let (batch, _, image) = axes(call.shape(0)?)?;
    let (_, filters, kernel) = axes(call.shape(1)?)?;
    let group = positive("group", call.attrs().int("group", 1)?)?;
    let group = group.checked_mul(filters as i64).unwrap_or(i64::MAX) as usize;
    if let Some(shape) = call.attrs().ints("output_shape")? {
        return Ok([vec![batch, group], super::shape::extents(&shape)?].concat());
    }
    let windows = windows(call, kernel)?;
    let mut extra = call.attrs().ints("output_padding")?.unwrap_or_default().into_iter();
    spatial(&[batch, group], image, &windows, |extent, it| {
        let stride = i128::from(it.stride);
        let extra = i128::from(extra.next().unwrap_or(0));
        match it.pads {
            None => extent * stride,
            Some((before, after)) => {
                let pads = i128::from(before) + i128::from(after);
                stride * (extent - 1) + extra + it.reach() - pads
            }
        }
    })
}

/// `[batch, channels, ...]`.
pub(super) fn pool(call: &Call) -> Result<Shape, FoldError> {
    let (batch, channels, image) = axes(call.shape(0)?)?;
    let windows = windows(call, &[])?;
    let ceil = call.attrs().bool("ceil_mode", false)?;
    spatial(&[batch, channels], image, &windows, |extent, it| slide(extent, it, ceil))
}

/// `[batch, channels, 1, ...]`.
pub(super) fn global_pool(call: &Call) -> Result<Shape, FoldError> {
    let (batch, channels, image) = axes(call.shape(0)?)?;
    Ok([vec![batch, channels], vec![1; image.len()]].concat())
}

fn axes(shape: &[usize]) -> Result<(usize, usize, &[usize]), FoldError> {
    match shape {
        [first, second, rest @ ..] => Ok((*first, *second, rest)),
        _ => Err(FoldError::Axis { axis: 1, rank: shape.len() }),
    }
}

fn positive(what: &'static str, value: i64) -> Result<i64, FoldError> {
    if value > 0 { Ok(value) } else { Err(FoldError::Value { what, value }) }
}

/// The windows of all axes; `kernel` where the attribute may be left out.
fn windows(call: &Call, kernel: &[usize]) -> Result<Vec<Window>, FoldError> {
    let kernel = match call.attrs().ints("kernel_shape")? {
        Some(kernel) => kernel,
        None => kernel.iter().map(|it| *it as i64).collect(),
    };
    let rank = kernel.len();
    let list = |name, default: i64, count| -> Result<Vec<i64>, FoldError> {
        let values = call.attrs().ints(name)?.unwrap_or_else(|| vec![default; count]);
        match values.len() == count {
            true => Ok(values),
            false => Err(FoldError::Mismatch { left: vec![values.len()], right: vec![count] }),
        }
    };
    let (strides, dilations) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
    let pads = list("pads", 0, 2 * rank)?;
    let auto = call.attrs().str("auto_pad", "NOTSET")?;
    let window = |idx: usize| {
        let pads = match auto {
            "SAME_UPPER" | "SAME_LOWER" => None,
            "VALID" => Some((0, 0)),
            _ => Some((pads[idx], pads[rank + idx])),
        };
        Ok(Window {
            kernel: positive("kernel_shape", kernel[idx])?,
            stride: positive("strides", strides[idx])?,
            dilation: positive("dilations", dilations[idx])?,
            pads,
        })
    };
    (0..rank).map(window).collect()
}

/// The leading extents, then those `extent` makes of the image.
fn spatial(
    leading: &[usize],
    image: &[usize],
    windows: &[Window],
    mut extent: impl FnMut(i128, &Window) -> i128,
) -> Result<Shape, FoldError> {
    if image.len() != windows.len() {
        return Err(FoldError::Axis { axis: windows.len() as i64 + 1, rank: image.len() + 2 });
    }
    let mut shape = leading.to_vec();
    for (from, window) in image.iter().zip(windows) {
        let to = usize::try_from(extent(*from as i128, window));
        let wrong = || FoldError::Value { what: "kernel_shape", value: window.kernel };
        shape.push(to.ok().filter(|it| *it > 0).ok_or_else(wrong)?);
    }
    Ok(shape)
}

/// Number of places of a window along an axis.
fn slide(extent: i128, window: &Window, ceil: bool) -> i128 {
    let stride = i128::from(window.stride);
    let Some((before, after)) = window.pads else {
        return (extent + stride - 1) / stride;
    };
    let (before, after) = (i128::from(before), i128::from(after));
    let room = extent + before + after - window.reach();
    match (room < 0, ceil) {
        (true, _) => 0,
        (false, false) => room / stride + 1,
        (false, true) => {
            let count = (room + stride - 1) / stride + 1;
            // A window that would start in the padding behind the image is none.
            if (count - 1) * stride >= extent + before { count - 1 } else { count }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kernel: i64, stride: i64, dilation: i64, pads: Option<(i64, i64)>) -> Window {
        Window { kernel, stride, dilation, pads }
    }

    #[test]
    fn windows_slide() {
        assert_eq!(slide(12, &window(3, 2, 1, Some((1, 1))), false), 6);
        assert_eq!(slide(7, &window(3, 1, 2, Some((0, 0))), false), 3);
        assert_eq!(slide(7, &window(5, 2, 1, None), false), 4);
        assert_eq!(slide(6, &window(3, 2, 1, Some((0, 0))), false), 2);
        assert_eq!(slide(6, &window(3, 2, 1, Some((0, 0))), true), 3);
        assert_eq!(slide(2, &window(2, 2, 1, Some((0, 1))), true), 1);
        assert_eq!(slide(2, &window(3, 1, 1, Some((0, 0))), false), 0);
    }
}
