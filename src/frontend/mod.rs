//! Model files: bytes in, [`RawModel`] out. The only place that knows file formats.

pub mod keras;
mod number;
pub mod onnx;
mod symbolic;
pub mod torch;

use std::path::Path;

use crate::error::{Located, Origin, Problem, Result};
use crate::source::{InputShapes, RawModel, ShapeError};

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
    #[error(
        "not a model file (supported: .onnx, .keras, .h5, .pt2, .json with --weights, and files of expressions)"
    )]
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
    load_shaped(model, weights, &InputShapes::default())
}

/// [`load`], with shapes for the inputs instead of those in the file.
///
/// # Errors
/// As [`load`], and shapes that no input or no layer can have.
pub fn load_shaped(model: &Path, weights: Option<&Path>, shapes: &InputShapes) -> Result<RawModel> {
    let name = model.display().to_string();
    let bytes = read(model)?;
    let Some(weights) = weights else { return decode(&name, bytes, None, model.parent(), shapes) };
    let file = weights.display().to_string();
    decode(&name, bytes, Some((&file, read(weights)?)), model.parent(), shapes)
}

/// Reads a model that is in memory, with the name of each file for messages; `folder` is where an
/// ONNX model may have weights outside of itself.
///
/// # Errors
/// As [`load`].
pub fn decode(
    name: &str,
    bytes: Vec<u8>,
    weights: Option<(&str, Vec<u8>)>,
    folder: Option<&Path>,
    shapes: &InputShapes,
) -> Result<RawModel> {
    let at = Origin::new(name, "");
    let onnx = onnx::is_onnx(&bytes);
    if onnx || torch::is_torch(&bytes) {
        return match (onnx, weights) {
            (_, Some(_)) => Err(LoadError::Weights).locate(&at),
            (true, None) => onnx::load_beside(name, bytes, folder, shapes),
            (false, None) => {
                let why = "torch.export has written the sizes of all tensors";
                fixed(&at, shapes, why, "export the model again, with an example of that shape")?;
                torch::load(name, &bytes)
            }
        };
    }
    if keras::is_keras(&bytes) {
        return keras::load_owned(name, bytes, weights, shapes);
    }
    if symbolic::is_symbolic(&bytes) {
        return match weights {
            Some(_) => Err(LoadError::Weights).locate(&at),
            None => {
                let why = "the file says how many elements it has";
                fixed(&at, shapes, why, "change its key inputs")?;
                symbolic::load(name, &bytes)
            }
        };
    }
    Err(Problem::at(&at, LoadError::Unknown).into())
}

/// Refuses shapes for the inputs of a format whose operations have theirs in the file.
fn fixed(at: &Origin, shapes: &InputShapes, why: &'static str, help: &str) -> Result<()> {
    match shapes.is_empty() {
        true => Ok(()),
        false => Err(Problem::at(at, ShapeError::Fixed { why }).help(help).into()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let at = Origin::new(path.display().to_string(), "");
    let bytes = std::fs::metadata(path).map_err(LoadError::Read).locate(&at)?.len();
    if bytes > LIMIT {
        return Err(LoadError::TooLarge { bytes }).locate(&at);
    }
    std::fs::read(path).map_err(LoadError::Read).locate(&at)
}
