//! How Keras spells recurrent layers.

use ndarray::Axis;

use super::{Cell, Recurrent, bidirectional};
use crate::layers::{Import, Imported, Layer, LayerError, Operand, Spelling, activation};
use crate::source::Tensor;

/// Spellings of [`Recurrent`].
pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("SimpleRNN", |cx| import(cx, Cell::Simple)),
    Spelling::keras("LSTM", |cx| import(cx, Cell::Lstm)),
    Spelling::keras("GRU", |cx| import(cx, Cell::Gru { reset_after: true })),
    Spelling::keras("Bidirectional", bidirectional::import),
];

fn import(cx: &Import<'_>, cell: Cell) -> Result<Imported, LayerError> {
    let sequences = cx.attrs().bool("return_sequences", false)?;
    let with_state = cx.attrs().bool("return_state", false)?;
    let layer = layer(cx, cell, sequences)?;
    // States that the call gives come behind the sequence; there are no masks.
    cx.attrs().ignore(&["call:initial_state", "zero_output_for_mask"]);
    let operands: Vec<Operand> = (0..cx.node.inputs.len()).map(Operand::Input).collect();
    if !with_state {
        return Ok(Imported::of(layer, 0..cx.node.inputs.len()));
    }
    let mut made = Imported::default();
    let steps = cx.shape(0)?.0.first().copied().unwrap_or(0).max(1);
    let outputs = layer.with_states(steps, &operands, &mut made);
    Ok(made.with_outputs(outputs))
}

fn layer(cx: &Import<'_>, cell: Cell, sequences: bool) -> Result<Recurrent, LayerError> {
    let units = cx.attrs().int("units", 0)?;
    let units = usize::try_from(units).map_err(|_| cx.value_error("units", units, "1 and more"))?;
    let cell = match cell {
        // Keras 2's class of TensorFlow 1 reset before; its files say so.
        Cell::Gru { .. } => Cell::Gru { reset_after: cx.attrs().bool("reset_after", true)? },
        other => other,
    };
    let columns = units.saturating_mul(cell.gates());
    let kernel = cx.weight_of("kernel", &[cx.shape(0)?.last(), columns])?;
    let recurrent = cx.weight_of("recurrent_kernel", &[units, columns])?;
    let (bias, recurrent_bias) = match (cx.attrs().bool("use_bias", true)?, cell) {
        (false, _) => (None, None),
        (true, Cell::Gru { reset_after: true }) => {
            let both = cx.weight_of("bias", &[2, columns])?;
            let row = |it| -> Option<Tensor> { Some(both.index_axis(Axis(0), it).to_owned()) };
            (row(0), row(1))
        }
        (true, _) => (Some(cx.weight_of("bias", &[columns])?), None),
    };
    let gates = match cell {
        Cell::Simple => Layer::from(crate::layers::Identity),
        // The default before Keras 2.3 was another; its files name it.
        _ => activation(cx, "recurrent_activation", "sigmoid", units)?,
    };
    Ok(Recurrent {
        cell,
        kernel,
        recurrent,
        bias,
        recurrent_bias,
        activation: Box::new(activation(cx, "activation", "tanh", units)?),
        gate_activation: Box::new(gates),
        backwards: cx.attrs().bool("go_backwards", false)?,
        sequences,
        cells: false,
    })
}

fn activation(
    cx: &Import<'_>,
    attr: &'static str,
    default: &'static str,
    units: usize,
) -> Result<Layer, LayerError> {
    let name = match cx.attrs().get(attr) {
        None => default,
        Some(given) => activation::function_name(given).ok_or_else(|| {
            cx.value_error(attr, format!("{given:?}"), "an activation of Keras by name")
        })?,
    };
    let layer = activation::by_name(name, cx.node.dialect, units);
    layer.ok_or_else(|| cx.value_error(attr, name, "an activation of Keras"))
}
