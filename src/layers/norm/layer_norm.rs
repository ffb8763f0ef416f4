//! Normalization over axes of one sample: Keras `LayerNormalization`, `RMSNormalization`,
//! `UnitNormalization`, and `GroupNormalization` (the channels are split into two axes).

use ndarray::{Axis, Zip};

use crate::layers::merge::broadcast;
use crate::layers::{Hardware, Import, Imported, LayerError, LayerSpec, Reshape, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::{Dialect, Tensor};

/// What a group of elements is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The mean is taken off; divided by `sqrt(variance + epsilon)`.
    Deviation,
    /// As before, but the mean is left in the result.
    Spread,
    /// Divided by `sqrt(mean of squares + epsilon)`.
    MeanSquare,
    /// Divided by `sqrt(max(sum of squares, epsilon))`.
    Length,
}

/// `y = (x - m) / s * scale + bias` with `m`, `s` from the elements that differ only in `axes`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// Axes of the sample, ascending.
    pub axes: Vec<usize>,
    /// What is divided by.
    pub statistic: Statistic,
    /// See [`Statistic`].
    pub epsilon: f64,
    /// Factors; broadcast to the input, their last axis on its last.
    pub scale: Option<Tensor>,
    /// Offsets, broadcast likewise.
    pub bias: Option<Tensor>,
}

impl LayerNorm {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("LayerNormalization", import_layer),
        Spelling::keras("RMSNormalization", import_rms),
        Spelling::keras("UnitNormalization", import_unit),
        Spelling::keras("GroupNormalization", import_group),
    ];
}

fn import_layer(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axes = cx.axes("axis", &[-1])?;
    let rms = cx.attrs().bool("rms_scaling", false)?;
    let epsilon = cx.attrs().float("epsilon", 1e-3)?;
    let scale = match rms {
        true => Some(per_axes(cx, &axes, "gamma")?),
        false => {
            cx.attrs().bool("scale", true)?.then(|| per_axes(cx, &axes, "gamma")).transpose()?
        }
    };
    let center = cx.attrs().bool("center", true)? && !rms;
    let bias = center.then(|| per_axes(cx, &axes, "beta")).transpose()?;
    cx.attrs().ignore(&["scale"]);
    let statistic = if rms { Statistic::Spread } else { Statistic::Deviation };
    Ok(Imported::unary(LayerNorm { axes, statistic, epsilon, scale, bias }))
}

fn import_rms(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axes = cx.axes("axis", &[-1])?;
    let epsilon = cx.attrs().float("epsilon", 1e-6)?;
    let scale = Some(per_axes(cx, &axes, "scale")?);
    let statistic = Statistic::MeanSquare;
    Ok(Imported::unary(LayerNorm { axes, statistic, epsilon, scale, bias: None }))
}

fn import_unit(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axes = cx.axes("axis", &[-1])?;
    Ok(Imported::unary(LayerNorm { axes, ..LayerNorm::unit(0, cx.node.dialect) }))
}

/// Groups of neighbouring channels, over all other axes too.
fn import_group(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let shape = cx.shape(0)?.clone();
    let channels = shape.last();
    let axis = cx.axis("axis", -1)?;
    if axis + 1 != shape.0.len() {
        return Err(cx.value_error("axis", axis + 1, "the last axis"));
    }
    // -1 is one group for each channel.
    let groups = match cx.attrs().int("groups", 32)? {
        -1 => channels,
        groups => usize::try_from(groups).unwrap_or(0),
    };
    if groups == 0 || channels % groups != 0 {
        return Err(cx.value_error("groups", groups, "a divisor of the number of channels"));
    }
    let split = [groups, channels / groups];
    let weight = |flag, role| -> Result<Option<Tensor>, LayerError> {
        let there = cx.attrs().bool(flag, true)?;
        let weight = there.then(|| cx.weight_of(role, &[channels])).transpose()?;
        Ok(weight.map(|it| it.into_shape_with_order(split.as_slice()).expect("as many")))
    };
    let (scale, bias) = (weight("scale", "gamma")?, weight("center", "beta")?);
    let epsilon = cx.attrs().float("epsilon", 1e-3)?;
    let mut grouped = shape.0.clone();
    grouped.pop();
    let others = grouped.len();
    grouped.extend(split);
    let axes = (0..others).chain([others + 1]).collect();
    let norm = LayerNorm { axes, statistic: Statistic::Deviation, epsilon, scale, bias };
    Ok(norm.reshaped(Shape(grouped), shape))
}

impl LayerNorm {
    /// Length 1 along an axis, as Keras bounds it from below.
    pub(in crate::layers) fn unit(axis: usize, dialect: Dialect) -> LayerNorm {
        // A bound of the length in Keras 3, of its square before.
        let epsilon = if dialect == Dialect::Keras2 { 1e-12 } else { 1e-24 };
        let statistic = Statistic::Length;
        LayerNorm { axes: vec![axis], statistic, epsilon, scale: None, bias: None }
    }

    /// The layer on another shape of the same elements.
    pub fn reshaped(self, inner: Shape, outer: Shape) -> Imported {
        let mut made = Imported::default();
        let groups =
            made.add("groups", Reshape { shape: inner }, &[crate::layers::Operand::Input(0)]);
        let normalized = made.add("normalized", self, &[groups]);
        let output = made.add("", Reshape { shape: outer }, &[normalized]);
        made.with_outputs([output])
    }
}

/// A weight with the extents of the axes, in the shape that broadcasts to the input.
fn per_axes(cx: &Import<'_>, axes: &[usize], role: &'static str) -> Result<Tensor, LayerError> {
    let mut shape = cx.shape(0)?.0.clone();
    let extents: Vec<usize> = axes.iter().map(|it| shape[*it]).collect();
    let weight = cx.weight_of(role, &extents)?;
    for (axis, extent) in shape.iter_mut().enumerate() {
        *extent = if axes.contains(&axis) { *extent } else { 1 };
    }
    Ok(weight.into_shape_with_order(shape).expect("as many elements"))
}

impl LayerSpec for LayerNorm {
    fn kind(&self) -> &'static str {
        "LayerNormalization"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let extents = inputs[0].0.as_slice();
        let axes = self.axes.iter().all(|it| *it < extents.len());
        let weights = [&self.scale, &self.bias].into_iter().flatten();
        let fits = |it: &Tensor| {
            broadcast(&Shape(it.shape().to_vec()), inputs[0]).as_ref() == Some(inputs[0])
        };
        if axes && weights.into_iter().all(fits) {
            return Ok(inputs[0].clone());
        }
        let expected = "one that weights and axes fit".to_owned();
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let mut out = inputs[0].clone();
        let sums = |x: &Tensor| {
            let sums = self
                .axes
                .iter()
                .fold(x.clone(), |x, axis| x.sum_axis(Axis(*axis)).insert_axis(Axis(*axis)));
            let count = x.len() / sums.len().max(1);
            (sums, count as f64)
        };
        let centered = |x: &Tensor| {
            let (sum, count) = sums(x);
            x - sum / count
        };
        if self.statistic == Statistic::Deviation {
            out = centered(&out);
        }
        let (squares, count) = match self.statistic {
            Statistic::Spread => sums(&centered(&out).mapv(|it| it * it)),
            _ => sums(&out.mapv(|it| it * it)),
        };
        let size = squares.mapv(|sum| match self.statistic {
            Statistic::Length => sum.max(self.epsilon).sqrt(),
            _ => (sum / count + self.epsilon).sqrt(),
        });
        Zip::from(&mut out).and_broadcast(&size).for_each(|x, size| *x /= size);
        if let Some(scale) = &self.scale {
            out *= scale;
        }
        if let Some(bias) = &self.bias {
            out += bias;
        }
        out
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        let scale = self.scale.iter().map(|it| (Role::Scale, it));
        scale.chain(self.bias.iter().map(|it| (Role::Bias, it))).collect()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}
