//! A function that the user has written in C++ and in SystemVerilog, for elements one by one.
//!
//! In floats it is the expression that the user has given; in hardware it is what the C++ computes.
//! Both formats are the user's: operands are cast to one (as its modes say), results have the other,
//! and no configuration changes that.

use std::sync::Arc;

use super::expression::Curve;
use super::pointwise::{Pointwise, each};
use super::{Lower, Spelling};
use crate::fixed::{Mantissas, Word};
use crate::graph::NodeId;
use crate::precision::{Resolve, Role, Span, Typed};
use crate::units::{self, Kernel, Requantize};

/// A function of the user's.
#[derive(Clone, Debug)]
pub struct External {
    kernel: Arc<Kernel>,
    /// Results, by the bits of the operand; whoever only looks at floats needs none.
    table: Option<Mantissas>,
    curve: Arc<Curve>,
}

impl External {
    // Descriptions of the user's make it.
    pub(super) const SPELLINGS: &[Spelling] = &[];

    pub(super) fn new(kernel: Arc<Kernel>, table: Option<Mantissas>, curve: Curve) -> External {
        External { kernel, table, curve: Arc::new(curve) }
    }

    /// The function in both languages.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// How far the C++ is from the float meaning at most, wherever that is a number, and the operand
    /// where.
    pub fn farthest(&self) -> Option<(f64, f64)> {
        let Kernel { operand, result, .. } = *self.kernel;
        let apart = |(code, mantissa): (usize, &i128)| {
            let x = operand.value((code as i128).wrap(operand.width, operand.signed));
            let distance = (self.curve.at(x) - result.value(*mantissa)).abs();
            distance.is_finite().then_some((distance, x))
        };
        let all = self.table.iter().flat_map(|it| it.iter().enumerate()).filter_map(apart);
        all.reduce(|a, b| if b.0 > a.0 { b } else { a })
    }
}

impl Pointwise for External {
    fn kind(&self) -> &'static str {
        "Activation"
    }
    fn at(&self, x: f64) -> f64 {
        self.curve.at(x)
    }
    fn roles(&self) -> &'static [Role] {
        &[Role::Result]
    }
    fn resolve(&self, _: Role, _: &Resolve<'_>) -> Typed {
        Typed::new(self.kernel.result, "the kernel's result")
    }
    fn spans(&self, cx: &Resolve<'_>) -> Vec<Span> {
        // Types do not depend on whether the C++ has been compiled.
        let result = self.kernel.result;
        let all = Span { lo: result.value(result.min()), hi: result.value(result.max()) };
        each(cx, |_| all)
    }
    fn lower(&self, cx: &mut Lower<'_>, input: NodeId) -> NodeId {
        let fits = cx.builder.ty(input).common().is_some_and(|it| self.kernel.takes(it));
        let operand = match fits {
            true => input,
            false => {
                let cast = Requantize::uniform(self.kernel.operand);
                cx.builder.add("operand", cast, &[input])
            }
        };
        let table = self.table.clone().expect("kernels are tabulated before layers are lowered");
        cx.builder.add("", units::External { kernel: self.kernel.clone(), table }, &[operand])
    }
}
