//! Transposed convolution: every input spreads its weighted taps over the output.

use std::borrow::Cow;

use ndarray::{Array2, Axis, Slice};

use super::channel_reads;
use crate::layers::gather::Gathers;
use crate::layers::linear::Linear;
use crate::layers::{Hardware, LayerError, LayerSpec, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::{Packed, Tensor};

/// A transposed convolution.
#[derive(Clone, Debug)]
pub struct ConvTranspose {
    /// `[taps ..., input channels, output channels of a group]`.
    pub kernel: Packed,
    /// `[output channels]`.
    pub bias: Option<Tensor>,
    /// Groups of channels.
    pub groups: usize,
    /// Steps between the outputs of neighbouring inputs.
    pub stride: Vec<usize>,
    /// Steps between taps.
    pub dilation: Vec<usize>,
    /// What is cut off the full result before and behind; where negative, zeros are added.
    pub crop: Vec<(i64, i64)>,
    /// Whether the model has quantized kernel and bias: they are kept as they are.
    pub quantized: bool,
}

impl ConvTranspose {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = super::keras::TRANSPOSED;

    fn spatial(&self) -> usize {
        self.stride.len()
    }

    /// Extents of the result before it is cut.
    fn full(&self, extents: &[usize]) -> Vec<usize> {
        let along = |axis: usize| {
            extents[axis].saturating_sub(1) * self.stride[axis]
                + self.kernel.shape()[axis].saturating_sub(1) * self.dilation[axis]
                + 1
        };
        (0..self.spatial()).map(along).collect()
    }

    fn outputs(&self) -> usize {
        self.kernel.shape()[self.spatial() + 1] * self.groups
    }

    /// Where each tap of each input goes in the result; `None` is cut off.
    fn targets(&self, extents: &[usize], result: &[usize]) -> Vec<Option<usize>> {
        let mut targets = vec![Some(0)];
        let mut taps = 1;
        for axis in 0..self.spatial() {
            let size = self.kernel.shape()[axis];
            let at = |place: usize, tap: usize| {
                let position = place * self.stride[axis] + tap * self.dilation[axis];
                let position = usize::try_from(position as i64 - self.crop[axis].0).ok();
                position.filter(|it| *it < result[axis])
            };
            let mut next = Vec::with_capacity(targets.len() * extents[axis] * size);
            for outer in targets.chunks(taps) {
                for place in 0..extents[axis] {
                    for outer in outer {
                        let inner = (0..size).map(|tap| at(place, tap));
                        next.extend(inner.map(|it| Some((*outer)? * result[axis] + it?)));
                    }
                }
            }
            targets = next;
            taps *= size;
        }
        targets
    }
}

impl LayerSpec for ConvTranspose {
    fn kind(&self) -> &'static str {
        if self.spatial() == 1 { "Conv1DTranspose" } else { "Conv2DTranspose" }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let wrong = || LayerError::Shapes {
            found: vec![inputs[0].clone()],
            expected: format!(
                "{} spatial axes and {} channels",
                self.spatial(),
                self.kernel.shape()[self.spatial()]
            ),
        };
        let (channels, extents) = inputs[0].0.split_last().ok_or_else(wrong)?;
        let fits = extents.len() == self.spatial()
            && *channels == self.kernel.shape()[self.spatial()]
            && self.groups > 0
            && channels % self.groups == 0
            && extents.iter().all(|it| (1..1 << 20).contains(it));
        if !fits {
            return Err(wrong());
        }
        let cut = |(full, (before, behind)): (usize, &(i64, i64))| {
            usize::try_from(full as i64 - before - behind)
                .ok()
                .filter(|it| (1..1 << 28).contains(it))
        };
        let shape = self.full(extents).into_iter().zip(&self.crop).map(cut);
        let mut shape: Vec<usize> = shape.collect::<Option<_>>().ok_or_else(wrong)?;
        shape.push(self.outputs());
        Ok(Shape(shape))
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[&Shape(inputs[0].shape().to_vec())]);
        let shape = shape.expect("infer has checked the shape").0;
        let (result, extents) = (&shape[..self.spatial()], &inputs[0].shape()[..self.spatial()]);
        let targets = self.targets(extents, result);
        let channels = self.kernel.shape()[self.spatial()];
        let group_outputs = self.kernel.shape()[self.spatial() + 1];
        let taps = self.kernel.len() / (channels * group_outputs);
        let x = inputs[0].as_standard_layout();
        let x = x.view().into_shape_with_order((x.len() / channels, channels));
        let x = x.expect("standard layout");
        let kernel = self.kernel.as_standard_layout();
        let kernel = kernel.view().into_shape_with_order((taps, channels, group_outputs));
        let kernel = kernel.expect("standard layout");
        let mut out = Array2::zeros((result.iter().product(), self.outputs()));
        if let Some(bias) = &self.bias {
            out += &bias.view().into_shape_with_order(self.outputs()).expect("a vector");
        }
        let n_in = channels / self.groups;
        for group in 0..self.groups {
            let channels = Slice::from(group * n_in..(group + 1) * n_in);
            let outputs = Slice::from(group * group_outputs..(group + 1) * group_outputs);
            for tap in 0..taps {
                let kernel = kernel.index_axis(Axis(0), tap);
                let kernel = kernel.slice_axis(Axis(0), channels);
                let spread = x.slice_axis(Axis(1), channels).dot(&kernel);
                for (place, row) in spread.outer_iter().enumerate() {
                    if let Some(to) = targets[place * taps + tap] {
                        let mut sums = out.index_axis_mut(Axis(0), to);
                        let mut sums = sums.slice_axis_mut(Axis(0), outputs);
                        sums += &row;
                    }
                }
            }
        }
        out.into_shape_with_order(shape).expect("a row a place")
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        let bias = self.bias.iter().map(|it| (Role::Bias, it));
        std::iter::once((Role::Weight, &*self.kernel)).chain(bias).collect()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Gathers for ConvTranspose {
    type Gathering<'a> = Linear<'a>;

    /// For every output what is spread to it: an input for some taps, nothing for the others.
    fn gathering(&self, input: &Shape) -> Linear<'_> {
        let shape = self.infer(&[input]).expect("infer has checked the shape");
        let (channels, extents) = input.0.split_last().expect("infer has checked the axes");
        let places = &shape.0[..self.spatial()];
        let taps: usize = self.kernel.shape()[..self.spatial()].iter().product();
        let mut pixels = vec![None; places.iter().product::<usize>() * taps];
        for (at, target) in self.targets(extents, places).into_iter().enumerate() {
            if let Some(to) = target {
                pixels[to * taps + at % taps] = Some(at / taps);
            }
        }
        let reads = channel_reads(&pixels, taps, self.groups, channels / self.groups);
        Linear {
            weights: self.output_columns(taps),
            bias: self.bias.as_ref(),
            quantized: self.quantized,
            groups: self.groups,
            reads,
            shape,
        }
    }
}

impl ConvTranspose {
    /// The kernel as `[taps, input channels of a group, output channels]`.
    fn output_columns(&self, taps: usize) -> Cow<'_, Tensor> {
        if self.groups == 1 {
            return Cow::Borrowed(&self.kernel);
        }
        let n_in = self.kernel.shape()[self.spatial()] / self.groups;
        let n_out = self.kernel.shape()[self.spatial() + 1];
        let kernel = self.kernel.as_standard_layout();
        let kernel = kernel.to_shape((taps, self.groups, n_in, n_out)).expect("as many elements");
        let kernel = kernel.permuted_axes([0, 2, 1, 3]).as_standard_layout().into_owned();
        let kernel = kernel.into_shape_with_order(vec![taps, n_in, self.outputs()]);
        Cow::Owned(kernel.expect("as many elements"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize]) -> Tensor {
        let values = (0..shape.iter().product::<usize>()).map(|it| (it * 5 % 13) as f64 - 6.0);
        Tensor::from_shape_vec(shape, values.collect()).unwrap()
    }

    #[test]
    fn groups_are_layers_side_by_side() {
        let layer = |kernel, groups| ConvTranspose {
            kernel,
            bias: None,
            groups,
            stride: vec![2],
            dilation: vec![2],
            crop: vec![(1, -1)],
            quantized: false,
        };
        let (x, kernel) = (tensor(&[4, 4]), tensor(&[3, 4, 5]));
        let both = layer(kernel.clone().into(), 2).eval(&[&x]);
        assert_eq!(both.shape(), [11, 10]);
        for group in 0..2 {
            let half = Slice::from(2 * group..2 * group + 2);
            let part = |it: &Tensor| it.slice_axis(Axis(1), half).to_owned();
            let alone = layer(part(&kernel).into(), 1).eval(&[&part(&x)]);
            let outputs = Slice::from(5 * group..5 * group + 5);
            assert_eq!(both.slice_axis(Axis(1), outputs), alone);
        }
    }
}
