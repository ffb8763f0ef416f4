//! Runs single layers in tests: formats resolved, units emulated, without the rest of the pipeline.

use std::collections::BTreeMap;

use super::{Layer, Lower};
use crate::emulate::Emulator;
use crate::error::Origin;
use crate::fixed::{self, Builder, Format, Overflow, Rounding, Type, verify};
use crate::nn::Shape;
use crate::precision::{LayerFormats, Produced, Resolve, Role, Settings, Span, Typed};
use crate::rtl::datapath;
use crate::source::Tensor;
use crate::units;

/// A format as hls4ml spells it: `fixed<16,6,RND,SAT,0>`, `uint<4>`.
///
/// A cast to an `ap_int` truncates toward zero, unlike one to an `ap_fixed` without modes.
pub(super) fn format(text: &str) -> Format {
    let (name, args) = text.trim_end_matches('>').split_once('<').unwrap();
    let args: Vec<&str> = args.split(',').collect();
    let width = args[0].parse().unwrap();
    let int_bits = if name.ends_with("fixed") { args[1].parse().unwrap() } else { width as i32 };
    let modes = if name.ends_with("fixed") { &args[2..] } else { &["TRN_ZERO"] };
    let rounding = modes.first().map_or(Rounding::Trn, |name| {
        Rounding::ALL.into_iter().find(|it| it.name() == *name).unwrap()
    });
    let overflow = modes.get(1).map_or(Overflow::Wrap, |name| {
        Overflow::ALL.into_iter().find(|it| it.name() == *name).unwrap()
    });
    Format { signed: !name.starts_with('u'), width, int_bits, rounding, overflow }
}

/// A layer on an input of one format, and what is decided about it.
pub(super) struct Bench {
    pub layer: Layer,
    pub input: Format,
    pub shape: Shape,
    pub compat: bool,
    pub settings: Settings,
    /// Types that the user gave.
    pub given: BTreeMap<Role, Format>,
    /// Further operands; samples hold them one after another.
    pub others: Vec<(Format, Shape)>,
}

impl Bench {
    pub(super) fn new(layer: impl Into<Layer>, input: Format, shape: &[usize]) -> Bench {
        Bench {
            layer: layer.into(),
            input,
            shape: Shape(shape.to_vec()),
            compat: false,
            settings: Settings::default(),
            given: BTreeMap::new(),
            others: Vec::new(),
        }
    }

    /// With a second operand.
    pub(super) fn and(mut self, input: Format, shape: &[usize]) -> Bench {
        self.others.push((input, Shape(shape.to_vec())));
        self
    }

    /// All operands.
    fn operands(&self) -> Vec<(Format, Shape)> {
        let first = (self.input, self.shape.clone());
        std::iter::once(first).chain(self.others.iter().cloned()).collect()
    }

    /// Resolves the types that were not given.
    pub(super) fn formats(&self) -> LayerFormats {
        let operands = self.operands();
        let spans: Vec<Vec<Span>> =
            operands.iter().map(|(it, shape)| vec![Span::of(*it); shape.elements()]).collect();
        let produced = operands.iter().zip(&spans);
        let given = self.given.iter().map(|(role, it)| (*role, Typed::new(*it, "given")));
        let mut cx = Resolve {
            inputs: produced
                .map(|((format, shape), spans)| Produced { shape, format: *format, spans })
                .collect(),
            types: given.collect(),
            settings: self.settings.clone(),
            compat: self.compat,
            default: Format::signed(16, 6),
            width: 16,
            feeds_activation: false,
            quantized: false,
            calibrated: None,
            exact: false,
        };
        let spec = self.layer.hardware().unwrap();
        for role in spec.roles() {
            if !cx.types.contains_key(role) {
                let typed = self.resolve(*role, &mut cx);
                assert!(typed.format.is_legal(), "{role} of {:?} is {}", self.layer, typed.format);
                cx.types.insert(*role, typed);
            }
        }
        let result = cx.format(Role::Result);
        let spans = spec.spans(&cx).into_iter().map(|it| it.cast(result)).collect();
        LayerFormats {
            types: cx.types,
            settings: self.settings.clone(),
            spans,
            ..LayerFormats::default()
        }
    }

    /// As [`crate::precision::assign`] does: hls4ml infers a result as if the accumulator were open.
    fn resolve(&self, role: Role, cx: &mut Resolve<'_>) -> Typed {
        let spec = self.layer.hardware().unwrap();
        let given = cx.types.get(&Role::Accum).cloned();
        let (Some(given), true, Role::Result) = (given, self.compat, role) else {
            return spec.resolve(role, cx);
        };
        let open = spec.resolve(Role::Accum, cx);
        cx.types.insert(Role::Accum, open);
        let typed = spec.resolve(role, cx);
        cx.types.insert(Role::Accum, given);
        typed
    }

    /// The layer as units, behind an input unit.
    pub(super) fn graph(&self, formats: &LayerFormats) -> fixed::Graph {
        let mut builder = Builder::new();
        self.add(&mut builder, "", formats);
        verify(&builder.graph).unwrap();
        builder.graph
    }

    /// Adds the layer with an input and an output of its own.
    pub(super) fn add(&self, builder: &mut Builder, suffix: &str, formats: &LayerFormats) {
        let mut inputs = Vec::new();
        for (at, (format, shape)) in self.operands().into_iter().enumerate() {
            let at = if at == 0 { String::new() } else { format!("_{at}") };
            builder.enter(Origin::new("test", format!("x{suffix}{at}")));
            let ty = Type::uniform(shape, format);
            let input = builder.add("", units::Input { ty }, &[]);
            builder.graph.inputs.push(input);
            inputs.push(input);
        }
        builder.enter(Origin::new("test", format!("layer{suffix}")));
        let operand = |(format, shape): (Format, Shape)| LayerFormats {
            types: [(Role::Result, Typed::new(format, "given"))].into(),
            spans: vec![Span::of(format); shape.elements()],
            ..LayerFormats::default()
        };
        let operands: Vec<LayerFormats> = self.operands().into_iter().map(operand).collect();
        let operands = operands.iter().collect();
        let mut cx = Lower { builder, formats, operands, compat: self.compat };
        let output = self.layer.hardware().unwrap().lower(&mut cx, &inputs);
        builder.graph.outputs.push(output);
    }

    /// Float outputs for samples of floats on the input's grid.
    pub(super) fn floats(&self, samples: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let formats = self.formats();
        let graph = self.graph(&formats);
        let samples: Vec<Vec<i128>> = samples.iter().map(|it| self.mantissas(it)).collect();
        let result = &graph.node(graph.outputs[0]).ty;
        let floats = |it: Vec<i128>| {
            it.iter().enumerate().map(|(at, it)| result.format(at).value(*it)).collect()
        };
        run(&graph, &samples).into_iter().map(floats).collect()
    }

    /// A sample in the formats of the operands.
    pub(super) fn mantissas(&self, sample: &[f64]) -> Vec<i128> {
        let operands = self.operands();
        let formats = operands.iter().flat_map(|(it, shape)| vec![*it; shape.elements()]);
        formats.zip(sample).map(|(format, it)| format.quantize(*it)).collect()
    }

    /// What the layer should give for a sample.
    pub(super) fn exact(&self, sample: &[f64]) -> Vec<f64> {
        let mut rest = sample;
        let tensor = |(_, shape): (Format, Shape)| {
            let (now, later) = rest.split_at(shape.elements());
            rest = later;
            Tensor::from_shape_vec(shape.0, now.to_vec()).unwrap()
        };
        let tensors: Vec<Tensor> = self.operands().into_iter().map(tensor).collect();
        let tensors: Vec<&Tensor> = tensors.iter().collect();
        self.layer.spec().eval(&tensors).iter().copied().collect()
    }

    /// Largest error over samples; the scalar program must agree on the first of them.
    pub(super) fn checked_error(&self, samples: &[Vec<f64>]) -> f64 {
        let graph = self.graph(&self.formats());
        let sample = self.mantissas(&samples[0]);
        let emulated = run(&graph, std::slice::from_ref(&sample)).remove(0);
        check_datapath(&graph, &sample, &emulated);
        self.error(samples)
    }

    /// Largest difference from the float layer; every output must lie in its span.
    pub(super) fn error(&self, samples: &[Vec<f64>]) -> f64 {
        let formats = self.formats();
        let half = formats.format(Role::Result).value(1) / 2.0;
        let mut worst = 0f64;
        for (sample, found) in samples.iter().zip(self.floats(samples)) {
            let exact = self.exact(sample);
            for (element, (y, exact)) in found.iter().zip(&exact).enumerate() {
                let span = formats.spans[element];
                let inside = span.lo - half <= *y && *y <= span.hi + half;
                assert!(inside, "{y} for {sample:?} is not in {span:?}: {:?}", self.layer);
                worst = worst.max((y - exact).abs());
            }
        }
        worst
    }
}

/// Output mantissas of samples through a graph with one input and one output.
pub(super) fn run(graph: &fixed::Graph, samples: &[Vec<i128>]) -> Vec<Vec<i128>> {
    Emulator::new(graph).run(samples)
}

/// Asserts that the scalar program of the direct RTL gives the same for one sample.
pub(super) fn check_datapath(graph: &fixed::Graph, sample: &[i128], emulated: &[i128]) {
    let lowered = datapath::lower(graph, crate::rtl::cmvm::Budget::QUICK);
    let mut rest = sample;
    let port = |port: &datapath::Port| {
        let (now, later) = rest.split_at(port.elements.len());
        rest = later;
        now.to_vec()
    };
    let ports: Vec<Vec<i128>> = lowered.datapath.inputs.iter().map(port).collect();
    let values = datapath::evaluate(&lowered.datapath, &ports);
    let outputs = &lowered.datapath.outputs[0].elements;
    let found: Vec<i128> = outputs.iter().map(|it| values[it.index()]).collect();
    assert_eq!(found, emulated, "the scalar program for {sample:?}");
}

/// Numbers in `[0, 1)` that follow from a seed.
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Samples within `[-scale, scale]`, on the grid of a format.
    pub(super) fn samples(
        &mut self,
        count: usize,
        elements: usize,
        scale: f64,
        grid: Format,
    ) -> Vec<Vec<f64>> {
        let mut value = || {
            let grid = grid.rounded();
            grid.value(grid.quantize((2.0 * self.next() - 1.0) * scale))
        };
        (0..count).map(|_| (0..elements).map(|_| value()).collect()).collect()
    }
}
