//! Convolutions, channels last.

mod convolution;
mod keras;
mod transposed;

pub use convolution::Conv;
pub use transposed::ConvTranspose;
