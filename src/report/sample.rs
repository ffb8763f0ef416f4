//! A small network with a branch, made up, for the tests of the reports.

use super::compare::*;
use crate::device::Resources;

/// A layer with results of `result`, and `[LUT, FF, DSP, cycles]` on the HLS path, `[LUT, FF]` and
/// stages on the direct one.
fn layer(
    name: &str,
    kind: &str,
    shape: &str,
    inputs: &[&str],
    hls: [f64; 4],
    rtl: ([f64; 2], [u32; 2]),
) -> LayerRow {
    let [lut, ff, dsp, cycles] = hls;
    let mut row = LayerRow {
        name: name.into(),
        kind: kind.into(),
        shape: shape.into(),
        inputs: inputs.iter().map(|&it| it.into()).collect(),
        ..LayerRow::default()
    };
    row.formats.insert("result".into(), "fixed<16,6,RND,SAT>".into());
    row.stages = Some(Stages { from: rtl.1[0], to: rtl.1[1] });
    row.figures.hls = Figures::of(
        Source::Estimated,
        [(Metric::Lut, lut), (Metric::Ff, ff), (Metric::Dsp, dsp), (Metric::LatencyCycles, cycles)],
    );
    row.figures.rtl =
        Figures::of(Source::Estimated, [(Metric::Lut, rtl.0[0]), (Metric::Ff, rtl.0[1])]);
    row
}

/// The layers: a convolution, a branch around another one, a sum, a dense layer, a softmax.
pub(super) fn layers() -> Vec<LayerRow> {
    let input = LayerRow {
        name: "image".into(),
        kind: LayerRow::INPUT.into(),
        shape: "[8, 8, 1]".into(),
        formats: [("result".into(), "ufixed<8,0>".into())].into(),
        ..LayerRow::default()
    };
    let mut rows = vec![
        input,
        layer(
            "conv1",
            "Conv2D",
            "[6, 6, 4]",
            &["image"],
            [8210.0, 6120.0, 36.0, 9.0],
            ([5020.0, 4100.0], [0, 4]),
        ),
        layer(
            "conv2",
            "Conv2D",
            "[6, 6, 4]",
            &["conv1"],
            [14_870.0, 11_350.0, 144.0, 11.0],
            ([9310.0, 7044.0], [4, 7]),
        ),
        layer(
            "add",
            "Add",
            "[6, 6, 4]",
            &["conv1", "conv2"],
            [2304.0, 1152.0, 0.0, 1.0],
            ([2016.0, 0.0], [7, 7]),
        ),
        layer(
            "dense",
            "Dense",
            "[10]",
            &["add"],
            [9433.0, 8021.0, 20.0, 6.0],
            ([6120.0, 1480.0], [7, 8]),
        ),
        layer(
            "softmax",
            "Softmax",
            "[10]",
            &["dense"],
            [1990.0, 2210.0, 10.0, 8.0],
            ([880.0, 510.0], [8, 9]),
        ),
    ];
    for (idx, parameters) in [(1, 40), (2, 148), (4, 1450)] {
        rows[idx].parameters = parameters;
        rows[idx].formats.insert("weight".into(), "fixed<8,2>".into());
    }
    rows[5].output = true;
    rows
}

/// The whole comparison, not settled.
pub(super) fn comparison() -> Comparison {
    let mut all = Comparison {
        model: "digits.onnx".into(),
        part: "xcvu9p-flgb2104-2-e".into(),
        clock_ns: 5.0,
        device: Some(Resources {
            lut: 1_182_240,
            ff: 2_364_480,
            dsp: 6840,
            bram_kbit: 77_760,
            uram: 960,
        }),
        layers: layers(),
        ..Comparison::default()
    };
    all.settings.insert("io".into(), "parallel".into());
    all.settings.insert("strategy".into(), "latency".into());
    all.total.hls = Figures::of(
        Source::Reported,
        [
            (Metric::LatencyCycles, 33.0),
            (Metric::Ii, 2.0),
            (Metric::FmaxMhz, 231.4),
            (Metric::Lut, 38_764.0),
            (Metric::Ff, 30_115.0),
            (Metric::Dsp, 210.0),
            (Metric::BramKbit, 36.0),
        ],
    );
    all.total.rtl = Figures::of(
        Source::Synthesized,
        [(Metric::Lut, 22_410.0), (Metric::Ff, 13_240.0), (Metric::Dsp, 0.0)],
    );
    let simulated = [(Metric::LatencyCycles, 9.0), (Metric::Ii, 1.0)];
    all.total.rtl.merge(&Figures::of(Source::Simulated, simulated));
    all.cosim = Some(Cosim {
        samples: 360,
        mismatches: 0,
        engines: vec!["RTL (Verilator 5.006)".into(), "HLS C++ (g++)".into()],
        first_difference: None,
    });
    all.notes.push("HLS latency of layers: our model, within 20 % on 12 designs.".into());
    all
}

/// Types of the sample.
pub(super) fn formats() -> Vec<FormatRow> {
    let row = |layer: &str, role: &str, format: &str, reason: &str| FormatRow {
        layer: layer.into(),
        role: role.into(),
        format: format.into(),
        reason: reason.into(),
    };
    vec![
        row("image", "result", "ufixed<8,0>", "user: LayerName"),
        row("conv1", "weight", "fixed<8,2>", "largest weight is 1.73"),
        row(
            "conv1",
            "accum",
            "fixed<21,6>",
            "sum of 9 products of ufixed<8,0> by fixed<8,2>, so that no sum can overflow",
        ),
        row("conv1", "result", "fixed<16,6,RND,SAT>", "user: Model"),
    ]
}
