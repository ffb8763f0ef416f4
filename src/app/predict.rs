//! `predict`: bit-accurate outputs of any engine, as float64.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::engines::{self, RtlRun};
use super::{Manifest, Outcome, model, probe};
use crate::cli::{Engine, Predict};
use crate::config::{Config, Warning};
use crate::cosim::Stimulus;
use crate::data::{self, Batch, Samples};
use crate::design::Design;
use crate::emulate::Emulator;
use crate::error::{Located, Origin, Result};
use crate::graph::NodeId;
use crate::predictor::{Predictor, Scalars};
use crate::project::{self, MANIFEST};
use crate::{compile, nn};

/// Of how many samples the values of every node are held at once.
const TRACED_AT_ONCE: usize = 256;

/// An engine and a source that do not go together.
#[derive(Debug, thiserror::Error)]
enum Mismatch {
    #[error("--engine {engine} needs a project; make one with `nn2rtl build`")]
    NeedsProject { engine: &'static str },
    #[error("--engine float needs the model file: a project holds integers only")]
    NeedsModel,
    #[error("--trace is supported by the engines emulator, hls, rtl and float")]
    Trace,
    #[error("{found} labels for {expected} samples")]
    Labels { found: usize, expected: usize },
}

/// What an engine gave.
struct Predicted {
    /// Names and shapes of the outputs.
    outputs: Vec<(String, Vec<usize>)>,
    /// A row a sample: all outputs one after another.
    rows: Samples,
    /// Every layer's output, if asked for.
    trace: Vec<(String, Batch)>,
    warnings: Vec<Warning>,
}

/// The command; with `deny_warnings` nothing is written if there are any.
pub(super) fn run(args: &Predict, deny_warnings: bool) -> Result<Outcome> {
    let is_project = model::project_or_model(&args.model)?;
    let mut predicted = match (is_project, args.engine) {
        (true, Engine::Float) => Err(Mismatch::NeedsModel).anywhere(),
        (true, _) => of_project(args),
        (false, Engine::Float) => float(args),
        (false, Engine::Emulator | Engine::Datapath) => of_model(args),
        (false, Engine::Rtl) => Err(Mismatch::NeedsProject { engine: "rtl" }).anywhere(),
        (false, Engine::Hls) => Err(Mismatch::NeedsProject { engine: "hls" }).anywhere(),
    }?;
    let tensors = tensors(&predicted);
    let trace = std::mem::take(&mut predicted.trace);
    // The labels are read here: files appear only when nothing can be wrong any more.
    let outcome = outcome(args, predicted, &tensors)?;
    if deny_warnings && !outcome.warnings.is_empty() {
        return Ok(outcome);
    }
    if let Some(path) = &args.output {
        data::write(path, &tensors)?;
    }
    if let Some(dir) = &args.trace {
        std::fs::create_dir_all(dir).locate(&Origin::new(dir.display().to_string(), ""))?;
        for (layer, batch) in &trace {
            let file = format!("{}.npy", compile::identifier(layer));
            data::write(&dir.join(file), std::slice::from_ref(batch))?;
        }
    }
    Ok(outcome)
}

fn outcome(args: &Predict, predicted: Predicted, tensors: &[Batch]) -> Result<Outcome> {
    let samples = predicted.rows.rows().len();
    let mut text = format!("{samples} samples\n");
    for ((name, _), tensor) in predicted.outputs.iter().zip(tensors) {
        text.push_str(&format!("  {name}: {:?}\n", tensor.shape));
    }
    let accuracy = args.labels.as_ref().map(|it| accuracy(it, &predicted)).transpose()?;
    if let Some(accuracy) = accuracy {
        text.push_str(&format!("accuracy {:.2} %\n", 100.0 * accuracy));
    }
    if args.output.is_none() {
        for row in predicted.rows.rows().take(5) {
            let values: Vec<String> = row.iter().take(10).map(|it| format!("{it:.6}")).collect();
            text.push_str(&format!("  {}\n", values.join(" ")));
        }
    }
    let outputs: BTreeMap<&str, &Vec<usize>> =
        predicted.outputs.iter().zip(tensors).map(|(it, t)| (it.0.as_str(), &t.shape)).collect();
    let json = json!({ "samples": samples, "outputs": outputs, "accuracy": accuracy });
    Ok(Outcome { text, json, warnings: predicted.warnings, failed: false })
}

/// Share of samples whose first output is largest at the label.
fn accuracy(labels: &Path, predicted: &Predicted) -> Result<f64> {
    let batch = data::read(labels, 0)?;
    let (found, expected) = (batch.values.len(), predicted.rows.rows().len());
    if found != expected {
        let at = Origin::new(labels.display().to_string(), "");
        return Err(Mismatch::Labels { found, expected }).locate(&at);
    }
    let width: usize = predicted.outputs.first().map_or(0, |it| it.1.iter().product());
    let right = predicted.rows.rows().zip(&batch.values).filter(|(row, label)| {
        let best = (0..width).fold(0, |best, it| if row[it] > row[best] { it } else { best });
        best as f64 == **label
    });
    Ok(right.count() as f64 / expected as f64)
}

/// The outputs as tensors: the samples' axis in front.
fn tensors(predicted: &Predicted) -> Vec<Batch> {
    let mut first = 0;
    let tensor = |(_, shape): &(String, Vec<usize>)| {
        let range = first..first + shape.iter().product::<usize>();
        first = range.end;
        let values = predicted.rows.rows().flat_map(|row| row[range.clone()].iter().copied());
        let shape =
            std::iter::once(predicted.rows.rows().len()).chain(shape.iter().copied()).collect();
        Batch { shape, values: values.collect() }
    };
    predicted.outputs.iter().map(tensor).collect()
}

fn of_model(args: &Predict) -> Result<Predicted> {
    let (compiled, _) = model::compile(&args.model, None)?;
    emulated(args, &compiled.design, compiled.warnings)
}

fn emulated(args: &Predict, design: &Design, warnings: Vec<Warning>) -> Result<Predicted> {
    let samples = data::read_inputs(&args.input, &design.inputs())?;
    let scalar = args.engine == Engine::Datapath;
    if scalar && args.trace.is_some() {
        return Err(Mismatch::Trace).anywhere();
    }
    let predictor = match scalar {
        true => Predictor::Scalars(Box::new(Scalars::new(&design.graph)?)),
        false => Predictor::new(&design.graph, samples.rows().len()),
    };
    let values = design.scaled(predictor.predict(&samples.values));
    let rows = outputs(&design.outputs(), values);
    let trace = match args.trace {
        Some(_) => emulated_trace(design, &design.quantize(&samples)),
        None => Vec::new(),
    };
    Ok(Predicted { outputs: design.outputs(), rows, trace, warnings })
}

/// The values of every node, a few samples at a time: what all nodes hold is many times the outputs.
fn emulated_trace(design: &Design, samples: &[Vec<i128>]) -> Vec<(String, Batch)> {
    let nodes = design.graph.topo();
    let counts: Vec<usize> = nodes.iter().map(|id| design.graph.node(*id).ty.elements()).collect();
    let emulator = Emulator::new(&design.graph);
    let mut values: Vec<Vec<i128>> = vec![Vec::new(); nodes.len()];
    for samples in samples.chunks(TRACED_AT_ONCE) {
        for row in emulator.run_tracing(samples, &nodes) {
            let mut row = &row[..];
            for (values, count) in values.iter_mut().zip(&counts) {
                let (first, rest) = row.split_at(*count);
                values.extend(first);
                row = rest;
            }
        }
    }
    nodes.into_iter().zip(values).map(|(id, it)| traced(design, id, it)).collect()
}

/// Output values in rows of all tensors.
fn outputs(tensors: &[(String, Vec<usize>)], values: Vec<f64>) -> Samples {
    let width = tensors.iter().map(|it| it.1.iter().product::<usize>()).sum::<usize>().max(1);
    Samples { values, width }
}

/// A node's mantissas, sample after sample, as values.
fn traced(design: &Design, id: NodeId, mantissas: Vec<i128>) -> (String, Batch) {
    let node = design.graph.node(id);
    let count = node.ty.elements().max(1);
    let value = |(at, v): (usize, &i128)| node.ty.format(at % count).value(*v);
    let values = mantissas.iter().enumerate().map(value).collect();
    let shape = std::iter::once(mantissas.len() / count).chain(node.ty.shape.0.clone()).collect();
    (node.name.clone(), Batch { shape, values })
}

fn of_project(args: &Predict) -> Result<Predicted> {
    let dir = &args.model.model;
    let design = Design::of_project(dir)?;
    if matches!(args.engine, Engine::Emulator | Engine::Datapath) {
        return emulated(args, &design, Vec::new());
    }
    let manifest: Manifest = project::read_json(dir, MANIFEST)?;
    let samples = data::read_inputs(&args.input, &design.inputs())?;
    let mantissas = design.quantize(&samples);
    let mut trace = Vec::new();
    let rows = match args.engine {
        Engine::Rtl => {
            let drive = RtlRun { stimulus: Stimulus::default(), axi: false };
            let info = engines::built_rtl(&manifest)?;
            let rows = engines::rtl(dir, info, &design, &mantissas, &drive)?.0;
            if args.trace.is_some() {
                let values = probe::rtl(&manifest, &design, &mantissas)?;
                trace = values.into_iter().map(|(id, it)| traced(&design, id, it)).collect();
            }
            rows
        }
        _ if args.trace.is_none() => {
            let drive = RtlRun { stimulus: Stimulus::default(), axi: false };
            engines::hls(dir, &manifest, &design, &mantissas, &drive)?.1
        }
        _ => {
            let (rows, values) = engines::hls_traced(dir, &manifest, &design, &mantissas, true)?;
            trace = values.into_iter().map(|(id, it)| traced(&design, id, it)).collect();
            rows
        }
    };
    let rows = outputs(&design.outputs(), design.values(&rows));
    Ok(Predicted { outputs: design.outputs(), rows, trace, warnings: Vec::new() })
}

fn float(args: &Predict) -> Result<Predicted> {
    let (config, mut warnings): (Config, _) = model::config(&args.model.options, None)?;
    let (raw, _) = model::load(&args.model, &config)?;
    let (graph, _) = compile::import(raw, &config, &mut warnings)?;
    let samples = compile::samples(&graph, &args.input)?;
    let mut trace: BTreeMap<NodeId, Vec<f64>> = BTreeMap::new();
    let mut values = Vec::new();
    for sample in &samples {
        let outputs = nn::evaluate(&graph, sample, |id, value| {
            if args.trace.is_some() {
                trace.entry(id).or_default().extend(value.iter());
            }
        });
        values.extend(outputs.iter().flat_map(|it| it.iter().copied()));
    }
    let named = |id: &NodeId| (graph.node(*id).name.clone(), graph.node(*id).ty.0.clone());
    let batch = |(id, values): (NodeId, Vec<f64>)| {
        let (name, shape) = named(&id);
        let shape = std::iter::once(samples.len()).chain(shape).collect();
        (name, Batch { shape, values })
    };
    let tensors: Vec<_> = graph.outputs.iter().map(named).collect();
    let rows = outputs(&tensors, values);
    Ok(Predicted {
        outputs: tensors,
        rows,
        trace: trace.into_iter().map(batch).collect(),
        warnings,
    })
}
