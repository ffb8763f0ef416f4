//! Runs a scalar program in software: the same operations as in hardware, over many samples at once.
//!
//! A [`Datapath`] is compiled to straight code over slots. Each value lives in the narrowest word that
//! loses no bit that anybody reads (`i16`, `i32`, `i64` or `i128`), in a slot that holds it for a whole
//! block of samples and is used again after the last reader. Instructions run one after another, each
//! over all samples of the block, with the vector instructions found at run time.

mod code;
mod emit;
mod frame;
mod ir;
mod kernels;
mod order;
mod run;
mod slots;
mod tables;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::fixed::Format;
use crate::rtl::datapath::Datapath;
use code::{Instr, Kind};
use frame::Frame;
use ir::Ir;
use run::{Block, Sink, Source};
use tables::Table;

/// Fewest samples in a block: vectors of the narrowest word are full.
const LANES: usize = 64;

/// Most samples in a block.
const MOST_LANES: usize = 256;

/// What all slots of a block may take: they should stay in the second-level cache. Choosing an
/// instruction costs as much as running it on a hundred samples, so long blocks beat the first level.
const FRAME_BYTES: usize = 1 << 20;

/// A scalar program ready to run.
#[derive(Debug)]
pub struct Program {
    code: Vec<Instr>,
    constants: Vec<i128>,
    tables: Vec<Table>,
    counts: slots::Counts,
    lanes: usize,
    outputs: usize,
    arch: pulp::Arch,
}

impl Program {
    /// Compiles a scalar program.
    pub fn new(datapath: &Datapath) -> Program {
        let ir = Ir::new(datapath);
        let candidates = [order::as_built(&ir), order::depth_first(&ir)].map(|order| {
            let straight = emit::emit(&ir, &order);
            let (code, counts) = slots::allocate(straight.code);
            (code, counts, straight.constants)
        });
        let [built, deep] = candidates;
        let deeper = slots::bytes(&deep.1) < slots::bytes(&built.1);
        let (mut code, counts, constants) = if deeper { deep } else { built };
        let tables = read_tables(datapath, &mut code);
        let bytes = slots::bytes(&counts).max(1);
        let lanes = (FRAME_BYTES / bytes / LANES * LANES).clamp(LANES, MOST_LANES);
        let outputs = ir.outputs.len();
        Program { code, constants, tables, counts, lanes, outputs, arch: pulp::Arch::new() }
    }

    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether there is nothing to compute.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// Runs samples given as mantissas, an input port after another; returns the outputs of each sample
    /// likewise.
    pub fn run(&self, samples: &[Vec<i128>]) -> Vec<Vec<i128>> {
        let mut made = vec![vec![0; self.outputs]; samples.len()];
        let blocks = made.par_chunks_mut(self.lanes).zip(samples.par_chunks(self.lanes));
        blocks.for_each_init(
            || self.frame(),
            |frame, (made, samples)| {
                self.block(frame, Source::Mantissas(samples), Sink::Mantissas(made));
            },
        );
        made
    }

    /// Runs float samples, one after another: quantizes inputs to `from`, and gives outputs, whose
    /// formats are `to`, as floats.
    pub fn predict(&self, samples: &[f64], from: &[Format], to: &[Format]) -> Vec<f64> {
        debug_assert_eq!(to.len(), self.outputs);
        if from.is_empty() || to.is_empty() {
            return Vec::new();
        }
        let mut made = vec![0.0; samples.len() / from.len() * to.len()];
        let blocks = made.par_chunks_mut(self.lanes * to.len());
        blocks.zip(samples.par_chunks(self.lanes * from.len())).for_each_init(
            || self.frame(),
            |frame, (made, samples)| {
                self.block(frame, Source::Floats(samples, from), Sink::Floats(made, to));
            },
        );
        made
    }

    fn frame(&self) -> Frame {
        Frame::new(&self.counts, self.lanes)
    }

    fn block(&self, frame: &mut Frame, source: Source<'_>, sink: Sink<'_>) {
        self.arch.dispatch(Block { program: self, frame, source, sink });
    }
}

/// The tables that the code reads, each in the word it is read into.
fn read_tables(datapath: &Datapath, code: &mut [Instr]) -> Vec<Table> {
    let mut known = std::collections::BTreeMap::new();
    let mut tables = Vec::new();
    for instr in code.iter_mut().filter(|it| matches!(it.kind, Kind::Table { .. })) {
        let (table, width) = (instr.k as usize, instr.width);
        instr.k = *known.entry((table, width)).or_insert_with(|| {
            tables.push(Table::new(&datapath.tables[table], width));
            tables.len() as u32 - 1
        });
    }
    tables
}
