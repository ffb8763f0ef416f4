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
mod external;
mod interval;
mod op;
mod products;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use arith::csd;
pub use build::{Lowered, MAX_BITS, TooWide, Wiring, check, lower};
pub use eval::evaluate;
pub use external::{External, ExternalId, Module, block_bits};
pub use interval::Interval;
pub use op::{Logic, Op, Relation, Term};
pub use products::{Product, Products};

use self::store::{Intervals, Ops};
use crate::error::Origin;

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
    ops: Ops,
    intervals: Intervals,
    scopes_of: Vec<ScopeId>,
    /// A bit for every constant, and the constant zero: asked for of the operands of operands, which
    /// are far away in memory.
    constants: Vec<u64>,
    zero: Option<ValueId>,
    known_tables: HashMap<Arc<[i128]>, TableId>,
    scope: ScopeId,
    /// The layers.
    pub scopes: Vec<Scope>,
    /// Contents of tables.
    pub tables: Vec<Arc<[i128]>>,
    /// Functions of the user's.
    pub externals: Vec<External>,
    /// Input ports.
    pub inputs: Vec<Port>,
    /// Output ports.
    pub outputs: Vec<Port>,
    /// Tensors at layer boundaries, for names.
    pub tensors: Vec<Tensor>,
}

impl Datapath {
    /// An empty program with room for so many values.
    pub fn with_capacity(values: usize) -> Datapath {
        Datapath {
            ops: Ops::with_capacity(values),
            intervals: Intervals::with_capacity(values),
            scopes_of: Vec::with_capacity(values),
            ..Datapath::default()
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.scopes_of.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.scopes_of.is_empty()
    }

    /// All values; operands come before users.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = ValueId> + use<> {
        (0..self.len() as u32).map(ValueId)
    }

    /// What computes a value.
    pub fn op(&self, id: ValueId) -> Op {
        self.ops.get(id)
    }

    /// The terms of a sum of two.
    #[inline]
    pub(in crate::rtl) fn sum_of(&self, id: ValueId) -> Option<(Term, Term)> {
        self.ops.sum(id)
    }

    /// What a value can be.
    pub fn interval(&self, id: ValueId) -> Interval {
        self.intervals.get(id)
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
        let known = self.intervals.get(id);
        if !interval.contains(known) {
            self.intervals.set(id, known.intersect(interval));
        }
    }

    /// Adds a value with a known interval, or finds the one that is already there, of which both
    /// intervals hold then.
    pub fn push(&mut self, op: Op, interval: Interval) -> ValueId {
        let op = match interval.constant() {
            Some(value) if !matches!(op, Op::Input(..)) => Op::Const(value),
            _ => op,
        };
        let (id, new) = self.ops.find_or_push(op);
        if new {
            debug_assert!(op.operands().all(|it| it < id), "operands come first");
            self.note_constant(id, op);
            self.intervals.push(interval);
            self.scopes_of.push(self.scope);
        } else {
            self.tighten(id, interval);
        }
        id
    }

    fn note_constant(&mut self, id: ValueId, op: Op) {
        let (word, bit) = (id.index() / 64, id.index() % 64);
        if word == self.constants.len() {
            self.constants.push(0);
        }
        if let Op::Const(value) = op {
            self.constants[word] |= 1 << bit;
            if value == 0 {
                self.zero = Some(id);
            }
        }
    }

    /// Whether a value is a constant.
    #[inline]
    pub fn is_constant(&self, id: ValueId) -> bool {
        self.constants[id.index() / 64] >> (id.index() % 64) & 1 == 1
    }

    /// Whether a value is the constant zero.
    #[inline]
    pub fn is_zero(&self, id: ValueId) -> bool {
        self.zero == Some(id)
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
