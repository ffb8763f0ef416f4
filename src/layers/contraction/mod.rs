//! Sums of products over shared axes: einsums of two tensors, matrix products, attention.

mod attention;
mod build;
mod einsum;
mod keras;
#[cfg(test)]
mod tests;

pub use einsum::Einsum;
pub(super) use einsum::Label;
pub(super) use keras::{labels, without_batch};
