//! SystemVerilog expressions and how they are printed.
//!
//! Operands of arithmetic are all cast to the width of the result, each by its own signedness, so
//! that what the language makes of mixed signs does not matter: sums and products are right modulo
//! two to the width. Compound operands always stand in parentheses.

use std::fmt;

/// An expression of a known width.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    /// A signal, or one that needs no declaration: `x`, `x_i[7:3]`.
    Name(String),
    /// A constant at a width, printed as signed or not.
    Literal { value: i128, width: u32, signed: bool },
    /// `12'(x)`.
    Extend { width: u32, inner: Box<Expr> },
    /// `$signed(x)`.
    AsSigned(Box<Expr>),
    /// `x <<< 3`.
    Shift { inner: Box<Expr>, by: u32 },
    /// `a + b - c`; true for what is subtracted.
    Sum(Vec<(bool, Expr)>),
    /// `{a, b}`: the first is the highest.
    Join(Vec<Expr>),
    /// `a op b`.
    Binary { op: &'static str, a: Box<Expr>, b: Box<Expr> },
    /// `!x`, `|x`.
    Unary { op: &'static str, inner: Box<Expr> },
    /// `c ? a : b`.
    Choose { condition: Box<Expr>, a: Box<Expr>, b: Box<Expr> },
    /// `Table[x]`.
    Lookup { table: String, index: Box<Expr> },
}

impl Expr {
    /// `a op b`.
    pub(super) fn binary(op: &'static str, a: Expr, b: Expr) -> Expr {
        Expr::Binary { op, a: Box::new(a), b: Box::new(b) }
    }

    /// `op x`.
    pub(super) fn unary(op: &'static str, inner: Expr) -> Expr {
        Expr::Unary { op, inner: Box::new(inner) }
    }

    /// Without `$signed( )` around it, where no other width is asked for.
    pub(super) fn plain(self) -> Expr {
        match self {
            Expr::AsSigned(inner) => *inner,
            other => other,
        }
    }

    fn is_atom(&self) -> bool {
        matches!(
            self,
            Expr::Name(_)
                | Expr::Literal { .. }
                | Expr::Lookup { .. }
                | Expr::Join(_)
                | Expr::Extend { .. }
                | Expr::AsSigned(_)
        )
    }
}

/// An operand: in parentheses unless it is one token or call.
struct Atom<'a>(&'a Expr);

impl fmt::Display for Atom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_atom() {
            true => write!(f, "{}", self.0),
            false => write!(f, "({})", self.0),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Name(name) => f.write_str(name),
            Expr::Literal { value, width, signed } => literal(f, *value, *width, *signed),
            Expr::Extend { width, inner } => write!(f, "{width}'({inner})"),
            Expr::AsSigned(inner) => write!(f, "$signed({inner})"),
            Expr::Shift { inner, by } => write!(f, "{} <<< {by}", Atom(inner)),
            Expr::Sum(terms) => {
                if let [(false, only)] = terms.as_slice() {
                    return write!(f, "{only}");
                }
                for (idx, (negate, term)) in terms.iter().enumerate() {
                    f.write_str(match (idx, negate) {
                        (0, false) => "",
                        // Parenthesized: Yosys reads `- 16'($signed(x))` wrongly.
                        (0, true) => "-",
                        (_, false) => " + ",
                        (_, true) => " - ",
                    })?;
                    match (idx, negate) {
                        (0, true) => write!(f, "({term})")?,
                        _ => write!(f, "{}", Atom(term))?,
                    }
                }
                Ok(())
            }
            Expr::Join(parts) => {
                let parts: Vec<String> = parts.iter().map(Expr::to_string).collect();
                write!(f, "{{{}}}", parts.join(", "))
            }
            Expr::Binary { op, a, b } => write!(f, "{} {op} {}", Atom(a), Atom(b)),
            Expr::Unary { op, inner } => write!(f, "{op}{}", Atom(inner)),
            Expr::Choose { condition, a, b } => {
                // A choice in the last place reads on without parentheses.
                write!(f, "{} ? {} : ", Atom(condition), Atom(a))?;
                match **b {
                    Expr::Choose { .. } => write!(f, "{b}"),
                    _ => write!(f, "{}", Atom(b)),
                }
            }
            Expr::Lookup { table, index } => write!(f, "{table}[{index}]"),
        }
    }
}

/// Decimal where a person can read it, else the bits.
fn literal(f: &mut fmt::Formatter<'_>, value: i128, width: u32, signed: bool) -> fmt::Result {
    let sign = if signed { "s" } else { "" };
    let readable = 1i128 << width.saturating_sub(1).min(31);
    if (0..readable).contains(&value) || (!signed && (0..1 << width.min(31)).contains(&value)) {
        return write!(f, "{width}'{sign}d{value}");
    }
    if signed && -readable < value && value < 0 {
        return write!(f, "-{width}'sd{}", -value);
    }
    write!(f, "{width}'{sign}h{:x}", bits(value, width))
}

/// The low `width` bits of the two's complement.
pub(super) fn bits(value: i128, width: u32) -> u128 {
    let value = value as u128;
    if width >= 128 { value } else { value & ((1 << width) - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints() {
        let x = || Expr::Name("x".to_owned());
        let wide = || Expr::Extend { width: 12, inner: Box::new(x()) };
        let shifted = Expr::Shift { inner: Box::new(wide()), by: 3 };
        let sum = Expr::Sum(vec![(false, wide()), (true, shifted)]);
        assert_eq!(sum.to_string(), "12'(x) - (12'(x) <<< 3)");
        assert_eq!(Expr::Sum(vec![(true, wide()), (true, x())]).to_string(), "-(12'(x)) - x");
        assert_eq!(Expr::unary("!", sum).to_string(), "!(12'(x) - (12'(x) <<< 3))");
        for (value, width, signed, want) in [
            (5, 4, true, "4'sd5"),
            (-5, 4, true, "-4'sd5"),
            (-8, 4, true, "4'sh8"),
            (15, 4, false, "4'd15"),
            (1i128 << 40, 42, true, "42'sh10000000000"),
            (-1, 70, true, "-70'sd1"),
            (-(1i128 << 60), 70, true, "70'sh3ff000000000000000"),
        ] {
            assert_eq!(Expr::Literal { value, width, signed }.to_string(), want);
        }
    }
}
