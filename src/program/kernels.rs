//! What each instruction does, on slices, so that the loops vectorize.

use super::code::{Instr, Kind};
use super::frame::{Bank, Others};
use crate::fixed::Word;

/// Runs an instruction whose operands are all in one word.
#[inline(always)]
pub(super) fn step<T: Word>(instr: &Instr, bank: &mut Bank<T>, constants: &[i128]) {
    let (d, slots) = bank.split(instr.d);
    let [a, b, c, _] = instr.operands;
    let [s, t, ..] = instr.shifts.map(u32::from);
    let constant = |at: u32| T::narrow(constants[at as usize]);
    match instr.kind {
        Kind::Fill => d.fill(constant(instr.k)),
        Kind::Shl => one(d, slots.slot(a), |a| a.shl_within(s)),
        Kind::AddConst if s == 0 => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| a.add(k));
        }
        Kind::AddConst => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| a.shl_within(s).add(k));
        }
        Kind::SubConst => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| k.sub(a.shl_within(s)));
        }
        Kind::Add => two(d, slots.slot(a), slots.slot(b), |a, b| a.add(b)),
        Kind::AddShl => two(d, slots.slot(a), slots.slot(b), |a, b| a.shl_within(s).add(b)),
        Kind::Sub => two(d, slots.slot(a), slots.slot(b), |a, b| a.sub(b)),
        Kind::SubShl => two(d, slots.slot(a), slots.slot(b), |a, b| a.sub(b.shl_within(t))),
        Kind::ShlSub => two(d, slots.slot(a), slots.slot(b), |a, b| a.shl_within(s).sub(b)),
        Kind::Sum { operands, negative } => {
            sum(instr, d, slots, constant(instr.k), (operands, negative));
        }
        Kind::Mul => two(d, slots.slot(a), slots.slot(b), |a, b| a.mul(b)),
        Kind::Shr => one(d, slots.slot(a), |a| a.shr_within(s)),
        Kind::Bits if s == 0 => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| a.and(k));
        }
        Kind::Bits => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| a.shr_within(s).and(k));
        }
        Kind::Extend => one(d, slots.slot(a), |a| a.shl_within(s).shr_within(t)),
        Kind::Any => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| bit(a.and(k) != T::ZERO));
        }
        Kind::Mux => {
            three(
                d,
                slots.slot(a),
                slots.slot(b),
                slots.slot(c),
                |a, b, c| {
                    if a != T::ZERO { b } else { c }
                },
            )
        }
        Kind::MuxConstElse => {
            let k = constant(instr.k);
            two(d, slots.slot(a), slots.slot(b), |a, b| if a != T::ZERO { k } else { b });
        }
        Kind::MuxElseConst => {
            let k = constant(instr.k);
            two(d, slots.slot(a), slots.slot(b), |a, b| if a != T::ZERO { b } else { k });
        }
        Kind::Gate => {
            two(d, slots.slot(a), slots.slot(b), |a, b| if a < T::ZERO { T::ZERO } else { b });
        }
        Kind::Max => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| a.max(k));
        }
        Kind::Min => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| a.min(k));
        }
        Kind::Clamp => {
            let (k, l) = (constant(instr.k), constant(instr.l));
            one(d, slots.slot(a), |a| a.max(k).min(l));
        }
        Kind::Less => two(d, slots.slot(a), slots.slot(b), |a, b| bit(a < b)),
        Kind::LessEqual => two(d, slots.slot(a), slots.slot(b), |a, b| bit(a <= b)),
        Kind::Equal => two(d, slots.slot(a), slots.slot(b), |a, b| bit(a == b)),
        Kind::LessConst => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| bit(a < k));
        }
        Kind::MoreConst => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| bit(a > k));
        }
        Kind::EqualConst => {
            let k = constant(instr.k);
            one(d, slots.slot(a), |a| bit(a == k));
        }
        Kind::And => two(d, slots.slot(a), slots.slot(b), |a, b| a.and(b)),
        Kind::Or => two(d, slots.slot(a), slots.slot(b), |a, b| a.or(b)),
        Kind::Xor => two(d, slots.slot(a), slots.slot(b), |a, b| a.xor(b)),
        Kind::Load | Kind::Store | Kind::Table { .. } | Kind::Convert { .. } => {}
    }
}

#[inline(always)]
fn bit<T: Word>(it: bool) -> T {
    if it { T::ONE } else { T::ZERO }
}

#[inline(always)]
fn one<T: Word>(d: &mut [T], a: &[T], f: impl Fn(T) -> T) {
    for (d, a) in d.iter_mut().zip(a) {
        *d = f(*a);
    }
}

#[inline(always)]
fn two<T: Word>(d: &mut [T], a: &[T], b: &[T], f: impl Fn(T, T) -> T) {
    for ((d, a), b) in d.iter_mut().zip(a).zip(b) {
        *d = f(*a, *b);
    }
}

#[inline(always)]
fn three<T: Word>(d: &mut [T], a: &[T], b: &[T], c: &[T], f: impl Fn(T, T, T) -> T) {
    for (((d, a), b), c) in d.iter_mut().zip(a).zip(b).zip(c) {
        *d = f(*a, *b, *c);
    }
}

/// The sum of several operands. Signs and the number of operands are constants in each arm.
#[inline(always)]
fn sum<T: Word>(
    instr: &Instr,
    d: &mut [T],
    slots: Others<'_, T>,
    k: T,
    (operands, negative): (u8, u8),
) {
    macro_rules! arms {
        ($($operands:literal: $($negative:literal)+;)+) => {
            match (operands, negative) {
                $($(
                    ($operands, $negative) => {
                        sum_of::<T, $operands, $negative>(instr, d, slots, k);
                    }
                )+)+
                _ => unreachable!("sums have two to four operands"),
            }
        };
    }
    arms! {
        2: 0 1 2;
        3: 0 1 2 3;
        4: 0 1 2 3 4;
    }
}

#[inline(always)]
fn sum_of<T: Word, const N: usize, const NEGATIVE: usize>(
    instr: &Instr,
    d: &mut [T],
    slots: Others<'_, T>,
    k: T,
) {
    let term = |x: T, at: usize| x.shl_within(u32::from(instr.shifts[at]));
    let join = |sum: T, x: T, at: usize| match at + NEGATIVE >= N {
        true => sum.sub(term(x, at)),
        false => sum.add(term(x, at)),
    };
    let [a, b, c, e] = instr.operands;
    let (a, b) = (slots.slot(a), slots.slot(b));
    match N {
        2 => two(d, a, b, |a, b| join(join(k, a, 0), b, 1)),
        3 => three(d, a, b, slots.slot(c), |a, b, c| join(join(join(k, a, 0), b, 1), c, 2)),
        _ => {
            let (c, e) = (slots.slot(c), slots.slot(e));
            for ((((d, a), b), c), e) in d.iter_mut().zip(a).zip(b).zip(c).zip(e) {
                *d = join(join(join(join(k, *a, 0), *b, 1), *c, 2), *e, 3);
            }
        }
    }
}
