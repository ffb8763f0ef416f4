//! Convolutions, channels last.

mod convolution;
mod keras;
#[cfg(test)]
mod tests;
mod transposed;

pub use convolution::Conv;
pub use transposed::ConvTranspose;

use super::gather::Element;

/// What a [`Linear`](super::linear::Linear) reads for each place, group, tap and channel of the group,
/// from the pixel that each tap reads at each place.
fn channel_reads(
    pixels: &[Option<usize>],
    taps: usize,
    groups: usize,
    n_in: usize,
) -> Vec<Element> {
    let channels = groups * n_in;
    let mut reads = Vec::with_capacity(pixels.len() * channels);
    for pixels in pixels.chunks(taps) {
        for group in 0..groups {
            for pixel in pixels {
                let element = |channel| pixel.map(|it| (it * channels + channel) as u32);
                reads.extend((group * n_in..(group + 1) * n_in).map(element));
            }
        }
    }
    reads
}
