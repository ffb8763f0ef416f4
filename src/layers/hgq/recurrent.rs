//! `QGRU` and `QSimpleRNN`, one step after the other: the cell is laid out once for every step.
//!
//! With `q` for the quantizers, `h` the state and `x` the input of a step, the cells are
//!
//! * simple: `h = activation(paq(iq(x) K + b + h R))`;
//! * GRU: `z, r = praq(..)` of both sums, `c = paq(x K + b + r * rhq(sq(h) R + b'))` (or, with the reset
//!   before the product, `rhq(r * sq(h)) R`), `h = z * sq(h) + (1 - z) * c`.
//!
//! The first state is zero, and everything that only depends on it is left out.

use super::conf::{Names, names};
use super::parts::Builder;
use super::table::function;
use super::{BIAS, KERNEL, quantized};
use crate::layers::{
    BatchNorm, Concatenate, Dense, Import, Imported, Layer, LayerError, Merge, Operand, Take,
};
use crate::source::Tensor;
use crate::units::Binary;

/// Steps that are laid out; more would make a circuit that nobody builds.
const MAX_STEPS: usize = 512;

const INPUT: Names = names!("iq_conf", "iq");
const STATE: Names = names!("sq_conf", "sq");
const RECURRENT: Names = names!("rkq_conf", "rkq");
const RESET: Names = names!("rhq_conf", "rhq");
const ACTIVATION: Names = names!("paq_conf", "paq");
const GATES: Names = names!("praq_conf", "praq");

/// What every step shares.
struct Cell {
    units: usize,
    steps: Vec<usize>,
    n_in: usize,
    kernel: Tensor,
    recurrent: Tensor,
    /// Rows of biases: that of the inputs, and that of the state if it has its own.
    bias: Vec<Vec<f64>>,
    activation: Layer,
}

fn vector(values: &[f64]) -> Tensor {
    ndarray::Array1::from(values.to_vec()).into_dyn()
}

/// Whether a quantizer has variables.
fn is_there(cx: &Import<'_>, names: &Names) -> bool {
    cx.node.weights.contains_key(names.i)
}

impl Cell {
    /// Reads a cell with so many gates.
    fn read(cx: &Import<'_>, gates: usize, biases: usize) -> Result<Cell, LayerError> {
        let units = cx.attrs().int("units", 0)?;
        let good = usize::try_from(units).ok().filter(|it| (1..1 << 16).contains(it));
        let units = good.ok_or_else(|| cx.value_error("units", units, "1 and more"))?;
        let [steps, n_in] = cx.shape(0)?.0[..] else {
            let expected = "[steps, features]".to_owned();
            return Err(LayerError::Shapes { found: vec![cx.shape(0)?.clone()], expected });
        };
        if steps > MAX_STEPS {
            return Err(cx.value_error("number of steps", steps, "up to 512"));
        }
        if cx.node.inputs.len() > 1 {
            return Err(cx.value_error("initial state", "given", "zeros"));
        }
        for flag in ["enable_oq", "return_state"] {
            if cx.attrs().bool(flag, false)? {
                return Err(cx.value_error(flag, true, "false"));
            }
        }
        // Whether there are quantizers, their variables tell.
        cx.attrs().ignore(&["enable_iq", "enable_sq", "iq_conf", "sq_conf", "bq_conf", "oq_conf"]);
        let wide = gates * units;
        let kernel = quantized(cx, &KERNEL, &cx.weight_of("kernel", &[n_in, wide])?)?;
        let recurrent = cx.weight_of("recurrent_kernel", &[units, wide])?;
        let recurrent = quantized(cx, &RECURRENT, &recurrent)?;
        let bias = match cx.attrs().bool("use_bias", true)? {
            false => vec![vec![0.0; wide]; biases],
            true => {
                let shape = if biases == 1 { vec![wide] } else { vec![biases, wide] };
                let bias = quantized(cx, &BIAS, &cx.weight_of("bias", &shape)?)?;
                let bias: Vec<f64> = bias.iter().copied().collect();
                bias.chunks(wide).map(<[f64]>::to_vec).collect()
            }
        };
        let mut steps: Vec<usize> = (0..steps).collect();
        if cx.attrs().bool("go_backwards", false)? {
            steps.reverse();
        }
        let (activation, _) = function(cx, "activation")?;
        Ok(Cell { units, steps, n_in, kernel, recurrent, bias, activation })
    }

    /// The quantized input of a step.
    fn input(&self, parts: &mut Builder<'_, '_>, step: usize) -> Result<Operand, LayerError> {
        let row = Take::along("Slice", 0, vec![step]);
        let sequence = parts.input(0);
        let row = parts.add("step", row, &[sequence]);
        let value = parts.reshape(row, &[1, self.n_in], &[self.n_in]);
        match is_there(parts.cx, &INPUT) {
            true => parts.quantizer("iq", &INPUT, value, &[self.n_in]),
            false => Ok(value),
        }
    }

    /// Columns of a matrix.
    fn columns(matrix: &Tensor, from: usize, to: usize) -> Tensor {
        let columns = ndarray::Slice::from(from..to);
        matrix.slice_axis(ndarray::Axis(1), columns).as_standard_layout().into_owned()
    }

    /// A product with columns of a matrix, and the bias of these.
    fn product(
        parts: &mut Builder<'_, '_>,
        (name, matrix): (&'static str, &Tensor),
        bias: Option<&[f64]>,
        operand: Operand,
        (from, to): (usize, usize),
    ) -> Operand {
        let weights = Cell::columns(matrix, from, to);
        let bias = bias.map(|it| vector(&it[from..to]));
        parts.add(name, Dense { weights: weights.into(), bias, quantized: true }, &[operand])
    }

    fn applied(&self, parts: &mut Builder<'_, '_>, operand: Operand) -> Operand {
        match self.activation {
            Layer::Identity(_) => operand,
            _ => parts.add("function", self.activation.clone(), &[operand]),
        }
    }

    /// All steps by the function of one, which is given the input and the state.
    fn run(
        &self,
        cx: &Import<'_>,
        mut step: impl FnMut(
            &mut Builder<'_, '_>,
            Operand,
            Option<Operand>,
        ) -> Result<Operand, LayerError>,
    ) -> Result<Imported, LayerError> {
        let sequences = cx.attrs().bool("return_sequences", false)?;
        let mut parts = Builder::new(cx);
        let (mut state, mut all) = (None, Vec::new());
        for at in &self.steps {
            let input = self.input(&mut parts, *at)?;
            let old = match state {
                Some(state) if is_there(cx, &STATE) => {
                    Some(parts.quantizer("sq", &STATE, state, &[self.units])?)
                }
                state => state,
            };
            let new = step(&mut parts, input, old)?;
            state = Some(new);
            all.push(new);
        }
        let last = all.last().copied().expect("a sequence has a step");
        if !sequences {
            return Ok(parts.finish(last));
        }
        let row = [1, self.units];
        let rows: Vec<Operand> =
            all.into_iter().map(|it| parts.reshape(it, &[self.units], &row)).collect();
        let output = match rows[..] {
            [row] => row,
            _ => parts.add("sequence", Concatenate { axis: 0 }, &rows),
        };
        Ok(parts.finish(output))
    }
}

fn merged(parts: &mut Builder<'_, '_>, op: Binary, a: Operand, b: Operand) -> Operand {
    let name = if op == Binary::Mul { "gated" } else { "sum" };
    parts.add(name, Merge { op }, &[a, b])
}

/// A factor and an offset for each element, all on grids.
fn affine(parts: &mut Builder<'_, '_>, operand: Operand, scale: &[f64], bias: &[f64]) -> Operand {
    let (scale, bias) = (vector(scale), vector(bias));
    let kind = "ApplyAlpha";
    parts.add("affine", BatchNorm { scale, bias, kind, quantized: true }, &[operand])
}

/// `QSimpleRNN`.
pub(super) fn import_simple(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let cell = Cell::read(cx, 1, 1)?;
    let all = (0, cell.units);
    cell.run(cx, |parts, input, state| {
        let bias = Some(cell.bias[0].as_slice());
        let mut sum = Cell::product(parts, ("product", &cell.kernel), bias, input, all);
        if let Some(state) = state {
            let own = ("recurrent", &cell.recurrent);
            let recurrent = Cell::product(parts, own, None, state, all);
            sum = merged(parts, Binary::Add, sum, recurrent);
        }
        let sum = parts.quantizer("paq", &ACTIVATION, sum, &[cell.units])?;
        Ok(cell.applied(parts, sum))
    })
}

/// `QGRU`.
pub(super) fn import_gru(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let after = cx.attrs().bool("reset_after", true)?;
    let cell = Cell::read(cx, 3, if after { 2 } else { 1 })?;
    let (gates, _) = function(cx, "recurrent_activation")?;
    let n = cell.units;
    let none = vec![0.0; 3 * n];
    let second = if after { cell.bias[1].as_slice() } else { &none };
    // What the reset of the first state is multiplied by.
    let reset = quantized(cx, &RESET, &vector(&second[2 * n..]))?;
    let reset: Vec<f64> = reset.iter().copied().collect();
    cell.run(cx, |parts, input, state| {
        let inner = Gru { cell: &cell, gates: &gates, second, reset: &reset, after };
        inner.step(parts, input, state)
    })
}

struct Gru<'a> {
    cell: &'a Cell,
    gates: &'a Layer,
    /// Bias of the state's product.
    second: &'a [f64],
    /// That of the candidate behind its quantizer.
    reset: &'a [f64],
    after: bool,
}

impl Gru<'_> {
    fn step(
        &self,
        parts: &mut Builder<'_, '_>,
        input: Operand,
        state: Option<Operand>,
    ) -> Result<Operand, LayerError> {
        let Gru { cell, second, .. } = self;
        let n = cell.units;
        let first = &cell.bias[0];
        let recurrent = ("recurrent", &cell.recurrent);
        // Both gates at once; without a state its bias alone is left of its product.
        let joined: Vec<f64> = match state {
            Some(_) => first.clone(),
            None => first.iter().zip(*second).map(|(a, b)| a + b).collect(),
        };
        let kernel = ("product", &cell.kernel);
        let mut gates = Cell::product(parts, kernel, Some(&joined), input, (0, 2 * n));
        if let Some(state) = state {
            let own = Cell::product(parts, recurrent, Some(second), state, (0, 2 * n));
            gates = merged(parts, Binary::Add, gates, own);
        }
        if !matches!(self.gates, Layer::Identity(_)) {
            gates = parts.add("function", self.gates.clone(), &[gates]);
        }
        let gates = parts.quantizer("praq", &GATES, gates, &[2 * n])?;
        let update = parts.add("update", Take::along("Slice", 0, (0..n).collect()), &[gates]);
        let mut candidate = Cell::product(parts, kernel, Some(first), input, (2 * n, 3 * n));
        if let Some(more) = self.recurrent(parts, gates, state)? {
            candidate = merged(parts, Binary::Add, candidate, more);
        }
        let candidate = cell.applied(parts, candidate);
        let candidate = parts.quantizer("paq", &ACTIVATION, candidate, &[n])?;
        let keep = affine(parts, update, &vec![-1.0; n], &vec![1.0; n]);
        let mut new = merged(parts, Binary::Mul, keep, candidate);
        if let Some(state) = state {
            let old = merged(parts, Binary::Mul, update, state);
            new = merged(parts, Binary::Add, old, new);
        }
        Ok(new)
    }

    /// What the state adds to the candidate; nothing if it is zero, and no bias is behind it.
    fn recurrent(
        &self,
        parts: &mut Builder<'_, '_>,
        gates: Operand,
        state: Option<Operand>,
    ) -> Result<Option<Operand>, LayerError> {
        let cell = self.cell;
        let n = cell.units;
        let own = ("recurrent", &cell.recurrent);
        let range = (2 * n, 3 * n);
        if state.is_none() && self.reset.iter().all(|it| *it == 0.0) {
            return Ok(None);
        }
        let slice = Take::along("Slice", 0, (n..2 * n).collect());
        let reset = parts.add("reset", slice, &[gates]);
        let Some(state) = state else {
            return Ok(Some(affine(parts, reset, self.reset, &vec![0.0; n])));
        };
        if self.after {
            let inner = Cell::product(parts, own, Some(self.second), state, range);
            let inner = parts.quantizer("rhq", &RESET, inner, &[n])?;
            return Ok(Some(merged(parts, Binary::Mul, reset, inner)));
        }
        let product = merged(parts, Binary::Mul, reset, state);
        let product = parts.quantizer("rhq", &RESET, product, &[n])?;
        Ok(Some(Cell::product(parts, own, None, product, range)))
    }
}
