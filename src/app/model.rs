//! From the options of the command line to a configuration and a compiled model.

use std::path::Path;

use crate::cli::{ModelArgs, ModelOptions};
use crate::compile::{self, Compiled, Source};
use crate::config::{Config, Io, Overrides, Strategy, Warning};
use crate::error::{Located, Origin, Problems, Result};
use crate::hls;
use crate::layers::OwnLayers;
use crate::precision::parse_precision;
use crate::project::MANIFEST;
use crate::rtl::dsp::Blocks;
use crate::source::{InputShapes, RawModel};

/// A value of an option that is none of those it takes.
#[derive(Debug, thiserror::Error)]
#[error("{option} {found:?} is not supported (supported: {supported})")]
struct BadOption {
    option: &'static str,
    found: String,
    supported: &'static str,
}

/// The configuration file with the command line's options over it.
pub(super) fn config(
    options: &ModelOptions,
    hls: Option<hls::Tool>,
) -> Result<(Config, Vec<Warning>)> {
    let (mut config, mut warnings) = match &options.config {
        None => (Config::default(), Vec::new()),
        Some(path) => {
            let file = path.display().to_string();
            let at = Origin::new(&file, "");
            let text = std::fs::read_to_string(path)
                .map_err(crate::frontend::LoadError::Read)
                .locate(&at)?;
            Config::read(&file, &text)?
        }
    };
    let mut problems = Problems::default();
    for path in &options.layers {
        let read = own_layers(path).and_then(|it| config.layers.extend(it));
        problems.note(read);
    }
    let io =
        problems.note(choice("--io", options.io.as_deref(), "parallel, stream", |it| match it {
            "parallel" | "io_parallel" => Some(Io::Parallel),
            "stream" | "io_stream" => Some(Io::Stream),
            _ => None,
        }));
    let strategies = "latency, resource, resource_unrolled, distributed_arithmetic";
    let strategy = choice("--strategy", options.strategy.as_deref(), strategies, |it| match it {
        "latency" => Some(Strategy::Latency),
        "resource" => Some(Strategy::Resource),
        "resource_unrolled" | "unrolled" => Some(Strategy::Unrolled),
        "distributed_arithmetic" | "da" => Some(Strategy::DistributedArithmetic),
        _ => None,
    });
    let strategy = problems.note(strategy);
    let precision = options.precision.as_deref().map(|it| parse_precision(it).anywhere());
    let precision = problems.note(precision.transpose());
    let blocks = "auto, none, a number of blocks";
    let blocks = problems.note(choice("--dsp", options.dsp.as_deref(), blocks, Blocks::parse));
    if let Some(found) = options.lut_percent.filter(|it| !(*it > 0.0 && *it <= 100.0)) {
        let (option, found) = ("--lut-percent", found.to_string());
        let error = Err(BadOption { option, found, supported: "above 0, up to 100" });
        problems.note::<()>(error.anywhere());
    }
    if options.reuse == Some(0) {
        let (option, found) = ("--reuse", "0".to_owned());
        let error = Err(BadOption { option, found, supported: "1 and more" });
        problems.note::<()>(error.anywhere());
    }
    if options.target_ii == Some(0) {
        let (option, found) = ("--target-ii", "0".to_owned());
        let error = Err(BadOption { option, found, supported: "1 and more" });
        problems.note::<()>(error.anywhere());
    }
    let input_shapes = problems.note(input_shapes(&options.input_shape)).unwrap_or_default();
    let overrides = Overrides {
        input_shapes,
        part: options.target.clone(),
        clock_ns: options.clock,
        latency_cycles: options.latency,
        target_ii: options.target_ii,
        fit: options.fit,
        dsp: blocks.flatten(),
        lut_percent: options.lut_percent,
        io: io.flatten(),
        reuse_factor: options.reuse,
        strategy: strategy.flatten(),
        precision: precision.flatten(),
        effort: options.effort,
        hls,
        ..Overrides::default()
    };
    warnings.extend(config.merge(overrides));
    // The devices of other makers' compilers are others.
    config.part = config.part.or(config.hls.and_then(default_part).map(str::to_owned));
    problems.into_result((config, warnings))
}

/// hls4ml's default device for a compiler, where it is not [`compile::DEFAULT_PART`].
fn default_part(tool: hls::Tool) -> Option<&'static str> {
    match tool {
        hls::Tool::Vitis | hls::Tool::Vivado | hls::Tool::Xls => None,
        hls::Tool::Catapult => Some("xcku115"),
        hls::Tool::Quartus => Some("arria10"),
        hls::Tool::Oneapi => Some("agilex7"),
    }
}

/// What `--input-shape` gives, once or for every name.
fn input_shapes(given: &[String]) -> Result<InputShapes> {
    let mut shapes = InputShapes::default();
    let mut problems = Problems::default();
    for text in given {
        let (name, extents) = match text.rsplit_once('=') {
            Some((name, extents)) => (Some(name.trim()), extents),
            None => (None, text.as_str()),
        };
        let new = match (name, InputShapes::parse(extents)) {
            (_, None) => false,
            (Some(name), Some(shape)) => shapes.named.insert(name.to_owned(), shape).is_none(),
            (None, Some(shape)) => shapes.only.replace(shape).is_none(),
        };
        if !new {
            let (option, found) = ("--input-shape", text.clone());
            let supported = "3,16,16 or NAME=3,16,16, once for each input";
            problems.note::<()>(Err(BadOption { option, found, supported }).anywhere());
        }
    }
    problems.into_result(shapes)
}

fn own_layers(path: &Path) -> Result<OwnLayers> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(crate::frontend::LoadError::Read);
    OwnLayers::read(&file, &text.locate(&Origin::new(&file, ""))?)
}

fn choice<T>(
    option: &'static str,
    given: Option<&str>,
    supported: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let Some(given) = given else { return Ok(None) };
    let found = given.to_owned();
    let parsed = parse(&given.to_ascii_lowercase());
    parsed.map(Some).ok_or(BadOption { option, found, supported }).anywhere()
}

/// Reads a model.
pub(super) fn load(args: &ModelArgs, config: &Config) -> Result<(RawModel, Source)> {
    compile::load(&args.model, args.options.weights.as_deref(), &config.input_shapes)
}

/// Reads, imports, sizes and lowers a model.
pub(super) fn compile(args: &ModelArgs, hls: Option<hls::Tool>) -> Result<(Compiled, Config)> {
    let (config, warnings) = config(&args.options, hls)?;
    let model = load(args, &config)?;
    let compiled = compile::compile(model, &config, &args.options.calibrate, warnings)?;
    Ok((compiled, config))
}

/// Whether the path is a project of ours rather than a model file.
pub(super) fn is_project(path: &Path) -> bool {
    path.is_dir() && path.join(MANIFEST).is_file()
}

/// A model argument that is a folder but no project.
#[derive(Debug, thiserror::Error)]
#[error("the folder is no nn2rtl project (it has no {MANIFEST}), and a model is a file")]
struct Folder;

/// An option that changes a model, given with a project that is made already.
#[derive(Debug, thiserror::Error)]
#[error("{option} changes how a project is made; this one is made already")]
struct Late {
    option: &'static str,
}

/// Checks the argument of commands that take a model or a project; true for a project.
pub(super) fn project_or_model(args: &ModelArgs) -> Result<bool> {
    let at = Origin::new(args.model.display().to_string(), "");
    if !is_project(&args.model) {
        return match args.model.is_dir() {
            true => Err(Folder).locate(&at),
            false => Ok(false),
        };
    }
    let options = &args.options;
    let given = [
        ("--weights", options.weights.is_some()),
        ("--config", options.config.is_some()),
        ("--layers", !options.layers.is_empty()),
        ("--target", options.target.is_some()),
        ("--io", options.io.is_some()),
        ("--clock", options.clock.is_some()),
        ("--latency", options.latency.is_some()),
        ("--target-ii", options.target_ii.is_some()),
        ("--fit", options.fit),
        ("--dsp", options.dsp.is_some()),
        ("--lut-percent", options.lut_percent.is_some()),
        ("--reuse", options.reuse.is_some()),
        ("--strategy", options.strategy.is_some()),
        ("--precision", options.precision.is_some()),
        ("--input-shape", !options.input_shape.is_empty()),
        ("--calibrate", !options.calibrate.is_empty()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Late { option }).locate(&at),
        None => Ok(true),
    }
}
