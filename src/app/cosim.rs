//! `cosim`: emulator = RTL = HLS on random, extreme and the user's samples, or the first difference.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::engines::{self, Rows, RtlRun};
use super::update::{Updates, Wanted};
use super::{Manifest, Outcome};
use crate::cli::{Cosim, Simulated};
use crate::cosim::prng::Prng;
use crate::cosim::{Report, Stimulus};
use crate::data;
use crate::design::Design;
use crate::emulate::Emulator;
use crate::error::{Located, Problems, Result};
use crate::fixed::Format;
use crate::project::{self, MANIFEST};
use crate::report::compare::{self, Comparison, Figures, Metric, Source};
use crate::report::listing;

/// Where the result is kept in a project.
pub(super) const RESULT: &str = "cosim.json";

/// A value of an option outside its range.
#[derive(Debug, thiserror::Error)]
#[error("--{option} {found} is not a probability below 1")]
struct NoProbability {
    option: &'static str,
    found: f64,
}

/// A finished cosimulation, as the project keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    /// What was compared.
    cosim: compare::Cosim,
    /// Measured timing of the RTL, if it ran without stalls.
    timing: Option<Report>,
    /// That of the HLS path, if it is Verilog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hls_timing: Option<Report>,
}

impl Stored {
    /// Puts the result into a comparison: measured figures replace planned ones.
    pub(super) fn apply(self, comparison: &mut Comparison) {
        comparison.cosim = Some(self.cosim);
        let Comparison { total, .. } = comparison;
        for (timing, figures) in [(self.timing, &mut total.rtl), (self.hls_timing, &mut total.hls)]
        {
            let Some(timing) = timing else { continue };
            let latency = (Metric::LatencyCycles, timing.alone as f64);
            let interval = timing.interval.map(|it| (Metric::Ii, it.max as f64));
            let measured = std::iter::once(latency).chain(interval);
            figures.merge(&Figures::of(Source::Simulated, measured));
        }
    }
}

/// The command.
pub(super) fn run(args: &Cosim) -> Result<Outcome> {
    let mut problems = Problems::default();
    for (option, found) in [("stall", args.stall), ("resets", args.resets)] {
        if !(0.0..1.0).contains(&found) {
            problems.note(Err::<(), _>(NoProbability { option, found }).anywhere());
        }
    }
    problems.into_result(())?;
    let manifest: Manifest = project::read_json(&args.dir, MANIFEST)?;
    let design = Design::of_project(&args.dir)?;
    let rows = samples(args, &design)?;
    let wanted = Wanted {
        files: &args.update,
        at: &args.at,
        samples: rows.len(),
        rtl_only: args.engines.iter().all(|it| matches!(it, Simulated::Rtl)),
        resets: args.resets > 0.0,
    };
    let control = manifest.rtl.as_ref().and_then(|it| it.control.as_ref());
    let updates = Updates::read(&wanted, control, &design)?;
    let mut want = Emulator::new(&design.graph).run(&rows);
    let mut cosim = compare::Cosim { samples: rows.len() as u64, ..compare::Cosim::default() };
    let (mut timing, mut hls_timing) = (None, None);
    let wave = args.wave.as_ref().map(std::path::absolute).transpose().anywhere()?;
    for engine in &args.engines {
        let is_rtl = matches!(engine, Simulated::Rtl);
        let stimulus = Stimulus {
            seed: args.seed,
            bubble: args.stall,
            stall: args.stall,
            reset: args.resets,
            updates: if is_rtl { updates.words.clone() } else { Vec::new() },
            wave: wave.clone().filter(|_| is_rtl || args.engines.len() == 1),
            ..Stimulus::default()
        };
        let drive = RtlRun { stimulus, axi: args.axi && is_rtl };
        let (name, got) = match engine {
            Simulated::Rtl => {
                let rtl = engines::built_rtl(&manifest)?;
                let (got, report) = engines::rtl(&args.dir, rtl, &design, &rows, &drive)?;
                if !updates.words.is_empty() {
                    want = updates.expect(&rows, &want, &report.updates)?;
                }
                timing = Some(report);
                ("RTL (Verilator)", got)
            }
            Simulated::Hls => {
                let (name, got, report) =
                    engines::hls(&args.dir, &manifest, &design, &rows, &drive)?;
                hls_timing = report;
                (name, got)
            }
            Simulated::Board => {
                let rtl = engines::built_rtl(&manifest)?;
                ("board (Verilator)", engines::board(&args.dir, rtl, &design, &rows)?)
            }
        };
        cosim.engines.push(name.to_owned());
        note_differences(&mut cosim, name, args, &manifest, &design, &rows, &want, &got);
    }
    let failed = cosim.mismatches > 0;
    let disturbed = args.stall > 0.0 || args.resets > 0.0 || !updates.words.is_empty();
    let undisturbed = |timing: &Option<Report>| timing.clone().filter(|_| !disturbed);
    let stored = Stored {
        cosim: cosim.clone(),
        timing: undisturbed(&timing).filter(|_| !args.axi),
        hls_timing: undisturbed(&hls_timing),
    };
    let bytes = serde_json::to_vec_pretty(&stored).anywhere()?;
    project::update(&args.dir, &[(PathBuf::from(RESULT), bytes)])?;
    Ok(Outcome {
        text: text(args, &cosim, timing.as_ref(), hls_timing.as_ref()),
        json: match &hls_timing {
            None => json!({ "cosim": cosim, "timing": timing }),
            Some(hls) => json!({ "cosim": cosim, "timing": timing, "hls_timing": hls }),
        },
        failed,
        ..Outcome::default()
    })
}

/// A line of what was measured of a path.
fn measured(path: &str, timing: &Report) -> String {
    let span = |least: u64, most: u64| match least == most {
        true => most.to_string(),
        false => format!("{least} to {most}"),
    };
    let interval = timing.interval.map_or("unknown".to_owned(), |it| span(it.min, it.max));
    let latency = span(timing.latency.min, timing.latency.max);
    format!("{path} simulated: latency {latency} cycles, II {interval}\n")
}

fn text(
    args: &Cosim,
    cosim: &compare::Cosim,
    timing: Option<&Report>,
    hls_timing: Option<&Report>,
) -> String {
    let mut text = format!("{}\n", listing::verdict(cosim));
    text.extend(hls_timing.map(|it| measured("HLS", it)));
    if let Some(timing) = timing {
        text.push_str(&measured("RTL", timing));
        for (file, from) in args.update.iter().zip(&timing.updates) {
            text.push_str(&format!("{} holds from sample {from} on\n", file.display()));
        }
        if timing.resets > 0 {
            text.push_str(&format!("{} resets in the middle of samples\n", timing.resets));
        }
    }
    text
}

/// The user's samples, the corners (all smallest, all largest, alternating, zero), and random ones.
fn samples(args: &Cosim, design: &Design) -> Result<Rows> {
    let formats = design.formats(&design.graph.inputs);
    let mut rows = match args.input.is_empty() {
        true => Vec::new(),
        false => design.quantize(&data::read_inputs(&args.input, &design.inputs())?),
    };
    let corner = |f: &dyn Fn(usize, Format) -> i128| -> Vec<i128> {
        formats.iter().enumerate().map(|(at, format)| f(at, *format)).collect()
    };
    rows.push(corner(&|_, it| it.min()));
    rows.push(corner(&|_, it| it.max()));
    rows.push(corner(&|at, it| if at % 2 == 0 { it.min() } else { it.max() }));
    rows.push(corner(&|at, it| if at % 2 == 0 { it.max() } else { it.min() }));
    rows.push(corner(&|_, _| 0));
    let mut random = Prng::new(args.seed);
    for _ in 0..args.samples {
        rows.push(corner(&|_, _| 0));
        let row = rows.last_mut().expect("just pushed");
        for (value, format) in row.iter_mut().zip(&formats) {
            let bits = random.next_u128() as i128;
            *value = crate::fixed::Word::wrap(bits, format.width, format.signed);
        }
    }
    Ok(rows)
}

/// Two mantissas that should be one.
struct Difference {
    /// Tensor and element.
    place: String,
    format: Format,
    want: i128,
    got: i128,
}

/// Counts differing values, and describes the first one: by layer where the engine can tell.
#[allow(clippy::too_many_arguments, reason = "one difference needs all sides of the comparison")]
fn note_differences(
    cosim: &mut compare::Cosim,
    engine: &str,
    args: &Cosim,
    manifest: &Manifest,
    design: &Design,
    rows: &[Vec<i128>],
    want: &[Vec<i128>],
    got: &[Vec<i128>],
) {
    let formats = design.formats(&design.graph.outputs);
    for (sample, (want, got)) in want.iter().zip(got).enumerate() {
        for (element, (want, got)) in want.iter().zip(got).enumerate() {
            if want == got {
                continue;
            }
            cosim.mismatches += 1;
            if cosim.first_difference.is_none() {
                let at_output = || {
                    let (tensor, at) = locate(design, element);
                    let (format, want, got) = (formats[element], *want, *got);
                    Difference { place: format!("{tensor}[{at}]"), format, want, got }
                };
                let first = earliest_layer(args, manifest, design, rows, sample, engine)
                    .unwrap_or_else(at_output);
                let Difference { place, format, want, got } = first;
                cosim.first_difference = Some(format!(
                    "sample {sample}, {place}: emulator {want} = {}, {engine} {got} = {} ({format})",
                    format.value(want),
                    format.value(got)
                ));
            }
        }
    }
}

/// The output tensor and the position in it of an element of a row.
fn locate(design: &Design, element: usize) -> (String, usize) {
    let mut rest = element;
    for (name, shape) in design.outputs() {
        let count: usize = shape.iter().product();
        if rest < count {
            return (name, rest);
        }
        rest -= count;
    }
    ("output".to_owned(), element)
}

/// The first node whose values differ in the HLS C++, which can trace every one.
fn earliest_layer(
    args: &Cosim,
    manifest: &Manifest,
    design: &Design,
    rows: &[Vec<i128>],
    sample: usize,
    engine: &str,
) -> Option<Difference> {
    if !engine.starts_with("HLS") {
        return None;
    }
    let row = std::slice::from_ref(&rows[sample]);
    let (_, trace) = engines::hls_traced(&args.dir, manifest, design, row, true).ok()?;
    let graph = &design.graph;
    let order = graph.topo();
    let emulator = Emulator::new(graph);
    order.into_iter().find_map(|id| {
        let want = &emulator.run_tracing(row, &[id])[0];
        let got = trace.get(&id)?;
        let at = want.iter().zip(got).position(|(a, b)| a != b)?;
        let node = graph.node(id);
        let (place, format) = (format!("{}[{at}]", node.name), node.ty.format(at));
        Some(Difference { place, format, want: want[at], got: got[at] })
    })
}
