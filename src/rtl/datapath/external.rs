//! Functions that are an instance of a module, of which only the results are known: those of the user's, and tables
//! in block RAM.

use std::sync::Arc;

use super::{Datapath, Interval, Op, TableId, ValueId};
use crate::fixed::bits_of;
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

/// What the instances of a function are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// A module of the user's.
    Own(Arc<Kernel>),
    /// `nn_table`.
    Block {
        /// Bits of an index.
        index: u32,
        /// Bits of an entry.
        entry: u32,
    },
}

/// Cycles from an index to its entry in `nn_table`.
const BLOCK_LATENCY: u32 = 2;

/// A function and its results.
#[derive(Clone, Debug)]
pub struct External {
    /// The module.
    pub module: Module,
    /// Its results, by the bits of the operand, read as an unsigned number.
    pub table: TableId,
}

impl External {
    /// Bits of the operand.
    pub fn operand_bits(&self) -> u32 {
        match &self.module {
            Module::Own(kernel) => kernel.operand.width,
            Module::Block { index, .. } => *index,
        }
    }

    /// Bits of the result.
    pub fn result_bits(&self) -> u32 {
        match &self.module {
            Module::Own(kernel) => kernel.result.width,
            Module::Block { entry, .. } => *entry,
        }
    }

    /// Clock cycles from the operand to the result.
    pub fn latency(&self) -> u32 {
        match &self.module {
            Module::Own(kernel) => kernel.latency,
            Module::Block { .. } => BLOCK_LATENCY,
        }
    }

    /// The longest path inside, picoseconds: as the user says, or none but the block's own.
    pub fn delay_ps(&self) -> u32 {
        match &self.module {
            Module::Own(kernel) => kernel.delay_ps,
            Module::Block { .. } => 0,
        }
    }

    /// Where the table has the result of an operand.
    fn place(&self, operand: i128) -> usize {
        (operand & ((1 << self.operand_bits()) - 1)) as usize
    }
}

/// Bits of an index and of an entry of a table in block RAM.
pub fn block_bits(contents: &[i128]) -> (u32, u32) {
    let lo = contents.iter().copied().min().unwrap_or(0);
    let hi = contents.iter().copied().max().unwrap_or(0);
    (bits_of(0, contents.len() as i128 - 1).max(1), bits_of(lo, hi).max(1))
}

impl Datapath {
    /// The function of a value that is one of its operands; nobody looks inside.
    pub fn external(&mut self, kernel: &Arc<Kernel>, results: &Arc<[i128]>, x: ValueId) -> ValueId {
        let Interval { lo, hi } = self.interval(x);
        debug_assert!(kernel.operand.min() <= lo && hi <= kernel.operand.max());
        self.instance(&Module::Own(kernel.clone()), results, x)
    }

    /// What a table in block RAM has at an index.
    pub fn block(&mut self, contents: &[i128], index: ValueId) -> ValueId {
        let (bits, entry) = block_bits(contents);
        let mut contents = contents.to_vec();
        contents.resize(1 << bits, 0);
        self.instance(&Module::Block { index: bits, entry }, &contents.into(), index)
    }

    /// An instance of a module whose results are known.
    pub fn instance(&mut self, module: &Module, results: &Arc<[i128]>, x: ValueId) -> ValueId {
        let Interval { lo, hi } = self.interval(x);
        let id = self.external_id(module, results);
        let own = self.externals[id.index()].clone();
        let mut reached = (lo..=hi).map(|it| results[own.place(it)]);
        let first = reached.next().unwrap_or(0);
        let reach = reached.fold((first, first), |(lo, hi), it| (lo.min(it), hi.max(it)));
        self.push(Op::External(id, x), Interval::new(reach.0, reach.1))
    }

    /// Adds a function, or finds the same one.
    fn external_id(&mut self, module: &Module, results: &Arc<[i128]>) -> ExternalId {
        let table = self.table(results.clone());
        let same = |it: &External| it.table == table && it.module == *module;
        if let Some(at) = self.externals.iter().position(same) {
            return ExternalId(at as u32);
        }
        self.externals.push(External { module: module.clone(), table });
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
            false => self.external_of(id).map_or(0, External::latency),
        }
    }

    /// How many stages before its own a value takes its operands: more than none only where a module
    /// has several ranks of registers inside, of which the last one ends the value's stage.
    pub fn hold(&self, id: ValueId) -> u32 {
        self.latency(id).saturating_sub(1)
    }

    /// What an operand's result is.
    pub fn result(&self, external: ExternalId, operand: i128) -> i128 {
        let it = &self.externals[external.index()];
        self.tables[it.table.index()][it.place(operand)]
    }

    /// The functions of which there are live instances, in order, by their positions.
    pub fn live_externals(&self) -> Vec<(usize, &External)> {
        let live = self.live();
        let mut used = vec![false; self.externals.len()];
        for id in self.values().filter(|id| live[id.index()]) {
            if let Op::External(external, _) = self.op(id) {
                used[external.index()] = true;
            }
        }
        self.externals.iter().enumerate().filter(|it| used[it.0]).collect()
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
