//! Any function of one number as a table.
//!
//! As for other functions, inputs of few bits address the exact function, others are rounded to the
//! table's points; a function that follows `x`, `max(x, 0)` or `min(x, 0)` is that and a table of
//! the rest wherever this makes the error smaller. Where the function has no finite value, the table
//! has the value of the nearest point with one.

use std::sync::Arc;

use super::ops::Op;
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::layers::lookup::{Lookup, address, address_bits, error};
use crate::layers::pointwise::Pointwise;
use crate::layers::tabulated::{Line, Plan};
use crate::layers::{Lower, Spelling};
use crate::precision::{Resolve, Role, Span, Typed, activation};

/// A function of one number.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::layers) enum Curve {
    /// The number.
    X,
    /// A constant.
    Number(f64),
    /// An operation.
    Apply(&'static Op, Vec<Curve>),
}

impl Curve {
    pub(in crate::layers) fn at(&self, x: f64) -> f64 {
        match self {
            Curve::X => x,
            Curve::Number(value) => *value,
            Curve::Apply(op, operands) => {
                let operands: Vec<f64> = operands.iter().map(|it| it.at(x)).collect();
                (op.at)(&operands)
            }
        }
    }

    /// Whether units compute all of it without a table.
    pub(super) fn is_plain(&self) -> bool {
        let Curve::Apply(op, x) = self else { return true };
        let plain = match (op.name, &x[..]) {
            ("div", [_, below]) => matches!(below, Curve::Number(_)),
            ("pow", [_, exponent]) => *exponent == Curve::Number(2.0),
            _ => op.plain,
        };
        plain && x.iter().all(Curve::is_plain)
    }
}

/// A function of each element that an expression gives.
#[derive(Clone, Debug)]
pub struct Formula {
    curve: Arc<Curve>,
}

impl Formula {
    // Expressions make it.
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[];

    pub(super) fn new(curve: Curve) -> Formula {
        Formula { curve: Arc::new(curve) }
    }

    fn plan(&self, input: Format, entries: u32) -> Plan {
        let f = |x: f64| {
            let y = self.curve.at(x);
            let y = if y.is_finite() { y } else { f64::NAN };
            y.clamp(-activation::UNLIMITED, activation::UNLIMITED)
        };
        let whole = || Plan::Whole(Lookup::over(address(input, entries, f), f).filled());
        if input.width <= address_bits(entries) {
            return whole();
        }
        let mut best = (error(input, address(input, entries, f), &f), None);
        for line in [Line::All, Line::Above, Line::Below] {
            let rest = |x: f64| f(x) - line.at(x);
            let found = error(input, address(input, entries, rest), &rest);
            if found < best.0 {
                best = (found, Some(line));
            }
        }
        match best.1 {
            None => whole(),
            Some(line) => {
                let rest = |x: f64| f(x) - line.at(x);
                let table = Lookup::over(address(input, entries, rest), rest).filled();
                Plan::Rest { line, table, even: false }
            }
        }
    }

    fn plan_of(&self, cx: &Resolve<'_>) -> Plan {
        self.plan(cx.inputs[0].format, cx.settings.table_size)
    }
}

impl Pointwise for Formula {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        self.curve.at(x)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Table, Role::Result]
    }
    fn resolve(&self, role: Role, cx: &Resolve<'_>) -> Typed {
        match role {
            Role::Table => activation::table(self.plan_of(cx).table().values(), cx),
            _ => activation::result(Span::hull(&self.spans(cx)), None, cx),
        }
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        self.plan_of(cx).spans(cx)
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let input = cx.aligned(input);
        let from = cx.builder.ty(input).union();
        self.plan(from, cx.formats.settings.table_size).lower(cx, input)
    }
}
