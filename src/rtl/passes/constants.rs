//! One constant for a sum: a bias, the half unit of a rounding and whatever else is added to the same
//! thing meet in one place.
//!
//! A constant joins another one inside a tree of sums that nobody else reads, also through a
//! truncation, and the half unit of a rounding also through a rectifier: what it lifts above zero is
//! cut off again. Where there is nothing to join, it stays where it was.

use super::rewrite::{Rewrite, readers};
use crate::rtl::datapath::{Datapath, Interval, Op, Term, ValueId};

/// Sums looked at in search of another constant.
const MOST_STEPS: usize = 16;

/// Joins the constants of a program.
pub(super) fn run(old: &Datapath) -> Datapath {
    let readers = readers(old);
    let uses = Uses { lowest: lowest_read(old, &readers), readers };
    let mut single = Single::default();
    Rewrite::run(old, &uses.readers, |rewrite, id| {
        let made = match old.op(id) {
            Op::Add(a, b) => match half_of_rectified(rewrite, &mut single, &uses, (id, a, b)) {
                Some(made) => {
                    rewrite.differs(id);
                    made
                }
                None => {
                    let made = join(rewrite, &mut single, a, b);
                    rewrite.new.tighten(made, old.interval(id));
                    made
                }
            },
            _ => rewrite.again(id),
        };
        single.set(made, uses.readers[id.index()] == 1);
        made
    })
}

/// How the old values are read.
struct Uses {
    readers: Vec<u32>,
    lowest: Vec<u32>,
}

/// New values that only one value reads.
#[derive(Default)]
struct Single(Vec<Option<bool>>);

impl Single {
    /// A value has a reader, or several; equal values that are read in two places have two.
    fn set(&mut self, id: ValueId, once: bool) {
        if self.0.len() <= id.index() {
            self.0.resize(id.index() + 1, None);
        }
        let known = &mut self.0[id.index()];
        *known = Some(known.is_none() && once);
    }

    fn pretend(&mut self, id: ValueId, once: bool) {
        self.0[id.index()] = Some(once);
    }

    fn get(&self, id: ValueId) -> bool {
        self.0.get(id.index()).copied().flatten().unwrap_or(false)
    }
}

/// A sum whose constants have met.
fn join(rewrite: &mut Rewrite<'_>, single: &mut Single, a: Term, b: Term) -> ValueId {
    let (a, b) = (rewrite.term(a), rewrite.term(b));
    for (term, other) in [(a, b), (b, a)] {
        if let Some(constant) = constant_of(&rewrite.new, other) {
            return absorb(rewrite, single, term, constant)
                .or_else(|| through_slice(rewrite, single, term, constant))
                .unwrap_or_else(|| rewrite.new.add(a, b));
        }
        // A sum with a constant as an operand: the constant may join one of the other operand's.
        if let Some((rest, constant)) = split(&rewrite.new, single, term)
            && let Some(sum) = absorb(rewrite, single, other, constant)
        {
            return rewrite.new.add(rest, Term::plain(sum));
        }
    }
    rewrite.new.add(a, b)
}

/// The value of a constant term.
fn constant_of(datapath: &Datapath, term: Term) -> Option<i128> {
    datapath.is_constant(term.value).then(|| datapath.term_interval(term).lo)
}

/// A term that is a sum with a constant, read once, as what is left and the constant.
fn split(datapath: &Datapath, single: &Single, term: Term) -> Option<(Term, i128)> {
    let (a, b) = datapath.sum_of(term.value)?;
    let (rest, constant) = match (constant_of(datapath, a), constant_of(datapath, b)) {
        (Some(0), _) | (_, Some(0)) => return None,
        (Some(constant), None) => (b, constant),
        (None, Some(constant)) => (a, constant),
        _ => return None,
    };
    let outside =
        |it: Term| Term { shift: it.shift + term.shift, negate: it.negate != term.negate, ..it };
    let constant = constant << term.shift;
    single
        .get(term.value)
        .then_some((outside(rest), if term.negate { -constant } else { constant }))
}

/// A sum on the way from a term to a constant inside it.
struct Step {
    value: ValueId,
    /// What is to be added here instead.
    amount: i128,
    /// The sum that reads this one: its step, how it reads this one, and what it reads besides.
    outside: Option<(usize, Term, Term)>,
}

/// `term + constant`, if there is a constant inside the term's own tree of sums to join.
fn absorb(
    rewrite: &mut Rewrite<'_>,
    single: &mut Single,
    term: Term,
    constant: i128,
) -> Option<ValueId> {
    let mut steps = vec![];
    steps.extend(inside(term, constant, None));
    let mut at = 0;
    while at < steps.len().min(MOST_STEPS) {
        let Step { value, amount, .. } = steps[at];
        if let Some((rest, own)) = split(&rewrite.new, single, Term::plain(value)) {
            let made = rebuild(rewrite, single, &steps, at, (rest, own + amount));
            return Some(rewrite.new.term(Term { value: made, ..term }));
        }
        if let (Some((a, b)), true) = (rewrite.new.sum_of(value), single.get(value)) {
            steps.extend(inside(a, amount, Some((at, a, b))));
            steps.extend(inside(b, amount, Some((at, b, a))));
        }
        at += 1;
    }
    None
}

/// The step into a term to which a constant is to be added, if the constant is a multiple.
fn inside(term: Term, constant: i128, outside: Option<(usize, Term, Term)>) -> Option<Step> {
    let amount = constant >> term.shift;
    let amount = if term.negate { -amount } else { amount };
    let multiple = constant.trailing_zeros() >= term.shift;
    multiple.then_some(Step { value: term.value, amount, outside })
}

/// From a joined constant outward again. What is on the way stays in its layer.
fn rebuild(
    rewrite: &mut Rewrite<'_>,
    single: &mut Single,
    steps: &[Step],
    mut at: usize,
    (rest, constant): (Term, i128),
) -> ValueId {
    let before = rewrite.new.scope();
    rewrite.new.resume(rewrite.new.scope_of(steps[at].value));
    let constant = Term::plain(rewrite.new.constant(constant));
    let made = rewrite.new.add(rest, constant);
    let mut made = moved(rewrite, made, &steps[at]);
    while let Some((outer, read, sibling)) = steps[at].outside {
        single.set(made, true);
        rewrite.new.resume(rewrite.new.scope_of(steps[outer].value));
        made = rewrite.new.add(Term { value: made, ..read }, sibling);
        at = outer;
        made = moved(rewrite, made, &steps[at]);
    }
    rewrite.new.resume(before);
    made
}

/// What a step has become: as much is known of its range as of the value before.
fn moved(rewrite: &mut Rewrite<'_>, made: ValueId, step: &Step) -> ValueId {
    let Interval { lo, hi } = rewrite.new.interval(step.value);
    rewrite.new.tighten(made, Interval::new(lo + step.amount, hi + step.amount));
    rewrite.new.folded(made)
}

/// `floor(x / 2^s) + c` as `floor((x + c * 2^s) / 2^s)`, if that joins a constant in `x`.
fn through_slice(
    rewrite: &mut Rewrite<'_>,
    single: &mut Single,
    term: Term,
    constant: i128,
) -> Option<ValueId> {
    let Op::Slice { value, low, .. } = rewrite.new.op(term.value) else { return None };
    let (from, to) = (rewrite.new.interval(value), rewrite.new.interval(term.value));
    let whole = low < 120 && to.contains(Interval::new(from.lo >> low, from.hi >> low));
    if !whole || !single.get(term.value) || term.shift > 0 || term.negate {
        return None;
    }
    let sum = absorb(rewrite, single, Term::plain(value), constant.checked_mul(1 << low)?)?;
    Some(rewrite.new.shr(sum, low))
}

/// `max(x, 0) + c` of which nobody reads the bits that `c` has, as `max(x + c, 0)`, if that joins a
/// constant in `x`: what is negative without `c` is so little above zero with it that the same zeros
/// are read.
fn half_of_rectified(
    rewrite: &mut Rewrite<'_>,
    single: &mut Single,
    uses: &Uses,
    (id, a, b): (ValueId, Term, Term),
) -> Option<ValueId> {
    let old = rewrite.old;
    let (chosen, constant) = match (constant_of(old, a), constant_of(old, b)) {
        (Some(constant), None) => (b, constant),
        (None, Some(constant)) => (a, constant),
        _ => return None,
    };
    let plain = chosen.shift == 0 && !chosen.negate && uses.readers[chosen.value.index()] == 1;
    let unseen = 0 < constant && constant.checked_ilog2()? < uses.lowest[id.index()];
    let Op::Mux(sign, zero, kept) = old.op(chosen.value) else { return None };
    if !plain || !unseen || old.op(zero) != Op::Const(0) {
        return None;
    }
    let (Op::Slice { value: x, .. }, Op::Slice { value, .. }) = (old.op(sign), old.op(kept)) else {
        return None;
    };
    let alone =
        uses.readers[x.index()] == 2 && [sign, kept].iter().all(|it| uses.readers[it.index()] == 1);
    if value != x || !alone || !is_rectifier(rewrite, sign, kept, x) {
        return None;
    }
    let x = Term::plain(rewrite.get(x));
    // The two slices that read it are only what is replaced here.
    let shared = single.get(x.value);
    single.pretend(x.value, true);
    let sum = absorb(rewrite, single, x, constant);
    single.pretend(x.value, shared);
    let sum = sum?;
    let negative = rewrite.new.is_negative(sum);
    let positive = rewrite.new.narrow_where_positive(sum, rewrite.new.interval(sum));
    let zero = rewrite.new.constant(0);
    Some(rewrite.new.mux(negative, zero, positive))
}

/// Whether new values are the sign of another one and the bits below it.
fn is_rectifier(rewrite: &Rewrite<'_>, sign: ValueId, kept: ValueId, x: ValueId) -> bool {
    let new = &rewrite.new;
    let [sign, kept, x] = [sign, kept, x].map(|it| rewrite.get(it));
    let (range, bits) = (new.interval(x), new.width(x));
    let is_sign = matches!(
        new.op(sign),
        Op::Slice { value, low, width: 1, signed: false } if value == x && low + 1 == bits
    );
    let is_rest = matches!(
        new.op(kept),
        Op::Slice { value, low: 0, width, .. } if value == x && width + 1 >= bits
    );
    is_sign && is_rest && range.signed() && !new.interval(kept).signed()
}

/// The lowest bit that anybody reads of each value; 0 if not only slices read it.
fn lowest_read(datapath: &Datapath, readers: &[u32]) -> Vec<u32> {
    let mut lowest = vec![u32::MAX; datapath.len()];
    for id in datapath.values().filter(|id| readers[id.index()] > 0) {
        match datapath.op(id) {
            Op::Slice { value, low, .. } => {
                let lowest = &mut lowest[value.index()];
                *lowest = low.min(*lowest);
            }
            op => op.operands().for_each(|it| lowest[it.index()] = 0),
        }
    }
    let outputs = datapath.outputs.iter().flat_map(|it| &it.elements);
    outputs.for_each(|id| lowest[id.index()] = 0);
    lowest
}
