//! Pools over windows, reductions over axes, and the best along an axis.

use super::{axis, on_axis, sizes};
use crate::layers::top_k::Along;
use crate::layers::window::Window;
use crate::layers::{
    Divisor, Import, Imported, LayerError, Pool, Pooling, Reduce, Reduction, Spelling,
};
use crate::units::Ranking;

pub(super) const POOL: &[Spelling] = &[
    Spelling::torch("max_pool1d", |cx| import(cx, true)),
    Spelling::torch("max_pool2d", |cx| import(cx, true)),
    Spelling::torch("avg_pool1d", |cx| import(cx, false)),
    Spelling::torch("avg_pool2d", |cx| import(cx, false)),
    Spelling::torch("adaptive_avg_pool1d", |cx| import_adaptive(cx, AVERAGE)),
    Spelling::torch("adaptive_avg_pool2d", |cx| import_adaptive(cx, AVERAGE)),
    Spelling::torch("adaptive_max_pool1d", |cx| import_adaptive(cx, Pooling::Max)),
    Spelling::torch("adaptive_max_pool2d", |cx| import_adaptive(cx, Pooling::Max)),
];

pub(super) const REDUCE: &[Spelling] = &[
    Spelling::torch("mean", |cx| import_reduce(cx, Reduction::Mean)),
    Spelling::torch("sum", |cx| import_reduce(cx, Reduction::Sum)),
    Spelling::torch("amax", |cx| import_reduce(cx, Reduction::Max)),
    Spelling::torch("amin", |cx| import_reduce(cx, Reduction::Min)),
];

pub(super) const TOP_K: &[Spelling] = &[
    Spelling::torch("max", |cx| import_best(cx, false, &[false, true])),
    Spelling::torch("min", |cx| import_best(cx, true, &[false, true])),
    Spelling::torch("argmax", |cx| import_best(cx, false, &[true])),
    Spelling::torch("argmin", |cx| import_best(cx, true, &[true])),
    Spelling::torch("topk", import_top_k),
];

const AVERAGE: Pooling = Pooling::Average(Divisor::Elements);

fn import(cx: &Import<'_>, max: bool) -> Result<Imported, LayerError> {
    let extents = cx.shape(0)?.0.get(1..).unwrap_or_default().to_vec();
    let spatial = extents.len();
    let size = cx.spatial("kernel_size", spatial, 1)?;
    let pad = sizes(cx, "padding")?;
    if pad.len() != spatial || pad.iter().zip(&size).any(|(pad, size)| *pad > size / 2) {
        return Err(cx.value_error("padding", format!("{pad:?}"), "at most half the window"));
    }
    let pad: Vec<(usize, usize)> = pad.into_iter().map(|it| (it, it)).collect();
    let dilation = if max { cx.spatial("dilation", spatial, 1)? } else { vec![1; spatial] };
    let stride = cx.spatial("stride", spatial, 1)?;
    let window = Window { size, stride, dilation, pad: pad.clone() };
    let counted = !max && cx.attrs().bool("count_include_pad", true)?;
    let pooling = match (max, counted) {
        (true, _) => Pooling::Max,
        (false, true) => Pooling::Average(Divisor::Padded(pad)),
        (false, false) => AVERAGE,
    };
    let fits = window.places(&extents).is_some();
    let window = match cx.attrs().bool("ceil_mode", false)? && fits {
        true => window.ceil(&extents),
        false => window,
    };
    on_axis(cx, 0, 0, Pool { pooling, window })
}

/// A number of places; windows of one size do only if it divides the extent.
fn import_adaptive(cx: &Import<'_>, pooling: Pooling) -> Result<Imported, LayerError> {
    let extents = cx.shape(0)?.0.get(1..).unwrap_or_default().to_vec();
    let places = sizes(cx, "output_size")?;
    let even = |(extent, places): (&usize, &usize)| {
        (*places > 0 && extent.is_multiple_of(*places)).then(|| extent / places)
    };
    let size: Option<Vec<usize>> = match places.len() == extents.len() {
        true => extents.iter().zip(&places).map(even).collect(),
        false => None,
    };
    let wrong = || cx.value_error("output_size", format!("{places:?}"), "divisors of the extents");
    let size = size.ok_or_else(wrong)?;
    let window = Window { stride: size.clone(), ..Window::of(&size) };
    on_axis(cx, 0, 0, Pool { pooling, window })
}

fn import_reduce(cx: &Import<'_>, reduction: Reduction) -> Result<Imported, LayerError> {
    let axes = sizes(cx, "dim")?;
    let keep = cx.attrs().bool("keepdim", false)?;
    Ok(Imported::unary(Reduce { reduction, axes, keep }))
}

/// The best along one axis: its value and its place, or one of both.
fn import_best(cx: &Import<'_>, least: bool, places: &[bool]) -> Result<Imported, LayerError> {
    let dims = sizes(cx, "dim")?;
    let [axis] = dims[..] else {
        return Err(cx.value_error("dim", format!("{dims:?}"), "one axis behind the batch"));
    };
    let keep = cx.attrs().bool("keepdim", false)?;
    let ranking = Ranking { least, last: false };
    Along { ranking, axis, count: 1, keep }.import(cx, 0, places)
}

/// Values and places. Without `sorted` any order will do.
fn import_top_k(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let least = !cx.attrs().bool("largest", true)?;
    cx.attrs().ignore(&["sorted"]);
    let count = usize::try_from(cx.attrs().int("k", 0)?).unwrap_or(0);
    let ranking = Ranking { least, last: false };
    Along { ranking, axis: axis(cx, "dim")?, count, keep: true }.import(cx, 0, &[false, true])
}
