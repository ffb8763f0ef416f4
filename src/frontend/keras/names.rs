//! Names for nodes and tensors: each layer its own where possible, never one twice.

use std::collections::{BTreeMap, BTreeSet};

/// The names given so far, and those that layers have a first claim on.
pub(super) struct Names {
    claims: BTreeMap<String, usize>,
    taken: BTreeSet<String>,
    next: BTreeMap<String, usize>,
}

impl Names {
    /// Names of all layers that will ask for one.
    pub(super) fn new(layers: &[&str]) -> Names {
        let mut claims = BTreeMap::new();
        for layer in layers {
            *claims.entry((*layer).to_owned()).or_default() += 1;
        }
        Names { claims, taken: BTreeSet::new(), next: BTreeMap::new() }
    }

    /// The name for the first call of a layer, with the nested models it is in if another layer has
    /// the same.
    pub(super) fn own(&mut self, layer: &str, models: &[&str]) -> String {
        let shared = self.claims.get(layer).is_some_and(|it| *it > 1);
        let name = match shared && !models.is_empty() {
            true => format!("{}/{layer}", models.join("/")),
            false => layer.to_owned(),
        };
        match self.taken.insert(name.clone()) {
            true => name,
            false => self.another(&name),
        }
    }

    /// A name no layer claims, as similar as possible.
    pub(super) fn another_or_own(&mut self, name: &str) -> String {
        match !self.claims.contains_key(name) && self.taken.insert(name.to_owned()) {
            true => name.to_owned(),
            false => self.another(name),
        }
    }

    /// A name for one more call of a layer: `dense_1`.
    pub(super) fn another(&mut self, name: &str) -> String {
        let mut number = self.next.get(name).copied().unwrap_or(1);
        loop {
            let numbered = format!("{name}_{number}");
            number += 1;
            if !self.claims.contains_key(&numbered) && self.taken.insert(numbered.clone()) {
                self.next.insert(name.to_owned(), number);
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_given_once() {
        let mut names = Names::new(&["dense", "dense_1", "conv", "conv", "dense_relu"]);
        assert_eq!(names.own("dense", &["inner"]), "dense");
        assert_eq!(names.another("dense"), "dense_2");
        assert_eq!(names.own("dense_1", &[]), "dense_1");
        assert_eq!(names.another("dense"), "dense_3");
        assert_eq!(names.own("conv", &["a", "b"]), "a/b/conv");
        assert_eq!(names.own("conv", &[]), "conv");
        assert_eq!(names.own("conv", &[]), "conv_1");
        assert_eq!(names.another_or_own("dense_relu"), "dense_relu_1");
        assert_eq!(names.another_or_own("dense_tanh"), "dense_tanh");
        assert_eq!(names.another_or_own("dense_tanh"), "dense_tanh_1");
    }
}
