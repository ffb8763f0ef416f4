//! Whether a configuration fits a model: names of layers and classes, types that layers have.
//!
//! Runs once, on the graph as it was imported, before passes fuse or drop layers. A name that fits
//! nothing is a fault, because what was asked for there would be lost; a value without effect is a
//! warning. hls4ml's generated configurations list more than a model has; that passes in silence.

use super::{Precision, Role};
use crate::config::{
    Config, Io, LayerConfig, Warning, Weights, attribute_only, has_builtin, nearest,
};
use crate::error::{Origin, Problem, Problems, Result};
use crate::fixed::{Format, Overflow, Rounding};
use crate::graph::NodeId;
use crate::layers::{Exactness, Hardware, Layer};
use crate::nn;

#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("the model has no layer of this name")]
    Name,
    #[error("there is no class of layers of this name")]
    Class,
    #[error("Weights: runtime is for dense layers and convolutions; {layer} is of class {kind}")]
    NoMatrix { layer: String, kind: &'static str },
    #[error("Weights: runtime is for io: stream; in io: parallel {layer} is made of its weights")]
    NoStream { layer: String },
}

#[derive(Debug, thiserror::Error)]
enum Idle {
    #[error("has no effect: the model has no layer of this class (it has {})", .classes.join(", "))]
    Class { classes: Vec<&'static str> },
    #[error("has no effect: {kind} layers have no type {role}")]
    Type { kind: &'static str, role: Role },
    #[error("has no effect: the layer has no bias")]
    Bias,
    #[error("has no effect: the linear activation is part of {layer}, set its result instead")]
    Linear { layer: String },
    #[error("has no effect: the layer was left out of the design")]
    Dropped,
    #[error("has no effect: no loop over time is built for it")]
    Unlooped,
    #[error("has no effect: the model itself says what its quantizer casts to")]
    Given,
    #[error("has no effect in hls4ml, nor with its compatibility on: set {role}_t of the layer")]
    NotAttribute { role: Role },
    #[error("has no effect in hls4ml, nor with its compatibility on: set {role} under Precision")]
    NotPrecision { role: Role },
}

/// Checks a configuration against the imported graph.
///
/// `dropped` names layers that the model has and the graph has not (dropout, for instance).
///
/// # Errors
/// Every name of a layer or class that fits nothing.
pub fn check(graph: &nn::Graph, config: &Config, dropped: &[String]) -> Result<Vec<Warning>> {
    let mut checker =
        Checker { graph, config, dropped, problems: Problems::default(), warnings: Vec::new() };
    checker.names();
    checker.classes();
    checker.loaded();
    checker.unrolled();
    let Checker { problems, warnings, .. } = checker;
    problems.into_result(warnings)
}

struct Checker<'a> {
    graph: &'a nn::Graph,
    config: &'a Config,
    dropped: &'a [String],
    problems: Problems,
    warnings: Vec<Warning>,
}

impl Checker<'_> {
    fn warn(&mut self, path: &str, what: Idle) {
        self.warnings.push(Warning::at(&Origin::new(&self.config.file, path), what));
    }

    fn misfit(&mut self, path: &str, what: Misfit, near: Option<&str>) {
        let problem = Problem::at(&Origin::new(&self.config.file, path), what);
        let problem = match near {
            Some(near) => problem.help(format!("did you mean {near}?")),
            None => problem,
        };
        self.problems.push(problem);
    }

    fn find(&self, name: &str) -> Option<NodeId> {
        self.graph.topo().into_iter().find(|id| self.graph.node(*id).name == name)
    }

    fn names(&mut self) {
        let (config, graph) = (self.config, self.graph);
        for (name, entry) in &config.layer_name {
            let path = format!("LayerName.{name}");
            let linear = name.strip_suffix("_linear");
            if let Some(id) = self.find(name) {
                self.entry(&path, entry, id);
            } else if let Some(layer) = linear.filter(|it| self.is_known(it)) {
                // hls4ml lists the linear activation of every layer apart.
                if sets_result(entry) {
                    self.warn(&path, Idle::Linear { layer: layer.to_owned() });
                }
            } else if self.dropped.contains(name) {
                if sets_result(entry) {
                    self.warn(&path, Idle::Dropped);
                }
            } else {
                let known: Vec<&str> =
                    graph.topo().iter().map(|id| graph.node(*id).name.as_str()).collect();
                self.misfit(&path, Misfit::Name, nearest(name, known));
            }
        }
    }

    fn is_known(&self, name: &str) -> bool {
        self.find(name).is_some() || self.dropped.iter().any(|it| it == name)
    }

    fn classes(&mut self) {
        let (config, graph) = (self.config, self.graph);
        let mut classes: Vec<&'static str> =
            graph.topo().iter().map(|id| graph.node(*id).op.spec().kind()).collect();
        classes.sort_unstable();
        classes.dedup();
        for (class, entry) in &config.layer_type {
            let path = format!("LayerType.{class}");
            let is = |it: &&str| it.eq_ignore_ascii_case(class);
            let input = class == "InputLayer" && !config.is_compat();
            if classes.iter().any(is) || input {
                self.hls4ml_keys(&path, entry);
            } else if !CLASSES.iter().any(is) {
                let known = classes.iter().chain(CLASSES).copied();
                self.misfit(&path, Misfit::Class, nearest(class, known));
            } else if sets_anything(entry) {
                self.warn(&path, Idle::Class { classes: classes.clone() });
            }
        }
    }

    /// Entries that ask for a cell for every step and reach no recurrent layer.
    fn unrolled(&mut self) {
        let (config, graph) = (self.config, self.graph);
        let asks = |it: &LayerConfig| it.is_static == Some(false);
        let by_name =
            config.layer_name.iter().filter(|it| asks(it.1)).map(|it| ("LayerName", it.0));
        let by_type =
            config.layer_type.iter().filter(|it| asks(it.1)).map(|it| ("LayerType", it.0));
        for (section, key) in by_name.chain(by_type) {
            // What only this entry says.
            let mut alone = Config::default();
            let maps = [("LayerName", &mut alone.layer_name), ("LayerType", &mut alone.layer_type)];
            let entry = LayerConfig { is_static: Some(false), ..LayerConfig::default() };
            for (own, map) in maps {
                if own == section {
                    map.insert(key.clone(), entry.clone());
                }
            }
            let reached = graph.topo().into_iter().any(|id| {
                let node = graph.node(id);
                let is_loop = matches!(node.op, Layer::Recurrent(_));
                is_loop && !alone.is_static(&node.name, node.op.spec().kind())
            });
            if !reached {
                self.warn(&format!("{section}.{key}.Static"), Idle::Unlooped);
            }
        }
    }

    /// Layers whose weights are to be loaded, and cannot be.
    fn loaded(&mut self) {
        let (config, graph) = (self.config, self.graph);
        for id in graph.topo() {
            let node = graph.node(id);
            let (layer, kind) = (node.name.clone(), node.op.spec().kind());
            if config.weights(&layer, kind) == Weights::Constant {
                continue;
            }
            let own = config.layer_name.get(&layer).is_some_and(|it| it.weights.is_some());
            let entry =
                if own { format!("LayerName.{layer}") } else { format!("LayerType.{kind}") };
            let path = format!("{entry}.Weights");
            if !matches!(node.op, Layer::Dense(_) | Layer::Conv(_) | Layer::ConvTranspose(_)) {
                self.misfit(&path, Misfit::NoMatrix { layer: layer.clone(), kind }, None);
            }
            if config.io != Io::Stream {
                self.misfit(&path, Misfit::NoStream { layer }, None);
            }
        }
    }

    /// Types that a layer has not, or that have no effect on it.
    fn entry(&mut self, path: &str, entry: &LayerConfig, id: NodeId) {
        let node = self.graph.node(id);
        if node.op.exactness() == Exactness::Given && sets_result(entry) {
            return self.warn(path, Idle::Given);
        }
        let spec = node.op.spec();
        let bias = |role| matches!(role, Role::Bias | Role::RecurrentBias);
        let lacks = |role: Role| !spec.weights().iter().any(|(it, _)| *it == role);
        for (key, role, precision) in listed(entry) {
            let path = format!("{path}.{key}");
            if precision == Precision::Auto {
                continue;
            }
            // hls4ml lists the table of every activation, whether it has one or not.
            let generated =
                role == Role::Table && node.op.hardware().is_some_and(Hardware::is_activation);
            if !node.op.roles().contains(&role) && !generated {
                self.warn(&path, Idle::Type { kind: spec.kind(), role });
            } else if bias(role) && lacks(role) {
                self.warn(&path, Idle::Bias);
            }
        }
        self.hls4ml_keys(path, entry);
    }

    /// Types that hls4ml reads from the other of the two places.
    fn hls4ml_keys(&mut self, path: &str, entry: &LayerConfig) {
        if !self.config.is_compat() {
            return;
        }
        for (role, precision) in &entry.precision.roles {
            let default = builtin(*role).map(Precision::Fixed);
            let same = *precision == Precision::Auto || Some(*precision) == default;
            if attribute_only(*role) && !same {
                self.warn(&format!("{path}.Precision.{role}"), Idle::NotAttribute { role: *role });
            }
        }
        for role in entry.precision.attributes.keys() {
            let read = has_builtin("Softmax", *role) && !matches!(role, Role::Slope | Role::Shift);
            if !read {
                self.warn(&format!("{path}.{role}_t"), Idle::NotPrecision { role: *role });
            }
        }
    }
}

/// The format that hls4ml gives a type whatever the configuration's `Precision` says.
fn builtin(role: Role) -> Option<Format> {
    let rounded = Format::signed(18, 8).with(Rounding::Rnd, Overflow::Sat);
    match role {
        Role::Table => Some(Format::signed(18, 8)),
        Role::ExpTable | Role::InvTable | Role::InvInp => Some(rounded),
        _ => None,
    }
}

/// Every type an entry lists, with its key.
fn listed(entry: &LayerConfig) -> impl Iterator<Item = (String, Role, Precision)> + '_ {
    let types = &entry.precision;
    let roles = types.roles.iter().map(|(role, it)| (format!("Precision.{role}"), *role, *it));
    roles.chain(types.attributes.iter().map(|(role, it)| (format!("{role}_t"), *role, *it)))
}

fn sets_result(entry: &LayerConfig) -> bool {
    let default = matches!(entry.precision.default, Some(Precision::Fixed(_)));
    default || listed(entry).any(|(_, role, it)| role == Role::Result && it != Precision::Auto)
}

/// Whether an entry asks for more than what hls4ml's generators write for every class.
fn sets_anything(entry: &LayerConfig) -> bool {
    let fixed = |(_, role, it): (String, Role, Precision)| {
        it != Precision::Auto && Some(it) != builtin(role).map(Precision::Fixed)
    };
    let numbers = [entry.reuse_factor, entry.parallelization_factor];
    matches!(entry.precision.default, Some(Precision::Fixed(_)))
        || listed(entry).any(fixed)
        || numbers.into_iter().flatten().any(|it| it != 1)
        || entry.strategy.is_some()
        || entry.weights.is_some()
        || entry.is_static == Some(false)
}

/// hls4ml's classes and the frameworks' names for them, which its generators use as keys.
#[rustfmt::skip]
const CLASSES: &[&str] = &[
    "Input", "InputLayer", "Constant", "Activation", "QActivation", "ReLU", "LeakyReLU",
    "ThresholdedReLU", "ELU", "PReLU", "Softmax", "ParametrizedActivation", "TernaryTanh",
    "HardActivation", "Reshape", "Flatten", "Dropout", "Dense", "BinaryDense", "TernaryDense",
    "QDense", "Conv", "Conv1D", "QConv1D", "Conv2D", "BinaryConv2D", "QConv2D",
    "QConv2DBatchnorm", "Conv2DBatchnorm", "SeparableConv1D", "QSeparableConv1D",
    "DepthwiseConv1D", "SeparableConv2D", "QSeparableConv2D", "DepthwiseConv2D",
    "QDepthwiseConv2D", "PointwiseConv1D", "PointwiseConv2D", "BatchNormalization",
    "QBatchNormalization", "ApplyAlpha", "MaxPooling1D", "AveragePooling1D", "MaxPooling2D",
    "AveragePooling2D", "Pooling1D", "Pooling2D", "GlobalMaxPooling1D", "GlobalAveragePooling1D",
    "GlobalMaxPooling2D", "GlobalAveragePooling2D", "GlobalPooling1D", "GlobalPooling2D",
    "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "Merge", "Add", "Subtract",
    "Multiply", "Average", "Maximum", "Minimum", "MatMul", "Dot", "Concatenate", "Resize",
    "UpSampling1D", "UpSampling2D", "Transpose", "Permute", "Embedding", "SimpleRNN", "LSTM",
    "GRU", "Bidirectional", "QSimpleRNN", "QLSTM", "QGRU", "TimeDistributed", "GarNet",
    "GarNetStack", "Quant", "IntQuant", "BipolarQuant", "LayerGroup", "SymbolicExpression",
    "LayerNormalization", "EinsumDense", "Einsum", "BiasAdd", "UnaryLUT", "FixedPointQuantizer",
    "BatchNormOnnx", "DACombinational",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::fixtures::Net;

    fn checked(text: &str) -> Result<Vec<String>> {
        let (config, warnings) = Config::read("c.yml", text).unwrap();
        assert!(warnings.is_empty());
        let mut net = Net::new("x", &[2]);
        net.dense("fc1", &[&[1.0], &[-1.0]], None);
        net.identity("act");
        check(&net.finish(), &config, &["dropout".to_owned()])
            .map(|it| it.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_that_fit_nothing_are_faults() {
        let text = "LayerName: {fc2: {}, xyz_linear: {}, dropout: {}, fc1_linear: {}, banana: {}}\n\
                    LayerType: {Densse: {}, Conv2D: {}}";
        let found = checked(text).unwrap_err().to_string();
        assert_eq!(
            found,
            "c.yml:LayerName.banana: the model has no layer of this name\n\
             c.yml:LayerName.fc2: the model has no layer of this name\n  help: did you mean fc1?\n\
             c.yml:LayerName.xyz_linear: the model has no layer of this name\n\
             c.yml:LayerType.Densse: there is no class of layers of this name\n  help: did you mean Dense?"
        );
    }

    #[test]
    fn what_hls4ml_generates_passes_in_silence() {
        let text = "LayerName:\n  x: {Precision: {result: auto}}\n  \
            fc1: {Precision: {result: auto, weight: auto, bias: auto, accum: auto}, ReuseFactor: 1}\n  \
            fc1_linear: {Precision: {result: auto, table: 'fixed<18,8,TRN,WRAP,0>'}, TableSize: 1024}\n  \
            act: {Precision: {result: auto, table: 'fixed<18,8,TRN,WRAP,0>'}, TableSize: 1024}\n  \
            dropout: {Precision: {result: auto}}\n\
            LayerType:\n  InputLayer: {Precision: {result: auto}}\n  ReLU: {ReuseFactor: 1}\n";
        for compat in ["", "Compat: hls4ml\n"] {
            assert_eq!(checked(&format!("{compat}{text}")).unwrap(), [""; 0]);
        }
    }

    #[test]
    fn values_without_effect_are_warned_of() {
        let text = "LayerName:\n  fc1: {Precision: {scale: 'fixed<8,3>', bias: 'fixed<8,3>'}}\n  \
            fc1_linear: {Precision: 'fixed<8,3>'}\n  dropout: {Precision: {result: 'fixed<8,3>'}}\n\
            LayerType:\n  Conv2D: {ReuseFactor: 4}\n";
        assert_eq!(
            checked(text).unwrap(),
            [
                "c.yml:LayerName.dropout: has no effect: the layer was left out of the design",
                "c.yml:LayerName.fc1.Precision.bias: has no effect: the layer has no bias",
                "c.yml:LayerName.fc1.Precision.scale: has no effect: Dense layers have no type scale",
                "c.yml:LayerName.fc1_linear: has no effect: the linear activation is part of fc1, \
             set its result instead",
                "c.yml:LayerType.Conv2D: has no effect: the model has no layer of this class \
             (it has Activation, Dense, Input)",
            ]
        );
        let text = "Compat: hls4ml\nLayerName:\n  fc1: {weight_t: 'fixed<8,3>', accum_t: 'fixed<9,3>'}\n  \
            act: {Precision: {table: 'fixed<9,3>'}}\n";
        assert_eq!(
            checked(text).unwrap(),
            [
                "c.yml:LayerName.act.Precision.table: has no effect in hls4ml, nor with its \
             compatibility on: set table_t of the layer",
                "c.yml:LayerName.fc1.weight_t: has no effect in hls4ml, nor with its compatibility \
             on: set weight under Precision",
            ]
        );
    }
}
