//! Layers that make one number of many: pooling over windows, reductions over whole axes.

mod group;
mod pooling;
mod reduce;

pub use pooling::{Divisor, Pool, Pooling};
pub use reduce::{Reduce, Reduction};
