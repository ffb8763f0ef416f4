//! Shapes that the user gives to inputs: fully convolutional models on images of another size, inputs
//! whose shape the file leaves open, and what is said where a shape does not fit.

use serde_json::json;

use crate::cosim::{Project, config, tools};
use crate::stream::check;
use crate::support::{npy, own, run, shared, stderr, text, values};

/// A network of convolutions for pictures of 128 x 128, on smaller ones.
#[test]
fn smaller_images_stream() {
    let Some(_) = tools() else { return };
    let Some(model) = shared("models/p14_espcn_qonnx_conv/quant_model.onnx") else { return };
    let options = ["--input-shape", "3,5,6", "--io", "stream", "--reuse", "64"];
    check(&Project::build(&model, &options), "4");
}

/// A file that leaves an axis open; every step gets what it gets alone. The command line goes over the
/// configuration.
#[test]
fn open_shapes_are_given() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path();
    let description = std::fs::read_to_string(own("tests/models/k3_mlp.json")).unwrap();
    let open = description.replace("[null, 16]", "[null, null, 16]");
    assert_ne!(open, description);
    let (steps, rows) = (dir.join("steps.json"), dir.join("rows.json"));
    std::fs::write(&steps, open).unwrap();
    std::fs::write(&rows, description).unwrap();
    let weights = own("tests/models/k3_mlp.weights.h5");
    let base = ["--weights", text(&weights)];
    let told = stderr(&run(2, &[&["inspect", text(&steps)], &base[..]].concat()));
    assert!(told.contains("[null,null,16]") && told.contains("--input-shape 16,16,3"), "{told}");
    let other = config(dir, &json!({ "Model": { "InputShape": [7, 16] } }));
    let predicted = |model: &std::path::Path, shape: &[usize], options: &[&str]| {
        let (input, output) = (dir.join("x.npy"), dir.join("y.npy"));
        npy(&input, shape, &values(3, 48));
        let files = ["--input", text(&input), "--output", text(&output)];
        run(0, &[&["predict", text(model)], &base[..], &files, options].concat());
        let bytes = std::fs::read(output).unwrap();
        // Three rows of five scores, behind a header with the shape.
        bytes[bytes.len() - 15 * 8..].to_vec()
    };
    let want = predicted(&rows, &[3, 16], &[]);
    let options = ["--config", text(&other), "--input-shape", "3,16"];
    assert!(predicted(&steps, &[1, 3, 16], &options) == want);
    let file = config(dir, &json!({ "Model": { "InputShape": [3, 16] } }));
    assert!(predicted(&steps, &[1, 3, 16], &["--config", text(&file)]) == want);
    let named = ["--config", text(&other), "--input-shape", "input_layer=3,16"];
    assert!(predicted(&steps, &[1, 3, 16], &named) == want);
    let printed = run(0, &[&["config", text(&steps)], &base[..], &named].concat());
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.contains("InputShape:\n    input_layer:"), "{printed}");
}

/// What a shape does not fit is told with file and layer.
#[test]
fn shapes_that_do_not_fit_are_told() {
    let told = |model: &str, shapes: &[&str]| {
        let model = own("tests/models").join(model);
        let given = shapes.iter().flat_map(|it| ["--input-shape", it]);
        let line: Vec<&str> = ["inspect", text(&model)].into_iter().chain(given).collect();
        stderr(&run(2, &line))
    };
    for (model, shapes, expected) in [
        ("qk2_cnn.h5", &["8,8,3"][..], "qk2_cnn.h5:c1: kernel has shape"),
        ("qk2_cnn.h5", &["100"], "input_2: the shape 100 that was given has 1 axes"),
        ("k3_mlp.keras", &["15"], "k3_mlp.keras:dense: kernel has shape [16, 32]"),
        ("t_mlp_legacy.onnx", &["15"], "t_mlp_legacy.onnx:"),
        ("graph.onnx", &["nobody=3"], "is for the input nobody, which the model does not have"),
        ("layers_rnn.keras", &["6,4"], "names no input, and the model has several: x, h, c"),
        ("t_mlp.pt2", &["16"], "t_mlp.pt2: the shape of an input cannot be changed: torch.export"),
        ("expressions.yml", &["3"], "expressions.yml: the shape of an input cannot be changed"),
        ("k3_mlp.keras", &["4,x"], "--input-shape \"4,x\" is not supported"),
        ("k3_mlp.keras", &["16", "16"], "once for each input"),
    ] {
        let told = told(model, shapes);
        assert!(told.contains(expected), "{told}");
    }
}
