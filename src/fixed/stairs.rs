//! Builds functions of integers from units: comparisons where steps are few, else a factor, an offset
//! and a shift, with corrections where single steps are elsewhere.

use super::{Builder, Format, Line, Mantissas, Overflow, Rounding, Steps, bits_of};
use crate::graph::NodeId;
use crate::units::{Affine, Binary, Clamp, Eltwise, Read, Threshold};

impl Builder {
    /// Adds the functions of channels; the one of an element is that of its position modulo their
    /// number. Arguments are mantissas with `frac` fractional bits, as many as any element of the
    /// operand has or more, and values are mantissas with `frac_out`.
    ///
    /// The result is exact wherever the operand is within what the functions were made for.
    pub fn steps(&mut self, input: NodeId, frac: i32, channels: &[Steps], frac_out: i32) -> NodeId {
        let ranges = || channels.iter().map(Steps::range);
        let low = ranges().map(|it| it.0).min().unwrap_or(0);
        let high = ranges().map(|it| it.1).max().unwrap_or(0);
        let result = Format::holding(low, high, frac_out);
        let lines: Vec<Line> = channels.iter().map(|it| it.line(low, high)).collect();
        let width = self.ty(input).max_width();
        if comparisons(channels, width, result.width) <= straight(&lines, width, result.width) {
            return self.add("", thresholds(channels, frac, result), &[input]);
        }
        let rests: Vec<Steps> = lines.iter().map(|it| it.rest.clone()).collect();
        let is_whole = rests.iter().all(|it| it.values == [0]);
        let line = if is_whole { "" } else { "line" };
        let straight = self.straight(line, input, (frac, &lines), (low, high), result);
        if is_whole {
            return straight;
        }
        let range = |pick: fn((i128, i128)) -> i128| rests.iter().map(Steps::range).map(pick);
        let least = range(|it| it.0).min().unwrap_or(0);
        let most = range(|it| it.1).max().unwrap_or(0);
        let rest = thresholds(&rests, frac, Format::holding(least, most, frac_out));
        let rest = self.add("rest", rest, &[input]);
        let shape = self.ty(input).shape.clone();
        let read = [Read::Same; 2];
        self.add("", Eltwise { op: Binary::Add, read, shape, result }, &[straight, rest])
    }

    /// Lines, limited from `low` to `high`.
    fn straight(
        &mut self,
        part: &str,
        input: NodeId,
        (frac, lines): (i32, &[Line]),
        (low, high): (i128, i128),
        result: Format,
    ) -> NodeId {
        let shift = lines.iter().map(|it| it.shift).max().unwrap_or(0);
        let frac_out = result.frac();
        let constants = |pick: &dyn Fn(&Line) -> i128, frac: i32| -> (Mantissas, Format) {
            let all: Mantissas = lines.iter().map(|it| pick(it) << (shift - it.shift)).collect();
            let (least, most) = (all.iter().min(), all.iter().max());
            let format = Format::holding(*least.unwrap_or(&0), *most.unwrap_or(&0), frac);
            (all, format)
        };
        let (scales, scale) = constants(&|it| it.scale, shift as i32 + frac_out - frac);
        let (biases, bias) = constants(&|it| it.bias, shift as i32 + frac_out);
        let affine = |result: Format| Affine {
            scales: scales.clone(),
            scale,
            biases: biases.clone(),
            bias,
            result,
        };
        let saturated = result.with(Rounding::Trn, Overflow::Sat);
        if (low, high) == (result.min(), result.max()) {
            return self.add(part, affine(saturated), &[input]);
        }
        let limited = result.with(Rounding::Trn, Overflow::SatSym);
        if (low, high) == (limited.saturation_min(), limited.max()) {
            return self.add(part, affine(limited), &[input]);
        }
        // One more bit, so that what is beyond the limits is seen to be.
        let (width, int_bits) = (result.width + 1, result.int_bits + 1);
        let wide = Format { signed: true, width, int_bits, ..saturated };
        let within = if part.is_empty() { "line".to_owned() } else { format!("{part}_within") };
        let open = self.add(&within, affine(wide), &[input]);
        self.add(part, Clamp { lo: low, hi: high, limit: result, result }, &[open])
    }
}

/// The functions as comparisons; those with fewer steps repeat their last value.
fn thresholds(channels: &[Steps], frac: i32, result: Format) -> Threshold {
    let count = channels.iter().map(|it| it.places.len()).max().unwrap_or(0).max(1);
    let (mut thresholds, mut values) = (Vec::new(), Vec::new());
    for Steps { hi, places, values: own, .. } in channels {
        let last = (places.last().unwrap_or(hi), own.last().unwrap_or(&0));
        thresholds.extend((0..count).map(|at| *places.get(at).unwrap_or(last.0)));
        values.extend((0..=count).map(|at| *own.get(at).unwrap_or(last.1)));
    }
    let (least, most) = (thresholds.iter().min(), thresholds.iter().max());
    let threshold = Format::holding(*least.unwrap_or(&0), *most.unwrap_or(&0), frac);
    Threshold { count, thresholds: thresholds.into(), threshold, values: values.into(), result }
}

/// Lookup tables that comparisons and choices take, roughly.
fn comparisons(channels: &[Steps], width: u32, result: u32) -> u64 {
    let steps: usize = channels.iter().map(|it| it.places.len()).sum();
    steps as u64 * u64::from(width.div_ceil(2) + 1 + result.div_ceil(2))
}

/// Lookup tables that sums, limits and corrections take, roughly.
fn straight(lines: &[Line], width: u32, result: u32) -> u64 {
    let cost = |line: &Line| {
        // Digits other than zero, of which none are adjacent.
        let scale = line.scale.unsigned_abs();
        let digits = u64::from((scale ^ (3 * scale)).count_ones());
        let sums = digits.saturating_sub(1) + u64::from(line.bias != 0);
        let bits = u64::from(width + bits_of(line.scale, line.scale) / 2);
        let rest = line.rest.places.len() as u64 * u64::from(width.div_ceil(2) + 1);
        sums * bits + 2 * u64::from(result) + rest
    };
    lines.iter().map(cost).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::Emulator;
    use crate::error::Origin;
    use crate::fixed::{Type, verify};
    use crate::nn::Shape;
    use crate::units::Input;
    use proptest::prelude::*;

    /// The functions of two channels, as units, on every code of a format; the kinds of the units.
    fn checked(input: Format, frac: i32, f: [&dyn Fn(i128) -> i128; 2]) -> Vec<&'static str> {
        let mut builder = Builder::new();
        builder.enter(Origin::new("test", "x"));
        let x = builder.add("", Input { ty: Type::uniform(Shape(vec![2]), input) }, &[]);
        builder.graph.inputs.push(x);
        builder.enter(Origin::new("test", "y"));
        let finer = frac - input.frac();
        let (lo, hi) = (input.min() << finer, input.max() << finer);
        let channels = f.map(|it| Steps::of(lo, hi, it, 1 << 12).unwrap());
        let y = builder.steps(x, frac, &channels, 3);
        builder.graph.outputs.push(y);
        verify(&builder.graph).unwrap();
        assert_eq!(builder.ty(y).union().frac(), 3);
        let codes: Vec<Vec<i128>> = (input.min()..=input.max()).map(|it| vec![it; 2]).collect();
        for (x, y) in codes.iter().zip(Emulator::new(&builder.graph).run(&codes)) {
            assert_eq!(y, f.map(|f| f(x[0] << finer)), "{x:?}");
        }
        let order = builder.graph.topo();
        order.iter().map(|id| builder.graph.node(*id).op.spec().name()).collect()
    }

    #[test]
    fn few_steps_are_compared_and_many_are_a_line() {
        let few = |x: i128| i128::from(x > 77) - i128::from(x < -3);
        assert_eq!(checked(Format::signed(9, 3), 6, [&few, &|x| -few(x)]), ["input", "threshold"]);
        let many = |x: i128| ((x * 5 + 100) >> 4).clamp(-64, 63);
        assert_eq!(checked(Format::signed(12, 3), 9, [&many, &many]), ["input", "affine"]);
        let odd = |x: i128| ((x * 5 + 100) >> 4).clamp(-50, 63);
        let kinds = checked(Format::signed(12, 3), 10, [&odd, &odd]);
        assert_eq!(kinds, ["input", "affine", "clamp"]);
        // One step is elsewhere.
        let moved = |x: i128| many(x - i128::from(x == 60));
        let kinds = checked(Format::signed(12, 3), 9, [&moved, &many]);
        assert_eq!(kinds, ["input", "affine", "threshold", "eltwise"]);
    }

    proptest! {
        #[test]
        fn units_are_the_functions(
            signed: bool, width in 1u32..13, finer in 0i32..3, scales in [-9i128..9, -9i128..9],
            shift in 0u32..9, offset in -900i128..900, limit in 0i128..200,
        ) {
            let input = Format { signed, ..Format::signed(width, 4) };
            let f = scales.map(|scale| {
                move |x: i128| ((scale * x + offset) >> shift).clamp(-limit, limit / 2)
            });
            checked(input, input.frac() + finer, [&f[0], &f[1]]);
        }
    }
}
