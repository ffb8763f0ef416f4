//! The graph of the file: inputs, constants and nodes, linked and in topological order.
//!
//! Everything that is refused is refused here, all of it at once: control flow, functions, sparse
//! and external weights. After [`read`], every tensor has exactly one source, node names are unique
//! and each node reads only what was made before it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;

use super::attr::{self, Attributes};
use super::dtype::DataType;
use super::error::{InputError, OnnxError, TensorError};
use super::external::Beside;
use super::tensor::{self, Value};
use super::{integers, proto};
use crate::error::{Origin, Problem, Problems, Result};
use crate::source::{InputShapes, RawInput};

/// A node, linked by the names of tensors.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Unique name.
    pub(super) name: String,
    /// Operator; `domain::Op` outside of the standard domain.
    pub(super) op: String,
    /// Opset version of its domain.
    pub(super) version: i64,
    /// Tensors read.
    pub(super) inputs: Vec<Option<String>>,
    /// Tensors made; an omitted one is empty.
    pub(super) outputs: Vec<String>,
    /// Attributes.
    pub(super) attrs: Attributes,
}

/// The graph.
#[derive(Debug)]
pub(super) struct Graph {
    /// Inputs that are no initializers.
    pub(super) inputs: Vec<RawInput>,
    /// Batch sizes the inputs fix.
    pub(super) batches: BTreeSet<usize>,
    /// Tensors the model gives.
    pub(super) outputs: Vec<String>,
    /// Nodes in topological order, in the order of the file where that is free.
    pub(super) nodes: Vec<Node>,
    /// Constants.
    pub(super) initializers: BTreeMap<String, Rc<Value>>,
    /// Bytes that were read from other files.
    pub(super) external: usize,
}

/// Reads the graph of a model.
pub(super) fn read(
    file: &str,
    model: proto::Model,
    beside: Beside,
    shapes: &InputShapes,
) -> Result<Graph> {
    let problems = Problems::default();
    let mut reader = Reader { file, problems, external: BTreeMap::new(), beside };
    for function in model.functions {
        let proto::Function { name, domain } = function;
        reader.problem("", OnnxError::Function { domain, name });
    }
    let opsets = reader.opsets(model.opset_import);
    let Some(graph) = model.graph else {
        reader.problem("", OnnxError::NoGraph);
        return Err(reader.problems);
    };
    for sparse in graph.sparse_initializer {
        let name = sparse.values.unwrap_or_default().name;
        reader.problem(&name, OnnxError::Sparse);
    }
    let mut sources = BTreeSet::new();
    let initializers = reader.initializers(graph.initializer, &mut sources);
    let mut integers = integers::inputs(&graph.input);
    integers.retain(|it| !sources.contains(it));
    let (inputs, batches) = reader.inputs(graph.input, shapes, &mut sources);
    let nodes = reader.nodes(graph.node, opsets, &mut sources);
    let outputs: Vec<String> = graph.output.into_iter().map(|it| it.name).collect();
    reader.check_links(&nodes, &outputs, &sources);
    reader.report_external();
    std::mem::take(&mut reader.problems).into_result(())?;
    let nodes = sort(file, nodes)?;
    for node in integers::computed(&nodes, integers) {
        reader.problem(&node.name, OnnxError::Integers { op: node.op.clone() });
    }
    std::mem::take(&mut reader.problems).into_result(())?;
    let external = reader.beside.bytes();
    Ok(Graph { inputs, batches, outputs, nodes, initializers, external })
}

/// Collects problems while reading.
struct Reader<'a> {
    file: &'a str,
    problems: Problems,
    /// Names of the tensors in each file outside of the model.
    external: BTreeMap<String, Vec<String>>,
    /// Files beside the model.
    beside: Beside,
}

impl Reader<'_> {
    fn problem(&mut self, at: &str, what: OnnxError) {
        self.problems.push(Problem::at(&Origin::new(self.file, at), what));
    }

    fn input_problem(&mut self, at: &str, what: InputError) {
        let help = what.help();
        let problem = Problem::at(&Origin::new(self.file, at), OnnxError::Input(what));
        self.problems.push(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }

    /// Notes the source of a tensor; there may be no second one.
    fn source(&mut self, at: &str, tensor: &str, sources: &mut BTreeSet<String>) {
        if !sources.insert(tensor.to_owned()) {
            self.problem(at, OnnxError::Redefined { tensor: tensor.to_owned() });
        }
    }

    /// Versions by domain. `ai.onnx` is the standard domain's other name.
    fn opsets(&mut self, imports: Vec<proto::Opset>) -> BTreeMap<String, i64> {
        let mut versions = BTreeMap::new();
        for proto::Opset { domain, version } in imports {
            if !(1..=i64::from(i32::MAX)).contains(&version) {
                self.problem("", OnnxError::Opset { domain, version });
                continue;
            }
            let known = versions.entry(standard(domain)).or_insert(version);
            *known = version.max(*known);
        }
        versions
    }

    fn initializers(
        &mut self,
        tensors: Vec<proto::Tensor>,
        sources: &mut BTreeSet<String>,
    ) -> BTreeMap<String, Rc<Value>> {
        let mut values = BTreeMap::new();
        for tensor in tensors {
            self.source(&tensor.name, &tensor.name, sources);
            let inside = match self.beside.fetch(tensor) {
                Ok(tensor) => tensor,
                Err((name, error)) => {
                    self.problem(&name, error.into());
                    continue;
                }
            };
            let tensor = inside;
            match tensor::decode(&tensor) {
                Ok(value) => {
                    values.insert(tensor.name, Rc::new(value));
                }
                Err(TensorError::External { file }) => {
                    self.external.entry(file).or_default().push(tensor.name);
                }
                Err(error) => self.problem(&tensor.name, error.into()),
            }
        }
        values
    }

    /// The real inputs: old files list initializers among them.
    fn inputs(
        &mut self,
        infos: Vec<proto::ValueInfo>,
        shapes: &InputShapes,
        sources: &mut BTreeSet<String>,
    ) -> (Vec<RawInput>, BTreeSet<usize>) {
        let initializers = sources.clone();
        let mut inputs = Vec::new();
        let mut batches = BTreeSet::new();
        let infos = infos.into_iter().filter(|it| !initializers.contains(&it.name));
        let infos: Vec<proto::ValueInfo> = infos.collect();
        let names: Vec<&str> = infos.iter().map(|it| it.name.as_str()).collect();
        for error in shapes.misplaced(&names) {
            self.input_problem("", error.into());
        }
        let own = shapes.among(infos.len());
        for info in infos {
            self.source(&info.name, &info.name, sources);
            match extents(&info, &own) {
                Ok((batch, shape)) => {
                    batches.extend(batch);
                    inputs.push(RawInput { name: info.name, shape });
                }
                Err(error) => self.input_problem(&info.name, error),
            }
        }
        (inputs, batches)
    }

    fn nodes(
        &mut self,
        nodes: Vec<proto::Node>,
        opsets: BTreeMap<String, i64>,
        sources: &mut BTreeSet<String>,
    ) -> Vec<Node> {
        let names = names(&nodes);
        let mut standard_version = opsets.get("").copied();
        let mut read = Vec::with_capacity(nodes.len());
        for (node, name) in nodes.into_iter().zip(names) {
            let domain = standard(node.domain);
            let version = if domain.is_empty() {
                // Said once: the first node stands for all.
                standard_version.unwrap_or_else(|| {
                    self.problem("", OnnxError::NoOpset);
                    *standard_version.insert(1)
                })
            } else {
                // Some exporters forget to import the domains of their own operators.
                opsets.get(&domain).copied().unwrap_or(1)
            };
            if node.op_type.is_empty() {
                self.problem(&name, OnnxError::NoOp);
            }
            let op = if domain.is_empty() {
                node.op_type
            } else {
                format!("{domain}::{}", node.op_type)
            };
            for output in node.output.iter().filter(|it| !it.is_empty()) {
                self.source(&name, output, sources);
            }
            let attrs = self.attrs(&name, &op, node.attribute);
            let inputs = node.input.into_iter().map(|it| (!it.is_empty()).then_some(it)).collect();
            read.push(Node { name, op, version, inputs, outputs: node.output, attrs });
        }
        read
    }

    fn attrs(&mut self, node: &str, op: &str, attrs: Vec<proto::Attribute>) -> Attributes {
        let control_flow = matches!(op, "If" | "Loop" | "Scan" | "SequenceMap")
            || attrs.iter().any(attr::is_graph);
        if control_flow {
            self.problem(node, OnnxError::ControlFlow { op: op.to_owned() });
            return Attributes::default();
        }
        let (attrs, errors) = attr::decode_all(attrs);
        for error in errors {
            self.problem(node, error);
        }
        attrs
    }

    /// Every tensor read must have a source.
    fn check_links(&mut self, nodes: &[Node], outputs: &[String], sources: &BTreeSet<String>) {
        for node in nodes {
            for input in node.inputs.iter().flatten().filter(|it| !sources.contains(*it)) {
                self.problem(&node.name, OnnxError::Unknown { tensor: input.clone() });
            }
        }
        if outputs.is_empty() {
            self.problem("", OnnxError::NoOutputs);
        }
        for output in outputs.iter().filter(|it| !sources.contains(*it)) {
            self.problem("", OnnxError::Unknown { tensor: output.clone() });
        }
    }

    /// One problem per file outside of the model, not one per tensor.
    fn report_external(&mut self) {
        for (file, tensors) in std::mem::take(&mut self.external) {
            let first = tensors.first().cloned().unwrap_or_default();
            let what = OnnxError::External { file, count: tensors.len(), first };
            let help = "export with the weights inside the model: \
                        torch.onnx.export(..., external_data=False)";
            self.problems.push(Problem::at(&Origin::new(self.file, ""), what).help(help));
        }
    }
}

/// The domain by the name that we know it by: QONNX's operators had others before.
fn standard(domain: String) -> String {
    match domain.as_str() {
        "ai.onnx" => String::new(),
        "onnx.brevitas" | "finn.custom_op.general" | "qonnx.custom_op" | "qonnx" => {
            "qonnx.custom_op.general".to_owned()
        }
        "finn.custom_op.channels_last" => "qonnx.custom_op.channels_last".to_owned(),
        _ => domain,
    }
}

/// The batch size if it is fixed, and the shape of one sample: the user's, if there is one.
fn extents(
    info: &proto::ValueInfo,
    shapes: &InputShapes,
) -> std::result::Result<(Option<usize>, Vec<usize>), InputError> {
    let tensor =
        info.kind.as_ref().and_then(|it| it.tensor.as_ref()).ok_or(InputError::NotTensor)?;
    if tensor.elem_type != 0 {
        DataType::from_id(tensor.elem_type)?;
    }
    let Some(shape) = &tensor.shape else {
        let given = shapes.of(&info.name, None)?.ok_or(InputError::NoShape)?;
        return Ok((None, bounded(given)?));
    };
    let dims = &shape.dim;
    let Some((batch, sample)) = dims.split_first() else {
        return Err(InputError::Scalar);
    };
    if dims.len() > tensor::MAX_RANK {
        return Err(TensorError::Rank { rank: dims.len(), limit: tensor::MAX_RANK }.into());
    }
    // Old exporters wrote 0 or -1 for an unknown extent.
    let extent =
        |dim: &proto::Dim| dim.value.and_then(|it| usize::try_from(it).ok()).filter(|it| *it > 0);
    let dynamic = |(idx, dim): (usize, &proto::Dim)| match &dim.param {
        _ if extent(dim).is_some() => None,
        Some(symbol) if !symbol.is_empty() => Some(symbol.clone()),
        _ => Some(format!("axis {}", idx + 1)),
    };
    if let Some(given) = shapes.of(&info.name, Some(sample.len()))? {
        return Ok((extent(batch), bounded(given)?));
    }
    let axes: Vec<String> = sample.iter().enumerate().filter_map(dynamic).collect();
    if !axes.is_empty() {
        return Err(InputError::Dynamic { axes });
    }
    let shape: Vec<usize> = sample.iter().filter_map(extent).collect();
    Ok((extent(batch), bounded(shape)?))
}

fn bounded(shape: Vec<usize>) -> std::result::Result<Vec<usize>, InputError> {
    match shape.iter().try_fold(1usize, |all, it| all.checked_mul(*it)) {
        Some(elements) if elements <= MAX_ELEMENTS && shape.len() < tensor::MAX_RANK => Ok(shape),
        _ => Err(InputError::TooLarge { shape }),
    }
}

/// More elements than any activation has.
pub(super) const MAX_ELEMENTS: usize = 1 << 40;

/// Unique names: the node's own, else `<op>_<k>`. The first of several equal names keeps it.
fn names(nodes: &[proto::Node]) -> Vec<String> {
    let mut taken: BTreeSet<String> =
        nodes.iter().filter(|it| !it.name.is_empty()).map(|it| it.name.clone()).collect();
    let mut met = BTreeSet::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut fresh = |base: String, first: usize| {
        let count = counts.entry(base.clone()).or_insert(first);
        loop {
            let name = format!("{base}_{count}");
            *count += 1;
            if taken.insert(name.clone()) {
                return name;
            }
        }
    };
    nodes
        .iter()
        .map(|node| match node.name.as_str() {
            "" => fresh(node.op_type.to_lowercase(), 0),
            name if met.insert(name) => name.to_owned(),
            name => fresh(name.to_owned(), 1),
        })
        .collect()
}

/// Topological order, nearest to the order of the file.
fn sort(file: &str, nodes: Vec<Node>) -> Result<Vec<Node>> {
    let makers: BTreeMap<&str, usize> = nodes
        .iter()
        .enumerate()
        .flat_map(|(idx, node)| node.outputs.iter().map(move |it| (it.as_str(), idx)))
        .filter(|(tensor, _)| !tensor.is_empty())
        .collect();
    let sources: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| node.inputs.iter().flatten().filter_map(|it| makers.get(it.as_str()).copied()))
        .map(|sources| sources.collect::<BTreeSet<_>>().into_iter().collect())
        .collect();
    let mut readers = vec![Vec::new(); nodes.len()];
    for (idx, sources) in sources.iter().enumerate() {
        sources.iter().for_each(|it| readers[*it].push(idx));
    }
    let mut waiting: Vec<usize> = sources.iter().map(Vec::len).collect();
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|it| waiting[*it] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(idx)) = ready.pop() {
        order.push(idx);
        for reader in &readers[idx] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.push(Reverse(*reader));
            }
        }
    }
    if let Some(start) = (0..nodes.len()).find(|it| waiting[*it] > 0) {
        let nodes = cycle(start, &sources, &waiting).map(|it| nodes[it].name.clone()).collect();
        return Err(Problem::at(&Origin::new(file, ""), OnnxError::Cycle { nodes }).into());
    }
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|it| nodes[it].take()).collect())
}

/// The cycle found by walking from `start` against the flow, in order of flow.
fn cycle(start: usize, sources: &[Vec<usize>], waiting: &[usize]) -> impl Iterator<Item = usize> {
    let mut path = vec![start];
    let mut place = BTreeMap::from([(start, 0)]);
    let mut node = start;
    // A node that waits has a source that waits, so the walk ends where it has been.
    while let Some(source) = sources[node].iter().copied().find(|it| waiting[*it] > 0) {
        if let Some(first) = place.insert(source, path.len()) {
            path.drain(..first);
            break;
        }
        path.push(source);
        node = source;
    }
    path.into_iter().rev()
}
