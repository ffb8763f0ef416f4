//! Names in the generated text: from the model where it has one, legal and unique.

use std::collections::BTreeSet;

use super::Module;
use crate::rtl::datapath::{Datapath, Port, ValueId};

/// Names of modules, ports and values.
#[derive(Clone, Debug)]
pub struct Names {
    /// The design; modules begin with it.
    pub design: String,
    /// The layers that became modules, without the design's name.
    pub layers: Vec<String>,
    /// Input ports, without prefix and suffix.
    pub inputs: Vec<String>,
    /// Output ports.
    pub outputs: Vec<String>,
    /// Tensors, as in [`Datapath::tensors`].
    tensors: Vec<String>,
    /// Tensor and element that a value is named after.
    element: Vec<Option<(u32, u32)>>,
}

impl Names {
    pub(super) fn new(datapath: &Datapath, layers: &[Module], design: &str) -> Names {
        let mut element = vec![None; datapath.len()];
        for (tensor, port) in datapath.tensors.iter().enumerate() {
            for (position, id) in port.elements.iter().enumerate() {
                element[id.index()].get_or_insert((tensor as u32, position as u32));
            }
        }
        let scopes = layers.iter().filter_map(|it| it.scope);
        let layer = scopes.map(|it| datapath.scopes[it.index()].name.as_str());
        let port = |it: &Port| it.name.clone();
        Names {
            design: sanitize(design),
            // The core and the wrappers have names of their own.
            layers: unique(layer, &["core", "axis", "tables"]),
            inputs: unique(datapath.inputs.iter().map(port), &["valid", "ready"]),
            outputs: unique(datapath.outputs.iter().map(port), &["valid", "ready"]),
            tensors: unique(datapath.tensors.iter().map(port), &[]),
            element,
        }
    }

    /// Name of a value: `tensor_element`, or `s` and its number.
    pub fn value(&self, id: ValueId) -> String {
        match self.element[id.index()] {
            Some((tensor, element)) => format!("{}_{element}", self.tensors[tensor as usize]),
            None => format!("s{}", id.index()),
        }
    }

    /// Tensor and element that a value is named after.
    pub fn element(&self, id: ValueId) -> Option<(&str, u32)> {
        self.element[id.index()].map(|(tensor, at)| (self.tensors[tensor as usize].as_str(), at))
    }
}

/// Legal names, all different from each other and from `taken`.
fn unique(names: impl IntoIterator<Item = impl AsRef<str>>, taken: &[&str]) -> Vec<String> {
    let mut taken: BTreeSet<String> = taken.iter().map(|it| (*it).to_owned()).collect();
    let mut fresh = |name: &str| {
        let base = sanitize(name);
        let mut name = base.clone();
        let mut count = 1;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{base}_v{count}");
        }
        name
    };
    names.into_iter().map(|it| fresh(it.as_ref())).collect()
}

/// A name in lower_snake_case: letters, digits and single underscores, a letter first. What is made
/// of it always gets a prefix or a suffix, so keywords need no care.
pub fn sanitize(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            text.push(c.to_ascii_lowercase());
        } else if !text.is_empty() && !text.ends_with('_') {
            text.push('_');
        }
    }
    let text = text.trim_end_matches('_');
    match text.chars().next() {
        None => "x".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("n{text}"),
        Some(_) => text.to_owned(),
    }
}
