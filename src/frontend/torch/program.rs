//! The program of the file: inputs, outputs and calls, linked by the names of tensors.
//!
//! After [`read`], every tensor has one source and is made before it is read, every argument is of a
//! kind that means something here, and calls that only check or compute sizes are gone. Symbols have
//! become numbers, for a batch of one.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::error::{CallError, TorchError};
use super::form::Extents;
use super::inputs::{self, Batch, Input};
use super::schema::{self, Name, Stored, TensorMeta, Union, User};
use super::symbol;
use crate::error::{Origin, Problem, Problems, Result};
use crate::source::Attr;

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arg {
    /// `None`.
    Nothing,
    /// A tensor.
    Tensor(String),
    /// A list of tensors, some of them `None`.
    Tensors(Vec<Option<String>>),
    /// Numbers, truth values, text and lists of them.
    Plain(Attr),
    /// An element type, by its number.
    Dtype(i64),
    /// Where and how the result lies in memory, which changes no value.
    Place,
}

/// A call of an operator.
#[derive(Debug)]
pub(super) struct Call {
    /// Its name in the graph.
    pub(super) node: String,
    /// `aten.linear.default`.
    pub(super) target: String,
    /// Arguments that are given.
    pub(super) args: BTreeMap<String, Arg>,
    /// Their names, in the order of the file, which is that of the declaration.
    pub(super) order: Vec<String>,
    /// Tensors made.
    pub(super) outputs: Vec<String>,
    /// The module that calls: its path in the model, empty for the model itself.
    pub(super) module: String,
}

impl Call {
    /// Names of the tensors that are read, in any order.
    pub(super) fn reads(&self) -> impl Iterator<Item = &String> {
        self.args.values().flat_map(|arg| match arg {
            Arg::Tensor(name) => std::slice::from_ref(name).iter().collect::<Vec<_>>(),
            Arg::Tensors(names) => names.iter().flatten().collect(),
            _ => Vec::new(),
        })
    }
}

/// A stored tensor that the graph reads.
#[derive(Debug)]
pub(super) struct Parameter {
    /// Its name in the graph.
    pub(super) tensor: String,
    /// Its name in the table of weights.
    pub(super) stored: String,
}

/// The program.
pub(super) struct Program {
    pub(super) inputs: Vec<Input>,
    pub(super) batch: Batch,
    pub(super) outputs: Vec<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) calls: Vec<Call>,
    /// Type and shape of every tensor, as the file has them.
    pub(super) metas: BTreeMap<String, TensorMeta>,
}

impl Program {
    /// The shape of a tensor, with its batch.
    pub(super) fn extents(&self, tensor: &str) -> std::result::Result<Extents, TorchError> {
        let no_meta = || TorchError::NoMeta { tensor: tensor.to_owned() };
        let meta = self.metas.get(tensor).ok_or_else(no_meta)?;
        Ok(Extents::of(&meta.sizes, &self.batch).map_err(CallError::from)?)
    }
}

/// Reads the program of a model.
pub(super) fn read(file: &str, program: schema::Program) -> Result<Program> {
    let schema::GraphModule { graph, signature } = program.graph_module;
    let mut reader = Reader { file, problems: Problems::default(), sources: BTreeSet::new() };
    let (users, parameters) = reader.inputs(signature.input_specs);
    let (inputs, batch) = inputs::read(file, users, &graph.tensor_values, &mut reader.problems);
    let sizes = Sizes { values: &graph.sym_int_values, batch: &batch };
    let calls = reader.calls(graph.nodes, &sizes);
    let outputs = reader.outputs(signature.output_specs);
    for (what, empty) in [("inputs", inputs.is_empty()), ("outputs", outputs.is_empty())] {
        if empty && reader.problems.0.is_empty() {
            reader.problem("", TorchError::Empty { what });
        }
    }
    let metas = graph.tensor_values;
    let program = Program { inputs, batch, outputs, parameters, calls, metas };
    reader.problems.into_result(program)
}

/// Sizes that nodes compute, for arguments that name them.
struct Sizes<'a> {
    values: &'a BTreeMap<String, schema::SymInt>,
    batch: &'a Batch,
}

/// Collects problems while reading.
struct Reader<'a> {
    file: &'a str,
    problems: Problems,
    sources: BTreeSet<String>,
}

impl Reader<'_> {
    fn problem(&mut self, at: &str, what: TorchError) {
        push(&mut self.problems, self.file, at, what);
    }

    /// Notes the source of a tensor; there may be no second one.
    fn source(&mut self, tensor: &str) {
        if !self.sources.insert(tensor.to_owned()) {
            self.problem("", TorchError::Redefined { tensor: tensor.to_owned() });
        }
    }

    /// The user's inputs, and the stored tensors that are inputs of the graph.
    fn inputs(&mut self, specs: Vec<Union>) -> (Vec<String>, Vec<Parameter>) {
        let (mut users, mut parameters) = (Vec::new(), Vec::new());
        for spec in specs {
            match input(spec) {
                Ok(Some(InputSpec::User(tensor))) => {
                    self.source(&tensor);
                    users.push(tensor);
                }
                Ok(Some(InputSpec::Stored(parameter))) => {
                    self.source(&parameter.tensor);
                    parameters.push(parameter);
                }
                Ok(None) => {}
                Err(what) => self.problem("", what),
            }
        }
        (users, parameters)
    }

    fn calls(&mut self, nodes: Vec<schema::Node>, sizes: &Sizes<'_>) -> Vec<Call> {
        let mut calls = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.into_iter().enumerate() {
            let name = node.name.clone().unwrap_or_else(|| format!("node_{index}"));
            match call(node, &name, sizes) {
                Ok(Some(call)) => {
                    let unknown = call.reads().find(|it| !self.sources.contains(*it)).cloned();
                    if let Some(tensor) = unknown {
                        self.problem(&name, TorchError::NoSource { tensor });
                    }
                    call.outputs.iter().for_each(|it| self.source(it));
                    calls.push(call);
                }
                Ok(None) => {}
                Err(what) => self.problem(&name, what),
            }
        }
        calls
    }

    fn outputs(&mut self, specs: Vec<Union>) -> Vec<String> {
        let mut outputs = Vec::new();
        for spec in specs {
            match output(spec) {
                Ok(tensor) if self.sources.contains(&tensor) => outputs.push(tensor),
                // What was wrong with its source has been said.
                Ok(_) if !self.problems.0.is_empty() => {}
                Ok(tensor) => self.problem("", TorchError::NoSource { tensor }),
                Err(what) => self.problem("", what),
            }
        }
        outputs
    }
}

/// Adds a problem with its help.
pub(super) fn push(problems: &mut Problems, file: &str, at: &str, what: TorchError) {
    let help = what.help();
    let problem = Problem::at(&Origin::new(file, at), what);
    problems.push(match help {
        Some(help) => problem.help(help),
        None => problem,
    });
}

enum InputSpec {
    User(String),
    Stored(Parameter),
}

/// One entry of the signature; `None` for a value that was fixed when the model was exported.
fn input(spec: Union) -> std::result::Result<Option<InputSpec>, TorchError> {
    let (kind, value) = only(spec, "model input")?;
    match kind.as_str() {
        "parameter" | "buffer" | "tensor_constant" => {
            let Stored { arg, stored_name } = part(value, "input specification")?;
            let parameter = Parameter { tensor: arg.name, stored: stored_name };
            Ok(Some(InputSpec::Stored(parameter)))
        }
        "user_input" => {
            let (kind, value) =
                only(part::<User>(value, "input specification")?.arg, "model input")?;
            match kind.as_str() {
                "as_tensor" => Ok(Some(InputSpec::User(part::<Name>(value, "model input")?.name))),
                // Numbers and flags are constants of the exported graph.
                "as_none" | "as_int" | "as_float" | "as_bool" | "as_string" => Ok(None),
                _ => Err(TorchError::Union { what: "model input", kind }),
            }
        }
        "constant_input" => Ok(None),
        _ => Err(TorchError::Union { what: "model input", kind }),
    }
}

/// The tensor of one output.
fn output(spec: Union) -> std::result::Result<String, TorchError> {
    let (kind, value) = only(spec, "model output")?;
    match kind.as_str() {
        "user_output" => {
            let (kind, value) =
                only(part::<User>(value, "output specification")?.arg, "model output")?;
            match kind.as_str() {
                "as_tensor" => Ok(part::<Name>(value, "model output")?.name),
                _ => Err(TorchError::Union { what: "model output", kind }),
            }
        }
        "buffer_mutation" | "parameter_mutation" | "user_input_mutation" => {
            let named = ["buffer_name", "parameter_name", "user_input_name"];
            let name = named.iter().find_map(|it| value.get(it)?.as_str()).unwrap_or_default();
            Err(TorchError::Mutation { name: name.to_owned(), kind })
        }
        _ => Err(TorchError::Union { what: "model output", kind }),
    }
}

/// One node; `None` if it computes sizes or checks something.
fn call(
    node: schema::Node,
    name: &str,
    sizes: &Sizes<'_>,
) -> std::result::Result<Option<Call>, TorchError> {
    let target = node.target.strip_prefix("torch.ops.").unwrap_or(&node.target).to_owned();
    if target.starts_with("higher_order.") {
        return Err(TorchError::ControlFlow { target });
    }
    let (mut outputs, mut sizes_only) = (Vec::new(), !node.outputs.is_empty());
    for output in node.outputs {
        let (kind, value) = only(output, "result")?;
        match kind.as_str() {
            "as_tensor" => outputs.push(part::<Name>(value, "result")?.name),
            "as_tensors" => {
                let names: Vec<Name> = part(value, "result")?;
                outputs.extend(names.into_iter().map(|it| it.name));
            }
            "as_sym_int" | "as_sym_bool" | "as_sym_float" => continue,
            "as_none" => {}
            _ => return Err(TorchError::Union { what: "result", kind }),
        }
        sizes_only = false;
    }
    let checks = ["_assert", "sym_constrain"]
        .iter()
        .any(|it| target.strip_prefix("aten.").is_some_and(|operator| operator.starts_with(it)));
    if sizes_only || (checks && outputs.is_empty()) {
        return Ok(None);
    }
    let mut args = BTreeMap::new();
    let order = node.inputs.iter().map(|it| it.name.clone()).collect();
    for argument in node.inputs {
        args.insert(argument.name, arg(argument.arg, &target, sizes)?);
    }
    let module = module(&node.metadata.nn_module_stack);
    Ok(Some(Call { node: name.to_owned(), target, args, order, outputs, module }))
}

/// The path of the innermost module: `L__self__,,m.Net;L__self__fc,fc,torch.nn.modules.linear.Linear`.
fn module(stack: &str) -> String {
    let last = stack.rsplit(';').next().unwrap_or_default();
    let path = last.split(',').nth(1).unwrap_or_default();
    if path.starts_with("_empty_nn_module_stack") { String::new() } else { path.to_owned() }
}

fn arg(argument: Union, target: &str, sizes: &Sizes<'_>) -> std::result::Result<Arg, TorchError> {
    let (kind, value) = only(argument, "argument")?;
    let what = "argument";
    Ok(match kind.as_str() {
        "as_none" => Arg::Nothing,
        "as_tensor" => Arg::Tensor(part::<Name>(value, what)?.name),
        "as_tensors" => {
            let names: Vec<Name> = part(value, what)?;
            Arg::Tensors(names.into_iter().map(|it| Some(it.name)).collect())
        }
        "as_optional_tensor" => match optional(part(value, what)?)? {
            Some(name) => Arg::Tensor(name),
            None => Arg::Nothing,
        },
        "as_optional_tensors" => {
            let all: Vec<Union> = part(value, what)?;
            Arg::Tensors(all.into_iter().map(optional).collect::<std::result::Result<_, _>>()?)
        }
        "as_int" | "as_float" | "as_bool" | "as_string" | "as_ints" | "as_floats" | "as_bools"
        | "as_strings" | "as_int_lists" | "as_float_lists" => {
            Arg::Plain(plain(value, kind.contains("float")))
        }
        "as_sym_int" | "as_sym_float" | "as_sym_bool" => {
            Arg::Plain(size(part(value, what)?, sizes)?)
        }
        "as_sym_ints" | "as_sym_floats" | "as_sym_bools" => {
            let all: Vec<Union> = part(value, what)?;
            let all = all.into_iter().map(|it| size(it, sizes));
            Arg::Plain(Attr::List(all.collect::<std::result::Result<_, _>>()?))
        }
        "as_scalar_type" => Arg::Dtype(part(value, what)?),
        "as_memory_format" | "as_layout" | "as_device" => Arg::Place,
        "as_graph" => return Err(TorchError::ControlFlow { target: target.to_owned() }),
        _ => return Err(TorchError::Union { what, kind }),
    })
}

fn optional(value: Union) -> std::result::Result<Option<String>, TorchError> {
    let (kind, value) = only(value, "argument")?;
    match kind.as_str() {
        "as_tensor" => Ok(Some(part::<Name>(value, "argument")?.name)),
        "as_none" => Ok(None),
        _ => Err(TorchError::Union { what: "argument", kind }),
    }
}

/// A number of a list with symbols in it; what is named is looked up.
fn size(value: Union, sizes: &Sizes<'_>) -> std::result::Result<Attr, TorchError> {
    let (kind, value) = only(value, "argument")?;
    match (kind.as_str(), &value) {
        ("as_name", Json::String(name)) => {
            let found = sizes.values.get(name);
            let found = found.ok_or_else(|| TorchError::NoSource { tensor: name.clone() })?;
            let dim = symbol::dim(found, &sizes.batch.symbols()).map_err(CallError::from)?;
            Ok(Attr::Int(dim.size))
        }
        ("as_int" | "as_float" | "as_bool", _) => Ok(plain(value, kind == "as_float")),
        _ => Err(TorchError::Union { what: "argument", kind }),
    }
}

/// JSON as an attribute. Floats that JSON has no number for are text.
fn plain(value: Json, float: bool) -> Attr {
    match value {
        Json::Null => Attr::Null,
        Json::Bool(value) => Attr::Bool(value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) if !float => Attr::Int(int),
            (_, float) => Attr::Float(float.unwrap_or(f64::NAN)),
        },
        Json::String(text) => match text.as_str() {
            "Infinity" if float => Attr::Float(f64::INFINITY),
            "-Infinity" if float => Attr::Float(f64::NEG_INFINITY),
            "NaN" if float => Attr::Float(f64::NAN),
            _ => Attr::Str(text),
        },
        Json::Array(items) => Attr::List(items.into_iter().map(|it| plain(it, float)).collect()),
        Json::Object(map) => {
            Attr::Map(map.into_iter().map(|(key, value)| (key, plain(value, float))).collect())
        }
    }
}

/// The one entry of a union.
fn only(union: Union, what: &'static str) -> std::result::Result<(String, Json), TorchError> {
    if union.len() != 1 {
        let kind = union.keys().cloned().collect::<Vec<_>>().join(" and ");
        return Err(TorchError::Union { what, kind });
    }
    union.into_iter().next().ok_or(TorchError::Union { what, kind: String::new() })
}

/// A part of the JSON as what it should be.
fn part<T: DeserializeOwned>(
    value: Json,
    what: &'static str,
) -> std::result::Result<T, TorchError> {
    serde_json::from_value(value).map_err(|source| TorchError::Part { what, source })
}
