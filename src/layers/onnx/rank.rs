//! The largest or smallest along an axis, and their places.

use crate::layers::top_k::Along;
use crate::layers::{Import, Imported, LayerError, Spelling};
use crate::units::Ranking;

pub(super) const SPELLINGS: &[Spelling] = &[
    Spelling::onnx("ArgMax", |cx| import_place(cx, false)),
    Spelling::onnx("ArgMin", |cx| import_place(cx, true)),
    Spelling::onnx("TopK", import_top_k),
];

fn axis(cx: &Import<'_>, default: i64) -> Result<usize, LayerError> {
    Ok(super::sample_axes(cx, &[cx.attrs().int("axis", default)?], "axis")?[0])
}

fn import_place(cx: &Import<'_>, least: bool) -> Result<Imported, LayerError> {
    let keep = cx.attrs().bool("keepdims", true)?;
    let last = cx.attrs().bool("select_last_index", false)?;
    let ranking = Ranking { least, last };
    Along { ranking, axis: axis(cx, 0)?, count: 1, keep }.import(cx, 0, &[true])
}

/// Values and places. Without `sorted` any order will do.
fn import_top_k(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let least = !cx.attrs().bool("largest", true)?;
    cx.attrs().ignore(&["sorted"]);
    let given = match super::ints(cx, 1, "k")?.as_deref() {
        Some([count]) => *count,
        _ => cx.attrs().int("k", 0)?,
    };
    let count = usize::try_from(given).unwrap_or(0);
    let ranking = Ranking { least, last: false };
    Along { ranking, axis: axis(cx, -1)?, count, keep: true }.import(cx, 0, &[false, true])
}
