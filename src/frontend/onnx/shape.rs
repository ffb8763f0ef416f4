//! Shapes of the outputs of a node, as far as constant folding may need them.
//!
//! The batch is 1 in all of them. An operator without rule loses the shape, which matters only to a
//! `Shape` behind it; layers infer their own shapes again, with better words for what is wrong.

use super::call::{Call, Shape};
use super::error::FoldError;
use super::graph::MAX_ELEMENTS;
use super::layout;
use super::tensor::MAX_RANK;
use super::window;

/// Shapes of the first outputs.
pub(super) fn infer(call: &Call) -> Result<Vec<Shape>, FoldError> {
    let shapes = rule(call)?;
    for shape in &shapes {
        let elements = shape.iter().try_fold(1usize, |all, it| all.checked_mul(*it));
        if shape.len() > MAX_RANK || elements.is_none_or(|it| it > MAX_ELEMENTS) {
            return Err(FoldError::TooLarge { shape: shape.clone() });
        }
    }
    Ok(shapes)
}

fn rule(call: &Call) -> Result<Vec<Shape>, FoldError> {
    let op = call.op();
    if let Some((domain, op)) = op.rsplit_once("::") {
        return quantizer(domain, op, call);
    }
    if ELEMENTWISE.contains(&op) {
        return Ok(vec![call.shape(0)?.to_vec()]);
    }
    if BROADCAST.contains(&op) {
        return Ok(vec![broadcast_all(call)?]);
    }
    let shape = match op {
        "Dropout" => return Ok(vec![call.shape(0)?.to_vec(); call.outputs().min(2)]),
        "Split" => return layout::split(call),
        "LSTM" | "GRU" | "RNN" => return recurrent(call),
        "TopK" => return Ok(vec![top_k(call)?; call.outputs().min(2)]),
        "MaxPool" => return Ok(vec![window::pool(call)?; call.outputs().min(2)]),
        "Constant" => constant(call)?,
        "ConstantOfShape" => extents(&call.list(0)?)?,
        "Shape" => vec![layout::shape_range(call)?.len()],
        "Size" => vec![],
        "Flatten" => layout::flatten(call)?,
        "Reshape" => layout::reshape(call)?,
        "Transpose" => layout::permutation(call)?.iter().map(|it| it.1).collect(),
        "Concat" => layout::concat(call)?.1,
        "Squeeze" => layout::squeeze(call)?,
        "Unsqueeze" => layout::unsqueeze(call)?,
        "Slice" => layout::slices(call)?.iter().map(|it| it.count).collect(),
        "Gather" => layout::gather(call)?.1,
        "Expand" => broadcast(call.shape(0)?, &extents(&call.list(1)?)?)?,
        "Tile" => layout::tile(call)?,
        "Pad" => layout::pad(call)?,
        "DepthToSpace" => layout::depth_to_space(call)?,
        "SpaceToDepth" => layout::space_to_depth(call)?,
        "Conv" | "ConvInteger" => window::conv(call)?,
        "ConvTranspose" => window::conv_transpose(call)?,
        "AveragePool" | "LpPool" => window::pool(call)?,
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => window::global_pool(call)?,
        "Gemm" => gemm(call)?,
        "MatMul" | "MatMulInteger" => matmul(call.shape(0)?, call.shape(1)?)?,
        "ArgMax" | "ArgMin" => reduce(call, Some(vec![call.attrs().int("axis", 0)?]))?,
        _ if op.starts_with("Reduce") => reduce(call, call.ints(1, "axes")?)?,
        _ => return Err(FoldError::NoRule),
    };
    Ok(vec![shape])
}

/// Operators whose (first) output is shaped like their first operand.
pub(super) const ELEMENTWISE: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BatchNormalization",
    "BitwiseNot",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Cosh",
    "CumSum",
    "DequantizeLinear",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MeanVarianceNormalization",
    "Mish",
    "Neg",
    "Not",
    "QuantizeLinear",
    "RMSNormalization",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Trilu",
];

/// Operators whose output is the broadcast of all operands.
const BROADCAST: &[&str] = &[
    "Add",
    "And",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "PRelu",
    "Pow",
    "Sub",
    "Sum",
    "Where",
    "Xor",
];

/// Quantizers of QONNX and its forerunners keep the shape.
fn quantizer(domain: &str, op: &str, call: &Call) -> Result<Vec<Shape>, FoldError> {
    let ops = ["Quant", "IntQuant", "BipolarQuant", "FloatQuant", "Trunc", "MultiThreshold"];
    match domain == "qonnx.custom_op.general" && ops.contains(&op) {
        true => Ok(vec![call.shape(0)?.to_vec()]),
        false => Err(FoldError::NoRule),
    }
}

/// Extents given as a constant.
pub(super) fn extents(values: &[i64]) -> Result<Shape, FoldError> {
    let extent = |value: &i64| {
        usize::try_from(*value).map_err(|_| FoldError::Value { what: "an extent", value: *value })
    };
    values.iter().map(extent).collect()
}

/// An axis counted from the front or, negative, from the back.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, FoldError> {
    let signed = rank as i64;
    let positive = if axis < 0 { axis.checked_add(signed) } else { Some(axis) };
    match positive {
        Some(it) if (0..signed).contains(&it) => Ok(it as usize),
        _ => Err(FoldError::Axis { axis, rank }),
    }
}

/// The common shape of two tensors.
pub(super) fn broadcast(left: &[usize], right: &[usize]) -> Result<Shape, FoldError> {
    let rank = left.len().max(right.len());
    let extent = |shape: &[usize], idx: usize| match idx.checked_sub(rank - shape.len()) {
        Some(idx) => shape[idx],
        None => 1,
    };
    let common = |idx| match (extent(left, idx), extent(right, idx)) {
        (a, b) if a == b => Ok(a),
        (1, b) => Ok(b),
        (a, 1) => Ok(a),
        _ => Err(FoldError::Mismatch { left: left.to_vec(), right: right.to_vec() }),
    };
    (0..rank).map(common).collect()
}

fn broadcast_all(call: &Call) -> Result<Shape, FoldError> {
    call.shape(0)?;
    call.given().try_fold(Shape::new(), |all, it| broadcast(&all, call.shape(it)?))
}

fn constant(call: &Call) -> Result<Shape, FoldError> {
    Ok(super::fold::constant(call)?.data.shape().to_vec())
}

fn gemm(call: &Call) -> Result<Shape, FoldError> {
    let (left, right) = (call.shape(0)?, call.shape(1)?);
    let mismatch = || FoldError::Mismatch { left: left.to_vec(), right: right.to_vec() };
    let (&[a, b], &[c, d]) = (left, right) else { return Err(mismatch()) };
    let (rows, inner) = if call.attrs().bool("transA", false)? { (b, a) } else { (a, b) };
    let (other, columns) = if call.attrs().bool("transB", false)? { (d, c) } else { (c, d) };
    if inner == other { Ok(vec![rows, columns]) } else { Err(mismatch()) }
}

/// Like numpy: vectors become matrices for the product, the axes before the last two broadcast.
fn matmul(left: &[usize], right: &[usize]) -> Result<Shape, FoldError> {
    let mismatch = || FoldError::Mismatch { left: left.to_vec(), right: right.to_vec() };
    let (left_batch, rows, inner) = match left {
        [] => return Err(mismatch()),
        [inner] => (&[][..], None, *inner),
        [batch @ .., rows, inner] => (batch, Some(*rows), *inner),
    };
    let (right_batch, other, columns) = match right {
        [] => return Err(mismatch()),
        [other] => (&[][..], *other, None),
        [batch @ .., other, columns] => (batch, *other, Some(*columns)),
    };
    if inner != other {
        return Err(mismatch());
    }
    let mut shape = broadcast(left_batch, right_batch)?;
    shape.extend(rows);
    shape.extend(columns);
    Ok(shape)
}

fn reduce(call: &Call, axes: Option<Vec<i64>>) -> Result<Shape, FoldError> {
    let shape = call.shape(0)?;
    let keep = call.attrs().bool("keepdims", true)?;
    let axes = axes.unwrap_or_default();
    if axes.is_empty() && call.attrs().bool("noop_with_empty_axes", false)? {
        return Ok(shape.to_vec());
    }
    let axes: Vec<usize> =
        axes.iter().map(|it| axis(*it, shape.len())).collect::<Result<_, _>>()?;
    let reduced = |idx: &usize| axes.is_empty() || axes.contains(idx);
    let kept = (0..shape.len()).filter(|it| keep || !reduced(it));
    Ok(kept.map(|it| if reduced(&it) { 1 } else { shape[it] }).collect())
}

/// Values and places along an axis have the extent that is asked for.
fn top_k(call: &Call) -> Result<Shape, FoldError> {
    let mut shape = call.shape(0)?.to_vec();
    let at = axis(call.attrs().int("axis", -1)?, shape.len())?;
    let given = match call.ints(1, "k")?.as_deref() {
        Some([count]) => *count,
        _ => call.attrs().int("k", 0)?,
    };
    shape[at] = usize::try_from(given).unwrap_or(0);
    Ok(shape)
}

/// `Y`, `Y_h` and `Y_c`.
fn recurrent(call: &Call) -> Result<Vec<Shape>, FoldError> {
    let shape = call.shape(0)?;
    let &[first, second, _] = shape else {
        return Err(FoldError::Axis { axis: 2, rank: shape.len() });
    };
    let directions =
        if call.attrs().str("direction", "forward")? == "bidirectional" { 2 } else { 1 };
    let &[_, _, hidden] = call.shape(2)? else {
        return Err(FoldError::Axis { axis: 2, rank: call.shape(2)?.len() });
    };
    let (all, last) = match call.attrs().bool("layout", false)? {
        false => (vec![first, directions, second, hidden], vec![directions, second, hidden]),
        true => (vec![first, second, directions, hidden], vec![first, directions, hidden]),
    };
    Ok(vec![all, last.clone(), last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_like_numpy() {
        assert_eq!(broadcast(&[2, 1, 3], &[4, 1]).unwrap(), [2, 4, 3]);
        assert_eq!(broadcast(&[], &[0, 3]).unwrap(), [0, 3]);
        assert!(broadcast(&[2], &[3]).is_err());
    }

    #[test]
    fn products_of_matrices_like_numpy() {
        assert_eq!(matmul(&[5, 1, 2, 3], &[4, 3, 7]).unwrap(), [5, 4, 2, 7]);
        assert_eq!(matmul(&[3], &[3, 7]).unwrap(), [7]);
        assert_eq!(matmul(&[2, 3], &[3]).unwrap(), [2]);
        assert_eq!(matmul(&[3], &[3]).unwrap(), [0; 0]);
        assert!(matmul(&[2, 3], &[2, 3]).is_err());
    }

    #[test]
    fn axes_count_from_both_ends() {
        assert_eq!(axis(-1, 3).unwrap(), 2);
        assert!(axis(3, 3).is_err());
        assert!(axis(-4, 3).is_err());
        assert!(axis(i64::MIN, 3).is_err());
    }
}
