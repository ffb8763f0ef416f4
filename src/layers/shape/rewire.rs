//! Layers whose output elements are elements of their operands, or zero.
//!
//! [`Rewire`] is the part in which such layers differ. Its one function works on elements of any
//! type: on numbers it is the float meaning, on positions it tells the hardware's wires.

use std::fmt::Debug;

use ndarray::{ArrayD, ArrayViewD};

use crate::fixed::Format;
use crate::graph::NodeId;
use crate::layers::{LayerError, Lower};
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::units::Reorder;

/// A layer made of wires; no method has a default, so none can be forgotten.
pub(in crate::layers) trait Rewire: Debug {
    /// As [`LayerSpec::kind`](crate::layers::LayerSpec::kind).
    fn kind(&self) -> &'static str;

    /// As [`LayerSpec::infer`](crate::layers::LayerSpec::infer).
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError>;

    /// The output elements; `zero` where no input is read.
    fn rewire<T: Copy>(&self, inputs: &[ArrayViewD<'_, T>], zero: T) -> ArrayD<T>;
}

/// Operand and element of it for every output element; `None` is zero.
fn wires(layer: &impl Rewire, shapes: &[&Shape]) -> Vec<Option<(u32, u32)>> {
    let positions = |(operand, shape): (usize, &&Shape)| {
        let wires = (0..shape.elements()).map(|it| Some((operand as u32, it as u32))).collect();
        ArrayD::from_shape_vec(shape.0.as_slice(), wires).expect("as many as elements")
    };
    let operands: Vec<_> = shapes.iter().enumerate().map(positions).collect();
    let views: Vec<_> = operands.iter().map(|it| it.view()).collect();
    layer.rewire(&views, None).iter().copied().collect()
}

/// The format that holds every operand.
pub(in crate::layers) fn resolve(cx: &Resolve<'_>) -> Typed {
    let all = cx.inputs.iter().map(|it| it.format).reduce(Format::union);
    let reason = if cx.inputs.len() == 1 { "as its input" } else { "holds all its inputs" };
    Typed::new(all.unwrap_or(cx.default), reason)
}

pub(in crate::layers) fn spans(layer: &impl Rewire, cx: &Resolve<'_>) -> Vec<Span> {
    let shapes: Vec<&Shape> = cx.inputs.iter().map(|it| it.shape).collect();
    let span = |wire: Option<(u32, u32)>| match wire {
        None => Span::point(0.0),
        Some((operand, element)) => cx.inputs[operand as usize].spans[element as usize],
    };
    wires(layer, &shapes).into_iter().map(span).collect()
}

pub(in crate::layers) fn lower(
    layer: &impl Rewire,
    cx: &mut Lower<'_>,
    inputs: &[NodeId],
) -> NodeId {
    let result = cx.format(Role::Result);
    let shapes: Vec<Shape> = inputs.iter().map(|it| cx.builder.ty(*it).shape.clone()).collect();
    let shapes: Vec<&Shape> = shapes.iter().collect();
    let shape = layer.infer(&shapes).expect("the shapes were inferred before");
    let wires = wires(layer, &shapes);
    let mut operands = inputs.to_vec();
    if wires.contains(&None) {
        let zero = cx.builder.constant("zero", Shape(vec![1]), [0].into(), result);
        operands.push(zero);
    }
    let zero = (inputs.len() as u32, 0);
    let map = wires.into_iter().map(|it| it.unwrap_or(zero)).collect();
    let same = operands.iter().all(|it| cx.builder.ty(*it).common() == Some(result));
    let wired = cx.builder.add(if same { "" } else { "wires" }, Reorder { map, shape }, &operands);
    cx.builder.cast("", wired, result)
}

/// Wires inside another layer, from one operand whose formats stay as they are.
pub(in crate::layers) fn repeat(
    layer: &impl Rewire,
    cx: &mut Lower<'_>,
    part: &str,
    input: NodeId,
) -> NodeId {
    let from = cx.builder.ty(input).shape.clone();
    let shape = layer.infer(&[&from]).expect("the shapes were inferred before");
    let map = wires(layer, &[&from]).into_iter().flatten().collect();
    cx.builder.add(part, Reorder { map, shape }, &[input])
}

/// Makes layers of what is [`Rewire`].
macro_rules! rewired {
    ($($layer:ident),+) => { $(
        impl $crate::layers::LayerSpec for $layer {
            fn kind(&self) -> &'static str {
                $crate::layers::shape::Rewire::kind(self)
            }
            fn infer(
                &self,
                inputs: &[&$crate::nn::Shape],
            ) -> Result<$crate::nn::Shape, $crate::layers::LayerError> {
                $crate::layers::shape::Rewire::infer(self, inputs)
            }
            fn eval(&self, inputs: &[&$crate::source::Tensor]) -> $crate::source::Tensor {
                let views: Vec<_> = inputs.iter().map(|it| it.view()).collect();
                self.rewire(&views, 0.0)
            }
            fn weights(&self) -> Vec<($crate::precision::Role, &$crate::source::Tensor)> {
                Vec::new()
            }
            fn hardware(&self) -> Option<&dyn $crate::layers::Hardware> {
                Some(self)
            }
        }

        impl $crate::layers::Hardware for $layer {
            fn roles(&self) -> &'static [$crate::precision::Role] {
                &[$crate::precision::Role::Result]
            }
            fn resolve(
                &self,
                _: $crate::precision::Role,
                cx: &$crate::precision::Resolve<'_>,
            ) -> $crate::precision::Typed {
                $crate::layers::shape::rewire::resolve(cx)
            }
            fn spans(&self, cx: &$crate::precision::Resolve<'_>) -> Vec<$crate::precision::Span> {
                $crate::layers::shape::rewire::spans(self, cx)
            }
            fn is_activation(&self) -> bool {
                false
            }
            fn lower(
                &self,
                cx: &mut $crate::layers::Lower<'_>,
                inputs: &[$crate::graph::NodeId],
            ) -> $crate::graph::NodeId {
                $crate::layers::shape::rewire::lower(self, cx, inputs)
            }
        }
    )+ };
}
pub(in crate::layers) use rewired;
