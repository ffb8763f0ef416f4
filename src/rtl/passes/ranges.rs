//! Tighter ranges: sums as affine forms over what is not a sum.
//!
//! `8x - x` is between 0 and `7 max(x)`, which no bound on `8x` and on `x` alone can tell. Every sum
//! is kept as a constant and a list of multiples of atoms; atoms are inputs and results of all other
//! operations. A form of more than [`MOST_TERMS`] is given up and its value becomes an atom. Ranges
//! are only ever cut.

use super::rewrite::{Rewrite, readers};
use crate::rtl::datapath::{Datapath, Interval, Op, Term, ValueId};

/// Longest form that is followed.
const MOST_TERMS: usize = 64;

/// Bits of a number with which a form is still followed: the sum of two has room in 64.
const MOST_BITS: u32 = 62;

/// `constant + sum of factor * atom`, atoms ascending.
#[derive(Default)]
struct Form {
    constant: i64,
    terms: Vec<(ValueId, i32)>,
    /// What it can be for the ranges of its atoms.
    range: (i64, i64),
}

/// The forms of the sums of a program that is being built, as long as somebody is going to read them.
#[derive(Default)]
pub(super) struct Forms {
    forms: Vec<Form>,
    /// Places in `forms` that nobody needs any more.
    free: Vec<u32>,
    /// By value.
    uses: Vec<Use>,
}

/// What is known of a value whose form may be asked for.
#[derive(Clone, Copy)]
struct Use {
    /// Its place among the forms, or [`Use::NONE`].
    place: u32,
    /// How many are going to read it.
    left: u32,
}

impl Use {
    const NONE: u32 = u32::MAX;

    /// The place of the form.
    fn form(self) -> Option<usize> {
        (self.place != Use::NONE).then_some(self.place as usize)
    }
}

/// Rebuilds a program with the ranges of affine forms.
pub(super) fn run(old: &Datapath) -> Datapath {
    let readers = readers(old);
    let summed = summed(old);
    let mut forms = Forms::default();
    Rewrite::run(old, &readers, |rewrite, id| {
        let Op::Add(a, b) = old.op(id) else {
            let made = rewrite.again(id);
            forms.release(rewrite, id);
            return made;
        };
        let [a, b] = [a, b].map(|it| Term { value: rewrite.get(it.value), ..it });
        let made = forms.sum(rewrite, (a, b, summed[id.index()]), old.interval(id));
        forms.expect(made, readers[id.index()]);
        forms.release(rewrite, id);
        made
    })
}

/// Which values are parts of sums.
fn summed(datapath: &Datapath) -> Vec<bool> {
    let mut summed = vec![false; datapath.len()];
    let sums = datapath.values().filter_map(|id| datapath.sum_of(id));
    sums.for_each(|(a, b)| [a, b].iter().for_each(|it| summed[it.value.index()] = true));
    summed
}

/// What is added: a form before its factor.
struct Part<'a> {
    terms: &'a [(ValueId, i32)],
    constant: i64,
    range: (i64, i64),
    shift: u32,
    negate: bool,
}

impl Forms {
    /// So many more are going to read a value.
    pub(super) fn expect(&mut self, made: ValueId, readers: u32) {
        self.of(made).left += readers;
    }

    /// All of the old value `id` has been built: it does not read its operands any more.
    pub(super) fn release(&mut self, rewrite: &Rewrite<'_>, id: ValueId) {
        for operand in rewrite.old.op(id).operands() {
            let operand = self.of(rewrite.get(operand));
            operand.left = operand.left.saturating_sub(1);
            if operand.left == 0 && operand.place != Use::NONE {
                let place = std::mem::replace(&mut operand.place, Use::NONE);
                self.free.push(place);
            }
        }
    }

    fn of(&mut self, value: ValueId) -> &mut Use {
        if self.uses.len() <= value.index() {
            self.uses.resize(value.index() + 1, Use { place: Use::NONE, left: 0 });
        }
        &mut self.uses[value.index()]
    }

    /// `a + b`, which is in a range, with all that its form tells of it. The form is kept if it is
    /// part of other sums.
    pub(super) fn sum(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        (a, b, keep): (Term, Term, bool),
        known: Interval,
    ) -> ValueId {
        let new = &mut rewrite.new;
        let place = self.free.pop().unwrap_or_else(|| {
            self.forms.push(Form::default());
            self.forms.len() as u32 - 1
        });
        let mut form = std::mem::take(&mut self.forms[place as usize]);
        let found = self.add(new, (&mut form, keep), a, b);
        let simple = found.and_then(|terms| form.simple(new, terms));
        let made = simple.unwrap_or_else(|| new.add(a, b));
        let (lo, hi) = form.range;
        self.forms[place as usize] = form;
        let kept = keep && simple.is_none() && found.is_some_and(|terms| terms <= MOST_TERMS);
        match &mut self.of(made).place {
            none if kept && *none == Use::NONE => *none = place,
            _ => self.free.push(place),
        }
        if found.is_some() {
            new.tighten(made, Interval::new(lo.into(), hi.into()));
        }
        new.tighten(made, known);
        new.folded(made)
    }

    /// The range of a sum and, to keep, its form; how many terms that has. Nothing if its numbers are
    /// too large.
    fn add(
        &self,
        new: &Datapath,
        (sum, keep): (&mut Form, bool),
        a: Term,
        b: Term,
    ) -> Option<usize> {
        let mut own = [(a.value, 1), (b.value, 1)];
        let [own_a, own_b] = &mut own;
        let (a, b) = (self.part(new, a, own_a)?, self.part(new, b, own_b)?);
        let (range_a, range_b) = (a.scaled(a.range), b.scaled(b.range));
        let (mut lo, mut hi) =
            (i128::from(range_a.0 + range_b.0), i128::from(range_a.1 + range_b.1));
        sum.constant = a.scaled((a.constant, a.constant)).0 + b.scaled((b.constant, b.constant)).0;
        sum.terms.clear();
        let mut terms = 0;
        let mut push = |atom: ValueId, factor: i32| {
            if keep || terms == 0 {
                sum.terms.push((atom, factor));
            }
            terms += 1;
        };
        let (mut p, mut q) = (a.terms, b.terms);
        while let ([(x, first), rest_a @ ..], [(y, second), rest_b @ ..]) = (p, q) {
            if x < y {
                push(*x, a.times(*first)?);
                p = rest_a;
            } else if y < x {
                push(*y, b.times(*second)?);
                q = rest_b;
            } else {
                let (first, second) = (a.times(*first)?, b.times(*second)?);
                let both = first.checked_add(second)?;
                if (first < 0) != (second < 0) {
                    let atom = new.interval(*x);
                    let [one, other, both] = [first, second, both].map(|it| times(atom, it));
                    let ((one, other), both) = ((one?, other?), both?);
                    lo += both.0 - one.0 - other.0;
                    hi += both.1 - one.1 - other.1;
                }
                if both != 0 {
                    push(*x, both);
                }
                (p, q) = (rest_a, rest_b);
            }
        }
        for (part, rest) in [(&a, p), (&b, q)] {
            for (atom, by) in rest {
                push(*atom, part.times(*by)?);
            }
        }
        sum.range = (lo.try_into().ok()?, hi.try_into().ok()?);
        Some(terms)
    }

    /// The form of an operand; `own` is what it is if it is an atom.
    fn part<'a>(
        &'a self,
        new: &Datapath,
        term: Term,
        own: &'a mut (ValueId, i32),
    ) -> Option<Part<'a>> {
        let place = |value: ValueId| self.uses.get(value.index())?.form();
        let (term, place) = match place(term.value) {
            Some(place) => (term, Some(place)),
            None => {
                let flat = new.flat(term);
                (flat, place(flat.value))
            }
        };
        own.0 = term.value;
        let (terms, constant, range) = match place {
            Some(place) => {
                let form = &self.forms[place];
                (form.terms.as_slice(), form.constant, form.range)
            }
            None => {
                let Interval { lo, hi } = new.interval(term.value);
                let range = (lo.try_into().ok()?, hi.try_into().ok()?);
                match lo == hi {
                    true => ([].as_slice(), range.0, range),
                    false => (std::slice::from_ref(own), 0, range),
                }
            }
        };
        let bits = |it: i64| 64 - it.unsigned_abs().leading_zeros();
        let largest = bits(range.0).max(bits(range.1)).max(bits(constant));
        let fits = largest + term.shift <= MOST_BITS;
        fits.then_some(Part { terms, constant, range, shift: term.shift, negate: term.negate })
    }
}

impl Part<'_> {
    /// A range of it as an operand.
    fn scaled(&self, (lo, hi): (i64, i64)) -> (i64, i64) {
        match self.negate {
            true => (-(hi << self.shift), -(lo << self.shift)),
            false => (lo << self.shift, hi << self.shift),
        }
    }

    /// A factor of it as an operand.
    fn times(&self, factor: i32) -> Option<i32> {
        if self.shift > 30 {
            return None;
        }
        let scaled = i64::from(factor) << self.shift;
        i32::try_from(if self.negate { -scaled } else { scaled }).ok()
    }
}

impl Form {
    /// What is nothing but a constant or a shifted atom.
    fn simple(&self, new: &mut Datapath, terms: usize) -> Option<ValueId> {
        match (terms, self.terms.as_slice()) {
            (0, _) => Some(new.constant(self.constant.into())),
            (1, [(value, factor)])
                if self.constant == 0 && factor.unsigned_abs().is_power_of_two() =>
            {
                let shift = factor.trailing_zeros();
                Some(new.term(Term { value: *value, shift, negate: *factor < 0 }))
            }
            _ => None,
        }
    }
}

/// The range of a multiple.
fn times(range: Interval, factor: i32) -> Option<(i128, i128)> {
    let end = |it: i128| Some(i128::from(i64::try_from(it).ok()?) * i128::from(factor));
    let (p, q) = (end(range.lo)?, end(range.hi)?);
    Some((p.min(q), p.max(q)))
}
