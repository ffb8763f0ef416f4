//! Scalar functions by tables.

use super::{Scalar, ScalarFunction, exact};
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::layers::Lower;
use crate::layers::lookup::{Lookup, address, address_bits};
use crate::layers::pointwise::{Pointwise, each};
use crate::layers::table::magnitude;
use crate::layers::tabulated::{Line, Plan, TURN};
use crate::precision::{Resolve, Role, Span, Typed, activation};

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

impl Scalar {
    /// How the function is built; `None` where units compute it exactly.
    pub(super) fn plan(&self, input: Format, entries: u32) -> Option<Plan> {
        let f = |x: f64| self.function.at(x).clamp(-activation::UNLIMITED, activation::UNLIMITED);
        let narrow = input.width <= address_bits(entries);
        if exact::is_exact(self.function) {
            return None;
        }
        if let Some(negative) = self.function.float() {
            let from = magnitude(input);
            // Zero has the value of the smallest number.
            let table = Lookup::float(from, 2 * entries, |x| f(x.max(from.value(1))));
            return Some(Plan::Float { table, negative: negative.filter(|_| input.signed) });
        }
        match self.function {
            ScalarFunction::Sin | ScalarFunction::Cos if !narrow => {
                let bits = address_bits(entries);
                let phase = Format::unsigned(bits, 0).with(Rounding::Rnd, Overflow::Wrap);
                return Some(Plan::Period(Lookup::over(phase, |x| f(x * TURN))));
            }
            _ => {}
        }
        Some(match self.function.line().filter(|_| !narrow) {
            None => Plan::Whole(Lookup::over(address(input, entries, f), f)),
            Some((line, even)) => {
                let from = if even { magnitude(input) } else { input };
                let rest = |x: f64| f(x) - line.at(x);
                let table = Lookup::over(address(from, entries, rest), rest);
                Plan::Rest { line, table, even }
            }
        })
    }

    fn plan_of(&self, cx: &Resolve<'_>) -> Option<Plan> {
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
        let Some(plan) = self.plan_of(cx) else {
            let frac = exact::frac(self.function, cx.inputs[0].format);
            return match role {
                Role::Table => Typed::new(Format::unsigned(1, 1), "not used"),
                _ => activation::result(Span::hull(&self.spans(cx)), frac, cx),
            };
        };
        let powers = !matches!(self.function, ScalarFunction::Log | ScalarFunction::Sqrt);
        match (role, &plan) {
            (Role::Table, Plan::Float { table, .. }) if powers => {
                Typed::new(table.relative(), "powers of inputs of all sizes")
            }
            (Role::Table, plan) => activation::table(plan.table().values(), cx),
            (_, Plan::Float { .. }) if powers && cx.calibrated.is_none() => {
                let table = cx.format(Role::Table);
                let span = Span::hull(&self.spans(cx));
                let int_bits = span.int_bits().max(1 - table.frac());
                let width = (int_bits + table.frac()) as u32;
                let format = Format { signed: span.lo < 0.0, width, int_bits, ..table };
                Typed::new(format.rounded(), "as its table")
            }
            _ => activation::result(Span::hull(&self.spans(cx)), None, cx),
        }
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let input = cx.inputs[0].format;
        match self.plan_of(cx) {
            None => each(cx, |x| exact::span(self.function, x, input)),
            Some(plan) => plan.spans(cx),
        }
    }

    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let input = cx.aligned(input);
        let from = cx.builder.ty(input).union();
        match self.plan(from, cx.formats.settings.table_size) {
            None => exact::lower(self.function, cx, input),
            Some(plan) => plan.lower(cx, input),
        }
    }
}
