//! The only writer: a project is made in memory and appears on disk as a whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Located, Origin, Problem, Result};

/// Name of the manifest, by which a folder is known to be ours.
pub const MANIFEST: &str = "nn2rtl.json";

/// Files by path relative to the project's folder.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Contents; sorted, so that listings do not depend on who added what first.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Why a project cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The folder holds something else.
    #[error("the folder is not an nn2rtl project (it has no {MANIFEST}) and is not empty")]
    NotOurs,
    /// The path is a file.
    #[error("there is a file of this name")]
    IsFile,
    /// The project is there already.
    #[error("the folder holds a project made from another model ({found})")]
    OtherModel {
        /// The model of the project that is there.
        found: String,
    },
    /// The system refuses.
    #[error("{action} failed")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file of the project cannot be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file in the project.
        file: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The manifest or the design does not parse.
    #[error("{file} is damaged")]
    Damaged {
        /// The file in the project.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A file of the project is not the one that was written.
    #[error("{file} has been changed since the project was built")]
    Changed {
        /// The file in the project.
        file: &'static str,
    },
    /// Not a project.
    #[error("there is no project here (no {MANIFEST})")]
    NoProject,
}

fn io(action: &'static str) -> impl Fn(std::io::Error) -> ProjectError {
    move |source| ProjectError::Io { action, source }
}

impl Project {
    /// Adds a text file.
    pub fn text(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) {
        self.files.insert(path.into(), text.into().into_bytes());
    }

    /// Adds files under a folder.
    pub fn extend(&mut self, folder: &str, files: impl IntoIterator<Item = (PathBuf, String)>) {
        for (path, text) in files {
            self.text(Path::new(folder).join(path), text);
        }
    }

    /// Puts the project at `dir`. It is written beside it first and then moved into place, so that a
    /// failure leaves what was there before.
    ///
    /// # Errors
    /// A folder that is not ours (unless `force`), a file in the way, or the system's refusal.
    pub fn write(&self, dir: &Path, force: bool) -> Result<()> {
        let at = Origin::new(dir.display().to_string(), "");
        self.put(dir, force).map_err(|error| {
            let not_ours = matches!(error, ProjectError::NotOurs);
            let problem = Problem::at(&at, error);
            match not_ours {
                true => problem.help("choose another folder, or give --force to replace it").into(),
                false => problem.into(),
            }
        })
    }

    fn put(&self, dir: &Path, force: bool) -> std::result::Result<(), ProjectError> {
        match std::fs::metadata(dir) {
            Ok(meta) if !meta.is_dir() => return Err(ProjectError::IsFile),
            Ok(_) if !force && !is_ours_or_empty(dir)? => return Err(ProjectError::NotOurs),
            _ => {}
        }
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).map_err(io("making the folder"))?;
        let name = dir.file_name().and_then(|it| it.to_str()).unwrap_or("project");
        let aside = parent.join(format!(".{name}.{}.new", std::process::id()));
        let written = self.fill(&aside).and_then(|()| replace(dir, &aside));
        if written.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_dir_all(&aside);
        }
        written
    }

    fn fill(&self, dir: &Path) -> std::result::Result<(), ProjectError> {
        std::fs::create_dir_all(dir).map_err(io("making the folder"))?;
        for (path, content) in &self.files {
            let path = dir.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(io("making the folder"))?;
            }
            std::fs::write(&path, content).map_err(io("writing"))?;
            #[cfg(unix)]
            if path.extension().is_some_and(|it| it == "sh") {
                use std::os::unix::fs::PermissionsExt;
                let mode = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(&path, mode).map_err(io("setting permissions"))?;
            }
        }
        Ok(())
    }
}

fn is_ours_or_empty(dir: &Path) -> std::result::Result<bool, ProjectError> {
    let mut entries = std::fs::read_dir(dir).map_err(io("reading the folder"))?;
    Ok(dir.join(MANIFEST).is_file() || entries.next().is_none())
}

/// Moves `new` to `dir`, what was there out of the way first.
fn replace(dir: &Path, new: &Path) -> std::result::Result<(), ProjectError> {
    let old = new.with_extension("old");
    let had = dir.exists();
    if had {
        std::fs::rename(dir, &old).map_err(io("moving the old project away"))?;
    }
    if let Err(error) = std::fs::rename(new, dir) {
        if had {
            // Back to how it was; the error of the first move is the one to report.
            let _ = std::fs::rename(&old, dir);
        }
        return Err(io("moving the project into place")(error));
    }
    if had {
        std::fs::remove_dir_all(&old).map_err(io("removing the old project"))?;
    }
    Ok(())
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    <sha2::Sha256 as sha2::Digest>::digest(bytes).iter().map(|it| format!("{it:02x}")).collect()
}

/// Checks that a file of a project is the one that was written.
///
/// # Errors
/// It cannot be read, or its SHA-256 is another.
pub fn expect_sha256(dir: &Path, file: &'static str, expected: &str) -> Result<()> {
    let at = Origin::new(dir.display().to_string(), "");
    let bytes = std::fs::read(dir.join(file))
        .map_err(|source| ProjectError::Unreadable { file, source })
        .locate(&at)?;
    match sha256(&bytes) == expected {
        true => Ok(()),
        false => Err(Problem::at(&at, ProjectError::Changed { file })
            .help("build the project again")
            .into()),
    }
}

/// Reads a JSON file of a project.
///
/// # Errors
/// The folder is no project, or the file is damaged.
pub fn read_json<T: serde::de::DeserializeOwned>(dir: &Path, file: &'static str) -> Result<T> {
    let at = Origin::new(dir.display().to_string(), "");
    if !dir.join(MANIFEST).is_file() {
        return Err(ProjectError::NoProject).locate(&at);
    }
    let text = std::fs::read(dir.join(file))
        .map_err(|source| ProjectError::Unreadable { file, source })
        .locate(&at)?;
    serde_json::from_slice(&text)
        .map_err(|source| ProjectError::Damaged { file, source })
        .locate(&at)
}

/// Replaces or adds files of a project that is there (reports, traces).
///
/// # Errors
/// The system's refusal.
pub fn update(dir: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let at = Origin::new(dir.display().to_string(), "");
    for (path, content) in files {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io("making the folder")).locate(&at)?;
        }
        std::fs::write(path, content).map_err(io("writing")).locate(&at)?;
    }
    Ok(())
}

/// Makes a file of a project that a tool writes to while it runs: its log.
///
/// # Errors
/// The system's refusal.
pub fn log(dir: &Path, file: &Path) -> Result<std::fs::File> {
    update(dir, &[(file.to_owned(), Vec::new())])?;
    let at = Origin::new(dir.display().to_string(), "");
    std::fs::File::create(dir.join(file)).map_err(io("writing")).locate(&at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let mut project = Project::default();
        project.text(MANIFEST, "{}");
        project.text("rtl/a.sv", "module a; endmodule");
        project.write(&out, false).unwrap();
        assert!(out.join("rtl/a.sv").is_file());
        // A second build replaces the first one, stale files included.
        project.files.remove(Path::new("rtl/a.sv"));
        project.write(&out, false).unwrap();
        assert!(!out.join("rtl").exists());
        let strange = dir.path().join("strange");
        std::fs::create_dir(&strange).unwrap();
        std::fs::write(strange.join("thesis.tex"), "x").unwrap();
        let error = project.write(&strange, false).unwrap_err().to_string();
        assert!(error.contains("not an nn2rtl project") && error.contains("--force"), "{error}");
        assert!(strange.join("thesis.tex").is_file());
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "nothing half-written is left: {left:?}");
    }
}
