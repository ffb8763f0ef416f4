//! What the templates print: the graph with every name chosen and every number written out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::fold::{AddersView, LossyAccumulator};
use super::loops::LoopView;
use super::names::{Names, comment, tcl, word};
use super::numbers::type_text;
use super::stream::{StreamView, TokenView};
use super::{HlsOptions, Library, NoCommonType, Strategy, Tool};
use crate::error::{Problem, Problems, Result};
use crate::fixed::{Format, Graph, MAX_WIDTH, Type};
use crate::graph::NodeId;
use crate::units::Unit;
use crate::units::hls::{Hls, HlsUnit, Ports, exact};

/// A project, ready to print.
#[derive(Debug, Serialize)]
pub(super) struct View {
    /// Top function, and name of files.
    pub(super) top: String,
    /// What the model is.
    pub(super) description: String,
    pub(super) tool: &'static str,
    /// What says that a constant of the library's types is one.
    pub(super) keyword: &'static str,
    /// The function that hardware is made of, where it is not the top function itself.
    pub(super) wrapper: String,
    pub(super) part: String,
    pub(super) clock_ns: String,
    /// The whole megahertz that the clock has at least.
    pub(super) clock_mhz: u64,
    pub(super) clock_uncertainty: String,
    /// Cycles between samples.
    pub(super) interval: u64,
    /// Layers run as tasks of their own, instead of as one pipeline.
    pub(super) dataflow: bool,
    /// There are loops that stay loops, so the function is no pipeline.
    pub(super) rolled: bool,
    /// Kernel headers used, sorted.
    pub(super) headers: BTreeSet<&'static str>,
    /// Headers of the user's, by name, and what is in them.
    pub(super) own: BTreeMap<String, String>,
    pub(super) inputs: Vec<ArrayView>,
    pub(super) outputs: Vec<ArrayView>,
    /// Type definitions in order of use.
    pub(super) types: Vec<TypeView>,
    pub(super) configs: Vec<ConfigView>,
    pub(super) constants: Vec<ConstantView>,
    /// Functions of loops, each behind those it calls.
    pub(super) loops: Vec<LoopView>,
    pub(super) steps: Vec<StepView>,
    /// Tasks with streams between them, in place of steps.
    pub(super) stream: Option<StreamView>,
}

/// A `typedef`.
#[derive(Debug, Serialize)]
pub(super) struct TypeView {
    pub(super) name: String,
    pub(super) text: String,
}

/// An array of values.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ArrayView {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) n: usize,
    /// Elements of the ports before it.
    pub(super) first: usize,
    /// Nothing reads it.
    pub(super) unused: bool,
    /// How it goes through a port that is a stream.
    pub(super) token: Option<TokenView>,
}

impl ArrayView {
    /// An array for a tensor.
    pub(super) fn of(name: &str, ty: &str, tensor: &Type) -> ArrayView {
        let (name, ty) = (name.to_owned(), ty.to_owned());
        ArrayView { name, ty, n: tensor.elements(), first: 0, unused: false, token: None }
    }
}

/// A config struct.
#[derive(Debug, Serialize)]
pub(super) struct ConfigView {
    pub(super) name: String,
    pub(super) note: String,
    /// Member types: name, C++ type.
    pub(super) types: Vec<(String, String)>,
    /// Members: C++ type, name, value.
    pub(super) members: Vec<(&'static str, &'static str, String)>,
    pub(super) casts: Option<CastsView>,
    /// The function of the user's, as it is called.
    pub(super) kernel: Option<String>,
    /// The matrix as additions.
    pub(super) adders: Option<AddersView>,
}

/// Casts that differ from element to element.
#[derive(Debug, Serialize)]
pub(super) struct CastsView {
    pub(super) n: usize,
    /// The different types.
    pub(super) types: Vec<String>,
    /// Which type each element has, in rows.
    pub(super) rows: Vec<String>,
}

/// A constant.
#[derive(Debug, Serialize)]
pub(super) struct ConstantView {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) note: String,
    /// How it is written: `doubles`, `items` or `scalar`.
    pub(super) form: &'static str,
    pub(super) n: usize,
    pub(super) rows: Vec<String>,
}

/// A line of the top function: an array, what fills it, and its copies.
#[derive(Debug, Serialize)]
pub(super) struct StepView {
    pub(super) note: String,
    /// Name of the value.
    pub(super) name: String,
    pub(super) n: usize,
    pub(super) ty: String,
    /// The array, unless it is a port or a constant.
    pub(super) local: bool,
    pub(super) call: Option<CallView>,
    /// Arrays that readers of their own get, to be defined.
    pub(super) copies: Vec<String>,
    /// All arrays that the value is copied to.
    pub(super) copied_to: Vec<String>,
}

/// A call of a kernel or of a loop's function.
#[derive(Debug, Serialize)]
pub(super) struct CallView {
    /// With its namespace.
    pub(super) function: String,
    pub(super) template_args: Vec<String>,
    pub(super) args: Vec<String>,
}

/// Who reads a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// An operand of a unit.
    Slot(NodeId, usize),
    /// An output of the model, by position.
    Output(usize),
}

/// A value of the graph in C++.
pub(super) struct Value {
    /// The array.
    name: String,
    /// Its type.
    ty: String,
    readers: Vec<Reader>,
}

pub(super) struct Builder<'a> {
    pub(super) graph: &'a Graph,
    pub(super) options: &'a HlsOptions,
    pub(super) names: Names,
    pub(super) view: View,
    pub(super) warnings: Vec<Problem>,
    /// What cannot be written.
    pub(super) problems: Problems,
    pub(super) values: BTreeMap<NodeId, Value>,
    /// The array that an operand is read from, where it is not the value's own.
    pub(super) sources: BTreeMap<(NodeId, usize), String>,
    /// Loops are those of a task.
    pub(super) rolled: bool,
}

impl View {
    /// Arranges a graph whose data goes in and out in parallel.
    pub(super) fn new(graph: &Graph, options: &HlsOptions) -> Result<(View, Vec<Problem>)> {
        let order = graph.topo();
        check(graph, options, &order)?;
        let mut builder = Builder::new(graph, options);
        builder.rolled = has_resource(graph, options);
        builder.view.dataflow = builder.rolled && options.tool.has_tasks();
        builder.view.rolled = builder.rolled;
        builder.values(&order, &BTreeMap::new());
        builder.ports();
        order.iter().for_each(|id| builder.step(*id));
        builder.problems.into_result((builder.view, builder.warnings))
    }
}

impl<'a> Builder<'a> {
    /// A project without a line.
    pub(super) fn new(graph: &'a Graph, options: &'a HlsOptions) -> Builder<'a> {
        let mut names = Names::new();
        let top = names.claim(&options.name);
        let (keyword, wrapper) = match options.tool {
            Tool::Oneapi => ("NN_CONSTANT", "kernel"),
            _ => ("const", "component"),
        };
        let mut view = View {
            keyword,
            wrapper: names.part(&top, wrapper),
            top,
            description: description(options),
            tool: options.tool.name(),
            part: if options.tool.is_tcl() { tcl(&options.part) } else { word(&options.part) },
            clock_ns: format!("{:?}", options.clock_ns),
            clock_mhz: (1000.0 / options.clock_ns).ceil() as u64,
            clock_uncertainty: format!("{:?}", options.clock_uncertainty),
            interval: 1,
            dataflow: false,
            rolled: false,
            headers: BTreeSet::from(["nn_types.h", "nn_trace.h", "nn_reorder.h"]),
            own: BTreeMap::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            types: Vec::new(),
            configs: Vec::new(),
            constants: Vec::new(),
            loops: Vec::new(),
            steps: Vec::new(),
            stream: None,
        };
        if options.tool == Tool::Oneapi {
            // What goes through a pipe.
            view.headers.insert("nn_array.h");
        }
        Builder {
            graph,
            options,
            names,
            view,
            warnings: Vec::new(),
            problems: Problems::default(),
            values: BTreeMap::new(),
            sources: BTreeMap::new(),
            rolled: false,
        }
    }
}

fn description(options: &HlsOptions) -> String {
    match options.description.trim() {
        "" => comment(&format!("{}, made by nn2rtl", options.name)),
        description => comment(description),
    }
}

/// Whether a graph has a matrix in a strategy with a loop, be it in a loop's body.
pub(super) fn has_resource(graph: &Graph, options: &HlsOptions) -> bool {
    graph.topo().into_iter().any(|id| {
        let node = graph.node(id);
        if let Some((body, _)) = node.op.body() {
            return has_resource(body, options);
        }
        let Unit::Mac(mac) = &node.op else { return false };
        let folding = options.folding(&node.origin.node);
        let positions = (node.ty.elements() / mac.n_out.max(1)) as u64;
        matches!(folding.strategy, Strategy::Resource | Strategy::Unrolled)
            || folding.parallel(positions) < positions
    })
}

/// The one C++ type of a tensor's elements. Modes are kept where a kernel casts to the type and
/// where a test bench converts to it.
pub(super) fn value_format(unit: &Unit, ty: &Type) -> Format {
    match (unit, ty.common()) {
        (Unit::Reorder(_) | Unit::Constant(_) | Unit::Scan(_), Some(format)) => exact(format),
        (_, Some(format)) => format,
        (_, None) => exact(ty.union()),
    }
}

/// Finds what cannot be written.
pub(super) fn check(graph: &Graph, options: &HlsOptions, order: &[NodeId]) -> Result<()> {
    let mut problems = Problems::default();
    // A layer may have several matrices: one for each group of channels.
    let mut lossy = BTreeSet::new();
    for id in order {
        let node = graph.node(*id);
        if let Some((body, _)) = node.op.body() {
            problems.note(check(body, options, &body.topo()));
        }
        let distributed = options.folding(&node.origin.node).strategy == Strategy::Distributed;
        if let (true, Unit::Mac(mac)) = (distributed, &node.op)
            && !mac.is_exact(&graph.node(graph.operands(*id)[0]).ty)
            && lossy.insert(&*node.origin.node)
        {
            problems.push(Problem::at(&node.origin, LossyAccumulator { found: mac.accum }));
        }
        let bits = node.ty.union().width;
        if bits > MAX_WIDTH {
            let what = NoCommonType { name: node.name.clone(), bits };
            problems.push(Problem::at(&node.origin, what));
        }
    }
    problems.into_result(())
}

impl Builder<'_> {
    /// Names every value and its type, before anything else gets a name; some have a type already.
    pub(super) fn values(&mut self, order: &[NodeId], given: &BTreeMap<NodeId, String>) {
        let mut readers: BTreeMap<NodeId, Vec<Reader>> = BTreeMap::new();
        for id in order {
            for (slot, from) in self.graph.operands(*id).into_iter().enumerate() {
                readers.entry(from).or_default().push(Reader::Slot(*id, slot));
            }
        }
        for (at, id) in self.graph.outputs.iter().enumerate() {
            readers.entry(*id).or_default().push(Reader::Output(at));
        }
        let ids: Vec<(NodeId, String)> =
            order.iter().map(|id| (*id, self.names.claim(&self.graph.node(*id).name))).collect();
        for (id, name) in ids {
            let node = self.graph.node(id);
            let ty = match given.get(&id) {
                Some(ty) => ty.clone(),
                None => self.define(&name, "t", value_format(&node.op, &node.ty)),
            };
            let readers = readers.remove(&id).unwrap_or_default();
            self.values.insert(id, Value { name, ty, readers });
        }
    }

    /// The types of the C++.
    pub(super) fn library(&self) -> Library {
        self.options.tool.library()
    }

    /// A `typedef` for a format.
    pub(super) fn define(&mut self, of: &str, part: &str, format: Format) -> String {
        let name = self.names.part(of, part);
        self.view
            .types
            .push(TypeView { name: name.clone(), text: type_text(self.library(), format) });
        name
    }

    /// The ports. An output that only is one is computed right into its port; any other is copied.
    pub(super) fn ports(&mut self) {
        let mut first = 0;
        for id in &self.graph.inputs {
            let Value { name, ty, readers } = &self.values[id];
            let n = self.graph.node(*id).ty.elements();
            let unused = readers.is_empty();
            let (name, ty) = (name.clone(), ty.clone());
            self.view.inputs.push(ArrayView { name, ty, n, first, unused, token: None });
            first += n;
        }
        let mut first = 0;
        for id in &self.graph.outputs {
            let n = self.graph.node(*id).ty.elements();
            let value = &self.values[id];
            let name = match self.is_direct(*id) {
                true => value.name.clone(),
                false => self.names.part(&value.name, "out"),
            };
            let ty = value.ty.clone();
            self.view.outputs.push(ArrayView { name, ty, n, first, unused: false, token: None });
            first += n;
        }
    }

    /// Whether a value's array is an output port.
    fn is_direct(&self, id: NodeId) -> bool {
        let computed = !matches!(self.graph.node(id).op, Unit::Input(_) | Unit::Constant(_));
        computed && matches!(self.values[&id].readers[..], [Reader::Output(_)])
    }

    /// The lines for one node.
    pub(super) fn step(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        let operands = graph.operands(id);
        let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        let ports = Ports { inputs: &types, output: &node.ty };
        let unit = match (&node.op, self.library()) {
            // The user's C++ knows `ap_fixed` only; its table means the same.
            (Unit::External(it), Library::Ac) => it.tabulated().hls(&ports),
            (op, _) => op.hls(&ports),
        };
        let note = format!("{} ({}) {}", node.name, node.op.spec().name(), node.ty.shape);
        let note = comment(&note);
        let (mut name, ty) = (self.values[&id].name.clone(), self.values[&id].ty.clone());
        let call = match unit {
            HlsUnit::Port => None,
            HlsUnit::Constant(values) => {
                name = self.names.part(&name, "values");
                let format = value_format(&node.op, &node.ty);
                self.constant_value(&name, &ty, &note, format, &values);
                self.read_from(id, &name);
                None
            }
            HlsUnit::Call(call) => {
                let operands = self.arrays(id, &operands);
                let result = (name.as_str(), ty.as_str());
                Some(self.call(&node.origin, &note, &call, &operands, result))
            }
            HlsUnit::Loop(about) => {
                let operands = self.arrays(id, &operands);
                Some(self.repeat(id, &note, about, &operands, &ArrayView::of(&name, &ty, &node.ty)))
            }
        };
        let local = call.is_some() && !self.is_direct(id);
        let (copies, copied_to) = self.copies(id, &name);
        let n = node.ty.elements();
        self.view.steps.push(StepView { note, name, n, ty, local, call, copies, copied_to });
    }

    /// Array and type of each operand.
    fn arrays(&self, id: NodeId, operands: &[NodeId]) -> Vec<(String, String)> {
        let array = |(slot, from): (usize, &NodeId)| self.operand(id, slot, *from);
        operands.iter().enumerate().map(array).collect()
    }

    /// Array and type that an operand is read from.
    fn operand(&self, reader: NodeId, slot: usize, from: NodeId) -> (String, String) {
        let value = &self.values[&from];
        let array = self.sources.get(&(reader, slot)).unwrap_or(&value.name);
        (array.clone(), value.ty.clone())
    }

    /// Makes all units that read a value read an array.
    fn read_from(&mut self, id: NodeId, array: &str) {
        for reader in &self.values[&id].readers {
            if let Reader::Slot(by, slot) = reader {
                self.sources.insert((*by, *slot), array.to_owned());
            }
        }
    }

    /// The copies of a value: for output ports that it is not in, and, as tasks may not share an
    /// array, for every reader if layers are tasks and there are several.
    fn copies(&mut self, id: NodeId, name: &str) -> (Vec<String>, Vec<String>) {
        let readers = self.values[&id].readers.clone();
        let is_constant = matches!(self.graph.node(id).op, Unit::Constant(_));
        let each = self.view.dataflow && readers.len() > 1 && !is_constant;
        let (mut copies, mut copied_to) = (Vec::new(), Vec::new());
        for reader in readers {
            match reader {
                Reader::Output(_) if self.is_direct(id) => {}
                Reader::Output(at) => copied_to.push(self.view.outputs[at].name.clone()),
                Reader::Slot(by, slot) if each => {
                    let copy = self.names.part(name, "copy");
                    self.sources.insert((by, slot), copy.clone());
                    copies.push(copy.clone());
                    copied_to.push(copy);
                }
                Reader::Slot(..) => {}
            }
        }
        (copies, copied_to)
    }
}
