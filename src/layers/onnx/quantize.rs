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

/// Codes that are not limited have as many values on either side of zero.
const LONGEST: f64 = (1i64 << 47) as f64;

/// What can be built as it is.
fn exact(layer: &FakeQuant, shape: &[usize]) -> Option<Imported> {
    if layer.zero.iter().any(|it| *it != 0.0) {
        return None;
    }
    let scales = layer.scale.broadcast(shape)?;
    let quantizer = |scales: &ndarray::ArrayViewD<'_, f64>, limits: (f64, f64), nearest| {
        let lane = |it: &f64| Quantizer::format(limits, *it, nearest);
        let lanes: Option<Vec<_>> = scales.iter().map(|it| lane(it).map(Some)).collect();
        Some(Quantizer { lanes: lanes? })
    };
    let scaled = |factor: f64| {
        let one = |value: f64| ndarray::arr1(&[value]).into_dyn() as Tensor;
        BatchNorm { scale: one(factor), bias: one(0.0), kind: "ApplyAlpha", quantized: true }
    };
    let whole = layer.scale.first().copied().filter(|it| layer.scale.iter().all(|b| b == it));
    match &layer.law {
        Law::Truncate { step, to, low, high, nearest, .. } => {
            let steps = step.broadcast(shape)?;
            let coarse = ndarray::Zip::from(&scales).and(&steps).map_collect(|a, b| a * b);
            let factors =
                ndarray::Zip::from(&coarse).and(&to.broadcast(shape)?).map_collect(|a, b| b / a);
            let factor = factors.first().copied()?;
            Quantizer::exponent(factor).filter(|_| factors.iter().all(|it| *it == factor))?;
            // Sums are no longer than that.
            let all = (-LONGEST, LONGEST - 1.0);
            let mut made = Imported::default();
            let fine = quantizer(&scales, all, Nearest::HalfEven)?;
            let codes = made.add("codes", fine, &[Operand::Input(0)]);
            let limits = if low.is_finite() { (*low, *high) } else { all };
            let cut = quantizer(&coarse.view(), limits, *nearest)?;
            if factor == 1.0 {
                let output = made.add("", cut, &[codes]);
                return Some(made.with_outputs([output]));
            }
            let cut = made.add("cut", cut, &[codes]);
            let output = made.add("", scaled(factor), &[cut]);
            Some(made.with_outputs([output]))
        }
        Law::Integer { low, high, nearest } => {
            Some(Imported::unary(quantizer(&scales, (*low, *high), *nearest)?))
        }
        Law::Bipolar => {
            Quantizer::exponent(whole?)?;
            let mut made = Imported::default();
            let sign = made.add("sign", BinaryTanh, &[Operand::Input(0)]);
            let output = made.add("", scaled(whole?), &[sign]);
            Some(made.with_outputs([output]))
        }
        // Halves of quantizers look for each other first: passes make exact layers of them.
        Law::Codes { .. } | Law::Values | Law::Whole { .. } => None,
    }
}
