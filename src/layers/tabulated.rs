//! Functions of one number with the help of tables: how, what comes out, and the units.

use super::Lower;
use super::lookup::Lookup;
use super::pointwise::each;
use super::scalar::affine;
use super::table::{Reached, absolute};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span};
use crate::units::{Binary, Clamp, Compare, Eltwise, Read, Rectify, Select};

/// How a function is built for inputs of one format; [`Role::Table`] is the type of the entries.
pub(super) enum Plan {
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
    pub(super) fn at(self, x: f64) -> f64 {
        match self {
            Line::All => x,
            Line::Above => x.max(0.0),
            Line::Below => x.min(0.0),
        }
    }
}

/// A turn of sine and cosine.
pub(super) const TURN: f64 = 2.0 * std::f64::consts::PI;

impl Plan {
    /// The table.
    pub(super) fn table(&self) -> &Lookup {
        match self {
            Plan::Whole(table)
            | Plan::Period(table)
            | Plan::Rest { table, .. }
            | Plan::Float { table, .. } => table,
        }
    }

    /// What each output element can be before the cast to the result type.
    pub(super) fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let entry = cx.format(Role::Table);
        match self {
            Plan::Period(table) => {
                let all = Span::around(table.entries(entry));
                each(cx, |_| all)
            }
            Plan::Whole(table) => {
                let reached = Reached::new(table, entry);
                each(cx, |x| reached.span(x))
            }
            Plan::Rest { line, table, even } => {
                let reached = Reached::new(table, entry);
                each(cx, |x| {
                    let rest = reached.span(if *even { absolute(x) } else { x });
                    x.rising(|it| line.at(it)).add(rest)
                })
            }
            Plan::Float { table, negative } => {
                let reached = Reached::new(table, entry);
                each(cx, |x| {
                    let Some(sign) = *negative else {
                        return reached.span(x.rising(|x| x.max(0.0)));
                    };
                    let all = reached.span(absolute(x));
                    if x.lo < 0.0 { all.union(all.scale(sign)) } else { all }
                })
            }
        }
    }

    /// Builds it for an operand of one format.
    pub(super) fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let (entry, result) = (cx.format(Role::Table), cx.format(Role::Result));
        let from = cx.builder.ty(input).union();
        match self {
            Plan::Whole(table) => table.add(cx.builder, "", input, [entry, result]),
            Plan::Period(table) => {
                let phase = table.address().expect("a period has an address");
                // As many bits of the turn as the address needs for the largest input.
                let scale = Format::unsigned(from.width + phase.width + 4, -2).rounded();
                let turns = affine((scale.quantize(1.0 / TURN), scale), (0, from), phase);
                let phase = cx.builder.add("phase", turns, &[input]);
                table.add(cx.builder, "", phase, [entry, result])
            }
            Plan::Rest { line, table, even } => {
                let value = match *even {
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
                    Some(sign) if *sign < 0.0 => {
                        let size = absolute_value(cx, input, address);
                        let above = table.add(cx.builder, "size", size, [entry, result]);
                        let minus = affine((-1, Format::signed(1, 1)), (0, entry), result);
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
