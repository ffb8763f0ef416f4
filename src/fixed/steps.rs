//! Functions of integers that only rise or only fall, as the places where they step, and straight
//! lines that step where they do.
//!
//! What a model does in floats between an exact sum and a quantizer is such a function of the sum's
//! mantissa: every operation of floating point that rises in exact arithmetic never falls when it is
//! rounded. Equal steps are equal functions, so nothing has to be tried code by code.

use std::collections::BTreeMap;

use super::bits_of;

/// A function on `lo..=hi`: `values[number of places <= x]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// First argument.
    pub lo: i128,
    /// Last argument.
    pub hi: i128,
    /// Arguments at which another value begins; rising, all behind `lo`.
    pub places: Vec<i128>,
    /// One more than places.
    pub values: Vec<i128>,
}

/// `floor((scale * x + bias) / 2^shift)`, limited from `low` to `high`, and what is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Factor.
    pub scale: i128,
    /// Offset.
    pub bias: i128,
    /// Bits that are dropped.
    pub shift: u32,
    /// What the function has more than the line; zero everywhere if the line is the function.
    pub rest: Steps,
}

/// More bits than this behind the factor's binary point are of no use.
const MAX_SHIFT: u32 = 60;

/// Bits of the largest number on the way to a line.
const MAX_BITS: u32 = 120;

impl Steps {
    /// The steps of a function that only rises or only falls; `None` if there are more than `most`, or
    /// if it is seen to do both.
    pub fn of(lo: i128, hi: i128, f: impl Fn(i128) -> i128, most: usize) -> Option<Steps> {
        let (first, last) = (f(lo), f(hi));
        let mut steps = Steps { lo, hi, places: Vec::new(), values: vec![first] };
        let mut open = vec![((lo, first), (hi, last))];
        while let Some((a, b)) = open.pop() {
            if a.1 == b.1 {
                continue;
            }
            if b.0 - a.0 == 1 {
                steps.places.push(b.0);
                steps.values.push(b.1);
                if steps.places.len() > most {
                    return None;
                }
                continue;
            }
            let x = a.0 + (b.0 - a.0) / 2;
            let y = f(x);
            if y < a.1.min(b.1) || y > a.1.max(b.1) {
                return None;
            }
            // The lower half is next.
            open.extend([((x, y), b), (a, (x, y))]);
        }
        let rises = |it: &[i128]| (it[0] < it[1]) == (first < last);
        steps.values.windows(2).all(rises).then_some(steps)
    }

    /// The value at an argument.
    pub fn at(&self, x: i128) -> i128 {
        self.values[self.places.partition_point(|it| *it <= x)]
    }

    /// Least and largest value.
    pub fn range(&self) -> (i128, i128) {
        let all = || self.values.iter().copied();
        (all().min().unwrap_or(0), all().max().unwrap_or(0))
    }

    /// `f(-x)`.
    fn mirrored(&self) -> Steps {
        Steps {
            lo: -self.hi,
            hi: -self.lo,
            places: self.places.iter().rev().map(|it| 1 - it).collect(),
            values: self.values.iter().rev().copied().collect(),
        }
    }

    /// The line, limited from `low` to `high`, with the fewest bits that equals the function; or, if
    /// there is none, one that differs in few places. The function's values are within the limits.
    pub fn line(&self, low: i128, high: i128) -> Line {
        if self.values.first() > self.values.last() {
            let Line { scale, bias, shift, rest } = self.mirrored().rising(low, high);
            return Line { scale: -scale, bias, shift, rest: rest.mirrored() };
        }
        self.rising(low, high)
    }

    fn rising(&self, low: i128, high: i128) -> Line {
        let corridor = Corridor::of(self, low, high);
        let nothing = Steps { lo: self.lo, hi: self.hi, places: Vec::new(), values: vec![0] };
        if self.places.is_empty() {
            return Line { scale: 0, bias: self.values[0], shift: 0, rest: nothing };
        }
        let rise = bits_of(0, self.values[self.values.len() - 1] - self.values[0]);
        let reach = bits_of(self.lo, self.hi);
        let most = MAX_SHIFT.min(MAX_BITS.saturating_sub(rise + 2 + reach));
        for shift in 0..=most {
            let scale = corridor.best(shift);
            let (least, most) = corridor.biases(scale, shift);
            if least <= most {
                let bias = simplest(least, most);
                return Line { scale, bias, shift, rest: nothing };
            }
        }
        // The fewest bits with which no more places are missed than with the most.
        let missed = |shift| self.nearest(&corridor, shift, (low, high));
        let best = missed(most);
        let (mut below, mut found) = (0, best.clone());
        let mut above = most;
        while below < above {
            let middle = below + (above - below) / 2;
            let line = missed(middle);
            if line.rest.places.len() <= best.rest.places.len() {
                (above, found) = (middle, line);
            } else {
                below = middle + 1;
            }
        }
        found
    }

    /// A line in the middle of what it should be, and where it is not the function.
    fn nearest(&self, corridor: &Corridor, shift: u32, (low, high): (i128, i128)) -> Line {
        let scale = corridor.best(shift);
        let (least, most) = corridor.biases(scale, shift);
        let bias = least + (most - least) / 2;
        let at = |x: i128| ((scale * x + bias) >> shift).clamp(low, high);
        let mut changes: BTreeMap<i128, i128> = BTreeMap::new();
        for (place, values) in self.places.iter().zip(self.values.windows(2)) {
            *changes.entry(*place).or_default() += values[1] - values[0];
        }
        let mut last = at(self.lo);
        while last < at(self.hi) {
            // The first place with more than that; the scale is positive where the line rises.
            let target = (last + 1) << shift;
            let place = -(bias - target).div_euclid(scale);
            let value = at(place);
            *changes.entry(place).or_default() -= value - last;
            last = value;
        }
        let mut value = self.values[0] - at(self.lo);
        let mut rest = Steps { lo: self.lo, hi: self.hi, places: vec![], values: vec![value] };
        for (place, change) in changes {
            if change != 0 {
                value += change;
                rest.places.push(place);
                rest.values.push(value);
            }
        }
        Line { scale, bias, shift, rest }
    }
}

/// What a rising line must pass between: above or on the points of `over`, below those of `under`.
struct Corridor {
    over: Vec<(i128, i128)>,
    under: Vec<(i128, i128)>,
}

impl Corridor {
    fn of(steps: &Steps, low: i128, high: i128) -> Corridor {
        let (mut over, mut under) = (Vec::new(), Vec::new());
        let (first, last) = (steps.values[0], steps.values[steps.values.len() - 1]);
        if first > low {
            over.push((steps.lo, first));
        }
        for (place, values) in steps.places.iter().zip(steps.values.windows(2)) {
            over.push((*place, values[1]));
            under.push((place - 1, values[0] + 1));
        }
        if last < high {
            under.push((steps.hi, last + 1));
        }
        // Only corners matter.
        Corridor { over: hull(&over, 1), under: hull(&under, -1) }
    }

    /// The offsets that fit a factor: from the first to the second, if it is not less.
    fn biases(&self, scale: i128, shift: u32) -> (i128, i128) {
        let needed = |(x, y): &(i128, i128)| (y << shift) - scale * x;
        let least = self.over.iter().map(needed).max().unwrap_or(0);
        let most = self.under.iter().map(|it| needed(it) - 1).min().unwrap_or(0);
        (least, most)
    }

    /// The factor with the most room for offsets: what is missing is a convex function of it.
    fn best(&self, shift: u32) -> i128 {
        let missing = |scale: i128| {
            let (least, most) = self.biases(scale, shift);
            least - most
        };
        let ys = || self.over.iter().chain(&self.under).map(|it| it.1);
        let rise = ys().max().unwrap_or(0) - ys().min().unwrap_or(0) + 1;
        let (mut lo, mut hi) = (0, rise << shift);
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            match missing(middle) <= missing(middle + 1) {
                true => hi = middle,
                false => lo = middle + 1,
            }
        }
        lo
    }
}

/// The corners of points, in order of their abscissas, on the upper (1) or lower (-1) side.
fn hull(points: &[(i128, i128)], side: i128) -> Vec<(i128, i128)> {
    let mut corners: Vec<(i128, i128)> = Vec::new();
    for c in points {
        while let [.., a, b] = corners[..] {
            let turn = (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
            if turn * side < 0 {
                break;
            }
            corners.pop();
        }
        corners.push(*c);
    }
    corners
}

/// The number from `least` to `most` with the most zeros at its end.
fn simplest(least: i128, most: i128) -> i128 {
    let mut found = least;
    for zeros in 0..100 {
        let rounded = ((least - 1) >> zeros) + 1;
        match rounded.checked_shl(zeros) {
            Some(it) if it >> zeros == rounded && it >= least && it <= most => found = it,
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line_at(line: &Line, limits: (i128, i128), x: i128) -> i128 {
        let straight = (line.scale * x + line.bias) >> line.shift;
        straight.clamp(limits.0, limits.1) + line.rest.at(x)
    }

    /// The line of a function is the function; returns it.
    fn checked(lo: i128, hi: i128, limits: (i128, i128), f: impl Fn(i128) -> i128) -> Line {
        let steps = Steps::of(lo, hi, &f, 1 << 16).unwrap();
        let line = steps.line(limits.0, limits.1);
        for x in lo..=hi {
            assert_eq!(steps.at(x), f(x), "{x}");
            assert_eq!(line_at(&line, limits, x), f(x), "{x} of {line:?}");
        }
        line
    }

    #[test]
    fn shifts_with_a_limit_need_no_more_bits_than_they_have() {
        let line = checked(-500, 500, (0, 15), |x| ((3 * x + 2) >> 4).clamp(0, 15));
        assert_eq!((line.scale, line.shift), (3, 4));
        assert_eq!(line.rest.values, [0]);
        let line = checked(-500, 500, (-8, 7), |x| (-(x >> 3)).clamp(-8, 7));
        assert_eq!((line.scale, line.shift), (-1, 3));
        let line = checked(-5, 9, (3, 3), |_| 3);
        assert_eq!((line.scale, line.bias, line.shift), (0, 3, 0));
        // Steep: several values at a step, or none between.
        checked(-20, 20, (-100, 100), |x| 5 * x);
        checked(-20, 20, (-30, 30), |x| (7 * x + 3).clamp(-30, 30));
    }

    #[test]
    fn what_bends_is_a_line_and_a_rest() {
        let bent = |x: i128| if x < 0 { x >> 3 } else { x };
        let line = checked(-60, 60, (-8, 60), bent);
        assert!(line.rest.values.len() > 1);
        assert_eq!(Steps::of(-9, 8, |x| x * x, 100), None);
        assert_eq!(Steps::of(0, 100, |x| x, 99), None);
    }

    /// A factor, an offset and a rounding in single precision, as a framework does it.
    fn single(scale: f32, offset: f32, top: f32) -> impl Fn(i128) -> i128 {
        move |x| (x as f32 * scale + offset).round_ties_even().clamp(-top, top) as i128
    }

    proptest! {
        #[test]
        fn single_precision_is_met_everywhere(
            scale in -0.3f32..0.3,
            offset in -200f32..200.0,
            bits in 1u32..9,
            reach in 1i128..30_000,
            from in -30_000i128..30_000,
        ) {
            let top = f32::from((1u16 << bits) - 1);
            let limit = top as i128;
            let line = checked(from, from + reach, (-limit, limit), single(scale, offset, top));
            prop_assert!(line.rest.places.len() <= 4, "{line:?}");
        }

        #[test]
        fn any_rising_function_is_met(
            rises in proptest::collection::vec((1i128..40, 0i128..5), 1..40),
            falls: bool,
        ) {
            let at = |x: i128| {
                let (mut place, mut value) = (0, 0);
                for (length, rise) in &rises {
                    place += length;
                    value += if x >= place { *rise } else { 0 };
                }
                if falls { -value } else { value }
            };
            checked(-3, 400, (-200, 200), at);
        }

        #[test]
        fn noise_of_single_precision_is_met(scale in 1e-4f32..1e-2, offset in -9f32..9.0) {
            noisy(scale, offset);
        }
    }

    /// The line of a function with the noise of single precision, checked around all its steps.
    fn noisy(scale: f32, offset: f32) -> Line {
        // A sixteenth of the codes that single precision has.
        let (lo, hi) = (-(1i128 << 19), 1 << 19);
        let f = single(scale, offset, 127.0);
        let steps = Steps::of(lo, hi, &f, 1 << 16).unwrap();
        let line = steps.line(-127, 127);
        for place in steps.places.iter().chain(&line.rest.places) {
            for x in place - 2..=place + 2 {
                assert_eq!(line_at(&line, (-127, 127), x), f(x), "{scale} x + {offset} at {x}");
            }
        }
        line
    }

    #[test]
    fn noise_of_single_precision_costs_few_places() {
        for (scale, offset) in [(1.234e-4, 0.3), (3.3e-3, -8.71), (7.77e-4, 5.123), (9.1e-3, 0.01)]
        {
            let line = noisy(scale, offset);
            assert!(line.rest.places.len() <= 16, "{line:?}");
        }
        // Every half is met exactly and goes to the even neighbour, which is not the line's for 26 of
        // those between -52 and 52 on each side: two places each.
        assert_eq!(noisy(1e-4, 0.0).rest.places.len(), 2 * 52);
    }
}
