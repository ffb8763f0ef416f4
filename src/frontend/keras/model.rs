//! A model's configuration as a tree: its layers with their calls, nested models inside.
//!
//! A Sequential model reads like a Functional one here: an input layer and one call per layer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::call::{self, Call, Reference};
use super::error::KerasError;
use super::json;
use crate::error::{Origin, Problem, Problems, Result};

const MAX_NESTING: usize = 16;

/// A model, the outermost or a nested one.
pub(super) struct Model {
    /// Its layers, in the order of the file.
    pub(super) layers: Vec<Layer>,
    /// Its inputs: outputs of input layers.
    pub(super) inputs: Vec<Reference>,
    /// Its outputs.
    pub(super) outputs: Vec<Reference>,
    index: BTreeMap<String, usize>,
}

/// A layer of a model.
pub(super) struct Layer {
    /// Its name in the model.
    pub(super) name: String,
    /// Its class without a package, or for a function its name: `ops.add`, `math.multiply`.
    pub(super) op: String,
    /// Name of its group in a weights file that goes by path; none for functions.
    pub(super) auto: Option<String>,
    /// Its configuration; empty for a nested model.
    pub(super) config: Map<String, Value>,
    /// Its calls; none for an input layer.
    pub(super) calls: Vec<Call>,
    /// The model, if the layer is one.
    pub(super) nested: Option<Model>,
    /// Index of the first call in references: 1 for nested models of Keras 2.
    first_node: usize,
}

impl Layer {
    /// Whether this is an input of the model.
    pub(super) fn is_input(&self) -> bool {
        self.op == "InputLayer"
    }
}

impl Model {
    /// The layer, call and output that a reference means.
    pub(super) fn source(
        &self,
        reference: &Reference,
    ) -> std::result::Result<(usize, usize, usize), KerasError> {
        let Reference { layer: name, node, tensor } = reference;
        let Some(&index) = self.index.get(name) else {
            return Err(KerasError::NoLayer { name: name.clone() });
        };
        let layer = &self.layers[index];
        let calls = if layer.is_input() { 1 } else { layer.calls.len() };
        match node.checked_sub(layer.first_node) {
            Some(call) if call < calls => Ok((index, call, *tensor)),
            _ => Err(KerasError::NoTensor { name: name.clone(), node: *node, tensor: *tensor }),
        }
    }

    /// The input layer an input of the model comes from.
    pub(super) fn input_layer(&self, reference: &Reference) -> Option<&Layer> {
        self.index.get(&reference.layer).map(|it| &self.layers[*it]).filter(|it| it.is_input())
    }

    /// Names of all layers that become nodes or inputs, nested ones too.
    pub(super) fn names<'a>(&'a self, into: &mut Vec<&'a str>, outermost: bool) {
        for layer in &self.layers {
            match &layer.nested {
                Some(nested) => nested.names(into, false),
                None if layer.is_input() && !outermost => {}
                None => into.push(&layer.name),
            }
        }
    }
}

/// Reads the top of a configuration, `{"class_name": ..., "config": ...}`.
pub(super) fn read(file: &str, version: i64, mut value: Value) -> Result<Model> {
    let mut reader = Reader { file, version, problems: Problems::default() };
    let model = reader.top(&mut value);
    match (model, reader.problems) {
        (Some(model), problems) => problems.into_result(model),
        (None, problems) => Err(problems),
    }
}

struct Reader<'a> {
    file: &'a str,
    version: i64,
    problems: Problems,
}

impl Reader<'_> {
    fn note<T>(&mut self, layer: &str, result: std::result::Result<T, KerasError>) -> Option<T> {
        result.map_err(|what| self.problems.push(problem(self.file, layer, what))).ok()
    }

    fn top(&mut self, value: &mut Value) -> Option<Model> {
        let Value::Object(map) = value else {
            return self.note("", Err(json::wrong("model", "an object", Some(value))));
        };
        let class = self.note("", json::string(map, "class_name"))?.to_owned();
        match is_model(&class) {
            true => self.model("", &class, map.get_mut("config"), 0),
            false => self.note("", Err(KerasError::ModelClass { class })),
        }
    }

    fn model(
        &mut self,
        name: &str,
        class: &str,
        mut config: Option<&mut Value>,
        depth: usize,
    ) -> Option<Model> {
        if depth > MAX_NESTING {
            return self.note(name, Err(KerasError::TooDeep { limit: MAX_NESTING }));
        }
        // Very old Sequential models are a plain list.
        let entries = match config.as_deref_mut() {
            Some(Value::Array(entries)) => Some(entries),
            Some(Value::Object(map)) => map.get_mut("layers").and_then(Value::as_array_mut),
            _ => None,
        };
        let Some(entries) = entries else {
            let found = config.as_deref().and_then(|it| it.get("layers"));
            return self.note(name, Err(json::wrong("layers", "a list", found)));
        };
        // All layers are read before the first fault ends it, to report every fault.
        let layers = entries.iter_mut().map(|entry| self.layer(name, entry, depth));
        let layers: Vec<_> = layers.collect();
        let layers: Vec<_> = layers.into_iter().collect::<Option<_>>()?;
        let config = config.as_deref();
        let mut model = match bare(class) == "Sequential" {
            true => sequential(layers, config),
            false => self.functional(name, layers, config)?,
        };
        if model.layers.is_empty() {
            return self.note(name, Err(KerasError::Empty { what: "layers" }));
        }
        for (index, layer) in model.layers.iter().enumerate() {
            if model.index.insert(layer.name.clone(), index).is_some() {
                self.note::<()>(&layer.name, Err(KerasError::SameName));
            }
        }
        name_groups(&mut model.layers);
        self.number_nested_calls(&mut model);
        Some(model)
    }

    fn functional(
        &mut self,
        name: &str,
        layers: Vec<Layer>,
        config: Option<&Value>,
    ) -> Option<Model> {
        let mut tensors = |key: &'static str, what: &'static str| {
            let value = config.and_then(|it| it.get(key));
            let found = call::references(value)
                .ok_or_else(|| json::wrong(key, "a list of [layer, node, tensor]", value));
            let found = self.note(name, found)?;
            match found.is_empty() {
                true => self.note(name, Err(KerasError::Empty { what })),
                false => Some(found),
            }
        };
        let inputs = tensors("input_layers", "inputs");
        let outputs = tensors("output_layers", "outputs");
        Some(Model { layers, inputs: inputs?, outputs: outputs?, index: BTreeMap::new() })
    }

    /// Reads a layer and takes its configuration out of the tree: trees are large.
    fn layer(&mut self, model: &str, entry: &mut Value, depth: usize) -> Option<Layer> {
        let Value::Object(map) = entry else {
            return self.note(model, Err(json::wrong("layer", "an object", Some(entry))));
        };
        let class = self.note(model, json::string(map, "class_name"))?;
        let config = map.get("config");
        let inner = config.and_then(|it| it.get("name")).and_then(Value::as_str);
        let name = match json::text(map, "name").or(inner) {
            Some(name) => name.to_owned(),
            None => return self.note(model, Err(json::wrong("name", "a string", None))),
        };
        let calls = call::calls(map.get("inbound_nodes")).ok_or_else(|| {
            json::wrong("inbound_nodes", "a list of calls", map.get("inbound_nodes"))
        });
        let calls = self.note(&name, calls)?;
        let op = operation(map, class, self.version);
        let auto = (!op.starts_with("ops.")).then(String::new);
        let layer =
            Layer { name, op, auto, config: Map::new(), calls, nested: None, first_node: 0 };
        if is_model(class) {
            let class = class.to_owned();
            let nested = self.model(&layer.name, &class, map.get_mut("config"), depth + 1)?;
            return Some(Layer { nested: Some(nested), ..layer });
        }
        self.note(&layer.name, json::object(map, "config"))?;
        let config = match map.get_mut("config") {
            Some(Value::Object(config)) => std::mem::take(config),
            _ => Map::new(),
        };
        Some(Layer { config, ..layer })
    }

    /// Keras 2 counts the construction of a nested model as its call 0; Keras 3 only where it lists
    /// the outputs, and not of a Sequential.
    fn number_nested_calls(&mut self, model: &mut Model) {
        if self.version >= 3 {
            for output in &mut model.outputs {
                let layer = model.index.get(&output.layer).map(|it| &model.layers[*it]);
                if layer.is_some_and(|it| it.nested.is_some() && it.op != "Sequential") {
                    output.node = output.node.saturating_sub(1);
                }
            }
            return;
        }
        let calls = model.layers.iter().flat_map(|it| &it.calls).flat_map(Call::tensors);
        let from_zero: BTreeSet<String> = calls
            .chain(&model.outputs)
            .filter(|it| it.node == 0)
            .map(|it| it.layer.clone())
            .collect();
        for layer in model.layers.iter_mut().filter(|it| it.nested.is_some()) {
            layer.first_node = usize::from(!from_zero.contains(&layer.name));
        }
    }
}

/// A fault with its place and the advice that belongs to it.
pub(super) fn problem(file: &str, layer: &str, what: KerasError) -> Problem {
    let help = what.help();
    let problem = Problem::at(&Origin::new(file, layer), what);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// A class name without its package, `HGQ>QDense`.
pub(super) fn bare(class: &str) -> &str {
    class.rsplit('>').next().unwrap_or(class)
}

/// `Conv2DTranspose` as Keras writes it in lower case: `conv2d_transpose`.
pub(super) fn snake(class: &str) -> String {
    let chars: Vec<char> = class.chars().filter(|it| it.is_alphanumeric() || *it == '_').collect();
    let lower = |it: Option<&char>| it.is_some_and(char::is_ascii_lowercase);
    let mut snake = String::new();
    for (at, &char) in chars.iter().enumerate() {
        let border = lower(chars.get(at + 1)) || lower(at.checked_sub(1).map(|it| &chars[it]));
        if at > 0 && char.is_ascii_uppercase() && border {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

fn is_model(class: &str) -> bool {
    matches!(bare(class), "Sequential" | "Functional" | "Model")
}

/// The name of a layer's operation: functions on tensors are told from layers of the same class.
fn operation(map: &Map<String, Value>, class: &str, version: i64) -> String {
    let function = || map.get("config")?.get("function")?.as_str();
    let in_ops = |it: &str| it.starts_with("keras.src.ops") || it.starts_with("keras.ops");
    let is_function = match json::text(map, "module") {
        Some(module) => in_ops(module),
        // HDF5 files of Keras 3 leave the module out; only layers have these two entries.
        None if version >= 3 && class != "InputLayer" => {
            let config = map.get("config").and_then(Value::as_object);
            config.is_some_and(|it| !it.contains_key("trainable") && !it.contains_key("dtype"))
        }
        None => false,
    };
    if is_function && !is_model(class) {
        return format!("ops.{}", snake(class));
    }
    match (bare(class), function()) {
        ("TFOpLambda" | "SlicingOpLambda", Some(function)) => versionless(function).to_owned(),
        // Files have the name for users, weights that of the class.
        ("GroupQueryAttention", _) => "GroupedQueryAttention".to_owned(),
        (class, _) => class.to_owned(),
    }
}

/// A function of TensorFlow without the version whose interface it has: `compat.v1.pad` is `pad`.
pub(super) fn versionless(function: &str) -> &str {
    function.strip_prefix("compat.v1.").unwrap_or(function)
}

/// Per class, the first layer is `dense`, the second `dense_1` ...; functions do not count.
fn name_groups(layers: &mut [Layer]) {
    let mut counts = BTreeMap::<String, usize>::new();
    for layer in layers {
        let Some(auto) = &mut layer.auto else { continue };
        let function = layer.config.get("function").and_then(Value::as_str).map(versionless);
        let class = if function == Some(&layer.op) { "TFOpLambda" } else { &layer.op };
        let base = snake(class);
        let count = counts.entry(base.clone()).or_default();
        *auto = match *count {
            0 => base,
            count => format!("{base}_{count}"),
        };
        *count += 1;
    }
}

/// Links the layers of a Sequential model, with an input layer first.
fn sequential(mut layers: Vec<Layer>, config: Option<&Value>) -> Model {
    let reference = |layer: &str| Reference { layer: layer.to_owned(), node: 0, tensor: 0 };
    if let Some(first) = layers.first().filter(|it| !it.is_input()) {
        let entry = || match config? {
            Value::Array(entries) => entries.first(),
            other => other.get("layers")?.get(0),
        };
        let build = || entry()?.get("build_config")?.get("input_shape").cloned();
        let shape = input_shape(first)
            .or_else(|| config?.get("build_input_shape").cloned())
            .or_else(build)
            .unwrap_or_default();
        let taken = |name: &String| layers.iter().any(|it| it.name == *name);
        let mut name = format!("{}_input", first.name);
        while taken(&name) {
            name.push('_');
        }
        let input = Layer {
            name,
            op: "InputLayer".to_owned(),
            auto: None,
            config: Map::from_iter([("batch_shape".to_owned(), shape)]),
            calls: Vec::new(),
            nested: None,
            first_node: 0,
        };
        layers.insert(0, input);
    }
    let names: Vec<_> = layers.iter().map(|it| reference(&it.name)).collect();
    for (layer, previous) in layers.iter_mut().skip(1).zip(&names) {
        let args = vec![call::Arg::Tensor(previous.clone())];
        layer.calls = vec![Call { args, kwargs: Vec::new() }];
    }
    let ends = |it: Option<&Reference>| it.cloned().into_iter().collect();
    let (inputs, outputs) = (ends(names.first()), ends(names.last()));
    Model { layers, inputs, outputs, index: BTreeMap::new() }
}

/// The shape a layer was given for its input, batch axis included.
pub(super) fn input_shape(layer: &Layer) -> Option<Value> {
    if let Some(nested) = &layer.nested {
        return nested.inputs.first().and_then(|it| nested.input_layer(it)).and_then(input_shape);
    }
    let given = |key| layer.config.get(key).filter(|it| !it.is_null()).cloned();
    given("batch_shape").or_else(|| given("batch_input_shape"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_is_that_of_keras() {
        for (class, expected) in [
            ("Conv2D", "conv2d"),
            ("QConv2DBatchnorm", "q_conv2d_batchnorm"),
            ("QGRU", "qgru"),
            ("LSTM", "lstm"),
            ("GlobalMaxPooling1D", "global_max_pooling1d"),
            ("QDenseT", "q_dense_t"),
            ("ReLU", "re_lu"),
            ("PReLU", "p_re_lu"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("quantized_bits", "quantized_bits"),
            ("", ""),
        ] {
            assert_eq!(snake(class), expected);
        }
        assert_eq!(bare("HGQ>QDense"), "QDense");
    }
}
