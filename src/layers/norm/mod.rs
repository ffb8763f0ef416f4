//! Layers that make mean and size of groups of elements equal, for every sample anew.

mod build;
mod hls4ml;
mod layer_norm;
#[cfg(test)]
mod tests;

pub use layer_norm::{LayerNorm, Statistic};
