//! From what a file said to layers: `RawModel` in, `nn::Graph` out, with all problems at once.

mod error;
mod imported;

use std::collections::{BTreeMap, BTreeSet};

pub use self::error::LayerError;
use self::error::MAX_ELEMENTS;
pub use self::imported::{Imported, Operand, Part};
use super::{Input, Layer, OwnLayers, SPELLINGS};
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::graph::{Node, NodeId};
use crate::nn::{self, Shape};
use crate::source::{Attrs, Dialect, Packed, RawInput, RawModel, RawNode, Tensor};

/// How an operation is called in some vocabularies, and what imports it.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    /// The vocabularies.
    pub dialects: &'static [Dialect],
    /// The operation's name there.
    pub op: &'static str,
    /// Reads the attributes and makes the layer.
    pub import: ImportFn,
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

/// Reads a node's attributes and makes layers.
pub type ImportFn = fn(&Import<'_>) -> std::result::Result<Imported, LayerError>;

/// What an import function sees of its node.
#[derive(Debug)]
pub struct Import<'a> {
    /// The node.
    pub node: &'a RawNode,
    /// Shape of each operand that is data.
    pub shapes: Vec<Option<Shape>>,
    /// Value of each operand that is a constant.
    pub constants: Vec<Option<&'a Packed>>,
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
        Ok(self.packed(index)?.map(|it| &**it))
    }

    /// The same, not yet unpacked.
    pub fn packed(&self, index: usize) -> std::result::Result<Option<&Packed>, LayerError> {
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

    /// Runs an import function; attributes that it leaves unread are an error.
    pub fn run(&self, spelling: &Spelling) -> std::result::Result<Imported, LayerError> {
        let imported = (spelling.import)(self)?;
        let unread = self.attrs().unread();
        if unread.is_empty() {
            return Ok(imported);
        }
        let attrs = unread.into_iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
        Err(LayerError::Unread { op: self.op(), attrs })
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
pub(in crate::layers) fn finite<'t>(
    role: &'static str,
    weight: &'t Tensor,
) -> std::result::Result<&'t Tensor, LayerError> {
    match weight.iter().filter(|it| !it.is_finite()).count() {
        0 => Ok(weight),
        count => Err(LayerError::NotFinite { role, count }),
    }
}

/// Checks a weight's shape.
pub(in crate::layers) fn expect_shape(
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

/// Gives a raw model its meaning. It is taken apart: what is stored with a node goes with the node,
/// a constant with the last that reads it, so that not all weights are there twice.
///
/// # Errors
/// Every layer that is unknown, malformed, or has attributes that would be dropped, all at once.
pub fn import(model: RawModel) -> Result<nn::Graph> {
    import_with(model, &OwnLayers::default())
}

/// [`import`] of a model that may have layers of the user's own.
///
/// # Errors
/// The same, and whatever of the user's layers does not fit their nodes.
pub fn import_with(model: RawModel, own: &OwnLayers) -> Result<nn::Graph> {
    let is_known = |it: &RawNode| own.find(it).is_some() || find(it).is_some();
    let unknown = model.nodes.iter().rfind(|it| !is_known(it));
    let unknown = unknown.map(|it| (model.origin(&it.name), it.dialect));
    let mut importer = Importer::new(&model, own);
    let RawModel { file, inputs, outputs, nodes, constants, .. } = model;
    importer.hold(constants, &nodes);
    for input in &inputs {
        importer.input(input);
    }
    for raw in nodes {
        let made = importer.node(&raw);
        let made = importer.problems.note(made).unwrap_or(Made::Failed);
        importer.release(&raw);
        for (at, output) in raw.outputs.into_iter().enumerate() {
            match &made {
                Made::Failed => importer.values.insert(output, None),
                // An output that is not made is an error of whoever reads it.
                Made::Outputs(made) => {
                    made.get(at).and_then(|id| importer.values.insert(output, Some(*id)))
                }
            };
        }
    }
    let Importer { mut graph, mut problems, values, .. } = importer;
    for output in &outputs {
        match values.get(output) {
            Some(Some(id)) => graph.outputs.push(*id),
            Some(None) => {}
            None => problems.push(Problem::at(&Origin::new(&file, output), NoOutput)),
        }
    }
    if let Some((at, dialect)) = unknown {
        list_supported(&at, dialect, &mut problems);
    }
    problems.into_result(graph)
}

/// Says what is supported, once: at the last operation that is not.
fn list_supported(at: &Origin, dialect: Dialect, problems: &mut Problems) {
    let here = SPELLINGS.iter().flat_map(|it| it.1);
    let here = here.filter(|it| it.dialects.contains(&dialect));
    let mut ops: Vec<&str> = here.map(|it| it.op).collect();
    ops.sort_unstable();
    if let Some(last) = problems.0.iter_mut().rfind(|it| it.at.as_ref() == Some(at)) {
        let apart = match dialect {
            Dialect::Torch => "; run_decompositions() takes layers apart, export without it",
            _ => "",
        };
        let own = "; --layers takes descriptions of others";
        last.help = Some(format!("supported are {}{apart}{own}", ops.join(", ")));
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

/// What a raw node became.
enum Made {
    /// It only fails because an operand did, or has failed itself.
    Failed,
    /// The nodes that make its outputs.
    Outputs(Vec<NodeId>),
}

/// A graph under construction.
struct Importer<'a> {
    own: &'a OwnLayers,
    file: String,
    /// Constants, and how often each is still to be read.
    constants: BTreeMap<String, (Packed, usize)>,
    graph: nn::Graph,
    problems: Problems,
    /// `None`: the node that makes the tensor has failed, which has been reported already.
    values: BTreeMap<String, Option<NodeId>>,
    /// Names that no part of a node may take.
    names: BTreeSet<String>,
}

impl<'a> Importer<'a> {
    fn new(model: &RawModel, own: &'a OwnLayers) -> Importer<'a> {
        let inputs = model.inputs.iter().map(|it| it.name.clone());
        Importer {
            own,
            file: model.file.clone(),
            constants: BTreeMap::new(),
            graph: nn::Graph::default(),
            problems: Problems::default(),
            values: BTreeMap::new(),
            names: inputs.chain(model.nodes.iter().map(|it| it.name.clone())).collect(),
        }
    }

    /// Keeps the constants that are read.
    fn hold(&mut self, constants: BTreeMap<String, Packed>, nodes: &[RawNode]) {
        self.constants = constants.into_iter().map(|(name, it)| (name, (it, 0))).collect();
        for name in nodes.iter().flat_map(|it| it.inputs.iter().flatten()) {
            if let Some((_, left)) = self.constants.get_mut(name) {
                *left += 1;
            }
        }
        self.constants.retain(|_, (_, left)| *left > 0);
    }

    /// Drops the constants that a node was the last to read.
    fn release(&mut self, raw: &RawNode) {
        for name in raw.inputs.iter().flatten() {
            let Some((_, left)) = self.constants.get_mut(name) else { continue };
            *left -= 1;
            if *left == 0 {
                self.constants.remove(name);
            }
        }
    }

    fn origin(&self, node: &str) -> Origin {
        Origin::new(&self.file, node)
    }

    fn input(&mut self, input: &RawInput) {
        let shape = Shape(input.shape.clone());
        let origin = self.origin(&input.name);
        if !is_sensible(&shape) {
            self.problems.push(Problem::at(&origin, LayerError::Extent { shape }));
            self.values.insert(input.name.clone(), None);
            return;
        }
        let node = Node {
            name: input.name.clone(),
            op: Layer::from(Input { shape: shape.clone(), lanes: None }),
            ty: shape,
            origin,
        };
        let id = self.graph.add(node, &[]);
        self.graph.inputs.push(id);
        self.values.insert(input.name.clone(), Some(id));
    }

    /// Adds what a raw node becomes.
    fn node(&mut self, raw: &RawNode) -> Result<Made> {
        let at = self.origin(&raw.name);
        let (own, spelling) = (self.own.find(raw), find(raw));
        let unsupported = || LayerError::Unsupported { op: raw.op.clone() };
        if own.is_none() && spelling.is_none() {
            return Err(unsupported()).locate(&at);
        }
        let mut cx = Import { node: raw, shapes: Vec::new(), constants: Vec::new() };
        let mut ids = Vec::new();
        for name in &raw.inputs {
            let constant = name.as_ref().and_then(|it| self.constants.get(it)).map(|it| &it.0);
            let value = name.as_ref().and_then(|it| self.values.get(it));
            if let (Some(name), None, None) = (name, constant, value) {
                return Err(NoInput { name: name.clone() }).locate(&at);
            }
            if value == Some(&None) {
                return Ok(Made::Failed);
            }
            let id = value.copied().flatten();
            cx.shapes.push(id.map(|it| self.graph.node(it).ty.clone()));
            cx.constants.push(constant);
            ids.push(id);
        }
        let imported = match own {
            Some(own) => own.import(&cx).map_err(LayerError::from),
            None => spelling.ok_or_else(unsupported).and_then(|it| cx.run(it)),
        };
        let imported = imported.locate(&at)?;
        self.add(raw, imported, &ids, &at)
    }

    fn add(
        &mut self,
        raw: &RawNode,
        imported: Imported,
        inputs: &[Option<NodeId>],
        at: &Origin,
    ) -> Result<Made> {
        let mut parts: Vec<NodeId> = Vec::new();
        let find = |parts: &[NodeId], operand: &Operand| match *operand {
            Operand::Part(part) => Ok(parts[part]),
            Operand::Input(index) => {
                let expected = "data";
                let wrong = || LayerError::Operand { op: raw.op.clone(), index, expected };
                inputs.get(index).copied().flatten().ok_or_else(wrong)
            }
        };
        for Part { name, layer, operands } in imported.parts {
            let operands: Vec<NodeId> = operands
                .iter()
                .map(|it| find(&parts, it))
                .collect::<std::result::Result<_, _>>()
                .locate(at)?;
            let shapes: Vec<&Shape> = operands.iter().map(|id| &self.graph.node(*id).ty).collect();
            let ty = layer.spec().infer(&shapes).locate(at)?;
            if !is_sensible(&ty) {
                return Err(LayerError::Extent { shape: ty }).locate(at);
            }
            let name = self.name(raw, name);
            let origin = self.origin(&name);
            let node = Node { name, op: layer, ty, origin };
            parts.push(self.graph.add(node, &operands));
        }
        let outputs = imported.outputs.iter().map(|it| find(&parts, it));
        let outputs = outputs.collect::<std::result::Result<_, _>>().locate(at)?;
        Ok(Made::Outputs(outputs))
    }

    /// The name of a part: the node's own, or that with a suffix that nobody has.
    fn name(&mut self, raw: &RawNode, part: &str) -> String {
        if part.is_empty() {
            return raw.name.clone();
        }
        let mut name = format!("{}_{part}", raw.name);
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{}_{part}_{number}", raw.name);
        }
        name
    }
}

/// Whether an activation of that shape has elements, and not too many.
fn is_sensible(shape: &Shape) -> bool {
    let elements = shape.0.iter().try_fold(1usize, |all, it| all.checked_mul(*it));
    elements.is_some_and(|it| (1..=MAX_ELEMENTS).contains(&it))
}

/// What imports a node, if anything does.
pub(in crate::layers) fn find(raw: &RawNode) -> Option<&'static Spelling> {
    SPELLINGS
        .iter()
        .flat_map(|it| it.1)
        .find(|it| it.op == raw.op && it.dialects.contains(&raw.dialect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::fake_quant::{FakeQuant, Law};

    #[test]
    fn inputs_without_sensible_extents_are_refused() {
        for shape in [vec![1 << 22, 2], vec![usize::MAX, 2], vec![0]] {
            let model = RawModel {
                file: "m".into(),
                format: "test",
                inputs: vec![RawInput { name: "x".into(), shape }],
                outputs: vec!["x".into()],
                nodes: Vec::new(),
                constants: BTreeMap::new(),
                unused: Vec::new(),
            };
            let problems = import(model).unwrap_err().to_string();
            assert!(problems.contains("m:x: ") && problems.contains("4194304"), "{problems}");
        }
    }

    #[test]
    fn no_two_layers_claim_one_spelling() {
        let mut seen = std::collections::BTreeSet::new();
        for spelling in SPELLINGS.iter().flat_map(|it| it.1) {
            for dialect in spelling.dialects {
                assert!(seen.insert((spelling.op, *dialect)), "{} in {dialect:?}", spelling.op);
            }
        }
    }

    #[test]
    fn layers_without_hardware_are_refused_together() {
        let node = |name: &str, from: &str| RawNode {
            name: name.into(),
            dialect: Dialect::Keras3,
            op: "UnitNormalization".into(),
            version: 3,
            inputs: vec![Some(from.into())],
            outputs: vec![name.into()],
            attrs: Attrs::default(),
            weights: BTreeMap::new(),
        };
        let model = RawModel {
            file: "m".into(),
            format: "test",
            inputs: vec![RawInput { name: "x".into(), shape: vec![2] }],
            outputs: vec!["b".into()],
            nodes: vec![node("a", "x"), node("b", "a")],
            constants: BTreeMap::new(),
            unused: Vec::new(),
        };
        let mut graph = import(model).unwrap();
        let x = Tensor::from_shape_vec(vec![2], vec![3.0, 4.0]).unwrap();
        let y = nn::evaluate(&graph, &[x], |_, _| {});
        assert!((y[0][[0]] - 0.6).abs() < 1e-12, "{y:?}");
        crate::lower::check(&graph).unwrap();
        // Values of codes on no power of two.
        let one = |it: f64| Tensor::from_elem(vec![], it);
        for id in graph.topo() {
            if !graph.operands(id).is_empty() {
                let (scale, zero) = (one(0.3), one(0.0));
                let law = Law::Values;
                graph.node_mut(id).op = FakeQuant { law, scale, zero }.into();
            }
        }
        let problems = crate::lower::check(&graph).unwrap_err();
        let names: Vec<_> = problems.0.iter().filter_map(|it| it.at.as_ref()).collect();
        assert_eq!(names.iter().map(|it| &*it.node).collect::<Vec<_>>(), ["a", "b"]);
    }
}
