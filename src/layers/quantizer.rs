//! A quantizer of the model: every element is cast to a format that training has chosen.
//!
//! Its formats are the model's, not the configuration's: nothing the user sets changes them, and what
//! was exact before it is exact behind it. An element may have no bits at all; it is always zero.
//! HGQ2's rule (clip, then round) is a cast of ours (round, then saturate), because the ends of the
//! range lie on the grid. One `requantize` unit, or none where the input has the formats already.

use ndarray::Zip;

use super::fake_quant::Nearest;
use super::{Hardware, LayerError, LayerSpec, Lower, Spelling, hgq};
use crate::fixed::{Format, Overflow, Rounding, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;
use crate::units::Requantize;

/// A cast of every element to a format of its own.
#[derive(Clone, Debug)]
pub struct Quantizer {
    /// The format of each element of a sample; `None` where nothing but zero is left.
    pub lanes: Vec<Option<Format>>,
}

impl Quantizer {
    pub(super) const SPELLINGS: &[Spelling] =
        &[Spelling::keras("Quantizer", hgq::import_quantizer)];

    /// The exponent of a power of two.
    pub fn exponent(scale: f64) -> Option<i32> {
        let exponent = scale.log2().round();
        (exponent.abs() < 40.0 && exponent.exp2() == scale).then_some(exponent as i32)
    }

    /// The cast to codes from `low` to `high` times a scale, if there is one that rounds likewise.
    pub fn format((low, high): (f64, f64), scale: f64, nearest: Nearest) -> Option<Format> {
        let exponent = Quantizer::exponent(scale)?;
        let signed = low < 0.0;
        let bits = (high + 1.0).log2() as u32 + u32::from(signed);
        if bits == 0 || bits > 48 || (high + 1.0).log2().fract() != 0.0 {
            return None;
        }
        let full = if signed { -high - 1.0 } else { 0.0 };
        let overflow = match low {
            _ if low == full => Overflow::Sat,
            _ if low == -high && bits > 1 => Overflow::SatSym,
            _ => return None,
        };
        let rounding = match nearest {
            Nearest::HalfEven => Rounding::RndConv,
            Nearest::HalfUp => Rounding::RndInf,
            Nearest::HalfDown => Rounding::RndZero,
            Nearest::Floor => Rounding::Trn,
            Nearest::Down => Rounding::TrnZero,
            Nearest::Ceil | Nearest::Up => return None,
        };
        let format = Format { signed, ..Format::signed(bits, bits as i32 + exponent) };
        Some(format.with(rounding, overflow))
    }

    /// The smallest format that holds every element, with the modes of the first.
    pub fn union(&self) -> Format {
        let all = self.lanes.iter().flatten().copied();
        all.reduce(Format::union).unwrap_or(Format::unsigned(1, 1))
    }

    /// The same quantizer with the bits that values within `spans` have; they are its own results.
    ///
    /// Where a value wraps, the span is the whole range and nothing is taken away; where it
    /// saturates, the end is in the span and stays the end.
    fn needed(&self, spans: &[Span]) -> Quantizer {
        let needed = |(lane, span): (&Option<Format>, &Span)| {
            let format = (*lane)?;
            let (lo, hi) = (format.quantize(span.lo), format.quantize(span.hi));
            // A symmetric end is no power of two; where the format is narrower, no value reaches it.
            let overflow = match format.overflow {
                Overflow::SatSym => Overflow::Sat,
                other => other,
            };
            let tight = Format::holding(lo, hi, format.frac()).with(format.rounding, overflow);
            let is_less = tight.width < format.width;
            (lo != 0 || hi != 0).then_some(if is_less { tight } else { format })
        };
        Quantizer { lanes: self.lanes.iter().zip(spans).map(needed).collect() }
    }
}

/// A format in which every value of `of` is cast to zero: its unit is larger than all of them.
fn zero(of: Format) -> Format {
    Format::unsigned(1, of.int_bits + 1).with(Rounding::TrnZero, Overflow::Wrap)
}

impl LayerSpec for Quantizer {
    fn kind(&self) -> &'static str {
        "FixedPointQuantizer"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        if inputs[0].elements() == self.lanes.len() {
            return Ok(inputs[0].clone());
        }
        let expected = format!("{} elements", self.lanes.len());
        Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected })
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let lanes = ndarray::ArrayView::from_shape(inputs[0].raw_dim(), &self.lanes);
        let lanes = lanes.expect("infer checked the number of elements");
        let cast = |x: &f64, lane: &Option<Format>| {
            lane.map_or(0.0, |format| format.value(format.quantize(*x)))
        };
        Zip::from(inputs[0]).and(&lanes).map_collect(cast)
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Quantizer {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        let needed = self.needed(&self.spans(cx));
        let zeros = needed.lanes.iter().filter(|it| it.is_none()).count();
        let widths = needed.lanes.iter().flatten().map(|it| it.width);
        let (min, max) = (widths.clone().min().unwrap_or(0), widths.max().unwrap_or(0));
        let reason = match (zeros, min == max) {
            (0, true) => "the model's quantizer".to_owned(),
            (0, false) => format!("the model's quantizer: elements of {min} to {max} bits"),
            _ => format!("the model's quantizer: elements of {min} to {max} bits, {zeros} of none"),
        };
        Typed::new(needed.union(), reason)
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let cast = |(span, lane): (&Span, &Option<Format>)| {
            lane.map_or(Span::point(0.0), |format| span.cast(format))
        };
        cx.inputs[0].spans.iter().zip(&self.lanes).map(cast).collect()
    }
    fn is_activation(&self) -> bool {
        // What feeds a quantizer keeps its full precision: the quantizer knows what to drop.
        true
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let input = cx.builder.ty(inputs[0]);
        let needed = self.needed(&cx.formats.spans);
        let formats = (0..).zip(&needed.lanes);
        let formats = formats.map(|(at, lane)| lane.unwrap_or_else(|| zero(input.format(at))));
        let to = Type::each(input.shape.clone(), formats.collect());
        if to == *input {
            return inputs[0];
        }
        cx.builder.add("", Requantize { to: to.formats }, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layer;
    use super::super::testing::Bench;
    use super::*;
    use proptest::prelude::*;

    fn quantizer(lanes: &[Option<Format>]) -> Quantizer {
        Quantizer { lanes: lanes.to_vec() }
    }

    #[test]
    fn elements_without_bits_are_zero_in_every_form() {
        let lanes = [Some(Format::signed(4, 2)), None, Some(Format::unsigned(3, 0))];
        let layer = quantizer(&lanes);
        let x = ndarray::arr1(&[-1.3, 5.0, 0.8]).into_dyn();
        let y = layer.eval(&[&x]);
        assert_eq!(y.as_slice().unwrap(), [-1.5, 0.0, 0.75]);
        assert_eq!(layer.union(), Format::signed(5, 2));
        for input in [Format::signed(9, 4), Format::unsigned(8, 3), Format::signed(1, 1)] {
            let zero = zero(input);
            for mantissa in [input.min(), input.max(), -1, 1] {
                assert_eq!(zero.quantize(input.value(mantissa)), 0, "{input} {mantissa}");
            }
        }
    }

    #[test]
    fn formats_of_the_input_cost_nothing() {
        let format = Format::signed(6, 3);
        let units = |lanes: &[Option<Format>]| {
            let bench = Bench::new(quantizer(lanes), format, &[2]);
            bench.graph(&bench.formats()).len()
        };
        assert_eq!(units(&[Some(format); 2]), 1, "the input alone");
        assert_eq!(units(&[Some(format), None]), 2);
    }

    #[test]
    fn a_shape_of_other_extent_is_refused() {
        let layer = quantizer(&[None, None]);
        assert!(layer.infer(&[&Shape(vec![3])]).is_err());
        assert_eq!(layer.infer(&[&Shape(vec![2, 1])]), Ok(Shape(vec![2, 1])));
    }

    fn lanes() -> impl Strategy<Value = Vec<Option<Format>>> {
        let mode = (0..7usize, 0..4usize);
        let lane = (any::<bool>(), 1..12u32, -4..6i32, mode).prop_map(|(signed, width, int, m)| {
            let format = Format { signed, ..Format::signed(width, int) };
            Some(format.with(Rounding::ALL[m.0], Overflow::ALL[m.1]))
        });
        proptest::collection::vec(prop_oneof![4 => lane, 1 => Just(None)], 3)
    }

    proptest! {
        #[test]
        fn units_equal_the_float_meaning(lanes in lanes(), mantissas in proptest::collection::vec(-512i128..512, 3)) {
            let input = Format::signed(10, 5);
            let bench = Bench::new(Layer::from(quantizer(&lanes)), input, &[3]);
            let x: Vec<f64> = mantissas.iter().map(|it| input.value(*it)).collect();
            let x = Tensor::from_shape_vec(vec![3], x).unwrap();
            let wanted = quantizer(&lanes).eval(&[&x]);
            let found = bench.floats(&[x.iter().copied().collect()]).remove(0);
            prop_assert_eq!(&found, wanted.as_slice().unwrap());
            let spans = bench.formats().spans;
            for (value, span) in found.iter().zip(spans) {
                prop_assert!(span.lo <= *value && *value <= span.hi, "{} in {:?}", value, span);
            }
        }
    }
}
