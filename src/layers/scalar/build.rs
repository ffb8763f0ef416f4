//! Scalar functions by tables.

use super::{Scalar, ScalarFunction, exact};
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::layers::lookup::{Lookup, address, address_bits};
use crate::layers::pointwise::{Pointwise, each};
use crate::layers::table::{Reached, absolute, magnitude};
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::{Binary, Clamp, Compare, Eltwise, Read, Rectify, Requantize, Select};

/// How a function is built for inputs of one format.
pub(super) enum Plan {
    /// Units that compute it exactly.
    Exact,
    /// A table of the whole function.
    Whole(Lookup),
    /// A table of one period, addressed by the input over the period.
    Period(Lookup),
    /// A line and a table of the rest; of `|x|` if `even`.
    Rest { line: Line, table: Lookup, even: bool },
    /// A table of `max(x, 0)`, or of `|x|` with the function's sign for negative inputs.
    Float { table: Lookup, negative: Option<f64> },
}

/// What a table is added to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line {
    /// `x`.
    All,
    /// `max(x, 0)`.
    Above,
    /// `min(x, 0)`.
    Below,
}

impl Line {
    fn at(self, x: f64) -> f64 {
        match self {
            Line::All => x,
            Line::Above => x.max(0.0),
            Line::Below => x.min(0.0),
        }
    }
}

impl ScalarFunction {
    /// The line that the function follows at both ends, and whether the rest is even.
    fn line(self) -> Option<(Line, bool)> {
        use ScalarFunction::*;
        match self {
            Celu(_) => Some((Line::Above, false)),
            Squareplus(_) | SparsePlus => Some((Line::Above, true)),
            LogSigmoid => Some((Line::Below, true)),
            TanhShrink => Some((Line::All, false)),
            _ => None,
        }
    }

    /// Whether inputs of all sizes matter alike, and the sign of negative ones: `None` where they
    /// have no value, and count as zero.
    fn float(self) -> Option<Option<f64>> {
        use ScalarFunction::*;
        match self {
            Reciprocal => Some(Some(-1.0)),
            Sqrt | Rsqrt | Log => Some(None),
            Power(p) if p.fract() == 0.0 => Some(Some(if p % 2.0 == 0.0 { 1.0 } else { -1.0 })),
            Power(_) => Some(None),
            _ => None,
        }
    }
}

/// A turn of sine and cosine.
const TURN: f64 = 2.0 * std::f64::consts::PI;

impl Scalar {
    pub(super) fn plan(&self, input: Format, entries: u32) -> Plan {
        let f = |x: f64| self.function.at(x).clamp(-activation::UNLIMITED, activation::UNLIMITED);
        let narrow = input.width <= address_bits(entries);
        if exact::is_exact(self.function) {
            return Plan::Exact;
        }
        if let Some(negative) = self.function.float() {
            let from = magnitude(input);
            // Zero has the value of the smallest number.
            let table = Lookup::float(from, 2 * entries, |x| f(x.max(from.value(1))));
            return Plan::Float { table, negative: negative.filter(|_| input.signed) };
        }
        match self.function {
            ScalarFunction::Sin | ScalarFunction::Cos if !narrow => {
                let bits = address_bits(entries);
                let phase = Format::unsigned(bits, 0).with(Rounding::Rnd, Overflow::Wrap);
                return Plan::Period(Lookup::over(phase, |x| f(x * TURN)));
            }
            _ => {}
        }
        match self.function.line().filter(|_| !narrow) {
            None => Plan::Whole(Lookup::over(address(input, entries, f), f)),
            Some((line, even)) => {
                let from = if even { magnitude(input) } else { input };
                let rest = |x: f64| f(x) - line.at(x);
                let table = Lookup::over(address(from, entries, rest), rest);
                Plan::Rest { line, table, even }
            }
        }
    }

    fn plan_of(&self, cx: &Resolve<'_>) -> Plan {
        self.plan(cx.inputs[0].format, cx.settings.table_size)
    }
}

impl Pointwise for Scalar {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        self.function.at(x)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Table, Role::Result]
    }

    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        let plan = self.plan_of(cx);
        let powers = !matches!(self.function, ScalarFunction::Log | ScalarFunction::Sqrt);
        match (role, plan) {
            (Role::Table, Plan::Exact) => Typed::new(Format::unsigned(1, 1), "not used"),
            (Role::Table, Plan::Float { table, .. }) if powers => {
                Typed::new(table.relative(), "powers of inputs of all sizes")
            }
            (
                Role::Table,
                Plan::Whole(table)
                | Plan::Period(table)
                | Plan::Rest { table, .. }
                | Plan::Float { table, .. },
            ) => activation::table(table.values(), cx),
            (_, Plan::Float { .. }) if powers && cx.calibrated.is_none() => {
                let table = cx.format(Role::Table);
                let span = Span::hull(&self.spans(cx));
                let int_bits = span.int_bits().max(1 - table.frac());
                let width = (int_bits + table.frac()) as u32;
                let format = Format { signed: span.lo < 0.0, width, int_bits, ..table };
                Typed::new(format.rounded(), "as its table")
            }
            (_, Plan::Exact) => {
                let frac = exact::frac(self.function, cx.inputs[0].format);
                activation::result(Span::hull(&self.spans(cx)), frac, cx)
            }
            _ => activation::result(Span::hull(&self.spans(cx)), None, cx),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let entry = cx.format(Role::Table);
        let input = cx.inputs[0].format;
        match self.plan_of(cx) {
            Plan::Exact => each(cx, |x| exact::span(self.function, x, input)),
            Plan::Period(table) => {
                let all = Span::around(table.entries(entry));
                each(cx, |_| all)
            }
            Plan::Whole(table) => {
                let reached = Reached::new(&table, entry);
                each(cx, |x| reached.span(x))
            }
            Plan::Rest { line, table, even } => {
                let reached = Reached::new(&table, entry);
                each(cx, |x| {
                    let rest = reached.span(if even { absolute(x) } else { x });
                    x.rising(|it| line.at(it)).add(rest)
                })
            }
            Plan::Float { table, negative } => {
                let reached = Reached::new(&table, entry);
                each(cx, |x| {
                    let Some(sign) = negative else {
                        return reached.span(x.rising(|x| x.max(0.0)));
                    };
                    let all = reached.span(absolute(x));
                    if x.lo < 0.0 { all.union(all.scale(sign)) } else { all }
                })
            }
        }
    }

    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let (entry, result) = (cx.format(Role::Table), cx.format(Role::Result));
        let from = cx.builder.ty(input).union();
        // One format for all elements: their bits address a table, or are compared.
        let input = match cx.builder.ty(input).common() {
            Some(_) => input,
            None => cx.builder.add("aligned", Requantize::uniform(from), &[input]),
        };
        match self.plan(from, cx.formats.settings.table_size) {
            Plan::Exact => exact::lower(self.function, cx, input),
            Plan::Whole(table) => table.add(cx.builder, "", input, [entry, result]),
            Plan::Period(table) => {
                let phase = table.address().expect("a period has an address");
                // As many bits of the turn as the address needs for the largest input.
                let scale = Format::unsigned(from.width + phase.width + 4, -2).rounded();
                let turns = exact::affine((scale.quantize(1.0 / TURN), scale), (0, from), phase);
                let phase = cx.builder.add("phase", turns, &[input]);
                table.add(cx.builder, "", phase, [entry, result])
            }
            Plan::Rest { line, table, even } => {
                let value = match even {
                    true => absolute_value(cx, input, table.address().unwrap_or(from)),
                    false => input,
                };
                let rest = table.add(cx.builder, "rest", value, [entry, entry]);
                let limits = match line {
                    Line::All => None,
                    Line::Above => Some((0, from.max().max(0))),
                    Line::Below => Some((from.min(), 0)),
                };
                let line = limits.map_or(input, |(lo, hi)| {
                    let clamp = Clamp { lo, hi, limit: from, result: from };
                    cx.builder.add("line", clamp, &[input])
                });
                let shape = cx.builder.ty(input).shape.clone();
                let sum = Eltwise { op: Binary::Add, read: [Read::Same; 2], shape, result };
                cx.builder.add("", sum, &[line, rest])
            }
            Plan::Float { table, negative } => {
                let address = table.address().expect("a table of floats has an address");
                match negative {
                    Some(sign) if sign < 0.0 => {
                        let size = absolute_value(cx, input, address);
                        let above = table.add(cx.builder, "size", size, [entry, result]);
                        let minus = exact::affine((-1, Format::signed(1, 1)), (0, entry), result);
                        let below = cx.builder.add("negative", minus, &[above]);
                        let select = Select {
                            compare: Compare::GreaterEqual,
                            threshold: 0,
                            threshold_format: Format::unsigned(1, 1),
                            result,
                        };
                        cx.builder.add("", select, &[input, above, below])
                    }
                    Some(_) => {
                        let size = absolute_value(cx, input, address);
                        table.add(cx.builder, "", size, [entry, result])
                    }
                    None => table.add(cx.builder, "", input, [entry, result]),
                }
            }
        }
    }
}

/// The magnitude, in an unsigned format.
fn absolute_value(cx: &mut Lower<'_>, input: NodeId, to: Format) -> NodeId {
    let (slopes, slope) = ([-1].into(), Format::signed(1, 1));
    let absolute = Rectify { slopes, slope, ..Rectify::relu(to) };
    cx.builder.add("absolute", absolute, &[input])
}
