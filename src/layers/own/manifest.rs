//! Reads descriptions of layers: all that is wrong with them, at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::ManifestError;
use super::{Declared, Framework, OwnLayer, OwnLayers};
use crate::config::{NotRead, Tree, nearest};
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::layers::{Expression, Lowering};

const KEYS: [&str; 10] = [
    "class",
    "framework",
    "operands",
    "attributes",
    "ignored",
    "weights",
    "function",
    "lowering",
    "kernel",
    "description",
];

impl OwnLayers {
    /// Reads a description, in YAML or JSON; `file` is its name in messages, and where it is: the
    /// files that it names are beside it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(file: &str, text: &str) -> Result<OwnLayers> {
        let at = Origin::new(file, "");
        let tree = Tree::read_names(text).map_err(Unread).locate(&at)?;
        let mut problems = Problems::default();
        let mut made = OwnLayers::default();
        let mut reader = Reader { file, place: String::new(), problems: &mut problems };
        for (key, value) in reader.map("the file", &tree) {
            match (key, value) {
                ("layers", Tree::List(items)) => {
                    for (number, item) in items.iter().enumerate() {
                        reader.place = format!("layer {}", number + 1);
                        let layer = reader.layer(item);
                        if let Some(layer) = layer {
                            let added = made.add(layer);
                            reader.problems.note(added);
                        }
                    }
                    reader.place = String::new();
                }
                ("layers", other) => reader.wrong("layers", other, "a list"),
                (key, _) => reader.unknown(key, &["layers"]),
            }
        }
        if problems.0.is_empty() && made.is_empty() {
            problems.push(Problem::at(&at, ManifestError::Missing { key: "layers" }));
        }
        problems.into_result(made)
    }
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Unread(NotRead);

pub(super) struct Reader<'a> {
    file: &'a str,
    /// The layer at hand.
    place: String,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Where the description is.
    pub(super) fn folder(&self) -> &Path {
        Path::new(self.file).parent().unwrap_or(Path::new(""))
    }

    pub(super) fn fault(&mut self, what: ManifestError) {
        let problem = Problem::at(&Origin::new(self.file, &self.place), what);
        self.problems.push(problem);
    }

    pub(super) fn wrong(&mut self, key: &str, found: &Tree, expected: &'static str) {
        let (key, found) = (key.to_owned(), found.to_string());
        self.fault(ManifestError::Wrong { key, found, expected });
    }

    pub(super) fn unknown(&mut self, key: &str, known: &[&'static str]) {
        let meant = nearest(key, known.iter().copied());
        let meant = known.iter().copied().find(|it| Some(*it) == meant);
        self.fault(ManifestError::Unknown { key: key.to_owned(), meant });
    }

    pub(super) fn map<'t>(&mut self, key: &str, tree: &'t Tree) -> Vec<(&'t str, &'t Tree)> {
        match tree {
            Tree::Map(entries) => entries.iter().map(|it| (it.0.as_str(), &it.1)).collect(),
            other => {
                self.wrong(key, other, "a map");
                Vec::new()
            }
        }
    }

    pub(super) fn text<'t>(&mut self, key: &str, tree: &'t Tree) -> Option<&'t str> {
        match tree {
            Tree::Text(text) => Some(text),
            other => {
                self.wrong(key, other, "text");
                None
            }
        }
    }

    /// A list of names.
    fn names(&mut self, key: &str, tree: Option<&Tree>) -> Vec<String> {
        let items = match tree {
            None => return Vec::new(),
            Some(Tree::List(items)) => items,
            Some(other) => {
                self.wrong(key, other, "a list of names");
                return Vec::new();
            }
        };
        items.iter().filter_map(|it| self.text(key, it)).map(str::to_owned).collect()
    }

    /// One of several words.
    fn word<T: Copy>(
        &mut self,
        key: &str,
        tree: Option<&Tree>,
        (words, expected): (&[(&str, T)], &'static str),
    ) -> Option<T> {
        let tree = tree?;
        let Tree::Text(text) = tree else {
            self.wrong(key, tree, expected);
            return None;
        };
        let found = words.iter().find(|it| it.0 == text).map(|it| it.1);
        if found.is_none() {
            self.wrong(key, tree, expected);
        }
        found
    }

    fn layer(&mut self, tree: &Tree) -> Option<OwnLayer> {
        let before = self.problems.0.len();
        let entries: BTreeMap<&str, &Tree> = self.map("the layer", tree).into_iter().collect();
        let get = |key: &str| entries.get(key).copied();
        let class = match get("class") {
            None => {
                self.fault(ManifestError::Missing { key: "class" });
                return None;
            }
            Some(class) => self.text("class", class)?.to_owned(),
        };
        self.place.clone_from(&class);
        for key in entries.keys().filter(|it| !KEYS.contains(it)) {
            self.unknown(key, &KEYS);
        }
        if let Some(text) = get("description") {
            self.text("description", text);
        }
        let frameworks =
            [("keras", Framework::Keras), ("onnx", Framework::Onnx), ("pytorch", Framework::Torch)];
        let framework =
            self.word("framework", get("framework"), (&frameworks, "keras, onnx or pytorch"));
        let lowerings =
            [("auto", Lowering::Auto), ("table", Lowering::Table), ("units", Lowering::Units)];
        let lowering = self.word("lowering", get("lowering"), (&lowerings, "auto, table or units"));
        let function = match get("function") {
            None => {
                self.fault(ManifestError::Missing { key: "function" });
                None
            }
            Some(text) => self.text("function", text).map(str::to_owned),
        };
        let function = function.and_then(|text| match Expression::parse(&text) {
            Ok(function) => Some(function),
            Err(error) => {
                self.fault(ManifestError::Function(error));
                None
            }
        });
        let ignored = self.names("ignored", get("ignored"));
        let weights = self.names("weights", get("weights"));
        let attributes = get("attributes").map_or_else(Vec::new, |it| self.attributes(it));
        let operands = match get("operands") {
            None => function.as_ref().map_or_else(Vec::new, default_operands),
            some => self.names("operands", some),
        };
        let kernel = get("kernel").and_then(|it| self.kernel(it));
        if kernel.is_some() && lowering.is_some() {
            self.fault(ManifestError::Lowering);
        }
        let layer = OwnLayer {
            file: self.file.to_owned(),
            class: class.rsplit('>').next().unwrap_or(&class).to_owned(),
            framework,
            operands,
            attributes: attributes.into_iter().collect(),
            ignored,
            weights,
            function: function?,
            lowering: lowering.unwrap_or_default(),
            kernel,
        };
        self.check(&layer);
        (self.problems.0.len() == before).then_some(layer)
    }

    fn attributes(&mut self, tree: &Tree) -> Vec<(String, Declared)> {
        let mut made = Vec::new();
        for (name, value) in self.map("attributes", tree) {
            let declared = match value {
                Tree::Null => Declared::Needed,
                Tree::Bool(is) => Declared::Number(f64::from(u8::from(*is))),
                Tree::Int(v) => Declared::Number(*v as f64),
                Tree::Float(v) if v.is_finite() => Declared::Number(*v),
                Tree::Text(text) => Declared::Text(text.clone()),
                other => {
                    self.wrong(name, other, "a number, text, or nothing if there is no default");
                    continue;
                }
            };
            made.push((name.to_owned(), declared));
        }
        made
    }

    /// Names that are used are declared, once, and what is declared is used.
    fn check(&mut self, layer: &OwnLayer) {
        let used = layer.function.names();
        let attributes = layer.attributes.iter();
        let numbers = attributes.filter(|it| !matches!(it.1, Declared::Text(_))).map(|it| it.0);
        if layer.kernel.is_some() {
            let others = used.iter().filter(|it| layer.operands.iter().all(|own| own != **it));
            let names: Vec<String> = others.map(|it| (*it).to_owned()).collect();
            if layer.operands.len() != 1 || !layer.weights.is_empty() || !names.is_empty() {
                self.fault(ManifestError::OneOperand);
            }
        }
        let mut seen = BTreeSet::new();
        for name in layer.operands.iter().chain(&layer.weights).chain(numbers) {
            if !is_name(name) {
                self.fault(ManifestError::Name { name: name.clone() });
            } else if !seen.insert(name.as_str()) {
                self.fault(ManifestError::Twice { name: name.clone() });
            }
        }
        for name in used.difference(&seen) {
            self.fault(ManifestError::Undeclared { name: (*name).to_owned() });
        }
        for (kind, names) in [("operand", &layer.operands), ("weight", &layer.weights)] {
            for name in names.iter().filter(|it| !used.contains(it.as_str())) {
                self.fault(ManifestError::Unused { kind, name: name.clone() });
            }
        }
        for (name, _) in layer.attributes.iter().filter(|it| *it.1 == Declared::Needed) {
            if !used.contains(name.as_str()) {
                let (kind, name) = ("attribute without default", name.clone());
                self.fault(ManifestError::Unused { kind, name });
            }
        }
    }
}

/// `x`, or `x0`, `x1` and so on up to the last that the function names.
fn default_operands(function: &Expression) -> Vec<String> {
    let names = function.names();
    let number = |it: &&str| it.strip_prefix('x').and_then(|it| it.parse::<usize>().ok());
    match names.iter().filter_map(number).max() {
        Some(last) if last < 64 => (0..=last).map(|it| format!("x{it}")).collect(),
        _ => vec!["x".to_owned()],
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|it| it.is_alphabetic() || it == '_');
    first && name != "pi" && chars.all(|it| it.is_alphanumeric() || it == '_')
}
