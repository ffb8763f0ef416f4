//! How PyTorch spells layers: ATen's operators, as `frontend::torch` hands them on.
//!
//! There, axes are already counted in a sample, arguments are complete, and images have their
//! channels first; layers have them last. So whatever works on channels is put between two
//! permutations, which pass `cancel_permutes` takes out again where they meet.

mod activation;
pub(super) mod arith;
pub(super) mod arrange;
mod attention;
pub(super) mod conv;
mod dense;
pub(super) mod norm;
mod pool;
mod recurrent;

#[cfg(test)]
mod tests;

use super::import::{Operand, finite};
use super::shape::Permute;
use super::{Import, Imported, Layer, LayerError, Spelling};
use crate::source::Tensor;

/// Spellings with the names of the layers that they lead to.
pub(super) const ALL: [(&str, &[Spelling]); 28] = [
    ("Dense", dense::SPELLINGS),
    ("BatchNorm", arith::AFFINE),
    ("Merge", arith::MERGE),
    ("Identity", activation::IDENTITY),
    ("Reshape", arrange::RESHAPE),
    ("Permute", arrange::PERMUTE),
    ("Concatenate", arrange::CONCATENATE),
    ("Take", arrange::TAKE),
    ("Pad", arrange::PAD),
    ("Conv", conv::CONV),
    ("ConvTranspose", conv::TRANSPOSED),
    ("Pool", pool::POOL),
    ("Reduce", pool::REDUCE),
    ("TopK", pool::TOP_K),
    ("LayerNorm", norm::SPELLINGS),
    ("Einsum", attention::EINSUM),
    ("Embedding", attention::EMBEDDING),
    ("Recurrent", recurrent::SPELLINGS),
    ("Relu", activation::RELU),
    ("LeakyRelu", activation::LEAKY_RELU),
    ("ThresholdedRelu", activation::THRESHOLD),
    ("PRelu", activation::PRELU),
    ("Clip", activation::CLIP),
    ("Elu", activation::ELU),
    ("Selu", activation::SELU),
    ("HardSigmoid", activation::HARD_SIGMOID),
    ("Table", activation::TABLE),
    ("Softmax", activation::SOFTMAX),
];

/// A layer that has channels last, on an operand that has them on `axis`.
pub(super) fn with_last(
    made: &mut Imported,
    operand: Operand,
    rank: usize,
    axis: usize,
    layer: impl Into<Layer>,
) -> Operand {
    let turn = Permute::to_last(axis, rank);
    if rank == 0 || turn.is_identity() {
        return made.add("", layer, &[operand]);
    }
    let back = turn.inverse();
    let turned = made.add("channels_last", turn, &[operand]);
    let result = made.add("", layer, &[turned]);
    made.add("channels_first", back, &[result])
}

/// The same as a whole import.
pub(super) fn on_axis(
    cx: &Import<'_>,
    data: usize,
    axis: usize,
    layer: impl Into<Layer>,
) -> Result<Imported, LayerError> {
    let rank = cx.shape(data)?.0.len();
    let mut made = Imported::default();
    let output = with_last(&mut made, Operand::Input(data), rank, axis, layer);
    Ok(made.with_outputs([output]))
}

/// A constant operand that must be there, all of it finite.
pub(super) fn constant<'c>(
    cx: &'c Import<'_>,
    index: usize,
    role: &'static str,
) -> Result<&'c Tensor, LayerError> {
    finite(role, cx.constant(index)?.ok_or(LayerError::Missing { role })?)
}

/// A constant operand that may be omitted.
pub(super) fn optional(
    cx: &Import<'_>,
    index: usize,
    role: &'static str,
) -> Result<Option<Tensor>, LayerError> {
    cx.constant(index)?.map(|it| finite(role, it).cloned()).transpose()
}

/// Sizes from an attribute.
fn sizes(cx: &Import<'_>, name: &'static str) -> Result<Vec<usize>, LayerError> {
    let given = cx.attrs().ints(name)?.unwrap_or_default();
    let wrong = || cx.value_error(name, format!("{given:?}"), "numbers of at least 0");
    given.iter().map(|it| usize::try_from(*it).ok()).collect::<Option<_>>().ok_or_else(wrong)
}

/// An axis of a data operand from an attribute.
fn axis(cx: &Import<'_>, name: &'static str) -> Result<usize, LayerError> {
    let given = cx.attrs().int(name, 0)?;
    let rank = cx.shape(0)?.0.len();
    let wrong = || cx.value_error(name, given, "an axis of the sample");
    usize::try_from(given).ok().filter(|it| *it < rank).ok_or_else(wrong)
}
