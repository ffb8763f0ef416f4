//! Configurations and variables of HGQ2's quantizers.
//!
//! The configuration says how to round and overflow; how many bits there are is in the variables,
//! which training has changed. They broadcast to the tensor that is quantized.

use ndarray::IxDyn;

use super::super::{Import, LayerError};
use crate::fixed::{Overflow, Rounding};
use crate::source::{Attr, Attrs, Tensor};

/// Bits are counted up to here on either side of the binary point; a tensor with more is refused.
const MOST_BITS: i32 = 60;

/// Where a quantizer's configuration and variables are.
pub(super) struct Names {
    pub(super) conf: &'static str,
    pub(super) k: &'static str,
    pub(super) i: &'static str,
    pub(super) f: &'static str,
    pub(super) b: &'static str,
}

/// What is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conf {
    /// Variables are keep-negative, integer, fraction; else keep-negative, bits, integer.
    pub(super) kif: bool,
    /// How values are rounded.
    pub(super) rounding: Rounding,
    /// What happens at the ends of the range.
    pub(super) overflow: Overflow,
    /// Values are only rounded: the range of a trained weight follows it.
    pub(super) round_only: bool,
}

/// The bits of one element: sign, before and behind the binary point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) k: bool,
    pub(super) i: i32,
    pub(super) f: i32,
}

impl Bits {
    /// Whether nothing but zero can be told apart.
    pub(super) fn is_zero(self) -> bool {
        i32::from(self.k) + self.i + self.f <= 0
    }
}

impl Conf {
    /// Reads a configuration and refuses what is not understood.
    pub(super) fn of(cx: &Import<'_>, names: &Names) -> Result<Conf, LayerError> {
        let wrong = |found: String| cx.value_error(names.conf, found, "a QuantizerConfig");
        let Some(Attr::Map(object)) = cx.attrs().get(names.conf) else {
            return Err(wrong("nothing".to_owned()));
        };
        match (object.get("class_name"), object.get("config")) {
            (Some(Attr::Str(class)), Some(Attr::Map(config)))
                if class.rsplit('>').next() == Some("QuantizerConfig") =>
            {
                let attrs = Attrs::new(config.clone());
                let conf = Conf::read(cx, &attrs)?;
                let unread = attrs.unread();
                let attrs = unread.iter().map(|(name, value)| format!("{name} = {value:?}"));
                match unread.is_empty() {
                    true => Ok(conf),
                    false => {
                        let op = format!("{} of {}", names.conf, cx.node.op);
                        Err(LayerError::Unread { op, attrs: attrs.collect() })
                    }
                }
            }
            (class, _) => Err(wrong(format!("{class:?}"))),
        }
    }

    fn read(cx: &Import<'_>, attrs: &Attrs) -> Result<Conf, LayerError> {
        // Training and first values; `heterogeneous_axis` shows in the shapes of the variables.
        attrs.ignore(&["place", "qnoise_factor", "k0", "i0", "f0", "b0", "i_decay_speed"]);
        attrs.ignore(&["ic", "ir", "fc", "fr", "bc", "br"]);
        attrs.ignore(&["homogeneous_axis", "heterogeneous_axis"]);
        let kif = match attrs.str("q_type", "kif")? {
            "kif" => true,
            "kbi" => false,
            other => return Err(cx.value_error("q_type", other, "kif, kbi")),
        };
        let mode = attrs.str("round_mode", "TRN")?.to_ascii_uppercase();
        // Stochastic modes round as the plain ones at inference.
        let plain = mode.strip_prefix("S_").unwrap_or(&mode);
        let rounding = Rounding::ALL.into_iter().find(|it| it.name() == plain);
        let rounding = rounding.ok_or_else(|| {
            cx.value_error("round_mode", &mode, "TRN, RND, RND_CONV and ap_fixed's others")
        })?;
        let overflow = match attrs.str("overflow_mode", "WRAP")?.to_ascii_uppercase().as_str() {
            "WRAP" => Overflow::Wrap,
            "SAT" => Overflow::Sat,
            "SAT_SYM" => Overflow::SatSym,
            other => return Err(cx.value_error("overflow_mode", other, "WRAP, SAT, SAT_SYM")),
        };
        let is_weight = attrs.bool("is_weight", false)?;
        let trainable = attrs.bool("trainable", true)?;
        let follows = kif || rounding == Rounding::Rnd;
        let round_only = overflow == Overflow::Wrap && is_weight && trainable && follows;
        Ok(Conf { kif, rounding, overflow, round_only })
    }
}

/// The bits of every element of a tensor; `batch` leading axes of the variables have extent 1.
pub(super) fn bits(
    cx: &Import<'_>,
    names: &Names,
    conf: &Conf,
    shape: &[usize],
    batch: usize,
) -> Result<Vec<Bits>, LayerError> {
    let count = shape.iter().product();
    let spread = |role| {
        let variable = cx.weight(role)?.ok_or(LayerError::Missing { role })?;
        let values = broadcast(variable, shape, batch).ok_or_else(|| LayerError::WeightShape {
            role,
            found: variable.shape().to_vec(),
            expected: shape.to_vec(),
        })?;
        Ok::<_, LayerError>(values)
    };
    let (k, i) = (spread(names.k)?, spread(names.i)?);
    let last = spread(if conf.kif { names.f } else { names.b })?;
    let mut bits = Vec::with_capacity(count);
    for ((k, i), last) in k.into_iter().zip(i).zip(last) {
        // Ties go to even, as in the framework; casts to integers saturate.
        let (i, last) = (whole(i), whole(last));
        let f = if conf.kif { last } else { last.saturating_sub(i) };
        let element = Bits { k: k != 0.0, i, f };
        let far = |it: i32| it.abs() > MOST_BITS;
        if !element.is_zero() && (far(i) || far(f)) {
            let found = format!("{i} integer and {f} fractional bits");
            return Err(cx.value_error(names.conf, found, "at most 60 of each"));
        }
        bits.push(element);
    }
    Ok(bits)
}

/// A number of bits; what was never traced has minus a billion.
fn whole(value: f64) -> i32 {
    value.round_ties_even().clamp(-1e6, 1e6) as i32
}

/// The elements of a variable spread over a tensor, in its order.
fn broadcast(variable: &Tensor, shape: &[usize], batch: usize) -> Option<Vec<f64>> {
    let mut variable = variable.view();
    for _ in 0..batch {
        // A scalar has no batch axis.
        if variable.ndim() > shape.len() && variable.shape()[0] == 1 {
            variable = variable.index_axis_move(ndarray::Axis(0), 0);
        }
    }
    let spread = variable.broadcast(IxDyn(shape))?;
    Some(spread.iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr0, arr2};

    #[test]
    fn variables_broadcast_without_their_batch_axis() {
        let row = arr2(&[[1.0, 2.0]]).into_dyn();
        assert_eq!(broadcast(&row, &[2], 1).unwrap(), [1.0, 2.0]);
        assert_eq!(broadcast(&row, &[3, 2], 0).unwrap(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(broadcast(&arr0(4.0).into_dyn(), &[2], 1).unwrap(), [4.0; 2]);
        assert_eq!(broadcast(&row, &[3], 1), None);
        assert_eq!(broadcast(&row, &[2], 0), None);
    }

    #[test]
    fn bits_round_to_even_and_may_be_absurd() {
        assert_eq!([0.5, 1.5, -0.5, 2.4].map(whole), [0, 2, 0, 2]);
        assert_eq!(whole(-1e9), -1_000_000);
        assert!(Bits { k: true, i: -3, f: 2 }.is_zero());
        assert!(!Bits { k: true, i: -3, f: 3 }.is_zero());
        assert!(Bits { k: false, i: 2, f: -2 }.is_zero());
    }
}
