//! Merges of HGQ2 that Keras has not, or has without saying what is exact.

use super::parts::{Builder, common};
use crate::layers::contraction::{labels, without_batch};
use crate::layers::{Einsum, Import, Imported, LayerError, Merge, Reduce, Reduction};
use crate::units::Binary;

/// The power of two nearest to one over `count`; in between the even exponent.
fn nearest_inverse(count: usize) -> f64 {
    (1.0 / count as f64).log2().round_ties_even().exp2()
}

/// `QAveragePow2`: the sum by the power of two nearest to one over the number of terms.
pub(super) fn import_average(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let count = cx.node.inputs.len();
    if count < 2 {
        return Err(cx.value_error("number of inputs", count, "2 and more"));
    }
    let mut parts = Builder::new(cx);
    let (mut sum, mut shape) = (parts.input(0), cx.shape(0)?.clone());
    for at in 1..count {
        shape = common(cx, &shape, cx.shape(at)?)?;
        let next = parts.input(at);
        sum = parts.add("sum", Merge { op: Binary::Add }, &[sum, next]);
    }
    let mean = parts.scale(nearest_inverse(count), sum, &shape.0);
    Ok(parts.finish(mean))
}

/// `QDot`: Keras' own.
pub(super) fn import_dot(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let spelling = Einsum::SPELLINGS.iter().find(|it| it.op == "Dot");
    (spelling.expect("Keras has it").import)(cx)
}

/// `QEinsum` of two tensors.
pub(super) fn import_einsum(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let text = cx.attrs().str("equation", "")?.to_owned();
    if cx.node.inputs.len() != 2 {
        return Err(cx.value_error("number of inputs", cx.node.inputs.len(), "2"));
    }
    let [a, b, output] = labels(cx, &text, cx.shape(0)?.0.len() + 1)?;
    let wrong = || cx.value_error("equation", &text, "the batch axis first in every tensor");
    let (a, rest) = without_batch(&a, &output).ok_or_else(wrong)?;
    let (b, _) = without_batch(&b, &output).ok_or_else(wrong)?;
    Ok(Imported::of(Einsum::of(&a, &b, &rest), [0, 1]))
}

/// The axes of a reduction, ascending; HGQ2 counts the batch axis.
pub(super) fn axes(cx: &Import<'_>) -> Result<Vec<usize>, LayerError> {
    let given = cx.attrs().ints("axes")?.unwrap_or_else(|| vec![-1]);
    let rank = cx.shape(0)?.0.len();
    let axis = |it: &i64| {
        let from_front = if *it < 0 { *it + rank as i64 } else { *it - 1 };
        usize::try_from(from_front).ok().filter(|it| *it < rank)
    };
    let found: Option<Vec<usize>> = given.iter().map(axis).collect();
    let wrong = || cx.value_error("axes", format!("{given:?}"), "axes behind the batch");
    let mut found = found.ok_or_else(wrong)?;
    found.sort_unstable();
    found.dedup();
    match found.is_empty() {
        true => Err(wrong()),
        false => Ok(found),
    }
}

/// A sum, scaled; a single number stays a list of one.
fn sum(cx: &Import<'_>, axes: Vec<usize>, by: f64) -> Result<Imported, LayerError> {
    let keep = cx.attrs().bool("keepdims", false)?;
    let shape = &cx.shape(0)?.0;
    let rest = |axis: usize| !axes.contains(&axis);
    let mut rest: Vec<usize> =
        (0..shape.len()).filter(|it| keep || rest(*it)).map(|it| shape[it]).collect();
    axes.iter().filter(|_| keep).for_each(|it| rest[*it] = 1);
    let mut parts = Builder::new(cx);
    let input = parts.input(0);
    let mut value = parts.add("sum", Reduce { reduction: Reduction::Sum, axes, keep }, &[input]);
    if rest.is_empty() {
        rest = vec![1];
        value = parts.reshape(value, &[], &rest);
    }
    let value = parts.scale(by, value, &rest);
    Ok(parts.finish(value))
}

/// `QSum`.
pub(super) fn import_sum(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let scale = cx.attrs().float("scale", 1.0)?;
    if !(scale > 0.0 && scale.log2().fract() == 0.0) {
        return Err(cx.value_error("scale", scale, "a power of two"));
    }
    sum(cx, axes(cx)?, scale)
}

/// `QMeanPow2`: divided by the nearest power of two.
pub(super) fn import_mean(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axes = axes(cx)?;
    let shape = &cx.shape(0)?.0;
    let count = axes.iter().map(|it| shape[*it]).product();
    cx.attrs().ignore(&["scale"]);
    sum(cx, axes, nearest_inverse(count))
}

#[cfg(test)]
mod tests {
    use super::nearest_inverse;

    #[test]
    fn powers_of_two_nearest_to_one_over_a_number() {
        let found = [1, 2, 3, 5, 6, 12].map(nearest_inverse);
        assert_eq!(found, [1.0, 0.5, 0.25, 0.25, 0.125, 0.0625]);
    }
}
