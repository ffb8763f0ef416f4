//! What can be wrong with a layer of the user's own: in its description, or where a model has it.

use crate::layers::{BindError, LayerError, ParseError};
use crate::precision::PrecisionError;

/// A fault of a description.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("{key} is {found}, expected {expected}")]
    Wrong { key: String, found: String, expected: &'static str },
    #[error("there is no key {key}{}", .meant.map_or(String::new(), |it| format!(", is {it} meant?")))]
    Unknown { key: String, meant: Option<&'static str> },
    #[error("{key} is missing")]
    Missing { key: &'static str },
    #[error("function")]
    Function(#[source] ParseError),
    #[error("{name:?} is no name: letters, digits and underscores, a letter first")]
    Name { name: String },
    #[error("{name} is declared twice")]
    Twice { name: String },
    #[error("{name} is in the function, but is no operand, weight or attribute with a number")]
    Undeclared { name: String },
    #[error("{kind} {name} is not in the function")]
    Unused { kind: &'static str, name: String },
    #[error("nn2rtl has {class} itself, and a layer of its own cannot be changed")]
    Builtin { class: String },
    #[error("{class} is described already, in {file}")]
    Again { class: String, file: String },
    #[error("a kernel is how the layer is built, so that lowering says nothing")]
    Lowering,
    #[error("a kernel is a function of one operand: the function has no other names")]
    OneOperand,
    #[error("{key} is {found}, expected a file {} with a name of letters, digits, _, - and .", .endings.join(" or "))]
    FileName { key: String, found: String, endings: &'static [&'static str] },
    #[error("{file} cannot be read")]
    Unreadable { file: String, source: std::io::Error },
    #[error("{file} has no module {module}")]
    NoModule { file: String, module: String },
    #[error("{key}")]
    Format { key: String, source: PrecisionError },
    #[error("{key} has {bits} bits, or a point far from them; a kernel has up to {most}")]
    Wide { key: String, bits: u32, most: u32 },
    #[error("{what} is also that of {class}, and another one")]
    Clash { what: String, class: String },
}

/// Why a layer of the user's own cannot be made of a node.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OwnError {
    /// Attributes that the description does not name.
    #[error("{class} has attributes that its description does not declare: {}", .attrs.join(", "))]
    Undeclared {
        /// The class.
        class: String,
        /// `name = value` of each.
        attrs: Vec<String>,
    },
    /// A table of what is no function of one number.
    #[error("there is no math_func {function} (supported: {known})")]
    NoTableOf {
        /// What it is said to be a table of.
        function: String,
        /// What would do.
        known: String,
    },
    /// An attribute that has to be there.
    #[error("{class} has no attribute {name}, and its description has no default for it")]
    NoAttribute {
        /// The class.
        class: String,
        /// The attribute.
        name: String,
    },
    /// An attribute of another kind or value than described.
    #[error("{class} with {name} = {found} does not fit its description, which has {expected}")]
    Attribute {
        /// The class.
        class: String,
        /// The attribute.
        name: String,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// Another number of operands or outputs.
    #[error("{class} has {found} {what}, its description {expected}")]
    Count {
        /// The class.
        class: String,
        /// `operands`, `weights` or `outputs`.
        what: &'static str,
        /// How many the model has.
        found: usize,
        /// How many are described.
        expected: usize,
    },
    /// A weight that is not stored.
    #[error("{class} has no weight {name} (stored: {})", if .stored.is_empty() { "none".to_owned() } else { .stored.join(", ") })]
    NoWeight {
        /// The class.
        class: String,
        /// The weight.
        name: String,
        /// What is stored.
        stored: Vec<String>,
    },
    /// NaN or infinity.
    #[error("{name} holds values that are NaN or infinite")]
    NotFinite {
        /// The weight or operand.
        name: String,
    },
    /// A constant of more axes than the data.
    #[error("operands of {} axes cannot be combined", .ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(" and "))]
    Ranks {
        /// The axes of each.
        ranks: Vec<usize>,
    },
    /// Nothing in it is data.
    #[error("the function has no data in it")]
    Constant,
    /// Text that is no expression.
    #[error("function")]
    Function(#[from] ParseError),
    /// Names or constants that do not fit.
    #[error("function")]
    Bind(#[from] BindError),
    /// A table of several values.
    #[error("lowering: table is for a function of one operand and numbers only")]
    NoTable,
    /// Something that only tables do, of several operands.
    #[error("{op} of several operands has no hardware")]
    NoHardware {
        /// The operation.
        op: &'static str,
    },
    /// Shapes that do not broadcast.
    #[error("{0}")]
    Layer(Box<LayerError>),
}
