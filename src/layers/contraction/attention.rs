//! Attention of Keras, as the layers it consists of: projections, products, a softmax.

use super::einsum::Einsum;
use crate::layers::{
    Constant, Dense, Import, Imported, LayerError, Merge, Operand, Reshape, Softmax, Take,
};
use crate::nn::Shape;
use crate::source::Tensor;
use crate::units::Binary;

/// Extents of an attention layer.
struct Heads {
    /// Heads of the query.
    queries: usize,
    /// Heads of key and value; each serves as many of the query's.
    keys: usize,
    /// Length of keys.
    key: usize,
    /// Length of values.
    value: usize,
}

fn extent(cx: &Import<'_>, name: &'static str) -> Result<usize, LayerError> {
    let given = cx.attrs().int(name, 0)?;
    let good = usize::try_from(given).ok().filter(|it| *it > 0);
    good.ok_or_else(|| cx.value_error(name, given, "1 and more"))
}

/// Keras `MultiHeadAttention`.
pub(super) fn import_multi_head(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let heads = extent(cx, "num_heads")?;
    let key = extent(cx, "key_dim")?;
    let value = match cx.attrs().get("value_dim") {
        None => key,
        Some(_) => extent(cx, "value_dim")?,
    };
    if let Some(axes) = cx.attrs().ints("attention_axes")?
        && axes != [1]
    {
        return Err(cx.value_error("attention_axes", format!("{axes:?}"), "[1]"));
    }
    let output = cx.attrs().ints("output_shape")?;
    if output.is_some_and(|it| it.len() != 1) {
        return Err(cx.value_error("output_shape", "several axes", "one axis"));
    }
    // How the framework computes, and shapes that follow from the weights.
    cx.attrs().ignore(&["flash_attention", "output_dim"]);
    import(cx, &Heads { queries: heads, keys: heads, key, value })
}

/// Keras `GroupQueryAttention`.
pub(super) fn import_grouped_query(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let length = extent(cx, "head_dim")?;
    let (queries, keys) = (extent(cx, "num_query_heads")?, extent(cx, "num_key_value_heads")?);
    if queries % keys != 0 {
        return Err(cx.value_error("num_key_value_heads", keys, "a divisor of num_query_heads"));
    }
    cx.attrs().ignore(&["flash_attention"]);
    import(cx, &Heads { queries, keys, key: length, value: length })
}

/// Keras `Attention`: without projections; query, value, key.
pub(super) fn import_plain(cx: &Import<'_>) -> Result<Imported, LayerError> {
    if cx.attrs().bool("use_scale", false)? {
        return Err(cx.value_error("use_scale", true, "false"));
    }
    match cx.attrs().str("score_mode", "dot")? {
        "dot" => {}
        other => return Err(cx.value_error("score_mode", other, "dot")),
    }
    let key = if cx.node.inputs.len() > 2 { 2 } else { 1 };
    let rows = |index: usize| match cx.shape(index)?.0[..] {
        [rows, _] => Ok(rows),
        _ => {
            let expected = "[steps, features]".to_owned();
            Err(LayerError::Shapes { found: vec![cx.shape(index)?.clone()], expected })
        }
    };
    let mut made = Imported::default();
    let projected = [0, key].map(Operand::Input);
    let scores = Einsum::of(b"tk", b"sk", b"ts");
    let causal = cx.attrs().bool("call:use_causal_mask", false)?;
    let steps = [rows(0)?, rows(key)?];
    check_mask(cx, causal, steps)?;
    let scores = made.add("scores", scores, &projected);
    let attention = weighed(scores, steps, causal, &mut made);
    let mixed = Einsum::of(b"ts", b"sv", b"tv");
    let output = made.add("", mixed, &[attention, Operand::Input(1)]);
    let mut outputs = vec![output];
    if cx.attrs().bool("call:return_attention_scores", false)? {
        outputs.push(attention);
    }
    Ok(made.with_outputs(outputs))
}

fn import(cx: &Import<'_>, heads: &Heads) -> Result<Imported, LayerError> {
    let rows = |index: usize| match cx.shape(index)?.0[..] {
        [rows, width] => Ok((rows, width)),
        _ => {
            let expected = "[steps, features]".to_owned();
            Err(LayerError::Shapes { found: vec![cx.shape(index)?.clone()], expected })
        }
    };
    // Query, value, key; without a key the value is the key too.
    let key_at = if cx.node.inputs.len() > 2 { 2 } else { 1 };
    let sources = [(0, rows(0)?), (key_at, rows(key_at)?), (1, rows(1)?)];
    let causal = cx.attrs().bool("call:use_causal_mask", false)?;
    let bias = cx.attrs().bool("use_bias", true)?;
    check_mask(cx, causal, [sources[0].1.0, sources[1].1.0])?;
    let mut made = Imported::default();
    let scale = 1.0 / (heads.key as f64).sqrt();
    let parts = [
        ("query", heads.queries, heads.key, scale),
        ("key", heads.keys, heads.key, 1.0),
        ("value", heads.keys, heads.value, 1.0),
    ];
    let mut projected = Vec::new();
    for ((name, count, length, scale), (index, (steps, width))) in parts.into_iter().zip(sources) {
        let weights = projection(cx, name, [width, count, length], bias, scale)?;
        let row = made.add(name, weights, &[Operand::Input(index)]);
        let shape = Shape(vec![steps, count, length]);
        let mut value = made.add(HEADS, Reshape { shape }, &[row]);
        if count < heads.queries {
            let places = (0..heads.queries).map(|it| it / (heads.queries / count)).collect();
            value = made.add("repeated", Take::along("RepeatVector", 1, places), &[value]);
        }
        projected.push(value);
    }
    let ([_, _, value], steps) =
        ([0, 1, 2].map(|it| projected[it]), [sources[0].1.0, sources[1].1.0]);
    let scores = made.add("scores", Einsum::of(b"thk", b"shk", b"hts"), &projected[..2]);
    let attention = weighed(scores, steps, causal, &mut made);
    let mixed = made.add("mixed", Einsum::of(b"hts", b"shv", b"thv"), &[attention, value]);
    let wide = heads.queries.saturating_mul(heads.value);
    let mixed = made.add("flat", Reshape { shape: Shape(vec![steps[0], wide]) }, &[mixed]);
    let output = made.add("", output(cx, heads, bias)?, &[mixed]);
    let mut outputs = vec![output];
    if cx.attrs().bool("call:return_attention_scores", false)? {
        outputs.push(attention);
    }
    Ok(made.with_outputs(outputs))
}

const HEADS: &str = "heads";

/// A causal mask has an entry for each query and key: a bound on how many.
fn check_mask(cx: &Import<'_>, causal: bool, steps: [usize; 2]) -> Result<(), LayerError> {
    match causal && steps[0].saturating_mul(steps[1]) > 1 << 22 {
        true => Err(cx.value_error("use_causal_mask", true, "false for so many steps")),
        false => Ok(()),
    }
}

/// Scores `[.., queries, keys]` as shares that add up to one, perhaps of earlier keys only.
fn weighed(
    mut scores: Operand,
    [queries, keys]: [usize; 2],
    causal: bool,
    made: &mut Imported,
) -> Operand {
    if causal {
        // As Keras: large enough that the exponential is zero.
        let hidden = |at: usize| if at % keys > at / keys { -1e9 } else { 0.0 };
        let values = (0..queries * keys).map(hidden).collect();
        let value = Tensor::from_shape_vec(vec![queries, keys], values).expect("as many");
        let mask = made.add("mask", Constant { value }, &[]);
        scores = made.add("masked", Merge { op: Binary::Add }, &[scores, mask]);
    }
    made.add("softmax", Softmax::new(keys), &[scores])
}

fn projection(
    cx: &Import<'_>,
    name: &str,
    [width, count, length]: [usize; 3],
    bias: bool,
    scale: f64,
) -> Result<Dense, LayerError> {
    let (kernel, offset) = match name {
        "query" => ("query/kernel", "query/bias"),
        "key" => ("key/kernel", "key/bias"),
        _ => ("value/kernel", "value/bias"),
    };
    let n_out = count.saturating_mul(length);
    let flat = |it: Tensor, shape: Vec<usize>| {
        let scaled = it.mapv(|it| it * scale).as_standard_layout().into_owned();
        scaled.into_shape_with_order(shape).expect("as many elements")
    };
    let weights = flat(cx.weight_of(kernel, &[width, count, length])?, vec![width, n_out]);
    let bias = bias.then(|| cx.weight_of(offset, &[count, length])).transpose()?;
    Ok(Dense {
        weights: weights.into(),
        bias: bias.map(|it| flat(it, vec![n_out])),
        quantized: false,
    })
}

fn output(cx: &Import<'_>, heads: &Heads, bias: bool) -> Result<Dense, LayerError> {
    let role = "attention_output/kernel";
    let kernel = cx.weight(role)?.ok_or(LayerError::Missing { role })?;
    let n_out = kernel.shape().last().copied().unwrap_or(0);
    let kernel = cx.weight_of(role, &[heads.queries, heads.value, n_out])?;
    let kernel = kernel.as_standard_layout().into_owned();
    let weights = kernel.into_shape_with_order(vec![heads.queries * heads.value, n_out]);
    let weights = weights.expect("as many elements");
    let bias = bias.then(|| cx.weight_of("attention_output/bias", &[n_out])).transpose()?;
    Ok(Dense { weights: weights.into(), bias, quantized: false })
}
