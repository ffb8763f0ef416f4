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

use super::patterns::{Counter, Index, Queue, Readers, key};
use super::pool::{Pool, Term};
use super::span::Whole;

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

/// Columns and the patterns in them: where every plan begins.
#[derive(Clone)]
pub(super) struct Sharing<W> {
    pool: Pool<W>,
    columns: Vec<Vec<Term>>,
    /// What each column's Kraft sum may still grow by; `None` without a limit.
    room: Option<Vec<u64>>,
    readers: Readers,
    counter: Counter,
    patterns: Vec<Pattern>,
    /// Occurrences of each, overlapping ones and those that would be too deep included.
    index: Index,
}

/// A plan while it is carried out.
struct State<W> {
    it: Sharing<W>,
    score: Score,
    queue: Queue,
    /// Occurrences that are about to be replaced: column, first and second term.
    found: Vec<(usize, Term, Term)>,
}

impl<W: Whole> Sharing<W> {
    /// Counts the patterns of all columns.
    pub(super) fn new(
        pool: Pool<W>,
        mut columns: Vec<Vec<Term>>,
        room: Option<Vec<u64>>,
    ) -> Sharing<W> {
        let reach = columns.iter().flatten().map(|it| it.shift).max().unwrap_or(0);
        columns.iter_mut().for_each(|it| it.sort_unstable());
        let mut it = Sharing {
            readers: Readers::new(pool.len(), &columns),
            counter: Counter::new(i32::from(reach)),
            patterns: Vec::new(),
            index: Index::default(),
            pool,
            columns,
            room,
        };
        (0..it.pool.len() as u32).for_each(|value| it.count(value, true));
        it
    }

    /// Replaces patterns until none occurs twice; equal ones in an order that the seed shuffles, for
    /// zero the older first. All values, and columns that are shorter.
    pub(super) fn run(self, score: Score, seed: u64) -> (Pool<W>, Vec<Vec<Term>>) {
        let (queue, found) = (Queue::new(seed), Vec::new());
        let mut state = State { it: self, score, queue, found };
        state.enqueue(0);
        while state.settle() {}
        (state.it.pool, state.it.columns)
    }

    /// Counts the patterns of a value with all others, or only with itself and later ones.
    fn count(&mut self, value: u32, later: bool) {
        self.counter.make_room(self.pool.len());
        for at in self.readers.of_both(value, value) {
            let column = &self.columns[at];
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
        let Sharing { counter, pool, patterns, index, .. } = self;
        counter.take(|b, shift, negate, count| {
            let low = (-shift).max(0) as u16;
            let x = Term { value, shift: low, negate: false };
            let y = Term { value: b, shift: (i32::from(low) + shift) as u16, negate };
            let (costs, earns) = pool.worth(x, y);
            patterns.push(Pattern { a: value, b, shift, negate, earns, costs: costs as i32 });
            index.push(key(x, y), count);
        });
    }

    /// Takes a term out of a column; its patterns occur once less.
    fn remove(&mut self, at: usize, term: Term) {
        let column = &mut self.columns[at];
        let from = column.partition_point(|it| it.value < term.value);
        let found = column[from..].iter().position(|it| *it == term);
        let found = found.expect("occurrences come from the column");
        column.remove(from + found);
        let (below, above) = column.split_at(from + found);
        self.index.remove(term, below, above);
    }

    /// What a pattern scores if it occurs so often; `None` if it is not worth a value of its own.
    fn score(&self, by: Score, pattern: u32, count: u32) -> Option<i64> {
        let Pattern { earns, costs, .. } = self.patterns[pattern as usize];
        (count > 1).then_some(match by {
            Score::Count => i64::from(count),
            Score::Bits => 2 * i64::from(count) * i64::from(earns) - i64::from(costs),
        })
    }

    /// By how much replacing a pair raises a column's Kraft sum.
    fn extra(&self, a: u32, b: u32) -> u64 {
        if self.room.is_none() {
            return 0;
        }
        let (a, b) = (self.pool.depth(a), self.pool.depth(b));
        (2u64 << a.max(b)) - (1 << a) - (1 << b)
    }

    /// Occurrences that can all be replaced.
    fn occurrences(&self, pattern: Pattern, found: &mut Vec<(usize, Term, Term)>) {
        let Pattern { a, b, shift, negate, .. } = pattern;
        let extra = self.extra(a, b);
        found.clear();
        for at in self.readers.of_both(a, b) {
            let column = &self.columns[at];
            let mut room = self.room.as_ref().map_or(u64::MAX, |it| it[at]);
            let of = |value: u32| {
                let from = column.partition_point(|it| it.value < value);
                let terms = &column[from..];
                &terms[..terms.iter().take_while(|it| it.value == value).count()]
            };
            let (firsts, seconds) = (of(a), of(b));
            // Terms of one value stand in order of their shifts, so pairs of a value with itself are
            // found from the lowest on, which finds the most.
            let start = found.len();
            for x in firsts {
                let used = |found: &[(usize, Term, Term)], it: &Term| {
                    a == b && found[start..].iter().any(|(_, x, y)| x == it || y == it)
                };
                if used(found, x) || extra > room {
                    continue;
                }
                let wanted = i32::from(x.shift) + shift;
                let fits = |y: &&Term| {
                    i32::from(y.shift) == wanted
                        && (y.negate != x.negate) == negate
                        && !used(found, y)
                };
                if let Some(y) = seconds.iter().find(fits) {
                    room -= extra;
                    found.push((at, *x, *y));
                }
            }
        }
    }
}

impl<W: Whole> State<W> {
    /// Puts all patterns from a number on into the queue.
    fn enqueue(&mut self, from: usize) {
        for pattern in from as u32..self.it.patterns.len() as u32 {
            if let Some(score) = self.it.score(self.score, pattern, self.it.index.count(pattern)) {
                self.queue.push(pattern, score);
            }
        }
    }

    /// Replaces the first pattern of the queue, or puts it back with its true count; false at the end.
    fn settle(&mut self) -> bool {
        let State { it, score, queue, .. } = self;
        let now = |pattern: u32| it.score(*score, pattern, it.index.count(pattern));
        let Some((index, score)) = queue.pop(now) else { return false };
        let pattern = self.it.patterns[index as usize];
        self.it.occurrences(pattern, &mut self.found);
        match self.it.score(self.score, index, self.found.len() as u32) {
            Some(now) if now >= score => self.replace(pattern),
            Some(now) => self.queue.push(index, now),
            None => {}
        }
        true
    }

    /// Replaces what was found of a pattern by a new value.
    fn replace(&mut self, pattern: Pattern) {
        let it = &mut self.it;
        let extra = it.extra(pattern.a, pattern.b);
        let (_, x, y) = self.found[0];
        let sum = it.pool.add(x, y);
        it.readers.push();
        for &(at, x, y) in &self.found {
            it.remove(at, x);
            it.remove(at, y);
            let low = if x.shift <= y.shift { x } else { y };
            it.columns[at].push(Term { value: sum.value, shift: low.shift, negate: low.negate });
            it.readers.set(sum.value, at);
            if let Some(room) = &mut it.room {
                room[at] -= extra;
            }
        }
        let known = it.patterns.len();
        it.count(sum.value, false);
        self.enqueue(known);
    }
}
