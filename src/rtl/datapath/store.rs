//! How operations and intervals are kept: an operation in 16 bytes, with 16 more to find those that
//! read it, an interval in 16, so that the passes can reach a program of a million fast.
//!
//! What does not fit is kept whole in a table beside, and the place of it instead.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;

use super::{ExternalId, Interval, Logic, Op, Relation, TableId, Term, ValueId};

/// Operations by value, and which of them there are already.
#[derive(Clone, Default)]
pub(super) struct Ops {
    nodes: Vec<Node>,
    /// Operations that are no users of a node.
    known: HashTable<ValueId>,
    wide: Vec<Op>,
    known_wide: HashMap<Op, u32>,
}

/// A value's operation.
#[derive(Clone, Copy)]
struct Node {
    packed: Packed,
    /// The first operations of which it is the youngest operand: to look for them here, where the
    /// value itself is, takes far less time than anywhere in a table.
    users: Users,
}

/// An operation: its kind and three bytes in the upper half of the first word, three ids or a number
/// in the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Packed(u64, u64);

/// What a [`Packed`] is.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Wide,
    Input,
    Const,
    Add,
    Add3,
    Mul,
    Dsp,
    Slice,
    Any,
    Mux,
    Compare,
    Logic,
    Table,
    External,
}

const KINDS: [Kind; 14] = [
    Kind::Wide,
    Kind::Input,
    Kind::Const,
    Kind::Add,
    Kind::Add3,
    Kind::Mul,
    Kind::Dsp,
    Kind::Slice,
    Kind::Any,
    Kind::Mux,
    Kind::Compare,
    Kind::Logic,
    Kind::Table,
    Kind::External,
];

const RELATIONS: [Relation; 3] = [Relation::Less, Relation::LessEqual, Relation::Equal];
const LOGICS: [Logic; 3] = [Logic::And, Logic::Or, Logic::Xor];

impl Packed {
    fn new(kind: Kind, bytes: [u8; 3], ids: [u32; 3]) -> Packed {
        let head = u32::from_le_bytes([kind as u8, bytes[0], bytes[1], bytes[2]]);
        let word = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        Packed(word(head, ids[0]), word(ids[1], ids[2]))
    }

    fn parts(self) -> (Kind, [u8; 3], [u32; 3]) {
        let [kind, a, b, c] = ((self.0 >> 32) as u32).to_le_bytes();
        let ids = [self.0 as u32, (self.1 >> 32) as u32, self.1 as u32];
        (KINDS[usize::from(kind)], [a, b, c], ids)
    }

    /// An operation, if it fits.
    #[inline]
    fn of(op: Op) -> Option<Packed> {
        let byte = |number: u32| u8::try_from(number).ok();
        let term = |it: Term| (it.shift < 128).then_some(it.shift as u8 | u8::from(it.negate) << 7);
        Some(match op {
            Op::Input(port, element) => Packed::new(Kind::Input, [0; 3], [port, element, 0]),
            Op::Const(value) => {
                let value = i64::try_from(value).ok()? as u64;
                Packed::new(Kind::Const, [0; 3], [0, (value >> 32) as u32, value as u32])
            }
            Op::Add(a, b) => {
                Packed::new(Kind::Add, [term(a)?, term(b)?, 0], [a.value.0, b.value.0, 0])
            }
            Op::Add3(a, b, c) => Packed::new(
                Kind::Add3,
                [term(a)?, term(b)?, term(c)?],
                [a.value.0, b.value.0, c.value.0],
            ),
            Op::Mul(a, b) => Packed::new(Kind::Mul, [0; 3], [a.0, b.0, 0]),
            Op::Dsp(a, b, c) => Packed::new(Kind::Dsp, [term(c)?, 0, 0], [a.0, b.0, c.value.0]),
            Op::Slice { value, low, width, signed } => {
                let bytes = [byte(low)?, byte(width)?, u8::from(signed)];
                Packed::new(Kind::Slice, bytes, [value.0, 0, 0])
            }
            Op::Any { value, width } => {
                Packed::new(Kind::Any, [byte(width)?, 0, 0], [value.0, 0, 0])
            }
            Op::Mux(condition, a, b) => Packed::new(Kind::Mux, [0; 3], [condition.0, a.0, b.0]),
            Op::Compare(relation, a, b) => {
                Packed::new(Kind::Compare, [relation as u8, 0, 0], [a.0, b.0, 0])
            }
            Op::Logic(logic, a, b) => Packed::new(Kind::Logic, [logic as u8, 0, 0], [a.0, b.0, 0]),
            Op::Table(table, index) => Packed::new(Kind::Table, [0; 3], [table.0, index.0, 0]),
            Op::External(external, x) => {
                Packed::new(Kind::External, [0; 3], [external.number(), x.0, 0])
            }
        })
    }
}

/// A term from its byte: the shift and, as the highest bit, the sign.
fn unpack(byte: u8, value: u32) -> Term {
    Term { value: ValueId(value), shift: u32::from(byte & 127), negate: byte >> 7 == 1 }
}

/// Some operations and a byte of the hash of each; no operation is one of its own operands, so the
/// first value stands for none.
#[derive(Clone, Copy, Default)]
struct Users {
    ids: [u32; 3],
    tags: [u8; 3],
}

impl Ops {
    pub(super) fn with_capacity(values: usize) -> Ops {
        Ops { nodes: Vec::with_capacity(values), ..Ops::default() }
    }

    /// The operation of a value.
    #[inline]
    pub(super) fn get(&self, id: ValueId) -> Op {
        let (kind, bytes, [a, b, c]) = self.nodes[id.index()].packed.parts();
        let id = ValueId;
        let term = |at: usize, value: u32| unpack(bytes[at], value);
        let [first, second, third] = bytes;
        match kind {
            Kind::Wide => self.wide[a as usize],
            Kind::Input => Op::Input(a, b),
            Kind::Const => Op::Const(i128::from((u64::from(b) << 32 | u64::from(c)) as i64)),
            Kind::Add => Op::Add(term(0, a), term(1, b)),
            Kind::Add3 => Op::Add3(term(0, a), term(1, b), term(2, c)),
            Kind::Mul => Op::Mul(id(a), id(b)),
            Kind::Dsp => Op::Dsp(id(a), id(b), term(0, c)),
            Kind::Slice => Op::Slice {
                value: id(a),
                low: u32::from(first),
                width: u32::from(second),
                signed: third == 1,
            },
            Kind::Any => Op::Any { value: id(a), width: u32::from(first) },
            Kind::Mux => Op::Mux(id(a), id(b), id(c)),
            Kind::Compare => Op::Compare(RELATIONS[usize::from(first)], id(a), id(b)),
            Kind::Logic => Op::Logic(LOGICS[usize::from(first)], id(a), id(b)),
            Kind::Table => Op::Table(TableId(a), id(b)),
            Kind::External => Op::External(ExternalId::of_number(a), id(b)),
        }
    }

    /// The terms of a sum of two: as [`Ops::get`], for that kind alone.
    #[inline]
    pub(super) fn sum(&self, id: ValueId) -> Option<(Term, Term)> {
        match self.nodes[id.index()].packed.parts() {
            (Kind::Add, [a, b, _], [x, y, _]) => Some((unpack(a, x), unpack(b, y))),
            (Kind::Wide, ..) => match self.get(id) {
                Op::Add(a, b) => Some((a, b)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value that an operation has, and whether it is a new one.
    pub(super) fn find_or_push(&mut self, op: Op) -> (ValueId, bool) {
        let packed = Packed::of(op).unwrap_or_else(|| {
            let place = *self.known_wide.entry(op).or_insert_with(|| {
                self.wide.push(op);
                self.wide.len() as u32 - 1
            });
            Packed::new(Kind::Wide, [0; 3], [place, 0, 0])
        });
        let hash = FxBuildHasher.hash_one(packed);
        let id = ValueId(self.nodes.len() as u32);
        let known = match op.operands().max() {
            Some(youngest) => self.near(youngest, packed, hash, id),
            None => self.far(packed, hash, id),
        };
        if let Some(known) = known {
            return (known, false);
        }
        self.nodes.push(Node { packed, users: Users::default() });
        (id, true)
    }

    /// Finds an operation among the users of its youngest operand, or notes it as one of them.
    fn near(
        &mut self,
        youngest: ValueId,
        packed: Packed,
        hash: u64,
        id: ValueId,
    ) -> Option<ValueId> {
        let tag = (hash >> 24) as u8;
        let mut users = self.nodes[youngest.index()].users;
        for at in 0..users.ids.len() {
            let user = users.ids[at];
            if user == 0 {
                (users.ids[at], users.tags[at]) = (id.0, tag);
                self.nodes[youngest.index()].users = users;
                return None;
            }
            if users.tags[at] == tag && self.nodes[user as usize].packed == packed {
                return Some(ValueId(user));
            }
        }
        self.far(packed, hash, id)
    }

    /// Finds an operation in the table, or notes it there.
    fn far(&mut self, packed: Packed, hash: u64, id: ValueId) -> Option<ValueId> {
        let all = &self.nodes;
        let same = |it: &ValueId| all[it.index()].packed == packed;
        match self.known.entry(hash, same, |it| FxBuildHasher.hash_one(all[it.index()].packed)) {
            Entry::Occupied(it) => Some(*it.get()),
            Entry::Vacant(it) => {
                it.insert(id);
                None
            }
        }
    }
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ops = (0..self.nodes.len() as u32).map(|it| self.get(ValueId(it)));
        f.debug_list().entries(ops).finish()
    }
}

/// Intervals by value.
#[derive(Clone, Debug, Default)]
pub(super) struct Intervals {
    /// Both ends; the first above the second: the place in `wide`.
    narrow: Vec<(i64, i64)>,
    wide: Vec<Interval>,
}

impl Intervals {
    pub(super) fn with_capacity(values: usize) -> Intervals {
        Intervals { narrow: Vec::with_capacity(values), wide: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&self, id: ValueId) -> Interval {
        let (lo, hi) = self.narrow[id.index()];
        if lo > hi { self.wide[hi as usize] } else { Interval { lo: lo.into(), hi: hi.into() } }
    }

    pub(super) fn push(&mut self, interval: Interval) {
        let packed = self.pack(interval);
        self.narrow.push(packed);
    }

    pub(super) fn set(&mut self, id: ValueId, interval: Interval) {
        self.narrow[id.index()] = self.pack(interval);
    }

    fn pack(&mut self, interval: Interval) -> (i64, i64) {
        match (i64::try_from(interval.lo), i64::try_from(interval.hi)) {
            (Ok(lo), Ok(hi)) => (lo, hi),
            _ => {
                self.wide.push(interval);
                (i64::MAX, self.wide.len() as i64 - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_comes_back() {
        let [a, b, c] = [ValueId(1), ValueId(90), ValueId(77)];
        let term = |value, shift, negate| Term { value, shift, negate };
        let mut ops = vec![
            Op::Input(3, u32::MAX),
            Op::Add(term(a, 0, false), term(b, 127, true)),
            Op::Add(term(a, 0, false), term(b, 128, true)),
            Op::Add3(term(a, 1, false), term(b, 2, true), term(c, 126, true)),
            Op::Mul(a, b),
            Op::Dsp(a, b, term(c, 5, false)),
            Op::Any { value: b, width: 128 },
            Op::Mux(a, b, c),
            Op::Table(TableId(9), b),
            Op::External(ExternalId::of_number(3), b),
        ];
        let ends = [i64::MIN as i128, i64::MAX as i128, i128::MIN, i128::MAX, -1, 0, 1];
        ops.extend(ends.into_iter().flat_map(|it| [it, it.wrapping_add(1)]).map(Op::Const));
        ops.extend(RELATIONS.map(|it| Op::Compare(it, a, b)));
        ops.extend(LOGICS.map(|it| Op::Logic(it, a, b)));
        for (low, width, signed) in
            [(0, 1, true), (255, 255, false), (256, 3, true), (1, 256, false)]
        {
            ops.push(Op::Slice { value: b, low, width, signed });
        }
        let mut store = Ops::default();
        (0..=b.0).for_each(|it| _ = store.find_or_push(Op::Input(0, it)));
        let mut seen = Vec::new();
        for op in ops.clone().into_iter().chain(ops) {
            let (id, new) = store.find_or_push(op);
            assert_eq!(new, !seen.contains(&(op, id)), "{op:?}");
            assert_eq!(store.get(id), op);
            assert!(!new || seen.iter().all(|it| it.0 != op), "{op:?}");
            seen.push((op, id));
        }
    }

    #[test]
    fn every_interval_comes_back() {
        let ends = [i128::MIN, i64::MIN.into(), -1, 0, i64::MAX as i128, 1 << 63, i128::MAX];
        let mut store = Intervals::default();
        let mut all = Vec::new();
        for (at, lo) in ends.into_iter().enumerate() {
            all.extend(ends[at..].iter().map(|hi| Interval { lo, hi: *hi }));
        }
        all.iter().for_each(|it| store.push(*it));
        for (at, interval) in all.iter().enumerate() {
            assert_eq!(store.get(ValueId(at as u32)), *interval);
        }
        all.reverse();
        for (at, interval) in all.iter().enumerate() {
            store.set(ValueId(at as u32), *interval);
            assert_eq!(store.get(ValueId(at as u32)), *interval);
        }
    }
}
