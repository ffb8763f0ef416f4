//! The integer graph: what hardware computes, exactly.
//!
//! Nodes are [`Unit`]s; every value is a mantissa with a known [`Format`], one for a whole tensor or
//! one per element. No float lives here or below.

mod format;
mod word;

pub use format::{Cast, Format, MAX_SHIFT, MAX_WIDTH, Overflow, Rounding, bits_of, to_f64};
pub use word::Word;
