//! Common subexpression elimination over pairs of terms.
//!
//! A pattern is a pair of values with a relative shift and sign. The most profitable one becomes a
//! value of its own in every column that has it, and so on (greedy; Hartley 1996, Potkonjak et al.
//! 1996). What is different here:
//!
//! * A pattern earns the bits on which its terms overlap, once for every occurrence, and costs its
//!   carry chain: terms far apart share an adder but no full adders.
//! * Only pairs with a newly made value are counted when it is made. Between older values a pattern
//!   can only become rarer: its count goes down as terms are replaced, its place in the queue when it
//!   comes first. Then the occurrences are counted truly: none overlapping, none too deep.
//! * Under a limit of depth, a column of terms with depths `d` can still be added up within `L` levels
//!   if and only if the sum of `2^d` is at most `2^L` (Kraft). An occurrence is replaced only if its
//!   column stays within: any slack may be used, and none is asked for that is not needed.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::pool::{Pool, Term};

/// How patterns are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Score {
    /// By number of occurrences.
    Count,
    /// By full adders saved.
    Bits,
}

/// `(a << k) + (negate ? - : +)(b << (k + shift))` for some `k`, or its negative.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    a: u32,
    b: u32,
    shift: i32,
    negate: bool,
    /// What an occurrence earns, and what the sum costs.
    earns: i32,
    costs: i32,
}

/// A pattern in the queue: its score above its rank among equals, which says which pattern it is.
type Entry = u64;

/// Replaces patterns until none occurs twice.
pub(super) struct Sharing<'a> {
    pub pool: &'a mut Pool,
    pub columns: &'a mut [Vec<Term>],
    /// What each column's Kraft sum may still grow by; `None` without a limit.
    pub room: Option<Vec<u64>>,
    pub score: Score,
    /// Breaks ties; 0 prefers older patterns.
    pub seed: u64,
}

struct State<'a> {
    it: Sharing<'a>,
    readers: Readers,
    counter: Counter,
    patterns: Vec<Pattern>,
    /// Occurrences of each, overlapping ones and those that would be too deep included.
    index: Index,
    ranks: Ranks,
    queue: BinaryHeap<Entry>,
}

impl Sharing<'_> {
    /// Runs to the end; columns get shorter.
    pub(super) fn run(self) {
        let reach = self.columns.iter().flatten().map(|it| it.shift).max().unwrap_or(0);
        let readers = Readers::new(self.pool.len(), self.columns);
        let counter = Counter::new(i32::from(reach));
        let ranks = Ranks::new(self.seed);
        let mut state = State {
            it: self,
            readers,
            counter,
            patterns: Vec::new(),
            index: Index::default(),
            ranks,
            queue: BinaryHeap::new(),
        };
        for column in state.it.columns.iter_mut() {
            column.sort_unstable();
        }
        for value in 0..state.it.pool.len() as u32 {
            state.count(value, true);
        }
        while state.settle() {}
    }
}

impl State<'_> {
    /// Counts the patterns of a value with all others, or only with itself and later ones.
    fn count(&mut self, value: u32, later: bool) {
        self.counter.make_room(self.it.pool.len());
        for at in self.readers.of(value) {
            let column = &self.it.columns[at];
            let own = column.partition_point(|it| it.value < value);
            let from = if later { own } else { 0 };
            for x in column[own..].iter().take_while(|it| it.value == value) {
                self.counter.expect(column.len());
                for y in &column[from..] {
                    if y.value != value || y.shift > x.shift {
                        let shift = i32::from(y.shift) - i32::from(x.shift);
                        self.counter.add(y.value, shift, x.negate != y.negate);
                    }
                }
            }
        }
        for (b, shift, negate, count) in self.counter.take() {
            let low = (-shift).max(0) as u16;
            let x = Term { value, shift: low, negate: false };
            let y = Term { value: b, shift: (i32::from(low) + shift) as u16, negate };
            let (costs, earns) = self.it.pool.worth(x, y);
            let costs = costs as i32;
            let pattern = Pattern { a: value, b, shift, negate, earns, costs };
            let index = self.patterns.len() as u32;
            self.patterns.push(pattern);
            self.index.push(key(x, y), count);
            self.queue.push(self.entry(index, count));
        }
    }

    fn entry(&self, index: u32, count: u32) -> Entry {
        let Pattern { earns, costs, .. } = self.patterns[index as usize];
        let score = match self.it.score {
            Score::Count => i64::from(count),
            Score::Bits => 2 * i64::from(count) * i64::from(earns) - i64::from(costs),
        };
        let score = (score + (1 << 31)).clamp(0, i64::from(u32::MAX)) as u64;
        score << 32 | u64::from(self.ranks.of(index))
    }

    /// Replaces the first pattern of the queue, or puts it back with its true count; false at the end.
    fn settle(&mut self) -> bool {
        let Some(&entry) = self.queue.peek() else { return false };
        let index = self.ranks.index(entry as u32);
        let now = match self.index.count(index) {
            0 | 1 => None,
            count => Some(self.entry(index, count)),
        };
        if self.postpone(entry, now) {
            return true;
        }
        let pattern = self.patterns[index as usize];
        let found = self.occurrences(pattern);
        let now = (found.len() > 1).then(|| self.entry(index, found.len() as u32));
        if self.postpone(entry, now) {
            return true;
        }
        self.queue.pop();
        let extra = self.extra(pattern.a, pattern.b);
        let (_, x, y) = found[0];
        let sum = self.it.pool.add(x, y);
        self.readers.push();
        for (at, x, y) in found {
            self.remove(at, x);
            self.remove(at, y);
            let low = if x.shift <= y.shift { x } else { y };
            let term = Term { value: sum.value, shift: low.shift, negate: low.negate };
            self.it.columns[at].push(term);
            self.readers.set(sum.value, at);
            if let Some(room) = &mut self.it.room {
                room[at] -= extra;
            }
        }
        self.count(sum.value, false);
        true
    }

    /// Moves the first entry back if it is worth less than it was, or drops it if it is worth nothing.
    fn postpone(&mut self, was: Entry, now: Option<Entry>) -> bool {
        let Some(mut first) = self.queue.peek_mut() else { return false };
        match now {
            None => {
                PeekMut::pop(first);
                true
            }
            Some(now) if now < was => {
                *first = now;
                true
            }
            Some(_) => false,
        }
    }

    /// Takes a term out of a column; its patterns occur once less.
    fn remove(&mut self, at: usize, term: Term) {
        let column = &mut self.it.columns[at];
        let (from, upto) = (
            column.partition_point(|it| it.value < term.value),
            column.partition_point(|it| it.value <= term.value),
        );
        let found = column[from..upto].iter().position(|it| *it == term);
        column.remove(from + found.expect("occurrences come from the column"));
        for other in column.iter() {
            self.index.decrement(key(term, *other));
        }
    }

    /// By how much replacing a pair raises a column's Kraft sum.
    fn extra(&self, a: u32, b: u32) -> u64 {
        if self.it.room.is_none() {
            return 0;
        }
        let (a, b) = (self.it.pool.depth(a), self.it.pool.depth(b));
        (2u64 << a.max(b)) - (1 << a) - (1 << b)
    }

    /// Occurrences that can all be replaced: column, first and second term.
    fn occurrences(&self, pattern: Pattern) -> Vec<(usize, Term, Term)> {
        let Pattern { a, b, shift, negate, .. } = pattern;
        let extra = self.extra(a, b);
        let mut found = Vec::new();
        let mut seconds: Vec<Term> = Vec::new();
        for at in self.readers.of_both(a, b) {
            let column = &self.it.columns[at];
            let mut room = self.it.room.as_ref().map_or(u64::MAX, |it| it[at]);
            seconds.clear();
            seconds.extend(column.iter().filter(|it| it.value == b));
            // Terms of one value stand in order of their shifts, so pairs of a value with itself are
            // found from the lowest on, which finds the most.
            let start = found.len();
            for x in column.iter().filter(|it| it.value == a) {
                let used =
                    |it: &Term| a == b && found[start..].iter().any(|(_, x, y)| x == it || y == it);
                if used(x) || extra > room {
                    continue;
                }
                let wanted = i32::from(x.shift) + shift;
                let fits = |y: &&Term| {
                    i32::from(y.shift) == wanted && (y.negate != x.negate) == negate && !used(y)
                };
                if let Some(y) = seconds.iter().find(fits) {
                    room -= extra;
                    found.push((at, *x, *y));
                }
            }
        }
        found
    }
}

/// What a pair of terms is looked up by: the newer value first, or the lower term of one value.
#[inline]
fn key(x: Term, y: Term) -> u64 {
    let (x, y) = if (x.value, y.shift) > (y.value, x.shift) { (y, x) } else { (x, y) };
    let shift = (i64::from(y.shift) - i64::from(x.shift) + 512) as u64;
    u64::from(x.value) << 38
        | u64::from(y.value) << 12
        | shift << 1
        | u64::from(x.negate != y.negate)
}

/// How often each pattern occurs, by its number and by its key: open addressing, never more than half
/// full.
#[derive(Default)]
struct Index {
    /// Half of the hash above the number of the pattern plus one; 0 where there is none.
    slots: Vec<u64>,
    /// Key and count of each pattern, together because they are read together.
    entries: Vec<(u64, u32)>,
}

impl Index {
    #[inline]
    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn count(&self, pattern: u32) -> u32 {
        self.entries[pattern as usize].1
    }

    /// One occurrence less of the pattern with this key, if there is one.
    #[inline]
    fn decrement(&mut self, key: u64) {
        if self.slots.is_empty() {
            return;
        }
        let (hash, mask) = (Self::hash(key), self.slots.len() - 1);
        let mut at = (hash >> 32) as usize & mask;
        while self.slots[at] != 0 {
            let slot = self.slots[at];
            if slot >> 32 == hash & u64::from(u32::MAX) {
                let entry = &mut self.entries[slot as u32 as usize - 1];
                if entry.0 == key {
                    entry.1 = entry.1.saturating_sub(1);
                    return;
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// The next pattern.
    fn push(&mut self, key: u64, count: u32) {
        self.entries.push((key, count));
        if 2 * self.entries.len() > self.slots.len() {
            let size = (4 * self.entries.len()).max(1024).next_power_of_two();
            self.slots = vec![0; size];
            (0..self.entries.len()).for_each(|it| self.place(it));
        } else {
            self.place(self.entries.len() - 1);
        }
    }

    fn place(&mut self, pattern: usize) {
        let (hash, mask) = (Self::hash(self.entries[pattern].0), self.slots.len() - 1);
        let mut at = (hash >> 32) as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = hash << 32 | (pattern as u64 + 1);
    }
}

/// Which columns a value may be in: bits of rows of words.
struct Readers {
    words: usize,
    bits: Vec<u64>,
}

impl Readers {
    fn new(values: usize, columns: &[Vec<Term>]) -> Readers {
        let words = columns.len().div_ceil(64);
        let mut it = Readers { words, bits: vec![0; values * words] };
        for (at, column) in columns.iter().enumerate() {
            column.iter().for_each(|term| it.set(term.value, at));
        }
        it
    }

    fn push(&mut self) {
        self.bits.resize(self.bits.len() + self.words, 0);
    }

    fn set(&mut self, value: u32, column: usize) {
        self.bits[value as usize * self.words + column / 64] |= 1 << (column % 64);
    }

    fn row(&self, value: u32) -> &[u64] {
        &self.bits[value as usize * self.words..][..self.words]
    }

    fn of(&self, value: u32) -> Vec<usize> {
        self.of_both(value, value)
    }

    fn of_both(&self, a: u32, b: u32) -> Vec<usize> {
        let mut columns = Vec::new();
        for (idx, (a, b)) in self.row(a).iter().zip(self.row(b)).enumerate() {
            let mut both = a & b;
            while both != 0 {
                columns.push(idx * 64 + both.trailing_zeros() as usize);
                both &= both - 1;
            }
        }
        columns
    }
}

/// Counts patterns of one value: a dense table by the other value, shift and sign.
struct Counter {
    /// Greatest shift of a term.
    reach: i32,
    counts: Vec<u16>,
    /// Places in the table when they were counted first (marked) and second.
    touched: Vec<u32>,
    used: usize,
}

impl Counter {
    /// Marks a place that was counted for the first time.
    const FIRST: u32 = 1 << 31;

    fn new(reach: i32) -> Counter {
        Counter { reach, counts: Vec::new(), touched: Vec::new(), used: 0 }
    }

    fn per_value(&self) -> usize {
        2 * (2 * self.reach + 1) as usize
    }

    /// For so many values.
    fn make_room(&mut self, values: usize) {
        let size = values * self.per_value();
        if size > self.counts.len() {
            self.counts.resize(size.next_power_of_two(), 0);
        }
    }

    /// So many patterns are about to be counted.
    #[inline]
    fn expect(&mut self, patterns: usize) {
        if self.used + patterns > self.touched.len() {
            self.touched.resize((2 * (self.used + patterns)).max(1024), 0);
        }
    }

    #[inline]
    fn add(&mut self, value: u32, shift: i32, negate: bool) {
        let at = value as usize * self.per_value()
            + 2 * (shift + self.reach) as usize
            + usize::from(negate);
        let count = self.counts[at].saturating_add(1);
        self.counts[at] = count;
        // Without a branch: nobody could predict it.
        self.touched[self.used] = at as u32 | if count == 1 { Self::FIRST } else { 0 };
        self.used += usize::from(count <= 2);
    }

    /// The patterns that occurred more than once, in the order of their second occurrences.
    fn take(&mut self) -> Vec<(u32, i32, bool, u32)> {
        let per_value = self.per_value() as u32;
        let touched = &self.touched[..self.used];
        let mut found = Vec::new();
        for at in touched.iter().filter(|it| *it & Self::FIRST == 0) {
            let shift = ((at % per_value) / 2) as i32 - self.reach;
            let count = u32::from(self.counts[*at as usize]);
            found.push((at / per_value, shift, at & 1 == 1, count));
        }
        touched.iter().for_each(|at| self.counts[(at & !Self::FIRST) as usize] = 0);
        self.used = 0;
        found
    }
}

/// The order of patterns of equal score: a permutation of all indices, the older first for seed 0.
struct Ranks {
    factor: u32,
    inverse: u32,
}

impl Ranks {
    fn new(seed: u64) -> Ranks {
        let factor = if seed == 0 { 1 } else { mix(seed) as u32 | 1 };
        // Newton's iteration: every step doubles the number of right bits, of which an odd number is
        // its own inverse in three.
        let mut inverse = factor;
        for _ in 0..4 {
            inverse = inverse.wrapping_mul(2u32.wrapping_sub(factor.wrapping_mul(inverse)));
        }
        Ranks { factor, inverse }
    }

    fn of(&self, index: u32) -> u32 {
        !index.wrapping_mul(self.factor)
    }

    fn index(&self, rank: u32) -> u32 {
        (!rank).wrapping_mul(self.inverse)
    }
}

/// A well mixed number (the finalizer of SplitMix64; Steele et al. 2014).
fn mix(it: u64) -> u64 {
    let it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}
