//! Constant folding: calls whose operands are all known become constants, rounded to their type.
//!
//! That is what lies between a parameter and the layer that reads it: transposed matrices, casts,
//! reshaped and expanded buffers, scalars in tensors, and initial states made of zeros. Folded
//! constants are limited by the size of the file.

use std::rc::Rc;

use ndarray::{ArrayD, Axis, Dimension, IxDyn, Slice, Zip, concatenate, stack};

use super::arrange;
use super::error::{CallError, TorchError};
use super::form::axis;
use super::ops::{Bound, Rule};
use super::program::Call;
use super::translate::Translator;
use crate::frontend::number::Value;
use crate::source::Tensor;

/// The values of a call's results; `None` if they are not constant.
pub(super) fn fold(
    cx: &mut Translator<'_>,
    rule: Rule,
    bound: &Bound,
    call: &Call,
) -> Result<Option<Vec<Value>>, TorchError> {
    let mut operands = Vec::new();
    for operand in bound.operands().flatten() {
        match cx.value(operand) {
            Some(value) => operands.push(value),
            // What is made like an activation has its shape alone.
            None if rule == Rule::Make => {}
            None => return Ok(None),
        }
    }
    if operands.is_empty() && rule != Rule::Make {
        return Ok(None);
    }
    let mut values = Vec::new();
    for output in 0..call.outputs.len() {
        match result(cx, rule, bound, call, &operands, output)? {
            Some(value) => values.push(value),
            None => return Ok(None),
        }
    }
    Ok((!values.is_empty()).then_some(values))
}

/// One result; `None` if there is no rule for it, or if its type cannot hold it.
fn result(
    cx: &mut Translator<'_>,
    rule: Rule,
    bound: &Bound,
    call: &Call,
    operands: &[Rc<Value>],
    output: usize,
) -> Result<Option<Value>, TorchError> {
    let tensor = call.outputs.get(output).map_or("", String::as_str);
    let Some(dtype) = cx.dtype(tensor) else { return Ok(None) };
    let sizes = cx.extents(call, output)?.sizes;
    let elements: usize = sizes.iter().product();
    let too_large = || CallError::TooLarge { op: call.target.clone(), shape: sizes.clone() };
    let budget = cx.budget.checked_sub(elements).ok_or_else(too_large)?;
    let computed = match rule {
        Rule::Split => part(cx, bound, call, operands, output)?,
        _ if output > 0 => None,
        _ => compute(rule, bound, operands, &sizes)?,
    };
    let Some(data) = computed else { return Ok(None) };
    if data.shape() != sizes {
        return Err(super::rules::misfit(call, &sizes));
    }
    cx.budget = budget;
    // Outside of its type a constant means what no framework agrees on.
    let round = |value: f64| match rule {
        Rule::Copy => dtype.cast(value),
        _ => dtype.round(value),
    };
    let values: Option<Vec<f64>> = data.iter().map(|it| round(*it)).collect();
    Ok(values.and_then(|it| Value::new(dtype, &sizes, it)))
}

/// One part of a constant that is split, by the sizes that the file gives the parts.
fn part(
    cx: &Translator<'_>,
    bound: &Bound,
    call: &Call,
    operands: &[Rc<Value>],
    output: usize,
) -> Result<Option<Tensor>, TorchError> {
    let Some(data) = operands.first().map(|it| &it.data) else { return Ok(None) };
    let Some(at) = axis(bound.int("dim", 0)?, data.ndim()) else { return Ok(None) };
    let mut start = 0usize;
    for before in 0..output {
        let sizes = cx.extents(call, before)?.sizes;
        start = start.saturating_add(sizes.get(at).copied().unwrap_or(1));
    }
    let unbound = bound.op == "unbind";
    let sizes = cx.extents(call, output)?.sizes;
    let count = if unbound { 1 } else { sizes.get(at).copied().unwrap_or(0) };
    let start = if unbound { output } else { start };
    let Some(end) = start.checked_add(count).filter(|it| *it <= data.len_of(Axis(at))) else {
        return Ok(None);
    };
    let part = data.slice_axis(Axis(at), Slice::from(start..end));
    let part = if unbound { part.index_axis_move(Axis(at), 0) } else { part };
    Ok(Some(part.as_standard_layout().into_owned()))
}

/// The elements of the result; `None` if there is no rule for them.
fn compute(
    rule: Rule,
    bound: &Bound,
    operands: &[Rc<Value>],
    sizes: &[usize],
) -> Result<Option<Tensor>, TorchError> {
    let first = operands.first().map(|it| &it.data);
    let filled = |values: Vec<f64>| ArrayD::from_shape_vec(IxDyn(sizes), values).ok();
    Ok(match (rule, first) {
        (Rule::Make, _) => make(bound, sizes)?.and_then(filled),
        (_, None) => None,
        (Rule::Copy, Some(data)) => Some(Tensor::clone(data)),
        (Rule::Shape, Some(data)) => filled(data.iter().copied().collect()),
        (Rule::Order, Some(data)) => {
            let order = arrange::permutation(bound, data.ndim())?;
            let view = data.view().permuted_axes(IxDyn(&order));
            Some(view.as_standard_layout().into_owned())
        }
        (Rule::Expand, Some(data)) => data.broadcast(IxDyn(sizes)).map(|it| it.to_owned()),
        (Rule::Same, Some(data)) => unary(bound)?.map(|f| data.mapv(f)),
        (Rule::Each, Some(_)) => each(bound, operands, sizes)?,
        (Rule::Take, Some(data)) => take(bound, data)?,
        (Rule::Join, Some(_)) => join(bound, operands)?,
        (Rule::Mask, Some(data)) => mask(bound, data, operands)?,
        _ => None,
    })
}

fn make(bound: &Bound, sizes: &[usize]) -> Result<Option<Vec<f64>>, TorchError> {
    let count = sizes.iter().product();
    Ok(Some(match bound.op.as_str() {
        "zeros" | "zeros_like" => vec![0.0; count],
        "ones" | "ones_like" => vec![1.0; count],
        "full" | "full_like" => vec![bound.float("fill_value", 0.0)?; count],
        "scalar_tensor" => vec![bound.float("s", 0.0)?; count],
        "arange" => {
            let (start, step) = (bound.float("start", 0.0)?, bound.float("step", 1.0)?);
            (0..count).map(|it| start + it as f64 * step).collect()
        }
        _ => return Ok(None),
    }))
}

/// Triangles of the last two axes, and chosen elements replaced.
fn mask(
    bound: &Bound,
    data: &Tensor,
    operands: &[Rc<Value>],
) -> Result<Option<Tensor>, TorchError> {
    let diagonal = bound.int("diagonal", 0)?;
    let inside = |index: &[usize]| match index {
        [.., row, column] => (*column as i64 - *row as i64).checked_sub(diagonal),
        _ => None,
    };
    let value = bound.float("value", 0.0)?;
    Ok(match (bound.op.as_str(), operands) {
        ("logical_not", _) => Some(data.mapv(|it| f64::from(u8::from(it == 0.0)))),
        ("masked_fill", [_, mask]) => mask.data.broadcast(data.raw_dim()).map(|mask| {
            Zip::from(data).and(&mask).map_collect(|x, m| if *m == 0.0 { *x } else { value })
        }),
        ("triu" | "tril", _) if data.ndim() >= 2 => {
            let upper = bound.op == "triu";
            let mut cut = data.clone();
            for (index, element) in cut.indexed_iter_mut() {
                let kept = inside(index.slice()).is_some_and(|it| match upper {
                    true => it >= 0,
                    false => it <= 0,
                });
                if !kept {
                    *element = 0.0;
                }
            }
            Some(cut)
        }
        _ => None,
    })
}

type Unary = Box<dyn Fn(f64) -> f64>;

fn unary(bound: &Bound) -> Result<Option<Unary>, TorchError> {
    let exponent = bound.float("exponent", 1.0)?;
    Ok(Some(match bound.op.as_str() {
        "neg" => Box::new(|x| -x),
        "abs" => Box::new(f64::abs),
        "sqrt" => Box::new(f64::sqrt),
        "rsqrt" => Box::new(|x: f64| 1.0 / x.sqrt()),
        "reciprocal" => Box::new(|x| 1.0 / x),
        "square" => Box::new(|x| x * x),
        "exp" => Box::new(f64::exp),
        "log" => Box::new(f64::ln),
        "pow" => Box::new(move |x| x.powf(exponent)),
        _ => return Ok(None),
    }))
}

fn each(
    bound: &Bound,
    operands: &[Rc<Value>],
    sizes: &[usize],
) -> Result<Option<Tensor>, TorchError> {
    let alpha = bound.float("alpha", 1.0)?;
    let apply: Box<dyn Fn(f64, f64) -> f64> = match bound.op.as_str() {
        "add" => Box::new(move |a, b| a + alpha * b),
        "sub" => Box::new(move |a, b| a - alpha * b),
        "rsub" => Box::new(move |a, b| b - alpha * a),
        "mul" => Box::new(|a, b| a * b),
        "div" => Box::new(|a, b| a / b),
        "maximum" | "max" => Box::new(f64::max),
        "minimum" | "min" => Box::new(f64::min),
        _ => return Ok(None),
    };
    let [left, right] = operands else { return Ok(None) };
    let shape = IxDyn(sizes);
    let views = left.data.broadcast(shape.clone()).zip(right.data.broadcast(shape));
    Ok(views.map(|(a, b)| Zip::from(&a).and(&b).map_collect(|a, b| apply(*a, *b))))
}

fn take(bound: &Bound, data: &Tensor) -> Result<Option<Tensor>, TorchError> {
    let Some(at) = axis(bound.int("dim", 0)?, data.ndim()) else { return Ok(None) };
    let extent = data.len_of(Axis(at));
    if bound.op == "select" {
        let index = axis(bound.int("index", 0)?, extent);
        return Ok(index.map(|it| data.index_axis(Axis(at), it).to_owned()));
    }
    let (start, end, step) = arrange::range(bound, extent)?;
    let Ok(step) = isize::try_from(step) else { return Ok(None) };
    let part = data.slice_axis(Axis(at), Slice::from(start..end).step_by(step));
    Ok(Some(part.as_standard_layout().into_owned()))
}

fn join(bound: &Bound, operands: &[Rc<Value>]) -> Result<Option<Tensor>, TorchError> {
    let views: Vec<_> = operands.iter().map(|it| it.data.view()).collect();
    let rank = views.first().map_or(0, |it| it.ndim());
    let stacked = bound.op == "stack";
    let Some(at) = axis(bound.int("dim", 0)?, rank + usize::from(stacked)) else {
        return Ok(None);
    };
    let joined = match stacked {
        true => stack(Axis(at), &views),
        false => concatenate(Axis(at), &views),
    };
    Ok(joined.ok().map(|it| it.as_standard_layout().into_owned()))
}
