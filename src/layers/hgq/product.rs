//! Data times a kernel along axes with names: `QEinsumDense` and the projections of attention.
//!
//! Any equation is a dense layer, or a convolution of one tap with a group for each value of the axes
//! that both have and keep, between wires.

use std::collections::BTreeMap;

use super::parts::Builder;
use crate::layers::contraction::{Label, labels, without_batch};
use crate::layers::window::Window;
use crate::layers::{BatchNorm, Conv, Dense, Import, LayerError, Operand};
use crate::nn::Shape;
use crate::source::Tensor;

/// An equation of data, which has a batch axis, and a kernel, which has none.
#[derive(Debug)]
pub(super) struct Equation {
    data: Vec<Label>,
    kernel: Vec<Label>,
    output: Vec<Label>,
    extents: BTreeMap<Label, usize>,
}

/// Labels by where they are.
struct Kinds {
    /// In all three.
    batch: Vec<Label>,
    /// In the factors only.
    sum: Vec<Label>,
    /// Of the data.
    rows: Vec<Label>,
    /// Of the kernel.
    columns: Vec<Label>,
}

impl Equation {
    /// Reads one, for data and a kernel of these shapes.
    pub(super) fn read(
        cx: &Import<'_>,
        name: &'static str,
        text: &str,
        data: &Shape,
        kernel: &[usize],
    ) -> Result<Equation, LayerError> {
        let wrong = || cx.value_error(name, text, "data with its batch axis in front, by a kernel");
        let [a, b, output] = labels(cx, text, data.0.len() + 1)?;
        let (a, rest) =
            without_batch(&a, &output).filter(|_| !b.contains(&a[0])).ok_or_else(wrong)?;
        Equation::new(a, b, rest, data, kernel).ok_or_else(|| LayerError::WeightShape {
            role: "kernel",
            found: kernel.to_vec(),
            expected: data.0.clone(),
        })
    }

    /// An equation without a batch axis; `None` if extents differ, or an axis of one factor vanishes.
    pub(super) fn new(
        data: Vec<Label>,
        kernel: Vec<Label>,
        output: Vec<Label>,
        data_shape: &Shape,
        kernel_shape: &[usize],
    ) -> Option<Equation> {
        let mut extents = BTreeMap::new();
        if data.len() != data_shape.0.len() || kernel.len() != kernel_shape.len() {
            return None;
        }
        let all = data.iter().zip(&data_shape.0).chain(kernel.iter().zip(kernel_shape));
        for (label, extent) in all {
            if *extents.entry(*label).or_insert(*extent) != *extent {
                return None;
            }
        }
        let made = Equation { data, kernel, output, extents };
        let kept = made.kinds().map_or(0, |it| it.batch.len() + it.rows.len() + it.columns.len());
        (kept == made.output.len() && kept > 0).then_some(made)
    }

    fn kinds(&self) -> Option<Kinds> {
        let mut kinds = Kinds { batch: vec![], sum: vec![], rows: vec![], columns: vec![] };
        for label in &self.data {
            match (self.kernel.contains(label), self.output.contains(label)) {
                (true, true) => kinds.batch.push(*label),
                (true, false) => kinds.sum.push(*label),
                (false, true) => kinds.rows.push(*label),
                (false, false) => return None,
            }
        }
        for label in self.kernel.iter().filter(|it| !self.data.contains(it)) {
            match self.output.contains(label) {
                true => kinds.columns.push(*label),
                false => return None,
            }
        }
        Some(kinds)
    }

    fn shape(&self, labels: &[Label]) -> Vec<usize> {
        labels.iter().map(|it| self.extents[it]).collect()
    }

    fn count(&self, labels: &[Label]) -> usize {
        self.shape(labels).iter().product()
    }

    /// Shape of the result.
    pub(super) fn output(&self) -> Vec<usize> {
        self.shape(&self.output)
    }

    /// The kernel's axis of outputs, if there is one and no other axis is kept.
    pub(super) fn only_column(&self) -> Option<usize> {
        let kinds = self.kinds()?;
        match (&kinds.columns[..], kinds.batch.is_empty()) {
            ([column], true) => self.kernel.iter().position(|it| it == column),
            _ => None,
        }
    }

    /// Whether a letter names an axis of the kernel.
    pub(super) fn is_kernel_axis(&self, letter: u8, axis: usize) -> bool {
        self.kernel.get(axis) == Some(&letter)
    }
}

/// Positions of labels among others.
fn places(of: &[Label], among: &[Label]) -> Vec<usize> {
    of.iter().filter_map(|it| among.iter().position(|other| other == it)).collect()
}

/// Adds the product; kernel and bias are quantized already.
pub(super) fn add(
    parts: &mut Builder<'_, '_>,
    name: &'static str,
    equation: &Equation,
    input: Operand,
    (kernel, bias): (&Tensor, Option<&Tensor>),
) -> Result<Operand, LayerError> {
    let kinds = equation.kinds().expect("new has looked at the labels");
    let Kinds { batch, sum, rows, columns } = &kinds;
    let (n_sum, n_columns) = (equation.count(sum), equation.count(columns));
    let (n_batch, n_rows) = (equation.count(batch), equation.count(rows));
    // Data as [rows, batch, sum], and behind the product [rows, batch, columns].
    let order = [rows.as_slice(), batch, sum].concat();
    let value = parts.permute(input, places(&order, &equation.data));
    let plain = batch.is_empty() && sum.len() == 1 && !rows.is_empty();
    let flat = match plain {
        true => [equation.shape(rows), vec![n_sum]].concat(),
        // Without rows a vector goes in.
        false if rows.is_empty() && batch.is_empty() => vec![n_sum],
        false => vec![n_rows, n_batch * n_sum],
    };
    let value = parts.reshape(value, &equation.shape(&order), &flat);
    let made = [rows.as_slice(), batch, columns].concat();
    let (constant, each) = match bias {
        None => (None, None),
        Some(bias) => offsets(equation, bias, &made, n_batch * n_columns)?,
    };
    let arranged = kernel
        .clone()
        .permuted_axes(places(&[sum.as_slice(), batch, columns].concat(), &equation.kernel));
    let arranged = arranged.as_standard_layout().into_owned();
    let shaped = |shape: Vec<usize>| {
        arranged.clone().into_shape_with_order(shape).expect("as many elements")
    };
    let mut wide = flat.clone();
    wide.pop();
    wide.push(n_batch * n_columns);
    let value = if batch.is_empty() {
        let weights = shaped(vec![n_sum, n_columns]);
        parts.add(
            name,
            Dense { weights: weights.into(), bias: constant, quantized: true },
            &[value],
        )
    } else {
        let kernel = shaped(vec![1, n_sum, n_batch * n_columns]);
        let window = Window::of(&[1]);
        let conv = Conv {
            kernel: kernel.into(),
            bias: constant,
            groups: n_batch,
            window,
            quantized: true,
        };
        parts.add(name, conv, &[value])
    };
    let value = parts.reshape(value, &wide, &equation.shape(&made));
    let value = parts.permute(value, places(&equation.output, &made));
    let Some(bias) = each else { return Ok(value) };
    // An offset of its own for each element.
    let (shape, count) = (equation.output(), bias.len());
    let value = parts.reshape(value, &shape, &[count]);
    let scale = Tensor::ones(vec![count]);
    let offset = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: true };
    let value = parts.add("offset", offset, &[value]);
    Ok(parts.reshape(value, &[count], &shape))
}

/// A bias for the layer if it is the same in all rows, or one for every element of the output.
fn offsets(
    equation: &Equation,
    bias: &Tensor,
    made: &[Label],
    last: usize,
) -> Result<(Option<Tensor>, Option<Tensor>), LayerError> {
    let shape = equation.output();
    let all = bias.broadcast(shape.clone()).ok_or_else(|| LayerError::WeightShape {
        role: "bias",
        found: bias.shape().to_vec(),
        expected: shape,
    })?;
    let vector = |values: Vec<f64>| ndarray::Array1::from(values).into_dyn();
    let turned = all.view().permuted_axes(places(made, &equation.output));
    let values: Vec<f64> = turned.iter().copied().collect();
    let alike = values.chunks(last).all(|it| it == &values[..last]);
    Ok(match alike {
        true => (Some(vector(values[..last].to_vec())), None),
        false => (None, Some(vector(all.iter().copied().collect()))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_that_lose_an_axis_are_refused() {
        let read = |a: &str, b: &str, out: &str, x: &[usize], k: &[usize]| {
            let [a, b, out] = [a, b, out].map(|it| it.as_bytes().to_vec());
            Equation::new(a, b, out, &Shape(x.to_vec()), k)
        };
        assert!(read("tc", "cde", "tde", &[3, 4], &[4, 2, 5]).is_some());
        assert!(read("nc", "ncd", "nd", &[3, 4], &[3, 4, 5]).is_some());
        for (a, b, out, x, k) in [
            ("tc", "cde", "td", vec![3, 4], vec![4, 2, 5]),
            ("tc", "d", "d", vec![3, 4], vec![2]),
            ("tc", "cd", "td", vec![3, 4], vec![5, 2]),
            ("c", "c", "", vec![3], vec![3]),
            ("tc", "cd", "ttd", vec![3, 4], vec![4, 2]),
        ] {
            assert!(read(a, b, out, &x, &k).is_none(), "{a},{b}->{out}");
        }
        assert_eq!(read("tc", "dc", "td", &[3, 4], &[2, 4]).unwrap().only_column(), Some(0));
        assert_eq!(read("nc", "ncd", "nd", &[3, 4], &[3, 4, 5]).unwrap().only_column(), None);
    }
}
