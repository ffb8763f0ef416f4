//! Predictions by whichever engine is done first: tensor kernels or the scalar program.
//!
//! Both give the same bits, so the choice is only one of time. The scalar program is faster for a
//! sample, most of all where weights are small or zero, but has to be found first, which takes long
//! for large dense matrices. It is chosen if
//!
//! `samples * (tensor - scalar) > threads * lowering`
//!
//! with times estimated from the graph alone: multiplications and elements for the tensors, nonzero
//! digits of the weights (canonical signed digits) for the scalar program and its lowering.

use crate::emulate::Emulator;
use crate::error::Result;
use crate::fixed::{Format, Graph, Type};
use crate::program::Program;
use crate::rtl::cmvm::Budget;
use crate::rtl::datapath::{self, csd};
use crate::rtl::passes;
use crate::units::Unit;

/// A graph ready to predict.
#[derive(Debug)]
pub enum Predictor<'g> {
    /// Tensor kernels.
    Tensors(Emulator<'g>),
    /// The scalar program.
    Scalars(Box<Scalars>),
}

/// A scalar program with the formats of its ports.
#[derive(Debug)]
pub struct Scalars {
    program: Program,
    from: Vec<Format>,
    to: Vec<Format>,
}

impl Scalars {
    /// Lowers and compiles a verified graph.
    ///
    /// # Errors
    /// Values too wide for the direct path, as [`datapath::check`] says.
    pub fn new(graph: &Graph) -> Result<Scalars> {
        datapath::check(graph)?;
        let program = passes::optimize(&datapath::lower(graph, Budget::QUICK).datapath);
        let program = Program::new(&program);
        let formats = |ids: &[crate::graph::NodeId]| {
            let types = ids.iter().map(|id| &graph.node(*id).ty);
            types.flat_map(|ty| (0..ty.elements()).map(|it| ty.format(it))).collect()
        };
        Ok(Scalars { program, from: formats(&graph.inputs), to: formats(&graph.outputs) })
    }

    /// Runs float samples, one after another.
    pub fn predict(&self, samples: &[f64]) -> Vec<f64> {
        self.program.predict(samples, &self.from, &self.to)
    }

    /// The compiled program.
    pub fn program(&self) -> &Program {
        &self.program
    }
}

impl<'g> Predictor<'g> {
    /// Chooses for a verified graph and a number of samples.
    pub fn new(graph: &'g Graph, samples: usize) -> Predictor<'g> {
        let worth = Work::of(graph).prefers_scalars(samples, rayon::current_num_threads());
        match worth.then(|| Scalars::new(graph)) {
            Some(Ok(scalars)) => Predictor::Scalars(Box::new(scalars)),
            // Too wide for scalars: tensors hold two bits more.
            _ => Predictor::Tensors(Emulator::new(graph)),
        }
    }

    /// Runs float samples, one after another.
    pub fn predict(&self, samples: &[f64]) -> Vec<f64> {
        match self {
            Predictor::Tensors(it) => it.predict(samples),
            Predictor::Scalars(it) => it.predict(samples),
        }
    }
}

/// Estimated times on one core, ns.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    /// A sample through the tensor kernels.
    tensors: f64,
    /// A sample through the scalar program.
    scalars: f64,
    /// Finding the scalar program.
    lowering: f64,
}

/// A multiplication and addition of tensor kernels in words of 32, 64 and 128 bits.
const MAC_NS: [f64; 3] = [0.1, 0.3, 3.0];
/// Any other element of a tensor.
const ELEMENT_NS: f64 = 2.0;
/// An instruction of the scalar program, for units whose tensors need words of 32, 64 and 128 bits
/// (most scalars of such a unit need less).
const INSTRUCTION_NS: [f64; 3] = [0.14, 0.2, 2.0];
/// Instructions for a nonzero digit of a weight: many digits are shared, and sums have four operands.
const PER_DIGIT: f64 = 0.27;
/// Instructions for an element of any other unit.
const PER_ELEMENT: f64 = 4.0;
/// Finding what digits share, for each pair of digits of a matrix.
const PAIR_NS: f64 = 12.0;
/// Anything else in lowering, for each instruction.
const LOWER_NS: f64 = 500.0;

impl Work {
    fn of(graph: &Graph) -> Work {
        let mut work = Work::default();
        for id in graph.topo() {
            let node = graph.node(id);
            let operands = graph.operands(id);
            let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
            let word = match node.op.spec().working_bits(&types, &node.ty) {
                0..=32 => 0,
                33..=64 => 1,
                _ => 2,
            };
            let elements = node.ty.elements() as f64;
            let mut instructions = elements * PER_ELEMENT;
            work.tensors += elements * ELEMENT_NS;
            if let Unit::Mac(mac) = &node.op {
                let digits = mac.weights.iter().map(|it| csd(*it).len()).sum::<usize>() as f64;
                let positions = elements / mac.n_out.max(1) as f64;
                instructions += digits * positions * PER_DIGIT;
                work.tensors += elements * mac.n_in as f64 * MAC_NS[word];
                work.lowering += digits * digits * PAIR_NS;
            }
            if let Some((body, steps)) = node.op.body() {
                let (inner, steps) = (Work::of(body), steps as f64);
                work.tensors += inner.tensors * steps;
                work.scalars += inner.scalars * steps;
                work.lowering += inner.lowering * steps;
            }
            work.scalars += instructions * INSTRUCTION_NS[word];
            work.lowering += instructions * LOWER_NS;
        }
        work
    }

    fn prefers_scalars(&self, samples: usize, threads: usize) -> bool {
        // Lowering runs on one thread, samples on all of them.
        samples as f64 * (self.tensors - self.scalars) > threads as f64 * self.lowering
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtl::testing::{Random, network};

    #[test]
    fn few_samples_do_not_wait_for_lowering() {
        let graph = network(&mut Random(1), &[16, 64, 32, 5], 6);
        let work = Work::of(&graph);
        assert!(!work.prefers_scalars(1000, 1), "{work:?}");
        assert!(work.prefers_scalars(100_000_000, 1), "{work:?}");
        assert!(matches!(Predictor::new(&graph, 10), Predictor::Tensors(_)));
    }

    #[test]
    fn both_engines_predict_the_same() {
        let graph = network(&mut Random(2), &[8, 12, 4], 6);
        let mut random = Random(3);
        let samples: Vec<f64> =
            (0..8 * 300).map(|_| random.within(-80_000, 80_000) as f64 / 1024.0).collect();
        let scalars = Scalars::new(&graph).unwrap();
        assert_eq!(Emulator::new(&graph).predict(&samples), scalars.predict(&samples));
    }
}
