//! From the integer graph to one scalar program: every unit unrolled.

use std::collections::BTreeMap;

use super::products::{Product, Products, Solution};
use super::{Datapath, Interval, Op, Port, Scope, Tensor, ValueId};
use crate::error::{Problem, Problems, Result};
use crate::fixed::{self, Type};
use crate::graph::NodeId;
use crate::rtl::cmvm::Budget;
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
    /// The adder graphs of all constant matrices.
    pub products: &'a mut Products,
}

impl Wiring<'_> {
    /// The value of an element of an operand, and its fractional bits.
    pub fn input(&self, operand: usize, element: usize) -> (ValueId, i32) {
        (self.inputs[operand][element], self.types[operand].format(element).frac())
    }

    /// Multiplies elements of the first operand by a constant matrix.
    pub fn multiply(&mut self, product: Product) -> Vec<ValueId> {
        let x: Vec<ValueId> = self.inputs[0][product.elements.clone()].to_vec();
        let Solution { graph, columns } = self.products.solution(self.types[0], product);
        let made = self.datapath.apply(&graph, &x);
        made[columns].to_vec()
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
pub fn lower(graph: &fixed::Graph, budget: Budget) -> Lowered {
    let mut datapath = Datapath::default();
    let mut values: BTreeMap<NodeId, Vec<ValueId>> = BTreeMap::new();
    let mut products = Products::new(graph, budget);
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
                    products: &mut products,
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
