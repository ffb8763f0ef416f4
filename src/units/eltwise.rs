//! Combines two tensors element by element: `y = R(a op b)`, exact before the one cast.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, Format, Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, Term, ValueId, Wiring};

/// The operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// The larger one.
    Max,
    /// The smaller one.
    Min,
}

/// Which element of an operand meets element `i` of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Read {
    /// Element `i`.
    Same,
    /// Element `i / n`: one value for a group of `n`.
    Every(usize),
    /// Element `i % n`: the operand is repeated.
    Cycle(usize),
}

impl Read {
    /// The operand's element.
    pub fn element(self, i: usize) -> usize {
        match self {
            Read::Same => i,
            Read::Every(n) => i / n,
            Read::Cycle(n) => i % n,
        }
    }
}

/// A binary operation on tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Eltwise {
    /// The operation.
    pub op: Binary,
    /// How each operand is read.
    pub read: [Read; 2],
    /// Shape of the output.
    pub shape: Shape,
    /// Output.
    pub result: Format,
}

impl Eltwise {
    /// The exact type of the result for operands of the given formats, and the shifts that align
    /// them first (none for a product).
    pub fn exact(&self, a: Format, b: Format) -> (Format, [u32; 2]) {
        let exact = match self.op {
            Binary::Add => a.sum(b),
            Binary::Sub => a.difference(b),
            Binary::Mul => return (a.product(b), [0, 0]),
            Binary::Max | Binary::Min => a.union(b),
        };
        (exact, [(exact.frac() - a.frac()) as u32, (exact.frac() - b.frac()) as u32])
    }
}

impl UnitSpec for Eltwise {
    fn name(&self) -> &'static str {
        "eltwise"
    }
    fn output(&self, _: &[&Type]) -> Type {
        Type::uniform(self.shape.clone(), self.result)
    }
    fn working_bits(&self, inputs: &[&Type], output: &Type) -> u32 {
        let bits = |element| {
            let format = |k: usize| inputs[k].format(self.read[k].element(element));
            let (exact, _) = self.exact(format(0), format(1));
            Cast { from_frac: exact.frac(), to: self.result }.working_bits(exact.width + 1)
        };
        (0..output.elements()).map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Eltwise {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let lanes = run.lanes;
        for element in 0..run.ty.elements() {
            let at = [self.read[0].element(element), self.read[1].element(element)];
            let (exact, shift) = self.exact(run.types[0].format(at[0]), run.types[1].format(at[1]));
            let cast = Cast { from_frac: exact.frac(), to: self.result };
            let a = &run.inputs[0][at[0] * lanes..][..lanes];
            let b = &run.inputs[1][at[1] * lanes..][..lanes];
            let y = &mut run.output[element * lanes..][..lanes];
            for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
                let (a, b) = (a.shl(shift[0]), b.shl(shift[1]));
                *y = cast.apply(match self.op {
                    Binary::Add => a.add(b),
                    Binary::Sub => a.sub(b),
                    Binary::Mul => a.mul(b),
                    Binary::Max => a.max(b),
                    Binary::Min => a.min(b),
                });
            }
        }
    }
}

impl Datapathed for Eltwise {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let combine = |element: usize| {
            let at = [self.read[0].element(element), self.read[1].element(element)];
            let ((a, _), (b, _)) = (cx.input(0, at[0]), cx.input(1, at[1]));
            let formats = [cx.types[0].format(at[0]), cx.types[1].format(at[1])];
            let (exact, shift) = self.exact(formats[0], formats[1]);
            let dp = &mut *cx.datapath;
            let (ta, tb) = (
                Term { shift: shift[0], ..Term::plain(a) },
                Term { shift: shift[1], ..Term::plain(b) },
            );
            let value = match self.op {
                Binary::Add => dp.add(ta, tb),
                Binary::Sub => dp.add(ta, tb.negated()),
                Binary::Mul => dp.mul(a, b),
                Binary::Max | Binary::Min => {
                    let (a, b) = (dp.term(ta), dp.term(tb));
                    if self.op == Binary::Max { dp.max(a, b) } else { dp.min(a, b) }
                }
            };
            dp.cast(value, exact.frac(), self.result)
        };
        (0..elements).map(combine).collect()
    }
}

impl Tokenized for Eltwise {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        let elements = cut.elements();
        // Repeated operands are read whole, if a token has all of them; so is one element that all read.
        let read = |(read, ty): (Read, &&Type)| match read {
            Read::Same => Some((read, false)),
            Read::Every(n) | Read::Cycle(n) if elements.is_multiple_of(n) => {
                Some((read, matches!(read, Read::Cycle(_))))
            }
            Read::Every(_) if ty.elements() == 1 => Some((Read::Every(elements), true)),
            Read::Every(_) | Read::Cycle(_) => None,
        };
        let mut reads = self.read.into_iter().zip(cut.types).map(read);
        let (first, second) = (reads.next()??, reads.next()??);
        let unit = Eltwise { read: [first.0, second.0], shape: cut.shape.clone(), ..self.clone() };
        Some(Token { unit: unit.into(), whole: vec![first.1, second.1] })
    }
}

impl Hls for Eltwise {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let function = match self.op {
            Binary::Add => "add",
            Binary::Sub => "subtract",
            Binary::Mul => "multiply",
            Binary::Max => "maximum",
            Binary::Min => "minimum",
        };
        let every = |k: usize| match self.read[k] {
            Read::Every(n) => n as u64,
            _ => 1,
        };
        let cycle = |k: usize| match self.read[k] {
            Read::Cycle(n) => n as u64,
            _ => ports.inputs[k].elements() as u64,
        };
        HlsCall::new("nn_eltwise.h", function)
            .count("n", ports.n())
            .count("a_every", every(0))
            .count("a_cycle", cycle(0))
            .count("b_every", every(1))
            .count("b_cycle", cycle(1))
            .into()
    }
}

impl Estimated for Eltwise {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let operation = match self.op {
            Binary::Add | Binary::Sub => Operation::Add,
            Binary::Mul => Operation::Multiply,
            Binary::Max | Binary::Min => Operation::Max,
        };
        let elements = self.shape.elements() as u64;
        let bits = types[0].max_width().max(types[1].max_width());
        Some(HlsKernel::Elementwise { elements, bits, operation })
    }
}
