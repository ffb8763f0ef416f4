//! What a unit is in HLS C++, as data: a port, a constant, a loop, or a call of a kernel
//! of `hls-templates/common`. No C++ text is made here; names are identifiers, values are mantissas.

use std::sync::Arc;

use super::{Kernel, UnitSpec};
use crate::fixed::{ElementFormats, Format, Mantissas, Type};

/// The types around a unit.
#[derive(Clone, Copy, Debug)]
pub struct Ports<'a> {
    /// Types of the operands.
    pub inputs: &'a [&'a Type],
    /// Type of the output.
    pub output: &'a Type,
}

impl Ports<'_> {
    /// Elements of the output.
    pub fn n(&self) -> u64 {
        self.output.elements() as u64
    }
}

/// The unit in HLS C++; the kernel must agree with `Emulate` bit for bit.
pub trait Hls: UnitSpec {
    /// The port, constant or call.
    fn hls(&self, ports: &Ports<'_>) -> HlsUnit;
}

/// What a unit becomes.
#[derive(Clone, Debug)]
pub enum HlsUnit {
    /// An argument of the top function.
    Port,
    /// A constant array.
    Constant(Mantissas),
    /// A call of a kernel.
    Call(HlsCall),
    /// A loop around the unit's body.
    Loop(HlsLoop),
}

/// A loop over rows: what [`Scan`](super::Scan) says of it besides the body.
#[derive(Clone, Copy, Debug)]
pub struct HlsLoop {
    /// Rows.
    pub steps: usize,
    /// Operands that are sequences; the others are the first state.
    pub sequences: usize,
    /// The last row comes first.
    pub backwards: bool,
    /// Every row is a result, not only the last.
    pub every: bool,
}

/// A call of a kernel: `function<operand types.., result type, config>(operands.., result,
/// constants..)`.
#[derive(Clone, Debug)]
pub struct HlsCall {
    /// Header that holds the kernel.
    pub header: &'static str,
    /// Name of the kernel; a foldable one exists for each strategy, as `name_strategy`.
    pub function: &'static str,
    /// Members of the config struct.
    pub config: Vec<(&'static str, HlsValue)>,
    /// Further arguments, in order.
    pub constants: Vec<HlsConstant>,
    /// The format each element is cast to, where they differ: the config struct's `cast`.
    pub casts: Option<Vec<Format>>,
    /// The matrix that a reuse factor folds, if the kernel multiplies by one.
    pub matrix: Option<HlsMatrix>,
    /// Takes any number of operands, after everything else.
    pub variadic: bool,
    /// The function of the user's that the config struct calls, between the types `operand` and
    /// `result`.
    pub kernel: Option<Arc<Kernel>>,
}

/// A member of a config struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HlsValue {
    /// A type, `name_t`.
    Type(Format),
    /// A count.
    Unsigned(u64),
    /// A number.
    Signed(i64),
    /// A choice.
    Bool(bool),
}

/// An argument that is known when the hardware is made.
#[derive(Clone, Debug)]
pub struct HlsConstant {
    /// What it is to the kernel.
    pub name: &'static str,
    /// The numbers.
    pub numbers: HlsNumbers,
}

/// Numbers of a constant.
#[derive(Clone, Debug)]
pub enum HlsNumbers {
    /// An array of the config's type `ty_t`.
    Array {
        /// The type's name without `_t`.
        ty: &'static str,
        /// Mantissas in the type's format.
        values: Mantissas,
    },
    /// One number of the config's type `ty_t`.
    Scalar {
        /// The type's name without `_t`.
        ty: &'static str,
        /// Mantissa in the type's format.
        value: i128,
    },
    /// An array of `unsigned`.
    Indices(Vec<u32>),
}

/// A constant matrix multiplied by the rows of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HlsMatrix {
    /// Rows.
    pub n_in: u64,
    /// Columns.
    pub n_out: u64,
    /// Rows of the tensor.
    pub positions: u64,
    /// Format of the tensor.
    pub input: Format,
    /// Format of the weights.
    pub weight: Format,
}

impl HlsCall {
    /// A call without config or constants.
    pub fn new(header: &'static str, function: &'static str) -> HlsCall {
        HlsCall {
            header,
            function,
            config: Vec::new(),
            constants: Vec::new(),
            casts: None,
            matrix: None,
            variadic: false,
            kernel: None,
        }
    }

    /// With a count in the config.
    pub fn count(self, name: &'static str, value: u64) -> HlsCall {
        self.member(name, HlsValue::Unsigned(value))
    }

    /// With a type in the config. Its modes say how values are cast to it; types of constants get
    /// none, because constants are already in their format.
    pub fn ty(self, name: &'static str, format: Format) -> HlsCall {
        self.member(name, HlsValue::Type(format))
    }

    /// With a member of the config.
    pub fn member(mut self, name: &'static str, value: HlsValue) -> HlsCall {
        self.config.push((name, value));
        self
    }

    /// With an array of constants, and their type `ty` in the config.
    pub fn array(
        self,
        name: &'static str,
        ty: &'static str,
        format: Format,
        values: &Mantissas,
    ) -> HlsCall {
        let numbers = HlsNumbers::Array { ty, values: values.clone() };
        self.ty(ty, exact(format)).constant(name, numbers)
    }

    /// With one constant, and its type, which has its name, in the config.
    pub fn scalar(self, name: &'static str, format: Format, value: i128) -> HlsCall {
        self.ty(name, exact(format)).constant(name, HlsNumbers::Scalar { ty: name, value })
    }

    /// With an argument.
    pub fn constant(mut self, name: &'static str, numbers: HlsNumbers) -> HlsCall {
        self.constants.push(HlsConstant { name, numbers });
        self
    }
}

impl From<HlsCall> for HlsUnit {
    fn from(call: HlsCall) -> HlsUnit {
        HlsUnit::Call(call)
    }
}

/// The same values, without modes.
pub fn exact(format: Format) -> Format {
    Format { rounding: Default::default(), overflow: Default::default(), ..format }
}

/// A threshold in a format that costs a comparison with `input` no alignment if it is zero.
pub(super) fn threshold(value: i128, format: Format, input: &Type) -> Format {
    match value {
        0 => Format::unsigned(1, 1 - input.union().frac()),
        _ => format,
    }
}

/// The formats of the elements, if they differ.
pub(super) fn each(formats: &ElementFormats) -> Option<Vec<Format>> {
    match formats {
        ElementFormats::Uniform(_) => None,
        ElementFormats::Each(formats) => Some(formats.to_vec()),
    }
}
