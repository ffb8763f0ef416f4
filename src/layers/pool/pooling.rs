//! Pooling over windows of the spatial axes, channels last.

use super::group::{Groups, Kind};
use crate::layers::gather::Gathers;
use crate::layers::window::Window;
use crate::layers::{Hardware, Import, Imported, LayerError, LayerSpec, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::Tensor;

/// What a sum over a window is divided by.
#[derive(Clone, Debug, PartialEq)]
pub enum Divisor {
    /// The number of elements that are no padding.
    Elements,
    /// The number of elements that are real or in this much padding before and behind each axis;
    /// the window's own padding may reach further (`ceil_mode`).
    Padded(Vec<(usize, usize)>),
    /// A constant.
    Fixed(f64),
}

/// What becomes of the elements of a window.
#[derive(Clone, Debug, PartialEq)]
pub enum Pooling {
    /// The largest.
    Max,
    /// Their sum, divided.
    Average(Divisor),
}

/// A pooling layer.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What is computed.
    pub pooling: Pooling,
    /// Where it reads; padding is never the largest, and adds nothing.
    pub window: Window,
}

impl Pool {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("MaxPooling1D", |cx| import(cx, 1, Pooling::Max)),
        Spelling::keras("MaxPooling2D", |cx| import(cx, 2, Pooling::Max)),
        Spelling::keras("MaxPooling3D", |cx| import(cx, 3, Pooling::Max)),
        Spelling::keras("AveragePooling1D", |cx| import(cx, 1, AVERAGE)),
        Spelling::keras("AveragePooling2D", |cx| import(cx, 2, AVERAGE)),
        Spelling::keras("AveragePooling3D", |cx| import(cx, 3, AVERAGE)),
        Spelling::keras("QMaxPooling1D", |cx| import(cx, 1, Pooling::Max)),
        Spelling::keras("QMaxPooling2D", |cx| import(cx, 2, Pooling::Max)),
        Spelling::keras("QMaxPooling3D", |cx| import(cx, 3, Pooling::Max)),
        Spelling::keras("QAveragePooling1D", |cx| import(cx, 1, AVERAGE)),
        Spelling::keras("QAveragePooling2D", |cx| import(cx, 2, AVERAGE)),
        Spelling::keras("QAveragePooling3D", |cx| import(cx, 3, AVERAGE)),
    ];
}

/// Keras' average.
const AVERAGE: Pooling = Pooling::Average(Divisor::Elements);

fn import(cx: &Import<'_>, spatial: usize, pooling: Pooling) -> Result<Imported, LayerError> {
    cx.channels_last()?;
    let size = cx.spatial("pool_size", spatial, 2)?;
    let stride = match cx.attrs().get("strides") {
        None => size.clone(),
        Some(_) => cx.spatial("strides", spatial, 1)?,
    };
    let window = Window { stride, ..Window::of(&size) };
    let window = cx.keras_padding(window, &cx.extents(spatial)?)?;
    Ok(Imported::unary(Pool { pooling, window }))
}

impl Pool {
    /// Whether results have a few bits more than inputs: extremes, and means of powers of two.
    pub fn is_exact(&self) -> bool {
        let taps: usize = self.window.size.iter().product();
        match &self.pooling {
            Pooling::Max => true,
            Pooling::Average(Divisor::Fixed(it)) => *it >= 1.0 && it.log2().fract() == 0.0,
            Pooling::Average(Divisor::Elements) => {
                taps.is_power_of_two() && self.window.pad.iter().all(|it| *it == (0, 0))
            }
            Pooling::Average(Divisor::Padded(_)) => false,
        }
    }

    /// What the sum at each place is divided by.
    fn divisors(&self, extents: &[usize], places: &[usize], reads: &[Option<usize>]) -> Vec<f64> {
        let taps: usize = self.window.size.iter().product();
        match &self.pooling {
            Pooling::Max => Vec::new(),
            Pooling::Average(Divisor::Fixed(divisor)) => vec![*divisor; reads.len() / taps],
            Pooling::Average(Divisor::Elements) => {
                reads.chunks(taps).map(|it| it.iter().flatten().count() as f64).collect()
            }
            Pooling::Average(Divisor::Padded(pads)) => {
                // The same window over a tensor that has the counted padding as elements.
                let grown: Vec<_> =
                    extents.iter().zip(pads).map(|(it, (a, b))| it + a + b).collect();
                let less = |(own, counted): (&(usize, usize), &(usize, usize))| {
                    (own.0.saturating_sub(counted.0), own.1.saturating_sub(counted.1))
                };
                let pad = self.window.pad.iter().zip(pads).map(less).collect();
                let reads = Window { pad, ..self.window.clone() }.reads(&grown, places);
                reads.chunks(taps).map(|it| it.iter().flatten().count() as f64).collect()
            }
        }
    }
}

impl LayerSpec for Pool {
    fn kind(&self) -> &'static str {
        if self.window.size.len() == 1 { "Pooling1D" } else { "Pooling2D" }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        if let Some((channels, extents)) = inputs[0].0.split_last()
            && let Some(mut shape) = self.window.places(extents)
        {
            shape.push(*channels);
            return Ok(Shape(shape));
        }
        let expected = format!("spatial axes of {:?} and more, and channels", self.window.size);
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0].as_standard_layout();
        let (channels, extents) = x.shape().split_last().expect("infer has checked the axes");
        let places = self.window.places(extents).expect("infer has checked the extents");
        let reads = self.window.reads(extents, &places);
        let taps: usize = self.window.size.iter().product();
        let divisors = self.divisors(extents, &places, &reads);
        let values = x.as_slice().expect("standard layout");
        let max = self.pooling == Pooling::Max;
        let mut out =
            vec![if max { f64::NEG_INFINITY } else { 0.0 }; reads.len() / taps * channels];
        for (place, (row, reads)) in out.chunks_mut(*channels).zip(reads.chunks(taps)).enumerate() {
            for pixel in reads.iter().flatten() {
                let inputs = &values[pixel * channels..][..*channels];
                for (y, x) in row.iter_mut().zip(inputs) {
                    *y = if max { y.max(*x) } else { *y + x };
                }
            }
            if let Some(divisor) = divisors.get(place) {
                row.iter_mut().for_each(|it| *it /= divisor);
            }
        }
        let shape = [places.as_slice(), &[*channels]].concat();
        Tensor::from_shape_vec(shape, out).expect("a row a place")
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        // Units divide by whole numbers.
        match &self.pooling {
            Pooling::Average(Divisor::Fixed(it)) if !(1.0..1e6).contains(it) => None,
            Pooling::Average(Divisor::Fixed(it)) if it.fract() != 0.0 => None,
            _ => Some(self),
        }
    }
}

impl Gathers for Pool {
    type Gathering<'a> = Groups;

    fn gathering(&self, input: &Shape) -> Groups {
        let (channels, extents) = input.0.split_last().expect("infer has checked the axes");
        let mut shape = self.window.places(extents).expect("infer has checked the extents");
        let pixels = self.window.reads(extents, &shape);
        let divisors = self.divisors(extents, &shape, &pixels);
        let size = self.window.size.iter().product();
        let mut reads = Vec::with_capacity(pixels.len() * channels);
        for pixels in pixels.chunks(size) {
            for channel in 0..*channels {
                let element = |it: &Option<usize>| it.map(|it| (it * channels + channel) as u32);
                reads.extend(pixels.iter().map(element));
            }
        }
        shape.push(*channels);
        // A window of padding alone has a sum of zero, whatever divides it.
        let divisors = divisors.into_iter().map(|it| (it as u64).max(1));
        let divisors = divisors.flat_map(|it| std::iter::repeat_n(it, *channels)).collect();
        let kind = if self.pooling == Pooling::Max { Kind::Max } else { Kind::Mean };
        Groups { kind, size, reads, divisors, shape: Shape(shape) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(values: &[f64], pooling: Pooling, window: &Window) -> Vec<f64> {
        let x = Tensor::from_shape_vec(vec![values.len(), 1], values.to_vec()).unwrap();
        let layer = Pool { pooling, window: window.clone() };
        layer.infer(&[&Shape(vec![values.len(), 1])]).unwrap();
        layer.eval(&[&x]).into_iter().collect()
    }

    #[test]
    fn averages_count_as_their_divisor_says() {
        let window = |before, behind| Window {
            stride: vec![2],
            pad: vec![(before, behind)],
            ..Window::of(&[2])
        };
        let average = |divisor| Pooling::Average(divisor);
        let four = [1.0, 2.0, 3.0, 4.0];
        let padded = window(1, 1);
        assert_eq!(pooled(&four, average(Divisor::Elements), &padded), [1.0, 2.5, 4.0]);
        let counted = average(Divisor::Padded(vec![(1, 1)]));
        assert_eq!(pooled(&four, counted, &padded), [0.5, 2.5, 2.0]);
        assert_eq!(pooled(&four, average(Divisor::Fixed(4.0)), &padded), [0.25, 1.25, 1.0]);
        assert_eq!(pooled(&[-1.0, -2.0, -3.0, -4.0], Pooling::Max, &padded), [-1.0, -2.0, -4.0]);
        // A window that reaches over the end counts what is there, with the padding that is meant.
        let over = window(0, 0).ceil(&[3]);
        let counted = average(Divisor::Padded(vec![(0, 0)]));
        assert_eq!(pooled(&four[..3], counted, &over), [1.5, 3.0]);
        let over = window(1, 1).ceil(&[4]);
        let counted = average(Divisor::Padded(vec![(1, 1)]));
        assert_eq!(pooled(&four, counted, &over), [0.5, 2.5, 2.0]);
    }
}
