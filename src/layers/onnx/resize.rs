//! Resizing by the nearest element or linear interpolation, one axis at a time.

use crate::layers::interpolate::{self, MAX_ENTRIES, matrix};
use crate::layers::{Import, Imported, LayerError, Spelling, Take};

pub(super) const SPELLINGS: &[Spelling] =
    &[Spelling::onnx("Resize", import_resize), Spelling::onnx("Upsample", import_upsample)];

/// Where the output elements of an axis lie on the input.
struct Along {
    axis: usize,
    extent: usize,
    length: usize,
    /// Output elements per input element.
    scale: f64,
}

/// How positions are computed and rounded.
struct Rule<'a> {
    coordinates: &'a str,
    nearest: &'a str,
}

fn import_upsample(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let scales = match cx.constant(1)? {
        Some(scales) => scales.iter().copied().collect(),
        None => floats(cx, "scales")?.ok_or(LayerError::Missing { role: "scales" })?,
    };
    resize(cx, &Rule { coordinates: "asymmetric", nearest: "floor" }, Some(scales), None)
}

fn floats(cx: &Import<'_>, name: &'static str) -> Result<Option<Vec<f64>>, LayerError> {
    use crate::source::Attr;
    let Some(Attr::List(items)) = cx.attrs().get(name) else { return Ok(None) };
    let number = |it: &Attr| match it {
        Attr::Float(v) => Some(*v),
        Attr::Int(v) => Some(*v as f64),
        _ => None,
    };
    let wrong = || cx.value_error(name, format!("{items:?}"), "numbers");
    items.iter().map(number).collect::<Option<Vec<f64>>>().map(Some).ok_or_else(wrong)
}

fn import_resize(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let list = |index: usize| -> Result<Option<Vec<f64>>, LayerError> {
        let value = cx.constant(index)?.filter(|it| !it.is_empty());
        Ok(value.map(|it| it.iter().copied().collect()))
    };
    if cx.node.version < 11 {
        let rule = Rule { coordinates: "asymmetric", nearest: "floor" };
        return resize(cx, &rule, list(1)?, None);
    }
    let coordinates = cx.attrs().str("coordinate_transformation_mode", "half_pixel")?;
    let nearest = cx.attrs().str("nearest_mode", "round_prefer_floor")?;
    let policy = cx.attrs().str("keep_aspect_ratio_policy", "stretch")?;
    if policy != "stretch" {
        return Err(cx.value_error("keep_aspect_ratio_policy", policy, "stretch"));
    }
    if cx.attrs().int("antialias", 0)? != 0 {
        return Err(cx.value_error("antialias", 1, "0"));
    }
    cx.attrs().ignore(&["cubic_coeff_a", "extrapolation_value", "exclude_outside"]);
    resize(cx, &Rule { coordinates, nearest }, list(2)?, list(3)?)
}

/// The axes that change.
fn along(
    cx: &Import<'_>,
    scales: Option<Vec<f64>>,
    sizes: Option<Vec<f64>>,
) -> Result<Vec<Along>, LayerError> {
    let shape = &cx.shape(0)?.0;
    let given = sizes.clone().or(scales.clone()).unwrap_or_default();
    let axes = match cx.attrs().ints("axes")? {
        Some(axes) => axes,
        None => (0..=shape.len() as i64).collect(),
    };
    let wrong =
        || cx.value_error("scales", format!("{given:?}"), "1 for the batch, sensible sizes");
    if axes.len() != given.len() {
        return Err(wrong());
    }
    let mut all = Vec::new();
    for (axis, value) in axes.iter().zip(&given) {
        if (*axis == 0 || *axis == -(shape.len() as i64) - 1) && *value == 1.0 {
            continue;
        }
        let axis = super::sample_axes(cx, &[*axis], "axes")?[0];
        let extent = shape[axis];
        let (scale, length) = match sizes {
            Some(_) => (value / extent as f64, *value),
            None => (*value, (extent as f64 * value).floor()),
        };
        if !(1.0..=f64::from(1 << 20)).contains(&length) || scale.is_nan() || scale <= 0.0 {
            return Err(wrong());
        }
        let length = length as usize;
        if (scale, length) != (1.0, extent) {
            all.push(Along { axis, extent, length, scale });
        }
    }
    Ok(all)
}

impl Rule<'_> {
    /// Position on the input of an output element.
    fn position(&self, along: &Along, at: usize) -> Option<f64> {
        let (at, scale) = (at as f64, along.scale);
        let (extent, length) = (along.extent as f64, along.length as f64);
        // The reference counts with the length before it is cut to an integer.
        let exact = scale * extent;
        Some(match self.coordinates {
            "half_pixel" => (at + 0.5) / scale - 0.5,
            "half_pixel_symmetric" => {
                // The extent is cut to an integer; the centre stays where it was.
                let share = length / exact;
                extent / 2.0 * (1.0 - share) + (at + 0.5) / scale - 0.5
            }
            "pytorch_half_pixel" if along.length == 1 => 0.0,
            "pytorch_half_pixel" => (at + 0.5) / scale - 0.5,
            "align_corners" if along.length == 1 => 0.0,
            "align_corners" => at * (extent - 1.0) / (exact - 1.0),
            "asymmetric" => at / scale,
            _ => return None,
        })
    }

    /// The nearest element.
    fn place(&self, along: &Along, at: usize) -> Option<usize> {
        let position = self.position(along, at)?;
        let rounded = match self.nearest {
            "round_prefer_floor" if position.fract() == 0.5 => position.floor(),
            "round_prefer_floor" | "round_prefer_ceil" if position.fract() != 0.5 => {
                position.round()
            }
            "round_prefer_ceil" | "ceil" => position.ceil(),
            "floor" => position.floor(),
            _ => return None,
        };
        Some(rounded.clamp(0.0, along.extent as f64 - 1.0) as usize)
    }
}

fn resize(
    cx: &Import<'_>,
    rule: &Rule<'_>,
    scales: Option<Vec<f64>>,
    sizes: Option<Vec<f64>>,
) -> Result<Imported, LayerError> {
    let axes = along(cx, scales, sizes)?;
    let wrong = || {
        let supported = "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, \
                         asymmetric, and the rounding modes of the specification";
        let found = format!("{} {}", rule.coordinates, rule.nearest);
        cx.value_error("coordinate_transformation_mode", found, supported)
    };
    match cx.attrs().str("mode", "nearest")? {
        "nearest" => {
            let places = |it: &Along| {
                let places = (0..it.length).map(|at| rule.place(it, at));
                Some((it.axis, places.collect::<Option<Vec<_>>>()?))
            };
            let places = axes.iter().map(places).collect::<Option<_>>().ok_or_else(wrong)?;
            Ok(Imported::unary(Take { kind: "UpSampling2D", places }))
        }
        "linear" | "bilinear" => {
            let long = |it: &Along| it.extent.saturating_mul(it.length) > MAX_ENTRIES;
            if axes.iter().any(long) {
                return Err(cx.value_error("sizes", "a long axis", "2^22 pairs of elements"));
            }
            let map = |it: &Along| {
                let matrix = matrix(it.extent, it.length, |at| rule.position(it, at))?;
                Some((it.axis, matrix))
            };
            let maps = axes.iter().map(map).collect::<Option<_>>().ok_or_else(wrong)?;
            Ok(interpolate::along(maps, cx.shape(0)?.0.len()))
        }
        other => Err(cx.value_error("mode", other, "nearest, linear")),
    }
}
