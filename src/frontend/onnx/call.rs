//! A node together with what is known of its operands: all that shape inference and folding see.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::dtype::DataType;
use super::error::FoldError;
use super::graph::Node;
use super::tensor::Value;
use crate::source::Attrs;

/// Extents of a tensor, the batch axis included and 1.
pub(super) type Shape = Vec<usize>;

/// More entries than the longest sensible parameter (the parts of a `Split`) has.
const MAX_LIST: usize = 4096;

/// What is known of a tensor.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its shape, or the node where knowledge of it got lost.
    pub(super) shape: Result<Shape, Rc<str>>,
    /// Its value if it is constant.
    pub(super) value: Option<Rc<Value>>,
}

impl Known {
    /// A constant.
    pub(super) fn constant(value: Rc<Value>) -> Known {
        Known { shape: Ok(value.data.shape().to_vec()), value: Some(value) }
    }

    /// An activation.
    pub(super) fn shaped(shape: Result<Shape, Rc<str>>) -> Known {
        Known { shape, value: None }
    }
}

/// A node and its operands.
pub(super) struct Call<'a> {
    node: &'a Node,
    operands: Vec<Option<&'a Known>>,
    attrs: Attrs,
    batches: &'a BTreeSet<usize>,
}

impl<'a> Call<'a> {
    /// A node in its surroundings; reading attributes here leaves no mark on the node.
    pub(super) fn new(
        node: &'a Node,
        known: &'a BTreeMap<String, Known>,
        batches: &'a BTreeSet<usize>,
    ) -> Call<'a> {
        let operand = |name: &Option<String>| name.as_ref().and_then(|it| known.get(it));
        let operands = node.inputs.iter().map(operand).collect();
        Call { node, operands, attrs: Attrs::new(node.attrs.values.clone()), batches }
    }

    /// The operator.
    pub(super) fn op(&self) -> &'a str {
        &self.node.op
    }

    /// Version of the operator set.
    pub(super) fn version(&self) -> i64 {
        self.node.version
    }

    /// Number of operands, omitted ones included.
    pub(super) fn operands(&self) -> usize {
        self.operands.len()
    }

    /// Number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.node.outputs.len()
    }

    /// The attributes.
    pub(super) fn attrs(&self) -> &Attrs {
        &self.attrs
    }

    /// Batch sizes that the inputs of the model fix.
    pub(super) fn batches(&self) -> &BTreeSet<usize> {
        self.batches
    }

    /// Element type of a tensor attribute.
    pub(super) fn attr_type(&self, name: &str) -> Option<DataType> {
        self.node.attrs.types.get(name).copied()
    }

    /// Whether the operand is given.
    pub(super) fn has(&self, operand: usize) -> bool {
        self.operands.get(operand).is_some_and(Option::is_some)
    }

    /// Indices of the operands that are given.
    pub(super) fn given(&self) -> impl Iterator<Item = usize> {
        (0..self.operands.len()).filter(|it| self.has(*it))
    }

    /// Whether every operand that is given is constant.
    pub(super) fn is_constant(&self) -> bool {
        self.operands.iter().flatten().all(|it| it.value.is_some())
    }

    fn operand(&self, operand: usize) -> Result<&'a Known, FoldError> {
        self.operands
            .get(operand)
            .copied()
            .flatten()
            .ok_or(FoldError::Missing { what: "an operand" })
    }

    /// The shape of an operand.
    pub(super) fn shape(&self, operand: usize) -> Result<&'a [usize], FoldError> {
        match &self.operand(operand)?.shape {
            Ok(shape) => Ok(shape),
            Err(lost) => {
                let tensor = self.node.inputs[operand].clone().unwrap_or_default();
                Err(FoldError::UnknownShape { tensor, lost: lost.to_string() })
            }
        }
    }

    /// The value of an operand.
    pub(super) fn value(&self, operand: usize) -> Result<&'a Rc<Value>, FoldError> {
        self.operand(operand)?.value.as_ref().ok_or(FoldError::NotConstant { operand })
    }

    /// A short list of integers that is an operand: axes, extents, pads.
    pub(super) fn list(&self, operand: usize) -> Result<Vec<i64>, FoldError> {
        let value = self.value(operand)?;
        let length = value.data.len();
        // A file could make every node read the same huge list.
        match length <= MAX_LIST {
            true => Ok(value.ints()),
            false => Err(FoldError::Value { what: "length of a parameter", value: length as i64 }),
        }
    }

    /// Integers that are an operand, or an attribute in older opsets; `None` if neither is given.
    pub(super) fn ints(
        &self,
        operand: usize,
        attr: &'static str,
    ) -> Result<Option<Vec<i64>>, FoldError> {
        match self.has(operand) {
            true => Ok(Some(self.list(operand)?)),
            false => Ok(self.attrs.ints(attr)?),
        }
    }

    /// Where the operands' shapes got lost, if they did.
    pub(super) fn lost(&self) -> Option<&'a Rc<str>> {
        self.operands.iter().flatten().find_map(|it| it.shape.as_ref().err())
    }
}
