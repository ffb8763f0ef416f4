//! The report as one self-contained HTML page: no script, nothing loaded from anywhere.

use serde::Serialize;

use super::charts::{self, Named};
use super::compare::{Comparison, Figure, FormatRow, LayerRow, Metric, Side};
use super::listing::{Column, columns, heading, verdict};
use super::number::{self, percent, readable};
use super::{svg, templates};

/// Longest name in a table, letters; the whole one is shown on pointing at it.
const LONGEST: usize = 32;

#[derive(Serialize)]
struct View<'a> {
    title: String,
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
    groups: Vec<Group>,
    layers: Vec<LayerView<'a>>,
    formats: Vec<FormatView<'a>>,
}

/// The columns of a metric, in the table of layers.
#[derive(Serialize)]
struct Group {
    name: &'static str,
    columns: Vec<Head>,
}

#[derive(Serialize)]
struct Head {
    side: &'static str,
    class: &'static str,
    source: &'static str,
}

#[derive(Serialize)]
struct FormatView<'a> {
    #[serde(flatten)]
    row: &'a FormatRow,
    name: String,
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
    share: Option<String>,
}

#[derive(Serialize)]
struct Marked {
    text: String,
    mark: &'static str,
}

#[derive(Serialize)]
struct LayerView<'a> {
    row: &'a LayerRow,
    name: String,
    parameters: String,
    stages: String,
    cells: Vec<Marked>,
}

/// The page of a comparison that was settled, with every type of the network if there are any.
pub fn page(all: &Comparison, formats: &[FormatRow]) -> String {
    let columns = columns(&all.layers);
    let name = |it: &str| number::elide(it, LONGEST);
    let view = View {
        title: format!("{}: HLS against RTL", all.model),
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
        latency: charts::latency(all),
        share: charts::share(all),
        resources: charts::resources(all),
        groups: columns.chunk_by(|a, b| a.metric == b.metric).map(group).collect(),
        layers: all.layers.iter().map(|it| layer(it, &columns)).collect(),
        formats: formats.iter().map(|row| FormatView { row, name: name(&row.layer) }).collect(),
    };
    templates::render("report.html", &view)
}

fn group(columns: &[Column]) -> Group {
    let head = |it: &Column| Head {
        side: it.side.name(),
        class: if it.side == Side::Hls { "hls-t" } else { "rtl-t" },
        source: it.source.map_or("", |it| it.short()),
    };
    let name = columns.first().map_or("", |it| heading(it.metric));
    Group { name, columns: columns.iter().map(head).collect() }
}

fn cell(all: &Comparison, metric: Metric, figure: Option<Figure>) -> Cell {
    Cell {
        text: number::figure(figure),
        source: figure.map_or("", |it| it.source.name()),
        share: figure.and_then(|it| all.percent(metric, it.value)).map(percent),
    }
}

fn totals(all: &Comparison) -> Vec<TotalRow> {
    let known = |it: &Metric| Side::ALL.iter().any(|&side| all.total.of(side).get(*it).is_some());
    let row = |metric: Metric| TotalRow {
        name: metric.name(),
        unit: metric.unit(),
        sides: Side::ALL.map(|it| cell(all, metric, all.total.of(it).get(metric))).into(),
        ratio: number::ratio(all.total.ratio(metric)),
    };
    Metric::ALL.into_iter().filter(known).map(row).collect()
}

fn layer<'a>(row: &'a LayerRow, columns: &[Column]) -> LayerView<'a> {
    let cells = columns.iter().map(|it| it.cell(row));
    LayerView {
        row,
        name: number::elide(&row.name, LONGEST),
        parameters: readable(row.parameters as f64),
        stages: row.stages.map_or(number::UNKNOWN.into(), |it| format!("{}–{}", it.from, it.to)),
        cells: cells.map(|(text, mark)| Marked { text, mark }).collect(),
    }
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
            "<td>synthesized</td>",
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
