//! How both paths are folded: strategies, reuse and parallelization factors change no bit.

use serde_json::{Value, json};

use crate::cosim::{K3, Project, config, tools};
use crate::support::{self, own, text};

#[test]
fn folded_hls_computes_the_same() {
    let Some(_) = tools() else { return };
    let shown = ["--samples", "200", "--engines", "hls"];
    for (strategy, reuse) in
        [("resource", "4"), ("resource_unrolled", "4"), ("distributed_arithmetic", "1")]
    {
        let project = Project::build(&own(K3), &["--strategy", strategy, "--reuse", reuse]);
        assert_eq!(project.json("nn2rtl.json")["hls"]["interval"].to_string(), reuse);
        project.cosim(&shown);
    }
}

/// Convolutions whose positions share multipliers or adders.
#[test]
fn positions_of_convolutions_in_turn_compute_the_same() {
    let Some(_) = tools() else { return };
    let scratch = tempfile::tempdir().unwrap();
    for (strategy, parallel) in [("Latency", 2), ("distributed_arithmetic", 1), ("Resource", 4)] {
        let types = ["Conv1D", "Conv2D", "SeparableConv2D", "DepthwiseConv2D"];
        let types = types.map(|it| (it.to_owned(), json!({ "ParallelizationFactor": parallel })));
        let all = json!({
            "Model": {
                "Precision": { "default": "fixed<8,4>", "accum": "auto" },
                "Strategy": strategy,
            },
            "LayerType": Value::Object(types.into_iter().collect()),
        });
        let file = config(scratch.path(), &all);
        let model = own("tests/models/layers_conv.keras");
        let project = Project::build(&model, &["--config", text(&file)]);
        assert!(project.json("nn2rtl.json")["hls"]["interval"].as_u64().unwrap() > 1);
        project.cosim(&["--samples", "30", "--engines", "hls"]);
    }
}

/// Convolutions stay adder graphs beside the arrays of other layers, in both kinds of ports.
#[test]
fn the_strategy_chooses_the_kernel_of_the_rtl() {
    let Some(_) = tools() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let adds = json!({ "Strategy": "distributed_arithmetic" });
    let all = json!({
        "Model": { "Precision": { "default": "fixed<8,4>", "accum": "auto" }, "ReuseFactor": 4 },
        "LayerType": { "Conv2D": adds, "Conv1D": adds },
    });
    let file = config(scratch.path(), &all);
    let model = own("tests/models/layers_conv.keras");
    for io in ["parallel", "stream"] {
        let options = ["--config", text(&file), "--io", io, "--flow", "rtl"];
        let project = Project::build(&model, &options);
        project.cosim(&["--samples", "4", "--stall", "0.3", "--engines", "rtl"]);
        let rtl = project.json("nn2rtl.json")["rtl"].to_string();
        let arrays = |layer: &str| rtl.contains(&format!("i_{layer}_array"));
        for layer in ["conv2d", "conv2d_1", "conv1d", "separable_conv2d"] {
            assert!(!arrays(layer), "{io}: {layer}");
        }
        for layer in ["depthwise_conv2d", "separable_conv2d_depthwise", "conv1d_transpose"] {
            assert!(arrays(layer), "{io}: {layer}");
        }
    }
}

/// What a strategy and a reuse factor do not do together is said for every layer.
#[test]
fn strategies_without_effect_on_the_rtl_are_told() {
    let warnings = |strategy: &str, reuse: &str| {
        let scratch = tempfile::tempdir().unwrap();
        let (model, dir) = (own(K3), scratch.path().join("project"));
        let options = ["--strategy", strategy, "--reuse", reuse, "--flow", "rtl"];
        let told =
            support::json(0, &[&["build", text(&model), "-o", text(&dir)], &options[..]].concat());
        let warnings = told["warnings"].as_array().unwrap();
        let warnings: Vec<String> =
            warnings.iter().map(|it| it.as_str().unwrap().to_owned()).collect();
        (told["rtl"]["interval"].as_u64().unwrap() > 1, warnings)
    };
    let (folded, told) = warnings("distributed_arithmetic", "4");
    assert!(!folded && told.len() == 3, "{told:?}");
    let end = "ReuseFactor 4 has no effect on the RTL path: distributed_arithmetic keeps the layer an adder graph";
    assert!(told.iter().all(|it| it.ends_with(end)), "{told:?}");
    let (folded, told) = warnings("resource", "1");
    assert!(!folded && told.len() == 3, "{told:?}");
    let end = "Strategy Resource has no effect on the RTL path: with a ReuseFactor of 1 the layer is an adder graph";
    assert!(told.iter().all(|it| it.ends_with(end)), "{told:?}");
    let (folded, told) = warnings("resource", "4");
    assert!(folded && told.is_empty(), "{told:?}");
}

/// A product of two tensors alone shares its multipliers too, or it is told why not.
#[test]
fn products_of_two_tensors_alone_are_folded() {
    let Some(_) = tools() else { return };
    let model = own("tests/models/hls4ml_dot.keras");
    let options = ["--flow", "rtl", "--reuse", "3"];
    let project = Project::build(&model, &options);
    assert!(project.json("nn2rtl.json")["rtl"]["interval"].as_u64().unwrap() > 1);
    project.cosim(&["--samples", "10", "--engines", "rtl", "--stall", "0.3"]);
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("project");
    let lossy = ["build", text(&model), "-o", text(&dir), "--precision", "fixed<8,4>"];
    let told = support::json(0, &[&lossy[..], &options].concat())["warnings"].to_string();
    assert!(told.contains("dot: ReuseFactor has no effect on this layer's RTL"), "{told}");
}
