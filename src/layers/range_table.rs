//! A function tabulated over a range that the user says, as hls4ml's `lookup_table` is: of `n` entries from
//! `start` to `end` an input reads the one below it, inputs outside of the range the first or the last.
//!
//! The index is exact where `n / (end - start)` and `start` are short binary fractions. hls4ml truncates the
//! step to the type of the values and the inverse of it to four bits behind the point, which makes no
//! difference if all of them are powers of two; it also says that ranges should be.

use std::sync::Arc;

use super::lookup::Lookup;
use super::pointwise::{Pointwise, each};
use super::scalar::affine;
use super::{Lower, Spelling};
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};

/// A table over a range.
#[derive(Clone, Debug)]
pub struct RangeTable {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// Its values.
    values: Arc<[f64]>,
}

impl RangeTable {
    // Files of expressions make it.
    pub(super) const SPELLINGS: &[Spelling] = &[];

    /// The most entries.
    pub const MAX_ENTRIES: usize = 1 << 16;

    /// A function over a range that is not empty, with entries up to [`RangeTable::MAX_ENTRIES`]. Where it has
    /// no finite value, the nearest one counts.
    pub fn new([start, end]: [f64; 2], entries: usize, f: impl Fn(f64) -> f64) -> RangeTable {
        let step = (end - start) / entries as f64;
        let value = |at: usize| {
            let y = f(start + at as f64 * step);
            let y = if y.is_finite() { y } else { f64::NAN };
            y.clamp(-activation::UNLIMITED, activation::UNLIMITED)
        };
        let bits = entries.next_power_of_two().trailing_zeros().max(1);
        let all = Lookup::over(address(bits), |at| value((at as usize).min(entries - 1))).filled();
        let mut values = all.entries_unrounded();
        values.truncate(entries);
        RangeTable { start, end, values: values.into() }
    }

    /// How many entries there are to a unit of the input.
    fn rate(&self) -> f64 {
        self.values.len() as f64 / (self.end - self.start)
    }

    fn index(&self, x: f64) -> usize {
        // Casts saturate; the largest is cut here.
        (((x - self.start) * self.rate()).floor() as usize).min(self.values.len() - 1)
    }

    fn lookup(&self) -> Lookup {
        let bits = self.values.len().next_power_of_two().trailing_zeros().max(1);
        let last = self.values.len() - 1;
        Lookup::over(address(bits), |at| self.values[(at as usize).min(last)])
    }
}

/// The format of an index: rounded down, and to the ends of the table.
fn address(bits: u32) -> Format {
    Format::unsigned(bits, bits as i32).with(Rounding::Trn, Overflow::Sat)
}

impl Pointwise for RangeTable {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        self.values[self.index(x)]
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Table, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Table => activation::table(Span::around(self.values.iter().copied()), cx),
            _ => activation::result(Span::hull(&self.spans(cx)), None, cx),
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let entries = self.lookup().entries(cx.format(Role::Table));
        let last = self.values.len() - 1;
        each(cx, |x| {
            // An entry more on both sides, should the index be off by a bit.
            let (from, to) = (self.index(x.lo).saturating_sub(1), (self.index(x.hi) + 1).min(last));
            Span::around(entries[from..=to].iter().copied())
        })
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let (entry, result) = (cx.format(Role::Table), cx.format(Role::Result));
        let input = cx.aligned(input);
        let from = cx.builder.ty(input).union();
        let table = self.lookup();
        let address = table.address().expect("made over one");
        // As many bits behind the point as the index needs for the largest input.
        let constant = |value: f64| {
            let int_bits = Span::point(value).int_bits().max(1);
            let frac = from.int_bits.max(0) + address.width as i32 + 8;
            let signed = value < 0.0;
            let format = Format { signed, ..Format::signed((int_bits + frac) as u32, int_bits) };
            (format.rounded().quantize(value), format)
        };
        let rate = self.rate();
        let index = affine(constant(rate), constant(-self.start * rate), address);
        let index = cx.builder.add("index", index, &[input]);
        table.add(cx.builder, "", index, [entry, result])
    }
}
