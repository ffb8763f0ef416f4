//! Layers that step through time: LSTM, GRU, the simple recurrent layer, both directions of each.

pub(super) mod bidirectional;
mod keras;
mod lower;
mod ranges;
mod states;
#[cfg(test)]
mod tests;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Ix1, Ix2, Slice};

use super::{Hardware, Layer, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;

/// What is computed at each step; gates in the order of their columns in the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// `h = a(W x + R h + b)`.
    Simple,
    /// Input gate, forget gate, candidate, output gate: Keras' order.
    Lstm,
    /// Update gate, reset gate, candidate: Keras' order.
    Gru {
        /// The reset gate multiplies `R h + b'` rather than `h`.
        reset_after: bool,
    },
}

impl Cell {
    /// Number of gates, candidates included.
    pub fn gates(self) -> usize {
        match self {
            Cell::Simple => 1,
            Cell::Gru { .. } => 3,
            Cell::Lstm => 4,
        }
    }
}

/// A recurrent layer. Operands: the sequence `[steps, inputs]`, then the first state, if it is not
/// zero: `h`, and for an LSTM `c`.
#[derive(Clone, Debug)]
pub struct Recurrent {
    /// What a step computes.
    pub cell: Cell,
    /// `[inputs, gates * units]`.
    pub kernel: Tensor,
    /// `[units, gates * units]`.
    pub recurrent: Tensor,
    /// `[gates * units]`.
    pub bias: Option<Tensor>,
    /// `[gates * units]`, added to `R h`; a GRU that resets before has it in `bias`.
    pub recurrent_bias: Option<Tensor>,
    /// Of candidates and of an LSTM's output: a layer that keeps the shape.
    pub activation: Box<Layer>,
    /// Of gates.
    pub gate_activation: Box<Layer>,
    /// The last step comes first; the output stays in the order of computation.
    pub backwards: bool,
    /// The output has a row for each step, not only for the last.
    pub sequences: bool,
    /// Every row of an LSTM's output is `h` and then `c`, not `h` alone.
    pub cells: bool,
}

impl Recurrent {
    pub(super) const SPELLINGS: &[Spelling] = keras::SPELLINGS;

    /// Length of `h`.
    pub fn units(&self) -> usize {
        self.recurrent.shape()[0]
    }

    fn width(&self) -> usize {
        if self.cells { 2 * self.units() } else { self.units() }
    }

    /// One step: the state from the state before and `W x + b`.
    fn step(
        &self,
        x: ArrayView1<'_, f64>,
        h: &mut Array1<f64>,
        c: &mut Array1<f64>,
        r: &Weights<'_>,
    ) {
        let units = self.units();
        let columns = |gate: usize| Slice::from(gate * units..(gate + 1) * units);
        let part = |it: &Array1<f64>, gate: usize| it.slice_axis(Axis(0), columns(gate)).to_owned();
        let gate = |it: Array1<f64>| apply(&self.gate_activation, it);
        let mut again = h.dot(&r.matrix);
        if let Some(bias) = &r.bias {
            again += bias;
        }
        match self.cell {
            Cell::Simple => *h = apply(&self.activation, &x + &again),
            Cell::Lstm => {
                let sum = &x + &again;
                let forget = gate(part(&sum, 1));
                let candidate = apply(&self.activation, part(&sum, 2));
                *c = forget * &*c + gate(part(&sum, 0)) * candidate;
                *h = gate(part(&sum, 3)) * apply(&self.activation, c.clone());
            }
            Cell::Gru { reset_after } => {
                let x = x.to_owned();
                let update = gate(part(&x, 0) + part(&again, 0));
                let reset = gate(part(&x, 1) + part(&again, 1));
                let rest = match reset_after {
                    true => reset * part(&again, 2),
                    false => (reset * &*h).dot(&r.matrix.slice_axis(Axis(1), columns(2))),
                };
                let candidate = apply(&self.activation, part(&x, 2) + rest);
                *h = &update * &*h + (1.0 - &update) * candidate;
            }
        }
    }
}

/// Weights of the state.
struct Weights<'a> {
    matrix: ArrayView2<'a, f64>,
    bias: Option<ArrayView1<'a, f64>>,
}

/// An activation on a vector.
fn apply(activation: &Layer, x: Array1<f64>) -> Array1<f64> {
    let y = activation.spec().eval(&[&x.into_dyn()]);
    y.into_dimensionality().expect("activations keep the shape")
}

fn vector(value: &Tensor) -> ArrayView1<'_, f64> {
    value.view().into_dimensionality::<Ix1>().expect("import has checked the weights")
}

fn matrix(value: &Tensor) -> ArrayView2<'_, f64> {
    value.view().into_dimensionality::<Ix2>().expect("import has checked the weights")
}

impl LayerSpec for Recurrent {
    fn kind(&self) -> &'static str {
        match self.cell {
            Cell::Simple => "SimpleRNN",
            Cell::Lstm => "LSTM",
            Cell::Gru { .. } => "GRU",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let (n_in, units) = (self.kernel.shape()[0], self.units());
        let states = if self.cell == Cell::Lstm { 2 } else { 1 };
        let initial = inputs[1..].iter().all(|it| it.0 == [units]);
        match inputs[0].0[..] {
            [steps, inner]
                if steps > 0
                    && inner == n_in
                    && initial
                    && [1, 1 + states].contains(&inputs.len()) =>
            {
                let rows = if self.sequences { vec![steps] } else { Vec::new() };
                Ok(Shape([rows.as_slice(), &[self.width()]].concat()))
            }
            _ => Err(LayerError::Shapes {
                found: inputs.iter().map(|it| (*it).clone()).collect(),
                expected: format!("[steps, {n_in}], and [{units}] for each first state"),
            }),
        }
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let units = self.units();
        let mut x = matrix(inputs[0]).dot(&matrix(&self.kernel));
        if let Some(bias) = &self.bias {
            x += &vector(bias);
        }
        let first = |at: usize| match inputs.get(at) {
            Some(state) => vector(state).to_owned(),
            None => Array1::zeros(units),
        };
        let (mut h, mut c) = (first(1), first(2));
        let bias = self.recurrent_bias.as_ref().map(vector);
        let weights = Weights { matrix: matrix(&self.recurrent), bias };
        let mut rows = Array2::zeros((0, self.width()));
        for step in 0..x.nrows() {
            let at = if self.backwards { x.nrows() - 1 - step } else { step };
            self.step(x.row(at), &mut h, &mut c, &weights);
            if self.sequences || step + 1 == x.nrows() {
                let state = match self.cells {
                    true => ndarray::concatenate![Axis(0), h, c],
                    false => h.clone(),
                };
                rows.push_row(state.view()).expect("the width is that of the state");
            }
        }
        match self.sequences {
            true => rows.into_dyn(),
            false => rows.index_axis_move(Axis(0), 0).into_dyn(),
        }
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        let bias = self.bias.iter().map(|it| (Role::Bias, it));
        let again = self.recurrent_bias.iter().map(|it| (Role::RecurrentBias, it));
        let kernels = [(Role::Weight, &self.kernel), (Role::RecurrentWeight, &self.recurrent)];
        kernels.into_iter().chain(bias).chain(again).collect()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        let built = |it: &Layer| it.hardware().is_some();
        (built(&self.activation) && built(&self.gate_activation)).then_some(self)
    }
}

/// The types of every recurrent layer; sums are known only where the results that they read are.
macro_rules! roles {
    ($($more:ident)? ; $($last:ident)?) => {
        &[
            Role::Weight, Role::Bias, Role::RecurrentWeight, Role::RecurrentBias,
            $(Role::$more,)? Role::Result, Role::Accum, $(Role::$last,)?
        ]
    };
}

impl Hardware for Recurrent {
    fn roles(&self) -> &'static [Role] {
        let tables = |it: &Layer| it.roles().contains(&Role::Table);
        let table = tables(&self.activation) || tables(&self.gate_activation);
        match (self.cell, table) {
            (Cell::Lstm, true) => roles!(State; Table),
            (Cell::Lstm, false) => roles!(State;),
            (_, true) => roles!(; Table),
            (_, false) => roles!(;),
        }
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        self.resolve_type(role, cx)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        match cx.compat {
            // Accumulators may run over.
            true => {
                let all = Span::of(cx.format(Role::Result));
                let row = if self.cells { 2 * self.units() } else { self.units() };
                let rows = if self.sequences { cx.inputs[0].shape.0[0] } else { 1 };
                vec![all; rows * row]
            }
            false => self.output_spans(cx),
        }
    }
    fn is_activation(&self) -> bool {
        false
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        self.build(cx, inputs)
    }
}
