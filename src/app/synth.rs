//! `synth`: the direct path of a project through synthesis, or placed and routed.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Manifest, Outcome, xls};
use crate::cli::{Synth, SynthPath, SynthTool};
use crate::design::Design;
use crate::device::{Device, Percent, find};
use crate::error::{Located, Result};
use crate::hls;
use crate::project::{self, MANIFEST};
use crate::report::compare::{Comparison, Figures, Metric, Side, Source};
use crate::rtl::dsp::Blocks;
use crate::synth::{self, Sources, Synthesis};
use crate::tools::Tools;

/// Where a project keeps what tools found of a path.
const RESULTS: [(SynthPath, SynthTool, &str); 4] = [
    (SynthPath::Rtl, SynthTool::Yosys, "synth/yosys.json"),
    (SynthPath::Rtl, SynthTool::Nextpnr, "synth/nextpnr.json"),
    (SynthPath::Hls, SynthTool::Yosys, "synth/hls_yosys.json"),
    (SynthPath::Hls, SynthTool::Nextpnr, "synth/hls_nextpnr.json"),
];

/// A project without SystemVerilog on that path.
#[derive(Debug, thiserror::Error)]
enum NoRtl {
    #[error("the project has no SystemVerilog; build it with --flow rtl or both")]
    Rtl,
    #[error("the project's HLS path is C++, which no open tool compiles; build it with --hls xls")]
    Hls,
}

/// The command.
pub(super) fn run(args: &Synth) -> Result<Outcome> {
    let manifest: Manifest = project::read_json(&args.dir, MANIFEST)?;
    let part = args.target.as_ref().unwrap_or(&manifest.comparison.part);
    let device = find(part).anywhere()?;
    let (dir, rtl) = match args.path {
        SynthPath::Rtl => (args.dir.clone(), manifest.rtl.clone().ok_or(NoRtl::Rtl).anywhere()?),
        SynthPath::Hls => {
            if manifest.hls.as_ref().is_none_or(|it| it.tool != hls::Tool::Xls) {
                return Err(NoRtl::Hls).anywhere();
            }
            let design = Design::of_project(&args.dir)?;
            (args.dir.join(xls::FOLDER), xls::made(&args.dir, &manifest, &design)?.rtl)
        }
    };
    let dsp = manifest.config.dsp != Some(Blocks::None) && !args.no_dsp;
    let sources = Sources {
        dir: &dir,
        files: &rtl.sources,
        top: &rtl.top,
        instances: &rtl.instances,
        stream: !rtl.processes.is_empty(),
        dsp,
        clock_ns: manifest.comparison.clock_ns,
    };
    let tools = Tools::find().anywhere()?;
    let work = tools.cache().scratch().anywhere()?;
    let found = match args.tool {
        SynthTool::Yosys => synth::yosys(&sources, device, &tools, work.path()),
        SynthTool::Nextpnr => synth::nextpnr(&sources, device, &tools, work.path(), args.seed),
    };
    let found = found.anywhere()?;
    let bytes = serde_json::to_vec_pretty(&found).anywhere()?;
    let is_it = |it: &&(SynthPath, SynthTool, &str)| it.0 == args.path && it.1 == args.tool;
    let (_, _, file) = RESULTS.iter().find(is_it).expect("every path and tool has a file");
    project::update(&args.dir, &[(PathBuf::from(file), bytes)])?;
    let text = text(&found, device, &manifest, args.path);
    Ok(Outcome { text, json: json!({ "synthesis": found }), ..Outcome::default() })
}

fn text(found: &Synthesis, device: &Device, manifest: &Manifest, path: SynthPath) -> String {
    let mut text = format!("{} for {}\n\n", found.tool, device.name);
    let side = side(path);
    let guess = &manifest.comparison;
    let estimated = |figures: &Figures| figures.get(Metric::Lut).map_or(0.0, |it| it.value);
    let width = found.layers.iter().map(|it| it.0.len()).max().unwrap_or(0).max(5);
    text.push_str(&format!(
        "{:width$}  {:>9}  {:>9}  {:>6}  {:>10}  {:>13}\n",
        "layer", "LUT", "FF", "DSP", "BRAM, kbit", "LUT estimated"
    ));
    let mut row = |name: &str, it: &crate::device::Resources, figures: &Figures| {
        let estimated = estimated(figures);
        text.push_str(&format!(
            "{name:width$}  {:>9}  {:>9}  {:>6}  {:>10}  {estimated:>13.0}\n",
            it.lut, it.ff, it.dsp, it.bram_kbit
        ));
    };
    for layer in &guess.layers {
        if let Some((name, taken)) = found.layers.iter().find(|it| it.0 == layer.name) {
            row(name, taken, layer.figures.of(side));
        }
    }
    row("total", &found.total, guess.total.of(side));
    let Percent { lut, ff, dsp, bram, .. } = found.total.percent_of(&device.total);
    text.push_str(&format!(
        "\n{lut:.1} % LUT, {ff:.1} % FF, {dsp:.1} % DSP, {bram:.1} % block RAM of {}\n",
        device.name
    ));
    if let Some(fmax) = found.fmax_mhz {
        let (period, clock) = (1000.0 / fmax, guess.clock_ns);
        let met = if period <= clock { "meets" } else { "misses" };
        text.push_str(&format!(
            "placed and routed: {fmax:.1} MHz, {period:.2} ns; {met} the clock of {clock} ns\n"
        ));
    }
    text
}

fn side(path: SynthPath) -> Side {
    match path {
        SynthPath::Rtl => Side::Rtl,
        SynthPath::Hls => Side::Hls,
    }
}

/// Puts what tools found into a comparison: it replaces estimates.
pub(super) fn apply(dir: &Path, comparison: &mut Comparison) -> Result<()> {
    for (path, tool, file) in RESULTS {
        if !dir.join(file).is_file() {
            continue;
        }
        let source = match tool {
            SynthTool::Yosys => Source::Synthesized,
            SynthTool::Nextpnr => Source::Placed,
        };
        let (side, found): (Side, Synthesis) = (side(path), project::read_json(dir, file)?);
        let figures = |it: &crate::device::Resources| {
            let counts = [
                (Metric::Lut, it.lut as f64),
                (Metric::Ff, it.ff as f64),
                (Metric::Dsp, it.dsp as f64),
                (Metric::BramKbit, it.bram_kbit as f64),
            ];
            Figures::of(source, counts)
        };
        let mut total = figures(&found.total);
        total.merge(&Figures::of(source, found.fmax_mhz.map(|it| (Metric::FmaxMhz, it))));
        comparison.total.of_mut(side).merge(&total);
        for (layer, taken) in &found.layers {
            comparison.layer(layer, side, &figures(taken));
        }
        comparison.notes.push(format!("{}, {}: {}", side.name(), source.name(), found.tool));
    }
    Ok(())
}
