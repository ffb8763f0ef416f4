//! `compare` with several projects: the figures are those of each alone, and what is wrong is said at once.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{json, nn2rtl, own, run, stderr, text, tree};

/// Three designs of one model: `a`, folded, and of another device without HLS, called `a` too.
struct Designs(TempDir);

impl Designs {
    fn new() -> Designs {
        let designs = Designs(tempfile::tempdir().unwrap());
        let model = own("tests/models/k3_mlp.keras");
        let rtl = ["--flow", "rtl", "--target", "xc7a35t", "--clock", "10"];
        for (at, options) in [("a", &[][..]), ("folded", &["--reuse", "16"]), ("other/a", &rtl)] {
            let dir = designs.at(at);
            let own = ["build", text(&model), "-o", text(&dir), "--precision", "fixed<4,2>"];
            run(0, &[&own, options].concat());
        }
        designs
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// The cells of a metric.
fn cells(found: &Value, metric: &str) -> Vec<Value> {
    let rows = found.as_array().unwrap();
    let row = rows.iter().find(|it| it["metric"] == metric);
    row.map_or(Vec::new(), |it| it["cells"].as_array().unwrap().clone())
}

#[test]
fn several_projects_side_by_side() {
    let designs = Designs::new();
    let dirs = ["a", "folded", "other/a"].map(|it| designs.at(it));
    let before = dirs.each_ref().map(|it| tree(it));
    let args: Vec<&str> = ["compare"].into_iter().chain(dirs.iter().map(|it| text(it))).collect();
    let here = designs.at("here");
    std::fs::create_dir(&here).unwrap();
    let output = nn2rtl().arg("--json").args(&args).current_dir(&here).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let page = std::fs::read_to_string(here.join("compare.html")).unwrap();
    assert!(page.contains("other/a RTL") && page.contains("not the same device"), "the page");
    assert_eq!(before, dirs.each_ref().map(|it| tree(it)), "the projects stay as they are");

    let columns = found["columns"].as_array().unwrap();
    let column = |it: &Value| {
        (it["design"].as_u64().unwrap() as usize, it["path"].as_str().unwrap().to_owned())
    };
    let columns: Vec<(usize, String)> = columns.iter().map(column).collect();
    let expected = [(0, "rtl"), (0, "hls"), (1, "rtl"), (1, "hls"), (2, "rtl")];
    assert_eq!(columns, expected.map(|(at, path)| (at, path.to_owned())));
    // Every figure, with its source, is that of the project alone.
    let alone = dirs.each_ref().map(|it| json(0, &["compare", text(it)]));
    for metric in
        ["latency_cycles", "latency_ns", "ii", "fmax_mhz", "lut", "ff", "dsp", "bram_kbit"]
    {
        let found = cells(&found["totals"], metric);
        for ((design, path), cell) in columns.iter().zip(&found) {
            let own = &alone[*design]["total"][path][metric];
            assert_eq!(cell["value"], own["value"], "{metric} of {design} {path}");
            assert_eq!(cell["source"], own["source"], "{metric} of {design} {path}");
        }
        let ratio =
            |at: usize| found[at]["value"].as_f64().unwrap() / found[0]["value"].as_f64().unwrap();
        if metric == "lut" || metric == "ii" {
            assert_eq!(found[2]["ratio"].as_f64(), Some(ratio(2)), "{metric}");
        }
    }
    for layer in found["layers"].as_array().unwrap() {
        for ((design, path), cell) in columns.iter().zip(cells(&layer["rows"], "lut")) {
            let layers = alone[*design]["layers"].as_array().unwrap();
            let own = layers.iter().find(|it| it["name"] == layer["name"]).unwrap();
            assert_eq!(cell["value"], own["figures"][path]["lut"]["value"], "{layer}");
        }
    }
    // The fastest and the smallest are on the front.
    let points = found["pictures"][0]["points"].as_array().unwrap();
    for axis in ["x", "y"] {
        let of = |it: &Value| it[axis]["value"].as_f64().unwrap();
        let least = points.iter().min_by(|a, b| of(a).total_cmp(&of(b))).unwrap();
        let ties = points.iter().filter(|it| of(it) == of(least));
        assert!(ties.clone().any(|it| it["best"] == true), "{points:?}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    std::fs::create_dir(at("empty")).unwrap();
    let (missing, empty, page) = (at("missing"), at("empty"), at("page.html"));
    let args = ["compare", text(&missing), text(&empty), text(&empty), "--html", text(&page)];
    let said = stderr(&run(2, &args));
    for part in [
        "missing: there is no project here",
        "empty: there is no project here",
        "the same project as",
    ] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
    assert!(!Path::new(&page).exists());
}
