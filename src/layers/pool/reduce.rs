//! Reductions over whole axes: Keras' global pooling, `mean`, `sum`, `max` ... of `keras.ops`.

use ndarray::{ArrayD, Axis};

use super::group::{Groups, Kind};
use crate::layers::gather::Gathers;
use crate::layers::{Hardware, Import, Imported, LayerError, LayerSpec, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::Tensor;

/// What is made of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// Their product.
    Product,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// A reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// What is computed.
    pub reduction: Reduction,
    /// Over which axes, ascending.
    pub axes: Vec<usize>,
    /// The axes stay, with extent 1.
    pub keep: bool,
}

impl Reduce {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("GlobalMaxPooling1D", |cx| import_global(cx, 1, Reduction::Max)),
        Spelling::keras("GlobalMaxPooling2D", |cx| import_global(cx, 2, Reduction::Max)),
        Spelling::keras("GlobalMaxPooling3D", |cx| import_global(cx, 3, Reduction::Max)),
        Spelling::keras("QGlobalMaxPooling1D", |cx| import_global(cx, 1, Reduction::Max)),
        Spelling::keras("QGlobalMaxPooling2D", |cx| import_global(cx, 2, Reduction::Max)),
        Spelling::keras("QGlobalMaxPooling3D", |cx| import_global(cx, 3, Reduction::Max)),
        Spelling::keras("GlobalAveragePooling1D", |cx| import_global(cx, 1, Reduction::Mean)),
        Spelling::keras("GlobalAveragePooling2D", |cx| import_global(cx, 2, Reduction::Mean)),
        Spelling::keras("GlobalAveragePooling3D", |cx| import_global(cx, 3, Reduction::Mean)),
    ];
}

fn import_global(
    cx: &Import<'_>,
    spatial: usize,
    reduction: Reduction,
) -> Result<Imported, LayerError> {
    // The rank is part of the layer's name.
    cx.extents(spatial)?;
    let axes = match cx.attrs().str("data_format", "channels_last")? {
        "channels_last" => 0..spatial,
        "channels_first" => 1..spatial + 1,
        other => return Err(cx.value_error("data_format", other, "channels_last, channels_first")),
    };
    let keep = cx.attrs().bool("keepdims", false)?;
    Ok(Imported::unary(Reduce { reduction, axes: axes.collect(), keep }))
}

impl LayerSpec for Reduce {
    fn kind(&self) -> &'static str {
        match (self.reduction, self.axes.len()) {
            (Reduction::Mean | Reduction::Max, 1) => "GlobalPooling1D",
            (Reduction::Mean | Reduction::Max, 2) => "GlobalPooling2D",
            _ => "Reduce",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let mut shape = inputs[0].0.clone();
        let ascending = self.axes.windows(2).all(|it| it[0] < it[1]);
        if !ascending || self.axes.last().is_some_and(|it| *it >= shape.len()) {
            let expected = format!("axes {:?}", self.axes);
            return Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected });
        }
        for axis in self.axes.iter().rev() {
            match self.keep {
                true => shape[*axis] = 1,
                false => drop(shape.remove(*axis)),
            }
        }
        Ok(Shape(shape))
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let (start, f): (f64, fn(&f64, &f64) -> f64) = match self.reduction {
            Reduction::Mean | Reduction::Sum => (0.0, |a, b| a + b),
            Reduction::Product => (1.0, |a, b| a * b),
            Reduction::Max => (f64::NEG_INFINITY, |a, b| a.max(*b)),
            Reduction::Min => (f64::INFINITY, |a, b| a.min(*b)),
        };
        let mut value = inputs[0].clone();
        for axis in self.axes.iter().rev() {
            value = value.fold_axis(Axis(*axis), start, f);
            if self.keep {
                value = value.insert_axis(Axis(*axis));
            }
        }
        if self.reduction == Reduction::Mean {
            value /= inputs[0].len() as f64 / value.len() as f64;
        }
        value
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Gathers for Reduce {
    type Gathering<'a> = Groups;

    fn gathering(&self, input: &Shape) -> Groups {
        let kept = (0..input.0.len()).filter(|it| !self.axes.contains(it));
        let order: Vec<usize> = kept.chain(self.axes.iter().copied()).collect();
        let elements = (0..input.elements() as u32).map(Some).collect();
        let elements = ArrayD::from_shape_vec(input.0.as_slice(), elements);
        let elements = elements.expect("as many as elements").permuted_axes(order);
        let size = self.axes.iter().map(|it| input.0[*it]).product();
        let shape = self.infer(&[input]).expect("infer has checked the axes");
        let (kind, divisor) = match self.reduction {
            Reduction::Max => (Kind::Max, None),
            Reduction::Min => (Kind::Min, None),
            Reduction::Mean => (Kind::Mean, Some(size as u64)),
            Reduction::Sum => (Kind::Mean, None),
            Reduction::Product => (Kind::Product, None),
        };
        let divisors = divisor.map_or(Vec::new(), |it| vec![it; shape.elements()]);
        Groups { kind, size, reads: elements.iter().copied().collect(), divisors, shape }
    }
}
