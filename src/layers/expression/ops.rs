//! The operations of expressions: what each computes, and the layer that is just it.
//!
//! A row of [`OPS`] is all there is to an operation of one number: whatever has no layer of its own
//! becomes a table.

use std::f64::consts::FRAC_1_SQRT_2;
use std::fmt;

use crate::layers::table::erf;
use crate::layers::{Function, Layer, LeakyRelu, Relu, Scalar, ScalarFunction, Table};

/// An operation.
#[derive(Clone, Copy)]
pub(in crate::layers) struct Op {
    /// What it is called.
    pub name: &'static str,
    /// Least and most operands.
    pub operands: [usize; 2],
    /// What it computes.
    pub at: fn(&[f64]) -> f64,
    /// Whether units compute it without a table, up to the rounding of the result.
    pub plain: bool,
    /// The layer that is the operation, if it is one of one number.
    pub layer: Option<fn() -> Layer>,
}

impl PartialEq for Op {
    fn eq(&self, other: &Op) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The operation of a name; capitals do not matter, as SymPy writes some.
pub(in crate::layers) fn find(name: &str) -> Option<&'static Op> {
    let name = name.to_ascii_lowercase();
    let name = ALIASES.iter().find(|it| it.0 == name).map_or(&*name, |it| it.1);
    OPS.iter().find(|it| it.name == name)
}

/// The names that can be called, for messages.
pub(in crate::layers) fn names() -> impl Iterator<Item = &'static str> {
    OPS.iter().map(|it| it.name)
}

/// Other names of operations.
const ALIASES: [(&str, &str); 6] = [
    ("maximum", "max"),
    ("minimum", "min"),
    ("swish", "silu"),
    ("clamp", "clip"),
    ("ln", "log"),
    ("power", "pow"),
];

const fn units(name: &'static str, count: usize, at: fn(&[f64]) -> f64) -> Op {
    Op { name, operands: [count; 2], at, plain: true, layer: None }
}

const fn table(name: &'static str, at: fn(&[f64]) -> f64) -> Op {
    Op { name, operands: [1; 2], at, plain: false, layer: None }
}

const fn choice(name: &'static str, count: usize, at: fn(&[f64]) -> f64) -> Op {
    Op { name, operands: [count; 2], at, plain: false, layer: None }
}

const fn layer(name: &'static str, at: fn(&[f64]) -> f64, layer: fn() -> Layer) -> Op {
    Op { name, operands: [1; 2], at, plain: false, layer: Some(layer) }
}

fn known(function: Function) -> Layer {
    Table { function }.into()
}

fn scalar(function: ScalarFunction) -> Layer {
    Scalar { function }.into()
}

fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// All operations; the first seven and the comparisons also have signs.
const OPS: &[Op] = &[
    units("add", 2, |x| x[0] + x[1]),
    units("sub", 2, |x| x[0] - x[1]),
    units("mul", 2, |x| x[0] * x[1]),
    Op { plain: false, ..units("div", 2, |x| x[0] / x[1]) },
    units("neg", 1, |x| -x[0]),
    choice("pow", 2, |x| x[0].powf(x[1])),
    units("clip", 3, |x| x[0].max(x[1]).min(x[2])),
    choice("lt", 2, |x| truth(x[0] < x[1])),
    choice("le", 2, |x| truth(x[0] <= x[1])),
    choice("gt", 2, |x| truth(x[0] > x[1])),
    choice("ge", 2, |x| truth(x[0] >= x[1])),
    choice("eq", 2, |x| truth(x[0] == x[1])),
    choice("ne", 2, |x| truth(x[0] != x[1])),
    choice("where", 3, |x| if x[0] != 0.0 { x[1] } else { x[2] }),
    choice("atan2", 2, |x| x[0].atan2(x[1])),
    Op { operands: [2, 8], ..units("max", 2, |x| x.iter().fold(x[0], |a, b| a.max(*b))) },
    Op { operands: [2, 8], ..units("min", 2, |x| x.iter().fold(x[0], |a, b| a.min(*b))) },
    Op { plain: true, ..layer("relu", |x| x[0].max(0.0), || Relu { max: None }.into()) },
    Op {
        plain: true,
        ..layer("abs", |x| x[0].abs(), || LeakyRelu { alpha: -1.0, max: None }.into())
    },
    Op {
        plain: true,
        ..layer("sign", |x| ScalarFunction::Sign.at(x[0]), || scalar(ScalarFunction::Sign))
    },
    Op { plain: true, ..layer("floor", |x| x[0].floor(), || scalar(ScalarFunction::Floor)) },
    Op { plain: true, ..layer("ceil", |x| x[0].ceil(), || scalar(ScalarFunction::Ceil)) },
    Op {
        plain: true,
        ..layer("round", |x| x[0].round_ties_even(), || scalar(ScalarFunction::Round))
    },
    layer("exp", |x| x[0].exp(), || known(Function::Exponential)),
    layer("log", |x| x[0].ln(), || scalar(ScalarFunction::Log)),
    layer("sqrt", |x| x[0].sqrt(), || scalar(ScalarFunction::Sqrt)),
    layer("rsqrt", |x| 1.0 / x[0].sqrt(), || scalar(ScalarFunction::Rsqrt)),
    layer("sin", |x| x[0].sin(), || scalar(ScalarFunction::Sin)),
    layer("cos", |x| x[0].cos(), || scalar(ScalarFunction::Cos)),
    layer("tanh", |x| x[0].tanh(), || known(Function::Tanh)),
    layer("erf", |x| erf(x[0]), || scalar(ScalarFunction::Erf)),
    layer("sigmoid", |x| Function::Sigmoid.at(x[0]), || known(Function::Sigmoid)),
    layer("softplus", |x| Function::Softplus.at(x[0]), || known(Function::Softplus)),
    layer("softsign", |x| Function::Softsign.at(x[0]), || known(Function::Softsign)),
    layer("gelu", |x| x[0] * 0.5 * (1.0 + erf(x[0] * FRAC_1_SQRT_2)), || known(Function::Gelu)),
    layer("silu", |x| Function::Silu.at(x[0]), || known(Function::Silu)),
    layer("mish", |x| Function::Mish.at(x[0]), || known(Function::Mish)),
    table("tan", |x| x[0].tan()),
    table("asin", |x| x[0].asin()),
    table("acos", |x| x[0].acos()),
    table("atan", |x| x[0].atan()),
    table("sinh", |x| x[0].sinh()),
    table("cosh", |x| x[0].cosh()),
    table("log2", |x| x[0].log2()),
    table("log10", |x| x[0].log10()),
    table("log1p", |x| x[0].ln_1p()),
    table("expm1", |x| x[0].exp_m1()),
];
