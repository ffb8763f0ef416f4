//! Functions that move, join or reduce.

use super::arguments::{Argument, Arguments};
use super::arithmetic::list;
use crate::layers::axes::sample_axis;
use crate::layers::shape::MAX_PLACES;
use crate::layers::top_k::Along;
use crate::layers::{
    Concatenate, Einsum, Import, Imported, LayerError, Operand, Pad, Permute, Reduce, Reduction,
    Reshape, Spelling, Take,
};
use crate::nn::Shape;
use crate::source::Attr;
use crate::units::Ranking;

/// Spellings of functions on shapes.
pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("ops.concatenate", concatenate),
    Spelling::keras("concat", concatenate),
    Spelling::keras("ops.stack", stack),
    Spelling::keras("stack", stack),
    Spelling::keras("ops.reshape", reshape),
    Spelling::keras("reshape", reshape),
    Spelling::keras("ops.transpose", transpose),
    Spelling::keras("transpose", transpose),
    Spelling::keras("ops.expand_dims", expand_dims),
    Spelling::keras("expand_dims", expand_dims),
    Spelling::keras("ops.squeeze", squeeze),
    Spelling::keras("squeeze", squeeze),
    Spelling::keras("ops.get_item", get_item),
    Spelling::keras("__operators__.getitem", get_item),
    Spelling::keras("ops.split", split),
    Spelling::keras("split", split),
    Spelling::keras("ops.flip", flip),
    Spelling::keras("reverse", flip),
    Spelling::keras("ops.repeat", repeat),
    Spelling::keras("repeat", repeat),
    Spelling::keras("ops.pad", pad),
    Spelling::keras("pad", pad),
    Spelling::keras("ops.matmul", matmul),
    Spelling::keras("linalg.matmul", matmul),
    Spelling::keras("ops.mean", |cx| reduce(cx, Reduction::Mean)),
    Spelling::keras("math.reduce_mean", |cx| reduce(cx, Reduction::Mean)),
    Spelling::keras("ops.sum", |cx| reduce(cx, Reduction::Sum)),
    Spelling::keras("math.reduce_sum", |cx| reduce(cx, Reduction::Sum)),
    Spelling::keras("ops.prod", |cx| reduce(cx, Reduction::Product)),
    Spelling::keras("math.reduce_prod", |cx| reduce(cx, Reduction::Product)),
    Spelling::keras("ops.max", |cx| reduce(cx, Reduction::Max)),
    Spelling::keras("ops.amax", |cx| reduce(cx, Reduction::Max)),
    Spelling::keras("math.reduce_max", |cx| reduce(cx, Reduction::Max)),
    Spelling::keras("ops.min", |cx| reduce(cx, Reduction::Min)),
    Spelling::keras("ops.amin", |cx| reduce(cx, Reduction::Min)),
    Spelling::keras("math.reduce_min", |cx| reduce(cx, Reduction::Min)),
    Spelling::keras("ops.argmax", |cx| place(cx, false)),
    Spelling::keras("math.argmax", |cx| place(cx, false)),
    Spelling::keras("ops.argmin", |cx| place(cx, true)),
    Spelling::keras("math.argmin", |cx| place(cx, true)),
    Spelling::keras("ops.top_k", top_k),
    Spelling::keras("math.top_k", top_k),
];

/// Axes of samples of `rank` axes from an argument.
fn axes(
    cx: &Import<'_>,
    arguments: &Arguments<'_, '_>,
    position: usize,
    rank: usize,
) -> Result<Vec<usize>, LayerError> {
    let given = arguments.ints(position, "axis", &["axis"])?;
    let axes = given.as_ref().and_then(|it| {
        let mut axes = it.iter().map(|it| sample_axis(*it, rank)).collect::<Option<Vec<_>>>()?;
        axes.sort_unstable();
        axes.windows(2).all(|it| it[0] < it[1]).then_some(axes)
    });
    let found = || given.as_ref().map_or("none".to_owned(), |it| format!("{it:?}"));
    axes.ok_or_else(|| cx.value_error("axis", found(), "different axes behind the batch axis"))
}

fn axis(
    cx: &Import<'_>,
    arguments: &Arguments<'_, '_>,
    position: usize,
    rank: usize,
) -> Result<usize, LayerError> {
    match axes(cx, arguments, position, rank)?[..] {
        [axis] => Ok(axis),
        ref other => Err(cx.value_error("axis", format!("{other:?}"), "one axis")),
    }
}

fn concatenate(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let mut made = Imported::default();
    let operands = list(cx, &arguments, &["xs", "values"], &mut made)?;
    let axis = axis(cx, &arguments, 1, cx.shape(0)?.0.len())?;
    let output = made.add("", Concatenate { axis }, &operands);
    Ok(made.with_outputs([output]))
}

fn stack(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let mut made = Imported::default();
    let shape = cx.shape(0)?.clone();
    let operands = list(cx, &arguments, &["x", "values"], &mut made)?;
    let axis = axis(cx, &arguments, 1, shape.0.len() + 1)?;
    let mut extents = shape.0;
    extents.insert(axis, 1);
    let shape = Shape(extents);
    let mut grow = |it: &Operand| made.add("layer", Reshape { shape: shape.clone() }, &[*it]);
    let operands: Vec<Operand> = operands.iter().map(&mut grow).collect();
    let output = made.add("", Concatenate { axis }, &operands);
    Ok(made.with_outputs([output]))
}

/// The new shape with the batch axis in front, which stays.
fn reshape(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "tensor"])?;
    let target = arguments.ints(1, "shape", &["newshape", "shape"])?.unwrap_or_default();
    let open = |it: &&i64| **it == -1;
    let bad = || cx.value_error("shape", format!("{target:?}"), "-1 for the batch axis");
    let (batch, rest) = target.split_first().ok_or_else(bad)?;
    let extents = rest.iter().filter_map(|it| usize::try_from(*it).ok());
    let known = extents.fold(1usize, usize::saturating_mul);
    let elements = cx.shape(x)?.elements();
    // A -1 in front is the batch axis if the rest is complete or open itself.
    let complete = rest.iter().filter(open).count() == 1 || known == elements;
    if *batch != -1 || !complete {
        return Err(bad());
    }
    Ok(Imported::of(Reshape::to(cx, x, rest)?, [x]))
}

fn transpose(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "a"])?;
    // Numbers are real.
    cx.attrs().ignore(&["call:conjugate"]);
    let rank = cx.shape(x)?.0.len();
    let given = arguments.ints(1, "axes", &["axes", "perm"])?.unwrap_or_default();
    let bad = || cx.value_error("axes", format!("{given:?}"), "the batch axis first");
    let (batch, rest) = given.split_first().ok_or_else(bad)?;
    let order = rest.iter().map(|it| sample_axis(*it, rank)).collect::<Option<Vec<_>>>();
    match order.filter(|_| *batch == 0) {
        Some(order) => Ok(Imported::of(Permute { order }, [x])),
        None => Err(bad()),
    }
}

fn expand_dims(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "input"])?;
    let mut shape = cx.shape(x)?.clone();
    shape.0.insert(axis(cx, &arguments, 1, shape.0.len() + 1)?, 1);
    Ok(Imported::of(Reshape { shape }, [x]))
}

fn squeeze(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "input"])?;
    let mut shape = cx.shape(x)?.clone();
    let axes = match arguments.get(1, &["axis"]) {
        None => (0..shape.0.len()).filter(|it| shape.0[*it] == 1).collect(),
        Some(_) => axes(cx, &arguments, 1, shape.0.len())?,
    };
    if axes.iter().any(|it| shape.0[*it] != 1) {
        let expected = "extent 1 in the axes that go".to_owned();
        return Err(LayerError::Shapes { found: vec![shape], expected });
    }
    without(&mut shape, &axes);
    Ok(Imported::of(Reshape { shape }, [x]))
}

/// Takes axes away, which are in ascending order.
fn without(shape: &mut Shape, axes: &[usize]) {
    for axis in axes.iter().rev() {
        shape.0.remove(*axis);
    }
}

/// `x[:, 1:3, 0]`: places along each axis; a number takes its axis away.
fn get_item(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x"])?;
    let spec = arguments.need(1, &["key", "slice_spec"])?;
    let bad = || cx.value_error("key", format!("{spec:?}"), "slices and numbers behind the batch");
    let parts = match &spec {
        Argument::Value(Attr::List(parts)) => parts.clone(),
        Argument::Value(one) => vec![one.clone()],
        _ => return Err(bad()),
    };
    let mut shape = cx.shape(x)?.clone();
    let (batch, rest) = parts.split_first().ok_or_else(bad)?;
    if slice(batch, usize::MAX).is_none_or(|it| it.is_some()) || rest.len() > shape.0.len() {
        return Err(bad());
    }
    let (mut places, mut gone) = (Vec::new(), Vec::new());
    for (axis, part) in rest.iter().enumerate() {
        let extent = shape.0[axis];
        match part {
            Attr::Int(at) => {
                let at = if *at < 0 { at + extent as i64 } else { *at };
                places.push((axis, vec![usize::try_from(at).map_err(|_| bad())?]));
                gone.push(axis);
            }
            part => places.extend(slice(part, extent).ok_or_else(bad)?.map(|it| (axis, it))),
        }
    }
    let take = Take { kind: "Slice", places };
    if gone.is_empty() {
        return Ok(Imported::of(take, [x]));
    }
    shape = crate::layers::LayerSpec::infer(&take, &[&shape])?;
    without(&mut shape, &gone);
    let mut made = Imported::default();
    let taken = made.add("slice", take, &[Operand::Input(x)]);
    let output = made.add("", Reshape { shape }, &[taken]);
    Ok(made.with_outputs([output]))
}

/// The places of a slice, `Some(None)` for all; `None` if it is no slice.
#[allow(clippy::option_option, reason = "all places of an unknown extent cannot be listed")]
fn slice(part: &Attr, extent: usize) -> Option<Option<Vec<usize>>> {
    let Attr::Map(map) = part else { return None };
    let map = match (map.get("class_name"), map.get("config")) {
        (Some(Attr::Str(class)), Some(Attr::Map(config))) if class == "__slice__" => config,
        (None, None) => map,
        _ => return None,
    };
    let bound = |name: &str| match map.get(name) {
        None | Some(Attr::Null) => Some(None),
        Some(Attr::Int(v)) => Some(Some(*v)),
        _ => None,
    };
    let (start, stop, step) = (bound("start")?, bound("stop")?, bound("step")?.unwrap_or(1));
    if (start, stop, step) == (None, None, 1) {
        return Some(None);
    }
    Some(Some(places(start, stop, step, i64::try_from(extent).ok()?)?))
}

/// Python's slice of `extent` elements.
fn places(start: Option<i64>, stop: Option<i64>, step: i64, extent: i64) -> Option<Vec<usize>> {
    let (low, high) = if step > 0 { (0, extent) } else { (-1, extent - 1) };
    let bound = |it: i64| (if it < 0 { it.saturating_add(extent) } else { it }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, bound);
    let stop = stop.map_or(if step > 0 { high } else { low }, bound);
    let mut at = start;
    let mut places = Vec::new();
    while step != 0 && if step > 0 { at < stop } else { at > stop } {
        places.push(usize::try_from(at).ok()?);
        at = at.checked_add(step)?;
    }
    (!places.is_empty()).then_some(places)
}

/// Equal parts, or parts that begin at given places (`keras.ops`), or of given sizes (TensorFlow).
fn split(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "value"])?;
    let axis = axis(cx, &arguments, 2, cx.shape(x)?.0.len())?;
    let extent = cx.shape(x)?.0[axis];
    let names = ["indices_or_sections", "num_or_size_splits"];
    let given = arguments.need(1, &names)?;
    let bad = || cx.value_error("indices_or_sections", format!("{given:?}"), "parts of the axis");
    let numbers = arguments.ints(1, "indices_or_sections", &names)?.unwrap_or_default();
    let numbers: Vec<usize> = numbers
        .iter()
        .map(|it| usize::try_from(*it).ok())
        .collect::<Option<_>>()
        .ok_or_else(bad)?;
    let ends: Vec<usize> = match (&given, &numbers[..]) {
        (Argument::Value(Attr::Int(_)), [count]) if *count > 0 && extent % count == 0 => {
            (1..=*count).map(|it| it * (extent / count)).collect()
        }
        (Argument::Value(Attr::Int(_)), _) => return Err(bad()),
        _ if cx.node.op == "split" => {
            let sum = |sum: &mut usize, it: &usize| {
                *sum += it;
                Some(*sum)
            };
            numbers.iter().scan(0, sum).collect()
        }
        _ => numbers.iter().copied().chain([extent]).collect(),
    };
    let mut made = Imported::default();
    let mut first = 0;
    let mut outputs = Vec::new();
    for end in &ends {
        if *end <= first || *end > extent {
            return Err(bad());
        }
        let name = if outputs.is_empty() { "" } else { "part" };
        let take = Take::along("Split", axis, (first..*end).collect());
        outputs.push(made.add(name, take, &[Operand::Input(x)]));
        first = *end;
    }
    Ok(made.with_outputs(outputs))
}

fn flip(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "tensor"])?;
    let axes = axes(cx, &arguments, 1, cx.shape(x)?.0.len())?;
    let shape = cx.shape(x)?;
    let places = axes.iter().map(|it| (*it, (0..shape.0[*it]).rev().collect())).collect();
    Ok(Imported::of(Take { kind: "Flip", places }, [x]))
}

fn repeat(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "input"])?;
    let count = arguments.number(1, "repeats", &["repeats"], 0.0)?;
    let axis = axis(cx, &arguments, 2, cx.shape(x)?.0.len())?;
    if count.fract() != 0.0 || !(1.0..65536.0).contains(&count) {
        return Err(cx.value_error("repeats", count, "1 and more"));
    }
    let count = count as usize;
    let extent = cx.shape(x)?.0[axis].saturating_mul(count);
    if extent > MAX_PLACES {
        return Err(cx.value_error("repeats", count, "not that many elements"));
    }
    let places = (0..extent).map(|it| it / count).collect();
    Ok(Imported::of(Take::along("Repeat", axis, places), [x]))
}

fn pad(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x"])?;
    let given = arguments.need(1, &["pad_width", "paddings"])?;
    let bad = || cx.value_error("pad_width", format!("{given:?}"), "two numbers for each axis");
    let mode = arguments.get(2, &["mode"]);
    let constant = |it: &Argument| matches!(it, Argument::Value(Attr::Str(it)) if it.eq_ignore_ascii_case("constant"));
    if mode.as_ref().is_some_and(|it| !constant(it)) {
        return Err(cx.value_error("mode", format!("{mode:?}"), "constant"));
    }
    if arguments.number(3, "constant_values", &["constant_values"], 0.0)? != 0.0 {
        return Err(cx.value_error("constant_values", "another", "0"));
    }
    let Argument::Value(Attr::List(all)) = &given else { return Err(bad()) };
    let pair = |it: &Attr| match it {
        Attr::List(both) => match both[..] {
            [Attr::Int(a), Attr::Int(b)] => {
                Some((usize::try_from(a).ok()?, usize::try_from(b).ok()?))
            }
            _ => None,
        },
        _ => None,
    };
    let amounts = all.iter().map(pair).collect::<Option<Vec<_>>>().ok_or_else(bad)?;
    match amounts.split_first() {
        Some(((0, 0), rest)) => Ok(Imported::of(Pad { amounts: rest.to_vec() }, [x])),
        _ => Err(bad()),
    }
}

fn matmul(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let (a, b) = (arguments.data(0, &["x1", "a"])?, arguments.data(1, &["x2", "b"])?);
    let (rank, other) = (cx.shape(a)?.0.len(), cx.shape(b)?.0.len());
    if rank != other || rank < 2 {
        let found = vec![cx.shape(a)?.clone(), cx.shape(b)?.clone()];
        return Err(LayerError::Shapes {
            found,
            expected: "as many axes in each, two or more".into(),
        });
    }
    for name in
        ["transpose_a", "transpose_b", "adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse"]
    {
        if arguments.flag(usize::MAX, name, false)? {
            return Err(cx.value_error(name, true, "false"));
        }
    }
    Ok(Imported::of(Einsum::matrices(rank), [a, b]))
}

fn reduce(cx: &Import<'_>, reduction: Reduction) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "input_tensor"])?;
    let axes = axes(cx, &arguments, 1, cx.shape(x)?.0.len())?;
    let keep = arguments.flag(2, "keepdims", false)?;
    Ok(Imported::of(Reduce { reduction, axes, keep }, [x]))
}

fn place(cx: &Import<'_>, least: bool) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "input"])?;
    let axis = axis(cx, &arguments, 1, cx.shape(x)?.0.len())?;
    let keep = arguments.flag(2, "keepdims", false)?;
    // The element type of the result: whole numbers in any case.
    cx.attrs().ignore(&["call:output_type"]);
    let ranking = Ranking { least, last: false };
    Along { ranking, axis, count: 1, keep }.import(cx, x, &[true])
}

/// Values and places of the largest along the last axis. Without `sorted` any order will do.
fn top_k(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let arguments = Arguments::of(cx);
    let x = arguments.data(0, &["x", "input"])?;
    let count = arguments.number(1, "k", &["k"], 1.0)?;
    arguments.flag(2, "sorted", true)?;
    if count.fract() != 0.0 || !(1.0..65536.0).contains(&count) {
        return Err(cx.value_error("k", count, "1 and more"));
    }
    let Some(axis) = cx.shape(x)?.0.len().checked_sub(1) else {
        let expected = "an axis behind the batch".to_owned();
        return Err(LayerError::Shapes { found: vec![cx.shape(x)?.clone()], expected });
    };
    let ranking = Ranking { least: false, last: false };
    Along { ranking, axis, count: count as usize, keep: true }.import(cx, x, &[false, true])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_pythons() {
        let slice = |start, stop, step, extent| places(start, stop, step, extent);
        assert_eq!(slice(Some(1), Some(3), 1, 5), Some(vec![1, 2]));
        assert_eq!(slice(None, None, 2, 5), Some(vec![0, 2, 4]));
        assert_eq!(slice(None, None, -1, 3), Some(vec![2, 1, 0]));
        assert_eq!(slice(Some(-2), None, 1, 5), Some(vec![3, 4]));
        assert_eq!(slice(Some(3), Some(0), -2, 5), Some(vec![3, 1]));
        assert_eq!(slice(Some(7), None, 1, 5), None, "empty");
        assert_eq!(slice(None, None, 0, 5), None);
    }
}
