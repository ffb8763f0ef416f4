//! `synth`: the direct path of a project through synthesis, or placed and routed.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Manifest, Outcome};
use crate::cli::{Synth, SynthTool};
use crate::device::{Device, Percent, find};
use crate::error::{Located, Result};
use crate::project::{self, MANIFEST};
use crate::report::compare::{Comparison, Figures, Metric, Side, Source};
use crate::rtl::dsp::Blocks;
use crate::synth::{self, Sources, Synthesis};
use crate::tools::Tools;

/// What Yosys found, as the project keeps it.
const SYNTHESIZED: &str = "synth/yosys.json";
/// What nextpnr found.
const PLACED: &str = "synth/nextpnr.json";

/// A project without SystemVerilog.
#[derive(Debug, thiserror::Error)]
#[error("the project has no SystemVerilog; build it with --flow rtl or both")]
struct NoRtl;

/// The command.
pub(super) fn run(args: &Synth) -> Result<Outcome> {
    let manifest: Manifest = project::read_json(&args.dir, MANIFEST)?;
    let rtl = manifest.rtl.as_ref().ok_or(NoRtl).anywhere()?;
    let part = args.target.as_ref().unwrap_or(&manifest.comparison.part);
    let device = find(part).anywhere()?;
    let dsp = manifest.config.dsp != Some(Blocks::None) && !args.no_dsp;
    let sources = Sources {
        dir: &args.dir,
        files: &rtl.sources,
        top: &rtl.top,
        instances: &rtl.instances,
        stream: !rtl.processes.is_empty(),
        dsp,
        clock_ns: manifest.comparison.clock_ns,
    };
    let tools = Tools::find().anywhere()?;
    let work = tools.cache().scratch().anywhere()?;
    let (found, file) = match args.tool {
        SynthTool::Yosys => (synth::yosys(&sources, device, &tools, work.path()), SYNTHESIZED),
        SynthTool::Nextpnr => {
            (synth::nextpnr(&sources, device, &tools, work.path(), args.seed), PLACED)
        }
    };
    let found = found.anywhere()?;
    let bytes = serde_json::to_vec_pretty(&found).anywhere()?;
    project::update(&args.dir, &[(PathBuf::from(file), bytes)])?;
    let text = text(&found, device, &manifest);
    Ok(Outcome { text, json: json!({ "synthesis": found }), ..Outcome::default() })
}

fn text(found: &Synthesis, device: &Device, manifest: &Manifest) -> String {
    let mut text = format!("{} for {}\n\n", found.tool, device.name);
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
            row(name, taken, &layer.figures.rtl);
        }
    }
    row("total", &found.total, &guess.total.rtl);
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

/// Puts what tools found into a comparison: it replaces estimates.
pub(super) fn apply(dir: &Path, comparison: &mut Comparison) -> Result<()> {
    for (file, source) in [(SYNTHESIZED, Source::Synthesized), (PLACED, Source::Placed)] {
        if !dir.join(file).is_file() {
            continue;
        }
        let found: Synthesis = project::read_json(dir, file)?;
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
        comparison.total.rtl.merge(&total);
        for (layer, taken) in &found.layers {
            comparison.layer(layer, Side::Rtl, &figures(taken));
        }
        comparison.notes.push(format!("RTL, {}: {}", source.name(), found.tool));
    }
    Ok(())
}
