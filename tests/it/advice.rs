//! `estimate` on devices that are too small: what it says of a change is what `build` with it estimates.

use std::path::Path;

use serde_json::Value;

use crate::support::{json, own, run, stderr, text};

const MODEL: &str = "tests/models/k3_mlp.keras";

/// Options of a base design with those of a change over them.
fn options<'a>(base: &[[&'a str; 2]], change: &'a Value) -> Vec<&'a str> {
    let change: Vec<&str> =
        change["options"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let kept = base.iter().filter(|it| !change.contains(&it[0])).flatten().copied();
    kept.chain(change.iter().copied()).collect()
}

/// Builds with every change; the estimates must be those that were predicted. Returns the changes.
fn check(model: &Path, base: &[[&str; 2]]) -> Vec<Value> {
    let flat: Vec<&str> = base.iter().flatten().copied().collect();
    let found = json(0, &[&["estimate", text(model)], &flat[..]].concat());
    assert!(found["fit"].as_array().unwrap().iter().any(|it| it["fits"] == false), "{found}");
    let tried = found["advice"]["tried"].as_array().unwrap().clone();
    let scratch = tempfile::tempdir().unwrap();
    let (dir, file) = (scratch.path().join("project"), scratch.path().join("config.json"));
    for change in &tried {
        let mut arguments = vec!["build", text(model), "-o", text(&dir), "--force"];
        arguments.extend(options(base, change));
        if let Some(config) = change.get("config") {
            std::fs::write(&file, config.to_string()).unwrap();
            arguments.extend(["-c", text(&file)]);
        }
        run(0, &arguments);
        let built = json(0, &["estimate", text(&dir)]);
        for path in change["paths"].as_array().unwrap() {
            let name = path["path"].as_str().unwrap();
            assert_eq!(path["figures"], built["total"][name], "{name} of {arguments:?}");
            let fits = built["fit"].as_array().unwrap().iter().find(|it| it["path"] == *name);
            let fits = fits.unwrap();
            assert_eq!((&path["fits"], &path["shares"]), (&fits["fits"], &fits["shares"]));
        }
    }
    tried
}

fn changes(tried: &[Value]) -> Vec<&str> {
    tried.iter().map(|it| it["change"].as_str().unwrap()).collect()
}

#[test]
fn what_is_predicted_is_what_build_estimates() {
    let base = [["--target", "ice40up5k"], ["--precision", "fixed<6,4>"]];
    let tried = check(&own(MODEL), &base);
    let names = changes(&tried);
    for name in [
        "--precision 'fixed<4,4>'",
        "--reuse 8",
        "--io stream",
        "--dsp 8",
        "--target ice40hx8k --clock 40",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    // Narrower types take less, on both paths.
    let lut = |it: &Value| it["figures"]["lut"]["value"].as_f64().unwrap();
    let narrow = tried.iter().find(|it| it["change"] == "--precision 'fixed<4,4>'").unwrap();
    assert_eq!(
        (narrow["other_results"] == true, narrow["paths"].as_array().unwrap().len()),
        (true, 2)
    );
    let now = json(
        0,
        &[
            "estimate",
            text(&own(MODEL)),
            "--target",
            "ice40up5k",
            "--precision",
            "fixed<6,4>",
            "--advise=never",
        ],
    );
    assert!(now.get("advice").is_none());
    for path in narrow["paths"].as_array().unwrap() {
        let before = now["total"][path["path"].as_str().unwrap()]["lut"]["value"].as_f64().unwrap();
        assert!(lut(path) < before, "{path}");
    }
}

/// A model that is quantized: its defaults are nobody's types, and that is said.
#[test]
fn models_with_quantizers_keep_their_types() {
    let (model, base) = (own("tests/models/hgq2_mlp.keras"), [["--target", "ice40up5k"]]);
    let tried = check(&model, &base);
    let names = changes(&tried);
    assert!(
        names.contains(&"--fit") && !names.iter().any(|it| it.starts_with("Width")),
        "{names:?}"
    );
    let found = json(0, &["estimate", text(&model), "--target", "ice40up5k"]);
    let left = found["advice"]["left_out"].as_array().unwrap();
    let width = left.iter().find(|it| it["change"] == "Width 14").unwrap();
    assert!(width["reason"].as_str().unwrap().contains("quantizers"), "{width}");
    assert_eq!(found["advice"]["tried"], Value::from(tried), "the same again");
}

#[test]
fn advice_has_its_time_and_its_place() {
    let model = own(MODEL);
    let base = ["estimate", text(&model), "--precision", "fixed<4,2>"];
    // Nothing to say where everything fits, unless asked for; nothing is begun without time.
    let found = json(0, &base);
    assert!(found.get("advice").is_none() && found["fit"][0]["fits"] == true, "{found}");
    let found = json(0, &[&base[..], &["--advise", "--advise-seconds", "0"]].concat());
    let advice = &found["advice"];
    assert_eq!(advice["tried"], serde_json::json!([]));
    let left = advice["left_out"].as_array().unwrap();
    let waits = |it: &&Value| it["reason"].as_str().unwrap().contains("not begun");
    assert!(left.iter().filter(waits).count() > 8, "{left:?}");
    // A device that no folding fits is missed, and the changes keep what was asked for.
    let full =
        ["estimate", text(&model), "--target", "ice40up5k", "--fit", "--advise-seconds", "0"];
    let found = json(1, &full);
    assert_eq!(found["missed"]["device"], "ice40up5k");
    let left = found["advice"]["left_out"].as_array().unwrap();
    assert!(left.iter().any(|it| it["reason"] == "--fit chooses the reuse factors"), "{left:?}");
    // A project is made already.
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("project");
    run(0, &["build", text(&model), "-o", text(&dir), "--precision", "fixed<4,2>"]);
    let said = stderr(&run(2, &["estimate", text(&dir), "--advise"]));
    assert!(said.contains("--advise changes how a model is made"), "{said}");
}
