//! Which designs are best: latency, and the time from one sample to the next, against lookup tables.
//!
//! A design is on the front if no other is at least as good in both and better in one.

use serde::Serialize;

use super::super::compare::{Figure, Metric, Source};
use super::{Column, Several};

/// What a picture's horizontal axis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Across {
    /// From the first input to the last output, ns.
    Latency,
    /// From one sample to the next: the II times the clock, ns.
    Interval,
}

impl Across {
    /// What it is.
    pub fn name(self) -> &'static str {
        match self {
            Across::Latency => "latency",
            Across::Interval => "time from sample to sample",
        }
    }

    /// What stands at the axis.
    pub(super) fn axis(self) -> &'static str {
        match self {
            Across::Latency => "latency, ns",
            Across::Interval => "from sample to sample, ns",
        }
    }
}

/// A column in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Which column.
    pub column: usize,
    /// Time, ns.
    pub x: Figure,
    /// Lookup tables.
    pub y: Figure,
    /// It is on the front.
    pub best: bool,
}

/// The columns by two figures of theirs, both of which are better when small.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picture {
    /// What the points' `x` is.
    pub across: Across,
    /// The columns of which both figures are known.
    pub points: Vec<Point>,
    /// The columns that lack one.
    pub unknown: Vec<usize>,
}

/// The pictures that show something: two points at least, and no second one that is like the first.
pub(super) fn pictures(all: &Several) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    for across in [Across::Latency, Across::Interval] {
        let picture = picture(all, across);
        let places = |it: &Picture| -> Vec<_> {
            it.points.iter().map(|it| (it.column, it.x.value, it.y.value)).collect()
        };
        let again = pictures.iter().any(|it| places(it) == places(&picture));
        if picture.points.len() > 1 && !again {
            pictures.push(picture);
        }
    }
    pictures
}

fn picture(all: &Several, across: Across) -> Picture {
    let place = |&column: &Column| {
        let known = all.of(column);
        let figures = known.figures();
        let x = match across {
            Across::Latency => figures.get(Metric::LatencyNs)?,
            Across::Interval => {
                let cycles = figures.get(Metric::Ii)?;
                Figure { value: cycles.value * known.comparison.clock_ns, ..cycles }
            }
        };
        Some((x, figures.get(Metric::Lut)?))
    };
    let places: Vec<Option<(Figure, Figure)>> = all.columns.iter().map(place).collect();
    let values: Vec<(f64, f64)> =
        places.iter().flatten().map(|(x, y)| (x.value, y.value)).collect();
    let point = |(column, place): (usize, &Option<(Figure, Figure)>)| {
        let (x, y) = (*place)?;
        Some(Point { column, x, y, best: is_best((x.value, y.value), &values) })
    };
    Picture {
        across,
        points: places.iter().enumerate().filter_map(point).collect(),
        unknown: (0..places.len()).filter(|&it| places[it].is_none()).collect(),
    }
}

fn is_best(own: (f64, f64), all: &[(f64, f64)]) -> bool {
    let beats = |it: &(f64, f64)| it.0 <= own.0 && it.1 <= own.1 && *it != own;
    !all.iter().any(beats)
}

impl Point {
    /// One of its figures is an estimate.
    pub(super) fn is_estimated(&self) -> bool {
        self.x.source.max(self.y.source) == Source::Estimated
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_front() {
        let all = [(1.0, 9.0), (2.0, 4.0), (3.0, 4.0), (4.0, 1.0), (5.0, 2.0), (2.0, 4.0)];
        let best: Vec<bool> = all.iter().map(|it| is_best(*it, &all)).collect();
        assert_eq!(best, [true, true, false, true, false, true], "equal ones are both on it");
    }

    #[test]
    fn columns_without_figures_are_named() {
        let mut designs = sample::designs();
        designs[0].comparison.total.hls = Default::default();
        let all = Several::new(designs);
        let latency = &all.pictures[0];
        assert_eq!(latency.across, Across::Latency);
        assert_eq!(latency.unknown, [1], "{:?}", all.columns);
        assert_eq!(latency.points.len(), all.columns.len() - 1);
        // Twice the II of the second design at half its clock.
        let interval = all.pictures[1].points.iter().find(|it| it.column == 2).unwrap();
        assert_eq!(interval.x.value, 2.5 * 4.0);
    }

    #[test]
    fn one_point_is_no_picture() {
        let mut designs = sample::designs();
        designs.truncate(1);
        designs[0].comparison.total.hls = Default::default();
        assert!(Several::new(designs).pictures.is_empty());
    }
}
