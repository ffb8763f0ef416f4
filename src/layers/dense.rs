//! Fully connected layer: `y = x W + b` on the last axis.
//!
//! Keras `Dense` (kernel `[in, out]`), ONNX `Gemm` and `MatMul` by a constant. One `mac` unit.

use std::borrow::Cow;

use ndarray::{Array1, Axis};

use super::gather::Gathers;
use super::import::{expect_shape, finite};
use super::linear::Linear;
use super::{Hardware, Import, Imported, LayerError, LayerSpec, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::{Packed, Tensor};

/// A fully connected layer.
#[derive(Clone, Debug)]
pub struct Dense {
    /// `[inputs, outputs]`.
    pub weights: Packed,
    /// `[outputs]`.
    pub bias: Option<Tensor>,
    /// Weights and biases are on a grid of the model's own and must be kept as they are.
    pub quantized: bool,
}

impl Dense {
    pub(super) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("Dense", import_keras),
        Spelling::onnx("Gemm", import_gemm),
        Spelling::onnx("MatMul", super::onnx::import_matmul),
    ];

    fn n_in(&self) -> usize {
        self.weights.shape()[0]
    }

    fn n_out(&self) -> usize {
        self.weights.shape()[1]
    }
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let units = cx.attrs().int("units", 0)?;
    let n_out = usize::try_from(units).map_err(|_| cx.value_error("units", units, "at least 1"))?;
    let weights = cx.weight_of("kernel", &[cx.shape(0)?.last(), n_out])?;
    let bias = match cx.attrs().bool("use_bias", true)? {
        true => Some(cx.weight_of("bias", &[n_out])?),
        false => None,
    };
    if let Some(rank) = cx.attrs().get("lora_rank") {
        return Err(cx.value_error("lora_rank", format!("{rank:?}"), "none"));
    }
    cx.attrs().ignore(&["lora_alpha", "input_dim"]);
    let quantized = cx.attrs().bool("quantized", false)?;
    Ok(Imported::unary(Dense { weights: weights.into(), bias, quantized }))
}

fn import_gemm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let alpha = cx.attrs().float("alpha", 1.0)?;
    let beta = cx.attrs().float("beta", 1.0)?;
    // Operand A is data [1, K]: with the batch axis it cannot be transposed.
    if cx.node.version < 7 {
        // The bias broadcasts or fits as it is: its shape decides.
        cx.attrs().ignore(&["broadcast"]);
    }
    if cx.attrs().int("transA", 0)? != 0 {
        return Err(cx.value_error("transA", 1, "0"));
    }
    let weights = matrix(cx, cx.attrs().int("transB", 0)? != 0)?.mapv_into(|it| it * alpha);
    let n_out = weights.shape()[1];
    let bias = match cx.constant(2)? {
        None => None,
        Some(bias) => {
            let bias = finite("C", bias)?.mapv(|it| it * beta);
            Some(vector(cx, &bias, n_out)?)
        }
    };
    let quantized = cx.attrs().bool("quantized", false)? && alpha == 1.0 && beta == 1.0;
    Ok(Imported::unary(Dense { weights: weights.into(), bias, quantized }))
}

/// Operand B as `[inputs, outputs]`.
fn matrix(cx: &Import<'_>, transposed: bool) -> Result<Tensor, LayerError> {
    let shape = cx.shape(0)?;
    let needed = LayerError::Operand { op: cx.op(), index: 1, expected: "a constant" };
    let matrix = finite("B", cx.constant(1)?.ok_or(needed)?)?;
    if matrix.ndim() != 2 {
        return Err(LayerError::WeightShape {
            role: "B",
            found: matrix.shape().to_vec(),
            expected: vec![shape.last(), 0],
        });
    }
    let matrix = if transposed { matrix.t().to_owned() } else { matrix.clone() };
    expect_shape("B", &matrix, &[shape.last(), matrix.shape()[1]])?;
    Ok(matrix)
}

/// A bias that broadcasts along the outputs, as a vector.
fn vector(cx: &Import<'_>, bias: &Tensor, n_out: usize) -> Result<Tensor, LayerError> {
    let found = bias.shape().to_vec();
    let flat: Vec<f64> = bias.iter().copied().collect();
    match (flat.len(), bias.shape().last()) {
        (1, _) => Ok(Array1::from_elem(n_out, flat[0]).into_dyn()),
        (len, Some(last)) if len == n_out && *last == n_out => Ok(Array1::from(flat).into_dyn()),
        _ => Err(LayerError::WeightShape { role: bias_role(cx), found, expected: vec![n_out] }),
    }
}

fn bias_role(cx: &Import<'_>) -> &'static str {
    if cx.node.op == "Gemm" { "C" } else { "bias" }
}

impl LayerSpec for Dense {
    fn kind(&self) -> &'static str {
        "Dense"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let mut shape = inputs[0].0.clone();
        match shape.pop() {
            Some(last) if last == self.n_in() && last > 0 && self.n_out() > 0 => {
                shape.push(self.n_out());
                Ok(Shape(shape))
            }
            _ => Err(LayerError::Shapes {
                found: vec![inputs[0].clone()],
                expected: format!("{} on the last axis", self.n_in()),
            }),
        }
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let mut shape = inputs[0].shape().to_vec();
        let values: Vec<f64> = inputs[0].iter().copied().collect();
        let matrix = self.weights.view().into_dimensionality::<ndarray::Ix2>().expect("rank 2");
        let rows =
            ndarray::ArrayView2::from_shape((values.len() / self.n_in(), self.n_in()), &values)
                .expect("infer checked the last axis");
        let mut out = rows.dot(&matrix);
        if let Some(bias) = &self.bias {
            let bias = bias.view().into_dimensionality::<ndarray::Ix1>().expect("rank 1");
            out.axis_iter_mut(Axis(0)).for_each(|mut row| row += &bias);
        }
        shape.pop();
        shape.push(self.n_out());
        let values = out.into_iter().collect();
        Tensor::from_shape_vec(shape, values).expect("as many rows as positions")
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        let bias = self.bias.iter().map(|it| (Role::Bias, it));
        std::iter::once((Role::Weight, &*self.weights)).chain(bias).collect()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Gathers for Dense {
    type Gathering<'a> = Linear<'a>;

    fn gathering(&self, input: &Shape) -> Linear<'_> {
        let mut shape = input.clone();
        shape.0.pop();
        shape.0.push(self.n_out());
        Linear {
            weights: Cow::Borrowed(&self.weights),
            bias: self.bias.as_ref(),
            quantized: self.quantized,
            groups: 1,
            reads: (0..input.elements() as u32).map(Some).collect(),
            shape,
        }
    }
}
