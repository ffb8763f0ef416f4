//! Where the boxes of a network picture go: rows by longest path, order by barycenter, positions by
//! least squares.
//!
//! An edge that skips rows gets a narrow place in each of them, so that it never crosses a box; all
//! edges out of one box share those places. The same graph always gives the same picture.

use std::collections::{BTreeMap, BTreeSet};

/// Gap between boxes of a row.
const GAP_X: f64 = 26.0;
/// Gap between rows, in which edges bend.
const GAP_Y: f64 = 30.0;
/// Width of the place of an edge in a row it skips.
const LANE: f64 = 8.0;
/// A box outweighs the edges beside it, so that chains are straight and the edges give way.
const BOX_WEIGHT: f64 = 1000.0;
/// Beyond so many places edges go straight through the rows; no network that one can look at has
/// as many.
const MOST_LANES: usize = 20_000;

/// Width and height of a box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) wide: f64,
    pub(super) high: f64,
}

/// Where an edge is vertical: (x, from, to) of its source's lower side, of each row it skips, of its
/// target's upper side.
pub(super) type Route = Vec<(f64, f64, f64)>;

/// A place for everything; the smallest coordinates are 0.
#[derive(Debug)]
pub(super) struct Layout {
    /// Of each box, the middle of its upper side.
    pub(super) boxes: Vec<(f64, f64)>,
    /// The way of each edge, by source and target.
    pub(super) routes: BTreeMap<(usize, usize), Route>,
    /// The whole picture.
    pub(super) size: Size,
}

/// A box or a lane.
struct Item {
    wide: f64,
    weight: f64,
    /// Items above that lead here, and below that this leads to.
    up: Vec<usize>,
    down: Vec<usize>,
}

/// Places boxes of these sizes; box `n` is fed by the boxes `inputs[n]`, all of them before it.
pub(super) fn place(sizes: &[Size], inputs: &[Vec<usize>]) -> Layout {
    let ranks = ranks(inputs);
    let mut items: Vec<Item> = sizes.iter().map(|it| item(it.wide, BOX_WEIGHT)).collect();
    let mut rows = vec![Vec::new(); ranks.iter().max().map_or(0, |it| it + 1)];
    for (idx, &rank) in ranks.iter().enumerate() {
        rows[rank].push(idx);
    }
    let mut lanes = BTreeMap::new();
    let mut links = BTreeSet::new();
    for (target, sources) in inputs.iter().enumerate() {
        for &source in sources {
            let mut from = source;
            for (rank, row) in between(&mut rows, ranks[source], ranks[target]) {
                if lanes.len() >= MOST_LANES {
                    break;
                }
                let lane = *lanes.entry((source, rank)).or_insert_with(|| {
                    row.push(items.len());
                    items.push(item(LANE, 1.0));
                    items.len() - 1
                });
                links.insert((from, lane));
                from = lane;
            }
            links.insert((from, target));
        }
    }
    for (from, to) in links {
        items[from].down.push(to);
        items[to].up.push(from);
    }
    order(&mut rows, &items);
    let xs = positions(&rows, &items);
    finish(sizes, inputs, &ranks, &rows, &lanes, &xs)
}

/// The rows between two others, with their numbers.
fn between<T>(rows: &mut [T], above: usize, below: usize) -> impl Iterator<Item = (usize, &mut T)> {
    rows.iter_mut().enumerate().take(below).skip(above + 1)
}

fn item(wide: f64, weight: f64) -> Item {
    Item { wide, weight, up: Vec::new(), down: Vec::new() }
}

/// The row of each box: one below the lowest of its inputs; what has none sits right above its
/// first reader.
fn ranks(inputs: &[Vec<usize>]) -> Vec<usize> {
    let mut ranks = vec![0; inputs.len()];
    let mut first_reader: Vec<Option<usize>> = vec![None; inputs.len()];
    for (idx, sources) in inputs.iter().enumerate() {
        ranks[idx] = sources.iter().map(|&it| ranks[it] + 1).max().unwrap_or(0);
        for &source in sources {
            let reader = first_reader[source].get_or_insert(ranks[idx]);
            *reader = ranks[idx].min(*reader);
        }
    }
    for (idx, sources) in inputs.iter().enumerate() {
        if let (true, Some(reader)) = (sources.is_empty(), first_reader[idx]) {
            ranks[idx] = reader.saturating_sub(1);
        }
    }
    ranks
}

/// Sorts each row by the mean position of its neighbors, downward and upward in turn.
fn order(rows: &mut [Vec<usize>], items: &[Item]) {
    let mut at = vec![0.0; items.len()];
    rows.iter().for_each(|row| number(row, &mut at));
    for sweep in 0..8 {
        let down = sweep % 2 == 0;
        for row in in_direction(rows.len(), down) {
            let row = &mut rows[row];
            let near = |it: usize| if down { &items[it].up } else { &items[it].down };
            let mut keyed: Vec<(f64, usize)> = row
                .iter()
                .map(|&it| (mean(near(it).iter().map(|&it| (at[it], 1.0))).unwrap_or(at[it]), it))
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *row = keyed.into_iter().map(|(_, it)| it).collect();
            number(row, &mut at);
        }
    }
}

/// Numbers the items of a row from 0 to 1.
fn number(row: &[usize], at: &mut [f64]) {
    for (idx, &item) in row.iter().enumerate() {
        at[item] = (idx as f64 + 0.5) / row.len() as f64;
    }
}

fn in_direction(count: usize, down: bool) -> impl Iterator<Item = usize> {
    (0..count).map(move |it| if down { it } else { count - 1 - it })
}

/// Horizontal middles of all items: everything is drawn to its neighbors, boxes more than lanes.
fn positions(rows: &[Vec<usize>], items: &[Item]) -> Vec<f64> {
    let mut xs = vec![0.0; items.len()];
    for sweep in 0..13 {
        for row in in_direction(rows.len(), sweep % 2 == 0) {
            let row = &rows[row];
            let near = |it: usize| if sweep % 2 == 0 { &items[it].up } else { &items[it].down };
            let wanted: Vec<f64> = row
                .iter()
                .map(|&it| {
                    mean(near(it).iter().map(|&it| (xs[it], items[it].weight))).unwrap_or(xs[it])
                })
                .collect();
            let moved = spread(row, items, &wanted);
            row.iter().zip(moved).for_each(|(&it, x)| xs[it] = x);
        }
    }
    straighten(rows, items, &mut xs);
    xs
}

/// Moves each lane to the one below it, where there is room: sweeps leave steps, for they draw a
/// lane to where it comes from until a box is in its way.
fn straighten(rows: &[Vec<usize>], items: &[Item], xs: &mut [f64]) {
    let is_lane = |it: usize| items[it].weight < BOX_WEIGHT;
    for row in rows.iter().rev() {
        for (idx, &lane) in row.iter().enumerate().filter(|it| is_lane(*it.1)) {
            let Some(&next) = items[lane].down.iter().find(|it| is_lane(**it)) else { continue };
            let room = |near: usize| {
                (xs[next] - xs[near]).abs() >= (items[near].wide + LANE) / 2.0 + GAP_X
            };
            let left = idx.checked_sub(1).is_none_or(|it| xs[row[it]] < xs[next] && room(row[it]));
            let right = row.get(idx + 1).is_none_or(|&it| xs[next] < xs[it] && room(it));
            if left && right {
                xs[lane] = xs[next];
            }
        }
    }
}

/// The positions nearest to the wanted ones at which the items of a row keep their order and do not
/// touch: isotonic regression by pooling neighbors that are out of order.
fn spread(row: &[usize], items: &[Item], wanted: &[f64]) -> Vec<f64> {
    let mut offsets = vec![0.0; row.len()];
    for idx in 1..row.len() {
        let apart = (items[row[idx - 1]].wide + items[row[idx]].wide) / 2.0 + GAP_X;
        offsets[idx] = offsets[idx - 1] + apart;
    }
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (idx, &it) in row.iter().enumerate() {
        let mut block = (wanted[idx] - offsets[idx], items[it].weight, 1);
        while let Some(&(x, weight, count)) = blocks.last()
            && x > block.0
        {
            let sum = weight + block.1;
            block = ((x * weight + block.0 * block.1) / sum, sum, count + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    let starts = blocks.iter().flat_map(|&(x, _, count)| std::iter::repeat_n(x, count));
    starts.zip(offsets).map(|(x, offset)| x + offset).collect()
}

/// Weighted mean; none of nothing.
fn mean(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, weight) = values.fold((0.0, 0.0), |(s, w), (x, by)| (s + x * by, w + by));
    (weight > 0.0).then(|| sum / weight)
}

/// Heights, shift to zero, and the way of each edge.
fn finish(
    sizes: &[Size],
    inputs: &[Vec<usize>],
    ranks: &[usize],
    rows: &[Vec<usize>],
    lanes: &BTreeMap<(usize, usize), usize>,
    xs: &[f64],
) -> Layout {
    let high = |row: &Vec<usize>| {
        row.iter().filter_map(|&it| sizes.get(it)).map(|it| it.high).fold(0.0, f64::max)
    };
    let mut tops = Vec::new();
    let mut bottom = 0.0;
    for row in rows {
        tops.push((bottom, bottom + high(row)));
        bottom += high(row) + GAP_Y;
    }
    let half = |it: usize| sizes.get(it).map_or(LANE, |it| it.wide) / 2.0;
    let all = || xs.iter().enumerate();
    let left = all().map(|(it, x)| x - half(it)).fold(f64::INFINITY, f64::min);
    let right = all().map(|(it, x)| x + half(it)).fold(f64::NEG_INFINITY, f64::max);
    let x = |it: usize| xs[it] - left;
    let mut routes = BTreeMap::new();
    for (target, sources) in inputs.iter().enumerate() {
        for &source in sources {
            let under = tops[ranks[source]].0 + sizes[source].high;
            let mut route = vec![(x(source), under, under)];
            for (rank, &mut (from, to)) in between(&mut tops, ranks[source], ranks[target]) {
                let lane = lanes.get(&(source, rank));
                route.extend(lane.map(|&it| (x(it), from, to)));
            }
            let over = tops[ranks[target]].0;
            route.push((x(target), over, over));
            routes.insert((source, target), route);
        }
    }
    let size = match sizes.is_empty() {
        true => Size { wide: 0.0, high: 0.0 },
        false => Size { wide: right - left, high: bottom - GAP_Y },
    };
    let boxes = (0..sizes.len()).map(|it| (x(it), tops[ranks[it]].0)).collect();
    Layout { boxes, routes, size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(inputs: &[&[usize]]) -> Layout {
        let inputs: Vec<Vec<usize>> = inputs.iter().map(|it| it.to_vec()).collect();
        place(&vec![Size { wide: 100.0, high: 40.0 }; inputs.len()], &inputs)
    }

    #[test]
    fn a_chain_is_straight() {
        let layout = boxes(&[&[], &[0], &[1]]);
        assert_eq!(layout.boxes, [(50.0, 0.0), (50.0, 70.0), (50.0, 140.0)]);
        assert_eq!((layout.size.wide, layout.size.high), (100.0, 180.0));
        assert_eq!(layout.routes[&(0, 1)], [(50.0, 40.0, 40.0), (50.0, 70.0, 70.0)]);
    }

    #[test]
    fn an_edge_that_skips_rows_goes_around_the_boxes() {
        let layout = boxes(&[&[], &[0], &[1], &[2, 0], &[3]]);
        let straight = layout.boxes.iter().all(|it| (it.0 - layout.boxes[0].0).abs() < 1.0);
        assert!(straight, "{:?}", layout.boxes);
        let route = &layout.routes[&(0, 3)];
        assert_eq!(route.len(), 4);
        assert_eq!(route[1].0, route[2].0, "and is straight itself");
        for &(x, ..) in &route[1..3] {
            assert!((x - layout.boxes[1].0).abs() > 50.0, "{x} is within the box");
        }
    }

    #[test]
    fn boxes_never_touch() {
        // A graph with many branches, from a fixed linear congruence.
        let mut state = 7u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut inputs: Vec<Vec<usize>> = vec![vec![]];
        for node in 1..60u64 {
            let mut from: Vec<usize> = (0..next(4)).map(|_| next(node) as usize).collect();
            from.sort_unstable();
            from.dedup();
            inputs.push(from);
        }
        let sizes: Vec<Size> = (0..60)
            .map(|it| Size { wide: 80.0 + f64::from(it), high: 30.0 + f64::from(it % 7) })
            .collect();
        let layout = place(&sizes, &inputs);
        for a in 0..60 {
            for b in 0..a {
                let apart_x = (layout.boxes[a].0 - layout.boxes[b].0).abs();
                let row = layout.boxes[a].1 == layout.boxes[b].1;
                assert!(!row || apart_x >= (sizes[a].wide + sizes[b].wide) / 2.0, "{a} and {b}");
            }
        }
        assert!(inputs.iter().enumerate().all(|(to, from)| {
            from.iter().all(|&it| layout.boxes[it].1 + sizes[it].high < layout.boxes[to].1)
        }));
    }

    #[test]
    fn an_input_sits_above_its_first_reader() {
        let layout = boxes(&[&[], &[0], &[1], &[], &[2, 3]]);
        assert_eq!(layout.boxes[3].1, layout.boxes[2].1);
        assert!(boxes(&[]).boxes.is_empty());
        assert_eq!(boxes(&[]).size.high, 0.0);
        assert_eq!(boxes(&[&[], &[]]).boxes.len(), 2);
    }
}
