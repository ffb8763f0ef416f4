//! Looks a value up in a table: `y = R(table[index(x)])`.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsNumbers, HlsUnit, HlsValue, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::HlsKernel;
use crate::fixed::{Cast, Format, Mantissas, Overflow, Rounding, Type, Word, bits_of};
use crate::hls::Folding;
use crate::rtl::datapath::{Datapath, Interval, Product, Relation, Term, ValueId, Wiring};

/// How an input addresses the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Index {
    /// `trunc(x * entries / 2^log2_range) + offset`, toward zero, clamped to the table; `negative`
    /// divides by `-2^log2_range` instead (ELU's table runs over `-x`).
    Range {
        /// Logarithm of the width of the covered range.
        log2_range: u32,
        /// Entry for `x = 0`.
        offset: i64,
        /// The table covers negative inputs, mirrored.
        negative: bool,
    },
    /// The most significant bits of the mantissa, sign bit included, read as an unsigned number.
    TopBits,
    /// All bits of the mantissa, read as an unsigned number.
    Raw,
    /// The same, as a small floating-point number: the place of its leading one, and so many bits
    /// behind it. Below `2^(bits + 1)` the address is the number; see [`float_code`].
    Float {
        /// Bits behind the leading one.
        bits: u32,
    },
}

/// The address of a number that is not negative: every power of two from `2^bits` on has `2^bits`
/// addresses, numbers below it one each.
pub fn float_code(x: u128, bits: u32) -> usize {
    let exponent = (u128::BITS - x.leading_zeros()).saturating_sub(bits + 1);
    ((exponent as usize) << bits) + (x >> exponent) as usize
}

/// Shifts that bring numbers of `width` bits below `2^(bits + 1)`, each taken or not, largest first:
/// the logarithm of each.
fn float_steps(width: u32, bits: u32) -> impl Iterator<Item = u32> {
    let most = width.saturating_sub(bits + 1);
    (0..u32::BITS - most.leading_zeros()).rev()
}

/// A table of constants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lut {
    /// How it is addressed. The number of entries is a power of two for [`Index::TopBits`] and
    /// `2^width` for [`Index::Raw`].
    pub index: Index,
    /// The entries.
    pub table: Mantissas,
    /// Format of the entries.
    pub entry: Format,
    /// Output.
    pub result: Format,
}

impl Lut {
    /// Address bits of the table.
    pub fn address_bits(&self) -> u32 {
        self.table.len().next_power_of_two().trailing_zeros()
    }

    /// The entry that an input mantissa addresses.
    #[inline(always)]
    pub fn address<T: Word>(&self, x: T, input: Format) -> usize {
        match self.index {
            Index::Range { log2_range, offset, negative } => {
                let scaled = x.mul(T::narrow(self.table.len() as i128));
                let scaled = if negative { T::ZERO.sub(scaled) } else { scaled };
                let shift = log2_range as i32 + input.frac();
                let quotient = if shift >= 0 {
                    // Toward zero: floor, and one more if a negative number lost bits.
                    let lost = scaled.low_bits_nonzero(shift as u32);
                    scaled.shr(shift as u32).add(lost.and(scaled.is_negative_bit()))
                } else {
                    scaled.shl((-shift) as u32)
                };
                let last = T::narrow(self.table.len() as i128 - 1);
                let index = quotient.add(T::narrow(offset as i128)).max(T::ZERO).min(last);
                index.widen() as usize
            }
            Index::TopBits => {
                x.wrap(input.width, false).shr(input.width - self.address_bits()).widen() as usize
            }
            Index::Raw => x.wrap(input.width, false).widen() as usize,
            Index::Float { bits } => float_code(x.wrap(input.width, false).widen() as u128, bits),
        }
    }
}

impl UnitSpec for Lut {
    fn name(&self) -> &'static str {
        "lut"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], _: &Type) -> u32 {
        let bits = |element| {
            let input: Format = inputs[0].format(element);
            let grow = match self.index {
                Index::Range { log2_range, .. } => {
                    self.address_bits() + 3 + (-(log2_range as i32 + input.frac())).max(0) as u32
                }
                _ => 1,
            };
            let cast = Cast { from_frac: self.entry.frac(), to: self.result };
            (input.width + grow).max(cast.working_bits(self.entry.width))
        };
        (0..inputs[0].elements()).map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Lut {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let cast = Cast { from_frac: self.entry.frac(), to: self.result };
        let table: Vec<T> = self.table.iter().map(|it| cast.apply(T::narrow(*it))).collect();
        for element in 0..run.ty.elements() {
            let input = run.types[0].format(element);
            run.map(element, |x| table[self.address(x, input)]);
        }
    }
}

impl Datapathed for Lut {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let cast = Cast { from_frac: self.entry.frac(), to: self.result };
        let mut table: Vec<i128> = self.table.iter().map(|it| cast.apply(*it)).collect();
        if let (Index::Float { .. }, Some(last)) = (self.index, table.last().copied()) {
            // Addresses behind the last one are never met, but the ranges of its parts allow them.
            table.resize(table.len().next_power_of_two() * 2, last);
        }
        let table: std::sync::Arc<[i128]> = table.into();
        let look_up = |element: usize| {
            let (x, _) = cx.input(0, element);
            let index = self.wire_address(cx.datapath, x, cx.types[0].format(element));
            cx.datapath.lookup(table.clone(), index)
        };
        (0..elements).map(look_up).collect()
    }
}

impl Lut {
    fn wire_address(&self, dp: &mut Datapath, x: ValueId, input: Format) -> ValueId {
        let (offset, log2_range, negative) = match self.index {
            Index::TopBits => {
                let low = input.width - self.address_bits();
                return dp.slice(x, low, self.address_bits(), false);
            }
            Index::Raw => return dp.slice(x, 0, input.width, false),
            Index::Float { bits } => return wire_float(dp, x, input.width, bits),
            Index::Range { log2_range, offset, negative } => (offset, log2_range, negative),
        };
        let entries = self.table.len() as i128;
        let scaled = dp.mul_const(x, if negative { -entries } else { entries });
        let whole = Format::signed(128, 128).with(Rounding::TrnZero, Overflow::Wrap);
        let quotient = match log2_range as i32 + input.frac() {
            shift if shift >= 0 => dp.cast(scaled, shift, whole),
            shift => dp.shl(scaled, (-shift) as u32),
        };
        let offset = dp.constant(i128::from(offset));
        let index = dp.add(Term::plain(quotient), Term::plain(offset));
        dp.clamp(index, Interval::new(0, entries - 1))
    }
}

/// The address of a floating-point table: shifts by powers of two, taken where the number is large.
fn wire_float(dp: &mut Datapath, x: ValueId, width: u32, bits: u32) -> ValueId {
    let mut rest = dp.slice(x, 0, width, false);
    let mut terms = Vec::new();
    for step in float_steps(width, bits) {
        let (by, limit) = (1 << step, bits + (1 << step));
        let bound = dp.constant(1 << limit);
        let large = dp.compare(Relation::LessEqual, bound, rest);
        let (shifted, low) = (dp.shr(rest, by), dp.slice(rest, 0, limit, false));
        rest = dp.mux(large, shifted, low);
        terms.push(Term { shift: step + bits, ..Term::plain(large) });
    }
    terms.push(Term::plain(rest));
    dp.sum(terms)
}

impl Tokenized for Lut {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.alike(self, 1)
    }
}

impl Hls for Lut {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let function = match (self.index, ports.inputs[0].common()) {
            (Index::Range { .. }, _) => "lut_range",
            (Index::Float { .. }, _) => "lut_float",
            (_, Some(_)) => "lut_bits",
            (_, None) => "lut_bits_each",
        };
        let entries = self.table.len() as u64;
        let call = HlsCall::new("nn_lut.h", function)
            .count("n", ports.n())
            .count("n_entries", entries)
            .array("table", "entry", self.entry, &self.table);
        match (self.index, ports.inputs[0].common()) {
            (Index::Range { log2_range, offset, negative }, _) => {
                let (scale, format) = self.entries_per_unit(log2_range, negative);
                let reach = i128::from(offset).unsigned_abs() as i128 + i128::from(entries);
                call.member("offset", HlsValue::Signed(offset))
                    .count("address_bits", u64::from(bits_of(-reach, reach) + 1))
                    .scalar("scale", format, scale)
                    .into()
            }
            (Index::Float { bits }, _) => {
                let largest = float_steps(ports.inputs[0].max_width(), bits).next();
                call.count("bits", u64::from(bits))
                    .count("largest_step", largest.map_or(0, |it| 1 << it))
                    .into()
            }
            (_, Some(input)) => call.count("address_bits", u64::from(self.bits(input))).into(),
            (_, None) => {
                let elements = || (0..ports.output.elements()).map(|it| ports.inputs[0].format(it));
                let frac = ports.inputs[0].union().frac();
                let drop = |it: Format| (frac - it.frac()) as u32 + it.width - self.bits(it);
                call.constant("drops", HlsNumbers::Indices(elements().map(drop).collect()))
                    .constant(
                        "bits",
                        HlsNumbers::Indices(elements().map(|it| self.bits(it)).collect()),
                    )
                    .into()
            }
        }
    }
}

impl Lut {
    /// Address bits taken from an input, for the tables that bits address.
    fn bits(&self, input: Format) -> u32 {
        if self.index == Index::Raw { input.width } else { self.address_bits() }
    }

    /// `entries / 2^log2_range`, or its negative: a mantissa without trailing zeros and its format.
    fn entries_per_unit(&self, log2_range: u32, negative: bool) -> (i128, Format) {
        let entries = self.table.len() as i128;
        let zeros = entries.trailing_zeros();
        let odd = entries >> zeros;
        let value = if negative { -odd } else { odd };
        (value, Format::holding(value, value, log2_range as i32 - zeros as i32))
    }
}

impl Estimated for Lut {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let (elements, entries) = (types[0].elements() as u64, self.table.len() as u64);
        Some(HlsKernel::Activation { elements, entries, table_bits: self.entry.width })
    }
}
