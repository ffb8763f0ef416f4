//! Another order of the axes: Keras `Permute` (axes counted from 1), `transpose` of `keras.ops`.

use ndarray::{ArrayD, ArrayViewD};

use super::{Rewire, rewired};
use crate::layers::{Import, Imported, LayerError, Spelling};
use crate::nn::Shape;

/// Axis `k` of the output is axis `order[k]` of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Permute {
    /// Axes of the input.
    pub order: Vec<usize>,
}

impl Permute {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[Spelling::keras("Permute", import)];

    /// The permutation of `rank` axes that puts one axis last and keeps the order of the others.
    pub fn to_last(axis: usize, rank: usize) -> Permute {
        Permute { order: (0..rank).filter(|it| *it != axis).chain([axis]).collect() }
    }

    /// The permutation that undoes this one.
    pub fn inverse(&self) -> Permute {
        let mut order = vec![0; self.order.len()];
        for (to, from) in self.order.iter().enumerate() {
            order[*from] = to;
        }
        Permute { order }
    }

    /// Whether nothing moves.
    pub fn is_identity(&self) -> bool {
        self.order.iter().enumerate().all(|(to, from)| to == *from)
    }
}

fn import(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let dims = cx.attrs().ints("dims")?.unwrap_or_default();
    let wrong = || cx.value_error("dims", format!("{dims:?}"), "every axis once, from 1 on");
    let order =
        dims.iter().map(|it| usize::try_from(it.checked_sub(1)?).ok()).collect::<Option<Vec<_>>>();
    Ok(Imported::unary(Permute { order: order.ok_or_else(wrong)? }))
}

impl Rewire for Permute {
    fn kind(&self) -> &'static str {
        "Transpose"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if sorted.into_iter().eq(0..inputs[0].0.len()) {
            return Ok(Shape(self.order.iter().map(|it| inputs[0].0[*it]).collect()));
        }
        let expected = format!("{} axes, each once in {:?}", inputs[0].0.len(), self.order);
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }
    fn rewire<T: Copy>(&self, inputs: &[ArrayViewD<'_, T>], _: T) -> ArrayD<T> {
        let moved = inputs[0].clone().permuted_axes(self.order.as_slice());
        moved.as_standard_layout().into_owned()
    }
}

rewired!(Permute);
