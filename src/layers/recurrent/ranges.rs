//! What the numbers of a recurrent layer can be, step by step, and the types that follow.
//!
//! Nothing overflows: the ranges of all steps are known from those of the inputs. What grows from step
//! to step (the cells of an LSTM by one a step, everything with activations without bounds) gets as
//! many fractional bits as the first step needs, and integer bits for the last: at most
//! [`MOST_GROWTH`] more, beyond which it saturates.

use super::{Cell, Recurrent};
use crate::fixed::Format;
use crate::layers::Layer;
use crate::layers::inner::{self, Around};
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, activation, auto, dequantized};
use crate::source::Tensor;

/// Bits that something may be wider than usual because it grows.
const MOST_GROWTH: i32 = 16;

/// Ranges beyond this mean nothing any more.
const LIMIT: f64 = (1u128 << 100) as f64;

/// Ranges of all steps.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    /// Every sum of products, and the sums of those.
    pub sums: Option<Span>,
    /// Rows of the output, in the order of computation.
    pub hidden: Vec<Vec<Span>>,
    /// An LSTM's cells behind every step.
    pub cells: Vec<Vec<Span>>,
    /// Output and cells before the first step, where they are given: they have the same types.
    pub initial: [Vec<Span>; 2],
}

fn hull(rows: &[Vec<Span>]) -> Span {
    Span::hull(rows.iter().flatten())
}

/// `a op b`, element by element.
fn zip(a: &[Span], b: &[Span], op: impl Fn(Span, Span) -> Span) -> Vec<Span> {
    a.iter().zip(b).map(|(a, b)| op(*a, *b)).collect()
}

/// Constants in their formats.
struct Numbers {
    kernel: Vec<f64>,
    recurrent: Vec<f64>,
    bias: Vec<f64>,
    recurrent_bias: Vec<f64>,
}

impl Recurrent {
    fn numbers(&self, cx: &Resolve<'_>) -> Numbers {
        let columns = self.recurrent.shape()[1];
        let weights = |it: &Tensor, role| dequantized(it, cx.format(role), cx.compat);
        let bias = |it: &Option<Tensor>, role| match it {
            Some(it) => weights(it, role),
            None => vec![0.0; columns],
        };
        Numbers {
            kernel: weights(&self.kernel, Role::Weight),
            recurrent: weights(&self.recurrent, Role::RecurrentWeight),
            bias: bias(&self.bias, Role::Bias),
            recurrent_bias: bias(&self.recurrent_bias, Role::RecurrentBias),
        }
    }

    /// What the layer around says of its activations.
    pub(super) fn around(&self, settings: crate::precision::Settings, compat: bool) -> Around {
        Around { types: Vec::new(), settings, compat }
    }

    /// The ranges, as far as the formats are known.
    pub(super) fn ranges(&self, cx: &Resolve<'_>) -> Ranges {
        let numbers = self.numbers(cx);
        let (units, inputs) = (self.units(), self.kernel.shape()[0]);
        let first = |at: usize, role: Role| {
            let given = cx.inputs.get(at).map(|it| it.spans.to_vec());
            self.cast(cx, role, given.unwrap_or_else(|| vec![Span::point(0.0); units]))
        };
        let (mut h, mut c) = (first(1, Role::Result), first(2, Role::State));
        let given = |at: usize, it: &[Span]| cx.inputs.get(at).map_or(Vec::new(), |_| it.to_vec());
        let initial = [given(1, &h), given(2, &c)];
        let mut ranges = Ranges { initial, ..Ranges::default() };
        let rows: Vec<&[Span]> = cx.inputs[0].spans.chunks(inputs).collect();
        for step in 0..rows.len() {
            let row = if self.backwards { rows.len() - 1 - step } else { step };
            let x = self.product(cx, rows[row], &numbers.kernel, &numbers.bias, &mut ranges);
            (h, c) = self.step_ranges(cx, &x, (&h, &c), &numbers, &mut ranges);
            h = self.cast(cx, Role::Result, h);
            c = self.cast(cx, Role::State, c);
            ranges.hidden.push(h.clone());
            ranges.cells.push(c.clone());
        }
        ranges
    }

    /// After the cast to a type, if it is known; and never beyond the limit.
    fn cast(&self, cx: &Resolve<'_>, role: Role, spans: Vec<Span>) -> Vec<Span> {
        let limited = |it: Span| Span::new(it.lo.max(-LIMIT), it.hi.min(LIMIT));
        let cast = |it: Span| match cx.types.get(&role) {
            Some(typed) => limited(it).cast(typed.format),
            None => limited(it),
        };
        spans.into_iter().map(cast).collect()
    }

    /// `x W + b`, noted among the sums.
    fn product(
        &self,
        cx: &Resolve<'_>,
        x: &[Span],
        weights: &[f64],
        bias: &[f64],
        ranges: &mut Ranges,
    ) -> Vec<Span> {
        let mut sums: Vec<Span> = bias.iter().map(|it| Span::point(*it)).collect();
        for (x, row) in x.iter().zip(weights.chunks(bias.len().max(1))) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum = sum.add(x.scale(*weight));
            }
        }
        self.sum(cx, sums, ranges)
    }

    /// Notes sums.
    fn sum(&self, cx: &Resolve<'_>, sums: Vec<Span>, ranges: &mut Ranges) -> Vec<Span> {
        let all = Span::hull(&sums);
        ranges.sums = Some(ranges.sums.map_or(all, |it| it.union(all)));
        self.cast(cx, Role::Accum, sums)
    }

    /// One step: output and cells from those before.
    fn step_ranges(
        &self,
        cx: &Resolve<'_>,
        x: &[Span],
        (h, c): (&[Span], &[Span]),
        numbers: &Numbers,
        ranges: &mut Ranges,
    ) -> (Vec<Span>, Vec<Span>) {
        let units = self.units();
        let part = |it: &[Span], gate: usize| it[gate * units..(gate + 1) * units].to_vec();
        let again = self.product(cx, h, &numbers.recurrent, &numbers.recurrent_bias, ranges);
        let gate = |it: &[Span]| self.active(cx, &self.gate_activation, it);
        let act = |it: &[Span]| self.active(cx, &self.activation, it);
        match self.cell {
            Cell::Simple => {
                let sum = self.sum(cx, zip(x, &again, Span::add), ranges);
                (act(&sum), Vec::new())
            }
            Cell::Lstm => {
                let sum = self.sum(cx, zip(x, &again, Span::add), ranges);
                let (input, forget) = (gate(&part(&sum, 0)), gate(&part(&sum, 1)));
                let kept = zip(c, &forget, Span::times);
                let new = zip(&act(&part(&sum, 2)), &input, Span::times);
                let c = self.cast(cx, Role::State, zip(&new, &kept, Span::add));
                let h = zip(&gate(&part(&sum, 3)), &act(&c), Span::times);
                (h, c)
            }
            Cell::Gru { reset_after } => {
                let both =
                    self.sum(cx, zip(&x[..2 * units], &again[..2 * units], Span::add), ranges);
                let (update, reset) = (gate(&part(&both, 0)), gate(&part(&both, 1)));
                let rest = if reset_after {
                    self.sum(cx, zip(&reset, &part(&again, 2), Span::times), ranges)
                } else {
                    let kept = self.cast(cx, Role::Result, zip(&reset, h, Span::times));
                    let zeros = vec![0.0; 3 * units];
                    part(&self.product(cx, &kept, &numbers.recurrent, &zeros, ranges), 2)
                };
                let sum = self.sum(cx, zip(&part(x, 2), &rest, Span::add), ranges);
                let candidate = act(&sum);
                let mixed = |k: usize| mix(candidate[k], h[k], update[k]);
                ((0..units).map(mixed).collect(), Vec::new())
            }
        }
    }

    /// The values of an activation.
    fn active(&self, cx: &Resolve<'_>, layer: &Layer, x: &[Span]) -> Vec<Span> {
        if let Some(bounds) = inner::bounds(layer) {
            return vec![bounds; x.len()];
        }
        // Any format that holds the values does: only the range counts here.
        let format = Span::hull(x).format(24);
        let around = self.around(cx.settings.clone(), false);
        inner::decide(layer, &[(Shape(vec![x.len()]), format, x.to_vec())], &around).spans
    }

    /// The type of what is carried from step to step.
    fn carried(&self, rows: &[Vec<Span>], initial: &[Span], cx: &Resolve<'_>, what: &str) -> Typed {
        let first = Span::hull(rows.first().into_iter().flatten());
        let all = Span::hull(rows.iter().flatten().chain(initial));
        let start = first.union(Span::point(0.0)).format(cx.width);
        let format = all.format(cx.width);
        let growth =
            (format.int_bits - start.int_bits - i32::from(format.signed && !start.signed)).max(0);
        let more = growth.min(MOST_GROWTH);
        let format = Format {
            width: cx.width + more as u32,
            int_bits: format.int_bits - growth + more,
            ..format
        };
        let within = if growth > more { ", saturating: the bounds grow to" } else { " in" };
        let steps = rows.len();
        Typed::new(
            format.rounded(),
            format!("{what} of {steps} steps{within} [{:.4}, {:.4}]", all.lo, all.hi),
        )
    }

    /// Resolves one type.
    pub(super) fn resolve_type(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Weight => auto::weight(&self.kernel, cx),
            Role::Bias => auto::bias(self.bias.as_ref(), cx),
            Role::RecurrentWeight => auto::weight(&self.recurrent, cx),
            Role::RecurrentBias => auto::bias(self.recurrent_bias.as_ref(), cx),
            Role::Table => self.table(cx),
            _ if cx.compat => Typed::new(cx.default, "model default"),
            Role::State => {
                let Ranges { cells, initial: [_, initial], .. } = self.ranges(cx);
                self.carried(&cells, &initial, cx, "cells")
            }
            Role::Accum => {
                let format = |it: Role| cx.format(it).frac();
                let products = [
                    cx.inputs[0].format.frac() + format(Role::Weight),
                    format(Role::Result) + format(Role::RecurrentWeight),
                    format(Role::Bias),
                    format(Role::RecurrentBias),
                ];
                let frac = products.into_iter().max().unwrap_or(0);
                auto::exact(self.ranges(cx).sums.unwrap_or(Span::point(0.0)), frac)
            }
            _ => self.result(cx),
        }
    }

    fn result(&self, cx: &Resolve<'_>) -> Typed {
        let ranges = self.ranges(cx);
        let typed = self.carried(&ranges.hidden, &ranges.initial[0], cx, "outputs");
        match cx.calibrated {
            // Rows that are not measured may be larger.
            Some(measured)
                if self.sequences
                    && !self.cells
                    && !self.is_bounded()
                    && ranges.initial[0].is_empty() =>
            {
                cx.covering(measured.intersect(hull(&ranges.hidden)), "calibrated")
            }
            _ if self.cells => {
                // Rows hold cells, too: as fine as the output, as large as the cells.
                let state = cx.format(Role::State);
                let Typed { format, reason } = typed;
                let signed = format.signed || state.signed;
                let own = format.int_bits + i32::from(signed && !format.signed);
                let int_bits = own.max(state.int_bits + i32::from(signed && !state.signed));
                let width = (format.frac() + int_bits).max(1) as u32;
                Typed::new(
                    Format { signed, width, int_bits, ..format },
                    format!("{reason}, and the cells"),
                )
            }
            _ => typed,
        }
    }

    /// Whether the output has bounds that do not depend on the inputs.
    fn is_bounded(&self) -> bool {
        let bounded = |it| inner::bounds(it).is_some();
        bounded(&self.activation) && (self.cell == Cell::Simple || bounded(&self.gate_activation))
    }

    /// One type for the tables of both activations.
    fn table(&self, cx: &Resolve<'_>) -> Typed {
        if cx.compat {
            return activation::table(Span::new(0.0, 1.0), cx);
        }
        let operand = inner::any(&Shape(vec![self.units()]), cx.format(Role::Accum));
        let of = |layer: &Layer| {
            let around = self.around(cx.settings.clone(), false);
            let mut formats = inner::decide(layer, std::slice::from_ref(&operand), &around);
            formats.types.remove(&Role::Table)
        };
        match (of(&self.activation), of(&self.gate_activation)) {
            (Some(own), Some(gates)) if own.format != gates.format => {
                let format = own.format.union(gates.format).rounded();
                Typed::new(format, format!("{}; gates: {}", own.reason, gates.reason))
            }
            (Some(typed), _) | (None, Some(typed)) => typed,
            (None, None) => Typed::new(Format::unsigned(1, 1), "no table"),
        }
    }

    /// What each element of the output can be.
    pub(super) fn output_spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let Ranges { hidden, cells, .. } = self.ranges(cx);
        let rows = hidden.into_iter().zip(cells).map(
            |(h, c)| {
                if self.cells { [h, c].concat() } else { h }
            },
        );
        let skipped = if self.sequences { 0 } else { rows.len() - 1 };
        rows.skip(skipped).flatten().collect()
    }
}

/// `new (1 - share) + old share`: between both where the share is between 0 and 1.
fn mix(new: Span, old: Span, share: Span) -> Span {
    if share.lo >= 0.0 && share.hi <= 1.0 {
        return new.union(old);
    }
    new.times(Span::point(1.0).minus(share)).add(old.times(share))
}
