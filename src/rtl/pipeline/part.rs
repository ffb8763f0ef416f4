//! Which bits of which computed value every value is: slices are wires.

use super::super::datapath::{Datapath, Op, ValueId};

/// Bits `low .. high` of the signal of `root`, which is no slice. A slice that is wider than this
/// repeats the highest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What has registers.
    pub root: ValueId,
    /// Lowest bit.
    pub low: u32,
    /// Behind the highest bit.
    pub high: u32,
}

impl Part {
    /// Number of bits.
    pub fn bits(self) -> u32 {
        self.high - self.low
    }

    /// Whether all bits of `other` are here.
    pub fn contains(self, other: Part) -> bool {
        self.low <= other.low && other.high <= self.high
    }

    /// Whether there is a bit in both.
    pub fn meets(self, other: Part) -> bool {
        self.low < other.high && other.low < self.high
    }

    /// Bits `low .. low + width` of this part; beyond it there are only copies of its highest bit.
    fn slice(self, low: u32, width: u32) -> Part {
        let from = self.low + low.min(self.bits() - 1);
        let to = self.low + low.saturating_add(width).min(self.bits());
        Part { low: from, high: to.max(from + 1), ..self }
    }
}

/// The part that each value is.
pub(super) fn parts(datapath: &Datapath) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::with_capacity(datapath.len());
    for id in datapath.values() {
        let own = datapath.width(id);
        parts.push(match datapath.op(id) {
            Op::Slice { value, low, width, .. } => parts[value.index()].slice(low, width.min(own)),
            _ => Part { root: id, low: 0, high: own },
        });
    }
    parts
}

/// The bits that the operation `reader` takes of `operand`.
pub(super) fn read(datapath: &Datapath, parts: &[Part], reader: Op, operand: ValueId) -> Part {
    let part = parts[operand.index()];
    match reader {
        Op::Any { width, .. } if width < datapath.width(operand) => part.slice(0, width),
        _ => part,
    }
}
