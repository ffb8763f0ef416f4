//! From one entry of a configuration (the model, a class, a layer) to [`LayerConfig`].

use super::LayerConfig;
use super::keys::nearest;
use super::read::{Ignored, KeyError, Reader};
use super::tree::Tree;
use super::unused;
use super::value::Kind;
use crate::error::Problem;
use crate::precision::{Precision, Role};

/// Which keys of a layer's entry a section allows beyond those that every entry has.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Section {
    Model,
    Layer,
}

const MODEL_KEYS: &[&str] = &["compat", "width", "trace_output", "input_shape"];

/// Keys of a layer or a class that the model as a whole does not have.
const OWN_KEYS: &[&str] = &["weights"];

const LAYER_KEYS: &[&str] = &[
    "precision",
    "reuse_factor",
    "strategy",
    "table_size",
    "exp_table_size",
    "inv_table_size",
    "implementation",
    "skip",
    "parallelization_factor",
    "conv_implementation",
    "trace",
    "static",
];

impl Reader {
    pub(super) fn entry(&mut self, section: Section, path: &str, tree: &Tree) -> LayerConfig {
        let mut out = LayerConfig::default();
        let unused = if section == Section::Model { unused::MODEL } else { unused::LAYER };
        for (key, path, tree) in self.entries(path, tree) {
            match key.as_str() {
                "precision" => self.precision(section, &mut out, &path, tree),
                "reuse_factor" => out.reuse_factor = self.value(&path, tree, Kind::POSITIVE),
                "strategy" => out.strategy = self.value(&path, tree, Kind::STRATEGY),
                "table_size" => out.table_size = self.value(&path, tree, Kind::POSITIVE),
                "exp_table_size" => out.exp_table_size = self.value(&path, tree, Kind::POSITIVE),
                "inv_table_size" => out.inv_table_size = self.value(&path, tree, Kind::POSITIVE),
                "implementation" => self.implementation(&mut out, &path, tree),
                "skip" => out.skip = self.value(&path, tree, Kind::BOOL),
                "parallelization_factor" => {
                    out.parallelization_factor = self.value(&path, tree, Kind::POSITIVE);
                }
                "conv_implementation" => {
                    out.conv_implementation = self.value(&path, tree, Kind::CONV);
                }
                "trace" => out.trace = self.value(&path, tree, Kind::BOOL),
                "static" => out.is_static = self.value(&path, tree, Kind::BOOL),
                "trace_output" if section == Section::Model => {
                    out.trace = self.value(&path, tree, Kind::BOOL);
                }
                "weights" if section == Section::Layer => {
                    out.weights = self.value(&path, tree, Kind::WEIGHTS);
                }
                "compat" if section == Section::Model => self.compat(&path, tree),
                "width" if section == Section::Model => {
                    self.config.width = self.value(&path, tree, Kind::WIDTH);
                }
                "input_shape" if section == Section::Model => self.input_shapes(&path, tree),
                _ if self.is_unused(unused, &key, &path, tree) => {}
                _ => match key.strip_suffix("_t") {
                    Some(role) => self.attribute(&mut out, role, &path, tree),
                    None => {
                        let own = if section == Section::Model { MODEL_KEYS } else { OWN_KEYS };
                        let known = LAYER_KEYS.iter().chain(own).copied();
                        self.unknown(&path, &key, known.chain(unused.iter().map(|it| it.key)));
                    }
                },
            }
        }
        out
    }

    /// A softmax's kind; hls4ml's Quartus backend has the same key for convolutions.
    fn implementation(&mut self, out: &mut LayerConfig, path: &str, tree: &Tree) {
        if let Tree::Text(text) = tree
            && ["im2col", "winograd", "combination"].contains(&text.to_ascii_lowercase().as_str())
        {
            let why = "convolutions are built one way";
            return self.warn(path, Ignored::Value { value: tree.to_string(), why });
        }
        out.softmax = self.value(path, tree, Kind::SOFTMAX);
    }

    /// The shape of the only input, or those of inputs by name.
    fn input_shapes(&mut self, path: &str, tree: &Tree) {
        if !matches!(tree, Tree::Map(_)) {
            self.config.input_shapes.only = self.value(path, tree, Kind::SHAPE);
            return;
        }
        for (name, path, tree) in self.named(path, tree) {
            if let Some(shape) = self.value(&path, tree, Kind::SHAPE) {
                self.config.input_shapes.named.insert(name.to_owned(), shape);
            }
        }
    }

    fn precision(&mut self, section: Section, out: &mut LayerConfig, path: &str, tree: &Tree) {
        if !matches!(tree, Tree::Map(_)) {
            out.precision.default = self.value(path, tree, Kind::PRECISION);
            return;
        }
        for (key, path, tree) in self.entries(path, tree) {
            let role = key.strip_suffix("_t").unwrap_or(&key);
            match (role, section) {
                ("default", _) => {
                    out.precision.default = self.value(&path, tree, Kind::PRECISION);
                }
                ("maximum", Section::Model) => match self.value(&path, tree, Kind::PRECISION) {
                    Some(Precision::Auto) => self.problem(&path, KeyError::Auto),
                    Some(Precision::Fixed(format)) => self.config.maximum = Some(format),
                    None => {}
                },
                ("input", Section::Model) => {
                    let value = self.value(&path, tree, Kind::PRECISION);
                    self.input = value.map(|it| (path, it));
                }
                _ => {
                    if let Some(role) = self.role(role, &path)
                        && let Some(value) = self.value(&path, tree, Kind::PRECISION)
                    {
                        out.precision.roles.insert(role, value);
                    }
                }
            }
        }
    }

    fn attribute(&mut self, out: &mut LayerConfig, role: &str, path: &str, tree: &Tree) {
        if let Some(role) = self.role(role, path)
            && let Some(value) = self.value(path, tree, Kind::PRECISION)
        {
            out.precision.attributes.insert(role, value);
        }
    }

    fn role(&mut self, name: &str, path: &str) -> Option<Role> {
        // What hls4ml calls the weights of an embedding.
        let name = if name == "embeddings" { "weight" } else { name };
        let role = Role::ALL.into_iter().find(|it| it.name() == name);
        if role.is_none() {
            if unused::TYPES.contains(&name) {
                self.warn(path, Ignored::Type);
            } else {
                let known = Role::ALL.into_iter().map(Role::name);
                let problem = Problem::at(&self.origin(path), KeyError::Unknown);
                let help = match nearest(name, known.chain(["default", "maximum"])) {
                    Some(known) => format!("did you mean {known}?"),
                    None if name.ends_with('>') => "quote the types: 'fixed<16,6>'".to_owned(),
                    None => {
                        self.problems.push(problem);
                        return None;
                    }
                };
                self.problems.push(problem.help(help));
            }
        }
        role
    }
}
