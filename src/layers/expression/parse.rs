//! Expressions as text.
//!
//! ```text
//! comparison = sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
//! sum        = product {("+" | "-") product}
//! product    = sign {("*" | "/") sign}
//! sign       = ("-" | "+") sign | power
//! power      = atom [("^" | "**") sign]
//! atom       = number | name | name "(" comparison {"," comparison} ")" | "(" comparison ")"
//! ```

use super::ops::{self, Op};
use crate::config::nearest;

/// Longest text of an expression.
const MAX_LENGTH: usize = 4096;

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// What an expression says; names are not bound yet.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::layers) enum Expr {
    /// A number.
    Number(f64),
    /// A name.
    Name(String),
    /// An operation.
    Apply(&'static Op, Vec<Expr>),
    /// A function of one operand that is described elsewhere.
    Call(String, Box<Expr>),
}

/// What is wrong with the text of an expression.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// Something else has to stand there.
    #[error("expected {expected} at character {at}, found {found}")]
    Expected {
        /// What would do.
        expected: &'static str,
        /// What stands there.
        found: String,
        /// Its place, counted from 1.
        at: usize,
    },
    /// Nobody knows the function.
    #[error("there is no function {name:?}{}", .meant.map_or(String::new(), |it| format!(", is {it} meant?")))]
    NoFunction {
        /// What is called.
        name: String,
        /// A name like it.
        meant: Option<&'static str>,
    },
    /// Too many or too few operands.
    #[error("{name} has {found} operands, expected {expected}")]
    Operands {
        /// The function.
        name: String,
        /// How many there are.
        found: usize,
        /// How many it takes.
        expected: String,
    },
    /// Beyond our bounds.
    #[error(
        "the expression is longer than {MAX_LENGTH} characters or nested more than {MAX_DEPTH} deep"
    )]
    TooLarge,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    Sign(&'static str),
    End,
}

/// Signs, longer ones first.
const SIGNS: [&str; 16] =
    ["**", "<=", ">=", "==", "!=", "+", "-", "*", "/", "^", "(", ")", ",", "<", ">", "="];

/// Reads an expression; `functions` are known besides the operations, and come before them.
pub(super) fn parse(text: &str, functions: &[&str]) -> Result<Expr, ParseError> {
    if text.len() > MAX_LENGTH {
        return Err(ParseError::TooLarge);
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, functions };
    let expr = parser.comparison()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.expected("an operator or the end")),
    }
}

fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ParseError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let start = at;
        let token = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if let Some(sign) = SIGNS.iter().find(|it| rest.starts_with(**it)) {
            at += sign.len();
            Token::Sign(sign)
        } else if first.is_ascii_digit() || first == '.' {
            at += number_length(rest);
            let found = &text[start..at];
            let wrong = ParseError::Expected {
                expected: "a number",
                found: format!("{found:?}"),
                at: start + 1,
            };
            let value: f64 = found.parse().map_err(|_| wrong.clone())?;
            Token::Number(if value.is_finite() { value } else { return Err(wrong) })
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_');
            at += end.unwrap_or(rest.len());
            Token::Name(text[start..at].to_owned())
        } else {
            let (expected, found) = ("a number, a name or an operator", format!("{first:?}"));
            return Err(ParseError::Expected { expected, found, at: start + 1 });
        };
        tokens.push((token, start + 1));
    }
    tokens.push((Token::End, text.len() + 1));
    Ok(tokens)
}

/// Bytes of the number at the beginning: digits, a point, an exponent.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let end = text[from..].find(|it: char| !it.is_ascii_digit());
        end.map_or(text.len(), |it| from + it)
    };
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let last = digits(end + 1 + sign);
        if last > end + 1 + sign {
            end = last;
        }
    }
    end
}

struct Parser<'f> {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
    functions: &'f [&'f str],
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    /// Takes one of these signs, if it comes next.
    fn take(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        let Token::Sign(sign) = *self.peek() else { return None };
        let found = signs.iter().find(|it| **it == sign)?;
        self.next += 1;
        Some(found)
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        let (token, at) = &self.tokens[self.next];
        let found = match token {
            Token::Number(value) => value.to_string(),
            Token::Name(name) => format!("{name:?}"),
            Token::Sign(sign) => format!("{sign:?}"),
            Token::End => "the end".to_owned(),
        };
        ParseError::Expected { expected, found, at: *at }
    }

    fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(ParseError::TooLarge) } else { Ok(()) }
    }

    fn comparison(&mut self) -> Result<Expr, ParseError> {
        self.deeper()?;
        let left = self.sum()?;
        let signs = ["<", "<=", ">", ">=", "==", "!="];
        let made = match self.take(&signs) {
            None => left,
            Some(sign) => {
                let name = match sign {
                    "<" => "lt",
                    "<=" => "le",
                    ">" => "gt",
                    ">=" => "ge",
                    "==" => "eq",
                    _ => "ne",
                };
                let right = self.sum()?;
                apply(name, vec![left, right])?
            }
        };
        self.depth -= 1;
        Ok(made)
    }

    fn sum(&mut self) -> Result<Expr, ParseError> {
        let mut made = self.product()?;
        while let Some(sign) = self.take(&["+", "-"]) {
            let next = self.product()?;
            made = apply(if sign == "+" { "add" } else { "sub" }, vec![made, next])?;
        }
        Ok(made)
    }

    fn product(&mut self) -> Result<Expr, ParseError> {
        let mut made = self.sign()?;
        while let Some(sign) = self.take(&["*", "/"]) {
            let next = self.sign()?;
            made = apply(if sign == "*" { "mul" } else { "div" }, vec![made, next])?;
        }
        Ok(made)
    }

    fn sign(&mut self) -> Result<Expr, ParseError> {
        let Some(sign) = self.take(&["-", "+"]) else { return self.power() };
        self.deeper()?;
        let operand = self.sign()?;
        self.depth -= 1;
        match (sign, operand) {
            ("+", operand) => Ok(operand),
            (_, Expr::Number(value)) => Ok(Expr::Number(-value)),
            (_, operand) => apply("neg", vec![operand]),
        }
    }

    fn power(&mut self) -> Result<Expr, ParseError> {
        let base = self.atom()?;
        match self.take(&["^", "**"]) {
            None => Ok(base),
            Some(_) => {
                self.deeper()?;
                let exponent = self.sign()?;
                self.depth -= 1;
                apply("pow", vec![base, exponent])
            }
        }
    }

    fn atom(&mut self) -> Result<Expr, ParseError> {
        match self.peek().clone() {
            Token::Number(value) => {
                self.next += 1;
                Ok(Expr::Number(value))
            }
            Token::Name(name) => {
                self.next += 1;
                match self.take(&["("]) {
                    None => Ok(Expr::Name(name)),
                    Some(_) => {
                        let mut operands = vec![self.comparison()?];
                        while self.take(&[","]).is_some() {
                            operands.push(self.comparison()?);
                        }
                        self.close()?;
                        self.call(name, operands)
                    }
                }
            }
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.comparison()?;
                self.close()?;
                Ok(inner)
            }
            _ => Err(self.expected("a number, a name or a parenthesis")),
        }
    }

    fn call(&self, name: String, mut operands: Vec<Expr>) -> Result<Expr, ParseError> {
        if !self.functions.contains(&name.as_str()) {
            return apply(&name, operands);
        }
        match (operands.pop(), operands.len()) {
            (Some(operand), 0) => Ok(Expr::Call(name, Box::new(operand))),
            (_, rest) => {
                Err(ParseError::Operands { name, found: rest + 1, expected: "1".to_owned() })
            }
        }
    }

    fn close(&mut self) -> Result<(), ParseError> {
        self.take(&[")"]).map(|_| ()).ok_or_else(|| self.expected("a closing parenthesis"))
    }
}

fn apply(name: &str, operands: Vec<Expr>) -> Result<Expr, ParseError> {
    let Some(op) = ops::find(name) else {
        let meant = nearest(name, ops::names());
        return Err(ParseError::NoFunction { name: name.to_owned(), meant });
    };
    let [least, most] = op.operands;
    if !(least..=most).contains(&operands.len()) {
        let found = operands.len();
        let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
        return Err(ParseError::Operands { name: op.name.to_owned(), found, expected });
    }
    Ok(Expr::Apply(op, operands))
}
