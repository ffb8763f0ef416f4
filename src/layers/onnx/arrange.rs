//! Orders, parts, joins, repetitions and padding.

use super::{needed, operand, rank};
use crate::layers::axes::sample_axis;
use crate::layers::import::Operand;
use crate::layers::torch::arrange::repeated;
use crate::layers::{
    Concatenate, Constant, Identity, Import, Imported, LayerError, Pad, Permute, Reshape, Spelling,
    Take,
};
use crate::nn::{Shape, Tensor};

pub(super) const PERMUTE: &[Spelling] = &[
    Spelling::onnx("Transpose", import_transpose),
    Spelling::onnx("DepthToSpace", import_depth_to_space),
    Spelling::onnx("SpaceToDepth", import_space_to_depth),
];

pub(super) const CONCATENATE: &[Spelling] = &[Spelling::onnx("Concat", import_concat)];

pub(super) const TAKE: &[Spelling] = &[
    Spelling::onnx("Slice", import_slice),
    Spelling::onnx("Gather", import_gather),
    Spelling::onnx("Split", import_split),
    Spelling::onnx("Expand", import_expand),
    Spelling::onnx("Tile", import_tile),
];

pub(super) const PAD: &[Spelling] = &[Spelling::onnx("Pad", import_pad)];

/// One axis of the first operand.
fn axis(cx: &Import<'_>, given: i64) -> Result<usize, LayerError> {
    Ok(super::sample_axes(cx, &[given], "axis")?[0])
}

fn import_transpose(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = cx.shape(0)?.0.len() as i64;
    let given = cx.attrs().ints("perm")?.unwrap_or_else(|| (0..=rank).rev().collect());
    let wrong = || cx.value_error("perm", format!("{given:?}"), "the batch axis first");
    match given.split_first() {
        Some((0, order)) if order.len() as i64 == rank => {
            let order = super::sample_axes(cx, order, "perm")?;
            Ok(Imported::unary(Permute { order }))
        }
        _ => Err(wrong()),
    }
}

/// Block size, channels, height and width.
fn image(cx: &Import<'_>) -> Result<(usize, [usize; 3]), LayerError> {
    let size = cx.attrs().int("blocksize", 0)?;
    let wrong = || cx.value_error("blocksize", size, "a divisor of the extents of an image");
    let [channels, height, width] = cx.shape(0)?.0[..] else { return Err(wrong()) };
    let block = usize::try_from(size).ok().filter(|it| (1..1 << 10).contains(it));
    Ok((block.ok_or_else(wrong)?, [channels, height, width]))
}

/// Three layers: split axes, another order, joined axes.
fn rearranged(split: Vec<usize>, order: Vec<usize>, joined: Vec<usize>) -> Imported {
    let mut made = Imported::default();
    let blocks = made.add("blocks", Reshape { shape: Shape(split) }, &[Operand::Input(0)]);
    let turned = made.add("turned", Permute { order }, &[blocks]);
    let output = made.add("", Reshape { shape: Shape(joined) }, &[turned]);
    made.with_outputs([output])
}

fn import_depth_to_space(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (b, [channels, height, width]) = image(cx)?;
    if !channels.is_multiple_of(b * b) {
        return Err(cx.value_error("blocksize", b, "its square divides the channels"));
    }
    let depth = channels / (b * b);
    let joined = vec![depth, height * b, width * b];
    match cx.attrs().str("mode", "DCR")? {
        "DCR" => Ok(rearranged(vec![b, b, depth, height, width], vec![2, 3, 0, 4, 1], joined)),
        "CRD" => Ok(rearranged(vec![depth, b, b, height, width], vec![0, 3, 1, 4, 2], joined)),
        other => Err(cx.value_error("mode", other, "DCR, CRD")),
    }
}

fn import_space_to_depth(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (b, [channels, height, width]) = image(cx)?;
    if !height.is_multiple_of(b) || !width.is_multiple_of(b) {
        return Err(cx.value_error("blocksize", b, "a divisor of the extents of an image"));
    }
    let split = vec![channels, height / b, b, width / b, b];
    let joined = vec![channels * b * b, height / b, width / b];
    Ok(rearranged(split, vec![2, 4, 0, 1, 3], joined))
}

fn import_concat(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = rank(cx)?;
    let given = cx.attrs().int("axis", 1)?;
    let wrong = || cx.value_error("axis", given, "an axis behind the batch axis");
    let axis = sample_axis(given, rank).ok_or_else(wrong)?;
    let mut made = Imported::default();
    let mut operands = Vec::new();
    for index in 0..cx.node.inputs.len() {
        operands.push(operand(cx, index, rank, &mut made)?);
    }
    let output = made.add("", Concatenate { axis }, &operands);
    Ok(made.with_outputs([output]))
}

/// The places that a slice takes of an axis, as numpy counts.
fn places(extent: usize, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    let wide = extent as i64;
    let from_end = |it: i64| if it < 0 { it.saturating_add(wide) } else { it };
    if extent == 0 || step == 0 {
        return None;
    }
    let mut places = Vec::new();
    let (low, high) = if step > 0 { (0, wide) } else { (-1, wide - 1) };
    let (mut at, end) = (from_end(start).clamp(low.max(0), high), from_end(end).clamp(low, high));
    while (step > 0 && at < end) || (step < 0 && at > end) {
        places.push(at as usize);
        at = at.saturating_add(step);
    }
    Some(places)
}

fn import_slice(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let starts = super::ints(cx, 1, "starts")?.ok_or(LayerError::Missing { role: "starts" })?;
    let ends = super::ints(cx, 2, "ends")?.ok_or(LayerError::Missing { role: "ends" })?;
    let axes = super::ints(cx, 3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = match cx.constant(4)? {
        Some(steps) => steps.iter().map(|it| *it as i64).collect(),
        None => vec![1; starts.len()],
    };
    let wrong = || cx.value_error("starts", format!("{starts:?}"), "one for each end and axis");
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(wrong());
    }
    let shape = &cx.shape(0)?.0;
    let rank = shape.len() as i64;
    let mut all = Vec::new();
    for (idx, given) in axes.iter().enumerate() {
        // All of the batch may be taken.
        let whole = starts[idx] == 0 && steps[idx] == 1 && ends[idx] >= i64::from(i32::MAX);
        if (*given == 0 || *given == -rank - 1) && whole {
            continue;
        }
        let axis = axis(cx, *given)?;
        let places = places(shape[axis], starts[idx], ends[idx], steps[idx]).ok_or_else(wrong)?;
        all.push((axis, places));
    }
    Ok(Imported::unary(Take { kind: "Slice", places: all }))
}

/// Constant indices of data; a table that data picks rows of is an embedding.
fn import_gather(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let given = cx.attrs().int("axis", 0)?;
    if cx.shape(0).is_err() {
        return embedding(cx, given);
    }
    let axis = axis(cx, given)?;
    let shape = &cx.shape(0)?.0;
    let extent = shape[axis];
    let indices = needed(cx, 1, "indices")?;
    let place = |it: &f64| {
        let at = if *it < 0.0 { *it + extent as f64 } else { *it };
        (0.0..extent as f64).contains(&at).then_some(at as usize)
    };
    let wrong = || cx.value_error("indices", format!("{indices:?}"), "places on the axis");
    let places: Vec<usize> = indices.iter().map(place).collect::<Option<_>>().ok_or_else(wrong)?;
    let take = Take::along("Gather", axis, places);
    if indices.ndim() == 1 {
        return Ok(Imported::unary(take));
    }
    let result = [&shape[..axis], indices.shape(), &shape[axis + 1..]].concat();
    let mut made = Imported::default();
    let taken = made.add("taken", take, &[Operand::Input(0)]);
    let output = made.add("", Reshape { shape: Shape(result) }, &[taken]);
    Ok(made.with_outputs([output]))
}

fn embedding(cx: &Import<'_>, axis: i64) -> Result<Imported, LayerError> {
    let table = needed(cx, 0, "table")?;
    if table.ndim() != 2 || table.is_empty() || axis != 0 {
        return Err(cx.value_error("axis", axis, "0 of a table of rows"));
    }
    Ok(Imported::of(crate::layers::Embedding { table: table.clone() }, [1]))
}

fn import_split(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axis = axis(cx, cx.attrs().int("axis", 0)?)?;
    let extent = cx.shape(0)?.0[axis];
    let count = cx.attrs().int("num_outputs", cx.node.outputs.len() as i64)?;
    let parts = match super::ints(cx, 1, "split")? {
        Some(parts) => parts.iter().map(|it| usize::try_from(*it).unwrap_or(usize::MAX)).collect(),
        None => {
            let count = usize::try_from(count).ok().filter(|it| (1..=extent).contains(it));
            let wrong = || cx.value_error("num_outputs", count.unwrap_or(0), "parts of the axis");
            let count = count.ok_or_else(wrong)?;
            let part = extent.div_ceil(count);
            (0..count).map(|it| extent.saturating_sub(it * part).min(part)).collect::<Vec<_>>()
        }
    };
    if parts.iter().try_fold(0usize, |all, it| all.checked_add(*it)) != Some(extent) {
        return Err(cx.value_error("split", format!("{parts:?}"), "parts of the whole axis"));
    }
    let mut made = Imported::default();
    let (mut start, mut outputs) = (0, Vec::new());
    // Outputs at the end that nothing reads are gone.
    for part in parts.into_iter().take(cx.node.outputs.len()) {
        let take = Take::along("Slice", axis, (start..start + part).collect());
        outputs.push(made.add("part", take, &[Operand::Input(0)]));
        start += part;
    }
    Ok(made.with_outputs(outputs))
}

/// The shape broadcasts both ways; its batch is 1.
fn import_expand(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let target = super::ints(cx, 1, "shape")?.ok_or(LayerError::Missing { role: "shape" })?;
    let own = &cx.shape(0)?.0;
    let wrong = || cx.value_error("shape", format!("{target:?}"), "the axes, those of 1 repeated");
    let target = match target.len() == own.len() + 1 {
        true if target[0] == 1 => &target[1..],
        false if target.len() <= own.len() => &target[..],
        _ => return Err(wrong()),
    };
    let ahead = own.len() - target.len();
    let mut places = Vec::new();
    for (axis, extent) in target.iter().enumerate() {
        let extent = usize::try_from(*extent).ok().filter(|it| (1..1 << 20).contains(it));
        let extent = extent.ok_or_else(wrong)?;
        match own[ahead + axis] {
            1 if extent > 1 => places.push((ahead + axis, vec![0; extent])),
            own if own == extent || extent == 1 => {}
            _ => return Err(wrong()),
        }
    }
    Ok(Imported::unary(Take { kind: "Expand", places }))
}

fn import_tile(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let repeats = super::ints(cx, 1, "repeats")?.ok_or(LayerError::Missing { role: "repeats" })?;
    let own = &cx.shape(0)?.0;
    let wrong =
        || cx.value_error("repeats", format!("{repeats:?}"), "1 for the batch, and 1 and more");
    if repeats.len() != own.len() + 1 || repeats[0] != 1 {
        return Err(wrong());
    }
    let mut places = Vec::new();
    for (axis, count) in repeats[1..].iter().enumerate() {
        let extent = own[axis];
        let count = usize::try_from(*count).ok().filter(|it| (1..1 << 16).contains(it));
        let total = count.and_then(|it| it.checked_mul(extent)).filter(|it| *it < 1 << 22);
        if count != Some(1) {
            places.push((axis, (0..total.ok_or_else(wrong)?).map(|it| it % extent).collect()));
        }
    }
    Ok(Imported::unary(Take { kind: "Tile", places }))
}

/// A value around a tensor of that shape: constants joined to it, axis by axis.
fn surrounded(
    mut shape: Vec<usize>,
    amounts: &[(usize, usize)],
    value: f64,
    made: &mut Imported,
    mut x: Operand,
) -> Operand {
    for (axis, (before, behind)) in amounts.iter().enumerate() {
        let mut side = |extent: usize| {
            let mut shape = shape.clone();
            shape[axis] = extent;
            let value = Tensor::from_elem(shape, value);
            (extent > 0).then(|| made.add("constant", Constant { value }, &[]))
        };
        let (first, last) = (side(*before), side(*behind));
        let operands: Vec<Operand> = first.into_iter().chain([x]).chain(last).collect();
        if operands.len() > 1 {
            x = made.add("joined", Concatenate { axis }, &operands);
            shape[axis] += before + behind;
        }
    }
    x
}

/// One value, or elements of the tensor; where negative, elements go.
fn import_pad(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let pads = super::ints(cx, 1, if cx.node.version < 2 { "paddings" } else { "pads" })?;
    let pads = pads.ok_or(LayerError::Missing { role: "pads" })?;
    let own = cx.shape(0)?.0.clone();
    let wrong =
        || cx.value_error("pads", format!("{pads:?}"), "two for each axis, 0 for the batch");
    let axes = match cx.constant(3)? {
        Some(axes) => axes.iter().map(|it| *it as i64).collect(),
        None => (0..=own.len() as i64).collect::<Vec<_>>(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(wrong());
    }
    let value = match cx.constant(2)? {
        Some(value) => value.first().copied().unwrap_or(0.0),
        None => cx.attrs().float("value", 0.0)?,
    };
    let (mut amounts, mut kept) = (vec![(0, 0); own.len()], Vec::new());
    for (idx, given) in axes.iter().enumerate() {
        let (before, behind) = (pads[idx], pads[idx + axes.len()]);
        if (before, behind) == (0, 0) {
            continue;
        }
        let axis = axis(cx, *given)?;
        let extent = own[axis] as i64;
        if before.abs().max(behind.abs()) >= 1 << 20 {
            return Err(wrong());
        }
        amounts[axis] = (before.max(0) as usize, behind.max(0) as usize);
        let (first, last) = ((-before).max(0), extent - (-behind).max(0));
        if first >= last {
            return Err(wrong());
        }
        if (first, last) != (0, extent) {
            kept.push((axis, (first as usize..last as usize).collect::<Vec<_>>()));
        }
    }
    let mode = cx.attrs().str("mode", "constant")?;
    let mut cut = own.clone();
    kept.iter().for_each(|(axis, it)| cut[*axis] = it.len());
    let all = cut.iter().zip(&amounts).try_fold(1usize, |all, (extent, (a, b))| {
        all.checked_mul(extent + a + b).filter(|it| *it < 1 << 20)
    });
    let mut made = Imported::default();
    let mut x = Operand::Input(0);
    let layer = match mode {
        "constant" if value == 0.0 => Pad { amounts }.into(),
        "constant" if !value.is_finite() || all.is_none() => {
            return Err(cx.value_error("value", value, "a number, in less than 2^20 elements"));
        }
        "constant" => {
            if !kept.is_empty() {
                x = made.add("cut", Take { kind: "Slice", places: kept }, &[x]);
            }
            x = surrounded(cut, &amounts, value, &mut made, x);
            let output = made.add("", Identity, &[x]);
            return Ok(made.with_outputs([output]));
        }
        _ => {
            let name = match mode {
                "edge" => "replicate",
                "wrap" => "circular",
                "reflect" => "reflect",
                other => {
                    return Err(cx.value_error("mode", other, "constant, reflect, edge, wrap"));
                }
            };
            crate::layers::Layer::from(repeated(&cut, &amounts, name).ok_or_else(wrong)?)
        }
    };
    if !kept.is_empty() {
        x = made.add("cut", Take { kind: "Slice", places: kept }, &[x]);
    }
    let output = made.add("", layer, &[x]);
    Ok(made.with_outputs([output]))
}
