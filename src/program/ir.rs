//! The program between datapath and instructions: the same values, with patterns recognized, and the
//! word of each.
//!
//! Only bits that somebody reads count. A sum of 40 bits of which a wrapping cast takes 16 is computed
//! in 16, because sums and products of the low bits are right in the low bits.

use super::code::Width;
use crate::fixed::bits_of;
use crate::rtl::datapath::{Datapath, Interval, Logic, Op, Relation, Term, ValueId};

/// Most operands of a sum.
pub(super) const PARTS: usize = 4;

/// All bits: the value itself must be right.
const EXACT: u32 = u32::MAX;

/// An operand of a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) value: u32,
    pub(super) shift: u32,
    pub(super) negate: bool,
}

/// A sum of shifted values and a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    parts: [Part; PARTS],
    count: usize,
    pub(super) offset: i128,
}

impl Sum {
    fn new(offset: i128) -> Sum {
        Sum { parts: [Part::default(); PARTS], count: 0, offset }
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts[..self.count]
    }

    fn push(&mut self, part: Part) {
        self.parts[self.count] = part;
        self.count += 1;
    }

    /// The sum with one part replaced by the sum that it is, if there is room.
    fn expanded(&self, at: usize, inner: &Sum) -> Option<Sum> {
        let outer = self.parts[at];
        let mut sum = Sum::new(self.offset.wrapping_add(scaled(inner.offset, outer)));
        if self.count - 1 + inner.count > PARTS {
            return None;
        }
        for (it, part) in self.parts().iter().enumerate() {
            if it != at {
                sum.push(*part);
                continue;
            }
            for part in inner.parts() {
                let shift = part.shift + outer.shift;
                sum.push(Part { value: part.value, shift, negate: part.negate != outer.negate });
            }
        }
        Some(sum)
    }
}

fn scaled(value: i128, by: Part) -> i128 {
    let shifted = value.wrapping_shl(by.shift.min(127));
    if by.negate { shifted.wrapping_neg() } else { shifted }
}

/// What computes a value; operands are positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Input(u32),
    Const(i128),
    Sum(Sum),
    Mul(u32, u32),
    Slice { value: u32, low: u32, width: u32, signed: bool },
    Any { value: u32, width: u32 },
    Mux(u32, u32, u32),
    Compare(Relation, u32, u32),
    Logic(Logic, u32, u32),
    Table(u32, u32),
    Clamp { value: u32, lo: Option<i128>, hi: Option<i128> },
}

impl Node {
    pub(super) fn operands(&self) -> impl DoubleEndedIterator<Item = u32> {
        let (list, count) = match *self {
            Node::Input(_) | Node::Const(_) => ([0; PARTS], 0),
            Node::Sum(sum) => (sum.parts.map(|it| it.value), sum.count),
            Node::Mul(a, b) | Node::Compare(_, a, b) | Node::Logic(_, a, b) => ([a, b, 0, 0], 2),
            Node::Mux(c, a, b) => ([c, a, b, 0], 3),
            Node::Slice { value, .. }
            | Node::Any { value, .. }
            | Node::Table(_, value)
            | Node::Clamp { value, .. } => ([value, 0, 0, 0], 1),
        };
        (0..count).map(move |at| list[at])
    }
}

/// A program in which patterns have been recognized; positions are those of the datapath's values.
#[derive(Debug)]
pub(super) struct Ir {
    pub(super) nodes: Vec<Node>,
    pub(super) intervals: Vec<Interval>,
    /// The word of each value.
    pub(super) widths: Vec<Width>,
    /// All outputs' elements.
    pub(super) outputs: Vec<u32>,
}

impl Ir {
    pub(super) fn new(datapath: &Datapath) -> Ir {
        let mut ir = Ir {
            nodes: Vec::new(),
            intervals: Vec::new(),
            widths: Vec::new(),
            outputs: Vec::new(),
        };
        // Values that turned out to be other values.
        let mut same: Vec<u32> = Vec::with_capacity(datapath.len());
        let first: Vec<u32> = datapath
            .inputs
            .iter()
            .scan(0, |next, port| {
                let first = *next;
                *next += port.elements.len() as u32;
                Some(first)
            })
            .collect();
        for id in datapath.values() {
            let product = ir.product(datapath, id, &same);
            let place = ir.place(datapath, id, &same);
            let at = ir.nodes.len() as u32;
            let of = |it: ValueId| same[it.index()];
            let part = |it: Term| Part { value: of(it.value), shift: it.shift, negate: it.negate };
            let node = match datapath.op(id) {
                Op::Input(port, element) => Node::Input(first[port as usize] + element),
                Op::Const(value) => Node::Const(value),
                op @ (Op::Add(..) | Op::Add3(..)) => Node::Sum(ir.sum(op.terms().map(part))),
                Op::Mul(a, b) => Node::Mul(of(a), of(b)),
                Op::Dsp(.., c) => {
                    let product = product.map(|value| Part { value, ..Part::default() });
                    Node::Sum(ir.sum(product.into_iter().chain([part(c)])))
                }
                Op::Slice { value, low, width, signed } => {
                    Node::Slice { value: of(value), low, width, signed }
                }
                Op::Any { value, width } => Node::Any { value: of(value), width },
                Op::Mux(c, a, b) => Node::Mux(of(c), of(a), of(b)),
                Op::Compare(relation, a, b) => Node::Compare(relation, of(a), of(b)),
                Op::Logic(logic, a, b) => Node::Logic(logic, of(a), of(b)),
                Op::Table(table, index) => Node::Table(table.index() as u32, of(index)),
                Op::External(external, x) => {
                    let table = datapath.externals[external.index()].table.index() as u32;
                    Node::Table(table, place.unwrap_or(of(x)))
                }
            };
            let (node, interval) = ir.recognized(node, datapath.interval(id));
            same.push(ir.identity(&node).unwrap_or(at));
            ir.nodes.push(node);
            ir.intervals.push(interval);
        }
        let outputs = datapath.outputs.iter().flat_map(|it| &it.elements);
        ir.outputs = outputs.map(|it| same[it.index()]).collect();
        ir.size();
        ir.fuse();
        ir
    }

    /// Where the table of a function of the user's has its result: the bits of the operand, as a value
    /// of its own.
    fn place(&mut self, datapath: &Datapath, id: ValueId, same: &[u32]) -> Option<u32> {
        let Op::External(external, x) = datapath.op(id) else { return None };
        let width = datapath.externals[external.index()].operand_bits();
        let value = same[x.index()];
        self.nodes.push(Node::Slice { value, low: 0, width, signed: false });
        self.intervals.push(Interval::new(0, (1 << width) - 1));
        Some(self.nodes.len() as u32 - 1)
    }

    /// The product in a multiplication with addition, as a value of its own.
    fn product(&mut self, datapath: &Datapath, id: ValueId, same: &[u32]) -> Option<u32> {
        let Op::Dsp(a, b, _) = datapath.op(id) else { return None };
        self.nodes.push(Node::Mul(same[a.index()], same[b.index()]));
        self.intervals.push(datapath.interval(a).times(datapath.interval(b)));
        Some(self.nodes.len() as u32 - 1)
    }

    pub(super) fn constant(&self, value: u32) -> Option<i128> {
        match self.nodes[value as usize] {
            Node::Const(it) => Some(it),
            _ => None,
        }
    }

    fn interval(&self, value: u32) -> Interval {
        self.intervals[value as usize]
    }

    /// Bits of a value with its sign.
    pub(super) fn signed_bits(&self, value: u32) -> u32 {
        signed_bits(self.interval(value))
    }

    /// A sum without constants among its parts, nor parts that are only shifts of others.
    fn sum(&self, parts: impl Iterator<Item = Part>) -> Sum {
        let mut sum = Sum::new(0);
        for part in parts {
            match self.nodes[part.value as usize] {
                Node::Const(it) => sum.offset = sum.offset.wrapping_add(scaled(it, part)),
                Node::Sum(inner) if inner.count == 1 && inner.offset == 0 => {
                    let [of, ..] = inner.parts;
                    let shift = of.shift + part.shift;
                    sum.push(Part { value: of.value, shift, negate: of.negate != part.negate });
                }
                _ => sum.push(part),
            }
        }
        sum
    }

    /// The value that a node only repeats.
    fn identity(&self, node: &Node) -> Option<u32> {
        match *node {
            Node::Sum(sum) => match sum.parts() {
                [Part { value, shift: 0, negate: false }] if sum.offset == 0 => Some(*value),
                _ => None,
            },
            Node::Slice { value, low: 0, width, signed }
                if holds(width, signed, self.interval(value)) =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// The node, or a simpler one with the same value wherever that value is used.
    fn recognized(&self, node: Node, interval: Interval) -> (Node, Interval) {
        let Node::Mux(mut condition, mut a, mut b) = node else {
            return (node, interval);
        };
        while let Some(inner) = self.negation(condition) {
            (condition, a, b) = (inner, b, a);
        }
        let node = Node::Mux(condition, a, b);
        let clamp = self.clamp(condition, a, b);
        let Some((value, lo, hi)) = clamp else {
            return (node, interval);
        };
        let from = self.interval(value);
        let lowest = lo.map_or(from.lo, |it| from.lo.max(it));
        let highest = hi.map_or(from.hi, |it| from.hi.min(it));
        if lowest > highest {
            return (node, interval);
        }
        (Node::Clamp { value, lo, hi }, Interval { lo: lowest, hi: highest })
    }

    fn negation(&self, condition: u32) -> Option<u32> {
        match self.nodes[condition as usize] {
            Node::Logic(Logic::Xor, a, b) if self.constant(a) == Some(1) => Some(b),
            Node::Logic(Logic::Xor, a, b) if self.constant(b) == Some(1) => Some(a),
            _ => None,
        }
    }

    /// A choice that is a clamp, as `(value, lo, hi)`.
    fn clamp(&self, condition: u32, a: u32, b: u32) -> Option<(u32, Option<i128>, Option<i128>)> {
        if let Some((x, c)) = self.below(condition) {
            let (lo, hi) = (self.interval(x).lo, self.interval(x).hi);
            // x < c ? c : x
            if self.constant(a) == Some(c) {
                if c <= hi && self.same(b, x, c, hi) {
                    return Some((x, Some(c), None));
                }
                // x < c ? c : (x > d ? d : x)
                if let Node::Mux(inner, d, rest) = self.nodes[b as usize]
                    && let Some((y, d_again)) = self.above(inner)
                    && self.constant(d) == Some(d_again)
                    && y == x
                    && c <= d_again
                    && self.same(rest, x, c, d_again)
                {
                    return Some((x, Some(c), Some(d_again)));
                }
            }
            // x < c ? x : c
            if self.constant(b) == Some(c) && lo < c && self.same(a, x, lo, c - 1) {
                return Some((x, None, Some(c)));
            }
        }
        let (x, c) = self.above(condition)?;
        let lo = self.interval(x).lo;
        // x > c ? c : x
        if self.constant(a) == Some(c) && lo <= c && self.same(b, x, lo, c) {
            return match self.nodes[x as usize] {
                Node::Clamp { value, lo: Some(lo), hi: None } if lo <= c => {
                    Some((value, Some(lo), Some(c)))
                }
                _ => Some((x, None, Some(c))),
            };
        }
        None
    }

    /// A condition that says `x < c`, as `(x, c)`.
    fn below(&self, condition: u32) -> Option<(u32, i128)> {
        match self.nodes[condition as usize] {
            Node::Compare(Relation::Less, x, c) => {
                let (value, low) = self.top_bits(x);
                Some((value, self.constant(c)?.checked_shl(low)?))
            }
            Node::Slice { value, .. } if self.sign_of(condition) == Some(value) => Some((value, 0)),
            _ => None,
        }
    }

    /// A condition that says `x > c`, as `(x, c)`.
    fn above(&self, condition: u32) -> Option<(u32, i128)> {
        match self.nodes[condition as usize] {
            Node::Compare(Relation::Less, c, x) => {
                let (value, low) = self.top_bits(x);
                Some((value, self.constant(c)?.checked_shl(low)? | ((1 << low) - 1)))
            }
            _ => None,
        }
    }

    /// The value of which this is `value >> low`, with all bits above.
    fn top_bits(&self, x: u32) -> (u32, u32) {
        match self.nodes[x as usize] {
            Node::Slice { value, low, width, signed }
                if signed == self.interval(value).signed()
                    && low < 64
                    && low + width + u32::from(!signed) >= self.signed_bits(value) =>
            {
                (value, low)
            }
            _ => (x, 0),
        }
    }

    /// The value whose sign bit this is.
    pub(super) fn sign_of(&self, condition: u32) -> Option<u32> {
        match self.nodes[condition as usize] {
            Node::Slice { value, low, width: 1, signed: false }
                if self.interval(value).signed() && low + 1 >= self.signed_bits(value) =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Whether `y` is `x` whenever `lo <= x <= hi`.
    fn same(&self, y: u32, x: u32, lo: i128, hi: i128) -> bool {
        match self.nodes[y as usize] {
            _ if y == x => true,
            Node::Slice { value, low: 0, width, signed } => {
                value == x && lo <= hi && holds(width, signed, Interval { lo, hi })
            }
            _ => false,
        }
    }

    /// Finds how many low bits of each value matter, backward, and from that the words.
    fn size(&mut self) {
        let mut demand = vec![0u32; self.nodes.len()];
        self.outputs.iter().for_each(|it| demand[*it as usize] = EXACT);
        self.widths = vec![Width::W16; self.nodes.len()];
        for at in (0..self.nodes.len()).rev() {
            if demand[at] == 0 {
                continue;
            }
            let all = signed_bits(self.intervals[at]);
            let exact = demand[at] >= all;
            let width = Width::of(all.min(demand[at]));
            self.widths[at] = width;
            // Bits that operands of a sum must have right: exact results need the whole word.
            let demanded = demand[at];
            let bits = if exact { width.bits() } else { demanded };
            let mut need = |value: u32, bits: u32| {
                let it = &mut demand[value as usize];
                *it = (*it).max(bits);
            };
            match self.nodes[at] {
                Node::Input(_) | Node::Const(_) => {}
                Node::Sum(sum) => {
                    sum.parts().iter().for_each(|it| need(it.value, bits.saturating_sub(it.shift)));
                }
                Node::Mul(a, b) => [a, b].into_iter().for_each(|it| need(it, bits)),
                Node::Slice { value, low, width, .. } => {
                    let taken = if exact { width } else { width.min(demanded) };
                    need(value, low.saturating_add(taken));
                }
                Node::Any { value, width } => need(value, width),
                Node::Mux(c, a, b) => {
                    need(c, EXACT);
                    [a, b].into_iter().for_each(|it| need(it, bits));
                }
                node => node.operands().for_each(|it| need(it, EXACT)),
            }
        }
    }

    /// Sums that only one other sum of the same word reads become part of it.
    fn fuse(&mut self) {
        let mut uses = vec![0u32; self.nodes.len()];
        let live = self.live();
        for (node, _) in self.nodes.iter().zip(&live).filter(|it| *it.1) {
            node.operands().for_each(|it| uses[it as usize] += 1);
        }
        self.outputs.iter().for_each(|it| uses[*it as usize] += 1);
        for at in 0..self.nodes.len() {
            let Node::Sum(mut sum) = self.nodes[at] else { continue };
            let mut part = 0;
            while part < sum.count {
                let value = sum.parts[part].value as usize;
                let expanded = match self.nodes[value] {
                    Node::Sum(inner)
                        if uses[value] == 1 && self.widths[value] == self.widths[at] =>
                    {
                        sum.expanded(part, &inner)
                    }
                    _ => None,
                };
                match expanded {
                    Some(it) if it.count > 1 => sum = it,
                    _ => part += 1,
                }
            }
            self.nodes[at] = Node::Sum(sum);
        }
    }

    /// Which values an output depends on.
    pub(super) fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|it| live[*it as usize] = true);
        for at in (0..self.nodes.len()).rev().collect::<Vec<_>>() {
            if live[at] {
                self.nodes[at].operands().for_each(|it| live[it as usize] = true);
            }
        }
        live
    }
}

fn signed_bits(interval: Interval) -> u32 {
    let bits = bits_of(interval.lo, interval.hi);
    if interval.signed() { bits } else { bits + 1 }
}

/// Whether that many bits hold every value of an interval.
fn holds(width: u32, signed: bool, interval: Interval) -> bool {
    match signed {
        true => signed_bits(interval) <= width,
        false => !interval.signed() && bits_of(interval.lo, interval.hi) <= width,
    }
}
