//! Vendors' tools: running one on a project (`synth`), and what reports of theirs say in comparisons.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::synth::{Found, NoRtl};
use super::{Manifest, Outcome};
use crate::cli::{Synth, SynthPath};
use crate::device::{self, Device, Resources};
use crate::error::{Located, Problem, Problems, Result};
use crate::hls;
use crate::project;
use crate::report::compare::{Comparison, Figures, Side, Source};
use crate::report::vendor::{Reported, Step, Tool, find_reports};
use crate::synth::vendor::{self, Flow};
use crate::synth::{self, SynthError, Synthesis};

/// Why a vendor's tool is not run, or is of no use.
#[derive(Debug, thiserror::Error)]
enum VendorError {
    #[error("{option} is for the open tools; {tool} runs the project's script as it is")]
    OpenOnly { option: &'static str, tool: &'static str },
    #[error("the project has no C++; build it with --flow hls or both")]
    NoHls,
    #[error("the project's C++ is for {found}, not for {tool}; build it with another --hls")]
    OtherHls { tool: &'static str, found: &'static str },
    #[error("{tool} ended well, but left no report of what the design takes; see {}", log.display())]
    NoReport { tool: &'static str, log: PathBuf },
}

/// Runs a tool on a project, and reads what it reports.
pub(super) fn run(args: &Synth, manifest: &Manifest, tool: Tool) -> Result<Outcome> {
    let device = device::find(&manifest.comparison.part).anywhere()?;
    let (flow, command) = prepared(args, manifest, tool, device)?;
    let (folder, script) = flow.script();
    if let Some(text) = flow.made() {
        let script = Path::new(folder).join(script);
        project::update(&args.dir, &[(script, text.as_bytes().to_vec())])?;
    }
    let log = Path::new("synth").join(flow.log());
    let file = project::log(&args.dir, &log)?;
    let log = args.dir.join(log);
    vendor::run(command, &file, &log).anywhere()?;
    // What it has just written: our scripts leave it there and nowhere else.
    let place = args.dir.join(if tool.is_hls() { folder } else { "reports" });
    let is_new = |it: &Reported| {
        // Catapult calls Vivado.
        (tool.is_hls() || it.tool == tool)
            && it.path.as_ref().is_some_and(|it| it.starts_with(&place))
    };
    let mut reports = reports(&args.dir)?;
    reports.retain(is_new);
    let kept = format!("log: {}", log.display());
    let (text, synthesis) = match found(tool, &reports, manifest) {
        Some(mut found) => {
            found.remarks.push(kept);
            (found.text(device, manifest), Some(found.synthesis))
        }
        // What the design takes of a device Catapult does not know.
        None if tool == Tool::Catapult && !reports.is_empty() => {
            let said = [remarks(&reports), vec![kept]].concat().join("\n");
            (format!("{} for {}\n\n{said}\n", tool.name(), device.name), None)
        }
        None => return Err(VendorError::NoReport { tool: tool.name(), log }).anywhere(),
    };
    let json = json!({ "synthesis": synthesis, "reports": reports, "log": log });
    Ok(Outcome { text, json, ..Outcome::default() })
}

/// The flow of a tool and the command for it, or everything that is in the way.
fn prepared(
    args: &Synth,
    manifest: &Manifest,
    tool: Tool,
    device: &Device,
) -> Result<(Flow, Command)> {
    let written = manifest.hls.as_ref().map(|it| it.tool);
    // The compilers that a name stands for, the first where the project says nothing.
    let (flow, known, compilers) = match tool {
        Tool::Vivado => (Flow::Vivado, device::Tool::Vivado, &[][..]),
        Tool::Quartus => (Flow::Quartus, device::Tool::Quartus, &[][..]),
        Tool::VitisHls => {
            (Flow::VitisHls, device::Tool::Vivado, &[hls::Tool::Vitis, hls::Tool::Vivado][..])
        }
        Tool::Catapult => (Flow::Catapult, device::Tool::Vivado, &[hls::Tool::Catapult][..]),
        Tool::OneApi => {
            (Flow::OneApi, device::Tool::Quartus, &[hls::Tool::Oneapi, hls::Tool::Quartus][..])
        }
    };
    let own = written.filter(|it| compilers.contains(it)).and_then(Flow::hls);
    let flow = own.unwrap_or(flow);
    let name = tool.name();
    let mut problems = Problems::default();
    let options = [
        ("--path", args.path == SynthPath::Hls),
        ("--target", args.target.is_some()),
        ("--no-dsp", args.no_dsp),
    ];
    let given = options.into_iter().filter(|it| it.1).map(|it| it.0).chain(args.placing());
    given.for_each(|option| {
        problems.push(Problem::new(VendorError::OpenOnly { option, tool: name }));
    });
    match (tool.is_hls(), written) {
        (true, None | Some(hls::Tool::Xls)) => problems.push(Problem::new(VendorError::NoHls)),
        (true, Some(other)) if !compilers.contains(&other) => {
            let what = VendorError::OtherHls { tool: name, found: other.title() };
            problems.push(Problem::new(what));
        }
        (false, _) if manifest.rtl.is_none() => problems.push(Problem::new(NoRtl::Rtl)),
        _ => {}
    }
    if device.tool() != known {
        problems.push(Problem::new(SynthError::Family {
            tool: name,
            device: device.name.clone(),
            family: device.fabric.name.clone(),
            known: if known == device::Tool::Quartus {
                "devices of Altera"
            } else {
                "devices of AMD"
            },
        }));
    }
    let command = problems.note(vendor::command(flow, &args.dir).anywhere());
    match command {
        Some(command) => problems.into_result((flow, command)),
        None => Err(problems),
    }
}

/// What reports of one run say together: each figure as the latest step that has it says.
fn found(tool: Tool, reports: &[Reported], manifest: &Manifest) -> Option<Found> {
    let last = |has: &dyn Fn(&Reported) -> bool| reports.iter().rev().find(|it| has(it));
    let taken = last(&|it| it.resources.is_some())?;
    let timed = last(&|it| it.clock_reached_ns().is_some());
    let latest = reports.iter().map(|it| it.step).max()?;
    let named = last(&|it| it.version.is_some());
    let fmax_mhz = timed.and_then(Reported::clock_reached_ns).map(|it| 1000.0 / it);
    let mut remarks = remarks(reports);
    if let Some(alms) = taken.alms {
        remarks.push(format!("{alms} adaptive logic modules"));
    }
    if let Some(power) = last(&|it| it.power.is_some()).and_then(|it| it.power.as_ref()) {
        let part = |it: Option<f64>| it.map_or("?".to_owned(), |it| format!("{it:.0}"));
        let [dynamic, rest] = [power.dynamic_mw, power.static_mw].map(part);
        let confidence = power.confidence.as_deref().unwrap_or("unknown");
        remarks.push(format!(
            "{:.0} mW on the chip, {dynamic} of it by switching, {rest} at rest; confidence: {confidence}",
            power.total_mw
        ));
    }
    Some(Found {
        synthesis: Synthesis {
            tool: named.map_or_else(|| tool.name().to_owned(), Reported::tool),
            total: taken.resources.unwrap_or_default(),
            layers: last(&|it| !it.instances.is_empty())
                .map(|it| layers(it, manifest))
                .unwrap_or_default(),
            fmax_mhz,
            ..Synthesis::default()
        },
        side: if tool.is_hls() { Side::Hls } else { Side::Rtl },
        step: timed.map_or(latest, |it| it.step),
        remarks,
    })
}

/// What reports say of cycles and simulations.
fn remarks(reports: &[Reported]) -> Vec<String> {
    let last = |has: &dyn Fn(&Reported) -> bool| reports.iter().rev().find(|it| has(it));
    let mut remarks = Vec::new();
    if let Some(it) = last(&|it| it.latency_cycles.is_some()) {
        let cycles = range(it.latency_cycles);
        let interval = reports.iter().rev().find_map(|it| it.interval);
        remarks.push(format!(
            "{}: {cycles} cycles from input to output, {} from one sample to the next",
            it.step.name(),
            range(interval)
        ));
    }
    if let Some(passed) = reports.iter().find_map(|it| it.passed) {
        remarks.push(format!("cosimulation {}", if passed { "passed" } else { "failed" }));
    }
    if let Some(score) = reports.iter().rev().find_map(|it| it.area_score) {
        remarks.push(format!("area score {score:.1}, in no unit"));
    }
    remarks
}

/// What layers take, by a report of the direct path that lists instances.
fn layers(report: &Reported, manifest: &Manifest) -> Vec<(String, Resources)> {
    let paths = manifest.rtl.iter().flat_map(|it| &it.instances).cloned().collect::<Vec<_>>();
    let mut layers: BTreeMap<&str, Resources> = BTreeMap::new();
    for (path, own) in &report.instances {
        if let Some(layer) = synth::layer_of(&paths, path) {
            *layers.entry(layer).or_default() += *own;
        }
    }
    layers.into_iter().map(|(layer, taken)| (layer.to_owned(), taken)).collect()
}

/// `9` or `9 to 11`; `?` if it is not known.
fn range(bounds: Option<(u64, u64)>) -> String {
    match bounds {
        None => "?".to_owned(),
        Some((least, most)) if least == most => least.to_string(),
        Some((least, most)) => format!("{least} to {most}"),
    }
}

/// All reports in a project, or everything that is wrong with those that cannot be read.
fn reports(dir: &Path) -> Result<Vec<Reported>> {
    let mut problems = Problems::default();
    let found = find_reports(dir).into_iter();
    let read = found.filter_map(|it| problems.note(it.anywhere())).collect();
    problems.into_result(read)
}

/// Puts what reports say into a comparison, and says which tool it was. A report of another device
/// and a simulation that failed are named, and count for nothing.
pub(super) fn apply(dir: &Path, manifest: &Manifest, comparison: &mut Comparison) -> Result<()> {
    let mut named: BTreeMap<(Side, Source, String), Vec<String>> = BTreeMap::new();
    for report in reports(dir)? {
        let path = report.path.as_deref().unwrap_or(dir);
        let file = path.strip_prefix(dir).unwrap_or(path).display().to_string();
        let below = |folder: &str| Path::new(&file).starts_with(folder);
        let side = if report.tool.is_hls() || below("hls") { Side::Hls } else { Side::Rtl };
        if let Some(other) = other_device(&report, &comparison.part) {
            comparison.notes.push(format!("{file} is of {other} and does not count"));
            continue;
        }
        if report.step == Step::Simulated && report.passed == Some(false) {
            comparison.notes.push(format!("{file}: the cosimulation failed and does not count"));
            continue;
        }
        comparison.report(side, &report);
        if side == Side::Rtl {
            for (layer, taken) in layers(&report, manifest) {
                comparison.layer(&layer, side, &Figures::taken(Source::of(&report), &taken));
            }
        }
        named.entry((side, Source::of(&report), report.tool())).or_default().push(file);
    }
    for ((side, source, tool), files) in named {
        let (side, source, files) = (side.name(), source.name(), files.join(", "));
        comparison.notes.push(format!("{side}, {source}: {tool} ({files})"));
    }
    Ok(())
}

/// The device of a report, if it is one that we know and not that of a part.
fn other_device(report: &Reported, part: &str) -> Option<String> {
    let named = report.part.as_deref()?;
    // Some reports of Vivado leave out the first letters of the family.
    let found = device::find(named).or_else(|_| device::find(&format!("xc{named}"))).ok()?;
    let wanted = device::find(part).ok()?;
    (found.name != wanted.name).then(|| found.name.clone())
}
