//! `Weights: runtime`: new weights while samples are under way. Every sample has the emulator's bits, of the old
//! weights before the one that the hardware names, of the new ones from it on.

use std::io::Write;
use std::path::{Path, PathBuf};

use nn2rtl::cosim::prng::Prng;
use nn2rtl::tools::Tools;
use serde_json::{Value, json};

use crate::cosim::{K3, Project, config, tools};
use crate::support::{json, npy_bytes, own, run, stderr, text};

/// How new weights are chosen from all of their format.
#[derive(Clone, Copy)]
enum Draw {
    Random,
    Least,
    Most,
}

/// Writes arrays of these names and values.
fn npz(path: &Path, arrays: &[(String, Vec<f64>)]) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, values) in arrays {
        let data: Vec<u8> = values.iter().flat_map(|it| it.to_le_bytes()).collect();
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(&npy_bytes("<f8", &[values.len()], &data)).unwrap();
    }
    archive.finish().unwrap();
}

fn values(format: &Value, count: usize, draw: Draw, random: &mut Prng) -> Vec<f64> {
    let width = format["width"].as_u64().unwrap() as i32;
    let unit = 2f64.powi(format["int_bits"].as_i64().unwrap() as i32 - width);
    let least = if format["signed"] == true { -(2f64.powi(width - 1)) } else { 0.0 };
    let value = |_| match draw {
        Draw::Random => (least + (random.next_u64() % (1 << width)) as f64) * unit,
        Draw::Least => least * unit,
        Draw::Most => (least + 2f64.powi(width) - 1.0) * unit,
    };
    (0..count).map(value).collect()
}

/// A project whose weights can be loaded, with updates for all of them.
struct Loadable {
    project: Project,
    updates: Vec<PathBuf>,
}

impl Loadable {
    fn build(model: &str, entries: &Value, reuse: &str) -> Loadable {
        let scratch = tempfile::tempdir().unwrap();
        let file = config(scratch.path(), entries);
        let options = ["--io", "stream", "--flow", "rtl", "--reuse", reuse, "-c", text(&file)];
        let project = Project::build(&own(model), &options);
        let control = project.json("nn2rtl.json")["rtl"]["control"].clone();
        let mut random = Prng::new(9);
        let draws = [Draw::Random, Draw::Least, Draw::Random, Draw::Most];
        let updates = draws.iter().enumerate().map(|(at, draw)| {
            let mut arrays = Vec::new();
            for layer in control["layers"].as_array().unwrap() {
                let [rows, outputs] =
                    ["rows", "outputs"].map(|it| layer[it].as_u64().unwrap() as usize);
                let name = layer["layer"].as_str().unwrap();
                let mut array = |role: &str, count| {
                    let values = values(&layer[role], count, *draw, &mut random);
                    arrays.push((format!("{name}.{role}"), values));
                };
                array("weight", rows * outputs);
                if !layer["bias"].is_null() {
                    array("bias", outputs);
                }
            }
            let path = project.scratch.path().join(format!("w{at}.npz"));
            npz(&path, &arrays);
            path
        });
        let updates = updates.collect();
        Loadable { project, updates }
    }

    /// Verilator finds nothing to complain of.
    fn lint(&self, tools: &Tools) {
        let top = self.project.json("nn2rtl.json")["rtl"]["axis"].as_str().unwrap().to_owned();
        let mut command = tools.verilator().unwrap().command();
        command.current_dir(&self.project.dir).args(["--lint-only", "-Wall", "--no-timing"]);
        command.args(["sim/waivers.vlt", "-f", "rtl/filelist.f", "--top-module", &top]);
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success() && !said.contains("%Warning"), "{said}");
    }

    /// Some of the updates, the first after the start of sample 10, each so many samples behind the last.
    fn check(&self, count: usize, apart: usize, options: &[&str]) {
        let at: Vec<String> = (0..count).map(|it| (10 + it * apart).to_string()).collect();
        let pairs = self.updates.iter().zip(&at);
        let updates: Vec<&str> =
            pairs.flat_map(|(file, at)| ["--update", text(file), "--at", at]).collect();
        let samples = (20 + (count + 1) * apart).to_string();
        let all = [&["--engines", "rtl", "--samples", &samples], &updates[..], options].concat();
        let told = self.project.cosim(&all);
        let from = told["timing"]["updates"].as_array().unwrap();
        let from: Vec<u64> = from.iter().map(|it| it.as_u64().unwrap()).collect();
        assert_eq!(from.len(), count, "{told}");
        assert!(from.windows(2).all(|it| it[0] < it[1]), "{from:?}");
        assert!(from[count - 1] < told["cosim"]["samples"].as_u64().unwrap(), "{from:?}");
        assert!(from.iter().zip(&at).all(|(from, at)| *from > at.parse().unwrap()), "{from:?}");
    }
}

/// Few bits, so that the hardware is small.
fn dense() -> Value {
    json!({ "Model": { "Width": 8 }, "LayerType": { "Dense": { "Weights": "runtime" } } })
}

/// All layers: at once, on some multipliers, and on one for everything.
#[test]
fn dense_layers_are_loaded() {
    let Some(tools) = tools() else { return };
    for (reuse, apart, axi) in [("1", 60, false), ("4", 40, true), ("100000", 15, false)] {
        let own = Loadable::build(K3, &dense(), reuse);
        own.lint(&tools);
        let options: &[&str] = if axi { &["--axi"] } else { &[] };
        own.check(4, apart, options);
        own.check(3, apart, &[options, &["--stall", "0.3", "--seed", "4"]].concat());
    }
}

/// Convolutions with several tokens a sample, of several inputs that do not wait for each other.
#[test]
fn convolutions_are_loaded() {
    let Some(_) = tools() else { return };
    let entry = json!({ "Weights": "runtime" });
    let all = json!({ "Model": { "Width": 8 }, "LayerType": { "Conv2D": entry, "Conv1D": entry } });
    let own = Loadable::build("tests/models/hls4ml_conv.keras", &all, "3");
    own.check(1, 40, &["--axi"]);
    own.check(1, 40, &["--axi", "--stall", "0.3"]);
}

/// Some layers of many, one of them with groups of channels, in a model with quantizers of its own.
#[test]
fn single_layers_are_loaded() {
    let Some(_) = tools() else { return };
    let entry = json!({ "Weights": "runtime" });
    let some = json!({ "LayerName": { "dw": entry, "d": entry } });
    let own = Loadable::build("tests/models/qk2_cnn.h5", &some, "4");
    own.check(2, 15, &[]);
    own.check(2, 15, &["--stall", "0.3"]);
    // What is not loaded stays what it is; an array that is missing is kept.
    let manifest = own.project.json("nn2rtl.json");
    assert_eq!(manifest["rtl"]["control"]["layers"].as_array().unwrap().len(), 2);
}

/// What cannot be loaded is said, for each layer; so is what only one path can.
#[test]
fn limits_of_loading_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("out");
    let told = |code: i32, entries: &Value, options: &[&str]| {
        let file = config(scratch.path(), entries);
        let build =
            ["build", text(&own(K3)), "-o", text(&dir), "-c", text(&file)].map(str::to_owned);
        let build: Vec<&str> =
            build.iter().map(String::as_str).chain(options.iter().copied()).collect();
        stderr(&run(code, &build))
    };
    let rtl = ["--io", "stream", "--flow", "rtl"];
    let entry = json!({ "Weights": "runtime" });
    for (entries, options, expected) in [
        (
            json!({ "LayerName": { "dense": { "Weights": "ram" } } }),
            &rtl[..],
            "constant or runtime",
        ),
        (json!({ "LayerName": { "dense": entry } }), &["--flow", "rtl"], "is for io: stream"),
        (
            json!({ "LayerName": { "softmax": entry } }),
            &rtl,
            "for dense layers and convolutions; softmax is of class Softmax",
        ),
        (json!({ "Model": entry }), &rtl, "Model.Weights: unknown"),
        (
            json!({ "LayerName": { "dense_1": {
                "Weights": "runtime", "Precision": { "accum": "fixed<16,8,RND,SAT>" } } } }),
            &rtl,
            "dense_1: Weights: runtime needs sums",
        ),
        (
            json!({ "LayerName": { "dense": {
                "Weights": "runtime", "Precision": { "weight": "fixed<33,4>" } } } }),
            &rtl,
            "holds no weight of fixed<33,4>",
        ),
    ] {
        let told = told(2, &entries, options);
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(!dir.exists(), "{expected}");
    }
    let both = json!({ "LayerName": { "dense": entry } });
    let warned = told(0, &both, &["--io", "stream", "--reuse", "8"]);
    assert!(warned.contains("dense: Weights: runtime has no effect on the HLS path"), "{warned}");
    let tree = json(
        0,
        &["config", text(&own(K3)), "--io", "stream", "-c", text(&config(scratch.path(), &both))],
    );
    assert!(tree["config"].to_string().contains(r#""Weights":"runtime""#), "{tree}");

    let update = |arrays: &[(&str, usize, f64)], options: &[&str]| {
        let path = scratch.path().join("w.npz");
        let arrays =
            arrays.iter().map(|(name, count, value)| ((*name).to_owned(), vec![*value; *count]));
        npz(&path, &arrays.collect::<Vec<_>>());
        let cosim = ["cosim", text(&dir), "--samples", "10", "--update", text(&path)];
        stderr(&run(2, &[&cosim[..], options].concat()))
    };
    let rtl = ["--engines", "rtl", "--at", "3"];
    let wrong = [("dense.weight", 7, 0.0), ("dense.bias", 32, 1e6), ("dense_1.weight", 512, 0.0)];
    let told = update(&wrong, &rtl);
    for expected in [
        "w.npz:dense.weight: 7 values, the layer has 512",
        "w.npz:dense.bias: 32 values are outside of",
        "w.npz:dense_1.weight: no such weights; the project takes dense.weight, dense.bias",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    for (options, expected) in [
        (&["--engines", "rtl"][..], "come in pairs: 1 and 0"),
        (&["--engines", "rtl", "--at", "15"], "--at 15: the run has 15 samples"),
        (&["--at", "3"], "for the RTL alone"),
        (&["--engines", "rtl", "--at", "3", "--resets", "0.1"], "exclude each other"),
    ] {
        let told = update(&[("dense.bias", 32, 0.0)], options);
        assert!(told.contains(expected), "{expected}: {told}");
    }
}
