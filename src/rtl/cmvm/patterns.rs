//! Bookkeeping of [`super::share`]: how often every pattern occurs, where, and which comes first.

use super::pool::Term;

/// What a pair of terms is looked up by: the older value first, or the lower term of one value.
#[inline]
pub(super) fn key(x: Term, y: Term) -> u64 {
    if (x.value, y.shift) > (y.value, x.shift) { ordered(y, x) } else { ordered(x, y) }
}

/// The key of terms that stand in order already.
#[inline]
fn ordered(x: Term, y: Term) -> u64 {
    let shift = (i64::from(y.shift) - i64::from(x.shift) + 512) as u64;
    u64::from(x.value) << 38
        | u64::from(y.value) << 12
        | shift << 1
        | u64::from(x.negate != y.negate)
}

/// How often each pattern occurs, by its number and by its key: open addressing, never more than half
/// full.
#[derive(Clone, Default)]
pub(super) struct Index {
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

    pub(super) fn count(&self, pattern: u32) -> u32 {
        self.entries[pattern as usize].1
    }

    /// All pairs of a term with those of a column occur once less; `below` and `above` are the sorted
    /// terms before and after it.
    pub(super) fn remove(&mut self, term: Term, below: &[Term], above: &[Term]) {
        if self.slots.is_empty() {
            return;
        }
        below.iter().for_each(|it| self.decrement(ordered(*it, term)));
        above.iter().for_each(|it| self.decrement(ordered(term, *it)));
    }

    /// One occurrence less of the pattern with this key, if there is one.
    #[inline]
    fn decrement(&mut self, key: u64) {
        let (hash, mask) = (Self::hash(key), self.slots.len() - 1);
        let mut at = (hash >> 32) as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return;
            }
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
    pub(super) fn push(&mut self, key: u64, count: u32) {
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
#[derive(Clone)]
pub(super) struct Readers {
    words: usize,
    bits: Vec<u64>,
}

impl Readers {
    pub(super) fn new(values: usize, columns: &[Vec<Term>]) -> Readers {
        let words = columns.len().div_ceil(64);
        let mut it = Readers { words, bits: vec![0; values * words] };
        for (at, column) in columns.iter().enumerate() {
            column.iter().for_each(|term| it.set(term.value, at));
        }
        it
    }

    pub(super) fn push(&mut self) {
        self.bits.resize(self.bits.len() + self.words, 0);
    }

    pub(super) fn set(&mut self, value: u32, column: usize) {
        self.bits[value as usize * self.words + column / 64] |= 1 << (column % 64);
    }

    fn row(&self, value: u32) -> &[u64] {
        &self.bits[value as usize * self.words..][..self.words]
    }

    /// The columns that both values may be in.
    pub(super) fn of_both(&self, a: u32, b: u32) -> impl Iterator<Item = usize> {
        let words = self.row(a).iter().zip(self.row(b)).map(|(a, b)| a & b);
        words.enumerate().flat_map(|(idx, mut both)| {
            std::iter::from_fn(move || {
                let bit = (both != 0).then(|| both.trailing_zeros() as usize)?;
                both &= both - 1;
                Some(idx * 64 + bit)
            })
        })
    }
}

/// Counts patterns of one value: a dense table by the other value, shift and sign.
#[derive(Clone)]
pub(super) struct Counter {
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

    pub(super) fn new(reach: i32) -> Counter {
        Counter { reach, counts: Vec::new(), touched: Vec::new(), used: 0 }
    }

    fn per_value(&self) -> usize {
        2 * (2 * self.reach + 1) as usize
    }

    /// For so many values.
    pub(super) fn make_room(&mut self, values: usize) {
        let size = values * self.per_value();
        if size > self.counts.len() {
            self.counts.resize(size.next_power_of_two(), 0);
        }
    }

    /// So many patterns are about to be counted.
    #[inline]
    pub(super) fn expect(&mut self, patterns: usize) {
        if self.used + patterns > self.touched.len() {
            self.touched.resize((2 * (self.used + patterns)).max(1024), 0);
        }
    }

    #[inline]
    pub(super) fn add(&mut self, value: u32, shift: i32, negate: bool) {
        let at = value as usize * self.per_value()
            + 2 * (shift + self.reach) as usize
            + usize::from(negate);
        let count = self.counts[at].saturating_add(1);
        self.counts[at] = count;
        // Without a branch: nobody could predict it.
        self.touched[self.used] = at as u32 | if count == 1 { Self::FIRST } else { 0 };
        self.used += usize::from(count <= 2);
    }

    /// Gives the patterns that occurred more than once, in the order of their second occurrences: the
    /// other value, its shift, the sign and the count.
    pub(super) fn take(&mut self, mut give: impl FnMut(u32, i32, bool, u32)) {
        let per_value = self.per_value() as u32;
        let touched = &self.touched[..self.used];
        for at in touched.iter().filter(|it| *it & Self::FIRST == 0) {
            let shift = ((at % per_value) / 2) as i32 - self.reach;
            let count = u32::from(self.counts[*at as usize]);
            give(at / per_value, shift, at & 1 == 1, count);
        }
        touched.iter().for_each(|at| self.counts[(at & !Self::FIRST) as usize] = 0);
        self.used = 0;
    }
}

/// A well mixed number (the finalizer of SplitMix64; Steele et al. 2014).
fn mix(it: u64) -> u64 {
    let it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

/// Patterns by their scores: a list for each score. Of equal ones the first to come is the first to
/// go, or, for a seed, the last every now and then.
pub(super) struct Queue {
    /// The score of the first list.
    lowest: i64,
    lists: Vec<List>,
    /// What follows each pattern in its list, plus one.
    next: Vec<u32>,
    /// All lists from here on are empty.
    end: usize,
    seed: u64,
}

/// First and last pattern, plus one.
#[derive(Clone, Copy, Default)]
struct List {
    first: u32,
    last: u32,
}

impl Queue {
    /// An empty queue.
    pub(super) fn new(seed: u64) -> Queue {
        Queue { lowest: 0, lists: Vec::new(), next: Vec::new(), end: 0, seed }
    }

    /// Adds a pattern.
    pub(super) fn push(&mut self, pattern: u32, score: i64) {
        let at = self.place(score);
        if pattern as usize >= self.next.len() {
            self.next.resize(pattern as usize + 1, 0);
        }
        let list = &mut self.lists[at];
        let ahead = self.seed != 0 && mix(self.seed.wrapping_add(u64::from(pattern))) & 1 == 1;
        if list.first == 0 {
            *list = List { first: pattern + 1, last: pattern + 1 };
            self.next[pattern as usize] = 0;
        } else if ahead {
            self.next[pattern as usize] = list.first;
            list.first = pattern + 1;
        } else {
            self.next[list.last as usize - 1] = pattern + 1;
            self.next[pattern as usize] = 0;
            list.last = pattern + 1;
        }
        self.end = self.end.max(at + 1);
    }

    /// The list of a score.
    fn place(&mut self, score: i64) -> usize {
        if self.lists.is_empty() {
            self.lowest = score;
        }
        if score < self.lowest {
            let more = ((self.lowest - score) as usize).max(self.lists.len() / 2);
            self.lists.splice(0..0, std::iter::repeat_n(List::default(), more));
            self.lowest -= more as i64;
            self.end += more;
        }
        let at = (score - self.lowest) as usize;
        if at >= self.lists.len() {
            self.lists.resize((at + 1).max(3 * self.lists.len() / 2), List::default());
        }
        at
    }

    /// Takes the first pattern of the highest score. `now` says what a pattern scores by now (a score
    /// that has risen is not looked at); `None` if it has come to nothing.
    pub(super) fn pop(&mut self, now: impl Fn(u32) -> Option<i64>) -> Option<(u32, i64)> {
        while let Some(at) = self.end.checked_sub(1) {
            let Some(pattern) = self.lists[at].first.checked_sub(1) else {
                self.end = at;
                continue;
            };
            self.lists[at].first = self.next[pattern as usize];
            let was = self.lowest + at as i64;
            match now(pattern) {
                Some(score) if score >= was => return Some((pattern, was)),
                Some(score) => self.push(pattern, score),
                None => {}
            }
        }
        None
    }
}
