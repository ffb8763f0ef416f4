//! Steps: a function that rises from value to value at thresholds.
//!
//! What quantizers to powers of two, to two or to three values do to data. A chain of `select` units
//! on constants, exact for every input; with more than 64 thresholds there is no hardware.

use super::pointwise::each;
use super::{Hardware, LayerError, LayerSpec, Lower, Spelling};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{Resolve, Role, Span, Typed, activation, auto};
use crate::source::Tensor;
use crate::units::{Compare, Select};

/// Thresholds that are built as comparisons.
const MOST: usize = 64;

/// `y = values[number of thresholds <= x]`.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Rising.
    pub thresholds: Vec<f64>,
    /// Rising, one more than thresholds.
    pub values: Vec<f64>,
}

impl Steps {
    // Quantizers make it.
    pub(super) const SPELLINGS: &[Spelling] = &[];

    /// The steps of a function of float32 that never falls.
    pub fn of(f: impl Fn(f32) -> f32) -> Steps {
        let ends = [-f32::MAX, f32::MAX].map(key);
        let mut steps = Steps { thresholds: Vec::new(), values: vec![f64::from(f(-f32::MAX))] };
        let mut open = vec![ends];
        while let Some([lo, hi]) = open.pop() {
            if f(float(lo)) == f(float(hi)) {
                continue;
            }
            if hi - lo == 1 {
                steps.thresholds.push(f64::from(float(hi)));
                steps.values.push(f64::from(f(float(hi))));
                continue;
            }
            let middle = lo + (hi - lo) / 2;
            // The lower half is next.
            open.extend([[middle, hi], [lo, middle]]);
        }
        steps
    }

    /// The least format of all values.
    pub(super) fn grid(&self) -> Format {
        Steps::format(&self.values)
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        self.values[self.thresholds.partition_point(|it| *it <= x)]
    }

    /// The least format of a value, or of all.
    fn format(values: &[f64]) -> Format {
        let all = ndarray::Array1::from(values.to_vec()).into_dyn();
        auto::grid(Some(&all)).format
    }
}

/// The place of a float among all.
fn key(x: f32) -> i64 {
    let size = i64::from(x.abs().to_bits());
    if x < 0.0 { -size } else { size }
}

fn float(key: i64) -> f32 {
    let size = f32::from_bits(key.unsigned_abs() as u32);
    if key < 0 { -size } else { size }
}

/// Adds a tensor that holds one value everywhere.
fn fill(cx: &mut Lower<'_>, part: &str, like: NodeId, value: f64) -> NodeId {
    let (shape, format) = (cx.builder.ty(like).shape.clone(), Steps::format(&[value]));
    let values = vec![format.quantize(value); shape.elements()].into();
    cx.builder.constant(part, shape, values, format)
}

impl LayerSpec for Steps {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        Ok(inputs[0].clone())
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        inputs[0].mapv(|it| self.at(it))
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        Vec::new()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        (self.thresholds.len() <= MOST).then_some(self)
    }
}

impl Hardware for Steps {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        activation::result(
            Span::hull(&self.spans(cx)),
            Some(Steps::format(&self.values).frac()),
            cx,
        )
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        each(cx, |it| it.rising(|x| self.at(x)))
    }
    fn is_activation(&self) -> bool {
        true
    }
    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let result = cx.format(Role::Result);
        let between = Steps::format(&self.values);
        let frac = cx.builder.ty(inputs[0]).union().frac();
        let (lowest, highest) = activation::ends(cx.builder.ty(inputs[0]).union());
        let mut value = fill(cx, "lowest", inputs[0], self.values[0]);
        let last = self.thresholds.len().saturating_sub(1);
        for (at, threshold) in self.thresholds.iter().enumerate() {
            // The least value of the input's grid that is not below the threshold.
            let threshold = (threshold * 2f64.powi(frac)).ceil();
            let threshold =
                (threshold as i128).clamp(lowest.saturating_sub(1), highest.saturating_add(1));
            let above = fill(cx, &format!("value{at}"), inputs[0], self.values[at + 1]);
            let select = Select {
                compare: Compare::GreaterEqual,
                threshold,
                threshold_format: Format::holding(threshold.min(0), threshold.max(0), frac),
                result: if at == last { result } else { between },
            };
            let name = if at == last { String::new() } else { format!("step{at}") };
            value = cx.builder.add(&name, select, &[inputs[0], above, value]);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn hardware_is_the_function_on_every_input() {
        let steps = Steps {
            thresholds: vec![-0.7, 0.0, 0.3, 5.0],
            values: vec![-2.0, -0.125, 0.25, 1.0, 4.0],
        };
        for input in [Format::signed(6, 3), Format::unsigned(5, 1), Format::signed(4, 6)] {
            let bench = Bench::new(steps.clone(), input, &[1]);
            for mantissa in input.min()..=input.max() {
                let x = input.value(mantissa);
                assert_eq!(bench.floats(&[vec![x]]), [[steps.at(x)]], "{x} in {input}");
            }
        }
    }

    #[test]
    fn steps_without_a_threshold_are_a_constant() {
        let steps = Steps::of(|_| 0.5);
        assert_eq!((steps.thresholds.len(), steps.values.clone()), (0, vec![0.5]));
        let bench = Bench::new(steps, Format::signed(4, 2), &[1]);
        assert_eq!(bench.floats(&[vec![1.0]]), [[0.5]]);
    }

    #[test]
    fn too_many_steps_have_no_hardware() {
        let fine = Steps::of(|x| (x * 8.0).round().clamp(-32.0, 32.0));
        assert_eq!(fine.thresholds.len(), 64);
        assert!(fine.hardware().is_some());
        assert!(Steps::of(|x| (x * 8.0).round().clamp(-32.0, 33.0)).hardware().is_none());
    }
}
