//! Sums of three terms for devices whose carry chains add three operands.
//!
//! ```text
//! v = a + b << 2        u = a + b << 2 - c
//! u = v - c         ->
//! ```
//!
//! A sum that only one other sum of its layer reads may become part of that one, which then takes one
//! lookup table a bit as before. A sum of three holds one other sum and is not held itself, so what is
//! fused is a matching of the edges of each tree of sums; the one that saves the most lookup tables is
//! found by dynamic programming. At most one of the three is subtracted: the chain has one carry-in,
//! and whether tools find a place for a second one is not known. No sum becomes longer than a clock
//! that held both.

use super::rewrite::{Rewrite, readers};
use crate::device::{DelayModel, Ternary};
use crate::rtl::cost::Chain;
use crate::rtl::datapath::{Datapath, Op, Term, ValueId};
use crate::rtl::pipeline::Delays;

/// Which pairs of sums may become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fusion {
    /// All that save lookup tables.
    Any,
    /// Only where the result comes no later than before, from the inputs of the program.
    OnTime,
}

/// Fuses sums under a clock, if one is given.
pub(super) fn run(
    old: &Datapath,
    model: &DelayModel,
    clock_ns: Option<f64>,
    fusion: Fusion,
) -> Datapath {
    let budget = clock_ns.map_or(f64::INFINITY, |it| it - model.register());
    let arrivals = match fusion {
        Fusion::Any => None,
        Fusion::OnTime => Some(arrivals(old, model)),
    };
    let rules = Rules { old, model, budget, arrivals };
    let held = choose(old, |sum, inner| rules.saved(sum, inner));
    rewrite(old, &held)
}

/// Whether a device and a program could gain anything.
pub(super) fn applies(old: &Datapath, model: &DelayModel) -> bool {
    model.ternary != Ternary::None && old.values().any(|id| old.op(id).is_sum())
}

/// When each value is there if nothing waits for a register.
fn arrivals(old: &Datapath, model: &DelayModel) -> Vec<f64> {
    let live = old.live();
    let mut arrivals = vec![0f64; old.len()];
    for id in old.values().filter(|id| live[id.index()]) {
        let last = old.op(id).operands().map(|it| arrivals[it.index()]).fold(0.0, f64::max);
        arrivals[id.index()] = last + model.delay(old, id);
    }
    arrivals
}

/// What may be fused.
struct Rules<'a> {
    old: &'a Datapath,
    model: &'a DelayModel,
    /// Time for logic in a clock.
    budget: f64,
    arrivals: Option<Vec<f64>>,
}

impl Rules<'_> {
    /// Lookup tables saved by a sum that holds one of its operands; 0 if it must not.
    fn saved(&self, sum: ValueId, inner: ValueId) -> u64 {
        let Some(terms) = fused(self.old, sum, inner) else { return 0 };
        let both = [sum, inner].map(|it| Chain::of(self.old, it));
        let one = Chain::new(self.old, terms, self.old.interval(sum));
        let delay = one.delay(self.model);
        let longest = both.iter().map(|it| it.delay(self.model)).fold(self.budget, f64::max);
        let late = self.arrivals.as_ref().is_some_and(|arrivals| {
            let last = terms.iter().map(|it| arrivals[it.value.index()]).fold(0.0, f64::max);
            last + delay > arrivals[sum.index()]
        });
        if delay > longest || late {
            return 0;
        }
        both.iter().map(|it| it.luts(1)).sum::<u64>().saturating_sub(one.luts(1))
    }
}

/// The terms of a sum of two with one operand replaced by what that adds up, the subtracted last.
fn fused(old: &Datapath, sum: ValueId, inner: ValueId) -> Option<[Term; 3]> {
    let (Op::Add(a, b), Op::Add(p, q)) = (old.op(sum), old.op(inner)) else { return None };
    let (outer, rest) = if a.value == inner { (a, b) } else { (b, a) };
    let zero = |it: &Term| old.interval(it.value).constant() == Some(0);
    let within =
        |it: Term| Term { shift: it.shift + outer.shift, negate: it.negate != outer.negate, ..it };
    let mut terms = [rest, within(p), within(q)];
    terms.sort_by_key(|it| it.negate);
    (!terms[1].negate && !terms.iter().any(zero)).then_some(terms)
}

/// For each sum the operand that it is to hold. `saved` says what each pair is worth.
fn choose(old: &Datapath, saved: impl Fn(ValueId, ValueId) -> u64) -> Vec<Option<ValueId>> {
    let readers = readers(old);
    let inner = |sum: ValueId| {
        let alone = |it: &ValueId| {
            readers[it.index()] == 1
                && matches!(old.op(*it), Op::Add(..))
                && old.scope_of(*it) == old.scope_of(sum)
        };
        old.op(sum).operands().filter(alone).collect::<Vec<_>>()
    };
    // What is saved in the tree below a sum that may hold another one, and below one that may not.
    let (mut free, mut bound) = (vec![0u64; old.len()], vec![0u64; old.len()]);
    let mut held: Vec<Option<ValueId>> = vec![None; old.len()];
    for sum in
        old.values().filter(|it| readers[it.index()] > 0 && matches!(old.op(*it), Op::Add(..)))
    {
        let inner = inner(sum);
        let without: u64 = inner.iter().map(|it| free[it.index()]).sum();
        let mut best = without;
        for it in inner {
            let worth = saved(sum, it);
            let with = without - free[it.index()] + bound[it.index()] + worth;
            if worth > 0 && with > best {
                best = with;
                held[sum.index()] = Some(it);
            }
        }
        (free[sum.index()], bound[sum.index()]) = (best, without);
    }
    // From the roots: what is held holds nothing.
    for sum in old.values().rev() {
        if let Some(inner) = held[sum.index()] {
            held[inner.index()] = None;
        }
    }
    held
}

fn rewrite(old: &Datapath, held: &[Option<ValueId>]) -> Datapath {
    let mut is_held = vec![false; old.len()];
    held.iter().flatten().for_each(|it| is_held[it.index()] = true);
    Rewrite::run(old, &readers(old), |rewrite, id| {
        if is_held[id.index()] {
            // Nobody reads it any more; whatever stands for it is no element of a tensor.
            rewrite.differs(id);
            let operand = old.op(id).operands().next().expect("a sum has operands");
            return rewrite.get(operand);
        }
        let terms = held[id.index()].and_then(|inner| fused(old, id, inner));
        let Some([a, b, c]) = terms else { return rewrite.again(id) };
        let [a, b, c] = [a, b, c].map(|it| rewrite.term(it));
        let made = rewrite.new.add3(a, b, c);
        rewrite.new.tighten(made, old.interval(id));
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;
    use crate::error::Origin;
    use crate::rtl::cmvm::Budget;
    use crate::rtl::cost;
    use crate::rtl::datapath::{Interval, Port, Scope, lower};
    use crate::rtl::testing::{self, Random};

    fn model() -> &'static DelayModel {
        device::find("xcvu9p").unwrap().delay()
    }

    fn luts(datapath: &Datapath) -> u64 {
        cost::luts_by_scope(datapath, model()).iter().map(|it| it.lut).sum()
    }

    fn agree(seed: u64, old: &Datapath, new: &Datapath) {
        let mut random = Random(seed ^ 0x7e4a);
        for _ in 0..40 {
            let sample = testing::sample(&mut random, old);
            let (want, got) = (testing::expected(old, &sample), testing::expected(new, &sample));
            assert_eq!(want, got, "seed {seed}: fusion changes the outputs for {sample:?}");
        }
    }

    /// Sums of inputs and of each other, with all shifts and signs.
    fn forest(random: &mut Random, sums: usize) -> Datapath {
        let mut datapath = Datapath::default();
        let origin = Origin::new("test", "x");
        datapath.enter(Scope { name: "x".to_owned(), about: String::new(), origin });
        let input = |random: &mut Random, datapath: &mut Datapath, at: u32| {
            let (lo, bits) = (-i128::from(random.flip()), 1 + random.below(9));
            datapath.push(Op::Input(0, at), Interval::new(lo << bits, (1 << bits) - 1))
        };
        let inputs: Vec<ValueId> = (0..5).map(|at| input(random, &mut datapath, at)).collect();
        let slots = inputs.iter().map(|it| (datapath.width(*it), datapath.interval(*it).signed()));
        let port = Port { name: "x".to_owned(), elements: inputs.clone(), slots: slots.collect() };
        datapath.inputs.push(port);
        let mut pool: Vec<ValueId> = Vec::new();
        for _ in 0..sums {
            let mut term = |datapath: &Datapath| {
                // Mostly what nobody has read yet.
                let fresh = !pool.is_empty() && random.below(4) > 0;
                let value = match fresh {
                    true => pool.remove(random.below(pool.len())),
                    false => inputs[random.below(5)],
                };
                debug_assert!(datapath.width(value) < 90);
                let shift = if random.flip() { 0 } else { random.below(5) as u32 };
                Term { value, shift, negate: random.below(3) == 0 }
            };
            let (a, b) = (term(&datapath), term(&datapath));
            let sum = datapath.add(a, b);
            pool.push(sum);
        }
        let slots = pool.iter().map(|it| (datapath.width(*it), datapath.interval(*it).signed()));
        let slots = slots.collect();
        datapath.outputs.push(Port { name: "y".to_owned(), elements: pool, slots });
        datapath
    }

    /// The most that any matching saves, by trying all.
    fn brute(pairs: &[(ValueId, ValueId, u64)], taken: &mut Vec<ValueId>) -> u64 {
        let Some(((sum, inner, worth), rest)) = pairs.split_first() else { return 0 };
        let without = brute(rest, taken);
        if taken.contains(sum) || taken.contains(inner) {
            return without;
        }
        taken.extend([sum, inner]);
        let with = worth + brute(rest, taken);
        taken.truncate(taken.len() - 2);
        with.max(without)
    }

    #[test]
    fn the_choice_is_the_best_there_is() {
        let mut fused_some = 0;
        for seed in 0..400 {
            let old = forest(&mut Random(seed), 3 + seed as usize % 9);
            let rules = Rules { old: &old, model: model(), budget: f64::INFINITY, arrivals: None };
            let (readers, live) = (readers(&old), old.live());
            let mut pairs = Vec::new();
            for sum in old.values().filter(|it| live[it.index()]) {
                for inner in old.op(sum).operands().filter(|it| readers[it.index()] == 1) {
                    pairs.push((sum, inner, rules.saved(sum, inner)));
                }
            }
            pairs.retain(|it| it.2 > 0);
            let new = run(&old, model(), None, Fusion::Any);
            let held = choose(&old, |sum, inner| rules.saved(sum, inner));
            let chosen = old.values().zip(&held).filter_map(|(sum, it)| Some((sum, (*it)?)));
            let saved: u64 = chosen.map(|(sum, inner)| rules.saved(sum, inner)).sum();
            assert_eq!(saved, brute(&pairs, &mut vec![]), "seed {seed}");
            // Sums that have become equal are there once.
            assert!(luts(&new) + saved <= luts(&old), "seed {seed}");
            agree(seed, &old, &new);
            fused_some += usize::from(luts(&new) < luts(&old));
        }
        assert!(fused_some > 100, "{fused_some}");
    }

    #[test]
    fn programs_stay_what_they_are_and_take_no_more() {
        for seed in 0..60 {
            let mut random = Random(seed);
            let old = testing::program(&mut random, 4, 50);
            for fusion in [Fusion::Any, Fusion::OnTime] {
                let new = run(&old, model(), Some(2.0), fusion);
                assert!(luts(&new) <= luts(&old), "seed {seed}");
                agree(seed, &old, &new);
                // The other passes keep such sums.
                agree(seed, &old, &super::super::optimize(&new));
            }
        }
    }

    #[test]
    fn networks_shrink_and_what_is_on_time_stays_so() {
        let graph = testing::network(&mut Random(4), &[12, 10, 4], 7);
        let old = super::super::optimize(&lower(&graph, Budget::QUICK).datapath);
        let any = run(&old, model(), None, Fusion::Any);
        assert!(luts(&any) * 10 < luts(&old) * 9, "{} of {}", luts(&any), luts(&old));
        let on_time = run(&old, model(), None, Fusion::OnTime);
        assert!((luts(&any)..=luts(&old)).contains(&luts(&on_time)));
        let last = |it: &Datapath| arrivals(it, model()).into_iter().fold(0.0, f64::max);
        assert!(last(&on_time) <= last(&old) + 1e-9);
        // A clock that an addition of two fits just so keeps them apart.
        let widest = old.values().filter(|it| old.op(*it).is_sum());
        let longest = widest.map(|it| model().delay(&old, it)).fold(0.0, f64::max);
        let tight = run(&old, model(), Some(longest + model().register()), Fusion::Any);
        let delay = |it: &Datapath| it.values().map(|id| model().delay(it, id)).fold(0.0, f64::max);
        assert!(delay(&tight) <= delay(&old) + 1e-9 && delay(&any) > delay(&old));
    }

    #[test]
    fn three_terms_meet_or_do_not() {
        let mut datapath = Datapath::default();
        let x: Vec<ValueId> =
            (0..3).map(|it| datapath.push(Op::Input(0, it), Interval::new(0, 15))).collect();
        let term = |at: usize, shift| Term { value: x[at], shift, negate: false };
        let chain = |terms: [Term; 3], hi| Chain::new(&datapath, terms, Interval::new(0, hi));
        // 0..4, 2..6, 3..7: from bit 2 up, and three meet in bit 3.
        let all = chain([term(0, 0), term(1, 2), term(2, 3)], 195);
        assert_eq!(all, Chain { bits: 6, ternary: true });
        // 0..4, 4..8, 2..6: never three.
        let two = chain([term(0, 0), term(1, 4), term(2, 2)], 315);
        assert_eq!(two, Chain { bits: 7, ternary: false });
        // One after the other.
        assert_eq!(chain([term(0, 0), term(1, 4), term(2, 8)], 4095).bits, 0);
        let minus = Term { negate: true, ..term(2, 1) };
        let signed =
            Chain::new(&datapath, [term(0, 2), term(1, 2), minus], Interval::new(-30, 120));
        assert_eq!(signed, Chain { bits: 7, ternary: true });
    }
}
