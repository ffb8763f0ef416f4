//! The container: a ZIP archive whose members lie in one folder, named after the file.
//!
//! Sizes in the archive's headers are never trusted: all that is unpacked is counted against a budget
//! that the size of the file sets. Names in the archive are looked up, never followed as paths.

use std::io::{Cursor, Read};

use serde::de::DeserializeOwned;
use zip::ZipArchive;

use super::error::TorchError;
use super::sniff::{self, Kind};

/// Bytes that may be unpacked from any file, however small.
const LEAST_BUDGET: u64 = 16 << 20;

/// Bytes that may be unpacked on top of it, per byte of the file: members are stored, not packed.
const BUDGET_PER_BYTE: u64 = 4;

/// Larger graphs do not occur: a transformer of 36 nodes has 50 kB.
pub(super) const MAX_JSON: u64 = 64 << 20;

/// An archive of torch 2.9 or later.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// The folder that all members lie in, with its slash.
    root: String,
    budget: u64,
}

impl<'a> Archive<'a> {
    /// Opens an archive, or says what else the bytes are.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Archive<'a>, TorchError> {
        match sniff::kind(bytes) {
            Some(Kind::Program) => {}
            Some(kind) => return Err(TorchError::Other { kind }),
            None => return Err(TorchError::Unknown),
        }
        let zip = sniff::open(bytes).map_err(TorchError::Archive)?;
        let root = sniff::names(&zip);
        let root = root.iter().find_map(|it| it.strip_suffix("archive_format"));
        let root = root.ok_or(TorchError::Unknown)?.to_owned();
        let budget = LEAST_BUDGET + BUDGET_PER_BYTE * bytes.len() as u64;
        let mut archive = Archive { zip, root, budget };
        for (member, expected) in
            [("archive_format", "pt2"), ("archive_version", "0"), ("byteorder", "little")]
        {
            let found = archive.member(member, 64)?;
            if found.trim_ascii() != expected.as_bytes() {
                let found = String::from_utf8_lossy(&found).into_owned();
                return Err(TorchError::Header { member, expected, found });
            }
        }
        Ok(archive)
    }

    /// The one model of the archive: its name.
    pub(super) fn model(&self) -> Result<String, TorchError> {
        let folder = format!("{}models/", self.root);
        let name = |it: &String| Some(it.strip_prefix(&folder)?.strip_suffix(".json")?.to_owned());
        let mut models: Vec<String> = sniff::names(&self.zip).iter().filter_map(name).collect();
        models.sort_unstable();
        match (models.pop(), models.is_empty()) {
            (None, _) => Err(TorchError::NoModel),
            (Some(model), true) => Ok(model),
            (Some(last), false) => {
                models.push(last);
                Err(TorchError::SeveralModels { models })
            }
        }
    }

    /// A JSON member.
    pub(super) fn json<T: DeserializeOwned>(&mut self, member: &str) -> Result<T, TorchError> {
        let bytes = self.member(member, MAX_JSON)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| TorchError::Json { member: member.to_owned(), source })
    }

    /// Whether there is such a member.
    pub(super) fn has(&self, member: &str) -> bool {
        self.zip.index_for_name(&format!("{}{member}", self.root)).is_some()
    }

    /// A member of at most `limit` bytes.
    pub(super) fn member(&mut self, member: &str, limit: u64) -> Result<Vec<u8>, TorchError> {
        let limit = limit.min(self.budget);
        let name = format!("{}{member}", self.root);
        let failed = |source| TorchError::Member { member: member.to_owned(), source };
        let Some(index) = self.zip.index_for_name(&name) else {
            return Err(TorchError::NoMember { member: member.to_owned() });
        };
        let file = self.zip.by_index(index).map_err(TorchError::Archive)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(TorchError::TooLarge { member: member.to_owned(), limit });
        }
        self.budget -= bytes.len() as u64;
        Ok(bytes)
    }
}
