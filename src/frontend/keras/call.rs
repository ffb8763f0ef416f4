//! `inbound_nodes`: how a layer is called, in the spelling of Keras 2 and of Keras 3.
//!
//! Both become a [`Call`]: positional and keyword arguments, each a tensor, a constant or a list.

use serde_json::{Map, Value};

use super::json;
use crate::source::Attr;

/// One output of one call of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Name of the layer.
    pub(super) layer: String,
    /// Which of its calls.
    pub(super) node: usize,
    /// Which of the outputs.
    pub(super) tensor: usize,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arg {
    /// A tensor.
    Tensor(Reference),
    /// Anything that does not depend on the model's inputs.
    Const(Attr),
    /// A list (or a dictionary, in the order of its keys) that holds tensors.
    List(Vec<Arg>),
}

impl Arg {
    /// Whether there is a constant in it.
    pub(super) fn has_constant(&self) -> bool {
        match self {
            Arg::Tensor(_) => false,
            Arg::Const(_) => true,
            Arg::List(items) => items.iter().any(Arg::has_constant),
        }
    }
}

/// A call of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Call {
    /// Positional arguments.
    pub(super) args: Vec<Arg>,
    /// Keyword arguments, null ones left out.
    pub(super) kwargs: Vec<(String, Arg)>,
}

impl Arg {
    /// The tensors in the argument, in order.
    pub(super) fn tensors(&self) -> Vec<&Reference> {
        match self {
            Arg::Tensor(reference) => vec![reference],
            Arg::Const(_) => Vec::new(),
            Arg::List(items) => items.iter().flat_map(Arg::tensors).collect(),
        }
    }

    fn list(items: Vec<Arg>) -> Arg {
        let constant = |it: &Arg| match it {
            Arg::Const(value) => Some(value.clone()),
            _ => None,
        };
        match items.iter().map(constant).collect() {
            Some(constants) => Arg::Const(Attr::List(constants)),
            None => Arg::List(items),
        }
    }
}

impl Call {
    /// All tensors the call reads, positional ones first.
    pub(super) fn tensors(&self) -> impl Iterator<Item = &Reference> {
        let kwargs = self.kwargs.iter().map(|(_, arg)| arg);
        self.args.iter().chain(kwargs).flat_map(Arg::tensors)
    }
}

/// The calls of a layer; `None` if the entry makes no sense.
pub(super) fn calls(inbound: Option<&Value>) -> Option<Vec<Call>> {
    match inbound {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(calls)) => calls.iter().map(call).collect(),
        Some(_) => None,
    }
}

/// The tensors of `input_layers` or `output_layers`: one, a list, or a dictionary.
pub(super) fn references(value: Option<&Value>) -> Option<Vec<Reference>> {
    let arg = arg_v2(value?);
    let found: Vec<_> = arg.tensors().into_iter().cloned().collect();
    (!has_constant(&arg)).then_some(found)
}

fn has_constant(arg: &Arg) -> bool {
    match arg {
        Arg::Tensor(_) => false,
        // An empty list is one of no tensors.
        Arg::Const(value) => *value != Attr::List(Vec::new()),
        Arg::List(items) => items.iter().any(has_constant),
    }
}

fn call(value: &Value) -> Option<Call> {
    match value {
        Value::Object(map) if map.contains_key("args") => Some(call_v3(map)),
        Value::Array(items) => Some(call_v2(items)),
        // A dictionary of tensors, Keras 2.
        Value::Object(_) => Some(Call { args: vec![arg_v2(value)], kwargs: Vec::new() }),
        _ => None,
    }
}

fn call_v3(map: &Map<String, Value>) -> Call {
    let args = match map.get("args") {
        Some(Value::Array(items)) => items.iter().map(arg_v3).collect(),
        Some(other) => vec![arg_v3(other)],
        None => Vec::new(),
    };
    let kwargs = match map.get("kwargs") {
        Some(Value::Object(kwargs)) => keywords(kwargs, arg_v3),
        _ => Vec::new(),
    };
    Call { args, kwargs }
}

/// `{"class_name": "__keras_tensor__", "config": {"keras_history": [layer, node, tensor]}}`
fn arg_v3(value: &Value) -> Arg {
    match value {
        Value::Array(items) => Arg::list(items.iter().map(arg_v3).collect()),
        Value::Object(map) => match json::text(map, "class_name") {
            Some("__keras_tensor__") => {
                let history = map.get("config").and_then(|it| it.get("keras_history"));
                match history.and_then(Value::as_array).and_then(|it| reference(it)) {
                    Some(reference) => Arg::Tensor(reference),
                    None => Arg::Const(json::attr(value)),
                }
            }
            Some(_) => Arg::Const(json::attr(value)),
            None => dictionary(map, arg_v3, value),
        },
        other => Arg::Const(json::attr(other)),
    }
}

/// A call is a list of `[layer, node, tensor, kwargs]`, or a single such quadruple (operations).
fn call_v2(items: &[Value]) -> Call {
    let (args, first) = match quadruple(items) {
        Some(arg) => (vec![arg], items.get(3)),
        None => (items.iter().map(arg_v2).collect(), items.first().and_then(|it| it.get(3))),
    };
    // The keyword arguments are repeated with every tensor.
    let kwargs = match first {
        Some(Value::Object(kwargs)) => keywords(kwargs, arg_v2),
        _ => Vec::new(),
    };
    Call { args, kwargs }
}

fn arg_v2(value: &Value) -> Arg {
    match value {
        Value::Array(items) => match quadruple(items) {
            Some(arg) => arg,
            None => Arg::list(items.iter().map(arg_v2).collect()),
        },
        Value::Object(map) if !map.contains_key("class_name") => dictionary(map, arg_v2, value),
        other => Arg::Const(json::attr(other)),
    }
}

/// `["dense", 0, 0]`, `["dense", 0, 0, {...}]` or `["_CONSTANT_VALUE", -1, 1.0, {...}]`.
fn quadruple(items: &[Value]) -> Option<Arg> {
    if items.len() > 4 || items.get(3).is_some_and(|it| !it.is_object()) {
        return None;
    }
    match items.first()?.as_str()? {
        "_CONSTANT_VALUE" => Some(Arg::Const(json::attr(items.get(2)?))),
        _ => reference(items.get(..3)?).map(Arg::Tensor),
    }
}

fn reference(items: &[Value]) -> Option<Reference> {
    let [layer, node, tensor] = items else { return None };
    let index = |it: &Value| it.as_u64().and_then(|it| usize::try_from(it).ok());
    let (node, tensor) = (index(node)?, index(tensor)?);
    Some(Reference { layer: layer.as_str()?.to_owned(), node, tensor })
}

/// Tensors in the order of their keys, as Keras flattens them; anything else is a constant.
fn dictionary(map: &Map<String, Value>, arg: fn(&Value) -> Arg, value: &Value) -> Arg {
    let mut keys: Vec<_> = map.keys().collect();
    keys.sort();
    match Arg::list(keys.into_iter().map(|key| arg(&map[key])).collect()) {
        Arg::Const(_) => Arg::Const(json::attr(value)),
        list => list,
    }
}

fn keywords(map: &Map<String, Value>, arg: fn(&Value) -> Arg) -> Vec<(String, Arg)> {
    map.iter()
        .map(|(key, value)| (key.clone(), arg(value)))
        .filter(|(_, value)| *value != Arg::Const(Attr::Null))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<Call> {
        calls(Some(&json::parse(text.as_bytes()).unwrap())).unwrap()
    }

    fn tensor(layer: &str, node: usize, tensor: usize) -> Arg {
        Arg::Tensor(Reference { layer: layer.to_owned(), node, tensor })
    }

    #[test]
    fn keras2_layer_calls() {
        let found =
            parse(r#"[[["a", 0, 0, {}], ["b", 1, 2, {}]], [["c", 0, 0, {"training": false}]]]"#);
        assert_eq!(found[0].args, [tensor("a", 0, 0), tensor("b", 1, 2)]);
        assert_eq!(found[1].args, [tensor("c", 0, 0)]);
        let training = ("training".to_owned(), Arg::Const(Attr::Bool(false)));
        assert_eq!(found[1].kwargs, [training]);
    }

    #[test]
    fn keras2_operation_calls() {
        let found = parse(
            r#"[["a", 0, 0, {"y": 0.5, "name": null}], ["_CONSTANT_VALUE", -1, 1.0, {"y": ["b", 0, 0]}],
                [["a", 0, 0, {"axis": -1}], ["b", 0, 0, {"axis": -1}]]]"#,
        );
        assert_eq!(found[0].args, [tensor("a", 0, 0)]);
        assert_eq!(found[0].kwargs, [("y".to_owned(), Arg::Const(Attr::Float(0.5)))]);
        assert_eq!(found[1].args, [Arg::Const(Attr::Float(1.0))]);
        assert_eq!(found[1].kwargs, [("y".to_owned(), tensor("b", 0, 0))]);
        assert_eq!(found[2].args, [tensor("a", 0, 0), tensor("b", 0, 0)]);
        assert_eq!(found[2].kwargs, [("axis".to_owned(), Arg::Const(Attr::Int(-1)))]);
    }

    #[test]
    fn keras3_calls() {
        let tensor_of = |name: &str| {
            format!(
                r#"{{"class_name": "__keras_tensor__",
                    "config": {{"shape": [null, 4], "keras_history": ["{name}", 0, 1]}}}}"#
            )
        };
        let (a, b) = (tensor_of("a"), tensor_of("b"));
        let found = parse(&format!(
            r#"[{{"args": [[{a}, {b}], 0.5], "kwargs": {{"mask": null, "value": {b}}}}},
                {{"args": [{{"z": {a}, "y": {b}}}, {{"class_name": "__slice__", "config": {{}}}}]}}]"#
        ));
        let pair = vec![tensor("a", 0, 1), tensor("b", 0, 1)];
        assert_eq!(found[0].args, [Arg::List(pair), Arg::Const(Attr::Float(0.5))]);
        assert_eq!(found[0].kwargs, [("value".to_owned(), tensor("b", 0, 1))]);
        let names: Vec<_> = found[1].tensors().map(|it| it.layer.as_str()).collect();
        assert_eq!(names, ["b", "a"], "dictionaries are flattened by key");
        assert!(matches!(&found[1].args[1], Arg::Const(Attr::Map(_))));
    }

    #[test]
    fn model_inputs_in_every_form() {
        let names = |text: &str| {
            let value = json::parse(text.as_bytes()).unwrap();
            let found = references(Some(&value))?;
            Some(found.into_iter().map(|it| it.layer).collect::<Vec<_>>())
        };
        assert_eq!(names(r#"["a", 0, 0]"#).unwrap(), ["a"]);
        assert_eq!(names(r#"[["a", 0, 0], ["b", 0, 0]]"#).unwrap(), ["a", "b"]);
        assert_eq!(names(r#"[[["a", 0, 0]]]"#).unwrap(), ["a"]);
        assert_eq!(names(r#"{"y": ["a", 0, 0], "x": ["b", 0, 0]}"#).unwrap(), ["b", "a"]);
        assert_eq!(names("[]").unwrap(), [""; 0]);
        assert_eq!(names(r#"["a", -1, 0]"#), None);
        assert_eq!(names("3"), None);
    }
}
