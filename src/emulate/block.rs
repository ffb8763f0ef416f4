//! Storage of a tensor for a block of samples, in the word its unit runs in.

use std::borrow::Cow;

/// A machine word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    W32,
    W64,
    W128,
}

impl Width {
    /// The narrowest word with that many bits.
    pub(super) fn of(bits: u32) -> Width {
        match bits {
            0..=32 => Width::W32,
            33..=64 => Width::W64,
            _ => Width::W128,
        }
    }
}

/// Mantissas of a tensor: element `e` of sample `s` at `e * lanes + s`.
#[derive(Clone, Debug)]
pub(super) enum Buffer {
    I32(Vec<i32>),
    I64(Vec<i64>),
    I128(Vec<i128>),
}

impl Buffer {
    /// Elements `first ..` of every sample.
    pub(super) fn gather(
        width: Width,
        samples: &[Vec<i128>],
        first: usize,
        count: usize,
    ) -> Buffer {
        let all = (first..first + count).flat_map(|at| samples.iter().map(move |row| row[at]));
        match width {
            Width::W32 => Buffer::I32(all.map(|it| it as i32).collect()),
            Width::W64 => Buffer::I64(all.map(|it| it as i64).collect()),
            Width::W128 => Buffer::I128(all.collect()),
        }
    }

    /// Appends the tensor to every sample's row.
    pub(super) fn scatter(&self, lanes: usize, rows: &mut [Vec<i128>]) {
        let all = self.i128();
        for (sample, row) in rows.iter_mut().enumerate() {
            row.extend(all.chunks(lanes).map(|element| element[sample]));
        }
    }

    pub(super) fn i32(&self) -> Cow<'_, [i32]> {
        match self {
            Buffer::I32(it) => Cow::Borrowed(it),
            Buffer::I64(it) => it.iter().map(|v| *v as i32).collect(),
            Buffer::I128(it) => it.iter().map(|v| *v as i32).collect(),
        }
    }

    pub(super) fn i64(&self) -> Cow<'_, [i64]> {
        match self {
            Buffer::I32(it) => it.iter().map(|v| i64::from(*v)).collect(),
            Buffer::I64(it) => Cow::Borrowed(it),
            Buffer::I128(it) => it.iter().map(|v| *v as i64).collect(),
        }
    }

    pub(super) fn i128(&self) -> Cow<'_, [i128]> {
        match self {
            Buffer::I32(it) => it.iter().map(|v| i128::from(*v)).collect(),
            Buffer::I64(it) => it.iter().map(|v| i128::from(*v)).collect(),
            Buffer::I128(it) => Cow::Borrowed(it),
        }
    }
}
