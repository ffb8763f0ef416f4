//! Extents that depend on symbols: `Mul(Integer(2), Symbol('s77', positive=True, integer=True))`.
//!
//! Expressions are SymPy's, printed by `srepr`. The only symbol that hardware can have is the batch,
//! and it is 1 here: an extent is a number, or a number times the batch.

use std::collections::BTreeSet;

use super::error::SymbolError;
use super::schema::SymInt;

/// Nesting that no size of a tensor has.
const MAX_DEPTH: usize = 32;

/// An extent: `size`, times the batch if `batch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dim {
    /// The extent for a batch of one.
    pub(super) size: i64,
    /// Whether it grows with the batch.
    pub(super) batch: bool,
}

impl Dim {
    /// An extent that is always the same.
    pub(super) fn fixed(size: i64) -> Dim {
        Dim { size, batch: false }
    }
}

/// The value of an extent, given the names of the batch.
pub(super) fn dim(value: &SymInt, batch: &BTreeSet<String>) -> Result<Dim, SymbolError> {
    match value {
        SymInt::Int(size) => Ok(Dim::fixed(*size)),
        SymInt::Expr(expr) => {
            let value = Parser { text: &expr.expr_str, batch }.parse()?;
            let form = || SymbolError::Form { text: short(&expr.expr_str) };
            match value {
                Poly { factor, degree: 0 } => Ok(Dim::fixed(factor)),
                Poly { factor, degree: 1 } => Ok(Dim { size: factor, batch: true }),
                _ => Err(form()),
            }
        }
    }
}

/// The symbol that an extent is, if it is nothing else.
pub(super) fn symbol(value: &SymInt) -> Option<&str> {
    let SymInt::Expr(expr) = value else { return None };
    let (name, rest) = expr.expr_str.strip_prefix("Symbol('")?.split_once('\'')?;
    (rest.find(')') == Some(rest.len() - 1)).then_some(name)
}

/// `factor` times the `degree`-th power of the batch.
#[derive(Clone, Copy)]
struct Poly {
    factor: i64,
    degree: u32,
}

struct Parser<'a> {
    text: &'a str,
    batch: &'a BTreeSet<String>,
}

impl Parser<'_> {
    fn parse(&self) -> Result<Poly, SymbolError> {
        let mut rest = self.text;
        let value = self.term(&mut rest, 0)?;
        if rest.trim().is_empty() { Ok(value) } else { Err(self.error()) }
    }

    fn error(&self) -> SymbolError {
        SymbolError::Form { text: short(self.text) }
    }

    fn term(&self, rest: &mut &str, depth: usize) -> Result<Poly, SymbolError> {
        let (function, after) = rest.trim_start().split_once('(').ok_or_else(|| self.error())?;
        *rest = after;
        match function {
            _ if depth > MAX_DEPTH => Err(self.error()),
            "Integer" => {
                let (number, after) = rest.split_once(')').ok_or_else(|| self.error())?;
                *rest = after;
                let factor = number.trim().parse().map_err(|_| self.error())?;
                Ok(Poly { factor, degree: 0 })
            }
            "Symbol" => {
                let (arguments, after) = rest.split_once(')').ok_or_else(|| self.error())?;
                *rest = after;
                let name = arguments.split('\'').nth(1).ok_or_else(|| self.error())?;
                match self.batch.contains(name) {
                    true => Ok(Poly { factor: 1, degree: 1 }),
                    false => Err(SymbolError::Dynamic { symbol: short(name) }),
                }
            }
            "Mul" => self.fold(rest, depth, |a, b| {
                let degree = a.degree.checked_add(b.degree)?;
                Some(Poly { factor: a.factor.checked_mul(b.factor)?, degree })
            }),
            // Only like terms: what adds to a multiple of the batch depends on the batch.
            "Add" => self.fold(rest, depth, |a, b| {
                let factor = a.factor.checked_add(b.factor)?;
                (a.degree == b.degree).then_some(Poly { factor, degree: a.degree })
            }),
            _ => Err(self.error()),
        }
    }

    /// The arguments of a function, joined.
    fn fold(
        &self,
        rest: &mut &str,
        depth: usize,
        join: impl Fn(Poly, Poly) -> Option<Poly>,
    ) -> Result<Poly, SymbolError> {
        let mut value = self.term(rest, depth + 1)?;
        loop {
            let text = rest.trim_start();
            if let Some(after) = text.strip_prefix(')') {
                *rest = after;
                return Ok(value);
            }
            *rest = text.strip_prefix(',').ok_or_else(|| self.error())?;
            let next = self.term(rest, depth + 1)?;
            value = join(value, next).ok_or_else(|| self.error())?;
        }
    }
}

/// Fit for a message.
fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::super::schema::SymExpr;
    use super::*;

    fn value(text: &str) -> Result<Dim, SymbolError> {
        let batch = BTreeSet::from(["s77".to_owned()]);
        dim(&SymInt::Expr(SymExpr { expr_str: text.to_owned() }), &batch)
    }

    #[test]
    fn products_and_sums() {
        let s = "Symbol('s77', positive=True, integer=True)";
        let batch = |size| Ok(Dim { size, batch: true });
        assert_eq!(value(s), batch(1));
        assert_eq!(value(&format!("Mul(Integer(2), {s})")), batch(2));
        assert_eq!(value(&format!("Add({s}, Mul(Integer(3), {s}))")), batch(4));
        assert_eq!(value("Mul(Integer(-2), Integer(3))"), Ok(Dim::fixed(-6)));
    }

    #[test]
    fn everything_else_is_an_error() {
        let s = "Symbol('s77')";
        let deep = "Mul(".repeat(100_000);
        for text in [
            "",
            "s77",
            "Symbol('s78')",
            "Symbol(",
            "Integer(x)",
            "Integer(99999999999999999999)",
            "Mul(Integer(9223372036854775807), Integer(2))",
            "Pow(Symbol('s77'), Integer(2))",
            &format!("Mul({s}, {s})"),
            &format!("Add({s}, Integer(1))"),
            &format!("{s} "),
            &format!("{s})"),
            &format!("Mul({s}"),
            &deep,
        ] {
            assert_eq!(value(text).is_ok(), text == "Symbol('s77') ", "{text}");
        }
        let other = value("Symbol('s78')");
        assert_eq!(other, Err(SymbolError::Dynamic { symbol: "s78".to_owned() }));
    }
}
