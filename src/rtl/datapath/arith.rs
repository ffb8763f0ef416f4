//! Building blocks of the scalar program: each returns a value with its exact interval.
//!
//! Constants fold, neutral operands vanish, and a choice or comparison that the intervals decide is
//! never built.

use std::sync::Arc;

use super::{Datapath, Interval, Logic, Op, Relation, Term, ValueId};

impl Term {
    /// `value`.
    pub fn plain(value: ValueId) -> Term {
        Term { value, shift: 0, negate: false }
    }

    /// The opposite sign.
    pub fn negated(self) -> Term {
        Term { negate: !self.negate, ..self }
    }
}

impl Datapath {
    /// A constant.
    pub fn constant(&mut self, value: i128) -> ValueId {
        self.push(Op::Const(value), Interval::new(value, value))
    }

    /// A value, or the constant that it turned out to be.
    pub fn folded(&mut self, value: ValueId) -> ValueId {
        match self.interval(value).constant() {
            Some(constant) => self.constant(constant),
            None => value,
        }
    }

    /// What a term can be.
    pub fn term_interval(&self, term: Term) -> Interval {
        let Interval { lo, hi } = self.interval(term.value);
        let (lo, hi) = (lo << term.shift, hi << term.shift);
        if term.negate { Interval::new(-hi, -lo) } else { Interval::new(lo, hi) }
    }

    /// `a + b`, with the operands' own signs and shifts.
    pub fn add(&mut self, a: Term, b: Term) -> ValueId {
        let (a, b) = (self.flat(a), self.flat(b));
        if a.value == b.value {
            return self.multiple(a, b);
        }
        let (ia, ib) = (self.term_interval(a), self.term_interval(b));
        if ia.constant() == Some(0) {
            return self.term(b);
        }
        if ib.constant() == Some(0) {
            return self.term(a);
        }
        self.push_sum(a, b, Interval::new(ia.lo + ib.lo, ia.hi + ib.hi))
    }

    /// `a + b + c` in one carry chain; two where the signs do not allow that.
    pub fn add3(&mut self, a: Term, b: Term, c: Term) -> ValueId {
        let mut terms = [a, b, c].map(|it| self.flat(it));
        terms.sort_by_key(|it| (it.negate, it.value, it.shift));
        let intervals = terms.map(|it| self.term_interval(it));
        let [a, b, c] = terms;
        if b.negate || intervals.iter().any(|it| it.constant() == Some(0)) {
            let sum = self.add(a, b);
            return self.add(Term::plain(sum), c);
        }
        let lo = intervals.iter().map(|it| it.lo).sum();
        let hi = intervals.iter().map(|it| it.hi).sum();
        self.push(Op::Add3(a, b, c), Interval::new(lo, hi))
    }

    fn push_sum(&mut self, a: Term, b: Term, interval: Interval) -> ValueId {
        // A positive term goes first; among equals the older, so that equal sums are found again.
        let swap = (a.negate, a.value, a.shift) > (b.negate, b.value, b.shift);
        let (a, b) = if swap { (b, a) } else { (a, b) };
        self.push(Op::Add(a, b), interval)
    }

    /// A multiple of one value as the sum of two of its multiples.
    fn multiple(&mut self, a: Term, b: Term) -> ValueId {
        let times = |it: Term| if it.negate { -(1i128 << it.shift) } else { 1 << it.shift };
        let Interval { lo, hi } = self.interval(a.value);
        let factor = times(a) + times(b);
        if factor == 0 || (lo, hi) == (0, 0) {
            return self.constant(0);
        }
        if factor.unsigned_abs().is_power_of_two() {
            let shift = factor.trailing_zeros();
            return self.term(Term { value: a.value, shift, negate: factor < 0 });
        }
        let (lo, hi) = if factor < 0 { (hi, lo) } else { (lo, hi) };
        self.push_sum(a, b, Interval::new(lo * factor, hi * factor))
    }

    /// The same term with what is only wiring or sign in its value as its own shift and sign.
    pub fn flat(&self, mut term: Term) -> Term {
        while let Some((zero, inner)) = self.sum_of(term.value)
            && self.is_zero(zero.value)
        {
            let (shift, negate) = (term.shift + inner.shift, term.negate != inner.negate);
            term = Term { value: inner.value, shift, negate };
        }
        term
    }

    /// A term as a value of its own.
    pub fn term(&mut self, term: Term) -> ValueId {
        let term = self.flat(term);
        if term.shift == 0 && !term.negate {
            return term.value;
        }
        let interval = self.term_interval(term);
        let zero = self.constant(0);
        self.push(Op::Add(Term::plain(zero), term), interval)
    }

    /// The sum of terms as a balanced tree, shallow and narrow operands first.
    pub fn sum(&mut self, terms: impl IntoIterator<Item = Term>) -> ValueId {
        let mut level: Vec<Term> = terms.into_iter().collect();
        if level.is_empty() {
            return self.constant(0);
        }
        while level.len() > 1 {
            // All-negative pairs cost an extra carry: positives meet negatives where they can.
            let mut next = Vec::with_capacity(level.len().div_ceil(2));
            for pair in level.chunks(2) {
                next.push(match pair {
                    [a, b] if a.negate && b.negate => {
                        Term::plain(self.add(a.negated(), b.negated())).negated()
                    }
                    [a, b] => Term::plain(self.add(*a, *b)),
                    [a] => *a,
                    _ => unreachable!("chunks of two"),
                });
            }
            level = next;
        }
        self.term(level[0])
    }

    /// `a << by`.
    pub fn shl(&mut self, value: ValueId, by: u32) -> ValueId {
        self.term(Term { value, shift: by, negate: false })
    }

    /// `a * b` of two variables.
    pub fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let (ia, ib) = (self.interval(a), self.interval(b));
        if let Some(by) = ib.constant() {
            return self.mul_const(a, by);
        }
        if let Some(by) = ia.constant() {
            return self.mul_const(b, by);
        }
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        self.push(Op::Mul(a, b), ia.times(ib))
    }

    /// `a * b + c` in a DSP block, also where `b` is a constant.
    pub fn dsp(&mut self, a: ValueId, b: ValueId, c: Term) -> ValueId {
        let c = self.flat(c);
        let product = self.interval(a).times(self.interval(b));
        if let Some(constant) = product.constant() {
            let constant = self.constant(constant);
            return self.add(Term::plain(constant), c);
        }
        if c.negate {
            let zero = self.constant(0);
            let product = self.dsp(a, b, Term::plain(zero));
            return self.add(Term::plain(product), c);
        }
        let added = self.term_interval(c);
        let interval = Interval::new(product.lo + added.lo, product.hi + added.hi);
        self.push(Op::Dsp(a, b, c), interval)
    }

    /// Bits `low .. low + width`; wiring.
    pub fn slice(&mut self, value: ValueId, low: u32, width: u32, signed: bool) -> ValueId {
        let from = self.interval(value);
        if let Some(constant) = from.constant() {
            return self.constant(super::eval::slice(constant, low, width, signed));
        }
        // All bits from the highest one of the signal on are its sign.
        let low = if width == 1 && from.signed() { low.min(from.width() - 1) } else { low };
        // Only what lies beyond the taken bits matters for whether they are the whole story.
        let interval = if width >= 127 {
            Interval::new(from.lo >> low.min(127), from.hi >> low.min(127))
        } else {
            let all = if signed {
                Interval::new(-(1 << (width - 1)), (1 << (width - 1)) - 1)
            } else {
                Interval::new(0, (1 << width) - 1)
            };
            let shifted = Interval::new(from.lo >> low.min(127), from.hi >> low.min(127));
            if all.contains(shifted) { shifted } else { all }
        };
        if low == 0 && interval == from {
            return value;
        }
        match self.op(value) {
            // A slice of a slice is one slice, as long as the outer one stays inside.
            Op::Slice { value: inner, low: below, width: limit, .. } if low + width <= limit => {
                let low = below + low;
                return self.push(Op::Slice { value: inner, low, width, signed }, interval);
            }
            // Zeros that a shift has put below need not be cut off.
            Op::Add(zero, inner)
                if self.is_zero(zero.value) && !inner.negate && inner.shift <= low =>
            {
                return self.slice(inner.value, low - inner.shift, width, signed);
            }
            _ => {}
        }
        self.push(Op::Slice { value, low, width, signed }, interval)
    }

    /// `value >> by`, toward minus infinity; wiring.
    pub fn shr(&mut self, value: ValueId, by: u32) -> ValueId {
        let interval = self.interval(value);
        if by == 0 {
            return value;
        }
        let by = by.min(126);
        let width = interval.width().saturating_sub(by).max(1);
        if by >= interval.width() {
            // Only the sign is left.
            return if interval.signed() { self.sign(value) } else { self.constant(0) };
        }
        self.slice(value, by, width, interval.signed())
    }

    /// -1 for a negative value, else 0.
    fn sign(&mut self, value: ValueId) -> ValueId {
        let top = self.width(value) - 1;
        self.slice(value, top, 1, true)
    }

    /// Bit `at` as 0 or 1; beyond the signal it is the sign.
    pub fn bit(&mut self, value: ValueId, at: u32) -> ValueId {
        let interval = self.interval(value);
        if at >= interval.width() {
            return if interval.signed() { self.is_negative(value) } else { self.constant(0) };
        }
        self.slice(value, at, 1, false)
    }

    /// 1 if negative; the sign bit.
    pub fn is_negative(&mut self, value: ValueId) -> ValueId {
        let interval = self.interval(value);
        match (interval.lo >= 0, interval.hi < 0) {
            (true, _) => self.constant(0),
            (_, true) => self.constant(1),
            _ => self.slice(value, interval.width() - 1, 1, false),
        }
    }

    /// 1 if any of the low `width` bits is set.
    pub fn any(&mut self, value: ValueId, width: u32) -> ValueId {
        let interval = self.interval(value);
        if width == 0 || interval.constant() == Some(0) {
            return self.constant(0);
        }
        if let Some(v) = interval.constant() {
            let low = if width >= 128 { v } else { v & ((1i128 << width) - 1) };
            return self.constant(i128::from(low != 0));
        }
        if width == 1 {
            return self.bit(value, 0);
        }
        let width = width.min(interval.width());
        self.push(Op::Any { value, width }, Interval::new(0, 1))
    }

    /// `condition ? a : b`.
    pub fn mux(&mut self, condition: ValueId, a: ValueId, b: ValueId) -> ValueId {
        match self.interval(condition).constant() {
            Some(0) => return b,
            Some(_) => return a,
            None if a == b => return a,
            None => {}
        }
        // A choice by the opposite is the opposite choice; what the same bit has chosen before is
        // not chosen again.
        if let Some(opposite) = self.negated(condition) {
            return self.mux(opposite, b, a);
        }
        let same = |it: ValueId| match self.op(it) {
            Op::Mux(inner, a, b) if inner == condition => Some((a, b)),
            _ => None,
        };
        let (a, b) = (same(a).map_or(a, |it| it.0), same(b).map_or(b, |it| it.1));
        if a == b {
            return a;
        }
        let bit = Interval::new(0, 1);
        if self.interval(condition) == bit {
            match (self.interval(a).constant(), self.interval(b).constant()) {
                (Some(1), Some(0)) => return condition,
                (Some(0), Some(1)) => return self.not(condition),
                _ => {}
            }
        }
        let interval = self.interval(a).union(self.interval(b));
        if interval == bit
            && self.interval(condition) == bit
            && self.interval(b).constant() == Some(0)
        {
            return self.logic(Logic::And, condition, a);
        }
        self.push(Op::Mux(condition, a, b), interval)
    }

    /// 1 if the relation holds.
    pub fn compare(&mut self, relation: Relation, a: ValueId, b: ValueId) -> ValueId {
        let (ia, ib) = (self.interval(a), self.interval(b));
        let decided = match relation {
            Relation::Less if ia.hi < ib.lo => Some(true),
            Relation::Less if ia.lo >= ib.hi => Some(false),
            Relation::LessEqual if ia.hi <= ib.lo => Some(true),
            Relation::LessEqual if ia.lo > ib.hi => Some(false),
            Relation::Equal if ia.hi < ib.lo || ib.hi < ia.lo => Some(false),
            _ => None,
        };
        if let Some(holds) = decided.or((a == b).then_some(relation != Relation::Less)) {
            return self.constant(i128::from(holds));
        }
        let bound = |relation, a, b| match (relation, a, b) {
            (Relation::Less, _, Some(c)) => Some((true, c)),
            (Relation::LessEqual, _, Some(c)) => Some((true, c + 1)),
            (Relation::Less, Some(c), _) => Some((false, c + 1)),
            (Relation::LessEqual, Some(c), _) => Some((false, c)),
            _ => None,
        };
        if let Some((below, bound)) = bound(relation, ia.constant(), ib.constant()) {
            return self.beyond(if below { a } else { b }, below, bound);
        }
        self.push(Op::Compare(relation, a, b), Interval::new(0, 1))
    }

    /// `value < bound` or `value >= bound`, of the bits that matter: where the bound ends in zeros,
    /// those above them. A choice between two neighbours is a bit.
    fn beyond(&mut self, value: ValueId, below: bool, bound: i128) -> ValueId {
        let bit = match bound {
            0 => Some(self.is_negative(value)),
            _ => None,
        };
        if let Some(bit) = bit {
            return if below { bit } else { self.not(bit) };
        }
        let zeros = bound.trailing_zeros();
        let top = self.shr(value, zeros);
        let (bound, reach) = (bound >> zeros, self.interval(top));
        if (reach.lo, reach.hi) == (bound - 1, bound) {
            // The last bit of an odd bound says on which side the value is.
            let last = self.bit(top, 0);
            return if below { self.not(last) } else { last };
        }
        let (a, b, limit) = match below {
            true => (Some(top), None, bound),
            false => (None, Some(top), bound - 1),
        };
        let limit = self.constant(limit);
        let bit = Interval::new(0, 1);
        let op = Op::Compare(Relation::Less, a.unwrap_or(limit), b.unwrap_or(limit));
        self.push(op, bit)
    }

    /// The larger of two.
    pub fn max(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let less = self.compare(Relation::Less, a, b);
        let chosen = self.mux(less, b, a);
        let (ia, ib) = (self.interval(a), self.interval(b));
        self.narrow(chosen, Interval::new(ia.lo.max(ib.lo), ia.hi.max(ib.hi)))
    }

    /// The smaller of two.
    pub fn min(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let less = self.compare(Relation::Less, a, b);
        let chosen = self.mux(less, a, b);
        let (ia, ib) = (self.interval(a), self.interval(b));
        self.narrow(chosen, Interval::new(ia.lo.min(ib.lo), ia.hi.min(ib.hi)))
    }

    /// The same value, of which the caller knows a tighter interval: drops bits that cannot be set.
    pub fn narrow(&mut self, value: ValueId, to: Interval) -> ValueId {
        if self.interval(value) == to || to.contains(self.interval(value)) {
            return value;
        }
        if let Some(constant) = to.constant() {
            return self.constant(constant);
        }
        self.push(Op::Slice { value, low: 0, width: to.width(), signed: to.signed() }, to)
    }

    /// A value that is only used where it is not negative: the sign bit is dropped.
    pub fn narrow_where_positive(&mut self, value: ValueId, from: Interval) -> ValueId {
        if from.lo >= 0 || from.hi < 0 {
            return value;
        }
        self.slice(value, 0, Interval::new(0, from.hi).width(), false)
    }

    /// An operation on bits.
    pub fn logic(&mut self, logic: Logic, a: ValueId, b: ValueId) -> ValueId {
        let constant = |it| self.interval(it).constant();
        match (logic, constant(a), constant(b)) {
            (Logic::And, Some(0), _)
            | (Logic::Or | Logic::Xor, _, Some(0))
            | (Logic::And, _, Some(1)) => return a,
            (Logic::And, _, Some(0))
            | (Logic::Or | Logic::Xor, Some(0), _)
            | (Logic::And, Some(1), _) => return b,
            (Logic::Or, Some(1), _) => return a,
            (Logic::Or, _, Some(1)) => return b,
            (Logic::And | Logic::Or, ..) if a == b => return a,
            (Logic::Xor, ..) if a == b => return self.constant(0),
            _ => {}
        }
        if logic == Logic::Xor
            && let (Some(inner), Some(1)) = (self.negated(a), constant(b))
        {
            return inner;
        }
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        self.push(Op::Logic(logic, a, b), Interval::new(0, 1))
    }

    /// What a bit is the opposite of, if it is made as one.
    fn negated(&self, bit: ValueId) -> Option<ValueId> {
        match self.op(bit) {
            Op::Logic(Logic::Xor, a, b) if self.op(b) == Op::Const(1) => Some(a),
            Op::Logic(Logic::Xor, a, b) if self.op(a) == Op::Const(1) => Some(b),
            _ => None,
        }
    }

    /// Whether all bits are set, as a balanced tree.
    pub fn all(&mut self, mut bits: Vec<ValueId>) -> ValueId {
        while bits.len() > 1 {
            let pair = |pair: &[ValueId]| match *pair {
                [a, b] => self.logic(Logic::And, a, b),
                _ => pair[0],
            };
            bits = bits.chunks(2).map(pair).collect();
        }
        bits.first().copied().unwrap_or_else(|| self.constant(1))
    }

    /// The other bit.
    pub fn not(&mut self, a: ValueId) -> ValueId {
        let one = self.constant(1);
        self.logic(Logic::Xor, a, one)
    }

    /// Entry of a table for an index that is always inside.
    pub fn lookup(&mut self, contents: Arc<[i128]>, index: ValueId) -> ValueId {
        let reach = self.interval(index);
        let (first, last) = (reach.lo.max(0) as usize, reach.hi as usize);
        let used = &contents[first..=last.min(contents.len() - 1)];
        let lo = used.iter().copied().fold(used[0], i128::min);
        let hi = used.iter().copied().fold(used[0], i128::max);
        let table = self.table(contents);
        self.push(Op::Table(table, index), Interval::new(lo, hi))
    }
}

/// Canonical signed digits of a constant: `(shift, negative)`, lowest first (Reitwiesner 1960): the
/// fewest nonzero digits, no two of them adjacent.
pub fn csd(value: i128) -> Vec<(u32, bool)> {
    let mut digits = Vec::new();
    let (mut rest, mut shift) = (value, 0);
    while rest != 0 {
        let zeros = rest.trailing_zeros();
        rest >>= zeros;
        shift += zeros;
        let negative = rest & 3 == 3;
        digits.push((shift, negative));
        rest = if negative { rest + 1 } else { rest - 1 };
    }
    digits
}
