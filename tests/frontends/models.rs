//! Every model file there is: those of this repository, and those beside it.

#![allow(clippy::print_stderr, reason = "a test that skips must say so")]

use std::path::{Path, PathBuf};

/// A model, and the file of its weights if it is JSON.
pub(crate) struct ModelFile {
    pub(crate) model: PathBuf,
    pub(crate) weights: Option<PathBuf>,
}

impl ModelFile {
    /// Its path from the folder of the repository on.
    pub(crate) fn name(&self) -> String {
        let name = |it: &Path| {
            let parts: Vec<_> =
                it.components().map(|it| it.as_os_str().to_string_lossy()).collect();
            let from = parts.iter().rposition(|it| *it == "samples" || *it == "models");
            parts[from.unwrap_or(parts.len() - 1)..].join("/")
        };
        let weights = self.weights.as_deref().map(|it| format!(" {}", name(it)));
        format!("{}{}", name(&self.model), weights.unwrap_or_default())
    }

    /// Bytes of its files, archives unpacked.
    pub(crate) fn size(&self) -> usize {
        unpacked(&self.model) + self.weights.as_deref().map_or(0, unpacked)
    }
}

fn unpacked(path: &Path) -> usize {
    let packed = std::fs::metadata(path).map_or(0, |it| it.len());
    let archive = std::fs::File::open(path).ok().and_then(|it| zip::ZipArchive::new(it).ok());
    let entries = archive.and_then(|it| it.decompressed_size());
    entries.map_or(packed, |it| packed.max(it as u64)) as usize
}

/// The folder of a repository beside which `shared` may lie.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Models of this repository.
pub(crate) fn own() -> Vec<ModelFile> {
    let mut models = below(&root().join("tests/models"));
    models.extend(below(&root().join("examples/digits")));
    assert!(models.len() > 30, "{} models in this repository", models.len());
    models
}

/// Models beside the repository; none, with a note, if they are not there.
pub(crate) fn shared() -> Vec<ModelFile> {
    let mut models = Vec::new();
    for folder in ["samples", "models"] {
        let path = root().join("../shared").join(folder);
        if !path.exists() {
            eprintln!("SKIPPED: ../shared/{folder} is not there");
            continue;
        }
        models.extend(below(&path));
    }
    models
}

/// Files without an architecture: the weights of a JSON model.
fn is_weights(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with("_weights.h5") || name.ends_with(".weights.h5")
}

/// The models in a folder and in those below it, sorted.
pub(crate) fn below(folder: &Path) -> Vec<ModelFile> {
    let mut models = Vec::new();
    let entries = std::fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|it| panic!("{}: {it}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
    paths.sort();
    for path in paths {
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        match ending {
            _ if path.is_dir() => models.extend(below(&path)),
            "json" => {
                let stem = path.with_extension("");
                let beside = |end: &str| PathBuf::from(format!("{}{end}", stem.display()));
                let weights = ["_weights.h5", ".weights.h5"].map(beside);
                let weights = weights.into_iter().find(|it| it.exists());
                assert!(weights.is_some(), "{} has no weights beside it", path.display());
                models.push(ModelFile { model: path, weights });
            }
            "h5" | "keras" | "onnx" | "pt2" | "yml" if !is_weights(&path) => {
                models.push(ModelFile { model: path, weights: None });
            }
            _ => {}
        }
    }
    models
}
