//! Layers that move elements without changing them: permutations, selections, joints, padding.

mod concatenate;
mod pad;
mod permute;
mod rewire;
mod take;

pub use concatenate::Concatenate;
pub use pad::Pad;
pub use permute::Permute;
pub(in crate::layers) use rewire::{Rewire, repeat, rewired};
pub(in crate::layers) use take::MAX_PLACES;
pub use take::Take;
