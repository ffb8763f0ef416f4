//! Tensors one after another along an axis: Keras `Concatenate`, `concatenate`.

use ndarray::{ArrayD, ArrayViewD, Axis};

use super::{Rewire, rewired};
use crate::layers::axes::sample_axis;
use crate::layers::{Import, Imported, LayerError, Spelling};
use crate::nn::Shape;

/// A concatenation.
#[derive(Clone, Debug, PartialEq)]
pub struct Concatenate {
    /// Along which axis.
    pub axis: usize,
}

impl Concatenate {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[Spelling::keras("Concatenate", import)];
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let axis = cx.attrs().int("axis", -1)?;
    let found = sample_axis(axis, cx.shape(0)?.0.len());
    let axis = found.ok_or_else(|| cx.value_error("axis", axis, "an axis behind the batch"))?;
    Ok(Imported::of(Concatenate { axis }, 0..cx.node.inputs.len()))
}

impl Rewire for Concatenate {
    fn kind(&self) -> &'static str {
        "Concatenate"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let without = |shape: &Shape| {
            let mut rest = shape.0.clone();
            (self.axis < rest.len()).then(|| (rest.remove(self.axis), rest))
        };
        let parts: Option<Vec<_>> = inputs.iter().map(|it| without(it)).collect();
        let parts = parts.filter(|it| it.windows(2).all(|it| it[0].1 == it[1].1));
        match parts.as_deref() {
            Some([(_, rest), ..]) => {
                let mut shape = rest.clone();
                let sum = parts.iter().flatten().map(|it| it.0).sum();
                shape.insert(self.axis, sum);
                Ok(Shape(shape))
            }
            _ => Err(LayerError::Shapes {
                found: inputs.iter().map(|it| (*it).clone()).collect(),
                expected: format!("shapes that differ in axis {} only", self.axis + 1),
            }),
        }
    }
    fn rewire<T: Copy>(&self, inputs: &[ArrayViewD<'_, T>], _: T) -> ArrayD<T> {
        let joint = ndarray::concatenate(Axis(self.axis), inputs);
        joint.expect("infer compared the shapes").as_standard_layout().into_owned()
    }
}

rewired!(Concatenate);
