//! Keras' `Bidirectional` and QKeras' `QBidirectional`: the same layer forwards and backwards, merged.

use crate::layers::wrapper::Wrapped;
use crate::layers::{BatchNorm, Concatenate, Import, Imported, LayerError, Merge, Operand, Take};
use crate::source::{Attr, Attrs};
use crate::units::Binary;

pub(in crate::layers) fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let steps = cx.shape(0)?.0.first().copied().unwrap_or(0);
    let forward = cx.wrapped("layer", "forward/")?;
    let backward = match cx.attrs().get("backward_layer") {
        Some(_) => cx.wrapped("backward_layer", "backward/")?,
        None => turned(cx)?,
    };
    let flag = |wrapped: &Wrapped, name| wrapped.node.attrs.bool(name, false);
    let sequences = flag(&forward, "return_sequences")?;
    let with_state = flag(&forward, "return_state")?;
    if sequences != flag(&backward, "return_sequences")?
        || with_state != flag(&backward, "return_state")?
    {
        return Err(cx.value_error("backward_layer", "another kind of output", "the same outputs"));
    }
    let units = usize::try_from(forward.node.attrs.int("units", 1)?).unwrap_or(1);
    // The states that the call gives are those of both directions, one after another.
    cx.attrs().ignore(&["call:initial_state"]);
    let states = cx.node.inputs.len() - 1;
    let half = 1 + states / 2;
    let operands =
        |range: std::ops::Range<usize>| -> Vec<usize> { std::iter::once(0).chain(range).collect() };
    let mut made = Imported::default();
    let there = made.include("forward", forward.import(cx, &operands(1..half))?);
    let back = made.include("backward", backward.import(cx, &operands(half..1 + states))?);
    let (Some(first), Some(second)) = (there.first(), back.first()) else {
        return Err(LayerError::Missing { role: "output of the wrapped layer" });
    };
    let second = match sequences {
        true => made.add("flipped", Take::flip(0, steps), &[*second]),
        false => *second,
    };
    let mut outputs = merge(cx, [*first, second], usize::from(sequences), units, &mut made)?;
    if with_state {
        outputs.extend(there[1..].iter().chain(&back[1..]).copied());
    }
    Ok(made.with_outputs(outputs))
}

/// The wrapped layer in the other direction.
fn turned<'a>(cx: &Import<'a>) -> Result<Wrapped, LayerError> {
    let mut wrapped = cx.wrapped("layer", "backward/")?;
    let backwards = wrapped.node.attrs.bool("go_backwards", false)?;
    let mut attrs = wrapped.attrs;
    attrs.insert("go_backwards".to_owned(), Attr::Bool(!backwards));
    wrapped.node.attrs = Attrs::new(attrs.clone());
    wrapped.attrs = attrs;
    Ok(wrapped)
}

fn merge(
    cx: &Import<'_>,
    both: [Operand; 2],
    axis: usize,
    units: usize,
    made: &mut Imported,
) -> Result<Vec<Operand>, LayerError> {
    let mode = match cx.attrs().get("merge_mode") {
        None => return Ok(both.to_vec()),
        Some(Attr::Str(mode)) => mode.as_str(),
        Some(other) => return Err(cx.value_error("merge_mode", format!("{other:?}"), MODES)),
    };
    let op = match mode {
        "concat" => return Ok(vec![made.add("", Concatenate { axis }, &both)]),
        "sum" => Binary::Add,
        "mul" => Binary::Mul,
        "ave" => {
            let sum = made.add("sum", Merge { op: Binary::Add }, &both);
            return Ok(vec![made.add("", BatchNorm::scalar(0.5, 0.0, units), &[sum])]);
        }
        other => return Err(cx.value_error("merge_mode", other, MODES)),
    };
    Ok(vec![made.add("", Merge { op }, &both)])
}

const MODES: &str = "concat, sum, mul, ave, none";
