//! Units in DSLX: what XLS's JIT makes of the project against what the units mean.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::super::{HlsOptions, Tool, xls};
use super::random::{KINDS, Pool, unit};
use super::{Random, builder, emulate, input, stimuli};
use crate::fixed::{ElementFormats, Format, Graph, Overflow, Rounding, Type};
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::units::{Input, Requantize, Unit};

/// Python with XLS, or a loud skip.
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
fn python(test: &str) -> Option<Command> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools");
    let cache = crate::tools::Cache::at(std::env::temp_dir()).unwrap();
    match crate::tools::Tools::at(Some(tools), cache).xls() {
        Ok(python) => Some(python),
        Err(missing) => {
            eprintln!("SKIPPED {test}: {missing}");
            None
        }
    }
}

/// Bits of an element and elements, or all bits and 0 where elements have widths of their own.
fn port(ty: &Type) -> (u32, usize) {
    let bits = (0..ty.elements()).map(|it| ty.format(it).width).sum();
    ty.common().map_or((bits, 0), |format| (format.width, ty.elements()))
}

/// Bits of mantissas, one above the other, in hexadecimal.
fn packed(ty: &Type, values: &[i128]) -> String {
    let bits = values.iter().enumerate().flat_map(|(at, value)| {
        let width = ty.format(at).width;
        (0..width).map(move |bit| value >> bit & 1 == 1)
    });
    let bits: Vec<bool> = bits.collect();
    let digit = |it: &[bool]| it.iter().rev().fold(0, |sum, bit| 2 * sum + u32::from(*bit));
    let digits = bits.chunks(4).rev().map(|it| char::from_digit(digit(it), 16).unwrap());
    digits.collect()
}

/// Runs a graph; all values are outputs, and must be what their units mean.
fn agree(mut python: Command, graph: &mut Graph, seed: u64) {
    const SAMPLES: usize = 64;
    let is_input = |id: &NodeId| matches!(graph.node(*id).op, Unit::Input(Input { .. }));
    graph.outputs = graph.topo().into_iter().filter(|id| !is_input(id)).collect();
    crate::fixed::verify(graph).unwrap_or_else(|it| panic!("{it}"));
    let options = HlsOptions::new(Tool::Xls, "units");
    let names: Vec<String> = (0..graph.inputs.len()).map(|it| format!("in_{it}")).collect();
    let project = xls::project(graph, &options, &names).unwrap_or_else(|it| panic!("{it}"));
    let dir = tempfile::tempdir().unwrap();
    super::projects::write(&project, dir.path());
    let mut random = Random(seed);
    let ty = |id: &NodeId| &graph.node(*id).ty;
    let inputs: Vec<Vec<i128>> =
        graph.inputs.iter().map(|id| stimuli(&mut random, ty(id), SAMPLES)).collect();
    let row = |sample: usize, ids: &[NodeId], of: &dyn Fn(usize) -> Vec<i128>| {
        let port = |(at, id): (usize, &NodeId)| {
            let n = ty(id).elements();
            packed(ty(id), &of(at)[sample * n..][..n])
        };
        ids.iter().enumerate().map(port).collect::<Vec<String>>()
    };
    let ports = |ids: &[NodeId]| ids.iter().map(|it| port(ty(it))).collect::<Vec<_>>();
    let samples: Vec<_> =
        (0..SAMPLES).map(|it| row(it, &graph.inputs, &|at| inputs[at].clone())).collect();
    let job = json!({
        "inputs": ports(&graph.inputs), "outputs": ports(&graph.outputs), "samples": samples,
    });
    let source = dir.path().join(format!("{}.x", project.top));
    python.arg("-c").arg(include_str!("evaluate.py")).arg(source).arg(&project.top).arg(dir.path());
    python.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "seed {seed}: XLS failed");
    let found: Vec<Vec<String>> = serde_json::from_slice(&done.stdout).unwrap();
    let expected = emulate(graph, &inputs, SAMPLES);
    let mut wrong = Vec::new();
    for (at, id) in graph.outputs.iter().enumerate() {
        let number = |it: &str| it.trim_start_matches('0').to_owned();
        let n = ty(id).elements();
        let differs = |sample: &usize| {
            let wanted = packed(ty(id), &expected[id][sample * n..][..n]);
            number(&wanted) != number(&found[*sample][at])
        };
        if let Some(sample) = (0..SAMPLES).find(differs) {
            let node = graph.node(*id);
            wrong.push(format!("{} sample {sample}: {}", node.name, super::short(&node.op)));
        }
    }
    assert!(wrong.is_empty(), "seed {seed}, {} units differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_unit_means_in_dslx_what_it_means() {
    for seed in 10..13 {
        let Some(python) = python("every_unit_means_in_dslx_what_it_means") else { return };
        let (mut builder, mut random) = (builder(), Random(seed));
        let pool = Pool::new(&mut random);
        for k in 0..KINDS * 2 {
            while !unit(&mut builder, &pool, &mut random, k % KINDS, &format!("u{k}")) {}
        }
        agree(python, &mut builder.graph, seed);
    }
}

/// From signed and unsigned types, finer and coarser, to both, in every mode.
#[test]
fn every_mode_casts_in_dslx_as_it_should() {
    let Some(python) = python("every_mode_casts_in_dslx_as_it_should") else { return };
    let mut builder = builder();
    let modes = Rounding::ALL.iter().flat_map(|q| Overflow::ALL.map(|o| (*q, o)));
    let modes: Vec<(Rounding, Overflow)> = modes.collect();
    let from = [Format::signed(9, 4), Format::unsigned(9, 4), Format::signed(6, 5)];
    for (at, from) in from.into_iter().enumerate() {
        let shape = Shape(vec![2 * modes.len()]);
        let x = input(&mut builder, &format!("x{at}"), Type::uniform(shape, from));
        let to = |format: Format| modes.iter().map(move |it| format.with(it.0, it.1));
        let formats: Vec<Format> =
            to(Format::signed(5, 2)).chain(to(Format::unsigned(4, 2))).collect();
        let to = ElementFormats::Each(formats.into());
        builder.add(&format!("y{at}"), Requantize { to }, &[x]);
    }
    agree(python, &mut builder.graph, 4);
}
