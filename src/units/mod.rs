//! The functional units hardware is made of, one per file.
//!
//! A unit is a pure function of tensors of mantissas. What it computes is said by [`Emulate`], the
//! oracle; `hls` (a call of a C++ kernel) and `datapath` (scalar operations for the direct RTL) say
//! the same twice more and are tested to agree with it on random and extreme values.

pub mod adders;
mod affine;
#[cfg(test)]
pub(crate) mod agreement;
mod argmax;
mod best;
mod clamp;
mod constant;
mod eltwise;
mod external;
pub mod hls;
mod input;
mod lut;
mod mac;
mod matmul;
mod rectify;
mod reduce;
mod reorder;
mod requantize;
mod scan;
mod select;
mod threshold;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

pub use affine::Affine;
pub use argmax::Argmax;
pub use best::{Best, Ranking};
pub use clamp::Clamp;
pub use constant::Constant;
pub use eltwise::{Binary, Eltwise, Read};
pub use external::{External, Kernel, SourceFile, kernels};
pub use input::Input;
pub use lut::{Index, Lut, float_code};
pub use mac::{Loaded, Mac};
pub use matmul::Matmul;
pub use rectify::Rectify;
pub use reduce::{Reduce, Reduction};
pub use reorder::Reorder;
pub use requantize::Requantize;
pub use scan::Scan;
pub use select::{Compare, Select};
pub use threshold::Threshold;

use crate::estimate::hls::HlsKernel;
use crate::fixed::{Graph, Type, Word};
use crate::hls::Folding;
use crate::nn::Shape;
use crate::rtl::datapath::{Product, ValueId, Wiring};

/// What every unit says about itself; no method has a default, so none can be forgotten.
pub trait UnitSpec: Debug {
    /// Name in dumps and reports.
    fn name(&self) -> &'static str;
    /// Type of the output.
    fn output(&self, inputs: &[&Type]) -> Type;
    /// Bits a word must have so that no intermediate value is cut off.
    fn working_bits(&self, inputs: &[&Type], output: &Type) -> u32;
}

/// The meaning of a unit: its outputs from its inputs, on a block of samples at once.
pub trait Emulate {
    /// Fills `run.output`. The word is as wide as [`UnitSpec::working_bits`] asks for.
    ///
    /// Implementations are `#[inline(always)]`, so that they are compiled for the vector instructions
    /// that the emulator finds at run time.
    fn emulate<T: Word>(&self, run: &mut Run<'_, T>);
}

/// The unit as scalar operations, for the direct RTL: an interval-exact program with the same values.
pub trait Datapathed {
    /// The constant matrices that the elements of the first operand are multiplied by, so that they
    /// can be solved before the program is built.
    fn matrices(&self, types: &[&Type]) -> Vec<Product>;

    /// The elements of the output.
    fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId>;
}

/// What the unit is to the estimate of the HLS path.
pub trait Estimated {
    /// The kernel; `None` for wiring.
    fn kernel(&self, types: &[&Type], folding: Folding) -> Option<HlsKernel>;
}

/// How a unit divides among tokens: runs of consecutive elements that come one after the other, as the
/// pixels of an image do.
pub trait Tokenized {
    /// The unit that computes one token of the output, the same one for each; `None` if tokens differ
    /// or there is no such division.
    fn token(&self, cut: &Cut<'_>) -> Option<Token>;
}

/// A division of a unit's output into tokens.
#[derive(Debug)]
pub struct Cut<'a> {
    /// How many tokens there are.
    pub tokens: usize,
    /// Shape of a token.
    pub shape: &'a Shape,
    /// The operands as they are in the graph.
    pub types: &'a [&'a Type],
    /// Shapes of the operands' parts, if they are divided likewise.
    pub parts: &'a [Shape],
}

impl Cut<'_> {
    /// Elements of a token.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// A unit that computes every token as it computes the whole, if what repeats within the output
    /// after `period` elements also repeats within a token.
    pub fn alike(&self, unit: &(impl Clone + Into<Unit>), period: usize) -> Option<Token> {
        let fits = period > 0 && self.elements().is_multiple_of(period);
        fits.then(|| Token { unit: unit.clone().into(), whole: vec![false; self.types.len()] })
    }

    /// As [`Cut::alike`], for a unit on groups that are the last axis of its first operand.
    pub fn grouped(&self, unit: &(impl Clone + Into<Unit>), group: usize) -> Option<Token> {
        (self.parts[0].0.last() == Some(&group)).then(|| self.alike(unit, 1)).flatten()
    }
}

/// A unit on a token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The unit.
    pub unit: Unit,
    /// The operands that every token needs whole; of the others it needs the part at its own place.
    pub whole: Vec<bool>,
}

/// Samples that kernels like to have in a block: a few vector registers full.
pub const LANES: usize = 64;

/// A block of samples going through a unit. Element `e` of sample `s` is at `e * lanes + s`, so that
/// inner loops run over samples and vectorize whatever the unit does.
#[derive(Debug)]
pub struct Run<'a, T> {
    /// Samples in the block.
    pub lanes: usize,
    /// Mantissas of the operands.
    pub inputs: &'a [&'a [T]],
    /// Types of the operands.
    pub types: &'a [&'a Type],
    /// Mantissas of the output, to be filled.
    pub output: &'a mut [T],
    /// Type of the output.
    pub ty: &'a Type,
}

impl<T: Word> Run<'_, T> {
    /// All samples of one element of an operand.
    #[inline(always)]
    pub fn input(&self, operand: usize, element: usize) -> &[T] {
        &self.inputs[operand][element * self.lanes..][..self.lanes]
    }

    /// Fills one element of the output from one element of the first operand.
    #[inline(always)]
    pub fn map(&mut self, element: usize, f: impl Fn(T) -> T) {
        let input = &self.inputs[0][element * self.lanes..][..self.lanes];
        let output = &mut self.output[element * self.lanes..][..self.lanes];
        for (y, x) in output.iter_mut().zip(input) {
            *y = f(*x);
        }
    }
}

macro_rules! units {
    ($($unit:ident),+ $(,)?) => {
        /// A unit of the integer graph.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each variant is the struct of the same name")]
        pub enum Unit { $($unit($unit)),+ }

        impl Unit {
            /// What the unit says about itself.
            pub fn spec(&self) -> &dyn UnitSpec {
                match self { $(Unit::$unit(it) => it),+ }
            }

            /// Runs the unit on a block of samples.
            #[inline(always)]
            pub fn emulate<T: Word>(&self, run: &mut Run<'_, T>) {
                match self { $(Unit::$unit(it) => it.emulate(run)),+ }
            }

            /// The graph that the unit repeats, if it does, and how often.
            pub fn body(&self) -> Option<(&Graph, usize)> {
                match self {
                    Unit::Scan(it) => Some((&it.body, it.steps)),
                    _ => None,
                }
            }

            /// The constant matrices that its first operand is multiplied by.
            pub fn matrices(&self, types: &[&Type]) -> Vec<Product> {
                match self { $(Unit::$unit(it) => it.matrices(types)),+ }
            }

            /// The unit as scalar operations.
            pub fn datapath(&self, cx: &mut Wiring<'_>) -> Vec<ValueId> {
                match self { $(Unit::$unit(it) => it.datapath(cx)),+ }
            }

            /// The unit on one of several tokens.
            pub fn token(&self, cut: &Cut<'_>) -> Option<Token> {
                match self { $(Unit::$unit(it) => it.token(cut)),+ }
            }

            /// What the unit is to the estimate of the HLS path.
            pub fn kernel(&self, types: &[&Type], folding: Folding) -> Option<HlsKernel> {
                match self { $(Unit::$unit(it) => it.kernel(types, folding)),+ }
            }

            /// The unit in HLS C++.
            pub fn hls(&self, ports: &hls::Ports<'_>) -> hls::HlsUnit {
                match self { $(Unit::$unit(it) => hls::Hls::hls(it, ports)),+ }
            }
        }

        $(impl From<$unit> for Unit {
            fn from(it: $unit) -> Unit { Unit::$unit(it) }
        })+
    };
}

// Adding a unit: write its file, then add its name here.
units! {
    Input, Constant, Requantize, Mac, Affine, Rectify, Select, Threshold, Clamp, Lut, Eltwise, Reduce,
    Argmax, Best, Reorder, Matmul, Scan, External,
}
