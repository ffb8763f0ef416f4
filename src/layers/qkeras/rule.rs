//! What QKeras' quantizers do to one number, in float32.
//!
//! Everything rounds ties to even. Scales found by least squares are in [`super::scale`].

use super::super::{Import, LayerError};
use super::call::{self, Call, SUPPORTED};
use crate::source::{Attr, Attrs};

/// Bits of a quantizer: more than a float32 holds are of no use.
const MOST_BITS: i64 = 32;
/// Keras' epsilon: smaller magnitudes count as nothing.
pub(super) const EPSILON: f32 = 1e-7;

/// A quantizer: a function of one number and what its result is multiplied with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) function: Function,
    pub(super) alpha: Alpha,
}

/// What a result is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Alpha {
    /// A constant.
    Number(f32),
    /// The scale of each channel that fits best, or the power of two that does.
    Auto { po2: bool },
}

/// The grid of the quantizers that only round and clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    /// All bits.
    pub(super) bits: i32,
    /// Bits before the binary point, without the sign.
    pub(super) integer: i32,
    /// Whether the lowest value is left out.
    pub(super) symmetric: bool,
    /// Whether there is a sign.
    pub(super) signed: bool,
}

/// The function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    /// `quantized_bits`.
    Bits(Grid),
    /// `quantized_linear`, whose factor stretches the grid.
    Linear(Grid, f32),
    /// `quantized_relu`.
    Relu { bits: i32, integer: i32, slope: f32 },
    /// `quantized_tanh`.
    Tanh { bits: i32, symmetric: bool, real: bool },
    /// `quantized_sigmoid`.
    Sigmoid { bits: i32, symmetric: bool, real: bool },
    /// `ternary`.
    Ternary { threshold: f32, unrolls: u32 },
    /// `binary`.
    Binary { zero_one: bool },
    /// `quantized_po2` and `quantized_relu_po2`.
    Po2(Po2),
}

/// Powers of two with exponents from `lo` to `hi`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Po2 {
    pub(super) lo: i32,
    pub(super) hi: i32,
    /// Larger magnitudes count as this.
    pub(super) max: f32,
    pub(super) floor: bool,
    /// Exponents are even.
    pub(super) quadratic: bool,
    /// What is not positive counts as nothing.
    pub(super) rectified: bool,
}

/// `2^exponent` in float32.
pub(super) fn power(exponent: i32) -> f32 {
    2f32.powi(exponent)
}

impl Grid {
    /// Bits without the sign.
    pub(super) fn magnitude(self) -> i32 {
        self.bits - i32::from(self.signed)
    }

    /// The integer nearest to `x`, counted in steps of the grid, within its range.
    fn steps(self, x: f32) -> f32 {
        let top = power(self.magnitude());
        let low = if self.signed { -top + f32::from(u8::from(self.symmetric)) } else { 0.0 };
        x.round_ties_even().clamp(low, top - 1.0)
    }

    fn at(self, x: f32) -> f32 {
        if self.magnitude() == 0 {
            let sign = if x >= 0.0 { 1.0 } else { -1.0 };
            return if self.signed { sign } else { (sign + 1.0) / 2.0 };
        }
        let unit = power(self.integer - self.magnitude());
        self.steps(x / unit) * unit
    }
}

impl Po2 {
    fn at(self, x: f32) -> f32 {
        let sign = if x >= 0.0 || self.rectified { 1.0 } else { -1.0 };
        let size = if self.rectified { x.max(0.0) } else { x.abs() }.min(self.max);
        if size < EPSILON {
            return sign * power(self.lo);
        }
        let log = f64::from(size).log2() / if self.quadratic { 2.0 } else { 1.0 };
        let log = if self.floor { log.floor() } else { log.round_ties_even() };
        let exponent = log.clamp(f64::from(self.lo), f64::from(self.hi)) as i32;
        sign * power(if self.quadratic { 2 * exponent } else { exponent })
    }
}

impl Function {
    /// The value for `x`, before it is multiplied.
    pub(super) fn at(self, x: f32) -> f32 {
        let sign = |symmetric: bool| f32::from(u8::from(symmetric));
        match self {
            Function::Bits(grid) => grid.at(x),
            Function::Linear(grid, alpha) => {
                let unit = alpha * power(grid.integer - grid.magnitude());
                grid.steps(x / unit) * unit
            }
            Function::Relu { bits, integer, slope } => {
                let (size, top) = (power(bits - i32::from(slope != 0.0)), power(integer));
                let positive =
                    ((x * size / top).round_ties_even() / size).clamp(0.0, 1.0 - 1.0 / size);
                if slope == 0.0 || x >= 0.0 {
                    return top * positive;
                }
                let below = (x * size / top * slope).round_ties_even() / (slope * size);
                top * slope * below.clamp(-1.0, 0.0)
            }
            Function::Tanh { bits, symmetric, real } => {
                let size = power(bits - 1);
                let p = if real { x.tanh() } else { x.clamp(-1.0, 1.0) };
                let low = -1.0 + sign(symmetric) / size;
                ((p * size).round_ties_even() / size).clamp(low, 1.0 - 1.0 / size)
            }
            Function::Sigmoid { bits, symmetric, real } => {
                let size = power(bits);
                let p = match real {
                    true => 1.0 / (1.0 + (-x).exp()),
                    false => (0.5 * x + 0.5).clamp(0.0, 1.0),
                };
                let low = sign(symmetric) / size;
                ((p * size).round_ties_even() / size).clamp(low, 1.0 - 1.0 / size)
            }
            Function::Ternary { threshold, .. } if x.abs() < threshold || x == 0.0 => 0.0,
            Function::Ternary { .. } => x.signum(),
            Function::Binary { zero_one } => {
                let sign = if x >= 0.0 { 1.0 } else { -1.0 };
                if zero_one { (sign + 1.0) / 2.0 } else { sign }
            }
            Function::Po2(po2) => po2.at(x),
        }
    }
}

/// Parameters of a quantizer under construction.
struct Reader<'c, 'a> {
    cx: &'c Import<'a>,
    class: &'c str,
    attrs: Attrs,
}

impl Rule {
    /// The quantizer in an attribute; `None` if there is none. `trained` says that it belongs to a
    /// kernel, for which layers choose the scale themselves if a call leaves it open.
    pub(super) fn of(
        cx: &Import<'_>,
        name: &'static str,
        trained: bool,
    ) -> Result<Option<Rule>, LayerError> {
        let Some(value) = cx.attrs().get(name) else { return Ok(None) };
        let Call { class, parameters, is_text } = call::read(cx, name, value)?;
        let reader = Reader { cx, class: &class, attrs: Attrs::new(parameters) };
        let rule = reader.rule(name, trained && is_text)?;
        let unread = reader.attrs.unread();
        if unread.is_empty() {
            return Ok(Some(rule));
        }
        let attrs = unread.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
        Err(LayerError::Unread { op: format!("{class} of {}", cx.node.op), attrs })
    }
}

impl Reader<'_, '_> {
    fn rule(&self, name: &'static str, open: bool) -> Result<Rule, LayerError> {
        // Stochastic rounding is for training, and so is noise where there is all of it.
        self.attrs.ignore(&["use_stochastic_rounding", "training", "temperature"]);
        self.attrs.ignore(&["var_name", "use_ste", "use_variables", "scale_axis"]);
        let noise = self.attrs.float("qnoise_factor", 1.0)?;
        if noise != 1.0 {
            return Err(self.cx.value_error("qnoise_factor", noise, "1"));
        }
        let alpha = match self.class {
            "quantized_bits" | "quantized_linear" | "ternary" | "stochastic_ternary" | "binary"
            | "stochastic_binary" => self.alpha(open)?,
            _ => Alpha::Number(1.0),
        };
        let rule = |function| Ok(Rule { function, alpha });
        match self.class {
            "quantized_bits" => {
                let grid = self.grid(false)?;
                let is_auto = matches!(alpha, Alpha::Auto { .. });
                if is_auto && (!grid.signed || grid.bits < 2) {
                    return Err(self.cx.value_error("alpha", "auto", "a number for these bits"));
                }
                rule(Function::Bits(grid))
            }
            "quantized_linear" => {
                let Alpha::Number(factor) = alpha else {
                    return Err(self.cx.value_error(
                        "alpha",
                        "auto",
                        "a number in quantized_linear",
                    ));
                };
                let grid = self.grid(true)?;
                if grid.magnitude() < 1 {
                    return Err(self.cx.value_error("bits", 1, "2 and more in quantized_linear"));
                }
                let function = Function::Linear(grid, factor);
                Ok(Rule { function, alpha: Alpha::Number(1.0) })
            }
            "quantized_relu" => rule(self.relu()?),
            "quantized_tanh" => rule(Function::Tanh {
                bits: self.bits()?,
                symmetric: self.attrs.bool("symmetric", false)?,
                real: self.attrs.bool("use_real_tanh", false)?,
            }),
            "quantized_sigmoid" => rule(Function::Sigmoid {
                bits: self.bits()?,
                symmetric: self.attrs.bool("symmetric", false)?,
                real: self.attrs.bool("use_real_sigmoid", false)?,
            }),
            "ternary" | "stochastic_ternary" => {
                let unrolls = self.attrs.int("number_of_unrolls", 5)?;
                let fits = u32::try_from(unrolls).ok().filter(|it| *it <= 100);
                let wrong = || self.cx.value_error("number_of_unrolls", unrolls, "0 to 100");
                let unrolls = fits.ok_or_else(wrong)?;
                rule(Function::Ternary { threshold: self.threshold()?, unrolls })
            }
            "binary" | "stochastic_binary" => {
                rule(Function::Binary { zero_one: self.attrs.bool("use_01", false)? })
            }
            "quantized_po2" => rule(self.po2(false)?),
            "quantized_relu_po2" => rule(self.po2(true)?),
            // Random even at inference.
            other => Err(self.cx.value_error(name, other, SUPPORTED)),
        }
    }

    fn alpha(&self, open: bool) -> Result<Alpha, LayerError> {
        if self.attrs.get("post_training_scale").is_some() {
            return Err(self.cx.value_error("post_training_scale", "given", "none"));
        }
        match self.attrs.get("alpha") {
            None if open => Ok(Alpha::Auto { po2: true }),
            None => Ok(Alpha::Number(1.0)),
            Some(Attr::Str(name)) if name == "auto" => Ok(Alpha::Auto { po2: false }),
            Some(Attr::Str(name)) if name == "auto_po2" => Ok(Alpha::Auto { po2: true }),
            Some(_) => {
                let alpha = self.attrs.float("alpha", 1.0)? as f32;
                if alpha.is_normal() && alpha > 0.0 {
                    return Ok(Alpha::Number(alpha));
                }
                Err(self.cx.value_error("alpha", alpha, "auto, auto_po2 or a positive number"))
            }
        }
    }

    fn bits(&self) -> Result<i32, LayerError> {
        self.within("bits", 8, 1, MOST_BITS)
    }

    fn within(
        &self,
        name: &'static str,
        default: i64,
        lo: i64,
        hi: i64,
    ) -> Result<i32, LayerError> {
        let value = self.attrs.int(name, default)?;
        match (lo..=hi).contains(&value) {
            true => Ok(value as i32),
            false => Err(self.cx.value_error(name, value, "what a float32 can hold")),
        }
    }

    fn grid(&self, symmetric: bool) -> Result<Grid, LayerError> {
        Ok(Grid {
            bits: self.bits()?,
            integer: self.within("integer", 0, -60, 60)?,
            symmetric: self.attrs.bool("symmetric", symmetric)?,
            signed: self.attrs.bool("keep_negative", true)?,
        })
    }

    fn relu(&self) -> Result<Function, LayerError> {
        if self.attrs.bool("use_sigmoid", false)? {
            return Err(self.cx.value_error("use_sigmoid", 1, "0"));
        }
        // With it, the upper bound has no effect.
        if !self.attrs.bool("is_quantized_clip", true)? {
            return Err(self.cx.value_error("is_quantized_clip", false, "true"));
        }
        self.attrs.ignore(&["relu_upper_bound"]);
        let slope = self.attrs.float("negative_slope", 0.0)? as f32;
        let (bits, integer) = (self.bits()?, self.within("integer", 0, -60, 60)?);
        let is_power = slope > 0.0 && slope <= 1.0 && slope.log2().fract() == 0.0;
        // The end of the range below zero must be on the grid.
        let is_on_grid = slope == 0.0 || (is_power && slope * power(bits - 1) >= 1.0);
        if is_on_grid && (slope == 0.0 || bits > 1) {
            return Ok(Function::Relu { bits, integer, slope });
        }
        Err(self.cx.value_error("negative_slope", slope, "0, or a power of two on the grid"))
    }

    fn threshold(&self) -> Result<f32, LayerError> {
        let threshold = self.attrs.float("threshold", 0.33)? as f32;
        match threshold.is_finite() && threshold >= 0.0 {
            true => Ok(threshold),
            false => Err(self.cx.value_error("threshold", threshold, "a number from 0 on")),
        }
    }

    fn po2(&self, rectified: bool) -> Result<Function, LayerError> {
        let quadratic = self.attrs.bool("quadratic_approximation", false)?;
        if self.attrs.float("negative_slope", 0.0)? != 0.0 {
            let supported = "0 in quantized_relu_po2";
            return Err(self.cx.value_error("negative_slope", "another", supported));
        }
        let floor = match self.attrs.str("log2_rounding", "rnd")? {
            "rnd" => false,
            "floor" => true,
            other => return Err(self.cx.value_error("log2_rounding", other, "rnd, floor")),
        };
        let max = match self.attrs.get("max_value") {
            None => f32::INFINITY,
            Some(_) => self.attrs.float("max_value", 1.0)? as f32,
        };
        // A negative maximum would be a negative magnitude.
        if max.is_nan() || max <= 0.0 {
            return Err(self.cx.value_error("max_value", max, "a positive number"));
        }
        let bits = self.bits()? - i32::from(!rectified) - i32::from(max > 1.0);
        if !(0..=6).contains(&bits) {
            return Err(self.cx.value_error("bits", bits, "exponents of at most 6 bits"));
        }
        let (lo, hi) = (-(1 << bits), (1 << bits) - 1);
        let hi = if quadratic { hi / 2 * 2 } else { hi };
        Ok(Function::Po2(Po2 { lo, hi, max, floor, quadratic, rectified }))
    }
}
