//! The shape of an input: that in the file, or the user's in its place.

use serde_json::Value;

use super::error::{Brief, KerasError};
use super::model::{self, Layer};
use crate::source::InputShapes;

/// Elements of one input.
const MAX_INPUT: usize = 1 << 28;

/// Shape of one sample: the user's, if there is one.
pub(super) fn shape(
    layer: &Layer,
    name: &str,
    shapes: &InputShapes,
) -> Result<Vec<usize>, KerasError> {
    let Some(found) = model::input_shape(layer).filter(|it| !it.is_null()) else {
        return bounded(shapes.of(name, None)?.ok_or(KerasError::NoShape)?);
    };
    let dynamic = || KerasError::DynamicShape { shape: Brief::new(Some(&found)) };
    let mut dims = found.as_array().ok_or_else(dynamic)?;
    // Some versions of Keras 2 write a list of one shape.
    if let [Value::Array(inner)] = dims.as_slice() {
        dims = inner;
    }
    let dim = |it: &Value| it.as_u64().and_then(|it| usize::try_from(it).ok()).filter(|it| *it > 0);
    let sample = dims.get(1..).ok_or_else(dynamic)?;
    if let Some(given) = shapes.of(name, Some(sample.len()))? {
        return bounded(given);
    }
    bounded(sample.iter().map(dim).collect::<Option<_>>().ok_or_else(dynamic)?)
}

fn bounded(shape: Vec<usize>) -> Result<Vec<usize>, KerasError> {
    let count = shape.iter().try_fold(1_usize, |all, it| all.checked_mul(*it));
    match count.is_some_and(|it| it <= MAX_INPUT) {
        true => Ok(shape),
        false => {
            let (what, limit) = ("input", MAX_INPUT as u64);
            Err(KerasError::TooLarge { what, limit, unit: "elements" })
        }
    }
}
