//! Layers that make one number of many: pooling over windows, reductions over whole axes.

mod group;
mod pooling;
mod product;
mod reduce;
#[cfg(test)]
mod tests;

pub use pooling::{Divisor, Pool, Pooling};
pub use reduce::{Reduce, Reduction};
