//! Runs single layers in tests: formats resolved, units emulated, without the rest of the pipeline.

use std::collections::BTreeMap;

use super::{Layer, Lower};
use crate::error::Origin;
use crate::fixed::{self, Builder, Format, Overflow, Rounding, Type, verify};
use crate::nn::Shape;
use crate::precision::{LayerFormats, Produced, Resolve, Role, Settings, Span, Typed};
use crate::units::{self, Run, Unit};

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
        }
    }

    /// Resolves the types that were not given.
    pub(super) fn formats(&self) -> LayerFormats {
        let spans = vec![Span::of(self.input); self.shape.elements()];
        let given = self.given.iter().map(|(role, it)| (*role, Typed::new(*it, "given")));
        let mut cx = Resolve {
            inputs: vec![Produced { format: self.input, spans: &spans }],
            types: given.collect(),
            settings: self.settings.clone(),
            compat: self.compat,
            default: Format::signed(16, 6),
            width: 16,
            feeds_activation: false,
            calibrated: None,
        };
        let spec = self.layer.spec();
        for role in spec.roles() {
            if !cx.types.contains_key(role) {
                let typed = spec.resolve(*role, &cx);
                assert!(typed.format.is_legal(), "{role} of {spec:?} is {}", typed.format);
                cx.types.insert(*role, typed);
            }
        }
        let spans = spec.spans(&cx);
        LayerFormats { types: cx.types, settings: self.settings.clone(), spans }
    }

    /// The layer as units, behind an input unit.
    pub(super) fn graph(&self, formats: &LayerFormats) -> fixed::Graph {
        let mut builder = Builder::new();
        builder.enter(Origin::new("test", "x"));
        let ty = Type::uniform(self.shape.clone(), self.input);
        let input = builder.add("", units::Input { ty }, &[]);
        builder.graph.inputs.push(input);
        builder.enter(Origin::new("test", "layer"));
        let mut cx = Lower { builder: &mut builder, formats, compat: self.compat };
        let output = self.layer.spec().lower(&mut cx, &[input]);
        builder.graph.outputs.push(output);
        verify(&builder.graph).unwrap();
        builder.graph
    }

    /// Output mantissas of one sample, checked against the result type and spans.
    pub(super) fn run(&self, graph: &fixed::Graph, sample: &[i128]) -> Vec<i128> {
        run(graph, sample)
    }

    /// Float outputs of one sample of floats on the input's grid.
    pub(super) fn floats(&self, sample: &[f64]) -> Vec<f64> {
        let formats = self.formats();
        let graph = self.graph(&formats);
        let mantissas: Vec<i128> = sample.iter().map(|it| self.input.quantize(*it)).collect();
        let result = graph.node(graph.outputs[0]).ty.union();
        self.run(&graph, &mantissas).iter().map(|it| result.value(*it)).collect()
    }
}

/// One sample through a graph with one input and one output.
pub(super) fn run(graph: &fixed::Graph, sample: &[i128]) -> Vec<i128> {
    let mut values: BTreeMap<usize, Vec<i128>> = BTreeMap::new();
    for id in graph.topo() {
        let node = graph.node(id);
        let mut output = vec![0i128; node.ty.elements()];
        if let Unit::Input(_) = node.op {
            output.copy_from_slice(sample);
        } else {
            let operands = graph.operands(id);
            let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
            let inputs: Vec<&[i128]> =
                operands.iter().map(|it| values[&it.index()].as_slice()).collect();
            let (inputs, types) = (inputs.as_slice(), types.as_slice());
            let ty = &node.ty;
            node.op.emulate(&mut Run { lanes: 1, inputs, types, output: &mut output, ty });
        }
        for (element, mantissa) in output.iter().enumerate() {
            let format = node.ty.format(element);
            let fits = format.min() <= *mantissa && *mantissa <= format.max();
            assert!(fits, "{} makes {mantissa} in {format}", node.name);
        }
        values.insert(id.index(), output);
    }
    values.remove(&graph.outputs[0].index()).unwrap()
}
