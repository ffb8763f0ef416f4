//! Functions besides the top one: the lines for a graph of its own, a loop's body or a stream's kernel.

use std::collections::BTreeMap;

use super::view::{ArrayView, Builder, StepView, Value};
use crate::fixed::Graph;
use crate::graph::NodeId;

/// What of a builder belongs to the function that is being made.
struct Scope<'a> {
    graph: &'a Graph,
    values: BTreeMap<NodeId, Value>,
    sources: BTreeMap<(NodeId, usize), String>,
    inputs: Vec<ArrayView>,
    outputs: Vec<ArrayView>,
    steps: Vec<StepView>,
    dataflow: bool,
    interval: u64,
}

/// A function's arrays and lines.
pub(super) struct Body {
    /// What it reads.
    pub(super) inputs: Vec<ArrayView>,
    /// What it fills.
    pub(super) outputs: Vec<ArrayView>,
    /// How.
    pub(super) steps: Vec<StepView>,
    /// Cycles between two calls that the pragmas ask for.
    pub(super) interval: u64,
}

impl<'a> Builder<'a> {
    /// Changes places with the function being made.
    fn swap(&mut self, scope: &mut Scope<'a>) {
        use std::mem::swap;
        let view = &mut self.view;
        swap(&mut self.graph, &mut scope.graph);
        swap(&mut self.values, &mut scope.values);
        swap(&mut self.sources, &mut scope.sources);
        swap(&mut view.inputs, &mut scope.inputs);
        swap(&mut view.outputs, &mut scope.outputs);
        swap(&mut view.steps, &mut scope.steps);
        swap(&mut view.dataflow, &mut scope.dataflow);
        swap(&mut view.interval, &mut scope.interval);
    }

    /// The lines for a graph; `given` are types that values have already, `dataflow` says that the lines
    /// are tasks.
    pub(super) fn body(
        &mut self,
        graph: &'a Graph,
        given: &BTreeMap<NodeId, String>,
        dataflow: bool,
    ) -> Body {
        let mut scope = Scope {
            graph,
            values: BTreeMap::new(),
            sources: BTreeMap::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            steps: Vec::new(),
            dataflow,
            interval: 1,
        };
        self.swap(&mut scope);
        let order = graph.topo();
        self.values(&order, given);
        self.ports();
        order.iter().for_each(|id| self.step(*id));
        self.swap(&mut scope);
        let Scope { inputs, outputs, steps, interval, .. } = scope;
        Body { inputs, outputs, steps, interval }
    }
}
