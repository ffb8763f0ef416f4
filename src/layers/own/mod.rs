//! Layers that are the user's own, described in a file for `--layers`.
//!
//! # The file
//!
//! YAML or JSON: `layers`, a list of
//!
//! | key | what it says | default |
//! |---|---|---|
//! | `class` | the class in Keras (`MyAct`, a package `Custom>` in front is left out) or its activation function, the operator in ONNX with its domain (`my.domain::MyAct`), in PyTorch that of a `torch.library` (`my.act`, with its overload unless that is `default`) | needed |
//! | `framework` | `keras`, `onnx` or `pytorch`: the only one in which the class is meant | all |
//! | `operands` | names of the operands, in order | `x`, or `x0`, `x1` ... as far as the function has them |
//! | `attributes` | attributes with their defaults: numbers (or true and false), which the function can name; nothing where the model has to say it; text, or numbers that the function does not name, where the model may say nothing else | none |
//! | `ignored` | attributes that may have any value, because it makes no difference | none |
//! | `weights` | names of the weights that Keras stores with the layer, in the order in which the class adds them | none |
//! | `function` | what each element of the result is: see below | needed |
//! | `kernel` | how the layer is built, if the user has written that in C++ and SystemVerilog: see below | as `lowering` says |
//! | `lowering` | `auto`, `table` (one table of the function, of one operand) or `units` (a layer for each operation) | `auto` |
//! | `description` | for people | none |
//!
//! An attribute of the model that is not listed is an error, but for those that every Keras layer
//! has (`name`, `trainable`, `dtype`, shapes) and settings of training (`*_initializer`,
//! `*_regularizer`, `*_constraint`).
//!
//! # The function
//!
//! Numbers, `pi`, the names declared; `+ - * /`, `^` or `**`, comparisons (1 or 0), parentheses, and
//! `min max` (of up to eight), `clip(x, low, high)`, `where(condition, then, else)`, `pow atan2`, `relu abs sign floor
//! ceil round exp log log2 log10 log1p expm1 sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh erf
//! sigmoid softplus softsign gelu silu mish`.
//!
//! It is taken element by element. Operands broadcast as in the framework and have as many axes each;
//! weights (and constant operands in ONNX) broadcast to a sample, aligned at the last axis. In
//! hardware whatever depends on one operand and numbers is a table or the layer that nn2rtl has for
//! it (sine and cosine, roots, powers and logarithms of arithmetic are those layers even within larger
//! expressions, which are right for inputs of any size); sums, products, minima and maxima of several operands are units, and so are quotients as
//! products with a reciprocal. Of several operands a comparison, `where`, `atan2` or a power has none,
//! which is an error.
//!
//! # The kernel
//!
//! A function of one operand that is written twice, each file beside the description:
//!
//! | key | what it says |
//! |---|---|
//! | `cpp` | a header with the function: it needs no other file but those of `ap_fixed.h`, `ap_int.h` and of C++14 |
//! | `function` | `own::name`, called as `own::name(x)` with an `x` of the operand's type; or `own::name<operand, result>` for a template, which is called with both types |
//! | `sv` | a file with the module, and what the module is made of |
//! | `module` | its name: inputs `x` and (with a latency) `clk`, output `y`, no parameters that need a value |
//! | `latency` | clock cycles from `x` to `y`, 0 if it is not said: a new operand comes in every cycle, nothing resets or stops the module, and `y` leaves a register |
//! | `delay_ns` | the longest path: from `x` to `y`, or, with a latency, from `x` to the first register or between two |
//! | `operand` | type of `x`, up to 16 bits: the operand is cast to it as its modes say |
//! | `result` | type of `y`, up to 64 bits: it holds every result |
//!
//! The C++ is what the layer means in hardware: before a model is lowered, g++ makes a program of it
//! that prints the result of every operand, and the emulator has that table (which is kept in
//! `design.json`: a project is never asked for the files again). The HLS path calls the function, the
//! direct path has an instance of the module for every element, and `cosim` compares all three: a
//! module that computes something else than the C++, or later or earlier than declared, differs there.
//! `function` remains the float meaning; how far the C++ is from it is in the report, and is no error.
//! What a module and a function take of a device is not known and counts as nothing, which the report
//! says, too.

mod error;
mod kernel;
mod manifest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::error::ManifestError;
pub use self::error::OwnError;
pub use self::kernel::OwnKernel;
use super::activation;
use super::expression::{Value, build, function};
use super::{Expression, External, Identity, Import, Imported, Lowering, Operand, SPELLINGS};
use crate::error::{Located, Origin, Result};
use crate::layers::axes::per_sample;
use crate::nn::Shape;
use crate::source::{Attr, Dialect, RawNode, Tensor};

/// The layers that the user has described.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnLayers {
    layers: Vec<OwnLayer>,
}

/// A layer that the user has described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OwnLayer {
    /// Where.
    file: String,
    class: String,
    framework: Option<Framework>,
    operands: Vec<String>,
    attributes: BTreeMap<String, Declared>,
    ignored: Vec<String>,
    weights: Vec<String>,
    function: Expression,
    lowering: Lowering,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernel: Option<OwnKernel>,
}

/// A framework that calls a layer by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Framework {
    Keras,
    Onnx,
    Torch,
    /// None: a file of expressions has no layers.
    Symbolic,
}

/// What is described of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Declared {
    /// A number that the model has to say.
    Needed,
    /// The number if the model says none.
    Number(f64),
    /// The only text that the model may have.
    Text(String),
}

impl Framework {
    fn of(dialect: Dialect) -> Framework {
        match dialect {
            Dialect::Keras2 | Dialect::Keras3 => Framework::Keras,
            Dialect::Onnx => Framework::Onnx,
            Dialect::Torch => Framework::Torch,
            Dialect::Symbolic => Framework::Symbolic,
        }
    }
}

/// What every Keras layer has: nothing that inference could depend on.
const KERAS: [&str; 7] =
    ["name", "trainable", "dtype", "autocast", "batch_shape", "batch_input_shape", "build_config"];

/// Endings of what only training reads.
const TRAINING: [&str; 3] = ["_initializer", "_regularizer", "_constraint"];

impl OwnLayers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Adds those of another file.
    ///
    /// # Errors
    /// Classes that are described already.
    pub fn extend(&mut self, others: OwnLayers) -> Result<()> {
        let mut problems = crate::error::Problems::default();
        for layer in others.layers {
            problems.note(self.add(layer));
        }
        problems.into_result(())
    }

    fn add(&mut self, layer: OwnLayer) -> Result<()> {
        let at = Origin::new(&layer.file, &layer.class);
        let class = layer.class.clone();
        if layer.is_builtin() {
            return Err(ManifestError::Builtin { class }).locate(&at);
        }
        let same = |it: &&OwnLayer| {
            let apart = it.framework.is_some() && layer.framework.is_some();
            it.class == class && (!apart || it.framework == layer.framework)
        };
        if let Some(other) = self.layers.iter().find(same) {
            let file = other.file.clone();
            return Err(ManifestError::Again { class, file }).locate(&at);
        }
        if let Some((class, what)) = self.layers.iter().find_map(|it| layer.clash(it)) {
            return Err(ManifestError::Clash { what, class }).locate(&at);
        }
        self.layers.push(layer);
        Ok(())
    }

    /// Whether some are written in C++ and SystemVerilog.
    pub fn has_kernels(&self) -> bool {
        self.layers.iter().any(|it| it.kernel.is_some())
    }

    /// The kernels, each with the place of its description.
    pub fn kernels_mut(&mut self) -> impl Iterator<Item = (Origin, &mut OwnKernel)> {
        self.layers.iter_mut().filter_map(|it| {
            let at = Origin::new(&it.file, &it.class);
            it.kernel.as_mut().map(|kernel| (at, kernel))
        })
    }

    /// What the user has described a node as.
    pub fn find<'n>(&'n self, node: &'n RawNode) -> Option<OwnNode<'n>> {
        let framework = Framework::of(node.dialect);
        let named = |class: &str| {
            let here = |it: &&OwnLayer| it.framework.is_none_or(|it| it == framework);
            self.layers.iter().filter(here).find(|it| it.class == class)
        };
        if let Some(layer) = named(&node.op) {
            return Some(OwnNode { layer, attrs: node.attrs.all().collect() });
        }
        if framework != Framework::Keras || node.op != "Activation" {
            return None;
        }
        // Looking must not count as reading.
        let given = node.attrs.all().find(|it| it.0 == "activation")?.1;
        let class = match (activation::function_name(given), given) {
            (Some(name), _) => name,
            (None, Attr::Map(object)) => match object.get("class_name") {
                Some(Attr::Str(class)) => class,
                _ => return None,
            },
            _ => return None,
        };
        let layer = named(class.rsplit('>').next().unwrap_or(class))?;
        let config = match given {
            Attr::Map(object) => object.get("config"),
            _ => None,
        };
        let attrs = match config {
            Some(Attr::Map(config)) => config.iter().map(|it| (it.0.as_str(), it.1)).collect(),
            _ => BTreeMap::new(),
        };
        Some(OwnNode { layer, attrs })
    }
}

impl OwnLayer {
    /// A name of a kernel that another one has for something else: its class, and what it is.
    fn clash(&self, other: &OwnLayer) -> Option<(String, String)> {
        let (own, its) = (&self.kernel.as_ref()?.kernel, &other.kernel.as_ref()?.kernel);
        let files = [(&own.cpp, &its.cpp), (&own.sv, &its.sv)];
        let file = files.into_iter().find(|(a, b)| a.name == b.name && a.text != b.text);
        let what = match file {
            Some((file, _)) => format!("file name {}", file.name),
            None if own.module == its.module && own.sv.name != its.sv.name => {
                format!("module name {}", own.module)
            }
            None => return None,
        };
        Some((other.class.clone(), what))
    }

    /// Whether nn2rtl has a layer or function of the name.
    fn is_builtin(&self) -> bool {
        let here = |it: &Dialect| self.framework.is_none_or(|own| own == Framework::of(*it));
        let keras = here(&Dialect::Keras3);
        SPELLINGS
            .iter()
            .flat_map(|it| it.1)
            .any(|it| it.op == self.class && it.dialects.iter().any(here))
            || (keras && activation::by_name(&self.class, Dialect::Keras3, 1).is_some())
    }
}

/// A node that is a layer of the user's.
#[derive(Debug)]
pub struct OwnNode<'a> {
    layer: &'a OwnLayer,
    attrs: BTreeMap<&'a str, &'a Attr>,
}

impl OwnNode<'_> {
    /// The layers that it becomes.
    ///
    /// # Errors
    /// Whatever of the node does not fit its description.
    pub fn import(&self, cx: &Import<'_>) -> std::result::Result<Imported, OwnError> {
        let class = || self.layer.class.clone();
        self.check_attributes(cx.node.dialect)?;
        let count = |what, found, expected| match found == expected {
            true => Ok(()),
            false => Err(OwnError::Count { class: class(), what, found, expected }),
        };
        count("operands", cx.node.inputs.len(), self.layer.operands.len())?;
        count("outputs", cx.node.outputs.len(), 1)?;
        let mut values = BTreeMap::new();
        let rank = cx.shapes.iter().flatten().map(|it| it.0.len()).max();
        let rank = rank.ok_or(OwnError::Constant)?;
        for (index, name) in self.layer.operands.iter().enumerate() {
            let value = match (&cx.shapes[index], cx.constants[index]) {
                (Some(_), _) => Value::Data(index),
                (None, Some(value)) => constant(name, value, rank)?,
                (None, None) => {
                    let what = "operands";
                    let (found, expected) = (index, self.layer.operands.len());
                    return Err(OwnError::Count { class: class(), what, found, expected });
                }
            };
            values.insert(name.clone(), value);
        }
        for (name, value) in self.weights(cx)? {
            let value = constant(&name, value, rank)?;
            values.insert(name, value);
        }
        for (name, value) in self.numbers()? {
            values.insert(name, Value::Constant(ndarray::arr0(value).into_dyn()));
        }
        let bound = self.layer.function.bind(&values)?;
        let operand = |(index, shape): (usize, &Option<Shape>)| {
            shape.clone().map(|it| (Operand::Input(index), it))
        };
        let data: Vec<_> = cx.shapes.iter().enumerate().map(operand).collect();
        let mut made = Imported::default();
        if let Some(OwnKernel { kernel, table }) = &self.layer.kernel {
            let curve = function(&bound).ok_or(OwnError::Constant)?;
            let layer = External::new(kernel.clone(), table.clone(), curve);
            let output = made.add("", layer, &[Operand::Input(0)]);
            return Ok(made.with_outputs([output]));
        }
        let output = match build(&bound, self.layer.lowering, &data, &mut made)? {
            Operand::Part(at) => {
                // The last layer is the node's own.
                made.parts[at].name = "";
                Operand::Part(at)
            }
            input => made.add("", Identity, &[input]),
        };
        Ok(made.with_outputs([output]))
    }

    fn check_attributes(&self, dialect: Dialect) -> std::result::Result<(), OwnError> {
        let keras = Framework::of(dialect) == Framework::Keras;
        let allowed = |name: &str| {
            self.layer.attributes.contains_key(name)
                || self.layer.ignored.iter().any(|it| it == name)
                || (keras && KERAS.contains(&name))
                || (keras && TRAINING.iter().any(|it| name.ends_with(it)))
        };
        let undeclared = self.attrs.iter().filter(|(name, _)| !allowed(name));
        let attrs: Vec<_> = undeclared.map(|(name, it)| format!("{name} = {it:?}")).collect();
        match attrs.is_empty() {
            true => Ok(()),
            false => Err(OwnError::Undeclared { class: self.layer.class.clone(), attrs }),
        }
    }

    /// The attributes that are numbers, as the model or else the description says.
    fn numbers(&self) -> std::result::Result<Vec<(String, f64)>, OwnError> {
        let used = self.layer.function.names();
        let mut numbers = Vec::new();
        for (name, declared) in &self.layer.attributes {
            let given = self.attrs.get(name.as_str()).copied();
            let misfit = |expected: String| OwnError::Attribute {
                class: self.layer.class.clone(),
                name: name.clone(),
                found: given.map_or_else(String::new, |it| format!("{it:?}")),
                expected,
            };
            let value = match (declared, given) {
                (Declared::Text(_), None) => continue,
                (Declared::Text(text), Some(Attr::Str(found))) if found == text => continue,
                (Declared::Text(text), Some(_)) => return Err(misfit(format!("{text:?} only"))),
                (Declared::Number(value), None) => *value,
                (Declared::Needed, None) => {
                    let (class, name) = (self.layer.class.clone(), name.clone());
                    return Err(OwnError::NoAttribute { class, name });
                }
                (_, Some(given)) => {
                    let number = number(given).filter(|it| it.is_finite());
                    number.ok_or_else(|| misfit("a number".to_owned()))?
                }
            };
            match declared {
                Declared::Number(only) if !used.contains(name.as_str()) && value != *only => {
                    return Err(misfit(format!("{only} only")));
                }
                _ => numbers.push((name.clone(), value)),
            }
        }
        Ok(numbers)
    }

    /// The weights, found by name or, where the file only numbers them, by place.
    fn weights<'c>(
        &self,
        cx: &'c Import<'_>,
    ) -> std::result::Result<Vec<(String, &'c Tensor)>, OwnError> {
        let (stored, names) = (&cx.node.weights, &self.layer.weights);
        let numbered = stored.keys().all(|it| it.parse::<usize>().is_ok());
        let mut found = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let place = place.to_string();
            let key = if numbered { &place } else { name };
            let value = stored.get(key).ok_or_else(|| OwnError::NoWeight {
                class: self.layer.class.clone(),
                name: name.clone(),
                stored: stored.keys().cloned().collect(),
            })?;
            found.push((name.clone(), value));
        }
        match stored.len() == names.len() {
            true => Ok(found),
            false => Err(OwnError::Count {
                class: self.layer.class.clone(),
                what: "weights",
                found: stored.len(),
                expected: names.len(),
            }),
        }
    }
}

/// A number; text is none.
fn number(given: &Attr) -> Option<f64> {
    match given {
        Attr::Bool(is) => Some(f64::from(u8::from(*is))),
        Attr::Int(value) => Some(*value as f64),
        Attr::Float(value) => Some(*value),
        Attr::Tensor(value) if value.len() == 1 => value.first().copied(),
        _ => None,
    }
}

/// A constant of the model as it broadcasts to samples of a rank.
fn constant(name: &str, value: &Tensor, rank: usize) -> std::result::Result<Value, OwnError> {
    if value.iter().any(|it| !it.is_finite()) {
        return Err(OwnError::NotFinite { name: name.to_owned() });
    }
    let ranks = || OwnError::Ranks { ranks: vec![rank, value.ndim()] };
    per_sample(value, rank).map(Value::Constant).ok_or_else(ranks)
}
