//! Products with constant matrices.

use ndarray::{Array1, Axis};

use super::{constant, optional};
use crate::layers::import::expect_shape;
use crate::layers::{Dense, Einsum, Import, Imported, LayerError, Spelling};
use crate::source::Tensor;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::torch("linear", import_linear),
    Spelling::torch("addmm", import_addmm),
    Spelling::torch("mm", import_product),
    Spelling::torch("matmul", import_product),
];

fn dense(weights: Tensor, bias: Option<Tensor>) -> Dense {
    Dense { weights: weights.into(), bias, quantized: false }
}

/// A matrix that fits the operand `data`.
fn matrix(cx: &Import<'_>, index: usize, data: usize) -> Result<Tensor, LayerError> {
    let last = cx.shape(data)?.last();
    let matrix = constant(cx, index, "weight")?;
    let columns = matrix.shape().get(1).copied().unwrap_or(0);
    expect_shape("weight", matrix, &[last, columns])?;
    Ok(matrix.clone())
}

/// The weight is `[out, in]`.
fn import_linear(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let last = cx.shape(0)?.last();
    let weight = constant(cx, 1, "weight")?;
    let rows = weight.shape().first().copied().unwrap_or(0);
    expect_shape("weight", weight, &[rows, last])?;
    let weights = weight.t().as_standard_layout().into_owned();
    let bias = optional(cx, 2, "bias")?;
    if let Some(bias) = &bias {
        expect_shape("bias", bias, &[rows])?;
    }
    Ok(Imported::unary(dense(weights, bias)))
}

/// `beta * bias + alpha * x w`; the bias comes first, and broadcasts.
fn import_addmm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let alpha = cx.attrs().float("alpha", 1.0)?;
    let beta = cx.attrs().float("beta", 1.0)?;
    let weights = matrix(cx, 2, 1)?.mapv(|it| it * alpha);
    let outputs = weights.len_of(Axis(1));
    let given = constant(cx, 0, "bias")?;
    let values: Vec<f64> = given.iter().map(|it| it * beta).collect();
    let bias = match values[..] {
        [one] => Array1::from_elem(outputs, one),
        _ if values.len() == outputs && given.shape().last() == Some(&outputs) => values.into(),
        _ => {
            let found = given.shape().to_vec();
            return Err(LayerError::WeightShape { role: "bias", found, expected: vec![outputs] });
        }
    };
    Ok(Imported::of(dense(weights, Some(bias.into_dyn())), [1]))
}

/// A product with a constant, or of two activations with the same axes in front.
pub(super) fn import_product(cx: &Import<'_>) -> Result<Imported, LayerError> {
    if let (Ok(left), Ok(right)) = (cx.shape(0), cx.shape(1)) {
        let rank = left.0.len();
        if rank < 2 || right.0.len() != rank || left.0[..rank - 2] != right.0[..rank - 2] {
            let found = vec![left.clone(), right.clone()];
            let expected = "matrices with the same axes in front".into();
            return Err(LayerError::Shapes { found, expected });
        }
        return Ok(Imported::of(Einsum::matrices(rank), [0, 1]));
    }
    Ok(Imported::unary(dense(matrix(cx, 1, 0)?, None)))
}
