//! What the template prints: a graph as DSLX, every name chosen and every number written out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::names::{Names, comment};
use super::super::numbers::rows;
use super::super::view::value_format;
use super::process::ProcessView;
use super::text::{array, bits, element, parameters, point};
use crate::fixed::{Format, Graph, Type};
use crate::graph::NodeId;
use crate::units::hls::{HlsUnit, Ports, exact};

/// A network in DSLX, ready to print.
#[derive(Debug, Serialize)]
pub(super) struct View {
    /// The top function.
    pub(super) top: String,
    /// What the model is.
    pub(super) description: String,
    /// Modules of kernels, by their names.
    pub(super) modules: BTreeSet<String>,
    pub(super) constants: Vec<ConstantView>,
    /// The steps of loops, each behind those it calls, then the network.
    pub(super) functions: Vec<FunctionView>,
    /// Of a process of a dataflow the proc that calls them.
    pub(super) process: Option<ProcessView>,
}

/// `const NAME = TYPE:[rows];`, or one number.
#[derive(Debug, Serialize)]
pub(super) struct ConstantView {
    pub(super) name: String,
    pub(super) note: String,
    pub(super) ty: String,
    pub(super) rows: Vec<String>,
    pub(super) scalar: bool,
}

/// A function.
#[derive(Debug, Default, Serialize)]
pub(super) struct FunctionView {
    pub(super) note: String,
    pub(super) name: String,
    /// Names and types.
    pub(super) parameters: Vec<(String, String)>,
    /// One type, or those of a tuple.
    pub(super) result: String,
    pub(super) lines: Vec<LineView>,
    /// What it gives.
    pub(super) value: String,
    /// A loop around another function in place of lines.
    pub(super) around: Option<LoopView>,
}

/// `let NAME = ...;`
#[derive(Debug, Serialize)]
pub(super) struct LineView {
    pub(super) note: String,
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) what: LineOf,
}

/// The right-hand side of a line.
#[derive(Debug, Serialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub(super) enum LineOf {
    /// A call: a function, its parameters in angles if it has any, and its arguments.
    Call { function: String, generics: String, args: Vec<String> },
    /// An array of elements, each an expression.
    Items { ty: String, items: Vec<String> },
}

/// A loop over rows.
#[derive(Debug, Serialize)]
pub(super) struct LoopView {
    pub(super) step: String,
    pub(super) count: usize,
    pub(super) backwards: bool,
    pub(super) every: bool,
    /// Sequences: the parameter and the elements of a row.
    pub(super) sequences: Vec<(String, usize)>,
    /// The state: its name, its type, and what it is at first.
    pub(super) states: Vec<(String, String, String)>,
    /// Type of all rows, or of the last one, and elements of a row.
    pub(super) result: String,
    pub(super) element: String,
    pub(super) row: usize,
}

/// A value: its name, its elements' one format, and how many there are.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) n: usize,
}

impl Value {
    pub(super) fn ty(&self) -> String {
        array(self.format, self.n)
    }
}

pub(super) struct Builder {
    pub(super) names: Names,
    pub(super) view: View,
}

impl Builder {
    pub(super) fn new(name: &str, description: &str) -> Builder {
        let mut names = Names::dslx();
        let top = names.claim(name);
        let modules = BTreeSet::from(["nn_types".to_owned(), "nn_reorder".to_owned()]);
        let view = View {
            top,
            description: comment(description),
            modules,
            constants: Vec::new(),
            functions: Vec::new(),
            process: None,
        };
        Builder { names, view }
    }

    /// The network itself: ports are vectors in which elements lie as in those of the direct RTL.
    /// `ports` are their names.
    pub(super) fn network(&mut self, graph: &Graph, ports: &[String]) {
        let mut function = FunctionView::default();
        function.name.clone_from(&self.view.top);
        function.note.clone_from(&self.view.description);
        let mut given = BTreeMap::new();
        let mut lines = Vec::new();
        for (id, port) in graph.inputs.iter().zip(ports) {
            let node = graph.node(*id);
            let format = value_format(&node.op, &node.ty);
            let value = Value { name: port.clone(), format, n: node.ty.elements() };
            let (ty, line) = self.unpack(&value, &node.ty);
            function.parameters.push((port.clone(), ty));
            let name = line.as_ref().map_or(port.clone(), |it| it.name.clone());
            lines.extend(line);
            given.insert(*id, Value { name, ..value });
        }
        let (values, body) = self.lines(graph, given);
        lines.extend(body);
        let packed: Vec<(String, String)> = graph
            .outputs
            .iter()
            .map(|id| self.pack(&values[id], &graph.node(*id).ty, &mut lines))
            .collect();
        let (names, types): (Vec<String>, Vec<String>) = packed.into_iter().unzip();
        function.lines = lines;
        function.value = tuple(&names);
        function.result = tuple(&types);
        self.view.functions.push(function);
    }

    /// Type of an input, and the line that makes an array of it where elements have widths of their own.
    fn unpack(&mut self, value: &Value, ty: &Type) -> (String, Option<LineView>) {
        if ty.common().is_some() {
            return (value.ty(), None);
        }
        let mut all = 0;
        let item = |at: usize| {
            let format = ty.format(at);
            let (width, low) = (format.width, all);
            all += width;
            let part = format!("{}[u32:{low} +: {}]", value.name, bits(false, width));
            let own = match format.signed {
                true => format!("({part}) as {}", bits(true, width)),
                false => part,
            };
            cast(exact(value.format), format, &own)
        };
        let items = (0..value.n).map(item).collect();
        let what = LineOf::Items { ty: value.ty(), items };
        let note = "elements have widths of their own".to_owned();
        let name = self.names.part(&value.name, "elements");
        (format!("uN[{all}]"), Some(LineView { note, name, what }))
    }

    /// Expression and type of an output.
    fn pack(&mut self, value: &Value, ty: &Type, lines: &mut Vec<LineView>) -> (String, String) {
        if ty.common().is_some() {
            return (value.name.clone(), value.ty());
        }
        let name = self.names.part(&value.name, "bits");
        let item = |at: usize| {
            let format = ty.format(at);
            let own = cast(exact(format), value.format, &format!("{}[u32:{at}]", value.name));
            format!("{own} as {}", bits(false, format.width))
        };
        let args = (0..value.n).rev().map(item).collect();
        let all: u32 = (0..value.n).map(|it| ty.format(it).width).sum();
        let what = LineOf::Call { function: "concat".to_owned(), generics: String::new(), args };
        let note = "elements have widths of their own".to_owned();
        lines.push(LineView { note, name: name.clone(), what });
        (name, format!("uN[{all}]"))
    }

    /// The lines of a graph; some values are given.
    pub(super) fn lines(
        &mut self,
        graph: &Graph,
        given: BTreeMap<NodeId, Value>,
    ) -> (BTreeMap<NodeId, Value>, Vec<LineView>) {
        let mut values = given;
        let mut lines = Vec::new();
        for id in graph.topo() {
            let node = graph.node(id);
            let operands = graph.operands(id);
            let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
            let unit = node.op.hls(&Ports { inputs: &types, output: &node.ty });
            let shape = format!("{} ({}) {}", node.name, node.op.spec().name(), node.ty.shape);
            let note = comment(&shape);
            if matches!(unit, HlsUnit::Port) {
                continue;
            }
            let format =
                values.get(&id).map_or_else(|| value_format(&node.op, &node.ty), |it| it.format);
            let name = self.names.claim(&node.name);
            let value = Value { name, format, n: node.ty.elements() };
            let operands: Vec<Value> = operands.iter().map(|it| values[it].clone()).collect();
            let value = match unit {
                HlsUnit::Port => continue,
                HlsUnit::Constant(numbers) => {
                    Value { name: self.array(&value.name, &note, format, &numbers), ..value }
                }
                HlsUnit::Call(call) => {
                    let what = self.call(&call, &operands, &value, &note, &mut lines);
                    lines.push(LineView { note, name: value.name.clone(), what });
                    value
                }
                HlsUnit::Loop(about) => {
                    let (body, _) = node.op.body().expect("a loop has a body");
                    let function = self.repeat(body, about, &operands, &value, &note);
                    let args = operands.iter().map(|it| it.name.clone()).collect();
                    let what = LineOf::Call { function, generics: String::new(), args };
                    lines.push(LineView { note, name: value.name.clone(), what });
                    value
                }
            };
            values.insert(id, value);
        }
        (values, lines)
    }

    /// An array of constants; returns its name.
    pub(super) fn array(
        &mut self,
        of: &str,
        note: &str,
        format: Format,
        values: &[i128],
    ) -> String {
        let ty = array(format, values.len());
        self.constant(of, note, ty, rows(values.iter().map(i128::to_string)), false)
    }

    /// A constant; returns its name.
    pub(super) fn constant(
        &mut self,
        of: &str,
        note: &str,
        ty: String,
        rows: Vec<String>,
        scalar: bool,
    ) -> String {
        let name = self.names.part(of, "constant").to_uppercase();
        let name = name.strip_suffix("_CONSTANT").unwrap_or(&name).to_owned();
        let note = note.to_owned();
        self.view.constants.push(ConstantView { name: name.clone(), note, ty, rows, scalar });
        name
    }
}

/// One item, or a tuple of them.
pub(super) fn tuple(items: &[String]) -> String {
    match items {
        [one] => one.clone(),
        _ => format!("({})", items.join(", ")),
    }
}

/// An element in another format.
pub(super) fn cast(to: Format, from: Format, what: &str) -> String {
    format!("nn_types::cast<{}, {}>({what})", parameters(to), point(from))
}

/// The zero of a format.
pub(super) fn zeros(format: Format, n: usize) -> String {
    format!("{}:[{}:0, ...]", array(format, n), element(format))
}
