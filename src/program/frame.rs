//! The slots of a block of samples: a bank for each word, aligned to what a vector load likes.

use super::code::Width;
use super::slots::Counts;

/// Bytes of the widest vector.
const ALIGNMENT: usize = 64;

/// Slots of one word: slot `s` is `lanes` words long.
#[derive(Debug)]
pub(super) struct Bank<T> {
    words: Vec<T>,
    /// Position of the first aligned word.
    first: usize,
    pub(super) lanes: usize,
}

impl<T: Copy + Default> Bank<T> {
    fn new(slots: u32, lanes: usize) -> Bank<T> {
        let spare = ALIGNMENT / size_of::<T>();
        let words = vec![T::default(); slots as usize * lanes + spare];
        // Never more than the spare words; a wrong answer would only cost speed.
        let first = words.as_ptr().align_offset(ALIGNMENT).min(spare);
        Bank { words, first, lanes }
    }

    #[inline(always)]
    pub(super) fn slot(&self, slot: u32) -> &[T] {
        &self.words[self.first + slot as usize * self.lanes..][..self.lanes]
    }

    #[inline(always)]
    pub(super) fn slot_mut(&mut self, slot: u32) -> &mut [T] {
        &mut self.words[self.first + slot as usize * self.lanes..][..self.lanes]
    }

    /// The slot written, and the others to read from.
    #[inline(always)]
    pub(super) fn split(&mut self, written: u32) -> (&mut [T], Others<'_, T>) {
        let at = self.first + written as usize * self.lanes;
        let (before, rest) = self.words.split_at_mut(at);
        let (slot, after) = rest.split_at_mut(self.lanes);
        (slot, Others { before, after, written, lanes: self.lanes, first: self.first })
    }
}

/// All slots but one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Others<'a, T> {
    before: &'a [T],
    after: &'a [T],
    written: u32,
    lanes: usize,
    first: usize,
}

impl<'a, T> Others<'a, T> {
    #[inline(always)]
    pub(super) fn slot(&self, slot: u32) -> &'a [T] {
        let (words, at) = match slot < self.written {
            true => (self.before, self.first + slot as usize * self.lanes),
            false => (self.after, (slot.wrapping_sub(self.written + 1)) as usize * self.lanes),
        };
        &words[at..][..self.lanes]
    }
}

/// Elements of a panel: as many as a cache line has doubles.
const PANEL: usize = 8;

/// A few neighbouring elements of all samples, turned from rows into columns: reading one element at a
/// time would touch every cache line of the samples again and again.
#[derive(Debug)]
pub(super) struct Panel {
    columns: Vec<f64>,
    lanes: usize,
    /// Which elements there are: the position of the first.
    first: Option<usize>,
}

impl Panel {
    fn new(lanes: usize) -> Panel {
        Panel { columns: vec![0.0; PANEL * lanes], lanes, first: None }
    }

    /// Other samples are next.
    pub(super) fn forget(&mut self) {
        self.first = None;
    }

    /// An element of all samples, each of which has `width` elements; whatever was there before in
    /// lanes that have no sample.
    #[inline(always)]
    pub(super) fn column(&mut self, samples: &[f64], width: usize, element: usize) -> &[f64] {
        let first = element / PANEL * PANEL;
        if self.first != Some(first) {
            self.first = Some(first);
            let count = PANEL.min(width - first);
            let rows = samples.chunks_exact(width).map(|it| &it[first..first + count]);
            let mut columns = self.columns.chunks_exact_mut(self.lanes);
            let mut columns: [&mut [f64]; PANEL] =
                std::array::from_fn(|_| columns.next().unwrap_or_default());
            for (lane, row) in rows.enumerate().take(self.lanes) {
                // The number of a full row is known when this is compiled.
                if let Ok(row) = <&[f64; PANEL]>::try_from(row) {
                    columns.iter_mut().zip(row).for_each(|(column, value)| column[lane] = *value);
                } else {
                    columns.iter_mut().zip(row).for_each(|(column, value)| column[lane] = *value);
                }
            }
        }
        &self.columns[(element - first) * self.lanes..][..self.lanes]
    }
}

/// Everything that a block of samples needs.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) w16: Bank<i16>,
    pub(super) w32: Bank<i32>,
    pub(super) w64: Bank<i64>,
    pub(super) w128: Bank<i128>,
    /// Elements of all samples on their way in.
    pub(super) panel: Panel,
    /// An element of all samples on its way out.
    pub(super) column: Vec<f64>,
}

impl Frame {
    pub(super) fn new(counts: &Counts, lanes: usize) -> Frame {
        let count = |width: Width| counts[width.index()];
        Frame {
            w16: Bank::new(count(Width::W16), lanes),
            w32: Bank::new(count(Width::W32), lanes),
            w64: Bank::new(count(Width::W64), lanes),
            w128: Bank::new(count(Width::W128), lanes),
            panel: Panel::new(lanes),
            column: vec![0.0; lanes],
        }
    }
}
