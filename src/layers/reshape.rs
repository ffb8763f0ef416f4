//! Reshape and Flatten: the same elements under another shape.

use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Spelling};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;
use crate::units::Reorder;

/// A new shape with as many elements.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The new shape.
    pub shape: Shape,
}

impl Reshape {
    pub(super) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("Flatten", import_keras_flatten),
        Spelling::keras("Reshape", import_keras_reshape),
        Spelling::onnx("Flatten", import_onnx_flatten),
        Spelling::onnx("Reshape", import_onnx_reshape),
        Spelling::onnx("Squeeze", import_onnx_squeeze),
        Spelling::onnx("Unsqueeze", import_onnx_unsqueeze),
    ];
}

impl Reshape {
    /// A shape of samples, one of its extents perhaps -1, for an operand.
    pub(super) fn to(
        cx: &Import<'_>,
        operand: usize,
        target: &[i64],
    ) -> Result<Reshape, LayerError> {
        Ok(Reshape { shape: complete(cx, operand, target, &[])? })
    }
}

fn import_keras_flatten(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let format = cx.attrs().str("data_format", "channels_last")?;
    if format != "channels_last" && cx.shape(0)?.0.len() > 1 {
        return Err(cx.value_error("data_format", format, "channels_last"));
    }
    let shape = Shape(vec![cx.shape(0)?.elements()]);
    Ok(Imported::unary(Reshape { shape }))
}

fn import_keras_reshape(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let target = cx.attrs().ints("target_shape")?.unwrap_or_default();
    Ok(Imported::unary(Reshape::to(cx, 0, &target)?))
}

/// ONNX flattens to a matrix; with the batch axis in front only `axis = 1` keeps samples apart.
fn import_onnx_flatten(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axis = cx.attrs().int("axis", 1)?;
    let rank = cx.shape(0)?.0.len() as i64 + 1;
    if axis != 1 && axis + rank != 1 {
        return Err(cx.value_error("axis", axis, "1"));
    }
    Ok(Imported::unary(Reshape { shape: Shape(vec![cx.shape(0)?.elements()]) }))
}

/// The target shape counts the batch axis: the first entry is 0, 1 or -1.
fn import_onnx_reshape(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let input = cx.shape(0)?.clone();
    let allow_zero = cx.attrs().int("allowzero", 0)?;
    let target: Vec<i64> = match cx.constant(1)? {
        Some(shape) => shape.iter().map(|it| *it as i64).collect(),
        None => cx.attrs().ints("shape")?.ok_or(LayerError::Missing { role: "shape" })?,
    };
    let bad =
        || cx.value_error("shape", format!("{target:?}"), "a shape that keeps the batch axis");
    let (batch, rest) = target.split_first().ok_or_else(bad)?;
    if allow_zero != 0 && target.contains(&0) {
        return Err(cx.value_error("allowzero", 1, "0"));
    }
    // -1 in front stands for the batch only if the rest is complete.
    if *batch == -1 && rest.contains(&-1) || !matches!(batch, -1..=1) {
        return Err(bad());
    }
    let shape = complete(cx, 0, rest, &input.0)?;
    Ok(Imported::unary(Reshape { shape }))
}

fn import_onnx_squeeze(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let input = cx.shape(0)?.clone();
    let axes = axes(cx, input.0.len() as i64 + 1)?;
    let keep = |axis: usize| match &axes {
        Some(axes) => !axes.contains(&(axis as i64 + 1)),
        None => input.0[axis] != 1,
    };
    let shape: Vec<usize> =
        (0..input.0.len()).filter(|it| keep(*it)).map(|it| input.0[it]).collect();
    let shape = Shape(shape);
    if shape.elements() != input.elements() || axes.is_some_and(|it| it.contains(&0)) {
        return Err(LayerError::Shapes { found: vec![input], expected: "axes of extent 1".into() });
    }
    Ok(Imported::unary(Reshape { shape }))
}

fn import_onnx_unsqueeze(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let input = cx.shape(0)?.clone();
    let count = match cx.constant(1)? {
        Some(axes) => axes.len(),
        None => cx.attrs().ints("axes")?.map_or(0, |it| it.len()),
    };
    let axes = axes(cx, (input.0.len() + 1 + count) as i64)?.unwrap_or_default();
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    let mut shape = input.0.clone();
    for axis in sorted {
        let at = axis - 1;
        if at < 0 || at as usize > shape.len() {
            return Err(cx.value_error("axes", format!("{axes:?}"), "axes behind the batch axis"));
        }
        shape.insert(at as usize, 1);
    }
    Ok(Imported::unary(Reshape { shape: Shape(shape) }))
}

/// The `axes` operand or attribute, counted from the front (0 is the batch axis).
fn axes(cx: &Import<'_>, rank: i64) -> Result<Option<Vec<i64>>, LayerError> {
    let axes: Option<Vec<i64>> = match cx.constant(1)? {
        Some(axes) => Some(axes.iter().map(|it| *it as i64).collect()),
        None => cx.attrs().ints("axes")?,
    };
    Ok(axes
        .map(|it| it.into_iter().map(|axis| if axis < 0 { axis + rank } else { axis }).collect()))
}

/// Fills in one `-1`, and `0` from the input's extent behind the batch axis.
fn complete(
    cx: &Import<'_>,
    operand: usize,
    target: &[i64],
    input: &[usize],
) -> Result<Shape, LayerError> {
    let elements = cx.shape(operand)?.elements();
    let wrong = || LayerError::Shapes {
        found: vec![Shape(cx.shape(operand).map(|it| it.0.clone()).unwrap_or_default())],
        expected: format!("as many elements as {target:?}"),
    };
    let extent = |(axis, extent): (usize, &i64)| match extent {
        0 => input.get(axis).copied(),
        -1 => Some(1),
        other => usize::try_from(*other).ok(),
    };
    let mut shape: Vec<usize> =
        target.iter().enumerate().map(extent).collect::<Option<_>>().ok_or_else(wrong)?;
    let known = shape.iter().try_fold(1usize, |all, it| all.checked_mul(*it)).ok_or_else(wrong)?;
    match target.iter().filter(|it| **it == -1).count() {
        0 if known == elements => {}
        1 if known > 0 && elements % known == 0 => {
            let open = target.iter().position(|it| *it == -1).ok_or_else(wrong)?;
            shape[open] = elements / known;
        }
        _ => return Err(wrong()),
    }
    Ok(Shape(shape))
}

impl LayerSpec for Reshape {
    fn kind(&self) -> &'static str {
        "Reshape"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        if inputs[0].elements() == self.shape.elements() {
            return Ok(self.shape.clone());
        }
        let expected = format!("{} elements", self.shape.elements());
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let values = inputs[0].iter().copied().collect();
        Tensor::from_shape_vec(self.shape.0.as_slice(), values).expect("infer compared the counts")
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Reshape {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        Typed::new(cx.inputs[0].format, "as its input")
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        cx.inputs[0].spans.to_vec()
    }
    fn is_activation(&self) -> bool {
        false
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let result = cx.format(Role::Result);
        let same = cx.builder.ty(inputs[0]).common() == Some(result);
        let part = if same { "" } else { "shape" };
        let shaped = cx.builder.add(part, Reorder::reshape(self.shape.clone()), inputs);
        cx.builder.cast("", shaped, result)
    }
}
