//! Chosen elements along axes: slices, crops, splits, flips, repetitions, gathers by constants.
//!
//! Keras `Cropping1D`, `Cropping2D`, `RepeatVector`, `UpSampling1D`, `UpSampling2D` (nearest).

use ndarray::{ArrayD, ArrayViewD, Axis};

use super::{Rewire, rewired};
use crate::layers::{Import, Imported, LayerError, Operand, Reshape, Spelling, interpolate};
use crate::nn::Shape;

/// Places of one axis are listed one by one: a bound on how many.
pub(in crate::layers) const MAX_PLACES: usize = 1 << 20;

/// Elements at given places of given axes; one place may be read often.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// What the framework calls this.
    pub kind: &'static str,
    /// Axes with the places that are read.
    pub places: Vec<(usize, Vec<usize>)>,
}

impl Take {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[
        Spelling::keras("Cropping1D", |cx| import_cropping(cx, 1)),
        Spelling::keras("Cropping2D", |cx| import_cropping(cx, 2)),
        Spelling::keras("Cropping3D", |cx| import_cropping(cx, 3)),
        Spelling::keras("RepeatVector", import_repeat),
        Spelling::keras("UpSampling1D", |cx| import_up_sampling(cx, 1)),
        Spelling::keras("UpSampling2D", |cx| import_up_sampling(cx, 2)),
        Spelling::keras("UpSampling3D", |cx| import_up_sampling(cx, 3)),
    ];

    /// Places of one axis.
    pub fn along(kind: &'static str, axis: usize, places: Vec<usize>) -> Take {
        Take { kind, places: vec![(axis, places)] }
    }

    /// One axis of `extent` backwards.
    pub fn flip(axis: usize, extent: usize) -> Take {
        Take::along("Flip", axis, (0..extent).rev().collect())
    }
}

fn import_cropping(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    cx.channels_last()?;
    let extents = &cx.shape(0)?.0;
    let sides = cx.sides("cropping", spatial, 1)?;
    let rest = |(axis, (before, behind)): (usize, &(usize, usize))| {
        let extent = extents.get(axis).copied().unwrap_or(0);
        let end = extent.checked_sub(*behind).filter(|end| before < end)?;
        Some((axis, (*before..end).collect()))
    };
    let places: Option<Vec<_>> = sides.iter().enumerate().map(rest).collect();
    let wrong = || cx.value_error("cropping", format!("{sides:?}"), "less than the input");
    let kind = if spatial == 1 { "Cropping1D" } else { "Cropping2D" };
    Ok(Imported::unary(Take { kind, places: places.ok_or_else(wrong)? }))
}

fn import_repeat(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let n = cx.attrs().int("n", 0)?;
    let count = usize::try_from(n).ok().filter(|it| (1..=1 << 20).contains(it));
    let count = count.ok_or_else(|| cx.value_error("n", n, "1 and more"))?;
    let shape = Shape([&[1], cx.shape(0)?.0.as_slice()].concat());
    let mut made = Imported::default();
    let row = made.add("row", Reshape { shape }, &[Operand::Input(0)]);
    let output = made.add("", Take::along("RepeatVector", 0, vec![0; count]), &[row]);
    Ok(made.with_outputs([output]))
}

fn import_up_sampling(cx: &Import<'_>, spatial: usize) -> Result<Imported, LayerError> {
    cx.channels_last()?;
    let factors = cx.spatial("size", spatial, 2)?;
    let extents = cx.shape(0)?.0.clone();
    if extents.len() != spatial + 1 {
        let expected = format!("{} axes", spatial + 1);
        return Err(LayerError::Shapes { found: vec![Shape(extents)], expected });
    }
    let sizes: Vec<usize> =
        extents.iter().zip(&factors).map(|(a, b)| a.saturating_mul(*b)).collect();
    let entries = extents.iter().zip(&sizes).map(|(a, b)| a.saturating_mul(*b)).max();
    if sizes.iter().any(|it| *it > MAX_PLACES) || entries > Some(interpolate::MAX_ENTRIES) {
        return Err(cx.value_error("size", format!("{factors:?}"), "not that many elements"));
    }
    match cx.attrs().str("interpolation", "nearest")? {
        "nearest" => {
            let repeat = |(axis, factor): (usize, &usize)| {
                (axis, (0..sizes[axis]).map(|it| it / factor).collect())
            };
            let places = factors.iter().enumerate().map(repeat).collect();
            let kind = if spatial == 1 { "UpSampling1D" } else { "UpSampling2D" };
            Ok(Imported::unary(Take { kind, places }))
        }
        "bilinear" => {
            let maps = extents.iter().zip(&sizes).map(|it| interpolate::half_pixel(*it.0, *it.1));
            let maps = maps.enumerate().filter_map(|(axis, map)| Some((axis, map?)));
            Ok(interpolate::along(maps.collect(), extents.len()))
        }
        other => Err(cx.value_error("interpolation", other, "nearest or bilinear")),
    }
}

impl Rewire for Take {
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let mut shape = inputs[0].clone();
        for (axis, places) in &self.places {
            let extent = inputs[0].0.get(*axis).copied().unwrap_or(0);
            if places.is_empty() || places.iter().any(|it| *it >= extent) {
                let least = places.iter().max().map_or(1, |it| it.saturating_add(1));
                let part = if places.is_empty() { "a part of " } else { "" };
                let expected = format!("{part}at least {least} elements in axis {}", axis + 1);
                return Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected });
            }
            shape.0[*axis] = places.len();
        }
        Ok(shape)
    }
    fn rewire<T: Copy>(&self, inputs: &[ArrayViewD<'_, T>], _: T) -> ArrayD<T> {
        let mut value = inputs[0].to_owned();
        for (axis, places) in &self.places {
            value = value.select(Axis(*axis), places);
        }
        value.as_standard_layout().into_owned()
    }
}

rewired!(Take);
