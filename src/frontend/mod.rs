//! Model files: bytes in, [`RawModel`] out. The only place that knows file formats.

pub mod keras;
#[cfg(test)]
mod mutation;
mod number;
pub mod onnx;
pub mod torch;

use std::path::Path;

use crate::error::{Located, Origin, Problem, Result};
use crate::source::RawModel;

/// Largest model file that is read, in bytes.
pub const LIMIT: u64 = 2 << 30;

/// Why a file is not a model.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Read(#[source] std::io::Error),
    /// The file is larger than any model of ours.
    #[error("the file has {bytes} bytes, more than the {LIMIT} that are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The bytes are of no known format.
    #[error("not a model file (supported: .onnx, .keras, .h5, .pt2, and .json with --weights)")]
    Unknown,
    /// `--weights` with a format that holds its own.
    #[error("--weights goes with a JSON model only")]
    Weights,
}

/// Reads a model file, and for a JSON model its weights.
///
/// # Errors
/// Files that cannot be read or are damaged, and everything in them that is not supported.
pub fn load(model: &Path, weights: Option<&Path>) -> Result<RawModel> {
    let name = model.display().to_string();
    let at = Origin::new(&name, "");
    let bytes = read(model)?;
    if onnx::is_onnx(&bytes) {
        if weights.is_some() {
            return Err(LoadError::Weights).locate(&at);
        }
        return onnx::load_beside(&name, &bytes, model.parent());
    }
    if torch::is_torch(&bytes) {
        if weights.is_some() {
            return Err(LoadError::Weights).locate(&at);
        }
        return torch::load(&name, &bytes);
    }
    if keras::is_keras(&bytes) {
        let weights = weights
            .map(|it| Ok::<_, crate::error::Problems>((it.display().to_string(), read(it)?)));
        let weights = weights.transpose()?;
        return keras::load(
            &name,
            &bytes,
            weights.as_ref().map(|it| (it.0.as_str(), it.1.as_slice())),
        );
    }
    Err(Problem::at(&at, LoadError::Unknown).into())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let at = Origin::new(path.display().to_string(), "");
    let bytes = std::fs::metadata(path).map_err(LoadError::Read).locate(&at)?.len();
    if bytes > LIMIT {
        return Err(LoadError::TooLarge { bytes }).locate(&at);
    }
    std::fs::read(path).map_err(LoadError::Read).locate(&at)
}
