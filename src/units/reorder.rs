//! Wiring: every output element is some element of some operand.
//!
//! Reshapes, permutations, slices and concatenations are this. Values are not touched, so an output
//! element has exactly the format of the element it is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsCall, HlsNumbers, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::HlsKernel;
use crate::fixed::{Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, ValueId, Wiring};

/// A wiring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reorder {
    /// For every output element the operand and the element of it.
    pub map: Arc<[(u32, u32)]>,
    /// Shape of the output.
    pub shape: Shape,
}

impl Reorder {
    /// The same elements in the same order, under another shape.
    pub fn reshape(shape: Shape) -> Reorder {
        Reorder { map: (0..shape.elements() as u32).map(|it| (0, it)).collect(), shape }
    }
}

impl UnitSpec for Reorder {
    fn name(&self) -> &'static str {
        "reorder"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        let formats = self.map.iter().map(|(k, it)| inputs[*k as usize].format(*it as usize));
        Type::each(self.shape.clone(), formats.collect())
    }
    fn working_bits(&self, _: &[&Type], output: &Type) -> u32 {
        output.max_width() + 1
    }
}

impl Emulate for Reorder {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        let lanes = run.lanes;
        for (y, (operand, element)) in run.output.chunks_mut(lanes).zip(self.map.iter()) {
            y.copy_from_slice(&run.inputs[*operand as usize][*element as usize * lanes..][..lanes]);
        }
    }
}

impl Datapathed for Reorder {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        self.map.iter().map(|(k, it)| cx.inputs[*k as usize][*it as usize]).collect()
    }
}

impl Tokenized for Reorder {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        let count = cut.elements();
        let (first, rest) = self.map.split_at(count);
        let parts: Vec<u32> = cut.parts.iter().map(|it| it.elements() as u32).collect();
        // Every token reads an operand at its own place, or always at the same one.
        let at = |whole: bool, token: usize, (operand, element): (u32, u32)| match whole {
            true => (operand, element),
            false => (operand, element + parts[operand as usize] * token as u32),
        };
        let follows = |operand: u32, whole: bool| {
            let read = first.iter().enumerate().filter(|it| it.1.0 == operand);
            let inside = |element: u32| whole || element < parts[operand as usize];
            let mut read = read.map(|(slot, from)| {
                let rest = rest.chunks(count).zip(1..);
                inside(from.1)
                    && rest.clone().all(|(it, token)| it[slot] == at(whole, token, *from))
            });
            read.all(|it| it)
        };
        let operands = 0..cut.types.len() as u32;
        let whole: Option<Vec<bool>> = operands
            .map(|it| [false, true].into_iter().find(|whole| follows(it, *whole)))
            .collect();
        let unit = Reorder { map: first.into(), shape: cut.shape.clone() };
        Some(Token { unit: unit.into(), whole: whole? })
    }
}

impl Hls for Reorder {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let single = ports.inputs.len() == 1;
        let in_order = self.map.iter().enumerate().all(|(at, it)| it.1 as usize == at);
        let function = match (single, in_order) {
            (true, true) => "copy",
            (true, false) => "gather",
            (false, _) => "gather_from",
        };
        let operands = self.map.iter().map(|it| it.0).collect();
        let elements = HlsNumbers::Indices(self.map.iter().map(|it| it.1).collect());
        let call = HlsCall::new("nn_reorder.h", function).count("n", ports.n());
        match function {
            "copy" => call.into(),
            "gather" => call.constant("elements", elements).into(),
            _ => {
                let call = call
                    .constant("operands", HlsNumbers::Indices(operands))
                    .constant("elements", elements);
                HlsCall { variadic: true, ..call }.into()
            }
        }
    }
}

impl Estimated for Reorder {
    fn kernel(&self, _: &[&Type], _: Folding) -> Option<HlsKernel> {
        None
    }
}
