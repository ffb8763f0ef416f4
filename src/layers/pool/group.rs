//! One number for each group of elements: what pooling and reductions are in hardware.
//!
//! Arithmetic is hls4ml's. A maximum is exact. A sum is taken in the accumulator's format `A`, every
//! term cast to it; a mean is that sum divided by a whole number, the quotient truncated toward zero
//! at the last bit of `A`, then cast to the result. Our `A` holds every sum and has enough bits behind
//! the point for the quotient; hls4ml's has at least as many.
//!
//! The division is a product with the reciprocal, rounded up, with as many bits as make the truncated
//! product the truncated quotient for every sum that `A` holds.

use super::product;
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::layers::gather::{Element, Gathering, gather};
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, auto};
use crate::units::{self, Affine, Reorder};

/// What is made of the elements of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layers) enum Kind {
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Their sum, divided.
    Mean,
    /// Their product: pairs first, every product cast to the accumulator.
    Product,
}

/// Groups of elements of an operand.
#[derive(Debug)]
pub(in crate::layers) struct Groups {
    pub kind: Kind,
    /// Elements of a group.
    pub size: usize,
    /// What is read, group after group.
    pub reads: Vec<Element>,
    /// What the sum of each group is divided by.
    pub divisors: Vec<u64>,
    /// Shape of the result.
    pub shape: Shape,
}

/// Bits that a count up to `n` adds to a number: the logarithm, rounded up.
fn log2(n: u64) -> u32 {
    n.max(1).next_power_of_two().trailing_zeros()
}

impl Groups {
    fn largest_divisor(&self) -> u64 {
        self.divisors.iter().copied().max().unwrap_or(1)
    }

    /// What stands for padding, in a format: nothing that would be chosen, or adds.
    ///
    /// hls4ml sets the first bit alone, which is the least number only if there is a sign.
    fn padding(&self, format: Format, compat: bool) -> i128 {
        match self.kind {
            Kind::Max if compat && !format.signed => 1 << (format.width - 1),
            Kind::Max => format.min(),
            Kind::Min => format.max(),
            Kind::Mean | Kind::Product => 0,
        }
    }

    fn accum(&self, cx: &Resolve<'_>) -> Typed {
        let input = cx.inputs[0].format;
        if self.kind == Kind::Product {
            return product::accum(self, cx);
        }
        if self.kind != Kind::Mean {
            return Typed::new(input, "as its input");
        }
        if cx.compat && !cx.exact {
            let bits = log2(self.size as u64);
            let (width, int_bits) = (input.width + 2 * bits, input.int_bits + bits as i32);
            let format = Format { signed: input.signed, ..Format::signed(width, int_bits) };
            return Typed::new(format, format!("hls4ml: mean of {}", self.size));
        }
        // Zero is where a sum in order begins.
        let sums = Span::hull(&self.sums(cx)).union(Span::point(0.0));
        auto::exact(sums, input.frac() + log2(self.largest_divisor()) as i32)
    }

    fn result(&self, cx: &Resolve<'_>) -> Typed {
        if self.kind == Kind::Product {
            return cx.result(Span::hull(&self.spans(cx)));
        }
        // hls4ml knows no sums that are not divided.
        let hls4ml = cx.compat && !cx.exact;
        if self.kind != Kind::Mean || (hls4ml && !self.divisors.is_empty()) {
            return Typed::new(cx.inputs[0].format, "as its input");
        }
        if hls4ml || cx.feeds_activation || cx.exact {
            return Typed::new(cx.format(Role::Accum), "as the accumulator");
        }
        cx.result(Span::hull(&self.spans(cx)))
    }

    /// Range of the largest, the smallest or the sum of each group.
    fn sums(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let format = cx.inputs[0].format;
        let padding = Span::point(format.value(self.padding(format, cx.compat)));
        let span = |it: &Element| it.map_or(padding, |it| cx.inputs[0].spans[it as usize]);
        let join = |a: Span, b: Span| match self.kind {
            Kind::Max => Span { lo: a.lo.max(b.lo), hi: a.hi.max(b.hi) },
            Kind::Min => Span { lo: a.lo.min(b.lo), hi: a.hi.min(b.hi) },
            Kind::Mean => a.add(b),
            Kind::Product => a.times(b),
        };
        let group = |it: &[Element]| it.iter().map(span).reduce(join);
        self.reads.chunks(self.size).map(|it| group(it).unwrap_or(Span::point(0.0))).collect()
    }

    /// The sums of the groups in the accumulator, exact or with every cast in its place.
    fn reduce(&self, cx: &Lower<'_>, input: Format) -> units::Reduce {
        let accum = cx.format(Role::Accum);
        let grown = input.int_bits + log2(self.size as u64) as i32;
        let all = Format { int_bits: grown, width: (grown + input.frac()) as u32, ..input };
        let any_order = accum.overflow == Overflow::Wrap || accum.contains(all);
        let reduction = match self.kind {
            Kind::Max => units::Reduction::Max,
            Kind::Min => units::Reduction::Min,
            Kind::Mean if any_order => units::Reduction::SumTree,
            Kind::Mean | Kind::Product => units::Reduction::SumInOrder,
        };
        units::Reduce { reduction, group: self.size, accum, result: accum }
    }

    /// The product that divides, if anything is to be divided.
    fn divide(&self, accum: Format) -> Option<Affine> {
        let magnitude = accum.width - u32::from(accum.signed);
        let first = *self.divisors.first()?;
        let same = self.divisors.iter().all(|it| *it == first);
        let divisors = if same { &self.divisors[..1] } else { &self.divisors[..] };
        let bits = divisors.iter().map(|it| reciprocal(*it, magnitude)).max()?;
        let scales = divisors.iter().map(|it| rounded_up(bits, *it));
        let divides = self.largest_divisor() > 1;
        divides.then(|| Affine {
            scales: scales.collect(),
            scale: Format::unsigned(bits + 1, 1),
            biases: vec![0; divisors.len()].into(),
            bias: Format::unsigned(1, 1),
            result: accum.with(Rounding::TrnZero, Overflow::Wrap),
        })
    }
}

/// `2^bits / divisor`, rounded up.
fn rounded_up(bits: u32, divisor: u64) -> i128 {
    let (one, divisor) = (1_i128 << bits, i128::from(divisor));
    (one + divisor - 1) / divisor
}

/// The fewest bits `k` behind the point that a reciprocal needs: for `m` = `2^k / divisor` rounded up,
/// `n m / 2^k` truncated is `n / divisor` truncated for all `n` up to `2^magnitude`.
fn reciprocal(divisor: u64, magnitude: u32) -> u32 {
    let divisor = i128::from(divisor);
    // The excess of the product is below one step of the quotient if n times `excess` is below 2^k.
    let enough = |bits: &u32| {
        let excess = (-(1_i128 << bits)).rem_euclid(divisor);
        excess == 0 || i128::BITS - excess.leading_zeros() + magnitude <= *bits
    };
    // Wider ones would not fit the unit, which then says so.
    (0..110).find(enough).unwrap_or(110)
}

impl Gathering for Groups {
    const ROLES: &'static [Role] = &[Role::Accum, Role::Result];

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Accum => self.accum(cx),
            _ => self.result(cx),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let accum = cx.format(Role::Accum);
        if self.kind == Kind::Product {
            return product::spans(self, cx, Some(accum)).pop().unwrap_or_default();
        }
        let sums = self.sums(cx).into_iter().map(|it| it.cast(accum));
        if self.divisors.is_empty() {
            return sums.collect();
        }
        let truncated = accum.with(Rounding::TrnZero, Overflow::Wrap);
        let divided = |(sum, by): (Span, &u64)| sum.scale(1.0 / *by as f64).cast(truncated);
        sums.zip(&self.divisors).map(divided).collect()
    }

    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let format = cx.builder.ty(input).union();
        let padding = self.reads.contains(&None).then(|| {
            let value = self.padding(format, cx.compat);
            cx.builder.constant("padding", Shape(vec![1]), [value].into(), format)
        });
        let mut shape = self.shape.clone();
        shape.0.push(self.size);
        let reads = self.reads.iter().copied();
        let windows = gather(cx, "windows", (input, padding), reads, shape);
        if self.kind == Kind::Product {
            let value = product::lower(cx, windows, self.size);
            let value = cx.builder.cast("cast", value, cx.format(Role::Result));
            return cx.builder.add("", Reorder::reshape(self.shape.clone()), &[value]);
        }
        let (part, reduce) = match self.kind {
            Kind::Max => ("max", self.reduce(cx, format)),
            Kind::Min => ("min", self.reduce(cx, format)),
            Kind::Mean | Kind::Product => ("sum", self.reduce(cx, format)),
        };
        let mut value = cx.builder.add(part, reduce, &[windows]);
        if let Some(affine) = self.divide(cx.format(Role::Accum)) {
            value = cx.builder.add("mean", affine, &[value]);
        }
        let value = cx.builder.cast("cast", value, cx.format(Role::Result));
        cx.builder.add("", Reorder::reshape(self.shape.clone()), &[value])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocals_divide_exactly() {
        for divisor in 1..200_u64 {
            for magnitude in [1, 5, 9] {
                let bits = reciprocal(divisor, magnitude);
                let scale = rounded_up(bits, divisor);
                for n in 0..=1_i128 << magnitude {
                    assert_eq!((n * scale) >> bits, n / i128::from(divisor), "{n} by {divisor}");
                }
            }
        }
        assert_eq!(reciprocal(64, 40), 6);
    }
}
