//! Storage of a tensor for a block of samples, in the word its unit runs in.

use std::borrow::Cow;

use crate::fixed::Word;
use crate::units::LANES;

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
pub(crate) enum Buffer {
    I32(Vec<i32>),
    I64(Vec<i64>),
    I128(Vec<i128>),
}

impl Buffer {
    /// A tensor of `count` elements from its values at `(element, lane)`.
    pub(super) fn fill(width: Width, count: usize, value: impl Fn(usize, usize) -> i128) -> Buffer {
        let all = (0..count).flat_map(|at| (0..LANES).map(move |lane| (at, lane)));
        let all = all.map(|(at, lane)| value(at, lane));
        match width {
            Width::W32 => Buffer::I32(all.map(|it| it as i32).collect()),
            Width::W64 => Buffer::I64(all.map(|it| it as i64).collect()),
            Width::W128 => Buffer::I128(all.collect()),
        }
    }

    /// The same mantissas in the narrowest word that is not narrower than theirs.
    pub(crate) fn of<T: Word>(values: &[T]) -> Buffer {
        match Width::of(T::BITS) {
            Width::W32 => Buffer::I32(values.iter().map(|it| it.widen() as i32).collect()),
            Width::W64 => Buffer::I64(values.iter().map(|it| it.widen() as i64).collect()),
            Width::W128 => Buffer::I128(values.iter().map(|it| it.widen()).collect()),
        }
    }

    /// The mantissas in a word that holds them.
    pub(crate) fn words<T: Word>(&self) -> Vec<T> {
        match self {
            Buffer::I32(it) => it.iter().map(|v| T::narrow(i128::from(*v))).collect(),
            Buffer::I64(it) => it.iter().map(|v| T::narrow(i128::from(*v))).collect(),
            Buffer::I128(it) => it.iter().map(|v| T::narrow(*v)).collect(),
        }
    }

    /// All elements of one sample.
    pub(super) fn lane(&self, lane: usize) -> impl Iterator<Item = i128> + '_ {
        let count = match self {
            Buffer::I32(it) => it.len(),
            Buffer::I64(it) => it.len(),
            Buffer::I128(it) => it.len(),
        };
        (0..count / LANES).map(move |element| match self {
            Buffer::I32(it) => i128::from(it[element * LANES + lane]),
            Buffer::I64(it) => i128::from(it[element * LANES + lane]),
            Buffer::I128(it) => it[element * LANES + lane],
        })
    }

    /// The same mantissas in a word no wider than needed: consumers read a value many times.
    pub(super) fn narrowed(self, width: Width) -> Buffer {
        match (width, self) {
            (Width::W32, it @ (Buffer::I64(_) | Buffer::I128(_))) => {
                Buffer::I32(it.i32().into_owned())
            }
            (Width::W64, it @ Buffer::I128(_)) => Buffer::I64(it.i64().into_owned()),
            (_, it) => it,
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
