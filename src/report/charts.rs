//! The charts of the page: when each layer works, and what it takes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chart::{Bar, Chart, Row};
use super::compare::{Comparison, Figure, LayerRow, Metric, Side, Source};
use super::listing::columns;
use super::number::{percent, readable};

/// Widths at which charts are drawn: for a desk and for a phone, px.
const WIDE: f64 = 1016.0;
pub(super) const SMALL: f64 = 320.0;

/// A chart with its heading.
#[derive(Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) svg: String,
}

pub(super) fn bar(from: f64, figure: Figure, text: String) -> Bar {
    let estimated = figure.source == Source::Estimated;
    Bar { from, to: from + figure.value, text, estimated }
}

/// When each layer works, wide and small: on the direct path by its stages, else after the layers
/// that feed it.
pub(super) fn latency(all: &Comparison) -> Vec<String> {
    let rows = latency_rows(all);
    if rows.is_empty() {
        return Vec::new();
    }
    let label = "Latency of each layer on both paths".into();
    let chart = Chart { label, rows, units: &[("cycles", 1.0), ("ns", all.clock_ns)], reach: 0.0 };
    vec![chart.draw(WIDE), chart.draw(SMALL)]
}

/// The whole network, then the layers whose latency is known.
pub(super) fn latency_rows(all: &Comparison) -> Vec<Row> {
    let text = |it: Figure| {
        let cycles = if it.value == 1.0 { "cycle" } else { "cycles" };
        let ns = readable(it.value * all.clock_ns);
        format!("{} {cycles}, {ns} ns", readable(it.value))
    };
    let mut ends = BTreeMap::new();
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
    rows
}

/// What both designs take of the device.
pub(super) fn share(all: &Comparison) -> Option<String> {
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
    let label = "Share of the device".into();
    let chart = Chart { label, rows, units: &[("%", 1.0)], reach: 0.0 };
    (!chart.rows.is_empty()).then(|| chart.draw(SMALL))
}

/// What each layer takes, a chart for each resource that is used at all.
pub(super) fn resources(all: &Comparison) -> Vec<Named> {
    let chart = |metric: Metric| {
        let (rows, label) =
            (resource_rows(all, metric), format!("{} of each layer", metric.name()));
        let chart = Chart { label, rows, units: &[(metric.unit(), 1.0)], reach: 0.0 };
        Named { name: metric.name().into(), unit: metric.unit(), svg: chart.draw(SMALL) }
    };
    let columns = columns(&all.layers);
    let used = |it: &Metric| columns.iter().any(|column| column.metric == *it);
    Metric::RESOURCES.into_iter().filter(used).map(chart).collect()
}

/// What each layer takes of one resource.
pub(super) fn resource_rows(all: &Comparison, metric: Metric) -> Vec<Row> {
    let row = |it: &LayerRow| {
        let bars = Side::ALL.map(|side| {
            it.figures.of(side).get(metric).map(|it| bar(0.0, it, counted(all, metric, it)))
        });
        Row { label: it.name.clone(), bold: false, bars }
    };
    all.layers.iter().filter(|it| !it.is_input()).map(row).collect()
}

/// A number, and which share of the device it is if it is one.
pub(super) fn counted(all: &Comparison, metric: Metric, figure: Figure) -> String {
    let share = all.percent(metric, figure.value).map(|it| format!(" ({})", percent(it)));
    readable(figure.value) + &share.unwrap_or_default()
}
