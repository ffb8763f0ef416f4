//! Parametric rectifier: `y_i = x_i` above zero, `alpha_i * x_i` below, slopes learnt.
//!
//! Keras `PReLU` (with `shared_axes`), ONNX `PRelu` by a constant. One `rectify` unit.

use ndarray::{Array1, IxDyn, Zip};

use super::import::finite;
use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, activation, auto, dequantized};
use crate::source::Tensor;
use crate::units::Rectify;

/// `y = x > 0 ? x : alpha * x`, element by element.
#[derive(Clone, Debug)]
pub struct PRelu {
    /// Slopes: of the input's shape, or a list along its last axis, or one.
    pub alpha: Tensor,
}

impl PRelu {
    pub(super) const SPELLINGS: &[Spelling] =
        &[Spelling::keras("PReLU", import_keras), Spelling::onnx("PRelu", import_onnx)];

    /// Slopes that broadcast to an input: as many axes, of extent 1 where they are shared.
    pub(in crate::layers) fn broadcast(slopes: Tensor, shape: &[usize]) -> Option<PRelu> {
        let leading = slopes.ndim().saturating_sub(1);
        if slopes.shape()[..leading].iter().all(|it| *it == 1) {
            return Some(PRelu { alpha: Array1::from_iter(slopes).into_dyn() });
        }
        slopes.broadcast(IxDyn(shape)).map(|it| PRelu { alpha: it.to_owned() })
    }
}

fn import_keras(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let shape = cx.shape(0)?.0.clone();
    let mut extents = shape.clone();
    for axis in cx.attrs().ints("shared_axes")?.unwrap_or_default() {
        // Axes count the batch axis.
        let rank = shape.len() as i64 + 1;
        let index = if axis < 0 { axis + rank } else { axis } - 1;
        match usize::try_from(index).ok().and_then(|it| extents.get_mut(it)) {
            Some(extent) => *extent = 1,
            None => return Err(cx.value_error("shared_axes", axis, "axes behind the batch axis")),
        }
    }
    let alpha = cx.weight_of("alpha", &extents)?;
    let found = extents;
    let layer = PRelu::broadcast(alpha, &shape);
    let misfit = LayerError::WeightShape { role: "alpha", found, expected: shape };
    Ok(Imported::unary(layer.ok_or(misfit)?))
}

/// The slope broadcasts to the input with its batch axis.
fn import_onnx(cx: &Import<'_>) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    let shape = cx.shape(0)?.0.clone();
    let needed = LayerError::Operand { op: cx.op(), index: 1, expected: "a constant" };
    let slope = finite("slope", cx.constant(1)?.ok_or(needed)?)?;
    let found = slope.shape().to_vec();
    let slope = match found.first() {
        Some(1) if found.len() == shape.len() + 1 => {
            slope.index_axis(ndarray::Axis(0), 0).to_owned()
        }
        // One for each channel, the first axis of a sample; since opset 7 it broadcasts from behind.
        Some(channels) if cx.node.version < 7 && found.len() == 1 && *channels > 1 => {
            let mut along = vec![1; shape.len().max(1)];
            along[0] = *channels;
            let along = slope.to_shape(along).map(|it| it.to_owned());
            along.unwrap_or_else(|_| slope.clone())
        }
        _ => slope.clone(),
    };
    let layer = PRelu::broadcast(slope, &shape);
    let misfit = LayerError::WeightShape { role: "slope", found, expected: shape };
    Ok(Imported::unary(layer.ok_or(misfit)?))
}

impl LayerSpec for PRelu {
    fn kind(&self) -> &'static str {
        "PReLU"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let (found, shape) = (self.alpha.shape(), &inputs[0].0);
        if found == shape || found == [inputs[0].last()] || self.alpha.len() == 1 {
            return Ok(inputs[0].clone());
        }
        let (found, expected) = (found.to_vec(), shape.clone());
        Err(LayerError::WeightShape { role: "alpha", found, expected })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let mut out = inputs[0].clone();
        let alpha = self.alpha.broadcast(out.raw_dim()).expect("infer checked the shape");
        Zip::from(&mut out).and(&alpha).for_each(|x, a| *x = if *x > 0.0 { *x } else { a * *x });
        out
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        vec![(Role::Param, &self.alpha)]
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for PRelu {
    fn roles(&self) -> &'static [Role] {
        &[Role::Param, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Param if cx.compat => Typed::new(cx.inputs[0].format, "hls4ml: as the input"),
            Role::Param => auto::weight(&self.alpha, cx),
            _ => {
                let frac = cx.inputs[0].format.frac() + cx.format(Role::Param).frac().max(0);
                activation::result(Span::hull(&self.spans(cx)), Some(frac), cx)
            }
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let slopes = dequantized(&self.alpha, cx.format(Role::Param), cx.compat);
        let rectified = |(element, x): (usize, &Span)| {
            let slope = slopes[element % slopes.len()];
            let ends = [x.lo, x.hi, 0f64.clamp(x.lo, x.hi)];
            Span::around(ends.map(|it| if it > 0.0 { it } else { slope * it }))
        };
        cx.inputs[0].spans.iter().enumerate().map(rectified).collect()
    }
    fn is_activation(&self) -> bool {
        true
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let (slopes, slope) = (cx.quantize(&self.alpha, Role::Param), cx.format(Role::Param));
        let relu = Rectify::relu(cx.format(Role::Result));
        cx.builder.add("", Rectify { slopes, slope, ..relu }, inputs)
    }
}
