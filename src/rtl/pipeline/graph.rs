//! What the scheduler works on: operations that are not wires, who reads whom, and bits.
//!
//! Everything lies in flat arrays. A node is a live operation or an input; slices are gone: their
//! readers read bits of a node. The bits of a node that the same nodes read are one segment, which
//! is kept in registers until the last of them has read it.
//!
//! Times are whole femtoseconds, so that sums do not depend on their order. An operation that is
//! slower than a clock counts as just filling it: it gets a stage of its own, and paths are too long
//! by such operations alone.
//!
//! So does a module with registers inside. Its stage is the one that its last rank ends; if it has
//! `L` ranks, its operands are read `L - 1` stages before, where nothing may stand in front of it.

use super::super::datapath::{Datapath, Op, ValueId};
use super::part::{self, Part};

/// Femtoseconds in a nanosecond.
pub(super) const FS: f64 = 1e6;

/// What stands in node tables for values that are no nodes.
pub(super) const NONE: u32 = u32::MAX;

/// Lists of lists in one array.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// Sorts `(list, item)` pairs into `count` lists; the order within a list stays.
    fn new(count: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Lists {
        let mut start = vec![0u32; count + 1];
        pairs.clone().for_each(|(list, _)| start[list as usize + 1] += 1);
        for list in 0..count {
            start[list + 1] += start[list];
        }
        let mut items = vec![0; start[count] as usize];
        let mut next = start.clone();
        for (list, item) in pairs {
            let at = &mut next[list as usize];
            items[*at as usize] = item;
            *at += 1;
        }
        Lists { start, items }
    }

    /// One list.
    pub(super) fn of(&self, list: u32) -> &[u32] {
        let list = list as usize;
        &self.items[self.start[list] as usize..self.start[list + 1] as usize]
    }

    /// Appends a list.
    fn push(&mut self, items: &[u32]) {
        if self.start.is_empty() {
            self.start.push(0);
        }
        self.items.extend_from_slice(items);
        self.start.push(self.items.len() as u32);
    }
}

/// Bits of a node that the same nodes read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// The node.
    pub(super) of: u32,
    /// How many bits.
    pub(super) bits: u32,
    /// Whether an output has them, so that they are kept to the end.
    pub(super) output: bool,
}

/// A program as the scheduler sees it.
#[derive(Debug)]
pub(super) struct Graph {
    /// The node of each value: itself, or what it is a part of; [`NONE`] for constants and the dead.
    pub(super) node: Vec<u32>,
    /// What takes time, in femtoseconds, whatever the clock is.
    pub(super) delay: Vec<u64>,
    /// Ranks of registers inside each node: none but in modules of the user's.
    pub(super) ranks: Vec<u32>,
    /// Whether a node is an input: always in stage 0.
    pub(super) input: Vec<bool>,
    /// The nodes that each node reads.
    pub(super) operands: Lists,
    /// Bits that are kept together.
    pub(super) segments: Vec<Segment>,
    /// The nodes that read each segment, ascending.
    pub(super) readers: Lists,
    /// The segments that each node reads.
    pub(super) reads: Lists,
    /// Bits of all segments of each node.
    pub(super) bits: Vec<u32>,
}

/// A node reads bits of another one.
struct Read {
    of: u32,
    low: u32,
    high: u32,
    by: u32,
}

impl Graph {
    /// The graph of the live part of a program; `delay` is asked for every node but the inputs.
    pub(super) fn new(
        datapath: &Datapath,
        live: &[bool],
        parts: &[Part],
        delay: impl Fn(ValueId) -> f64,
    ) -> Graph {
        let mut node = vec![NONE; datapath.len()];
        let (mut delays, mut input, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
        let is_held = |it: ValueId| datapath.latency(parts[it.index()].root) > 0;
        let mut operands = Lists::default();
        let (mut reads, mut read) = (Vec::new(), Vec::new());
        for id in datapath.values().filter(|id| live[id.index()]) {
            let op = datapath.op(id);
            match op {
                Op::Const(_) => continue,
                Op::Slice { .. } => {
                    node[id.index()] = node[parts[id.index()].root.index()];
                    continue;
                }
                _ => {}
            }
            let by = delays.len() as u32;
            node[id.index()] = by;
            let is_input = matches!(op, Op::Input(..));
            input.push(is_input);
            ranks.push(datapath.latency(id));
            // What reads a register inside a module comes after it, even if it takes no time.
            let least = u64::from(op.operands().any(is_held));
            delays.push(if is_input { 0 } else { femtoseconds(delay(id)).max(least) });
            let first = reads.len();
            for operand in op.operands().filter(|it| node[it.index()] != NONE) {
                let Part { root, low, high } = part::read(datapath, parts, op, operand);
                reads.push(Read { of: node[root.index()], low, high, by });
            }
            read.clear();
            read.extend(reads[first..].iter().map(|it| it.of));
            read.sort_unstable();
            read.dedup();
            operands.push(&read);
        }
        for id in datapath.outputs.iter().flat_map(|port| &port.elements) {
            if node[id.index()] != NONE {
                let Part { root, low, high } = parts[id.index()];
                reads.push(Read { of: node[root.index()], low, high, by: NONE });
            }
        }
        let mut graph = Graph {
            node,
            bits: vec![0; delays.len()],
            delay: delays,
            ranks,
            input,
            operands,
            segments: Vec::new(),
            readers: Lists::default(),
            reads: Lists::default(),
        };
        graph.divide(&reads);
        graph
    }

    /// Cuts the bits of every node where the sets of their readers change.
    fn divide(&mut self, reads: &[Read]) {
        let pairs = reads.iter().enumerate().map(|(at, read)| (read.of, at as u32));
        let by_node = Lists::new(self.len(), pairs);
        let mut readers: Vec<u32> = Vec::new();
        for of in 0..self.len() as u32 {
            let own = by_node.of(of);
            let read = |at: &u32| &reads[*at as usize];
            let mut cuts: u128 = 0;
            let mut top = 0;
            for at in own {
                cuts |= 1 << read(at).low;
                top = read(at).high.max(top);
                if let Some(bit) = 1u128.checked_shl(read(at).high) {
                    cuts |= bit;
                }
            }
            while cuts != 0 {
                let low = cuts.trailing_zeros();
                cuts &= cuts - 1;
                let high = if cuts == 0 { top } else { cuts.trailing_zeros() };
                let here = own.iter().map(read).filter(|it| it.low <= low && low < it.high);
                readers.clear();
                readers.extend(here.map(|it| it.by));
                readers.dedup();
                // Outputs come last.
                let output = readers.pop_if(|it| *it == NONE).is_some();
                if output || !readers.is_empty() {
                    self.segments.push(Segment { of, bits: high - low, output });
                    self.readers.push(&readers);
                    self.bits[of as usize] += high - low;
                }
            }
        }
        let readers = &self.readers;
        let count = self.segments.len() as u32;
        let pairs = (0..count).flat_map(|it| readers.of(it).iter().map(move |by| (*by, it)));
        self.reads = Lists::new(self.delay.len(), pairs);
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.delay.len()
    }

    /// The stage in which a node reads its operands.
    pub(super) fn read_at(&self, node: u32, stage: &[u32]) -> u32 {
        stage[node as usize].saturating_sub(self.hold(node))
    }

    /// How many stages before its own a node reads its operands.
    pub(super) fn hold(&self, node: u32) -> u32 {
        self.ranks[node as usize].saturating_sub(1)
    }

    /// The last stage in which a segment is read.
    pub(super) fn last(&self, segment: u32, stage: &[u32], stages: u32) -> u32 {
        let Segment { of, output, .. } = self.segments[segment as usize];
        let readers = self.readers.of(segment).iter().map(|it| self.read_at(*it, stage));
        if output { stages } else { readers.fold(stage[of as usize], u32::max) }
    }

    /// Bits of all registers but the first rank.
    pub(super) fn register_bits(&self, stage: &[u32], stages: u32) -> u64 {
        let kept = |it: u32| {
            let Segment { of, bits, .. } = self.segments[it as usize];
            u64::from(bits) * u64::from(self.last(it, stage, stages) - stage[of as usize])
        };
        (0..self.segments.len() as u32).map(kept).sum()
    }
}

/// Rounded up, but for the noise of decimal fractions.
pub(super) fn femtoseconds(ns: f64) -> u64 {
    (ns.max(0.0) * FS - 1e-3).ceil().max(0.0) as u64
}
