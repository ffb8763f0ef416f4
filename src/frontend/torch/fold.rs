//! Constant folding: calls whose operands are all known become constants, rounded to their type.
//!
//! That is what lies between a parameter and the layer that reads it: transposed matrices, casts,
//! reshaped and expanded buffers, scalars in tensors, and initial states made of zeros. Folded
//! constants are limited by the size of the file.

use std::rc::Rc;

use ndarray::{ArrayD, Axis, IxDyn, Slice, Zip, concatenate, stack};

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
    let (Some(output), [_]) = (call.outputs.first(), &call.outputs[..]) else { return Ok(None) };
    let Some(dtype) = cx.dtype(output) else { return Ok(None) };
    let sizes = cx.extents(call, 0)?.sizes;
    let elements: usize = sizes.iter().product();
    let too_large =
        || CallError::TooLarge { op: call.target.clone(), shape: sizes.clone() };
    let budget = cx.budget.checked_sub(elements).ok_or_else(too_large)?;
    let Some(data) = compute(rule, bound, &operands, &sizes)? else { return Ok(None) };
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
    Ok(values.and_then(|it| Value::new(dtype, &sizes, it)).map(|it| vec![it]))
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
        (Rule::Copy, Some(data)) => Some(data.clone()),
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
