//! `compare`: both paths of a project side by side, or several projects.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Manifest, Outcome};
use crate::cli::Compare;
use crate::config::Config;
use crate::error::{Located, Origin, Problems, Result};
use crate::project::{self, MANIFEST};
use crate::report::compare::{Comparison, Side};
use crate::report::several::{self, Design, Several};
use crate::report::{html, listing, svg};

/// Where the page of several projects goes, unless the user says otherwise.
const PAGE: &str = "compare.html";

/// A folder that is named twice.
#[derive(Debug, thiserror::Error)]
#[error("the same project as {first}")]
struct Twice {
    first: String,
}

/// The command.
pub(super) fn run(args: &Compare) -> Result<Outcome> {
    match &args.dirs[..] {
        [dir] => one(dir, args.html.as_deref()),
        dirs => many(dirs, args.html.as_deref().unwrap_or(Path::new(PAGE))),
    }
}

/// A project with all that is known of it.
fn load(dir: &Path) -> Result<(Manifest, Comparison)> {
    let mut manifest: Manifest = project::read_json(dir, MANIFEST)?;
    let mut comparison = std::mem::take(&mut manifest.comparison);
    let simulated = dir.join(super::cosim::RESULT);
    if simulated.is_file() {
        let result: super::cosim::Stored = project::read_json(dir, super::cosim::RESULT)?;
        result.apply(&mut comparison);
    }
    super::synth::apply(dir, &mut comparison)?;
    // After the open tools, whose figures of the same step a vendor's replace.
    super::vendor::apply(dir, &manifest, &mut comparison)?;
    comparison.settle();
    Ok((manifest, comparison))
}

fn one(dir: &Path, html: Option<&Path>) -> Result<Outcome> {
    let (manifest, comparison) = load(dir)?;
    let page = html::page(&comparison, &manifest.formats);
    let picture = svg::network(&comparison.layers);
    let json = serde_json::to_value(&comparison).anywhere()?;
    let report = serde_json::to_vec_pretty(&comparison).anywhere()?;
    let mut files =
        vec![("report.json".into(), report), ("network.svg".into(), picture.into_bytes())];
    let mut text = listing::comparison(&comparison);
    match html {
        None => {
            files.push((PathBuf::from("report.html"), page.into_bytes()));
            text.push_str(&format!("\npage: {}\n", dir.join("report.html").display()));
        }
        Some(path) => {
            project::update(Path::new(""), &[(path.to_owned(), page.into_bytes())])?;
            text.push_str(&format!("\npage: {}\n", path.display()));
        }
    }
    project::update(dir, &files)?;
    Ok(Outcome { text, json, ..Outcome::default() })
}

/// Several projects, which stay as they are.
fn many(dirs: &[PathBuf], html: &Path) -> Result<Outcome> {
    let mut problems = Problems::default();
    let mut designs = Vec::new();
    let names = names(dirs);
    for (idx, (dir, name)) in dirs.iter().zip(names).enumerate() {
        let whole = |it: &PathBuf| std::fs::canonicalize(it).unwrap_or_else(|_| it.clone());
        if let Some(first) = dirs[..idx].iter().find(|it| whole(it) == whole(dir)) {
            let first = first.display().to_string();
            let at = Origin::new(dir.display().to_string(), "");
            problems.note::<()>(Err(Twice { first }).locate(&at));
            continue;
        }
        designs.extend(problems.note(load(dir).map(|it| design(name, dir, it))));
    }
    let all = Several::new(problems.into_result(designs)?);
    let page = several::html::page(&all).into_bytes();
    project::update(Path::new(""), &[(html.to_owned(), page)])?;
    let text = several::text::listing(&all) + &format!("\npage: {}\n", html.display());
    let json = serde_json::to_value(&all).anywhere()?;
    Ok(Outcome { text, json, ..Outcome::default() })
}

fn design(name: String, dir: &Path, loaded: (Manifest, Comparison)) -> Design {
    let (manifest, mut comparison) = loaded;
    comparison.settings.extend(settings(&manifest.config));
    if let Some(hls) = &manifest.hls {
        comparison.settings.insert("hls".into(), hls.tool.name().into());
    }
    let paths = [(Side::Rtl, manifest.rtl.is_some()), (Side::Hls, manifest.hls.is_some())];
    Design {
        name,
        folder: dir.display().to_string(),
        model_sha256: manifest.model.sha256,
        paths: paths.into_iter().filter(|it| it.1).map(|it| it.0).collect(),
        comparison,
    }
}

/// What a user chose for the whole model, in the words of the command line.
fn settings(config: &Config) -> Vec<(String, String)> {
    let model = &config.model;
    let dsp = config.dsp.map(|it| format!("{it:?}").to_lowercase());
    let all = [
        ("precision", model.precision.default.map(|it| it.to_string())),
        ("width", config.width.map(|it| it.to_string())),
        ("reuse", model.reuse_factor.map(|it| it.to_string())),
        ("strategy", model.strategy.map(|it| it.to_string())),
        ("latency", config.latency_cycles.map(|it| it.to_string())),
        ("target-ii", config.target_ii.map(|it| it.to_string())),
        ("fit", config.fit.then(|| "yes".to_owned())),
        ("dsp", dsp),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// What folders are called: by their last part, by more of them where that is not enough to tell
/// them apart.
fn names(dirs: &[PathBuf]) -> Vec<String> {
    let parts = |dir: &PathBuf| -> Vec<String> {
        // A folder as `.` has a name all the same.
        let whole = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.clone());
        let normal = whole.components().filter(|it| matches!(it, Component::Normal(_)));
        normal.map(|it| it.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let parts: Vec<Vec<String>> = dirs.iter().map(parts).collect();
    let most = parts.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let named = |count: usize| -> Vec<String> {
        parts.iter().map(|it| it[it.len().saturating_sub(count)..].join("/")).collect()
    };
    let differ = |it: &Vec<String>| it.iter().collect::<BTreeSet<_>>().len() == it.len();
    (1..=most).map(named).find(differ).unwrap_or_else(|| named(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_told_apart() {
        let names = |dirs: &[&str]| names(&dirs.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(names(&["/x/a", "/y/b"]), ["a", "b"]);
        assert_eq!(names(&["/x/out", "/y/out", "z"]), ["x/out", "y/out", "z"]);
        assert_eq!(names(&["/x/out", "/x/out"]), ["out", "out"], "an error, found later");
    }
}
