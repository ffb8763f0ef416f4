//! Reductions of tokens as a process: many become one, element by element.

use crate::fixed::{Cast, Format};
use crate::units::Binary;

/// How tokens are reduced. Elements come in one format and are reduced in another one, in which they fit without
/// being rounded; sums wrap there, or do not overflow.
#[derive(Clone, Debug)]
pub struct Reducer {
    /// The operation: a sum, the larger or the smaller one.
    pub op: Binary,
    /// Tokens that become one.
    pub steps: usize,
    /// Words that a token comes in.
    pub packs: usize,
    /// What comes.
    pub from: Format,
    /// What it becomes.
    pub to: Format,
}

impl Reducer {
    /// By how many bits elements are shifted up.
    pub fn shift(&self) -> u32 {
        (self.to.frac() - self.from.frac()) as u32
    }

    /// The operation as its modules number them.
    pub fn kind(&self) -> u32 {
        match self.op {
            Binary::Max => 1,
            Binary::Min => 2,
            _ => 0,
        }
    }

    /// The packs of one token that so many words become.
    pub(super) fn run(&self, words: &[Vec<i128>]) -> Vec<Vec<i128>> {
        let cast = |it: i128| Cast { from_frac: self.to.frac(), to: self.to }.apply(it);
        let aligned = |it: &Vec<i128>| -> Vec<i128> {
            it.iter().map(|it| cast(it << self.shift())).collect()
        };
        let combine = |(a, b): (i128, i128)| match self.op {
            Binary::Max => a.max(b),
            Binary::Min => a.min(b),
            _ => cast(a + b),
        };
        let pack = |pack: usize| {
            let own = words.iter().skip(pack).step_by(self.packs).map(aligned);
            own.reduce(|a, b| a.into_iter().zip(b).map(combine).collect())
        };
        (0..self.packs).filter_map(pack).collect()
    }
}
