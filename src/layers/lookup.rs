//! Tables of functions of one number: how inputs address them, what stands in them.
//!
//! hls4ml divides a fixed range into as many steps as the table has entries and truncates toward
//! zero ([`Lookup::hls4ml`]). By default the input is rounded, saturating, to a format with as many
//! values as the table has entries and addresses it by its bits ([`Lookup::over`]): entries are
//! exact at the points they stand for, the error is that of half a step, and the format is chosen
//! for the smallest error ([`address`]). An input that is narrow enough is the address itself.

use crate::fixed::{Builder, Format, Mantissas};
use crate::graph::NodeId;
use crate::precision::Span;
use crate::units::{Index, Lut, Requantize, float_code};

/// Bits to which powers of inputs have to be precise, relative to their size.
const RELATIVE_BITS: i32 = 11;

/// Most address bits of a table.
const MAX_BITS: u32 = 20;

/// A function's values at the points of a table.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    /// The format whose values are the points, if inputs are cast to it first.
    address: Option<Format>,
    index: Index,
    /// Values at ascending points.
    values: Vec<f64>,
}

/// Bits that address a table of at most so many entries, at least one.
pub(super) fn address_bits(entries: u32) -> u32 {
    entries.max(2).ilog2().min(MAX_BITS)
}

/// The nearest float, as a C++ `float` variable holds it.
pub(super) fn single(v: f64) -> f64 {
    f64::from(v as f32)
}

impl Lookup {
    /// hls4ml's table over `[-2^(log2_range - 1), 2^(log2_range - 1))`. The points are floats, as
    /// there; `f` computes from them what its C++ counterpart does.
    pub(super) fn hls4ml(entries: u32, log2_range: u32, f: impl Fn(f64) -> f64) -> Lookup {
        let n = f64::from(entries.clamp(1, 1 << MAX_BITS));
        let range = f64::from(1u32 << log2_range);
        let point = |k: u32| single(range * (f64::from(k) - n / 2.0) / n);
        let offset = (n / 2.0).floor() as i64;
        Lookup {
            address: None,
            index: Index::Range { log2_range, offset, negative: false },
            values: (0..n as u32).map(|it| f(point(it))).collect(),
        }
    }

    /// The function at every value of a format.
    pub(super) fn over(address: Format, f: impl Fn(f64) -> f64) -> Lookup {
        let points = (address.min()..=address.max()).map(|it| address.value(it));
        let values = points.map(f).collect();
        Lookup { address: Some(address), index: Index::Raw, values }
    }

    /// The same with the value of the nearest point wherever there is no finite one.
    pub(super) fn filled(mut self) -> Lookup {
        let finite: Vec<usize> =
            (0..self.values.len()).filter(|it| self.values[*it].is_finite()).collect();
        for at in 0..self.values.len() {
            if !self.values[at].is_finite() {
                let next = finite.partition_point(|it| *it < at);
                let near = finite[next.saturating_sub(1)..].iter().take(2);
                let nearest = near.min_by_key(|it| it.abs_diff(at));
                self.values[at] = nearest.map_or(0.0, |it| self.values[*it]);
            }
        }
        self
    }

    /// A function that only rises or only falls, at every number of an unsigned format, told apart
    /// as precisely as a table of so many entries can tell all sizes alike.
    pub(super) fn float(address: Format, entries: u32, f: impl Fn(f64) -> f64) -> Lookup {
        let address = address.rounded();
        let largest = address.max() as u128;
        let count = |bits: u32| float_code(largest, bits) + 1;
        let bits = (0..MAX_BITS).rev().find(|it| count(*it) <= entries as usize).unwrap_or(0);
        let mut values = Vec::with_capacity(count(bits));
        // The mean of both ends: the error is the same at both.
        let mean = |first: u128, last: u128| {
            let at = |it: u128| f(address.value(it as i128));
            (at(first) + at(last)) / 2.0
        };
        for code in 0..count(bits) as u128 {
            let exponent = (code >> bits).saturating_sub(1);
            let first = (code - (exponent << bits)) << exponent;
            values.push(mean(first, (first + (1 << exponent) - 1).min(largest)));
        }
        Lookup { address: Some(address), index: Index::Float { bits }, values }
    }

    /// The unit, without the cast in front of it.
    pub(super) fn unit(&self, entry: Format, result: Format) -> Lut {
        let mut table: Vec<i128> = self.values.iter().map(|it| entry.quantize(*it)).collect();
        if self.address.is_some_and(|it| it.signed) {
            // Bits read as an unsigned number: negative values come last.
            let negative = table.len() / 2;
            table.rotate_left(negative);
        }
        Lut { index: self.index, table: Mantissas::from(table), entry, result }
    }

    /// Adds the table of an input and the cast in front of it.
    pub(super) fn add(
        &self,
        builder: &mut Builder,
        part: &str,
        input: NodeId,
        [entry, result]: [Format; 2],
    ) -> NodeId {
        let address = match self.address {
            Some(address) if builder.ty(input).common() != Some(address) => {
                let part =
                    if part.is_empty() { "address".into() } else { format!("{part}_address") };
                builder.add(&part, Requantize::uniform(address), &[input])
            }
            _ => input,
        };
        builder.add(part, self.unit(entry, result), &[address])
    }

    /// The format to which inputs are cast.
    pub(super) fn address(&self) -> Option<Format> {
        self.address
    }

    /// The format that holds even the smallest value to some bits, or nearly that.
    pub(super) fn relative(&self) -> Format {
        let span = self.values();
        let sizes = self.values.iter().map(|it| it.abs()).filter(|it| *it > 0.0);
        let least = sizes.fold(f64::INFINITY, f64::min).clamp(1e-30, 1e30);
        let frac = RELATIVE_BITS - least.log2().floor() as i32;
        let int_bits = span.int_bits();
        let width = (int_bits + frac).clamp(2, 40);
        Format { signed: span.lo < 0.0, ..Format::signed(width as u32, int_bits) }.rounded()
    }

    /// The range of all values, unrounded.
    pub(super) fn values(&self) -> Span {
        Span::around(self.values.iter().copied())
    }

    /// Entries by ascending point.
    pub(super) fn entries_unrounded(&self) -> Vec<f64> {
        self.values.clone()
    }

    /// Entries by ascending point, as an entry format holds them.
    pub(super) fn entries(&self, entry: Format) -> Vec<f64> {
        self.values.iter().map(|it| entry.value(entry.quantize(*it))).collect()
    }

    /// First and last entry, by ascending point, that values of a span can address.
    pub(super) fn reach(&self, x: Span) -> (usize, usize) {
        let last = self.values.len() - 1;
        match (self.index, self.address) {
            (Index::Range { log2_range, offset, .. }, _) => {
                let scale = self.values.len() as f64 / f64::from(1u32 << log2_range);
                let at = |v: f64| ((v * scale).trunc() as i64).saturating_add(offset);
                let at = |v: f64| at(v).clamp(0, last as i64) as usize;
                (at(x.lo), at(x.hi))
            }
            (Index::Float { bits }, Some(address)) => {
                let at = |v: f64| float_code(address.quantize(v) as u128, bits);
                (at(x.lo), at(x.hi))
            }
            (_, Some(address)) => {
                let at = |v: f64| (address.rounded().quantize(v) - address.min()) as usize;
                (at(x.lo).min(last), at(x.hi).min(last))
            }
            _ => (0, last),
        }
    }
}

/// The format to which inputs are rounded before they address a table of `f`: the inputs' own if
/// it is narrow enough, else the one with the smallest error over all inputs.
pub(super) fn address(input: Format, entries: u32, f: impl Fn(f64) -> f64) -> Format {
    let bits = address_bits(entries);
    if input.width <= bits {
        return input;
    }
    let mut best = (f64::INFINITY, Format { width: bits, ..input }.rounded());
    // From the whole range to steps as fine as the input's, or 2^-16 of the range.
    for int_bits in (input.int_bits - 16..=input.int_bits).rev() {
        let candidate = Format { width: bits, int_bits, ..input }.rounded();
        if candidate.frac() > input.frac() {
            break;
        }
        let error = error(input, candidate, &f);
        if error < best.0 {
            best = (error, candidate);
        }
    }
    best.1
}

/// The largest difference between `f` and its table at some hundred points of all magnitudes.
pub(super) fn error(input: Format, address: Format, f: &impl Fn(f64) -> f64) -> f64 {
    let half = address.value(1) / 2.0;
    let all = Span::of(input);
    let table = Span::of(address);
    let at = |x: f64| {
        let x = x.clamp(all.lo, all.hi);
        match x < table.lo || x > table.hi {
            true => (f(x) - f(x.clamp(table.lo, table.hi))).abs(),
            false => (f(x + half) - f(x)).abs().max((f(x - half) - f(x)).abs()),
        }
    };
    let magnitudes = (-10..=input.int_bits.min(64))
        .flat_map(|octave| (8..16).map(move |step| f64::from(step) / 16.0 * 2f64.powi(octave)));
    magnitudes.flat_map(|it| [it, -it]).chain([0.0, all.lo, all.hi]).map(at).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_input_is_the_address() {
        let input = Format::signed(8, 3);
        assert_eq!(address(input, 256, f64::tanh), input);
        assert_ne!(address(input, 128, f64::tanh), input);
    }

    #[test]
    fn the_range_fits_the_function() {
        // Beyond 4 tanh is 1 within a step of 1/128; the sigmoid needs twice the range.
        let input = Format::signed(16, 6);
        assert_eq!(address(input, 1024, f64::tanh).int_bits, 3);
        assert_eq!(address(input, 1024, |x| 1.0 / (1.0 + (-x).exp())).int_bits, 4);
        // Nothing is gained by a range beyond the input's.
        assert_eq!(address(Format::signed(16, 1), 1024, f64::tanh).int_bits, 1);
        // A function that grows without end needs all of it.
        assert_eq!(address(Format::unsigned(16, 4), 1024, f64::exp).int_bits, 4);
    }

    #[test]
    fn signed_addresses_put_negative_values_last() {
        let format = Format::signed(2, 2);
        let lut = Lookup::over(format, |x| x).unit(Format::signed(3, 3), Format::signed(3, 3));
        assert_eq!(lut.table.as_ref(), [0, 1, -2, -1]);
    }

    #[test]
    fn reach_is_what_the_unit_addresses() {
        let input = Format::signed(12, 5);
        let entry = Format::signed(18, 8);
        for lookup in [
            Lookup::hls4ml(77, 4, |x| x),
            Lookup::hls4ml(1024, 3, |x| x),
            Lookup::over(Format::signed(7, 4).rounded(), |x| x),
        ] {
            let unit = lookup.unit(entry, entry);
            for mantissa in input.min()..=input.max() {
                let x = input.value(mantissa);
                let (from, cast) = match lookup.address {
                    Some(address) => (address, address.quantize(x)),
                    None => (input, mantissa),
                };
                let (first, last) = lookup.reach(Span::point(x));
                assert_eq!(first, last);
                let found = entry.value(unit.table[unit.address(cast, from)]);
                assert_eq!(found, lookup.entries(entry)[first], "{x}");
            }
        }
    }
}
