//! The user's inputs, and which axis of them is the batch: the first, dynamic or not.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{InputError, SymbolError, TorchError};
use super::program::push;
use super::schema::{SymInt, TensorMeta};
use super::symbol;
use super::weights::MAX_RANK;
use crate::error::Problems;

/// What the batch is called, or how large it was when the model was exported.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Batch {
    /// Symbols; they are equal where they meet.
    Symbols(BTreeSet<String>),
    /// A fixed number of samples.
    Fixed(i64),
}

impl Batch {
    /// The names of the batch.
    pub(super) fn symbols(&self) -> BTreeSet<String> {
        match self {
            Batch::Symbols(names) => names.clone(),
            Batch::Fixed(_) => BTreeSet::new(),
        }
    }
}

/// An input of the user's.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) tensor: String,
    /// Shape of one sample.
    pub(super) shape: Vec<usize>,
}

/// More elements than any tensor of a network for an FPGA has, even for a batch.
pub(super) const MAX_ELEMENTS: usize = 1 << 26;

/// Reads the shapes of the inputs; `users` are their names.
pub(super) fn read(
    file: &str,
    users: Vec<String>,
    metas: &BTreeMap<String, TensorMeta>,
    problems: &mut Problems,
) -> (Vec<Input>, Batch) {
    let mut inputs = Vec::new();
    let mut batch: Option<Batch> = None;
    for tensor in users {
        let read = match metas.get(&tensor) {
            Some(meta) => extents(meta, &mut batch).map_err(TorchError::from),
            None => Err(TorchError::NoMeta { tensor: tensor.clone() }),
        };
        match read {
            Ok(shape) => inputs.push(Input { tensor, shape }),
            Err(what) => push(problems, file, &tensor, what),
        }
    }
    (inputs, batch.unwrap_or(Batch::Fixed(1)))
}

/// Shape of one sample; the batch is noted.
fn extents(meta: &TensorMeta, batch: &mut Option<Batch>) -> Result<Vec<usize>, InputError> {
    // float16, float8 and bfloat16.
    if matches!(meta.dtype, 6 | 13 | 29..=33) {
        return Err(InputError::Half);
    }
    let (first, sample) = meta.sizes.split_first().ok_or(InputError::Scalar)?;
    let axis = |(idx, size): (usize, &SymInt)| match size {
        SymInt::Int(_) => None,
        SymInt::Expr(expr) => Some(match symbol::symbol(size) {
            Some(name) => format!("axis {} ({name})", idx + 1),
            None => format!("axis {} ({})", idx + 1, expr.expr_str),
        }),
    };
    let axes: Vec<String> = sample.iter().enumerate().filter_map(axis).collect();
    if !axes.is_empty() {
        return Err(InputError::Dynamic { axes });
    }
    let sizes: Vec<i64> = sample
        .iter()
        .filter_map(|it| if let SymInt::Int(v) = it { Some(*v) } else { None })
        .collect();
    note(first, batch)?;
    if let (SymInt::Int(size), true) = (first, sizes.is_empty()) {
        return Err(InputError::NoBatch { shape: vec![*size] });
    }
    let impossible = || InputError::Symbol(SymbolError::Size { shape: sizes.clone() });
    let shape: Vec<usize> = sizes
        .iter()
        .map(|it| usize::try_from(*it).ok().filter(|it| *it > 0))
        .collect::<Option<_>>()
        .ok_or_else(impossible)?;
    match shape.iter().try_fold(1usize, |all, it| all.checked_mul(*it)) {
        Some(elements) if elements <= MAX_ELEMENTS && shape.len() < MAX_RANK => Ok(shape),
        _ => Err(impossible()),
    }
}

/// Notes the batch of an input; the inputs must agree.
fn note(first: &SymInt, batch: &mut Option<Batch>) -> Result<(), InputError> {
    let name = |it: &Batch| match it {
        Batch::Symbols(_) => "dynamic".to_owned(),
        Batch::Fixed(size) => size.to_string(),
    };
    let found = match (first, symbol::symbol(first)) {
        (SymInt::Int(size), _) => Batch::Fixed(*size),
        (_, Some(symbol)) => Batch::Symbols([symbol.to_owned()].into()),
        (SymInt::Expr(expr), None) => {
            return Err(SymbolError::Form { text: expr.expr_str.clone() }.into());
        }
    };
    match (batch.as_mut(), found) {
        (_, Batch::Fixed(size)) if size < 1 => Err(SymbolError::Size { shape: vec![size] }.into()),
        (None, found) => {
            *batch = Some(found);
            Ok(())
        }
        (Some(Batch::Symbols(known)), Batch::Symbols(names)) => {
            known.extend(names);
            Ok(())
        }
        (Some(known), found) if *known == found => Ok(()),
        (Some(known), found) => {
            Err(InputError::Batches { expected: name(known), found: name(&found) })
        }
    }
}
