//! How Keras spells contractions: `EinsumDense`, `Dot`, attention.

use super::attention;
use super::einsum::{Einsum, Label};
use crate::layers::axes::sample_axis;
use crate::layers::{Import, Imported, LayerError, LayerNorm, Operand, Spelling};
use crate::nn::Shape;
use crate::source::Attr;

/// Spellings of [`Einsum`].
pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::keras("EinsumDense", import_dense),
    Spelling::keras("Dot", import_dot),
    Spelling::keras("ops.einsum", import_einsum),
    Spelling::keras("Attention", attention::import_plain),
    Spelling::keras("MultiHeadAttention", attention::import_multi_head),
    Spelling::keras("GroupedQueryAttention", attention::import_grouped_query),
];

/// The labels of `equation`, those of `...` filled in: both inputs and the output, with batch axis.
pub(in crate::layers) fn labels(
    cx: &Import<'_>,
    equation: &str,
    rank: usize,
) -> Result<[Vec<Label>; 3], LayerError> {
    let wrong = || cx.value_error("equation", equation, "two inputs, each label once in a tensor");
    let plain: String = equation.chars().filter(|it| !it.is_whitespace()).collect();
    let (inputs, output) = plain.split_once("->").ok_or_else(wrong)?;
    let (first, second) = inputs.split_once(',').ok_or_else(wrong)?;
    let letters = first.chars().filter(|it| it.is_ascii_alphabetic()).count();
    let hidden = rank.checked_sub(letters).filter(|it| *it < 100).ok_or_else(wrong)?;
    let fill = |text: &str| -> Option<Vec<Label>> {
        let mut labels = Vec::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            match rest.strip_prefix("...") {
                Some(behind) => {
                    // Numbers are no letters.
                    labels.extend(128..128 + hidden as u8);
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
    };
    let all = [fill(first), fill(second), fill(output)];
    let [Some(first), Some(second), Some(output)] = all else { return Err(wrong()) };
    let known = |it: &Label| first.contains(it) || second.contains(it);
    match first.len() == rank && output.iter().all(known) {
        true => Ok([first, second, output]),
        false => Err(wrong()),
    }
}

/// Takes the batch axis off the front of an input and the output.
pub(in crate::layers) fn without_batch(
    labels: &[Label],
    output: &[Label],
) -> Option<(Vec<Label>, Vec<Label>)> {
    let ((batch, labels), (first, output)) = (labels.split_first()?, output.split_first()?);
    let fits = batch == first && !labels.contains(batch) && !output.contains(batch);
    fits.then(|| (labels.to_vec(), output.to_vec()))
}

fn import_dense(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let equation = cx.attrs().str("equation", "")?.to_owned();
    let input = cx.shape(0)?;
    let [a, b, output] = labels(cx, &equation, input.0.len() + 1)?;
    let wrong = || cx.value_error("equation", &equation, "the batch axis first, in no kernel");
    let (a, rest) = without_batch(&a, &output).filter(|_| !b.contains(&a[0])).ok_or_else(wrong)?;
    let kernel = cx.weight("kernel")?.ok_or(LayerError::Missing { role: "kernel" })?.clone();
    let bias = match cx.attrs().get("bias_axes") {
        None => None,
        Some(_) => Some(cx.weight("bias")?.ok_or(LayerError::Missing { role: "bias" })?.clone()),
    };
    if let Some(rank) = cx.attrs().get("lora_rank") {
        return Err(cx.value_error("lora_rank", format!("{rank:?}"), "none"));
    }
    // The shape follows from the kernel's.
    cx.attrs().ignore(&["output_shape", "lora_alpha", "gptq_unpacked_column_size"]);
    let layer = Einsum { inputs: [a, b], output: rest, kernel: Some(kernel), bias, dot: false };
    // Whatever does not fit is told before the kernel is taken apart.
    crate::layers::LayerSpec::infer(&layer, &[input])?;
    Ok(layer.into_layers(input))
}

/// An einsum of two tensors that are data, as a function: its text is an argument.
fn import_einsum(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let first = match cx.attrs().get("call:args") {
        Some(Attr::List(told)) => told.first(),
        _ => None,
    };
    let text = match cx.attrs().get("subscripts").or(cx.attrs().get("call:equation")).or(first) {
        Some(Attr::Str(text)) => text.clone(),
        _ => return Err(LayerError::Missing { role: "equation" }),
    };
    if cx.node.inputs.len() != 2 {
        return Err(cx.value_error("number of inputs", cx.node.inputs.len(), "2"));
    }
    let [a, b, output] = labels(cx, &text, cx.shape(0)?.0.len() + 1)?;
    let wrong = || cx.value_error("equation", &text, "the batch axis first in every tensor");
    let (a, rest) = without_batch(&a, &output).ok_or_else(wrong)?;
    let (b, _) = without_batch(&b, &output).ok_or_else(wrong)?;
    Ok(Imported::of(Einsum::of(&a, &b, &rest), [0, 1]))
}

/// The product over one axis of each; both axes go.
fn import_dot(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let (a, b) = (cx.shape(0)?.clone(), cx.shape(1)?.clone());
    let given = cx.attrs().ints("axes")?.unwrap_or_default();
    let wrong = || cx.value_error("axes", format!("{given:?}"), "one or two axes behind the batch");
    let [first, second] = match given[..] {
        [axis] => [axis, axis],
        [first, second] => [first, second],
        _ => return Err(wrong()),
    };
    let first = sample_axis(first, a.0.len()).ok_or_else(wrong)?;
    let second = sample_axis(second, b.0.len()).ok_or_else(wrong)?;
    let label = |of: &Shape, axis: usize, from: u8| -> Vec<Label> {
        (0..of.0.len()).map(|it| if it == axis { 0 } else { from + it as u8 }).collect()
    };
    let (la, lb) = (label(&a, first, 1), label(&b, second, 100));
    let output: Vec<Label> = la.iter().chain(&lb).copied().filter(|it| *it != 0).collect();
    let mut made = Imported::default();
    let mut operands = [Operand::Input(0), Operand::Input(1)];
    if cx.attrs().bool("normalize", false)? {
        for (operand, axis) in operands.iter_mut().zip([first, second]) {
            let unit = LayerNorm::unit(axis, cx.node.dialect);
            *operand = made.add("normalized", unit, &[*operand]);
        }
    }
    let product = Einsum { dot: true, ..Einsum::of(&la, &lb, &output) };
    let value = made.add("", product, &operands);
    Ok(made.with_outputs([value]))
}
