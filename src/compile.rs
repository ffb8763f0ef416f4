//! From a model file and a configuration to a design: the picture of the crate's front page, in code.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::{Config, Level, Warning, Weights};
use crate::design::{Design, LatencyTarget, LayerPlan, OutputScale, Plan};
use crate::device::{self, Device};
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::graph::NodeId;
use crate::hls::tabulate::tabulate;
use crate::layers::Layer;
use crate::precision::{Calibration, Formats, Role, assign, calibrate, check, coarse};
use crate::rtl::dsp::{self, DspPlan};
use crate::source::{InputShapes, RawModel, Tensor};
use crate::{data, fixed, frontend, layers, lower, nn, passes, units};

/// Device used when nobody names one: hls4ml's default.
pub const DEFAULT_PART: &str = "xcvu13p";

/// A model with everything that was decided about it.
#[derive(Debug)]
pub struct Compiled {
    /// The file, as the user named it, and its format.
    pub source: Source,
    /// The float graph after all passes.
    pub graph: nn::Graph,
    /// The formats of its layers.
    pub formats: Formats,
    /// The integer graph and its plan.
    pub design: Design,
    /// The device.
    pub device: &'static Device,
    /// Names of layers that passes took out.
    pub removed: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// What a model was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The file, as the user named it.
    pub file: String,
    /// Its format, for people.
    pub format: &'static str,
    /// SHA-256 of the file (and of the weights' file behind it).
    pub sha256: String,
}

/// A wish that this version cannot fulfil.
#[derive(Debug, thiserror::Error)]
enum Unsupported {
    #[error("clock period {found} ns is not usable (supported: 0.1 to 1000 ns)")]
    Clock { found: f64 },
    #[error("stored weights that no layer reads: {}", .names.join(", "))]
    Unused { names: Vec<String> },
}

/// Reads a model file.
///
/// # Errors
/// See [`frontend::load_shaped`].
pub fn load(
    model: &Path,
    weights: Option<&Path>,
    shapes: &InputShapes,
) -> Result<(RawModel, Source)> {
    let raw = frontend::load_shaped(model, weights, shapes)?;
    let mut hash = sha2::Sha256::default();
    for path in std::iter::once(model).chain(weights) {
        let at = Origin::new(path.display().to_string(), "");
        let bytes = std::fs::read(path).map_err(frontend::LoadError::Read).locate(&at)?;
        sha2::Digest::update(&mut hash, bytes);
    }
    let sha256 = sha2::Digest::finalize(hash).iter().map(|it| format!("{it:02x}")).collect();
    let source = Source { file: raw.file.clone(), format: raw.format, sha256 };
    Ok((raw, source))
}

/// The float graph of a model, and the layers that passes took out of it.
///
/// # Errors
/// Every layer that cannot be imported, and every name in the configuration that fits no layer.
pub fn import(
    raw: RawModel,
    config: &Config,
    warnings: &mut Vec<Warning>,
) -> Result<(nn::Graph, Vec<String>)> {
    let mut graph = layers::import_with(raw, &config.layers)?;
    warnings.extend(check(&graph, config, &[])?);
    // A layer with a result type of its own must stay: the type is a cast that the user wants.
    let pinned = |name: &String| {
        let found = config.precision(name, "", Role::Result);
        found.is_some_and(|it| it.level == Level::Name && it.precision.format().is_some())
    };
    let names = || graph.topo().into_iter().map(|id| graph.node(id).name.clone());
    let options = passes::Options {
        pinned: names().filter(pinned).collect(),
        typed: typed(&graph, config),
        loaded: loaded(&graph, config),
        compat: config.is_compat(),
    };
    let removed = passes::run(&mut graph, &options);
    Ok((graph, removed))
}

/// The layers whose weights can be loaded.
fn loaded(graph: &nn::Graph, config: &Config) -> BTreeSet<String> {
    let order = graph.topo();
    let nodes = order.iter().map(|id| graph.node(*id));
    let is_loaded = |it: &&crate::graph::Node<Layer, nn::Shape>| {
        config.weights(&it.name, it.op.spec().kind()) == Weights::Runtime
    };
    nodes.filter(is_loaded).map(|it| it.name.clone()).collect()
}

/// The layers with constants of a type that the user gave them, by name or by class.
fn typed(graph: &nn::Graph, config: &Config) -> BTreeSet<String> {
    // One bit is what is written out for a bias that is not there.
    let is_told = |it: crate::fixed::Format| it.width > 1;
    let is_typed = |id: &crate::graph::NodeId| {
        let node = graph.node(*id);
        let constants = [Role::Scale, Role::Bias, Role::Param, Role::Slope, Role::Shift];
        let own = node.op.roles().iter().filter(|it| constants.contains(it));
        let kind = node.op.spec().kind();
        own.filter_map(|role| config.precision(&node.name, kind, *role))
            .any(|it| it.level != Level::Model && it.precision.format().is_some_and(is_told))
    };
    let order = graph.topo();
    order.iter().filter(|id| is_typed(id)).map(|id| graph.node(*id).name.clone()).collect()
}

/// Measures ranges on the user's samples.
///
/// # Errors
/// Samples that do not fit the model.
pub fn measure(graph: &nn::Graph, files: &[PathBuf]) -> Result<Option<Calibration>> {
    if files.is_empty() {
        return Ok(None);
    }
    let samples = samples(graph, files)?;
    calibrate(graph, &samples).map(Some)
}

/// Reads samples for the float graph: tensors in model order.
///
/// # Errors
/// Files that do not fit the model's inputs.
pub fn samples(graph: &nn::Graph, files: &[PathBuf]) -> Result<Vec<Vec<Tensor>>> {
    let inputs: Vec<(String, Vec<usize>)> = graph
        .inputs
        .iter()
        .map(|id| (graph.node(*id).name.clone(), graph.node(*id).ty.0.clone()))
        .collect();
    let samples = data::read_inputs(files, &inputs)?;
    let tensors = |row: &[f64]| {
        let mut rest = row;
        let tensor = |(_, shape): &(String, Vec<usize>)| {
            let (now, later) = rest.split_at(shape.iter().product());
            rest = later;
            Tensor::from_shape_vec(shape.as_slice(), now.to_vec()).expect("read_inputs checked")
        };
        inputs.iter().map(tensor).collect()
    };
    Ok(samples.rows().map(tensors).collect())
}

/// A model with the formats of its layers, built or not.
#[derive(Debug)]
pub struct Decided {
    /// The float graph after all passes.
    pub graph: nn::Graph,
    /// The formats of its layers.
    pub formats: Formats,
    /// What its outputs are multiplied by outside of the hardware.
    pub scales: Vec<Option<OutputScale>>,
    /// Names of layers that passes took out.
    pub removed: Vec<String>,
    /// The device.
    pub device: &'static Device,
}

/// Takes scales and offsets of exact numbers at outputs out of the graph: no hardware can hold what
/// they leave, so the numbers go out, and whoever reads them multiplies. A type of the user's for the
/// layer keeps it in hardware.
fn output_scales(
    graph: &mut nn::Graph,
    formats: &Formats,
    config: &Config,
) -> Vec<Option<OutputScale>> {
    let outputs = graph.outputs.clone();
    let affine = |id: NodeId| {
        let node = graph.node(id);
        // A normalization is the model's own layer, and stays one.
        let Layer::BatchNorm(norm) = &node.op else { return None };
        let given = config.precision(&node.name, node.op.spec().kind(), Role::Result);
        let given = given.is_some_and(|it| it.level != Level::Model);
        let is_lost = !formats.of(id).exact && !given && !config.is_compat();
        (norm.kind == "ApplyAlpha" && !norm.quantized && is_lost).then_some(norm)
    };
    let scale = |id: &NodeId| {
        // A layer in between would see the values.
        if !graph.users(*id).is_empty() {
            return None;
        }
        let mut scale = OutputScale::from(affine(*id)?);
        let mut operand = graph.operands(*id)[0];
        while let Some(norm) = affine(operand).filter(|_| graph.users(operand).len() == 1) {
            scale = scale.behind(&norm.into());
            operand = graph.operands(operand)[0];
        }
        let is_port = graph.inputs.contains(&operand);
        (formats.of(operand).exact && !is_port).then_some((operand, scale))
    };
    let found: Vec<_> = outputs.iter().map(scale).collect();
    for (output, found) in graph.outputs.iter_mut().zip(&found) {
        *output = found.as_ref().map_or(*output, |it| it.0);
    }
    for id in graph.dead() {
        graph.remove(id);
    }
    found.into_iter().map(|it| it.map(|it| it.1)).collect()
}

/// The configuration with the results of all kernels of the user's, for which their C++ is compiled.
fn tabulated(config: &Config) -> Result<Cow<'_, Config>> {
    let mut config = Cow::Borrowed(config);
    if !config.layers.has_kernels() {
        return Ok(config);
    }
    let mut problems = Problems::default();
    for (at, own) in config.to_mut().layers.kernels_mut() {
        own.table = problems.note(tabulate(&own.kernel).locate(&at));
    }
    problems.into_result(config)
}

/// From the raw model to formats; layers without hardware are no hindrance if `all`.
///
/// # Errors
/// Whatever is wrong with the model, the configuration or their combination.
pub fn decide(
    mut raw: RawModel,
    config: &Config,
    calibration: &[PathBuf],
    warnings: &mut Vec<Warning>,
    all: bool,
) -> Result<Decided> {
    let device = device::find(config.part.as_deref().unwrap_or(DEFAULT_PART)).anywhere()?;
    let config = &tabulated(config)?;
    let (at, unused) = (raw.origin(""), std::mem::take(&mut raw.unused));
    let (graph, removed) = import(raw, config, warnings)?;
    if !all {
        lower::check(&graph)?;
    }
    if !unused.is_empty() {
        warnings.push(Warning::at(&at, Unsupported::Unused { names: unused }));
    }
    let ranges = measure(&graph, calibration)?;
    let mut graph = graph;
    let mut formats = assign(&graph, config, ranges.as_ref())?;
    let scales = output_scales(&mut graph, &formats, config);
    if scales.iter().any(Option::is_some) {
        // What feeds an output may have other types than what feeds a scale.
        formats = assign(&graph, config, ranges.as_ref())?;
        let scaled = graph.outputs.iter().zip(&scales).filter(|it| it.1.is_some());
        formats.scaled = scaled.map(|it| graph.node(*it.0).name.clone()).collect();
    }
    warnings.extend(coarse(&graph, &formats, config, ranges.as_ref()));
    Ok(Decided { graph, formats, scales, removed, device })
}

/// Everything, from the raw model to the design.
///
/// # Errors
/// Whatever is wrong with the model, the configuration or their combination.
pub fn compile(
    (raw, source): (RawModel, Source),
    config: &Config,
    calibration: &[PathBuf],
    mut warnings: Vec<Warning>,
) -> Result<Compiled> {
    let decided = decide(raw, config, calibration, &mut warnings, false)?;
    let Decided { graph, formats, scales, removed, device } = decided;
    let fixed = lower::lower(&graph, &formats)?;
    let plan = plan(&graph, config, device, &source)?;
    check_modules(&fixed, &plan.name)?;
    let design = Design { graph: fixed, plan, scales };
    Ok(Compiled { source, graph, formats, design, device, removed, warnings })
}

/// A module of the user's that is called like one of the design's.
#[derive(Debug, thiserror::Error)]
#[error("module {module} is called like a part of the project {name}")]
struct ModuleClash {
    module: String,
    name: String,
}

fn check_modules(graph: &fixed::Graph, name: &str) -> Result<()> {
    let mut problems = Problems::default();
    for (at, kernel) in units::kernels(graph) {
        let rest = kernel.module.to_ascii_lowercase();
        if rest.strip_prefix(name).is_some_and(|it| it.is_empty() || it.starts_with('_')) {
            let (module, name) = (kernel.module.clone(), name.to_owned());
            let problem = Problem::at(&at, ModuleClash { module, name });
            problems.push(problem.help("choose another module name, or a ProjectName"));
        }
    }
    problems.into_result(())
}

fn plan(graph: &nn::Graph, config: &Config, device: &Device, source: &Source) -> Result<Plan> {
    let clock_ns = config.clock_ns.unwrap_or(device.clock_ns);
    if !(0.1..=1000.0).contains(&clock_ns) {
        return Err(Unsupported::Clock { found: clock_ns }).anywhere();
    }
    let dsp = DspPlan {
        blocks: config.dsp.unwrap_or_default(),
        lut_percent: config.lut_percent.unwrap_or(dsp::LUT_PERCENT),
    };
    dsp.check(device).anywhere()?;
    let mut layers = BTreeMap::new();
    for id in graph.topo() {
        let node = graph.node(id);
        let kind = node.op.spec().kind();
        let reuse_factor = config.reuse_factor(&node.name, kind);
        let strategy = config.strategy(&node.name, kind);
        let parallelization_factor = config.parallelization_factor(&node.name, kind);
        let unrolled = !config.is_static(&node.name, kind);
        let layer = LayerPlan { strategy, reuse_factor, parallelization_factor, unrolled };
        layers.insert(node.name.clone(), layer);
    }
    let stem = Path::new(&source.file).file_stem().and_then(|it| it.to_str()).unwrap_or("model");
    let part = config.part.as_deref().unwrap_or(DEFAULT_PART);
    Ok(Plan {
        name: identifier(config.project.as_deref().unwrap_or(stem)),
        part: device.part_for(part).to_owned(),
        clock_ns,
        latency: config
            .latency_cycles
            .map(|cycles| LatencyTarget { cycles, at_clock: config.clock_ns.is_some() }),
        clock_uncertainty: config.clock_uncertainty.map(|it| it.nanoseconds(clock_ns) / clock_ns),
        effort: config.effort.unwrap_or_default(),
        dsp,
        io: config.io,
        layers,
    })
}

/// A name that C++, SystemVerilog and Tcl all take: lower case, no doubled underscore.
pub fn identifier(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().map(|it| it.to_ascii_lowercase()) {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if !(c == '_' && (out.is_empty() || out.ends_with('_'))) {
            out.push(c);
        }
    }
    let out = out.trim_end_matches('_');
    match out.chars().next() {
        None => "model".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("nn_{out}"),
        Some(_) => out.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        assert_eq!(identifier("KERAS_check_best_model"), "keras_check_best_model");
        assert_eq!(identifier("3 layers--deep.v2"), "nn_3_layers_deep_v2");
        assert_eq!(identifier("__"), "model");
    }
}
