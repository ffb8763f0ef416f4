//! Axes as frameworks count them: the batch axis is number 0, negative numbers count from behind.
//!
//! In our layers axis 0 is the first behind the batch axis.

use ndarray::Axis;

use super::{Import, LayerError};
use crate::source::Tensor;

impl Import<'_> {
    /// Axes of the first operand from an attribute (a number or a list), ascending.
    pub(super) fn axes(
        &self,
        name: &'static str,
        default: &[i64],
    ) -> Result<Vec<usize>, LayerError> {
        let rank = self.shape(0)?.0.len();
        let given = self.attrs().ints(name)?.unwrap_or_else(|| default.to_vec());
        let wrong =
            || self.value_error(name, format!("{given:?}"), "different axes behind the batch axis");
        let axes: Option<Vec<usize>> = given.iter().map(|it| sample_axis(*it, rank)).collect();
        let mut axes = axes.ok_or_else(wrong)?;
        axes.sort_unstable();
        match axes.windows(2).all(|it| it[0] < it[1]) {
            true => Ok(axes),
            false => Err(wrong()),
        }
    }

    /// One axis of the first operand from an attribute.
    pub(super) fn axis(&self, name: &'static str, default: i64) -> Result<usize, LayerError> {
        match self.axes(name, &[default])?[..] {
            [axis] => Ok(axis),
            ref axes => Err(self.value_error(name, format!("{axes:?}"), "one axis")),
        }
    }
}

/// The axis of a sample of `rank` axes that a framework calls `axis`; `None` for the batch axis and
/// those that are not there.
pub(super) fn sample_axis(axis: i64, rank: usize) -> Option<usize> {
    let from_front = if axis < 0 { axis.checked_add(rank as i64 + 1)? } else { axis };
    usize::try_from(from_front.checked_sub(1)?).ok().filter(|it| *it < rank)
}

/// A constant as it broadcasts to samples of that rank: without the batch axis, which must be 1.
pub(super) fn per_sample(value: &Tensor, rank: usize) -> Option<Tensor> {
    match value.ndim().checked_sub(rank) {
        Some(1) if value.shape()[0] == 1 => Some(value.index_axis(Axis(0), 0).to_owned()),
        Some(1..) => None,
        _ => Some(value.clone()),
    }
}
