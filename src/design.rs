//! A design: the integer graph with everything needed to run, emit and simulate it again.
//!
//! `build` stores it in the project as `design.json`, so that `predict`, `cosim` and `compare` work on
//! a project folder alone, long after the model file has moved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Io, Strategy};
use crate::data::Samples;
use crate::error::Result;
use crate::fixed;
use crate::graph::NodeId;
use crate::layers::BatchNorm;
use crate::project;
use crate::rtl::cmvm::Effort;
use crate::rtl::dsp::DspPlan;
use crate::source::Tensor;

/// File name in a project.
pub const FILE: &str = "design.json";

/// How a layer is built in hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerPlan {
    /// How the HLS path multiplies.
    pub strategy: Strategy,
    /// How many times each multiplier of the HLS path is used for one sample.
    pub reuse_factor: u32,
    /// How many positions of a convolution the HLS path computes at once, if it was said.
    pub parallelization_factor: Option<u32>,
    /// A loop over time has hardware of its own for every step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unrolled: bool,
}

/// How many cycles the direct path is to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyTarget {
    /// From input to output.
    pub cycles: u32,
    /// The clock is given as well; otherwise it is the shortest that allows so few cycles.
    pub at_clock: bool,
}

/// The numbers of the hardware that are not values: a side table to the integer graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the top module, an identifier.
    pub name: String,
    /// Full part string.
    pub part: String,
    /// Clock period, ns.
    pub clock_ns: f64,
    /// The latency of the direct path, if it is not to be the least at the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyTarget>,
    /// Part of the period kept free by the HLS path, percent.
    pub clock_uncertainty: Option<f64>,
    /// How long adder graphs are searched for.
    pub effort: Effort,
    /// Use of DSP blocks by the direct path.
    #[serde(default)]
    pub dsp: DspPlan,
    /// Whole tensors at the ports, or streams.
    pub io: Io,
    /// By layer name.
    pub layers: BTreeMap<String, LayerPlan>,
}

/// The graph and its plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Design {
    /// What is computed.
    pub graph: fixed::Graph,
    /// How it is built.
    pub plan: Plan,
    /// What outputs are multiplied by outside of the hardware, by output; `None` for those that are
    /// values as they are.
    #[serde(default)]
    pub scales: Vec<Option<OutputScale>>,
}

/// A scale that no hardware holds exactly: an output carries whole numbers (of its format's unit), and
/// whoever reads them multiplies, in single precision as the frameworks do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputScale {
    /// Factors: one, or one for each element of the last axis.
    pub scale: Vec<f64>,
    /// What is added behind; as many.
    pub bias: Vec<f64>,
}

impl std::fmt::Display for OutputScale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.scale[..], self.bias.iter().all(|it| *it == 0.0)) {
            ([scale], true) => write!(f, "to be multiplied by {scale}"),
            (_, true) => f.write_str("to be multiplied by the scales in design.json"),
            _ => f.write_str("to be multiplied by the scales in design.json, offsets added"),
        }
    }
}

impl From<&BatchNorm> for OutputScale {
    fn from(norm: &BatchNorm) -> OutputScale {
        let list = |it: &Tensor| it.iter().copied().collect();
        OutputScale { scale: list(&norm.scale), bias: list(&norm.bias) }
    }
}

impl OutputScale {
    /// Both in one: this is applied to what `first` gives.
    pub fn behind(&self, first: &OutputScale) -> OutputScale {
        let count = self.scale.len().max(first.scale.len());
        let own = |all: &[f64], at: usize| all[at % all.len()];
        let scale = |at| own(&self.scale, at) * own(&first.scale, at);
        let bias = |at| own(&self.scale, at) * own(&first.bias, at) + own(&self.bias, at);
        OutputScale { scale: (0..count).map(scale).collect(), bias: (0..count).map(bias).collect() }
    }

    /// The value of an element.
    fn value(&self, element: usize, x: f64) -> f64 {
        let own = |all: &[f64]| all[element % all.len()];
        f64::from((x * own(&self.scale)) as f32 + own(&self.bias) as f32)
    }
}

impl Design {
    /// Reads the design of a project.
    ///
    /// # Errors
    /// The folder is no project or has been damaged.
    pub fn of_project(dir: &std::path::Path) -> Result<Design> {
        /// What of the manifest concerns the design.
        #[derive(Deserialize)]
        struct Seal {
            design_sha256: String,
        }
        let seal: Seal = project::read_json(dir, project::MANIFEST)?;
        let design: Design = project::read_json(dir, FILE)?;
        // A changed number could break what every unit relies on.
        project::expect_sha256(dir, FILE, &seal.design_sha256)?;
        fixed::verify(&design.graph)?;
        Ok(design)
    }

    /// Names and shapes of the inputs, in model order.
    pub fn inputs(&self) -> Vec<(String, Vec<usize>)> {
        self.tensors(&self.graph.inputs)
    }

    /// Names and shapes of the outputs, in model order.
    pub fn outputs(&self) -> Vec<(String, Vec<usize>)> {
        self.tensors(&self.graph.outputs)
    }

    fn tensors(&self, ids: &[NodeId]) -> Vec<(String, Vec<usize>)> {
        let tensor = |id: &NodeId| {
            let node = self.graph.node(*id);
            (node.name.clone(), node.ty.shape.0.clone())
        };
        ids.iter().map(tensor).collect()
    }

    /// The formats of all elements of the given tensors, one after another.
    pub fn formats(&self, ids: &[NodeId]) -> Vec<fixed::Format> {
        let formats = |id: &NodeId| {
            let ty = &self.graph.node(*id).ty;
            (0..ty.elements()).map(|it| ty.format(it))
        };
        ids.iter().flat_map(formats).collect()
    }

    /// Mantissas of float samples at the inputs.
    pub fn quantize(&self, samples: &Samples) -> Vec<Vec<i128>> {
        let formats = self.formats(&self.graph.inputs);
        let row = |it: &[f64]| it.iter().zip(&formats).map(|(x, f)| f.quantize(*x)).collect();
        samples.rows().map(row).collect()
    }

    /// Multiplies what outputs carry by their scales, where they have one: rows of all outputs.
    pub fn scaled(&self, mut values: Vec<f64>) -> Vec<f64> {
        let counts = self.graph.outputs.iter().map(|it| self.graph.node(*it).ty.elements());
        let scales = self.scales.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let elements = |(count, scale)| (0..count).map(move |it| (it, scale));
        let row: Vec<(usize, Option<&OutputScale>)> =
            counts.zip(scales).flat_map(elements).collect();
        for row_values in values.chunks_mut(row.len().max(1)) {
            for (value, (element, scale)) in row_values.iter_mut().zip(&row) {
                *value = scale.map_or(*value, |it| it.value(*element, *value));
            }
        }
        values
    }

    /// What mantissas at the outputs are, scales included.
    pub fn values(&self, rows: &[Vec<i128>]) -> Vec<f64> {
        let formats = self.formats(&self.graph.outputs);
        let values = rows.iter().flat_map(|it| it.iter().zip(&formats).map(|(v, f)| f.value(*v)));
        self.scaled(values.collect())
    }
}
