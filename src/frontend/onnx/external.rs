//! Weights in files beside the model, where PyTorch's exporter puts them.
//!
//! Nothing but a plain file name is followed, and no link out of the folder.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::error::TensorError;
use super::proto;

/// Files in the folder of the model.
pub(super) struct Beside {
    folder: Option<PathBuf>,
    files: BTreeMap<String, Rc<Vec<u8>>>,
}

impl Beside {
    /// Files of a folder; without one, tensors outside of the model are refused.
    pub(super) fn new(folder: Option<&Path>) -> Beside {
        let folder = folder.map(|it| match it.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => it.to_owned(),
        });
        Beside { folder, files: BTreeMap::new() }
    }

    /// Bytes of all files that were read.
    pub(super) fn bytes(&self) -> usize {
        self.files.values().map(|it| it.len()).sum()
    }

    /// The tensor with its data inside, if they are beside the model; else as it was.
    pub(super) fn fetch(
        &mut self,
        mut tensor: proto::Tensor,
    ) -> Result<proto::Tensor, (String, TensorError)> {
        let entry = |key: &str| {
            let found = tensor.external_data.iter().find(|it| it.key == key);
            found.map(|it| it.value.clone())
        };
        let Some(location) = entry("location") else { return Ok(tensor) };
        let Some(file) = self.file(&location) else { return Ok(tensor) };
        let wrong = || (tensor.name.clone(), TensorError::Beside { file: location.clone() });
        let number = |key: &str| match entry(key) {
            Some(text) => text.parse::<usize>().map(Some).map_err(|_| wrong()),
            None => Ok(None),
        };
        let start = number("offset")?.unwrap_or(0);
        let rest = file.get(start..).ok_or_else(wrong)?;
        let data = match number("length")? {
            Some(length) => rest.get(..length).ok_or_else(wrong)?,
            None => rest,
        };
        tensor.raw_data = data.to_vec();
        tensor.external_data.clear();
        tensor.data_location = 0;
        Ok(tensor)
    }

    /// The bytes of a file; `None` if it is not there, or not in the folder.
    fn file(&mut self, name: &str) -> Option<Rc<Vec<u8>>> {
        if let Some(known) = self.files.get(name) {
            return Some(known.clone());
        }
        let folder = self.folder.as_ref()?;
        let mut parts = Path::new(name).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !plain {
            return None;
        }
        let path = std::fs::canonicalize(folder.join(name)).ok()?;
        let inside = path.starts_with(std::fs::canonicalize(folder).ok()?);
        let size = std::fs::metadata(&path).ok()?.len();
        if !inside || size > crate::frontend::LIMIT {
            return None;
        }
        let bytes = Rc::new(std::fs::read(path).ok()?);
        self.files.insert(name.to_owned(), bytes.clone());
        Some(bytes)
    }
}
