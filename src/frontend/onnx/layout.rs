//! Shapes of the operators that move, cut and join: the same rules serve inference and folding.

use std::ops::Range;

use super::call::{Call, Shape};
use super::error::FoldError;
use super::shape::{axis, extents};

/// The axes that `Shape` reports.
pub(super) fn shape_range(call: &Call) -> Result<Range<usize>, FoldError> {
    let rank = call.shape(0)?.len();
    let limit = |value: i64| {
        let value = if value < 0 { value.saturating_add(rank as i64) } else { value };
        value.clamp(0, rank as i64) as usize
    };
    let start = limit(call.attrs().int("start", 0)?);
    let end = limit(call.attrs().int("end", i64::MAX)?);
    Ok(start..end.max(start))
}

/// Two axes: those before `axis`, and the rest.
pub(super) fn flatten(call: &Call) -> Result<Shape, FoldError> {
    let shape = call.shape(0)?;
    // The axis may be the end: then all axes are before it.
    let at = match call.attrs().int("axis", 1)? {
        it if it == shape.len() as i64 => shape.len(),
        it => axis(it, shape.len())?,
    };
    let product = |part: &[usize]| part.iter().try_fold(1usize, |all, it| all.checked_mul(*it));
    let (before, after) = shape.split_at(at);
    product(before)
        .zip(product(after))
        .map(|(before, after)| vec![before, after])
        .ok_or_else(|| FoldError::TooLarge { shape: shape.to_vec() })
}

/// The target, with 0 and -1 resolved.
pub(super) fn reshape(call: &Call) -> Result<Shape, FoldError> {
    let from = call.shape(0)?;
    let target = call.ints(1, "shape")?.ok_or(FoldError::Missing { what: "the target shape" })?;
    let literal_zero = call.attrs().bool("allowzero", false)?;
    // The batch is 1 here, even where the file fixes another one and repeats it in the target.
    if let [first, rest @ ..] = &target[..]
        && call.value(0).is_err()
        && usize::try_from(*first).is_ok_and(|it| it > 1 && call.batches().contains(&it))
    {
        let target: Vec<i64> = [&[1], rest].concat();
        if let Ok(shape) = reshaped(from, &target, literal_zero) {
            return Ok(shape);
        }
    }
    reshaped(from, &target, literal_zero)
}

fn reshaped(from: &[usize], target: &[i64], literal_zero: bool) -> Result<Shape, FoldError> {
    let wrong = || FoldError::Reshape { from: from.to_vec(), target: target.to_vec() };
    let product = |shape: &[usize]| shape.iter().try_fold(1usize, |all, it| all.checked_mul(*it));
    let extent = |(idx, it): (usize, &i64)| match *it {
        -1 => Some(1),
        0 if !literal_zero => from.get(idx).copied(),
        it => usize::try_from(it).ok(),
    };
    let mut shape: Shape =
        target.iter().enumerate().map(extent).collect::<Option<_>>().ok_or_else(wrong)?;
    let elements = product(from).ok_or_else(wrong)?;
    let known = product(&shape).ok_or_else(wrong)?;
    let mut open = target.iter().enumerate().filter(|it| *it.1 == -1).map(|it| it.0);
    match (open.next(), open.next()) {
        (None, _) if known == elements => Ok(shape),
        (Some(at), None) if known > 0 && elements.is_multiple_of(known) => {
            shape[at] = elements / known;
            Ok(shape)
        }
        _ => Err(wrong()),
    }
}

/// For every output axis: the input axis and its extent.
pub(super) fn permutation(call: &Call) -> Result<Vec<(usize, usize)>, FoldError> {
    let shape = call.shape(0)?;
    let rank = shape.len();
    let order: Vec<usize> = match call.attrs().ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(perm) => perm.iter().map(|it| axis(*it, rank)).collect::<Result<_, _>>()?,
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    match sorted.into_iter().eq(0..rank) {
        true => Ok(order.into_iter().map(|it| (it, shape[it])).collect()),
        false => Err(FoldError::Value {
            what: "perm is no permutation of the axes; its length",
            value: order.len() as i64,
        }),
    }
}

/// The axis and the shape.
pub(super) fn concat(call: &Call) -> Result<(usize, Shape), FoldError> {
    let mut shape = call.shape(0)?.to_vec();
    let at = match call.attrs().get("axis") {
        // It had a default in opset 1 only.
        None if call.version() >= 4 => return Err(FoldError::Missing { what: "attribute axis" }),
        _ => axis(call.attrs().int("axis", 1)?, shape.len())?,
    };
    for operand in call.given().skip(1) {
        let other = call.shape(operand)?;
        let fits = other.len() == shape.len()
            && (0..shape.len()).all(|it| it == at || shape[it] == other[it]);
        let sum = if fits { shape[at].checked_add(other[at]) } else { None };
        shape[at] =
            sum.ok_or_else(|| FoldError::Mismatch { left: shape.clone(), right: other.to_vec() })?;
    }
    Ok((at, shape))
}

/// Drops axes of 1.
pub(super) fn squeeze(call: &Call) -> Result<Shape, FoldError> {
    let shape = call.shape(0)?;
    let axes = match call.ints(1, "axes")? {
        None => (0..shape.len()).filter(|it| shape[*it] == 1).collect(),
        Some(axes) => {
            axes.iter().map(|it| axis(*it, shape.len())).collect::<Result<Vec<usize>, _>>()?
        }
    };
    if let Some(at) = axes.iter().find(|it| shape[**it] != 1) {
        return Err(FoldError::Value { what: "extent to squeeze", value: shape[*at] as i64 });
    }
    Ok((0..shape.len()).filter(|it| !axes.contains(it)).map(|it| shape[it]).collect())
}

/// Inserts axes of 1, at their places in the output.
pub(super) fn unsqueeze(call: &Call) -> Result<Shape, FoldError> {
    let mut rest = call.shape(0)?.iter();
    let axes = call.ints(1, "axes")?.ok_or(FoldError::Missing { what: "axes" })?;
    let rank = rest.len().saturating_add(axes.len());
    if rank > super::tensor::MAX_RANK {
        return Err(FoldError::Value { what: "number of axes", value: rank as i64 });
    }
    let new: Vec<usize> = axes.iter().map(|it| axis(*it, rank)).collect::<Result<_, _>>()?;
    let shape: Shape = (0..rank)
        .filter_map(|it| if new.contains(&it) { Some(1) } else { rest.next().copied() })
        .collect();
    // An axis given twice leaves too few places for the others.
    match shape.len() == rank && rest.next().is_none() {
        true => Ok(shape),
        false => Err(FoldError::Value { what: "number of axes", value: rank as i64 }),
    }
}

/// The part of an axis that `Slice` takes: `start`, `start + step`, ... (`count` of them).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) start: usize,
    pub(super) step: i64,
    pub(super) count: usize,
}

/// What is taken of every axis.
pub(super) fn slices(call: &Call) -> Result<Vec<Cut>, FoldError> {
    let shape = call.shape(0)?;
    let starts = call.ints(1, "starts")?.ok_or(FoldError::Missing { what: "starts" })?;
    let ends = call.ints(2, "ends")?.ok_or(FoldError::Missing { what: "ends" })?;
    let axes = call.ints(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = match call.has(4) {
        true => call.list(4)?,
        false => vec![1; starts.len()],
    };
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(FoldError::Mismatch { left: vec![starts.len()], right: vec![ends.len()] });
    }
    let mut cuts: Vec<Cut> =
        shape.iter().map(|extent| Cut { start: 0, step: 1, count: *extent }).collect();
    for (idx, at) in axes.into_iter().enumerate() {
        let at = axis(at, shape.len())?;
        cuts[at] = cut(shape[at], starts[idx], ends[idx], steps[idx])?;
    }
    Ok(cuts)
}

fn cut(extent: usize, start: i64, end: i64, step: i64) -> Result<Cut, FoldError> {
    let wide = extent as i128;
    let place = |value: i64, low: i128, high: i128| {
        let value = i128::from(value);
        (if value < 0 { value + wide } else { value }).clamp(low, high.max(low))
    };
    let (start, distance) = match step {
        0 => return Err(FoldError::Value { what: "step", value: 0 }),
        1.. => {
            let start = place(start, 0, wide);
            (start, place(end, 0, wide) - start)
        }
        _ => {
            let start = place(start, 0, wide - 1);
            (start, start - place(end, -1, wide - 1))
        }
    };
    let stride = i128::from(step).abs();
    let count = if extent == 0 { 0 } else { (distance.max(0) + stride - 1) / stride };
    Ok(Cut { start: start as usize, step, count: count as usize })
}

/// The axis and the shape.
pub(super) fn gather(call: &Call) -> Result<(usize, Shape), FoldError> {
    let (data, indices) = (call.shape(0)?, call.shape(1)?);
    let at = axis(call.attrs().int("axis", 0)?, data.len())?;
    Ok((at, [&data[..at], indices, &data[at + 1..]].concat()))
}

/// Repeats along every axis.
pub(super) fn tile(call: &Call) -> Result<Shape, FoldError> {
    let shape = call.shape(0)?;
    let repeats = extents(&call.list(1)?)?;
    let wrong = || FoldError::Mismatch { left: shape.to_vec(), right: repeats.clone() };
    if repeats.len() != shape.len() {
        return Err(wrong());
    }
    shape.iter().zip(&repeats).map(|(a, b)| a.checked_mul(*b).ok_or_else(wrong)).collect()
}

/// Adds (or, negative, takes away) at both ends of axes.
pub(super) fn pad(call: &Call) -> Result<Shape, FoldError> {
    let mut shape = call.shape(0)?.to_vec();
    let pads = call.ints(1, "pads")?.ok_or(FoldError::Missing { what: "pads" })?;
    let axes = match call.has(3) {
        true => call.list(3)?,
        false => (0..shape.len() as i64).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(FoldError::Mismatch { left: vec![2 * axes.len()], right: vec![pads.len()] });
    }
    let (before, after) = pads.split_at(axes.len());
    for ((at, before), after) in axes.into_iter().zip(before).zip(after) {
        let at = axis(at, shape.len())?;
        let extent = shape[at] as i128 + i128::from(*before) + i128::from(*after);
        shape[at] = usize::try_from(extent)
            .map_err(|_| FoldError::Value { what: "padding", value: *before })?;
    }
    Ok(shape)
}

/// Extents of the parts along the axis.
pub(super) fn split(call: &Call) -> Result<Vec<Shape>, FoldError> {
    let shape = call.shape(0)?;
    let at = axis(call.attrs().int("axis", 0)?, shape.len())?;
    let parts = match call.ints(1, "split")? {
        Some(parts) => extents(&parts)?,
        None => {
            let count = call.outputs().max(1);
            let part = shape[at].div_ceil(count);
            (0..count).map(|it| shape[at].saturating_sub(it * part).min(part)).collect()
        }
    };
    if parts.iter().try_fold(0usize, |all, it| all.checked_add(*it)) != Some(shape[at]) {
        return Err(FoldError::Mismatch { left: shape.to_vec(), right: parts });
    }
    let part = |extent: usize| [&shape[..at], &[extent], &shape[at + 1..]].concat();
    Ok(parts.into_iter().take(call.outputs()).map(part).collect())
}

/// Channels become blocks of pixels.
pub(super) fn depth_to_space(call: &Call) -> Result<Shape, FoldError> {
    let (block, [batch, depth, height, width]) = image(call)?;
    match block.checked_mul(block).filter(|it| depth.is_multiple_of(*it)) {
        Some(area) => Ok(vec![batch, depth / area, height * block, width * block]),
        None => Err(FoldError::Value { what: "blocksize", value: block as i64 }),
    }
}

/// Blocks of pixels become channels.
pub(super) fn space_to_depth(call: &Call) -> Result<Shape, FoldError> {
    let (block, [batch, depth, height, width]) = image(call)?;
    let fits = height.is_multiple_of(block) && width.is_multiple_of(block);
    match block.checked_mul(block).and_then(|it| it.checked_mul(depth)).filter(|_| fits) {
        Some(depth) => Ok(vec![batch, depth, height / block, width / block]),
        None => Err(FoldError::Value { what: "blocksize", value: block as i64 }),
    }
}

fn image(call: &Call) -> Result<(usize, [usize; 4]), FoldError> {
    let shape = call.shape(0)?;
    let block = call.attrs().int("blocksize", 0)?;
    // A larger block than this fits no image, and its square no integer.
    let limit = 1 << 16;
    match (<[usize; 4]>::try_from(shape), usize::try_from(block)) {
        (Ok(shape), Ok(block)) if (1..limit).contains(&block) => Ok((block, shape)),
        (Ok(_), _) => Err(FoldError::Value { what: "blocksize", value: block }),
        _ => Err(FoldError::Axis { axis: 3, rank: shape.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_like_numpy() {
        let cut = |extent, start, end, step| {
            let it = cut(extent, start, end, step).unwrap();
            (0..it.count).map(|k| it.start as i64 + k as i64 * step).collect::<Vec<_>>()
        };
        assert_eq!(cut(5, 1, i64::MAX, 2), [1, 3]);
        assert_eq!(cut(5, -2, 5, 1), [3, 4]);
        assert_eq!(cut(5, -1, i64::MIN, -2), [4, 2, 0]);
        assert_eq!(cut(5, 10, -10, -1), [4, 3, 2, 1, 0]);
        assert_eq!(cut(5, 3, 1, 1), [0i64; 0]);
        assert_eq!(cut(0, 0, 1, -1), [0i64; 0]);
        assert_eq!(cut(5, 0, 5, i64::MAX), [0]);
    }

    #[test]
    fn targets_of_reshape() {
        assert_eq!(reshaped(&[1, 8, 3], &[0, -1], false).unwrap(), [1, 24]);
        assert_eq!(reshaped(&[1, 8, 3], &[4, -1, 2], false).unwrap(), [4, 3, 2]);
        assert_eq!(reshaped(&[0, 3], &[0, 5], true).unwrap(), [0, 5]);
        for wrong in [&[-1, -1][..], &[5, -1], &[0, 0, 0, 0], &[-2], &[i64::MAX, i64::MAX, -1]] {
            assert!(reshaped(&[1, 8, 3], wrong, false).is_err(), "{wrong:?}");
        }
        assert!(reshaped(&[0], &[0, -1], false).is_err());
    }
}
