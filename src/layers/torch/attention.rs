//! Attention, embeddings, and products of two activations.

use super::constant;
use crate::layers::import::{Operand, finite};
use crate::layers::{
    BatchNorm, Constant, Einsum, Embedding, Import, Imported, LayerError, Merge, Permute, Softmax,
    Spelling,
};
use crate::source::Tensor;
use crate::units::Binary;

pub(super) const EINSUM: &[Spelling] = &[
    Spelling::torch("bmm", super::dense::import_product),
    Spelling::torch("scaled_dot_product_attention", import_attention),
];

pub(super) const EMBEDDING: &[Spelling] = &[Spelling::torch("embedding", import_embedding)];

/// Large enough that the exponential is zero.
const HIDDEN: f64 = -1e9;

/// `softmax(q k' scale + mask) v`, with the same axes in front of all three.
fn import_attention(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let shapes = [cx.shape(0)?.0.clone(), cx.shape(1)?.0.clone(), cx.shape(2)?.0.clone()];
    let rank = shapes[0].len();
    let front = rank.saturating_sub(2);
    let same = shapes.iter().all(|it| it.len() == rank && it[..front] == shapes[0][..front]);
    if rank < 2 || !same || shapes[0][rank - 1] == 0 {
        let found = [cx.shape(0)?.clone(), cx.shape(1)?.clone(), cx.shape(2)?.clone()].to_vec();
        return Err(LayerError::Shapes {
            found,
            expected: "the same axes but the last two".into(),
        });
    }
    let (queries, keys, length) = (shapes[0][front], shapes[1][front], shapes[0][rank - 1]);
    let scale = cx.attrs().float("scale", 1.0 / (length as f64).sqrt())?;
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(front, front + 1);
    let mut made = Imported::default();
    let turned = made.add("keys", Permute { order }, &[Operand::Input(1)]);
    let scores = made.add("scores", Einsum::matrices(rank), &[Operand::Input(0), turned]);
    let scaled = BatchNorm::scalar(scale, 0.0, keys).checked()?;
    let mut scores = made.add("scaled", scaled, &[scores]);
    for value in masks(cx, queries, keys)? {
        let mask = made.add("mask", Constant { value }, &[]);
        scores = made.add("masked", Merge { op: Binary::Add }, &[scores, mask]);
    }
    let shares = made.add("softmax", Softmax::new(keys), &[scores]);
    let output = made.add("", Einsum::matrices(rank), &[shares, Operand::Input(2)]);
    Ok(made.with_outputs([output]))
}

/// What is added to the scores.
fn masks(cx: &Import<'_>, queries: usize, keys: usize) -> Result<Vec<Tensor>, LayerError> {
    let mut masks = Vec::new();
    if cx.attrs().bool("is_causal", false)? {
        let cells = queries.checked_mul(keys).filter(|it| *it <= 1 << 24);
        let cells = cells.ok_or_else(|| cx.value_error("is_causal", true, "shorter sequences"))?;
        let hidden = |at: usize| if at % keys > at / keys { HIDDEN } else { 0.0 };
        let values = (0..cells).map(hidden).collect();
        masks.extend(Tensor::from_shape_vec(vec![queries, keys], values));
    }
    if let Some(given) = cx.constant(3)? {
        // Minus infinity hides a score, and so does the largest number.
        let mask = given.mapv(|it| if it < HIDDEN { HIDDEN } else { it });
        masks.push(finite("mask", &mask)?.clone());
    }
    Ok(masks)
}

/// The table comes first, the numbers of its rows second.
fn import_embedding(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let table = constant(cx, 0, "weight")?;
    if table.ndim() != 2 || table.is_empty() {
        let found = table.shape().to_vec();
        return Err(LayerError::WeightShape { role: "weight", found, expected: vec![0, 0] });
    }
    Ok(Imported::of(Embedding { table: table.clone() }, [1]))
}
