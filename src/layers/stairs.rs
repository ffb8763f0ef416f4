//! What a model does between exact sums and the quantizer behind them, as one function of each element:
//! float normalizations, biases and activations, then a cast to few values.
//!
//! The frameworks compute the stages one after another in single precision, and so does this layer.
//! Every stage only rises or only falls, rounded or not, so the whole steps from value to value at
//! places that can be found: the hardware has the same steps, whatever floats they come from. Where
//! an operand has more bits than single precision, what frameworks get depends on the order of their
//! sums; then the stages are computed in double precision, which is closer to what is meant.

use super::fake_quant::Law;
use super::pointwise::Pointwise;
use super::{BatchNorm, Hardware, Layer, LayerError, LayerSpec, LeakyRelu, Lower, Spelling};
use crate::fixed::{Format, Overflow, Steps as Function};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{LayerFormats, Resolve, Role, Span, Typed, auto};
use crate::source::Tensor;

/// Whole numbers up to here are exact in single precision.
const SINGLE: f64 = (1u32 << 24) as f64;

/// Bits of the results of quantizers that are looked at.
const MOST_BITS: u32 = 16;

/// Bits of a constant that sums should have.
const SHORT: u32 = 16;

/// What a chain does to one element.
type OfElement<'a> = Box<dyn Fn(f64) -> f64 + 'a>;

/// A chain of elementwise layers, the last of which leaves few values.
#[derive(Clone, Debug)]
pub struct Stairs {
    stages: Vec<Layer>,
}

impl Stairs {
    // The pass `fuse_stairs` makes it.
    pub(super) const SPELLINGS: &[Spelling] = &[];

    /// A chain; `None` if a layer is not elementwise, or if the last does not leave few values.
    pub fn of(stages: Vec<Layer>) -> Option<Stairs> {
        grid(stages.last()?)?;
        stages.iter().all(is_elementwise).then_some(Stairs { stages })
    }

    /// Whether a layer leaves few values, so that a chain can end with it.
    pub fn can_end(layer: &Layer) -> bool {
        grid(layer).is_some()
    }

    /// The layer that leaves few values.
    fn last(&self) -> &Layer {
        self.stages.last().expect("a chain has a last layer")
    }

    /// Whether a stage multiplies by constants that belong to the weights in front: what frameworks
    /// multiply first is then rounded in sums of theirs.
    pub fn has_weights(&self) -> bool {
        let is_weight = |it: &Layer| match it {
            Layer::BatchNorm(it) => (it.quantized || it.kind == "ApplyAlpha") && is_long(&it.scale),
            _ => false,
        };
        self.stages.iter().any(is_weight)
    }

    /// The function of an element. In single precision every stage is rounded to it.
    fn function<'a>(
        &'a self,
        shape: &[usize],
        element: usize,
        single: bool,
    ) -> impl Fn(f64) -> f64 + 'a {
        let rounded: fn(f64) -> f64 = if single { |x| f64::from(x as f32) } else { |x| x };
        let stages: Vec<_> =
            self.stages.iter().map(|it| stage(it, shape, element, rounded)).collect();
        move |x| stages.iter().fold(rounded(x), |x, stage| rounded(stage(x)))
    }

    /// The functions of all elements, until they repeat.
    fn functions(&self, shape: &[usize], single: bool) -> Vec<OfElement<'_>> {
        let elements: usize = shape.iter().product();
        let period = self.period(elements, shape.last().copied().unwrap_or(1)).min(elements);
        let boxed = |at| Box::new(self.function(shape, at, single)) as OfElement<'_>;
        (0..period).map(boxed).collect()
    }

    /// Whether an operand's values, whole numbers of its unit, are computed on in single precision.
    pub fn is_single(&self, spans: &[Span], frac: i32) -> bool {
        let largest = spans.iter().map(|it| it.lo.abs().max(it.hi.abs())).fold(0.0, f64::max);
        !self.has_weights() && largest * 2f64.powi(frac) <= SINGLE
    }

    /// After how many elements functions repeat, in a tensor whose last axis has `channels`.
    fn period(&self, elements: usize, channels: usize) -> usize {
        let is_uniform = |period: usize| match self.last() {
            Layer::Quantizer(it) => {
                (0..it.lanes.len()).all(|at| it.lanes[at] == it.lanes[at % period])
            }
            Layer::FakeQuant(it) => it.scale.len() == 1 && it.zero.len() == 1,
            _ => true,
        };
        let is_plain = |it: &Layer| match it {
            Layer::BatchNorm(it) => it.scale.len() == 1 && it.bias.len() == 1,
            _ => true,
        };
        match self.stages.iter().all(is_plain) {
            true if is_uniform(1) => 1,
            _ if is_uniform(channels) => channels,
            _ => elements,
        }
    }
}

impl BatchNorm {
    /// Whether factors or offsets have more bits than sums should have.
    pub(crate) fn is_long(&self) -> bool {
        is_long(&self.scale) || is_long(&self.bias)
    }
}

fn is_long(constant: &Tensor) -> bool {
    auto::grid(Some(constant)).format.width > SHORT
}

/// The format that holds what a layer leaves, if that are few values.
fn grid(layer: &Layer) -> Option<Format> {
    let format = match layer {
        // What wraps falls where it should rise.
        Layer::Quantizer(it) if it.lanes.iter().flatten().all(saturates) => it.union(),
        Layer::Steps(it) => it.grid(),
        Layer::BinaryTanh(_) | Layer::TernaryTanh(_) => Format::signed(2, 2),
        Layer::FakeQuant(it) => match it.law {
            Law::Codes { low, high } if low.is_finite() && high.is_finite() => {
                Format::holding(low as i128, high as i128, 0)
            }
            Law::Whole { low, high, .. } => {
                let zero = it.zero.first().copied().unwrap_or(0.0);
                Format::holding((low - zero) as i128, (high - zero) as i128, 0)
            }
            _ => return None,
        },
        _ => return None,
    };
    (format.width <= MOST_BITS).then_some(format)
}

fn saturates(format: &Format) -> bool {
    matches!(format.overflow, Overflow::Sat | Overflow::SatSym)
}

/// Whether a layer maps every element by a function that only rises or only falls.
fn is_elementwise(layer: &Layer) -> bool {
    match layer {
        Layer::LeakyRelu(LeakyRelu { alpha, .. }) => *alpha >= 0.0,
        Layer::BatchNorm(_) | Layer::Relu(_) | Layer::Clip(_) => true,
        Layer::HardTanh(_) | Layer::HardSigmoid(_) => true,
        other => grid(other).is_some(),
    }
}

/// What a layer, known to be elementwise, does to an element.
fn stage<'a>(
    layer: &'a Layer,
    shape: &[usize],
    element: usize,
    rounded: fn(f64) -> f64,
) -> Box<dyn Fn(f64) -> f64 + 'a> {
    match layer {
        Layer::BatchNorm(it) => {
            let own = |all: &Tensor| all.iter().nth(element % all.len()).copied().unwrap_or(0.0);
            let (scale, bias) = (own(&it.scale), own(&it.bias));
            Box::new(move |x| rounded(x * scale) + bias)
        }
        Layer::Relu(it) => Box::new(|x| it.at(x)),
        Layer::LeakyRelu(it) => Box::new(|x| it.at(x)),
        Layer::Clip(it) => Box::new(|x| it.at(x)),
        Layer::HardTanh(it) => Box::new(|x| it.at(x)),
        Layer::HardSigmoid(it) => Box::new(|x| it.at(x)),
        Layer::BinaryTanh(it) => Box::new(|x| it.at(x)),
        Layer::TernaryTanh(it) => Box::new(|x| it.at(x)),
        Layer::Steps(it) => Box::new(|x| it.at(x)),
        Layer::Quantizer(it) => {
            let lane = it.lanes[element];
            Box::new(move |x| lane.map_or(0.0, |it| it.value(it.quantize(x))))
        }
        Layer::FakeQuant(it) => {
            let own = it.element(shape, element);
            Box::new(move |x| own.apply(&ndarray::arr0(x).into_dyn()).sum())
        }
        other => unreachable!("{} is not elementwise", other.spec().kind()),
    }
}

impl LayerSpec for Stairs {
    fn kind(&self) -> &'static str {
        self.last().spec().kind()
    }
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let first = inputs[0].clone();
        self.stages.iter().try_fold(first, |shape, it| it.spec().infer(&[&shape]))
    }
    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = inputs[0].shape();
        let functions = self.functions(shape, !self.has_weights());
        let values = inputs[0].iter().zip(functions.iter().cycle());
        let values = values.map(|(x, f)| f(*x)).collect();
        Tensor::from_shape_vec(shape, values).expect("as many elements")
    }
    fn weights(&self) -> Vec<(Role, &Tensor)> {
        self.stages.iter().flat_map(|it| it.spec().weights()).collect()
    }
    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

impl Hardware for Stairs {
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }

    fn resolve(&self, _: Role, cx: &Resolve<'_>) -> Typed {
        let frac = grid(self.last()).map_or(0, Format::frac);
        let Typed { format, .. } = auto::exact(Span::hull(&self.spans(cx)), frac);
        let what = if self.is_single(cx.inputs[0].spans, cx.inputs[0].format.frac()) {
            "the model's quantizer, stepping where single precision does"
        } else {
            "the model's quantizer"
        };
        Typed::new(format, what)
    }

    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        let input = &cx.inputs[0];
        let single = self.is_single(input.spans, input.format.frac());
        let functions = self.functions(&input.shape.0, single);
        let span = |(span, f): (&Span, &OfElement<'_>)| {
            let (a, b) = (f(span.lo), f(span.hi));
            Span::new(a.min(b), a.max(b))
        };
        input.spans.iter().zip(functions.iter().cycle()).map(span).collect()
    }

    fn is_activation(&self) -> bool {
        true
    }

    fn lower(&self, cx: &mut Lower<'_>, inputs: &[NodeId]) -> NodeId {
        let LayerFormats { spans, .. } = cx.operands[0];
        let frac = cx.operands[0].format(Role::Result).frac();
        let shape = cx.builder.ty(inputs[0]).shape.clone();
        let single = self.is_single(spans, frac);
        let (unit, frac_out) = (2f64.powi(frac), cx.format(Role::Result).frac());
        let unit_out = 2f64.powi(frac_out);
        let period = self.period(shape.elements(), shape.last());
        let channel = |at: usize| {
            let span = Span::hull(spans.iter().skip(at).step_by(period));
            let f = self.function(&shape.0, at, single);
            let (lo, hi) = ((span.lo * unit).ceil() as i128, (span.hi * unit).floor() as i128);
            let most = 1 << MOST_BITS;
            let f = |code: i128| (f(code as f64 / unit) * unit_out) as i128;
            Function::of(lo, hi.max(lo), f, most).expect("stages only rise or only fall")
        };
        let channels: Vec<Function> = (0..period.min(spans.len())).map(channel).collect();
        cx.builder.steps(inputs[0], frac, &channels, frac_out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::super::{Clip, Quantizer, Relu, Steps};
    use super::*;
    use crate::fixed::Rounding;
    use proptest::prelude::*;

    fn norm(scale: &[f32], bias: &[f32]) -> Layer {
        let all = |it: &[f32]| ndarray::Array1::from_iter(it.iter().map(|it| f64::from(*it)));
        let (scale, bias) = (all(scale).into_dyn(), all(bias).into_dyn());
        BatchNorm { scale, bias, kind: "BatchNormalization", quantized: false }.into()
    }

    fn quantizer(format: Format, count: usize) -> Layer {
        Quantizer { lanes: vec![Some(format); count] }.into()
    }

    fn checked(stages: Vec<Layer>, input: Format, count: usize) {
        let stairs = Stairs::of(stages).unwrap();
        let bench = Bench::new(stairs.clone(), input, &[count]);
        let samples: Vec<Vec<f64>> =
            (input.min()..=input.max()).map(|it| vec![input.value(it); count]).collect();
        for (x, y) in samples.iter().zip(bench.floats(&samples)) {
            assert_eq!(y, bench.exact(x), "{x:?} of {stairs:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn hardware_is_single_precision_for_every_input(
            scale in [-3f32..3.0, -3f32..3.0],
            bias in [-3f32..3.0, -3f32..3.0],
            signed: bool,
            width in 1u32..10,
            int_bits in 0i32..4,
            rounding in 0..7usize,
            symmetric: bool,
        ) {
            let to = Format { signed, ..Format::signed(width, int_bits) };
            let overflow = if symmetric { Overflow::SatSym } else { Overflow::Sat };
            let to = to.with(Rounding::ALL[rounding], overflow);
            let stages = vec![norm(&scale, &bias), quantizer(to, 2)];
            checked(stages.clone(), Format::signed(10, 4), 2);
            checked([vec![Relu { max: None }.into()], stages].concat(), Format::signed(8, 2), 2);
        }
    }

    #[test]
    fn chains_end_in_few_values() {
        let to = Format::signed(5, 2).with(Rounding::RndConv, Overflow::Sat);
        let powers = Steps::of(|x| if x < 0.3 { 0.25 } else { 2.0 });
        let line = norm(&[0.3, 0.7], &[0.1, -0.2]);
        let clip = Layer::from(Clip { min: -0.5, max: 1.25 });
        checked(vec![line.clone(), clip, quantizer(to, 2)], Format::signed(9, 3), 2);
        checked(vec![line.clone(), powers.into()], Format::signed(9, 3), 2);
        assert!(Stairs::of(vec![line.clone()]).is_none(), "no end");
        let wide = Format::signed(20, 2);
        assert!(Stairs::of(vec![line, quantizer(wide, 2)]).is_none(), "an end without few values");
    }

    #[test]
    fn a_wrapping_end_neither_rises_nor_falls() {
        let to = Format::signed(5, 2);
        assert!(Stairs::of(vec![norm(&[1.0], &[0.0]), quantizer(to, 2)]).is_none());
    }
}
