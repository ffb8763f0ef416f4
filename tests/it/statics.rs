//! `Static: false`: recurrent layers with a cell for every step, in streams and behind whole tensors.

use std::path::Path;

use serde_json::{Value, json};

use crate::cosim::{Project, config, tools};
use crate::stream::check;
use crate::support::{json, own, shared, text};

/// A project of which some layers are not static.
fn project(model: &Path, entry: &Value, options: &[&str]) -> Project {
    let scratch = tempfile::tempdir().unwrap();
    let file = config(scratch.path(), entry);
    Project::build(model, &[&["--config", text(&file)], options].concat())
}

fn interval(project: &Project, path: &str) -> u64 {
    project.json("nn2rtl.json")[path]["interval"].as_u64().unwrap()
}

/// Cells of all kinds: a sample takes as long as its tokens or as a token's products, and the C++ has a task
/// for every step too.
#[test]
fn steps_have_cells_of_their_own() {
    let Some(_) = tools() else { return };
    let model = own("tests/models/onnx_recurrent.onnx");
    let options = ["--io", "stream", "--reuse", "3"];
    let rolled = project(&model, &json!({ "Model": { "Static": true } }), &options);
    let unrolled = project(&model, &json!({ "Model": { "Static": false } }), &options);
    assert_eq!(["rtl", "hls"].map(|it| interval(&unrolled, it)), [3; 2]);
    assert!(interval(&rolled, "rtl") > 18 && interval(&rolled, "hls") > 18);
    let processes = unrolled.json("nn2rtl.json")["rtl"]["processes"].to_string();
    assert!(!processes.contains("_state"), "{processes}");
    check(&unrolled, "12");
    // Samples come every 3 to 6 cycles here, so a later one may take less time than the first.
    let uneven = project(
        &model,
        &json!({ "Model": { "Static": false } }),
        &["--io", "stream", "--flow", "rtl", "--reuse", "4"],
    );
    check(&uneven, "12");
}

/// Layers behind layers, both directions, a layer by its name and others by their class; whole tensors.
#[test]
fn directions_are_unrolled() {
    let Some(_) = tools() else { return };
    let Some(model) = shared("samples/k3_rnn.keras") else { return };
    let some = json!({
        "LayerName": { "bidirectional": { "Static": false } },
        "LayerType": { "LSTM": { "Static": false }, "SimpleRNN": { "static": false } },
    });
    let all = json!({ "Model": { "Static": false } });
    let options = ["--flow", "rtl", "--reuse", "4", "--input-shape", "3,5"];
    let mut intervals = Vec::new();
    for (entry, io) in [(&some, "stream"), (&all, "parallel")] {
        let project = project(&model, entry, &[&options[..], &["--io", io]].concat());
        check(&project, "6");
        intervals.push(interval(&project, "rtl"));
    }
    // One layer is a loop still.
    assert!(intervals[0] > 16 && intervals[1] == 4, "{intervals:?}");
}

/// Where there is no loop over time the key does nothing, and that is said.
#[test]
fn layers_without_loops_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let entry = json!({
        "LayerName": { "dense": { "Static": false } },
        "LayerType": { "Softmax": { "Static": true } },
    });
    let file = config(scratch.path(), &entry);
    let model = own("tests/models/k3_mlp.keras");
    let told = json(0, &["inspect", text(&model), "--config", text(&file)]);
    let warnings = told["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].to_string().contains("no loop over time"), "{warnings:?}");
}
