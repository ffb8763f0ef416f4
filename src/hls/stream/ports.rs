//! Inputs and outputs: parameters of the top function, which processes read and write.

use super::Writer;
use crate::graph::NodeId;
use crate::hls::view::{ArrayView, value_format};
use crate::stream::{Kind, ProcessId, StreamId};

impl Writer<'_> {
    /// Names all ports before anything else gets a name.
    pub(super) fn ports(&mut self) {
        let inputs = self.named(&self.graph.inputs);
        let outputs = self.named(&self.graph.outputs);
        self.sinks = outputs.iter().map(|it| it.name.clone()).collect();
        self.builder.view.inputs = inputs;
        self.builder.view.outputs = outputs;
    }

    /// Ports of which not all is known.
    fn named(&mut self, ids: &[NodeId]) -> Vec<ArrayView> {
        let mut first = 0;
        let port = |id: &NodeId| {
            let node = self.graph.node(*id);
            let name = self.builder.names.claim(&node.name);
            let port = ArrayView { first, ..ArrayView::of(&name, "", &node.ty) };
            first += port.n;
            port
        };
        ids.iter().map(port).collect()
    }

    /// An input of the model: whoever reads it reads the port.
    pub(super) fn source(&mut self, id: ProcessId, at: usize) {
        let stream = self.flow.processes[id.0].outputs[0];
        let name = self.builder.view.inputs[at].name.clone();
        let unit = &self.graph.node(self.graph.inputs[at]).op;
        let format = value_format(unit, &self.flow.stream(stream).ty);
        let element = self.builder.define(&name, "t", format);
        self.define_token(stream, &element);
        let (ty, token) = self.carried(stream);
        let port = &mut self.builder.view.inputs[at];
        (port.ty, port.token) = (ty, Some(token));
        match self.flow.readers(stream)[..] {
            [only] if !matches!(self.flow.processes[only.0.0].kind, Kind::Sink(_)) => {
                self.ends.insert(only, name);
            }
            _ => self.branch(stream, &name),
        }
    }

    /// An output of the model: who makes it has written it already.
    pub(super) fn sink(&mut self, id: ProcessId, at: usize) {
        let (ty, token) = self.carried(self.flow.processes[id.0].inputs[0]);
        let port = &mut self.builder.view.outputs[at];
        (port.ty, port.token) = (ty, Some(token));
    }

    /// Types of what goes through a port.
    fn carried(&self, id: StreamId) -> (String, super::TokenView) {
        (self.channel(id).element.clone(), self.token_view(id))
    }
}
