//! Reads what a description says of a function in C++ and SystemVerilog.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::ManifestError;
use super::manifest::Reader;
use crate::config::Tree;
use crate::fixed::{Format, MAX_SHIFT, Mantissas};
use crate::precision::{Precision, parse_precision};
use crate::units::{Kernel, SourceFile};

/// Keys of a kernel; all but the latency are needed.
const KEYS: [&str; 8] =
    ["cpp", "function", "sv", "module", "latency", "delay_ns", "operand", "result"];

/// More cycles than any pipeline of one function has.
const MOST_LATENCY: i64 = 64;

/// Longest path that is believed, ns.
const MOST_DELAY: f64 = 1000.0;

/// Behind a function, if it is a template over both types.
const TYPES: &str = "<operand, result>";

/// Beginning of modules of nn2rtl's own.
const OURS: &str = "nn_";

/// A kernel of a description, and its results once the C++ has been asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnKernel {
    /// What is described.
    pub kernel: Arc<Kernel>,
    /// The results, by the bits of the operand.
    #[serde(skip)]
    pub table: Option<Mantissas>,
}

impl Reader<'_> {
    /// A kernel; files are beside the description.
    pub(super) fn kernel(&mut self, tree: &Tree) -> Option<OwnKernel> {
        let entries = self.map("kernel", tree);
        for (key, _) in entries.iter().filter(|it| !KEYS.contains(&it.0)) {
            self.unknown(key, &KEYS);
        }
        let get = |key: &str| entries.iter().find(|it| it.0 == key).map(|it| it.1);
        for key in KEYS.into_iter().filter(|it| *it != "latency" && get(it).is_none()) {
            self.fault(ManifestError::Missing { key });
        }
        let cpp = get("cpp").and_then(|it| self.source("cpp", it, &[".h", ".hpp"]));
        let sv = get("sv").and_then(|it| self.source("sv", it, &[".sv", ".v"]));
        let function = get("function").and_then(|it| self.function(it));
        let module = get("module").and_then(|it| self.module(it));
        if let (Some(sv), Some(module)) = (&sv, &module)
            && !has_module(&sv.text, module)
        {
            let (file, module) = (sv.name.clone(), module.clone());
            self.fault(ManifestError::NoModule { file, module });
        }
        let latency = match get("latency") {
            None => Some(0),
            Some(Tree::Int(cycles @ 0..=MOST_LATENCY)) => u32::try_from(*cycles).ok(),
            Some(other) => {
                self.wrong("latency", other, "a whole number of cycles from 0 to 64");
                None
            }
        };
        let delay_ps = get("delay_ns").and_then(|it| self.delay(it));
        let operand = get("operand").and_then(|it| self.format("operand", it, Kernel::MOST_BITS));
        let result =
            get("result").and_then(|it| self.format("result", it, Kernel::MOST_RESULT_BITS));
        let (function, typed) = function?;
        let kernel = Kernel {
            cpp: cpp?,
            function,
            typed,
            sv: sv?,
            module: module?,
            latency: latency?,
            delay_ps: delay_ps?,
            operand: operand?,
            result: result?,
        };
        Some(OwnKernel { kernel: Arc::new(kernel), table: None })
    }

    /// A file, read.
    fn source(
        &mut self,
        key: &str,
        tree: &Tree,
        endings: &'static [&'static str],
    ) -> Option<SourceFile> {
        let path = Path::new(self.text(key, tree)?);
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let fits = endings.iter().any(|it| name.len() > it.len() && name.ends_with(it));
        if !fits || !name.chars().all(plain) {
            let (key, found) = (key.to_owned(), tree.to_string());
            self.fault(ManifestError::FileName { key, found, endings });
            return None;
        }
        match std::fs::read_to_string(self.folder().join(path)) {
            Ok(text) => Some(SourceFile { name: name.to_owned(), text }),
            Err(source) => {
                let file = path.display().to_string();
                self.fault(ManifestError::Unreadable { file, source });
                None
            }
        }
    }

    /// The function's name, and whether it is a template.
    fn function(&mut self, tree: &Tree) -> Option<(String, bool)> {
        let text = self.text("kernel.function", tree)?;
        let (name, typed) = match text.strip_suffix(TYPES) {
            Some(name) => (name, true),
            None => (text, false),
        };
        let mut parts = name.split("::");
        if parts.next() == Some("own") && name.contains("::") && parts.all(is_identifier) {
            return Some((name.to_owned(), typed));
        }
        self.wrong("function", tree, "own::name, or own::name<operand, result> for a template");
        None
    }

    fn module(&mut self, tree: &Tree) -> Option<String> {
        let name = self.text("module", tree)?;
        if is_identifier(name) && !name.starts_with(OURS) {
            return Some(name.to_owned());
        }
        self.wrong("module", tree, "a name that does not begin with nn_");
        None
    }

    fn delay(&mut self, tree: &Tree) -> Option<u32> {
        let ns = match tree {
            Tree::Int(ns) => *ns as f64,
            Tree::Float(ns) => *ns,
            _ => f64::NAN,
        };
        if (0.0..=MOST_DELAY).contains(&ns) {
            return Some((ns * 1000.0).ceil() as u32);
        }
        self.wrong("delay_ns", tree, "a number from 0 to 1000");
        None
    }

    fn format(&mut self, key: &str, tree: &Tree, most: u32) -> Option<Format> {
        let text = self.text(key, tree)?;
        let format = match parse_precision(text) {
            Ok(Precision::Fixed(format)) => format,
            Ok(_) => {
                self.wrong(key, tree, "a fixed-point type");
                return None;
            }
            Err(error) => {
                self.fault(ManifestError::Format { key: key.to_owned(), source: error });
                return None;
            }
        };
        let near = i32::try_from(Kernel::MOST_RESULT_BITS).unwrap_or(MAX_SHIFT);
        if format.width <= most && format.int_bits.abs() <= near {
            return Some(format);
        }
        let (key, bits) = (key.to_owned(), format.width);
        self.fault(ManifestError::Wide { key, bits, most });
        None
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|it| it.is_ascii_alphabetic() || it == '_')
        && chars.all(|it| it.is_ascii_alphanumeric() || it == '_')
}

/// Whether a text has `module name`, comments aside.
fn has_module(text: &str, name: &str) -> bool {
    let code: Vec<&str> = text.lines().map(|it| it.split("//").next().unwrap_or(it)).collect();
    let code = code.join("\n");
    let part = |it: char| !(it.is_ascii_alphanumeric() || "_$".contains(it));
    let words: Vec<&str> = code.split(part).filter(|it| !it.is_empty()).collect();
    words.windows(2).any(|it| it == ["module", name])
}
