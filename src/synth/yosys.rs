//! Yosys: what a design takes, by layer, and its netlist.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::{Cells, Result, Sources, Synthesis, report, resources, unknown};
use crate::device::{Device, Resources, Tool};
use crate::tools::{self, Tools};

/// Families as Yosys calls them.
const KNOWN: &str = "7 series, UltraScale, UltraScale+, Cyclone V, ECP5, iCE40, GW2A, Nexus";

/// The runner.
const RUNNER: &str = include_str!("../../synth-templates/yosys.py");

/// Commands of a synthesis, with `{top}` for what is synthesised, with its hierarchy or without; between the first
/// and the second products can still be taken out of DSP blocks.
fn commands(device: &Device, dsp: bool, flat: bool) -> Option<Vec<String>> {
    let nodsp = if dsp { "" } else { " -nodsp" };
    // Some scripts are flat unless they are told not to be, others the other way around.
    let (flatten, noflatten) = if flat { (" -flatten", "") } else { ("", " -noflatten") };
    let family = device.fabric.name.split(' ').next().unwrap_or_default();
    let split = |synth: String| {
        vec![format!("{synth} -run begin:map_dsp"), format!("{synth} -run map_dsp:check")]
    };
    Some(match (device.tool(), family) {
        (Tool::Vivado, family) => {
            let family = match family {
                "ultrascale+" => "xcup",
                "ultrascale" => "xcu",
                _ => "xc7",
            };
            split(format!(
                "synth_xilinx -family {family} -noclkbuf -noiopad{nodsp}{flatten} -top {{top}}"
            ))
        }
        (Tool::Quartus, "cyclone") => {
            vec![format!(
                "synth_intel_alm -family cyclonev -noiopad -noclkbuf{nodsp}{flatten} -top {{top}}"
            )]
        }
        (Tool::Trellis, _) => vec![format!("synth_ecp5 -abc9{nodsp}{noflatten} -top {{top}}")],
        (Tool::IceStorm, _) => {
            let dsp = if dsp && device.total.dsp > 0 { " -dsp" } else { "" };
            vec![format!("synth_ice40{dsp}{noflatten} -top {{top}}")]
        }
        (Tool::Gowin, _) => vec![format!("synth_gowin -noiopads{nodsp}{noflatten} -top {{top}}")],
        (Tool::Oxide, _) => {
            vec![format!("synth_lattice -family lifcl -noiopad{nodsp}{noflatten} -top {{top}}")]
        }
        (Tool::Quartus, _) => return None,
    })
}

/// What a netlist is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Netlist<'a> {
    /// Counts by instance.
    Counts,
    /// A flat netlist in this file.
    Flat(&'a Path),
}

/// Synthesises a project with its hierarchy; working files go to a folder.
///
/// # Errors
/// A family that Yosys does not know, tools that are missing or fail.
pub fn yosys(
    sources: &Sources<'_>,
    device: &Device,
    tools: &Tools,
    work: &Path,
) -> Result<Synthesis> {
    run(sources, device, tools, work, Netlist::Counts)
}

pub(super) fn run(
    sources: &Sources<'_>,
    device: &Device,
    tools: &Tools,
    work: &Path,
    netlist: Netlist<'_>,
) -> Result<Synthesis> {
    let (flat, file) = match netlist {
        Netlist::Counts => (false, None),
        Netlist::Flat(file) => (true, Some(file)),
    };
    let synth = commands(device, sources.dsp, flat);
    let synth = synth.ok_or_else(|| unknown("Yosys", device, KNOWN))?;
    let files = sources.files.iter().filter(|it| !it.ends_with(".svh"));
    let files: Vec<String> = files.map(|it| sources.dir.join(it).display().to_string()).collect();
    let keep = if flat { "" } else { "--keep-hierarchy " };
    let (top, include) = (sources.top, sources.dir.join("rtl"));
    let read = format!(
        "read_slang {keep}-DSYNTHESIS -I {} {} --top {top}",
        include.display(),
        files.join(" ")
    );
    let counts = work.join("cells.json");
    let job = json!({
        "read": read,
        "synth": synth,
        "top": top,
        "apart": sources.stream && !flat,
        "logic": if flat { Vec::new() } else { in_logic(sources)? },
        "cells": counts,
        "netlist": file,
    });
    let mut command = tools.yosys()?;
    tools::run(command.args(["-c", RUNNER, &job.to_string()]))?;
    let modules: BTreeMap<String, Cells> = report(&counts)?;
    let tool = format!("Yosys, {}", synth[0].split(" -top").next().unwrap_or_default());
    Ok(counted(&modules, sources, device.tool(), tool))
}

/// Arrays whose products are made of logic, as patterns of their modules: Yosys reads no attribute that says so.
fn in_logic(sources: &Sources<'_>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in sources.files {
        let path = sources.dir.join(file);
        let text = std::fs::read_to_string(&path).map_err(crate::tools::ToolError::io(&path))?;
        let no_block = text.lines().any(|it| it.trim() == ".Dsp         (1'b0),");
        let stem = Path::new(file).file_stem().and_then(|it| it.to_str()).unwrap_or_default();
        if let Some(process) = stem.strip_prefix(&format!("{}_", sources.top)).filter(|_| no_block)
        {
            found.push(format!("*i_{process}.i_array"));
        }
    }
    Ok(found)
}

/// Whether an instance is another one, something inside of it, or stands at its ports: the FIFOs of its inputs
/// and the fork of its output.
pub(super) fn is_part(whole: &str, path: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| {
        let at_port = rest.strip_prefix("_in").and_then(|it| it.strip_suffix("_fifo"));
        let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        rest.is_empty()
            || rest.starts_with('.')
            || rest == "_fork"
            || at_port.is_some_and(is_number)
    })
}

/// Counts of modules, each of which is one instance: `MODULE$TOP.i_NAME`.
fn counted(
    modules: &BTreeMap<String, Cells>,
    sources: &Sources<'_>,
    tool: Tool,
    name: String,
) -> Synthesis {
    let mut cells = Cells::new();
    let mut layers: Vec<(String, Resources)> = Vec::new();
    for (module, own) in modules {
        let own: Cells = own
            .iter()
            .filter(|it| !modules.contains_key(it.0.trim_start_matches('\\')))
            .map(|(cell, count)| (cell.clone(), *count))
            .collect();
        let path = module.split_once('$').and_then(|it| it.1.split_once('.')).map(|it| it.1);
        let layer = path.and_then(|path| sources.instances.iter().find(|it| is_part(&it.0, path)));
        if let Some((_, layer)) = layer {
            let taken = resources(&own, tool);
            match layers.iter_mut().find(|it| it.0 == *layer) {
                Some(known) => known.1 += taken,
                None => layers.push((layer.clone(), taken)),
            }
        }
        for (cell, count) in own {
            *cells.entry(cell).or_default() += count;
        }
    }
    let is_carry = |it: &&String| {
        it.starts_with("CARRY") || matches!(it.as_str(), "CCU2C" | "CCU2" | "SB_CARRY" | "ALU")
    };
    let carry = cells.iter().filter(|it| is_carry(&it.0)).map(|it| it.1).sum();
    let total = resources(&cells, tool);
    Synthesis { tool: name, total, layers, carry, cells, ..Synthesis::default() }
}
