//! Bar charts of the page, as SVG: a row for each layer, a bar for each path.
//!
//! Charts are drawn at the width they are shown at, so that their text keeps its size; narrow ones
//! have the labels above the bars. Estimated bars are pale.

use serde::Serialize;

use super::number::{elide, readable};
use super::templates;

/// Advance of a letter at 10 px, and of a label's at 11 px.
pub(super) const LETTER: f64 = 6.1;
const LABEL_LETTER: f64 = 6.7;
const BAR: f64 = 8.0;
const PITCH: f64 = 11.0;
/// Charts below this width have their labels above the bars.
const NARROW: f64 = 600.0;

/// A bar, from and to in the unit of the axis.
pub(super) struct Bar {
    pub(super) from: f64,
    pub(super) to: f64,
    /// What stands beside it.
    pub(super) text: String,
    pub(super) estimated: bool,
}

/// A row: HLS above, RTL below.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) bold: bool,
    pub(super) bars: [Option<Bar>; 2],
}

/// A chart.
pub(super) struct Chart<'a> {
    pub(super) label: String,
    pub(super) rows: Vec<Row>,
    /// Units below the axis, each with its size in units of the bars.
    pub(super) units: &'a [(&'a str, f64)],
    /// Where the axis ends at least, so that charts beside each other have the same.
    pub(super) reach: f64,
}

#[derive(Serialize)]
struct View {
    label: String,
    description: String,
    wide: i64,
    high: i64,
    floor: i64,
    ticks: Vec<Tick>,
    rows: Vec<RowView>,
}

#[derive(Serialize)]
struct Tick {
    x: i64,
    anchor: &'static str,
    texts: Vec<TickText>,
}

#[derive(Serialize)]
struct TickText {
    y: i64,
    text: String,
}

#[derive(Serialize)]
struct RowView {
    title: String,
    label: String,
    bold: bool,
    x: i64,
    y: i64,
    bars: Vec<BarView>,
}

#[derive(Serialize)]
struct BarView {
    class: &'static str,
    x: i64,
    y: i64,
    wide: Option<i64>,
    high: i64,
    text_x: i64,
    text_y: i64,
    text: String,
}

/// Where the bars are.
struct Plot {
    narrow: bool,
    left: f64,
    wide: f64,
    most: f64,
}

impl Chart<'_> {
    /// The chart as SVG of this width.
    pub(super) fn draw(&self, wide: f64) -> String {
        let plot = self.plot(wide);
        let row_high = if plot.narrow { 42.0 } else { 30.0 };
        let floor = self.rows.len() as f64 * row_high;
        let rows = self.rows.iter().enumerate();
        let view = View {
            label: self.label.clone(),
            description: self.rows.iter().map(title).collect::<Vec<_>>().join("; "),
            wide: whole(wide),
            high: whole(floor + 4.0 + 13.0 * self.units.len() as f64),
            floor: whole(floor),
            ticks: self.ticks(&plot, floor),
            rows: rows.map(|(idx, it)| plot.row(it, idx as f64 * row_high, wide)).collect(),
        };
        templates::render("chart.svg", &view)
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.rows.iter().flat_map(|it| it.bars.iter().flatten())
    }

    fn plot(&self, wide: f64) -> Plot {
        let letters = |text: &String| text.chars().count() as f64;
        let beside = self.bars().map(|it| letters(&it.text)).fold(1.0, f64::max) * LETTER + 10.0;
        let narrow = wide < NARROW;
        let label = self.rows.iter().map(|it| letters(&it.label)).fold(0.0, f64::max);
        let left = if narrow { 0.0 } else { (label * LABEL_LETTER + 12.0).min(0.3 * wide) };
        let most = self.bars().map(|it| it.to).fold(self.reach, f64::max);
        Plot {
            narrow,
            left,
            wide: (wide - left - beside).max(40.0),
            most: if most > 0.0 { most } else { 1.0 },
        }
    }

    fn ticks(&self, plot: &Plot, floor: f64) -> Vec<Tick> {
        let step = step(plot.most, (plot.wide / 90.0).max(1.0));
        let count = (plot.most / step).floor() as usize;
        let tick = |idx: usize| {
            let value = step * idx as f64;
            let texts = self.units.iter().enumerate().map(|(line, &(unit, size))| TickText {
                y: whole(floor + 13.0 * (line + 1) as f64),
                text: match idx {
                    0 => format!("0 {unit}"),
                    _ => readable(value * size),
                },
            });
            let anchor = if idx == 0 { "start" } else { "middle" };
            Tick { x: whole(plot.x(value)), anchor, texts: texts.collect() }
        };
        (0..=count.min(20)).map(tick).collect()
    }
}

impl Plot {
    fn x(&self, value: f64) -> f64 {
        self.left + value / self.most * self.wide
    }

    fn row(&self, row: &Row, top: f64, wide: f64) -> RowView {
        let letters = if self.narrow { wide } else { self.left - 8.0 } / LABEL_LETTER;
        let (label_y, first) = if self.narrow { (12.0, 17.0) } else { (17.0, 5.0) };
        let bars = row.bars.iter().zip(["hls", "rtl"]).enumerate();
        RowView {
            title: title(row),
            label: elide(&row.label, letters as usize),
            bold: row.bold,
            x: 0,
            y: whole(top + label_y),
            bars: bars
                .map(|(idx, (bar, path))| {
                    self.bar(bar.as_ref(), path, top + first + PITCH * idx as f64)
                })
                .collect(),
        }
    }

    fn bar(&self, bar: Option<&Bar>, path: &'static str, y: f64) -> BarView {
        let (from, to) = bar.map_or((0.0, 0.0), |it| (self.x(it.from), self.x(it.to)));
        // What takes no time still has its place.
        let wide = (to - from).max(1.0);
        BarView {
            class: match (path, bar.is_some_and(|it| it.estimated)) {
                ("hls", true) => "hls est",
                ("rtl", true) => "rtl est",
                _ => path,
            },
            x: whole(from),
            y: whole(y),
            wide: bar.map(|_| whole(wide)),
            high: whole(BAR),
            text_x: whole(if bar.is_some() { from + wide + 5.0 } else { self.left + 5.0 }),
            text_y: whole(y + BAR),
            text: bar.map_or(super::number::UNKNOWN.to_owned(), |it| it.text.clone()),
        }
    }
}

/// A row in words.
fn title(row: &Row) -> String {
    let side = |bar: &Option<Bar>| bar.as_ref().map_or("unknown".to_owned(), |it| it.text.clone());
    format!("{}: HLS {}, RTL {}", row.label, side(&row.bars[0]), side(&row.bars[1]))
}

/// A round distance of ticks, so that there are at most so many.
pub(super) fn step(most: f64, intervals: f64) -> f64 {
    let raw = most / intervals;
    let power = 10.0f64.powi(raw.log10().floor() as i32);
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power);
    let step = round.into_iter().find(|&it| it >= raw).unwrap_or(10.0 * power);
    // Counts have no ticks between whole numbers; shares may be small.
    if most >= 2.0 { step.max(1.0) } else { step }
}

pub(super) fn whole(value: f64) -> i64 {
    value.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart<'static> {
        let bar =
            |from, to, text: &str| Some(Bar { from, to, text: text.into(), estimated: to > 8.0 });
        Chart {
            label: "Latency".into(),
            rows: vec![
                Row { label: "<a>".into(), bold: true, bars: [bar(0.0, 9.0, "9"), None] },
                Row {
                    label: "b".into(),
                    bold: false,
                    bars: [bar(9.0, 9.0, "0"), bar(0.0, 4.0, "4")],
                },
            ],
            units: &[("cycles", 1.0), ("ns", 5.0)],
            reach: 0.0,
        }
    }

    #[test]
    fn both_widths_hold_every_bar() {
        for wide in [350.0, 900.0] {
            let text = chart().draw(wide);
            assert_eq!(text.matches("<rect").count(), 3, "{text}");
            assert_eq!(text.matches("class=\"hls est\"").count(), 2);
            assert!(text.contains(">–<") && text.contains("&lt;a&gt;"), "{text}");
            assert!(text.contains("&lt;a&gt;: HLS 9, RTL unknown; b: HLS 0, RTL 4"), "{text}");
            assert!(text.contains(">0 cycles<") && text.contains(">0 ns<"), "{text}");
        }
    }

    #[test]
    fn nothing_to_draw_is_drawn() {
        let empty = Chart { label: "x".into(), rows: Vec::new(), units: &[("", 1.0)], reach: 0.0 };
        assert!(empty.draw(300.0).contains("<svg"));
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(step(33.0, 6.0), 10.0);
        assert_eq!(step(9.0, 20.0), 1.0);
        assert_eq!(step(38_764.0, 3.0), 20_000.0);
        assert_eq!(step(0.7, 3.0), 0.5);
    }
}
