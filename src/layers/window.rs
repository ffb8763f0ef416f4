//! Windows that slide over the spatial axes of a tensor: what convolutions and pooling share.

use super::{Import, LayerError};

/// A window; each list has an entry for every spatial axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Taps.
    pub size: Vec<usize>,
    /// Steps from one place to the next.
    pub stride: Vec<usize>,
    /// Steps from one tap to the next.
    pub dilation: Vec<usize>,
    /// Elements assumed before and behind the tensor.
    pub pad: Vec<(usize, usize)>,
}

/// Largest extent that padding may lead to: no tensor of ours is that long.
const MAX_EXTENT: usize = 1 << 28;

impl Window {
    /// A window of the given size that moves by one, without padding.
    pub fn of(size: &[usize]) -> Window {
        let ones = vec![1; size.len()];
        let (stride, dilation) = (ones.clone(), ones);
        Window { size: size.to_vec(), stride, dilation, pad: vec![(0, 0); size.len()] }
    }

    /// First to last element that a window covers along an axis.
    pub fn reach(&self, axis: usize) -> usize {
        self.size[axis].saturating_sub(1) * self.dilation[axis] + 1
    }

    /// TensorFlow's `same`: as many places as steps fit, the odd padding behind.
    pub fn same(mut self, extents: &[usize]) -> Window {
        for (axis, extent) in extents.iter().enumerate().take(self.size.len()) {
            let stride = self.stride[axis].max(1);
            let needed = extent.div_ceil(stride).saturating_sub(1) * stride + self.reach(axis);
            let total = needed.saturating_sub(*extent);
            self.pad[axis] = (total / 2, total - total / 2);
        }
        self
    }

    /// A window at the end that is not complete counts too, if it starts before the padding behind.
    pub fn ceil(mut self, extents: &[usize]) -> Window {
        for (axis, extent) in extents.iter().enumerate().take(self.size.len()) {
            let (stride, (before, behind)) = (self.stride[axis].max(1), self.pad[axis]);
            let padded = extent + before + behind;
            let mut steps = padded.saturating_sub(self.reach(axis)).div_ceil(stride);
            if steps > 0 && steps * stride >= extent + before {
                steps -= 1;
            }
            let needed = steps * stride + self.reach(axis);
            self.pad[axis].1 = needed.saturating_sub(extent + before);
        }
        self
    }

    /// Places along every axis; `None` if the window does not fit.
    pub fn places(&self, extents: &[usize]) -> Option<Vec<usize>> {
        let steps = self.size.iter().chain(&self.stride).chain(&self.dilation);
        if extents.len() != self.size.len() || steps.into_iter().any(|it| *it == 0) {
            return None;
        }
        let along = |(axis, extent): (usize, &usize)| {
            let (before, behind) = self.pad[axis];
            let padded = extent.checked_add(before)?.checked_add(behind)?;
            let rest = padded.checked_sub(self.reach(axis)).filter(|_| padded < MAX_EXTENT)?;
            Some(rest / self.stride[axis] + 1)
        };
        extents.iter().enumerate().map(along).collect()
    }

    /// For every place and, innermost, every tap the position that is read; `None` is padding.
    pub fn reads(&self, extents: &[usize], places: &[usize]) -> Vec<Option<usize>> {
        let mut reads = vec![Some(0)];
        let mut taps = 1;
        for axis in 0..extents.len() {
            let before = self.pad[axis].0;
            let at = |place: usize, tap: usize| {
                let position = place * self.stride[axis] + tap * self.dilation[axis];
                position.checked_sub(before).filter(|it| *it < extents[axis])
            };
            let mut next = Vec::with_capacity(reads.len() * places[axis] * self.size[axis]);
            for outer in reads.chunks(taps) {
                for place in 0..places[axis] {
                    for outer in outer {
                        let inner = (0..self.size[axis]).map(|tap| at(place, tap));
                        next.extend(inner.map(|it| Some((*outer)? * extents[axis] + it?)));
                    }
                }
            }
            reads = next;
            taps *= self.size[axis];
        }
        reads
    }
}

impl Import<'_> {
    /// A number of at least 1 for every spatial axis.
    pub(super) fn spatial(
        &self,
        name: &'static str,
        spatial: usize,
        default: usize,
    ) -> Result<Vec<usize>, LayerError> {
        let given = self.attrs().ints(name)?.unwrap_or_else(|| vec![default as i64]);
        let wrong = || self.value_error(name, format!("{given:?}"), "1 and more for each axis");
        let number = |it: &i64| usize::try_from(*it).ok().filter(|it| (1..1 << 20).contains(it));
        let numbers: Vec<usize> =
            given.iter().map(number).collect::<Option<_>>().ok_or_else(wrong)?;
        match numbers[..] {
            [one] => Ok(vec![one; spatial]),
            _ if numbers.len() == spatial => Ok(numbers),
            _ => Err(wrong()),
        }
    }

    /// Extents of the spatial axes of the first operand: all but the channels.
    pub(super) fn extents(&self, spatial: usize) -> Result<Vec<usize>, LayerError> {
        let shape = self.shape(0)?;
        match shape.0.split_last() {
            Some((_, extents)) if extents.len() == spatial => Ok(extents.to_vec()),
            _ => Err(LayerError::Shapes {
                found: vec![shape.clone()],
                expected: format!("{spatial} spatial axes and channels"),
            }),
        }
    }

    /// Keras' `padding` of a window.
    pub(super) fn keras_padding(
        &self,
        mut window: Window,
        extents: &[usize],
    ) -> Result<Window, LayerError> {
        match self.attrs().str("padding", "valid")?.to_ascii_lowercase().as_str() {
            "valid" => Ok(window),
            "same" => Ok(window.same(extents)),
            "causal" if extents.len() == 1 => {
                window.pad = vec![(window.reach(0) - 1, 0)];
                Ok(window)
            }
            other => Err(self.value_error("padding", other, "valid, same, causal in one axis")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_padding() {
        let window = |size, stride, dilation| Window {
            stride: vec![stride],
            dilation: vec![dilation],
            ..Window::of(&[size])
        };
        assert_eq!(window(3, 1, 1).places(&[5]), Some(vec![3]));
        assert_eq!(window(3, 1, 2).places(&[4]), None);
        let same = window(3, 2, 1).same(&[6]);
        assert_eq!((same.pad[0], same.places(&[6])), ((0, 1), Some(vec![3])));
        let same = window(2, 3, 1).same(&[7]);
        assert_eq!((same.pad[0], same.places(&[7])), ((0, 1), Some(vec![3])));
        let ceil = window(2, 2, 1).ceil(&[5]);
        assert_eq!((ceil.pad[0], ceil.places(&[5])), ((0, 1), Some(vec![3])));
        // The last window would start in the padding.
        let ceil = Window { pad: vec![(0, 1)], ..window(1, 2, 1) }.ceil(&[4]);
        assert_eq!(ceil.places(&[4]), Some(vec![2]));
    }

    #[test]
    fn reads_are_rows_of_taps() {
        let window = Window { pad: vec![(1, 0), (0, 0)], ..Window::of(&[2, 2]) };
        let places = window.places(&[2, 3]).unwrap();
        assert_eq!(places, [2, 2]);
        let reads = window.reads(&[2, 3], &places);
        let rows: Vec<_> = reads.chunks(4).map(<[_]>::to_vec).collect();
        assert_eq!(rows[0], [None, None, Some(0), Some(1)]);
        assert_eq!(rows[1], [None, None, Some(1), Some(2)]);
        assert_eq!(rows[3], [Some(1), Some(2), Some(4), Some(5)]);
    }
}
