//! Greedy two-term common subexpression elimination over signed digits.
//!
//! A pattern is a pair of values with a relative shift and sign. The most frequent pattern becomes a
//! value of its own in every column that has it; counts are kept up to date as digits come and go,
//! so a round costs only the columns it touches.

use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use super::{Add, AdderGraph, Digit};

/// `(a << k) + (negate ? - : +)(b << (k + shift))` for some `k`, and its negative; `a <= b`, and
/// `shift > 0` if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Pattern(u64);

impl Pattern {
    fn new(x: Digit, y: Digit) -> Pattern {
        let (a, b) = if (x.value, x.shift) <= (y.value, y.shift) { (x, y) } else { (y, x) };
        let shift = (b.shift as i64 - a.shift as i64 + 512) as u64;
        let negate = u64::from(a.negate != b.negate);
        // 26 bits for each value, 11 for the shift, 1 for the sign.
        Pattern((a.value as u64) << 38 | (b.value as u64) << 12 | shift << 1 | negate)
    }

    fn parts(self) -> (u32, u32, i32, bool) {
        let value = |at: u32| (self.0 >> at) as u32 & ((1 << 26) - 1);
        (value(38), value(12), ((self.0 >> 1) & 2047) as i32 - 512, self.0 & 1 == 1)
    }
}

/// Multiplicative hashing: patterns are already dense numbers, and the map is never iterated.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|it| self.write_u64(u64::from(*it)));
    }
    fn write_u64(&mut self, v: u64) {
        let mixed = (self.0 ^ v).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

struct Counts {
    count: HashMap<Pattern, u32, BuildHasherDefault<Mix>>,
    /// Most frequent first, the older pattern among equals; entries may be out of date.
    heap: BinaryHeap<(u32, std::cmp::Reverse<Pattern>)>,
}

impl Counts {
    fn change(&mut self, pattern: Pattern, up: bool) {
        let count = self.count.entry(pattern).or_insert(0);
        *count = if up { *count + 1 } else { *count - 1 };
        if up && *count > 1 {
            self.heap.push((*count, std::cmp::Reverse(pattern)));
        }
    }

    fn best(&mut self) -> Option<Pattern> {
        while let Some((count, std::cmp::Reverse(pattern))) = self.heap.pop() {
            let now = self.count.get(&pattern).copied().unwrap_or(0);
            if now == count {
                return Some(pattern);
            }
            if now > 1 && now < count {
                self.heap.push((now, std::cmp::Reverse(pattern)));
            }
        }
        None
    }
}

/// Replaces every pattern that occurs at least twice, best first; columns get shorter.
pub(super) fn share(graph: &mut AdderGraph, columns: &mut [Vec<Digit>]) {
    let mut counts = Counts { count: HashMap::default(), heap: BinaryHeap::new() };
    for column in columns.iter() {
        for (at, x) in column.iter().enumerate() {
            for y in &column[at + 1..] {
                counts.change(Pattern::new(*x, *y), true);
            }
        }
    }
    while let Some(pattern) = counts.best() {
        let found: Vec<_> = columns.iter().map(|column| occurrences(column, pattern)).collect();
        if found.iter().map(Vec::len).sum::<usize>() < 2 {
            // Occurrences that overlap were counted each, but only one of them can be replaced. The
            // pattern is off the heap until it occurs once more.
            continue;
        }
        let value = add(graph, pattern);
        for (column, found) in columns.iter_mut().zip(found) {
            for (first, second) in found {
                replace(column, &mut counts, first, second, value);
            }
        }
    }
}

fn add(graph: &mut AdderGraph, pattern: Pattern) -> u32 {
    let (a, b, shift, negate) = pattern.parts();
    graph.adds.push(Add {
        a: a as usize,
        shift_a: (-shift).max(0) as u32,
        negate_a: false,
        b: b as usize,
        shift_b: shift.max(0) as u32,
        negate_b: negate,
    });
    (graph.n_in + graph.adds.len() - 1) as u32
}

/// Pairs of digits that match, none used twice. Columns are not sorted: lookups scan for the values.
fn occurrences(column: &[Digit], pattern: Pattern) -> Vec<(Digit, Digit)> {
    let (a, b, shift, negate) = pattern.parts();
    let mut seconds: Vec<Digit> = column.iter().filter(|it| it.value == b).copied().collect();
    let mut firsts: Vec<Digit> = column.iter().filter(|it| it.value == a).copied().collect();
    firsts.sort();
    let mut used: Vec<Digit> = Vec::new();
    let mut found = Vec::new();
    for first in firsts {
        if used.contains(&first) {
            continue;
        }
        let wanted = first.shift as i32 + shift;
        let matches = |it: &Digit| {
            it.shift as i32 == wanted && (it.negate != first.negate) == negate && !used.contains(it)
        };
        if let Some(at) = seconds.iter().position(matches) {
            let second = seconds.swap_remove(at);
            used.extend([first, second]);
            found.push((first, second));
        }
    }
    found
}

/// Puts one digit of `value` in the place of two.
fn replace(column: &mut Vec<Digit>, counts: &mut Counts, first: Digit, second: Digit, value: u32) {
    for gone in [first, second] {
        let at =
            column.iter().position(|it| *it == gone).expect("occurrences come from the column");
        column.swap_remove(at);
        column.iter().for_each(|it| counts.change(Pattern::new(gone, *it), false));
    }
    let new = Digit { value, shift: first.shift.min(second.shift), negate: first.negate };
    column.iter().for_each(|it| counts.change(Pattern::new(new, *it), true));
    column.push(new);
}
