//! Arguments of a function, found by position or name.

use crate::layers::axes::per_sample;
use crate::layers::{Constant, Import, Imported, LayerError, Operand};
use crate::source::{Attr, Tensor};

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    /// An operand of the node.
    Data(usize),
    /// A list with data in it.
    List(Vec<Argument>),
    /// Anything that the model holds.
    Value(Attr),
}

/// The arguments of a call.
#[derive(Debug)]
pub(super) struct Arguments<'c, 'a> {
    cx: &'c Import<'a>,
    positional: Vec<Argument>,
}

impl<'c, 'a> Arguments<'c, 'a> {
    /// Those of a node; nothing of it may have been read before.
    pub(super) fn of(cx: &'c Import<'a>) -> Arguments<'c, 'a> {
        let mut keyword_tensors = Vec::new();
        for (name, value) in cx.attrs().unread() {
            if name.starts_with("call:") && name != "call:args" {
                tensors(value, &mut keyword_tensors);
            }
        }
        let positional = match cx.attrs().get("call:args") {
            Some(Attr::List(told)) => told.iter().map(|it| argument(cx, it)).collect(),
            _ => {
                let count = cx.node.inputs.len().saturating_sub(keyword_tensors.len());
                (0..count).map(Argument::Data).collect()
            }
        };
        Arguments { cx, positional }
    }

    /// The positional arguments.
    pub(super) fn positional(&self) -> &[Argument] {
        &self.positional
    }

    /// An argument by keyword, configuration or position; null is none.
    pub(super) fn get(&self, position: usize, names: &[&str]) -> Option<Argument> {
        let keyword = |it: &&str| self.cx.attrs().get(&format!("call:{it}"));
        let named = |it: &&str| keyword(it).or_else(|| self.cx.attrs().get(it));
        let found = names.iter().find_map(named).map(|it| argument(self.cx, it));
        let found = found.or_else(|| self.positional.get(position).cloned());
        found.filter(|it| *it != Argument::Value(Attr::Null))
    }

    /// An argument that must be there.
    pub(super) fn need(
        &self,
        position: usize,
        names: &[&'static str],
    ) -> Result<Argument, LayerError> {
        let role = names.first().copied().unwrap_or("argument");
        self.get(position, names).ok_or(LayerError::Missing { role })
    }

    /// An argument that must be data.
    pub(super) fn data(
        &self,
        position: usize,
        names: &[&'static str],
    ) -> Result<usize, LayerError> {
        match self.need(position, names)? {
            Argument::Data(index) => Ok(index),
            _ => Err(LayerError::Operand { op: self.cx.op(), index: position, expected: "data" }),
        }
    }

    /// A number.
    pub(super) fn number(
        &self,
        position: usize,
        name: &'static str,
        names: &[&'static str],
        default: f64,
    ) -> Result<f64, LayerError> {
        match self.get(position, names) {
            None => Ok(default),
            Some(Argument::Value(Attr::Int(v))) => Ok(v as f64),
            Some(Argument::Value(Attr::Float(v))) => Ok(v),
            Some(other) => Err(self.cx.value_error(name, format!("{other:?}"), "a number")),
        }
    }

    /// A truth value.
    pub(super) fn flag(
        &self,
        position: usize,
        name: &'static str,
        default: bool,
    ) -> Result<bool, LayerError> {
        match self.get(position, &[name]) {
            None => Ok(default),
            Some(Argument::Value(Attr::Bool(v))) => Ok(v),
            Some(other) => Err(self.cx.value_error(name, format!("{other:?}"), "true, false")),
        }
    }

    /// Integers, or one; `None` if there is no such argument. A null in a list is -1.
    pub(super) fn ints(
        &self,
        position: usize,
        name: &'static str,
        names: &[&'static str],
    ) -> Result<Option<Vec<i64>>, LayerError> {
        let int = |it: &Attr| match it {
            Attr::Int(v) => Some(*v),
            Attr::Null => Some(-1),
            _ => None,
        };
        let found = match self.get(position, names) {
            None => return Ok(None),
            Some(found) => found,
        };
        let ints = match &found {
            Argument::Value(Attr::Int(v)) => Some(vec![*v]),
            Argument::Value(Attr::List(all)) => all.iter().map(int).collect(),
            _ => None,
        };
        let wrong = || self.cx.value_error(name, format!("{found:?}"), "integers");
        ints.map(Some).ok_or_else(wrong)
    }
}

/// The names of the tensors in an attribute.
fn tensors(value: &Attr, names: &mut Vec<String>) {
    match value {
        Attr::Map(map) => {
            if let (1, Some(Attr::Str(name))) = (map.len(), map.get("tensor")) {
                names.push(name.clone());
            }
        }
        Attr::List(items) => items.iter().for_each(|it| tensors(it, names)),
        _ => {}
    }
}

fn argument(cx: &Import<'_>, value: &Attr) -> Argument {
    match value {
        Attr::Map(map) => match (map.len(), map.get("tensor"), map.get("config")) {
            (1, Some(Attr::Str(name)), _) => {
                let place = cx.node.inputs.iter().position(|it| it.as_ref() == Some(name));
                place.map_or_else(|| Argument::Value(value.clone()), Argument::Data)
            }
            // A constant tensor of Keras 3.
            (_, _, Some(Attr::Map(config)))
                if matches!(map.get("class_name"),
                Some(Attr::Str(it)) if it == "__tensor__" || it == "__numpy__") =>
            {
                Argument::Value(config.get("value").cloned().unwrap_or(Attr::Null))
            }
            _ => Argument::Value(value.clone()),
        },
        Attr::List(items) => {
            let items: Vec<Argument> = items.iter().map(|it| argument(cx, it)).collect();
            match items.iter().all(|it| matches!(it, Argument::Value(_))) {
                true => Argument::Value(value.clone()),
                false => Argument::List(items),
            }
        }
        other => Argument::Value(other.clone()),
    }
}

/// Numbers in nested lists as a tensor.
pub(super) fn tensor(value: &Attr) -> Option<Tensor> {
    match value {
        Attr::Int(v) => Some(ndarray::arr0(*v as f64).into_dyn()),
        Attr::Float(v) => Some(ndarray::arr0(*v).into_dyn()),
        Attr::Bool(v) => Some(ndarray::arr0(f64::from(u8::from(*v))).into_dyn()),
        Attr::Tensor(value) => Some(Tensor::clone(value)),
        Attr::List(items) => {
            let parts: Vec<Tensor> = items.iter().map(tensor).collect::<Option<_>>()?;
            let views: Vec<_> = parts.iter().map(|it| it.view()).collect();
            ndarray::stack(ndarray::Axis(0), &views).ok()
        }
        _ => None,
    }
}

impl Argument {
    /// The argument as an operand; constants become layers. `rank` is that of the samples.
    pub(super) fn operand(
        &self,
        cx: &Import<'_>,
        rank: usize,
        made: &mut Imported,
    ) -> Result<Operand, LayerError> {
        match self {
            Argument::Data(index) => Ok(Operand::Input(*index)),
            Argument::Value(value) => {
                let value = tensor(value).and_then(|it| per_sample(&it, rank));
                let value = value.ok_or(LayerError::Operand {
                    op: cx.op(),
                    index: 0,
                    expected: "data or a constant that is the same for all samples",
                })?;
                Ok(made.add("constant", Constant { value }, &[]))
            }
            Argument::List(_) => {
                Err(LayerError::Operand { op: cx.op(), index: 0, expected: "data" })
            }
        }
    }
}
