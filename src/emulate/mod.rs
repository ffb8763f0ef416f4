//! Runs the integer graph: the oracle of every other path, and the product's `predict`.
//!
//! The graph is compiled once: every unit gets the narrowest machine word that loses no bit (`i32`,
//! `i64` or `i128`). Samples go through in blocks, element by element over all samples of a block, so
//! that inner loops vectorize whatever the unit does; blocks run in parallel.

mod block;

use rayon::prelude::*;

pub(crate) use block::Buffer;
use block::Width;

use crate::fixed::{Format, Graph, Type, Word, columns};
use crate::graph::NodeId;
use crate::units::{LANES, Run, Unit};

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
        let block = |block: &[Vec<i128>]| {
            let last = block.len() - 1;
            let values = self.block(|first, ty, width| {
                let input = |element: usize, lane: usize| block[lane.min(last)][first + element];
                Buffer::fill(width, ty.elements(), input)
            });
            let row = |lane| wanted.iter().flat_map(|id| buffer(&values, *id).lane(lane)).collect();
            (0..block.len()).map(row).collect::<Vec<Vec<i128>>>()
        };
        samples.par_chunks(LANES).flat_map_iter(block).collect()
    }

    /// Runs float samples, one after another: quantizes inputs, and gives outputs as floats.
    pub fn predict(&self, samples: &[f64]) -> Vec<f64> {
        let to = self.formats(&self.graph.outputs);
        let inputs = self.graph.inputs.iter().map(|id| self.graph.node(*id).ty.elements());
        let n_in = inputs.sum::<usize>().max(1);
        let block = |block: &[f64]| {
            let last = block.len() / n_in - 1;
            let values = self.block(|first, ty, width| {
                let samples = Floats { values: block, n_in, first };
                self.arch.dispatch(Quantize { samples, ty, width })
            });
            let mut made = Vec::with_capacity((last + 1) * to.len());
            for lane in 0..=last {
                let outputs = self.graph.outputs.iter();
                let outputs = outputs.flat_map(|id| buffer(&values, *id).lane(lane));
                made.extend(outputs.zip(&to).map(|(v, format)| format.value(v)));
            }
            made
        };
        samples.par_chunks(LANES * n_in).flat_map_iter(block).collect()
    }

    /// Runs a graph inside a unit on as many samples as there are in its inputs; returns the outputs.
    pub(crate) fn body(&self, inputs: Vec<Buffer>, lanes: usize) -> Vec<Buffer> {
        let mut values: Vec<Option<Buffer>> = vec![None; self.graph.bound()];
        for (id, input) in self.graph.inputs.iter().zip(inputs) {
            values[id.index()] = Some(input);
        }
        for step in &self.steps {
            if values[step.id.index()].is_none() {
                let task = Task { step, values: &values, lanes };
                values[step.id.index()] = Some(self.arch.dispatch(task));
            }
        }
        self.graph.outputs.iter().map(|id| buffer(&values, *id).clone()).collect()
    }

    /// Formats of all elements of the given tensors.
    fn formats(&self, ids: &[NodeId]) -> Vec<Format> {
        let formats = |id: &NodeId| {
            let ty = &self.graph.node(*id).ty;
            (0..ty.elements()).map(|it| ty.format(it))
        };
        ids.iter().flat_map(formats).collect()
    }

    /// Runs a full block; `input` gives an input tensor, from the position of its first element
    /// among all, its type and word.
    fn block(&self, input: impl Fn(usize, &Type, Width) -> Buffer) -> Vec<Option<Buffer>> {
        let mut values: Vec<Option<Buffer>> = vec![None; self.graph.bound()];
        let mut first = 0;
        for id in &self.graph.inputs {
            let ty = &self.graph.node(*id).ty;
            let width = Width::of(ty.max_width() + 1);
            values[id.index()] = Some(input(first, ty, width));
            first += ty.elements();
        }
        for step in &self.steps {
            if values[step.id.index()].is_none() {
                values[step.id.index()] =
                    Some(self.arch.dispatch(Task { step, values: &values, lanes: LANES }));
            }
        }
        values
    }
}

/// One unit on one block. Not a closure: only an `inline(always)` call is compiled for the vector
/// instructions that were found.
struct Task<'t, 'g> {
    step: &'t Step<'g>,
    values: &'t [Option<Buffer>],
    lanes: usize,
}

impl pulp::NullaryFnOnce for Task<'_, '_> {
    type Output = Buffer;

    #[inline(always)]
    fn call(self) -> Buffer {
        self.step.run(self.values, self.lanes)
    }
}

/// A block of float samples, and where a tensor's elements begin in each.
struct Floats<'s> {
    values: &'s [f64],
    n_in: usize,
    first: usize,
}

/// An input tensor from floats; lanes beyond the last sample repeat it.
struct Quantize<'s> {
    samples: Floats<'s>,
    ty: &'s Type,
    width: Width,
}

impl pulp::NullaryFnOnce for Quantize<'_> {
    type Output = Buffer;

    #[inline(always)]
    fn call(self) -> Buffer {
        match self.width {
            Width::W32 => Buffer::I32(self.mantissas()),
            Width::W64 => Buffer::I64(self.mantissas()),
            Width::W128 => Buffer::I128(self.mantissas()),
        }
    }
}

impl Quantize<'_> {
    #[inline(always)]
    fn mantissas<T: Word>(&self) -> Vec<T> {
        let Floats { values, n_in, first } = self.samples;
        let last = values.len() / n_in - 1;
        let (mut column, mut scratch) = ([0.0; LANES], [0.0; LANES]);
        let mut made = vec![T::ZERO; self.ty.elements() * LANES];
        for (element, made) in made.chunks_exact_mut(LANES).enumerate() {
            for (lane, value) in column.iter_mut().enumerate() {
                *value = values[lane.min(last) * n_in + first + element];
            }
            columns::quantize(self.ty.format(element), &column, &mut scratch, made);
        }
        made
    }
}

fn buffer(values: &[Option<Buffer>], id: NodeId) -> &Buffer {
    values[id.index()].as_ref().expect("every node was run")
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
                Buffer::$variant(output).narrowed(Width::of(self.ty.max_width() + 1))
            }};
        }
        match self.width {
            Width::W32 => run!(i32, I32),
            Width::W64 => run!(i64, I64),
            Width::W128 => run!(i128, I128),
        }
    }
}
