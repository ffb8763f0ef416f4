//! Linear interpolation along axes, as dense layers: each output element is a mean of two neighbours.

use super::import::{Imported, Operand};
use super::{Dense, Identity, Permute};
use crate::source::Tensor;

/// A bound on the entries of the matrix of one axis.
pub(super) const MAX_ENTRIES: usize = 1 << 22;

/// Bits behind the point of weights that are kept as they are, so that exact operands stay exact.
const EXACT_BITS: i32 = 12;

/// Interpolation of `extent` elements at `length` positions, as a matrix `[extent, length]`; the ends
/// are repeated. `None` if a position is.
pub(super) fn matrix(
    extent: usize,
    length: usize,
    position: impl Fn(usize) -> Option<f64>,
) -> Option<Tensor> {
    let mut matrix = Tensor::zeros(vec![extent, length]);
    for to in 0..length {
        let at = position(to)?.clamp(0.0, extent as f64 - 1.0);
        let (first, share) = (at.floor() as usize, at.fract());
        matrix[[first, to]] += 1.0 - share;
        if share > 0.0 {
            matrix[[first + 1, to]] += share;
        }
    }
    Some(matrix)
}

/// Where `length` elements spread over `extent` lie if each is in the middle of its part.
pub(super) fn half_pixel(extent: usize, length: usize) -> Option<Tensor> {
    let scale = length as f64 / extent as f64;
    matrix(extent, length, |at| Some((at as f64 + 0.5) / scale - 0.5))
}

/// A constant matrix along each of some axes of the first operand; matrices of one change nothing.
pub(super) fn along(matrices: Vec<(usize, Tensor)>, rank: usize) -> Imported {
    let mut made = Imported::default();
    let mut value = Operand::Input(0);
    for (axis, matrix) in matrices {
        let same = |it: ndarray::IxDyn| f64::from(u8::from(it[0] == it[1]));
        if matrix.shape()[0] == matrix.shape()[1]
            && matrix == Tensor::from_shape_fn(matrix.raw_dim(), same)
        {
            continue;
        }
        let exact = |it: &f64| (it * 2f64.powi(EXACT_BITS)).fract() == 0.0;
        let quantized = matrix.iter().all(exact);
        let turn = Permute::to_last(axis, rank);
        let back = turn.inverse();
        value = made.add("turned", turn, &[value]);
        let dense = Dense { weights: matrix.into(), bias: None, quantized };
        value = made.add("interpolated", dense, &[value]);
        value = made.add("back", back, &[value]);
    }
    let output = made.add("", Identity, &[value]);
    made.with_outputs([output])
}
