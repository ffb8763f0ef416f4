//! The precision stage: every type of every layer gets its format, in one walk over the graph.
//!
//! What the user gave comes first. What is left open is the layer's own business
//! ([`Hardware::resolve`]) under our rules; under hls4ml's only what the configuration says is
//! `auto` is inferred, and the rest is the model's default.
//!
//! [`Hardware::resolve`]: crate::layers::Hardware::resolve

use std::collections::{BTreeMap, BTreeSet};

use super::{Calibration, Formats, LayerFormats, Precision, Produced, Resolve, Role, Span, Typed};
use crate::config::{Config, DEFAULT_WIDTH, Weights, attribute_only};
use crate::error::{Problem, Problems, Result};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::layers::{Exactness, Hardware, Layer, LayerSpec};
use crate::nn;

/// A type that no hardware of ours can have.
#[derive(Debug, thiserror::Error)]
#[error("{role} would be {format} ({reason}): at most 128 bits, 127 if unsigned, are possible")]
struct Impossible {
    role: Role,
    format: Format,
    reason: String,
}

/// Formats near the ends of what the binary point allows, multiplied.
#[derive(Debug, thiserror::Error)]
#[error("values can leave the range of 64-bit floats, in which ranges are computed")]
struct Unbounded;

/// Decides the formats of a graph.
///
/// # Errors
/// Every layer with a type too wide to exist; layers behind it are not judged.
pub fn assign(graph: &nn::Graph, config: &Config, ranges: Option<&Calibration>) -> Result<Formats> {
    let (layers, compat) = (vec![None; graph.bound()], config.is_compat());
    let mut formats = Formats { layers, compat, scaled: Vec::new() };
    let mut problems = Problems::default();
    // What was measured with the present weights says nothing about others.
    let mut loaded = BTreeSet::new();
    let quantized = graph.topo().iter().any(|it| graph.node(*it).op.is_quantizer());
    for id in graph.topo() {
        // An operand that failed has been reported: nothing certain can be said from here on.
        let Some(cx) = context(graph, id, config, ranges, &formats) else { continue };
        if cx.settings.weights == Weights::Runtime
            || graph.operands(id).iter().any(|it| loaded.contains(it))
        {
            loaded.insert(id);
        }
        let calibrated = cx.calibrated.filter(|_| !loaded.contains(&id));
        let cx = Resolve { quantized, calibrated, ..cx };
        if let Some(mut layer) = problems.note(layer(graph, id, config, cx)) {
            let exact =
                |from: &NodeId| formats.layers[from.index()].as_ref().is_some_and(|it| it.exact);
            layer.exact = layer.on_grid && graph.operands(id).iter().all(exact);
            formats.layers[id.index()] = Some(layer);
        }
    }
    problems.into_result(formats)
}

/// What the layer may look at; `None` if an operand has no formats.
fn context<'a>(
    graph: &'a nn::Graph,
    id: NodeId,
    config: &Config,
    ranges: Option<&Calibration>,
    formats: &'a Formats,
) -> Option<Resolve<'a>> {
    let produced = |from: &NodeId| {
        let layer = formats.layers[from.index()].as_ref()?;
        let (shape, spans) = (&graph.node(*from).ty, &layer.spans);
        Some(Produced { shape, format: layer.format(Role::Result), spans })
    };
    let node = graph.node(id);
    let users = graph.users(id);
    let activation =
        |user: &NodeId| graph.node(*user).op.hardware().is_some_and(Hardware::is_activation);
    let operands = graph.operands(id);
    let on_grid =
        |from: &NodeId| formats.layers[from.index()].as_ref().is_some_and(|it| it.on_grid);
    Some(Resolve {
        inputs: operands.iter().map(produced).collect::<Option<_>>()?,
        types: BTreeMap::new(),
        settings: config.settings(&node.name, node.op.spec().kind()),
        compat: config.is_compat(),
        default: config.fallback(),
        width: config.width.unwrap_or(DEFAULT_WIDTH),
        feeds_activation: !users.is_empty()
            && !graph.outputs.contains(&id)
            && users.iter().all(activation),
        quantized: false,
        calibrated: ranges.and_then(|it| it.of(&node.name)),
        exact: node.op.exactness() == Exactness::Kept
            && !operands.is_empty()
            && operands.iter().all(on_grid),
    })
}

/// Resolves every type of a layer, then what its output can be.
fn layer(
    graph: &nn::Graph,
    id: NodeId,
    config: &Config,
    mut cx: Resolve<'_>,
) -> Result<LayerFormats> {
    let node = graph.node(id);
    let Some(hardware) = node.op.hardware() else {
        return Ok(float_only(config, node, cx));
    };
    let given = node.op.exactness() == Exactness::Given;
    // Whatever is not on the grid of a port cannot enter it.
    let is_port = matches!(node.op, Layer::Input(_)) && cx.quantized && !cx.compat;
    let chooser = Chooser { config, spec: node.op.spec(), hardware, name: &node.name, given };
    let mut on_grid = cx.exact || given || is_port;
    for role in hardware.roles() {
        let typed = chooser.choose(*role, &mut cx);
        // A type of the user's may lose what the model has.
        on_grid = on_grid
            && (given || is_port || typed.format.contains(chooser.infer(*role, &mut cx).format));
        if !typed.format.is_legal() {
            let Typed { format, reason } = typed;
            let problem = Problem::at(&node.origin, Impossible { role: *role, format, reason });
            return Err(problem.help(chooser.advice(*role)).into());
        }
        cx.types.insert(*role, typed);
    }
    let result = cx.format(Role::Result);
    let spans = hardware.spans(&cx);
    if !spans.iter().all(|it| it.lo.is_finite() && it.hi.is_finite()) {
        return Err(Problem::at(&node.origin, Unbounded).help(chooser.advice(Role::Result)).into());
    }
    let spans = spans.into_iter().map(|it| it.cast(result)).collect();
    Ok(LayerFormats { types: cx.types, settings: cx.settings, spans, on_grid, exact: false })
}

/// A layer without hardware, so that what is behind it can be judged: whatever its result holds.
fn float_only(
    config: &Config,
    node: &crate::graph::Node<Layer, nn::Shape>,
    mut cx: Resolve<'_>,
) -> LayerFormats {
    let found = config.precision(&node.name, node.op.spec().kind(), Role::Result);
    let result = match found.map(|it| (it.precision, it)) {
        Some((Precision::Fixed(format), found)) => Typed::new(format, found.to_string()),
        _ => match cx.calibrated {
            Some(span) => cx.covering(span, "no hardware yet: calibrated"),
            None => Typed::new(cx.default, "no hardware yet: model default"),
        },
    };
    let spans = vec![Span::of(result.format); node.ty.elements()];
    cx.types.insert(Role::Result, result);
    LayerFormats { types: cx.types, settings: cx.settings, spans, on_grid: false, exact: false }
}

/// Finds the format of one type after the other.
struct Chooser<'a> {
    config: &'a Config,
    spec: &'a dyn LayerSpec,
    hardware: &'a dyn Hardware,
    name: &'a str,
    /// The model says the types.
    given: bool,
}

impl Chooser<'_> {
    fn choose(&self, role: Role, cx: &mut Resolve<'_>) -> Typed {
        let kind = self.spec.kind();
        if self.given {
            return self.hardware.resolve(role, cx);
        }
        if matches!(role, Role::Bias | Role::RecurrentBias) && self.lacks(role) {
            // What nothing is stored in is hls4ml's one-bit zero, whatever the user says.
            return self.hardware.resolve(role, cx);
        }
        let found = self.config.precision(self.name, kind, role);
        match found.map(|it| (it.precision, it)) {
            Some((Precision::Fixed(format), found)) => Typed::new(format, found.to_string()),
            // hls4ml infers only what the configuration calls auto, and not all of that.
            found if cx.compat && !cx.exact && !attribute_only(role) && self.is_default(found) => {
                Typed::new(cx.default, "hls4ml: model default")
            }
            _ => self.infer(role, cx),
        }
    }

    fn infer(&self, role: Role, cx: &mut Resolve<'_>) -> Typed {
        // hls4ml infers a result as if the accumulator were inferred too, even if it is not.
        let given = cx.types.get(&Role::Accum).cloned();
        let typed = match given {
            Some(given) if cx.compat && role == Role::Result => {
                let inferred = self.cap(Role::Accum, self.hardware.resolve(Role::Accum, cx), cx);
                if !inferred.format.is_legal() {
                    return inferred;
                }
                cx.types.insert(Role::Accum, inferred);
                let typed = self.hardware.resolve(role, cx);
                cx.types.insert(Role::Accum, given);
                typed
            }
            _ => self.hardware.resolve(role, cx),
        };
        self.cap(role, typed, cx)
    }

    /// Limits an inferred sum to `Model.Precision.maximum`, width and integer part each on its own.
    fn cap(&self, role: Role, typed: Typed, cx: &Resolve<'_>) -> Typed {
        let Some(maximum) = self.config.maximum else { return typed };
        let sums = matches!(role, Role::Accum | Role::Result);
        if !sums || (cx.compat && !hls4ml_caps(self.spec)) || self.spec.kind() == "Input" {
            return typed;
        }
        let Typed { format, reason } = typed;
        let width = format.width.min(maximum.width);
        let int_bits = format.int_bits.min(maximum.int_bits);
        if (width, int_bits) == (format.width, format.int_bits) {
            return Typed { format, reason };
        }
        let reason = format!("{reason}; limited by maximum {maximum}");
        Typed { format: Format { width, int_bits, ..format }, reason }
    }

    /// Whether hls4ml takes the default for what is not said, or for what is called auto.
    fn is_default<T>(&self, found: Option<T>) -> bool {
        let kind = self.spec.kind();
        found.is_none() || kind.starts_with("GlobalPooling")
    }

    fn lacks(&self, bias: Role) -> bool {
        !self.spec.weights().iter().any(|(role, _)| *role == bias)
    }

    fn advice(&self, role: Role) -> String {
        let name = self.name;
        format!("give LayerName.{name}.Precision.{role} a format, or limit all with maximum")
    }
}

/// Whether hls4ml applies its maximum to the layer: to those that multiply or add.
fn hls4ml_caps(spec: &dyn LayerSpec) -> bool {
    let kind = spec.kind();
    matches!(kind, "Dense" | "BatchNormalization" | "ApplyAlpha" | "Merge" | "Conv2DBatchnorm")
        || ["Conv1D", "Conv2D"].iter().any(|it| kind.ends_with(it))
}
