//! The report as one self-contained HTML page: no script, nothing loaded from anywhere.

use serde::Serialize;

use super::chart::{Bar, Chart, Row};
use super::compare::{Comparison, Figure, FormatRow, LayerRow, Metric, Side};
use super::listing::{OF_LAYERS, verdict};
use super::number::{self, percent, readable};
use super::{svg, templates};

/// Widths at which charts are drawn: for a desk and for a phone, px.
const WIDE: f64 = 1016.0;
const SMALL: f64 = 342.0;

#[derive(Serialize)]
struct View<'a> {
    version: &'static str,
    all: &'a Comparison,
    clock: String,
    mhz: String,
    cosim: Option<CosimView>,
    totals: Vec<TotalRow>,
    network: String,
    latency: Vec<String>,
    share: Option<String>,
    resources: Vec<Named>,
    metrics: Vec<&'static str>,
    layers: Vec<LayerView<'a>>,
    formats: &'a [FormatRow],
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    unit: &'static str,
    svg: String,
}

#[derive(Serialize)]
struct CosimView {
    agrees: bool,
    text: String,
}

#[derive(Serialize)]
struct TotalRow {
    name: &'static str,
    unit: &'static str,
    sides: Vec<Cell>,
    ratio: String,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    source: &'static str,
    short: &'static str,
    share: Option<String>,
}

#[derive(Serialize)]
struct LayerView<'a> {
    row: &'a LayerRow,
    parameters: String,
    stages: String,
    cells: Vec<Cell>,
}

/// The page of a comparison that was settled, with every type of the network if there are any.
pub fn page(all: &Comparison, formats: &[FormatRow]) -> String {
    let metrics = shown(all);
    let view = View {
        version: env!("CARGO_PKG_VERSION"),
        all,
        clock: readable(all.clock_ns),
        mhz: readable(1000.0 / all.clock_ns),
        cosim: all
            .cosim
            .as_ref()
            .map(|it| CosimView { agrees: it.mismatches == 0, text: verdict(it) }),
        totals: totals(all),
        network: if all.layers.is_empty() { String::new() } else { svg::inline(&all.layers) },
        latency: latency(all),
        share: share(all),
        resources: resources(all),
        metrics: metrics.iter().map(|&it| column(it)).collect(),
        layers: all.layers.iter().map(|it| layer(it, &metrics)).collect(),
        formats,
    };
    templates::render("report.html", &view)
}

fn column(metric: Metric) -> &'static str {
    match metric {
        Metric::LatencyCycles => "cycles",
        Metric::LatencyNs => "ns",
        Metric::BramKbit => "BRAM kbit",
        other => other.name(),
    }
}

/// Metrics that some layer has, and not zero.
fn shown(all: &Comparison) -> Vec<Metric> {
    OF_LAYERS
        .into_iter()
        .filter(|&metric| {
            let sides = all.layers.iter().flat_map(|it| Side::ALL.map(|side| it.figures.of(side)));
            sides.filter_map(|it| it.get(metric)).any(|it| it.value != 0.0)
        })
        .collect()
}

fn cell(all: Option<&Comparison>, metric: Metric, figure: Option<Figure>) -> Cell {
    let share = all.zip(figure).and_then(|(all, it)| all.percent(metric, it.value));
    Cell {
        text: number::figure(figure),
        source: figure.map_or("", |it| it.source.name()),
        short: figure.map_or("", |it| it.source.short()),
        share: share.map(percent),
    }
}

fn totals(all: &Comparison) -> Vec<TotalRow> {
    let known = |it: &Metric| Side::ALL.iter().any(|&side| all.total.of(side).get(*it).is_some());
    let row = |metric: Metric| TotalRow {
        name: metric.name(),
        unit: metric.unit(),
        sides: Side::ALL.map(|it| cell(Some(all), metric, all.total.of(it).get(metric))).into(),
        ratio: number::ratio(all.total.ratio(metric)),
    };
    Metric::ALL.into_iter().filter(known).map(row).collect()
}

fn layer<'a>(row: &'a LayerRow, metrics: &[Metric]) -> LayerView<'a> {
    let cells = metrics.iter().flat_map(|&metric| {
        Side::ALL.map(|side| cell(None, metric, row.figures.of(side).get(metric)))
    });
    LayerView {
        row,
        parameters: readable(row.parameters as f64),
        stages: row.stages.map_or(number::UNKNOWN.into(), |it| format!("{}–{}", it.from, it.to)),
        cells: cells.collect(),
    }
}

fn bar(from: f64, figure: Figure, text: String) -> Bar {
    let estimated = figure.source == super::compare::Source::Estimated;
    Bar { from, to: from + figure.value, text, estimated }
}

/// When each layer works, wide and small: on the direct path by its stages, else after the layers
/// that feed it.
fn latency(all: &Comparison) -> Vec<String> {
    let text = |it: Figure| {
        let cycles = if it.value == 1.0 { "cycle" } else { "cycles" };
        let ns = readable(it.value * all.clock_ns);
        format!("{} {cycles}, {ns} ns", readable(it.value))
    };
    let mut ends = std::collections::BTreeMap::new();
    let mut rows = Vec::new();
    let total = Side::ALL.map(|it| all.total.of(it).latency_cycles);
    if total.iter().any(Option::is_some) {
        let bars = total.map(|it| it.map(|it| bar(0.0, it, text(it))));
        rows.push(Row { label: "whole network".into(), bold: true, bars });
    }
    for row in &all.layers {
        let bars = Side::ALL.map(|side| {
            let fed = row.inputs.iter().filter_map(|it| ends.get(&(it.as_str(), side)));
            let after = fed.copied().fold(0.0, f64::max);
            let figure = row.figures.of(side).latency_cycles;
            let from = match (side, row.stages) {
                (Side::Rtl, Some(stages)) => f64::from(stages.from),
                _ => after,
            };
            ends.insert((row.name.as_str(), side), from + figure.map_or(0.0, |it| it.value));
            figure.map(|it| bar(from, it, text(it)))
        });
        if !row.is_input() && bars.iter().any(Option::is_some) {
            rows.push(Row { label: row.name.clone(), bold: false, bars });
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let label = "Latency of each layer on both paths".into();
    let chart = Chart { label, rows, units: &[("cycles", 1.0), ("ns", all.clock_ns)] };
    vec![chart.draw(WIDE), chart.draw(SMALL)]
}

/// What both designs take of the device.
fn share(all: &Comparison) -> Option<String> {
    let row = |metric: Metric| {
        let bars = Side::ALL.map(|side| {
            let figure = all.total.of(side).get(metric)?;
            let value = all.percent(metric, figure.value)?;
            Some(bar(0.0, Figure { value, ..figure }, percent(value)))
        });
        let label = metric.name().to_owned();
        bars.iter().any(Option::is_some).then_some(Row { label, bold: false, bars })
    };
    let rows: Vec<Row> = Metric::RESOURCES.into_iter().filter_map(row).collect();
    let chart = Chart { label: "Share of the device".into(), rows, units: &[("%", 1.0)] };
    (!chart.rows.is_empty()).then(|| chart.draw(SMALL))
}

/// What each layer takes, a chart for each resource that is used at all.
fn resources(all: &Comparison) -> Vec<Named> {
    let text = |metric: Metric, figure: Figure| {
        let share = all.percent(metric, figure.value).map(|it| format!(" ({})", percent(it)));
        readable(figure.value) + &share.unwrap_or_default()
    };
    let chart = |metric: Metric| {
        let row = |it: &LayerRow| {
            let bars = Side::ALL.map(|side| {
                it.figures.of(side).get(metric).map(|it| bar(0.0, it, text(metric, it)))
            });
            Row { label: it.name.clone(), bold: false, bars }
        };
        let rows = all.layers.iter().filter(|it| !it.is_input()).map(row).collect();
        let label = format!("{} of each layer", metric.name());
        Named {
            name: metric.name(),
            unit: metric.unit(),
            svg: Chart { label, rows, units: &[(metric.unit(), 1.0)] }.draw(SMALL),
        }
    };
    let used = shown(all).into_iter().filter(|it| Metric::RESOURCES.contains(it));
    used.map(chart).collect()
}

#[cfg(test)]
mod tests {
    use super::super::compare::Cosim;
    use super::super::sample;
    use super::*;

    fn settled() -> Comparison {
        let mut all = sample::comparison();
        all.settle();
        all
    }

    #[test]
    fn the_page_holds_everything_and_loads_nothing() {
        let text = page(&settled(), &sample::formats());
        for part in [
            "digits.onnx",
            "xcvu9p-flgb2104-2-e",
            "5 ns (200 MHz)",
            "parallel",
            "Cosimulation: equal.",
            "360 samples",
            "within 20 % on 12 designs",
            "38,764 <small>3.28 %</small>",
            "<small>synthesized</small>",
            "9 cycles, 45 ns",
            "largest weight is 1.73",
            "class=\"net\"",
            "prefers-color-scheme: dark",
        ] {
            assert!(text.contains(part), "no `{part}` in the page");
        }
        for foreign in ["http:", "https:", "//", "<script", "<link", "<img", "url(", "@import"] {
            assert!(!text.contains(foreign), "`{foreign}` in the page");
        }
        assert_eq!(page(&settled(), &sample::formats()), text);
    }

    #[test]
    fn missing_parts_are_left_out() {
        let text = page(&Comparison { clock_ns: 5.0, ..Comparison::default() }, &[]);
        for part in ["<svg", "<table", "Notes", "Cosimulation", "Types", "null", "None"] {
            assert!(!text.contains(part), "`{part}` in the empty page");
        }
        let layers = sample::layers().into_iter();
        let bare = layers.map(|it| LayerRow { figures: Default::default(), stages: None, ..it });
        let all = Comparison { layers: bare.collect(), clock_ns: 5.0, ..Comparison::default() };
        let text = page(&all, &[]);
        assert!(text.contains("class=\"net\"") && !text.contains("class=\"chart\""));
        assert!(!text.contains("NaN") && !text.contains("inf"));
    }

    #[test]
    fn one_path_alone_makes_a_page() {
        let mut all = settled();
        all.total.hls = Default::default();
        all.layers.iter_mut().for_each(|it| it.figures.hls = Default::default());
        all.device = None;
        let text = page(&all, &[]);
        assert!(text.contains("whole network: HLS unknown, RTL 9 cycles, 45 ns"));
        assert!(!text.contains("Share of the device"));
    }

    #[test]
    fn no_field_can_smuggle_markup() {
        let evil = "<script>alert('x')</script>\"";
        let mut all = settled();
        all.model = evil.into();
        all.part = evil.into();
        all.settings.insert(evil.into(), evil.into());
        all.notes.push(evil.into());
        all.cosim = Some(Cosim {
            mismatches: 1,
            engines: vec![evil.into()],
            first_difference: Some(evil.into()),
            ..Cosim::default()
        });
        for row in &mut all.layers {
            (row.name, row.kind, row.shape) = (evil.into(), evil.into(), evil.into());
            row.formats.values_mut().for_each(|it| *it = evil.into());
        }
        let format = FormatRow {
            layer: evil.into(),
            role: evil.into(),
            format: evil.into(),
            reason: evil.into(),
        };
        let text = page(&all, &[format]);
        assert!(!text.contains("<script") && !text.contains("alert('"), "markup in the page");
        assert!(text.contains("Cosimulation: different."));
        assert!(text.matches("&lt;script&gt;").count() > 20);
    }
}
