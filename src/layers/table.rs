//! Smooth activations by table: sigmoid, tanh, softplus, softsign, exponential, GELU, SiLU, Mish.
//!
//! With `Compat: hls4ml` the first four are hls4ml's tables over `[-8, 8)` (tanh `[-4, 4)`), entry
//! for entry. By default inputs are rounded to the table's points (see [`super::lookup`]), and a
//! function that follows `max(x, 0)` at both ends is computed as that and a table of the rest, so
//! that it is right for all inputs. With 1024 entries, 16-bit results and inputs in `fixed<16,6>` the
//! largest errors are 0.0020 (sigmoid), 0.0040 (tanh), 0.0023 (softplus), 0.0014 (GELU), 0.0030
//! (SiLU), 0.0048 (Mish) and 0.029 (softsign, which goes on rising); inputs of ten bits or fewer get
//! the exact function, rounded to the result.

use std::collections::BTreeMap;

use super::lookup::{Lookup, address, single};
use super::pointwise::{Pointwise, each};
use super::{Import, Imported, LayerError, Lower, Spelling};
use crate::fixed::{Format, Overflow};
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed, activation};
use crate::units::{Binary, Eltwise, Read, Rectify};

/// The function of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `exp(x)`.
    Exponential,
    /// `x` times the normal distribution's cumulative function.
    Gelu,
    /// GELU with the cumulative function approximated by a tanh.
    GeluTanh,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `x * tanh(softplus(x))`.
    Mish,
}

/// A scalar function, tabulated.
#[derive(Clone, Debug)]
pub struct Table {
    /// Which.
    pub function: Function,
}

impl Table {
    pub(super) const SPELLINGS: &[Spelling] = &[
        Spelling::onnx("Sigmoid", |cx| plain(cx, Function::Sigmoid)),
        Spelling::onnx("Tanh", |cx| plain(cx, Function::Tanh)),
        Spelling::onnx("Softplus", |cx| plain(cx, Function::Softplus)),
        Spelling::onnx("Softsign", |cx| plain(cx, Function::Softsign)),
        Spelling::onnx("Exp", |cx| plain(cx, Function::Exponential)),
        Spelling::onnx("Mish", |cx| plain(cx, Function::Mish)),
        Spelling::onnx("Gelu", import_gelu),
    ];
}

fn plain(cx: &Import<'_>, function: Function) -> Result<Imported, LayerError> {
    cx.attrs().ignore(&["consumed_inputs"]);
    Ok(Imported::unary(Table { function }))
}

fn import_gelu(cx: &Import<'_>) -> Result<Imported, LayerError> {
    let function = match cx.attrs().str("approximate", "none")? {
        "none" => Function::Gelu,
        "tanh" => Function::GeluTanh,
        other => return Err(cx.value_error("approximate", other, "none or tanh")),
    };
    Ok(Imported::unary(Table { function }))
}

impl Function {
    /// Float meaning.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Function::Sigmoid => sigmoid(x),
            Function::Tanh => x.tanh(),
            Function::Softplus => softplus(x),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Exponential => x.exp(),
            Function::Gelu => x * 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            Function::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh())
            }
            Function::Silu => x * sigmoid(x),
            Function::Mish => x * softplus(x).tanh(),
        }
    }

    /// What the function is without `max(x, 0)`, if that leaves little at both ends.
    fn rest(self, x: f64) -> Option<f64> {
        use Function::*;
        match self {
            Softplus => Some((-x.abs()).exp().ln_1p()),
            Gelu | GeluTanh | Silu => Some(self.at(-x.abs())),
            Mish => Some(self.at(x) - x.max(0.0)),
            Sigmoid | Tanh | Softsign | Exponential => None,
        }
    }

    /// Whether the rest is the same for `-x`, so that a table of `|x|` serves.
    fn rest_is_even(self) -> bool {
        self != Function::Mish
    }

    /// hls4ml's table, with the roundings of its C++ (`std::exp` of a float is a float, literals
    /// are doubles, results are floats again).
    fn hls4ml(self, entries: u32) -> Option<Lookup> {
        let exp = |x: f64| single(x.exp());
        Some(match self {
            Function::Sigmoid => {
                Lookup::hls4ml(entries, 4, |x| single(1.0 / single(1.0 + exp(-x))))
            }
            Function::Tanh => Lookup::hls4ml(entries, 3, |x| single(x.tanh())),
            Function::Softplus => Lookup::hls4ml(entries, 4, |x| single((exp(x) + 1.0).ln())),
            Function::Softsign => Lookup::hls4ml(entries, 4, |x| single(x / (x.abs() + 1.0))),
            _ => return None,
        })
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The error function, to about 1e-15: a series without cancellation.
pub(super) fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-17 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
}

/// How a function is built for inputs of one format.
enum Plan {
    /// A table of the whole function.
    Whole(Lookup),
    /// `max(x, 0)` and a table of the rest; of `|x|` if `even`.
    Rest { table: Lookup, even: bool },
}

impl Table {
    /// `limits` are what entries can be: where the function is beyond, its precision is of no use.
    fn plan(&self, input: Format, entries: u32, compat: bool, limits: Span) -> Plan {
        let function = self.function;
        if let Some(table) = function.hls4ml(entries).filter(|_| compat) {
            return Plan::Whole(table);
        }
        let whole = |x: f64| function.at(x).clamp(limits.lo, limits.hi);
        let rest = |x: f64| function.rest(x).unwrap_or(0.0);
        let narrow = input.width <= super::lookup::address_bits(entries);
        if narrow || function.rest(0.0).is_none() {
            return Plan::Whole(Lookup::over(address(input, entries, whole), whole));
        }
        let even = function.rest_is_even();
        let from = if even { magnitude(input) } else { input };
        Plan::Rest { table: Lookup::over(address(from, entries, rest), rest), even }
    }
}

/// Nothing is.
const UNLIMITED: Span = Span { lo: -activation::UNLIMITED, hi: activation::UNLIMITED };

/// What entries of a table can be: a format that saturates is meant for no more.
fn limits(entry: Format) -> Span {
    match entry.overflow {
        Overflow::Sat => Span::of(entry),
        _ => UNLIMITED,
    }
}

/// The format that holds `max(x, 0)`, and `|x|` up to the saturated lowest value.
pub(super) fn magnitude(input: Format) -> Format {
    let sign = input.signed && input.width > 1;
    let (width, int_bits) = (input.width - u32::from(sign), input.int_bits - i32::from(sign));
    Format::unsigned(width, int_bits).rounded()
}

impl Pointwise for Table {
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
        if role != Role::Table {
            return activation::result(Span::hull(&self.spans(cx)), None, cx);
        }
        let input = cx.inputs[0].format;
        let values = match self.plan(input, cx.settings.table_size, cx.compat, UNLIMITED) {
            Plan::Whole(table) if !cx.compat => {
                // Formats often hold twice what inputs can be, and an exponential is large there.
                let inputs = Span::hull(cx.inputs[0].spans);
                let at = |x: f64| self.function.at(x).min(activation::UNLIMITED);
                let ends = Span::around([at(inputs.lo), at(inputs.hi)]);
                Reached::exact(&table).span(inputs).union(ends)
            }
            Plan::Whole(table) | Plan::Rest { table, .. } => table.values(),
        };
        activation::table(values, cx)
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let entry = cx.format(Role::Table);
        match self.plan(cx.inputs[0].format, cx.settings.table_size, cx.compat, limits(entry)) {
            Plan::Whole(table) => {
                let reached = Reached::new(&table, entry);
                each(cx, |x| reached.span(x))
            }
            Plan::Rest { table, even } => {
                let reached = Reached::new(&table, entry);
                each(cx, |x| {
                    let rest = reached.span(if even { absolute(x) } else { x });
                    x.rising(|it| it.max(0.0)).add(rest)
                })
            }
        }
    }

    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let (entry, result) = (cx.format(Role::Table), cx.format(Role::Result));
        let from = cx.builder.ty(input).union();
        let entries = cx.formats.settings.table_size;
        let (table, even) = match self.plan(from, entries, cx.compat, limits(entry)) {
            Plan::Whole(table) => return table.add(cx.builder, "", input, [entry, result]),
            Plan::Rest { table, even } => (table, even),
        };
        let relu = cx.builder.add("relu", Rectify::relu(magnitude(from)), &[input]);
        let value = match (even, table.address()) {
            (true, Some(address)) => {
                // Slope -1 below zero: the magnitude, in the table's own format.
                let (slopes, slope) = ([-1].into(), Format::signed(1, 1));
                let absolute = Rectify { slopes, slope, ..Rectify::relu(address) };
                cx.builder.add("absolute", absolute, &[input])
            }
            _ => input,
        };
        let rest = table.add(cx.builder, "rest", value, [entry, entry]);
        let shape = cx.builder.ty(input).shape.clone();
        let sum = Eltwise { op: Binary::Add, read: [Read::Same; 2], shape, result };
        cx.builder.add("", sum, &[relu, rest])
    }
}

/// All magnitudes of a span.
pub(super) fn absolute(x: Span) -> Span {
    let ends = Span::around([x.lo.abs(), x.hi.abs()]);
    if x.lo < 0.0 && x.hi > 0.0 { Span::new(0.0, ends.hi) } else { ends }
}

/// The values that inputs can read from a table; equal inputs are answered once.
pub(super) struct Reached<'t> {
    table: &'t Lookup,
    entries: Vec<f64>,
    known: std::cell::RefCell<BTreeMap<(usize, usize), Span>>,
}

impl Reached<'_> {
    pub(super) fn new(table: &Lookup, entry: Format) -> Reached<'_> {
        Reached { table, entries: table.entries(entry), known: Default::default() }
    }

    /// Of entries as they are before they get a format.
    fn exact(table: &Lookup) -> Reached<'_> {
        Reached { table, entries: table.entries_unrounded(), known: Default::default() }
    }

    pub(super) fn span(&self, x: Span) -> Span {
        let (first, last) = self.table.reach(x);
        let read = || Span::around(self.entries[first..=last].iter().copied());
        *self.known.borrow_mut().entry((first, last)).or_insert_with(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_agrees_with_known_values() {
        for (x, y) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (-2.0, -0.995_322_265_018_952_7),
            (4.0, 0.999_999_984_582_742_1),
            (7.0, 1.0),
        ] {
            assert!((erf(x) - y).abs() < 1e-14, "erf({x}) = {}", erf(x));
        }
    }

    #[test]
    fn functions_agree_with_known_values() {
        use Function::*;
        for (function, x, y) in [
            (Sigmoid, 1.0, 0.731_058_578_630_004_9),
            (Tanh, -0.5, -0.462_117_157_260_009_75),
            (Softplus, 0.0, std::f64::consts::LN_2),
            (Softplus, 800.0, 800.0),
            (Softsign, -3.0, -0.75),
            (Exponential, 1.0, std::f64::consts::E),
            (Gelu, 1.0, 0.841_344_746_068_542_9),
            (GeluTanh, 1.0, 0.841_191_990_607_477_2),
            (Silu, -1.0, -0.268_941_421_369_995_1),
            (Mish, 1.0, 0.865_098_388_267_310_3),
        ] {
            assert!((function.at(x) - y).abs() < 1e-12, "{function:?}({x}) = {}", function.at(x));
        }
    }

    #[test]
    fn rectified_line_and_rest_are_the_function() {
        for function in [Function::Softplus, Function::Gelu, Function::Silu, Function::Mish] {
            for k in -800..800 {
                let x = f64::from(k) / 100.0;
                let sum = x.max(0.0) + function.rest(x).unwrap();
                assert!((sum - function.at(x)).abs() < 1e-12, "{function:?}({x})");
            }
        }
    }
}
