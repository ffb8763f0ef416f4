//! `.keras` files: a ZIP archive of `metadata.json`, `config.json` and `model.weights.h5`.
//!
//! Sizes in the archive's headers are never trusted: members are read up to a limit.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::error::KerasError;
use super::json;

/// Largest weights file; a model for an FPGA is far below.
const MAX_WEIGHTS: u64 = 512 << 20;

/// What a file of any size may unpack to: its JSON, its weights.
const LEAST_JSON: u64 = 1 << 20;
const LEAST_WEIGHTS: u64 = 16 << 20;

/// What it may unpack to on top of that, per byte: a bomb has a thousand, no model has thirty.
const PER_BYTE: u64 = 64;

/// The members of a `.keras` file.
pub(super) struct Members {
    /// `metadata.json`, if there.
    pub(super) metadata: Option<Vec<u8>>,
    /// `config.json`.
    pub(super) config: Vec<u8>,
    /// `model.weights.h5`.
    pub(super) weights: Vec<u8>,
}

/// Whether the bytes are a ZIP archive with a Keras configuration.
pub(super) fn is_keras(bytes: &[u8]) -> bool {
    is_zip(bytes) && open(bytes).is_ok_and(|zip| zip.index_for_name("config.json").is_some())
}

/// Whether the bytes are a ZIP archive.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Unpacks a `.keras` file.
pub(super) fn unpack(bytes: &[u8]) -> Result<Members, KerasError> {
    let mut zip = open(bytes)?;
    let budget = PER_BYTE * bytes.len() as u64;
    let json = (LEAST_JSON + budget).min(json::MAX_JSON as u64);
    let config = member(&mut zip, "config.json", json)?;
    let metadata = member(&mut zip, "metadata.json", json)?;
    let limit = (LEAST_WEIGHTS + budget).min(MAX_WEIGHTS);
    let weights = member(&mut zip, "model.weights.h5", limit)?;
    match (config, weights) {
        (None, _) => Err(KerasError::NoMember { member: "config.json" }),
        (_, None) if zip.index_for_name("model.weights.json").is_some() => Err(KerasError::Sharded),
        (_, None) => Err(KerasError::NoMember { member: "model.weights.h5" }),
        (Some(config), Some(weights)) => Ok(Members { metadata, config, weights }),
    }
}

fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, KerasError> {
    ZipArchive::new(Cursor::new(bytes)).map_err(KerasError::Archive)
}

fn member(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    member: &'static str,
    limit: u64,
) -> Result<Option<Vec<u8>>, KerasError> {
    let file = match zip.by_name(member) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(other) => return Err(KerasError::Archive(other)),
    };
    // At once, because a vector that grows is there twice; what the header says is within the limit.
    let mut bytes = Vec::with_capacity(file.size().min(limit) as usize);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| KerasError::Member { member, source })?;
    match bytes.len() as u64 > limit {
        true => Err(KerasError::TooLarge { what: member, limit, unit: "bytes" }),
        false => Ok(Some(bytes)),
    }
}
