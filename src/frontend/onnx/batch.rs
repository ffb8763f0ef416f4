//! The batch goes to the front: recurrent networks have it on another axis for a while.
//!
//! A tensor whose batch is axis `k` is handed on with that axis first and the others in order, and
//! axes in attributes, constants and permutations are renumbered. What is not known to leave samples
//! apart is refused while the batch is elsewhere.

use std::collections::BTreeMap;

use ndarray::Axis;

use super::dtype::DataType;
use super::error::{FoldError, OnnxError};
use super::fold::Folder;
use super::graph::Node;
use super::shape::ELEMENTWISE;
use super::tensor::Value;
use crate::error::{Origin, Problem, Problems, Result as Checked};
use crate::source::{Attr, Packed};

/// Operators that work along the axes behind the batch, on constants of their own.
const BROADCAST: &[&str] =
    &["Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Mean", "PRelu", "Pow"];

/// Places of batches that are not the first axis.
struct Places<'a, 'b> {
    folder: &'a mut Folder<'b>,
    places: BTreeMap<String, usize>,
}

/// Renumbers the axes of all nodes.
pub(super) fn to_front(
    file: &str,
    nodes: &mut [Node],
    folder: &mut Folder<'_>,
    outputs: &[String],
) -> Checked<()> {
    let mut places = Places { folder, places: BTreeMap::new() };
    let mut problems = Problems::default();
    for node in nodes {
        if let Err(error) = places.node(node) {
            problems.push(Problem::at(&Origin::new(file, &node.name), OnnxError::Fold(error)));
        }
    }
    for output in outputs {
        if let Some(axis) = places.places.get(output) {
            let error = OnnxError::Fold(FoldError::Batch { axis: *axis });
            problems.push(Problem::at(&Origin::new(file, output), error));
        }
    }
    problems.into_result(())
}

impl Places<'_, '_> {
    /// The place of the batch in an operand that is data.
    fn of(&self, operand: Option<&Option<String>>) -> usize {
        let name = operand.and_then(Option::as_ref);
        name.and_then(|it| self.places.get(it)).copied().unwrap_or(0)
    }

    fn shape(&self, tensor: &str) -> Result<Vec<usize>, FoldError> {
        self.folder.shape(tensor).ok_or(FoldError::NoRule)
    }

    fn set(&mut self, node: &Node, output: usize, place: usize) {
        if let Some(name) = node.outputs.get(output).filter(|it| !it.is_empty() && place > 0) {
            self.places.insert(name.clone(), place);
        }
    }

    fn node(&mut self, node: &mut Node) -> Result<(), FoldError> {
        let place = self.of(node.inputs.first());
        let turns = match node.attrs.values.get("perm") {
            Some(Attr::List(perm)) => perm.first() != Some(&Attr::Int(0)),
            _ => true,
        };
        match &*node.op {
            "Transpose" if turns || place > 0 => self.transpose(node, place),
            "LSTM" | "GRU" | "RNN" if place == 1 => self.recurrent(node),
            _ if node.inputs.iter().all(|it| self.of(Some(it)) == 0) => Ok(()),
            op if BROADCAST.contains(&op) => self.broadcast(node),
            _ if place == 0 => Err(FoldError::Batch { axis: place }),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => self.reshape(node, place),
            "MatMul" | "Dropout" | "Clip" => self.last(node, place),
            "Gather" | "Slice" | "Concat" | "Split" => self.along(node, place),
            op if ELEMENTWISE.contains(&op) && !node.attrs.values.contains_key("axis") => {
                self.last(node, place)
            }
            _ => Err(FoldError::Batch { axis: place }),
        }
    }

    /// Where a logical axis is, once the batch is in front.
    fn moved(axis: usize, place: usize) -> usize {
        match axis {
            _ if axis == place => 0,
            _ if axis < place => axis + 1,
            _ => axis,
        }
    }

    fn transpose(&mut self, node: &mut Node, place: usize) -> Result<(), FoldError> {
        let input = node.inputs.first().cloned().flatten().unwrap_or_default();
        let rank = self.shape(&input)?.len();
        let perm: Vec<usize> = match node.attrs.values.get("perm") {
            Some(Attr::List(perm)) => {
                let axis = |it: &Attr| match it {
                    Attr::Int(v) => usize::try_from(*v).ok().filter(|it| *it < rank),
                    _ => None,
                };
                perm.iter().map(axis).collect::<Option<_>>().ok_or(FoldError::NoRule)?
            }
            _ => (0..rank).rev().collect(),
        };
        let to = perm.iter().position(|it| *it == place).ok_or(FoldError::NoRule)?;
        let rest = perm.iter().filter(|it| **it != place).map(|it| Self::moved(*it, place));
        let order: Vec<Attr> = [0].into_iter().chain(rest).map(|it| Attr::Int(it as i64)).collect();
        node.attrs.values.insert("perm".to_owned(), Attr::List(order));
        self.set(node, 0, to);
        Ok(())
    }

    /// `[steps, batch, inputs]` becomes the other layout, which has the batch first everywhere.
    fn recurrent(&mut self, node: &mut Node) -> Result<(), FoldError> {
        if node.attrs.values.get("layout").is_some_and(|it| *it != Attr::Int(0)) {
            return Err(FoldError::Batch { axis: 1 });
        }
        node.attrs.values.insert("layout".to_owned(), Attr::Int(1));
        for index in [5, 6] {
            let Some(name) = node.inputs.get(index).cloned().flatten() else { continue };
            match self.folder.constant(&name).cloned() {
                Some(value) if value.data.ndim() == 3 => {
                    let data = Packed::of(value.data.view().permuted_axes(vec![1, 0, 2]));
                    let value = Value { dtype: value.dtype, data };
                    node.inputs[index] = Some(self.folder.insert(&node.name, value));
                }
                Some(_) => {}
                None if self.of(node.inputs.get(index)) != 1 => {
                    return Err(FoldError::Batch { axis: 0 });
                }
                None => {}
            }
        }
        for (output, place) in [2, 1, 1].into_iter().enumerate() {
            self.set(node, output, place);
        }
        Ok(())
    }

    /// Data with the batch at the same place, counted from behind, and constants that do not meet it.
    fn broadcast(&mut self, node: &mut Node) -> Result<(), FoldError> {
        let output = node.outputs.first().cloned().unwrap_or_default();
        let rank = self.shape(&output)?.len();
        let mut place = None;
        for index in 0..node.inputs.len() {
            let Some(name) = node.inputs[index].clone() else { continue };
            if self.folder.constant(&name).is_some() {
                continue;
            }
            let own = self.of(Some(&node.inputs[index]));
            if self.shape(&name)?.len() != rank || place.is_some_and(|it| it != own) {
                return Err(FoldError::Batch { axis: own });
            }
            place = Some(own);
        }
        let place = place.ok_or(FoldError::NoRule)?;
        for index in 0..node.inputs.len() {
            let constant = node.inputs[index].as_ref().and_then(|it| self.folder.constant(it));
            let Some(value) = constant.cloned() else { continue };
            let Some(axis) = (value.data.ndim() + place).checked_sub(rank) else { continue };
            if value.data.shape()[axis] != 1 {
                return Err(FoldError::Batch { axis: place });
            }
            let data = Packed::of(value.data.index_axis(Axis(axis), 0));
            let value = Value { dtype: value.dtype, data };
            node.inputs[index] = Some(self.folder.insert(&node.name, value));
        }
        self.set(node, 0, place);
        Ok(())
    }

    /// The same elements under another shape; the batch keeps what is in front of it.
    fn reshape(&mut self, node: &mut Node, place: usize) -> Result<(), FoldError> {
        let input = node.inputs.first().cloned().flatten().unwrap_or_default();
        let from = self.shape(&input)?;
        let to = self.shape(&node.outputs[0])?;
        let front = |shape: &[usize], at: usize| shape[..at].iter().product::<usize>();
        let ahead = front(&from, place);
        let mut fits = (0..to.len()).filter(|it| to[*it] == 1 && front(&to, *it) == ahead);
        let to_place = fits.next().ok_or(FoldError::Batch { axis: place })?;
        let rest = to.iter().enumerate().filter(|it| it.0 != to_place).map(|it| *it.1 as f64);
        let target: Vec<f64> = [1.0].into_iter().chain(rest).collect();
        let target =
            Value::new(DataType::Int(64), &[target.len()], target).ok_or(FoldError::NoRule)?;
        node.op = "Reshape".to_owned();
        node.version = node.version.max(5);
        node.attrs.values.clear();
        node.inputs = vec![Some(input), Some(self.folder.insert(&node.name, target))];
        self.set(node, 0, to_place);
        Ok(())
    }

    /// Operators that see the last axes only, or every element alone.
    fn last(&mut self, node: &mut Node, place: usize) -> Result<(), FoldError> {
        let input = node.inputs.first().cloned().flatten().unwrap_or_default();
        let rank = self.shape(&input)?.len();
        let matrix = node.inputs.get(1).and_then(Option::as_ref);
        let constant = matrix.is_some_and(|it| self.folder.constant(it).is_some());
        match &*node.op {
            "MatMul" if place + 1 < rank && constant => {}
            "MatMul" => return Err(FoldError::Batch { axis: place }),
            // Their axes have defaults, which would have to be renumbered.
            "Softmax"
            | "LogSoftmax"
            | "Hardmax"
            | "LayerNormalization"
            | "BatchNormalization"
            | "CumSum"
            | "QuantizeLinear"
            | "DequantizeLinear"
            | "InstanceNormalization"
            | "GroupNormalization"
            | "LRN"
            | "LpNormalization"
            | "RMSNormalization"
            | "MeanVarianceNormalization"
            | "Trilu" => {
                return Err(FoldError::Batch { axis: place });
            }
            _ => {}
        }
        self.set(node, 0, place);
        Ok(())
    }

    /// Operators along one axis, or several.
    fn along(&mut self, node: &mut Node, place: usize) -> Result<(), FoldError> {
        let input = node.inputs.first().cloned().flatten().unwrap_or_default();
        let rank = self.shape(&input)?.len();
        let renumbered = |it: i64| {
            let axis = if it < 0 { it + rank as i64 } else { it };
            let axis = usize::try_from(axis).ok().filter(|it| *it < rank && *it != place);
            axis.map(|it| Self::moved(it, place) as i64).ok_or(FoldError::Batch { axis: place })
        };
        let mut to_place = place;
        if node.op == "Slice" {
            let count = match node.inputs.get(1).and_then(Option::as_ref) {
                Some(starts) => self.folder.constant(starts).map_or(0, |it| it.data.len()),
                None => return Err(FoldError::Batch { axis: place }),
            };
            let axes = match node.inputs.get(3).and_then(Option::as_ref) {
                Some(axes) => self.folder.constant(axes).map_or_else(Vec::new, |it| it.ints()),
                None => (0..count as i64).collect(),
            };
            let axes: Vec<f64> = axes
                .into_iter()
                .map(|it| renumbered(it).map(|it| it as f64))
                .collect::<Result<_, _>>()?;
            let axes =
                Value::new(DataType::Int(64), &[axes.len()], axes).ok_or(FoldError::NoRule)?;
            let name = self.folder.insert(&node.name, axes);
            node.inputs.resize(node.inputs.len().max(4), None);
            node.inputs[3] = Some(name);
        } else {
            if node.op == "Concat" && node.inputs.iter().any(|it| self.of(Some(it)) != place) {
                return Err(FoldError::Batch { axis: place });
            }
            let axis = match node.attrs.values.get("axis") {
                Some(Attr::Int(axis)) => *axis,
                _ => 0,
            };
            let axis = renumbered(axis)?;
            node.attrs.values.insert("axis".to_owned(), Attr::Int(axis));
            let indices = node.inputs.get(1).and_then(Option::as_ref);
            let indices = indices.and_then(|it| self.folder.constant(it));
            if node.op == "Gather" {
                let rank = indices.map_or(1, |it| it.data.ndim());
                // Axes of the indices take the place of the one that is read.
                if axis <= place as i64 {
                    to_place = (place + rank).saturating_sub(1);
                }
            }
        }
        for output in 0..node.outputs.len() {
            self.set(node, output, to_place);
        }
        Ok(())
    }
}
