//! The variables that streams are: one from a process to its reader, several where several read.

use serde::Serialize;

use super::{TaskView, TokenView, Writer};
use crate::hls::view::CallView;
use crate::stream::{Kind, ProcessId, StreamId};

/// Words of a FIFO that nothing asks more of: enough for a word a cycle through registers.
pub(super) const DEPTH: usize = 2;

/// C++ types of a stream.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    /// Of an element.
    pub(super) element: String,
    /// Of a token.
    pub(super) token: String,
}

/// A local stream.
#[derive(Debug, Serialize)]
pub(super) struct ChannelView {
    name: String,
    token: String,
    depth: usize,
}

impl Writer<'_> {
    /// Types of a stream.
    pub(super) fn channel(&self, id: StreamId) -> &Channel {
        self.channels[id.0].as_ref().expect("processes come after those they read")
    }

    /// The variable that a process reads.
    pub(super) fn end(&self, reader: ProcessId, port: usize) -> String {
        self.ends[&(reader, port)].clone()
    }

    /// How a stream goes through a port.
    pub(super) fn token_view(&self, id: StreamId) -> TokenView {
        let (ty, stream) = (self.channel(id).token.clone(), self.flow.stream(id));
        TokenView { ty, size: stream.ty.elements(), count: stream.tokens }
    }

    /// Defines a stream's token, of elements of a type.
    pub(super) fn define_token(&mut self, id: StreamId, element: &str) {
        let size = self.flow.stream(id).ty.elements();
        let text = format!("nn::array<{element}, {size}>");
        let types = &mut self.builder.view.types;
        let token = match types.iter().find(|it| it.text == text) {
            Some(known) => known.name.clone(),
            None => {
                let stem = element.strip_suffix("_t").unwrap_or(element);
                let name = self.builder.names.part(stem, &format!("token{size}_t"));
                types.push(crate::hls::view::TypeView { name: name.clone(), text });
                name
            }
        };
        self.channels[id.0] = Some(Channel { element: element.to_owned(), token });
    }

    /// The variable for a stream that a process makes, of elements of a type.
    pub(super) fn offer(&mut self, id: StreamId, element: &str) -> String {
        self.define_token(id, element);
        match self.flow.readers(id)[..] {
            [only] => self.to(id, only),
            _ => {
                let trunk = self.local(id, DEPTH);
                self.branch(id, &trunk);
                trunk
            }
        }
    }

    /// The variable for one reader: the port of an output, or a local stream.
    fn to(&mut self, id: StreamId, reader: (ProcessId, usize)) -> String {
        let name = match self.flow.processes[reader.0.0].kind {
            Kind::Sink(at) => self.sinks[at].clone(),
            _ => self.local(id, self.depths.get(&reader).copied().unwrap_or(DEPTH)),
        };
        self.ends.insert(reader, name.clone());
        name
    }

    fn local(&mut self, id: StreamId, depth: usize) -> String {
        let wish = format!("{} stream", self.flow.stream(id).name);
        let name = self.builder.names.claim(&wish);
        let token = self.channel(id).token.clone();
        self.view.channels.push(ChannelView { name: name.clone(), token, depth });
        name
    }

    /// A variable's tokens to all readers of the stream, or to nobody.
    pub(super) fn branch(&mut self, id: StreamId, trunk: &str) {
        let readers = self.flow.readers(id);
        let stream = self.flow.stream(id);
        let (function, note) = match readers.len() {
            0 => ("nn::discard", "nobody reads it"),
            _ => ("nn::clone", "to every reader"),
        };
        let mut args = vec![trunk.to_owned()];
        args.extend(readers.into_iter().map(|it| self.to(id, it)));
        let template_args = vec![self.channel(id).token.clone(), stream.tokens.to_string()];
        let call = CallView { function: function.to_owned(), template_args, args };
        let note = super::super::names::comment(&format!("{}: {note}", stream.name));
        self.following.push(TaskView { note, call });
    }
}
