//! Logarithms of sums of exponentials, and of a softmax: `x - m - ln(sum(exp(x - m)))` with the
//! maximum `m` of the same axes, so that nothing underflows.
//!
//! Nothing is above its maximum, which intervals do not know: a limit that changes no value says it, so that
//! the exponentials are within 1 and have all their bits behind the point.

use crate::layers::{
    Clip, Function, Imported, Merge, Operand, Reduce, Reduction, Scalar, ScalarFunction, Table,
};
use crate::units::Binary;

/// What such a logarithm is put together from; axes stay, with extent 1.
struct Parts {
    max: Operand,
    /// The operand without the maximum.
    below: Operand,
    /// Of the sum of exponentials of that.
    log: Operand,
}

impl Parts {
    fn add(made: &mut Imported, x: Operand, axes: &[usize]) -> Parts {
        let reduce = |reduction| Reduce { reduction, axes: axes.to_vec(), keep: true };
        let max = made.add("max", reduce(Reduction::Max), &[x]);
        let apart = made.add("apart", Merge { op: Binary::Sub }, &[x, max]);
        let below = made.add("below", Clip { min: f64::NEG_INFINITY, max: 0.0 }, &[apart]);
        let exp = made.add("exp", Table { function: Function::Exponential }, &[below]);
        let sum = made.add("sum", reduce(Reduction::Sum), &[exp]);
        let log = made.add("log", Scalar { function: ScalarFunction::Log }, &[sum]);
        Parts { max, below, log }
    }
}

/// The logarithm of the softmax along an axis, as a layer of the name given.
pub(in crate::layers) fn log_softmax(
    made: &mut Imported,
    name: &'static str,
    x: Operand,
    axis: usize,
) -> Operand {
    let Parts { below, log, .. } = Parts::add(made, x, &[axis]);
    made.add(name, Merge { op: Binary::Sub }, &[below, log])
}

/// The logarithm of the sum of exponentials along axes, which stay, as a layer of the name given.
pub(in crate::layers) fn log_sum_exp(
    made: &mut Imported,
    name: &'static str,
    x: Operand,
    axes: &[usize],
) -> Operand {
    let Parts { max, log, .. } = Parts::add(made, x, axes);
    made.add(name, Merge { op: Binary::Add }, &[max, log])
}
