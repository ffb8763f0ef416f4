//! Zeros around a tensor: Keras `ZeroPadding1D`, `ZeroPadding2D`, `ZeroPadding3D`.

use ndarray::{ArrayD, ArrayViewD, Slice};

use super::{Rewire, rewired};
use crate::layers::{Import, Imported, LayerError, Spelling};
use crate::nn::Shape;
use crate::source::Attr;

/// Zeros before and behind every axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// How many, for each axis.
    pub amounts: Vec<(usize, usize)>,
}

impl Pad {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("ZeroPadding1D", |cx| import(cx, 1)),
        Spelling::keras("ZeroPadding2D", |cx| import(cx, 2)),
        Spelling::keras("ZeroPadding3D", |cx| import(cx, 3)),
    ];
}

fn import(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    cx.channels_last()?;
    let mut amounts = cx.sides("padding", spatial, 1)?;
    amounts.push((0, 0));
    Ok(Imported::unary(Pad { amounts }))
}

impl Import<'_> {
    /// Pairs of numbers for the spatial axes: `1`, `(1, 2)` or `((1, 2), (3, 4))`. For one axis a
    /// pair is its two sides, for more each axis has the same on both sides.
    pub(in crate::layers) fn sides(
        &self,
        name: &'static str,
        spatial: usize,
        default: usize,
    ) -> Result<Vec<(usize, usize)>, LayerError> {
        let Some(given) = self.attrs().get(name) else {
            return Ok(vec![(default, default); spatial]);
        };
        let wrong = || self.value_error(name, format!("{given:?}"), "numbers, two for each axis");
        let number = |it: &Attr| match it {
            Attr::Int(v) => usize::try_from(*v).ok(),
            _ => None,
        };
        let pair = |it: &Attr| match it {
            Attr::List(both) if both.len() == 2 => Some((number(&both[0])?, number(&both[1])?)),
            one => number(one).map(|it| (it, it)),
        };
        let sides: Option<Vec<_>> = match given {
            Attr::List(_) if spatial == 1 => pair(given).map(|it| vec![it]),
            Attr::List(axes) if axes.len() == spatial => axes.iter().map(pair).collect(),
            one => number(one).map(|it| vec![(it, it); spatial]),
        };
        sides.ok_or_else(wrong)
    }

    /// Refuses channels in front.
    pub(in crate::layers) fn channels_last(&self) -> Result<(), LayerError> {
        match self.attrs().str("data_format", "channels_last")? {
            "channels_last" => Ok(()),
            other => Err(self.value_error("data_format", other, "channels_last")),
        }
    }
}

impl Rewire for Pad {
    fn kind(&self) -> &'static str {
        if self.amounts.len() == 2 { "ZeroPadding1D" } else { "ZeroPadding2D" }
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let extents = &inputs[0].0;
        if extents.len() == self.amounts.len() {
            let padded = extents.iter().zip(&self.amounts);
            let padded = padded.map(|(extent, (a, b))| extent.checked_add(*a)?.checked_add(*b));
            if let Some(padded) = padded.collect::<Option<Vec<_>>>() {
                return Ok(Shape(padded));
            }
        }
        let expected = format!("{} axes", self.amounts.len());
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }
    fn rewire<T: Copy>(&self, inputs: &[ArrayViewD<'_, T>], zero: T) -> ArrayD<T> {
        let extents = inputs[0].shape().iter().zip(&self.amounts).map(|(it, (a, b))| it + a + b);
        let mut out = ArrayD::from_elem(extents.collect::<Vec<_>>(), zero);
        let mut inside = out.slice_each_axis_mut(|axis| {
            let first = self.amounts[axis.axis.index()].0;
            Slice::from(first..first + inputs[0].len_of(axis.axis))
        });
        inside.assign(&inputs[0]);
        out
    }
}

rewired!(Pad);
