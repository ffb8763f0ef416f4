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
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) conf: &'static str,
    pub(super) k: &'static str,
    pub(super) i: &'static str,
    pub(super) f: &'static str,
    pub(super) b: &'static str,
}

/// The names of a quantizer by those of its configuration and of the folder of its variables.
macro_rules! names {
    ($conf:literal, $at:expr) => {
        $crate::layers::hgq::conf::Names {
            conf: $conf,
            k: concat!($at, "/k"),
            i: concat!($at, "/i"),
            f: concat!($at, "/f"),
            b: concat!($at, "/b"),
        }
    };
}
pub(super) use names;

/// What is configured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Conf {
    /// Variables are keep-negative, integer, fraction; else keep-negative, bits, integer.
    pub(super) kif: bool,
    /// How values are rounded.
    pub(super) rounding: Rounding,
    /// What happens at the ends of the range.
    pub(super) overflow: Overflow,
    /// Values are only rounded: the range of a trained weight follows it.
    pub(super) round_only: bool,
    /// Values are divided by it before, and multiplied behind.
    pub(super) scaler: f64,
    /// What is done at last: a factor and an offset.
    pub(super) affine: Option<[f64; 2]>,
}

/// The bits of one element: sign, before and behind the binary point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Reads a configuration and refuses what is not understood; `None` if it lets everything pass.
    pub(super) fn of(cx: &Import<'_>, names: &Names) -> Result<Option<Conf>, LayerError> {
        let wrong = |found: String| cx.value_error(names.conf, found, "a QuantizerConfig");
        let Some(Attr::Map(object)) = cx.attrs().get(names.conf) else {
            return Err(wrong("nothing".to_owned()));
        };
        let (class, config) = match (object.get("class_name"), object.get("config")) {
            (Some(Attr::Str(class)), Some(Attr::Map(config))) => (bare(class), config),
            (class, _) => return Err(wrong(format!("{class:?}"))),
        };
        let attrs = Attrs::new(config.clone());
        let conf = match class {
            "QuantizerConfig" => Conf::read(cx, &attrs)?,
            // These keep to themselves how they overflow and what they do at last.
            "HardTanhConfig" => Conf::hard(cx, &attrs, None)?,
            "HardSigmoidConfig" => Conf::hard(cx, &attrs, Some([0.25, 0.5]))?,
            other => return Err(wrong(other.to_owned())),
        };
        let unread = attrs.unread();
        if unread.is_empty() {
            return Ok(conf);
        }
        let attrs = unread.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
        Err(LayerError::Unread { op: format!("{} of {}", names.conf, cx.node.op), attrs })
    }

    /// A hard tanh or sigmoid: everything but the ends is as in any other quantizer.
    fn hard(
        cx: &Import<'_>,
        attrs: &Attrs,
        affine: Option<[f64; 2]>,
    ) -> Result<Option<Conf>, LayerError> {
        let symmetric = attrs.bool("symmetric", false)?;
        let overflow = if symmetric { Overflow::SatSym } else { Overflow::Sat };
        let conf = Conf::read(cx, attrs)?;
        Ok(conf.map(|it| Conf { overflow, round_only: false, affine, ..it }))
    }

    fn read(cx: &Import<'_>, attrs: &Attrs) -> Result<Option<Conf>, LayerError> {
        // Training and first values; `heterogeneous_axis` shows in the shapes of the variables.
        attrs.ignore(&["place", "qnoise_factor", "k0", "i0", "f0", "b0", "i_decay_speed"]);
        attrs.ignore(&["ic", "ir", "fc", "fr", "bc", "br"]);
        attrs.ignore(&["homogeneous_axis", "heterogeneous_axis", "bw_mapper"]);
        let kif = match attrs.str("q_type", "kif")? {
            "kif" => true,
            "kbi" => false,
            // It quantizes nothing, whatever its modes.
            "dummy" => {
                attrs.ignore(&["round_mode", "overflow_mode", "is_weight", "trainable"]);
                return Ok(None);
            }
            other => return Err(cx.value_error("q_type", other, "kif, kbi, dummy")),
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
        let scaler = attrs.float("scaler", 1.0)?;
        if !scaler.is_normal() || scaler < 0.0 {
            return Err(cx.value_error("scaler", scaler, "a positive number"));
        }
        let affine = match attrs.get("affine") {
            None => None,
            Some(Attr::List(items)) => match numbers(items)[..] {
                [factor, offset] => Some([factor, offset]),
                _ => return Err(cx.value_error("affine", format!("{items:?}"), "two numbers")),
            },
            Some(other) => {
                return Err(cx.value_error("affine", format!("{other:?}"), "two numbers"));
            }
        };
        Ok(Some(Conf { kif, rounding, overflow, round_only, scaler, affine }))
    }
}

/// A class without its package.
fn bare(class: &str) -> &str {
    class.rsplit('>').next().unwrap_or(class)
}

fn numbers(items: &[Attr]) -> Vec<f64> {
    let number = |it: &Attr| match it {
        Attr::Int(it) => Some(*it as f64),
        Attr::Float(it) => Some(*it),
        _ => None,
    };
    items.iter().filter_map(number).collect()
}

/// The bits of every element of a tensor.
pub(super) fn bits(
    cx: &Import<'_>,
    names: &Names,
    conf: &Conf,
    shape: &[usize],
) -> Result<Vec<Bits>, LayerError> {
    let count = shape.iter().product();
    let spread = |role| {
        let variable = cx.weight(role)?.ok_or(LayerError::Missing { role })?;
        let values = broadcast(variable, shape).ok_or_else(|| LayerError::WeightShape {
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
pub(super) fn broadcast(variable: &Tensor, shape: &[usize]) -> Option<Vec<f64>> {
    let mut variable = variable.view();
    // The batch axis of data, and the leading axes of what is one number a channel.
    while variable.ndim() > shape.len() && variable.shape()[0] == 1 {
        variable = variable.index_axis_move(ndarray::Axis(0), 0);
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
        assert_eq!(broadcast(&row, &[2]).unwrap(), [1.0, 2.0]);
        assert_eq!(broadcast(&row, &[3, 2]).unwrap(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(broadcast(&arr0(4.0).into_dyn(), &[2]).unwrap(), [4.0; 2]);
        assert_eq!(broadcast(&row, &[3]), None);
        assert_eq!(broadcast(&row.t().to_owned(), &[1]), None);
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
