//! Recurrent layers: stacked, in both directions, with two biases; gates as PyTorch orders them.
//!
//! Operands are the sequence `[steps, inputs]`, first states (omitted: zero), and for every layer and
//! direction `w_ih`, `w_hh`, and the biases `b_ih`, `b_hh`. Weights are `[gates, inputs]`.

use ndarray::{Axis, concatenate};

use super::constant;
use crate::layers::import::{Operand, expect_shape};
use crate::layers::{
    Cell, Concatenate, Function, Import, Imported, Layer, LayerError, Recurrent, Relu, Spelling,
    Table, Take,
};
use crate::source::Tensor;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::torch("lstm", |cx| import(cx, Cell::Lstm, tanh())),
    Spelling::torch("gru", |cx| import(cx, Cell::Gru { reset_after: true }, tanh())),
    Spelling::torch("rnn_tanh", |cx| import(cx, Cell::Simple, tanh())),
    Spelling::torch("rnn_relu", |cx| import(cx, Cell::Simple, Relu { max: None }.into())),
];

fn tanh() -> Layer {
    Table { function: Function::Tanh }.into()
}

/// What all layers of a stack have in common.
struct Stack {
    cell: Cell,
    activation: Layer,
    biases: bool,
    steps: usize,
    /// The last states of cells are read, too.
    cells: bool,
}

fn import(cx: &Import<'_>, cell: Cell, activation: Layer) -> Result<Imported, LayerError> {
    let [steps, _] = cx.shape(0)?.0[..] else {
        let found = vec![cx.shape(0)?.clone()];
        return Err(LayerError::Shapes { found, expected: "[steps, features]".into() });
    };
    let biases = cx.attrs().bool("has_biases", true)?;
    let directions = if cx.attrs().bool("bidirectional", false)? { 2 } else { 1 };
    let layers = cx.attrs().int("num_layers", 1)?;
    let states = if cell == Cell::Lstm { 2 } else { 1 };
    for state in 1..1 + states {
        if cx.node.inputs.get(state).is_some_and(Option::is_some) {
            return Err(cx.value_error("hx", "given", "no first state, or zeros"));
        }
    }
    let parameters = if biases { 4 } else { 2 };
    let given = cx.node.inputs.len().saturating_sub(1 + states);
    let wrong = || cx.value_error("num_layers", layers, "as many as there are parameters for");
    let layers = usize::try_from(layers).ok().filter(|it| (1..1024).contains(it));
    let layers = layers.filter(|it| it * directions * parameters == given).ok_or_else(wrong)?;
    let cells = cell == Cell::Lstm && cx.node.outputs.len() > 2;
    let stack = Stack { cell, activation, biases, steps, cells };
    let mut made = Imported::default();
    let mut sequence = Operand::Input(0);
    let mut width = cx.shape(0)?.last();
    let mut last = Vec::new();
    for layer in 0..layers {
        let mut both = Vec::new();
        for direction in 0..directions {
            let at = 1 + states + (layer * directions + direction) * parameters;
            let cell = stack.layer(cx, at, width, direction == 1)?;
            let units = cell.units();
            let (rows, state) = stack.run(cell, sequence, &mut made);
            both.push(rows);
            last.push((state, units));
        }
        width = last.iter().rev().take(directions).map(|it| it.1).sum();
        sequence = match both[..] {
            [one] => one,
            _ => made.add("directions", Concatenate { axis: 1 }, &both),
        };
    }
    let outputs = outputs(cx, &stack, sequence, &last, &mut made);
    Ok(made.with_outputs(outputs))
}

/// The sequence, and the states `[layers and directions, units]` that somebody reads.
fn outputs(
    cx: &Import<'_>,
    stack: &Stack,
    sequence: Operand,
    last: &[(Operand, usize)],
    made: &mut Imported,
) -> Vec<Operand> {
    let mut outputs = vec![sequence];
    for state in 1..cx.node.outputs.len() {
        let mut rows = Vec::new();
        for (row, units) in last {
            let first = (state - 1) * units;
            rows.push(match stack.cells {
                true => {
                    let columns = (first..first + units).collect();
                    made.add("state", Take::along("Slice", 1, columns), &[*row])
                }
                false => *row,
            });
        }
        outputs.push(match rows[..] {
            [one] => one,
            _ => made.add("states", Concatenate { axis: 0 }, &rows),
        });
    }
    outputs
}

impl Stack {
    /// One direction of one layer; its parameters begin at operand `at`.
    fn layer(
        &self,
        cx: &Import<'_>,
        at: usize,
        width: usize,
        backwards: bool,
    ) -> Result<Recurrent, LayerError> {
        let gates = self.cell.gates();
        let matrix = |index: usize, role: &'static str, columns: Option<usize>| {
            let value = constant(cx, index, role)?;
            let rows = value.shape().first().copied().unwrap_or(0);
            let columns = columns.unwrap_or(rows / gates);
            expect_shape(role, value, &[rows / gates * gates, columns])?;
            Ok::<_, LayerError>(self.columns(&value.t().to_owned()))
        };
        let kernel = matrix(at, "w_ih", Some(width))?;
        let recurrent = matrix(at + 1, "w_hh", None)?;
        let columns = recurrent.shape()[1];
        expect_shape("w_ih", &kernel, &[width, columns])?;
        let bias = |index: usize, role: &'static str| {
            let value = constant(cx, index, role)?;
            expect_shape(role, value, &[columns])?;
            Ok::<_, LayerError>(self.columns(value))
        };
        let (bias, recurrent_bias) = match self.biases {
            false => (None, None),
            // Two constants, as hls4ml has them.
            true => (Some(bias(at + 2, "b_ih")?), Some(bias(at + 3, "b_hh")?)),
        };
        Ok(Recurrent {
            cell: self.cell,
            kernel,
            recurrent,
            bias,
            recurrent_bias,
            activation: Box::new(self.activation.clone()),
            gate_activation: Box::new(Table { function: Function::Sigmoid }.into()),
            backwards,
            sequences: true,
            cells: self.cells,
        })
    }

    /// The last axis with gates in our order: PyTorch's GRU has the reset gate first.
    fn columns(&self, value: &Tensor) -> Tensor {
        let axis = Axis(value.ndim() - 1);
        let Cell::Gru { .. } = self.cell else { return value.as_standard_layout().into_owned() };
        let units = value.len_of(axis) / 3;
        let part = |gate: usize| {
            let range = ndarray::Slice::from(gate * units..(gate + 1) * units);
            value.slice_axis(axis, range)
        };
        let parts = [part(1), part(0), part(2)];
        concatenate(axis, &parts).expect("parts of one array").as_standard_layout().into_owned()
    }

    /// Rows in the order of time, `h` alone, and the last row as it was computed.
    fn run(&self, layer: Recurrent, from: Operand, made: &mut Imported) -> (Operand, Operand) {
        let (units, backwards) = (layer.units(), layer.backwards);
        let name = if backwards { "backward" } else { "forward" };
        let rows = made.add(name, layer, &[from]);
        let last = Take::along("Slice", 0, vec![self.steps.saturating_sub(1)]);
        let last = made.add("last", last, &[rows]);
        let hidden = match self.cells {
            true => made.add("hidden", Take::along("Slice", 1, (0..units).collect()), &[rows]),
            false => rows,
        };
        let hidden = match backwards {
            true => made.add("flipped", Take::flip(0, self.steps), &[hidden]),
            false => hidden,
        };
        (hidden, last)
    }
}
