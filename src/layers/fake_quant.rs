//! Quantization as ONNX, QONNX and QDQ define it, in floats: any scale, any zero point, per tensor or
//! per channel, every rounding mode.
//!
//! Frameworks compute it in single precision, and so does this file: a quotient that single precision
//! rounds to a tie is a tie here. What has scales of powers of two and no zero point is imported as
//! a [`Quantizer`](super::Quantizer), which can be built; this layer has a float meaning only.

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Zip};

use super::{Hardware, LayerError, LayerSpec, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::{Attrs, Packed, Tensor};

/// How a number becomes an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearest {
    /// Ties to the even integer.
    HalfEven,
    /// Ties away from zero.
    HalfUp,
    /// Ties towards zero.
    HalfDown,
    /// Down.
    Floor,
    /// Up.
    Ceil,
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
}

impl Nearest {
    /// QONNX's names, in any case.
    fn named(name: &str) -> Option<Nearest> {
        Some(match name.to_ascii_uppercase().as_str() {
            "ROUND" | "HALF_EVEN" => Nearest::HalfEven,
            "HALF_UP" => Nearest::HalfUp,
            "HALF_DOWN" => Nearest::HalfDown,
            "FLOOR" => Nearest::Floor,
            "CEIL" => Nearest::Ceil,
            "UP" => Nearest::Up,
            "DOWN" => Nearest::Down,
            _ => return None,
        })
    }

    fn round(self, x: f64) -> f64 {
        match self {
            Nearest::HalfEven => x.round_ties_even(),
            Nearest::HalfUp => x.round(),
            Nearest::HalfDown if x.fract().abs() == 0.5 => x.trunc(),
            Nearest::HalfDown => x.round(),
            Nearest::Floor => x.floor(),
            Nearest::Ceil => x.ceil(),
            Nearest::Up if x < 0.0 => x.floor(),
            Nearest::Up => x.ceil(),
            Nearest::Down => x.trunc(),
        }
    }
}

/// What is computed of `c = x / scale + zero`, the code of an element.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "one a layer")]
pub enum Law {
    /// `(round(clamp(c)) - zero) * scale`.
    Integer {
        /// Least code.
        low: f64,
        /// Largest code.
        high: f64,
        /// Rounding.
        nearest: Nearest,
    },
    /// `round(clamp(c)) - zero`: how many scales, whole numbers.
    Whole {
        /// Least code.
        low: f64,
        /// Largest code.
        high: f64,
        /// Rounding.
        nearest: Nearest,
    },
    /// `scale` where `c` is not negative, else `-scale`.
    Bipolar,
    /// `clamp(round(x / scale) + zero)`: codes, not values.
    Codes {
        /// Least code.
        low: f64,
        /// Largest code.
        high: f64,
    },
    /// `(x - zero) * scale`: values of codes.
    Values,
    /// `(round(clamp(round(c) / step)) - zero / least) * to`: fewer bits.
    Truncate {
        /// What codes are divided by.
        step: Box<Tensor>,
        /// What the zero point is divided by.
        zero_step: Box<Tensor>,
        /// Scale of the result.
        to: Box<Tensor>,
        /// Least code.
        low: f64,
        /// Largest code.
        high: f64,
        /// Rounding of the quotient.
        nearest: Nearest,
    },
}

/// A quantizer or half of one; scales and zero points broadcast to the operand.
#[derive(Clone, Debug)]
pub struct FakeQuant {
    /// What is computed.
    pub law: Law,
    /// Value of a step.
    pub scale: Tensor,
    /// Code of zero.
    pub zero: Tensor,
}

/// What a node of a file says; `operands` are its constants.
pub struct Said<'a> {
    /// The operator.
    pub op: &'a str,
    /// Its attributes.
    pub attrs: &'a Attrs,
    /// Constant operands.
    pub operands: Vec<Option<&'a Tensor>>,
    /// Axes of the first operand.
    pub rank: usize,
}

impl std::fmt::Debug for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Said").field("op", &self.op).field("rank", &self.rank).finish()
    }
}

/// Wider codes are not exact in a double.
const MAX_BITS: f64 = 53.0;

fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// The domain of QONNX's operators, whatever the file calls it.
macro_rules! qonnx {
    ($op:literal) => {
        concat!("qonnx.custom_op.general::", $op)
    };
}

impl Said<'_> {
    /// Whether the operator is a quantizer.
    pub fn is_quantizer(op: &str) -> bool {
        matches!(
            op,
            qonnx!("Quant")
                | qonnx!("IntQuant")
                | qonnx!("BipolarQuant")
                | qonnx!("Trunc")
                | "QuantizeLinear"
                | "DequantizeLinear"
        )
    }

    fn value(
        &self,
        name: &'static str,
        found: impl ToString,
        supported: &'static str,
    ) -> LayerError {
        LayerError::Value { op: self.op.to_owned(), name, found: found.to_string(), supported }
    }

    /// A constant operand; all of it finite, and positive if it is a scale.
    fn operand(&self, index: usize, role: &'static str) -> Result<Tensor, LayerError> {
        let needed =
            || LayerError::Operand { op: self.op.to_owned(), index, expected: "a constant" };
        let value = self.operands.get(index).copied().flatten().ok_or_else(needed)?;
        super::import::finite(role, value)?;
        if role == "scale" && value.iter().any(|it| *it <= 0.0) {
            return Err(self.value("scale", format!("{value}"), "positive numbers"));
        }
        Ok(value.clone())
    }

    fn number(&self, index: usize, role: &'static str) -> Result<f64, LayerError> {
        let value = self.operand(index, role)?;
        match (value.len(), value.first()) {
            (1, Some(value)) => Ok(*value),
            _ => {
                let found = value.shape().to_vec();
                Err(LayerError::WeightShape { role, found, expected: vec![] })
            }
        }
    }

    fn bits(&self, index: usize, role: &'static str) -> Result<f64, LayerError> {
        let bits = self.number(index, role)?;
        match bits.fract() == 0.0 && (1.0..=MAX_BITS).contains(&bits) {
            true => Ok(bits),
            false => Err(self.value(role, bits, "whole numbers from 1 to 53")),
        }
    }

    fn nearest(&self, default: &'static str) -> Result<Nearest, LayerError> {
        let name = self.attrs.str("rounding_mode", default)?;
        let supported = "ROUND, HALF_EVEN, HALF_UP, HALF_DOWN, FLOOR, CEIL, UP, DOWN";
        Nearest::named(name).ok_or_else(|| self.value("rounding_mode", name, supported))
    }

    fn range(&self, bits: f64) -> Result<(f64, f64), LayerError> {
        let narrow = f64::from(u8::from(self.attrs.bool("narrow", false)?));
        Ok(match self.attrs.bool("signed", true)? {
            true => (narrow - (bits - 1.0).exp2(), (bits - 1.0).exp2() - 1.0),
            false => (0.0, bits.exp2() - 1.0 - narrow),
        })
    }

    /// Reads the operator.
    ///
    /// # Errors
    /// Whatever it says that this layer does not do.
    pub fn read(&self) -> Result<FakeQuant, LayerError> {
        match self.op {
            qonnx!("BipolarQuant") => {
                let zero = ndarray::arr0(0.0).into_dyn();
                Ok(FakeQuant { law: Law::Bipolar, scale: self.operand(1, "scale")?, zero })
            }
            qonnx!("Trunc") => self.truncation(),
            "QuantizeLinear" | "DequantizeLinear" => self.linear(),
            _ => {
                let (scale, zero) = (self.operand(1, "scale")?, self.operand(2, "zero point")?);
                let bits = self.bits(3, "bit width")?;
                let nearest = self.nearest("ROUND")?;
                let (low, high) = self.range(bits)?;
                let law = match self.attrs.bool("signed", true)? && bits == 1.0 {
                    true => Law::Bipolar,
                    false => Law::Integer { low, high, nearest },
                };
                Ok(FakeQuant { law, scale, zero })
            }
        }
    }

    /// `Trunc` has five operands in its first version, six in its second.
    fn truncation(&self) -> Result<FakeQuant, LayerError> {
        let (scale, zero) = (self.operand(1, "scale")?, self.operand(2, "zero point")?);
        let nearest = self.nearest("FLOOR")?;
        let from = self.bits(3, "input bit width")?;
        let one = ndarray::arr0(1.0).into_dyn();
        if self.operands.len() < 6 {
            let shift = (from - self.bits(4, "output bit width")?).exp2();
            let step = Box::new(ndarray::arr0(shift).into_dyn());
            let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
            self.attrs.ignore(&["signed", "narrow"]);
            let (zero_step, to) = (Box::new(one), Box::new(scale.clone()));
            let law = Law::Truncate { step, zero_step, to, low, high, nearest };
            return Ok(FakeQuant { law, scale, zero });
        }
        let to = self.operand(4, "scale")?;
        let (low, high) = self.range(self.bits(5, "output bit width")?)?;
        if scale.len() != 1 && to.len() != 1 && scale.shape() != to.shape() {
            let found = to.shape().to_vec();
            let expected = scale.shape().to_vec();
            return Err(LayerError::WeightShape { role: "output scale", found, expected });
        }
        let step = match to.len() {
            1 => scale.mapv(|it| to.first().copied().unwrap_or(1.0) / it),
            _ => &to / &scale,
        };
        let step = Box::new(step.mapv(|it| it.log2().round_ties_even().exp2()));
        let to = Box::new(to);
        let law = Law::Truncate { zero_step: step.clone(), step, to, low, high, nearest };
        Ok(FakeQuant { law, scale, zero })
    }

    /// One step of QDQ; a list of scales lies along an axis.
    fn linear(&self) -> Result<FakeQuant, LayerError> {
        if self.attrs.int("block_size", 0)? != 0 {
            return Err(self.value("block_size", "given", "0"));
        }
        self.attrs.ignore(&["saturate", "precision"]);
        let axis = self.attrs.int("axis", 1)?;
        let scale = self.operand(1, "scale")?;
        let zero = match self.operands.get(2) {
            Some(Some(_)) => self.operand(2, "zero point")?,
            _ => scale.mapv(|_| 0.0),
        };
        let law = match self.op {
            "DequantizeLinear" => {
                self.attrs.ignore(&["output_dtype"]);
                Law::Values
            }
            _ => {
                let (low, high) = match self.attrs.int("output_dtype", 2)? {
                    2 => (0.0, 255.0),
                    3 => (-128.0, 127.0),
                    4 => (0.0, 65535.0),
                    5 => (-32768.0, 32767.0),
                    21 => (0.0, 15.0),
                    22 => (-8.0, 7.0),
                    other => {
                        return Err(self.value("output_dtype", other, "integers of 4, 8, 16 bits"));
                    }
                };
                Law::Codes { low, high }
            }
        };
        let [scale, zero] = [scale, zero].map(|it| self.along(it, axis));
        Ok(FakeQuant { law, scale: scale?, zero: zero? })
    }

    /// A list along an axis, in the shape that broadcasts; one number serves all.
    fn along(&self, value: Tensor, axis: i64) -> Result<Tensor, LayerError> {
        if value.len() == 1 {
            return Ok(ndarray::arr0(value.first().copied().unwrap_or(0.0)).into_dyn());
        }
        let at = if axis < 0 { axis.saturating_add(self.rank as i64) } else { axis };
        let at = usize::try_from(at).ok().filter(|it| *it < self.rank && value.ndim() == 1);
        let at = at.ok_or_else(|| self.value("axis", axis, "an axis of the tensor"))?;
        let mut shape = vec![1; self.rank];
        shape[at] = value.len();
        Ok(value.into_shape_with_order(shape).expect("as many elements"))
    }
}

impl FakeQuant {
    // Import functions of quantizers make it.
    pub(super) const SPELLINGS: &[Spelling] = &[];

    /// All constants, changed alike.
    ///
    /// # Errors
    /// As `change` says.
    pub fn try_map<E>(self, change: impl Fn(Tensor) -> Result<Tensor, E>) -> Result<FakeQuant, E> {
        let law = match self.law {
            Law::Truncate { step, zero_step, to, low, high, nearest } => Law::Truncate {
                step: Box::new(change(*step)?),
                zero_step: Box::new(change(*zero_step)?),
                to: Box::new(change(*to)?),
                low,
                high,
                nearest,
            },
            other => other,
        };
        Ok(FakeQuant { law, scale: change(self.scale)?, zero: change(self.zero)? })
    }

    fn constants(&self) -> Vec<&Tensor> {
        let mut all = vec![&self.scale, &self.zero];
        if let Law::Truncate { step, zero_step, to, .. } = &self.law {
            all.extend([step, zero_step, to].map(|it| &**it));
        }
        all
    }

    /// What is done to one element of a tensor, whose shape the constants fit.
    pub fn element(&self, shape: &[usize], element: usize) -> FakeQuant {
        let mut at = vec![0; shape.len()];
        let mut rest = element;
        for (at, extent) in at.iter_mut().zip(shape).rev() {
            (*at, rest) = (rest % extent, rest / extent);
        }
        let own = |it: Tensor| {
            let wide = it.broadcast(IxDyn(shape)).expect("fits was asked");
            Ok::<_, std::convert::Infallible>(ndarray::arr0(wide[IxDyn(&at)]).into_dyn())
        };
        let Ok(it) = self.clone().try_map(own);
        it
    }

    /// Whether the constants broadcast to a shape.
    pub fn fits(&self, shape: &[usize]) -> bool {
        self.constants().iter().all(|it| it.broadcast(IxDyn(shape)).is_some())
    }

    /// Applies it; the constants fit the shape.
    pub fn apply(&self, x: &ArrayD<f64>) -> ArrayD<f64> {
        let mut values = x.clone();
        self.apply_in_place(&mut values);
        values
    }

    /// Applies it to a constant; the constants fit the shape.
    pub fn apply_to(&self, values: Packed) -> Packed {
        let rank = values.ndim();
        values.map_parts(|part, values| match part {
            Some(index) => self.part(rank, index).apply_in_place(values),
            None => self.apply_in_place(values),
        })
    }

    /// What is done to the tensors of one index of the first axis, of so many axes.
    fn part(&self, rank: usize, index: usize) -> FakeQuant {
        let own = |it: Tensor| {
            let part = match it.ndim() == rank {
                true => {
                    it.index_axis(Axis(0), if it.shape()[0] == 1 { 0 } else { index }).to_owned()
                }
                false => it,
            };
            Ok::<_, std::convert::Infallible>(part)
        };
        let Ok(it) = self.clone().try_map(own);
        it
    }

    /// Applies it to each element where it is; the constants fit the shape.
    fn apply_in_place(&self, values: &mut ArrayD<f64>) {
        let shape = values.shape().to_vec();
        let code = |x: f64, scale: f64, zero: f64| {
            single(single(single(x) / single(scale)) + single(zero))
        };
        let (scale, zero) = (wide(&self.scale, &shape), wide(&self.zero, &shape));
        let all = Zip::from(&mut *values).and(&scale).and(&zero);
        match &self.law {
            Law::Integer { low, high, nearest } => all.for_each(|x, s, z| {
                let c = nearest.round(code(*x, *s, *z).clamp(*low, *high));
                *x = single(single(c - z) * s);
            }),
            Law::Whole { low, high, nearest } => all.for_each(|x, s, z| {
                *x = nearest.round(code(*x, *s, *z).clamp(*low, *high)) - z;
            }),
            Law::Bipolar => all.for_each(|x, s, z| {
                let c = if code(*x, *s, *z) >= 0.0 { 1.0 } else { -1.0 };
                *x = single(single(c - z) * s);
            }),
            Law::Codes { low, high } => all.for_each(|x, s, z| {
                *x = (single(single(*x) / single(*s)).round_ties_even() + z).clamp(*low, *high);
            }),
            Law::Values => all.for_each(|x, s, z| *x = single((*x - z) * s)),
            Law::Truncate { step, zero_step, to, low, high, nearest } => {
                all.for_each(|x, s, z| *x = code(*x, *s, *z).round_ties_even());
                let (step, zero_step, to) =
                    (wide(step, &shape), wide(zero_step, &shape), wide(to, &shape));
                Zip::from(&mut *values).and(&step).for_each(|c, step| {
                    *c = nearest.round((*c / step).clamp(*low, *high));
                });
                let all = Zip::from(values).and(&zero).and(&zero_step).and(&to);
                all.for_each(|c, z, step, to| *c = single(single(*c - z / step) * to));
            }
        }
    }
}

/// A constant in the shape of what it is applied to; a view, because in full the constants would be
/// twice the weights.
fn wide<'a>(it: &'a Tensor, shape: &[usize]) -> ArrayViewD<'a, f64> {
    it.broadcast(IxDyn(shape)).expect("fits was asked")
}

impl LayerSpec for FakeQuant {
    fn kind(&self) -> &'static str {
        "Quant"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        if self.fits(&inputs[0].0) {
            return Ok(inputs[0].clone());
        }
        let expected = format!("one that scales {:?} broadcast to", self.scale.shape());
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        self.apply(inputs[0])
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        vec![(Role::Scale, &self.scale)]
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        None
    }
}
