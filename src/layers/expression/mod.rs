//! Expressions: what a function of numbers is, as text, and the layers that it becomes.
//!
//! ```text
//! text ─ parse ─► Expr ─ bind ─► Bound ─ build ─► layers: tables, sums, products, limits
//! ```
//!
//! A part that depends on a single value through anything but sums, products and limits is one table
//! ([`Formula`]), or the layer of that function if we have one; the rest are merges, affine layers
//! and clips. So `x * sigmoid(alpha * x)` is one table, `x0 * tanh(x1) + b` a table, a product and a
//! sum. Float meaning and hardware are those of the layers made.

mod bind;
mod build;
mod formula;
mod ops;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::bind::BindError;
pub(super) use self::bind::Value;
pub(super) use self::build::{build, function};
pub(super) use self::formula::Curve;
pub use self::formula::Formula;
pub(super) use self::ops::{find, names as functions};
use self::parse::Expr;
pub use self::parse::ParseError;

/// An expression, read and found to be one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    text: String,
    expr: Expr,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Expression, ParseError> {
        Expression::parse_with(text, &[])
    }

    /// Reads an expression that may call functions of one operand besides the known ones.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse_with(text: &str, functions: &[&str]) -> Result<Expression, ParseError> {
        Ok(Expression { text: text.to_owned(), expr: parse::parse(text, functions)? })
    }

    /// Takes the calls of such functions out, inner ones first; a name stands for each afterwards.
    pub(super) fn take_calls(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        take_calls(&mut self.expr, &mut calls);
        calls
    }

    /// The names in it, but for that of the number pi.
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        collect(&self.expr, &mut names);
        names.remove(PI);
        names
    }
}

/// The name of a number.
const PI: &str = "pi";

fn collect<'e>(expr: &'e Expr, names: &mut BTreeSet<&'e str>) {
    match expr {
        Expr::Number(_) => {}
        Expr::Name(name) => {
            names.insert(name);
        }
        Expr::Apply(_, operands) => operands.iter().for_each(|it| collect(it, names)),
        Expr::Call(name, operand) => {
            names.insert(name);
            collect(operand, names);
        }
    }
}

/// A call of a function that is described elsewhere.
#[derive(Debug)]
pub(super) struct Call {
    /// The name that stands for its value.
    pub(super) name: String,
    /// What is called.
    pub(super) function: String,
    /// With what.
    pub(super) argument: Expression,
}

fn take_calls(expr: &mut Expr, calls: &mut Vec<Call>) {
    match expr {
        Expr::Number(_) | Expr::Name(_) => {}
        Expr::Apply(_, operands) => operands.iter_mut().for_each(|it| take_calls(it, calls)),
        Expr::Call(function, operand) => {
            take_calls(operand, calls);
            let is_known = |it: &&Call| it.function == *function && it.argument.expr == **operand;
            let name = calls.iter().find(is_known).map(|it| it.name.clone());
            let name = name.unwrap_or_else(|| {
                // No name of the user's has parentheses.
                let name = format!("{function}({})", calls.len());
                let argument = Expression { text: String::new(), expr: (**operand).clone() };
                let function = function.clone();
                calls.push(Call { name: name.clone(), function, argument });
                name
            });
            *expr = Expr::Name(name);
        }
    }
}

impl TryFrom<String> for Expression {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Expression, ParseError> {
        Expression::parse(&text)
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> String {
        expression.text
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How an expression is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lowering {
    /// Tables of whatever depends on one value and is no plain arithmetic.
    #[default]
    Auto,
    /// One table of all of it.
    Table,
    /// A layer for every operation.
    Units,
}
