//! The largest or smallest few along an axis: their values, or their places (`argmax`, `topk`).
//!
//! The layer ranks the last axis; imports turn another axis there and back. A place is a whole number
//! without sign, of as many bits as the last place has.

use super::import::Operand;
use super::shape::Permute;
use super::{Hardware, Import, Imported, LayerError, LayerSpec, Lower, Reshape, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::source::Tensor;
use crate::units::{Best, Ranking};

/// The best of the last axis, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct TopK {
    /// Which elements come first.
    pub ranking: Ranking,
    /// How many.
    pub count: usize,
    /// Their places, not their values.
    pub place: bool,
}

impl TopK {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = &[];
}

/// A ranking along any axis, as an operation of a framework asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    pub ranking: Ranking,
    /// The axis of the sample.
    pub axis: usize,
    pub count: usize,
    /// The axis stays, with an extent of `count`; otherwise it goes, and `count` is one.
    pub keep: bool,
}

impl Along {
    /// The layers that give places or values of an operand, for each entry of `places`.
    pub(super) fn import(
        self,
        cx: &Import<'_>,
        data: usize,
        places: &[bool],
    ) -> Result<Imported, LayerError> {
        let mut shape = cx.shape(data)?.clone();
        if self.count == 0 || shape.0.get(self.axis).is_none_or(|it| self.count > *it) {
            let supported = "from 1 to the extent of the axis";
            return Err(cx.value_error("k", self.count, supported));
        }
        let turn = Permute::to_last(self.axis, shape.0.len());
        let back = turn.inverse();
        let mut made = Imported::default();
        let mut turned = Operand::Input(data);
        if !turn.is_identity() {
            turned = made.add("turned", turn, &[turned]);
        }
        shape.0.remove(self.axis);
        let mut outputs = Vec::new();
        for (at, place) in places.iter().enumerate() {
            let name = if at == 0 { "" } else { "places" };
            let layer = TopK { ranking: self.ranking, count: self.count, place: *place };
            let best = made.add(name, layer, &[turned]);
            outputs.push(match self.keep {
                true if back.is_identity() => best,
                true => made.add("back", back.clone(), &[best]),
                false => made.add("flat", Reshape { shape: shape.clone() }, &[best]),
            });
        }
        Ok(made.with_outputs(outputs))
    }
}

impl LayerSpec for TopK {
    fn kind(&self) -> &'static str {
        "TopK"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let mut shape = inputs[0].0.clone();
        match shape.last_mut() {
            Some(last) if (1..=*last).contains(&self.count) => *last = self.count,
            _ => {
                let expected = format!("{} elements or more in the last axis", self.count.max(1));
                return Err(LayerError::Shapes { found: vec![inputs[0].clone()], expected });
            }
        }
        Ok(Shape(shape))
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[&Shape(inputs[0].shape().to_vec())]);
        let shape = shape.expect("infer has checked the shape");
        let Ranking { least, last } = self.ranking;
        let mut made = Vec::with_capacity(shape.elements());
        for row in inputs[0].rows() {
            let mut order: Vec<usize> = (0..row.len()).collect();
            if last {
                order.reverse();
            }
            // The sort is stable: of equals the first in `order` stays first.
            let sign = if least { 1.0 } else { -1.0 };
            // Adding zero makes the two zeros one.
            let key = |it: &usize| sign * row[*it] + 0.0;
            order.sort_by(|a, b| key(a).total_cmp(&key(b)));
            let given = |it: usize| if self.place { it as f64 } else { row[it] };
            made.extend(order.into_iter().take(self.count).map(given));
        }
        Tensor::from_shape_vec(shape.0, made).expect("as many as elements")
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl TopK {
    /// What the best of each row, the second and so on can be.
    fn row(&self, row: &[Span]) -> Vec<Span> {
        if self.place {
            return vec![Span::new(0.0, row.len() as f64 - 1.0); self.count];
        }
        let ranked = |end: fn(&Span) -> f64| {
            let mut ends: Vec<f64> = row.iter().map(end).collect();
            ends.sort_by(f64::total_cmp);
            if !self.ranking.least {
                ends.reverse();
            }
            ends
        };
        let ends = ranked(|it| it.lo).into_iter().zip(ranked(|it| it.hi));
        ends.map(|(lo, hi)| Span::new(lo, hi)).take(self.count).collect()
    }
}

impl Hardware for TopK {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }

    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        if !self.place {
            return Typed::new(cx.inputs[0].format, "as its input");
        }
        let last = cx.inputs[0].shape.last().saturating_sub(1);
        let bits = (usize::BITS - last.leading_zeros()).max(1);
        Typed::new(Format::unsigned(bits, bits as i32), format!("places up to {last}"))
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        cx.inputs[0].spans.chunks(cx.inputs[0].shape.last()).flat_map(|it| self.row(it)).collect()
    }

    fn is_activation(&self) -> bool {
        false
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let group = cx.builder.ty(inputs[0]).shape.last();
        let TopK { ranking, count, place } = *self;
        let result = cx.format(Role::Result);
        cx.builder.add("", Best { ranking, group, count, place, result }, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equals_the_first_or_the_last() {
        let x = Tensor::from_shape_vec(vec![1, 5], vec![0.0, 3.0, -0.0, 3.0, -1.0]).unwrap();
        let places = |least, last| {
            let layer = TopK { ranking: Ranking { least, last }, count: 4, place: true };
            layer.eval(&[&x]).into_raw_vec_and_offset().0
        };
        assert_eq!(places(false, false), [1.0, 3.0, 0.0, 2.0]);
        assert_eq!(places(false, true), [3.0, 1.0, 2.0, 0.0]);
        assert_eq!(places(true, false), [4.0, 0.0, 2.0, 1.0]);
        assert_eq!(places(true, true), [4.0, 2.0, 0.0, 3.0]);
    }
}
