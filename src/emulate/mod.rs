//! Runs the integer graph: the oracle of every other path, and the product's `predict`.
//!
//! The graph is compiled once: every unit gets the narrowest machine word that loses no bit (`i32`,
//! `i64` or `i128`). Samples go through in blocks, element by element over all samples of a block, so
//! that inner loops vectorize whatever the unit does; blocks run in parallel.

mod block;

use rayon::prelude::*;

use block::{Buffer, Width};

use crate::fixed::{Graph, Type};
use crate::graph::NodeId;
use crate::units::{Run, Unit};

/// Samples of a block: one vector register holds 8 to 16 of them, and a block of a few hundred
/// elements stays in the first-level cache.
const LANES: usize = 32;

/// A graph ready to run.
#[derive(Debug)]
pub struct Emulator<'g> {
    graph: &'g Graph,
    steps: Vec<Step<'g>>,
    arch: pulp::Arch,
}

/// One unit: what it reads, what it makes, and in which word.
#[derive(Debug)]
struct Step<'g> {
    id: NodeId,
    unit: &'g Unit,
    operands: Vec<NodeId>,
    types: Vec<&'g Type>,
    ty: &'g Type,
    width: Width,
}

impl<'g> Emulator<'g> {
    /// Compiles a verified graph.
    pub fn new(graph: &'g Graph) -> Emulator<'g> {
        let step = |id: NodeId| {
            let node = graph.node(id);
            let operands = graph.operands(id);
            let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
            let bits = node.op.spec().working_bits(&types, &node.ty);
            let width = Width::of(bits.max(node.ty.max_width() + 1));
            Step { id, unit: &node.op, operands, types, ty: &node.ty, width }
        };
        let steps = graph.topo().into_iter().map(step).collect();
        Emulator { graph, steps, arch: pulp::Arch::new() }
    }

    /// Runs samples given as mantissas, an input tensor after another in model order; returns the
    /// outputs of each sample likewise.
    pub fn run(&self, samples: &[Vec<i128>]) -> Vec<Vec<i128>> {
        self.run_tracing(samples, &self.graph.outputs)
    }

    /// As [`Emulator::run`], but returns the tensors of the given nodes.
    pub fn run_tracing(&self, samples: &[Vec<i128>], wanted: &[NodeId]) -> Vec<Vec<i128>> {
        let blocks = samples.par_chunks(LANES);
        blocks.flat_map_iter(|block| self.run_block(block, wanted)).collect()
    }

    /// Runs float samples: quantizes inputs, and gives outputs as floats.
    pub fn predict(&self, samples: &[f64]) -> Vec<f64> {
        let n_in: usize =
            self.graph.inputs.iter().map(|id| self.graph.node(*id).ty.elements()).sum();
        let formats: Vec<_> = self
            .graph
            .inputs
            .iter()
            .flat_map(|id| {
                let ty = &self.graph.node(*id).ty;
                (0..ty.elements()).map(|it| ty.format(it))
            })
            .collect();
        let blocks = samples.par_chunks(LANES * n_in.max(1));
        blocks
            .flat_map_iter(|block| {
                let rows: Vec<Vec<i128>> = block
                    .chunks(n_in.max(1))
                    .map(|row| row.iter().zip(&formats).map(|(x, f)| f.quantize(*x)).collect())
                    .collect();
                self.run_block(&rows, &self.graph.outputs)
                    .into_iter()
                    .flat_map(|row| self.values(&row))
            })
            .collect()
    }

    /// The values of output mantissas.
    fn values(&self, row: &[i128]) -> Vec<f64> {
        let formats = self.graph.outputs.iter().flat_map(|id| {
            let ty = &self.graph.node(*id).ty;
            (0..ty.elements()).map(|it| ty.format(it))
        });
        row.iter().zip(formats).map(|(v, format)| format.value(*v)).collect()
    }

    fn run_block(&self, samples: &[Vec<i128>], wanted: &[NodeId]) -> Vec<Vec<i128>> {
        let lanes = samples.len();
        let mut values: Vec<Option<Buffer>> = vec![None; self.graph.bound()];
        let mut first = 0;
        for id in &self.graph.inputs {
            let ty = &self.graph.node(*id).ty;
            let width = Width::of(ty.max_width() + 1);
            values[id.index()] = Some(Buffer::gather(width, samples, first, ty.elements()));
            first += ty.elements();
        }
        for step in &self.steps {
            if values[step.id.index()].is_none() {
                let made = self.arch.dispatch(|| step.run(&values, lanes));
                values[step.id.index()] = Some(made);
            }
        }
        let mut rows = vec![Vec::new(); lanes];
        for id in wanted {
            let buffer = values[id.index()].as_ref().expect("every node was run");
            buffer.scatter(lanes, &mut rows);
        }
        rows
    }
}

impl Step<'_> {
    #[inline(always)]
    fn run(&self, values: &[Option<Buffer>], lanes: usize) -> Buffer {
        macro_rules! run {
            ($word:ident, $variant:ident) => {{
                let converted: Vec<std::borrow::Cow<'_, [$word]>> = self
                    .operands
                    .iter()
                    .map(|id| values[id.index()].as_ref().expect("operands run first").$word())
                    .collect();
                let inputs: Vec<&[$word]> = converted.iter().map(|it| &**it).collect();
                let mut output = vec![0; self.ty.elements() * lanes];
                self.unit.emulate(&mut Run {
                    lanes,
                    inputs: &inputs,
                    types: &self.types,
                    output: &mut output,
                    ty: self.ty,
                });
                Buffer::$variant(output)
            }};
        }
        match self.width {
            Width::W32 => run!(i32, I32),
            Width::W64 => run!(i64, I64),
            Width::W128 => run!(i128, I128),
        }
    }
}
