//! Why a layer cannot be imported.

use crate::layers::OwnError;
use crate::nn::Shape;
use crate::source::WrongAttr;

/// Elements that an activation may have: some layers note a format for each of them.
pub(super) const MAX_ELEMENTS: usize = 1 << 22;

/// Why a layer cannot be imported.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LayerError {
    /// No layer claims the operation.
    #[error("{op} is not supported")]
    Unsupported {
        /// The operation.
        op: String,
    },
    /// An attribute has a value that the layer cannot honour.
    #[error("{op} with {name} = {found} is not supported (supported: {supported})")]
    Value {
        /// The operation.
        op: String,
        /// The attribute.
        name: &'static str,
        /// Its value.
        found: String,
        /// What would be fine.
        supported: &'static str,
    },
    /// Attributes that nothing reads: ignoring them could change the result.
    #[error("{op} has attributes that are not supported: {}", .attrs.join(", "))]
    Unread {
        /// The operation.
        op: String,
        /// `name = value` of each.
        attrs: Vec<String>,
    },
    /// An attribute of the wrong kind.
    #[error(transparent)]
    Wrong(#[from] WrongAttr),
    /// A layer of the user's own that cannot be made of this node.
    #[error(transparent)]
    Own(#[from] OwnError),
    /// A weight is not in the file.
    #[error("weight {role} is missing")]
    Missing {
        /// Its role.
        role: &'static str,
    },
    /// A weight's shape does not fit.
    #[error("{role} has shape {found:?}, expected {expected:?}")]
    WeightShape {
        /// Its role.
        role: &'static str,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that fits.
        expected: Vec<usize>,
    },
    /// A weight holds NaN or infinity.
    #[error("{role} holds {count} values that are NaN or infinite")]
    NotFinite {
        /// Its role.
        role: &'static str,
        /// How many.
        count: usize,
    },
    /// The operands' shapes do not fit the layer.
    #[error("input shape {} does not fit: expected {expected}", .found.iter().map(Shape::to_string).collect::<Vec<_>>().join(" and "))]
    Shapes {
        /// Shapes of the operands.
        found: Vec<Shape>,
        /// What would fit.
        expected: String,
    },
    /// Nothing, or more than any tensor of ours may have.
    #[error("output shape {shape} is empty or has more than {MAX_ELEMENTS} elements")]
    Extent {
        /// The shape.
        shape: Shape,
    },
    /// A constant stands where the layer needs data, or the other way round.
    #[error("operand {index} of {op} must be {expected}")]
    Operand {
        /// The operation.
        op: String,
        /// Position of the operand.
        index: usize,
        /// `a constant` or `data`.
        expected: &'static str,
    },
}
