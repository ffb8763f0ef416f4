//! Tighter ranges: sums as affine forms over what is not a sum.
//!
//! `8x - x` is between 0 and `7 max(x)`, which no bound on `8x` and on `x` alone can tell. Every sum
//! is kept as a constant and a list of multiples of atoms; atoms are inputs and results of all other
//! operations. A form of more than [`MOST_TERMS`] is given up and its value becomes an atom. Ranges
//! are only ever cut.

use std::rc::Rc;

use super::rewrite::{Rewrite, readers};
use crate::rtl::datapath::{Datapath, Interval, Op, Term, ValueId};

/// Longest form that is followed.
const MOST_TERMS: usize = 64;

/// `constant + sum of factor * atom`, atoms ascending.
struct Form {
    constant: i128,
    terms: Vec<(ValueId, i128)>,
}

/// Rebuilds a program with the ranges of affine forms.
pub(super) fn run(old: &Datapath) -> Datapath {
    let mut forms: Vec<Option<Rc<Form>>> = vec![None; old.len()];
    let mut left = readers(old);
    Rewrite::run(old, |rewrite, id| {
        let Op::Add(a, b) = old.op(id) else { return rewrite.again(id) };
        let form = sum(rewrite, &forms, a, b);
        for operand in [a.value, b.value] {
            let left = &mut left[operand.index()];
            *left = left.saturating_sub(1);
            if *left == 0 {
                forms[operand.index()] = None;
            }
        }
        let Some((form, range)) = form else { return rewrite.again(id) };
        if let Some(made) = simple(rewrite, &form) {
            return made;
        }
        let made = rewrite.again(id);
        if range.contains(rewrite.new.interval(made)) {
            forms[id.index()] = Some(Rc::new(form));
            return made;
        }
        forms[id.index()] = Some(Rc::new(form));
        rewrite.new.tighten(made, range);
        match rewrite.new.interval(made).constant() {
            Some(constant) => rewrite.new.constant(constant),
            None => made,
        }
    })
}

/// What is nothing but a constant or a shifted atom.
fn simple(rewrite: &mut Rewrite<'_>, form: &Form) -> Option<ValueId> {
    match form.terms.as_slice() {
        [] => Some(rewrite.new.constant(form.constant)),
        [(atom, factor)] if form.constant == 0 && factor.unsigned_abs().is_power_of_two() => {
            let (value, shift) = (rewrite.get(*atom), factor.trailing_zeros());
            Some(rewrite.new.term(Term { value, shift, negate: *factor < 0 }))
        }
        _ => None,
    }
}

/// The form of a sum and its range; nothing if it is too long or its numbers are too large.
fn sum(
    rewrite: &Rewrite<'_>,
    forms: &[Option<Rc<Form>>],
    a: Term,
    b: Term,
) -> Option<(Form, Interval)> {
    let (fa, ca, ka) = scaled(rewrite, forms, a)?;
    let (fb, cb, kb) = scaled(rewrite, forms, b)?;
    let mut terms = Vec::with_capacity((fa.len() + fb.len()).min(MOST_TERMS + 1));
    let (mut a, mut b) = (fa.iter().peekable(), fb.iter().peekable());
    loop {
        let (atom, factor) = match (a.peek(), b.peek()) {
            (None, None) => break,
            (Some((x, _)), Some((y, _))) if x == y => {
                let (x, p) = a.next()?;
                let (_, q) = b.next()?;
                (*x, p.checked_mul(ka)?.checked_add(q.checked_mul(kb)?)?)
            }
            (Some((x, _)), y) if y.is_none_or(|(y, _)| x < y) => {
                let (x, p) = a.next()?;
                (*x, p.checked_mul(ka)?)
            }
            _ => {
                let (y, q) = b.next()?;
                (*y, q.checked_mul(kb)?)
            }
        };
        if factor != 0 {
            terms.push((atom, factor));
        }
        if terms.len() > MOST_TERMS {
            return None;
        }
    }
    let constant = ca.checked_add(cb)?;
    let (mut lo, mut hi) = (constant, constant);
    for (atom, factor) in &terms {
        let range = rewrite.new.interval(rewrite.get(*atom));
        let (p, q) = (range.lo.checked_mul(*factor)?, range.hi.checked_mul(*factor)?);
        lo = lo.checked_add(p.min(q))?;
        hi = hi.checked_add(p.max(q))?;
    }
    Some((Form { constant, terms }, Interval::new(lo, hi)))
}

/// Values and their factors.
type Terms<'a> = std::borrow::Cow<'a, [(ValueId, i128)]>;

/// The terms of an operand before its factor, its constant with the factor, and the factor.
fn scaled<'a>(
    rewrite: &Rewrite<'_>,
    forms: &'a [Option<Rc<Form>>],
    term: Term,
) -> Option<(Terms<'a>, i128, i128)> {
    let factor = 1i128.checked_shl(term.shift).filter(|it| *it > 0)?;
    let factor = if term.negate { -factor } else { factor };
    if let Op::Const(constant) = rewrite.old.op(term.value) {
        return Some(([].as_slice().into(), constant.checked_mul(factor)?, factor));
    }
    Some(match &forms[term.value.index()] {
        Some(form) => (form.terms.as_slice().into(), form.constant.checked_mul(factor)?, factor),
        None => (vec![(term.value, 1)].into(), 0, factor),
    })
}
