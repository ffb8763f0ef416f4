//! Tests of the HLS path: what g++ makes of the project against what the units mean.

mod dslx;
mod loops;
mod projects;
mod random;
mod stalls;
mod streams;
mod vendors;

use std::collections::BTreeMap;
use std::path::Path;

use super::host::{Compiler, Csim, Mantissas};
use super::{HlsOptions, Library, Tool, project};
use crate::error::Origin;
use crate::fixed::{Builder, Graph, Type};
use crate::graph::NodeId;
use crate::units::{Run, Unit};

/// The compiler for `ap_fixed`, or a loud skip where the set-up script has not fetched the vendors' open
/// headers.
pub(crate) fn compiler(test: &str) -> Option<Compiler> {
    compiler_for(Tool::Vitis, test)
}

/// The compiler for the types of a tool.
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
fn compiler_for(tool: Tool, test: &str) -> Option<Compiler> {
    let (folder, header) = match tool.library() {
        Library::Ap => ("ap_types", "ap_fixed.h"),
        Library::Ac => ("ac_types", "ac_fixed.h"),
    };
    let headers = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/include").join(folder);
    if headers.join(header).exists() {
        return Some(Compiler::gcc(headers));
    }
    eprintln!("SKIPPED {test}: no {header} in .tools/include/{folder}; run scripts/setup.sh");
    None
}

/// A small generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn range(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.below((hi - lo + 1) as usize) as i64
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn wide(&mut self) -> i128 {
        ((u128::from(self.next()) << 64) | u128::from(self.next())) as i128
    }
}

/// A graph builder with inputs.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.enter(Origin::new("test", "layer"));
    builder
}

fn input(builder: &mut Builder, name: &str, ty: Type) -> NodeId {
    builder.enter(Origin::new("test", name));
    let id = builder.add("", crate::units::Input { ty }, &[]);
    builder.graph.inputs.push(id);
    id
}

/// What every unit means, for one sample after another.
fn emulate(graph: &Graph, inputs: &[Vec<i128>], samples: usize) -> BTreeMap<NodeId, Vec<i128>> {
    let mut all: BTreeMap<NodeId, Vec<i128>> = BTreeMap::new();
    for sample in 0..samples {
        let mut values: BTreeMap<NodeId, Vec<i128>> = BTreeMap::new();
        for id in graph.topo() {
            let node = graph.node(id);
            let n = node.ty.elements();
            let mut output = vec![0; n];
            if let Some(at) = graph.inputs.iter().position(|it| *it == id) {
                output.copy_from_slice(&inputs[at][sample * n..][..n]);
            } else {
                let operands = graph.operands(id);
                let read: Vec<&[i128]> = operands.iter().map(|it| &values[it][..]).collect();
                let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
                let mut run = Run::<i128> {
                    lanes: 1,
                    inputs: &read,
                    types: &types,
                    output: &mut output,
                    ty: &node.ty,
                };
                node.op.emulate(&mut run);
            }
            all.entry(id).or_default().extend(&output);
            values.insert(id, output);
        }
    }
    all
}

/// Mantissas of an input: extremes first, then anything.
fn stimuli(random: &mut Random, ty: &Type, samples: usize) -> Vec<i128> {
    let mut values = Vec::new();
    for sample in 0..samples {
        for element in 0..ty.elements() {
            let format = ty.format(element);
            let (lo, hi) = (format.min(), format.max());
            let value = match (sample, random.below(6)) {
                (0, _) => lo,
                (1, _) => hi,
                (2, _) => 0,
                (_, 0) => random.pick(&[lo, hi, lo / 2, hi / 2, lo + 1]),
                (_, 1) => (random.range(-4, 4) as i128).clamp(lo, hi),
                (_, _) if format.width == 128 => random.wide(),
                (_, _) => {
                    let size = random.below(format.width as usize) as u32 + 1;
                    let bits = random.wide() & ((1i128 << size.min(126)) - 1);
                    bits.clamp(lo, hi) * if format.signed && random.below(2) == 0 { -1 } else { 1 }
                }
            };
            values.push(value.clamp(lo, hi));
        }
    }
    values
}

/// Compiles a graph's project without a warning.
fn build(compiler: &Compiler, graph: &Graph, options: &HlsOptions, dir: &Path) -> Csim {
    crate::fixed::verify(graph).unwrap_or_else(|it| panic!("{it}"));
    let project = project(graph, options).unwrap_or_else(|it| panic!("{it}"));
    let csim = compiler.compile(&project, graph, dir).unwrap_or_else(|it| panic!("{it}"));
    silent(csim)
}

/// A program of which the compiler had nothing to say.
fn silent(csim: Csim) -> Csim {
    let warnings: String = csim.warnings.chars().take(2000).collect();
    assert_eq!(warnings, "", "the generated C++ compiles without a warning");
    csim
}

/// Compiles a graph and runs it with a trace; every value must be what its unit means.
pub(crate) fn agree(
    compiler: &Compiler,
    graph: &Graph,
    options: &HlsOptions,
    seed: u64,
) -> Mantissas {
    let dir = tempfile::tempdir().unwrap();
    let csim = build(compiler, graph, options, dir.path());
    same(&csim, graph, seed, dir.path())
}

/// Runs a program with a trace; every value must be what its unit means.
fn same(csim: &Csim, graph: &Graph, seed: u64, dir: &Path) -> Mantissas {
    const SAMPLES: usize = 96;
    let mut random = Random(seed);
    let inputs: Vec<Vec<i128>> =
        graph.inputs.iter().map(|id| stimuli(&mut random, &graph.node(*id).ty, SAMPLES)).collect();
    let expected = emulate(graph, &inputs, SAMPLES);
    let found = csim.run(&inputs, SAMPLES, true, dir).unwrap_or_else(|it| panic!("{it}"));
    let mut wrong = Vec::new();
    for id in graph.topo() {
        let (found, expected) = (&found.trace[&id], &expected[&id]);
        let Some(at) = (0..expected.len()).find(|it| found[*it] != expected[*it]) else { continue };
        let node = graph.node(id);
        let n = node.ty.elements();
        let read: Vec<String> = graph
            .operands(id)
            .iter()
            .map(|it| {
                let ty = &graph.node(*it).ty;
                let row = &input_row(&inputs, graph, *it, at / n, ty.elements());
                format!("{} {row:?}", ty.format(0))
            })
            .collect();
        wrong.push(format!(
            "{} sample {} element {}: C++ {} but {}\n  {}\n  of {read:?} to {}",
            node.name,
            at / n,
            at % n,
            found[at],
            expected[at],
            short(&node.op),
            node.ty.format(at % n),
        ));
    }
    assert!(wrong.is_empty(), "seed {seed}, {} units differ:\n{}", wrong.len(), wrong.join("\n"));
    for (at, id) in graph.outputs.iter().enumerate() {
        assert_eq!(found.outputs[at], expected[id], "seed {seed}: output {at}");
    }
    found
}

fn input_row(
    inputs: &[Vec<i128>],
    graph: &Graph,
    id: NodeId,
    sample: usize,
    n: usize,
) -> Vec<i128> {
    match graph.inputs.iter().position(|it| *it == id) {
        Some(at) => inputs[at][sample * n..][..n].to_vec(),
        None => Vec::new(),
    }
}

fn short(unit: &Unit) -> String {
    let text = format!("{unit:?}");
    text.chars().take(900).collect()
}

pub(crate) fn vitis(name: &str) -> HlsOptions {
    HlsOptions::new(Tool::Vitis, name)
}
