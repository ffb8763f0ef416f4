//! Operators that move elements and compute nothing: shapes, orders, parts and joins.
//!
//! Sizes are never computed here: the file has those of every tensor. A new shape becomes the
//! attribute `shape`, a new order `dims`, both of one sample.

use std::collections::BTreeMap;

use super::error::TorchError;
use super::form::{Form, Place, axis};
use super::ops::{Bound, Operand, Rule};
use super::program::Call;
use super::rules::{data, misfit, sample_axis, whole_axis};
use super::translate::{Translator, ints, mixes};
use crate::source::Attr;

/// Adds the node of a call and says what is known of its results.
pub(super) fn apply(
    cx: &mut Translator<'_>,
    rule: Rule,
    call: &Call,
    bound: Bound,
) -> Result<(), TorchError> {
    match (rule, bound.op.as_str()) {
        (Rule::Shape, _) => shape(cx, call, bound),
        (Rule::Order, _) => order(cx, call, bound),
        (Rule::Expand, _) => expand(cx, call, bound),
        (Rule::Take, "select") => select(cx, call, bound),
        (Rule::Take, _) => slice(cx, call, bound),
        (Rule::Split, "unbind") => unbind(cx, call, bound),
        (Rule::Split, _) => split(cx, call, bound),
        (_, "stack") => stack(cx, call, bound),
        _ => join(cx, call, bound),
    }
}

/// The first operand: its name and form.
fn first(cx: &Translator<'_>, bound: &Bound) -> Result<(Option<Operand>, Form), TorchError> {
    Ok((bound.tensor("self").cloned(), data(cx, bound, "self")?))
}

/// Attributes from pairs.
fn attrs<const N: usize>(pairs: [(&str, Attr); N]) -> BTreeMap<String, Attr> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn shape(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let extents = cx.extents(call, 0)?;
    // Where a new axis of 1 looks like a batch of 1, its place tells them apart.
    let placed = match (bound.op.as_str(), bound.int("dim", 0)) {
        ("unsqueeze", Ok(dim)) if !form.place.is_nowhere() => {
            let new = axis(dim, form.rank() + 1).ok_or_else(|| misfit(call, &extents.sizes))?;
            let moved = usize::from(new <= form.place.axis);
            extents.form(Place { axis: form.place.axis + moved, ..form.place })
        }
        _ => extents.reshaped(&form),
    };
    let result = placed.ok_or_else(|| mixes(&bound))?;
    let shape = result.sample();
    if shape.iter().product::<usize>() != form.sample().iter().product::<usize>() {
        return Err(misfit(call, &extents.sizes));
    }
    cx.set(call, 0, result);
    cx.emit(call, &bound.op, vec![operand], attrs([("shape", ints(shape))]));
    Ok(())
}

/// For every axis of the result, the axis of the operand.
pub(super) fn permutation(bound: &Bound, rank: usize) -> Result<Vec<usize>, TorchError> {
    let wrong = |name: &str, dims: &[i64]| {
        let found = Attr::List(dims.iter().map(|it| Attr::Int(*it)).collect());
        TorchError::from(bound.wrong(name, &found, "axes of the tensor"))
    };
    let axes = |name: &str| -> Result<Vec<usize>, TorchError> {
        let dims = bound.ints(name)?.unwrap_or_default();
        let found: Option<Vec<usize>> = dims.iter().map(|it| axis(*it, rank)).collect();
        found.ok_or_else(|| wrong(name, &dims))
    };
    let mut order: Vec<usize> = (0..rank).collect();
    match bound.op.as_str() {
        "permute" => order = axes("dims")?,
        "transpose" => match (&axes("dim0")?[..], &axes("dim1")?[..]) {
            ([one], [other]) => order.swap(*one, *other),
            _ => return Err(wrong("dim0", &[])),
        },
        "movedim" => {
            let (from, to) = (axes("source")?, axes("destination")?);
            let mut rest = (0..rank).filter(|it| !from.contains(it));
            let place = |at: usize| to.iter().position(|it| *it == at).and_then(|it| from.get(it));
            let moved: Option<Vec<usize>> =
                (0..rank).map(|at| place(at).copied().or_else(|| rest.next())).collect();
            order = moved.ok_or_else(|| wrong("destination", &[]))?;
        }
        // `t` and `numpy_T`.
        _ => order.reverse(),
    }
    let mut sorted = order.clone();
    sorted.sort_unstable();
    match sorted.into_iter().eq(0..rank) {
        true => Ok(order),
        false => Err(wrong("dims", &[])),
    }
}

fn order(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let order = permutation(&bound, form.rank())?;
    let place = match order.iter().position(|it| *it == form.place.axis) {
        Some(axis) => Place { axis, ..form.place },
        None => form.place,
    };
    let result = cx.place(call, 0, place)?;
    let counted = |from: usize| match form.in_sample(from) {
        Some(axis) => Some(axis),
        // The batch stays if it shares its axis with something.
        None => (!form.is_own()).then_some(from),
    };
    let dims: Vec<usize> = order.into_iter().filter_map(counted).collect();
    debug_assert_eq!(dims.len(), result.sample().len());
    cx.emit(call, "permute", vec![operand], attrs([("dims", ints(dims))]));
    Ok(())
}

fn expand(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let sizes = cx.extents(call, 0)?.sizes;
    let added = sizes.len().checked_sub(form.rank()).ok_or_else(|| misfit(call, &sizes))?;
    let result = cx.place(call, 0, form.place.behind(added))?;
    let shape = result.sample();
    match shape == form.sample() {
        true => cx.emit(call, "alias", vec![operand], attrs([])),
        false => cx.emit(call, "expand", vec![operand], attrs([("shape", ints(shape))])),
    }
    Ok(())
}

/// Start, end and step of a slice, within the axis.
pub(super) fn range(bound: &Bound, extent: usize) -> Result<(usize, usize, usize), TorchError> {
    let wide = extent as i64;
    let limit = |at: i64| (if at < 0 { at.saturating_add(wide) } else { at }).clamp(0, wide);
    let start = limit(bound.int("start", 0)?);
    let end = match bound.attrs.contains_key("length") {
        true => limit(start.saturating_add(bound.int("length", 0)?.max(0))),
        false => limit(bound.int("end", i64::MAX)?),
    };
    let step = bound.int("step", 1)?;
    match usize::try_from(step) {
        Ok(step) if step > 0 => Ok((start as usize, end.max(start) as usize, step)),
        _ => Err(bound.wrong("step", &Attr::Int(step), "at least 1").into()),
    }
}

fn slice(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let axis = whole_axis(&bound, &form, "dim", 0)?;
    let Some(dim) = form.in_sample(axis) else {
        // `x[:, 0]` slices the batch too, and takes all of it.
        let open = bound.int("end", i64::MAX)? == i64::MAX && !bound.attrs.contains_key("length");
        if bound.int("start", 0)? != 0 || bound.int("step", 1)? != 1 || !open {
            return Err(mixes(&bound));
        }
        cx.place(call, 0, form.place)?;
        cx.emit(call, "alias", vec![operand], attrs([]));
        return Ok(());
    };
    let (start, end, step) = range(&bound, form.sizes[axis])?;
    cx.place(call, 0, form.place)?;
    if (start, end, step) == (0, form.sizes[axis], 1) {
        cx.emit(call, "alias", vec![operand], attrs([]));
        return Ok(());
    }
    let int = |it: usize| Attr::Int(it as i64);
    let attrs =
        attrs([("dim", int(dim)), ("start", int(start)), ("end", int(end)), ("step", int(step))]);
    cx.emit(call, "slice", vec![operand], attrs);
    Ok(())
}

fn select(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let axis = whole_axis(&bound, &form, "dim", 0)?;
    let dim = sample_axis(&bound, &form, "dim", 0)?;
    let index = bound.int("index", 0)?;
    let wrong = || bound.wrong("index", &Attr::Int(index), "a place on the axis");
    let at = super::form::axis(index, form.sizes[axis]).ok_or_else(wrong)?;
    cx.place(call, 0, form.place.without(axis))?;
    let attrs = attrs([("dim", Attr::Int(dim as i64)), ("index", Attr::Int(at as i64))]);
    cx.emit(call, "select", vec![operand], attrs);
    Ok(())
}

/// All places of an axis, one `select` for each.
fn unbind(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let axis = whole_axis(&bound, &form, "dim", 0)?;
    let dim = sample_axis(&bound, &form, "dim", 0)?;
    for (index, output) in call.outputs.iter().enumerate() {
        cx.place(call, index, form.place.without(axis))?;
        let attrs = attrs([("dim", Attr::Int(dim as i64)), ("index", Attr::Int(index as i64))]);
        let name = format!("{}_{index}", call.node);
        cx.emit_as(call, &name, "select", vec![operand.clone()], vec![output.clone()], attrs);
    }
    Ok(())
}

/// Parts of an axis, by the sizes that the file gives them.
fn split(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let axis = whole_axis(&bound, &form, "dim", 0)?;
    let dim = sample_axis(&bound, &form, "dim", 0)?;
    let mut sizes = Vec::new();
    for index in 0..call.outputs.len() {
        sizes.push(cx.place(call, index, form.place)?.sizes.get(axis).copied().unwrap_or(0));
    }
    if sizes.iter().try_fold(0usize, |all, it| all.checked_add(*it)) != Some(form.sizes[axis]) {
        return Err(misfit(call, &sizes));
    }
    let attrs = attrs([("dim", Attr::Int(dim as i64)), ("sizes", ints(sizes))]);
    cx.emit(call, "split", vec![operand], attrs);
    Ok(())
}

/// The place of the batch in all tensors of a list.
fn common(cx: &Translator<'_>, bound: &Bound) -> Result<Form, TorchError> {
    let mut forms = bound.operands().flatten().filter_map(|it| cx.form(it));
    let form = forms.next().cloned().ok_or_else(|| mixes(bound))?;
    match forms.all(|it| it.place == form.place && it.rank() == form.rank()) {
        true => Ok(form),
        false => Err(mixes(bound)),
    }
}

fn join(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let form = common(cx, &bound)?;
    let dim = sample_axis(&bound, &form, "dim", 0)?;
    cx.place(call, 0, form.place)?;
    let mut operands = Vec::new();
    for operand in bound.operands().flatten() {
        operands.push(Some(cx.adapt(call, operand, &form)?));
    }
    cx.emit(call, "cat", operands, attrs([("dim", Attr::Int(dim as i64))]));
    Ok(())
}

/// Tensors that get a new axis each, along which they are joined.
fn stack(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let form = common(cx, &bound)?;
    let wrong = |dim: i64| bound.wrong("dim", &Attr::Int(dim), "an axis of the result");
    let dim = bound.int("dim", 0)?;
    let new = axis(dim, form.rank() + 1).ok_or_else(|| wrong(dim))?;
    let moved = usize::from(new <= form.place.axis);
    let result = cx.place(call, 0, form.place.behind(moved))?;
    let dim = result.in_sample(new).ok_or_else(|| mixes(&bound))?;
    let mut shape = result.sample();
    shape[dim] = 1;
    let mut operands = Vec::new();
    for (index, operand) in bound.operands().flatten().enumerate() {
        if cx.form(operand).is_none() {
            // The rows of a constant have no place for a new axis.
            return Err(wrong(dim as i64).into());
        }
        let output = format!("{}.{index}.row", call.node);
        let name = format!("{}_{index}", call.node);
        let attrs = attrs([("shape", ints(shape.clone()))]);
        let inputs = vec![Some(operand.clone())];
        cx.emit_as(call, &name, "unsqueeze", inputs, vec![output.clone()], attrs);
        operands.push(Some(Operand::Tensor(output)));
    }
    cx.emit(call, "cat", operands, attrs([("dim", Attr::Int(dim as i64))]));
    Ok(())
}
