//! From the integer graph to one scalar program: every unit unrolled.

use std::collections::BTreeMap;

use super::{Datapath, Interval, Op, Port, Scope, Tensor, ValueId};
use crate::error::{Problem, Problems, Result};
use crate::fixed::{self, Type};
use crate::graph::NodeId;
use crate::rtl::cmvm::{self, AdderGraph, Effort, Source};
use crate::units::Unit;

/// Where a unit builds its scalar operations.
#[derive(Debug)]
pub struct Wiring<'a> {
    /// The program.
    pub datapath: &'a mut Datapath,
    /// Elements of the operands.
    pub inputs: Vec<&'a [ValueId]>,
    /// Types of the operands.
    pub types: Vec<&'a Type>,
    /// Type of the output.
    pub ty: &'a Type,
    /// Adder graphs found so far: one matrix is solved once, wherever it is used.
    pub solved: &'a mut Solved,
    /// How long to search for them.
    pub effort: Effort,
}

/// Adder graphs by inputs and matrix.
pub(crate) type Solved = BTreeMap<(Vec<Source>, Vec<i128>), AdderGraph>;

/// Additions that a sum may take beyond the least depth of a balanced tree.
const DELAY_LIMIT: u32 = 2;

impl Wiring<'_> {
    /// The value of an element of an operand, and its fractional bits.
    pub fn input(&self, operand: usize, element: usize) -> (ValueId, i32) {
        (self.inputs[operand][element], self.types[operand].format(element).frac())
    }

    /// Multiplies a vector by a constant matrix of `x.len()` rows.
    pub fn multiply(&mut self, x: &[ValueId], matrix: Vec<i128>) -> Vec<ValueId> {
        use super::Term;
        let source = |it: &ValueId| Source { interval: self.datapath.interval(*it), depth: 0 };
        let key = (x.iter().map(source).collect::<Vec<_>>(), matrix);
        let effort = self.effort;
        let graph = self.solved.entry(key).or_insert_with_key(|(inputs, matrix)| {
            let (n_in, n_out) = (inputs.len(), matrix.len() / inputs.len().max(1));
            let limit = Some(DELAY_LIMIT);
            cmvm::solve(&cmvm::Problem { matrix, n_in, n_out, inputs, limit, effort })
        });
        let mut values = x.to_vec();
        for add in &graph.adds {
            let a = Term { value: values[add.a], shift: add.shift_a, negate: add.negate_a };
            let b = Term { value: values[add.b], shift: add.shift_b, negate: add.negate_b };
            values.push(self.datapath.add(a, b));
        }
        let outputs = graph.outputs.iter().map(|it| match it {
            None => self.datapath.constant(0),
            Some(it) => {
                let value = self.datapath.shr(values[it.value], (-it.shift).max(0) as u32);
                let shift = it.shift.max(0) as u32;
                self.datapath.term(Term { value, shift, negate: it.negate })
            }
        });
        outputs.collect()
    }
}

/// A program and what each node of the graph became.
#[derive(Debug)]
pub struct Lowered {
    /// The program.
    pub datapath: Datapath,
    /// Elements of every node's output.
    pub values: BTreeMap<NodeId, Vec<ValueId>>,
}

/// Widest intermediate value of the direct path, bits: one less than a word has, for the carry.
pub const MAX_BITS: u32 = 126;

/// A unit whose values the direct path cannot hold.
#[derive(Debug, thiserror::Error)]
#[error("{name} needs {bits} bits for an intermediate value; the RTL path supports {MAX_BITS}")]
pub struct TooWide {
    /// The unit.
    pub name: String,
    /// Bits needed.
    pub bits: u32,
}

/// Checks that a graph can be unrolled.
///
/// # Errors
/// [`TooWide`] for every unit that needs more than [`MAX_BITS`].
pub fn check(graph: &fixed::Graph) -> Result<()> {
    let mut problems = Problems::default();
    for id in graph.topo() {
        let node = graph.node(id);
        let operands = graph.operands(id);
        let types: Vec<&Type> = operands.iter().map(|it| &graph.node(*it).ty).collect();
        let bits = node.op.spec().working_bits(&types, &node.ty);
        if bits > MAX_BITS {
            let what = TooWide { name: node.name.clone(), bits };
            problems.push(Problem::at(&node.origin, what).help("narrow the layer's precision"));
        }
    }
    problems.into_result(())
}

/// Unrolls a graph whose widths have been verified.
pub fn lower(graph: &fixed::Graph, effort: Effort) -> Lowered {
    let mut datapath = Datapath::default();
    let mut values: BTreeMap<NodeId, Vec<ValueId>> = BTreeMap::new();
    let mut solved = Solved::new();
    for id in graph.topo() {
        let node = graph.node(id);
        enter(&mut datapath, graph, id);
        let made = match &node.op {
            Unit::Input(_) => input(&mut datapath, graph, id),
            unit => {
                let operands = graph.operands(id);
                let mut wiring = Wiring {
                    datapath: &mut datapath,
                    inputs: operands.iter().map(|it| values[it].as_slice()).collect(),
                    types: operands.iter().map(|it| &graph.node(*it).ty).collect(),
                    ty: &node.ty,
                    solved: &mut solved,
                    effort,
                };
                unit.datapath(&mut wiring)
            }
        };
        let elements = made.iter().map(|it| Some(*it)).collect();
        datapath.tensors.push(Tensor { name: node.name.clone(), elements });
        values.insert(id, made);
    }
    for (idx, id) in graph.outputs.iter().enumerate() {
        let node = graph.node(*id);
        let again = graph.outputs[..idx].contains(id);
        let name = if again { format!("{}_{idx}", node.name) } else { node.name.clone() };
        datapath.outputs.push(port(&name, &values[id], &node.ty));
    }
    Lowered { datapath, values }
}

/// Units of one layer share its scope.
fn enter(datapath: &mut Datapath, graph: &fixed::Graph, id: NodeId) {
    let node = graph.node(id);
    let about = format!("{} {}", node.op.spec().name(), node.ty.shape);
    match datapath.scopes.last_mut() {
        Some(scope) if scope.origin == node.origin => {
            scope.about = format!("{}, {about}", scope.about);
        }
        _ => {
            let name = node.origin.node.to_string();
            datapath.enter(Scope { name, about, origin: node.origin.clone() });
        }
    }
}

fn port(name: &str, elements: &[ValueId], ty: &Type) -> Port {
    let slot = |it: usize| (ty.format(it).width, ty.format(it).signed);
    Port {
        name: name.to_owned(),
        elements: elements.to_vec(),
        slots: (0..elements.len()).map(slot).collect(),
    }
}

fn input(datapath: &mut Datapath, graph: &fixed::Graph, id: NodeId) -> Vec<ValueId> {
    let ty = &graph.node(id).ty;
    let index = datapath.inputs.len() as u32;
    let elements: Vec<ValueId> = (0..ty.elements())
        .map(|element| {
            let format = ty.format(element);
            let interval = Interval::new(format.min(), format.max());
            datapath.push(Op::Input(index, element as u32), interval)
        })
        .collect();
    datapath.inputs.push(port(&graph.node(id).name, &elements, ty));
    elements
}
