//! Quantizers of QONNX and QDQ. Exact formats where scales are powers of two and zero is zero, float
//! arithmetic elsewhere.

use super::per_sample;
use crate::layers::fake_quant::{FakeQuant, Law, Nearest, Said};
use crate::layers::{
    BatchNorm, BinaryTanh, Import, Imported, LayerError, Operand, Quantizer, Spelling,
};
use crate::source::Tensor;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::onnx("qonnx.custom_op.general::Quant", import),
    Spelling::onnx("qonnx.custom_op.general::IntQuant", import),
    Spelling::onnx("qonnx.custom_op.general::BipolarQuant", import),
    Spelling::onnx("qonnx.custom_op.general::Trunc", import),
    Spelling::onnx("QuantizeLinear", import),
    Spelling::onnx("DequantizeLinear", import),
];

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let shape = cx.shape(0)?.0.clone();
    let rank = shape.len();
    for index in 1..cx.node.inputs.len() {
        // Scales that are computed from data are no constants.
        cx.constant(index)?;
    }
    let operands = cx.constants.iter().map(|it| it.map(|it| &**it)).collect();
    let said = Said { op: &cx.node.op, attrs: cx.attrs(), operands, rank: rank + 1 };
    let layer = said.read()?.try_map(|it| {
        let found = it.shape().to_vec();
        let expected = vec![1; rank + 1];
        let misfit = LayerError::WeightShape { role: "scale", found, expected };
        per_sample(&it, rank).ok_or(misfit)
    })?;
    if !layer.fits(&shape) {
        let found = layer.scale.shape().to_vec();
        return Err(LayerError::WeightShape { role: "scale", found, expected: shape });
    }
    Ok(match exact(&layer, &shape) {
        Some(made) => made,
        None => Imported::unary(layer),
    })
}

/// What can be built as it is.
fn exact(layer: &FakeQuant, shape: &[usize]) -> Option<Imported> {
    if layer.zero.iter().any(|it| *it != 0.0) {
        return None;
    }
    let scales = layer.scale.broadcast(shape)?;
    let quantizer = |low: f64, high: f64, nearest: Nearest| {
        let lane = |it: &f64| Quantizer::format((low, high), *it, nearest);
        let lanes: Option<Vec<_>> = scales.iter().map(|it| lane(it).map(Some)).collect();
        Some(Quantizer { lanes: lanes? })
    };
    let scaled = |factor: f64| {
        let one = |value: f64| ndarray::arr1(&[value]).into_dyn() as Tensor;
        BatchNorm { scale: one(factor), bias: one(0.0), kind: "ApplyAlpha", quantized: true }
    };
    let whole = layer.scale.first().copied().filter(|it| layer.scale.iter().all(|b| b == it));
    match layer.law {
        Law::Integer { low, high, nearest } => {
            Some(Imported::unary(quantizer(low, high, nearest)?))
        }
        Law::Bipolar => {
            Quantizer::exponent(whole?)?;
            let mut made = Imported::default();
            let sign = made.add("sign", BinaryTanh, &[Operand::Input(0)]);
            let output = made.add("", scaled(whole?), &[sign]);
            Some(made.with_outputs([output]))
        }
        // Halves of quantizers look for each other first: passes make exact layers of them.
        Law::Codes { .. } | Law::Values | Law::Truncate { .. } | Law::Whole { .. } => None,
    }
}
