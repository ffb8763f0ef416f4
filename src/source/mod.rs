//! `RawModel`: what a model file said, before anyone knows what it means.
//!
//! Frontends decode bytes into this and stop; [`crate::layers::import`] gives it meaning. Attribute
//! access is recorded, so that an attribute nobody asked for is an error and never a silent drop.

mod packed;
mod shapes;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ndarray::ArrayD;

pub use self::packed::Packed;
pub use self::shapes::{InputShapes, ShapeError};
use crate::error::Origin;

/// Constants and float activations: any rank, exact for every f32 and every integer up to 2^53.
pub type Tensor = ArrayD<f64>;

/// Which vocabulary an operation's name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Keras layers, version 2 and before.
    Keras2,
    /// Keras layers, version 3.
    Keras3,
    /// Operators of the standard ONNX domain.
    Onnx,
    /// PyTorch's ATen operators, without overload.
    Torch,
    /// Expressions of the elements of one input.
    Symbolic,
}

/// An attribute as the file gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// `null` or `None`.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float, infinities included.
    Float(f64),
    /// A string.
    Str(String),
    /// A list.
    List(Vec<Attr>),
    /// An object.
    Map(BTreeMap<String, Attr>),
    /// A constant; boxed, because it would make every attribute four times as large.
    Tensor(Box<Tensor>),
}

/// One operation of the file; a layer with a fused activation has been split in two.
#[derive(Clone, Debug)]
pub struct RawNode {
    /// Unique name: the layer's in the model.
    pub name: String,
    /// Vocabulary of `op`.
    pub dialect: Dialect,
    /// Operation or layer class, as in the file (without a package prefix).
    pub op: String,
    /// Version of the vocabulary: ONNX opset, Keras major version.
    pub version: i64,
    /// Tensors read, by name; `None` is an omitted optional operand.
    pub inputs: Vec<Option<String>>,
    /// Tensors made, by name.
    pub outputs: Vec<String>,
    /// Attributes.
    pub attrs: Attrs,
    /// Weights the format stores with the layer (Keras), by role: `kernel`, `bias`, `gamma` ...
    pub weights: BTreeMap<String, Tensor>,
}

/// An input of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct RawInput {
    /// Name of the tensor (Keras: of the layer).
    pub name: String,
    /// Shape of one sample, without the batch axis.
    pub shape: Vec<usize>,
}

/// Everything a model file said.
#[derive(Clone, Debug)]
pub struct RawModel {
    /// The file, as the user named it.
    pub file: String,
    /// Format for people: `Keras 3 archive (.keras)`.
    pub format: &'static str,
    /// Inputs in model order.
    pub inputs: Vec<RawInput>,
    /// Output tensors in model order.
    pub outputs: Vec<String>,
    /// Operations; each reads only inputs, constants, and outputs of operations before it.
    pub nodes: Vec<RawNode>,
    /// Constant tensors by name (ONNX initializers, PyTorch parameters and buffers).
    pub constants: BTreeMap<String, Packed>,
    /// Stored weights that nothing reads: a sign of a mistake in the file or in us.
    pub unused: Vec<String>,
}

impl RawModel {
    /// The place of a node in error messages.
    pub fn origin(&self, node: &str) -> Origin {
        Origin::new(&self.file, node)
    }
}

/// The attributes of a node; remembers which were read.
#[derive(Clone, Debug, Default)]
pub struct Attrs {
    values: BTreeMap<String, Attr>,
    read: RefCell<BTreeSet<String>>,
}

impl Attrs {
    /// Attributes by name.
    pub fn new(values: BTreeMap<String, Attr>) -> Attrs {
        Attrs { values, read: RefCell::default() }
    }

    /// The attribute; `None` if absent or null. Either way it counts as read.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.read.borrow_mut().insert(name.to_owned());
        self.values.get(name).filter(|it| **it != Attr::Null)
    }

    /// Marks attributes that have no effect at inference (initializers, names ...).
    pub fn ignore(&self, names: &[&str]) {
        self.read.borrow_mut().extend(names.iter().map(|it| (*it).to_owned()));
    }

    /// All attributes but null ones, whether anybody has asked for them or not.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Attr)> {
        let given = self.values.iter().filter(|it| *it.1 != Attr::Null);
        given.map(|(name, value)| (name.as_str(), value))
    }

    /// The attributes nobody asked for, null ones aside.
    pub fn unread(&self) -> Vec<(&str, &Attr)> {
        let read = self.read.borrow();
        self.values
            .iter()
            .filter(|(name, value)| !read.contains(*name) && **value != Attr::Null)
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    }

    /// An integer, `default` if absent; the attribute's name if it is of another kind.
    pub fn int(&self, name: &'static str, default: i64) -> Result<i64, WrongAttr> {
        match self.get(name) {
            None => Ok(default),
            Some(Attr::Int(v)) => Ok(*v),
            Some(Attr::Float(v)) if v.fract() == 0.0 && v.abs() < 1e15 => Ok(*v as i64),
            Some(other) => Err(WrongAttr::new(name, "an integer", other)),
        }
    }

    /// A float (an integer is one too), `default` if absent.
    pub fn float(&self, name: &'static str, default: f64) -> Result<f64, WrongAttr> {
        match self.get(name) {
            None => Ok(default),
            Some(Attr::Float(v)) => Ok(*v),
            Some(Attr::Int(v)) => Ok(*v as f64),
            Some(other) => Err(WrongAttr::new(name, "a number", other)),
        }
    }

    /// A truth value, `default` if absent.
    pub fn bool(&self, name: &'static str, default: bool) -> Result<bool, WrongAttr> {
        match self.get(name) {
            None => Ok(default),
            Some(Attr::Bool(v)) => Ok(*v),
            Some(Attr::Int(v @ (0 | 1))) => Ok(*v == 1),
            Some(other) => Err(WrongAttr::new(name, "true or false", other)),
        }
    }

    /// A string, `default` if absent.
    pub fn str(&self, name: &'static str, default: &'static str) -> Result<&str, WrongAttr> {
        match self.get(name) {
            None => Ok(default),
            Some(Attr::Str(v)) => Ok(v),
            Some(other) => Err(WrongAttr::new(name, "a string", other)),
        }
    }

    /// A list of integers (one integer is a list of one), `None` if absent.
    pub fn ints(&self, name: &'static str) -> Result<Option<Vec<i64>>, WrongAttr> {
        let wrong = |other| WrongAttr::new(name, "a list of integers", other);
        match self.get(name) {
            None => Ok(None),
            Some(Attr::Int(v)) => Ok(Some(vec![*v])),
            Some(all @ Attr::List(items)) => items
                .iter()
                .map(|it| if let Attr::Int(v) = it { Ok(*v) } else { Err(wrong(all)) })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(wrong(other)),
        }
    }
}

/// An attribute of the wrong kind.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("attribute {name} is {found:?}, expected {expected}")]
pub struct WrongAttr {
    /// The attribute.
    pub name: &'static str,
    /// What it should be.
    pub expected: &'static str,
    /// What it is; boxed, because attributes can be large and errors travel by value.
    pub found: Box<Attr>,
}

impl WrongAttr {
    fn new(name: &'static str, expected: &'static str, found: &Attr) -> WrongAttr {
        WrongAttr { name, expected, found: Box::new(found.clone()) }
    }
}
