//! What was decided, for people and as a configuration: the answer of `nn2rtl config`.
//!
//! [`resolved`] writes every format out, so that the same configuration read back decides the same
//! whatever inference does by then. [`rows`] gives each format's reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Formats, Role, SoftmaxKind};
use crate::config::{Compat, Config, Io, Uncertainty, Weights, attribute_only};
use crate::fixed::Format;
use crate::hls;
use crate::layers::{self, Exactness, LayerSpec};
use crate::nn;

/// How finely a configuration is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// What all layers share stands under `Model`, what a class shares under `LayerType`.
    Model,
    /// What a class shares stands under `LayerType`.
    Type,
    /// Everything stands under `LayerName`.
    Name,
}

/// One type of one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row<'a> {
    /// The layer's name.
    pub layer: &'a str,
    /// Its class.
    pub kind: &'static str,
    /// Which of its types.
    pub role: Role,
    /// What the type is.
    pub format: Format,
    /// Why.
    pub reason: &'a str,
}

/// Every type of every layer, in the order of computation.
pub fn rows<'a>(graph: &'a nn::Graph, formats: &'a Formats) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for id in graph.topo() {
        let node = graph.node(id);
        let spec = node.op.spec();
        let types = &formats.of(id).types;
        for (role, typed) in node.op.roles().iter().filter_map(|it| types.get_key_value(it)) {
            rows.push(Row {
                layer: &node.name,
                kind: spec.kind(),
                role: *role,
                format: typed.format,
                reason: &typed.reason,
            });
        }
    }
    rows
}

/// Rows as a text table with aligned columns.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a [Row<'a>]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["layer", "class", "type", "format"].map(str::to_owned);
        let cells = |it: &Row<'_>| {
            [it.layer.to_owned(), it.kind.to_owned(), it.role.to_string(), it.format.to_string()]
        };
        let lines: Vec<[String; 4]> =
            std::iter::once(head).chain(self.0.iter().map(cells)).collect();
        let width = |at: usize| lines.iter().map(|it| it[at].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3)];
        let reasons = std::iter::once("reason").chain(self.0.iter().map(|it| it.reason));
        for (cells, reason) in lines.iter().zip(reasons) {
            for (cell, width) in cells.iter().zip(widths) {
                write!(f, "{cell:width$}  ")?;
            }
            writeln!(f, "{reason}")?;
        }
        Ok(())
    }
}

/// A key of a layer's entry; `Precision` ones are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Precision(Role),
    /// A type that hls4ml reads from the entry itself.
    Attribute(Role),
    Number(&'static str),
}

/// The keys of an entry, in the order in which they are written.
type Entry = BTreeMap<Key, Value>;

/// Name, class and entry of a layer.
type Layer<'a> = (&'a str, &'static str, Entry);

/// The whole configuration with every format in it; [`Config::read`] understands it.
pub fn resolved(
    graph: &nn::Graph,
    formats: &Formats,
    config: &Config,
    granularity: Granularity,
) -> Value {
    let mut layers: Vec<Layer<'_>> = graph
        .topo()
        .into_iter()
        .map(|id| {
            let node = graph.node(id);
            let kind = node.op.spec().kind();
            (node.name.as_str(), kind, entry(graph, id, formats, config))
        })
        .collect();
    let mut model = Entry::new();
    if granularity == Granularity::Model {
        model = shared(&mut layers, None);
    }
    let mut types = Map::new();
    if granularity != Granularity::Name {
        let kinds: BTreeSet<&'static str> = layers.iter().map(|it| it.1).collect();
        for kind in kinds {
            let entry = shared(&mut layers, Some(kind));
            if !entry.is_empty() {
                types.insert(kind.to_owned(), written(entry, Map::new()));
            }
        }
    }
    let mut out = head(config);
    out.insert("Model".to_owned(), model_entry(model, config));
    if !types.is_empty() {
        out.insert("LayerType".to_owned(), Value::Object(types));
    }
    let names: Map<String, Value> = layers
        .into_iter()
        .filter(|(.., entry)| !entry.is_empty())
        .map(|(name, _, entry)| (name.to_owned(), written(entry, Map::new())))
        .collect();
    if !names.is_empty() {
        out.insert("LayerName".to_owned(), Value::Object(names));
    }
    Value::Object(out)
}

/// Takes out of the entries of one class, or of all, what all that have the key agree on.
fn shared(layers: &mut [Layer<'_>], class: Option<&str>) -> Entry {
    let of = |kind: &str| class.is_none_or(|it| it == kind);
    let mut values: BTreeMap<Key, Option<Value>> = BTreeMap::new();
    for (_, kind, entry) in layers.iter() {
        for (key, value) in entry.iter().filter(|_| of(kind)) {
            let seen = values.entry(*key).or_insert_with(|| Some(value.clone()));
            if seen.as_ref() != Some(value) {
                *seen = None;
            }
        }
    }
    // hls4ml reads attributes from layers and classes, never from the model.
    let shareable = |key: &Key| class.is_some() || !matches!(key, Key::Attribute(_));
    let agreed: Entry = values
        .into_iter()
        .filter(|(key, _)| shareable(key))
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
    for (_, kind, entry) in layers.iter_mut() {
        if of(kind) {
            entry.retain(|key, _| !agreed.contains_key(key));
        }
    }
    agreed
}

/// Everything that a layer's entry can say about it.
fn entry(graph: &nn::Graph, id: crate::graph::NodeId, formats: &Formats, config: &Config) -> Entry {
    let node = graph.node(id);
    let (name, spec) = (node.name.as_str(), node.op.spec());
    let kind = spec.kind();
    let mut entry = Entry::new();
    // What the model says stays out: read back, it would be a cast of the user's.
    let given = node.op.exactness() == Exactness::Given;
    for (role, typed) in formats.of(id).types.iter().filter(|_| !given) {
        let attribute = config.is_compat() && attribute_only(*role);
        // hls4ml has no key for the constants of hard activations; a missing bias needs none.
        let fixed = attribute && matches!(role, Role::Slope | Role::Shift);
        let bias = matches!(role, Role::Bias | Role::RecurrentBias);
        if !fixed && (!bias || has_weight(spec, *role)) {
            let key = if attribute { Key::Attribute(*role) } else { Key::Precision(*role) };
            entry.insert(key, json!(typed.format.to_string()));
        }
    }
    let settings = &formats.of(id).settings;
    let mut number = |key, value| entry.insert(Key::Number(key), value);
    let has = |role| node.op.roles().contains(&role);
    if has(Role::Accum) || has(Role::Scale) {
        number("ReuseFactor", json!(config.reuse_factor(name, kind)));
        number("Strategy", json!(config.strategy(name, kind).to_string()));
    }
    if !config.is_static(name, kind) && matches!(node.op, layers::Layer::Recurrent(_)) {
        number("Static", json!(false));
    }
    if settings.weights != Weights::Constant {
        number("Weights", json!(settings.weights.to_string()));
    }
    if kind.contains("Conv") {
        // Null leaves it to the strategy.
        number("ParallelizationFactor", json!(config.parallelization_factor(name, kind)));
    }
    if has(Role::Table) || has(Role::ExpTable) {
        number("TableSize", json!(settings.table_size));
    }
    if kind == "Softmax" {
        number("Implementation", json!(implementation(settings.softmax)));
        number("Skip", json!(settings.skip));
        // Null says that the table is as large as TableSize.
        number("ExpTableSize", json!(settings.exp_table_size));
        number("InvTableSize", json!(settings.inv_table_size));
    }
    entry
}

fn has_weight(spec: &dyn LayerSpec, role: Role) -> bool {
    spec.weights().iter().any(|(it, _)| *it == role)
}

fn implementation(kind: SoftmaxKind) -> &'static str {
    match kind {
        SoftmaxKind::Stable => "stable",
        SoftmaxKind::Latency => "latency",
        SoftmaxKind::Legacy => "legacy",
        SoftmaxKind::Argmax => "argmax",
    }
}

/// An entry as a map, after the types it already has.
fn written(entry: Entry, mut precision: Map<String, Value>) -> Value {
    let mut out = Map::new();
    for (key, value) in entry {
        match key {
            Key::Precision(role) => precision.insert(role.to_string(), value),
            Key::Attribute(role) => out.insert(format!("{role}_t"), value),
            Key::Number(_) if value.is_null() => None,
            Key::Number(name) => out.insert(name.to_owned(), value),
        };
    }
    let mut all = Map::new();
    if !precision.is_empty() {
        all.insert("Precision".to_owned(), Value::Object(precision));
    }
    all.append(&mut out);
    Value::Object(all)
}

fn model_entry(mut entry: Entry, config: &Config) -> Value {
    let mut precision = Map::new();
    if config.is_compat() || config.default_precision().is_some() {
        precision.insert("default".to_owned(), json!(config.fallback().to_string()));
    }
    if let Some(maximum) = config.maximum {
        precision.insert("maximum".to_owned(), json!(maximum.to_string()));
    }
    let reuse = config.model.reuse_factor.unwrap_or(1);
    entry.entry(Key::Number("ReuseFactor")).or_insert(json!(reuse));
    let strategy = config.model.strategy.unwrap_or_default();
    entry.entry(Key::Number("Strategy")).or_insert(json!(strategy.to_string()));
    if let Some(width) = config.width {
        entry.insert(Key::Number("Width"), json!(width));
    }
    let shapes = &config.input_shapes;
    if !shapes.named.is_empty() {
        entry.insert(Key::Number("InputShape"), json!(shapes.named));
    } else if let Some(only) = &shapes.only {
        entry.insert(Key::Number("InputShape"), json!(only));
    }
    if config.compat == Compat::Hls4ml {
        entry.insert(Key::Number("Compat"), json!("hls4ml"));
    }
    written(entry, precision)
}

/// What stands beside the three sections.
fn head(config: &Config) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value);
        }
    };
    put("ProjectName", config.project.as_ref().map(|it| json!(it)));
    put("OutputDir", config.output.as_ref().map(|it| json!(it)));
    put("Part", config.part.as_ref().map(|it| json!(it)));
    put("Backend", config.hls.map(|it| json!(backend(it))));
    put("ClockPeriod", config.clock_ns.map(|it| json!(it)));
    let uncertainty = config.clock_uncertainty.map(|it| match it {
        Uncertainty::Fraction(share) => json!(format!("{}%", share * 100.0)),
        Uncertainty::Nanoseconds(ns) => json!(ns),
    });
    put("ClockUncertainty", uncertainty);
    let io = if config.io == Io::Stream { "io_stream" } else { "io_parallel" };
    put("IOType", Some(json!(io)));
    out
}

fn backend(tool: hls::Tool) -> &'static str {
    match tool {
        hls::Tool::Vitis => "Vitis",
        hls::Tool::Vivado => "Vivado",
        hls::Tool::Oneapi => "oneAPI",
        hls::Tool::Quartus => "Quartus",
        hls::Tool::Catapult => "Catapult",
        hls::Tool::Xls => "XLS",
    }
}
