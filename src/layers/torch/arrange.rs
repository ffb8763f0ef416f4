//! Shapes, orders, parts, joins and padding.

use super::{axis, sizes};
use crate::layers::import::Operand;
use crate::layers::interpolate::{self, MAX_ENTRIES};
use crate::layers::{
    Concatenate, Import, Imported, LayerError, Pad, Permute, Reshape, Spelling, Take,
};
use crate::nn::Shape;
use crate::source::Attr;

pub(super) const RESHAPE: &[Spelling] = &[
    Spelling::torch("view", import_shape),
    Spelling::torch("reshape", import_shape),
    Spelling::torch("flatten", import_shape),
    Spelling::torch("unflatten", import_shape),
    Spelling::torch("squeeze", import_shape),
    Spelling::torch("unsqueeze", import_shape),
];

pub(super) const PERMUTE: &[Spelling] = &[
    Spelling::torch("permute", import_permute),
    Spelling::torch("pixel_shuffle", import_pixel_shuffle),
];

pub(super) const CONCATENATE: &[Spelling] = &[Spelling::torch("cat", import_cat)];

pub(super) const TAKE: &[Spelling] = &[
    Spelling::torch("slice", import_slice),
    Spelling::torch("select", import_select),
    Spelling::torch("split", import_split),
    Spelling::torch("expand", import_expand),
    Spelling::torch("upsample_nearest1d", import_upsample),
    Spelling::torch("upsample_nearest2d", import_upsample),
    Spelling::torch("upsample_linear1d", import_interpolate),
    Spelling::torch("upsample_bilinear2d", import_interpolate),
];

pub(super) const PAD: &[Spelling] =
    &[Spelling::torch("pad", import_pad), Spelling::torch("constant_pad_nd", import_pad)];

fn import_shape(cx: &Import<'_>) -> Result<Imported, LayerError> {
    Ok(Imported::unary(Reshape { shape: Shape(sizes(cx, "shape")?) }))
}

fn import_permute(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let order = sizes(cx, "dims")?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    match sorted.into_iter().eq(0..cx.shape(0)?.0.len()) {
        true => Ok(Imported::unary(Permute { order })),
        false => Err(cx.value_error("dims", format!("{order:?}"), "an order of all axes")),
    }
}

/// Channels become blocks of pixels.
fn import_pixel_shuffle(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let factor = cx.attrs().int("upscale_factor", 1)?;
    let wrong = || cx.value_error("upscale_factor", factor, "its square divides the channels");
    let [channels, height, width] = cx.shape(0)?.0[..] else { return Err(wrong()) };
    let r =
        usize::try_from(factor).ok().filter(|it| (1..1 << 10).contains(it)).ok_or_else(wrong)?;
    if !channels.is_multiple_of(r * r) {
        return Err(wrong());
    }
    let depth = channels / (r * r);
    let mut made = Imported::default();
    let blocks = Reshape { shape: Shape(vec![depth, r, r, height, width]) };
    let blocks = made.add("blocks", blocks, &[Operand::Input(0)]);
    let turned = made.add("turned", Permute { order: vec![0, 3, 1, 4, 2] }, &[blocks]);
    let shape = Shape(vec![depth, height * r, width * r]);
    let output = made.add("", Reshape { shape }, &[turned]);
    Ok(made.with_outputs([output]))
}

fn import_cat(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let operands: Vec<usize> = (0..cx.node.inputs.len()).collect();
    for operand in &operands {
        cx.shape(*operand)?;
    }
    match operands[..] {
        [] => Err(cx.value_error("number of tensors", 0, "1 and more")),
        _ => Ok(Imported::of(Concatenate { axis: axis(cx, "dim")? }, operands)),
    }
}

fn import_slice(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let dim = axis(cx, "dim")?;
    let extent = cx.shape(0)?.0[dim];
    let number = |name, default| -> Result<usize, LayerError> {
        let given = cx.attrs().int(name, default)?;
        let wrong = || cx.value_error(name, given, "within the axis");
        usize::try_from(given).ok().ok_or_else(wrong)
    };
    let (start, end, step) = (number("start", 0)?, number("end", 0)?, number("step", 1)?);
    if step == 0 || end > extent {
        return Err(cx.value_error("end", end, "within the axis"));
    }
    Ok(Imported::unary(Take::along("Slice", dim, (start..end).step_by(step).collect())))
}

/// One place of an axis, which is then gone.
fn import_select(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let dim = axis(cx, "dim")?;
    let mut shape = cx.shape(0)?.0.clone();
    let extent = shape.remove(dim);
    let index = cx.attrs().int("index", 0)?;
    let wrong = || cx.value_error("index", index, "within the axis");
    let index = usize::try_from(index).ok().filter(|it| *it < extent).ok_or_else(wrong)?;
    let mut made = Imported::default();
    let take = Take::along("Slice", dim, vec![index]);
    let taken = made.add("taken", take, &[Operand::Input(0)]);
    let output = made.add("", Reshape { shape: Shape(shape) }, &[taken]);
    Ok(made.with_outputs([output]))
}

fn import_split(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let dim = axis(cx, "dim")?;
    let parts = sizes(cx, "sizes")?;
    let extent = cx.shape(0)?.0[dim];
    if parts.iter().try_fold(0usize, |all, it| all.checked_add(*it)) != Some(extent) {
        return Err(cx.value_error("sizes", format!("{parts:?}"), "parts of the whole axis"));
    }
    let mut made = Imported::default();
    let (mut start, mut outputs) = (0, Vec::new());
    for part in parts {
        let take = Take::along("Slice", dim, (start..start + part).collect());
        outputs.push(made.add("part", take, &[Operand::Input(0)]));
        start += part;
    }
    Ok(made.with_outputs(outputs))
}

/// Axes of 1 repeated, and new ones in front.
fn import_expand(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let shape = sizes(cx, "shape")?;
    let own = &cx.shape(0)?.0;
    let wrong = || cx.value_error("shape", format!("{shape:?}"), "the axes, those of 1 repeated");
    let added = shape.len().checked_sub(own.len()).ok_or_else(wrong)?;
    let inner = [&vec![1; added][..], own].concat();
    if own.len() < 2 {
        let expected = "channels and axes of space".to_owned();
        return Err(LayerError::Shapes { found: vec![cx.shape(0)?.clone()], expected });
    }
    let fits = |(from, to): (&usize, &usize)| from == to || (*from == 1 && *to < 1 << 20);
    if !inner.iter().zip(&shape).all(fits) {
        return Err(wrong());
    }
    let wide = (0..shape.len()).filter(|it| inner[*it] != shape[*it]);
    let places = wide.map(|it| (it, vec![0; shape[it]])).collect();
    let mut made = Imported::default();
    let grown = made.add("axes", Reshape { shape: Shape(inner) }, &[Operand::Input(0)]);
    let output = made.add("", Take { kind: "Expand", places }, &[grown]);
    Ok(made.with_outputs([output]))
}

/// Each pixel becomes a block of equal ones.
/// Output elements for each input element, along each axis of space.
fn factors(cx: &Import<'_>) -> Result<Vec<f64>, LayerError> {
    let own = &cx.shape(0)?.0;
    let extents = own.get(1..).unwrap_or_default();
    cx.attrs().ignore(&["scales", "scales_h", "scales_w"]);
    let wanted = sizes(cx, "output_size")?;
    let factors: Vec<f64> = match cx.attrs().get("scale_factors") {
        Some(Attr::List(items)) => {
            items.iter().map(|it| if let Attr::Float(v) = it { *v } else { f64::NAN }).collect()
        }
        _ => extents.iter().zip(&wanted).map(|(from, to)| *to as f64 / *from as f64).collect(),
    };
    let fits =
        |(extent, factor): (&usize, &f64)| (1.0..=16384.0).contains(&(*extent as f64 * factor));
    match factors.len() == extents.len() && extents.iter().zip(&factors).all(fits) {
        true => Ok(factors),
        false => {
            let found = format!("{factors:?}");
            Err(cx.value_error("scale_factors", found, "1 to 16384 elements along each axis"))
        }
    }
}

fn import_upsample(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let factors = factors(cx)?;
    if factors.iter().any(|it| it.fract() != 0.0) {
        return Err(cx.value_error("scale_factors", format!("{factors:?}"), "whole numbers"));
    }
    let along = |(at, (extent, factor)): (usize, (&usize, &f64))| {
        let factor = *factor as usize;
        (at + 1, (0..extent * factor).map(|it| it / factor).collect())
    };
    let places = cx.shape(0)?.0[1..].iter().zip(&factors).enumerate().map(along).collect();
    Ok(Imported::unary(Take { kind: "UpSampling2D", places }))
}

/// The corners of the image stay where they are, or every element is the middle of its part.
fn import_interpolate(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let corners = cx.attrs().bool("align_corners", false)?;
    let factors = factors(cx)?;
    let shape = &cx.shape(0)?.0;
    let mut maps = Vec::new();
    for (axis, factor) in factors.into_iter().enumerate() {
        let extent = shape[axis + 1];
        let length = (extent as f64 * factor).floor() as usize;
        if extent.saturating_mul(length) > MAX_ENTRIES {
            return Err(cx.value_error("output_size", length, "not that many elements"));
        }
        let position = |at: usize| match (corners, length) {
            (true, 1) => 0.0,
            (true, _) => at as f64 * (extent as f64 - 1.0) / (length as f64 - 1.0),
            (false, _) => (at as f64 + 0.5) / factor - 0.5,
        };
        let map = interpolate::matrix(extent, length, |at| Some(position(at)));
        maps.extend(map.map(|it| (axis + 1, it)));
    }
    Ok(interpolate::along(maps, shape.len()))
}

/// Pads come in pairs, the last axis first; with zeros, or with elements of the tensor.
fn import_pad(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let pads = cx.attrs().ints("pad")?.unwrap_or_default();
    let mode = cx.attrs().str("mode", "constant")?;
    let value = cx.attrs().float("value", 0.0)?;
    let own = cx.shape(0)?.0.clone();
    let wrong = || cx.value_error("pad", format!("{pads:?}"), "pairs of at least 0 and sensible");
    let mut amounts = vec![(0, 0); own.len()];
    for (idx, pair) in pads.chunks(2).enumerate() {
        let axis = own.len().checked_sub(idx + 1).ok_or_else(wrong)?;
        let amount = |at: usize| {
            let amount = pair.get(at).and_then(|it| usize::try_from(*it).ok());
            amount.filter(|it| *it < 1 << 20).ok_or_else(wrong)
        };
        amounts[axis] = (amount(0)?, amount(1)?);
    }
    match mode {
        "constant" if value == 0.0 => return Ok(Imported::unary(Pad { amounts })),
        "constant" => return Err(cx.value_error("value", value, "0")),
        _ => {}
    }
    let take = repeated(&own, &amounts, mode).ok_or_else(wrong)?;
    Ok(Imported::unary(take))
}

/// Padding with elements of the tensor itself; `None` if there are not enough of them.
pub(in crate::layers) fn repeated(
    own: &[usize],
    amounts: &[(usize, usize)],
    mode: &str,
) -> Option<Take> {
    let mut places = Vec::new();
    for (axis, (before, behind)) in amounts.iter().copied().enumerate() {
        let extent = own[axis] as i64;
        let range = -(before as i64)..extent + behind as i64;
        let inside = |at: i64| match mode {
            "replicate" => Some(at.clamp(0, extent - 1)),
            "circular" => Some(at.rem_euclid(extent)),
            "reflect" if at < 0 => Some(-at),
            "reflect" if at >= extent => Some(2 * (extent - 1) - at),
            "reflect" => Some(at),
            _ => None,
        };
        let place = |at| inside(at).filter(|it| (0..extent).contains(it)).map(|it| it as usize);
        if before + behind > 0 {
            places.push((axis, range.map(place).collect::<Option<_>>()?));
        }
    }
    Some(Take { kind: "Pad", places })
}
