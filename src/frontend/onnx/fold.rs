//! Constant folding: nodes whose result is known become constants.
//!
//! That is the plumbing exporters leave in a graph (`Shape`, `Gather`, `Concat` into a `Reshape`),
//! and weights that are reshaped, transposed or quantized before use. Folded constants are limited by
//! the size of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};

use super::arith;
use super::call::{Call, Known};
use super::dtype::DataType;
use super::error::{FoldError, OnnxError};
use super::graph::Node;
use super::layout;
use super::shape::infer;
use super::tensor::Value;
use crate::error::{Origin, Problem, Problems, Result as Checked};
use crate::layers::fake_quant::{FakeQuant, Said};
use crate::source::{Attr, Packed, RawInput};

/// Operators that fold when all their operands are constant; those of [`arith`] do, too.
const FOLDABLE: &[&str] = &[
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Folding of one graph.
pub(super) struct Folder<'a> {
    file: &'a str,
    batches: BTreeSet<usize>,
    known: BTreeMap<String, Known>,
    /// Constants that quantizers have made, and what was only moved of them.
    grids: BTreeSet<String>,
    /// Elements that folded constants may still have.
    budget: usize,
}

/// Operators that only move elements.
const MOVES: &[&str] =
    &["Clip", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"];

impl<'a> Folder<'a> {
    /// A folder that knows the inputs and constants of a graph.
    pub(super) fn new(
        file: &'a str,
        inputs: &[RawInput],
        batches: BTreeSet<usize>,
        constants: BTreeMap<String, Rc<Value>>,
        budget: usize,
    ) -> Folder<'a> {
        let mut known = BTreeMap::new();
        for RawInput { name, shape } in inputs {
            let shape = [&[1], &shape[..]].concat();
            known.insert(name.clone(), Known::shaped(Ok(shape)));
        }
        for (name, value) in constants {
            known.insert(name, Known::constant(value));
        }
        Folder { file, batches, known, grids: BTreeSet::new(), budget }
    }

    /// Folds nodes in topological order; returns those that stay.
    pub(super) fn run(&mut self, nodes: Vec<Node>, outputs: &[String]) -> Checked<Vec<Node>> {
        let mut problems = Problems::default();
        let mut reads: BTreeMap<String, usize> = BTreeMap::new();
        for name in nodes.iter().flat_map(|it| it.inputs.iter().flatten()).chain(outputs) {
            *reads.entry(name.clone()).or_default() += 1;
        }
        let mut rest = Vec::new();
        for mut node in nodes {
            self.output_type(&mut node);
            match self.step(&node, &reads) {
                Ok(true) => {
                    self.inherit_grid(&node);
                    self.release(&node, &mut reads);
                }
                Ok(false) => {
                    self.mark_grid(&mut node);
                    rest.push(node);
                }
                Err(error) => {
                    let at = Origin::new(self.file, &node.name);
                    problems.push(Problem::at(&at, OnnxError::Fold(error)));
                    self.lose(&node);
                }
            }
        }
        problems.into_result(rest)
    }

    /// Drops the constants that a folded node was the last to read: they may be all the weights.
    fn release(&mut self, node: &Node, reads: &mut BTreeMap<String, usize>) {
        for name in node.inputs.iter().flatten() {
            let left = reads.entry(name.clone()).or_default();
            *left = left.saturating_sub(1);
            if let (0, Some(known)) = (*left, self.known.get_mut(name)) {
                known.value = None;
            }
        }
    }

    /// The constant of that name, taken out if nothing else holds it.
    pub(super) fn take(&mut self, tensor: &str) -> Option<Packed> {
        self.known.get_mut(tensor)?.value.take().map(Value::take)
    }

    /// The constant of that name.
    pub(super) fn constant(&self, tensor: &str) -> Option<&Rc<Value>> {
        self.known.get(tensor)?.value.as_ref()
    }

    /// The shape of a tensor, with a batch of 1, as far as it is known.
    pub(super) fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        self.known.get(tensor)?.shape.clone().ok()
    }

    /// A new constant for a node; its name.
    pub(super) fn insert(&mut self, node: &str, value: Value) -> String {
        let name = (0..).map(|it| format!("{node}.{it}")).find(|it| !self.known.contains_key(it));
        let name = name.expect("there are more numbers than tensors");
        self.known.insert(name.clone(), Known::constant(Rc::new(value)));
        name
    }

    /// Folds a node, or infers the shapes of its outputs; whether it folded.
    fn step(&mut self, node: &Node, reads: &BTreeMap<String, usize>) -> Result<bool, FoldError> {
        let call = Call::new(node, &self.known, &self.batches);
        if let (true, [output]) = (folds(&call), &node.outputs[..]) {
            let value = match fold(&call, &mut self.budget)? {
                Folded::Value(value) => value,
                Folded::Quantizer(layer, dtype) => {
                    let data = layer.apply_to(self.operand(node, reads)?);
                    Rc::new(Value { dtype, data })
                }
            };
            self.known.insert(output.clone(), Known::constant(value));
            return Ok(true);
        }
        let mut shapes = match infer(&call) {
            Ok(shapes) => shapes.into_iter(),
            Err(_) => Vec::new().into_iter(),
        };
        let lost = call.lost().cloned().unwrap_or_else(|| lost_at(node));
        for output in &node.outputs {
            let shape = shapes.next().ok_or_else(|| lost.clone());
            self.known.insert(output.clone(), Known::shaped(shape));
        }
        Ok(false)
    }

    /// A node's first operand, to be changed: itself if nothing else reads it.
    fn operand(
        &mut self,
        node: &Node,
        reads: &BTreeMap<String, usize>,
    ) -> Result<Packed, FoldError> {
        let name = node.inputs.first().and_then(Option::as_ref);
        let known = name.and_then(|it| Some((self.known.get_mut(it)?, reads.get(it) == Some(&1))));
        let value = known.and_then(|(known, last)| match last {
            true => known.value.take(),
            false => known.value.clone(),
        });
        let value = value.ok_or(FoldError::NotConstant { operand: 0 })?;
        Ok(Value::take(value))
    }

    /// Notes which constants lie on a grid of the model's own.
    fn inherit_grid(&mut self, node: &Node) {
        let first = node.inputs.first().and_then(Option::as_ref);
        let moved = MOVES.contains(&&*node.op) && first.is_some_and(|it| self.grids.contains(it));
        let made = Said::is_quantizer(&node.op);
        if moved || made {
            self.grids.extend(node.outputs.iter().cloned());
        }
    }

    /// Tells products of which the weights lie on such a grid.
    fn mark_grid(&self, node: &mut Node) {
        let weights = match &*node.op {
            "Gemm" | "Conv" | "qonnx.custom_op.channels_last::Conv" => 1..2,
            "MatMul" => 0..2,
            _ => return,
        };
        let inputs = node.inputs.get(weights).into_iter().flatten().flatten();
        let constants: Vec<_> = inputs.filter(|it| self.constant(it).is_some()).collect();
        if !constants.is_empty() && constants.iter().all(|it| self.grids.contains(*it)) {
            node.attrs.values.insert("quantized".to_owned(), Attr::Int(1));
        }
    }

    /// Nothing is known of the outputs of a faulty node.
    fn lose(&mut self, node: &Node) {
        for output in &node.outputs {
            self.known.insert(output.clone(), Known::shaped(Err(lost_at(node))));
        }
    }

    /// Writes down what `QuantizeLinear` rounds to, which only the zero point's type tells.
    fn output_type(&self, node: &mut Node) {
        let given = node.attrs.values.get("output_dtype").is_some_and(|it| *it != Attr::Int(0));
        if node.op != "QuantizeLinear" || given {
            return;
        }
        let dtype = match node.inputs.get(2) {
            Some(Some(zero)) => self.constant(zero).map(|it| it.dtype),
            _ => Some(DataType::Uint(8)),
        };
        if let Some(dtype) = dtype {
            let id = Attr::Int(i64::from(dtype.id()));
            node.attrs.values.insert("output_dtype".to_owned(), id);
        }
    }
}

/// Many messages may repeat it, so it is kept short.
fn lost_at(node: &Node) -> Rc<str> {
    let short = |text: &str| text.chars().take(100).collect::<String>();
    format!("node `{}` ({})", short(&node.name), short(&node.op)).into()
}

/// Whether the node is to become a constant.
fn folds(call: &Call) -> bool {
    let op = call.op();
    // Before opset 7 an axis placed the smaller operand.
    let placed = call.version() < 7 && call.attrs().get("axis").is_some();
    match op {
        "Shape" | "Size" => true,
        _ if arith::knows(op) => call.is_constant() && !placed,
        _ if Said::is_quantizer(op) => call.is_constant(),
        _ => call.is_constant() && FOLDABLE.contains(&op),
    }
}

/// What a node that folds makes.
enum Folded {
    /// A constant.
    Value(Rc<Value>),
    /// Its first operand, changed: weights, which should not be there twice.
    Quantizer(Box<FakeQuant>, DataType),
}

fn fold(call: &Call, budget: &mut usize) -> Result<Folded, FoldError> {
    let shape = infer(call)?.into_iter().next().unwrap_or_default();
    let elements: usize = shape.iter().product();
    let cost = match call.op() {
        // Picking nothing many times is work, too.
        "Gather" => elements.max(call.shape(1)?.iter().product()),
        _ => elements,
    };
    *budget =
        budget.checked_sub(cost).ok_or_else(|| FoldError::TooLarge { shape: shape.clone() })?;
    let value = match call.op() {
        "Constant" => Folded::Value(Rc::new(constant(call)?)),
        "Identity" => Folded::Value(call.value(0)?.clone()),
        op if Said::is_quantizer(op) => quantizer(call, &shape)?,
        _ => Folded::Value(Rc::new(compute(call, &shape)?)),
    };
    // Attributes of opset 1 that never meant anything at inference.
    call.attrs().ignore(&["consumed_inputs", "broadcast"]);
    let unread: Vec<String> =
        call.attrs().unread().into_iter().map(|(name, _)| name.to_owned()).collect();
    match unread.is_empty() {
        true => Ok(value),
        false => Err(FoldError::UnknownAttr { names: unread }),
    }
}

fn compute(call: &Call, shape: &[usize]) -> Result<Value, FoldError> {
    let wrong = || FoldError::TooLarge { shape: shape.to_vec() };
    let filled = |dtype, values| Value::new(dtype, shape, values).ok_or_else(wrong);
    let int = DataType::Int(64);
    let extents = |extents: &[usize]| extents.iter().map(|it| *it as f64).collect::<Vec<f64>>();
    match call.op() {
        "Shape" => filled(int, extents(&call.shape(0)?[layout::shape_range(call)?])),
        "Size" => filled(int, extents(&[call.shape(0)?.iter().product()])),
        "ConstantOfShape" => {
            let (dtype, value) = filling(call)?;
            filled(dtype, vec![value; shape.iter().product()])
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            let from = call.value(0)?;
            filled(from.dtype, from.data.iter().copied().collect())
        }
        "Cast" => {
            let to = call.attrs().int("to", 0)?;
            call.attrs().ignore(&["saturate", "round_mode"]);
            let to = DataType::from_id(i32::try_from(to).unwrap_or_default())?;
            arith::cast(call.value(0)?, to)
        }
        "Expand" => {
            let from = call.value(0)?;
            Ok(Value { dtype: from.dtype, data: Packed::of(arith::stretched(from, shape)?) })
        }
        "Transpose" => transpose(call),
        "Slice" => slice(call),
        "Concat" => concat(call, shape),
        "Gather" => gather(call, shape),
        "Clip" => clip(call),
        _ => arith::apply(call, shape),
    }
}

/// The value of a `Constant` node.
pub(super) fn constant(call: &Call) -> Result<Value, FoldError> {
    let missing = FoldError::Missing { what: "the value of the constant" };
    let attrs = call.attrs();
    if let Some(Attr::Tensor(data)) = attrs.get("value") {
        let dtype = call.attr_type("value").ok_or(missing)?;
        return Ok(Value { dtype, data: Packed::of(data.view()) });
    }
    let number = |it: &Attr| match it {
        Attr::Float(v) => Some(*v),
        Attr::Int(v) => Some(*v as f64),
        _ => None,
    };
    let kinds = [("value_float", DataType::F32), ("value_int", DataType::Int(64))];
    for (name, dtype) in kinds {
        if let Some(value) = attrs.get(name).and_then(number) {
            return Value::new(dtype, &[], vec![value]).ok_or(missing);
        }
    }
    for (name, dtype) in [("value_floats", DataType::F32), ("value_ints", DataType::Int(64))] {
        if let Some(Attr::List(items)) = attrs.get(name) {
            let values: Option<Vec<f64>> = items.iter().map(number).collect();
            let value = values.and_then(|it| Value::new(dtype, &[it.len()], it));
            return value.ok_or(missing);
        }
    }
    match attrs.get("value_string").or(attrs.get("value_strings")) {
        Some(_) => Err(super::error::TensorError::Strings.into()),
        None => Err(missing),
    }
}

/// `Clip`, which says how narrow the codes of a quantizer are.
fn clip(call: &Call) -> Result<Value, FoldError> {
    let from = call.value(0)?;
    let limit = |at: usize, name: &'static str, open: f64| match call.has(at) {
        true => Ok(call.value(at)?.data.first().copied().unwrap_or(open)),
        false => Ok::<f64, FoldError>(call.attrs().float(name, open)?),
    };
    let (low, high) = (limit(1, "min", f64::NEG_INFINITY)?, limit(2, "max", f64::INFINITY)?);
    // Where they cross, the upper one counts.
    Ok(Value::of(from.dtype, from.data.mapv(|it| it.max(low).min(high))))
}

/// Weights behind a quantizer, or behind a half of one.
fn quantizer(call: &Call, shape: &[usize]) -> Result<Folded, FoldError> {
    // The first is what is quantized, and stays packed.
    let parameters = (1..call.operands()).map(|it| call.value(it).ok().map(|it| &*it.data));
    let operands = std::iter::once(None).chain(parameters).collect();
    let said = Said { op: call.op(), attrs: call.attrs(), operands, rank: shape.len() };
    let layer = said.read().map_err(Box::new)?;
    if !layer.fits(shape) {
        let (left, right) = (layer.scale.shape().to_vec(), shape.to_vec());
        return Err(FoldError::Mismatch { left, right });
    }
    let dtype = match call.op() {
        "QuantizeLinear" => call.attrs().int("output_dtype", 2)?,
        _ => i64::from(DataType::F32.id()),
    };
    let dtype = DataType::from_id(i32::try_from(dtype).unwrap_or_default())?;
    Ok(Folded::Quantizer(Box::new(layer), dtype))
}

/// Type and value of the elements of `ConstantOfShape`: a single zero unless given.
fn filling(call: &Call) -> Result<(DataType, f64), FoldError> {
    let given = call.attrs().get("value");
    match (given, call.attr_type("value")) {
        (Some(Attr::Tensor(data)), Some(dtype)) => match data.first() {
            Some(value) => Ok((dtype, *value)),
            None => Err(FoldError::Missing { what: "the value of the constant" }),
        },
        _ => Ok((DataType::F32, 0.0)),
    }
}

fn transpose(call: &Call) -> Result<Value, FoldError> {
    let from = call.value(0)?;
    let order: Vec<usize> = layout::permutation(call)?.iter().map(|it| it.0).collect();
    let view = from.data.view().permuted_axes(IxDyn(&order));
    Ok(Value { dtype: from.dtype, data: Packed::of(view) })
}

fn slice(call: &Call) -> Result<Value, FoldError> {
    let from = call.value(0)?;
    let mut view = from.data.view();
    for (at, cut) in layout::slices(call)?.into_iter().enumerate() {
        let slice = match cut.count.checked_sub(1) {
            None => Slice::from(0..0),
            // One element needs no step, and a large step no arithmetic.
            Some(0) => Slice::from(cut.start..cut.start + 1),
            Some(steps) => {
                let reach = cut.step.unsigned_abs() as usize * steps;
                match cut.step > 0 {
                    true => Slice::from(cut.start..cut.start + reach + 1),
                    false => Slice::from(cut.start - reach..cut.start + 1),
                }
                .step_by(cut.step as isize)
            }
        };
        view.slice_axis_inplace(Axis(at), slice);
    }
    Ok(Value { dtype: from.dtype, data: Packed::of(view) })
}

fn concat(call: &Call, shape: &[usize]) -> Result<Value, FoldError> {
    let (at, _) = layout::concat(call)?;
    let values = call.given().map(|it| call.value(it)).collect::<Result<Vec<_>, _>>()?;
    let dtype = call.value(0)?.dtype;
    if values.iter().any(|it| it.dtype != dtype) {
        return Err(FoldError::Types);
    }
    let views: Vec<_> = values.iter().map(|it| it.data.view()).collect();
    let mismatch = |_| FoldError::Mismatch { left: shape.to_vec(), right: vec![] };
    Ok(Value::of(dtype, concatenate(Axis(at), &views).map_err(mismatch)?))
}

fn gather(call: &Call, shape: &[usize]) -> Result<Value, FoldError> {
    let (from, indices) = (call.value(0)?, call.value(1)?);
    let (at, _) = layout::gather(call)?;
    let extent = from.data.shape()[at];
    let place = |index: i64| {
        let positive = if index < 0 { index.saturating_add(extent as i64) } else { index };
        let found = usize::try_from(positive).ok().filter(|it| *it < extent);
        found.ok_or(FoldError::Index { index, extent })
    };
    let places: Vec<usize> = indices.ints().into_iter().map(place).collect::<Result<_, _>>()?;
    let picked: ArrayD<f64> = from.data.select(Axis(at), &places);
    let values = picked.as_standard_layout().iter().copied().collect();
    Value::new(from.dtype, shape, values)
        .ok_or_else(|| FoldError::TooLarge { shape: shape.to_vec() })
}
