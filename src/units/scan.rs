//! Repeats a graph of units along the first axis: a loop over time.
//!
//! The body reads a row of each sequence and the state that the row before has left; it makes the next
//! state and a row of the result. Without a state it is a map over the rows. The C++ has a loop, the
//! direct RTL is unrolled.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsLoop, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::emulate::{Buffer, Emulator};
use crate::estimate::hls::HlsKernel;
use crate::fixed::{Graph, Type, Word};
use crate::graph::NodeId;
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, ValueId, Wiring};

/// A loop. Operands: the sequences, whose rows have the types of the body's first inputs, then the
/// first value of each part of the state, in the types of the body's other inputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scan {
    /// Outputs: the next state, part by part, in the types of its inputs; then the row of the result.
    pub body: Arc<Graph>,
    /// Rows.
    pub steps: usize,
    /// How many operands are sequences.
    pub sequences: usize,
    /// The last row comes first; the result stays in the order of computation.
    pub backwards: bool,
    /// The result is every row, not only the last.
    pub every: bool,
}

impl Scan {
    /// The rows in the order of computation.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (steps, backwards) = (self.steps, self.backwards);
        (0..steps).map(move |it| if backwards { steps - 1 - it } else { it })
    }

    /// Type of a row of the result.
    fn row(&self) -> &Type {
        let row = self.body.outputs.last().expect("a body has a result");
        &self.body.node(*row).ty
    }

    /// Elements of the body's input in the operand, at a row.
    fn elements(&self, input: usize, row: usize) -> std::ops::Range<usize> {
        let n = self.body.node(self.body.inputs[input]).ty.elements();
        let first = if input < self.sequences { row * n } else { 0 };
        first..first + n
    }

    /// The output of the step before that an input is, if it is one.
    fn state(&self, input: usize, step: usize) -> Option<usize> {
        input.checked_sub(self.sequences).filter(|_| step > 0)
    }
}

/// Operands of a node and their types.
fn operands(body: &Graph, id: NodeId) -> (Vec<NodeId>, Vec<&Type>) {
    let operands = body.operands(id);
    let types = operands.iter().map(|it| &body.node(*it).ty).collect();
    (operands, types)
}

impl UnitSpec for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn output(&self, _: &[&Type]) -> Type {
        let row = self.row();
        if !self.every {
            return row.clone();
        }
        let shape = Shape([&[self.steps], row.shape.0.as_slice()].concat());
        match row.common() {
            Some(format) => Type::uniform(shape, format),
            None => {
                let n = row.elements();
                Type::each(shape, (0..self.steps * n).map(|it| row.format(it % n)).collect())
            }
        }
    }

    fn working_bits(&self, _: &[&Type], _: &Type) -> u32 {
        let bits = |id: NodeId| {
            let (node, (_, types)) = (self.body.node(id), operands(&self.body, id));
            node.op.spec().working_bits(&types, &node.ty).max(node.ty.max_width() + 1)
        };
        self.body.topo().into_iter().map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Scan {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        self.run_rows(run);
    }
}

impl Scan {
    /// An emulator of its own runs the body, every unit in the word that it needs.
    #[inline(never)]
    fn run_rows<T: Word>(&self, run: &mut Run<'_, T>) {
        let (body, lanes) = (&*self.body, run.lanes);
        let emulator = Emulator::new(body);
        let mut outputs: Vec<Buffer> = Vec::new();
        for (step, row) in self.order().enumerate() {
            let inputs = (0..body.inputs.len()).map(|input| match self.state(input, step) {
                Some(state) => outputs[state].clone(),
                None => {
                    let at = self.elements(input, row);
                    Buffer::of(&run.inputs[input][at.start * lanes..at.end * lanes])
                }
            });
            outputs = emulator.body(inputs.collect(), lanes);
            if self.every || step + 1 == self.steps {
                let made = outputs[outputs.len() - 1].words();
                let first = if self.every { step * made.len() } else { 0 };
                run.output[first..first + made.len()].copy_from_slice(&made);
            }
        }
    }
}

impl Datapathed for Scan {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        // Those of the body are found there.
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let body = &*self.body;
        let order = body.topo();
        let mut values: Vec<Vec<ValueId>> = vec![Vec::new(); body.bound()];
        let mut made = Vec::new();
        for (step, row) in self.order().enumerate() {
            let rows: Vec<Vec<ValueId>> = (0..body.inputs.len())
                .map(|input| match self.state(input, step) {
                    Some(state) => values[body.outputs[state].index()].clone(),
                    None => cx.inputs[input][self.elements(input, row)].to_vec(),
                })
                .collect();
            for (id, row) in body.inputs.iter().zip(rows) {
                values[id.index()] = row;
            }
            for id in order.iter().filter(|id| !body.inputs.contains(id)) {
                let (node, (operands, types)) = (body.node(*id), operands(body, *id));
                let mut wiring = Wiring {
                    datapath: &mut *cx.datapath,
                    inputs: operands.iter().map(|it| values[it.index()].as_slice()).collect(),
                    types,
                    ty: &node.ty,
                    products: &mut *cx.products,
                };
                values[id.index()] = node.op.datapath(&mut wiring);
            }
            let row = &values[body.outputs[body.outputs.len() - 1].index()];
            if !self.every {
                made.clear();
            }
            made.extend_from_slice(row);
        }
        made
    }
}

impl Tokenized for Scan {
    fn token(&self, _: &Cut<'_>) -> Option<Token> {
        // A step needs the state that the one before has left.
        None
    }
}

impl Hls for Scan {
    fn hls(&self, _: &Ports<'_>) -> HlsUnit {
        let Scan { steps, sequences, backwards, every, .. } = *self;
        HlsUnit::Loop(HlsLoop { steps, sequences, backwards, every })
    }
}

impl Estimated for Scan {
    fn kernel(&self, _: &[&Type], _: Folding) -> Option<HlsKernel> {
        // The kernels are those of the body.
        None
    }
}
