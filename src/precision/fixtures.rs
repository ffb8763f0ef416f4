//! Small graphs for the tests of this stage.

use ndarray::{Array1, Array2};

use crate::error::Origin;
use crate::graph::{Node, NodeId};
use crate::layers::{BatchNorm, Dense, Identity, Input, Layer};
use crate::nn::{self, Shape};
use crate::source::Tensor;

/// A chain of layers, each reading the one before.
pub(super) struct Net {
    graph: nn::Graph,
    last: NodeId,
}

impl Net {
    pub(super) fn new(name: &str, shape: &[usize]) -> Net {
        let mut graph = nn::Graph::default();
        let shape = Shape(shape.to_vec());
        let last = graph.add(node(name, Input { shape: shape.clone(), lanes: None }, shape), &[]);
        graph.inputs.push(last);
        Net { graph, last }
    }

    pub(super) fn layer(&mut self, name: &str, layer: impl Into<Layer>) -> NodeId {
        let layer = layer.into();
        let shape = layer.spec().infer(&[&self.graph.node(self.last).ty]).unwrap();
        self.last = self.graph.add(node(name, layer, shape), &[self.last]);
        self.last
    }

    pub(super) fn dense(&mut self, name: &str, rows: &[&[f64]], bias: Option<&[f64]>) -> NodeId {
        let flat: Vec<f64> = rows.concat();
        let weights = Array2::from_shape_vec((rows.len(), rows[0].len()), flat).unwrap();
        let bias = bias.map(|it| Array1::from(it.to_vec()).into_dyn());
        self.layer(name, Dense { weights: weights.into_dyn().into(), bias, quantized: false })
    }

    pub(super) fn batch_norm(&mut self, name: &str, scale: &[f64], bias: &[f64]) -> NodeId {
        let vector = |it: &[f64]| -> Tensor { Array1::from(it.to_vec()).into_dyn() };
        let (scale, bias) = (vector(scale), vector(bias));
        self.layer(name, BatchNorm { scale, bias, kind: "BatchNormalization", quantized: false })
    }

    pub(super) fn identity(&mut self, name: &str) -> NodeId {
        self.layer(name, Identity)
    }

    /// Width of what the chain gives so far.
    pub(super) fn width(&self) -> usize {
        self.graph.node(self.last).ty.last()
    }

    pub(super) fn finish(mut self) -> nn::Graph {
        self.graph.outputs.push(self.last);
        self.graph
    }
}

fn node(name: &str, op: impl Into<Layer>, ty: Shape) -> Node<Layer, Shape> {
    Node { name: name.to_owned(), op: op.into(), ty, origin: Origin::new("test", name) }
}

/// Small numbers that follow from a seed, in `[-scale, scale]`.
pub(super) fn noise(seed: u64, count: usize, scale: f64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| (2.0 * next() - 1.0) * scale).collect()
}
