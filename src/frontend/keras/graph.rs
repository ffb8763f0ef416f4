//! From the tree of layers to nodes in topological order, each tensor with a name of its own.
//!
//! Nested models are inlined; a layer called several times becomes several nodes with the same
//! weights.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use serde_json::{Map, Value};

use super::attributes;
use super::call::{Arg, Call, Reference};
use super::error::{Brief, KerasError};
use super::h5::join;
use super::hgq::{self, Stage};
use super::model::{Layer, Model, problem};
use super::names::Names;
use super::weights::{Place, Weights};
use super::{inputs, json};
use crate::error::Problems;
use crate::source::{Attr, Attrs, Dialect, InputShapes, RawInput, RawNode};

/// Nested models may multiply each other: a bound on what they become.
const MAX_NODES: usize = 100_000;
/// A layer has few outputs (an LSTM with its states has three).
const MAX_OUTPUTS: usize = 64;

/// Nodes under construction.
pub(super) struct Graph<'a> {
    file: &'a str,
    version: i64,
    weights: Option<&'a Weights>,
    shapes: &'a InputShapes,
    names: Names,
    /// A proxy model of HGQ 1: its weights are on their grids.
    proxy: bool,
    /// Inputs of the model.
    pub(super) inputs: Vec<RawInput>,
    /// Nodes in topological order.
    pub(super) nodes: Vec<RawNode>,
    /// Faults found.
    pub(super) problems: Problems,
    full: bool,
}

/// Where a model is: its group of weights and the nested models around its layers.
struct Scope<'m> {
    container: Option<String>,
    chain: Vec<&'m str>,
    /// Whether it is not called once more.
    last: bool,
}

/// Tensors of every call of every layer; empty for a call that failed.
type Values = BTreeMap<(usize, usize), Vec<String>>;

impl<'a> Graph<'a> {
    /// An empty graph for a model.
    pub(super) fn new(
        file: &'a str,
        version: i64,
        weights: Option<&'a Weights>,
        shapes: &'a InputShapes,
        model: &Model,
    ) -> Graph<'a> {
        let mut names = Vec::new();
        model.names(&mut names, true);
        Graph {
            file,
            version,
            weights,
            shapes,
            names: Names::new(&names),
            proxy: model.layers.iter().any(|it| it.op == hgq::PROXY),
            inputs: Vec::new(),
            nodes: Vec::new(),
            problems: Problems::default(),
            full: false,
        }
    }

    /// Adds the outermost model; returns the names of its output tensors.
    pub(super) fn outermost(&mut self, model: &mut Model) -> Vec<String> {
        let container = self.weights.and_then(|it| it.container(""));
        let (mut names, shapes) = (Vec::new(), self.shapes.among(model.inputs.len()));
        let values = self.connect(model, |graph, layer| {
            let name = graph.names.own(&layer.name, &[]);
            names.push(name.clone());
            let shape = graph.input(layer, &name, &shapes)?;
            graph.inputs.push(RawInput { name: name.clone(), shape });
            Some(name)
        });
        for error in self.shapes.misplaced(&names.iter().map(String::as_str).collect::<Vec<_>>()) {
            self.fault("", error.into());
        }
        self.model(model, &Scope { container, chain: Vec::new(), last: true }, values)
    }

    /// Gives each input of a model its tensor; none is left without.
    fn connect(
        &mut self,
        model: &Model,
        mut tensor: impl FnMut(&mut Self, &Layer) -> Option<String>,
    ) -> Values {
        let mut values = Values::new();
        for input in &model.inputs {
            match model.source(input) {
                Ok((index, 0, 0)) if model.layers[index].is_input() => {
                    let made = tensor(self, &model.layers[index]).into_iter().collect();
                    if values.insert((index, 0), made).is_some() {
                        self.fault(&input.layer, KerasError::RepeatedInput);
                    }
                }
                Ok(_) => self.fault(&input.layer, not_an_input()),
                Err(what) => self.fault("", what),
            }
        }
        let inputs = model.layers.iter().enumerate().filter(|(_, it)| it.is_input());
        for (index, layer) in inputs {
            if !values.contains_key(&(index, 0)) {
                self.fault(&layer.name, KerasError::LooseInput);
            }
        }
        values
    }

    fn fault(&mut self, layer: &str, what: KerasError) {
        self.problems.push(problem(self.file, layer, what));
    }

    /// Shape of a sample of an input.
    fn input(&mut self, layer: &Layer, name: &str, shapes: &InputShapes) -> Option<Vec<usize>> {
        let dtype = json::text(&layer.config, "dtype").unwrap_or("float32");
        if !["float", "int", "uint"].iter().any(|it| dtype.starts_with(it)) {
            let found = Brief::new(layer.config.get("dtype"));
            self.fault(&layer.name, KerasError::Dtype { found });
        }
        inputs::shape(layer, name, shapes).map_err(|what| self.fault(&layer.name, what)).ok()
    }

    /// Adds the layers of a model whose inputs are in `values`; returns its output tensors. The
    /// configuration of a layer, a large tree, is dropped after its last call.
    fn model(&mut self, model: &mut Model, scope: &Scope<'_>, mut values: Values) -> Vec<String> {
        let order = self.order(model);
        let mut left: Vec<usize> = model.layers.iter().map(|it| it.calls.len()).collect();
        let outputs = counts(model);
        for (index, call) in order {
            let layer = &model.layers[index];
            let inputs = match self.operands(model, layer, &layer.calls[call], &values) {
                Some(inputs) => inputs,
                None => continue,
            };
            let count = outputs.get(&(index, call)).copied().unwrap_or(1);
            left[index] -= 1;
            let last = scope.last && left[index] == 0;
            let mut nested = model.layers[index].nested.take();
            let layer = &model.layers[index];
            let made = match &mut nested {
                Some(nested) => self.nested(nested, layer, scope, inputs, last),
                None => self.layer(layer, call, scope, inputs, count),
            };
            values.insert((index, call), made);
            let layer = &mut model.layers[index];
            layer.nested = nested;
            if last {
                layer.config = Map::new();
            }
            if self.full {
                return Vec::new();
            }
        }
        let mut made = Vec::new();
        for output in &model.outputs {
            match self.value(model, output, &values) {
                Some(name) => made.push(name),
                None if let Err(what) = model.source(output) => self.fault("", what),
                None if self.is_told(model, output, &values) => {}
                None => self.fault("", missing(output)),
            }
        }
        made
    }

    /// Calls in an order in which each follows those it reads; ties in the order of the file.
    fn order(&mut self, model: &Model) -> Vec<(usize, usize)> {
        let calls: Vec<(usize, usize)> = (0..model.layers.len())
            .flat_map(|index| (0..model.layers[index].calls.len()).map(move |call| (index, call)))
            .collect();
        let at: BTreeMap<_, _> = calls.iter().enumerate().map(|(at, call)| (*call, at)).collect();
        let mut missing = vec![0; calls.len()];
        let mut readers = vec![Vec::new(); calls.len()];
        for (reader, (index, call)) in calls.iter().enumerate() {
            let layer = &model.layers[*index];
            let mut sources = BTreeSet::<usize>::new();
            for reference in layer.calls[*call].tensors() {
                match model.source(reference) {
                    Ok((index, call, _)) => sources.extend(at.get(&(index, call))),
                    Err(what) => self.fault(&layer.name, what),
                }
            }
            missing[reader] = sources.len();
            sources.into_iter().for_each(|it| readers[it].push(reader));
        }
        let free = missing.iter().enumerate().filter(|(_, count)| **count == 0);
        let mut ready: BinaryHeap<_> = free.map(|(at, _)| Reverse(at)).collect();
        let mut order = Vec::with_capacity(calls.len());
        while let Some(Reverse(next)) = ready.pop() {
            order.push(calls[next]);
            for reader in &readers[next] {
                missing[*reader] -= 1;
                if missing[*reader] == 0 {
                    ready.push(Reverse(*reader));
                }
            }
        }
        if let Some(stuck) = missing.iter().position(|it| *it > 0) {
            self.fault(&model.layers[calls[stuck].0].name, KerasError::Cycle);
        }
        for layer in model.layers.iter().filter(|it| !it.is_input() && it.calls.is_empty()) {
            self.fault(&layer.name, KerasError::NotCalled);
        }
        order
    }

    fn value(&self, model: &Model, reference: &Reference, values: &Values) -> Option<String> {
        let (index, call, tensor) = model.source(reference).ok()?;
        values.get(&(index, call))?.get(tensor).cloned()
    }

    /// Whether the cause of a missing tensor is told already: the call that makes it has failed.
    fn is_told(&self, model: &Model, reference: &Reference, values: &Values) -> bool {
        let Ok((index, call, _)) = model.source(reference) else { return true };
        values.get(&(index, call)).is_none_or(Vec::is_empty) && !self.problems.0.is_empty()
    }

    /// Names of all tensors a call reads, in its order; `None` (and told) if one does not exist.
    fn operands(
        &mut self,
        model: &Model,
        layer: &Layer,
        call: &Call,
        values: &Values,
    ) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for reference in call.tensors() {
            match self.value(model, reference, values) {
                Some(name) => names.push(name),
                None => {
                    if !self.is_told(model, reference, values) {
                        self.fault(&layer.name, missing(reference));
                    }
                    return None;
                }
            }
        }
        Some(names)
    }

    fn nested(
        &mut self,
        nested: &mut Model,
        layer: &Layer,
        scope: &Scope<'_>,
        inputs: Vec<String>,
        last: bool,
    ) -> Vec<String> {
        let (expected, found) = (nested.inputs.len(), inputs.len());
        if expected != found {
            self.fault(&layer.name, KerasError::InputCount { expected, found });
            return Vec::new();
        }
        let mut inputs = inputs.into_iter();
        let values = self.connect(nested, |_, _| inputs.next());
        let group = scope.container.as_ref().zip(layer.auto.as_ref());
        let group = group.map(|(container, auto)| join(container, auto));
        let container = group.and_then(|group| self.weights?.container(&group));
        let mut chain = scope.chain.clone();
        chain.push(&layer.name);
        self.model(nested, &Scope { container, chain, last }, values)
    }

    /// Adds the node of a call of a layer, and that of its activation.
    fn layer(
        &mut self,
        layer: &Layer,
        call: usize,
        scope: &Scope<'_>,
        inputs: Vec<String>,
        outputs: usize,
    ) -> Vec<String> {
        if self.nodes.len() + 1 >= MAX_NODES {
            self.full = true;
            let limit = MAX_NODES as u64;
            self.fault("", KerasError::TooLarge { what: "model", limit, unit: "layers" });
            return Vec::new();
        }
        if outputs > MAX_OUTPUTS {
            let limit = MAX_OUTPUTS as u64;
            let what = "number of outputs of the layer";
            self.fault(&layer.name, KerasError::TooLarge { what, limit, unit: "tensors" });
            return Vec::new();
        }
        if let Err(what) = attributes::check_dtype(&layer.config) {
            self.fault(&layer.name, what);
        }
        let name = match call {
            0 => self.names.own(&layer.name, &scope.chain),
            _ => self.names.another(&layer.name),
        };
        let mut split = attributes::split(&layer.op, &layer.config);
        let (inputs, extra) = arguments(&layer.calls[call], inputs);
        split.attrs.extend(extra);
        if self.proxy && hgq::has_grid(&layer.op) {
            split.attrs.insert("quantized".to_owned(), Attr::Bool(true));
        }
        let made = match outputs {
            0 | 1 => vec![name.clone()],
            count => (0..count).map(|at| format!("{name}:{at}")).collect(),
        };
        let mut weights = self.layer_weights(layer, scope);
        let op = hgq::name(&layer.op, &split.attrs);
        let stages = hgq::take(&layer.op, &mut split.attrs, &mut weights, inputs.len());
        let inputs = self.quantized(&name, inputs, stages.inputs);
        self.nodes.push(RawNode {
            name: name.clone(),
            op,
            inputs: inputs.into_iter().map(Some).collect(),
            outputs: made.clone(),
            attrs: attributes::with_ignored(&layer.op, split.attrs),
            weights,
            ..self.blank()
        });
        let mut made = made;
        if let Some((activation, value)) = split.activation {
            let attrs = Attrs::new(BTreeMap::from([("activation".to_owned(), value)]));
            let node = RawNode { op: "Activation".to_owned(), attrs, ..self.blank() };
            made = vec![self.follow(&format!("{name}_{activation}"), made, node)];
        }
        match stages.output {
            Some(stage) => vec![self.follow(&format!("{name}_oq"), made, self.quantizer(stage))],
            None => made,
        }
    }

    /// A node of this model's vocabulary with nothing in it.
    fn blank(&self) -> RawNode {
        RawNode {
            name: String::new(),
            dialect: if self.version >= 3 { Dialect::Keras3 } else { Dialect::Keras2 },
            op: String::new(),
            version: self.version,
            inputs: Vec::new(),
            outputs: Vec::new(),
            attrs: Attrs::default(),
            weights: BTreeMap::new(),
        }
    }

    fn quantizer(&self, stage: Stage) -> RawNode {
        let (attrs, weights) = (Attrs::new(stage.attrs), stage.weights);
        RawNode { op: "Quantizer".to_owned(), attrs, weights, ..self.blank() }
    }

    /// Adds a node of one output behind others; returns its name, as similar as possible to `name`.
    fn follow(&mut self, name: &str, inputs: Vec<String>, node: RawNode) -> String {
        let name = self.names.another_or_own(name);
        let inputs = inputs.into_iter().map(Some).collect();
        self.nodes.push(RawNode {
            name: name.clone(),
            inputs,
            outputs: vec![name.clone()],
            ..node
        });
        name
    }

    /// The inputs of a layer behind its quantizers.
    fn quantized(&mut self, layer: &str, inputs: Vec<String>, stages: Vec<Stage>) -> Vec<String> {
        let several = inputs.len() > 1;
        let mut stages = stages.into_iter();
        let quantize = |(at, input): (usize, String)| match stages.next() {
            None => input,
            Some(stage) => {
                let number = if several { at.to_string() } else { String::new() };
                let node = self.quantizer(stage);
                self.follow(&format!("{layer}_iq{number}"), vec![input], node)
            }
        };
        inputs.into_iter().enumerate().map(quantize).collect()
    }

    fn layer_weights(
        &mut self,
        layer: &Layer,
        scope: &Scope<'_>,
    ) -> BTreeMap<String, crate::source::Tensor> {
        let (Some(weights), Some(auto)) = (self.weights, &layer.auto) else {
            return BTreeMap::new();
        };
        let mut chain = scope.chain.clone();
        chain.push(&layer.name);
        let path = scope.container.as_ref().map(|it| join(it, auto));
        let found = weights.of(layer, &Place { path, chain: &chain }, self.version);
        found.unwrap_or_else(|what| {
            self.fault(&layer.name, what);
            BTreeMap::new()
        })
    }
}

/// How many outputs of each call are read.
fn counts(model: &Model) -> BTreeMap<(usize, usize), usize> {
    let mut counts = BTreeMap::new();
    let calls = model.layers.iter().flat_map(|it| &it.calls).flat_map(Call::tensors);
    for reference in calls.chain(&model.outputs) {
        if let Ok((index, call, tensor)) = model.source(reference) {
            let count: &mut usize = counts.entry((index, call)).or_default();
            *count = (*count).max(tensor.saturating_add(1));
        }
    }
    counts
}

fn missing(reference: &Reference) -> KerasError {
    let Reference { layer, node, tensor } = reference.clone();
    KerasError::NoTensor { name: layer, node, tensor }
}

fn not_an_input() -> KerasError {
    let class = Value::from("another layer");
    json::wrong("input_layers", "the name of an InputLayer", Some(&class))
}

/// The tensors of a call in the order the node has them, and what else the call says.
///
/// `value` and `key` (of attention) follow the positional tensors; other keywords are attributes
/// `call:<keyword>`, so that one nobody understands is an error and not silence.
fn arguments(call: &Call, inputs: Vec<String>) -> (Vec<String>, Vec<(String, Attr)>) {
    let mut names = inputs.into_iter();
    let mut extra = Vec::new();
    let trailing = call.args.iter().rev().take_while(|it| **it == Arg::Const(Attr::Null)).count();
    let args = &call.args[..call.args.len() - trailing];
    let mut positional = Vec::new();
    let told: Vec<_> = args.iter().map(|arg| tell(arg, &mut names, &mut positional)).collect();
    if args.iter().any(Arg::has_constant) {
        extra.push(("call:args".to_owned(), Attr::List(told)));
    }
    let (mut value, mut key, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (keyword, arg) in &call.kwargs {
        match (keyword.as_str(), arg) {
            ("value", Arg::Tensor(_)) => value.extend(names.next()),
            ("key", Arg::Tensor(_)) => key.extend(names.next()),
            ("training", Arg::Const(Attr::Bool(false))) | ("name", Arg::Const(Attr::Str(_))) => {}
            _ => {
                let told = tell(arg, &mut names, &mut others);
                extra.push((format!("call:{keyword}"), told));
            }
        }
    }
    positional.extend(value.into_iter().chain(key).chain(others));
    (positional, extra)
}

/// An argument as an attribute, its tensors by name; they are appended to `taken`.
fn tell(arg: &Arg, names: &mut impl Iterator<Item = String>, taken: &mut Vec<String>) -> Attr {
    match arg {
        Arg::Tensor(_) => {
            let name = names.next().unwrap_or_default();
            taken.push(name.clone());
            Attr::Map(BTreeMap::from([("tensor".to_owned(), Attr::Str(name))]))
        }
        Arg::Const(value) => value.clone(),
        Arg::List(items) => {
            Attr::List(items.iter().map(|it| tell(it, &mut *names, taken)).collect())
        }
    }
}
