//! The engines of a project: each turns mantissas at the inputs into mantissas at the outputs.

use std::path::{Path, PathBuf};

use super::bitstream::OnBoard;
use super::manifest::{HlsInfo, Manifest, PortInfo, RtlInfo, SlotInfo};
use super::xls;
use crate::config::Io;
use crate::cosim::board::BoardDut;
use crate::cosim::{self, Dut, Port, Protocol, Report, Slot, Stimulus};
use crate::design::Design;
use crate::error::{Located, Result};
use crate::firmware;
use crate::fixed::Graph;
use crate::graph::NodeId;
use crate::hls::{
    self,
    host::{Csim, FLAGS},
};
use crate::stream;
use crate::tools::{Build, Tools};

/// A path that the project was made without.
#[derive(Debug, thiserror::Error)]
#[error("the project was built without the {path} path (see build --flow)")]
pub(super) struct NotBuilt {
    path: &'static str,
}

/// Rows of mantissas: all tensors of a sample, one after another.
pub(super) type Rows = Vec<Vec<i128>>;

/// Splits rows into tensors: for each the mantissas of all samples.
pub(super) fn by_tensor(graph: &Graph, ids: &[NodeId], rows: &[Vec<i128>]) -> Vec<Vec<i128>> {
    let mut first = 0;
    ids.iter()
        .map(|id| {
            let count = graph.node(*id).ty.elements();
            let range = first..first + count;
            first += count;
            rows.iter().flat_map(|row| row[range.clone()].iter().copied()).collect()
        })
        .collect()
}

/// What goes through the ports of the inputs.
fn by_port(design: &Design, rows: &[Vec<i128>]) -> Vec<Vec<i128>> {
    let (graph, io) = (&design.graph, design.plan.io);
    match io {
        Io::Parallel => by_tensor(graph, &graph.inputs, rows),
        Io::Stream => by_tensor(graph, &graph.inputs, &stream::ordered(graph, rows)),
    }
}

/// The opposite of [`by_tensor`].
fn by_sample(graph: &Graph, ids: &[NodeId], tensors: &[Vec<i128>], samples: usize) -> Rows {
    let row = |sample: usize| {
        ids.iter()
            .zip(tensors)
            .flat_map(|(id, values)| {
                let count = graph.node(*id).ty.elements();
                values[sample * count..(sample + 1) * count].iter().copied()
            })
            .collect()
    };
    (0..samples).map(row).collect()
}

/// The SystemVerilog of a project in Verilator.
pub(super) fn rtl(
    dir: &Path,
    info: &RtlInfo,
    design: &Design,
    rows: &[Vec<i128>],
    run: &RtlRun,
) -> Result<(Rows, Report)> {
    let tools = Tools::find().anywhere()?;
    let dut = dut(dir, info, run.axi);
    let options = cosim::Options { wave: run.stimulus.wave.is_some(), ..cosim::Options::default() };
    let model = cosim::verilate(&tools, &dut, options).anywhere()?;
    let inputs = by_port(design, rows);
    let done = model.run(&tools, &inputs, &run.stimulus).anywhere()?;
    let graph = &design.graph;
    Ok((by_sample(graph, &graph.outputs, &done.outputs, rows.len()), done.report))
}

/// The direct path of a project.
pub(super) fn built_rtl(manifest: &Manifest) -> Result<&RtlInfo> {
    manifest.rtl.as_ref().ok_or(NotBuilt { path: "RTL" }).anywhere()
}

/// How the simulator drives the design.
#[derive(Debug)]
pub(super) struct RtlRun {
    /// Bubbles, stalls, waves.
    pub(super) stimulus: Stimulus,
    /// The AXI4-Stream wrapper instead of the top module.
    pub(super) axi: bool,
}

/// A project on its board, from the serial line on; bits of the sender are a hundredth too long.
pub(super) fn board(
    dir: &Path,
    info: &RtlInfo,
    design: &Design,
    rows: &[Vec<i128>],
) -> Result<Rows> {
    let OnBoard { link, sources, .. } = OnBoard::of_project(dir)?;
    let ports = |input: bool| info.ports.iter().filter(move |it| it.input == input);
    let (inputs, outputs): (Vec<_>, Vec<_>) = (ports(true).collect(), ports(false).collect());
    let values = by_port(design, rows);
    let sample = |at: usize| {
        let beats = (0..link.beats[0]).map(|beat| {
            let mut word = vec![0; link.bytes[0]];
            for (port, values) in inputs.iter().zip(&values) {
                let first = (at * link.beats[0] + beat) * port.slots.len();
                for (slot, value) in port.slots.iter().zip(&values[first..]) {
                    let (from, count) = (slot.axis_offset / 8, slot.axis_width / 8);
                    let bytes = &value.to_le_bytes()[..count as usize];
                    word[from as usize..][..count as usize].copy_from_slice(bytes);
                }
            }
            word
        });
        beats.flatten().collect::<Vec<u8>>()
    };
    let samples: Vec<Vec<u8>> = (0..rows.len()).map(sample).collect();
    let dut = BoardDut {
        top: link.module(),
        sources: sources.iter().map(|it| dir.join(it)).collect(),
        bit_cycles: link.bit_cycles,
        bytes: link.sample(),
    };
    let tools = Tools::find().anywhere()?;
    let results = cosim::board::run(&tools, &dut, &samples, 0.01).anywhere()?;
    let tensor = |port: &&PortInfo| {
        let words = results.iter().flat_map(|it| it.chunks(link.bytes[1]));
        words.flat_map(|word| port.slots.iter().map(|slot| element(word, slot))).collect()
    };
    let tensors: Vec<Vec<i128>> = outputs.iter().map(tensor).collect();
    let graph = &design.graph;
    Ok(by_sample(graph, &graph.outputs, &tensors, rows.len()))
}

/// An element of a word of bytes, its sign extended.
fn element(word: &[u8], slot: &SlotInfo) -> i128 {
    let (from, count) = ((slot.axis_offset / 8) as usize, (slot.axis_width / 8) as usize);
    let bytes = &word[from..][..count];
    let negative = slot.signed && bytes.last().is_some_and(|it| it & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    wide[..count].copy_from_slice(bytes);
    i128::from_le_bytes(wide)
}

fn dut(dir: &Path, info: &RtlInfo, axi: bool) -> Dut {
    let port = |it: &PortInfo| {
        let slot = |slot: &super::manifest::SlotInfo| match axi {
            false => Slot { offset: slot.offset, width: slot.width, signed: slot.signed },
            true => Slot { offset: slot.axis_offset, width: slot.axis_width, signed: slot.signed },
        };
        Port { name: it.name.clone(), slots: it.slots.iter().map(slot).collect() }
    };
    let ports = |input: bool| info.ports.iter().filter(move |it| it.input == input).map(port);
    let top = if axi { &info.axis } else { &info.top };
    Dut {
        inputs: ports(true).collect(),
        outputs: ports(false).collect(),
        streams: info.beats.clone(),
        has_last: axi || info.beats.is_some(),
        has_keep: axi && info.beats.is_some(),
        load: info.control.as_ref().map(|it| it.address_bits - 2),
        protocol: if axi { Protocol::AxiStream } else { Protocol::ValidReady },
        ..Dut::new(top.clone(), info.sources.iter().map(|it| dir.join(it)).collect())
    }
}

/// The HLS path of a project: C++ compiled with the system's compiler, or what XLS made in Verilator, driven
/// as the direct RTL.
pub(super) fn hls(
    dir: &Path,
    manifest: &Manifest,
    design: &Design,
    rows: &[Vec<i128>],
    run: &RtlRun,
) -> Result<(&'static str, Rows, Option<Report>)> {
    if manifest.hls.as_ref().is_some_and(|it| it.tool == hls::Tool::Xls) {
        let made = xls::made(dir, manifest, design)?;
        let (rows, report) = rtl(&dir.join(xls::FOLDER), &made.rtl, design, rows, run)?;
        return Ok(("HLS (XLS, Verilator)", rows, Some(report)));
    }
    Ok(("HLS C++ (g++)", hls_traced(dir, manifest, design, rows, false)?.0, None))
}

/// Values inside of what XLS made.
#[derive(Debug, thiserror::Error)]
#[error("what XLS makes has no layers to trace; trace the emulator, the RTL or a C++ project")]
struct NoTrace;

/// The HLS C++ of a project, with the value of every node if `trace`.
pub(super) fn hls_traced(
    dir: &Path,
    manifest: &Manifest,
    design: &Design,
    rows: &[Vec<i128>],
    trace: bool,
) -> Result<(Rows, std::collections::BTreeMap<NodeId, Vec<i128>>)> {
    let info: &HlsInfo = manifest.hls.as_ref().ok_or(NotBuilt { path: "HLS" }).anywhere()?;
    if info.tool == hls::Tool::Xls {
        return Err(NoTrace).anywhere();
    }
    let tools = Tools::find().anywhere()?;
    let folder = dir.join("hls").join(info.tool.name());
    let mut flags: Vec<String> = FLAGS.iter().map(|it| (*it).to_owned()).collect();
    let headers = match info.tool.library() {
        hls::Library::Ap => tools.ap_types(),
        hls::Library::Ac => tools.ac_types(),
    };
    // System headers: the vendor's own warnings are not ours to mend.
    flags.extend(["-isystem".to_owned(), headers.anywhere()?.display().to_string()]);
    let build = Build {
        sources: vec![dir.join("sim/csim_main.cpp")],
        includes: vec![folder],
        flags,
        libs: Vec::new(),
    };
    let executable: PathBuf = build.executable(&tools).anywhere()?;
    let csim = match design.plan.io {
        Io::Parallel => Csim::new(executable, String::new(), &design.graph),
        Io::Stream => {
            let flow = firmware::tasks(design);
            Csim::streamed(executable, String::new(), &design.graph, &flow)
        }
    };
    let scratch = tools.cache().scratch().anywhere()?;
    let inputs = by_tensor(&design.graph, &design.graph.inputs, rows);
    let done = csim.run(&inputs, rows.len(), trace, scratch.path()).anywhere()?;
    let graph = &design.graph;
    Ok((by_sample(graph, &graph.outputs, &done.outputs, rows.len()), done.trace))
}
