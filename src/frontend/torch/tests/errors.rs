//! What is refused, and what the user reads then.

use serde_json::json;

use super::*;
use crate::frontend::torch::is_torch;

/// The line that every unreadable file gets.
const EXPORT: &str = "torch.export.save(";

fn archive(members: &[&str]) -> Vec<u8> {
    let members = members.iter().map(|it| ((*it).to_owned(), b"x".to_vec())).collect();
    pack(&members, CompressionMethod::Stored)
}

#[test]
fn other_files_of_pytorch_get_the_line_that_exports() {
    let safetensors = [&[9, 0, 0, 0, 0, 0, 0, 0][..], b"{\"a\":\"b\"}"].concat();
    for (bytes, what) in [
        (archive(&["data.pkl", "data/0", "version"]), "a pickle"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), "a pickle"),
        (b"\x80\x04\x95ctorch._utils\n_rebuild".to_vec(), "a pickle"),
        (archive(&["data.pkl", "constants.pkl", "code/__torch__.py"]), "TorchScript"),
        (archive(&["serialized_exported_program.json", "version"]), "before torch 2.9"),
        (archive(&["archive_format", "models/m.json", "data/weights/m.pt"]), "before torch 2.9"),
        (archive(&["archive_format", "data/aotinductor/m/a.so"]), "AOTInductor"),
        (b"\x10\0\0\0ET12....".to_vec(), "ExecuTorch"),
        (safetensors, "safetensors"),
    ] {
        assert!(is_torch(&bytes), "{what}");
        let refusal = refusal(&bytes);
        assert!(refusal.contains(what) && refusal.contains(EXPORT), "{refusal}");
    }
    for other in [&b""[..], b"PK\x03\x04", b"\x80\x04.", b"{\"class_name\": 1}", b"\x89HDF\r\n"] {
        assert!(!is_torch(other), "{other:?}");
    }
    assert!(!is_torch(&archive(&["config.json", "metadata.json", "model.weights.h5"])));
}

/// Changes a member of the archive of `t_mlp`.
fn with_member(name: &str, content: Option<&[u8]>) -> Vec<u8> {
    let mut members = unpack(&own("t_mlp.pt2"));
    match content {
        Some(content) => drop(members.insert(name.to_owned(), content.to_vec())),
        None => drop(members.remove(name).unwrap()),
    }
    pack(&members, CompressionMethod::Deflated)
}

#[test]
fn archives_are_checked() {
    let weight = "data/weights/weight_0";
    let short = vec![0; 2000];
    let bomb = vec![0; 80 << 20];
    let config = unpack(&own("t_mlp.pt2"))["data/weights/model_weights_config.json"].clone();
    let config = String::from_utf8(config).unwrap();
    let table = |from: &str, to: &str| {
        let text = config.replacen(from, to, 1);
        assert_ne!(text, config);
        with_member("data/weights/model_weights_config.json", Some(text.as_bytes()))
    };
    for (bytes, what) in [
        (with_member("archive_version", Some(b"1")), "archive_version is \"1\""),
        (with_member("byteorder", Some(b"big")), "byteorder is \"big\""),
        (with_member("byteorder", None), "the archive has no byteorder"),
        (with_member("models/other.json", Some(b"{}")), "several models: model, other"),
        (with_member("models/model.json", Some(b"{\"a\": ")), "models/model.json cannot be read"),
        (with_member(weight, None), "stored tensor fc1.weight: the archive has no data/weights"),
        (with_member(weight, Some(&short)), "it needs 2048 bytes of its storage, which has 2000"),
        (with_member(weight, Some(&bomb)), "has more than"),
        (table("\"use_pickle\": false", "\"use_pickle\": true"), "it is pickled"),
        (table("weight_0", "../weight_0"), "is no plain file name"),
        (table("\"layout\": 7", "\"layout\": 1"), "memory layout number 1"),
        (table("\"dtype\": 7", "\"dtype\": 30"), "element type number 30"),
        (table("\"as_int\": 32", "\"as_int\": 31"), "the graph gives it the shape [32, 16]"),
        (
            table("\"fc1.weight\"", "\"other\""),
            "stored tensor fc1.weight: it is not in the archive",
        ),
    ] {
        let refusal = refusal(&bytes);
        assert!(refusal.contains(what), "{what}\n{refusal}");
    }
}

#[test]
fn programs_are_checked() {
    type Edit = fn(&mut Value);
    let edits: [(Edit, &str); 13] = [
        (|it| it["schema_version"]["major"] = json!(9), "schema version 9.20"),
        (
            |it| {
                it["graph_module"]["signature"]["output_specs"][0] =
                    json!({"buffer_mutation": {"arg": {"name": "x"}, "buffer_name": "n"}})
            },
            "the model changes n (buffer_mutation), as models do in training\n  help: call model.eval()",
        ),
        (
            |it| node(it, 5)["inputs"][2]["arg"] = json!({"as_bool": true}),
            "false, as after model.eval()",
        ),
        (
            |it| node(it, 1)["inputs"][5]["arg"] = json!({"as_bool": true}),
            "false, as after model.eval()",
        ),
        (|it| node(it, 0)["inputs"][0]["arg"] = json!({"as_new": 1}), "argument of kind as_new"),
        (|it| node(it, 0)["inputs"][0]["arg"] = json!({"as_graph": 1}), "control flow"),
        (
            |it| node(it, 0)["inputs"][0]["name"] = json!("other"),
            "aten.linear.default has no argument other",
        ),
        (
            |it| drop(node(it, 0)["inputs"].as_array_mut().unwrap().remove(0)),
            "argument input of aten.linear.default is missing",
        ),
        (
            |it| node(it, 0)["inputs"][0]["arg"]["as_tensor"]["name"] = json!("nobody"),
            "tensor nobody is read before",
        ),
        (
            |it| node(it, 2)["outputs"][0]["as_tensor"]["name"] = json!("linear"),
            "linear is defined more than once",
        ),
        (
            |it| node(it, 7)["inputs"][1]["arg"] = json!({"as_int": 0}),
            "softmax works across the samples",
        ),
        (
            |it| {
                let x = &mut it["graph_module"]["graph"]["tensor_values"]["x"]["sizes"];
                x[1] = json!({"as_expr": {"expr_str": "Symbol('s12')", "hint": null}});
            },
            "only the batch (axis 0) may be dynamic, but so is axis 1 (s12)\n  help: make only the batch dynamic",
        ),
        (
            |it| it["graph_module"]["graph"]["tensor_values"]["linear"]["dtype"] = json!(6),
            "computes in half precision",
        ),
    ];
    for (edit, what) in edits {
        let refusal = refusal(&edited("t_mlp.pt2", edit));
        assert!(refusal.contains(what), "{what}\n{refusal}");
    }
}

/// A node of the program.
fn node(program: &mut Value, index: usize) -> &mut Value {
    &mut program["graph_module"]["graph"]["nodes"][index]
}

/// All that is wrong is said at once.
#[test]
fn problems_are_collected() {
    let refusal = refusal(&edited("t_mlp.pt2", |it| {
        node(it, 0)["inputs"][0]["name"] = json!("one");
        node(it, 4)["inputs"][0]["name"] = json!("two");
    }));
    assert!(
        refusal.contains("no argument one") && refusal.contains("no argument two"),
        "{refusal}"
    );
}
