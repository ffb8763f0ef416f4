//! What HGQ2's quantizers do: to weights, now and in float32; to data, as formats for later.

use super::conf::{Bits, Conf, Names};
use crate::fixed::{Format, Overflow, Rounding};
use crate::layers::{Import, LayerError};
use crate::source::Tensor;

/// A quantizer of a tensor.
pub(super) struct Rule {
    pub(super) conf: Conf,
    /// Of every element.
    pub(super) bits: Vec<Bits>,
}

impl Rule {
    /// The formats that do the same to data; none if only an unbounded one could.
    pub(super) fn formats(&self) -> Option<Vec<Option<Format>>> {
        let format = |bits: &Bits| format(self.conf, *bits);
        (!self.conf.round_only).then(|| self.bits.iter().map(format).collect())
    }

    /// The same, or why there are none.
    pub(super) fn lanes(
        &self,
        cx: &Import<'_>,
        names: &Names,
    ) -> Result<Vec<Option<Format>>, LayerError> {
        self.formats().ok_or_else(|| {
            let found = "WRAP of a weight, which never overflows";
            cx.value_error(names.conf, found, "a quantizer of data")
        })
    }

    /// What a value of the formats becomes at last.
    pub(super) fn behind(&self, value: f32) -> f32 {
        let value = value * self.conf.scaler as f32;
        match self.conf.affine {
            Some([factor, offset]) => value * factor as f32 + offset as f32,
            None => value,
        }
    }

    /// Quantizes constants.
    pub(super) fn apply(&self, values: &Tensor) -> Tensor {
        let mut quantized = values.clone();
        for (value, bits) in quantized.iter_mut().zip(&self.bits) {
            *value = f64::from(self.one(*value as f32, *bits));
        }
        quantized
    }

    /// Quantizes a constant to the bits of one of the elements.
    pub(super) fn one(&self, value: f32, bits: Bits) -> f32 {
        let scaler = self.conf.scaler as f32;
        self.behind(single(value / scaler, self.conf, bits))
    }

    /// Whether a number known to a few units of float32's last place could be rounded either way;
    /// `size` is at least the magnitude of what it was made from.
    pub(super) fn is_close(&self, value: f64, size: f64, bits: Bits) -> bool {
        if bits.is_zero() {
            return false;
        }
        let scale = 2f64.powi(bits.f) / self.conf.scaler;
        let steps = value * scale;
        let ties = match self.conf.rounding {
            Rounding::Trn | Rounding::TrnZero => steps,
            _ => steps + 0.5,
        };
        // Functions in float32 are good to some units of 2^-24.
        (ties - ties.round()).abs() < value.abs().max(size) * scale * 2f64.powi(-20)
    }
}

/// The format of an element; `None` where nothing but zero is left.
fn format(conf: Conf, bits: Bits) -> Option<Format> {
    // The range of one bit is minus one and zero, of which a symmetric one leaves zero alone.
    let one_bit = bits.k && bits.i + bits.f == 0;
    if bits.is_zero() || (one_bit && conf.overflow == Overflow::SatSym) {
        return None;
    }
    let sign = i32::from(bits.k);
    let format = Format {
        signed: bits.k,
        width: (sign + bits.i + bits.f) as u32,
        int_bits: sign + bits.i,
        rounding: conf.rounding,
        overflow: conf.overflow,
    };
    Some(format)
}

/// One constant, in HGQ2's order of operations.
fn single(x: f32, conf: Conf, bits: Bits) -> f32 {
    let Bits { k, i, f } = bits;
    if conf.round_only {
        // A unit this large leaves nothing, and one this small loses nothing.
        return match f {
            ..-120 => 0.0,
            121.. => x,
            _ => round(x * power(f), conf.rounding) / power(f),
        };
    }
    if bits.is_zero() {
        return 0.0;
    }
    let top = power(i);
    let sign = f32::from(u8::from(k));
    let clipped = match conf.overflow {
        Overflow::Wrap | Overflow::SatZero => x,
        Overflow::Sat => x.clamp(-sign * top, top - power(-f)),
        Overflow::SatSym => x.clamp(-sign * (top - power(-f)), top - power(-f)),
    };
    let rounded = round(clipped * power(f), conf.rounding) / power(f);
    match conf.overflow {
        Overflow::Wrap => {
            let (size, low) = if k { (2.0 * top, top) } else { (top, 0.0) };
            (rounded + low).rem_euclid(size) - low
        }
        _ => rounded,
    }
}

/// `2^exponent`, for exponents of normal numbers.
fn power(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent) as u32) << 23)
}

fn round(x: f32, rounding: Rounding) -> f32 {
    match rounding {
        Rounding::Trn => x.floor(),
        Rounding::TrnZero => x.trunc(),
        Rounding::Rnd => (x + 0.5).floor(),
        Rounding::RndConv => x.round_ties_even(),
        Rounding::RndMinInf => (x - 0.5).ceil(),
        Rounding::RndInf => (x.abs() + 0.5).floor().copysign(x),
        Rounding::RndZero => (x.abs() - 0.5).ceil().copysign(x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(rounding: Rounding, overflow: Overflow) -> Conf {
        Conf { kif: true, rounding, overflow, round_only: false, scaler: 1.0, affine: None }
    }

    #[test]
    fn constants_equal_the_formats() {
        // Both ways of saying the same: HGQ2's arithmetic and our cast.
        let modes = [Overflow::Wrap, Overflow::Sat, Overflow::SatSym];
        for rounding in Rounding::ALL {
            for conf in modes.map(|it| conf(rounding, it)) {
                for (k, i, f) in [(true, 2, 3), (false, 2, 2), (true, -1, 4), (true, 3, -1)] {
                    for bits in [Bits { k, i, f }, Bits { k, i, f: -i }] {
                        for step in -400..400 {
                            let x = step as f32 / 32.0;
                            let wanted = format(conf, bits)
                                .map_or(0.0, |it| it.value(it.quantize(f64::from(x))));
                            let found = single(x, conf, bits);
                            assert_eq!(f64::from(found), wanted, "{x} {conf:?} {bits:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn trained_weights_that_wrap_are_only_rounded() {
        let conf = Conf { round_only: true, ..conf(Rounding::Rnd, Overflow::Wrap) };
        let bits = Bits { k: true, i: 0, f: 2 };
        assert_eq!(single(5.3, conf, bits), 5.25);
        assert_eq!(single(0.7, conf, Bits { k: false, i: -9, f: 0 }), 1.0);
        assert_eq!(single(0.7, conf, Bits { f: -100_000, ..bits }), 0.0);
        assert_eq!(Rule { conf, bits: vec![bits] }.formats(), None);
    }

    #[test]
    fn elements_without_bits_have_no_format() {
        let sat = conf(Rounding::Rnd, Overflow::Sat);
        let none = Bits { k: false, i: -23, f: 23 };
        assert_eq!(format(sat, none), None);
        assert_eq!(single(3.0, sat, none), 0.0);
        let one = Bits { k: true, i: 1, f: -1 };
        assert_eq!(format(sat, one).unwrap().width, 1);
        assert_eq!(format(conf(Rounding::Rnd, Overflow::SatSym), one), None);
    }
}
