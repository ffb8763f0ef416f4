//! Names get their values, and what is constant is computed.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};

use super::ops::Op;
use super::parse::Expr;
use super::{Expression, PI};
use crate::layers::merge::broadcast;
use crate::nn::Shape;
use crate::source::Tensor;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(in crate::layers) enum Value {
    /// Data: an operand of the node, by position.
    Data(usize),
    /// A constant, as it broadcasts to a sample.
    Constant(Tensor),
}

/// An expression of operands and constants; no operation has constants only.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::layers) enum Bound {
    /// An operand of the node, by position.
    Data(usize),
    /// A constant.
    Constant(Tensor),
    /// An operation.
    Apply(&'static Op, Vec<Bound>),
}

/// Why an expression has no meaning with the values given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BindError {
    /// Names without a value.
    #[error("nothing is called {}", .names.join(", "))]
    Unknown {
        /// The names.
        names: Vec<String>,
    },
    /// Constants that cannot be combined.
    #[error("{op} of constants of shapes {shapes:?}, which do not broadcast")]
    Shapes {
        /// The operation.
        op: &'static str,
        /// The shapes.
        shapes: Vec<Vec<usize>>,
    },
    /// A division by zero or the like.
    #[error("{op} of constants is not a finite number")]
    NotFinite {
        /// The operation.
        op: &'static str,
    },
}

impl Expression {
    /// The expression with values for its names.
    pub(in crate::layers) fn bind(
        &self,
        values: &BTreeMap<String, Value>,
    ) -> Result<Bound, BindError> {
        let unknown = self.names().into_iter().filter(|it| !values.contains_key(*it));
        let names: Vec<String> = unknown.map(str::to_owned).collect();
        if !names.is_empty() {
            return Err(BindError::Unknown { names });
        }
        bind(&self.expr, values)
    }
}

fn bind(expr: &Expr, values: &BTreeMap<String, Value>) -> Result<Bound, BindError> {
    let number = |value: f64| Bound::Constant(Tensor::from_elem(IxDyn(&[]), value));
    match expr {
        Expr::Number(value) => Ok(number(*value)),
        Expr::Name(name) => Ok(match values.get(name) {
            Some(Value::Data(index)) => Bound::Data(*index),
            Some(Value::Constant(value)) => Bound::Constant(value.clone()),
            None => {
                debug_assert_eq!(name, PI);
                number(std::f64::consts::PI)
            }
        }),
        Expr::Call(name, _) => Err(BindError::Unknown { names: vec![name.clone()] }),
        Expr::Apply(op, operands) => {
            let operands: Vec<Bound> =
                operands.iter().map(|it| bind(it, values)).collect::<Result<_, _>>()?;
            let constants: Option<Vec<&Tensor>> = operands.iter().map(Bound::constant).collect();
            match constants {
                Some(constants) => fold(op, &constants).map(Bound::Constant),
                None => Ok(Bound::Apply(op, operands)),
            }
        }
    }
}

/// An operation of constants.
pub(super) fn fold(op: &Op, operands: &[&Tensor]) -> Result<Tensor, BindError> {
    let shapes = || operands.iter().map(|it| it.shape().to_vec()).collect();
    let wrong = || BindError::Shapes { op: op.name, shapes: shapes() };
    let mut own = operands.iter().map(|it| Shape(it.shape().to_vec()));
    let shape = own.try_fold(Shape(Vec::new()), |all, it| broadcast(&all, &it));
    let Shape(shape) = shape.ok_or_else(wrong)?;
    let views: Vec<_> = operands
        .iter()
        .map(|it| it.broadcast(IxDyn(&shape)))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let made = ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let numbers: Vec<f64> = views.iter().map(|it| it[&at]).collect();
        (op.at)(&numbers)
    });
    match made.iter().all(|it| it.is_finite()) {
        true => Ok(made),
        false => Err(BindError::NotFinite { op: op.name }),
    }
}

impl Bound {
    /// The constant that it is.
    pub(super) fn constant(&self) -> Option<&Tensor> {
        match self {
            Bound::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The number that it is.
    pub(super) fn number(&self) -> Option<f64> {
        self.constant().filter(|it| it.len() == 1).and_then(|it| it.first().copied())
    }
}
