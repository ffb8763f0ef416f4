//! Designs for the tests of what stands side by side.

use super::super::compare::*;
use super::super::sample;
use super::Design;

/// The sample network with both paths; its direct path alone, folded, at another clock, with
/// another layer; all of it for another device.
pub(super) fn designs() -> Vec<Design> {
    let design = |name: &str, paths: &[Side], comparison: Comparison| Design {
        name: name.into(),
        folder: format!("builds/{name}"),
        model_sha256: "0123456789abcdef".into(),
        paths: paths.into(),
        comparison,
    };
    let mut folded = sample::comparison();
    folded.clock_ns = 2.5;
    folded.total = Sides::default();
    folded.total.rtl = Figures::of(
        Source::Estimated,
        [
            (Metric::LatencyCycles, 90.0),
            (Metric::Ii, 4.0),
            (Metric::Lut, 2241.0),
            (Metric::Dsp, 8.0),
        ],
    );
    for row in &mut folded.layers {
        row.stages = None;
        row.figures.hls = Figures::default();
    }
    folded.layers[5].name = "argmax".into();
    let mut other = sample::comparison();
    other.part = "xc7k325tffg900-2".into();
    other.settings.insert("io".into(), "stream".into());
    let both = [Side::Rtl, Side::Hls];
    let mut designs = vec![
        design("base", &both, sample::comparison()),
        design("folded", &[Side::Rtl], folded),
        design("other", &both, other),
    ];
    designs.iter_mut().for_each(|it| it.comparison.settle());
    designs
}
