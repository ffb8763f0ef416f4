//! Attributes: `AttributeProto` to [`Attr`].

use std::collections::BTreeMap;

use super::dtype::DataType;
use super::error::{AttrError, OnnxError};
use super::{proto, tensor};
use crate::source::Attr;

/// `AttributeProto.AttributeType`, as far as it is read.
mod kind {
    pub(super) const UNDEFINED: i32 = 0;
    pub(super) const FLOAT: i32 = 1;
    pub(super) const INT: i32 = 2;
    pub(super) const STRING: i32 = 3;
    pub(super) const TENSOR: i32 = 4;
    pub(super) const GRAPH: i32 = 5;
    pub(super) const FLOATS: i32 = 6;
    pub(super) const INTS: i32 = 7;
    pub(super) const STRINGS: i32 = 8;
    pub(super) const TENSORS: i32 = 9;
    pub(super) const GRAPHS: i32 = 10;
    pub(super) const SPARSE_TENSOR: i32 = 11;
    pub(super) const SPARSE_TENSORS: i32 = 12;
    pub(super) const TYPE: i32 = 13;
    pub(super) const TYPES: i32 = 14;
}

/// The attributes of a node, and the element types of those that are tensors.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    /// Attributes by name.
    pub(super) values: BTreeMap<String, Attr>,
    /// Element types of tensor attributes.
    pub(super) types: BTreeMap<String, DataType>,
}

/// Reads all attributes of a node, and collects what is wrong with them.
pub(super) fn decode_all(attrs: Vec<proto::Attribute>) -> (Attributes, Vec<OnnxError>) {
    let mut all = Attributes::default();
    let mut errors = Vec::new();
    for attr in attrs {
        let name = attr.name.clone();
        match decode(attr) {
            Err(source) => errors.push(OnnxError::Attr { name, source }),
            Ok(_) if all.values.contains_key(&name) => {
                errors.push(OnnxError::Attr { name, source: AttrError::Twice });
            }
            Ok((value, dtype)) => {
                all.types.extend(dtype.map(|it| (name.clone(), it)));
                all.values.insert(name, value);
            }
        }
    }
    (all, errors)
}

/// Whether the attribute holds a graph: the mark of control flow.
pub(super) fn is_graph(attr: &proto::Attribute) -> bool {
    matches!(kind_of(attr), kind::GRAPH | kind::GRAPHS)
}

fn decode(attr: proto::Attribute) -> Result<(Attr, Option<DataType>), AttrError> {
    if !attr.ref_attr_name.is_empty() {
        return Err(AttrError::Reference { name: attr.ref_attr_name });
    }
    let plain = |value| Ok((value, None));
    // Zero and empty values may be left out by the writer: the type says what is meant.
    match kind_of(&attr) {
        kind::FLOAT => plain(Attr::Float(f64::from(attr.f.unwrap_or_default()))),
        kind::INT => plain(Attr::Int(attr.i.unwrap_or_default())),
        kind::STRING => plain(text(attr.s.unwrap_or_default())?),
        kind::TENSOR => {
            let value = tensor::decode(&attr.t.unwrap_or_default())?;
            Ok((Attr::Tensor(Box::new(value.data.into_tensor())), Some(value.dtype)))
        }
        kind::FLOATS => plain(list(attr.floats, |it| Ok(Attr::Float(f64::from(it))))?),
        kind::INTS => plain(list(attr.ints, |it| Ok(Attr::Int(it)))?),
        kind::STRINGS => plain(list(attr.strings, text)?),
        kind::UNDEFINED => Err(AttrError::Kind { kind: "value of no type" }),
        kind::TENSORS => Err(AttrError::Kind { kind: "list of tensors" }),
        kind::GRAPH | kind::GRAPHS => Err(AttrError::Kind { kind: "graph" }),
        kind::SPARSE_TENSOR | kind::SPARSE_TENSORS => {
            Err(AttrError::Kind { kind: "sparse tensor" })
        }
        kind::TYPE | kind::TYPES => Err(AttrError::Kind { kind: "type" }),
        kind => Err(AttrError::Unknown { kind }),
    }
}

/// The type; files of the first IR versions leave it out, then the field that is set tells.
fn kind_of(attr: &proto::Attribute) -> i32 {
    match attr {
        _ if attr.kind != kind::UNDEFINED => attr.kind,
        _ if attr.g.is_some() => kind::GRAPH,
        _ if !attr.graphs.is_empty() => kind::GRAPHS,
        _ if attr.f.is_some() => kind::FLOAT,
        _ if attr.i.is_some() => kind::INT,
        _ if attr.s.is_some() => kind::STRING,
        _ if attr.t.is_some() => kind::TENSOR,
        _ if !attr.floats.is_empty() => kind::FLOATS,
        _ if !attr.ints.is_empty() => kind::INTS,
        _ if !attr.strings.is_empty() => kind::STRINGS,
        _ => kind::UNDEFINED,
    }
}

fn text(bytes: Vec<u8>) -> Result<Attr, AttrError> {
    String::from_utf8(bytes).map(Attr::Str).map_err(|_| AttrError::Text)
}

fn list<T>(items: Vec<T>, read: impl Fn(T) -> Result<Attr, AttrError>) -> Result<Attr, AttrError> {
    items.into_iter().map(read).collect::<Result<_, _>>().map(Attr::List)
}
