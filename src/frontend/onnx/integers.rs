//! Integer activations: they may be moved, compared, looked up and turned into floats. Arithmetic on
//! them wraps around and cuts quotients off, which real numbers do not: it is refused.

use std::collections::BTreeSet;

use super::dtype::DataType;
use super::graph::Node;
use super::proto;

/// Operators whose result has the type of the first operand and no other values.
const KEEP: &[&str] = &[
    "Clip",
    "Concat",
    "DepthToSpace",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Max",
    "MaxPool",
    "Min",
    "Pad",
    "Relu",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Operators that compute otherwise with integers.
const ARITHMETIC: &[&str] = &[
    "Abs",
    "Add",
    "AveragePool",
    "Div",
    "Einsum",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "Mean",
    "Mul",
    "Neg",
    "Pow",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMean",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Sub",
    "Sum",
];

/// The inputs that hold integers.
pub(super) fn inputs(infos: &[proto::ValueInfo]) -> BTreeSet<String> {
    let is_integer = |info: &&proto::ValueInfo| {
        let tensor = info.kind.as_ref().and_then(|it| it.tensor.as_ref());
        let dtype = tensor.and_then(|it| DataType::from_id(it.elem_type).ok());
        matches!(dtype, Some(DataType::Int(_) | DataType::Uint(_) | DataType::Bool))
    };
    infos.iter().filter(is_integer).map(|it| it.name.clone()).collect()
}

/// The nodes, in topological order, that compute with integers of the network.
pub(super) fn computed(nodes: &[Node], mut integers: BTreeSet<String>) -> Vec<&Node> {
    let mut found = Vec::new();
    for node in nodes {
        let mut operands = node.inputs.iter().flatten();
        let first = operands.clone().next().is_some_and(|it| integers.contains(it));
        if ARITHMETIC.contains(&&*node.op) && operands.any(|it| integers.contains(it)) {
            found.push(node);
        } else if node.op == "QuantizeLinear" || (first && KEEP.contains(&&*node.op)) {
            integers.extend(node.outputs.iter().cloned());
        }
    }
    found
}
