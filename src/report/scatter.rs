//! A picture of designs as points, as SVG: the less of both axes the better, the best joined by a
//! line of steps.
//!
//! An axis whose values differ by more than a factor of twenty is logarithmic. Labels stand where
//! they hide no point and no other label, joined to their point by a thin line if that is not beside it;
//! of points at one place one is named, with the number of the others.

use serde::Serialize;

use super::chart::{LETTER, step, whole};
use super::number::{elide, readable};
use super::templates;

/// From so large a ratio of the largest to the smallest value on an axis is logarithmic.
const FAR_APART: f64 = 20.0;
/// Above the plot: what its numbers are.
const TOP: f64 = 18.0;
const RIGHT: f64 = 14.0;
/// Below the plot: numbers, and what they are.
const BOTTOM: f64 = 32.0;
/// Half a mark.
const MARK: f64 = 4.5;
const LINE: f64 = 12.0;
/// Longest label, as a share of the width.
const LABEL: f64 = 0.4;

/// A point.
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// What stands beside it.
    pub(super) label: String,
    /// What is said on pointing at it.
    pub(super) title: String,
    /// Of the HLS path: a square.
    pub(super) hls: bool,
    pub(super) estimated: bool,
    /// No other is better.
    pub(super) best: bool,
}

/// A picture.
pub(super) struct Scatter {
    pub(super) label: String,
    pub(super) across: &'static str,
    pub(super) up: &'static str,
    pub(super) points: Vec<Point>,
}

#[derive(Serialize)]
struct View {
    label: String,
    description: String,
    wide: i64,
    high: i64,
    left: i64,
    right: i64,
    top: i64,
    floor: i64,
    across: String,
    up: String,
    columns: Vec<Tick>,
    rows: Vec<Tick>,
    front: String,
    points: Vec<PointView>,
}

#[derive(Serialize)]
struct Tick {
    at: i64,
    text: String,
}

#[derive(Serialize)]
struct PointView {
    class: &'static str,
    title: String,
    hls: bool,
    best: bool,
    x: i64,
    y: i64,
    label: String,
    text_x: i64,
    text_y: i64,
    leader: Option<[i64; 2]>,
}

/// The values along an axis, and where they are.
struct Axis {
    log: bool,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// Of these values, with about so many ticks at most.
    fn new(values: impl Iterator<Item = f64> + Clone, most: f64) -> Axis {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(0.0, f64::max);
        if low > 0.0 && high > FAR_APART * low {
            Axis::log(low, high)
        } else {
            Axis::linear(low, high, most)
        }
    }

    fn linear(low: f64, high: f64, most: f64) -> Axis {
        // Values near to each other are looked at from near.
        let low = if low > 0.5 * high && low < high { low } else { 0.0 };
        let step = if high > low { step(high - low, most.max(1.0)) } else { 1.0 };
        let (from, to) = ((low / step).floor(), (high / step).ceil().max(1.0));
        let count = (to - from).max(1.0) as usize;
        let ticks = (0..=count).map(|it| (from + it as f64) * step).collect();
        Axis { log: false, from: from * step, to: (from + count as f64) * step, ticks }
    }

    fn log(low: f64, high: f64) -> Axis {
        let decade = |it: f64| it.log10().floor() as i32;
        let marks = (decade(low)..=decade(high) + 1)
            .flat_map(|it| [1.0, 2.0, 5.0].map(|digit| digit * 10.0f64.powi(it)));
        let marks: Vec<f64> = marks.collect();
        let from = marks.iter().copied().rfind(|it| *it <= low).unwrap_or(low);
        let to = marks.iter().copied().find(|it| *it >= high).unwrap_or(high);
        let shown = |it: &f64| (from..=to).contains(it);
        // Of many decades only their beginnings.
        let is_decade = |it: &f64| (it.log10() - it.log10().round()).abs() < 1e-9;
        let dense = high / low < 1000.0;
        let ticks = marks.into_iter().filter(shown).filter(|it| dense || is_decade(it)).collect();
        Axis { log: true, from, to, ticks }
    }

    /// Where a value is, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        match self.log {
            true => (value / self.from).ln() / (self.to / self.from).ln(),
            false => (value - self.from) / (self.to - self.from),
        }
    }

    fn name(&self, name: &str) -> String {
        if self.log { format!("{name} (logarithmic)") } else { name.to_owned() }
    }
}

/// A rectangle that nothing else may cover.
#[derive(Clone, Copy)]
struct Space {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Space {
    fn touches(&self, other: &Space) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn within(&self, other: &Space) -> bool {
        self.left >= other.left
            && self.right <= other.right
            && self.top >= other.top
            && self.bottom <= other.bottom
    }
}

impl Scatter {
    /// The picture as SVG of this size.
    pub(super) fn draw(&self, wide: f64, high: f64) -> String {
        let floor = high - BOTTOM;
        let up = Axis::new(self.points.iter().map(|it| it.y), floor / 45.0);
        let ticks = up.ticks.iter().map(|it| readable(*it).chars().count());
        let left = ticks.max().unwrap_or(1) as f64 * LETTER + 8.0;
        let across = Axis::new(self.points.iter().map(|it| it.x), (wide - left) / 70.0);
        let x = |value: f64| left + across.at(value) * (wide - RIGHT - left);
        let y = |value: f64| floor - up.at(value) * (floor - TOP);
        let places: Vec<(f64, f64)> = self.points.iter().map(|it| (x(it.x), y(it.y))).collect();
        let plot = Space { left, top: TOP - 4.0, right: wide, bottom: floor };
        let mut columns: Vec<Tick> = Vec::new();
        for value in &across.ticks {
            // Logarithmic ones may be too near to each other.
            let at = whole(x(*value));
            if columns.last().is_none_or(|it| at - it.at >= 34) {
                columns.push(Tick { at, text: readable(*value) });
            }
        }
        let rows = up.ticks.iter().map(|it| Tick { at: whole(y(*it)), text: readable(*it) });
        let titles: Vec<&str> = self.points.iter().map(|it| it.title.as_str()).collect();
        let view = View {
            label: self.label.clone(),
            description: titles.join("; "),
            wide: whole(wide),
            high: whole(high),
            left: whole(left),
            right: whole(wide - RIGHT),
            top: whole(TOP),
            floor: whole(floor),
            across: across.name(self.across),
            up: up.name(self.up),
            columns,
            rows: rows.collect(),
            front: self.front(&places),
            points: self.labelled(&places, &plot),
        };
        templates::render("scatter.svg", &view)
    }

    /// The best, from the fastest to the smallest.
    fn best(&self, places: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let best = self.points.iter().zip(places).filter(|it| it.0.best);
        let mut best: Vec<(f64, f64)> = best.map(|it| *it.1).collect();
        best.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        best
    }

    /// Steps from one of the best to the next.
    fn front(&self, places: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (idx, (x, y)) in self.best(places).into_iter().enumerate() {
            let (x, y) = (whole(x), whole(y));
            path += &if idx == 0 { format!("M{x},{y}") } else { format!("H{x}V{y}") };
        }
        path
    }

    /// What no label may cover: the marks, and the steps between the best.
    fn drawn(&self, places: &[(f64, f64)]) -> Vec<Space> {
        let around = |x: f64, y: f64, to: (f64, f64), by: f64| Space {
            left: x.min(to.0) - by,
            top: y.min(to.1) - by,
            right: x.max(to.0) + by,
            bottom: y.max(to.1) + by,
        };
        let marks = places.iter().map(|&(x, y)| around(x, y, (x, y), MARK));
        let best = self.best(places);
        let steps = best.windows(2).flat_map(|it| {
            let (corner, to) = ((it[1].0, it[0].1), it[1]);
            [around(it[0].0, it[0].1, corner, 1.0), around(corner.0, corner.1, to, 1.0)]
        });
        marks.chain(steps).collect()
    }

    /// The points, the best first.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.points.len()).collect();
        order.sort_by_key(|&it| !self.points[it].best);
        order
    }

    /// What stands beside each point: of those at one place beside the first.
    fn names(&self, places: &[(f64, f64)], most: usize) -> Vec<String> {
        let near = |a: usize, b: usize| {
            (places[a].0 - places[b].0).abs() < 1.0 && (places[a].1 - places[b].1).abs() < 1.0
        };
        let mut names = vec![String::new(); places.len()];
        let mut named: Vec<usize> = Vec::new();
        for idx in self.order() {
            if named.iter().any(|it| near(*it, idx)) {
                continue;
            }
            named.push(idx);
            names[idx] = elide(&self.points[idx].label, most);
            let others = (0..places.len()).filter(|it| near(*it, idx)).count() - 1;
            if others > 0 {
                names[idx] += &format!(" +{others}");
            }
        }
        names
    }

    /// The points with a place for each label; the best choose first.
    fn labelled(&self, places: &[(f64, f64)], plot: &Space) -> Vec<PointView> {
        let mut taken = self.drawn(places);
        let most = ((plot.right - plot.left) * LABEL / LETTER) as usize;
        let names = self.names(places, most);
        let mut views: Vec<PointView> =
            self.points.iter().zip(places).map(|(point, place)| unnamed(point, *place)).collect();
        for idx in self.order().into_iter().filter(|it| !names[*it].is_empty()) {
            let wide = names[idx].chars().count() as f64 * LETTER;
            let spaces: Vec<(Space, bool)> = around(places[idx].0, places[idx].1, wide).collect();
            let inside = |it: &&(Space, bool)| it.0.within(plot);
            let free =
                |it: &&(Space, bool)| inside(it) && !taken.iter().any(|other| other.touches(&it.0));
            let found = spaces.iter().find(free).or_else(|| spaces.iter().find(inside));
            let (space, far) = *found.unwrap_or(&spaces[0]);
            taken.push(space);
            let middle = [(space.left + space.right) / 2.0, (space.top + space.bottom) / 2.0];
            let view = &mut views[idx];
            view.label.clone_from(&names[idx]);
            (view.text_x, view.text_y) = (whole(space.left), whole(space.bottom - 3.0));
            view.leader = far.then(|| middle.map(whole));
        }
        views
    }
}

fn unnamed(point: &Point, (x, y): (f64, f64)) -> PointView {
    PointView {
        class: match (point.hls, point.estimated) {
            (true, true) => "hls est",
            (true, false) => "hls",
            (false, true) => "rtl est",
            (false, false) => "rtl",
        },
        title: point.title.clone(),
        hls: point.hls,
        best: point.best,
        x: whole(x),
        y: whole(y),
        label: String::new(),
        text_x: 0,
        text_y: 0,
        leader: None,
    }
}

/// Places for a label around a point, the best first; true if they are not beside it.
fn around(x: f64, y: f64, wide: f64) -> impl Iterator<Item = (Space, bool)> {
    let space = move |left: f64, middle: f64| Space {
        left,
        top: middle - LINE / 2.0,
        right: left + wide,
        bottom: middle + LINE / 2.0,
    };
    (0..12).flat_map(move |ring| {
        let (dx, dy) = (8.0 + 6.0 * f64::from(ring), 12.0 * f64::from(ring));
        let above = 11.0 + dy;
        let places = [
            (x + dx, y - dy),
            (x - dx - wide, y - dy),
            (x - wide / 2.0, y - above),
            (x - wide / 2.0, y + above),
            (x + dx, y + dy),
            (x - dx - wide, y + dy),
            (x + 4.0, y - above),
            (x - 4.0 - wide, y - above),
            (x + 4.0, y + above),
            (x - 4.0 - wide, y + above),
        ];
        places.map(|(left, middle)| (space(left, middle), ring > 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter(points: &[(f64, f64)]) -> Scatter {
        let point = |(idx, &(x, y)): (usize, &(f64, f64))| Point {
            x,
            y,
            label: format!("<design {idx}>"),
            title: format!("<design {idx}>: {x} ns, {y} LUT"),
            hls: idx % 2 == 1,
            estimated: idx == 0,
            best: idx < 3,
        };
        Scatter {
            label: "Front".into(),
            across: "latency, ns",
            up: "LUT",
            points: points.iter().enumerate().map(point).collect(),
        }
    }

    #[test]
    fn every_point_has_a_mark_and_a_label() {
        let all = scatter(&[(10.0, 5000.0), (20.0, 4000.0), (800.0, 70.0), (90.0, 3000.0)]);
        for wide in [320.0, 490.0] {
            let text = all.draw(wide, 300.0);
            assert_eq!(text.matches("<circle").count(), 2, "{text}");
            assert_eq!(text.matches("<rect").count(), 2);
            for idx in 0..4 {
                assert!(text.contains(&format!("&lt;design {idx}&gt;</text>")), "{text}");
            }
            assert_eq!(text.matches("(logarithmic)").count(), 2);
            assert!(text.contains("class=\"front\" d=\"M"));
        }
        assert_eq!(all.draw(320.0, 300.0), all.draw(320.0, 300.0));
    }

    #[test]
    fn points_at_one_place_have_one_name() {
        let text =
            scatter(&[(10.0, 50.0), (20.0, 40.0), (20.0, 40.0), (20.0, 40.0)]).draw(490.0, 300.0);
        assert!(text.contains("&lt;design 1&gt; +2</text>"), "{text}");
        assert_eq!(text.matches("</text>").count(), text.matches("<text").count());
        for idx in [2, 3] {
            assert!(text.contains(&format!("<title>&lt;design {idx}&gt;: 20 ns")), "{text}");
            assert!(!text.contains(&format!("&lt;design {idx}&gt;</text>")), "{text}");
        }
    }

    #[test]
    fn labels_do_not_cover_each_other() {
        let points: Vec<(f64, f64)> =
            (0..16).map(|it| (100.0 + f64::from(it % 4), 1000.0 + f64::from(it / 4))).collect();
        let all = scatter(&points);
        let plot = Space { left: 40.0, top: 0.0, right: 490.0, bottom: 300.0 };
        let places: Vec<(f64, f64)> = (0..16)
            .map(|it| (150.0 + 60.0 * f64::from(it % 4), 100.0 + 30.0 * f64::from(it / 4)))
            .collect();
        let views = all.labelled(&places, &plot);
        for (idx, a) in views.iter().enumerate() {
            for b in &views[..idx] {
                let wide = a.label.chars().count().max(b.label.chars().count()) as f64 * LETTER;
                let apart = (a.text_x - b.text_x).abs() as f64 >= wide - 1.0
                    || (a.text_y - b.text_y).abs() >= 11;
                assert!(apart, "{} and {}", a.label, b.label);
            }
        }
    }

    #[test]
    fn axes() {
        let ticks = |values: &[f64]| Axis::new(values.iter().copied(), 5.0).ticks;
        assert_eq!(ticks(&[10.0, 90.0]), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(&[80.0, 90.0]), [80.0, 82.0, 84.0, 86.0, 88.0, 90.0]);
        assert_eq!(ticks(&[30.0, 900.0]), [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]);
        assert_eq!(ticks(&[3.0, 9000.0]), [10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(ticks(&[0.0, 100.0]), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        for values in [&[7.0, 7.0][..], &[0.0, 0.0], &[0.3, 0.35], &[1.0, 1e9]] {
            let axis = Axis::new(values.iter().copied(), 5.0);
            let places: Vec<f64> = values.iter().map(|it| axis.at(*it)).collect();
            assert!(places.iter().all(|it| (0.0..=1.0).contains(it)), "{values:?}: {places:?}");
            assert!(axis.ticks.len() > 1, "{values:?}");
        }
    }
}
