//! One broken file per message.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

use super::*;

fn told(result: Result<RawModel>) -> String {
    result.map(|it| outline(&it)).unwrap_err().to_string()
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A JSON model with the weights of `k3_mlp`.
fn json(text: &str) -> String {
    told(load("m.json", text.as_bytes(), Some(("w.h5", &bytes("k3_mlp.weights.h5")))))
}

/// A functional model of Keras 2 with an input `x` and these layers; its output is `y`.
fn functional(layers: &str) -> String {
    json(&format!(
        r#"{{"class_name": "Functional", "config": {{"layers": [{{"class_name": "InputLayer",
            "config": {{"name": "x", "batch_input_shape": [null, 4]}}}}, {layers}],
            "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}}}}"#
    ))
}

fn layer(name: &str, calls: &str) -> String {
    format!(r#"{{"class_name": "ReLU", "config": {{"name": "{name}"}}, "inbound_nodes": {calls}}}"#)
}

/// A Sequential model whose input has this shape.
fn sequential(shape: &str) -> String {
    json(&format!(
        r#"{{"class_name": "Sequential", "config": {{"layers": [{{"class_name": "InputLayer",
            "config": {{"name": "x", "batch_shape": {shape}}}}},
            {{"class_name": "ReLU", "config": {{"name": "y"}}}}]}}}}"#
    ))
}

#[test]
fn containers() {
    let weights = bytes("k3_mlp.weights.h5");
    assert_eq!(
        told(load("m.bin", b"hello", None)),
        "m.bin: not a Keras model: neither a .keras archive, nor HDF5, nor Keras JSON\n  \
         help: save the model with model.save(\"model.keras\") or model.save(\"model.h5\")"
    );
    let whole = bytes("k3_mlp.keras");
    let cut = told(load("m.keras", &whole[..whole.len() - 30], None));
    assert_eq!(cut, "m.keras: damaged .keras archive: invalid Zip archive: Could not find EOCD");
    let mut flipped = whole.clone();
    flipped[200] ^= 1;
    let flipped = told(load("m.keras", &flipped, None));
    assert_eq!(flipped, "m.keras: cannot read config.json of the archive: Invalid checksum");
    assert_eq!(
        told(load("m.keras", &archive(&[("metadata.json", b"{}")]), None)),
        "m.keras: the archive has no config.json"
    );
    assert_eq!(
        told(load("m.keras", &archive(&[("config.json", b"{}")]), None)),
        "m.keras: the archive has no model.weights.h5"
    );
    let shards = archive(&[("config.json", b"{}"), ("model.weights.json", b"{}")]);
    assert_eq!(
        told(load("m.keras", &shards, None)),
        "m.keras: sharded weights (model.weights.json) are not supported\n  \
         help: save the model without sharding: model.save(\"model.keras\")"
    );
    assert_eq!(
        told(load("m.keras", &archive(&[("config.json", &vec![b' '; (16 << 20) + 1])]), None)),
        "m.keras: config.json is too large: more than 16777216 bytes"
    );
    let h5 = bytes("k3_mlp.h5");
    let cut = told(load("m.h5", &h5[..h5.len() / 2], None));
    assert!(cut.starts_with("m.h5: cannot read the HDF5 file: "), "{cut}");
    assert_eq!(
        told(load("m.h5", &weights, None)),
        "m.h5: the file holds weights but no architecture\n  help: save the whole model with \
         model.save(), or give the JSON of model.to_json() and this file as its weights"
    );
    assert_eq!(
        told(load("m.h5", &h5, Some(("w.h5", &weights)))),
        "m.h5: the model has its own weights; w.h5 is not needed"
    );
}

#[test]
fn weights() {
    let model = bytes("k3_mlp.json");
    assert_eq!(
        told(load("m.json", &model, None)),
        "m.json: the file holds an architecture but no weights\n  \
         help: give the file of model.save_weights() as the weights"
    );
    let not = "not a Keras weights file: HDF5 without layer_names, model_weights or layers";
    assert_eq!(told(load("m.json", &model, Some(("w.h5", b"")))), format!("w.h5: {not}"));
    // All faults are told at once.
    assert_eq!(
        told(load("m.json", &model, Some(("w.h5", &bytes("k2_mlp_weights.h5"))))),
        "m.json:dense_2: weights missing: kernel, bias"
    );
    let text = String::from_utf8(model).unwrap();
    let more = text.replace(r#""use_bias": false"#, r#""use_bias": true"#);
    assert_eq!(json(&more), "m.json:dense_1: weights missing: bias");
    let config = text.replace(r#""name": "dense""#, r#""name": "other""#);
    let other = archive(&[
        ("config.json", config.as_bytes()),
        ("model.weights.h5", &bytes("k3_mlp.weights.h5")),
    ]);
    assert_eq!(
        told(load("m.keras", &other, None)),
        "m.keras:other: the weights at layers/dense are those of layer \"dense\""
    );
}

/// Replaces the first occurrence of a pattern.
fn patched(file: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut whole = bytes(file);
    let at = whole.windows(from.len()).position(|it| it == from).expect("the pattern");
    whole[at..at + to.len()].copy_from_slice(to);
    whole
}

#[test]
fn damaged_weights_name_their_layer() {
    // The datatype message of a float32, whose size becomes 2.
    let float32 = [0x11, 0x20, 0x1f, 0, 4, 0, 0, 0];
    let told_of = |file: Vec<u8>| told(load("m.h5", &file, None));
    let half = told_of(patched("k2_mlp.h5", &float32, &[0x11, 0x20, 0x0f, 0, 2, 0, 0, 0]));
    assert_eq!(
        half,
        "m.h5:batch_normalization: weight \
         model_weights/batch_normalization/batch_normalization/gamma:0 has type FloatingPoint { \
         size: 2, byte_order: LittleEndian }, supported are float32, float64, integers and bool"
    );
    // The dataspace of the first kernel, [16, 32], grows beyond all bounds and beyond the file.
    let dims = |rows: u64| [rows.to_le_bytes(), 32_u64.to_le_bytes()].concat();
    let huge = told_of(patched("k2_mlp.h5", &dims(16), &dims(1 << 40)));
    assert_eq!(huge, "m.h5:dense: the sum of all weights is too large: more than 1407104 elements");
    let long = told_of(patched("k2_mlp.h5", &dims(16), &dims(1 << 10)));
    assert_eq!(
        long,
        "m.h5:dense: cannot read weight model_weights/dense/dense/kernel:0: invalid data: \
         contiguous raw data has 2048 bytes, expected 131072 bytes"
    );
}

#[test]
fn configurations() {
    let read = "m.json: cannot read the model's JSON: ";
    assert!(json(r#"{"class_name": "Sequential", "config": "#).starts_with(read));
    let utf8 = told(load("m.json", b"{\"class_name\": \"config\": \xff", Some(("", b""))));
    assert!(utf8.starts_with("m.json: the model's JSON is not UTF-8: invalid utf-8"), "{utf8}");
    let version = r#"{"class_name": "Sequential", "keras_version": "1.2.2", "config": []}"#;
    assert_eq!(
        json(version),
        "m.json: Keras version \"1.2.2\" is not supported, supported are 2 and 3"
    );
    assert_eq!(
        json(r#"{"class_name": "Custom>MyModel", "config": {}}"#),
        "m.json: model class Custom>MyModel is not supported, supported are Sequential and \
         Functional\n  help: rebuild the model with the functional API"
    );
    assert_eq!(
        json(r#"{"class_name": "Sequential", "config": {"layers": 3}}"#),
        "m.json: layers should be a list, found 3"
    );
    assert_eq!(
        json(r#"{"class_name": "Sequential", "config": []}"#),
        "m.json: the model has no layers"
    );
    assert_eq!(
        json(r#"{"class_name": "Sequential", "config": [7, {"class_name": "ReLU"}]}"#),
        "m.json: layer should be an object, found 7\n\
         m.json: name should be a string, found nothing"
    );
    let nested = (0..18).fold(String::new(), |inner, at| {
        format!(r#"{{"class_name": "Sequential", "name": "n{at}", "config": [{inner}]}}"#)
    });
    assert_eq!(json(&nested), "m.json:n0: models are nested more than 16 deep");
}

#[test]
fn graphs() {
    let call = |from: &str| format!("[[[{from}, {{}}]]]");
    let y = |from: &str| layer("y", &call(from));
    assert_eq!(
        functional(&y(r#""z", 0, 0"#)),
        "m.json:y: input comes from \"z\", which is no layer of the model"
    );
    for from in [r#""x", 1, 0"#, r#""x", 0, 1"#] {
        let told = functional(&y(from));
        assert!(told.starts_with("m.json:y: input comes from output "), "{told}");
        assert!(told.ends_with(" of \"x\", which does not exist"), "{told}");
        assert!(!told.contains('\n'), "one message: {told}");
    }
    let circle = format!("{}, {}", layer("z", &call(r#""y", 0, 0"#)), y(r#""z", 0, 0"#));
    assert_eq!(functional(&circle), "m.json:z: the layer depends on its own output");
    let idle = format!("{}, {}", layer("z", "[]"), y(r#""x", 0, 0"#));
    assert_eq!(functional(&idle), "m.json:z: the layer is never called");
    let twice = format!("{0}, {0}", y(r#""x", 0, 0"#));
    assert_eq!(functional(&twice), "m.json:y: two layers of the model have this name");
    assert_eq!(
        functional(&layer("y", "7")),
        "m.json:y: inbound_nodes should be a list of calls, found 7"
    );
    let nested = r#"{"class_name": "Sequential", "name": "y", "config": [
        {"class_name": "ReLU", "config": {"name": "r"}}],
        "inbound_nodes": [[["x", 0, 0, {}], ["x", 0, 0, {}]]]}"#;
    assert_eq!(functional(nested), "m.json:y: the nested model is called with 2 inputs, it has 1");
    let loose = format!(
        r#"{}, {{"class_name": "InputLayer", "config": {{"name": "z", "batch_shape": [1, 1]}}}}"#,
        y(r#""z", 0, 0"#)
    );
    let told = "m.json:z: the input layer is not among the inputs of its model";
    assert_eq!(functional(&loose), told);
    let wide = format!("{}, {}", layer("z", &call(r#""x", 0, 0"#)), y(r#""z", 0, 99"#));
    assert_eq!(
        functional(&wide),
        "m.json:z: number of outputs of the layer is too large: more than 64 tensors"
    );
    let outputs = |inputs: &str, outputs: &str| {
        json(&format!(
            r#"{{"class_name": "Functional", "config": {{"layers": [{{"class_name": "InputLayer",
                "config": {{"name": "x", "batch_input_shape": [null, 4]}}}}, {}],
                "input_layers": {inputs}, "output_layers": {outputs}}}}}"#,
            y(r#""x", 0, 0"#)
        ))
    };
    assert_eq!(outputs("[]", r#"["y", 0, 0]"#), "m.json: the model has no inputs");
    let told = outputs(r#"["y", 0, 0]"#, r#"["y", 0]"#);
    assert!(told.contains("output_layers should be a list of [layer, node, tensor]"), "{told}");
    let told = outputs(r#"[["x", 0, 0], ["x", 0, 0]]"#, r#"["y", 0, 0]"#);
    assert_eq!(told, "m.json:x: the input layer is listed twice among the inputs of its model");
    let told = outputs(r#"["x", 0, 0]"#, r#"["q", 0, 0]"#);
    assert_eq!(told, "m.json: input comes from \"q\", which is no layer of the model");
    let told = outputs(r#"["y", 0, 0]"#, r#"["y", 0, 0]"#);
    assert!(told.contains("input_layers should be the name of an InputLayer"), "{told}");
}

#[test]
fn inputs_and_types() {
    let help =
        "\n  help: give the shape of a sample: --input-shape 16,16,3, or InputShape of Model";
    assert_eq!(
        sequential("[null, null, 3]"),
        format!(
            "m.json:x: input shape [null,null,3] has a dimension that is not a positive number{help}"
        )
    );
    assert_eq!(
        sequential("null"),
        format!("m.json:x: the shape of the input is not in the file{help}")
    );
    assert_eq!(
        sequential("[null, 65536, 65536]"),
        "m.json:x: input is too large: more than 268435456 elements"
    );
    let half = r#"{"class_name": "ReLU", "config": {"name": "y", "dtype": "float16"},
        "inbound_nodes": [[["x", 0, 0, {}]]]}"#;
    assert_eq!(
        functional(half),
        "m.json:y: dtype \"float16\" is not supported, only float32 is\n  help: save the model \
         with the float32 policy; its precision here is set in the configuration of the firmware"
    );
}

/// A layer or model `l<level>` that is called twice on `input`, and the sum of both as `s`.
fn doubled(level: usize, input: &str, sum: &str) -> String {
    let call = format!(r#"[["{input}", 0, 0, {{}}]]"#);
    let calls = format!("[{call}, {call}]");
    let (name, inside) = (format!("l{level}"), format!("x{level}"));
    let both = match level {
        0 => layer(&name, &calls),
        _ => format!(
            r#"{{"class_name": "Functional", "name": "{name}", "config": {{"layers": [
                {{"class_name": "InputLayer",
                  "config": {{"name": "{inside}", "batch_input_shape": [null, 4]}}}}, {}],
                "input_layers": [["{inside}", 0, 0]], "output_layers": [["s{level}", 0, 0]]}},
                "inbound_nodes": {calls}}}"#,
            doubled(level - 1, &inside, &format!("s{level}")),
        ),
    };
    // The calls of a nested model count from 1 in Keras 2.
    let first = usize::from(level > 0);
    let second = first + 1;
    format!(
        r#"{both}, {{"class_name": "Add", "config": {{"name": "{sum}"}}, "inbound_nodes":
            [[["{name}", {first}, 0, {{}}], ["{name}", {second}, 0, {{}}]]]}}"#
    )
}

#[test]
fn models_that_multiply_each_other() {
    let told = functional(&doubled(16, "x", "y"));
    assert_eq!(told, "m.json: model is too large: more than 100000 layers");
}
