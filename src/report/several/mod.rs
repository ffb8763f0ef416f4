//! Several designs side by side: a column for each path of each design, every number with its
//! source and with its difference from the first column.
//!
//! Data only, as [`super::compare`]: [`text`] and [`html`] are views of it, and its JSON.

mod charts;
pub mod html;
mod points;
#[cfg(test)]
mod sample;
pub mod text;

use serde::Serialize;

pub use points::{Across, Picture, Point};

use super::compare::{Comparison, Figure, Figures, LayerRow, Metric, Side};
use super::number::readable;

/// Figures of a layer that are shown for each design.
pub const OF_LAYERS: [Metric; 6] =
    [Metric::LatencyCycles, Metric::Ii, Metric::Lut, Metric::Ff, Metric::Dsp, Metric::BramKbit];

/// One of the designs.
#[derive(Clone, Debug, Serialize)]
pub struct Design {
    /// By which it is called here; no two have the same.
    pub name: String,
    /// Its folder.
    pub folder: String,
    /// SHA-256 of its model's bytes.
    pub model_sha256: String,
    /// The paths it has, in the order of the columns.
    pub paths: Vec<Side>,
    /// Its figures, settled.
    pub comparison: Comparison,
}

/// A path of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Which design.
    pub design: usize,
    /// Which of its paths.
    pub path: Side,
}

/// What is not the same for all designs, although figures are best compared where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unlike {
    /// What it is: `model`, `device`, `clock`.
    pub what: &'static str,
    /// What each design has.
    pub values: Vec<String>,
}

/// A number of a column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The number and its source.
    #[serde(flatten)]
    pub figure: Figure,
    /// How many times the number of the first column it is, if that is known and not zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// What the columns have of one metric.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The metric.
    pub metric: Metric,
    /// Its unit, empty for plain counts.
    pub unit: &'static str,
    /// A cell for each column; `None` where nothing is known.
    pub cells: Vec<Option<Cell>>,
}

/// A layer that at least one design has.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// The designs that have it.
    pub designs: Vec<bool>,
    /// What is known of it.
    pub rows: Vec<Row>,
}

/// Several designs.
#[derive(Clone, Debug, Serialize)]
pub struct Several {
    /// The designs, in the order in which they were given.
    pub designs: Vec<Design>,
    /// What their figures stand under.
    pub columns: Vec<Column>,
    /// What is not alike.
    pub unlike: Vec<Unlike>,
    /// The whole designs.
    pub totals: Vec<Row>,
    /// The layers of all designs, in their order.
    pub layers: Vec<Layer>,
    /// Which design is best at what.
    pub pictures: Vec<Picture>,
}

impl Several {
    /// Puts designs, whose names must differ, side by side.
    pub fn new(designs: Vec<Design>) -> Several {
        let column = |(design, it): (usize, &Design)| {
            let paths: Vec<Column> = it.paths.iter().map(|&path| Column { design, path }).collect();
            paths
        };
        let columns = designs.iter().enumerate().flat_map(column).collect();
        let mut all = Several {
            unlike: unlike(&designs),
            totals: Vec::new(),
            layers: Vec::new(),
            pictures: Vec::new(),
            columns,
            designs,
        };
        all.totals = all.rows(&Metric::ALL, |it| Some(*it.figures()));
        all.layers = order(&all.designs).iter().map(|name| all.layer(name)).collect();
        all.pictures = points::pictures(&all);
        all
    }

    /// The name of a column: `A RTL`.
    pub fn name(&self, column: Column) -> String {
        format!("{} {}", self.designs[column.design].name, column.path.name())
    }

    /// What is known of one column.
    fn of(&self, column: Column) -> Known<'_> {
        Known { comparison: &self.designs[column.design].comparison, path: column.path }
    }

    /// A row for each metric of which something is known.
    fn rows(
        &self,
        metrics: &[Metric],
        figures: impl Fn(&Known<'_>) -> Option<Figures>,
    ) -> Vec<Row> {
        let known: Vec<Option<Figures>> =
            self.columns.iter().map(|it| figures(&self.of(*it))).collect();
        let row = |&metric: &Metric| {
            let figures: Vec<Option<Figure>> =
                known.iter().map(|it| it.as_ref()?.get(metric)).collect();
            let base = figures.first().copied().flatten().map(|it| it.value);
            let cell = |figure: Figure| {
                let base = base.filter(|it| *it != 0.0);
                Cell { figure, ratio: base.map(|base| figure.value / base) }
            };
            let cells = figures.iter().map(|it| it.map(cell)).collect();
            Row { metric, unit: metric.unit(), cells }
        };
        metrics.iter().map(row).filter(|it| it.cells.iter().any(Option::is_some)).collect()
    }

    fn layer(&self, name: &str) -> Layer {
        let has = |it: &Design| find(&it.comparison, name).is_some();
        let figures =
            |it: &Known<'_>| find(it.comparison, name).map(|row| *row.figures.of(it.path));
        Layer {
            name: name.to_owned(),
            designs: self.designs.iter().map(has).collect(),
            rows: self.rows(&OF_LAYERS, figures),
        }
    }

    /// The layers' cells of a metric, one for each layer and column; `None` if all are zero.
    fn layers_of(&self, metric: Metric) -> Option<Vec<LayerCells<'_>>> {
        let row = |layer: &Layer| layer.rows.iter().find(|it| it.metric == metric).cloned();
        let nothing = || vec![None; self.columns.len()];
        let cells = |it| (it, row(it).map_or_else(nothing, |it| it.cells));
        let rows: Vec<LayerCells<'_>> = self.layers.iter().map(cells).collect();
        let mut all = rows.iter().flat_map(|it| it.1.iter().flatten());
        all.any(|it| it.figure.value != 0.0).then_some(rows)
    }
}

/// A layer, and its cell for each column.
type LayerCells<'a> = (&'a Layer, Vec<Option<Cell>>);

/// A path of a design with all that is known of it.
struct Known<'a> {
    comparison: &'a Comparison,
    path: Side,
}

impl Known<'_> {
    fn figures(&self) -> &Figures {
        self.comparison.total.of(self.path)
    }
}

fn find<'a>(comparison: &'a Comparison, name: &str) -> Option<&'a LayerRow> {
    comparison.layers.iter().find(|it| it.name == name && !it.is_input())
}

/// The names of all layers: those of the first design, those of the others behind the layer that
/// they follow there.
fn order(designs: &[Design]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for design in designs {
        let mut next = 0;
        for layer in design.comparison.layers.iter().filter(|it| !it.is_input()) {
            match names.iter().position(|it| *it == layer.name) {
                Some(at) => next = at + 1,
                None => {
                    names.insert(next, layer.name.clone());
                    next += 1;
                }
            }
        }
    }
    names
}

fn unlike(designs: &[Design]) -> Vec<Unlike> {
    let found = |what: &'static str, of: &dyn Fn(&Design) -> String| {
        let values: Vec<String> = designs.iter().map(of).collect();
        let differ = values.iter().any(|it| *it != values[0]);
        differ.then_some(Unlike { what, values })
    };
    // Two files of one name may hold different models.
    let model = |it: &Design| format!("{} ({:.8})", it.comparison.model, it.model_sha256);
    let device = |it: &Design| it.comparison.part.clone();
    let clock = |it: &Design| format!("{} ns", readable(it.comparison.clock_ns));
    let all = [found("model", &model), found("device", &device), found("clock", &clock)];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::compare::Source;
    use super::*;

    #[test]
    fn columns_differ_from_the_first() {
        let all = Several::new(sample::designs());
        let names: Vec<String> = all.columns.iter().map(|it| all.name(*it)).collect();
        assert_eq!(names, ["base RTL", "base HLS", "folded RTL", "other RTL", "other HLS"]);
        let lut = all.totals.iter().find(|it| it.metric == Metric::Lut).unwrap();
        let cell = lut.cells[2].unwrap();
        assert_eq!(cell.figure, Figure::new(2241.0, Source::Estimated));
        assert_eq!(cell.ratio, Some(0.1));
        let dsp = all.totals.iter().find(|it| it.metric == Metric::Dsp).unwrap();
        assert_eq!(dsp.cells[1].unwrap().ratio, None, "nothing is a multiple of zero");
    }

    #[test]
    fn layers_are_matched_by_name() {
        let all = Several::new(sample::designs());
        let names: Vec<&str> = all.layers.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["conv1", "conv2", "add", "dense", "argmax", "softmax"]);
        assert_eq!(all.layers[4].designs, [false, true, false]);
        assert_eq!(all.layers[5].designs, [true, false, true]);
    }

    #[test]
    fn what_is_not_alike_is_said() {
        let what = |designs| -> Vec<&'static str> {
            Several::new(designs).unlike.iter().map(|it| it.what).collect()
        };
        let mut designs = sample::designs();
        assert_eq!(what(designs.clone()), ["device", "clock"]);
        designs[1].model_sha256 = "f".repeat(64);
        assert_eq!(what(designs.clone()), ["model", "device", "clock"]);
        designs.truncate(1);
        assert!(what(designs).is_empty());
    }
}
