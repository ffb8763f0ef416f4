//! Orders of tokens: a buffer that gives what has come in another order, some tokens several times, some
//! never.
//!
//! It is a ring: a token is read as soon as it and all that is read before it have come, and its place is
//! free when nothing that is still to be read of the sample lies at or before it. So a buffer needs to hold
//! what the order turns around and no more: of a shuffle of pixels a line, of a transposition everything.

use super::cut::{At, Cutter, Place, alike, gcd};
use super::{Kind, StreamId};
use crate::fixed::Type;
use crate::graph::NodeId;

/// Tensors of more bits are moved in the longest pieces that move as a whole, however many there are.
pub(super) const WIDE: u64 = 4096;

/// Bits of a tensor.
pub(super) fn bits(ty: &Type) -> u64 {
    match ty.common() {
        Some(format) => ty.elements() as u64 * u64::from(format.width),
        None => (0..ty.elements()).map(|it| u64::from(ty.format(it).width)).sum(),
    }
}

/// Another order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permutation {
    /// Tokens of a sample at the input.
    pub tokens: usize,
    /// The tokens of the output.
    pub order: Vec<usize>,
    /// Tokens that the buffer holds.
    pub capacity: usize,
}

impl Permutation {
    /// An order, with a buffer that keeps up with what comes.
    pub fn new(tokens: usize, order: Vec<usize>) -> Permutation {
        let mut made = Permutation { tokens, order, capacity: 0 };
        made.capacity = made.held();
        made
    }

    /// Whether it only leaves tokens out.
    pub fn is_selection(&self) -> bool {
        self.order.windows(2).all(|it| it[0] < it[1])
    }

    /// For every token of the output the oldest that it and all later ones of the sample read.
    pub fn oldest(&self) -> Vec<usize> {
        let mut oldest = self.order.clone();
        for at in (1..oldest.len()).rev() {
            oldest[at - 1] = oldest[at - 1].min(oldest[at]);
        }
        oldest
    }

    /// Tokens that are held at most if they come as fast as they can be given, for several samples.
    fn held(&self) -> usize {
        const SAMPLES: usize = 3;
        let (tokens, reads) = (self.tokens, self.order.len());
        let oldest = self.oldest();
        let cycles = tokens.max(reads);
        let (mut written, mut read, mut most) = (0, 0, 1);
        for cycle in 0.. {
            let (sample, at) = (read / reads, read % reads);
            if sample == SAMPLES {
                break;
            }
            let (needs, keeps) = (sample * tokens + self.order[at], sample * tokens + oldest[at]);
            // A token can be read the cycle after it was written.
            let fires = written > needs;
            if written < SAMPLES * tokens && written * cycles <= cycle * tokens {
                written += 1;
            }
            most = most.max(written.saturating_sub(keeps));
            read += usize::from(fires);
        }
        most
    }
}

/// Elements that move together: runs of so many are aligned in both orders.
fn piece(map: &[u32], from: usize) -> usize {
    let mut piece = gcd(map.len(), from);
    for at in 0..map.len() {
        if at == 0 || map[at] != map[at - 1] + 1 {
            piece = gcd(gcd(piece, at), map[at] as usize);
        }
    }
    piece
}

impl Cutter<'_> {
    /// A wiring that moves pieces of a node, if that takes no longer than the tokens take anyway, or there is
    /// too much to move at once.
    pub(super) fn permuted(&mut self, id: NodeId, source: NodeId, map: &[u32]) -> Option<Place> {
        let node = self.node(id);
        let place = self.at(source).clone();
        let from = &self.node(source).ty;
        let size = piece(map, from.elements());
        let (tokens, reads) = (from.elements() / size, map.len() / size);
        alike(from, tokens)?;
        let pixels = node.ty.elements() / node.ty.shape.last().max(1);
        let fast = tokens.max(reads) <= place.tokens.max(pixels);
        if tokens == 1 || !fast && bits(from) <= WIDE {
            return None;
        }
        let order = (0..reads).map(|it| map[it * size] as usize / size).collect();
        let stream = self.stream(source, &place);
        let made = self.ordered(&node.origin.node, stream, Permutation::new(tokens, order));
        Some(Place { tokens: reads, at: At::Stream(made) })
    }

    /// A stream whose last token comes first.
    pub(super) fn reversed(&mut self, stream: StreamId, tokens: usize) -> StreamId {
        if tokens == 1 {
            return stream;
        }
        let name = self.flow.stream(stream).name.clone();
        self.ordered(&name, stream, Permutation::new(tokens, (0..tokens).rev().collect()))
    }

    /// The tokens of a stream in another order.
    pub(super) fn ordered(
        &mut self,
        layer: &str,
        stream: StreamId,
        order: Permutation,
    ) -> StreamId {
        let stream = self.repacked(stream, order.tokens);
        let from = self.flow.stream(stream).clone();
        let name = self.unique(&format!("{layer}_order"));
        let reads = order.order.len();
        let process = self.flow.add(&name, layer, Kind::Permute(order), vec![stream]);
        self.flow.output(process, &from.name, reads, from.ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_hold_what_is_turned_around() {
        let held = |tokens, order: Vec<usize>| Permutation::new(tokens, order).capacity;
        // What comes in order only passes.
        assert_eq!(held(5, (0..5).collect()), 2);
        assert_eq!(held(4, vec![1, 0, 3, 2]), 4);
        // The last one first: two samples meet.
        assert!((8..=16).contains(&held(8, (0..8).rev().collect())));
        // What is never read need not be kept.
        assert_eq!(held(100, vec![7]), 2);
    }

    #[test]
    fn pieces_are_aligned_in_both_orders() {
        assert_eq!(piece(&[4, 5, 6, 7, 0, 1, 2, 3], 8), 4);
        assert_eq!(piece(&[2, 3, 4, 5, 0, 1], 6), 2);
        assert_eq!(piece(&[1, 2, 3, 0], 4), 1);
    }
}
