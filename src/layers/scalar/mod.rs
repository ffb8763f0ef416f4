//! Functions of one number: roots, logarithms, rounding, the rarer activations of Keras.
//!
//! What is made of lines is exact but for its constants, which have 24 bits ([`exact`]). The rest are
//! tables ([`super::tabulated`]): over the whole input as other activations; of one period for sine and cosine;
//! addressed by a floating-point number for roots, powers and the logarithm, so that the relative
//! error is the same for inputs of all sizes. With 1024 entries and inputs in `fixed<16,6>` it is
//! 0.002 for the reciprocal, 0.0011 for roots; the logarithm is within 0.0021, sine and cosine within
//! 0.004.
//!
//! What has no value at zero or below has that of the smallest positive input there.

mod build;
mod exact;
#[cfg(test)]
mod tests;

pub(super) use self::exact::affine;
use super::Spelling;
use super::table::erf;

/// The function of a [`Scalar`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScalarFunction {
    /// `1 / x`.
    Reciprocal,
    /// Square root.
    Sqrt,
    /// `1 / sqrt(x)`.
    Rsqrt,
    /// Natural logarithm.
    Log,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// `-1`, `0` or `1`.
    Sign,
    /// The error function.
    Erf,
    /// The next integer below.
    Floor,
    /// The next integer above.
    Ceil,
    /// The nearest integer, the even one of two.
    Round,
    /// A constant power.
    Power(f64),
    /// Keras' `ReLU` with everything: `x` from the threshold to the ceiling, below on a line of
    /// another slope that is zero at the threshold.
    Ramp {
        /// The slope below.
        slope: f64,
        /// Where the line ends.
        threshold: f64,
        /// The ceiling.
        max: f64,
    },
    /// `x` above zero, `alpha (exp(x / alpha) - 1)` below.
    Celu(f64),
    /// `ln(sigmoid(x))`.
    LogSigmoid,
    /// `(x + sqrt(x^2 + b)) / 2`.
    Squareplus(f64),
    /// `x` relu6(x + 3) / 6, also called hard swish.
    HardSilu,
    /// `x` where its magnitude is above the limit, else zero.
    HardShrink(f64),
    /// `x` moved to zero by the limit, and no further.
    SoftShrink(f64),
    /// `x - tanh(x)`.
    TanhShrink,
    /// Zero up to -1, `(x + 1)^2 / 4` up to 1, then `x`.
    SparsePlus,
    /// Zero up to -1, `(x + 1) / 2` up to 1, then 1.
    SparseSigmoid,
}

/// A function of each element.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Which.
    pub function: ScalarFunction,
}

impl Scalar {
    // Activations by name and functions on tensors make it.
    pub(super) const SPELLINGS: &[Spelling] = &[];
}

impl ScalarFunction {
    /// The activation that Keras calls by a name, with its default parameters.
    pub fn activation(name: &str) -> Option<ScalarFunction> {
        Some(match name {
            "celu" => ScalarFunction::Celu(1.0),
            "log_sigmoid" => ScalarFunction::LogSigmoid,
            "squareplus" => ScalarFunction::Squareplus(4.0),
            "hard_silu" | "hard_swish" => ScalarFunction::HardSilu,
            "hard_shrink" => ScalarFunction::HardShrink(0.5),
            "soft_shrink" => ScalarFunction::SoftShrink(0.5),
            "tanh_shrink" => ScalarFunction::TanhShrink,
            "sparse_plus" => ScalarFunction::SparsePlus,
            "sparse_sigmoid" => ScalarFunction::SparseSigmoid,
            _ => return None,
        })
    }

    /// Float meaning.
    pub fn at(self, x: f64) -> f64 {
        match self {
            ScalarFunction::Reciprocal => 1.0 / x,
            ScalarFunction::Sqrt => x.sqrt(),
            ScalarFunction::Rsqrt => 1.0 / x.sqrt(),
            ScalarFunction::Log => x.ln(),
            ScalarFunction::Sin => x.sin(),
            ScalarFunction::Cos => x.cos(),
            ScalarFunction::Sign if x == 0.0 => 0.0,
            ScalarFunction::Sign => x.signum(),
            ScalarFunction::Erf => erf(x),
            ScalarFunction::Floor => x.floor(),
            ScalarFunction::Ceil => x.ceil(),
            ScalarFunction::Round => x.round_ties_even(),
            ScalarFunction::Power(p) => x.powf(p),
            ScalarFunction::Ramp { slope, threshold, .. } if x < threshold => {
                slope * (x - threshold)
            }
            ScalarFunction::Ramp { max, .. } => x.min(max),
            ScalarFunction::Celu(alpha) => x.max(0.0) + alpha * (x.min(0.0) / alpha).exp_m1(),
            ScalarFunction::LogSigmoid => x.min(0.0) - (-x.abs()).exp().ln_1p(),
            ScalarFunction::Squareplus(b) => (x + (x * x + b).sqrt()) / 2.0,
            ScalarFunction::HardSilu => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            ScalarFunction::HardShrink(limit) => {
                if x.abs() > limit {
                    x
                } else {
                    0.0
                }
            }
            ScalarFunction::SoftShrink(limit) => x - x.clamp(-limit, limit),
            ScalarFunction::TanhShrink => x - x.tanh(),
            ScalarFunction::SparsePlus if x >= 1.0 => x,
            ScalarFunction::SparsePlus => (x + 1.0).max(0.0).powi(2) / 4.0,
            ScalarFunction::SparseSigmoid => ((x + 1.0) / 2.0).clamp(0.0, 1.0),
        }
    }
}
