//! `QSimpleRNN`, `QLSTM`, `QGRU`: unrolled, with the states quantized before a step reads them.
//!
//! The quantizers of kernels and biases work on constants, here; those of the state and the
//! activations are layers. A first state of zeros is quantized too.

use super::rule::Rule;
use crate::layers::{
    BatchNorm, Concatenate, Constant, Dense, HardSigmoid, Import, Imported, Layer, LayerError,
    Merge, Operand, Reshape, Take, activation,
};
use crate::nn::Shape;
use crate::precision::auto;
use crate::source::Tensor;
use crate::units::Binary;

/// Entries that are for training, or choose between two ways to the same numbers.
const IGNORED: [&str; 4] =
    ["implementation", "unit_forget_bias", "zero_output_for_mask", "call:initial_state"];

/// A cell of any kind.
struct Cell<'c, 'a> {
    cx: &'c Import<'a>,
    made: Imported,
    units: usize,
    kernel: Matrix,
    recurrent: Matrix,
    /// Of the input's products, and of the state's.
    bias: [Option<Tensor>; 2],
}

/// A matrix, and whether it is on a grid.
struct Matrix {
    values: Tensor,
    quantized: bool,
}

/// One state, quantized; `None` if it is zero.
type State = Option<Operand>;

pub(super) fn import_simple(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let mut cell = Cell::read(cx, 1, false)?;
    cell.run(1, |cell, x, states| {
        let sum = cell.sum(x, states[0], 0);
        Ok(vec![cell.apply("activation", "tanh", sum)?])
    })
}

pub(super) fn import_lstm(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let mut cell = Cell::read(cx, 4, false)?;
    cell.run(2, |cell, x, states| {
        let mut gates = Vec::new();
        for (at, attr) in GATES.iter().enumerate() {
            let sum = cell.sum(x, states[0], at);
            gates.push(cell.apply(attr.0, attr.1, sum)?);
        }
        let mut carry = cell.merge(Binary::Mul, gates[0], gates[2]);
        if let Some(old) = states[1] {
            let kept = cell.merge(Binary::Mul, gates[1], old);
            carry = cell.merge(Binary::Add, kept, carry);
        }
        let shown = cell.apply("activation", "tanh", carry)?;
        Ok(vec![cell.merge(Binary::Mul, gates[3], shown), carry])
    })
}

/// The activations of an LSTM's gates, in the order of their columns.
const GATES: [(&str, &str); 4] = [RECURRENT, RECURRENT, ("activation", "tanh"), RECURRENT];
const RECURRENT: (&str, &str) = ("recurrent_activation", "hard_sigmoid");

pub(super) fn import_gru(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let after = cx.attrs().bool("reset_after", false)?;
    let mut cell = Cell::read(cx, 3, after)?;
    cell.run(1, |cell, x, states| {
        let old = states[0];
        let mut gates = Vec::new();
        for gate in 0..2 {
            let sum = cell.sum(x, old, gate);
            gates.push(cell.apply(RECURRENT.0, RECURRENT.1, sum)?);
        }
        let [update, reset] = gates[..] else { unreachable!("two gates") };
        let mut candidate = cell.product(x, 2, false);
        let again = match (after, old) {
            (true, Some(old)) => {
                let inner = cell.product(old, 2, true);
                Some(cell.merge(Binary::Mul, reset, inner))
            }
            (true, None) => cell.bias_of(2, true).map(|it| {
                let inner = cell.made.add("bias", Constant { value: it }, &[]);
                cell.merge(Binary::Mul, reset, inner)
            }),
            (false, Some(old)) => {
                let inner = cell.merge(Binary::Mul, reset, old);
                Some(cell.product(inner, 2, true))
            }
            (false, None) => None,
        };
        if let Some(again) = again {
            candidate = cell.merge(Binary::Add, candidate, again);
        }
        let candidate = cell.apply("activation", "tanh", candidate)?;
        let rest = BatchNorm { quantized: true, ..BatchNorm::scalar(-1.0, 1.0, cell.units) };
        let rest = cell.made.add("rest", rest, &[update]);
        let mut new = cell.merge(Binary::Mul, rest, candidate);
        if let Some(old) = old {
            let kept = cell.merge(Binary::Mul, update, old);
            new = cell.merge(Binary::Add, kept, new);
        }
        Ok(vec![new])
    })
}

/// A constant as its quantizer makes it.
fn quantized(
    cx: &Import<'_>,
    quantizer: &'static str,
    values: Tensor,
) -> Result<Matrix, LayerError> {
    let trained = quantizer != "bias_quantizer";
    let Some(rule) = Rule::of(cx, quantizer, trained)? else {
        return Ok(Matrix { values, quantized: false });
    };
    let values = rule.apply(&values, cx.node.version).values();
    let quantized = auto::is_short(&values);
    Ok(Matrix { values, quantized })
}

impl<'c, 'a> Cell<'c, 'a> {
    fn read(cx: &'c Import<'a>, gates: usize, two: bool) -> Result<Cell<'c, 'a>, LayerError> {
        let [_, n_in] = cx.shape(0)?.0[..] else {
            let expected = "[steps, inputs]".to_owned();
            return Err(LayerError::Shapes { found: vec![cx.shape(0)?.clone()], expected });
        };
        let units = cx.attrs().int("units", 0)?;
        let wrong = || cx.value_error("units", units, "1 and more");
        let units = usize::try_from(units).ok().filter(|it| *it > 0).ok_or_else(wrong)?;
        for flag in ["stateful", "time_major"] {
            if cx.attrs().bool(flag, false)? {
                return Err(cx.value_error(flag, true, "false"));
            }
        }
        cx.attrs().ignore(&IGNORED);
        cx.attrs().ignore(&super::TRAINING);
        let columns = units.saturating_mul(gates);
        let kernel = cx.weight_of("kernel", &[n_in, columns])?;
        let recurrent = cx.weight_of("recurrent_kernel", &[units, columns])?;
        let shape = if two { vec![2, columns] } else { vec![columns] };
        let bias = match cx.attrs().bool("use_bias", true)? {
            false => {
                cx.attrs().ignore(&["bias_quantizer"]);
                [None, None]
            }
            true => {
                let bias = quantized(cx, "bias_quantizer", cx.weight_of("bias", &shape)?)?.values;
                let row = |it| Some(bias.index_axis(ndarray::Axis(0), it).to_owned());
                if two { [row(0), row(1)] } else { [Some(bias), None] }
            }
        };
        Ok(Cell {
            cx,
            made: Imported::default(),
            units,
            kernel: quantized(cx, "kernel_quantizer", kernel)?,
            recurrent: quantized(cx, "recurrent_quantizer", recurrent)?,
            bias,
        })
    }

    /// The entries of one gate along the last axis.
    fn part(&self, whole: &Tensor, gate: usize) -> Tensor {
        let own = ndarray::Slice::from(gate * self.units..(gate + 1) * self.units);
        let last = ndarray::Axis(whole.ndim() - 1);
        whole.slice_axis(last, own).as_standard_layout().into_owned()
    }

    fn bias_of(&self, gate: usize, again: bool) -> Option<Tensor> {
        self.bias[usize::from(again)].as_ref().map(|it| self.part(it, gate))
    }

    /// Products with the columns of one gate, and their bias.
    fn product(&mut self, x: Operand, gate: usize, again: bool) -> Operand {
        let matrix = if again { &self.recurrent } else { &self.kernel };
        let (weights, quantized) = (self.part(&matrix.values, gate), matrix.quantized);
        let bias = self.bias_of(gate, again);
        let name = if again { "recurrent" } else { "product" };
        self.made.add(name, Dense { weights: weights.into(), bias, quantized }, &[x])
    }

    /// What one gate sums up.
    fn sum(&mut self, x: Operand, state: State, gate: usize) -> Operand {
        let sum = self.product(x, gate, false);
        let again = match state {
            Some(state) => self.product(state, gate, true),
            None => match self.bias_of(gate, true) {
                Some(value) => self.made.add("bias", Constant { value }, &[]),
                None => return sum,
            },
        };
        self.merge(Binary::Add, sum, again)
    }

    fn merge(&mut self, op: Binary, a: Operand, b: Operand) -> Operand {
        let name = if op == Binary::Mul { "gated" } else { "sum" };
        self.made.add(name, Merge { op }, &[a, b])
    }

    /// A quantizer or a function by the name of an attribute, on a vector of a value per unit.
    fn apply(
        &mut self,
        attr: &'static str,
        default: &'static str,
        x: Operand,
    ) -> Result<Operand, LayerError> {
        let cx = self.cx;
        let name = match cx.attrs().get(attr) {
            Some(given) if super::is_quantizer(given) => return self.quantize(attr, x),
            None => default,
            Some(given) => activation::function_name(given).ok_or_else(|| {
                cx.value_error(attr, format!("{given:?}"), "a quantizer or a function of Keras")
            })?,
        };
        let layer: Option<Layer> = match name {
            // QKeras' own function of that name.
            "hard_sigmoid" => Some(HardSigmoid { slope: 0.5, shift: 0.5 }.into()),
            name => activation::by_name(name, cx.node.dialect, self.units),
        };
        let layer = layer.ok_or_else(|| cx.value_error(attr, name, "an activation of Keras"))?;
        Ok(self.made.add("function", layer, &[x]))
    }

    fn quantize(&mut self, attr: &'static str, x: Operand) -> Result<Operand, LayerError> {
        let shapes = vec![Some(Shape(vec![self.units]))];
        let inner = Import { node: self.cx.node, shapes, constants: vec![None] };
        let mut layers = super::activation(&inner, attr)?;
        let first = self.made.parts.len();
        let operands = layers.parts.iter_mut().flat_map(|it| &mut it.operands);
        // Its own parts come behind those that are there; what it reads is there already.
        for operand in operands.chain(&mut layers.outputs) {
            *operand = match *operand {
                Operand::Part(at) => Operand::Part(at + first),
                Operand::Input(_) => x,
            };
        }
        for part in &mut layers.parts {
            part.name = if part.name.is_empty() { "quantized" } else { part.name };
        }
        self.made.parts.append(&mut layers.parts);
        Ok(layers.outputs.first().copied().unwrap_or(x))
    }

    /// The states before the first step, as the step reads them.
    fn first(&mut self, states: usize) -> Result<Vec<State>, LayerError> {
        let given = self.cx.node.inputs.len() - 1;
        if given != 0 {
            return Err(self.cx.value_error("number of inputs", given + 1, "1: no first state"));
        }
        let rule = Rule::of(self.cx, "state_quantizer", false)?;
        let zero = rule.map_or(0.0, |it| it.apply(&Tensor::zeros(vec![1]), 0).values()[[0]]);
        if zero == 0.0 {
            return Ok(vec![None; states]);
        }
        let value = Tensor::from_elem(vec![self.units], zero);
        let first = self.made.add("first", Constant { value }, &[]);
        Ok(vec![Some(first); states])
    }

    /// All steps by the function of one, which is given the input and the states, and makes them anew.
    fn run(
        &mut self,
        states: usize,
        step: impl Fn(&mut Self, Operand, &[State]) -> Result<Vec<Operand>, LayerError>,
    ) -> Result<Imported, LayerError> {
        let cx = self.cx;
        let [steps, n_in] = cx.shape(0)?.0[..] else { return Ok(Imported::default()) };
        let sequences = cx.attrs().bool("return_sequences", false)?;
        let with_state = cx.attrs().bool("return_state", false)?;
        let backwards = cx.attrs().bool("go_backwards", false)?;
        let mut old = self.first(states)?;
        let (mut all, mut last) = (Vec::new(), Vec::new());
        for at in 0..steps {
            let at = if backwards { steps - 1 - at } else { at };
            let row =
                self.made.add("step", Take::along("Slice", 0, vec![at]), &[Operand::Input(0)]);
            let row = self.made.add("row", Reshape { shape: Shape(vec![n_in]) }, &[row]);
            for (old, new) in old.iter_mut().zip(&last) {
                *old = Some(match cx.attrs().get("state_quantizer") {
                    Some(_) => self.quantize("state_quantizer", *new)?,
                    None => *new,
                });
            }
            last = step(self, row, &old)?;
            all.push(last[0]);
        }
        let mut made = std::mem::take(&mut self.made);
        let shape = Shape(vec![1, self.units]);
        let output = match sequences {
            false => made.add("", Reshape { shape: Shape(vec![self.units]) }, &last[..1]),
            true => {
                let row = |it: &Operand| made.add("time", Reshape { shape: shape.clone() }, &[*it]);
                let rows: Vec<Operand> = all.iter().map(row).collect();
                made.add("", Concatenate { axis: 0 }, &rows)
            }
        };
        let more = if with_state { last } else { Vec::new() };
        Ok(made.with_outputs(std::iter::once(output).chain(more)))
    }
}
