//! Tables in the word they are read into, as long as a power of two so that no index leaves them.

use std::sync::Arc;

use super::code::Width;
use crate::fixed::Word;

/// The contents of a table.
#[derive(Debug)]
pub(super) enum Table {
    W16(Vec<i16>),
    W32(Vec<i32>),
    W64(Vec<i64>),
    W128(Vec<i128>),
}

impl Table {
    pub(super) fn new(contents: &Arc<[i128]>, width: Width) -> Table {
        match width {
            Width::W16 => Table::W16(padded(contents)),
            Width::W32 => Table::W32(padded(contents)),
            Width::W64 => Table::W64(padded(contents)),
            Width::W128 => Table::W128(padded(contents)),
        }
    }
}

fn padded<T: Word>(contents: &[i128]) -> Vec<T> {
    let mut table: Vec<T> = contents.iter().map(|it| T::narrow(*it)).collect();
    table.resize(contents.len().next_power_of_two(), T::ZERO);
    table
}

/// Entries at many indices.
#[inline(always)]
pub(super) fn look_up<I: Word, T: Word>(table: &[T], indices: &[I], entries: &mut [T]) {
    if table.is_empty() {
        return;
    }
    for (entry, index) in entries.iter_mut().zip(indices) {
        *entry = table[index.widen() as usize & (table.len() - 1)];
    }
}
