//! One directed graph for all tensor-level representations.
//!
//! petgraph keeps the edges of a node unordered; operands are ordered, so the slot is the edge's
//! weight and this wrapper reads it back sorted. A node has one output; ids print as `%3`.

use std::collections::BTreeMap;
use std::fmt;

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

use crate::error::Origin;

/// A node of a [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(u32);

impl NodeId {
    /// The position in dense side tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a node computes (`op`), of which type its output is, and where it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node<Op, Ty> {
    /// Unique name within the graph.
    pub name: String,
    /// What is computed.
    pub op: Op,
    /// Type of the output.
    pub ty: Ty,
    /// Place in the user's model.
    pub origin: Origin,
}

/// A directed acyclic graph of nodes with ordered operands.
#[derive(Clone, Debug)]
pub struct Graph<Op, Ty> {
    /// Boxed, because a layer is large: a list that grows has all of it twice.
    inner: StableDiGraph<Box<Node<Op, Ty>>, u16>,
    /// Inputs of the model, in its order.
    pub inputs: Vec<NodeId>,
    /// Nodes whose values are the model's outputs, in its order; one may occur twice.
    pub outputs: Vec<NodeId>,
}

impl<Op, Ty> Default for Graph<Op, Ty> {
    fn default() -> Self {
        Graph { inner: StableDiGraph::default(), inputs: Vec::new(), outputs: Vec::new() }
    }
}

impl<Op, Ty> Graph<Op, Ty> {
    /// Adds a node that reads `operands` in this order.
    pub fn add(&mut self, node: Node<Op, Ty>, operands: &[NodeId]) -> NodeId {
        let id = self.inner.add_node(Box::new(node));
        for (slot, from) in operands.iter().enumerate() {
            self.inner.add_edge(raw(*from), id, slot as u16);
        }
        NodeId(id.index() as u32)
    }

    /// The node; ids are only made by this graph and stay valid until the node is removed.
    pub fn node(&self, id: NodeId) -> &Node<Op, Ty> {
        &self.inner[raw(id)]
    }

    /// The node, to change it in place.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node<Op, Ty> {
        &mut self.inner[raw(id)]
    }

    /// What `id` reads, in operand order.
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        let mut edges: Vec<_> = self
            .inner
            .edges_directed(raw(id), Direction::Incoming)
            .map(|edge| (*edge.weight(), edge.source()))
            .collect();
        edges.sort();
        edges.into_iter().map(|(_, from)| NodeId(from.index() as u32)).collect()
    }

    /// The nodes that read `id`, ascending, each once.
    pub fn users(&self, id: NodeId) -> Vec<NodeId> {
        let mut users: Vec<_> = self
            .inner
            .neighbors_directed(raw(id), Direction::Outgoing)
            .map(|to| NodeId(to.index() as u32))
            .collect();
        users.sort();
        users.dedup();
        users
    }

    /// Every node, operands before users; among equals the older first, so that order is stable.
    pub fn topo(&self) -> Vec<NodeId> {
        let mut waiting: BTreeMap<NodeIndex, usize> = self
            .inner
            .node_indices()
            .map(|id| (id, self.inner.edges_directed(id, Direction::Incoming).count()))
            .collect();
        let mut ready: std::collections::BTreeSet<NodeIndex> =
            waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
        let mut order = Vec::with_capacity(waiting.len());
        while let Some(id) = ready.pop_first() {
            order.push(NodeId(id.index() as u32));
            for edge in self.inner.edges_directed(id, Direction::Outgoing) {
                if let Some(count) = waiting.get_mut(&edge.target()) {
                    *count -= 1;
                    if *count == 0 {
                        ready.insert(edge.target());
                    }
                }
            }
        }
        order
    }

    /// Whether the node is still there.
    pub fn contains(&self, id: NodeId) -> bool {
        self.inner.contains_node(raw(id))
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.inner.node_count()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.inner.node_count() == 0
    }

    /// One more than the largest node index: the size of a dense side table.
    pub fn bound(&self) -> usize {
        self.inner.node_indices().next_back().map_or(0, |id| id.index() + 1)
    }

    /// Makes everything that read `old` (outputs too) read `new` instead.
    pub fn replace_uses(&mut self, old: NodeId, new: NodeId) {
        let edges: Vec<_> = self
            .inner
            .edges_directed(raw(old), Direction::Outgoing)
            .map(|edge| (edge.id(), edge.target(), *edge.weight()))
            .collect();
        for (edge, to, slot) in edges {
            self.inner.remove_edge(edge);
            self.inner.add_edge(raw(new), to, slot);
        }
        for output in &mut self.outputs {
            if *output == old {
                *output = new;
            }
        }
    }

    /// Makes a node compute something else, from other operands; those who read it stay.
    pub fn rewrite(&mut self, id: NodeId, op: Op, operands: &[NodeId]) {
        let edges = self.inner.edges_directed(raw(id), Direction::Incoming);
        for edge in edges.map(|it| it.id()).collect::<Vec<_>>() {
            self.inner.remove_edge(edge);
        }
        for (slot, from) in operands.iter().enumerate() {
            self.inner.add_edge(raw(*from), raw(id), slot as u16);
        }
        self.node_mut(id).op = op;
    }

    /// Removes a node that nothing reads.
    pub fn remove(&mut self, id: NodeId) {
        debug_assert!(self.users(id).is_empty(), "a node in use is never removed");
        self.inner.remove_node(raw(id));
    }

    /// The nodes from which no output can be reached, users before operands; inputs are kept.
    pub fn dead(&self) -> Vec<NodeId> {
        let mut live = vec![false; self.bound()];
        let order = self.topo();
        for id in self.outputs.iter().chain(&self.inputs) {
            live[id.index()] = true;
        }
        let mut dead = Vec::new();
        for id in order.into_iter().rev() {
            if live[id.index()] {
                self.operands(id).iter().for_each(|from| live[from.index()] = true);
            } else {
                dead.push(id);
            }
        }
        dead
    }
}

fn raw(id: NodeId) -> NodeIndex {
    NodeIndex::new(id.index())
}

/// The graph as plain lists, for files: nodes in topological order, operands by position.
#[derive(Serialize, Deserialize)]
struct Flat<Op, Ty> {
    nodes: Vec<(Node<Op, Ty>, Vec<u32>)>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
}

impl<Op: Serialize + Clone, Ty: Serialize + Clone> Serialize for Graph<Op, Ty> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let order = self.topo();
        let mut position = vec![0u32; self.bound()];
        order.iter().enumerate().for_each(|(at, id)| position[id.index()] = at as u32);
        let place = |ids: &[NodeId]| ids.iter().map(|id| position[id.index()]).collect();
        let nodes =
            order.iter().map(|id| (self.node(*id).clone(), place(&self.operands(*id)))).collect();
        Flat { nodes, inputs: place(&self.inputs), outputs: place(&self.outputs) }
            .serialize(serializer)
    }
}

impl<'de, Op: Deserialize<'de>, Ty: Deserialize<'de>> Deserialize<'de> for Graph<Op, Ty> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let flat = Flat::<Op, Ty>::deserialize(deserializer)?;
        let mut graph = Graph::default();
        let total = flat.nodes.len();
        for (at, (node, operands)) in flat.nodes.into_iter().enumerate() {
            if operands.iter().any(|from| *from as usize >= at) {
                return Err(D::Error::custom("a node reads one that comes after it"));
            }
            let operands: Vec<NodeId> = operands.into_iter().map(NodeId).collect();
            graph.add(node, &operands);
        }
        if flat.inputs.iter().chain(&flat.outputs).any(|id| *id as usize >= total) {
            return Err(D::Error::custom("an input or output names no node"));
        }
        graph.inputs = flat.inputs.into_iter().map(NodeId).collect();
        graph.outputs = flat.outputs.into_iter().map(NodeId).collect();
        Ok(graph)
    }
}
