//! A tensor that is known when the hardware is made.

use serde::{Deserialize, Serialize};

use super::hls::{Hls, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::HlsKernel;
use crate::fixed::{Format, Mantissas, Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, ValueId, Wiring};

/// Constant mantissas.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Constant {
    /// Extent.
    pub shape: Shape,
    /// One mantissa per element, in row-major order.
    pub values: Mantissas,
    /// Their format.
    pub format: Format,
}

impl Constant {
    /// Whether so many parts are the same.
    pub fn alike(&self, parts: usize) -> bool {
        let size = self.values.len() / parts;
        size * parts == self.values.len()
            && self.values.chunks(size).all(|own| own == &self.values[..size])
    }
}

impl UnitSpec for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }
    fn output(&self, _: &[&Type]) -> Type {
        Type::uniform(self.shape.clone(), self.format)
    }
    fn working_bits(&self, _: &[&Type], output: &Type) -> u32 {
        output.max_width() + 1
    }
}

impl Emulate for Constant {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        for (out, value) in run.output.chunks_mut(run.lanes).zip(self.values.iter()) {
            out.fill(T::narrow(*value));
        }
    }
}

impl Datapathed for Constant {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        self.values.iter().map(|it| cx.datapath.constant(*it)).collect()
    }
}

impl Tokenized for Constant {
    fn token(&self, _: &Cut<'_>) -> Option<Token> {
        None
    }
}

impl Hls for Constant {
    fn hls(&self, _: &Ports<'_>) -> HlsUnit {
        HlsUnit::Constant(self.values.clone())
    }
}

impl Estimated for Constant {
    fn kernel(&self, _: &[&Type], _: Folding) -> Option<HlsKernel> {
        None
    }
}
