//! Fully connected layer: `y = x W + b` on the last axis.
//!
//! Keras `Dense` (kernel `[in, out]`), ONNX `Gemm` and `MatMul` by a constant. One `mac` unit.

use ndarray::{Array1, Axis};

use super::import::{expect_shape, finite};
use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto, dequantized};
use crate::source::Tensor;
use crate::units::Mac;

/// A fully connected layer.
#[derive(Clone, Debug)]
pub struct Dense {
    /// `[inputs, outputs]`.
    pub weights: Tensor,
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
    Ok(Imported::unary(Dense { weights, bias, quantized: false }))
}

fn import_gemm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let alpha = cx.attrs().float("alpha", 1.0)?;
    let beta = cx.attrs().float("beta", 1.0)?;
    // Operand A is data [1, K]: with the batch axis it cannot be transposed.
    if cx.attrs().int("transA", 0)? != 0 {
        return Err(cx.value_error("transA", 1, "0"));
    }
    let weights = matrix(cx, cx.attrs().int("transB", 0)? != 0)?.mapv(|it| it * alpha);
    let n_out = weights.shape()[1];
    let bias = match cx.constant(2)? {
        None => None,
        Some(bias) => {
            let bias = finite("C", bias)?.mapv(|it| it * beta);
            Some(vector(cx, &bias, n_out)?)
        }
    };
    let quantized = cx.attrs().bool("quantized", false)? && alpha == 1.0 && beta == 1.0;
    Ok(Imported::unary(Dense { weights, bias, quantized }))
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
        std::iter::once((Role::Weight, &self.weights)).chain(bias).collect()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Dense {
    fn roles(&self) -> &'static [Role] {
        &[Role::Weight, Role::Bias, Role::Accum, Role::Result]
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Weight if self.quantized => auto::grid(Some(&self.weights)),
            Role::Bias if self.quantized => auto::grid(self.bias.as_ref()),
            Role::Weight => auto::weight(&self.weights, cx),
            Role::Bias => auto::bias(self.bias.as_ref(), cx),
            Role::Accum => {
                let frac = cx.inputs[0].format.frac() + cx.format(Role::Weight).frac();
                auto::accum(cx, self.n_in(), frac, &self.sums(cx))
            }
            _ => auto::sum_result(cx, &self.spans(cx)),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let accum = cx.format(Role::Accum);
        self.sums(cx).into_iter().map(|sum| sum.cast(accum)).collect()
    }

    fn is_activation(&self) -> bool {
        false
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let biases = match &self.bias {
            Some(bias) => cx.quantize(bias, Role::Bias),
            None => vec![0; self.n_out()].into(),
        };
        let mac = Mac {
            n_in: self.n_in(),
            n_out: self.n_out(),
            weights: cx.quantize(&self.weights, Role::Weight),
            weight: cx.format(Role::Weight),
            biases,
            bias: cx.format(Role::Bias),
            accum: cx.format(Role::Accum),
            result: cx.format(Role::Result),
        };
        cx.builder.add("", mac, inputs)
    }
}

impl Dense {
    /// Range of every output, before any cast.
    fn sums(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let weights = dequantized(&self.weights, cx.format(Role::Weight), cx.compat);
        let bias = self.bias.as_ref().map(|it| dequantized(it, cx.format(Role::Bias), cx.compat));
        let (n_in, n_out) = (self.n_in(), self.n_out());
        let mut sums = Vec::with_capacity(cx.inputs[0].spans.len() / n_in * n_out);
        for inputs in cx.inputs[0].spans.chunks(n_in) {
            let first = sums.len();
            sums.extend((0..n_out).map(|j| Span::point(bias.as_ref().map_or(0.0, |it| it[j]))));
            for (input, row) in inputs.iter().zip(weights.chunks(n_out)) {
                for (sum, weight) in sums[first..].iter_mut().zip(row) {
                    *sum = sum.add(input.scale(*weight));
                }
            }
        }
        sums
    }
}
