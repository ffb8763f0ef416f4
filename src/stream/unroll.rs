//! Loops unrolled: hardware of its own for every step of the recurrent layers that ask for it.
//!
//! A loop of `n` steps becomes `n` graphs of one step each, in front of the division: a step reads its row of
//! the sequence (and multiplies it, if the products of the rows are all that the loop reads) and the state of
//! the step before, and what it leaves is one token. So the steps of several samples are under way at once,
//! each in a cell of its own, and nothing goes around. The bits are those of the loop.

use std::borrow::Cow;
use std::sync::Arc;

use crate::emulate::Emulator;
use crate::fixed::{Graph, Type};
use crate::graph::{Node, NodeId};
use crate::nn::Shape;
use crate::units::{Constant, Input, Mac, Reorder, Scan, Unit};

/// A graph whose recurrences in some layers are unrolled. The nodes that are left have their ids and types;
/// new ones come behind [`Graph::bound`].
pub fn unrolled<'g>(graph: &'g Graph, is_unrolled: &dyn Fn(&str) -> bool) -> Cow<'g, Graph> {
    let mut graph = Cow::Borrowed(graph);
    for id in graph.topo() {
        let node = graph.node(id);
        if let Unit::Scan(scan) = &node.op
            && scan.body.inputs.len() > scan.sequences
            && scan.sequences == 1
            && is_unrolled(&node.origin.node)
        {
            let scan = scan.clone();
            unroll(graph.to_mut(), id, &scan);
        }
    }
    if let Cow::Owned(graph) = &mut graph {
        graph.dead().into_iter().for_each(|it| graph.remove(it));
    }
    graph
}

/// The values that a step leaves, side by side: the parts of the state, and the row if it is none of them.
struct Left {
    /// The nodes of a body, each once.
    nodes: Vec<NodeId>,
    /// Where each of them begins.
    starts: Vec<usize>,
    /// By output of the body, the node.
    outputs: Vec<usize>,
}

impl Left {
    fn new(body: &Graph) -> Left {
        let (mut nodes, mut starts, mut outputs, mut next) =
            (Vec::new(), Vec::new(), Vec::new(), 0);
        for output in &body.outputs {
            let known = nodes.iter().position(|it| it == output);
            outputs.push(known.unwrap_or(nodes.len()));
            if known.is_none() {
                nodes.push(*output);
                starts.push(next);
                next += body.node(*output).ty.elements();
            }
        }
        Left { nodes, starts, outputs }
    }

    /// The first element of an output.
    fn start(&self, output: usize) -> u32 {
        self.starts[self.outputs[output]] as u32
    }
}

/// A graph that grows.
struct Writer<'a> {
    graph: &'a mut Graph,
    /// A node of the layer.
    of: Node<Unit, Type>,
    /// What names have in them: of steps that are alike the names are, too.
    step: String,
}

impl Writer<'_> {
    fn add(&mut self, part: &str, op: Unit, operands: &[NodeId]) -> NodeId {
        let types: Vec<&Type> = operands.iter().map(|it| &self.graph.node(*it).ty).collect();
        let ty = op.spec().output(&types);
        let name = format!("{}_step{}{part}", self.of.name, self.step);
        self.graph.add(Node { name, op, ty, origin: self.of.origin.clone() }, operands)
    }

    fn input(&mut self, part: &str, ty: Type) -> NodeId {
        let id = self.add(part, Input { ty }.into(), &[]);
        self.graph.inputs.push(id);
        id
    }

    /// Some elements of a node in a row, as a shape.
    fn slice(&mut self, part: &str, from: NodeId, start: u32, shape: Shape) -> NodeId {
        let count = shape.elements() as u32;
        let ty = &self.graph.node(from).ty;
        if ty.elements() == shape.elements() && ty.shape == shape {
            return from;
        }
        let map = (start..start + count).map(|it| (0, it)).collect();
        self.add(part, Reorder { map, shape }.into(), &[from])
    }

    /// Several nodes side by side.
    fn together(&mut self, part: &str, nodes: &[NodeId]) -> NodeId {
        if let [node] = nodes {
            return *node;
        }
        let count = |it: &NodeId| self.graph.node(*it).ty.elements() as u32;
        let element = |(at, id): (usize, &NodeId)| (0..count(id)).map(move |it| (at as u32, it));
        let map: Arc<[(u32, u32)]> = nodes.iter().enumerate().flat_map(element).collect();
        let shape = Shape(vec![map.len()]);
        self.add(part, Reorder { map, shape }.into(), nodes)
    }

    /// A row of a sequence: what another unrolled layer has made for it alone, or a part of a tensor.
    fn row(&mut self, sequence: NodeId, row: usize, elements: usize) -> NodeId {
        let first = row * elements;
        if let Unit::Reorder(reorder) = &self.graph.node(sequence).op {
            let map = &reorder.map[first..first + elements];
            let operands = self.graph.operands(sequence);
            let source = operands[map[0].0 as usize];
            let whole = self.graph.node(source).ty.elements() == elements;
            let same = |(at, it): (usize, &(u32, u32))| *it == (map[0].0, at as u32);
            if whole && map.iter().enumerate().all(same) {
                return source;
            }
        }
        self.slice("_row", sequence, first as u32, Shape(vec![elements]))
    }
}

/// What every step reads a row of.
struct Sequence {
    id: NodeId,
    /// Elements of a row.
    elements: usize,
    /// By what a row is multiplied first.
    product: Option<Mac>,
}

/// The sequence of a loop; the products of its rows are made step by step if nobody else reads them.
fn sequence(graph: &Graph, scan: NodeId, body: &Graph) -> Sequence {
    let id = graph.operands(scan)[0];
    let node = graph.node(id);
    let elements = body.node(body.inputs[0]).ty.elements();
    match &node.op {
        Unit::Mac(mac)
            if node.origin == graph.node(scan).origin
                && graph.users(id) == [scan]
                && !graph.outputs.contains(&id) =>
        {
            let id = graph.operands(id)[0];
            Sequence { id, elements: mac.n_in, product: Some(mac.clone()) }
        }
        _ => Sequence { id, elements, product: None },
    }
}

/// Puts steps in the place of a loop, whose node becomes the wiring that has their results.
fn unroll(graph: &mut Graph, id: NodeId, scan: &Scan) {
    let sequence = sequence(graph, id, &scan.body);
    let left = Left::new(&scan.body);
    let firsts = graph.operands(id)[1..].to_vec();
    let of = graph.node(id).clone();
    let is_constant = |it: &NodeId| matches!(graph.node(*it).op, Unit::Constant(_));
    let known: Option<Vec<Node<Unit, Type>>> =
        firsts.iter().map(|it| is_constant(it).then(|| graph.node(*it).clone())).collect();
    let mut made = Vec::with_capacity(scan.steps);
    for step in 0..scan.steps {
        let mut writer = Writer { graph: &mut *graph, of: of.clone(), step: step.to_string() };
        let row = if scan.backwards { scan.steps - 1 - step } else { step };
        let mut operands = vec![writer.row(sequence.id, row, sequence.elements)];
        let state = match (step, &known) {
            (0, Some(firsts)) => Before::Known(firsts),
            (0, None) => {
                operands.push(writer.together("_first", &firsts));
                Before::Parts((0..firsts.len()).map(|it| offset(&scan.body, it)).collect())
            }
            _ => {
                operands.push(made[step - 1]);
                Before::Parts((0..firsts.len()).map(|it| left.start(it)).collect())
            }
        };
        let types: Vec<Type> =
            operands.iter().map(|it| writer.graph.node(*it).ty.clone()).collect();
        let body = Arc::new(body(scan, &sequence, &left, &state, &types, &of));
        let sequences = operands.len();
        let own = Scan { body, steps: 1, sequences, backwards: false, every: false };
        made.push(writer.add("", own.into(), &operands));
    }
    let row = left.start(scan.body.outputs.len() - 1);
    let count = scan.body.node(scan.body.outputs[scan.body.outputs.len() - 1]).ty.elements() as u32;
    let rows = if scan.every { &made[..] } else { &made[scan.steps - 1..] };
    let elements = (0..rows.len() as u32).flat_map(|it| (row..row + count).map(move |at| (it, at)));
    let op = Reorder { map: elements.collect(), shape: of.ty.shape }.into();
    graph.rewrite(id, op, rows);
}

/// Elements in front of a part of the state.
fn offset(body: &Graph, part: usize) -> u32 {
    let states = body.inputs[1..=part].iter();
    states.map(|it| body.node(*it).ty.elements() as u32).sum()
}

/// The state in front of a step.
enum Before<'a> {
    /// Constants.
    Known(&'a [Node<Unit, Type>]),
    /// Where its parts begin in the operand that has them all.
    Parts(Vec<u32>),
}

/// What a node gives if all that it reads is constant: so is much of the first step, and a kernel must read
/// something that comes.
fn constant(
    graph: &Graph,
    node: &Node<Unit, Type>,
    operands: &[NodeId],
) -> Option<Node<Unit, Type>> {
    let is_constant = |it: &NodeId| matches!(graph.node(*it).op, Unit::Constant(_));
    let format = node.ty.common().filter(|_| !operands.is_empty())?;
    if !operands.iter().all(is_constant) {
        return None;
    }
    let mut alone = Graph::default();
    let known = operands.iter().map(|it| alone.add(graph.node(*it).clone(), &[]));
    let known: Vec<NodeId> = known.collect();
    alone.outputs = vec![alone.add(node.clone(), &known)];
    let values = Emulator::new(&alone).run(&[Vec::new()]).pop()?.into();
    let op = Constant { shape: node.ty.shape.clone(), values, format }.into();
    Some(Node { op, ..node.clone() })
}

/// A step: a row and the state before in, all that is left out.
fn body(
    scan: &Scan,
    sequence: &Sequence,
    left: &Left,
    state: &Before<'_>,
    types: &[Type],
    of: &Node<Unit, Type>,
) -> Graph {
    let old = &*scan.body;
    let mut graph = Graph::default();
    let mut writer = Writer { graph: &mut graph, of: of.clone(), step: String::new() };
    let mut now = vec![None; old.bound()];
    let mut x = writer.input("_x", types[0].clone());
    if let Some(product) = &sequence.product {
        x = writer.add("_inputs", product.clone().into(), &[x]);
    }
    let shape = |at: usize| old.node(old.inputs[at]).ty.shape.clone();
    now[old.inputs[0].index()] = Some(writer.slice("_own", x, 0, shape(0)));
    let before = types.get(1).map(|it| writer.input("_before", it.clone()));
    for (at, id) in old.inputs[1..].iter().enumerate() {
        let part = match (state, before) {
            (Before::Parts(starts), Some(before)) => {
                writer.slice(&format!("_part{at}"), before, starts[at], shape(1 + at))
            }
            (Before::Known(firsts), _) => writer.graph.add(firsts[at].clone(), &[]),
            (Before::Parts(_), None) => unreachable!("parts have an operand"),
        };
        now[id.index()] = Some(part);
    }
    for id in old.topo().into_iter().filter(|it| !old.inputs.contains(it)) {
        let operands = old.operands(id);
        let operands = operands.iter().map(|it| now[it.index()].expect("operands come first"));
        let operands: Vec<NodeId> = operands.collect();
        now[id.index()] = Some(match constant(writer.graph, old.node(id), &operands) {
            Some(known) => writer.graph.add(known, &[]),
            None => writer.graph.add(old.node(id).clone(), &operands),
        });
    }
    let nodes = left.nodes.iter().map(|it| now[it.index()].expect("all nodes are there"));
    let nodes: Vec<NodeId> = nodes.collect();
    let output = writer.together("_left", &nodes);
    graph.outputs = vec![output];
    graph
}
