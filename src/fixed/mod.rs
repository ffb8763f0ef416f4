//! The integer graph: what hardware computes, exactly.
//!
//! Nodes are [`Unit`]s; every value is a mantissa with a known [`Format`], one for a whole tensor or
//! one per element. No float lives here or below.
//!
//! [`Unit`]: crate::units::Unit

mod builder;
pub(crate) mod columns;
mod format;
mod stairs;
mod steps;
mod verify;
mod word;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use builder::Builder;
pub use format::{Cast, Format, MAX_SHIFT, MAX_WIDTH, Overflow, Rounding, bits_of, to_f64};
pub use steps::{Line, Steps};
pub use verify::{TooWide, verify};
pub use word::Word;

use crate::nn::Shape;
use crate::units::Unit;

/// The integer graph.
pub type Graph = crate::graph::Graph<Unit, Type>;

/// Constant mantissas, shared by clones.
pub type Mantissas = Arc<[i128]>;

/// What a tensor of the integer graph is: its extent and the format of each element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Type {
    /// Extent of one sample.
    pub shape: Shape,
    /// Format of the elements.
    pub formats: ElementFormats,
}

/// One format for all elements, or one for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElementFormats {
    /// All elements alike.
    Uniform(Format),
    /// In element order; as many as the shape has elements.
    Each(Arc<[Format]>),
}

impl Type {
    /// A tensor whose elements are all alike.
    pub fn uniform(shape: Shape, format: Format) -> Type {
        Type { shape, formats: ElementFormats::Uniform(format) }
    }

    /// A tensor with a format for each element, stored as one format if they are all equal.
    pub fn each(shape: Shape, formats: Vec<Format>) -> Type {
        match formats.split_first() {
            Some((first, rest)) if rest.iter().all(|it| it == first) => {
                Type::uniform(shape, *first)
            }
            _ => Type { shape, formats: ElementFormats::Each(formats.into()) },
        }
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// Format of an element, by its position in row-major order.
    pub fn format(&self, element: usize) -> Format {
        match &self.formats {
            ElementFormats::Uniform(format) => *format,
            ElementFormats::Each(formats) => formats[element],
        }
    }

    /// The one format of all elements, if they are alike.
    pub fn common(&self) -> Option<Format> {
        match &self.formats {
            ElementFormats::Uniform(format) => Some(*format),
            ElementFormats::Each(_) => None,
        }
    }

    /// The smallest format that holds every element's values.
    pub fn union(&self) -> Format {
        (0..self.elements())
            .map(|it| self.format(it))
            .reduce(Format::union)
            .unwrap_or(Format::unsigned(1, 1))
    }

    /// Bits of the widest element.
    pub fn max_width(&self) -> u32 {
        match &self.formats {
            ElementFormats::Uniform(format) => format.width,
            ElementFormats::Each(formats) => formats.iter().map(|it| it.width).max().unwrap_or(1),
        }
    }
}
