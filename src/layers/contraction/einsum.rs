//! Sum of products of two tensors over axes with names, the second perhaps a constant.
//!
//! The float engine brings both to `[batch, rows, sum]` and `[batch, sum, columns]` and multiplies
//! matrices.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, ArrayD, Axis, Ix3};

use crate::layers::{Dense, Hardware, Imported, LayerError, LayerSpec, Operand, Reshape, Spelling};
use crate::nn::Shape;
use crate::precision::Role;
use crate::source::Tensor;

/// A name of an axis.
pub(in crate::layers) type Label = u8;

/// An einsum; the labels of one tensor are different.
#[derive(Clone, Debug)]
pub struct Einsum {
    /// Axes of the operands.
    pub inputs: [Vec<Label>; 2],
    /// Axes of the result; an axis that is missing here is summed over.
    pub output: Vec<Label>,
    /// The second operand, if it is a constant.
    pub kernel: Option<Tensor>,
    /// Added to the result, to which it broadcasts.
    pub bias: Option<Tensor>,
    /// `Dot`: one number has an axis; in hls4ml every product is cast to the accumulator, not only
    /// sums.
    pub dot: bool,
}

/// Labels by what becomes of them.
struct Kinds {
    batch: Vec<Label>,
    sum: Vec<Label>,
    rows: Vec<Label>,
    columns: Vec<Label>,
}

impl Einsum {
    pub(in crate::layers) const SPELLINGS: &[Spelling] = super::keras::SPELLINGS;

    /// A sum of products of two tensors that are data.
    pub fn of(a: &[Label], b: &[Label], output: &[Label]) -> Einsum {
        let inputs = [a.to_vec(), b.to_vec()];
        Einsum { inputs, output: output.to_vec(), kernel: None, bias: None, dot: false }
    }

    /// The product of matrices in the last two axes; the axes in front are the same for both.
    pub fn matrices(rank: usize) -> Einsum {
        let front: Vec<Label> = (0..rank.saturating_sub(2) as u8).collect();
        let with = |last: [Label; 2]| [front.as_slice(), &last].concat();
        Einsum::of(&with([200, 201]), &with([201, 202]), &with([200, 202]))
    }

    fn kinds(&self) -> Kinds {
        let [a, b] = &self.inputs;
        let select = |from: &[Label], in_other: bool, in_output: bool, other: &[Label]| {
            let all = from.iter().copied();
            all.filter(|it| other.contains(it) == in_other && self.output.contains(it) == in_output)
                .collect()
        };
        Kinds {
            batch: select(a, true, true, b),
            sum: select(a, true, false, b),
            rows: select(a, false, true, b),
            columns: select(b, false, true, a),
        }
    }

    /// Extent of every label; `None` if the tensors disagree or have other ranks.
    pub(super) fn extents(&self, shapes: [&[usize]; 2]) -> Option<BTreeMap<Label, usize>> {
        let mut extents = BTreeMap::new();
        for (labels, shape) in self.inputs.iter().zip(shapes) {
            if labels.len() != shape.len() {
                return None;
            }
            for (label, extent) in labels.iter().zip(shape) {
                if *extents.entry(*label).or_insert(*extent) != *extent {
                    return None;
                }
            }
        }
        Some(extents)
    }

    /// Shape of the result; `None` if a label is in no tensor.
    pub(super) fn shape(&self, extents: &BTreeMap<Label, usize>) -> Option<Shape> {
        let mut shape: Vec<usize> =
            self.output.iter().map(|it| extents.get(it).copied()).collect::<Option<_>>()?;
        if self.dot && shape.is_empty() {
            shape.push(1);
        }
        Some(Shape(shape))
    }

    /// The same layer as dense layers and reshapes, if the sum is over the last axes of the input
    /// and the new axes come last.
    pub fn into_layers(self, input: &Shape) -> Imported {
        let Some((kernel, bias)) = self.dense() else { return Imported::unary(self) };
        let (n_in, n_out) = (kernel.shape()[0], kernel.shape()[1]);
        let kinds = self.kinds();
        let front: Vec<usize> = input.0[..kinds.rows.len()].to_vec();
        let flat = Shape([front.as_slice(), &[n_in]].concat());
        let extents = self.kernel.as_ref().and_then(|it| self.extents([&input.0, it.shape()]));
        let shape =
            Shape(self.output.iter().map(|it| extents.as_ref().map_or(0, |e| e[it])).collect());
        let dense = Dense { weights: kernel.into(), bias, quantized: false };
        let mut made = Imported::default();
        let mut value = Operand::Input(0);
        if flat != *input {
            value = made.add("flat", Reshape { shape: flat }, &[value]);
        }
        let wide = Shape([front.as_slice(), &[n_out]].concat());
        if wide == shape {
            value = made.add("", dense, &[value]);
        } else {
            value = made.add("product", dense, &[value]);
            value = made.add("", Reshape { shape }, &[value]);
        }
        made.with_outputs([value])
    }

    /// Kernel and bias of a dense layer.
    fn dense(&self) -> Option<(Tensor, Option<Tensor>)> {
        let kernel = self.kernel.as_ref()?;
        let Kinds { batch, sum, rows, columns } = self.kinds();
        let [a, b] = &self.inputs;
        let plain = batch.is_empty()
            && *a == [rows.as_slice(), &sum].concat()
            && self.output == [rows.as_slice(), &columns].concat()
            && b.len() == sum.len() + columns.len();
        if !plain || kernel.ndim() != b.len() {
            return None;
        }
        let kernel = arranged(kernel, b, &[sum.as_slice(), &columns].concat());
        let n_in = kernel.shape()[..sum.len()].iter().product();
        let shape = kernel.shape()[sum.len()..].to_vec();
        let n_out = shape.iter().product();
        let bias = match &self.bias {
            None => None,
            // Only a bias that is the same for all rows.
            Some(bias) => Some(bias.broadcast(shape)?.iter().copied().collect::<Vec<f64>>()),
        };
        let bias = bias.and_then(|it| Tensor::from_shape_vec(vec![n_out], it).ok());
        Some((kernel.into_shape_with_order(vec![n_in, n_out]).ok()?, bias))
    }
}

/// A tensor with its axes in another order; axes that are not named are summed over.
fn arranged(value: &Tensor, labels: &[Label], order: &[Label]) -> Tensor {
    let mut value = value.clone();
    let mut labels = labels.to_vec();
    for at in (0..labels.len()).rev() {
        if !order.contains(&labels[at]) {
            value = value.sum_axis(Axis(at));
            labels.remove(at);
        }
    }
    let place = |label: &Label| labels.iter().position(|it| it == label).expect("labels are there");
    let moved = value.permuted_axes(order.iter().map(place).collect::<Vec<_>>());
    moved.as_standard_layout().into_owned()
}

/// A tensor as a stack of matrices.
fn stack(value: &Tensor, labels: &[Label], axes: [&[Label]; 3]) -> Array3<f64> {
    let value = arranged(value, labels, &axes.concat());
    let mut extents = value.shape();
    let shape = axes.map(|it| {
        let (now, rest) = extents.split_at(it.len());
        extents = rest;
        now.iter().product::<usize>()
    });
    value.into_shape_with_order(shape).expect("standard layout")
}

impl LayerSpec for Einsum {
    fn kind(&self) -> &'static str {
        match (&self.kernel, self.dot) {
            (Some(_), _) => "EinsumDense",
            (None, true) => "Dot",
            (None, false) => "Einsum",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, LayerError> {
        let wrong = |expected: String| LayerError::Shapes {
            found: inputs.iter().map(|it| (*it).clone()).collect(),
            expected,
        };
        let second = match (&self.kernel, inputs.get(1)) {
            (Some(kernel), _) => kernel.shape(),
            (None, Some(shape)) => &shape.0,
            (None, None) => &[],
        };
        let extents = self.extents([&inputs[0].0, second]);
        let axes = |labels: &[Label]| format!("{labels:?}");
        let expected = || {
            format!("axes {} and {} of equal extents", axes(&self.inputs[0]), axes(&self.inputs[1]))
        };
        let extents = extents.ok_or_else(|| wrong(expected()))?;
        let shape = self.shape(&extents).ok_or_else(|| wrong(expected()))?;
        if let Some(bias) = &self.bias
            && crate::layers::merge::broadcast(&Shape(bias.shape().to_vec()), &shape).as_ref()
                != Some(&shape)
        {
            return Err(wrong(format!("a result to which {:?} broadcasts", bias.shape())));
        }
        Ok(shape)
    }

    fn eval(&self, inputs: &[&Tensor]) -> Tensor {
        let second = self.kernel.as_ref().unwrap_or_else(|| inputs[1]);
        let extents = self.extents([inputs[0].shape(), second.shape()]);
        let extents = extents.expect("infer has checked the shapes");
        let Kinds { batch, sum, rows, columns } = self.kinds();
        let a = stack(inputs[0], &self.inputs[0], [&batch, &rows, &sum]);
        let b = stack(second, &self.inputs[1], [&batch, &sum, &columns]);
        let products: Vec<Array2<f64>> =
            a.outer_iter().zip(b.outer_iter()).map(|(a, b)| a.dot(&b)).collect();
        let views: Vec<_> = products.iter().map(|it| it.view()).collect();
        let all: Array3<f64> = match ndarray::stack(Axis(0), &views) {
            Ok(all) => all.into_dimensionality::<Ix3>().expect("a stack of matrices"),
            Err(_) => Array3::zeros((0, 0, 0)),
        };
        let order = [batch.as_slice(), &rows, &columns].concat();
        let shape: Vec<usize> = order.iter().map(|it| extents[it]).collect();
        let all: ArrayD<f64> = all.into_shape_with_order(shape).expect("as many elements");
        let mut out = arranged(&all, &order, &self.output);
        if let Some(bias) = &self.bias {
            out += bias;
        }
        match self.dot && self.output.is_empty() {
            true => out.insert_axis(Axis(0)),
            false => out,
        }
    }

    fn weights(&self) -> Vec<(Role, &Tensor)> {
        let kernel = self.kernel.iter().map(|it| (Role::Weight, it));
        kernel.chain(self.bias.iter().map(|it| (Role::Bias, it))).collect()
    }

    fn hardware(&self) -> Option<&dyn Hardware> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize]) -> Tensor {
        let values = (0..shape.iter().product::<usize>()).map(|it| (it * 7 % 11) as f64 - 4.0);
        Tensor::from_shape_vec(shape, values.collect()).unwrap()
    }

    /// The sum as it is written.
    fn slow(layer: &Einsum, a: &Tensor, b: &Tensor) -> Tensor {
        let extents = layer.extents([a.shape(), b.shape()]).unwrap();
        let labels: Vec<Label> = extents.keys().copied().collect();
        let mut out = Tensor::zeros(layer.output.iter().map(|it| extents[it]).collect::<Vec<_>>());
        let all: Vec<usize> = labels.iter().map(|it| extents[it]).collect();
        for (at, _) in Tensor::zeros(all).indexed_iter() {
            let index = |of: &[Label]| -> Vec<usize> {
                of.iter().map(|it| at[labels.iter().position(|l| l == it).unwrap()]).collect()
            };
            let product = a[&index(&layer.inputs[0])[..]] * b[&index(&layer.inputs[1])[..]];
            out[&index(&layer.output)[..]] += product;
        }
        out
    }

    #[test]
    fn matrix_products_are_the_sum_as_written() {
        for (a, b, out, first, second) in [
            ("ab", "bc", "ac", vec![2, 3], vec![3, 4]),
            ("thk", "shk", "hts", vec![3, 2, 4], vec![5, 2, 4]),
            ("abd", "ce", "eb", vec![2, 3, 2], vec![3, 2]),
            ("a", "a", "", vec![4], vec![4]),
            ("ab", "cb", "cab", vec![2, 3], vec![4, 3]),
        ] {
            let layer = Einsum::of(a.as_bytes(), b.as_bytes(), out.as_bytes());
            let (x, y) = (tensor(&first), tensor(&second));
            assert_eq!(layer.eval(&[&x, &y]), slow(&layer, &x, &y), "{a},{b}->{out}");
        }
    }

    #[test]
    fn dense_forms_are_equal() {
        for (a, b, out, first, second, bias) in [
            ("tc", "cde", "tde", vec![3, 4], vec![4, 2, 5], Some(vec![2, 5])),
            ("tde", "dec", "tc", vec![3, 2, 5], vec![2, 5, 4], Some(vec![4])),
            ("tde", "edc", "tc", vec![3, 2, 5], vec![5, 2, 4], None),
        ] {
            let mut layer = Einsum::of(a.as_bytes(), b.as_bytes(), out.as_bytes());
            layer.kernel = Some(tensor(&second));
            layer.bias = bias.map(|it| tensor(&it));
            let x = tensor(&first);
            let expected = layer.eval(&[&x]);
            let made = layer.into_layers(&Shape(first.clone()));
            assert!(made.parts.iter().all(|it| it.layer.hardware().is_some()), "{made:?}");
            let y = made.parts.iter().fold(x, |x, it| it.layer.spec().eval(&[&x]));
            assert_eq!(y, expected, "{a},{b}->{out}");
        }
    }
}
