//! Several designs as one self-contained HTML page: no script, nothing loaded from anywhere.

use serde::Serialize;

use super::super::charts::Named;
use super::super::compare::{Metric, Side};
use super::super::listing::{heading, verdict};
use super::super::number::{self, UNKNOWN, change, elide, percent, readable};
use super::super::templates;
use super::charts::{self, Drawn, Group};
use super::text::notes;
use super::{Cell, Column, OF_LAYERS, Several, Unlike};

/// Longest name in a table, letters; the whole one is shown on pointing at it.
const LONGEST: usize = 28;

#[derive(Serialize)]
struct View<'a> {
    title: String,
    version: &'static str,
    base: String,
    designs: Vec<DesignView<'a>>,
    unlike: Vec<UnlikeView<'a>>,
    pictures: Vec<Drawn>,
    columns: Vec<Head<'a>>,
    totals: Vec<RowView>,
    charts: Vec<Named>,
    layers: Vec<Table>,
    groups: Vec<Group>,
    notes: Vec<(String, String)>,
}

#[derive(Serialize)]
struct DesignView<'a> {
    name: &'a str,
    folder: &'a str,
    model: &'a str,
    part: &'a str,
    clock: String,
    settings: String,
    cosim: String,
}

#[derive(Serialize)]
struct UnlikeView<'a> {
    what: &'a str,
    values: Vec<(&'a str, &'a str)>,
}

#[derive(Serialize)]
struct Head<'a> {
    name: String,
    whole: &'a str,
    path: &'static str,
    class: &'static str,
}

/// The layers by one metric.
#[derive(Serialize)]
struct Table {
    name: &'static str,
    unit: &'static str,
    rows: Vec<RowView>,
}

#[derive(Serialize)]
struct RowView {
    name: String,
    whole: String,
    unit: &'static str,
    cells: Vec<CellView>,
}

#[derive(Serialize)]
struct CellView {
    text: String,
    share: Option<String>,
    source: &'static str,
    change: Option<String>,
}

/// The page.
pub fn page(all: &Several) -> String {
    let names: Vec<&str> = all.designs.iter().map(|it| it.name.as_str()).collect();
    let view = View {
        title: format!("{} designs: {}", names.len(), elide(&names.join(", "), 80)),
        version: env!("CARGO_PKG_VERSION"),
        base: all.columns.first().map_or(String::new(), |it| all.name(*it)),
        designs: designs(all),
        unlike: all.unlike.iter().map(|it| unlike(it, &names)).collect(),
        pictures: charts::pictures(all),
        columns: all.columns.iter().map(|it| head(all, it)).collect(),
        totals: totals(all),
        charts: charts::totals(all),
        layers: OF_LAYERS.into_iter().filter_map(|it| table(all, it)).collect(),
        groups: charts::layers(all),
        notes: notes(all),
    };
    templates::render("several.html", &view)
}

fn designs(all: &Several) -> Vec<DesignView<'_>> {
    all.designs.iter().map(design).collect()
}

fn design(it: &super::Design) -> DesignView<'_> {
    let all = &it.comparison;
    let settings = all.settings.iter().map(|(key, value)| format!("{key} {value}"));
    DesignView {
        name: &it.name,
        folder: &it.folder,
        model: &all.model,
        part: &all.part,
        clock: readable(all.clock_ns),
        settings: settings.collect::<Vec<_>>().join(", "),
        cosim: all.cosim.as_ref().map_or(UNKNOWN.into(), verdict),
    }
}

fn unlike<'a>(it: &'a Unlike, names: &[&'a str]) -> UnlikeView<'a> {
    let values = names.iter().copied().zip(it.values.iter().map(String::as_str));
    UnlikeView { what: it.what, values: values.collect() }
}

fn head<'a>(all: &'a Several, column: &Column) -> Head<'a> {
    let whole = &all.designs[column.design].name;
    Head {
        name: elide(whole, LONGEST),
        whole,
        path: column.path.name(),
        class: if column.path == Side::Hls { "hls-t" } else { "rtl-t" },
    }
}

fn totals(all: &Several) -> Vec<RowView> {
    let row = |it: &super::Row| RowView {
        name: it.metric.name().into(),
        whole: String::new(),
        unit: it.unit,
        cells: cells(all, it.metric, &it.cells, |_| UNKNOWN),
    };
    all.totals.iter().map(row).collect()
}

fn table(all: &Several, metric: Metric) -> Option<Table> {
    let row = |(layer, found): (&super::Layer, Vec<Option<Cell>>)| {
        // A layer that a design lacks has no figures to be unknown.
        let nothing = |it: &Column| if layer.designs[it.design] { UNKNOWN } else { "" };
        RowView {
            name: elide(&layer.name, LONGEST),
            whole: layer.name.clone(),
            unit: "",
            cells: cells(all, metric, &found, nothing),
        }
    };
    let rows = all.layers_of(metric)?.into_iter().map(row).collect();
    Some(Table { name: heading(metric), unit: metric.unit(), rows })
}

fn cells(
    all: &Several,
    metric: Metric,
    cells: &[Option<Cell>],
    nothing: impl Fn(&Column) -> &'static str,
) -> Vec<CellView> {
    let view = |(at, (column, cell)): (usize, (&Column, &Option<Cell>))| match cell {
        None => CellView { text: nothing(column).into(), share: None, source: "", change: None },
        Some(it) => CellView {
            text: number::figure(Some(it.figure)),
            share: all.of(*column).comparison.percent(metric, it.figure.value).map(percent),
            source: it.figure.source.name(),
            change: it.ratio.filter(|_| at > 0).map(change),
        },
    };
    all.columns.iter().zip(cells).enumerate().map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_page_holds_everything_and_loads_nothing() {
        let all = Several::new(sample::designs());
        let text = page(&all);
        for part in [
            "3 designs: base, folded, other",
            "not the same device",
            "xc7k325tffg900-2",
            "Latency against lookup tables",
            "Time from sample to sample against lookup tables",
            "class=\"front\"",
            "base RTL +1</text>",
            "<small>synthesized</small>",
            "argmax",
            "prefers-color-scheme: dark",
            "Differences are from base RTL",
        ] {
            assert!(text.contains(part), "no `{part}` in the page");
        }
        for foreign in ["http:", "https:", "//", "<script", "<link", "<img", "url(", "@import"] {
            assert!(!text.contains(foreign), "`{foreign}` in the page");
        }
        assert_eq!(page(&all), text);
    }

    #[test]
    fn nothing_known_is_still_a_page() {
        let mut designs = sample::designs();
        for it in &mut designs {
            it.comparison.total = Default::default();
            it.comparison.layers.clear();
            it.paths.clear();
        }
        let text = page(&Several::new(designs));
        for part in ["<svg", "NaN", "inf", "null", "None"] {
            assert!(!text.contains(part), "`{part}` in the empty page");
        }
    }

    #[test]
    fn no_field_can_smuggle_markup() {
        let evil = "<script>alert('x')</script>\"";
        let mut designs = sample::designs();
        for (idx, it) in designs.iter_mut().enumerate() {
            (it.name, it.folder) = (format!("{evil}{idx}"), evil.into());
            let all = &mut it.comparison;
            (all.model, all.part) = (format!("{evil}{idx}"), format!("{evil}{idx}"));
            all.settings.insert(evil.into(), evil.into());
            all.notes.push(evil.into());
            all.layers.iter_mut().for_each(|it| it.name = evil.into());
        }
        let text = page(&Several::new(designs));
        assert!(!text.contains("<script") && !text.contains("alert('"), "markup in the page");
        assert!(text.matches("&lt;script&gt;").count() > 20);
    }
}
