//! Files of expressions, as symbolic regression finds them, in YAML or JSON:
//!
//! ```yaml
//! inputs: 3
//! expressions:
//!   - 2.5 * sin(x0) + x1 ^ 2
//!   - exp(-x2) * Max(x0, 0)
//! ```
//!
//! The input `x` has elements `x0`, `x1` ..., the output `y` one for each expression. What can stand
//! in them is said in [`crate::layers`]' `own` module.

use std::collections::BTreeMap;

use crate::config::{NotRead, Tree};
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::source::{Attr, Attrs, Dialect, RawInput, RawModel, RawNode};

/// Longest file.
const MAX_BYTES: usize = 1 << 20;

/// Most inputs and most outputs.
const MAX_ELEMENTS: usize = 4096;

/// What is wrong with a file of expressions.
#[derive(Debug, thiserror::Error)]
enum SymbolicError {
    #[error(transparent)]
    Unread(NotRead),
    #[error("{key} is {found}, expected {expected}")]
    Wrong { key: &'static str, found: String, expected: &'static str },
    #[error("there is no key {key} (supported: inputs, expressions)")]
    Unknown { key: String },
    #[error("{key} is missing")]
    Missing { key: &'static str },
}

/// Whether the bytes are text with the key of such a file.
pub(super) fn is_symbolic(bytes: &[u8]) -> bool {
    let text = if bytes.len() > MAX_BYTES { None } else { std::str::from_utf8(bytes).ok() };
    let is_key = |line: &str| {
        let line = line.trim_start_matches(['{', '"', ' ', '\t']);
        line.strip_prefix("expressions").is_some_and(|it| it.starts_with([':', '"']))
    };
    text.is_some_and(|it| it.split(['\n', ',']).any(is_key))
}

/// Reads a file of expressions.
pub(super) fn load(file: &str, bytes: &[u8]) -> Result<RawModel> {
    let at = Origin::new(file, "");
    let tree = Tree::read(&String::from_utf8_lossy(bytes));
    let tree = tree.map_err(SymbolicError::Unread).locate(&at)?;
    let mut problems = Problems::default();
    let mut fault = |what: SymbolicError| problems.push(Problem::at(&at, what));
    let (mut count, mut texts) = (None, None);
    let entries = match tree {
        Tree::Map(entries) => entries,
        other => {
            let (key, found, expected) = ("the file", other.to_string(), "a map");
            fault(SymbolicError::Wrong { key, found, expected });
            Vec::new()
        }
    };
    for (key, value) in entries {
        match (&*key, value) {
            ("inputs", Tree::Int(it)) if (1..=MAX_ELEMENTS as i64).contains(&it) => {
                count = Some(it as usize);
            }
            ("inputs", other) => {
                let (found, expected) = (other.to_string(), "a number from 1 to 4096");
                fault(SymbolicError::Wrong { key: "inputs", found, expected });
                count = Some(1);
            }
            ("expressions", Tree::List(items))
                if (1..=MAX_ELEMENTS).contains(&items.len())
                    && items.iter().all(|it| matches!(it, Tree::Text(_))) =>
            {
                texts = Some(items.iter().map(plain).collect());
            }
            ("expressions", other) => {
                let (found, expected) = (other.to_string(), "a list of 1 to 4096 texts");
                fault(SymbolicError::Wrong { key: "expressions", found, expected });
                texts = Some(Vec::new());
            }
            _ => fault(SymbolicError::Unknown { key }),
        }
    }
    for (key, missing) in [("inputs", count.is_none()), ("expressions", texts.is_none())] {
        if missing {
            problems.push(Problem::at(&at, SymbolicError::Missing { key }));
        }
    }
    problems.into_result(model(file, count.unwrap_or(1), texts.unwrap_or_default()))
}

fn plain(tree: &Tree) -> String {
    match tree {
        Tree::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

fn model(file: &str, count: usize, texts: Vec<String>) -> RawModel {
    let node = |name: String, op: &str, inputs: Vec<String>, attrs| RawNode {
        dialect: Dialect::Symbolic,
        op: op.to_owned(),
        version: 1,
        inputs: inputs.into_iter().map(Some).collect(),
        outputs: vec![name.clone()],
        attrs,
        weights: BTreeMap::new(),
        name,
    };
    let several = texts.len() > 1;
    let name = |at: usize| if several { format!("y{at}") } else { "y".to_owned() };
    let names: Vec<String> = (0..texts.len()).map(name).collect();
    let mut nodes = Vec::new();
    for (name, text) in names.iter().zip(texts) {
        let attrs = Attrs::new(BTreeMap::from([("function".to_owned(), Attr::Str(text))]));
        nodes.push(node(name.clone(), "Expression", vec!["x".to_owned()], attrs));
    }
    if several {
        nodes.push(node("y".to_owned(), "Outputs", names, Attrs::default()));
    }
    RawModel {
        file: file.to_owned(),
        format: "Expressions (.yml, .json)",
        inputs: vec![RawInput { name: "x".to_owned(), shape: vec![count] }],
        outputs: vec!["y".to_owned()],
        nodes,
        constants: BTreeMap::new(),
        unused: Vec::new(),
    }
}
