//! HDF5 in memory: every group's text attributes and every dataset, by path.
//!
//! All is bounded: depth and number of objects, bytes of text, elements of tensors. Links that
//! leave the file are not followed (the reader has no resolver).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hdf5_reader::error::Error;
use hdf5_reader::group::Group;
use hdf5_reader::storage::{BytesStorage, DynStorage};
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions, RawAttribute, StringSize};
use ndarray::{ArrayD, IxDyn};

use super::error::KerasError;
use crate::source::Tensor;

const MAX_DEPTH: usize = 40;
const MAX_OBJECTS: usize = 100_000;
const MAX_TEXT: usize = 64 << 20;
/// Elements of all weights together, shared ones counted at each use.
const MAX_ELEMENTS: u64 = 32 << 20;
/// Elements that the weights of any file may have, and on top of that per byte: packed chunks hold
/// more than the file does, chunks that are not there hold anything.
const LEAST_ELEMENTS: u64 = 1 << 20;
const ELEMENTS_PER_BYTE: u64 = 16;
/// Datasets that are opened before the reader's caches are dropped.
const MAX_OPENED: usize = 32;
/// Groups of training state at the root; they hold nothing that is needed.
const TRAINING: [&str; 3] = ["optimizer_weights", "optimizer", "metrics"];
/// The attributes Keras uses; long lists are split into `weight_names0`, `weight_names1` ...
const ATTRIBUTES: [&str; 5] =
    ["model_config", "keras_version", "layer_names", "weight_names", "name"];

type Texts = BTreeMap<String, Vec<String>>;

/// The content of an HDF5 file; paths have no leading slash.
pub(super) struct H5 {
    file: RefCell<Reader>,
    groups: BTreeMap<String, Texts>,
    datasets: BTreeSet<String>,
    elements: Cell<u64>,
    limit: u64,
}

/// The reader of the file; it keeps every object that it has met, which for small weights is more than
/// the file, so that it is replaced now and then.
struct Reader {
    bytes: DynStorage,
    /// Elements that all weights together may have.
    limit: u64,
    file: Hdf5File,
    /// Datasets to be opened before that.
    left: usize,
}

impl Reader {
    fn new(bytes: DynStorage, limit: u64) -> Result<Reader, Error> {
        let options = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_chunk_bytes(64 << 20)
            .with_max_read_bytes(8 * limit as usize)
            .with_max_object_header_bytes(16 << 20);
        let file = Hdf5File::from_storage_with_options(bytes.clone(), options)?;
        Ok(Reader { bytes, limit, file, left: MAX_OPENED })
    }

    fn dataset(&mut self, path: &str) -> Result<Dataset, Error> {
        if self.left == 0 {
            self.forget()?;
        }
        self.left -= 1;
        self.file.dataset(path)
    }

    /// Drops all that was met.
    fn forget(&mut self) -> Result<(), Error> {
        *self = Reader::new(self.bytes.clone(), self.limit)?;
        Ok(())
    }
}

/// Whether the bytes are an HDF5 file; its signature may follow a user block of 512 * 2^n bytes.
pub(super) fn is_hdf5(bytes: &[u8]) -> bool {
    let starts = std::iter::once(0).chain((9..usize::BITS).map(|it| 1 << it));
    starts
        .take_while(|start| *start < bytes.len())
        .any(|start| bytes[start..].starts_with(b"\x89HDF\r\n\x1a\n"))
}

impl H5 {
    /// Lists a file; no weights are read yet.
    pub(super) fn open(bytes: Vec<u8>) -> Result<H5, KerasError> {
        let size = bytes.len() as u64;
        let limit = (LEAST_ELEMENTS + ELEMENTS_PER_BYTE * size).min(MAX_ELEMENTS);
        let bytes: DynStorage = Arc::new(BytesStorage::new(bytes));
        let reader = Reader::new(bytes, limit).map_err(damaged)?;
        let root = reader.file.root_group().map_err(damaged)?;
        let (groups, datasets, elements) = (BTreeMap::new(), BTreeSet::new(), Cell::new(0));
        let mut h5 = H5 { file: RefCell::new(reader), groups, datasets, elements, limit };
        h5.list(root, String::new(), 0, &mut 0)?;
        h5.file.get_mut().forget().map_err(damaged)?;
        Ok(h5)
    }

    fn list(
        &mut self,
        group: Group,
        path: String,
        depth: usize,
        text: &mut usize,
    ) -> Result<(), KerasError> {
        let (groups, datasets) = group.member_names().map_err(damaged)?;
        for dataset in datasets {
            self.datasets.insert(join(&path, &dataset));
        }
        let limit = MAX_DEPTH as u64;
        for name in groups {
            if depth == 0 && TRAINING.contains(&name.as_str()) {
                continue;
            }
            if depth == MAX_DEPTH {
                return Err(KerasError::TooLarge { what: "HDF5 tree", limit, unit: "levels" });
            }
            let path = join(&path, &name);
            let child = group.group(&name).map_err(damaged)?;
            self.list(child, path, depth + 1, text)?;
        }
        let texts = texts(&group, text)?;
        self.groups.insert(path, texts);
        if self.groups.len() + self.datasets.len() > MAX_OBJECTS {
            let limit = MAX_OBJECTS as u64;
            return Err(KerasError::TooLarge { what: "HDF5 tree", limit, unit: "objects" });
        }
        Ok(())
    }

    /// Whether there is a group of this path (the root is the empty path).
    pub(super) fn has_group(&self, path: &str) -> bool {
        self.groups.contains_key(path)
    }

    /// A text attribute of a group.
    pub(super) fn text(&self, group: &str, name: &str) -> Option<&str> {
        self.groups.get(group)?.get(name)?.first().map(String::as_str)
    }

    /// A list attribute of a group, put together again if it was split.
    pub(super) fn texts(&self, group: &str, name: &str) -> Option<Vec<&str>> {
        let attributes = self.groups.get(group)?;
        if let Some(all) = attributes.get(name) {
            return Some(all.iter().map(String::as_str).collect());
        }
        let parts: Vec<_> =
            (0..).map_while(|part| attributes.get(&format!("{name}{part}"))).collect();
        let all = || parts.iter().flat_map(|part| part.iter().map(String::as_str)).collect();
        (!parts.is_empty()).then(all)
    }

    /// Paths of all datasets, in order of their text.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.datasets.iter().map(String::as_str)
    }

    /// Paths of the datasets below a group, relative to it.
    pub(super) fn below(&self, group: &str) -> Vec<&str> {
        let from = format!("{group}/");
        self.datasets.range(from.clone()..).map_while(|path| path.strip_prefix(&from)).collect()
    }

    /// The dataset of a path, opened anew; `None` if there is none.
    fn find(&self, path: &str) -> Option<Result<Dataset, Error>> {
        self.datasets.get(path)?;
        Some(self.file.borrow_mut().dataset(path))
    }

    /// The dataset of a path.
    pub(super) fn dataset(&self, path: &str) -> Option<Dataset> {
        self.find(path)?.ok()
    }

    /// Reads a weight; `None` if there is no such dataset.
    pub(super) fn read(&self, path: &str) -> Result<Option<Tensor>, KerasError> {
        let Some(dataset) = self.find(path) else { return Ok(None) };
        let damaged = |it| KerasError::Dataset { path: path.to_owned(), source: cause(it) };
        let dataset = &dataset.map_err(damaged)?;
        let count = dataset.num_elements().map_err(damaged)?;
        let total = self.elements.get().saturating_add(count);
        if total > self.limit {
            let what = "the sum of all weights";
            return Err(KerasError::TooLarge { what, limit: self.limit, unit: "elements" });
        }
        self.elements.set(total);
        match numbers(dataset) {
            Ok(Some(tensor)) => Ok(Some(tensor)),
            Ok(None) => {
                let found = format!("{:?}", dataset.dtype()).chars().take(60).collect();
                Err(KerasError::DataType { path: path.to_owned(), found })
            }
            Err(source) => Err(damaged(source)),
        }
    }
}

fn damaged(error: Error) -> KerasError {
    KerasError::Hdf5(cause(error))
}

/// The error without the paths wrapped around it, which the message has already.
fn cause(error: Error) -> Error {
    match error {
        Error::Context { source, .. } => cause(*source),
        other => other,
    }
}

/// The dataset as f64, `None` if it does not hold numbers.
fn numbers(dataset: &Dataset) -> Result<Option<Tensor>, Error> {
    let tensor = match dataset.dtype() {
        Datatype::FloatingPoint { size: 4, .. } => dataset.read_array::<f32>()?.mapv(f64::from),
        Datatype::FloatingPoint { size: 8, .. } => dataset.read_array::<f64>()?,
        Datatype::FixedPoint { size, signed, .. } => match (size, signed) {
            (1, true) => dataset.read_array::<i8>()?.mapv(f64::from),
            (1, false) => dataset.read_array::<u8>()?.mapv(f64::from),
            (2, true) => dataset.read_array::<i16>()?.mapv(f64::from),
            (2, false) => dataset.read_array::<u16>()?.mapv(f64::from),
            (4, true) => dataset.read_array::<i32>()?.mapv(f64::from),
            (4, false) => dataset.read_array::<u32>()?.mapv(f64::from),
            (8, true) => dataset.read_array::<i64>()?.mapv(|it| it as f64),
            (8, false) => dataset.read_array::<u64>()?.mapv(|it| it as f64),
            _ => return Ok(None),
        },
        // h5py writes bool as an enumeration of bytes.
        Datatype::Enum { base, .. } if matches!(**base, Datatype::FixedPoint { size: 1, .. }) => {
            let values = dataset.read_raw_bytes()?.iter().map(|it| f64::from(*it)).collect();
            let shape: Vec<usize> = dataset.shape().iter().map(|it| *it as usize).collect();
            match ArrayD::from_shape_vec(IxDyn(&shape), values) {
                Ok(tensor) => tensor,
                Err(_) => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(tensor))
}

/// Keras's text attributes of a group.
fn texts(group: &Group, budget: &mut usize) -> Result<Texts, KerasError> {
    let attributes = group.raw_attributes().map_err(damaged)?;
    let mut texts = Texts::new();
    for attribute in attributes {
        let kind = attribute.name().trim_end_matches(|it: char| it.is_ascii_digit());
        if !ATTRIBUTES.contains(&kind) {
            continue;
        }
        let lines = lines(group, &attribute, budget)?;
        texts.insert(attribute.name().to_owned(), lines);
    }
    Ok(texts)
}

/// The strings of an attribute; an empty list is stored as an empty array of floats.
fn lines(
    group: &Group,
    attribute: &RawAttribute,
    budget: &mut usize,
) -> Result<Vec<String>, KerasError> {
    let message = attribute.message();
    let mut lines = Vec::new();
    let mut push = |bytes: &[u8]| {
        *budget += bytes.len() + size_of::<String>();
        let end = bytes.iter().position(|it| *it == 0).unwrap_or(bytes.len());
        lines.push(String::from_utf8_lossy(&bytes[..end]).into_owned());
        let limit = MAX_TEXT as u64;
        match *budget > MAX_TEXT {
            true => Err(KerasError::TooLarge { what: "HDF5 text", limit, unit: "bytes" }),
            false => Ok(()),
        }
    };
    match &message.datatype {
        Datatype::String { size: StringSize::Fixed(size), .. } => {
            message.raw_data.chunks((*size as usize).max(1)).try_for_each(&mut push)?;
        }
        Datatype::String { size: StringSize::Variable, .. } | Datatype::VarLen { .. } => {
            let size = 8 + usize::from(group.offset_size());
            for reference in message.raw_data.chunks_exact(size) {
                let text = group.resolve_vlen_reference_bytes(reference, 1);
                push(&text.map_err(damaged)?)?;
            }
        }
        _ => {}
    }
    Ok(lines)
}

/// A path below a group, relative to it.
pub(super) fn below<'a>(path: &'a str, group: &str) -> Option<&'a str> {
    match group.is_empty() {
        true => Some(path),
        false => path.strip_prefix(group)?.strip_prefix('/'),
    }
}

/// Puts two parts of a path together.
pub(super) fn join(group: &str, name: &str) -> String {
    match (group, name) {
        ("", alone) | (alone, "") => alone.to_owned(),
        _ => format!("{group}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_may_follow_a_user_block() {
        let mut bytes = vec![0; 512];
        assert!(!is_hdf5(&bytes));
        bytes.extend(b"\x89HDF\r\n\x1a\n");
        assert!(is_hdf5(&bytes));
        assert!(is_hdf5(&bytes[512..]));
        assert!(!is_hdf5(&bytes[511..]));
        assert!(!is_hdf5(b""));
    }

    #[test]
    fn paths_are_relative_to_whole_parts() {
        assert_eq!(below("a/b/c", "a/b"), Some("c"));
        assert_eq!(below("a/bc", "a/b"), None);
        assert_eq!(below("a", ""), Some("a"));
        assert_eq!(join("", "a"), "a");
        assert_eq!(join("a", ""), "a");
        assert_eq!(join("a", "b"), "a/b");
    }
}
