//! Wirings that are windows: each token of the output is made of tokens of the input at fixed distances
//! from a place that advances evenly.
//!
//! Tokens of the input are numbered as they come. Output tokens lie on a grid of axes, and the window
//! of place `o` reads the tokens `base + sum(o_a * stride_a) + tap`. It is complete when the newest of
//! them has come: a delay line, with a tap at each distance behind the newest, holds them all. A tap
//! outside of the image would be some other pixel there: it is padding instead, wherever the place is
//! outside of the tap's [`Span`].
//!
//! Whether a wiring is one is read off its map alone, so strides, dilation, any padding, convolutions,
//! pools and crops of any number of axes are one piece.

use std::collections::BTreeMap;

use crate::units::Reorder;

/// Places along an axis, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: usize,
    /// The last.
    pub last: usize,
}

/// A pixel of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Tokens behind the newest of the window.
    pub distance: usize,
    /// The places, along each axis, for which it is inside of the image.
    pub inside: Vec<Span>,
}

/// A delay line with taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Tokens of a sample at the input.
    pub tokens: usize,
    /// Places along each axis, the slowest first.
    pub extents: Vec<usize>,
    /// By how many input tokens the window moves along each axis.
    pub strides: Vec<usize>,
    /// The newest token of the first window.
    pub first: usize,
    /// The pixels, the newest first, in the order of the output's elements.
    pub taps: Vec<Tap>,
    /// The mantissa that elements outside of the image have.
    pub padding: i128,
}

/// Where an element of a window token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// An element of the input's tokens, at a tap.
    Pixel { tap: usize, element: usize },
    /// An element of a constant operand.
    Constant { element: usize },
}

/// A wiring as a window.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// With the taps that are needed.
    pub(super) window: Window,
    /// What a token of the wiring is made of.
    pub(super) picks: Vec<Pick>,
    /// The constant element that stands where a pixel is outside, if any is.
    pub(super) padding: Option<usize>,
}

impl Window {
    /// The newest token of the last window.
    pub fn last(&self) -> usize {
        let along = |(extent, stride): (&usize, &usize)| (extent - 1) * stride;
        self.first + self.extents.iter().zip(&self.strides).map(along).sum::<usize>()
    }

    /// Places of a sample.
    pub fn places(&self) -> usize {
        self.extents.iter().product()
    }

    /// A place along each axis.
    pub fn index(&self, place: usize) -> Vec<usize> {
        index(place, &self.extents)
    }

    /// Tokens that must follow the last of a sample until its last window is complete.
    pub fn flush(&self) -> usize {
        (self.last() + 1).saturating_sub(self.tokens)
    }

    /// Whether the tokens that follow may be those of the next sample: none of its windows is
    /// complete before the last of this one.
    pub fn overlaps(&self) -> bool {
        self.flush() > 0 && self.flush() <= self.first + 1
    }

    /// How many times a sample the newest token moves on by how much from one place to the next; from the last
    /// place that is to the first one of the next sample.
    pub(super) fn moves(&self) -> Vec<(usize, usize)> {
        let mut slower = 1;
        let along = self.extents.iter().zip(self.steps()).map(|(extent, step)| {
            let times = slower * (extent - 1);
            slower *= extent;
            (times, step.max(0) as usize)
        });
        let mut moves: Vec<(usize, usize)> = along.collect();
        moves.push((1, (self.tokens + self.first).saturating_sub(self.last())));
        moves
    }

    /// The same over pixels that come in so many packs of channels, all packs of a pixel in turn.
    pub(super) fn packed(&self, packs: usize) -> Window {
        let taps = self.taps.iter().map(|it| {
            let everywhere = Span { first: 0, last: packs - 1 };
            let inside = it.inside.iter().copied().chain([everywhere]).collect();
            Tap { distance: it.distance * packs, inside }
        });
        Window {
            tokens: self.tokens * packs,
            extents: self.extents.iter().copied().chain([packs]).collect(),
            strides: self.strides.iter().map(|it| it * packs).chain([1]).collect(),
            first: self.first * packs,
            taps: taps.collect(),
            padding: self.padding,
        }
    }

    /// By how much the newest token moves when an axis advances and all faster ones begin again.
    pub fn steps(&self) -> Vec<isize> {
        let along = |(extent, stride): (&usize, &usize)| ((extent - 1) * stride) as isize;
        (0..self.extents.len())
            .map(|axis| {
                let faster = self.extents.iter().zip(&self.strides).skip(axis + 1);
                self.strides[axis] as isize - faster.map(along).sum::<isize>()
            })
            .collect()
    }
}

/// The map of one slot: for every place the input token, if the slot is inside of the image.
struct Slot {
    element: usize,
    tokens: Vec<Option<usize>>,
}

/// The wiring of operand 0 (and constants, operand 1) as a window over `extents`; tokens of operand 0
/// have `size` elements, `tokens` of them.
pub(super) fn find(
    reorder: &Reorder,
    extents: &[usize],
    tokens: usize,
    size: usize,
) -> Option<Found> {
    let places: usize = extents.iter().product();
    let count = reorder.map.len() / places;
    let mut slots = Vec::with_capacity(count);
    let mut padding = None;
    for slot in 0..count {
        let reads = reorder.map.iter().skip(slot).step_by(count);
        slots.push(read(reads, size, &mut padding)?);
    }
    let strides = strides(&slots, extents)?;
    let base = |place: usize| {
        let along = index(place, extents).into_iter().zip(&strides);
        along.map(|(at, stride)| at * stride).sum::<usize>()
    };
    let bases: Vec<usize> = (0..places).map(base).collect();
    // Tokens relative to the base, shifted so that none is negative.
    let mut taps: BTreeMap<isize, Vec<Span>> = BTreeMap::new();
    let mut relative = Vec::with_capacity(count);
    for slot in &slots {
        let inside = |(place, token): (usize, &Option<usize>)| {
            token.map(|it| (place, it as isize - bases[place] as isize))
        };
        let mut read = slot.tokens.iter().enumerate().filter_map(inside);
        let Some((_, tap)) = read.clone().next() else {
            relative.push(None);
            continue;
        };
        if !read.all(|it| it.1 == tap) {
            return None;
        }
        let spans = spans(slot, extents)?;
        if taps.entry(tap).or_insert_with(|| spans.clone()) != &spans {
            return None;
        }
        relative.push(Some(tap));
    }
    let newest = *taps.keys().next_back()?;
    let first = usize::try_from(newest).ok()?;
    let distance = |tap: isize| (newest - tap) as usize;
    let taps = taps.into_iter().rev();
    let taps = taps.map(|(tap, inside)| Tap { distance: distance(tap), inside });
    let taps: Vec<Tap> = taps.collect();
    let pick = |(slot, tap): (&Slot, &Option<isize>)| match tap.map(distance) {
        Some(behind) => {
            let tap = taps.partition_point(|it| it.distance < behind);
            Pick::Pixel { tap, element: slot.element }
        }
        None => Pick::Constant { element: slot.element },
    };
    let picks = slots.iter().zip(&relative).map(pick).collect();
    let window = Window { tokens, extents: extents.to_vec(), strides, first, taps, padding: 0 };
    let forward =
        window.steps().iter().zip(extents).all(|(step, extent)| *extent == 1 || *step >= 0);
    forward.then_some(Found { window, picks, padding })
}

/// A slot that reads one element of operand 0's tokens, or always a constant. Where a slot is not
/// inside, it must be the one constant that all of them have there.
fn read<'a>(
    reads: impl Iterator<Item = &'a (u32, u32)> + Clone,
    size: usize,
    padding: &mut Option<usize>,
) -> Option<Slot> {
    let pixels = reads.clone().filter(|it| it.0 == 0).map(|it| it.1 as usize % size);
    let constants: Vec<usize> =
        reads.clone().filter(|it| it.0 == 1).map(|it| it.1 as usize).collect();
    let mut pixels = pixels.peekable();
    let constant = constants.first().copied();
    if constants.iter().any(|it| Some(*it) != constant) {
        return None;
    }
    let Some(element) = pixels.peek().copied() else {
        return Some(Slot { element: constant?, tokens: vec![None; constants.len()] });
    };
    if pixels.any(|it| it != element) {
        return None;
    }
    if let Some(constant) = constant
        && *padding.get_or_insert(constant) != constant
    {
        return None;
    }
    let token = |it: &(u32, u32)| (it.0 == 0).then_some(it.1 as usize / size);
    Some(Slot { element, tokens: reads.map(token).collect() })
}

/// A place along each axis.
fn index(place: usize, extents: &[usize]) -> Vec<usize> {
    let mut rest = place;
    let mut index: Vec<usize> = extents
        .iter()
        .rev()
        .map(|extent| {
            let at = rest % extent;
            rest /= extent;
            at
        })
        .collect();
    index.reverse();
    index
}

/// By how many tokens every slot moves along each axis: the same for all.
fn strides(slots: &[Slot], extents: &[usize]) -> Option<Vec<usize>> {
    let mut inner: usize = extents.iter().product();
    let mut strides = Vec::with_capacity(extents.len());
    for extent in extents {
        inner /= extent;
        let step = |slot: &Slot| {
            slot.tokens.windows(inner + 1).enumerate().find_map(|(place, tokens)| {
                let inside = place / inner % extent + 1 < *extent;
                let (from, to) = (tokens[0].filter(|_| inside)?, tokens[inner]?);
                Some(to.checked_sub(from))
            })
        };
        // A step back is no window.
        let step = slots.iter().find_map(step).unwrap_or(Some(0))?;
        strides.push(step);
    }
    Some(strides)
}

/// The places of a slot that are inside of the image, if they are a box.
fn spans(slot: &Slot, extents: &[usize]) -> Option<Vec<Span>> {
    let mut spans: Vec<Option<Span>> = vec![None; extents.len()];
    let mut count = 0;
    for (place, _) in slot.tokens.iter().enumerate().filter(|it| it.1.is_some()) {
        count += 1;
        for (span, at) in spans.iter_mut().zip(index(place, extents)) {
            *span = Some(match *span {
                None => Span { first: at, last: at },
                Some(it) => Span { first: it.first.min(at), last: it.last.max(at) },
            });
        }
    }
    let spans: Option<Vec<Span>> = spans.into_iter().collect();
    let spans = spans?;
    let places: usize = spans.iter().map(|it| it.last - it.first + 1).product();
    (places == count).then_some(spans)
}
