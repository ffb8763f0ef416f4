//! `QAveragePooling2D`, `QGlobalAveragePooling2D`: the sum times the quantized reciprocal of the area.

use super::rule::Rule;
use crate::layers::{
    BatchNorm, Divisor, Import, Imported, Layer, LayerError, Operand, Pooling, Reduction,
};
use crate::source::Tensor;

const QUANTIZER: &str = "average_quantizer";

pub(super) fn import(cx: &Import<'_>, plain: &'static str) -> Result<Imported, LayerError> {
    let rule = Rule::of(cx, QUANTIZER, false)?;
    cx.attrs().ignore(&super::TRAINING);
    let mut made = super::renamed(cx, plain, cx.node.clone())?;
    let Some(rule) = rule else { return Ok(made) };
    let extents = &cx.shape(0)?.0;
    let Some(part) = made.parts.last_mut() else { return Ok(made) };
    let area: usize = match &mut part.layer {
        Layer::Pool(pool) => {
            if pool.window.pad.iter().any(|it| *it != (0, 0)) {
                // There the mean is over fewer elements, but the factor is for all.
                return Err(cx.value_error("padding", "same", "windows inside the image"));
            }
            pool.pooling = Pooling::Average(Divisor::Fixed(1.0));
            pool.window.size.iter().product()
        }
        Layer::Reduce(reduce) => {
            reduce.reduction = Reduction::Sum;
            reduce.axes.iter().map(|it| extents[*it]).product()
        }
        _ => return Ok(made),
    };
    let share = Tensor::from_elem(vec![1], f64::from(1.0 / area as f32));
    let share = rule.apply(&share, cx.node.version).values()[[0]];
    let last = extents.last().copied().unwrap_or(1);
    let factor = BatchNorm { quantized: true, ..BatchNorm::scalar(share, 0.0, last) };
    let sum = Operand::Part(made.parts.len() - 1);
    let output = made.add("share", factor, &[sum]);
    Ok(made.with_outputs([output]))
}
