//! PyTorch programs: a `.pt2` archive of `torch.export.save` becomes a [`RawModel`].
//!
//! ```text
//! bytes ─ archive ─► members ─ program ─► linked calls ─ translate ─► nodes of one sample
//! ```
//!
//! Nothing is unpickled and no path is followed. The archive must be of torch 2.9 or later, which
//! stores weights as plain bytes; everything older is told by `sniff`, and refused with the line of
//! Python that makes a readable file.
//!
//! # What holds of the result
//!
//! * The batch is the first axis of every input, dynamic or not, and gone: shapes, axes and orders in
//!   attributes are those of one sample, counted from the front. Where the batch moves, as it does in
//!   attention, it is followed; what works across samples is refused.
//! * Images are channels first, as in PyTorch: `[C, H, W]`.
//! * `op` is ATen's name without overload and without the underscore of in-place variants; names that
//!   mean the same are one (`_softmax` is `softmax`). Operators that are not known keep their full
//!   name: `aten.foo.bar`.
//! * Operands are the tensors of the declaration, in its order; omitted ones are `None`. Numbers that
//!   are added or multiplied are constants. All other arguments are attributes, defaults included,
//!   without those that change nothing at inference.
//! * Parameters and buffers are constants, and so is everything computed from them alone.
//! * A node is called as the module that calls it (`blocks.0.fc` becomes `blocks_0_fc`) if it is the
//!   module's only node, else as in the graph (`relu_1`).
//!
//! # What the operators mean
//!
//! `x` is an activation, `w` a constant; constants broadcast to a sample.
//!
//! | operator | operands | attributes |
//! |---|---|---|
//! | linear | x, w `[out, in]`, bias | |
//! | addmm | bias, x, w `[in, out]` | `alpha`, `beta`: `beta bias + alpha x w` |
//! | mm, bmm, matmul | x, w `[in, out]`, or two activations | |
//! | batch_norm | x, weight, bias, mean, variance | `eps` |
//! | add, sub, mul, div, maximum, minimum | two, one of them may be a constant | |
//! | prelu | x, slopes that broadcast | |
//! | softmax, log_softmax, glu | x | `dim` |
//! | view, reshape, flatten, squeeze, unsqueeze, unflatten | x | `shape` |
//! | permute | x | `dims` (also of transpose, t, movedim) |
//! | expand | x | `shape` |
//! | slice, select | x | `dim`, `start`, `end`, `step`; `dim`, `index` |
//! | split | x | `dim`, `sizes` (also of chunk) |
//! | cat | any number | `dim` (also of stack, whose operands are unsqueezed first) |
//! | mean, sum, amax, amin | x | `dim` (a list), `keepdim` |
//! | pad, constant_pad_nd | x | `pad` in pairs from the last axis on, `value`, `mode` |
//! | conv*, convolution, pools | x, w, bias | as declared, an entry per axis of space |
//! | layer_norm, group_norm | x, weight, bias | `normalized_shape`, `num_groups`; `eps` |
//! | lstm, gru, rnn_tanh, rnn_relu | x, states (omitted if zero), parameters | `has_biases`, `num_layers`, `bidirectional` |
//! | scaled_dot_product_attention | query, key, value, mask | `is_causal`, `scale` |
//! | embedding | w, indices | |
//! | dropout, alias, clone, detach, contiguous, to | x | |
//! | softsign | x | (recognized: `x / (abs(x) + 1)`) |

mod alias;
mod archive;
mod arrange;
pub mod error;
mod fold;
mod form;
mod inputs;
mod ops;
mod own;
mod patterns;
mod program;
mod rules;
mod schema;
mod sniff;
mod symbol;
mod table;
#[cfg(test)]
mod tests;
mod translate;
mod weights;

use std::collections::{BTreeMap, BTreeSet};

use self::archive::Archive;
use self::error::TorchError;
use self::ops::Ops;
use self::program::{Call, Program, push};
use self::translate::Translator;
use self::weights::Weights;
use crate::error::{Problems, Result};
use crate::frontend::number::Value;
use crate::source::{RawInput, RawModel, RawNode};

pub use self::sniff::is_torch;

/// The schema's major version; minor ones only add.
const SCHEMA: i64 = 8;

/// Elements that folded constants may have in any file, however small.
const LEAST_BUDGET: usize = 1 << 20;

/// Reads a model; `file` is its name in messages.
pub fn load(file: &str, bytes: &[u8]) -> Result<RawModel> {
    let mut problems = Problems::default();
    let parts = open(bytes).map_err(|what| {
        push(&mut problems, file, "", what);
        std::mem::take(&mut problems)
    })?;
    let (mut archive, name, schema) = parts;
    let mut program = program::read(file, schema)?;
    let ops = Ops::new();
    let Program { calls, outputs, .. } = &mut program;
    alias::follow(file, calls, outputs, &ops, &mut problems);
    let calls = live(&program);
    let (stored, unused) = weights(file, &mut archive, &name, bytes.len(), &program, &calls)?;
    let budget = LEAST_BUDGET + bytes.len();
    let mut translator = Translator::new(&program, &ops, stored, budget);
    translator.run(file, &calls, &mut problems);
    check_outputs(file, &translator, &program, &mut problems);
    let (nodes, constants) = translator.finish(&program.outputs);
    let (mut nodes, constants) = patterns::recognize(nodes, constants, &program.outputs);
    trim(&mut nodes, &program.outputs);
    name_by_module(&mut nodes, &calls, &program);
    let inputs = program.inputs.into_iter();
    let inputs = inputs.map(|it| RawInput { name: it.tensor, shape: it.shape }).collect();
    problems.into_result(RawModel {
        file: file.to_owned(),
        format: "PyTorch program (.pt2)",
        inputs,
        outputs: program.outputs,
        nodes,
        constants,
        unused,
    })
}

type Parts<'a> = (Archive<'a>, String, schema::Program);

/// The archive, the name of its model, and the model.
fn open(bytes: &[u8]) -> std::result::Result<Parts<'_>, TorchError> {
    let mut archive = Archive::open(bytes)?;
    let name = archive.model()?;
    let member = format!("models/{name}.json");
    let json = archive.member(&member, archive::MAX_JSON)?;
    let parse = |source| TorchError::Json { member: member.clone(), source };
    let head: schema::Head = serde_json::from_slice(&json).map_err(parse)?;
    let schema::Version { major, minor } = head.schema_version;
    if major != SCHEMA {
        return Err(TorchError::Schema { major, minor, torch: head.torch_version });
    }
    let program = serde_json::from_slice(&json).map_err(parse)?;
    Ok((archive, name, program))
}

/// The calls some output depends on; they stay in order.
fn live(program: &Program) -> Vec<&Call> {
    let mut needed: BTreeSet<&String> = program.outputs.iter().collect();
    let mut kept = Vec::with_capacity(program.calls.len());
    for call in program.calls.iter().rev() {
        if call.outputs.iter().any(|it| needed.contains(it)) {
            needed.extend(call.reads());
            kept.push(call);
        }
    }
    kept.reverse();
    kept
}

/// Stored tensors that live calls or the outputs read, and the names of those nobody reads.
fn weights(
    file: &str,
    archive: &mut Archive<'_>,
    model: &str,
    bytes: usize,
    program: &Program,
    calls: &[&Call],
) -> Result<(BTreeMap<String, Value>, Vec<String>)> {
    let mut problems = Problems::default();
    let mut values = BTreeMap::new();
    let read: BTreeSet<&String> =
        calls.iter().flat_map(|it| it.reads()).chain(&program.outputs).collect();
    let mut weights = match Weights::open(archive, model, bytes) {
        Ok(weights) => weights,
        Err(what) => {
            push(&mut problems, file, "", what);
            return Err(problems);
        }
    };
    for parameter in program.parameters.iter().filter(|it| read.contains(&it.tensor)) {
        let Some(meta) = program.metas.get(&parameter.tensor) else {
            let tensor = parameter.tensor.clone();
            push(&mut problems, file, "", TorchError::NoMeta { tensor });
            continue;
        };
        match weights.read(&parameter.stored, meta) {
            Ok(value) => {
                values.insert(parameter.tensor.clone(), value);
            }
            Err(source) => {
                let name = parameter.stored.clone();
                push(&mut problems, file, &name.clone(), TorchError::Weight { name, source });
            }
        }
    }
    let unused = weights.unused();
    problems.into_result((values, unused))
}

/// Results are given back a sample at a time, so the batch must come first.
fn check_outputs(
    file: &str,
    translator: &Translator<'_>,
    program: &Program,
    problems: &mut Problems,
) {
    for output in &program.outputs {
        let form = translator.form(&ops::Operand::Tensor(output.clone()));
        let place = form.map(|it| it.place).filter(|it| !it.is_nowhere());
        if place.is_some_and(|it| it.axis != 0 || it.outer != 1) {
            push(problems, file, output, TorchError::Turned { tensor: output.clone() });
        }
    }
}

/// Drops outputs behind the last one that is read: indices of maxima, statistics.
fn trim(nodes: &mut [RawNode], outputs: &[String]) {
    let inputs = nodes.iter().flat_map(|it| it.inputs.iter().flatten());
    let read: BTreeSet<String> = inputs.chain(outputs).cloned().collect();
    for node in nodes {
        let last = node.outputs.iter().rposition(|it| read.contains(it)).unwrap_or(0);
        node.outputs.truncate(last + 1);
    }
}

/// Names nodes as modules where there is one node for a module; all names stay unique.
fn name_by_module(nodes: &mut [RawNode], calls: &[&Call], program: &Program) {
    let modules: BTreeMap<&str, &str> =
        calls.iter().map(|it| (it.node.as_str(), it.module.as_str())).collect();
    let module = |node: &RawNode| modules.get(node.name.as_str()).copied().unwrap_or_default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes.iter() {
        *counts.entry(module(node)).or_default() += 1;
    }
    let mut taken: BTreeSet<String> = program.inputs.iter().map(|it| it.tensor.clone()).collect();
    for node in nodes {
        let path = module(node);
        let mut name = match counts.get(path) {
            Some(1) if !path.is_empty() => path.replace(['.', '@'], "_"),
            // ATen's internal operators begin with an underscore.
            _ => node.name.trim_start_matches('_').to_owned(),
        };
        while name.is_empty() || !taken.insert(name.clone()) {
            name.push('_');
        }
        node.name = name;
    }
}
