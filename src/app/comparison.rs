//! What is estimated of both paths of a model, and what comparisons say of its layers.

use std::collections::BTreeMap;
use std::path::Path;

use crate::compile::Compiled;
use crate::config::Io;
use crate::design::Design;
use crate::device::{Device, Resources};
use crate::error::Result;
use crate::estimate::hls::{self as estimate, HlsEstimate, HlsKernel};
use crate::firmware::{self, Hls, Pipeline, Rtl};
use crate::layers::Layer;
use crate::lower::NO_HARDWARE;
use crate::nn;
use crate::precision::{self, Formats};
use crate::report::compare::{
    Comparison, Figures, FormatRow, LayerRow, Metric, Side, Sides, Source, Stages,
};
use crate::rtl::datapath::Op;
use crate::rtl::dsp::{Blocks, DspPlan, Moved};
use crate::stream::{self, Kind};
use crate::units::{self, Kernel};

/// Error of the estimate of the direct path's lookup tables, stated wherever it is shown.
const RTL_BASIS: &str = "RTL latency and II follow from the pipeline; LUT and FF are counted from \
                         its operations and registers, before synthesis shares or removes any";

/// What the figures of a dataflow leave out.
const STREAM_BASIS: &str = "latency and II of a stream, or of folded layers, are those of its processes run cycle by \
                            cycle; lines, FIFOs, arrays and forks are counted as their modules are built";

/// What the figures of a stream in C++ are, and what they leave out.
const HLS_STREAM_BASIS: &str = "latency of the HLS stream is that of its processes run cycle by cycle, kernels as \
                                estimated; II is the tokens of its slowest task times the II of the task \
                                (of a recurrence the estimated latency of a step), \
                                without what a task needs to begin anew; LUT and FF are those of the \
                                kernels: lines, FIFOs and copies are not counted";

/// Types of every layer, with reasons.
pub(super) fn formats(graph: &nn::Graph, formats: &Formats) -> Vec<FormatRow> {
    let rows = precision::rows(graph, formats);
    let row = |it: precision::Row<'_>| FormatRow {
        layer: it.layer.to_owned(),
        role: it.role.name().to_owned(),
        format: it.format.to_string(),
        reason: it.reason.to_owned(),
    };
    rows.into_iter().map(row).collect()
}

/// The layers of a model, without figures.
pub(super) fn layers(graph: &nn::Graph, formats: Option<&Formats>) -> Vec<LayerRow> {
    let types = |id| formats.iter().flat_map(move |it| &it.of(id).types);
    let row = |id: crate::graph::NodeId| {
        let node = graph.node(id);
        let spec = node.op.spec();
        LayerRow {
            name: node.name.clone(),
            kind: spec.kind().to_owned(),
            shape: node.ty.to_string(),
            inputs: graph.operands(id).iter().map(|it| graph.node(*it).name.clone()).collect(),
            output: graph.outputs.contains(&id),
            parameters: spec.weights().iter().map(|it| it.1.len() as u64).sum(),
            unsupported: node.op.hardware().is_none().then(|| NO_HARDWARE.to_owned()),
            formats: types(id)
                .map(|(role, it)| (role.name().to_owned(), it.format.to_string()))
                .collect(),
            ..LayerRow::default()
        }
    };
    graph.topo().into_iter().map(row).collect()
}

/// Everything that is known without running a tool.
pub(super) fn estimated(
    compiled: &Compiled,
    rtl: Option<&Rtl>,
    hls: Option<&Hls>,
) -> Result<Comparison> {
    let plan = &compiled.design.plan;
    let device = compiled.device;
    let io = if plan.io == Io::Stream { "stream" } else { "parallel" };
    let io = ("io".to_owned(), io.to_owned());
    let mut comparison = Comparison {
        model: Path::new(&compiled.source.file)
            .file_name()
            .map_or(compiled.source.file.clone(), |it| it.to_string_lossy().into_owned()),
        part: plan.part.clone(),
        clock_ns: plan.clock_ns,
        settings: BTreeMap::from([io]),
        device: Some(device.total),
        total: Sides::default(),
        rtl_stage_ns: rtl
            .and_then(whole)
            .map(|it| it.schedule.stage_ns.clone())
            .unwrap_or_default(),
        layers: layers(&compiled.graph, Some(&compiled.formats)),
        cosim: None,
        notes: vec![format!("delays of {}: {}", device.fabric.name, device.fabric.source)],
    };
    comparison.notes.extend(kernels(compiled));
    let proof = precision::proof(&compiled.graph, &compiled.formats);
    comparison.notes.extend(proof.map(|it| it.to_string()));
    if let Some(rtl) = rtl {
        add_rtl(&mut comparison, rtl, device, &plan.dsp);
    }
    if let Some(hls) = hls {
        add_hls(&mut comparison, &compiled.design, hls, device);
    }
    comparison.settle();
    Ok(comparison)
}

/// What is known of the user's functions in C++ and SystemVerilog, and what is not.
pub(super) fn kernels(compiled: &Compiled) -> Vec<String> {
    let mut notes = Vec::new();
    for id in compiled.graph.topo() {
        let node = compiled.graph.node(id);
        let Layer::External(layer) = &node.op else { continue };
        if let Some((distance, x)) = layer.farthest() {
            let (name, function) = (&node.name, &layer.kernel().function);
            notes.push(format!(
                "{name}: {function} is at most {distance:.3e} from its float meaning (at {x})"
            ));
        }
    }
    for (_, kernel) in units::kernels(&compiled.design.graph) {
        let Kernel { module, function, .. } = &*kernel;
        notes.push(format!(
            "module {module} and {function} are not ours: what they take is not counted"
        ));
    }
    notes
}

/// The pipeline of the whole network.
fn whole(rtl: &Rtl) -> Option<&Pipeline> {
    rtl.pipelines.first().filter(|_| rtl.stream.is_none())
}

fn add_rtl(comparison: &mut Comparison, rtl: &Rtl, device: &Device, plan: &DspPlan) {
    let mut layers: BTreeMap<&str, (Resources, u64)> = BTreeMap::new();
    for pipeline in &rtl.pipelines {
        let resources = firmware::resources(pipeline, device);
        let registers = registers_by_scope(pipeline);
        for (idx, scope) in pipeline.datapath.scopes.iter().enumerate() {
            let own = layers.entry(&scope.name).or_default();
            own.0 = [own.0, resources[idx]].into_iter().sum();
            own.1 += registers[idx];
        }
        comparison.notes.extend(offloaded(pipeline, plan, &resources));
    }
    if let Some(stream) = &rtl.stream {
        for (process, own) in stream.flow.processes.iter().zip(&stream.parts) {
            let all = layers.entry(&process.layer).or_default();
            all.1 += own.ff;
            all.0 += Resources { ff: 0, ..*own };
        }
    }
    for (name, (resources, registers)) in &layers {
        let figures = Figures::of(
            Source::Estimated,
            [
                (Metric::Lut, resources.lut as f64),
                (Metric::Ff, *registers as f64),
                (Metric::Dsp, resources.dsp as f64),
                (Metric::BramKbit, resources.bram_kbit as f64),
            ],
        );
        comparison.layer(name, Side::Rtl, &figures);
    }
    if let Some(pipeline) = whole(rtl) {
        add_stages(comparison, pipeline);
    }
    let all: Resources = layers.values().map(|it| it.0).sum();
    comparison.total.rtl.merge(&Figures::of(
        Source::Estimated,
        [
            (Metric::LatencyCycles, rtl.latency() as f64),
            (Metric::Ii, rtl.interval() as f64),
            (Metric::Lut, all.lut as f64),
            (Metric::Ff, layers.values().map(|it| it.1).sum::<u64>() as f64),
            (Metric::Dsp, all.dsp as f64),
            (Metric::BramKbit, all.bram_kbit as f64),
            (Metric::FmaxMhz, 1000.0 / (rtl.clock_ns() - rtl.slack_ns())),
        ],
    ));
    comparison.notes.push(RTL_BASIS.to_owned());
    if rtl.stream.is_some() {
        comparison.notes.push(STREAM_BASIS.to_owned());
    }
}

/// The stages of every layer, in which it takes a sample a cycle.
fn add_stages(comparison: &mut Comparison, pipeline: &Pipeline) {
    let stages = stages_by_scope(pipeline);
    for (scope, stages) in pipeline.datapath.scopes.iter().zip(stages) {
        let interval = Figures::of(Source::Estimated, [(Metric::Ii, 1.0)]);
        comparison.layer(&scope.name, Side::Rtl, &interval);
        let row = comparison.layers.iter_mut().find(|it| it.name == scope.name && !it.is_input());
        if let (Some(row), Some(stages)) = (row, stages) {
            row.stages = Some(stages);
        }
    }
}

/// What was moved into DSP blocks and why, if anything.
fn offloaded(pipeline: &Pipeline, plan: &DspPlan, resources: &[Resources]) -> Option<String> {
    let all: Resources = resources.iter().copied().sum();
    let layer = |it: &Moved| {
        let Moved { scope, products, sums, .. } = *it;
        let name = &pipeline.datapath.scopes[scope.index()].name;
        let parts = [(products, "product", "products"), (sums, "sum", "sums")];
        let parts = parts
            .into_iter()
            .filter(|it| it.0 > 0)
            .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
        let parts: Vec<String> = parts.collect();
        format!("{name} {} ({} DSP)", parts.join(" and "), resources[scope.index()].dsp)
    };
    let layers: Vec<String> = pipeline.moved.iter().map(layer).collect();
    let why = match plan.blocks {
        Blocks::Auto => format!("above {} % of the device", plan.lut_percent),
        _ => "DSP blocks are asked for".to_owned(),
    };
    (!layers.is_empty()).then(|| {
        format!(
            "moved into DSP blocks: {}; {} LUT without, {why}, {} with them",
            layers.join(", "),
            pipeline.luts_before,
            all.lut
        )
    })
}

/// Register bits of every layer's values.
fn registers_by_scope(pipeline: &Pipeline) -> Vec<u64> {
    let datapath = &pipeline.datapath;
    let mut bits = vec![0; datapath.scopes.len()];
    for id in datapath.values() {
        bits[datapath.scope_of(id).index()] += u64::from(pipeline.schedule.lifetimes.bits(id));
    }
    bits
}

/// First and last stage of every layer's live operations.
fn stages_by_scope(pipeline: &Pipeline) -> Vec<Option<Stages>> {
    let Pipeline { datapath, schedule, .. } = pipeline;
    let live = datapath.live();
    let mut stages: Vec<Option<Stages>> = vec![None; datapath.scopes.len()];
    for id in datapath.values().filter(|id| live[id.index()]) {
        if matches!(datapath.op(id), Op::Const(_) | Op::Input(..)) {
            continue;
        }
        let (first, last) = (schedule.read_at(datapath, id), schedule.stage(id));
        let known = &mut stages[datapath.scope_of(id).index()];
        *known = Some(match *known {
            None => Stages { from: first, to: last },
            Some(it) => Stages { from: it.from.min(first), to: it.to.max(last) },
        });
    }
    stages
}

fn add_hls(comparison: &mut Comparison, design: &Design, hls: &Hls, device: &Device) {
    let clock = firmware::hls_clock(design);
    let figures = |it: &HlsEstimate| {
        let Resources { lut, ff, dsp, bram_kbit, .. } = it.resources;
        Figures::of(
            Source::Estimated,
            [
                (Metric::LatencyCycles, it.latency_cycles as f64),
                (Metric::Ii, it.interval as f64),
                (Metric::Lut, lut as f64),
                (Metric::Ff, ff as f64),
                (Metric::Dsp, dsp as f64),
                (Metric::BramKbit, bram_kbit as f64),
            ],
        )
    };
    let parts = parts(design, hls);
    let mut by_layer: BTreeMap<&str, (Vec<HlsKernel>, u64)> = BTreeMap::new();
    for part in &parts {
        let all: Vec<HlsKernel> = part.kernels.iter().map(|it| it.1).collect();
        // A step of a recurrence waits for what the one before leaves.
        let step = part.recurs.then(|| estimate::network(&all, device, clock).latency_cycles);
        let step = step.unwrap_or(0);
        for (layer, kernel) in &part.kernels {
            let own = by_layer.entry(layer).or_default();
            own.0.push(*kernel);
            let interval = estimate::kernel(kernel, device, clock).interval.max(step);
            own.1 = interval.saturating_mul(part.tokens).max(own.1);
        }
    }
    for (layer, (kernels, interval)) in by_layer {
        let total = estimate::network(&kernels, device, clock);
        comparison.layer(layer, Side::Hls, &figures(&HlsEstimate { interval, ..total }));
    }
    let all: Vec<HlsKernel> = parts.iter().flat_map(|it| &it.kernels).map(|it| it.1).collect();
    let mut total = estimate::network(&all, device, clock);
    if let Some(stream) = &hls.stream {
        total.latency_cycles = stream.schedule.plan.latency;
        total.interval = hls.project.interval;
    }
    comparison.total.hls.merge(&figures(&total));
    comparison.notes.push(format!("HLS path: {}", total.basis));
    if hls.stream.is_some() {
        comparison.notes.push(HLS_STREAM_BASIS.to_owned());
    }
}

/// What runs together: all of a sample at once, or a task.
struct Part {
    /// How often a sample it runs.
    tokens: u64,
    /// By layer.
    kernels: Vec<(String, HlsKernel)>,
    /// What a run leaves goes into the next one.
    recurs: bool,
}

fn parts(design: &Design, hls: &Hls) -> Vec<Part> {
    let Some(stream) = &hls.stream else {
        let kernels = firmware::kernels(design, &design.graph);
        return vec![Part { tokens: 1, kernels, recurs: false }];
    };
    let part = |process: &stream::Process| {
        let (graph, recurs) = match &process.kind {
            Kind::Kernel(graph) => (graph, false),
            Kind::Loop(it) => (&*it.body, !it.collects()),
            _ => return None,
        };
        let ports = process.inputs.iter().chain(&process.outputs);
        let tokens = ports.map(|it| stream.flow.stream(*it).tokens).max()? as u64;
        Some(Part { tokens, kernels: firmware::kernels(design, graph), recurs })
    };
    stream.flow.processes.iter().filter_map(part).collect()
}
