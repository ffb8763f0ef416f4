//! From a bound expression to layers.

use ndarray::{Array1, IxDyn};

use super::bind::{Bound, fold};
use super::formula::{Curve, Formula};
use super::ops::{self, Op};
use super::{BindError, Lowering};
use crate::layers::{
    BatchNorm, Clip, Constant, Imported, Layer, Merge, Operand, OwnError, Relu, Scalar,
    ScalarFunction,
};
use crate::nn::Shape;
use crate::precision::activation;
use crate::source::Tensor;
use crate::units::Binary;

/// The layers of an expression, added to `made`; `data` are its operands that are data.
pub(in crate::layers) fn build(
    bound: &Bound,
    lowering: Lowering,
    data: &[Option<Made>],
    made: &mut Imported,
) -> Result<Operand, OwnError> {
    let mut build = Build { lowering, data, made, known: Vec::new() };
    match bound {
        Bound::Constant(_) => Err(OwnError::Constant),
        _ => Ok(build.make(bound)?.0),
    }
}

/// A value that layers compute, and its shape.
pub(in crate::layers) type Made = (Operand, Shape);

struct Build<'s> {
    lowering: Lowering,
    data: &'s [Option<Made>],
    made: &'s mut Imported,
    /// What has been made already: equal expressions are computed once.
    known: Vec<(Bound, Made)>,
}

impl Build<'_> {
    fn make(&mut self, bound: &Bound) -> Result<Made, OwnError> {
        if let Some((_, made)) = self.known.iter().find(|it| it.0 == *bound) {
            return Ok(made.clone());
        }
        let made = match bound {
            Bound::Data(index) => {
                self.data.get(*index).cloned().flatten().ok_or(OwnError::Constant)?
            }
            Bound::Constant(value) => {
                let value = value.clone();
                let shape = Shape(value.shape().to_vec());
                (self.made.add("constant", Constant { value }, &[]), shape)
            }
            Bound::Apply(op, operands) => match self.table_of(bound) {
                Some((core, curve)) => {
                    let operand = self.make(core)?;
                    self.add(op.name, layer_of(&curve), &[operand])?
                }
                None if self.lowering == Lowering::Table => return Err(OwnError::NoTable),
                None => self.compose(bound, op, operands)?,
            },
        };
        self.known.push((bound.clone(), made.clone()));
        Ok(made)
    }

    /// What a part of an expression is a table of and which, if it is to be one.
    fn table_of<'b>(&self, bound: &'b Bound) -> Option<(&'b Bound, Curve)> {
        let core = match self.lowering {
            Lowering::Auto if has_own_layer(bound) => only(bound),
            Lowering::Auto | Lowering::Table => core(bound),
            Lowering::Units => only(bound),
        };
        let curve = curve(bound, core);
        let is_layers = match &curve {
            Curve::X => true,
            // A factor and a reciprocal, which is right for inputs of all sizes.
            Curve::Apply(op, x) if op.name == "div" && x[1] == Curve::X => {
                x[0] != Curve::Number(1.0) && self.lowering != Lowering::Table
            }
            curve => curve.is_plain() && self.lowering != Lowering::Table,
        };
        (!is_layers).then_some((core, curve))
    }

    fn add(
        &mut self,
        name: &'static str,
        layer: Layer,
        operands: &[Made],
    ) -> Result<Made, OwnError> {
        let shapes: Vec<&Shape> = operands.iter().map(|it| &it.1).collect();
        if shapes.iter().any(|it| it.0.len() != shapes[0].0.len()) {
            // The batch axes would lie side by side with other axes.
            let ranks = shapes.iter().map(|it| it.0.len()).collect();
            return Err(OwnError::Ranks { ranks });
        }
        let shape = layer.spec().infer(&shapes).map_err(|it| OwnError::Layer(Box::new(it)))?;
        let operands: Vec<Operand> = operands.iter().map(|it| it.0).collect();
        Ok((self.made.add(name, layer, &operands), shape))
    }

    /// The layers of an operation that is no table.
    fn compose(&mut self, bound: &Bound, op: &'static Op, x: &[Bound]) -> Result<Made, OwnError> {
        if let Some(made) = self.affine(bound)? {
            return Ok(made);
        }
        match (op.name, x) {
            ("add", _) => self.merge(op, Binary::Add, x),
            ("sub", _) => self.merge(op, Binary::Sub, x),
            ("mul", _) => self.merge(op, Binary::Mul, x),
            ("max", _) => self.extreme(op, Binary::Max, x),
            ("min", _) => self.extreme(op, Binary::Min, x),
            ("pow", [base, exponent]) if exponent.number() == Some(2.0) => {
                let base = self.make(base)?;
                self.add(op.name, Merge { op: Binary::Mul }.into(), &[base.clone(), base])
            }
            ("div", [above, below]) => {
                let one = Bound::Constant(Tensor::from_elem(IxDyn(&[]), 1.0));
                let inverse = self.make(&Bound::Apply(op, vec![one, below.clone()]))?;
                match above.constant() {
                    Some(factor) => {
                        let zero = Tensor::zeros(IxDyn(&[]));
                        self.scaled(op.name, inverse, (factor, &zero))
                    }
                    None => {
                        let above = self.make(above)?;
                        self.add(op.name, Merge { op: Binary::Mul }.into(), &[above, inverse])
                    }
                }
            }
            ("clip", [x, low, high]) => match (low.number(), high.number()) {
                (Some(min), Some(max)) if min <= max => {
                    let x = self.make(x)?;
                    self.add(op.name, limits(min, max), &[x])
                }
                _ => {
                    let (max, min) = (known("max")?, known("min")?);
                    let above = Bound::Apply(max, vec![x.clone(), low.clone()]);
                    let both = Bound::Apply(min, vec![above, high.clone()]);
                    self.make(&both)
                }
            },
            (_, [operand]) if let Some(layer) = op.layer => {
                let operand = self.make(operand)?;
                self.add(op.name, layer(), &[operand])
            }
            _ => Err(OwnError::NoHardware { op: op.name }),
        }
    }

    fn merge(&mut self, op: &'static Op, with: Binary, x: &[Bound]) -> Result<Made, OwnError> {
        let operands = self.aligned(x)?;
        self.add(op.name, Merge { op: with }.into(), &operands)
    }

    /// The operands of a merge, constants with as many axes as the data.
    fn aligned(&mut self, x: &[Bound]) -> Result<Vec<Made>, OwnError> {
        let mut made: Vec<Option<Made>> = Vec::new();
        for operand in x {
            made.push(operand.constant().is_none().then(|| self.make(operand)).transpose()?);
        }
        let rank = made.iter().flatten().map(|it| it.1.0.len()).max().unwrap_or(0);
        x.iter()
            .zip(made)
            .map(|(operand, made)| match (made, operand.constant()) {
                (None, Some(value)) => self.make(&Bound::Constant(of_rank(value, rank)?)),
                (made, _) => Ok(made.ok_or(OwnError::Constant)?),
            })
            .collect()
    }

    /// The largest or smallest of several: a number among them is a limit.
    fn extreme(&mut self, op: &'static Op, with: Binary, x: &[Bound]) -> Result<Made, OwnError> {
        let (first, rest) = x.split_first().ok_or(OwnError::Constant)?;
        // The data first: the order makes no difference.
        let (first, mut rest) = match first.constant() {
            None => (first, rest.to_vec()),
            Some(_) => {
                let data = rest.iter().position(|it| it.constant().is_none());
                let data = data.ok_or(OwnError::Constant)?;
                let mut others = rest.to_vec();
                others[data] = first.clone();
                (&rest[data], others)
            }
        };
        let mut made = self.make(first)?;
        for next in rest.drain(..) {
            made = match (next.number(), with) {
                (Some(limit), Binary::Max) => {
                    self.add(op.name, limits(limit, f64::INFINITY), &[made])?
                }
                (Some(limit), _) => self.add(op.name, limits(f64::NEG_INFINITY, limit), &[made])?,
                (None, _) => {
                    let next = match next.constant() {
                        Some(value) => {
                            let value = of_rank(value, made.1.0.len())?;
                            self.make(&Bound::Constant(value))?
                        }
                        None => self.make(&next)?,
                    };
                    self.add(op.name, Merge { op: with }.into(), &[made, next])?
                }
            };
        }
        Ok(made)
    }

    /// One layer for a factor and an offset around something else, if there are any.
    fn affine(&mut self, bound: &Bound) -> Result<Option<Made>, OwnError> {
        let number = |it: f64| Tensor::from_elem(IxDyn(&[]), it);
        let (inner, scale, bias) = affine(bound, number(1.0), number(0.0))?;
        if inner == bound {
            return Ok(None);
        }
        let Bound::Apply(op, _) = bound else { return Ok(None) };
        let inner = self.make(inner)?;
        self.scaled(op.name, inner, (&scale, &bias)).map(Some)
    }

    /// `x * scale + bias`: one layer if the constants differ along the last axis only.
    fn scaled(
        &mut self,
        name: &'static str,
        x: Made,
        (scale, bias): (&Tensor, &Tensor),
    ) -> Result<Made, OwnError> {
        let last = x.1.last();
        let vector = |it: &Tensor| -> Option<Tensor> {
            let along = it.shape().last().copied().unwrap_or(1);
            let fits =
                it.len() == along && (along == 1 || along == last) && it.ndim() <= x.1.0.len();
            let values = it.iter().copied().cycle().take(last);
            fits.then(|| Array1::from_iter(values).into_dyn())
        };
        if let (Some(scale), Some(bias), true) = (vector(scale), vector(bias), !x.1.0.is_empty()) {
            let layer = BatchNorm { scale, bias, kind: "ApplyAlpha", quantized: false };
            return self.add(name, layer.into(), &[x]);
        }
        let rank = x.1.0.len();
        let mut made = x;
        for (value, op, without) in [(scale, Binary::Mul, 1.0), (bias, Binary::Add, 0.0)] {
            if value.iter().any(|it| *it != without) {
                let value = self.make(&Bound::Constant(of_rank(value, rank)?))?;
                made = self.add(name, Merge { op }.into(), &[made, value])?;
            }
        }
        Ok(made)
    }
}

/// An operation that an expression is rewritten to.
fn known(name: &'static str) -> Result<&'static Op, OwnError> {
    ops::find(name).ok_or(OwnError::NoHardware { op: name })
}

/// A constant with axes of 1 in front, so that it has as many as the data.
fn of_rank(value: &Tensor, rank: usize) -> Result<Tensor, OwnError> {
    let ranks = || OwnError::Ranks { ranks: vec![rank, value.ndim()] };
    let more = rank.checked_sub(value.ndim()).ok_or_else(ranks)?;
    let shape = [&vec![1; more][..], value.shape()].concat();
    value.to_shape(shape).map(|it| it.to_owned()).map_err(|_| ranks())
}

/// A limit on either side; what is no limit to any number is none.
fn limits(min: f64, max: f64) -> Layer {
    let min = if min <= -activation::UNLIMITED { f64::NEG_INFINITY } else { min };
    let max = if max >= activation::UNLIMITED { f64::INFINITY } else { max };
    match (min == 0.0, max.is_finite()) {
        (true, finite) if max >= 0.0 => Relu { max: finite.then_some(max) }.into(),
        _ => Clip { min, max }.into(),
    }
}

/// `bound * scale + bias` as `inner * scale + bias` with constants taken out of `bound`.
fn affine(
    bound: &Bound,
    scale: Tensor,
    bias: Tensor,
) -> Result<(&Bound, Tensor, Tensor), BindError> {
    let Bound::Apply(op, x) = bound else { return Ok((bound, scale, bias)) };
    let apply = |name: &'static str, a: &Tensor, b: &Tensor| {
        ops::find(name).map_or_else(|| Ok(a.clone()), |op| fold(op, &[a, b]))
    };
    let minus = |it: &Tensor| it.mapv(|it| -it);
    match (op.name, &x[..]) {
        ("neg", [x]) => affine(x, minus(&scale), bias),
        ("add", [x, Bound::Constant(c)] | [Bound::Constant(c), x]) => {
            let bias = apply("add", &bias, &apply("mul", &scale, c)?)?;
            affine(x, scale, bias)
        }
        ("sub", [x, Bound::Constant(c)]) => {
            let bias = apply("sub", &bias, &apply("mul", &scale, c)?)?;
            affine(x, scale, bias)
        }
        ("sub", [Bound::Constant(c), x]) => {
            let bias = apply("add", &bias, &apply("mul", &scale, c)?)?;
            affine(x, minus(&scale), bias)
        }
        ("mul", [x, Bound::Constant(c)] | [Bound::Constant(c), x]) => {
            affine(x, apply("mul", &scale, c)?, bias)
        }
        ("div", [x, Bound::Constant(c)]) => affine(x, apply("div", &scale, c)?, bias),
        _ => Ok((bound, scale, bias)),
    }
}

/// The one operand of an operation that is no constant, the others being numbers; else itself.
fn only(bound: &Bound) -> &Bound {
    let Bound::Apply(_, operands) = bound else { return bound };
    let mut data = operands.iter().filter(|it| it.constant().is_none());
    let numbers = operands.iter().all(|it| it.constant().is_none() || it.number().is_some());
    match (data.next(), data.next(), numbers) {
        (Some(it), None, true) => it,
        _ => bound,
    }
}

/// The value that a part of an expression depends on, and on nothing else but numbers; itself, if
/// these are several.
fn core(bound: &Bound) -> &Bound {
    let mut leaves = Vec::new();
    if numbers_only(bound, &mut leaves)
        && let Some(first) = leaves.first()
        && leaves.iter().all(|it| it == first)
    {
        return first;
    }
    match only(bound) {
        inner if inner == bound => bound,
        inner => core(inner),
    }
}

/// Operations whose layers are right for inputs of all sizes, unlike a table over their range.
const OF_ALL_SIZES: [&str; 7] = ["sin", "cos", "sqrt", "rsqrt", "log", "pow", "div"];

/// Whether a part of an expression is such an operation of plain arithmetic, but for a factor and an
/// offset, or has a sine or cosine in it.
fn has_own_layer(bound: &Bound) -> bool {
    let number = |it: f64| Tensor::from_elem(IxDyn(&[]), it);
    let inner = affine(bound, number(1.0), number(0.0)).map_or(bound, |it| it.0);
    let of_arithmetic = match inner {
        Bound::Apply(op, _) if OF_ALL_SIZES.contains(&op.name) => {
            let argument = only(inner);
            argument != inner && curve(argument, core(argument)).is_plain()
        }
        _ => false,
    };
    of_arithmetic || (has_period(bound) && is_composed(bound))
}

fn has_period(bound: &Bound) -> bool {
    let Bound::Apply(op, operands) = bound else { return false };
    matches!(op.name, "sin" | "cos") || operands.iter().any(has_period)
}

/// Whether every operation of several operands has units.
fn is_composed(bound: &Bound) -> bool {
    let Bound::Apply(op, x) = bound else { return true };
    let own = match (op.name, &x[..]) {
        ("div", _) => true,
        ("pow", [_, exponent]) => exponent.number().is_some(),
        _ => op.plain || x.len() == 1,
    };
    own && x.iter().all(is_composed)
}

/// Collects the data; false if a constant is no single number.
fn numbers_only<'b>(bound: &'b Bound, leaves: &mut Vec<&'b Bound>) -> bool {
    match bound {
        Bound::Constant(value) => value.len() == 1,
        Bound::Data(_) => {
            leaves.push(bound);
            true
        }
        Bound::Apply(_, operands) => operands.iter().all(|it| numbers_only(it, leaves)),
    }
}

/// An expression of one operand and numbers, as a function; `None` if it is a constant or more.
pub(in crate::layers) fn function(bound: &Bound) -> Option<Curve> {
    let mut leaves = Vec::new();
    let plain = numbers_only(bound, &mut leaves);
    let core = *leaves.first()?;
    (plain && leaves.iter().all(|it| *it == core)).then(|| curve(bound, core))
}

/// A part of an expression as a function of its core.
fn curve(bound: &Bound, core: &Bound) -> Curve {
    match bound {
        _ if bound == core => Curve::X,
        Bound::Apply(op, operands) => {
            Curve::Apply(op, operands.iter().map(|it| curve(it, core)).collect())
        }
        // The core is the only data.
        _ => Curve::Number(bound.number().unwrap_or(f64::NAN)),
    }
}

/// The layer of a function of one number: one of ours if it is the same, else a table of its own.
fn layer_of(curve: &Curve) -> Layer {
    let function = match curve {
        Curve::Apply(op, x) => match (op.name, &x[..]) {
            (_, [Curve::X]) if let Some(layer) = op.layer => return layer(),
            ("div", [Curve::Number(1.0), Curve::X]) => Some(ScalarFunction::Reciprocal),
            ("pow", [Curve::X, Curve::Number(power)]) => Some(match *power {
                0.5 => ScalarFunction::Sqrt,
                -1.0 => ScalarFunction::Reciprocal,
                power => ScalarFunction::Power(power),
            }),
            _ => None,
        },
        _ => None,
    };
    match function {
        Some(function) => Scalar { function }.into(),
        None => Formula::new(curve.clone()).into(),
    }
}
