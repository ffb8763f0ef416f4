//! Recurrent layers in the layout with the batch in front (`layout` 1, to which the frontend turns
//! the other): the sequence is `[steps, inputs]`, the result `[steps, directions, units]`.
//!
//! Weights are `[directions, gates * units, inputs]`; biases are those of the inputs, then those of
//! the state.

use ndarray::{Axis, Slice, concatenate};

use super::needed;
use crate::layers::import::{Operand, expect_shape};
use crate::layers::{
    Cell, Concatenate, Constant, Function, HardSigmoid, Import, Imported, Layer, LayerError,
    Recurrent, Relu, Reshape, Spelling, Table, Take,
};
use crate::nn::Shape;
use crate::source::{Attr, Tensor};

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::onnx("LSTM", |cx| import(cx, Cell::Lstm)),
    Spelling::onnx("GRU", import_gru),
    Spelling::onnx("RNN", |cx| import(cx, Cell::Simple)),
];

fn import_gru(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let reset_after = cx.attrs().int("linear_before_reset", 0)? != 0;
    import(cx, Cell::Gru { reset_after })
}

/// What both directions have in common.
struct Rnn<'a, 'b> {
    cx: &'a Import<'b>,
    cell: Cell,
    steps: usize,
    inputs: usize,
    units: usize,
    directions: usize,
    /// The last states of cells are read.
    cells: bool,
}

fn import(cx: &Import<'_>, cell: Cell) -> Result<Imported, LayerError> {
    let [steps, inputs] = cx.shape(0)?.0[..] else {
        let found = vec![cx.shape(0)?.clone()];
        return Err(LayerError::Shapes { found, expected: "[steps, features]".into() });
    };
    match cx.attrs().int("layout", 0)? {
        1 => {}
        other => return Err(cx.value_error("layout", other, "1: the batch is the first axis")),
    }
    let direction = cx.attrs().str("direction", "forward")?;
    let backwards: &[bool] = match direction {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(cx.value_error("direction", other, "forward, reverse, bidirectional")),
    };
    refuse(cx, cell, steps)?;
    let recurrent = needed(cx, 2, "R")?;
    let units = recurrent.shape().last().copied().unwrap_or(0);
    let hidden = cx.attrs().int("hidden_size", units as i64)?;
    if hidden != units as i64 || units == 0 {
        return Err(cx.value_error("hidden_size", hidden, "that of the weights"));
    }
    let cells = cell == Cell::Lstm && cx.node.outputs.len() > 2;
    let directions = backwards.len();
    let rnn = Rnn { cx, cell, steps, inputs, units, directions, cells };
    let mut made = Imported::default();
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (at, backwards) in backwards.iter().enumerate() {
        let results = rnn.direction(at, *backwards, &mut made)?;
        all.iter_mut().zip(results).for_each(|(all, it)| all.extend(it));
    }
    let [rows, hidden, cells] = all;
    let mut outputs = vec![join(&mut made, "", 1, &rows)];
    if cx.node.outputs.len() > 1 {
        outputs.push(join(&mut made, "state", 0, &hidden));
    }
    if rnn.cells {
        outputs.push(join(&mut made, "cell", 0, &cells));
    }
    Ok(made.with_outputs(outputs))
}

fn join(made: &mut Imported, name: &'static str, axis: usize, parts: &[Operand]) -> Operand {
    made.add(name, Concatenate { axis }, parts)
}

/// What no layer of ours does.
fn refuse(cx: &Import<'_>, cell: Cell, steps: usize) -> Result<(), LayerError> {
    cx.attrs().ignore(&["output_sequence"]);
    if cx.attrs().get("clip").is_some() {
        return Err(cx.value_error("clip", "given", "none"));
    }
    if cx.attrs().int("input_forget", 0)? != 0 {
        return Err(cx.value_error("input_forget", 1, "0"));
    }
    if let Some(lengths) = cx.constant(4)?
        && lengths.iter().any(|it| *it != steps as f64)
    {
        return Err(cx.value_error("sequence_lens", format!("{lengths}"), "all steps"));
    }
    if cell == Cell::Lstm
        && let Some(peepholes) = cx.constant(7)?
        && peepholes.iter().any(|it| *it != 0.0)
    {
        return Err(cx.value_error("P", "given", "no peepholes"));
    }
    Ok(())
}

impl Rnn<'_, '_> {
    /// Rows `[steps, 1, units]`, the last `[1, units]`, and the last of the cells, if they are read.
    fn direction(
        &self,
        at: usize,
        backwards: bool,
        made: &mut Imported,
    ) -> Result<[Option<Operand>; 3], LayerError> {
        let layer = self.layer(at, backwards)?;
        let mut operands = vec![Operand::Input(0)];
        let states = if self.cell == Cell::Lstm { 2 } else { 1 };
        let first: Vec<_> =
            (0..states).map(|it| self.first(5 + it, at, made)).collect::<Result<_, _>>()?;
        if first.iter().any(Option::is_some) {
            for state in first {
                let value = Tensor::zeros(vec![self.units]);
                operands.push(state.unwrap_or_else(|| made.add("zero", Constant { value }, &[])));
            }
        }
        let rows = made.add(if backwards { "backward" } else { "forward" }, layer, &operands);
        let part = |made: &mut Imported, of: Operand, state: usize| {
            let columns = (state * self.units..(state + 1) * self.units).collect();
            made.add("part", Take::along("Slice", 1, columns), &[of])
        };
        let last = Take::along("Slice", 0, vec![self.steps - 1]);
        let last = made.add("last", last, &[rows]);
        let (hidden, state, cell) = match self.cells {
            true => (part(made, rows, 0), part(made, last, 0), Some(part(made, last, 1))),
            false => (rows, last, None),
        };
        let hidden = match backwards {
            true => made.add("flipped", Take::flip(0, self.steps), &[hidden]),
            false => hidden,
        };
        let shape = Shape(vec![self.steps, 1, self.units]);
        let rows = made.add("rows", Reshape { shape }, &[hidden]);
        Ok([Some(rows), Some(state), cell])
    }

    /// The first state of a direction: `[directions, units]` of data or a constant.
    fn first(
        &self,
        index: usize,
        at: usize,
        made: &mut Imported,
    ) -> Result<Option<Operand>, LayerError> {
        let row = |made: &mut Imported, of: Operand| {
            let taken = made.add("first", Take::along("Slice", 0, vec![at]), &[of]);
            made.add("state", Reshape { shape: Shape(vec![self.units]) }, &[taken])
        };
        if let Ok(shape) = self.cx.shape(index) {
            let expected = [self.directions, self.units];
            if shape.0 != expected {
                let found = vec![shape.clone()];
                return Err(LayerError::Shapes { found, expected: format!("{expected:?}") });
            }
            return Ok(Some(row(made, Operand::Input(index))));
        }
        let Some(value) = self.cx.constant(index)?.filter(|it| it.iter().any(|it| *it != 0.0))
        else {
            return Ok(None);
        };
        expect_shape("initial state", value, &[1, self.directions, self.units])?;
        let value = value.index_axis(Axis(0), 0).index_axis(Axis(0), at).to_owned();
        Ok(Some(made.add("first", Constant { value }, &[])))
    }

    fn layer(&self, at: usize, backwards: bool) -> Result<Recurrent, LayerError> {
        let wide = self.cell.gates() * self.units;
        let matrix = |index: usize, role: &'static str, columns: usize| {
            let value = needed(self.cx, index, role)?;
            expect_shape(role, value, &[self.directions, wide, columns])?;
            let own = value.index_axis(Axis(0), at).to_owned();
            Ok::<_, LayerError>(self.columns(&own.t().to_owned()))
        };
        let kernel = matrix(1, "W", self.inputs)?;
        let recurrent = matrix(2, "R", self.units)?;
        let biases = match self.cx.constant(3)? {
            None => None,
            Some(_) => {
                let value = needed(self.cx, 3, "B")?;
                expect_shape("B", value, &[self.directions, 2 * wide])?;
                let own = value.index_axis(Axis(0), at);
                let half = |from: usize| {
                    let range = Slice::from(from..from + wide);
                    self.columns(&own.slice_axis(Axis(0), range).to_owned())
                };
                Some((half(0), half(wide)))
            }
        };
        let (bias, recurrent_bias) = match (biases, self.cell) {
            (None, _) => (None, None),
            (Some((own, state)), Cell::Gru { reset_after: true }) => (Some(own), Some(state)),
            (Some((own, state)), _) => (Some(own + state), None),
        };
        let [gate_activation, activation] = self.activations(at)?;
        Ok(Recurrent {
            cell: self.cell,
            kernel,
            recurrent,
            bias,
            recurrent_bias,
            activation: Box::new(activation),
            gate_activation: Box::new(gate_activation),
            backwards,
            sequences: true,
            cells: self.cells,
        })
    }

    /// The last axis with gates in our order: an LSTM has input, output, forget gate, candidate.
    fn columns(&self, value: &Tensor) -> Tensor {
        if self.cell != Cell::Lstm {
            return value.as_standard_layout().into_owned();
        }
        let axis = Axis(value.ndim() - 1);
        let part = |gate: usize| {
            let range = Slice::from(gate * self.units..(gate + 1) * self.units);
            value.slice_axis(axis, range)
        };
        let parts = [part(0), part(2), part(3), part(1)];
        concatenate(axis, &parts).expect("parts of one array").as_standard_layout().into_owned()
    }

    /// Of gates, and of candidates and an LSTM's output.
    fn activations(&self, at: usize) -> Result<[Layer; 2], LayerError> {
        let cx = self.cx;
        for name in ["activation_alpha", "activation_beta"] {
            if cx.attrs().get(name).is_some_and(|it| *it != Attr::List(Vec::new())) {
                return Err(cx.value_error(name, "given", "none"));
            }
        }
        let count = match self.cell {
            Cell::Simple => 1,
            Cell::Gru { .. } => 2,
            Cell::Lstm => 3,
        };
        let given: Vec<String> = match cx.attrs().get("activations") {
            Some(Attr::List(items)) if !items.is_empty() => {
                let name = |it: &Attr| if let Attr::Str(name) = it { name.clone() } else { String::new() };
                items.iter().map(name).collect()
            }
            _ => {
                let all = if self.cell == Cell::Simple { &["Tanh"][..] } else { &["Sigmoid", "Tanh", "Tanh"] };
                let own = all[..count].iter().map(|it| (*it).to_owned());
                own.cycle().take(count * self.directions).collect()
            }
        };
        let wrong = || {
            let supported = "Sigmoid, Tanh, Relu, HardSigmoid, Softplus, Softsign, twice the same";
            cx.value_error("activations", format!("{given:?}"), supported)
        };
        let own = given.get(at * count..(at + 1) * count).ok_or_else(wrong)?;
        let layer = |name: &String| activation(name).ok_or_else(wrong);
        match own {
            [one] => Ok([layer(one)?, layer(one)?]),
            [gate, rest @ ..] if rest.iter().all(|it| *it == rest[0]) => {
                Ok([layer(gate)?, layer(&rest[0])?])
            }
            _ => Err(wrong()),
        }
    }
}

fn activation(name: &str) -> Option<Layer> {
    let function = match name.to_ascii_lowercase().as_str() {
        "relu" => return Some(Relu { max: None }.into()),
        "hardsigmoid" => return Some(HardSigmoid { slope: 0.2, shift: 0.5 }.into()),
        "sigmoid" => Function::Sigmoid,
        "tanh" => Function::Tanh,
        "softplus" => Function::Softplus,
        "softsign" => Function::Softsign,
        _ => return None,
    };
    Some(Table { function }.into())
}
