//! Casts every element to a format: `y = R(x)`.

use serde::{Deserialize, Serialize};

use super::hls::{self, Hls, HlsCall, HlsUnit, Ports};
use super::{Cut, Datapathed, Emulate, Estimated, Run, Token, Tokenized, UnitSpec};
use crate::estimate::hls::{HlsKernel, Operation};
use crate::fixed::{Cast, ElementFormats, Format, Type, Word};
use crate::hls::Folding;
use crate::rtl::datapath::{Product, ValueId, Wiring};

/// A cast.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requantize {
    /// Formats cast to.
    pub to: ElementFormats,
}

impl Requantize {
    /// One format for all elements.
    pub fn uniform(to: Format) -> Requantize {
        Requantize { to: ElementFormats::Uniform(to) }
    }
}

impl UnitSpec for Requantize {
    fn name(&self) -> &'static str {
        "requantize"
    }
    fn output(&self, inputs: &[&Type]) -> Type {
        Type { shape: inputs[0].shape.clone(), formats: self.to.clone() }
    }
    fn working_bits(&self, inputs: &[&Type], output: &Type) -> u32 {
        let bits = |it| {
            let from: Format = inputs[0].format(it);
            Cast { from_frac: from.frac(), to: output.format(it) }.working_bits(from.width)
        };
        (0..output.elements()).map(bits).max().unwrap_or(1)
    }
}

impl Emulate for Requantize {
    #[inline(always)]
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
        for element in 0..run.ty.elements() {
            let from_frac = run.types[0].format(element).frac();
            let cast = Cast { from_frac, to: run.ty.format(element) };
            run.map(element, |x| cast.apply(x));
        }
    }
}

impl Datapathed for Requantize {
    fn matrices(&self, _: &[&Type]) -> Vec<Product> {
        Vec::new()
    }

    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
        let elements = cx.ty.elements();
        let cast = |element| {
            let (x, frac) = cx.input(0, element);
            cx.datapath.cast(x, frac, cx.ty.format(element))
        };
        (0..elements).map(cast).collect()
    }
}

impl Tokenized for Requantize {
    fn token(&self, cut: &Cut<'_>) -> Option<Token> {
        let count = cut.elements();
        let to = match &self.to {
            ElementFormats::Uniform(_) => self.to.clone(),
            ElementFormats::Each(all) => {
                let first = &all[..count];
                if !all.chunks(count).all(|it| it == first) {
                    return None;
                }
                ElementFormats::Each(first.into())
            }
        };
        cut.alike(&Requantize { to }, 1)
    }
}

impl Hls for Requantize {
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit {
        let casts = hls::each(&self.to);
        let function = if casts.is_some() { "requantize_each" } else { "requantize" };
        let call = HlsCall::new("nn_requantize.h", function).count("n", ports.n());
        HlsCall { casts, ..call }.into()
    }
}

impl Estimated for Requantize {
    fn kernel(&self, types: &[&Type], _: Folding) -> Option<HlsKernel> {
        let elements = types[0].elements() as u64;
        let bits = types[0].max_width();
        Some(HlsKernel::Elementwise { elements, bits, operation: Operation::Relu })
    }
}
