//! How ONNX spells layers.
//!
//! Axes and constants count the batch in front, layers do not. Images have their channels first;
//! whatever works on channels is put between two permutations, as for PyTorch.

mod activation;
mod arith;
mod arrange;
#[cfg(test)]
mod backend_tests;
mod conv;
mod norm;
mod pool;
mod product;
mod quantize;
mod rank;
mod recurrent;
mod resize;

use super::axes::sample_axis;
use super::import::{Operand, finite};
use super::{Constant, Import, Imported, LayerError, Spelling};
use crate::layers::axes::per_sample;
use crate::source::Tensor;

pub(in crate::layers) use self::product::import_matmul;

/// Spellings with the names of the layers that they lead to.
pub(super) const ALL: [(&str, &[Spelling]); 20] = [
    ("BatchNorm", arith::AFFINE),
    ("Merge", arith::MERGE),
    ("Table", activation::TABLE),
    ("Scalar", activation::SCALAR),
    ("Softmax", activation::SOFTMAX),
    ("Identity", activation::IDENTITY),
    ("Permute", arrange::PERMUTE),
    ("Concatenate", arrange::CONCATENATE),
    ("Take", arrange::TAKE),
    ("Pad", arrange::PAD),
    ("Take", resize::SPELLINGS),
    ("Conv", conv::CONV),
    ("ConvTranspose", conv::TRANSPOSED),
    ("Pool", pool::POOL),
    ("Reduce", pool::REDUCE),
    ("TopK", rank::SPELLINGS),
    ("LayerNorm", norm::SPELLINGS),
    ("Einsum", product::SPELLINGS),
    ("Recurrent", recurrent::SPELLINGS),
    ("Quantizer", quantize::SPELLINGS),
];

/// Integers that are an operand, or an attribute in older opsets; `None` if neither is given.
fn ints(
    cx: &Import<'_>,
    operand: usize,
    name: &'static str,
) -> Result<Option<Vec<i64>>, LayerError> {
    match cx.constant(operand)? {
        Some(value) => Ok(Some(value.iter().map(|it| *it as i64).collect())),
        None => Ok(cx.attrs().ints(name)?),
    }
}

/// Axes of the first operand, in the order given; none of them the batch, none twice.
fn sample_axes(
    cx: &Import<'_>,
    given: &[i64],
    name: &'static str,
) -> Result<Vec<usize>, LayerError> {
    let rank = cx.shape(0)?.0.len();
    let wrong = || cx.value_error(name, format!("{given:?}"), "axes behind the batch axis");
    let axes: Option<Vec<usize>> = given.iter().map(|it| sample_axis(*it, rank)).collect();
    let axes = axes.ok_or_else(wrong)?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    match sorted.windows(2).all(|it| it[0] < it[1]) {
        true => Ok(axes),
        false => Err(wrong()),
    }
}

/// An operand: data, or a constant as it broadcasts to samples of `rank` axes.
fn operand(
    cx: &Import<'_>,
    index: usize,
    rank: usize,
    made: &mut Imported,
) -> Result<Operand, LayerError> {
    if let Ok(shape) = cx.shape(index) {
        // With other ranks the batch axes would lie side by side with other axes.
        return match shape.0.len() == rank {
            true => Ok(Operand::Input(index)),
            false => Err(LayerError::Shapes {
                found: cx.shapes.iter().flatten().cloned().collect(),
                expected: "as many axes in each".into(),
            }),
        };
    }
    let value = needed(cx, index, "constant")?;
    let value = per_sample(value, rank).ok_or_else(|| LayerError::WeightShape {
        role: "constant",
        found: value.shape().to_vec(),
        expected: vec![1; rank + 1],
    })?;
    Ok(made.add("constant", Constant { value }, &[]))
}

/// A constant operand that must be there, all of it finite.
fn needed<'c>(
    cx: &'c Import<'_>,
    index: usize,
    role: &'static str,
) -> Result<&'c Tensor, LayerError> {
    let missing = LayerError::Operand { op: cx.op(), index, expected: "a constant" };
    finite(role, cx.constant(index)?.ok_or(missing)?)
}

/// The number of axes of a sample: that of the operands that are data.
fn rank(cx: &Import<'_>) -> Result<usize, LayerError> {
    let rank = cx.shapes.iter().flatten().map(|it| it.0.len()).max();
    rank.ok_or_else(|| LayerError::Operand { op: cx.op(), index: 0, expected: "data" })
}
