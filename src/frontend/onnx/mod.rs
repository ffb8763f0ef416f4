//! ONNX models: protobuf bytes become a [`RawModel`].
//!
//! ```text
//! bytes ─ proto ─► messages ─ graph ─► linked nodes in order ─ fold ─► the nodes that compute
//! ```
//!
//! # What holds of the result
//!
//! * Inputs are the graph's inputs without the initializers; their shape leaves out the first axis,
//!   the batch, whatever its extent; it is the user's, if one was given. Everything else still counts it: attribute `axis` 1 is the
//!   first axis of a sample, `perm` is `[0, ...]`, constants keep the rank they have in the file.
//! * Nodes are in topological order and all of them matter to some output. Operators of the standard
//!   domain (`""` or `ai.onnx`) keep their name, others are called `domain::Op`; `version` is the
//!   opset of that domain (1 if a foreign domain is not imported).
//! * An omitted operand is `None` (or absent at the end of the list), an omitted output an empty
//!   name. Trailing outputs that nothing reads are gone: a `Dropout` has one output unless its mask
//!   is used.
//! * `Constant`, `Shape`, `Size` and, on constants, `Identity`, `Gather`, `Unsqueeze`, `Squeeze`,
//!   `Concat`, `Reshape`, `Flatten`, `Cast`, `Slice`, `Transpose`, `Expand`, `ConstantOfShape`,
//!   `Where` and arithmetic have become [`RawModel::constants`], rounded to their element type.
//!   Quantizers of weights are folded, too; a `Gemm`, `MatMul` or `Conv` whose weights come from a
//!   quantizer has the attribute `quantized` = 1. `Identity`, `Dropout` and `Cast` of activations
//!   stay nodes.
//! * Where the batch is not the first axis (between the transpositions around an LSTM), tensors are
//!   handed on with the batch first, and axes are renumbered; `layout` of recurrent operators is 1.
//! * The element type of a constant is gone, with one exception: `QuantizeLinear` always has the
//!   attribute `output_dtype` (2 uint8, 3 int8, 4 uint16, 5 int16, 21 uint4, 22 int4), taken from
//!   the zero point if the file has no such attribute.
//! * Refused, all at once: control flow, model-local functions, sparse, string and complex tensors,
//!   weights in files that are not beside the model, dynamic axes other than the batch.
//!
//! # What the operators mean
//!
//! `X` is the activation, `=` gives the default of an attribute; operands are counted from 0. A
//! number `≥ n` or `< n` is the opset version. "Sample" is `X` without the batch axis.
//!
//! | operator | operands | attributes | meaning, and what to watch |
//! |---|---|---|---|
//! | Gemm | X, W, C (optional ≥ 11) | `alpha` = 1, `beta` = 1, `transA` = 0, `transB` = 0; < 7: `broadcast` = 0 | `alpha·X'·W' + beta·C`; `'` transposes if the flag is set. X and W have two axes. W is `[in, out]`, or `[out, in]` with `transB`. C broadcasts one way to `[1, out]`: a scalar, `[1]`, `[out]`, `[1, out]`; `[batch, 1]` is a scalar per sample. `transA` swaps batch and features: refuse. Either W or X may be the constant |
//! | MatMul | A, B | | numpy's product. Constant B `[in, out]`: `y = x·B` on the last axis. Constant A `[out, in]`: `y = A·x` on the last axis but one, so X needs two axes in a sample. B with more than two axes: a matrix per leading index. A constant vector B `[in]` drops the last axis |
//! | Add, Sub, Mul, Div | A, B | < 7: `broadcast` = 0, `axis` | broadcast both ways. The constant may be on either side (`Sub`, `Div`: mind the order). Its shape aligns with the last axes: `[C, 1, 1]` or `[1, C, 1, 1]` is per channel, `[n]` per last axis; a leading axis of 1 is the batch. < 7: with `broadcast` 1 and `axis` k, B aligns with axes k... of A |
//! | Sum, Max, Min, Mean | any number | | broadcast both ways (≥ 8; the same shape before) |
//! | BatchNormalization | X, scale, B, mean, var | `epsilon` = 1e-5, `momentum` = 0.9 (no effect); ≥ 14: `training_mode` = 0; < 9: `spatial` = 1; < 7: `is_test` = 0, `consumed_inputs` | `(X - mean) / sqrt(var + epsilon) · scale + B`, per axis 1. `training_mode` 1: refuse. `spatial` 0: parameters per element of a sample; the same only for `[batch, n]`. `is_test` 0 is what old exporters wrote by negligence: a single output means inference |
//! | Softmax, LogSoftmax, Hardmax | X | ≥ 13: `axis` = -1; < 13: `axis` = 1 | ≥ 13: along that one axis. < 13: X becomes the matrix `[axes before axis, axes from axis on]` and each row is normalized: with the default, the whole sample. Both agree when `axis` is the last one |
//! | Relu, Sigmoid, Tanh, Exp, Sqrt, Erf ... | X | | |
//! | LeakyRelu | X | `alpha` = 0.01 | `x < 0 ? alpha·x : x` |
//! | Elu | X | `alpha` = 1 | `x < 0 ? alpha·(e^x - 1) : x` |
//! | Celu (≥ 12) | X | `alpha` = 1 | `max(0, x) + min(0, alpha·(e^(x/alpha) - 1))` |
//! | Selu | X | ≥ 6: `alpha` = 1.67326319217681884765625, `gamma` = 1.05070102214813232421875; < 6: 1.6732 and 1.0507 | `gamma · (x > 0 ? x : alpha·(e^x - 1))` |
//! | PRelu | X, slope | | `x < 0 ? slope·x : x`. ≥ 7: slope broadcasts one way to X, aligned with the last axes (per channel is `[C, 1, 1]`); < 7: `[1]`, or `[C]` along axis 1 |
//! | HardSigmoid | X | `alpha` = 0.2, `beta` = 0.5 | `max(0, min(1, alpha·x + beta))` |
//! | HardSwish (≥ 14) | X | | `x · max(0, min(1, x/6 + 0.5))` |
//! | ThresholdedRelu (≥ 10) | X | `alpha` = 1 | `x > alpha ? x : 0` |
//! | Softplus | X | | `ln(1 + e^x)` |
//! | Softsign | X | | `x / (1 + abs(x))` |
//! | Gelu (≥ 20) | X | `approximate` = "none" | `x/2·(1 + erf(x/√2))`; "tanh": `x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))` |
//! | Clip | ≥ 11: X, min, max (scalars, optional); < 11: X | < 11: `min` = -3.4028235e38, `max` = 3.4028235e38 (no bound) | `min(max, max(min, x))`: where min > max, the result is max |
//! | Flatten | X | `axis` = 1 | `[product of axes before axis, product of the rest]`; negative ≥ 11; an `axis` equal to the rank is legal. Anything but 1 mixes the batch in |
//! | Reshape | X, shape (< 5: attribute `shape`) | ≥ 14: `allowzero` = 0 | the first entry of shape is the batch, whether 0, -1, 1 or the size the file was exported with: the others must make up the sample. 0 keeps the extent of X at that place (with `allowzero` 1 it is a true 0: refuse), -1 (at most one) is what is left. If -1 is the first, the others must multiply to the sample; only `[-1]`, or a first entry that eats sample axes, mixes the batch in |
//! | Transpose | X | `perm` = reversed axes | output axis k is input axis `perm[k]` |
//! | Squeeze, Unsqueeze | ≥ 13: X, axes; < 13: X | < 13: `axes` | Squeeze without axes drops every 1 (the batch too: refuse). Unsqueeze counts in the output |
//! | Concat | any number | `axis` (< 4: = 1) | negative ≥ 11 |
//! | Conv | X `[N, C, ...]`, W `[M, C/group, k...]`, B `[M]` (optional) | `auto_pad` = "NOTSET", `pads` = 0 (all begins, then all ends), `strides` = 1, `dilations` = 1, `group` = 1, `kernel_shape` = W's | channels first. SAME_UPPER: the odd pad is at the end, SAME_LOWER at the begin; output is `ceil(in/stride)`; `pads` counts only with NOTSET |
//! | MaxPool, AveragePool | X | `kernel_shape`, `strides` = 1 (not the kernel), `pads` = 0, `auto_pad`, ≥ 10: `ceil_mode` = 0; MaxPool ≥ 10 and AveragePool ≥ 19: `dilations` = 1; MaxPool ≥ 8: `storage_order` (second output only); AveragePool ≥ 7: `count_include_pad` = 0 | padding never wins a maximum; the average divides by the real elements unless `count_include_pad` |
//! | GlobalAveragePool, GlobalMaxPool | X | | over all axes from 2 on, which stay as 1 |
//! | QuantizeLinear | X, scale, zero (optional: 0) | ≥ 13: `axis` = 1; `output_dtype` (see above); ≥ 19: `saturate`; ≥ 21: `block_size` = 0 | `saturate(round(x / scale) + zero)`, ties to even. Scale is a scalar, or has one entry per index of `axis` |
//! | DequantizeLinear | X, scale, zero (optional: 0) | as above without `saturate` | `(x - zero) · scale` |
//! | Dropout, Identity | X, (ratio, training) | `ratio` = 0.5, `seed`; < 7: `is_test` | the identity |
//!
//! Quantizers of QONNX (`qonnx.custom_op.general::Quant`, also for the domains of its forerunners,
//! `onnx.brevitas` and `finn.custom_op.general`): operands X, scale, zero point, bit width (all but X constant, any
//! shape that broadcasts); attributes `signed` = 1, `narrow` = 0, `rounding_mode` = "ROUND" (ties to
//! even; any case). `BipolarQuant`: X, scale; `x >= 0 ? scale : -scale`.

mod arith;
mod attr;
mod batch;
mod call;
mod dtype;
pub mod error;
mod external;
mod fold;
mod graph;
mod integers;
mod layout;
mod proto;
mod shape;
mod sniff;
mod tensor;
#[cfg(test)]
mod tests;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prost::Message;

use self::error::OnnxError;
use self::fold::Folder;
use self::graph::{Graph, Node};
use crate::error::{Located, Origin, Result};
use crate::source::{Attrs, Dialect, InputShapes, RawModel, RawNode};

pub use self::sniff::is_onnx;

/// Larger than any network that fits an FPGA.
const MAX_BYTES: usize = 1 << 30;

/// Elements that folded constants may have in any file, however small.
const LEAST_BUDGET: usize = 1 << 20;

/// Elements that folded constants may have on top of it, per byte of the file.
const BUDGET_PER_BYTE: usize = 4;

/// Reads a model; `file` is its name in messages.
pub fn load(file: &str, bytes: &[u8]) -> Result<RawModel> {
    load_beside(file, bytes.to_vec(), None, &InputShapes::default())
}

/// Reads a model whose weights may be in files of its folder, and whose inputs may have other shapes.
pub fn load_beside(
    file: &str,
    bytes: Vec<u8>,
    folder: Option<&Path>,
    shapes: &InputShapes,
) -> Result<RawModel> {
    let at = Origin::new(file, "");
    check_size(bytes.len()).locate(&at)?;
    let model = proto::Model::decode(&bytes[..]).map_err(OnnxError::from).locate(&at)?;
    let size = bytes.len();
    drop(bytes);
    let beside = external::Beside::new(folder);
    let Graph { inputs, batches, outputs, nodes, initializers, external } =
        graph::read(file, model, beside, shapes)?;

    let nodes = live(nodes, &outputs);
    let read = tensors_read(&nodes, &outputs);
    let unused = initializers.keys().filter(|it| !read.contains(*it)).cloned().collect();

    let budget = LEAST_BUDGET + BUDGET_PER_BYTE * (size + external);
    let mut folder = Folder::new(file, &inputs, batches, initializers, budget);
    let mut nodes = live(folder.run(nodes, &outputs)?, &outputs);
    batch::to_front(file, &mut nodes, &mut folder, &outputs)?;
    let read = tensors_read(&nodes, &outputs);
    let constants: BTreeMap<_, _> =
        read.iter().filter_map(|it| Some((it.clone(), folder.take(it)?))).collect();
    let nodes = nodes.into_iter().map(|it| raw_node(it, &read)).collect();
    Ok(RawModel {
        file: file.to_owned(),
        format: "ONNX",
        inputs,
        outputs,
        nodes,
        constants,
        unused,
    })
}

fn check_size(bytes: usize) -> std::result::Result<(), OnnxError> {
    let limit = MAX_BYTES;
    if bytes > limit { Err(OnnxError::TooLarge { bytes, limit }) } else { Ok(()) }
}

/// A tensor in a file of its own, as the operator tests of ONNX have them, and its element type.
#[cfg(test)]
pub(crate) fn read_tensor(bytes: &[u8]) -> Option<(i32, crate::source::Tensor)> {
    let tensor = proto::Tensor::decode(bytes).ok()?;
    Some((tensor.data_type, tensor::decode(&tensor).ok()?.data.into_tensor()))
}

/// The operators of a model, each once, with the domain unless it is the standard one.
#[cfg(test)]
pub(crate) fn operators(bytes: &[u8]) -> BTreeSet<String> {
    let Ok(model) = proto::Model::decode(bytes) else { return BTreeSet::new() };
    let nodes = model.graph.into_iter().flat_map(|it| it.node);
    let name = |it: proto::Node| match &*it.domain {
        "" | "ai.onnx" => it.op_type,
        domain => format!("{domain}::{}", it.op_type),
    };
    nodes.map(name).collect()
}

/// The model with a value for each of the inputs named: they become constants.
#[cfg(test)]
pub(crate) fn with_constants(bytes: &[u8], from: usize, tensors: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut model = proto::Model::decode(bytes).ok()?;
    let graph = model.graph.as_mut()?;
    let names: Vec<String> = graph.input.iter().map(|it| it.name.clone()).collect();
    for (name, bytes) in names.iter().zip(tensors).skip(from) {
        let mut tensor = proto::Tensor::decode(&bytes[..]).ok()?;
        tensor.name.clone_from(name);
        graph.initializer.push(tensor);
    }
    Some(model.encode_to_vec())
}

/// The nodes some output depends on; they are in topological order and stay in it.
fn live(nodes: Vec<Node>, outputs: &[String]) -> Vec<Node> {
    let mut needed: BTreeSet<String> = outputs.iter().cloned().collect();
    let mut kept: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().any(|it| needed.contains(it)) {
            needed.extend(node.inputs.iter().flatten().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    kept
}

fn tensors_read(nodes: &[Node], outputs: &[String]) -> BTreeSet<String> {
    let inputs = nodes.iter().flat_map(|it| it.inputs.iter().flatten());
    inputs.chain(outputs).cloned().collect()
}

/// The node as layers see it, without trailing outputs that nothing reads.
fn raw_node(node: Node, read: &BTreeSet<String>) -> RawNode {
    let last = node.outputs.iter().rposition(|it| read.contains(it)).unwrap_or(0);
    let mut outputs = node.outputs;
    outputs.truncate(last + 1);
    RawNode {
        name: node.name,
        dialect: Dialect::Onnx,
        op: node.op,
        version: node.version,
        inputs: node.inputs,
        outputs,
        attrs: Attrs::new(node.attrs.values),
        weights: BTreeMap::new(),
    }
}
