//! Quantizers of data as layers: casts to formats where the grid is one of powers of two, steps where
//! there are few values.

use ndarray::Array1;

use super::super::table::Function as Smooth;
use super::super::{
    BatchNorm, Clip, Import, Imported, LayerError, LeakyRelu, Operand, Quantizer, Steps, Table,
};
use super::rule::{Alpha, Function, Grid, Rule};
use crate::fixed::{Format, Overflow, Rounding};

/// Quantizers with more values than this are not taken apart into steps.
const MOST_VALUES: i32 = 1 << 12;

/// The layers that quantize data as the quantizer in an attribute does.
pub(in crate::layers) fn activation(
    cx: &Import<'_>,
    name: &'static str,
) -> Result<Imported, LayerError> {
    let missing = || cx.value_error(name, "nothing", super::call::SUPPORTED);
    let rule = Rule::of(cx, name, false)?.ok_or_else(missing)?;
    let Alpha::Number(alpha) = rule.alpha else {
        // It would follow the data, the batch even.
        return Err(cx.value_error("alpha", "auto", "a number, for data"));
    };
    let elements = cx.shape(0)?.elements();
    let mut stages = Stages { made: Imported::default(), last: Operand::Input(0) };
    let cast = |format: Format| Quantizer { lanes: vec![Some(format); elements] };
    match rule.function {
        Function::Bits(grid) if grid.magnitude() > 0 => {
            stages.add_scaled(alpha, cast(format(grid)));
        }
        Function::Linear(grid, factor) if is_power(factor) => {
            let shift = factor.log2() as i32;
            stages.add("", cast(format(Grid { integer: grid.integer + shift, ..grid })));
        }
        Function::Relu { bits, integer, slope: 0.0 } => {
            stages.add("", cast(nearest(Format::unsigned(bits as u32, integer))));
        }
        Function::Relu { bits, integer, slope } => {
            let top = 2f64.powi(integer);
            let format = nearest(Format::signed(bits as u32, integer + 1));
            stages.add("slope", LeakyRelu { alpha: f64::from(slope), max: None });
            // A cast ends at a power of two below zero; this quantizer may end sooner.
            stages.add("range", Clip { min: -top * f64::from(slope), max: top });
            stages.add("", cast(format));
        }
        Function::Tanh { bits, symmetric, real } => {
            if real {
                stages.add("tanh", Table { function: Smooth::Tanh });
            }
            stages.add("", cast(format(Grid { bits, integer: 0, symmetric, signed: true })));
        }
        Function::Sigmoid { bits, symmetric, real } => {
            match real {
                true => stages.add("sigmoid", Table { function: Smooth::Sigmoid }),
                false => stages.add("line", affine(0.5, 0.5)),
            }
            if symmetric {
                stages.add("range", Clip { min: 2f64.powi(-bits), max: 1.0 });
            }
            stages.add("", cast(nearest(Format::unsigned(bits as u32, 0))));
        }
        Function::Linear(grid, _) if grid.magnitude() > MOST_VALUES.ilog2() as i32 => {
            return Err(cx.value_error("alpha", "a number", "a power of two, for so many bits"));
        }
        function => {
            let steps = Steps::of(|x| function.at(x) * alpha);
            stages.add("", steps);
        }
    }
    Ok(stages.made.with_outputs([stages.last]))
}

/// Layers behind each other.
struct Stages {
    made: Imported,
    last: Operand,
}

impl Stages {
    fn add(&mut self, name: &'static str, layer: impl Into<super::super::Layer>) {
        self.last = self.made.add(name, layer, &[self.last]);
    }

    /// Adds a quantizer whose result is multiplied.
    fn add_scaled(&mut self, alpha: f32, quantizer: Quantizer) {
        self.add("", quantizer);
        if alpha != 1.0 {
            self.add("alpha", affine(f64::from(alpha), 0.0));
        }
    }
}

/// Multiplication and addition of constants that stay as they are.
fn affine(scale: f64, bias: f64) -> BatchNorm {
    let one = |it: f64| Array1::from_elem(1, it).into_dyn();
    BatchNorm { scale: one(scale), bias: one(bias), kind: "ApplyAlpha", quantized: true }
}

fn is_power(value: f32) -> bool {
    value.is_normal() && value.to_bits() & 0x7f_ffff == 0
}

fn nearest(format: Format) -> Format {
    format.with(Rounding::RndConv, Overflow::Sat)
}

/// The format of a grid with at least one bit beside the sign.
fn format(grid: Grid) -> Format {
    let sign = i32::from(grid.signed);
    let format =
        Format { signed: grid.signed, ..Format::signed(grid.bits as u32, grid.integer + sign) };
    let symmetric = grid.symmetric && grid.signed;
    format.with(Rounding::RndConv, if symmetric { Overflow::SatSym } else { Overflow::Sat })
}
