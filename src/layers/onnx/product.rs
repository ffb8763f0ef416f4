//! Products of matrices, and einsums.

use std::collections::BTreeMap;

use super::{needed, rank};
use crate::layers::{
    Dense, Einsum, Import, Imported, LayerError, LayerSpec, Operand, Permute, Reshape, Spelling,
};
use crate::nn::Shape;
use crate::source::Tensor;

pub(super) const SPELLINGS: &[Spelling] = &[Spelling::onnx("Einsum", import_einsum)];

fn misfit(cx: &Import<'_>, expected: &str) -> LayerError {
    let found = cx.shapes.iter().flatten().cloned().collect();
    LayerError::Shapes { found, expected: expected.to_owned() }
}

/// A product with a constant is a dense layer; of two tensors, an einsum.
pub(in crate::layers) fn import_matmul(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["quantized"]);
    match (cx.shape(0), cx.shape(1)) {
        (Ok(left), Ok(right)) => {
            let rank = left.0.len();
            if rank < 2 || right.0.len() != rank || left.0[..rank - 2] != right.0[..rank - 2] {
                return Err(misfit(cx, "matrices with the same axes in front"));
            }
            Ok(Imported::of(Einsum::matrices(rank), [0, 1]))
        }
        (Ok(data), Err(_)) => {
            let matrix = needed(cx, 1, "B")?;
            let last = data.last();
            match matrix.ndim() {
                1 => {
                    let column = matrix.view().insert_axis(ndarray::Axis(1)).to_owned();
                    let mut made = Imported::default();
                    let product = made.add("product", dense(cx, column, last)?, &[input(0)]);
                    let front = data.0[..data.0.len().saturating_sub(1)].to_vec();
                    let output = made.add("", Reshape { shape: Shape(front) }, &[product]);
                    Ok(made.with_outputs([output]))
                }
                0 => Err(misfit(cx, "a matrix")),
                // Axes of 1 in front change nothing where the data has as many.
                rank if !matrix.is_empty()
                    && rank <= data.0.len() + 1
                    && matrix.shape()[..rank - 2].iter().all(|it| *it == 1) =>
                {
                    let shape = &matrix.shape()[rank - 2..];
                    let matrix = matrix.to_shape(shape).map_err(|_| misfit(cx, "a matrix"))?;
                    Ok(Imported::unary(dense(cx, matrix.into_owned().into_dyn(), last)?))
                }
                _ => with_constant(cx),
            }
        }
        (Err(_), _) => from_left(cx),
    }
}

fn input(index: usize) -> Operand {
    Operand::Input(index)
}

fn dense(cx: &Import<'_>, weights: Tensor, last: usize) -> Result<Dense, LayerError> {
    let columns = weights.shape()[1];
    crate::layers::import::expect_shape("B", &weights, &[last, columns])?;
    let weights = match weights.is_standard_layout() {
        true => weights,
        false => weights.as_standard_layout().into_owned(),
    };
    let quantized = cx.attrs().bool("quantized", false)?;
    Ok(Dense { weights: weights.into(), bias: None, quantized })
}

/// `A x`: the data's last axis but one is summed over.
fn from_left(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (matrix, shape) = (needed(cx, 0, "A")?, cx.shape(1)?);
    let rank = shape.0.len();
    if matrix.ndim() != 2 || rank < 2 {
        return Err(misfit(cx, "two axes and more behind a constant matrix"));
    }
    let dense = dense(cx, matrix.t().to_owned(), shape.0[rank - 2])?;
    let turn = Permute::to_last(rank - 2, rank);
    let back = turn.inverse();
    let mut made = Imported::default();
    let turned = made.add("turned", turn, &[input(1)]);
    let product = made.add("product", dense, &[turned]);
    let output = made.add("", back, &[product]);
    Ok(made.with_outputs([output]))
}

/// A matrix for every place of the axes in front.
fn with_constant(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let rank = rank(cx)?;
    let mut made = Imported::default();
    let matrix = super::per_sample(needed(cx, 1, "B")?, rank);
    let matrix = matrix.filter(|it| it.ndim() == rank && rank >= 2);
    let matrix = matrix.ok_or_else(|| misfit(cx, "as many axes as the constant"))?;
    let shape = &cx.shape(0)?.0;
    if matrix.shape()[..rank - 2] != shape[..rank - 2] {
        return Err(misfit(cx, "the axes of the constant in front"));
    }
    let output =
        made.add("", Einsum { kernel: Some(matrix), ..Einsum::matrices(rank) }, &[input(0)]);
    Ok(made.with_outputs([output]))
}

/// The labels of a term, those of `...` in lower numbers.
fn labels(term: &str, hidden: usize) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut rest = term;
    while let Some(next) = rest.chars().next() {
        match rest.strip_prefix("...") {
            Some(behind) => {
                labels.extend(0..hidden as u8);
                rest = behind;
            }
            None => {
                labels.push(u8::try_from(next).ok().filter(u8::is_ascii_alphabetic)?);
                rest = &rest[1..];
            }
        }
    }
    let mut sorted = labels.clone();
    sorted.sort_unstable();
    sorted.windows(2).all(|it| it[0] != it[1]).then_some(labels)
}

/// One or two operands; every label once in a term, and the batch first in those of data.
fn import_einsum(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let equation = cx.attrs().str("equation", "")?.to_owned();
    let wrong = || {
        let supported = "two terms of different labels, the batch in front of data and result";
        cx.value_error("equation", &equation, supported)
    };
    let plain: String = equation.chars().filter(|it| !it.is_whitespace()).collect();
    let (terms, output) = match plain.split_once("->") {
        Some((terms, output)) => (terms.to_owned(), output.to_owned()),
        None => (plain.clone(), implied(&plain)),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    if terms.len() != cx.node.inputs.len() || terms.len() != 2 {
        return Err(wrong());
    }
    let rank = |index: usize| match cx.shape(index) {
        Ok(shape) => Ok(shape.0.len() + 1),
        Err(_) => needed(cx, index, "operand").map(|it| it.ndim()),
    };
    let mut sides = Vec::new();
    let mut hidden = 0;
    for (index, term) in terms.iter().enumerate() {
        let letters = term.chars().filter(char::is_ascii_alphabetic).count();
        let own = rank(index)?.checked_sub(letters).filter(|it| *it < 16).ok_or_else(wrong)?;
        let labels = labels(term, own).ok_or_else(wrong)?;
        if labels.len() != rank(index)? || (hidden > 0 && own > 0 && own != hidden) {
            return Err(wrong());
        }
        hidden = hidden.max(own);
        sides.push(labels);
    }
    let mut output = labels(&output, hidden).ok_or_else(wrong)?;
    let data: Vec<usize> = (0..2).filter(|it| cx.shape(*it).is_ok()).collect();
    // The batch is the first label of every tensor that is data, and of the result.
    let batch = *data.first().and_then(|it| sides[*it].first()).ok_or_else(wrong)?;
    let leads = |it: &[u8]| it.first() == Some(&batch);
    let constant_has = (0..2).any(|it| !data.contains(&it) && sides[it].contains(&batch));
    if !leads(&output) || !data.iter().all(|it| leads(&sides[*it])) || constant_has {
        return Err(wrong());
    }
    output.remove(0);
    for it in &data {
        sides[*it].remove(0);
    }
    let einsum = match data[..] {
        [first] => {
            let kernel = needed(cx, 1 - first, "operand")?.clone();
            let other = Einsum::of(&sides[first], &sides[1 - first], &output);
            let layer = Einsum { kernel: Some(kernel), ..other };
            // Whatever does not fit is told before the kernel is taken apart.
            LayerSpec::infer(&layer, &[cx.shape(first)?])?;
            return match first {
                0 => Ok(layer.into_layers(cx.shape(0)?)),
                _ => Ok(Imported::of(layer, [first])),
            };
        }
        _ => Einsum::of(&sides[0], &sides[1], &output),
    };
    Ok(Imported::of(einsum, [0, 1]))
}

/// The result where the equation does not say it: `...`, then what occurs once, in order.
fn implied(terms: &str) -> String {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    terms
        .chars()
        .filter(char::is_ascii_alphabetic)
        .for_each(|it| *counts.entry(it).or_default() += 1);
    let front = if terms.contains("...") { "..." } else { "" };
    let once = counts.iter().filter(|it| *it.1 == 1).map(|it| *it.0);
    front.chars().chain(once).collect()
}
