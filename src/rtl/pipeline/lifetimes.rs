//! Which bits have registers in which rank, and whose they are.
//!
//! Bits live from the stage in which they are computed to the last one that reads them; nothing else
//! is kept, and no bit twice. Mostly a value has registers of its own bits: a sum as long as all of
//! it is read, and after that the slices that are still read, as far as they do not overlap. Where
//! they do, the value goes on alone, with the bits between the lowest and the highest of them.
//!
//! So every slice is taken from its *holder*, which is the value itself or a larger slice.

use super::super::datapath::{Datapath, Op, ValueId};
use super::part::{self, Part};

/// Lifetimes of all values. Constants and dead values have none.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    parts: Vec<Part>,
    from: Vec<u32>,
    until: Vec<u32>,
    /// Of a slice, the value whose registers hold it last; of an operation that reads some bits of
    /// its operand, the one that holds those.
    within: Vec<ValueId>,
    bits: Vec<u32>,
    /// Where in `steps` a value has entries, if it is not always kept whole.
    entries: Vec<(u32, u32)>,
    steps: Vec<Step>,
}

/// Bits of a value that are there up to a stage.
#[derive(Clone, Copy, Debug)]
struct Step {
    until: u32,
    low: u32,
    high: u32,
}

/// Some bits of a value and who reads them.
#[derive(Clone, Copy, Debug)]
struct Reader {
    part: Part,
    /// The last stage in which they are read.
    last: u32,
    /// The slice, or the operation that reads the bits.
    id: ValueId,
    slice: bool,
    /// Whether it can have registers.
    carries: bool,
}

/// A value that has registers, and what is read inside it.
struct Holder {
    id: ValueId,
    /// The last stage in which all of it is there.
    whole: u32,
    /// Sorted, see [`readers`].
    inside: Vec<Reader>,
}

impl Lifetimes {
    pub(super) fn new(
        datapath: &Datapath,
        live: &[bool],
        parts: Vec<Part>,
        stage: &[u32],
        stages: u32,
    ) -> Lifetimes {
        let (last, readers) = readers(datapath, live, &parts, stage, stages);
        let mut it = Lifetimes {
            from: stage.to_vec(),
            until: stage.to_vec(),
            within: parts.iter().map(|it| it.root).collect(),
            bits: vec![0; datapath.len()],
            entries: vec![(0, 0); datapath.len()],
            steps: Vec::new(),
            parts,
        };
        let mut rest = readers.as_slice();
        for id in datapath.values().filter(|id| live[id.index()]) {
            if matches!(datapath.op(id), Op::Const(_) | Op::Slice { .. }) {
                continue;
            }
            let (own, others) = rest.split_at(rest.partition_point(|it| it.part.root <= id));
            rest = others;
            let is_input = matches!(datapath.op(id), Op::Input(..));
            it.place(id, is_input, own, last[id.index()]);
        }
        it
    }

    /// Decides on the registers of a value and of its slices.
    fn place(&mut self, root: ValueId, is_input: bool, readers: &[Reader], last: Option<u32>) {
        for reader in readers.iter().filter(|it| it.slice) {
            self.from[reader.id.index()] = reader.last;
            self.until[reader.id.index()] = reader.last;
        }
        let all = self.parts[root.index()];
        let stage = self.from[root.index()];
        let whole = last.unwrap_or(stage);
        if is_input {
            // The first rank: nobody needs more of an input than is read somewhere.
            let (low, high, bits) = match last {
                Some(_) => (all.low, all.high, all.bits()),
                None => extent(readers.iter().map(|it| it.part)),
            };
            self.bits[root.index()] = bits;
            if bits < all.bits() {
                self.step(root, Step { until: whole, low, high });
            }
        }
        if readers.is_empty() {
            self.until[root.index()] = whole;
            self.bits[root.index()] += all.bits() * (whole - stage);
            return;
        }
        let mut open = vec![Holder { id: root, whole, inside: readers.to_vec() }];
        while let Some(holder) = open.pop() {
            self.carry(holder, &mut open);
        }
    }

    /// Gives a value its registers, and those that go on behind it theirs.
    fn carry(&mut self, holder: Holder, open: &mut Vec<Holder>) {
        let Holder { id, whole, mut inside } = holder;
        let at = id.index();
        self.until[at] = whole;
        self.bits[at] += self.parts[at].bits() * (whole - self.from[at]);
        inside.iter().for_each(|it| self.within[it.id.index()] = id);
        inside.retain(|it| it.last > whole);
        let Some(chosen) = disjoint(&inside) else {
            return self.go_on(id, whole, &inside);
        };
        for (id, whole_of_it, inside) in chosen {
            self.from[id.index()] = whole;
            open.push(Holder { id, whole: whole_of_it, inside });
        }
    }

    /// Keeps what is read of a value after it was last read as a whole.
    fn go_on(&mut self, id: ValueId, whole: u32, inside: &[Reader]) {
        let Part { low, high, .. } = self.parts[id.index()];
        if self.entries[id.index()] == (0, 0) {
            self.step(id, Step { until: whole, low: 0, high: high - low });
        }
        let mut ends: Vec<u32> = inside.iter().map(|it| it.last).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut from = whole;
        for end in ends {
            let kept = inside.iter().filter(|it| it.last >= end).map(|it| it.part);
            let (first, behind, bits) = extent(kept);
            self.step(id, Step { until: end, low: first - low, high: behind - low });
            self.bits[id.index()] += bits * (end - from);
            from = end;
        }
        self.until[id.index()] = from;
    }

    /// Adds a step to a value, which must be the last one that has any.
    fn step(&mut self, id: ValueId, step: Step) {
        let end = self.steps.len() as u32;
        let (first, behind) = &mut self.entries[id.index()];
        if first == behind {
            *first = end;
        }
        *behind = end + 1;
        self.steps.push(step);
    }

    /// Which bits of which computed value a value is.
    pub fn part(&self, id: ValueId) -> Part {
        self.parts[id.index()]
    }

    /// The stage behind which a value has registers of its own: where it is computed, or, for a
    /// slice, the last one in which it is taken from its holder.
    pub fn from(&self, id: ValueId) -> u32 {
        self.from[id.index()]
    }

    /// The last stage in which something of the value is read from itself; `stages` if it is an
    /// output.
    pub fn until(&self, id: ValueId) -> u32 {
        self.until[id.index()]
    }

    /// Bits `low .. high` of a value that are there in a stage.
    pub fn range(&self, id: ValueId, stage: u32) -> (u32, u32) {
        let (first, behind) = self.entries[id.index()];
        let steps = &self.steps[first as usize..behind as usize];
        match steps.iter().find(|it| stage <= it.until).or(steps.last()) {
            Some(step) => (step.low, step.high),
            None => (0, self.whole(id)),
        }
    }

    /// Bits of a value, copies of the highest one not counted.
    fn whole(&self, id: ValueId) -> u32 {
        self.parts[id.index()].bits()
    }

    /// The value that holds, in a stage, the bits of a slice, or those that an operation takes of its
    /// operand.
    pub fn holder(&self, id: ValueId, stage: u32) -> ValueId {
        let mut holder = self.within[id.index()];
        while self.parts[holder.index()].root != holder && self.from(holder) >= stage {
            holder = self.within[holder.index()];
        }
        holder
    }

    /// The bits that an operation takes of its operand, if it does not read it as it is.
    pub fn taken(&self, datapath: &Datapath, id: ValueId) -> Option<Part> {
        let Op::Any { value, .. } = datapath.op(id) else { return None };
        let part = part::read(datapath, &self.parts, datapath.op(id), value);
        (part != self.part(value)).then_some(part)
    }

    /// Bits of all registers of a value, the first rank of inputs included.
    pub fn bits(&self, id: ValueId) -> u32 {
        self.bits[id.index()]
    }

    /// Bits of all registers.
    pub fn register_bits(&self) -> u64 {
        self.bits.iter().map(|it| u64::from(*it)).sum()
    }
}

/// The last stage in which each value is read as it is, if it is; and who else reads bits, sorted by
/// value, the largest first.
fn readers(
    datapath: &Datapath,
    live: &[bool],
    parts: &[Part],
    stage: &[u32],
    stages: u32,
) -> (Vec<Option<u32>>, Vec<Reader>) {
    let mut last: Vec<Option<u32>> = vec![None; datapath.len()];
    let mut readers = Vec::new();
    for id in datapath.values().filter(|id| live[id.index()]) {
        let op = datapath.op(id);
        if matches!(op, Op::Slice { .. }) {
            continue;
        }
        let at = stage[id.index()] - datapath.hold(id);
        for operand in op.operands() {
            let part = part::read(datapath, parts, op, operand);
            match part == parts[operand.index()] {
                true => last[operand.index()] = last[operand.index()].max(Some(at)),
                false => readers.push(Reader { part, last: at, id, slice: false, carries: false }),
            }
        }
    }
    for id in datapath.outputs.iter().flat_map(|port| &port.elements) {
        last[id.index()] = Some(stages);
    }
    for id in datapath.values().filter(|id| live[id.index()]) {
        if let (Op::Slice { .. }, Some(last)) = (datapath.op(id), last[id.index()]) {
            let part = parts[id.index()];
            let carries = datapath.width(id) == part.bits();
            readers.push(Reader { part, last, id, slice: true, carries });
        }
    }
    let size = |it: &Reader| std::cmp::Reverse(it.part.bits());
    let order = |it: &Reader| (it.part.root, size(it), !it.carries, u32::MAX - it.last, it.id);
    readers.sort_unstable_by_key(order);
    (last, readers)
}

/// The readers that hold all others, each with its last stage and what it holds, if they can have
/// registers and do not overlap.
fn disjoint(readers: &[Reader]) -> Option<Vec<(ValueId, u32, Vec<Reader>)>> {
    let mut chosen: Vec<(Reader, Vec<Reader>)> = Vec::new();
    for reader in readers {
        // The largest come first.
        match chosen.iter_mut().find(|it| it.0.part.meets(reader.part)) {
            Some(it) if it.0.part.contains(reader.part) => it.1.push(*reader),
            None if reader.carries => chosen.push((*reader, Vec::new())),
            _ => return None,
        }
    }
    Some(chosen.into_iter().map(|it| (it.0.id, it.0.last, it.1)).collect())
}

/// From the lowest bit to behind the highest, and how many of them there really are.
fn extent(parts: impl Iterator<Item = Part>) -> (u32, u32, u32) {
    let (mut low, mut high, mut bits) = (u32::MAX, 0, 0u128);
    for part in parts {
        (low, high) = (low.min(part.low), high.max(part.high));
        bits |= (u128::MAX >> (128 - part.bits())) << part.low;
    }
    (low.min(high), high, bits.count_ones())
}
