//! `synth`: a project through a tool, and what open tools found in comparisons.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manifest::RtlInfo;
use super::{Manifest, Outcome, vendor, xls};
use crate::cli::{Synth, SynthPath, SynthTool};
use crate::design::Design;
use crate::device::{Device, Percent, Resources, find};
use crate::error::{Located, Problem, Problems, Result};
use crate::hls;
use crate::project::{self, MANIFEST};
use crate::report::compare::{Comparison, Figures, Metric, Side, Source};
use crate::report::vendor::{Step, Tool};
use crate::rtl::dsp::Blocks;
use crate::synth::{self, Routing, Sources, Synthesis, Timing};
use crate::tools::Tools;

/// Where a project keeps what open tools found of a path.
const RESULTS: [(Side, Source, &str); 6] = [
    (Side::Rtl, Source::Estimated, "synth/timing.json"),
    (Side::Hls, Source::Estimated, "synth/hls_timing.json"),
    (Side::Rtl, Source::Synthesized, "synth/yosys.json"),
    (Side::Rtl, Source::Placed, "synth/nextpnr.json"),
    (Side::Hls, Source::Synthesized, "synth/hls_yosys.json"),
    (Side::Hls, Source::Placed, "synth/hls_nextpnr.json"),
];

/// A project without SystemVerilog on that path.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoRtl {
    /// Of the direct one.
    #[error("the project has no SystemVerilog; build it with --flow rtl or both")]
    Rtl,
    /// Of the HLS path.
    #[error("the project's HLS path is C++, which no open tool compiles; build it with --hls xls")]
    Hls,
}

/// What an open tool found, and for which device.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// Name of the device; older projects do not say.
    #[serde(default)]
    device: Option<String>,
    #[serde(flatten)]
    synthesis: Synthesis,
}

/// The command.
pub(super) fn run(args: &Synth) -> Result<Outcome> {
    let manifest: Manifest = project::read_json(&args.dir, MANIFEST)?;
    let source = match args.tool {
        SynthTool::Yosys => Source::Synthesized,
        SynthTool::Nextpnr => Source::Placed,
        SynthTool::Timing => Source::Estimated,
        SynthTool::Vivado => return vendor::run(args, &manifest, Tool::Vivado),
        SynthTool::Quartus => return vendor::run(args, &manifest, Tool::Quartus),
        SynthTool::Vitis => return vendor::run(args, &manifest, Tool::VitisHls),
        SynthTool::Catapult => return vendor::run(args, &manifest, Tool::Catapult),
        SynthTool::Oneapi => return vendor::run(args, &manifest, Tool::OneApi),
    };
    if source != Source::Placed {
        let mut problems = Problems::default();
        args.placing().for_each(|it| problems.push(Problem::new(PlacingOnly(it))));
        problems.into_result(())?;
    }
    let (side, (dir, rtl)) = match args.path {
        SynthPath::Rtl => (Side::Rtl, direct(args, &manifest)?),
        SynthPath::Hls => (Side::Hls, compiled(args, &manifest)?),
    };
    let part = args.target.as_ref().unwrap_or(&manifest.comparison.part);
    let device = find(part).anywhere()?;
    let dsp = manifest.config.dsp != Some(Blocks::None) && !args.no_dsp;
    let files = compiled_files(&rtl.sources, false);
    let sources = Sources {
        dir: &dir,
        files: &files,
        top: &rtl.top,
        instances: &rtl.instances,
        stream: !rtl.processes.is_empty(),
        dsp,
        clock_ns: manifest.comparison.clock_ns,
    };
    let tools = Tools::find().anywhere()?;
    let work = tools.cache().scratch().anywhere()?;
    let work = work.path();
    let how = Routing { seed: args.seed.unwrap_or(1), router: args.router };
    let (found, step) = match source {
        Source::Placed => (synth::nextpnr(&sources, device, &tools, work, how), Step::Routed),
        Source::Estimated => (synth::timed(&sources, device, &tools, work), Step::Synthesized),
        _ => (synth::yosys(&sources, device, &tools, work), Step::Synthesized),
    };
    let synthesis = found.anywhere()?;
    let is_it = |it: &&(Side, Source, &str)| it.0 == side && it.1 == source;
    let (_, _, file) = RESULTS.iter().find(is_it).expect("every path and tool has a file");
    let remarks = synthesis.timing.iter().map(longest).collect();
    let found = Found { synthesis, side, step, remarks };
    let text = found.text(device, &manifest);
    let stored = Stored { device: Some(device.name.clone()), synthesis: found.synthesis };
    let bytes = serde_json::to_vec_pretty(&stored).anywhere()?;
    project::update(&args.dir, &[(PathBuf::from(file), bytes)])?;
    Ok(Outcome { text, json: json!({ "synthesis": stored }), ..Outcome::default() })
}

/// An option of place and route, given to what does not place.
#[derive(Debug, thiserror::Error)]
#[error("{0} is for --tool nextpnr, which places and routes")]
struct PlacingOnly(&'static str);

/// The longest path for people.
fn longest(timing: &Timing) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for hop in &timing.path {
        match kinds.last_mut() {
            Some(last) if last.0 == hop.kind => last.1 += 1,
            _ => kinds.push((&hop.kind, 1)),
        }
    }
    let kind = |(kind, count): &(&str, usize)| match count {
        1 => (*kind).to_owned(),
        _ => format!("{count} {kind}"),
    };
    let path: Vec<String> = kinds.iter().map(kind).collect();
    let path = path.join(", ");
    format!("longest path by the table of delays: {:.2} ns: {path}", timing.period_ns)
}

/// Sources with or without the AXI4-Stream wrapper.
pub(super) fn compiled_files(sources: &[String], axis: bool) -> Vec<String> {
    sources.iter().filter(|it| axis || !it.ends_with("_axis.sv")).cloned().collect()
}

/// Folder and design of the direct path.
fn direct(args: &Synth, manifest: &Manifest) -> Result<(PathBuf, RtlInfo)> {
    let rtl = manifest.rtl.clone().ok_or(NoRtl::Rtl).anywhere()?;
    Ok((args.dir.clone(), rtl))
}

/// Folder and design of the HLS path, by XLS.
fn compiled(args: &Synth, manifest: &Manifest) -> Result<(PathBuf, RtlInfo)> {
    if manifest.hls.as_ref().is_none_or(|it| it.tool != hls::Tool::Xls) {
        return Err(NoRtl::Hls).anywhere();
    }
    let design = Design::of_project(&args.dir)?;
    Ok((args.dir.join(xls::FOLDER), xls::made(&args.dir, manifest, &design)?.rtl))
}

/// What a tool found of a project.
pub(super) struct Found {
    pub(super) synthesis: Synthesis,
    /// Of which path.
    pub(super) side: Side,
    /// How far the design had come when its clock was found.
    pub(super) step: Step,
    /// Further lines for people.
    pub(super) remarks: Vec<String>,
}

impl Found {
    /// A table of what the design takes, beside the estimate, and what else is known.
    pub(super) fn text(&self, device: &Device, manifest: &Manifest) -> String {
        let found = &self.synthesis;
        let mut text = format!("{} for {}\n\n", found.tool, device.name);
        let guess = &manifest.comparison;
        let estimated = |figures: &Figures| figures.get(Metric::Lut).map_or(0.0, |it| it.value);
        let width = found.layers.iter().map(|it| it.0.len()).max().unwrap_or(0).max(5);
        text.push_str(&format!(
            "{:width$}  {:>9}  {:>9}  {:>6}  {:>10}  {:>13}\n",
            "layer", "LUT", "FF", "DSP", "BRAM, kbit", "LUT estimated"
        ));
        let mut row = |name: &str, it: &Resources, figures: &Figures| {
            let estimated = estimated(figures);
            text.push_str(&format!(
                "{name:width$}  {:>9}  {:>9}  {:>6}  {:>10}  {estimated:>13.0}\n",
                it.lut, it.ff, it.dsp, it.bram_kbit
            ));
        };
        for layer in &guess.layers {
            if let Some((name, taken)) = found.layers.iter().find(|it| it.0 == layer.name) {
                row(name, taken, layer.figures.of(self.side));
            }
        }
        row("total", &found.total, guess.total.of(self.side));
        let Percent { lut, ff, dsp, bram, .. } = found.total.percent_of(&device.total);
        text.push_str(&format!(
            "\n{lut:.1} % LUT, {ff:.1} % FF, {dsp:.1} % DSP, {bram:.1} % block RAM of {}\n",
            device.name
        ));
        if let Some(fmax) = found.fmax_mhz {
            let (period, clock) = (1000.0 / fmax, guess.clock_ns);
            let met = if period <= clock { "meets" } else { "misses" };
            let step =
                if self.step == Step::Routed { "placed and routed" } else { self.step.name() };
            text.push_str(&format!(
                "{step}: {fmax:.1} MHz, {period:.2} ns; {met} the clock of {clock} ns\n"
            ));
        }
        self.remarks.iter().for_each(|it| text.push_str(&format!("{it}\n")));
        text
    }
}

/// Puts what open tools found into a comparison: it replaces estimates, unless it is for another device.
pub(super) fn apply(dir: &Path, comparison: &mut Comparison) -> Result<()> {
    for (side, source, file) in RESULTS {
        if !dir.join(file).is_file() {
            continue;
        }
        let Stored { device, synthesis: found } = project::read_json(dir, file)?;
        let ours = find(&comparison.part).anywhere()?;
        if let Some(other) = device.filter(|it| *it != ours.name) {
            comparison.notes.push(format!("{file} is of {other} and does not count"));
            continue;
        }
        let figures = |it: &Resources| Figures::taken(source, it);
        // Of a flat netlist's timing only the clock is an estimate, and all that counts.
        let counted = source != Source::Estimated;
        let mut total = if counted { figures(&found.total) } else { Figures::default() };
        total.merge(&Figures::of(source, found.fmax_mhz.map(|it| (Metric::FmaxMhz, it))));
        comparison.total.of_mut(side).merge(&total);
        for (layer, taken) in &found.layers {
            comparison.layer(layer, side, &figures(taken));
        }
        comparison.notes.push(format!("{}, {}: {}", side.name(), source.name(), found.tool));
    }
    Ok(())
}
