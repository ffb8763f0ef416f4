//! Products of two variables that take longer than a clock, as sums of narrower ones.
//!
//! One operand is cut into runs of bits: the low ones are numbers without a sign, the highest one has that
//! of the operand. Between the products and their sum there may be registers then. Products that fit stay
//! whole, as do those that no cut makes fast enough.

use std::collections::BTreeMap;

use super::replace;
use super::rewrite::readers;
use crate::device::DelayModel;
use crate::rtl::datapath::{Datapath, Op, Term, ValueId};
use crate::rtl::pipeline::Delays;

/// The program without products that take longer than so many nanoseconds; nothing if there are none.
pub(super) fn split(old: &Datapath, model: &DelayModel, clock_ns: f64) -> Option<Datapath> {
    let (readers, time) = (readers(old), clock_ns - model.register());
    let slow = old.values().filter(|it| readers[it.index()] > 0 && model.delay(old, *it) > time);
    let cuts: BTreeMap<ValueId, Cut> =
        slow.filter_map(|it| Some((it, Cut::new(old, it, model, time)?))).collect();
    if cuts.is_empty() {
        return None;
    }
    Some(replace(old, |new, get, id| {
        let Cut { cut, by, bits } = cuts.get(&id)?;
        let (value, by) = (get(*cut), get(*by));
        let (width, signed) = (new.width(value), new.interval(value).signed());
        let lows = (0..width).step_by(*bits as usize);
        let terms: Vec<Term> = lows
            .map(|low| {
                let run = (width - low).min(*bits);
                let part = new.slice(value, low, run, signed && low + run == width);
                Term { shift: low, ..Term::plain(new.mul(part, by)) }
            })
            .collect();
        Some(new.sum(terms))
    }))
}

/// How a product is cut: which operand, and into runs of how many bits.
struct Cut {
    cut: ValueId,
    by: ValueId,
    bits: u32,
}

impl Cut {
    /// The fewest runs that are fast enough, of the wider operand.
    fn new(datapath: &Datapath, id: ValueId, model: &DelayModel, time: f64) -> Option<Cut> {
        let Op::Mul(a, b) = datapath.op(id) else { return None };
        let (cut, by) = if datapath.width(a) >= datapath.width(b) { (a, b) } else { (b, a) };
        let (wide, narrow) = (datapath.width(cut), datapath.width(by));
        // A run without a sign is a signed number of one bit more.
        let fits = |bits: &u32| {
            let (logic, block) =
                (model.logic_multiplier(*bits, narrow), model.multiplier(*bits + 1, narrow));
            logic.max(block) <= time
        };
        let bits = (2..=wide).map(|count| wide.div_ceil(count)).find(fits)?;
        Some(Cut { cut, by, bits })
    }
}
