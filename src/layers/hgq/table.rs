//! Functions of one number between two quantizers, tabulated: `QUnaryFunctionLUT` and the tables of
//! softmax.

use std::collections::HashMap;

use super::conf::{Bits, Names, names};
use super::parts::Builder;
use super::quantize::Rule;
use super::rule;
use crate::layers::activation::{by_name, function_name};
use crate::layers::grid_table::{Grid, GridTable, MAX_BITS};
use crate::layers::{BatchNorm, Import, Imported, Layer, LayerError, Operand};
use crate::source::Tensor;

/// Entries that all tables of a layer may have together.
const MAX_ENTRIES: usize = 1 << 25;

/// Inputs that a function is given at once.
const CHUNK: usize = 256;

/// The quantizers around a function.
pub(super) const INPUT: Names = names!("iq_conf", "iq");
pub(super) const OUTPUT: Names = names!("oq_conf", "oq");

/// How well float32 knows a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Known {
    /// It is correctly rounded, so that everybody's float32 gives the same.
    Exactly,
    /// To some units of the last place, of the result or of this size if that is larger.
    Within(f64),
}

/// What is tabulated, and between which quantizers.
pub(super) struct Tables<'a> {
    /// The quantizer in front, one for each element.
    pub(super) input: &'a Rule,
    /// That behind, if there is one.
    pub(super) output: Option<&'a Rule>,
    /// How well float32 knows the function.
    pub(super) known: Known,
}

impl Tables<'_> {
    /// Makes the tables; `f` is given the number of the element's function.
    pub(super) fn make(
        &self,
        cx: &Import<'_>,
        names: &Names,
        function: impl Fn(usize) -> usize,
        f: impl Fn(usize, &[f32]) -> Vec<f32>,
    ) -> Result<GridTable, LayerError> {
        let mut made = GridTable { tables: Vec::new(), of: Vec::new(), uncertain: false };
        let lanes = self.input.lanes(cx, names)?;
        let mut known = HashMap::new();
        let mut entries = 0;
        for (at, lane) in lanes.iter().enumerate() {
            let bits = self.output.map(|it| it.bits[at]);
            let function = function(at);
            let next = made.tables.len();
            let number = *known.entry((function, *lane, bits)).or_insert(next);
            made.of.push(number as u32);
            if number < next {
                continue;
            }
            let width = lane.map_or(0, |it| it.width);
            if width > MAX_BITS {
                let found = format!("{width} bits");
                return Err(cx.value_error(names.conf, found, "at most 20 in front of a table"));
            }
            entries += 1usize << width;
            if entries > MAX_ENTRIES {
                return Err(cx.value_error(names.conf, "tables", "2^25 entries in all of them"));
            }
            let mut inputs = Vec::new();
            let mut grid = Grid::over(*lane, |it| {
                inputs.push(self.input.behind(it as f32));
                0.0
            });
            // Few at a time: networks have many values for each.
            let results = inputs.chunks(CHUNK).flat_map(|it| f(function, it));
            for (value, y) in grid.values.iter_mut().zip(results) {
                *value = self.result(y, bits, &mut made.uncertain);
            }
            finite(cx, names, &grid.values)?;
            made.tables.push(grid);
        }
        Ok(made)
    }

    /// A result behind the quantizer; remembers if it could have been another.
    fn result(&self, y: f32, bits: Option<Bits>, uncertain: &mut bool) -> f32 {
        let Some((rule, bits)) = self.output.zip(bits) else {
            *uncertain |= self.known != Known::Exactly;
            return y;
        };
        if let Known::Within(size) = self.known {
            *uncertain |= rule.is_close(f64::from(y), size, bits);
        }
        rule.one(y, bits)
    }
}

fn finite(cx: &Import<'_>, names: &Names, values: &[f32]) -> Result<(), LayerError> {
    match values.iter().filter(|it| !it.is_finite()).count() {
        0 => Ok(()),
        count => Err(cx.value_error(
            names.conf,
            format!("a function that is infinite or no number for {count} inputs"),
            "functions that are finite for all inputs",
        )),
    }
}

impl Builder<'_, '_> {
    /// Adds a quantizer and the table behind it, which has the codes' meaning in its entries.
    pub(super) fn table(
        &mut self,
        name: [&'static str; 2],
        names: &Names,
        (input, table): (&Rule, GridTable),
        operand: Operand,
        shape: &[usize],
    ) -> Result<Operand, LayerError> {
        let last = shape.last().copied().unwrap_or(1);
        let mut value = operand;
        if input.conf.scaler != 1.0 {
            let scaled = BatchNorm::scalar(1.0 / input.conf.scaler, 0.0, last);
            value = self.add("scaled", scaled, &[value]);
        }
        let lanes = input.lanes(self.cx, names)?;
        value = self.add(name[0], crate::layers::Quantizer { lanes }, &[value]);
        Ok(self.add(name[1], table, &[value]))
    }
}

/// A layer's float meaning as a function of numbers.
pub(super) fn applied(layer: &Layer, inputs: &[f32]) -> Vec<f32> {
    let inputs: Vec<f64> = inputs.iter().map(|it| f64::from(*it)).collect();
    let inputs = ndarray::Array1::from(inputs).into_dyn();
    layer.spec().eval(&[&inputs]).iter().map(|it| *it as f32).collect()
}

/// The function that an attribute names; those of several numbers are none.
pub(super) fn function(cx: &Import<'_>, name: &'static str) -> Result<(Layer, Known), LayerError> {
    let supported = "the name of one of Keras' functions of one number";
    let given = match cx.attrs().get(name) {
        None => "linear",
        Some(given) => function_name(given)
            .ok_or_else(|| cx.value_error(name, format!("{given:?}"), supported))?,
    };
    let known = match given {
        "linear" | "relu" | "relu6" => Known::Exactly,
        "tanh" | "sigmoid" | "exponential" => Known::Within(0.0),
        // Differences of numbers of the size of the input are in some of them.
        _ => Known::Within(4.0),
    };
    let layer = by_name(given, cx.node.dialect, 1).filter(|it| !matches!(it, Layer::Softmax(_)));
    Ok((layer.ok_or_else(|| cx.value_error(name, given, supported))?, known))
}

/// `QUnaryFunctionLUT`.
pub(super) fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    unary(cx, None)
}

/// `QAffinedUnaryFunctionLUT`: a factor and an offset come before the function.
pub(super) fn import_affine(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let one = |role| -> Result<f32, LayerError> {
        let weight: Tensor = cx.weight_of(role, &[1])?;
        Ok(weight[0] as f32)
    };
    unary(cx, Some([one("scale")?, one("bias")?]))
}

/// The function of numbers that no quantizer has put on a grid.
fn plain(
    cx: &Import<'_>,
    layer: Layer,
    scale: Option<[f32; 2]>,
    shape: &[usize],
) -> Result<Imported, LayerError> {
    let mut parts = Builder::new(cx);
    let mut value = parts.input(0);
    if let Some([scale, bias]) = scale {
        let last = shape.last().copied().unwrap_or(1);
        let affine = BatchNorm::scalar(f64::from(scale), f64::from(bias), last);
        value = parts.add("scaled", affine, &[value]);
    }
    value = parts.add("function", layer, &[value]);
    if cx.attrs().bool("enable_oq", true)? {
        value = parts.quantizer("oq", &OUTPUT, value, shape)?;
    }
    Ok(parts.finish(value))
}

fn unary(cx: &Import<'_>, scale: Option<[f32; 2]>) -> Result<Imported, LayerError> {
    // How the quantizers were set up; what they are is in their variables.
    cx.attrs().ignore(&["allow_heterogeneous_table", "allow_heterogeneous_input"]);
    let (layer, known) = function(cx, "activation")?;
    let shape = cx.shape(0)?.0.clone();
    let on = |flag| cx.attrs().bool(flag, true);
    let input = if on("enable_iq")? { rule(cx, &INPUT, &shape)? } else { None };
    let Some(input) = input else { return plain(cx, layer, scale, &shape) };
    let output = if on("enable_oq")? { rule(cx, &OUTPUT, &shape)? } else { None };
    // What comes before the function may be rounded once or twice.
    let known = if scale.is_some() { Known::Within(16.0) } else { known };
    let tables = Tables { input: &input, output: output.as_ref(), known };
    let table = tables.make(
        cx,
        &INPUT,
        |_| 0,
        |_, inputs| {
            let first = |it: &f32| scale.map_or(*it, |[scale, bias]| it * scale + bias);
            let inputs: Vec<f32> = inputs.iter().map(first).collect();
            applied(&layer, &inputs)
        },
    )?;
    let mut parts = Builder::new(cx);
    let operand = parts.input(0);
    let output = parts.table(["iq", ""], &INPUT, (&input, table), operand, &shape)?;
    Ok(parts.finish(output))
}
