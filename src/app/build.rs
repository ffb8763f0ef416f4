//! `build`: a model becomes a project of both paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::manifest::{
    ControlInfo, HlsInfo, Manifest, ModelInfo, PortInfo, ProcessInfo, RtlInfo, SlotInfo, VERSION,
};
use super::{Outcome, comparison, folding, model, target};
use crate::cli::{Build, Flow};
use crate::compile::Compiled;
use crate::config::{self, Config, Io, Warning};
use crate::design;
use crate::device::Device;
use crate::error::{Located, Result};
use crate::firmware::{self, Rtl};
use crate::graph::NodeId;
use crate::hls::{HlsProject, Tool};
use crate::precision;
use crate::project::{MANIFEST, Project};
use crate::report::{compare::Comparison, listing};
use crate::rtl::emit::{Interface, PortShape, Slot};
use crate::stream::loaded::windows;
use crate::stream::pixels;

/// The command; with `deny_warnings` nothing is written if there are any.
pub(super) fn run(args: &Build, deny_warnings: bool) -> Result<Outcome> {
    let (mut compiled, config) = model::compile(&args.model, args.hls)?;
    if args.flow == Flow::Hls && config.latency_cycles.is_some() {
        return Err(NoPipeline).anywhere();
    }
    if args.flow == Flow::Hls && (config.fit || config.target_ii.is_some()) {
        return Err(NoFolding).anywhere();
    }
    if args.flow == Flow::Hls && (config.dsp.is_some() || config.lut_percent.is_some()) {
        return Err(NoBlocks).anywhere();
    }
    let made = match args.flow {
        Flow::Hls => None,
        Flow::Both | Flow::Rtl => match target::rtl(&mut compiled, &config)? {
            Ok(made) => Some(made),
            Err(missed) => return Ok(Outcome::missed(&missed, compiled.warnings)),
        },
    };
    let (rtl, choice) = made.map_or((None, None), |(rtl, choice)| (Some(rtl), choice));
    let tool = config.hls.unwrap_or_default();
    let hls = match args.flow {
        Flow::Rtl => None,
        Flow::Both | Flow::Hls => Some(firmware::hls(&compiled.design, compiled.device, tool)?),
    };
    let mut warnings = std::mem::take(&mut compiled.warnings);
    if let Some(rtl) = &rtl {
        let late = rtl.pipelines.iter().flat_map(|it| &it.schedule.violations);
        warnings.extend(late.map(|it| Warning::at(&it.origin, it.clone())));
        warnings.extend(rtl.unfolded.iter().map(|it| Warning::at(it, Unfolded)));
        let ineffective = firmware::ineffective(&compiled.design, choice.is_some());
        warnings.extend(ineffective.into_iter().map(|(at, it)| Warning::at(&at, it)));
    }
    let mut hls = hls;
    for problem in hls.iter_mut().flat_map(|it| it.project.warnings.drain(..)) {
        warnings.push(Warning { at: problem.at, what: problem.what });
    }
    if deny_warnings && !warnings.is_empty() {
        return Ok(Outcome { warnings, ..Outcome::default() });
    }
    if hls.is_some() {
        let at = |it: &NodeId| &compiled.graph.node(*it).origin;
        let loaded = compiled
            .graph
            .topo()
            .into_iter()
            .filter(|it| compiled.formats.of(*it).settings.weights == config::Weights::Runtime);
        warnings.extend(loaded.map(|it| Warning::at(at(&it), Frozen)));
    }
    // What there is of an estimate is for Vitis.
    let estimated = hls.as_ref().filter(|_| matches!(tool, Tool::Vitis | Tool::Vivado));
    let mut comparison = comparison::estimated(&compiled, rtl.as_ref(), estimated)?;
    if hls.is_some() && estimated.is_none() {
        let basis = match tool {
            Tool::Xls => XLS_BASIS.to_owned(),
            _ => {
                format!("HLS path: for {}; it has figures once its reports are here", tool.title())
            }
        };
        comparison.notes.push(basis);
    }
    let hls = hls.as_ref().map(|it| (tool, &it.project));
    let (project, manifest) = assemble(&compiled, &config, rtl.as_ref(), hls, comparison)?;
    let dir = args.output.clone().unwrap_or_else(|| PathBuf::from(&compiled.design.plan.name));
    project.write(&dir, args.force)?;
    let mut text = listing::network(&manifest.comparison.layers);
    text.push_str(&summary(&dir, &manifest));
    if let Some(choice) = &choice {
        text.push_str(&folding::text(choice, compiled.device));
    }
    let proof = precision::proof(&compiled.graph, &compiled.formats).map(|it| it.to_string());
    if let Some(proof) = &proof {
        text.push_str(&format!("  {proof}\n"));
    }
    let kernels = comparison::kernels(&compiled);
    kernels.iter().for_each(|it| text.push_str(&format!("  {it}\n")));
    let design = &compiled.design;
    for ((name, _), scale) in design.outputs().iter().zip(&design.scales) {
        if let Some(scale) = scale {
            text.push_str(&format!("  output {name} carries whole numbers of its unit, {scale}\n"));
        }
    }
    let json = json!({
        "project": dir.display().to_string(),
        "rtl": manifest.rtl,
        "hls": manifest.hls,
        "files": manifest.files,
        "proof": proof,
        "folding": choice,
        "kernels": kernels,
    });
    Ok(Outcome { text, json, warnings, failed: false })
}

/// Where figures of the HLS path come from.
const XLS_BASIS: &str = "HLS path: Google XLS, not Vitis; it has figures once it has run (`cosim --engines hls`, \
                         `synth --path hls`)";

/// A latency in cycles for a path whose compiler decides on it.
#[derive(Debug, thiserror::Error)]
#[error("a latency in cycles is a target of the RTL path, which --flow hls leaves out")]
struct NoPipeline;

/// Reuse factors chosen for the direct path, which is left out.
#[derive(Debug, thiserror::Error)]
#[error("--target-ii and --fit choose reuse factors by the RTL path, which --flow hls leaves out")]
struct NoFolding;

/// DSP blocks chosen for a path whose compiler decides on them.
#[derive(Debug, thiserror::Error)]
#[error("DSP blocks are chosen for the RTL path, which --flow hls leaves out")]
struct NoBlocks;

/// A reuse factor without effect on the direct path.
#[derive(Debug, thiserror::Error)]
#[error(
    "ReuseFactor has no effect on this layer's RTL: its sums depend on their order (a rounding or \
     saturating accumulator, inputs of different formats) or are of groups of channels"
)]
struct Unfolded;

/// Weights that only one of the paths can load.
#[derive(Debug, thiserror::Error)]
#[error("Weights: runtime has no effect on the HLS path, where weights stay what they are now")]
struct Frozen;

fn assemble(
    compiled: &Compiled,
    config: &Config,
    rtl: Option<&Rtl>,
    hls: Option<(Tool, &HlsProject)>,
    comparison: Comparison,
) -> Result<(Project, Manifest)> {
    let mut project = Project::default();
    if let Some(rtl) = rtl {
        project.extend("", rtl.project.files.iter().cloned());
    }
    if let Some((tool, hls)) = hls {
        project.extend(&format!("hls/{}", tool.name()), hls.files.iter().cloned());
        if !hls.host.is_empty() {
            project.text("sim/csim_main.cpp", hls.host.clone());
        }
    }
    let design = pretty(&compiled.design)?;
    let design_sha256 = crate::project::sha256(design.as_bytes());
    project.text(design::FILE, design);
    project.text("report.json", pretty(&comparison)?);
    let manifest = Manifest {
        version: VERSION,
        nn2rtl: env!("CARGO_PKG_VERSION").to_owned(),
        model: ModelInfo {
            file: compiled.source.file.clone(),
            format: compiled.source.format.to_owned(),
            sha256: compiled.source.sha256.clone(),
        },
        config: config.clone(),
        formats: comparison::formats(&compiled.graph, &compiled.formats),
        rtl: rtl.map(|it| told(rtl_info(it, compiled.device), &compiled.design)),
        hls: hls.map(|(tool, hls)| HlsInfo {
            tool,
            top: hls.top.clone(),
            interval: hls.interval,
            settings: BTreeMap::new(),
        }),
        comparison,
        design_sha256,
        files: project.files.keys().map(|it| slashes(it)).collect(),
    };
    project.text(MANIFEST, pretty(&manifest)?);
    Ok((project, manifest))
}

/// With the order in which elements go through the ports of a stream.
pub(super) fn told(mut info: RtlInfo, design: &design::Design) -> RtlInfo {
    let inputs = info.ports.iter_mut().filter(|it| it.input);
    for (port, id) in inputs.zip(&design.graph.inputs) {
        port.pixels = design.plan.io == Io::Stream && pixels(&design.graph, *id).is_some();
    }
    info
}

fn slashes(path: &Path) -> String {
    path.components().map(|it| it.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn pretty(value: &impl serde::Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value).anywhere()?;
    text.push('\n');
    Ok(text)
}

pub(super) fn rtl_info(rtl: &Rtl, device: &Device) -> RtlInfo {
    let interface = &rtl.project.interface;
    let is_source = |it: &&(PathBuf, String)| {
        it.0.starts_with("rtl") && it.0.extension().is_some_and(|it| it == "sv" || it == "svh")
    };
    let processes = rtl.stream.iter().flat_map(|it| it.processes(rtl, device));
    let processes = processes.map(|(name, resources)| ProcessInfo { name, resources });
    RtlInfo {
        top: interface.top.clone(),
        axis: interface.axis.clone(),
        latency: interface.latency,
        interval: rtl.interval(),
        first: rtl.stream.as_ref().map(|it| it.plan.first),
        beats: interface.beats.clone(),
        stages: rtl.pipelines.iter().map(|it| it.schedule.stages).sum(),
        slack_ns: rtl.slack_ns(),
        stage_ns: rtl.pipelines.iter().flat_map(|it| it.schedule.stage_ns.clone()).collect(),
        register_bits: rtl.register_bits(),
        register_bits_least: rtl.pipelines.iter().all(|it| it.schedule.exact),
        processes: processes.collect(),
        instances: rtl.project.instances.clone(),
        sources: rtl.project.files.iter().filter(is_source).map(|it| slashes(&it.0)).collect(),
        ports: ports(interface),
        control: rtl.stream.as_ref().and_then(|it| ControlInfo::new(&windows(&it.flow))),
    }
}

/// The data ports of a design.
pub(super) fn ports(interface: &Interface) -> Vec<PortInfo> {
    let slot = |it: &Slot| SlotInfo {
        offset: it.offset,
        width: it.width,
        signed: it.signed,
        axis_offset: it.axis_offset,
        axis_width: it.axis_width(),
    };
    let port = |it: &PortShape| PortInfo {
        name: it.name.clone(),
        tensor: it.tensor.clone(),
        input: it.input,
        pixels: false,
        slots: it.slots.iter().map(slot).collect(),
    };
    interface.ports.iter().map(port).collect()
}

fn summary(dir: &Path, manifest: &Manifest) -> String {
    let mut text = format!("\nproject {} for {}\n", dir.display(), manifest.comparison.part);
    if let Some(rtl) = &manifest.rtl {
        let clock_ns = manifest.comparison.clock_ns;
        let ns = f64::from(rtl.latency) * clock_ns;
        if manifest.config.latency_cycles.is_some() {
            text.push_str(&format!("  clock of {clock_ns:.3} ns\n"));
        }
        text.push_str(&format!(
            "  rtl  {}: latency {} cycles = {ns:.1} ns, II {}, {} register bits, slack {:.2} ns by the delay model\n",
            rtl.top, rtl.latency, rtl.interval, rtl.register_bits, rtl.slack_ns
        ));
    }
    if let Some(hls) = &manifest.hls {
        // How long procs take XLS decides.
        let least = if hls.tool == Tool::Xls && hls.interval > 1 { " or more" } else { "" };
        let (top, tool, interval) = (&hls.top, hls.tool.name(), hls.interval);
        text.push_str(&format!("  hls  {top}: {tool} project, II {interval}{least}\n"));
    }
    text
}
