//! Quantizers of QONNX and QDQ. Exact formats where scales are powers of two and zero is zero, float
//! arithmetic elsewhere.

use super::per_sample;
use crate::fixed::{Format, Overflow, Rounding};
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
    let operands = cx.constants.clone();
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

/// The exponent of a power of two.
fn exponent(scale: f64) -> Option<i32> {
    let exponent = scale.log2().round();
    (exponent.abs() < 40.0 && exponent.exp2() == scale).then_some(exponent as i32)
}

/// The format of codes from `low` to `high` with a step of `2^exponent`.
fn format(low: f64, high: f64, exponent: i32, rounding: Rounding) -> Option<Format> {
    let signed = low < 0.0;
    let bits = (high + 1.0).log2() as u32 + u32::from(signed);
    if bits == 0 || bits > 48 || (high + 1.0).log2().fract() != 0.0 {
        return None;
    }
    let full = if signed { -high - 1.0 } else { 0.0 };
    let overflow = match low {
        _ if low == full => Overflow::Sat,
        _ if low == -high && bits > 1 => Overflow::SatSym,
        _ => return None,
    };
    let int_bits = bits as i32 + exponent;
    let format =
        if signed { Format::signed(bits, int_bits) } else { Format::unsigned(bits, int_bits) };
    Some(format.with(rounding, overflow))
}

/// What can be built as it is.
fn exact(layer: &FakeQuant, shape: &[usize]) -> Option<Imported> {
    if layer.zero.iter().any(|it| *it != 0.0) {
        return None;
    }
    let exponents = layer.scale.mapv(exponent);
    let exponents = exponents.broadcast(shape)?;
    let quantizer = |low: f64, high: f64, rounding: Rounding, codes: bool| {
        let lane = |it: &Option<i32>| format(low, high, if codes { 0 } else { (*it)? }, rounding);
        let lanes: Option<Vec<_>> = exponents.iter().map(|it| lane(it).map(Some)).collect();
        Some(Quantizer { lanes: lanes? })
    };
    let scaled = |factor: f64| {
        let one = |value: f64| ndarray::arr1(&[value]).into_dyn() as Tensor;
        BatchNorm { scale: one(factor), bias: one(0.0), kind: "ApplyAlpha", quantized: true }
    };
    let whole = layer.scale.first().copied().filter(|it| layer.scale.iter().all(|b| b == it));
    match layer.law {
        Law::Integer { low, high, nearest } => {
            Some(Imported::unary(quantizer(low, high, rounding(nearest)?, false)?))
        }
        Law::Codes { low, high } => {
            exponent(whole?)?;
            let mut made = Imported::default();
            let codes = made.add("scaled", scaled(1.0 / whole?), &[Operand::Input(0)]);
            let layer = quantizer(low, high, Rounding::RndConv, true)?;
            let output = made.add("", layer, &[codes]);
            Some(made.with_outputs([output]))
        }
        Law::Values => {
            exponent(whole?)?;
            Some(Imported::unary(scaled(whole?)))
        }
        Law::Bipolar => {
            exponent(whole?)?;
            let mut made = Imported::default();
            let sign = made.add("sign", BinaryTanh, &[Operand::Input(0)]);
            let output = made.add("", scaled(whole?), &[sign]);
            Some(made.with_outputs([output]))
        }
        Law::Truncate { .. } => None,
    }
}

/// The rounding of a cast that rounds likewise.
fn rounding(nearest: Nearest) -> Option<Rounding> {
    Some(match nearest {
        Nearest::HalfEven => Rounding::RndConv,
        Nearest::HalfUp => Rounding::RndInf,
        Nearest::HalfDown => Rounding::RndZero,
        Nearest::Floor => Rounding::Trn,
        Nearest::Down => Rounding::TrnZero,
        Nearest::Ceil | Nearest::Up => return None,
    })
}
