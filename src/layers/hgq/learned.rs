//! Layers whose every weight is a function of one number: `QDenseT`, `QEinsumDenseT`, `QConvT1D`,
//! `QConvT2D`.
//!
//! Training has made each function a small network of one input; its output is quantized, and the
//! layer adds them up. Here every pair of an input and a weight gets a table of the network's results.

use super::conf::{Names, names};
use super::parts::Builder;
use super::rule;
use super::table::{INPUT, Known, OUTPUT, Tables, applied, function};
use crate::layers::contraction::{Label, labels, without_batch};
use crate::layers::import::finite;
use crate::layers::window::Window;
use crate::layers::{
    Concatenate, Import, Imported, Layer, LayerError, Operand, Pad, Reduce, Reduction, Take,
};
use crate::nn::Shape;
use crate::source::Tensor;

const TABLE: Names = names!("toq_conf", "toq");

/// The networks of all weights.
struct Nets {
    /// Kernels, `[weights, inputs, outputs]`, and biases, `[weights, outputs]`.
    layers: Vec<(Tensor, Option<Tensor>)>,
    activation: Layer,
    /// Factor and offset behind the network of each weight.
    norm: Vec<[f32; 2]>,
    /// What is divided by at last, if there is a normalization.
    divisor: Option<f32>,
}

impl Nets {
    /// Reads them; `shape` is that of the weights.
    fn read(cx: &Import<'_>, shape: &[usize]) -> Result<Nets, LayerError> {
        let count: usize = shape.iter().product();
        let hidden = cx.attrs().int("n_hl", 1)?;
        let hidden = usize::try_from(hidden).ok().filter(|it| *it < 64);
        let hidden = hidden.ok_or_else(|| cx.value_error("n_hl", "that", "0 to 63"))?;
        cx.attrs().ignore(&["d_hl", "table_idxs", "use_bias"]);
        let mut layers = Vec::new();
        for at in 0..=hidden {
            let weight = |name: &str| {
                let found = cx.node.weights.get(&format!("module/{at}/{name}"));
                found.map(|it| finite("kernel", it)).transpose()
            };
            let role = "the kernel of a layer of module";
            let kernel = weight("kernel")?.ok_or(LayerError::Missing { role })?;
            let tail = usize::from(at < hidden);
            let n_out = if tail == 1 { kernel.shape().last().copied().unwrap_or(1) } else { 1 };
            let flat = |tensor: &Tensor, last: usize| {
                let inner = tensor.len() / count.max(1) / last.max(1);
                tensor.as_standard_layout().into_owned().into_shape_with_order(vec![
                    count,
                    inner.max(1),
                    last,
                ])
            };
            let expected = || LayerError::WeightShape {
                role,
                found: kernel.shape().to_vec(),
                expected: shape.to_vec(),
            };
            if !kernel.shape().starts_with(shape) {
                return Err(expected());
            }
            let bias = weight("bias")?.map(|it| flat(it, n_out)).transpose();
            let kernel = flat(kernel, n_out).map_err(|_| expected())?;
            layers.push((kernel, bias.map_err(|_| expected())?));
        }
        let (activation, _) = function(cx, "subnn_activation")?;
        let (norm, divisor) = (vec![[1.0, 0.0]; count], None);
        Ok(Nets { layers, activation, norm, divisor })
    }

    /// The results of one weight's network.
    fn results(&self, weight: usize, inputs: &[f32]) -> Vec<f32> {
        // Values by channel, then by input.
        let mut values = vec![inputs.to_vec()];
        for (at, (kernel, bias)) in self.layers.iter().enumerate() {
            let (n_in, n_out) = (kernel.shape()[1], kernel.shape()[2]);
            let output = |o: usize| {
                let bias = bias.as_ref().map_or(0.0, |it| it[[weight, 0, o]] as f32);
                let sum = |input: usize| {
                    // An input of one channel serves all that the kernel has.
                    let x = |d: usize| values[d.min(values.len() - 1)][input];
                    let product = |d: usize| x(d) * kernel[[weight, d, o]] as f32;
                    (0..n_in).map(product).sum::<f32>() + bias
                };
                (0..inputs.len()).map(sum).collect::<Vec<f32>>()
            };
            let next: Vec<Vec<f32>> = (0..n_out).map(output).collect();
            let last = at + 1 == self.layers.len();
            values = if last {
                next
            } else {
                next.iter().map(|it| applied(&self.activation, it)).collect()
            };
        }
        let [factor, offset] = self.norm[weight];
        let done = |y: &f32| match self.divisor {
            Some(divisor) => (y * factor + offset) / divisor,
            None => *y,
        };
        values[0].iter().map(done).collect()
    }
}

/// Statistics of a normalization as a factor and an offset for each channel.
fn normalization(
    cx: &Import<'_>,
    roles: [&'static str; 4],
    count: usize,
) -> Result<Vec<[f32; 2]>, LayerError> {
    let epsilon = cx.attrs().float("bn_epsilon", 1e-3)? as f32;
    let all = |role, there: bool, default: f32| match there {
        true => Ok::<_, LayerError>(
            cx.weight_of(role, &[count])?.iter().map(|it| *it as f32).collect::<Vec<f32>>(),
        ),
        false => Ok(vec![default; count]),
    };
    let gamma = all(roles[0], cx.attrs().bool("bn_scale", true)?, 1.0)?;
    let beta = all(roles[1], cx.attrs().bool("bn_center", true)?, 0.0)?;
    let (mean, variance) = (all(roles[2], true, 0.0)?, all(roles[3], true, 1.0)?);
    let one = |at: usize| {
        let factor = gamma[at] / (variance[at] + epsilon).sqrt();
        [factor, beta[at] - mean[at] * factor]
    };
    Ok((0..count).map(one).collect())
}

fn has_norm(cx: &Import<'_>) -> Result<bool, LayerError> {
    cx.attrs().ignore(&["bn_momentum", "bn_center", "bn_scale", "bn_epsilon"]);
    Ok(cx.attrs().bool("batch_norm", false)?)
}

/// Adds what reads a tensor with an element for every pair: tables, sums over `axes`, the activation.
fn pairs(
    parts: &mut Builder<'_, '_>,
    nets: &Nets,
    (operand, shape): (Operand, &[usize]),
    weight: impl Fn(usize) -> usize,
    axes: Vec<usize>,
) -> Result<Operand, LayerError> {
    let cx = parts.cx;
    let quantized = cx.attrs().bool("enable_iq", true)?;
    let input = if quantized { rule(cx, &INPUT, shape)? } else { None };
    let Some(input) = input else {
        return Err(cx.value_error("enable_iq", false, "true: a table needs a quantizer"));
    };
    let output = rule(cx, &TABLE, shape)?;
    // Sums of float32 within the networks: values of their activations are of the order of one.
    let tables = Tables { input: &input, output: output.as_ref(), known: Known::Within(4.0) };
    let table = tables.make(cx, &INPUT, weight, |weight, inputs| nets.results(weight, inputs))?;
    let value = parts.table(["iq", "tables"], &INPUT, (&input, table), operand, shape)?;
    match axes.is_empty() {
        true => Ok(value),
        false => {
            let reduction = Reduction::Sum;
            Ok(parts.add("sum", Reduce { reduction, axes, keep: false }, &[value]))
        }
    }
}

/// The activation and the quantizer behind the sums.
fn finish(
    mut parts: Builder<'_, '_>,
    value: Operand,
    shape: &[usize],
) -> Result<Imported, LayerError> {
    let cx = parts.cx;
    let (activation, _) = function(cx, "activation")?;
    let mut value = value;
    if !matches!(activation, Layer::Identity(_)) {
        value = parts.add("activation", activation, &[value]);
    }
    if cx.attrs().bool("enable_oq", false)? {
        value = parts.quantizer("oq", &OUTPUT, value, shape)?;
    }
    Ok(parts.finish(value))
}

/// The dense layer on the last axis of a value.
fn dense(
    mut parts: Builder<'_, '_>,
    operand: Operand,
    shape: &[usize],
    n_out: usize,
) -> Result<Imported, LayerError> {
    let cx = parts.cx;
    let n_in = shape.last().copied().unwrap_or(1);
    let mut nets = Nets::read(cx, &[n_in, n_out])?;
    if has_norm(cx)? {
        let roles = [
            "bn_module/gamma",
            "bn_module/beta",
            "bn_module/moving_mean",
            "bn_module/moving_variance",
        ];
        let channels = normalization(cx, roles, n_out)?;
        nets.norm = (0..n_in * n_out).map(|it| channels[it % n_out]).collect();
        nets.divisor = Some((n_in as f64).sqrt() as f32);
    }
    let rank = shape.len();
    let column = [shape, &[1]].concat();
    let wide = [shape, &[n_out]].concat();
    let value = parts.reshape(operand, shape, &column);
    let value = parts.add("pairs", Take::along("Repeat", rank, vec![0; n_out]), &[value]);
    let each = n_in * n_out;
    let value = pairs(&mut parts, &nets, (value, &wide), |it| it % each, vec![rank - 1])?;
    let shape = [&shape[..rank - 1], &[n_out]].concat();
    finish(parts, value, &shape)
}

fn count(cx: &Import<'_>, name: &'static str) -> Result<usize, LayerError> {
    let given = cx.attrs().int(name, 0)?;
    let good = usize::try_from(given).ok().filter(|it| (1..1 << 20).contains(it));
    good.ok_or_else(|| cx.value_error(name, given, "1 and more"))
}

/// `QDenseT`.
pub(super) fn import_dense(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let parts = Builder::new(cx);
    let input = parts.input(0);
    dense(parts, input, &cx.shape(0)?.0, count(cx, "n_out")?)
}

/// `QConvT1D`, `QConvT2D`: the dense layer on what each window sees.
pub(super) fn import_conv(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    cx.channels_last()?;
    if cx.attrs().int("groups", 1)? != 1 {
        return Err(cx.value_error("groups", cx.attrs().int("groups", 1)?, "1"));
    }
    let extents = cx.extents(spatial)?;
    let window = Window {
        stride: cx.spatial("strides", spatial, 1)?,
        dilation: cx.spatial("dilation_rate", spatial, 1)?,
        ..Window::of(&cx.spatial("kernel_size", spatial, 1)?)
    };
    let window = cx.keras_padding(window, &extents)?;
    let wrong = || LayerError::Shapes {
        found: vec![Shape(extents.clone())],
        expected: format!("{:?} and more", window.size),
    };
    let places = window.places(&extents).ok_or_else(wrong)?;
    let mut parts = Builder::new(cx);
    let mut value = parts.input(0);
    if window.pad.iter().any(|it| *it != (0, 0)) {
        let amounts = window.pad.iter().copied().chain([(0, 0)]).collect();
        value = parts.add("padded", Pad { amounts }, &[value]);
    }
    let mut taps = Vec::new();
    let count_taps: usize = window.size.iter().product();
    for tap in 0..count_taps {
        let mut rest = tap;
        let mut chosen = Vec::new();
        for axis in (0..spatial).rev() {
            let first = rest % window.size[axis] * window.dilation[axis];
            rest /= window.size[axis];
            let at = (0..places[axis]).map(|it| first + it * window.stride[axis]);
            chosen.push((axis, at.collect()));
        }
        chosen.reverse();
        taps.push(parts.add("tap", Take { kind: "Slice", places: chosen }, &[value]));
    }
    let channels = cx.shape(0)?.last();
    let value = match taps[..] {
        [one] => one,
        _ => parts.add("windows", Concatenate { axis: spatial }, &taps),
    };
    let shape = [places, vec![count_taps * channels]].concat();
    dense(parts, value, &shape, count(cx, "filters")?)
}

/// `QEinsumDenseT`.
pub(super) fn import_einsum(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let text = cx.attrs().str("equation", "")?.to_owned();
    let input = cx.shape(0)?.0.clone();
    let [a, b, output] = labels(cx, &text, input.len() + 1)?;
    let wrong = || cx.value_error("equation", &text, "data with its batch axis in front");
    let (a, output) =
        without_batch(&a, &output).filter(|_| !b.contains(&a[0])).ok_or_else(wrong)?;
    cx.attrs().ignore(&["output_shape", "bias_axes", "normalize_axes"]);
    // Extents of the kernel's own axes are in its first layer.
    let first = cx.node.weights.get("module/0/kernel");
    let role = "the kernel of a layer of module";
    let first = first.ok_or(LayerError::Missing { role })?;
    let own: Vec<Label> = b.iter().copied().filter(|it| !a.contains(it)).collect();
    let extent = |label: &Label| match a.iter().position(|it| it == label) {
        Some(axis) => Some(input[axis]),
        None => first.shape().get(b.iter().position(|it| it == label)?).copied(),
    };
    let all: Vec<Label> = a.iter().chain(&own).copied().collect();
    let shape: Option<Vec<usize>> = all.iter().map(extent).collect();
    let kernel: Option<Vec<usize>> = b.iter().map(extent).collect();
    let (Some(shape), Some(kernel)) = (shape, kernel) else { return Err(wrong()) };
    if own.iter().any(|it| !output.contains(it)) {
        return Err(wrong());
    }
    let mut nets = Nets::read(cx, &kernel)?;
    let axes: Vec<usize> = (0..a.len()).filter(|it| !output.contains(&a[*it])).collect();
    if has_norm(cx)? {
        let n_in: usize = axes.iter().map(|it| input[*it]).product();
        einsum_norm(cx, &b, &kernel, &mut nets)?;
        nets.divisor = Some((n_in as f64).sqrt() as f32);
    }
    let mut parts = Builder::new(cx);
    let mut value = parts.input(0);
    let ones = [input.as_slice(), &vec![1; own.len()]].concat();
    value = parts.reshape(value, &input, &ones);
    if !own.is_empty() {
        let places = (a.len()..all.len()).map(|axis| (axis, vec![0; shape[axis]])).collect();
        value = parts.add("pairs", Take { kind: "Repeat", places }, &[value]);
    }
    let weight = |element: usize| {
        let mut rest = element;
        let mut index = vec![0; all.len()];
        for axis in (0..all.len()).rev() {
            index[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        let at = |label: &Label| all.iter().position(|it| it == label).map_or(0, |it| index[it]);
        b.iter().zip(&kernel).fold(0, |sum, (label, extent)| sum * extent + at(label))
    };
    let value = pairs(&mut parts, &nets, (value, &shape), weight, axes)?;
    let left: Vec<Label> = all.iter().copied().filter(|it| output.contains(it)).collect();
    let place = |it: &Label| left.iter().position(|other| other == it);
    let order: Option<Vec<usize>> = output.iter().map(place).collect();
    let value = parts.permute(value, order.ok_or_else(wrong)?);
    let shape: Vec<usize> = output.iter().filter_map(extent).collect();
    finish(parts, value, &shape)
}

/// The normalization along the axes that are named, of the weights only.
fn einsum_norm(
    cx: &Import<'_>,
    labels: &[Label],
    kernel: &[usize],
    nets: &mut Nets,
) -> Result<(), LayerError> {
    let axes = cx.attrs().str("normalize_axes", "")?;
    let [letter] = axes.as_bytes() else {
        return Err(cx.value_error("normalize_axes", axes, "one axis of the kernel"));
    };
    let Some(axis) = labels.iter().position(|it| it == letter) else {
        return Err(cx.value_error("normalize_axes", axes, "one axis of the kernel"));
    };
    let roles = ["bn_gamma", "bn_beta", "moving_mean", "moving_variance"];
    let channels = normalization(cx, roles, kernel[axis])?;
    let below: usize = kernel[axis + 1..].iter().product();
    nets.norm = (0..nets.norm.len()).map(|it| channels[it / below.max(1) % kernel[axis]]).collect();
    Ok(())
}
