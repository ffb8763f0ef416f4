//! The charts of several designs: of each metric with a row for each design, and of the layers of
//! each design beside each other, on the same axes.

use serde::Serialize;

use super::super::chart::{Chart, Row};
use super::super::charts::{self, Named, SMALL, bar, counted};
use super::super::compare::{Figure, Metric, Side};
use super::super::listing::heading;
use super::super::number::readable;
use super::super::scatter::{Point, Scatter};
use super::{Across, Design, Picture, Several};

/// Sizes at which the pictures of all designs are drawn, for a desk and for a phone, px.
const WIDE: (f64, f64) = (490.0, 360.0);
const NARROW: (f64, f64) = (320.0, 320.0);

/// Charts of one metric, one for each design.
#[derive(Serialize)]
pub(super) struct Group {
    name: &'static str,
    unit: &'static str,
    charts: Vec<Named>,
}

/// A picture in both sizes, with what it leaves out.
#[derive(Serialize)]
pub(super) struct Drawn {
    name: String,
    wide: String,
    small: String,
    best: String,
    unknown: String,
}

/// A chart for each metric that is known and not zero, with a row for each design.
pub(super) fn totals(all: &Several) -> Vec<Named> {
    let chart = |metric: Metric| {
        let row = |it: &Design| {
            let bars = Side::ALL.map(|side| {
                let figure = it.comparison.total.of(side).get(metric)?;
                let own = it.paths.contains(&side);
                own.then(|| bar(0.0, figure, counted(&it.comparison, metric, figure)))
            });
            Row { label: it.name.clone(), bold: false, bars }
        };
        let rows: Vec<Row> = all.designs.iter().map(row).collect();
        let known = rows.iter().flat_map(|it| it.bars.iter().flatten()).any(|it| it.to > 0.0);
        let label = format!("{} of each design", metric.name());
        let chart = Chart { label, rows, units: &[(metric.unit(), 1.0)], reach: 0.0 };
        let drawn =
            || Named { name: metric.name().into(), unit: metric.unit(), svg: chart.draw(SMALL) };
        known.then(drawn)
    };
    let shown = |it: &Metric| *it != Metric::LatencyCycles;
    Metric::ALL.into_iter().filter(shown).filter_map(chart).collect()
}

/// The layers of each design, a group for latency and for each resource that is used.
pub(super) fn layers(all: &Several) -> Vec<Group> {
    let metrics = [Metric::LatencyCycles].into_iter().chain(Metric::RESOURCES);
    metrics.filter(|it| all.layers_of(*it).is_some()).map(|it| group(all, it)).collect()
}

fn group(all: &Several, metric: Metric) -> Group {
    let is_latency = metric == Metric::LatencyCycles;
    let rows = |it: &Design| match is_latency {
        true => charts::latency_rows(&it.comparison),
        false => charts::resource_rows(&it.comparison, metric),
    };
    let rows: Vec<Vec<Row>> = all.designs.iter().map(rows).collect();
    let ends = rows.iter().flatten().flat_map(|it| it.bars.iter().flatten()).map(|it| it.to);
    let reach = ends.fold(0.0, f64::max);
    let chart = |(design, rows): (&Design, Vec<Row>)| {
        let ns = design.comparison.clock_ns;
        let units = [(metric.unit(), 1.0), ("ns", ns)];
        let units = if is_latency { &units[..] } else { &units[..1] };
        let label = format!("{} of each layer of {}", metric.name(), design.name);
        let svg = Chart { label, rows, units, reach }.draw(SMALL);
        Named { name: design.name.clone(), unit: "", svg }
    };
    let charts = all.designs.iter().zip(rows).filter(|it| !it.1.is_empty()).map(chart).collect();
    let name = if is_latency { metric.name() } else { heading(metric) };
    Group { name, unit: metric.unit(), charts }
}

/// The pictures of all designs as points.
pub(super) fn pictures(all: &Several) -> Vec<Drawn> {
    all.pictures.iter().map(|it| drawn(all, it)).collect()
}

fn drawn(all: &Several, picture: &Picture) -> Drawn {
    let name = |it: usize| all.name(all.columns[it]);
    let point = |it: &super::Point| {
        let told = |it: Figure, unit: &str| {
            format!("{} {unit} ({})", readable(it.value), it.source.name())
        };
        let dsp = all.of(all.columns[it.column]).figures().dsp;
        let dsp = dsp.map(|it| format!(", {}", told(it, "DSP"))).unwrap_or_default();
        Point {
            x: it.x.value,
            y: it.y.value,
            label: name(it.column),
            title: format!("{}: {}, {}{dsp}", name(it.column), told(it.x, "ns"), told(it.y, "LUT")),
            hls: all.columns[it.column].path == Side::Hls,
            estimated: it.is_estimated(),
            best: it.best,
        }
    };
    let heading = match picture.across {
        Across::Latency => "Latency against lookup tables",
        Across::Interval => "Time from sample to sample against lookup tables",
    };
    let scatter = Scatter {
        label: heading.into(),
        across: picture.across.axis(),
        up: "LUT",
        points: picture.points.iter().map(point).collect(),
    };
    let best = picture.points.iter().filter(|it| it.best).map(|it| name(it.column));
    Drawn {
        name: heading.into(),
        wide: scatter.draw(WIDE.0, WIDE.1),
        small: scatter.draw(NARROW.0, NARROW.1),
        best: best.collect::<Vec<_>>().join(", "),
        unknown: picture.unknown.iter().map(|it| name(*it)).collect::<Vec<_>>().join(", "),
    }
}
