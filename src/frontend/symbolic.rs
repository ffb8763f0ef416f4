//! Files of expressions, as symbolic regression finds them, in YAML or JSON:
//!
//! ```yaml
//! inputs: 3
//! expressions:
//!   - 2.5 * sin(x0) + x1 ^ 2
//!   - exp(-x2) * Max(x0, 0)
//! ```
//!
//! `lut_functions` tabulates functions of one number over a range, as hls4ml's symbolic backend does; what
//! calls one reads the entry below its operand, or the first or last entry outside of the range:
//!
//! ```yaml
//! lut_functions:
//!   sin_lut: {math_func: sin, range_start: -4, range_end: 4, table_size: 256}   # 1024, if not said
//! expressions: [2.5 * sin_lut(x0)]
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

/// Farthest end of a table's range, and most entries to a unit of the input.
const MOST: f64 = 1e6;

/// What is wrong with a file of expressions.
#[derive(Debug, thiserror::Error)]
enum SymbolicError {
    #[error(transparent)]
    Unread(NotRead),
    #[error("{key} is {found}, expected {expected}")]
    Wrong { key: String, found: String, expected: &'static str },
    #[error("there is no key {key} (supported: {known})")]
    Unknown { key: String, known: &'static str },
    #[error("{key} is missing")]
    Missing { key: String },
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
    let (mut count, mut texts, mut tables) = (None, None, BTreeMap::new());
    let entries = match tree {
        Tree::Map(entries) => entries,
        other => {
            fault(wrong("the file", &other, "a map"));
            Vec::new()
        }
    };
    for (key, value) in entries {
        match (&*key, value) {
            ("inputs", Tree::Int(it)) if (1..=MAX_ELEMENTS as i64).contains(&it) => {
                count = Some(it as usize);
            }
            ("inputs", other) => {
                fault(wrong("inputs", &other, "a number from 1 to 4096"));
                count = Some(1);
            }
            ("expressions", Tree::List(items))
                if (1..=MAX_ELEMENTS).contains(&items.len())
                    && items.iter().all(|it| matches!(it, Tree::Text(_))) =>
            {
                texts = Some(items.iter().map(plain).collect());
            }
            ("expressions", other) => {
                fault(wrong("expressions", &other, "a list of 1 to 4096 texts"));
                texts = Some(Vec::new());
            }
            ("lut_functions", Tree::Map(described)) => {
                for (name, entries) in described {
                    let table = table(&name, entries, &mut fault);
                    tables.insert(name, Attr::Map(table));
                }
            }
            ("lut_functions", other) => fault(wrong("lut_functions", &other, "a map of functions")),
            _ => fault(SymbolicError::Unknown { key, known: "inputs, expressions, lut_functions" }),
        }
    }
    for (key, missing) in [("inputs", count.is_none()), ("expressions", texts.is_none())] {
        if missing {
            problems.push(Problem::at(&at, SymbolicError::Missing { key: key.to_owned() }));
        }
    }
    problems.into_result(model(file, count.unwrap_or(1), texts.unwrap_or_default(), tables))
}

fn wrong(key: &str, found: &Tree, expected: &'static str) -> SymbolicError {
    SymbolicError::Wrong { key: key.to_owned(), found: found.to_string(), expected }
}

/// What a file says of one table: all four of its entries, numbers as such.
fn table(
    name: &str,
    entries: Tree,
    fault: &mut impl FnMut(SymbolicError),
) -> BTreeMap<String, Attr> {
    let mut table = BTreeMap::from([("table_size".to_owned(), Attr::Float(1024.0))]);
    let Tree::Map(entries) = entries else {
        fault(wrong(&format!("lut_functions: {name}"), &entries, "a map"));
        return table;
    };
    for (key, value) in entries {
        let place = format!("lut_functions: {name}: {key}");
        let number = match value {
            Tree::Int(it) => Some(it as f64),
            Tree::Float(it) => Some(it),
            _ => None,
        };
        let made = match (&*key, number, &value) {
            ("math_func", _, Tree::Text(function)) => Ok(Attr::Str(function.clone())),
            ("math_func", ..) => Err("the name of a function"),
            ("range_start" | "range_end", Some(it), _) if it.abs() <= MOST => Ok(Attr::Float(it)),
            ("range_start" | "range_end", ..) => Err("a number up to a million"),
            ("table_size", Some(it), _) if it.fract() == 0.0 && (2.0..=65536.0).contains(&it) => {
                Ok(Attr::Float(it))
            }
            ("table_size", ..) => Err("a number from 2 to 65536"),
            _ => {
                let known = "math_func, range_start, range_end, table_size";
                fault(SymbolicError::Unknown { key: place, known });
                continue;
            }
        };
        match made {
            Ok(made) => drop(table.insert(key, made)),
            Err(expected) => fault(wrong(&place, &value, expected)),
        }
    }
    for key in ["math_func", "range_start", "range_end"] {
        if !table.contains_key(key) {
            fault(SymbolicError::Missing { key: format!("lut_functions: {name}: {key}") });
        }
    }
    let number = |key: &str| match table.get(key) {
        Some(Attr::Float(it)) => Some(*it),
        _ => None,
    };
    if let (Some(start), Some(end), Some(entries)) =
        (number("range_start"), number("range_end"), number("table_size"))
        && (end - start) * MOST < entries
    {
        let place = format!("lut_functions: {name}: range_end");
        let expected = "a number above range_start, and at most a million entries from 0 to 1";
        fault(wrong(&place, &Tree::Float(end), expected));
    }
    table
}

fn plain(tree: &Tree) -> String {
    match tree {
        Tree::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

fn model(file: &str, count: usize, texts: Vec<String>, tables: BTreeMap<String, Attr>) -> RawModel {
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
        let tables = Attr::Map(tables.clone());
        let attrs = [("function", Attr::Str(text)), ("lut_functions", tables)];
        let attrs = Attrs::new(attrs.map(|(key, it)| (key.to_owned(), it)).into());
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
