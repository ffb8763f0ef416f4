//! Parameters, buffers and constants: storages of raw bytes, and the tensors that lie in them.
//!
//! A storage is written whole, and a tensor is a view of it by sizes, strides and offset: tied
//! parameters share a storage, slices and transposed matrices keep the whole one.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::Archive;
use super::error::{TorchError, WeightError};
use super::schema::{Payload, Payloads, SymInt, TensorMeta};
use crate::frontend::number::{DataType, Value};

/// More axes than any tensor of a network has.
pub(super) const MAX_RANK: usize = 16;

/// Elements that stored tensors may have in any file, however small.
const LEAST_ELEMENTS: usize = 1 << 20;

/// `torch.strided`.
const STRIDED: i64 = 7;

/// The two folders of stored tensors: weights, and constants (with buffers that are not persistent).
const FOLDERS: [(&str, &str); 2] =
    [("data/weights", "_weights_config.json"), ("data/constants", "_constants_config.json")];

/// Element types by their numbers in PyTorch.
const TYPES: [(i64, DataType); 13] = [
    (1, DataType::Uint(8)),
    (2, DataType::Int(8)),
    (3, DataType::Int(16)),
    (4, DataType::Int(32)),
    (5, DataType::Int(64)),
    (6, DataType::F16),
    (7, DataType::F32),
    (8, DataType::F64),
    (12, DataType::Bool),
    (13, DataType::Bf16),
    (28, DataType::Uint(16)),
    (34, DataType::Uint(32)),
    (35, DataType::Uint(64)),
];

/// The element type of a number in PyTorch.
pub(super) fn dtype(code: i64) -> Option<DataType> {
    TYPES.iter().find_map(|(known, it)| (*known == code).then_some(*it))
}

/// The tables of stored tensors, and what has been read of them.
pub(super) struct Weights<'a, 'z> {
    archive: &'z mut Archive<'a>,
    tables: [BTreeMap<String, Payload>; 2],
    storages: BTreeMap<String, Vec<u8>>,
    used: BTreeSet<String>,
    /// Elements that may still be read: a stride of 0 makes many of one.
    budget: usize,
}

impl<'a, 'z> Weights<'a, 'z> {
    /// Reads the tables of a model.
    pub(super) fn open(
        archive: &'z mut Archive<'a>,
        model: &str,
        file_bytes: usize,
    ) -> Result<Weights<'a, 'z>, TorchError> {
        let mut tables = [BTreeMap::new(), BTreeMap::new()];
        for (table, (folder, ending)) in tables.iter_mut().zip(FOLDERS) {
            let member = format!("{folder}/{model}{ending}");
            if archive.has(&member) {
                *table = archive.json::<Payloads>(&member)?.config;
            }
        }
        let (storages, used) = Default::default();
        Ok(Weights { archive, tables, storages, used, budget: LEAST_ELEMENTS + file_bytes })
    }

    /// The tensor stored under a name; `graph` is how the graph describes it.
    pub(super) fn read(&mut self, name: &str, graph: &TensorMeta) -> Result<Value, WeightError> {
        let found = self.tables.iter().zip(FOLDERS).find_map(|(table, (folder, _))| {
            table.get(name).map(|it| (format!("{folder}/{}", it.path_name), it))
        });
        let (member, payload) = found.ok_or(WeightError::Missing)?;
        let Some(meta) = payload.tensor_meta.as_ref().filter(|_| !payload.use_pickle) else {
            return Err(WeightError::Pickled);
        };
        let path = &payload.path_name;
        if path.is_empty() || path.starts_with('.') || path.contains(['/', '\\']) {
            return Err(WeightError::Path { path: path.clone() });
        }
        let view = View::new(meta)?;
        let described = ints(&graph.sizes);
        if described.as_ref() != Some(&view.sizes) || graph.dtype != meta.dtype {
            let graph = described.unwrap_or_default();
            return Err(WeightError::Disagree { graph, table: view.sizes });
        }
        let too_large = || WeightError::TooLarge { sizes: view.sizes.clone() };
        self.budget = self.budget.checked_sub(view.elements).ok_or_else(too_large)?;
        if !self.storages.contains_key(&member) {
            let bytes = self.archive.member(&member, u64::MAX - 1);
            let bytes = bytes.map_err(|it| WeightError::Member(it.to_string()))?;
            self.storages.insert(member.clone(), bytes);
        }
        let value = view.take(self.storages.get(&member).map_or(&[][..], Vec::as_slice))?;
        self.used.insert(member);
        Ok(value)
    }

    /// Names of stored tensors whose storage nothing reads.
    pub(super) fn unused(&self) -> Vec<String> {
        let of = |(table, (folder, _)): (&BTreeMap<String, Payload>, (&str, &str))| {
            let free = table.iter().filter(|(_, payload)| {
                !self.used.contains(&format!("{folder}/{}", payload.path_name))
            });
            free.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let mut names: Vec<String> = self.tables.iter().zip(FOLDERS).flat_map(of).collect();
        // Normalizations count batches in training and never read the number.
        names.retain(|it| !it.ends_with("num_batches_tracked"));
        names
    }
}

/// Numbers, if no symbol is among them.
fn ints(values: &[SymInt]) -> Option<Vec<i64>> {
    values.iter().map(|it| if let SymInt::Int(value) = it { Some(*value) } else { None }).collect()
}

/// How a tensor lies in its storage.
struct View {
    dtype: DataType,
    sizes: Vec<i64>,
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
    elements: usize,
    /// One behind the last element, counted from the start of the storage.
    end: usize,
}

impl View {
    fn new(meta: &TensorMeta) -> Result<View, WeightError> {
        let dtype = dtype(meta.dtype).ok_or(WeightError::Type { code: meta.dtype })?;
        if meta.layout != STRIDED {
            return Err(WeightError::Layout { code: meta.layout });
        }
        let sizes = ints(&meta.sizes).unwrap_or_default();
        let strides = ints(&meta.strides).unwrap_or_default();
        let offset = ints(std::slice::from_ref(&meta.storage_offset)).map_or(-1, |it| it[0]);
        let wrong =
            || WeightError::Extents { sizes: sizes.clone(), strides: strides.clone(), offset };
        let unsigned = |all: &[i64]| -> Option<Vec<usize>> {
            all.iter().map(|it| usize::try_from(*it).ok()).collect()
        };
        let whole = meta.sizes.len() == sizes.len() && meta.strides.len() == strides.len();
        let (shape, steps, start) =
            match (unsigned(&sizes), unsigned(&strides), unsigned(&[offset])) {
                (Some(shape), Some(steps), Some(start)) if whole => (shape, steps, start[0]),
                _ => return Err(wrong()),
            };
        if shape.len() != steps.len() || shape.len() > MAX_RANK {
            return Err(wrong());
        }
        let elements = shape.iter().try_fold(1usize, |all, it| all.checked_mul(*it));
        let reach = || {
            let steps = shape.iter().zip(&steps);
            steps
                .into_iter()
                .try_fold(start, |at, (size, step)| at.checked_add((size - 1).checked_mul(*step)?))
        };
        let end = match elements {
            Some(0) => Some(start),
            Some(_) => reach().and_then(|it| it.checked_add(1)),
            None => None,
        };
        let (elements, end) = elements.zip(end).ok_or_else(wrong)?;
        Ok(View { dtype, sizes, shape, strides: steps, offset: start, elements, end })
    }

    /// The tensor in its storage.
    fn take(&self, storage: &[u8]) -> Result<Value, WeightError> {
        let width = self.dtype.bits() / 8;
        let too_large = || WeightError::TooLarge { sizes: self.sizes.clone() };
        let short = || WeightError::Storage {
            needed: (self.end as u64).saturating_mul(width as u64),
            found: storage.len() as u64,
        };
        if self.elements == 0 {
            return Value::new(self.dtype, &self.shape, Vec::new()).ok_or_else(too_large);
        }
        let bytes = (self.offset.checked_mul(width))
            .zip(self.end.checked_mul(width))
            .and_then(|(from, to)| storage.get(from..to))
            .ok_or_else(short)?;
        let span = self.dtype.read(bytes, self.end - self.offset)?;
        let values = if self.is_contiguous() { span } else { self.gather(&span) };
        Value::new(self.dtype, &self.shape, values).ok_or_else(too_large)
    }

    fn is_contiguous(&self) -> bool {
        let mut step = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *size == 1 || *stride == step;
            step *= size;
            fits
        })
    }

    /// Elements in row-major order, from those between the first and the last.
    fn gather(&self, span: &[f64]) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.elements);
        let mut index = vec![0; self.shape.len()];
        let mut at = 0;
        loop {
            values.push(span[at]);
            let mut axis = self.shape.len();
            loop {
                let Some(next) = axis.checked_sub(1) else { return values };
                axis = next;
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * self.shape[axis];
                index[axis] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(dtype: i64, sizes: &[i64], strides: &[i64], offset: i64) -> TensorMeta {
        let ints = |all: &[i64]| all.iter().map(|it| SymInt::Int(*it)).collect();
        let storage_offset = SymInt::Int(offset);
        TensorMeta { dtype, sizes: ints(sizes), strides: ints(strides), storage_offset, layout: 7 }
    }

    fn take(sizes: &[i64], strides: &[i64], offset: i64) -> Result<Vec<f64>, WeightError> {
        let storage: Vec<u8> = (0..12).collect();
        let value = View::new(&meta(1, sizes, strides, offset))?.take(&storage)?;
        Ok(value.data.into_tensor().into_raw_vec_and_offset().0)
    }

    #[test]
    fn tensors_lie_anyhow_in_their_storage() {
        assert_eq!(take(&[2, 3], &[3, 1], 0).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(take(&[3, 2], &[1, 3], 1).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(take(&[2, 2], &[6, 2], 3).unwrap(), [3.0, 5.0, 9.0, 11.0]);
        assert_eq!(take(&[3], &[0], 7).unwrap(), [7.0; 3]);
        assert_eq!(take(&[2, 1, 2], &[4, 99, 1], 0).unwrap(), [0.0, 1.0, 4.0, 5.0]);
        assert_eq!(take(&[], &[], 11).unwrap(), [11.0]);
        assert_eq!(take(&[0, 5], &[1, 1], 0).unwrap(), [0.0; 0]);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        for (sizes, strides, offset) in [
            (&[13][..], &[1][..], 0),
            (&[12], &[1], 1),
            (&[2], &[12], 0),
            (&[], &[], 12),
            (&[-1], &[1], 0),
            (&[2], &[-1], 1),
            (&[2], &[1], -1),
            (&[2, 2], &[1], 0),
            (&[i64::MAX, 2], &[1, 1], 0),
            (&[2], &[i64::MAX], i64::MAX),
        ] {
            assert!(take(sizes, strides, offset).is_err(), "{sizes:?} {strides:?} {offset}");
        }
        // The error tells bytes, which no 64 bits count here.
        let far = View::new(&meta(8, &[], &[], i64::MAX - 1)).unwrap();
        assert!(matches!(far.take(&[0; 12]), Err(WeightError::Storage { needed: u64::MAX, .. })));
        assert!(matches!(View::new(&meta(9, &[], &[], 0)), Err(WeightError::Type { code: 9 })));
        let sparse = TensorMeta { layout: 1, ..meta(7, &[], &[], 0) };
        assert!(matches!(View::new(&sparse), Err(WeightError::Layout { code: 1 })));
    }
}
