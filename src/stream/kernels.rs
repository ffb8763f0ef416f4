//! Kernels while they are built: integer graphs on tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ProcessId, StreamId};
use crate::fixed::{Graph, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Constant, Input, Reorder, Unit};

/// A kernel, as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KernelId(pub(super) usize);

/// A kernel that still grows.
#[derive(Debug)]
pub(super) struct Kernel {
    /// Its place among the processes.
    pub(super) process: ProcessId,
    /// Tokens of a sample, at every port.
    pub(super) tokens: usize,
    /// The units so far.
    pub(super) graph: Graph,
    /// What is read, by stream.
    inputs: BTreeMap<StreamId, NodeId>,
    /// What others read.
    pub(super) exports: BTreeMap<NodeId, StreamId>,
}

impl Kernel {
    pub(super) fn new(process: ProcessId, tokens: usize) -> Kernel {
        let (inputs, exports) = (BTreeMap::new(), BTreeMap::new());
        Kernel { process, tokens, graph: Graph::default(), inputs, exports }
    }

    /// Adds a unit on behalf of a node of the whole graph.
    pub(super) fn add(
        &mut self,
        of: &Node<Unit, Type>,
        name: String,
        op: Unit,
        operands: &[NodeId],
    ) -> NodeId {
        let types: Vec<&Type> = operands.iter().map(|it| &self.graph.node(*it).ty).collect();
        let ty = op.spec().output(&types);
        self.graph.add(Node { name, op, ty, origin: of.origin.clone() }, operands)
    }

    /// The tokens of a stream; whether they are new here.
    pub(super) fn input(
        &mut self,
        of: &Node<Unit, Type>,
        stream: StreamId,
        name: &str,
        ty: &Type,
    ) -> (NodeId, bool) {
        if let Some(known) = self.inputs.get(&stream) {
            return (*known, false);
        }
        let taken = |it: &str, graph: &Graph| {
            graph.inputs.iter().any(|known| graph.node(*known).name == it)
        };
        let mut unique = name.to_owned();
        let mut count = 1;
        while taken(&unique, &self.graph) {
            count += 1;
            unique = format!("{name}_{count}");
        }
        let id = self.add(of, unique, Input { ty: ty.clone() }.into(), &[]);
        self.graph.inputs.push(id);
        self.inputs.insert(stream, id);
        (id, true)
    }

    /// A part of a constant.
    pub(super) fn constant(
        &mut self,
        of: &Node<Unit, Type>,
        constant: &Constant,
        elements: usize,
        shape: Shape,
    ) -> NodeId {
        let values = Arc::from(&constant.values[..elements]);
        let op = Constant { shape, values, format: constant.format };
        self.add(of, of.name.clone(), op.into(), &[])
    }

    /// The same elements under another shape.
    pub(super) fn shaped(&mut self, of: &Node<Unit, Type>, id: NodeId, shape: &Shape) -> NodeId {
        match &self.graph.node(id).ty.shape == shape {
            true => id,
            false => {
                let name = format!("{}_shape", of.name);
                self.add(of, name, Reorder::reshape(shape.clone()).into(), &[id])
            }
        }
    }
}
