//! A function that the user has written twice, in C++ and in SystemVerilog: `y = kernel(x)`.
//!
//! The C++ has filled a table before there was a graph, and that is what the function means here; the
//! HLS path calls the C++, the direct path has an instance of the module for every element. Whether
//! the two agree is for cosimulation to say.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsUnit, Ports};
use super::{
    Cut, Datapathed, Emulate, Estimated, Index, Lut, Run, Token, Tokenized, Unit, UnitSpec,
};
use crate::error::Origin;
use crate::estimate::hls::HlsKernel;
use crate::fixed::{Format, Graph, Mantissas, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Product, ValueId, Wiring};

/// A file of the user's that goes into projects as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its name, without folders.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A function of one number in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The header with the function.
    pub cpp: SourceFile,
    /// The function, with its namespace.
    pub function: String,
    /// It is a template over the types of operand and result.
    pub typed: bool,
    /// The file with the module.
    pub sv: SourceFile,
    /// The module: ports `x`, `y` and, if it has registers, `clk`.
    pub module: String,
    /// Clock cycles from `x` to `y`; a new operand may come in every one.
    pub latency: u32,
    /// Longest path inside, picoseconds.
    pub delay_ps: u32,
    /// Operands.
    pub operand: Format,
    /// Results.
    pub result: Format,
}

impl Kernel {
    /// Widest operand: the function is asked for every one.
    pub const MOST_BITS: u32 = 16;

    /// Widest result.
    pub const MOST_RESULT_BITS: u32 = 64;

    /// Where the table has the result of a mantissa.
    pub fn place(&self, mantissa: i128) -> usize {
        (mantissa & ((1 << self.operand.width) - 1)) as usize
    }

    /// Whether values of a format are operands as they are.
    pub fn takes(&self, format: Format) -> bool {
        let values = |it: Format| (it.signed, it.width, it.int_bits);
        values(format) == values(self.operand)
    }
}

/// The function, applied to every element.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct External {
    /// The function.
    pub kernel: Arc<Kernel>,
    /// Its results by the bits of the operand, read as an unsigned number.
    pub table: Mantissas,
}

/// The functions in a graph and in the bodies of its loops, each with where it is first applied.
pub fn kernels(graph: &Graph) -> Vec<(Origin, Arc<Kernel>)> {
    let mut found: Vec<(Origin, Arc<Kernel>)> = Vec::new();
    let mut rest = vec![graph];
    while let Some(graph) = rest.pop() {
        for id in graph.topo() {
            let node = graph.node(id);
            rest.extend(node.op.body().map(|it| it.0));
            if let Unit::External(External { kernel, .. }) = &node.op
                && found.iter().all(|it| it.1 != *kernel)
            {
                found.push((node.origin.clone(), kernel.clone()));
            }
        }
    }
    found
}

impl External {
    /// The function as a table.
    pub fn tabulated(&self) -> Lut {
        let format = self.kernel.result;
        Lut { index: Index::Raw, table: self.table.clone(), entry: format, result: format }
    }
}

impl UnitSpec for External {
    fn name(&self) -> &'static str {
        "external"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type::uniform(inputs[0].shape.clone(), self.kernel.result)
    }
    fn working_bits(&self, _: &[&Type], _: &Type) -> u32 {
        self.kernel.operand.width.max(self.kernel.result.width) + 1
    }
}

impl Emulate for External {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let table: Vec<T> = self.table.iter().map(|it| T::narrow(*it)).collect();
        let width = self.kernel.operand.width;
        for element in 0..run.ty.elements() {
            run.map(element, |x| table[x.wrap(width, false).widen() as usize]);
        }
    }
}

impl Datapathed for External {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let apply = |element: usize| {
            let (x, _) = cx.input(0, element);
            cx.datapath.external(&self.kernel, &self.table, x)
        };
        (0..elements).map(apply).collect()
    }
}

impl Tokenized for External {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        cut.alike(self, 1)
    }
}

impl Hls for External {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let call = HlsCall::new("nn_external.h", "external")
            .count("n", ports.n())
            .ty("operand", self.kernel.operand)
            .ty("result", self.kernel.result);
        HlsCall { kernel: Some(self.kernel.clone()), ..call }.into()
    }
}

impl Estimated for External {
    fn kernel(&self, _: &[&Type], _: Folding) -> Option<HlsKernel> {
        // Nobody but the compiler knows; reports say so.
        None
    }
}
