//! The scalar program behind the hardware: one operation per word, in SSA form.
//!
//! A dense arena with `u32` ids; operands always come before their users. Every value is an integer
//! whose exact interval is known; where the binary point stands is known to the units that build the
//! program and to nobody here. A value's signal is as wide as its interval needs: signed if it can
//! be negative, else unsigned. Equal operations are built once.

mod arith;
mod build;
mod cast;
mod eval;
mod products;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use arith::csd;
pub use build::{Lowered, MAX_BITS, TooWide, Wiring, check, lower};
pub use eval::evaluate;
pub use products::{Product, Products};

use crate::error::Origin;
use crate::fixed::bits_of;

/// A value of a [`Datapath`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(u32);

impl ValueId {
    /// The position in dense side tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl fmt::Debug for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A table of a [`Datapath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(u32);

impl TableId {
    /// The position in [`Datapath::tables`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The layer that a value belongs to: an index into [`Datapath::scopes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(u32);

impl ScopeId {
    /// The scope at a position in [`Datapath::scopes`].
    pub fn new(index: u32) -> ScopeId {
        ScopeId(index)
    }

    /// The position in [`Datapath::scopes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// All integers a value can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    /// Smallest.
    pub lo: i128,
    /// Largest.
    pub hi: i128,
}

impl Interval {
    /// Both ends.
    #[inline]
    pub fn new(lo: i128, hi: i128) -> Interval {
        debug_assert!(lo <= hi);
        Interval { lo, hi }
    }

    /// Whether two's complement is needed.
    pub fn signed(self) -> bool {
        self.lo < 0
    }

    /// Bits that its values need; 0 for zero alone.
    #[inline]
    pub fn bits(self) -> u32 {
        bits_of(self.lo, self.hi)
    }

    /// Bits of the signal; at least 1.
    pub fn width(self) -> u32 {
        bits_of(self.lo, self.hi).max(1)
    }

    /// The one value, if there is only one.
    pub fn constant(self) -> Option<i128> {
        (self.lo == self.hi).then_some(self.lo)
    }

    /// The smallest interval that holds both.
    pub fn union(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What is in both; the caller knows that something is.
    pub fn intersect(self, other: Interval) -> Interval {
        Interval::new(self.lo.max(other.lo), self.hi.min(other.hi))
    }

    /// What products of both can be.
    pub fn times(self, other: Interval) -> Interval {
        let (a, b) = (self, other);
        let ends = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi];
        let lo = ends.into_iter().fold(ends[0], i128::min);
        let hi = ends.into_iter().fold(ends[0], i128::max);
        Interval { lo, hi }
    }

    /// Whether every value of `other` is one of `self`.
    pub fn contains(self, other: Interval) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }
}

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
            Op::Slice { value, .. } | Op::Any { value, .. } | Op::Table(_, value) => {
                [Some(value), None, None]
            }
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

/// A layer as the program sees it.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The layer's name.
    pub name: String,
    /// What it is, for comments: `mac 16x64, weights fixed<16,1>`.
    pub about: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A named group of values that enters or leaves the program.
#[derive(Clone, Debug)]
pub struct Port {
    /// Name of the tensor.
    pub name: String,
    /// Its elements, in row-major order.
    pub elements: Vec<ValueId>,
    /// Bits and signedness of each element at the port (at least as wide as its value).
    pub slots: Vec<(u32, bool)>,
}

/// A tensor at a layer boundary.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Its elements, in row-major order; `None` for those that optimisation has left no trace of.
    pub elements: Vec<Option<ValueId>>,
}

/// A scalar program.
#[derive(Clone, Debug, Default)]
pub struct Datapath {
    ops: Vec<Op>,
    intervals: Vec<Interval>,
    scopes_of: Vec<ScopeId>,
    known: HashMap<Op, ValueId>,
    known_tables: HashMap<Arc<[i128]>, TableId>,
    scope: ScopeId,
    /// The layers.
    pub scopes: Vec<Scope>,
    /// Contents of tables.
    pub tables: Vec<Arc<[i128]>>,
    /// Input ports.
    pub inputs: Vec<Port>,
    /// Output ports.
    pub outputs: Vec<Port>,
    /// Tensors at layer boundaries, for names.
    pub tensors: Vec<Tensor>,
}

impl Datapath {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// All values; operands come before users.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = ValueId> + use<> {
        (0..self.ops.len() as u32).map(ValueId)
    }

    /// What computes a value.
    pub fn op(&self, id: ValueId) -> Op {
        self.ops[id.index()]
    }

    /// What a value can be.
    pub fn interval(&self, id: ValueId) -> Interval {
        self.intervals[id.index()]
    }

    /// Bits of a value's signal.
    pub fn width(&self, id: ValueId) -> u32 {
        self.interval(id).width()
    }

    /// The layer that first needed a value.
    pub fn scope_of(&self, id: ValueId) -> ScopeId {
        self.scopes_of[id.index()]
    }

    /// Starts a layer: values built from now on belong to it.
    pub fn enter(&mut self, scope: Scope) {
        self.scopes.push(scope);
        self.scope = ScopeId(self.scopes.len() as u32 - 1);
    }

    /// The layer that values belong to now.
    pub fn scope(&self) -> ScopeId {
        self.scope
    }

    /// Goes on with a layer: values built from now on belong to it.
    pub fn resume(&mut self, scope: ScopeId) {
        self.scope = scope;
    }

    /// States that a value is inside an interval; the caller has proved it.
    pub fn tighten(&mut self, id: ValueId, interval: Interval) {
        let known = &mut self.intervals[id.index()];
        *known = known.intersect(interval);
    }

    /// Adds a value with a known interval, or finds the one that is already there, of which both
    /// intervals hold then.
    pub fn push(&mut self, op: Op, interval: Interval) -> ValueId {
        let op = match interval.constant() {
            Some(value) if !matches!(op, Op::Input(..)) => Op::Const(value),
            _ => op,
        };
        if let Some(id) = self.known.get(&op).copied() {
            self.tighten(id, interval);
            return id;
        }
        let id = ValueId(self.ops.len() as u32);
        debug_assert!(op.operands().all(|it| it < id), "operands come first");
        self.ops.push(op);
        self.intervals.push(interval);
        self.scopes_of.push(self.scope);
        self.known.insert(op, id);
        id
    }

    /// Adds a table, or finds an equal one.
    pub fn table(&mut self, contents: Arc<[i128]>) -> TableId {
        if let Some(id) = self.known_tables.get(&contents) {
            return *id;
        }
        let id = TableId(self.tables.len() as u32);
        self.tables.push(contents.clone());
        self.known_tables.insert(contents, id);
        id
    }

    /// Which values an output depends on.
    pub fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.len()];
        for port in self.outputs.iter() {
            port.elements.iter().for_each(|id| live[id.index()] = true);
        }
        for id in self.values().rev() {
            if live[id.index()] {
                self.op(id).operands().for_each(|it| live[it.index()] = true);
            }
        }
        live
    }
}
