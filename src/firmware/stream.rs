//! The direct path of a design that streams: its graph as a dataflow, every kernel of it pipelined.

use super::{Pipeline, Rtl, Streamed};
use crate::design::{Design, Plan};
use crate::device::Device;
use crate::error::{Located, Problems, Result};
use crate::fixed::Graph;
use crate::rtl::stream::{self as emit, Built};
use crate::stream::{self, Kind, ProcessId, plan};

/// What a design that streams cannot be.
#[derive(Debug, thiserror::Error)]
enum Unsupported {
    #[error(
        "a latency in cycles is a target for io: parallel; streams take as long as their tokens"
    )]
    Latency,
    #[error("an output that depends on no input cannot be streamed")]
    Constant,
}

/// Divides, pipelines and writes a design.
pub(super) fn rtl(design: &Design, device: &Device) -> Result<Rtl> {
    if design.plan.latency.is_some() {
        return Err(Unsupported::Latency).anywhere();
    }
    let layers = &design.plan.layers;
    let reuse = |layer: &str| layers.get(layer).map_or(1, |it| it.reuse_factor as usize);
    let (flow, unfolded) = stream::cut(&design.graph, reuse);
    let mut problems = Problems::default();
    let mut kernels: Vec<(ProcessId, Pipeline)> = Vec::new();
    for (at, process) in flow.processes.iter().enumerate() {
        let Kind::Kernel(graph) = &process.kind else { continue };
        if process.inputs.is_empty() {
            problems.note(Err::<(), _>(Unsupported::Constant).anywhere());
            continue;
        }
        let kernel = kernel(design, graph, &process.name);
        if let Some(pipeline) = problems.note(super::pipeline(&kernel, device)) {
            kernels.push((ProcessId(at), pipeline));
        }
    }
    problems.into_result(())?;
    let latency = |id: ProcessId| {
        let own = kernels.iter().find(|it| it.0 == id);
        own.map_or(0, |it| it.1.schedule.latency)
    };
    let plan = plan::plan(&flow, latency);
    let (processes, pipelines): (Vec<ProcessId>, Vec<Pipeline>) = kernels.into_iter().unzip();
    let options = super::options(design, device, &pipelines);
    let built = processes
        .iter()
        .zip(&pipelines)
        .map(|(id, it)| Built::new(&flow, *id, &it.datapath, &it.schedule, &options));
    let built: Vec<Built> = built.collect();
    let project = emit::project(&flow, &plan, &built, &options);
    Ok(Rtl { pipelines, stream: Some(Streamed { flow, plan, unfolded }), project })
}

/// A kernel as a design of its own.
fn kernel(design: &Design, graph: &Graph, name: &str) -> Design {
    let plan = Plan { name: name.to_owned(), ..design.plan.clone() };
    Design { graph: graph.clone(), plan, scales: Vec::new() }
}
