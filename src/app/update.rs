//! New weights for a project whose RTL takes them while it runs: read from a file, as words for the hardware,
//! and in the emulator's graph.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::engines::Rows;
use super::manifest::{ControlInfo, LoadedInfo};
use crate::cosim::Update;
use crate::cosim::prng::Prng;
use crate::data::{self, Batch};
use crate::design::Design;
use crate::emulate::Emulator;
use crate::error::{Located, Origin, Problem, Problems, Result};
use crate::fixed::{Format, Graph};
use crate::precision::{Role, dequantized, quantize};
use crate::source::Tensor;
use crate::units::Unit;

/// What is wrong with new weights.
#[derive(Debug, thiserror::Error)]
enum UpdateError {
    #[error("the project has no weights that can be loaded (see Weights: runtime)")]
    Constant,
    #[error("no such weights; the project takes {known}")]
    Unknown { known: String },
    #[error("{found} values, the layer has {expected}")]
    Count { found: usize, expected: usize },
    #[error("{count} values are outside of {format}, the first is {first}")]
    Range { count: usize, first: f64, format: Format },
    #[error("--update and --at come in pairs: {updates} and {at} are given")]
    Pairs { updates: usize, at: usize },
    #[error("--at {at}: the run has {samples} samples")]
    Late { at: u32, samples: usize },
    #[error("--at must rise from one update to the next")]
    Order,
    #[error("--update is for the RTL alone: --engines rtl")]
    Engine,
    #[error("--update and --resets exclude each other")]
    Resets,
    #[error("only {found} of {expected} updates were committed before the last sample: give more")]
    Missed { found: usize, expected: usize },
}

/// The options that say what is loaded, and what goes with them.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) files: &'a [PathBuf],
    pub(super) at: &'a [u32],
    pub(super) samples: usize,
    /// No engine but the RTL runs.
    pub(super) rtl_only: bool,
    pub(super) resets: bool,
}

/// The design with the weights of each update, and the words that make it so.
#[derive(Debug, Default)]
pub(super) struct Updates {
    graphs: Vec<Graph>,
    pub(super) words: Vec<Update>,
}

/// Rows of a matrix, and biases, of one layer.
#[derive(Clone, Debug, Default)]
struct Values {
    weights: Vec<i128>,
    biases: Vec<i128>,
}

impl Updates {
    /// Reads what is asked for; an update keeps what its file does not have.
    pub(super) fn read(
        wanted: &Wanted<'_>,
        control: Option<&ControlInfo>,
        design: &Design,
    ) -> Result<Updates> {
        if wanted.files.is_empty() && wanted.at.is_empty() {
            return Ok(Updates::default());
        }
        let control = control.ok_or(UpdateError::Constant).anywhere()?;
        check(wanted)?;
        let mut values: BTreeMap<&str, Values> =
            control.layers.iter().map(|it| (&*it.layer, present(it, &design.graph))).collect();
        let (mut problems, mut updates) = (Problems::default(), Updates::default());
        for (file, at) in wanted.files.iter().zip(wanted.at) {
            if problems.note(replace(&mut values, file, control)).is_none() {
                continue;
            }
            let words = control.layers.iter().flat_map(|it| words(it, &values[&*it.layer]));
            let words = shuffled(words.collect(), u64::from(*at));
            updates.words.push(Update { at: *at, words });
            updates.graphs.push(graph(&design.graph, control, &values));
        }
        problems.into_result(updates)
    }

    /// What the outputs are if each update holds from a sample on; `want` is so without any.
    pub(super) fn expect(&self, rows: &Rows, want: &Rows, from: &[u64]) -> Result<Rows> {
        let (found, expected) = (from.len(), self.graphs.len());
        if found != expected {
            return Err(UpdateError::Missed { found, expected }).anywhere();
        }
        let from = from.iter().map(|it| (*it as usize).min(rows.len()));
        let from: Vec<usize> = from.chain([rows.len()]).collect();
        let mut all = want[..from[0]].to_vec();
        for (graph, ends) in self.graphs.iter().zip(from.windows(2)) {
            all.extend(Emulator::new(graph).run(&rows[ends[0]..ends[1]]));
        }
        Ok(all)
    }
}

fn check(wanted: &Wanted<'_>) -> Result<()> {
    let mut problems = Problems::default();
    let mut note = |wrong: bool, what: UpdateError| {
        if wrong {
            problems.note(Err::<(), _>(what).anywhere());
        }
    };
    let (updates, at, samples) = (wanted.files.len(), wanted.at.len(), wanted.samples);
    note(updates != at, UpdateError::Pairs { updates, at });
    for at in wanted.at {
        note(*at as usize >= samples, UpdateError::Late { at: *at, samples });
    }
    note(wanted.at.windows(2).any(|it| it[0] >= it[1]), UpdateError::Order);
    note(!wanted.rtl_only, UpdateError::Engine);
    note(wanted.resets, UpdateError::Resets);
    problems.into_result(())
}

/// The nodes of a layer's matrices: one for each group of channels, in their order.
fn nodes(graph: &Graph, layer: &str) -> Vec<crate::graph::NodeId> {
    let own = |it: &crate::graph::NodeId| {
        let node = graph.node(*it);
        let is_loaded = matches!(&node.op, Unit::Mac(mac) if !mac.loaded.is_nothing());
        is_loaded && *node.origin.node == *layer
    };
    let mut nodes: Vec<_> = graph.topo().into_iter().filter(own).collect();
    nodes.sort_by_key(|it| it.index());
    nodes
}

/// What the model has.
fn present(info: &LoadedInfo, graph: &Graph) -> Values {
    let mut values = Values::default();
    let macs: Vec<_> = nodes(graph, &info.layer)
        .into_iter()
        .filter_map(|it| match &graph.node(it).op {
            Unit::Mac(mac) => Some(mac),
            _ => None,
        })
        .collect();
    for row in 0..info.rows {
        let of =
            |mac: &&crate::units::Mac| (0..mac.n_out).map(|j| mac.at(row, j)).collect::<Vec<_>>();
        values.weights.extend(macs.iter().flat_map(of));
    }
    values.biases.extend(macs.iter().flat_map(|it| it.biases.iter().copied()));
    values
}

/// Puts the arrays of a file in the place of what was there.
fn replace(values: &mut BTreeMap<&str, Values>, file: &Path, control: &ControlInfo) -> Result<()> {
    let mut problems = Problems::default();
    let name = file.display().to_string();
    for (key, batch) in data::read_named(file)? {
        let at = Origin::new(&name, &key);
        let layer = |role: Role| {
            let layer = key.strip_suffix(&format!(".{role}"))?;
            control.layers.iter().find(|it| it.layer == layer).map(|it| (it, role))
        };
        let own =
            layer(Role::Weight).or_else(|| layer(Role::Bias).filter(|it| it.0.bias.is_some()));
        let Some((info, role)) = own else {
            let known = known(control);
            problems.push(Problem::at(&at, UpdateError::Unknown { known }));
            continue;
        };
        let own = values.get_mut(&*info.layer).expect("every layer has values");
        let (into, format) = match (role, info.bias) {
            (Role::Bias, Some(format)) => (&mut own.biases, format),
            _ => (&mut own.weights, info.weight),
        };
        if let Some(new) = problems.note(mantissas(&batch, into.len(), format).locate(&at)) {
            *into = new;
        }
    }
    problems.into_result(())
}

fn known(control: &ControlInfo) -> String {
    let names = control.layers.iter().flat_map(|it| {
        let bias = it.bias.map(|_| format!("{}.bias", it.layer));
        std::iter::once(format!("{}.weight", it.layer)).chain(bias)
    });
    names.collect::<Vec<_>>().join(", ")
}

fn mantissas(
    batch: &Batch,
    expected: usize,
    format: Format,
) -> std::result::Result<Vec<i128>, UpdateError> {
    let found = batch.values.len();
    if found != expected {
        return Err(UpdateError::Count { found, expected });
    }
    let values = Tensor::from_shape_vec(vec![found], batch.values.clone()).expect("one axis");
    let unit = format.value(1);
    let near = dequantized(&values, format, false);
    // A value that was rounded is less than a unit away, one that has run over is not.
    let out = values.iter().zip(&near).filter(|(value, near)| (*value - *near).abs() >= unit);
    let out: Vec<f64> = out.map(|it| *it.0).collect();
    match out.first() {
        Some(first) => Err(UpdateError::Range { count: out.len(), first: *first, format }),
        None => Ok(quantize(&values, format, false)),
    }
}

/// Addresses and data of a layer.
fn words(info: &LoadedInfo, values: &Values) -> Vec<(u32, u32)> {
    let biases = info.bias.map(|_| values.biases.as_slice()).unwrap_or_default();
    let all = values.weights.iter().chain(biases).enumerate();
    let word = |at: usize| info.word((at / info.outputs) as u32, (at % info.outputs) as u32);
    all.map(|(at, value)| (word(at), *value as u32)).collect()
}

/// In some order, so that what is written too early is soon read.
fn shuffled(mut words: Vec<(u32, u32)>, seed: u64) -> Vec<(u32, u32)> {
    let mut random = Prng::new(seed);
    for at in (1..words.len()).rev() {
        words.swap(at, random.below(at as u32 + 1) as usize);
    }
    words
}

/// The graph with other weights.
fn graph(graph: &Graph, control: &ControlInfo, values: &BTreeMap<&str, Values>) -> Graph {
    let mut graph = graph.clone();
    for info in &control.layers {
        let own = &values[&*info.layer];
        let mut first = 0;
        for id in nodes(&graph, &info.layer) {
            let Unit::Mac(mac) = &mut graph.node_mut(id).op else { continue };
            let columns = first..first + mac.n_out;
            let rows = own.weights.chunks(info.outputs);
            mac.weights = rows.flat_map(|it| it[columns.clone()].iter().copied()).collect();
            mac.biases = own.biases[columns.clone()].into();
            first = columns.end;
        }
    }
    graph
}
