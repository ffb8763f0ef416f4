//! Instructions for every value, in registers without number.
//!
//! A register is written once. Values are converted where a word differs from the one they were made
//! in, once for each word. Whatever turns out not to be read is dropped at the end.

use std::collections::BTreeMap;

use super::code::{Instr, Kind, Width};
use super::ir::{Ir, Node, Part, Sum};
use crate::rtl::datapath::{Logic, Relation};

/// Straight code: the register that an instruction writes has the instruction's position.
#[derive(Debug, Default)]
pub(super) struct Straight {
    /// Operands are positions of instructions, except for the elements that loads name.
    pub(super) code: Vec<Instr>,
    pub(super) constants: Vec<i128>,
}

/// Writes the code of the outputs in the given order of values.
pub(super) fn emit(ir: &Ir, order: &[u32]) -> Straight {
    let mut emitter = Emitter {
        ir,
        straight: Straight::default(),
        home: vec![None; ir.nodes.len()],
        converted: BTreeMap::new(),
        known: BTreeMap::new(),
        wanted: BTreeMap::new(),
    };
    for (element, value) in ir.outputs.iter().enumerate() {
        emitter.wanted.entry(*value).or_default().push(element as u32);
    }
    for value in order {
        // Constants are part of the instructions that read them.
        if !matches!(ir.nodes[*value as usize], Node::Const(_)) {
            emitter.value(*value);
        }
        for element in emitter.wanted.get(value).cloned().unwrap_or_default() {
            let register = emitter.register(*value, ir.widths[*value as usize]);
            let width = emitter.straight.code[register as usize].width;
            emitter.push(Kind::Store, width, &[register], &[], [None; 2]);
            emitter.straight.code.last_mut().expect("just pushed").d = element;
        }
    }
    drop_unread(emitter.straight)
}

struct Emitter<'i> {
    ir: &'i Ir,
    straight: Straight,
    /// The register each value was made in.
    home: Vec<Option<u32>>,
    converted: BTreeMap<(u32, Width), u32>,
    known: BTreeMap<i128, u32>,
    /// Output elements by value.
    wanted: BTreeMap<u32, Vec<u32>>,
}

impl Emitter<'_> {
    fn push(
        &mut self,
        kind: Kind,
        width: Width,
        operands: &[u32],
        shifts: &[u32],
        constants: [Option<i128>; 2],
    ) -> u32 {
        let mut instr = Instr { kind, width, d: 0, operands: [0; 4], shifts: [0; 4], k: 0, l: 0 };
        instr.operands[..operands.len()].copy_from_slice(operands);
        for (to, from) in instr.shifts.iter_mut().zip(shifts) {
            *to = *from as u8;
        }
        let [k, l] = constants.map(|it| it.map_or(0, |it| self.constant(it)));
        (instr.k, instr.l) = (k, l);
        self.straight.code.push(instr);
        self.straight.code.len() as u32 - 1
    }

    fn constant(&mut self, value: i128) -> u32 {
        let constants = &mut self.straight.constants;
        *self.known.entry(value).or_insert_with(|| {
            constants.push(value);
            constants.len() as u32 - 1
        })
    }

    /// The register of a value in a word.
    fn register(&mut self, value: u32, width: Width) -> u32 {
        if let Some(constant) = self.ir.constant(value) {
            return self.push(Kind::Fill, width, &[], &[], [Some(constant), None]);
        }
        let home = self.home[value as usize].expect("operands come first");
        let from = self.straight.code[home as usize].width;
        if from == width {
            return home;
        }
        if let Some(register) = self.converted.get(&(value, width)) {
            return *register;
        }
        let register = self.push(Kind::Convert { from }, width, &[home], &[], [None; 2]);
        self.converted.insert((value, width), register);
        register
    }

    /// The word that a value is in already, or would be made in.
    fn width(&self, value: u32) -> Width {
        match self.home[value as usize] {
            Some(home) => self.straight.code[home as usize].width,
            None => self.ir.widths[value as usize],
        }
    }

    /// A word that holds values exactly.
    fn common(&self, values: &[u32]) -> Width {
        let width = |it: &u32| Width::of(self.ir.signed_bits(*it));
        values.iter().map(width).max().unwrap_or(Width::W16)
    }

    fn value(&mut self, at: u32) {
        let width = self.ir.widths[at as usize];
        let register = match self.ir.nodes[at as usize] {
            Node::Const(_) => return,
            Node::Input(element) => {
                // Inputs come whole.
                let width = self.common(&[at]);
                self.push(Kind::Load, width, &[element], &[], [None; 2])
            }
            Node::Sum(sum) => self.sum(&sum, width),
            Node::Mul(a, b) => self.binary(Kind::Mul, width, a, b),
            Node::Slice { value, low, width, signed } => self.slice(at, value, low, width, signed),
            Node::Any { value, width } => self.any(value, width),
            Node::Mux(condition, a, b) => self.mux(width, condition, a, b),
            Node::Compare(relation, a, b) => self.compare(relation, a, b),
            Node::Logic(logic, a, b) => {
                let kind = match logic {
                    Logic::And => Kind::And,
                    Logic::Or => Kind::Or,
                    Logic::Xor => Kind::Xor,
                };
                self.binary(kind, width, a, b)
            }
            Node::Table(table, index) => {
                let from = self.width(index).min(Width::W32);
                let index = self.register(index, from);
                let register = self.push(Kind::Table { from }, width, &[index], &[], [None; 2]);
                self.straight.code[register as usize].k = table;
                register
            }
            Node::Clamp { value, lo, hi } => self.clamp(value, lo, hi),
        };
        self.home[at as usize] = Some(register);
    }

    fn binary(&mut self, kind: Kind, width: Width, a: u32, b: u32) -> u32 {
        let operands = [self.register(a, width), self.register(b, width)];
        self.push(kind, width, &operands, &[], [None; 2])
    }

    fn sum(&mut self, sum: &Sum, width: Width) -> u32 {
        // What is shifted out of the word is nobody's business.
        let within = |it: &&Part| it.shift < width.bits();
        let mut parts: Vec<Part> = sum.parts().iter().filter(within).copied().collect();
        // What is subtracted comes last, shifted operands first within both.
        parts.sort_by_key(|it| (it.negate, if it.negate { it.shift } else { !it.shift }));
        let registers: Vec<u32> = parts.iter().map(|it| self.register(it.value, width)).collect();
        let shifts: Vec<u32> = parts.iter().map(|it| it.shift).collect();
        let offset = Some(sum.offset);
        match (parts.as_slice(), sum.offset) {
            ([], _) => self.push(Kind::Fill, width, &[], &[], [offset, None]),
            ([Part { negate: false, .. }], 0) => {
                self.push(Kind::Shl, width, &registers, &shifts, [None; 2])
            }
            ([Part { negate, .. }], _) => {
                let kind = if *negate { Kind::SubConst } else { Kind::AddConst };
                self.push(kind, width, &registers, &shifts, [offset, None])
            }
            ([a, b], 0) if !a.negate => {
                let kind = match (b.negate, a.shift, b.shift) {
                    (false, 0, 0) => Some(Kind::Add),
                    (false, _, 0) => Some(Kind::AddShl),
                    (true, 0, 0) => Some(Kind::Sub),
                    (true, 0, _) => Some(Kind::SubShl),
                    (true, _, 0) => Some(Kind::ShlSub),
                    _ => None,
                };
                let kind = kind.unwrap_or_else(|| general(&parts));
                self.push(kind, width, &registers, &shifts, [Some(0), None])
            }
            _ => self.push(general(&parts), width, &registers, &shifts, [offset, None]),
        }
    }

    fn slice(&mut self, at: u32, value: u32, low: u32, bits: u32, signed: bool) -> u32 {
        let needed = self.ir.widths[at as usize];
        // In the word of the value, or of the result where bits beyond the value's sign are taken.
        let width = self.width(value).max(needed);
        let from = self.register(value, width);
        let whole = low + bits >= self.ir.signed_bits(value);
        let positive = self.ir.intervals[value as usize].lo >= 0;
        let shift = low.min(width.bits() - 1);
        if whole {
            return self.bits(width, from, shift, bits, signed || positive);
        }
        if signed && low + bits < width.bits() {
            let shifts = [width.bits() - low - bits, width.bits() - bits];
            return self.push(Kind::Extend, width, &[from], &shifts, [None; 2]);
        }
        self.bits(width, from, shift, bits, signed)
    }

    /// A shift right, and a mask unless the shifted value is the result.
    fn bits(&mut self, width: Width, from: u32, low: u32, bits: u32, whole: bool) -> u32 {
        if whole || bits >= width.bits() {
            return self.push(Kind::Shr, width, &[from], &[low], [None; 2]);
        }
        let mask = i128::MAX >> (127 - bits);
        self.push(Kind::Bits, width, &[from], &[low], [Some(mask), None])
    }

    fn any(&mut self, value: u32, bits: u32) -> u32 {
        let width = self.width(value);
        let from = self.register(value, width);
        let mask = if bits >= 127 { -1 } else { i128::MAX >> (127 - bits) };
        self.push(Kind::Any, width, &[from], &[], [Some(mask), None])
    }

    fn mux(&mut self, width: Width, condition: u32, a: u32, b: u32) -> u32 {
        if self.ir.constant(a) == Some(0)
            && let Some(sign) = self.ir.sign_of(condition)
            && self.width(sign) == width
        {
            let (sign, b) = (self.register(sign, width), self.register(b, width));
            return self.push(Kind::Gate, width, &[sign, b], &[], [None; 2]);
        }
        let test = self.register(condition, width);
        match (self.ir.constant(a), self.ir.constant(b)) {
            (Some(k), _) => {
                let b = self.register(b, width);
                self.push(Kind::MuxConstElse, width, &[test, b], &[], [Some(k), None])
            }
            (None, Some(k)) => {
                let a = self.register(a, width);
                self.push(Kind::MuxElseConst, width, &[test, a], &[], [Some(k), None])
            }
            (None, None) => {
                let operands = [test, self.register(a, width), self.register(b, width)];
                self.push(Kind::Mux, width, &operands, &[], [None; 2])
            }
        }
    }

    fn compare(&mut self, relation: Relation, a: u32, b: u32) -> u32 {
        let width = self.common(&[a, b]);
        let (kind, value, k) = match (relation, self.ir.constant(a), self.ir.constant(b)) {
            (Relation::Less, None, Some(k)) => (Kind::LessConst, a, k),
            (Relation::Less, Some(k), None) => (Kind::MoreConst, b, k),
            (Relation::Equal, None, Some(k)) => (Kind::EqualConst, a, k),
            (Relation::Equal, Some(k), None) => (Kind::EqualConst, b, k),
            (Relation::Less, ..) => return self.binary(Kind::Less, width, a, b),
            (Relation::LessEqual, ..) => return self.binary(Kind::LessEqual, width, a, b),
            (Relation::Equal, ..) => return self.binary(Kind::Equal, width, a, b),
        };
        let value = self.register(value, width);
        self.push(kind, width, &[value], &[], [Some(k), None])
    }

    fn clamp(&mut self, value: u32, lo: Option<i128>, hi: Option<i128>) -> u32 {
        let width = self.common(&[value]);
        let from = self.register(value, width);
        // An end that no value reaches may not even fit the word.
        let interval = self.ir.intervals[value as usize];
        let lo = lo.filter(|it| *it > interval.lo);
        let hi = hi.filter(|it| *it < interval.hi);
        let (kind, constants) = match (lo, hi) {
            (Some(_), Some(_)) => (Kind::Clamp, [lo, hi]),
            (Some(_), None) => (Kind::Max, [lo, None]),
            (None, Some(_)) => (Kind::Min, [hi, None]),
            (None, None) => return from,
        };
        self.push(kind, width, &[from], &[], constants)
    }
}

fn general(parts: &[Part]) -> Kind {
    let negative = parts.iter().filter(|it| it.negate).count() as u8;
    Kind::Sum { operands: parts.len() as u8, negative }
}

/// The code without what no store depends on.
fn drop_unread(straight: Straight) -> Straight {
    let Straight { mut code, constants } = straight;
    let mut read = vec![false; code.len()];
    for at in (0..code.len()).rev() {
        let instr = code[at];
        if instr.kind == Kind::Store || read[at] {
            read[at] = true;
            instr.operands[..instr.reads()].iter().for_each(|it| read[*it as usize] = true);
        }
    }
    let mut moved = vec![0u32; code.len()];
    let mut next = 0;
    for (at, read) in read.iter().enumerate() {
        moved[at] = next;
        next += u32::from(*read);
    }
    for instr in &mut code {
        let reads = instr.reads();
        instr.operands[..reads].iter_mut().for_each(|it| *it = moved[*it as usize]);
    }
    let mut at = 0;
    code.retain(|_| {
        at += 1;
        read[at - 1]
    });
    Straight { code, constants }
}
