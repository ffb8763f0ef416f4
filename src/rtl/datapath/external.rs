//! Functions of the user's: an instance of a module, of which only the results are known.

use std::sync::Arc;

use super::{Datapath, Interval, Op, TableId, ValueId};
use crate::units::Kernel;

/// A function of a [`Datapath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalId(u32);

impl ExternalId {
    /// The position in [`Datapath::externals`].
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// As it is kept.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// From how it is kept.
    pub(super) fn of_number(number: u32) -> ExternalId {
        ExternalId(number)
    }
}

/// A function and its results.
#[derive(Clone, Debug)]
pub struct External {
    /// The function.
    pub kernel: Arc<Kernel>,
    /// Its results, at [`Kernel::place`].
    pub table: TableId,
}

impl Datapath {
    /// The function of a value that is one of its operands; nobody looks inside.
    pub fn external(&mut self, kernel: &Arc<Kernel>, results: &Arc<[i128]>, x: ValueId) -> ValueId {
        let Interval { lo, hi } = self.interval(x);
        debug_assert!(kernel.operand.min() <= lo && hi <= kernel.operand.max());
        let mut reach = Interval::new(results[kernel.place(lo)], results[kernel.place(lo)]);
        for mantissa in lo..=hi {
            let result = results[kernel.place(mantissa)];
            reach = Interval::new(reach.lo.min(result), reach.hi.max(result));
        }
        let id = self.external_id(kernel, results);
        self.push(Op::External(id, x), reach)
    }

    /// Adds a function, or finds the same one.
    fn external_id(&mut self, kernel: &Arc<Kernel>, results: &Arc<[i128]>) -> ExternalId {
        let table = self.table(results.clone());
        let same = |it: &External| {
            it.table == table && (Arc::ptr_eq(&it.kernel, kernel) || it.kernel == *kernel)
        };
        if let Some(at) = self.externals.iter().position(same) {
            return ExternalId(at as u32);
        }
        self.externals.push(External { kernel: kernel.clone(), table });
        ExternalId(self.externals.len() as u32 - 1)
    }

    /// The function that a value is an instance of.
    pub fn external_of(&self, id: ValueId) -> Option<&External> {
        match self.op(id) {
            Op::External(external, _) => Some(&self.externals[external.index()]),
            _ => None,
        }
    }

    /// Ranks of registers between the operand of an instance and its result: none, unless a value is
    /// one of a module that has them.
    pub fn latency(&self, id: ValueId) -> u32 {
        match self.externals.is_empty() {
            true => 0,
            false => self.external_of(id).map_or(0, |it| it.kernel.latency),
        }
    }

    /// How many stages before its own a value takes its operands: more than none only where a module
    /// has several ranks of registers inside, of which the last one ends the value's stage.
    pub fn hold(&self, id: ValueId) -> u32 {
        self.latency(id).saturating_sub(1)
    }

    /// The functions of which there are live instances, in order.
    pub fn live_externals(&self) -> Vec<&External> {
        let live = self.live();
        let mut used = vec![false; self.externals.len()];
        for id in self.values().filter(|id| live[id.index()]) {
            if let Op::External(external, _) = self.op(id) {
                used[external.index()] = true;
            }
        }
        self.externals.iter().zip(used).filter(|it| it.1).map(|it| it.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Format;
    use crate::rtl::datapath::evaluate;
    use crate::rtl::testing;

    #[test]
    fn results_are_those_of_the_table_and_equal_operands_share_an_instance() {
        let kernel = Arc::new(testing::kernel(Format::signed(4, 4), 0));
        let results: Arc<[i128]> = (0..16).map(|code| (code * 7 + 3) % 16 - 8).collect();
        let mut datapath = Datapath::default();
        let x = datapath.push(Op::Input(0, 0), Interval::new(-3, 5));
        let y = datapath.external(&kernel, &results, x);
        assert_eq!(datapath.external(&kernel, &results, x), y);
        let reach = (-3..=5).map(|it: i128| results[(it & 15) as usize]);
        let (lo, hi) = (reach.clone().min().unwrap(), reach.max().unwrap());
        assert_eq!(datapath.interval(y), Interval::new(lo, hi));
        for it in -3..=5 {
            let values = evaluate(&datapath, &[vec![it]]);
            assert_eq!(values[y.index()], results[(it & 15) as usize]);
        }
        let constant = datapath.constant(-2);
        let folded = datapath.external(&kernel, &results, constant);
        assert_eq!(datapath.op(folded), Op::Const(results[14]));
        let same = Arc::new((*kernel).clone());
        let again = datapath.external(&same, &results, x);
        assert_eq!((again, datapath.externals.len()), (y, 1));
    }
}
