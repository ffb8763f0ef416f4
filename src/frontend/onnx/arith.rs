//! Element by element: what arithmetic on constants gives, rounded as the element type demands.

use ndarray::{ArrayViewD, Zip};

use super::call::Call;
use super::dtype::DataType;
use super::error::FoldError;
use super::tensor::Value;
use crate::source::Tensor;

/// Largest magnitude up to which a double counts integers one by one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What an operator of one operand computes.
fn unary(op: &str) -> Option<fn(f64) -> f64> {
    Some(match op {
        "Abs" => f64::abs,
        "Ceil" => f64::ceil,
        "Exp" => f64::exp,
        "Floor" => f64::floor,
        "Log" => f64::ln,
        "Neg" => |v| -v,
        "Reciprocal" => f64::recip,
        "Sqrt" => f64::sqrt,
        _ => return None,
    })
}

/// What an operator of two operands computes.
fn binary(op: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        "Add" => |a, b| a + b,
        "Div" => |a, b| a / b,
        "Equal" => |a, b| f64::from(a == b),
        "Mul" => |a, b| a * b,
        "Pow" => f64::powf,
        "Sub" => |a, b| a - b,
        _ => return None,
    })
}

/// Whether [`apply`] knows the operator.
pub(super) fn knows(op: &str) -> bool {
    op == "Where" || unary(op).is_some() || binary(op).is_some()
}

/// The result, broadcast to `shape`.
pub(super) fn apply(call: &Call, shape: &[usize]) -> Result<Value, FoldError> {
    let op = call.op();
    if let Some(compute) = unary(op) {
        let operand = call.value(0)?;
        return rounded(operand.dtype, operand.data.mapv(compute));
    }
    if let Some(compute) = binary(op) {
        let (left, right) = (call.value(0)?, call.value(1)?);
        // The exponent alone may have a type of its own.
        if left.dtype != right.dtype && op != "Pow" {
            return Err(FoldError::Types);
        }
        let (left_data, right_data) = (stretched(left, shape)?, stretched(right, shape)?);
        let data = Zip::from(left_data).and(right_data).map_collect(|a, b| compute(*a, *b));
        return match op {
            "Equal" => Ok(Value::of(DataType::Bool, data)),
            "Div" if left.dtype.is_int() => rounded(left.dtype, data.mapv(f64::trunc)),
            _ => rounded(left.dtype, data),
        };
    }
    choose(call, shape)
}

/// `Where`.
fn choose(call: &Call, shape: &[usize]) -> Result<Value, FoldError> {
    let (condition, yes, no) = (call.value(0)?, call.value(1)?, call.value(2)?);
    if yes.dtype != no.dtype {
        return Err(FoldError::Types);
    }
    let data = Zip::from(stretched(condition, shape)?)
        .and(stretched(yes, shape)?)
        .and(stretched(no, shape)?)
        .map_collect(|condition, yes, no| if *condition != 0.0 { *yes } else { *no });
    Ok(Value::of(yes.dtype, data))
}

/// A view of the constant in the larger shape.
pub(super) fn stretched<'a>(
    value: &'a Value,
    shape: &[usize],
) -> Result<ArrayViewD<'a, f64>, FoldError> {
    value.data.broadcast(shape).ok_or_else(|| FoldError::Mismatch {
        left: value.data.shape().to_vec(),
        right: shape.to_vec(),
    })
}

/// Rounds every element; integers must be exact.
fn rounded(dtype: DataType, mut data: Tensor) -> Result<Value, FoldError> {
    for v in &mut data {
        let exact = !dtype.is_int() || v.abs() <= EXACT;
        *v = dtype.round(*v).filter(|_| exact).ok_or(FoldError::Range { value: *v })?;
    }
    Ok(Value::of(dtype, data))
}

/// `Cast`.
pub(super) fn cast(value: &Value, dtype: DataType) -> Result<Value, FoldError> {
    let mut data = Tensor::clone(&value.data);
    for v in &mut data {
        *v = dtype.cast(*v).ok_or(FoldError::Range { value: *v })?;
    }
    Ok(Value::of(dtype, data))
}
