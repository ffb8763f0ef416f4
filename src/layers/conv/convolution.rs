//! Convolution over any number of spatial axes: plain, grouped and depthwise.
//!
//! Channels come last; output channels of a group read the input channels of that group only. The
//! float engine gathers windows into a matrix and multiplies once (im2col); so does the hardware, with a
//! [`Linear`].

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2, Axis, Slice};

use super::{channel_reads, keras};
use crate::layers::gather::Gathers;
use crate::layers::linear::Linear;
use crate::layers::window::Window;
use crate::layers::{Hardware, LayerError, LayerSpec, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::{Packed, Tensor};

/// A convolution.
#[derive(Clone, Debug)]
pub struct Conv {
    /// `[taps ..., input channels of a group, output channels]`.
    pub kernel: Packed,
    /// `[output channels]`.
    pub bias: Option<Tensor>,
    /// Groups of channels.
    pub groups: usize,
    /// Where it reads; its size is that of the kernel.
    pub window: Window,
    /// Weights and biases are on a grid of the model's own and must be kept as they are.
    pub quantized: bool,
}

impl Conv {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = keras::SPELLINGS;

    fn group_inputs(&self) -> usize {
        self.kernel.shape()[self.window.size.len()]
    }

    fn outputs(&self) -> usize {
        self.kernel.shape()[self.window.size.len() + 1]
    }

    /// Whether every group is one input channel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_inputs() == 1
    }
}

impl LayerSpec for Conv {
    fn kind(&self) -> &'static str {
        match (self.window.size.len(), self.is_depthwise()) {
            (1, false) => "Conv1D",
            (1, true) => "DepthwiseConv1D",
            (2, false) => "Conv2D",
            (2, true) => "DepthwiseConv2D",
            _ => "Conv3D",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let channels = self.group_inputs() * self.groups;
        let fits = channels * self.outputs() > 0 && self.outputs().is_multiple_of(self.groups);
        if let Some((last, extents)) = inputs[0].0.split_last()
            && *last == channels
            && fits
            && let Some(mut shape) = self.window.places(extents)
        {
            shape.push(self.outputs());
            return Ok(Shape(shape));
        }
        let spatial = self.window.size.len();
        let expected = format!(
            "{spatial} spatial axes of {:?} and more, {channels} channels",
            self.window.size
        );
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0].as_standard_layout();
        let spatial = self.window.size.len();
        let (extents, channels) = (&x.shape()[..spatial], x.shape()[spatial]);
        let places = self.window.places(extents).expect("infer has checked the extents");
        let reads = self.window.reads(extents, &places);
        let taps: usize = self.window.size.iter().product();
        let pixels = x.view().into_shape_with_order((x.len() / channels, channels));
        let pixels = pixels.expect("standard layout");
        let (n_in, n_out) = (self.group_inputs(), self.outputs());
        let kernel = self.kernel.as_standard_layout();
        let kernel = kernel.view().into_shape_with_order((taps * n_in, n_out));
        let kernel = kernel.expect("standard layout");
        let mut out = match self.is_depthwise() {
            true => depthwise(pixels, kernel, &reads),
            false => grouped(pixels, kernel, &reads, self.groups),
        };
        if let Some(bias) = &self.bias {
            out += &bias.view().into_shape_with_order(n_out).expect("a vector");
        }
        let shape = [places.as_slice(), &[n_out]].concat();
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

impl Gathers for Conv {
    type Gathering<'a> = Linear<'a>;

    fn gathering(&self, input: &Shape) -> Linear<'_> {
        let (_, extents) = input.0.split_last().expect("infer has checked the axes");
        let mut shape = self.window.places(extents).expect("infer has checked the extents");
        let pixels = self.window.reads(extents, &shape);
        let taps = self.window.size.iter().product();
        let reads = channel_reads(&pixels, taps, self.groups, self.group_inputs());
        shape.push(self.outputs());
        Linear {
            weights: Cow::Borrowed(&self.kernel),
            bias: self.bias.as_ref(),
            quantized: self.quantized,
            groups: self.groups,
            reads,
            shape: Shape(shape),
        }
    }
}

/// A matrix product for each group; `reads` are rows of taps.
fn grouped(
    pixels: ArrayView2<'_, f64>,
    kernel: ArrayView2<'_, f64>,
    reads: &[Option<usize>],
    groups: usize,
) -> Array2<f64> {
    let (n_in, n_out) = (pixels.ncols() / groups, kernel.ncols() / groups);
    let taps = kernel.nrows() / n_in.max(1);
    let rows = reads.len() / taps;
    let mut out = Array2::zeros((rows, kernel.ncols()));
    let mut columns = Array2::zeros((rows, taps * n_in));
    for group in 0..groups {
        let pixels = pixels.slice_axis(Axis(1), Slice::from(group * n_in..(group + 1) * n_in));
        let slots = columns.exact_chunks_mut((1, n_in));
        for (mut slot, read) in slots.into_iter().zip(reads) {
            match read {
                Some(pixel) => slot.assign(&pixels.row(*pixel)),
                None => slot.fill(0.0),
            }
        }
        let outputs = Slice::from(group * n_out..(group + 1) * n_out);
        let product = columns.dot(&kernel.slice_axis(Axis(1), outputs));
        out.slice_axis_mut(Axis(1), outputs).assign(&product);
    }
    out
}

/// One input channel to each group of outputs.
fn depthwise(
    pixels: ArrayView2<'_, f64>,
    kernel: ArrayView2<'_, f64>,
    reads: &[Option<usize>],
) -> Array2<f64> {
    let multiplier = kernel.ncols() / pixels.ncols();
    let taps = kernel.nrows();
    let mut out = Array2::zeros((reads.len() / taps, kernel.ncols()));
    for (mut sums, reads) in out.axis_iter_mut(Axis(0)).zip(reads.chunks(taps)) {
        for (weights, read) in kernel.axis_iter(Axis(0)).zip(reads) {
            let Some(pixel) = read else { continue };
            let inputs = pixels.row(*pixel);
            for (channel, x) in inputs.iter().enumerate() {
                for output in channel * multiplier..(channel + 1) * multiplier {
                    sums[output] += weights[output] * x;
                }
            }
        }
    }
    out
}
