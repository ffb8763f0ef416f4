//! From operations to expressions.

use super::expr::Expr;
use super::tables::Entries;
use crate::rtl::datapath::{Datapath, Interval, Logic, Op, Relation, TableId, Term, ValueId};
use crate::rtl::netlist::{Module, Netlist, Signal};
use crate::rtl::pipeline::Part;

/// Writes the expressions of one module.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) netlist: &'a Netlist<'a>,
    pub(super) module: &'a Module,
    /// Values that are written where they are read.
    pub(super) inline: &'a [bool],
    /// Sums that synthesis must not join with the one that reads them.
    pub(super) chained: &'a [bool],
    /// Products that are not in DSP blocks must not get there.
    pub(super) fixed_blocks: bool,
    /// The package of the tables.
    pub(super) tables: &'a str,
}

impl<'a> Writer<'a> {
    fn datapath(&self) -> &'a Datapath {
        self.netlist.datapath
    }

    /// The name of a signal inside the module: that of a port if it comes from outside. The core
    /// has wires for what the layers say.
    pub(super) fn name(&self, signal: Signal) -> String {
        let name = self.netlist.name(signal);
        match self.module.scope.is_some() && self.is_foreign(signal) {
            true => format!("{name}_i"),
            false => name,
        }
    }

    fn is_foreign(&self, signal: Signal) -> bool {
        self.module.inputs.binary_search(&signal).is_ok()
    }

    /// A value as an operand in some stage.
    pub(super) fn read(&self, value: ValueId, stage: u32) -> Expr {
        match self.datapath().op(value) {
            Op::Const(constant) => {
                let interval = Interval::new(constant, constant);
                let (width, signed) = (interval.width(), interval.signed());
                Expr::Literal { value: constant, width, signed }
            }
            Op::Slice { .. } if self.is_cut_here(value, stage) => {
                match (self.slice(value, stage), self.datapath().interval(value).signed()) {
                    // Part of a signal has no sign by itself.
                    ((bits, false), true) => Expr::AsSigned(Box::new(bits)),
                    ((bits, _), _) => bits,
                }
            }
            Op::Slice { .. } => Expr::Name(self.name(Signal { stage, value })),
            _ if self.inline[value.index()] => self.compute(value, self.datapath().width(value)),
            _ => Expr::Name(self.name(Signal { stage, value })),
        }
    }

    /// Whether a slice without a name is taken from its source in this module and stage.
    fn is_cut_here(&self, slice: ValueId, stage: u32) -> bool {
        self.inline[slice.index()]
            && stage <= self.netlist.schedule.lifetimes.from(slice)
            && !self.is_foreign(Signal { stage, value: slice })
    }

    /// A value as an operand of a wider (or narrower) operation, extended by its own sign.
    pub(super) fn extended(&self, value: ValueId, stage: u32, width: u32) -> Expr {
        let op = self.datapath().op(value);
        if let Op::Const(constant) = op {
            let signed = constant < 0;
            return Expr::Literal { value: constant, width, signed };
        }
        // Sums and choices are right at any width that their operands are extended to.
        if self.inline[value.index()] && (op.is_sum() || matches!(op, Op::Mux(..))) {
            return self.compute(value, width);
        }
        let inner = self.read(value, stage);
        match self.datapath().width(value) == width {
            true => inner.plain(),
            false => Expr::Extend { width, inner: Box::new(inner) },
        }
    }

    /// What synthesis is told of a value: a macro of `nn_synth.svh`.
    pub(super) fn hint(&self, id: ValueId) -> Option<&'static str> {
        match self.datapath().op(id) {
            Op::Dsp(..) => Some("`NN_DSP "),
            Op::Mul(..) if self.fixed_blocks => Some("`NN_NO_DSP "),
            _ => self.chained[id.index()].then_some("`NN_ADDER "),
        }
    }

    /// What computes a value, in the stage in which it is scheduled, at a width of at least its own.
    pub(super) fn compute(&self, id: ValueId, width: u32) -> Expr {
        let datapath = self.datapath();
        let stage = self.netlist.schedule.stage(id);
        match datapath.op(id) {
            Op::Add(a, b) => self.sum(a, b, stage, width),
            op @ Op::Add3(..) => {
                Expr::Sum(op.terms().map(|it| self.term(it, stage, width)).collect())
            }
            Op::Mul(a, b) => {
                Expr::binary("*", self.extended(a, stage, width), self.extended(b, stage, width))
            }
            Op::Dsp(a, b, c) => {
                let (a, b) = (self.extended(a, stage, width), self.extended(b, stage, width));
                let product = Expr::binary("*", a, b);
                match self.is_zero(c.value) {
                    true => product,
                    false => Expr::Sum(vec![(false, product), self.term(c, stage, width)]),
                }
            }
            Op::Any { value, .. } => {
                let bits = match self.netlist.schedule.lifetimes.taken(datapath, id) {
                    Some(part) => self.part(id, part, stage, false).0,
                    None => self.read(value, stage).plain(),
                };
                Expr::unary("|", bits)
            }
            Op::Mux(condition, a, b) => {
                // `!c ? a : b` reads better as `c ? b : a`.
                let (condition, a, b) = match self.negated(condition) {
                    Some(positive) => (positive, b, a),
                    None => (condition, a, b),
                };
                Expr::Choose {
                    condition: Box::new(self.condition(condition, stage)),
                    a: Box::new(self.extended(a, stage, width)),
                    b: Box::new(self.extended(b, stage, width)),
                }
            }
            Op::Compare(relation, a, b) => self.compare(relation, a, b, stage),
            Op::Logic(logic, a, b) => self.logic(logic, a, b, stage),
            Op::Table(table, index) => self.lookup(table, index, stage, width),
            // An instance drives it.
            Op::External(..) => Expr::Name(self.name(Signal { stage, value: id })),
            Op::Slice { .. } | Op::Input(..) | Op::Const(_) => self.read(id, stage),
        }
    }

    /// What enters an instance of a module of the user's, as wide as it is there.
    pub(super) fn entering(&self, id: ValueId, operand: ValueId, width: u32) -> String {
        let stage = self.netlist.schedule.read_at(self.datapath(), id);
        self.extended(operand, stage, width).plain().to_string()
    }

    fn sum(&self, a: Term, b: Term, stage: u32, width: u32) -> Expr {
        match joined(self.datapath(), a, b) {
            Some((high, low)) if high.shift < width => Expr::Join(vec![
                self.extended(high.value, stage, width - high.shift),
                self.extended(low.value, stage, high.shift),
            ]),
            _ => {
                let terms = [a, b].into_iter().filter(|it| !self.is_zero(it.value));
                let mut terms: Vec<_> = terms.map(|it| self.term(it, stage, width)).collect();
                if let [(true, _)] = terms[..] {
                    // Yosys makes inverters in front of the carry chain of `-x`: 18 tables for 10 on ECP5 (8 bits).
                    terms.insert(0, (false, Expr::Literal { value: 0, width, signed: false }));
                }
                Expr::Sum(terms)
            }
        }
    }

    fn lookup(&self, table: TableId, index: ValueId, stage: u32, width: u32) -> Expr {
        let entries = Entries::new(self.datapath(), table);
        let index = Box::new(self.extended(index, stage, entries.index_bits()));
        let entry = Expr::Lookup { table: entries.path(self.tables), index };
        match entries.width == width {
            true => entry,
            false => Expr::Extend { width, inner: Box::new(entry) },
        }
    }

    fn is_zero(&self, value: ValueId) -> bool {
        self.datapath().op(value) == Op::Const(0)
    }

    /// A term of a sum; true if it is subtracted.
    fn term(&self, term: Term, stage: u32, width: u32) -> (bool, Expr) {
        if let Op::Const(constant) = self.datapath().op(term.value) {
            let value = constant << term.shift;
            let negate = term.negate != (value < 0);
            let value = value.checked_abs().unwrap_or(value);
            return (negate, Expr::Literal { value, width, signed: false });
        }
        let inner = self.extended(term.value, stage, width);
        match term.shift {
            0 => (term.negate, inner),
            by => (term.negate, Expr::Shift { inner: Box::new(inner), by }),
        }
    }

    /// A value as a single bit: set unless it is zero.
    fn condition(&self, value: ValueId, stage: u32) -> Expr {
        let inner = self.read(value, stage).plain();
        match self.datapath().width(value) {
            1 => inner,
            _ => Expr::unary("|", inner),
        }
    }

    /// What an unnamed negation negates.
    fn negated(&self, value: ValueId) -> Option<ValueId> {
        let one = |it: ValueId| self.datapath().op(it) == Op::Const(1);
        match self.datapath().op(value) {
            _ if !self.inline[value.index()] => None,
            Op::Logic(Logic::Xor, a, b) if one(b) => Some(a),
            Op::Logic(Logic::Xor, a, b) if one(a) => Some(b),
            _ => None,
        }
    }

    fn logic(&self, logic: Logic, a: ValueId, b: ValueId, stage: u32) -> Expr {
        let one = |it: ValueId| self.datapath().op(it) == Op::Const(1);
        if logic == Logic::Xor && (one(a) || one(b)) {
            return Expr::unary("!", self.condition(if one(b) { a } else { b }, stage));
        }
        let op = match logic {
            Logic::And => "&",
            Logic::Or => "|",
            Logic::Xor => "^",
        };
        Expr::binary(op, self.condition(a, stage), self.condition(b, stage))
    }

    /// Both sides at one width, signed if either is.
    fn compare(&self, relation: Relation, a: ValueId, b: ValueId, stage: u32) -> Expr {
        let datapath = self.datapath();
        let signed = [a, b].iter().any(|it| datapath.interval(*it).signed());
        let bits = |it: ValueId| {
            let interval = datapath.interval(it);
            interval.width() + u32::from(signed && !interval.signed())
        };
        let width = bits(a).max(bits(b));
        let same = |it: ValueId| datapath.width(it) == width;
        let side = |it: ValueId| match self.extended(it, stage, width) {
            Expr::Literal { value, width, .. } => Expr::Literal { value, width, signed },
            inner if signed && !datapath.interval(it).signed() => Expr::AsSigned(Box::new(inner)),
            // The sign matters here even if the width is the same.
            _ if signed && same(it) => self.read(it, stage),
            inner => inner,
        };
        // A constant stands on the right.
        let turned = matches!(datapath.op(a), Op::Const(_));
        let (a, b) = if turned { (b, a) } else { (a, b) };
        let op = match (relation, turned) {
            (Relation::Less, false) => "<",
            (Relation::Less, true) => ">",
            (Relation::LessEqual, false) => "<=",
            (Relation::LessEqual, true) => ">=",
            (Relation::Equal, _) => "==",
        };
        Expr::binary(op, side(a), side(b))
    }

    /// What a register takes over from the stage before.
    pub(super) fn before(&self, register: Signal) -> String {
        let Signal { stage, value } = register;
        let before = self.read(value, stage - 1).plain().to_string();
        let (old, new) = (Signal { stage: stage - 1, value }, self.netlist.bits(register));
        match self.netlist.bits(old) == new {
            true => before,
            false => select(&before, new.low, new.high - new.low),
        }
    }

    /// Some bits of a signal in some stage, at the width of the slice, and whether they have a sign.
    pub(super) fn slice(&self, id: ValueId, stage: u32) -> (Expr, bool) {
        let datapath = self.datapath();
        let Op::Slice { value, .. } = datapath.op(id) else {
            return (self.read(id, stage), datapath.interval(id).signed());
        };
        let part = self.netlist.schedule.lifetimes.part(id);
        let (bits, signed) = self.part(id, part, stage, datapath.interval(id).signed());
        let width = datapath.width(id);
        if part.bits() == width {
            return (bits, signed);
        }
        // Bits beyond the signal are copies of its sign.
        let inner = match datapath.interval(value).signed() {
            true => Expr::AsSigned(Box::new(bits.plain())),
            false => bits,
        };
        (Expr::Extend { width, inner: Box::new(inner) }, datapath.interval(value).signed())
    }

    /// The bits that `reader` takes, from where they are held, and whether they have a sign.
    fn part(&self, reader: ValueId, part: Part, stage: u32, signed: bool) -> (Expr, bool) {
        let lifetimes = &self.netlist.schedule.lifetimes;
        let value = lifetimes.holder(reader, stage);
        // A name, because what holds bits for others is never written as text itself.
        let name = self.read(value, stage).to_string();
        let held = self.netlist.bits(Signal { stage, value });
        let low = part.low - lifetimes.part(value).low;
        let all = (held.low, held.high) == (low, low + part.bits());
        // A signed name would be extended by its sign where an unsigned slice is not.
        match all && (signed || !held.signed) {
            true => (Expr::Name(name), held.signed),
            // Of a single bit nothing can be selected.
            false if all && held.high == 1 => (Expr::Name(format!("$unsigned({name})")), false),
            false => (Expr::Name(select(&name, low, part.bits())), false),
        }
    }
}

/// The higher and the lower operand of a sum that is only wires: bits side by side.
pub(super) fn joined(datapath: &Datapath, a: Term, b: Term) -> Option<(Term, Term)> {
    let (low, high) = if a.shift <= b.shift { (a, b) } else { (b, a) };
    let below = datapath.interval(low.value);
    let apart = low.shift == 0 && below.lo >= 0 && below.width() <= high.shift;
    let zero = [low, high].iter().any(|it| datapath.op(it.value) == Op::Const(0));
    (apart && !zero && !low.negate && !high.negate).then_some((high, low))
}

/// `x[7:3]` or `x[3]`.
pub(super) fn select(name: &str, low: u32, width: u32) -> String {
    match width {
        1 => format!("{name}[{low}]"),
        _ => format!("{name}[{}:{low}]", low + width - 1),
    }
}
