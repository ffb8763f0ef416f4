//! What computes a value.

use super::{ExternalId, TableId, ValueId};

/// An operand of an addition: `(negate ? -1 : 1) * (value << shift)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// What is added.
    pub value: ValueId,
    /// Shifted left by this much; wiring, not logic.
    pub shift: u32,
    /// Subtracted instead.
    pub negate: bool,
}

/// A comparison of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `a < b`.
    Less,
    /// `a <= b`.
    LessEqual,
    /// `a == b`.
    Equal,
}

/// An operation on bits (values that are 0 or 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Logic {
    /// Both.
    And,
    /// Any.
    Or,
    /// Exactly one.
    Xor,
}

/// What computes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Element of an input port: `(port, element)`.
    Input(u32, u32),
    /// A constant.
    Const(i128),
    /// Sum of two terms; the first is only negated if both are.
    Add(Term, Term),
    /// Sum of three terms in one carry chain, for devices that have such; only the last may be
    /// subtracted. Made by a pass at the end, never by lowering.
    Add3(Term, Term, Term),
    /// Product of two values.
    Mul(ValueId, ValueId),
    /// `a * b + c` in one DSP block; `c` is the constant zero if there is nothing to add, and never
    /// subtracted. Made only for devices, never by lowering.
    Dsp(ValueId, ValueId, Term),
    /// Bits `low .. low + width` of the two's complement of a value, read as signed or unsigned.
    Slice {
        /// The value.
        value: ValueId,
        /// Lowest bit taken.
        low: u32,
        /// Number of bits.
        width: u32,
        /// The highest bit taken is a sign.
        signed: bool,
    },
    /// 1 if any of the low `width` bits is set, else 0.
    Any {
        /// The value.
        value: ValueId,
        /// Number of bits.
        width: u32,
    },
    /// `condition == 1 ? a : b`.
    Mux(ValueId, ValueId, ValueId),
    /// 1 if the relation holds, else 0.
    Compare(Relation, ValueId, ValueId),
    /// An operation on two bits.
    Logic(Logic, ValueId, ValueId),
    /// Entry of a table; the index is never negative and always inside.
    Table(TableId, ValueId),
    /// A function of the user's, an instance of a module.
    External(ExternalId, ValueId),
}

impl Op {
    /// What it is, in messages.
    pub fn name(self) -> &'static str {
        match self {
            Op::Input(..) => "input",
            Op::Const(_) => "constant",
            Op::Add(..) => "addition",
            Op::Add3(..) => "addition of three",
            Op::Mul(..) => "multiplication",
            Op::Dsp(..) => "multiplication in a DSP block",
            Op::Slice { .. } => "slice",
            Op::Any { .. } => "or of bits",
            Op::Mux(..) => "choice",
            Op::Compare(..) => "comparison",
            Op::Logic(..) => "logic",
            Op::Table(..) => "table",
            Op::External(..) => "external module",
        }
    }

    /// The values read, in operand order.
    pub fn operands(self) -> impl Iterator<Item = ValueId> {
        let operands = match self {
            Op::Input(..) | Op::Const(_) => [None, None, None],
            Op::Add(a, b) => [Some(a.value), Some(b.value), None],
            Op::Add3(a, b, c) => [Some(a.value), Some(b.value), Some(c.value)],
            Op::Dsp(a, b, c) => [Some(a), Some(b), Some(c.value)],
            Op::Mul(a, b) | Op::Compare(_, a, b) | Op::Logic(_, a, b) => [Some(a), Some(b), None],
            Op::Slice { value, .. }
            | Op::Any { value, .. }
            | Op::Table(_, value)
            | Op::External(_, value) => [Some(value), None, None],
            Op::Mux(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        operands.into_iter().flatten()
    }

    /// The terms of a sum; nothing else has any.
    pub fn terms(self) -> impl Iterator<Item = Term> {
        let terms = match self {
            Op::Add(a, b) => [Some(a), Some(b), None],
            Op::Add3(a, b, c) => [Some(a), Some(b), Some(c)],
            _ => [None, None, None],
        };
        terms.into_iter().flatten()
    }

    /// Whether this adds terms.
    pub fn is_sum(self) -> bool {
        matches!(self, Op::Add(..) | Op::Add3(..))
    }

    /// Whether this is only wires: no logic, no delay.
    pub fn is_wiring(self) -> bool {
        matches!(self, Op::Input(..) | Op::Const(_) | Op::Slice { .. })
    }
}
