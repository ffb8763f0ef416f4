//! An input of the model: its mantissas come from outside, already in its format.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::HlsKernel;
use crate::fixed::{Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Product, ValueId, Wiring};

/// A port of the design.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// Shape and format of the port.
    pub ty: Type,
}

impl UnitSpec for Input {
    fn name(&self) -> &'static str {
        "input"
    }
    fn output(&self, _: &[&Type]) -> Type {
        self.ty.clone()
    }
    fn working_bits(&self, _: &[&Type], output: &Type) -> u32 {
        output.max_width()
    }
}

impl Emulate for Input {
    /// Inputs are filled by whoever runs the graph.
    #[inline(always)]
    fn emulate<T: Word>(&self, _: &mut Run<'_, T>) {}
}

impl Datapathed for Input {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        unreachable!("inputs are ports: {:?}", cx.ty)
    }
}

impl Tokenized for Input {
    fn token(&self, _: &Cut<'_>) -> Option<Token> {
        None
    }
}

impl Hls for Input {
    fn hls(&self, _: &Ports<'_>) -> HlsUnit {
        HlsUnit::Port
    }
}

impl Estimated for Input {
    fn kernel(&self, _: &[&Type], _: Folding) -> Option<HlsKernel> {
        None
    }
}
