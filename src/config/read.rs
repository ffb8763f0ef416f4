//! From a configuration file to [`Config`]: the sections and what may stand in them.
//!
//! All faults are collected, each with its path (`LayerName.fc1.Precisoin`) and the nearest known key.

use super::entry::Section;
use super::keys::{nearest, pascal_case, snake_case};
use super::tree::Tree;
use super::unused::{self, Unused};
use super::value::Kind;
use super::{Config, Warning};
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::hls;
use crate::precision::{Precision, Role};

impl Config {
    /// Reads hls4ml's configuration dictionary, or a whole `hls4ml_config.yml`, in YAML or JSON.
    ///
    /// # Errors
    /// All keys that nobody knows and all values that cannot be understood.
    pub fn read(file: &str, text: &str) -> Result<(Config, Vec<Warning>)> {
        let tree = Tree::read(text).locate(&Origin::new(file, ""))?;
        let config = Config { file: file.to_owned(), ..Config::default() };
        let mut reader =
            Reader { config, problems: Problems::default(), warnings: Vec::new(), input: None };
        reader.file(&tree);
        reader.finish();
        let Reader { config, problems, warnings, .. } = reader;
        problems.into_result((config, warnings))
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("unknown key")]
    Unknown,
    #[error("given twice, as another spelling of the same key")]
    Twice,
    #[error("is {found}, expected a map")]
    NotAMap { found: String },
    #[error("stands beside HLSConfig, which has its own")]
    Beside,
    #[error("cannot be auto")]
    Auto,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Ignored {
    #[error("{value} is ignored: {why}")]
    Value { value: String, why: &'static str },
    #[error("is ignored: no layer has this type")]
    Type,
    #[error("is ignored, as hls4ml ignores it: set result of the input layer instead")]
    Input,
    #[error("{backend} is not supported: {instead}")]
    Backend { backend: String, instead: &'static str },
}

pub(super) struct Reader {
    pub(super) config: Config,
    pub(super) problems: Problems,
    warnings: Vec<Warning>,
    /// `Model.Precision.input`, which stands for the result of every input.
    pub(super) input: Option<(String, Precision)>,
}

const FILE_KEYS: &[&str] = &[
    "hls_config",
    "model",
    "layer_type",
    "layer_name",
    "output_dir",
    "project_name",
    "backend",
    "part",
    "clock_period",
    "clock_uncertainty",
    "latency_cycles",
    "target_ii",
    "fit",
    "dsp",
    "lut_percent",
    "io_type",
    "compat",
    "keras_model",
    "keras_h5",
    "keras_json",
    "onnx_model",
    "pytorch_model",
    "writer_config",
];

const SECTIONS: &[&str] = &["model", "layer_type", "layer_name"];

impl Reader {
    pub(super) fn origin(&self, path: &str) -> Origin {
        Origin::new(&self.config.file, path)
    }

    pub(super) fn problem(
        &mut self,
        path: &str,
        what: impl std::error::Error + Send + Sync + 'static,
    ) {
        let problem = Problem::at(&self.origin(path), what);
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, path: &str, what: Ignored) {
        let warning = Warning::at(&self.origin(path), what);
        self.warnings.push(warning);
    }

    pub(super) fn unknown<'k>(
        &mut self,
        path: &str,
        key: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let problem = Problem::at(&self.origin(path), KeyError::Unknown);
        let problem = match nearest(&snake_case(key), known) {
            Some(known) => problem.help(format!("did you mean {}?", pascal_case(known))),
            None => problem,
        };
        self.problems.push(problem);
    }

    /// The entries of a map with their keys in snake case and their paths.
    pub(super) fn entries<'t>(
        &mut self,
        path: &str,
        tree: &'t Tree,
    ) -> Vec<(String, String, &'t Tree)> {
        let entries = self.named(path, tree);
        let mut seen = std::collections::BTreeSet::new();
        let mut out = Vec::new();
        for (key, path, value) in entries {
            let key = snake_case(key);
            match seen.insert(key.clone()) {
                true => out.push((key, path, value)),
                false => self.problem(&path, KeyError::Twice),
            }
        }
        out
    }

    /// The entries of a map whose keys are names, with their paths.
    pub(super) fn named<'t>(
        &mut self,
        path: &str,
        tree: &'t Tree,
    ) -> Vec<(&'t str, String, &'t Tree)> {
        match tree {
            Tree::Null => Vec::new(),
            Tree::Map(entries) => {
                let dot = if path.is_empty() { "" } else { "." };
                let entry = |(key, value): &'t (String, Tree)| {
                    (key.as_str(), format!("{path}{dot}{key}"), value)
                };
                entries.iter().map(entry).collect()
            }
            other => {
                self.problem(path, KeyError::NotAMap { found: other.to_string() });
                Vec::new()
            }
        }
    }

    /// A value of some kind; null leaves it open.
    pub(super) fn value<T>(&mut self, path: &str, tree: &Tree, kind: Kind<T>) -> Option<T> {
        match kind.read(tree) {
            Ok(value) => value,
            Err(error) => {
                self.problem(path, error);
                None
            }
        }
    }

    /// Whether the key is one of these; warns if its value is not a harmless one.
    pub(super) fn is_unused(
        &mut self,
        list: &[Unused],
        key: &str,
        path: &str,
        tree: &Tree,
    ) -> bool {
        let Some(unused) = list.iter().find(|it| it.key == key) else { return false };
        if !(unused.harmless)(tree) {
            self.warn(path, Ignored::Value { value: tree.to_string(), why: unused.why });
        }
        true
    }

    fn file(&mut self, tree: &Tree) {
        let entries = self.entries("", tree);
        let whole = entries.iter().any(|(key, ..)| key == "hls_config");
        for (key, path, tree) in entries {
            match key.as_str() {
                "hls_config" => self.hls_config(&path, tree),
                it if SECTIONS.contains(&it) && whole => self.problem(&path, KeyError::Beside),
                it if SECTIONS.contains(&it) => self.section(it, &path, tree),
                "output_dir" => self.config.output = self.value(&path, tree, Kind::TEXT),
                "project_name" => self.config.project = self.value(&path, tree, Kind::TEXT),
                "backend" => self.backend(&path, tree),
                "part" => self.config.part = self.value(&path, tree, Kind::TEXT),
                "clock_period" => self.config.clock_ns = self.value(&path, tree, Kind::PERIOD),
                "clock_uncertainty" => {
                    self.config.clock_uncertainty = self.value(&path, tree, Kind::UNCERTAINTY);
                }
                "latency_cycles" => {
                    self.config.latency_cycles = self.value(&path, tree, Kind::POSITIVE);
                }
                "target_ii" => self.config.target_ii = self.value(&path, tree, Kind::POSITIVE),
                "fit" => self.config.fit = self.value(&path, tree, Kind::BOOL).unwrap_or_default(),
                "dsp" => self.config.dsp = self.value(&path, tree, Kind::BLOCKS),
                "lut_percent" => self.config.lut_percent = self.value(&path, tree, Kind::PERCENT),
                "io_type" => {
                    self.config.io = self.value(&path, tree, Kind::IO).unwrap_or_default();
                }
                "compat" => self.compat(&path, tree),
                "keras_model" | "keras_h5" | "keras_json" | "onnx_model" | "pytorch_model" => {
                    if let Tree::Text(model) = tree {
                        self.config.source_model.get_or_insert_with(|| model.clone());
                    }
                }
                "writer_config" => {
                    for (key, path, tree) in self.entries(&path, tree) {
                        if !self.is_unused(unused::WRITER, &key, &path, tree) {
                            let known = unused::WRITER.iter().map(|it| it.key);
                            self.unknown(&path, &key, known);
                        }
                    }
                }
                _ if self.is_unused(unused::FILE, &key, &path, tree) => {}
                _ => {
                    let known = FILE_KEYS.iter().copied();
                    self.unknown(&path, &key, known.chain(unused::FILE.iter().map(|it| it.key)));
                }
            }
        }
    }

    fn hls_config(&mut self, path: &str, tree: &Tree) {
        for (key, path, tree) in self.entries(path, tree) {
            if SECTIONS.contains(&key.as_str()) {
                self.section(&key, &path, tree);
            } else if !self.is_unused(unused::HLS_CONFIG, &key, &path, tree) {
                let known = unused::HLS_CONFIG.iter().map(|it| it.key);
                self.unknown(&path, &key, SECTIONS.iter().copied().chain(known));
            }
        }
    }

    fn section(&mut self, key: &str, path: &str, tree: &Tree) {
        if key == "model" {
            self.config.model = self.entry(Section::Model, path, tree);
            return;
        }
        for (name, path, tree) in self.named(path, tree) {
            let entry = self.entry(Section::Layer, &path, tree);
            let map = match key {
                "layer_type" => &mut self.config.layer_type,
                _ => &mut self.config.layer_name,
            };
            map.insert(name.to_owned(), entry);
        }
    }

    pub(super) fn compat(&mut self, path: &str, tree: &Tree) {
        self.config.compat = self.value(path, tree, Kind::COMPAT).unwrap_or_default();
    }

    fn backend(&mut self, path: &str, tree: &Tree) {
        let Some(backend) = self.value(path, tree, Kind::TEXT) else { return };
        let unsupported = |instead| Ignored::Backend { backend: backend.clone(), instead };
        match backend.to_ascii_lowercase().as_str() {
            "vivadoaccelerator" => {
                self.warn(path, unsupported("a plain Vivado project is written"));
                self.config.hls = Some(hls::Tool::Vivado);
            }
            "libero" | "symbolicexpression" => {
                self.warn(path, unsupported("choose a tool with --hls"));
            }
            _ => self.config.hls = self.value(path, tree, Kind::HLS),
        }
    }

    /// What can only be judged when all keys are known.
    fn finish(&mut self) {
        if self.config.is_compat() && self.config.model.precision.default == Some(Precision::Auto) {
            self.problem("Model.Precision", KeyError::Auto);
        }
        // `Model.Precision.input` is the result of every input that says nothing of its own.
        let Some((path, precision)) = self.input.take() else { return };
        if self.config.is_compat() {
            return self.warn(&path, Ignored::Input);
        }
        let entry = self.config.layer_type.entry("Input".to_owned()).or_default();
        entry.precision.roles.entry(Role::Result).or_insert(precision);
    }
}
