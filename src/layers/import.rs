//! From what a file said to layers: `RawModel` in, `nn::Graph` out, with all problems at once.

use std::collections::BTreeMap;

use super::{Input, Layer, SPELLINGS};
use crate::error::{Located, Problem, Problems, Result};
use crate::graph::{Node, NodeId};
use crate::nn::{self, Shape};
use crate::source::{Attrs, Dialect, RawModel, RawNode, Tensor, WrongAttr};

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

/// How an operation is called in some vocabularies, and what imports it.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    /// The vocabularies.
    pub dialects: &'static [Dialect],
    /// The operation's name there.
    pub op: &'static str,
    /// Reads the attributes and makes the layer.
    pub import: fn(&Import<'_>) -> std::result::Result<Imported, LayerError>,
}

impl Spelling {
    /// A Keras layer class, any version.
    pub const fn keras(op: &'static str, import: ImportFn) -> Spelling {
        Spelling { dialects: &[Dialect::Keras2, Dialect::Keras3], op, import }
    }

    /// An ONNX operator.
    pub const fn onnx(op: &'static str, import: ImportFn) -> Spelling {
        Spelling { dialects: &[Dialect::Onnx], op, import }
    }

    /// An ATen operator.
    pub const fn torch(op: &'static str, import: ImportFn) -> Spelling {
        Spelling { dialects: &[Dialect::Torch], op, import }
    }
}

type ImportFn = fn(&Import<'_>) -> std::result::Result<Imported, LayerError>;

/// A layer, and which operands of the raw node are its data operands.
#[derive(Debug)]
pub struct Imported {
    /// The layer.
    pub layer: Layer,
    /// Positions of its operands among the raw node's inputs.
    pub operands: Vec<usize>,
}

impl Imported {
    /// A layer of the first operand.
    pub fn unary(layer: impl Into<Layer>) -> Imported {
        Imported { layer: layer.into(), operands: vec![0] }
    }
}

/// What an import function sees of its node.
#[derive(Debug)]
pub struct Import<'a> {
    /// The node.
    pub node: &'a RawNode,
    /// Shape of each operand that is data.
    pub shapes: Vec<Option<Shape>>,
    /// Value of each operand that is a constant.
    pub constants: Vec<Option<&'a Tensor>>,
}

impl Import<'_> {
    /// The attributes.
    pub fn attrs(&self) -> &Attrs {
        &self.node.attrs
    }

    /// The operation's name.
    pub fn op(&self) -> String {
        self.node.op.clone()
    }

    /// Shape of a data operand.
    pub fn shape(&self, index: usize) -> std::result::Result<&Shape, LayerError> {
        self.shapes.get(index).and_then(Option::as_ref).ok_or_else(|| LayerError::Operand {
            op: self.op(),
            index,
            expected: "data",
        })
    }

    /// A constant operand, `None` if it is omitted; data there is an error.
    pub fn constant(&self, index: usize) -> std::result::Result<Option<&Tensor>, LayerError> {
        if self.shapes.get(index).is_some_and(Option::is_some) {
            return Err(LayerError::Operand { op: self.op(), index, expected: "a constant" });
        }
        Ok(self.constants.get(index).copied().flatten())
    }

    /// A weight stored with the layer; its values are finite.
    pub fn weight(&self, role: &'static str) -> std::result::Result<Option<&Tensor>, LayerError> {
        self.node.weights.get(role).map(|it| finite(role, it)).transpose()
    }

    /// A weight that must be there, with this shape.
    pub fn weight_of(
        &self,
        role: &'static str,
        shape: &[usize],
    ) -> std::result::Result<Tensor, LayerError> {
        let weight = self.weight(role)?.ok_or(LayerError::Missing { role })?;
        expect_shape(role, weight, shape)?;
        Ok(weight.clone())
    }

    /// The error for an attribute value that the layer cannot honour.
    pub fn value_error(
        &self,
        name: &'static str,
        found: impl ToString,
        supported: &'static str,
    ) -> LayerError {
        LayerError::Value { op: self.op(), name, found: found.to_string(), supported }
    }
}

/// Checks a weight's values.
pub(super) fn finite<'t>(
    role: &'static str,
    weight: &'t Tensor,
) -> std::result::Result<&'t Tensor, LayerError> {
    match weight.iter().filter(|it| !it.is_finite()).count() {
        0 => Ok(weight),
        count => Err(LayerError::NotFinite { role, count }),
    }
}

/// Checks a weight's shape.
pub(super) fn expect_shape(
    role: &'static str,
    weight: &Tensor,
    shape: &[usize],
) -> std::result::Result<(), LayerError> {
    if weight.shape() == shape {
        return Ok(());
    }
    let found = weight.shape().to_vec();
    Err(LayerError::WeightShape { role, found, expected: shape.to_vec() })
}

/// Gives a raw model its meaning.
///
/// # Errors
/// Every layer that is unknown, malformed, or has attributes that would be dropped, all at once.
pub fn import(model: &RawModel) -> Result<nn::Graph> {
    let mut graph = nn::Graph::default();
    let mut problems = Problems::default();
    // `None`: the node that makes the tensor has failed, which has been reported already.
    let mut values: BTreeMap<&str, Option<NodeId>> = BTreeMap::new();
    for input in &model.inputs {
        let shape = Shape(input.shape.clone());
        let node = Node {
            name: input.name.clone(),
            op: Layer::from(Input { shape: shape.clone(), lanes: None }),
            ty: shape,
            origin: model.origin(&input.name),
        };
        let id = graph.add(node, &[]);
        graph.inputs.push(id);
        values.insert(&input.name, Some(id));
    }
    for raw in &model.nodes {
        let imported = problems.note(import_node(&mut graph, model, raw, &values)).flatten();
        for output in &raw.outputs {
            values.insert(output, imported);
        }
    }
    for output in &model.outputs {
        match values.get(output.as_str()) {
            Some(Some(id)) => graph.outputs.push(*id),
            Some(None) => {}
            None => problems.push(Problem::at(&model.origin(output), NoOutput)),
        }
    }
    list_supported(model, &mut problems);
    problems.into_result(graph)
}

/// Says what is supported, once: at the last operation that is not.
fn list_supported(model: &RawModel, problems: &mut Problems) {
    let Some(raw) = model.nodes.iter().rfind(|it| find(it).is_none()) else { return };
    let at = model.origin(&raw.name);
    let here = SPELLINGS.iter().flat_map(|it| it.iter());
    let here = here.filter(|it| it.dialects.contains(&raw.dialect));
    let mut ops: Vec<&str> = here.map(|it| it.op).collect();
    ops.sort_unstable();
    if let Some(last) = problems.0.iter_mut().rfind(|it| it.at.as_ref() == Some(&at)) {
        last.help = Some(format!("supported are {}", ops.join(", ")));
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the output is made by no layer")]
struct NoOutput;

#[derive(Debug, thiserror::Error)]
#[error("input {name} is made by no layer before it")]
struct NoInput {
    name: String,
}

/// Adds one node; `Ok(None)` if it only fails because an operand did.
fn import_node(
    graph: &mut nn::Graph,
    model: &RawModel,
    raw: &RawNode,
    values: &BTreeMap<&str, Option<NodeId>>,
) -> Result<Option<NodeId>> {
    let at = model.origin(&raw.name);
    let spelling =
        find(raw).ok_or_else(|| LayerError::Unsupported { op: raw.op.clone() }).locate(&at)?;
    let mut cx = Import { node: raw, shapes: Vec::new(), constants: Vec::new() };
    let mut ids = Vec::new();
    for name in &raw.inputs {
        let constant = name.as_ref().and_then(|it| model.constants.get(it));
        let value = name.as_ref().and_then(|it| values.get(it.as_str()));
        if let (Some(name), None, None) = (name, constant, value) {
            return Err(NoInput { name: name.clone() }).locate(&at);
        }
        if value == Some(&None) {
            return Ok(None);
        }
        let id = value.copied().flatten();
        cx.shapes.push(id.map(|it| graph.node(it).ty.clone()));
        cx.constants.push(constant);
        ids.push(id);
    }
    let imported = (spelling.import)(&cx).locate(&at)?;
    let unread = raw.attrs.unread();
    if !unread.is_empty() {
        let attrs = unread.into_iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
        return Err(LayerError::Unread { op: raw.op.clone(), attrs }).locate(&at);
    }
    let operands: Vec<NodeId> = imported
        .operands
        .iter()
        .map(|index| {
            ids.get(*index).copied().flatten().ok_or(LayerError::Operand {
                op: raw.op.clone(),
                index: *index,
                expected: "data",
            })
        })
        .collect::<std::result::Result<_, _>>()
        .locate(&at)?;
    let shapes: Vec<&Shape> = operands.iter().map(|id| &graph.node(*id).ty).collect();
    let ty = imported.layer.spec().infer(&shapes).locate(&at)?;
    let node = Node { name: raw.name.clone(), op: imported.layer, ty, origin: at };
    Ok(Some(graph.add(node, &operands)))
}

fn find(raw: &RawNode) -> Option<&'static Spelling> {
    SPELLINGS
        .iter()
        .flat_map(|it| it.iter())
        .find(|it| it.op == raw.op && it.dialects.contains(&raw.dialect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_layers_claim_one_spelling() {
        let mut seen = std::collections::BTreeSet::new();
        for spelling in SPELLINGS.iter().flat_map(|it| it.iter()) {
            for dialect in spelling.dialects {
                assert!(seen.insert((spelling.op, *dialect)), "{} in {dialect:?}", spelling.op);
            }
        }
    }
}
