//! Means over whole axes: exact if the number of elements is a power of two.

use super::parts::Builder;
use crate::layers::{Import, Imported, LayerError, Reduce, Reduction};

/// `QGlobalAveragePooling`.
pub(super) fn import_global(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    let extents = cx.extents(spatial)?;
    cx.channels_last()?;
    let keep = cx.attrs().bool("keepdims", false)?;
    let axes: Vec<usize> = (0..spatial).collect();
    let count: usize = extents.iter().product();
    if !count.is_power_of_two() {
        return Ok(Imported::unary(Reduce { reduction: Reduction::Mean, axes, keep }));
    }
    let mut parts = Builder::new(cx);
    let (input, shape) = (parts.input(0), cx.shape(0)?.0.clone());
    let sum = parts.add("sum", Reduce { reduction: Reduction::Sum, axes, keep }, &[input]);
    let mean = parts.scale(1.0 / count as f64, sum, &shape);
    Ok(parts.finish(mean))
}
