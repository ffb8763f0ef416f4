//! Measured ranges: what every layer's output was on the user's data, with a margin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Span;
use crate::error::{Located, Result};
use crate::nn::{self, Shape};
use crate::source::Tensor;

/// Ranges of the layers' outputs, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    spans: BTreeMap<String, Span>,
}

impl Calibration {
    /// The range of a layer's output with its margin; `None` if it was not seen, or always zero.
    pub fn of(&self, layer: &str) -> Option<Span> {
        self.spans.get(layer).copied()
    }
}

/// Why data cannot calibrate a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// Nothing to measure.
    #[error("there are no samples to calibrate with")]
    Empty,
    /// A sample has another number of tensors than the model has inputs.
    #[error("sample {sample} has {found} tensors, the model has {expected} inputs")]
    Inputs {
        /// Its number.
        sample: usize,
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A tensor does not fit its input.
    #[error("sample {sample} has shape {found} at input {input}, expected {expected}")]
    Shape {
        /// Its number.
        sample: usize,
        /// The input's name.
        input: String,
        /// Shape of the tensor.
        found: Shape,
        /// Shape of the input.
        expected: Shape,
    },
    /// A layer's output is no number, so that no format would hold it.
    #[error("sample {sample} makes {layer} NaN or infinite")]
    NotFinite {
        /// Its number.
        sample: usize,
        /// The first layer that does.
        layer: String,
    },
}

/// Runs the float model over samples (each one tensor per input) and measures every layer.
///
/// The margin is an eighth of the range on each side, so that data a little beyond the samples still
/// fit; a side at or beyond zero is never moved across it, because most tensors that were never
/// negative (counts, energies, rectified values) cannot be.
///
/// # Errors
/// Samples that do not fit the model, or that make a layer's output NaN or infinite.
pub fn calibrate(graph: &nn::Graph, samples: &[Vec<Tensor>]) -> Result<Calibration> {
    if samples.is_empty() {
        return Err(CalibrationError::Empty).anywhere();
    }
    let mut seen: Vec<Option<Span>> = vec![None; graph.bound()];
    for (number, sample) in samples.iter().enumerate() {
        fits(graph, number, sample).anywhere()?;
        let mut broken = None;
        nn::evaluate(graph, sample, |id, value| {
            if broken.is_none() && value.iter().any(|it| !it.is_finite()) {
                broken = Some(id);
            }
            if !value.is_empty() {
                let span = Span::around(value.iter().copied());
                let all = &mut seen[id.index()];
                *all = Some(all.map_or(span, |it| it.union(span)));
            }
        });
        if let Some(id) = broken {
            let node = graph.node(id);
            let layer = node.name.clone();
            return Err(CalibrationError::NotFinite { sample: number, layer }).locate(&node.origin);
        }
    }
    let spans = graph.topo().into_iter().filter_map(|id| {
        // A tensor that is zero on every sample says nothing about its range.
        let span = seen[id.index()].filter(|it| it.lo < 0.0 || it.hi > 0.0)?;
        Some((graph.node(id).name.clone(), with_margin(span)))
    });
    Ok(Calibration { spans: spans.collect() })
}

fn fits(
    graph: &nn::Graph,
    number: usize,
    sample: &[Tensor],
) -> std::result::Result<(), CalibrationError> {
    let expected = graph.inputs.len();
    if sample.len() != expected {
        return Err(CalibrationError::Inputs { sample: number, found: sample.len(), expected });
    }
    for (id, tensor) in graph.inputs.iter().zip(sample) {
        let node = graph.node(*id);
        if tensor.shape() != node.ty.0 {
            return Err(CalibrationError::Shape {
                sample: number,
                input: node.name.clone(),
                found: Shape(tensor.shape().to_vec()),
                expected: node.ty.clone(),
            });
        }
    }
    Ok(())
}

fn with_margin(span: Span) -> Span {
    let margin = (span.hi - span.lo) / 8.0;
    Span {
        lo: if span.lo >= 0.0 { (span.lo - margin).max(0.0) } else { span.lo - margin },
        hi: if span.hi <= 0.0 { (span.hi + margin).min(0.0) } else { span.hi + margin },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::fixtures::Net;

    fn sample(values: &[f64]) -> Vec<Tensor> {
        vec![ndarray::arr1(values).into_dyn()]
    }

    fn net() -> nn::Graph {
        let mut net = Net::new("x", &[2]);
        net.dense("fc", &[&[1.0], &[-1.0]], Some(&[0.0]));
        net.finish()
    }

    #[test]
    fn ranges_with_margin() {
        let samples = [sample(&[1.0, 0.0]), sample(&[5.0, 8.0])];
        let ranges = calibrate(&net(), &samples).unwrap();
        // Data in [0, 8], never negative; sums 1 and -3.
        assert_eq!(ranges.of("x"), Some(Span::new(0.0, 9.0)));
        assert_eq!(ranges.of("fc"), Some(Span::new(-3.5, 1.5)));
        assert_eq!(ranges.of("other"), None);
    }

    #[test]
    fn zeros_say_nothing() {
        assert_eq!(calibrate(&net(), &[sample(&[0.0, 0.0])]).unwrap().of("x"), None);
    }

    #[test]
    fn the_margin_never_crosses_zero_and_never_shrinks() {
        for (lo, hi) in [(0.5, 1.0), (0.1, 9.0), (-1.0, -0.5), (-3.0, 0.0), (-1.0, 1.0)] {
            let wide = with_margin(Span::new(lo, hi));
            assert!(wide.lo <= lo && wide.hi >= hi);
            assert_eq!((wide.lo < 0.0, wide.hi > 0.0), (lo < 0.0, hi > 0.0));
        }
    }

    #[test]
    fn samples_that_do_not_fit() {
        let fault = |samples: &[Vec<Tensor>]| calibrate(&net(), samples).unwrap_err().to_string();
        assert_eq!(fault(&[]), "there are no samples to calibrate with");
        assert_eq!(fault(&[vec![]]), "sample 0 has 0 tensors, the model has 1 inputs");
        assert_eq!(
            fault(&[sample(&[1.0, 2.0]), sample(&[1.0])]),
            "sample 1 has shape [1] at input x, expected [2]"
        );
        let infinite = fault(&[sample(&[1.0, f64::INFINITY])]);
        assert_eq!(infinite, "test:x: sample 0 makes x NaN or infinite");
    }
}
